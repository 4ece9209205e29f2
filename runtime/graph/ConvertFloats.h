//===- ConvertFloats.h - numbers of one floating dtype as another -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_GRAPH_CONVERTFLOATS_H
#define HEDDLE_RUNTIME_GRAPH_CONVERTFLOATS_H

#include <cstdint>
#include <string>
#include <vector>

namespace heddle::graph {

/// The dtypes in which features may be asked to be stored: float32, float16, bfloat16.
const std::vector<std::string> &storageDtypes();

/// Converts `count` numbers, each rounded once, to nearest even; subnormals are kept. NaN stays
/// NaN, an infinity itself, both with their sign. Returns the index of the first finite number that
/// is too large for `toDtype` (it is not converted, nor what follows), or -1. Neither side needs to
/// be aligned. `fromDtype`: see isFloatingDtype; `toDtype`: one of storageDtypes().
int64_t convertFloats(const void *from, const std::string &fromDtype, int64_t count,
                      const std::string &toDtype, void *to);

} // namespace heddle::graph

#endif // HEDDLE_RUNTIME_GRAPH_CONVERTFLOATS_H
