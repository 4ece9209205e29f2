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

/// Sites of dropout of attention, behind those of the layers' ends.
static constexpr int64_t attentionSite = 64;

/// Attention of one relation's edges, in heads. Rows are of a node type and projected already, so
/// relations differ in what they attend to alone.
static Value attend(LayerBuilder &b, const spec::EncoderSpec &encoder, Value sources, Value own,
                    int64_t index) {
  OpBuilder &builder = b.builder;
  Location loc = b.loc;
  int64_t heads = *encoder.numHeads, size = encoder.hiddenSize / heads;
  Value adj = b.message().getArgument(0);
  auto score = [&](Value rows, StringRef name) -> Value {
    Value vector = b.param(name, Scope::Relation, {b.size(heads), b.size(size)}, "xavier_uniform");
    return RowDotOp::create(builder, loc, rows, vector, uint64_t(heads));
  };
  Value ofSources = GatherSrcOp::create(builder, loc, score(sources, "lin_src"), adj);
  Value ofOwn = GatherDstOp::create(builder, loc, score(own, "lin_dst"), adj);
  Value sum = AddOp::create(builder, loc, ValueRange{ofSources, ofOwn});
  Value scores = b.unary(UnaryFn::LeakyRelu, sum, 0.2);
  Value values = GatherSrcOp::create(builder, loc, sources, adj);
  values = b.dropout(values, Value(), encoder.attentionDropout, attentionSite + index, heads);
  MergeRule softmax(Merge::Softmax, heads);
  Value terms = TermOp::create(builder, loc, softmax, values, scores);
  Value merged = ReduceDstOp::create(builder, loc, terms, adj, softmax);
  return CombinedOp::create(builder, loc, softmax, merged);
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
    Value rows = attend(b, encoder, sources, own, index);
    if (encoder.activation != "none") {
      UnaryFn fn = *symbolizeUnaryFn(encoder.activation);
      rows = b.unary(fn, rows, fn == UnaryFn::LeakyRelu ? 0.01 : 1.0);
    }
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
