//===- PlanSize.cpp - what the structure's verifier leaves open -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/PlanSize.h"

namespace heddle::plan {

namespace {

/// Adds up bytes of vectors and strings. A table itself counts 64 bytes: what its smallest encoding
/// takes in the file is of the same order, so honest plans stay far below the limit.
class Counter {
public:
  explicit Counter(uint64_t limit) : left_(limit) {}
  bool within() const { return !spent_; }
  bool aligned() const { return aligned_; }

  void add(uint64_t bytes) {
    if (bytes > left_)
      spent_ = true;
    left_ -= spent_ ? left_ : bytes;
  }
  /// The verifier looks at where a vector's length is, not at where its elements begin.
  void align(const void *elements, size_t alignment) {
    aligned_ = aligned_ && reinterpret_cast<uintptr_t>(elements) % alignment == 0;
  }
  void text(const flatbuffers::String *s) {
    if (s)
      add(s->size());
  }
  template <class T> void numbers(const flatbuffers::Vector<T> *v) {
    if (v) {
      align(v->Data(), sizeof(T));
      add(uint64_t(v->size()) * sizeof(T));
    }
  }
  template <class T> void structs(const flatbuffers::Vector<const T *> *v) {
    if (v) {
      align(v->Data(), alignof(T));
      add(uint64_t(v->size()) * sizeof(T));
    }
  }
  void texts(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>> *v) {
    for (unsigned i = 0; v && i < v->size() && within(); ++i) {
      add(32);
      text(v->Get(i));
    }
  }
  template <class T, class Fn>
  void tables(const flatbuffers::Vector<flatbuffers::Offset<T>> *v, Fn fn) {
    for (unsigned i = 0; v && i < v->size() && within(); ++i) {
      add(64);
      fn(*v->Get(i));
    }
  }

  void op(const Op &o) {
    text(o.name());
    text(o.location());
    numbers(o.inputs());
    numbers(o.outputs());
    numbers(o.waits());
    numbers(o.signals());
    structs(o.bytes());
    structs(o.flops());
    structs(o.wire());
    if (auto a = o.attrs_as_SeedsAttrs())
      structs(a->cut());
    if (auto a = o.attrs_as_FrontierAttrs())
      numbers(a->samples());
    if (auto a = o.attrs_as_FetchDenseAttrs())
      text(a->feature());
    if (auto a = o.attrs_as_FetchEdgeAttrs())
      text(a->feature());
    if (auto a = o.attrs_as_FetchSparseAttrs())
      text(a->feature());
    if (auto a = o.attrs_as_FetchLabelsAttrs())
      text(a->label());
    if (auto a = o.attrs_as_ScalarsAttrs())
      tables(a->scalars(), [](const ScalarSpec &) {});
    if (auto a = o.attrs_as_MergeAllAttrs()) {
      numbers(a->participants());
      numbers(a->merges());
    }
    if (auto a = o.attrs_as_MergeToAttrs())
      numbers(a->participants());
    if (auto a = o.attrs_as_BroadcastAttrs())
      numbers(a->participants());
    if (auto a = o.attrs_as_UnionRowsAttrs()) {
      numbers(a->participants());
      structs(a->more());
    }
    if (auto a = o.attrs_as_ExchangeRowsAttrs())
      numbers(a->participants());
    if (auto a = o.attrs_as_RequestRowsAttrs()) {
      numbers(a->participants());
      structs(a->more());
    }
    if (auto a = o.attrs_as_FetchRemoteAttrs()) {
      numbers(a->participants());
      text(a->feature());
      tables(a->more(), [&](const RemoteFeature &f) { text(f.feature()); });
    }
    if (auto a = o.attrs_as_FetchRemoteRowsAttrs())
      numbers(a->participants());
    if (auto a = o.attrs_as_PushRowsAttrs())
      numbers(a->participants());
    if (auto a = o.attrs_as_GatherBlocksAttrs())
      numbers(a->participants());
  }
  void entry(const Entry &e) {
    text(e.name());
    tables(e.symbols(), [](const Symbol &) {});
    tables(e.buffers(), [&](const Buffer &b) { text(b.name()); });
    tables(e.regions(), [&](const Region &r) { numbers(r.buffers()); });
    tables(e.semaphores(), [&](const Semaphore &s) { text(s.name()); });
    tables(e.ops(), [&](const Op &o) { op(o); });
    tables(e.outputs(), [&](const Output &o) { text(o.name()); });
  }
  void plan(const Plan &p) {
    text(p.producer());
    text(p.schema_fingerprint());
    text(p.statistics_fingerprint());
    text(p.spec());
    text(p.balance_rule());
    texts(p.remarks());
    tables(p.partition_info(), [&](const PartitionInfo &i) { texts(i.links()); });
    tables(p.alternatives(), [&](const Alternative &a) {
      text(a.name());
      text(a.note());
    });
    tables(p.caches(), [&](const Cache &c) {
      text(c.feature());
      structs(c.points());
    });
    tables(p.node_types(), [&](const NodeType &t) { text(t.name()); });
    tables(p.relations(), [&](const Relation &r) { text(r.name()); });
    tables(p.optimizer_groups(), [&](const OptimizerGroup &g) { text(g.name()); });
    tables(p.states(), [&](const State &s) {
      text(s.name());
      text(s.export_key());
      numbers(s.shape());
      numbers(s.partitions());
    });
    tables(p.kernels(), [&](const Kernel &k) {
      text(k.name());
      text(k.symbol());
      text(k.ir());
    });
    tables(p.libraries(), [&](const KernelLibrary &l) {
      text(l.target());
      numbers(l.object());
      structs(l.threads());
      numbers(l.functions());
      text(l.preamble());
      text(l.text_of());
    });
    tables(p.phases(), [&](const PhaseText &t) {
      text(t.name());
      numbers(t.text());
    });
    if (const Task *t = p.task()) {
      text(t->label());
      text(t->split());
      text(t->train_settings());
      texts(t->classes());
      texts(t->metrics());
    }
    tables(p.entries(), [&](const Entry &e) { entry(e); });
  }

private:
  uint64_t left_;
  bool spent_ = false, aligned_ = true;
};

} // namespace

const char *whyNotUnpacked(const Plan &plan, uint64_t limit) {
  Counter counter(limit);
  counter.plan(plan);
  if (!counter.within())
    return "tables repeat the same bytes too often";
  if (!counter.aligned())
    return "numbers lie at odd addresses";
  return nullptr;
}

} // namespace heddle::plan
