//===- Rgat.cpp - the layer program of relational graph attention ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/BuildModel.h"
#include "compiler/frontend/LayerBuilder.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {

/// Scores of edges are the sum of one number for each head of the source and one of the
/// destination: both are products of rows, which are fewer than edges. Features of edges add a
/// third, as GATConv's edge_dim does.
static Value attend(LayerBuilder &b, const spec::EncoderSpec &encoder, int64_t size) {
  OpBuilder &builder = b.builder;
  Location loc = b.loc;
  int64_t heads = *encoder.numHeads;
  Value adj = b.message().getArgument(0);
  auto width = b.size(heads * size);
  auto score = [&](Value rows, StringRef name) {
    return b.headScore(rows, name, Scope::Relation, heads, size);
  };
  Value sources =
      b.linear(b.message().getArgument(1),
               b.param("lin_src.weight", Scope::Relation, {b.size("in"), width}, "xavier_uniform"));
  Value own =
      b.linear(b.message().getArgument(2),
               b.param("lin_dst.weight", Scope::Relation, {b.size("in"), width}, "xavier_uniform"));
  Value ofSources = GatherSrcOp::create(builder, loc, score(sources, "att_src"), adj);
  Value ofOwn = GatherDstOp::create(builder, loc, score(own, "att_dst"), adj);
  SmallVector<Value> terms{ofSources, ofOwn};
  if (const std::string &name = encoder.edgeFeatures.attr; !name.empty()) {
    Value weight = b.param("lin_edge.weight", Scope::Relation, {b.size("edge." + name), width},
                           "xavier_uniform");
    Value rows = b.linear(b.edgeFeature(name, 0), weight);
    terms.push_back(score(rows, "att_edge"));
  }
  Value sum = AddOp::create(builder, loc, terms);
  Value scores = b.unary(UnaryFn::LeakyRelu, sum, *encoder.negativeSlope);
  return CombinedOp::create(builder, loc, MergeRule(Merge::Softmax, heads),
                            b.attentionTerms(sources, scores, heads, encoder.attentionDropout));
}

void buildRgatLayers(OpBuilder &builder, Location loc, const spec::EncoderSpec &encoder,
                     int64_t numClasses) {
  int64_t heads = *encoder.numHeads;
  for (int64_t index = 0; index < encoder.numLayers; ++index) {
    bool last = index + 1 == encoder.numLayers;
    OpBuilder::InsertionGuard guard(builder);
    int64_t out = last ? numClasses : encoder.hiddenSize;
    LayerBuilder b(builder, loc, index, encoder.hiddenSize, out);
    // Heads stand side by side, but for the class scores, of which each gives all.
    int64_t size = last ? out : out / heads;
    builder.setInsertionPointToStart(&b.message());
    YieldOp::create(builder, loc, attend(b, encoder, size));

    builder.setInsertionPointToStart(&b.update());
    Value rows = b.update().getArgument(0);
    if (last && heads > 1) {
      SmallVector<Value> parts;
      for (int64_t head = 0; head < heads; ++head)
        parts.push_back(SliceOp::create(builder, loc, rows, builder.getI64IntegerAttr(head * size),
                                        builder.getI64IntegerAttr(size)));
      rows = AddOp::create(builder, loc, parts);
      rows = ScaleOp::create(builder, loc, rows, builder.getF64FloatAttr(1.0 / double(heads)));
    }
    if (encoder.useSelfLoop) {
      Value root = b.param("root", Scope::Layer, {b.size("in"), b.size("out")}, "xavier_uniform");
      Value own = b.linear(b.update().getArgument(1), root);
      rows = AddOp::create(builder, loc, ValueRange{rows, own});
    }
    rows = AddBiasOp::create(builder, loc, rows,
                             b.param("bias", Scope::Layer, {b.size("out")}, "zeros"));
    if (!last)
      rows = b.bend(rows, encoder, b.update().getArgument(2));
    YieldOp::create(builder, loc, rows);
  }
}

} // namespace heddle::compiler
