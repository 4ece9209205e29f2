//===- LayerFile.cpp - layer programs that a user wrote --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/LayerSizes.h"
#include "compiler/frontend/BuildModel.h"
#include "runtime/base/Suggest.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {
namespace {

constexpr StringRef argsName = "args", lastArgsName = "last_args", hiddenOnly = "hidden_only";

Attribute attributeOf(OpBuilder &builder, const spec::ArgValue &value) {
  if (auto *number = std::get_if<int64_t>(&value))
    return builder.getI64IntegerAttr(*number);
  if (auto *real = std::get_if<double>(&value))
    return builder.getF64FloatAttr(*real);
  if (auto *flag = std::get_if<bool>(&value))
    return builder.getBoolAttr(*flag);
  return builder.getStringAttr(std::get<std::string>(value));
}

/// An attribute that nothing reads is a misspelt one.
LogicalResult checkAttributes(Operation *op, ArrayRef<StringRef> more) {
  for (NamedAttribute attribute : op->getDiscardableAttrs()) {
    StringRef name = attribute.getName();
    if (llvm::is_contained(more, name))
      continue;
    std::vector<std::string> known(more.begin(), more.end());
    for (StringAttr own : op->getName().getAttributeNames())
      known.push_back(own.str());
    return op->emitError("has no attribute '") << name << "'" << suggestion(name.str(), known);
  }
  return success();
}

/// What `name` of a layer declares; each a number.
FailureOr<DictionaryAttr> argumentsOf(LayerOp layer, StringRef name) {
  Attribute all = layer->getAttr(name);
  if (!all)
    return DictionaryAttr::get(layer.getContext());
  auto declared = dyn_cast<DictionaryAttr>(all);
  if (!declared)
    return layer.emitError("`") << name << "` is a dictionary such as {num_heads = 4}, got " << all;
  for (NamedAttribute arg : declared) {
    if (!isa<IntegerAttr, FloatAttr>(arg.getValue()))
      return layer.emitError("argument '")
             << arg.getName().getValue() << "' is a number, got " << arg.getValue()
             << "; sizes and factors are made of it";
    if (arg.getName() == "in" || arg.getName() == "out" || arg.getName() == "sqrt")
      return layer.emitError("argument '")
             << arg.getName().getValue() << "' has a name with a meaning; choose another";
  }
  return declared;
}

std::vector<std::string> namesOf(DictionaryAttr dictionary) {
  std::vector<std::string> names;
  for (NamedAttribute entry : dictionary)
    names.push_back(entry.getName().str());
  return names;
}

class LayerFile {
public:
  LayerFile(OpBuilder &builder, Location loc, const std::string &path,
            const spec::EncoderSpec &encoder, int64_t numClasses)
      : builder(builder), loc(loc), path(path), encoder(encoder), numClasses(numClasses) {}

  LogicalResult read();
  LogicalResult build();

private:
  Location fileLoc(unsigned line) const {
    return FileLineColLoc::get(builder.getContext(), path, line, line);
  }
  LogicalResult checkGivenArgs();
  LayerOp pick(int64_t index);
  /// The arguments of `source` as layer `index` has them.
  FailureOr<DictionaryAttr> argsFor(LayerOp source, bool last);
  LogicalResult buildOne(LayerOp source, int64_t index);

  OpBuilder &builder;
  Location loc; ///< of the spec
  const std::string &path;
  const spec::EncoderSpec &encoder;
  int64_t numClasses;
  OwningOpRef<ModuleOp> file;
  SmallVector<LayerOp> layers;
};

LogicalResult LayerFile::read() {
  if (!llvm::sys::fs::exists(path))
    return emitError(fileLoc(0))
           << "no such layer program; /model/encoder is \"rgcn\", \"rsage\", \"rgat\", \"hgt\", "
              "\"simplehgn\", \"han\" or a path from the spec's folder";
  file = parseSourceFile<ModuleOp>(path, builder.getContext());
  if (!file)
    return failure();
  for (Operation &op : *file->getBody()) {
    auto layer = dyn_cast<LayerOp>(op);
    if (!layer)
      return op.emitError("an encoder file holds hgnn.layer ops only; schema, task and inputs come "
                          "from the graph and the spec");
    if (failed(checkAttributes(layer, {argsName, lastArgsName})))
      return failure();
    auto walk = layer.walk([&](Operation *inner) {
      bool fine = inner == layer || succeeded(checkAttributes(inner, {hiddenOnly}));
      return fine ? WalkResult::advance() : WalkResult::interrupt();
    });
    if (walk.wasInterrupted())
      return failure();
    layers.push_back(layer);
  }
  return checkGivenArgs();
}

LogicalResult LayerFile::checkGivenArgs() {
  std::vector<std::string> known;
  for (LayerOp layer : layers) {
    FailureOr<DictionaryAttr> declared = argumentsOf(layer, argsName);
    if (failed(declared))
      return failure();
    for (std::string &name : namesOf(*declared))
      if (!llvm::is_contained(known, name))
        known.push_back(std::move(name));
  }
  for (const auto &[name, value] : encoder.args) {
    if (std::holds_alternative<std::string>(value))
      return emitError(loc) << "/model/args/" << name << ": an argument of " << path
                            << " is a number, found \"" << std::get<std::string>(value)
                            << "\"; sizes and factors are made of it";
    if (!llvm::is_contained(known, name))
      return emitError(loc) << "/model/args/" << name << ": no layer of " << path
                            << " declares the argument '" << name << "'"
                            << (known.empty() ? "; it declares none: remove it"
                                              : suggestion(name, known));
  }
  return success();
}

LayerOp LayerFile::pick(int64_t index) {
  auto named = [&](StringRef name) {
    for (LayerOp layer : layers)
      if (layer.getSymName() == name)
        return layer;
    return LayerOp();
  };
  if (layers.size() == 1)
    return layers.front();
  LayerOp hidden = named("hidden"), last = named("last");
  if (layers.size() == 2 && hidden && last)
    return index + 1 == encoder.numLayers ? last : hidden;
  return int64_t(layers.size()) == encoder.numLayers ? layers[index] : LayerOp();
}

FailureOr<DictionaryAttr> LayerFile::argsFor(LayerOp source, bool last) {
  FailureOr<DictionaryAttr> declared = argumentsOf(source, argsName);
  FailureOr<DictionaryAttr> ofLast = argumentsOf(source, lastArgsName);
  if (failed(declared) || failed(ofLast))
    return failure();
  NamedAttrList args(*declared);
  for (const auto &[name, value] : encoder.args)
    if (declared->contains(name))
      args.set(name, attributeOf(builder, value));
  for (NamedAttribute own : *ofLast) {
    if (!declared->contains(own.getName()))
      return source.emitError("`last_args` names '")
             << own.getName().getValue() << "', which `args` does not declare"
             << suggestion(own.getName().str(), namesOf(*declared));
    if (last)
      args.set(own.getName(), own.getValue());
  }
  return args.getDictionary(builder.getContext());
}

/// Takes out what hidden layers alone have, or the mark of it.
LogicalResult settleHiddenOnly(LayerOp layer, bool last) {
  SmallVector<Operation *> marked;
  layer.walk([&](Operation *op) {
    if (op->hasAttr(hiddenOnly))
      marked.push_back(op);
  });
  for (Operation *op : marked) {
    op->removeAttr(hiddenOnly);
    bool fits = op->getNumResults() == 1 && op->getNumOperands() > 0 &&
                op->getResult(0).getType() == op->getOperand(0).getType();
    if (!fits)
      return op->emitError(
          "is `hidden_only`, and the last layer has its first operand in its place; "
          "the result must be of the same kind (an activation, dropout, norm)");
    if (!last)
      continue;
    op->getResult(0).replaceAllUsesWith(op->getOperand(0));
    op->erase();
  }
  return success();
}

LogicalResult LayerFile::buildOne(LayerOp source, int64_t index) {
  bool last = index + 1 == encoder.numLayers;
  FailureOr<DictionaryAttr> args = argsFor(source, last);
  if (failed(args))
    return failure();
  auto layer = cast<LayerOp>(builder.clone(*source.getOperation()));
  layer.setSymName(("layer." + Twine(index)).str());
  layer.setIndex(index);
  layer.setInSize(encoder.hiddenSize);
  layer.setOutSize(last ? numClasses : encoder.hiddenSize);
  layer->removeAttr(lastArgsName);
  if (args->empty())
    layer->removeAttr(argsName);
  else
    layer->setAttr(argsName, *args);
  if (failed(settleHiddenOnly(layer, last)) || failed(evaluateLayer(layer)))
    return failure();
  // A layer used several times has its dropout sites apart.
  if (int64_t(layers.size()) < encoder.numLayers)
    layer.walk(
        [&](DropoutOp dropout) { dropout.setSite(dropout.getSite() + uint64_t(index) * 64); });
  return success();
}

LogicalResult LayerFile::build() {
  for (int64_t index = 0; index < encoder.numLayers; ++index) {
    LayerOp source = pick(index);
    if (!source)
      return emitError(fileLoc(1))
             << "holds " << layers.size() << " layers, model.num_layers is " << encoder.numLayers
             << "; write one layer for all, two named @hidden and @last, or one per layer";
    if (failed(buildOne(source, index)))
      return failure();
  }
  return success();
}

} // namespace

LogicalResult buildLayersFromFile(OpBuilder &builder, Location loc, const std::string &path,
                                  const spec::EncoderSpec &encoder, int64_t numClasses) {
  LayerFile file(builder, loc, path, encoder, numClasses);
  return success(succeeded(file.read()) && succeeded(file.build()));
}

} // namespace heddle::compiler
