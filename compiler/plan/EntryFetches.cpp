//===- EntryFetches.cpp - features, labels, table rows and scalars --------===//
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

const ModuleTables::Feature *EntryWriter::featureOf(Operation *op, DomainAttr domain,
                                                    StringRef name) {
  const ModuleTables::Type &type = tables_.types[typeId(domain.getSymbol().getValue())];
  auto feature = type.features.find(name.str());
  if (feature != type.features.end())
    return &feature->second;
  op->emitOpError("fetches '") << name << "', which is not a feature of " << domain.getSymbol();
  return nullptr;
}

LogicalResult EntryWriter::write(FetchDenseOp op) {
  if (!demanded(op.getResult()))
    return success();
  auto type = cast<FeatType>(op.getResult().getType());
  DomainAttr domain = type.getDomain();
  FailureOr<int32_t> rows =
      tensorBuffer(op.getLoc(), op.getFeature().str() + " " + at(nameOf(domain), domain.getHop()),
                   type, Space::Slot);
  const ModuleTables::Feature *feature = featureOf(op, domain, op.getFeature());
  if (failed(rows) || !feature)
    return failure();
  arrays_[op.getResult()][ArgPart::Data] = *rows;
  plan::FetchDenseAttrsT attrs;
  attrs.node_type = typeId(nameOf(domain));
  attrs.feature = op.getFeature().str();
  attrs.dim = uint32_t(type.getWidth());
  OpT &written =
      addOp(op.getLoc(), "fetch " + at(nameOf(domain).str() + "." + attrs.feature, domain.getHop()),
            Queue::Fetch, attrs, {arrayOf(op.getIds(), ArgPart::Ids)}, {*rows});
  written.in_loop_static = static_;
  estimateTraffic(written);
  // A row of the graph's array.
  addTo(written.bytes, *entry_->buffers[size_t(*rows)]->rows,
        double(feature->numberBytes) * attrs.dim);
  return success();
}

LogicalResult EntryWriter::write(FetchEdgeOp op) {
  if (!demanded(op.getResult()))
    return success();
  auto adj = cast<AdjType>(op.getAdj().getType());
  auto type = cast<FeatType>(op.getResult().getType());
  StringRef relation = adj.getRelation().getValue();
  FailureOr<int32_t> rows = tensorBuffer(
      op.getLoc(), op.getFeature().str() + " " + at(relation, adj.getHop()), type, Space::Slot);
  if (failed(rows))
    return failure();
  arrays_[op.getResult()][ArgPart::Data] = *rows;
  plan::FetchEdgeAttrsT attrs;
  attrs.relation = tables_.relationIds.at(relation.str());
  attrs.hop = uint32_t(adj.getHop());
  attrs.feature = op.getFeature().str();
  attrs.dim = uint32_t(type.getWidth());
  OpT &written =
      addOp(op.getLoc(), "fetch " + at(relation.str() + "." + attrs.feature, adj.getHop()),
            Queue::Fetch, attrs, {arrayOf(op.getAdj(), ArgPart::EdgeId)}, {*rows});
  written.in_loop_static = static_;
  estimateTraffic(written);
  // A row of the graph's array, and of a reverse view where it stands there.
  RelationOp schema = tables_.relations[attrs.relation].op;
  double place = int64_t(schema.getReverseOf()) >= 0 ? 4 : 0;
  auto features = schema.getFeatures().value_or(DictionaryAttr());
  auto feature = features ? features.getAs<DictionaryAttr>(attrs.feature) : DictionaryAttr();
  addTo(written.bytes, *entry_->buffers[size_t(*rows)]->rows,
        double(numberBytesOf(feature)) * attrs.dim + place);
  return success();
}

/// Arrays that nothing reads are -1.
std::vector<int32_t> EntryWriter::sparseArrays(Value result, const std::string &name,
                                               const Extent &rows,
                                               const ModuleTables::Feature &feature) {
  auto type = cast<SparseType>(result.getType());
  DomainAttr domain = type.getDomain();
  std::vector<int32_t> outputs(6, -1);
  auto add = [&](size_t i, ArgPart part, const char *prefix, DType dtype, auto extent) {
    if (!demanded(result, part))
      return;
    outputs[i] = addBuffer(prefix + name, dtype, extent(), 1, Space::Slot);
    arrays_[result][part] = outputs[i];
  };
  // A symbol exists only if an array of its size does.
  auto nnz = [&] {
    Extent extent = symbols_.nnz(domain.getHop(), typeId(nameOf(domain)), feature);
    nnz_.insert({result, extent});
    return extent;
  };
  add(0, ArgPart::SparsePtr, "ptr ", DType::I32, [&] { return Extent(rows.symbol(), 1, 1, 1); });
  add(1, ArgPart::SparseIdx, "idx ", DType::I32, nnz);
  add(2, ArgPart::SparseVal, "val ", DType::F32, nnz);
  add(3, ArgPart::SparseTPtr, "t_ptr ", DType::I32,
      [&] { return constantExtent(uint64_t(type.getDim()) + 1); });
  add(4, ArgPart::SparseTRow, "t_row ", DType::I32, nnz);
  add(5, ArgPart::SparseTVal, "t_val ", DType::F32, nnz);
  return outputs;
}

LogicalResult EntryWriter::write(FetchSparseOp op) {
  Value result = op.getResult();
  if (!demanded(result))
    return success();
  auto type = cast<SparseType>(result.getType());
  DomainAttr domain = type.getDomain();
  FailureOr<Extent> rows = symbols_.rowsOf(op.getLoc(), type);
  const ModuleTables::Feature *feature = featureOf(op, domain, op.getFeature());
  if (failed(rows) || !feature)
    return failure();
  std::string name = op.getFeature().str() + " " + at(nameOf(domain), domain.getHop());
  std::vector<int32_t> outputs = sparseArrays(result, name, *rows, *feature);
  plan::FetchSparseAttrsT attrs;
  attrs.node_type = typeId(nameOf(domain));
  attrs.feature = op.getFeature().str();
  attrs.dim = uint32_t(type.getDim());
  OpT &written =
      addOp(op.getLoc(), "fetch " + at(nameOf(domain).str() + "." + attrs.feature, domain.getHop()),
            Queue::Fetch, attrs, {arrayOf(op.getIds(), ArgPart::Ids)}, std::move(outputs));
  written.in_loop_static = static_;
  estimateTraffic(written);
  // Of the graph: where a row's entries start and end, then index and value of each; once more for
  // the arrays by column.
  addTo(written.bytes, *rows, 16);
  if (auto entries = nnz_.find(result); entries != nnz_.end())
    addTo(written.bytes, entries->second, 8.0 * (1 + (written.outputs[3] >= 0 || written.outputs[4] >= 0)));
  return success();
}

LogicalResult EntryWriter::write(FetchLabelsOp op) {
  Value result = op.getResult();
  if (!demanded(result))
    return success();
  auto type = cast<LabelsType>(result.getType());
  DomainAttr domain = type.getDomain();
  FailureOr<Extent> rows = symbols_.rowsOf(op.getLoc(), type);
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
  OpT &written =
      addOp(op.getLoc(), "labels " + nameOf(domain).str() + "." + attrs.label, Queue::Fetch, attrs,
            {arrayOf(op.getIds(), ArgPart::Ids)}, std::move(outputs));
  written.in_loop_static = static_;
  estimateTraffic(written);
  // The stored label: a class of 4 bytes, or a byte for each class.
  addTo(written.bytes, *rows, type.getMultilabel() ? double(type.getNumClasses()) : 4);
  return success();
}

LogicalResult EntryWriter::write(FetchRowsOp op) {
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
  // When the rows are all of the table the table itself is read, and only the ids are looked at.
  const BufferT &all = *entry_->buffers[size_t(*table)];
  bool whole = expectedValue(*out.rows, *entry_) >= expectedValue(*all.rows, *entry_);
  addTo(written.bytes, *out.rows, whole ? 8 : 8.0 * out.width + 8);
  return success();
}

LogicalResult EntryWriter::write(ScalarOp op) {
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

int32_t EntryWriter::keysBuffer(Location location) {
  if (keys_ < 0) {
    keys_ = addBuffer("keys", DType::U32, constantExtent(4), 1, Space::Slot);
    addOp(location, "keys", Queue::Fetch, plan::ScalarsAttrsT(), {}, {-1, keys_});
  }
  return keys_;
}

} // namespace heddle::compiler
