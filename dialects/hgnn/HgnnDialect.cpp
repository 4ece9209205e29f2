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
