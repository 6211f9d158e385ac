#!/usr/bin/env python3
"""Writes tests/fixtures/metrics/significance.json: distribution functions and paired tests by SciPy, and
bootstrap intervals by NumPy with a resampling of its own (compared within the noise of resampling)."""
import json
import pathlib

import numpy as np
from scipy import stats

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "metrics"
RESAMPLES = 40_000


def weighted_auc(labels, scores, weights):
    order = np.argsort(scores, kind="stable")
    labels, scores, weights = labels[order], scores[order], weights[order]
    positive, negative = weights * labels, weights * (1 - labels)
    _, group = np.unique(scores, return_inverse=True)
    p, n = np.bincount(group, positive), np.bincount(group, negative)
    below = np.cumsum(n) - n
    return float(np.sum(p * (below + n / 2)) / (p.sum() * n.sum()))


def mean_case(rng, sizes):
    """Differences of per-user values in several strata; None is a user without a value."""
    strata = [np.round(rng.normal(0.02, 0.2, n) * rng.integers(0, 2, n), 3) for n in sizes]
    means = np.zeros(RESAMPLES)
    for d in strata:
        counts = rng.multinomial(len(d), np.full(len(d), 1 / len(d)), RESAMPLES)
        means += counts @ d / len(d) / len(strata)
    case = {"strata": [d.tolist() for d in strata], "difference": float(np.mean([d.mean() for d in strata])),
            "standard_error": float(means.std(ddof=1)),
            "interval": np.quantile(means, [0.025, 0.975]).tolist(),
            "p": float(2 * (min((means <= 0).sum(), (means >= 0).sum()) + 1) / (RESAMPLES + 1))}
    if len(strata) == 1:
        d = strata[0]
        case["p_t"] = float(stats.ttest_1samp(d, 0).pvalue)
        positive, negative = int((d > 0).sum()), int((d < 0).sum())
        case["p_sign"] = float(stats.binomtest(positive, positive + negative).pvalue)
    return case


def pointwise_case(rng):
    rows = []
    for user in range(40):
        for _ in range(rng.integers(2, 8)):
            label = int(rng.random() < 0.5)
            a = np.round(rng.normal(label * 1.0, 1), 1)
            b = np.round(rng.normal(label * 0.6, 1), 1)
            rows.append((user, label, float(a), float(b)))
    user, label, a, b = (np.array(c) for c in zip(*rows))
    n = user.max() + 1
    differences = np.empty(10_000)
    for r in range(len(differences)):
        weights = np.bincount(rng.integers(0, n, n), minlength=n)[user].astype(float)
        differences[r] = weighted_auc(label, a, weights) - weighted_auc(label, b, weights)
    ones = np.ones(len(label))
    return {"user": user.tolist(), "label": label.tolist(), "a": a.tolist(), "b": b.tolist(),
            "difference": weighted_auc(label, a, ones) - weighted_auc(label, b, ones),
            "standard_error": float(differences.std(ddof=1)),
            "interval": np.quantile(differences, [0.025, 0.975]).tolist()}


def main():
    rng = np.random.default_rng(7)
    quantiles = [1e-12, 1e-6, 0.0008, 0.025, 0.2, 0.5, 0.8, 0.975, 0.9999]
    data = {
        "normal_quantile": [[p, float(stats.norm.ppf(p))] for p in quantiles],
        "t_two_sided": [[t, df, float(2 * stats.t.sf(abs(t), df))]
                        for t in (0.0, 0.5, -2.0, 4.5, 30.0) for df in (1.0, 2.5, 30.0, 6000.0)],
        "sign_test": [[p, n, float(stats.binomtest(p, p + n).pvalue)]
                      for p, n in ((0, 1), (5, 5), (3, 9), (0, 20), (480, 520), (5200, 4800))],
        "means": [mean_case(rng, [400]), mean_case(rng, [150, 300, 90])],
        "pointwise": pointwise_case(rng),
    }
    (FOLDER / "significance.json").write_text(json.dumps(data) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
