//===- WordNetTest.cpp ----------------------------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "RecordingBuilder.h"

#include "runtime/import/HashSplit.h"
#include "runtime/import/WordNet.h"
#include "tests/unit/support/TestSupport.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstdlib>
#include <fstream>

#include <sys/stat.h>
#include <zlib.h>

using namespace heddle;
using namespace heddle::importing;
using heddle::testing_import::RecordingBuilder;

namespace {

constexpr const char *kWordNet = "/usr/share/wordnet";

bool haveWordNet() {
  struct stat info{};
  return stat((std::string(kWordNet) + "/data.noun").c_str(), &info) == 0;
}

/// The graph with all defaults, read once.
const RecordingBuilder &wholeWordNet() {
  static const RecordingBuilder *builder = [] {
    auto *b = new RecordingBuilder;
    WordNetOptions options;
    options.directory = kWordNet;
    absl::Status status = importWordNet(options, *b);
    EXPECT_TRUE(status.ok()) << messageOf(status);
    return b;
  }();
  return *builder;
}

TEST(WordNet, ParsesALineOfEveryPartOfSpeech) {
  WordNetSynset s;
  std::string problem;
  ASSERT_TRUE(parseWordNetLine("02084071 05 n 03 dog 0 domestic_dog 0 Canis_familiaris 0 002 @ "
                               "02083346 n 0000 + 00806543 v 0101 | a member of the genus Canis  ",
                               0, s, problem))
      << problem;
  EXPECT_EQ(s.offset, 2084071);
  EXPECT_EQ(s.lexFile, 5);
  EXPECT_EQ(s.words, (std::vector<std::string>{"dog", "domestic_dog", "Canis_familiaris"}));
  ASSERT_EQ(s.pointers.size(), 2u);
  EXPECT_EQ(s.pointers[1].symbol, "+");
  EXPECT_EQ(s.pointers[1].offset, 806543);
  EXPECT_EQ(s.pointers[1].type, 1);
  EXPECT_EQ(s.gloss, "a member of the genus Canis");

  WordNetSynset verb;
  ASSERT_TRUE(parseWordNetLine("00001740 29 v 02 breathe 0 respire 1 000 02 + 02 00 + 08 01 | draw "
                               "air",
                               1, verb, problem))
      << problem;
  EXPECT_EQ(verb.frames, (std::vector<int>{2, 8}));

  WordNetSynset adjective;
  ASSERT_TRUE(parseWordNetLine("00014490 00 s 02 galore(ip) 0 a.b(p) 0 001 & 00013887 a 0000 | x",
                               2, adjective, problem))
      << problem;
  EXPECT_EQ(adjective.words, (std::vector<std::string>{"galore", "a.b"}));
}

TEST(WordNet, RefusesMalformedLines) {
  const char *lines[] = {
      "",
      "garbage",
      "00001740 03 n 01 entity 0 000",             // no gloss
      "x0001740 03 n 01 entity 0 000 | g",         // offset
      "00001740 45 n 01 entity 0 000 | g",         // lexicographer file
      "00001740 03 v 01 entity 0 000 | g",         // part of speech
      "00001740 03 n 00 000 | g",                  // no word
      "00001740 03 n 02 entity 0 000 | g",         // words end early
      "00001740 03 n 01 entity 0 002 @ 1 n 0 | g", // pointers end early
      "00001740 03 n 01 entity 0 001 @ 1 q 0 | g", // pointer's part of speech
      "00001740 03 n 01 entity 0 000 more | g",
      "00001740 03 n zz entity 0 000 | g",
      "-0001740 03 n 01 entity 0 000 | g",
  };
  for (const char *line : lines) {
    WordNetSynset s;
    std::string problem;
    EXPECT_FALSE(parseWordNetLine(line, 0, s, problem)) << line;
    EXPECT_NE(problem.find("expected "), std::string::npos) << line;
  }
}

class WordNetFolder : public ::testing::Test {
protected:
  void SetUp() override {
    write("noun", "  1 licence\n00000010 03 n 01 entity 0 001 ~ 00000020 n 0000 | g\n"
                  "00000020 05 n 02 Dog 0 dog 0 002 @ 00000010 n 0000 ! 00000010 n 0101 | h\n");
    write("verb", "00000030 30 v 01 go 0 000 01 + 02 00 | move\n");
    write("adj", "00000040 00 a 01 big(a) 0 000 | large\n");
    write("adv", "00000050 02 r 01 fast 0 001 \\ 00000040 a 0101 | quickly\n");
  }
  void write(const std::string &type, const std::string &text) {
    test::writeAll(directory_ / ("data." + type), text);
  }
  absl::Status run(RecordingBuilder &builder) {
    WordNetOptions options;
    options.directory = directory_.path();
    return importWordNet(options, builder);
  }
  test::TemporaryDirectory directory_;
};

TEST_F(WordNetFolder, TinyGraph) {
  RecordingBuilder b;
  absl::Status status = run(b);
  ASSERT_TRUE(status.ok()) << messageOf(status);
  using Edges = std::vector<std::pair<int64_t, int64_t>>;
  EXPECT_EQ(b.type("noun").strings, (std::vector<std::string>{"n00000010", "n00000020"}));
  EXPECT_EQ(b.type("noun").display[1], "Dog, dog: h");
  EXPECT_EQ(b.relation("noun:hypernym:noun").edges, (Edges{{1, 0}}));
  EXPECT_EQ(b.relation("noun:hypernym:noun").reverse, "rev_hypernym");
  EXPECT_EQ(b.relation("noun:antonym:noun").edges, (Edges{{1, 0}}));
  EXPECT_EQ(b.relation("adv:from_adj:adj").edges, (Edges{{0, 0}}));
  EXPECT_EQ(b.relation("verb:in_frame:frame").edges, (Edges{{0, 1}}));
  // "Dog" and "dog" are one word; big, dog, entity, fast, go.
  EXPECT_EQ(b.type("word").strings,
            (std::vector<std::string>{"big", "dog", "entity", "fast", "go"}));
  EXPECT_EQ(b.relation("noun:has_word:word").edges, (Edges{{0, 2}, {1, 1}}));
  ASSERT_EQ(b.labels.size(), 2u);
  EXPECT_EQ(b.labels[0].classes, (std::vector<std::string>{"noun.Tops", "noun.animal"}));
  EXPECT_EQ(b.labels[0].single, (std::vector<int32_t>{0, 1}));
}

TEST_F(WordNetFolder, DamageNamesFileAndLine) {
  struct Case {
    const char *type, *text, *expected;
  } cases[] = {
      {"noun", "  licence\n\n", "data.noun:2: expected"},
      {"noun", "", "data.noun:0: no synset"},
      {"verb", "00000030 30 v 01 go 0 000 01 + 77 00 | move\n", "data.verb:1: verb frame 77"},
      {"adv", "00000050 02 r 01 fast 0 001 \\ 00000041 a 0101 | q\n",
       "data.adv:1: pointer '\\' to offset 41, where data.adj has no synset"},
      {"adj", "00000040 00 a 01 big 0 001 ?x 00000040 a 0101 | q\n",
       "data.adj:1: unknown pointer symbol '?x'"},
      {"adj", "00000040 00 a 01 b 0 000 | q\n00000040 00 a 01 b 0 000 | q\n",
       "data.adj:2: synset offsets do not ascend"},
  };
  for (const Case &c : cases) {
    SetUp();
    write(c.type, c.text);
    RecordingBuilder b;
    absl::Status status = run(b);
    EXPECT_EQ(exitCodeOf(status), 2) << c.text;
    EXPECT_NE(messageOf(status).find(c.expected), std::string::npos) << messageOf(status);
    EXPECT_NE(messageOf(status).find("; "), std::string::npos) << messageOf(status);
    TearDown();
  }
  RecordingBuilder b;
  WordNetOptions options;
  options.directory = "/nonexistent";
  EXPECT_EQ(exitCodeOf(importWordNet(options, b)), 2);
  SetUp(); // for TearDown
}

TEST(WordNet, CountsOfWordNet30) {
  if (!haveWordNet())
    GTEST_SKIP() << "no /usr/share/wordnet (package wordnet-base)";
  const RecordingBuilder &b = wholeWordNet();
  const std::map<std::string, int64_t> nodes = {{"noun", 82115}, {"verb", 13767},  {"adj", 18156},
                                                {"adv", 3621},   {"word", 147306}, {"frame", 35}};
  ASSERT_EQ(b.types.size(), nodes.size());
  for (const auto &[name, n] : nodes)
    EXPECT_EQ(b.type(name).numNodes, n) << name;
  const std::map<std::string, int64_t> edges = {
      {"adj:also_see:adj", 1440},
      {"adj:antonym:adj", 1999},
      {"adj:attribute:noun", 639},
      {"adj:derivation:adv", 1},
      {"adj:derivation:noun", 10742},
      {"adj:derivation:verb", 1402},
      {"adj:has_word:word", 30002},
      {"adj:participle:verb", 61},
      {"adj:pertainym:adj", 35},
      {"adj:pertainym:noun", 3750},
      {"adj:region:noun", 74},
      {"adj:similar_to:adj", 10693},
      {"adj:topic:noun", 1106},
      {"adj:usage:noun", 221},
      {"adv:antonym:adv", 320},
      {"adv:from_adj:adj", 2882},
      {"adv:has_word:word", 5580},
      {"adv:region:noun", 1},
      {"adv:topic:noun", 37},
      {"adv:usage:noun", 72},
      {"noun:antonym:noun", 975},
      {"noun:derivation:noun", 1356},
      {"noun:derivation:verb", 18347},
      {"noun:has_word:word", 146312},
      {"noun:hypernym:noun", 75850},
      {"noun:instance_of:noun", 8577},
      {"noun:member_holonym:noun", 12293},
      {"noun:part_holonym:noun", 9097},
      {"noun:region:noun", 1280},
      {"noun:substance_holonym:noun", 797},
      {"noun:topic:noun", 4252},
      {"noun:usage:noun", 977},
      {"verb:also_see:verb", 531},
      {"verb:antonym:verb", 508},
      {"verb:cause:verb", 220},
      {"verb:entailment:verb", 408},
      {"verb:has_word:word", 25047},
      {"verb:hypernym:verb", 13239},
      {"verb:in_frame:frame", 21572},
      {"verb:region:noun", 2},
      {"verb:topic:noun", 1258},
      {"verb:usage:noun", 17},
      {"verb:verb_group:verb", 875},
  };
  int64_t all = 0;
  EXPECT_EQ(b.relations.size(), 43u);
  for (const auto &relation : b.relations) {
    ASSERT_TRUE(edges.count(relation.triple)) << relation.triple;
    EXPECT_EQ(int64_t(relation.edges.size()), edges.at(relation.triple)) << relation.triple;
    EXPECT_EQ(relation.reverse.rfind("rev_", 0), 0u);
    all += int64_t(relation.edges.size());
    std::set<std::pair<int64_t, int64_t>> distinct(relation.edges.begin(), relation.edges.end());
    EXPECT_EQ(distinct.size(), relation.edges.size()) << relation.triple;
  }
  EXPECT_EQ(all, 414847);
}

TEST(WordNet, DogIsAnAnimal) {
  if (!haveWordNet())
    GTEST_SKIP() << "no /usr/share/wordnet (package wordnet-base)";
  const RecordingBuilder &b = wholeWordNet();
  const auto &ids = b.type("noun").strings;
  auto row = std::find(ids.begin(), ids.end(), "n02084071") - ids.begin();
  ASSERT_LT(size_t(row), ids.size());
  EXPECT_EQ(
      b.type("noun").display[size_t(row)].rfind("dog, domestic dog, Canis familiaris: a member", 0),
      0u);
  ASSERT_EQ(b.labels[0].classes.size(), 26u);
  ASSERT_EQ(b.labels[1].classes.size(), 15u);
  EXPECT_EQ(b.labels[0].classes[size_t(b.labels[0].single[size_t(row)])], "noun.animal");
  const auto &gloss = b.features[0];
  EXPECT_EQ(gloss.dim, 2000);
  EXPECT_EQ(int64_t(gloss.sparseRows.size()), 82115);
  EXPECT_FALSE(gloss.sparseRows[size_t(row)].empty());
}

TEST(WordNet, SplitIsByHashAndNearItsShares) {
  if (!haveWordNet())
    GTEST_SKIP() << "no /usr/share/wordnet (package wordnet-base)";
  const auto &label = wholeWordNet().labels[0];
  ASSERT_EQ(label.splits.size(), 1u);
  const double shares[] = {0.6, 0.2, 0.2};
  double n = 82115;
  size_t sum = 0;
  for (int i = 0; i < 3; ++i) {
    double size = double(label.splits[0].parts[i].size());
    sum += label.splits[0].parts[i].size();
    EXPECT_NEAR(size, n * shares[i], 5 * std::sqrt(n * shares[i] * (1 - shares[i])));
  }
  EXPECT_EQ(sum, 82115u);
}

// Rows and classes must be those of the labels that results are compared on, where they are at
// hand.
TEST(WordNet, LabelsEqualTheSharedOnes) {
  const char *data = std::getenv("HEDDLE_DATA");
  std::string file =
      (data ? std::string(data) : HEDDLE_SOURCE_DIR "/../shared/data") + "/wordnet/label_noun.gz";
  struct stat info{};
  if (!haveWordNet() || stat(file.c_str(), &info) != 0)
    GTEST_SKIP() << "no WordNet, or no " << file << " (set HEDDLE_DATA)";
  gzFile in = gzopen(file.c_str(), "rb");
  ASSERT_NE(in, nullptr);
  const auto &label = wholeWordNet().labels[0];
  char line[256];
  size_t lines = 0;
  while (gzgets(in, line, sizeof line)) {
    long long node, cls;
    ASSERT_EQ(std::sscanf(line, "%lld %lld", &node, &cls), 2);
    ASSERT_EQ(label.single[size_t(node)], cls) << "row " << node;
    ++lines;
  }
  gzclose(in);
  EXPECT_EQ(lines, 82115u);
}

TEST(HashSplit, IsAFunctionOfIdAndSeed) {
  const double ratio[3] = {0.6, 0.2, 0.2}, half[3] = {0.5, 0, 0}, all[3] = {0, 0, 1};
  int differ = 0, inside = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string id = "n" + std::to_string(i);
    EXPECT_EQ(hashPart(id, 7, ratio), hashPart(id, 7, ratio));
    differ += hashPart(id, 7, ratio) != hashPart(id, 8, ratio);
    int part = hashPart(id, 7, half);
    EXPECT_TRUE(part == 0 || part == -1);
    inside += part == 0;
    EXPECT_EQ(hashPart(id, 7, all), 2);
  }
  EXPECT_GT(differ, 400);
  EXPECT_NEAR(inside, 500, 80);
}

} // namespace
