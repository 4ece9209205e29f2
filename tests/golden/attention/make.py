#!/usr/bin/env python3
"""Records what torch_geometric's RGCNConv, GATConv, HGTConv, SAGEConv, GATv2Conv and HANConv and a restatement of
Simple-HGN give and what their gradients are; of the first three also what an optimizer's step makes of the weights.

    python3 make.py        (with torch and torch_geometric) writes the .json files beside it

rgcn is RGCNConv(aggr="mean") over one node space, the types one after another; its weights, root and bias are
Heddle's as they are. rgat_edges is GATConv with edge_dim where a relation has features; rgcn_weighted is R-GCN with weighted
means, in plain torch.

Two layers over a small graph with a relation of no edges, parallel relations and isolated nodes; all in
float64. Weights are stored under heddle's names, matrices as [in, out]. HANConv is recorded over a graph in
which every node has an edge of every relation into it, with all nodes in the batch: there the mean over the
destinations that have an edge is that over all nodes.
"""

import json
import os

import torch
from torch_geometric.nn import GATConv, GATv2Conv, HANConv, HGTConv, RGCNConv, SAGEConv

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


def make_rgcn(inputs):
    """RGCNConv, as it is: relations are numbered, types lie one after another in one node space."""
    weights, order = {}, sorted(RELATIONS)
    first, total = {}, 0
    for t in sorted(NODES):
        first[t], total = total, total + NODES[t]
    edge_index = torch.cat([edges(r) + torch.tensor([[first[r[0]]], [first[r[2]]]]) for r in order], 1)
    edge_type = torch.cat([torch.full((len(RELATIONS[r][0]),), i) for i, r in enumerate(order)])
    x = torch.cat([inputs[t] for t in sorted(NODES)])
    for layer in range(2):
        last = layer == 1
        out = CLASSES if last else HIDDEN
        conv = RGCNConv(HIDDEN, out, len(order), aggr="mean", root_weight=True, bias=True)
        root, bias = rows(HIDDEN, out), rows(out)
        weights["convs.%d.root" % layer], weights["convs.%d.bias" % layer] = root, bias
        each = [rows(HIDDEN, out) for _ in order]
        for relation, weight in zip(order, each):
            weights[relation_name(layer, relation, "weight")] = weight
        x = torch.func.functional_call(conv, {"weight": torch.stack(each), "root": root, "bias": bias},
                                       (x, edge_index, edge_type))
        x = x if last else torch.relu(x)
    return weights, x[first["paper"] : first["paper"] + NODES["paper"]]


def make_weighted_rgcn(inputs, data):
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


def make_rsage(inputs):
    """HeteroConv(SAGEConv, aggr="sum"): each relation has a matrix of its own for the own rows, and a bias.
    Only their sums over the relations into a type matter, so those are the weights that are recorded."""
    weights, x = {}, dict(inputs)
    for layer in range(2):
        last = layer == 1
        out = CLASSES if last else HIDDEN
        new = {t: torch.zeros(NODES[t], out) for t in NODES}
        roots = {t: rows(HIDDEN, out) for t in NODES}
        biases = {t: rows(out) for t in NODES}
        for t in NODES:
            weights["convs.%d.root_dict.%s" % (layer, t)] = roots[t]
            weights["convs.%d.bias_dict.%s" % (layer, t)] = biases[t]
            into = sorted(r for r in RELATIONS if r[2] == t)
            shares = [torch.rand(HIDDEN, out) for _ in into]  # unequal parts of the sums
            parts = [torch.rand(out) for _ in into]
            for i, relation in enumerate(into):
                conv = SAGEConv((HIDDEN, HIDDEN), out, aggr="mean")
                weight = rows(HIDDEN, out)
                weights[relation_name(layer, relation, "weight")] = weight
                root = (roots[t] + shares[i]) / len(into) - sum(shares) / len(into) ** 2
                bias = (biases[t] + parts[i]) / len(into) - sum(parts) / len(into) ** 2
                functional = {"lin_l.weight": weight.t(), "lin_l.bias": bias, "lin_r.weight": root.t()}
                new[t] = new[t] + torch.func.functional_call(
                    conv, functional, ((x[relation[0]], x[t]), edges(relation)),
                    {"size": (NODES[relation[0]], NODES[t])})
        x = new if last else {t: torch.relu(v) for t, v in new.items()}
    return weights, x["paper"]


def make_gatv2(inputs):
    """examples/layers/gatv2.mlir: GATv2Conv in each relation, summed, beside the own rows; the last layer
    has one head."""
    weights, x = {}, dict(inputs)
    for layer in range(2):
        last = layer == 1
        out, heads = (CLASSES, 1) if last else (HIDDEN, HEADS)
        size = out // heads
        root, bias = rows(HIDDEN, out), rows(out)
        weights["convs.%d.root" % layer], weights["convs.%d.bias" % layer] = root, bias
        new = {t: x[t] @ root + bias for t in x}
        for relation in sorted(RELATIONS):
            source, _, destination = relation
            conv = GATv2Conv((HIDDEN, HIDDEN), size, heads=heads, add_self_loops=False, bias=False,
                             negative_slope=0.2)
            mine = {"lin_l.weight": rows(HIDDEN, out), "lin_r.weight": rows(HIDDEN, out), "att": rows(heads, size)}
            for name, value in mine.items():
                weights[relation_name(layer, relation, name)] = value
            functional = {"lin_l.weight": mine["lin_l.weight"].t(), "lin_r.weight": mine["lin_r.weight"].t(),
                          "att": mine["att"][None]}
            new[destination] = new[destination] + torch.func.functional_call(
                conv, functional, ((x[source], x[destination]), edges(relation)))
        x = new if last else {t: torch.nn.functional.elu(v) for t, v in new.items()}
    return weights, x["paper"]


EDGE_DIM = 3


def make_simplehgn(inputs):
    """Lv et al., KDD 2021, formulas 4 to 8, from the paper: attention with the kind of the edge, one softmax
    over all edges into a node and the one from itself, a residual, rows of length 1 in the end. Without the
    residual of attention (beta)."""
    weights, x = {}, dict(inputs)
    for layer in range(2):
        last = layer == 1
        out, heads = (CLASSES, 1) if last else (HIDDEN, HEADS)
        size = out // heads
        name = lambda text: "convs.%d.%s" % (layer, text)
        w, a_l, a_r = rows(HIDDEN, out), rows(heads, size), rows(heads, size)
        w_r, a_e, own_kind = rows(EDGE_DIM, heads * EDGE_DIM), rows(heads, EDGE_DIM), rows(1, EDGE_DIM)
        weights.update({name("weight"): w, name("att_src"): a_l, name("att_dst"): a_r, name("fc_e"): w_r,
                        name("att_e"): a_e, name("self_emb"): own_kind})
        kinds = {r: rows(1, EDGE_DIM) for r in sorted(RELATIONS)}
        for r, kind in kinds.items():
            weights[relation_name(layer, r, "edge_emb")] = kind
        res = None
        if last:
            res = weights[name("res_fc")] = rows(HIDDEN, out)
        z = {t: (x[t] @ w).reshape(-1, heads, size) for t in x}
        left = {t: (z[t] * a_l).sum(-1) for t in x}
        right = {t: (z[t] * a_r).sum(-1) for t in x}
        number = lambda kind: ((kind @ w_r).reshape(heads, EDGE_DIM) * a_e).sum(-1)
        new = {}
        for t in x:
            made = []
            for v in range(NODES[t]):
                scores, values = [left[t][v] + right[t][v] + number(own_kind)], [z[t][v]]
                for r in sorted(RELATIONS):
                    if r[2] != t:
                        continue
                    for u, to in zip(*RELATIONS[r]):
                        if to == v:
                            scores.append(left[r[0]][u] + right[t][v] + number(kinds[r]))
                            values.append(z[r[0]][u])
                e = torch.nn.functional.leaky_relu(torch.stack(scores), 0.05)
                alpha = torch.softmax(e, 0)
                made.append((alpha[..., None] * torch.stack(values)).sum(0).reshape(-1))
            new[t] = torch.stack(made) + (x[t] @ res if last else x[t])
        x = new if last else {t: torch.nn.functional.elu(v) for t, v in new.items()}
    y = x["paper"]
    return weights, y / y.norm(dim=1, keepdim=True)


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


def after_a_step(optimizer, named):
    """The named values after one step of it along their gradients; they themselves stay."""
    copies = {n: v.detach().clone().requires_grad_() for n, v in named.items()}
    for n, v in copies.items():
        v.grad = torch.zeros_like(v) if named[n].grad is None else named[n].grad.clone()
    optimizer(copies.values()).step()
    return {n: v.tolist() for n, v in copies.items()}


def record(name, make, seed, model=None, relations=RELATIONS, seeds=SEEDS, encoder=None, dims={}):
    torch.manual_seed(seed)
    data = edge_data(dims)
    if name == "rgcn_weighted":
        data = {r: (v + 1.25).float().double() for r, v in data.items()}
    inputs = {t: rows(n, HIDDEN) for t, n in NODES.items()}
    labels = torch.randint(CLASSES, (NODES["paper"],))
    weights, logits = make(inputs, data) if data else make(inputs)
    loss = torch.nn.functional.cross_entropy(logits[seeds], labels[seeds])
    loss.backward()
    unused = [n for n, w in weights.items() if w.grad is None]  # of the last layer's other types
    out = {
        "encoder": encoder or name, "hidden_size": HIDDEN, "nodes": NODES, "seeds": seeds,
        "model": {"num_heads": HEADS} if model is None else model,
        "relations": [{"triple": list(r), "edges": e} for r, e in sorted(relations.items())],
        "labels": labels.tolist(), "logits": logits[seeds].tolist(), "loss": loss.item(),
        "states": {n: w.tolist() for n, w in weights.items() if n not in unused},
        "rows": {t: v.tolist() for t, v in inputs.items()},
        "gradients": {n: w.grad.tolist() for n, w in weights.items() if n not in unused},
    }
    if name in ("rgcn", "rgat", "hgt"):
        used = {n: w for n, w in weights.items() if n not in unused}
        used.update({"embeddings.%s.weight" % t: v for t, v in inputs.items()})
        out["after"] = {"sgd": after_a_step(lambda p: torch.optim.SGD(p, lr=0.1), used),
                        "adam": after_a_step(lambda p: torch.optim.Adam(p, lr=0.1), used)}
        out["row_gradients"] = {t: v.grad.tolist() for t, v in inputs.items()}
    if data:
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


record("rgcn", make_rgcn, 6, {})
record("rgat", make_rgat, 1)
record("hgt", make_hgt, 2)
record("rsage", make_rsage, 3, {})
record("gatv2", make_gatv2, 4, {"args": {"num_heads": HEADS}})
record("simplehgn", make_simplehgn, 5, {"num_heads": HEADS, "edge_dim": EDGE_DIM})
record("han", make_han, 3, {"num_heads": HEADS, "activation": "relu", "relations": [list(r) for r in sorted(METAPATHS)]},
       METAPATHS, list(range(NODES["paper"])))
record("rgat_edges", make_rgat, 3, {"num_heads": HEADS, "edge_features": {"edge_attr": "e"}}, encoder="rgat", dims={
    ("author", "writes", "paper"): 3, ("paper", "cites", "paper"): 2, ("topic", "mentions", "paper"): 4})
record("rgcn_weighted", make_weighted_rgcn, 4, {"edge_features": {"edge_weight": "e"}}, encoder="rgcn", dims={
    ("author", "writes", "paper"): 1, ("paper", "cites", "paper"): 1, ("topic", "about", "paper"): 1})
