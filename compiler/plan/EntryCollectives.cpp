//===- EntryCollectives.cpp - what partitions do together -----------------===//
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

constexpr double bytesPerNumber = 4, bytesPerId = 8;

plan::Traffic trafficOf(Collective op) { return plan::Traffic(uint8_t(op.getTrafficClass())); }
std::vector<uint32_t> participantsOf(Collective op) {
  return {op.getParticipants().begin(), op.getParticipants().end()};
}
plan::MergeKind mergeOf(MergeRule merge) { return plan::MergeKind(uint8_t(merge.kind)); }
double others(Collective op) { return double(op.getParticipants().size()) - 1; }
std::string named(const char *what, Collective op) {
  return what + (" " + stringifyTraffic(op.getTrafficClass()).str());
}

const char *verbOf(Merge merge) {
  return merge == Merge::Sum ? "sum" : merge == Merge::Softmax ? "softmax" : "max";
}

/// q * ceil(count / q): room for q blocks.
Extent blocksOf(const Extent &count, uint32_t q) {
  if (count.symbol() < 0)
    return constantExtent((count.constant() + q - 1) / q * q);
  return Extent(count.symbol(), q, q, 0);
}
Extent times(const Extent &count, uint64_t factor) {
  return Extent(count.symbol(), count.divisor(), count.scale() * factor,
                count.constant() * factor);
}

} // namespace

/// Merges of one group become one op, when the last of them is met.
LogicalResult EntryWriter::write(MergeAllOp op) {
  Collective collective = op;
  const Collectives::Group &group = kind_.collectives.group(op.getId());
  OpenGroup &open = openGroups_[group.number];
  auto type = cast<FeatType>(op.getInput().getType());
  int32_t term = arrayOf(op.getInput(), ArgPart::Data);
  std::string name = named(verbOf(op.getMerge()), collective);
  // The term may have another shape of the same numbers than its type says (a reshape is a name).
  Extent rows = *entry_->buffers[size_t(term)]->rows;
  uint32_t width = entry_->buffers[size_t(term)]->width;
  uint32_t q = uint32_t(op.getPartitions().size());
  int32_t sum = addBuffer(name, DType::F32, rows, width, Space::Arena);
  open.byNumber = type.getDomain().isParam();
  Extent units = open.byNumber ? constantExtent(rows.constant() * width) : rows;
  open.terms.push_back(term);
  open.merges.push_back(mergeOf(op.getMerge()));
  open.heads.push_back(uint32_t(op.getMerge().heads));
  open.sums.push_back(sum);
  open.scratch.push_back(addBuffer(name + " blocks", DType::F32, blocksOf(units, q),
                                   open.byNumber ? 1 : width, Space::Arena));
  addTo(open.wire, rows, 2 * others(collective) * width * bytesPerNumber);
  arrays_[op.getResult()][ArgPart::Data] = sum;
  if (int64_t(op.getId()) != group.members.back())
    return success();
  plan::MergeAllAttrsT attrs;
  attrs.collective = group.number;
  attrs.participants = participantsOf(collective);
  attrs.traffic = trafficOf(collective);
  attrs.by_number = open.byNumber;
  if (llvm::any_of(open.merges, [](plan::MergeKind m) { return m != plan::MergeKind::Sum; }))
    attrs.merges = open.merges;
  if (llvm::any_of(open.heads, [](uint32_t heads) { return heads > 1; }))
    attrs.heads = open.heads;
  std::vector<int32_t> outputs = open.sums;
  outputs.insert(outputs.end(), open.scratch.begin(), open.scratch.end());
  OpT &written = addOp(op.getLoc(), name, Queue::Comm, std::move(attrs), open.terms, outputs);
  written.wire = open.wire;
  estimateTraffic(written);
  return success();
}

LogicalResult EntryWriter::write(MergeToOp op) {
  Collective collective = op;
  int32_t term = arrayOf(op.getInput(), ArgPart::Data);
  std::string name = named(verbOf(op.getMerge()), collective);
  Extent rows = *entry_->buffers[size_t(term)]->rows;
  uint32_t width = entry_->buffers[size_t(term)]->width;
  std::vector<int32_t> outputs;
  if (op.getResult()) {
    outputs = {addBuffer(name, DType::F32, rows, width, Space::Arena),
               addBuffer(name + " terms", DType::F32, times(rows, op.getPartitions().size() - 1),
                         width, Space::Arena)};
    arrays_[op.getResult()][ArgPart::Data] = outputs[0];
  }
  plan::MergeToAttrsT attrs;
  attrs.collective = kind_.collectives.group(op.getId()).number;
  attrs.participants = participantsOf(collective);
  attrs.traffic = trafficOf(collective);
  attrs.leader = uint32_t(op.getLeader());
  attrs.merge = mergeOf(op.getMerge());
  attrs.heads = uint32_t(op.getMerge().heads);
  OpT &written = addOp(op.getLoc(), name, Queue::Comm, std::move(attrs), {term}, outputs);
  addTo(written.wire, rows, others(collective) * width * bytesPerNumber);
  estimateTraffic(written);
  return success();
}

LogicalResult EntryWriter::write(BroadcastOp op) {
  Collective collective = op;
  std::string name = named("copy", collective);
  auto type = cast<FeatType>(op.getResult().getType());
  std::vector<int32_t> inputs, outputs;
  if (op.getInput()) {
    inputs = {arrayOf(op.getInput(), ArgPart::Data)};
    arrays_[op.getResult()][ArgPart::Data] = inputs[0];
  } else {
    FailureOr<int32_t> copy = tensorBuffer(op.getLoc(), name, type, Space::Arena);
    if (failed(copy))
      return failure();
    outputs = {*copy};
    arrays_[op.getResult()][ArgPart::Data] = *copy;
  }
  plan::BroadcastAttrsT attrs;
  attrs.collective = kind_.collectives.group(op.getId()).number;
  attrs.participants = participantsOf(collective);
  attrs.traffic = trafficOf(collective);
  attrs.leader = uint32_t(op.getLeader());
  const plan::BufferT &buffer =
      *entry_->buffers[size_t(inputs.empty() ? outputs[0] : inputs[0])];
  Extent rows = *buffer.rows;
  double width = buffer.width;
  OpT &written = addOp(op.getLoc(), name, Queue::Comm, std::move(attrs), inputs, outputs);
  addTo(written.wire, rows, others(collective) * width * bytesPerNumber);
  estimateTraffic(written);
  return success();
}

FailureOr<EntryWriter::UnitedRows> EntryWriter::unitedRows(ExchangeRowsOp op) {
  Collective collective = op;
  DomainAttr domain = cast<IdsType>(op.getIds().getType()).getDomain();
  StringRef type = nameOf(domain);
  auto [known, added] = united_.try_emplace({domain.getHop(), type.str()});
  auto &[participants, rows] = known->second;
  if (!added && participants != participantsOf(collective))
    return op.emitOpError("sums rows of ")
               << domain << " over other partitions than another table of them; give the type one "
               << "learnable input",
           failure();
  if (!added)
    return rows;
  participants = participantsOf(collective);
  auto united = symbols_.unionRows(op.getLoc(), domain.getHop(), type, op.getPartitions());
  auto gathered = symbols_.gatheredRows(op.getLoc(), domain.getHop(), type, op.getPartitions());
  if (failed(united) || failed(gathered))
    return failure();
  rows.united = *united;
  rows.gathered = *gathered;
  uint32_t q = uint32_t(op.getPartitions().size());
  std::string name = at(type, domain.getHop());
  rows.ids = addBuffer("ids of all " + name, DType::I64, *united, 1, Space::Slot);
  rows.rows = addBuffer("rows of all " + name, DType::I32, *united, q, Space::Slot);
  rows.counts = addBuffer("counts of all " + name, DType::I64, constantExtent(q), 1, Space::Slot);
  plan::UnionRowsAttrsT attrs;
  attrs.collective = kind_.collectives.rowsNumber(op.getId());
  attrs.participants = participants;
  attrs.traffic = trafficOf(collective);
  attrs.node_type = typeId(type);
  attrs.hop = uint32_t(domain.getHop());
  plan::RowsAt place(attrs.node_type, attrs.hop);
  std::vector<int32_t> inputs = {arrayOf(op.getIds(), ArgPart::Ids)},
                       outputs = {rows.ids, rows.rows, rows.counts};
  OpT &written = addTerm(op.getLoc(), "rows of all " + name, Queue::Fetch, std::move(attrs), inputs,
                         outputs);
  if (written.inputs.size() > 1)
    written.attrs.AsUnionRowsAttrs()->more.push_back(place);
  written.in_loop_static = static_;
  addTo(written.wire, *gathered, others(collective) * bytesPerId);
  estimateTraffic(written, inputs, outputs);
  return rows;
}

LogicalResult EntryWriter::write(ExchangeRowsOp op) {
  Collective collective = op;
  FailureOr<UnitedRows> all = unitedRows(op);
  if (failed(all))
    return failure();
  auto type = cast<FeatType>(op.getSums().getType());
  uint32_t width = uint32_t(type.getWidth());
  std::string name =
      named("sum", collective) + " " + at(nameOf(type.getDomain()), type.getDomain().getHop());
  int32_t sums = addBuffer(name, DType::F32, all->united, width, Space::Arena);
  int32_t scratch = addBuffer(name + " terms", DType::F32, all->gathered, width, Space::Arena);
  arrays_[op.getSums()][ArgPart::Data] = sums;
  arrays_[op.getAllIds()][ArgPart::Ids] = all->ids;
  plan::ExchangeRowsAttrsT attrs;
  attrs.collective = kind_.collectives.group(op.getId()).number;
  attrs.participants = participantsOf(collective);
  attrs.traffic = trafficOf(collective);
  std::vector<int32_t> inputs = {arrayOf(op.getRows(), ArgPart::Data), all->rows, all->counts},
                       outputs = {sums, scratch};
  OpT &written = addTerm(op.getLoc(), name, Queue::Comm, std::move(attrs), inputs, outputs);
  addTo(written.wire, all->gathered, others(collective) * width * bytesPerNumber);
  estimateTraffic(written, inputs, outputs);
  return success();
}

} // namespace heddle::compiler
