"""Trains a spec's model in PyTorch Geometric: prints JSON with the seconds of each epoch and the last loss.

    with_pyg.py GRAPH SPEC --form edge_index|csr|sparse [--epochs 3] [--threads 2] [--workers 0] [--most-steps 0]

Layers are PyG's own: rgcn HeteroConv of SAGEConv(mean), rgat HeteroConv of GATConv, hgt HGTConv. Steps are trimmed: a layer
computes only rows that the next one reads. `csr` (rgcn): adjacencies as torch.sparse CSR; `sparse` (rgcn and rgat, batches):
as torch_sparse.SparseTensor. Full-graph steps are given the closure of the training nodes, and making it is not timed; batches come
from NeighborLoader, which is part of the epoch. With torch-sparse alone it does not say which rows and edges are of which
hop, as trimming needs (with pyg-lib it does); that is read off the order of its edges. Learnable rows: a dense Adam, and SparseAdam where
there are batches. Not tried: RGCNConv and FastRGCNConv in batches (one loop over relations in one node space, of which
../pyg_rgcn.py has the figure; a matrix for each edge), HGTLoader (it samples something else than Heddle and DGL).
"""
import numpy as np
import torch
from torch_geometric.data import HeteroData
from torch_geometric.loader import NeighborLoader
from torch_geometric.nn import GATConv, HGTConv, HeteroConv, SAGEConv

try:
    from torch_sparse import SparseTensor
except ImportError:
    SparseTensor = None  # only a form of batches needs it

from graph import Closure, Graph, Spec
from training import Peer, begin, peer_arguments, train


class Model(Peer):
    def __init__(self, graph, spec, types, relations, rows):
        def make_layer(width, last):
            if spec.encoder == "hgt":
                return HGTConv(spec.hidden, spec.hidden, (types, relations), spec.heads)
            if spec.encoder == "rgat":
                make = lambda: GATConv((spec.hidden, spec.hidden), width if last else width // spec.heads, spec.heads,
                                       concat=not last, add_self_loops=False, bias=False)
            else:
                make = lambda: SAGEConv(spec.hidden, width, aggr="mean", root_weight=False, bias=False)
            return HeteroConv({key: make() for key in relations}, aggr="sum")

        super().__init__(graph, spec, types, rows, make_layer)

    def forward(self, ids, adjacency, rows, edges):
        """`adjacency`: an edge_index for each relation, or for each layer a matrix for each."""
        x = self.inputs(ids)
        for layer, convs in enumerate(self.layers):
            hop = self.spec.layers - 1 - layer
            if isinstance(adjacency, list):
                index = adjacency[layer]
            else:
                index = {key: at[:, : edges[hop][key]] for key, at in adjacency.items() if edges[hop].get(key)}
            x = {t: values[: rows[hop + 1][t]] for t, values in x.items() if rows[hop + 1].get(t)}
            if self.head is not None:
                x = convs(x, index)
                x = {t: values[: rows[hop][t]] for t, values in x.items() if values is not None}
            else:
                mine = {t: values[: rows[hop][t]] for t, values in x.items() if rows[hop].get(t)}
                sums = convs({key: (x[key[0]], mine[key[2]]) for key in index}, index)
                x = {t: self.roots[layer](own) + sums[t] if t in sums else self.roots[layer](own)
                     for t, own in mine.items()}
            x = {t: self.bend(layer, values) for t, values in x.items()}
        return x[self.target] if self.head is None else self.head(x[self.target])


def csr(index, rows, columns):
    source, destination = index
    pointers = np.concatenate([[0], np.bincount(destination, minlength=rows).cumsum()])
    return torch.sparse_csr_tensor(torch.from_numpy(pointers), torch.from_numpy(source), torch.ones(len(source)),
                                   size=(rows, columns))


def full_graph_steps(graph, spec, form):
    """(model, function that gives an epoch's batches)"""
    closure = Closure(graph, spec.layers)
    types = [t for t, ids in closure.ids.items() if len(ids)]
    model = Model(graph, spec, types, list(closure.index), closure.ids)
    if form == "csr":
        adjacency = []
        for layer in range(spec.layers):
            hop = spec.layers - 1 - layer
            adjacency.append({key: csr((s[: closure.edges[hop][key]], d[: closure.edges[hop][key]]),
                                       closure.rows[hop][key[2]], closure.rows[hop + 1][key[0]])
                              for key, (s, d) in closure.index.items() if closure.edges[hop][key]})
    else:
        adjacency = {key: torch.from_numpy(np.stack(pair)) for key, pair in closure.index.items()}
    ids = {t: torch.from_numpy(closure.ids[t]) for t in types}
    labels = torch.from_numpy(graph.labels[closure.ids[graph.target][: len(graph.train)]])
    return model, lambda: [(ids, adjacency, closure.rows, closure.edges, labels)]


def hops_of(batch, spec, target):
    """`rows`, `edges` as Closure has them, of a batch: nodes lie in the order of the hop that first reaches them, edges in
    that of their destination."""
    if getattr(batch[target], "num_sampled_nodes", None) is not None:
        rows = [{t: sum(batch[t].num_sampled_nodes[: h + 1]) for t in batch.node_types} for h in range(spec.layers + 1)]
        edges = [{key: sum(batch[key].num_sampled_edges[: h + 1]) for key in batch.edge_types} for h in range(spec.layers)]
        return rows, edges
    rows, edges = [dict.fromkeys(batch.node_types, 0)], []
    rows[0][target] = batch[target].batch_size
    index = {key: batch[key].edge_index.numpy() for key in batch.edge_types}
    index = {key: pair for key, pair in index.items() if pair.shape[1]}
    for h in range(spec.layers):
        edges.append({key: int(np.searchsorted(pair[1], rows[h][key[2]])) for key, pair in index.items()})
        rows.append(dict(rows[h]))
        for key, pair in index.items():
            begin = edges[h - 1][key] if h else 0
            if edges[h][key] > begin:
                rows[h + 1][key[0]] = max(rows[h + 1][key[0]], int(pair[0, begin : edges[h][key]].max()) + 1)
    return rows, edges


def sampled_steps(graph, spec, form, workers):
    data = HeteroData()
    for t, count in graph.counts.items():
        data[t].num_nodes = count
    for key, pair in graph.edges.items():
        data[key].edge_index = torch.from_numpy(np.stack(pair))
    labels = torch.from_numpy(graph.labels)
    loader = NeighborLoader(data, num_neighbors=spec.fanout, input_nodes=(graph.target, torch.from_numpy(graph.train)),
                            batch_size=spec.batch_size, shuffle=True, num_workers=workers,
                            persistent_workers=workers > 0)
    model = Model(graph, spec, list(graph.counts), list(graph.edges), None)
    model.sampled = 0

    def matrix(pair, rows, columns):
        if form == "csr":
            return csr(pair.numpy(), rows, columns)
        return SparseTensor(row=pair[1], col=pair[0], sparse_sizes=(rows, columns), is_sorted=True, trust_data=True)

    def batches():
        for batch in loader:
            ids = {t: batch[t].n_id for t in batch.node_types if batch[t].num_nodes}
            rows, edges = hops_of(batch, spec, graph.target)
            model.sampled += sum(sum(each.values()) for each in edges)  # what the layers aggregate
            adjacency = batch.edge_index_dict
            if form != "edge_index":
                adjacency = [{key: matrix(adjacency[key][:, :count], rows[hop][key[2]], rows[hop + 1][key[0]])
                              for key, count in edges[hop].items() if count} for hop in reversed(range(spec.layers))]
            seeds = ids[graph.target][: batch[graph.target].batch_size]
            yield ids, adjacency, rows, edges, labels[seeds]
    return model, batches


def main():
    parser = peer_arguments(__doc__)
    parser.add_argument("--form", choices=["edge_index", "csr", "sparse"], default="edge_index")
    arguments = begin(parser)
    spec = Spec(arguments.spec)
    graph = Graph(arguments.graph, spec)
    model, batches = (full_graph_steps(graph, spec, arguments.form) if spec.full_graph
                      else sampled_steps(graph, spec, arguments.form, arguments.workers))
    train(model, batches, spec, arguments.epochs, arguments.most_steps, len(graph.train))


if __name__ == "__main__":
    main()
