"""The least time that a training step's compute can take, and the time that it takes.

The floor of a step counts what no way of computing it avoids, at rates measured here by torch's own kernels:
  aggregation  the rows that each edge's aggregation must read, forward and backward, and those it writes, at the rate of gathers;
  products     the flops of dense products, at theirs;
  learning     the learnable rows that the batch reads, and what their optimizer and the parameters' must read and write
               (gradient, number, moments), at the rates of gathers and of streams.
Rows and edges are those of real batches: heddle-run's trace has them for each op. Sparse input features, element-wise ops and
indices are not in the floor. The compute phase is the step without its sampling: some epochs with --no-overlap, the median step of their second half.
"""
import collections
import json
import os
import statistics
import tempfile

#: Rows of hidden_size numbers that an edge's aggregation reads: forward, and its gradient backward.
ROWS_PER_EDGE = {"rgcn": (1, 1), "rgat": (1, 2), "hgt": (2, 3)}
#: Steps whose rows and edges are counted: the last ones, of which a long trace has lost nothing.
COUNTED = 4


def measure_rates(python, threads, width, run):
    """Bytes a second of gathered rows and of streams, read and written, and flops a second of products."""
    code = (f"import json,time,torch\ntorch.set_num_threads({threads})\n"
            f"table=torch.randn(200000,{width}); at=torch.randint(0,200000,(1000000,)); out=torch.empty(1000000,{width})\n"
            "a=torch.randn(16000000); b=torch.empty_like(a)\n"
            "def timed(f):\n t=time.perf_counter(); f(); return time.perf_counter()-t\n"
            "g=min(timed(lambda: torch.index_select(table,0,at,out=out)) for _ in range(9))\n"
            "s=min(timed(lambda: torch.mul(a,2,out=b)) for _ in range(9))\n"
            "rates=[]\n"
            f"for m,k,n in ((65536,{width},{width}),(1024,1024,1024)):\n"
            " x,y=torch.randn(m,k),torch.randn(k,n); rates.append(2*m*k*n/min(timed(lambda: x@y) for _ in range(9)))\n"
            f"print(json.dumps([2*4*{width}*1000000/g,2*4*16000000/s,max(rates)]))")
    gather, stream, product = json.loads(run([python, "-c", code])[0])
    return {"gather": gather, "stream": stream, "product": product}


def value(formula, symbols):
    return sum(one["constant"] * one["scale"] if one["symbol"] < 0 else
               symbols[one["symbol"]] / one["divisor"] * one["scale"] + one["constant"] for one in formula)


def symbols_of(step, rows):
    """Rows and edges of a step: what its ops worked on, and the plan's expectation of what no op tells."""
    symbols = [symbol["expected"] for symbol in step["symbols"]]
    at = {(s["kind"], s["hop"], s["index"]): i for i, s in enumerate(step["symbols"])}
    for op in step["ops"]:
        attrs = op["attrs"]
        if op["kind"] == "sample":
            symbols[at["edges", attrs["hop"], attrs["relation"]]] = rows[op["id"]]
        elif op["kind"] == "frontier":
            symbols[at["rows", attrs["hop"], attrs["node_type"]]] = rows[op["id"]]
        else:
            domain = attrs.get("rows") if attrs.get("gemm") == "rows_param" else \
                attrs.get("domain") if attrs.get("mode") == "rows" else None
            if domain and domain["symbol"] >= 0 and domain["divisor"] == domain["scale"] == 1 and not domain["constant"]:
                symbols[domain["symbol"]] = rows[op["id"]]
    return symbols


def floor_parts(step, symbols, encoder, width, rates):
    """Seconds of each part of one step's floor."""
    count = lambda kind: sum(n for n, s in zip(symbols, step["symbols"]) if s["kind"] == kind)
    forward, backward = ROWS_PER_EDGE[encoder]
    parts = {"aggregation": 4 * width * ((forward + backward) * count("edges") + 2 * count("active")) / rates["gather"],
             "products": sum(value(op["flops_formula"], symbols) for op in step["ops"] if op["kind"] == "gemm") / rates["product"],
             "learning": 0}
    for op in step["ops"]:
        if op["kind"] == "fetch_rows" or op["name"].endswith(".row_optimizer_step"):
            parts["learning"] += value(op["bytes_formula"], symbols) / rates["gather"]
        elif op["name"].endswith(".optimizer_step"):
            parts["learning"] += value(op["bytes_formula"], symbols) / rates["stream"]
    return parts


def measure(heddle, threads, graph, plan, epochs, encoder, width, rates, run):
    """{"floor_seconds", "floor_parts", "compute_seconds"} of a step; `run`: a function (command) -> (output, peak)."""
    text, _ = run([os.path.join(heddle, "heddle-dump"), "--json", plan])
    step = next(e for e in json.loads(text)["entries"] if e["name"] == "train_step")
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "trace.json")
        run([os.path.join(heddle, "heddle-run"), plan, "--graph", graph, "-o", os.path.join(folder, "run"), "--epochs",
             str(epochs), "--threads", str(threads), "--progress", "never", "--predictions", "none", "--no-overlap",
             "--trace", trace])
        with open(trace, encoding="utf-8") as file:
            events = [e for e in json.load(file)["traceEvents"] if e["ph"] == "X"]
    spans = [e for e in events if e["name"] == "train_step"]
    spans.sort(key=lambda e: e["ts"])
    spans = spans[len(spans) // 2:]
    own = {op["id"] for op in step["ops"]}
    rows = collections.defaultdict(collections.Counter)
    for event in events:
        if event["args"]["op"] in own:
            rows[event["args"]["step"]][event["args"]["op"]] += event["args"]["rows"]
    # Of a full graph the sampling is kept from the first step on.
    fixed = {op["id"]: max((rows[s][op["id"]] for s in rows), default=0) for op in step["ops"] if op["static"]}
    parts = collections.Counter()
    counted = [e["args"]["step"] for e in spans[-COUNTED:]]
    for number in counted:
        one = floor_parts(step, symbols_of(step, collections.Counter({**rows[number], **fixed})), encoder, width, rates)
        parts.update({k: v / len(counted) for k, v in one.items()})
    return {"floor_seconds": sum(parts.values()), "floor_parts": dict(parts),
            "compute_seconds": statistics.median(e["dur"] for e in spans) * 1e-6}
