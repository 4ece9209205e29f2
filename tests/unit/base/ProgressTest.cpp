//===- ProgressTest.cpp ---------------------------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Progress.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <string>

using namespace heddle;

namespace {

// stderr is a file under CaptureStderr: the case of a log.
std::string captured(ProgressMode mode, int64_t total, double interval, int steps) {
  testing::internal::CaptureStderr();
  {
    Progress bar("load", total, mode, interval);
    bar.setPostfix("loss=0.31");
    for (int i = 0; i < steps; ++i)
      bar.advance();
  }
  return testing::internal::GetCapturedStderr();
}

TEST(Progress, OneLineAtTheEndOfALog) {
  std::string text = captured(ProgressMode::Auto, 100, 60, 45);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("load: 45%, 45/100 ["), std::string::npos) << text;
  EXPECT_NE(text.find("loss=0.31]"), std::string::npos) << text;
}

TEST(Progress, ALineAnIntervalInALog) {
  std::string text = captured(ProgressMode::Auto, 3, 0.0, 3);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4) << text;
}

TEST(Progress, NeverIsSilent) { EXPECT_EQ(captured(ProgressMode::Never, 10, 0.0, 10), ""); }

TEST(Progress, AlwaysDrawsABarWithoutColourInAFile) {
  std::string text = captured(ProgressMode::Always, 4, 5, 4);
  EXPECT_EQ(text.front(), '\r');
  EXPECT_EQ(text.back(), '\n');
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("100%|####"), std::string::npos) << text;
}

TEST(Progress, UnknownTotalAndZeroSteps) {
  std::string text = captured(ProgressMode::Auto, 0, 60, 7);
  EXPECT_NE(text.find("load: 7it ["), std::string::npos) << text;
  EXPECT_EQ(text.find('%'), std::string::npos);
  EXPECT_NE(captured(ProgressMode::Always, 0, 60, 0).find("0it ["), std::string::npos);
}

TEST(Progress, DoneBeyondTotalStaysSane) {
  std::string text = captured(ProgressMode::Always, 2, 60, 5);
  EXPECT_NE(text.find("100%|"), std::string::npos) << text;
  EXPECT_NE(text.find("5/2"), std::string::npos) << text;
}

TEST(Progress, PrintKeepsItsOwnLine) {
  testing::internal::CaptureStderr();
  {
    Progress bar("a\nb", 2, ProgressMode::Auto, 60);
    bar.print("epoch 1");
  }
  std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.rfind("epoch 1\na b: 0%", 0), 0u) << text;
}

} // namespace
