#!/bin/sh
# From nothing to a trained R-GCN: draw a synthetic graph like ogbn-mag, compile, look at the plan, train.
#   examples/ogbn-mag/run.sh [SCALE [OUTPUT [MODEL]]]
# SCALE: share of ogbn-mag's nodes and edges (0.01; with 1, 21 million edges); OUTPUT: where everything
# goes; MODEL: rgcn.json (the default) or another spec. Results that exist already stop it.
# WORKERS=3 before it cuts the step into three partitions and trains with three processes.
# The tools are looked for on PATH: PATH=$PWD/build/bin:$PATH after ./setup.sh build.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
scale=${1:-0.01}
output=${2:-ogbn-mag-example}
model=${3:-$here/rgcn.json}
name=$(basename "$model" .json)
workers=${WORKERS:-1}
[ "$workers" = 1 ] || name=$name-$workers-workers
mkdir -p "$output"
[ -e "$output/graph/graph.json" ] || heddle-import --generate=ogbn-mag --scale "$scale" -o "$output/graph"
heddle-compile --graph "$output/graph" --model "$model" --partitions "$workers" -o "$output/$name.plan"
heddle-dump "$output/$name.plan"
heddle-run "$output/$name.plan" --graph "$output/graph" --workers "$workers" -o "$output/$name"
