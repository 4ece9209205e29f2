#!/usr/bin/env python3
"""The WordNet R-GCN of examples/wordnet/rgcn.json in PyTorch Geometric and in Heddle, full graph, interleaved.

    pyg_rgcn.py --bin build/bin --graph GRAPH --plan PLAN [--epochs 6] [--repeat 5] [--threads 2]

Needs torch, torch_geometric and numpy (a virtual environment outside the tree). The same model everywhere:
64 learnable numbers a node, two layers of one weight per relation on the mean of its sources, a root weight,
a bias, ReLU and dropout 0.3 between, Adam on everything (fused in PyTorch), the same training nodes.
PyG in these forms, all with its own layers; the fastest is the one compared:
  rgcn          RGCNConv over one node space, edges sorted by relation (by --peers: ten times slower than the rest)
  hetero        HeteroConv of SAGEConv(mean), edge_index
  hetero-csr    the same, adjacencies as torch.sparse CSR (PyG's memory-efficient aggregation)
  hetero-csr-trimmed  the same on exactly the rows and edges of Heddle's step: what a loader with all
                neighbours of the training nodes and trimming per layer would give; its sampling is not timed
FastRGCNConv is left out: it stores a weight matrix per edge (13 GB here). The floor of the compute phase:
(4 bytes x width per edge and direction + aggregated rows) / gather rate + flops of dense products / GEMM rate.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch_geometric.nn import HeteroConv, RGCNConv, SAGEConv

HIDDEN, DROPOUT, LR, TARGET = 64, 0.3, 0.01, "noun"


class Graph:
    """Reads a graph directory: relations as (source, destination) arrays, target labels, training nodes."""

    def __init__(self, folder):
        with open(os.path.join(folder, "graph.json"), encoding="utf-8") as file:
            g = json.load(file)
        load = lambda name: np.load(os.path.join(folder, name))
        self.counts = {t["node_type"]: t["num_nodes"] for t in g["node_types"]}
        self.edges = {}
        for r in g["relations"]:
            stored = g["relations"][r["reverse_of"]] if "reverse_of" in r else r
            pointers = load(stored["csc"] + "_indptr.npy").astype(np.int64)
            source = load(stored["csc"] + "_indices.npy").astype(np.int64)
            destination = np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))
            self.edges[tuple(r["relation"])] = (destination, source) if stored is not r else (source, destination)
        target = next(t for t in g["node_types"] if t["node_type"] == TARGET)
        label = target["labels"][0]
        self.labels = torch.from_numpy(load(label["file"]).astype(np.int64))
        self.classes = len(label["classes"])
        split = next(iter(label["splits"].values()))
        self.train = torch.from_numpy(load(split["train"]).astype(np.int64))


def csr(source, destination, rows, columns):
    order = np.lexsort((source, destination))
    pointers = np.zeros(rows + 1, np.int64)
    np.add.at(pointers, destination + 1, 1)
    return torch.sparse_csr_tensor(torch.from_numpy(pointers.cumsum()), torch.from_numpy(source[order]),
                                   torch.ones(len(source)), size=(rows, columns))


class Homogeneous(torch.nn.Module):
    def __init__(self, graph):
        super().__init__()
        offsets = dict(zip(graph.counts, np.cumsum([0, *graph.counts.values()])))
        parts, kinds = [], []
        for index, ((a, _, b), (s, d)) in enumerate(graph.edges.items()):
            parts.append(np.stack([s + offsets[a], d + offsets[b]]))
            kinds.append(np.full(len(s), index))
        self.edge_index = torch.from_numpy(np.concatenate(parts, 1))
        self.edge_type = torch.from_numpy(np.concatenate(kinds))
        self.embedding = torch.nn.Parameter(torch.randn(sum(graph.counts.values()), HIDDEN) * 0.1)
        self.layers = torch.nn.ModuleList([RGCNConv(HIDDEN, HIDDEN, len(graph.edges), is_sorted=True),
                                           RGCNConv(HIDDEN, graph.classes, len(graph.edges), is_sorted=True)])
        self.rows = graph.train + int(offsets[TARGET])

    def forward(self):
        x = F.dropout(self.layers[0](self.embedding, self.edge_index, self.edge_type).relu(), DROPOUT, self.training)
        return self.layers[1](x, self.edge_index, self.edge_type)[self.rows]


class Hetero(torch.nn.Module):
    """Layers over given rows: rows[h][type] are the nodes at hop h; whole types when not trimmed."""

    def __init__(self, graph, sparse, trimmed):
        super().__init__()
        rows = [{TARGET: graph.train.numpy()}]
        for _ in range(2):
            inputs = {t: [ids] for t, ids in rows[-1].items()}
            for (a, _, b), (s, d) in graph.edges.items():
                if b in rows[-1]:
                    inputs.setdefault(a, []).append(s[np.isin(d, rows[-1][b])])
            rows.append({t: np.unique(np.concatenate(ids)) for t, ids in inputs.items()})
        if not trimmed:
            rows = [{t: np.arange(graph.counts[t]) for t in hop} for hop in rows]
            self.pick = graph.train
        else:
            self.pick = None
        self.embeddings = torch.nn.ParameterDict({t: torch.randn(n, HIDDEN) * 0.1 for t, n in graph.counts.items()})
        self.inputs = {t: None if len(ids) == graph.counts[t] else torch.from_numpy(ids) for t, ids in rows[2].items()}
        self.blocks, self.layers, self.roots = [], torch.nn.ModuleList(), torch.nn.ModuleList()
        for layer, width in ((0, HIDDEN), (1, graph.classes)):
            to, come = rows[1 - layer], rows[2 - layer]
            adjacency, convs = {}, {}
            for (a, r, b), (s, d) in graph.edges.items():
                if b not in to:
                    continue
                keep = np.isin(d, to[b])
                s, d = np.searchsorted(come[a], s[keep]), np.searchsorted(to[b], d[keep])
                if len(s) == 0:
                    continue
                adjacency[a, r, b] = (csr(s, d, len(to[b]), len(come[a])) if sparse
                                      else torch.from_numpy(np.stack([s, d])))
                convs[a, r, b] = SAGEConv(HIDDEN, width, aggr="mean", root_weight=False, bias=False)
            own = {t: torch.from_numpy(np.searchsorted(come[t], ids)) for t, ids in to.items()}
            own = {t: None if len(at) == len(come[t]) else at for t, at in own.items()}
            self.blocks.append((adjacency, own))
            self.layers.append(HeteroConv(convs, aggr="sum"))
            self.roots.append(torch.nn.Linear(HIDDEN, width))

    def forward(self):
        x = {t: self.embeddings[t] if at is None else self.embeddings[t][at] for t, at in self.inputs.items()}
        for layer, (adjacency, own) in enumerate(self.blocks):
            mine = {t: x[t] if at is None else x[t][at] for t, at in own.items()}
            pairs = {key: (x[key[0]], mine[key[2]]) for key in adjacency}
            sums = self.layers[layer](pairs, adjacency)
            x = {t: self.roots[layer](rows) + sums[t] if t in sums else self.roots[layer](rows)
                 for t, rows in mine.items()}
            if layer == 0:
                x = {t: F.dropout(rows.relu(), DROPOUT, self.training) for t, rows in x.items()}
        return x[TARGET] if self.pick is None else x[TARGET][self.pick]


def peer(name, graph):
    torch.manual_seed(0)
    if name == "rgcn":
        return Homogeneous(graph)
    return Hetero(graph, sparse="csr" in name, trimmed="trimmed" in name)


def train(model, graph, epochs):
    """Seconds of each epoch, and the last loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
    labels = graph.labels[graph.train]
    times = []
    model.train()
    for _ in range(epochs):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(), labels)
        loss.backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    return times, float(loss.detach())


def heddle(arguments, folder):
    subprocess.run([os.path.join(arguments.bin, "heddle-run"), arguments.plan, "--graph", arguments.graph, "-o", folder,
                    "--threads", str(arguments.threads), "--epochs", str(arguments.epochs), "--progress", "never"],
                   check=True, stdout=subprocess.DEVNULL)
    with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as lines:
        records = [r for r in map(json.loads, lines) if r.get("event") == "train"]
    return [r["seconds"] for r in records], records[-1]["loss"], records[-1].get("edges_per_second", 0) * records[-1]["seconds"]


def gather_rate(graph, width=HIDDEN):
    """Bytes a second, read and written, of gathering rows by the largest relation's own edges."""
    (a, _, _), (source, _) = max(graph.edges.items(), key=lambda item: len(item[1][0]))
    table, at = torch.randn(graph.counts[a], width), torch.from_numpy(source)
    out = torch.empty(len(at), width)
    best = min(timed(lambda: torch.index_select(table, 0, at, out=out)) for _ in range(9))
    return 2 * len(at) * width * 4 / best


def gemm_rate():
    """Flops a second of the better of a tall product (as the layers have) and a square one."""
    rates = []
    for m, k, n in ((65536, HIDDEN, HIDDEN), (1024, 1024, 1024)):
        a, b = torch.randn(m, k), torch.randn(k, n)
        rates.append(2 * m * k * n / min(timed(lambda: a @ b) for _ in range(9)))
    return max(rates)


def timed(body):
    start = time.perf_counter()
    body()
    return time.perf_counter() - start


def floor(arguments, graph):
    """The floor of the compute phase of a training step, from the plan's own sizes."""
    text = subprocess.run([os.path.join(arguments.bin, "heddle-dump"), "--json", arguments.plan],
                          check=True, stdout=subprocess.PIPE).stdout
    step = next(e for e in json.loads(text)["entries"] if e["name"] == "train_step")
    edges = sum(s["expected"] for s in step["symbols"] if s["kind"] == "edges")
    active = sum(s["expected"] for s in step["symbols"] if s["kind"] == "active")
    flops = sum(op["estimate"]["flops"] for op in step["ops"] if op["kind"] == "gemm")
    bandwidth, gemm = gather_rate(graph), gemm_rate()
    moved = 2 * 4 * HIDDEN * (edges + active)
    return {"edges": edges, "aggregated_rows": active, "bytes": moved, "flops": flops,
            "gather_bytes_per_second": bandwidth, "gemm_flops_per_second": gemm,
            "floor_seconds": moved / bandwidth + flops / gemm}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("bin", "graph", "plan"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--peers", nargs="*", default=["hetero", "hetero-csr", "hetero-csr-trimmed"])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    graph = Graph(arguments.graph)
    medians, losses, edges = {}, {}, 0
    models = {name: peer(name, graph) for name in arguments.peers}
    with tempfile.TemporaryDirectory() as scratch:
        for repeat in range(arguments.repeat):
            times, losses["heddle"], edges = heddle(arguments, f"{scratch}/{repeat}")
            medians.setdefault("heddle", []).append(statistics.median(times[1:]))
            for name, model in models.items():
                times, losses[name] = train(model, graph, arguments.epochs)
                medians.setdefault(name, []).append(statistics.median(times[1:]))
                print(name, medians[name][-1], file=sys.stderr)
    epoch = {name: statistics.median(values) for name, values in medians.items()}
    least = floor(arguments, graph)
    fastest = min((n for n in epoch if n != "heddle"), key=epoch.get)
    print(json.dumps({"torch": torch.__version__, "cores": os.cpu_count(), "threads": arguments.threads,
                      "epoch_seconds": medians, "median_epoch_seconds": epoch, "last_loss": losses,
                      "sampled_edges": edges, "floor": least,
                      "heddle_fraction_of_floor": least["floor_seconds"] / epoch["heddle"],
                      "fastest_peer": fastest, "speedup_over_fastest_peer": epoch[fastest] / epoch["heddle"]},
                     indent=1))


if __name__ == "__main__":
    main()
