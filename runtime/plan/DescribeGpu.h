//===- DescribeGpu.h - a plan's code for GPUs, shown -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_DESCRIBEGPU_H
#define HEDDLE_RUNTIME_PLAN_DESCRIBEGPU_H

#include "runtime/base/Status.h"
#include "runtime/plan/plan_generated.h"

#include <string>

namespace heddle::plan {

/// The PTX text for one target. Errors: the plan has none for it, and which it has.
absl::StatusOr<std::string> gpuText(const PlanT &plan, const std::string &target);

/// What the assembler makes of each kernel for each target: registers, shared memory, stack and
/// what it spills there. Needs NVIDIA's ptxas, in PATH, $CUDA_HOME/bin or /usr/local/cuda/bin; no
/// device. Errors: no code for a GPU in the plan, no ptxas, text that it refuses.
absl::StatusOr<std::string> gpuResources(const PlanT &plan);

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_DESCRIBEGPU_H
