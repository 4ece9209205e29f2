//===- GraphCopy.cpp - a graph directory into another one ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/GraphCopy.h"

#include "runtime/base/Json.h"
#include "runtime/base/Npy.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace heddle::graph {

namespace {

constexpr int64_t blockEdges = 1 << 16, blockBytes = 4 << 20;

class Copier {
public:
  Copier(const GraphStore &store, GraphBuilder &builder,
         const std::function<void(std::string_view, int64_t, int64_t)> &progress)
      : store_(store), schema_(store.schema()), builder_(builder), progress_(progress) {}

  absl::Status run() {
    // Canonical ids are the handles.
    for (const NodeTypeSchema &type : schema_.nodeTypes)
      HEDDLE_RETURN_IF_ERROR(builder_.addNodeType(type.name, type.numNodes).status());
    for (int id = 0; id < static_cast<int>(schema_.nodeTypes.size()); ++id) {
      HEDDLE_RETURN_IF_ERROR(copyIds(id));
      for (const FeatureSchema &feature : schema_.nodeTypes[static_cast<size_t>(id)].features)
        HEDDLE_RETURN_IF_ERROR(feature.kind == FeatureKind::Dense ? copyDense(id, feature)
                                                                  : copySparse(id, feature));
      for (const LabelSchema &label : schema_.nodeTypes[static_cast<size_t>(id)].labels)
        HEDDLE_RETURN_IF_ERROR(copyLabel(id, label));
    }
    HEDDLE_RETURN_IF_ERROR(copyRelations());
    return copyRemarks();
  }

private:
  void progress(const std::string &what, int64_t done, int64_t total) const {
    if (progress_)
      progress_(what, done, total);
  }

  absl::Status copyIds(int id) {
    const NodeTypeSchema &type = schema_.nodeTypes[static_cast<size_t>(id)];
    if (type.idsKind == "int64") {
      std::vector<int64_t> ids(static_cast<size_t>(type.numNodes));
      for (int64_t row = 0; row < type.numNodes; ++row) {
        std::string text = store_.originalId(id, row);
        std::from_chars(text.data(), text.data() + text.size(), ids[static_cast<size_t>(row)]);
      }
      HEDDLE_RETURN_IF_ERROR(builder_.setInt64Ids(id, ids));
    } else if (type.idsKind == "string") {
      std::vector<std::string> ids;
      for (int64_t row = 0; row < type.numNodes; ++row)
        ids.push_back(store_.originalId(id, row));
      HEDDLE_RETURN_IF_ERROR(builder_.setStringIds(id, ids));
    }
    if (type.displayFile.empty())
      return absl::OkStatus();
    std::vector<std::string> names;
    for (int64_t row = 0; row < type.numNodes; ++row)
      names.push_back(store_.displayName(id, row));
    return builder_.setDisplayNames(id, names);
  }

  absl::Status copyDense(int id, const FeatureSchema &feature) {
    HEDDLE_ASSIGN_OR_RETURN(DenseFeatureView view, store_.denseFeature(id, feature.name));
    HEDDLE_ASSIGN_OR_RETURN(int handle,
                            builder_.addDenseFeature(id, feature.name, view.dtype, view.dim));
    return appendRows(handle, view, schema_.nodeTypes[static_cast<size_t>(id)].name);
  }

  /// `whose`: the node type, or the relation.
  absl::Status appendRows(int handle, const DenseFeatureView &view, const std::string &whose) {
    const int64_t rowBytes = view.dim * dtypeBytes(view.dtype);
    const int64_t block = std::max<int64_t>(1, blockBytes / rowBytes);
    for (int64_t row = 0; row < view.rows; row += block) {
      HEDDLE_RETURN_IF_ERROR(
          builder_.appendDenseRows(handle, static_cast<const char *>(view.data) + row * rowBytes,
                                   std::min(block, view.rows - row)));
      progress("copying features of " + whose, row, view.rows);
    }
    return absl::OkStatus();
  }

  absl::Status copySparse(int id, const FeatureSchema &feature) {
    HEDDLE_ASSIGN_OR_RETURN(SparseFeatureView view, store_.sparseFeature(id, feature.name));
    HEDDLE_ASSIGN_OR_RETURN(int handle, builder_.addSparseFeature(id, feature.name, view.dim));
    std::vector<int64_t> columns;
    std::vector<float> values;
    for (int64_t row = 0; row < view.rows; ++row) {
      columns.clear();
      values.clear();
      for (int64_t p = view.indptr[row]; p < view.indptr[row + 1]; ++p) {
        columns.push_back(view.indices[p]);
        if (view.values)
          values.push_back(view.values[p]);
      }
      HEDDLE_RETURN_IF_ERROR(builder_.appendSparseRow(handle, columns, values));
    }
    return absl::OkStatus();
  }

  absl::Status copyLabel(int id, const LabelSchema &label) {
    const int64_t nodes = schema_.nodeTypes[static_cast<size_t>(id)].numNodes;
    HEDDLE_ASSIGN_OR_RETURN(LabelView view, store_.label(id, label.name));
    absl::StatusOr<int> handle =
        label.multilabel
            ? builder_.addMultiLabel(
                  id, label.name, label.classes,
                  std::vector<uint8_t>(view.multi, view.multi + nodes * view.numClasses))
            : builder_.addLabel(id, label.name, label.classes,
                                std::vector<int32_t>(view.classes, view.classes + nodes));
    HEDDLE_RETURN_IF_ERROR(handle.status());
    for (const LabelSchema::Split &split : label.splits) {
      HEDDLE_ASSIGN_OR_RETURN(SplitView parts, store_.split(id, label.name, split.name));
      HEDDLE_RETURN_IF_ERROR(builder_.addSplit(
          *handle, split.name, std::vector<int64_t>(parts.train, parts.train + parts.numTrain),
          std::vector<int64_t>(parts.valid, parts.valid + parts.numValid),
          std::vector<int64_t>(parts.test, parts.test + parts.numTest)));
    }
    return absl::OkStatus();
  }

  absl::Status copyRelations() {
    std::vector<int> handles(schema_.relations.size(), -1);
    std::vector<int64_t> destinations;
    std::vector<int64_t> sources;
    for (size_t id = 0; id < schema_.relations.size(); ++id) {
      const RelationSchema &relation = schema_.relations[id];
      if (relation.reverseOf >= 0)
        continue;
      HEDDLE_ASSIGN_OR_RETURN(
          handles[id], builder_.addRelation(relation.source, relation.name, relation.destination));
      const RelationView &view = store_.relation(static_cast<int>(id));
      auto flush = [&] {
        absl::Status status = builder_.addEdges(handles[id], sources.data(), destinations.data(),
                                                static_cast<int64_t>(sources.size()));
        sources.clear();
        destinations.clear();
        return status;
      };
      for (int64_t node = 0; node < view.numDestinations; ++node)
        for (int64_t p = view.inPtr[node]; p < view.inPtr[node + 1]; ++p) {
          sources.push_back(view.inSources[p]);
          destinations.push_back(node);
          if (static_cast<int64_t>(sources.size()) < blockEdges)
            continue;
          HEDDLE_RETURN_IF_ERROR(flush());
          progress("copying " + relation.triple(), p, view.numEdges);
        }
      HEDDLE_RETURN_IF_ERROR(flush());
      // Edges were added in canonical order, which is that of their rows.
      for (const FeatureSchema &feature : relation.features) {
        HEDDLE_ASSIGN_OR_RETURN(DenseFeatureView rows,
                                store_.denseEdgeFeature(static_cast<int>(id), feature.name));
        HEDDLE_ASSIGN_OR_RETURN(
            int handle, builder_.addEdgeFeature(handles[id], feature.name, rows.dtype, rows.dim));
        HEDDLE_RETURN_IF_ERROR(appendRows(handle, rows, relation.triple()));
      }
    }
    for (const RelationSchema &view : schema_.relations)
      if (view.reverseOf >= 0)
        HEDDLE_RETURN_IF_ERROR(
            builder_.addReverse(handles[static_cast<size_t>(view.reverseOf)], view.name));
    return absl::OkStatus();
  }

  /// What the import said of the source stays true; a graph without a report has said nothing.
  absl::Status copyRemarks() {
    const std::string path = schema_.directory + "/report.json";
    std::error_code error;
    if (!std::filesystem::exists(path, error))
      return absl::OkStatus();
    HEDDLE_ASSIGN_OR_RETURN(JsonDocument report, readJsonFile(path));
    if (auto counts = report.root->find("counts");
        counts != report.root->end() && counts->is_object())
      for (const auto &[what, count] : counts->items())
        if (count.is_number_integer())
          builder_.count(what, count.get<int64_t>());
    return absl::OkStatus();
  }

  const GraphStore &store_;
  const GraphSchema &schema_;
  GraphBuilder &builder_;
  const std::function<void(std::string_view, int64_t, int64_t)> &progress_;
};

} // namespace

absl::Status copyGraph(const GraphStore &store, GraphBuilder &builder,
                       const std::function<void(std::string_view, int64_t, int64_t)> &progress) {
  return Copier(store, builder, progress).run();
}

} // namespace heddle::graph
