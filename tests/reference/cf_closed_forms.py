"""Writes tests/fixtures/cf/closed_forms.safetensors: EASE by numpy, SLIM by scikit-learn's ElasticNet
and item similarities by dense formulas, all on one small random matrix of interactions.

Run from the repository's root:  .venv/bin/python tests/reference/cf_closed_forms.py
Needs numpy, scikit-learn, safetensors. Read by tests/cf/closed_forms_test.cpp.
"""

import numpy as np
from safetensors.numpy import save_file
from sklearn.linear_model import ElasticNet

USERS, ITEMS, NEIGHBORS, SHRINKAGE = 40, 14, 4, 2.5


def interactions():
    """A matrix with a popularity slope, an item nobody took and a person who took nothing."""
    random = np.random.default_rng(7)
    matrix = (random.random((USERS, ITEMS)) < np.linspace(0.7, 0.1, ITEMS)).astype(np.float64)
    matrix[:, 5] = 0
    matrix[11] = 0
    return matrix


def ease(x, l2):
    inverse = np.linalg.inv(x.T @ x + l2 * np.eye(ITEMS))
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


def slim(x, l1, l2, positive):
    """ElasticNet minimises 1/(2n) |y - Xw|^2 + alpha r |w|_1 + alpha (1 - r)/2 |w|^2."""
    alpha = (l1 + l2) / USERS
    model = ElasticNet(alpha=alpha, l1_ratio=l1 / (l1 + l2), positive=positive, fit_intercept=False,
                       max_iter=100000, tol=1e-14)
    weights = np.zeros((ITEMS, ITEMS))
    for item in range(ITEMS):
        rest = x.copy()
        rest[:, item] = 0
        if x[:, item].any():
            weights[:, item] = model.fit(rest, x[:, item]).coef_
    return weights


def row_weight(x, kind):
    count = x.sum(1)
    with np.errstate(divide="ignore"):
        weights = {"none": np.ones(USERS), "unit": 1 / np.sqrt(count),
                   "idf": np.maximum(0, np.log(ITEMS / (1 + count)))}[kind]
    return np.where(count > 0, weights, 0)


def item_knn(x, similarity, weight, neighbors_of, normalize):
    """Row i: what item i of a history gives to the others."""
    w = row_weight(x, weight)
    if similarity == "conditional":
        both, size = x.T @ (x * w[:, None]), x.sum(0)
        scale = size[:, None] * size[None, :] ** 0.5
    else:
        both = (x * w[:, None]).T @ (x * w[:, None])
        size = np.diag(both)
        scale = {"cosine": np.sqrt(size[:, None] * size[None, :]),
                 "jaccard": size[:, None] + size[None, :] - both,
                 "dice": (size[:, None] + size[None, :]) / 2}[similarity]
    values = np.where(both > 0, both / (scale + SHRINKAGE), 0).astype(np.float32)
    np.fill_diagonal(values, 0)
    if neighbors_of == "target":
        values = values.T
    kept = np.zeros_like(values)
    for item in range(ITEMS):
        order = np.lexsort((np.arange(ITEMS), -values[item]))[:NEIGHBORS]
        kept[item, order] = values[item, order]
        if normalize and kept[item].sum() > 0:
            kept[item] /= kept[item].sum(dtype=np.float64)
    return kept.T.copy() if neighbors_of == "target" else kept


def main():
    x = interactions()
    users, items = np.nonzero(x)
    tensors = {"users": users.astype(np.int32), "items": items.astype(np.int32),
               "ease": ease(x, 3.0).astype(np.float32),
               "slim": slim(x, 0.5, 2.0, True).astype(np.float32),
               "slim.signed": slim(x, 0.5, 2.0, False).astype(np.float32)}
    for similarity in ("cosine", "jaccard", "dice", "conditional"):
        for weight in ("none", "unit", "idf"):
            for neighbors_of in ("history", "target"):
                for normalize in (False, True):
                    name = f"knn.{similarity}.{weight}.{neighbors_of}.{int(normalize)}"
                    tensors[name] = item_knn(x, similarity, weight, neighbors_of, normalize)
    save_file(tensors, "tests/fixtures/cf/closed_forms.safetensors")


if __name__ == "__main__":
    main()
