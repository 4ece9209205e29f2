//===- Programs.cpp - layer and input programs come to life ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "passes/Programs.h"

#include "compiler/EdgeFeatures.h"
#include "compiler/LayerSizes.h"
#include "compiler/Symbols.h"

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::compiler;

namespace heddle::passes {

/// Whether an op stands in the `message` of a layer.
static bool isInMessage(Operation *op) {
  auto layer = op->getParentOfType<LayerOp>();
  return layer && op->getParentRegion() == &layer.getMessage();
}

FailureOr<SmallVector<int64_t>> ProgramBuilder::sizesOf(Operation *op, ArrayRef<Attribute> sizes,
                                                        LayerOp layer, RelationOp relation) {
  SmallVector<int64_t> shape;
  for (Attribute size : sizes) {
    if (std::optional<StringRef> feature = edgeFeatureOfSize(size)) {
      if (!isInMessage(op))
        return op->emitError("shape names ") << size << ", the width of an edge feature, which is "
                                             << "a relation's; in `message` only";
      shape.push_back(widthOfEdgeFeature(relation, *feature));
      continue;
    }
    FailureOr<int64_t> value = evaluateSize(op, size, layer);
    if (failed(value))
      return failure();
    shape.push_back(*value);
  }
  return shape;
}

StateOp ProgramBuilder::declareState(Location loc, StringRef name, StateRole role,
                                     ArrayRef<int64_t> shape, FlatSymbolRefAttr rowsType,
                                     const Initializer &init, int64_t group) {
  // Before the first entry, in order of first use.
  auto module = cast<ModuleOp>(symbols.getOp());
  if (!place) // looked for once: there are as many states before it as relations
    if (auto entries = module.getOps<EntryOp>(); !entries.empty())
      place = *entries.begin();
  OpBuilder atModule = place ? OpBuilder(place) : OpBuilder::atBlockEnd(module.getBody());
  auto dictionary = atModule.getDictionaryAttr(
      {atModule.getNamedAttr("kind", atModule.getStringAttr(stringifyInitializer(init.kind))),
       atModule.getNamedAttr("a", atModule.getF64FloatAttr(init.a)),
       atModule.getNamedAttr("b", atModule.getF64FloatAttr(init.b))});
  auto state = StateOp::create(atModule, loc, name, role, shape, rowsType, dictionary,
                               FlatSymbolRefAttr(), group, DenseI64ArrayAttr());
  symbols.insert(state);
  return state;
}

FailureOr<Value> ProgramBuilder::readState(Location loc, const std::string &name,
                                           ArrayRef<int64_t> shape, StringRef init) {
  if (Value known = reads.lookup(name)) {
    if (cast<FeatType>(known.getType()).getShape() != shape)
      return emitError(loc) << "parameter '" << name << "' is used with two shapes";
    return known;
  }
  auto state = symbols.lookup<StateOp>(name);
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
      ReadOp::create(builder, loc, FeatType::get(DomainAttr::param(builder.getContext()), shape),
                     FlatSymbolRefAttr::get(builder.getContext(), name));
  reads[name] = value;
  return value;
}

std::string ProgramBuilder::hiddenName(int64_t layer, StringRef type) {
  return ("hidden." + Twine(layer) + "." + type).str();
}

Value ProgramBuilder::hiddenRows(LayerOp layer, Value ids) {
  DomainAttr domain = cast<IdsType>(ids.getType()).getDomain();
  std::string name = hiddenName(layer.getIndex(), compiler::unescapeName(domain.getSymbol().getValue()));
  Shape shape{int64_t(layer.getInSize())};
  if (!symbols.lookup<StateOp>(name))
    declareState(layer.getLoc(), name, StateRole::Hidden, shape, domain.getSymbol(), Initializer(),
                 -1);
  return FetchRowsOp::create(builder, layer.getLoc(), FeatType::get(domain, shape), ids,
                             FlatSymbolRefAttr::get(builder.getContext(), name));
}

FailureOr<Operation *> recreate(OpBuilder &builder, Operation *op, ArrayRef<Value> operands) {
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addAttributes(op->getAttrs());
  state.propertiesAttr = op->getPropertiesAsAttribute();
  auto inference = op->getName().getInterface<InferTypeOpInterface>();
  if (!inference)
    return op->emitError(
        "cannot stand in a layer program; hgnn-unroll makes it, or the front end. A "
        "layer has hgnn.param, hgnn.learnable and the ops of HgnnComputeOps.td");
  SmallVector<Type> types;
  if (failed(inference->inferReturnTypes(builder.getContext(), op->getLoc(), operands,
                                         op->getDiscardableAttrDictionary(),
                                         op->getPropertiesStorage(), {}, types)))
    return failure();
  state.addTypes(types);
  return builder.create(state);
}

/// The same op with the same attributes and operands is made once: rows of a source type are read
/// by the messages of all its relations.
FailureOr<Operation *> ProgramBuilder::createOnce(Operation *op, ArrayRef<Value> operands) {
  std::vector<const void *> values;
  for (Value operand : operands)
    values.push_back(operand.getAsOpaquePointer());
  Operation *&known = made[{op->getName().getAsOpaquePointer(),
                            op->getAttrDictionary().getAsOpaquePointer(), std::move(values)}];
  if (!known) {
    FailureOr<Operation *> created = recreate(builder, op, operands);
    if (failed(created))
      return failure();
    known = *created;
  }
  return known;
}

static bool isParamValue(Value value) {
  auto type = dyn_cast<FeatType>(value.getType());
  return type && type.getDomain().isParam();
}

/// An op of a message. What it makes of the source type's rows, of own rows and of params is the
/// same for all relations, unless one of the params is a relation's. A product of own rows is made
/// of all of them and then restricted, not once for each relation.
FailureOr<Operation *> ProgramBuilder::instantiateInMessage(Operation *op,
                                                            ArrayRef<Value> operands) {
  bool shared = llvm::none_of(operands, [&](Value v) { return ofRelation.contains(v); });
  bool ofParams = !operands.empty() && llvm::all_of(operands, isParamValue);
  if (isa<LinearOp, HeadLinearOp, AddBiasOp, RowDotOp>(op) && shared && !ofParams) {
    SmallVector<Value> whole(operands);
    RestrictOp restriction;
    bool restricted = true;
    for (Value &operand : whole) {
      if (isParamValue(operand))
        continue;
      auto own = operand.getDefiningOp<RestrictOp>();
      restricted &= own && (!restriction || own.getAdj() == restriction.getAdj());
      if (!restricted)
        break;
      restriction = own;
      operand = own.getInput();
    }
    if (restricted && restriction) {
      FailureOr<Operation *> all = createOnce(op, whole);
      if (failed(all))
        return failure();
      return RestrictOp::create(builder, op->getLoc(), (*all)->getResult(0), restriction.getAdj())
          .getOperation();
    }
  }
  bool ofSources = llvm::any_of(operands,
                                [](Value v) {
                                  auto type = dyn_cast<FeatType>(v.getType());
                                  return type && type.getDomain().isRows();
                                }) &&
                   llvm::none_of(operands, [](Value v) { return isa<AdjType>(v.getType()); });
  FailureOr<Operation *> created =
      ofSources && shared ? createOnce(op, operands) : recreate(builder, op, operands);
  if (succeeded(created) && ofParams && !shared)
    for (Value result : (*created)->getResults())
      ofRelation.insert(result);
  return created;
}

/// Whether `op` may stand in a layer's message or update (`layer`), or in an input program.
static LogicalResult checkPlace(Operation &op, bool layer, bool message) {
  if (isa<FeatureOp>(op) && layer)
    return op.emitError(
        "stands in input programs (hgnn.input) only; a layer gets rows that a spec's "
        "/inputs made of features");
  if (auto param = dyn_cast<ParamOp>(op);
      param && layer && !message &&
      (param.getScope() == Scope::Relation || param.getScope() == Scope::SourceType))
    return op.emitError("has scope ")
           << stringifyScope(param.getScope())
           << ", which only `message` has one of; here it is layer or destination_type";
  if (isa<BroadcastDstOp>(op) && message)
    return op.emitError(
        "stands in `update` and input programs, where rows have ids; move it there");
  if (auto dropout = dyn_cast<DropoutOp>(op); dropout && message)
    if (auto type = dyn_cast<FeatType>(dropout.getInput().getType());
        !type || type.getDomain().getKind() != DomainKind::Edge)
      return op.emitError("dropout stands in `update`, where rows have ids, or is of edge values; "
                          "move it there");
  return success();
}

/// A position among a destination's edges is exact below this.
static constexpr int64_t maxPosition = int64_t(1) << 24;

FailureOr<SmallVector<Value>> ProgramBuilder::instantiateAll(Region &region, IRMapping &mapping,
                                                             Value rowIds, const ParamOwner &owner,
                                                             LayerOp layer, bool message) {
  SmallVector<Value> params; // of the relation alone
  bool lacksFeature = false;
  RelationOp relation;
  if (message)
    relation = symbols.lookup<RelationOp>(
        cast<AdjType>(mapping.lookup(region.getArgument(0)).getType()).getRelation().getAttr());
  auto end = dyn_cast<YieldOp>(region.front().back());
  bool terms = message && end && yieldedTerms(end);
  bool self = layer && &region == &layer.getSelf();
  size_t wanted = self || (message && layer.getCombine() == Combine::Softmax && !terms) ? 2 : 1;
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
      if (lacksFeature)
        dropUnread(params);
      return values;
    }
    if (failed(checkPlace(op, bool(layer), message)))
      return failure();
    if (isa<FeatureOp, LearnableOp>(op) && !layer)
      if (auto type = dyn_cast<FeatType>(op.getResult(0).getType());
          type && llvm::any_of(type.getShape(), ShapedType::isDynamic))
        return op.emitError("needs a width, got ") << type;
    if (auto param = dyn_cast<ParamOp>(op)) {
      auto shape = shapeOf(param, layer, relation);
      if (failed(shape))
        return failure();
      std::string name = layer
                             ? paramName(layer.getIndex(), param.getName(), param.getScope(), owner)
                             : param.getName().str();
      auto value = readState(op.getLoc(), name, *shape, param.getInit());
      if (failed(value))
        return failure();
      if (layer && param.getScope() == Scope::Relation) {
        ofRelation.insert(*value);
        params.push_back(*value);
      }
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
    if (auto feature = dyn_cast<EdgeFeatureOp>(op)) {
      auto value = edgeRows(feature, mapping.lookup(region.getArgument(0)));
      if (failed(value))
        return failure();
      mapping.map(feature.getResult(), *value);
      lacksFeature |= value->getDefiningOp<EdgeConstantOp>() != nullptr;
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
      if (kind == EntryKind::Train && !dropout.getP().isZero()) {
        Value ids = rowIds;
        if (message)
          ids = EdgeIdsOp::create(builder, op.getLoc(), mapping.lookup(region.getArgument(0)));
        input = DropoutOp::create(builder, op.getLoc(), input, ids, dropout.getP(),
                                  dropout.getSite(), dropout.getHeads());
      }
      mapping.map(dropout.getResult(), input);
      continue;
    }
    SmallVector<Value> operands;
    for (Value operand : op.getOperands())
      operands.push_back(mapping.lookup(operand));
    if (isa<EdgePositionOp>(op) && failed(checkPositions(&op, operands.front())))
      return failure();
    if (message) {
      FailureOr<Value> folded = foldZeroEdges(&op, operands);
      if (failed(folded))
        return failure();
      if (*folded) {
        mapping.map(op.getResult(0), *folded);
        continue;
      }
    }
    auto created = message ? instantiateInMessage(&op, operands) : recreate(builder, &op, operands);
    if (failed(created))
      return failure();
    for (auto [from, to] : llvm::zip(op.getResults(), (*created)->getResults()))
      mapping.map(from, to);
  }
  return region.getParentOp()->emitError("has a region without hgnn.yield");
}

LogicalResult ProgramBuilder::checkPositions(Operation *op, Value adjacency) {
  auto adj = cast<AdjType>(adjacency.getType());
  auto sample = adjacency.getDefiningOp<SampleOp>();
  auto relation = symbols.lookup<RelationOp>(adj.getRelation().getAttr());
  int64_t fanout = sample ? int64_t(sample.getFanout()) : -1;
  int64_t degree = relation ? int64_t(relation.getMaxInDegree()) : 0;
  if (fanout >= 0)
    degree = std::min(degree, fanout);
  if (degree <= maxPosition)
    return success();
  return op->emitError("counts the edges of a destination, of which @")
         << adj.getRelation().getValue() << " has up to " << degree << "; positions are exact to "
         << maxPosition << ": give the relation a fan-out";
}

FailureOr<Value> ProgramBuilder::readTable(LearnableOp op, Value ids, const ParamOwner &owner,
                                           LayerOp layer) {
  DomainAttr domain = cast<IdsType>(ids.getType()).getDomain();
  std::string name = op.getName().str();
  SmallVector<int64_t> shape(cast<FeatType>(op.getType()).getShape()), initialized = shape;
  if (layer) {
    auto width = sizesOf(op, op.getWidthAttr(), layer, RelationOp());
    if (failed(width))
      return failure();
    shape = *width;
    // As the matrix that a one-hot row is multiplied with.
    NodeTypeOp type = model.typeOf.lookup(domain.getSymbol().getAttr());
    initialized = {int64_t(type.getNumNodes()), shape.front()};
    name = paramName(layer.getIndex(), name, *op.getScope(), owner);
  }
  StringAttr key = builder.getStringAttr(name);
  if (auto state = symbols.lookup<StateOp>(name)) {
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

/// The width of what `message` yields, for any relation: the program is inferred over generic
/// domains in a block of its own, with parameters of the right shapes, and thrown away.
FailureOr<int64_t> ProgramBuilder::messageWidth(LayerOp layer) {
  MLIRContext *context = builder.getContext();
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
      auto terms = yieldedTerms(cast<YieldOp>(op));
      size_t wanted = layer.getCombine() == Combine::Softmax && !terms ? 2 : 1;
      auto type =
          operands.size() == wanted ? dyn_cast<FeatType>(operands.front().getType()) : FeatType();
      if (!type || type.getDomain() != DomainAttr::generic(context, DomainKind::Dst))
        return layer.emitError("message must yield one tensor of rows of its destinations");
      return terms ? valueWidth(*terms, type.getWidth()) : type.getWidth();
    }
    if (failed(checkPlace(op, /*layer=*/true, /*message=*/true)))
      return failure();
    if (auto param = dyn_cast<ParamOp>(op)) {
      auto shape = shapeOf(param, layer, RelationOp());
      if (failed(shape))
        return failure();
      mapping.map(
          param.getResult(),
          block.addArgument(FeatType::get(DomainAttr::param(context), *shape), op.getLoc()));
      continue;
    }
    if (auto feature = dyn_cast<EdgeFeatureOp>(op)) {
      auto type = cast<FeatType>(feature.getResult().getType());
      int64_t width = ShapedType::isDynamic(type.getWidth()) ? 1 : type.getWidth();
      mapping.map(feature.getResult(), block.addArgument(type.withShape({width}), op.getLoc()));
      continue;
    }
    if (auto table = dyn_cast<LearnableOp>(op)) {
      auto width = sizesOf(table, table.getWidthAttr(), layer, RelationOp());
      if (failed(width))
        return failure();
      mapping.map(
          table.getResult(),
          block.addArgument(FeatType::get(DomainAttr::generic(context, DomainKind::Src), *width),
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

} // namespace heddle::passes
