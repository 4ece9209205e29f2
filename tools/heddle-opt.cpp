//===- heddle-opt.cpp - runs passes on .mlir files -------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  heddle::passes::registerHeddlePasses();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::DialectRegistry registry;
  registry.insert<heddle::hgnn::HgnnDialect>();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv,
      "heddle-opt: passes over the hgnn dialect\n\nExamples:\n"
      "  heddle-opt model.mlir --hgnn-unroll\n"
      "  heddle-opt model.mlir --pass-pipeline='builtin.module(hgnn-unroll,hgnn-differentiate,hgnn-fuse)'\n"
      "  heddle-opt metatree.mlir --pass-pipeline='builtin.module(hgnn-relation-aggregation-first,"
      "hgnn-assign-partitions{partitions=2},hgnn-insert-communication,hgnn-differentiate)'\n",
      registry));
}
