//===- Schedule.cpp - learning rates and early stopping ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace heddle::train {

double learningRate(const LrSchedule &schedule, double lr, int64_t step, int64_t totalSteps) {
  if (step < schedule.warmupSteps)
    return lr * (double(step + 1) / (double(schedule.warmupSteps) + 1.0));
  const int64_t since = step - schedule.warmupSteps;
  const double floor = std::min(schedule.minLr, lr);
  switch (schedule.kind) {
  case ScheduleKind::Constant:
    return lr;
  case ScheduleKind::Step: {
    int64_t drops = since / std::max<int64_t>(schedule.stepSize, 1);
    return std::max(floor, lr * std::pow(schedule.gamma, double(drops)));
  }
  case ScheduleKind::Cosine: {
    int64_t length = std::max<int64_t>(totalSteps - schedule.warmupSteps, 1);
    double done = std::min(double(since) / double(length), 1.0);
    return floor + (lr - floor) * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
  }
  }
  return lr;
}

bool EarlyStopping::observe(int64_t epoch, double value) {
  bool better = !std::isnan(value) && (bestEpoch < 0 || (maximize ? value > best : value < best));
  if (better) {
    best = value;
    bestEpoch = epoch;
    sinceBest = 0;
  } else {
    ++sinceBest;
  }
  return better;
}

} // namespace heddle::train
