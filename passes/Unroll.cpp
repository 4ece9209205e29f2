//===- Unroll.cpp - the layered DAG of one step ----------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Layer l of L has its destinations at hop L-1-l and its sources one hop further. Starting from the
// target type at hop 0, a type is needed at the next hop when a used relation into a needed type
// starts there, or when the layer reads its destinations' own rows. One vertex per (hop, type), one
// link per (hop, relation): a layered DAG, never a tree of paths.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "compiler/Symbols.h"
#include "passes/ModelPhase.h"
#include "passes/Programs.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"

namespace heddle::passes {
#define GEN_PASS_DEF_UNROLLPASS
#include "passes/Passes.h.inc"
} // namespace heddle::passes

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::compiler;
using namespace heddle::passes;

namespace {

bool readsOwnRows(LayerOp layer) {
  return !layer.getMessage().getArgument(2).use_empty() ||
         !layer.getUpdate().getArgument(1).use_empty() || !layer.getSelf().empty();
}

/// Builds one entry.
class EntryBuilder {
public:
  EntryBuilder(ModuleOp module, SymbolTable &symbols, const Model &model, EntryKind kind)
      : module(module), model(model), kind(kind), layers(model.layers),
        builder(module.getContext()), programs(symbols, model, kind, builder) {}

  LogicalResult run();
  /// One layer, or with null the input program, for rows of a type.
  LogicalResult runInference(LayerOp layer, FlatSymbolRefAttr type);
  /// The types that need rows at `hop`, after run().
  SmallVector<FlatSymbolRefAttr> typesAt(int64_t hop) const {
    SmallVector<FlatSymbolRefAttr> types;
    for (auto [symbol, rows] : ids[hop])
      types.push_back(FlatSymbolRefAttr::get(symbol));
    return types;
  }
  int64_t vertices = 0, links = 0;
  DenseSet<StringAttr> usedRelations;

private:
  using TypeMap = llvm::MapVector<StringAttr, Value>;

  int64_t depth() const { return int64_t(layers.size()); }
  /// Where the rows are that a layer makes.
  int64_t hopOf(LayerOp layer) const {
    return depth() - 1 - (int64_t(layer.getIndex()) - int64_t(LayerOp(layers.front()).getIndex()));
  }
  FlatSymbolRefAttr ref(StringAttr symbol) { return FlatSymbolRefAttr::get(symbol); }
  int64_t fanoutOf(const Relation &relation, int64_t hop);
  LogicalResult sampleAll(FlatSymbolRefAttr root);
  void output(Location loc, Value rows);
  LogicalResult buildInputs(TypeMap &rows);
  LogicalResult buildLayer(LayerOp layer, const TypeMap &sources, TypeMap &destinations);
  FailureOr<Value> buildMessage(LayerOp layer, int64_t hop, const Relation &relation,
                                const TypeMap &sources, Value own, bool alone);
  FailureOr<Value> buildSelf(LayerOp layer, StringAttr type, Value own, Value rowIds, Value other);
  LogicalResult buildLoss(Value logits);
  Value buildCombine(LayerOp layer, ArrayRef<Value> into);

  ModuleOp module;
  const Model &model;
  EntryKind kind;
  ArrayRef<LayerOp> layers; ///< of this entry
  OpBuilder builder;
  ProgramBuilder programs;
  SmallVector<TypeMap> ids;                                  ///< [hop] type -> ids
  SmallVector<llvm::MapVector<StringAttr, Value>> adjacency; ///< [hop] relation -> adj
  SmallVector<TypeMap> selfLinks;                            ///< [hop] type -> link to hop + 1
};

int64_t EntryBuilder::fanoutOf(const Relation &relation, int64_t hop) {
  if (kind == EntryKind::Infer)
    return -1;
  SamplingOp sampling = model.sampling;
  bool train = kind == EntryKind::Train;
  DictionaryAttr overrides = train ? sampling.getOverrides() : sampling.getEvalOverrides();
  if (auto own = overrides.getAs<DenseI64ArrayAttr>(relation.symbol.getAttr()))
    return own[hop];
  return (train ? sampling.getFanout() : sampling.getEvalFanout())[hop];
}

LogicalResult EntryBuilder::sampleAll(FlatSymbolRefAttr root) {
  Location loc = model.task->getLoc();
  MLIRContext *context = module.getContext();
  int64_t hops = depth();
  ids.resize(hops + 1);
  adjacency.resize(hops);
  selfLinks.resize(hops);
  ids[0][root.getAttr()] =
      SeedsOp::create(builder, loc, IdsType::get(context, DomainAttr::rows(0, root)));
  vertices = 1;
  for (int64_t hop = 0; hop < hops; ++hop) {
    LayerOp layer = layers[hops - 1 - hop];
    for (const Relation &relation : model.relations) {
      auto destination = ids[hop].find(relation.destination.getAttr());
      if (destination == ids[hop].end())
        continue;
      auto type =
          AdjType::get(context, hop, relation.symbol, relation.source, relation.destination);
      adjacency[hop][relation.symbol.getAttr()] =
          SampleOp::create(builder, loc, type, destination->second,
                           builder.getI64IntegerAttr(fanoutOf(relation, hop)));
      usedRelations.insert(relation.symbol.getAttr());
      ++links;
    }
    bool self = readsOwnRows(layer);
    for (NodeTypeOp type : model.types) {
      StringAttr symbol = type.getSymNameAttr();
      SmallVector<Value> samples;
      for (const Relation &relation : model.relations)
        if (relation.source.getAttr() == symbol)
          if (Value adj = adjacency[hop].lookup(relation.symbol.getAttr()))
            samples.push_back(adj);
      Value previous = self ? ids[hop].lookup(symbol) : Value();
      if (samples.empty() && !previous)
        continue;
      Type idsType = IdsType::get(context, DomainAttr::rows(hop + 1, ref(symbol)));
      Type linkType = previous ? Type(LinkType::get(context, hop, ref(symbol))) : Type();
      auto frontier = FrontierOp::create(builder, loc, idsType, linkType, previous, samples);
      ids[hop + 1][symbol] = frontier.getIds();
      if (previous)
        selfLinks[hop][symbol] = frontier.getLink();
      ++vertices;
    }
  }
  return success();
}

/// Whether the layer reads anything but its tables.
bool readsRows(LayerOp layer) {
  return !layer.getMessage().getArgument(1).use_empty() || readsOwnRows(layer);
}

LogicalResult EntryBuilder::buildInputs(TypeMap &rows) {
  LayerOp first = model.layers.front();
  if (!readsRows(first))
    return success();
  int64_t inSize = first.getInSize();
  for (auto [type, rowIds] : ids[depth()]) {
    InputOp input = model.inputs.lookup(type);
    if (!input)
      return model.task->emitError("type ")
             << type << " is needed at hop " << depth() << " and has no hgnn.input program";
    IRMapping mapping;
    auto value = programs.instantiate(input.getBody(), mapping, rowIds, {}, LayerOp(), false);
    if (failed(value))
      return failure();
    auto shape = cast<FeatType>(value->getType());
    if (shape.getWidth() != inSize)
      return input.emitError("gives rows of width ")
             << shape.getWidth() << ", the first layer takes " << inSize;
    rows[type] = *value;
  }
  return success();
}

LogicalResult EntryBuilder::buildLayer(LayerOp layer, const TypeMap &sources,
                                       TypeMap &destinations) {
  int64_t hop = hopOf(layer);
  Location loc = layer.getLoc();
  llvm::MapVector<StringAttr, SmallVector<Value>> messages;
  TypeMap ownRows;
  for (auto [type, rowIds] : ids[hop]) {
    if (Value link = selfLinks[hop].lookup(type))
      ownRows[type] = SelfGatherOp::create(builder, loc, sources.lookup(type), link);
    SmallVector<Value> &into = messages[type];
    bool alone = llvm::count_if(model.relations,
                                [&](const Relation &relation) {
                                  return relation.destination.getAttr() == type;
                                }) == 1 &&
                 layer.getSelf().empty();
    for (const Relation &relation : model.relations) {
      if (relation.destination.getAttr() != type)
        continue;
      auto value = buildMessage(layer, hop, relation, sources, ownRows.lookup(type), alone);
      if (failed(value))
        return failure();
      into.push_back(*value);
    }
    if (!layer.getSelf().empty()) {
      auto self = buildSelf(layer, type, ownRows.lookup(type), rowIds,
                            into.empty() ? Value() : into.front());
      if (failed(self))
        return failure();
      into.push_back(*self);
    }
  }
  for (auto [type, rowIds] : ids[hop]) {
    ArrayRef<Value> into = messages[type];
    Region &region = layer.getUpdate();
    IRMapping mapping;
    Value combined;
    if (!into.empty())
      combined = buildCombine(layer, into);
    else if (!region.getArgument(0).use_empty()) {
      // A type that no relation ends at combines zeros as wide as a message would be.
      auto width = programs.messageWidth(layer);
      if (failed(width))
        return failure();
      combined = ZerosOp::create(builder, loc,
                                 FeatType::get(DomainAttr::rows(hop, ref(type)), {*width}), rowIds);
    }
    if (combined)
      mapping.map(region.getArgument(0), combined);
    if (Value own = ownRows.lookup(type))
      mapping.map(region.getArgument(1), own);
    mapping.map(region.getArgument(2), rowIds);
    std::string typeName = unescapeName(type.getValue());
    auto value = programs.instantiate(region, mapping, rowIds, {{}, {}, typeName}, layer, false);
    if (failed(value))
      return failure();
    auto valueType = cast<FeatType>(value->getType());
    if (valueType.getWidth() != int64_t(layer.getOutSize()))
      return layer.emitError("update yields rows of width ")
             << valueType.getWidth() << ", out_size is " << layer.getOutSize()
             << "; end with a product whose weight has \"out\" columns";
    destinations[type] = *value;
  }
  return success();
}

/// What the merge of a layer's terms is called; a softmax has a head for each score. A maximum
/// needs its winners for gradients only.
static MergeRule mergeOf(Combine combine, EntryKind kind, int64_t heads) {
  if (combine == Combine::Softmax)
    return {Merge::Softmax, heads};
  if (combine != Combine::Max)
    return Merge::Sum;
  return kind == EntryKind::Train ? Merge::Argmax : Merge::Max;
}

/// The combined rows of what the relations into a type yield: one value each, of `softmax` or `max`
/// over several of them one term. The maximum over one relation is its value, and the softmax too.
Value EntryBuilder::buildCombine(LayerOp layer, ArrayRef<Value> into) {
  Location loc = layer.getLoc();
  if (into.size() == 1)
    return into.front();
  // Each is what buildMessage gave.
  auto expand = into.front().getDefiningOp<ExpandOp>();
  MergeRule merge = expand ? expand.getMerge() : MergeRule();
  if (merge.kind != Merge::Sum)
    return CombinedOp::create(builder, loc, merge, CombineOp::create(builder, loc, merge, into));
  Value combined = AddOp::create(builder, loc, into);
  if (layer.getCombine() == Combine::Mean)
    combined =
        ScaleOp::create(builder, loc, combined, builder.getF64FloatAttr(1.0 / double(into.size())));
  return combined;
}

/// Erases what made rows of one relation's destinations that nothing reads, from `op` backwards.
static void eraseUnused(Operation *op) {
  while (op) {
    Operation *before = op->getPrevNode();
    auto type =
        op->getNumResults() == 1 ? dyn_cast<FeatType>(op->getResult(0).getType()) : FeatType();
    if (type && type.getDomain().isActive() && op->use_empty())
      op->erase();
    op = before;
  }
}

/// The rows of one relation, `alone` into its type or not: what it yields, or its term of a merge.
FailureOr<Value> EntryBuilder::buildMessage(LayerOp layer, int64_t hop, const Relation &relation,
                                            const TypeMap &sources, Value own, bool alone) {
  Location loc = layer.getLoc();
  Value adj = adjacency[hop].lookup(relation.symbol.getAttr());
  Region &region = layer.getMessage();
  IRMapping mapping;
  mapping.map(region.getArgument(0), adj);
  if (Value rows = sources.lookup(relation.source.getAttr()))
    mapping.map(region.getArgument(1), rows);
  if (!region.getArgument(2).use_empty())
    mapping.map(region.getArgument(2), RestrictOp::create(builder, loc, own, adj).getResult());
  std::string sourceName = unescapeName(relation.source.getValue());
  std::string destinationName = unescapeName(relation.destination.getValue());
  RelationOp op = relation.op;
  auto values =
      programs.instantiateAll(region, mapping, ids[hop + 1].lookup(relation.source.getAttr()),
                              {sourceName, op.getName(), destinationName}, layer,
                              /*message=*/true);
  if (failed(values))
    return failure();
  for (Value value : *values) {
    auto type = dyn_cast<FeatType>(value.getType());
    if (!type || type.getDomain() != DomainAttr::active(hop, relation.symbol))
      return layer.emitError("message yields ") << value.getType() << " for " << relation.symbol
                                                << "; it must yield rows of its destinations";
  }
  if (Value own = mapping.lookupOrNull(region.getArgument(2)); own && own.use_empty())
    own.getDefiningOp()->erase(); // read as a whole by what all relations share
  Value value = values->front();
  if (auto terms = yieldedTerms(cast<YieldOp>(region.front().back()))) {
    if (alone)
      value = CombinedOp::create(builder, loc, *terms, value);
    return Value(ExpandOp::create(builder, loc, value, adj, alone ? MergeRule() : *terms));
  }
  Value score;
  int64_t heads = 1;
  if (values->size() == 2) {
    score = values->back();
    heads = cast<FeatType>(score.getType()).getWidth();
    if (int64_t width = cast<FeatType>(value.getType()).getWidth(); width % heads != 0)
      return layer.emitError("message yields a score of ")
             << score.getType() << " for " << relation.symbol
             << "; a score has width 1, or one number for each head of a value of " << width;
  }
  MergeRule merge = alone ? MergeRule() : mergeOf(layer.getCombine(), kind, heads);
  if (merge.kind != Merge::Sum)
    value = TermOp::create(builder, loc, merge, value, score,
                           merge == Merge::Argmax ? int64_t(op.getId()) : -1);
  Value expanded = ExpandOp::create(builder, loc, value, adj, merge);
  if (alone && score) // which would still couple the batch
    eraseUnused(expanded.getDefiningOp()->getPrevNode());
  return expanded;
}

/// The identity link's part of a softmax: its term, or beside no relation its value. `other`: a
/// relation's term, or null.
FailureOr<Value> EntryBuilder::buildSelf(LayerOp layer, StringAttr type, Value own, Value rowIds,
                                         Value other) {
  Region &region = layer.getSelf();
  IRMapping mapping;
  mapping.map(region.getArgument(0), own);
  mapping.map(region.getArgument(1), rowIds);
  std::string name = unescapeName(type.getValue());
  auto values = programs.instantiateAll(region, mapping, rowIds, {{}, {}, name}, layer, false);
  if (failed(values))
    return failure();
  Value value = values->front(), score = values->back();
  auto yield = cast<YieldOp>(region.front().back());
  for (Value part : *values)
    if (cast<FeatType>(part.getType()).getDomain() != cast<IdsType>(rowIds.getType()).getDomain())
      return yield.emitError("yields ")
             << part.getType() << "; `self` must yield rows of " << FlatSymbolRefAttr::get(type);
  int64_t width = cast<FeatType>(value.getType()).getWidth();
  int64_t heads = cast<FeatType>(score.getType()).getWidth();
  MergeRule merge(Merge::Softmax, heads);
  if (width % heads)
    return yield.emitError("yields a score of ")
           << score.getType() << "; a score has width 1, or one number for each head of a value of "
           << width;
  if (!other)
    return value;
  if (MergeRule wanted = other.getDefiningOp<ExpandOp>().getMerge();
      wanted != merge || cast<FeatType>(other.getType()).getWidth() != width + 2 * heads)
    return yield.emitError("yields ")
           << heads << " scores for a value of " << width << "; `message` makes terms of "
           << spelled(wanted) << " of width " << other.getType()
           << ", and both must have the same heads and width";
  return Value(TermOp::create(builder, layer.getLoc(), merge, value, score, -1));
}

LogicalResult EntryBuilder::buildLoss(Value logits) {
  TaskOp task = model.task;
  Location loc = task.getLoc();
  Value seeds = ids[0].front().second;
  DomainAttr domain = cast<IdsType>(seeds.getType()).getDomain();
  Value labels = FetchLabelsOp::create(
      builder, loc,
      LabelsType::get(builder.getContext(), domain, task.getNumClasses(), task.getMultilabel()),
      seeds, task.getLabelAttr());
  Value rowLoss;
  if (task.getLoss() == "binary_cross_entropy")
    rowLoss = SigmoidXentOp::create(builder, loc, logits, labels, task.getClassWeightsAttr());
  else if (task.getLoss() == "cross_entropy")
    rowLoss = SoftmaxXentOp::create(builder, loc, logits, labels, task.getClassWeightsAttr());
  else
    return task.emitError("unknown loss '")
           << task.getLoss() << "'; known: cross_entropy, binary_cross_entropy";
  Value sum = ColSumOp::create(builder, loc, rowLoss, seeds);
  Value inverse =
      ScalarOp::create(builder, loc, FeatType::get(DomainAttr::param(builder.getContext()), {1}),
                       ScalarKind::InvLabelCount);
  Value loss = MulOp::create(builder, loc, sum, inverse);
  OutputOp::create(builder, loc, "loss", loss);
  return success();
}

LogicalResult EntryBuilder::run() {
  OpBuilder atModule(module.getContext());
  atModule.setInsertionPointToEnd(module.getBody());
  bool train = kind == EntryKind::Train;
  auto entry =
      EntryOp::create(atModule, model.task->getLoc(), train ? "train_step" : "eval_step", kind);
  builder.setInsertionPointToStart(&entry.getBody().emplaceBlock());
  TypeMap rows;
  if (failed(sampleAll(TaskOp(model.task).getTargetAttr())) || failed(buildInputs(rows)))
    return failure();
  for (LayerOp layer : layers) {
    TypeMap next;
    if (failed(buildLayer(layer, rows, next)))
      return failure();
    rows = std::move(next);
  }
  Value logits = rows.front().second;
  if (failed(buildLoss(logits)))
    return failure();
  output(model.task->getLoc(), logits);
  return success();
}

void EntryBuilder::output(Location loc, Value rows) {
  OutputOp::create(builder, loc, "logits", rows);
  OutputOp::create(builder, loc, "ids", ids[0].front().second);
}

LogicalResult EntryBuilder::runInference(LayerOp layer, FlatSymbolRefAttr type) {
  OpBuilder atModule(module.getContext());
  atModule.setInsertionPointToEnd(module.getBody());
  int64_t index = layer ? int64_t(layer.getIndex()) : -1;
  Location loc = layer ? layer.getLoc() : model.inputs.lookup(type.getAttr()).getLoc();
  auto entry = EntryOp::create(atModule, loc, ("infer_layer:" + Twine(index) + ":" + type.getValue()).str(),
                               kind, /*partition=*/-1, index);
  builder.setInsertionPointToStart(&entry.getBody().emplaceBlock());
  layers = ArrayRef<LayerOp>(layer); // none, or that one
  if (!layer)
    layers = {};
  TypeMap rows, made;
  if (failed(sampleAll(type)))
    return failure();
  if (!layer) {
    if (failed(buildInputs(made)))
      return failure();
  } else {
    if (readsRows(layer))
      for (auto [source, rowIds] : ids[1])
        rows[source] = programs.hiddenRows(layer, rowIds);
    if (failed(buildLayer(layer, rows, made)))
      return failure();
  }
  output(loc, made.front().second);
  return success();
}

/// Whether rows of the batch depend on each other, so that a layer is no function of one destination.
bool couplesBatch(LayerOp layer) {
  return layer.walk([](BatchReduceOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

/// The entries of layer-wise inference: for each layer, the types that a step needs its rows of.
LogicalResult buildInference(ModuleOp module, SymbolTable &symbols, const Model &model,
                             const EntryBuilder &step) {
  int64_t depth = model.layers.size();
  if (readsRows(model.layers.front()))
    for (FlatSymbolRefAttr type : step.typesAt(depth))
      if (failed(EntryBuilder(module, symbols, model, EntryKind::Infer)
                     .runInference(LayerOp(), type)))
        return failure();
  for (LayerOp layer : model.layers)
    for (FlatSymbolRefAttr type : step.typesAt(depth - 1 - int64_t(layer.getIndex())))
      if (failed(
              EntryBuilder(module, symbols, model, EntryKind::Infer).runInference(layer, type)))
        return failure();
  return success();
}

struct UnrollPass : heddle::passes::impl::UnrollPassBase<UnrollPass> {
  using UnrollPassBase::UnrollPassBase;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<Model> model = readModel(module);
    if (failed(model))
      return signalPassFailure();
    int64_t hops = model->layers.size();
    SamplingOp sampling = model->sampling;
    for (auto [name, fanout] :
         {std::pair<StringRef, ArrayRef<int64_t>>("fanout", sampling.getFanout()),
          {"eval_fanout", sampling.getEvalFanout()}})
      if (int64_t(fanout.size()) != hops) {
        sampling.emitError(name) << " has " << fanout.size() << " hops, the model has " << hops
                                 << " layers";
        return signalPassFailure();
      }
    for (DictionaryAttr overrides : {sampling.getOverrides(), sampling.getEvalOverrides()})
      for (NamedAttribute entry : overrides) {
        auto fanout = dyn_cast<DenseI64ArrayAttr>(entry.getValue());
        if (!fanout || int64_t(fanout.size()) != hops) {
          sampling.emitError("override of ") << entry.getName() << " needs " << hops << " fan-outs";
          return signalPassFailure();
        }
      }
    SymbolTable symbols(module);
    for (EntryKind kind : {EntryKind::Train, EntryKind::Eval}) {
      EntryBuilder entry(module, symbols, *model, kind);
      if (failed(entry.run()))
        return signalPassFailure();
      if (kind == EntryKind::Train) {
        numVertices += entry.vertices;
        numLinks += entry.links;
        numPruned += model->relations.size() - entry.usedRelations.size();
      } else if (infer && llvm::none_of(model->layers, couplesBatch) &&
                 failed(buildInference(module, symbols, *model, entry))) {
        return signalPassFailure();
      }
    }
    for (LayerOp layer : model->layers)
      layer.erase();
    for (auto input : llvm::make_early_inc_range(module.getOps<InputOp>()))
      input.erase();
  }
};

} // namespace
