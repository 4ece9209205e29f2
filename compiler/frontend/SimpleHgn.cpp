//===- SimpleHgn.cpp - the layer program of Simple-HGN ---------------------===//
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

/// Sites of dropout of the identity link, whose keys are rows; edges have those from 64 on.
constexpr int64_t selfSite = 96;

/// One layer's attention; programs of both regions are made of it. Parameters that the regions name
/// alike are one state.
class Attention {
public:
  Attention(LayerBuilder &b, const spec::EncoderSpec &encoder, int64_t heads, int64_t size)
      : b(b), encoder(encoder), heads(heads), size(size) {}

  /// W h: one matrix for all node types.
  Value project(Value rows) {
    return b.linear(rows, b.param("weight", Scope::Layer, {b.size("in"), b.size(heads * size)},
                                  "xavier_uniform"));
  }
  /// a . (W h) of each head.
  Value score(Value projected, StringRef name) {
    return b.headScore(projected, name, Scope::Layer, heads, size);
  }
  /// a_e . (W_r r), one number for each head: what a kind of edge adds to every score.
  Value ofKind(StringRef embedding, Scope scope) {
    int64_t width = encoder.edgeDim;
    Value kind = b.param(embedding, scope, {b.size(1), b.size(width)}, "normal(1)");
    Value map =
        b.param("fc_e", Scope::Layer, {b.size(width), b.size(heads * width)}, "xavier_uniform");
    Value vector = b.param("att_e", Scope::Layer, {b.size(heads), b.size(width)}, "xavier_uniform");
    Value mapped = ReshapeOp::create(b.builder, b.loc, b.linear(kind, map),
                                     b.builder.getDenseI64ArrayAttr({heads, width}));
    return RowDotOp::create(b.builder, b.loc, mapped, vector, uint64_t(heads));
  }
  Value bent(Value scores) { return b.unary(UnaryFn::LeakyRelu, scores, *encoder.negativeSlope); }

  /// Terms of one softmax over the edges of all relations into a destination.
  Value terms() {
    OpBuilder &builder = b.builder;
    Location loc = b.loc;
    Value adj = b.message().getArgument(0);
    Value sources = project(b.message().getArgument(1));
    Value own = project(b.message().getArgument(2));
    Value ofOwn =
        AddBiasOp::create(builder, loc, score(own, "att_dst"), ofKind("edge_emb", Scope::Relation));
    Value sum =
        AddOp::create(builder, loc,
                      ValueRange{GatherSrcOp::create(builder, loc, score(sources, "att_src"), adj),
                                 GatherDstOp::create(builder, loc, ofOwn, adj)});
    return b.attentionTerms(sources, bent(sum), heads, encoder.attentionDropout);
  }
  /// The identity link's value and score: an edge from the row to itself, of a kind of its own.
  std::pair<Value, Value> self() {
    Block &block = b.self();
    Value own = project(block.getArgument(0));
    Value sum =
        AddOp::create(b.builder, b.loc, ValueRange{score(own, "att_src"), score(own, "att_dst")});
    sum = AddBiasOp::create(b.builder, b.loc, sum, ofKind("self_emb", Scope::Layer));
    Value value = b.dropout(own, block.getArgument(1), encoder.attentionDropout,
                            selfSite + int64_t(b.layer.getIndex()), heads);
    return {value, bent(sum)};
  }

private:
  LayerBuilder &b;
  const spec::EncoderSpec &encoder;
  int64_t heads, size;
};

} // namespace

void buildSimpleHgnLayers(OpBuilder &builder, Location loc, const spec::EncoderSpec &encoder,
                          int64_t numClasses) {
  for (int64_t index = 0; index < encoder.numLayers; ++index) {
    bool last = index + 1 == encoder.numLayers;
    OpBuilder::InsertionGuard guard(builder);
    int64_t out = last ? numClasses : encoder.hiddenSize;
    LayerBuilder b(builder, loc, index, encoder.hiddenSize, out, Combine::Softmax);
    int64_t heads = last ? 1 : *encoder.numHeads;
    Attention attention(b, encoder, heads, out / heads);

    builder.setInsertionPointToStart(&b.message());
    YieldOp::create(builder, loc, attention.terms());
    if (encoder.useSelfLoop) {
      b.addSelf();
      builder.setInsertionPointToStart(&b.self());
      auto [value, score] = attention.self();
      YieldOp::create(builder, loc, ValueRange{value, score});
    }

    builder.setInsertionPointToStart(&b.update());
    Value own = b.update().getArgument(1);
    if (b.in != b.out)
      own = b.linear(
          own, b.param("res_fc", Scope::Layer, {b.size("in"), b.size("out")}, "xavier_uniform"));
    Value rows = AddOp::create(builder, loc, ValueRange{b.update().getArgument(0), own});
    if (last) {
      Value length =
          b.unary(UnaryFn::Rsqrt, RowDotOp::create(builder, loc, rows, rows, uint64_t(1)));
      rows = ScaleRowsOp::create(builder, loc, rows, length);
    } else {
      rows = b.bend(rows, encoder, b.update().getArgument(2));
    }
    YieldOp::create(builder, loc, rows);
  }
}

} // namespace heddle::compiler
