//===- MergeModule.cpp - the kernels of collectives on a GPU ---------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/MergeModule.h"

namespace heddle::cuda {
namespace {

constexpr char mergePtx[] =
#include "runtime/cuda/Merge.ptx.inc"
    ;

constexpr const char *kernelNames[] = {
#define KERNEL(NAME, ARGUMENT) "heddle_" #NAME,
    HEDDLE_MERGE_KERNELS(KERNEL)
#undef KERNEL
};

class GpuMergeMachine final : public MergeMachine {
public:
  explicit GpuMergeMachine(const KernelModule &kernels)
      : kernels_(kernels), session_(kernels.session()) {
    for (size_t i = 0; i < exec::CommData::rooms; ++i)
      rooms_.emplace_back(session_);
  }

  absl::Status launch(MergeKernel kernel, uint32_t blocks, void *argument) override {
    return kernels_.launch(size_t(kernel), blocks, kernels::mergeThreads, argument,
                           session_.stream());
  }
  absl::StatusOr<void *> room(size_t which, uint64_t bytes, const char *what) override {
    HEDDLE_RETURN_IF_ERROR(session_.enter());
    if (bytes > 0)
      HEDDLE_RETURN_IF_ERROR(rooms_[which].reserve(bytes, what));
    return reinterpret_cast<void *>(rooms_[which].data());
  }
  absl::Status synchronize() override { return session_.synchronize("a collective"); }

private:
  const KernelModule &kernels_;
  const Session &session_;
  std::vector<DeviceMemory> rooms_;
};

} // namespace

absl::Status MergeModule::load() { return kernels_.load(mergePtx, kernelNames, "the collectives"); }

std::unique_ptr<MergeMachine> MergeModule::machine() const {
  return std::make_unique<GpuMergeMachine>(kernels_);
}

} // namespace heddle::cuda
