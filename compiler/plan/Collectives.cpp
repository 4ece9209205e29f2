//===- Collectives.cpp - in what order partitions meet ---------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/Collectives.h"

#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {

namespace {

/// How many collectives lie before each, on the longest way over all partitions: those of one level
/// do not wait for each other anywhere.
class Levels {
public:
  explicit Levels(ArrayRef<EntryOp> entries) : entries_(entries) {}
  FailureOr<std::map<int64_t, int64_t>> run() {
    // Each round settles at least the lowest level that is not settled yet.
    for (size_t round = 0; walk(); ++round)
      if (round > levels_.size() + 1)
        return EntryOp(entries_.front())
                   .emitOpError("has collectives that wait for each other in a circle"),
               failure();
    return levels_;
  }

private:
  bool walk() {
    bool changed = false;
    for (EntryOp entry : entries_) {
      llvm::DenseMap<Value, int64_t> reached;
      for (Operation &op : entry.getBody().front()) {
        int64_t level = 0;
        for (Value operand : op.getOperands())
          level = std::max(level, reached.lookup(operand));
        if (auto collective = dyn_cast<Collective>(op)) {
          int64_t &known = levels_.try_emplace(collective.getCollectiveId(), -1).first->second;
          changed |= level > known;
          known = std::max(known, level);
          level = known + 1;
        }
        for (Value result : op.getResults())
          reached[result] = level;
      }
    }
    return changed;
  }

  ArrayRef<EntryOp> entries_;
  std::map<int64_t, int64_t> levels_;
};

} // namespace

FailureOr<Collectives> Collectives::of(ArrayRef<EntryOp> entries) {
  auto levels = Levels(entries).run();
  if (failed(levels))
    return failure();
  std::map<int64_t, Collective> ops; // each once, by id
  for (EntryOp entry : entries)
    for (Operation &op : entry.getBody().front())
      if (auto collective = dyn_cast<Collective>(op))
        ops.try_emplace(collective.getCollectiveId(), collective);

  Collectives out;
  // Level, class and participants of merges that travel together; -1 for others, which travel alone.
  using Key = std::tuple<int64_t, int64_t, std::vector<int64_t>>;
  std::map<Key, size_t> together;
  std::vector<int64_t> levelOf;
  for (auto &[id, collective] : ops) {
    std::vector<int64_t> participants(collective.getParticipants().begin(),
                                      collective.getParticipants().end());
    Operation *op = collective;
    if (isa<RequestRowsOp, FetchRemoteFeaturesOp>(op)) {
      out.ahead_.try_emplace(id, uint32_t(out.ahead_.size()));
      continue;
    }
    size_t index = out.groups_.size();
    if (isa<MergeAllOp>(op))
      index = together
                  .try_emplace(Key{levels->at(id), int64_t(collective.getTrafficClass()),
                                   participants},
                               index)
                  .first->second;
    if (index == out.groups_.size()) {
      out.groups_.emplace_back();
      levelOf.push_back(levels->at(id));
    }
    out.groups_[index].members.push_back(id);
    out.groupOf_[id] = index;
    if (auto exchange = dyn_cast<ExchangeRowsOp>(op)) {
      DomainAttr domain = cast<IdsType>(exchange.getIds().getType()).getDomain();
      out.rows_.try_emplace(
          RowsKey{domain.getHop(), domain.getSymbol().getValue().str(), participants},
          uint32_t(out.rows_.size()));
    }
  }
  std::vector<size_t> order(out.groups_.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  llvm::sort(order, [&](size_t a, size_t b) {
    return std::pair(levelOf[a], out.groups_[a].members.front()) <
           std::pair(levelOf[b], out.groups_[b].members.front());
  });
  for (auto [number, index] : llvm::enumerate(order))
    out.groups_[index].number = uint32_t(number);
  return out;
}

uint32_t Collectives::rowsNumber(int64_t hop, StringRef type, ArrayRef<int64_t> partitions) const {
  return rows_.at({hop, type.str(), std::vector<int64_t>(partitions.begin(), partitions.end())});
}

} // namespace heddle::compiler
