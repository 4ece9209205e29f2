//===- HgnnOps.td - structure, sampling, state and kernel ops -------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HGNN_OPS_TD
#define HGNN_OPS_TD

include "HgnnCommOps.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

//===----------------------------------------------------------------------===//
// Schema and settings (all phases)
//===----------------------------------------------------------------------===//

def Hgnn_NodeTypeOp : Hgnn_Op<"node_type", [Symbol]> {
  let summary = "a node type of the graph";
  let description = [{`id` is the canonical id. `features` describes the features:
    {name = {kind = "dense"|"sparse", dim, nnz, number_bytes}}; `number_bytes`: of a number as the graph
    stores it, 4 where it is not said.
    ```mlir
    hgnn.node_type @noun {id = 3 : i64, num_nodes = 82115 : i64, features = {}}
    ```}];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$id, I64Attr:$num_nodes,
                       DictionaryAttr:$features);
  let assemblyFormat = "$sym_name attr-dict";
}
def Hgnn_RelationOp : Hgnn_Op<"relation", [Symbol]> {
  let summary = "a relation; its symbol is source:name:destination";
  let description = [{All relations of the graph stand in a module, for their canonical ids; the model
    uses those that are not `excluded`. Statistics from import: `in_active` and `out_active` nodes with an edge, and
    log2 degree histograms (bucket 0: degree 0; bucket b: [2^(b-1), 2^b)). `features` describes data of edges,
    as in hgnn.node_type; of a reverse view they are those of the relation that it views.}];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$id, FlatSymbolRefAttr:$source,
                       StrAttr:$name, FlatSymbolRefAttr:$destination, I64Attr:$num_edges,
                       DefaultValuedAttr<I64Attr, "-1">:$reverse_of,
                       DefaultValuedAttr<I64Attr, "0">:$max_in_degree,
                       DefaultValuedAttr<I64Attr, "0">:$in_active,
                       DefaultValuedAttr<I64Attr, "0">:$out_active,
                       OptionalAttr<DenseI64ArrayAttr>:$in_hist,
                       OptionalAttr<DenseI64ArrayAttr>:$out_hist, UnitAttr:$excluded,
                       OptionalAttr<DictionaryAttr>:$features);
  let assemblyFormat = "$sym_name `from` $source `to` $destination attr-dict";
}
def Hgnn_TaskOp : Hgnn_Op<"task"> {
  let summary = "what is learnt: node classification of one type";
  let description = [{`loss`: "cross_entropy" or "binary_cross_entropy". `class_names`, `metrics`:
    strings. `class_weights`: one number a class, or absent. `num_seeds`: training seeds.}];
  let arguments = (ins FlatSymbolRefAttr:$target, StrAttr:$label, StrAttr:$split,
                       BoolAttr:$multilabel, ArrayAttr:$class_names, StrAttr:$loss,
                       OptionalAttr<DenseF64ArrayAttr>:$class_weights, ArrayAttr:$metrics,
                       I64Attr:$num_train, I64Attr:$num_valid, I64Attr:$num_test);
  let assemblyFormat = "$target attr-dict";
  let extraClassDeclaration = [{ int64_t getNumClasses() { return getClassNames().size(); } }];
}
def Hgnn_SamplingOp : Hgnn_Op<"sampling"> {
  let summary = "fan-outs and batch sizes";
  let description = [{`fanout`, `eval_fanout`: one number a hop, first = nearest to the seeds, -1 = all.
    `overrides`: {relation symbol = array of fan-outs}, for training and, as `eval_overrides`, for
    evaluation. Batch sizes are global; 0 = all seeds.}];
  let arguments = (ins DenseI64ArrayAttr:$fanout, DictionaryAttr:$overrides,
                       DenseI64ArrayAttr:$eval_fanout, DictionaryAttr:$eval_overrides,
                       I64Attr:$batch_size, I64Attr:$eval_batch_size);
  let assemblyFormat = "attr-dict";
}
def Hgnn_OptimizerOp : Hgnn_Op<"optimizer"> {
  let summary = "a parameter group: its update rule and numbers";
  let description = [{Group 0 holds the dense parameters, group 1 (`row_sparse`) the learnable rows.}];
  let arguments = (ins Hgnn_OptimizerKindAttr:$kind, I64Attr:$group, UnitAttr:$row_sparse, F64Attr:$lr,
                       F64Attr:$beta1, F64Attr:$beta2, F64Attr:$eps, F64Attr:$weight_decay,
                       F64Attr:$momentum, DefaultValuedAttr<F64Attr, "-1.0">:$max_grad_norm);
  let assemblyFormat = "$kind attr-dict";
}
def Hgnn_TrainSettingsOp : Hgnn_Op<"train_settings"> {
  let summary = "what the runtime's loop needs, as JSON, and the resolved spec";
  let arguments = (ins StrAttr:$settings, StrAttr:$spec);
  let assemblyFormat = "attr-dict";
}

//===----------------------------------------------------------------------===//
// Model phase
//===----------------------------------------------------------------------===//

def Hgnn_InputOp : Hgnn_Op<"input", [Symbol, SingleBlock, NoTerminator]> {
  let summary = "the input program of a node type: its layer-0 rows";
  let description = [{The region yields a `dst`-generic tensor of the width that all types share.
    ```mlir
    hgnn.input @noun {
      %w = hgnn.param "inputs.noun.gloss.weight" shape [2000, 64] init "xavier_uniform" : ...
      %x = hgnn.feature_sparse "gloss" : !hgnn.sparse<dst, 2000>
      %y = hgnn.sparse_linear %x, %w : ...
      %e = hgnn.learnable "embeddings.noun.weight" ... : !hgnn.tensor<dst : 64xf32>
      %z = hgnn.add %y, %e : ...
      hgnn.yield %z : ...
    }
    ```}];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$type);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `of` $type attr-dict-with-keyword $body";
}
def Hgnn_LayerOp : Hgnn_Op<"layer", [Symbol, NoTerminator]> {
  let summary = "one message-passing layer, generic over the relations";
  let description = [{
    `message` runs once per relation, with (adjacency, source rows, destination rows), over the
    destinations that have at least one sampled edge of that relation, and yields a `dst` tensor; a
    destination without an edge contributes nothing, whatever the program. `combine` joins what the
    relations into a type yield (a type with none: zeros):
      `sum`      the sum; a relation without a sampled edge at the destination adds 0
      `mean`     the sum divided by the number of relations of the schema into the type that the model
                 uses, empty ones included
      `max`      of each number the largest over the relations with a sampled edge at the destination, 0
                 where there is none. Of equal ones the lowest canonical relation id, which alone gets
                 the gradient
      `softmax`  `message` yields a value and a score, of width 1 or one for each of h heads of the value: the
                 mean of the values of the relations with a sampled edge at the destination, weighted by
                 the softmax of their scores, of each head by itself; 0 where there is none. Gradients
                 go to both. Or it yields terms, made by hgnn.reduce_dst of softmax: then it is one
                 softmax over the edges of all relations into the destination
    `self`, of a layer that combines softmax, runs once per destination type, with (own rows, ids): it yields
    the value and the score of the identity link, which takes part in the softmax at every destination,
    after the relations. Without it the identity link is no part of the combine.
    `update` runs once per destination type, with (combined, own rows, ids) and yields the new rows.
    When no region uses the destination's own rows there is no identity link. `in_size` and
    `out_size` are the widths of rows before and after.

    Sizes (`shape` of hgnn.param, `width` of hgnn.learnable) and, in a file that a spec names, `heads`,
    `factor`, `alpha`, `p` and the heads of a softmax may be texts: expressions of numbers, +, -, *, /,
    brackets and sqrt over "in", "out" and the layer's arguments, such as "in / num_heads". `args` declares
    arguments with their defaults, which model.args of the spec overrides; `last_args` are those that differ in the
    last layer. The front end evaluates them, sets sizes of 0, and takes out of the last layer what has
    the attribute `hidden_only` (an op whose result is as its first operand), so that one layer serves for all.
    ```mlir
    hgnn.layer @all combine sum attributes {index = 0 : i64, in_size = 0 : i64, out_size = 0 : i64,
                                            args = {num_heads = 4, slope = 0.2}, last_args = {num_heads = 1}}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$index, I64Attr:$in_size, I64Attr:$out_size,
                       Hgnn_CombineAttr:$combine);
  let regions = (region SizedRegion<1>:$message, SizedRegion<1>:$update, AnyRegion:$self);
  let assemblyFormat = [{$sym_name `combine` $combine attr-dict-with-keyword
    `message` $message (`self` $self^)? `update` $update}];
  let hasVerifier = 1;
}
def Hgnn_YieldOp : Hgnn_Op<"yield", [Terminator, ReturnLike, Pure,
    ParentOneOf<["InputOp", "LayerOp", "KernelOp"]>]> {
  let summary = "ends a region with its results";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}
def Hgnn_ParamOp : Hgnn_Op<"param", [Pure]> {
  let summary = "a parameter of a layer or input program";
  let description = [{`shape`: integers, or "in" / "out" of the layer, or products. `scope` says who shares it.
    `init`: zeros, ones, xavier_uniform, xavier_normal, kaiming_uniform, "uniform(a)" in [-a, a),
    "normal(s)". The name of the state: in a layer, convs.<layer>.<name> for scope layer,
    convs.<layer>.convs.<src___rel___dst>.<name> for relation, convs.<layer>.<name>_dict.<type> for a
    type (PyG's spelling; a dot in a type name becomes #); in an input program, `name` itself. In `message`,
    with scope relation, "edge.NAME" is the number of columns of the relation's edge feature NAME.}];
  let arguments = (ins StrAttr:$name, Hgnn_ScopeAttr:$scope, ArrayAttr:$shape, StrAttr:$init);
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = "$name `scope` $scope `shape` $shape `init` $init attr-dict `:` type($result)";
}
def Hgnn_FeatureOp : Hgnn_Op<"feature", [Pure]> {
  let summary = "a feature of the node type of this input program";
  let arguments = (ins StrAttr:$name);
  let results = (outs AnyTypeOf<[Hgnn_TensorType, Hgnn_SparseType]>:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
}
def Hgnn_EdgeFeatureOp : Hgnn_Op<"edge_feature", [Pure]> {
  let summary = "a dense feature of the relation's edges, in `message`";
  let description = [{Rows of edge data, converted to f32, one for each sampled edge; no gradient goes into them. A
    width of ? is that of each relation by itself; a number must be that of all. A relation without such a
    feature is an error, unless there is a `default`: its rows are then that number, in as many columns
    as the type says (in one if it says ?), so a program of weighted sums serves relations without weights.
    ```mlir
    %w = hgnn.edge_feature "weight" default 1.0 : !hgnn.tensor<edge : 1xf32>
    ```}];
  let arguments = (ins StrAttr:$name, OptionalAttr<F64Attr>:$default_value);
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = "$name (`default` $default_value^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}
def Hgnn_LearnableOp : Hgnn_Op<"learnable", [Pure]> {
  let summary = "a learnable row per node of the type";
  let description = [{In an input program: of its type, and `name` is the state's. In a layer, with `scope` and
    `width` (as a size in `shape` of hgnn.param): in `message` a table for each relation or source type, and
    the rows are those of the sources; in `update` one for each destination type, and the rows are its own.
    The name of the state is then made as hgnn.param's. A weight times a one-hot vector is its row: so a
    layer without inputs is written, as R-GCN's first one over a featureless graph (Schlichtkrull et al.,
    section 5.1).
    ```mlir
    %e = hgnn.learnable "weight" scope relation width "out" init "xavier_uniform" : !hgnn.tensor<src : ?xf32>
    ```}];
  let arguments = (ins StrAttr:$name, OptionalAttr<Hgnn_ScopeAttr>:$scope, OptionalAttr<AnyAttr>:$width,
                       StrAttr:$init);
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = [{$name (`scope` $scope^ `width` $width)? `init` $init attr-dict `:`
    type($result)}];
  let hasVerifier = 1;
}
def Hgnn_BroadcastDstOp : Hgnn_Op<"constant_rows", [Pure]> {
  let summary = "the same parameter vector for every node of the type";
  let arguments = (ins Hgnn_TensorType:$input);
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

//===----------------------------------------------------------------------===//
// After unrolling: entries, sampling, fetches, states
//===----------------------------------------------------------------------===//

def Hgnn_StateOp : Hgnn_Op<"state", [Symbol]> {
  let summary = "an entry of the state registry";
  let description = [{`shape` is the whole shape, or, with `rows_type`, the shape of one row of a table
    with a row per node. `init`: {kind = "zeros"|"constant"|"uniform"|"normal", a, b}. Moments and
    row step counters name the `parameter` that they belong to. `partitions`: who keeps a copy (absent:
    everyone); all copies are updated from the same bits. `hidden`: rows that a layer gave, kept while the next
    layers are inferred; nothing learns or saves them. `spread`: no copies; of N rows, keeper k of q has
    [N k / q, N (k + 1) / q).}];
  let arguments = (ins SymbolNameAttr:$sym_name, Hgnn_StateRoleAttr:$role, DenseI64ArrayAttr:$shape,
                       OptionalAttr<FlatSymbolRefAttr>:$rows_type, DictionaryAttr:$init,
                       OptionalAttr<FlatSymbolRefAttr>:$parameter,
                       DefaultValuedAttr<I64Attr, "-1">:$group,
                       OptionalAttr<DenseI64ArrayAttr>:$partitions, UnitAttr:$spread);
  let assemblyFormat = "$role $sym_name attr-dict";
  let hasVerifier = 1;
}
def Hgnn_CacheOp : Hgnn_Op<"cache"> {
  let summary = "fetches of a dense feature go through a cache";
  let description = [{At the top of a module, one for each feature whose fetches are `cached`. `requested`: rows that a
    training step is expected to ask for, in all partitions together. `hits`: the share of them that is
    expected to be found where the share `kept` of the rows, those asked for most, is at hand; both ascend.
    ```mlir
    hgnn.cache "x" of @paper {requested = 1.2e+03 : f64, kept = array<f64: 0.1, 0.5>, hits = array<f64: 0.4, 0.8>}
    ```}];
  let arguments = (ins StrAttr:$feature, FlatSymbolRefAttr:$type, F64Attr:$requested,
                       DenseF64ArrayAttr:$kept, DenseF64ArrayAttr:$hits);
  let assemblyFormat = "$feature `of` $type attr-dict";
  let hasVerifier = 1;
}
def Hgnn_EntryOp : Hgnn_Op<"entry", [Symbol, SingleBlock, NoTerminator, IsolatedFromAbove]> {
  let summary = "one kind of step as straight-line code";
  let description = [{With `partition` at least 0: what that partition does; the entries of one kind run
    together and meet at their collectives. `infer_layer`: one layer (`layer`; the input programs are layer
    -1) for any rows of a node type, all neighbours taken, of the rows that the layer before left in a state
    of role `hidden`. Its output "logits" are the rows.}];
  let arguments = (ins SymbolNameAttr:$sym_name, Hgnn_EntryKindAttr:$kind,
                       DefaultValuedAttr<I64Attr, "-1">:$partition,
                       DefaultValuedAttr<I64Attr, "-1">:$layer);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$kind $sym_name attr-dict-with-keyword $body";
}
def Hgnn_OutputOp : Hgnn_Op<"output"> {
  let summary = "names a result of the entry: loss, logits, ids, or grad:STATE";
  let description = [{The training phase marks every parameter gradient (`grad:NAME`) so that the
    interpreter can show it; plans keep loss, logits and ids only.}];
  let arguments = (ins StrAttr:$name, AnyType:$value);
  let assemblyFormat = "$name $value attr-dict `:` type($value)";
}
def Hgnn_SeedsOp : Hgnn_Op<"seeds"> {
  let summary = "the seeds of the batch: rows(0, target)";
  let results = (outs Hgnn_IdsType:$ids);
  let assemblyFormat = "attr-dict `:` type($ids)";
}
def Hgnn_SampleOp : Hgnn_Op<"sample", [Pure]> {
  let summary = "A(step, hop, relation) for the rows at a hop";
  let description = [{A pure function of seed and keys (runtime/base/Keys.h); fan-out -1 takes all. With `blocks`
    q above 1, at hop 0 only: of q blocks of the seeds as of hgnn.seed_block, by the work of this relation,
    those but block k = `block` are destinations without an edge here; other partitions sample their edges.}];
  let arguments = (ins Hgnn_IdsType:$ids, I64Attr:$fanout,
                       DefaultValuedAttr<I64Attr, "0">:$block, DefaultValuedAttr<I64Attr, "1">:$blocks);
  let results = (outs Hgnn_AdjType:$adj);
  let assemblyFormat = "$ids `fanout` $fanout attr-dict `:` type($ids) `->` type($adj)";
  let hasVerifier = 1;
}
def Hgnn_FrontierOp : Hgnn_Op<"frontier", [Pure, AttrSizedOperandSegments]> {
  let summary = "the rows of (hop, type): sources of the previous hop's samples, and its own rows";
  let description = [{`previous` is there when there is an identity link; `link` then says where those
    rows stand. One vertex per (hop, type): everything that reads it shares it.}];
  let arguments = (ins Optional<Hgnn_IdsType>:$previous, Variadic<Hgnn_AdjType>:$samples);
  let results = (outs Hgnn_IdsType:$ids, Optional<Hgnn_LinkType>:$link);
  let assemblyFormat = [{(`self` $previous^)? `samples` `(` $samples `)` attr-dict `:`
    functional-type(operands, results)}];
  let hasVerifier = 1;
}
def Hgnn_SourcesOp : Hgnn_Op<"sources", [Pure]> {
  let summary = "where the distinct sources of a relation stand among the rows of their frontier";
  let description = [{For an adjacency whose sources are numbered among themselves. What is made of these rows alone
    is made for those that some edge reads, in place of all rows of the type at that hop.
    ```mlir
    %l = hgnn.sources %adj of %ids : (!hgnn.adj<0, @"a:w:p" from @a to @p, unique>, !hgnn.ids<rows(1, @a)>) -> !hgnn.link<0, @"a:w:p" from @a>
    ```}];
  let arguments = (ins Hgnn_AdjType:$adj, Hgnn_IdsType:$ids);
  let results = (outs Hgnn_LinkType:$link);
  let assemblyFormat = "$adj `of` $ids attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def Hgnn_FetchDenseOp : Hgnn_Op<"fetch_dense", [Pure]> {
  let summary = "dense feature rows";
  let description = [{`cached`: they go through the cache of that feature (hgnn.cache). The value is the same.}];
  let arguments = (ins Hgnn_IdsType:$ids, StrAttr:$feature, UnitAttr:$cached);
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = "$feature `of` $ids attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def Hgnn_FetchEdgeOp : Hgnn_Op<"fetch_edge", [Pure]> {
  let summary = "dense feature rows of sampled edges";
  let description = [{adj -> edges(h, r). The data of a relation's edges are where its edges are: whoever samples it
    reads them, in any order of a step, and no bytes are sent.
    ```mlir
    %w = hgnn.fetch_edge "weight" of %adj : (!hgnn.adj<0, @"a:w:p" from @a to @p>) -> !hgnn.tensor<edges(0, @"a:w:p") : 1xf32>
    ```}];
  let arguments = (ins Hgnn_AdjType:$adj, StrAttr:$feature);
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = "$feature `of` $adj attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def Hgnn_FetchSparseOp : Hgnn_Op<"fetch_sparse", [Pure]> {
  let summary = "sparse feature rows";
  let arguments = (ins Hgnn_IdsType:$ids, StrAttr:$feature);
  let results = (outs Hgnn_SparseType:$result);
  let assemblyFormat = "$feature `of` $ids attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def Hgnn_FetchLabelsOp : Hgnn_Op<"fetch_labels", [Pure]> {
  let summary = "labels of the seeds";
  let arguments = (ins Hgnn_IdsType:$ids, StrAttr:$label);
  let results = (outs Hgnn_LabelsType:$result);
  let assemblyFormat = "$label `of` $ids attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def Hgnn_FetchRowsOp : Hgnn_Op<"fetch_rows", [MemoryEffects<[MemRead]>]> {
  let summary = "rows of a learnable table";
  let arguments = (ins Hgnn_IdsType:$ids, FlatSymbolRefAttr:$state);
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = "$state `of` $ids attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def Hgnn_ReadOp : Hgnn_Op<"read", [MemoryEffects<[MemRead]>]> {
  let summary = "the value of a parameter at the start of the step";
  let arguments = (ins FlatSymbolRefAttr:$state);
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = "$state attr-dict `:` type($result)";
}
def Hgnn_OptimizerStepOp : Hgnn_Op<"optimizer_step", [AttrSizedOperandSegments]> {
  let summary = "one update of a dense parameter and its moments";
  let description = [{Adam (decoupled decay in adamw, L2 in adam and sgd), as PyTorch 2 defines them:
    adam:  g += wd w; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g g;
           w -= (lr / c1) m / (sqrt(v / c2) + eps), c1 = 1 - b1^t, c2 = 1 - b2^t
    adamw: w -= lr wd w first, and no L2 term
    sgd:   g += wd w; with momentum u: m = t == 1 ? g : u m + g, w -= lr m; else w -= lr g
    Before all: g *= clip, if given. Adam's scalars: learning_rate, bias_correction1, bias_correction2;
    sgd: learning_rate (with momentum: a zero-initialised m gives m = g at the first step).}];
  let arguments = (ins Hgnn_TensorType:$grad, Variadic<Hgnn_TensorType>:$scalars,
                       Optional<Hgnn_TensorType>:$clip, FlatSymbolRefAttr:$state,
                       ArrayAttr:$moments, I64Attr:$group);
  let assemblyFormat = [{$state `by` $grad `scalars` `(` $scalars `)` (`clip` $clip^)? attr-dict `:`
    type(operands)}];
}
def Hgnn_RowOptimizerStepOp : Hgnn_Op<"row_optimizer_step", [AttrSizedOperandSegments]> {
  let summary = "one lazy update of the touched rows of a learnable table";
  let description = [{For each row in `ids`: its own counter t += 1, then Adam with c1, c2 from that t
    (or plain sgd). Untouched rows, their moments and counters keep every bit. No weight decay.
    `moments` = [moment1, moment2, row_steps] for adam, [] for sgd. scalars: learning_rate.}];
  let arguments = (ins Hgnn_TensorType:$grad, Hgnn_IdsType:$ids, Variadic<Hgnn_TensorType>:$scalars,
                       Optional<Hgnn_TensorType>:$clip, FlatSymbolRefAttr:$state,
                       ArrayAttr:$moments, I64Attr:$group);
  let assemblyFormat = [{$state `by` $grad `rows` $ids `scalars` `(` $scalars `)` (`clip` $clip^)?
    attr-dict `:` type(operands)}];
}

//===----------------------------------------------------------------------===//
// Kernels phase
//===----------------------------------------------------------------------===//

def Hgnn_KernelOp : Hgnn_Op<"kernel", [Symbol, IsolatedFromAbove, SingleBlock, NoTerminator]> {
  let summary = "a fused loop over one iteration domain, compiled to one function";
  let description = [{
    The block's arguments are the launch's operands: tensors, adjacency, links, ids, labels, sparse
    rows; its body is hgnn compute ops; what it yields is stored. All yielded values have one domain
    (the loop), or are `param` results of col_sum / sum_squares / sparse_linear_grad_weight over it.
    Symbols inside stand for any type or relation: a kernel is shared by launches of equal structure.
    Optimizer steps appear as kernels whose body is the step op itself.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
}
def Hgnn_LaunchOp : Hgnn_Op<"launch", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a kernel";
  let description = [{`states` are the states that the kernel updates in place (optimizer steps), in the
    order state, moments.}];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyType>:$inputs,
                       DefaultValuedAttr<ArrayAttr, "{}">:$states);
  let results = (outs Variadic<Hgnn_TensorType>:$outputs);
  let assemblyFormat = "$kernel `(` $inputs `)` attr-dict `:` functional-type(operands, results)";
}

#endif // HGNN_OPS_TD
