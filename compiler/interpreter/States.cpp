//===- States.cpp - parameters, tables and moments of a run ---------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/interpreter/States.h"

#include "runtime/base/Keys.h"

#include <algorithm>
#include <limits>

using namespace mlir;

namespace heddle::compiler {

/// The initial value of element (row, column), as plan::Initializer and runtime/plan say.
static double initialValue(const Initializer &init, uint64_t seed, StringRef name, uint64_t row,
                           uint32_t column) {
  std::string_view key(name.data(), name.size());
  switch (init.kind) {
  case Initializer::Kind::Zeros:
    return 0;
  case Initializer::Kind::Constant:
    return init.a;
  case Initializer::Kind::Uniform:
    return init.a + (init.b - init.a) * keys::initUniform(seed, key, row, column);
  case Initializer::Kind::Normal: {
    double u = keys::initUniform(seed, key, row, 2 * column);
    double v = keys::initUniform(seed, key, row, 2 * column + 1);
    return init.a + init.b * std::sqrt(-2 * std::log1p(-u)) * std::cos(2 * M_PI * v);
  }
  }
  return 0;
}

static double withDerivative(double value, double, double *) { return value; }
static Dual withDerivative(double value, double derivative, Dual *) { return {value, derivative}; }

template <class T>
LogicalResult States<T>::declare(Operation *op, const std::string &name, int64_t rows,
                                 std::vector<int64_t> shape, const Initializer &init) {
  auto tensor = Tensor<T>::make(rows, shape);
  std::vector<int64_t> full = shape;
  if (rows >= 0)
    full.insert(full.begin(), rows);
  if (initialStates.count(name)) {
    const Tensor<T> &known = initialStates[name];
    if (known.rows != rows || known.shape != shape)
      return op->emitError("state \"") << name << "\" is declared with two shapes";
    return success();
  }
  auto given = input.states.find(name);
  auto moved = direction.find(name);
  for (const auto *arrays : {given == input.states.end() ? nullptr : &given->second,
                             moved == direction.end() ? nullptr : &moved->second})
    if (arrays && (arrays->shape != full || arrays->data.size() != tensor.data.size()))
      return op->emitError("the array given for state \"") << name << "\" has another shape";
  // A table has a node a row; other states have their last dimension as columns.
  int64_t columns = rows >= 0 ? tensor.width() : shape.empty() ? 1 : shape.back();
  for (int64_t i = 0; i < int64_t(tensor.data.size()); ++i) {
    double value = given != input.states.end()
                       ? given->second.data[i]
                       : double(float(initialValue(init, input.seed, name, uint64_t(i / columns),
                                                   uint32_t(i % columns))));
    tensor.data[i] = withDerivative(value, moved == direction.end() ? 0 : moved->second.data[i],
                                    static_cast<T *>(nullptr));
  }
  nextStates[name] = tensor;
  initialStates[name] = std::move(tensor);
  return success();
}

template <class T> const Tensor<T> *States<T>::initial(Operation *op, StringRef name) const {
  auto found = initialStates.find(name.str());
  if (found != initialStates.end())
    return &found->second;
  op->emitError("there is no state \"") << name << "\"";
  return nullptr;
}

template <class T> Tensor<T> *States<T>::next(Operation *op, StringRef name) {
  return initial(op, name) ? &nextStates[name.str()] : nullptr;
}

template <class T> void States<T>::keepRows(StringRef name, int64_t first, int64_t last) {
  for (auto *tensors : {&initialStates, &nextStates}) {
    Tensor<T> &table = tensors->at(name.str());
    for (int64_t row = 0; row < table.rows; ++row)
      for (int64_t column = 0; column < table.width(); ++column)
        if (row < first || row >= last)
          table.at(row, column) = T(std::numeric_limits<double>::quiet_NaN());
  }
}

template <class T> NumericArrays States<T>::results() const {
  NumericArrays results = input.states;
  for (const auto &[name, tensor] : nextStates) {
    NumericArray &array = results[name];
    array.shape = tensor.shape;
    if (!tensor.isParam())
      array.shape.insert(array.shape.begin(), tensor.rows);
    array.data.clear();
    for (const T &x : tensor.data)
      array.data.push_back(valueOf(x));
  }
  return results;
}

template class States<double>;
template class States<Dual>;

} // namespace heddle::compiler
