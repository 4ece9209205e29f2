//===- JsonLinesTest.cpp - one JSON object per line -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/JsonLines.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include <unistd.h>

using namespace heddle::train;
using Json = nlohmann::ordered_json;

namespace {

class JsonLines : public testing::Test {
protected:
  void SetUp() override {
    path =
        std::filesystem::temp_directory_path() /
        (std::string("heddle_lines_") +
         testing::UnitTest::GetInstance()->current_test_info()->name() + std::to_string(getpid()));
    std::filesystem::remove(path);
  }
  void TearDown() override { std::filesystem::remove(path); }
  std::string text() {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string path;
};

} // namespace

TEST_F(JsonLines, EachLineIsThereAtOnce) {
  auto writer = JsonLinesWriter::open(path, "heddle-metrics/1", false);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE((*writer)->write({{"step", 1}, {"loss", 0.5}}).ok());
  EXPECT_EQ(text(), "{\"schema\":\"heddle-metrics/1\",\"step\":1,\"loss\":0.5}\n");
  ASSERT_TRUE((*writer)->write({{"loss", NAN}, {"name", "a\nb\xff"}, {"schema", "other"}}).ok());
  std::string second = text().substr(text().find('\n') + 1);
  EXPECT_EQ(std::count(second.begin(), second.end(), '\n'), 1);
  Json line = Json::parse(second);
  EXPECT_TRUE(line["loss"].is_null());
  EXPECT_EQ(line["schema"], "heddle-metrics/1");
  EXPECT_EQ(line.begin().key(), "schema");
  EXPECT_FALSE((*writer)->write(Json::array({1, 2})).ok());
}

TEST_F(JsonLines, AppendDropsALineCutShort) {
  for (const std::string &torn : {std::string("{\"schema\":\"x\",\"st"), std::string(10000, 'x')}) {
    std::ofstream(path) << "{\"a\":1}\n{\"a\":2}\n" << torn;
    {
      auto writer = JsonLinesWriter::open(path, "s", true);
      ASSERT_TRUE(writer.ok());
      ASSERT_TRUE((*writer)->write({{"a", 3}}).ok());
    }
    EXPECT_EQ(text(), "{\"a\":1}\n{\"a\":2}\n{\"schema\":\"s\",\"a\":3}\n");
  }
  std::ofstream(path) << "no line at all";
  {
    ASSERT_TRUE((*JsonLinesWriter::open(path, "s", true))->write({{"a", 1}}).ok());
  }
  EXPECT_EQ(text(), "{\"schema\":\"s\",\"a\":1}\n");
  {
    ASSERT_TRUE(JsonLinesWriter::open(path, "s", false).ok());
  }
  EXPECT_EQ(text(), "");
  EXPECT_FALSE(JsonLinesWriter::open("/nonexistent/x.jsonl", "s", false).ok());
}
