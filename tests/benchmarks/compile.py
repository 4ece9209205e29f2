#!/usr/bin/env python3
"""Seconds to compile models for graphs with many relations, of which only the schema is made.

    compile.py --bin build/bin [--case hgt:3:40:8:4 ...] [--repeat 5]

A case is MODEL:LAYERS:RELATIONS:TYPES:PARTITIONS. The cases are interleaved; figures are medians over the runs:
seconds, and seconds of all threads together. Every run of a case, one of them on a single CPU, must write the same
plan. Prints JSON. Needs only Python's standard library.
"""
import argparse
import hashlib
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import tempfile
import time

DEFAULTS = ["hgt:3:40:8:4", "rgcn:2:1000:20:1", "hgt:2:1000:20:1", "hgt:3:1000:20:1"]


def make_graph(folder, relations, types):
    """Types of 1,000 nodes, relations of 5,000 edges between all pairs of them in turn."""
    classes = [f"c{c}" for c in range(8)]
    split = {"train": "a.npy", "valid": "b.npy", "test": "c.npy", "num_train": 500, "num_valid": 100,
             "num_test": 100, "train_class_counts": [62] * 8}
    label = {"name": "y", "task_type": "classification", "classes": classes, "file": "nodes/0/l0.npy", "missing": -1,
             "splits": {"s": split}}
    degree = {"max": 8, "p50": 5, "p99": 8, "nonzero": 1000, "log2_hist": [0, 0, 0, 0, 1000]}
    graph = {
        "format": "heddle-graph", "version": "1.0",
        "node_types": [{"node_type": f"t{t:03}", "num_nodes": 1000, "features": [], "labels": [label] if t == 0 else []}
                       for t in range(types)],
        "relations": [{"relation": [f"t{r % types:03}", f"r{r:04}", f"t{(7 * r + r // types) % types:03}"],
                       "num_edges": 5000, "degree": {"in": degree, "out": degree}} for r in range(relations)]}
    pathlib.Path(folder, "graph.json").write_text(json.dumps(graph), encoding="utf-8")


def make_model(path, encoder, layers):
    model = {"encoder": encoder, "num_layers": layers, "hidden_size": 64}
    if encoder != "rgcn":
        model["num_heads"] = 4
    spec = {"version": "1.0", "task": {"target_ntype": "t000", "label": "y"}, "inputs": {"*": {"learnable": True}},
            "model": model, "sampling": {"fanout": [10] * layers}, "train": {"batch_size": 512}}
    pathlib.Path(path).write_text(json.dumps(spec), encoding="utf-8")


class Case:
    def __init__(self, name, scratch):
        self.name = name
        encoder, *numbers = name.split(":")
        layers, relations, types, self.partitions = map(int, numbers)
        self.folder = os.path.join(scratch, name.replace(":", "-"))
        os.mkdir(self.folder)
        make_graph(self.folder, relations, types)
        make_model(os.path.join(self.folder, "model.json"), encoder, layers)
        self.seconds, self.cpu, self.plans = [], [], set()

    def run(self, binaries, cpus=None):
        plan = os.path.join(self.folder, "plan")
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run([os.path.join(binaries, "heddle-compile"), "--graph", self.folder, "--model",
                        os.path.join(self.folder, "model.json"), "--partitions", str(self.partitions), "-o", plan,
                        "--force", "--quiet"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       preexec_fn=cpus and (lambda: os.sched_setaffinity(0, cpus)))
        seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        self.plans.add(hashlib.sha256(pathlib.Path(plan).read_bytes()).hexdigest())
        if not cpus:
            self.seconds.append(seconds)
            self.cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True)
    parser.add_argument("--case", action="append", help="MODEL:LAYERS:RELATIONS:TYPES:PARTITIONS")
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        cases = [Case(name, scratch) for name in arguments.case or DEFAULTS]
        for _ in range(arguments.repeat):
            for case in cases:
                case.run(arguments.bin)
        for case in cases:
            case.run(arguments.bin, {min(os.sched_getaffinity(0))})
        print(json.dumps({"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(),
                          "load": os.getloadavg(),
                          "cases": {case.name: {"median_seconds": statistics.median(case.seconds),
                                                "seconds": case.seconds,
                                                "median_cpu_seconds": statistics.median(case.cpu),
                                                "same_plan": len(case.plans) == 1} for case in cases}}, indent=1))


if __name__ == "__main__":
    main()
