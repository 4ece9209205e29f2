#!/bin/sh
# From WordNet's files to a trained R-GCN: import, compile, look at the plan, train.
#   examples/wordnet/run.sh [WORDNET [OUTPUT [MODEL]]]
# WORDNET: the folder with data.noun (Debian: package wordnet-base); OUTPUT: where everything goes;
# MODEL: rgcn.json (the default), sage.json or another spec. Results that exist already stop it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
wordnet=${1:-/usr/share/wordnet}
output=${2:-wordnet-example}
model=${3:-$here/rgcn.json}
name=$(basename "$model" .json)
mkdir -p "$output"
[ -e "$output/graph/graph.json" ] || heddle-import --format=wordnet "$wordnet" -o "$output/graph"
heddle-compile --graph "$output/graph" --model "$model" -o "$output/$name.plan"
heddle-dump "$output/$name.plan"
heddle-run "$output/$name.plan" --graph "$output/graph" -o "$output/$name"
