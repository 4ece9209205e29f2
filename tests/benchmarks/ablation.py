#!/usr/bin/env python3
"""What each optimization is worth, and whether the cost model picks well: every forced choice, side by side.

    ablation.py --bin build/bin --case NAME GRAPH SPEC [--case ...] [--encoders rgcn rgat hgt] [--epochs 6] [--repeat 5]

For each case and encoder, plans are compiled with every optimization of `heddle-compile --optimize` left to the cost
model (`auto`), with each alone forced on or off, with all of them forced in every combination, and with kernels of
one op (`--max-fused 1`). One process with `--threads` threads trains `--epochs` epochs of each, in turn, `--repeat` times; a run's
figure is the median epoch without the first, a plan's the median over its runs. What takes over 1.5 times as long as the fastest
in the first turn is not run again, but for `auto`. Off means for aggregate-first that products
stand before all sums; as means are written, they stand behind: `none_over_pick` is the step with the others off and this one on,
over `auto`. `spread` is the largest minus the smallest run
of `auto`, over its median; `pick_over_best` is `auto` over the fastest combination. Equal plans are run once, under the
first of their names. Prints JSON; `--table` prints Markdown instead. Needs only Python's standard library.
"""
import argparse
import hashlib
import itertools
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile

import cases

OPTIMIZATIONS = ["aggregate-first", "reorder-products", "compact-sources", "stitch-relations", "group-products", "recompute"]


def variants():
    """name -> options of heddle-compile."""
    found = {"auto": []}
    for name in OPTIMIZATIONS:
        for choice in ("off", "on"):
            found[f"{name} {choice}"] = ["--optimize", f"{name}={choice}"]
    for choices in itertools.product(("on", "off"), repeat=len(OPTIMIZATIONS)):
        pairs = [f"{name}={choice}" for name, choice in zip(OPTIMIZATIONS, choices)]
        found[combination(choices)] = ["--optimize", ",".join(pairs)]
    found["kernels of one op"] = ["--max-fused", "1"]
    return found


def combination(choices):
    return "forced " + " ".join(choices)


def compile_plan(arguments, graph, spec, plan, options):
    done = subprocess.run([os.path.join(arguments.bin, "heddle-compile"), "--graph", graph, "--model", spec, "-o", plan, "--force",
                           *options], text=True, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError("\n".join(done.stderr.strip().splitlines()[-1:]) or f"heddle-compile ended with {done.returncode}")
    return [line for line in done.stderr.splitlines() if re.match(r"remark: (%s): " % "|".join(OPTIMIZATIONS), line)]


def step_of(arguments, plan):
    """What says whether two plans do the same: the ops of a step, and what the kernels are made of."""
    dump = lambda *options: subprocess.run([os.path.join(arguments.bin, "heddle-dump"), *options, plan], text=True,
                                           capture_output=True, check=True).stdout
    step = next(e for e in json.loads(dump("--json"))["entries"] if e["name"] == "train_step")
    return hashlib.sha256((json.dumps(step) + dump("--kernels")).encode()).hexdigest()


def train(arguments, graph, plan):
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        subprocess.run([os.path.join(arguments.bin, "heddle-run"), plan, "--graph", graph, "-o", run, "--epochs",
                        str(arguments.epochs), "--threads", str(arguments.threads), "--progress", "never", "--predictions", "none"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as lines:
            records = [r for r in map(json.loads, lines) if r.get("event") == "train"]
    return statistics.median(r["seconds"] for r in records[1:]), records[-1]["loss"]


def measure(arguments, name, graph, spec, folder):
    row = {"case": name, "encoder": spec["model"]["encoder"], "variants": {}}
    file = os.path.join(folder, "spec.json")
    with open(file, "w", encoding="utf-8") as out:
        json.dump(spec, out)
    plans, same_as, first = {}, {}, {}
    for variant, options in variants().items():
        plan = os.path.join(folder, f"{len(same_as)}.plan")
        remarks = compile_plan(arguments, graph, file, plan, options)
        same_as[variant] = first.setdefault(step_of(arguments, plan), variant)
        if same_as[variant] == variant:
            plans[variant] = plan
        if variant == "auto":
            row["remarks"] = remarks
    seconds, losses = {v: [] for v in plans}, {}
    row["different_plans"] = len(plans)
    for turn in range(arguments.repeat):
        if turn == 1:
            limit = 1.5 * min(times[0] for times in seconds.values())
            plans = {v: p for v, p in plans.items() if v == "auto" or seconds[v][0] <= limit}
        for variant, plan in plans.items():
            time, losses[variant] = train(arguments, graph, plan)
            seconds[variant].append(time)
            print(name, row["encoder"], variant, time, file=sys.stderr)
    for variant, runs_as in same_as.items():
        row["variants"][variant] = {"epoch_seconds": statistics.median(seconds[runs_as]), "all_epoch_seconds": seconds[runs_as],
                                    "last_loss": losses[runs_as], "same_plan_as": runs_as}
    own = row["variants"]["auto"]
    forced = {v: r["epoch_seconds"] for v, r in row["variants"].items() if v.startswith("forced ")}
    row["best_forced"] = min(forced, key=forced.get)
    row["pick_over_best"] = own["epoch_seconds"] / forced[row["best_forced"]]
    row["spread"] = (max(own["all_epoch_seconds"]) - min(own["all_epoch_seconds"])) / own["epoch_seconds"]
    row["none_over_pick"] = forced[combination(["on"] + ["off"] * (len(OPTIMIZATIONS) - 1))] / own["epoch_seconds"]
    return row


def print_table(rows):
    print("| graph | model | epoch | " + " | ".join(f"{n} off" for n in OPTIMIZATIONS)
          + " | none | kernels of one op | pick against the best of "
          + f"{2 ** len(OPTIMIZATIONS)} forced | spread of the pick |")
    print("|---" * (len(OPTIMIZATIONS) + 7) + "|")
    for row in rows:
        own = row["variants"]["auto"]["epoch_seconds"]
        cells = [row["variants"][f"{n} off"]["epoch_seconds"] / own for n in OPTIMIZATIONS]
        cells += [row["none_over_pick"], row["variants"]["kernels of one op"]["epoch_seconds"] / own]
        print(f"| {row['case']} | {row['encoder']} | {own:.4f} s | " + " | ".join(f"{c:.2f}x" for c in cells)
              + f" | {row['pick_over_best']:.2f}x | {100 * row['spread']:.0f} % |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cases.add_arguments(parser, epochs=6, repeat=5)
    arguments = parser.parse_args()
    rows = []
    for name, graph, spec in cases.cases(arguments):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(arguments, name, graph, spec, folder))
    if arguments.table:
        print_table(rows)
    else:
        print(json.dumps({"machine": platform.machine(), "cores": os.cpu_count(), "threads": arguments.threads, "rows": rows},
                         indent=1))


if __name__ == "__main__":
    main()
