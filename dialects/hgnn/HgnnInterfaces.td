//===- HgnnInterfaces.td - interfaces of hgnn ops --------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HGNN_INTERFACES_TD
#define HGNN_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Hgnn_DifferentiableOp : OpInterface<"DifferentiableOp"> {
  let cppNamespace = "::heddle::hgnn";
  let description = [{Ops with a vector-Jacobian product made of hgnn ops.}];
  let methods = [InterfaceMethod<[{
      Builds, at the builder's insertion point, the gradient of each operand from the gradients of the
      results (a null gradient stands for zero; at least one is given). `gradOperands` has one entry
      per operand; an operand that carries no gradient (ids, adjacency, labels) keeps a null value.
    }], "::mlir::LogicalResult", "buildVjp",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$gradResults,
         "::llvm::MutableArrayRef<::mlir::Value>":$gradOperands)>];
}

def Hgnn_Collective : OpInterface<"Collective"> {
  let cppNamespace = "::heddle::hgnn";
  let description = [{Ops that several partitions run together.}];
  let methods = [
    InterfaceMethod<"What the partitions of one kind of entry call it.", "int64_t", "getCollectiveId",
                    (ins), [{ return int64_t($_op.getId()); }]>,
    InterfaceMethod<"Who takes part, ascending.", "::llvm::ArrayRef<int64_t>", "getParticipants",
                    (ins), [{ return $_op.getPartitions(); }]>,
    InterfaceMethod<"The class of its bytes.", "::heddle::hgnn::Traffic", "getTrafficClass">,
    InterfaceMethod<[{Bytes on the wire per row of the communicated value (a parameter: in all), over
      all participants together; of exchange_rows: per row that the partition itself has; of what
      goes to keepers of rows and back: per row that another partition keeps.}],
                    "int64_t", "getWireBytes">];
}

#endif // HGNN_INTERFACES_TD
