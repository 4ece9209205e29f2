//===- Dual.h - numbers with a derivative ------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_INTERPRETER_DUAL_H
#define HEDDLE_COMPILER_INTERPRETER_DUAL_H

#include <cmath>

namespace heddle::compiler {

/// value + derivative * e with e * e = 0.
struct Dual {
  double value = 0, derivative = 0;
  Dual() = default;
  Dual(double value) : value(value) {}
  Dual(double value, double derivative) : value(value), derivative(derivative) {}
};

inline Dual operator-(Dual a) { return {-a.value, -a.derivative}; }
inline Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.derivative + b.derivative}; }
inline Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.derivative - b.derivative}; }
inline Dual operator*(Dual a, Dual b) {
  return {a.value * b.value, a.derivative * b.value + a.value * b.derivative};
}
inline Dual operator/(Dual a, Dual b) {
  double q = a.value / b.value;
  return {q, (a.derivative - q * b.derivative) / b.value};
}
inline Dual &operator+=(Dual &a, Dual b) { return a = a + b; }
inline Dual &operator-=(Dual &a, Dual b) { return a = a - b; }
inline Dual &operator*=(Dual &a, Dual b) { return a = a * b; }

// The functions of <cmath> that ops need, for both kinds of numbers.
inline double valueOf(double x) { return x; }
inline double valueOf(Dual x) { return x.value; }
inline double derivativeOf(double) { return 0; }
inline double derivativeOf(Dual x) { return x.derivative; }

using std::erf;
using std::exp;
using std::log1p;
using std::log;
using std::sqrt;
using std::tanh;
inline Dual exp(Dual x) { return {std::exp(x.value), std::exp(x.value) * x.derivative}; }
inline Dual log(Dual x) { return {std::log(x.value), x.derivative / x.value}; }
inline Dual log1p(Dual x) { return {std::log1p(x.value), x.derivative / (1 + x.value)}; }
inline Dual tanh(Dual x) {
  double y = std::tanh(x.value);
  return {y, (1 - y * y) * x.derivative};
}
inline Dual erf(Dual x) {
  return {std::erf(x.value), M_2_SQRTPI * std::exp(-x.value * x.value) * x.derivative};
}
inline Dual sqrt(Dual x) {
  double y = std::sqrt(x.value);
  // At 0 a moment that does not move has derivative 0, not 0 / 0.
  return {y, x.derivative == 0 ? 0 : x.derivative / (2 * y)};
}

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_INTERPRETER_DUAL_H
