//===- SuggestTest.cpp - "did you mean" ---------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Suggest.h"

#include <gtest/gtest.h>

using heddle::nearestName;
using heddle::suggestion;

namespace {
const std::vector<std::string> keys = {"fanout", "hidden_size", "num_layers", "lr", "dropout"};
const std::map<std::string, std::string> aliases = {{"num_neighbors", "fanout"},
                                                    {"hidden_channels", "hidden_size"},
                                                    {"learning_rate", "/train/optimizer/lr"},
                                                    {"epochs", "num_epochs"}};
} // namespace

TEST(Suggest, FindsEveryKindOfSlip) {
  EXPECT_EQ(nearestName("fanot", keys), "fanout");   // missing
  EXPECT_EQ(nearestName("fanoutt", keys), "fanout"); // extra
  EXPECT_EQ(nearestName("fanuot", keys), "fanout");  // swapped: one edit, not two
  EXPECT_EQ(nearestName("FanOut", keys), "fanout");  // case
  EXPECT_EQ(nearestName("num-layers", keys), "num_layers");
  EXPECT_EQ(nearestName("hiden_sise", keys), "hidden_size");
  EXPECT_EQ(nearestName("lr", keys), "lr");
  EXPECT_EQ(nearestName("rl", keys), "lr");
}

TEST(Suggest, StaysSilentWhenNothingIsNear) {
  EXPECT_EQ(nearestName("batch", keys), "");
  EXPECT_EQ(nearestName("", keys), "");
  EXPECT_EQ(nearestName("x", {"y", "z"}), ""); // one letter is not near every other letter
  EXPECT_EQ(nearestName("fanout", {}), "");
  EXPECT_EQ(nearestName(std::string(1 << 20, 'a'), {std::string(1 << 20, 'b')}), "");
}

TEST(Suggest, OtherToolsNamesWin) {
  EXPECT_EQ(nearestName("num_neighbors", keys, aliases), "fanout");
  EXPECT_EQ(nearestName("num-neighbors", keys, aliases), "fanout");
  EXPECT_EQ(nearestName("hidden_chanels", keys, aliases), "hidden_size"); // misspelt alias
  EXPECT_EQ(nearestName("learning_rate", keys, aliases), "/train/optimizer/lr");
  EXPECT_EQ(nearestName("epochs", keys, aliases), ""); // leads to a name that is unknown here
}

TEST(Suggest, OptionsAreComparedWithoutDashes) {
  EXPECT_EQ(nearestName("--memori", {"--memory", "--model"}), "--memory");
  EXPECT_EQ(nearestName("-x", {"-o", "-h"}), "");
}

TEST(Suggest, UnicodeNames) {
  EXPECT_EQ(nearestName("größe", {"größen", "länge"}), "größen");
  EXPECT_EQ(nearestName("名前", {"名前", "別"}), "名前");
}

TEST(Suggest, TextForMessages) {
  EXPECT_EQ(suggestion("fanot", keys), "; did you mean 'fanout'?");
  EXPECT_EQ(suggestion("batch", {"a1", "b1"}), "; known: a1, b1");
  EXPECT_EQ(suggestion("batch", {}), "");
  std::vector<std::string> many;
  for (int i = 0; i < 14; ++i)
    many.push_back("key" + std::to_string(i));
  EXPECT_EQ(suggestion("zzz", many),
            "; known: key0, key1, key2, key3, key4, key5, key6, key7, key8, "
            "key9, key10, key11, ... (14 in all)");
}
