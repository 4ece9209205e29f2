//===- SafetensorsTest.cpp - weights in the safetensors format ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include <unistd.h>

using namespace heddle;
using namespace heddle::train;

namespace {

class Safetensors : public testing::Test {
protected:
  void SetUp() override {
    const auto *info = testing::UnitTest::GetInstance()->current_test_info();
    folder = std::filesystem::temp_directory_path() /
             (std::string("heddle_safetensors_") + info->name() + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    path = folder / "w.safetensors";
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string bytes() {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void put(const std::string &content) { std::ofstream(path, std::ios::binary) << content; }
  /// length + header + data
  static std::string fileOf(const std::string &header, size_t data) {
    std::string out(8, '\0');
    uint64_t n = header.size();
    std::memcpy(out.data(), &n, 8);
    return out + header + std::string(data, 'd');
  }
  std::string errorOf(const std::string &content) {
    put(content);
    auto reader = SafetensorsReader::open(path);
    EXPECT_FALSE(reader.ok());
    if (reader.ok())
      return "";
    EXPECT_EQ(exitCodeOf(reader.status()), 2);
    std::string message = messageOf(reader.status());
    EXPECT_EQ(message.rfind(path, 0), 0u) << message;
    return message;
  }

  std::filesystem::path folder;
  std::string path;
};

TensorInfo tensor(const std::string &name, const std::string &dtype, std::vector<int64_t> shape) {
  TensorInfo out;
  out.name = name;
  out.dtype = dtype;
  out.shape = std::move(shape);
  return out;
}

} // namespace

TEST_F(Safetensors, WritesPieceByPieceWhatReadsBack) {
  const std::vector<uint8_t> flags = {1, 0, 1};
  const std::vector<float> weights = {1, 2, 3, 4, 5, 6};
  const std::vector<int64_t> counts = {-7, 9};
  const double scalar = 0.125;
  auto writer = SafetensorsWriter::create(
      path,
      {tensor("flags", "BOOL", {3}), tensor("convs.0.weight/名前\n", "F32", {2, 3}),
       tensor("counts", "I64", {2}), tensor("scalar", "F64", {}), tensor("empty", "F32", {0, 5})},
      {{"format", "pt"}, {"größe", "\"1\""}}, false);
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_FALSE(std::filesystem::exists(path)); // nothing half-written is seen
  ASSERT_TRUE((*writer)->append(1, weights.data(), 8).ok());
  ASSERT_TRUE((*writer)->append(0, flags.data(), 3).ok());
  ASSERT_TRUE((*writer)->append(1, weights.data() + 2, 16).ok());
  ASSERT_TRUE((*writer)->append(3, &scalar, 8).ok());
  EXPECT_EQ((*writer)->finish().code(), absl::StatusCode::kFailedPrecondition); // counts
  ASSERT_TRUE((*writer)->append(2, counts.data(), 16).ok());
  EXPECT_FALSE((*writer)->append(2, counts.data(), 1).ok()); // full
  EXPECT_FALSE((*writer)->append(9, counts.data(), 1).ok());
  ASSERT_TRUE((*writer)->finish().ok());

  auto reader = SafetensorsReader::open(path);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->metadata(),
            (std::map<std::string, std::string>{{"format", "pt"}, {"größe", "\"1\""}}));
  EXPECT_EQ((*reader)->tensors().size(), 5u);
  for (const TensorInfo &t : (*reader)->tensors())
    EXPECT_EQ(t.offset % safetensorsItemSize(t.dtype), 0) << t.name;
  const TensorInfo *w = (*reader)->find("convs.0.weight/名前\n");
  ASSERT_NE(w, nullptr);
  EXPECT_EQ(w->shape, (std::vector<int64_t>{2, 3}));
  std::vector<float> back(6);
  ASSERT_TRUE((*reader)->read(*w, 0, 24, back.data()).ok());
  EXPECT_EQ(back, weights);
  float last;
  ASSERT_TRUE((*reader)->read(*w, 20, 4, &last).ok());
  EXPECT_EQ(last, 6);
  EXPECT_FALSE((*reader)->read(*w, 20, 5, &last).ok());
  EXPECT_FALSE((*reader)->read(*w, INT64_MAX, 5, &last).ok());
  EXPECT_FALSE((*reader)->read(*w, -1, 1, &last).ok());
  std::vector<int64_t> c(2);
  ASSERT_TRUE((*reader)->read(*(*reader)->find("counts"), 0, 16, c.data()).ok());
  EXPECT_EQ(c, counts);
  EXPECT_EQ((*reader)->find("scalar")->bytes, 8);
  EXPECT_EQ((*reader)->find("empty")->bytes, 0);
  EXPECT_EQ((*reader)->find("absent"), nullptr);
}

TEST_F(Safetensors, AFileOfAnotherWriterReads) {
  put(fileOf(R"({"__metadata__":{"a":"b"},"x":{"shape":[2],"dtype":"F16","data_offsets":[4,8]},)"
             R"("y":{"dtype":"I32","shape":[],"data_offsets":[0,4]}}   )",
             8));
  auto reader = SafetensorsReader::open(path);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->tensors()[0].name, "y");
  EXPECT_EQ((*reader)->tensors()[1].bytes, 4);
  put(fileOf("{}", 0));
  EXPECT_TRUE(SafetensorsReader::open(path).ok());
}

TEST_F(Safetensors, RefusesHostileFiles) {
  struct Row {
    std::string header;
    size_t data;
    std::string what;
  };
  const std::vector<Row> rows = {
      {"[]", 0, "does not start with '{'"},
      {"", 2, "does not start with '{'"},
      {"{\"x\"", 0, "not valid JSON"},
      {"{} x", 0, "not valid JSON"},
      {R"({"x":1})", 0, "unexpected the number 1 at 'x'"},
      {R"({"x":null})", 0, "unexpected null at 'x'"},
      {R"({"x":[]})", 0, "unexpected an array"},
      {R"({"x":{}})", 0, "are needed"},
      {R"({"x":{"dtype":"U8","shape":[1]}})", 1, "are needed"},
      {R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"z":1}})", 1, "unknown key 'z'"},
      {R"({"x":{"dtype":"U9","shape":[1],"data_offsets":[0,1]}})", 1, "unknown dtype 'U9'"},
      {R"({"x":{"dtype":1,"shape":[1],"data_offsets":[0,1]}})", 1, "unexpected the number 1"},
      {R"({"x":{"dtype":"U8","shape":"1","data_offsets":[0,1]}})", 1, "unexpected a string"},
      {R"({"x":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1, "negative number -1"},
      {R"({"x":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", 1, "the number 1.0"},
      {R"({"x":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}})", 1, "unexpected an array"},
      {R"({"x":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,1]}})", 1,
       "18446744073709551615"},
      {R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1, "[begin, end]"},
      {R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}})", 1, "[begin, end]"},
      {R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1, "end before they begin"},
      {R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,1]}})", 1, "hold 1 bytes, the shape 4"},
      {R"({"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0,
       "more than fit 63 bits"},
      {R"({"x":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}})",
       1, "the file holds 1"},
      {R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 2, "the file holds 2"},
      {R"({"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 1, "the file holds 1"},
      {R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2, "leave a hole at byte 0"},
      {R"({"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
           "y":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
       3, "overlap"},
      {R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
           "y":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
       3, "leave a hole at byte 1"},
      {R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
           "x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
       1, "key 'x' appears twice"},
      {R"({"x":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1,
       "key 'dtype' appears twice"},
      {R"({"__metadata__":{"a":"b","a":"c"}})", 0, "key 'a' appears twice"},
      {R"({"__metadata__":{"a":1}})", 0, "__metadata__: unexpected the number 1"},
      {R"({"__metadata__":{"a":{}}})", 0, "unexpected an object"},
      {"{\"\xff\":1}", 0, "not valid JSON"},
      {"{\"x\":" + std::string(100000, '['), 0, "unexpected an array"},
  };
  for (const Row &row : rows)
    EXPECT_NE(errorOf(fileOf(row.header, row.data)).find(row.what), std::string::npos)
        << row.header.substr(0, 200) << "\n"
        << errorOf(fileOf(row.header, row.data));
}

TEST_F(Safetensors, RefusesImpossibleLengths) {
  EXPECT_NE(errorOf("").find("only 0 bytes"), std::string::npos);
  EXPECT_NE(errorOf("1234567").find("only 7 bytes"), std::string::npos);
  EXPECT_NE(errorOf(std::string(16, '\xff')).find("more than 100000000"), std::string::npos);
  std::string file = fileOf("{}", 0);
  file[0] = 100;
  EXPECT_NE(errorOf(file).find("would have 100 bytes, the file has 10"), std::string::npos);
  EXPECT_FALSE(SafetensorsReader::open(folder).ok()); // a directory
  EXPECT_EQ(SafetensorsReader::open(folder / "absent").status().code(),
            absl::StatusCode::kNotFound);
}

// Every truncation and every flipped byte of the header: an error or an equal structure, no crash.
TEST_F(Safetensors, TruncatedAndFlippedHeaders) {
  auto writer = SafetensorsWriter::create(
      path, {tensor("a", "F32", {2, 2}), tensor("b", "U8", {3})}, {{"k", "v"}}, false);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->append(0, "0123456789abcdef", 16).ok());
  ASSERT_TRUE((*writer)->append(1, "xyz", 3).ok());
  ASSERT_TRUE((*writer)->finish().ok());
  const std::string good = bytes();
  for (size_t length = 0; length < good.size(); ++length)
    errorOf(good.substr(0, length));
  std::mt19937 random(3);
  for (size_t at = 0; at < good.size() - 19; ++at) {
    std::string bad = good;
    bad[at] = char(bad[at] ^ (1 << (random() % 8)));
    put(bad);
    auto reader = SafetensorsReader::open(path);
    if (reader.ok())
      for (const TensorInfo &t : (*reader)->tensors())
        EXPECT_LE(t.offset + t.bytes, int64_t(good.size()));
  }
}

TEST_F(Safetensors, TheWriterRefusesWhatItCannotKeep) {
  auto refused = [&](std::vector<TensorInfo> tensors,
                     std::map<std::string, std::string> meta = {}) {
    auto writer = SafetensorsWriter::create(path, std::move(tensors), meta, false);
    return writer.ok() ? std::string() : messageOf(writer.status());
  };
  EXPECT_NE(refused({tensor("a", "F31", {1})}).find("unknown dtype"), std::string::npos);
  EXPECT_NE(refused({tensor("a", "F32", {1}), tensor("a", "F32", {1})}).find("taken"),
            std::string::npos);
  EXPECT_NE(refused({tensor("__metadata__", "F32", {1})}).find("taken"), std::string::npos);
  EXPECT_NE(refused({tensor("\xff", "F32", {1})}).find("UTF-8"), std::string::npos);
  EXPECT_NE(refused({}, {{"a", "\xff"}}).find("UTF-8"), std::string::npos);
  EXPECT_NE(refused({tensor("a", "F32", {-1})}).find("negative"), std::string::npos);
  EXPECT_NE(refused({tensor("a", "F32", {INT64_MAX, 2})}).find("too large"), std::string::npos);
  EXPECT_NE(
      refused({tensor("a", "U8", {INT64_MAX}), tensor("b", "U8", {INT64_MAX})}).find("too large"),
      std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(folder));

  // An abandoned writer leaves nothing, an existing file needs force.
  {
    auto writer = SafetensorsWriter::create(path, {tensor("a", "U8", {1})}, {}, false);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  put("precious");
  auto second = SafetensorsWriter::create(path, {}, {}, false);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(bytes(), "precious");
  auto forced = SafetensorsWriter::create(path, {}, {}, true);
  ASSERT_TRUE(forced.ok()) << forced.status();
  EXPECT_EQ(bytes(), "precious");
  ASSERT_TRUE((*forced)->finish().ok());
  EXPECT_FALSE((*forced)->finish().ok());
  EXPECT_TRUE(SafetensorsReader::open(path).ok());
}
