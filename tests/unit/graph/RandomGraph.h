//===- RandomGraph.h - graphs as plain lists, and how to build them ---*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The model of a graph that tests compare directories with: lists of edges in input order, nothing
// sorted, nothing shared with the code under test.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_GRAPH_RANDOMGRAPH_H
#define HEDDLE_TESTS_UNIT_GRAPH_RANDOMGRAPH_H

#include "runtime/graph/GraphBuilder.h"
#include "tests/unit/support/TestSupport.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace heddle::test {

struct PlainType {
  std::string name;
  int64_t nodes = 0;
  int idsKind = 0; ///< 0 none, 1 int64, 2 string
  std::vector<int64_t> int64Ids;
  std::vector<std::string> stringIds, display;
  std::map<std::string, std::pair<int64_t, std::vector<float>>> dense; ///< name -> dim, rows
  struct Sparse {
    int64_t dim = 0;
    bool ones = false;
    std::vector<std::vector<std::pair<int64_t, float>>> rows;
  };
  std::map<std::string, Sparse> sparse;
  struct Label {
    std::vector<std::string> classes;
    std::vector<int32_t> single;
    std::vector<uint8_t> multi; ///< used if not empty
    std::map<std::string, std::array<std::vector<int64_t>, 3>> splits;
  };
  std::map<std::string, Label> labels;
};

struct PlainRelation {
  std::string source, name, destination;
  std::string reverse; ///< name of a reverse view, empty: none
  bool drop = false;
  std::vector<std::pair<int64_t, int64_t>> edges; ///< (source, destination), input order
  /// name -> dim, a row for each edge, input order
  std::map<std::string, std::pair<int64_t, std::vector<float>>> dense = {};
};

struct PlainGraph {
  std::vector<PlainType> types;
  std::vector<PlainRelation> relations;
  const PlainType &type(const std::string &name) const {
    return *std::find_if(types.begin(), types.end(), [&](auto &t) { return t.name == name; });
  }
};

inline PlainGraph randomGraph(uint64_t seed) {
  std::mt19937_64 random(seed);
  auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  const std::vector<std::string> hostile = {"a",  "a/b",    "..",     "x.y z", "日本",  "nodes/0",
                                            "\"", "\\u0000", "__init__", "é",     "src___rel", ":"};
  PlainGraph graph;
  int64_t numTypes = 1 + below(4);
  for (int64_t t = 0; t < numTypes; ++t) {
    PlainType type;
    type.name = hostile[static_cast<size_t>(t * 3 + below(3))];
    type.nodes = below(5) == 0 ? 0 : below(4) == 0 ? 1 : 1 + below(40);
    auto n = static_cast<size_t>(type.nodes);
    type.idsKind = static_cast<int>(below(3));
    for (size_t i = 0; i < n; ++i) {
      type.int64Ids.push_back(static_cast<int64_t>(random() << 8 | i) * (below(2) ? 1 : -1));
      type.stringIds.push_back((i % 7 == 0 ? "" : i % 5 == 0 ? "\n\xff" : "日本 ") +
                               (i == 0 ? "" : std::to_string(i)));
    }
    if (below(2))
      for (size_t i = 0; i < n; ++i)
        type.display.push_back(std::string(static_cast<size_t>(below(4)), 'd'));
    for (int64_t f = below(3); f > 0; --f) {
      auto &[dim, rows] = type.dense[hostile[static_cast<size_t>(below(12))]];
      dim = 1 + below(5);
      rows.resize(n * static_cast<size_t>(dim));
      for (float &v : rows)
        v = static_cast<float>(below(1000)) / 8;
    }
    for (int64_t f = below(3); f > 0; --f) {
      std::string name = "sparse" + std::to_string(f);
      PlainType::Sparse &sparse = type.sparse[name];
      sparse.dim = 1 + below(20);
      sparse.ones = below(2);
      for (size_t i = 0; i < n; ++i) {
        std::map<int64_t, float> row;
        for (int64_t k = below(5); k > 0; --k)
          row[below(sparse.dim)] = sparse.ones ? 1.0f : static_cast<float>(below(9));
        std::vector<std::pair<int64_t, float>> entries(row.begin(), row.end());
        std::shuffle(entries.begin(), entries.end(), random);
        sparse.rows.push_back(entries);
      }
    }
    for (int64_t l = below(3); l > 0; --l) {
      PlainType::Label &label = type.labels["label " + std::to_string(l)];
      int64_t classes = 1 + below(4);
      for (int64_t c = 0; c < classes; ++c)
        label.classes.push_back("class " + std::to_string(10 - c));
      bool multi = below(2);
      std::vector<int64_t> labelled;
      for (int64_t i = 0; i < type.nodes; ++i) {
        bool missing = below(4) == 0;
        if (!missing)
          labelled.push_back(i);
        label.single.push_back(missing ? -1 : static_cast<int32_t>(below(classes)));
        for (int64_t c = 0; multi && c < classes; ++c)
          label.multi.push_back(missing ? 255 : static_cast<uint8_t>(below(2)));
      }
      for (int64_t s = type.nodes == 0 && multi ? 0 : below(3); s > 0; --s) {
        auto &split = label.splits["split/" + std::to_string(s)];
        std::shuffle(labelled.begin(), labelled.end(), random);
        for (int64_t id : labelled)
          if (int64_t part = below(4); part < 3)
            split[static_cast<size_t>(part)].push_back(id);
      }
      if (multi && type.nodes == 0)
        type.labels.erase("label " + std::to_string(l));
    }
    graph.types.push_back(std::move(type));
  }
  int64_t numRelations = below(6);
  for (int64_t r = 0; r < numRelations; ++r) {
    PlainRelation relation;
    relation.source = graph.types[static_cast<size_t>(below(numTypes))].name;
    relation.destination = graph.types[static_cast<size_t>(below(numTypes))].name;
    relation.name = hostile[static_cast<size_t>(r * 2 + below(2))];
    relation.drop = below(2);
    if (below(2))
      relation.reverse = "rev_" + std::to_string(r);
    int64_t sources = graph.type(relation.source).nodes;
    int64_t destinations = graph.type(relation.destination).nodes;
    if (sources > 0 && destinations > 0 && below(5) > 0) {
      for (int64_t e = below(400); e > 0; --e)
        relation.edges.emplace_back(below(sources), below(destinations));
      for (int64_t e = below(20); e > 0 && !relation.edges.empty(); --e) // parallel for certain
        relation.edges.push_back(relation.edges[static_cast<size_t>(
            below(static_cast<int64_t>(relation.edges.size())))]);
    }
    // Parallel edges look alike here, too.
    for (int64_t f = below(3); f > 0; --f) {
      auto &[dim, rows] = relation.dense[hostile[static_cast<size_t>(below(12))]];
      dim = 1 + below(4);
      rows.clear();
      for (auto [source, destination] : relation.edges)
        for (int64_t column = 0; column < dim; ++column)
          rows.push_back(static_cast<float>(source * 1000 + destination * 8 + column));
    }
    graph.relations.push_back(std::move(relation));
  }
  return graph;
}

/// Builds `graph` at `path`; `shuffle` != 0 declares and appends in another order, which must not
/// change the directory.
inline absl::StatusOr<std::string> build(const PlainGraph &graph, const std::string &path,
                                         int64_t memory, uint64_t shuffle) {
  std::mt19937_64 random(shuffle);
  auto order = [&](size_t n) {
    std::vector<size_t> out(n);
    for (size_t i = 0; i < n; ++i)
      out[i] = i;
    if (shuffle)
      std::shuffle(out.begin(), out.end(), random);
    return out;
  };
  graph::GraphBuilderOptions options;
  options.output = path;
  options.memoryBytes = memory;
  options.sync = false;
  auto builder = valueOf(graph::GraphBuilder::create(options));
  for (size_t t : order(graph.types.size())) {
    const PlainType &type = graph.types[t];
    HEDDLE_ASSIGN_OR_RETURN(int handle, builder->addNodeType(type.name, type.nodes));
    if (type.idsKind == 1)
      HEDDLE_RETURN_IF_ERROR(builder->setInt64Ids(handle, type.int64Ids));
    if (type.idsKind == 2)
      HEDDLE_RETURN_IF_ERROR(builder->setStringIds(handle, type.stringIds));
    if (!type.display.empty())
      HEDDLE_RETURN_IF_ERROR(builder->setDisplayNames(handle, type.display));
    std::vector<std::string> names;
    for (const auto &[name, feature] : type.dense)
      names.push_back(name);
    for (size_t f : order(names.size())) {
      const auto &[dim, rows] = type.dense.at(names[f]);
      HEDDLE_ASSIGN_OR_RETURN(int feature,
                              builder->addDenseFeature(handle, names[f], "float32", dim));
      int64_t first = type.nodes / 3;
      HEDDLE_RETURN_IF_ERROR(builder->appendDenseRows(feature, rows.data(), first));
      HEDDLE_RETURN_IF_ERROR(
          builder->appendDenseRows(feature, rows.data() + first * dim, type.nodes - first));
    }
    for (const auto &[name, sparse] : type.sparse) {
      HEDDLE_ASSIGN_OR_RETURN(int feature, builder->addSparseFeature(handle, name, sparse.dim));
      for (const auto &row : sparse.rows) {
        std::vector<int64_t> indices;
        std::vector<float> values;
        for (auto [index, value] : row) {
          indices.push_back(index);
          values.push_back(value);
        }
        if (sparse.ones && random() % 2)
          values.clear();
        HEDDLE_RETURN_IF_ERROR(builder->appendSparseRow(feature, indices, values));
      }
    }
    names.clear();
    for (const auto &[name, label] : type.labels)
      names.push_back(name);
    for (size_t l : order(names.size())) {
      const PlainType::Label &label = type.labels.at(names[l]);
      int id;
      if (label.multi.empty()) {
        HEDDLE_ASSIGN_OR_RETURN(id,
                                builder->addLabel(handle, names[l], label.classes, label.single));
      } else {
        HEDDLE_ASSIGN_OR_RETURN(
            id, builder->addMultiLabel(handle, names[l], label.classes, label.multi));
      }
      for (const auto &[name, parts] : label.splits)
        HEDDLE_RETURN_IF_ERROR(builder->addSplit(id, name, parts[0], parts[1], parts[2]));
    }
  }
  std::vector<std::pair<int, size_t>> handles;
  std::map<size_t, std::vector<std::pair<int, const std::pair<int64_t, std::vector<float>> *>>>
      edgeFeatures; // by relation: handle, rows
  for (size_t r : order(graph.relations.size())) {
    const PlainRelation &relation = graph.relations[r];
    HEDDLE_ASSIGN_OR_RETURN(
        int handle,
        builder->addRelation(relation.source, relation.name, relation.destination));
    HEDDLE_RETURN_IF_ERROR(builder->setDropDuplicates(handle, relation.drop));
    if (!relation.reverse.empty())
      HEDDLE_RETURN_IF_ERROR(builder->addReverse(handle, relation.reverse));
    handles.emplace_back(handle, r);
    std::vector<std::string> names;
    for (const auto &[name, feature] : relation.dense)
      names.push_back(name);
    for (size_t f : order(names.size())) {
      const auto &feature = relation.dense.at(names[f]);
      HEDDLE_ASSIGN_OR_RETURN(int id,
                              builder->addEdgeFeature(handle, names[f], "float32", feature.first));
      edgeFeatures[r].emplace_back(id, &feature);
    }
  }
  // Edges of the relations arrive in turns, in blocks.
  for (size_t begin = 0, any = 1; any; begin += 37) {
    any = 0;
    for (auto [handle, r] : handles) {
      std::vector<int64_t> sources, destinations;
      const auto &edges = graph.relations[r].edges;
      // Parallel edges look alike, so any order of input is the same graph.
      std::vector<size_t> which;
      for (size_t i = begin; i < std::min(begin + 37, edges.size()); ++i) {
        which.push_back(shuffle % 2 ? edges.size() - 1 - i : i);
        sources.push_back(edges[which.back()].first);
        destinations.push_back(edges[which.back()].second);
      }
      any += sources.size();
      // Rows may come before their edges, or after them.
      auto appendRows = [&](bool before) -> absl::Status {
        for (auto [id, feature] : edgeFeatures[r]) {
          std::vector<float> rows;
          for (size_t i : which)
            for (int64_t column = 0; column < feature->first; ++column)
              rows.push_back(feature->second[i * static_cast<size_t>(feature->first) +
                                             static_cast<size_t>(column)]);
          if ((id % 2 == 0) == before)
            HEDDLE_RETURN_IF_ERROR(
                builder->appendDenseRows(id, rows.data(), static_cast<int64_t>(which.size())));
        }
        return absl::OkStatus();
      };
      HEDDLE_RETURN_IF_ERROR(appendRows(true));
      HEDDLE_RETURN_IF_ERROR(builder->addEdges(handle, sources.data(), destinations.data(),
                                               static_cast<int64_t>(sources.size())));
      HEDDLE_RETURN_IF_ERROR(appendRows(false));
    }
  }
  return builder->finish();
}

} // namespace heddle::test

#endif // HEDDLE_TESTS_UNIT_GRAPH_RANDOMGRAPH_H
