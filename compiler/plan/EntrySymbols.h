//===- EntrySymbols.h - size symbols of an entry -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_PLAN_ENTRYSYMBOLS_H
#define HEDDLE_COMPILER_PLAN_ENTRYSYMBOLS_H

#include "compiler/plan/ModuleTables.h"
#include "runtime/plan/plan_generated.h"

#include <map>
#include <tuple>

namespace heddle::compiler {

/// Estimates the sizes of every sampled structure of an entry, and gives symbols to those that the
/// plan uses, in the order of first use.
class EntrySymbols {
public:
  using Key = std::tuple<plan::SymbolKind, int64_t, uint32_t, uint32_t>; // kind, hop, index, aux
  using Estimates = std::map<Key, SizeEstimate>;

  /// Walks an entry's seeds, samples and frontiers.
  static mlir::FailureOr<Estimates> estimate(const ModuleTables &tables, hgnn::EntryOp entry);

  /// What a frontier unites, by the estimates of what comes before it.
  static mlir::FailureOr<std::vector<FrontierSource>>
  sourcesOf(const ModuleTables &tables, const Estimates &estimates, hgnn::FrontierOp frontier);

  /// `estimates`: of the entries of one kind, by partition; this one is `partition`.
  EntrySymbols(const ModuleTables &tables, plan::EntryT &entry,
               const std::vector<Estimates> &estimates, size_t partition)
      : tables_(tables), entry_(entry), all_(estimates), estimates_(estimates[partition]) {}

  // Plain extents (scale 1). An error is emitted at `location` when no op of the entry makes the
  // value countable, or a name is unknown.
  mlir::FailureOr<plan::Extent> domain(mlir::Location location, hgnn::DomainAttr domain);
  /// Rows of a value of this type. Replicated rows beyond the seeds are those of all partitions.
  mlir::FailureOr<plan::Extent> rowsOf(mlir::Location location, mlir::Type type);
  /// Distinct rows of (hop, type) over these partitions, and the sum of each partition's.
  mlir::FailureOr<plan::Extent> unionRows(mlir::Location location, int64_t hop,
                                          llvm::StringRef type,
                                          llvm::ArrayRef<int64_t> partitions);
  mlir::FailureOr<plan::Extent> gatheredRows(mlir::Location location, int64_t hop,
                                             llvm::StringRef type,
                                             llvm::ArrayRef<int64_t> partitions);
  /// The seeds of all blocks of a split batch.
  mlir::FailureOr<plan::Extent> seedsOfAll(mlir::Location location, llvm::StringRef type);
  /// Of rows of (hop, type) that are spread over all partitions.
  struct SpreadRows {
    plan::Extent kept, asked, remote;
  };
  mlir::FailureOr<SpreadRows> spreadRows(mlir::Location location, int64_t hop,
                                         llvm::StringRef type);
  plan::Extent remoteNnz(int64_t hop, uint32_t type, const ModuleTables::Feature &feature);
  mlir::FailureOr<plan::Extent> edges(mlir::Location location, hgnn::AdjType adj);
  mlir::FailureOr<plan::Extent> active(mlir::Location location, hgnn::AdjType adj);
  /// Rows of an ids-like domain of node type `type` at `hop`.
  mlir::FailureOr<plan::Extent> rows(mlir::Location location, int64_t hop, llvm::StringRef type);
  plan::Extent nodes(uint32_t type);
  plan::Extent nnz(int64_t hop, uint32_t type, const ModuleTables::Feature &feature);

private:
  plan::Extent symbol(const Key &key, const SizeEstimate &size);
  mlir::FailureOr<plan::Extent> lookUp(mlir::Location location, plan::SymbolKind kind, int64_t hop,
                                       llvm::StringRef name);

  const ModuleTables &tables_;
  plan::EntryT &entry_;
  const std::vector<Estimates> &all_;
  const Estimates &estimates_;
  std::map<Key, int32_t> symbols_;
};

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_PLAN_ENTRYSYMBOLS_H
