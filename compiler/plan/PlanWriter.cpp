//===- PlanWriter.cpp - kernels analysed, compiled and assembled ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/PlanWriter.h"

using namespace mlir;

namespace heddle::compiler {

FailureOr<std::unique_ptr<plan::PlanT>> writePlan(ModuleOp module,
                                                  const PlanWriterOptions &options) {
  std::vector<KernelSignature> signatures;
  for (hgnn::KernelOp kernel : module.getOps<hgnn::KernelOp>()) {
    FailureOr<KernelSignature> signature = analyzeKernel(kernel);
    if (failed(signature))
      return failure();
    signatures.push_back(std::move(*signature));
  }
  std::vector<CompiledLibrary> libraries;
  if (!options.targets.empty()) {
    auto compiled = compileKernels(module, signatures, options.targets);
    if (failed(compiled))
      return failure();
    libraries = std::move(*compiled);
  }
  return assemblePlan(module, signatures, libraries, options);
}

} // namespace heddle::compiler
