//===- TableTest.cpp ------------------------------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "TempDir.h"

#include "runtime/import/Table.h"

#include "gtest/gtest.h"

#include <random>

#include <zlib.h>

using namespace heddle;
using namespace heddle::importing;
using heddle::testing_import::TempDir;

namespace {

using Rows = std::vector<std::vector<std::string>>;

struct Result {
  Rows rows; ///< the header first
  std::string error;
};

Result readAll(std::unique_ptr<TableReader> reader) {
  Result result;
  result.rows.push_back(reader->header());
  for (;;) {
    auto any = reader->next();
    if (!any.ok()) {
      result.error = messageOf(any.status());
      return result;
    }
    if (!*any)
      return result;
    std::vector<std::string> row;
    for (size_t i = 0; i < reader->header().size(); ++i)
      row.emplace_back(reader->field(int(i)));
    result.rows.push_back(row);
  }
}

/// Gives the reader a few bytes at a time, so that everything falls on a buffer's border once.
class Dribble : public ByteSource {
public:
  Dribble(std::string text, int64_t step) : text_(std::move(text)), step_(step) {}
  absl::StatusOr<int64_t> read(char *buffer, int64_t capacity) override {
    int64_t n = std::min({capacity, step_, int64_t(text_.size()) - at_});
    std::copy_n(text_.data() + at_, n, buffer);
    at_ += n;
    return n;
  }
  int64_t position() const override { return at_; }

private:
  std::string text_;
  int64_t step_, at_ = 0;
};

Result parse(const std::string &text, const TableFormat &format = {}, int64_t step = 1 << 20) {
  auto reader = TableReader::read(std::make_unique<Dribble>(text, step), "t.csv", format);
  if (!reader.ok())
    return {{}, messageOf(reader.status())};
  return readAll(std::move(*reader));
}

TEST(Table, HandWrittenCases) {
  struct Case {
    const char *text;
    Rows rows;
  } cases[] = {
      {"a,b\n1,2\n", {{"a", "b"}, {"1", "2"}}},
      {"a,b\n1,2", {{"a", "b"}, {"1", "2"}}},       // no line end at the end
      {"a,b\r\n1,2\r\n", {{"a", "b"}, {"1", "2"}}}, // CRLF
      {"a,b\r\n1,2\r", {{"a", "b"}, {"1", "2"}}},   // half a CRLF at the end
      {"\xEF\xBB\xBF"
       "a,b\n1,2\n",
       {{"a", "b"}, {"1", "2"}}},                                          // byte order mark
      {"a,b\n,\n", {{"a", "b"}, {"", ""}}},                                // empty fields
      {"a\n\"\"\n", {{"a"}, {""}}},                                        // quoted empty field
      {"a,b\n\n1,2\n\r\n\n3,4\n\n", {{"a", "b"}, {"1", "2"}, {"3", "4"}}}, // empty lines
      {"a,b\n\"x,y\",\"p\"\"q\"\n", {{"a", "b"}, {"x,y", "p\"q"}}},
      {"a,b\n\"l1\nl2\r\nl3\",z\n", {{"a", "b"}, {"l1\nl2\r\nl3", "z"}}}, // line breaks inside
      {"\"a\",\"b,c\"\n1,\"\"\"\"\n", {{"a", "b,c"}, {"1", "\""}}},
      {"größe,名前\nä,\xF0\x9F\xA7\xB5\n", {{"größe", "名前"}, {"ä", "\xF0\x9F\xA7\xB5"}}},
      {"a, b\n 1 , 2\n", {{"a", " b"}, {" 1 ", " 2"}}}, // blanks belong to the field
      {"a,,b,\n1,2,3,4\n", {{"a", "", "b", ""}, {"1", "2", "3", "4"}}}, // unnamed columns
      {"a,b\n", {{"a", "b"}}},                                          // no record
      {"a", {{"a"}}},
  };
  for (const Case &c : cases)
    for (int64_t step : {1, 2, 3, 1000}) {
      Result result = parse(c.text, {}, step);
      // The mark is only looked for in the first piece.
      if (step < 3 && std::string_view(c.text).substr(0, 3) == "\xEF\xBB\xBF")
        continue;
      EXPECT_EQ(result.error, "") << c.text;
      EXPECT_EQ(result.rows, c.rows) << c.text;
    }
}

TEST(Table, SeparatorsAndQuoting) {
  TableFormat tabs;
  tabs.separator = '\t';
  EXPECT_EQ(parse("a\tb\n1,5\t2\n", tabs).rows, (Rows{{"a", "b"}, {"1,5", "2"}}));
  EXPECT_EQ(parse("a\tb\n\t\n", tabs).rows, (Rows{{"a", "b"}, {"", ""}}));
  tabs.quoting = false;
  EXPECT_EQ(parse("a\tb\n\"x\t5\"\"\n", tabs).rows, (Rows{{"a", "b"}, {"\"x", "5\"\""}}));
}

TEST(Table, NullValues) {
  TableFormat format;
  format.nullValues = {"NULL", "\\N"};
  auto reader = TableReader::read(bytesOf("a,b,c,d\nNULL,\\N,,null\n"), "t", format);
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE(*(*reader)->next());
  EXPECT_TRUE((*reader)->isNull(0));
  EXPECT_TRUE((*reader)->isNull(1));
  EXPECT_TRUE((*reader)->isNull(2));
  EXPECT_FALSE((*reader)->isNull(3));
}

TEST(Table, ErrorsNameLineAndColumn) {
  struct Case {
    std::string text, expected;
  } cases[] = {
      {"", "t.csv:1:1: the file is empty"},
      {"\n\n", "t.csv:1:1: the file is empty"},
      {"a,b\n1\n", "t.csv:2:1: the record has 1 fields and the header 2"},
      {"a,b\n1,2\n1,2,3\n", "t.csv:3:1: the record has 3 fields and the header 2"},
      {"a,b\n1,\"x\n\n\n", "t.csv:2:3: the quote that opens here is never closed"},
      {"a,b\n1,x\"y\n", "t.csv:2:4: a quote inside an unquoted field"},
      {"a,b\n\"x\"y,1\n", "t.csv:2:4: text after a closing quote"},
      {"a,b\n\"l\nl\"y,1\n", "t.csv:3:3: text after a closing quote"},
      {"a,b\n1\r2,3\n", "t.csv:2:2: a carriage return inside an unquoted field"},
      {"a,a\n1,2\n", "t.csv:1:3: two columns are named 'a'"},
      {"a,b\n1,\xFF\n", "t.csv:2:3: the field is not UTF-8"},
      {"a,b\n\"\n\",\xC3\n", "t.csv:3:3: the field is not UTF-8"},
      {"a,b\n1,\xED\xA0\x80\n", "t.csv:2:3: the field is not UTF-8"}, // a surrogate
      {"a,b\n1,\xC0\x80\n", "t.csv:2:3: the field is not UTF-8"},     // overlong
      {"a,b\n\xC3,\xA9\n", "t.csv:2:3: the field is not UTF-8"},     // cut by a separator
      {std::string("a,b\n1,\0\n", 8), "t.csv:2:3: the field holds a NUL byte"},
      {std::string("\xFF\xFE"
                   "a\0,\0",
                   6),
       "t.csv:1:1: the file is UTF-16"},
      {"\r", "t.csv:1:1: a carriage return without a line feed"},
  };
  for (const Case &c : cases) {
    Result result = parse(c.text);
    EXPECT_EQ(result.error.rfind(c.expected, 0), 0u) << c.text << " -> " << result.error;
    EXPECT_NE(result.error.find("; "), std::string::npos) << result.error;
  }
}

TEST(Table, RandomTablesComeBack) {
  std::mt19937 random(5);
  const std::string pieces[] = {"a",  "\"", ",",  "\n", "\r\n",
                                "\t", ";",  " ",  "é",  "\xF0\x9F\xA7\xB5",
                                "17", "\r", "''", "\\"};
  for (int round = 0; round < 400; ++round) {
    TableFormat format;
    format.separator = ",;\t|"[random() % 4];
    std::string end = random() % 2 ? "\n" : "\r\n";
    size_t columns = 1 + random() % 5;
    Rows rows(1 + random() % 8, std::vector<std::string>(columns));
    std::string text = random() % 4 == 0 ? "\xEF\xBB\xBF" : "";
    for (size_t r = 0; r < rows.size(); ++r) {
      for (size_t c = 0; c < columns; ++c) {
        std::string &cell = rows[r][c];
        for (int n = int(random() % 5); n > 0; --n)
          cell += pieces[random() % std::size(pieces)];
        if (r == 0)
          cell += "#" + std::to_string(c); // header names differ
        bool quoted =
            cell.find_first_of(std::string("\"\r\n") + format.separator) != std::string::npos ||
            (columns == 1 && cell.empty()) || random() % 4 == 0;
        if (c)
          text += format.separator;
        if (!quoted) {
          text += cell;
          continue;
        }
        text += '"';
        for (char byte : cell)
          text += byte == '"' ? std::string("\"\"") : std::string(1, byte);
        text += '"';
      }
      text += end;
    }
    Result result = parse(text, format, 3 + random() % 20);
    ASSERT_EQ(result.error, "") << text;
    ASSERT_EQ(result.rows, rows) << text;
  }
}

TEST(Table, RandomBytesAreErrorsOrRowsAndNothingElse) {
  std::mt19937 random(11);
  const std::string alphabet("a\",\n\r\t\xC3\xA9\xFF\0;1", 12);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (int n = int(random() % 40); n > 0; --n)
      text += alphabet[random() % alphabet.size()];
    Result result = parse(text, {}, 1 + random() % 8);
    for (const auto &row : result.rows)
      ASSERT_EQ(row.size(), result.rows[0].size());
    ASSERT_EQ(result.error.find('\n'), std::string::npos);
  }
}

TEST(Table, GzipAndItsDamage) {
  TempDir dir;
  std::string text = "id,x\n";
  for (int i = 0; i < 50000; ++i)
    text += std::to_string(i) + "," + std::to_string(2 * i) + "\n";
  gzFile out = gzopen(dir.file("t.csv.gz").c_str(), "wb");
  ASSERT_NE(out, nullptr);
  ASSERT_EQ(gzwrite(out, text.data(), unsigned(text.size())), int(text.size()));
  gzclose(out);
  auto reader = TableReader::open(dir.file("t.csv.gz"), {});
  ASSERT_TRUE(reader.ok());
  Result whole = readAll(std::move(*reader));
  EXPECT_EQ(whole.error, "");
  ASSERT_EQ(whole.rows.size(), 50001u);
  EXPECT_EQ(whole.rows.back(), (std::vector<std::string>{"49999", "99998"}));

  std::filesystem::resize_file(dir.file("t.csv.gz"),
                               std::filesystem::file_size(dir.file("t.csv.gz")) / 2);
  reader = TableReader::open(dir.file("t.csv.gz"), {});
  ASSERT_TRUE(reader.ok());
  Result half = readAll(std::move(*reader));
  EXPECT_NE(half.error.find("t.csv.gz: gzip data is truncated or damaged"), std::string::npos)
      << half.error;

  EXPECT_EQ(exitCodeOf(TableReader::open(dir.file("absent.csv"), {}).status()), 2);
  EXPECT_EQ(exitCodeOf(TableReader::open(dir.path(), {}).status()), 2);
}

TEST(Table, AnUnclosedQuoteDoesNotEatTheMemory) {
  class Endless : public ByteSource {
  public:
    absl::StatusOr<int64_t> read(char *buffer, int64_t capacity) override {
      std::fill_n(buffer, capacity, first_ ? '"' : 'x');
      if (first_)
        capacity = 1;
      first_ = false;
      return capacity;
    }
    int64_t position() const override { return 0; }
    bool first_ = true;
  };
  auto reader = TableReader::read(std::make_unique<Endless>(), "t", {});
  ASSERT_FALSE(reader.ok());
  EXPECT_NE(messageOf(reader.status()).find("t:1:1: the quoted field that opens here is longer"),
            std::string::npos);
}

TEST(Table, Utf8) {
  EXPECT_EQ(findInvalidText("abc"), std::string_view::npos);
  EXPECT_EQ(
      findInvalidText("\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"),
      std::string_view::npos);
  for (const char *bad : {"\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xC3"})
    EXPECT_EQ(findInvalidText(std::string("ab") + bad), 2u);
}

} // namespace
