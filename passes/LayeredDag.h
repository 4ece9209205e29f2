//===- LayeredDag.h - which links and vertices a root link needs -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The samples and frontiers of an entry are a layered DAG: one vertex per (hop, node type), one
// link per (hop, relation), and identity links. A closure is found by reachability on it, in one
// walk over the program: never as a tree of paths, and never along the edges of a depth-first tree,
// which misses links from three layers on.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_PASSES_LAYEREDDAG_H
#define HEDDLE_PASSES_LAYEREDDAG_H

#include "dialects/hgnn/Hgnn.h"

#include "llvm/ADT/SetVector.h"

namespace heddle::passes {

/// A link into the seeds: the adjacency of a relation at hop 0, or the identity link of hop 0.
struct RootLink {
  std::string name; ///< the relation's symbol, or "self"
  mlir::Value value;
};

/// The root links of an entry: relations in program order (that of canonical ids), then the
/// identity.
llvm::SmallVector<RootLink> rootLinksOf(hgnn::EntryOp entry);

/// What some root links need.
struct Closure {
  llvm::DenseSet<mlir::Operation *> samples;   ///< hgnn.sample
  llvm::DenseSet<mlir::Operation *> frontiers; ///< hgnn.frontier
  llvm::DenseSet<mlir::Operation *> selfLinks; ///< those of `frontiers` with their identity link
};

/// Everything that is reachable from `links` (values of root links of that entry): every relation
/// into a needed vertex is needed, with all its sources.
Closure closureOf(hgnn::EntryOp entry, const llvm::DenseSet<mlir::Value> &links);

/// The ops that compute `values`, but for samples and frontiers: those follow from the closure.
/// `stop`: values that are not looked behind.
llvm::SetVector<mlir::Operation *> computationOf(llvm::ArrayRef<mlir::Value> values,
                                                 llvm::function_ref<bool(mlir::Value)> stop);

/// The adjacencies and identity links of hop 0 that the ops take.
llvm::DenseSet<mlir::Value> rootLinksUsedBy(const llvm::SetVector<mlir::Operation *> &ops);

} // namespace heddle::passes

#endif // HEDDLE_PASSES_LAYEREDDAG_H
