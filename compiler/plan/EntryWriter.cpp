//===- EntryWriter.cpp - one entry of a module as plan ops ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/EntryOps.h"

#include "runtime/plan/Collective.h"
#include "runtime/plan/PlanFile.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {

using plan::BufferT;
using plan::DType;
using plan::Extent;
using plan::OpT;
using plan::Space;

std::pair<uint64_t, uint32_t> paramShape(ArrayRef<int64_t> shape) {
  if (shape.empty())
    return {1, 1};
  uint64_t rows = 1;
  for (int64_t size : shape.drop_back())
    rows *= uint64_t(size);
  return {rows, uint32_t(shape.back())};
}

std::string printable(StringRef text) {
  std::string clean = text.str();
  for (char &c : clean)
    if ((unsigned char)c < 0x20 || c == 0x7f)
      c = ' ';
  return clean;
}

static plan::EntryKind kindOf(hgnn::EntryKind kind) {
  switch (kind) {
  case hgnn::EntryKind::Train:
    return plan::EntryKind::TrainStep;
  case hgnn::EntryKind::Eval:
    return plan::EntryKind::EvalStep;
  case hgnn::EntryKind::Infer:
    return plan::EntryKind::InferLayer;
  }
}

FailureOr<std::unique_ptr<plan::EntryT>> EntryWriter::run() {
  entry_->kind = kindOf(source_.getKind());
  entry_->layer = int32_t(source_.getLayer());
  entry_->name = printable(source_.getSymName());
  entry_->batch_size = batchOf(source_, tables_).size;
  entry_->partition = uint32_t(partition_);
  // A step that only one partition could keep would leave the others waiting for it.
  static_ = entry_->batch_size == 0;
  for (EntryOp entry : kind_.entries)
    for (SampleOp sample : entry.getBody().getOps<SampleOp>())
      static_ &= int64_t(sample.getFanout()) == -1;
  // Batches in flight: one computing, two being sampled and fetched. Nothing is ahead of a step
  // whose inputs stay the same.
  entry_->slots = static_ ? 1 : 3;
  if (failed(findDemand()))
    return failure();
  for (Operation &op : source_.getBody().front())
    if (failed(writeOp(op)))
      return failure();
  orderAhead();
  return std::move(entry_);
}

void EntryWriter::orderAhead() {
  std::vector<size_t> places;
  std::vector<std::unique_ptr<OpT>> ops;
  std::vector<uint32_t> ids; // ascending: queues keep the order of ids
  for (size_t i = 0; i < entry_->ops.size(); ++i)
    if (entry_->ops[i]->queue == plan::Queue::Fetch && plan::collectiveOf(*entry_->ops[i])) {
      places.push_back(i);
      ids.push_back(entry_->ops[i]->id);
      ops.push_back(std::move(entry_->ops[i]));
    }
  llvm::sort(ops, [](const auto &a, const auto &b) {
    return plan::collectiveOf(*a).id < plan::collectiveOf(*b).id;
  });
  for (size_t k = 0; k < places.size(); ++k) {
    ops[k]->id = ids[k];
    entry_->ops[places[k]] = std::move(ops[k]);
  }
}

LogicalResult EntryWriter::findDemand() {
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
          demand(launch.getInputs()[size_t(arg.index)],
                 arg.part == ArgPart::RowIds ? ArgPart::Ids : arg.part);
    } else if (isa<FetchEdgeOp>(op)) {
      if (demanded(op.getResult(0)))
        demand(op.getOperand(0), ArgPart::EdgeId);
    } else if (isa<EdgeIdsOp>(op)) {
      if (demanded(op.getResult(0), ArgPart::Ids))
        demand(op.getOperand(0), ArgPart::EdgeId);
    } else if (isa<LinearOp, LinearSumOp, LinearGradWeightOp, HeadLinearOp, HeadLinearGradWeightOp,
                   ReshapeOp>(op)) {
      if (demanded(op.getResult(0)))
        for (Value operand : op.getOperands())
          demand(operand, ArgPart::Data);
    } else if (isa<PartialOp, OwnOp>(op)) {
      if (demanded(op.getResult(0)))
        demand(op.getOperand(0), ArgPart::Data);
    } else if (isa<Collective>(op)) {
      // All partitions meet at all collectives, whatever becomes of the results here.
      for (Value operand : op.getOperands())
        demand(operand, isa<IdsType>(operand.getType()) ? ArgPart::Ids : ArgPart::Data);
    } else if (isa<FetchRowsOp>(op)) {
      if (demanded(op.getResult(0)))
        demand(op.getOperand(0), ArgPart::Ids);
    } else if (!isa<SeedsOp, SeedBlockOp, SampleOp, FrontierOp, SourcesOp, FetchDenseOp,
                    FetchSparseOp, FetchLabelsOp, ReadOp, ScalarOp>(op)) {
      return op.emitOpError("may not stand in an entry of the kernels phase; it belongs into a "
                            "hgnn.kernel");
    }
  }
  return success();
}

FailureOr<const KernelSignature *> EntryWriter::signatureOf(LaunchOp launch) {
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
      return launch.emitOpError("argument ")
                 << i << " of the kernel is index " << arg.index << " of " << limit,
             failure();
    if ((output || state) != (int64_t(i) >= s.numInputs))
      return launch.emitOpError("the kernel's inputs do not stand before its outputs"), failure();
  }
  if (s.outputs.size() != launch.getNumResults())
    return launch.emitOpError("has ")
               << launch.getNumResults() << " results, the kernel " << s.outputs.size(),
           failure();
  return &s;
}

int32_t EntryWriter::addBuffer(std::string name, DType dtype, Extent rows, uint32_t width,
                               Space space) {
  auto buffer = std::make_unique<BufferT>();
  buffer->name = printable(name);
  buffer->dtype = dtype;
  buffer->rows = std::make_unique<Extent>(rows);
  buffer->width = width;
  buffer->space = space;
  entry_->buffers.push_back(std::move(buffer));
  return int32_t(entry_->buffers.size()) - 1;
}

FailureOr<int32_t> EntryWriter::tensorBuffer(Location location, std::string name, FeatType type,
                                             Space space) {
  if (type.getDomain().isParam()) {
    auto [rows, width] = paramShape(type.getShape());
    return addBuffer(std::move(name), DType::F32, constantExtent(rows), width, space);
  }
  FailureOr<Extent> rows = symbols_.rowsOf(location, type);
  if (failed(rows))
    return failure();
  return addBuffer(std::move(name), DType::F32, *rows, uint32_t(type.getWidth()), space);
}

FailureOr<int32_t> EntryWriter::stateBuffer(Operation *op, StringRef name, uint64_t rows,
                                            uint32_t width) {
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

void EntryWriter::estimateTraffic(OpT &op, const std::vector<int32_t> &inputs,
                                  const std::vector<int32_t> &outputs) {
  for (const auto *list : {&inputs, &outputs})
    for (int32_t b : *list)
      if (b >= 0) {
        const BufferT &buffer = *entry_->buffers[size_t(b)];
        addTo(op.bytes, *buffer.rows, double(buffer.width) * double(plan::sizeOf(buffer.dtype)));
      }
}

LogicalResult EntryWriter::writeOp(Operation &op) {
  return TypeSwitch<Operation *, LogicalResult>(&op)
      .Case<SeedsOp, SampleOp, FrontierOp, FetchDenseOp, FetchEdgeOp, FetchSparseOp, FetchLabelsOp,
            FetchRowsOp, ReadOp, ScalarOp, ReshapeOp, LinearOp, LinearSumOp, LinearGradWeightOp, HeadLinearOp,
            HeadLinearGradWeightOp, LaunchOp, OutputOp, MergeAllOp, MergeToOp, BroadcastOp,
            ExchangeRowsOp, GatherBlocksOp, RequestRowsOp, FetchRemoteFeaturesOp, FetchRemoteRowsOp,
            PushRowsOp>([&](auto typed) { return write(typed); })
      .Case<PartialOp, OwnOp>([&](Operation *view) { return writeView(view); })
      .Case<SeedBlockOp, SourcesOp>([](Operation *) { return success(); }) // with seeds and samples
      .Case<EdgeIdsOp>([&](EdgeIdsOp ids) {                     // an array of the sample
        arrays_[ids.getIds()][ArgPart::Ids] = arrayOf(ids.getAdj(), ArgPart::EdgeId);
        return success();
      })
      .Default([](Operation *other) { return other->emitOpError("is not a plan op"); });
}

LogicalResult EntryWriter::write(ReadOp op) {
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

LogicalResult EntryWriter::write(ReshapeOp op) {
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

LogicalResult EntryWriter::writeView(Operation *op) {
  if (!demanded(op->getResult(0)))
    return success();
  ValueArrays arrays = arrays_[op->getOperand(0)]; // a new entry may move the others
  arrays_[op->getResult(0)] = arrays;
  return success();
}

LogicalResult EntryWriter::write(OutputOp op) {
  if (!isResult(op.getName()))
    return success();
  bool ids = isa<IdsType>(op.getValue().getType());
  auto output = std::make_unique<plan::OutputT>();
  output->name = op.getName().str();
  output->buffer = uint32_t(arrayOf(op.getValue(), ids ? ArgPart::Ids : ArgPart::Data));
  entry_->outputs.push_back(std::move(output));
  return success();
}

FailureOr<EntryKindTables> EntryKindTables::of(ArrayRef<EntryOp> entries,
                                               const ModuleTables &tables) {
  EntryKindTables out;
  out.entries.assign(entries.begin(), entries.end());
  for (EntryOp entry : entries) {
    auto estimates = EntrySymbols::estimate(tables, entry);
    if (failed(estimates))
      return failure();
    out.estimates.push_back(std::move(*estimates));
  }
  auto collectives = Collectives::of(entries);
  if (failed(collectives))
    return failure();
  out.collectives = std::move(*collectives);
  return out;
}

FailureOr<std::unique_ptr<plan::EntryT>>
writeEntry(const EntryKindTables &kind, size_t partition, const ModuleTables &tables,
           const std::map<std::string, KernelReference> &kernels, uint32_t &nextOpId) {
  return EntryWriter(kind, partition, tables, kernels, nextOpId).run();
}

} // namespace heddle::compiler
