//===- TestPlan.h - plans built by hand for tests ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_EXEC_TESTPLAN_H
#define HEDDLE_TESTS_UNIT_EXEC_TESTPLAN_H

#include "runtime/plan/PlanFile.h"

#include <string>
#include <vector>

namespace heddle::testing {

using plan::DType;
using plan::Extent;
using plan::Queue;
using plan::Space;
using plan::SymbolKind;

/// Adds tables to a plan; each function returns the index of what it added.
class PlanBuilder {
public:
  explicit PlanBuilder(plan::PlanT &plan) : plan_(plan) {
    plan.major = plan::planMajor;
    plan.minor = plan::planMinor;
    plan.producer = "test";
    if (!plan.task)
      plan.task = std::make_unique<plan::TaskT>();
  }

  uint32_t type(const std::string &name, uint64_t nodes) {
    auto t = std::make_unique<plan::NodeTypeT>();
    t->name = name;
    t->num_nodes = nodes;
    plan_.node_types.push_back(std::move(t));
    return uint32_t(plan_.node_types.size() - 1);
  }
  uint32_t relation(uint32_t source, const std::string &name, uint32_t destination,
                    uint64_t edges = 0) {
    auto r = std::make_unique<plan::RelationT>();
    r->source = source;
    r->name = name;
    r->destination = destination;
    r->num_edges = edges;
    plan_.relations.push_back(std::move(r));
    return uint32_t(plan_.relations.size() - 1);
  }
  uint32_t state(const std::string &name, std::vector<uint64_t> shape, int rowsType = -1,
                 plan::InitKind kind = plan::InitKind::Zeros, double a = 0, double b = 1,
                 DType dtype = DType::F32) {
    auto s = std::make_unique<plan::StateT>();
    s->name = name;
    s->dtype = dtype;
    s->shape = std::move(shape);
    s->rows_type = rowsType;
    s->role = rowsType < 0 ? plan::StateRole::Parameter : plan::StateRole::EmbeddingRows;
    s->init = std::make_unique<plan::InitializerT>();
    s->init->kind = kind;
    s->init->a = a;
    s->init->b = b;
    plan_.states.push_back(std::move(s));
    return uint32_t(plan_.states.size() - 1);
  }
  uint32_t kernel(const std::string &symbol, uint32_t args) {
    auto k = std::make_unique<plan::KernelT>();
    k->name = k->symbol = symbol;
    k->num_args = args;
    plan_.kernels.push_back(std::move(k));
    return uint32_t(plan_.kernels.size() - 1);
  }
  uint32_t group(double lr) {
    auto g = std::make_unique<plan::OptimizerGroupT>();
    g->name = "dense";
    g->lr = lr;
    g->beta1 = 0.9;
    g->beta2 = 0.999;
    g->eps = 1e-8;
    plan_.optimizer_groups.push_back(std::move(g));
    return uint32_t(plan_.optimizer_groups.size() - 1);
  }
  plan::EntryT &entry(plan::EntryKind kind, const std::string &name, uint32_t slots = 1,
                      uint32_t partition = 0) {
    plan_.entries.push_back(std::make_unique<plan::EntryT>());
    entry_ = plan_.entries.back().get();
    entry_->kind = kind;
    entry_->name = name;
    entry_->slots = slots;
    entry_->partition = partition;
    entry_->arena_bound = UINT64_MAX;
    return *entry_;
  }

  /// The symbol (added where it is new).
  int32_t symbol(SymbolKind kind, uint32_t hop, uint32_t index, uint32_t aux = 0) {
    for (size_t i = 0; i < entry_->symbols.size(); ++i) {
      const plan::SymbolT &s = *entry_->symbols[i];
      if (s.kind == kind && s.hop == hop && s.index == index && s.aux == aux)
        return int32_t(i);
    }
    auto s = std::make_unique<plan::SymbolT>();
    s->kind = kind;
    s->hop = hop;
    s->index = index;
    s->aux = aux;
    entry_->symbols.push_back(std::move(s));
    return int32_t(entry_->symbols.size() - 1);
  }
  Extent extent(SymbolKind kind, uint32_t hop, uint32_t index, uint64_t constant = 0) {
    return Extent(symbol(kind, hop, index), 1, 1, constant);
  }
  static Extent constant(uint64_t value) { return Extent(-1, 1, 0, value); }

  int32_t buffer(const std::string &name, DType dtype, Extent rows, uint32_t width, Space space) {
    auto b = std::make_unique<plan::BufferT>();
    b->name = name;
    b->dtype = dtype;
    b->rows = std::make_unique<Extent>(rows);
    b->width = width;
    b->space = space;
    int32_t index = int32_t(entry_->buffers.size());
    entry_->buffers.push_back(std::move(b));
    return index;
  }
  int32_t slot(const std::string &name, DType dtype, Extent rows, uint32_t width = 1) {
    return buffer(name, dtype, rows, width, Space::Slot);
  }
  /// In `region`, or in a new one.
  int32_t arena(const std::string &name, DType dtype, Extent rows, uint32_t width = 1,
                int32_t region = -1) {
    int32_t index = buffer(name, dtype, rows, width, Space::Arena);
    if (region < 0) {
      region = int32_t(entry_->regions.size());
      entry_->regions.push_back(std::make_unique<plan::RegionT>());
    }
    entry_->regions[size_t(region)]->buffers.push_back(uint32_t(index));
    entry_->buffers[size_t(index)]->region = region;
    return index;
  }
  int32_t stateBuffer(uint32_t state, Extent rows, uint32_t width) {
    int32_t index = buffer(plan_.states[state]->name, plan_.states[state]->dtype, rows, width,
                           Space::State);
    entry_->buffers[size_t(index)]->state = int32_t(state);
    return index;
  }

  template <class Attrs>
  plan::OpT &op(const std::string &name, Queue queue, uint32_t wave, Attrs attrs,
                std::vector<int32_t> inputs, std::vector<int32_t> outputs) {
    auto o = std::make_unique<plan::OpT>();
    o->id = nextId_++;
    o->name = name;
    o->queue = queue;
    o->wave = wave;
    o->attrs.Set(std::move(attrs));
    o->inputs = std::move(inputs);
    o->outputs = std::move(outputs);
    entry_->ops.push_back(std::move(o));
    return *entry_->ops.back();
  }
  uint32_t semaphore(plan::OpT &from, plan::OpT &to) {
    auto s = std::make_unique<plan::SemaphoreT>();
    s->from = from.queue;
    s->to = to.queue;
    entry_->semaphores.push_back(std::move(s));
    uint32_t index = uint32_t(entry_->semaphores.size() - 1);
    from.signals.push_back(index);
    to.waits.push_back(index);
    return index;
  }
  void output(const std::string &name, int32_t buffer) {
    auto o = std::make_unique<plan::OutputT>();
    o->name = name;
    o->buffer = uint32_t(buffer);
    entry_->outputs.push_back(std::move(o));
  }

  /// Semaphores that keep the comm queue's ops within their waves, as few as do.
  void linkWaves() {
    auto ops = [&](Queue queue) {
      std::vector<plan::OpT *> list;
      for (auto &op : entry_->ops)
        if (op->queue == queue)
          list.push_back(op.get());
      return list;
    };
    std::vector<plan::OpT *> compute = ops(Queue::Compute), comm = ops(Queue::Comm);
    for (auto [from, to] : {std::pair{&compute, &comm}, std::pair{&comm, &compute}}) {
      size_t known = 0;
      for (plan::OpT *op : *to) {
        size_t earlier = known;
        while (earlier < from->size() && (*from)[earlier]->wave < op->wave)
          ++earlier;
        if (earlier > known)
          semaphore(*(*from)[earlier - 1], *op);
        known = earlier;
      }
    }
  }

  /// Seeds, and samples and frontiers of `hops` hops over all relations, from `seedType`.
  struct Sampled {
    struct Link {
      uint32_t relation, hop;
      std::vector<int32_t> out; ///< all outputs
      plan::OpT *op;
    };
    std::vector<Link> links;
    /// ids / self_pos / self_inv by (hop, type); -1 where the type is not reached
    std::vector<std::vector<int32_t>> ids, selfPos, selfInv;
    plan::OpT *last = nullptr;
  };
  Sampled sampleAll(uint32_t seedType, uint32_t hops, int32_t fanout, bool selfLink,
                    bool stay = false, int32_t onlyRelation = -1) {
    Sampled s;
    size_t types = plan_.node_types.size();
    s.ids.assign(hops + 1, std::vector<int32_t>(types, -1));
    s.selfPos = s.selfInv = s.ids;
    uint32_t wave = 0;
    s.ids[0][seedType] = slot("seeds", DType::I64, extent(SymbolKind::Rows, 0, seedType));
    plan::SeedsAttrsT seeds;
    seeds.node_type = seedType;
    op("seeds", Queue::Sample, wave++, seeds, {}, {s.ids[0][seedType]}).in_loop_static = stay;
    for (uint32_t hop = 0; hop < hops; ++hop) {
      std::vector<std::vector<uint32_t>> samples(types);
      for (uint32_t r = 0; r < plan_.relations.size(); ++r) {
        uint32_t dst = plan_.relations[r]->destination, src = plan_.relations[r]->source;
        if (s.ids[hop][dst] < 0 || (onlyRelation >= 0 && r != uint32_t(onlyRelation)))
          continue;
        std::string name = plan_.relations[r]->name + "@" + std::to_string(hop);
        Extent active = extent(SymbolKind::Active, hop, r);
        Extent active1 = extent(SymbolKind::Active, hop, r, 1);
        Extent edges = extent(SymbolKind::Edges, hop, r);
        Sampled::Link link{r, hop, {}, nullptr};
        link.out = {slot(name + ".dst_pos", DType::I32, active),
                    slot(name + ".in_ptr", DType::I32, active1),
                    slot(name + ".in_src", DType::I32, edges),
                    slot(name + ".row_pos", DType::I32, extent(SymbolKind::Rows, hop, dst)),
                    slot(name + ".out_ptr", DType::I32, extent(SymbolKind::Rows, hop + 1, src, 1)),
                    slot(name + ".out_dst", DType::I32, edges),
                    slot(name + ".out_edge", DType::I32, edges),
                    slot(name + ".edge_id", DType::I64, edges)};
        plan::SampleAttrsT a;
        a.relation = r;
        a.hop = hop;
        a.mode = fanout < 0 ? plan::SampleMode::All : plan::SampleMode::Keyed;
        a.fanout = fanout;
        plan::OpT &o = op("sample " + name, Queue::Sample, wave, a, {s.ids[hop][dst]}, link.out);
        o.in_loop_static = stay;
        link.op = &o;
        samples[src].push_back(o.id);
        s.links.push_back(link);
      }
      ++wave;
      for (uint32_t t = 0; t < types; ++t) {
        bool self = selfLink && s.ids[hop][t] >= 0;
        if (samples[t].empty() && !self)
          continue;
        Extent rows = extent(SymbolKind::Rows, hop + 1, t);
        std::string name = plan_.node_types[t]->name + "@" + std::to_string(hop + 1);
        s.ids[hop + 1][t] = slot(name + ".ids", DType::I64, rows);
        if (self) {
          s.selfPos[hop + 1][t] =
              slot(name + ".self_pos", DType::I32, extent(SymbolKind::Rows, hop, t));
          s.selfInv[hop + 1][t] = slot(name + ".self_inv", DType::I32, rows);
        }
        plan::FrontierAttrsT a;
        a.node_type = t;
        a.hop = hop + 1;
        a.samples = samples[t];
        a.self_link = self;
        s.last = &op("frontier " + name, Queue::Sample, wave, a, {self ? s.ids[hop][t] : -1},
                     {s.ids[hop + 1][t], s.selfPos[hop + 1][t], s.selfInv[hop + 1][t]});
        s.last->in_loop_static = stay;
      }
      ++wave;
    }
    return s;
  }

  /// Numbers the sources of a sample among the distinct ones.
  void numberUnique(Sampled::Link &link) {
    uint32_t source = plan_.relations[link.relation]->source;
    std::string name = plan_.relations[link.relation]->name + "@" + std::to_string(link.hop);
    auto &out = link.op->outputs;
    out[4] = slot(name + ".out_ptr of unique", DType::I32,
                  extent(SymbolKind::Unique, link.hop, link.relation, 1));
    out.push_back(
        slot(name + ".src_pos", DType::I32, extent(SymbolKind::Unique, link.hop, link.relation)));
    out.push_back(
        slot(name + ".src_inv", DType::I32, extent(SymbolKind::Rows, link.hop + 1, source)));
    link.op->attrs.AsSampleAttrs()->unique = true;
    link.out = out;
  }

private:
  plan::PlanT &plan_;
  plan::EntryT *entry_ = nullptr;
  uint32_t nextId_ = 1;
};

} // namespace heddle::testing

#endif // HEDDLE_TESTS_UNIT_EXEC_TESTPLAN_H
