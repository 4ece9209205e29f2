//===- Interpreter.cpp - executes every phase, slowly and in fp64 ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/interpreter/Interpreter.h"

#include "compiler/interpreter/Programs.h"

using namespace mlir;
using llvm::FailureOr;

namespace heddle::compiler {

template <class T>
static LogicalResult runStep(ModuleOp module, StringRef entry, const InterpreterInput &input,
                             States<T> &states, Outputs<T> &outputs) {
  Batch batch(module, input);
  if (auto op = module.lookupSymbol<hgnn::EntryOp>(entry))
    return runEntry(op, batch, states, outputs);
  if (module.getOps<hgnn::LayerOp>().empty())
    return module.emitError("there is neither an hgnn.entry @") << entry << " nor an hgnn.layer";
  if (entry != "train_step" && entry != "eval_step")
    return module.emitError("a model has the entries train_step and eval_step, not ") << entry;
  return runModel(batch, entry == "train_step", states, outputs);
}

/// The outputs as arrays; `number` takes what is wanted out of a T.
template <class T, class Function>
static NumericArrays arraysOf(const Outputs<T> &outputs, bool keepIds, Function number) {
  NumericArrays arrays;
  for (const auto &[name, value] : outputs) {
    NumericArray array;
    if (auto *tensor = std::get_if<Tensor<T>>(&value)) {
      array.shape = tensor->shape;
      if (!tensor->isParam())
        array.shape.insert(array.shape.begin(), tensor->rows);
      for (const T &x : tensor->data)
        array.data.push_back(number(x));
    } else if (auto *ids = std::get_if<std::shared_ptr<const Ids>>(&value)) {
      array.shape = {(*ids)->size()};
      for (int64_t id : (*ids)->ids)
        array.data.push_back(keepIds ? double(id) : 0);
    }
    arrays[name] = std::move(array);
  }
  return arrays;
}

FailureOr<InterpreterResult> interpret(ModuleOp module, StringRef entry,
                                       const InterpreterInput &input) {
  NumericArrays still;
  States<double> states(input, still);
  Outputs<double> outputs;
  if (failed(runStep(module, entry, input, states, outputs)))
    return failure();
  return InterpreterResult{arraysOf(outputs, true, [](double x) { return x; }), states.results()};
}

FailureOr<NumericArrays> directionalDerivatives(ModuleOp module, StringRef entry,
                                                const InterpreterInput &input,
                                                const NumericArrays &direction) {
  States<Dual> states(input, direction);
  Outputs<Dual> outputs;
  if (failed(runStep(module, entry, input, states, outputs)))
    return failure();
  return arraysOf(outputs, false, [](Dual x) { return x.derivative; });
}

FailureOr<double> directionalDerivative(ModuleOp module, StringRef entry,
                                        const InterpreterInput &input,
                                        const NumericArrays &direction) {
  FailureOr<NumericArrays> derivatives = directionalDerivatives(module, entry, input, direction);
  if (failed(derivatives))
    return failure();
  auto loss = derivatives->find("loss");
  if (loss == derivatives->end() || loss->second.data.size() != 1)
    return module.emitError("the entry has no output \"loss\"");
  return loss->second.data[0];
}

} // namespace heddle::compiler
