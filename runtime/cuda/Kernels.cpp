//===- Kernels.cpp - a plan's code on a device -----------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Kernels.h"

#include "runtime/plan/GpuCode.h"

#include <algorithm>
#include <cstdlib>

namespace heddle::cuda {

namespace {
/// More blocks than a processor holds at once bring nothing: threads take rows in turn.
constexpr uint64_t blocksPerProcessor = 64;
} // namespace

Kernels::~Kernels() {
  if (module_) {
    (void)session_.enter();
    session_.driver().cuModuleUnload(module_);
  }
}

absl::Status Kernels::load(const plan::PlanT &plan) {
  plan_ = &plan;
  const plan::KernelLibraryT *best = nullptr;
  int bestCapability = 0;
  std::string has;
  for (const auto &library : plan.libraries) {
    if (!plan::isGpuTarget(library->target))
      continue;
    has += (has.empty() ? "" : ", ") + library->target;
    int capability = std::atoi(library->target.c_str() + 3);
    if (capability <= session_.capability() && capability > bestCapability)
      best = library.get(), bestCapability = capability;
  }
  const std::string own = "sm_" + std::to_string(session_.capability());
  if (!best)
    return failedPrecondition("--device=cuda: the plan has " +
                              (has.empty() ? "no code for a GPU" : "code for " + has) +
                              ", this one is " + session_.name() + " (" + own +
                              "); recompile with heddle-compile --gpu=all");
  library_ = best;
  target_ = best->target;
  const Driver &driver = session_.driver();
  HEDDLE_ASSIGN_OR_RETURN(std::string text, plan::gpuText(plan, *best));
  HEDDLE_RETURN_IF_ERROR(session_.loadModule(
      module_, text.c_str(), "the plan's code for " + target_ + " on " + session_.name()));
  auto find = [&](Function &function, const std::string &symbol) {
    return driver.check(driver.cuModuleGetFunction(&function, module_, symbol.c_str()),
                        "the plan's code for " + target_ + ": '" + symbol +
                            "'; recompile with heddle-compile");
  };
  for (size_t k = 0; k < plan.kernels.size(); ++k) {
    const std::string &symbol = plan.kernels[functionOf(k)]->symbol;
    kernels_.emplace_back();
    HEDDLE_RETURN_IF_ERROR(find(kernels_.back(), plan::gpuSymbol(symbol)));
  }
  threads_ = best->threads;
  HEDDLE_RETURN_IF_ERROR(find(merge_, plan::gpuMergeFunction));
  return find(gather_, plan::gpuGatherFunction);
}

absl::Status Kernels::run(Function function, const std::string &name, uint64_t blocks,
                          unsigned number, const plan::GpuLaunch &launch, uint32_t stream) const {
  plan::GpuLaunch own = launch;
  void *values[] = {&own.args, &own.begin, &own.end, &own.chunks};
  const Driver &driver = session_.driver();
  Result result =
      driver.cuLaunchKernel(function, unsigned(blocks), number, 1, plan::gpuBlockThreads, 1, 1, 0,
                            session_.stream(stream), values, nullptr);
  return result ? driver.check(result, "launching '" + name + "'") : absl::OkStatus();
}

uint64_t Kernels::blocks(size_t index, int64_t domain, int64_t chunks) const {
  const plan::KernelThreads &threads = threads_[index];
  const uint64_t items = uint64_t(chunks > 0 ? chunks : domain);
  const uint64_t wanted = (items + threads.rows() - 1) / threads.rows() * threads.lanes();
  const uint64_t blocks = (wanted + plan::gpuBlockThreads - 1) / plan::gpuBlockThreads;
  const uint64_t most = uint64_t(session_.processors()) * blocksPerProcessor;
  return std::clamp<uint64_t>(blocks, 1, std::max<uint64_t>(most, 1));
}

absl::Status Kernels::launch(size_t index, DevicePointer args, int64_t domain, int64_t chunks,
                             uint32_t stream) const {
  return run(kernels_[index], plan_->kernels[index]->symbol, blocks(index, domain, chunks), 1,
             {args, 0, domain, chunks}, stream);
}

absl::Status Kernels::launchSeveral(size_t index, DevicePointer list, unsigned number,
                                    uint64_t blocks, uint32_t stream) const {
  return run(kernels_[index], plan_->kernels[index]->symbol, blocks, number, {list, 0, 0, 0},
             stream);
}

uint64_t Kernels::mergeBlocks(int64_t width) {
  return (uint64_t(width) + plan::gpuMergeColumns - 1) / plan::gpuMergeColumns;
}

absl::Status Kernels::merge(DevicePointer args, int64_t chunks, int64_t width,
                            uint32_t stream) const {
  return run(merge_, plan::gpuMergeFunction, mergeBlocks(width), 1, {args, chunks, width, 0},
             stream);
}

absl::Status Kernels::mergeSeveral(DevicePointer list, unsigned number, uint64_t blocks,
                                   uint32_t stream) const {
  return run(merge_, plan::gpuMergeFunction, blocks, number, {list, 0, 0, 0}, stream);
}

absl::Status Kernels::gatherRows(DevicePointer args, int64_t rows, int64_t width,
                                 uint32_t stream) const {
  const uint64_t blocks =
      (uint64_t(rows) * uint64_t(width) + plan::gpuBlockThreads - 1) / plan::gpuBlockThreads;
  const uint64_t most = uint64_t(session_.processors()) * blocksPerProcessor;
  return run(gather_, plan::gpuGatherFunction, std::clamp<uint64_t>(blocks, 1, most), 1,
             {args, 0, rows, width}, stream);
}

} // namespace heddle::cuda
