//===- NTriplesImportTest.cpp - RDF files as graphs ------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "ImportFixture.h"

#include "runtime/import/NTriplesImport.h"
#include "runtime/import/SourceFormat.h"

#include <zlib.h>

using namespace heddle;
using namespace heddle::importing;
using namespace heddle::testing_import;

namespace {

using Edges = std::multiset<std::string>;
using Ids = std::vector<std::string>;

const char *kType = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>";

/// "<http://x/s> <http://x/p> <http://x/o> ." lines of "s p o" words; "a" is rdf:type, and what
/// starts with '_' or '"' stands as it is.
std::string triples(const std::string &words) {
  std::string text, line;
  for (char c : words + "\n") {
    if (c != '\n') {
      line += c;
      continue;
    }
    size_t first = line.find(' '), second = line.find(' ', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      line.clear();
      continue;
    }
    auto term = [](const std::string &word) {
      return word[0] == '_' || word[0] == '"' ? word : "<http://x/" + word + ">";
    };
    std::string predicate = line.substr(first + 1, second - first - 1);
    text += term(line.substr(0, first)) + " " + (predicate == "a" ? kType : term(predicate)) + " " +
            term(line.substr(second + 1)) + " .\n";
    line.clear();
  }
  return text;
}

class NTriplesImport : public ImportFixture {
protected:
  absl::Status run() {
    builder = RecordingBuilder();
    return importNTriples(options, builder);
  }
  void expectImport(const std::string &text) {
    options.files = {dir.write("g.nt", text)};
    absl::Status status = run();
    ASSERT_TRUE(status.ok()) << messageOf(status);
  }
  std::string shortId(const std::string &type, int64_t row) const {
    std::string id = builder.type(type).strings.at(size_t(row));
    return id.rfind("http://x/", 0) == 0 ? id.substr(9) : id;
  }
  /// "s>o" of a relation "source:name:destination".
  Edges edges(const std::string &triple) const {
    std::string source = triple.substr(0, triple.find(':')),
                destination = triple.substr(triple.rfind(':') + 1);
    Edges all;
    const RecordedRelation &relation = builder.relation(triple);
    EXPECT_FALSE(relation.triple.empty()) << triple;
    for (auto [s, d] : relation.edges)
      all.insert(shortId(source, s) + ">" + shortId(destination, d));
    return all;
  }
  Ids relationNames() const {
    Ids names;
    for (const auto &relation : builder.relations)
      names.push_back(relation.triple);
    std::sort(names.begin(), names.end());
    return names;
  }
  Ids part(int index, const std::string &type = "node") const {
    Ids ids;
    for (int64_t row : builder.labels.at(0).splits.at(0).parts[index])
      ids.push_back(shortId(type, row));
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  NTriplesOptions options;
};

TEST_F(NTriplesImport, OneTypeHoldsEverything) {
  expectImport("\xEF\xBB\xBF# remark\r\n\r\n" +
               triples("ann knows bob\n"
                       "bob knows ann\n"
                       "ann likes bob\n" // a parallel relation
                       "ann knows ann\n" // a self loop
                       "ann name \"Ann\"\n"
                       "bob name \"Ann\"\n" // the same node
                       "bob name \"Ann\"@en\n"
                       "_:b1 knows ann\n"
                       "ann a Person") +
               "<http://x/é> <http://x/knows> <http://x/\\u00e9> .\r\n");
  EXPECT_EQ(relationNames(),
            (Ids{"node:knows:node", "node:likes:node", "node:name:node", "node:type:node"}));
  EXPECT_EQ(builder.type("node").strings,
            (Ids{"http://x/ann", "http://x/bob", "\"Ann\"", "\"Ann\"@en", "_:b1", "http://x/Person",
                 "http://x/é"}));
  EXPECT_EQ(edges("node:knows:node"), (Edges{"ann>bob", "bob>ann", "ann>ann", "_:b1>ann", "é>é"}));
  EXPECT_EQ(edges("node:likes:node"), (Edges{"ann>bob"}));
  EXPECT_EQ(edges("node:name:node"), (Edges{"ann>\"Ann\"", "bob>\"Ann\"", "bob>\"Ann\"@en"}));
  EXPECT_EQ(edges("node:type:node"), (Edges{"ann>Person"}));
  EXPECT_EQ(builder.relation("node:knows:node").reverse, "rev_knows");
  // RDF is a set: the builder drops what stands twice, and counts it.
  EXPECT_TRUE(builder.relation("node:knows:node").dropDuplicates);
  EXPECT_EQ(builder.counts["triples read"], 10);
  EXPECT_TRUE(builder.labels.empty());
}

TEST_F(NTriplesImport, LiteralsAndRelationsLeftOut) {
  std::string text = triples("ann knows bob\nann employs cid\nann age \"5\"\ndan age \"6\"");
  options.literals = false;
  options.reverse = false;
  expectImport(text);
  // A subject is a node even where it has no edge.
  EXPECT_EQ(builder.type("node").strings,
            (Ids{"http://x/ann", "http://x/bob", "http://x/cid", "http://x/dan"}));
  EXPECT_EQ(relationNames(), (Ids{"node:employs:node", "node:knows:node"}));
  EXPECT_EQ(builder.counts["triples without an edge: literal object (--literals=drop)"], 2);
  EXPECT_EQ(builder.relation("node:knows:node").reverse, "");
  options.dropRelations = {"http://x/employs", "http://x/age"};
  expectImport(text);
  EXPECT_EQ(builder.type("node").strings, (Ids{"http://x/ann", "http://x/bob", "http://x/dan"}));
  EXPECT_EQ(relationNames(), (Ids{"node:knows:node"}));
  EXPECT_EQ(builder.counts["triples without an edge: --drop-relation"], 3);
}

TEST_F(NTriplesImport, TypesByRdf) {
  options.typesByRdf = true;
  expectImport(triples("ann a Person\nbob a Person\nbob a Thing\nann a Thing\ncid a Thing\n"
                       "cid a Thing\n" // stands twice
                       "ann knows bob\nann knows cid\nann owns _:car\n_:car a _:unnamed\n"
                       "ann name \"Ann\"\nbob knows ann"));
  // Of Person (2 nodes) and Thing (3) the rarer one names the type.
  EXPECT_EQ(builder.type("Person").strings, (Ids{"http://x/ann", "http://x/bob"}));
  EXPECT_EQ(builder.type("Thing").strings, (Ids{"http://x/cid"}));
  EXPECT_EQ(builder.type("literal").strings, (Ids{"\"Ann\""}));
  EXPECT_EQ(builder.type("untyped").strings,
            (Ids{"http://x/Person", "http://x/Thing", "_:car", "_:unnamed"}));
  EXPECT_EQ(edges("Person:knows:Person"), (Edges{"ann>bob", "bob>ann"}));
  EXPECT_EQ(edges("Person:knows:Thing"), (Edges{"ann>cid"}));
  EXPECT_EQ(edges("Person:owns:untyped"), (Edges{"ann>_:car"}));
  EXPECT_EQ(edges("Thing:type:untyped"), (Edges{"cid>Thing", "cid>Thing"}));
  EXPECT_EQ(builder.counts["nodes with several rdf:types, typed by the rarest"], 2);
  EXPECT_EQ(builder.counts["nodes without rdf:type, of type 'untyped'"], 4);
  EXPECT_EQ(builder.counts["rdf:types that are blank nodes or literals, not used as types"], 1);
  // Without the edges of rdf:type its types stay, and the classes are no nodes.
  options.dropRelations = {"http://www.w3.org/1999/02/22-rdf-syntax-ns#type"};
  expectImport(triples("ann a Person\nann knows bob"));
  EXPECT_EQ(relationNames(), (Ids{"Person:knows:untyped"}));
  EXPECT_EQ(builder.type("untyped").strings, (Ids{"http://x/bob"}));
}

TEST_F(NTriplesImport, ClassesAndPredicatesOfOneLocalName) {
  options.typesByRdf = true;
  expectImport("<http://x/a> " + std::string(kType) + " <http://one/literal> .\n" +
               "<http://x/b> " + kType + " <http://two/C> .\n<http://x/c> " + kType +
               " <http://three/C> .\n" + "<http://x/a> <http://x/type> <http://x/b> .\n" +
               "<http://x/a> <http://x/rev_type> <http://x/c> .\n");
  Ids types;
  for (const auto &type : builder.types)
    types.push_back(type.name);
  std::sort(types.begin(), types.end());
  EXPECT_EQ(types, (Ids{"one.literal", "three.C", "two.C", "untyped"}));
  EXPECT_EQ(relationNames(), (Ids{"one.literal:rdf.type:untyped", "one.literal:x.rev_type:three.C",
                                  "one.literal:x.type:two.C", "three.C:rdf.type:untyped",
                                  "two.C:rdf.type:untyped"}));
}

TEST_F(NTriplesImport, GzipAndFoldersOfFiles) {
  std::string text = triples("_:b p o\ns p _:b");
  std::string name = dir.file("a.nt.gz");
  gzFile file = gzopen(name.c_str(), "wb");
  ASSERT_EQ(gzwrite(file, text.data(), unsigned(text.size())), int(text.size()));
  gzclose(file);
  dir.write("b.nt", text);
  dir.write("notes.txt", "not a triple");
  dir.write("trainingSet.tsv", "person\tid\tlabel_kind\r\nhttp://x/s\t1\tA\r\n");
  dir.write("testSet.tsv", "person\tid\tlabel_kind\r\n<http://x/o>\t2\tB\r\n");
  options.carve.validRatio = 0;
  ASSERT_TRUE(findNTriples(dir.path(), options).ok());
  EXPECT_EQ(options.files, (Ids{dir.file("a.nt.gz"), dir.file("b.nt")}));
  absl::Status status = run();
  ASSERT_TRUE(status.ok()) << messageOf(status);
  // A blank node belongs to its file.
  EXPECT_EQ(builder.type("node").strings,
            (Ids{"_:a.nt.gz/b", "http://x/o", "http://x/s", "_:b.nt/b"}));
  EXPECT_EQ(edges("node:p:node"),
            (Edges{"_:a.nt.gz/b>o", "s>_:a.nt.gz/b", "_:b.nt/b>o", "s>_:b.nt/b"}));
  EXPECT_EQ(builder.labels.at(0).name, "kind");
  EXPECT_EQ(part(0), (Ids{"s"}));
  EXPECT_EQ(part(2), (Ids{"o"}));
}

TEST_F(NTriplesImport, LabelsAndTheirParts) {
  std::string text;
  for (int i = 0; i < 200; ++i)
    text += "n" + std::to_string(i) + " p q\n";
  text = triples(text);
  auto rows = [](int from, int to) {
    std::string table = "id\tthing\tlabel_x\n";
    for (int i = from; i < to; ++i)
      table += std::to_string(i) + ".0\thttp://x/n" + std::to_string(i) + "\t" +
               (i % 3 ? "10.0" : "9.0") + "\n";
    return table;
  };
  options.labels.train = dir.write("train.tsv", rows(0, 100));
  options.labels.test = dir.write("test.tsv", rows(100, 150));
  options.labels.all = dir.write("all.tsv", rows(0, 180));
  expectImport(text);
  const RecordedLabel &label = builder.labels.at(0);
  EXPECT_EQ(label.name, "x");
  EXPECT_EQ(label.classes, (Ids{"9", "10"})); // numbers by value, 10.0 as 10
  EXPECT_EQ(label.splits.at(0).name, "official");
  Ids train = part(0), valid = part(1);
  EXPECT_EQ(train.size() + valid.size(), 100u);
  EXPECT_GT(valid.size(), 8u);
  EXPECT_LT(valid.size(), 35u);
  EXPECT_EQ(part(2).size(), 50u);
  for (int i = 0; i < 200; ++i) {
    const Ids &ids = builder.type("node").strings;
    auto row = std::find(ids.begin(), ids.end(), "http://x/n" + std::to_string(i)) - ids.begin();
    EXPECT_EQ(label.single.at(size_t(row)), i >= 180 ? -1 : i % 3 ? 1 : 0) << i;
  }
  // The parts are a function of id and seed: not of the order of the rows, nor of other rows.
  std::string turned = "thing\tlabel_x\n";
  for (int i = 99; i >= 50; --i)
    turned += "http://x/n" + std::to_string(i) + "\t" + (i % 3 ? "10.0" : "9.0") + "\n";
  options.labels.train = dir.write("turned.tsv", turned);
  expectImport(text);
  for (const std::string &id : part(1))
    EXPECT_TRUE(std::count(valid.begin(), valid.end(), id)) << id;
  options.labels.train = dir.file("train.tsv");
  options.carve.seed = 1;
  expectImport(text);
  EXPECT_NE(part(1), valid);
  options.carve.validRatio = 0;
  expectImport(text);
  EXPECT_EQ(part(0).size(), 100u);
  EXPECT_TRUE(part(1).empty());
  // Labels alone get a split of their own.
  options.labels.train = options.labels.test = "";
  options.carve.validRatio = 0.5;
  expectImport(text);
  EXPECT_EQ(builder.labels.at(0).splits.at(0).name, "random");
  EXPECT_EQ(part(0).size() + part(1).size() + part(2).size(), 180u);
  EXPECT_GT(part(2).size(), 18u);
  EXPECT_GT(part(1).size(), 36u);
}

TEST_F(NTriplesImport, LabelledNodesOfSeveralTypes) {
  std::string text = triples("ann a Boss\nbob a Clerk\ncid a Clerk\nann knows bob\ndan knows ann");
  options.typesByRdf = true;
  options.carve.validRatio = 0;
  options.labels.train =
      dir.write("t.csv", "who,label\nhttp://x/ann,http://g/one\nhttp://x/bob,http://g/two\n");
  expectImport(text);
  ASSERT_EQ(builder.labels.size(), 2u);
  for (const RecordedLabel &label : builder.labels)
    EXPECT_EQ(label.classes, (Ids{"one", "two"})); // IRIs are shortened
  EXPECT_EQ(
      builder.counts["node types that share the label (--label-type NAME makes them one type)"], 2);
  options.labelType = "Clerk";
  expectImport(text);
  ASSERT_EQ(builder.labels.size(), 1u);
  EXPECT_EQ(builder.type("Clerk").strings, (Ids{"http://x/ann", "http://x/bob"}));
  EXPECT_EQ(builder.type("x.Clerk").strings, (Ids{"http://x/cid"}));
  EXPECT_EQ(edges("Clerk:knows:Clerk"), (Edges{"ann>bob"}));
  options.typesByRdf = false;
  expectImport(text);
  EXPECT_EQ(builder.type("Clerk").numNodes, 2);
  EXPECT_EQ(edges("node:knows:Clerk"), (Edges{"dan>ann"}));
}

TEST_F(NTriplesImport, SkippingCountsWhatItLeavesOut) {
  options.skipErrors = true;
  options.carve.validRatio = 0;
  options.labels.train =
      dir.write("t.tsv", "node\tlabel\nhttp://x/nobody\tA\nhttp://x/a\tA\nhttp://x/b\tB\n");
  expectImport(triples("a p b") + "not a triple\n<http://x/a> <http://x/p> .\n");
  EXPECT_EQ(edges("node:p:node"), (Edges{"a>b"}));
  EXPECT_EQ(builder.counts["lines skipped: no N-Triples"], 2);
  EXPECT_EQ(builder.counts["label rows skipped: no such node"], 1);
  EXPECT_EQ(part(0), (Ids{"a", "b"}));
}

TEST_F(NTriplesImport, MalformedSourcesGetOneLine) {
  std::string good = triples("a p b\nb p c");
  struct Case {
    std::string text, train, test, expected;
  } cases[] = {
      {good + "<http://x/a> <http://x/p> .\n", "", "",
       "g.nt:3: no N-Triples near column 27: expected"},
      {"@prefix x: <http://x/> .\n", "", "", "g.nt:1: no N-Triples near column 1: the line starts"},
      {good + "\xff\xfe\n", "", "", "g.nt:3: no N-Triples"},
      {"\xff\xfe<", "", "", "g.nt:1: the file is UTF-16; convert it to UTF-8"},
      {"", "", "", "g.nt: no triple at all; check that the file is N-Triples"},
      {"# nothing\n", "", "", "g.nt: no triple at all"},
      {good, "n\tlabel\nhttp://x/z\tA\n", "",
       "train.tsv:2:1: 'http://x/z' is no node of the graph; remove the row, or pass "
       "--on-error=skip"},
      {good, "n\tlabel\nhttp://x/a\tA\nhttp://x/a\tB\n", "",
       "train.tsv:3:12: 'http://x/a' has another class at "},
      {good, "n\tlabel\nhttp://x/a\tA\n", "n\tlabel\nhttp://x/a\tA\n",
       "test.tsv:2:1: 'http://x/a' is in the other part too, at "},
      {good, "n\tlabel\nhttp://x/a\t\n", "", "train.tsv:2:12: no class; fill the field in"},
      {good, "n\tm\tlabel\n", "",
       "train.tsv:1: which column holds the nodes is not clear; name it"},
      {good, "n\tclass\n", "", "train.tsv:1: no column starts with 'label'; name the column"},
      {good, "n\tlabel_a\tlabel_b\n", "", "train.tsv:1: more than one column starts with 'label'"},
      {good, "id\tlabel\n", "", "train.tsv:1: no column besides 'id' and the label"},
      {good, "n\tlabel\n", "",
       "train.tsv: no row names a node of the graph; check --entity-column"},
      {good, "n\tlabel\nhttp://x/a\n", "", "train.tsv:2:1: the record has 1 fields"},
  };
  for (const Case &c : cases) {
    SCOPED_TRACE(c.expected);
    options.files = {dir.write("g.nt", c.text)};
    options.labels.train = c.train.empty() ? "" : dir.write("train.tsv", c.train);
    options.labels.test = c.test.empty() ? "" : dir.write("test.tsv", c.test);
    expectMessage(run(), c.expected);
  }
  options.labels = {};
  options.files = {dir.write("g.nt", good)};
  options.dropRelations = {"http://x/q"};
  expectMessage(run(), "g.nt: --drop-relation: no triple has the predicate 'http://x/q'; did you "
                       "mean 'http://x/p'?");
  options.dropRelations = {"p"};
  expectMessage(run(), "'p'; did you mean 'http://x/p'?");
  options.dropRelations = {};
  options.labels.train = dir.write("train.tsv", "n\tlabel\nhttp://x/a\tA\n");
  options.labels.entityColumn = "m";
  expectMessage(run(), "train.tsv:1: no column is named 'm'; known: n, label");
  options.labels.entityColumn = "";
  options.labelType = "node";
  expectMessage(run(), "--label-type: 'node' is what other nodes are called; choose another name");
  options.files = {dir.file("absent.nt")};
  expectMessage(run(), "absent.nt: cannot open: No such file or directory");
  std::filesystem::create_directory(dir.file("empty"));
  expectMessage(findNTriples(dir.file("empty"), options),
                "empty: no *.nt and no *.nt.gz in the folder; name a file or another folder");
  // A gzip file that ends early.
  gzFile file = gzopen(dir.file("cut.nt.gz").c_str(), "wb");
  std::string more;
  for (int i = 0; i < 1000; ++i)
    more += triples("s" + std::to_string(i * 7919 % 1000) + " p o" + std::to_string(i));
  gzwrite(file, more.data(), unsigned(more.size()));
  gzclose(file);
  std::filesystem::resize_file(dir.file("cut.nt.gz"),
                               std::filesystem::file_size(dir.file("cut.nt.gz")) / 2);
  options = {};
  options.files = {dir.file("cut.nt.gz")};
  expectMessage(run(), "cut.nt.gz: gzip data is truncated or damaged");
}

TEST_F(NTriplesImport, FormatsAreRecognised) {
  auto formatOf = [&](const std::string &path) {
    auto format = sourceFormat(path);
    return format.ok() ? *format : messageOf(format.status());
  };
  std::string triple = triples("a p b");
  EXPECT_EQ(formatOf(dir.write("a.nt", "")), "ntriples");
  EXPECT_EQ(formatOf(dir.write("a.nt.gz", "")), "ntriples");
  EXPECT_EQ(formatOf(dir.write("plain", "# dump of 2024\n\n" + triple)), "ntriples");
  EXPECT_EQ(formatOf(dir.write("blank", "_:a <p> <q> .")), "ntriples");
  EXPECT_EQ(formatOf(dir.write("a.zip", "")), "hgb");
  EXPECT_EQ(formatOf(dir.write("archive", "PK\x03\x04")), "hgb");
  EXPECT_EQ(formatOf(dir.write("d.json", "{}")), "table");
  EXPECT_EQ(formatOf(dir.write("descriptor", "{}")), "table");
  EXPECT_EQ(formatOf(dir.write("empty", "")), "table");
  EXPECT_EQ(formatOf(dir.path()), "ntriples");
  for (auto [file, format] : {std::pair("data.noun", "wordnet"), std::pair("node.dat", "hgb"),
                              std::pair("x.nt", "ntriples")}) {
    std::string folder = dir.file(format + std::string("-folder"));
    std::filesystem::create_directory(folder);
    std::ofstream(folder + "/" + file) << "x";
    EXPECT_EQ(formatOf(folder), format);
  }
  std::filesystem::create_directory(dir.file("nothing"));
  EXPECT_NE(formatOf(dir.file("nothing")).find("holds no data.noun (WordNet)"), std::string::npos);
  EXPECT_NE(formatOf(dir.file("absent")).find("absent: cannot open: No such file"), std::string::npos);
}

} // namespace
