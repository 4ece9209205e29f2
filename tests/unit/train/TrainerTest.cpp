//===- TrainerTest.cpp - epochs, evaluations, the best state ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "Doubles.h"

#include "runtime/base/Keys.h"
#include "runtime/train/Batches.h"
#include "runtime/train/Trainer.h"

#include "gtest/gtest.h"

#include <limits>
#include <set>

namespace heddle::train {
namespace {

TEST(Batches, EpochOrderIsByKeyThenId) {
  std::vector<int64_t> ids = {3, 5, 8, 13, 21, 34, 55, int64_t(1) << 40};
  auto order = epochOrder(ids, 7, 2);
  ASSERT_EQ(order.size(), ids.size());
  EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()), std::set<int64_t>(ids.begin(), ids.end()));
  for (size_t i = 1; i < order.size(); ++i)
    EXPECT_LT(std::pair(keys::shuffleKey(7, 2, uint64_t(order[i - 1])), order[i - 1]),
              std::pair(keys::shuffleKey(7, 2, uint64_t(order[i])), order[i]));
  // A function of the ids as a set, the seed and the epoch.
  std::reverse(ids.begin(), ids.end());
  EXPECT_EQ(epochOrder(ids, 7, 2), order);
  EXPECT_NE(epochOrder(ids, 7, 3), order);
  EXPECT_NE(epochOrder(ids, 8, 2), order);
}

TEST(Batches, TheShortLastBatchIsKept) {
  std::vector<int64_t> ids = {9, 8, 7, 6, 5};
  using B = std::vector<std::vector<int64_t>>;
  EXPECT_EQ(cutBatches(ids, 2), (B{{9, 8}, {7, 6}, {5}}));
  EXPECT_EQ(cutBatches(ids, 5), (B{{9, 8, 7, 6, 5}}));
  EXPECT_EQ(cutBatches(ids, 0), (B{{9, 8, 7, 6, 5}}));
  EXPECT_EQ(cutBatches(ids, UINT64_MAX), (B{{9, 8, 7, 6, 5}}));
  EXPECT_TRUE(cutBatches({}, 0).empty());
  EXPECT_EQ(numBatches(5, 2), 3u);
  EXPECT_EQ(numBatches(5, 0), 1u);
  EXPECT_EQ(numBatches(0, 2), 0u);
  EXPECT_EQ(numBatches(5, UINT64_MAX), 1u);
}

/// What the trainer said, in order.
class Recorder : public TrainListener {
public:
  void onStep(const StepRecord &record) override { ++steps; }
  absl::Status onEpoch(const EpochRecord &record) override {
    epochs.push_back(record);
    return absl::OkStatus();
  }
  absl::Status onEvaluation(const EvaluationRecord &record) override {
    evaluations.push_back(record.split + std::to_string(record.epoch) + (record.best ? "*" : ""));
    accuracies.push_back(record.scores->metrics[0].value);
    return absl::OkStatus();
  }
  int steps = 0;
  std::vector<EpochRecord> epochs;
  std::vector<std::string> evaluations;
  std::vector<double> accuracies;
};

struct Scene {
  explicit Scene(uint64_t batchSize, const std::string &settingsJson, int64_t train = 10,
                 int64_t valid = 10, int64_t test = 10)
      : graph(train + valid + test), plan(fakePlan(batchSize, settingsJson)),
        executor(*plan, graph) {
    graph.setSplit(train, train + valid, train + valid + test);
    settings = *readTrainSettings(*plan, "a.plan", {});
  }
  absl::StatusOr<std::unique_ptr<Trainer>> make() {
    return Trainer::create(*plan, graph, executor, settings, recorder, [this] { return stop(); });
  }
  FakeGraph graph;
  std::unique_ptr<plan::PlanT> plan;
  FakeExecutor executor;
  TrainSettings settings;
  Recorder recorder;
  std::function<bool()> stop = [] { return false; };
};

TEST(Trainer, EpochsShuffleByKeyAndStepsCountOn) {
  Scene s(4, R"({"num_epochs": 3, "seed": 11})");
  auto trainer = s.make();
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  EXPECT_EQ((*trainer)->stepsPerEpoch(), 3u);
  auto result = (*trainer)->train();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->epochs, 3);
  EXPECT_EQ(result->steps, 9u);
  ASSERT_EQ(s.executor.calls.size(), 6u); // train and valid in turn
  std::vector<int64_t> ids(10);
  std::iota(ids.begin(), ids.end(), 0);
  for (uint32_t epoch = 0; epoch < 3; ++epoch) {
    const auto &train = s.executor.calls[2 * epoch];
    EXPECT_EQ(train.entry, 0);
    EXPECT_EQ(train.firstStep, 3u * epoch);
    EXPECT_EQ(train.batches, cutBatches(epochOrder(ids, 11, epoch), 4));
    EXPECT_EQ(train.batches.back().size(), 2u);
    const auto &valid = s.executor.calls[2 * epoch + 1];
    EXPECT_EQ(valid.entry, 1);
    EXPECT_EQ(valid.firstStep, 0u) << "every evaluation samples under the same keys";
    EXPECT_EQ(valid.batches.front(), (std::vector<int64_t>{10, 11, 12, 13}));
  }
  ASSERT_EQ(s.recorder.epochs.size(), 3u);
  // The fake's loss is the batch's size: (4*4 + 4*4 + 2*2) / 10 weighted by labelled seeds.
  EXPECT_DOUBLE_EQ(s.recorder.epochs[0].loss, 3.6);
  EXPECT_EQ(s.recorder.epochs[2].step, 9u);
  EXPECT_EQ(s.recorder.epochs[2].edges, 100u);
  EXPECT_EQ(s.recorder.steps, 9);
}

TEST(Trainer, FullGraphIsOneStepAnEpoch) {
  Scene s(0, R"({"num_epochs": 2})");
  auto trainer = s.make();
  ASSERT_TRUE(trainer.ok());
  auto result = (*trainer)->train();
  EXPECT_EQ(result->steps, 2u);
  EXPECT_EQ(s.executor.calls[0].batches.size(), 1u);
  EXPECT_EQ(s.executor.calls[0].batches[0].size(), 10u);
}

TEST(Trainer, LearningRatesFollowTheScheduleOfEachGroup) {
  Scene s(5, R"({"num_epochs": 2, "lr_schedule": {"name": "cosine", "warmup_steps": 1}})");
  auto trainer = s.make();
  ASSERT_TRUE(trainer.ok());
  ASSERT_TRUE((*trainer)->train().ok());
  std::vector<double> expected;
  for (int64_t step = 0; step < 4; ++step)
    for (double lr : {0.1, 0.5})
      expected.push_back(learningRate(s.settings.schedule, lr, step, 4));
  EXPECT_EQ(s.executor.usedRates, expected);
  EXPECT_EQ(s.recorder.epochs[1].learningRates, (std::vector<double>{expected[6], expected[7]}));
}

TEST(Trainer, TheBestStateIsRestoredAndTestedOnce) {
  Scene s(5, R"({"num_epochs": 6})");
  // Two steps an epoch: best after epoch 3 (parameter 6); epoch 5 only ties.
  s.executor.quality = [](float w) { return w == 6 || w == 10 ? 0.9 : 0.3; };
  auto trainer = s.make();
  ASSERT_TRUE(trainer.ok());
  auto result = (*trainer)->train();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->bestEpoch, 3);
  EXPECT_DOUBLE_EQ(result->bestValue, 0.9);
  EXPECT_EQ(s.executor.weight[0], 12);
  EXPECT_EQ(s.recorder.evaluations, (std::vector<std::string>{"valid1*", "valid2", "valid3*",
                                                              "valid4", "valid5", "valid6"}));
  ASSERT_TRUE((*trainer)->restoreBest().ok());
  EXPECT_EQ(s.executor.weight[0], 6);
  EXPECT_EQ(s.executor.weight[1], 7);
  EXPECT_EQ(s.executor.rows[0], 3);
  EXPECT_EQ(s.executor.moment[0], 24) << "optimizer states are not part of the best state";
  auto test = (*trainer)->evaluate("test", result->bestEpoch);
  ASSERT_TRUE(test.ok());
  EXPECT_DOUBLE_EQ(test->scores.metrics[0].value, 0.9);
  EXPECT_EQ(s.recorder.evaluations.back(), "test3");
  EXPECT_EQ(test->ids.front(), 20);
}

TEST(Trainer, EvaluatesEveryFewEpochsAndAfterTheLast) {
  Scene s(0, R"({"num_epochs": 7, "eval": {"frequency": 3}})");
  auto trainer = s.make();
  ASSERT_TRUE(trainer.ok());
  ASSERT_TRUE((*trainer)->train().ok());
  EXPECT_EQ(s.recorder.evaluations, (std::vector<std::string>{"valid3*", "valid6", "valid7"}));
}

TEST(Trainer, StopsEarlyAfterPatienceEvaluations) {
  Scene s(0, R"({"num_epochs": 50, "eval": {"early_stopping":
                 {"monitor": "valid/accuracy", "mode": "max", "patience": 2}}})");
  s.executor.quality = [](float w) { return w <= 4 ? 0.1 * w : 0.2; };
  auto trainer = s.make();
  ASSERT_TRUE(trainer.ok());
  auto result = (*trainer)->train();
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->stoppedEarly);
  EXPECT_EQ(result->bestEpoch, 4);
  EXPECT_EQ(result->epochs, 6);
}

TEST(Trainer, MonitorsTheLossWhereAsked) {
  Scene s(0, R"({"num_epochs": 4, "eval": {"early_stopping":
                 {"monitor": "valid/loss", "mode": "min", "patience": 10}}})");
  s.executor.quality = [](float w) { return w == 2 ? 1.0 : 0.0; };
  auto trainer = s.make();
  ASSERT_TRUE(trainer.ok());
  auto result = (*trainer)->train();
  EXPECT_EQ(result->bestEpoch, 2);
  // Three classes, logits 2, 0, 0, right everywhere.
  EXPECT_NEAR(result->bestValue, std::log(std::exp(2.0) + 2) - 2, 1e-6);
}

TEST(Trainer, WithoutValidationTheLastStateCounts) {
  Scene s(5, R"({"num_epochs": 2})", 10, 0, 5);
  auto trainer = s.make();
  ASSERT_TRUE(trainer.ok());
  auto result = (*trainer)->train();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->bestEpoch, -1);
  ASSERT_EQ(result->remarks.size(), 1u);
  EXPECT_NE(result->remarks[0].find("no validation nodes"), std::string::npos);
  EXPECT_EQ(s.executor.calls.size(), 2u);
  ASSERT_TRUE((*trainer)->restoreBest().ok());
  EXPECT_EQ(s.executor.weight[0], 4);
}

TEST(Trainer, AnInterruptEndsAfterTheCurrentStep) {
  Scene s(2, R"({"num_epochs": 5})");
  s.stop = [&] { return s.recorder.steps >= 7; }; // in the second epoch of five steps
  auto trainer = s.make();
  ASSERT_TRUE(trainer.ok());
  auto result = (*trainer)->train();
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->interrupted);
  EXPECT_EQ(result->epochs, 1);
  EXPECT_EQ(result->steps, 7u);
  EXPECT_EQ(s.executor.weight[0], 7);
  EXPECT_EQ(result->bestEpoch, 1);
  EXPECT_EQ(s.recorder.evaluations, (std::vector<std::string>{"valid1*"}));
  EXPECT_FALSE(s.recorder.epochs.back().whole);
}

TEST(Trainer, AnInterruptDuringEvaluationSelectsNothing) {
  Scene s(5, R"({"num_epochs": 5})");
  int asked = 0;
  s.stop = [&] { return s.executor.calls.size() == 2 && ++asked; };
  auto trainer = s.make();
  ASSERT_TRUE(trainer.ok());
  auto result = (*trainer)->train();
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->interrupted);
  EXPECT_EQ(result->bestEpoch, -1);
  EXPECT_TRUE(s.recorder.evaluations.empty());
  EXPECT_GE(asked, 1);
}

TEST(Trainer, ErrorsOfTheExecutorComeThrough) {
  Scene s(2, R"({"num_epochs": 5})");
  s.executor.failAt = 4;
  auto trainer = s.make();
  ASSERT_TRUE(trainer.ok());
  auto result = (*trainer)->train();
  EXPECT_EQ(exitCodeOf(result.status()), 1);
  EXPECT_NE(messageOf(result.status()).find("first bad tensor"), std::string::npos);
}

TEST(Trainer, WhatDoesNotFitIsRefused) {
  {
    Scene s(2, R"({"num_epochs": 1})", 0, 5, 5);
    EXPECT_NE(messageOf(s.make().status()).find("no training nodes"), std::string::npos);
  }
  {
    Scene s(2, R"({"num_epochs": 1})");
    s.plan->entries.pop_back();
    EXPECT_NE(messageOf(s.make().status()).find("no eval_step"), std::string::npos);
  }
  {
    Scene s(2, R"({"num_epochs": 1})");
    s.plan->task->split = "other";
    EXPECT_EQ(exitCodeOf(s.make().status()), 2);
  }
  {
    Scene s(2, R"({"num_epochs": 1})");
    s.plan->task->classes.pop_back();
    EXPECT_EQ(exitCodeOf(s.make().status()), 2);
  }
  {
    Scene s(1, R"({"num_epochs": 2000000000})");
    EXPECT_NE(messageOf(s.make().status()).find("2^32"), std::string::npos);
  }
}

TEST(Evaluator, FrequenciesAndProbabilities) {
  FakeGraph graph(10);
  graph.setSplit(7, 7, 10); // classes 0,1,2,0,1,2,0
  auto plan = fakePlan(0, R"({"num_epochs": 1})");
  FakeExecutor executor(*plan, graph);
  TrainSettings settings = *readTrainSettings(*plan, "p", {});
  auto evaluator = Evaluator::create(*plan, executor, graph.view, settings);
  ASSERT_TRUE(evaluator.ok());
  std::vector<int64_t> train = {0, 1, 2, 3, 4, 5, 6}, test = {7, 8, 9};
  auto logits = frequencyLogits(*evaluator, train, 3);
  ASSERT_EQ(logits.size(), 9u);
  EXPECT_FLOAT_EQ(logits[0], std::log(3.0f / 7));
  EXPECT_FLOAT_EQ(logits[8], std::log(2.0f / 7));
  auto scores = evaluator->score(test, logits);
  ASSERT_TRUE(scores.ok());
  EXPECT_DOUBLE_EQ(scores->metrics[0].value, 1.0 / 3); // node 9 is of class 0
  EXPECT_NEAR(scores->loss, -(std::log(3.0 / 7) + 2 * std::log(2.0 / 7)) / 3, 1e-6);
  float row[] = {1000.0f, 1000.0f, -1000.0f};
  auto p = probabilities(row, 3, false);
  EXPECT_DOUBLE_EQ(p[0], 0.5);
  EXPECT_DOUBLE_EQ(p[2], 0);
  EXPECT_DOUBLE_EQ(probabilities(row, 3, true)[0], 1);
}

TEST(TrainSettings, DefaultsOverridesAndErrors) {
  auto plan = fakePlan(2, R"({"num_epochs": 9, "seed": 3, "batch_size": "all",
      "lr_schedule": {"name": "step", "warmup_steps": 1, "step_size": 4, "gamma": 0.5, "min_lr": 0.01},
      "eval": {"frequency": 2, "batch_size": 7,
               "early_stopping": {"monitor": "valid/f1_macro", "mode": "max", "patience": 3}},
      "metrics": ["accuracy"], "overridable": ["lr"]})");
  auto settings = readTrainSettings(*plan, "a.plan", {});
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->numEpochs, 9);
  EXPECT_EQ(settings->seed, 3u);
  EXPECT_EQ(settings->monitorName(), "valid/f1_macro");
  EXPECT_EQ(settings->metrics, (std::vector<Metric>{Metric::Accuracy, Metric::F1Macro}));
  EXPECT_EQ(settings->patience, 3);
  EXPECT_EQ(settings->schedule.kind, ScheduleKind::Step);
  EXPECT_EQ(settings->learningRates, (std::vector<double>{0.1, 0.5}));

  TrainOverrides overrides;
  overrides.epochs = 4;
  overrides.seed = 8;
  overrides.lr = 0.25;
  overrides.schedule = "constant";
  settings = readTrainSettings(*plan, "a.plan", overrides);
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->learningRates, (std::vector<double>{0.25, 0.5}));
  std::string spec = specWithSettings(*plan, *settings);
  EXPECT_NE(spec.find("\"num_epochs\": 4"), std::string::npos) << spec;
  EXPECT_NE(spec.find("\"lr\": 0.25"), std::string::npos) << spec;
  EXPECT_NE(spec.find("\"label\": \"topic\""), std::string::npos) << spec;

  auto fails = [&](const TrainOverrides &o, const std::string &part) {
    auto status = readTrainSettings(*plan, "a.plan", o).status();
    EXPECT_EQ(exitCodeOf(status), 2);
    EXPECT_NE(messageOf(status).find(part), std::string::npos) << status;
  };
  fails({.epochs = -1}, "--epochs");
  fails({.seed = -1}, "--seed");
  fails({.lr = std::numeric_limits<double>::quiet_NaN()}, "--lr");
  fails({.schedule = "cosin"}, "did you mean 'cosine'");
  fails({.stepSize = 0}, "--step-size");
  plan->optimizer_groups.pop_back();
  fails({.sparseLr = 0.1}, "no learnable rows");
  for (const char *bad :
       {"", "[]", "{", R"({"seed": 1})", R"({"num_epochs": "x"})",
        R"({"num_epochs": 1, "metrics": ["acuracy"]})",
        R"({"num_epochs": 1, "eval": {"early_stopping": {"monitor": "test/loss", "patience": 1}}})"}) {
    plan->task->train_settings = bad;
    fails({}, "a.plan: task.train_settings");
  }
  plan->task.reset();
  fails({}, "no task");
}

} // namespace
} // namespace heddle::train
