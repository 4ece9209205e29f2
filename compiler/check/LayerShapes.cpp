//===- LayerShapes.cpp - the values of layer programs, in words ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/check/LayerShapes.h"

#include "compiler/EdgeFeatures.h"
#include "compiler/LayerSizes.h"
#include "compiler/Symbols.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"

#include <map>
#include <set>

using namespace mlir;
using namespace heddle::hgnn;
using llvm::FailureOr;

namespace heddle::compiler {
namespace {

std::string sizes(ArrayRef<int64_t> shape) {
  std::string text;
  for (int64_t size : shape)
    text += (text.empty() ? "" : " x ") +
            (ShapedType::isDynamic(size) ? "the relation's" : std::to_string(size));
  return text;
}

/// "destinations x 64", or of a parameter "64 x 64".
std::string inWords(Type type) {
  if (isa<IdsType>(type))
    return "ids";
  auto tensor = dyn_cast<FeatType>(type);
  if (!tensor)
    return "edges of the relation";
  StringRef rows;
  switch (tensor.getDomain().getKind()) {
  case DomainKind::Src:
    rows = "sources x ";
    break;
  case DomainKind::Dst:
    rows = "destinations x ";
    break;
  case DomainKind::Edge:
    rows = "edges x ";
    break;
  default:
    break;
  }
  return rows.str() + sizes(tensor.getShape());
}

std::string lineOf(Operation &op) {
  auto file = op.getLoc()->findInstanceOf<FileLineColLoc>();
  return file && file.getLine() ? std::to_string(file.getLine()) : "";
}

/// What an op is, with what distinguishes it from others of its name.
std::string nameOf(Operation &op) {
  std::string text = op.getName().stripDialect().str();
  if (auto param = dyn_cast<ParamOp>(op))
    return "param " + param.getName().str() + ", of each " +
           StringRef(stringifyScope(param.getScope())).str();
  if (auto table = dyn_cast<LearnableOp>(op))
    return "learnable " + table.getName().str();
  if (auto unary = dyn_cast<UnaryOp>(op))
    return text + " " + stringifyUnaryFn(unary.getFn()).str();
  if (auto merge = op.getAttrOfType<MergeAttr>("merge"); merge && merge.getKind() != Merge::Sum)
    text += " of " + spelled(merge.getValue());
  if (auto dot = dyn_cast<RowDotOp>(op); dot && dot.getHeads() > 1)
    text += " of " + std::to_string(dot.getHeads()) + " heads";
  return text;
}

/// Infers a region's types anew over rows of the layer's widths, in a block of its own.
class RegionWriter {
public:
  RegionWriter(LayerOp layer, llvm::raw_ostream &os) : layer(layer), os(os) {}

  LogicalResult write(Region &region, StringRef name, const std::string &runsFor,
                      int64_t combined) {
    os << "  " << name << ", " << runsFor << "\n";
    MLIRContext *context = layer.getContext();
    Block scratch;
    OpBuilder builder(context);
    builder.setInsertionPointToEnd(&scratch);
    IRMapping mapping;
    for (BlockArgument argument : region.getArguments()) {
      Type type = argument.getType();
      if (auto rows = dyn_cast<FeatType>(type)) {
        bool first = &region == &layer.getUpdate() && argument.getArgNumber() == 0;
        type = rows.withShape({first ? combined : int64_t(layer.getInSize())});
      }
      mapping.map(argument, scratch.addArgument(type, argument.getLoc()));
    }
    for (Operation &op : region.front()) {
      SmallVector<Value> operands;
      for (Value operand : op.getOperands())
        operands.push_back(mapping.lookup(operand));
      if (isa<YieldOp>(op)) {
        std::string made;
        for (Value operand : operands)
          made += (made.empty() ? "" : ", ") + inWords(operand.getType());
        line(lineOf(op), "yields", made);
        yielded.clear();
        for (Value operand : operands)
          yielded.push_back(cast<FeatType>(operand.getType()).getWidth());
        continue;
      }
      SmallVector<Type> types;
      if (failed(typesOf(op, operands, types)))
        return failure();
      OperationState state(op.getLoc(), op.getName(), operands, types, op.getAttrs());
      state.propertiesAttr = op.getPropertiesAsAttribute();
      Operation *made = builder.create(state);
      for (auto [from, to] : llvm::zip(op.getResults(), made->getResults())) {
        mapping.map(from, to);
        line(lineOf(op), nameOf(op), inWords(to.getType()));
      }
    }
    return success();
  }
  SmallVector<int64_t> yielded; ///< widths, of the region written last

private:
  LogicalResult typesOf(Operation &op, ArrayRef<Value> operands, SmallVectorImpl<Type> &types) {
    if (auto param = dyn_cast<ParamOp>(op)) {
      SmallVector<int64_t> shape;
      for (Attribute size : param.getShape()) {
        if (edgeFeatureOfSize(size)) { // another for each relation
          shape.push_back(ShapedType::kDynamic);
          continue;
        }
        FailureOr<int64_t> number = evaluateSize(&op, size, layer);
        if (failed(number))
          return failure();
        shape.push_back(*number);
      }
      types.push_back(cast<FeatType>(param.getType()).withShape(shape));
    } else if (auto table = dyn_cast<LearnableOp>(op)) {
      FailureOr<int64_t> width = evaluateSize(&op, table.getWidthAttr(), layer);
      if (failed(width))
        return failure();
      types.push_back(cast<FeatType>(table.getType()).withShape({*width}));
    } else if (auto feature = dyn_cast<EdgeFeatureOp>(op)) {
      types.push_back(feature.getType());
    } else if (auto constant = dyn_cast<BroadcastDstOp>(op)) {
      types.push_back(cast<FeatType>(constant.getType())
                          .withShape(cast<FeatType>(operands.front().getType()).getShape()));
    } else if (auto inference = dyn_cast<InferTypeOpInterface>(op)) {
      return inference.inferReturnTypes(op.getContext(), op.getLoc(), operands,
                                        op.getDiscardableAttrDictionary(),
                                        op.getPropertiesStorage(), {}, types);
    } else {
      return op.emitError("cannot stand in a layer program");
    }
    return success();
  }
  void line(const std::string &where, const std::string &what, const std::string &made) {
    os << llvm::format("    %4s  %-46s %s\n", where.c_str(), what.c_str(), made.c_str());
  }

  LayerOp layer;
  llvm::raw_ostream &os;
};

/// What one layer runs for.
struct Uses {
  std::set<std::string> relations, types; ///< ordered by name
};

std::map<int64_t, Uses> usesByHop(ModuleOp unrolled) {
  std::map<int64_t, Uses> uses;
  for (auto entry : unrolled.getOps<EntryOp>()) {
    if (entry.getKind() != EntryKind::Train)
      continue;
    entry.walk([&](Operation *op) {
      if (auto sample = dyn_cast<SampleOp>(op)) {
        auto adj = cast<AdjType>(sample.getAdj().getType());
        std::string name = adj.getRelation().getValue().str();
        uses[adj.getHop()].relations.insert(name);
      }
      for (Value result : op->getResults())
        if (auto ids = dyn_cast<IdsType>(result.getType()); ids && ids.getDomain().isRows())
          uses[ids.getDomain().getHop()].types.insert(
              unescapeName(ids.getDomain().getSymbol().getValue()));
    });
  }
  return uses;
}

std::string listed(StringRef what, const std::set<std::string> &names) {
  return ("once for each of " + Twine(names.size()) + " " + what + ": ").str() +
         llvm::join(names, ", ");
}

} // namespace

FailureOr<std::string> describeLayers(ModuleOp model, ModuleOp unrolled) {
  std::string text;
  llvm::raw_string_ostream os(text);
  std::map<int64_t, Uses> uses = usesByHop(unrolled);
  SmallVector<LayerOp> layers(model.getOps<LayerOp>());
  llvm::sort(layers, [](LayerOp a, LayerOp b) { return a.getIndex() < b.getIndex(); });
  for (LayerOp layer : layers) {
    const Uses &own = uses[int64_t(layers.size()) - 1 - int64_t(layer.getIndex())];
    os << "layer " << layer.getIndex() << ": rows of " << layer.getInSize() << " to rows of "
       << layer.getOutSize() << ", combine " << stringifyCombine(layer.getCombine());
    if (auto args = layer->getAttrOfType<DictionaryAttr>("args"))
      for (NamedAttribute arg : args) {
        os << ", " << arg.getName().getValue() << " = ";
        if (auto real = dyn_cast<FloatAttr>(arg.getValue()))
          os << llvm::format("%g", real.getValueAsDouble());
        else
          arg.getValue().print(os, /*elideType=*/true);
      }
    if (auto file = layer.getLoc()->findInstanceOf<FileLineColLoc>(); file && file.getLine())
      os << " (" << llvm::sys::path::filename(file.getFilename().getValue()) << ")";
    os << "\n";
    RegionWriter writer(layer, os);
    if (failed(writer.write(layer.getMessage(), "message", listed("relations", own.relations), 0)))
      return failure();
    int64_t combined = writer.yielded.front();
    if (auto terms = yieldedTerms(cast<YieldOp>(layer.getMessage().front().back())))
      combined = valueWidth(*terms, combined);
    if (!layer.getSelf().empty() &&
        failed(writer.write(layer.getSelf(), "self", listed("node types", own.types), 0)))
      return failure();
    if (failed(
            writer.write(layer.getUpdate(), "update", listed("node types", own.types), combined)))
      return failure();
  }
  return text;
}

std::string describeParameters(ModuleOp unrolled) {
  std::string text = "parameters\n";
  llvm::raw_string_ostream os(text);
  int64_t total = 0;
  for (auto state : unrolled.getOps<StateOp>()) {
    bool table = state.getRole() == StateRole::EmbeddingRows;
    if (!table && state.getRole() != StateRole::Parameter)
      continue;
    SmallVector<int64_t> shape(state.getShape());
    if (table)
      shape.insert(shape.begin(),
                   int64_t(unrolled.lookupSymbol<NodeTypeOp>(*state.getRowsType()).getNumNodes()));
    int64_t count = 1;
    for (int64_t size : shape)
      count *= size;
    total += count;
    DictionaryAttr init = state.getInit();
    std::string start = init.getAs<StringAttr>("kind").str();
    auto number = [&](StringRef name) { return init.getAs<FloatAttr>(name).getValueAsDouble(); };
    if (start != "zeros") {
      std::string numbers;
      llvm::raw_string_ostream into(numbers);
      into << llvm::format("(%.4g", number("a"));
      if (start != "constant")
        into << llvm::format(", %.4g", number("b"));
      start += numbers + ")";
    }
    os << llvm::format("  %-60s %-18s %-26s %lld\n", state.getSymName().str().c_str(),
                       sizes(shape).c_str(), start.c_str(), (long long)count);
  }
  os << llvm::format("  %-60s %-18s %-26s %lld\n", "all", "", "", (long long)total);
  return text;
}

} // namespace heddle::compiler
