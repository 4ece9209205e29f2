//===- Layers.cpp - layer programs: R-GCN and GraphSAGE -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/BuildModel.h"
#include "compiler/frontend/LayerBuilder.h"

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

/// Means over relations, summed, beside own rows: those of `rootScope` share a root weight and
/// bias.
static void buildMeanLayers(OpBuilder &builder, Location loc, const spec::EncoderSpec &encoder,
                            int64_t numClasses, Scope rootScope) {
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
        Value root = b.param("root", rootScope, {b.size("in"), b.size("out")}, "xavier_uniform");
        own = LinearOp::create(builder, loc, update.getArgument(1), root, false);
      }
      rows = AddOp::create(builder, loc, ValueRange{rows, own});
    }
    rows =
        AddBiasOp::create(builder, loc, rows, b.param("bias", rootScope, {b.size("out")}, "zeros"));
    if (!last)
      rows = b.bend(rows, encoder, update.getArgument(2));
    YieldOp::create(builder, loc, rows);
  }
}

void buildRgcnLayers(OpBuilder &builder, Location loc, const spec::EncoderSpec &encoder,
                     int64_t numClasses) {
  buildMeanLayers(builder, loc, encoder, numClasses, Scope::Layer);
}

void buildRsageLayers(OpBuilder &builder, Location loc, const spec::EncoderSpec &encoder,
                      int64_t numClasses) {
  buildMeanLayers(builder, loc, encoder, numClasses, Scope::DestinationType);
}

} // namespace heddle::compiler
