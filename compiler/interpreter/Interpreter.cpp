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

/// The entries of the kind that `entry` names, by partition; none in a module without partitions.
static SmallVector<hgnn::EntryOp> partitionsOf(ModuleOp module, StringRef entry) {
  SmallVector<hgnn::EntryOp> entries;
  for (auto op : module.getOps<hgnn::EntryOp>())
    if (int64_t(op.getPartition()) >= 0 && stringifyEntryKind(op.getKind()) == entry)
      entries.push_back(op);
  return entries;
}

template <class T>
static FailureOr<PartitionedStep<T>> runStep(ModuleOp module, StringRef entry,
                                             const InterpreterInput &input,
                                             const NumericArrays &direction) {
  Batch batch(module, input);
  SmallVector<hgnn::EntryOp> partitions = partitionsOf(module, entry);
  if (!partitions.empty())
    return runPartitions<T>(partitions, batch, direction);
  States<T> states(input, direction);
  PartitionedStep<T> step;
  if (auto op = module.lookupSymbol<hgnn::EntryOp>(entry)) {
    if (failed(runEntry(op, batch, states, step.outputs)))
      return failure();
  } else {
    if (module.getOps<hgnn::LayerOp>().empty())
      return module.emitError("there is neither an hgnn.entry @") << entry << " nor an hgnn.layer",
             failure();
    if (entry != "train_step" && entry != "eval_step")
      return module.emitError("a model has the entries train_step and eval_step, not ") << entry,
             failure();
    if (failed(runModel(batch, entry == "train_step", states, step.outputs)))
      return failure();
  }
  step.states = states.results();
  return step;
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
  auto step = runStep<double>(module, entry, input, {});
  if (failed(step))
    return failure();
  return InterpreterResult{arraysOf(step->outputs, true, [](double x) { return x; }),
                           std::move(step->states), std::move(step->bytes)};
}

FailureOr<NumericArrays> directionalDerivatives(ModuleOp module, StringRef entry,
                                                const InterpreterInput &input,
                                                const NumericArrays &direction) {
  auto step = runStep<Dual>(module, entry, input, direction);
  if (failed(step))
    return failure();
  return arraysOf(step->outputs, false, [](Dual x) { return x.derivative; });
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
