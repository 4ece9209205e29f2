//===- AtomicOutput.h - all of an output or nothing --------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_ATOMICOUTPUT_H
#define HEDDLE_RUNTIME_BASE_ATOMICOUTPUT_H

#include "runtime/base/Status.h"

#include <string>
#include <string_view>

namespace heddle {

/// A file or directory that is written beside its target under a temporary name, synced to disk and
/// then renamed. What stood at the target before stays untouched until publish().
class AtomicOutput {
public:
  enum class Kind { File, Directory };

  AtomicOutput() = default;
  AtomicOutput(AtomicOutput &&other) noexcept;
  AtomicOutput &operator=(AtomicOutput &&other) noexcept;
  /// Removes what was not published.
  ~AtomicOutput();

  /// Makes the temporary directory (or reserves the name of the file), and missing parents of the
  /// target. An existing target is AlreadyExists without `force`. With `force` a directory is only
  /// replaced if it is empty or holds `marker` (a file name such as "graph.json"), so that a slip of
  /// the user's cannot delete a home directory; an empty marker replaces no directory but an empty one.
  static absl::StatusOr<AtomicOutput> create(const std::string &target, Kind kind, bool force,
                                             const std::string &marker = "");

  /// Write here.
  const std::string &path() const { return temporary_; }
  const std::string &target() const { return target_; }

  /// Syncs everything below path(), renames it to the target and removes what was replaced.
  /// Without `force`, a target that appeared since create() is an error and stays. `sync` false: may be
  /// lost, whole or in part, if the machine fails soon after.
  absl::Status publish(bool sync = true);

private:
  std::string target_, temporary_, marker_;
  Kind kind_ = Kind::File;
  bool force_ = false;
};

/// One small file by AtomicOutput, replacing an existing one.
absl::Status writeFileAtomically(const std::string &path, std::string_view text);

/// Writes a file plainly (inside a directory that is itself an AtomicOutput).
absl::Status writeFile(const std::string &path, std::string_view text);

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_ATOMICOUTPUT_H
