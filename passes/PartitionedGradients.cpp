//===- PartitionedGradients.cpp - gradients of several partitions ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A gradient from above the merges is whole, and every partition has its bits: nothing is reduced.
// One from below is this partition's term: terms of a state that several partitions keep are summed
// by a collective, those of a state that one partition keeps are all there is. Then every copy
// makes the same step from the same bits. Rows of a spread table have one keeper, which gets all
// gradients of a row and makes its one step. States are visited in module order in all entries, so
// collectives meet in one order.
//
//===----------------------------------------------------------------------===//

#include "passes/Backward.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::passes {

namespace {

/// What one partition has of a state's gradient.
struct Share {
  SmallVector<Value> whole, terms;
  Value ids; ///< of a table: the rows that the partition touched
  Operation *fetch = nullptr;
  int64_t fetches = 0;
};

class Partitions {
public:
  Partitions(ModuleOp module, SymbolTable &symbols, ArrayRef<EntryOp> entries,
             const DenseMap<int64_t, OptimizerOp> &optimizers)
      : module(module), symbols(symbols), context(module.getContext()), optimizers(optimizers),
        entries(entries) {
    for (EntryOp entry : entries) {
      walks.push_back(std::make_unique<Backward>(entry));
      everyone.push_back(int64_t(walks.size()) - 1);
    }
  }
  FailureOr<int64_t> run();

private:
  /// A summed gradient; `ids` for a table. One per holder, by position in `holders`.
  struct Ready {
    StateOp state;
    SmallVector<int64_t> holders;
    SmallVector<Value> grads, ids;
  };

  LogicalResult backward();
  void findReads();
  SmallVector<int64_t> holdersOf(StateOp state) const;
  FailureOr<std::optional<Ready>> gather(StateOp state);
  Value sumTerms(int64_t partition, StateOp state, const Share &share, ArrayRef<int64_t> holders,
                 int64_t id);
  LogicalResult exchange(Ready &ready, std::map<int64_t, Share> &shares);
  LogicalResult push(Ready &ready, std::map<int64_t, Share> &shares);
  SmallVector<Value> clipFactors(ArrayRef<Ready> ready);
  void remark(ArrayRef<Ready> ready);
  OpBuilder &at(int64_t partition) { return walks[partition]->builder; }
  FeatType typeOf(StateOp state, int64_t partition) const {
    return FeatType::get(DomainAttr::param(context), state.getShape())
        .withPlacement(PlacementAttr::owned(context, partition));
  }

  ModuleOp module;
  SymbolTable &symbols;
  MLIRContext *context;
  const DenseMap<int64_t, OptimizerOp> &optimizers;
  SmallVector<EntryOp> entries;
  SmallVector<std::unique_ptr<Backward>> walks;
  SmallVector<int64_t> everyone;
  DenseMap<StringAttr, SmallVector<std::pair<int64_t, Operation *>>> readsOf; ///< of each state, in order
  int64_t nextId = 0;
};

LogicalResult Partitions::backward() {
  // A merge carries a gradient wherever one of its terms depends on a state.
  std::set<int64_t> activeMerges;
  for (size_t before = size_t(-1); before != activeMerges.size();) {
    before = activeMerges.size();
    for (auto [walk, entry] : llvm::zip(walks, entries)) {
      walk->findActive(activeMerges);
      for (Operation &op : entry.getBody().front())
        if (auto merge = dyn_cast<Collective>(op)) {
          nextId = std::max(nextId, merge.getCollectiveId() + 1);
          if (walk->isActive(op.getOperand(0)))
            activeMerges.insert(merge.getCollectiveId());
        }
    }
  }
  // Leaders first: they say what they send back.
  Backward::Broadcasts broadcasts;
  bool any = false;
  for (bool withLoss : {true, false})
    for (auto &walk : walks) {
      Value loss = walk->loss();
      if (bool(loss) != withLoss)
        continue;
      any |= bool(loss);
      if (loss && !walk->isActive(loss))
        continue;
      if (failed(walk->run(loss, broadcasts, nextId)))
        return failure();
    }
  if (!any)
    return entries.front().emitError("no partition has an output \"loss\" to differentiate");
  return success();
}

SmallVector<int64_t> Partitions::holdersOf(StateOp state) const {
  if (auto holders = state.getPartitions())
    return SmallVector<int64_t>(*holders);
  return everyone;
}

/// The sum of the holders' terms; a holder without one joins with zeros.
Value Partitions::sumTerms(int64_t partition, StateOp state, const Share &share,
                           ArrayRef<int64_t> holders, int64_t id) {
  OpBuilder &builder = at(partition);
  Location loc = state.getLoc();
  Value term;
  if (share.terms.empty())
    term = ZerosOp::create(builder, loc, typeOf(state, partition), Value());
  else
    term = share.terms.size() == 1 ? share.terms.front()
                                   : Value(AddOp::create(builder, loc, share.terms));
  if (!placementOf(term.getType()).isPartial()) // sums over a split batch are terms already
    term = PartialOp::create(builder, loc, term, StringAttr(), partition, Merge::Sum,
                             DenseI64ArrayAttr());
  auto merge = MergeAllOp::create(builder, loc,
                                  withPlacement(term.getType(), PlacementAttr::replicated(context)),
                                  term, id, holders, Traffic::DenseGradients, 0);
  merge.setBytes(merge.getWireBytes());
  return merge.getResult();
}

/// Row gradients of all holders over the union of their rows.
LogicalResult Partitions::exchange(Ready &ready, std::map<int64_t, Share> &shares) {
  StateOp state = ready.state;
  int64_t id = nextId++;
  for (int64_t partition : ready.holders) {
    Share &share = shares[partition];
    if (!share.ids || !share.whole.empty() || share.terms.size() > 1)
      return state.emitOpError("is a table that partition ")
             << partition << " reads not exactly once below the merges; read its rows once";
    OpBuilder &builder = at(partition);
    Location loc = share.fetch->getLoc();
    Value rows =
        share.terms.empty()
            ? Value(ZerosOp::create(builder, loc, share.fetch->getResult(0).getType(), share.ids))
            : share.terms.front();
    PlacementAttr everywhere = PlacementAttr::replicated(context);
    auto made = ExchangeRowsOp::create(builder, loc, withPlacement(share.ids.getType(), everywhere),
                                       withPlacement(rows.getType(), everywhere), share.ids, rows,
                                       id, ready.holders, 0);
    made.setBytes(made.getWireBytes());
    ready.grads.push_back(made.getSums());
    ready.ids.push_back(made.getAllIds());
  }
  return success();
}

/// Row gradients of all partitions to the keepers of the rows.
LogicalResult Partitions::push(Ready &ready, std::map<int64_t, Share> &shares) {
  StateOp state = ready.state;
  int64_t id = nextId++;
  for (int64_t partition : ready.holders) {
    Share &share = shares[partition];
    auto fetch = dyn_cast_or_null<FetchRemoteRowsOp>(share.fetch);
    if (!fetch || share.fetches != 1 || share.terms.size() != 1 || !share.whole.empty())
      return state.emitOpError("is a spread table that partition ")
             << partition << " reads not exactly once by hgnn.fetch_remote_rows; read its rows once";
    Value rows = share.terms.front();
    auto made = PushRowsOp::create(at(partition), fetch.getLoc(),
                                   withPlacement(rows.getType(),
                                                 placementOf(fetch.getKept().getType())),
                                   rows, fetch.getIds(), fetch.getKept(), id, ready.holders, 0);
    made.setBytes(made.getWireBytes());
    ready.grads.push_back(made.getSums());
    ready.ids.push_back(fetch.getKept());
  }
  return success();
}

/// Reads of states, by partition and in program order.
void Partitions::findReads() {
  for (auto [p, entry] : llvm::enumerate(entries))
    for (Operation &op : entry.getBody().front())
      if (isa<ReadOp, FetchRowsOp, FetchRemoteRowsOp>(op))
        readsOf[op.getAttrOfType<FlatSymbolRefAttr>("state").getAttr()].emplace_back(int64_t(p),
                                                                                    &op);
}

FailureOr<std::optional<Partitions::Ready>> Partitions::gather(StateOp state) {
  std::map<int64_t, Share> shares;
  bool any = false, terms = false;
  for (auto [p, op] : readsOf.lookup(state.getSymNameAttr())) {
    Share &share = shares[p];
    if (!isa<ReadOp>(op)) {
      share.ids = op->getOperand(0);
      share.fetch = op;
      ++share.fetches;
    }
    auto &gradients = walks[p]->gradients;
    auto found = gradients.find(op);
    if (found == gradients.end())
      continue;
    any = true;
    bool term = !placementOf(found->second.getType()).isReplicated();
    terms |= term;
    (term ? share.terms : share.whole).push_back(found->second);
  }
  std::optional<Ready> none;
  if (!any)
    return none;
  Ready ready{state, holdersOf(state), {}, {}};
  if (state.getSpread())
    return failed(push(ready, shares)) ? FailureOr<std::optional<Ready>>(failure())
                                       : FailureOr<std::optional<Ready>>(ready);
  bool alone = ready.holders.size() == 1 && state.getPartitions();
  if (state.getRowsType() && !alone && terms)
    return failed(exchange(ready, shares)) ? FailureOr<std::optional<Ready>>(failure())
                                           : FailureOr<std::optional<Ready>>(ready);
  int64_t id = !alone && terms ? nextId++ : -1;
  for (int64_t partition : ready.holders) {
    Share &share = shares[partition];
    SmallVector<Value> parts;
    if (alone)
      parts = share.terms;
    else if (terms)
      parts.push_back(sumTerms(partition, state, share, ready.holders, id));
    parts.append(share.whole);
    if (parts.empty())
      return state.emitOpError("has no gradient in partition ")
                 << partition << ", which has a copy",
             failure();
    ready.grads.push_back(parts.size() == 1
                              ? parts.front()
                              : Value(AddOp::create(at(partition), state.getLoc(), parts)));
    if (state.getRowsType())
      ready.ids.push_back(share.ids);
  }
  return std::optional<Ready>(std::move(ready));
}

/// One factor from the norm of all dense gradients. The first holder of a state counts it, so the
/// sum over partitions counts each once; everyone gets the same bits.
SmallVector<Value> Partitions::clipFactors(ArrayRef<Ready> ready) {
  SmallVector<Value> factors(walks.size());
  OptimizerOp bound = StepBuilder(symbols, entries[0], at(0), optimizers).clipping();
  bool any = llvm::any_of(ready, [](const Ready &r) { return r.ids.empty(); });
  if (!bound || !any)
    return factors;
  int64_t id = nextId++;
  for (int64_t partition : everyone) {
    OpBuilder &builder = at(partition);
    Location loc = bound.getLoc();
    SmallVector<Value> squares;
    for (const Ready &r : ready) {
      if (!r.ids.empty() || r.holders.front() != partition)
        continue;
      Value square = SumSquaresOp::create(builder, loc, r.grads.front());
      if (placementOf(square.getType()).isReplicated())
        square = OwnOp::create(builder, loc, square, partition);
      squares.push_back(square);
    }
    auto one = FeatType::get(DomainAttr::param(context), {1});
    Value sum = squares.empty()
                    ? Value(ZerosOp::create(
                          builder, loc, one.withPlacement(PlacementAttr::owned(context, partition)),
                          Value()))
                : squares.size() == 1 ? squares.front()
                                      : Value(AddOp::create(builder, loc, squares));
    Value term = PartialOp::create(builder, loc, sum, StringAttr(), partition, Merge::Sum,
                                   DenseI64ArrayAttr());
    auto merge =
        MergeAllOp::create(builder, loc, one, term, id, everyone, Traffic::DenseGradients, 0);
    merge.setBytes(merge.getWireBytes());
    factors[partition] = ClipFactorOp::create(builder, loc, ValueRange(merge.getResult()),
                                              bound.getMaxGradNormAttr());
  }
  return factors;
}

FailureOr<int64_t> Partitions::run() {
  for (auto [p, entry] : llvm::enumerate(entries))
    if (entry.getPartition() != p)
      return entry.emitError("is partition ") << int64_t(entry.getPartition()) << ", expected " << p
                                              << ": they are numbered from 0 without gaps",
             failure();
  if (failed(backward()))
    return failure();
  findReads();
  SmallVector<Ready> ready;
  for (StateOp state : llvm::to_vector(module.getOps<StateOp>())) {
    auto gathered = gather(state);
    if (failed(gathered))
      return failure();
    if (*gathered)
      ready.push_back(std::move(**gathered));
  }
  for (const Ready &r : ready)
    for (auto [partition, grad] : llvm::zip(r.holders, r.grads))
      OutputOp::create(at(partition), grad.getLoc(),
                       ("grad:" + StateOp(r.state).getSymName()).str(), grad);
  SmallVector<Value> clip = clipFactors(ready);
  for (auto [p, entry] : llvm::enumerate(entries)) {
    StepBuilder steps(symbols, entry, at(int64_t(p)), optimizers);
    for (const Ready &r : ready)
      for (auto [i, partition] : llvm::enumerate(r.holders))
        if (partition == int64_t(p))
          steps.step(r.grads[i].getLoc(), r.state, r.grads[i], r.ids.empty() ? Value() : r.ids[i],
                     clip[p]);
  }
  remark(ready);
  return int64_t(ready.size());
}

/// What the gradients cost on the wire: a number for dense ones, one per row for tables.
void Partitions::remark(ArrayRef<Ready> ready) {
  int64_t dense = 0, collectives = 0;
  std::string tables;
  std::set<int64_t> seen; // the first partition does not take part in all
  for (EntryOp entry : entries)
    for (Operation &op : entry.getBody().front()) {
      auto collective = dyn_cast<Collective>(op);
      if (!collective || !seen.insert(collective.getCollectiveId()).second)
        continue;
      if (collective.getTrafficClass() == Traffic::DenseGradients) {
        dense += collective.getWireBytes();
        ++collectives;
      } else if (auto rows = dyn_cast<ExchangeRowsOp>(op)) {
        DomainAttr domain = cast<IdsType>(rows.getIds().getType()).getDomain();
        tables += (tables.empty() ? "" : ", ") + std::to_string(rows.getWireBytes()) +
                  " bytes a row of @" + domain.getSymbol().getValue().str() + " in each of " +
                  std::to_string(rows.getPartitions().size()) + " frontiers";
      } else if (auto push = dyn_cast<PushRowsOp>(op)) {
        DomainAttr domain = cast<IdsType>(push.getIds().getType()).getDomain();
        tables += (tables.empty() ? "" : ", ") + std::to_string(push.getWireBytes()) +
                  " bytes a row of @" + domain.getSymbol().getValue().str() +
                  " that another partition keeps";
      }
    }
  emitRemark(entries.front().getLoc())
      << "gradients of " << ready.size() << " states: dense_gradients " << dense
      << " bytes a step in " << collectives << " merges; embedding_rows "
      << (tables.empty() ? "none" : tables);
}

} // namespace

FailureOr<int64_t> differentiatePartitions(ModuleOp module, SymbolTable &symbols,
                                           ArrayRef<EntryOp> entries,
                                           const DenseMap<int64_t, OptimizerOp> &optimizers) {
  return Partitions(module, symbols, entries, optimizers).run();
}

} // namespace heddle::passes
