#!/usr/bin/env python3
"""Records what torch_geometric's GATConv, HGTConv and HANConv give and what their gradients are.

    python3 make.py        (with torch and torch_geometric) writes rgat.json, hgt.json and han.json beside it

Two layers over a small graph with a relation of no edges, parallel relations and isolated nodes; all in
float64. Weights are stored under heddle's names, matrices as [in, out]. HANConv is recorded over a graph in
which every node has an edge of every relation into it, with all nodes in the batch: there the mean over the
destinations that have an edge is that over all nodes.
"""

import json
import os

import torch
from torch_geometric.nn import GATConv, HANConv, HGTConv

torch.set_default_dtype(torch.float64)
HIDDEN, HEADS, CLASSES = 4, 2, 3
NODES = {"author": 5, "paper": 6, "topic": 3}
RELATIONS = {
    ("author", "reviews", "paper"): [[0, 2, 2], [1, 1, 4]],
    ("author", "writes", "paper"): [[0, 1, 1, 3, 3, 0], [0, 0, 1, 1, 4, 4]],
    ("paper", "cites", "paper"): [[0, 1, 4, 2, 2], [1, 1, 1, 0, 4]],
    ("paper", "rev_about", "topic"): [[0, 0, 1, 4], [0, 1, 1, 2]],
    ("paper", "rev_writes", "author"): [[0, 0, 1, 1, 4, 4], [0, 1, 1, 3, 3, 0]],
    ("topic", "about", "paper"): [[0, 1, 1, 2], [0, 0, 1, 4]],
    ("topic", "mentions", "paper"): [[], []],
}
SEEDS = [0, 1, 2, 4, 5]  # 5 has no edge at all
METAPATHS = {
    ("author", "apa", "author"): [[0, 1, 2, 3, 4, 1, 0, 3, 4], [0, 1, 2, 3, 4, 0, 1, 1, 2]],
    ("author", "writes", "paper"): [[0, 1, 1, 2, 3, 4, 0], [0, 1, 2, 3, 4, 5, 5]],
    ("paper", "pap", "paper"): [[0, 1, 2, 3, 4, 5, 1, 0, 5, 2], [0, 1, 2, 3, 4, 5, 0, 1, 2, 5]],
    ("paper", "ptp", "paper"): [[0, 1, 2, 3, 4, 5, 4, 3, 1], [0, 1, 2, 3, 4, 5, 3, 4, 3]],
}


def rows(n, *shape):
    return (torch.rand(n, *shape) * 2 - 1).requires_grad_()


def edges(relation):
    return torch.tensor(RELATIONS[relation], dtype=torch.long).reshape(2, -1)


def relation_name(layer, relation, name):
    return "convs.%d.convs.<%s>.%s" % (layer, "___".join(relation), name)


def make_rgat(inputs):
    weights, x = {}, dict(inputs)
    for layer in range(2):
        last = layer == 1
        out = CLASSES if last else HIDDEN
        size = out if last else out // HEADS
        root, bias = rows(HIDDEN, out), rows(out)
        weights["convs.%d.root" % layer], weights["convs.%d.bias" % layer] = root, bias
        new = {t: x[t] @ root + bias for t in x}
        for relation in sorted(RELATIONS):
            source, _, destination = relation
            conv = GATConv((HIDDEN, HIDDEN), size, heads=HEADS, concat=not last, add_self_loops=False,
                           bias=False, negative_slope=0.2)
            mine = {"lin_src.weight": rows(HIDDEN, HEADS * size), "lin_dst.weight": rows(HIDDEN, HEADS * size),
                    "att_src": rows(HEADS, size), "att_dst": rows(HEADS, size)}
            for name, value in mine.items():
                weights[relation_name(layer, relation, name)] = value
            functional = {"lin_src.weight": mine["lin_src.weight"].t(), "lin_dst.weight": mine["lin_dst.weight"].t(),
                          "att_src": mine["att_src"][None], "att_dst": mine["att_dst"][None]}
            message = torch.func.functional_call(conv, functional, ((x[source], x[destination]), edges(relation)),
                                                 {"size": (NODES[source], NODES[destination])})
            new[destination] = new[destination] + message
        x = new if last else {t: torch.relu(v) for t, v in new.items()}
    return weights, x["paper"]


def make_hgt(inputs):
    weights, x = {}, dict(inputs)
    for layer in range(2):
        conv = HGTConv(HIDDEN, HIDDEN, (sorted(NODES), sorted(RELATIONS)), heads=HEADS)
        size = HIDDEN // HEADS
        functional = {}
        for t in sorted(NODES):
            parts = {}
            for name in ("k_lin", "q_lin", "v_lin", "a_lin"):
                w, b = rows(HIDDEN, HIDDEN), rows(HIDDEN)
                weights["convs.%d.%s_dict.%s.weight" % (layer, name, t)] = w
                weights["convs.%d.%s_dict.%s.bias" % (layer, name, t)] = b
                parts[name] = (w, b)
            kqv = [parts["k_lin"], parts["q_lin"], parts["v_lin"]]
            functional["kqv_lin.lins.%s.weight" % t] = torch.cat([w.t() for w, _ in kqv])
            functional["kqv_lin.lins.%s.bias" % t] = torch.cat([b for _, b in kqv])
            functional["out_lin.lins.%s.weight" % t] = parts["a_lin"][0].t()
            functional["out_lin.lins.%s.bias" % t] = parts["a_lin"][1]
            skip = rows(1)
            weights["convs.%d.skip_dict.%s" % (layer, t)] = skip
            functional["skip.%s" % t] = skip
        keys, values = {}, {}
        for relation in sorted(RELATIONS):
            keys[relation], values[relation] = rows(HEADS, size, size), rows(HEADS, size, size)
            prior = rows(HEADS)
            weights[relation_name(layer, relation, "a_rel")] = keys[relation]
            weights[relation_name(layer, relation, "m_rel")] = values[relation]
            weights[relation_name(layer, relation, "p_rel")] = prior
            functional["p_rel.%s" % "__".join(relation)] = prior[None]
        order = sorted(RELATIONS, key=lambda r: conv.edge_types_map[r])
        functional["k_rel.weight"] = torch.stack([keys[r][h] for h in range(HEADS) for r in order])
        functional["v_rel.weight"] = torch.stack([values[r][h] for h in range(HEADS) for r in order])
        x = torch.func.functional_call(conv, functional, (x, {r: edges(r) for r in sorted(RELATIONS)}))
    w, b = rows(HIDDEN, CLASSES), rows(CLASSES)
    weights["convs.1.lin.weight"], weights["convs.1.lin.bias"] = w, b
    return weights, x["paper"] @ w + b


def make_han(inputs):
    types, relations = ["author", "paper"], sorted(METAPATHS)
    weights, x = {}, {t: inputs[t] for t in types}
    for layer in range(2):
        conv = HANConv(HIDDEN, HIDDEN, (types, relations), heads=HEADS, negative_slope=0.2)
        functional = {}
        for t in types:  # the inputs of a model are the first projection
            w, b = (rows(HIDDEN, HIDDEN), rows(HIDDEN)) if layer else (torch.eye(HIDDEN), torch.zeros(HIDDEN))
            if layer:
                weights["convs.%d.proj_dict.%s.weight" % (layer, t)] = w
                weights["convs.%d.proj_dict.%s.bias" % (layer, t)] = b
            functional["proj.%s.weight" % t], functional["proj.%s.bias" % t] = w.t(), b
        for relation in relations:
            for name in ("lin_src", "lin_dst"):
                value = rows(HEADS, HIDDEN // HEADS)
                weights[relation_name(layer, relation, name)] = value
                functional["%s.%s" % (name, "__".join(relation))] = value[None]
        w, b, q = rows(HIDDEN, HIDDEN), rows(HIDDEN), rows(1, HIDDEN)
        for name, value in (("k_lin.weight", w), ("k_lin.bias", b), ("q", q)):
            weights["convs.%d.%s" % (layer, name)] = value
        functional.update({"k_lin.weight": w.t(), "k_lin.bias": b, "q": q})
        edge_index = {r: torch.tensor(METAPATHS[r], dtype=torch.long) for r in relations}
        x = torch.func.functional_call(conv, functional, (x, edge_index))
    w, b = rows(HIDDEN, CLASSES), rows(CLASSES)
    weights["convs.1.lin.weight"], weights["convs.1.lin.bias"] = w, b
    return weights, x["paper"] @ w + b


def record(name, make, seed, relations=RELATIONS, seeds=SEEDS, more={}):
    torch.manual_seed(seed)
    inputs = {t: rows(n, HIDDEN) for t, n in NODES.items()}
    labels = torch.randint(CLASSES, (NODES["paper"],))
    weights, logits = make(inputs)
    loss = torch.nn.functional.cross_entropy(logits[seeds], labels[seeds])
    loss.backward()
    unused = [n for n, w in weights.items() if w.grad is None]  # of the last layer's other types
    out = {
        "encoder": name, "hidden_size": HIDDEN, "num_heads": HEADS, "nodes": NODES, "seeds": seeds,
        "relations": [{"triple": list(r), "edges": e} for r, e in sorted(relations.items())],
        "labels": labels.tolist(), "logits": logits[seeds].tolist(), "loss": loss.item(),
        "states": {n: w.tolist() for n, w in weights.items() if n not in unused},
        "rows": {t: v.tolist() for t, v in inputs.items()},
        "gradients": {n: w.grad.tolist() for n, w in weights.items() if n not in unused},
    }
    out.update(more)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".json")
    with open(path, "w") as file:
        json.dump(json.loads(json.dumps(out), parse_float=lambda x: round(float(x), 12)), file)
        file.write("\n")


record("rgat", make_rgat, 1)
record("hgt", make_hgt, 2)
record("han", make_han, 3, METAPATHS, list(range(NODES["paper"])),
       {"model": {"activation": "relu", "relations": [list(r) for r in sorted(METAPATHS)]}})
