//===- TeamTest.cpp - partitions that train one model -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "Doubles.h"

#include "runtime/train/RunFolder.h"
#include "runtime/train/Safetensors.h"
#include "runtime/train/Team.h"
#include "runtime/train/Worker.h"
#include "runtime/transport/Connections.h"

#include "nlohmann/json.hpp"
#include "gtest/gtest.h"

#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <unistd.h>

namespace heddle::train {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using std::chrono::milliseconds;

/// Calls `each` once for every partition, in threads.
void onAll(int partitions, milliseconds timeout, const std::function<void(Team &)> &each) {
  auto pairs = transport::makeThreadConnections(partitions);
  std::vector<std::thread> threads;
  for (auto &pair : pairs)
    threads.emplace_back([&] {
      pair.compute->setTimeout(timeout);
      pair.ahead->setTimeout(timeout);
      auto team = makeTeam({pair.compute.get(), pair.ahead.get()});
      each(*team);
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST(Team, AllGetWhatPartition0Returns) {
  std::atomic<int> calls{0};
  onAll(3, milliseconds(20000), [&](Team &team) {
    for (uint64_t turn = 0; turn < 50; ++turn) {
      auto value = team.lead([&] { return ++calls, turn * turn; });
      ASSERT_TRUE(value.ok()) << value.status();
      EXPECT_EQ(*value, turn * turn);
    }
    int64_t own[2] = {team.partition(), 10 * team.partition()};
    auto all = team.collect(own);
    ASSERT_TRUE(all.ok()) << all.status();
    if (team.leads())
      EXPECT_EQ(*all, (std::vector<std::vector<int64_t>>{{0, 0}, {1, 10}, {2, 20}}));
    else
      EXPECT_TRUE(all->empty());
    // 51 short words to each of two others.
    EXPECT_EQ(team.sent().of(transport::Traffic::Control).bytes, team.leads() ? 50 * 2 * 16 : 16);
  });
  EXPECT_EQ(calls, 50) << "only partition 0 works";
}

TEST(Team, WorkMayTakeLongerThanACall) {
  onAll(3, milliseconds(200), [&](Team &team) {
    auto value = team.lead([&] {
      std::this_thread::sleep_for(milliseconds(700));
      return uint64_t(7);
    });
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_EQ(*value, 7u);
    EXPECT_EQ(*team.lead([] { return uint64_t(8); }), 8u);
  });
}

TEST(Team, StartingMayTakeLongerThanACall) {
  onAll(3, milliseconds(200), [&](Team &team) {
    std::this_thread::sleep_for(milliseconds(300 * team.partition()));
    EXPECT_TRUE(team.awaitAll().ok());
    EXPECT_EQ(*team.lead([] { return uint64_t(8); }), 8u);
  });
}

TEST(Team, AnErrorEndsAllWithItsReason) {
  onAll(3, milliseconds(20000), [&](Team &team) {
    absl::Status status = team.leadTo([] { return unavailable("x.csv: the disk is full"); });
    EXPECT_NE(messageOf(status).find("x.csv: the disk is full"), std::string::npos) << status;
    EXPECT_EQ(status.code() == absl::StatusCode::kAborted, !team.leads()) << status;
    EXPECT_FALSE(team.lead([] { return uint64_t(1); }).ok());
  });
  // One of the others gives up while partition 0 works.
  onAll(3, milliseconds(20000), [&](Team &team) {
    if (team.partition() == 2)
      return team.abort(internalError("step 3: the loss is nan"));
    absl::Status status = team.leadTo([] { return absl::OkStatus(); });
    while (status.ok())
      status = team.leadTo([] { return absl::OkStatus(); });
    EXPECT_NE(messageOf(status).find("step 3: the loss is nan"), std::string::npos) << status;
    EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  });
}

/// Names, shapes and values of a file's tensors.
std::string tensors(const std::string &path) {
  auto reader = SafetensorsReader::open(path);
  if (!reader.ok())
    return messageOf(reader.status());
  std::string text;
  for (const TensorInfo &info : (*reader)->tensors()) {
    int64_t elements = 1;
    text += info.name + " " + info.dtype;
    for (int64_t size : info.shape) {
      text += " " + std::to_string(size);
      elements *= size;
    }
    std::vector<float> values(static_cast<size_t>(elements));
    EXPECT_TRUE((*reader)->read(info, 0, elements * 4, values.data()).ok());
    for (float value : values)
      text += " " + std::to_string(value);
    text += "\n";
  }
  return text;
}

std::vector<Json> lines(const std::string &path) {
  std::istringstream in(readAll(path));
  std::vector<Json> out;
  for (std::string line; std::getline(in, line);)
    out.push_back(Json::parse(line));
  return out;
}

/// A run by one worker that hosts all partitions, or by several.
struct Scene {
  explicit Scene(int partitions, const std::string &settings)
      : graph(30), plan(fakePlan(uint32_t(partitions), 5, settings)) {
    graph.setSplit(10, 20, 30);
    options.run.output = folder / "run";
    options.run.progress = ProgressMode::Never;
    options.run.planChecksum = "00000000000000aa";
    options.executor.threads = 1;
    quality = [](float w) { return w == 4 ? 0.9 : 0.5; };
  }
  absl::StatusOr<RunOutcome> run() {
    auto settings = readTrainSettings(*plan, "a.plan", overrides);
    EXPECT_TRUE(settings.ok()) << settings.status();
    auto make = [&](const exec::ExecutorOptions &options)
        -> absl::StatusOr<std::unique_ptr<exec::Executor>> {
      std::unique_ptr<FakeExecutor> executor;
      if (plan->partitions == 1)
        executor = std::make_unique<FakeExecutor>(*plan, graph);
      else
        executor = std::make_unique<FakePartition>(*plan, graph, options);
      executor->quality = quality;
      executor->failAt = int(options.partition) == failing ? failAt : -1;
      std::lock_guard<std::mutex> lock(mutex);
      seen.push_back(options);
      current[int(options.partition)] = executor.get();
      return std::unique_ptr<exec::Executor>(std::move(executor));
    };
    return runWorker(*plan, graph, make, *settings, options, [&] {
      std::lock_guard<std::mutex> lock(mutex);
      return stop(*this);
    });
  }
  std::string in(const std::string &name) { return folder / ("run/" + name); }

  TemporaryDirectory folder;
  FakeGraph graph;
  std::unique_ptr<plan::PlanT> plan;
  TrainOverrides overrides;
  WorkerOptions options;
  std::function<double(float)> quality;
  std::function<bool(Scene &)> stop = [](Scene &) { return false; };
  int failing = -1;
  int64_t failAt = -1;
  std::mutex mutex;
  std::vector<exec::ExecutorOptions> seen;
  std::map<int, FakeExecutor *> current;
};

constexpr const char *fourEpochs = R"({"num_epochs": 4, "seed": 5})";

TEST(Partitions, WriteWhatOnePartitionWrites) {
  Scene one(1, fourEpochs), three(3, fourEpochs);
  ASSERT_OK(one.run().status());
  auto outcome = three.run();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  for (const char *file :
       {"best/weights.safetensors", "last/weights.safetensors", "last/optimizer.safetensors"}) {
    EXPECT_EQ(tensors(one.in(file)), tensors(three.in(file))) << file;
    EXPECT_NE(tensors(one.in(file)), "") << file;
  }
  EXPECT_NE(tensors(three.in("best/weights.safetensors")).find("rows F32 30 2 2.000000"),
            std::string::npos)
      << "the rows of the best epoch, which partition 2 keeps";
  EXPECT_EQ(readAll(one.in("predictions.csv")), readAll(three.in("predictions.csv")));
  EXPECT_EQ(readAll(one.in("spec.json")), readAll(three.in("spec.json")));
  auto a = lines(one.in("metrics.jsonl")), b = lines(three.in("metrics.jsonl"));
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i)
    for (const char *key : {"event", "epoch", "step", "loss", "metrics", "best", "lr", "rows"})
      EXPECT_EQ(a[i].value(key, Json()), b[i].value(key, Json())) << key << " of line " << i;
  // Three partitions of ten seeds a step, as the fake counts them.
  EXPECT_EQ(a[0]["edges"], 100);
  EXPECT_EQ(b[0]["edges"], 300);
  EXPECT_FALSE(a[0].contains("sent_bytes"));
  EXPECT_EQ(b[0]["sent_bytes"]["control"], 2 * 2 * 8) << b[0]; // a word a step to two others
  EXPECT_EQ(b[0]["sent_bytes"]["activations"], 0);
  EXPECT_TRUE(b[0].contains("comm_seconds") && b[0].contains("comm_stall_seconds"));
  EXPECT_NE(outcome->summary.find("3 partitions on 1 worker, each of 2 threads"), std::string::npos)
      << outcome->summary;
  Json state = Json::parse(readAll(three.in("run.json")));
  EXPECT_EQ(state["partitions"], 3);
  EXPECT_EQ(state["workers"], 1);
  EXPECT_EQ(Json::parse(readAll(three.in("fingerprints.json")))["partitions"], 3);
}

TEST(Partitions, Partition0StopsAllEarly) {
  Scene s(3, R"({"num_epochs": 50, "eval": {"early_stopping":
                 {"monitor": "valid/accuracy", "mode": "max", "patience": 2}}})");
  s.quality = [](float w) { return w <= 6 ? 0.1 * w : 0.2; };
  s.options.run.predictions = PredictionParts::None;
  auto outcome = s.run();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  Json result = Json::parse(readAll(s.in("run.json")))["result"];
  EXPECT_EQ(result["stopped_early"], true);
  EXPECT_EQ(result["best_epoch"], 3);
  EXPECT_EQ(result["epochs"], 5);
}

TEST(Partitions, AnInterruptOfPartition0StopsAllAfterTheSameStep) {
  for (int steps : {7, 4, 1}) { // in an epoch of two steps, after one, before the first evaluation
    Scene s(3, R"({"num_epochs": 1000})");
    s.stop = [steps](Scene &s) { return s.current[0]->weight[0] >= float(steps); };
    auto outcome = s.run();
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_TRUE(outcome->interrupted);
    std::string last = tensors(s.in("last/weights.safetensors"));
    EXPECT_NE(last.find("layer.0.weight F32 1 2 " + std::to_string(steps) + ".0"),
              std::string::npos)
        << last;
    // One for each of five seeds a step, from the partition that keeps the rows.
    double sum = 0;
    std::istringstream in(last.substr(last.find("rows F32 30 2") + 13));
    for (double value; in >> value;)
      sum += value;
    EXPECT_EQ(sum, steps * 5);
    EXPECT_EQ(Json::parse(readAll(s.in("run.json")))["status"], "interrupted");
  }
}

TEST(Partitions, AnInterruptedEvaluationSelectsNothing) {
  Scene s(2, R"({"num_epochs": 5})");
  s.stop = [](Scene &s) { return s.current[0]->calls.size() == 2; };
  auto outcome = s.run();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(outcome->interrupted);
  EXPECT_TRUE(Json::parse(readAll(s.in("run.json")))["result"]["best_epoch"].is_null());
}

TEST(Partitions, SavesDuringTheRunAreGatheredFirst) {
  Scene s(2, R"({"num_epochs": 6})");
  s.options.run.saveIntervalSeconds = 0;
  s.failing = 1;
  s.failAt = 6; // the first step of epoch 4: three epochs were saved, with the best of them
  auto outcome = s.run();
  EXPECT_NE(messageOf(outcome.status()).find("partition 1: step 4: loss is nan"), std::string::npos)
      << outcome.status();
  std::string partial = s.folder / "run.partial/";
  EXPECT_EQ(Json::parse(readAll(partial + "run.json"))["status"], "failed");
  std::string last = tensors(partial + "last/weights.safetensors");
  EXPECT_NE(last.find("layer.0.weight F32 1 2 6.0"), std::string::npos) << last;
  EXPECT_NE(last.find("rows F32 30 2 3.0"), std::string::npos) << last;
  std::string best = tensors(partial + "best/weights.safetensors");
  EXPECT_NE(best.find("layer.0.weight F32 1 2 4.0"), std::string::npos) << best;
  EXPECT_NE(best.find("rows F32 30 2 2.0"), std::string::npos) << best;
}

TEST(Partitions, WhatCannotBeGatheredIsNotWritten) {
  Scene s(3, R"({"num_epochs": 6})");
  s.failing = 2;
  s.failAt = 6;
  EXPECT_EQ(s.run().status().code(), absl::StatusCode::kInternal);
  EXPECT_FALSE(fs::exists(s.folder / "run.partial/last/weights.safetensors"))
      << "rows of zeros are worse than none";
}

TEST(Partitions, AnExistingFolderEndsAll) {
  Scene s(3, fourEpochs);
  fs::create_directories(s.folder / "run");
  test::writeAll(s.folder / "run/run.json", "{}");
  auto outcome = s.run();
  EXPECT_EQ(exitCodeOf(outcome.status()), 2);
  EXPECT_FAILS(outcome, "already exists", "--force");
}

TEST(Partitions, SeveralRuns) {
  Scene s(2, R"({"num_epochs": 2, "seed": 10})");
  s.options.run.runs = 3;
  auto outcome = s.run();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  for (const char *seed : {"seed-10", "seed-11", "seed-12"})
    EXPECT_NE(
        tensors(s.in(std::string(seed) + "/best/weights.safetensors")).find("rows F32 30 2 2"),
        std::string::npos);
  std::multiset<uint64_t> seeds;
  for (const auto &options : s.seen)
    seeds.insert(options.seed);
  EXPECT_EQ(seeds, (std::multiset<uint64_t>{10, 10, 11, 11, 12, 12}));
}

TEST(Worker, HostsItsShareOfThePartitions) {
  for (int partitions = 1; partitions <= 7; ++partitions)
    for (int workers = 1; workers <= partitions; ++workers) {
      int next = 0;
      for (int rank = 0; rank < workers; ++rank) {
        PartitionRange range = partitionsOf(rank, workers, partitions);
        EXPECT_EQ(range.first, next);
        EXPECT_GT(range.last, range.first);
        for (int k = range.first; k < range.last; ++k)
          EXPECT_EQ(k * workers / partitions, rank);
        next = range.last;
      }
      EXPECT_EQ(next, partitions);
    }
}

TEST(Worker, DividesThreadsAndMemory) {
  Scene s(3, fourEpochs);
  s.options.executor.threads = 4;
  s.options.executor.memoryLimit = 300;
  ASSERT_OK(s.run().status());
  std::map<uint32_t, int> threads;
  for (const auto &options : s.seen) {
    threads[options.partition] = options.threads;
    EXPECT_EQ(options.memoryLimit, 100u);
  }
  EXPECT_EQ(threads, (std::map<uint32_t, int>{{0, 1}, {1, 1}, {2, 2}}));
  s.options.run.force = true;
  s.options.executor.threads = 2;
  s.seen.clear();
  ASSERT_OK(s.run().status());
  for (const auto &options : s.seen)
    EXPECT_EQ(options.threads, 1);
}

TEST(Worker, TracesItsPartitionsInOneFile) {
  Scene s(2, fourEpochs);
  s.options.trace = s.folder / "trace.json";
  ASSERT_OK(s.run().status());
  EXPECT_TRUE(Json::parse(readAll(s.folder / "trace.json")).contains("traceEvents"));
  EXPECT_NE(s.seen[0].trace, nullptr);
  EXPECT_EQ(s.seen[0].trace, s.seen[1].trace);
}

/// One scene for each of several workers that meet by Gloo, here as threads.
std::vector<absl::StatusOr<RunOutcome>> meet(std::vector<std::unique_ptr<Scene>> &scenes) {
  static int meetings = 0;
  std::string address =
      "unix:@heddle-test-" + std::to_string(getpid()) + "-" + std::to_string(meetings++);
  std::vector<absl::StatusOr<RunOutcome>> outcomes(scenes.size());
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < scenes.size(); ++rank)
    threads.emplace_back([&, rank] {
      WorkerOptions &own = scenes[rank]->options;
      own.rank = int(rank);
      own.workers = int(scenes.size());
      own.address = address;
      own.timeout = milliseconds(10000);
      outcomes[rank] = scenes[rank]->run();
    });
  for (std::thread &thread : threads)
    thread.join();
  return outcomes;
}

std::vector<std::unique_ptr<Scene>> scenes(int workers, int partitions) {
  std::vector<std::unique_ptr<Scene>> out;
  for (int rank = 0; rank < workers; ++rank)
    out.push_back(std::make_unique<Scene>(partitions, fourEpochs));
  return out;
}

TEST(Worker, SeveralWorkersWriteWhatOneWrites) {
  Scene one(3, fourEpochs);
  ASSERT_OK(one.run().status());
  auto two = scenes(2, 3);
  for (auto &outcome : meet(two))
    ASSERT_TRUE(outcome.ok()) << outcome.status();
  for (const char *file :
       {"best/weights.safetensors", "last/weights.safetensors", "last/optimizer.safetensors"})
    EXPECT_EQ(tensors(one.in(file)), tensors(two[0]->in(file))) << file;
  EXPECT_TRUE(fs::is_empty(two[1]->folder.path())) << "only rank 0 writes";
  EXPECT_EQ(two[0]->seen.size(), 2u);
  EXPECT_EQ(two[1]->seen.size(), 1u);
  EXPECT_EQ(Json::parse(readAll(two[0]->in("run.json")))["workers"], 2);
  auto a = lines(one.in("metrics.jsonl")), b = lines(two[0]->in("metrics.jsonl"));
  EXPECT_EQ(a[0]["sent_bytes"], b[0]["sent_bytes"]);
}

TEST(Worker, AnotherPlanGraphOrCommandLineIsRefused) {
  struct {
    std::function<void(Scene &)> change;
    const char *reason;
  } cases[] = {
      {[](Scene &s) { s.options.run.planChecksum = "00000000000000bb"; },
       "plan hash: rank 0 has 00000000000000aa, rank 1 has 00000000000000bb"},
      {[](Scene &s) { s.graph.changeFingerprint("3333333333333333"); },
       "graph fingerprint: rank 0 has 1111111111111111.2222222222222222, rank 1 has "
       "1111111111111111.3333333333333333"},
      {[](Scene &s) { s.overrides.lr = 0.25; }, "rank 1 was given other options of training"},
      {[](Scene &s) { s.options.run.runs = 2; }, "rank 1 was given other options of training"},
  };
  for (auto &[change, reason] : cases) {
    auto both = scenes(2, 2);
    change(*both[1]);
    for (auto &outcome : meet(both))
      EXPECT_FAILS(outcome, reason);
    for (auto &scene : both)
      EXPECT_TRUE(fs::is_empty(scene->folder.path()));
  }
}

TEST(Worker, TheErrorThatSaysMostIsReturned) {
  EXPECT_EQ(severityOf(absl::OkStatus()), 0);
  EXPECT_LT(severityOf(absl::AbortedError("")), severityOf(absl::DeadlineExceededError("")));
  EXPECT_LT(severityOf(absl::UnavailableError("")), severityOf(internalError("")));
  auto two = scenes(2, 4);
  for (auto &scene : two) {
    scene->failing = 3;
    scene->failAt = 2;
  }
  auto outcomes = meet(two);
  EXPECT_EQ(severityOf(outcomes[0].status()), 1) << outcomes[0].status();
  EXPECT_FAILS(outcomes[0], "rank ", "ended by rank 3", "first bad tensor 'w'");
  EXPECT_EQ(severityOf(outcomes[1].status()), 3) << outcomes[1].status();
  EXPECT_FAILS(outcomes[1], "partition 3: step 4: loss is nan");
}

} // namespace
} // namespace heddle::train
