//===- EntryWriter.cpp - one entry of a module as plan ops ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/EntryWriter.h"

#include "compiler/plan/EntryLayout.h"
#include "compiler/plan/EntrySymbols.h"
#include "runtime/plan/PlanFile.h"

#include "llvm/ADT/DenseMap.h"

#include <array>
#include <cmath>

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {

namespace {

using plan::BufferT;
using plan::DType;
using plan::Extent;
using plan::OpT;
using plan::Queue;
using plan::Space;

constexpr size_t numParts = size_t(ArgPart::Output) + 1;
uint32_t bit(ArgPart part) { return uint32_t(1) << unsigned(part); }

/// The arrays of a value, by ArgPart; -1 = nothing reads it.
struct ValueArrays {
  std::array<int32_t, numParts> buffer;
  ValueArrays() { buffer.fill(-1); }
  int32_t &operator[](ArgPart part) { return buffer[size_t(part)]; }
};

/// Counts of the form constant.
Extent constantExtent(uint64_t value) { return Extent(-1, 1, 1, value); }

/// A parameter-shaped array is [all but the last, last].
std::pair<uint64_t, uint32_t> paramShape(ArrayRef<int64_t> shape) {
  if (shape.empty())
    return {1, 1};
  uint64_t rows = 1;
  for (int64_t size : shape.drop_back())
    rows *= uint64_t(size);
  return {rows, uint32_t(shape.back())};
}

/// Limits of the plan's extents: 2^40 and 2^48.
uint64_t toScale(double value) {
  return uint64_t(std::clamp(std::round(value), 0.0, double(uint64_t(1) << 40)));
}
uint64_t toConstant(double value) {
  return uint64_t(std::clamp(std::round(value), 0.0, double(uint64_t(1) << 48)));
}

/// factor * extent into a sum of extents.
void addTo(std::vector<Extent> &sum, const Extent &extent, double factor) {
  if (factor <= 0)
    return;
  auto add = [&](int32_t symbol, uint32_t divisor, uint64_t scale, uint64_t constant) {
    for (Extent &term : sum)
      if (term.symbol() == symbol && term.divisor() == divisor) {
        term = Extent(symbol, divisor, toScale(double(term.scale()) + double(scale)),
                      toConstant(double(term.constant()) + double(constant)));
        return;
      }
    sum.push_back(Extent(symbol, divisor, scale, constant));
  };
  if (extent.symbol() < 0)
    add(-1, 1, 1, toConstant(double(extent.constant()) * factor));
  else
    add(extent.symbol(), extent.divisor(), toScale(double(extent.scale()) * factor),
        toConstant(double(extent.constant()) * factor));
}

/// ceil(count / rows) of a plain symbol or a constant.
Extent chunksOf(const Extent &count, uint32_t rows) {
  if (count.symbol() < 0)
    return constantExtent((count.constant() + rows - 1) / rows);
  return Extent(count.symbol(), rows, 1, 0);
}

std::string printable(StringRef text) {
  std::string clean = text.str();
  for (char &c : clean)
    if ((unsigned char)c < 0x20 || c == 0x7f)
      c = ' ';
  return clean;
}

class EntryWriter {
public:
  EntryWriter(EntryOp entry, const ModuleTables &tables,
              const std::map<std::string, KernelReference> &kernels, uint32_t &nextOpId)
      : source_(entry), tables_(tables), kernels_(kernels), nextOpId_(nextOpId),
        entry_(std::make_unique<plan::EntryT>()), symbols_(tables, *entry_) {}

  FailureOr<std::unique_ptr<plan::EntryT>> run() {
    bool train = source_.getKind() == hgnn::EntryKind::Train;
    SamplingOp sampling = tables_.sampling;
    entry_->kind = train ? plan::EntryKind::TrainStep : plan::EntryKind::EvalStep;
    entry_->name = printable(source_.getSymName());
    entry_->batch_size = uint64_t(
        std::max<int64_t>(0, int64_t(train ? sampling.getBatchSize() : sampling.getEvalBatchSize())));
    static_ = entry_->batch_size == 0;
    for (SampleOp sample : source_.getBody().getOps<SampleOp>())
      static_ &= int64_t(sample.getFanout()) == -1;
    // Batches in flight: one computing, two being sampled and fetched. Nothing is ahead of a step
    // whose inputs stay the same.
    entry_->slots = static_ ? 1 : 3;
    if (failed(symbols_.estimate(source_)) || failed(findDemand()))
      return failure();
    for (Operation &op : source_.getBody().front())
      if (failed(writeOp(op)))
        return failure();
    return std::move(entry_);
  }

private:
  //===--------------------------------------------------------------------===//
  // What is needed
  //===--------------------------------------------------------------------===//

  void demand(Value value, ArgPart part) { demand_[value] |= bit(part); }
  bool demanded(Value value) const { return demand_.lookup(value) != 0; }
  bool demanded(Value value, ArgPart part) const { return demand_.lookup(value) & bit(part); }

  static bool isResult(StringRef name) {
    return name == "loss" || name == "logits" || name == "ids";
  }

  /// From the results and the state updates back to the arrays that something reads.
  LogicalResult findDemand() {
    for (Operation &op : llvm::reverse(source_.getBody().front())) {
      if (auto output = dyn_cast<OutputOp>(op)) {
        if (isResult(output.getName()))
          demand(output.getValue(),
                 isa<IdsType>(output.getValue().getType()) ? ArgPart::Ids : ArgPart::Data);
      } else if (auto launch = dyn_cast<LaunchOp>(op)) {
        FailureOr<const KernelSignature *> signature = signatureOf(launch);
        if (failed(signature))
          return failure();
        bool used = !launch.getStates().empty() ||
                    llvm::any_of(launch.getResults(), [&](Value v) { return demanded(v); });
        if (!used)
          continue;
        liveLaunches_.insert(launch);
        for (const KernelArg &arg : (*signature)->args)
          if (arg.part < ArgPart::Keys)
            demand(launch.getInputs()[size_t(arg.index)], arg.part);
      } else if (isa<LinearOp, LinearGradWeightOp, ReshapeOp>(op)) {
        if (demanded(op.getResult(0)))
          for (Value operand : op.getOperands())
            demand(operand, ArgPart::Data);
      } else if (isa<FetchRowsOp>(op)) {
        if (demanded(op.getResult(0)))
          demand(op.getOperand(0), ArgPart::Ids);
      } else if (!isa<SeedsOp, SampleOp, FrontierOp, FetchDenseOp, FetchSparseOp, FetchLabelsOp,
                      ReadOp, ScalarOp>(op)) {
        return op.emitOpError("may not stand in an entry of the kernels phase; it belongs into a "
                              "hgnn.kernel");
      }
    }
    return success();
  }

  FailureOr<const KernelSignature *> signatureOf(LaunchOp launch) {
    auto found = kernels_.find(launch.getKernel().str());
    if (found == kernels_.end())
      return launch.emitOpError("launches @") << launch.getKernel() << ", which has no signature",
             failure();
    const KernelSignature &s = *found->second.signature;
    size_t inputs = launch.getInputs().size(), states = launch.getStates().size();
    for (auto [i, arg] : llvm::enumerate(s.args)) {
      bool output = arg.part == ArgPart::Output, state = arg.part == ArgPart::State;
      size_t limit = output ? launch.getNumResults() : state ? states : inputs;
      if (arg.part != ArgPart::Keys && (arg.index < 0 || size_t(arg.index) >= limit))
        return launch.emitOpError("argument ") << i << " of the kernel is index " << arg.index
                                               << " of " << limit,
               failure();
      if ((output || state) != (int64_t(i) >= s.numInputs))
        return launch.emitOpError("the kernel's inputs do not stand before its outputs"), failure();
    }
    if (s.outputs.size() != launch.getNumResults())
      return launch.emitOpError("has ") << launch.getNumResults() << " results, the kernel "
                                        << s.outputs.size(),
             failure();
    return &s;
  }

  //===--------------------------------------------------------------------===//
  // Buffers
  //===--------------------------------------------------------------------===//

  int32_t addBuffer(std::string name, DType dtype, Extent rows, uint32_t width, Space space) {
    auto buffer = std::make_unique<BufferT>();
    buffer->name = printable(name);
    buffer->dtype = dtype;
    buffer->rows = std::make_unique<Extent>(rows);
    buffer->width = width;
    buffer->space = space;
    entry_->buffers.push_back(std::move(buffer));
    return int32_t(entry_->buffers.size()) - 1;
  }

  /// The array of a tensor value.
  FailureOr<int32_t> tensorBuffer(Location location, std::string name, FeatType type, Space space) {
    if (type.getDomain().isParam()) {
      auto [rows, width] = paramShape(type.getShape());
      return addBuffer(std::move(name), DType::F32, constantExtent(rows), width, space);
    }
    FailureOr<Extent> rows = symbols_.domain(location, type.getDomain());
    if (failed(rows))
      return failure();
    return addBuffer(std::move(name), DType::F32, *rows, uint32_t(type.getWidth()), space);
  }

  /// The buffer of a state; of a dense one in the shape `rows` x `width` (0: its own).
  FailureOr<int32_t> stateBuffer(Operation *op, StringRef name, uint64_t rows = 0,
                                 uint32_t width = 0) {
    auto id = tables_.stateIds.find(name.str());
    if (id == tables_.stateIds.end())
      return op->emitOpError("names @\"") << name << "\", which is not a state", failure();
    StateOp state = tables_.states[id->second];
    uint64_t ownRows = 1;
    uint32_t ownWidth = 1;
    std::tie(ownRows, ownWidth) = paramShape(state.getShape());
    bool table = state.getRowsType().has_value();
    if (table)
      ownWidth = uint32_t(ownRows * ownWidth);
    if (width == 0 || table)
      rows = ownRows, width = ownWidth;
    auto [found, added] = stateBuffers_.try_emplace({id->second, width}, -1);
    if (!added)
      return found->second;
    Extent extent = constantExtent(rows);
    if (table) {
      auto type = tables_.typeIds.find(state.getRowsType()->str());
      if (type == tables_.typeIds.end())
        return state.emitOpError("has rows of a node type that the module does not have"), failure();
      extent = symbols_.nodes(type->second);
    }
    DType dtype = state.getRole() == hgnn::StateRole::RowSteps ? DType::I32 : DType::F32;
    found->second = addBuffer(name.str(), dtype, extent, width, Space::State);
    entry_->buffers[size_t(found->second)]->state = int32_t(id->second);
    return found->second;
  }

  int32_t arrayOf(Value value, ArgPart part) { return arrays_[value][part]; }

  //===--------------------------------------------------------------------===//
  // Ops
  //===--------------------------------------------------------------------===//

  template <class Attrs>
  OpT &addOp(Location location, std::string name, Queue queue, Attrs attrs,
             std::vector<int32_t> inputs, std::vector<int32_t> outputs) {
    auto op = std::make_unique<OpT>();
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

  /// Traffic: every array once, rounded to whole elements.
  void estimateTraffic(OpT &op) {
    for (const auto *list : {&op.inputs, &op.outputs})
      for (int32_t b : *list)
        if (b >= 0) {
          const BufferT &buffer = *entry_->buffers[size_t(b)];
          addTo(op.bytes, *buffer.rows, double(buffer.width) * double(plan::sizeOf(buffer.dtype)));
        }
  }

  LogicalResult writeOp(Operation &op) {
    return TypeSwitch<Operation *, LogicalResult>(&op)
        .Case<SeedsOp, SampleOp, FrontierOp, FetchDenseOp, FetchSparseOp, FetchLabelsOp,
              FetchRowsOp, ReadOp, ScalarOp, ReshapeOp, LinearOp, LinearGradWeightOp, LaunchOp,
              OutputOp>([&](auto typed) { return write(typed); })
        .Default([](Operation *other) { return other->emitOpError("is not a plan op"); });
  }

  static std::string at(StringRef name, int64_t hop) {
    return name.str() + " @" + std::to_string(hop);
  }
  uint32_t typeId(StringRef name) const { return tables_.typeIds.at(name.str()); }

  LogicalResult write(SeedsOp op) {
    DomainAttr domain = cast<IdsType>(op.getIds().getType()).getDomain();
    FailureOr<Extent> rows = symbols_.domain(op.getLoc(), domain);
    if (failed(rows))
      return failure();
    StringRef type = domain.getSymbol().getValue();
    int32_t ids = addBuffer("ids " + at(type, 0), DType::I64, *rows, 1, Space::Slot);
    arrays_[op.getIds()][ArgPart::Ids] = ids;
    plan::SeedsAttrsT attrs;
    attrs.node_type = typeId(type);
    OpT &written = addOp(op.getLoc(), "seeds " + type.str(), Queue::Sample, attrs, {}, {ids});
    written.in_loop_static = static_;
    estimateTraffic(written);
    return success();
  }

  LogicalResult write(SampleOp op) {
    Location location = op.getLoc();
    auto adj = cast<AdjType>(op.getAdj().getType());
    int64_t hop = adj.getHop();
    StringRef name = adj.getRelation().getValue();
    FailureOr<Extent> edges = symbols_.edges(location, adj);
    FailureOr<Extent> active = symbols_.active(location, adj);
    FailureOr<Extent> destinations =
        symbols_.rows(location, hop, adj.getDestination().getValue());
    if (failed(edges) || failed(active) || failed(destinations))
      return failure();
    auto oneMore = [](const Extent &e) { return Extent(e.symbol(), 1, 1, 1); };
    std::optional<Extent> sources;
    if (demanded(op.getAdj(), ArgPart::OutPtr)) {
      FailureOr<Extent> rows = symbols_.rows(location, hop + 1, adj.getSource().getValue());
      if (failed(rows))
        return failure();
      sources = oneMore(*rows);
    }
    struct Part {
      ArgPart part;
      const char *name;
      DType dtype;
      std::optional<Extent> rows;
    };
    const Part parts[] = {{ArgPart::DstPos, "dst_pos ", DType::I32, *active},
                          {ArgPart::InPtr, "in_ptr ", DType::I32, oneMore(*active)},
                          {ArgPart::InSrc, "in_src ", DType::I32, *edges},
                          {ArgPart::RowPos, "row_pos ", DType::I32, *destinations},
                          {ArgPart::OutPtr, "out_ptr ", DType::I32, sources},
                          {ArgPart::OutDst, "out_dst ", DType::I32, *edges},
                          {ArgPart::OutEdge, "out_edge ", DType::I32, *edges},
                          {ArgPart::EdgeId, "edge_id ", DType::I64, *edges}};
    std::vector<int32_t> outputs;
    for (const Part &part : parts) {
      int32_t buffer = -1;
      if (demanded(op.getAdj(), part.part))
        buffer = addBuffer(part.name + at(name, hop), part.dtype, *part.rows, 1, Space::Slot);
      arrays_[op.getAdj()][part.part] = buffer;
      outputs.push_back(buffer);
    }
    plan::SampleAttrsT attrs;
    attrs.relation = tables_.relationIds.at(name.str());
    attrs.hop = uint32_t(hop);
    attrs.fanout = int32_t(std::min<int64_t>(int64_t(op.getFanout()), INT32_MAX));
    attrs.mode = attrs.fanout < 0 ? plan::SampleMode::All : plan::SampleMode::Keyed;
    OpT &written = addOp(location, "sample " + at(name, hop), Queue::Sample, attrs,
                         {arrayOf(op.getIds(), ArgPart::Ids)}, std::move(outputs));
    written.in_loop_static = static_;
    estimateTraffic(written);
    sampleIds_[op.getAdj()] = written.id;
    return success();
  }

  LogicalResult write(FrontierOp op) {
    DomainAttr domain = cast<IdsType>(op.getIds().getType()).getDomain();
    StringRef type = domain.getSymbol().getValue();
    FailureOr<Extent> rows = symbols_.domain(op.getLoc(), domain);
    if (failed(rows))
      return failure();
    std::vector<int32_t> outputs(3, -1);
    outputs[0] = addBuffer("ids " + at(type, domain.getHop()), DType::I64, *rows, 1, Space::Slot);
    arrays_[op.getIds()][ArgPart::Ids] = outputs[0];
    int32_t previous = -1;
    if (op.getPrevious()) {
      previous = arrayOf(op.getPrevious(), ArgPart::Ids);
      FailureOr<Extent> previousRows = symbols_.rows(op.getLoc(), domain.getHop() - 1, type);
      if (failed(previousRows))
        return failure();
      if (demanded(op.getLink(), ArgPart::SelfPos))
        outputs[1] = addBuffer("self_pos " + at(type, domain.getHop()), DType::I32, *previousRows, 1,
                               Space::Slot);
      if (demanded(op.getLink(), ArgPart::SelfInv))
        outputs[2] =
            addBuffer("self_inv " + at(type, domain.getHop()), DType::I32, *rows, 1, Space::Slot);
      arrays_[op.getLink()][ArgPart::SelfPos] = outputs[1];
      arrays_[op.getLink()][ArgPart::SelfInv] = outputs[2];
    }
    plan::FrontierAttrsT attrs;
    attrs.node_type = typeId(type);
    attrs.hop = uint32_t(domain.getHop());
    attrs.self_link = bool(op.getPrevious());
    for (Value sample : op.getSamples()) {
      auto id = sampleIds_.find(sample);
      if (id == sampleIds_.end())
        return op.emitOpError("unites a value that no sample op before it gives");
      attrs.samples.push_back(id->second);
    }
    OpT &written = addOp(op.getLoc(), "frontier " + at(type, domain.getHop()), Queue::Sample, attrs,
                         {previous}, std::move(outputs));
    written.in_loop_static = static_;
    estimateTraffic(written);
    return success();
  }

  const ModuleTables::Feature *featureOf(Operation *op, DomainAttr domain, StringRef name) {
    const ModuleTables::Type &type = tables_.types[typeId(domain.getSymbol().getValue())];
    auto feature = type.features.find(name.str());
    if (feature != type.features.end())
      return &feature->second;
    op->emitOpError("fetches '") << name << "', which is not a feature of " << domain.getSymbol();
    return nullptr;
  }

  LogicalResult write(FetchDenseOp op) {
    if (!demanded(op.getResult()))
      return success();
    auto type = cast<FeatType>(op.getResult().getType());
    DomainAttr domain = type.getDomain();
    FailureOr<int32_t> rows =
        tensorBuffer(op.getLoc(), op.getFeature().str() + " " + at(nameOf(domain), domain.getHop()),
                     type, Space::Slot);
    if (failed(rows) || !featureOf(op, domain, op.getFeature()))
      return failure();
    arrays_[op.getResult()][ArgPart::Data] = *rows;
    plan::FetchDenseAttrsT attrs;
    attrs.node_type = typeId(nameOf(domain));
    attrs.feature = op.getFeature().str();
    attrs.dim = uint32_t(type.getWidth());
    OpT &written = addOp(op.getLoc(),
                         "fetch " + at(nameOf(domain).str() + "." + attrs.feature, domain.getHop()),
                         Queue::Fetch, attrs, {arrayOf(op.getIds(), ArgPart::Ids)}, {*rows});
    written.in_loop_static = static_;
    estimateTraffic(written);
    return success();
  }

  static StringRef nameOf(DomainAttr domain) { return domain.getSymbol().getValue(); }

  LogicalResult write(FetchSparseOp op) {
    Value result = op.getResult();
    if (!demanded(result))
      return success();
    auto type = cast<SparseType>(result.getType());
    DomainAttr domain = type.getDomain();
    FailureOr<Extent> rows = symbols_.domain(op.getLoc(), domain);
    const ModuleTables::Feature *feature = featureOf(op, domain, op.getFeature());
    if (failed(rows) || !feature)
      return failure();
    std::string name = op.getFeature().str() + " " + at(nameOf(domain), domain.getHop());
    std::vector<int32_t> outputs(6, -1);
    auto add = [&](size_t i, ArgPart part, const char *prefix, DType dtype, auto extent) {
      if (!demanded(result, part))
        return;
      outputs[i] = addBuffer(prefix + name, dtype, extent(), 1, Space::Slot);
      arrays_[result][part] = outputs[i];
    };
    // A symbol exists only if an array of its size does.
    auto nnz = [&] {
      Extent extent = symbols_.nnz(domain.getHop(), typeId(nameOf(domain)), *feature);
      nnz_.insert({result, extent});
      return extent;
    };
    add(0, ArgPart::SparsePtr, "ptr ", DType::I32, [&] { return Extent(rows->symbol(), 1, 1, 1); });
    add(1, ArgPart::SparseIdx, "idx ", DType::I32, nnz);
    add(2, ArgPart::SparseVal, "val ", DType::F32, nnz);
    add(3, ArgPart::SparseTPtr, "t_ptr ", DType::I32,
        [&] { return constantExtent(uint64_t(type.getDim()) + 1); });
    add(4, ArgPart::SparseTRow, "t_row ", DType::I32, nnz);
    add(5, ArgPart::SparseTVal, "t_val ", DType::F32, nnz);
    plan::FetchSparseAttrsT attrs;
    attrs.node_type = typeId(nameOf(domain));
    attrs.feature = op.getFeature().str();
    attrs.dim = uint32_t(type.getDim());
    OpT &written = addOp(op.getLoc(),
                         "fetch " + at(nameOf(domain).str() + "." + attrs.feature, domain.getHop()),
                         Queue::Fetch, attrs, {arrayOf(op.getIds(), ArgPart::Ids)},
                         std::move(outputs));
    written.in_loop_static = static_;
    estimateTraffic(written);
    return success();
  }

  LogicalResult write(FetchLabelsOp op) {
    Value result = op.getResult();
    if (!demanded(result))
      return success();
    auto type = cast<LabelsType>(result.getType());
    DomainAttr domain = type.getDomain();
    FailureOr<Extent> rows = symbols_.domain(op.getLoc(), domain);
    if (failed(rows))
      return failure();
    std::vector<int32_t> outputs;
    auto add = [&](ArgPart part, const char *prefix, DType dtype, uint32_t width) {
      int32_t buffer = -1;
      if (demanded(result, part))
        buffer = addBuffer(prefix + op.getLabel().str(), dtype, *rows, width, Space::Slot);
      arrays_[result][part] = buffer;
      outputs.push_back(buffer);
    };
    if (type.getMultilabel()) {
      add(ArgPart::MultiLabels, "labels ", DType::F32, uint32_t(type.getNumClasses()));
      add(ArgPart::LabelMask, "mask ", DType::F32, 1);
    } else {
      add(ArgPart::Classes, "labels ", DType::I32, 1);
    }
    plan::FetchLabelsAttrsT attrs;
    attrs.node_type = typeId(nameOf(domain));
    attrs.label = op.getLabel().str();
    attrs.multilabel = type.getMultilabel();
    attrs.num_classes = uint32_t(type.getNumClasses());
    OpT &written = addOp(op.getLoc(), "labels " + nameOf(domain).str() + "." + attrs.label,
                         Queue::Fetch, attrs, {arrayOf(op.getIds(), ArgPart::Ids)},
                         std::move(outputs));
    written.in_loop_static = static_;
    estimateTraffic(written);
    return success();
  }

  LogicalResult write(FetchRowsOp op) {
    if (!demanded(op.getResult()))
      return success();
    auto type = cast<FeatType>(op.getResult().getType());
    FailureOr<int32_t> table = stateBuffer(op, op.getState());
    if (failed(table))
      return failure();
    std::string name = at(op.getState(), type.getDomain().getHop());
    FailureOr<int32_t> rows = tensorBuffer(op.getLoc(), name, type, Space::Arena);
    if (failed(rows))
      return failure();
    arrays_[op.getResult()][ArgPart::Data] = *rows;
    OpT &written = addOp(op.getLoc(), "rows " + name, Queue::Compute, plan::FetchRowsAttrsT(),
                         {arrayOf(op.getIds(), ArgPart::Ids), *table}, {*rows});
    const BufferT &out = *entry_->buffers[size_t(*rows)];
    addTo(written.bytes, *out.rows, 8.0 * out.width + 8);
    return success();
  }

  LogicalResult write(ReadOp op) {
    if (!demanded(op.getResult()))
      return success();
    auto type = cast<FeatType>(op.getResult().getType());
    auto [rows, width] = paramShape(type.getShape());
    FailureOr<int32_t> buffer = stateBuffer(op, op.getState(), rows, width);
    if (failed(buffer))
      return failure();
    arrays_[op.getResult()][ArgPart::Data] = *buffer;
    return success();
  }

  /// Another name for the same numbers. States get a buffer of the new shape; memory of the arena
  /// has one buffer, whose readers take the shape from their attributes.
  LogicalResult write(ReshapeOp op) {
    if (!demanded(op.getResult()))
      return success();
    int32_t source = arrayOf(op.getInput(), ArgPart::Data);
    const BufferT &buffer = *entry_->buffers[size_t(source)];
    if (buffer.space == Space::State) {
      auto [rows, width] = paramShape(cast<FeatType>(op.getResult().getType()).getShape());
      StateOp state = tables_.states[size_t(buffer.state)];
      FailureOr<int32_t> alias = stateBuffer(op, state.getSymName(), rows, width);
      if (failed(alias))
        return failure();
      source = *alias;
    }
    arrays_[op.getResult()][ArgPart::Data] = source;
    return success();
  }

  LogicalResult write(ScalarOp op) {
    if (!demanded(op.getResult()))
      return success();
    std::string name = stringifyScalarKind(op.getKind()).str();
    int32_t buffer = addBuffer(name, DType::F32, constantExtent(1), 1, Space::Slot);
    arrays_[op.getResult()][ArgPart::Data] = buffer;
    plan::ScalarsAttrsT attrs;
    attrs.scalars.push_back(std::make_unique<plan::ScalarSpecT>());
    attrs.scalars.back()->kind = plan::ScalarKind(uint8_t(op.getKind()));
    attrs.scalars.back()->group = uint32_t(op.getGroup());
    addOp(op.getLoc(), name, Queue::Fetch, std::move(attrs), {}, {buffer, -1});
    return success();
  }

  /// Seed and step, for keyed dropout: one buffer for all kernels of the entry.
  int32_t keysBuffer(Location location) {
    if (keys_ < 0) {
      keys_ = addBuffer("keys", DType::U32, constantExtent(4), 1, Space::Slot);
      addOp(location, "keys", Queue::Fetch, plan::ScalarsAttrsT(), {}, {-1, keys_});
    }
    return keys_;
  }

  /// For names: the state that a weight is, or its shape.
  std::string weightName(Value weight) {
    const BufferT &buffer = *entry_->buffers[size_t(arrayOf(weight, ArgPart::Data))];
    return buffer.space == Space::State ? buffer.name : "";
  }

  /// Rows of a tensor that goes into a dense product.
  FailureOr<Extent> productRows(Location location, FeatType type) {
    if (type.getDomain().isParam())
      return constantExtent(paramShape(type.getShape()).first);
    return symbols_.domain(location, type.getDomain());
  }
  static uint32_t productWidth(FeatType type) {
    return uint32_t(type.getDomain().isParam() ? paramShape(type.getShape()).second
                                               : type.getWidth());
  }

  LogicalResult write(LinearOp op) {
    if (!demanded(op.getResult()))
      return success();
    auto input = cast<FeatType>(op.getInput().getType());
    auto output = cast<FeatType>(op.getResult().getType());
    FailureOr<Extent> rows = productRows(op.getLoc(), input);
    std::string weight = weightName(op.getWeight());
    std::string name = "linear" + std::string(op.getTranspose() ? "^T" : "") +
                       (weight.empty() ? "" : " " + weight);
    FailureOr<int32_t> result = tensorBuffer(op.getLoc(), name, output, Space::Arena);
    if (failed(rows) || failed(result))
      return failure();
    arrays_[op.getResult()][ArgPart::Data] = *result;
    plan::GemmAttrsT attrs;
    attrs.gemm = plan::GemmKind::RowsParam;
    attrs.rows = std::make_unique<Extent>(*rows);
    attrs.k = productWidth(input);
    attrs.n = productWidth(output);
    attrs.transpose_b = op.getTranspose();
    double k = attrs.k, n = attrs.n;
    OpT &written = addOp(op.getLoc(), name, Queue::Compute, std::move(attrs),
                         {arrayOf(op.getInput(), ArgPart::Data),
                          arrayOf(op.getWeight(), ArgPart::Data)},
                         {*result});
    addTo(written.bytes, *rows, (k + n) * 4);
    addTo(written.bytes, constantExtent(1), k * n * 4);
    addTo(written.flops, *rows, 2 * k * n);
    return success();
  }

  /// At most 64 partial sums at the expected size: enough for the threads, little to merge.
  uint32_t productChunk(const Extent &rows) const {
    double expected = expectedValue(rows, *entry_);
    uint32_t chunk = 1024;
    while (chunk < (1u << 20) && double(chunk) * 64 < expected)
      chunk *= 2;
    return chunk;
  }

  LogicalResult write(LinearGradWeightOp op) {
    if (!demanded(op.getResult()))
      return success();
    auto input = cast<FeatType>(op.getInput().getType());
    auto grad = cast<FeatType>(op.getGrad().getType());
    FailureOr<Extent> rows = productRows(op.getLoc(), input);
    if (failed(rows))
      return failure();
    plan::GemmAttrsT attrs;
    attrs.gemm = plan::GemmKind::ParamGrad;
    attrs.rows = std::make_unique<Extent>(*rows);
    attrs.k = productWidth(input);
    attrs.n = productWidth(grad);
    attrs.chunk_rows = productChunk(*rows);
    double k = attrs.k, n = attrs.n;
    Extent chunks = chunksOf(*rows, attrs.chunk_rows);
    std::string name = "weight gradient " + std::to_string(attrs.k) + "x" + std::to_string(attrs.n);
    FailureOr<int32_t> result = tensorBuffer(op.getLoc(), name,
                                             cast<FeatType>(op.getResult().getType()), Space::Arena);
    if (failed(result))
      return failure();
    arrays_[op.getResult()][ArgPart::Data] = *result;
    int32_t partial = partialBuffer(*result, name, *rows, attrs.chunk_rows,
                                    uint64_t(attrs.k) * attrs.n);
    OpT &written = addOp(op.getLoc(), name, Queue::Compute, std::move(attrs),
                         {arrayOf(op.getInput(), ArgPart::Data), arrayOf(op.getGrad(), ArgPart::Data)},
                         {partial});
    addTo(written.bytes, *rows, (k + n) * 4);
    addTo(written.bytes, chunks, k * n * 4);
    addTo(written.flops, *rows, 2 * k * n);
    addMerge(op.getLoc(), name, partial, *result, chunks, uint64_t(attrs.k) * attrs.n);
    return success();
  }

  /// Where chunks of `rows` write their sums: `result` itself if there is surely exactly one.
  int32_t partialBuffer(int32_t result, const std::string &name, const Extent &rows,
                        uint32_t chunkRows, uint64_t width) {
    if (rows.symbol() < 0 && rows.constant() >= 1 && rows.constant() <= chunkRows)
      return result;
    // Widths end at 2^30: very wide sums get more rows instead.
    Extent chunks = chunksOf(rows, chunkRows);
    uint32_t columns = width < (uint64_t(1) << 30) ? uint32_t(width) : 1;
    uint64_t perChunk = columns == 1 ? width : 1;
    Extent extent = chunks.symbol() < 0
                        ? constantExtent(chunks.constant() * perChunk)
                        : Extent(chunks.symbol(), chunks.divisor(), perChunk, 0);
    return addBuffer(name + " by chunk", DType::F32, extent, columns, Space::Arena);
  }

  void addMerge(Location location, const std::string &name, int32_t partial, int32_t result,
                const Extent &chunks, uint64_t width) {
    if (partial == result)
      return;
    plan::MergeAttrsT attrs;
    attrs.chunks = std::make_unique<Extent>(chunks);
    attrs.width = width;
    OpT &written = addOp(location, "merge " + name, Queue::Compute, std::move(attrs), {partial},
                         {result});
    addTo(written.bytes, chunks, double(width) * 4);
    addTo(written.bytes, constantExtent(width), 4);
    addTo(written.flops, chunks, double(width));
  }

  /// A count of a launch; nullopt inside: it has no symbol (and costs nothing that is known).
  FailureOr<std::optional<Extent>> countOf(LaunchOp launch, const KernelCount &count) {
    auto rowsOf = [&](Type type) -> FailureOr<std::optional<Extent>> {
      DomainAttr domain;
      if (auto tensor = dyn_cast<FeatType>(type)) {
        if (tensor.getDomain().isParam())
          return std::optional(constantExtent(uint64_t(tensor.getWidth())));
        domain = tensor.getDomain();
      } else if (auto ids = dyn_cast<IdsType>(type)) {
        domain = ids.getDomain();
      } else if (auto labels = dyn_cast<LabelsType>(type)) {
        domain = labels.getDomain();
      } else if (auto sparse = dyn_cast<SparseType>(type)) {
        domain = sparse.getDomain();
      } else {
        return launch.emitOpError("counts the rows of ") << type, failure();
      }
      FailureOr<Extent> extent = symbols_.domain(launch.getLoc(), domain);
      if (failed(extent))
        return failure();
      return std::optional(*extent);
    };
    auto ofAdj = [&](bool edges) -> FailureOr<std::optional<Extent>> {
      auto adj = dyn_cast<AdjType>(launch.getInputs()[size_t(count.index)].getType());
      if (!adj)
        return launch.emitOpError("counts the edges of an operand that is no adjacency"), failure();
      FailureOr<Extent> extent =
          edges ? symbols_.edges(launch.getLoc(), adj) : symbols_.active(launch.getLoc(), adj);
      if (failed(extent))
        return failure();
      return std::optional(*extent);
    };
    size_t limit = count.kind == CountKind::ResultRows ? launch.getNumResults()
                                                       : launch.getInputs().size();
    if (count.kind != CountKind::Constant && (count.index < 0 || size_t(count.index) >= limit))
      return launch.emitOpError("the kernel counts operand or result ") << count.index << " of "
                                                                        << limit,
             failure();
    switch (count.kind) {
    case CountKind::Constant:
      return std::optional(constantExtent(uint64_t(std::max<int64_t>(0, count.constant))));
    case CountKind::OperandRows:
      return rowsOf(launch.getInputs()[size_t(count.index)].getType());
    case CountKind::ResultRows:
      return rowsOf(launch.getResult(unsigned(count.index)).getType());
    case CountKind::AdjActive:
      return ofAdj(false);
    case CountKind::AdjEdges:
      return ofAdj(true);
    case CountKind::SparseNnz: {
      auto found = nnz_.find(launch.getInputs()[size_t(count.index)]);
      return found == nnz_.end() ? std::nullopt : std::optional(found->second);
    }
    case CountKind::AdjDestinations:
    case CountKind::AdjSources: {
      auto adj = cast<AdjType>(launch.getInputs()[size_t(count.index)].getType());
      bool sources = count.kind == CountKind::AdjSources;
      return rowsOf(IdsType::get(adj.getContext(),
                                 sources ? DomainAttr::rows(adj.getHop() + 1, adj.getSource())
                                         : DomainAttr::rows(adj.getHop(), adj.getDestination())));
    }
    case CountKind::LinkNear:
    case CountKind::LinkFar: {
      auto link = cast<LinkType>(launch.getInputs()[size_t(count.index)].getType());
      int64_t hop = link.getHop() + (count.kind == CountKind::LinkFar);
      return rowsOf(IdsType::get(link.getContext(), DomainAttr::rows(hop, link.getNodeType())));
    }
    }
    return failure();
  }

  LogicalResult write(LaunchOp op) {
    if (!liveLaunches_.contains(op))
      return success();
    const KernelReference &kernel = kernels_.at(op.getKernel().str());
    const KernelSignature &s = *kernel.signature;
    FailureOr<std::optional<Extent>> domain = countOf(op, s.domain);
    if (failed(domain))
      return failure();
    if (!*domain)
      return op.emitOpError("the kernel's loop has no size in the plan");
    std::string name = op.getKernel().str();

    std::vector<int32_t> results, written;
    for (auto [i, result] : llvm::enumerate(op.getResults())) {
      std::string resultName = name + (op.getNumResults() > 1 ? " " + std::to_string(i) : "");
      FailureOr<int32_t> buffer = tensorBuffer(op.getLoc(), resultName,
                                               cast<FeatType>(result.getType()), Space::Arena);
      if (failed(buffer))
        return failure();
      arrays_[result][ArgPart::Data] = *buffer;
      results.push_back(*buffer);
      written.push_back(s.outputs[i].partial
                            ? partialBuffer(*buffer, resultName, **domain, s.chunkRows,
                                            uint64_t(s.outputs[i].width))
                            : *buffer);
    }

    std::vector<int32_t> inputs, outputs;
    for (const KernelArg &arg : s.args) {
      switch (arg.part) {
      case ArgPart::Keys:
        inputs.push_back(keysBuffer(op.getLoc()));
        break;
      case ArgPart::State: {
        auto state = dyn_cast<FlatSymbolRefAttr>(op.getStates()[size_t(arg.index)]);
        if (!state)
          return op.emitOpError("states must be symbols");
        FailureOr<int32_t> buffer = stateBuffer(op, state.getValue());
        if (failed(buffer))
          return failure();
        outputs.push_back(*buffer);
        break;
      }
      case ArgPart::Output:
        outputs.push_back(written[size_t(arg.index)]);
        break;
      default: {
        int32_t buffer = arrayOf(op.getInputs()[size_t(arg.index)], arg.part);
        if (buffer < 0)
          return op.emitOpError("operand ") << arg.index << " has no array for the kernel's argument "
                                            << inputs.size();
        inputs.push_back(buffer);
      }
      }
    }
    plan::KernelAttrsT attrs;
    attrs.kernel = kernel.index;
    attrs.mode = plan::KernelMode(uint8_t(s.mode));
    attrs.domain = std::make_unique<Extent>(**domain);
    attrs.chunk_rows = s.mode == KernelMode::Chunks ? s.chunkRows : 0;
    // Chunks are fixed ranges of rows: nothing to balance.
    attrs.balance = s.mode == KernelMode::Chunks ? -1 : s.balanceArg;
    OpT &planOp = addOp(op.getLoc(), name, Queue::Compute, std::move(attrs), std::move(inputs),
                        std::move(outputs));
    for (const KernelCost &cost : s.costs) {
      FailureOr<std::optional<Extent>> count = countOf(op, cost.count);
      if (failed(count))
        return failure();
      if (!*count)
        continue;
      addTo(planOp.bytes, **count, cost.bytes);
      addTo(planOp.flops, **count, cost.flops);
    }
    if (s.costs.empty())
      estimateTraffic(planOp);
    for (auto [i, output] : llvm::enumerate(s.outputs))
      if (output.partial)
        addMerge(op.getLoc(), name, written[i], results[i], chunksOf(**domain, s.chunkRows),
                 uint64_t(output.width));
    return success();
  }

  LogicalResult write(OutputOp op) {
    if (!isResult(op.getName()))
      return success();
    bool ids = isa<IdsType>(op.getValue().getType());
    auto output = std::make_unique<plan::OutputT>();
    output->name = op.getName().str();
    output->buffer = uint32_t(arrayOf(op.getValue(), ids ? ArgPart::Ids : ArgPart::Data));
    entry_->outputs.push_back(std::move(output));
    return success();
  }

  EntryOp source_;
  const ModuleTables &tables_;
  const std::map<std::string, KernelReference> &kernels_;
  uint32_t &nextOpId_;
  std::unique_ptr<plan::EntryT> entry_;
  EntrySymbols symbols_;
  bool static_ = false;
  int32_t keys_ = -1;
  std::map<std::pair<uint32_t, uint32_t>, int32_t> stateBuffers_; ///< by state and width
  // Looked up only, never walked: the plan must not depend on the order of pointers.
  DenseMap<Value, uint32_t> demand_;
  DenseMap<Value, ValueArrays> arrays_;
  DenseMap<Value, Extent> nnz_;
  DenseMap<Value, uint32_t> sampleIds_;
  DenseSet<Operation *> liveLaunches_;
};

} // namespace

FailureOr<std::unique_ptr<plan::EntryT>>
writeEntry(EntryOp entry, const ModuleTables &tables,
           const std::map<std::string, KernelReference> &kernels, uint32_t &nextOpId) {
  return EntryWriter(entry, tables, kernels, nextOpId).run();
}

} // namespace heddle::compiler
