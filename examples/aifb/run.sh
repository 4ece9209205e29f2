#!/bin/sh
# From AIFB's triples to a trained R-GCN: import, compile, look at the plan, train under ten seeds.
#   examples/aifb/run.sh AIFB [OUTPUT [MODEL]]
# AIFB: the folder with aifb_stripped.nt.gz, trainingSet.tsv and testSet.tsv; OUTPUT: where everything
# goes; MODEL: rgcn.json (the default) or another spec. Results that exist already stop it.
# WORKERS=4 before it cuts the step into four partitions and trains with four processes.
# The tools are looked for on PATH: PATH=$PWD/build/bin:$PATH after ./setup.sh build.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: run.sh AIFB [OUTPUT [MODEL]]}
output=${2:-aifb-example}
model=${3:-$here/rgcn.json}
name=$(basename "$model" .json)
workers=${WORKERS:-1}
[ "$workers" = 1 ] || name=$name-$workers-workers
mkdir -p "$output"
[ -e "$output/graph/graph.json" ] ||
  heddle-import --format=ntriples --literals=nodes --valid-ratio=0.1 "$data" -o "$output/graph"
heddle-compile --graph "$output/graph" --model "$model" --partitions "$workers" -o "$output/$name.plan"
heddle-dump "$output/$name.plan"
heddle-run "$output/$name.plan" --graph "$output/graph" --workers "$workers" --runs 10 -o "$output/$name"
