//===- RowFileTest.cpp - rows of a file -------------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cache/RowFile.h"

#include "tests/unit/support/TestSupport.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <sys/stat.h>
#include <unistd.h>

namespace heddle::cache {
namespace {

using test::TemporaryDirectory;
using test::writeAll;

std::string contents(size_t bytes) {
  std::string text(bytes, '\0');
  std::mt19937_64 random(3);
  for (char &c : text)
    c = char(random());
  return text;
}

class Buffer {
public:
  explicit Buffer(size_t bytes)
      : data_(static_cast<std::byte *>(
            ::operator new(bytes, std::align_val_t(RowFile::alignment)))) {}
  ~Buffer() { ::operator delete(data_, std::align_val_t(RowFile::alignment)); }
  std::byte *data() { return data_; }

private:
  std::byte *data_;
};

/// Every row of `ids` is what the file has there, and pieces have each of them once, in order.
void expectRows(const RowFile &file, const std::string &text, int64_t offset, int64_t rowBytes,
                const std::vector<int64_t> &ids) {
  std::vector<RowFile::Piece> pieces;
  file.cut(ids, pieces);
  Buffer buffer(file.bufferBytes());
  size_t next = 0;
  for (const RowFile::Piece &piece : pieces) {
    ASSERT_EQ(piece.first, next);
    ASSERT_LT(piece.first, piece.last);
    ASSERT_EQ(piece.begin % int64_t(RowFile::alignment), 0);
    ASSERT_EQ(piece.bytes % int64_t(RowFile::alignment), 0);
    ASSERT_LE(size_t(piece.bytes), file.bufferBytes());
    ASSERT_TRUE(file.read(piece, buffer.data()).ok());
    for (; next < piece.last; ++next)
      ASSERT_EQ(std::memcmp(file.row(piece, buffer.data(), ids[next]),
                            text.data() + offset + ids[next] * rowBytes, size_t(rowBytes)),
                0)
          << "row " << ids[next];
  }
  EXPECT_EQ(next, ids.size());
}

TEST(RowFile, RowsOfAnyWidthInAnyOrder) {
  TemporaryDirectory folder;
  std::mt19937_64 random(11);
  for (int64_t rowBytes : {1, 4, 100, 512, 4096, 5000, 300000}) {
    const int64_t offset = 128, rows = std::min<int64_t>(20000, 3000000 / rowBytes);
    std::string text = contents(size_t(offset + rows * rowBytes));
    writeAll(folder / "rows", text);
    auto file = RowFile::open(folder / "rows", offset, rowBytes, rows);
    ASSERT_TRUE(file.ok()) << file.status();
    std::vector<int64_t> ids(size_t(std::min<int64_t>(rows, 400)));
    for (int64_t &id : ids)
      id = int64_t(random() % uint64_t(rows));
    expectRows(*file, text, offset, rowBytes, ids); // repeated ones, too
    std::sort(ids.begin(), ids.end());
    expectRows(*file, text, offset, rowBytes, ids);
    expectRows(*file, text, offset, rowBytes, {rows - 1});
    expectRows(*file, text, offset, rowBytes, {0, rows - 1});
    expectRows(*file, text, offset, rowBytes, {});
    for (size_t i = 0; i < ids.size(); ++i)
      ids[i] = int64_t(i);
    expectRows(*file, text, offset, rowBytes, ids);
  }
}

TEST(RowFile, NeighboursAreOneRead) {
  TemporaryDirectory folder;
  writeAll(folder / "rows", contents(1 << 20));
  auto file = RowFile::open(folder / "rows", 0, 64, (1 << 20) / 64);
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<RowFile::Piece> pieces;
  const std::vector<int64_t> near = {0, 1, 2, 100, 101}, far = {0, 10000};
  file->cut(near, pieces);
  EXPECT_EQ(pieces.size(), 1u);
  file->cut(far, pieces);
  EXPECT_EQ(pieces.size(), 2u);
}

TEST(RowFile, Errors) {
  TemporaryDirectory folder;
  auto message = [](const absl::StatusOr<RowFile> &file) { return messageOf(file.status()); };
  EXPECT_NE(message(RowFile::open(folder / "none", 0, 4, 1)).find(folder / "none"),
            std::string::npos);
  EXPECT_NE(message(RowFile::open(folder.path(), 0, 4, 1)).find(folder.path()), std::string::npos);
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(RowFile::open(folder / "fifo", 0, 4, 1).ok());
  writeAll(folder / "short", contents(100));
  EXPECT_NE(message(RowFile::open(folder / "short", 20, 10, 9)).find("110 are expected"),
            std::string::npos);
  // A file that is cut while it is in use is an error, where a mapped one would end the process.
  writeAll(folder / "cut", contents(100000));
  auto file = RowFile::open(folder / "cut", 0, 100, 1000);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(::truncate((folder / "cut").c_str(), 50000), 0);
  std::vector<RowFile::Piece> pieces;
  const std::vector<int64_t> gone = {900}, half = {480, 499, 520};
  Buffer buffer(file->bufferBytes());
  for (const auto &ids : {gone, half}) {
    file->cut(ids, pieces);
    absl::Status status = file->read(pieces.back(), buffer.data());
    EXPECT_NE(messageOf(status).find("shrank"), std::string::npos) << status;
  }
}

} // namespace
} // namespace heddle::cache
