//===- LayerBuilder.cpp - the regions of one layer program -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/LayerBuilder.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {

LayerBuilder::LayerBuilder(OpBuilder &builder, Location loc, int64_t index, int64_t in, int64_t out,
                           Combine combine)
    : builder(builder), loc(loc), context(builder.getContext()), in(in), out(out) {
  layer = LayerOp::create(builder, loc, ("layer." + Twine(index)).str(), index, in, out, combine);
  Type dst = FeatType::get(DomainAttr::generic(context, DomainKind::Dst), {ShapedType::kDynamic});
  Type src = FeatType::get(DomainAttr::generic(context, DomainKind::Src), {ShapedType::kDynamic});
  Type ids = IdsType::get(context, DomainAttr::generic(context, DomainKind::Dst));
  addBlock(layer.getMessage(), {AdjType::generic(context), src, dst});
  addBlock(layer.getUpdate(), {dst, dst, ids});
}

void LayerBuilder::addSelf() {
  DomainAttr dst = DomainAttr::generic(context, DomainKind::Dst);
  addBlock(layer.getSelf(),
           {FeatType::get(dst, {ShapedType::kDynamic}), IdsType::get(context, dst)});
}

void LayerBuilder::addBlock(Region &region, ArrayRef<Type> types) {
  Block &block = region.emplaceBlock();
  for (Type type : types)
    block.addArgument(type, loc);
}

Value LayerBuilder::param(StringRef name, Scope scope, ArrayRef<Attribute> shape, StringRef init) {
  Type type = FeatType::get(DomainAttr::param(context), {ShapedType::kDynamic});
  return ParamOp::create(builder, loc, type, name, scope, builder.getArrayAttr(shape), init);
}

Value LayerBuilder::table(StringRef name, Scope scope, DomainKind kind) {
  Type type = FeatType::get(DomainAttr::generic(context, kind), {ShapedType::kDynamic});
  return LearnableOp::create(builder, loc, type, builder.getStringAttr(name),
                             ScopeAttr::get(context, scope), size("out"),
                             builder.getStringAttr("xavier_uniform"));
}

Value LayerBuilder::edgeFeature(StringRef name, double otherwise) {
  Type type = FeatType::get(DomainAttr::generic(context, DomainKind::Edge), {ShapedType::kDynamic});
  return EdgeFeatureOp::create(builder, loc, type, name, builder.getF64FloatAttr(otherwise));
}

Value LayerBuilder::unary(UnaryFn fn, Value input, double alpha) {
  return UnaryOp::create(builder, loc, UnaryFnAttr::get(context, fn), input,
                         builder.getF64FloatAttr(alpha));
}

Value LayerBuilder::linear(Value rows, Value weight) {
  return LinearOp::create(builder, loc, rows, weight, /*transpose=*/false);
}

Value LayerBuilder::affine(Value rows, StringRef name, Scope scope, Attribute in, Attribute out) {
  Value weight = param((name + ".weight").str(), scope, {in, out}, "xavier_uniform");
  Value bias = param((name + ".bias").str(), scope, {out}, "zeros");
  return AddBiasOp::create(builder, loc, linear(rows, weight), bias);
}

Value LayerBuilder::dropout(Value rows, Value ids, double p, int64_t site, int64_t heads) {
  if (p <= 0)
    return rows;
  // Sites below the number of layers are those of their ends.
  return DropoutOp::create(builder, loc, rows, ids, llvm::APFloat(p), uint64_t(site),
                           uint64_t(heads));
}

Value LayerBuilder::bend(Value rows, const spec::EncoderSpec &encoder, Value ids) {
  if (encoder.norm == "layer") {
    Value gamma = param("norm.weight", Scope::Layer, {size("out")}, "ones");
    Value beta = param("norm.bias", Scope::Layer, {size("out")}, "zeros");
    rows = LayerNormOp::create(builder, loc, rows, gamma, beta, builder.getF64FloatAttr(1e-5));
  }
  return dropout(activate(rows, encoder), ids, encoder.dropout, int64_t(layer.getIndex()));
}

Value LayerBuilder::activate(Value rows, const spec::EncoderSpec &encoder) {
  if (encoder.activation == "none")
    return rows;
  UnaryFn fn = *symbolizeUnaryFn(encoder.activation);
  return unary(fn, rows, fn == UnaryFn::LeakyRelu ? 0.01 : 1.0);
}

Value LayerBuilder::headScore(Value rows, StringRef name, Scope scope, int64_t heads,
                              int64_t headSize) {
  Value vector = param(name, scope, {size(heads), size(headSize)}, "xavier_uniform");
  return RowDotOp::create(builder, loc, rows, vector, uint64_t(heads));
}

Value LayerBuilder::attentionTerms(Value sources, Value scores, int64_t heads, double dropout) {
  // Behind the sites of the layers' ends.
  constexpr int64_t attentionSite = 64;
  Value adj = message().getArgument(0);
  Value values = GatherSrcOp::create(builder, loc, sources, adj);
  values = this->dropout(values, Value(), dropout, attentionSite + int64_t(layer.getIndex()), heads);
  MergeRule softmax(Merge::Softmax, heads);
  Value terms = TermOp::create(builder, loc, softmax, values, scores);
  return ReduceDstOp::create(builder, loc, terms, adj, softmax);
}

} // namespace heddle::compiler
