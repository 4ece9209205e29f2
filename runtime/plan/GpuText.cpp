//===- GpuText.cpp - a plan's code for GPUs, as text -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/GpuText.h"

#include "runtime/plan/GpuCode.h"
#include "runtime/plan/PlanFile.h"

namespace heddle::plan {

const KernelLibraryT *holderOf(const PlanT &plan, const KernelLibraryT &library) {
  if (library.text_of.empty())
    return &library;
  for (const auto &other : plan.libraries)
    if (other->target == library.text_of)
      return isGpuTarget(other->target) && other->text_of.empty() ? other.get() : nullptr;
  return nullptr;
}

absl::StatusOr<std::string> gpuText(const PlanT &plan, const KernelLibraryT &library) {
  const KernelLibraryT *holder = holderOf(plan, library);
  if (!holder)
    return internalError("code for " + library.target + ": the plan has none for " +
                         library.text_of); // verifyPlan refuses it
  std::string text = library.preamble;
  if (holder->text_size == 0)
    return text.append(holder->object.begin(), holder->object.end());
  auto body = decompressText(holder->object, holder->text_size);
  if (!body.ok())
    return withPrefix(body.status(), "code for " + library.target + ": ");
  return text += *body;
}

} // namespace heddle::plan
