//===- ParamNamesTest.cpp - different owners have different names ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/ParamNames.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

using namespace heddle;
using compiler::moduleKey;
using compiler::paramName;

namespace {

/// Every text of 1 to `longest` letters of `alphabet`.
std::vector<std::string> textsOf(const std::vector<std::string> &alphabet, size_t longest) {
  std::vector<std::string> all, last = {""};
  for (size_t length = 1; length <= longest; ++length) {
    std::vector<std::string> next;
    for (const std::string &text : last)
      for (const std::string &letter : alphabet)
        next.push_back(text + letter);
    all.insert(all.end(), next.begin(), next.end());
    last = next;
  }
  return all;
}

} // namespace

TEST(ParamNames, OrdinaryNamesAreSpeltAsPyGDoes) {
  EXPECT_EQ(moduleKey("paper"), "paper");
  EXPECT_EQ(moduleKey("rev_part_of"), "rev_part_of");
  EXPECT_EQ(moduleKey("_v__w"), "_v__w");
  EXPECT_EQ(moduleKey("a.b"), "a#b");
  EXPECT_EQ(moduleKey("größe/名詞 x"), "größe/名詞 x");
  EXPECT_EQ(paramName(1, "weight", hgnn::Scope::Relation, {"a.b", "writes", "paper"}),
            "convs.1.convs.<a#b___writes___paper>.weight");
  EXPECT_EQ(paramName(0, "lin.weight", hgnn::Scope::DestinationType, {{}, {}, "a.b"}),
            "convs.0.lin_dict.a#b.weight");
}

TEST(ParamNames, KeysOfDifferentNamesDiffer) {
  std::map<std::string, std::string> nameOf;
  for (const std::string &name : textsOf({"a", ".", "#", "%", "_", "2", "3"}, 5)) {
    std::string key = moduleKey(name);
    EXPECT_EQ(key.find('.'), std::string::npos) << name << ": torch forbids dots in " << key;
    auto [found, added] = nameOf.try_emplace(key, name);
    ASSERT_TRUE(added) << "'" << name << "' and '" << found->second << "' are both " << key;
  }
}

TEST(ParamNames, TriplesOfDifferentNamesDiffer) {
  std::set<std::string> seen;
  const auto names = textsOf({"a", "_"}, 5);
  for (const std::string &source : names)
    for (const std::string &relation : names)
      for (const std::string &destination : names) {
        std::string name =
            paramName(0, "w", hgnn::Scope::Relation, {source, relation, destination});
        ASSERT_TRUE(seen.insert(name).second)
            << source << " " << relation << " " << destination << ": " << name;
      }
}

TEST(ParamNames, ScopesAndLayersDiffer) {
  std::set<std::string> seen;
  const auto types = textsOf({"a", ".", ">", "#"}, 2);
  size_t made = 0;
  for (int64_t layer : {0, 1, 10})
    for (const char *name : {"weight", "lin.weight", "bias"})
      for (const std::string &type : types) {
        seen.insert(paramName(layer, name, hgnn::Scope::DestinationType, {{}, {}, type}));
        ++made;
        for (const std::string &relation : types) {
          seen.insert(paramName(layer, name, hgnn::Scope::Relation, {type, relation, "d"}));
          ++made;
        }
      }
  EXPECT_EQ(seen.size(), made);
}
