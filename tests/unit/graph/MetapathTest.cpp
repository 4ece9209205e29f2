//===- MetapathTest.cpp - derived relations against a search ---------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/graph/Metapath.h"
#include "runtime/graph/GraphCopy.h"
#include "tests/unit/graph/RandomGraph.h"

#include <set>

namespace heddle::test {
namespace {

using graph::GraphStore;
using graph::Metapath;
using graph::MetapathOptions;
using Pairs = std::set<std::pair<int64_t, int64_t>>; ///< (source, destination)

class MetapathTest : public ::testing::Test {
protected:
  std::unique_ptr<graph::GraphBuilder> builderOf(const std::string &name) {
    return valueOf(graph::GraphBuilder::create({directory / name, true, 1 << 20, {}, false}));
  }
  std::unique_ptr<GraphStore> storeOf(const PlainGraph &graph) {
    std::string path = directory / ("g" + std::to_string(graphs++));
    EXPECT_TRUE(build(graph, path, 1 << 20, 0).ok());
    return valueOf(GraphStore::open(path));
  }
  /// `store` with the relation of `path`, or why not.
  absl::StatusOr<std::unique_ptr<GraphStore>> derive(const GraphStore &store, const Metapath &path,
                                                     const MetapathOptions &options,
                                                     const std::string &name = "derived") {
    auto builder = builderOf(name);
    HEDDLE_RETURN_IF_ERROR(copyGraph(store, *builder, {}));
    HEDDLE_RETURN_IF_ERROR(addMetapath(store, path, options, *builder));
    HEDDLE_RETURN_IF_ERROR(builder->finish().status());
    return GraphStore::open(directory / name, /*verifyChecksums=*/true);
  }
  static Pairs pairsOf(const GraphStore &store, int relation) {
    const graph::RelationView &view = store.relation(relation);
    Pairs pairs;
    for (int64_t node = 0; node < view.numDestinations; ++node)
      for (int64_t p = view.inPtr[node]; p < view.inPtr[node + 1]; ++p)
        pairs.insert({view.inSources[p], node});
    return pairs;
  }
  /// By every instance of the path.
  static Pairs search(const GraphStore &store, const Metapath &path) {
    Pairs pairs = pairsOf(store, path.relations.front());
    for (size_t k = 1; k < path.relations.size(); ++k) {
      Pairs next;
      for (auto [from, by] : pairs)
        for (auto [middle, to] : pairsOf(store, path.relations[k]))
          if (by == middle)
            next.insert({from, to});
      pairs = next;
    }
    return pairs;
  }
  static int derivedId(const GraphStore &store, const GraphStore &of, const Metapath &path) {
    const auto &relations = of.schema().relations;
    return store.schema().relationId(relations[size_t(path.relations.front())].source, path.name,
                                     relations[size_t(path.relations.back())].destination);
  }
  /// All chains of up to three relations.
  static std::vector<Metapath> chains(const graph::GraphSchema &schema) {
    std::vector<Metapath> all;
    auto extend = [&](auto &self, Metapath path) -> void {
      if (!path.relations.empty())
        all.push_back(path);
      if (path.relations.size() == 3)
        return;
      for (int id = 0; id < int(schema.relations.size()); ++id)
        if (path.relations.empty() || schema.relations[size_t(path.relations.back())].destination ==
                                          schema.relations[size_t(id)].source) {
          Metapath longer = path;
          longer.relations.push_back(id);
          self(self, longer);
        }
    };
    extend(extend, {"π: a=b", {}});
    return all;
  }
  static PlainGraph bibliography() {
    PlainGraph graph;
    for (auto [name, nodes] :
         std::vector<std::pair<std::string, int64_t>>{{"author", 4}, {"paper", 5}, {"venue", 2}}) {
      graph.types.emplace_back();
      graph.types.back().name = name;
      graph.types.back().nodes = nodes;
    }
    // Author 3 has written nothing; paper 4 has no author.
    graph.relations.push_back({"author",
                               "writes",
                               "paper",
                               "rev_writes",
                               false,
                               {{0, 0}, {1, 0}, {1, 1}, {2, 2}, {2, 3}, {0, 0}}});
    graph.relations.push_back(
        {"paper", "in", "venue", "rev_in", false, {{0, 0}, {1, 0}, {2, 1}, {3, 1}, {4, 0}}});
    return graph;
  }

  TemporaryDirectory directory;
  int graphs = 0;
};

TEST_F(MetapathTest, ACopyHasTheSameBytes) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    auto store = storeOf(randomGraph(seed));
    auto builder = builderOf("copy");
    builder->count("said before", 3);
    ASSERT_TRUE(copyGraph(*store, *builder, {}).ok());
    ASSERT_TRUE(builder->finish().ok());
    auto copy = valueOf(GraphStore::open(directory / "copy", /*verifyChecksums=*/true));
    EXPECT_EQ(copy->schema().dataFingerprint, store->schema().dataFingerprint);
    EXPECT_EQ(copy->schema().schemaFingerprint, store->schema().schemaFingerprint);
    auto again = builderOf("again");
    ASSERT_TRUE(copyGraph(*copy, *again, {}).ok());
    EXPECT_NE(valueOf(again->finish()).find("said before: 3"), std::string::npos);
  }
}

TEST_F(MetapathTest, AuthorsOfAPaper) {
  auto store = storeOf(bibliography());
  Metapath path = valueOf(
      graph::parseMetapath("APA=author:writes:paper,paper:rev_writes:author", store->schema()));
  EXPECT_EQ(chainOf(path, store->schema()), "author:writes:paper,paper:rev_writes:author");
  auto derived = valueOf(derive(*store, path, {}));
  int id = derived->schema().relationId("author", "APA", "author");
  ASSERT_GE(id, 0);
  // A pair once, whatever joins it; a node with itself.
  EXPECT_EQ(pairsOf(*derived, id), (Pairs{{0, 0}, {1, 0}, {0, 1}, {1, 1}, {2, 2}}));
  EXPECT_EQ(derived->schema().relations[size_t(id)].numEdges, 5);
  // The same both ways: no view of it.
  EXPECT_EQ(derived->schema().relationId("author", "rev_APA", "author"), -1);

  // Nor where the file has the relation and its reverse, each by itself.
  PlainGraph both = bibliography();
  both.relations[0].reverse.clear();
  both.relations.push_back({"paper", "by", "author", "", false, {}});
  for (auto [author, paper] : both.relations[0].edges)
    both.relations.back().edges.push_back({paper, author});
  auto stored = storeOf(both);
  Metapath there =
      valueOf(graph::parseMetapath("APA=author:writes:paper,paper:by:author", stored->schema()));
  derived = valueOf(derive(*stored, there, {}));
  EXPECT_EQ(derived->schema().relationId("author", "rev_APA", "author"), -1);

  Metapath toVenues =
      valueOf(graph::parseMetapath("AV=author:writes:paper,paper:in:venue", store->schema()));
  derived = valueOf(derive(*store, toVenues, {}));
  id = derived->schema().relationId("venue", "rev_AV", "author");
  ASSERT_GE(id, 0);
  EXPECT_EQ(pairsOf(*derived, id), (Pairs{{0, 0}, {0, 1}, {1, 2}}));
  EXPECT_EQ(derived->schema().relations[size_t(id)].reverseOf,
            derived->schema().relationId("author", "AV", "venue"));
  MetapathOptions noReverse;
  noReverse.reverse = false;
  derived = valueOf(derive(*store, toVenues, noReverse));
  EXPECT_EQ(derived->schema().relationId("venue", "rev_AV", "author"), -1);
}

TEST_F(MetapathTest, RandomGraphsGiveWhatASearchFinds) {
  int64_t compared = 0, edges = 0;
  for (uint64_t seed = 0; seed < 25; ++seed) {
    SCOPED_TRACE(seed);
    PlainGraph plain = randomGraph(seed);
    for (PlainRelation &relation : plain.relations)
      if (relation.edges.size() > 60)
        relation.edges.resize(60);
    auto store = storeOf(plain);
    std::vector<Metapath> all = chains(store->schema());
    for (size_t i = seed % 3; i < all.size(); i += std::max<size_t>(1, all.size() / 3)) {
      Pairs wanted = search(*store, all[i]);
      MetapathOptions options;
      auto one = valueOf(derive(*store, all[i], options, "one"));
      int id = derivedId(*one, *store, all[i]);
      ASSERT_GE(id, 0);
      EXPECT_EQ(pairsOf(*one, id), wanted);
      EXPECT_EQ(one->schema().relations[size_t(id)].numEdges, int64_t(wanted.size()));
      options.threads = 3;
      auto three = valueOf(derive(*store, all[i], options, "three"));
      EXPECT_EQ(three->schema().dataFingerprint, one->schema().dataFingerprint);
      // What was there is there.
      for (size_t r = 0; r < store->schema().relations.size(); ++r) {
        const graph::RelationSchema &old = store->schema().relations[r];
        int now = one->schema().relationId(old.source, old.name, old.destination);
        ASSERT_GE(now, 0);
        EXPECT_EQ(one->schema().relations[size_t(now)].numEdges, old.numEdges);
        EXPECT_EQ(pairsOf(*one, now), pairsOf(*store, int(r)));
      }
      ++compared;
      edges += int64_t(wanted.size());
    }
  }
  EXPECT_GT(compared, 30);
  EXPECT_GT(edges, 500);
}

TEST_F(MetapathTest, ASampleIsKeyed) {
  PlainGraph plain;
  plain.types.emplace_back();
  plain.types.back().name = "a";
  plain.types.back().nodes = 50;
  plain.relations.push_back({"a", "r", "a", "back", false, {}});
  for (int64_t i = 0; i < 50; ++i)
    for (int64_t j = 0; j < 4; ++j)
      plain.relations.back().edges.push_back({i, (i * 7 + j * 3) % 50});
  auto store = storeOf(plain);
  Metapath path = valueOf(graph::parseMetapath("M=a:r:a,a:back:a", store->schema()));
  Pairs all = search(*store, path);
  MetapathOptions options;
  options.maxPerDestination = 3;
  auto sampled = [&](int threads, uint64_t seed) {
    options.threads = threads;
    options.seed = seed;
    auto derived = valueOf(derive(*store, path, options));
    // A sample is not the same both ways, so there is a view.
    EXPECT_GE(derived->schema().relationId("a", "rev_M", "a"), 0);
    return pairsOf(*derived, derivedId(*derived, *store, path));
  };
  Pairs some = sampled(1, 0);
  EXPECT_EQ(some, sampled(4, 0));
  EXPECT_NE(some, sampled(1, 1));
  std::map<int64_t, int64_t> wanted, got;
  for (auto [from, to] : all)
    ++wanted[to];
  for (auto [from, to] : some) {
    ++got[to];
    EXPECT_TRUE(all.count({from, to}));
  }
  for (auto [to, count] : wanted)
    EXPECT_EQ(got[to], std::min<int64_t>(count, 3));
}

TEST_F(MetapathTest, WhatIsWrongIsSaid) {
  auto store = storeOf(bibliography());
  auto message = [&](const std::string &text) {
    return std::string(graph::parseMetapath(text, store->schema()).status().message());
  };
  EXPECT_EQ(message("APA"), "--derive 'APA': expected NAME=source:relation:destination,source:"
                            "relation:destination,...");
  EXPECT_EQ(message("APA=author:writes:paper,paper:in:vanue"),
            "--derive APA: the graph has no relation 'paper:in:vanue'; did you mean "
            "'paper:in:venue'?");
  EXPECT_EQ(
      message("AA=author:writes:paper,author:writes:paper"),
      "--derive AA: the chain does not join: 'author:writes:paper' ends at 'paper', and "
      "'author:writes:paper' begins at 'author'; known: paper:in:venue, paper:rev_writes:author");
  EXPECT_EQ(message("writes=author:writes:paper"),
            "--derive writes: the graph has a relation 'author:writes:paper' already; choose "
            "another name");
  std::string twice = "X=author:writes:paper";
  EXPECT_EQ(
      std::string(graph::parseMetapaths({twice, twice}, store->schema()).status().message()),
      "--derive X: two paths give the relation 'author:X:paper'; choose another name for one");
  MetapathOptions few;
  few.maxEdges = 4;
  Metapath path = valueOf(
      graph::parseMetapath("APA=author:writes:paper,paper:rev_writes:author", store->schema()));
  EXPECT_EQ(std::string(derive(*store, path, few).status().message()),
            "--derive APA: more than 4 edges, at node 0 of 4 of 'author'; bound each destination "
            "with --max-per-destination, or raise --max-edges");
}

// Names with the characters of the option's own syntax, and one that begins like another.
TEST_F(MetapathTest, NamesNeedNoEscape) {
  PlainGraph plain;
  for (const char *name : {"日本,x", "b:c"}) {
    plain.types.emplace_back();
    plain.types.back().name = name;
    plain.types.back().nodes = 3;
  }
  plain.relations.push_back({"日本,x", "r=,", "b:c", "é", false, {{0, 1}, {2, 1}}});
  plain.relations.push_back({"b:c", "é,日本,x", "日本,x", "", false, {{1, 0}}});
  auto store = storeOf(plain);
  Metapath path = valueOf(graph::parseMetapath("名=日本,x:r=,:b:c,b:c:é:日本,x", store->schema()));
  ASSERT_EQ(path.relations.size(), 2u);
  auto derived = valueOf(derive(*store, path, {}));
  int id = derived->schema().relationId("日本,x", "名", "日本,x");
  ASSERT_GE(id, 0);
  EXPECT_EQ(pairsOf(*derived, id), (Pairs{{0, 0}, {2, 0}, {0, 2}, {2, 2}}));
}

} // namespace
} // namespace heddle::test
