//===- Layers.cpp - layer programs: the built-in R-GCN and files -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/BuildModel.h"
#include "compiler/frontend/LayerBuilder.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {
namespace {

Value relationWeight(LayerBuilder &b, const spec::EncoderSpec &encoder) {
  if (!encoder.numBases)
    return b.param("weight", Scope::Relation, {b.size("in"), b.size("out")}, "xavier_uniform");
  int64_t bases = *encoder.numBases;
  Value coefficients =
      b.param("coefficients", Scope::Relation, {b.size(1), b.size(bases)}, "xavier_uniform");
  double bound = std::sqrt(6.0 / double(b.in + b.out));
  Value matrices = b.param("bases", Scope::Layer, {b.size(bases), b.size("in*out")},
                           "uniform(" + std::to_string(bound) + ")");
  Value flat = LinearOp::create(b.builder, b.loc, coefficients, matrices, /*transpose=*/false);
  return ReshapeOp::create(b.builder, b.loc, flat,
                           b.builder.getDenseI64ArrayAttr({b.in, b.out}));
}

} // namespace

void buildRgcnLayers(OpBuilder &builder, Location loc, const spec::EncoderSpec &encoder,
                     int64_t numClasses) {
  for (int64_t index = 0; index < encoder.numLayers; ++index) {
    bool last = index + 1 == encoder.numLayers, tables = encoder.featureless && index == 0;
    OpBuilder::InsertionGuard guard(builder);
    LayerBuilder b(builder, loc, index, encoder.hiddenSize, last ? numClasses : encoder.hiddenSize);

    Block &message = b.layer.getMessage().front();
    builder.setInsertionPointToStart(&message);
    Value adj = message.getArgument(0);
    Value sources = tables ? b.table("weight", Scope::Relation, DomainKind::Src)
                           : Value(message.getArgument(1));
    Value edges = GatherSrcOp::create(builder, loc, sources, adj), weights;
    if (const std::string &name = encoder.edgeFeatures.weight; !name.empty()) {
      weights = b.edgeFeature(name, 1);
      edges = ScaleRowsOp::create(builder, loc, edges, weights);
    }
    Value sum = ReduceDstOp::create(builder, loc, edges, adj);
    Value count = weights ? Value(ReduceDstOp::create(builder, loc, weights, adj))
                          : Value(DegreeOp::create(builder, loc, adj));
    Value inverse = b.unary(UnaryFn::Reciprocal, count);
    Value mean = ScaleRowsOp::create(builder, loc, sum, inverse);
    if (!tables)
      mean = LinearOp::create(builder, loc, mean, relationWeight(b, encoder), false);
    YieldOp::create(builder, loc, mean);

    Block &update = b.layer.getUpdate().front();
    builder.setInsertionPointToStart(&update);
    Value rows = update.getArgument(0);
    if (encoder.useSelfLoop) {
      Value own;
      if (tables) {
        own = b.table("root", Scope::DestinationType, DomainKind::Dst);
      } else {
        Value root = b.param("root", Scope::Layer, {b.size("in"), b.size("out")}, "xavier_uniform");
        own = LinearOp::create(builder, loc, update.getArgument(1), root, false);
      }
      rows = AddOp::create(builder, loc, ValueRange{rows, own});
    }
    rows = AddBiasOp::create(builder, loc, rows,
                             b.param("bias", Scope::Layer, {b.size("out")}, "zeros"));
    if (!last)
      rows = b.bend(rows, encoder, update.getArgument(2));
    YieldOp::create(builder, loc, rows);
  }
}

LogicalResult buildLayersFromFile(OpBuilder &builder, const std::string &path,
                                  const spec::EncoderSpec &encoder, int64_t numClasses) {
  MLIRContext *context = builder.getContext();
  if (!llvm::sys::fs::exists(path))
    return emitError(FileLineColLoc::get(context, path, 0, 0))
           << "no such layer program; /model/encoder is \"rgcn\", \"rgat\", \"hgt\" or a path from "
              "the "
              "spec's folder";
  OwningOpRef<ModuleOp> file = parseSourceFile<ModuleOp>(path, context);
  if (!file)
    return failure();
  SmallVector<LayerOp> layers;
  for (Operation &op : *file->getBody()) {
    if (auto layer = dyn_cast<LayerOp>(op))
      layers.push_back(layer);
    else
      return op.emitError("an encoder file holds hgnn.layer ops only; schema, task and inputs come "
                          "from the graph and the spec");
  }
  auto named = [&](StringRef name) {
    for (LayerOp layer : layers)
      if (layer.getSymName() == name)
        return layer;
    return LayerOp();
  };
  int64_t count = encoder.numLayers;
  LayerOp hidden = named("hidden"), last = named("last");
  auto pick = [&](int64_t index) -> LayerOp {
    if (layers.size() == 1)
      return layers.front();
    if (layers.size() == 2 && hidden && last)
      return index + 1 == count ? last : hidden;
    return int64_t(layers.size()) == count ? layers[index] : LayerOp();
  };
  SmallVector<NamedAttribute> args;
  for (const auto &[name, value] : encoder.args) {
    Attribute attribute;
    if (auto *number = std::get_if<int64_t>(&value))
      attribute = builder.getI64IntegerAttr(*number);
    else if (auto *real = std::get_if<double>(&value))
      attribute = builder.getF64FloatAttr(*real);
    else if (auto *flag = std::get_if<bool>(&value))
      attribute = builder.getBoolAttr(*flag);
    else
      attribute = builder.getStringAttr(std::get<std::string>(value));
    args.push_back(builder.getNamedAttr(name, attribute));
  }
  for (int64_t index = 0; index < count; ++index) {
    LayerOp source = pick(index);
    if (!source)
      return emitError(FileLineColLoc::get(context, path, 1, 1))
             << "holds " << layers.size() << " layers, model.num_layers is " << count
             << "; write one layer for all, two named @hidden and @last, or one per layer";
    auto layer = cast<LayerOp>(builder.clone(*source.getOperation()));
    layer.setSymName(("layer." + Twine(index)).str());
    layer.setIndex(index);
    layer.setInSize(encoder.hiddenSize);
    layer.setOutSize(index + 1 == count ? numClasses : encoder.hiddenSize);
    if (!args.empty())
      layer->setAttr("args", builder.getDictionaryAttr(args));
    // A layer used several times has its dropout sites apart.
    if (layers.size() < size_t(count))
      layer.walk([&](DropoutOp dropout) {
        dropout.setSite(dropout.getSite() + uint64_t(index) * 64);
      });
  }
  return success();
}

} // namespace heddle::compiler
