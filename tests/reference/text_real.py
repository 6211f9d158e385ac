"""Fixture of tests/text/tokenizer_real_test.cpp: digests of the real tokenizers' ids and texts.

The reference is the `tokenizers` package through `transformers` 5 and, for SentencePiece's own files,
`sentencepiece` 0.2.3. Run from the repository's root, where ../shared holds the tokenizers, the reviews and the
titles:

    .venv/bin/python tests/reference/text_real.py
"""

import gzip
import json
import os
import pathlib
import re
import shutil
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import sentencepiece  # noqa: E402
from text_lines import RANGES, WORDS, Generator  # noqa: E402
from text_tokenizer import ROOT, SEED, digest, row, write  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

SHARED = ROOT.parent / "shared"
LINES, CHUNK = 20000, 1000

SOURCES = {"bert": ["vocab.txt"], "llama": ["tokenizer.model"], "t5": ["spiece.model"]}
# others: vocab.json, merges.txt
FOLDERS = {
    "llama": {"tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer"}},
    "t5": {"tokenizer_config.json": {"tokenizer_class": "T5Tokenizer"}},
    "bert": {"tokenizer_config.json": {"tokenizer_class": "BertTokenizer"}},
    "gpt2": {"config.json": {"model_type": "gpt2"}},
    "opt": {
        "config.json": {"model_type": "opt"},
        "tokenizer_config.json": {
            "tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "add_prefix_space": False,
            "bos_token": {"__type": "AddedToken", "content": "</s>", "lstrip": False, "normalized": True,
                          "rstrip": False, "single_word": False},
            "eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>",
        },
    },
    "qwen": {
        "config.json": {"model_type": "qwen2"},
        "tokenizer_config.json": {
            "tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
            "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
            "added_tokens_decoder": {
                str(151643 + i): {"content": t, "lstrip": False, "normalized": False, "rstrip": False,
                                  "single_word": False, "special": True}
                for i, t in enumerate(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
            },
        },
    },
}  # fmt: skip


class SlowTokenizer:
    """Ids of a SentencePiece model as the slow tokenizers of transformers 4 give them: special tokens are cut
    out first, each stretch between them goes through sentencepiece on its own. One thing is later
    transformers': T5's end token is added to a text that ends with one too. Decoding is transformers 5's."""

    def __init__(self, name, path, later):
        self.model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        self.ids = {"<s>": 1, "</s>": 2, "<unk>": 0} if name == "llama" else {"<pad>": 0, "</s>": 1, "<unk>": 2}
        self.before, self.after = ([1], []) if name == "llama" else ([], [1])
        if name == "t5":
            self.ids |= {f"<extra_id_{i}>": self.model.get_piece_size() + 99 - i for i in range(100)}
        cut = [rf"\s*{token}\s*" if "extra" in token else re.escape(token) for token in self.ids]
        self.special = re.compile(f"({'|'.join(cut)})")
        self.later = later
        self.decode = later.decode
        for role in ("bos", "eos", "pad", "unk"):
            setattr(self, f"{role}_token_id", getattr(later, f"{role}_token_id"))

    def __len__(self):
        return len(self.later)

    def __call__(self, text):
        self.input_ids = list(self.before)
        for i, part in enumerate(self.special.split(text)):
            self.input_ids += [self.ids[part.strip()]] if i % 2 else self.model.encode(part)
        self.input_ids += self.after
        return self


def real_tokenizer(name):
    with tempfile.TemporaryDirectory() as folder:
        for file in SOURCES.get(name, ["vocab.json", "merges.txt"]):
            shutil.copy(SHARED / "tokenizers" / name / file, folder)
        for file, content in FOLDERS[name].items():
            pathlib.Path(folder, file).write_text(json.dumps(content))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        source = SOURCES.get(name, [""])[0]
        return SlowTokenizer(name, pathlib.Path(folder, source), tokenizer) if "model" in source else tokenizer


def chunked(tokenizer, lines, what):
    digests = []
    for i in range(0, len(lines), CHUNK):
        digests.append(digest("".join(what(tokenizer, line) for line in lines[i : i + CHUNK]), 16))
    return digests


def ids_row(tokenizer, line):
    return row(tokenizer(line).input_ids)


def decoded_row(tokenizer, ids):
    return tokenizer.decode(ids, skip_special_tokens=False) + "\n"


def random_ids(generator, size):
    return [generator.below(size) for _ in range(generator.below(40))]


def titles():
    """The titles of both catalogues, in the files' order."""
    found = []
    for file in ("amazon-beauty/beauty.item", "ml-1m-collm/items.item"):
        rows = (SHARED / "data" / file).read_text().rstrip("\n").split("\n")
        column = [name.split(":")[0] for name in rows[0].split("\t")].index("title")
        found += [row.split("\t")[column] for row in rows[1:]]
    return found


def write_real():
    generator = Generator(SEED)
    lines = [generator.line() for _ in range(LINES)]
    path = SHARED / "data/amazon-musical-instruments/reviews_Musical_Instruments_5.json.gz"
    with gzip.open(path, "rt") as file:
        reviews = [json.loads(line)["reviewText"] for line in file]
    catalogue = titles()
    result = {
        "lines": LINES, "chunk": CHUNK, "seed": SEED, "words": WORDS, "ranges": RANGES,
        "lines_digest": digest("\n".join(lines), 64), "tokenizers": {},
    }  # fmt: skip
    for name, files in FOLDERS.items():
        tokenizer = real_tokenizer(name)
        generator = Generator(SEED + 1)
        ids = [random_ids(generator, len(tokenizer)) for _ in range(2000)]
        specials = [tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id]
        result["tokenizers"][name] = {
            "sources": SOURCES.get(name, ["vocab.json", "merges.txt"]),
            "lossless": "merges.txt" in SOURCES.get(name, ["merges.txt"]),
            "files": files,
            "size": len(tokenizer),
            "specials": specials,
            "random": chunked(tokenizer, lines, ids_row),
            "reviews": chunked(tokenizer, reviews, ids_row),
            "titles": chunked(tokenizer, catalogue, ids_row),
            "decoded": chunked(tokenizer, ids, decoded_row),
        }
    write("real.json", result)


if __name__ == "__main__":
    write_real()
