#!/usr/bin/env python3
"""A knowledge graph of head, relation, tail as tables for heddle-import: hundreds of relations among one node type.

    kg.py ARCHIVE.tar.gz OUTPUT      ARCHIVE holds train.txt, of tab-separated triples (FB15k-237)

Then: heddle-import --format=table OUTPUT/kg.json -o GRAPH. Such a set has no node labels: `entity.domain` is the first
part of the name of the relation (/film/...) that most often has the node as its head, which relations tell almost
directly. It is there to measure steps with; accuracy on it says nothing. Needs only Python's standard library.
"""
import collections
import json
import pathlib
import sys
import tarfile

archive, output = sys.argv[1], pathlib.Path(sys.argv[2])
output.mkdir(parents=True, exist_ok=True)
triples = collections.defaultdict(list)
with tarfile.open(archive) as files:
    member = next(m for m in files if pathlib.PurePath(m.name).name == "train.txt")
    for line in files.extractfile(member).read().decode().splitlines():
        head, relation, tail = line.split("\t")
        triples[relation].append((head, tail))
domains = collections.defaultdict(collections.Counter)
for relation, pairs in sorted(triples.items()):
    for head, tail in pairs:
        domains[head][relation.split("/")[1]] += 1
        domains[tail]  # a node, with a label or without
with open(output / "entity.tsv", "w", encoding="utf-8") as file:
    file.write("id\tdomain\n")
    for entity, found in sorted(domains.items()):
        file.write(f"{entity}\t{min(found, key=lambda d: (-found[d], d)) if found else ''}\n")
tsv = {"name": "tsv", "quoting": False}
descriptor = {
    "format": "heddle-import", "version": "1.0", "add_reverse_edges": True,
    "nodes": [{"node_type": "entity", "node_id_col": "id", "format": tsv, "files": ["entity.tsv"],
               "labels": [{"label_col": "domain", "splits": {"random": {"split_pct": [0.8, 0.1, 0.1], "seed": 0}}}]}],
    "edges": [],
}
for number, (relation, pairs) in enumerate(sorted(triples.items())):
    with open(output / f"r{number}.tsv", "w", encoding="utf-8") as file:
        file.write("head\ttail\n" + "".join(f"{head}\t{tail}\n" for head, tail in pairs))
    descriptor["edges"].append({"relation": ["entity", f"r{number}", "entity"], "source_id_col": "head",
                                "dest_id_col": "tail", "format": tsv, "files": [f"r{number}.tsv"]})
(output / "kg.json").write_text(json.dumps(descriptor, indent=1))
