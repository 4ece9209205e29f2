//===- HgnnBatch.cpp - what is of all rows of a domain ---------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Inference of sums over the rows of a domain and of what goes from a param to all rows, and the
// gradient of what does both.
//
//===----------------------------------------------------------------------===//

#include "dialects/hgnn/HgnnInference.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace heddle::hgnn;

LogicalResult BroadcastRowsOp::inferReturnTypes(MLIRContext *, Loc loc,
                                                BroadcastRowsOp::Adaptor adaptor, Types &results) {
  ValueRange operands = adaptor.getOperands();
  bool rows = operands.size() == 2 && isa<FeatType>(operands[1].getType());
  if (failed(checkOperands(loc, getOperationName(), rows ? "tt" : "ti", operands)))
    return failure();
  FeatType in = tensor(adaptor.getInput());
  if (failed(isParam(loc, "broadcast_rows", "input", in, 1)))
    return failure();
  DomainAttr domain = rows ? tensor(adaptor.getLike()).getDomain()
                           : cast<IdsType>(adaptor.getLike().getType()).getDomain();
  if (domain.isParam())
    return emitOptionalError(loc, "'broadcast_rows' gives rows where `like` has some; got ",
                             adaptor.getLike().getType());
  results.push_back(in.withDomain(domain));
  return place(loc, getOperationName(), operands, results);
}
HGNN_INFER(OnesOp, "t") {
  FeatType like = tensor(adaptor.getLike());
  if (like.getDomain().isParam())
    return emitOptionalError(loc, "'ones' are one for each row of a domain; got ", like);
  results.push_back(like.withShape({1}));
  return success();
}
HGNN_INFER(BatchReduceOp, "t") {
  FeatType in = tensor(adaptor.getInput());
  DomainAttr domain = in.getDomain();
  if (domain.getKind() != DomainKind::Dst && !domain.isRows() && !domain.isActive())
    return emitOptionalError(loc, "'batch_reduce' is over the destinations of the batch; got ", in,
                             domain.isParam() ? ", which has no rows"
                                              : "; reduce edge values with hgnn.reduce_dst, "
                                                "and in a message use the destination's rows");
  if (in.getPlacement().getSplit())
    return emitOptionalError(loc, "'batch_reduce' is over the whole batch, and ", in,
                             " is one partition's block of it; use relation-aggregation-first "
                             "(--order raf) or one partition");
  results.push_back(in);
  return success();
}
HGNN_INFER(ColSumOp, "ti?") {
  FeatType in = tensor(adaptor.getInput());
  if (in.getDomain().isParam())
    return emitOptionalError(loc, "'col_sum' sums rows of a domain; got ", in);
  results.push_back(param(context, in.getShape()));
  return success();
}

LogicalResult BatchReduceOp::buildVjp(OpBuilder &builder, ValueRange gradResults,
                                      MutableArrayRef<Value> gradOperands) {
  // Every row gives each row the same: the matrix is symmetric.
  gradOperands[0] = BatchReduceOp::create(builder, getLoc(), getKind(), gradResults[0]);
  return success();
}
