#!/usr/bin/env python3
"""Writes tests/fixtures/metrics: small dumps of each kind and the values that metrics_from_dump.py finds."""
import json
import pathlib
import random
import struct

import metrics_from_dump as reference

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "metrics"
CATALOGUE = 60
# Answers of some users whose quotation marks matter.
QUOTED = {4: lambda title: f'My answer: "{title.upper()}" 2', 5: lambda title: f'"{title}', 6: lambda title: f'{title} "or" so'}


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def ranking_lines(rng):
    items = [f"item{i}" for i in range(CATALOGUE)]
    yield "\t".join(reference.RANKINGS)
    for user in range(40):
        ranked = rng.sample(items, 5 if user == 7 else 20)  # one list ends early
        scores = sorted((float32(rng.choice([rng.gauss(0, 1), 0.5])) for _ in ranked), reverse=True)
        relevant = rng.sample(items, rng.choice([1, 1, 2, 5, 30]))
        if user == 11:
            relevant = []
        yield "\t".join([f"u{user}", " ".join(ranked), " ".join(f"{s:.9g}" for s in scores), " ".join(relevant)])


def pointwise_lines(rng):
    yield "\t".join(reference.POINTWISE)
    for user in range(50):
        for row in range(rng.choice([1, 2, 3, 8])):
            score = float32(rng.choice([rng.random(), 0.25, 0.75]))
            label = int(rng.random() < 0.3 + 0.4 * score)
            yield f"u{user}\titem{rng.randrange(CATALOGUE)}\t{label}\t{score:.9g}"


def generated_lines(rng):
    titles = ["The Matrix", "Heat", "Am\u00e9lie", "Se7en", "Up"]
    yield "\t".join(reference.GENERATED)
    for user in range(20):
        chosen = rng.sample(titles, rng.choice([1, 1, 2]))
        answer = rng.choice([chosen[0], f'"{chosen[0]}"', f"I would watch {chosen[0]} next", rng.choice(titles), ""])
        answer = QUOTED.get(user, lambda title: answer)(chosen[0])
        if user == 3:
            chosen = [""]
        for title in chosen:
            yield f"u{user}\t{answer}\t{title}"


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    rng = random.Random(20)
    cutoffs = [1, 3, 10, 20]
    ranking_names = ["recall", "truncated-recall", "hit", "ndcg", "mrr", "map", "precision", "coverage"]
    wanted = {"rankings": [f"{name}@{k}" for name in ranking_names for k in cutoffs] + ["recall@21", "auc"],
              "pointwise": ["auc", "uauc", "gauc", "ndcg", "logloss", "brier", "ece@10", "ece@3", "recall@20"],
              "generated": ["exact@1", "title-contains@1"]}
    lines = {"rankings": ranking_lines, "pointwise": pointwise_lines, "generated": generated_lines}
    expected = {"catalogue": CATALOGUE}
    for kind, make in lines.items():
        path = FOLDER / f"{kind}.tsv"
        path.write_text("\n".join(make(rng)) + "\n", encoding="utf-8")
        expected[kind] = reference.as_json(reference.compute(path, wanted[kind], CATALOGUE))
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
