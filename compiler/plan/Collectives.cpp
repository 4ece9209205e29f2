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
  // Line, kind of op, level, class and participants of what travels together.
  using Key = std::tuple<bool, StringRef, int64_t, int64_t, std::vector<int64_t>>;
  std::map<Key, size_t> together;
  std::vector<std::pair<bool, int64_t>> placeOf; // of each group: line, level
  std::map<std::pair<int64_t, std::vector<int64_t>>, uint32_t> unions;
  for (auto &[id, collective] : ops) {
    std::vector<int64_t> participants(collective.getParticipants().begin(),
                                      collective.getParticipants().end());
    const int64_t level = levels->at(id), traffic = int64_t(collective.getTrafficClass());
    Operation *op = collective;
    const bool ahead = isa<RequestRowsOp, FetchRemoteFeaturesOp>(op);
    size_t index = out.groups_.size();
    if (ahead || isa<MergeAllOp, ExchangeRowsOp, FetchRemoteRowsOp, PushRowsOp>(op))
      index = together
                  .try_emplace(Key{ahead, op->getName().getStringRef(), level, traffic, participants},
                               index)
                  .first->second;
    if (index == out.groups_.size()) {
      out.groups_.emplace_back();
      placeOf.push_back({ahead, level});
    }
    out.groups_[index].members.push_back(id);
    out.groupOf_[id] = index;
    if (isa<ExchangeRowsOp>(op))
      out.rows_[id] =
          unions.try_emplace({traffic, std::move(participants)}, uint32_t(unions.size()))
              .first->second;
  }
  std::vector<size_t> order(out.groups_.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  llvm::sort(order, [&](size_t a, size_t b) {
    return std::pair(placeOf[a], out.groups_[a].members.front()) <
           std::pair(placeOf[b], out.groups_[b].members.front());
  });
  // Rows are numbered together before anything that needs the numbers.
  uint32_t next[] = {0, uint32_t(unions.size())}; // by line
  for (size_t index : order)
    out.groups_[index].number = next[placeOf[index].first]++;
  return out;
}

} // namespace heddle::compiler
