//===- KernelModule.cpp - kernels that are in no plan, on a GPU -------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/KernelModule.h"

namespace heddle::cuda {

KernelModule::~KernelModule() {
  if (module_) {
    (void)session_.enter();
    session_.driver().cuModuleUnload(module_);
  }
}

absl::Status KernelModule::load(const char *ptx, std::span<const char *const> names,
                                const std::string &what) {
  const Driver &driver = session_.driver();
  HEDDLE_RETURN_IF_ERROR(session_.loadModule(module_, ptx, what + " on " + session_.name()));
  names_ = names;
  for (const char *name : names) {
    functions_.push_back(nullptr);
    HEDDLE_RETURN_IF_ERROR(
        driver.check(driver.cuModuleGetFunction(&functions_.back(), module_, name), name));
  }
  return absl::OkStatus();
}

absl::Status KernelModule::launch(size_t kernel, uint32_t blocks, uint32_t threads, void *argument,
                                  Stream stream) const {
  void *values[] = {argument};
  const Driver &driver = session_.driver();
  if (Result result = driver.cuLaunchKernel(functions_[kernel], blocks, 1, 1, threads, 1, 1, 0,
                                            stream, values, nullptr))
    return driver.check(result, std::string("launching ") + names_[kernel]);
  return absl::OkStatus();
}

} // namespace heddle::cuda
