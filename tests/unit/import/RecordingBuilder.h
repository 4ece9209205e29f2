//===- RecordingBuilder.h - a GraphBuilder that remembers --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Importers are tested against what they say to a builder, without files and sorting.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_IMPORT_RECORDINGBUILDER_H
#define HEDDLE_TESTS_UNIT_IMPORT_RECORDINGBUILDER_H

#include "runtime/base/Npy.h"
#include "runtime/graph/GraphBuilder.h"
#include "runtime/import/Values.h"

#include <algorithm>
#include <map>
#include <set>

namespace heddle::testing_import {

struct RecordedFeature {
  int type = -1; ///< or relation
  bool sparse = false;
  std::string name, dtype;
  int64_t dim = 0;
  std::vector<std::vector<double>> rows;                          ///< dense
  std::vector<std::vector<std::pair<int64_t, float>>> sparseRows; ///< sparse
  bool ofEdges = false;
};
struct RecordedSplit {
  std::string name;
  std::vector<int64_t> parts[3];
};
struct RecordedLabel {
  int type = -1;
  bool multi = false;
  std::string name;
  std::vector<std::string> classes;
  std::vector<int32_t> single;
  std::vector<uint8_t> rows;
  std::vector<RecordedSplit> splits;
};
struct RecordedType {
  std::string name;
  int64_t numNodes = 0;
  std::vector<int64_t> ints;
  std::vector<std::string> strings, display;
};
struct RecordedRelation {
  std::string triple, reverse;
  bool dropDuplicates = false;
  std::vector<std::pair<int64_t, int64_t>> edges;
};

class RecordingBuilder : public graph::GraphBuilder {
public:
  std::vector<RecordedType> types;
  std::vector<RecordedFeature> features;
  std::vector<RecordedLabel> labels;
  std::vector<RecordedRelation> relations;
  std::map<std::string, int64_t> counts;

  const RecordedType &type(const std::string &name) const {
    for (const auto &t : types)
      if (t.name == name)
        return t;
    static const RecordedType none;
    return none;
  }
  const RecordedFeature &feature(const std::string &name) const {
    for (const auto &f : features)
      if (f.name == name)
        return f;
    static const RecordedFeature none;
    return none;
  }
  const RecordedRelation &relation(const std::string &triple) const {
    for (const auto &r : relations)
      if (r.triple == triple)
        return r;
    static const RecordedRelation none;
    return none;
  }

  absl::StatusOr<int> addNodeType(const std::string &name, int64_t numNodes) override {
    types.push_back({name, numNodes, {}, {}, {}});
    return int(types.size()) - 1;
  }
  absl::Status setInt64Ids(int type, const std::vector<int64_t> &ids) override {
    types[size_t(type)].ints = ids;
    return sized(type, ids.size());
  }
  absl::Status setStringIds(int type, const std::vector<std::string> &ids) override {
    types[size_t(type)].strings = ids;
    return sized(type, ids.size());
  }
  absl::Status setDisplayNames(int type, const std::vector<std::string> &names) override {
    types[size_t(type)].display = names;
    return sized(type, names.size());
  }
  absl::StatusOr<int> addDenseFeature(int type, const std::string &name, const std::string &dtype,
                                      int64_t dim) override {
    features.push_back({type, false, name, dtype, dim, {}, {}});
    return int(features.size()) - 1;
  }
  absl::StatusOr<int> addEdgeFeature(int relation, const std::string &name,
                                     const std::string &dtype, int64_t dim) override {
    features.push_back({relation, false, name, dtype, dim, {}, {}, true});
    return int(features.size()) - 1;
  }
  absl::Status appendDenseRows(int feature, const void *rows, int64_t rowCount) override {
    RecordedFeature &f = features[size_t(feature)];
    const char *data = static_cast<const char *>(rows);
    for (int64_t r = 0; r < rowCount; ++r) {
      std::vector<double> row;
      for (int64_t i = 0; i < f.dim; ++i)
        row.push_back(importing::decodeNumber(data, f.dtype, r * f.dim + i));
      f.rows.push_back(row);
    }
    return absl::OkStatus();
  }
  absl::StatusOr<int> addSparseFeature(int type, const std::string &name, int64_t dim) override {
    features.push_back({type, true, name, "float32", dim, {}, {}});
    return int(features.size()) - 1;
  }
  absl::Status appendSparseRow(int feature, const std::vector<int64_t> &indices,
                               const std::vector<float> &values) override {
    std::vector<std::pair<int64_t, float>> row;
    for (size_t i = 0; i < indices.size(); ++i)
      row.push_back({indices[i], values.empty() ? 1.0f : values[i]});
    features[size_t(feature)].sparseRows.push_back(row);
    return absl::OkStatus();
  }
  absl::StatusOr<int> addLabel(int type, const std::string &name,
                               const std::vector<std::string> &classes,
                               const std::vector<int32_t> &classOfNode) override {
    labels.push_back({type, false, name, classes, classOfNode, {}, {}});
    HEDDLE_RETURN_IF_ERROR(sized(type, classOfNode.size()));
    return int(labels.size()) - 1;
  }
  absl::StatusOr<int> addMultiLabel(int type, const std::string &name,
                                    const std::vector<std::string> &classes,
                                    const std::vector<uint8_t> &rows) override {
    labels.push_back({type, true, name, classes, {}, rows, {}});
    HEDDLE_RETURN_IF_ERROR(sized(type, rows.size() / classes.size()));
    return int(labels.size()) - 1;
  }
  absl::Status addSplit(int label, const std::string &name, std::vector<int64_t> train,
                        std::vector<int64_t> valid, std::vector<int64_t> test) override {
    labels[size_t(label)].splits.push_back({name, {train, valid, test}});
    std::set<int64_t> seen;
    for (const auto *part : {&train, &valid, &test})
      for (int64_t row : *part)
        if (!seen.insert(row).second)
          return invalidArgument("node " + std::to_string(row) +
                                 " is in the split twice; remove it");
    return absl::OkStatus();
  }
  absl::StatusOr<int> addRelation(const std::string &source, const std::string &name,
                                  const std::string &destination) override {
    relations.push_back({source + ":" + name + ":" + destination, "", false, {}});
    return int(relations.size()) - 1;
  }
  absl::Status addEdges(int relation, const int64_t *sources, const int64_t *destinations,
                        int64_t count) override {
    for (int64_t i = 0; i < count; ++i)
      relations[size_t(relation)].edges.push_back({sources[i], destinations[i]});
    return absl::OkStatus();
  }
  absl::Status setDropDuplicates(int relation, bool drop) override {
    relations[size_t(relation)].dropDuplicates = drop;
    return absl::OkStatus();
  }
  absl::Status addReverse(int relation, const std::string &name) override {
    relations[size_t(relation)].reverse = name;
    return absl::OkStatus();
  }
  void count(const std::string &what, int64_t n) override { counts[what] += n; }
  absl::StatusOr<std::string> finish() override { return std::string(); }

private:
  absl::Status sized(int type, size_t n) const {
    if (int64_t(n) == types[size_t(type)].numNodes)
      return absl::OkStatus();
    return internalError("an array of " + std::to_string(n) + " for " +
                         std::to_string(types[size_t(type)].numNodes) + " nodes");
  }
};

} // namespace heddle::testing_import

#endif // HEDDLE_TESTS_UNIT_IMPORT_RECORDINGBUILDER_H
