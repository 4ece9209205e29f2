//===- EntrySpread.cpp - rows at their keepers ----------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/EntryOps.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {

using plan::DType;
using plan::Extent;
using plan::OpT;
using plan::Queue;
using plan::Space;

namespace {

/// The attributes that all kinds of collectives have.
template <class Attrs> Attrs attrsOf(Collective op, uint32_t number) {
  Attrs attrs;
  attrs.collective = number;
  attrs.participants.assign(op.getParticipants().begin(), op.getParticipants().end());
  attrs.traffic = plan::Traffic(uint8_t(op.getTrafficClass()));
  return attrs;
}

} // namespace

LogicalResult EntryWriter::write(RequestRowsOp op) {
  DomainAttr domain = cast<IdsType>(op.getIds().getType()).getDomain();
  StringRef type = nameOf(domain);
  auto rows = symbols_.spreadRows(op.getLoc(), domain.getHop(), type);
  if (failed(rows))
    return failure();
  uint32_t q = uint32_t(op.getPartitions().size());
  std::string name = at(type, domain.getHop());
  Request &made = requests_[op.getKept()];
  made.keptRows = rows->kept;
  made.askedRows = rows->asked;
  made.remoteRows = rows->remote;
  made.ids = addBuffer("ids kept " + name, DType::I64, rows->kept, 1, Space::Slot);
  made.table = addBuffer("rows kept " + name, DType::I32, rows->kept, q, Space::Slot);
  made.asked = addBuffer("ids asked " + name, DType::I64, rows->asked, 1, Space::Slot);
  made.counts = addBuffer("counts asked " + name, DType::I64, constantExtent(q), 1, Space::Slot);
  made.slices = addBuffer("slices " + name, DType::I64, constantExtent(q + 1), 1, Space::Slot);
  arrays_[op.getKept()][ArgPart::Ids] = made.ids;
  auto attrs = attrsOf<plan::RequestRowsAttrsT>(op, kind_.collectives.group(op.getId()).number);
  attrs.node_type = typeId(type);
  attrs.hop = uint32_t(domain.getHop());
  plan::RowsAt place(attrs.node_type, attrs.hop);
  std::vector<int32_t> inputs = {arrayOf(op.getIds(), ArgPart::Ids)},
                       outputs = {made.ids, made.table, made.asked, made.counts, made.slices};
  OpT &written =
      addTerm(op.getLoc(), "ask for " + name, Queue::Fetch, std::move(attrs), inputs, outputs);
  if (written.inputs.size() > 1)
    written.attrs.AsRequestRowsAttrs()->more.push_back(place);
  written.in_loop_static = static_;
  addTo(written.wire, rows->remote, double(op.getBytes()));
  estimateTraffic(written, inputs, outputs);
  return success();
}

LogicalResult EntryWriter::write(FetchRemoteFeaturesOp op) {
  Value result = op.getResult();
  DomainAttr domain = cast<IdsType>(op.getIds().getType()).getDomain();
  const ModuleTables::Feature *feature = featureOf(op, domain, op.getFeature());
  FailureOr<Extent> rows = symbols_.domain(op.getLoc(), domain);
  if (!feature || failed(rows))
    return failure();
  const Request &request = requests_.at(op.getKept());
  auto attrs = attrsOf<plan::FetchRemoteAttrsT>(op, kind_.collectives.group(op.getId()).number);
  auto sparse = dyn_cast<SparseType>(result.getType());
  auto term = std::make_unique<plan::RemoteFeatureT>();
  term->node_type = attrs.node_type = typeId(nameOf(domain));
  term->hop = attrs.hop = uint32_t(domain.getHop());
  term->feature = attrs.feature = op.getFeature().str();
  term->feature_index = attrs.feature_index = feature->index;
  term->sparse = attrs.sparse = bool(sparse);
  term->dim = attrs.dim =
      uint32_t(sparse ? sparse.getDim() : cast<FeatType>(result.getType()).getWidth());
  std::string name = op.getFeature().str() + " " + at(nameOf(domain), domain.getHop());
  std::vector<int32_t> outputs;
  Extent remoteNnz;
  if (!sparse) {
    outputs = {addBuffer(name, DType::F32, *rows, attrs.dim, Space::Slot)};
    arrays_[result][ArgPart::Data] = outputs[0];
  } else {
    outputs = sparseArrays(result, name, *rows, *feature);
    remoteNnz = symbols_.remoteNnz(domain.getHop(), attrs.node_type, *feature);
  }
  std::vector<int32_t> inputs = {arrayOf(op.getIds(), ArgPart::Ids), request.asked, request.counts,
                                 request.slices};
  OpT &written =
      addTerm(op.getLoc(),
              "fetch " + at(nameOf(domain).str() + "." + op.getFeature().str(), domain.getHop()),
              Queue::Fetch, std::move(attrs), inputs, outputs);
  if (written.inputs.size() > inputs.size())
    written.attrs.AsFetchRemoteAttrs()->more.push_back(std::move(term));
  written.in_loop_static = static_;
  addTo(written.wire, request.remoteRows, double(op.getBytes()));
  if (sparse) // a column and a number for each that is stored
    addTo(written.wire, remoteNnz, 8);
  estimateTraffic(written, inputs, outputs);
  return success();
}

LogicalResult EntryWriter::write(FetchRemoteRowsOp op) {
  auto type = cast<FeatType>(op.getResult().getType());
  FailureOr<int32_t> table = stateBuffer(op, op.getState());
  if (failed(table))
    return failure();
  std::string name = at(op.getState(), type.getDomain().getHop());
  FailureOr<int32_t> rows = tensorBuffer(op.getLoc(), name, type, Space::Arena);
  if (failed(rows))
    return failure();
  const Request &request = requests_.at(op.getKept());
  int32_t scratch = addBuffer(name + " asked", DType::F32, request.askedRows,
                              uint32_t(type.getWidth()), Space::Arena);
  arrays_[op.getResult()][ArgPart::Data] = *rows;
  OpT &written = addTerm(
      op.getLoc(), "rows " + name, Queue::Comm,
      attrsOf<plan::FetchRemoteRowsAttrsT>(op, kind_.collectives.group(op.getId()).number),
      {*table, arrayOf(op.getIds(), ArgPart::Ids), request.asked, request.counts, request.slices},
      {*rows, scratch});
  addTo(written.wire, request.remoteRows, double(op.getBytes()));
  // Rows of the table that are read; the table itself is not.
  addTo(written.bytes, *entry_->buffers[size_t(*rows)]->rows, 8.0 * double(type.getWidth()) + 8);
  addTo(written.bytes, request.askedRows, 8.0 * double(type.getWidth()) + 8);
  return success();
}

LogicalResult EntryWriter::write(PushRowsOp op) {
  auto type = cast<FeatType>(op.getRows().getType());
  const Request &request = requests_.at(op.getKept());
  std::string name = "sum at keepers " + at(nameOf(type.getDomain()), type.getDomain().getHop());
  uint32_t width = uint32_t(type.getWidth());
  int32_t sums = addBuffer(name, DType::F32, request.keptRows, width, Space::Arena);
  int32_t scratch = addBuffer(name + " terms", DType::F32, request.askedRows, width, Space::Arena);
  arrays_[op.getSums()][ArgPart::Data] = sums;
  std::vector<int32_t> inputs = {arrayOf(op.getRows(), ArgPart::Data), request.table,
                                 request.counts, request.slices},
                       outputs = {sums, scratch};
  OpT &written =
      addTerm(op.getLoc(), name, Queue::Comm,
              attrsOf<plan::PushRowsAttrsT>(op, kind_.collectives.group(op.getId()).number), inputs,
              outputs);
  addTo(written.wire, request.remoteRows, double(op.getBytes()));
  estimateTraffic(written, inputs, outputs);
  return success();
}

LogicalResult EntryWriter::write(GatherBlocksOp op) {
  auto type = cast<FeatType>(op.getResult().getType());
  std::string name = "gather " + at(nameOf(type.getDomain()), type.getDomain().getHop());
  FailureOr<int32_t> all = tensorBuffer(op.getLoc(), name, type, Space::Arena);
  if (failed(all))
    return failure();
  arrays_[op.getResult()][ArgPart::Data] = *all;
  OpT &written =
      addOp(op.getLoc(), name, Queue::Comm,
            attrsOf<plan::GatherBlocksAttrsT>(op, kind_.collectives.group(op.getId()).number),
            {arrayOf(op.getInput(), ArgPart::Data), begins_}, {*all});
  addTo(written.wire, *entry_->buffers[size_t(*all)]->rows, double(op.getBytes()));
  estimateTraffic(written);
  return success();
}

} // namespace heddle::compiler
