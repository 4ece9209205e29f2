//===- HgnnCommOps.td - root links, merges and communication --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// From relation-aggregation-first on. A collective stands in the entry of every partition that takes
// part, with the same `id` and `partitions`; ids ascend within each entry, so all meet in one order.
// `bytes` is what goes over the wire, as a formula in the rows of the batch:
//   over rows       `bytes` times the number of rows
//   of a parameter  `bytes`
// Numbers are f32 (4 bytes), ids are 8 bytes; `traffic` is the class that they count for.
//
//===----------------------------------------------------------------------===//
#ifndef HGNN_COMM_OPS_TD
#define HGNN_COMM_OPS_TD

include "HgnnComputeOps.td"

def Hgnn_Traffic : Hgnn_Enum<"Traffic", "class of communicated bytes", [
  I32EnumAttrCase<"Activations", 0, "activations">,
  I32EnumAttrCase<"DenseGradients", 1, "dense_gradients">,
  I32EnumAttrCase<"EmbeddingRows", 2, "embedding_rows">]>;
def Hgnn_TrafficAttr : Hgnn_EnumAttr<Hgnn_Traffic, "traffic">;

//===----------------------------------------------------------------------===//
// Without partitions: what relation-aggregation-first makes
//===----------------------------------------------------------------------===//

def Hgnn_PartialOp : Hgnn_ComputeOp<"partial", [Hgnn_Diff]> {
  let summary = "from here on the value is one term of a sum";
  let description = [{Ends the sub-DAG of the root link `link`: a relation's symbol, or "self" for the
    identity link. `partition` says who computes it (-1: not assigned yet). Without a link: one
    partition's term of a gradient. A replicated value in a partition is whole and must not become a
    term: hgnn-verify-phase{phase=partitioned} takes owned ones only.
    ```mlir
    %p = hgnn.partial %m {link = "a:w:p"} : !hgnn.tensor<rows(0, @p) : 3xf32>
    ```}];
  let arguments = (ins Hgnn_TensorType:$input, OptionalAttr<StrAttr>:$link,
                       DefaultValuedAttr<I64Attr, "-1">:$partition);
}
def Hgnn_MergeOp : Hgnn_ComputeOp<"merge", [Hgnn_Diff]> {
  let summary = "the sum of terms, left to right: an associative cross-relation combine";
  let description = [{Divisors (a mean's) are explicit ops beside it. The order of the operands is that of
    the root links: relations by canonical id, then the identity link.}];
  let arguments = (ins Variadic<Hgnn_TensorType>:$inputs);
}

//===----------------------------------------------------------------------===//
// With partitions
//===----------------------------------------------------------------------===//

def Hgnn_PartitioningOp : Hgnn_Op<"partitioning"> {
  let summary = "who owns which root link";
  let description = [{One array of root links per partition, in canonical order; `loads` are the sums of
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
    gradient of the result, which every partition has: nothing is sent.}];
  let arguments = (ins Hgnn_TensorType:$input, I64Attr:$id, DenseI64ArrayAttr:$partitions,
                       Hgnn_TrafficAttr:$traffic, I64Attr:$bytes);
  let results = (outs Hgnn_TensorType:$result);
  let assemblyFormat = "$traffic $input attr-dict `:` type($input) `->` type($result)";
}
def Hgnn_MergeToOp : Hgnn_CollectiveOp<"merge_to"> {
  let summary = "the sum of the partitions' terms, in one of them";
  let description = [{The others send theirs to `leader`, which sums in the order of `partitions`; the
    result is there only. Each number travels q - 1 times. Backward: `broadcast`.}];
  let arguments = (ins Hgnn_TensorType:$input, I64Attr:$id, DenseI64ArrayAttr:$partitions,
                       I64Attr:$leader, Hgnn_TrafficAttr:$traffic, I64Attr:$bytes);
  let results = (outs Optional<Hgnn_TensorType>:$result);
  let assemblyFormat = "$traffic $input attr-dict `:` functional-type($input, $result)";
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
    frontier; each sums them in the order of `partitions`. The results are the union, ascending, and
    the sums: the same bits everywhere. A row that one partition has gets that partition's gradient,
    a row that none has is not there.}];
  let arguments = (ins Hgnn_IdsType:$ids, Hgnn_TensorType:$rows, I64Attr:$id,
                       DenseI64ArrayAttr:$partitions, I64Attr:$bytes);
  let results = (outs Hgnn_IdsType:$all_ids, Hgnn_TensorType:$sums);
  let assemblyFormat = "$ids `,` $rows attr-dict `:` functional-type(operands, results)";
}

#endif // HGNN_COMM_OPS_TD
