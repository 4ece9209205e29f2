//===- TempDir.h - a folder for one test -------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_IMPORT_TEMPDIR_H
#define HEDDLE_TESTS_UNIT_IMPORT_TEMPDIR_H

#include "tests/unit/support/TestSupport.h"

#include <string>
#include <string_view>

namespace heddle::testing_import {

/// A TemporaryDirectory that writes and names its files in one go.
class TempDir : public test::TemporaryDirectory {
public:
  std::string file(const std::string &name) const { return *this / name; }
  std::string write(const std::string &name, std::string_view text) const {
    test::writeAll(file(name), std::string(text));
    return file(name);
  }
};

} // namespace heddle::testing_import

#endif // HEDDLE_TESTS_UNIT_IMPORT_TEMPDIR_H
