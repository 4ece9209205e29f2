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

#include "compiler/ParamNames.h"
#include "compiler/Symbols.h"
#include "passes/ModelPhase.h"

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
         !layer.getUpdate().getArgument(1).use_empty();
}

/// Builds one entry.
class EntryBuilder {
public:
  EntryBuilder(ModuleOp module, const Model &model, EntryKind kind)
      : module(module), model(model), kind(kind), builder(module.getContext()) {}

  LogicalResult run();
  int64_t vertices = 0, links = 0;
  DenseSet<StringAttr> usedRelations;

private:
  using TypeMap = llvm::MapVector<StringAttr, Value>;

  int64_t depth() const { return model.layers.size(); }
  FlatSymbolRefAttr ref(StringAttr symbol) { return FlatSymbolRefAttr::get(symbol); }
  int64_t fanoutOf(const Relation &relation, int64_t hop);
  LogicalResult sampleAll();
  LogicalResult buildInputs(TypeMap &rows);
  LogicalResult buildLayer(LayerOp layer, const TypeMap &sources, TypeMap &destinations);
  FailureOr<Value> buildMessage(LayerOp layer, int64_t hop, const Relation &relation,
                                const TypeMap &sources, Value own, bool alone);
  FailureOr<int64_t> messageWidth(LayerOp layer);
  LogicalResult buildLoss(Value logits);
  Value buildCombine(LayerOp layer, ArrayRef<Value> into);
  /// Clones a region's ops with concrete operands; returns what it yields. `ids` are those of the rows
  /// that tables of nodes are read for: in `message`, of the sources.
  FailureOr<SmallVector<Value>> instantiateAll(Region &region, IRMapping &mapping, Value ids,
                                               const ParamOwner &owner, LayerOp layer,
                                               bool message);
  /// The same of a region that yields one value.
  FailureOr<Value> instantiate(Region &region, IRMapping &mapping, Value ids,
                               const ParamOwner &owner, LayerOp layer, bool message) {
    auto values = instantiateAll(region, mapping, ids, owner, layer, message);
    return failed(values) ? FailureOr<Value>(failure()) : FailureOr<Value>(values->front());
  }
  FailureOr<Value> readTable(LearnableOp op, Value ids, const ParamOwner &owner, LayerOp layer);
  FailureOr<Value> readState(Location loc, const std::string &name, ArrayRef<int64_t> shape,
                             StringRef init);
  StateOp declareState(Location loc, StringRef name, StateRole role, ArrayRef<int64_t> shape,
                       FlatSymbolRefAttr rowsType, const Initializer &init, int64_t group);
  FailureOr<SmallVector<int64_t>> sizesOf(Operation *op, ArrayRef<Attribute> sizes, LayerOp layer);
  FailureOr<SmallVector<int64_t>> shapeOf(ParamOp param, LayerOp layer) {
    return sizesOf(param, param.getShape().getValue(), layer);
  }

  ModuleOp module;
  const Model &model;
  EntryKind kind;
  OpBuilder builder;
  SmallVector<TypeMap> ids;                                  ///< [hop] type -> ids
  SmallVector<llvm::MapVector<StringAttr, Value>> adjacency; ///< [hop] relation -> adj
  SmallVector<TypeMap> selfLinks;                            ///< [hop] type -> link to hop + 1
  llvm::StringMap<Value> reads;
  llvm::DenseMap<std::pair<Value, StringAttr>, Value> tableReads; ///< by (ids, state)
};

int64_t EntryBuilder::fanoutOf(const Relation &relation, int64_t hop) {
  SamplingOp sampling = model.sampling;
  bool train = kind == EntryKind::Train;
  DictionaryAttr overrides = train ? sampling.getOverrides() : sampling.getEvalOverrides();
  if (auto own = overrides.getAs<DenseI64ArrayAttr>(relation.symbol.getAttr()))
    return own[hop];
  return (train ? sampling.getFanout() : sampling.getEvalFanout())[hop];
}

LogicalResult EntryBuilder::sampleAll() {
  Location loc = model.task->getLoc();
  MLIRContext *context = module.getContext();
  int64_t hops = depth();
  ids.resize(hops + 1);
  adjacency.resize(hops);
  selfLinks.resize(hops);
  FlatSymbolRefAttr target = TaskOp(model.task).getTargetAttr();
  ids[0][target.getAttr()] =
      SeedsOp::create(builder, loc, IdsType::get(context, DomainAttr::rows(0, target)));
  vertices = 1;
  for (int64_t hop = 0; hop < hops; ++hop) {
    LayerOp layer = model.layers[hops - 1 - hop];
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

FailureOr<SmallVector<int64_t>> EntryBuilder::sizesOf(Operation *op, ArrayRef<Attribute> sizes,
                                                      LayerOp layer) {
  SmallVector<int64_t> shape;
  for (Attribute size : sizes) {
    int64_t value = 0;
    if (auto number = dyn_cast<IntegerAttr>(size)) {
      value = number.getInt();
    } else if (auto text = dyn_cast<StringAttr>(size)) {
      value = 1;
      SmallVector<StringRef> factors;
      text.getValue().split(factors, '*');
      for (StringRef factor : factors) {
        int64_t number = 0;
        factor = factor.trim();
        if (layer && factor == "in")
          number = layer.getInSize();
        else if (layer && factor == "out")
          number = layer.getOutSize();
        else if (auto args =
                     layer ? layer->getAttrOfType<DictionaryAttr>("args") : DictionaryAttr();
                 args && args.getAs<IntegerAttr>(factor))
          number = args.getAs<IntegerAttr>(factor).getInt();
        else if (factor.getAsInteger(10, number))
          return op->emitError("shape names '")
                 << factor << "'; known are in, out, integers and the spec's model.args";
        value *= number;
      }
    }
    if (value < 1 || value > (int64_t(1) << 40))
      return op->emitError("shape must be sizes of at least 1, got ") << size;
    shape.push_back(value);
  }
  return shape;
}

StateOp EntryBuilder::declareState(Location loc, StringRef name, StateRole role,
                                   ArrayRef<int64_t> shape, FlatSymbolRefAttr rowsType,
                                   const Initializer &init, int64_t group) {
  OpBuilder atModule(module.getContext());
  // Before the first entry, in order of first use.
  auto entries = module.getOps<EntryOp>();
  if (entries.empty())
    atModule.setInsertionPointToEnd(module.getBody());
  else
    atModule.setInsertionPoint(*entries.begin());
  auto dictionary = atModule.getDictionaryAttr(
      {atModule.getNamedAttr("kind", atModule.getStringAttr(stringifyInitializer(init.kind))),
       atModule.getNamedAttr("a", atModule.getF64FloatAttr(init.a)),
       atModule.getNamedAttr("b", atModule.getF64FloatAttr(init.b))});
  return StateOp::create(atModule, loc, name, role, shape, rowsType, dictionary,
                         FlatSymbolRefAttr(), group, DenseI64ArrayAttr());
}

FailureOr<Value> EntryBuilder::readState(Location loc, const std::string &name,
                                         ArrayRef<int64_t> shape, StringRef init) {
  if (Value known = reads.lookup(name)) {
    if (cast<FeatType>(known.getType()).getShape() != shape)
      return emitError(loc) << "parameter '" << name << "' is used with two shapes";
    return known;
  }
  auto state = module.lookupSymbol<StateOp>(name);
  if (!state) {
    std::optional<Initializer> initializer = parseInitializer(init, shape);
    if (!initializer)
      return emitError(loc) << "unknown initialiser '" << init
                            << "'; known: zeros, ones, xavier_uniform, xavier_normal, "
                               "kaiming_uniform, uniform(a), normal(s)";
    declareState(loc, name, StateRole::Parameter, shape, FlatSymbolRefAttr(), *initializer, 0);
  } else if (state.getShape() != shape) {
    return emitError(loc) << "parameter '" << name << "' is used with two shapes";
  }
  // At the top of the entry, so that every use may share it.
  Value value =
      ReadOp::create(builder, loc, FeatType::get(DomainAttr::param(module.getContext()), shape),
                     FlatSymbolRefAttr::get(module.getContext(), name));
  reads[name] = value;
  return value;
}

/// Creates `op` anew with concrete operands; its result types are inferred again.
static FailureOr<Operation *> recreate(OpBuilder &builder, Operation *op,
                                       ArrayRef<Value> operands) {
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addAttributes(op->getAttrs());
  state.propertiesAttr = op->getPropertiesAsAttribute();
  auto inference = op->getName().getInterface<InferTypeOpInterface>();
  if (!inference)
    return op->emitError("cannot stand in a layer program");
  SmallVector<Type> types;
  if (failed(inference->inferReturnTypes(builder.getContext(), op->getLoc(), operands,
                                         op->getDiscardableAttrDictionary(),
                                         op->getPropertiesStorage(), {}, types)))
    return failure();
  state.addTypes(types);
  return builder.create(state);
}

/// Whether `op` may stand in a layer's message or update (`layer`), or in an input program.
static LogicalResult checkPlace(Operation &op, bool layer, bool message) {
  if (isa<FeatureOp>(op) && layer)
    return op.emitError("stands in input programs (hgnn.input) only");
  if (isa<BroadcastDstOp>(op) && message)
    return op.emitError(
        "stands in `update` and input programs, where rows have ids; move it there");
  if (isa<DropoutOp>(op) && message)
    return op.emitError("dropout stands in `update`, where rows have ids; move it there");
  return success();
}

FailureOr<SmallVector<Value>> EntryBuilder::instantiateAll(Region &region, IRMapping &mapping,
                                                           Value rowIds, const ParamOwner &owner,
                                                           LayerOp layer, bool message) {
  size_t wanted = message && layer.getCombine() == Combine::Softmax ? 2 : 1;
  for (Operation &op : region.front()) {
    for (Value operand : op.getOperands())
      if (!mapping.contains(operand))
        return op.emitError("uses a value from outside its program; write what makes it inside");
    if (auto yield = dyn_cast<YieldOp>(op)) {
      if (yield.getValues().size() != wanted ||
          !llvm::all_of(yield.getValues(), [](Value v) { return isa<FeatType>(v.getType()); }))
        return op.emitError("must yield ")
               << (wanted == 1 ? "one tensor of rows"
                               : "a value and its score, two tensors of rows");
      SmallVector<Value> values;
      for (Value value : yield.getValues())
        values.push_back(mapping.lookup(value));
      return values;
    }
    if (failed(checkPlace(op, bool(layer), message)))
      return failure();
    if (isa<FeatureOp, LearnableOp>(op) && !layer)
      if (auto type = dyn_cast<FeatType>(op.getResult(0).getType());
          type && llvm::any_of(type.getShape(), ShapedType::isDynamic))
        return op.emitError("needs a width, got ") << type;
    if (auto param = dyn_cast<ParamOp>(op)) {
      auto shape = shapeOf(param, layer);
      if (failed(shape))
        return failure();
      std::string name = layer
                             ? paramName(layer.getIndex(), param.getName(), param.getScope(), owner)
                             : param.getName().str();
      auto value = readState(op.getLoc(), name, *shape, param.getInit());
      if (failed(value))
        return failure();
      mapping.map(param.getResult(), *value);
      continue;
    }
    if (auto feature = dyn_cast<FeatureOp>(op)) {
      DomainAttr domain = cast<IdsType>(rowIds.getType()).getDomain();
      Value value;
      if (auto sparse = dyn_cast<SparseType>(feature.getResult().getType()))
        value = FetchSparseOp::create(
            builder, op.getLoc(), SparseType::get(builder.getContext(), domain, sparse.getDim()),
            rowIds, feature.getNameAttr());
      else
        value = FetchDenseOp::create(
            builder, op.getLoc(), cast<FeatType>(feature.getResult().getType()).withDomain(domain),
            rowIds, feature.getNameAttr());
      mapping.map(feature.getResult(), value);
      continue;
    }
    if (auto learnable = dyn_cast<LearnableOp>(op)) {
      auto value = readTable(learnable, rowIds, owner, layer);
      if (failed(value))
        return failure();
      mapping.map(learnable.getResult(), *value);
      continue;
    }
    if (auto constant = dyn_cast<BroadcastDstOp>(op)) {
      mapping.map(
          constant.getResult(),
          BroadcastRowsOp::create(builder, op.getLoc(), mapping.lookup(constant.getInput()), rowIds)
              .getResult());
      continue;
    }
    if (auto dropout = dyn_cast<DropoutOp>(op)) {
      Value input = mapping.lookup(dropout.getInput());
      if (kind == EntryKind::Train && !dropout.getP().isZero())
        input = DropoutOp::create(builder, op.getLoc(), input, rowIds, dropout.getPAttr(),
                                  dropout.getSiteAttr());
      mapping.map(dropout.getResult(), input);
      continue;
    }
    SmallVector<Value> operands;
    for (Value operand : op.getOperands())
      operands.push_back(mapping.lookup(operand));
    auto created = recreate(builder, &op, operands);
    if (failed(created))
      return failure();
    for (auto [from, to] : llvm::zip(op.getResults(), (*created)->getResults()))
      mapping.map(from, to);
  }
  return region.getParentOp()->emitError("has a region without hgnn.yield");
}

FailureOr<Value> EntryBuilder::readTable(LearnableOp op, Value ids, const ParamOwner &owner,
                                         LayerOp layer) {
  DomainAttr domain = cast<IdsType>(ids.getType()).getDomain();
  std::string name = op.getName().str();
  SmallVector<int64_t> shape(cast<FeatType>(op.getType()).getShape()), initialized = shape;
  if (layer) {
    auto width = sizesOf(op, op.getWidthAttr(), layer);
    if (failed(width))
      return failure();
    shape = *width;
    // As the matrix that a one-hot row is multiplied with.
    NodeTypeOp type = model.typeOf.lookup(domain.getSymbol().getAttr());
    initialized = {int64_t(type.getNumNodes()), shape.front()};
    name = paramName(layer.getIndex(), name, *op.getScope(), owner);
  }
  StringAttr key = builder.getStringAttr(name);
  if (auto state = module.lookupSymbol<StateOp>(name)) {
    if (state.getShape() != ArrayRef<int64_t>(shape) ||
        state.getRowsTypeAttr() != domain.getSymbol())
      return op.emitError("table '") << name << "' is used with two widths or for two node types";
  } else {
    std::optional<Initializer> init = parseInitializer(op.getInit(), initialized);
    if (!init)
      return op.emitError("unknown initialiser '") << op.getInit() << "'";
    declareState(op.getLoc(), name, StateRole::EmbeddingRows, shape, domain.getSymbol(), *init, 1);
  }
  Value &rows = tableReads[{ids, key}]; // a table of a source type is read for several relations
  if (!rows)
    rows = FetchRowsOp::create(builder, op.getLoc(), FeatType::get(domain, shape), ids,
                               FlatSymbolRefAttr::get(key));
  return rows;
}

LogicalResult EntryBuilder::buildInputs(TypeMap &rows) {
  LayerOp first = model.layers.front();
  if (first.getMessage().getArgument(1).use_empty() && !readsOwnRows(first))
    return success(); // its tables are all it reads
  int64_t inSize = first.getInSize();
  for (auto [type, rowIds] : ids[depth()]) {
    InputOp input = model.inputs.lookup(type);
    if (!input)
      return model.task->emitError("type ")
             << type << " is needed at hop " << depth() << " and has no hgnn.input program";
    IRMapping mapping;
    auto value = instantiate(input.getBody(), mapping, rowIds, {}, LayerOp(), false);
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
  int64_t hop = depth() - 1 - int64_t(layer.getIndex());
  Location loc = layer.getLoc();
  llvm::MapVector<StringAttr, SmallVector<Value>> messages;
  TypeMap ownRows;
  for (auto [type, rowIds] : ids[hop]) {
    if (Value link = selfLinks[hop].lookup(type))
      ownRows[type] = SelfGatherOp::create(builder, loc, sources.lookup(type), link);
    SmallVector<Value> &into = messages[type];
    bool alone = llvm::count_if(model.relations, [&](const Relation &relation) {
                   return relation.destination.getAttr() == type;
                 }) == 1;
    for (const Relation &relation : model.relations) {
      if (relation.destination.getAttr() != type)
        continue;
      auto value = buildMessage(layer, hop, relation, sources, ownRows.lookup(type), alone);
      if (failed(value))
        return failure();
      into.push_back(*value);
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
      auto width = messageWidth(layer);
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
    auto value = instantiate(region, mapping, rowIds, {{}, {}, typeName}, layer, false);
    if (failed(value))
      return failure();
    auto valueType = cast<FeatType>(value->getType());
    if (valueType.getWidth() != int64_t(layer.getOutSize()))
      return layer.emitError("update yields rows of width ")
             << valueType.getWidth() << ", out_size is " << layer.getOutSize();
    destinations[type] = *value;
  }
  return success();
}

/// What the merge of a layer's terms is called. A maximum needs its winners for gradients only.
static Merge mergeOf(Combine combine, EntryKind kind) {
  if (combine == Combine::Softmax)
    return Merge::Softmax;
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
  Merge merge = mergeOf(layer.getCombine(), kind);
  if (merge != Merge::Sum)
    return CombinedOp::create(builder, loc, merge, CombineOp::create(builder, loc, merge, into));
  Value combined = AddOp::create(builder, loc, into);
  if (layer.getCombine() == Combine::Mean)
    combined =
        ScaleOp::create(builder, loc, combined, builder.getF64FloatAttr(1.0 / double(into.size())));
  return combined;
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
  auto values = instantiateAll(region, mapping, ids[hop + 1].lookup(relation.source.getAttr()),
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
  Value value = values->front(), score;
  if (values->size() == 2) {
    score = values->back();
    if (cast<FeatType>(score.getType()).getWidth() != 1)
      return layer.emitError("message yields a score of ")
             << score.getType() << " for " << relation.symbol << "; a score has width 1";
  }
  Merge merge = alone ? Merge::Sum : mergeOf(layer.getCombine(), kind);
  if (merge != Merge::Sum)
    value = TermOp::create(builder, loc, merge, value, score,
                           merge == Merge::Argmax ? int64_t(op.getId()) : -1);
  return Value(ExpandOp::create(builder, loc, value, adj, merge));
}

/// The width of what `message` yields, for any relation: the program is inferred over generic
/// domains in a block of its own, with parameters of the right shapes, and thrown away.
FailureOr<int64_t> EntryBuilder::messageWidth(LayerOp layer) {
  MLIRContext *context = module.getContext();
  Location loc = layer.getLoc();
  Block block;
  OpBuilder scratch(context);
  scratch.setInsertionPointToEnd(&block);
  auto rows = [&](DomainKind kind) {
    return FeatType::get(DomainAttr::generic(context, kind), {int64_t(layer.getInSize())});
  };
  Region &region = layer.getMessage();
  IRMapping mapping;
  mapping.map(region.getArgument(0), block.addArgument(AdjType::generic(context), loc));
  mapping.map(region.getArgument(1), block.addArgument(rows(DomainKind::Src), loc));
  mapping.map(region.getArgument(2), block.addArgument(rows(DomainKind::Dst), loc));
  for (Operation &op : region.front()) {
    SmallVector<Value> operands;
    for (Value operand : op.getOperands()) {
      if (!mapping.contains(operand))
        return op.emitError("uses a value from outside its program; write what makes it inside");
      operands.push_back(mapping.lookup(operand));
    }
    if (isa<YieldOp>(op)) {
      size_t wanted = layer.getCombine() == Combine::Softmax ? 2 : 1;
      auto type =
          operands.size() == wanted ? dyn_cast<FeatType>(operands.front().getType()) : FeatType();
      if (!type || type.getDomain() != DomainAttr::generic(context, DomainKind::Dst))
        return layer.emitError("message must yield one tensor of rows of its destinations");
      return type.getWidth();
    }
    if (failed(checkPlace(op, /*layer=*/true, /*message=*/true)))
      return failure();
    if (auto param = dyn_cast<ParamOp>(op)) {
      auto shape = shapeOf(param, layer);
      if (failed(shape))
        return failure();
      mapping.map(
          param.getResult(),
          block.addArgument(FeatType::get(DomainAttr::param(context), *shape), op.getLoc()));
      continue;
    }
    if (auto table = dyn_cast<LearnableOp>(op)) {
      auto width = sizesOf(table, table.getWidthAttr(), layer);
      if (failed(width))
        return failure();
      mapping.map(table.getResult(),
                  block.addArgument(
                      FeatType::get(DomainAttr::generic(context, DomainKind::Src), *width),
                      op.getLoc()));
      continue;
    }
    auto created = recreate(scratch, &op, operands);
    if (failed(created))
      return failure();
    for (auto [from, to] : llvm::zip(op.getResults(), (*created)->getResults()))
      mapping.map(from, to);
  }
  return layer.emitError("has a region without hgnn.yield");
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
  if (failed(sampleAll()) || failed(buildInputs(rows)))
    return failure();
  for (LayerOp layer : model.layers) {
    TypeMap next;
    if (failed(buildLayer(layer, rows, next)))
      return failure();
    rows = std::move(next);
  }
  Value logits = rows.front().second;
  if (failed(buildLoss(logits)))
    return failure();
  OutputOp::create(builder, model.task->getLoc(), "logits", logits);
  OutputOp::create(builder, model.task->getLoc(), "ids", ids[0].front().second);
  return success();
}

struct UnrollPass : heddle::passes::impl::UnrollPassBase<UnrollPass> {
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
    for (EntryKind kind : {EntryKind::Train, EntryKind::Eval}) {
      EntryBuilder entry(module, *model, kind);
      if (failed(entry.run()))
        return signalPassFailure();
      if (kind == EntryKind::Train) {
        numVertices += entry.vertices;
        numLinks += entry.links;
        numPruned += model->relations.size() - entry.usedRelations.size();
      }
    }
    for (LayerOp layer : model->layers)
      layer.erase();
    for (auto input : llvm::make_early_inc_range(module.getOps<InputOp>()))
      input.erase();
  }
};

} // namespace
