"""The reference trainer's merges on a small text, and a check of folders that Kindred's trainer wrote.

Without arguments: writes tests/fixtures/text/trained.json (the reference's merges; the text is the
licence of this repository and generated lines). With a folder written by `TrainedBpe::save`, a text
file and Kindred's ids of its lines (a row of ids a line): checks that `transformers.AutoTokenizer`
loads the folder and gives the same ids, with the fast file and with vocab.json + merges.txt alone:

    .venv/bin/python tests/reference/text_trained_bpe.py
    .venv/bin/python tests/reference/text_trained_bpe.py FOLDER LINES IDS
"""

import json
import os
import pathlib
import sys
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

from text_lines import Generator  # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/fixtures/text/trained.json"
SPECIALS = ["<|endoftext|>", "<pad>"]
CASES = [
    {"name": "licence", "vocab_size": 1500, "min_frequency": 2, "lines": 0},
    {"name": "rare pairs too", "vocab_size": 3000, "min_frequency": 1, "lines": 0},
    {"name": "random Unicode", "vocab_size": 2000, "min_frequency": 2, "lines": 2000},
    {"name": "prefix space", "vocab_size": 1000, "min_frequency": 5, "lines": 500, "space": True},
]


def texts(case):
    """The text of a case; special strings are taken out, as Kindred's trainer does."""
    if not case["lines"]:
        return (ROOT / "LICENSE").read_text().split("\n")
    generator = Generator(7)
    lines = [generator.line() for _ in range(case["lines"])]
    return [part for line in lines for part in cut(line)]


def cut(line):
    for special in SPECIALS:
        line = line.replace(special, "\ue000\ue001")
    return [part for part in line.split("\ue000\ue001") if part]


def train(case):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=case.get("space", False))
    trainer = trainers.BpeTrainer(
        vocab_size=case["vocab_size"],
        min_frequency=case["min_frequency"],
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(case), trainer)
    return json.loads(tokenizer.to_str())["model"]


def write():
    import hashlib

    result = []
    for case in CASES:
        model = train(case)
        tokens = sorted(model["vocab"], key=model["vocab"].get)
        merges = [f"{a} {b}" for a, b in model["merges"]]
        digests = [
            hashlib.sha256("\n".join(merges[i : i + 100]).encode()).hexdigest()[:16]
            for i in range(0, len(merges), 100)
        ]
        result.append(
            {**case, "size": len(tokens), "merges": digests, "first": merges[:40],
             "tokens": hashlib.sha256("\n".join(tokens).encode()).hexdigest()}
        )  # fmt: skip
    OUT.write_text(json.dumps(result, indent=1) + "\n")


def check(folder, lines_path, ids_path):
    from transformers import AutoTokenizer, GPT2Tokenizer

    lines = open(lines_path, encoding="utf-8", newline="").read().split("\n")[:-1]
    expected = [list(map(int, row.split())) for row in pathlib.Path(ids_path).read_text().split("\n")[:-1]]
    assert len(lines) == len(expected), (len(lines), len(expected))
    config = json.loads(pathlib.Path(folder, "tokenizer_config.json").read_text())
    with tempfile.TemporaryDirectory() as bare:
        for name in ("vocab.json", "merges.txt"):
            pathlib.Path(bare, name).symlink_to(pathlib.Path(folder, name).resolve())
        roles = {k: v for k, v in config.items() if k.endswith("_token")}
        loaded = {
            "AutoTokenizer": AutoTokenizer.from_pretrained(folder),
            "vocab.json + merges.txt": GPT2Tokenizer.from_pretrained(
                bare, add_prefix_space=config["add_prefix_space"], **roles),
        }  # fmt: skip
    for name, tokenizer in loaded.items():
        wrong = sum(tokenizer(line).input_ids != ids for line, ids in zip(lines, expected))
        unlike = sum(tokenizer.decode(ids) != line for line, ids in zip(lines, expected))
        print(f"{name} ({type(tokenizer).__name__}): {len(lines)} lines, {wrong} with other ids, "
              f"{unlike} decoded to another text; special tokens {tokenizer.special_tokens_map}")  # fmt: skip
        assert wrong == 0 and unlike == 0
        for role, token in roles.items():
            assert getattr(tokenizer, role) == token, role


if __name__ == "__main__":
    check(*sys.argv[1:]) if len(sys.argv) > 1 else write()
