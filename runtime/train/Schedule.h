//===- Schedule.h - learning rates and early stopping -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The learning rate is a pure function of the global step, so that a resumed run, and a run on
// another number of workers, takes the same one without any state.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_SCHEDULE_H
#define HEDDLE_RUNTIME_TRAIN_SCHEDULE_H

#include <cstdint>
#include <limits>
#include <string>

namespace heddle::train {

enum class ScheduleKind { Constant, Step, Cosine };

/// All lengths are in optimizer steps (with batch_size "all" a step is an epoch).
struct LrSchedule {
  ScheduleKind kind = ScheduleKind::Constant;
  int64_t warmupSteps =
      0;                ///< linear from lr / (warmupSteps + 1) up to lr, which step warmupSteps has
  int64_t stepSize = 0; ///< Step: every stepSize steps after the warm-up the rate is multiplied
  double gamma = 0.1;   ///< Step: by gamma
  double minLr = 0;     ///< Step and Cosine: never below (unless lr itself is)
};

/// The rate of optimizer step `step` (0-based) of `totalSteps`. Cosine falls from lr at the end of
/// the warm-up to minLr at totalSteps; later steps stay there.
double learningRate(const LrSchedule &schedule, double lr, int64_t step, int64_t totalSteps);

/// Watches one number over the evaluations. Plain values: a checkpoint stores and restores them.
struct EarlyStopping {
  std::string monitor; ///< for example "valid/accuracy"; only for messages
  bool maximize = true;
  int64_t patience = -1; ///< evaluations without improvement before the stop; -1: never stops

  double best = std::numeric_limits<double>::quiet_NaN();
  int64_t bestEpoch = -1; ///< -1: nothing seen yet
  int64_t sinceBest = 0;  ///< evaluations since the best one

  /// Records the value of an epoch. True if it is the best so far. Equal is no improvement and NaN
  /// never is, so a diverged run keeps its last good state; the first number always is.
  bool observe(int64_t epoch, double value);
  bool shouldStop() const { return patience >= 0 && sinceBest > 0 && sinceBest >= patience; }
};

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_SCHEDULE_H
