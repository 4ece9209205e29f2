//===- Hgt.cpp - the layer program of the heterogeneous graph transformer --===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/BuildModel.h"
#include "compiler/frontend/LayerBuilder.h"

#include <cmath>

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {

/// Terms of a softmax with a head each, of all edges of one relation into a destination. Keys,
/// values and queries are a node type's, and made once for all its relations. (k A) . q = k . (A
/// q): the product with the relation's matrix is on the side of the destinations, which are fewer
/// than the sources.
static Value attend(LayerBuilder &b, int64_t heads, int64_t size) {
  OpBuilder &builder = b.builder;
  Location loc = b.loc;
  Value adj = b.message().getArgument(0), sources = b.message().getArgument(1);
  Attribute in = b.size("in"), width = b.size(heads * size);
  Value keys = b.affine(sources, "k_lin", Scope::SourceType, in, width);
  Value values = b.affine(sources, "v_lin", Scope::SourceType, in, width);
  Value queries = b.affine(b.message().getArgument(2), "q_lin", Scope::DestinationType, in, width);
  SmallVector<Attribute> matrices{b.size(heads), b.size(size), b.size(size)};
  Value toKeys = b.param("a_rel", Scope::Relation, matrices, "xavier_uniform");
  Value toValues = b.param("m_rel", Scope::Relation, matrices, "xavier_uniform");
  Value prior = b.param("p_rel", Scope::Relation, {b.size(heads)}, "ones");
  queries = HeadLinearOp::create(builder, loc, queries, toKeys, /*transpose=*/true);
  queries = ScaleRowsOp::create(builder, loc, queries, prior);
  queries = ScaleOp::create(builder, loc, queries,
                            builder.getF64FloatAttr(1.0 / std::sqrt(double(size))));
  values = HeadLinearOp::create(builder, loc, values, toValues, /*transpose=*/false);
  Value key = GatherSrcOp::create(builder, loc, keys, adj);
  Value query = GatherDstOp::create(builder, loc, queries, adj);
  Value scores = RowDotOp::create(builder, loc, key, query, uint64_t(heads));
  return b.attentionTerms(values, scores, heads);
}

void buildHgtLayers(OpBuilder &builder, Location loc, const spec::EncoderSpec &encoder,
                    int64_t numClasses) {
  int64_t heads = *encoder.numHeads, hidden = encoder.hiddenSize;
  bool overAll = encoder.hgtSoftmax == "all";
  for (int64_t index = 0; index < encoder.numLayers; ++index) {
    bool last = index + 1 == encoder.numLayers;
    OpBuilder::InsertionGuard guard(builder);
    LayerBuilder b(builder, loc, index, hidden, last ? numClasses : hidden,
                   overAll ? Combine::Softmax : Combine::Sum);
    builder.setInsertionPointToStart(&b.message());
    Value terms = attend(b, heads, hidden / heads);
    if (!overAll)
      terms = CombinedOp::create(builder, loc, MergeRule(Merge::Softmax, heads), terms);
    YieldOp::create(builder, loc, terms);

    builder.setInsertionPointToStart(&b.update());
    Value own = b.update().getArgument(1), ids = b.update().getArgument(2);
    Attribute width = b.size(hidden);
    Value rows = b.unary(UnaryFn::Gelu, b.update().getArgument(0));
    rows = b.affine(rows, "a_lin", Scope::DestinationType, width, width);
    rows = b.dropout(rows, ids, encoder.dropout, index);
    // sigmoid(s) of what is new, sigmoid(-s) = 1 - sigmoid(s) of what was.
    Value skip = b.param("skip", Scope::DestinationType, {b.size(1)}, "ones");
    Value back = ScaleOp::create(builder, loc, skip, builder.getF64FloatAttr(-1));
    Value kept = ScaleRowsOp::create(builder, loc, own, b.unary(UnaryFn::Sigmoid, back));
    rows = ScaleRowsOp::create(builder, loc, rows, b.unary(UnaryFn::Sigmoid, skip));
    rows = AddOp::create(builder, loc, ValueRange{rows, kept});
    if (encoder.norm == "layer") {
      Value gamma = b.param("norm.weight", Scope::DestinationType, {width}, "ones");
      Value beta = b.param("norm.bias", Scope::DestinationType, {width}, "zeros");
      rows = LayerNormOp::create(builder, loc, rows, gamma, beta, builder.getF64FloatAttr(1e-5));
    }
    if (last)
      rows = b.affine(rows, "lin", Scope::Layer, width, b.size("out"));
    YieldOp::create(builder, loc, rows);
  }
}

} // namespace heddle::compiler
