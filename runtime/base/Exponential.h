//===- Exponential.h - e^x, the same bits everywhere -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Partitions merge softmaxes on CPUs and on GPUs, and the bits must not depend on where. Nothing but the
// language is used here, no product is fused with a sum (-ffp-contract=off), so all compilers agree.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_EXPONENTIAL_H
#define HEDDLE_RUNTIME_BASE_EXPONENTIAL_H

#include <stdint.h>

namespace heddle {

/// e^x to about one unit in the last place: x = n ln 2 + r, and a polynomial in r.
inline float exponential(float x) {
  if (x != x)
    return x;
  if (x < -104.0f)
    return 0;
  if (x > 88.8f)
    return __builtin_inff();
  // So large a sum has no room for a fraction: its last bits are the nearest whole number.
  constexpr float large = 12582912.0f;
  const float sum = x * 1.44269504f + large, whole = sum - large;
  const int n = __builtin_bit_cast(int, sum) - __builtin_bit_cast(int, large);
  const float r = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const float value = p * r * r + r + 1.0f;
  // 2^n in two factors: one alone may be too small or too large for a float.
  auto power = [](int e) { return __builtin_bit_cast(float, uint32_t(e + 127) << 23); };
  return value * power(n / 2) * power(n - n / 2);
}

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_EXPONENTIAL_H
