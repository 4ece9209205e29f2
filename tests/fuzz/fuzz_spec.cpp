//===- fuzz_spec.cpp - any bytes as a model spec --------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A spec is refused with a place, or it survives printing, and resolving it twice changes nothing.
//
//===----------------------------------------------------------------------===//
#include "compiler/spec/ModelSpec.h"
#include "runtime/graph/GraphSchema.h"

#include <cstdio>
#include <cstdlib>

using namespace heddle;

namespace {

graph::GraphSchema makeSchema() {
  graph::GraphSchema schema;
  for (const char *name : {"a", "b", "c"}) {
    graph::NodeTypeSchema type;
    type.name = name;
    type.numNodes = 10;
    schema.nodeTypes.push_back(type);
  }
  graph::FeatureSchema feature;
  feature.name = "x";
  feature.dim = 4;
  schema.nodeTypes[0].features.push_back(feature);
  for (bool multi : {false, true}) {
    graph::LabelSchema label;
    label.name = multi ? "m" : "y";
    label.multilabel = multi;
    label.classes = {"0", "1"};
    graph::LabelSchema::Split split;
    split.name = "s";
    split.numTrain = 5;
    split.numValid = multi ? 0 : 5;
    label.splits.push_back(split);
    schema.nodeTypes[0].labels.push_back(label);
  }
  for (auto [source, destination] :
       {std::pair("a", "a"), std::pair("b", "a"), std::pair("c", "b")}) {
    graph::RelationSchema relation;
    relation.source = source;
    relation.name = "r";
    relation.destination = destination;
    schema.relations.push_back(relation);
  }
  return schema;
}

void check(bool right, const std::string &what) {
  if (right)
    return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const graph::GraphSchema schema = makeSchema();
  std::string_view text(reinterpret_cast<const char *>(data), size);
  auto parsed = spec::parseModelSpec(text, "fuzz");
  if (!parsed.ok()) {
    check(messageOf(parsed.status()).rfind("fuzz:", 0) == 0, messageOf(parsed.status()));
    return 0;
  }
  std::string printed = printModelSpec(*parsed);
  auto again = spec::parseModelSpec(printed, "fuzz");
  check(again.ok(), again.ok() ? "" : messageOf(again.status()) + "\n" + printed);
  check(*again == *parsed, "differs after printing:\n" + printed);
  auto once = spec::resolve(*parsed, schema);
  if (!once.ok())
    return 0;
  auto twice = spec::resolve(once->spec, schema);
  check(twice.ok() && twice->spec == once->spec, "resolving twice differs:\n" + printed);
  again = spec::parseModelSpec(printModelSpec(once->spec), "fuzz");
  check(again.ok() && *again == once->spec, "resolved differs after printing:\n" + printed);
  return 0;
}
