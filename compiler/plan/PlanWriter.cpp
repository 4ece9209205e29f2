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
/// rows that give next to nothing but may be long themselves (losses), of numbers.
static constexpr uint32_t gpuChunkRows = 64, gpuChunkNarrowRows = 8, gpuChunkNumbers = 256;

static uint32_t gpuChunk(const KernelSignature &signature) {
  if (signature.chunkRows == numbersPerChunk)
    return gpuChunkNumbers;
  bool narrow =
      llvm::all_of(signature.outputs, [](const KernelOutput &out) { return out.width <= 4; });
  return narrow ? gpuChunkNarrowRows : gpuChunkRows;
}

FailureOr<std::unique_ptr<plan::PlanT>> writePlan(ModuleOp module,
                                                  const PlanWriterOptions &options) {
  const bool gpu = llvm::any_of(options.targets, plan::isGpuTarget);
  std::vector<KernelSignature> signatures;
  for (hgnn::KernelOp kernel : module.getOps<hgnn::KernelOp>()) {
    FailureOr<KernelSignature> signature = analyzeKernel(kernel);
    if (failed(signature))
      return failure();
    if (gpu && signature->mode == KernelMode::Chunks)
      signature->chunkRows = gpuChunk(*signature);
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
