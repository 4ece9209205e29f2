//===- PlanWriter.cpp - kernels analysed, compiled and assembled ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/PlanWriter.h"

#include "runtime/plan/GpuCode.h"

using namespace mlir;

namespace heddle::compiler {

/// Enough chunks for the threads of a GPU, few enough for their sums to be added up: of rows, of
/// numbers.
static constexpr uint32_t gpuChunkRows = 64, gpuChunkNumbers = 256;

FailureOr<std::unique_ptr<plan::PlanT>> writePlan(ModuleOp module,
                                                  const PlanWriterOptions &options) {
  const bool gpu = llvm::any_of(options.targets, plan::isGpuTarget);
  std::vector<KernelSignature> signatures;
  for (hgnn::KernelOp kernel : module.getOps<hgnn::KernelOp>()) {
    FailureOr<KernelSignature> signature = analyzeKernel(kernel);
    if (failed(signature))
      return failure();
    if (gpu && signature->mode == KernelMode::Chunks)
      signature->chunkRows =
          signature->chunkRows == numbersPerChunk ? gpuChunkNumbers : gpuChunkRows;
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
