//===- EndToEndTest.cpp - from tables to arrays, and the tool itself -------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "TempDir.h"

#include "runtime/graph/GraphStore.h"
#include "runtime/import/TableImport.h"

#include "gtest/gtest.h"

#include <map>
#include <set>

#include <sys/wait.h>

using namespace heddle;
using namespace heddle::importing;
using heddle::testing_import::TempDir;

namespace {

const std::string kTables = HEDDLE_SOURCE_DIR "/tests/golden/tables/shop.json";

absl::StatusOr<std::unique_ptr<graph::GraphStore>>
importTo(const std::string &source, const std::string &directory, std::string *report = nullptr) {
  HEDDLE_ASSIGN_OR_RETURN(Descriptor descriptor, readDescriptor(source));
  graph::GraphBuilderOptions options;
  options.output = directory;
  HEDDLE_ASSIGN_OR_RETURN(auto builder, graph::GraphBuilder::create(options));
  HEDDLE_RETURN_IF_ERROR(importTables(descriptor, *builder));
  HEDDLE_ASSIGN_OR_RETURN(std::string text, builder->finish());
  if (report)
    *report = text;
  return graph::GraphStore::open(directory, true);
}

/// Edges as "source id>destination id", once per edge.
std::multiset<std::string> edgesOf(const graph::GraphStore &store, const std::string &source,
                                   const std::string &name, const std::string &destination) {
  const auto &schema = store.schema();
  int s = schema.nodeTypeId(source), d = schema.nodeTypeId(destination);
  int r = schema.relationId(source, name, destination);
  EXPECT_GE(r, 0) << name;
  std::multiset<std::string> edges;
  if (r < 0)
    return edges;
  const graph::RelationView &view = store.relation(r);
  for (int64_t to = 0; to < view.numDestinations; ++to)
    for (int64_t at = view.inPtr[to]; at < view.inPtr[to + 1]; ++at)
      edges.insert(store.originalId(s, view.inSources[at]) + ">" + store.originalId(d, to));
  return edges;
}

using Edges = std::multiset<std::string>;

TEST(EndToEnd, TheShopComesBackFromItsArrays) {
  TempDir dir;
  std::string report;
  auto opened = importTo(kTables, dir.file("g"), &report);
  ASSERT_TRUE(opened.ok()) << messageOf(opened.status());
  const graph::GraphStore &store = **opened;
  const auto &schema = store.schema();
  int kunde = schema.nodeTypeId("kunde");
  ASSERT_EQ(schema.nodeTypes.size(), 4u);
  ASSERT_EQ(schema.nodeTypes[size_t(kunde)].numNodes, 4);
  EXPECT_EQ(schema.nodeTypes[size_t(schema.nodeTypeId("leer"))].numNodes, 0);
  std::map<std::string, int64_t> row;
  for (int64_t i = 0; i < 4; ++i)
    row[store.originalId(kunde, i)] = i;
  ASSERT_EQ(row.size(), 4u);
  EXPECT_EQ(store.displayName(kunde, row["k2"]), "Łukasz \"Lu\" Nowak");
  EXPECT_EQ(store.displayName(kunde, row["k3"]), "李\n雷");

  EXPECT_EQ(edgesOf(store, "kunde", "kauft", "artikel"),
            (Edges{"k1>Äpfel", "k2>Äpfel", "k3>Äpfel", "k3>Brot"}));
  EXPECT_EQ(edgesOf(store, "artikel", "rev_kauft", "kunde"),
            (Edges{"Äpfel>k1", "Äpfel>k2", "Äpfel>k3", "Brot>k3"}));
  EXPECT_EQ(edgesOf(store, "kunde", "mag", "artikel"),
            (Edges{"k1>Äpfel", "k1>Äpfel", "k2>Äpfel", "k3>Äpfel", "k3>Brot"}));
  EXPECT_EQ(schema.relationId("artikel", "rev_mag", "kunde"), -1);
  EXPECT_EQ(edgesOf(store, "kunde", "wirbt", "kunde"), (Edges{"k2>k1", "k3>k1"}));
  EXPECT_EQ(edgesOf(store, "kunde", "wohnt", "filiale"), (Edges{"k1>0", "k2>0"}));

  auto age = store.denseFeature(kunde, "alter");
  ASSERT_TRUE(age.ok());
  ASSERT_EQ(age->dim, 2);
  const float *values = static_cast<const float *>(age->data);
  auto ageOf = [&](const char *id) {
    return std::make_pair(values[row[id] * 2], values[row[id] * 2 + 1]);
  };
  EXPECT_EQ(ageOf("k1"), std::make_pair(0.0f, 0.0f));
  EXPECT_EQ(ageOf("k2"), std::make_pair(0.5f, 1.0f));
  EXPECT_EQ(ageOf("k3"), std::make_pair(1.0f, 0.0f));
  EXPECT_EQ(ageOf("k4"), std::make_pair(0.5f, 0.0f));
  auto land = store.sparseFeature(kunde, "land");
  ASSERT_TRUE(land.ok());
  EXPECT_EQ(land->dim, 3);
  EXPECT_EQ(land->nnz, 3);
  EXPECT_EQ(land->indices[land->indptr[row["k2"]]], 1);

  auto loyalty = store.label(kunde, "treue");
  ASSERT_TRUE(loyalty.ok());
  EXPECT_EQ(loyalty->classes[row["k1"]], 1); // gering, hoch
  EXPECT_EQ(loyalty->classes[row["k2"]], 0);
  EXPECT_EQ(loyalty->classes[row["k4"]], -1);
  auto interests = store.label(kunde, "interessen");
  ASSERT_TRUE(interests.ok());
  ASSERT_EQ(interests->numClasses, 3);
  EXPECT_EQ(interests->multi[row["k1"] * 3 + 1], 1);
  EXPECT_EQ(interests->multi[row["k3"] * 3], 255);
  auto split = store.split(kunde, "treue", "spalte");
  ASSERT_TRUE(split.ok());
  EXPECT_EQ(split->numTrain, 2);
  EXPECT_EQ(split->numValid, 1);
  EXPECT_EQ(split->numTest, 0);
  for (const char *remark :
       {"kunde: records skipped, null id: 1", "kunde:kauft:artikel: edges skipped, dangling id: 1",
        "kunde:wirbt:kunde: edges skipped, null id: 2"})
    EXPECT_NE(report.find(remark), std::string::npos) << remark << "\n" << report;
}

TEST(EndToEnd, TheSameTablesGiveTheSameBytes) {
  TempDir dir;
  auto first = importTo(kTables, dir.file("a")), second = importTo(kTables, dir.file("b"));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ((*first)->schema().dataFingerprint, (*second)->schema().dataFingerprint);
  EXPECT_EQ((*first)->schema().schemaFingerprint, (*second)->schema().schemaFingerprint);
}

struct ToolRun {
  int code = -1;
  std::string out, err;
};
ToolRun runTool(const TempDir &dir, const std::string &arguments) {
  std::string command = std::string(HEDDLE_BIN_DIR) + "/heddle-import " + arguments + " >" +
                        dir.file("out") + " 2>" + dir.file("err");
  int status = std::system(command.c_str());
  auto text = [&](const char *name) {
    std::ifstream in(dir.file(name), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text("out"), text("err")};
}

TEST(Tool, ExampleImportsAndChecks) {
  TempDir dir;
  std::string example = HEDDLE_SOURCE_DIR "/examples/tables/graph.json";
  ToolRun done = runTool(dir, "--format=table " + example + " -o " + dir.file("g"));
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.out.find("author:wrote:paper: edges skipped, null id: 1"), std::string::npos);
  EXPECT_NE(done.out.find("paper:cites:paper: edges skipped, dangling id: 1"), std::string::npos);
  ToolRun check = runTool(dir, "--check " + dir.file("g"));
  EXPECT_EQ(check.code, 0) << check.err;
  EXPECT_NE(check.out.find("all checksums agree"), std::string::npos);

  // An existing output stays, unless it is meant.
  ToolRun refused = runTool(dir, example + " -o " + dir.file("g"));
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("--force"), std::string::npos) << refused.err;
  EXPECT_EQ(runTool(dir, "--check " + dir.file("g")).code, 0);
  EXPECT_EQ(runTool(dir, example + " --force -o " + dir.file("g")).code, 0);

  // A flipped byte of an array is found.
  for (const auto &entry : std::filesystem::recursive_directory_iterator(dir.file("g")))
    if (entry.path().extension() == ".npy") {
      std::fstream file(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
      file.seekg(-1, std::ios::end);
      char last = char(file.get());
      file.seekp(-1, std::ios::end);
      file.put(char(last ^ 1));
      break;
    }
  ToolRun broken = runTool(dir, "--check " + dir.file("g"));
  EXPECT_EQ(broken.code, 2) << broken.err;
  EXPECT_NE(broken.err.find(".npy"), std::string::npos) << broken.err;
}

TEST(Tool, TriplesAndHgbFromTheCommandLine) {
  TempDir dir;
  dir.write("g.nt", "<http://x/a> <http://x/knows> <http://x/b> .\n"
                    "<http://x/a> <http://x/knows> <http://x/b> .\n"
                    "<http://x/a> <http://x/employs> <http://x/b> .\nbroken\n");
  dir.write("train.tsv", "who\tlabel\r\nhttp://x/a\tA\r\n");
  // The source may stand behind an option that can be repeated.
  ToolRun run = runTool(dir, "--on-error=skip --valid-ratio=0 --label-type=person --train-set=" +
                                 dir.file("train.tsv") + " --drop-relation http://x/employs " +
                                 dir.file("g.nt") + " -o " + dir.file("g"));
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("lines skipped: no N-Triples: 1"), std::string::npos) << run.out;
  EXPECT_EQ(runTool(dir, "--check " + dir.file("g")).code, 0);
  auto store = graph::GraphStore::open(dir.file("g"), true);
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(edgesOf(**store, "person", "knows", "node"), (Edges{"http://x/a>http://x/b"}));
  EXPECT_EQ(edgesOf(**store, "node", "rev_knows", "person"), (Edges{"http://x/b>http://x/a"}));
  EXPECT_EQ((*store)->schema().relationId("person", "employs", "node"), -1);
  std::filesystem::create_directory(dir.file("set"));
  dir.write("set/node.dat", "0\tAnn\t0\t1,0,0,0\n1\tBob\t0\t0,0,0,0\n2\tbook\t1\n");
  dir.write("set/link.dat", "0\t2\t0\t1\n");
  dir.write("set/label.dat", "0\tAnn\t0\t1\n");
  dir.write("set/label.dat.test", "1\tBob\t0\t0\n");
  run = runTool(dir, "--valid-ratio=0 " + dir.file("set") + " -o " + dir.file("h"));
  EXPECT_EQ(run.code, 0) << run.err;
  store = graph::GraphStore::open(dir.file("h"), true);
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(edgesOf(**store, "type1", "rev_link0", "type0"), (Edges{"2>0"}));
  EXPECT_EQ((*store)->displayName((*store)->schema().nodeTypeId("type0"), 1), "Bob");
}

TEST(Tool, FeaturesOfAnotherDtype) {
  TempDir dir;
  dir.write("a.csv", "id,x,n\nk,0.1,3\nl,70000,4\n");
  dir.write("d.json", R"({"version": "1.0", "nodes": [{"node_type": "a", "node_id_col": "id",
      "files": ["a.csv"], "features": [{"feature_col": "x"}, {"feature_col": "n", "out_dtype": "int8"}]}]})");
  const std::string source = dir.file("d.json");
  EXPECT_EQ(runTool(dir, source + " -o " + dir.file("g")).code, 0);
  EXPECT_EQ(runTool(dir, source + " --feature-dtype=bfloat16 -o " + dir.file("b")).code, 0);
  ToolRun large = runTool(dir, source + " --feature-dtype=float16 -o " + dir.file("h"));
  EXPECT_EQ(large.code, 2);
  EXPECT_NE(large.err.find("a.csv:3"), std::string::npos) << large.err;
  EXPECT_NE(large.err.find("'70000' does not fit into float16"), std::string::npos) << large.err;
  // A graph directory is copied with another dtype; what it lacks to be the same is the rounding.
  EXPECT_EQ(runTool(dir, dir.file("g") + " --feature-dtype=bfloat16 -o " + dir.file("c")).code, 0);
  ToolRun first = runTool(dir, "--check " + dir.file("b")),
          copy = runTool(dir, "--check " + dir.file("c"));
  EXPECT_EQ(first.out.substr(first.out.find(": ok")), copy.out.substr(copy.out.find(": ok")));
  large = runTool(dir, dir.file("g") + " --feature-dtype=float16 -o " + dir.file("h"));
  EXPECT_EQ(large.code, 2);
  EXPECT_NE(
      large.err.find("node type 'a': feature 'x': row 1, column 0: 70000 is too large for float16; "
                     "store features as bfloat16 or float32"),
      std::string::npos)
      << large.err;
  ToolRun same = runTool(dir, dir.file("g") + " -o " + dir.file("h"));
  EXPECT_EQ(same.code, 2);
  EXPECT_NE(
      same.err.find("is a graph directory already; to copy it give --derive or --feature-dtype"),
      std::string::npos)
      << same.err;
  // numpy.load reads it as V2.
  auto store = graph::GraphStore::open(dir.file("c"), true);
  ASSERT_TRUE(store.ok());
  auto view = (*store)->denseFeature(0, "x");
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->dtype, "bfloat16");
  const uint16_t *bits = static_cast<const uint16_t *>(view->data);
  EXPECT_EQ(bits[0], 0x3DCD);
  EXPECT_EQ(bits[1], 0x4789);
}

TEST(Tool, WrongUseGetsOneLine) {
  TempDir dir;
  dir.write("bad.json", R"({"version": "1.0", "nodes": [{"node_typ": "a"}]})");
  dir.write("cut.json", R"({"version": "1.0", "nodes": [)");
  dir.write("bad.nt", "<http://a> <http://p> <http://b> .\n<http://a> .\n");
  dir.write("bad.zip", "no archive");
  std::string output = " -o " + dir.file("g");
  struct Case {
    std::string arguments, expected;
  } cases[] = {
      {"", "no SOURCE"},
      {"x.json", "no output"},
      {dir.file("absent.json") + output, "absent.json"},
      {dir.file("bad.json") + output, "did you mean 'node_type'?"},
      {dir.file("cut.json") + output, "cut.json:1:"},
      {"--format=wordnet " + dir.path() + output, "data.noun: cannot be read"},
      {"--format=word /tmp" + output, "--format"},
      {"--overwrite x.json" + output, "did you mean '--force'?"},
      {"--memry=1GiB x.json" + output, "did you mean '--memory'?"},
      {"--check " + dir.file("absent"), "absent"},
      {"--check a x.json", "--check takes a graph directory alone"},
      {"--feature-dtype=bfloat x.json" + output, "--feature-dtype"},
      {"--feature-dtype=float64 x.json" + output, "--feature-dtype"},
      {"--gloss-words=-3 x" + output, "--gloss-words"},
      {"--types=rdf " + dir.file("bad.json") + output, "--types is for --format=ntriples"},
      {"--format=hgb --no-words x" + output, "--no-words is for --format=wordnet"},
      {"--format=ntriples --valid-ratio=1.5 x" + output, "--valid-ratio"},
      {"--format=ntriples --label-type=person " + dir.file("bad.nt") + output,
       "--label-type: no label file is there"},
      {dir.file("bad.nt") + output, "bad.nt:2: no N-Triples"},
      {dir.file("bad.zip") + output, "bad.zip: is no readable zip archive"},
      {dir.path() + "/none" + output,
       "none: cannot open: No such file or directory; check the name"},
  };
  for (const Case &c : cases) {
    ToolRun run = runTool(dir, c.arguments);
    EXPECT_EQ(run.code, 2) << c.arguments << ": " << run.err;
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
    EXPECT_EQ(run.err.rfind("heddle-import: error: ", 0), 0u) << run.err;
    EXPECT_NE(run.err.find(c.expected), std::string::npos) << run.err;
    EXPECT_FALSE(std::filesystem::exists(dir.file("g"))) << c.arguments;
  }
  // Nothing is left behind by the failed ones.
  for (const auto &entry : std::filesystem::directory_iterator(dir.path()))
    EXPECT_TRUE(entry.is_regular_file()) << entry.path();
  ToolRun help = runTool(dir, "--help");
  EXPECT_EQ(help.code, 0);
  EXPECT_NE(help.out.find("heddle-import --format=wordnet /usr/share/wordnet -o wn/"),
            std::string::npos);
}

} // namespace
