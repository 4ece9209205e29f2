//===- VerifySpread.cpp - semantic verification: rows at keepers *- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Requests, fetches and pushes of rows that are spread over partitions. What others send lands in
// slices and in scratch whose sizes the request gives, so each op has the arrays of one request.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/Collective.h"
#include "runtime/plan/VerifyOp.h"

namespace heddle::plan::verify {

namespace {

class SpreadChecker : OpShape {
public:
  using OpShape::OpShape;

  bool run() {
    collective_ = collectiveOf(op_);
    if (const auto *a = op_.attrs.AsRequestRowsAttrs())
      return queueIs(Queue::Fetch) && checkRequest(*a);
    if (const auto *a = op_.attrs.AsFetchRemoteAttrs())
      return queueIs(Queue::Fetch) && (a->sparse ? checkSparse(*a) : checkDense(*a));
    if (op_.attrs.AsFetchRemoteRowsAttrs())
      return queueIs(Queue::Comm) && checkRows();
    if (op_.attrs.AsPushRowsAttrs())
      return queueIs(Queue::Comm) && checkPush();
    return queueIs(Queue::Comm) && checkGather();
  }

private:
  bool numbers(int32_t index, const std::string &place, uint64_t count) {
    return typed(index, place, DType::I64, 0) && inSlot(index, place) &&
           constantElements(index, place, count);
  }

  bool checkRequest(const RequestRowsAttrsT &a) {
    if (!nodeType(a.node_type) || !counts(1, 5))
      return false;
    if (a.hop > maxHop)
      return fail("hop " + std::to_string(a.hop) + " is over 15");
    const uint64_t q = collective_.size();
    for (size_t i = 0; i < 5; ++i)
      if (op_.outputs[i] < 0)
        return c_.fail(outputPlace(i), "it is absent");
    using enum SymbolKind;
    return idsInput(0, a.hop, a.node_type) &&
           slotOutput(0, DType::I64, 1, Kept, a.hop, a.node_type) &&
           slotOutput(1, DType::I32, q, Kept, a.hop, a.node_type) &&
           slotOutput(2, DType::I64, 1, Asked, a.hop, a.node_type) &&
           numbers(op_.outputs[3], outputPlace(3), q) &&
           numbers(op_.outputs[4], outputPlace(4), q + 1);
  }

  /// The request whose `output`s are this op's inputs from `first` on; null after an error.
  const OpT *requestOf(size_t first, std::initializer_list<size_t> outputs) {
    for (const auto &other : e_.ops) {
      const auto *a = other->attrs.AsRequestRowsAttrs();
      if (!a || other->outputs.size() != 5 || other->inputs.size() != 1)
        continue;
      bool same = true;
      size_t i = first;
      for (size_t output : outputs)
        same &= op_.inputs[i++] == other->outputs[output] && other->outputs[output] >= 0;
      if (!same)
        continue;
      if (a->participants != *collective_.participants) {
        fail("its participants are not those of the op that asked for the rows");
        return nullptr;
      }
      return other.get();
    }
    fail("no op asked for the rows: the inputs from " + std::to_string(first) +
         " on are not outputs of one");
    return nullptr;
  }

  bool ownIds(size_t i, const OpT &request) {
    return op_.inputs[i] == request.inputs[0] ||
           c_.fail(inputPlace(i), "the ids are not those that were asked for");
  }

  /// The request of a feature's rows.
  bool feature(const FetchRemoteAttrsT &a, size_t outputs) {
    if (!nodeType(a.node_type) || !counts(4, outputs))
      return false;
    const OpT *request = requestOf(1, {2, 3, 4});
    if (!request || !ownIds(0, *request))
      return false;
    const auto *r = request->attrs.AsRequestRowsAttrs();
    if (r->node_type != a.node_type || r->hop != a.hop)
      return fail("it fetches for other rows than were asked for");
    return a.dim > 0 || fail("the feature has no columns");
  }

  bool checkDense(const FetchRemoteAttrsT &a) {
    if (!feature(a, 1))
      return false;
    if (op_.outputs[0] < 0)
      return c_.fail(outputPlace(0), "it is absent");
    return slotOutput(0, DType::F32, a.dim, SymbolKind::Rows, a.hop, a.node_type);
  }

  bool checkSparse(const FetchRemoteAttrsT &a) {
    return feature(a, 6) && sparseOutputs(a.hop, a.node_type, a.dim);
  }

  /// f32 in the arena, of this width, a row for each of the request's rows of that kind.
  bool rowsOf(int32_t index, const std::string &place, uint64_t width, SymbolKind kind,
              const OpT &request) {
    const auto *r = request.attrs.AsRequestRowsAttrs();
    return typed(index, place, DType::F32, width) && inArena(index, place) &&
           rowsAre(index, place, kind, r->hop, r->node_type);
  }

  bool checkRows() {
    if (!counts(5, 2))
      return false;
    const OpT *request = requestOf(2, {2, 3, 4});
    if (!request || !ownIds(1, *request))
      return false;
    if (op_.inputs[0] < 0 || buffer(op_.inputs[0]).space != Space::State)
      return c_.fail(inputPlace(0), "it is not a state");
    const BufferT &table = buffer(op_.inputs[0]);
    const StateT &state = *c_.plan.states[static_cast<size_t>(table.state)];
    if (!state.spread || !state.partitions.empty() ||
        collective_.size() != size_t(c_.plan.partitions))
      return c_.fail(inputPlace(0), "its rows are not spread over the participants");
    if (state.rows_type < 0 ||
        uint32_t(state.rows_type) != request->attrs.AsRequestRowsAttrs()->node_type)
      return c_.fail(inputPlace(0), "its rows are not of the node type that was asked for");
    return typed(op_.inputs[0], inputPlace(0), DType::F32, 0) &&
           rowsOf(op_.outputs[0], outputPlace(0), table.width, SymbolKind::Rows, *request) &&
           rowsOf(op_.outputs[1], outputPlace(1), table.width, SymbolKind::Asked, *request);
  }

  bool checkPush() {
    if (!counts(4, 2))
      return false;
    const OpT *request = requestOf(1, {1, 3, 4});
    if (!request || !typed(op_.inputs[0], inputPlace(0), DType::F32, 0))
      return false;
    const auto *r = request->attrs.AsRequestRowsAttrs();
    const uint64_t width = buffer(op_.inputs[0]).width;
    return rowsAre(op_.inputs[0], inputPlace(0), SymbolKind::Rows, r->hop, r->node_type) &&
           rowsOf(op_.outputs[0], outputPlace(0), width, SymbolKind::Kept, *request) &&
           rowsOf(op_.outputs[1], outputPlace(1), width, SymbolKind::Asked, *request);
  }

  bool checkGather() {
    if (!counts(1, 1) || !typed(op_.inputs[0], inputPlace(0), DType::F32, 0))
      return false;
    for (const auto &other : e_.ops) {
      const auto *a = other->attrs.AsSeedsAttrs();
      if (!a || a->blocks == 1)
        continue;
      if (a->blocks != collective_.size() || a->block != collective_.indexOf(e_.partition))
        return fail("the blocks of the seeds are not those of its participants");
      return rowsAre(op_.inputs[0], inputPlace(0), SymbolKind::Rows, 0, a->node_type) &&
             typed(op_.outputs[0], outputPlace(0), DType::F32, buffer(op_.inputs[0]).width) &&
             inArena(op_.outputs[0], outputPlace(0)) &&
             rowsAre(op_.outputs[0], outputPlace(0), SymbolKind::Gathered, 0, a->node_type);
    }
    return fail("the seeds are not cut into blocks");
  }

  Collective collective_;
};

} // namespace

bool checkSpread(Context &context, const EntryT &entry, size_t index, const std::string &place) {
  return SpreadChecker(context, entry, index, place).run();
}

} // namespace heddle::plan::verify
