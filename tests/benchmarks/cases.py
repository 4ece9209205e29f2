"""Graphs and specs that several benchmarks go through: --case NAME GRAPH SPEC, with each of --encoders."""
import json
import os
import re


def add_arguments(parser, epochs, repeat):
    """Options that these benchmarks have in common, with the defaults of one of them."""
    parser.add_argument("--bin", required=True)
    parser.add_argument("--case", nargs=3, action="append", required=True, metavar=("NAME", "GRAPH", "SPEC"))
    parser.add_argument("--encoders", nargs="+", default=["rgcn", "rgat", "hgt"])
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--repeat", type=int, default=repeat)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--table", action="store_true")


def cases(arguments):
    """(name, graph directory, spec) of each case with each encoder."""
    for name, graph, path in arguments.case:
        for encoder in arguments.encoders:
            with open(path, encoding="utf-8") as file:
                spec = json.loads(re.sub(r"^\s*//.*$", "", file.read(), flags=re.M))
            spec["model"]["encoder"] = encoder
            if encoder != "rgcn":
                spec["model"]["num_heads"] = arguments.heads
            yield name, os.path.abspath(graph), spec
