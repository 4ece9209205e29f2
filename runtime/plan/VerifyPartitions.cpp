//===- VerifyPartitions.cpp - semantic verification: all partitions -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The entries of one kind, one for each partition, run against each other. They meet in
// collectives, so each collective is in all of its participants' entries, equal in everything that
// two of them must agree on, and in the same order on each communicator.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/Collective.h"
#include "runtime/plan/RowTerms.h"
#include "runtime/plan/VerifyContext.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace heddle::plan::verify {

namespace {

/// The entries of one kind and layer: partition -> index.
using Group = std::map<uint32_t, size_t>;

class GroupChecker {
public:
  GroupChecker(Context &context, const Group &group) : c_(context) {
    for (const auto &[partition, index] : group) {
      entries_.push_back(context.plan.entries[index].get());
      places_.push_back("entry " + std::to_string(index));
    }
  }

  bool run() {
    for (size_t p = 0; p < entries_.size(); ++p)
      if (!checkSettings(p) || !collect(p))
        return false;
    for (size_t p = 0; p < entries_.size(); ++p)
      for (const auto &[key, index] : ops_[p])
        if (!checkOthers(p, index))
          return false;
    return checkLoss();
  }

private:
  using Key = std::pair<Queue, uint32_t>; ///< communicator, collective

  const OpT &op(size_t partition, size_t index) const { return *entries_[partition]->ops[index]; }
  std::string placeOf(size_t partition, size_t index) const {
    return opPlace(places_[partition], index, op(partition, index));
  }

  bool checkSettings(size_t p) {
    const EntryT &e = *entries_[p], &first = *entries_[0];
    // Which of a run's batches share a slot decides what is sampled and numbered anew.
    if (e.slots != first.slots)
      return c_.fail(places_[p], "slots differ from those of " + places_[0]);
    if (e.batch_size != first.batch_size)
      return c_.fail(places_[p], "batch_size differs from that of " + places_[0]);
    const OpT *seeds = seedsOf(e), *firstSeeds = seedsOf(first);
    auto same = [](const CutLink &a, const CutLink &b) {
      return a.relation() == b.relation() && a.fanout() == b.fanout();
    };
    if (seeds && firstSeeds) {
      const auto &cut = seeds->attrs.AsSeedsAttrs()->cut,
                 &wanted = firstSeeds->attrs.AsSeedsAttrs()->cut;
      if (seeds->outputs.size() != firstSeeds->outputs.size() ||
          !std::equal(cut.begin(), cut.end(), wanted.begin(), wanted.end(), same))
        return c_.fail(places_[p], "the cut of its seeds differs from that of " + places_[0]);
    }
    return true;
  }

  static const OpT *seedsOf(const EntryT &entry) {
    for (const auto &op : entry.ops)
      if (op->attrs.AsSeedsAttrs())
        return op.get();
    return nullptr;
  }

  bool collect(size_t p) {
    ops_.emplace_back();
    std::map<Queue, uint32_t> last;
    for (size_t i = 0; i < entries_[p]->ops.size(); ++i) {
      const OpT &o = op(p, i);
      Collective collective = collectiveOf(o);
      if (!collective)
        continue;
      auto [before, first] = last.try_emplace(o.queue, collective.id);
      if (!first && before->second >= collective.id)
        return c_.fail(placeOf(p, i), "collectives of a queue are not ascending");
      before->second = collective.id;
      ops_[p][{o.queue, collective.id}] = i;
    }
    return true;
  }

  /// The collective is in the other participants' entries too, and is the same there. The first
  /// participant compares itself with all others, the others with it.
  bool checkOthers(size_t p, size_t index) {
    const OpT &mine = op(p, index);
    const Collective collective = collectiveOf(mine);
    const uint32_t first = collective.participants->front();
    for (uint32_t other : *collective.participants) {
      auto found = ops_[other].find({mine.queue, collective.id});
      if (found == ops_[other].end())
        return c_.fail(placeOf(p, index), "collective " + std::to_string(collective.id) +
                                              " is not in " + places_[other] +
                                              ", its participant's");
      if (other != p && (p == first || other == first) &&
          !(p < other ? agree(p, index, other, found->second)
                      : agree(other, found->second, p, index)))
        return false;
    }
    return true;
  }

  bool agree(size_t p, size_t index, size_t q, size_t other) {
    const OpT &a = op(p, index), &b = op(q, other);
    const Collective ca = collectiveOf(a), cb = collectiveOf(b);
    auto differs = [&](const char *what) {
      return c_.fail(placeOf(q, other), std::string(what) + " differs from that of " +
                                            placeOf(p, index) + ", the same collective");
    };
    if (a.attrs.type != b.attrs.type)
      return differs("the kind of op");
    if (*ca.participants != *cb.participants)
      return differs("the list of participants");
    if (ca.traffic != cb.traffic)
      return differs("the traffic class");
    if (ca.leader != cb.leader)
      return differs("the leader");
    if (a.wire.size() != b.wire.size())
      return differs("the number of terms on the wire");
    if (rowTermsOf(a) != rowTermsOf(b))
      return differs("the number of terms");
    if (a.queue == Queue::Fetch) {
      if (const char *different = aheadDifference(a, b))
        return differs(different);
      // All take part in a step, or none does.
      return a.in_loop_static == b.in_loop_static || differs("in_loop_static");
    }
    if (a.attrs.AsFetchRemoteRowsAttrs()) {
      for (size_t i = 0; i < a.inputs.size(); i += inputsOfRowTerm(a.attrs.type))
        if (bufferOf(p, a.inputs[i]).state != bufferOf(q, b.inputs[i]).state)
          return differs("the state");
      return true;
    }
    if (a.attrs.AsPushRowsAttrs()) {
      for (size_t t = 0; t < rowTermsOf(a); ++t) {
        const size_t i = t * inputsOfRowTerm(a.attrs.type);
        // Rows of different numbers, of one meaning.
        if (bufferOf(p, a.inputs[i]).width != bufferOf(q, b.inputs[i]).width)
          return differs("the width of the rows");
        if (!sameArray(p, a.outputs[2 * t], q, b.outputs[2 * t]))
          return differs("what is kept");
      }
      return true;
    }
    if (a.attrs.AsGatherBlocksAttrs())
      return sameArray(p, a.outputs[0], q, b.outputs[0]) || differs("the shape of what is gathered");
    if (a.attrs.AsBroadcastAttrs()) {
      auto array = [](const OpT &o) { return o.inputs.empty() ? o.outputs[0] : o.inputs[0]; };
      return sameArray(p, array(a), q, array(b)) || differs("the shape of the array");
    }
    if (a.attrs.AsExchangeRowsAttrs()) {
      for (size_t t = 0; t < rowTermsOf(a); ++t) {
        const size_t i = t * inputsOfRowTerm(a.attrs.type);
        // Rows of different numbers, of one meaning.
        if (bufferOf(p, a.inputs[i]).width != bufferOf(q, b.inputs[i]).width)
          return differs("the width of the rows");
        if (!sameArray(p, a.outputs[2 * t], q, b.outputs[2 * t]))
          return differs("the union");
      }
      return true;
    }
    if (const auto *m = a.attrs.AsMergeAllAttrs();
        m && m->by_number != b.attrs.AsMergeAllAttrs()->by_number)
      return differs("by_number");
    if (a.inputs.size() != b.inputs.size())
      return differs("the number of terms");
    for (size_t i = 0; i < a.inputs.size(); ++i)
      if (mergeOf(a, i) != mergeOf(b, i))
        return differs(("the kind of merge of term " + std::to_string(i)).c_str());
      else if (headsOf(a, i) != headsOf(b, i))
        return differs(("the number of heads of term " + std::to_string(i)).c_str());
      else if (bufferOf(p, a.inputs[i]).width != bufferOf(q, b.inputs[i]).width &&
               mergeOf(a, i) != MergeKind::Sum) // a constant number of rows may be cut otherwise
        return differs(("the width of term " + std::to_string(i)).c_str());
      else if (!sameArray(p, a.inputs[i], q, b.inputs[i]))
        return differs(("the shape of term " + std::to_string(i)).c_str());
    return true;
  }

  /// What two collectives of the fetch queue, of one kind and as many terms, do not agree on, or null.
  static const char *aheadDifference(const OpT &a, const OpT &b) {
    if (const auto *u = a.attrs.AsFetchRemoteAttrs()) {
      const std::vector<RemoteFeatureT> x = featuresOf(*u), y = featuresOf(*b.attrs.AsFetchRemoteAttrs());
      for (size_t t = 0; t < x.size(); ++t)
        if (x[t].node_type != y[t].node_type || x[t].hop != y[t].hop ||
            x[t].feature != y[t].feature || x[t].dim != y[t].dim || x[t].sparse != y[t].sparse)
          return "the feature";
      return nullptr;
    }
    const auto *u = a.attrs.AsUnionRowsAttrs();
    const std::vector<RowsAt> x = u ? rowsOf(*u) : rowsOf(*a.attrs.AsRequestRowsAttrs()),
                              y = u ? rowsOf(*b.attrs.AsUnionRowsAttrs())
                                    : rowsOf(*b.attrs.AsRequestRowsAttrs());
    for (size_t t = 0; t < x.size(); ++t)
      if (x[t].node_type() != y[t].node_type())
        return "the node type";
      else if (x[t].hop() != y[t].hop())
        return "the hop";
    return nullptr;
  }

  const BufferT &bufferOf(size_t partition, int32_t index) const {
    return *entries_[partition]->buffers[static_cast<size_t>(index)];
  }

  /// As many bytes in every step, in the same units.
  bool sameArray(size_t p, int32_t a, size_t q, int32_t b) const {
    const BufferT &x = bufferOf(p, a), &y = bufferOf(q, b);
    if (x.dtype != y.dtype)
      return false;
    const int32_t s = x.rows->symbol(), t = y.rows->symbol();
    if (s < 0 && t < 0)
      return x.rows->constant() * x.width == y.rows->constant() * y.width;
    if (s < 0 || t < 0 || x.width != y.width || x.rows->divisor() != y.rows->divisor() ||
        x.rows->scale() != y.rows->scale() || x.rows->constant() != y.rows->constant())
      return false;
    const SymbolT &u = *entries_[p]->symbols[static_cast<size_t>(s)],
                  &v = *entries_[q]->symbols[static_cast<size_t>(t)];
    return u.kind == v.kind && u.index == v.index &&
           (u.kind == SymbolKind::Nodes || u.hop == v.hop) &&
           (u.kind != SymbolKind::Nnz || u.aux == v.aux);
  }

  /// The wave after which the loss stands, or -1 where the entry has none.
  int64_t lossWave(size_t p) const {
    int64_t wave = -1;
    for (const auto &output : entries_[p]->outputs)
      if (output->name == "loss")
        for (const auto &op : entries_[p]->ops)
          for (int32_t b : op->outputs)
            if (b == int64_t(output->buffer))
              wave = std::max(wave, int64_t(op->wave));
    return wave;
  }

  /// Where a partition has no loss, it changes its states after something that a partition with one
  /// sent when it knew the loss to be finite.
  bool checkLoss() {
    std::vector<int64_t> known;
    for (size_t p = 0; p < entries_.size(); ++p)
      known.push_back(lossWave(p));
    const bool any = std::any_of(known.begin(), known.end(), [](int64_t w) { return w >= 0; });
    if (any && known[0] < 0)
      return c_.fail(places_[0], "it has no loss and another partition has: partition 0 tells the "
                                 "others");
    for (size_t p = 0; any && p < entries_.size(); ++p) {
      if (known[p] >= 0)
        continue;
      int64_t told = -1; // the first wave that ends with the news
      for (const auto &[key, index] : ops_[p]) {
        if (key.first != Queue::Comm || told >= 0)
          continue;
        const Collective collective = collectiveOf(op(p, index));
        for (uint32_t q : *collective.participants)
          if (known[q] >= 0 && sends(op(q, ops_[q].at(key)), q) &&
              int64_t(op(q, ops_[q].at(key)).wave) > known[q])
            told = op(p, index).wave;
      }
      for (size_t i = 0; i < entries_[p]->ops.size(); ++i)
        for (int32_t b : op(p, i).outputs)
          if (b >= 0 && bufferOf(p, b).space == Space::State &&
              (told < 0 || int64_t(op(p, i).wave) <= told))
            return c_.fail(placeOf(p, i), "it changes a state before a partition that has the loss "
                                          "has sent something after it");
    }
    return true;
  }

  /// Whether the others wait for what this participant gives.
  static bool sends(const OpT &op, size_t partition) {
    const Collective collective = collectiveOf(op);
    if (op.attrs.AsBroadcastAttrs())
      return collective.leader == int64_t(partition);
    return !op.attrs.AsMergeToAttrs();
  }

  Context &c_;
  std::vector<const EntryT *> entries_;
  std::vector<std::string> places_;
  std::vector<std::map<Key, size_t>> ops_; ///< by partition
};

} // namespace

bool checkPartitions(Context &c) {
  const PlanT &plan = c.plan;
  if (plan.partitions == 1)
    return true;
  std::map<std::pair<EntryKind, int32_t>, Group> groups;
  for (size_t i = 0; i < plan.entries.size(); ++i) {
    const EntryT &e = *plan.entries[i];
    auto [place, added] = groups[{e.kind, e.layer}].try_emplace(e.partition, i);
    if (!added)
      return c.fail("entry " + std::to_string(i), "entry " + std::to_string(place->second) +
                                                      " is of the same kind and partition");
  }
  for (const auto &[key, group] : groups)
    if (group.size() != plan.partitions)
      return c.fail("entries of kind " + std::string(EnumNameEntryKind(key.first)),
                    "there are " + std::to_string(group.size()) + " for " +
                        std::to_string(plan.partitions) + " partitions");
  for (const auto &[key, group] : groups)
    if (!GroupChecker(c, group).run())
      return false;
  return true;
}

} // namespace heddle::plan::verify
