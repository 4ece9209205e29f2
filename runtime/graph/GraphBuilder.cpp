//===- GraphBuilder.cpp - writes a graph directory ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/GraphBuilder.h"

#include "runtime/graph/ConvertFloats.h"
#include "runtime/graph/FeatureStager.h"
#include "runtime/graph/LabelStager.h"
#include "runtime/graph/StagedGraph.h"

#include "runtime/base/AtomicOutput.h"
#include "runtime/base/Json.h"
#include "runtime/base/Npy.h"
#include "runtime/base/Suggest.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <numeric>
#include <optional>
#include <set>

namespace heddle::graph {

namespace {

constexpr int64_t maxNodes = (int64_t(1) << 48) - 1;
constexpr int64_t maxEdges = maxNodes;
constexpr int64_t maxDim = (int64_t(1) << 31) - 1;
constexpr size_t maxNodeTypes = 65535, maxRelations = 65535;

absl::Status checkName(const std::string &kind, const std::string &name) {
  if (name.empty())
    return invalidArgument(kind + " without a name");
  if (!isValidUtf8(name))
    return invalidArgument(kind + ": the name is not UTF-8; convert the input, for example with iconv");
  for (char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return invalidArgument(kind + ": the name holds a control character (byte " +
                             std::to_string(static_cast<int>(c)) + "); rename it");
  return absl::OkStatus();
}

class Builder final : public GraphBuilder {
public:
  static absl::StatusOr<std::unique_ptr<GraphBuilder>> make(const GraphBuilderOptions &options) {
    const std::vector<std::string> &dtypes = storageDtypes();
    if (!options.floats.empty() &&
        std::find(dtypes.begin(), dtypes.end(), options.floats) == dtypes.end())
      return invalidArgument("features cannot be stored as '" + options.floats + "'" +
                             suggestion(options.floats, dtypes));
    auto builder = std::make_unique<Builder>();
    builder->options_ = options;
    builder->memory_ = std::max<int64_t>(options.memoryBytes, 16 << 10);
    HEDDLE_ASSIGN_OR_RETURN(builder->output_,
                            AtomicOutput::create(options.output, AtomicOutput::Kind::Directory,
                                                 options.force, "graph.json"));
    builder->scratch_ = builder->output_.path() + "/scratch";
    std::error_code error;
    std::filesystem::create_directory(builder->scratch_, error);
    if (error)
      return internalError(builder->scratch_ + ": cannot create: " + error.message());
    return absl::StatusOr<std::unique_ptr<GraphBuilder>>(std::move(builder));
  }

  absl::StatusOr<int> addNodeType(const std::string &name, int64_t numNodes) override;
  absl::Status setInt64Ids(int type, const std::vector<int64_t> &ids) override;
  absl::Status setStringIds(int type, const std::vector<std::string> &ids) override;
  absl::Status setDisplayNames(int type, const std::vector<std::string> &names) override;
  absl::StatusOr<int> addDenseFeature(int type, const std::string &name, const std::string &dtype,
                                      int64_t dim) override;
  absl::Status appendDenseRows(int feature, const void *rows, int64_t rowCount) override;
  absl::StatusOr<int> addSparseFeature(int type, const std::string &name, int64_t dim) override;
  absl::Status appendSparseRow(int feature, const std::vector<int64_t> &indices,
                               const std::vector<float> &values) override;
  absl::StatusOr<int> addLabel(int type, const std::string &name,
                               const std::vector<std::string> &classes,
                               const std::vector<int32_t> &classOfNode) override;
  absl::StatusOr<int> addMultiLabel(int type, const std::string &name,
                                    const std::vector<std::string> &classes,
                                    const std::vector<uint8_t> &rows) override;
  absl::Status addSplit(int label, const std::string &name, std::vector<int64_t> train,
                        std::vector<int64_t> valid, std::vector<int64_t> test) override;
  absl::StatusOr<int> addRelation(const std::string &source, const std::string &name,
                                  const std::string &destination) override;
  absl::Status addEdges(int relation, const int64_t *sources, const int64_t *destinations,
                        int64_t count) override;
  absl::StatusOr<int> addEdgeFeature(int relation, const std::string &name,
                                     const std::string &dtype, int64_t dim) override;
  absl::Status setDropDuplicates(int relation, bool drop) override;
  absl::Status addReverse(int relation, const std::string &name) override;
  void count(const std::string &what, int64_t n) override { graph_.counts[what] += n; }
  absl::StatusOr<std::string> finish() override;

private:
  /// A feature while its rows arrive.
  struct OpenFeature {
    size_t owner, index; ///< in graph_.nodeTypes[owner].features, or that of a relation
    bool ofEdges = false;
    FeatureStager stager;
  };

  std::string stagedPath(const char *ending) {
    return scratch_ + "/" + std::to_string(nextFile_++) + ending;
  }
  absl::StatusOr<StagedNodeType *> typeOf(int type);
  absl::StatusOr<StagedRelation *> storedRelation(int relation);
  absl::Status stageStrings(const std::vector<std::string> &texts, StagedFile &bytes,
                            StagedFile &offsets);
  absl::StatusOr<int> addFeature(int type, FeatureSchema schema);
  StagedFeature &stagedOf(const OpenFeature &open) {
    return open.ofEdges ? graph_.relations[open.owner].features[open.index]
                        : graph_.nodeTypes[open.owner].features[open.index];
  }
  std::string placeOf(const OpenFeature &open) {
    return (open.ofEdges ? "relation '" + graph_.relations[open.owner].triple()
                         : "node type '" + graph_.nodeTypes[open.owner].name) +
           "': feature '" + stagedOf(open).schema.name + "'";
  }
  /// Of how many nodes or, so far, edges it has the rows.
  int64_t rowsWanted(const OpenFeature &open) const {
    return open.ofEdges ? graph_.relations[open.owner].sorter->size()
                        : graph_.nodeTypes[open.owner].numNodes;
  }
  /// "5 rows for 6 edges"
  std::string countsOf(const OpenFeature &open) const {
    return std::to_string(open.stager.written()) + " rows for " + std::to_string(rowsWanted(open)) +
           (open.ofEdges ? " edges" : " nodes");
  }
  absl::StatusOr<OpenFeature *> featureOf(int feature, FeatureKind kind, int64_t rowCount);
  /// Closes a feature that has the rows of all nodes.
  absl::Status closeIfWhole(OpenFeature &open);
  /// Adds it to those of a node type or relation, with files for its rows.
  absl::StatusOr<int> openFeature(size_t owner, std::vector<StagedFeature> &features, bool ofEdges,
                                  FeatureSchema schema);
  absl::StatusOr<int> addRelationTriple(StagedRelation relation);
  absl::Status keepInMemory(EdgeSorter &next, int64_t count);

  GraphBuilderOptions options_;
  int64_t memory_ = 0;
  AtomicOutput output_;
  std::string scratch_;
  int64_t nextFile_ = 0;
  StagedGraph graph_;
  std::set<std::array<std::string, 3>> triples_;
  std::vector<OpenFeature> features_;             // by handle
  std::vector<std::pair<size_t, size_t>> labels_; // by handle: type, index
  int64_t heldBytes_ = 0;                         // of all sorters
  bool finished_ = false;
};

//===----------------------------------------------------------------------===//
// Node types
//===----------------------------------------------------------------------===//

absl::StatusOr<int> Builder::addNodeType(const std::string &name, int64_t numNodes) {
  HEDDLE_RETURN_IF_ERROR(checkName("node type", name));
  for (const StagedNodeType &type : graph_.nodeTypes)
    if (type.name == name)
      return invalidArgument("node type '" + name + "' is declared twice");
  if (numNodes < 0 || numNodes > maxNodes)
    return invalidArgument("node type '" + name + "': " + std::to_string(numNodes) +
                           " nodes; expected 0 to 2^48 - 1");
  if (graph_.nodeTypes.size() == maxNodeTypes)
    return invalidArgument("more than " + std::to_string(maxNodeTypes) + " node types");
  StagedNodeType type;
  type.name = name;
  type.numNodes = numNodes;
  graph_.nodeTypes.push_back(std::move(type));
  return static_cast<int>(graph_.nodeTypes.size()) - 1;
}

absl::StatusOr<StagedNodeType *> Builder::typeOf(int type) {
  if (finished_)
    return failedPrecondition(options_.output + ": the graph is finished");
  if (type < 0 || static_cast<size_t>(type) >= graph_.nodeTypes.size())
    return invalidArgument("node type handle " + std::to_string(type) + " was never given");
  return &graph_.nodeTypes[static_cast<size_t>(type)];
}

absl::Status checkRowCount(const StagedNodeType &type, const std::string &what, size_t count) {
  if (static_cast<int64_t>(count) == type.numNodes)
    return absl::OkStatus();
  return invalidArgument("node type '" + type.name + "': " + std::to_string(count) + " " + what +
                         " for " + std::to_string(type.numNodes) + " nodes");
}

template <typename Id, typename Text>
absl::Status checkUnique(const StagedNodeType &type, const std::vector<Id> &ids, Text text) {
  std::vector<int64_t> order(ids.size());
  std::iota(order.begin(), order.end(), int64_t(0));
  auto at = [&](int64_t i) -> const Id & { return ids[static_cast<size_t>(i)]; };
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return at(a) < at(b); });
  for (size_t i = 1; i < order.size(); ++i)
    if (at(order[i]) == at(order[i - 1]))
      return invalidArgument("node type '" + type.name + "': the id '" + text(at(order[i])) +
                             "' stands at rows " +
                             std::to_string(std::min(order[i], order[i - 1])) + " and " +
                             std::to_string(std::max(order[i], order[i - 1])) +
                             "; ids must be unique");
  return absl::OkStatus();
}

absl::Status Builder::setInt64Ids(int handle, const std::vector<int64_t> &ids) {
  HEDDLE_ASSIGN_OR_RETURN(StagedNodeType * type, typeOf(handle));
  if (type->idsKind != "none")
    return invalidArgument("node type '" + type->name + "': ids are given twice");
  HEDDLE_RETURN_IF_ERROR(checkRowCount(*type, "ids", ids.size()));
  HEDDLE_RETURN_IF_ERROR(checkUnique(*type, ids, [](int64_t id) { return std::to_string(id); }));
  HEDDLE_ASSIGN_OR_RETURN(type->ids,
                          stageArray(stagedPath(".npy"), "int64", {}, ids.data(), ids.size()));
  type->idsKind = "int64";
  return absl::OkStatus();
}

absl::Status Builder::stageStrings(const std::vector<std::string> &texts, StagedFile &bytes,
                                   StagedFile &offsets) {
  std::vector<int64_t> ends{0};
  std::string all;
  for (const std::string &text : texts) {
    all += text;
    ends.push_back(static_cast<int64_t>(all.size()));
  }
  bytes.path = stagedPath(".bin");
  HEDDLE_RETURN_IF_ERROR(writeFile(bytes.path, all));
  bytes.entry = {static_cast<int64_t>(all.size()), checksumHex(checksumOf(all.data(), all.size()))};
  HEDDLE_ASSIGN_OR_RETURN(offsets,
                          stageArray(stagedPath(".npy"), "int64", {}, ends.data(), ends.size()));
  return absl::OkStatus();
}

absl::Status Builder::setStringIds(int handle, const std::vector<std::string> &ids) {
  HEDDLE_ASSIGN_OR_RETURN(StagedNodeType * type, typeOf(handle));
  if (type->idsKind != "none")
    return invalidArgument("node type '" + type->name + "': ids are given twice");
  HEDDLE_RETURN_IF_ERROR(checkRowCount(*type, "ids", ids.size()));
  HEDDLE_RETURN_IF_ERROR(checkUnique(*type, ids, [](const std::string &id) { return id; }));
  HEDDLE_RETURN_IF_ERROR(stageStrings(ids, type->ids, type->idsOffsets));
  type->idsKind = "string";
  return absl::OkStatus();
}

absl::Status Builder::setDisplayNames(int handle, const std::vector<std::string> &names) {
  HEDDLE_ASSIGN_OR_RETURN(StagedNodeType * type, typeOf(handle));
  if (!type->display.path.empty())
    return invalidArgument("node type '" + type->name + "': display names are given twice");
  HEDDLE_RETURN_IF_ERROR(checkRowCount(*type, "display names", names.size()));
  return stageStrings(names, type->display, type->displayOffsets);
}

//===----------------------------------------------------------------------===//
// Features
//===----------------------------------------------------------------------===//

/// Whether a feature may stand beside those that `owner` has.
absl::Status checkFeature(const std::string &owner, const std::vector<StagedFeature> &others,
                          const FeatureSchema &schema) {
  std::string place = owner + ": feature";
  HEDDLE_RETURN_IF_ERROR(checkName(place, schema.name));
  place += " '" + schema.name + "'";
  for (const StagedFeature &feature : others)
    if (feature.schema.name == schema.name)
      return invalidArgument(place + " is declared twice");
  if (dtypeBytes(schema.dtype) == 0)
    return invalidArgument(place + ": unknown dtype '" + schema.dtype + "'" +
                           suggestion(schema.dtype, dtypeNames()));
  if (schema.dim < 1 || schema.dim > maxDim)
    return invalidArgument(place + ": " + std::to_string(schema.dim) +
                           " columns; expected 1 to 2^31 - 1");
  return absl::OkStatus();
}

absl::StatusOr<int> Builder::openFeature(size_t owner, std::vector<StagedFeature> &features,
                                         bool ofEdges, FeatureSchema schema) {
  OpenFeature open;
  open.owner = owner;
  open.index = features.size();
  open.ofEdges = ofEdges;
  StagedFeature staged;
  staged.schema = std::move(schema);
  std::optional<int64_t> rows;
  if (!ofEdges)
    rows = graph_.nodeTypes[owner].numNodes;
  HEDDLE_ASSIGN_OR_RETURN(open.stager, FeatureStager::create(staged, rows, options_.floats, [this] {
                            return stagedPath(".npy");
                          }));
  features.push_back(std::move(staged));
  features_.push_back(std::move(open));
  if (rows == 0)
    HEDDLE_RETURN_IF_ERROR(features_.back().stager.close(features.back()));
  return static_cast<int>(features_.size()) - 1;
}

absl::StatusOr<int> Builder::addEdgeFeature(int handle, const std::string &name,
                                            const std::string &dtype, int64_t dim) {
  HEDDLE_ASSIGN_OR_RETURN(StagedRelation * relation, storedRelation(handle));
  FeatureSchema schema;
  schema.name = name;
  schema.dtype = dtype;
  schema.dim = dim;
  HEDDLE_RETURN_IF_ERROR(
      checkFeature("relation '" + relation->triple() + "'", relation->features, schema));
  return openFeature(static_cast<size_t>(handle), relation->features, /*ofEdges=*/true,
                     std::move(schema));
}

absl::StatusOr<int> Builder::addFeature(int handle, FeatureSchema schema) {
  HEDDLE_ASSIGN_OR_RETURN(StagedNodeType * type, typeOf(handle));
  HEDDLE_RETURN_IF_ERROR(checkFeature("node type '" + type->name + "'", type->features, schema));
  return openFeature(static_cast<size_t>(handle), type->features, /*ofEdges=*/false,
                     std::move(schema));
}

absl::StatusOr<int> Builder::addDenseFeature(int type, const std::string &name,
                                             const std::string &dtype, int64_t dim) {
  FeatureSchema schema;
  schema.name = name;
  schema.dtype = dtype;
  schema.dim = dim;
  return addFeature(type, std::move(schema));
}

absl::StatusOr<int> Builder::addSparseFeature(int type, const std::string &name, int64_t dim) {
  FeatureSchema schema;
  schema.name = name;
  schema.kind = FeatureKind::Sparse;
  schema.dim = dim;
  return addFeature(type, std::move(schema));
}

absl::StatusOr<Builder::OpenFeature *> Builder::featureOf(int feature, FeatureKind kind,
                                                          int64_t rowCount) {
  if (finished_)
    return failedPrecondition(options_.output + ": the graph is finished");
  if (feature < 0 || static_cast<size_t>(feature) >= features_.size())
    return invalidArgument("feature handle " + std::to_string(feature) + " was never given");
  OpenFeature &open = features_[static_cast<size_t>(feature)];
  if (stagedOf(open).schema.kind != kind)
    return invalidArgument(placeOf(open) + ": dense and sparse rows are mixed up");
  // Edges may still come.
  if (rowCount < 0 || (!open.ofEdges && rowCount > rowsWanted(open) - open.stager.written()))
    return invalidArgument(placeOf(open) + ": more rows than the " +
                           std::to_string(rowsWanted(open)) + " nodes");
  return &open;
}

absl::Status Builder::closeIfWhole(OpenFeature &open) {
  return !open.ofEdges && open.stager.written() == rowsWanted(open)
             ? open.stager.close(stagedOf(open))
             : absl::OkStatus();
}

absl::Status Builder::appendDenseRows(int feature, const void *rows, int64_t rowCount) {
  HEDDLE_ASSIGN_OR_RETURN(OpenFeature * open, featureOf(feature, FeatureKind::Dense, rowCount));
  if (rowCount == 0)
    return absl::OkStatus();
  HEDDLE_RETURN_IF_ERROR(
      open->stager.appendDense(stagedOf(*open), [&] { return placeOf(*open); }, rows, rowCount));
  return closeIfWhole(*open);
}

absl::Status Builder::appendSparseRow(int feature, const std::vector<int64_t> &indices,
                                      const std::vector<float> &values) {
  HEDDLE_ASSIGN_OR_RETURN(OpenFeature * open, featureOf(feature, FeatureKind::Sparse, 1));
  HEDDLE_RETURN_IF_ERROR(
      open->stager.appendSparse(stagedOf(*open), [&] { return placeOf(*open); }, indices, values));
  return closeIfWhole(*open);
}

//===----------------------------------------------------------------------===//
// Labels and splits
//===----------------------------------------------------------------------===//

absl::StatusOr<int> Builder::addLabel(int handle, const std::string &name,
                                      const std::vector<std::string> &classes,
                                      const std::vector<int32_t> &classOfNode) {
  HEDDLE_ASSIGN_OR_RETURN(StagedNodeType * type, typeOf(handle));
  HEDDLE_RETURN_IF_ERROR(checkName("node type '" + type->name + "': label", name));
  HEDDLE_RETURN_IF_ERROR(stageLabel(*type, name, classes, classOfNode, stagedPath(".npy")));
  labels_.emplace_back(static_cast<size_t>(handle), type->labels.size() - 1);
  return static_cast<int>(labels_.size()) - 1;
}

absl::StatusOr<int> Builder::addMultiLabel(int handle, const std::string &name,
                                           const std::vector<std::string> &classes,
                                           const std::vector<uint8_t> &rows) {
  HEDDLE_ASSIGN_OR_RETURN(StagedNodeType * type, typeOf(handle));
  HEDDLE_RETURN_IF_ERROR(checkName("node type '" + type->name + "': label", name));
  HEDDLE_RETURN_IF_ERROR(stageMultiLabel(*type, name, classes, rows, stagedPath(".npy")));
  labels_.emplace_back(static_cast<size_t>(handle), type->labels.size() - 1);
  return static_cast<int>(labels_.size()) - 1;
}

absl::Status Builder::addSplit(int label, const std::string &name, std::vector<int64_t> train,
                               std::vector<int64_t> valid, std::vector<int64_t> test) {
  if (finished_)
    return failedPrecondition(options_.output + ": the graph is finished");
  if (label < 0 || static_cast<size_t>(label) >= labels_.size())
    return invalidArgument("label handle " + std::to_string(label) + " was never given");
  auto [typeIndex, labelIndex] = labels_[static_cast<size_t>(label)];
  StagedNodeType &type = graph_.nodeTypes[typeIndex];
  HEDDLE_RETURN_IF_ERROR(checkName("node type '" + type.name + "': label '" +
                                       type.labels[labelIndex].name + "': split",
                                   name));
  std::array<std::string, 3> paths{stagedPath(".npy"), stagedPath(".npy"), stagedPath(".npy")};
  return stageSplit(type, labelIndex, name, {std::move(train), std::move(valid), std::move(test)},
                    paths);
}

//===----------------------------------------------------------------------===//
// Relations
//===----------------------------------------------------------------------===//

absl::StatusOr<int> Builder::addRelationTriple(StagedRelation relation) {
  if (finished_)
    return failedPrecondition(options_.output + ": the graph is finished");
  HEDDLE_RETURN_IF_ERROR(checkName("relation", relation.name));
  std::string place = "relation '" + relation.triple() + "'";
  std::array<std::string, 3> triple{relation.source, relation.name, relation.destination};
  if (triples_.count(triple))
    return invalidArgument(place + " is declared twice");
  for (bool source : {true, false}) {
    const std::string &end = source ? relation.source : relation.destination;
    int64_t &nodes = source ? relation.numSources : relation.numDestinations;
    std::vector<std::string> names;
    bool found = false;
    for (const StagedNodeType &type : graph_.nodeTypes) {
      names.push_back(type.name);
      if (type.name == end) {
        nodes = type.numNodes;
        found = true;
      }
    }
    if (!found)
      return invalidArgument(place + ": unknown node type '" + end + "'" + suggestion(end, names));
  }
  if (graph_.relations.size() == maxRelations)
    return invalidArgument("more than " + std::to_string(maxRelations) + " relations");
  triples_.insert(std::move(triple));
  graph_.relations.push_back(std::move(relation));
  return static_cast<int>(graph_.relations.size()) - 1;
}

absl::StatusOr<int> Builder::addRelation(const std::string &source, const std::string &name,
                                         const std::string &destination) {
  StagedRelation relation;
  relation.source = source;
  relation.name = name;
  relation.destination = destination;
  HEDDLE_ASSIGN_OR_RETURN(int handle, addRelationTriple(std::move(relation)));
  StagedRelation &staged = graph_.relations.back();
  staged.sorter = EdgeSorter::create(staged.numDestinations, staged.numSources,
                                     scratch_ + "/edges-" + std::to_string(handle));
  return handle;
}

absl::StatusOr<StagedRelation *> Builder::storedRelation(int relation) {
  if (finished_)
    return failedPrecondition(options_.output + ": the graph is finished");
  if (relation < 0 || static_cast<size_t>(relation) >= graph_.relations.size())
    return invalidArgument("relation handle " + std::to_string(relation) + " was never given");
  StagedRelation &staged = graph_.relations[static_cast<size_t>(relation)];
  if (staged.reverseOf >= 0)
    return invalidArgument("relation '" + staged.triple() + "' is a reverse view");
  return &staged;
}

absl::Status Builder::addReverse(int relation, const std::string &name) {
  HEDDLE_ASSIGN_OR_RETURN(StagedRelation * base, storedRelation(relation));
  StagedRelation view;
  view.source = base->destination;
  view.name = name;
  view.destination = base->source;
  view.reverseOf = relation;
  return addRelationTriple(std::move(view)).status();
}

absl::Status Builder::setDropDuplicates(int relation, bool drop) {
  HEDDLE_ASSIGN_OR_RETURN(StagedRelation * staged, storedRelation(relation));
  staged->dropDuplicates = drop;
  return absl::OkStatus();
}

/// Makes room for `count` more records in `next`: a third of the memory may hold waiting edges, since
/// sorting a run takes as much again.
absl::Status Builder::keepInMemory(EdgeSorter &next, int64_t count) {
  int64_t limit = memory_ / 3;
  while (heldBytes_ > 0 && heldBytes_ + next.growthBytes(count) > limit) {
    EdgeSorter *largest = &next;
    for (const StagedRelation &relation : graph_.relations)
      if (relation.sorter && relation.sorter->heldBytes() > largest->heldBytes())
        largest = relation.sorter.get();
    int64_t held = largest->heldBytes();
    HEDDLE_RETURN_IF_ERROR(largest->spill());
    heldBytes_ -= held - largest->heldBytes();
    if (held == 0)
      break;
  }
  return absl::OkStatus();
}

absl::Status Builder::addEdges(int relation, const int64_t *sources, const int64_t *destinations,
                               int64_t count) {
  HEDDLE_ASSIGN_OR_RETURN(StagedRelation * staged, storedRelation(relation));
  EdgeSorter &sorter = *staged->sorter;
  if (count > maxEdges - sorter.size())
    return invalidArgument("relation '" + staged->triple() + "': more than 2^48 - 1 edges");
  constexpr int64_t block = 256;
  for (int64_t begin = 0; begin < count; begin += block) {
    int64_t end = std::min(count, begin + block);
    HEDDLE_RETURN_IF_ERROR(keepInMemory(sorter, end - begin));
    int64_t before = sorter.heldBytes();
    for (int64_t i = begin; i < end; ++i) {
      bool badSource = sources[i] < 0 || sources[i] >= staged->numSources;
      if (badSource || destinations[i] < 0 || destinations[i] >= staged->numDestinations)
        return invalidArgument(
            "relation '" + staged->triple() + "': edge " + std::to_string(sorter.size()) +
            (badSource ? ": source " : ": destination ") +
            std::to_string(badSource ? sources[i] : destinations[i]) + " is out of range; '" +
            (badSource ? staged->source : staged->destination) + "' has " +
            std::to_string(badSource ? staged->numSources : staged->numDestinations) + " nodes");
      sorter.add(destinations[i], sources[i], sorter.size());
    }
    heldBytes_ += sorter.heldBytes() - before;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Builder::finish() {
  if (finished_)
    return failedPrecondition(options_.output + ": the graph is finished");
  for (OpenFeature &open : features_) {
    if (open.stager.written() != rowsWanted(open))
      return invalidArgument(placeOf(open) + ": " + countsOf(open));
    if (open.ofEdges) // now all edges are there
      HEDDLE_RETURN_IF_ERROR(open.stager.close(stagedOf(open)));
  }
  finished_ = true;
  HEDDLE_ASSIGN_OR_RETURN(std::string report,
                          writeStagedGraph(graph_, output_.path(), scratch_, memory_ * 2 / 3,
                                           options_.progress));
  graph_.relations.clear(); // their scratch files go before the folder
  std::error_code error;
  std::filesystem::remove_all(scratch_, error);
  if (error)
    return internalError(scratch_ + ": cannot remove: " + error.message());
  if (options_.progress)
    options_.progress("syncing to disk", 0, 0);
  HEDDLE_RETURN_IF_ERROR(output_.publish(options_.sync));
  return report;
}

} // namespace

absl::StatusOr<std::unique_ptr<GraphBuilder>>
GraphBuilder::create(const GraphBuilderOptions &options) {
  return Builder::make(options);
}

} // namespace heddle::graph
