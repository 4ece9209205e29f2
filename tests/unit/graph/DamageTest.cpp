//===- DamageTest.cpp - damaged directories are refused ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/graph/RandomGraph.h"

#include "runtime/base/Checksum.h"
#include "runtime/base/Json.h"
#include "runtime/base/Npy.h"
#include "runtime/graph/GraphCheck.h"
#include "runtime/graph/GraphStore.h"

#include <cstring>

namespace heddle::graph {
namespace {

using namespace heddle::test;
namespace fs = std::filesystem;

/// A graph with every kind of array.
PlainGraph fullGraph() {
  PlainGraph graph;
  PlainType a, b;
  a.name = "a";
  a.nodes = 4;
  a.idsKind = 2;
  a.stringIds = {"p", "q", "r", "s"};
  a.display = {"P", "Q", "R", "S"};
  a.dense["f"] = {2, {1, 2, 3, 4, 5, 6, 7, 8}};
  a.sparse["s"] = {5, false, {{{0, 2.0f}, {3, 1.0f}}, {}, {{1, 3.0f}, {2, 2.0f}}, {}}};
  a.labels["one"] = {{"u", "v"}, {0, 1, -1, 1}, {}, {{"main", {{{3, 0}, {1}, {}}}}}};
  a.labels["many"] = {{"u", "v"}, {}, {0, 1, 255, 255, 1, 1, 0, 0}, {{"main", {{{0}, {2}, {3}}}}}};
  b.name = "b";
  b.nodes = 3;
  b.idsKind = 1;
  b.int64Ids = {7, 8, -9};
  graph.types = {a, b};
  graph.relations = {{"a", "to", "b", "rev_to", false, {{0, 0}, {3, 2}, {3, 2}, {1, 2}, {2, 0}}},
                     {"a", "next", "a", "", false, {{0, 1}, {1, 0}, {2, 2}}}};
  graph.relations[0].dense["w"] = {2, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}};
  return graph;
}

class Damage : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_OK(build(fullGraph(), dir_ / "g", 1 << 20, 0).status());
    ASSERT_OK(checkGraph(dir_ / "g").status());
  }
  std::vector<std::string> arrays() const {
    std::vector<std::string> out;
    for (const auto &[path, entry] : valueOf(readGraphSchema(dir_ / "g")).files)
      out.push_back(path);
    return out;
  }
  std::string at(const std::string &file) const { return dir_ / ("g/" + file); }

  /// Changes bytes of an array and makes graph.json agree, so that only the meaning is wrong.
  void forge(const std::string &file, const std::string &bytes) {
    writeAll(at(file), bytes);
    GraphSchema schema = valueOf(readGraphSchema(dir_ / "g"));
    schema.files[file] = {static_cast<int64_t>(bytes.size()),
                          checksumHex(checksumOf(bytes.data(), bytes.size()))};
    schema.dataFingerprint = computeDataFingerprint(schema);
    writeAll(at("graph.json"), printGraphSchema(schema));
  }
  template <typename T> void forgeElement(const std::string &file, int64_t index, T value) {
    std::string bytes = readAll(at(file));
    auto offset = static_cast<size_t>(valueOf(NpyArray::open(at(file))).header().dataOffset);
    std::memcpy(bytes.data() + offset + static_cast<size_t>(index) * sizeof(T), &value, sizeof(T));
    forge(file, bytes);
  }
  const RelationSchema relation(const char *name) {
    GraphSchema schema = valueOf(readGraphSchema(dir_ / "g"));
    for (const RelationSchema &r : schema.relations)
      if (r.name == name)
        return r;
    std::abort();
  }
  const NodeTypeSchema typeA() { return valueOf(readGraphSchema(dir_ / "g")).nodeTypes[0]; }

  TemporaryDirectory dir_;
};

TEST_F(Damage, AnyFlippedByteIsFound) {
  for (const std::string &file : arrays()) {
    std::string good = readAll(at(file));
    for (size_t i = 0; i < good.size(); i += good.size() / 40 + 1) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 0x10);
      writeAll(at(file), bad);
      (void)GraphStore::open(dir_ / "g"); // may not notice, must not crash
      EXPECT_FAILS(checkGraph(dir_ / "g"), file.c_str());
    }
    writeAll(at(file), good);
  }
  ASSERT_OK(checkGraph(dir_ / "g").status());
}

TEST_F(Damage, TruncationAndGrowthAreFoundAtOpening) {
  for (const std::string &file : arrays()) {
    std::string good = readAll(at(file));
    for (size_t size : {size_t(0), size_t(5), size_t(64), good.size() - 1}) {
      if (size >= good.size())
        continue;
      writeAll(at(file), good.substr(0, size));
      EXPECT_FAILS(GraphStore::open(dir_ / "g"), file.c_str());
    }
    writeAll(at(file), good + "x");
    EXPECT_FAILS(GraphStore::open(dir_ / "g"), file.c_str());
    fs::remove(at(file));
    EXPECT_FAILS(GraphStore::open(dir_ / "g"), file.c_str(), "cannot open");
    writeAll(at(file), good);
  }
}

TEST_F(Damage, WrongDtypeAndShapeAreFoundAtOpening) {
  for (const std::string &file : arrays()) {
    if (file.size() < 4 || file.substr(file.size() - 4) != ".npy")
      continue;
    std::string good = readAll(at(file));
    auto array = valueOf(NpyArray::open(at(file)));
    std::string dtype = array.dtype() == "int64" ? "uint64" : array.dtype() == "uint8" ? "int8"
                        : array.dtype() == "int32"                                    ? "uint32"
                                                                                       : "int32";
    fs::remove(at(file));
    auto writer = valueOf(NpyWriter::create(
        at(file), dtype, {array.shape().begin() + 1, array.shape().end()}));
    ASSERT_OK(writer.append(array.data(), array.shape()[0]));
    ASSERT_OK(writer.close());
    forge(file, readAll(at(file)));
    EXPECT_FAILS(GraphStore::open(dir_ / "g"), file.c_str(), "expected");
    if (array.shape()[0] > 0) {
      fs::remove(at(file));
      auto shorter = valueOf(NpyWriter::create(
          at(file), array.dtype(), {array.shape().begin() + 1, array.shape().end()}));
      ASSERT_OK(shorter.append(array.data(), array.shape()[0] - 1));
      ASSERT_OK(shorter.close());
      forge(file, readAll(at(file)));
      EXPECT_FAILS(GraphStore::open(dir_ / "g"), file.c_str(), "expected");
    }
    forge(file, good);
  }
  ASSERT_OK(checkGraph(dir_ / "g").status());
}

// From here on the checksums agree: what is wrong is the meaning.

TEST_F(Damage, IndptrThatGoesBackOrOut) {
  forgeElement<int64_t>(relation("to").cscIndptr, 1, 9);
  EXPECT_FAILS(checkGraph(dir_ / "g"), relation("to").cscIndptr.c_str(), "smaller");
  forgeElement<int64_t>(relation("to").cscIndptr, 3, 9);
  EXPECT_FAILS(GraphStore::open(dir_ / "g"), "runs from 0 to 9, expected 0 to 5");
}

TEST_F(Damage, IndicesOutOfRange) {
  forgeElement<int32_t>(relation("to").cscIndices, 0, 4);
  EXPECT_FAILS(checkGraph(dir_ / "g"), relation("to").cscIndices.c_str(), "element 0 is 4");
  forgeElement<int32_t>(relation("to").cscIndices, 0, -1);
  EXPECT_FAILS(checkGraph(dir_ / "g"), "element 0 is -1");
}

TEST_F(Damage, OrderOfEdges) {
  // Destination 2 has sources 1, 3, 3 at 2..4.
  forgeElement<int32_t>(relation("to").cscIndices, 4, 0);
  EXPECT_FAILS(checkGraph(dir_ / "g"), relation("to").cscIndices.c_str(),
               "sources of destination 2 do not ascend");
}

TEST_F(Damage, CsrAndCscThatDisagree) {
  forgeElement<int32_t>(relation("next").csrIndices, 0, 0);
  EXPECT_FAILS(checkGraph(dir_ / "g"), relation("next").csrPerm.c_str(), "does not run from 0 to 0");
}

TEST_F(Damage, PermutationThatRepeats) {
  // The two parallel edges 3 -> 2 are edges 3 and 4.
  forgeElement<int32_t>(relation("to").csrPerm, 4, 3);
  EXPECT_FAILS(checkGraph(dir_ / "g"), "edges of source 3 are not in order");
}

TEST_F(Damage, Labels) {
  forgeElement<int32_t>(typeA().labels[1].file, 2, 2);
  EXPECT_FAILS(checkGraph(dir_ / "g"), typeA().labels[1].file.c_str(), "row 2 is no valid label");
}

TEST_F(Damage, MultiLabels) {
  forgeElement<uint8_t>(typeA().labels[0].file, 2, 1); // (1, 255)
  EXPECT_FAILS(checkGraph(dir_ / "g"), typeA().labels[0].file.c_str(), "row 1 is no valid label");
}

TEST_F(Damage, ClassCounts) {
  forgeElement<int32_t>(typeA().labels[1].file, 0, 1);
  EXPECT_FAILS(checkGraph(dir_ / "g"), "train_class_counts");
}

TEST_F(Damage, Splits) {
  std::string valid = typeA().labels[1].splits[0].validFile;
  forgeElement<int64_t>(valid, 0, 2); // has no label
  EXPECT_FAILS(checkGraph(dir_ / "g"), valid.c_str(), "node 2 has no label");
  forgeElement<int64_t>(valid, 0, 3); // is in train
  EXPECT_FAILS(checkGraph(dir_ / "g"), "node 3 is in two parts");
  forgeElement<int64_t>(valid, 0, 4);
  EXPECT_FAILS(checkGraph(dir_ / "g"), valid.c_str(), "element 0 is 4");
}

TEST_F(Damage, SparseRows) {
  const FeatureSchema sparse = typeA().features[1];
  forgeElement<int32_t>(sparse.indicesFile, 1, 0);
  EXPECT_FAILS(checkGraph(dir_ / "g"), sparse.indicesFile.c_str(), "row 0 do not ascend");
}

TEST_F(Damage, StringOffsets) {
  forgeElement<int64_t>(typeA().idsOffsetsFile, 1, 100);
  auto store = valueOf(GraphStore::open(dir_ / "g"));
  EXPECT_EQ(store->originalId(0, 0), ""); // looked up without verification: nothing, no crash
  EXPECT_EQ(store->originalId(0, 1), "");
  EXPECT_FAILS(checkGraph(dir_ / "g"), typeA().idsOffsetsFile.c_str());
}

TEST_F(Damage, StatisticsThatWereEdited) {
  GraphSchema schema = valueOf(readGraphSchema(dir_ / "g"));
  schema.relations[1].in.p50 = 0;
  writeAll(at("graph.json"), printGraphSchema(schema));
  EXPECT_FAILS(checkGraph(dir_ / "g"), "graph.json", "degree statistics (in)");
}

TEST_F(Damage, HandWrittenSchemaHasNoArrays) {
  fs::create_directory(dir_ / "h");
  writeAll(dir_ / "h/graph.json",
           R"({"format": "heddle-graph", "version": "1.0", "node_types": [{"node_type": "a",
               "num_nodes": 1}], "relations": [{"relation": ["a", "r", "a"], "num_edges": 1}]})");
  EXPECT_FAILS(GraphStore::open(dir_ / "h"), "a:r:a", "no array is named");
}

TEST_F(Damage, LookUpsSayWhatIsThere) {
  auto store = valueOf(GraphStore::open(dir_ / "g"));
  EXPECT_FAILS(store->denseFeature(0, "g"), "node type 'a' has no feature 'g'", "f");
  EXPECT_FAILS(store->denseFeature(0, "s"), "is sparse, not dense");
  EXPECT_FAILS(store->denseFeature(1, "f"), "it has none at all");
  EXPECT_FAILS(store->denseFeature(2, "f"), "out of range", "2 node types");
  EXPECT_FAILS(store->sparseFeature(-1, "f"), "out of range");
  EXPECT_FAILS(store->label(0, "onne"), "did you mean 'one'");
  EXPECT_FAILS(store->split(0, "one", "mian"), "did you mean 'main'");
  EXPECT_EQ(store->originalId(9, 0), "");
  EXPECT_EQ(store->originalId(0, -1), "");
  EXPECT_EQ(store->displayName(1, 0), "");
}

} // namespace
} // namespace heddle::graph
