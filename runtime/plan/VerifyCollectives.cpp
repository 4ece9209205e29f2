//===- VerifyCollectives.cpp - semantic verification: collectives *- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A collective of one entry by itself: participants, shapes, queue. Blocks of other partitions
// arrive in its scratch, so scratch has exactly the size that plan.fbs gives.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/Collective.h"
#include "runtime/plan/RowTerms.h"
#include "runtime/plan/VerifyOp.h"

namespace heddle::plan::verify {

namespace {

class CollectiveChecker : OpShape {
public:
  using OpShape::OpShape;

  bool run() {
    collective_ = collectiveOf(op_);
    if (!checkParticipants())
      return false;
    for (size_t i = 0; i < op_.inputs.size(); ++i)
      for (size_t o = 0; o < op_.outputs.size(); ++o)
        if (op_.inputs[i] >= 0 && op_.inputs[i] == op_.outputs[o])
          return c_.fail(outputPlace(o), "what arrives would overwrite what is sent");
    if (const auto *a = op_.attrs.AsMergeAllAttrs())
      return queueIs(Queue::Comm) && checkMergeAll(*a);
    if (op_.attrs.AsMergeToAttrs())
      return queueIs(Queue::Comm) && checkMergeTo();
    if (op_.attrs.AsBroadcastAttrs())
      return queueIs(Queue::Comm) && checkBroadcast();
    if (const auto *a = op_.attrs.AsUnionRowsAttrs())
      return queueIs(Queue::Fetch) && checkUnionRows(*a);
    if (!op_.attrs.AsExchangeRowsAttrs())
      return checkSpread(c_, e_, index_, place_);
    return queueIs(Queue::Comm) && checkExchangeRows();
  }

private:
  bool leads() const { return collective_.leader == int64_t(e_.partition); }

  bool checkParticipants() {
    const std::vector<uint32_t> &p = *collective_.participants;
    if (collective_.id >= firstReservedCollective)
      return fail("collective " + std::to_string(collective_.id) + " is reserved");
    if (p.size() < 2)
      return fail("it has fewer than 2 participants");
    for (size_t i = 0; i < p.size(); ++i) {
      if (p[i] >= c_.plan.partitions)
        return fail("participant " + outOf(p[i], c_.plan.partitions));
      if (i && p[i - 1] >= p[i])
        return fail("participants are not ascending");
    }
    if (!collective_.has(e_.partition))
      return fail("partition " + std::to_string(e_.partition) + " is no participant");
    if (collective_.traffic > Traffic::MAX || collective_.traffic == Traffic::Control)
      return fail("the traffic class is unknown, or that of handshakes");
    if (collective_.leader >= 0 && !collective_.has(static_cast<uint32_t>(collective_.leader)))
      return fail("the leader " + std::to_string(collective_.leader) + " is no participant");
    return true;
  }

  /// Rows that are a symbol as it is, or a number.
  bool plainRows(int32_t index, const std::string &place) {
    const Extent &rows = *buffer(index).rows;
    return rows.symbol() < 0 ||
           (rows.divisor() == 1 && rows.scale() == 1 && rows.constant() == 0) ||
           c_.fail(place, "its rows are neither a symbol nor a number");
  }

  bool sameShape(int32_t index, const std::string &place, int32_t as) {
    const BufferT &a = buffer(index), &b = buffer(as);
    // Numbers of a parameter may be read in another shape than they were written in.
    if (b.rows->symbol() < 0) {
      uint64_t elements;
      return (!__builtin_mul_overflow(b.rows->constant(), uint64_t(b.width), &elements) ||
              c_.fail(place, "the term is too large")) &&
             constantElements(index, place, elements);
    }
    return (a.width == b.width && sameExtent(*a.rows, *b.rows)) ||
           c_.fail(place, "its shape is not that of the term");
  }

  /// `index` holds, in f32, divisor-rounded copies of the units of `term`: copies * ceil(units /
  /// per) units. A unit is a row of `term`, or a number of it.
  bool scratch(int32_t index, const std::string &place, int32_t term, uint64_t copies, uint64_t per,
               bool byNumber) {
    if (!typed(index, place, DType::F32, 0) || !inArena(index, place))
      return false;
    const BufferT &t = buffer(term), &b = buffer(index);
    if (t.rows->symbol() < 0) {
      uint64_t units = t.rows->constant(), width = t.width, elements;
      if (byNumber && __builtin_mul_overflow(units, width, &units))
        return c_.fail(place, "the term is too large");
      if (__builtin_mul_overflow(copies, units / per + (units % per != 0), &elements) ||
          __builtin_mul_overflow(elements, byNumber ? 1 : width, &elements))
        return c_.fail(place, "the term is too large");
      return constantElements(index, place, elements);
    }
    uint64_t wanted, held;
    bool fits = !__builtin_mul_overflow(copies, uint64_t(t.width), &wanted) &&
                !__builtin_mul_overflow(b.rows->scale(), uint64_t(b.width), &held);
    return (fits && b.rows->symbol() == t.rows->symbol() && b.rows->divisor() == per &&
            b.rows->constant() == 0 && held == wanted) ||
           c_.fail(place, "it does not hold the blocks of all participants");
  }

  bool term(size_t i) {
    return typed(op_.inputs[i], inputPlace(i), DType::F32, 0) &&
           plainRows(op_.inputs[i], inputPlace(i));
  }

  /// The term has the parts that its merge needs.
  bool merge(size_t i, bool byNumber) {
    const MergeKind kind = mergeOf(op_, i);
    const uint64_t heads = headsOf(op_, i);
    if (kind > MergeKind::MAX)
      return c_.fail(inputPlace(i), "its kind of merge is unknown");
    if (heads == 0 || (heads > 1 && kind != MergeKind::Softmax))
      return c_.fail(inputPlace(i),
                     "only a softmax has heads, and at least one; it has " + std::to_string(heads));
    if (kind != MergeKind::Sum && byNumber)
      return c_.fail(inputPlace(i), "only sums are cut by numbers");
    const uint64_t width = buffer(op_.inputs[i]).width;
    if (kind == MergeKind::Argmax && (width == 0 || width % 2 != 0))
      return c_.fail(inputPlace(i), "a term of argmax has two numbers for each of the value, not " +
                                        std::to_string(width) + " in all");
    if (kind == MergeKind::Softmax && (width <= 2 * heads || (width - 2 * heads) % heads != 0))
      return c_.fail(inputPlace(i),
                     heads == 1 ? "a term of softmax has two numbers beside the value, not " +
                                      std::to_string(width) + " in all"
                                : "a term of softmax has two numbers for each of its " +
                                      std::to_string(heads) + " heads beside their values, not " +
                                      std::to_string(width) + " in all");
    return true;
  }

  bool checkMergeAll(const MergeAllAttrsT &a) {
    const size_t n = op_.inputs.size();
    if (!a.merges.empty() && a.merges.size() != n)
      return fail("it has " + std::to_string(a.merges.size()) + " kinds of merge for " +
                  std::to_string(n) + " terms");
    if (!a.heads.empty() && a.heads.size() != n)
      return fail("it has " + std::to_string(a.heads.size()) + " numbers of heads for " +
                  std::to_string(n) + " terms");
    const uint64_t q = collective_.size();
    if (n == 0)
      return fail("it has no term");
    if (!counts(n, 2 * n))
      return false;
    for (size_t i = 0; i < n; ++i) {
      if (!term(i) || !merge(i, a.by_number))
        return false;
      if (a.by_number && buffer(op_.inputs[i]).rows->symbol() >= 0)
        return c_.fail(inputPlace(i), "only a constant number of rows is cut by numbers");
      if (!typed(op_.outputs[i], outputPlace(i), DType::F32, 0) ||
          !inArena(op_.outputs[i], outputPlace(i)) ||
          !sameShape(op_.outputs[i], outputPlace(i), op_.inputs[i]) ||
          !scratch(op_.outputs[n + i], outputPlace(n + i), op_.inputs[i], q, q, a.by_number))
        return false;
    }
    return true;
  }

  bool checkMergeTo() {
    if (!counts(1, leads() ? 2 : 0) || !term(0) || !merge(0, false))
      return false;
    return !leads() || (typed(op_.outputs[0], outputPlace(0), DType::F32, 0) &&
                        inArena(op_.outputs[0], outputPlace(0)) &&
                        sameShape(op_.outputs[0], outputPlace(0), op_.inputs[0]) &&
                        scratch(op_.outputs[1], outputPlace(1), op_.inputs[0],
                                collective_.size() - 1, 1, false));
  }

  bool checkBroadcast() {
    if (!counts(leads() ? 1 : 0, leads() ? 0 : 1))
      return false;
    int32_t index = leads() ? op_.inputs[0] : op_.outputs[0];
    std::string place = leads() ? inputPlace(0) : outputPlace(0);
    if (index < 0)
      return c_.fail(place, "it is absent");
    return plainRows(index, place) && (leads() || inArena(index, place));
  }

  /// counts: i64, one for each participant.
  bool countsArray(int32_t index, const std::string &place) {
    return typed(index, place, DType::I64, 0) && inSlot(index, place) &&
           constantElements(index, place, collective_.size());
  }

  bool checkUnionRows(const UnionRowsAttrsT &a) {
    const std::vector<RowsAt> rows = rowsOf(a);
    if (!counts(rows.size(), 3 * rows.size()))
      return false;
    for (size_t t = 0; t < rows.size(); ++t) {
      const uint32_t hop = rows[t].hop(), type = rows[t].node_type();
      const size_t out = 3 * t;
      if (!nodeType(type))
        return false;
      if (hop > maxHop)
        return fail("hop " + std::to_string(hop) + " is over 15");
      if (!idsInput(t, hop, type) ||
          !slotOutput(out, DType::I64, 1, SymbolKind::Union, hop, type) ||
          !slotOutput(out + 1, DType::I32, collective_.size(), SymbolKind::Union, hop, type) ||
          (op_.outputs[out + 2] >= 0 &&
           !countsArray(op_.outputs[out + 2], outputPlace(out + 2))))
        return false;
    }
    return true;
  }

  /// The rows of whose term `table` and `counts` are; false after an error.
  bool unionOf(int32_t table, int32_t counts, RowsAt &rows) {
    for (const auto &other : e_.ops) {
      const auto *a = other->attrs.AsUnionRowsAttrs();
      if (!a || other->outputs.size() != 3 * (1 + a->more.size()))
        continue;
      for (size_t t = 0; t <= a->more.size(); ++t) {
        if (other->outputs[3 * t + 1] != table || other->outputs[3 * t + 2] != counts)
          continue;
        rows = rowsOf(*a)[t];
        return a->participants == *collective_.participants ||
               fail("its participants are not those of the op that numbered the rows");
      }
    }
    return fail("no op numbers the rows together: inputs 1 and 2 are not outputs 1 and 2 of one");
  }

  bool checkExchangeRows() {
    if (!terms(3, 2))
      return false;
    for (size_t t = 0; t < rowTermsOf(op_); ++t)
      if (!checkExchange(3 * t, 2 * t))
        return false;
    return true;
  }

  /// The term whose inputs and outputs begin there.
  bool checkExchange(size_t in, size_t out) {
    if (!typed(op_.inputs[in + 1], inputPlace(in + 1), DType::I32, collective_.size()) ||
        !inSlot(op_.inputs[in + 1], inputPlace(in + 1)) ||
        !countsArray(op_.inputs[in + 2], inputPlace(in + 2)))
      return false;
    RowsAt rows;
    if (!unionOf(op_.inputs[in + 1], op_.inputs[in + 2], rows) ||
        !typed(op_.inputs[in], inputPlace(in), DType::F32, 0))
      return false;
    const uint64_t width = buffer(op_.inputs[in]).width;
    using enum SymbolKind;
    auto arena = [&](size_t i, SymbolKind kind) {
      return typed(op_.outputs[i], outputPlace(i), DType::F32, width) &&
             inArena(op_.outputs[i], outputPlace(i)) &&
             rowsAre(op_.outputs[i], outputPlace(i), kind, rows.hop(), rows.node_type());
    };
    return rowsAre(op_.inputs[in], inputPlace(in), Rows, rows.hop(), rows.node_type()) &&
           arena(out, Union) && arena(out + 1, Gathered);
  }

  Collective collective_;
};

} // namespace

bool checkCollective(Context &context, const EntryT &entry, size_t index,
                     const std::string &place) {
  return CollectiveChecker(context, entry, index, place).run();
}

} // namespace heddle::plan::verify
