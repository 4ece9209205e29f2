//===- Entry.cpp - straight-line entries: metatree, training, kernels -----===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/interpreter/EntryRunner.h"

#include "compiler/interpreter/ComputeOps.h"

using namespace mlir;
using namespace heddle::hgnn;
using llvm::FailureOr;

namespace heddle::compiler {

template <class T> LogicalResult EntryRunner<T>::declareStates(int64_t partition) {
  for (StateOp state : ModuleOp(batch.module).getOps<StateOp>()) {
    auto keepers = state.getPartitions();
    if (partition >= 0 && keepers && !llvm::is_contained(*keepers, partition))
      continue;
    DictionaryAttr dictionary = state.getInit();
    Initializer init;
    auto kind = dictionary.getAs<StringAttr>("kind");
    auto symbol = kind ? symbolizeInitializer(kind.getValue()) : std::nullopt;
    if (!symbol)
      return state.emitError("init.kind must be zeros, constant, uniform or normal");
    init.kind = *symbol;
    if (auto a = dictionary.getAs<FloatAttr>("a"))
      init.a = a.getValueAsDouble();
    if (auto b = dictionary.getAs<FloatAttr>("b"))
      init.b = b.getValueAsDouble();
    int64_t rows = -1;
    if (auto type = state.getRowsType()) {
      FailureOr<int64_t> nodes = batch.numNodes(state, *type);
      if (failed(nodes))
        return failure();
      rows = *nodes;
    }
    if (failed(states.declare(state, state.getSymName().str(), rows, state.getShape().vec(), init)))
      return failure();
  }
  return success();
}

template <class T> LogicalResult EntryRunner<T>::frontier(FrontierOp op) {
  DomainAttr domain = cast<IdsType>(op.getIds().getType()).getDomain();
  SmallVector<std::shared_ptr<Adjacency>> samples;
  for (Value sample : op.getSamples())
    samples.push_back(std::get<std::shared_ptr<Adjacency>>(environment.lookup(sample)));
  const Ids *previous = op.getPrevious() ? &ids(op.getPrevious()) : nullptr;
  auto rows = batch.frontier(op, domain.getHop(), domain.getSymbol().getValue(), previous, samples);
  if (failed(rows))
    return failure();
  if (op.getLink())
    environment[op.getLink()] = Batch::link(*previous, **rows);
  environment[op.getIds()] = *rows;
  return success();
}

template <class T> LogicalResult EntryRunner<T>::fetchRows(FetchRowsOp op) {
  const Tensor<T> *table = states.initial(op, op.getState());
  if (!table)
    return failure();
  const Ids &rows = ids(op.getIds());
  auto result = Tensor<T>::make(rows.size(), table->shape);
  for (int64_t row = 0; row < rows.size(); ++row) {
    if (rows.ids[row] >= table->rows)
      return op.emitError("row ") << rows.ids[row] << " is outside the table";
    for (int64_t column = 0; column < table->width(); ++column)
      result.at(row, column) = table->at(rows.ids[row], column);
  }
  environment[op.getResult()] = std::move(result);
  return success();
}

template <class T> LogicalResult EntryRunner<T>::scalar(ScalarOp op) {
  auto result = Tensor<T>::param({1});
  if (op.getKind() == ScalarKind::InvLabelCount) {
    FailureOr<double> value = batch.invLabelCount(op);
    if (failed(value))
      return failure();
    result.data[0] = T(*value);
  } else {
    auto optimizer = optimizerOf(op, batch, int64_t(op.getGroup()));
    if (failed(optimizer))
      return failure();
    const auto &rates = batch.input.learningRates;
    double t = double(batch.input.step) + 1;
    if (op.getKind() == ScalarKind::LearningRate)
      result.data[0] = T(op.getGroup() < rates.size() ? rates[op.getGroup()]
                                                      : optimizer->getLr().convertToDouble());
    else
      result.data[0] = T(1 - std::pow((op.getKind() == ScalarKind::BiasCorrection1
                                           ? optimizer->getBeta1()
                                           : optimizer->getBeta2())
                                          .convertToDouble(),
                                      t));
  }
  environment[op.getResult()] = std::move(result);
  return success();
}

template <class T> LogicalResult EntryRunner<T>::launch(LaunchOp op) {
  auto kernel = SymbolTable::lookupNearestSymbolFrom<KernelOp>(op, op.getKernelAttr());
  if (!kernel)
    return op.emitError("there is no kernel ") << op.getKernelAttr();
  // Another runner, because the kernel's values are its own at every launch.
  EntryRunner inner(batch, states, outputs);
  for (auto [argument, operand] : llvm::zip(kernel.getBody().getArguments(), op.getInputs()))
    inner.environment[argument] = environment.lookup(operand);
  for (Operation &body : kernel.getBody().front()) {
    if (isa<OptimizerStepOp, RowOptimizerStepOp>(body)) {
      SmallVector<StringRef> names;
      for (auto name : op.getStates().template getAsRange<FlatSymbolRefAttr>())
        names.push_back(name.getValue());
      if (failed(optimizerStep<T>(&body, inner.operandsOf(&body), names, batch, states)))
        return failure();
    } else if (auto yield = dyn_cast<YieldOp>(body)) {
      for (auto [result, value] : llvm::zip(op.getResults(), yield.getValues()))
        environment[result] = inner.environment.lookup(value);
    } else if (failed(inner.run(&body))) {
      return failure();
    }
  }
  return success();
}

/// Rows of numbers that carry no derivative, as T.
template <class T> static Tensor<T> lift(const Tensor<double> &tensor) {
  Tensor<T> result;
  result.rows = tensor.rows;
  result.shape = tensor.shape;
  result.data.assign(tensor.data.begin(), tensor.data.end());
  return result;
}

template <class T> LogicalResult EntryRunner<T>::run(Operation *op) {
  if (isComputeOp(op))
    return set(op->getResult(0), compute<T>(op, operandsOf(op), context));
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .template Case<SeedsOp>([&](SeedsOp o) {
        DomainAttr domain = cast<IdsType>(o.getIds().getType()).getDomain();
        return set(o.getIds(), batch.seeds(o, domain.getSymbol().getValue()));
      })
      .template Case<SeedBlockOp>([&](SeedBlockOp o) {
        const Ids &all = ids(o.getSeeds());
        auto block = std::make_shared<Ids>(all);
        auto begins = batch.cutSeeds(o, all);
        if (failed(begins))
          return failure();
        const size_t k = size_t(o.getPartition());
        block->ids.assign(all.ids.begin() + (*begins)[k], all.ids.begin() + (*begins)[k + 1]);
        environment[o.getIds()] = std::shared_ptr<const Ids>(block);
        return success();
      })
      .template Case<SampleOp>([&](SampleOp o) {
        auto type = cast<AdjType>(o.getAdj().getType());
        auto adj = batch.sample(o, ids(o.getIds()), type.getRelation().getValue(),
                                int64_t(o.getFanout()), int64_t(o.getBlock()),
                                int64_t(o.getBlocks()));
        if (succeeded(adj))
          (*adj)->unique = type.getUnique();
        return set(o.getAdj(), adj);
      })
      .template Case<FrontierOp>([&](FrontierOp o) { return frontier(o); })
      .template Case<SourcesOp>([&](SourcesOp o) {
        auto adj = std::get<std::shared_ptr<Adjacency>>(environment.lookup(o.getAdj()));
        auto link = std::make_shared<Link>();
        link->position = adj->uniqueRow;
        link->numNext = ids(o.getIds()).size();
        environment[o.getLink()] = std::shared_ptr<const Link>(link);
        return success();
      })
      .template Case<FetchDenseOp>([&](FetchDenseOp o) -> LogicalResult {
        auto rows = batch.denseRows(o, ids(o.getIds()), o.getFeature());
        if (failed(rows))
          return failure();
        environment[o.getResult()] = lift<T>(*rows);
        return success();
      })
      .template Case<FetchEdgeOp>([&](FetchEdgeOp o) -> LogicalResult {
        auto adj = std::get<std::shared_ptr<Adjacency>>(environment.lookup(o.getAdj()));
        StringRef relation = cast<AdjType>(o.getAdj().getType()).getRelation().getValue();
        auto rows = batch.edgeRows(o, relation, adj->edgeId, o.getFeature());
        if (failed(rows))
          return failure();
        environment[o.getResult()] = lift<T>(*rows);
        return success();
      })
      .template Case<FetchSparseOp>([&](FetchSparseOp o) {
        return set(o.getResult(), batch.sparseRows(o, ids(o.getIds()), o.getFeature()));
      })
      .template Case<FetchLabelsOp>([&](FetchLabelsOp o) {
        return set(o.getResult(), batch.labels(o, ids(o.getIds()), o.getLabel()));
      })
      .template Case<FetchRowsOp>([&](FetchRowsOp o) { return fetchRows(o); })
      .template Case<ReadOp>([&](ReadOp o) -> LogicalResult {
        const Tensor<T> *state = states.initial(o, o.getState());
        if (!state)
          return failure();
        environment[o.getResult()] = *state;
        return success();
      })
      .template Case<ScalarOp>([&](ScalarOp o) { return scalar(o); })
      .template Case<LaunchOp>([&](LaunchOp o) { return launch(o); })
      .template Case<OutputOp>([&](OutputOp o) {
        outputs[o.getName().str()] = environment.lookup(o.getValue());
        return success();
      })
      .template Case<OptimizerStepOp, RowOptimizerStepOp>([&](auto o) {
        SmallVector<StringRef> names = {o.getState()};
        for (auto name : o.getMoments().template getAsRange<FlatSymbolRefAttr>())
          names.push_back(name.getValue());
        return optimizerStep<T>(o, operandsOf(o), names, batch, states);
      })
      .Default([](Operation *o) -> LogicalResult {
        return o->emitError("the interpreter does not know this op in an entry");
      });
}

template class EntryRunner<double>;
template class EntryRunner<Dual>;

template <class T>
LogicalResult runEntry(EntryOp entry, const Batch &batch, States<T> &states, Outputs<T> &outputs) {
  EntryRunner<T> runner(batch, states, outputs);
  if (failed(runner.declareStates()))
    return failure();
  for (Operation &op : entry.getBody().front())
    if (failed(runner.run(&op)))
      return failure();
  return success();
}

template LogicalResult runEntry(EntryOp, const Batch &, States<double> &, Outputs<double> &);
template LogicalResult runEntry(EntryOp, const Batch &, States<Dual> &, Outputs<Dual> &);

} // namespace heddle::compiler
