//===- PlanRun.cpp - steps of a compiled plan ------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/differential/PlanRun.h"

namespace heddle::test {

absl::StatusOr<PlanRun> PlanRun::create(std::shared_ptr<const plan::PlanT> plan,
                                        std::shared_ptr<graph::GraphStore> graph, uint64_t seed,
                                        int threads, bool overlap) {
  exec::ExecutorOptions options;
  options.threads = threads;
  options.seed = seed;
  options.overlap = overlap;
  PlanRun run;
  run.plan_ = plan;
  HEDDLE_ASSIGN_OR_RETURN(run.executor_, exec::Executor::create(plan, graph, options));
  return run;
}

absl::StatusOr<PlanSteps> PlanRun::run(plan::EntryKind kind,
                                       const std::vector<std::vector<int64_t>> &batches,
                                       uint64_t firstStep) {
  PlanSteps steps;
  int entry = exec::findEntry(*plan_, kind);
  if (entry < 0)
    return invalidArgument("the plan has no such entry");
  HEDDLE_RETURN_IF_ERROR(executor_->run(entry, batches, firstStep, {}, [&](const exec::StepResult &r) {
    steps.losses.push_back(double(r.loss));
    int64_t rows = int64_t(r.seeds.size());
    steps.logits.shape = {rows, r.classes};
    steps.logits.data.clear();
    if (r.logits)
      steps.logits.data.assign(r.logits, r.logits + rows * r.classes);
    return true;
  }));
  return steps;
}

template <class T> static void append(std::vector<double> &out, const exec::StateView &view) {
  const T *data = static_cast<const T *>(view.data);
  out.assign(data, data + view.elements);
}

compiler::NumericArrays PlanRun::states() const {
  compiler::NumericArrays arrays;
  for (const exec::StateView &view : executor_->states()) {
    const plan::StateT &state = *view.description;
    compiler::NumericArray &array = arrays[state.name];
    if (state.rows_type >= 0)
      array.shape.push_back(view.rows);
    array.shape.insert(array.shape.end(), state.shape.begin(), state.shape.end());
    switch (state.dtype) {
    case plan::DType::F64:
      append<double>(array.data, view);
      break;
    case plan::DType::U32:
    case plan::DType::I32:
      append<uint32_t>(array.data, view);
      break;
    case plan::DType::U64:
    case plan::DType::I64:
      append<uint64_t>(array.data, view);
      break;
    default:
      append<float>(array.data, view);
    }
  }
  return arrays;
}

std::string PlanRun::stateBytes() const {
  std::string bytes;
  for (const exec::StateView &view : executor_->states())
    bytes.append(static_cast<const char *>(view.data), size_t(view.bytes));
  return bytes;
}

const plan::StateT *PlanRun::describe(const std::string &name) const {
  for (const auto &state : plan_->states)
    if (state->name == name)
      return state.get();
  return nullptr;
}

} // namespace heddle::test
