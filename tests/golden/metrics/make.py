#!/usr/bin/env python3
"""Records metric vectors of scikit-learn 1.2 for tests/unit/train/MetricsTest.cpp.

Run where scikit-learn 1.2 is installed (a venv outside the tree):
    python3 tests/golden/metrics/make.py tests/golden/metrics
The vectors are committed: neither building nor testing needs Python.
Metrics that scikit-learn refuses are recorded as null, with what it said, except where the
definition in runtime/train/Metrics.h is an average over the classes that are defined.
"""
import json
import sys
import warnings

import numpy as np
from scipy.special import log_softmax
from sklearn import __version__, metrics
from sklearn.preprocessing import label_binarize

warnings.simplefilter("ignore")


def f32(a):
    """float32 values, printed so that they read back exactly."""
    return [float(x) for x in np.asarray(a, dtype=np.float32).ravel()]


def refused(call):
    try:
        return float(call())
    except ValueError:
        return None


def macro_defined(truth, scores, call):
    """The average of call over the columns that have both kinds."""
    values = [call(truth[:, c], scores[:, c]) for c in range(truth.shape[1])
              if 0 < truth[:, c].sum() < len(truth)]
    return float(np.mean(values)) if values else None


def single(name, scores, labels, kind, mask=None):
    """kind: logits (scikit-learn sees log-softmax in fp64) or probabilities."""
    scores = np.asarray(scores, dtype=np.float32)
    labels = np.asarray(labels)
    n, classes = scores.shape
    keep = labels >= 0
    if mask is not None:
        keep &= np.asarray(mask) != 0
    y, s = labels[keep], scores[keep].astype(np.float64)
    pred = s.argmax(axis=1)
    # Rounded: rows that are permutations of each other have equal probabilities, but the order in
    # which their softmax was summed breaks the tie in the last bit.
    p = np.round(np.exp(log_softmax(s, axis=1)), 12) if kind == "logits" else s
    # A column of log-probabilities ranks as the probabilities do; unlike them it never saturates.
    rank = np.round(log_softmax(s, axis=1), 12) if kind == "logits" else s
    expect = {
        "accuracy": float(metrics.accuracy_score(y, pred)),
        "f1_micro": float(metrics.f1_score(y, pred, average="micro")),
        "f1_macro": float(metrics.f1_score(y, pred, average="macro")),
    }
    if classes == 2:
        expect["roc_auc"] = refused(lambda: metrics.roc_auc_score(y, p[:, 1]))
        expect["average_precision"] = float(metrics.average_precision_score(y == 1, p[:, 1]))
    else:
        truth = label_binarize(y, classes=list(range(classes)))
        if len(np.unique(y)) == classes and kind == "logits":
            expect["roc_auc"] = float(metrics.roc_auc_score(y, p, multi_class="ovr", average="macro"))
        else:
            expect["roc_auc"] = macro_defined(truth, rank, metrics.roc_auc_score)
        expect["average_precision"] = float(np.mean(
            [metrics.average_precision_score(truth[:, c], rank[:, c]) for c in range(classes)]))
    case = {"name": name, "rows": n, "classes": classes, "kind": kind, "scores": f32(scores),
            "labels": [int(x) for x in labels], "expect": expect}
    if mask is not None:
        case["mask"] = [int(x) for x in mask]
    return case


def multi(name, scores, labels, kind):
    scores = np.asarray(scores, dtype=np.float32)
    labels = np.asarray(labels)
    n, classes = scores.shape
    keep = labels[:, 0] != 255
    y, s = labels[keep], scores[keep].astype(np.float64)
    pred = (s > (0 if kind == "logits" else 0.5)).astype(int)
    expect = {
        "accuracy": float(metrics.accuracy_score(y, pred)),
        "f1_micro": float(metrics.f1_score(y, pred, average="micro")),
        "f1_macro": float(metrics.f1_score(y, pred, average="macro")),
        "roc_auc": refused(lambda: metrics.roc_auc_score(y, s, average="macro")),
        "average_precision": float(metrics.average_precision_score(y, s, average="macro")),
    }
    if expect["roc_auc"] is None:
        expect["roc_auc"] = macro_defined(y, s, metrics.roc_auc_score)
    return {"name": name, "rows": n, "classes": classes, "kind": kind, "scores": f32(scores),
            "multi_labels": [int(x) for x in labels.ravel()], "expect": expect}


def main(folder):
    r = np.random.default_rng(20)
    cases = []

    def logits(n, c, labels, strength=1.0, grid=None):
        s = r.normal(size=(n, c))
        for i, l in enumerate(labels):
            if l >= 0:
                s[i, l] += strength
        return np.round(s * grid) / grid if grid else s

    y = r.integers(0, 2, 60)
    cases.append(single("binary", logits(60, 2, y), y, "logits"))
    cases.append(single("binary with ties", logits(60, 2, y, grid=2), y, "logits"))
    cases.append(single("binary, all scores equal", np.zeros((10, 2)), [0, 1] * 5, "logits"))
    cases.append(single("binary, perfect", [[3, -3], [-3, 3], [1, 0], [0, 1]], [0, 1, 0, 1], "logits"))
    cases.append(single("binary, all wrong", [[3, -3], [-3, 3], [1, 0], [0, 1]], [1, 0, 1, 0], "logits"))
    cases.append(single("binary, only negatives", logits(8, 2, [0] * 8), [0] * 8, "logits"))
    cases.append(single("binary, only positives", logits(8, 2, [1] * 8), [1] * 8, "logits"))
    cases.append(single("binary, one row", [[0.5, 0.25]], [0], "logits"))
    p = r.random((40, 1))
    y = (r.random(40) < p[:, 0]).astype(int)
    cases.append(single("binary probabilities", np.hstack([1 - p, p]), y, "probabilities"))
    y = r.integers(-1, 2, 50)
    cases.append(single("missing labels and a mask", logits(50, 2, y), y, "logits",
                        mask=r.integers(0, 2, 50)))
    y = r.integers(0, 5, 80)
    cases.append(single("five classes", logits(80, 5, y, 1.5), y, "logits"))
    cases.append(single("five classes with ties", logits(80, 5, y, 1.5, grid=1), y, "logits"))
    cases.append(single("five classes, strong", logits(80, 5, y, 6), y, "logits"))
    y = r.choice([0, 2, 3], 40)
    cases.append(single("absent from the labels, predicted", logits(40, 5, y, 0.5), y, "logits"))
    s = logits(40, 5, y, 3)
    s[:, [1, 4]] = -50
    cases.append(single("absent from labels and predictions", s, y, "logits"))
    cases.append(single("one class of three", logits(6, 3, [1] * 6), [1] * 6, "logits"))
    y = r.integers(0, 4, 40)
    q = r.dirichlet(np.ones(4), 40).astype(np.float32)
    cases.append(single("four classes, probabilities", q, y, "probabilities"))
    y = np.array([0] * 30 + [1] * 3 + [2] * 2)
    cases.append(single("unbalanced", logits(35, 3, y, 1), y, "logits"))

    y = (r.random((50, 4)) < 0.4).astype(int)
    cases.append(multi("multi-label", r.normal(size=(50, 4)) + y, y, "logits"))
    cases.append(multi("multi-label with ties", np.round(r.normal(size=(50, 4)) + y), y, "logits"))
    cases.append(multi("multi-label probabilities", r.random((50, 4)), y, "probabilities"))
    z = y.copy()
    z[::7] = 255
    cases.append(multi("multi-label, rows without label", r.normal(size=(50, 4)) + y, z, "logits"))
    z = y.copy()
    z[:, 1] = 0
    cases.append(multi("multi-label, a column without positives", r.normal(size=(50, 4)), z, "logits"))
    z[:, 2] = 1
    cases.append(multi("multi-label, a column without negatives", r.normal(size=(50, 4)), z, "logits"))
    cases.append(multi("multi-label, empty rows and sets", -np.ones((6, 3)), np.zeros((6, 3), int),
                       "logits"))

    for kind in ("single", "multi"):
        chosen = [c for c in cases if ("labels" in c) == (kind == "single")]
        with open(f"{folder}/{kind}.json", "w") as out:
            out.write('{"made_with": "scikit-learn %s", "cases": [\n' % __version__)
            out.write(",\n".join(json.dumps(c) for c in chosen))
            out.write("\n]}\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else ".")
