//===- RunFolder.h - where a run's results go ---------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A run writes into "RUN.partial", which can be watched and which a crash leaves behind with all
// that was written; finish() renames it to "RUN". So "RUN" is always a whole run, and a half run is
// known by its name. An older "RUN" stays untouched until that rename.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_RUNFOLDER_H
#define HEDDLE_RUNTIME_TRAIN_RUNFOLDER_H

#include "runtime/base/Status.h"

#include <memory>
#include <string>

namespace heddle::train {

class RunFolder {
public:
  /// The file that says that a folder is a run: only such a folder is ever replaced.
  static constexpr const char *marker = "run.json";

  /// Where a run that will be `target` is written until it is whole.
  static std::string partialOf(const std::string &target);
  /// Whether `target` could be created now; opens and makes nothing. Errors (exit code 2): it, or
  /// its partial folder, exists and `force` is not given, or is no run of ours.
  static absl::Status check(const std::string &target, bool force);
  /// Makes "target.partial" (and missing parents). With `force` an older partial folder is removed,
  /// unless another process is writing it.
  static absl::StatusOr<std::unique_ptr<RunFolder>> create(const std::string &target, bool force);
  ~RunFolder();
  RunFolder(const RunFolder &) = delete;
  RunFolder &operator=(const RunFolder &) = delete;

  /// The folder as it is now named.
  const std::string &path() const { return path_; }
  std::string file(const std::string &name) const { return path_ + "/" + name; }
  const std::string &target() const { return target_; }
  /// Makes a folder inside.
  absl::Status makeFolder(const std::string &name) const;
  /// Renames to the target, replacing an older run if `force` was given.
  absl::Status finish();

private:
  RunFolder() = default;
  std::string target_, path_;
  bool force_ = false;
  int lock_ = -1;
};

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_RUNFOLDER_H
