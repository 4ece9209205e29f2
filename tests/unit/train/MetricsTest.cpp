//===- MetricsTest.cpp - metrics against recorded vectors ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// tests/golden/metrics/*.json hold what scikit-learn 1.2 says; make.py beside them recorded it.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Metrics.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <random>

using namespace heddle::train;

namespace {

MetricInput singleInput(const std::vector<float> &scores, const std::vector<int32_t> &labels,
                        int64_t classes) {
  MetricInput input;
  input.scores = scores.data();
  input.labels = labels.data();
  input.rows = int64_t(labels.size());
  input.classes = classes;
  return input;
}

MetricValue compute(Metric metric, const MetricInput &input) {
  auto value = computeMetric(metric, input);
  EXPECT_TRUE(value.ok()) << value.status();
  return value.ok() ? *value : MetricValue();
}

} // namespace

TEST(Metrics, EqualScikitLearn) {
  int cases = 0;
  for (const char *name : {"single", "multi"}) {
    std::ifstream file(std::string(HEDDLE_SOURCE_DIR "/tests/golden/metrics/") + name + ".json");
    ASSERT_TRUE(file) << name;
    const nlohmann::json recorded = nlohmann::json::parse(file);
    for (const auto &row : recorded["cases"]) {
      ++cases;
      MetricInput input;
      auto scores = row["scores"].get<std::vector<float>>();
      std::vector<int32_t> labels;
      std::vector<uint8_t> multi, mask;
      input.scores = scores.data();
      input.rows = row["rows"];
      input.classes = row["classes"];
      input.kind = row["kind"] == "logits" ? ScoreKind::Logits : ScoreKind::Probabilities;
      if (row.contains("labels"))
        input.labels = (labels = row["labels"].get<std::vector<int32_t>>()).data();
      else
        input.multiLabels = (multi = row["multi_labels"].get<std::vector<uint8_t>>()).data();
      if (row.contains("mask"))
        input.mask = (mask = row["mask"].get<std::vector<uint8_t>>()).data();
      ASSERT_EQ(row["expect"].size(), metricNames().size());
      for (const auto &[metric, expected] : row["expect"].items()) {
        SCOPED_TRACE(row["name"].get<std::string>() + ": " + metric);
        MetricValue value = compute(*parseMetric(metric), input);
        if (expected.is_null()) {
          EXPECT_TRUE(std::isnan(value.value)) << value.value;
          EXPECT_NE(value.remark, "");
        } else {
          EXPECT_NEAR(value.value, expected.get<double>(), 1e-9);
        }
      }
    }
  }
  EXPECT_EQ(cases, 25);
}

// The area by its definition: the share of (positive, negative) pairs in the right order.
TEST(Metrics, AreaUnderTheCurveByCountingPairs) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<double> scores;
    std::vector<uint8_t> truth;
    for (int i = 0; i < 40; ++i) {
      scores.push_back(double(random() % 8));
      truth.push_back(random() % 3 == 0);
    }
    truth[0] = 1;
    truth[1] = 0;
    double right = 0, pairs = 0;
    for (int i = 0; i < 40; ++i)
      for (int j = 0; j < 40; ++j)
        if (truth[i] && !truth[j]) {
          ++pairs;
          right += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
        }
    EXPECT_NEAR(binaryRocAuc(scores, truth), right / pairs, 1e-12);
  }
}

TEST(Metrics, LogitsDoNotSaturate) {
  // As probabilities in fp64 the last two are both 1; as logits they differ.
  std::vector<float> scores = {0, 1, 0, 60, 0, 80};
  std::vector<int32_t> labels = {0, 0, 1};
  EXPECT_EQ(compute(Metric::RocAuc, singleInput(scores, labels, 2)).value, 1.0);
  // Permuted rows tie exactly, however the sum in the softmax would round.
  std::vector<float> four = {1, .1f, .2f, .3f, 1, .3f, .1f, .2f, 1, .2f, .3f, .1f};
  std::vector<int32_t> classes = {0, 1, 1};
  MetricValue value = compute(Metric::RocAuc, singleInput(four, classes, 4));
  // class 0: all tie, 1/2; class 1: negative .1 below positives .3, .2 is right for both: 1
  EXPECT_NEAR(value.value, 0.75, 1e-15);
  EXPECT_NE(value.remark.find("2 of 4"), std::string::npos) << value.remark;
}

TEST(Metrics, PositiveClassZeroMirrors) {
  std::vector<float> scores = {2, 1, 0, 3, 1, 1, 4, 0};
  std::vector<int32_t> labels = {0, 1, 1, 0};
  MetricInput input = singleInput(scores, labels, 2);
  double one = compute(Metric::RocAuc, input).value;
  input.positiveClass = 0;
  EXPECT_EQ(compute(Metric::RocAuc, input).value, one); // mirrored ranks, mirrored classes
  EXPECT_EQ(compute(Metric::AveragePrecision, input).value, 1.0);
}

TEST(Metrics, UndefinedIsNanWithARemark) {
  std::vector<float> scores = {0, 1, 2, 3};
  std::vector<int32_t> none = {-1, -1};
  for (Metric metric : {Metric::Accuracy, Metric::F1Micro, Metric::F1Macro, Metric::RocAuc,
                        Metric::AveragePrecision}) {
    MetricValue value = compute(metric, singleInput(scores, none, 2));
    EXPECT_TRUE(std::isnan(value.value));
    EXPECT_EQ(value.rows, 0);
    EXPECT_NE(value.remark, "");
    MetricInput nothing;
    std::vector<int32_t> empty(1);
    nothing.labels = empty.data();
    nothing.classes = 3;
    EXPECT_TRUE(std::isnan(compute(metric, nothing).value));
  }
  std::vector<int32_t> both = {0, 1};
  for (float bad : {NAN, INFINITY}) {
    scores[2] = bad;
    MetricValue value = compute(Metric::Accuracy, singleInput(scores, both, 2));
    EXPECT_TRUE(std::isnan(value.value));
    EXPECT_NE(value.remark.find("row 1, class 0"), std::string::npos) << value.remark;
  }
}

TEST(Metrics, WrongInputIsAnError) {
  std::vector<float> scores = {0, 1, 2, 3};
  std::vector<int32_t> labels = {0, 2};
  EXPECT_FALSE(computeMetric(Metric::Accuracy, singleInput(scores, labels, 2)).ok());
  labels = {0, -2};
  EXPECT_FALSE(computeMetric(Metric::Accuracy, singleInput(scores, labels, 2)).ok());
  MetricInput input = singleInput(scores, labels, 2);
  std::vector<uint8_t> multi = {0, 1, 255, 0};
  input.multiLabels = multi.data();
  EXPECT_FALSE(computeMetric(Metric::Accuracy, input).ok()); // both kinds
  input.labels = nullptr;
  EXPECT_FALSE(computeMetric(Metric::Accuracy, input).ok()); // half missing
  multi = {0, 1, 2, 0};
  EXPECT_FALSE(computeMetric(Metric::Accuracy, input).ok());
  input.multiLabels = nullptr;
  EXPECT_FALSE(computeMetric(Metric::Accuracy, input).ok()); // neither
}

TEST(Metrics, NamesAndOtherToolsNames) {
  EXPECT_EQ(nameOf(*parseMetric("f1_macro")), "f1_macro");
  auto wrong = parseMetric("f1_score");
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.status().ToString().find("did you mean 'f1_macro'"), std::string::npos);
}
