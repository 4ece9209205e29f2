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

#endif // HGNN_INTERFACES_TD
