//===- EntryWriter.h - one entry of a module as plan ops ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_PLAN_ENTRYWRITER_H
#define HEDDLE_COMPILER_PLAN_ENTRYWRITER_H

#include "compiler/codegen/KernelSignature.h"
#include "compiler/plan/Collectives.h"
#include "compiler/plan/EntrySymbols.h"
#include "runtime/plan/plan_generated.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace heddle::compiler {

/// A kernel as launches need it: its row in the plan's table and its arguments.
struct KernelReference {
  uint32_t index = 0;
  const KernelSignature *signature = nullptr;
};

/// What the entries of one kind, one per partition, say together.
struct EntryKindTables {
  std::vector<hgnn::EntryOp> entries; ///< by partition; one without partitions
  std::vector<EntrySymbols::Estimates> estimates;
  Collectives collectives;

  static mlir::FailureOr<EntryKindTables> of(llvm::ArrayRef<hgnn::EntryOp> entries,
                                             const ModuleTables &tables);
};

/// Symbols, buffers and ops of the entry of `partition` in program order; waves, semaphores and
/// regions are left to layOutEntry. Op ids count up from `nextOpId`. Ops without a use and without an
/// effect are left out. Errors are emitted on the op concerned.
mlir::FailureOr<std::unique_ptr<plan::EntryT>>
writeEntry(const EntryKindTables &kind, size_t partition, const ModuleTables &tables,
           const std::map<std::string, KernelReference> &kernels, uint32_t &nextOpId);

/// The source location as one line of printable text; empty if unknown.
std::string locationText(mlir::Location location);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_PLAN_ENTRYWRITER_H
