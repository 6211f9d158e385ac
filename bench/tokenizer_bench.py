"""The tokenizer beside the reference `tokenizers` package, one thread each, in one run.

    .venv/bin/python bench/tokenizer_bench.py build/release/bench/tokenizer_bench FOLDER TEXT_FILE [VOCABULARY]

FOLDER holds vocab.json + merges.txt of GPT-2's kind; each line of TEXT_FILE is one text. Excluded: reading the
text. The reference is timed twice: a call a text, and one `encode_batch_fast` over all texts.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # noqa: E402


def best_of(rounds, work):
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def main(program, folder, text_file, vocabulary=None):
    own = json.loads(subprocess.check_output([program, folder, text_file] + ([vocabulary] if vocabulary else [])))
    text = pathlib.Path(text_file).read_bytes()
    lines = text.decode(errors="replace").split("\n")
    tokenizer = Tokenizer(models.BPE.from_file(f"{folder}/vocab.json", f"{folder}/merges.txt"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    megabytes = len(text) / 1e6
    tokens = sum(len(tokenizer.encode(line).ids) for line in lines)
    each = best_of(3, lambda: [tokenizer.encode(line) for line in lines])
    batch = best_of(3, lambda: tokenizer.encode_batch_fast(lines))
    rows = [
        ("encode, a call a text (MB/s)", own["encode_mb_s"], megabytes / each),
        ("encode, best way (MB/s)", own["encode_mb_s"], megabytes / batch),
        ("one word of 1 MB (s)", own["word_1mb_s"], best_of(1, lambda: tokenizer.encode("a" * 2**20))),
    ]
    if vocabulary:
        trainer = trainers.BpeTrainer(
            vocab_size=int(vocabulary), min_frequency=2, special_tokens=["<|endoftext|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)  # fmt: skip
        fresh = Tokenizer(models.BPE())
        fresh.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        rows.append((f"train {vocabulary} tokens (s)", own["train_s"],
                     best_of(1, lambda: fresh.train_from_iterator(lines, trainer))))  # fmt: skip
    print(f"{megabytes:.1f} MB, {len(lines)} texts, {tokens} tokens; Kindred has {own['tokens']}")
    print(f"{'':32}{'Kindred':>10}{'reference':>12}")
    for name, mine, reference in rows:
        print(f"{name:32}{mine:10.2f}{reference:12.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
