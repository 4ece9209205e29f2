//===- ExecutorTest.cpp - whole steps of a hand-built plan --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/Executor.h"

#include "TestModel.h"
#include "runtime/exec/KernelLibrary.h"
#include "runtime/plan/InitialValue.h"
#include "tests/unit/support/TestSupport.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>
#include <cstring>

namespace heddle::exec {
namespace {

using testing::TestModel;

constexpr uint64_t seed = 0x1234567890ABCDEFull;
constexpr int trainEntry = 0, evalEntry = 1;

std::unique_ptr<Executor> make(const TestModel &model, ExecutorOptions options = {}) {
  EXPECT_TRUE(plan::verifyPlan(*model.plan).ok()) << plan::verifyPlan(*model.plan);
  if (!options.threads)
    options.threads = 2;
  options.seed = seed;
  auto executor = Executor::create(model.plan, model.graph, options);
  EXPECT_TRUE(executor.ok()) << executor.status();
  return executor.ok() ? std::move(executor).value() : nullptr;
}

StateView state(Executor &executor, const std::string &name) {
  for (const StateView &view : executor.states())
    if (view.description->name == name)
      return view;
  return {};
}
std::vector<double> values(Executor &executor, const std::string &name) {
  StateView view = state(executor, name);
  const float *data = static_cast<const float *>(view.data);
  return std::vector<double>(data, data + view.elements);
}

/// Everything a run leaves behind, as bytes.
struct Bits {
  std::vector<float> losses, logits, weight, emb;
  bool operator==(const Bits &) const = default;
};

Bits runAll(const TestModel &model, ExecutorOptions options,
            const std::vector<std::vector<int64_t>> &batches) {
  auto executor = make(model, options);
  Bits bits;
  auto done = [&](const StepResult &r) {
    bits.losses.push_back(r.loss);
    bits.logits.insert(bits.logits.end(), r.logits, r.logits + int64_t(r.seeds.size()) * r.classes);
    return true;
  };
  EXPECT_TRUE(executor->run(trainEntry, batches, 0, {}, done).ok());
  EXPECT_TRUE(executor->run(evalEntry, batches, 100, {}, done).ok());
  EXPECT_TRUE(executor->run(trainEntry, batches, 200, {}, done).ok());
  for (auto [name, to] : {std::pair{"weight", &bits.weight}, std::pair{"emb", &bits.emb}}) {
    StateView view = state(*executor, name);
    const float *data = static_cast<const float *>(view.data);
    to->assign(data, data + view.elements);
  }
  return bits;
}

TEST(Executor, TrainsLikeTheDoublePrecisionTwin) {
  TestModel model({});
  auto executor = make(model);
  auto weight = values(*executor, "weight"), emb = values(*executor, "emb");
  auto batches = model.batches(12, 64);
  batches.push_back(model.batches(1, 400)[0]); // the whole type: rows of emb are the table itself
  batches.push_back({5});
  batches.push_back({});
  batches.push_back({0}); // no label
  for (int round = 0; round < 2; ++round) {
    std::vector<double> want;
    std::vector<double> got;
    for (size_t i = 0; i < batches.size(); ++i)
      want.push_back(model.referenceStep(batches[i], 10 + i, seed, weight, emb));
    std::vector<uint64_t> steps, labelled;
    auto status = executor->run(trainEntry, batches, 10, {}, [&](const StepResult &r) {
      EXPECT_TRUE(r.hasLoss);
      EXPECT_EQ(r.seeds.size(), batches[steps.size()].size());
      EXPECT_TRUE(std::is_sorted(r.seeds.begin(), r.seeds.end()));
      EXPECT_EQ(r.classes, 4);
      steps.push_back(r.step);
      got.push_back(r.loss);
      return true;
    });
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(steps[i], 10 + i);
      EXPECT_NEAR(got[i], want[i], 1e-5 * (1 + want[i])) << i;
    }
    auto gotW = values(*executor, "weight"), gotE = values(*executor, "emb");
    for (size_t i = 0; i < gotW.size(); ++i)
      EXPECT_NEAR(gotW[i], weight[i], 1e-5);
    for (size_t i = 0; i < gotE.size(); ++i)
      ASSERT_NEAR(gotE[i], emb[i], 1e-5) << i;
  }
}

TEST(Executor, SameBitsForAnyThreadsAndOverlap) {
  for (int32_t fanout : {5, -1}) {
    TestModel model({.fanout = fanout});
    auto batches = model.batches(9, 90);
    batches.push_back({});
    batches.push_back({3});
    Bits first = runAll(model, {.threads = 1, .overlap = false}, batches);
    for (int threads : {1, 2, 3, 8})
      for (bool overlap : {false, true})
        EXPECT_TRUE(runAll(model, {.threads = threads, .overlap = overlap}, batches) == first)
            << threads << " " << overlap;
  }
}

TEST(Executor, LargeBatchesAreCutIntoTasksWithTheSameBits) {
  TestModel model({.numA = 6000, .numB = 3000, .edges = 90000, .fanout = -1});
  auto batches = model.batches(2, 6000);
  Bits first = runAll(model, {.threads = 1, .overlap = false}, batches);
  for (int threads : {2, 3, 8})
    EXPECT_TRUE(runAll(model, {.threads = threads}, batches) == first) << threads;
}

/// h W as a group of h W and, added to it, h W: the step of a weight twice as large.
TEST(Executor, GroupedProductsAddUp) {
  TestModel model({.numA = 3000, .numB = 2000, .edges = 30000, .fanout = -1});
  for (auto &op : model.plan->entries[evalEntry]->ops) {
    if (op->name != "h W")
      continue;
    plan::GemmGroupAttrsT group;
    for (bool adds : {false, true}) {
      auto part = std::make_unique<plan::GemmPartT>();
      part->attrs = std::make_unique<plan::GemmAttrsT>(*op->attrs.AsGemmAttrs());
      part->attrs->accumulate = adds;
      part->b = 1;
      group.products.push_back(std::move(part));
    }
    op->attrs.Set(std::move(group));
  }
  // More rows than a tile has, and not a whole number of tiles; one; none.
  std::vector<std::vector<int64_t>> batches = {model.batches(1, 1700)[0], {5}, {}};
  std::vector<float> losses;
  for (int threads : {1, 2, 5}) {
    auto executor = make(model, {.threads = threads});
    auto weight = values(*executor, "weight"), emb = values(*executor, "emb");
    for (double &w : weight)
      w *= 2;
    std::vector<float> own;
    ASSERT_TRUE(executor
                    ->run(evalEntry, batches, 10, {},
                          [&](const StepResult &r) {
                            double want = model.referenceStep(batches[own.size()], 10 + own.size(),
                                                              seed, weight, emb, false);
                            EXPECT_NEAR(r.loss, want, 1e-5 * (1 + want)) << own.size();
                            own.push_back(r.loss);
                            return true;
                          })
                    .ok());
    EXPECT_TRUE(losses.empty() || own == losses) << threads;
    losses = own;
  }
}

TEST(Executor, SlotsAndStaticFlagsDoNotChangeBits) {
  TestModel plain({.fanout = -1, .slots = 1}), kept({.fanout = -1, .slots = 2, .stay = true});
  auto one = plain.batches(1, 400);
  std::vector<std::vector<int64_t>> batches(6, one[0]);
  Bits first = runAll(plain, {}, batches);
  EXPECT_TRUE(runAll(kept, {}, batches) == first);
  batches[3] = plain.batches(1, 50, 7)[0];
  batches[4] = plain.batches(1, 77, 8)[0];
  first = runAll(plain, {}, batches);
  EXPECT_TRUE(runAll(kept, {}, batches) == first);
}

TEST(Executor, StaticResultsAreKeptUntilTheBatchChanges) {
  TestModel model({.fanout = -1, .slots = 1, .stay = true});
  auto executor = make(model);
  std::vector<std::vector<int64_t>> same(2, model.batches(1, 100)[0]);
  std::vector<float> losses;
  auto done = [&](const StepResult &r) {
    losses.push_back(r.loss);
    return true;
  };
  ASSERT_TRUE(executor->run(evalEntry, same, 0, {}, done).ok());
  // Nobody may change a graph under a run: it shows here that it is not read again.
  float *x = model.graph->mutableDense(1, "x");
  for (int64_t i = 0; i < model.numB * TestModel::dim; ++i)
    x[i] += 1;
  ASSERT_TRUE(executor->run(evalEntry, same, 5, {}, done).ok());
  EXPECT_EQ(losses[0], losses[3]);
  ASSERT_TRUE(executor->run(evalEntry, model.batches(1, 90, 3), 5, {}, done).ok());
  ASSERT_TRUE(executor->run(evalEntry, same, 5, {}, done).ok());
  EXPECT_NE(losses[0], losses.back());
}

TEST(Executor, ZeroRowsEverywhere) {
  for (TestModel::Options o :
       {TestModel::Options{.edges = 0}, TestModel::Options{.fanout = 0},
        TestModel::Options{.numB = 0, .edges = 0}, TestModel::Options{.numA = 0, .edges = 0},
        TestModel::Options{.unlabelled = true}}) {
    TestModel model(o);
    auto executor = make(model, {.threads = 3});
    auto weight = values(*executor, "weight"), emb = values(*executor, "emb");
    auto batches = model.batches(4, 30);
    batches.push_back({});
    size_t i = 0;
    auto status = executor->run(trainEntry, batches, 0, {}, [&](const StepResult &r) {
      double want = model.referenceStep(batches[i], i, seed, weight, emb);
      EXPECT_NEAR(r.loss, want, 1e-5 * (1 + want));
      ++i;
      return true;
    });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(i, batches.size());
    EXPECT_TRUE(executor->run(trainEntry, {}, 0, {}, {}).ok());
  }
}

TEST(Executor, StatesStartFromTheirKeys) {
  TestModel model({});
  auto executor = make(model, {.threads = 3});
  StateView weight = state(*executor, "weight"), emb = state(*executor, "emb");
  EXPECT_EQ(weight.rows, 1);
  EXPECT_EQ(emb.rows, model.numA);
  EXPECT_EQ(emb.bytes, model.numA * 16);
  for (int row = 0; row < 8; ++row)
    for (int column = 0; column < 4; ++column)
      EXPECT_EQ(static_cast<float *>(weight.data)[row * 4 + column],
                float(-0.5 + keys::initUniform(seed, "weight", uint64_t(row), uint32_t(column))));
  double sum = 0, squares = 0;
  for (double v : values(*executor, "emb")) {
    sum += v;
    squares += v * v;
  }
  double n = double(emb.elements);
  EXPECT_NEAR(sum / n, 0, 0.01);
  EXPECT_NEAR(std::sqrt(squares / n), 0.1, 0.01);
  auto before = values(*executor, "emb");
  ASSERT_TRUE(executor->run(trainEntry, model.batches(3, 50), 0, {}, {}).ok());
  EXPECT_NE(values(*executor, "emb"), before);
  executor->resetStates(seed);
  EXPECT_EQ(values(*executor, "emb"), before);
  executor->resetStates(seed + 1);
  EXPECT_NE(values(*executor, "emb"), before);
}

TEST(Executor, LearningRatesComeFromTheCaller) {
  TestModel model({});
  auto executor = make(model);
  auto before = values(*executor, "weight");
  std::vector<uint64_t> asked;
  ASSERT_TRUE(executor
                  ->run(trainEntry, model.batches(4, 50), 7,
                        [&](uint64_t step, int group) {
                          EXPECT_EQ(group, 0);
                          asked.push_back(step);
                          return 0.0;
                        },
                        {})
                  .ok());
  EXPECT_EQ(asked, (std::vector<uint64_t>{7, 8, 9, 10}));
  EXPECT_EQ(values(*executor, "weight"), before);
}

TEST(Executor, DoneEndsTheRun) {
  TestModel model({});
  for (bool overlap : {false, true}) {
    auto executor = make(model, {.overlap = overlap});
    int steps = 0;
    auto status = executor->run(trainEntry, model.batches(20, 50), 0, {},
                                [&](const StepResult &) { return ++steps < 3; });
    EXPECT_TRUE(status.ok());
    EXPECT_EQ(steps, 3);
    EXPECT_TRUE(executor->run(trainEntry, model.batches(2, 50), 0, {}, {}).ok());
  }
}

TEST(Executor, BadSeedsNameTheStep) {
  TestModel model({});
  for (bool overlap : {false, true}) {
    auto executor = make(model, {.overlap = overlap});
    auto batches = model.batches(6, 50);
    batches[3].push_back(400);
    int steps = 0;
    auto status = executor->run(trainEntry, batches, 20, {}, [&](const StepResult &) {
      ++steps;
      return true;
    });
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(messageOf(status),
              "step 23: seeds: seed 400 is not a node of 'a' (0..399); check the split");
    EXPECT_EQ(steps, 3);
    EXPECT_TRUE(executor->run(trainEntry, model.batches(6, 50), 0, {}, {}).ok());
  }
}

TEST(Executor, MemoryLimitIsAClearError) {
  TestModel model({});
  for (bool overlap : {false, true}) {
    auto executor = make(model, {.overlap = overlap, .memoryLimit = 100000});
    auto status = executor->run(trainEntry, model.batches(6, 400), 0, {}, {});
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_NE(messageOf(status).find("raise --memory"), std::string::npos) << status;
    EXPECT_NE(messageOf(status).find("step 0: "), std::string::npos) << status;
    EXPECT_LE(executor->stats().slotBytes + executor->stats().arenaBytes, 100000u);
    executor = make(model, {.overlap = overlap, .memoryLimit = 100000});
    EXPECT_TRUE(executor->run(trainEntry, model.batches(2, 5), 0, {}, {}).ok());
  }
}

TEST(Executor, ArenaGrowsOnlyWhenABatchNeedsIt) {
  TestModel model({});
  auto executor = make(model);
  auto run = [&](int64_t size) {
    EXPECT_TRUE(executor->run(trainEntry, model.batches(10, size), 0, {}, {}).ok());
    return executor->stats().arenaGrowths;
  };
  uint64_t first = run(300);
  EXPECT_GE(first, 1u);
  EXPECT_EQ(run(300), first);
  EXPECT_EQ(run(20), first);
  EXPECT_GT(executor->stats().sampledEdges, 0u);
  EXPECT_GT(executor->stats().computeSeconds, 0.0);
  EXPECT_EQ(executor->stats().stateBytes, uint64_t(8 * 4 * 4 + 400 * 4 * 4));
}

TEST(Executor, NonFiniteLossNamesTheFirstBadTensor) {
  for (bool overlap : {false, true}) {
    TestModel model({});
    auto executor = make(model, {.overlap = overlap});
    auto batches = model.batches(5, 400);
    // An input.
    model.graph->mutableDense(1, "x")[model.graph->relation(1).inSources[0] * 8 + 3] = INFINITY;
    auto before = values(*executor, "emb");
    auto status = executor->run(trainEntry, batches, 40, {}, {});
    EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
    EXPECT_NE(messageOf(status).find("step 40: the loss is"), std::string::npos) << status;
    EXPECT_NE(messageOf(status).find("'x' (row"), std::string::npos) << status;
    EXPECT_EQ(values(*executor, "emb"), before);
    model.graph->mutableDense(1, "x")[model.graph->relation(1).inSources[0] * 8 + 3] = 0;
    // A product that overflows.
    float *weight = static_cast<float *>(state(*executor, "weight").data);
    float kept = weight[0];
    weight[0] = 3e38f;
    for (size_t i = 0; i < 400 * 8 * 2; ++i)
      model.graph->mutableDense(1, "x")[i] = 10;
    status = executor->run(trainEntry, batches, 41, {}, {});
    EXPECT_NE(messageOf(status).find("'m' (row"), std::string::npos) << status;
    EXPECT_NE(messageOf(status).find("of op 'h W'"), std::string::npos) << status;
    EXPECT_EQ(values(*executor, "emb"), before);
    weight[0] = kept;
    // A state.
    static_cast<float *>(state(*executor, "emb").data)[5] = NAN;
    status = executor->run(trainEntry, batches, 42, {}, {});
    EXPECT_NE(messageOf(status).find("the loss is nan"), std::string::npos) << status;
    EXPECT_NE(messageOf(status).find("'emb' (element 5)"), std::string::npos) << status;
  }
}

TEST(Executor, TraceIsNestedJson) {
  for (bool overlap : {false, true}) {
    TestModel model({});
    Trace trace(4096);
    auto executor = make(model, {.threads = 3, .overlap = overlap, .trace = &trace});
    ASSERT_TRUE(executor->run(trainEntry, model.batches(6, 200), 0, {}, {}).ok());
    test::TemporaryDirectory folder;
    std::string path = folder / "trace.json";
    ASSERT_TRUE(trace.write(path).ok());
    std::ifstream file(path);
    nlohmann::json json = nlohmann::json::parse(file);
    std::map<int, std::vector<std::pair<double, double>>> tracks;
    std::set<std::string> names;
    for (auto &event : json["traceEvents"]) {
      if (event["ph"] != "X")
        continue;
      names.insert(event["name"].get<std::string>());
      EXPECT_TRUE(event["args"].contains("step"));
      tracks[event["tid"].get<int>()].emplace_back(
          event["ts"].get<double>(), event["ts"].get<double>() + event["dur"].get<double>());
    }
    for (const char *name : {"seeds", "sample made@0", "frontier a@1", "fetch x", "aggregate",
                             "h W", "loss", "dW", "step emb", "train"})
      EXPECT_TRUE(names.count(name)) << name;
    for (auto &[track, events] : tracks) {
      std::sort(events.begin(), events.end(), [](auto &a, auto &b) {
        return a.first < b.first || (a.first == b.first && a.second > b.second);
      });
      std::vector<double> open;
      for (auto &[start, end] : events) {
        while (!open.empty() && open.back() <= start + 1e-9)
          open.pop_back();
        if (!open.empty())
          EXPECT_LE(end, open.back() + 1e-3) << track;
        open.push_back(end);
      }
    }
    std::remove(path.c_str());
  }
}

TEST(Executor, RefusesAnotherGraph) {
  TestModel model({});
  model.plan->schema_fingerprint = "0123456789abcdef";
  auto executor = Executor::create(model.plan, model.graph, {});
  EXPECT_EQ(executor.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(messageOf(executor.status()).find("recompile"), std::string::npos);
  model.plan->schema_fingerprint.clear();
  model.plan->node_types[1]->name = "c";
  executor = Executor::create(model.plan, model.graph, {});
  EXPECT_NE(messageOf(executor.status()).find("the plan has the node type 'c', the graph 'b'"),
            std::string::npos);
}

TEST(KernelLibrary, PicksAndRefusesTargets) {
  TestModel model({});
  EXPECT_EQ(make(model)->kernelTarget(), "x86-64-v2");
  model.addLibrary("kernels", "x86-64-v3");
  EXPECT_EQ(make(model, {.cpuLevel = "x86-64-v2"})->kernelTarget(), "x86-64-v2");
  auto wrong = Executor::create(model.plan, model.graph, {.cpuLevel = "x86-64-v5"});
  EXPECT_EQ(wrong.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(messageOf(wrong.status()).find("did you mean"), std::string::npos) << wrong.status();
  model.plan->libraries.clear();
  model.addLibrary("kernels", "sparc");
  EXPECT_NE(messageOf(Executor::create(model.plan, model.graph, {}).status()).find("sparc"),
            std::string::npos);
}

TEST(KernelLibrary, RefusesObjectsThatDoMoreThanCompute) {
  struct {
    const char *object, *message;
  } cases[] = {{"bad_symbol", "it uses 'system'"},
               {"bad_constructor", "it runs code when it is loaded"},
               {"bad_needed", "it needs another library"}};
  for (auto &c : cases) {
    TestModel model({});
    model.plan->libraries.clear();
    model.addLibrary(c.object, "x86-64-v2");
    auto status = Executor::create(model.plan, model.graph, {}).status();
    EXPECT_NE(messageOf(status).find(c.message), std::string::npos) << status;
  }
  TestModel model({});
  model.plan->kernels[0]->symbol = "k_missing";
  EXPECT_NE(messageOf(Executor::create(model.plan, model.graph, {}).status()).find("k_missing"),
            std::string::npos);
}

// The loader is never handed what the check has not understood.
TEST(KernelLibrary, SurvivesDamagedObjects) {
  TestModel model({});
  std::vector<uint8_t> good = model.plan->libraries[0]->object;
  ASSERT_TRUE(checkKernelObject(good, "object").ok());
  std::mt19937 random(8);
  for (int round = 0; round < 3000; ++round) {
    std::vector<uint8_t> bad = good;
    for (int flips = 0; flips < 1 + round % 8; ++flips)
      bad[random() % (round % 2 ? bad.size() : 1000)] ^= uint8_t(1u << (random() % 8));
    if (round % 5 == 0)
      bad.resize(random() % bad.size());
    (void)checkKernelObject(bad, "object");
  }
}

} // namespace
} // namespace heddle::exec
