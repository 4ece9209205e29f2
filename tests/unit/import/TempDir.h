//===- TempDir.h - a folder for one test -------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_IMPORT_TEMPDIR_H
#define HEDDLE_TESTS_UNIT_IMPORT_TEMPDIR_H

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace heddle::testing_import {

class TempDir {
public:
  TempDir() {
    const char *base = std::getenv("TMPDIR");
    std::string name = std::string(base && *base ? base : "/tmp") + "/heddle-import-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir &) = delete;
  TempDir &operator=(const TempDir &) = delete;
  const std::string &path() const { return path_; }
  std::string file(const std::string &name) const { return path_ + "/" + name; }
  std::string write(const std::string &name, std::string_view text) const {
    std::ofstream(file(name), std::ios::binary) << text;
    return file(name);
  }

private:
  std::string path_;
};

} // namespace heddle::testing_import

#endif // HEDDLE_TESTS_UNIT_IMPORT_TEMPDIR_H
