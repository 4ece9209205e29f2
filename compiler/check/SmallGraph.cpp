//===- SmallGraph.cpp - a few random nodes of another graph's kinds --------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/check/SmallGraph.h"

#include "runtime/graph/GraphBuilder.h"

#include <random>
#include <set>

namespace heddle::compiler {
namespace {

using graph::FeatureKind;
using graph::GraphBuilder;

class SmallGraph {
public:
  SmallGraph(const graph::GraphSchema &like, uint64_t seed) : like(like), random(seed) {}

  absl::Status write(const std::string &directory) {
    HEDDLE_ASSIGN_OR_RETURN(
        builder, GraphBuilder::create({directory, false, int64_t(1) << 20, {}, /*sync=*/false}));
    for (const graph::NodeTypeSchema &type : like.nodeTypes) {
      counts.push_back(5 + below(4));
      HEDDLE_ASSIGN_OR_RETURN(int handle, builder->addNodeType(type.name, counts.back()));
      for (const graph::FeatureSchema &feature : type.features)
        HEDDLE_RETURN_IF_ERROR(addFeature(handle, counts.back(), feature));
      for (const graph::LabelSchema &label : type.labels)
        HEDDLE_RETURN_IF_ERROR(addLabel(handle, counts.back(), label));
    }
    for (const graph::RelationSchema &relation : like.relations)
      HEDDLE_RETURN_IF_ERROR(addRelation(relation));
    return builder->finish().status();
  }

private:
  int64_t below(int64_t n) { return int64_t(random() % uint64_t(n)); }
  float number() { return float(double(random() >> 11) * 0x1p-52 - 1); } ///< in [-1, 1)

  absl::Status addFeature(int type, int64_t nodes, const graph::FeatureSchema &feature) {
    if (feature.kind == FeatureKind::Dense) {
      HEDDLE_ASSIGN_OR_RETURN(int handle,
                              builder->addDenseFeature(type, feature.name, "float32", feature.dim));
      std::vector<float> rows(size_t(nodes * feature.dim));
      for (float &x : rows)
        x = number();
      return builder->appendDenseRows(handle, rows.data(), nodes);
    }
    HEDDLE_ASSIGN_OR_RETURN(int handle, builder->addSparseFeature(type, feature.name, feature.dim));
    for (int64_t row = 0; row < nodes; ++row) {
      std::set<int64_t> columns;
      for (int64_t i = 0; i < 3; ++i)
        columns.insert(below(feature.dim));
      std::vector<float> values;
      for (size_t i = 0; i < columns.size(); ++i)
        values.push_back(number());
      HEDDLE_RETURN_IF_ERROR(
          builder->appendSparseRow(handle, {columns.begin(), columns.end()}, values));
    }
    return absl::OkStatus();
  }

  absl::Status addLabel(int type, int64_t nodes, const graph::LabelSchema &label) {
    const int64_t classes = int64_t(label.classes.size());
    int handle = -1;
    if (label.multilabel) {
      std::vector<uint8_t> rows;
      for (int64_t i = 0; i < nodes * classes; ++i)
        rows.push_back(uint8_t(below(2)));
      HEDDLE_ASSIGN_OR_RETURN(handle,
                              builder->addMultiLabel(type, label.name, label.classes, rows));
    } else {
      std::vector<int32_t> rows;
      for (int64_t i = 0; i < nodes; ++i)
        rows.push_back(int32_t(below(classes)));
      HEDDLE_ASSIGN_OR_RETURN(handle, builder->addLabel(type, label.name, label.classes, rows));
    }
    for (const graph::LabelSchema::Split &split : label.splits)
      HEDDLE_RETURN_IF_ERROR(
          builder->addSplit(handle, split.name, {0, 1, 2, 3},
                            split.numValid ? std::vector<int64_t>{4} : std::vector<int64_t>{}, {}));
    return absl::OkStatus();
  }

  absl::Status addRelation(const graph::RelationSchema &relation) {
    HEDDLE_ASSIGN_OR_RETURN(
        int handle, builder->addRelation(relation.source, relation.name, relation.destination));
    int64_t sources = counts[size_t(like.nodeTypeId(relation.source))];
    int64_t destinations = counts[size_t(like.nodeTypeId(relation.destination))];
    std::vector<int64_t> from, to;
    for (int64_t i = 0; i < 2 * destinations; ++i) {
      from.push_back(below(sources - 1)); // the last node of a type is isolated
      to.push_back(below(destinations - 1));
    }
    from.push_back(from.back());
    to.push_back(to.back());
    // A view has edges of its own here, and so data of its own.
    const int id = like.relationId(relation.source, relation.name, relation.destination);
    for (const graph::FeatureSchema &feature : like.edgeFeatures(id)) {
      HEDDLE_ASSIGN_OR_RETURN(
          int rows, builder->addEdgeFeature(handle, feature.name, "float32", feature.dim));
      std::vector<float> data(from.size() * size_t(feature.dim));
      for (float &x : data)
        x = number() + 1.5f; // weights are positive
      HEDDLE_RETURN_IF_ERROR(builder->appendDenseRows(rows, data.data(), int64_t(from.size())));
    }
    return builder->addEdges(handle, from.data(), to.data(), int64_t(from.size()));
  }

  const graph::GraphSchema &like;
  std::mt19937_64 random;
  std::unique_ptr<GraphBuilder> builder;
  std::vector<int64_t> counts; ///< nodes by type
};

} // namespace

absl::StatusOr<std::unique_ptr<graph::GraphStore>>
makeSmallGraph(const graph::GraphSchema &like, const std::string &directory, uint64_t seed) {
  HEDDLE_RETURN_IF_ERROR(SmallGraph(like, seed).write(directory));
  return graph::GraphStore::open(directory);
}

} // namespace heddle::compiler
