#!/usr/bin/env python3
"""Reads prepared folders as RecBole does, and compares with what was written.

RecBole's Dataset._load_feat calls pandas.read_csv with the arguments used here (delimiter, usecols,
dtype by the header's types, encoding, engine="python").

  data_recbole_read.py            reads tests/fixtures/data_recbole and writes pandas.json there, which
                                  tests/data/recbole_read_test.cpp compares with the C++ reader
  data_recbole_read.py FOLDER...  checks prepared folders: every file is read whole, no id is lost, and
                                  the split's fingerprint, computed here from pandas' rows, is the one
                                  in dataset.json

Needs pandas (any version; a temporary environment will do).
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "data_recbole"
PARTS = ("train", "valid", "test")


def read_atomic(path):
    with open(path, encoding="utf-8") as file:
        head = file.readline()[:-1]
    columns, dtype = [], {}
    for field in head.split("\t"):
        name, kind = field.split(":")
        columns.append(name)
        dtype[field] = np.float64 if kind == "float" else str
    frame = pd.read_csv(path, delimiter="\t", usecols=list(dtype), dtype=dtype, encoding="utf-8",
                        engine="python")
    frame.columns = columns
    return frame


def mix(x):
    x ^= x >> np.uint64(32)
    x *= np.uint64(0xD6E8FEB86659FD93)
    x ^= x >> np.uint64(32)
    x *= np.uint64(0xD6E8FEB86659FD93)
    return x ^ (x >> np.uint64(32))


def hashes(tokens):
    known = {}
    for token in tokens:
        if token not in known:
            digest = hashlib.sha256(token.encode()).digest()
            known[token] = int.from_bytes(digest[:8], "little")
    return np.array([known[token] for token in tokens], dtype=np.uint64)


def split_fingerprint(frames):
    """As src/data/split_fingerprint.cpp: sums of row hashes of each part."""
    text = "kindred split 1"
    with np.errstate(over="ignore"):
        for part in PARTS:
            frame = frames[part]
            users, items = hashes(frame["user_id"]), hashes(frame["item_id"])
            labels = np.zeros(len(frame), dtype=np.uint64)
            if "label" in frame:
                bits = frame["label"].to_numpy(np.float32).view(np.uint32).astype(np.uint64)
                labels = np.where(frame["label"].to_numpy() == 0, np.uint64(0), bits)
            first = mix(mix(users + np.uint64(0x9E3779B97F4A7C15)) ^ (items + labels))
            second = mix(mix(items + np.uint64(0xC2B2AE3D27D4EB4F)) ^ (users + (labels << np.uint64(32))))
            for value in (len(frame), int(first.sum(dtype=np.uint64)), int(second.sum(dtype=np.uint64))):
                text += f"\n{value}"
    return hashlib.sha256(text.encode()).hexdigest()


def check(folder):
    info = json.loads((folder / "dataset.json").read_text())
    name = info["name"]
    frames = {part: read_atomic(folder / f"{name}.{part}.inter") for part in PARTS}
    for part, frame in frames.items():
        wanted = info["counts"][part]["interactions"]
        assert len(frame) == wanted, f"{part}: pandas reads {len(frame)} rows, dataset.json says {wanted}"
        assert not frame[["user_id", "item_id"]].isnull().any().any(), f"{part}: an id was lost"
    items, users = read_atomic(folder / f"{name}.item"), read_atomic(folder / f"{name}.user")
    assert len(items) == info["counts"]["items"] and len(users) == info["counts"]["users"]
    found = split_fingerprint(frames)
    assert found == info["fingerprint"], f"fingerprint {found}, dataset.json has {info['fingerprint']}"
    rows = " / ".join(str(len(frames[part])) for part in PARTS)
    print(f"{folder}: pandas reads the same {rows} rows, {len(items)} items, {len(users)} users")


def write_fixture():
    result = {}
    for path in sorted(FIXTURES.glob("awkward.*")):
        frame = read_atomic(path)
        result[path.name] = {
            column: [None if pd.isnull(value) else value for value in frame[column]]
            for column in frame.columns
        }
    result["fingerprint"] = split_fingerprint(
        {part: read_atomic(FIXTURES / f"awkward.{part}.inter") for part in PARTS})
    out = FIXTURES / "pandas.json"
    out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"{out}: written with pandas {pd.__version__}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        for argument in sys.argv[1:]:
            check(Path(argument))
    else:
        write_fixture()
