//===- NumberFunctions.h - functions of one number  -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_INTERPRETER_NUMBERFUNCTIONS_H
#define HEDDLE_COMPILER_INTERPRETER_NUMBERFUNCTIONS_H

#include "compiler/interpreter/Dual.h"
#include "dialects/hgnn/Hgnn.h"

#include <cmath>

namespace heddle::compiler {

template <class T> T normalCdf(T x) { return T(0.5) * (T(1) + erf(x * T(M_SQRT1_2))); }
template <class T> T normalPdf(T x) {
  return T(0.5 * M_2_SQRTPI * M_SQRT1_2) * exp(-(x * x) * T(0.5));
}
template <class T> T sigmoidOf(T x) {
  return valueOf(x) >= 0 ? T(1) / (T(1) + exp(-x)) : exp(x) / (T(1) + exp(x));
}
/// max(z, 0) + log(1 + e^-|z|)
template <class T> T softplus(T z) { return valueOf(z) > 0 ? z + log1p(exp(-z)) : log1p(exp(z)); }

/// The function itself; `alpha` for elu and leaky relu.
template <class T> T unary(hgnn::UnaryFn fn, T x, double alpha) {
  bool positive = valueOf(x) > 0;
  switch (fn) {
  case hgnn::UnaryFn::Relu:
    return positive ? x : T(0);
  case hgnn::UnaryFn::Elu:
    return positive ? x : T(alpha) * (exp(x) - T(1));
  case hgnn::UnaryFn::Tanh:
    return tanh(x);
  case hgnn::UnaryFn::Sigmoid:
    return sigmoidOf(x);
  case hgnn::UnaryFn::Gelu:
    return x * normalCdf(x);
  case hgnn::UnaryFn::LeakyRelu:
    return positive ? x : T(alpha) * x;
  case hgnn::UnaryFn::Reciprocal:
    return valueOf(x) == 0 ? T(0) : T(1) / x;
  case hgnn::UnaryFn::Exp:
    return exp(x);
  case hgnn::UnaryFn::Log:
    return log(x);
  case hgnn::UnaryFn::Softplus:
    return softplus(x);
  case hgnn::UnaryFn::Rsqrt:
    return valueOf(x) == 0 ? T(0) : T(1) / sqrt(x);
  }
  return T(0);
}

/// Its derivative at x.
template <class T> T unaryGrad(hgnn::UnaryFn fn, T x, double alpha) {
  bool positive = valueOf(x) > 0;
  switch (fn) {
  case hgnn::UnaryFn::Relu:
    return positive ? T(1) : T(0);
  case hgnn::UnaryFn::Elu:
    return positive ? T(1) : T(alpha) * exp(x);
  case hgnn::UnaryFn::Tanh:
    return T(1) - tanh(x) * tanh(x);
  case hgnn::UnaryFn::Sigmoid:
    return sigmoidOf(x) * (T(1) - sigmoidOf(x));
  case hgnn::UnaryFn::Gelu:
    return normalCdf(x) + x * normalPdf(x);
  case hgnn::UnaryFn::LeakyRelu:
    return positive ? T(1) : T(alpha);
  case hgnn::UnaryFn::Reciprocal:
    return valueOf(x) == 0 ? T(0) : T(-1) / (x * x);
  case hgnn::UnaryFn::Exp:
    return exp(x);
  case hgnn::UnaryFn::Log:
    return T(1) / x;
  case hgnn::UnaryFn::Softplus:
    return sigmoidOf(x);
  case hgnn::UnaryFn::Rsqrt:
    return valueOf(x) == 0 ? T(0) : T(-0.5) / (x * sqrt(x));
  }
  return T(0);
}

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_INTERPRETER_NUMBERFUNCTIONS_H
