//===- HgnnDialect.cpp - registration of the hgnn dialect ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "dialects/hgnn/Hgnn.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace heddle::hgnn;

#include "dialects/hgnn/HgnnEnums.cpp.inc"

#include "dialects/hgnn/HgnnDialect.cpp.inc"

#include "dialects/hgnn/HgnnInterfaces.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/hgnn/HgnnOps.cpp.inc"

void HgnnDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/hgnn/HgnnOps.cpp.inc"
      >();
  registerTypesAndAttributes();
}

LogicalResult HgnnDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() != productGroupName)
    return op->emitOpError("has the attribute '") << attribute.getName().getValue()
                                                  << "', which this version does not know";
  if (!isa<LinearOp, HeadLinearOp, LinearSumOp, LinearGradWeightOp, HeadLinearGradWeightOp>(op))
    return op->emitOpError("is no dense product, so it cannot have '") << productGroupName << "'";
  auto number = dyn_cast<IntegerAttr>(attribute.getValue());
  if (!number || !number.getType().isInteger(64) || number.getInt() < 0)
    return op->emitOpError("needs a number of i64, 0 or more, as '") << productGroupName << "'";
  return success();
}
