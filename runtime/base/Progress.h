//===- Progress.h - progress bars that behave in logs ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_PROGRESS_H
#define HEDDLE_RUNTIME_BASE_PROGRESS_H

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace heddle {

enum class ProgressMode { Auto, Never, Always };

/// One bar on stderr with tqdm's look: "train:  45%|####5     | 45/100 [00:12<00:15, 3.6it/s, loss=0.31]".
/// Auto: a redrawn bar on a terminal (NO_COLOR honoured), otherwise one plain line every
/// `logIntervalSeconds` and one at the end. Thread-compatible: one thread draws.
class Progress {
public:
  Progress(std::string description, int64_t total, ProgressMode mode,
           double logIntervalSeconds = 5.0);
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;
  void advance(int64_t n = 1);
  void set(int64_t done);
  void setTotal(int64_t total);
  /// Text after the rate, for example "loss=0.31".
  void setPostfix(std::string text);
  /// Prints a line above the bar.
  void print(std::string_view line);
  /// Draws the final state; later calls do nothing.
  void close();

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_PROGRESS_H
