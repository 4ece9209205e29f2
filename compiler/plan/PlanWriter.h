//===- PlanWriter.h - a module in the kernels phase to a plan ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_PLAN_PLANWRITER_H
#define HEDDLE_COMPILER_PLAN_PLANWRITER_H

#include "compiler/codegen/CodeGen.h"
#include "compiler/cost/MachineRates.h"
#include "runtime/plan/PlanFile.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace heddle::compiler {

struct PlanWriterOptions {
  std::string producer = "heddle";
  std::string schemaFingerprint, statisticsFingerprint;
  /// CPU feature levels and GPUs to compile the kernels for; see kernelTargets() and gpuTargets(). Empty:
  /// no libraries. With a GPU among them sums over rows are cut into chunks for its many threads.
  std::vector<std::string> targets;
  /// In: what earlier passes decided. Out: that and the decisions on waves and memory. May be null.
  std::vector<std::string> *remarks = nullptr;
  MachineRates rates = assumedRates();
  /// Only to ask what the plan costs: no semaphores, no memory, no text of kernels, not verified.
  bool draft = false;
  bool verify = true; ///< false: for who verifies it anyway, as savePlan does
};

/// Analyses and compiles the kernels of `module`, plans waves and memory of its entries, and gives
/// the whole as a plan that has passed verifyPlan. The same module and options give the same plan.
/// Several threads do so if the context has multithreading enabled.
/// Errors are emitted on the op that is wrong.
mlir::FailureOr<std::unique_ptr<plan::PlanT>> writePlan(mlir::ModuleOp module,
                                                        const PlanWriterOptions &options);

/// The same but for machine code, with kernels already analysed (one signature for each hgnn.kernel that
/// is launched); of `options.targets` only whether there is a GPU counts.
mlir::FailureOr<std::unique_ptr<plan::PlanT>>
assemblePlan(mlir::ModuleOp module, llvm::ArrayRef<KernelSignature> signatures,
             const PlanWriterOptions &options);

/// verifyPlan, with an error on `module`.
mlir::LogicalResult verifyWritten(mlir::ModuleOp module, const plan::PlanT &plan);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_PLAN_PLANWRITER_H
