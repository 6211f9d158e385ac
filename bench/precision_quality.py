#!/usr/bin/env python3
"""What bf16 and int8 cost in quality: the same texts scored, or embedded, in each precision.

    python bench/precision_quality.py build/release/kindred score MODEL TEXTS.jsonl
    python bench/precision_quality.py build/release/kindred embed MODEL TEXTS.jsonl

TEXTS has one JSON string a line. `score` prints the mean loss a token and the perplexity, and the largest change
of one text's loss; `embed` the lowest and the mean cosine to the fp32 vector of the same text.
"""
import json
import math
import subprocess
import sys


def answers(program, task, model, texts, precision):
    command = [program, "lm", task, "--model", model, "--text-file", texts, "--json", "--precision", precision]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def main():
    program, task, model, texts = sys.argv[1:5]
    exact = None
    for precision in ["fp32", "bf16", "int8"]:
        found = answers(program, task, model, texts, precision)
        if task == "score":
            logs = [value for one in found for value in one["logprobs"] if value is not None]
            mean = -sum(logs) / len(logs)
            losses = [one["loss"] for one in found]
            exact = losses if exact is None else exact
            change = max(abs(a - b) for a, b in zip(losses, exact) if a is not None)
            print(f"{precision}: loss {mean:.4f} a token, perplexity {math.exp(mean):.2f}, "
                  f"largest change of a text's loss {change:.4f}")
        else:
            vectors = [one["embedding"] for one in found]
            exact = vectors if exact is None else exact
            cosines = [cosine(a, b) for a, b in zip(vectors, exact)]
            print(f"{precision}: cosine to fp32 at least {min(cosines):.5f}, mean {sum(cosines) / len(cosines):.5f}")


if __name__ == "__main__":
    main()
