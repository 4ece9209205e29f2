//===- NpyTest.cpp - reading and writing .npy --------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Npy.h"
#include "tests/unit/support/TestSupport.h"

#include <cstring>
#include <random>

namespace heddle {
namespace {

using test::TemporaryDirectory;
using test::valueOf;

/// A file as NumPy lays it out; `dict` is the header's text.
std::string npy(const std::string &dict, const std::string &data, int major = 1) {
  std::string header = dict;
  size_t prefix = major == 1 ? 10 : 12;
  while ((prefix + header.size() + 1) % 64 != 0)
    header += ' ';
  header += '\n';
  std::string out = "\x93NUMPY";
  out += static_cast<char>(major);
  out += '\0';
  for (size_t i = 0; i < prefix - 8; ++i)
    out += static_cast<char>(header.size() >> (8 * i));
  return out + header + data;
}

std::string dict(const std::string &descr, const std::string &shape, bool fortran = false) {
  return "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }";
}

absl::StatusOr<NpyHeader> parse(const std::string &bytes) {
  return parseNpyHeader(bytes, static_cast<int64_t>(bytes.size()), "a.npy");
}

TEST(Npy, ReadsEveryDtypeAndVersion) {
  std::pair<const char *, const char *> codes[] = {
      {"<f2", "float16"},  {"<f4", "float32"}, {"<f8", "float64"}, {"|i1", "int8"},
      {"<i2", "int16"},    {"<i4", "int32"},   {"<i8", "int64"},   {"|u1", "uint8"},
      {"<u2", "uint16"},   {"<u4", "uint32"},  {"<u8", "uint64"},  {"|b1", "bool"},
      {"<V2", "bfloat16"}, {"|V2", "bfloat16"}};
  for (auto [code, name] : codes)
    for (int major : {1, 2, 3}) {
      std::string data(static_cast<size_t>(6 * dtypeBytes(name)), '\1');
      NpyHeader header = valueOf(parse(npy(dict(code, "(2, 3)"), data, major)));
      EXPECT_EQ(header.dtype, name);
      EXPECT_EQ(header.shape, (std::vector<int64_t>{2, 3}));
      EXPECT_EQ(header.count, 6);
    }
}

TEST(Npy, Shapes) {
  auto shapeOf = [](const char *shape, size_t bytes) {
    return valueOf(parse(npy(dict("|u1", shape), std::string(bytes, 'x')))).shape;
  };
  using Shape = std::vector<int64_t>;
  EXPECT_EQ(shapeOf("()", 1), Shape{});
  EXPECT_EQ(shapeOf("(5,)", 5), Shape{5});
  EXPECT_EQ(shapeOf("(0,)", 0), Shape{0});
  EXPECT_EQ(shapeOf("(3L, 2L)", 6), (Shape{3, 2}));
  EXPECT_EQ(shapeOf("(0, 4611686018427387904)", 0), (Shape{0, int64_t(1) << 62}));
  // One long dimension: both orders are the same bytes.
  EXPECT_EQ(valueOf(parse(npy(dict("|u1", "(4, 1)", true), "abcd"))).count, 4);
}

TEST(Npy, RefusesWithARemedy) {
  EXPECT_FAILS(parse(npy(dict("|O", "(2,)"), std::string(16, 'x'))), "a.npy: ", "pickled", "astype");
  EXPECT_FAILS(parse(npy(dict("<f4", "(2, 2)", true), std::string(16, 'x'))), "Fortran",
               "ascontiguousarray");
  EXPECT_FAILS(parse(npy(dict(">f4", "(2,)"), std::string(8, 'x'))), "big-endian", "astype");
  EXPECT_FAILS(parse(npy(dict("<U5", "(2,)"), std::string(40, 'x'))), "'<U5'", "float32");
  EXPECT_FAILS(parse(npy(dict("<c8", "(1,)"), std::string(8, 'x'))), "'<c8'");
  EXPECT_FAILS(parse(npy("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,)}", "xxxx")),
               "structured");
  EXPECT_FAILS(parse("not an array at all"), "not a .npy file");
  EXPECT_FAILS(parse(""), "not a .npy file");
}

TEST(Npy, LiesAboutSizeAreFound) {
  EXPECT_FAILS(parse(npy(dict("<f4", "(2, 3)"), std::string(23, 'x'))), "truncated", "23 bytes");
  EXPECT_FAILS(parse(npy(dict("<f8", "(4611686018427387904, 4)"), "x")), "truncated");
  EXPECT_FAILS(parse(npy(dict("<f8", "(99999999999999999999,)"), "x")), "too large");
  EXPECT_FAILS(parse(npy(dict("<f8", "()"), "x")), "truncated");
  std::string good = npy(dict("<f4", "(2,)"), std::string(8, 'x'));
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(parse(good.substr(0, size)).ok()) << size;
  std::string longHeader = good;
  longHeader[6] = 2; // now the length has four bytes, the next two of them text
  EXPECT_FALSE(parse(longHeader).ok());
  EXPECT_FAILS(parse(npy("{'descr': '<f4', 'shape': (2,)}", std::string(8, 'x'))), "missing");
  EXPECT_FAILS(parse(npy("{'descr': '<f4', 'descr': '<f4'}", "")), "twice");
  EXPECT_FAILS(parse(npy("{'oops': 1}", "")), "'oops'");
}

TEST(Npy, MutatedHeadersNeverCrash) {
  std::mt19937 random(3);
  std::string good = npy(dict("<f4", "(2, 3)"), std::string(24, 'x'));
  for (int trial = 0; trial < 20000; ++trial) {
    std::string bytes = good;
    for (unsigned n = 1 + random() % 4; n > 0; --n)
      bytes[random() % 90] = static_cast<char>(random());
    auto header = parse(bytes);
    if (header.ok()) {
      EXPECT_LE(header->dataOffset + header->dataBytes(), static_cast<int64_t>(bytes.size()));
    }
  }
}

TEST(Npy, ArrayChecksTheWholeFile) {
  TemporaryDirectory dir;
  test::writeAll(dir / "a.npy", npy(dict("<i4", "(2,)"), std::string(9, 'x')));
  EXPECT_FAILS(NpyArray::open(dir / "a.npy"), "a.npy", "1 bytes after the end of int32 [2]");
  EXPECT_FAILS(NpyArray::open(dir / "b.npy"), "b.npy", "cannot open");
}

TEST(Npy, WriterAndReaderAgree) {
  TemporaryDirectory dir;
  // Sizes on both sides of the writer's buffer and of the limit for mapping.
  for (int64_t rows : {0, 1, 7, 20000, 100000})
    for (int64_t expected : {int64_t(-1), rows, rows + 1}) {
      std::string path = dir / ("w" + std::to_string(rows) + "_" + std::to_string(expected));
      std::vector<int32_t> data(static_cast<size_t>(2 * rows));
      for (size_t i = 0; i < data.size(); ++i)
        data[i] = static_cast<int32_t>(i * 2654435761u);
      NpyWriter writer = valueOf(NpyWriter::create(path, "int32", {2}, expected));
      for (int64_t at = 0, step = 1; at < rows; at += step, step = step * 3 + 1)
        ASSERT_OK(writer.append(data.data() + 2 * at, std::min(step, rows - at)));
      ASSERT_OK(writer.close());
      EXPECT_EQ(writer.rows(), rows);
      NpyArray array = valueOf(NpyArray::open(path));
      ASSERT_OK(array.expect("int32", {rows, 2}));
      ASSERT_OK(array.expect("int32", {-1, 2}));
      EXPECT_FAILS(array.expect("int64", {rows, 2}), "expected int64 [", "found int32 [");
      EXPECT_FAILS(array.expect("int32", {rows}), "found int32 [");
      if (rows > 0) {
        EXPECT_EQ(std::memcmp(array.data(), data.data(), data.size() * 4), 0);
      }
      EXPECT_TRUE(array.isAligned());
      EXPECT_EQ(array.file().size(), writer.fileBytes());
      EXPECT_EQ(valueOf(checksumOfFile(path)), writer.checksum());
    }
}

// As numpy.save writes an array of ml_dtypes' bfloat16: numpy.load gives V2, for view(np.uint16).
TEST(Npy, Bfloat16IsTwoBytesToNumPy) {
  TemporaryDirectory dir;
  NpyWriter writer = valueOf(NpyWriter::create(dir / "x", "bfloat16", {3}, 1));
  ASSERT_OK(writer.append("abcdef", 1));
  ASSERT_OK(writer.close());
  std::string text = test::readAll(dir / "x");
  EXPECT_NE(text.find("'descr': '<V2'"), std::string::npos) << text;
  NpyArray array = valueOf(NpyArray::open(dir / "x"));
  ASSERT_OK(array.expect("bfloat16", {1, 3}));
  EXPECT_FAILS(array.expect("float16", {1, 3}), "expected float16 [1, 3], found bfloat16 [1, 3]");
  EXPECT_FAILS(parse(npy(dict(">V2", "(1,)"), "ab")), "big-endian");
  EXPECT_FAILS(parse(npy(dict("<V4", "(1,)"), "abcd")), "'<V4'", "bfloat16");
}

TEST(Npy, WriterRefusesBadUse) {
  TemporaryDirectory dir;
  EXPECT_FAILS(NpyWriter::create(dir / "x", "float99", {}), "float99");
  EXPECT_FAILS(NpyWriter::create(dir / "no/x", "int8", {}), "cannot create");
  NpyWriter writer = valueOf(NpyWriter::create(dir / "x", "int8", {}));
  ASSERT_OK(writer.close());
  EXPECT_FAILS(writer.append("a", 1), "closed");
  EXPECT_FAILS(writer.close(), "closed");
}

} // namespace
} // namespace heddle
