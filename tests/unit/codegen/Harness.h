//===- Harness.h - compile kernels from text, run them, compare --*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_CODEGEN_HARNESS_H
#define HEDDLE_TESTS_UNIT_CODEGEN_HARNESS_H

#include "compiler/codegen/CodeGen.h"

#include "mlir/IR/OwningOpRef.h"

#include <map>
#include <random>
#include <string>
#include <vector>

namespace heddle::test {

/// One adjacency with every array of SampleAttrs.
struct Adjacency {
  int64_t destinations = 0, sources = 0;
  std::vector<int32_t> dstPos, inPtr{0}, inSrc, rowPos, outPtr, outDst, outEdge;
  int64_t active() const { return int64_t(dstPos.size()); }
  int64_t edges() const { return int64_t(inSrc.size()); }
};
Adjacency randomAdjacency(std::mt19937 &rng, int64_t destinations, int64_t sources, double density);

struct SparseRows {
  int64_t rows = 0, dim = 0;
  std::vector<int32_t> ptr{0}, idx, tPtr, tRow;
  std::vector<float> val, tVal;
};

/// What a launch of one kernel is given: arrays for each operand, made at random from the types.
struct Inputs {
  std::map<int, std::vector<float>> data; ///< tensors
  std::map<int, std::vector<int64_t>> ids;
  std::map<int, Adjacency> adjacencies;
  std::map<int, std::vector<int32_t>> selfPos, selfInv;
  std::map<int, SparseRows> sparse;
  std::map<int, std::vector<int32_t>> classes;
  std::map<int, std::vector<float>> multiLabels, labelMask;
  std::vector<std::vector<float>> states; ///< f32
  std::vector<uint32_t> rowSteps;         ///< the last state of row-sparse Adam
  uint32_t keys[4] = {0x12345678u, 0x9ABCDEF0u, 77, 0};
};

/// Rows of a domain, by its text: "rows(0, @t0)".
using Counts = std::map<std::string, int64_t>;

using Arrays = std::vector<std::vector<double>>;

class KernelModule {
public:
  /// Parses and compiles; fails the test on any error.
  explicit KernelModule(const std::string &text, const std::string &target = {});
  ~KernelModule();
  KernelModule(const KernelModule &) = delete;

  bool ok() const { return handle != nullptr; }
  const compiler::KernelSignature &signature(const std::string &kernel) const;
  hgnn::KernelOp kernel(const std::string &name) const;
  size_t librarySize() const { return size; }

  Inputs randomInputs(const std::string &kernel, const Counts &counts, std::mt19937 &rng) const;
  /// Runs with ranges that end at each of `splits` (Rows) or with chunks of `chunkRows`; partial
  /// results are merged in order. States of `inputs` are updated.
  std::vector<std::vector<float>> run(const std::string &kernel, Inputs &inputs,
                                      const Counts &counts, const std::vector<int64_t> &splits = {},
                                      int64_t chunkRows = 0) const;

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<compiler::KernelSignature> signatures;

private:
  void *handle = nullptr;
  size_t size = 0;
};

/// The loops one would write by hand, op by op, in double; see Reference.cpp.
Arrays reference(hgnn::KernelOp kernel, const Inputs &inputs, const Counts &counts);

/// Number of rows of a domain.
int64_t countOf(hgnn::DomainAttr domain, const Counts &counts, const Inputs &inputs,
                hgnn::KernelOp kernel);

/// Replaces every "$W" and the like.
std::string fill(std::string text, const std::map<std::string, std::string> &values);

/// Expects |a - b| <= tolerance * (largest |b|) for all elements.
void expectClose(const std::vector<float> &a, const std::vector<double> &b, double tolerance,
                 const std::string &what);

} // namespace heddle::test

#endif // HEDDLE_TESTS_UNIT_CODEGEN_HARNESS_H
