//===- HgnnComputeOps.td - ops that compute values -------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Every op here is pure, infers its result type (also for generic layer programs), has a reference
// semantics in compiler/interpreter and, where it carries gradients, a vector-Jacobian product.
// Row-wise ops keep the domain of their operand. In what follows x[i] is row i.
//
//===----------------------------------------------------------------------===//
#ifndef HGNN_COMPUTE_OPS_TD
#define HGNN_COMPUTE_OPS_TD

include "HgnnDialect.td"
include "HgnnInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Hgnn_Op<string mnemonic, list<Trait> traits = []> : Op<Hgnn_Dialect, mnemonic, traits>;

class Hgnn_ComputeOp<string mnemonic, list<Trait> traits = []>
    : Hgnn_Op<mnemonic, [Pure, InferTypeOpAdaptor] # traits> {
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = "operands attr-dict `:` type(operands)";
}
def Hgnn_Diff : DeclareOpInterfaceMethods<Hgnn_DifferentiableOp>;

//===----------------------------------------------------------------------===//
// Changes of domain
//===----------------------------------------------------------------------===//

def Hgnn_GatherSrcOp : Hgnn_ComputeOp<"gather_src", [Hgnn_Diff]> {
  let summary = "to each edge the row of its source";
  let description = [{rows(h+1, source), or unique(h, r) where the adjacency says so -> edges(h, r). Its gradient
    is `reduce_src`.
    ```mlir
    %e = hgnn.gather_src %x, %adj : !hgnn.tensor<rows(1, @a) : 64xf32>, !hgnn.adj<0, @"a:w:p" from @a to @p>
    ```}];
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_AdjType:$adj);
}
def Hgnn_GatherDstOp : Hgnn_ComputeOp<"gather_dst", [Hgnn_Diff]> {
  let summary = "to each edge the row of its active destination";
  let description = [{active(h, r) -> edges(h, r). Its gradient is `reduce_dst`.}];
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_AdjType:$adj);
}
def Hgnn_ReduceDstOp : Hgnn_ComputeOp<"reduce_dst", [Hgnn_Diff]> {
  let summary = "the sum over each active destination's edges, in canonical edge order";
  let description = [{edges(h, r) -> active(h, r). `of softmax<4>`: what is reduced are terms of that merge, one an
    edge, and the result is the term that they merge to: attention within the relation, whose value
    hgnn.combined takes out, or a part of one that goes on over relations. Its gradient is `gather_dst`.
    ```mlir
    %t = hgnn.term softmax<4> %values, %scores : !hgnn.tensor<edges(0, @"a:w:p") : 64xf32>, ...
    %m = hgnn.reduce_dst %t, %adj of softmax<4> : !hgnn.tensor<edges(0, @"a:w:p") : 72xf32>, !hgnn.adj<...>
    ```}];
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_AdjType:$adj,
                       DefaultValuedAttr<Hgnn_MergeAttr, "::heddle::hgnn::Merge::Sum">:$merge);
  let assemblyFormat = "operands (`of` $merge^)? attr-dict `:` type(operands)";
}
def Hgnn_ReduceSrcOp : Hgnn_ComputeOp<"reduce_src", [Hgnn_Diff]> {
  let summary = "the sum over each source row's edges, in (source, canonical edge) order";
  let description = [{edges(h, r) -> rows(h+1, source), or unique(h, r) where the adjacency says so. Rows without
    an edge get 0.}];
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_AdjType:$adj);
}
def Hgnn_ExpandOp : Hgnn_ComputeOp<"expand", [Hgnn_Diff]> {
  let summary = "from active destinations to all rows at the hop, 0 elsewhere";
  let description = [{active(h, r) -> rows(h, destination). Its gradient is `restrict`. `of argmax`: what
    is moved are terms of that merge, elsewhere are empty ones.
    ```mlir
    %e = hgnn.expand %t, %adj of argmax : !hgnn.tensor<active(0, @"a:w:p") : 8xf32>, !hgnn.adj<...>
    ```}];
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_AdjType:$adj,
                       DefaultValuedAttr<Hgnn_MergeAttr, "::heddle::hgnn::Merge::Sum">:$merge);
  let assemblyFormat = "operands (`of` $merge^)? attr-dict `:` type(operands)";
}
def Hgnn_RestrictOp : Hgnn_ComputeOp<"restrict", [Hgnn_Diff]> {
  let summary = "from all rows at the hop to the active destinations";
  let description = [{rows(h, destination) -> active(h, r). Its gradient is `expand`.}];
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_AdjType:$adj);
}
def Hgnn_SelfGatherOp : Hgnn_ComputeOp<"self_gather", [Hgnn_Diff]> {
  let summary = "the rows of a hop, or the distinct sources of a relation, among the rows of the next hop";
  let description = [{rows(h+1, t) -> rows(h, t) by an identity link, -> unique(h, r) by the link of hgnn.sources.
    Its gradient is `self_scatter`.}];
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_LinkType:$link);
}
def Hgnn_SelfScatterOp : Hgnn_ComputeOp<"self_scatter", [Hgnn_Diff]> {
  let summary = "the transposed link, 0 where a row has no counterpart";
  let description = [{rows(h, t) or unique(h, r) -> rows(h+1, t).}];
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_LinkType:$link);
}
def Hgnn_DegreeOp : Hgnn_ComputeOp<"degree"> {
  let summary = "the number of sampled edges of each active destination, as a number";
  let description = [{active(h, r) -> width 1; at least 1 everywhere. In a layer program: `dst`.}];
  let arguments = (ins Hgnn_AdjType:$adj);
}
def Hgnn_EdgePositionOp : Hgnn_ComputeOp<"edge_position"> {
  let summary = "the position of each edge among its destination's, as a number";
  let description = [{edges(h, r), width 1: 0 for the first in canonical order. In a layer program: `edge`. Exact
    below 2^24 edges a destination; unrolling refuses relations that may have more.}];
  let arguments = (ins Hgnn_AdjType:$adj);
}
def Hgnn_EdgeConstantOp : Hgnn_ComputeOp<"edge_constant"> {
  let summary = "the same number in `width` columns of each edge";
  let description = [{edges(h, r), or in a layer program `edge`. What hgnn.edge_feature stands for where a relation
    has no such feature and the program says a `default`.
    ```mlir
    %w = hgnn.edge_constant %adj {value = 1.0 : f64, width = 1 : i64} : !hgnn.adj<0, @"a:w:p" from @a to @p>
    ```}];
  let arguments = (ins Hgnn_AdjType:$adj, F64Attr:$value, I64Attr:$width);
}
def Hgnn_BroadcastRowsOp : Hgnn_ComputeOp<"broadcast_rows", [Hgnn_Diff]> {
  let summary = "a parameter vector repeated for each row of the domain of `like`";
  let description = [{param [n] -> domain of `like`, ids or rows that are not read, width n. Its gradient is
    `col_sum`.}];
  let arguments = (ins Hgnn_TensorType:$input, AnyTypeOf<[Hgnn_IdsType, Hgnn_TensorType]>:$like);
}
def Hgnn_ColSumOp : Hgnn_ComputeOp<"col_sum", [Hgnn_Diff]> {
  let summary = "the sum over all rows";
  let description = [{domain of `input`, width n -> param [n]. Of no rows: 0. `like`, the ids of the
    rows, is needed only where this op itself is differentiated (the loss).}];
  let arguments = (ins Hgnn_TensorType:$input, Optional<Hgnn_IdsType>:$like);
}

def Hgnn_BatchReduceOp : Hgnn_ComputeOp<"batch_reduce", [Hgnn_Diff]> {
  let summary = "to each row the sum or mean over all rows of its domain in the batch";
  let description = [{rows(h, t) or active(h, r) -> the same; in a layer program of `dst`: in `message` the
    destinations with a sampled edge of the relation, in `update` all rows at the hop. This is what couples
    the rows of a batch (semantic attention, batch statistics), so a result depends on who is in the batch.
    Of no rows: no rows. Its gradient is a batch_reduce of the gradient.

    All rows must be at one place: with several partitions it stands at the seeds (hop 0) only, in a root
    link that is not cut into blocks or above the merges; never over a split batch.
    ```mlir
    %b = hgnn.batch_reduce mean %s : !hgnn.tensor<active(0, @"a:w:p") : 1xf32>
    ```}];
  let arguments = (ins Hgnn_BatchReductionAttr:$kind, Hgnn_TensorType:$input);
  let assemblyFormat = "$kind operands attr-dict `:` type(operands)";
}
def Hgnn_OnesOp : Hgnn_ComputeOp<"ones"> {
  let summary = "the number 1 for each row of the domain of `like`, which is not read";
  let description = [{Width 1. Its col_sum is the number of rows, exact below 2^24: what hgnn-fuse makes a mean
    over the batch with.}];
  let arguments = (ins Hgnn_TensorType:$like);
}

def Hgnn_EdgeIdsOp : Hgnn_Op<"edge_ids", [Pure, InferTypeOpAdaptor]> {
  let summary = "the canonical id of each sampled edge";
  let description = [{The position in the relation's canonical order over the whole graph; not ascending where the
    batch is not. Keys dropout of edge values.}];
  let arguments = (ins Hgnn_AdjType:$adj);
  let results = (outs Hgnn_IdsType:$ids);
  let assemblyFormat = "operands attr-dict `:` type(operands)";
}

//===----------------------------------------------------------------------===//
// Dense products
//===----------------------------------------------------------------------===//

def Hgnn_LinearOp : Hgnn_ComputeOp<"linear", [Hgnn_Diff]> {
  let summary = "x W, or x W^T with `transpose`";
  let description = [{Rows of width k times param [k, n] ([n, k] with transpose) -> width n. With a
    param x of [m, k] the result is param [m, n].}];
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_TensorType:$weight, UnitAttr:$transpose);
}
def Hgnn_LinearGradWeightOp : Hgnn_ComputeOp<"linear_grad_weight", [Hgnn_Diff]> {
  let summary = "x^T g: the sum over rows of outer products";
  let description = [{Rows of width k and rows of width n, same domain -> param [k, n]. Also for param
    x [m, k], g [m, n]. Of no rows: 0.}];
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_TensorType:$grad);
}
def Hgnn_HeadLinearOp : Hgnn_ComputeOp<"head_linear", [Hgnn_Diff]> {
  let summary = "x W with a block-diagonal W: a product of its own for each head";
  let description = [{Rows of h heads of k numbers times param [h, k, n] ([h, n, k] with `transpose`) -> h heads
    of n numbers. A library does h products over strided rows. With a param x of [m, h k] the result is
    param [m, h n].}];
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_TensorType:$weight, UnitAttr:$transpose);
}
def Hgnn_HeadLinearGradWeightOp : Hgnn_ComputeOp<"head_linear_grad_weight", [Hgnn_Diff]> {
  let summary = "x^T g for each head";
  let description = [{Rows of `heads` heads of k numbers and of n numbers, same domain -> param [heads, k, n].
    Of no rows: 0.}];
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_TensorType:$grad, I64Attr:$heads);
}
def Hgnn_LinearSumOp : Hgnn_ComputeOp<"linear_sum", [SameVariadicOperandSize]> {
  let summary = "x0 W0 + x1 W1 + ..., or of transposed weights with `transpose`";
  let description = [{The sum, left to right, of hgnn.linear (weights [k, n]) and hgnn.head_linear (weights [h, k, n]) of
    rows of one domain, without any of their results: a library adds each product to the rows of the ones
    before. hgnn-group-products makes it; gradients are made before. Operands: all rows, then all weights.
    ```mlir
    %y = hgnn.linear_sum %x0, %x1, %w0, %w1 {transpose} : !hgnn.tensor<rows(1, @a) : 64xf32>, ...
    ```}];
  let arguments = (ins Variadic<Hgnn_TensorType>:$inputs, Variadic<Hgnn_TensorType>:$weights, UnitAttr:$transpose);
}
def Hgnn_SparseLinearOp : Hgnn_ComputeOp<"sparse_linear", [Hgnn_Diff]> {
  let summary = "s W for sparse feature rows s";
  let description = [{Sparse rows of dim k times param [k, n] -> rows of width n.}];
  let arguments = (ins Hgnn_SparseType:$input, Hgnn_TensorType:$weight);
}
def Hgnn_SparseLinearGradWeightOp : Hgnn_ComputeOp<"sparse_linear_grad_weight"> {
  let summary = "s^T g for sparse feature rows s";
  let description = [{Sparse rows of dim k and rows of width n -> param [k, n].}];
  let arguments = (ins Hgnn_SparseType:$input, Hgnn_TensorType:$grad);
}

//===----------------------------------------------------------------------===//
// Row-wise and element-wise
//===----------------------------------------------------------------------===//

def Hgnn_ScaleRowsOp : Hgnn_ComputeOp<"scale_rows", [Hgnn_Diff]> {
  let summary = "x[i] * s[i], a number for each row, or for each head";
  let description = [{s of width h, which divides that of x: the numbers of each of h heads times theirs. Either
    operand may be a param, the same for all rows; the other has the rows.}];
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_TensorType:$scale);
}
def Hgnn_RowDotOp : Hgnn_ComputeOp<"row_dot", [Hgnn_Diff]> {
  let summary = "the inner product of x[i] and y[i], of each head where there are `heads`";
  let description = [{Width h for h heads. y may be a param of as many numbers, the same for all rows. Of two
    params of one shape: a param [h].}];
  let arguments = (ins Hgnn_TensorType:$lhs, Hgnn_TensorType:$rhs,
                       DefaultValuedAttr<Hgnn_Count, "1">:$heads);
}
def Hgnn_AddOp : Hgnn_ComputeOp<"add", [Hgnn_Diff]> {
  let summary = "the sum of one or more values of one type, left to right";
  let description = [{`stitched`: on a CPU its terms are gone through one after the other for a block of rows, each for the
    rows that it has something for, instead of all terms for each row (hgnn-stitch-relations). The same bits.}];
  let arguments = (ins Variadic<Hgnn_TensorType>:$inputs, UnitAttr:$stitched);
  let skipDefaultBuilders = 1; // two of them cannot be told apart
  let builders = [OpBuilder<(ins "::mlir::ValueRange":$inputs), [{
    $_state.addOperands(inputs);
    ::llvm::SmallVector<::mlir::Type, 1> types;
    if (::mlir::failed(inferReturnTypes($_builder.getContext(), $_state.location, inputs, {}, ::mlir::OpaqueProperties(nullptr), {}, types)))
      ::llvm::report_fatal_error("a sum of values of several types");
    $_state.addTypes(types);
  }]>];
}
def Hgnn_MulOp : Hgnn_ComputeOp<"mul", [Hgnn_Diff]> {
  let summary = "the element-wise product";
  let arguments = (ins Hgnn_TensorType:$lhs, Hgnn_TensorType:$rhs);
}
def Hgnn_ScaleOp : Hgnn_ComputeOp<"scale", [Hgnn_Diff]> {
  let summary = "x times a constant";
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_Number:$factor);
}
def Hgnn_ScaleByOp : Hgnn_ComputeOp<"scale_by"> {
  let summary = "x times a param [1] value that carries no gradient";
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_TensorType:$factor);
  let description = [{Used for run-time scalars (1 / label count, clipping).}];
}
def Hgnn_AddBiasOp : Hgnn_ComputeOp<"add_bias", [Hgnn_Diff]> {
  let summary = "x[i] + b, b a param [n]";
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_TensorType:$bias);
}
def Hgnn_UnaryOp : Hgnn_ComputeOp<"unary", [Hgnn_Diff]> {
  let summary = "an element-wise function";
  let description = [{relu: max(x, 0), gradient 0 at 0. elu: x > 0 ? x : alpha (e^x - 1).
    leaky_relu: x > 0 ? x : alpha x. gelu: x Phi(x), the exact form with erf. reciprocal: 1/x, of 0: 0.
    rsqrt: 1 / sqrt(x), of 0: 0, its gradient too, below not a number. exp, log: of 0 -inf, below not a number. softplus: log(1 + e^x).
    ```mlir
    %y = hgnn.unary relu %x : !hgnn.tensor<rows(0, @p) : 64xf32>
    ```}];
  let arguments = (ins Hgnn_UnaryFnAttr:$fn, Hgnn_TensorType:$input,
                       DefaultValuedAttr<Hgnn_Number, "1.0">:$alpha);
  let assemblyFormat = "$fn operands attr-dict `:` type(operands)";
}
def Hgnn_UnaryGradOp : Hgnn_ComputeOp<"unary_grad"> {
  let summary = "the derivative of the function at x, times g";
  let arguments = (ins Hgnn_UnaryFnAttr:$fn, Hgnn_TensorType:$input, Hgnn_TensorType:$grad,
                       DefaultValuedAttr<Hgnn_Number, "1.0">:$alpha);
  let assemblyFormat = "$fn operands attr-dict `:` type(operands)";
}
def Hgnn_DropoutOp : Hgnn_ComputeOp<"dropout", [Hgnn_Diff]> {
  let summary = "keyed dropout: x / (1 - p) where kept, 0 elsewhere";
  let description = [{An element is kept as runtime/base/Keys.h says, keyed by (seed, step, hop of the
    rows, site, global row id, column): the same rows at the same hop share their mask whatever
    branch they are used in. Edge values are keyed by the edges' ids. Its own gradient. `ids` is there
    after unrolling only; evaluation entries have no dropout. `site` is unique within the model. With
    `heads`, the numbers of a head are kept together, and the column of the key is the head: of values
    that a softmax weighs that is dropout of its weights.}];
  let arguments = (ins Hgnn_TensorType:$input, Optional<Hgnn_IdsType>:$ids, Hgnn_Number:$p, I64Attr:$site,
                       DefaultValuedAttr<Hgnn_Count, "0">:$heads);
}
def Hgnn_LayerNormOp : Hgnn_ComputeOp<"layer_norm", [Hgnn_Diff]> {
  let summary = "gamma (x - mean) / sqrt(var + eps) + beta over each row";
  let description = [{Biased variance.}];
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_TensorType:$gamma, Hgnn_TensorType:$beta,
                       DefaultValuedAttr<F64Attr, "1e-5">:$eps);
}
def Hgnn_LayerNormXhatOp : Hgnn_ComputeOp<"layer_norm_xhat"> {
  let summary = "(x - mean) / sqrt(var + eps) over each row";
  let arguments = (ins Hgnn_TensorType:$input, DefaultValuedAttr<F64Attr, "1e-5">:$eps);
}
def Hgnn_LayerNormGradOp : Hgnn_ComputeOp<"layer_norm_grad"> {
  let summary = "the gradient of layer_norm to its input";
  let description = [{With h = xhat, d = gamma * g and rstd = 1 / sqrt(var + eps):
    rstd (d - mean(d) - h mean(d h)).}];
  let arguments = (ins Hgnn_TensorType:$input, Hgnn_TensorType:$gamma, Hgnn_TensorType:$grad,
                       DefaultValuedAttr<F64Attr, "1e-5">:$eps);
}
def Hgnn_ConcatOp : Hgnn_ComputeOp<"concat", [Hgnn_Diff]> {
  let summary = "rows side by side";
  let arguments = (ins Variadic<Hgnn_TensorType>:$inputs);
}
def Hgnn_SliceOp : Hgnn_ComputeOp<"slice", [Hgnn_Diff]> {
  let summary = "columns [offset, offset + size) of each row";
  let arguments = (ins Hgnn_TensorType:$input, I64Attr:$offset, I64Attr:$size);
}
def Hgnn_PadOp : Hgnn_ComputeOp<"pad"> {
  let summary = "the columns of x at `offset` of rows of width `size`, 0 elsewhere";
  let arguments = (ins Hgnn_TensorType:$input, I64Attr:$offset, I64Attr:$size);
}
def Hgnn_ReshapeOp : Hgnn_ComputeOp<"reshape", [Hgnn_Diff]> {
  let summary = "a param value with another shape of as many numbers";
  let arguments = (ins Hgnn_TensorType:$input, DenseI64ArrayAttr:$shape);
}
def Hgnn_ZerosOp : Hgnn_Op<"zeros", [Pure]> {
  let summary = "zero rows for the domain of `like`, or a zero param";
  let description = [{`of softmax`: rows that are empty terms of that merge.}];
  let arguments = (ins Optional<Hgnn_IdsType>:$like,
                       DefaultValuedAttr<Hgnn_MergeAttr, "::heddle::hgnn::Merge::Sum">:$merge);
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = [{operands (`of` $merge^)? attr-dict `:`
    functional-type(operands, results)}];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Merges that are no sum: over relations, and over edges
//===----------------------------------------------------------------------===//
//
// Over the relations into a type: a relation's message becomes a `term`, `expand` puts empty terms where
// no edge is, `combine` merges the terms of several relations (and a merge of partitions their combined
// ones), `combined` takes the value out. Over the edges of a destination: an edge's value becomes a `term`,
// `reduce_dst` merges those of a destination, `combined` takes the value out; or what reduce_dst gave goes
// on as the relation's term, which makes one softmax over the edges of all relations.
// Backward, the gradient of terms is a row as wide as a term that says what each needs:
//   argmax   the gradient g of the value, and the winner of each number
//   softmax  g / s, the largest score m of all, and -(g . value) / s (of each head)
// of what all terms together gave. So it is the same for every term, and merges hand it on as they do
// that of a sum; `term_grad` makes a message's gradient of it and of the message alone: nothing as wide
// as the edges' values is stored.

def Hgnn_TermOp : Hgnn_ComputeOp<"term", [Hgnn_Diff]> {
  let summary = "one relation's or edge's term of a merge";
  let description = [{max: x. argmax: x and, once for each number, what it comes from: the relation `link`, or of
    edges `key`, their hgnn.edge_position. softmax: x, its scores `key` (one a head), and 1 for each head. A
    value or score of -inf takes no part.
    ```mlir
    %t = hgnn.term argmax %m {link = 3 : i64} : !hgnn.tensor<active(0, @"a:w:p") : 4xf32>
    ```}];
  let arguments = (ins Hgnn_MergeAttr:$merge, Hgnn_TensorType:$input, Optional<Hgnn_TensorType>:$key,
                       DefaultValuedAttr<I64Attr, "-1">:$link);
  let assemblyFormat = "$merge operands attr-dict `:` type(operands)";
}
def Hgnn_TermGradOp : Hgnn_ComputeOp<"term_grad"> {
  let summary = "the gradient of a term's message, of the gradient of the terms";
  let description = [{argmax (grad), of edges (grad, position): g where the winner is `link` or the position, else
    0. softmax (grad, score): w g / s, the gradient of the value, with w = e^(score - m); (grad, score,
    value): that of the score, w ((g / s) . value - (g . all) / s), one number a head. w is 0 where the score is
    -inf.}];
  let arguments = (ins Hgnn_MergeAttr:$merge, Variadic<Hgnn_TensorType>:$inputs,
                       DefaultValuedAttr<I64Attr, "-1">:$link);
  let assemblyFormat = "$merge operands attr-dict `:` type(operands)";
}
def Hgnn_CombineOp : Hgnn_ComputeOp<"combine", [Hgnn_Diff]> {
  let summary = "the merge of terms, left to right";
  let description = [{max, argmax: the larger number, of equal ones that of the lower relation id; not a
    number is larger than all. softmax, of each head: with m the largest of the m_k and w_k = e^(m_k - m) (0 where m_k is -inf),
    the sums of w_k o_k and of w_k s_k. Terms of one partition combined are one term again. `stitched`: as in hgnn.add,
    of a softmax.}];
  let arguments = (ins Hgnn_MergeAttr:$merge, Variadic<Hgnn_TensorType>:$inputs, UnitAttr:$stitched);
  let assemblyFormat = "$merge operands attr-dict `:` type(operands)";
}
def Hgnn_CombinedOp : Hgnn_ComputeOp<"combined", [Hgnn_Diff]> {
  let summary = "the value of merged terms; 0 where none takes part";
  let description = [{max, argmax: the numbers, 0 for -inf. softmax: o / s, 0 where s is 0.}];
  let arguments = (ins Hgnn_MergeAttr:$merge, Hgnn_TensorType:$input);
  let assemblyFormat = "$merge operands attr-dict `:` type(operands)";
}
def Hgnn_CombinedGradOp : Hgnn_ComputeOp<"combined_grad"> {
  let summary = "the gradient of terms, of the gradient of their value and of what they gave together";
  let description = [{argmax: g (0 where no relation takes part), and the winners. softmax: g / s, m,
    -(g . o) / s^2; 0, -inf, 0 where s is 0.}];
  let arguments = (ins Hgnn_MergeAttr:$merge, Hgnn_TensorType:$grad, Hgnn_TensorType:$merged);
  let assemblyFormat = "$merge operands attr-dict `:` type(operands)";
}

//===----------------------------------------------------------------------===//
// Losses and norms
//===----------------------------------------------------------------------===//

def Hgnn_SoftmaxXentOp : Hgnn_ComputeOp<"softmax_xent", [Hgnn_Diff]> {
  let summary = "per row: w[label] * -log softmax(logits)[label]; 0 for a missing label";
  let description = [{Width c -> width 1. The divisor (the global count of labelled seeds) is explicit
    in the program, not part of this op.}];
  let arguments = (ins Hgnn_TensorType:$logits, Hgnn_LabelsType:$labels,
                       OptionalAttr<DenseF64ArrayAttr>:$class_weights);
}
def Hgnn_SoftmaxXentGradOp : Hgnn_ComputeOp<"softmax_xent_grad"> {
  let summary = "the gradient of softmax_xent to the logits, times the row's g (width 1)";
  let arguments = (ins Hgnn_TensorType:$logits, Hgnn_LabelsType:$labels, Hgnn_TensorType:$grad,
                       OptionalAttr<DenseF64ArrayAttr>:$class_weights);
}
def Hgnn_SigmoidXentOp : Hgnn_ComputeOp<"sigmoid_xent", [Hgnn_Diff]> {
  let summary = "per row: the mean over classes of binary cross-entropy with logits";
  let description = [{Multi-label. Width c -> width 1: (1/c) sum_j (w[j] y softplus(-z) + (1 - y) softplus(z)), with
    softplus(z) = max(z, 0) + log(1 + e^-|z|): a class weight multiplies the positive term (1 where
    absent). 0 for a row without labels.}];
  let arguments = (ins Hgnn_TensorType:$logits, Hgnn_LabelsType:$labels,
                       OptionalAttr<DenseF64ArrayAttr>:$class_weights);
}
def Hgnn_SigmoidXentGradOp : Hgnn_ComputeOp<"sigmoid_xent_grad"> {
  let summary = "the gradient of sigmoid_xent to the logits, times the row's g (width 1)";
  let arguments = (ins Hgnn_TensorType:$logits, Hgnn_LabelsType:$labels, Hgnn_TensorType:$grad,
                       OptionalAttr<DenseF64ArrayAttr>:$class_weights);
}
def Hgnn_SumSquaresOp : Hgnn_ComputeOp<"sum_squares"> {
  let summary = "the sum of all squares, param [1]";
  let arguments = (ins Hgnn_TensorType:$input);
}
def Hgnn_ClipFactorOp : Hgnn_ComputeOp<"clip_factor"> {
  let summary = "min(1, max_norm / (sqrt(sum of inputs) + 1e-6)), param [1]";
  let arguments = (ins Variadic<Hgnn_TensorType>:$inputs, F64Attr:$max_norm);
}

//===----------------------------------------------------------------------===//
// Run-time scalars
//===----------------------------------------------------------------------===//

def Hgnn_ScalarOp : Hgnn_Op<"scalar", [Pure]> {
  let summary = "a scalar that the runtime gives for the step, param [1]";
  let description = [{inv_label_count: 1 / number of labelled seeds of the global batch (0 if none).
    learning_rate, bias_correction1/2 (1 - beta^t): of optimizer group `group`.}];
  let arguments = (ins Hgnn_ScalarKindAttr:$kind, DefaultValuedAttr<I64Attr, "0">:$group);
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = "$kind attr-dict `:` type(results)";
}

#endif // HGNN_COMPUTE_OPS_TD
