#!/usr/bin/env python3
"""Everything that wants a GPU, in one run: conformance, sanitizers, ranks, epoch times, busy share, kernels, PyTorch Geometric.

    on_gpu.py prepare BUILD FOLDER [--scale 1]        where there is a build: tools, libraries, plans and cases into FOLDER
    on_gpu.py run FOLDER [STAGE...] [--out DIR]       where there is a GPU: needs FOLDER, Python and NVIDIA's driver
                          [--double BUILD/tests/emulator/lib]

FOLDER needs no compiler where it is run, and can be carried to another machine. Stages (all of them, in this order, if none
is named): conformance, sanitizer, ranks, epochs, kernels, pyg. Each result is a line of JSON in DIR/results.jsonl (also
printed), with the output of each command beside it; a stage that is run again adds to what is there. The end of the output is a
table, exit code 1 if something failed. --double runs it on the double of the driver, to try this script.
"""
import argparse
import glob
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = ["rgcn", "hgt", "rgat"]
TOOLS = ["heddle-import", "heddle-run", "heddle-dump", "heddle_devices", "unit_exec", "unit_transport", "e2e_devices"]
# What any Linux has, and has in the version that its driver wants.
SYSTEM = ("libc.so", "libm.so", "libdl.so", "librt.so", "libpthread.so", "libstdc++.so", "libgcc_s.so", "ld-linux", "linux-vdso")


def plain(name):
    return re.sub(r"[^\w.]+", "-", name)


def call(command, **more):
    print("+", " ".join(command), file=sys.stderr, flush=True)
    subprocess.run(command, check=True, stdout=sys.stderr, **more)


def prepare(arguments):
    build, folder = os.path.abspath(arguments.build), os.path.abspath(arguments.folder)
    tool = lambda name: os.path.join(build, "bin", name)
    call(["cmake", "--build", build, "--target", "heddle-compile", "heddle_differential"] + TOOLS)
    for part in ["bin", "lib", "plans", "made", "scripts"]:
        os.makedirs(os.path.join(folder, part), exist_ok=True)
    for name in TOOLS:
        call(["strip", "-o", os.path.join(folder, "bin", name), tool(name)])
        for line in subprocess.run(["ldd", tool(name)], check=True, capture_output=True, text=True).stdout.splitlines():
            words = line.split()
            if len(words) > 2 and words[2].startswith("/") and not words[0].startswith(SYSTEM):
                shutil.copy(words[2], os.path.join(folder, "lib", words[0]))
    for part in ["devices", "peers"]:
        shutil.copytree(os.path.join(HERE, "..", part), os.path.join(folder, "scripts", part), dirs_exist_ok=True)
    if not os.path.exists(os.path.join(folder, "cases")):
        call([tool("heddle_differential"), "--count", "30", "--keep", os.path.join(folder, "cases")])
    scales = {"large": arguments.scale, "small": arguments.scale / 10}
    with open(os.path.join(folder, "scales.json"), "w") as out:
        json.dump(scales, out)
    for name, scale in scales.items():
        graph = os.path.join(folder, "graph-" + name)
        if not os.path.exists(graph):
            call([tool("heddle-import"), "--generate=ogbn-mag", f"--scale={scale}", "-o", graph])
        for model in MODELS:
            for ranks in ["1"] if name == "large" else ["1", "2", "4"]:
                call([tool("heddle-compile"), "--graph", graph, "--model", os.path.join(HERE, f"mag-{model}.json"), "--gpu=all",
                      "--partitions", ranks, "-o", os.path.join(folder, "plans", f"{name}-{model}-{ranks}.plan")])
        shutil.rmtree(graph)  # heddle-import makes the same one again
    # Its own graphs and plans; on the double, since there may be no GPU here.
    call([tool("e2e_devices")], env={**os.environ, "HEDDLE_E2E_MADE": os.path.join(folder, "made")})


class Run:
    def __init__(self, arguments):
        self.folder = os.path.abspath(arguments.folder)
        self.out = os.path.abspath(arguments.out or os.path.join(self.folder, "out"))
        self.double = arguments.double and os.path.abspath(arguments.double)
        os.makedirs(self.out, exist_ok=True)
        libraries = [self.double] if self.double else []
        libraries += [os.path.join(self.folder, "lib")] + os.environ.get("LD_LIBRARY_PATH", "").split(":")
        self.environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(filter(None, libraries)),
                            "HEDDLE_E2E_BIN": os.path.join(self.folder, "bin"), "HEDDLE_E2E_MADE": os.path.join(self.folder, "made")}
        if not self.double:
            self.environment["HEDDLE_E2E_GPU"] = "1"
        self.results = []
        self.number = 0

    def at(self, *parts):
        return os.path.join(self.folder, *parts)

    def tool(self, name):
        return self.at("bin", name)

    def report(self, stage, name, good, **more):
        result = {"stage": stage, "name": name, "good": good, **more}
        self.results.append(result)
        print(json.dumps(result), flush=True)
        with open(os.path.join(self.out, "results.jsonl"), "a") as out:
            out.write(json.dumps(result) + "\n")

    def run(self, stage, name, command, seconds=300):
        """(exit code or None where it ran out of time, output, seconds)."""
        self.number += 1
        log = os.path.join(self.out, f"{self.number:03}-{stage}-{plain(name)}.log")
        start = time.time()
        with open(log, "w") as out:
            try:
                code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, timeout=seconds, env=self.environment).returncode
            except subprocess.TimeoutExpired:
                code = None
            except OSError as error:
                print(error, file=out)
                code = 127
        with open(log, errors="replace") as file:
            return code, file.read(), time.time() - start

    def graph(self, name):
        path = self.at("graph-" + name)
        if not os.path.exists(path):
            with open(self.at("scales.json")) as file:
                scale = json.load(file)[name]
            code, output, _ = self.run("graph", name, [self.tool("heddle-import"), "--generate=ogbn-mag", f"--scale={scale}", "-o", path])
            if code != 0:
                sys.exit(f"on_gpu.py: no graph: {output}")
        return path

    def train(self, stage, name, plan, graph, more, seconds=300):
        """(exit code, output, train events); events are seen as they are written: `seen` is when."""
        folder = os.path.join(self.out, "run-" + plain(name))
        for old in [folder, folder + ".partial"]:
            shutil.rmtree(old, ignore_errors=True)
        events, ended = [], threading.Event()

        def watch():
            while True:
                last = ended.is_set()
                for path in [folder + ".partial", folder]:
                    try:
                        with open(os.path.join(path, "metrics.jsonl")) as file:
                            lines = file.read().split("\n")[:-1]
                    except OSError:
                        continue
                    found = [json.loads(line) for line in lines]
                    found = [event for event in found if event["event"] == "train"]
                    for event in found[len(events):]:
                        events.append({**event, "seen": time.time()})
                if last:
                    return
                time.sleep(0.01)

        thread = threading.Thread(target=watch)
        thread.start()
        code, output, _ = self.run(stage, name, [self.tool("heddle-run"), self.at("plans", plan), "--graph", graph, "-o", folder,
                                                 "--device=cuda", "--progress=never"] + more, seconds)
        ended.set()
        thread.join()
        return code, output, events


def conformance(run):
    tests = [("random plans", [run.tool("heddle_devices"), run.at("cases")], 400),
             ("random plans in tiers", [run.tool("heddle_devices"), "--tiers", "3000", run.at("cases")], 400),
             ("tools", [run.tool("e2e_devices"), "--gtest_filter=EmulatedDevice.*"], 500),
             ("sampler and gathers", [run.tool("unit_exec"), "--gtest_filter=*Sampler*:DeviceGather*"], 300),
             ("transport on GPUs", [run.tool("unit_transport"), "--gtest_filter=*_gpu*"], 300),
             ("NCCL, two processes", [run.tool("e2e_devices"), "--gtest_filter=Nccl.*"], 300)]
    for name, command, seconds in tests:
        code, output, spent = run.run("conformance", name, command, seconds)
        last = [line for line in output.splitlines() if line.strip()][-1:] or [""]
        skipped = code == 77 or "[  SKIPPED ]" in output
        counts = {word: output.count(f"[  {word} ]") + output.count(f"[       {word} ]") for word in ["OK", "SKIPPED", "FAILED"]}
        run.report("conformance", name, code == 0 or (skipped and code == 77), exit=code, last=last[0],
                   agree=output.count(": agrees;"), differ=output.count(": DIFFERS;"), skipped=skipped, seconds=round(spent, 1), **counts)


def sanitizer(run):
    program = shutil.which("compute-sanitizer") or next(iter(glob.glob("/usr/local/cuda*/bin/compute-sanitizer")), None)
    if not program:
        run.report("sanitizer", "compute-sanitizer", False, why="not found here")
        return
    cases = sorted(glob.glob(run.at("cases", "*", "model.plan")))[:6]
    for tool_name, count in [("memcheck", 6), ("racecheck", 2)]:
        for case in cases[:count]:
            folder = os.path.dirname(case)
            code, output, spent = run.run("sanitizer", f"{tool_name} {os.path.basename(folder)}",
                                          [program, "--tool", tool_name, "--error-exitcode", "9", run.tool("heddle_devices"), folder], 200)
            run.report("sanitizer", f"{tool_name} {os.path.basename(folder)}", code == 0, exit=code,
                       summary=[line for line in output.splitlines() if "SUMMARY" in line], seconds=round(spent, 1))
        code, output, spent = run.run("sanitizer", f"{tool_name} sampler", [
            program, "--tool", tool_name, "--error-exitcode", "9", run.tool("unit_exec"), "--gtest_filter=DeviceGather*:Sampler.AbsentOutputs*:Sampler.LargeBatch"], 300)
        run.report("sanitizer", f"{tool_name} sampler", code == 0, exit=code,
                   summary=[line for line in output.splitlines() if "SUMMARY" in line], seconds=round(spent, 1))


def ranks(run):
    graph = run.graph("small")
    for model in MODELS:
        losses = {}
        for number in ["1", "2", "4"]:
            code, output, events = run.train("ranks", f"{model} {number} ranks", f"small-{model}-{number}.plan", graph,
                                             ["--epochs=1", "--workers", number, "--transport=host"])
            losses[number] = [event["loss"] for event in events]
            if code != 0:
                run.report("ranks", f"{model} {number}", False, exit=code, last=output[-300:])
        if all(losses.values()):
            apart = max(abs(a - b) / abs(a) for other in ["2", "4"] for a, b in zip(losses["1"], losses[other]))
            run.report("ranks", model, apart <= 1e-4, losses=losses, relative_difference=apart)


class Utilization:
    """What nvidia-smi says of the GPU every 0.1 s."""

    def __enter__(self):
        self.samples = []
        try:
            self.process = subprocess.Popen(["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "100"],
                                            stdout=subprocess.PIPE, text=True)
        except OSError:
            self.process = None
            return self
        self.thread = threading.Thread(target=lambda: [self.samples.append((time.time(), int(line))) for line in self.process.stdout
                                                       if line.strip().isdigit()])
        self.thread.start()
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.thread.join()

    def during(self, events):
        found = [value for at, value in self.samples if any(e["seen"] - e["seconds"] <= at <= e["seen"] for e in events)]
        return statistics.median(found) if found else None


PLACES = {"features on the device": [], "features in the host's memory": ["--cache=none"],
          "hot rows on the device": ["--cache=greedy", "--cache-memory=100MiB"],
          "hot features and learnable rows": ["--cache=greedy", "--cache-memory=400MiB", "--cache-learnable"]}


def epochs(run):
    graph = run.graph("large")
    for model in MODELS:
        for place, more in PLACES.items():
            with Utilization() as used:
                code, output, events = run.train("epochs", f"{model} {place}", f"large-{model}-1.plan", graph, ["--epochs=5"] + more)
            times = [event["seconds"] for event in events]
            run.report("epochs", f"{model}, {place}", code == 0 and len(times) == 5, exit=code, model=model, place=place, epochs=times,
                       median=statistics.median(times[1:]) if len(times) > 1 else None, busy_percent=used.during(events[1:]),
                       loss=events[-1]["loss"] if events else None, last=output[-300:] if code else "")


def kernels(run):
    code, output, _ = run.run("kernels", "bandwidth", [run.tool("heddle_devices"), "--bandwidth"])
    if code != 0:
        run.report("kernels", "bandwidth", False, last=output[-300:])
        return
    rates = json.loads(output.splitlines()[-1])
    run.report("kernels", "bandwidth", True, **rates)
    graph = run.graph("large")
    for model in MODELS:
        trace = os.path.join(run.out, f"trace-{model}.json")
        if os.path.exists(trace):
            os.remove(trace)
        code, output, _ = run.train("kernels", f"{model} traced", f"large-{model}-1.plan", graph, ["--epochs=1", "--trace", trace], 500)
        if code != 0:
            run.report("kernels", model, False, exit=code, last=output[-300:])
            continue
        ops, track = {}, None
        with open(trace) as file:
            for event in json.load(file)["traceEvents"]:
                if event["ph"] == "M" and event["args"].get("name") == "compute 0":
                    track = event["tid"]
                if event["ph"] == "X" and event["tid"] == track and event["args"].get("bytes"):
                    own = ops.setdefault(event["name"], [0, 0.0, 0])
                    own[0] += 1
                    own[1] += event["dur"] * 1e-6
                    own[2] += event["args"]["bytes"]
        os.remove(trace)
        total = sum(own[1] for own in ops.values())
        largest = sorted(ops.items(), key=lambda item: -item[1][1])[:8]
        run.report("kernels", model, True, seconds_of_ops=total, largest=[
            {"op": name, "share_of_time": own[1] / total, "microseconds": own[1] / own[0] * 1e6,
             "share_of_copy_rate": own[2] / own[1] / rates["copy_bytes_per_second"]} for name, own in largest if own[1] > 0])


def pyg(run):
    graph = run.graph("large")
    for model in MODELS:
        command = [sys.executable, run.at("scripts", "devices", "with_pyg.py"), graph, run.at("scripts", "devices", f"mag-{model}.json"),
                   "--samples", "4", "--steps", "20", "--threads", str(os.cpu_count())]
        code, output, spent = run.run("pyg", model, command, 500)
        lines = [line for line in output.splitlines() if line.startswith("{")]
        result = json.loads(lines[-1]) if lines else {"last": output[-300:]}
        run.report("pyg", model, code == 0 and bool(lines), exit=code, seconds=round(spent, 1), **result)


STAGES = {"conformance": conformance, "sanitizer": sanitizer, "ranks": ranks, "epochs": epochs, "kernels": kernels, "pyg": pyg}


def table(results):
    peers = {r["name"]: r.get("epoch_seconds_at_least") for r in results if r["stage"] == "pyg" and r["good"]}
    for r in results:
        line = f"{'ok    ' if r['good'] else 'FAILED'} {r['stage']}: {r['name']}"
        if r["stage"] == "epochs" and r["median"]:
            line += f": {r['median']:.3f} s an epoch, GPU busy {r['busy_percent']} %"
            if peers.get(r["model"]):
                line += f", PyG takes at least {peers[r['model']] / r['median']:.1f} times as long"
        if r["stage"] == "kernels" and "largest" in r:
            line += ": of the copy rate " + ", ".join(f"{k['share_of_copy_rate'] * 100:.0f} % ({k['op']}, {k['microseconds']:.0f} us)" for k in r["largest"][:5])
        if r["stage"] == "ranks" and "relative_difference" in r:
            line += f": losses apart by {r['relative_difference']:.1e}"
        print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("prepare")
    one.add_argument("build")
    one.add_argument("folder")
    one.add_argument("--scale", type=float, default=1, help="of the ogbn-mag shape; ranks get a tenth of it")
    two = commands.add_parser("run")
    two.add_argument("folder")
    two.add_argument("stages", nargs="*", metavar="STAGE", help=", ".join(STAGES))
    two.add_argument("--out")
    two.add_argument("--double", metavar="DIR")
    arguments = parser.parse_args()
    if arguments.command == "prepare":
        prepare(arguments)
        return 0
    unknown = [stage for stage in arguments.stages if stage not in STAGES]
    if unknown:
        parser.error(f"unknown stage '{unknown[0]}'; there are {', '.join(STAGES)}")
    run = Run(arguments)
    for stage in arguments.stages or STAGES:
        STAGES[stage](run)
    with open(os.path.join(run.out, "results.jsonl")) as file:
        table([json.loads(line) for line in file])
    return 0 if all(result["good"] for result in run.results) else 1


if __name__ == "__main__":
    sys.exit(main())
