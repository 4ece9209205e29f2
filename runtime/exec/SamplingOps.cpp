//===- SamplingOps.cpp - the ops of an entry that sample ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/SamplingOps.h"

#include <map>

namespace heddle::exec {

using plan::SymbolKind;

int32_t findSymbol(const plan::EntryT &entry, SymbolKind kind, uint32_t hop, uint32_t index) {
  for (size_t s = 0; s < entry.symbols.size(); ++s) {
    const plan::SymbolT &symbol = *entry.symbols[s];
    if (symbol.kind == kind && symbol.hop == hop && symbol.index == index)
      return static_cast<int32_t>(s);
  }
  return -1;
}

void setSymbol(StepSlot &slot, int32_t symbol, int64_t value) {
  if (symbol >= 0)
    slot.symbols[static_cast<size_t>(symbol)] = static_cast<uint64_t>(value);
}

absl::Status tooMany(const std::string &what, int64_t count) {
  return absl::ResourceExhaustedError(
      absl::string_view(what + " has " + std::to_string(count) +
                        " in one batch, more than 2^31 - 1; use a smaller batch_size or fanout"));
}

SamplingOps samplingOps(const plan::PlanT &plan, const plan::EntryT &entry,
                        const graph::GraphStore &graph) {
  SamplingOps ops;
  ops.samples.resize(entry.ops.size());
  ops.frontiers.resize(entry.ops.size());
  std::map<uint32_t, size_t> byId;
  for (size_t i = 0; i < entry.ops.size(); ++i) {
    const plan::OpT &op = *entry.ops[i];
    const auto *a = op.attrs.AsSampleAttrs();
    if (!a)
      continue;
    SampleInfo &sample = ops.samples[i];
    const plan::RelationT &relation = *plan.relations[a->relation];
    sample.op = &op;
    sample.relation = a->relation;
    sample.hop = a->hop;
    sample.fanout = a->mode == plan::SampleMode::All ? -1 : a->fanout;
    sample.block = a->block;
    sample.blocks = a->blocks;
    sample.view = &graph.relation(static_cast<int>(a->relation));
    sample.rowsSymbol = entry.buffers[size_t(op.inputs[0])]->rows->symbol();
    sample.edgesSymbol = findSymbol(entry, SymbolKind::Edges, a->hop, a->relation);
    sample.activeSymbol = findSymbol(entry, SymbolKind::Active, a->hop, a->relation);
    sample.unique = a->unique;
    sample.uniqueSymbol = findSymbol(entry, SymbolKind::Unique, a->hop, a->relation);
    sample.wideIds = sample.view->numSources > maxLocal;
    sample.name = "relation " + plan.node_types[relation.source]->name + ":" + relation.name + ":" +
                  plan.node_types[relation.destination]->name + " at hop " + std::to_string(a->hop);
    sample.transposed = op.outputs[4] >= 0 || op.outputs[5] >= 0 || op.outputs[6] >= 0;
    sample.numbered = sample.transposed || sample.unique || op.outputs[2] >= 0;
    byId[op.id] = i;
  }
  for (size_t i = 0; i < entry.ops.size(); ++i) {
    const plan::OpT &op = *entry.ops[i];
    const auto *a = op.attrs.AsFrontierAttrs();
    if (!a)
      continue;
    FrontierInfo &frontier = ops.frontiers[i];
    frontier.op = &op;
    frontier.type = a->node_type;
    frontier.hop = a->hop;
    frontier.nodes = graph.schema().nodeTypes[a->node_type].numNodes;
    frontier.selfLink = a->self_link;
    frontier.rowsSymbol = entry.buffers[size_t(op.outputs[0])]->rows->symbol();
    if (op.inputs[0] >= 0)
      frontier.previousSymbol = entry.buffers[size_t(op.inputs[0])]->rows->symbol();
    for (uint32_t id : a->samples) {
      ops.samples[byId[id]].needSources = true;
      frontier.samples.push_back(byId[id]);
    }
  }
  return ops;
}

} // namespace heddle::exec
