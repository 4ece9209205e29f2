//===- ModuleTables.cpp - schema and states of a module -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/ModuleTables.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {

namespace {

/// Puts `ops` in the order of their canonical ids, which must be 0, 1, ...
template <class Op> LogicalResult byId(SmallVectorImpl<Op> &ops, StringRef what) {
  llvm::sort(ops, [](Op a, Op b) { return a.getId() < b.getId(); });
  for (auto [i, op] : llvm::enumerate(ops))
    if (uint64_t(op.getId()) != i)
      return op.emitOpError() << "has id " << int64_t(op.getId()) << "; the ids of " << what
                              << " are 0, 1, ... without gaps, expected " << i;
  return success();
}

uint64_t integerOf(DictionaryAttr dictionary, StringRef name) {
  auto attribute = dictionary.getAs<IntegerAttr>(name);
  return attribute ? uint64_t(std::max<int64_t>(0, attribute.getInt())) : 0;
}

std::vector<uint64_t> histogramOf(std::optional<ArrayRef<int64_t>> values) {
  std::vector<uint64_t> histogram;
  if (values)
    for (int64_t count : *values)
      histogram.push_back(uint64_t(std::max<int64_t>(0, count)));
  return histogram;
}

} // namespace

uint32_t numberBytesOf(DictionaryAttr feature) {
  const uint64_t bytes = feature ? integerOf(feature, "number_bytes") : 0;
  return bytes >= 1 && bytes <= 8 ? uint32_t(bytes) : 4;
}

FailureOr<ModuleTables> ModuleTables::read(ModuleOp module) {
  ModuleTables tables;
  SmallVector<NodeTypeOp> types(module.getOps<NodeTypeOp>());
  SmallVector<RelationOp> relations(module.getOps<RelationOp>());
  if (failed(byId(types, "node types")) || failed(byId(relations, "relations")))
    return failure();
  for (auto [i, op] : llvm::enumerate(types)) {
    Type &type = tables.types.emplace_back();
    type.op = op;
    if (int64_t(op.getNumNodes()) < 0)
      return op.emitOpError("num_nodes must be at least 0"), failure();
    type.numNodes = uint64_t(op.getNumNodes());
    // A dictionary attribute is sorted by name.
    for (auto [index, named] : llvm::enumerate(op.getFeatures())) {
      auto dictionary = dyn_cast<DictionaryAttr>(named.getValue());
      if (!dictionary)
        return op.emitOpError("feature '") << named.getName().getValue() << "' must be a dictionary",
               failure();
      type.features[named.getName().str()] = {integerOf(dictionary, "dim"),
                                              integerOf(dictionary, "nnz"), uint32_t(index),
                                              numberBytesOf(dictionary)};
    }
    tables.typeIds[op.getSymName().str()] = uint32_t(i);
  }
  for (auto [i, op] : llvm::enumerate(relations)) {
    Relation &relation = tables.relations.emplace_back();
    relation.op = op;
    auto source = tables.typeIds.find(op.getSource().str());
    auto destination = tables.typeIds.find(op.getDestination().str());
    if (source == tables.typeIds.end() || destination == tables.typeIds.end())
      return op.emitOpError("connects a node type that the module does not have"), failure();
    relation.source = source->second;
    relation.destination = destination->second;
    if (int64_t(op.getNumEdges()) < 0)
      return op.emitOpError("num_edges must be at least 0"), failure();
    RelationStatistics &s = relation.statistics;
    s.numSources = tables.types[relation.source].numNodes;
    s.numDestinations = tables.types[relation.destination].numNodes;
    s.numEdges = uint64_t(op.getNumEdges());
    s.maxInDegree = uint64_t(std::max<int64_t>(0, int64_t(op.getMaxInDegree())));
    s.inActive = uint64_t(std::max<int64_t>(0, int64_t(op.getInActive())));
    s.outActive = uint64_t(std::max<int64_t>(0, int64_t(op.getOutActive())));
    s.inHistogram = histogramOf(op.getInHist());
    s.outHistogram = histogramOf(op.getOutHist());
    tables.relationIds[op.getSymName().str()] = uint32_t(i);
  }
  for (StateOp op : module.getOps<StateOp>()) {
    tables.stateIds[op.getSymName().str()] = uint32_t(tables.states.size());
    tables.states.push_back(op);
  }
  SmallVector<OptimizerOp> optimizers(module.getOps<OptimizerOp>());
  llvm::sort(optimizers, [](OptimizerOp a, OptimizerOp b) { return a.getGroup() < b.getGroup(); });
  for (auto [i, op] : llvm::enumerate(optimizers)) {
    if (uint64_t(op.getGroup()) != i)
      return op.emitOpError("is group ") << int64_t(op.getGroup())
                                         << "; groups are 0, 1, ... without gaps, expected " << i,
             failure();
    tables.optimizers.push_back(op);
  }
  auto one = [&]<class Op>(Op &slot, StringRef name) -> LogicalResult {
    for (Op op : module.getOps<Op>()) {
      if (slot)
        return op.emitOpError("is there twice; a module has one");
      slot = op;
    }
    return slot ? success() : module.emitError("the module has no ") << name;
  };
  if (failed(one(tables.task, "hgnn.task")) || failed(one(tables.sampling, "hgnn.sampling")))
    return failure();
  for (TrainSettingsOp op : module.getOps<TrainSettingsOp>())
    tables.settings = op;
  if (!tables.typeIds.count(tables.task.getTarget().str()))
    return tables.task.emitOpError("names a node type that the module does not have"), failure();
  return tables;
}

BatchOf batchOf(EntryOp entry, const ModuleTables &tables) {
  TaskOp task = tables.task;
  SamplingOp sampling = tables.sampling;
  auto count = [](auto value) { return uint64_t(std::max<int64_t>(0, int64_t(value))); };
  switch (entry.getKind()) {
  case EntryKind::Train:
    return {count(sampling.getBatchSize()), count(task.getNumTrain())};
  case EntryKind::Eval:
    return {count(sampling.getEvalBatchSize()),
            std::max(count(task.getNumValid()), count(task.getNumTest()))};
  case EntryKind::Infer:
    return {8192, UINT64_MAX};
  }
}

SampleOp sampledBefore(FrontierOp frontier, SampleOp sample) {
  if (!frontier.getPrevious() || int64_t(sample.getFanout()) != -1)
    return {};
  auto destinations = sample.getIds().getDefiningOp<FrontierOp>();
  auto previous = frontier.getPrevious().getDefiningOp<FrontierOp>();
  if (!destinations || !destinations.getPrevious() || !previous)
    return {};
  auto relation = cast<AdjType>(sample.getAdj().getType()).getRelation();
  for (Value value : previous.getSamples())
    if (auto before = value.getDefiningOp<SampleOp>();
        before && before.getIds() == destinations.getPrevious() &&
        int64_t(before.getFanout()) == -1 &&
        cast<AdjType>(before.getAdj().getType()).getRelation() == relation)
      return before;
  return {};
}

} // namespace heddle::compiler
