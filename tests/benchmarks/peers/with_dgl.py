"""Trains a spec's model in DGL: prints JSON with the seconds of each epoch and the last loss.

    with_dgl.py GRAPH SPEC [--epochs 3] [--threads 2] [--workers 0] [--most-steps 0]

Layers are DGL's own: rgcn HeteroGraphConv of GraphConv(norm="right"), rgat HeteroGraphConv of GATConv, hgt HGTConv over
one node space. Full-graph steps are blocks of the closure of the training nodes, whose making is not timed; batches
come from NeighborSampler, for hgt from a sampler of the same fan-out per relation over the one node space
(sample_etype_neighbors), and that is part of the epoch; where there is one node type its edges are sorted for HGTConv. Learnable rows: a dense Adam, and SparseAdam where there are batches.
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
        self.sorted = len(types) == 1  # the edges are; sources of several types are not, since destinations come first

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
        """HGT: rows of all types in one space, in the order of the first block's sources."""
        rows = torch.cat(list(x.values()))[blocks[0].srcdata["from"]]
        for layer, (conv, block) in enumerate(zip(self.layers, blocks)):
            rows = self.bend(layer, conv(block, rows, block.srcdata["type"], block.edata["relation"],
                                         presorted=self.sorted))
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


class OneSpaceSampler(dgl.dataloading.BlockSampler):
    """Blocks over one node space, `fanout` neighbours of each relation; `first` edges of the relations; `is_sorted`: by
    relation."""

    def __init__(self, fanout, first, is_sorted):
        super().__init__()
        self.sorted = is_sorted
        self.fanout, self.first, self.bounds = fanout, first, torch.tensor(first[1:])

    def sample_blocks(self, g, seed_nodes, exclude_eids=None):
        seeds, blocks = seed_nodes, []
        for count in self.fanout:
            fanout = torch.full((len(self.first) - 1,), count, dtype=torch.int64)
            block = dgl.to_block(dgl.sampling.sample_etype_neighbors(g, seeds, self.first, fanout), seeds)
            seeds = block.srcdata[dgl.NID]
            relation = torch.bucketize(block.edata["id"], self.bounds, right=True)
            if self.sorted:
                relation, order = torch.sort(relation)
                ends = (x[order] for x in block.edges())
                block = dgl.create_block(tuple(ends), block.num_src_nodes(), block.num_dst_nodes())
            block.edata["relation"] = relation
            blocks.insert(0, block)
        return seeds, seed_nodes, blocks


def one_space_steps(graph, spec, workers):
    types, keys = list(graph.counts), list(graph.edges)
    first = np.cumsum([0, *graph.counts.values()])
    place = dict(zip(types, first))
    ends = [np.concatenate([graph.edges[a, r, b][side] + place[(a, b)[side]] for a, r, b in keys]) for side in (0, 1)]
    whole = dgl.graph(tuple(map(torch.from_numpy, ends)), num_nodes=int(first[-1]))
    whole.edata["id"] = torch.arange(whole.num_edges())
    whole = whole.formats(["csc"])
    whole.create_formats_()
    starts = [int(x) for x in np.cumsum([0, *(len(graph.edges[key][0]) for key in keys)])]
    begin = int(place[graph.target])
    sampler = OneSpaceSampler(spec.fanout, starts, len(types) == 1)
    loader = dgl.dataloading.DataLoader(whole, torch.from_numpy(graph.train) + begin, sampler, shuffle=True,
                                        batch_size=spec.batch_size, num_workers=workers,
                                        persistent_workers=workers > 0)
    names = {key: str(index) for index, key in enumerate(keys)}
    model = Model(graph, spec, types, names, None)
    model.sampled = 0
    labels, bounds = torch.from_numpy(graph.labels), torch.from_numpy(first[1:])

    def batches():
        for nodes, seeds, blocks in loader:
            kind = torch.bucketize(nodes, bounds, right=True)
            order = torch.argsort(kind, stable=True)
            where = torch.empty_like(order)
            where[order] = torch.arange(len(order))
            ids = {}
            for index, t in enumerate(types):
                mine = nodes[kind == index]
                if len(mine):
                    ids[t] = mine - int(first[index])
            blocks[0].srcdata["from"] = where
            for block in blocks:
                block.srcdata["type"] = kind[: block.num_src_nodes()]
                model.sampled += block.num_edges()
            yield ids, blocks, labels[seeds - begin]
    return model, batches


def sampled_steps(graph, spec, workers):
    if spec.encoder == "hgt":
        return one_space_steps(graph, spec, workers)
    names = {key: f"r{index}" for index, key in enumerate(graph.edges)}
    typed = dgl.heterograph({(a, names[a, r, b], b): tuple(map(torch.from_numpy, pair))
                             for (a, r, b), pair in graph.edges.items()}, graph.counts).formats(["csc"])
    typed.create_formats_()
    labels = torch.from_numpy(graph.labels)
    loader = dgl.dataloading.DataLoader(typed, {graph.target: torch.from_numpy(graph.train)},
                                        dgl.dataloading.NeighborSampler(list(reversed(spec.fanout))),
                                        batch_size=spec.batch_size, shuffle=True, num_workers=workers,
                                        persistent_workers=workers > 0)
    model = Model(graph, spec, list(graph.counts), names, None)
    model.sampled = 0

    def batches():
        for ids, seeds, blocks in loader:
            model.sampled += sum(block.num_edges() for block in blocks)
            # Of a graph with one node type there is no dictionary.
            ids, seeds = (x if isinstance(x, dict) else {graph.target: x} for x in (ids, seeds))
            yield {t: rows for t, rows in ids.items() if len(rows)}, blocks, labels[seeds[graph.target]]
    return model, batches


def main():
    arguments = begin(peer_arguments(__doc__))
    spec = Spec(arguments.spec)
    graph = Graph(arguments.graph, spec)
    model, batches = (full_graph_steps(graph, spec) if spec.full_graph
                      else sampled_steps(graph, spec, arguments.workers))
    train(model, batches, spec, arguments.epochs, arguments.most_steps, len(graph.train))


if __name__ == "__main__":
    main()
