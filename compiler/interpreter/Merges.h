//===- Merges.h - terms of merges that are no sum ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_INTERPRETER_MERGES_H
#define HEDDLE_COMPILER_INTERPRETER_MERGES_H

#include "compiler/interpreter/Values.h"

namespace heddle::compiler {

/// Rows of empty terms, of `shape` numbers each. Of a sum: zeros.
template <class T>
Tensor<T> emptyTerms(hgnn::MergeRule merge, int64_t rows, std::vector<int64_t> shape);

/// Merges the rows [first, last) of `term` into those of `into`, whose relations come before. Both
/// have the same shape. Of a sum: adds.
template <class T>
void mergeInto(hgnn::MergeRule merge, Tensor<T> &into, const Tensor<T> &term, int64_t first,
               int64_t last);

/// The terms of the edges of each of `actives` destinations merged, in the order of the edges;
/// `activeOfEdge` says whose each is.
template <class T>
Tensor<T> mergeEdges(hgnn::MergeRule merge, const Tensor<T> &terms,
                     const std::vector<int64_t> &activeOfEdge, int64_t actives);

/// term, combine, combined and their gradients, in the words of HgnnComputeOps.td. Errors at `op`:
/// operands of other sizes than it takes.
template <class T>
llvm::FailureOr<Tensor<T>> computeMerge(mlir::Operation *op,
                                        llvm::ArrayRef<const Tensor<T> *> operands);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_INTERPRETER_MERGES_H
