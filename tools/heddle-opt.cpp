//===- heddle-opt.cpp - runs passes on .mlir files -------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"
#include "runtime/base/Suggest.h"

#include "mlir/Debug/CLOptionsSetup.h"
#include "mlir/Debug/Counter.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/CommandLine.h"

#include <cstdio>
#include <string>
#include <vector>

namespace {

/// The first argument that is no option of LLVM's registry, as the user wrote it without its value;
/// "" if there is none. LLVM itself takes every unknown option that starts with 'h' for -h, and
/// prints help.
std::string unknownOption(int argc, char **argv, const std::vector<std::string> &known) {
  for (int i = 1; i < argc; ++i) {
    llvm::StringRef word(argv[i]);
    if (word == "--")
      break;
    llvm::StringRef name = word.split('=').first.ltrim('-');
    // One letter may stand for an option with its value behind it (-ofile).
    if (!word.starts_with("-") || name.size() < 2 || (!word.starts_with("--") && name[0] != 'h'))
      continue;
    if (llvm::is_contained(known, "--" + name.str()))
      continue;
    return word.split('=').first.str();
  }
  return "";
}

} // namespace

int main(int argc, char **argv) {
  heddle::passes::registerHeddlePasses();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::DialectRegistry registry;
  registry.insert<heddle::hgnn::HgnnDialect>();
  // What MlirOptMain registers: doing it twice does nothing.
  mlir::MlirOptMainConfig::registerCLOptions(registry);
  mlir::registerAsmPrinterCLOptions();
  mlir::registerMLIRContextCLOptions();
  mlir::registerPassManagerCLOptions();
  mlir::registerDefaultTimingManagerCLOptions();
  mlir::tracing::DebugCounter::registerCLOptions();
  mlir::tracing::DebugConfig::registerCLOptions();
  std::vector<std::string> known;
  for (const auto &option : llvm::cl::getRegisteredOptions())
    known.push_back("--" + option.first.str());
  llvm::sort(known);
  if (std::string word = unknownOption(argc, argv, known); !word.empty()) {
    std::string near = heddle::nearestName(word, known);
    std::fprintf(stderr, "heddle-opt: error: unknown option '%s'%s\n", word.c_str(),
                 near.empty() ? "; see --help" : ("; did you mean '" + near + "'?").c_str());
    return 2;
  }
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv,
      "heddle-opt: passes over the hgnn dialect\n\nExamples:\n"
      "  heddle-opt model.mlir --hgnn-unroll\n"
      "  heddle-opt model.mlir --pass-pipeline='builtin.module(hgnn-unroll,hgnn-differentiate,hgnn-fuse)'\n"
      "  heddle-opt metatree.mlir --pass-pipeline='builtin.module(hgnn-relation-aggregation-first,"
      "hgnn-assign-partitions{partitions=2},hgnn-insert-communication,hgnn-differentiate)'\n",
      registry));
}
