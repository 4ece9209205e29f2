//===- EntryOps.h - the ops of one entry, group by group ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Inside of writeEntry: one class, whose write() functions stand in a file for each group of ops.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_PLAN_ENTRYOPS_H
#define HEDDLE_COMPILER_PLAN_ENTRYOPS_H

#include "compiler/plan/EntryWriter.h"
#include "compiler/plan/Extents.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

#include <array>
#include <optional>
#include <tuple>

namespace heddle::compiler {

/// The arrays of a value, by ArgPart; -1 = nothing reads it.
struct ValueArrays {
  std::array<int32_t, size_t(ArgPart::Output) + 1> buffer;
  ValueArrays() { buffer.fill(-1); }
  int32_t &operator[](ArgPart part) { return buffer[size_t(part)]; }
};

/// A parameter-shaped array is [all but the last, last].
std::pair<uint64_t, uint32_t> paramShape(llvm::ArrayRef<int64_t> shape);

/// Text without control characters, for names in the plan.
std::string printable(llvm::StringRef text);

class EntryWriter {
public:
  EntryWriter(const EntryKindTables &kind, size_t partition, const ModuleTables &tables,
              const std::map<std::string, KernelReference> &kernels, uint32_t &nextOpId)
      : kind_(kind), partition_(partition), source_(kind.entries[partition]), tables_(tables),
        kernels_(kernels), nextOpId_(nextOpId), entry_(std::make_unique<plan::EntryT>()),
        symbols_(tables, *entry_, kind.estimates, partition) {}
  mlir::FailureOr<std::unique_ptr<plan::EntryT>> run();

private:
  //===--------------------------------------------------------------------===//
  // What is needed

  //===--------------------------------------------------------------------===//
  void demand(mlir::Value value, ArgPart part) { demand_[value] |= uint32_t(1) << unsigned(part); }
  bool demanded(mlir::Value value) const { return demand_.lookup(value) != 0; }
  bool demanded(mlir::Value value, ArgPart part) const {
    return demand_.lookup(value) & (uint32_t(1) << unsigned(part));
  }
  static bool isResult(llvm::StringRef name) {
    return name == "loss" || name == "logits" || name == "ids";
  }
  /// From the results and the state updates back to the arrays that something reads.
  mlir::LogicalResult findDemand();
  mlir::FailureOr<const KernelSignature *> signatureOf(hgnn::LaunchOp launch);

  //===--------------------------------------------------------------------===//
  // Buffers

  //===--------------------------------------------------------------------===//
  int32_t addBuffer(std::string name, plan::DType dtype, plan::Extent rows, uint32_t width,
                    plan::Space space);
  /// The array of a tensor value.
  mlir::FailureOr<int32_t> tensorBuffer(mlir::Location location, std::string name,
                                        hgnn::FeatType type, plan::Space space);
  /// The buffer of a state; of a dense one in the shape `rows` x `width` (0: its own).
  mlir::FailureOr<int32_t> stateBuffer(mlir::Operation *op, llvm::StringRef name, uint64_t rows = 0,
                                       uint32_t width = 0);
  int32_t arrayOf(mlir::Value value, ArgPart part) { return arrays_[value][part]; }

  //===--------------------------------------------------------------------===//
  // Ops

  //===--------------------------------------------------------------------===//
  template <class Attrs>
  plan::OpT &addOp(mlir::Location location, std::string name, plan::Queue queue, Attrs attrs,
                   std::vector<int32_t> inputs, std::vector<int32_t> outputs) {
    auto op = std::make_unique<plan::OpT>();
    op->id = nextOpId_++;
    op->name = printable(name);
    op->location = locationText(location);
    op->queue = queue;
    op->attrs.Set(std::move(attrs));
    op->inputs = std::move(inputs);
    op->outputs = std::move(outputs);
    entry_->ops.push_back(std::move(op));
    return *entry_->ops.back();
  }
  /// One more term of a collective of rows, which is made with its first. `attrs` are those of the op
  /// if it is the first; what they say of the term alone is left to the caller otherwise.
  template <class Attrs>
  plan::OpT &addTerm(mlir::Location location, std::string name, plan::Queue queue, Attrs attrs,
                     const std::vector<int32_t> &inputs, const std::vector<int32_t> &outputs) {
    RowsOp &grown = rowsOps_[{queue, attrs.collective}];
    if (!grown.op) {
      grown.name = printable(name);
      grown.op = &addOp(location, std::move(name), queue, std::move(attrs), inputs, outputs);
    } else {
      plan::OpT &op = *grown.op;
      op.inputs.insert(op.inputs.end(), inputs.begin(), inputs.end());
      op.outputs.insert(op.outputs.end(), outputs.begin(), outputs.end());
      op.name = grown.name + " and " + std::to_string(++grown.more) + " more";
    }
    return *grown.op;
  }
  /// The collectives of the fetch queue into the order in which all partitions run them: an op stands
  /// where its first term was met, which may be before what another of its terms needs.
  void orderAhead();
  /// Traffic of the plan's arrays: each once, rounded to whole elements.
  void estimateTraffic(plan::OpT &op) { estimateTraffic(op, op.inputs, op.outputs); }
  /// The same of some of the op's arrays.
  void estimateTraffic(plan::OpT &op, const std::vector<int32_t> &inputs,
                       const std::vector<int32_t> &outputs);
  /// Bytes of an index into the nodes of a type, as the graph's arrays store it.
  double idBytes(llvm::StringRef type) const {
    return tables_.types[typeId(type)].numNodes > uint64_t(INT32_MAX) ? 8 : 4;
  }
  mlir::LogicalResult writeOp(mlir::Operation &op);
  mlir::LogicalResult write(hgnn::ReadOp op);
  /// Another name for the same numbers. States get a buffer of the new shape; memory of the arena
  /// has one buffer, whose readers take the shape from their attributes.
  mlir::LogicalResult write(hgnn::ReshapeOp op);
  mlir::LogicalResult write(hgnn::OutputOp op);
  /// Says where a value lives: another name for its arrays.
  mlir::LogicalResult writeView(mlir::Operation *op);
  static std::string at(llvm::StringRef name, int64_t hop) {
    return name.str() + " @" + std::to_string(hop);
  }
  uint32_t typeId(llvm::StringRef name) const { return tables_.typeIds.at(name.str()); }

  // EntrySampling.cpp
  mlir::LogicalResult write(hgnn::SeedsOp op);
  mlir::LogicalResult write(hgnn::SampleOp op);
  mlir::LogicalResult write(hgnn::FrontierOp op);
  /// Arrays of the sample that say where its distinct sources stand: two more outputs of its op.
  void sourceArrays(hgnn::SourcesOp op, const std::string &name, const plan::Extent &unique,
                    const plan::Extent &rows, std::vector<int32_t> &outputs);

  // EntryFetches.cpp
  const ModuleTables::Feature *featureOf(mlir::Operation *op, hgnn::DomainAttr domain,
                                         llvm::StringRef name);
  mlir::LogicalResult write(hgnn::FetchDenseOp op);
  mlir::LogicalResult write(hgnn::FetchEdgeOp op);
  static llvm::StringRef nameOf(hgnn::DomainAttr domain) { return domain.getSymbol().getValue(); }
  /// The six arrays of sparse rows, in the order of FetchSparseAttrs.
  std::vector<int32_t> sparseArrays(mlir::Value result, const std::string &name,
                                    const plan::Extent &rows, const ModuleTables::Feature &feature);
  mlir::LogicalResult write(hgnn::FetchSparseOp op);
  mlir::LogicalResult write(hgnn::FetchLabelsOp op);
  mlir::LogicalResult write(hgnn::FetchRowsOp op);
  mlir::LogicalResult write(hgnn::ScalarOp op);
  /// Seed and step, for keyed dropout: one buffer for all kernels of the entry.
  int32_t keysBuffer(mlir::Location location);

  // EntryCompute.cpp
  /// For names: the state that a weight is, or its shape.
  std::string weightName(mlir::Value weight);
  /// Rows of a tensor that goes into a dense product.
  mlir::FailureOr<plan::Extent> productRows(mlir::Location location, hgnn::FeatType type);
  static uint32_t productWidth(hgnn::FeatType type) {
    return uint32_t(type.getDomain().isParam() ? paramShape(type.getShape()).second
                                               : type.getWidth());
  }
  /// A product `a` times `b` into `c`: an op, or one more product of the op `open`, which it sets.
  plan::OpT &addProduct(plan::OpT *&open, mlir::Operation *source, const std::string &name,
                        plan::GemmAttrsT attrs, int32_t a, int32_t b, int32_t c);
  /// The op of the group that `op` belongs to, null before its first product; `own` if to none.
  plan::OpT *&productGroup(mlir::Operation *op, plan::OpT *&own);
  mlir::LogicalResult write(hgnn::LinearOp op);
  mlir::LogicalResult write(hgnn::LinearSumOp op);
  /// At most 64 partial sums at the expected size: enough for the threads, little to merge.
  uint32_t productChunk(const plan::Extent &rows) const;
  mlir::LogicalResult write(hgnn::LinearGradWeightOp op);
  mlir::LogicalResult write(hgnn::HeadLinearOp op);
  mlir::LogicalResult write(hgnn::HeadLinearGradWeightOp op);
  /// The sum of rows times params, of heads where a param has three dimensions.
  mlir::LogicalResult writeProducts(mlir::Operation *op, mlir::ValueRange inputs,
                                    mlir::ValueRange weights, bool transpose);
  /// The gradient of a param; `heads` of them side by side.
  mlir::LogicalResult writeWeightGradient(mlir::Operation *op, uint32_t heads);
  /// Where chunks of `rows` write their sums: `result` itself if there is surely exactly one.
  int32_t partialBuffer(int32_t result, const std::string &name, const plan::Extent &rows,
                        uint32_t chunkRows, uint64_t width);
  void addMerge(mlir::Location location, const std::string &name, int32_t partial, int32_t result,
                const plan::Extent &chunks, uint64_t width);
  /// A count of a launch; nullopt inside: it has no symbol (and costs nothing that is known).
  mlir::FailureOr<std::optional<plan::Extent>> countOf(hgnn::LaunchOp launch,
                                                       const KernelCount &count);
  mlir::LogicalResult write(hgnn::LaunchOp op);

  // EntryCollectives.cpp
  mlir::LogicalResult write(hgnn::MergeAllOp op);
  mlir::LogicalResult write(hgnn::MergeToOp op);
  mlir::LogicalResult write(hgnn::BroadcastOp op);
  mlir::LogicalResult write(hgnn::ExchangeRowsOp op);
  /// The rows of (hop, type) of all participants, numbered together; made at the first use.
  struct UnitedRows {
    int32_t ids = -1, rows = -1, counts = -1;
    plan::Extent united, gathered;
  };
  mlir::FailureOr<UnitedRows> unitedRows(hgnn::ExchangeRowsOp op);

  // EntrySpread.cpp
  mlir::LogicalResult write(hgnn::GatherBlocksOp op);
  mlir::LogicalResult write(hgnn::RequestRowsOp op);
  mlir::LogicalResult write(hgnn::FetchRemoteFeaturesOp op);
  mlir::LogicalResult write(hgnn::FetchRemoteRowsOp op);
  mlir::LogicalResult write(hgnn::PushRowsOp op);
  /// What a request gives, by the rows that are kept.
  struct Request {
    int32_t ids = -1, table = -1, asked = -1, counts = -1, slices = -1;
    plan::Extent keptRows, askedRows, remoteRows;
  };

  const EntryKindTables &kind_;
  size_t partition_;
  hgnn::EntryOp source_;
  const ModuleTables &tables_;
  const std::map<std::string, KernelReference> &kernels_;
  uint32_t &nextOpId_;
  std::unique_ptr<plan::EntryT> entry_;
  EntrySymbols symbols_;
  bool static_ = false;
  int32_t keys_ = -1;
  int32_t begins_ = -1; ///< where the blocks of the seeds begin
  std::map<std::pair<uint32_t, uint32_t>, int32_t> stateBuffers_; ///< by state and width
  // Looked up only, never walked: the plan must not depend on the order of pointers.
  llvm::DenseMap<mlir::Value, uint32_t> demand_;
  llvm::DenseMap<mlir::Value, ValueArrays> arrays_;
  llvm::DenseMap<mlir::Value, plan::Extent> nnz_;
  llvm::DenseMap<mlir::Value, uint32_t> sampleIds_;
  llvm::DenseSet<mlir::Operation *> liveLaunches_;
  std::map<int64_t, plan::OpT *> productGroups_; ///< by number
  using RowsKey = std::tuple<int64_t, std::string>; ///< hop, type
  std::map<RowsKey, std::pair<std::vector<uint32_t>, UnitedRows>> united_; ///< with the participants
  struct RowsOp {
    plan::OpT *op = nullptr;
    std::string name; ///< of the first term
    size_t more = 0;
  };
  std::map<std::pair<plan::Queue, uint32_t>, RowsOp> rowsOps_; ///< by number
  llvm::DenseMap<mlir::Value, Request> requests_;
  struct OpenGroup {
    std::vector<int32_t> terms, sums, scratch;
    std::vector<plan::MergeKind> merges;
    std::vector<uint32_t> heads;
    std::vector<plan::Extent> wire;
    bool byNumber = false;
  };
  std::map<uint32_t, OpenGroup> openGroups_; ///< merges that travel together, until the last of them
};

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_PLAN_ENTRYOPS_H
