#!/bin/sh
# From HGB's DBLP archive to a trained R-GCN, HGT, Simple-HGN or HAN: import, compile, look at the plan, train under ten seeds.
#   examples/dblp/run.sh DBLP.zip [OUTPUT [MODEL]]
# OUTPUT: where everything goes; MODEL: rgcn.json (the default), hgt.json, simplehgn.json, han.json, for which the
# graph gets the usual metapaths first, or another spec. Results that exist already stop it.
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
graph=$output/graph
if grep -q '"encoder": "han"' "$model"; then
  graph=$output/metapaths
  # Author-paper-author, and by way of the papers' terms and venues.
  ap=author:author-paper:paper pa=paper:paper-author:author
  [ -e "$graph/graph.json" ] || heddle-import "$output/graph" -o "$graph" \
    --derive "APA=$ap,$pa" \
    --derive "APTPA=$ap,paper:paper-term:term,term:term-paper:paper,$pa" \
    --derive "APVPA=$ap,paper:paper-venue:venue,venue:venue-paper:paper,$pa"
fi
heddle-compile --graph "$graph" --model "$model" --partitions "$workers" -o "$output/$name.plan"
heddle-dump "$output/$name.plan"
heddle-run "$output/$name.plan" --graph "$graph" --workers "$workers" --runs 10 -o "$output/$name"
