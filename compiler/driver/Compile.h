//===- Compile.h - from files to a plan --------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_DRIVER_COMPILE_H
#define HEDDLE_COMPILER_DRIVER_COMPILE_H

#include "compiler/spec/ModelSpec.h"
#include "runtime/base/Status.h"
#include "runtime/graph/GraphSchema.h"

#include <functional>
#include <string>
#include <vector>

namespace mlir {
class MLIRContext;
class ModuleOp;
template <typename> class OwningOpRef;
} // namespace mlir

namespace heddle::compiler {

/// The phases in order, by the names of --emit and of heddle-dump --phase.
const std::vector<std::string> &phaseNames();

/// Rewrites that the cost model decides ("auto"), that are made wherever they can be ("on"), or never
/// ("off").
struct Optimizations {
  std::string aggregateFirst = "auto";  ///< hgnn-order-aggregation
  std::string reorderProducts = "auto"; ///< hgnn-reorder-products
  std::string compactSources = "auto";  ///< hgnn-compact-sources
  std::string stitchRelations = "auto"; ///< hgnn-stitch-relations
  std::string groupProducts = "auto";   ///< hgnn-group-products
  std::string recompute = "auto";       ///< hgnn-fuse
};

/// How a step is cut, and what passes do on the way.
struct PhaseOptions {
  int64_t maxFused = 0;        ///< of hgnn-fuse
  bool keepGradients = false;  ///< of hgnn-fuse
  bool infer = false;          ///< of hgnn-unroll
  bool verifyOps = true;       ///< after each pass
  int64_t partitions = 1;
  std::string weights = "sampled";     ///< of hgnn-assign-partitions
  std::string order = "raf";           ///< relation-aggregation-first, or "vanilla"
  std::string exchange = "replicated"; ///< of hgnn-insert-communication
  std::string split = "needed";        ///< of hgnn-assign-partitions
  Optimizations optimize;
};

struct CompileOptions {
  std::string graph;  ///< a graph directory, or its graph.json; no array is opened
  std::string model;  ///< a model spec
  std::string output; ///< the plan
  bool force = false;
  std::vector<std::string> targets; ///< CPU feature levels; empty: all of this architecture
  std::vector<std::string> gpus;    ///< GPU targets beside them, or "all"; empty: none
  std::string gpuProducts = "fp32"; ///< or "tf32"
  int64_t maxFused = 0;             ///< of hgnn-fuse
  std::string machineRates; ///< as of plan::parseMachineRates; empty: an ordinary server socket
  bool keepPhases = true;           ///< store the text of the phases in the plan
  int64_t partitions = 1;
  std::string weights = "sampled"; ///< "sampled", "heta" or "heta-code"
  std::string order = "auto";      ///< "auto": the cost model's choice
  std::string exchange = "auto";   ///< "replicated", "leader" or "auto"
  std::string split = "auto";      ///< "needed", "balance" or "auto"
  std::vector<std::string> optimize; ///< NAME=auto|on|off, see optimizationNames()
};

/// Names of CompileOptions::optimize.
const std::vector<std::string> &optimizationNames();

struct CompileReport {
  std::vector<std::string> remarks;
  uint64_t planBytes = 0;
  double seconds = 0;
};

/// Reads, compiles, writes. Errors: one line per diagnostic, "file:line: what; remedy".
absl::StatusOr<CompileReport> compileToPlan(const CompileOptions &options);

/// The text of the module at the end of `phase`; of "layer", the layer programs alone.
absl::StatusOr<std::string> emitPhase(const CompileOptions &options, const std::string &phase);

/// Registers what the passes and the code generator use.
void prepareContext(mlir::MLIRContext &context);

/// Runs the passes from the phase that `module` is in (given by its position in phaseNames()) up to
/// `to`, with a verification between phases. Phases that the options have no use for are left out
/// unless `to` asks for them. Calls `reached(name)` after each phase; remarks of passes go to
/// `remarks` if given.
absl::Status runPhases(mlir::ModuleOp module, const std::string &from, const std::string &to,
                       const PhaseOptions &options,
                       const std::function<void(const std::string &)> &reached,
                       std::vector<std::string> *remarks = nullptr);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_DRIVER_COMPILE_H
