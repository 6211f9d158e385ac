#!/usr/bin/env python3
"""Recomputes metrics from a dump of `kindred evaluate --dump`, apart from Kindred's own code.

    metrics_from_dump.py DUMP --metrics recall@20 ndcg@100          prints the values as JSON
    metrics_from_dump.py DUMP --metrics-json metrics.json           compares with a metrics.json: a line a
                                                                    metric, exit status 1 on a difference

The kind of dump (rankings and candidates, pointwise, generated) is read off its header. log-loss, brier and
ece are of scores that are probabilities: where metrics.json says null, they were none. Only Python's own
library is used. Metrics with a cut-off beyond the longest list cannot be computed, unless --whole-lists says
that lists end because nothing was left to rank. Coverage needs the size of the catalogue (--catalogue).
"""
import argparse
import json
import math
import sys
from collections import defaultdict

RANKINGS = ["user:token", "ranked:token_seq", "scores:float_seq", "relevant:token_seq"]
POINTWISE = ["user:token", "item:token", "label:float", "score:float"]
GENERATED = ["user:token", "answer:token_seq", "relevant:token_seq"]


def mean(values):
    values = [v for v in values if not math.isnan(v)]
    return math.fsum(values) / len(values) if values else math.nan


# ---- rankings -------------------------------------------------------------------------------------------

def ranking_value(name, k, ranked, relevant):
    """One user's value; `relevant` is a set."""
    if not relevant:
        return math.nan
    top = ranked[:k]
    hits = [item in relevant for item in top]
    if name == "recall":
        return sum(hits) / len(relevant)
    if name == "truncated-recall":
        return sum(hits) / min(k, len(relevant))
    if name == "hit":
        return float(any(hits))
    if name == "precision":
        return sum(hits) / k
    if name == "mrr":
        return next((1 / rank for rank, hit in enumerate(hits, 1) if hit), 0.0)
    if name == "map":
        found, total = 0, 0.0
        for rank, hit in enumerate(hits, 1):
            if hit:
                found += 1
                total += found / rank
        return total / min(k, len(relevant))
    if name == "ndcg":
        gain = sum(1 / math.log2(rank + 1) for rank, hit in enumerate(hits, 1) if hit)
        ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(relevant)) + 1))
        return gain / ideal
    return math.nan


def ranking_metrics(rows, wanted, catalogue, whole_lists):
    users = []
    for row in rows:
        users.append(([t for t in row[1].split(" ") if t], {t for t in row[3].split(" ") if t}))
    depth = max((len(ranked) for ranked, _ in users), default=0)
    values = {}
    for metric in wanted:
        name, _, cutoff = metric.partition("@")
        if not cutoff or (int(cutoff) > depth and not whole_lists):
            values[metric] = None
            continue
        k = int(cutoff)
        if name == "coverage":
            seen = {item for ranked, _ in users for item in ranked[:k]}
            values[metric] = len(seen) / catalogue if catalogue else None
        else:
            values[metric] = mean(ranking_value(name, k, *user) for user in users)
    return values


# ---- pointwise ------------------------------------------------------------------------------------------

def tied_groups(rows):
    """Rows (label, score) in groups of equal scores, best first; NaN scores come last, tied."""
    by_score = defaultdict(list)
    for label, score in rows:
        by_score[None if math.isnan(score) else score].append(label)
    last = by_score.pop(None, None)
    groups = [by_score[score] for score in sorted(by_score, reverse=True)]
    return groups + ([last] if last else [])


def auc(rows):
    """By the average ranks of the positives, rank 1 for the lowest score."""
    positives = sum(1 for label, _ in rows if label > 0)
    negatives = len(rows) - positives
    if not positives or not negatives:
        return math.nan
    rank_sum, below = 0.0, 0
    for group in reversed(tied_groups(rows)):
        average = below + (len(group) + 1) / 2
        rank_sum += average * sum(1 for label in group if label > 0)
        below += len(group)
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def list_ndcg(rows):
    """The whole list, each tied item at the mean discount of its group's places."""
    gain, place, positives = 0.0, 0, 0
    for group in tied_groups(rows):
        discounts = [1 / math.log2(place + i + 2) for i in range(len(group))]
        here = sum(1 for label in group if label > 0)
        gain += here * sum(discounts) / len(group)
        positives += here
        place += len(group)
    return gain / sum(1 / math.log2(i + 2) for i in range(positives)) if positives else math.nan


def row_loss(label, score):
    if not 0 <= score <= 1:
        return math.nan
    p = min(max(score, 1e-15), 1 - 1e-15)
    return -math.log(p) if label > 0 else -math.log1p(-p)


def is_probability(score):
    return 0 <= score <= 1


def brier(rows):
    if not rows or not all(is_probability(score) for _, score in rows):
        return math.nan
    return math.fsum((score - label) ** 2 for label, score in rows) / len(rows)


def ece(rows, bins):
    """Bins of equal width, closed below, the last one above too: their gaps weighted by their rows."""
    if not rows or not all(is_probability(score) for _, score in rows):
        return math.nan
    members = defaultdict(list)
    for label, score in rows:
        members[min(int(score * bins), bins - 1)].append((label, score))
    total = 0.0
    for rows_of_bin in members.values():
        size = len(rows_of_bin)
        accuracy = math.fsum(label for label, _ in rows_of_bin) / size
        confidence = math.fsum(score for _, score in rows_of_bin) / size
        total += size / len(rows) * abs(accuracy - confidence)
    return total


def pointwise_metrics(rows, wanted):
    everything = [(float(row[2]), float(row[3])) for row in rows]
    by_user = defaultdict(list)
    for row, pair in zip(rows, everything):
        by_user[row[0]].append(pair)
    counted = [r for r in by_user.values() if len(r) >= 2 and 0 < sum(label for label, _ in r) < len(r)]
    weights = [sum(label for label, _ in r) for r in counted]
    values = {}
    for metric in wanted:
        value = None
        if metric == "auc":
            value = auc(everything)
        elif metric == "uauc":
            value = mean(auc(r) for r in counted)
        elif metric == "gauc":
            total = sum(weights)
            value = sum(w * auc(r) for w, r in zip(weights, counted)) / total if total else math.nan
        elif metric == "ndcg":
            value = mean(list_ndcg(r) for r in counted)
        elif metric == "logloss":
            losses = [row_loss(*pair) for pair in everything]
            value = sum(losses) / len(losses) if losses else math.nan
        elif metric == "brier":
            value = brier(everything)
        elif metric.startswith("ece@"):
            value = ece(everything, int(metric[4:]))
        values[metric] = value
    return values


# ---- generated ------------------------------------------------------------------------------------------

def generated_metrics(rows, wanted):
    answers, titles = {}, defaultdict(list)
    for user, answer, title in rows:
        answers[user] = answer
        if title:
            titles[user].append(title)

    def bare(text):
        for opening, closing in (('"', '"'), ("'", "'"), ("\u201c", "\u201d")):
            if len(text) >= 2 and text.startswith(opening) and text.endswith(closing):
                return text[1:-1].strip(" ")
        return text

    def value(user, matches):
        if not titles[user]:
            return math.nan
        return float(any(matches(answers[user], title) for title in titles[user]))

    def quoted(text):
        """A-LLMRec's eval.py: lower case, between the first and the last quotation mark."""
        text = text.lower().replace('"item title" : ', "")
        start, end = text.find('"'), text.rfind('"')
        return text if start < 0 else text[start + 1:end]

    # valid@1 needs the candidates, which the dump does not hold.
    rules = {"exact@1": lambda answer, title: title in (answer, bare(answer)),
             "title-contains@1": lambda answer, title: title.lower() in quoted(answer)}
    return {metric: mean(value(user, rules[metric]) for user in answers) if metric in rules else None
            for metric in wanted}


# ---- the program ----------------------------------------------------------------------------------------

def read_dump(path):
    with open(path, encoding="utf-8", newline="\n") as file:
        lines = file.read().split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    header = lines[0].split("\t") if lines else []
    if header not in (RANKINGS, POINTWISE, GENERATED):
        sys.exit(f"{path}: not a dump: {lines[:1]}")
    rows = [line.split("\t") for line in lines[1:]]
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            sys.exit(f"{path}:{number}: {len(row)} columns, expected {len(header)}")
    return header, rows


def compute(path, wanted, catalogue=0, whole_lists=False):
    header, rows = read_dump(path)
    if header == RANKINGS:
        values = ranking_metrics(rows, wanted, catalogue, whole_lists)
    elif header == POINTWISE:
        values = pointwise_metrics(rows, wanted)
    else:
        values = generated_metrics(rows, wanted)
    return values  # None: not computable from this dump; NaN: not defined


def as_json(values):
    return {name: None if v is None or math.isnan(v) else v for name, v in values.items()}


def compare(ours, theirs, tolerance):
    def number(value):
        return "n/a" if value is None or math.isnan(value) else format(value, ".9f")

    failed = compared = 0
    print(f"{'metric':<24}{'metrics.json':>14}{'recomputed':>14}{'difference':>14}")
    for name, stated in theirs.items():
        mine = ours[name]
        if mine is None:
            print(f"{name:<24}{number(stated):>14}{'n/a':>14}  not computable from this dump")
            continue
        difference = 0.0 if math.isnan(mine) and stated is None else math.inf
        if stated is not None and not math.isnan(mine):
            difference = abs(mine - stated)
        wrong = difference > tolerance
        failed += wrong
        compared += 1
        print(f"{name:<24}{number(stated):>14}{number(mine):>14}{difference:>14.2e}{'  DIFFERS' if wrong else ''}")
    print(f"{compared} compared, {failed} beyond {tolerance:g}, {len(theirs) - compared} not computable")
    return failed == 0 and compared > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dump")
    parser.add_argument("--metrics", nargs="+", default=[])
    parser.add_argument("--metrics-json")
    parser.add_argument("--part", default="test", help="section of metrics.json")
    parser.add_argument("--catalogue", type=int, default=0, help="number of items, for coverage")
    parser.add_argument("--whole-lists", action="store_true")
    parser.add_argument("--tolerance", type=float, default=1e-6)
    args = parser.parse_args()
    stated = {}
    if args.metrics_json:
        with open(args.metrics_json, encoding="utf-8") as file:
            stated = json.load(file)[args.part]
    wanted = list(stated) + [m for m in args.metrics if m not in stated]
    values = compute(args.dump, wanted, args.catalogue, args.whole_lists)
    if not args.metrics_json:
        print(json.dumps(as_json(values), indent=2))
        return 0
    return 0 if compare(values, stated, args.tolerance) else 1


if __name__ == "__main__":
    sys.exit(main())
