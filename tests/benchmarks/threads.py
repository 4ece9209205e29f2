#!/usr/bin/env python3
"""Training epochs with 1 thread and with 2, side by side, and the bits with any number of threads.

    threads.py --bin build/bin --graph GRAPH --plan PLAN [--epochs 8] [--repeat 5]

The runs are interleaved (1, 2, 1, 2, ...); a run's figure is the median of its epochs without the first,
the figure reported the median over runs. Then 1, 2, 3 and 8 threads, each with and without overlap
of sampling and compute, must leave byte-identical weights. Prints JSON. Needs only Python's standard library.
"""
import argparse
import hashlib
import json
import os
import pathlib
import platform
import statistics
import subprocess
import tempfile


def train(arguments, folder, *options):
    subprocess.run([os.path.join(arguments.bin, "heddle-run"), arguments.plan, "--graph", arguments.graph,
                    "-o", folder, "--epochs", str(arguments.epochs), "--progress", "never", *options],
                   check=True, stdout=subprocess.DEVNULL)
    with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return [r["seconds"] for r in records if r.get("event") == "train"]


def weights(folder):
    digest = hashlib.sha256()
    for path in sorted(pathlib.Path(folder, "last").rglob("*.safetensors")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("bin", "graph", "plan"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        medians = {1: [], 2: []}
        for repeat in range(arguments.repeat):
            for threads in medians:
                epochs = train(arguments, f"{scratch}/t{threads}-{repeat}", "--threads", str(threads))
                medians[threads].append(statistics.median(epochs[1:]))
        digests = {}
        for threads in (1, 2, 3, 8):
            for overlap in ([], ["--no-overlap"]):
                folder = f"{scratch}/bits{threads}{len(overlap)}"
                train(arguments, folder, "--threads", str(threads), *overlap)
                digests[f"{threads} threads {' '.join(overlap)}".strip()] = weights(folder)
    one, two = (statistics.median(medians[t]) for t in (1, 2))
    print(json.dumps({"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(),
                      "epoch_seconds": {str(t): m for t, m in medians.items()},
                      "median_epoch_seconds": {"1": one, "2": two}, "speedup_2_threads": one / two,
                      "same_bits": len(set(digests.values())) == 1, "weights_sha256": digests}, indent=1))


if __name__ == "__main__":
    main()
