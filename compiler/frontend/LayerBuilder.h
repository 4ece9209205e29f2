//===- LayerBuilder.h - the regions of one layer program ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_FRONTEND_LAYERBUILDER_H
#define HEDDLE_COMPILER_FRONTEND_LAYERBUILDER_H

#include "compiler/spec/ModelSpec.h"
#include "dialects/hgnn/Hgnn.h"

#include "mlir/IR/Builders.h"

namespace heddle::compiler {

/// Makes a hgnn.layer with its two blocks, and what programs of all built-in encoders are made of.
/// `out`: the width of the rows that the layer gives.
class LayerBuilder {
public:
  LayerBuilder(mlir::OpBuilder &builder, mlir::Location loc, int64_t index, int64_t in, int64_t out,
               hgnn::Combine combine = hgnn::Combine::Sum);

  mlir::Value param(llvm::StringRef name, hgnn::Scope scope, llvm::ArrayRef<mlir::Attribute> shape,
                    llvm::StringRef init);
  /// A learnable row for each row of `kind`; `scope` says for what there is a table.
  mlir::Value table(llvm::StringRef name, hgnn::Scope scope, hgnn::DomainKind kind);
  /// A feature of the edges, in `message`; of relations without it `otherwise` in each column.
  mlir::Value edgeFeature(llvm::StringRef name, double otherwise);
  mlir::Value unary(hgnn::UnaryFn fn, mlir::Value input, double alpha = 1.0);
  mlir::Value linear(mlir::Value rows, mlir::Value weight);
  /// x W + b with parameters `name`.weight [in, out] and `name`.bias.
  mlir::Value affine(mlir::Value rows, llvm::StringRef name, hgnn::Scope scope, mlir::Attribute in,
                     mlir::Attribute out);
  /// What hidden layers end with: norm, activation and dropout as the spec says.
  mlir::Value bend(mlir::Value rows, const spec::EncoderSpec &encoder, mlir::Value ids);
  /// The encoder's activation.
  mlir::Value activate(mlir::Value rows, const spec::EncoderSpec &encoder);
  /// For each of `heads` heads the inner product of its `headSize` numbers with a vector of its own.
  mlir::Value headScore(mlir::Value rows, llvm::StringRef name, hgnn::Scope scope, int64_t heads,
                        int64_t headSize);
  /// In `message`: terms of a softmax, of each head by itself, of the edges into a destination. Values
  /// are those of `sources`, with dropout of their weights; `scores`: a number an edge and head.
  mlir::Value attentionTerms(mlir::Value sources, mlir::Value scores, int64_t heads,
                             double dropout = 0);
  /// Keyed dropout at one of the layer's 64 sites; `ids` may be null, `heads` 0.
  mlir::Value dropout(mlir::Value rows, mlir::Value ids, double p, int64_t site, int64_t heads = 0);
  mlir::Attribute size(llvm::StringRef text) { return builder.getStringAttr(text); }
  mlir::Attribute size(int64_t number) { return builder.getI64IntegerAttr(number); }

  mlir::Block &message() { return layer.getMessage().front(); }
  mlir::Block &update() { return layer.getUpdate().front(); }
  /// The identity link's part of a softmax; the layer has none until addSelf().
  void addSelf();
  mlir::Block &self() { return layer.getSelf().front(); }

  mlir::OpBuilder &builder;
  mlir::Location loc;
  mlir::MLIRContext *context;
  hgnn::LayerOp layer;
  int64_t in, out;

private:
  void addBlock(mlir::Region &region, llvm::ArrayRef<mlir::Type> types);
};

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_FRONTEND_LAYERBUILDER_H
