//===- TableTiersTest.cpp - learnable rows on disk and in memory --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/TableTiers.h"

#include "TestModel.h"
#include "tests/unit/support/TestSupport.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <limits>
#include <numeric>
#include <sys/resource.h>
#include <unistd.h>

namespace heddle::exec {
namespace {

using testing::TestModel;

constexpr uint64_t seed = 77;
constexpr int trainEntry = 0, evalEntry = 1;
constexpr int64_t rowBytes = TestModel::classes * 4;

struct Scene {
  test::TemporaryDirectory folder;
  TestModel model;

  explicit Scene(TestModel::Options options = {}) : model(options) {
    std::vector<int64_t> train(size_t(model.numA / 2));
    std::iota(train.begin(), train.end(), int64_t(0));
    model.graph->setTrain(train);
  }
  /// `kept`: rows, or -1: the table is in memory.
  ExecutorOptions options(int64_t kept, int threads = 2, bool overlap = true) const {
    ExecutorOptions out;
    out.threads = threads;
    out.overlap = overlap;
    out.seed = seed;
    if (kept < 0)
      return out;
    out.cache.use = out.cache.learnable = true;
    out.cache.policy = kept ? cache::Policy::Greedy : cache::Policy::None;
    out.cache.bytes = uint64_t(kept * rowBytes);
    out.cache.folder = folder / "";
    return out;
  }
  std::unique_ptr<Executor> make(const ExecutorOptions &options) const {
    auto executor = Executor::create(model.plan, model.graph, options);
    EXPECT_TRUE(executor.ok()) << executor.status();
    return executor.ok() ? std::move(executor).value() : nullptr;
  }
};

/// A state's bytes, wherever they are; read in pieces of odd sizes.
std::string bytesOf(const StateView &view) {
  std::string out(size_t(view.bytes), '\0');
  if (!view.tier) {
    std::memcpy(out.data(), view.data, out.size());
    return out;
  }
  EXPECT_EQ(view.data, nullptr);
  const int64_t bytes = view.rows ? view.bytes / view.rows : 0;
  for (int64_t at = 0; at < view.rows; at += 7)
    EXPECT_TRUE(
        view.tier->read(at, std::min<int64_t>(7, view.rows - at), &out[size_t(at * bytes)]).ok());
  return out;
}
std::vector<std::string> statesOf(Executor &executor) {
  std::vector<std::string> out;
  for (const StateView &view : executor.states())
    out.push_back(bytesOf(view));
  return out;
}

struct Bits {
  std::vector<float> losses, logits;
  std::vector<std::string> states;
  bool operator==(const Bits &) const = default;
};

Bits runAll(Executor &executor, const std::vector<std::vector<int64_t>> &batches) {
  Bits bits;
  auto done = [&](const StepResult &r) {
    bits.losses.push_back(r.loss);
    bits.logits.insert(bits.logits.end(), r.logits, r.logits + int64_t(r.seeds.size()) * r.classes);
    return true;
  };
  EXPECT_TRUE(executor.run(trainEntry, batches, 0, {}, done).ok());
  EXPECT_TRUE(executor.run(evalEntry, batches, 100, {}, done).ok());
  EXPECT_TRUE(executor.run(trainEntry, batches, 200, {}, done).ok());
  bits.states = statesOf(executor);
  return bits;
}

TEST(TableTiers, TheSameBitsForAnyCapacity) {
  for (TestModel::Options o : {TestModel::Options{}, TestModel::Options{40, 90, 300, 2, 1},
                               TestModel::Options{40, 0, 0, 2, 4}}) {
    Scene scene(o);
    auto batches = scene.model.batches(25, o.numA / 8);
    batches.push_back(scene.model.batches(1, o.numA)[0]); // all rows of the table
    batches.push_back({});
    batches.push_back({5});
    batches.push_back({5}); // the same seeds again
    auto base = scene.make(scene.options(-1));
    const Bits wanted = runAll(*base, batches);
    for (int64_t kept : {int64_t(0), int64_t(1), o.numA / 3, o.numA, 10 * o.numA})
      for (int threads : {1, 4})
        for (bool overlap : {true, false}) {
          auto executor = scene.make(scene.options(kept, threads, overlap));
          // Before any step everything has its initial value.
          EXPECT_EQ(statesOf(*executor), statesOf(*scene.make(scene.options(-1))));
          EXPECT_TRUE(runAll(*executor, batches) == wanted) << kept << " " << threads << overlap;
          std::vector<CacheUse> uses = executor->cacheUse();
          ASSERT_EQ(uses.size(), 1u);
          EXPECT_EQ(uses[0].state, "emb");
          EXPECT_EQ(uses[0].inMemory, "");
          EXPECT_EQ(uses[0].keptRows, std::min(kept, o.numA));
          EXPECT_EQ(uses[0].rowBytes, rowBytes);
          EXPECT_GT(uses[0].training.requested, 0u);
          EXPECT_LE(uses[0].training.hits, uses[0].training.requested);
          EXPECT_EQ(uses[0].training.hits == uses[0].training.requested, kept >= o.numA);
          EXPECT_EQ(uses[0].training.hits == 0, kept == 0);
          EXPECT_EQ(uses[0].readBytes == 0, kept >= o.numA);
          EXPECT_EQ(uses[0].writtenBytes == 0, kept >= o.numA);
          EXPECT_EQ(uses[0].secondsSaved() > 0, kept > 0);
          executor->resetStates(seed);
          EXPECT_TRUE(runAll(*executor, batches) == wanted);
        }
  }
}

// Two hops fetch rows of one table: the seeds' are among those of their neighbours, and the step
// changes them.
TEST(TableTiers, TwoHopsOfOneTable) {
  Scene scene;
  plan::PlanT &plan = *scene.model.plan;
  uint32_t id = 0;
  for (const auto &entry : plan.entries)
    for (const auto &op : entry->ops)
      id = std::max(id, op->id + 1);
  for (const auto &entry : plan.entries) {
    auto first = std::find_if(entry->ops.begin(), entry->ops.end(),
                              [](const auto &op) { return op->name == "fetch emb"; });
    ASSERT_NE(first, entry->ops.end());
    auto seeds = std::find_if(entry->ops.begin(), entry->ops.end(),
                              [](const auto &op) { return op->attrs.AsSeedsAttrs(); });
    const int32_t ids = (*seeds)->outputs[0];
    auto rows = std::make_unique<plan::BufferT>(*entry->buffers[size_t((*first)->outputs[0])]);
    rows->name = "emb rows of the seeds";
    *rows->rows = *entry->buffers[size_t(ids)]->rows;
    rows->region = int32_t(entry->regions.size());
    entry->regions.push_back(std::make_unique<plan::RegionT>());
    entry->regions.back()->buffers.push_back(uint32_t(entry->buffers.size()));
    auto op = std::make_unique<plan::OpT>(**first);
    op->id = id++;
    op->name = "fetch emb of the seeds";
    op->inputs[0] = ids;
    op->outputs[0] = int32_t(entry->buffers.size());
    op->waits.clear();
    entry->buffers.push_back(std::move(rows));
    entry->ops.insert(first + 1, std::move(op));
  }
  ASSERT_TRUE(plan::verifyPlan(plan).ok()) << plan::verifyPlan(plan);
  const auto batches = scene.model.batches(25, 50);
  auto base = scene.make(scene.options(-1));
  const Bits wanted = runAll(*base, batches);
  for (int64_t kept : {0, 100, 400}) {
    auto executor = scene.make(scene.options(kept, 4));
    EXPECT_TRUE(runAll(*executor, batches) == wanted) << kept;
    const CacheUse use = executor->cacheUse()[0];
    EXPECT_GT(use.training.requested, 2u * 2u * 25u * 50u); // of both hops, in two runs
    EXPECT_EQ(use.training.hits == use.training.requested, kept == 400);
  }
}

// What a checkpoint keeps is enough to go on, from either kind of table to either.
TEST(TableTiers, GoesOnFromCopiedStates) {
  Scene scene;
  const auto batches = scene.model.batches(20, 50);
  const std::vector<std::vector<int64_t>> head(batches.begin(), batches.begin() + 9),
      tail(batches.begin() + 9, batches.end());
  auto whole = scene.make(scene.options(-1));
  ASSERT_TRUE(whole->run(trainEntry, batches, 0, {}, {}).ok());
  const auto wanted = statesOf(*whole);
  for (int64_t before : {-1, 0, 60})
    for (int64_t after : {-1, 0, 60, 400}) {
      auto first = scene.make(scene.options(before));
      ASSERT_TRUE(first->run(trainEntry, head, 0, {}, {}).ok());
      const auto saved = statesOf(*first);
      auto second = scene.make(scene.options(after));
      ASSERT_TRUE(second->run(evalEntry, head, 0, {}, {}).ok());
      auto views = second->states();
      for (size_t s = 0; s < views.size(); ++s) {
        if (!views[s].tier) {
          std::memcpy(views[s].data, saved[s].data(), saved[s].size());
          continue;
        }
        const int64_t bytes = views[s].bytes / views[s].rows;
        for (int64_t at = 0; at < views[s].rows; at += 11)
          ASSERT_TRUE(views[s]
                          .tier
                          ->write(at, std::min<int64_t>(11, views[s].rows - at),
                                  &saved[s][size_t(at * bytes)])
                          .ok());
      }
      EXPECT_EQ(statesOf(*second), saved);
      ASSERT_TRUE(second->run(trainEntry, tail, 9, {}, {}).ok());
      EXPECT_EQ(statesOf(*second), wanted) << before << " " << after;
    }
}

TEST(TableTiers, CopiesAreOfTheirTime) {
  Scene scene;
  auto executor = scene.make(scene.options(60));
  const auto batches = scene.model.batches(6, 50);
  StateView view = executor->states()[1];
  std::unique_ptr<StateRows> copy;
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(executor->run(trainEntry, batches, uint64_t(round) * 6, {}, {}).ok());
    const std::string now = bytesOf(view);
    ASSERT_TRUE(view.tier->copyTo(copy).ok());
    ASSERT_TRUE(executor->run(trainEntry, batches, 50, {}, {}).ok());
    EXPECT_NE(bytesOf(view), now);
    StateView copied = view;
    copied.tier = copy.get();
    EXPECT_EQ(bytesOf(copied), now);
  }
}

// A run may end after any step, with others in flight, and the next one goes on from there.
TEST(TableTiers, EarlyEnd) {
  Scene scene;
  const auto batches = scene.model.batches(20, 50);
  for (int64_t kept : {int64_t(-1), int64_t(0), int64_t(50)}) {
    auto executor = scene.make(scene.options(kept)), other = scene.make(scene.options(-1));
    int steps = 0;
    ASSERT_TRUE(
        executor->run(trainEntry, batches, 0, {}, [&](const StepResult &) { return ++steps < 7; })
            .ok());
    ASSERT_TRUE(other->run(trainEntry, {batches.begin(), batches.begin() + 7}, 0, {}, {}).ok());
    EXPECT_EQ(statesOf(*executor), statesOf(*other));
  }
}

TEST(TableTiers, ALossThatIsNotFiniteLeavesTheStatesAndNamesTheRow) {
  Scene scene;
  for (int64_t kept : {int64_t(0), int64_t(400)}) {
    auto executor = scene.make(scene.options(kept));
    const auto batches = scene.model.batches(4, 50);
    ASSERT_TRUE(executor->run(trainEntry, batches, 0, {}, {}).ok());
    const float bad[TestModel::classes] = {1, std::numeric_limits<float>::quiet_NaN(), 1, 1};
    int64_t row = 0;
    for (row = 0; scene.model.labels[size_t(row)] < 0; ++row) {
    }
    ASSERT_TRUE(executor->states()[1].tier->write(row, 1, bad).ok());
    const auto before = statesOf(*executor);
    absl::Status status = executor->run(trainEntry, {{row}}, 4, {}, {});
    EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
    EXPECT_NE(messageOf(status).find("'emb' (element " + std::to_string(row * 4 + 1) + ")"),
              std::string::npos)
        << status;
    EXPECT_EQ(statesOf(*executor), before);
  }
}

TEST(TableTiers, WhatIsAskedForAsAWholeStaysInMemory) {
  TestModel::Options o;
  o.stay = true;
  Scene scene(o);
  auto executor = scene.make(scene.options(10));
  auto uses = executor->cacheUse();
  ASSERT_EQ(uses.size(), 1u);
  EXPECT_NE(uses[0].inMemory.find("full graph"), std::string::npos) << uses[0].inMemory;
  EXPECT_EQ(uses[0].keptRows, o.numA);
  EXPECT_EQ(executor->states()[1].tier, nullptr);

  Scene old; // of a compiler that does not say what ids are for
  for (const auto &op : old.model.plan->entries[0]->ops)
    if (auto *kernel = op->attrs.AsKernelAttrs())
      kernel->row_ids = -1;
  EXPECT_NE(old.make(old.options(10))->cacheUse()[0].inMemory, "");
}

TEST(TableTiers, Errors) {
  Scene scene;
  ExecutorOptions options = scene.options(0);
  options.cache.folder = scene.folder / "missing";
  auto missing = Executor::create(scene.model.plan, scene.model.graph, options);
  EXPECT_EQ(exitCodeOf(missing.status()), 2);
  EXPECT_NE(messageOf(missing.status()).find("/missing: cannot make a file"), std::string::npos)
      << missing.status();
  EXPECT_NE(messageOf(missing.status()).find("--cache-folder"), std::string::npos);

  // Memory for batches is limited, and rows of steps in flight are in it.
  Scene large({200000, 10, 100, 2});
  options = large.options(0);
  options.memoryLimit = 3 << 20;
  auto executor = large.make(options);
  absl::Status status = executor->run(trainEntry, large.model.batches(1, 150000), 0, {}, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_NE(messageOf(status).find("--memory"), std::string::npos) << status;
  EXPECT_EQ(statesOf(*executor), statesOf(*large.make(large.options(-1))));
}

// A file system that is full: files may not be longer than this.
/// 0 if a table that may not have its file is refused as it should be.
int refusedForWantOfDisk() {
  Scene scene({200000, 10, 100, 2});
  const struct rlimit limit = {1 << 20, 1 << 20};
  ::signal(SIGXFSZ, SIG_IGN);
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0)
    return 2;
  auto got = Executor::create(scene.model.plan, scene.model.graph, scene.options(0));
  const std::string text = messageOf(got.status());
  for (const char *part : {"no room for", "'emb'", "--cache-folder"})
    if (got.ok() || text.find(part) == std::string::npos)
      return 1;
  return exitCodeOf(got.status()) == 1 ? 0 : 1;
}

// As on a disk that is full: files may not be longer than this.
TEST(TableTiers, FullDisk) {
  EXPECT_EXIT(::_exit(refusedForWantOfDisk()), ::testing::ExitedWithCode(0), "");
}

} // namespace
} // namespace heddle::exec
