//===- Metrics.cpp - classification metrics -----------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Metrics.h"

#include "runtime/base/Suggest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace heddle::train {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr uint8_t missing = 255;

/// Positions ordered by falling score; equal scores are neighbours.
std::vector<int64_t> byFallingScore(const std::vector<double> &scores) {
  std::vector<int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), int64_t(0));
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return scores[a] > scores[b]; });
  return order;
}

/// Calls visit(positives, negatives) for each group of equal scores, best first.
template <typename Visit>
void forEachThreshold(const std::vector<double> &scores, const std::vector<uint8_t> &positives,
                      Visit visit) {
  std::vector<int64_t> order = byFallingScore(scores);
  for (size_t i = 0; i < order.size();) {
    int64_t hits = 0, misses = 0;
    const double score = scores[order[i]];
    for (; i < order.size() && scores[order[i]] == score; ++i)
      ++(positives[order[i]] ? hits : misses);
    visit(hits, misses);
  }
}

/// The rows that take part.
absl::StatusOr<std::vector<int64_t>> selectRows(const MetricInput &input) {
  if ((input.labels != nullptr) == (input.multiLabels != nullptr))
    return invalidArgument("metrics: give either single labels or multi labels");
  if (input.rows < 0 || input.classes < 1)
    return invalidArgument("metrics: rows must be >= 0 and classes >= 1");
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < input.rows; ++row) {
    if (input.mask && !input.mask[row])
      continue;
    if (input.labels) {
      if (input.labels[row] < -1 || input.labels[row] >= input.classes)
        return invalidArgument("metrics: row " + std::to_string(row) + ": label " +
                               std::to_string(input.labels[row]) + " is not in [-1, " +
                               std::to_string(input.classes) + ")");
      if (input.labels[row] >= 0)
        rows.push_back(row);
      continue;
    }
    const uint8_t *bits = input.multiLabels + row * input.classes;
    int64_t absent = std::count(bits, bits + input.classes, missing);
    if (absent == input.classes)
      continue;
    if (absent || std::any_of(bits, bits + input.classes, [](uint8_t b) { return b > 1; }))
      return invalidArgument("metrics: row " + std::to_string(row) +
                             ": multi-label bytes must be 0 or 1, or 255 in the whole row");
    rows.push_back(row);
  }
  return rows;
}

int64_t argmax(const float *scores, int64_t classes) {
  return std::max_element(scores, scores + classes) - scores;
}

bool predicted(const MetricInput &input, int64_t row, int64_t c) {
  return input.scores[row * input.classes + c] > (input.kind == ScoreKind::Logits ? 0.0f : 0.5f);
}

double accuracy(const MetricInput &input, const std::vector<int64_t> &rows) {
  int64_t right = 0;
  for (int64_t row : rows) {
    if (input.labels) {
      right += argmax(input.scores + row * input.classes, input.classes) == input.labels[row];
      continue;
    }
    bool all = true;
    for (int64_t c = 0; c < input.classes && all; ++c)
      all = predicted(input, row, c) == (input.multiLabels[row * input.classes + c] == 1);
    right += all;
  }
  return double(right) / double(rows.size());
}

double f1(const MetricInput &input, const std::vector<int64_t> &rows, bool macro) {
  std::vector<int64_t> hit(input.classes), said(input.classes), is(input.classes);
  for (int64_t row : rows) {
    if (input.labels) {
      int64_t guess = argmax(input.scores + row * input.classes, input.classes);
      ++said[guess];
      ++is[input.labels[row]];
      hit[guess] += guess == input.labels[row];
      continue;
    }
    for (int64_t c = 0; c < input.classes; ++c) {
      bool guess = predicted(input, row, c);
      bool truth = input.multiLabels[row * input.classes + c] == 1;
      said[c] += guess;
      is[c] += truth;
      hit[c] += guess && truth;
    }
  }
  auto score = [](int64_t hits, int64_t denominator) {
    return denominator ? 2.0 * double(hits) / double(denominator) : 0.0;
  };
  if (!macro) {
    int64_t hits = std::accumulate(hit.begin(), hit.end(), int64_t(0));
    return score(hits, std::accumulate(said.begin(), said.end(), int64_t(0)) +
                           std::accumulate(is.begin(), is.end(), int64_t(0)));
  }
  double sum = 0;
  int64_t counted = 0;
  for (int64_t c = 0; c < input.classes; ++c) {
    // A class that nobody has and nobody predicts is no class of this set; a column of a
    // multi-label set is one whatever it holds.
    if (input.labels && said[c] + is[c] == 0)
      continue;
    sum += score(hit[c], said[c] + is[c]);
    ++counted;
  }
  return sum / double(counted);
}

/// Per selected row, numbers that order rows as the probability of class c does. Logits are ranked
/// by log-softmax without saturation: probabilities next to 1 would tie.
class RankScores {
public:
  RankScores(const MetricInput &input, const std::vector<int64_t> &rows)
      : input(input), rows(rows) {
    softmax = input.labels && input.kind == ScoreKind::Logits;
    if (!softmax)
      return;
    std::vector<double> below;
    for (int64_t row : rows) {
      const float *s = input.scores + row * input.classes;
      int64_t top = argmax(s, input.classes);
      below.clear();
      for (int64_t c = 0; c < input.classes; ++c)
        if (c != top)
          below.push_back(double(s[c]) - double(s[top]));
      // In order of size, so that rows that are permutations of each other tie.
      std::sort(below.begin(), below.end());
      double rest = 0;
      for (double d : below)
        rest += std::exp(d);
      largest.push_back(s[top]);
      logSum.push_back(std::log1p(rest));
    }
  }

  std::vector<double> of(int64_t c) const {
    std::vector<double> out(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      double s = input.scores[rows[i] * input.classes + c];
      out[i] = softmax ? (s - largest[i]) - logSum[i] : s;
    }
    return out;
  }

  /// Two classes: the difference of the logits is exact.
  std::vector<double> ofPositive(int positive) const {
    if (!softmax)
      return of(positive);
    std::vector<double> out(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      const float *s = input.scores + rows[i] * 2;
      out[i] = double(s[positive]) - double(s[1 - positive]);
    }
    return out;
  }

private:
  const MetricInput &input;
  const std::vector<int64_t> &rows;
  bool softmax;
  std::vector<double> largest, logSum;
};

MetricValue ranked(Metric metric, const MetricInput &input, const std::vector<int64_t> &rows) {
  const bool auc = metric == Metric::RocAuc;
  RankScores scores(input, rows);
  std::vector<uint8_t> truth(rows.size());
  auto fillTruth = [&](int64_t c) {
    int64_t count = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      truth[i] = input.labels ? input.labels[rows[i]] == c
                              : input.multiLabels[rows[i] * input.classes + c] == 1;
      count += truth[i];
    }
    return count;
  };
  auto value = [&](const std::vector<double> &s) {
    return auc ? binaryRocAuc(s, truth) : binaryAveragePrecision(s, truth);
  };
  MetricValue result;
  if (input.labels && input.classes == 2) {
    int64_t positives = fillTruth(input.positiveClass);
    result.value = value(scores.ofPositive(input.positiveClass));
    if (auc && std::isnan(result.value))
      result.remark = "roc_auc is undefined: all rows are of one class";
    else if (!auc && positives == 0)
      result.remark = "average_precision: no row is of the positive class";
    return result;
  }
  double sum = 0;
  int64_t counted = 0, odd = 0;
  for (int64_t c = 0; c < input.classes; ++c) {
    int64_t positives = fillTruth(c);
    if (auc ? positives == 0 || positives == int64_t(rows.size()) : positives == 0) {
      ++odd;
      if (auc)
        continue;
    }
    sum += value(scores.of(c));
    ++counted;
  }
  result.value = counted ? sum / double(counted) : nan;
  if (!odd)
    return result;
  std::string of = std::to_string(odd) + " of " + std::to_string(input.classes) + " classes";
  if (!auc)
    result.remark = "average_precision: " + of + " have no positive row and count 0";
  else if (counted)
    result.remark = "roc_auc: " + of + " lack positives or negatives and are left out";
  else
    result.remark = "roc_auc is undefined: no class has both positives and negatives";
  return result;
}

} // namespace

const std::vector<std::string> &metricNames() {
  static const std::vector<std::string> names = {"accuracy", "f1_micro", "f1_macro", "roc_auc",
                                                 "average_precision"};
  return names;
}

const std::string &nameOf(Metric metric) { return metricNames()[size_t(metric)]; }

absl::StatusOr<Metric> parseMetric(const std::string &name) {
  const auto &names = metricNames();
  auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end())
    return Metric(found - names.begin());
  static const std::map<std::string, std::string> others = {{"acc", "accuracy"},
                                                            {"f1_score", "f1_macro"},
                                                            {"f1", "f1_macro"},
                                                            {"macro_f1", "f1_macro"},
                                                            {"micro_f1", "f1_micro"},
                                                            {"auc", "roc_auc"},
                                                            {"auroc", "roc_auc"},
                                                            {"rocauc", "roc_auc"},
                                                            {"ap", "average_precision"},
                                                            {"auprc", "average_precision"},
                                                            {"pr_auc", "average_precision"}};
  return invalidArgument("unknown metric '" + name + "'" + suggestion(name, names, others));
}

double binaryRocAuc(const std::vector<double> &scores, const std::vector<uint8_t> &positives) {
  // Twice the area in units of one (positive, negative) pair: integers until the last division.
  unsigned __int128 twice = 0;
  uint64_t hits = 0, misses = 0;
  forEachThreshold(scores, positives, [&](int64_t p, int64_t n) {
    twice += (unsigned __int128)uint64_t(n) * (2 * hits + uint64_t(p));
    hits += uint64_t(p);
    misses += uint64_t(n);
  });
  if (!hits || !misses)
    return nan;
  return double(twice) / (2.0 * double(hits) * double(misses));
}

double binaryAveragePrecision(const std::vector<double> &scores,
                              const std::vector<uint8_t> &positives) {
  double sum = 0;
  int64_t hits = 0, misses = 0;
  forEachThreshold(scores, positives, [&](int64_t p, int64_t n) {
    hits += p;
    misses += n;
    sum += double(p) * (double(hits) / double(hits + misses));
  });
  return hits ? sum / double(hits) : 0.0;
}

absl::StatusOr<MetricValue> computeMetric(Metric metric, const MetricInput &input) {
  HEDDLE_ASSIGN_OR_RETURN(std::vector<int64_t> rows, selectRows(input));
  if (input.labels && input.classes == 2 && (input.positiveClass < 0 || input.positiveClass > 1))
    return invalidArgument("metrics: the positive class must be 0 or 1");
  MetricValue result;
  result.rows = int64_t(rows.size());
  if (rows.empty()) {
    result.value = nan;
    result.remark = nameOf(metric) + " is undefined: no row has a label";
    return result;
  }
  for (int64_t row : rows)
    for (int64_t c = 0; c < input.classes; ++c)
      if (!std::isfinite(input.scores[row * input.classes + c])) {
        result.value = nan;
        result.remark = nameOf(metric) + " is undefined: the score of row " + std::to_string(row) +
                        ", class " + std::to_string(c) + " is not finite";
        return result;
      }
  switch (metric) {
  case Metric::Accuracy:
    result.value = accuracy(input, rows);
    break;
  case Metric::F1Micro:
  case Metric::F1Macro:
    result.value = f1(input, rows, metric == Metric::F1Macro);
    break;
  case Metric::RocAuc:
  case Metric::AveragePrecision: {
    MetricValue r = ranked(metric, input, rows);
    result.value = r.value;
    result.remark = std::move(r.remark);
    break;
  }
  }
  return result;
}

} // namespace heddle::train
