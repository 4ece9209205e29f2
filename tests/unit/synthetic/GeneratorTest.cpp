//===- GeneratorTest.cpp - whole synthetic graphs --------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/synthetic/Generator.h"

#include "runtime/graph/GraphStore.h"
#include "runtime/synthetic/NodeRows.h"
#include "tests/unit/import/RecordingBuilder.h"
#include "tests/unit/support/TestSupport.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

namespace heddle::synthetic {
namespace {

using testing_import::RecordingBuilder;

GeneratorOptions optionsOf(double scale, uint64_t seed = 0, int threads = 2) {
  GeneratorOptions options;
  options.scale = scale;
  options.seed = seed;
  options.threads = threads;
  return options;
}

RecordingBuilder drawn(const GraphSpec &spec, const GeneratorOptions &options) {
  RecordingBuilder builder;
  absl::Status status = generateGraph(spec, options, builder);
  EXPECT_TRUE(status.ok()) << messageOf(status);
  return builder;
}

GraphSpec setOf(const std::string &name) { return *test::valueOf(findGraphSpec(name)); }

int64_t rounded(int64_t full, double scale) {
  return full == 0 ? 0 : std::max<int64_t>(1, std::llround(double(full) * scale));
}

TEST(Generator, KnownSetsAreWellFormed) {
  for (const GraphSpec &spec : graphSpecs())
    EXPECT_TRUE(checkGraphSpec(spec).ok()) << messageOf(checkGraphSpec(spec));
  auto sums = [](const GraphSpec &spec) {
    int64_t nodes = 0, edges = 0;
    for (const auto &type : spec.types)
      nodes += type.nodes;
    for (const auto &relation : spec.relations)
      edges += relation.edges;
    return std::pair(nodes, edges);
  };
  // The published sums of the sets.
  EXPECT_EQ(sums(setOf("ogbn-mag")), std::pair(int64_t(1'939'743), int64_t(21'111'007)));
  EXPECT_EQ(sums(setOf("mag240m")), std::pair(int64_t(244'160'499), int64_t(1'728'364'232)));
  EXPECT_EQ(sums(setOf("igb-het")), std::pair(int64_t(547'306'935), int64_t(5'812'005'639)));
  EXPECT_EQ(sums(setOf("freebase")), std::pair(int64_t(12'164'758), int64_t(62'982'566)));
  EXPECT_EQ(setOf("freebase").relations.size(), 36u);
  EXPECT_EQ(setOf("donor").types.size(), 7u);
}

TEST(Generator, EveryScaleGivesAValidGraphWithExactCounts) {
  for (const GraphSpec &spec : graphSpecs())
    for (double scale : {1e-9, 1e-6, 1e-5, 1e-4, 1e-3, 0.01}) {
      GeneratorOptions options = optionsOf(scale);
      // The large sets at their larger scales are the same code with more work.
      if (double(spec.types.back().nodes) * scale > 2e4)
        continue;
      options.features = test::valueOf(FeatureChoice::parse("3"));
      std::string place = spec.name + " at " + std::to_string(scale);
      RecordingBuilder graph = drawn(spec, options);
      ASSERT_EQ(graph.types.size(), spec.types.size());
      for (size_t t = 0; t < spec.types.size(); ++t)
        EXPECT_EQ(graph.types[t].numNodes, rounded(spec.types[t].nodes, scale)) << place;
      ASSERT_EQ(graph.relations.size(), spec.relations.size());
      for (size_t r = 0; r < spec.relations.size(); ++r) {
        const RelationSpec &relation = spec.relations[r];
        int64_t sources = graph.type(relation.source).numNodes;
        int64_t destinations = graph.type(relation.destination).numNodes;
        bool same = relation.source == relation.destination;
        int64_t wanted = rounded(relation.edges, scale), pairs = sources * (destinations - same);
        const auto &edges = graph.relations[r].edges;
        std::string triple = relation.source + ":" + relation.name + ":" + relation.destination;
        EXPECT_EQ(graph.relations[r].triple, triple);
        EXPECT_EQ(graph.relations[r].reverse, "rev_" + relation.name);
        EXPECT_EQ(int64_t(edges.size()), std::min(wanted, pairs)) << place << " " << triple;
        auto left = graph.counts.find(triple + ": edges left out, more than pairs of nodes");
        EXPECT_EQ(left == graph.counts.end() ? 0 : left->second,
                  std::max<int64_t>(0, wanted - pairs));
        EXPECT_EQ(std::set(edges.begin(), edges.end()).size(), edges.size()) << place << triple;
        for (auto [source, destination] : edges) {
          ASSERT_TRUE(source >= 0 && source < sources && destination >= 0 &&
                      destination < destinations);
          ASSERT_FALSE(same && source == destination) << place << triple;
        }
      }
      int64_t nodes = graph.type(spec.target).numNodes, full = spec.findType(spec.target)->nodes;
      ASSERT_EQ(graph.labels.size(), spec.labels.size());
      for (size_t l = 0; l < spec.labels.size(); ++l) {
        const auto &label = graph.labels[l];
        EXPECT_EQ(int64_t(label.classes.size()), spec.labels[l].classes);
        ASSERT_EQ(label.splits.size(), 1u);
        const auto &parts = label.splits[0].parts;
        const int64_t published[3] = {spec.train, spec.valid, spec.test};
        int64_t inParts = 0;
        for (int p = 0; p < 3; ++p) {
          EXPECT_NEAR(double(parts[p].size()), double(published[p]) * double(nodes) / double(full),
                      2)
              << place;
          EXPECT_TRUE(nodes < 3 || !parts[p].empty()) << place;
          inParts += int64_t(parts[p].size());
          for (int64_t row : parts[p])
            EXPECT_GE(label.single[size_t(row)], 0);
        }
        EXPECT_EQ(nodes - inParts, std::count(label.single.begin(), label.single.end(), -1));
        if (published[0] + published[1] + published[2] == full)
          EXPECT_EQ(inParts, nodes) << place;
      }
    }
}

TEST(Generator, NothingButTheSeedDecides) {
  GraphSpec spec = setOf("ogbn-mag");
  auto same = [](const RecordingBuilder &a, const RecordingBuilder &b) {
    for (size_t r = 0; r < a.relations.size(); ++r)
      if (a.relations[r].edges != b.relations[r].edges)
        return false;
    for (size_t f = 0; f < a.features.size(); ++f)
      if (a.features[f].rows != b.features[f].rows)
        return false;
    return a.labels[0].single == b.labels[0].single && a.counts == b.counts &&
           a.labels[0].splits[0].parts[1] == b.labels[0].splits[0].parts[1];
  };
  RecordingBuilder first = drawn(spec, optionsOf(0.003, 7, 1));
  for (int threads : {2, 5})
    for (int64_t block : {int64_t(1), int64_t(999), int64_t(1) << 30}) {
      GeneratorOptions options = optionsOf(0.003, 7, threads);
      options.blockEdges = block;
      EXPECT_TRUE(same(first, drawn(spec, options))) << threads << " threads, blocks of " << block;
    }
  // Another seed gives another graph, in each of its pieces.
  RecordingBuilder other = drawn(spec, optionsOf(0.003, 8, 1));
  for (size_t r = 0; r < first.relations.size(); ++r) {
    auto a = first.relations[r].edges, b = other.relations[r].edges;
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    EXPECT_NE(a, b) << first.relations[r].triple;
  }
  EXPECT_NE(first.features[0].rows, other.features[0].rows);
  EXPECT_NE(first.labels[0].single, other.labels[0].single);
  EXPECT_NE(first.labels[0].splits[0].parts[0], other.labels[0].splits[0].parts[0]);
}

/// Writes the directory; returns the fingerprint of its arrays.
std::string fingerprintOf(const GraphSpec &spec, const GeneratorOptions &options,
                          int64_t memoryBytes) {
  test::TemporaryDirectory folder;
  graph::GraphBuilderOptions building;
  building.output = folder / "g";
  building.memoryBytes = memoryBytes;
  building.sync = false;
  auto builder = test::valueOf(graph::GraphBuilder::create(building));
  EXPECT_TRUE(generateGraph(spec, options, *builder).ok());
  EXPECT_TRUE(builder->finish().ok());
  auto store = test::valueOf(graph::GraphStore::open(folder / "g", true));
  return store->schema().dataFingerprint;
}

// Fixed for ever, on every machine: benchmarks name a graph by set, scale and seed.
TEST(Generator, GoldenFingerprints) {
  EXPECT_EQ(fingerprintOf(setOf("ogbn-mag"), optionsOf(0.001), 1 << 30), "7389c684b2074ba9");
  EXPECT_EQ(fingerprintOf(setOf("mag240m"), optionsOf(1e-6, 3), 1 << 30), "a6b46830304287df");
}

TEST(Generator, TheBoundOnMemoryChangesNoByte) {
  GraphSpec spec = setOf("freebase");
  std::string wide = fingerprintOf(spec, optionsOf(0.0005, 1, 2), 1 << 30);
  GeneratorOptions narrow = optionsOf(0.0005, 1, 3);
  narrow.blockEdges = 100;
  EXPECT_EQ(fingerprintOf(spec, narrow, 16 << 10), wide);
}

TEST(Generator, FeaturesAreWhatIsChosen) {
  GraphSpec mag = setOf("mag240m");
  RecordingBuilder given = drawn(mag, optionsOf(1e-6));
  ASSERT_EQ(given.features.size(), 1u);
  EXPECT_EQ(given.features[0].dtype, "float16");
  EXPECT_EQ(given.features[0].dim, 768);
  EXPECT_EQ(given.features[0].type, 2);
  double sum = 0, square = 0, count = 0;
  for (const auto &row : given.features[0].rows)
    for (double value : row) {
      ASSERT_TRUE(std::isfinite(value));
      sum += value;
      square += value * value;
      ++count;
    }
  EXPECT_EQ(count, 122 * 768);
  EXPECT_NEAR(sum / count, 0, 0.02);
  EXPECT_NEAR(square / count, 1, 0.05);
  auto chosen = [](const GraphSpec &spec, const char *text) {
    GeneratorOptions options = optionsOf(1e-6);
    options.features = test::valueOf(FeatureChoice::parse(text));
    std::string widths;
    for (const auto &feature : drawn(spec, options).features)
      widths += std::to_string(feature.type) + ":" + std::to_string(feature.dim) + " ";
    return widths;
  };
  EXPECT_EQ(chosen(mag, "none"), "");
  EXPECT_EQ(chosen(mag, "5"), "2:5 ");
  EXPECT_EQ(chosen(setOf("freebase"), "given"), "");
  EXPECT_EQ(chosen(setOf("freebase"), "1"), "0:1 1:1 2:1 3:1 4:1 5:1 6:1 7:1 ");
  EXPECT_EQ(chosen(setOf("donor"), "given"), "0:16 1:8 2:384 3:64 4:32 5:32 6:16 ");
  for (const char *text : {"", "0", "-3", "all", "12x", "1048577", "99999999999999999999"})
    EXPECT_FAILS(FeatureChoice::parse(text), "--features: '", "given, none nor a width");
}

// The mean of each class over the training part tells the test part: features carry signal, and not
// all of it.
TEST(Generator, FeaturesTellPartOfTheLabel) {
  GraphSpec spec = setOf("ogbn-mag");
  spec.communities = 20;
  spec.labels[0].classes = 20;
  RecordingBuilder graph = drawn(spec, optionsOf(0.02));
  const auto &rows = graph.features[0].rows;
  const auto &label = graph.labels[0];
  std::vector<std::vector<double>> mean(20, std::vector<double>(128));
  std::vector<double> size(20);
  for (int64_t row : label.splits[0].parts[0]) {
    auto c = size_t(label.single[size_t(row)]);
    ++size[c];
    for (size_t i = 0; i < 128; ++i)
      mean[c][i] += rows[size_t(row)][i];
  }
  double right = 0, all = 0;
  for (int p : {1, 2})
    for (int64_t row : label.splits[0].parts[p]) {
      double best = 1e300;
      size_t found = 0;
      for (size_t c = 0; c < 20; ++c) {
        double distance = 0;
        for (size_t i = 0; i < 128; ++i)
          distance += std::pow(rows[size_t(row)][i] - mean[c][i] / size[c], 2);
        if (distance < best) {
          best = distance;
          found = c;
        }
      }
      right += found == size_t(label.single[size_t(row)]);
      ++all;
    }
  EXPECT_GT(right / all, 0.2); // the largest class has a ninth
  EXPECT_LT(right / all, 0.7);
}

GraphSpec smallSpec() {
  GraphSpec spec;
  spec.name = "small";
  spec.types = {{"日本", 40}, {"b", 30, 2}, {"absent from all", 5}};
  spec.relations = {{"日本", "é", "b", 90, {1, 2, 9}, {1, 2, 9}, 0.5},
                    {"日本", "parallel", "b", 90, {1, 2, 9}, {1, 2, 9}, 0.5},
                    {"b", "none", "日本", 0, {1, 2, 9}, {1, 2, 9}, 0.5},
                    {"b", "all", "b", 30 * 29, {1, 2, 9}, {0.1, 2, 9}, 1}};
  spec.target = "日本";
  spec.labels = {{"l", 3}, {"pairs", 2}};
  spec.train = 20;
  spec.valid = 0;
  spec.test = 5;
  spec.communities = 3;
  return spec;
}

TEST(Generator, EmptyParallelAndCompleteRelationsOfAnyName) {
  RecordingBuilder graph = drawn(smallSpec(), optionsOf(1));
  EXPECT_EQ(graph.relation("日本:é:b").edges.size(), 90u);
  EXPECT_EQ(graph.relation("日本:parallel:b").edges.size(), 90u);
  EXPECT_NE(graph.relation("日本:é:b").edges, graph.relation("日本:parallel:b").edges);
  EXPECT_EQ(graph.relation("b:none:日本").edges.size(), 0u);
  EXPECT_EQ(graph.relation("b:all:b").edges.size(), 870u);
  EXPECT_EQ(graph.type("absent from all").numNodes, 5);
  EXPECT_EQ(graph.labels[0].splits[0].parts[0].size(), 20u);
  EXPECT_TRUE(graph.labels[0].splits[0].parts[1].empty());
  EXPECT_EQ(graph.labels[0].splits[0].parts[2].size(), 5u);
  for (size_t i = 0; i < 40; ++i) // neighbouring communities form a class
    EXPECT_EQ(graph.labels[1].single[i],
              graph.labels[0].single[i] < 0 ? -1 : graph.labels[0].single[i] * 2 / 3);
  GeneratorOptions options = optionsOf(1);
  options.reverse = false;
  EXPECT_EQ(drawn(smallSpec(), options).relations[0].reverse, "");
  EXPECT_NE(fingerprintOf(smallSpec(), options, 1 << 20), "");
}

// Rows this wide are handed on one at a time, narrow ones together: the same rows for all that.
TEST(Generator, BlocksOfRowsGoOnWhereTheLastOneEnded) {
  GraphSpec spec = smallSpec();
  spec.types[1].nodes = 5;
  spec.relations.clear();
  spec.signal = 0; // what is left is noise, which does not depend on the width
  auto rowsOf = [&](int64_t width) {
    spec.types[1].width = width;
    return drawn(spec, optionsOf(1)).features[0].rows;
  };
  auto narrow = rowsOf(8), wide = rowsOf(1 << 20);
  ASSERT_EQ(wide.size(), 5u);
  for (size_t row = 0; row < 5; ++row) {
    EXPECT_EQ(narrow[row], std::vector<double>(wide[row].begin(), wide[row].begin() + 8)) << row;
    EXPECT_TRUE(row == 0 || narrow[row] != narrow[0]);
  }
}

TEST(Generator, WhatIsWrongIsNamed) {
  auto fails = [](auto change, const char *what) {
    GraphSpec spec = smallSpec();
    change(spec);
    RecordingBuilder builder;
    EXPECT_FAILS(generateGraph(spec, optionsOf(1), builder), "generator 'small': ", what);
    EXPECT_TRUE(builder.types.empty());
  };
  fails([](GraphSpec &s) { s.relations[1].destination = "c"; }, "there is no node type 'c'");
  fails([](GraphSpec &s) { s.types[1].name = "日本"; }, "is there twice");
  fails([](GraphSpec &s) { s.types[0].nodes = 0; }, "expected 1 to 2^47");
  fails([](GraphSpec &s) { s.types[1].dtype = "int8"; }, "expected dtype");
  fails([](GraphSpec &s) { s.types[1].width = -1; }, "expected a width");
  fails([](GraphSpec &s) { s.relations[0].agreement = 1.5; }, "expected an agreement");
  fails([](GraphSpec &s) { s.relations[0].in.exponent = 1; }, "expected a share");
  fails([](GraphSpec &s) { s.relations[0].edges = -1; }, "expected 0 to 2^47");
  fails([](GraphSpec &s) { s.test = 21; }, "the parts have more nodes than '日本'");
  fails([](GraphSpec &s) { s.target = "x"; }, "'x' to label");
  fails([](GraphSpec &s) { s.labels[0].classes = 4; }, "as many classes as communities");
  fails([](GraphSpec &s) { s.head = 0; }, "a head above 0");
  RecordingBuilder builder;
  for (double scale : {0.0, -1.0, 1.1, std::nan("")})
    EXPECT_FAILS(generateGraph(smallSpec(), optionsOf(scale), builder), "--scale");
  EXPECT_FAILS(findGraphSpec("ogbn-mga"), "unknown set 'ogbn-mga'", "did you mean 'ogbn-mag'?");
  EXPECT_FAILS(findGraphSpec("igbh"), "did you mean 'igb-het'?");
  EXPECT_FAILS(findGraphSpec("cora"), "known: donor, freebase, igb-het, mag240m, ogbn-mag");
}

TEST(Generator, PartsKeepTheirProportions) {
  EXPECT_EQ(scaledParts({6, 2, 2}, 10, 5), (std::array<int64_t, 3>{3, 1, 1}));
  EXPECT_EQ(scaledParts({629'571, 64'879, 41'939}, 736'389, 7364),
            (std::array<int64_t, 3>{6296, 649, 419}));
  EXPECT_EQ(scaledParts({98, 1, 1}, 100, 3), (std::array<int64_t, 3>{1, 1, 1}));
  EXPECT_EQ(scaledParts({98, 1, 1}, 100, 2), (std::array<int64_t, 3>{1, 1, 0}));
  EXPECT_EQ(scaledParts({98, 1, 1}, 100, 1), (std::array<int64_t, 3>{1, 0, 0}));
  EXPECT_EQ(scaledParts({1, 1, 1}, 1000, 10), (std::array<int64_t, 3>{1, 1, 1}));
  EXPECT_EQ(scaledParts({0, 0, 3}, 1000, 10), (std::array<int64_t, 3>{0, 0, 1}));
  int64_t full = 269'346'174; // sums of parts times nodes are beyond 64 bits
  EXPECT_EQ(scaledParts({full, 0, 0}, full, full), (std::array<int64_t, 3>{full, 0, 0}));
}

//===----------------------------------------------------------------------===//
// Degrees of real relations: mean, 99th percentile, largest, Gini, share of the top percent
//===----------------------------------------------------------------------===//

struct Skew {
  double mean, p99, largest, gini, top;
};

Skew skewOf(std::vector<int64_t> degrees) {
  std::sort(degrees.begin(), degrees.end());
  auto n = degrees.size();
  double sum = 0, weighted = 0, top = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += double(degrees[i]);
    weighted += double(i + 1) * double(degrees[i]);
    if (i >= n - std::max<size_t>(1, n / 100))
      top += double(degrees[i]);
  }
  double count = double(n);
  return {sum / count, double(degrees[size_t(std::ceil(0.99 * count)) - 1]), double(degrees.back()),
          2 * weighted / (count * sum) - (count + 1) / count, top / sum};
}

void expectSkew(const std::string &name, const std::vector<int64_t> &degrees, const Skew &wanted) {
  Skew is = skewOf(degrees);
  EXPECT_NEAR(is.mean, wanted.mean, 0.05 * wanted.mean) << name;
  EXPECT_LT(std::abs(std::log(is.p99 / wanted.p99)), std::log(1.75)) << name << ": " << is.p99;
  EXPECT_NEAR(is.gini, wanted.gini, 0.06) << name;
  EXPECT_NEAR(is.top, wanted.top, 0.1) << name;
  EXPECT_GE(is.largest, 0.4 * wanted.largest) << name;
  EXPECT_LE(is.largest, 1.1 * wanted.largest) << name;
}

TEST(Generator, DegreesAreAsSkewedAsMeasuredOnes) {
  struct Row {
    const char *name;
    int64_t sources, destinations, edges;
    DegreeShape out, in;
    Skew outWanted, inWanted; ///< mean 0: not looked at
  };
  const Row rows[] = {{"process",
                       77'614,
                       43'559,
                       139'700,
                       {0.12, 3.5, 185},
                       {0.12, 2.4, 1658},
                       {1.8, 28, 185, .89, .25},
                       {3.2, 53, 1658, .92, .42}},
                      {"depends",
                       64'000,
                       64'000,
                       249'600,
                       {0.7, 3, 332},
                       {0.4, 2.1, 21'784},
                       {3.9, 25, 332, .57, .10},
                       {3.9, 43, 21'784, .90, .58}},
                      {"maintained_by",
                       63'720,
                       3'600,
                       63'720,
                       {1, 8, 1},
                       {0.7, 1.7, 3'969},
                       {0, 0, 0, 0, 0},
                       {17.7, 208, 3'969, .92, .63}},
                      {"has_tag",
                       64'000,
                       616,
                       115'200,
                       {0.35, 4, 62},
                       {0.8, 1.7, 10'274},
                       {1.8, 12, 62, .73, .09},
                       {187, 3'495, 10'274, .83, .34}},
                      {"hypernym",
                       82'115,
                       82'115,
                       73'900,
                       {0.95, 8, 5},
                       {0.1, 2.7, 402},
                       {0, 0, 0, 0, 0},
                       {.9, 15, 402, .92, .37}},
                      {"article",
                       77'614,
                       754'859,
                       1'792'900,
                       {0.2, 2.3, 11'067},
                       {0.6, 4, 2'000},
                       {23.1, 346, 11'067, .89, .35},
                       {0, 0, 0, 0, 0}}};
  for (const Row &row : rows) {
    GraphSpec spec;
    spec.name = row.name;
    spec.types = {{"from", row.sources}, {"to", row.destinations}};
    spec.relations = {{"from", row.name, "to", row.edges, row.out, row.in, 0.3}};
    spec.target = "from";
    spec.communities = 20;
    RecordingBuilder graph = drawn(spec, optionsOf(1, 4));
    std::vector<int64_t> out(size_t(row.sources)), in(size_t(row.destinations));
    for (auto [source, destination] : graph.relations[0].edges) {
      ++out[size_t(source)];
      ++in[size_t(destination)];
    }
    if (row.outWanted.mean > 0)
      expectSkew(std::string(row.name) + " out", out, row.outWanted);
    if (row.inWanted.mean > 0)
      expectSkew(std::string(row.name) + " in", in, row.inWanted);
  }
}

} // namespace
} // namespace heddle::synthetic
