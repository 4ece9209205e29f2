//===- PartitionsTest.cpp - training steps of several partitions --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "TestExecutors.h"
#include "TestPartitions.h"
#include "tests/unit/support/TestSupport.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <mutex>

namespace heddle::exec {
namespace {

using plan::EntryKind;
using testing::Executors;
using testing::TestPartitions;

constexpr uint64_t seed = 0x1234567890ABCDEFull;

ExecutorOptions options(int threads = 1, bool overlap = true) {
  ExecutorOptions o;
  o.threads = threads;
  o.overlap = overlap;
  o.seed = seed;
  return o;
}

void verified(const TestPartitions &model) {
  absl::Status status = plan::verifyPlan(*model.plan);
  ASSERT_TRUE(status.ok()) << status;
}

TestPartitions::Reference referenceOf(const TestPartitions &model, Executors &all) {
  auto doubles = [&](uint32_t p, const std::string &name) {
    std::vector<float> f = all.state(p, name);
    return std::vector<double>(f.begin(), f.end());
  };
  TestPartitions::Reference r;
  r.V = doubles(0, "V");
  r.emb = doubles(0, "emb");
  for (uint32_t p = 0; p < all.size(); ++p)
    r.W.push_back(doubles(p, "W" + std::to_string(p)));
  return r;
}

void near(const std::vector<float> &got, const std::vector<double> &want, const char *what) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], want[i], 2e-5) << what << " " << i;
}

/// Everything that a run leaves behind in one partition.
struct Bits {
  std::vector<float> losses, logits, V, W, emb;
  bool operator==(const Bits &) const = default;
};

std::vector<Bits> runAll(const TestPartitions &model, const ExecutorOptions &o,
                         const std::vector<std::vector<int64_t>> &batches, bool gloo = false) {
  Executors all(model.plan, model.graph, o, gloo);
  std::vector<Bits> bits(all.size());
  auto done = [&](uint32_t p, const StepResult &r) {
    bits[p].losses.push_back(r.loss);
    if (r.logits)
      bits[p].logits.insert(bits[p].logits.end(), r.logits,
                            r.logits + int64_t(r.seeds.size()) * r.classes);
    return true;
  };
  uint64_t first = 0;
  for (EntryKind kind : {EntryKind::TrainStep, EntryKind::EvalStep, EntryKind::TrainStep}) {
    for (const absl::Status &status : all.run(kind, batches, first, done))
      EXPECT_TRUE(status.ok()) << status;
    first += 100;
  }
  for (uint32_t p = 0; p < all.size(); ++p) {
    bits[p].V = all.state(p, "V");
    bits[p].W = all.state(p, "W" + std::to_string(p));
    bits[p].emb = all.state(p, "emb");
  }
  return bits;
}

TEST(Partitions, TrainLikeTheDoublePrecisionTwin) {
  for (uint32_t partitions : {2u, 3u})
    for (bool leader : {false, true}) {
      SCOPED_TRACE(std::to_string(partitions) + (leader ? " leader" : " replicated"));
      TestPartitions model({.partitions = partitions, .leader = leader});
      verified(model);
      Executors all(model.plan, model.graph, options(2));
      auto reference = referenceOf(model, all);
      auto batches = model.batches(8, 40);
      batches.push_back(model.batches(1, model.o.numA)[0]);
      batches.push_back({});
      batches.push_back({7});
      std::vector<double> want;
      std::array<int64_t, transport::trafficClasses> bytes{};
      for (size_t i = 0; i < batches.size(); ++i) {
        want.push_back(model.referenceStep(batches[i], 5 + i, seed, reference));
        auto wire = model.wire(EntryKind::TrainStep, batches[i].size(), reference.rows);
        for (size_t c = 0; c < bytes.size(); ++c)
          bytes[c] += wire[c];
      }
      std::vector<std::vector<float>> got(partitions);
      auto statuses =
          all.run(EntryKind::TrainStep, batches, 5, [&](uint32_t p, const StepResult &r) {
            EXPECT_TRUE(r.hasLoss);
            EXPECT_EQ(r.logits != nullptr, !leader || p == 0);
            EXPECT_EQ(r.step, 5 + got[p].size());
            got[p].push_back(r.loss);
            return true;
          });
      transport::TransportCounters sent;
      for (uint32_t p = 0; p < partitions; ++p) {
        ASSERT_TRUE(statuses[p].ok()) << statuses[p];
        ASSERT_EQ(got[p].size(), want.size());
        for (size_t i = 0; i < want.size(); ++i)
          EXPECT_NEAR(got[p][i], want[i], 1e-5 * (1 + want[i])) << p << " " << i;
        EXPECT_EQ(got[p], got[0]);
        near(all.state(p, "V"), reference.V, "V");
        near(all.state(p, "emb"), reference.emb, "emb");
        near(all.state(p, "W" + std::to_string(p)), reference.W[p], "W");
        EXPECT_EQ(all.state(p, "V"), all.state(0, "V"));
        EXPECT_EQ(all.state(p, "emb"), all.state(0, "emb"));
        sent += all.connections(p).counters();
      }
      // To the byte, class by class.
      for (auto traffic : {transport::Traffic::Activations, transport::Traffic::DenseGradients,
                           transport::Traffic::EmbeddingRows, transport::Traffic::RemoteFeatures})
        EXPECT_EQ(sent.of(traffic).bytes, bytes[size_t(traffic)])
            << transport::trafficName(traffic);
      EXPECT_GT(bytes[size_t(transport::Traffic::EmbeddingRows)], 0);
      EXPECT_GT(all[0].stats().commSeconds, 0.0);
      EXPECT_GT(all[1].stats().commStallSeconds, 0.0);
    }
}

TEST(Partitions, SameBitsForAnyThreadsAndOverlap) {
  for (bool leader : {false, true}) {
    TestPartitions model({.partitions = 3, .leader = leader});
    auto batches = model.batches(6, 60);
    batches.push_back({});
    batches.push_back({3});
    auto first = runAll(model, options(1, false), batches);
    for (size_t p = 1; p < first.size(); ++p) {
      EXPECT_EQ(first[p].losses, first[0].losses);
      EXPECT_EQ(first[p].V, first[0].V);
      EXPECT_EQ(first[p].emb, first[0].emb);
    }
    for (int threads : {1, 2, 3})
      for (bool overlap : {false, true})
        EXPECT_TRUE(runAll(model, options(threads, overlap), batches) == first)
            << threads << " " << overlap;
    EXPECT_TRUE(runAll(model, options(2), batches, true) == first) << "gloo";
  }
}

TEST(Partitions, KeptResultsDoNotChangeBits) {
  TestPartitions plain({.fanout = -1}), kept({.fanout = -1, .stay = true}),
      one({.fanout = -1, .stayInOne = true});
  verified(kept);
  verified(one);
  std::vector<std::vector<int64_t>> batches(6, plain.batches(1, 200)[0]);
  auto first = runAll(plain, options(), batches);
  EXPECT_TRUE(runAll(kept, options(), batches) == first);
  EXPECT_TRUE(runAll(one, options(), batches) == first);
  batches[3] = plain.batches(1, 50, 7)[0];
  batches[4] = plain.batches(1, 77, 8)[0];
  first = runAll(plain, options(), batches);
  EXPECT_TRUE(runAll(kept, options(), batches) == first);
  EXPECT_TRUE(runAll(one, options(), batches) == first);
}

// The ids of a step that is kept are not exchanged again.
TEST(Partitions, KeptIdsTravelOnce) {
  TestPartitions model({.fanout = -1, .stay = true});
  Executors all(model.plan, model.graph, options());
  std::vector<std::vector<int64_t>> batches(5, model.batches(1, 200)[0]);
  auto blocks = [&] {
    return all.connections(0).ahead->counters().of(transport::Traffic::EmbeddingRows).blocks;
  };
  for (const auto &status : all.run(EntryKind::TrainStep, batches, 0))
    EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(blocks(), 1);
  for (const auto &status : all.run(EntryKind::TrainStep, batches, 5))
    EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(blocks(), 1);
  batches[1].pop_back();
  for (const auto &status : all.run(EntryKind::TrainStep, batches, 10))
    EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(blocks(), 2);
}

TEST(Partitions, ZeroRowsEverywhere) {
  for (bool leader : {false, true})
    for (TestPartitions::Options o :
         {TestPartitions::Options{.edges = 0}, TestPartitions::Options{.emptyRelation = 0},
          TestPartitions::Options{.partitions = 3, .emptyRelation = 2},
          TestPartitions::Options{.fanout = 0}, TestPartitions::Options{.numB = 0, .edges = 0},
          TestPartitions::Options{.numA = 0, .edges = 0}}) {
      o.leader = leader;
      TestPartitions model(o);
      Executors all(model.plan, model.graph, options(2));
      auto reference = referenceOf(model, all);
      auto batches = model.batches(3, 30);
      batches.push_back({});
      std::vector<double> want;
      for (size_t i = 0; i < batches.size(); ++i)
        want.push_back(model.referenceStep(batches[i], i, seed, reference));
      std::vector<size_t> steps(all.size());
      auto statuses =
          all.run(EntryKind::TrainStep, batches, 0, [&](uint32_t p, const StepResult &r) {
            EXPECT_NEAR(r.loss, want[steps[p]], 1e-5 * (1 + want[steps[p]]));
            ++steps[p];
            return true;
          });
      for (uint32_t p = 0; p < all.size(); ++p) {
        EXPECT_TRUE(statuses[p].ok()) << statuses[p];
        EXPECT_EQ(steps[p], batches.size());
        near(all.state(p, "emb"), reference.emb, "emb");
      }
      for (const auto &status : all.run(EntryKind::TrainStep, {}, 0))
        EXPECT_TRUE(status.ok()) << status;
    }
}

// Partition 0 stops in the middle, while fetch queues are different numbers of steps ahead.
TEST(Partitions, AnEarlyEndIsCleanAndTheNextRunWorks) {
  TestPartitions whole({.partitions = 3, .slots = 4});
  auto batches = whole.batches(20, 30);
  for (bool gloo : {false, true})
    for (bool overlap : {false, true}) {
      // The same steps in one piece.
      Executors reference(whole.plan, whole.graph, options(1, overlap));
      Executors all(whole.plan, whole.graph, options(1, overlap), gloo);
      std::vector<std::vector<int64_t>> done;
      uint64_t at = 0;
      for (uint64_t length : {1u, 3u, 7u, 2u, 20u}) {
        std::vector<uint64_t> steps(all.size());
        auto statuses =
            all.run(EntryKind::TrainStep, batches, at, [&](uint32_t p, const StepResult &r) {
              // Uneven: others are late, and their fetch queues are ahead meanwhile.
              if (p == 1 && r.step % 3 == 0)
                std::this_thread::sleep_for(std::chrono::milliseconds(3));
              ++steps[p];
              return p != 0 || steps[p] < length; // what the others say does not count
            });
        for (uint32_t p = 0; p < all.size(); ++p) {
          EXPECT_TRUE(statuses[p].ok()) << statuses[p];
          EXPECT_EQ(steps[p], length);
        }
        std::vector<std::vector<int64_t>> piece(batches.begin(), batches.begin() + long(length));
        for (const auto &status : reference.run(EntryKind::TrainStep, piece, at))
          EXPECT_TRUE(status.ok()) << status;
        at += length;
        EXPECT_EQ(all.state(0, "emb"), reference.state(0, "emb"));
        EXPECT_EQ(all.state(2, "V"), reference.state(0, "V"));
      }
    }
}

TEST(Partitions, StopsAtEveryStepManyTimes) {
  TestPartitions model({.partitions = 3, .numA = 40, .numB = 40, .edges = 80, .slots = 3});
  Executors all(model.plan, model.graph, options());
  auto batches = model.batches(6, 8);
  for (int round = 0; round < 60; ++round) {
    uint64_t steps = 0;
    auto statuses = all.run(
        EntryKind::TrainStep, batches, uint64_t(round) * 10,
        [&](uint32_t p, const StepResult &) { return p != 0 || ++steps <= uint64_t(round % 7); });
    for (const auto &status : statuses)
      ASSERT_TRUE(status.ok()) << round << " " << status;
  }
}

// Only one partition's fetch queue works ahead.
TEST(Partitions, AnEarlyEndWhereOneDoesNotWorkAhead) {
  TestPartitions model({.partitions = 2});
  Executors ahead(model.plan, model.graph, options(1, true)),
      inOrder(model.plan, model.graph, options(1, false));
  auto pairs = transport::makeThreadConnections(2);
  std::vector<std::unique_ptr<Executor>> all;
  for (uint32_t p : {0u, 1u}) {
    ExecutorOptions o = options(1, p == 1);
    o.partition = p;
    o.connections = {pairs[p].compute.get(), pairs[p].ahead.get()};
    all.push_back(Executor::create(model.plan, model.graph, o).value());
  }
  auto batches = model.batches(9, 30);
  for (int length : {2, 9, 4}) {
    std::vector<std::thread> threads;
    for (uint32_t p : {0u, 1u})
      threads.emplace_back([&, p] {
        int steps = 0;
        absl::Status status = all[p]->run(
            int(p), batches, 0, {}, [&](const StepResult &) { return p != 0 || ++steps < length; });
        EXPECT_TRUE(status.ok()) << status;
      });
    for (auto &t : threads)
      t.join();
  }
}

TEST(Partitions, AnErrorOfOneEndsAllWithItsReason) {
  for (bool leader : {false, true})
    for (bool overlap : {false, true}) {
      TestPartitions model({.partitions = 3, .leader = leader});
      auto pairs = transport::makeThreadConnections(3);
      std::vector<std::unique_ptr<Executor>> all;
      for (uint32_t p = 0; p < 3; ++p) {
        ExecutorOptions o = options(1, overlap);
        o.partition = p;
        o.connections = {pairs[p].compute.get(), pairs[p].ahead.get()};
        o.memoryLimit = p == 1 ? 130000 : 0;
        auto made = Executor::create(model.plan, model.graph, o);
        ASSERT_TRUE(made.ok()) << made.status();
        all.push_back(std::move(made).value());
      }
      auto batches = model.batches(4, 20);
      batches.push_back(model.batches(1, 300)[0]); // too much for partition 1
      batches.push_back(batches[0]);
      std::vector<absl::Status> statuses(3);
      std::vector<int> steps(3);
      auto runAll = [&](const std::vector<std::vector<int64_t>> &b) {
        std::vector<std::thread> threads;
        for (uint32_t p = 0; p < 3; ++p)
          threads.emplace_back([&, p] {
            statuses[p] = all[p]->run(int(p), b, 10, {}, [&](const StepResult &) {
              ++steps[p];
              return true;
            });
          });
        for (auto &t : threads)
          t.join();
      };
      auto start = std::chrono::steady_clock::now();
      runAll(batches);
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
      EXPECT_EQ(statuses[1].code(), absl::StatusCode::kResourceExhausted) << statuses[1];
      EXPECT_NE(messageOf(statuses[1]).find("raise --memory"), std::string::npos) << statuses[1];
      EXPECT_EQ(steps[1], 4);
      for (uint32_t p : {0u, 2u}) {
        EXPECT_EQ(statuses[p].code(), absl::StatusCode::kAborted) << statuses[p];
        EXPECT_NE(messageOf(statuses[p]).find("ended by rank 1: "), std::string::npos)
            << statuses[p];
        EXPECT_NE(messageOf(statuses[p]).find("step 14: "), std::string::npos) << statuses[p];
        EXPECT_NE(messageOf(statuses[p]).find("raise --memory"), std::string::npos) << statuses[p];
        EXPECT_GE(steps[p], 3);
      }
      // Without a re-make another run fails at once; after it everything works.
      runAll({batches[0]});
      for (const auto &status : statuses)
        EXPECT_FALSE(status.ok());
      std::vector<std::thread> threads;
      for (auto &pair : pairs)
        threads.emplace_back([&pair] { EXPECT_TRUE(pair.remake().ok()); });
      for (auto &t : threads)
        t.join();
      runAll({batches[0], batches[1]});
      for (const auto &status : statuses)
        EXPECT_TRUE(status.ok()) << status;
    }
}

TEST(Partitions, BadSeedsEndAllOfThem) {
  for (bool overlap : {false, true}) {
    TestPartitions model({.partitions = 2});
    Executors all(model.plan, model.graph, options(1, overlap));
    auto batches = model.batches(6, 50);
    batches[3].push_back(5000);
    for (const auto &status : all.run(EntryKind::TrainStep, batches, 20)) {
      EXPECT_FALSE(status.ok());
      EXPECT_NE(messageOf(status).find("step 23: seeds: seed 5000 is not a node of 'a'"),
                std::string::npos)
          << status;
    }
  }
}

TEST(Partitions, ANonFiniteLossChangesNoState) {
  for (bool leader : {false, true})
    for (bool overlap : {false, true}) {
      TestPartitions model({.partitions = 3, .leader = leader});
      Executors all(model.plan, model.graph, options(1, overlap));
      // A weight of partition 1 alone.
      for (const StateView &view : all[1].states())
        if (view.description->name == "W1")
          static_cast<float *>(view.data)[3] = INFINITY;
      std::vector<std::vector<float>> V, emb;
      for (uint32_t p = 0; p < 3; ++p) {
        V.push_back(all.state(p, "V"));
        emb.push_back(all.state(p, "emb"));
      }
      auto statuses = all.run(EntryKind::TrainStep, model.batches(4, 100), 40);
      for (uint32_t p = 0; p < 3; ++p) {
        EXPECT_EQ(statuses[p].code(), absl::StatusCode::kAborted);
        EXPECT_NE(messageOf(statuses[p]).find("step 40: the loss is"), std::string::npos)
            << statuses[p];
        EXPECT_EQ(all.state(p, "V"), V[p]);
        EXPECT_EQ(all.state(p, "emb"), emb[p]);
      }
      // Whoever was first: the partition that has it names the culprit.
      EXPECT_NE(messageOf(statuses[1]).find("'W1' (element 3)"), std::string::npos) << statuses[1];
      if (leader)
        EXPECT_NE(messageOf(statuses[0]).find("behind op 'merge logits', where partition 0"),
                  std::string::npos)
            << statuses[0];
    }
}

// Somebody who is not there is an error within the timeout, for all.
TEST(Partitions, AMissingPartitionIsNamed) {
  TestPartitions model({.partitions = 2});
  Executors all(model.plan, model.graph, options());
  all.connections(0).setTimeout(std::chrono::milliseconds(200));
  absl::Status status = all[0].run(0, model.batches(2, 20), 0, {}, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  EXPECT_NE(messageOf(status).find("rank 1"), std::string::npos) << status;
  status = all[1].run(1, model.batches(2, 20), 0, {}, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
}

TEST(Partitions, StatesAreKeptWhereThePlanSays) {
  TestPartitions model({.partitions = 3});
  Executors all(model.plan, model.graph, options());
  for (const auto &status : all.run(EntryKind::TrainStep, model.batches(3, 50), 0))
    EXPECT_TRUE(status.ok()) << status;
  const size_t bytes = 8 * 4 * 4, table = size_t(model.o.numB) * 8 * 4;
  for (uint32_t p = 0; p < 3; ++p) {
    EXPECT_TRUE(all[p].keeps(0) && all[p].keeps(1));
    for (uint32_t k = 0; k < 3; ++k) {
      EXPECT_EQ(all[p].keeps(2 + k), p == k);
      bool zero = true;
      for (float value : all.state(p, "W" + std::to_string(k)))
        zero &= value == 0;
      EXPECT_EQ(zero, p != k);
    }
    EXPECT_EQ(all[p].stats().stateBytes, table + 2 * bytes);
  }
  all.each([&](uint32_t p) { EXPECT_TRUE(all[p].gatherStates(2).ok()); });
  for (uint32_t k = 0; k < 3; ++k)
    EXPECT_EQ(all.state(2, "W" + std::to_string(k)), all.state(k, "W" + std::to_string(k)));
  EXPECT_EQ(all[2].stats().stateBytes, table + 4 * bytes);
  EXPECT_EQ(all[0].stats().stateBytes, table + 2 * bytes);
  EXPECT_EQ(all.state(0, "W1"), std::vector<float>(32, 0.0f));
  EXPECT_EQ(all[0].gatherStates(3).code(), absl::StatusCode::kInvalidArgument);
  all.each([&](uint32_t p) { all[p].resetStates(seed); });
  Executors fresh(model.plan, model.graph, options());
  for (uint32_t k = 0; k < 3; ++k)
    EXPECT_EQ(all.state(k, "W" + std::to_string(k)), fresh.state(k, "W" + std::to_string(k)));
}

TEST(Partitions, WrongConnectionsAreRefused) {
  TestPartitions model({.partitions = 2});
  auto pairs = transport::makeThreadConnections(2);
  auto error = [&](uint32_t partition, transport::Transport *compute, transport::Transport *ahead) {
    ExecutorOptions o = options();
    o.partition = partition;
    o.connections = {compute, ahead};
    auto made = Executor::create(model.plan, model.graph, o);
    EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
    return messageOf(made.status());
  };
  EXPECT_EQ(error(2, nullptr, nullptr), "partition 2: the plan has 2 partitions");
  EXPECT_NE(error(1, pairs[1].compute.get(), nullptr).find("needs connections"), std::string::npos);
  EXPECT_NE(error(1, pairs[0].compute.get(), pairs[1].ahead.get()).find("as rank 0 of 2"),
            std::string::npos);
  EXPECT_NE(error(1, pairs[1].compute.get(), pairs[1].compute.get()).find("a connection each"),
            std::string::npos);
  ExecutorOptions o = options();
  o.partition = 1;
  o.connections = {pairs[1].compute.get(), pairs[1].ahead.get()};
  auto executor = Executor::create(model.plan, model.graph, o).value();
  EXPECT_NE(messageOf(executor->run(0, {}, 0, {}, {})).find("it is of partition 0"),
            std::string::npos);
}

TEST(Partitions, CollectivesAreTraced) {
  TestPartitions model({.partitions = 2});
  Trace trace(4096);
  ExecutorOptions o = options(2);
  o.trace = &trace;
  {
    Executors all(model.plan, model.graph, o);
    for (const auto &status : all.run(EntryKind::TrainStep, model.batches(4, 100), 0))
      EXPECT_TRUE(status.ok()) << status;
    test::TemporaryDirectory folder;
    std::string path = folder / "trace.json";
    ASSERT_TRUE(trace.write(path).ok());
    std::ifstream file(path);
    nlohmann::json json = nlohmann::json::parse(file);
    std::map<int, std::string> tracks;
    std::map<std::string, std::map<std::string, std::pair<int, int64_t>>> seen; // count, bytes
    for (auto &event : json["traceEvents"])
      if (event["ph"] == "M" && event["name"] == "thread_name")
        tracks[event["tid"].get<int>()] = event["args"]["name"].get<std::string>();
    for (auto &event : json["traceEvents"])
      if (event["ph"] == "X") {
        auto &entry = seen[tracks[event["tid"].get<int>()]][event["name"].get<std::string>()];
        ++entry.first;
        entry.second += event["args"]["bytes"].get<int64_t>();
      }
    for (const char *partition : {"partition 0 ", "partition 1 "}) {
      for (const char *op : {"merge logits", "merge dV", "exchange dx"})
        EXPECT_EQ(seen[partition + std::string("comm")][op].first, 4) << partition << op;
      EXPECT_EQ(seen[partition + std::string("comm")]["merge dV"].second, 4 * 2 * 16 * 4);
      EXPECT_EQ(seen[partition + std::string("comm ahead")]["union b"].first, 4);
      EXPECT_GT(seen[partition + std::string("comm ahead")]["union b"].second, 0);
      EXPECT_EQ(seen[partition + std::string("comm ahead")]["rows of the batch"].second,
                4 * 2 * 8);
      EXPECT_EQ(seen[partition + std::string("comm")]["end of step"].first, 4);
    }
  }
}

} // namespace
} // namespace heddle::exec
