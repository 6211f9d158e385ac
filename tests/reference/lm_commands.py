#!/usr/bin/env python3
"""Writes tests/fixtures/lm_commands/: a tiny GPT-2 folder with a tokenizer, texts, and the answers that
`kindred lm tokenize|score|generate --json` must give, computed by `transformers`.

    python tests/reference/lm_commands.py

Read by tests/lm/commands_test.cpp.
"""
import json
import pathlib
import shutil

import torch
from fixtures import finish
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

OUT = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "lm_commands"
END = "<|endoftext|>"
TEXTS = ["A guitar string for the acoustic guitar.", "", "strings", "It's   a <|endoftext|> pick",
         "Ünïcode — naïve", "the the the the", "a", " leading space", "two\nlines"]
CORPUS = ["A guitar string for the acoustic guitar.", "The pick is thin and the strings are new.",
          "It's a naive guitar, the leading string of the two lines."] * 20
NEW_TOKENS = 6


def dump(name, rows):
    (OUT / name).write_text("".join(json.dumps(r, ensure_ascii=True) + "\n" for r in rows))


def score(model, ids):
    if not ids:
        return {"tokens": [], "logprobs": [], "loss": None}
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0]
    logprobs = torch.log_softmax(logits[:-1], -1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    loss = None if len(ids) == 1 else -logprobs.double().mean().item()
    return {"tokens": ids, "logprobs": [None] + logprobs.tolist(), "loss": loss}


def generate(model, tokenizer, ids, ends):
    ids = ids or [model.config.bos_token_id]
    out = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                         do_sample=False, max_new_tokens=NEW_TOKENS, eos_token_id=ends, pad_token_id=0)
    new = out[0, len(ids):].tolist()
    shown = new[:-1] if new and new[-1] in ends else new
    return {"tokens": new, "text": tokenizer.decode(shown, clean_up_tokenization_spaces=False)}


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    folder = OUT / "model"
    folder.mkdir(parents=True)
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(CORPUS, vocab_size=300, min_frequency=2, special_tokens=[END])
    bpe.save(str(folder / "tokenizer.json"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), eos_token=END,
                                        bos_token=END)
    torch.manual_seed(5)
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=24, n_embd=12, n_layer=2, n_head=2,
                        bos_token_id=0, eos_token_id=0)
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if ".ln_" not in name:
                weight.normal_(0, 0.4)
    model.save_pretrained(folder)
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"bos_token": END, "eos_token": END, "tokenizer_class": "GPT2TokenizerFast"}) + "\n")
    dump("texts.jsonl", TEXTS)
    encoded = [tokenizer(t)["input_ids"] for t in TEXTS]
    dump("tokenize.jsonl", [{"tokens": ids, "pieces": tokenizer.convert_ids_to_tokens(ids)}
                            for ids in encoded])
    dump("score.jsonl", [score(model, ids) for ids in encoded])
    plain = [tokenizer(t, add_special_tokens=False, split_special_tokens=True)["input_ids"]
             for t in TEXTS]
    dump("score_no_specials.jsonl", [score(model, ids) for ids in plain])
    free = [generate(model, tokenizer, ids, [0]) for ids in encoded]
    ends = sorted({0, free[0]["tokens"][2], free[5]["tokens"][1]})
    (folder / "generation_config.json").write_text(
        json.dumps({"eos_token_id": ends, "do_sample": True, "top_k": 3}) + "\n")
    dump("generate.jsonl", [generate(model, tokenizer, ids, ends) for ids in encoded])
    finish(OUT)


if __name__ == "__main__":
    main()
