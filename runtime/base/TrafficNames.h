//===- TrafficNames.h - classes of communicated bytes ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_TRAFFICNAMES_H
#define HEDDLE_RUNTIME_BASE_TRAFFICNAMES_H

#include <array>

namespace heddle {

/// By the numbers that plans and transports both give the classes; metrics and heddle-dump use
/// them.
inline constexpr std::array<const char *, 5> trafficNames = {
    "activations", "dense_gradients", "embedding_rows", "remote_features", "control"};

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_TRAFFICNAMES_H
