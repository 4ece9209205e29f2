//===- VerifySpread.cpp - semantic verification: rows at keepers *- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Requests, fetches and pushes of rows that are spread over partitions. What others send lands in
// slices and in scratch whose sizes the request gives, so each term has the arrays of one request.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/Collective.h"
#include "runtime/plan/RowTerms.h"
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
      return queueIs(Queue::Fetch) && checkFeatures(*a);
    if (op_.attrs.AsFetchRemoteRowsAttrs())
      return queueIs(Queue::Comm) && checkRows();
    if (op_.attrs.AsPushRowsAttrs())
      return queueIs(Queue::Comm) && checkPushes();
    return queueIs(Queue::Comm) && checkGather();
  }

private:
  bool numbers(int32_t index, const std::string &place, uint64_t count) {
    return typed(index, place, DType::I64, 0) && inSlot(index, place) &&
           constantElements(index, place, count);
  }

  bool checkRequest(const RequestRowsAttrsT &a) {
    const std::vector<RowsAt> rows = rowsOf(a);
    const uint64_t q = collective_.size();
    if (!counts(rows.size(), 5 * rows.size()))
      return false;
    for (size_t i = 0; i < op_.outputs.size(); ++i)
      if (op_.outputs[i] < 0)
        return c_.fail(outputPlace(i), "it is absent");
    using enum SymbolKind;
    for (size_t t = 0; t < rows.size(); ++t) {
      const uint32_t hop = rows[t].hop(), type = rows[t].node_type();
      const size_t out = 5 * t;
      if (!nodeType(type))
        return false;
      if (hop > maxHop)
        return fail("hop " + std::to_string(hop) + " is over 15");
      if (!idsInput(t, hop, type) || !slotOutput(out, DType::I64, 1, Kept, hop, type) ||
          !slotOutput(out + 1, DType::I32, q, Kept, hop, type) ||
          !slotOutput(out + 2, DType::I64, 1, Asked, hop, type) ||
          !numbers(op_.outputs[out + 3], outputPlace(out + 3), q) ||
          !numbers(op_.outputs[out + 4], outputPlace(out + 4), q + 1))
        return false;
    }
    return true;
  }

  /// A term of a request: the rows, and the ids that they are asked for by.
  struct Request {
    RowsAt rows;
    int32_t ids = -1;
  };

  /// The request whose `outputs` are this op's inputs from `first` on; false after an error.
  bool requestOf(size_t first, std::initializer_list<size_t> outputs, Request &request) {
    for (const auto &other : e_.ops) {
      const auto *a = other->attrs.AsRequestRowsAttrs();
      if (!a || other->inputs.size() != 1 + a->more.size() ||
          other->outputs.size() != 5 * other->inputs.size())
        continue;
      for (size_t t = 0; t < other->inputs.size(); ++t) {
        bool same = true;
        size_t i = first;
        for (size_t output : outputs) {
          const int32_t made = other->outputs[5 * t + output];
          same &= op_.inputs[i++] == made && made >= 0;
        }
        if (!same)
          continue;
        request = {rowsOf(*a)[t], other->inputs[t]};
        return a->participants == *collective_.participants ||
               fail("its participants are not those of the op that asked for the rows");
      }
    }
    return fail("no op asked for the rows: the inputs from " + std::to_string(first) +
                " on are not outputs of one");
  }

  bool ownIds(size_t i, const Request &request) {
    return op_.inputs[i] == request.ids ||
           c_.fail(inputPlace(i), "the ids are not those that were asked for");
  }

  bool checkFeatures(const FetchRemoteAttrsT &a) {
    for (const auto &more : a.more)
      if (!more)
        return fail("a term of it is empty");
    const std::vector<RemoteFeatureT> features = featuresOf(a);
    size_t outputs = 0;
    for (const RemoteFeatureT &feature : features)
      outputs += outputsOf(feature);
    if (!counts(4 * features.size(), outputs))
      return false;
    size_t in = 0, out = 0;
    for (const RemoteFeatureT &feature : features) {
      if (!checkFeature(feature, in, out))
        return false;
      in += 4;
      out += outputsOf(feature);
    }
    return true;
  }

  /// The term whose inputs and outputs begin there.
  bool checkFeature(const RemoteFeatureT &a, size_t in, size_t out) {
    Request request;
    if (!nodeType(a.node_type) || !requestOf(in + 1, {2, 3, 4}, request) || !ownIds(in, request))
      return false;
    if (request.rows.node_type() != a.node_type || request.rows.hop() != a.hop)
      return fail("it fetches for other rows than were asked for");
    if (a.dim == 0)
      return fail("the feature has no columns");
    if (a.sparse)
      return sparseOutputs(a.hop, a.node_type, a.dim, out);
    if (op_.outputs[out] < 0)
      return c_.fail(outputPlace(out), "it is absent");
    return slotOutput(out, DType::F32, a.dim, SymbolKind::Rows, a.hop, a.node_type);
  }

  /// f32 in the arena, of this width, a row for each of the request's rows of that kind.
  bool rowsOutput(size_t i, uint64_t width, SymbolKind kind, const Request &request) {
    return typed(op_.outputs[i], outputPlace(i), DType::F32, width) &&
           inArena(op_.outputs[i], outputPlace(i)) &&
           rowsAre(op_.outputs[i], outputPlace(i), kind, request.rows.hop(),
                   request.rows.node_type());
  }

  bool checkRows() {
    if (!terms(5, 2))
      return false;
    for (size_t t = 0; t < rowTermsOf(op_); ++t)
      if (!checkTable(5 * t, 2 * t))
        return false;
    return true;
  }

  bool checkTable(size_t in, size_t out) {
    Request request;
    if (!requestOf(in + 2, {2, 3, 4}, request) || !ownIds(in + 1, request))
      return false;
    if (op_.inputs[in] < 0 || buffer(op_.inputs[in]).space != Space::State)
      return c_.fail(inputPlace(in), "it is not a state");
    const BufferT &table = buffer(op_.inputs[in]);
    const StateT &state = *c_.plan.states[static_cast<size_t>(table.state)];
    if (!state.spread || !state.partitions.empty() ||
        collective_.size() != size_t(c_.plan.partitions))
      return c_.fail(inputPlace(in), "its rows are not spread over the participants");
    if (state.rows_type < 0 || uint32_t(state.rows_type) != request.rows.node_type())
      return c_.fail(inputPlace(in), "its rows are not of the node type that was asked for");
    return typed(op_.inputs[in], inputPlace(in), DType::F32, 0) &&
           rowsOutput(out, table.width, SymbolKind::Rows, request) &&
           rowsOutput(out + 1, table.width, SymbolKind::Asked, request);
  }

  bool checkPushes() {
    if (!terms(4, 2))
      return false;
    for (size_t t = 0; t < rowTermsOf(op_); ++t)
      if (!checkPush(4 * t, 2 * t))
        return false;
    return true;
  }

  bool checkPush(size_t in, size_t out) {
    Request request;
    if (!requestOf(in + 1, {1, 3, 4}, request) ||
        !typed(op_.inputs[in], inputPlace(in), DType::F32, 0))
      return false;
    const uint64_t width = buffer(op_.inputs[in]).width;
    return rowsAre(op_.inputs[in], inputPlace(in), SymbolKind::Rows, request.rows.hop(),
                   request.rows.node_type()) &&
           rowsOutput(out, width, SymbolKind::Kept, request) &&
           rowsOutput(out + 1, width, SymbolKind::Asked, request);
  }

  bool checkGather() {
    if (!counts(op_.inputs.size() == 2 ? 2 : 1, 1) ||
        !typed(op_.inputs[0], inputPlace(0), DType::F32, 0))
      return false;
    for (const auto &other : e_.ops) {
      const auto *a = other->attrs.AsSeedsAttrs();
      if (!a || a->blocks == 1)
        continue;
      if (a->blocks != collective_.size() || a->block != collective_.indexOf(e_.partition))
        return fail("the blocks of the seeds are not those of its participants");
      if (other->outputs.size() == 3 ? op_.inputs.size() != 2 || op_.inputs[1] != other->outputs[2]
                                     : op_.inputs.size() != 1)
        return fail("it does not know where the blocks of the seeds begin");
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
