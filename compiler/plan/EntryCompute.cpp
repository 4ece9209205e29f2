//===- EntryCompute.cpp - dense products and kernels ----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/EntryOps.h"

#include "compiler/plan/EntryLayout.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {

using plan::BufferT;
using plan::DType;
using plan::Extent;
using plan::OpT;
using plan::Queue;
using plan::Space;

std::string EntryWriter::weightName(Value weight) {
  const BufferT &buffer = *entry_->buffers[size_t(arrayOf(weight, ArgPart::Data))];
  return buffer.space == Space::State ? buffer.name : "";
}

FailureOr<Extent> EntryWriter::productRows(Location location, FeatType type) {
  if (type.getDomain().isParam())
    return constantExtent(paramShape(type.getShape()).first);
  return symbols_.rowsOf(location, type);
}

OpT &EntryWriter::addProduct(OpT *&open, Operation *source, const std::string &name,
                             plan::GemmAttrsT attrs, int32_t a, int32_t b, int32_t c) {
  const Extent rows = *attrs.rows;
  const double k = attrs.k, n = attrs.n, heads = attrs.heads;
  const bool gradient = attrs.gemm == plan::GemmKind::ParamGrad, adds = attrs.accumulate;
  const uint32_t chunkRows = attrs.chunk_rows;
  bool readsA = true, readsB = true;
  if (!open) {
    open = &addOp(source->getLoc(), name, Queue::Compute, std::move(attrs), {a, b}, {c});
  } else {
    // The second product makes a group of the op.
    plan::GemmGroupAttrsT *group = open->attrs.AsGemmGroupAttrs();
    if (!group) {
      auto first = std::make_unique<plan::GemmPartT>();
      first->attrs = std::make_unique<plan::GemmAttrsT>(std::move(*open->attrs.AsGemmAttrs()));
      first->b = 1;
      open->attrs.Set(plan::GemmGroupAttrsT());
      group = open->attrs.AsGemmGroupAttrs();
      group->products.push_back(std::move(first));
    }
    auto place = [](std::vector<int32_t> &list, int32_t buffer, bool &isNew) {
      auto found = std::find(list.begin(), list.end(), buffer);
      isNew = found == list.end();
      uint32_t index = uint32_t(found - list.begin());
      if (isNew)
        list.push_back(buffer);
      return index;
    };
    auto part = std::make_unique<plan::GemmPartT>();
    bool isNew = false;
    part->attrs = std::make_unique<plan::GemmAttrsT>(std::move(attrs));
    part->a = place(open->inputs, a, readsA);
    part->b = place(open->inputs, b, readsB);
    part->c = place(open->outputs, c, isNew);
    group->products.push_back(std::move(part));
    const size_t more = open->name.rfind(" and ");
    open->name = (group->products.size() == 2 ? open->name : open->name.substr(0, more)) + " and " +
                 std::to_string(group->products.size() - 1) + " more";
  }
  if (readsA)
    addTo(open->bytes, rows, k * heads * 4);
  if (gradient) {
    if (readsB)
      addTo(open->bytes, rows, n * heads * 4);
    addTo(open->bytes, chunksOf(rows, chunkRows), k * n * heads * 4);
  } else {
    if (!adds)
      addTo(open->bytes, rows, n * heads * 4);
    addTo(open->bytes, constantExtent(1), k * n * heads * 4);
  }
  addTo(open->flops, rows, 2 * k * n * heads);
  return *open;
}

OpT *&EntryWriter::productGroup(Operation *op, OpT *&own) {
  auto number = op->getAttrOfType<IntegerAttr>(productGroupName);
  return number ? productGroups_[number.getInt()] : own;
}

LogicalResult EntryWriter::write(LinearOp op) {
  return writeProducts(op, {op.getInput()}, {op.getWeight()}, op.getTranspose());
}
LogicalResult EntryWriter::write(HeadLinearOp op) {
  return writeProducts(op, {op.getInput()}, {op.getWeight()}, op.getTranspose());
}
LogicalResult EntryWriter::write(LinearSumOp op) {
  return writeProducts(op, op.getInputs(), op.getWeights(), op.getTranspose());
}

LogicalResult EntryWriter::writeProducts(Operation *op, ValueRange inputs, ValueRange weights,
                                         bool transpose) {
  Value product = op->getResult(0);
  if (!demanded(product))
    return success();
  auto output = cast<FeatType>(product.getType());
  FailureOr<Extent> rows = productRows(op->getLoc(), output);
  auto nameOf = [&](Value matrix) {
    std::string weight = weightName(matrix);
    return "linear" + std::string(transpose ? "^T" : "") + (weight.empty() ? "" : " " + weight);
  };
  const std::string name = nameOf(weights.front());
  FailureOr<int32_t> result = tensorBuffer(op->getLoc(), name, output, Space::Arena);
  if (failed(rows) || failed(result))
    return failure();
  arrays_[product][ArgPart::Data] = *result;
  OpT *own = nullptr;
  OpT *&open = productGroup(op, own);
  for (auto [i, input, matrix] : llvm::enumerate(inputs, weights)) {
    ArrayRef<int64_t> shape = cast<FeatType>(matrix.getType()).getShape();
    plan::GemmAttrsT attrs;
    attrs.gemm = plan::GemmKind::RowsParam;
    attrs.rows = std::make_unique<Extent>(*rows);
    attrs.heads = shape.size() == 3 ? uint32_t(shape[0]) : 1;
    attrs.k = productWidth(cast<FeatType>(input.getType())) / attrs.heads;
    attrs.n = productWidth(output) / attrs.heads;
    attrs.transpose_b = transpose;
    attrs.accumulate = i > 0;
    addProduct(open, op, nameOf(matrix), std::move(attrs), arrayOf(input, ArgPart::Data),
               arrayOf(matrix, ArgPart::Data), *result);
  }
  return success();
}

uint32_t EntryWriter::productChunk(const Extent &rows) const {
  double expected = expectedValue(rows, *entry_);
  uint32_t chunk = tables_.gpu ? 128 : 1024;
  const double most = tables_.gpu ? 256 : 64;
  while (chunk < (1u << 20) && double(chunk) * most < expected)
    chunk *= 2;
  return chunk;
}

LogicalResult EntryWriter::write(LinearGradWeightOp op) { return writeWeightGradient(op, 1); }
LogicalResult EntryWriter::write(HeadLinearGradWeightOp op) {
  return writeWeightGradient(op, uint32_t(op.getHeads()));
}

LogicalResult EntryWriter::writeWeightGradient(Operation *op, uint32_t heads) {
  if (!demanded(op->getResult(0)))
    return success();
  auto input = cast<FeatType>(op->getOperand(0).getType());
  auto grad = cast<FeatType>(op->getOperand(1).getType());
  FailureOr<Extent> rows = productRows(op->getLoc(), input);
  if (failed(rows))
    return failure();
  plan::GemmAttrsT attrs;
  attrs.gemm = plan::GemmKind::ParamGrad;
  attrs.rows = std::make_unique<Extent>(*rows);
  attrs.k = productWidth(input) / heads;
  attrs.n = productWidth(grad) / heads;
  attrs.chunk_rows = productChunk(*rows);
  attrs.heads = heads;
  uint64_t width = uint64_t(attrs.k) * attrs.n * heads;
  Extent chunks = chunksOf(*rows, attrs.chunk_rows);
  std::string name = "weight gradient " + std::to_string(attrs.k) + "x" + std::to_string(attrs.n);
  if (heads > 1)
    name = "weight gradient " + std::to_string(heads) + "x" + std::to_string(attrs.k) + "x" +
           std::to_string(attrs.n);
  FailureOr<int32_t> result =
      tensorBuffer(op->getLoc(), name, cast<FeatType>(op->getResult(0).getType()), Space::Arena);
  if (failed(result))
    return failure();
  arrays_[op->getResult(0)][ArgPart::Data] = *result;
  int32_t partial = partialBuffer(*result, name, *rows, attrs.chunk_rows, width);
  OpT *own = nullptr;
  addProduct(productGroup(op, own), op, name, std::move(attrs),
             arrayOf(op->getOperand(0), ArgPart::Data), arrayOf(op->getOperand(1), ArgPart::Data),
             partial);
  addMerge(op->getLoc(), name, partial, *result, chunks, width);
  return success();
}

int32_t EntryWriter::partialBuffer(int32_t result, const std::string &name, const Extent &rows,
                                   uint32_t chunkRows, uint64_t width) {
  if (rows.symbol() < 0 && rows.constant() >= 1 && rows.constant() <= chunkRows)
    return result;
  // Widths end at 2^30: very wide sums get more rows instead.
  Extent chunks = chunksOf(rows, chunkRows);
  uint32_t columns = width < (uint64_t(1) << 30) ? uint32_t(width) : 1;
  uint64_t perChunk = columns == 1 ? width : 1;
  Extent extent = chunks.symbol() < 0 ? constantExtent(chunks.constant() * perChunk)
                                      : Extent(chunks.symbol(), chunks.divisor(), perChunk, 0);
  return addBuffer(name + " by chunk", DType::F32, extent, columns, Space::Arena);
}

void EntryWriter::addMerge(Location location, const std::string &name, int32_t partial,
                           int32_t result, const Extent &chunks, uint64_t width) {
  if (partial == result)
    return;
  plan::MergeAttrsT attrs;
  attrs.chunks = std::make_unique<Extent>(chunks);
  attrs.width = width;
  OpT &written =
      addOp(location, "merge " + name, Queue::Compute, std::move(attrs), {partial}, {result});
  addTo(written.bytes, chunks, double(width) * 4);
  addTo(written.bytes, constantExtent(width), 4);
  addTo(written.flops, chunks, double(width));
}

FailureOr<std::optional<Extent>> EntryWriter::countOf(LaunchOp launch, const KernelCount &count) {
  auto rowsOf = [&](Type type) -> FailureOr<std::optional<Extent>> {
    if (auto tensor = dyn_cast<FeatType>(type); tensor && tensor.getDomain().isParam())
      return std::optional(constantExtent(uint64_t(tensor.getWidth())));
    FailureOr<Extent> extent = symbols_.rowsOf(launch.getLoc(), type);
    if (failed(extent))
      return failure();
    return std::optional(*extent);
  };
  // Rows at the ends of samples and links are this partition's own.
  auto ownRows = [&](DomainAttr domain) -> FailureOr<std::optional<Extent>> {
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
  size_t limit =
      count.kind == CountKind::ResultRows ? launch.getNumResults() : launch.getInputs().size();
  if (count.kind != CountKind::Constant && (count.index < 0 || size_t(count.index) >= limit))
    return launch.emitOpError("the kernel counts operand or result ")
               << count.index << " of " << limit,
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
    return ownRows(sources ? adj.sourceDomain()
                           : DomainAttr::rows(adj.getHop(), adj.getDestination()));
  }
  case CountKind::LinkNear:
  case CountKind::LinkFar: {
    auto link = cast<LinkType>(launch.getInputs()[size_t(count.index)].getType());
    return ownRows(count.kind == CountKind::LinkFar ? link.farDomain() : link.nearDomain());
  }
  }
  return failure();
}

LogicalResult EntryWriter::write(LaunchOp op) {
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
    FailureOr<int32_t> buffer =
        tensorBuffer(op.getLoc(), resultName, cast<FeatType>(result.getType()), Space::Arena);
    if (failed(buffer))
      return failure();
    arrays_[result][ArgPart::Data] = *buffer;
    results.push_back(*buffer);
    written.push_back(s.outputs[i].partial
                          ? partialBuffer(*buffer, resultName, **domain, s.chunkRows,
                                          uint64_t(s.outputs[i].width))
                          : *buffer);
  }

  plan::KernelAttrsT attrs;
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
      const bool rowIds = arg.part == ArgPart::RowIds;
      if (rowIds)
        attrs.row_ids = int32_t(inputs.size());
      int32_t buffer = arrayOf(op.getInputs()[size_t(arg.index)], rowIds ? ArgPart::Ids : arg.part);
      if (buffer < 0)
        return op.emitOpError("of @") << op.getKernel() << ": operand " << arg.index
                                      << " has no array for the kernel's argument " << inputs.size()
                                      << " in entry \"" << source_.getSymName() << "\"";
      inputs.push_back(buffer);
    }
    }
  }
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

} // namespace heddle::compiler
