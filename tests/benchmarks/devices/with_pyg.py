"""Times training steps of a spec's model in PyTorch Geometric on a GPU: prints JSON.

    with_pyg.py GRAPH SPEC [--steps 30] [--samples 8] [--host-features]

The model is that of peers/with_pyg.py, with its weights, learnable rows and (unless --host-features) features on the
GPU. Batches are sampled beforehand, as NeighborLoader would (neighbours of rows that are new at a hop), and brought to
the GPU beforehand: neither is in the time, so an epoch of PyG's own is longer than steps times this.
"""
import json
import os
import sys
import time

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers"))
from graph import Graph, Spec  # noqa: E402
from training import begin, make_optimizers, peer_arguments, step  # noqa: E402
from with_pyg import Model  # noqa: E402


class Sampler:
    def __init__(self, graph, spec):
        self.graph, self.spec, self.random = graph, spec, np.random.default_rng(0)
        self.csc = {}
        for key, (source, destination) in graph.edges.items():
            order = np.lexsort((source, destination))
            pointers = np.zeros(graph.counts[key[2]] + 1, np.int64)
            np.add.at(pointers, destination + 1, 1)
            self.csc[key] = pointers.cumsum(), source[order]
        self.place = {t: np.full(n, -1, np.int64) for t, n in graph.counts.items()}

    def neighbours(self, key, ids, fanout):
        """(edges' sources, position of their destination in ids): at most `fanout` a row, all different."""
        pointers, sources = self.csc[key]
        degree = pointers[ids + 1] - pointers[ids]
        at = np.repeat(np.arange(len(ids)), degree)
        edges = np.arange(degree.sum()) - np.repeat(degree.cumsum() - degree, degree) + np.repeat(pointers[ids], degree)
        order = np.lexsort((self.random.random(len(edges)), at))
        rank = np.arange(len(edges)) - np.repeat(degree.cumsum() - degree, degree)
        chosen = order[rank < fanout]
        return sources[edges[chosen]], at[chosen]

    def sample(self, seeds):
        types = list(self.graph.counts)
        ids = {t: [np.empty(0, np.int64)] for t in types}
        ids[self.graph.target] = [seeds]
        self.place[self.graph.target][seeds] = np.arange(len(seeds))
        known = {t: len(ids[t][0]) for t in types}
        rows = [dict(known)]
        pairs, edges, newest = {key: [] for key in self.csc}, [], {t: ids[t][0] for t in types}
        first = {t: 0 for t in types}
        for fanout in self.spec.fanout:
            found, begins = {t: [] for t in types}, dict(known)
            for key in self.csc:
                if not len(newest[key[2]]):
                    continue
                source, at = self.neighbours(key, newest[key[2]], fanout)
                fresh = np.unique(source[self.place[key[0]][source] < 0])
                self.place[key[0]][fresh] = known[key[0]] + np.arange(len(fresh))
                known[key[0]] += len(fresh)
                found[key[0]].append(fresh)
                pairs[key].append(np.stack([self.place[key[0]][source], at + first[key[2]]]))
            newest = {t: np.concatenate(found[t]) if found[t] else np.empty(0, np.int64) for t in types}
            first = begins
            for t in types:
                ids[t].append(newest[t])
            rows.append(dict(known))
            edges.append({key: sum(part.shape[1] for part in parts) for key, parts in pairs.items()})
        ids = {t: np.concatenate(parts) for t, parts in ids.items()}
        for t, values in ids.items():
            self.place[t][values] = -1
        index = {key: torch.from_numpy(np.concatenate(parts, 1)) for key, parts in pairs.items() if parts}
        return {t: torch.from_numpy(v) for t, v in ids.items() if len(v)}, index, rows, edges


def main():
    parser = peer_arguments(__doc__)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--samples", type=int, default=8, help="different batches")
    parser.add_argument("--host-features", action="store_true")
    arguments = begin(parser)
    spec = Spec(arguments.spec)
    graph = Graph(arguments.graph, spec)
    model = Model(graph, spec, list(graph.counts), list(graph.edges), None)
    sampler, random, batches = Sampler(graph, spec), np.random.default_rng(1), []
    for _ in range(arguments.samples):
        seeds = np.sort(random.choice(graph.train, spec.batch_size, replace=False))
        ids, index, rows, edges = sampler.sample(seeds)
        batches.append(({t: v.cuda() for t, v in ids.items()}, {key: v.cuda() for key, v in index.items()}, rows, edges,
                        torch.from_numpy(graph.labels[seeds]).cuda()))
    model.cuda()
    for t, (index, parts) in model.inputs.data.items():
        model.inputs.data[t] = index, [part.pin_memory() if arguments.host_features else part.cuda() for part in parts]
    optimizers = make_optimizers(model, spec)
    torch.backends.cuda.matmul.allow_tf32 = False
    times = []
    for number in range(arguments.steps):
        *inputs, labels = batches[number % len(batches)]
        torch.cuda.synchronize()
        start = time.perf_counter()
        step(model, optimizers, inputs, labels).item()
        times.append(time.perf_counter() - start)
    steps = -(-len(graph.train) // spec.batch_size)
    median = float(np.median(times[len(batches):]))
    print(json.dumps({"encoder": spec.encoder, "step_seconds": median, "steps_of_an_epoch": steps,
                      "epoch_seconds_at_least": steps * median, "peak_bytes": torch.cuda.max_memory_allocated(),
                      "torch": torch.__version__, "device": torch.cuda.get_device_name()}))


if __name__ == "__main__":
    main()
