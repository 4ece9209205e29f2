//===- Kernels.h - a plan's code on a device ---------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_KERNELS_H
#define HEDDLE_RUNTIME_CUDA_KERNELS_H

#include "runtime/cuda/Session.h"
#include "runtime/plan/GpuCode.h"
#include "runtime/plan/GpuText.h"
#include "runtime/plan/PlanFile.h"

#include <vector>

namespace heddle::cuda {

/// The best GPU library of a plan that a device runs, loaded there.
class Kernels {
public:
  explicit Kernels(const Session &session) : session_(session) {}
  ~Kernels();
  Kernels(const Kernels &) = delete;
  Kernels &operator=(const Kernels &) = delete;

  /// Errors: no code for this device, code that the driver refuses.
  absl::Status load(const plan::PlanT &plan);
  const std::string &target() const { return target_; }

  /// Kernel `index` of the plan for `domain` rows, in `chunks` chunks if any, on a stream of the
  /// session.
  absl::Status launch(size_t index, DevicePointer args, int64_t domain, int64_t chunks,
                      uint32_t stream) const;
  /// The kernel whose function it is: ops whose kernels share one may be one launch.
  size_t functionOf(size_t index) const { return plan::functionOf(*library_, index); }
  /// Blocks that a launch of it has.
  uint64_t blocks(size_t index, int64_t domain, int64_t chunks) const;
  /// The same for several ops at once: `list` has `number` of plan::GpuLaunch, none of which needs
  /// more than `blocks`.
  absl::Status launchSeveral(size_t index, DevicePointer list, unsigned number, uint64_t blocks,
                             uint32_t stream) const;
  /// The functions of plan/GpuCode.h.
  absl::Status merge(DevicePointer args, int64_t chunks, int64_t width, uint32_t stream) const;
  static uint64_t mergeBlocks(int64_t width);
  absl::Status mergeSeveral(DevicePointer list, unsigned number, uint64_t blocks,
                            uint32_t stream) const;
  absl::Status gatherRows(DevicePointer args, int64_t rows, int64_t width, uint32_t stream) const;

private:
  absl::Status run(Function function, const std::string &name, uint64_t blocks, unsigned number,
                   const plan::GpuLaunch &launch, uint32_t stream) const;

  const Session &session_;
  const plan::PlanT *plan_ = nullptr;
  const plan::KernelLibraryT *library_ = nullptr;
  Module module_ = nullptr;
  std::string target_;
  std::vector<Function> kernels_;
  std::vector<plan::KernelThreads> threads_;
  Function merge_ = nullptr, gather_ = nullptr;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_KERNELS_H
