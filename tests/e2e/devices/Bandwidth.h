//===- Bandwidth.h - what a device moves in a second -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_E2E_DEVICES_BANDWIDTH_H
#define HEDDLE_TESTS_E2E_DEVICES_BANDWIDTH_H

#include "runtime/base/Status.h"

namespace heddle {

/// Prints a line of JSON: the device's name, and bytes a second of copies within its memory (read
/// and written bytes both count) and from pinned memory of the host; the best of several.
absl::Status printBandwidth(int ordinal);

} // namespace heddle

#endif // HEDDLE_TESTS_E2E_DEVICES_BANDWIDTH_H
