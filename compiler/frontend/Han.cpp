//===- Han.cpp - the layer program of the heterogeneous attention network --===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/BuildModel.h"
#include "compiler/frontend/LayerBuilder.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {

/// Attention of one relation's edges, in heads. Rows are of a node type and projected already, so
/// relations differ in what they attend to alone.
static Value attend(LayerBuilder &b, const spec::EncoderSpec &encoder, Value sources, Value own) {
  OpBuilder &builder = b.builder;
  Location loc = b.loc;
  int64_t heads = *encoder.numHeads, size = encoder.hiddenSize / heads;
  Value adj = b.message().getArgument(0);
  auto score = [&](Value rows, StringRef name) {
    return b.headScore(rows, name, Scope::Relation, heads, size);
  };
  Value ofSources = GatherSrcOp::create(builder, loc, score(sources, "lin_src"), adj);
  Value ofOwn = GatherDstOp::create(builder, loc, score(own, "lin_dst"), adj);
  Value sum = AddOp::create(builder, loc, ValueRange{ofSources, ofOwn});
  Value scores = b.unary(UnaryFn::LeakyRelu, sum, 0.2);
  return CombinedOp::create(builder, loc, MergeRule(Merge::Softmax, heads),
                            b.attentionTerms(sources, scores, heads, encoder.attentionDropout));
}

/// How much a relation tells: one number for all its destinations in the batch, the mean of
/// q . tanh(W z + b).
static Value importance(LayerBuilder &b, Value rows, Attribute width) {
  Value hidden = b.unary(UnaryFn::Tanh, b.affine(rows, "k_lin", Scope::Layer, width, width));
  Value query = b.param("q", Scope::Layer, {b.size(1), width}, "xavier_uniform");
  Value score = RowDotOp::create(b.builder, b.loc, hidden, query, uint64_t(1));
  return BatchReduceOp::create(b.builder, b.loc, BatchReduction::Mean, score);
}

void buildHanLayers(OpBuilder &builder, Location loc, const spec::EncoderSpec &encoder,
                    int64_t numClasses) {
  int64_t hidden = encoder.hiddenSize;
  for (int64_t index = 0; index < encoder.numLayers; ++index) {
    bool last = index + 1 == encoder.numLayers;
    OpBuilder::InsertionGuard guard(builder);
    LayerBuilder b(builder, loc, index, hidden, last ? numClasses : hidden, Combine::Softmax);
    Attribute width = b.size(hidden);
    builder.setInsertionPointToStart(&b.message());
    Value sources = b.message().getArgument(1), own = b.message().getArgument(2);
    if (index > 0) { // the first has its rows projected by the inputs
      sources = b.affine(sources, "proj", Scope::SourceType, width, width);
      own = b.affine(own, "proj", Scope::DestinationType, width, width);
    }
    Value rows = b.activate(attend(b, encoder, sources, own), encoder);
    YieldOp::create(builder, loc, ValueRange{rows, importance(b, rows, width)});

    builder.setInsertionPointToStart(&b.update());
    rows = b.update().getArgument(0);
    if (encoder.norm == "layer") {
      Value gamma = b.param("norm.weight", Scope::Layer, {width}, "ones");
      Value beta = b.param("norm.bias", Scope::Layer, {width}, "zeros");
      rows = LayerNormOp::create(builder, loc, rows, gamma, beta, builder.getF64FloatAttr(1e-5));
    }
    rows = b.dropout(rows, b.update().getArgument(2), encoder.dropout, index);
    if (last)
      rows = b.affine(rows, "lin", Scope::Layer, width, b.size("out"));
    YieldOp::create(builder, loc, rows);
  }
}

} // namespace heddle::compiler
