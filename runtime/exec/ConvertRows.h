//===- ConvertRows.h - rows of any dtype as f32 ------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_CONVERTROWS_H
#define HEDDLE_RUNTIME_EXEC_CONVERTROWS_H

#include <cstdint>
#include <string>

namespace heddle::exec {

/// Converts `rows` rows of `dim` values, picked by `ids`, to f32. Integers and f64 are rounded to the
/// nearest f32. `bool` counts as uint8.
using RowConverter = void (*)(const void *source, int64_t dim, const int64_t *ids, int64_t rows,
                              float *out);
/// By a dtype as in graph.json; null: unknown.
RowConverter rowConverterOf(const std::string &dtype);
bool knownFeatureDtype(const std::string &dtype);
/// The same in one call. False: unknown dtype.
bool convertRows(const void *source, const std::string &dtype, int64_t dim, const int64_t *ids,
                 int64_t rows, float *out);

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_CONVERTROWS_H
