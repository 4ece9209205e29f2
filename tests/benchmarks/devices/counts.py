#!/usr/bin/env python3
"""What a training step costs on a GPU, counted where there is none.

    counts.py --bin build-test/bin --emulator build-test/tests/emulator/lib --graph mag [SPEC...]
              [--target sm_90] [--processors 132] [--warm-up 2] [--steps 2] [--kernels 12] [--table]

For each spec (default: mag-rgcn.json, mag-rgat.json and mag-hgt.json beside this file) a plan is compiled and its first
steps are trained on the double of NVIDIA's driver (tests/emulator, HEDDLE_EMULATOR_COUNTS): once the first `--warm-up`
steps alone, once with `--steps` more; the difference, for each step, is what is printed. Nothing is timed.

- calls: of the driver's functions and of cuBLAS in a step.
- of each kernel: launches and blocks in a step; `fill`: blocks of a launch over what the processors hold at once (by
  registers and shared memory as ptxas gives them; --processors of an sm_90's size); `lanes`: threads that take part in an
  instruction, of 32; `sectors`: of 32 bytes, as instructions of warps touch them; `efficiency`: the least that memory has to
  move (different sectors of each launch) over that; `asked`: bytes that threads ask for over the bytes of the sectors;
  its shares of all sectors and instructions; `conflicts`: wavefronts too many of an access to shared memory.

Instructions are those of PTX. Products are cuBLAS': their calls and operations are counted, not what they touch.
Needs heddle_device_steps (built by name), and ptxas for `fill`. Prints JSON; --table prints Markdown instead.
"""
import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BLOCK_THREADS, SECTOR = 256, 32
# Of a processor of compute capability 9.0: threads, blocks, registers, bytes of shared memory (and those a block takes besides).
THREADS, BLOCKS, REGISTERS, SHARED, SHARED_OF_BLOCK = 2048, 32, 65536, 228 << 10, 1 << 10
KINDS = {
    "launches": ["cuLaunchKernel", "cuGraphLaunch"],
    "products": ["cublasSgemmStridedBatched", "cublasSgemmBatched"],
    "copies to the device": ["cuMemcpyHtoDAsync_v2"],
    "copies to the host": ["cuMemcpyDtoHAsync_v2"],
    "fills": ["cuMemsetD8Async"],
    "events recorded": ["cuEventRecord"],
    "streams that wait": ["cuStreamWaitEvent"],
    "waits of the host": ["cuStreamSynchronize", "cuEventSynchronize", "cuCtxSynchronize"],
    "allocations": ["cuMemAlloc_v2", "cuMemHostAlloc", "cuMemFree_v2", "cuMemFreeHost"],
}


def run(command, **options):
    done = subprocess.run(command, text=True, capture_output=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def count(arguments, plan, steps, folder):
    file = os.path.join(folder, "counts.json")
    environment = dict(os.environ, LD_LIBRARY_PATH=arguments.emulator, HEDDLE_EMULATOR_COUNTS=file, HEDDLE_EMULATOR_RACES="0",
                       HEDDLE_EMULATOR_PROCESSORS=str(arguments.processors), HEDDLE_EMULATOR_MEMORY=str(16 << 30))
    losses = run([os.path.join(arguments.bin, "heddle_device_steps"), plan, arguments.graph, str(steps)], env=environment)
    with open(file, encoding="utf-8") as text:
        return json.load(text), losses.splitlines()


def less(more, fewer, steps):
    """(more - fewer) / steps, number by number."""
    if isinstance(more, dict):
        return {key: less(value, (fewer or {}).get(key), steps) for key, value in more.items()}
    return (more - (fewer or 0)) / steps


def symbol_of(name):
    """A kernel's name in PTX."""
    plain = lambda c: c.isascii() and (c.isalnum() or c == "_")
    return "".join(c if plain(c) else "".join(f"${byte:02x}" for byte in c.encode()) for c in name)


def resources(arguments, plan):
    """Registers and shared memory of kernels, by their names in PTX."""
    found = {}
    done = subprocess.run([os.path.join(arguments.bin, "heddle-dump"), plan, "--gpu-resources"], text=True, capture_output=True)
    for line in done.stdout.splitlines():
        words = line.split()
        if len(words) >= 5 and all(word.isdigit() for word in words[-4:]):
            found[symbol_of(words[0])] = int(words[-4]), int(words[-3])
    return found


def held(registers, shared):
    """Blocks that a processor holds at once."""
    most = min(THREADS // BLOCK_THREADS, BLOCKS)
    warp = -(-registers * 32 // 256) * 256
    most = min(most, REGISTERS // (warp * BLOCK_THREADS // 32))
    return max(1, min(most, SHARED // (-(-shared // 128) * 128 + SHARED_OF_BLOCK)))


def describe(arguments, step, sizes):
    rows = []
    sectors = lambda kernel, what="sectors": kernel["loads"][what] + kernel["stores"][what]
    all_sectors = sum(map(sectors, step["kernels"].values())) or 1
    all_instructions = sum(kernel["instructions"] for kernel in step["kernels"].values()) or 1
    for name, kernel in step["kernels"].items():
        if not kernel["launches"]:
            continue
        row = {"kernel": name, "launches": kernel["launches"], "blocks": kernel["blocks"]}
        if name in sizes:
            row["fill"] = kernel["blocks"] / kernel["launches"] / (arguments.processors * held(*sizes[name]))
            row["registers"], row["shared"] = sizes[name]
        row.update(instructions=kernel["instructions"], lanes=kernel["lanes"] / kernel["instructions"], sectors=sectors(kernel),
                   efficiency=sectors(kernel, "least") / max(1, sectors(kernel)),
                   asked=sectors(kernel, "bytes") / max(1, SECTOR * sectors(kernel)),
                   share_of_sectors=sectors(kernel) / all_sectors, share_of_instructions=kernel["instructions"] / all_instructions,
                   conflicts=kernel["shared"]["extra"] / max(1, kernel["shared"]["accesses"]))
        rows.append(row)
    rows.sort(key=lambda row: -max(row["share_of_sectors"], row["share_of_instructions"]))
    kinds = {kind: sum(step["calls"].get(name, {}).get("calls", 0) for name in names) for kind, names in KINDS.items()}
    totals = collections.Counter()
    for kernel in step["kernels"].values():
        totals.update(instructions=kernel["instructions"], lanes=kernel["lanes"], sectors=sectors(kernel), least=sectors(kernel, "least"))
    totals = {"instructions": totals["instructions"], "lanes": totals["lanes"] / max(1, totals["instructions"]), "sectors": totals["sectors"],
              "efficiency": totals["least"] / max(1, totals["sectors"]),
              "gflop_of_products": sum(call.get("flops", 0) for call in step["calls"].values()) / 1e9}
    return {"kinds": kinds, "calls": step["calls"], "kernels": rows, "all_kernels": totals}


def tables(arguments, results):
    print("| a step | " + " | ".join(results) + " |\n|---|" + "---|" * len(results))
    for kind in KINDS:
        print(f"| {kind} | " + " | ".join(f"{result['kinds'][kind]:.4g}" for result in results.values()) + " |")
    for name, result in results.items():
        print(f"\n{name}, of all kernels: " + ", ".join(f"{what} {number:.3g}" for what, number in result["all_kernels"].items()))
        print("\n| kernel | launches | blocks | fill | lanes | sectors | efficiency | asked | share of sectors | of instructions | conflicts |")
        print("|---|" + "---|" * 10)
        for row in result["kernels"][:arguments.kernels]:
            fill = f"{row['fill']:.2f}" if "fill" in row else "-"
            print(f"| {row['kernel']} | {row['launches']:.4g} | {row['blocks']:.4g} | {fill} | {row['lanes']:.1f} | {row['sectors']:.0f} | "
                  f"{row['efficiency']:.2f} | {row['asked']:.2f} | {100 * row['share_of_sectors']:.1f}% | "
                  f"{100 * row['share_of_instructions']:.1f}% | {row['conflicts']:.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", nargs="*", default=[os.path.join(HERE, f"mag-{model}.json") for model in ("rgcn", "rgat", "hgt")])
    parser.add_argument("--bin", required=True)
    parser.add_argument("--emulator", required=True, help="folder of the double of libcuda")
    parser.add_argument("--graph", required=True)
    parser.add_argument("--target", default="sm_90")
    parser.add_argument("--processors", type=int, default=132)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--kernels", type=int, default=12, help="rows of the table of kernels")
    parser.add_argument("--compile", nargs="*", default=[], help="more options of heddle-compile, without their dashes")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for spec in arguments.specs:
            name = os.path.splitext(os.path.basename(spec))[0]
            plan = os.path.join(folder, name + ".plan")
            run([os.path.join(arguments.bin, "heddle-compile"), "--graph", arguments.graph, "--model", spec, "-o", plan, "--quiet",
                 "--gpu=" + arguments.target, *("--" + option for option in arguments.compile)])
            fewer, _ = count(arguments, plan, arguments.warm_up, folder)
            more, losses = count(arguments, plan, arguments.warm_up + arguments.steps, folder)
            results[name] = describe(arguments, less(more, fewer, arguments.steps), resources(arguments, plan))
            results[name]["losses"] = losses
    if arguments.table:
        tables(arguments, results)
    else:
        json.dump(results, sys.stdout, indent=1)
        print()


if __name__ == "__main__":
    main()
