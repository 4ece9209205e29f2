#!/usr/bin/env python3
"""Human genes as tables for heddle-import: headers, one id column, lists of ids for the split.

    genes.py FOLDER OUTPUT      FOLDER holds meta.json and its *.gz files

Then: heddle-import --format=table OUTPUT/genes.json -o GRAPH; the label is `gene.type`. Needs only Python's
standard library.
"""
import gzip
import json
import pathlib
import sys

source, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
output.mkdir(parents=True, exist_ok=True)
meta = json.loads((source / "meta.json").read_text())


def lines(name):
    with gzip.open(source / name, "rt", encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n")


labels, splits = {}, {"train": [], "val": [], "test": []}
for line in lines("label_gene.gz"):
    node, label, split = line.split("\t")
    labels[int(node)] = label
    splits[split].append(node)
with open(output / "gene.tsv", "w", encoding="utf-8") as file:
    file.write("id\tname\ttype\n")
    for node, name in enumerate(lines("names_gene.gz")):
        file.write(f"{node}\t{name}\t{labels.get(node, '')}\n")
for split, ids in splits.items():
    (output / f"{split}.txt").write_text("\n".join(ids) + "\n")
with open(output / "goterm.tsv", "w", encoding="utf-8") as file:
    file.write("id\twords\n")
    for node, words in enumerate(lines("feat_goterm.gz")):
        file.write(f"{node}\t{words}\n")

tsv = {"name": "tsv", "quoting": False}
descriptor = {
    "format": "heddle-import",
    "version": "1.0",
    "add_reverse_edges": True,
    "nodes": [
        {"node_type": "gene", "node_id_col": "id", "display_col": "name", "format": tsv, "files": ["gene.tsv"],
         "labels": [{"label_col": "type", "custom_split_filenames":
                     {"train": "train.txt", "valid": "val.txt", "test": "test.txt"}}]},
        {"node_type": "goterm", "node_id_col": "id", "format": tsv, "files": ["goterm.tsv"],
         "features": [{"feature_col": "words", "transform": {"name": "categorical", "separator": " "}}]},
    ] + [{"node_type": name, "num_nodes": count} for name, count in meta["nodes"].items()
         if name not in ("gene", "goterm")],
    "edges": [],
}
for src, relation, dst, _, name, _ in meta["relations"]:
    table = name.removesuffix(".gz") + ".tsv"
    with open(output / table, "w", encoding="utf-8") as file:
        file.write("src\tdst\n")
        for line in lines(name):
            file.write("\t".join(line.split("\t")[:2]) + "\n")
    descriptor["edges"].append({"relation": [src, relation, dst], "source_id_col": "src", "dest_id_col": "dst",
                                "format": tsv, "files": [table]})
(output / "genes.json").write_text(json.dumps(descriptor, indent=1))
