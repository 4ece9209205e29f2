//===- Model.cpp - the model phase: layers over the sampled graph ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/EdgeFeatures.h"
#include "compiler/LayerSizes.h"
#include "compiler/Symbols.h"
#include "compiler/interpreter/ComputeOps.h"
#include "compiler/interpreter/Losses.h"
#include "compiler/interpreter/Programs.h"

#include <algorithm>
#include <limits>

using namespace mlir;
using namespace heddle::hgnn;
using llvm::FailureOr;

namespace heddle::compiler {

namespace {

/// For whom a region runs.
struct Site {
  LayerOp layer;        ///< null in an input program
  RelationOp relation;  ///< null in an update or input program
  StringRef type;       ///< the destination type, or the type of the input program
  bool dry = false;     ///< zeros for parameters: only the widths of the results matter
};

template <class T> class ModelRunner {
public:
  ModelRunner(const Batch &batch, bool train, States<T> &states, Outputs<T> &outputs)
      : batch(batch), train(train), states(states), outputs(outputs) {}

  LogicalResult run();

private:
  using Result = FailureOr<Tensor<T>>;
  struct Hop {
    std::map<std::string, std::shared_ptr<const Ids>> ids;          ///< by node type
    std::map<std::string, std::shared_ptr<const Link>> links;       ///< to the next hop
    std::map<Operation *, std::shared_ptr<Adjacency>> adjacencies;  ///< by relation
  };

  LogicalResult readSchema();
  FailureOr<int64_t> fanoutOf(RelationOp relation, int64_t hop);
  LogicalResult sample();
  Result layer(LayerOp layer, const std::string &type, int64_t hop,
               const std::map<std::string, Tensor<T>> &inputs);
  /// What `message` yields for destinations without edges of any relation: its width matters.
  Result emptyMessage(LayerOp layer, int64_t rows);
  LogicalResult finish(const Tensor<T> &logits);

  /// Runs a region to its yield; what it yields.
  FailureOr<std::vector<Tensor<T>>> runAll(Region &region, ArrayRef<RuntimeValue<T>> arguments,
                                           const Site &site, ComputeContext context);
  /// The same of a region of which one value is needed, the first.
  Result runRegion(Region &region, ArrayRef<RuntimeValue<T>> arguments, const Site &site,
                   ComputeContext context) {
    auto values = runAll(region, arguments, site, context);
    return failed(values) ? Result(failure()) : Result(std::move(values->front()));
  }
  Result parameter(ParamOp op, const Site &site);
  /// `ids`: of the sources in a message program, else of the program's own rows.
  Result learnable(LearnableOp op, const Site &site, std::shared_ptr<const Ids> ids);
  FailureOr<RuntimeValue<T>> feature(FeatureOp op, const Ids &ids);
  /// `edges`: of the relation, in its canonical order.
  Result edgeFeature(EdgeFeatureOp op, const Site &site, const Ids &edges);

  static bool usesOwnRows(LayerOp layer) {
    return !layer.getMessage().getArgument(2).use_empty() ||
           !layer.getUpdate().getArgument(1).use_empty() || !layer.getSelf().empty();
  }
  ComputeContext newContext() const {
    ComputeContext context;
    context.seed = batch.input.seed;
    context.step = batch.input.step;
    context.dropout = train;
    return context;
  }

  const Batch &batch;
  bool train;
  States<T> &states;
  Outputs<T> &outputs;
  TaskOp task;
  SamplingOp sampling;
  std::vector<LayerOp> layers;       // by index
  std::vector<RelationOp> relations; // by canonical id
  std::vector<Hop> hops;             // 0 = seeds
};

template <class Op> static Op onlyOp(ModuleOp module) {
  auto ops = module.getOps<Op>();
  return ops.empty() || std::next(ops.begin()) != ops.end() ? Op() : *ops.begin();
}

template <class T> LogicalResult ModelRunner<T>::readSchema() {
  ModuleOp module = batch.module;
  task = onlyOp<TaskOp>(module);
  sampling = onlyOp<SamplingOp>(module);
  if (!task || !sampling)
    return module.emitError("a model needs exactly one hgnn.task and one hgnn.sampling");
  for (LayerOp layer : module.getOps<LayerOp>())
    layers.push_back(layer);
  for (RelationOp relation : module.getOps<RelationOp>())
    if (!relation.getExcluded())
      relations.push_back(relation);
  llvm::sort(layers, [](LayerOp a, LayerOp b) { return a.getIndex() < b.getIndex(); });
  llvm::sort(relations, [](RelationOp a, RelationOp b) { return a.getId() < b.getId(); });
  for (size_t i = 0; i < layers.size(); ++i)
    if (layers[i].getIndex() != i)
      return layers[i].emitError("layers must be numbered from 0 without gaps");
  return success();
}

/// The fan-out of a relation at a hop; overrides replace the whole list of a relation.
template <class T>
FailureOr<int64_t> ModelRunner<T>::fanoutOf(RelationOp relation, int64_t hop) {
  ArrayRef<int64_t> list = train ? sampling.getFanout() : sampling.getEvalFanout();
  DictionaryAttr overrides = train ? sampling.getOverrides() : sampling.getEvalOverrides();
  if (auto own = overrides.getAs<DenseI64ArrayAttr>(relation.getSymName()))
    list = own.asArrayRef();
  if (hop >= int64_t(list.size()))
    return sampling.emitError("has no fan-out for hop ") << hop;
  return list[hop];
}

/// Fills `hops`: the layered DAG from the seeds outwards.
template <class T> LogicalResult ModelRunner<T>::sample() {
  int64_t depth = int64_t(layers.size());
  hops.resize(depth + 1);
  auto seeds = batch.seeds(task, task.getTarget());
  if (failed(seeds))
    return failure();
  hops[0].ids[task.getTarget().str()] = *seeds;
  for (int64_t h = 0; h < depth; ++h) {
    Hop &hop = hops[h], &next = hops[h + 1];
    std::map<std::string, SmallVector<std::shared_ptr<Adjacency>>> samplesOf; // by source type
    for (RelationOp relation : relations) {
      auto destination = hop.ids.find(relation.getDestination().str());
      if (destination == hop.ids.end())
        continue;
      FailureOr<int64_t> fanout = fanoutOf(relation, h);
      if (failed(fanout))
        return failure();
      auto adjacency =
          batch.sample(relation, *destination->second, relation.getSymName(), *fanout);
      if (failed(adjacency))
        return failure();
      hop.adjacencies[relation] = *adjacency;
      samplesOf[relation.getSource().str()].push_back(*adjacency);
    }
    bool own = usesOwnRows(layers[depth - 1 - h]);
    if (own)
      for (const auto &[type, ids] : hop.ids)
        samplesOf[type]; // needed, if only for its own rows
    for (const auto &[type, samples] : samplesOf) {
      auto previous = own && hop.ids.count(type) ? hop.ids[type] : nullptr;
      auto ids = batch.frontier(task, h + 1, type, previous.get(), samples);
      if (failed(ids))
        return failure();
      next.ids[type] = *ids;
      if (previous)
        hop.links[type] = Batch::link(*previous, **ids);
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

template <class T>
FailureOr<std::vector<Tensor<T>>> ModelRunner<T>::runAll(Region &region,
                                                         ArrayRef<RuntimeValue<T>> arguments,
                                                         const Site &site, ComputeContext context) {
  Environment<T> environment;
  for (auto [argument, value] : llvm::zip(region.getArguments(), arguments))
    environment[argument] = value;
  for (Operation &op : region.front()) {
    if (auto yield = dyn_cast<YieldOp>(op)) {
      if (yield.getValues().empty())
        return yield.emitError("must yield a value");
      std::vector<Tensor<T>> values;
      for (Value value : yield.getValues())
        values.push_back(std::get<Tensor<T>>(environment.lookup(value)));
      return values;
    }
    SmallVector<RuntimeValue<T>> operands;
    for (Value operand : op.getOperands())
      operands.push_back(environment.lookup(operand));
    FailureOr<RuntimeValue<T>> result = failure();
    auto keep = [&](Result tensor) {
      if (succeeded(tensor))
        result = RuntimeValue<T>(std::move(*tensor));
    };
    if (auto param = dyn_cast<ParamOp>(op)) {
      keep(parameter(param, site));
    } else if (isComputeOp(&op)) {
      result = compute<T>(&op, operands, context);
    } else if (auto ofEdges = dyn_cast<EdgeFeatureOp>(op)) {
      keep(edgeFeature(ofEdges, site, context.edge ? *context.edge : Ids()));
    } else if (auto table = dyn_cast<LearnableOp>(op)) {
      keep(learnable(table, site, site.relation ? context.source : context.destination));
    } else if (!context.destination || site.layer) {
      return op.emitError("the interpreter does not know this op in a layer");
    } else if (auto input = dyn_cast<FeatureOp>(op)) {
      result = feature(input, *context.destination);
    } else if (isa<BroadcastDstOp>(op)) {
      const auto &vector = std::get<Tensor<T>>(operands[0]);
      auto rows = Tensor<T>::make(context.destination->size(), vector.shape);
      for (size_t i = 0; i < rows.data.size(); ++i)
        rows.data[i] = vector.data[i % vector.data.size()];
      result = RuntimeValue<T>(std::move(rows));
    } else {
      return op.emitError("the interpreter does not know this op in an input program");
    }
    if (failed(result))
      return failure();
    environment[op.getResult(0)] = std::move(*result);
  }
  return region.getParentOp()->emitError("a region does not yield");
}

/// A size of a program; "edge.NAME" is the width of a feature of the site's relation.
static FailureOr<int64_t> sizeAt(Operation *op, Attribute size, const Site &site) {
  if (auto feature = edgeFeatureOfSize(size))
    return widthOfEdgeFeature(site.relation, *feature);
  return evaluateSize(op, size, site.layer);
}

/// The full name of a state that a program names.
static FailureOr<std::string> stateName(Operation *op, StringRef name, Scope scope,
                                        const Site &site) {
  LayerOp layer = site.layer;
  if (!layer)
    return name.str();
  if ((scope == Scope::Relation || scope == Scope::SourceType) && !site.relation)
    return op->emitError("scope ") << stringifyScope(scope) << " is for message programs";
  RelationOp relation = site.relation;
  std::string source = relation ? unescapeName(relation.getSource()) : std::string();
  std::string destination = unescapeName(site.type);
  ParamOwner owner{source, relation ? relation.getName() : StringRef(), destination};
  return paramName(int64_t(layer.getIndex()), name, scope, owner);
}

template <class T> FailureOr<Tensor<T>> ModelRunner<T>::parameter(ParamOp op, const Site &site) {
  std::vector<int64_t> shape;
  for (Attribute attr : op.getShape()) {
    FailureOr<int64_t> size = sizeAt(op, attr, site);
    if (failed(size))
      return failure();
    shape.push_back(*size);
  }
  if (site.dry)
    return Tensor<T>::param(shape);
  FailureOr<std::string> name = stateName(op, op.getName(), op.getScope(), site);
  if (failed(name))
    return failure();
  std::optional<Initializer> init = parseInitializer(op.getInit(), shape);
  if (!init)
    return op.emitError("does not know the initialiser ") << op.getInitAttr();
  if (failed(states.declare(op, *name, -1, shape, *init)))
    return failure();
  return *states.initial(op, *name);
}

template <class T>
FailureOr<Tensor<T>> ModelRunner<T>::learnable(LearnableOp op, const Site &site,
                                               std::shared_ptr<const Ids> ids) {
  std::vector<int64_t> shape = cast<FeatType>(op.getType()).getShape().vec();
  std::string name = op.getName().str();
  if (site.layer) {
    FailureOr<int64_t> width = sizeAt(op, op.getWidthAttr(), site);
    if (failed(width))
      return failure();
    shape = {*width};
  }
  if (site.dry)
    return Tensor<T>::make(0, shape);
  if (llvm::any_of(shape, ShapedType::isDynamic))
    return op.emitError("needs a width");
  RelationOp relation = site.relation;
  FailureOr<int64_t> nodes = batch.numNodes(op, relation ? relation.getSource() : site.type);
  if (failed(nodes))
    return failure();
  std::vector<int64_t> initialized = shape;
  if (site.layer) {
    FailureOr<std::string> full = stateName(op, name, *op.getScope(), site);
    if (failed(full))
      return failure();
    name = *full;
    initialized = {*nodes, shape[0]}; // as the matrix that a one-hot row is multiplied with
  }
  std::optional<Initializer> init = parseInitializer(op.getInit(), initialized);
  if (!init)
    return op.emitError("does not know the initialiser ") << op.getInitAttr();
  if (failed(states.declare(op, name, *nodes, shape, *init)))
    return failure();
  const Tensor<T> &table = *states.initial(op, name);
  auto result = Tensor<T>::make(ids->size(), shape);
  for (int64_t row = 0; row < ids->size(); ++row)
    for (int64_t column = 0; column < table.width(); ++column)
      result.at(row, column) = table.at(ids->ids[row], column);
  return result;
}

template <class T>
FailureOr<RuntimeValue<T>> ModelRunner<T>::feature(FeatureOp op, const Ids &ids) {
  if (isa<SparseType>(op.getType())) {
    auto rows = batch.sparseRows(op, ids, op.getName());
    if (failed(rows))
      return failure();
    return RuntimeValue<T>(*rows);
  }
  auto rows = batch.denseRows(op, ids, op.getName());
  if (failed(rows))
    return failure();
  auto result = Tensor<T>::make(rows->rows, rows->shape);
  result.data.assign(rows->data.begin(), rows->data.end());
  return RuntimeValue<T>(std::move(result));
}

template <class T>
FailureOr<Tensor<T>> ModelRunner<T>::edgeFeature(EdgeFeatureOp op, const Site &site,
                                                 const Ids &edges) {
  auto type = cast<FeatType>(op.getResult().getType());
  int64_t width = ShapedType::isDynamic(type.getWidth()) ? 1 : type.getWidth();
  if (site.dry)
    return Tensor<T>::make(0, {width});
  auto feature = edgeFeatureOf(op, site.relation);
  if (failed(feature))
    return failure();
  if (!*feature) {
    auto same = Tensor<T>::make(edges.size(), {width});
    std::fill(same.data.begin(), same.data.end(), T(op.getDefaultValue()->convertToDouble()));
    return same;
  }
  RelationOp relation = site.relation;
  auto rows = batch.edgeRows(op, relation.getSymName(), edges.ids, op.getName());
  if (failed(rows))
    return failure();
  auto result = Tensor<T>::make(rows->rows, rows->shape);
  result.data.assign(rows->data.begin(), rows->data.end());
  return result;
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

/// rows(input[at[i]]) for each i.
template <class T>
static Tensor<T> pickRows(const Tensor<T> &input, ArrayRef<int64_t> at) {
  auto result = Tensor<T>::make(int64_t(at.size()), input.shape);
  for (size_t row = 0; row < at.size(); ++row)
    for (int64_t column = 0; column < input.width(); ++column)
      result.at(int64_t(row), column) = input.at(at[row], column);
  return result;
}

/// What `message` yielded for one relation: rows of its active destinations, and their scores. Or
/// what `self` yielded, of all rows.
template <class T> struct Messages {
  const Adjacency *adjacency; ///< null of `self`
  std::vector<Tensor<T>> yielded;
  bool terms = false; ///< of a softmax over its edges: sums, largest scores, sums of weights

  int64_t heads(int64_t width) const {
    return terms ? (yielded[0].width() - width) / 2 : yielded[1].width();
  }
  /// Of row i and a head: the score, or the largest of the edges; and what it weighs there.
  T score(int64_t i, int64_t head, int64_t width) const {
    return terms ? yielded[0].at(i, width + head) : yielded[1].at(i, head);
  }
  T weight(int64_t i, int64_t head, int64_t width) const {
    return terms ? yielded[0].at(i, width + heads(width) + head) : T(1);
  }
};

/// One row of a softmax of `width` numbers over what is there, head by head.
template <class T>
static void softmaxOver(const std::vector<std::pair<const Messages<T> *, int64_t>> &present,
                        int64_t width, T *out) {
  const double none = -std::numeric_limits<double>::infinity();
  int64_t heads = present.empty() ? 1 : present[0].first->heads(width), size = width / heads;
  for (int64_t head = 0; head < heads; ++head) {
    T largest(none), sum(0);
    for (auto [message, i] : present)
      if (valueOf(message->score(i, head, width)) > valueOf(largest))
        largest = message->score(i, head, width);
    auto takesPart = [&](const Messages<T> *message, int64_t i) {
      return valueOf(message->score(i, head, width)) != none;
    };
    for (auto [message, i] : present)
      if (takesPart(message, i))
        sum += exp(message->score(i, head, width) - largest) * message->weight(i, head, width);
    for (auto [message, i] : present)
      for (int64_t j = head * size; takesPart(message, i) && j < (head + 1) * size; ++j)
        out[j] +=
            exp(message->score(i, head, width) - largest) / sum * message->yielded[0].at(i, j);
  }
}

/// The cross-relation combine, row by row and number by number over all relations at once: the
/// words of hgnn.layer, and nothing of merges. `combined`: zeros of the right size; relations are
/// in canonical order.
template <class T>
static Tensor<T> combine(Combine how, Tensor<T> combined,
                         const std::vector<Messages<T>> &messages) {
  // For each row, the relations with an edge there and their rows of the message.
  std::vector<std::vector<std::pair<const Messages<T> *, int64_t>>> present(combined.rows);
  for (const Messages<T> &message : messages)
    for (int64_t i = 0, n = message.adjacency ? message.adjacency->numActive() : combined.rows;
         i < n; ++i)
      present[message.adjacency ? message.adjacency->activeRow[i] : i].push_back({&message, i});
  const double none = -std::numeric_limits<double>::infinity();
  for (int64_t row = 0; row < combined.rows; ++row) {
    if (how == Combine::Softmax) {
      softmaxOver(present[row], combined.width(), &combined.at(row, 0));
      continue;
    }
    for (int64_t column = 0; column < combined.width(); ++column) {
      T &out = combined.at(row, column);
      bool any = false;
      for (auto [message, i] : present[row]) {
        const T &x = message->yielded[0].at(i, column);
        if (how == Combine::Max) {
          if (valueOf(x) != none && (!any || valueOf(x) > valueOf(out)))
            out = x;
          any |= valueOf(x) != none;
        } else {
          out += x;
        }
      }
      if (how == Combine::Mean && !messages.empty())
        out = out / T(double(messages.size()));
    }
  }
  return combined;
}

template <class T> FailureOr<Tensor<T>> ModelRunner<T>::emptyMessage(LayerOp layer, int64_t rows) {
  auto adjacency = std::make_shared<Adjacency>();
  adjacency->numSources = 0;
  auto none = Tensor<T>::make(0, {int64_t(layer.getInSize())});
  Site site{layer, RelationOp(), StringRef(), /*dry=*/true};
  ComputeContext context = newContext();
  context.dropout = false;
  Result message = runRegion(layer.getMessage(), {adjacency, none, none}, site, context);
  if (failed(message))
    return failure();
  if (auto terms = yieldedTerms(cast<YieldOp>(layer.getMessage().front().back())))
    return Tensor<T>::make(rows, {valueWidth(*terms, message->width())});
  return Tensor<T>::make(rows, message->shape);
}

template <class T>
FailureOr<Tensor<T>> ModelRunner<T>::layer(LayerOp layer, const std::string &type, int64_t h,
                                           const std::map<std::string, Tensor<T>> &inputs) {
  Hop &hop = hops[h];
  const Ids &ids = *hop.ids[type];
  // Where the layer does not use them there is no link, and the argument has no reader.
  Tensor<T> own;
  if (usesOwnRows(layer))
    own = pickRows(inputs.at(type), ArrayRef<int64_t>(hop.links[type]->position));

  Result none = emptyMessage(layer, ids.size());
  if (failed(none))
    return failure();
  std::vector<Messages<T>> messages;
  for (RelationOp relation : relations) {
    if (relation.getDestination() != type)
      continue;
    const std::shared_ptr<Adjacency> &adjacency = hop.adjacencies[relation];
    std::string source = relation.getSource().str();
    ComputeContext context = newContext();
    context.source = hops[h + 1].ids[source];
    auto active = std::make_shared<Ids>(), edges = std::make_shared<Ids>();
    active->hop = edges->hop = h;
    for (int64_t row : adjacency->activeRow)
      active->ids.push_back(ids.ids[row]);
    edges->ids = adjacency->edgeId;
    context.destination = active;
    context.edge = edges;
    Tensor<T> ownActive;
    if (usesOwnRows(layer))
      ownActive = pickRows(own, ArrayRef<int64_t>(adjacency->activeRow));
    auto sources = inputs.find(source); // none where no layer reads them
    auto message = runAll(
        layer.getMessage(),
        {adjacency, sources == inputs.end() ? Tensor<T>() : sources->second, ownActive},
        Site{layer, relation, type}, context);
    if (failed(message))
      return failure();
    bool terms = bool(yieldedTerms(cast<YieldOp>(layer.getMessage().front().back())));
    messages.push_back({adjacency.get(), std::move(*message), terms});
  }
  ComputeContext context = newContext();
  context.destination = hop.ids[type];
  if (!layer.getSelf().empty()) {
    auto self =
        runAll(layer.getSelf(), {own, hop.ids[type]}, Site{layer, RelationOp(), type}, context);
    if (failed(self))
      return failure();
    messages.push_back({nullptr, std::move(*self)});
  }
  Tensor<T> combined = combine(layer.getCombine(), std::move(*none), messages);
  return runRegion(layer.getUpdate(), {combined, own, hop.ids[type]},
                   Site{layer, RelationOp(), type}, context);
}

/// The loss of the seeds' logits, as the task says.
template <class T> LogicalResult ModelRunner<T>::finish(const Tensor<T> &logits) {
  const auto &ids = hops[0].ids[task.getTarget().str()];
  auto labels = batch.labels(task, *ids, task.getLabel());
  auto scale = batch.invLabelCount(task);
  if (failed(labels) || failed(scale))
    return failure();
  if (logits.width() != task.getNumClasses())
    return task.emitError("has ") << task.getNumClasses() << " classes, the last layer yields rows of "
                                  << logits.width();
  bool multilabel = task.getMultilabel();
  if (task.getLoss() != (multilabel ? "binary_cross_entropy" : "cross_entropy"))
    return task.emitError("loss \"") << task.getLoss() << "\" does not fit the kind of label";
  Result rows = rowLosses<T>(task, logits, *labels, task.getClassWeights());
  if (failed(rows))
    return failure();
  auto loss = Tensor<T>::param({1});
  for (const T &x : rows->data)
    loss.data[0] += x;
  loss.data[0] *= T(*scale);
  outputs["loss"] = loss;
  outputs["logits"] = logits;
  outputs["ids"] = ids;
  return success();
}

template <class T> LogicalResult ModelRunner<T>::run() {
  if (failed(readSchema()) || failed(sample()))
    return failure();
  int64_t depth = int64_t(layers.size());
  std::map<std::string, Tensor<T>> rows;
  bool readsInputs = !layers[0].getMessage().getArgument(1).use_empty() || usesOwnRows(layers[0]);
  for (const auto &[type, ids] : hops[depth].ids) {
    if (!readsInputs)
      break;
    InputOp program;
    for (InputOp input : ModuleOp(batch.module).template getOps<InputOp>())
      if (input.getType() == type)
        program = input;
    if (!program)
      return task.emitError("node type @") << type << " has no hgnn.input";
    ComputeContext context = newContext();
    context.destination = ids;
    Result input = runRegion(program.getBody(), {}, Site{LayerOp(), RelationOp(), type}, context);
    if (failed(input))
      return failure();
    rows[type] = std::move(*input);
  }
  for (int64_t l = 0; l < depth; ++l) {
    std::map<std::string, Tensor<T>> next;
    for (const auto &[type, ids] : hops[depth - 1 - l].ids) {
      Result result = layer(layers[l], type, depth - 1 - l, rows);
      if (failed(result))
        return failure();
      next[type] = std::move(*result);
    }
    rows = std::move(next);
  }
  return finish(rows[task.getTarget().str()]);
}

} // namespace

template <class T>
LogicalResult runModel(const Batch &batch, bool train, States<T> &states, Outputs<T> &outputs) {
  return ModelRunner<T>(batch, train, states, outputs).run();
}

template LogicalResult runModel(const Batch &, bool, States<double> &, Outputs<double> &);
template LogicalResult runModel(const Batch &, bool, States<Dual> &, Outputs<Dual> &);

} // namespace heddle::compiler
