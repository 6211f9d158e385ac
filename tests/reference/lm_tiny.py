#!/usr/bin/env python3
"""Checks that `transformers` loads models/tiny (or the folder given) and prints its loss on a sentence.

    python tests/reference/lm_tiny.py [FOLDER]
"""
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
folder = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "models" / "tiny")
tokenizer = AutoTokenizer.from_pretrained(folder)
model, report = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32,
                                                     output_loading_info=True)
for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
    assert not report[kind], (kind, report[kind])
ids = tokenizer("The function returns a list of strings.", return_tensors="pt")["input_ids"]
with torch.no_grad():
    print("tokens", ids.shape[1], "loss", model.eval()(ids, labels=ids).loss.item())
assert len(tokenizer(" Yes")["input_ids"]) == 1 and len(tokenizer(" No")["input_ids"]) == 1
