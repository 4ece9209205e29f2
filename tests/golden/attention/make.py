#!/usr/bin/env python3
"""Records what torch_geometric's GATConv and HGTConv give and what their gradients are.

    python3 make.py        (with torch and torch_geometric) writes the .json files beside it

rgat_edges is GATConv with edge_dim where a relation has features; rgcn_weighted is R-GCN with weighted
means, in plain torch.

Two layers over a small graph with a relation of no edges, parallel relations and isolated nodes; all in
float64. Weights are stored under heddle's names, matrices as [in, out].
"""

import json
import os

import torch
from torch_geometric.nn import GATConv, HGTConv

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
VIEWS = {("paper", "rev_writes", "author"): ("author", "writes", "paper")}  # the same edges, against
SEEDS = [0, 1, 2, 4, 5]  # 5 has no edge at all


def rows(n, *shape):
    return (torch.rand(n, *shape) * 2 - 1).requires_grad_()


def edges(relation):
    return torch.tensor(RELATIONS[relation], dtype=torch.long).reshape(2, -1)


def relation_name(layer, relation, name):
    return "convs.%d.convs.<%s>.%s" % (layer, "___".join(relation), name)


def edge_data(dims):
    """Rows for the edges of some relations, those of a view being its base's; of float32, as they are read."""
    data = {r: torch.rand(len(RELATIONS[r][0]), dim) * 2 - 1 for r, dim in sorted(dims.items())}
    data = {r: v.float().double() for r, v in data.items()}
    for view, base in VIEWS.items():
        if base in data:
            data[view] = data[base]
    return data


def make_rgat(inputs, data={}):
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
            own = data.get(relation)
            conv = GATConv((HIDDEN, HIDDEN), size, heads=HEADS, concat=not last, add_self_loops=False,
                           bias=False, negative_slope=0.2, edge_dim=None if own is None else own.shape[1])
            mine = {"lin_src.weight": rows(HIDDEN, HEADS * size), "lin_dst.weight": rows(HIDDEN, HEADS * size),
                    "att_src": rows(HEADS, size), "att_dst": rows(HEADS, size)}
            if own is not None:
                mine["lin_edge.weight"] = rows(own.shape[1], HEADS * size)
                mine["att_edge"] = rows(HEADS, size)
            for name, value in mine.items():
                weights[relation_name(layer, relation, name)] = value
            functional = {"lin_src.weight": mine["lin_src.weight"].t(), "lin_dst.weight": mine["lin_dst.weight"].t(),
                          "att_src": mine["att_src"][None], "att_dst": mine["att_dst"][None]}
            if own is not None:
                functional["lin_edge.weight"] = mine["lin_edge.weight"].t()
                functional["att_edge"] = mine["att_edge"][None]
            message = torch.func.functional_call(conv, functional, ((x[source], x[destination]), edges(relation), own),
                                                 {"size": (NODES[source], NODES[destination])})
            new[destination] = new[destination] + message
        x = new if last else {t: torch.relu(v) for t, v in new.items()}
    return weights, x["paper"]


def make_rgcn(inputs, data):
    weights, x = {}, dict(inputs)
    for layer in range(2):
        last = layer == 1
        out = CLASSES if last else HIDDEN
        root, bias = rows(HIDDEN, out), rows(out)
        weights["convs.%d.root" % layer], weights["convs.%d.bias" % layer] = root, bias
        new = {t: x[t] @ root + bias for t in x}
        for relation in sorted(RELATIONS):
            source, _, destination = relation
            weight = rows(HIDDEN, out)
            weights[relation_name(layer, relation, "weight")] = weight
            (from_, to), w = edges(relation), data.get(relation, torch.ones(len(RELATIONS[relation][0]), 1))
            total = torch.zeros(NODES[destination], 1).index_add(0, to, w)
            mean = torch.zeros(NODES[destination], HIDDEN).index_add(0, to, w * x[source][from_]) / total
            new[destination] = new[destination] + torch.where(total == 0, 0.0, mean) @ weight
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


def record(name, make, seed, encoder=None, key=None, dims={}):
    torch.manual_seed(seed)
    data = edge_data(dims)
    if key == "edge_weight":
        data = {r: (v + 1.25).float().double() for r, v in data.items()}
    inputs = {t: rows(n, HIDDEN) for t, n in NODES.items()}
    labels = torch.randint(CLASSES, (NODES["paper"],))
    weights, logits = make(inputs, data) if data else make(inputs)
    loss = torch.nn.functional.cross_entropy(logits[SEEDS], labels[SEEDS])
    loss.backward()
    unused = [n for n, w in weights.items() if w.grad is None]  # of the last layer's other types
    out = {
        "encoder": name, "hidden_size": HIDDEN, "num_heads": HEADS, "nodes": NODES, "seeds": SEEDS,
        "relations": [{"triple": list(r), "edges": e} for r, e in sorted(RELATIONS.items())],
        "labels": labels.tolist(), "logits": logits[SEEDS].tolist(), "loss": loss.item(),
        "states": {n: w.tolist() for n, w in weights.items() if n not in unused},
        "rows": {t: v.tolist() for t, v in inputs.items()},
        "gradients": {n: w.grad.tolist() for n, w in weights.items() if n not in unused},
    }
    if data:
        out["encoder"], out["edge_features"] = encoder, {key: "e"}
        for relation in out["relations"]:
            triple = tuple(relation["triple"])
            if triple in VIEWS:
                relation["view_of"] = VIEWS[triple]
            elif triple in data:
                relation["e"] = data[triple].tolist()
                relation["dim"] = data[triple].shape[1]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".json")
    with open(path, "w") as file:
        json.dump(json.loads(json.dumps(out), parse_float=lambda x: round(float(x), 12)), file)
        file.write("\n")


record("rgat", make_rgat, 1)
record("hgt", make_hgt, 2)
record("rgat_edges", make_rgat, 3, "rgat", "edge_attr", {
    ("author", "writes", "paper"): 3, ("paper", "cites", "paper"): 2, ("topic", "mentions", "paper"): 4})
record("rgcn_weighted", make_rgcn, 4, "rgcn", "edge_weight", {
    ("author", "writes", "paper"): 1, ("paper", "cites", "paper"): 1, ("topic", "about", "paper"): 1})
