//===- KernelCost.h - estimated flops and bytes of a kernel ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_CODEGEN_KERNELCOST_H
#define HEDDLE_COMPILER_CODEGEN_KERNELCOST_H

#include "compiler/codegen/KernelSignature.h"
#include "dialects/hgnn/Hgnn.h"

namespace heddle::compiler {

/// Per count (rows of the loop, edges, active rows, entries): each op once, each array it reads or
/// writes once. `signature` gives the loop's domain.
std::vector<KernelCost> estimateCosts(hgnn::KernelOp kernel, const KernelSignature &signature);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_CODEGEN_KERNELCOST_H
