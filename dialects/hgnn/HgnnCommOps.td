//===- HgnnCommOps.td - root links, merges and communication --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Of both orders of a step, relation-aggregation-first and vanilla. A collective stands in the entry of every partition that takes
// part, with the same `id` and `partitions`; ids ascend within each entry, so all meet in one order.
// `bytes` is what goes over the wire, as a formula in the rows of the batch:
//   over rows       `bytes` times the number of rows
//   of a parameter  `bytes`
//   to keepers and back  `bytes` times the number of rows of the frontiers that another partition keeps
// Numbers are f32 (4 bytes), ids are 8 bytes; `traffic` is the class that they count for.
//
//===----------------------------------------------------------------------===//
#ifndef HGNN_COMM_OPS_TD
#define HGNN_COMM_OPS_TD

include "HgnnComputeOps.td"

def Hgnn_Traffic : Hgnn_Enum<"Traffic", "class of communicated bytes", [
  I32EnumAttrCase<"Activations", 0, "activations">,
  I32EnumAttrCase<"DenseGradients", 1, "dense_gradients">,
  I32EnumAttrCase<"EmbeddingRows", 2, "embedding_rows">,
  I32EnumAttrCase<"RemoteFeatures", 3, "remote_features">]>;
def Hgnn_TrafficAttr : Hgnn_EnumAttr<Hgnn_Traffic, "traffic">;

//===----------------------------------------------------------------------===//
// Without partitions: what relation-aggregation-first makes
//===----------------------------------------------------------------------===//

def Hgnn_PartialOp : Hgnn_ComputeOp<"partial", [Hgnn_Diff]> {
  let summary = "from here on the value is one term of a sum, or of another merge";
  let description = [{Ends the sub-DAG of the root link `link`: a relation's symbol, or "self" for the
    identity link. `partition` says who computes it (-1: not assigned yet); `owners`, ascending, instead: of
    q partitions the k-th computes it for the k-th block of the seeds. Without a link: one
    partition's term of a gradient. A replicated value in a partition is whole and must not become a
    term: hgnn-verify-phase{phase=partitioned} takes owned ones only.
    ```mlir
    %p = hgnn.partial %m {link = "a:w:p"} : !hgnn.tensor<rows(0, @p) : 3xf32>
    %q = hgnn.partial %t of softmax {link = "a:w:p"} : !hgnn.tensor<rows(0, @p) : 5xf32>
    ```}];
  let arguments = (ins Hgnn_TensorType:$input, OptionalAttr<StrAttr>:$link,
                       DefaultValuedAttr<I64Attr, "-1">:$partition,
                       DefaultValuedAttr<Hgnn_MergeAttr, "::heddle::hgnn::Merge::Sum">:$merge,
                       OptionalAttr<DenseI64ArrayAttr>:$owners);
  let assemblyFormat = "operands (`of` $merge^)? attr-dict `:` type(operands)";
}
def Hgnn_MergeOp : Hgnn_ComputeOp<"merge", [Hgnn_Diff]> {
  let summary = "the sum of terms, left to right: an associative cross-relation combine";
  let description = [{Divisors (a mean's) are explicit ops beside it. The order of the operands is that of
    the root links: relations by canonical id, then the identity link. `of softmax`: what hgnn.combine of
    that merge makes of them. The gradient of each is that of the result, whatever the merge.}];
  let arguments = (ins Variadic<Hgnn_TensorType>:$inputs,
                       DefaultValuedAttr<Hgnn_MergeAttr, "::heddle::hgnn::Merge::Sum">:$merge);
  let assemblyFormat = "operands (`of` $merge^)? attr-dict `:` type(operands)";
}

//===----------------------------------------------------------------------===//
// With partitions
//===----------------------------------------------------------------------===//

def Hgnn_PartitioningOp : Hgnn_Op<"partitioning"> {
  let summary = "who owns which root link";
  let description = [{One array of root links per partition, in canonical order: the name of a whole link, or
    [name, block, blocks] of one that several share by blocks of the seeds; `loads` are the sums of
    their weights, in the unit of the rule `weights` (sampled: picoseconds of the cost model; heta and
    heta-code: nodes and edges).}];
  let arguments = (ins StrAttr:$weights, ArrayAttr:$links, DenseI64ArrayAttr:$loads);
  let assemblyFormat = "$links attr-dict";
}
def Hgnn_OwnOp : Hgnn_ComputeOp<"own"> {
  let summary = "a partition's own use of a replicated value";
  let description = [{What is made of the result belongs to the partition: the gradient that enters its
    sub-DAGs. No bytes move.}];
  let arguments = (ins Hgnn_TensorType:$input, I64Attr:$partition);
}

class Hgnn_CollectiveOp<string mnemonic, list<Trait> traits = []>
    : Hgnn_Op<mnemonic, [DeclareOpInterfaceMethods<Hgnn_Collective>] # traits> {
  let hasVerifier = 1;
}
def Hgnn_MergeAllOp : Hgnn_CollectiveOp<"merge_all", [Hgnn_Diff]> {
  let summary = "the sum of the partitions' terms, in all of them with the same bits";
  let description = [{An all-to-all of blocks (each partition sums one, in the order of `partitions`), then
    an all-gather of the sums. With q partitions, each number travels 2 (q - 1) times. Its gradient is the
    gradient of the result, which every partition has: nothing is sent. `of softmax`: terms of that
    merge, which hgnn.combine describes, instead of a sum.}];
  let arguments = (ins Hgnn_TensorType:$input, I64Attr:$id, DenseI64ArrayAttr:$partitions,
                       Hgnn_TrafficAttr:$traffic, I64Attr:$bytes,
                       DefaultValuedAttr<Hgnn_MergeAttr, "::heddle::hgnn::Merge::Sum">:$merge);
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = [{$traffic $input (`of` $merge^)? attr-dict `:` type($input) `->`
    type($result)}];
}
def Hgnn_MergeToOp : Hgnn_CollectiveOp<"merge_to"> {
  let summary = "the sum of the partitions' terms, in one of them";
  let description = [{The others send theirs to `leader`, which sums in the order of `partitions`; the
    result is there only. Each number travels q - 1 times. Backward: `broadcast`. `of softmax`: terms of
    that merge instead of a sum; what comes back is as wide as a term.}];
  let arguments = (ins Hgnn_TensorType:$input, I64Attr:$id, DenseI64ArrayAttr:$partitions,
                       I64Attr:$leader, Hgnn_TrafficAttr:$traffic, I64Attr:$bytes,
                       DefaultValuedAttr<Hgnn_MergeAttr, "::heddle::hgnn::Merge::Sum">:$merge);
  let results = (outs Optional<Hgnn_TensorType>:$result);
  let assemblyFormat = [{$traffic $input (`of` $merge^)? attr-dict `:`
    functional-type($input, $result)}];
}
def Hgnn_BroadcastOp : Hgnn_CollectiveOp<"broadcast"> {
  let summary = "the leader's value, in all partitions";
  let description = [{`input` is there in the leader's entry only. Each number travels q - 1 times.}];
  let arguments = (ins Optional<Hgnn_TensorType>:$input, I64Attr:$id,
                       DenseI64ArrayAttr:$partitions, I64Attr:$leader, Hgnn_TrafficAttr:$traffic,
                       I64Attr:$bytes);
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = "$traffic ($input^)? attr-dict `:` functional-type($input, $result)";
}
def Hgnn_ExchangeRowsOp : Hgnn_CollectiveOp<"exchange_rows"> {
  let summary = "row gradients of all partitions, summed over the union of their rows";
  let description = [{Each partition sends its (ids, rows) to the others, `bytes` per row of its own
    frontier (the 8 of an id only for the first table of the frontier); each sums them in the order of `partitions`. The results are the union, ascending, and
    the sums: the same bits everywhere. A row that one partition has gets that partition's gradient,
    a row that none has is not there.}];
  let arguments = (ins Hgnn_IdsType:$ids, Hgnn_TensorType:$rows, I64Attr:$id,
                       DenseI64ArrayAttr:$partitions, I64Attr:$bytes);
  let results = (outs Hgnn_IdsType:$all_ids, Hgnn_TensorType:$sums);
  let assemblyFormat = "$ids `,` $rows attr-dict `:` functional-type(operands, results)";
}

//===----------------------------------------------------------------------===//
// Vanilla order: the batch is split, rows of features and of tables are spread
//===----------------------------------------------------------------------===//
//
// Of a node type with N nodes, partition k of q keeps the rows [N k / q, N (k + 1) / q): of its features,
// and of the states that are `spread`.

def Hgnn_SeedBlockOp : Hgnn_Op<"seed_block", [Pure]> {
  let summary = "a partition's block of the seeds";
  let description = [{One of `of` blocks that follow each other and have about equal work, which is 1 for
    a seed and 1 for each of its edges that the entry samples at hop 0: block k begins with the first seed
    before which lies at least k / q of all work, with k = `partition` and q = `of`. There may be no seed in it. What is sampled for them, and made of that, is `owned(k) split`.}];
  let arguments = (ins Hgnn_IdsType:$seeds, I64Attr:$partition, I64Attr:$of);
  let results = (outs Hgnn_IdsType:$ids);
  let assemblyFormat = "$seeds attr-dict `:` type($seeds) `->` type($ids)";
  let hasVerifier = 1;
}
def Hgnn_GatherBlocksOp : Hgnn_CollectiveOp<"gather_blocks"> {
  let summary = "the rows of all blocks of the seeds, in all partitions";
  let description = [{An all-gather: blocks in the order of `partitions`, which is that of the seeds. Each
    number travels q - 1 times.}];
  let arguments = (ins Hgnn_TensorType:$input, I64Attr:$id, DenseI64ArrayAttr:$partitions,
                       Hgnn_TrafficAttr:$traffic, I64Attr:$bytes);
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = "$traffic $input attr-dict `:` type($input) `->` type($result)";
}
def Hgnn_RequestRowsOp : Hgnn_CollectiveOp<"request_rows"> {
  let summary = "who needs which of the rows that are spread";
  let description = [{Each partition sends to each other the ids of its frontier `ids` that the other keeps:
    8 bytes for each, once for everything that is fetched and pushed for these rows. `kept`, ascending, is
    what this partition keeps of the frontiers of all, its own included: the touched rows of its part of
    a table.}];
  let arguments = (ins Hgnn_IdsType:$ids, I64Attr:$id, DenseI64ArrayAttr:$partitions,
                       Hgnn_TrafficAttr:$traffic, I64Attr:$bytes);
  let results = (outs Hgnn_IdsType:$kept);
  let assemblyFormat = "$traffic $ids attr-dict `:` type($ids) `->` type($kept)";
}
def Hgnn_FetchRemoteFeaturesOp : Hgnn_CollectiveOp<"fetch_remote_features"> {
  let summary = "feature rows of a frontier, from the partitions that keep them";
  let description = [{`kept` is the request of `ids`. A dense row travels as 4 bytes a number, a sparse row as
    4 bytes and 8 for each stored number, which `bytes` does not have: it is per row. `cached`: keepers read
    dense rows through their cache.}];
  let arguments = (ins Hgnn_IdsType:$ids, Hgnn_IdsType:$kept, StrAttr:$feature, I64Attr:$id,
                       DenseI64ArrayAttr:$partitions, I64Attr:$bytes, UnitAttr:$cached);
  let results = (outs AnyTypeOf<[Hgnn_TensorType, Hgnn_SparseType]>:$result);
  let assemblyFormat = [{$feature `of` $ids `kept` $kept attr-dict `:`
    functional-type(operands, results)}];
}
def Hgnn_FetchRemoteRowsOp : Hgnn_CollectiveOp<"fetch_remote_rows"> {
  let summary = "rows of a spread table for a frontier, from the partitions that keep them";
  let description = [{`kept` is the request of `ids`. Values are those of the start of the step.}];
  let arguments = (ins Hgnn_IdsType:$ids, Hgnn_IdsType:$kept, FlatSymbolRefAttr:$state, I64Attr:$id,
                       DenseI64ArrayAttr:$partitions, I64Attr:$bytes);
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = [{$state `of` $ids `kept` $kept attr-dict `:`
    functional-type(operands, results)}];
}
def Hgnn_PushRowsOp : Hgnn_CollectiveOp<"push_rows"> {
  let summary = "row gradients to the partitions that keep the rows, summed there";
  let description = [{`rows` are this partition's, over its frontier `ids`; `kept` is the request of `ids`.
    The result, over `kept`, are the sums of the partitions' rows, in the order of `partitions`. Ids are
    known from the request: a row travels as 4 bytes a number.}];
  let arguments = (ins Hgnn_TensorType:$rows, Hgnn_IdsType:$ids, Hgnn_IdsType:$kept, I64Attr:$id,
                       DenseI64ArrayAttr:$partitions, I64Attr:$bytes);
  let results = (outs Hgnn_TensorType:$sums);
  let assemblyFormat = [{$rows `of` $ids `kept` $kept attr-dict `:` functional-type(operands, results)}];
}

#endif // HGNN_COMM_OPS_TD
