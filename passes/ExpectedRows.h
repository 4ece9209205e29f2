//===- ExpectedRows.h - what passes decide by --------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_PASSES_EXPECTEDROWS_H
#define HEDDLE_PASSES_EXPECTEDROWS_H

#include "compiler/cost/MachineRates.h"
#include "compiler/plan/EntrySymbols.h"

namespace heddle::passes {

/// How a pass decides: by the cost model, always where it can, or never.
enum class Decision { Auto, On, Off };

/// The cost model as passes ask it: expected rows of an entry's domains, and seconds of work on
/// them.
class ExpectedRows {
public:
  static mlir::FailureOr<ExpectedRows> of(hgnn::EntryOp entry,
                                          const compiler::ModuleTables &tables);

  /// Expected rows; 1 for a param, 0 for a domain that the entry does not make.
  double rows(hgnn::DomainAttr domain) const;

  /// Expected rows that a value is made for when what one relation reads is made of its distinct
  /// sources.
  double compactRows(mlir::Value value) const;

  /// Seconds of `rows` dense products [k] x [k, n], `heads` side by side, in a training step with
  /// both gradients (of the rows if `gradient`), else forward alone.
  double product(double rows, double k, double n, double heads, bool gradient) const;
  /// Seconds of dense products that move so many numbers between them.
  double products(double numbers, double flops) const {
    return rates_.seconds(4 * numbers, flops, /*gathered=*/false, /*product=*/true);
  }
  /// Seconds of moving so many numbers, gathered or streamed.
  double moved(double numbers, bool gathered) const {
    return rates_.seconds(4 * numbers, 0, gathered, /*product=*/false);
  }
  /// Seconds of element-wise arithmetic on numbers that are moved.
  double elements(double numbers, double flops, bool gathered) const {
    return rates_.seconds(4 * numbers, flops, gathered, /*product=*/false);
  }
  bool trains() const { return trains_; }

private:
  ExpectedRows(const compiler::ModuleTables &tables) : tables_(&tables) {}

  const compiler::ModuleTables *tables_;
  compiler::EntrySymbols::Estimates estimates_;
  compiler::MachineRates rates_ = compiler::assumedRates();
  bool trains_ = false;
};

/// What the user has decided for a pass; anything else is an error on the module.
mlir::FailureOr<Decision> readDecision(mlir::ModuleOp module, llvm::StringRef text);

/// Calls `body` for each entry of the module, with what is expected there, until one fails.
mlir::LogicalResult
forEntries(mlir::ModuleOp module,
           llvm::function_ref<mlir::LogicalResult(hgnn::EntryOp, const ExpectedRows &)> body);

/// The same for a pass that rewrites what pays: with the decision, and not at all where it is Off.
mlir::LogicalResult
decideEntries(mlir::ModuleOp module, llvm::StringRef decision,
              llvm::function_ref<void(hgnn::EntryOp, Decision, const ExpectedRows &)> body);

/// What such a pass has rewritten and what it left, and the seconds that the cost model gives both.
struct Tally {
  int64_t made = 0, stay = 0;
  double before = 0, after = 0; ///< of what was rewritten: as it was, and as it is
  double kept = 0, other = 0;   ///< of what stays: as it is, and as it would be

  /// Whether to rewrite `count` things that take `before` seconds into what takes `after`; counts
  /// them.
  bool rewrites(Decision decision, double before, double after, int64_t count = 1);
  bool empty() const { return made + stay == 0; }
};

/// The one adjacency whose edges are all that reads a value over rows, itself or what is made of it
/// row by row; null where there is none.
mlir::Value edgesThatRead(mlir::Value value, int depth = 0);

/// "1.23 ms", for remarks.
std::string milliseconds(double seconds);

} // namespace heddle::passes

#endif // HEDDLE_PASSES_EXPECTEDROWS_H
