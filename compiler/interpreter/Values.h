//===- Values.h - what a value of the dialect is at run time ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A run-time value knows all that ops need of it (hop, ids, number of rows): bodies of kernels have
// renamed types, so types are not consulted.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_INTERPRETER_VALUES_H
#define HEDDLE_COMPILER_INTERPRETER_VALUES_H

#include "compiler/interpreter/Dual.h"
#include "dialects/hgnn/Hgnn.h"

#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace heddle::compiler {

/// Rows of a node type at a hop.
struct Ids {
  int64_t hop = 0;
  int nodeType = -1; ///< id in the graph's schema
  std::vector<int64_t> ids; ///< ascending, unique
  int64_t size() const { return int64_t(ids.size()); }
};

/// A(step, hop, relation) for the rows at a hop: edges by (destination row, source id, edge id).
struct Adjacency {
  int64_t hop = 0;
  int64_t numRows = 0;              ///< rows of the destination type at `hop`
  bool unique = false;              ///< sources are numbered among the distinct ones
  int64_t numSources = -1;          ///< what sources are numbered among; -1 before the frontier
  std::vector<int64_t> activeRow;   ///< per active destination: its row
  std::vector<int64_t> activeOfEdge, sourceId, edgeId; ///< per edge
  std::vector<int64_t> sourceRow;   ///< per edge, once the frontier is known
  std::vector<int64_t> uniqueRow;   ///< per distinct source: its row of the frontier
  int64_t numEdges() const { return int64_t(sourceId.size()); }
  int64_t numActive() const { return int64_t(activeRow.size()); }
};

/// For each row of (hop, type), or distinct source of a relation, its row of (hop + 1, type).
struct Link {
  std::vector<int64_t> position;
  int64_t numNext = 0;
};

struct SparseRows {
  int64_t dim = 0;
  std::vector<std::vector<std::pair<int64_t, double>>> rows;
};

struct Labels {
  int64_t numClasses = 0;
  std::vector<int64_t> classes;            ///< single-label: -1 = missing
  std::vector<std::vector<double>> multi;  ///< multi-label: empty row = missing
};

/// Rows of `shape` numbers each, or a parameter (`rows` is then -1).
template <class T> struct Tensor {
  int64_t rows = -1;
  std::vector<int64_t> shape;
  std::vector<T> data;

  bool isParam() const { return rows < 0; }
  int64_t numRows() const { return rows < 0 ? 1 : rows; }
  int64_t width() const {
    int64_t width = 1;
    for (int64_t size : shape)
      width *= size;
    return width;
  }
  T &at(int64_t row, int64_t column) { return data[row * width() + column]; }
  const T &at(int64_t row, int64_t column) const { return data[row * width() + column]; }

  static Tensor make(int64_t rows, std::vector<int64_t> shape) {
    Tensor tensor;
    tensor.rows = rows;
    tensor.shape = std::move(shape);
    tensor.data.assign(tensor.numRows() * tensor.width(), T(0));
    return tensor;
  }
  static Tensor param(std::vector<int64_t> shape) { return make(-1, std::move(shape)); }
};

template <class T>
using RuntimeValue =
    std::variant<std::monostate, Tensor<T>, std::shared_ptr<const Ids>, std::shared_ptr<Adjacency>,
                 std::shared_ptr<const Link>, std::shared_ptr<const SparseRows>,
                 std::shared_ptr<const Labels>>;

template <class T> using Environment = llvm::DenseMap<mlir::Value, RuntimeValue<T>>;

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_INTERPRETER_VALUES_H
