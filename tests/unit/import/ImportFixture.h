//===- ImportFixture.h - tables of a test, imported --------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_IMPORT_IMPORTFIXTURE_H
#define HEDDLE_TESTS_UNIT_IMPORT_IMPORTFIXTURE_H

#include "RecordingBuilder.h"
#include "TempDir.h"

#include "runtime/base/Npy.h"
#include "runtime/import/TableImport.h"

#include "gtest/gtest.h"

namespace heddle::testing_import {

class ImportFixture : public ::testing::Test {
protected:
  /// Imports {"version": "1.0", BODY} with files of `dir`.
  absl::Status import(const std::string &body) {
    builder = RecordingBuilder();
    dir.write("d.json", "{\"version\": \"1.0\", " + body + "}");
    HEDDLE_ASSIGN_OR_RETURN(auto descriptor, importing::readDescriptor(dir.file("d.json")));
    if (!floats.empty())
      importing::storeFloatsAs(floats, descriptor);
    return importing::importTables(descriptor, builder);
  }
  void expectOk(const std::string &body) {
    absl::Status status = import(body);
    EXPECT_TRUE(status.ok()) << messageOf(status);
  }
  /// Exit code 2 and one line that holds `expected` and a remedy. The folder is written as DIR.
  void expectError(const std::string &body, const std::string &expected) {
    expectMessage(import(body), expected);
  }
  void expectMessage(const absl::Status &status, const std::string &expected) {
    std::string message = messageOf(status);
    for (size_t at; (at = message.find(dir.path() + "/")) != std::string::npos;)
      message.replace(at, dir.path().size() + 1, "");
    EXPECT_EQ(exitCodeOf(status), 2) << message;
    EXPECT_NE(message.find(expected), std::string::npos)
        << "got:      " << message << "\nexpected: " << expected;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    // What is expected at a key says by itself what to write there.
    bool says = message.find("; ") != std::string::npos ||
                message.find("missing key") != std::string::npos ||
                message.find("expected ") != std::string::npos ||
                message.find("No such file") != std::string::npos;
    EXPECT_TRUE(says) << "no remedy: " << message;
  }
  template <typename T>
  void writeNpy(const std::string &name, const std::string &dtype,
                const std::vector<int64_t> &shape, const std::vector<T> &values) {
    std::filesystem::remove(dir.file(name));
    auto writer = NpyWriter::create(dir.file(name), dtype, {shape.begin() + 1, shape.end()});
    ASSERT_TRUE(writer.ok()) << messageOf(writer.status());
    ASSERT_TRUE(writer->append(values.data(), shape[0]).ok());
    ASSERT_TRUE(writer->close().ok());
  }

  TempDir dir;
  RecordingBuilder builder;
  std::string floats; ///< --feature-dtype, where not empty
};

} // namespace heddle::testing_import

#endif // HEDDLE_TESTS_UNIT_IMPORT_IMPORTFIXTURE_H
