"""What a peer needs of a graph directory and a model spec: arrays, and the rows and edges that a step touches."""
import json
import os
import re

import numpy as np


def floats(array):
    """A feature's array as float32. bfloat16, which NumPy lacks, is stored as V2: the upper half of a float32."""
    if array.dtype == np.dtype("V2"):
        return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32)


class Graph:
    """Relations as (source, destination) arrays, features, single labels of the target, training nodes."""

    def __init__(self, folder, spec):
        with open(os.path.join(folder, "graph.json"), encoding="utf-8") as file:
            g = json.load(file)
        self.load = lambda name: np.load(os.path.join(folder, name))
        self.counts = {t["node_type"]: t["num_nodes"] for t in g["node_types"]}
        self.edges = {}
        for r in g["relations"]:
            stored = g["relations"][r["reverse_of"]] if "reverse_of" in r else r
            pointers = self.load(stored["csc"] + "_indptr.npy").astype(np.int64)
            source = self.load(stored["csc"] + "_indices.npy").astype(np.int64)
            destination = np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))
            self.edges[tuple(r["relation"])] = (destination, source) if stored is not r else (source, destination)
        self.types = {t["node_type"]: t for t in g["node_types"]}
        self.target = spec.target
        label = next(x for x in self.types[self.target]["labels"] if x["name"] == spec.label)
        self.labels = self.load(label["file"]).astype(np.int64)
        self.classes = len(label["classes"])
        self.train = self.load(next(iter(label["splits"].values()))["train"]).astype(np.int64)

    def features(self, node_type):
        """Dense arrays [rows, dim], and sparse ones as (indptr, indices, values or None, dim)."""
        for feature in self.types[node_type].get("features", []):
            if feature["kind"] != "sparse":
                yield floats(self.load(feature["file"]))
            else:
                yield (self.load(feature["indptr"]).astype(np.int64), self.load(feature["indices"]).astype(np.int64),
                       self.load(feature["values"]) if "values" in feature else None, feature["dim"])


class Spec:
    """The keys of a model spec that these benchmarks use; comments are allowed in the file."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.json = json.loads(re.sub(r"^\s*//.*$", "", file.read(), flags=re.M))
        model, task = self.json["model"], self.json["task"]
        self.target, self.label = task["target_ntype"], task["label"]
        self.encoder, self.layers, self.hidden = model["encoder"], model["num_layers"], model["hidden_size"]
        self.heads, self.dropout = model.get("num_heads", 1), model.get("dropout", 0.0)
        self.fanout = self.json["sampling"]["fanout"]
        self.batch_size = self.json["train"]["batch_size"]
        self.lr = self.json["train"]["optimizer"]["lr"]
        self.full_graph = self.batch_size == "all" and all(f == -1 for f in self.fanout)

    def inputs(self, node_type):
        """(has features, has learnable rows)"""
        inputs = self.json["inputs"]
        own = inputs.get(node_type, inputs.get("*", {}))
        return bool(own.get("features")), bool(own.get("learnable"))


class Closure:
    """The rows and edges of a full-graph step, as a loader with all neighbours of the training nodes and trimming per
    layer gives them. Rows of a type are in the order of the hop that first reaches them, edges in that of their
    destination: `rows[h][type]` and `edges[h][relation]` count those of hops up to h."""

    def __init__(self, graph, layers):
        hop = {t: np.full(n, layers + 1) for t, n in graph.counts.items()}
        hop[graph.target][graph.train] = 0
        for h in range(layers):
            for (a, _, b), (s, d) in graph.edges.items():
                reached = s[hop[b][d] <= h]
                hop[a][reached] = np.minimum(hop[a][reached], h + 1)
        self.ids, place = {}, {}
        for t, hops in hop.items():
            order = np.argsort(hops, kind="stable")
            self.ids[t] = order[: int((hops <= layers).sum())]
            place[t] = np.empty(len(order), np.int64)
            place[t][order] = np.arange(len(order))
        self.rows = [{t: int((hops <= h).sum()) for t, hops in hop.items()} for h in range(layers + 1)]
        self.index, self.edges = {}, [{} for _ in range(layers)]
        for key, (s, d) in graph.edges.items():
            at = hop[key[2]][d]
            keep = at < layers
            if not keep.any():
                continue
            s, d, at = place[key[0]][s[keep]], place[key[2]][d[keep]], at[keep]
            order = np.lexsort((s, d))
            self.index[key] = (s[order], d[order])
            for h in range(layers):
                self.edges[h][key] = int((at <= h).sum())
