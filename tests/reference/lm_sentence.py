#!/usr/bin/env python3
"""Writes tests/fixtures/lm_sentence/: tiny folders of sentence-transformers, texts, and the vectors that
`kindred lm embed --json` must give, computed by `sentence-transformers`.

    python tests/reference/lm_sentence.py

Read by tests/lm/sentence_test.cpp. With folders it only checks them: `lm_sentence.py --check FOLDER
VECTORS` compares what `sentence-transformers` makes of the texts with a file of vectors.
"""
import json
import pathlib
import shutil
import sys

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import ByteLevelBPETokenizer
from tokenizers.processors import RobertaProcessing
from transformers import AutoModel, RobertaConfig, RobertaModel, RobertaTokenizer

OUT = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "lm_sentence"
SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
CORPUS = ["A guitar string for the acoustic guitar.", "The pick is thin and the strings are new.",
          "It's a naive guitar, the leading string of the two lines."] * 20
TEXTS = ["A guitar string for the acoustic guitar and its strings, all of them new.", "", "strings",
         "ÜNÏCODE — Naïve İ", "THE the The", "a", " leading space", "two\nlines", "pick " * 30]


def dump(name, rows):
    (OUT / name).write_text("".join(json.dumps(r, ensure_ascii=True) + "\n" for r in rows))


def make_model(folder):
    folder.mkdir(parents=True)
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(CORPUS, vocab_size=290, min_frequency=2, special_tokens=SPECIALS)
    bpe._tokenizer.post_processor = RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True,
                                                      add_prefix_space=False)
    bpe.save_model(str(folder))
    tokenizer = RobertaTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"),
                                 model_max_length=24)
    (folder / "vocab.json").unlink()
    (folder / "merges.txt").unlink()
    # Length and padding as MiniLM's tokenizer.json has them; what counts is elsewhere.
    tokenizer.backend_tokenizer.enable_truncation(5)
    tokenizer.backend_tokenizer.enable_padding(length=5, pad_id=1, pad_token="<pad>")
    tokenizer.save_pretrained(folder)
    model = RobertaModel(RobertaConfig(vocab_size=300, hidden_size=12, num_hidden_layers=2,
                                       num_attention_heads=2, intermediate_size=20,
                                       max_position_embeddings=42, type_vocab_size=1)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_((1 if "LayerNorm.weight" in name else 0) + 0.3 * torch.randn_like(weight))
    model.save_pretrained(folder)


def embed(model):
    # One text at a time, without progress bars.
    return [{"embedding": model.encode(text, show_progress_bar=False).tolist()} for text in TEXTS]


def tidy(folder):
    for name in ("README.md", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)
    for file in folder.rglob("*"):
        if file.is_file():
            file.chmod(0o644)


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    torch.manual_seed(31)
    plain = OUT / "plain"
    make_model(plain)
    dump("texts.jsonl", TEXTS)
    tokenizer, model = Transformer(str(plain)).tokenizer, AutoModel.from_pretrained(plain)
    rows = []
    for text in TEXTS:
        ids = torch.tensor([tokenizer(text, truncation=False, padding=False)["input_ids"]])
        with torch.no_grad():
            # The text beyond the positions cannot be computed: 65.
            rows.append(None if ids.shape[1] > 40 else {
                "embedding": model(ids).last_hidden_state[0].mean(0).tolist()})
    dump("plain.jsonl", rows)

    # As folders of before 2025 are: booleans for the pooling, the length in sentence_bert_config.json.
    old = OUT / "old"
    shutil.copytree(plain, old)
    kinds = "sentence_transformers.models."
    modules = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
    (old / "modules.json").write_text(json.dumps(
        [dict(idx=i, name=str(i), path=path, type=kinds + name) for i, (name, path) in enumerate(modules)]))
    (old / "sentence_bert_config.json").write_text(json.dumps(dict(max_seq_length=9, do_lower_case=True)))
    (old / "1_Pooling").mkdir()
    (old / "1_Pooling" / "config.json").write_text(json.dumps(
        dict(word_embedding_dimension=12, pooling_mode_cls_token=False, pooling_mode_mean_tokens=True)))
    dump("old.jsonl", embed(SentenceTransformer(str(old), device="cpu")))

    # As the library writes them now: several poolings, dense layers, a prompt.
    transformer = Transformer(str(plain))
    layers = [transformer, Pooling(12, ("weightedmean", "cls", "max")), Dense(36, 10),
              Dense(10, 7, bias=False, activation_function=torch.nn.Identity()), Normalize()]
    new = SentenceTransformer(modules=layers, device="cpu", prompts={"item": "the pick: "},
                              default_prompt_name="item")
    new.save(str(OUT / "new"))
    dump("new.jsonl", embed(SentenceTransformer(str(OUT / "new"), device="cpu")))
    for name in ("plain", "old", "new"):
        tidy(OUT / name)
    print("bytes:", sum(f.stat().st_size for f in OUT.rglob("*") if f.is_file()))


def check(folder, vectors):
    model = SentenceTransformer(folder, device="cpu")
    got = [json.loads(line)["embedding"] for line in open(vectors)]
    want = [row["embedding"] for row in embed(model)]
    worst = (torch.tensor(got) - torch.tensor(want)).abs().max().item()
    print(f"largest difference {worst:.2e}")
    assert worst < 1e-4


if __name__ == "__main__":
    check(*sys.argv[2:]) if sys.argv[1:2] == ["--check"] else main()
