//===- BuildModel.h - spec and schema to the model phase ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_FRONTEND_BUILDMODEL_H
#define HEDDLE_COMPILER_FRONTEND_BUILDMODEL_H

#include "compiler/spec/ModelSpec.h"
#include "runtime/graph/GraphSchema.h"

#include "dialects/hgnn/Hgnn.h"

#include "mlir/IR/OwningOpRef.h"

namespace heddle::compiler {

/// The module in the model phase for a resolved spec: schema symbols with their statistics, task,
/// sampling, optimizers, input programs, layers. A layer program comes from the built-in encoder's
/// builder or from the .mlir file that the spec names. Opens no array. On failure a diagnostic was
/// emitted at the place (a line of the .mlir file, or the spec's name).
mlir::OwningOpRef<mlir::ModuleOp> buildModel(mlir::MLIRContext &context,
                                             const spec::ModelSpec &spec,
                                             const graph::GraphSchema &schema);

/// Appends the layers of the built-in R-GCN (Schlichtkrull et al., "Modeling relational data with
/// graph convolutional networks", ESWC 2018, eq. 2 and 3):
///   h_v' = act(norm(W_0 h_v + sum over r of (1 / |N_r(v)|) sum over u in N_r(v) of W_r h_u + b))
/// with W_r free or a sum of `num_bases` basis matrices. |N_r(v)| is the sampled degree. The last
/// layer gives class scores: no activation, norm or dropout.
void buildRgcnLayers(mlir::OpBuilder &builder, mlir::Location loc, const spec::EncoderSpec &encoder,
                     int64_t numClasses);

/// Appends the layers of relational GraphSAGE: what PyG's to_hetero(SAGEConv) gives, a mean over
/// each relation's edges through its own matrix, and for each relation a matrix of the own rows and
/// a bias, all summed,
///   h_v' = act(norm(sum over r of (mean over u in N_r(v) of h_u) W_r + h_v R_t + b_t))
/// A sum of matrices of the own rows is one matrix, so R and b are the node type's: the sums of
/// SAGEConv's lin_r.weight and lin_l.bias over the relations into the type.
void buildRsageLayers(mlir::OpBuilder &builder, mlir::Location loc,
                      const spec::EncoderSpec &encoder, int64_t numClasses);

/// Appends the layers of Simple-HGN (Lv et al., "Are we really making much progress?", KDD 2021,
/// eq. 4 to 8): W h with one W a layer, for an edge of relation r into v
///   e_uv = leaky_relu(a_l . W h_u + a_r . W h_v + a_e . W_r r, negative_slope)
/// in each head, with one softmax over the edges of all relations and, with useSelfLoop, the edge
/// from v to itself, which has an embedding r of its own; then h_v' = act(norm(sum + h_v)), with
/// h_v through a matrix where widths differ. The last layer has one head and gives rows of
/// length 1. Its residual over attention weights of layers (beta) is left out. numHeads and
/// negativeSlope are set.
void buildSimpleHgnLayers(mlir::OpBuilder &builder, mlir::Location loc,
                          const spec::EncoderSpec &encoder, int64_t numClasses);

/// Appends the layers of relational graph attention: in each relation that of Velickovic et al.
/// (ICLR 2018) with `num_heads` heads,
///   z = W_r h_u,  e_uv = leaky_relu(a_r . z_u + a_r' . W_r' h_v, negative_slope),
///   h_v' = act(norm(W_0 h_v + sum over r of sum over u of softmax_u(e_uv) z_u + b))
/// with a softmax over v's edges of relation r. The last layer gives class scores, the mean of its
/// heads. numHeads is set and divides hidden_size; negativeSlope is set.
void buildRgatLayers(mlir::OpBuilder &builder, mlir::Location loc, const spec::EncoderSpec &encoder,
                     int64_t numClasses);

/// Appends the layers of the heterogeneous graph transformer (Hu et al., WWW 2020): keys, values
/// and queries by node type, a matrix for scores, one for values and a prior for each relation and
/// head, one softmax over the edges of all relations (or of each, summed), gelu, a product by type
/// and a gated skip connection. The last layer ends with a product to class scores. numHeads is set
/// and divides hidden_size.
void buildHgtLayers(mlir::OpBuilder &builder, mlir::Location loc, const spec::EncoderSpec &encoder,
                    int64_t numClasses);

/// Appends the layers of the heterogeneous attention network (Wang et al., WWW 2019): in each relation
/// (a metapath), over rows that the inputs project by node type, attention with `num_heads` heads,
///   e_uv = leaky_relu(a_r . h_u + a_r' . h_v, 0.2),  z_v^r = act(sum over u of softmax_u(e_uv) h_u),
/// and of relations one weight for all of the batch (formulas 7 to 9),
///   w_r = mean over v of q . tanh(W z_v^r + b),  h_v' = sum over r of softmax_r(w_r) z_v^r.
/// The mean and the sum are over destinations with an edge of r: all of them where a metapath joins a
/// node with itself. Layers after the first project their rows by node type; the last ends with a
/// product to class scores. numHeads is set and divides hidden_size.
void buildHanLayers(mlir::OpBuilder &builder, mlir::Location loc, const spec::EncoderSpec &encoder,
                    int64_t numClasses);

/// Appends the layers of an encoder file. It holds hgnn.layer ops only: one layer used for all
/// indices, two named @hidden and @last, or one per index. Sizes, indices and arguments are set
/// here, texts that stand for numbers are evaluated, and what is `hidden_only` is taken out of the
/// last layer. `encoder.args` override the layers' `args`; `loc` is the spec's place, for errors
/// about them.
mlir::LogicalResult buildLayersFromFile(mlir::OpBuilder &builder, mlir::Location loc,
                                        const std::string &path, const spec::EncoderSpec &encoder,
                                        int64_t numClasses);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_FRONTEND_BUILDMODEL_H
