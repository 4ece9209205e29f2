//===- JsonTest.cpp - strict JSON ---------------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Json.h"
#include "tests/unit/support/TestSupport.h"

#include <nlohmann/json.hpp>

#include <random>

namespace heddle {
namespace {

using test::valueOf;

JsonDocument doc(std::string_view text) { return valueOf(parseJson(text, "f.json")); }

TEST(Json, SyntaxErrorsNameThePlace) {
  EXPECT_FAILS(parseJson("{\n  \"a\": 1,\n  \"b\" 2}", "f.json"), "f.json:3:7: ");
  EXPECT_FAILS(parseJson("", "f.json"), "f.json:1:1: ");
  EXPECT_FAILS(parseJson("{\"a\": 1} x", "f.json"), "f.json:1:10: ");
  EXPECT_FAILS(parseJson("{\"a\": 1,}", "f.json"), "f.json:1:9: ");
  EXPECT_FAILS(parseJson("[1e999]", "f.json"), "f.json:1:");
  EXPECT_FAILS(parseJson("[\"\xff\"]", "f.json"), "f.json:1:", "UTF-8");
  EXPECT_FAILS(parseJson("[NaN]", "f.json"), "f.json:1:");
}

TEST(Json, CommentsAreAllowed) {
  JsonDocument d = doc("// one\n{\"a\": /* two */ 1 // three\n}");
  EXPECT_EQ(ObjectReader(d).integer("a"), 1);
}

TEST(Json, RepeatedKeysAreErrors) {
  EXPECT_FAILS(parseJson("{\"a\": {\"b\": 1,\n \"c\": 2, \"b\": 3}}", "f.json"), "f.json:2:", "'b'",
               "twice");
  doc("{\"a\": {\"b\": 1}, \"b\": 2}");
}

TEST(Json, DepthIsBounded) {
  std::string deep(100000, '[');
  EXPECT_FAILS(parseJson(deep, "f.json"), "f.json:1:65: ", "deeper");
  std::string fits = std::string(maxJsonDepth, '[') + std::string(maxJsonDepth, ']');
  doc(fits);
  std::string objects;
  for (int i = 0; i < 5000; ++i)
    objects += "{\"a\":";
  EXPECT_FAILS(parseJson(objects, "f.json"), "deeper");
}

TEST(Json, RandomBytesNeverCrash) {
  std::mt19937 random(7);
  const std::string alphabet = "{}[]\",:0123456789.-+eEtrufalsn \n\\u/*\x80\xe6";
  for (int trial = 0; trial < 20000; ++trial) {
    std::string text(random() % 24, ' ');
    for (char &c : text)
      c = alphabet[random() % alphabet.size()];
    auto result = parseJson(text, "f");
    if (result.ok())
      continue;
    EXPECT_EQ(messageOf(result.status()).find('\n'), std::string::npos) << text;
  }
}

TEST(Json, ReaderReadsTypesAndDefaults) {
  JsonDocument d = doc(R"({"s": "x", "i": -3, "big": 9007199254740993, "f": 0.5, "e": 1e3, "b": true,
    "list": ["p", "q"], "ints": [1, 2], "n": null, "o": {"k": 1}, "os": [{"k": 2}, {"k": 3}]})");
  ObjectReader r(d);
  EXPECT_EQ(r.string("s"), "x");
  EXPECT_EQ(r.integer("i", -5, 5), -3);
  EXPECT_EQ(r.integer("big"), 9007199254740993);
  EXPECT_EQ(r.number("f"), 0.5);
  EXPECT_EQ(r.number("i"), -3.0);
  EXPECT_EQ(r.integer("e"), 1000);
  EXPECT_TRUE(r.boolean("b"));
  EXPECT_EQ(r.strings("list"), (std::vector<std::string>{"p", "q"}));
  EXPECT_EQ(r.integers("ints"), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(r.integerOr("n", 4), 4);
  EXPECT_EQ(r.stringOr("absent", "y"), "y");
  EXPECT_TRUE(r.objectsOr("absent2").empty());
  EXPECT_FALSE(r.has("n"));
  ObjectReader o = r.object("o");
  EXPECT_EQ(o.integer("k"), 1);
  ASSERT_OK(o.finish());
  auto os = r.objects("os");
  ASSERT_EQ(os.size(), 2u);
  EXPECT_EQ(os[1].integer("k"), 3);
  ASSERT_OK(r.finish());
}

TEST(Json, ReaderErrorsNameThePointer) {
  auto fails = [](const char *text, auto read, std::initializer_list<const char *> texts) {
    JsonDocument d = doc(text);
    ObjectReader r(d);
    read(r);
    test::expectFails(r.finish(), texts, __FILE__, __LINE__);
  };
  using R = ObjectReader;
  fails("{\"a\": \"x\"}", [](R &r) { EXPECT_EQ(r.integer("a", 3, 9), 3); },
        {"f.json: /a: expected an integer, found a string"});
  fails("{\"a\": 10}", [](R &r) { r.integer("a", 3, 9); },
        {"f.json: /a: expected an integer from 3 to 9, found 10"});
  fails("{\"a\": 1.5}", [](R &r) { r.integer("a"); }, {"expected an integer, found 1.5"});
  fails("{\"a\": -0.1}", [](R &r) { r.number("a", 0, 1); }, {"from 0 to 1, found -0.1"});
  fails("{\"a\": 18446744073709551615}", [](R &r) { r.integer("a"); }, {"too large"});
  fails("{\"a\": [1, true]}", [](R &r) { r.integers("a"); }, {"/a/1: expected an integer"});
  fails("{\"a/b~\": {\"x\": {\"c\": 1}}}",
        [](R &r) { r.object("a/b~").object("x").string("c"); }, {"/a~1b~0/x/c: expected a string"});
  fails("{\"a\": [{}, 3]}", [](R &r) { r.objects("a"); }, {"/a/1: expected an object"});
  fails("{\"fanouts\": 1}", [](R &r) { r.integer("fanout"); }, {"missing key 'fanout'", "fanouts"});
  fails("{\"fanuot\": 1}", [](R &r) { r.integerOr("fanout", 1); },
        {"unknown key 'fanuot'", "did you mean 'fanout'"});
  fails("{\"m\": \"adan\"}", [](R &r) { r.oneOf("m", {"adam", "sgd"}); },
        {"/m: unknown value 'adan'", "did you mean 'adam'"});
  fails("{\"o\": {\"zzz\": 1}}",
        [](R &r) {
          ObjectReader o = r.object("o");
          o.done();
        },
        {"/o: unknown key 'zzz'"});
  EXPECT_FAILS(ObjectReader(doc("[1]")).finish(), "f.json: /: expected an object, found an array");
}

TEST(Json, FirstErrorIsKept) {
  JsonDocument d = doc("{\"a\": {\"x\": \"no\"}, \"b\": \"no\"}");
  ObjectReader r(d);
  r.object("a").integer("x");
  r.integer("b");
  EXPECT_FAILS(r.finish(), "/a/x");
}

TEST(Json, PrintingReadsBack) {
  nlohmann::ordered_json value = {{"z", {1, 2, 3}}, {"a", {{"k", "日本\n\""}}}, {"e", nullptr}};
  value["list"] = {{{"x", 1}}, {{"y", nlohmann::ordered_json::array()}}};
  std::string text = printJson(value);
  EXPECT_NE(text.find("\"z\": [1, 2, 3]"), std::string::npos) << text;
  EXPECT_EQ(nlohmann::ordered_json::parse(text), value);
  nlohmann::ordered_json bad = {{"k", "\xff"}};
  EXPECT_NE(printJson(bad).find("\xef\xbf\xbd"), std::string::npos);
}

TEST(Json, Utf8) {
  EXPECT_TRUE(isValidUtf8("a\u00e9日本😀"));
  for (const char *bad : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe6\x97", "\x80"})
    EXPECT_FALSE(isValidUtf8(bad));
}

} // namespace
} // namespace heddle
