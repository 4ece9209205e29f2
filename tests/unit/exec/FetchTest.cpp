//===- FetchTest.cpp - features, labels and scalars ---------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/Fetch.h"

#include "TestGraph.h"
#include "TestPlan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>

namespace heddle::exec {
namespace {

using namespace heddle::testing;

template <class T> std::vector<float> converted(const std::string &dtype, std::vector<T> values) {
  std::vector<int64_t> ids(values.size());
  std::iota(ids.rbegin(), ids.rend(), 0);
  std::vector<float> out(values.size());
  EXPECT_TRUE(convertRows(values.data(), dtype, 1, ids.data(), int64_t(ids.size()), out.data()));
  return std::vector<float>(out.rbegin(), out.rend());
}

TEST(Fetch, ConvertsEveryDtype) {
  using V = std::vector<float>;
  EXPECT_EQ(converted<float>("float32", {1.5f, -0.0f}), (V{1.5f, -0.0f}));
  EXPECT_EQ(converted<double>("float64", {0.1, 1e300}), (V{0.1f, INFINITY}));
  EXPECT_EQ(converted<int8_t>("int8", {-128, 127}), (V{-128, 127}));
  EXPECT_EQ(converted<uint8_t>("uint8", {0, 255}), (V{0, 255}));
  EXPECT_EQ(converted<uint8_t>("bool", {0, 1}), (V{0, 1}));
  EXPECT_EQ(converted<int16_t>("int16", {-32768, 3}), (V{-32768, 3}));
  EXPECT_EQ(converted<uint16_t>("uint16", {65535, 3}), (V{65535, 3}));
  EXPECT_EQ(converted<int32_t>("int32", {-7, 1 << 30}), (V{-7, float(1 << 30)}));
  EXPECT_EQ(converted<uint32_t>("uint32", {4294967295u, 0}), (V{4294967296.0f, 0}));
  EXPECT_EQ(converted<int64_t>("int64", {-5, int64_t(1) << 40}), (V{-5, 0x1p40f}));
  EXPECT_EQ(converted<uint64_t>("uint64", {uint64_t(1) << 63, 0}), (V{0x1p63f, 0}));
  EXPECT_EQ(converted<uint16_t>("bfloat16", {0x3F80, 0xC000}), (V{1, -2}));
  float x = 0;
  EXPECT_FALSE(convertRows(&x, "complex64", 1, nullptr, 0, &x));
}

// Every half against its definition.
TEST(Fetch, HalvesAreExact) {
  std::vector<uint16_t> bits(65536);
  std::iota(bits.begin(), bits.end(), uint16_t(0));
  std::vector<float> got = converted<uint16_t>("float16", bits);
  for (uint32_t b = 0; b < 65536; ++b) {
    int exponent = int(b >> 10 & 31), fraction = int(b & 1023);
    double sign = b & 0x8000 ? -1 : 1;
    double want = exponent == 31  ? (fraction ? NAN : INFINITY)
                  : exponent == 0 ? std::ldexp(fraction, -24)
                                  : std::ldexp(1024 + fraction, exponent - 25);
    if (std::isnan(want)) {
      EXPECT_TRUE(std::isnan(got[b])) << b;
    } else {
      EXPECT_EQ(got[b], sign * want) << b;
      EXPECT_EQ(std::signbit(got[b]), std::signbit(sign)) << b;
    }
  }
}

/// One type "n" of `nodes` nodes whose ids are fetched at hop 0.
struct FetchSetup {
  TestGraph graph;
  plan::PlanT plan;
  PlanBuilder b{plan};
  MemoryBudget budget{0};
  int32_t ids;
  uint32_t nodes;

  explicit FetchSetup(uint32_t nodes) : nodes(nodes) {
    graph.addType("n", nodes);
    b.type("n", nodes);
    b.entry(plan::EntryKind::TrainStep, "t");
    ids = b.slot("ids", DType::I64, b.extent(SymbolKind::Rows, 0, 0));
    b.op("seeds", Queue::Sample, 0, plan::SeedsAttrsT(), {}, {ids});
  }
  template <class Attrs> plan::OpT &fetch(Attrs attrs, std::vector<int32_t> outputs) {
    plan::OpT &op = b.op("fetch", Queue::Fetch, 0, std::move(attrs), {ids}, std::move(outputs));
    b.semaphore(*plan.entries[0]->ops[0], op);
    return op;
  }
  StepSlot run(std::vector<int64_t> rows, int threads = 1, uint64_t step = 0, uint64_t seed = 0,
               std::vector<double> rates = {}, uint64_t labelled = 0) {
    EXPECT_TRUE(plan::verifyPlan(plan).ok()) << plan::verifyPlan(plan);
    const plan::EntryT &entry = *plan.entries[0];
    StepSlot slot;
    slot.step = step;
    slot.labelled = labelled;
    slot.symbols.assign(entry.symbols.size(), 0);
    slot.symbols[0] = rows.size();
    slot.memory.resize(entry.buffers.size());
    for (HugeMemory &memory : slot.memory)
      EXPECT_TRUE(memory.reserve(rows.size() * 8 + 64));
    if (!rows.empty())
      std::memcpy(slot.get<int64_t>(ids), rows.data(), rows.size() * 8);
    ThreadPool pool(threads);
    auto fetcher = Fetcher::create(plan, entry, graph, pool, budget);
    EXPECT_TRUE(fetcher.ok()) << fetcher.status();
    for (size_t i = 1; i < entry.ops.size(); ++i)
      EXPECT_TRUE((*fetcher)->run(i, slot, seed, rates.data()).ok());
    return slot;
  }
};

TEST(Fetch, DenseRows) {
  for (int threads : {1, 3})
    for (size_t count : {size_t(0), size_t(1), size_t(5000)}) {
      FetchSetup s(5000);
      std::vector<float> x(5000 * 20);
      std::iota(x.begin(), x.end(), 0.0f);
      s.graph.addDense(0, "x", 20, x);
      plan::FetchDenseAttrsT a;
      a.feature = "x";
      a.dim = 20;
      int32_t out = s.b.slot("x", DType::F32, s.b.extent(SymbolKind::Rows, 0, 0), 20);
      s.fetch(a, {out});
      std::vector<int64_t> rows(count);
      for (size_t i = 0; i < count; ++i)
        rows[i] = int64_t(i);
      if (count == 1)
        rows[0] = 4999;
      StepSlot slot = s.run(rows, threads);
      for (size_t i = 0; i < count; ++i)
        for (int c = 0; c < 20; ++c)
          ASSERT_EQ(slot.get<float>(out)[i * 20 + size_t(c)], float(rows[i] * 20 + c));
    }
}

TEST(Fetch, SparseRowsAndTheirTransposition) {
  constexpr uint32_t nodes = 200, dim = 30;
  std::mt19937 random(6);
  std::vector<int64_t> indptr{0};
  std::vector<int32_t> indices;
  std::vector<float> values;
  for (uint32_t i = 0; i < nodes; ++i) {
    for (uint32_t c = 0; c < dim; ++c)
      if (i % 5 && random() % 6 == 0) {
        indices.push_back(int32_t(c));
        values.push_back(float(random() % 100));
      }
    indptr.push_back(int64_t(indices.size()));
  }
  for (bool ones : {false, true})
    for (unsigned absent = 0; absent < 64; ++absent) {
      FetchSetup s(nodes);
      graph::SparseFeatureView view;
      view.indptr = indptr.data();
      view.indices.i32 = indices.data();
      view.indices.size = int64_t(indices.size());
      view.values = ones ? nullptr : values.data();
      view.rows = nodes;
      view.dim = dim;
      view.nnz = int64_t(indices.size());
      s.graph.addSparse(0, "words", view);
      Extent rows1 = s.b.extent(SymbolKind::Rows, 0, 0, 1);
      if ((absent & 0b110110) == 0b110110)
        continue; // nothing has entries: no symbol either
      Extent nnz = s.b.extent(SymbolKind::Nnz, 0, 0);
      std::vector<int32_t> out = {
          s.b.slot("ptr", DType::I32, rows1), s.b.slot("idx", DType::I32, nnz),
          s.b.slot("val", DType::F32, nnz),   s.b.slot("t_ptr", DType::I32, s.b.constant(dim + 1)),
          s.b.slot("t_row", DType::I32, nnz), s.b.slot("t_val", DType::F32, nnz)};
      for (size_t o = 0; o < 6; ++o)
        if (absent >> o & 1)
          out[o] = -1;
      plan::FetchSparseAttrsT a;
      a.feature = "words";
      a.dim = dim;
      s.fetch(a, out);
      std::vector<int64_t> rows;
      for (uint32_t i = 0; i < nodes; i += 1 + i % 3)
        rows.push_back(i);
      StepSlot slot = s.run(rows);
      std::vector<int32_t> ptr{0}, idx, tPtr{0}, tRow;
      std::vector<float> val, tVal;
      for (int64_t row : rows) {
        for (int64_t e = indptr[size_t(row)]; e < indptr[size_t(row) + 1]; ++e) {
          idx.push_back(indices[size_t(e)]);
          val.push_back(ones ? 1.0f : values[size_t(e)]);
        }
        ptr.push_back(int32_t(idx.size()));
      }
      for (uint32_t c = 0; c < dim; ++c) {
        for (size_t r = 0; r < rows.size(); ++r)
          for (int32_t e = ptr[r]; e < ptr[r + 1]; ++e)
            if (idx[size_t(e)] == int32_t(c)) {
              tRow.push_back(int32_t(r));
              tVal.push_back(val[size_t(e)]);
            }
        tPtr.push_back(int32_t(tRow.size()));
      }
      EXPECT_EQ(slot.symbols[1], idx.size());
      auto same = [&](size_t o, const auto &want) {
        using T = typename std::decay_t<decltype(want)>::value_type;
        return out[o] < 0 || std::equal(want.begin(), want.end(), slot.get<T>(out[o]));
      };
      EXPECT_TRUE(same(0, ptr) && same(1, idx) && same(2, val) && same(3, tPtr) && same(4, tRow) &&
                  same(5, tVal))
          << absent;
    }
}

TEST(Fetch, LabelsSingleAndMulti) {
  FetchSetup s(4);
  s.graph.addLabel(0, "y", 3, {2, -1, 0, 1});
  s.graph.addMultiLabel(0, "m", 2, {1, 0, 255, 255, 0, 0, 1, 1});
  Extent rows = s.b.extent(SymbolKind::Rows, 0, 0);
  int32_t y = s.b.slot("y", DType::I32, rows), m = s.b.slot("m", DType::F32, rows, 2);
  int32_t mask = s.b.slot("mask", DType::F32, rows);
  plan::FetchLabelsAttrsT a;
  a.label = "y";
  a.num_classes = 3;
  s.fetch(a, {y});
  a.label = "m";
  a.num_classes = 2;
  a.multilabel = true;
  s.fetch(a, {m, mask});
  StepSlot slot = s.run({0, 1, 3});
  auto list = [&](auto *p, size_t n) { return std::vector(p, p + n); };
  EXPECT_EQ(list(slot.get<int32_t>(y), 3), (std::vector<int32_t>{2, -1, 1}));
  EXPECT_EQ(list(slot.get<float>(m), 6), (std::vector<float>{1, 0, 0, 0, 1, 1}));
  EXPECT_EQ(list(slot.get<float>(mask), 3), (std::vector<float>{1, 0, 1}));

  ThreadPool pool(1);
  for (auto [label, want] : {std::pair{"y", uint64_t(2)}, {"m", uint64_t(2)}, {"", uint64_t(3)}}) {
    s.plan.task->label = label;
    auto fetcher = Fetcher::create(s.plan, *s.plan.entries[0], s.graph, pool, s.budget);
    ASSERT_TRUE(fetcher.ok());
    EXPECT_EQ((*fetcher)->countLabelled({0, 1, 3}), want) << label;
  }
}

TEST(Fetch, ScalarsOfAStep) {
  FetchSetup s(1);
  s.b.group(0.1);
  s.b.group(0.2);
  s.plan.optimizer_groups[1]->beta1 = 0.5;
  plan::ScalarsAttrsT a;
  for (auto [kind, group] :
       {std::pair{plan::ScalarKind::InvLabelCount, 0u}, {plan::ScalarKind::LearningRate, 1u},
        {plan::ScalarKind::BiasCorrection1, 0u}, {plan::ScalarKind::BiasCorrection2, 0u},
        {plan::ScalarKind::BiasCorrection1, 1u}}) {
    a.scalars.push_back(std::make_unique<plan::ScalarSpecT>());
    a.scalars.back()->kind = kind;
    a.scalars.back()->group = group;
  }
  int32_t values = s.b.slot("scalars", DType::F32, s.b.constant(5));
  int32_t key = s.b.slot("key", DType::U32, s.b.constant(4));
  s.b.op("scalars", Queue::Fetch, 0, std::move(a), {}, {values, key});
  StepSlot slot = s.run({}, 1, 2, 0x1122334455667788ull, {0.5, 0.25}, 8);
  const float *got = slot.get<float>(values);
  EXPECT_EQ(got[0], 0.125f);
  EXPECT_EQ(got[1], 0.25f);
  EXPECT_EQ(got[2], float(1 - 0.9 * 0.9 * 0.9));
  EXPECT_EQ(got[3], float(1 - std::pow(0.999, 3)));
  EXPECT_EQ(got[4], 0.875f);
  const uint32_t *words = slot.get<uint32_t>(key);
  EXPECT_EQ(std::vector<uint32_t>(words, words + 4),
            (std::vector<uint32_t>{0x55667788, 0x11223344, 2, 0}));
  slot = s.run({}, 1, 0, 0, {0, 0}, 0);
  EXPECT_EQ(slot.get<float>(values)[0], 0.0f);
}

/// A fetch of rows of width `dim` for the edges into "n" of relation "r", of which `ids` are
/// sampled.
struct EdgeFetch {
  TestGraph graph;
  plan::PlanT plan;
  PlanBuilder b{plan};
  MemoryBudget budget{0};
  int32_t ids = -1, out = -1;

  EdgeFetch(int64_t edges, uint32_t dim) {
    graph.addType("n", 1);
    graph.addRelation(0, "r", 0, std::vector<std::pair<int64_t, int64_t>>(size_t(edges)));
    b.type("n", 1);
    b.relation(0, "r", 0);
    b.entry(plan::EntryKind::TrainStep, "t");
    int32_t seeds = b.slot("seeds", DType::I64, b.extent(SymbolKind::Rows, 0, 0));
    b.op("seeds", Queue::Sample, 0, plan::SeedsAttrsT(), {}, {seeds});
    plan::SampleAttrsT sample;
    sample.mode = plan::SampleMode::All;
    ids = b.slot("ids", DType::I64, b.extent(SymbolKind::Edges, 0, 0));
    plan::OpT &sampled =
        b.op("sample", Queue::Sample, 1, sample, {seeds}, {-1, -1, -1, -1, -1, -1, -1, ids});
    plan::FetchEdgeAttrsT a;
    a.feature = "w";
    a.dim = dim;
    out = b.slot("w", DType::F32, b.extent(SymbolKind::Edges, 0, 0), dim);
    b.semaphore(sampled, b.op("fetch", Queue::Fetch, 0, a, {ids}, {out}));
  }
  std::vector<float> run(const std::vector<int64_t> &edges, int threads) {
    EXPECT_TRUE(plan::verifyPlan(plan).ok()) << plan::verifyPlan(plan);
    const plan::EntryT &entry = *plan.entries[0];
    StepSlot slot;
    slot.symbols.assign(entry.symbols.size(), 0);
    slot.symbols[size_t(entry.buffers[size_t(ids)]->rows->symbol())] = edges.size();
    slot.memory.resize(entry.buffers.size());
    EXPECT_TRUE(slot.memory[size_t(ids)].reserve(edges.size() * 8 + 64));
    if (!edges.empty())
      std::memcpy(slot.get<int64_t>(ids), edges.data(), edges.size() * 8);
    ThreadPool pool(threads);
    auto fetcher = Fetcher::create(plan, entry, graph, pool, budget);
    EXPECT_TRUE(fetcher.ok()) << fetcher.status();
    EXPECT_TRUE((*fetcher)->run(entry.ops.size() - 1, slot, 0, nullptr).ok());
    const float *rows = slot.get<float>(out);
    size_t count = edges.size() * entry.buffers[size_t(out)]->width;
    return count ? std::vector<float>(rows, rows + count) : std::vector<float>();
  }
};

// Those of a reverse view stand where the relation that it views has them.
TEST(Fetch, RowsOfEdges) {
  constexpr int64_t edges = 70000;
  std::vector<int16_t> data(size_t(edges) * 2);
  std::iota(data.begin(), data.end(), int16_t(0));
  std::vector<int32_t> places(edges);
  std::iota(places.rbegin(), places.rend(), 0);
  for (bool view : {false, true})
    for (int threads : {1, 3})
      for (int64_t count : {int64_t(0), int64_t(1), int64_t(300), edges}) {
        EdgeFetch s(edges, 2);
        s.graph.addEdgeFeature(0, "w", "int16", 2, data.data(),
                               view ? places : std::vector<int32_t>());
        std::vector<int64_t> ids;
        for (int64_t i = 0; i < count; ++i)
          ids.push_back(i * 7919 % edges);
        std::vector<float> got = s.run(ids, threads);
        ASSERT_EQ(got.size(), ids.size() * 2);
        for (size_t i = 0; i < ids.size(); ++i)
          for (size_t c = 0; c < 2; ++c)
            ASSERT_EQ(got[i * 2 + c],
                      float(data[size_t(view ? edges - 1 - ids[i] : ids[i]) * 2 + c]));
      }
}

TEST(Fetch, EdgeFeaturesThatTheGraphLacksAreNamed) {
  auto error = [](int64_t dim, const std::string &dtype) {
    EdgeFetch s(3, 2);
    static const std::vector<float> rows(9);
    if (dim)
      s.graph.addEdgeFeature(0, "w", dtype, dim, rows.data());
    ThreadPool pool(1);
    return messageOf(Fetcher::create(s.plan, *s.plan.entries[0], s.graph, pool, s.budget).status());
  };
  EXPECT_NE(error(0, "float32").find("'w'"), std::string::npos);
  EXPECT_NE(error(3, "float32")
                .find("relation 'n:r:n': feature 'w' has 3 columns, the plan 2; "
                      "recompile"),
            std::string::npos);
  EXPECT_NE(error(2, "strange").find("the dtype strange"), std::string::npos);
}

TEST(Fetch, WhatTheGraphLacksIsNamed) {
  auto error = [](auto attrs, uint32_t width, std::function<void(TestGraph &)> fill) {
    FetchSetup s(3);
    fill(s.graph);
    int32_t out = s.b.slot("x", DType::F32, s.b.extent(SymbolKind::Rows, 0, 0), width);
    s.fetch(attrs, {out});
    ThreadPool pool(1);
    return messageOf(Fetcher::create(s.plan, *s.plan.entries[0], s.graph, pool, s.budget).status());
  };
  plan::FetchDenseAttrsT a;
  a.feature = "x";
  a.dim = 2;
  EXPECT_NE(error(a, 2, [](TestGraph &) {}).find("'x'"), std::string::npos);
  EXPECT_NE(error(a, 2, [](TestGraph &g) { g.addDense(0, "x", 3, std::vector<float>(9)); })
                .find("feature 'x' has 3 columns, the plan 2"),
            std::string::npos);
  EXPECT_NE(error(a, 2, [](TestGraph &g) { g.addDenseRaw(0, "x", "strange", 2, nullptr); })
                .find("dtype strange"),
            std::string::npos);
}

} // namespace
} // namespace heddle::exec
