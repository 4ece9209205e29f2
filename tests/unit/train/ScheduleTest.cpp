//===- ScheduleTest.cpp - learning rates and early stopping --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Schedule.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace heddle::train;

TEST(Schedule, ConstantWithAndWithoutWarmUp) {
  LrSchedule s;
  EXPECT_EQ(learningRate(s, 0.1, 0, 100), 0.1);
  EXPECT_EQ(learningRate(s, 0.1, 99, 100), 0.1);
  s.warmupSteps = 4;
  for (int step = 0; step < 4; ++step)
    EXPECT_DOUBLE_EQ(learningRate(s, 1.0, step, 100), (step + 1) / 5.0);
  EXPECT_EQ(learningRate(s, 1.0, 4, 100), 1.0);
}

TEST(Schedule, StepDropsAfterTheWarmUp) {
  LrSchedule s;
  s.kind = ScheduleKind::Step;
  s.stepSize = 10;
  s.gamma = 0.5;
  s.warmupSteps = 5;
  s.minLr = 0.2;
  EXPECT_EQ(learningRate(s, 1.0, 14, 100), 1.0);
  EXPECT_EQ(learningRate(s, 1.0, 15, 100), 0.5);
  EXPECT_EQ(learningRate(s, 1.0, 25, 100), 0.25);
  EXPECT_EQ(learningRate(s, 1.0, 35, 100), 0.2); // the floor
  EXPECT_EQ(learningRate(s, 0.1, 35, 100), 0.1); // a floor above lr does not raise lr
}

TEST(Schedule, CosineFallsFromLrToTheFloor) {
  LrSchedule s;
  s.kind = ScheduleKind::Cosine;
  s.warmupSteps = 10;
  s.minLr = 0.1;
  EXPECT_DOUBLE_EQ(learningRate(s, 1.1, 10, 110), 1.1);
  EXPECT_NEAR(learningRate(s, 1.1, 60, 110), 0.6, 1e-15);
  EXPECT_NEAR(learningRate(s, 1.1, 85, 110), 0.1 + 0.5 * (1 - std::sqrt(0.5)), 1e-12);
  EXPECT_DOUBLE_EQ(learningRate(s, 1.1, 110, 110), 0.1);
  EXPECT_DOUBLE_EQ(learningRate(s, 1.1, 1000, 110), 0.1);
  for (int step = 11; step < 110; ++step)
    EXPECT_LT(learningRate(s, 1.1, step, 110), learningRate(s, 1.1, step - 1, 110));
  // A warm-up as long as the run, or longer, divides by nothing.
  EXPECT_LT(learningRate(s, 1.1, 4, 5), 1.1);
  EXPECT_TRUE(std::isfinite(learningRate(s, 1.1, 10, 5)));
}

TEST(EarlyStopping, PatienceCountsEvaluationsWithoutImprovement) {
  EarlyStopping stop;
  stop.patience = 2;
  EXPECT_FALSE(stop.shouldStop());
  EXPECT_TRUE(stop.observe(0, 0.5));
  EXPECT_FALSE(stop.observe(1, 0.5)); // equal is no improvement
  EXPECT_FALSE(stop.shouldStop());
  EXPECT_TRUE(stop.observe(2, 0.6));
  EXPECT_FALSE(stop.observe(3, NAN));
  EXPECT_FALSE(stop.shouldStop());
  EXPECT_FALSE(stop.observe(4, 0.1));
  EXPECT_TRUE(stop.shouldStop());
  EXPECT_EQ(stop.bestEpoch, 2);
  EXPECT_EQ(stop.best, 0.6);
}

TEST(EarlyStopping, MinimumNanFirstAndNoPatience) {
  EarlyStopping stop;
  stop.maximize = false;
  EXPECT_FALSE(stop.observe(0, NAN));
  EXPECT_TRUE(stop.observe(1, 2.0));
  EXPECT_FALSE(stop.observe(2, 3.0));
  EXPECT_TRUE(stop.observe(3, 1.0));
  for (int epoch = 4; epoch < 100; ++epoch)
    stop.observe(epoch, 5.0);
  EXPECT_FALSE(stop.shouldStop()); // patience -1
  EXPECT_EQ(stop.bestEpoch, 3);
}
