//===- SmallFloats.h - numbers of 16 bits --------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// IEEE half (float16) and bfloat16 as their bits. Nothing but the language is used here: kernels of
// a GPU have the same lines, so both widen to the same bits.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_SMALLFLOATS_H
#define HEDDLE_RUNTIME_BASE_SMALLFLOATS_H

#include <stdint.h>

namespace heddle {

/// Exact. A NaN keeps its sign and fraction.
inline float halfToFloat(uint16_t bits) {
  const uint32_t sign = uint32_t(bits & 0x8000u) << 16, exponent = (bits >> 10) & 31u,
                 fraction = bits & 0x3FFu;
  if (exponent == 31)
    return __builtin_bit_cast(float, sign | 0x7F800000u | (fraction << 13));
  if (exponent)
    return __builtin_bit_cast(float, sign | ((exponent + 112) << 23) | (fraction << 13));
  const float value = static_cast<float>(fraction) * 0x1p-24f; // subnormal
  return sign ? -value : value;
}

/// Exact, bit for bit: a bfloat16 is the upper half of a float.
inline float bfloatToFloat(uint16_t bits) {
  return __builtin_bit_cast(float, uint32_t(bits) << 16);
}

/// To nearest, ties to even, subnormals too. What is too large becomes an infinity (from 65520 on);
/// a NaN stays one.
inline uint16_t floatToHalf(float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t exponent = (bits >> 23) & 0xFFu, fraction = bits & 0x7FFFFFu;
  if (exponent == 0xFF)
    return uint16_t(sign | 0x7C00u | (fraction ? 0x200u : 0));
  int e = int(exponent) - 127 + 15;
  if (e >= 31)
    return uint16_t(sign | 0x7C00u);
  uint32_t mantissa = fraction | (exponent ? 0x800000u : 0);
  int shift = 13;
  if (e <= 0) { // subnormal: the implicit bit is written out
    shift += 1 - e;
    e = 0;
    if (shift > 24)
      return uint16_t(sign);
  } else {
    mantissa &= 0x7FFFFFu;
  }
  uint32_t half = (uint32_t(e) << 10) + (mantissa >> shift);
  const uint32_t rest = mantissa & ((1u << shift) - 1), middle = 1u << (shift - 1);
  if (rest > middle || (rest == middle && (half & 1)))
    ++half; // a carry into the exponent is the right next number
  return uint16_t(sign | half);
}

/// The same for a bfloat16, which has the range of a float: only the largest 2^-9 of it becomes an
/// infinity.
inline uint16_t floatToBfloat(float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
    return uint16_t(bits >> 16 | 0x40u); // its fraction may be in the lower half alone
  return uint16_t((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

/// The float towards zero, with its last bit set if that is not exact: rounded to a narrower type,
/// it gives what the double would. (Rounding to the nearest twice would not.)
inline float roundToOdd(double value) {
  const float nearest = static_cast<float>(value);
  const double back = nearest;
  if (back == value || value != value)
    return nearest;
  uint32_t bits = __builtin_bit_cast(uint32_t, nearest);
  if ((back < 0 ? -back : back) > (value < 0 ? -value : value))
    --bits;
  return __builtin_bit_cast(float, bits | 1u);
}

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_SMALLFLOATS_H
