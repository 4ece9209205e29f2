//===- RandomGraph.cpp - random graphs with specs for them ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/compiler/RandomGraph.h"

#include "compiler/spec/ModelSpec.h"
#include "runtime/graph/GraphBuilder.h"
#include "runtime/graph/GraphSchema.h"

#include <algorithm>
#include <random>
#include <set>

namespace heddle::test {

namespace {

/// The standard's distributions differ between libraries; its generators do not.
class Random {
public:
  explicit Random(uint64_t seed) : engine(seed * 0x9E3779B97F4A7C15ull + 1) {}
  int64_t upTo(int64_t last) { return int64_t(engine() % uint64_t(last + 1)); }
  int64_t between(int64_t first, int64_t last) { return first + upTo(last - first); }
  bool chance(int percent) { return upTo(99) < percent; }
  double unit() { return double(engine() >> 11) * 0x1p-53; }
  template <class T> const T &pick(const std::vector<T> &items) {
    return items[size_t(upTo(int64_t(items.size()) - 1))];
  }

private:
  std::mt19937_64 engine;
};

struct Type {
  std::string name;
  int64_t numNodes = 0;
  int handle = -1;
  bool hasFeatures = false;
};
struct Relation {
  size_t source = 0, destination = 0; ///< indices of types
  std::string name;
  int handle = -1;
};

class Maker {
public:
  Maker(uint64_t seed, const std::string &directory)
      : random(seed), edgeData(~seed), directory(directory), floats(seed % 4 == 1   ? "bfloat16"
                                                                    : seed % 4 == 2 ? "float16"
                                                                                    : "") {}

  absl::StatusOr<RandomCase> run() {
    graph::GraphBuilderOptions options;
    options.output = directory + "/graph";
    options.force = true;
    options.floats = floats;
    HEDDLE_ASSIGN_OR_RETURN(builder, graph::GraphBuilder::create(options));
    HEDDLE_RETURN_IF_ERROR(addTypes());
    HEDDLE_RETURN_IF_ERROR(addFeatures());
    HEDDLE_RETURN_IF_ERROR(addLabel());
    HEDDLE_RETURN_IF_ERROR(addRelations());
    HEDDLE_RETURN_IF_ERROR(builder->finish().status());
    HEDDLE_ASSIGN_OR_RETURN(graph::GraphSchema schema, graph::readGraphSchema(options.output));
    HEDDLE_ASSIGN_OR_RETURN(spec::ResolvedSpec resolved, spec::resolve(makeSpec(schema), schema));
    RandomCase made{options.output, spec::printModelSpec(resolved.spec), describe(resolved.spec), {}};
    // Drawn last: a seed keeps its graph and spec.
    int64_t roll = random.upTo(99);
    made.combine = roll < 20 ? "mean" : roll < 45 ? "max" : roll < 70 ? "softmax" : "sum";
    // An encoder with heads has the combine that it has, or messages of another width.
    const spec::EncoderSpec &model = resolved.spec.model;
    if (model.encoder == "simplehgn")
      made.combine = "softmax";
    else if (model.encoder == "hgt" || model.encoder == "han")
      made.combine = model.hgtSoftmax == "all" ? "softmax" : "sum";
    else if (model.numHeads && made.combine == "softmax")
      made.combine = "sum";
    made.name += ", combine " + made.combine;
    if (!floats.empty())
      made.name += ", features of " + floats;
    return made;
  }

private:
  absl::Status addTypes() {
    static const std::vector<std::string> names = {
        "paper", "author", "名詞", "type with spaces", "a.b", "Ünïcødé", "x\"y", "100%", "a:b",
        "train_step", "<tag>", "🧵", "v__w", "-1", "param"};
    size_t count = size_t(random.between(1, 5));
    std::set<std::string> used;
    for (size_t i = 0; i < count; ++i) {
      Type type;
      do
        type.name = random.chance(50) ? "t" + std::to_string(i) : random.pick(names);
      while (!used.insert(type.name).second);
      // The first is the target: it needs training rows.
      type.numNodes = i == 0 ? random.between(2, 60) : random.chance(15) ? 0 : random.between(1, 60);
      HEDDLE_ASSIGN_OR_RETURN(type.handle, builder->addNodeType(type.name, type.numNodes));
      types.push_back(type);
    }
    return absl::OkStatus();
  }

  absl::Status addFeatures() {
    for (Type &type : types) {
      if (random.chance(40)) {
        type.hasFeatures = true;
        int64_t dim = random.between(1, 7);
        HEDDLE_ASSIGN_OR_RETURN(int feature,
                                builder->addDenseFeature(type.handle, "x", "float32", dim));
        std::vector<float> rows(size_t(dim * type.numNodes));
        for (float &value : rows)
          value = float(2 * random.unit() - 1);
        HEDDLE_RETURN_IF_ERROR(builder->appendDenseRows(feature, rows.data(), type.numNodes));
      }
      if (random.chance(30)) {
        type.hasFeatures = true;
        int64_t dim = random.between(1, 20);
        HEDDLE_ASSIGN_OR_RETURN(int feature, builder->addSparseFeature(type.handle, "größe", dim));
        bool ones = random.chance(40);
        for (int64_t row = 0; row < type.numNodes; ++row) {
          std::set<int64_t> columns;
          for (int64_t i = random.upTo(4); i > 0; --i)
            columns.insert(random.upTo(dim - 1));
          std::vector<float> values;
          for (size_t i = 0; !ones && i < columns.size(); ++i)
            values.push_back(float(2 * random.unit() - 1));
          HEDDLE_RETURN_IF_ERROR(
              builder->appendSparseRow(feature, {columns.begin(), columns.end()}, values));
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status addLabel() {
    const Type &target = types[0];
    multilabel = random.chance(35);
    numClasses = size_t(random.between(multilabel ? 1 : 2, 6));
    std::vector<std::string> classes;
    for (size_t i = 0; i < numClasses; ++i)
      classes.push_back("class " + std::to_string(i));
    std::vector<bool> labelled(size_t(target.numNodes), false);
    int label = -1;
    if (multilabel) {
      std::vector<uint8_t> rows;
      for (int64_t row = 0; row < target.numNodes; ++row) {
        labelled[size_t(row)] = row == 0 || random.chance(85);
        for (size_t j = 0; j < numClasses; ++j)
          rows.push_back(labelled[size_t(row)] ? uint8_t(random.upTo(1)) : uint8_t(255));
      }
      HEDDLE_ASSIGN_OR_RETURN(label, builder->addMultiLabel(target.handle, "y", classes, rows));
    } else {
      std::vector<int32_t> rows;
      for (int64_t row = 0; row < target.numNodes; ++row) {
        labelled[size_t(row)] = row == 0 || random.chance(85);
        rows.push_back(labelled[size_t(row)] ? int32_t(random.upTo(int64_t(numClasses) - 1)) : -1);
      }
      HEDDLE_ASSIGN_OR_RETURN(label, builder->addLabel(target.handle, "y", classes, rows));
    }
    bool noValid = random.chance(25), noTest = random.chance(25);
    std::vector<int64_t> train, valid, test;
    for (int64_t row = 0; row < target.numNodes; ++row) {
      if (!labelled[size_t(row)])
        continue;
      int64_t part = row == 0 ? 0 : random.upTo(9);
      if (part < 6)
        train.push_back(row);
      else if (part < 8 && !noValid)
        valid.push_back(row);
      else if (part >= 8 && !noTest)
        test.push_back(row);
    }
    return builder->addSplit(label, "main", train, valid, test);
  }

  absl::Status addEdges(const Relation &relation) {
    int64_t sources = types[relation.source].numNodes;
    int64_t destinations = types[relation.destination].numNodes;
    if (sources == 0 || destinations == 0 || random.chance(15))
      return addEdgeFeatures(relation, 0); // an empty relation
    // Some nodes only, so that others are isolated; a few hubs; repeated pairs.
    int64_t count = random.upTo(3 * destinations);
    int64_t hub = random.upTo(destinations - 1);
    std::vector<int64_t> from, to;
    for (int64_t i = 0; i < count; ++i) {
      from.push_back(random.upTo(sources - 1));
      to.push_back(random.chance(25) ? hub : random.upTo(destinations - 1));
      if (random.chance(5)) {
        from.push_back(from.back());
        to.push_back(to.back());
      }
    }
    HEDDLE_RETURN_IF_ERROR(
        builder->addEdges(relation.handle, from.data(), to.data(), int64_t(from.size())));
    return addEdgeFeatures(relation, int64_t(from.size()));
  }

  /// Weights above 0, which sums are divided by, and rows of any width; of some relations only.
  absl::Status addEdgeFeatures(const Relation &relation, int64_t edges) {
    if (edgeData.chance(50)) {
      bool whole = edgeData.chance(30);
      HEDDLE_ASSIGN_OR_RETURN(int feature, builder->addEdgeFeature(relation.handle, "gewicht",
                                                                   whole ? "uint8" : "float64", 1));
      std::vector<uint8_t> small;
      std::vector<double> real;
      for (int64_t i = 0; i < edges; ++i) {
        small.push_back(uint8_t(edgeData.between(1, 9)));
        real.push_back(0.25 + edgeData.unit());
      }
      const void *rows = whole ? static_cast<const void *>(small.data()) : real.data();
      HEDDLE_RETURN_IF_ERROR(builder->appendDenseRows(feature, rows, edges));
    }
    if (edgeData.chance(50)) {
      int64_t dim = edgeData.between(1, 5);
      HEDDLE_ASSIGN_OR_RETURN(int feature,
                              builder->addEdgeFeature(relation.handle, "a*b", "float32", dim));
      std::vector<float> rows;
      for (int64_t i = 0; i < edges * dim; ++i)
        rows.push_back(float(2 * edgeData.unit() - 1));
      HEDDLE_RETURN_IF_ERROR(builder->appendDenseRows(feature, rows.data(), edges));
    }
    return absl::OkStatus();
  }

  absl::Status addRelation(size_t source, size_t destination, const std::string &name) {
    Relation relation{source, destination, name, -1};
    for (const Relation &other : relations)
      if (other.source == source && other.destination == destination && other.name == name)
        return absl::OkStatus();
    HEDDLE_ASSIGN_OR_RETURN(relation.handle, builder->addRelation(types[source].name, name,
                                                                  types[destination].name));
    HEDDLE_RETURN_IF_ERROR(addEdges(relation));
    relations.push_back(relation);
    if (relations.size() >= 8 || !random.chance(25))
      return absl::OkStatus();
    Relation reverse{destination, source, "rev_" + name, -1};
    for (const Relation &other : relations)
      if (other.source == destination && other.destination == source && other.name == reverse.name)
        return absl::OkStatus();
    relations.push_back(reverse);
    return builder->addReverse(relation.handle, reverse.name);
  }

  absl::Status addRelations() {
    static const std::vector<std::string> names = {"r", "cites", "è", "has part", "a.b", "r:s", "关系"};
    int64_t wanted = random.between(1, 8);
    // A model needs a message into the target.
    HEDDLE_RETURN_IF_ERROR(addRelation(size_t(random.upTo(int64_t(types.size()) - 1)), 0, "first"));
    while (int64_t(relations.size()) < wanted) {
      size_t source = size_t(random.upTo(int64_t(types.size()) - 1));
      size_t destination = size_t(random.upTo(int64_t(types.size()) - 1));
      if (random.chance(25)) { // parallel to an earlier one
        source = relations.back().source;
        destination = relations.back().destination;
      } else if (random.chance(20)) {
        destination = source;
      }
      HEDDLE_RETURN_IF_ERROR(addRelation(source, destination,
                                         random.pick(names) + std::to_string(relations.size())));
    }
    return absl::OkStatus();
  }

  std::vector<int64_t> fanouts(int64_t hops) {
    std::vector<int64_t> list;
    int64_t same = random.pick<int64_t>({spec::all, spec::all, 1, 3, 0});
    for (int64_t hop = 0; hop < hops; ++hop)
      list.push_back(same ? same : random.pick<int64_t>({spec::all, 1, 2, 3, 5}));
    return list;
  }

  spec::ModelSpec makeSpec(const graph::GraphSchema &schema) {
    spec::ModelSpec spec = spec::defaultModelSpec();
    spec.file = "random.json";
    spec.task.targetNtype = types[0].name;
    spec.task.label = "y";
    spec.task.split = "main";
    if (random.chance(30)) {
      spec.task.loss.classWeights = spec::ClassWeights::Given;
      for (size_t i = 0; i < numClasses; ++i)
        spec.task.loss.weights.push_back(0.25 + random.unit());
    } else if (random.chance(20)) {
      spec.task.loss.classWeights = spec::ClassWeights::Balanced;
    }
    for (const Type &type : types) {
      spec::InputSpec input;
      input.allFeatures = type.hasFeatures && random.chance(80);
      input.learnable = random.chance(input.allFeatures ? 30 : 70);
      input.constant = random.chance(20) || (!input.allFeatures && !input.learnable);
      spec.inputs[type.name] = input;
    }
    spec.model.numLayers = random.between(1, 4);
    spec.model.hiddenSize = random.pick<int64_t>({1, 3, 4, 8, 16, 17});
    if (random.chance(40))
      spec.model.numBases = random.between(1, 3);
    spec.model.useSelfLoop = random.chance(70);
    if (!spec.model.numBases && random.chance(20)) {
      spec.model.featureless = true;
      spec.inputs.clear();
    }
    spec.model.activation = random.pick<std::string>(
        {"relu", "elu", "tanh", "sigmoid", "gelu", "leaky_relu", "relu"});
    spec.model.norm = random.chance(40) ? "layer" : "none";
    spec.model.dropout = random.chance(40) ? 0.25 : 0.0;
    if (random.chance(25)) { // some relations only, the first always
      spec.model.allRelations = false;
      for (const Relation &relation : relations)
        if (relation.name == "first" || random.chance(60))
          spec.model.relations.push_back(
              {types[relation.source].name, relation.name, types[relation.destination].name});
    }
    spec.sampling.fanout = fanouts(spec.model.numLayers);
    if (random.chance(30)) {
      const graph::RelationSchema &relation =
          schema.relations[size_t(schema.relationId(types[relations[0].source].name, "first",
                                                    types[0].name))];
      spec.sampling.overrides.push_back({{relation.source, relation.name, relation.destination},
                                         fanouts(spec.model.numLayers)});
    }
    spec.train.batchSize = random.chance(40) ? spec::all : random.between(1, 16);
    spec.train.numEpochs = 2;
    spec.train.seed = random.upTo(1000);
    if (random.chance(40))
      spec.train.maxGradNorm = random.chance(50) ? 0.05 : 100.0;
    spec.train.optimizer.name = random.pick<std::string>({"adam", "adamw", "sgd"});
    spec.train.optimizer.lr = 0.01;
    spec.train.optimizer.weightDecay = random.chance(40) ? 0.01 : 0;
    if (spec.train.optimizer.name == "sgd" && random.chance(50))
      spec.train.optimizer.momentum = 0.9;
    spec.train.sparseOptimizer.name = random.chance(75) ? "adam" : "sgd";
    spec.eval.batchSize = random.chance(50) ? spec::all : random.between(1, 32);
    if (random.chance(50))
      spec.eval.fanout = fanouts(spec.model.numLayers);
    if (!spec.model.featureless && random.chance(50))
      makeAttention(spec.model);
    const bool rgat = spec.model.encoder == "rgat";
    const bool weighs = spec.model.encoder == "rgcn" || spec.model.encoder == "rsage";
    if ((rgat || weighs) && edgeData.chance(75)) {
      const char *name = rgat ? "a*b" : "gewicht";
      if (hasEdgeFeature(spec.model, schema, name))
        (rgat ? spec.model.edgeFeatures.attr : spec.model.edgeFeatures.weight) = name;
    }
    return spec;
  }

  static bool hasEdgeFeature(const spec::EncoderSpec &model, const graph::GraphSchema &schema,
                             const std::string &name) {
    for (size_t id = 0; id < schema.relations.size(); ++id) {
      const graph::RelationSchema &relation = schema.relations[id];
      const spec::Triple triple = {relation.source, relation.name, relation.destination};
      if (!model.allRelations && std::find(model.relations.begin(), model.relations.end(),
                                           triple) == model.relations.end())
        continue;
      for (const graph::FeatureSchema &feature : schema.edgeFeatures(int(id)))
        if (feature.name == name)
          return true;
    }
    return false;
  }

  /// Another encoder, with a number of heads that divides what there is.
  void makeAttention(spec::EncoderSpec &model) {
    model.encoder = random.pick<std::string>({"rgat", "hgt", "simplehgn", "rsage"});
    model.numBases.reset();
    if (model.encoder == "simplehgn" && numClasses == 1)
      model.encoder = "rsage"; // rows of length 1 and one number learn nothing
    if (model.encoder == "rsage")
      return;
    std::vector<int64_t> heads;
    for (int64_t count : {1, 2, 3, 4, 8, 16, 17})
      if (model.hiddenSize % count == 0)
        heads.push_back(count);
    model.numHeads = heads[size_t(random.upTo(int64_t(heads.size()) - 1))];
    if (model.encoder == "simplehgn")
      model.edgeDim = random.between(1, 5);
    if (model.encoder != "hgt") {
      model.attentionDropout = random.chance(40) ? 0.25 : 0.0;
      model.negativeSlope = model.encoder == "rgat" ? 0.2 : 0.05;
      return;
    }
    model.activation = "gelu";
    model.useSelfLoop = true;
    model.hgtSoftmax = random.chance(70) ? "all" : "relation";
    if (!random.chance(40))
      return;
    model.encoder = "han";
    model.hgtSoftmax = "all";
    model.activation = random.pick<std::string>({"elu", "relu", "tanh"});
    model.attentionDropout = random.chance(40) ? 0.25 : 0.0;
    // A norm of rows near 0 (1 / sqrt(eps) is 316) makes that much of rounding; three are too many
    // for a comparison to 1e-10.
    if (model.numLayers > 2)
      model.norm = "none";
  }

  std::string describe(const spec::ModelSpec &spec) const {
    std::string text = std::to_string(types.size()) + " types, " + std::to_string(relations.size()) +
                       " relations, depth " + std::to_string(spec.model.numLayers) + ", hidden " +
                       std::to_string(spec.model.hiddenSize) + ", fanout";
    for (int64_t fanout : spec.sampling.fanout)
      text += " " + std::to_string(fanout);
    text += multilabel ? ", multi-label" : ", single-label";
    if (spec.model.numHeads)
      text += ", " + spec.model.encoder + " of " + std::to_string(*spec.model.numHeads) + " heads" +
              (spec.model.hgtSoftmax == "all" ? "" : " by relation") +
              (spec.model.attentionDropout > 0 ? ", dropout of edges" : "");
    text += spec.model.edgeFeatures.weight.empty() ? "" : ", weighted";
    text += spec.model.edgeFeatures.attr.empty() ? "" : ", features of edges";
    text += spec.model.numBases ? ", bases" : "";
    text += spec.model.useSelfLoop ? ", self-loop" : "";
    text += spec.model.featureless ? ", featureless" : "";
    text += spec.model.norm == "layer" ? ", norm" : "";
    text += spec.model.dropout > 0 ? ", dropout" : "";
    return text + ", " + spec.model.activation + ", " + spec.train.optimizer.name;
  }

  Random random;
  Random edgeData; ///< its own, so that a seed's graph and model are those without data of edges
  std::string directory;
  std::string floats; ///< the dtype of all floating features, empty: that which they are made in
  std::unique_ptr<graph::GraphBuilder> builder;
  std::vector<Type> types; ///< the target first
  std::vector<Relation> relations;
  size_t numClasses = 0;
  bool multilabel = false;
};

} // namespace

absl::StatusOr<RandomCase> makeRandomCase(uint64_t seed, const std::string &directory) {
  return Maker(seed, directory).run();
}

} // namespace heddle::test
