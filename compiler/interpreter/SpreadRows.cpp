//===- SpreadRows.cpp - split batches, and rows at their keepers ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What a partition does not keep of a spread table is not a number in its copy, so that a row that
// comes from anyone but its keeper shows. Features are the graph's: of them, bytes are counted.
//
//===----------------------------------------------------------------------===//
#include "compiler/interpreter/Lockstep.h"

#include <algorithm>
#include <set>

using namespace mlir;
using namespace heddle::hgnn;
using llvm::FailureOr;

namespace heddle::compiler {

/// Who keeps a state, of so many partitions.
static SmallVector<int64_t> keepersOf(StateOp state, int64_t partitions) {
  if (auto keepers = state.getPartitions())
    return SmallVector<int64_t>(*keepers);
  SmallVector<int64_t> everyone;
  for (int64_t p = 0; p < partitions; ++p)
    everyone.push_back(p);
  return everyone;
}

template <class T> LogicalResult Lockstep<T>::spreadStates() {
  for (StateOp state : ModuleOp(batch.module).getOps<StateOp>()) {
    if (!state.getSpread())
      continue;
    auto nodes = batch.numNodes(state, *state.getRowsType());
    if (failed(nodes))
      return failure();
    auto keepers = keepersOf(state, int64_t(partitions.size()));
    Spread spread{*nodes, int64_t(keepers.size())};
    for (auto [k, keeper] : llvm::enumerate(keepers))
      partitions[keeper]->states.keepRows(state.getSymName(), spread.first(int64_t(k)),
                                          spread.first(int64_t(k) + 1));
  }
  return success();
}

/// How the rows are spread that an op of `keepers` partitions is about: of the type of its ids.
template <class T> FailureOr<Spread> Lockstep<T>::spreadOf(Operation *op, int64_t keepers) {
  for (Value operand : op->getOperands())
    if (auto type = dyn_cast<IdsType>(operand.getType())) {
      auto nodes = batch.numNodes(op, type.getDomain().getSymbol().getValue());
      if (failed(nodes))
        return failure();
      return Spread{*nodes, keepers};
    }
  return op->emitError("has no ids"), failure();
}

template <class T> LogicalResult Lockstep<T>::gatherBlocks(Ops ops, Participants participants) {
  std::optional<RuntimeValue<T>> all;
  for (auto [op, participant] : llvm::zip(ops, participants)) {
    RuntimeValue<T> block = partitions[participant]->runner.lookup(op->getOperand(0));
    send(op, (int64_t(participants.size()) - 1) * int64_t(std::get<Tensor<T>>(block).data.size()) *
                 numberBytes);
    if (!all) {
      all = std::move(block);
      continue;
    }
    auto both = append(op, *all, block);
    if (failed(both))
      return failure();
    all = std::move(*both);
  }
  for (auto [op, participant] : llvm::zip(ops, participants))
    partitions[participant]->runner.assign(op->getResult(0), *all);
  return success();
}

template <class T> LogicalResult Lockstep<T>::requestRows(Ops ops, Participants participants) {
  auto spread = spreadOf(ops.front(), int64_t(participants.size()));
  if (failed(spread))
    return failure();
  std::vector<std::set<int64_t>> asked(participants.size()); // of each keeper
  std::shared_ptr<const Ids> ids;
  for (auto [i, op] : llvm::enumerate(ops)) {
    ids = idsOf(participants[i], op->getOperand(0));
    for (int64_t id : ids->ids) {
      size_t keeper = size_t(spread->keeperOf(id));
      asked[keeper].insert(id);
      if (keeper != i)
        send(op, idBytes);
    }
  }
  for (auto [i, op] : llvm::enumerate(ops)) {
    auto kept = std::make_shared<Ids>(*ids);
    kept->ids.assign(asked[i].begin(), asked[i].end());
    partitions[participants[i]]->runner.assign(op->getResult(0), std::shared_ptr<const Ids>(kept));
  }
  return success();
}

template <class T>
LogicalResult Lockstep<T>::fetchRemoteFeatures(Ops ops, Participants participants) {
  auto spread = spreadOf(ops.front(), int64_t(participants.size()));
  if (failed(spread))
    return failure();
  for (auto [i, each] : llvm::enumerate(ops)) {
    auto op = cast<FetchRemoteFeaturesOp>(each);
    auto ids = idsOf(participants[i], op.getIds());
    auto remote = [&](int64_t row) { return spread->keeperOf(ids->ids[row]) != int64_t(i); };
    EntryRunner<T> &runner = partitions[participants[i]]->runner;
    if (isa<FeatType>(op.getResult().getType())) {
      auto rows = batch.denseRows(op, *ids, op.getFeature());
      if (failed(rows))
        return failure();
      auto result = Tensor<T>::make(rows->rows, rows->shape);
      result.data.assign(rows->data.begin(), rows->data.end());
      runner.assign(op.getResult(), std::move(result));
      for (int64_t row = 0; row < ids->size(); ++row)
        if (remote(row))
          send(op, rows->width() * numberBytes);
      continue;
    }
    auto rows = batch.sparseRows(op, *ids, op.getFeature());
    if (failed(rows))
      return failure();
    runner.assign(op.getResult(), *rows);
    for (int64_t row = 0; row < ids->size(); ++row)
      if (remote(row)) // a column and a number for each that is stored
        send(op, countBytes + int64_t((*rows)->rows[row].size()) * (4 + numberBytes));
  }
  return success();
}

template <class T> LogicalResult Lockstep<T>::fetchRemoteRows(Ops ops, Participants participants) {
  auto spread = spreadOf(ops.front(), int64_t(participants.size()));
  if (failed(spread))
    return failure();
  for (auto [i, each] : llvm::enumerate(ops)) {
    auto op = cast<FetchRemoteRowsOp>(each);
    auto ids = idsOf(participants[i], op.getIds());
    const Tensor<T> *own = partitions[participants[i]]->states.initial(op, op.getState());
    if (!own)
      return failure();
    auto result = Tensor<T>::make(ids->size(), own->shape);
    for (int64_t row = 0; row < ids->size(); ++row) {
      int64_t id = ids->ids[row], keeper = spread->keeperOf(id);
      const Tensor<T> *table = partitions[participants[keeper]]->states.initial(op, op.getState());
      if (!table)
        return failure();
      for (int64_t column = 0; column < result.width(); ++column)
        result.at(row, column) = table->at(id, column);
      if (keeper != int64_t(i))
        send(op, result.width() * numberBytes);
    }
    partitions[participants[i]]->runner.assign(op.getResult(), std::move(result));
  }
  return success();
}

template <class T> LogicalResult Lockstep<T>::pushRows(Ops ops, Participants participants) {
  auto spread = spreadOf(ops.front(), int64_t(participants.size()));
  if (failed(spread))
    return failure();
  std::map<int64_t, std::vector<T>> sums; // by id
  std::vector<int64_t> shape;
  for (auto [i, each] : llvm::enumerate(ops)) {
    auto op = cast<PushRowsOp>(each);
    auto ids = idsOf(participants[i], op.getIds());
    auto rows = std::get<Tensor<T>>(partitions[participants[i]]->runner.lookup(op.getRows()));
    if (rows.rows != ids->size())
      return op->emitError("brings ") << rows.rows << " rows for " << ids->size() << " ids";
    shape = rows.shape;
    for (int64_t row = 0; row < rows.rows; ++row) {
      std::vector<T> &sum = sums[ids->ids[row]];
      sum.resize(rows.width(), T(0));
      for (int64_t column = 0; column < rows.width(); ++column)
        sum[column] += rows.at(row, column);
      if (spread->keeperOf(ids->ids[row]) != int64_t(i))
        send(op, rows.width() * numberBytes);
    }
  }
  for (auto [i, each] : llvm::enumerate(ops)) {
    auto op = cast<PushRowsOp>(each);
    auto kept = idsOf(participants[i], op.getKept());
    auto result = Tensor<T>::make(kept->size(), shape);
    for (int64_t row = 0; row < kept->size(); ++row) {
      auto sum = sums.find(kept->ids[row]);
      if (sum == sums.end())
        return op->emitError("keeps row ") << kept->ids[row] << ", which nobody brings";
      std::copy(sum->second.begin(), sum->second.end(), &result.at(row, 0));
    }
    partitions[participants[i]]->runner.assign(op.getSums(), std::move(result));
  }
  return success();
}

template <class T>
FailureOr<RuntimeValue<T>> Lockstep<T>::append(Operation *op, const RuntimeValue<T> &front,
                                               const RuntimeValue<T> &back) {
  if (auto *ids = std::get_if<std::shared_ptr<const Ids>>(&front)) {
    auto both = std::make_shared<Ids>(**ids);
    const Ids &more = *std::get<std::shared_ptr<const Ids>>(back);
    both->ids.insert(both->ids.end(), more.ids.begin(), more.ids.end());
    return RuntimeValue<T>(std::shared_ptr<const Ids>(both));
  }
  auto *rows = std::get_if<Tensor<T>>(&front);
  if (!rows || rows->isParam())
    return op->emitError("brings something else than rows"), failure();
  const auto &more = std::get<Tensor<T>>(back);
  Tensor<T> both = *rows;
  both.rows += more.rows;
  both.data.insert(both.data.end(), more.data.begin(), more.data.end());
  return RuntimeValue<T>(std::move(both));
}

template <class T>
FailureOr<NumericArray> Lockstep<T>::assemble(StateOp state, ArrayRef<NumericArrays> copies) {
  auto nodes = batch.numNodes(state, *state.getRowsType());
  if (failed(nodes))
    return failure();
  auto keepers = keepersOf(state, int64_t(copies.size()));
  Spread spread{*nodes, int64_t(keepers.size())};
  std::string name = state.getSymName().str();
  NumericArray table = copies[keepers.front()].at(name);
  int64_t width = *nodes ? int64_t(table.data.size()) / *nodes : 0;
  for (auto [k, keeper] : llvm::enumerate(keepers)) {
    const auto &rows = copies[keeper].at(name).data;
    std::copy(rows.begin() + spread.first(int64_t(k)) * width,
              rows.begin() + spread.first(int64_t(k) + 1) * width,
              table.data.begin() + spread.first(int64_t(k)) * width);
  }
  return table;
}

// The members of this file, for the two kinds of numbers.
#define HEDDLE_LOCKSTEP_MEMBERS(T)                                                                 \
  template LogicalResult Lockstep<T>::spreadStates();                                              \
  template LogicalResult Lockstep<T>::gatherBlocks(Ops, Participants);                             \
  template LogicalResult Lockstep<T>::requestRows(Ops, Participants);                              \
  template LogicalResult Lockstep<T>::fetchRemoteFeatures(Ops, Participants);                      \
  template LogicalResult Lockstep<T>::fetchRemoteRows(Ops, Participants);                          \
  template LogicalResult Lockstep<T>::pushRows(Ops, Participants);                                 \
  template FailureOr<RuntimeValue<T>> Lockstep<T>::append(Operation *, const RuntimeValue<T> &,    \
                                                          const RuntimeValue<T> &);                \
  template FailureOr<NumericArray> Lockstep<T>::assemble(StateOp, ArrayRef<NumericArrays>);
HEDDLE_LOCKSTEP_MEMBERS(double)
HEDDLE_LOCKSTEP_MEMBERS(Dual)

} // namespace heddle::compiler
