#!/bin/sh
# From HGB's DBLP archive to a trained R-GCN: import, compile, look at the plan, train under ten seeds.
#   examples/dblp/run.sh DBLP.zip [OUTPUT [MODEL]]
# OUTPUT: where everything goes; MODEL: rgcn.json (the default) or another spec. Results that exist
# already stop it.
# WORKERS=4 before it cuts the step into four partitions and trains with four processes.
# The tools are looked for on PATH: PATH=$PWD/build/bin:$PATH after ./setup.sh build.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: run.sh DBLP.zip [OUTPUT [MODEL]]}
output=${2:-dblp-example}
model=${3:-$here/rgcn.json}
name=$(basename "$model" .json)
workers=${WORKERS:-1}
[ "$workers" = 1 ] || name=$name-$workers-workers
mkdir -p "$output"
[ -e "$output/graph/graph.json" ] || heddle-import --format=hgb "$data" -o "$output/graph"
heddle-compile --graph "$output/graph" --model "$model" --partitions "$workers" -o "$output/$name.plan"
heddle-dump "$output/$name.plan"
heddle-run "$output/$name.plan" --graph "$output/graph" --workers "$workers" --runs 10 -o "$output/$name"
