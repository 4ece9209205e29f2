//===- PhaseTexts.cpp - what a plan keeps of its phases --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/driver/PhaseTexts.h"

#include "runtime/plan/PlanFile.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

using namespace mlir;

namespace heddle::compiler {

std::string textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  // No attribute has an alias: looking for some would take half the time.
  module.print(os, OpPrintingFlags().useLocalScope());
  return text;
}

void PhaseTexts::add(const std::string &phase, ModuleOp module) {
  texts.push_back(std::async(
      std::launch::async,
      [phase](OwningOpRef<ModuleOp> copy) {
        std::string text = textOf(*copy);
        auto made = std::make_unique<plan::PhaseTextT>();
        made->name = phase;
        made->size = text.size();
        made->text = plan::compressText(text);
        return made;
      },
      OwningOpRef<ModuleOp>(module.clone())));
}

std::vector<std::unique_ptr<plan::PhaseTextT>> PhaseTexts::take() {
  std::vector<std::unique_ptr<plan::PhaseTextT>> made;
  for (auto &text : texts)
    made.push_back(text.get());
  texts.clear();
  return made;
}

} // namespace heddle::compiler
