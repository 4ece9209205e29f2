//===- ConvertRows.cpp - rows of any dtype as f32 -------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/ConvertRows.h"

#include "runtime/base/SmallFloats.h"

#include <cstring>
#include <type_traits>

namespace heddle::exec {

namespace {

struct Half {
  uint16_t bits;
  explicit operator float() const { return halfToFloat(bits); }
};
struct Bfloat {
  uint16_t bits;
  explicit operator float() const { return bfloatToFloat(bits); }
};

template <class T>
void convert(const void *source, int64_t dim, const int64_t *ids, int64_t rows, float *out) {
  const T *from = static_cast<const T *>(source);
  for (int64_t i = 0; i < rows; ++i) {
    if (i + 4 < rows)
      __builtin_prefetch(from + ids[i + 4] * dim);
    const T *row = from + ids[i] * dim;
    float *to = out + i * dim;
    if constexpr (std::is_same_v<T, float>)
      std::memcpy(to, row, static_cast<size_t>(dim) * sizeof(float));
    else
      for (int64_t c = 0; c < dim; ++c)
        to[c] = static_cast<float>(row[c]);
  }
}

} // namespace

RowConverter rowConverterOf(const std::string &dtype) {
  struct Entry {
    const char *name;
    RowConverter convert;
  };
  static constexpr Entry table[] = {
      {"float32", convert<float>},    {"float64", convert<double>},  {"float16", convert<Half>},
      {"bfloat16", convert<Bfloat>},  {"int8", convert<int8_t>},     {"uint8", convert<uint8_t>},
      {"bool", convert<uint8_t>},     {"int16", convert<int16_t>},   {"uint16", convert<uint16_t>},
      {"int32", convert<int32_t>},    {"uint32", convert<uint32_t>}, {"int64", convert<int64_t>},
      {"uint64", convert<uint64_t>}};
  for (const Entry &entry : table)
    if (dtype == entry.name)
      return entry.convert;
  return nullptr;
}

bool knownFeatureDtype(const std::string &dtype) { return rowConverterOf(dtype) != nullptr; }

bool convertRows(const void *source, const std::string &dtype, int64_t dim, const int64_t *ids,
                 int64_t rows, float *out) {
  RowConverter function = rowConverterOf(dtype);
  if (function)
    function(source, dim, ids, rows, out);
  return function != nullptr;
}

} // namespace heddle::exec
