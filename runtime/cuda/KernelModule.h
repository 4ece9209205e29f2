//===- KernelModule.h - kernels that are in no plan, on a GPU ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_KERNELMODULE_H
#define HEDDLE_RUNTIME_CUDA_KERNELMODULE_H

#include "runtime/cuda/Session.h"

#include <span>
#include <vector>

namespace heddle::cuda {

/// Kernels of one of the texts that are made of kernels/, loaded on a device.
class KernelModule {
public:
  explicit KernelModule(const Session &session) : session_(session) {}
  ~KernelModule();
  KernelModule(const KernelModule &) = delete;
  KernelModule &operator=(const KernelModule &) = delete;

  /// `names`: of its entry points, which outlive this; `what`: for errors.
  absl::Status load(const char *ptx, std::span<const char *const> names, const std::string &what);
  const Session &session() const { return session_; }
  /// Kernel number `kernel` of the names, with one argument that is copied.
  absl::Status launch(size_t kernel, uint32_t blocks, uint32_t threads, void *argument,
                      Stream stream) const;

private:
  const Session &session_;
  Module module_ = nullptr;
  std::span<const char *const> names_;
  std::vector<Function> functions_;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_KERNELMODULE_H
