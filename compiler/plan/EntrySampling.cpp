//===- EntrySampling.cpp - seeds, samples and frontiers -------------------===//
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

LogicalResult EntryWriter::write(SeedsOp op) {
  DomainAttr domain = cast<IdsType>(op.getIds().getType()).getDomain();
  FailureOr<Extent> rows = symbols_.domain(op.getLoc(), domain);
  if (failed(rows))
    return failure();
  StringRef type = domain.getSymbol().getValue();
  plan::SeedsAttrsT attrs;
  attrs.node_type = typeId(type);
  int32_t ids = addBuffer("ids " + at(type, 0), DType::I64, *rows, 1, Space::Slot);
  std::vector<int32_t> outputs = {ids};
  Value block;
  for (Operation *user : op.getIds().getUsers())
    if (auto cut = dyn_cast<SeedBlockOp>(user)) {
      block = cut.getIds();
      attrs.blocks = uint32_t(cut.getOf());
      attrs.block = uint32_t(cut.getPartition());
    }
  if (block && attrs.blocks > 1) {
    FailureOr<Extent> all = symbols_.seedsOfAll(op.getLoc(), type);
    if (failed(all))
      return failure();
    arrays_[block][ArgPart::Ids] = ids;
    ids = demanded(op.getIds()) ? addBuffer("ids of all " + at(type, 0), DType::I64, *all, 1,
                                            Space::Slot)
                                : -1;
    outputs.push_back(ids);
    begins_ = addBuffer("blocks of " + at(type, 0), DType::I64, constantExtent(attrs.blocks + 1), 1,
                        Space::Slot);
    outputs.push_back(begins_);
    // By the samples of one entry: all partitions have to cut alike.
    for (SampleOp sample : EntryOp(kind_.entries.front()).getBody().getOps<SampleOp>()) {
      auto adj = cast<AdjType>(sample.getAdj().getType());
      if (adj.getHop() == 0)
        attrs.cut.emplace_back(tables_.relationIds.at(adj.getRelation().getValue().str()),
                               int32_t(int64_t(sample.getFanout())));
    }
  } else if (block) {
    arrays_[block][ArgPart::Ids] = ids;
  }
  arrays_[op.getIds()][ArgPart::Ids] = ids;
  OpT &written = addOp(op.getLoc(), "seeds " + type.str(), Queue::Sample, attrs, {}, outputs);
  written.in_loop_static = static_;
  estimateTraffic(written);
  return success();
}

LogicalResult EntryWriter::write(SampleOp op) {
  Location location = op.getLoc();
  auto adj = cast<AdjType>(op.getAdj().getType());
  int64_t hop = adj.getHop();
  StringRef name = adj.getRelation().getValue();
  FailureOr<Extent> edges = symbols_.edges(location, adj);
  FailureOr<Extent> active = symbols_.active(location, adj);
  FailureOr<Extent> destinations = symbols_.rows(location, hop, adj.getDestination().getValue());
  if (failed(edges) || failed(active) || failed(destinations))
    return failure();
  auto oneMore = [](const Extent &e) { return Extent(e.symbol(), 1, 1, 1); };
  std::optional<Extent> sources;
  if (demanded(op.getAdj(), ArgPart::OutPtr)) {
    FailureOr<Extent> rows = symbols_.domain(location, adj.sourceDomain());
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
  attrs.unique = adj.getUnique();
  for (Operation *user : op.getAdj().getUsers())
    if (auto link = dyn_cast<SourcesOp>(user)) {
      FailureOr<Extent> unique = symbols_.domain(location, adj.sourceDomain());
      FailureOr<Extent> rows = symbols_.rows(location, hop + 1, adj.getSource().getValue());
      if (failed(unique) || failed(rows))
        return failure();
      sourceArrays(link, at(name, hop), *unique, *rows, outputs);
    }
  if (attrs.unique)
    outputs.resize(10, -1);
  attrs.relation = tables_.relationIds.at(name.str());
  attrs.hop = uint32_t(hop);
  attrs.fanout = int32_t(std::min<int64_t>(int64_t(op.getFanout()), INT32_MAX));
  attrs.block = uint32_t(op.getBlock());
  attrs.blocks = uint32_t(op.getBlocks());
  attrs.mode = attrs.fanout < 0 ? plan::SampleMode::All : plan::SampleMode::Keyed;
  OpT &written = addOp(location, "sample " + at(name, hop), Queue::Sample, attrs,
                       {arrayOf(op.getIds(), ArgPart::Ids)}, std::move(outputs));
  written.in_loop_static = static_;
  estimateTraffic(written);
  // Of the graph: where a destination's edges start and end, and the source of each edge taken.
  // Arrays that nothing reads are not written, but the frontier needs the sources in any case.
  double source = idBytes(adj.getSource().getValue());
  addTo(written.bytes, *destinations, 16.0 / attrs.blocks);
  addTo(written.bytes, *edges, source + (demanded(op.getAdj(), ArgPart::InSrc) ? 0 : source));
  sampleIds_[op.getAdj()] = written.id;
  return success();
}

void EntryWriter::sourceArrays(SourcesOp op, const std::string &name, const Extent &unique,
                               const Extent &rows, std::vector<int32_t> &outputs) {
  ValueArrays &arrays = arrays_[op.getLink()];
  if (demanded(op.getLink(), ArgPart::SelfPos))
    arrays[ArgPart::SelfPos] = addBuffer("src_pos " + name, DType::I32, unique, 1, Space::Slot);
  if (demanded(op.getLink(), ArgPart::SelfInv))
    arrays[ArgPart::SelfInv] = addBuffer("src_inv " + name, DType::I32, rows, 1, Space::Slot);
  outputs.push_back(arrays[ArgPart::SelfPos]);
  outputs.push_back(arrays[ArgPart::SelfInv]);
}

LogicalResult EntryWriter::write(FrontierOp op) {
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
  // A bit for each node of the type, cleared and counted.
  addTo(written.bytes, constantExtent(tables_.types[typeId(type)].numNodes / 4), 1);
  // Each sampled source marks its bit, and is then replaced by its rank: a word of bits and a
  // count.
  for (Value sample : op.getSamples()) {
    FailureOr<Extent> edges = symbols_.edges(op.getLoc(), cast<AdjType>(sample.getType()));
    if (failed(edges))
      return failure();
    addTo(written.bytes, *edges, 2 * idBytes(type) + 4 + 12);
    // The arrays by source row are filled here: every edge is read once for the counts, once to be
    // put.
    if (demanded(sample, ArgPart::OutPtr) || demanded(sample, ArgPart::OutDst) ||
        demanded(sample, ArgPart::OutEdge))
      addTo(written.bytes, *edges, 8);
    // Distinct sources are numbered in one walk over the rows, and each edge takes its source's number.
    if (cast<AdjType>(sample.getType()).getUnique()) {
      addTo(written.bytes, *rows, 12);
      addTo(written.bytes, *edges, 12);
    }
  }
  return success();
}

} // namespace heddle::compiler
