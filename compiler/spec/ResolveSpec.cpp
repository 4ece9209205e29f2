//===- ResolveSpec.cpp - a model spec meets a graph's schema --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/spec/ModelSpec.h"

#include "runtime/base/Json.h"
#include "runtime/base/Suggest.h"
#include "runtime/graph/GraphSchema.h"
#include "runtime/train/Metrics.h"

#include <algorithm>
#include <set>

namespace heddle::spec {
namespace {

using graph::GraphSchema;
using graph::LabelSchema;
using graph::NodeTypeSchema;
using graph::RelationSchema;

template <typename T> std::vector<std::string> namesOf(const std::vector<T> &items) {
  std::vector<std::string> names;
  for (const T &item : items)
    names.push_back(item.name);
  return names;
}

std::string joined(const std::vector<std::string> &names) {
  constexpr size_t shown = 12;
  std::string text;
  for (size_t i = 0; i < names.size() && i < shown; ++i)
    text += (i ? ", " : "") + names[i];
  return text + (names.size() > shown ? ", ..." : "");
}

Triple tripleOf(const RelationSchema &relation) {
  return {relation.source, relation.name, relation.destination};
}

class Resolver {
public:
  Resolver(const ModelSpec &written, const GraphSchema &schema) : spec(written), schema(schema) {}

  absl::StatusOr<ResolvedSpec> run() {
    HEDDLE_RETURN_IF_ERROR(target());
    HEDDLE_RETURN_IF_ERROR(label());
    HEDDLE_RETURN_IF_ERROR(split());
    HEDDLE_RETURN_IF_ERROR(loss());
    HEDDLE_RETURN_IF_ERROR(positiveClass());
    metrics();
    HEDDLE_RETURN_IF_ERROR(relations());
    HEDDLE_RETURN_IF_ERROR(
        edgeFeature("edge_weight", spec.model.edgeFeatures.weight, 1, "their edges weigh 1"));
    HEDDLE_RETURN_IF_ERROR(edgeFeature("edge_attr", spec.model.edgeFeatures.attr, 0,
                                       "their scores have no such term"));
    HEDDLE_RETURN_IF_ERROR(reach());
    HEDDLE_RETURN_IF_ERROR(inputs());
    HEDDLE_RETURN_IF_ERROR(overrides());
    HEDDLE_RETURN_IF_ERROR(earlyStopping());
    return ResolvedSpec{std::move(spec), std::move(remarks)};
  }

private:
  absl::Status error(const std::string &pointer, const std::string &message) const {
    return invalidArgument(spec.file + ": " + pointer + ": " + message);
  }
  void remark(const std::string &pointer, const std::string &message) {
    remarks.push_back(pointer + ": " + message);
  }

  absl::Status target() {
    const std::string place = "/task/target_ntype";
    if (spec.task.targetNtype.empty()) {
      std::vector<std::string> labelled;
      for (const NodeTypeSchema &type : schema.nodeTypes)
        if (!type.labels.empty())
          labelled.push_back(type.name);
      if (labelled.empty())
        return error(place, "no node type of the graph has a label; import one with heddle-import");
      if (labelled.size() > 1)
        return error(place, "missing, and several node types have labels; name one of: " +
                                joined(labelled));
      spec.task.targetNtype = labelled[0];
      remark(place, "'" + labelled[0] + "', the only node type with a label");
    }
    int id = schema.nodeTypeId(spec.task.targetNtype);
    if (id < 0)
      return error(place, "the graph has no node type '" + spec.task.targetNtype + "'" +
                              suggestion(spec.task.targetNtype, namesOf(schema.nodeTypes)));
    targetType = &schema.nodeTypes[size_t(id)];
    return absl::OkStatus();
  }

  absl::Status label() {
    const std::string place = "/task/label";
    const std::string of = "node type '" + targetType->name + "'";
    const auto &labels = targetType->labels;
    if (labels.empty())
      return error("/task/target_ntype", of + " has no label; import one with heddle-import");
    if (spec.task.label.empty()) {
      if (labels.size() > 1)
        return error(place, "missing, and " + of +
                                " has several labels; name one of: " + joined(namesOf(labels)));
      spec.task.label = labels[0].name;
      remark(place, "'" + labels[0].name + "', the only label of " + of);
    }
    auto found = std::find_if(labels.begin(), labels.end(),
                              [&](const LabelSchema &l) { return l.name == spec.task.label; });
    if (found == labels.end())
      return error(place, of + " has no label '" + spec.task.label + "'" +
                              suggestion(spec.task.label, namesOf(labels)));
    targetLabel = &*found;
    if (targetLabel->classes.empty() ||
        (!targetLabel->multilabel && targetLabel->classes.size() < 2))
      return error(place, "label '" + spec.task.label + "' has " +
                              std::to_string(targetLabel->classes.size()) +
                              " class; a classification needs two; choose another label");
    if (spec.model.encoder == "simplehgn" && targetLabel->classes.size() == 1)
      return error("/model/encoder", "simplehgn ends in rows of length 1, which for the one class of "
                                     "label '" +
                                         spec.task.label +
                                         "' are 1 or -1 and learn nothing; choose another encoder");
    return absl::OkStatus();
  }

  absl::Status split() {
    const std::string place = "/task/split";
    const auto &splits = targetLabel->splits;
    if (splits.empty())
      return error("/task/label",
                   "label '" + spec.task.label + "' has no split; import one with heddle-import");
    if (spec.task.split.empty()) {
      spec.task.split = splits[0].name;
      remark(place, "'" + splits[0].name + "', the " + (splits.size() > 1 ? "first" : "only") +
                        " split of label '" + spec.task.label + "'");
    }
    auto found = std::find_if(splits.begin(), splits.end(),
                              [&](const auto &s) { return s.name == spec.task.split; });
    if (found == splits.end())
      return error(place, "label '" + spec.task.label + "' has no split '" + spec.task.split + "'" +
                              suggestion(spec.task.split, namesOf(splits)));
    targetSplit = &*found;
    const std::string of = "split '" + spec.task.split + "'";
    if (targetSplit->numTrain == 0)
      return error(place, of + " has no training row; choose another or import again");
    if (targetSplit->numValid == 0)
      remark(place, of + " has no validation row: the last state is kept, not the best");
    if (targetSplit->numTest == 0)
      remark(place, of + " has no test row: there will be no test result");
    return absl::OkStatus();
  }

  absl::Status loss() {
    LossSpec &loss = spec.task.loss;
    const std::string kind = targetLabel->multilabel ? "multi-label" : "single-label";
    const std::string fits = targetLabel->multilabel ? "binary_cross_entropy" : "cross_entropy";
    if (loss.name.empty()) {
      loss.name = fits;
      remark("/task/loss/name", fits + ", since label '" + spec.task.label + "' is " + kind);
    }
    if (loss.name != fits)
      return error("/task/loss/name", "label '" + spec.task.label + "' is " + kind + ", and '" +
                                          loss.name + "' is not for that; use '" + fits + "'");
    if (loss.classWeights == ClassWeights::Given &&
        loss.weights.size() != targetLabel->classes.size())
      return error(
          "/task/loss/class_weights",
          std::to_string(loss.weights.size()) + " weights for " +
              std::to_string(targetLabel->classes.size()) +
              " classes; give one per class, in this order: " + joined(targetLabel->classes));
    if (loss.classWeights == ClassWeights::Given && !targetLabel->multilabel &&
        std::all_of(loss.weights.begin(), loss.weights.end(), [](double w) { return w == 0; }))
      return error("/task/loss/class_weights", "all weights are 0; nothing would be learnt");
    return absl::OkStatus();
  }

  absl::Status positiveClass() {
    const std::string place = "/task/positive_class";
    const auto &classes = targetLabel->classes;
    const bool binary = !targetLabel->multilabel && classes.size() == 2;
    std::string &name = spec.task.positiveClass;
    if (name.empty()) {
      if (binary)
        name = classes[1];
      return absl::OkStatus();
    }
    if (!binary)
      return error(place, "is for a label of two classes; label '" + spec.task.label + "' has " +
                              (targetLabel->multilabel ? "several per row"
                                                       : std::to_string(classes.size())) +
                              "; remove it");
    if (std::find(classes.begin(), classes.end(), name) == classes.end())
      return error(place, "label '" + spec.task.label + "' has no class '" + name + "'" +
                              suggestion(name, classes));
    return absl::OkStatus();
  }

  void metrics() {
    auto &metrics = spec.task.metrics;
    if (!metrics.empty())
      return;
    if (targetLabel->multilabel)
      metrics = {"f1_micro", "f1_macro", "average_precision"};
    else if (targetLabel->classes.size() == 2)
      metrics = {"accuracy", "roc_auc", "average_precision"};
    else
      metrics = {"accuracy", "f1_macro"};
    remark("/task/metrics", joined(metrics) + ", by the kind of the label");
  }

  absl::Status relations() {
    EncoderSpec &model = spec.model;
    if (schema.relations.empty())
      return error("/model/relations", "the graph has no relation; a message needs one; import "
                                       "edges with heddle-import");
    std::vector<std::string> known;
    for (const RelationSchema &relation : schema.relations)
      known.push_back(relation.triple());
    for (size_t i = 0; i < model.relations.size(); ++i) {
      const Triple &r = model.relations[i];
      if (schema.relationId(r[0], r[1], r[2]) < 0)
        return error("/model/relations/" + std::to_string(i),
                     "the graph has no relation " + toString(r) + suggestion(toString(r), known));
    }
    if (model.allRelations)
      for (const RelationSchema &relation : schema.relations)
        model.relations.push_back(tripleOf(relation));
    model.allRelations = false;
    // Names, not the order in which they were written, decide.
    std::sort(model.relations.begin(), model.relations.end());
    return absl::OkStatus();
  }

  /// Checks a feature that the encoder reads of edges: some relation has it, dense and of `dim`
  /// columns (0: any number). `without`: how relations without it fare.
  absl::Status edgeFeature(const std::string &key, const std::string &name, int64_t dim,
                           const std::string &without) {
    if (name.empty())
      return absl::OkStatus();
    const std::string place = "/model/edge_features/" + key;
    std::set<std::string> known;
    std::vector<std::string> lacking;
    for (const Triple &r : spec.model.relations) {
      int id = schema.relationId(r[0], r[1], r[2]);
      bool found = false;
      for (const graph::FeatureSchema &feature : schema.edgeFeatures(id)) {
        known.insert(feature.name);
        if (feature.name != name)
          continue;
        found = true;
        if (feature.kind != graph::FeatureKind::Dense)
          return error(place, "feature '" + name + "' of relation " + toString(r) +
                                  " is sparse; import it as columns of numbers");
        if (dim != 0 && feature.dim != dim)
          return error(place, "feature '" + name + "' of relation " + toString(r) + " has " +
                                  std::to_string(feature.dim) +
                                  " columns, and a weight is one number; name another, or import "
                                  "the weight as a feature of its own");
      }
      if (!found)
        lacking.push_back(toString(r));
    }
    if (lacking.size() == spec.model.relations.size())
      return error(place, "no relation of /model/relations has an edge feature '" + name + "'" +
                              (known.empty() ? "; import one (\"features\" of an edges entry), or "
                                               "remove this"
                                             : suggestion(name, {known.begin(), known.end()})));
    if (!lacking.empty())
      remark(place, std::to_string(lacking.size()) + " relations have no edge feature '" + name +
                        "', " + without + ": " + joined(lacking));
    return absl::OkStatus();
  }

  /// Which node types the target's rows are computed from.
  absl::Status reach() {
    reached = {spec.task.targetNtype};
    bool intoTarget = false;
    for (const Triple &relation : spec.model.relations)
      intoTarget |= relation[2] == spec.task.targetNtype;
    if (!intoTarget)
      return error("/task/target_ntype",
                   "no relation of /model/relations leads into '" + spec.task.targetNtype +
                       "', so it receives no message; " +
                       (spec.model.encoder == "han"
                            ? "han takes metapaths from and to the target; derive them with "
                              "heddle-import --derive"
                            : "add one, or import with reverse relations (\"add_reverse_edges\": "
                              "true)"));
    for (int64_t hop = 0; hop < spec.model.numLayers; ++hop) {
      std::set<std::string> next = reached;
      for (const Triple &relation : spec.model.relations)
        if (reached.count(relation[2]))
          next.insert(relation[0]);
      reached.swap(next);
    }
    return absl::OkStatus();
  }

  absl::Status inputs() {
    if (spec.model.featureless)
      return absl::OkStatus();
    std::map<std::string, InputSpec> written = std::move(spec.inputs);
    spec.inputs.clear();
    for (const auto &[name, input] : written)
      if (name != "*" && schema.nodeTypeId(name) < 0)
        return error(jsonPointerAppend("/inputs", name),
                     "the graph has no node type '" + name + "'" +
                         suggestion(name, namesOf(schema.nodeTypes)));
    auto others = written.find("*");
    for (const NodeTypeSchema &type : schema.nodeTypes) {
      const std::string place = jsonPointerAppend("/inputs", type.name);
      auto own = written.find(type.name);
      if (own != written.end()) {
        HEDDLE_RETURN_IF_ERROR(input(type, place, own->second));
        if (!reached.count(type.name))
          remark(place, "no message from '" + type.name + "' reaches '" + spec.task.targetNtype +
                            "' in " + std::to_string(spec.model.numLayers) +
                            " layers: its input is not used");
      } else if (!reached.count(type.name)) {
        remark(place, "no message from '" + type.name + "' reaches '" + spec.task.targetNtype +
                          "' in " + std::to_string(spec.model.numLayers) +
                          " layers: it has no input");
      } else if (others != written.end()) {
        HEDDLE_RETURN_IF_ERROR(input(type, "/inputs/*", others->second));
      } else {
        InputSpec chosen;
        if (type.features.empty()) {
          chosen.learnable = true;
          remark(place, "learnable rows, since the type has no features");
        } else {
          chosen.features = namesOf(type.features);
          std::sort(chosen.features.begin(), chosen.features.end());
          remark(place, "its features: " + joined(chosen.features));
        }
        spec.inputs[type.name] = std::move(chosen);
      }
    }
    return absl::OkStatus();
  }

  absl::Status input(const NodeTypeSchema &type, const std::string &place, InputSpec chosen) {
    const std::vector<std::string> known = namesOf(type.features);
    if (chosen.allFeatures) {
      chosen.allFeatures = false;
      chosen.features = known;
      if (known.empty() && !chosen.learnable && !chosen.constant)
        return error(place,
                     "node type '" + type.name +
                         "' has no features; set \"learnable\": true, or \"constant\": true");
    }
    for (const std::string &feature : chosen.features)
      if (std::find(known.begin(), known.end(), feature) == known.end())
        return error(
            jsonPointerAppend(place + "/features", feature),
            "node type '" + type.name + "' has no feature '" + feature + "'" +
                (known.empty() ? "; set \"learnable\": true instead" : suggestion(feature, known)));
    std::sort(chosen.features.begin(), chosen.features.end());
    spec.inputs[type.name] = std::move(chosen);
    return absl::OkStatus();
  }

  absl::Status overrides() {
    std::vector<std::string> known;
    for (const Triple &relation : spec.model.relations)
      known.push_back(toString(relation));
    for (size_t i = 0; i < spec.sampling.overrides.size(); ++i) {
      const Triple &r = spec.sampling.overrides[i].relation;
      const std::string place = "/sampling/overrides/" + std::to_string(i) + "/relation";
      if (schema.relationId(r[0], r[1], r[2]) < 0)
        return error(place,
                     "the graph has no relation " + toString(r) + suggestion(toString(r), known));
      if (!std::binary_search(spec.model.relations.begin(), spec.model.relations.end(), r))
        return error(place, "relation " + toString(r) +
                                " is not among /model/relations; add it there, or remove this");
    }
    return absl::OkStatus();
  }

  absl::Status earlyStopping() {
    if (!spec.eval.earlyStopping)
      return absl::OkStatus();
    EarlyStoppingSpec &stopping = *spec.eval.earlyStopping;
    if (targetSplit->numValid == 0)
      return error("/eval/early_stopping", "split '" + spec.task.split +
                                               "' has no validation row to watch; remove it or "
                                               "choose another split");
    if (stopping.monitor.empty())
      stopping.monitor = "valid/" + spec.task.metrics[0];
    const std::string &monitor = stopping.monitor;
    const auto &metrics = spec.task.metrics;
    if (monitor != "valid/loss" &&
        std::find(metrics.begin(), metrics.end(), monitor.substr(monitor.find('/') + 1)) ==
            metrics.end())
      return error("/eval/early_stopping/monitor",
                   "'" + monitor + "' is not computed; add the metric to /task/metrics (now: " +
                       joined(metrics) + ")");
    if (stopping.mode.empty())
      stopping.mode = monitor == "valid/loss" ? "min" : "max";
    return absl::OkStatus();
  }

  ModelSpec spec;
  const GraphSchema &schema;
  std::vector<std::string> remarks;
  const NodeTypeSchema *targetType = nullptr;
  const LabelSchema *targetLabel = nullptr;
  const LabelSchema::Split *targetSplit = nullptr;
  std::set<std::string> reached;
};

} // namespace

absl::StatusOr<ResolvedSpec> resolve(const ModelSpec &spec, const graph::GraphSchema &schema) {
  return Resolver(spec, schema).run();
}

} // namespace heddle::spec
