"""Full-ranking evaluation against RecBole's, in one run on the same matrices.

    python bench/eval_recbole_twin.py --bench build/release/bench/eval_bench

Ours: the evaluation core, by way of bench/eval_bench.cpp. RecBole: its own Collector and Evaluator (RecBole 1.2,
`pip install recbole` beside torch), fed as its Trainer feeds them for `eval_args: {mode: full}`: for each batch of
users a score matrix by one matrix product, -inf at the items of the user's history, then Collector. Where RecBole is
not installed the same steps are done by hand here, and the output says so. RecBole's default puts
max(1, 4096 // items) users in a batch, which is one user for these sizes; it is given larger batches (--batch),
which are faster.

Same user and item matrices, masking, metrics, K and threads. RecBole may be timed on a part of the users
(--twin-users); its time is then scaled to all of them, and the output says so. Metrics are compared on those users.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

import numpy as np

CUTOFFS = [10, 20, 100]
METRICS = ["recall", "hit", "ndcg", "mrr", "precision"]


def make_input(args, rng):
    """Random vectors with popular items, 5-60 training and 1-10 held-out items a user."""
    users = rng.standard_normal((args.users, args.dim), dtype=np.float32) / np.float32(np.sqrt(args.dim))
    items = rng.standard_normal((args.items, args.dim), dtype=np.float32)
    items[:, 0] += rng.gumbel(size=args.items).astype(np.float32)
    train, test = [], []
    for _ in range(args.users):
        size = int(rng.integers(6, 70))
        chosen = np.unique((args.items * rng.random(size) ** 2).astype(np.int64))
        rng.shuffle(chosen)
        held = max(1, min(10, len(chosen) // 7))
        test.append(chosen[:held])
        train.append(chosen[held:])
    return users, items, train, test


def offsets(rows):
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)


def run_ours(args, users, items, train, test):
    from safetensors.numpy import save_file

    names = [f"{metric}@{k}" for metric in METRICS for k in CUTOFFS]
    with tempfile.TemporaryDirectory() as folder:
        save_file(
            {
                "users": users,
                "items": items,
                "train_offsets": offsets(train),
                "train_columns": np.concatenate(train),
                "test_offsets": offsets(test),
                "test_columns": np.concatenate(test),
            },
            pathlib.Path(folder) / "input.safetensors",
        )
        environment = dict(os.environ, OMP_NUM_THREADS=str(args.threads))
        command = [args.bench, folder, str(args.threads), *names]
        output = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(output.stdout.splitlines()[-1])


class ByHand:
    """What RecBole's Collector and Evaluator do, where RecBole is not installed."""

    name = "RecBole's way"

    def __init__(self):
        self.parts = []

    def collect(self, scores, positive_u, positive_i):
        import torch

        _, top = torch.topk(scores, max(CUTOFFS), dim=-1)
        positives = torch.zeros_like(scores, dtype=torch.int)
        positives[positive_u, positive_i] = 1
        counts = positives.sum(dim=1, keepdim=True)
        self.parts.append(torch.cat((torch.gather(positives, 1, top), counts), dim=1))

    def evaluate(self):
        import torch

        return twin_metrics(torch.cat(self.parts).numpy())


class RecBole:
    """RecBole's own Collector and Evaluator."""

    name = "RecBole"

    def __init__(self):
        import torch
        from recbole.evaluator import Collector, Evaluator

        np.float, np.int = float, int  # names it uses that numpy no longer has
        config = {"metrics": METRICS, "topk": CUTOFFS, "device": torch.device("cpu"), "metric_decimal_place": 8,
                  "eval_args": {"mode": "full"}}  # fmt: skip
        self.collector, self.evaluator = Collector(config), Evaluator(config)

    def collect(self, scores, positive_u, positive_i):
        self.collector.eval_batch_collect(scores, None, positive_u, positive_i)

    def evaluate(self):
        return dict(self.evaluator.evaluate(self.collector.get_data_struct()))


def evaluate_twin(twin, users, items, train, test, batch):
    import torch

    item_rows = torch.from_numpy(items)
    for begin in range(0, len(users), batch):
        end = min(begin + batch, len(users))
        history_u = torch.from_numpy(np.repeat(np.arange(end - begin), [len(r) for r in train[begin:end]]))
        history_i = torch.from_numpy(np.concatenate(train[begin:end]))
        positive_u = torch.from_numpy(np.repeat(np.arange(end - begin), [len(r) for r in test[begin:end]]))
        positive_i = torch.from_numpy(np.concatenate(test[begin:end]))
        scores = torch.matmul(torch.from_numpy(users[begin:end]), item_rows.T)
        scores[history_u, history_i] = -np.inf
        twin.collect(scores, positive_u, positive_i)
    return twin.evaluate()


def twin_metrics(result):
    hits, relevant = result[:, :-1].astype(bool), result[:, -1]
    columns = np.arange(1, hits.shape[1] + 1)
    cumulative = np.cumsum(hits, axis=1)
    recall = cumulative / relevant[:, None]
    precision = cumulative / columns
    hit = (cumulative > 0).astype(int)
    first = np.where(hits.any(axis=1), hits.argmax(axis=1), hits.shape[1])
    mrr = np.where(columns - 1 >= first[:, None], 1 / (first[:, None] + 1), 0)
    gains = np.cumsum(np.where(hits, 1 / np.log2(columns + 1), 0), axis=1)
    ideal = np.cumsum(1 / np.log2(columns + 1))
    lengths = np.minimum(relevant[:, None], columns)
    ndcg = gains / ideal[lengths - 1]
    values = {"recall": recall, "hit": hit, "ndcg": ndcg, "mrr": mrr, "precision": precision}
    return {f"{name}@{k}": float(values[name][:, k - 1].mean()) for name in METRICS for k in CUTOFFS}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", default="build/release/bench/eval_bench")
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--twin-users", type=int, default=0, help="time the twin on that many users (0: all)")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    import torch

    torch.set_num_threads(args.threads)
    users, items, train, test = make_input(args, np.random.default_rng(1))
    ours = run_ours(args, users, items, train, test)
    print(f"{args.users} users x {args.items} items x {args.dim} dimensions, {args.threads} threads")
    print(f"kindred       {ours['seconds']:8.1f} s, peak memory {ours['peak_mb']:.0f} MB")
    if args.ours_only:
        return
    part = min(args.users, args.twin_users or args.users)
    try:
        other = RecBole()
    except ImportError:
        other = ByHand()
    began = time.perf_counter()
    twin = evaluate_twin(other, users[:part], items, train[:part], test[:part], args.batch)
    spent = time.perf_counter() - began
    seconds = spent * args.users / part
    same = ours if part == args.users else run_ours(args, users[:part], items, train[:part], test[:part])
    worst = max(abs(twin[name] - same["metrics"][name]) for name in twin)
    scaled = "" if part == args.users else f" (timed on {part} users: {spent:.1f} s, scaled)"
    print(f"{other.name:13} {seconds:8.1f} s{scaled}, batches of {args.batch} users")
    print(f"ratio         {seconds / ours['seconds']:8.1f}")
    print(f"largest difference of a metric on {part} users: {worst:.1e}")
    assert worst < 1e-4, "the two evaluations disagree"


if __name__ == "__main__":
    main()
