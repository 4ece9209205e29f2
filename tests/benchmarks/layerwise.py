#!/usr/bin/env python3
"""Layer-wise inference against batches with all neighbours, on the shape of ogbn-mag: the same logits, and what memory.

    layerwise.py --bin build/bin [--scale 0.1] [--encoders rgcn rgat hgt] [--memory 64MiB] [--threads 2] [--table]

For each encoder (devices/mag-*.json, evaluated with all neighbours): draws the graph, trains an epoch of sampled batches,
infers every node of every type layer by layer (heddle-run --mode infer), and again with --memory, which puts the
rows between layers on disk and bounds batches (of --infer-batch-size rows); heddle_layerwise then runs the evaluation entry over all nodes of the
target type in batches of --batch-size with all neighbours and compares all logits: ||a - b|| / ||b|| over all rows, and the
worst row. Memory: largest resident size, and of it what no file stands behind (RssAnon, looked up every 10 ms):
mapped files, the graph's and the rows' on disk, leave memory where it is short. Prints JSON; `--table` Markdown.
Exit code 1 if logits are further apart than 1e-5. Needs only Python's standard library.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def run(command):
    """(stdout, seconds, largest resident bytes, largest anonymous resident bytes); ends this script on an error."""
    begin, anonymous = time.perf_counter(), 0
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(command, stdout=out, stderr=err)
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            try:
                with open(f"/proc/{child.pid}/status", encoding="utf-8") as file:
                    found = re.search(r"RssAnon:\s+(\d+) kB", file.read())
                anonymous = max(anonymous, int(found.group(1)) * 1024 if found else 0)
            except OSError:
                pass
            time.sleep(0.01)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if child.returncode not in (0, 1) or (child.returncode == 1 and "heddle_layerwise" not in command[0]):
            raise SystemExit(f"{' '.join(command)}\n{err.read().decode(errors='replace')}")
        return out.read().decode(), time.perf_counter() - begin, usage.ru_maxrss * 1024, anonymous


def measure(arguments, folder, graph, encoder):
    tool = lambda name: os.path.join(arguments.bin, name)
    with open(os.path.join(HERE, "devices", f"mag-{encoder}.json"), encoding="utf-8") as file:
        spec = json.load(file)
    spec["eval"].update(fanout=[-1] * spec["model"]["num_layers"], batch_size=arguments.batch_size)
    name = os.path.join(folder, encoder)
    with open(name + ".json", "w", encoding="utf-8") as file:
        json.dump(spec, file)
    run([tool("heddle-compile"), "--graph", graph, "--model", name + ".json", "-o", name + ".plan"])
    common = [tool("heddle-run"), name + ".plan", "--graph", graph, "--progress", "never", "--threads",
              str(arguments.threads)]
    run([*common, "--epochs", "1", "--predictions", "none", "-o", name + ".run"])
    row = {"encoder": encoder}
    infer = [*common, "--mode", "infer", "--restore", name + ".run", "-o"]
    kinds = {"in_memory": [], "bounded": ["--memory", arguments.memory, "--infer-batch-size", str(arguments.infer_batch_size)]}
    for kind, more in kinds.items():
        output = f"{name}.{kind}"
        _, seconds, peak, anonymous = run([*infer, output, *more])
        with open(os.path.join(output, "run.json"), encoding="utf-8") as file:
            result = json.load(file)["result"]
        row[kind] = {"seconds": seconds, "peak_bytes": peak, "peak_anonymous_bytes": anonymous,
                     "rows_on_disk": result["rows_on_disk"]}
    out, _, _, anonymous = run([tool("heddle_layerwise"), str(arguments.threads), name + ".plan", graph, name + ".run",
                                *(f"{name}.{kind}" for kind in kinds)])
    found = json.loads(out)
    for kind, apart in zip(kinds, found.pop("apart")):
        row[kind].update(apart)
    row["batches"] = {**found, "peak_anonymous_bytes": anonymous}
    return row


def print_table(arguments, rows):
    size = lambda part: f"{part['peak_bytes'] / 1e6:,.0f} MB ({part['peak_anonymous_bytes'] / 1e6:,.0f})"
    apart = lambda part: f"{part['normwise']:.1e} (worst row {part['worst_row']:.1e})"
    print(f"| model | logits compared | apart | layer-wise | its memory | with --memory {arguments.memory}: apart | seconds | memory "
          f"| batches of {arguments.batch_size:,}, all neighbours | their memory |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        a, b, c = row["in_memory"], row["bounded"], row["batches"]
        print(f"| {row['encoder']} | {c['rows']:,} x {c['classes']} | {apart(a)} | {a['seconds']:.2f} s | {size(a)} | {apart(b)} "
              f"| {b['seconds']:.2f} s | {size(b)} | {c['seconds']:.1f} s | {size(c)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--encoders", nargs="+", default=["rgcn", "rgat", "hgt"])
    parser.add_argument("--memory", default="64MiB")
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--infer-batch-size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        graph = os.path.join(folder, "graph")
        run([os.path.join(arguments.bin, "heddle-import"), "--generate=ogbn-mag", "--scale", str(arguments.scale), "-o", graph])
        size = sum(os.path.getsize(os.path.join(at, file)) for at, _, files in os.walk(graph) for file in files)
        for encoder in arguments.encoders:
            rows.append(measure(arguments, folder, graph, encoder))
            print(encoder, rows[-1]["in_memory"], file=sys.stderr)
    if arguments.table:
        print_table(arguments, rows)
    else:
        print(json.dumps({"scale": arguments.scale, "graph_bytes": size, "rows": rows}, indent=1))
    return any(row[kind]["normwise"] > 1e-5 for row in rows for kind in ("in_memory", "bounded"))


if __name__ == "__main__":
    sys.exit(main())
