//===- GpuText.h - a plan's code for GPUs, as text ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Code for a GPU is PTX. What a plan holds of it is compressed, and is held once for targets that
// differ by the lines that name them alone.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_GPUTEXT_H
#define HEDDLE_RUNTIME_PLAN_GPUTEXT_H

#include "runtime/base/Status.h"
#include "runtime/plan/plan_generated.h"

#include <cstddef>
#include <string>

namespace heddle::plan {

/// The library that holds the text of `library`: mostly itself. Null where text_of names none that
/// does.
const KernelLibraryT *holderOf(const PlanT &plan, const KernelLibraryT &library);

/// All text of a GPU library. Errors: what is compressed is damaged.
absl::StatusOr<std::string> gpuText(const PlanT &plan, const KernelLibraryT &library);

/// The kernel whose function kernel `index` runs: of kernels that come out as one code there is
/// one.
inline size_t functionOf(const KernelLibraryT &library, size_t index) {
  return library.functions.empty() ? index : library.functions[index];
}

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_GPUTEXT_H
