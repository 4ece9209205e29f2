//===- CodeGen.h - hgnn.kernel ops to machine code ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A kernel's body is evaluated recursively, one row and one tile of columns at a time, with the
// widths known: vector values are loop-carried accumulators. Reductions have a fixed order that
// does not depend on the vector width of the target, nothing is contracted to fused multiply-adds,
// and exp, log, tanh and erf are polynomials of our own, so feature levels give the same bits.
//
// For a GPU the same code runs on many threads (Threads.cpp) and comes out as PTX text, for which
// neither a toolkit nor a device is needed.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_CODEGEN_CODEGEN_H
#define HEDDLE_COMPILER_CODEGEN_CODEGEN_H

#include "compiler/codegen/KernelSignature.h"
#include "dialects/hgnn/Hgnn.h"

#include <string>
#include <vector>

namespace heddle::compiler {

/// Loads the dialects that kernels are lowered through. Threads that share a context need it done
/// before.
void prepareCodeGen(mlir::MLIRContext &context);

/// Arguments, mode, loop domain and costs of a kernel, without machine code. What cannot be
/// compiled is an error on the op concerned that says why.
mlir::FailureOr<KernelSignature> analyzeKernel(hgnn::KernelOp kernel);

/// A shared object for one CPU feature level: no needed libraries, no constructors, only the
/// kernels exported; undefined symbols at most memcpy, memset, memmove. Or PTX text for one GPU,
/// with the functions of DeviceFunctions.h beside the kernels and nothing undefined.
struct CompiledLibrary {
  std::string target;
  std::vector<uint8_t> object;
  // Of a GPU:
  std::vector<KernelSignature::Threads> threads{}; ///< of each kernel, in order
  std::vector<uint32_t> functions{}; ///< of each kernel, the one whose function it runs
  std::string preamble{};            ///< of the text, before `object`
  std::string textOf{};              ///< the target whose object is this one's too, or ""
};

/// The names that compileKernels knows: "x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64" where LLVM
/// has that back end.
std::vector<std::string> kernelTargets();
/// The same for GPUs: "sm_75", "sm_80", "sm_90", where LLVM has that back end. A GPU runs the code
/// for its own generation and for older ones.
std::vector<std::string> gpuTargets();
/// The highest of kernelTargets() that this machine runs.
std::string hostKernelTarget();

/// Compiles all kernels of `signatures` (as analyzeKernel gave them) that `module` holds, for each
/// target, on several threads if the context has multithreading enabled. Needs ld.lld (in PATH or beside
/// LLVM's tools; HEDDLE_LLD overrides). `meanwhile`, if given, is called once, as one more piece of
/// work; it may read `module`.
mlir::FailureOr<std::vector<CompiledLibrary>>
compileKernels(mlir::ModuleOp module, llvm::ArrayRef<KernelSignature> signatures,
               llvm::ArrayRef<std::string> targets,
               llvm::function_ref<void()> meanwhile = nullptr);

/// LLVM IR of the same, as text, for inspection and tests.
mlir::FailureOr<std::string> kernelsToLlvmIr(mlir::ModuleOp module,
                                             llvm::ArrayRef<KernelSignature> signatures,
                                             const std::string &target);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_CODEGEN_CODEGEN_H
