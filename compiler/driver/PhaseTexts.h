//===- PhaseTexts.h - what a plan keeps of its phases ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_DRIVER_PHASETEXTS_H
#define HEDDLE_COMPILER_DRIVER_PHASETEXTS_H

#include "runtime/plan/plan_generated.h"

#include <future>
#include <memory>
#include <string>
#include <vector>

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace heddle::compiler {

/// The text of a module.
std::string textOf(mlir::ModuleOp module);

/// Texts of the phases of a module, which are printed and compressed by other threads while the passes
/// go on. The context's multithreading must stay enabled until they are taken.
class PhaseTexts {
public:
  /// `module` as it is now.
  void add(const std::string &phase, mlir::ModuleOp module);
  /// In the order in which they were added, when all are there.
  std::vector<std::unique_ptr<plan::PhaseTextT>> take();

private:
  std::vector<std::future<std::unique_ptr<plan::PhaseTextT>>> texts;
};

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_DRIVER_PHASETEXTS_H
