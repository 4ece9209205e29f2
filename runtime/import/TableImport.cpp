//===- TableImport.cpp - tables and a descriptor as a graph ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/TableImport.h"

#include "runtime/import/Features.h"
#include "runtime/import/IdMap.h"
#include "runtime/import/Labels.h"

#include <array>
#include <map>

namespace heddle::importing {

namespace {

/// The edges of a relation whose repetition is an error: an exact set of pairs.
class PairSet {
public:
  /// False if the pair is in the set already.
  bool insert(int64_t source, int64_t destination) {
    if ((size_ + 1) * 3 > slots_.size() * 2) {
      std::vector<std::array<int64_t, 2>> old(slots_.empty() ? 64 : slots_.size() * 2, {-1, -1});
      old.swap(slots_);
      for (const auto &pair : old)
        if (pair[0] >= 0)
          slots_[slotOf(pair[0], pair[1])] = pair;
    }
    size_t slot = slotOf(source, destination);
    if (slots_[slot][0] >= 0)
      return false;
    slots_[slot] = {source, destination};
    ++size_;
    return true;
  }

private:
  size_t slotOf(int64_t s, int64_t d) const {
    uint64_t h = uint64_t(s) * 0x9E3779B97F4A7C15ull ^ uint64_t(d) * 0xC2B2AE3D27D4EB4Full;
    h = (h ^ (h >> 32)) * 0xFF51AFD7ED558CCDull;
    size_t mask = slots_.size() - 1, slot = (h ^ (h >> 33)) & mask;
    while (slots_[slot][0] >= 0 && (slots_[slot][0] != s || slots_[slot][1] != d))
      slot = (slot + 1) & mask;
    return slot;
  }
  std::vector<std::array<int64_t, 2>> slots_;
  size_t size_ = 0;
};

struct TypeState {
  IdMap ids;
  int handle = -1;
  int64_t records = 0;   ///< of the type's files
  int64_t tableRows = 0; ///< nodes out of them; later rows come from edges
  std::vector<std::string> displayNames;
  std::vector<std::unique_ptr<LabelCollector>> labels;
  SplitParts firstSplit; ///< of the first label
};

class Importer {
public:
  Importer(const Descriptor &descriptor, graph::GraphBuilder &builder,
           const ProgressFunction &progress)
      : descriptor_(descriptor), builder_(builder), progress_(progress),
        types_(descriptor.nodes.size()) {}

  absl::Status run() {
    for (size_t i = 0; i < types_.size(); ++i)
      HEDDLE_RETURN_IF_ERROR(readNodes(descriptor_.nodes[i], types_[i]));
    for (const EdgeSpec &edge : descriptor_.edges)
      HEDDLE_RETURN_IF_ERROR(addNodesOfEdges(edge));
    for (size_t i = 0; i < types_.size(); ++i)
      HEDDLE_RETURN_IF_ERROR(declareType(descriptor_.nodes[i], types_[i]));
    for (size_t i = 0; i < types_.size(); ++i)
      HEDDLE_RETURN_IF_ERROR(writeFeatures(descriptor_.nodes[i], types_[i]));
    for (const EdgeSpec &edge : descriptor_.edges)
      HEDDLE_RETURN_IF_ERROR(readEdges(edge));
    return absl::OkStatus();
  }

private:
  TableScan scanOf(const NodeSpec &spec, const char *verb) const {
    return TableScan(spec.files, spec.format, std::string(verb) + " " + spec.type, progress_);
  }

  absl::Status readNodes(const NodeSpec &spec, TypeState &type) {
    if (spec.numNodes >= 0) {
      type.ids = IdMap::range(spec.numNodes);
      type.records = type.tableRows = spec.numNodes;
    }
    if (spec.files.empty())
      return absl::OkStatus();
    TableScan scan = scanOf(spec, "read");
    int id = scan.want(spec.idColumn);
    int display = spec.displayColumn.empty() ? -1 : scan.want(spec.displayColumn);
    for (const LabelSpec &label : spec.labels)
      type.labels.push_back(std::make_unique<LabelCollector>(label, scan));
    int64_t nulls = 0, duplicates = 0;
    for (;;) {
      HEDDLE_ASSIGN_OR_RETURN(bool any, scan.next());
      if (!any)
        break;
      if (scan.isNull(id)) {
        if (spec.onNullId == Policy::Error)
          return scan.error(id, "the id of node type '" + spec.type +
                                    "' is null; fill it, or set on_null_id to skip");
        ++nulls;
        continue;
      }
      if (!type.ids.insert(scan.cell(id)).second) {
        if (spec.onDuplicateId == Policy::Error)
          return scan.error(id, "id '" + std::string(scan.cell(id)) + "' of node type '" +
                                    spec.type +
                                    "' is there already; remove the record, or set "
                                    "on_duplicate_id to skip (the first one stays)");
        ++duplicates;
        continue;
      }
      if (display >= 0)
        type.displayNames.emplace_back(scan.cell(display));
      for (auto &label : type.labels)
        HEDDLE_RETURN_IF_ERROR(label->addRow(scan));
    }
    type.records = scan.records();
    type.tableRows = type.ids.size();
    if (nulls > 0)
      builder_.count(spec.type + ": records skipped, null id", nulls);
    if (duplicates > 0)
      builder_.count(spec.type + ": records skipped, id is there already", duplicates);
    return absl::OkStatus();
  }

  bool takesNodes(const EdgeSpec &edge, const std::string &typeName) const {
    const NodeSpec &spec = descriptor_.nodes[size_t(descriptor_.nodeIndex(typeName))];
    return spec.fromEdges || (edge.onDanglingId == Policy::Add && spec.numNodes < 0);
  }
  TypeState &typeOf(const std::string &name) { return types_[size_t(descriptor_.nodeIndex(name))]; }

  static std::string tripleOf(const EdgeSpec &edge) {
    return edge.source + ":" + edge.name + ":" + edge.destination;
  }

  absl::Status addNodesOfEdges(const EdgeSpec &edge) {
    bool bySource = takesNodes(edge, edge.source), byTarget = takesNodes(edge, edge.destination);
    if (!bySource && !byTarget)
      return absl::OkStatus();
    IdMap &sources = typeOf(edge.source).ids, &targets = typeOf(edge.destination).ids;
    TableScan scan(edge.files, edge.format, "read nodes of " + tripleOf(edge), progress_);
    int source = scan.want(edge.sourceColumn), target = scan.want(edge.destinationColumn);
    for (;;) {
      HEDDLE_ASSIGN_OR_RETURN(bool any, scan.next());
      if (!any)
        return absl::OkStatus();
      // Null ids are reported, or counted, when the edges themselves are read.
      if (scan.isNull(source) || scan.isNull(target))
        continue;
      if (bySource)
        (void)sources.insert(scan.cell(source));
      if (byTarget)
        (void)targets.insert(scan.cell(target));
    }
  }

  absl::Status declareType(const NodeSpec &spec, TypeState &type) {
    HEDDLE_ASSIGN_OR_RETURN(
        type.handle, withPlace(builder_.addNodeType(spec.type, type.ids.size()), spec.place));
    if (!type.ids.isRange()) {
      if (type.ids.hasStrings())
        HEDDLE_RETURN_IF_ERROR(builder_.setStringIds(type.handle, type.ids.allStrings()));
      else
        HEDDLE_RETURN_IF_ERROR(builder_.setInt64Ids(type.handle, type.ids.integers()));
    }
    int64_t added = type.ids.size() - type.tableRows;
    if (added > 0 && !spec.fromEdges)
      builder_.count(spec.type + ": nodes added, only edges name them", added);
    if (!spec.displayColumn.empty()) {
      type.displayNames.resize(size_t(type.ids.size()));
      HEDDLE_RETURN_IF_ERROR(builder_.setDisplayNames(type.handle, type.displayNames));
      std::vector<std::string>().swap(type.displayNames);
    }
    for (size_t i = 0; i < type.labels.size(); ++i) {
      SplitParts parts;
      HEDDLE_RETURN_IF_ERROR(type.labels[i]->write(builder_, type.handle, spec.type,
                                                   type.ids.size(), type.ids, spec.format, parts));
      if (i == 0)
        type.firstSplit = std::move(parts);
      type.labels[i].reset();
    }
    return absl::OkStatus();
  }

  template <typename T>
  static absl::StatusOr<T> withPlace(absl::StatusOr<T> result, const std::string &place) {
    if (result.ok())
      return result;
    return withPrefix(result.status(), place + ": ");
  }

  /// Calls visit(row, record, scan) for every record that is a node, as readNodes() decided.
  template <typename Visit>
  absl::Status forEachNode(const NodeSpec &spec, const TypeState &type, TableScan &scan,
                           const Visit &visit) const {
    int id = scan.want(spec.idColumn);
    int64_t row = 0;
    for (;;) {
      HEDDLE_ASSIGN_OR_RETURN(bool any, scan.next());
      if (!any)
        break;
      // Rows were numbered in this order, so the first record of an id meets its own row.
      if (scan.isNull(id) || row >= type.tableRows || type.ids.find(scan.cell(id)) != row)
        continue;
      HEDDLE_RETURN_IF_ERROR(visit(row, scan.records() - 1));
      ++row;
    }
    if (row != type.tableRows)
      return unavailable(spec.files[0] + ": the files of node type '" + spec.type +
                         "' changed while they were read; import again");
    return absl::OkStatus();
  }

  absl::Status writeFeatures(const NodeSpec &spec, TypeState &type) {
    std::vector<std::unique_ptr<FeatureImport>> features;
    bool fits = false, table = type.records != type.tableRows, anyOnTrain = false;
    for (const FeatureSpec &feature : spec.features) {
      features.push_back(FeatureImport::create(feature));
      HEDDLE_RETURN_IF_ERROR(features.back()->prepare(type.records));
      fits |= features.back()->needsFit();
      table |= features.back()->needsTable();
      anyOnTrain |= feature.transform.fitOnTrain;
    }
    if (features.empty())
      return absl::OkStatus();
    if (fits) {
      std::vector<bool> train;
      if (anyOnTrain) {
        train.resize(size_t(type.ids.size()));
        for (int64_t row : type.firstSplit.part[0])
          train[size_t(row)] = true;
      }
      TableScan scan = scanOf(spec, "measure features of");
      for (auto &feature : features)
        feature->want(scan);
      HEDDLE_RETURN_IF_ERROR(
          forEachNode(spec, type, scan, [&](int64_t row, int64_t) -> absl::Status {
            for (auto &feature : features)
              if (feature->needsFit() &&
                  (!feature->spec().transform.fitOnTrain || train[size_t(row)]))
                HEDDLE_RETURN_IF_ERROR(feature->fit(scan));
            return absl::OkStatus();
          }));
    }
    for (auto &feature : features)
      HEDDLE_RETURN_IF_ERROR(feature->declare(builder_, type.handle));
    if (table) {
      TableScan scan = scanOf(spec, "write features of");
      for (auto &feature : features)
        feature->want(scan);
      HEDDLE_RETURN_IF_ERROR(
          forEachNode(spec, type, scan, [&](int64_t, int64_t record) -> absl::Status {
            for (auto &feature : features)
              HEDDLE_RETURN_IF_ERROR(feature->write(builder_, record, &scan));
            return absl::OkStatus();
          }));
    } else {
      for (auto &feature : features)
        for (int64_t record = 0; record < type.records; ++record)
          HEDDLE_RETURN_IF_ERROR(feature->write(builder_, record, nullptr));
    }
    for (auto &feature : features) {
      for (int64_t row = type.tableRows; row < type.ids.size(); ++row)
        HEDDLE_RETURN_IF_ERROR(feature->writeMissing(builder_, type.ids.idOf(row)));
      HEDDLE_RETURN_IF_ERROR(feature->finish(builder_, spec.type));
    }
    return absl::OkStatus();
  }

  /// The handle of the relation of `edge`, declared at its first entry.
  absl::StatusOr<int> relationOf(const EdgeSpec &edge) {
    auto [it, isNew] = relations_.try_emplace(keyOf(edge), -1);
    if (!isNew)
      return it->second;
    HEDDLE_ASSIGN_OR_RETURN(
        it->second,
        withPlace(builder_.addRelation(edge.source, edge.name, edge.destination), edge.place));
    if (edge.onDuplicateEdge == Policy::Skip)
      HEDDLE_RETURN_IF_ERROR(builder_.setDropDuplicates(it->second, true));
    if (edge.addReverse)
      HEDDLE_RETURN_IF_ERROR(
          withPrefix(builder_.addReverse(it->second, "rev_" + edge.name), edge.place + ": "));
    return it->second;
  }

  /// Opens the features of an edge's entry, measures what their transforms need, and declares them.
  absl::StatusOr<std::vector<std::unique_ptr<FeatureImport>>> openFeatures(const EdgeSpec &edge,
                                                                           int relation) {
    std::vector<std::unique_ptr<FeatureImport>> features;
    bool measures = false;
    for (const FeatureSpec &feature : edge.features) {
      features.push_back(FeatureImport::create(feature));
      measures |= features.back()->needsFit() || !features.back()->needsTable();
    }
    int64_t records = 0;
    if (measures) {
      const IdMap &sourceIds = typeOf(edge.source).ids, &targetIds = typeOf(edge.destination).ids;
      TableScan scan(edge.files, edge.format, "measure features of " + tripleOf(edge), progress_);
      int source = scan.want(edge.sourceColumn), target = scan.want(edge.destinationColumn);
      for (auto &feature : features)
        feature->want(scan);
      for (;;) {
        HEDDLE_ASSIGN_OR_RETURN(bool any, scan.next());
        if (!any)
          break;
        // Edges that readEdges() skips, or reports, count for nothing.
        if (scan.isNull(source) || scan.isNull(target) || sourceIds.find(scan.cell(source)) < 0 ||
            targetIds.find(scan.cell(target)) < 0)
          continue;
        for (auto &feature : features)
          if (feature->needsFit())
            HEDDLE_RETURN_IF_ERROR(feature->fit(scan));
      }
      records = scan.records();
    }
    for (auto &feature : features) {
      HEDDLE_RETURN_IF_ERROR(feature->prepare(records));
      HEDDLE_RETURN_IF_ERROR(feature->declare(builder_, relation));
    }
    return absl::StatusOr<std::vector<std::unique_ptr<FeatureImport>>>(std::move(features));
  }

  absl::Status readEdges(const EdgeSpec &edge) {
    HEDDLE_ASSIGN_OR_RETURN(int relation, relationOf(edge));
    HEDDLE_ASSIGN_OR_RETURN(auto features, openFeatures(edge, relation));
    const IdMap &sourceIds = typeOf(edge.source).ids, &targetIds = typeOf(edge.destination).ids;
    PairSet &pairs = pairs_[keyOf(edge)];
    TableScan scan(edge.files, edge.format, "read " + tripleOf(edge), progress_);
    int source = scan.want(edge.sourceColumn), target = scan.want(edge.destinationColumn);
    for (auto &feature : features)
      feature->want(scan);
    constexpr size_t kBlock = 1 << 16;
    std::vector<int64_t> sources, targets;
    int64_t nulls = 0, dangling = 0;
    auto flush = [&]() {
      absl::Status status =
          builder_.addEdges(relation, sources.data(), targets.data(), int64_t(sources.size()));
      sources.clear();
      targets.clear();
      return status;
    };
    auto danglingError = [&](int wanted, const std::string &type) {
      return scan.error(wanted, "id '" + std::string(scan.cell(wanted)) +
                                    "' is not among the nodes of '" + type +
                                    "'; add the node, or set on_dangling_id to skip or add");
    };
    for (;;) {
      HEDDLE_ASSIGN_OR_RETURN(bool any, scan.next());
      if (!any)
        break;
      if (scan.isNull(source) || scan.isNull(target)) {
        if (edge.onNullId == Policy::Error)
          return scan.error(scan.isNull(source) ? source : target,
                            "the id at this end of the edge is null; fill it, or set on_null_id to "
                            "skip");
        ++nulls;
        continue;
      }
      int64_t s = sourceIds.find(scan.cell(source)), t = targetIds.find(scan.cell(target));
      if (s < 0 || t < 0) {
        if (edge.onDanglingId != Policy::Skip)
          return s < 0 ? danglingError(source, edge.source)
                       : danglingError(target, edge.destination);
        ++dangling;
        continue;
      }
      if (edge.onDuplicateEdge == Policy::Error && !pairs.insert(s, t))
        return scan.error(source, "the edge '" + std::string(scan.cell(source)) + "' to '" +
                                      std::string(scan.cell(target)) +
                                      "' is there already; remove it, or set on_duplicate_edge to "
                                      "skip or keep");
      sources.push_back(s);
      targets.push_back(t);
      for (auto &feature : features)
        HEDDLE_RETURN_IF_ERROR(feature->write(builder_, scan.records() - 1, &scan));
      if (sources.size() == kBlock)
        HEDDLE_RETURN_IF_ERROR(flush());
    }
    HEDDLE_RETURN_IF_ERROR(flush());
    for (auto &feature : features)
      HEDDLE_RETURN_IF_ERROR(feature->finish(builder_, tripleOf(edge)));
    if (nulls > 0)
      builder_.count(tripleOf(edge) + ": edges skipped, null id", nulls);
    if (dangling > 0)
      builder_.count(tripleOf(edge) + ": edges skipped, dangling id", dangling);
    return absl::OkStatus();
  }

  const Descriptor &descriptor_;
  graph::GraphBuilder &builder_;
  const ProgressFunction &progress_;
  std::vector<TypeState> types_;
  using Triple = std::array<std::string, 3>;
  static Triple keyOf(const EdgeSpec &edge) { return {edge.source, edge.name, edge.destination}; }
  std::map<Triple, int> relations_;
  std::map<Triple, PairSet> pairs_;
};

} // namespace

absl::Status importTables(const Descriptor &descriptor, graph::GraphBuilder &builder,
                          const ProgressFunction &progress) {
  return Importer(descriptor, builder, progress).run();
}

} // namespace heddle::importing
