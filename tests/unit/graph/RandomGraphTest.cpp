//===- RandomGraphTest.cpp - directories against brute force -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/graph/RandomGraph.h"

#include "runtime/graph/GraphCheck.h"
#include "runtime/graph/GraphStore.h"

#include <cmath>
#include <set>

namespace heddle::graph {
namespace {

using namespace heddle::test;

/// Edges as the format promises them: sorted by (destination, source), parallel ones kept or not.
std::vector<std::pair<int64_t, int64_t>> canonical(const PlainRelation &relation) {
  std::vector<std::pair<int64_t, int64_t>> edges; // (destination, source)
  for (auto [source, destination] : relation.edges)
    edges.emplace_back(destination, source);
  std::sort(edges.begin(), edges.end());
  if (relation.drop)
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  return edges;
}

DegreeStats bruteStats(std::vector<int64_t> degrees) {
  DegreeStats stats;
  std::sort(degrees.begin(), degrees.end());
  auto n = static_cast<double>(degrees.size());
  if (degrees.empty())
    return stats;
  stats.max = degrees.back();
  // The smallest degree that at least half (99 in 100) of the nodes do not exceed.
  stats.p50 = degrees[static_cast<size_t>(std::ceil(n * 50 / 100)) - 1];
  stats.p99 = degrees[static_cast<size_t>(std::ceil(n * 99 / 100)) - 1];
  for (int64_t d : degrees) {
    stats.nonZero += d > 0;
    size_t bin = d == 0 ? 0 : static_cast<size_t>(std::floor(std::log2(static_cast<double>(d)))) + 1;
    stats.log2Hist.resize(std::max(stats.log2Hist.size(), bin + 1));
    ++stats.log2Hist[bin];
  }
  return stats;
}

void expectStats(const DegreeStats &found, const std::vector<int64_t> &degrees) {
  DegreeStats expected = bruteStats(degrees);
  EXPECT_EQ(found.max, expected.max);
  EXPECT_EQ(found.p50, expected.p50);
  EXPECT_EQ(found.p99, expected.p99);
  EXPECT_EQ(found.nonZero, expected.nonZero);
  EXPECT_EQ(found.log2Hist, expected.log2Hist);
}

/// Rows of a feature in canonical order: of equal (destination, source) in order of input, or the
/// first.
std::vector<float> canonicalRows(const PlainRelation &relation, int64_t dim,
                                 const std::vector<float> &rows) {
  std::vector<std::array<int64_t, 3>> edges; // destination, source, input order
  for (auto [source, destination] : relation.edges)
    edges.push_back({destination, source, static_cast<int64_t>(edges.size())});
  std::sort(edges.begin(), edges.end());
  std::vector<float> out;
  for (size_t e = 0; e < edges.size(); ++e) {
    if (relation.drop && e > 0 && edges[e][0] == edges[e - 1][0] && edges[e][1] == edges[e - 1][1])
      continue;
    auto begin = rows.begin() + edges[e][2] * dim;
    out.insert(out.end(), begin, begin + dim);
  }
  return out;
}

void expectEdgeFeatures(const GraphStore &store, int id, const PlainRelation &relation) {
  EXPECT_EQ(store.schema().edgeFeatures(id).size(), relation.dense.size());
  for (const auto &[name, feature] : relation.dense) {
    auto view = valueOf(store.denseEdgeFeature(id, name));
    ASSERT_EQ(view.rows, store.relation(id).numEdges);
    ASSERT_EQ(view.dim, feature.first);
    auto *data = static_cast<const float *>(view.data);
    EXPECT_EQ(std::vector<float>(data, data + view.rows * view.dim),
              canonicalRows(relation, feature.first, feature.second));
  }
  EXPECT_FAILS(store.denseEdgeFeature(id, "absent"),
               "edge feature 'absent'");
}

void expectRelation(const GraphStore &store, const PlainGraph &graph,
                    const PlainRelation &relation) {
  const GraphSchema &schema = store.schema();
  int id = schema.relationId(relation.source, relation.name, relation.destination);
  ASSERT_GE(id, 0);
  const RelationView &view = store.relation(id);
  auto edges = canonical(relation);
  auto numEdges = static_cast<int64_t>(edges.size());
  int64_t sources = graph.type(relation.source).nodes;
  int64_t destinations = graph.type(relation.destination).nodes;
  ASSERT_EQ(view.numEdges, numEdges);
  EXPECT_EQ(schema.relations[static_cast<size_t>(id)].numEdges, numEdges);
  ASSERT_EQ(view.numSources, sources);
  ASSERT_EQ(view.numDestinations, destinations);
  EXPECT_EQ(view.inEdgeData.size, 0);
  std::vector<int64_t> in(static_cast<size_t>(destinations)), out(static_cast<size_t>(sources));
  for (auto [destination, source] : edges) {
    ++in[static_cast<size_t>(destination)];
    ++out[static_cast<size_t>(source)];
  }
  expectStats(schema.relations[static_cast<size_t>(id)].in, in);
  expectStats(schema.relations[static_cast<size_t>(id)].out, out);
  for (int64_t d = 0; d < destinations; ++d)
    for (int64_t e = view.inPtr[d]; e < view.inPtr[d + 1]; ++e)
      EXPECT_EQ(edges[static_cast<size_t>(e)], std::pair(d, view.inSources[e]));
  EXPECT_EQ(view.inPtr[destinations], numEdges);
  // CSR: by (source, destination, edge id).
  std::vector<std::array<int64_t, 3>> bySource;
  for (int64_t e = 0; e < numEdges; ++e)
    bySource.push_back({edges[static_cast<size_t>(e)].second, edges[static_cast<size_t>(e)].first, e});
  std::sort(bySource.begin(), bySource.end());
  for (int64_t s = 0; s < sources; ++s)
    for (int64_t q = view.outPtr[s]; q < view.outPtr[s + 1]; ++q) {
      EXPECT_EQ(bySource[static_cast<size_t>(q)][0], s);
      EXPECT_EQ(bySource[static_cast<size_t>(q)][1], view.outDestinations[q]);
    }
  EXPECT_EQ(view.outPtr[sources], numEdges);
  expectEdgeFeatures(store, id, relation);
  if (relation.reverse.empty())
    return;
  int reverseId = schema.relationId(relation.destination, relation.reverse, relation.source);
  ASSERT_GE(reverseId, 0);
  EXPECT_EQ(schema.relations[static_cast<size_t>(reverseId)].reverseOf, id);
  const RelationView &reverse = store.relation(reverseId);
  expectEdgeFeatures(store, reverseId, relation); // rows are the base's, inEdgeData says where
  EXPECT_EQ(reverse.numEdges, numEdges);
  EXPECT_EQ(reverse.numSources, destinations);
  EXPECT_EQ(reverse.numDestinations, sources);
  for (int64_t s = 0; s < sources; ++s)
    for (int64_t q = reverse.inPtr[s]; q < reverse.inPtr[s + 1]; ++q)
      EXPECT_EQ(bySource[static_cast<size_t>(q)],
                (std::array<int64_t, 3>{s, reverse.inSources[q], reverse.inEdgeData[q]}));
  expectStats(schema.relations[static_cast<size_t>(reverseId)].in, out);
}

void expectType(const GraphStore &store, const PlainType &type) {
  int id = store.schema().nodeTypeId(type.name);
  ASSERT_GE(id, 0);
  const NodeTypeSchema &schema = store.schema().nodeTypes[static_cast<size_t>(id)];
  ASSERT_EQ(schema.numNodes, type.nodes);
  for (int64_t i = 0; i < type.nodes; ++i) {
    auto at = static_cast<size_t>(i);
    EXPECT_EQ(store.originalId(id, i), type.idsKind == 0   ? std::to_string(i)
                                       : type.idsKind == 1 ? std::to_string(type.int64Ids[at])
                                                           : type.stringIds[at]);
    EXPECT_EQ(store.displayName(id, i), type.display.empty() ? "" : type.display[at]);
  }
  EXPECT_EQ(schema.features.size(), type.dense.size() + type.sparse.size());
  for (const auto &[name, feature] : type.dense) {
    auto view = valueOf(store.denseFeature(id, name));
    ASSERT_EQ(view.rows, type.nodes);
    ASSERT_EQ(view.dim, feature.first);
    auto *data = static_cast<const float *>(view.data);
    if (data)
      EXPECT_EQ(std::vector<float>(data, data + view.rows * view.dim), feature.second);
    EXPECT_FAILS(store.sparseFeature(id, name), "dense, not sparse");
  }
  for (const auto &[name, sparse] : type.sparse) {
    auto view = valueOf(store.sparseFeature(id, name));
    ASSERT_EQ(view.rows, type.nodes);
    ASSERT_EQ(view.dim, sparse.dim);
    if (sparse.ones)
      EXPECT_EQ(view.values, nullptr);
    for (int64_t i = 0; i < view.rows; ++i) {
      auto expected = sparse.rows[static_cast<size_t>(i)];
      std::sort(expected.begin(), expected.end());
      std::vector<std::pair<int64_t, float>> found;
      for (int64_t k = view.indptr[i]; k < view.indptr[i + 1]; ++k)
        found.emplace_back(view.indices[k], view.values ? view.values[k] : 1.0f);
      EXPECT_EQ(found, expected);
    }
  }
  for (const auto &[name, label] : type.labels) {
    auto view = valueOf(store.label(id, name));
    EXPECT_EQ(view.numClasses, static_cast<int64_t>(label.classes.size()));
    if (view.classes)
      EXPECT_EQ(std::vector<int32_t>(view.classes, view.classes + type.nodes), label.single);
    if (view.multi)
      EXPECT_EQ(std::vector<uint8_t>(view.multi, view.multi + type.nodes * view.numClasses),
                label.multi);
    EXPECT_EQ(view.multi != nullptr, !label.multi.empty());
    for (const auto &[splitName, parts] : label.splits) {
      auto split = valueOf(store.split(id, name, splitName));
      auto sorted = parts;
      for (auto &part : sorted)
        std::sort(part.begin(), part.end());
      EXPECT_EQ(std::vector<int64_t>(split.train, split.train + split.numTrain), sorted[0]);
      EXPECT_EQ(std::vector<int64_t>(split.valid, split.valid + split.numValid), sorted[1]);
      EXPECT_EQ(std::vector<int64_t>(split.test, split.test + split.numTest), sorted[2]);
    }
  }
}

/// All files of a directory with their bytes.
std::map<std::string, std::string> contentsOf(const std::string &directory) {
  std::map<std::string, std::string> out;
  for (const auto &entry : std::filesystem::recursive_directory_iterator(directory))
    if (entry.is_regular_file())
      out[std::filesystem::relative(entry.path(), directory).string()] =
          readAll(entry.path().string());
  return out;
}

TEST(RandomGraph, DirectoriesEqualBruteForce) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TemporaryDirectory dir;
    PlainGraph graph = randomGraph(seed);
    for (PlainRelation &relation : graph.relations) // now no two edges are alike
      for (auto &[name, feature] : relation.dense)
        for (size_t i = 0; i < feature.second.size(); ++i)
          feature.second[i] = static_cast<float>(i);
    auto report = build(graph, dir / "g", 1 << 20, 0);
    ASSERT_TRUE(report.ok()) << messageOf(report.status());
    auto store = valueOf(GraphStore::open(dir / "g", seed % 2));
    ASSERT_EQ(store->schema().nodeTypes.size(), graph.types.size());
    for (const PlainType &type : graph.types)
      expectType(*store, type);
    for (const PlainRelation &relation : graph.relations)
      expectRelation(*store, graph, relation);
    auto checked = checkGraph(dir / "g");
    ASSERT_TRUE(checked.ok()) << messageOf(checked.status());
    if (HasFailure())
      return;
  }
}

TEST(RandomGraph, OrderOfDeclarationAndMemoryChangeNoByte) {
  for (uint64_t seed = 100; seed < 120; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TemporaryDirectory dir;
    PlainGraph graph = randomGraph(seed);
    ASSERT_OK(build(graph, dir / "g", 1 << 20, 0).status());
    ASSERT_OK(build(graph, dir / "h", 1, 2 * seed + 1).status()); // edges backwards, spilled
    ASSERT_OK(build(graph, dir / "i", 1, 2 * seed).status());
    auto expected = contentsOf(dir / "g");
    EXPECT_GT(expected.size(), 1u);
    for (const char *other : {"h", "i"}) {
      auto found = contentsOf(dir / other);
      ASSERT_EQ(found.size(), expected.size());
      for (const auto &[name, bytes] : expected)
        EXPECT_EQ(found[name] == bytes, true) << name << " differs in " << other;
    }
    if (HasFailure())
      return;
  }
}

TEST(RandomGraph, ReverseViewEqualsStoredReverse) {
  for (uint64_t seed = 200; seed < 220; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TemporaryDirectory dir;
    PlainGraph graph = randomGraph(seed);
    std::vector<PlainRelation> stored;
    for (PlainRelation &relation : graph.relations) {
      relation.reverse = "view of " + relation.name;
      PlainRelation reverse = relation;
      std::swap(reverse.source, reverse.destination);
      reverse.name = "stored " + relation.name;
      reverse.reverse.clear();
      for (auto &[source, destination] : reverse.edges)
        std::swap(source, destination);
      stored.push_back(reverse);
    }
    graph.relations.insert(graph.relations.end(), stored.begin(), stored.end());
    ASSERT_OK(build(graph, dir / "g", 1 << 20, 0).status());
    auto store = valueOf(GraphStore::open(dir / "g"));
    const GraphSchema &schema = store->schema();
    for (const PlainRelation &relation : graph.relations) {
      if (relation.reverse.empty())
        continue;
      int viewId = schema.relationId(relation.destination, relation.reverse, relation.source);
      int storedId =
          schema.relationId(relation.destination, "stored " + relation.name, relation.source);
      ASSERT_GE(viewId, 0);
      ASSERT_GE(storedId, 0);
      const RelationView &a = store->relation(viewId), &b = store->relation(storedId);
      ASSERT_EQ(a.numEdges, b.numEdges);
      ASSERT_EQ(a.numSources, b.numSources);
      ASSERT_EQ(a.numDestinations, b.numDestinations);
      EXPECT_TRUE(std::equal(a.inPtr, a.inPtr + a.numDestinations + 1, b.inPtr));
      EXPECT_TRUE(std::equal(a.outPtr, a.outPtr + a.numSources + 1, b.outPtr));
      for (int64_t e = 0; e < a.numEdges; ++e) {
        EXPECT_EQ(a.inSources[e], b.inSources[e]);
        EXPECT_EQ(a.outDestinations[e], b.outDestinations[e]);
      }
      std::set<int64_t> data;
      for (int64_t e = 0; e < a.numEdges; ++e)
        data.insert(a.inEdgeData[e]);
      EXPECT_EQ(static_cast<int64_t>(data.size()), a.numEdges);
      for (const auto &[name, feature] : relation.dense) {
        auto *ofView =
            static_cast<const float *>(valueOf(store->denseEdgeFeature(viewId, name)).data);
        auto *own =
            static_cast<const float *>(valueOf(store->denseEdgeFeature(storedId, name)).data);
        for (int64_t e = 0; e < a.numEdges; ++e)
          for (int64_t c = 0; c < feature.first; ++c)
            EXPECT_EQ(ofView[a.inEdgeData[e] * feature.first + c], own[e * feature.first + c]);
      }
      const auto &x = schema.relations[static_cast<size_t>(viewId)];
      const auto &y = schema.relations[static_cast<size_t>(storedId)];
      EXPECT_EQ(x.in.log2Hist, y.in.log2Hist);
      EXPECT_EQ(x.out.p99, y.out.p99);
    }
  }
}

} // namespace
} // namespace heddle::graph
