//===- Partitions.cpp - the entries of all partitions in lock-step --------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Entries are straight-line code, so a partition that waits is an iterator: no threads, and the
// same order in every run. Collectives do what their descriptions say, block by block, and count
// what goes from one partition to another.
//
//===----------------------------------------------------------------------===//
#include "compiler/interpreter/Lockstep.h"

#include "compiler/interpreter/Merges.h"

#include <cstring>

using namespace mlir;
using namespace heddle::hgnn;
using llvm::FailureOr;

namespace heddle::compiler {

template <class T> LogicalResult Lockstep<T>::run() {
  for (auto [p, partition] : llvm::enumerate(partitions))
    if (failed(partition->runner.declareStates(int64_t(p))))
      return failure();
  if (failed(spreadStates()))
    return failure();
  while (true) {
    for (auto &partition : partitions)
      while (partition->next != partition->end && !partition->waitsAt()) {
        if (failed(partition->runner.run(&*partition->next)))
          return failure();
        ++partition->next;
      }
    // Any collective where all are waiting.
    Operation *waiting = nullptr;
    bool met = false;
    for (auto &partition : partitions) {
      Collective collective = partition->waitsAt();
      if (!collective)
        continue;
      waiting = collective;
      SmallVector<Operation *> ops;
      for (int64_t other : collective.getParticipants())
        if (other < int64_t(partitions.size()))
          if (Collective there = partitions[other]->waitsAt();
              there && there.getCollectiveId() == collective.getCollectiveId())
            ops.push_back(there);
      if (ops.size() != collective.getParticipants().size())
        continue;
      if (failed(meet(ops, collective.getParticipants())))
        return failure();
      SmallVector<int64_t> participants(collective.getParticipants());
      for (int64_t other : participants)
        ++partitions[other]->next;
      met = true;
      break;
    }
    if (!waiting)
      return success();
    if (!met)
      return waiting->emitError("waits for a partition that never comes to collective ")
             << cast<Collective>(waiting).getCollectiveId();
  }
}

template <class T> LogicalResult Lockstep<T>::meet(Ops ops, ArrayRef<int64_t> participants) {
  for (Operation *op : ops)
    if (op->getName() != ops.front()->getName())
      return op->emitError("meets another op, ") << ops.front()->getName();
  if (isa<MergeAllOp>(ops.front()))
    return mergeAll(ops, participants);
  if (isa<MergeToOp>(ops.front()))
    return mergeTo(ops, participants);
  if (isa<BroadcastOp>(ops.front()))
    return broadcast(ops, participants);
  if (isa<GatherBlocksOp>(ops.front()))
    return gatherBlocks(ops, participants);
  if (isa<RequestRowsOp>(ops.front()))
    return requestRows(ops, participants);
  if (isa<FetchRemoteFeaturesOp>(ops.front()))
    return fetchRemoteFeatures(ops, participants);
  if (isa<FetchRemoteRowsOp>(ops.front()))
    return fetchRemoteRows(ops, participants);
  if (isa<PushRowsOp>(ops.front()))
    return pushRows(ops, participants);
  return exchangeRows(ops, participants);
}

template <class T>
FailureOr<SmallVector<Tensor<T>>> Lockstep<T>::terms(Ops ops, ArrayRef<int64_t> participants) {
  SmallVector<Tensor<T>> terms;
  for (auto [op, participant] : llvm::zip(ops, participants)) {
    terms.push_back(std::get<Tensor<T>>(partitions[participant]->runner.lookup(op->getOperand(0))));
    if (terms.back().rows != terms.front().rows || terms.back().width() != terms.front().width())
      return op->emitError("brings a term of another size"), failure();
  }
  return terms;
}

/// Block b of the units (rows, or numbers of a parameter) is summed by participant b: the others
/// send it theirs, and it sends the sum to all.
template <class T> LogicalResult Lockstep<T>::mergeAll(Ops ops, ArrayRef<int64_t> participants) {
  auto terms = this->terms(ops, participants);
  if (failed(terms))
    return failure();
  Tensor<T> sum = terms->front();
  MergeRule merge = cast<MergeAllOp>(ops.front()).getMerge();
  int64_t units = sum.isParam() ? sum.width() : sum.rows;
  int64_t width = sum.isParam() ? 1 : sum.width();
  int64_t q = int64_t(participants.size());
  for (int64_t b = 0; b < q; ++b) {
    int64_t first = units * b / q * width, last = units * (b + 1) / q * width;
    for (int64_t other = 1; other < q && merge != Merge::Sum; ++other)
      mergeInto(merge, sum, (*terms)[other], units * b / q, units * (b + 1) / q);
    for (int64_t i = first; i < last && merge == Merge::Sum; ++i) {
      T total = (*terms)[0].data[i];
      for (int64_t other = 1; other < q; ++other)
        total += (*terms)[other].data[i];
      sum.data[i] = total;
    }
    send(ops.front(), 2 * (q - 1) * (last - first) * numberBytes);
  }
  for (auto [op, participant] : llvm::zip(ops, participants))
    partitions[participant]->runner.assign(op->getResult(0), sum);
  return success();
}

template <class T> LogicalResult Lockstep<T>::mergeTo(Ops ops, ArrayRef<int64_t> participants) {
  auto terms = this->terms(ops, participants);
  if (failed(terms))
    return failure();
  Tensor<T> sum = terms->front();
  for (size_t other = 1; other < terms->size(); ++other)
    if (MergeRule merge = cast<MergeToOp>(ops.front()).getMerge(); merge != Merge::Sum)
      mergeInto(merge, sum, (*terms)[other], 0, sum.rows);
    else
      for (size_t i = 0; i < sum.data.size(); ++i)
        sum.data[i] += (*terms)[other].data[i];
  for (auto [op, participant] : llvm::zip(ops, participants)) {
    if (op->getNumResults())
      partitions[participant]->runner.assign(op->getResult(0), sum);
    else
      send(op, int64_t(sum.data.size()) * numberBytes);
  }
  return success();
}

template <class T> LogicalResult Lockstep<T>::broadcast(Ops ops, ArrayRef<int64_t> participants) {
  std::optional<Tensor<T>> value;
  for (auto [op, participant] : llvm::zip(ops, participants))
    if (op->getNumOperands())
      value = std::get<Tensor<T>>(partitions[participant]->runner.lookup(op->getOperand(0)));
  if (!value)
    return ops.front()->emitError("has no leader");
  for (auto [op, participant] : llvm::zip(ops, participants)) {
    partitions[participant]->runner.assign(op->getResult(0), *value);
    if (!op->getNumOperands())
      send(op, int64_t(value->data.size()) * numberBytes);
  }
  return success();
}

template <class T>
LogicalResult Lockstep<T>::exchangeRows(Ops ops, ArrayRef<int64_t> participants) {
  auto all = std::make_shared<Ids>();
  std::map<int64_t, std::vector<T>> sums; // by id
  std::vector<int64_t> shape;
  for (auto [op, participant] : llvm::zip(ops, participants)) {
    auto exchange = cast<ExchangeRowsOp>(op);
    const EntryRunner<T> &runner = partitions[participant]->runner;
    auto rows = std::get<Tensor<T>>(runner.lookup(exchange.getRows()));
    auto ids = std::get<std::shared_ptr<const Ids>>(runner.lookup(exchange.getIds()));
    if (rows.rows != ids->size())
      return op->emitError("brings ") << rows.rows << " rows for " << ids->size() << " ids";
    all->hop = ids->hop;
    all->nodeType = ids->nodeType;
    shape = rows.shape;
    for (int64_t i = 0; i < rows.rows; ++i) {
      std::vector<T> &sum = sums[ids->ids[i]];
      sum.resize(rows.width(), T(0));
      for (int64_t j = 0; j < rows.width(); ++j)
        sum[j] += rows.at(i, j);
    }
    // Tables of one frontier are summed over the same rows: their ids go once.
    bool idsTravel =
        idsSent.insert({exchange.getIds().getAsOpaquePointer(), participants.vec()}).second;
    send(op, (int64_t(participants.size()) - 1) * rows.rows *
                 (rows.width() * numberBytes + (idsTravel ? idBytes : 0)));
  }
  auto result = Tensor<T>::make(int64_t(sums.size()), shape);
  for (const auto &[id, sum] : sums) {
    for (int64_t j = 0; j < result.width(); ++j)
      result.at(all->size(), j) = sum[j];
    all->ids.push_back(id);
  }
  for (auto [op, participant] : llvm::zip(ops, participants)) {
    auto exchange = cast<ExchangeRowsOp>(op);
    partitions[participant]->runner.assign(exchange.getAllIds(), std::shared_ptr<const Ids>(all));
    partitions[participant]->runner.assign(exchange.getSums(), result);
  }
  return success();
}

template <class T>
static bool sameBits(const RuntimeValue<T> &a, const RuntimeValue<T> &b) {
  if (auto *x = std::get_if<Tensor<T>>(&a)) {
    auto *y = std::get_if<Tensor<T>>(&b);
    return y && x->rows == y->rows && x->shape == y->shape &&
           std::memcmp(x->data.data(), y->data.data(), x->data.size() * sizeof(T)) == 0;
  }
  auto *x = std::get_if<std::shared_ptr<const Ids>>(&a),
       *y = std::get_if<std::shared_ptr<const Ids>>(&b);
  return x && y && (*x)->ids == (*y)->ids;
}

template <class T> FailureOr<Outputs<T>> Lockstep<T>::outputs() {
  Outputs<T> all;
  for (auto &partition : partitions)
    for (auto output : partition->entry.template getOps<OutputOp>()) {
      std::string name = output.getName().str();
      const RuntimeValue<T> &value = partition->outputs.at(name);
      auto [found, inserted] = all.try_emplace(name, value);
      if (inserted)
        continue;
      PlacementAttr placement = placementOf(output.getValue().getType());
      if (placement.isKept() || placement.getSplit()) {
        auto both = append(output, found->second, value);
        if (failed(both))
          return failure();
        found->second = std::move(*both);
      } else if (!sameBits<T>(found->second, value)) {
        return ModuleOp(batch.module).emitError("partitions differ in output \"") << name << "\"",
               failure();
      }
    }
  return all;
}

template <class T> FailureOr<NumericArrays> Lockstep<T>::states() {
  NumericArrays all = batch.input.states;
  std::vector<NumericArrays> copies;
  for (auto &partition : partitions)
    copies.push_back(partition->states.results());
  for (StateOp state : ModuleOp(batch.module).getOps<StateOp>()) {
    std::string name = state.getSymName().str();
    if (state.getSpread()) {
      auto table = assemble(state, copies);
      if (failed(table))
        return failure();
      all[name] = std::move(*table);
      continue;
    }
    auto keepers = state.getPartitions();
    bool first = true;
    for (auto [p, copy] : llvm::enumerate(copies)) {
      if (keepers && !llvm::is_contained(*keepers, int64_t(p)))
        continue;
      NumericArray &array = copy.at(name);
      if (!first &&
          (all[name].shape != array.shape || std::memcmp(all[name].data.data(), array.data.data(),
                                                         array.data.size() * sizeof(double)) != 0))
        return state.emitError("has copies that differ after the step, in partition ")
                   << p << " from an earlier one",
               failure();
      all[name] = array;
      first = false;
    }
  }
  return all;
}

template class Lockstep<double>;
template class Lockstep<Dual>;

template <class T>
FailureOr<PartitionedStep<T>> runPartitions(ArrayRef<EntryOp> entries, const Batch &batch,
                                            const NumericArrays &direction) {
  Lockstep<T> lockstep(entries, batch, direction);
  if (failed(lockstep.run()))
    return failure();
  auto outputs = lockstep.outputs();
  auto states = lockstep.states();
  if (failed(outputs) || failed(states))
    return failure();
  return PartitionedStep<T>{std::move(*outputs), std::move(*states), std::move(lockstep.bytes)};
}

template FailureOr<PartitionedStep<double>> runPartitions(ArrayRef<EntryOp>, const Batch &,
                                                          const NumericArrays &);
template FailureOr<PartitionedStep<Dual>> runPartitions(ArrayRef<EntryOp>, const Batch &,
                                                        const NumericArrays &);

} // namespace heddle::compiler
