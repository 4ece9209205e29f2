"""Trains a spec's model in DGL: prints JSON with the seconds of each epoch and the last loss.

    with_dgl.py GRAPH SPEC [--epochs 3] [--threads 2] [--workers 0]

Layers are DGL's own: rgcn HeteroGraphConv of GraphConv(norm="right"), rgat HeteroGraphConv of GATConv, hgt HGTConv over
one node space. Full-graph steps are blocks of the closure of the training nodes, whose making is not timed; batches
come from NeighborSampler, which is part of the epoch (not hgt: its layer takes one node space, where DGL samples
all relations together). Learnable rows: a dense Adam, and SparseAdam where there are batches.
"""
import dgl
import dgl.nn.pytorch as dglnn
import numpy as np
import torch

from graph import Closure, Graph, Spec
from training import Peer, begin, peer_arguments, train


class Model(Peer):
    """`names`: DGL's name of each relation, which must be unique."""

    def __init__(self, graph, spec, types, names, rows):
        def make_layer(width, last):
            if spec.encoder == "hgt":
                return dglnn.HGTConv(spec.hidden, spec.hidden // spec.heads, spec.heads, len(types), len(names))
            if spec.encoder == "rgat":
                make = lambda: dglnn.GATConv((spec.hidden, spec.hidden), width if last else width // spec.heads,
                                             spec.heads, bias=False, allow_zero_in_degree=True)
            else:
                make = lambda: dglnn.GraphConv(spec.hidden, width, norm="right", bias=False, allow_zero_in_degree=True)
            return dglnn.HeteroGraphConv({name: make() for name in names.values()}, aggregate="sum")

        super().__init__(graph, spec, types, rows, make_layer)

    def forward(self, ids, blocks):
        x = self.inputs(ids)
        if self.head is not None:
            return self.transform(x, blocks)
        for layer, (convs, block) in enumerate(zip(self.layers, blocks)):
            sums = convs(block, x)
            out = {}
            for t in block.dsttypes:
                if not block.num_dst_nodes(t):
                    continue
                own = self.roots[layer](x[t][: block.num_dst_nodes(t)])
                if t in sums:
                    own = own + (self.heads(layer, sums[t]) if self.spec.encoder == "rgat" else sums[t])
                out[t] = self.bend(layer, own)
            x = out
        return x[self.target]

    def heads(self, layer, rows):
        return rows.mean(1) if layer + 1 == self.spec.layers else rows.flatten(1)

    def transform(self, x, blocks):
        """HGT: rows of all types in one space, in the order of `order` of each block's sources."""
        rows = torch.cat(list(x.values()))[blocks[0].srcdata["from"]]
        for layer, (conv, block) in enumerate(zip(self.layers, blocks)):
            rows = self.bend(layer, conv(block, rows, block.srcdata["type"], block.edata["relation"]))
        return self.head(rows)


def full_graph_steps(graph, spec):
    closure = Closure(graph, spec.layers)
    types = [t for t, ids in closure.ids.items() if len(ids)]
    names = {key: f"r{index}" for index, key in enumerate(closure.index)}
    model = Model(graph, spec, types, names, closure.ids)
    make = one_space_blocks if spec.encoder == "hgt" else typed_blocks
    blocks = make(closure, types, names, spec.layers)
    ids = {t: torch.from_numpy(closure.ids[t]) for t in types}
    labels = torch.from_numpy(graph.labels[closure.ids[graph.target][: len(graph.train)]])
    return model, lambda: [(ids, blocks, labels)]


def typed_blocks(closure, types, names, layers):
    blocks = []
    for hop in reversed(range(layers)):
        edges = {(a, names[a, r, b], b): tuple(x[: closure.edges[hop][a, r, b]] for x in pair)
                 for (a, r, b), pair in closure.index.items()}
        block = dgl.create_block({key: tuple(map(torch.from_numpy, pair)) for key, pair in edges.items()},
                                 {t: closure.rows[hop + 1][t] for t in types}, {t: closure.rows[hop][t] for t in types})
        blocks.append(block.formats(["csc", "csr", "coo"]))
        block.create_formats_()
    return blocks


def one_space_blocks(closure, types, names, layers):
    """Rows by hop, then type, so that destinations are the first of the sources."""
    first = dict(zip(types, np.cumsum([0] + [closure.rows[layers][t] for t in types])))
    parts = []
    for hop in range(layers + 1):
        for index, t in enumerate(types):
            begin = closure.rows[hop - 1][t] if hop else 0
            parts.append((np.arange(begin, closure.rows[hop][t]) + first[t], np.full(closure.rows[hop][t] - begin, index)))
    where = np.concatenate([p[0] for p in parts])
    kind = np.concatenate([p[1] for p in parts])
    place = np.empty(len(where), np.int64)
    place[where] = np.arange(len(where))
    blocks = []
    for hop in reversed(range(layers)):
        sources, destinations, relations = [], [], []
        for index, ((a, r, b), pair) in enumerate(closure.index.items()):
            count = closure.edges[hop][a, r, b]
            sources.append(place[pair[0][:count] + first[a]])
            destinations.append(place[pair[1][:count] + first[b]])
            relations.append(np.full(count, index))
        rows = [sum(closure.rows[h].values()) for h in (hop + 1, hop)]
        block = dgl.create_block((torch.from_numpy(np.concatenate(sources)), torch.from_numpy(np.concatenate(destinations))),
                                 *rows)
        block.edata["relation"] = torch.from_numpy(np.concatenate(relations))
        block.srcdata["type"] = torch.from_numpy(kind[: rows[0]])
        block.srcdata["from"] = torch.from_numpy(where[: rows[0]])
        block.create_formats_()
        blocks.append(block)
    return blocks


def sampled_steps(graph, spec, workers):
    if spec.encoder == "hgt":
        raise SystemExit("hgt in batches: DGL's HGTConv takes one node space, and its samplers draw no fan-out per relation there")
    names = {key: f"r{index}" for index, key in enumerate(graph.edges)}
    typed = dgl.heterograph({(a, names[a, r, b], b): tuple(map(torch.from_numpy, pair))
                             for (a, r, b), pair in graph.edges.items()}, graph.counts)
    labels = torch.from_numpy(graph.labels)
    loader = dgl.dataloading.DataLoader(typed, {graph.target: torch.from_numpy(graph.train)},
                                        dgl.dataloading.NeighborSampler(list(reversed(spec.fanout))),
                                        batch_size=spec.batch_size, shuffle=True, num_workers=workers,
                                        persistent_workers=workers > 0)
    model = Model(graph, spec, list(graph.counts), names, None)

    def batches():
        for ids, seeds, blocks in loader:
            yield {t: rows for t, rows in ids.items() if len(rows)}, blocks, labels[seeds[graph.target]]
    return model, batches


def main():
    arguments = begin(peer_arguments(__doc__))
    spec = Spec(arguments.spec)
    graph = Graph(arguments.graph, spec)
    model, batches = full_graph_steps(graph, spec) if spec.full_graph else sampled_steps(graph, spec, arguments.workers)
    train(model, batches, spec, arguments.epochs)


if __name__ == "__main__":
    main()
