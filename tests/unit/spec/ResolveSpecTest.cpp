//===- ResolveSpecTest.cpp - a model spec meets a graph's schema ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/spec/ModelSpec.h"
#include "runtime/graph/GraphSchema.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace heddle;
using namespace heddle::spec;
using graph::GraphSchema;

namespace {

graph::LabelSchema::Split split(const std::string &name, int64_t train, int64_t valid) {
  graph::LabelSchema::Split out;
  out.name = name;
  out.numTrain = train;
  out.numValid = out.numTest = valid;
  return out;
}

graph::LabelSchema label(const std::string &name, bool multi, std::vector<std::string> classes) {
  graph::LabelSchema out;
  out.name = name;
  out.multilabel = multi;
  out.classes = std::move(classes);
  out.splits.push_back(split("default", 80, 10));
  return out;
}

/// paper (label topic, flags; features title, year), author (empty), venue (no edge reaches paper),
/// "名前/~" (one relation into author only, self relation).
GraphSchema sample() {
  GraphSchema schema;
  auto type = [&](const std::string &name, int64_t n) -> graph::NodeTypeSchema & {
    graph::NodeTypeSchema t;
    t.name = name;
    t.numNodes = n;
    schema.nodeTypes.push_back(t);
    return schema.nodeTypes.back();
  };
  type("author", 0);
  auto &paper = type("paper", 100);
  for (const char *feature : {"year", "title"}) {
    graph::FeatureSchema f;
    f.name = feature;
    f.dim = 3;
    paper.features.push_back(f);
  }
  paper.labels = {label("topic", false, {"a", "b", "c"}), label("flags", true, {"x", "y"}),
                  label("fraud", false, {"no", "yes"}),   label("single", false, {"only"}),
                  label("oneflag", true, {"x"}),          label("bare", false, {"a", "b"}),       label("untrained", false, {"a", "b"}),
                  label("novalid", false, {"a", "b"})};
  paper.labels[0].splits.push_back(split("time", 50, 25));
  paper.labels[5].splits.clear();
  paper.labels[6].splits[0].numTrain = 0;
  paper.labels[7].splits[0].numValid = 0;
  type("venue", 5);
  type("名前/~", 7);
  auto relation = [&](const char *source, const char *name, const char *destination) {
    graph::RelationSchema r;
    r.source = source;
    r.name = name;
    r.destination = destination;
    schema.relations.push_back(r);
  };
  relation("author", "writes", "paper");
  relation("paper", "cites", "paper");
  relation("paper", "in", "venue");
  relation("paper", "uses", "paper");
  relation("名前/~", "is", "author");
  relation("名前/~", "is", "名前/~");
  return schema;
}

ModelSpec parsed(const std::string &body) {
  auto spec =
      parseModelSpec("{\"version\": \"1.0\"" + (body.empty() ? "" : ", " + body) + "}", "m.json");
  EXPECT_TRUE(spec.ok()) << spec.status();
  return spec.ok() ? *spec : ModelSpec();
}

const std::string topic = R"("task": {"target_ntype": "paper", "label": "topic"})";

ResolvedSpec resolved(const std::string &body, const GraphSchema &schema = sample()) {
  auto out = resolve(parsed(body), schema);
  EXPECT_TRUE(out.ok()) << out.status();
  return out.ok() ? *out : ResolvedSpec();
}

bool hasRemark(const ResolvedSpec &spec, const std::string &text) {
  return std::any_of(spec.remarks.begin(), spec.remarks.end(),
                     [&](const std::string &r) { return r.find(text) != std::string::npos; });
}

} // namespace

TEST(ResolveSpec, FillsInWhatTheGraphDecides) {
  ResolvedSpec out = resolved(topic);
  EXPECT_EQ(out.spec.task.split, "default");
  EXPECT_EQ(out.spec.task.loss.name, "cross_entropy");
  EXPECT_EQ(out.spec.task.metrics, (std::vector<std::string>{"accuracy", "f1_macro"}));
  EXPECT_EQ(out.spec.task.positiveClass, "");
  // Every relation, in canonical order.
  ASSERT_EQ(out.spec.model.relations.size(), 6u);
  EXPECT_EQ(toString(out.spec.model.relations[1]), "paper:cites:paper");
  // Features where there are some, learnable rows elsewhere; a type that is not reached has none.
  EXPECT_EQ(out.spec.inputs.at("paper").features, (std::vector<std::string>{"title", "year"}));
  EXPECT_FALSE(out.spec.inputs.at("paper").learnable);
  EXPECT_TRUE(out.spec.inputs.at("author").learnable); // no rows, yet a type like any other
  EXPECT_TRUE(out.spec.inputs.at("名前/~").learnable); // two hops away
  EXPECT_EQ(out.spec.inputs.count("venue"), 0u);
  EXPECT_TRUE(hasRemark(out, "/inputs/author: learnable rows"));
  EXPECT_TRUE(hasRemark(out, "/inputs/名前~1~0: learnable rows"));
  EXPECT_TRUE(hasRemark(out, "/inputs/venue: no message"));
  // One hop away it is not reached.
  EXPECT_EQ(resolved(topic + R"(, "model": {"num_layers": 1})").spec.inputs.count("名前/~"), 0u);
}

TEST(ResolveSpec, ByTheKindOfTheLabel) {
  ResolvedSpec multi = resolved(R"("task": {"target_ntype": "paper", "label": "flags"})");
  EXPECT_EQ(multi.spec.task.loss.name, "binary_cross_entropy");
  EXPECT_EQ(multi.spec.task.metrics[0], "f1_micro");
  ResolvedSpec binary =
      resolved(R"("task": {"label": "fraud"}, "eval": {"early_stopping": {"patience": 3}})");
  EXPECT_EQ(binary.spec.task.targetNtype, "paper"); // the only type with a label
  EXPECT_EQ(binary.spec.task.positiveClass, "yes");
  EXPECT_EQ(binary.spec.task.metrics[1], "roc_auc");
  EXPECT_EQ(binary.spec.eval.earlyStopping->monitor, "valid/accuracy");
  EXPECT_EQ(binary.spec.eval.earlyStopping->mode, "max");
  EXPECT_EQ(resolved(R"("task": {"label": "topic", "split": "time"})").spec.task.split, "time");
  EXPECT_TRUE(hasRemark(resolved(R"("task": {"label": "novalid"})"), "no validation row"));
}

TEST(ResolveSpec, StarIsForTheTypesWithoutAnEntry) {
  ResolvedSpec out = resolved(topic + R"(, "inputs": {"*": {"features": "all", "learnable": true},
      "author": {"constant": true}, "venue": {"learnable": true}})");
  EXPECT_EQ(out.spec.inputs.at("paper").features.size(), 2u);
  EXPECT_TRUE(out.spec.inputs.at("paper").learnable);
  EXPECT_TRUE(out.spec.inputs.at("名前/~").learnable);
  EXPECT_TRUE(out.spec.inputs.at("author").constant);
  EXPECT_FALSE(out.spec.inputs.at("author").learnable);
  EXPECT_EQ(out.spec.inputs.count("*"), 0u);
  EXPECT_TRUE(hasRemark(out, "/inputs/venue: no message from 'venue' reaches 'paper' in 2 layers"));
}

TEST(ResolveSpec, IsIdempotentAndPrintsWhatParsesToTheSame) {
  for (
      const std::string &body :
      {topic, topic + R"(, "inputs": {"*": {"features": "all", "constant": true}})",
       std::string(R"("task": {"label": "fraud"}, "eval": {"early_stopping": {}})"),
       topic +
           R"(, "model": {"relations": [["paper", "uses", "paper"], ["author", "writes", "paper"]]},
          "sampling": {"overrides": [{"relation": ["author", "writes", "paper"], "fanout": 2}]})"}) {
    ResolvedSpec once = resolved(body);
    auto twice = resolve(once.spec, sample());
    ASSERT_TRUE(twice.ok()) << twice.status();
    EXPECT_EQ(twice->spec, once.spec);
    auto again = parseModelSpec(printModelSpec(once.spec), "m.json");
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, once.spec) << printModelSpec(once.spec);
    EXPECT_EQ(printModelSpec(once.spec).find("null,\n    \"label\""), std::string::npos);
  }
}

TEST(ResolveSpec, DeclarationOrderDoesNotMatter) {
  EXPECT_EQ(resolved(topic + R"(, "model": {"relations": [["paper", "uses", "paper"],
                                                          ["author", "writes", "paper"]]})")
                .spec,
            resolved(topic + R"(, "model": {"relations": [["author", "writes", "paper"],
                                                          ["paper", "uses", "paper"]]})")
                .spec);
}

TEST(ResolveSpec, WhatDoesNotFitTheGraph) {
  struct Row {
    std::string body, message;
  };
  const std::vector<Row> rows = {
      {R"("task": {"target_ntype": "papr"})",
       "/task/target_ntype: the graph has no node type 'papr'; did you mean 'paper'?"},
      {R"("task": {"target_ntype": "author"})",
       "/task/target_ntype: node type 'author' has no label; import one with heddle-import"},
      {"", "/task/label: missing, and node type 'paper' has several labels; name one of: topic, "
           "flags, fraud, single, oneflag, bare, untrained, novalid"},
      {R"("task": {"label": "topics"})",
       "/task/label: node type 'paper' has no label 'topics'; did you mean 'topic'?"},
      {R"("task": {"label": "single"})",
       "/task/label: label 'single' has 1 class; a classification needs two; choose another label"},
      {R"("task": {"label": "bare"})",
       "/task/label: label 'bare' has no split; import one with heddle-import"},
      {R"("task": {"label": "topic", "split": "tme"})",
       "/task/split: label 'topic' has no split 'tme'; did you mean 'time'?"},
      {R"("task": {"label": "untrained"})",
       "/task/split: split 'default' has no training row; choose another or import again"},
      {R"("task": {"label": "topic", "loss": {"name": "binary_cross_entropy"}})",
       "/task/loss/name: label 'topic' is single-label, and 'binary_cross_entropy' is not for "
       "that; "
       "use 'cross_entropy'"},
      {R"("task": {"label": "flags", "loss": {"name": "cross_entropy"}})",
       "/task/loss/name: label 'flags' is multi-label, and 'cross_entropy' is not for that; use "
       "'binary_cross_entropy'"},
      {R"("task": {"label": "topic", "loss": {"class_weights": [1, 2]}})",
       "/task/loss/class_weights: 2 weights for 3 classes; give one per class, in this order: a, "
       "b, "
       "c"},
      {R"("task": {"label": "topic", "loss": {"class_weights": [0, 0, 0]}})",
       "/task/loss/class_weights: all weights are 0; nothing would be learnt"},
      {R"("task": {"label": "topic", "positive_class": "a"})",
       "/task/positive_class: is for a label of two classes; label 'topic' has 3; remove it"},
      {R"("task": {"label": "fraud", "positive_class": "yse"})",
       "/task/positive_class: label 'fraud' has no class 'yse'; did you mean 'yes'?"},
      {topic + R"(, "inputs": {"papre": {"learnable": true}})",
       "/inputs/papre: the graph has no node type 'papre'; did you mean 'paper'?"},
      {topic + R"(, "inputs": {"paper": {"features": {"titel": "linear"}}})",
       "/inputs/paper/features/titel: node type 'paper' has no feature 'titel'; did you mean "
       "'title'?"},
      {topic + R"(, "inputs": {"名前/~": {"features": {"a/b": "linear"}}})",
       "/inputs/名前~1~0/features/a~1b: node type '名前/~' has no feature 'a/b'; set "
       "\"learnable\": "
       "true instead"},
      {topic + R"(, "inputs": {"author": {"features": "all"}})",
       "/inputs/author: node type 'author' has no features; set \"learnable\": true, or "
       "\"constant\": true"},
      {topic + R"(, "inputs": {"*": {"features": "all"}})",
       "/inputs/*: node type 'author' has no features; set \"learnable\": true, or \"constant\": "
       "true"},
      {R"("task": {"target_ntype": "paper", "label": "oneflag"}, "model": {"encoder": "simplehgn"})",
       "/model/encoder: simplehgn ends in rows of length 1, which for the one class of label "
       "'oneflag' are 1 or -1 and learn nothing; choose another encoder"},
      {topic + R"(, "model": {"relations": [["paper", "cite", "paper"]]})",
       "/model/relations/0: the graph has no relation paper:cite:paper; did you mean "
       "'paper:cites:paper'?"},
      {topic + R"(, "model": {"relations": [["paper", "in", "venue"]]})",
       "/task/target_ntype: no relation of /model/relations leads into 'paper', so it receives no "
       "message; add one, or import with reverse relations (\"add_reverse_edges\": true)"},
      {topic + R"(, "model": {"relations": [["paper", "cites", "paper"]]},
         "sampling": {"overrides": [{"relation": ["paper", "uses", "paper"], "fanout": 3}]})",
       "/sampling/overrides/0/relation: relation paper:uses:paper is not among /model/relations; "
       "add it there, or remove this"},
      {topic +
           R"(, "sampling": {"overrides": [{"relation": ["paper", "use", "paper"], "fanout": 3}]})",
       "/sampling/overrides/0/relation: the graph has no relation paper:use:paper; did you mean "
       "'paper:uses:paper'?"},
      {R"("task": {"label": "novalid"}, "eval": {"early_stopping": {}})",
       "/eval/early_stopping: split 'default' has no validation row to watch; remove it or choose "
       "another split"},
      {topic + R"(, "eval": {"early_stopping": {"monitor": "valid/roc_auc"}})",
       "/eval/early_stopping/monitor: 'valid/roc_auc' is not computed; add the metric to "
       "/task/metrics (now: accuracy, f1_macro)"},
  };
  for (const Row &row : rows) {
    auto out = resolve(parsed(row.body), sample());
    ASSERT_FALSE(out.ok()) << row.body;
    EXPECT_EQ(messageOf(out.status()), "m.json: " + row.message);
    EXPECT_EQ(exitCodeOf(out.status()), 2);
  }
}

TEST(ResolveSpec, GraphsThatCannotBeTrainedOn) {
  GraphSchema schema = sample();
  schema.relations.clear();
  auto out = resolve(parsed(topic), schema);
  ASSERT_FALSE(out.ok());
  EXPECT_NE(messageOf(out.status()).find("the graph has no relation"), std::string::npos);
  schema = sample();
  for (auto &type : schema.nodeTypes)
    type.labels.clear();
  out = resolve(parsed(""), schema);
  ASSERT_FALSE(out.ok());
  EXPECT_NE(messageOf(out.status()).find("no node type of the graph has a label"),
            std::string::npos);
  EXPECT_FALSE(resolve(parsed(""), GraphSchema()).ok());
}

TEST(ResolveSpec, EdgeFeaturesAreThoseOfTheRelations) {
  GraphSchema schema = sample();
  auto add = [&](size_t relation, const char *name, int64_t dim) {
    graph::FeatureSchema feature;
    feature.name = name;
    feature.dim = dim;
    schema.relations[relation].features.push_back(feature);
  };
  add(0, "weight", 1);
  add(0, "span", 4);
  add(1, "weight", 1);
  add(2, "years", 2);
  schema.relations[3].reverseOf = 1; // whose features it shares
  auto body = [](const std::string &model) { return topic + ", \"model\": {" + model + "}"; };
  ResolvedSpec out = resolved(body(R"("edge_features": {"edge_weight": "weight"})"), schema);
  EXPECT_EQ(out.spec.model.edgeFeatures.weight, "weight");
  EXPECT_TRUE(hasRemark(out, "/model/edge_features/edge_weight: 3 relations have no edge feature "
                             "'weight', their edges weigh 1: paper:in:venue, 名前/~:is:author"));
  EXPECT_EQ(resolve(out.spec, schema)->spec, out.spec);
  out = resolved(body(R"("encoder": "rgat", "edge_features": {"edge_attr": "span"})"), schema);
  EXPECT_TRUE(
      hasRemark(out, "5 relations have no edge feature 'span', their scores have no such term"));
  auto error = [&](const std::string &model, const GraphSchema &of) {
    return messageOf(resolve(parsed(body(model)), of).status());
  };
  EXPECT_EQ(error(R"("edge_features": {"edge_weight": "wieght"})", schema),
            "m.json: /model/edge_features/edge_weight: no relation of /model/relations has an edge "
            "feature 'wieght'; did you mean 'weight'?");
  EXPECT_EQ(
      error(R"("edge_features": {"edge_weight": "span"})", schema),
      "m.json: /model/edge_features/edge_weight: feature 'span' of relation author:writes:paper "
      "has "
      "4 columns, and a weight is one number; name another, or import the weight as a feature of "
      "its own");
  EXPECT_EQ(
      error(R"("edge_features": {"edge_weight": "weight"}, "relations": [["paper", "in", "venue"],
                     ["名前/~", "is", "author"]])",
            schema),
      "m.json: /model/edge_features/edge_weight: no relation of /model/relations has an edge "
      "feature 'weight'; known: years");
  EXPECT_EQ(error(R"("edge_features": {"edge_weight": "weight"})", sample()),
            "m.json: /model/edge_features/edge_weight: no relation of /model/relations has an edge "
            "feature 'weight'; import one (\"features\" of an edges entry), or remove this");
}
