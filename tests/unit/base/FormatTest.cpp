//===- FormatTest.cpp - figures and tables for people -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Format.h"

#include "gtest/gtest.h"

#include <limits>

namespace heddle {
namespace {

TEST(Format, CountsKeepThreeDigits) {
  EXPECT_EQ(formatCount(0), "0");
  EXPECT_EQ(formatCount(7), "7");
  EXPECT_EQ(formatCount(2.5), "2.50");
  EXPECT_EQ(formatCount(9812), "9,812");
  EXPECT_EQ(formatCount(9999.4), "9,999");
  EXPECT_EQ(formatCount(12345), "12.3k");
  EXPECT_EQ(formatCount(999499), "999k");
  EXPECT_EQ(formatCount(999999), "1.00M");
  EXPECT_EQ(formatCount(4.56e6), "4.56M");
  EXPECT_EQ(formatCount(-12345), "-12.3k");
  EXPECT_EQ(formatCount(std::numeric_limits<double>::infinity()), "unbounded");
  EXPECT_EQ(formatCount(std::numeric_limits<double>::quiet_NaN()), "unbounded");
  EXPECT_EQ(formatInteger(1234567), "1,234,567");
  EXPECT_EQ(formatInteger(100), "100");
}

TEST(Format, BytesAndSeconds) {
  EXPECT_EQ(formatBytes(uint64_t(512)), "512 B");
  EXPECT_EQ(formatBytes(uint64_t(1024)), "1.00 KiB");
  EXPECT_EQ(formatBytes(uint64_t(1048575)), "1.00 MiB");
  EXPECT_EQ(formatBytes(uint64_t(5) << 30), "5.00 GiB");
  EXPECT_EQ(formatBytes(std::numeric_limits<uint64_t>::max()), "unbounded");
  EXPECT_EQ(formatSeconds(8.5e-7), "850 ns");
  EXPECT_EQ(formatSeconds(0.0123), "12.3 ms");
  EXPECT_EQ(formatSeconds(1.2), "1.20 s");
  EXPECT_EQ(formatSeconds(200), "3 min 20 s");
  EXPECT_EQ(formatSeconds(7260), "2 h 1 min");
}

TEST(Format, SizesAreReadAsWritten) {
  EXPECT_EQ(*parseBytes("4GiB"), uint64_t(4) << 30);
  EXPECT_EQ(*parseBytes("512 MiB"), uint64_t(512) << 20);
  EXPECT_EQ(*parseBytes("1.5k"), 1536u);
  EXPECT_EQ(*parseBytes("2GB"), uint64_t(2) << 30);
  EXPECT_EQ(*parseBytes("4096"), 4096u);
  EXPECT_EQ(*parseBytes("7b"), 7u);
  for (const char *bad : {"", "GiB", "-1", "4 giraffes", "inf", "0x10", "1e99", "4GiBs", "99999P"})
    EXPECT_FALSE(parseBytes(bad).ok()) << bad;
}

TEST(Format, NothingHarmfulReachesTheTerminal) {
  EXPECT_EQ(printable("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(printable("a\x1B[31mb\n"), "a\\x1B[31mb\\x0A");
  EXPECT_EQ(printable("\xFF\xC3("), "\\xFF\\xC3(");
  EXPECT_EQ(printable("\xC0\xAF"), "\\xC0\\xAF");           // overlong
  EXPECT_EQ(printable("\xED\xA0\x80"), "\\xED\\xA0\\x80");  // a surrogate
  EXPECT_EQ(printable("\xE2\x80\xAE" "x"), "\\xE2\\x80\\xAEx"); // right-to-left override
  EXPECT_EQ(printable("\xE2\x82"), "\\xE2\\x82");           // cut short
}

TEST(Format, WidthsCountTerminalColumns) {
  EXPECT_EQ(displayWidth("abc"), 3u);
  EXPECT_EQ(displayWidth("\xE7\x94\xB5\xE5\xBD\xB1"), 4u); // two CJK characters
  EXPECT_EQ(displayWidth("e\xCC\x81"), 1u);                // combining accent
  EXPECT_EQ(ellipsize("abcdef", 6), "abcdef");
  EXPECT_EQ(ellipsize("abcdefg", 6), "abc...");
  EXPECT_EQ(ellipsize("\xE7\x94\xB5\xE5\xBD\xB1\xE7\x94\xB5\xE5\xBD\xB1", 6), "\xE7\x94\xB5...");
}

TEST(Format, TableAlignsAndDropsEmptyColumns) {
  TextTable table({{"name", TextTable::Align::Left}, {"n"}, {"nothing"}, {"last"}});
  table.addRow({"\xE7\x94\xB5", "1", "", "x"});
  table.addRow({"longer", "200"});
  EXPECT_EQ(table.str(1), " name      n  last\n"
                          " \xE7\x94\xB5        1     x\n"
                          " longer  200\n");
}

} // namespace
} // namespace heddle
