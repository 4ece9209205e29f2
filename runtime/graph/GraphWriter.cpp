//===- GraphWriter.cpp - gives a staged graph its final form -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/GraphReport.h"
#include "runtime/graph/RelationWriter.h"
#include "runtime/graph/StagedGraph.h"

#include "runtime/base/AtomicOutput.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <tuple>

namespace heddle::graph {

namespace fs = std::filesystem;

namespace {

class Writer {
public:
  Writer(StagedGraph &graph, const std::string &directory, const std::string &scratch,
         int64_t memoryBytes,
         const std::function<void(std::string_view, int64_t, int64_t)> &progress)
      : graph_(graph), directory_(directory), scratch_(scratch), memoryBytes_(memoryBytes),
        progress_(progress) {}

  absl::StatusOr<std::string> write() {
    HEDDLE_RETURN_IF_ERROR(makeDirectory("nodes"));
    HEDDLE_RETURN_IF_ERROR(makeDirectory("edges"));
    for (size_t index : order(graph_.nodeTypes, [](const StagedNodeType &t) { return t.name; }))
      HEDDLE_RETURN_IF_ERROR(placeNodeType(graph_.nodeTypes[index]));
    HEDDLE_RETURN_IF_ERROR(writeRelations());
    for (size_t t = 0; t < schema_.nodeTypes.size(); ++t)
      findings_.nodeTypes[t].isolated = schema_.nodeTypes[t].numNodes - touched_[t].size();
    findings_.counts = graph_.counts;
    schema_.schemaFingerprint = computeSchemaFingerprint(schema_);
    schema_.dataFingerprint = computeDataFingerprint(schema_);
    HEDDLE_RETURN_IF_ERROR(
        writeFile(directory_ + "/report.json", printReportJson(schema_, findings_)));
    HEDDLE_RETURN_IF_ERROR(writeFile(directory_ + "/graph.json", printGraphSchema(schema_)));
    return printReportText(schema_, findings_);
  }

private:
  /// Indices of `items` sorted by `key`.
  template <typename T, typename Key>
  static std::vector<size_t> order(const std::vector<T> &items, Key key) {
    std::vector<size_t> out(items.size());
    std::iota(out.begin(), out.end(), size_t(0));
    std::sort(out.begin(), out.end(),
              [&](size_t a, size_t b) { return key(items[a]) < key(items[b]); });
    return out;
  }

  absl::Status makeDirectory(const std::string &name) {
    std::error_code error;
    fs::create_directory(directory_ + "/" + name, error);
    return error ? internalError(directory_ + "/" + name + ": cannot create: " + error.message())
                 : absl::OkStatus();
  }

  /// Moves `file` to `name` (relative) and lists it.
  absl::Status place(const StagedFile &file, const std::string &name) {
    std::error_code error;
    fs::rename(file.path, directory_ + "/" + name, error);
    if (error)
      return internalError(file.path + ": cannot move to " + name + ": " + error.message());
    schema_.files[name] = file.entry;
    return absl::OkStatus();
  }

  absl::Status placeNodeType(StagedNodeType &staged) {
    std::string folder = "nodes/" + std::to_string(schema_.nodeTypes.size());
    HEDDLE_RETURN_IF_ERROR(makeDirectory(folder));
    NodeTypeSchema type;
    GraphFindings::NodeType found;
    type.name = staged.name;
    type.numNodes = staged.numNodes;
    type.idsKind = staged.idsKind;
    setIdFiles(type, folder + "/ids");
    if (!type.idsFile.empty())
      HEDDLE_RETURN_IF_ERROR(place(staged.ids, type.idsFile));
    if (!type.idsOffsetsFile.empty())
      HEDDLE_RETURN_IF_ERROR(place(staged.idsOffsets, type.idsOffsetsFile));
    if (!staged.display.path.empty()) {
      setDisplayFiles(type, folder + "/display");
      HEDDLE_RETURN_IF_ERROR(place(staged.display, type.displayFile));
      HEDDLE_RETURN_IF_ERROR(place(staged.displayOffsets, type.displayOffsetsFile));
    }
    for (size_t index : order(staged.features, [](const auto &f) { return f.schema.name; })) {
      StagedFeature &source = staged.features[index];
      FeatureSchema feature = source.schema;
      std::string prefix = folder + "/f" + std::to_string(type.features.size());
      for (auto [from, to, end] :
           {std::tuple(&source.rows, &feature.file, ""),
            std::tuple(&source.indptr, &feature.indptrFile, "_indptr"),
            std::tuple(&source.indices, &feature.indicesFile, "_indices"),
            std::tuple(&source.values, &feature.valuesFile, "_values")}) {
        if (from->path.empty())
          continue;
        *to = prefix + end + ".npy";
        HEDDLE_RETURN_IF_ERROR(place(*from, *to));
      }
      found.nonFinite.push_back(source.nonFinite);
      type.features.push_back(std::move(feature));
    }
    size_t splitCount = 0;
    for (size_t index : order(staged.labels, [](const auto &l) { return l.name; })) {
      StagedLabel &source = staged.labels[index];
      LabelSchema label;
      GraphFindings::Label foundLabel;
      label.name = source.name;
      label.multilabel = source.multilabel;
      label.classes = source.classes;
      label.file = folder + "/l" + std::to_string(type.labels.size()) + ".npy";
      HEDDLE_RETURN_IF_ERROR(place(source.file, label.file));
      foundLabel.missing = source.missing;
      for (size_t at : order(source.splits, [](const auto &s) { return s.name; })) {
        StagedSplit &from = source.splits[at];
        LabelSchema::Split split;
        split.name = from.name;
        std::string prefix = folder + "/s" + std::to_string(splitCount++);
        split.trainFile = prefix + "_train.npy";
        split.validFile = prefix + "_valid.npy";
        split.testFile = prefix + "_test.npy";
        HEDDLE_RETURN_IF_ERROR(place(from.parts[0], split.trainFile));
        HEDDLE_RETURN_IF_ERROR(place(from.parts[1], split.validFile));
        HEDDLE_RETURN_IF_ERROR(place(from.parts[2], split.testFile));
        split.numTrain = from.sizes[0];
        split.numValid = from.sizes[1];
        split.numTest = from.sizes[2];
        split.trainClassCounts = from.classCounts[0];
        foundLabel.classCounts.push_back(std::move(from.classCounts));
        label.splits.push_back(std::move(split));
      }
      if (!label.splits.empty())
        label.trainClassCounts = label.splits.front().trainClassCounts;
      found.labels.push_back(std::move(foundLabel));
      type.labels.push_back(std::move(label));
    }
    touched_.emplace_back(type.numNodes);
    findings_.nodeTypes.push_back(std::move(found));
    schema_.nodeTypes.push_back(std::move(type));
    return absl::OkStatus();
  }

  absl::Status writeRelations() {
    std::vector<size_t> sorted = order(graph_.relations, [](const StagedRelation &r) {
      return std::tie(r.source, r.name, r.destination);
    });
    std::vector<int> newId(sorted.size());
    for (size_t i = 0; i < sorted.size(); ++i)
      newId[sorted[i]] = static_cast<int>(i);
    findings_.relations.resize(sorted.size());
    for (size_t i = 0; i < sorted.size(); ++i) {
      StagedRelation &staged = graph_.relations[sorted[i]];
      RelationSchema relation;
      relation.source = staged.source;
      relation.name = staged.name;
      relation.destination = staged.destination;
      if (staged.reverseOf >= 0)
        relation.reverseOf = newId[static_cast<size_t>(staged.reverseOf)];
      else
        HEDDLE_RETURN_IF_ERROR(writeStored(staged, i, relation));
      schema_.relations.push_back(std::move(relation));
    }
    for (RelationSchema &view : schema_.relations) {
      if (view.reverseOf < 0)
        continue;
      const RelationSchema &base = schema_.relations[static_cast<size_t>(view.reverseOf)];
      view.numEdges = base.numEdges;
      view.in = base.out;
      view.out = base.in;
    }
    return absl::OkStatus();
  }

  absl::Status writeStored(StagedRelation &staged, size_t id, RelationSchema &relation) {
    std::string folder = "edges/" + std::to_string(id);
    HEDDLE_RETURN_IF_ERROR(makeDirectory(folder));
    setCscFiles(relation, folder + "/csc");
    setCsrFiles(relation, folder + "/csr");
    RelationInput input;
    input.numSources = staged.numSources;
    input.numDestinations = staged.numDestinations;
    input.dropDuplicates = staged.dropDuplicates;
    input.memoryBytes = memoryBytes_;
    input.scratchFile = scratch_ + "/by-source";
    for (size_t index : order(staged.features, [](const auto &f) { return f.schema.name; })) {
      const StagedFeature &source = staged.features[index];
      relation.features.push_back(source.schema);
      relation.features.back().file =
          folder + "/f" + std::to_string(relation.features.size() - 1) + ".npy";
      input.featureFiles.push_back(source.rows.path);
      findings_.relations[id].nonFinite.push_back(source.nonFinite);
    }
    std::string what = "sorting " + staged.triple();
    if (progress_)
      input.progress = [&](int64_t done, int64_t total) { progress_(what, done, total); };
    auto touched = [&](const std::string &type) -> NodeSet & {
      return touched_[static_cast<size_t>(schema_.nodeTypeId(type))];
    };
    HEDDLE_ASSIGN_OR_RETURN(findings_.relations[id].duplicates,
                            writeRelation(directory_, input, *staged.sorter, relation,
                                          touched(staged.source), touched(staged.destination),
                                          schema_.files));
    findings_.relations[id].dropped = staged.dropDuplicates;
    staged.sorter.reset();
    std::error_code ignored;
    for (const std::string &file : input.featureFiles)
      fs::remove(file, ignored);
    return absl::OkStatus();
  }

  StagedGraph &graph_;
  const std::string &directory_, &scratch_;
  int64_t memoryBytes_;
  const std::function<void(std::string_view, int64_t, int64_t)> &progress_;
  GraphSchema schema_;
  GraphFindings findings_;
  std::vector<NodeSet> touched_; ///< per canonical node type
};

} // namespace

absl::StatusOr<std::string>
writeStagedGraph(StagedGraph &graph, const std::string &directory, const std::string &scratch,
                 int64_t memoryBytes,
                 const std::function<void(std::string_view, int64_t, int64_t)> &progress) {
  return Writer(graph, directory, scratch, memoryBytes, progress).write();
}

} // namespace heddle::graph
