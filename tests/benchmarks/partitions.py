#!/usr/bin/env python3
"""Bytes and time of a step cut into partitions: every order and exchange mode, side by side.

    partitions.py --bin build/bin --case NAME GRAPH SPEC [--case ...] [--partitions 2 4] [--epochs 4] [--repeat 3]

For each case, number of partitions p and alternative (forced), p workers (processes, one thread each) train
`--epochs` epochs; bytes are the transports' own counters of the last epoch, by class, per step; seconds are the median epoch
without the first, median over interleaved runs. `pick` is what the cost model chooses unforced, `cheapest`
the alternative with the fewest bytes, `fastest` the one with the least time. With `--threads`: one worker with as
many threads as there are workers, uncut, beside them. Prints JSON. Needs only Python's standard library.
"""
import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import tempfile

ALTERNATIVES = {
    "raf, replicated head": ["--order", "raf", "--exchange", "replicated"],
    "raf, leader": ["--order", "raf", "--exchange", "leader"],
    "vanilla": ["--order", "vanilla"],
}


def compile_plan(arguments, graph, spec, plan, partitions, options):
    done = subprocess.run([os.path.join(arguments.bin, "heddle-compile"), "--graph", graph, "--model", spec, "-o", plan,
                           "--partitions", str(partitions), "--force", *options], text=True, capture_output=True)
    if done.returncode != 0:
        return None, done.stderr.strip().splitlines()[-1]
    chosen = re.search(r"order: (?:chose|forced) ([^:]*):", done.stderr)
    return (chosen.group(1) if chosen else "whole"), None


def train(arguments, graph, plan, workers, threads):
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        subprocess.run([os.path.join(arguments.bin, "heddle-run"), plan, "--graph", graph, "-o", run, "--epochs",
                        str(arguments.epochs), "--workers", str(workers), "--threads", str(threads), "--progress", "never",
                        "--predictions", "none"], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as lines:
            records = [r for r in map(json.loads, lines) if r.get("event") == "train"]
    steps = [r["step"] for r in records]
    per_epoch = steps[-1] // len(steps)
    sent = {name: count / per_epoch for name, count in records[-1].get("sent_bytes", {}).items() if name != "control"}
    return statistics.median(r["seconds"] for r in records[1:]), sent


def measure(arguments, name, graph, spec, partitions, folder):
    row = {"case": name, "partitions": partitions, "alternatives": {}}
    row["pick"], problem = compile_plan(arguments, graph, spec, os.path.join(folder, "auto.plan"), partitions, [])
    if row["pick"] is None:
        row["problem"] = problem
        return row
    plans = {}
    for alternative, options in ALTERNATIVES.items():
        plan = os.path.join(folder, "forced.%d.plan" % len(plans))
        chosen, problem = compile_plan(arguments, graph, spec, plan, partitions, options)
        if chosen is None:
            row["alternatives"][alternative] = {"problem": problem}
        else:
            plans[alternative] = plan
    if arguments.threads:
        plan = os.path.join(folder, "whole.plan")
        compile_plan(arguments, graph, spec, plan, 1, [])
        plans["whole"] = plan
    seconds = {alternative: [] for alternative in plans}
    for _ in range(arguments.repeat):
        for alternative, plan in plans.items():
            whole = alternative == "whole"
            time, sent = train(arguments, graph, plan, 1 if whole else partitions, partitions if whole else 1)
            seconds[alternative].append(time)
            row["alternatives"][alternative] = {"bytes_per_step": sent, "total_bytes_per_step": sum(sent.values())}
    for alternative, times in seconds.items():
        row["alternatives"][alternative]["epoch_seconds"] = statistics.median(times)
    row["pick"] = row["pick"].replace(", loads evened out", "")  # forced orders leave --split to the cost model too
    cut = {a: r for a, r in row["alternatives"].items() if a != "whole" and "problem" not in r}
    row["cheapest"] = min(cut, key=lambda a: cut[a]["total_bytes_per_step"])
    row["fastest"] = min(cut, key=lambda a: cut[a]["epoch_seconds"])
    row["pick_bytes_over_cheapest"] = (cut[row["pick"]]["total_bytes_per_step"] /
                                       max(1, cut[row["cheapest"]]["total_bytes_per_step"]))
    row["pick_seconds_over_fastest"] = cut[row["pick"]]["epoch_seconds"] / cut[row["fastest"]]["epoch_seconds"]
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--case", nargs=3, action="append", required=True, metavar=("NAME", "GRAPH", "SPEC"))
    parser.add_argument("--partitions", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", action="store_true")
    arguments = parser.parse_args()
    rows = []
    for name, graph, spec in arguments.case:
        for partitions in arguments.partitions:
            with tempfile.TemporaryDirectory() as folder:
                rows.append(measure(arguments, name, graph, spec, partitions, folder))
    print(json.dumps({"machine": platform.machine(), "cores": os.cpu_count(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
