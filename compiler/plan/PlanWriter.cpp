//===- PlanWriter.cpp - kernels analysed, compiled and assembled ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/PlanWriter.h"

#include "runtime/base/Checksum.h"
#include "runtime/plan/GpuCode.h"
#include "runtime/plan/PlanFile.h"

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

/// What a library for a GPU has besides, and its text compressed.
static void addText(plan::KernelLibraryT &library, const CompiledLibrary &compiled) {
  library.preamble = compiled.preamble;
  library.text_of = compiled.textOf;
  library.functions = compiled.functions;
  if (library.object.empty() || library.object.size() > plan::maximumText)
    return;
  library.text_size = library.object.size();
  library.object = plan::compressText(
      {reinterpret_cast<const char *>(library.object.data()), library.object.size()});
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
  if (options.targets.empty())
    return assemblePlan(module, signatures, options);
  // Most of the time is LLVM's: what needs no machine code is done beside it.
  FailureOr<std::unique_ptr<plan::PlanT>> plan = failure();
  PlanWriterOptions tables = options;
  tables.verify = false;
  auto libraries = compileKernels(module, signatures, options.targets,
                                  [&] { plan = assemblePlan(module, signatures, tables); });
  if (failed(libraries) || failed(plan))
    return failure();
  for (CompiledLibrary &library : *libraries) {
    auto added = std::make_unique<plan::KernelLibraryT>();
    added->target = library.target;
    added->object = std::move(library.object);
    if (plan::isGpuTarget(library.target))
      addText(*added, library);
    added->checksum = checksumOf(added->object.data(), added->object.size());
    for (const KernelSignature::Threads &threads : library.threads)
      added->threads.emplace_back(threads.lanes, threads.rows);
    (*plan)->libraries.push_back(std::move(added));
  }
  if (options.verify && failed(verifyWritten(module, **plan)))
    return failure();
  return plan;
}

} // namespace heddle::compiler
