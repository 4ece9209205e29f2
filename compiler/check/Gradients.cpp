//===- Gradients.cpp - gradients against finite differences ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/check/Gradients.h"

#include <algorithm>
#include <cmath>
#include <random>

using namespace mlir;
using llvm::FailureOr;

namespace heddle::compiler {
namespace {

class Checker {
public:
  Checker(ModuleOp forward, const InterpreterInput &input) : forward(forward), input(input) {}

  /// The derivative along the signs of `direction` in [low, high) of a state, over their norm.
  FailureOr<double> finite(const std::string &name, const std::vector<double> &direction,
                           size_t low, size_t high, double step) {
    std::vector<double> &data = input.states[name].data;
    const std::vector<double> kept = data;
    double losses[2];
    for (int side = 0; side < 2; ++side) {
      for (size_t i = low; i < high; ++i)
        data[i] = kept[i] + (side ? -step : step) * direction[i] / norm(low, high);
      auto result = interpret(forward, "train_step", input);
      if (failed(result)) {
        data = kept;
        return failure();
      }
      losses[side] = result->outputs.at("loss").data[0];
    }
    data = kept;
    return (losses[0] - losses[1]) / (2 * step);
  }
  static double along(const std::vector<double> &gradient, const std::vector<double> &direction,
                      size_t low, size_t high) {
    double sum = 0;
    for (size_t i = low; i < high; ++i)
      sum += gradient[i] * direction[i] / norm(low, high);
    return sum;
  }
  std::vector<double> randomSigns(size_t count) {
    std::vector<double> signs(count);
    for (double &sign : signs)
      sign = random() & 1 ? 1 : -1;
    return signs;
  }
  /// Halves the parameter while one half is further off than the other.
  LogicalResult findEntry(GradientCheck &check, const std::vector<double> &gradient) {
    std::vector<double> signs = randomSigns(gradient.size());
    size_t low = 0, high = gradient.size();
    while (high - low > 1) {
      size_t middle = low + (high - low) / 2;
      double off[2];
      for (int half = 0; half < 2; ++half) {
        size_t from = half ? middle : low, to = half ? high : middle;
        FailureOr<double> slope = finite(check.parameter, signs, from, to, 1e-5);
        if (failed(slope))
          return failure();
        off[half] = std::abs(*slope - along(gradient, signs, from, to)) * norm(from, to);
      }
      (off[1] > off[0] ? low : high) = middle;
    }
    std::vector<double> one(gradient.size(), 1.0);
    FailureOr<double> slope = finite(check.parameter, one, low, high, 1e-5);
    if (failed(slope))
      return failure();
    check.entryFinite = *slope;
    check.entryComputed = gradient[low];
    const std::vector<int64_t> &shape = input.states[check.parameter].shape;
    int64_t rest = int64_t(low);
    check.entry.resize(shape.size());
    for (size_t i = shape.size(); i-- > 0; rest /= shape[i])
      check.entry[i] = rest % shape[i];
    return success();
  }

private:
  static double norm(size_t low, size_t high) { return std::sqrt(double(high - low)); }

  ModuleOp forward;
  InterpreterInput input;
  std::mt19937_64 random{7};
};

} // namespace

FailureOr<std::vector<GradientCheck>> checkGradients(ModuleOp forward, ModuleOp step,
                                                     const InterpreterInput &input) {
  auto after = interpret(step, "train_step", input);
  if (failed(after))
    return failure();
  const double loss = after->outputs.at("loss").data[0];
  Checker checker(forward, input);
  std::vector<GradientCheck> checks;
  for (const auto &[name, before] : input.states) {
    GradientCheck check;
    check.parameter = name;
    std::vector<double> gradient = before.data;
    const std::vector<double> &now = after->states.at(name).data;
    for (size_t i = 0; i < gradient.size(); ++i) {
      gradient[i] -= now[i];
      check.norm = std::hypot(check.norm, gradient[i]);
    }
    for (double t : {1e-5, 1e-6, 1e-4}) {
      std::vector<double> signs = checker.randomSigns(gradient.size());
      FailureOr<double> slope = checker.finite(name, signs, 0, gradient.size(), t);
      if (failed(slope))
        return failure();
      check.finite = *slope;
      check.computed = Checker::along(gradient, signs, 0, gradient.size());
      double limit = 1e-6 * check.norm + 1e-9 * std::max(1.0, std::abs(loss));
      check.ok = std::abs(check.finite - check.computed) <= limit; // not where one is no number
      if (check.ok)
        break;
    }
    if (!check.ok && failed(checker.findEntry(check, gradient)))
      return failure();
    checks.push_back(std::move(check));
  }
  return checks;
}

} // namespace heddle::compiler
