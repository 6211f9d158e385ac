#!/usr/bin/env python3
"""Sentences a second of sentence-transformers on the texts that bench/lm_encoder.cpp reads.

    python bench/lm_encoder_twin.py --model DIR --text-file F [--precision fp32|bf16] [--threads N]
                                    [--batch 32] [--repeats N]

F has a JSON string a line. Its own `encode`: sorted by length, padded by batch. Loading is excluded.
"""
import argparse
import json
import time

import torch
from sentence_transformers import SentenceTransformer

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--text-file", required=True)
parser.add_argument("--precision", default="fp32")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--repeats", type=int, default=1)
typed = parser.parse_args()

torch.set_num_threads(typed.threads)
dtype = torch.bfloat16 if typed.precision == "bf16" else torch.float32
model = SentenceTransformer(typed.model, device="cpu", model_kwargs={"dtype": dtype})
texts = [json.loads(line) for line in open(typed.text_file)]
model.encode(texts[:64], batch_size=typed.batch, show_progress_bar=False)
for _ in range(typed.repeats):
    began, began_cpu = time.perf_counter(), time.process_time()
    model.encode(texts, batch_size=typed.batch, show_progress_bar=False)
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    print(f"{typed.precision}, {typed.threads} threads, batch {typed.batch}: {len(texts)} texts, "
          f"{seconds:.2f} s: {len(texts) / seconds:.0f} texts/s; {cpu:.2f} s of processors", flush=True)
