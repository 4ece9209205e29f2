//===- ConvertFloats.cpp - numbers of one floating dtype as another ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/graph/ConvertFloats.h"

#include "runtime/base/SmallFloats.h"

#include <cmath>
#include <cstring>

namespace heddle::graph {

namespace {

// How a dtype lies in memory, and its numbers as float: exactly, but for those of Double.
struct Single {
  using Bits = float;
  static float widen(float value) { return value; }
  static float narrow(float value) { return value; }
  static bool isFinite(float value) { return std::isfinite(value); }
};
struct Half {
  using Bits = uint16_t;
  static float widen(uint16_t bits) { return halfToFloat(bits); }
  static uint16_t narrow(float value) { return floatToHalf(value); }
  static bool isFinite(uint16_t bits) { return (bits & 0x7C00) != 0x7C00; }
};
struct Bfloat {
  using Bits = uint16_t;
  static float widen(uint16_t bits) { return bfloatToFloat(bits); }
  static uint16_t narrow(float value) { return floatToBfloat(value); }
  static bool isFinite(uint16_t bits) { return (bits & 0x7F80) != 0x7F80; }
};
struct Double {
  using Bits = double;
  static float widen(double value) { return roundToOdd(value); }
  static bool isFinite(double value) { return std::isfinite(value); }
};

template <class From, class To> int64_t convert(const void *from, int64_t count, void *to) {
  auto *source = static_cast<const char *>(from);
  auto *target = static_cast<char *>(to);
  for (int64_t i = 0; i < count; ++i) {
    typename From::Bits in;
    std::memcpy(&in, source + i * int64_t(sizeof in), sizeof in);
    typename To::Bits out;
    if constexpr (std::is_same_v<From, Double> && std::is_same_v<To, Single>)
      out = static_cast<float>(in);
    else
      out = To::narrow(From::widen(in));
    if (!To::isFinite(out) && From::isFinite(in))
      return i;
    std::memcpy(target + i * int64_t(sizeof out), &out, sizeof out);
  }
  return -1;
}

template <class From>
int64_t convertFrom(const void *from, int64_t count, const std::string &toDtype, void *to) {
  return toDtype == "float16"    ? convert<From, Half>(from, count, to)
         : toDtype == "bfloat16" ? convert<From, Bfloat>(from, count, to)
                                 : convert<From, Single>(from, count, to);
}

} // namespace

const std::vector<std::string> &storageDtypes() {
  static const std::vector<std::string> names = {"float32", "float16", "bfloat16"};
  return names;
}

int64_t convertFloats(const void *from, const std::string &fromDtype, int64_t count,
                      const std::string &toDtype, void *to) {
  return fromDtype == "float16"    ? convertFrom<Half>(from, count, toDtype, to)
         : fromDtype == "bfloat16" ? convertFrom<Bfloat>(from, count, toDtype, to)
         : fromDtype == "float64"  ? convertFrom<Double>(from, count, toDtype, to)
                                   : convertFrom<Single>(from, count, toDtype, to);
}

} // namespace heddle::graph
