//===- RealDataTest.cpp - published data sets, where they are --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The files are not part of the project: HEDDLE_DATA names their folder (default: shared/data
// beside the project). Without it these tests are skipped.
//
//===----------------------------------------------------------------------===//
#include "ImportFixture.h"

#include "runtime/import/Hgb.h"
#include "runtime/import/NTriplesImport.h"

using namespace heddle;
using namespace heddle::importing;
using namespace heddle::testing_import;

namespace {

std::string dataFolder() {
  const char *named = std::getenv("HEDDLE_DATA");
  return named && *named ? named : HEDDLE_SOURCE_DIR "/../shared/data";
}

#define SKIP_WITHOUT(path)                                                                         \
  if (!std::filesystem::exists(path))                                                              \
  GTEST_SKIP() << path << " is not there; HEDDLE_DATA names the folder of the data sets"

class RealData : public ImportFixture {
protected:
  void importRdf(const std::string &name) {
    options.carve = {0.2, 0};
    absl::Status status = findNTriples(dataFolder() + "/" + name, options);
    ASSERT_TRUE(status.ok()) << messageOf(status);
    status = importNTriples(options, builder);
    ASSERT_TRUE(status.ok()) << messageOf(status);
  }
  void importZip(const std::string &name) {
    auto files = openFileSet(dataFolder() + "/hgb/" + name + ".zip");
    ASSERT_TRUE(files.ok()) << messageOf(files.status());
    absl::Status status = importHgb(**files, HgbOptions(), builder);
    ASSERT_TRUE(status.ok()) << messageOf(status);
  }
  /// Nodes, edges (RDF: of the set), relations.
  void expectCounts(int64_t nodes, size_t edges, size_t relations) {
    int64_t foundNodes = 0;
    size_t foundEdges = 0;
    for (const RecordedType &type : builder.types)
      foundNodes += type.numNodes;
    for (const RecordedRelation &relation : builder.relations)
      foundEdges += relation.dropDuplicates
                        ? std::set(relation.edges.begin(), relation.edges.end()).size()
                        : relation.edges.size();
    EXPECT_EQ(foundNodes, nodes);
    EXPECT_EQ(foundEdges, edges);
    EXPECT_EQ(builder.relations.size(), relations);
  }
  void expectParts(size_t trainAndValid, size_t test, size_t classes) {
    ASSERT_EQ(builder.labels.size(), 1u);
    const RecordedLabel &label = builder.labels[0];
    EXPECT_EQ(label.classes.size(), classes);
    ASSERT_EQ(label.splits.size(), 1u);
    const auto &parts = label.splits[0].parts;
    EXPECT_EQ(parts[0].size() + parts[1].size(), trainAndValid);
    EXPECT_GT(parts[1].size(), trainAndValid / 10);
    EXPECT_LT(parts[1].size(), trainAndValid * 3 / 10);
    EXPECT_EQ(parts[2].size(), test);
  }
  NTriplesOptions options;
};

TEST_F(RealData, Aifb) {
  SKIP_WITHOUT(dataFolder() + "/aifb");
  importRdf("aifb");
  expectCounts(8285, 29043, 45);
  expectParts(140, 36, 4);
  EXPECT_EQ(builder.labels[0].name, "affiliation");
  options = {};
  options.literals = false;
  builder = RecordingBuilder();
  importRdf("aifb");
  EXPECT_EQ(builder.type("node").numNodes, 2835);
  options = {};
  options.typesByRdf = true;
  options.labelType = "person";
  builder = RecordingBuilder();
  importRdf("aifb");
  int64_t nodes = 0;
  for (const RecordedType &type : builder.types)
    nodes += type.numNodes;
  EXPECT_EQ(nodes, 8285);
  EXPECT_EQ(builder.type("literal").numNodes, 5450);
  EXPECT_EQ(builder.type("person").numNodes, 176);
  EXPECT_EQ(builder.counts["nodes with several rdf:types, typed by the rarest"], 1295);
  expectParts(140, 36, 4);
}

TEST_F(RealData, Mutag) {
  SKIP_WITHOUT(dataFolder() + "/mutag");
  importRdf("mutag");
  expectCounts(23644, 74227, 23);
  expectParts(272, 68, 2);
  EXPECT_EQ(builder.labels[0].classes, (std::vector<std::string>{"0", "1"}));
}

TEST_F(RealData, HgbDblp) {
  SKIP_WITHOUT(dataFolder() + "/hgb/DBLP.zip");
  importZip("DBLP");
  expectCounts(26128, 239566, 6);
  expectParts(1217, 2840, 4);
  EXPECT_EQ(builder.type("author").numNodes, 4057);
  EXPECT_EQ(builder.type("paper").numNodes, 14328);
  EXPECT_EQ(builder.type("term").numNodes, 7723);
  EXPECT_EQ(builder.type("venue").numNodes, 20);
  ASSERT_EQ(builder.features.size(), 3u);
  EXPECT_EQ(builder.features[0].dim, 334);
  EXPECT_TRUE(builder.features[0].sparse);
  EXPECT_EQ(builder.features[1].dim, 4231);
  EXPECT_TRUE(builder.features[1].sparse);
  EXPECT_EQ(builder.features[2].dim, 50);
  EXPECT_FALSE(builder.features[2].sparse);
  for (const RecordedRelation &relation : builder.relations)
    EXPECT_EQ(relation.reverse, "") << "both directions are stored: " << relation.triple;
}

TEST_F(RealData, HgbImdb) {
  SKIP_WITHOUT(dataFolder() + "/hgb/IMDB.zip");
  importZip("IMDB");
  expectCounts(21420, 86642, 6);
  expectParts(1371, 3202, 5);
  EXPECT_TRUE(builder.labels[0].multi);
  EXPECT_EQ(builder.type("keyword").numNodes, 7971);
  for (const RecordedFeature &feature : builder.features)
    EXPECT_TRUE(feature.sparse);
  EXPECT_EQ(builder.features.size(), 3u);
}

} // namespace
