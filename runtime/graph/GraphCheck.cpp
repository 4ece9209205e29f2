//===- GraphCheck.cpp - verifies a graph directory ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/GraphCheck.h"

#include "runtime/graph/GraphStore.h"

#include "runtime/base/Npy.h"

#include <algorithm>
#include <cstdio>

namespace heddle::graph {

namespace {

class Checker {
public:
  explicit Checker(const GraphStore &store) : store_(store), schema_(store.schema()) {}

  absl::Status check() {
    for (size_t t = 0; t < schema_.nodeTypes.size(); ++t)
      HEDDLE_RETURN_IF_ERROR(checkNodeType(static_cast<int>(t)));
    for (size_t r = 0; r < schema_.relations.size(); ++r)
      if (schema_.relations[r].reverseOf < 0)
        HEDDLE_RETURN_IF_ERROR(checkRelation(static_cast<int>(r)));
    return checkOtherFiles();
  }

private:
  absl::Status damaged(const std::string &file, const std::string &what) const {
    return invalidArgument(schema_.directory + "/" + file + ": " + what + "; import again");
  }

  absl::Status checkNodeType(int id) {
    const NodeTypeSchema &type = schema_.nodeTypes[static_cast<size_t>(id)];
    for (const FeatureSchema &feature : type.features)
      if (feature.kind == FeatureKind::Sparse) {
        HEDDLE_ASSIGN_OR_RETURN(SparseFeatureView rows, store_.sparseFeature(id, feature.name));
        HEDDLE_RETURN_IF_ERROR(checkSparse(feature, rows));
      }
    for (const LabelSchema &label : type.labels)
      HEDDLE_RETURN_IF_ERROR(checkLabel(id, type, label));
    return absl::OkStatus();
  }

  absl::Status checkSparse(const FeatureSchema &feature, const SparseFeatureView &rows) {
    int64_t longest = 0;
    for (int64_t row = 0; row < rows.rows; ++row) {
      longest = std::max(longest, rows.indptr[row + 1] - rows.indptr[row]);
      for (int64_t i = rows.indptr[row] + 1; i < rows.indptr[row + 1]; ++i)
        if (rows.indices[i] <= rows.indices[i - 1])
          return damaged(feature.indicesFile,
                         "columns of row " + std::to_string(row) + " do not ascend");
    }
    if (longest != feature.maxRowNnz)
      return damaged("graph.json", "feature '" + feature.name + "': max_row_nnz is " +
                                       std::to_string(feature.maxRowNnz) + ", counted " +
                                       std::to_string(longest));
    return absl::OkStatus();
  }

  absl::Status checkLabel(int id, const NodeTypeSchema &type, const LabelSchema &label) {
    HEDDLE_ASSIGN_OR_RETURN(LabelView view, store_.label(id, label.name));
    auto row = [&](int64_t i) { return view.multi + i * view.numClasses; };
    for (int64_t i = 0; i < type.numNodes; ++i) {
      bool good = true;
      if (view.multi && view.numClasses > 0)
        good = std::all_of(row(i), row(i) + view.numClasses,
                           [&](uint8_t v) { return row(i)[0] == 255 ? v == 255 : v <= 1; });
      else if (view.classes)
        good = view.classes[i] >= -1 && view.classes[i] < view.numClasses;
      if (!good)
        return damaged(label.file, "row " + std::to_string(i) + " is no valid label");
    }
    for (const LabelSchema::Split &schema : label.splits) {
      HEDDLE_ASSIGN_OR_RETURN(SplitView split, store_.split(id, label.name, schema.name));
      std::vector<int64_t> all;
      for (auto [ids, count, file] : {std::tuple(split.train, split.numTrain, &schema.trainFile),
                                      std::tuple(split.valid, split.numValid, &schema.validFile),
                                      std::tuple(split.test, split.numTest, &schema.testFile)}) {
        for (int64_t i = 0; i < count; ++i)
          if (view.multi ? row(ids[i])[0] == 255 : view.classes[ids[i]] < 0)
            return damaged(*file, "node " + std::to_string(ids[i]) + " has no label");
        if (count > 0)
          all.insert(all.end(), ids, ids + count);
      }
      std::sort(all.begin(), all.end());
      auto twice = std::adjacent_find(all.begin(), all.end());
      if (twice != all.end())
        return damaged(schema.trainFile, "node " + std::to_string(*twice) +
                                             " is in two parts of split '" + schema.name + "'");
      std::vector<int64_t> counts(label.classes.size());
      for (int64_t i = 0; i < split.numTrain; ++i)
        for (int64_t c = 0; c < view.numClasses; ++c)
          counts[static_cast<size_t>(c)] +=
              view.multi ? row(split.train[i])[c] : view.classes[split.train[i]] == c;
      if (!schema.trainClassCounts.empty() && counts != schema.trainClassCounts)
        return damaged("graph.json", "train_class_counts of split '" + schema.name +
                                         "' do not agree with the labels");
    }
    return absl::OkStatus();
  }

  absl::Status checkStats(const RelationSchema &relation, const char *side, const int64_t *indptr,
                          int64_t nodes, const DegreeStats &stated) {
    if (stated.log2Hist.empty()) // a schema without statistics
      return absl::OkStatus();
    std::map<int64_t, int64_t> degrees;
    for (int64_t i = 0; i < nodes; ++i)
      ++degrees[indptr[i + 1] - indptr[i]];
    DegreeStats found = degreeStatsOf(degrees);
    if (found.max != stated.max || found.p50 != stated.p50 || found.p99 != stated.p99 ||
        found.nonZero != stated.nonZero || found.log2Hist != stated.log2Hist)
      return damaged("graph.json", "relation '" + relation.triple() + "': degree statistics (" +
                                       side + ") do not agree with the edges");
    return absl::OkStatus();
  }

  absl::Status checkRelation(int id) {
    const RelationSchema &relation = schema_.relations[static_cast<size_t>(id)];
    const RelationView &view = store_.relation(id);
    HEDDLE_RETURN_IF_ERROR(
        checkStats(relation, "in", view.inPtr, view.numDestinations, relation.in));
    HEDDLE_RETURN_IF_ERROR(checkStats(relation, "out", view.outPtr, view.numSources, relation.out));
    for (int64_t d = 0; d < view.numDestinations; ++d)
      for (int64_t e = view.inPtr[d] + 1; e < view.inPtr[d + 1]; ++e)
        if (view.inSources[e] < view.inSources[e - 1])
          return damaged(relation.cscIndices, "the sources of destination " + std::to_string(d) +
                                                  " do not ascend");
    // The permutation maps each (source, destination) of the CSR to an edge of the CSC with the same
    // ends, ascending among parallel edges: so it is one to one.
    NpyArray permutation;
    HEDDLE_ASSIGN_OR_RETURN(permutation,
                            NpyArray::open(schema_.directory + "/" + relation.csrPerm));
    bool narrow = permutation.dtype() == "int32";
    auto edgeAt = [&](int64_t q) {
      return narrow ? int64_t(permutation.as<int32_t>()[q]) : permutation.as<int64_t>()[q];
    };
    for (int64_t s = 0; s < view.numSources; ++s)
      for (int64_t q = view.outPtr[s]; q < view.outPtr[s + 1]; ++q) {
        int64_t d = view.outDestinations[q], e = edgeAt(q);
        bool first = q == view.outPtr[s];
        int64_t before = first ? -1 : view.outDestinations[q - 1];
        if (d < before || (d == before && e <= edgeAt(q - 1)))
          return damaged(relation.csrIndices,
                         "the edges of source " + std::to_string(s) + " are not in order");
        if (e < view.inPtr[d] || e >= view.inPtr[d + 1] || view.inSources[e] != s)
          return damaged(relation.csrPerm, "element " + std::to_string(q) + " is edge " +
                                               std::to_string(e) + ", which does not run from " +
                                               std::to_string(s) + " to " + std::to_string(d));
      }
    return absl::OkStatus();
  }

  /// Files that are listed, but were not opened as an array of a node type or relation.
  absl::Status checkOtherFiles() {
    std::map<std::string, FileEntry> others = schema_.files;
    for (const auto &[what, path] : listArrays(schema_))
      others.erase(path);
    for (const auto &[path, entry] : others) {
      HEDDLE_ASSIGN_OR_RETURN(std::string sum, checksumOfFile(schema_.directory + "/" + path));
      if (sum != entry.checksum)
        return damaged(path, "checksum " + sum + ", graph.json says " + entry.checksum);
    }
    return absl::OkStatus();
  }

  const GraphStore &store_;
  const GraphSchema &schema_;
};

std::string bytesText(int64_t bytes) {
  const char *units[] = {"bytes", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(units); ++unit)
    value /= 1000;
  char text[40];
  std::snprintf(text, sizeof text, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
  return text;
}

} // namespace

absl::StatusOr<std::string> checkGraph(const std::string &directory) {
  HEDDLE_ASSIGN_OR_RETURN(auto store, GraphStore::open(directory, /*verifyChecksums=*/true));
  HEDDLE_RETURN_IF_ERROR(Checker(*store).check());
  const GraphSchema &schema = store->schema();
  int64_t nodes = 0, edges = 0, bytes = 0;
  for (const NodeTypeSchema &type : schema.nodeTypes)
    nodes += type.numNodes;
  for (const RelationSchema &relation : schema.relations)
    edges += relation.reverseOf < 0 ? relation.numEdges : 0;
  for (const auto &[path, entry] : schema.files)
    bytes += entry.bytes;
  return schema.directory + ": good; " + std::to_string(schema.nodeTypes.size()) +
         " node types with " + std::to_string(nodes) + " nodes, " +
         std::to_string(schema.relations.size()) + " relations with " + std::to_string(edges) +
         " stored edges, " + std::to_string(schema.files.size()) + " files with " +
         bytesText(bytes) + ", data " + schema.dataFingerprint + "\n";
}

} // namespace heddle::graph
