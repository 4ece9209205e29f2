//===- HgbTest.cpp - data sets in the layout of HGB ------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "ImportFixture.h"

#include "runtime/import/Hgb.h"
#include "runtime/import/HgbInfo.h"

#include <zip.h>

using namespace heddle;
using namespace heddle::importing;
using namespace heddle::testing_import;

namespace {

using Files = std::map<std::string, std::string>;
using Pairs = std::vector<std::pair<int64_t, int64_t>>;
using Rows = std::vector<int64_t>;

const char *kInfo = R"({
  "node.dat": {"node type": {"0": "author", "1": "Äpfel", "7": "empty"}, "odd": {"x": NaN, "y": -Infinity}},
  "link.dat": {"link type": {
    "0": {"start": "0", "end": "1", "meaning": "eats"},
    "1": {"start": 1, "end": 0, "meaning": "eaten"},
    "2": {"start": 0, "end": 0, "meaning": "knows"},
    "3": {"start": 0, "end": 0, "meaning": "cites"},
    "4": {"start": 7, "end": 0, "meaning": "none"}}},
  "label.dat": {"node type": {"0": {"0": "NaN", "2": "\"third\""}}}})";

Files small() {
  return {{"info.dat", kInfo},
          // Ids are in no order, and types are mixed.
          {"node.dat", "10\tAnn\t0\t0,0,0,0,1\r\n"
                       "3\tGolden\t1\t0.5,-1e-3\r\n"
                       "11\tBøb \"B\"\t0\t0,2.5,0,0,0\r\n"
                       "4\t\t1\t1,2\r\n"
                       "12\tCid\t0\t0,0,0,0,0\r\n"},
          {"link.dat", "10\t3\t0\t1.0\n11\t3\t0\t1.0\n10\t4\t0\t2\n" // eats
                       "3\t10\t1\t1\n4\t10\t1\t1\n3\t11\t1\t1\n"     // its reverse
                       "10\t11\t2\t1\n11\t10\t2\t1\n"                // knows is its own reverse
                       "10\t10\t3\t1\n10\t11\t3\t1\n10\t11\t3\t1"},  // a loop, and an edge twice
          {"label.dat", "10\tAnn\t0\t2\n11\tBøb\t0\t0\n"},
          {"label.dat.test", "12\tCid\t0\t1\n"}};
}

/// The files as an archive, in a folder of it.
void writeZip(const std::string &path, const Files &files, const std::string &folder = "set/") {
  std::filesystem::remove(path);
  int error = 0;
  zip_t *archive = zip_open(path.c_str(), ZIP_CREATE, &error);
  ASSERT_NE(archive, nullptr);
  for (const auto &[name, text] : files) {
    zip_source_t *source = zip_source_buffer(archive, text.data(), text.size(), 0);
    ASSERT_GE(zip_file_add(archive, (folder + name).c_str(), source, ZIP_FL_ENC_UTF_8), 0);
  }
  ASSERT_EQ(zip_close(archive), 0);
}

class Hgb : public ImportFixture {
protected:
  absl::Status run(const Files &files) {
    builder = RecordingBuilder();
    auto set = fileSetOf(files);
    return importHgb(*set, options, builder);
  }
  absl::Status runPath(const std::string &path) {
    builder = RecordingBuilder();
    HEDDLE_ASSIGN_OR_RETURN(auto set, openFileSet(path));
    return importHgb(*set, options, builder);
  }
  void expectSmall() {
    EXPECT_EQ(builder.type("author").ints, (Rows{10, 11, 12}));
    EXPECT_EQ(builder.type("author").display,
              (std::vector<std::string>{"Ann", "Bøb \"B\"", "Cid"}));
    EXPECT_EQ(builder.type("Äpfel").ints, (Rows{3, 4}));
    EXPECT_EQ(builder.type("empty").numNodes, 0);
    EXPECT_EQ(builder.types.size(), 3u);
    ASSERT_EQ(builder.features.size(), 3u); // and the weights of links
    const RecordedFeature &sparse = builder.features[0], &dense = builder.features[1];
    EXPECT_TRUE(sparse.sparse);
    EXPECT_EQ(sparse.dim, 5);
    using Row = std::vector<std::pair<int64_t, float>>;
    EXPECT_EQ(sparse.sparseRows, (std::vector<Row>{{{4, 1.0f}}, {{1, 2.5f}}, {}}));
    EXPECT_FALSE(dense.sparse);
    ASSERT_EQ(dense.rows.size(), 2u);
    EXPECT_FLOAT_EQ(float(dense.rows[0][1]), -1e-3f);
    EXPECT_EQ(dense.rows[1], (std::vector<double>{1, 2}));
    EXPECT_EQ(builder.relation("author:eats:Äpfel").edges, (Pairs{{0, 0}, {1, 0}, {0, 1}}));
    EXPECT_EQ(builder.relation("Äpfel:eaten:author").edges, (Pairs{{0, 0}, {1, 0}, {0, 1}}));
    EXPECT_EQ(builder.relation("author:knows:author").edges, (Pairs{{0, 1}, {1, 0}}));
    EXPECT_EQ(builder.relation("author:cites:author").edges, (Pairs{{0, 0}, {0, 1}, {0, 1}}));
    EXPECT_EQ(builder.relation("empty:none:author").triple, "empty:none:author");
    EXPECT_TRUE(builder.relation("empty:none:author").edges.empty());
    EXPECT_EQ(builder.relations.size(), 5u);
    EXPECT_FALSE(builder.relations[0].dropDuplicates);
    ASSERT_EQ(builder.labels.size(), 1u);
    const RecordedLabel &label = builder.labels[0];
    EXPECT_FALSE(label.multi);
    EXPECT_EQ(label.classes, (std::vector<std::string>{"NaN", "1", "\"third\""}));
    EXPECT_EQ(label.single, (std::vector<int32_t>{2, 0, 1}));
    EXPECT_EQ(label.splits.at(0).name, "official");
    EXPECT_EQ(label.splits[0].parts[2], (Rows{2}));
  }

  HgbOptions options{.carve = {.validRatio = 0}};
};

TEST_F(Hgb, ADataSetFromMemoryFolderAndArchive) {
  absl::Status status = run(small());
  ASSERT_TRUE(status.ok()) << messageOf(status);
  expectSmall();
  EXPECT_EQ(builder.labels[0].splits[0].parts[0], (Rows{0, 1}));
  // Only what has no reverse in the file gets a view.
  EXPECT_EQ(builder.relation("author:eats:Äpfel").reverse, "");
  EXPECT_EQ(builder.relation("Äpfel:eaten:author").reverse, "");
  EXPECT_EQ(builder.relation("author:knows:author").reverse, "");
  EXPECT_EQ(builder.relation("author:cites:author").reverse, "rev_cites");
  EXPECT_EQ(builder.relation("empty:none:author").reverse, "rev_none");
  EXPECT_EQ(builder.counts["relations without a reverse view: the file has their reverse"], 3);
  // Weights are kept where not all are 1.
  EXPECT_EQ(builder.counts["relations with an edge feature \"weight\": not all of their links have "
                           "weight 1"],
            1);
  const RecordedFeature &weight = builder.feature("weight");
  ASSERT_TRUE(weight.ofEdges);
  EXPECT_EQ(weight.dtype, "float32");
  const RecordedRelation &weighted = builder.relations[size_t(weight.type)];
  ASSERT_EQ(weight.rows.size(), weighted.edges.size()) << weighted.triple;
  EXPECT_EQ(std::count_if(weight.rows.begin(), weight.rows.end(),
                          [](const auto &row) { return row[0] != 1; }),
            1);

  writeZip(dir.file("set.zip"), small());
  status = runPath(dir.file("set.zip"));
  ASSERT_TRUE(status.ok()) << messageOf(status);
  expectSmall();
  writeZip(dir.file("flat"), small(), "");
  status = runPath(dir.file("flat"));
  ASSERT_TRUE(status.ok()) << messageOf(status);
  expectSmall();
  std::filesystem::create_directory(dir.file("folder"));
  for (const auto &[name, text] : small())
    dir.write("folder/" + name, text);
  options.reverse = false;
  status = runPath(dir.file("folder"));
  ASSERT_TRUE(status.ok()) << messageOf(status);
  expectSmall();
  EXPECT_EQ(builder.relation("author:cites:author").reverse, "");
}

TEST_F(Hgb, ReversesAreToldByTheirEdges) {
  // As many links the other way, but not the same ones.
  Files files = small();
  files["link.dat"] = "10\t3\t0\t1\n11\t4\t0\t1\n3\t10\t1\t1\n4\t10\t1\t1\n10\t11\t2\t1\n";
  ASSERT_TRUE(run(files).ok());
  EXPECT_EQ(builder.relation("author:eats:Äpfel").reverse, "rev_eats");
  EXPECT_EQ(builder.relation("Äpfel:eaten:author").reverse, "rev_eaten");
  EXPECT_EQ(builder.relation("author:knows:author").reverse, "rev_knows");
  EXPECT_EQ(builder.counts.count("relations without a reverse view: the file has their reverse"),
            0u);
  EXPECT_EQ(builder.counts["link weights left out, all of them 1"], 5);
  EXPECT_EQ(builder.feature("weight").type, -1);
}

// The feature begins at the first weight that is not 1; those before it, of any number, were 1.
TEST_F(Hgb, WeightsFollowTheirLinks) {
  Files files = small();
  std::string links;
  std::vector<double> expected;
  for (int i = 0; i < 9000; ++i) {
    double weight = i < 5000 ? 1 : i % 7 * 0.5;
    expected.push_back(i % 1000 == 500 ? 1 : weight);
    links += "10\t3\t0" + (i % 1000 == 500 ? "" : "\t" + std::to_string(weight)) + "\n";
    links += "3\t10\t1\t1\n";
  }
  files["link.dat"] = links;
  ASSERT_TRUE(run(files).ok());
  const RecordedFeature &weight = builder.feature("weight");
  ASSERT_GE(weight.type, 0);
  EXPECT_EQ(builder.relations[size_t(weight.type)].triple, "author:eats:Äpfel");
  ASSERT_EQ(weight.rows.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    ASSERT_EQ(weight.rows[i], std::vector<double>{expected[i]}) << i;
  EXPECT_EQ(std::count_if(builder.features.begin(), builder.features.end(),
                          [](const RecordedFeature &f) { return f.ofEdges; }),
            1);
}

TEST_F(Hgb, WithoutInfoAndWithoutLabels) {
  Files files = small();
  files.erase("info.dat");
  files.erase("label.dat.test");
  files["node.dat"] = "0\ta\t0\n1\tb\t2\n2\tc\t2\n";
  files["link.dat"] = "0\t1\t5\n1\t2\t5\n"; // one relation number between two pairs of types
  files["label.dat"] = "1\tb\t2\t1\n2\tc\t2\t0\n";
  ASSERT_TRUE(run(files).ok());
  EXPECT_EQ(builder.type("type0").numNodes, 1);
  EXPECT_EQ(builder.type("type2").numNodes, 2);
  EXPECT_TRUE(builder.features.empty());
  EXPECT_EQ(builder.relation("type0:link5:type2").edges, (Pairs{{0, 0}}));
  EXPECT_EQ(builder.relation("type2:link5:type2").edges, (Pairs{{0, 1}}));
  EXPECT_EQ(builder.counts["label.dat.test is not there: no labels from it"], 1);
  EXPECT_EQ(builder.labels.at(0).classes, (std::vector<std::string>{"0", "1"}));
  files.erase("label.dat");
  ASSERT_TRUE(run(files).ok());
  EXPECT_TRUE(builder.labels.empty());
}

TEST_F(Hgb, SeveralClassesANode) {
  Files files = small();
  files["label.dat.test"] = "12\tCid\t0\t1,2\n";
  ASSERT_TRUE(run(files).ok());
  const RecordedLabel &label = builder.labels.at(0);
  EXPECT_TRUE(label.multi);
  EXPECT_EQ(label.rows, (std::vector<uint8_t>{0, 0, 1, 1, 0, 0, 0, 1, 1}));
  files["label.dat"] = "10\tAnn\t0\t2\n";
  ASSERT_TRUE(run(files).ok());
  EXPECT_EQ(builder.labels.at(0).rows, (std::vector<uint8_t>{0, 0, 1, 255, 255, 255, 0, 1, 1}));
}

TEST_F(Hgb, TheValidationPartIsCarvedFromTrain) {
  Files files = small();
  files.erase("info.dat");
  files["node.dat"] = files["label.dat"] = files["link.dat"] = "";
  files["label.dat.test"] = "";
  for (int i = 0; i < 300; ++i) {
    std::string id = std::to_string(i);
    files["node.dat"] += id + "\tn\t0\n";
    files[i < 200 ? "label.dat" : "label.dat.test"] +=
        id + "\tn\t0\t" + std::to_string(i % 3) + "\n";
  }
  options.carve.validRatio = 0.2;
  ASSERT_TRUE(run(files).ok());
  RecordedSplit first = builder.labels.at(0).splits.at(0);
  EXPECT_EQ(first.parts[0].size() + first.parts[1].size(), 200u);
  EXPECT_GT(first.parts[1].size(), 20u);
  EXPECT_LT(first.parts[1].size(), 62u);
  EXPECT_EQ(first.parts[2].size(), 100u);
  EXPECT_EQ(first.parts[2].front(), 200);
  options.carve.seed = 5;
  ASSERT_TRUE(run(files).ok());
  EXPECT_NE(builder.labels.at(0).splits.at(0).parts[1], first.parts[1]);
}

TEST_F(Hgb, SkippingCountsWhatItLeavesOut) {
  Files files = small();
  files["link.dat"] += "\n99\t3\t0\t1\n3\t99\t1\t1\n";
  files["label.dat"] += "99\tnobody\t0\t1\n";
  options.skipErrors = true;
  ASSERT_TRUE(run(files).ok());
  EXPECT_EQ(builder.counts["links skipped: no such node"], 2);
  EXPECT_EQ(builder.counts["label rows skipped: no such node"], 1);
}

TEST_F(Hgb, InfoAsTables) {
  auto info = parseHgbInfo("node.dat\n\nTYPE\tMEANING\n0\t\tBOOK\n1\t\tFILM STAR\n\n"
                           "Attribute Dimension: 0\n-----\nlink.dat\n\nLINK\tSTART\tEND\tMEANING\n"
                           "0\t\t0\t\t1\t\tBOOK-to-FILM\r\n\nlabel.dat\nTYPE\tCLASS\tMEANING\n"
                           "0\t\t3\t\tshort story\n\nTargeting: Label Type 0",
                           "info.dat");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->nodeTypes, (std::map<int64_t, std::string>{{0, "BOOK"}, {1, "FILM STAR"}}));
  ASSERT_EQ(info->links.size(), 1u);
  EXPECT_EQ(info->links[0].name, "BOOK-to-FILM");
  EXPECT_EQ(info->links[0].destination, 1);
  EXPECT_EQ((info->classes[{0, 3}]), "short story");
}

TEST_F(Hgb, MalformedSourcesGetOneLine) {
  struct Case {
    std::string file, text, expected;
  } cases[] = {
      {"node.dat", "", "node.dat: no node; check the file"},
      {"node.dat", "1\ta\n", "node.dat:1: no node; expected id, name and type between tabs"},
      {"node.dat", "1\ta\t0\t1\t2\n", "node.dat:1: more than four fields; a name must hold no tab"},
      {"node.dat", "x1\ta\t0\n", "node.dat:1: the id 'x1' is no number"},
      {"node.dat", "-1\ta\t0\n", "node.dat:1: the id '-1' is no number"},
      {"node.dat", "1\ta\t99999\n", "node.dat:1: the type '99999' is no number of 0 to 65534"},
      {"node.dat", "1\ta\t0\n2\tb\t0\n1\tc\t1\n", "node.dat:3: the id 1 stands twice; remove one"},
      {"node.dat", "1\ta\t0\t1,2\n2\tb\t0\t1\n", "node.dat:2: 1 features, and 2 on the nodes of "},
      {"node.dat", "1\ta\t0\t1,2\n2\tb\t0\n", "node.dat:2: 0 features, and 2 on the nodes of "},
      {"node.dat", "1\ta\t0\t1,x\n", "node.dat:1: feature 1 is 'x', no finite number; correct it"},
      {"node.dat", "1\ta\t0\t1,\n", "node.dat:1: feature 1 is '', no finite number"},
      {"node.dat", "1\ta\t0\tnan\n", "node.dat:1: feature 0 is 'nan', no finite number"},
      {"node.dat", "1\ta\t0\t1e99\n", "node.dat:1: feature 0 is '1e99', no finite number"},
      {"node.dat", "1\t\xff\t0\n", "node.dat:1: the name is not UTF-8; convert the file"},
      {"link.dat", "10\t3\n", "link.dat:1: no link; expected source, destination, relation"},
      {"link.dat", "10\t3\t0\t1\t1\n", "link.dat:1: more than four fields; expected"},
      {"link.dat", "10\t3\tx\t1\n", "link.dat:1: the relation 'x' is no number"},
      {"link.dat", "10\t3\t0\theavy\n",
       "link.dat:1: the weight 'heavy' is no finite number; correct it"},
      {"link.dat", "10\t3\t0\tinf\n",
       "link.dat:1: the weight 'inf' is no finite number; correct it"},
      {"link.dat", "10\t99\t0\t1\n", "link.dat:1: node '99' is not in node.dat; remove the link"},
      {"link.dat", "3\t10\t0\t1\n",
       "link.dat:1: a link of relation 0 from a node of type 1 to one "},
      {"label.dat", "10\tAnn\t0\n", "label.dat:1: no label; expected id, name, type and class"},
      {"label.dat", "99\tAnn\t0\t1\n",
       "label.dat:1: node '99' is not in node.dat; remove the line"},
      {"label.dat", "10\tAnn\t1\t1\n", "label.dat:1: the type '1' is not that of the node"},
      {"label.dat", "10\tAnn\t0\tx\n", "label.dat:1: the class 'x' is no number"},
      {"label.dat", "10\tAnn\t0\t\n", "label.dat:1: no class; write one"},
      {"label.dat", "10\tAnn\t0\t1,1\n", "label.dat:1: class 1 stands twice; write it once"},
      {"label.dat", "12\tCid\t0\t1\n", "label.dat.test:1: node 12 has a label already"},
      {"info.dat", "{\"node.dat\": ", "info.dat:1:"},
      {"info.dat", R"({"node.dat": {"node type": {"a": "x"}}})",
       "info.dat: /node.dat/node type: 'a' is no number"},
      {"info.dat", R"({"node.dat": {"node type": {"0": 5}}})",
       "info.dat: /node.dat/node type/0: expected a name in quotes"},
      {"info.dat", R"({"node.dat": {"node type": {"0": "x", "1": "x"}}})",
       "info.dat: two node types are named 'x'; rename one"},
      {"info.dat", R"({"link.dat": {"link type": {"0": {"start": "x"}}}})",
       "info.dat: /link.dat/link type/0/start: expected the number of a node type"},
      {"info.dat", R"({"link.dat": {"link type": {"0": {"start": 5, "end": 0, "meaning": "m"}}}})",
       "info.dat: link type 0: node type 5 is neither in info.dat nor in node.dat; correct"},
  };
  for (const Case &c : cases) {
    SCOPED_TRACE(c.expected);
    Files files = small();
    files[c.file] = c.text;
    expectMessage(run(files), c.expected);
  }
  Files files = small();
  files.erase("link.dat");
  expectMessage(run(files), "link.dat: is not there; name a folder or .zip that holds node.dat");
}

TEST_F(Hgb, MalformedArchivesGetOneLine) {
  dir.write("text.zip", "this is no archive");
  expectMessage(runPath(dir.file("text.zip")), "text.zip: is no readable zip archive");
  expectMessage(runPath(dir.file("absent.zip")), "absent.zip: cannot open: No such file or directory; check");
  Files twice = small();
  twice["more/node.dat"] = "x";
  writeZip(dir.file("twice.zip"), twice);
  expectMessage(runPath(dir.file("twice.zip")), "twice.zip: holds two files named 'node.dat'");
  writeZip(dir.file("empty.zip"), {{"readme", "x"}});
  expectMessage(runPath(dir.file("empty.zip")), "empty.zip/node.dat: is not there; name a folder");
  // Flipped bytes inside of a file's data are found by its checksum, or by the inflater.
  Files big = small();
  for (int i = 100; i < 3000; ++i)
    big["node.dat"] +=
        std::to_string(i) + "\tn" + std::to_string(i * 7919 % 10007) + "\t0\t0,0,0,0,1\n";
  writeZip(dir.file("big.zip"), big);
  ASSERT_TRUE(runPath(dir.file("big.zip")).ok());
  std::string bytes;
  {
    std::ifstream in(dir.file("big.zip"), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  for (size_t at = bytes.size() / 2; at < bytes.size() / 2 + 200; at += 10) {
    std::string flipped = bytes;
    flipped[at] = char(flipped[at] ^ 4);
    dir.write("flipped.zip", flipped);
    absl::Status status = runPath(dir.file("flipped.zip"));
    EXPECT_EQ(exitCodeOf(status), 2) << at;
    EXPECT_EQ(messageOf(status).find('\n'), std::string::npos);
  }
  dir.write("cut.zip", std::string_view(bytes).substr(0, bytes.size() / 2));
  expectMessage(runPath(dir.file("cut.zip")), "cut.zip: is no readable zip archive");
}

} // namespace
