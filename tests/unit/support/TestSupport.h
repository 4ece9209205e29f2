//===- TestSupport.h - what unit tests share ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_SUPPORT_TESTSUPPORT_H
#define HEDDLE_TESTS_UNIT_SUPPORT_TESTSUPPORT_H

#include "runtime/base/Status.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#define ASSERT_OK(expr)                                                                            \
  do {                                                                                             \
    absl::Status assertOk_ = (expr);                                                               \
    ASSERT_TRUE(assertOk_.ok()) << ::heddle::messageOf(assertOk_);                                 \
  } while (false)

/// EXPECT that a status or StatusOr failed with all of the texts in its message.
#define EXPECT_FAILS(expr, ...)                                                                    \
  ::heddle::test::expectFails(::heddle::test::statusOf(expr), {__VA_ARGS__}, __FILE__, __LINE__)

namespace heddle::test {

inline absl::Status statusOf(const absl::Status &status) { return status; }
template <typename T> absl::Status statusOf(const absl::StatusOr<T> &value) {
  return value.status();
}

inline void expectFails(const absl::Status &status, std::initializer_list<const char *> texts,
                        const char *file, int line) {
  if (status.ok()) {
    ADD_FAILURE_AT(file, line) << "expected an error";
    return;
  }
  std::string message = messageOf(status);
  EXPECT_EQ(message.find('\n'), std::string::npos) << "more than one line: " << message;
  for (const char *text : texts)
    if (message.find(text) == std::string::npos)
      ADD_FAILURE_AT(file, line) << "'" << text << "' is not in: " << message;
}

template <typename T> T valueOf(absl::StatusOr<T> value) {
  if (!value.ok()) {
    ADD_FAILURE() << messageOf(value.status());
    std::abort();
  }
  return std::move(value).value();
}

/// A fresh directory that goes with the object.
class TemporaryDirectory {
public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "heddle-test-XXXXXX").string();
    if (!::mkdtemp(pattern.data()))
      std::abort();
    path_ = pattern;
  }
  TemporaryDirectory(const TemporaryDirectory &) = delete;
  TemporaryDirectory &operator=(const TemporaryDirectory &) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string &name) const { return path_ + "/" + name; }
  const std::string &path() const { return path_; }

private:
  std::string path_;
};

inline std::string readAll(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline void writeAll(const std::string &path, const std::string &bytes) {
  // A file system that guards against replace-by-truncate would wait for the disk.
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  std::ofstream(path, std::ios::binary) << bytes;
}

} // namespace heddle::test

#endif // HEDDLE_TESTS_UNIT_SUPPORT_TESTSUPPORT_H
