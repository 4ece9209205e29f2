#!/usr/bin/env python3
"""Training epochs of one model in Heddle, PyTorch Geometric and DGL, interleaved on the same cores.

    run.py --bin build/bin --case NAME GRAPH SPEC [--case ...] [--encoders rgcn rgat hgt] [--pyg PYTHON] [--dgl PYTHON]
           [--epochs 3] [--repeat 3] [--threads 2] [--most-steps 16] [--limit 240] [--table] [--json FILE]

--pyg, --dgl: the Python of a virtual environment with torch and torch_geometric (torch-sparse or pyg-lib for batches), resp. dgl;
without one that peer is left out. with_pyg.py and with_dgl.py say how each trains, specs/ has the models. Every contender is a
process of its own; its figure is the median epoch without the first, then the median over repeats. A peer has several forms (of
adjacencies; in batches with and without a process that samples ahead): all run once, then the fastest alone, and it counts. Of an epoch
in batches peers run --most-steps steps, scaled to all of it (0: all); Heddle runs all. A form that takes longer than
--limit seconds is ended and named. `peak_bytes` is the process's largest resident size, everything that it loads
included, of the fastest form. floor.py says what the floor of a step is; with `--pyg` only.
Prints JSON; `--table` prints Markdown instead, and --json FILE keeps what has been measured so far. Needs only Python's
standard library itself.
"""
import argparse
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import cases
import floor

HERE = os.path.dirname(os.path.abspath(__file__))


def run_child(command, environment=None, limit=None):
    """(stdout, peak resident bytes) of a child and those that it starts; its last line of stderr is the error."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(command, stdout=out, stderr=err, env=environment, start_new_session=True)
        late = threading.Event()

        def end():
            late.set()
            os.killpg(child.pid, signal.SIGKILL)

        timer = threading.Timer(limit, end) if limit else None
        if timer:
            timer.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:  # this script is ended
            os.killpg(child.pid, signal.SIGKILL)
            raise
        finally:
            if timer:
                timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        if late.is_set():
            raise RuntimeError(f"ended after {limit:.0f} s")
        out.seek(0)
        err.seek(0)
        if child.returncode != 0:
            lines = err.read().decode(errors="replace").strip().splitlines() or ["no message"]
            raise RuntimeError(lines[-1])
        return out.read().decode(), usage.ru_maxrss * 1024


def train_heddle(arguments, graph, plan):
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        _, peak = run_child([os.path.join(arguments.bin, "heddle-run"), plan, "--graph", graph, "-o", run, "--epochs",
                             str(arguments.epochs), "--threads", str(arguments.threads), "--progress", "never",
                             "--predictions", "none"])
        with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as lines:
            records = [r for r in map(json.loads, lines) if r.get("event") == "train"]
    last = records[-1]
    return [r["seconds"] for r in records], peak, {"steps": last["step"] / len(records), "last_loss": last["loss"],
                                                   "edges": last["edges"],
                                                   "seeds": round(last["seeds_per_second"] * last["seconds"])}


def train_peer(arguments, python, script, graph, spec, options):
    environment = dict(os.environ, OMP_NUM_THREADS=str(arguments.threads), DGLBACKEND="pytorch")
    out, peak = run_child([python, os.path.join(HERE, script), graph, spec, "--epochs", str(arguments.epochs),
                           "--threads", str(arguments.threads), "--most-steps", str(arguments.most_steps), *options],
                          environment, arguments.limit)
    result = json.loads(out.strip().splitlines()[-1])
    return result.pop("epoch_seconds"), peak, result


def contenders(arguments, spec):
    """name -> function (graph, spec file) of a run."""
    full = spec["train"]["batch_size"] == "all"
    found = {}
    if arguments.pyg:
        forms = {"rgcn": ["edge_index", "csr"] + ([] if full else ["sparse"]),
                 "rgat": ["edge_index"] + ([] if full else ["sparse"])}.get(spec["model"]["encoder"], ["edge_index"])
        for form in forms:
            for workers in (0,) if full else (0, 1):
                options = ["--form", form, "--workers", str(workers)]
                name = f"pyg {form}" if full else f"pyg {form}, {workers} workers"
                found[name] = lambda g, s, o=options: train_peer(arguments, arguments.pyg, "with_pyg.py", g, s, o)
    if arguments.dgl:
        for workers in (0,) if full else (0, 1):
            options = ["--workers", str(workers)]
            name = "dgl" if full else f"dgl, {workers} workers"
            found[name] = lambda g, s, o=options: train_peer(arguments, arguments.dgl, "with_dgl.py", g, s, o)
    return found


def fastest(peer, seconds):
    """The form of a peer that has run fastest so far; None if none has run."""
    ran = {n: statistics.median(times) for n, times in seconds.items() if n.split()[0].strip(",") == peer and times}
    return min(ran, key=ran.get) if ran else None


def measure(arguments, name, graph, spec, folder):
    encoder = spec["model"]["encoder"]
    row = {"case": name, "encoder": encoder, "contenders": {}}
    file, plan = os.path.join(folder, "spec.json"), os.path.join(folder, "plan")
    with open(file, "w", encoding="utf-8") as out:
        json.dump(spec, out)
    run_child([os.path.join(arguments.bin, "heddle-compile"), "--graph", graph, "--model", file, "-o", plan, "--force"])
    runs = {"heddle": lambda g, s: train_heddle(arguments, g, plan), **contenders(arguments, spec)}
    seconds, peaks = {n: [] for n in runs}, {n: [] for n in runs}
    for repeat in range(arguments.repeat):
        if repeat == 1:
            runs = {n: body for n, body in runs.items() if n == fastest(n.split()[0].strip(","), seconds)}
        for contender, body in runs.items():
            try:
                times, peak, more = body(graph, file)
            except RuntimeError as error:
                row["contenders"][contender] = {"problem": str(error)}
                continue
            seconds[contender].append(statistics.median(times[1:]))
            peaks[contender].append(peak)
            row["contenders"][contender] = more
            print(name, encoder, contender, seconds[contender][-1], file=sys.stderr)
    for contender, times in seconds.items():
        if times:
            row["contenders"][contender].update(epoch_seconds=statistics.median(times), all_epoch_seconds=times,
                                                peak_bytes=statistics.median(peaks[contender]))
    own = row["contenders"]["heddle"]
    for peer in ("pyg", "dgl"):
        best = fastest(peer, seconds)
        if best:
            one = row["contenders"][best]
            row[peer] = {"fastest": best, "speedup": one["epoch_seconds"] / own["epoch_seconds"],
                         "peak_over_heddle": one["peak_bytes"] / own["peak_bytes"]}
    if arguments.pyg and encoder in floor.ROWS_PER_EDGE:
        width = spec["model"]["hidden_size"]
        rates = floor.measure_rates(arguments.pyg, arguments.threads, width, run_child)
        epochs = 30 if spec["train"]["batch_size"] == "all" else 2  # one step each, or many
        row.update(floor.measure(arguments.bin, arguments.threads, graph, plan, epochs, encoder, width, rates, run_child),
                   rates=rates)
        without = row["floor_seconds"] - row["floor_parts"]["learning"]
        row["fraction_of_floor"] = row["floor_seconds"] / row["compute_seconds"]
        row["fraction_without_learning"] = without / row["compute_seconds"]
    return row


def mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def print_table(rows, means):
    print("| graph | model | Heddle's epoch | step | PyG | DGL | peak memory of PyG, DGL against Heddle's | compute phase of a step "
          "| of the floor | without learning |")
    print("|---" * 10 + "|")
    for row in rows:
        cells = [f"{row[p]['speedup']:.1f}x ({row[p]['fastest']})" if p in row else "-" for p in ("pyg", "dgl")]
        peaks = ", ".join(f"{row[p]['peak_over_heddle']:.1f}x" if p in row else "-" for p in ("pyg", "dgl"))
        least = (f"{row['compute_seconds']:.4f} s | {row['fraction_of_floor']:.2f} | {row['fraction_without_learning']:.2f}"
                 if "fraction_of_floor" in row else "- | - | -")
        own = row["contenders"]["heddle"]
        print(f"| {row['case']} | {row['encoder']} | {own['epoch_seconds']:.4f} s | {own['epoch_seconds'] / own['steps']:.4f} s "
              f"| {cells[0]} | {cells[1]} | {peaks} | {least} |")
    for row in rows:
        for name, contender in row["contenders"].items():
            if "problem" in contender:
                print(f"\n{row['case']} {row['encoder']} {name}: {contender['problem']}")
    print("\nGeometric means: " + ", ".join(f"{p} {v:.2f}x" for p, v in means.items() if v))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cases.add_arguments(parser, epochs=3, repeat=3)
    parser.add_argument("--pyg")
    parser.add_argument("--dgl")
    parser.add_argument("--most-steps", type=int, default=16)
    parser.add_argument("--limit", type=float, default=240)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    rows = []
    for name, graph, spec in cases.cases(arguments):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(arguments, name, graph, spec, folder))
        means = {peer: mean([row[peer]["speedup"] for row in rows if peer in row]) for peer in ("pyg", "dgl")}
        result = {"cores": os.cpu_count(), "threads": arguments.threads, "geometric_mean_speedup": means, "rows": rows}
        if arguments.json:
            with open(arguments.json, "w", encoding="utf-8") as file:
                json.dump(result, file, indent=1)
    if arguments.table:
        print_table(rows, means)
    else:
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
