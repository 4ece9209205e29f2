//===- KernelSignature.h - what a generated kernel needs ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The contract between the code generator, which decides which arrays of an operand a kernel reads,
// and the plan writer, which finds those arrays' buffers for each launch. It holds no IR: numbers
// of operands, results and states are positions in hgnn.launch.
//
// ABI of a kernel: void k(void *const *args, int64_t begin, int64_t end, int64_t chunk), see
// KernelAttrs in runtime/plan/plan.fbs.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_CODEGEN_KERNELSIGNATURE_H
#define HEDDLE_COMPILER_CODEGEN_KERNELSIGNATURE_H

#include <cstdint>
#include <string>
#include <vector>

namespace heddle::compiler {

/// Which array of an operand, as the attribute tables of plan.fbs number them.
enum class ArgPart : uint8_t {
  Data,   ///< f32 rows of a tensor operand, or its numbers (param)
  Ids,    ///< i64, of an ids operand
  DstPos, ///< adj: SampleAttrs outputs 0..7, in this order
  InPtr,
  InSrc,
  RowPos,
  OutPtr,
  OutDst,
  OutEdge,
  EdgeId,
  SelfPos, ///< link: FrontierAttrs outputs 1 and 2
  SelfInv,
  Classes,     ///< labels: i32 class or -1
  MultiLabels, ///< labels: f32 [rows, classes] of 0/1
  LabelMask,   ///< labels: f32 [rows]
  SparsePtr,   ///< sparse: FetchSparseAttrs outputs 0..5, in this order
  SparseIdx,
  SparseVal,
  SparseTPtr,
  SparseTRow,
  SparseTVal,
  RowIds, ///< the array of Ids, for nothing but to find rows of states
  Keys,   ///< ScalarsAttrs output 1 of the entry; `index` is -1
  State,  ///< read and written in place
  Output  ///< written
};

/// One pointer of the kernel's argument array.
struct KernelArg {
  ArgPart part;
  int index; ///< operand number; State: index in launch.states; Output: result number; Keys: -1
  friend bool operator==(const KernelArg &, const KernelArg &) = default;
};

/// A number of things in one launch.
enum class CountKind : uint8_t {
  Constant,    ///< `constant`
  OperandRows, ///< rows of the domain in the type of operand `index` (tensor, ids, labels, sparse)
  ResultRows,  ///< rows of the domain in the type of result `index`
  AdjActive,   ///< active destinations of the adjacency operand `index`
  AdjEdges,    ///< edges of the adjacency operand `index`
  SparseNnz,   ///< entries of the sparse operand `index`
  AdjDestinations, ///< rows at the hop of the adjacency operand `index`
  AdjSources,      ///< rows one hop further, where its edges come from
  LinkNear,        ///< rows at the hop of the link operand `index`
  LinkFar          ///< rows one hop further
};
struct KernelCount {
  CountKind kind = CountKind::Constant;
  int index = -1;
  int64_t constant = 0;
};

/// An estimate: `count` times (flops, bytes read and written).
struct KernelCost {
  KernelCount count;
  double flops = 0;
  double bytes = 0;
};

/// Numbers equal plan::KernelMode.
enum class KernelMode : uint8_t {
  Rows = 0,  ///< any split of [0, domain) gives the same bits
  Chunks = 1 ///< called once per chunk of `chunkRows`, chunk c on [c * chunkRows, ...)
};

struct KernelOutput {
  /// False: the array of the result's type, complete. True: [ceil(domain / chunkRows), width], row
  /// c written by chunk c, to be added in order by a Merge op.
  bool partial = false;
  int64_t width = 1; ///< numbers per row of the array; of a param result that is whole: in all
};

inline constexpr uint32_t rowsPerChunk = 2048, numbersPerChunk = 32768;

struct KernelSignature {
  std::string symbol; ///< of the kernel op and of the function in the library
  KernelMode mode = KernelMode::Rows;
  KernelCount domain; ///< what begin and end count
  /// Chunks only. rowsPerChunk for loops over rows, numbersPerChunk for loops over the numbers of a
  /// param. The code does not depend on it: whoever launches a kernel may take another.
  uint32_t chunkRows = 0;
  /// Position in `args` of an i32 array [domain + 1] whose differences are the rows' work, or -1.
  int balanceArg = -1;
  /// Inputs, then states, then outputs; within the inputs the members of large sums are strided, so
  /// one array may appear several times.
  std::vector<KernelArg> args;
  std::vector<KernelOutput> outputs; ///< one per result
  std::vector<KernelCost> costs;
  /// Of a GPU's kernel: `lanes` threads work on one row (or chunk), or one on `rows` of them.
  struct Threads {
    uint32_t lanes = 1, rows = 1;
  } threads;
  int numInputs = 0; ///< leading args that are neither State nor Output
};

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_CODEGEN_KERNELSIGNATURE_H
