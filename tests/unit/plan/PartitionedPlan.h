//===- PartitionedPlan.h - a plan of several partitions to look at -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_PLAN_PARTITIONEDPLAN_H
#define HEDDLE_TESTS_UNIT_PLAN_PARTITIONEDPLAN_H

#include "runtime/plan/PlanFile.h"

#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace heddle::plan::test {

inline const std::string movie = "\xE7\x94\xB5\xE5\xBD\xB1", person = "per\"son\\N",
                         tag = "<tag> & 'co'", sequel = "nach\xC3\xB6lge";

/// One entry under construction.
struct EntryBuilder {
  EntryT &entry;
  uint32_t &nextId;

  int32_t symbol(SymbolKind kind, uint32_t hop, uint32_t index, double expected) {
    entry.symbols.push_back(std::make_unique<SymbolT>());
    SymbolT &s = *entry.symbols.back();
    s.kind = kind;
    s.hop = hop;
    s.index = index;
    s.expected = expected;
    s.bound = uint64_t(expected) * 2;
    return int32_t(entry.symbols.size() - 1);
  }
  template <class Attrs> OpT &op(const std::string &name, Queue queue, uint32_t wave, Attrs attrs) {
    entry.ops.push_back(std::make_unique<OpT>());
    OpT &out = *entry.ops.back();
    out.id = nextId++;
    out.name = name;
    out.queue = queue;
    out.wave = wave;
    out.attrs.Set(std::move(attrs));
    return out;
  }
  /// A relation sampled at `hop` with `edges` expected.
  void sample(uint32_t relation, uint32_t hop, int32_t fanout, double edges) {
    symbol(SymbolKind::Edges, hop, relation, edges);
    SampleAttrsT attrs;
    attrs.relation = relation;
    attrs.hop = hop;
    attrs.fanout = fanout;
    op("sample", Queue::Sample, hop, attrs);
  }
  int32_t frontier(uint32_t hop, uint32_t type, double rows, bool self = false) {
    FrontierAttrsT attrs;
    attrs.node_type = type;
    attrs.hop = hop;
    attrs.self_link = self;
    op("frontier", Queue::Sample, hop, std::move(attrs));
    return symbol(SymbolKind::Rows, hop, type, rows);
  }
};

inline std::vector<uint32_t> upTo(uint32_t count) {
  std::vector<uint32_t> out(count);
  std::iota(out.begin(), out.end(), 0u);
  return out;
}

/// A training and an evaluation step of 2 or 3 partitions; the third has no relation, only the
/// seeds' links to themselves. Names need care; relation 2 has no edges; relation 4 is nowhere
/// used.
inline PlanT partitionedPlan(uint32_t partitions) {
  PlanT plan;
  plan.major = planMajor;
  plan.minor = planMinor;
  plan.partitions = partitions;
  plan.balance_rule = "sampled";
  for (const std::string &name : {movie, person, tag}) {
    plan.node_types.push_back(std::make_unique<NodeTypeT>());
    plan.node_types.back()->name = name;
    plan.node_types.back()->num_nodes = 5000;
  }
  auto relation = [&](uint32_t source, const std::string &name, uint32_t destination) {
    plan.relations.push_back(std::make_unique<RelationT>());
    plan.relations.back()->source = source;
    plan.relations.back()->name = name;
    plan.relations.back()->destination = destination;
    plan.relations.back()->num_edges = 9000;
  };
  relation(1, "acts", 0);
  relation(0, sequel, 0);
  relation(2, "has & <has>", 0);
  relation(0, "by \"whom\"", 1);
  relation(1, "unused", 2);
  auto state = [&](const std::string &name, StateRole role, int rows, std::vector<uint64_t> shape,
                   std::vector<uint32_t> keepers) {
    plan.states.push_back(std::make_unique<StateT>());
    StateT &s = *plan.states.back();
    s.name = name;
    s.role = role;
    s.rows_type = rows;
    s.shape = std::move(shape);
    s.partitions = std::move(keepers);
    s.init = std::make_unique<InitializerT>();
  };
  state("own0", StateRole::Parameter, -1, {64, 32}, {0});
  state("own1", StateRole::Parameter, -1, {16}, {1});
  state("shared", StateRole::Parameter, -1, {172}, {0, 1});
  state("everywhere", StateRole::Parameter, -1, {4}, {});
  state("rows", StateRole::EmbeddingRows, 1, {64}, {0, 1});
  state("moment", StateRole::Moment1, -1, {64, 32}, {0});
  for (int k = 0; k < 3; ++k) {
    plan.kernels.push_back(std::make_unique<KernelT>());
    plan.kernels.back()->name = "kernel" + std::to_string(k);
  }
  for (uint32_t p = 0; p < partitions; ++p) {
    plan.partition_info.push_back(std::make_unique<PartitionInfoT>());
    PartitionInfoT &info = *plan.partition_info.back();
    info.links = p == 0   ? std::vector<std::string>{person + ":acts:" + movie}
                 : p == 1 ? std::vector<std::string>{movie + ":" + sequel + ":" + movie,
                                                     tag + ":has & <has>:" + movie}
                          : std::vector<std::string>{"self"};
    info.load = p == 0 ? 300 : p == 1 ? 100 : 200;
  }
  uint32_t nextId = 0;
  for (EntryKind kind : {EntryKind::TrainStep, EntryKind::EvalStep})
    for (uint32_t p = 0; p < partitions; ++p) {
      plan.entries.push_back(std::make_unique<EntryT>());
      EntryT &entry = *plan.entries.back();
      entry.kind = kind;
      entry.name =
          (kind == EntryKind::TrainStep ? "train_step:" : "eval_step:") + std::to_string(p);
      entry.partition = p;
      entry.batch_size = 512;
      entry.slots = 3;
      entry.arena_bound = uint64_t(4) << 20;
      entry.slot_bound = uint64_t(1) << 20;
      EntryBuilder build{entry, nextId};
      SeedsAttrsT seeds;
      build.op("seeds", Queue::Sample, 0, seeds);
      int32_t rows = build.symbol(SymbolKind::Rows, 0, 0, 512);
      if (p == 0) {
        build.sample(0, 0, 15, 1234);
        build.frontier(1, 1, 1000);
        build.sample(3, 1, 10, 4000);
        build.frontier(2, 0, 3000);
      } else if (p == 1) {
        build.sample(1, 0, 15, 700);
        build.sample(2, 0, 15, 0);
        build.frontier(1, 0, 600);
        build.frontier(1, 2, 0);
        build.sample(0, 1, -1, 2345);
        build.frontier(2, 1, 900);
      } else {
        build.frontier(1, 0, 512, /*self=*/true);
      }
      KernelAttrsT kernel;
      kernel.kernel = p;
      OpT &forward = build.op("forward", Queue::Compute, 0, kernel);
      forward.bytes = {Extent(-1, 1, 0, 1000000 * (p + 1))};
      // The merge runs beside the second wave.
      MergeAllAttrsT merge;
      merge.participants = upTo(partitions);
      OpT &merged = build.op("merge", Queue::Comm, 1, merge);
      merged.wire = {Extent(rows, 1, 2 * (partitions - 1) * 26 * 4, 0)};
      OpT &beside = build.op("beside", Queue::Compute, 1, kernel);
      beside.bytes = {Extent(-1, 1, 0, 1000)};
      build.op("after", Queue::Compute, 2, kernel).bytes = {Extent(-1, 1, 0, 2000)};
      if (kind == EntryKind::EvalStep)
        continue;
      // What never changes is told once.
      BroadcastAttrsT table;
      table.collective = 9;
      table.participants = upTo(partitions);
      table.traffic = Traffic::RemoteFeatures;
      OpT &told = build.op("tell", Queue::Comm, 3, table);
      told.wire = {Extent(-1, 1, 0, 1001)}; // no number of 4-byte numbers
      told.in_loop_static = true;
      told.bytes = {Extent(-1, 1, 0, 5000000)};
      if (p > 1)
        continue;
      int32_t gathered = build.symbol(SymbolKind::Gathered, 1, 1, 1600);
      UnionRowsAttrsT shared;
      shared.participants = {0, 1};
      shared.traffic = Traffic::EmbeddingRows;
      shared.node_type = 1;
      shared.hop = 1;
      build.op("union", Queue::Fetch, 0, shared).wire = {Extent(gathered, 1, 8, 0)};
      ExchangeRowsAttrsT exchange;
      exchange.collective = 2;
      exchange.participants = {0, 1};
      exchange.traffic = Traffic::EmbeddingRows;
      build.op("exchange", Queue::Comm, 4, exchange).wire = {Extent(gathered, 1, 64 * 4, 0)};
      MergeAllAttrsT gradients;
      gradients.collective = 1;
      gradients.participants = {0, 1};
      gradients.traffic = Traffic::DenseGradients;
      gradients.by_number = true;
      build.op("gradients", Queue::Comm, 4, gradients).wire = {Extent(-1, 1, 0, 2 * 172 * 4)};
      MergeAllAttrsT control = gradients;
      control.collective = 7;
      control.traffic = Traffic::Control;
      build.op("control", Queue::Comm, 5, control).wire = {Extent(-1, 1, 0, 77777)};
    }
  auto alternative = [&](const std::string &name, double seconds, double bytes,
                         const std::string &note) -> AlternativeT & {
    plan.alternatives.push_back(std::make_unique<AlternativeT>());
    AlternativeT &out = *plan.alternatives.back();
    out.name = name;
    out.seconds = seconds;
    out.wire_bytes = bytes;
    out.note = note;
    return out;
  };
  alternative("raf, replicated head", 1.5e-3, 212992, "").chosen = true;
  alternative("raf, leader", 1.75e-3, 200000, "");
  alternative("vanilla", 0, 0, "needs a split batch");
  return plan;
}

} // namespace heddle::plan::test

#endif // HEDDLE_TESTS_UNIT_PLAN_PARTITIONEDPLAN_H
