//===- Require.h - what a fuzzer insists on  --------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_FUZZ_REQUIRE_H
#define HEDDLE_TESTS_FUZZ_REQUIRE_H

#include <cstdio>
#include <cstdlib>
#include <string>

/// Stops the fuzzer on what is not `right`, saying `what`.
inline void require(bool right, const std::string &what) {
  if (right)
    return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

#endif // HEDDLE_TESTS_FUZZ_REQUIRE_H
