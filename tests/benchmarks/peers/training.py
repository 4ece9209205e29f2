"""What both peers share: rows before the first layer, and the loop of a training epoch."""
import argparse
import json
import time

import numpy as np
import torch
import torch.nn.functional as F


class Inputs(torch.nn.Module):
    """The rows before the first layer: the sum of a linear map of each feature and learnable rows."""

    def __init__(self, graph, spec, types, rows):
        super().__init__()
        self.tables, self.weights, self.data = torch.nn.ModuleDict(), torch.nn.ParameterDict(), {}
        for index, t in enumerate(types):
            has_features, learnable = spec.inputs(t)
            if learnable:
                self.tables[str(index)] = torch.nn.Embedding(graph.counts[t], spec.hidden, sparse=rows is None)
            parts = list(graph.features(t)) if has_features else []
            for number, part in enumerate(parts):
                width = part[3] if isinstance(part, tuple) else part.shape[1]
                self.weights[f"{index}-{number}"] = torch.randn(width, spec.hidden) * width ** -0.5
            if rows is not None:
                parts = [cut(part, rows[t]) for part in parts]
            self.data[t] = (str(index), [torch.from_numpy(p) if not isinstance(p, tuple) else p for p in parts])
        self.hidden, self.whole = spec.hidden, rows is None

    def forward(self, ids):
        """`ids`: of the rows of each type. Features of a full-graph step are cut to them already."""
        out = {}
        for t, rows in ids.items():
            index, parts = self.data[t]
            sums = [self.tables[index](rows)] if index in self.tables else []
            for number, part in enumerate(parts):
                weight = self.weights[f"{index}-{number}"]
                if isinstance(part, tuple):
                    if self.whole:  # a batch
                        part = cut(part, rows.numpy())
                    sums.append(F.embedding_bag(part[1], weight, part[0][:-1], mode="sum", per_sample_weights=part[2]))
                else:
                    sums.append((part if len(part) == len(rows) else part[rows]) @ weight)
            out[t] = sum(sums[1:], sums[0]) if sums else torch.zeros(len(rows), self.hidden)
        return out


def cut(part, rows):
    """The rows of a feature; sparse ones as (offsets, indices, values)."""
    if not isinstance(part, tuple):
        return part[rows]
    pointers, indices, values, _ = part
    counts = np.diff(pointers)[rows]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    at = np.repeat(pointers[rows] - offsets[:-1], counts) + np.arange(offsets[-1])
    values = np.ones(len(at), np.float32) if values is None else values[at].astype(np.float32)
    return torch.from_numpy(offsets), torch.from_numpy(indices[at]), torch.from_numpy(values)


class Peer(torch.nn.Module):
    """A model of the spec: inputs, layers with a root product each, and for hgt a head instead.
    `make_layer(width, last)`: the peer's own layer for rows of `width`."""

    def __init__(self, graph, spec, types, rows, make_layer):
        super().__init__()
        self.spec, self.target = spec, graph.target
        self.inputs = Inputs(graph, spec, types, rows)
        widths = [spec.hidden] * (spec.layers - 1) + [graph.classes]
        self.layers = torch.nn.ModuleList(make_layer(width, index + 1 == spec.layers)
                                          for index, width in enumerate(widths))
        transformer = spec.encoder == "hgt"
        self.roots = torch.nn.ModuleList() if transformer else torch.nn.ModuleList(
            torch.nn.Linear(spec.hidden, width) for width in widths)
        self.head = torch.nn.Linear(spec.hidden, graph.classes) if transformer else None

    def bend(self, layer, x):
        """What hidden layers end with."""
        return x if layer + 1 == self.spec.layers else F.dropout(x.relu(), self.spec.dropout, self.training)


def peer_arguments(text):
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graph")
    parser.add_argument("spec")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0, help="processes that sample ahead; batches only")
    parser.add_argument("--most-steps", type=int, default=0, help="of an epoch that are run; its seconds are scaled (0: all)")
    return parser


def begin(parser):
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    return arguments


def make_optimizers(model, spec):
    """Adam, fused where PyTorch has it, and SparseAdam for the learnable rows of batches."""
    sparse = [] if spec.full_graph else list(model.inputs.tables.parameters())
    known = {id(p) for p in sparse}
    dense = [p for p in model.parameters() if id(p) not in known]
    fused = {"fused": True} if tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 4) else {}
    optimizers = [torch.optim.Adam(dense, lr=spec.lr, **fused)]
    if sparse:
        optimizers.append(torch.optim.SparseAdam(sparse, lr=spec.lr))
    return optimizers


def step(model, optimizers, inputs, labels):
    """A training step; returns the loss."""
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(model(*inputs)[: len(labels)], labels)
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
    return loss


def train(model, batches, spec, epochs, most_steps, seeds):
    """`batches()` gives an epoch's (arguments of the model ..., labels of its first rows); it has `seeds` in all."""
    optimizers = make_optimizers(model, spec)
    times, loss = [], None
    model.train()
    for _ in range(epochs):
        done, seen, start = 0, 0, time.perf_counter()
        for *inputs, labels in batches():
            loss = step(model, optimizers, inputs, labels)
            done, seen = done + 1, seen + len(labels)
            if done == most_steps:
                break
        times.append((time.perf_counter() - start) * seeds / seen)
    print(json.dumps({"epoch_seconds": times, "steps_run": done, "last_loss": float(loss.detach()),
                      "edges_per_step": getattr(model, "sampled", 0) / (done * epochs), "torch": torch.__version__}))
