//===- KernelLibrary.h - generated kernels, loaded ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_KERNELLIBRARY_H
#define HEDDLE_RUNTIME_EXEC_KERNELLIBRARY_H

#include "runtime/plan/PlanFile.h"

#include <memory>
#include <string>
#include <vector>

namespace heddle::exec {

using KernelFunction = void (*)(void *const *args, int64_t begin, int64_t end, int64_t chunk);

/// What a kernel object must be before it is handed to the dynamic loader: ELF for this machine, no
/// needed libraries, no code that runs at load (constructors, resolvers), undefined symbols from a
/// short list of memory and math functions. `name` stands for it in messages.
absl::Status checkKernelObject(const std::vector<uint8_t> &object, const std::string &name);

/// The best library of a plan that this CPU runs, loaded from memory.
class KernelLibrary {
public:
  /// `level` forces a target; empty = the best. A plan without kernels loads nothing. Errors: no
  /// library for this CPU, a forced target that the plan lacks or the CPU does not run, a bad object.
  static absl::StatusOr<std::unique_ptr<KernelLibrary>> load(const plan::PlanT &plan,
                                                             const std::string &level);
  ~KernelLibrary();
  KernelLibrary(const KernelLibrary &) = delete;
  KernelLibrary &operator=(const KernelLibrary &) = delete;

  /// By index in the plan.
  KernelFunction kernel(size_t index) const { return kernels_[index]; }
  const std::string &target() const { return target_; }

private:
  KernelLibrary() = default;
  void *handle_ = nullptr;
  int file_ = -1;
  std::string target_;
  std::vector<KernelFunction> kernels_;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_KERNELLIBRARY_H
