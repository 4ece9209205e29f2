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

} // namespace

class GpuMergeMachine final : public MergeMachine {
public:
  explicit GpuMergeMachine(const MergeModule &module) : module_(module), session_(module.session_) {
    for (size_t i = 0; i < exec::CommData::rooms; ++i)
      rooms_.emplace_back(session_);
  }

  absl::Status launch(MergeKernel kernel, uint32_t blocks, void *argument) override {
    void *values[] = {argument};
    const Driver &driver = session_.driver();
    if (Result result = driver.cuLaunchKernel(module_.functions_[size_t(kernel)], blocks, 1, 1,
                                              kernels::mergeThreads, 1, 1, 0, session_.stream(),
                                              values, nullptr))
      return driver.check(result, std::string("launching ") + kernelNames[size_t(kernel)]);
    return absl::OkStatus();
  }
  absl::StatusOr<void *> room(size_t which, uint64_t bytes, const char *what) override {
    HEDDLE_RETURN_IF_ERROR(session_.enter());
    if (bytes > 0)
      HEDDLE_RETURN_IF_ERROR(rooms_[which].reserve(bytes, what));
    return reinterpret_cast<void *>(rooms_[which].data());
  }
  absl::Status synchronize() override { return session_.synchronize("a collective"); }

private:
  const MergeModule &module_;
  const Session &session_;
  std::vector<DeviceMemory> rooms_;
};

MergeModule::~MergeModule() {
  if (module_) {
    (void)session_.enter();
    session_.driver().cuModuleUnload(module_);
  }
}

absl::Status MergeModule::load() {
  HEDDLE_RETURN_IF_ERROR(
      session_.loadModule(module_, mergePtx, "the collectives on " + session_.name()));
  for (const char *name : kernelNames) {
    functions_.push_back(nullptr);
    HEDDLE_RETURN_IF_ERROR(session_.driver().check(
        session_.driver().cuModuleGetFunction(&functions_.back(), module_, name), name));
  }
  return absl::OkStatus();
}

std::unique_ptr<MergeMachine> MergeModule::machine() const {
  return std::make_unique<GpuMergeMachine>(*this);
}

} // namespace heddle::cuda
