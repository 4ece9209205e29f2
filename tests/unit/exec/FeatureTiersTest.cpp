//===- FeatureTiersTest.cpp - rows from memory and from disk ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/FeatureTiers.h"

#include "TestGraph.h"
#include "TestPlan.h"
#include "runtime/base/Npy.h"
#include "runtime/exec/ConvertRows.h"
#include "tests/unit/support/TestSupport.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <unistd.h>

namespace heddle::exec {
namespace {

using testing::PlanBuilder;
using testing::TestGraph;
using Ids = std::vector<int64_t>;

/// With a split whose training part is the first node.
struct SplitGraph : TestGraph {
  const int64_t first[1] = {0};
  absl::StatusOr<graph::SplitView> split(int, const std::string &,
                                         const std::string &) const override {
    graph::SplitView view;
    view.train = first;
    view.numTrain = schema_.nodeTypes[0].numNodes ? 1 : 0;
    return view;
  }
};

/// One type with a feature in a file, behind some bytes that are not of it; the seeds' rows are fetched.
struct Scene {
  test::TemporaryDirectory folder;
  SplitGraph graph;
  plan::PlanT plan;
  std::string bytes, dtype;
  int64_t rows, dim;
  ThreadPool pool{2};
  Readers readers;
  static constexpr int64_t offset = 128;

  Scene(std::string dtype, int64_t rows, int64_t dim) : dtype(dtype), rows(rows), dim(dim) {
    const std::string type = "类型 φ", feature = "x/\"y\"";
    graph.addType(type, rows);
    bytes.resize(size_t(rows * dim * dtypeBytes(dtype)));
    std::mt19937_64 random(9);
    for (char &c : bytes)
      c = char(random());
    graph.addDenseRaw(0, feature, dtype, dim, nullptr);
    test::writeAll(folder / "x", std::string(size_t(offset), '#') + bytes);
    graph.moveDense(0, feature, folder / "x", offset);
    PlanBuilder b(plan);
    b.type(type, uint64_t(rows));
    b.entry(plan::EntryKind::TrainStep, "t");
    int32_t ids = b.slot("ids", plan::DType::I64, b.extent(plan::SymbolKind::Rows, 0, 0));
    plan::OpT &seeds =
        b.op("seeds", plan::Queue::Sample, 0, plan::SeedsAttrsT(), {}, {ids});
    plan::FetchDenseAttrsT a;
    a.feature = feature;
    a.dim = uint32_t(dim);
    plan::OpT &fetch =
        b.op("fetch", plan::Queue::Fetch, 0, a, {ids},
             {b.slot("x", plan::DType::F32, b.extent(plan::SymbolKind::Rows, 0, 0), uint32_t(dim))});
    b.semaphore(seeds, fetch);
    auto cache = std::make_unique<plan::CacheT>();
    cache->feature = feature;
    cache->dim = a.dim;
    plan.caches.push_back(std::move(cache));
  }

  absl::StatusOr<std::unique_ptr<FeatureTiers>> make(cache::Policy policy, int64_t keptRows,
                                                     std::vector<Ids> presample) {
    ExecutorOptions options;
    options.cache.use = true;
    options.cache.policy = policy;
    options.cache.bytes = uint64_t(keptRows * dim * dtypeBytes(dtype));
    options.cache.presample = std::move(presample);
    HEDDLE_ASSIGN_OR_RETURN(auto tiers, FeatureTiers::create(plan, graph, 0, readers));
    HEDDLE_ASSIGN_OR_RETURN(auto described, tiers->describe(policy != cache::Policy::None));
    HEDDLE_ASSIGN_OR_RETURN(cache::Plan chosen,
                            chooseRows(plan, graph, options, pool, described));
    HEDDLE_RETURN_IF_ERROR(tiers->keep(chosen.rows, described));
    return tiers;
  }
  std::vector<float> wanted(const Ids &ids) const {
    std::vector<float> out(ids.size() * size_t(dim));
    EXPECT_TRUE(convertRows(bytes.data(), dtype, dim, ids.data(), int64_t(ids.size()), out.data()));
    return out;
  }
};

TEST(FeatureTiers, TheSameBitsForAnyCapacity) {
  std::mt19937_64 random(4);
  struct Choice {
    cache::Policy policy;
    int64_t kept;
  };
  for (const char *dtype : {"float32", "float16", "bfloat16", "float64", "bool", "int8"}) {
    const int64_t rows = 2000, dim = dtype == std::string("float64") ? 700 : 33;
    Scene s(dtype, rows, dim);
    std::vector<Ids> batches(3);
    for (Ids &batch : batches) {
      for (int64_t id = 0; id < rows; ++id)
        if (random() % 4 == 0 || id < 50)
          batch.push_back(id);
    }
    Ids any(1000);
    for (int64_t &id : any)
      id = int64_t(random() % uint64_t(rows));
    using cache::Policy;
    for (auto [policy, kept] :
         {Choice{Policy::None, 100}, {Policy::Uniform, 100}, {Policy::Heta, 100}, {Policy::Greedy, 0},
          {Policy::Greedy, 1}, {Policy::Greedy, 100}, {Policy::Greedy, rows}}) {
      auto tiers = s.make(policy, kept, batches);
      ASSERT_TRUE(tiers.ok()) << tiers.status();
      EXPECT_EQ((*tiers)->find(0, "other"), -1);
      EXPECT_EQ((*tiers)->find(1, s.plan.caches[0]->feature), -1);
      ASSERT_EQ((*tiers)->find(0, s.plan.caches[0]->feature), 0);
      uint64_t asked = 0;
      for (const Ids &ids : {batches[0], any, Ids{rows - 1}, Ids{}}) {
        std::vector<float> got(ids.size() * size_t(dim), -1);
        (*tiers)->setTraining(asked == 0);
        ASSERT_OK((*tiers)->fetch(0, ids.data(), int64_t(ids.size()), got.data()));
        ASSERT_EQ(std::memcmp(got.data(), s.wanted(ids).data(), got.size() * sizeof(float)), 0);
        asked += ids.size();
      }
      CacheUse use = (*tiers)->use().front();
      EXPECT_EQ(use.keptRows, policy == cache::Policy::None ? 0 : kept);
      EXPECT_EQ(use.training.requested, batches[0].size());
      EXPECT_EQ(use.training.requested + use.other.requested, asked);
      EXPECT_EQ(use.rowBytes, dim * dtypeBytes(dtype));
      const uint64_t hits = use.training.hits + use.other.hits;
      if (use.keptRows == 0) {
        EXPECT_EQ(hits, 0u);
      } else if (use.keptRows == rows) {
        EXPECT_EQ(hits, asked);
        EXPECT_EQ(use.readBytes, 0u);
        EXPECT_GT(use.secondsSaved(), 0);
      } else if (use.keptRows == 1) {
        EXPECT_EQ(use.training.hits, 1u); // row 0 is in every batch
      } else {
        EXPECT_GE(use.training.hits, 50u);
        EXPECT_LT(hits, asked);
        EXPECT_NEAR(use.expectedHits, 0.1, 0.1);
      }
    }
  }
}

TEST(FeatureTiers, TypesWithoutRows) {
  Scene s("float32", 0, 4);
  for (cache::Policy policy : {cache::Policy::Uniform, cache::Policy::Heta, cache::Policy::Greedy}) {
    auto tiers = s.make(policy, 10, {Ids{}});
    ASSERT_TRUE(tiers.ok()) << tiers.status();
    EXPECT_TRUE((*tiers)->fetch(0, nullptr, 0, nullptr).ok());
    EXPECT_EQ((*tiers)->use().front().keptRows, 0);
  }
}

TEST(FeatureTiers, Errors) {
  Scene s("float32", 5000, 64);
  // The file ends early.
  ASSERT_EQ(::truncate((s.folder / "x").c_str(), 1000), 0);
  EXPECT_FAILS(s.make(cache::Policy::None, 0, {}), "/x: has 1000 bytes", "are expected");
  // ... or while it is in use.
  test::writeAll(s.folder / "x", std::string(size_t(Scene::offset), '#') + s.bytes);
  auto tiers = s.make(cache::Policy::None, 0, {});
  ASSERT_TRUE(tiers.ok()) << tiers.status();
  ASSERT_EQ(::truncate((s.folder / "x").c_str(), 4096), 0);
  std::vector<float> out(64);
  const int64_t last = 4999;
  EXPECT_FAILS((*tiers)->fetch(0, &last, 1, out.data()), "/x", "shrank");
}

} // namespace
} // namespace heddle::exec
