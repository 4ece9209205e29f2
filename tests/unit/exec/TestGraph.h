//===- TestGraph.h - a graph in memory for tests -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_EXEC_TESTGRAPH_H
#define HEDDLE_TESTS_UNIT_EXEC_TESTGRAPH_H

#include "runtime/graph/GraphStore.h"

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <utility>

namespace heddle::testing {

/// A GraphStore over vectors. Types and relations must be added in canonical order.
class TestGraph : public graph::GraphStore {
public:
  int addType(const std::string &name, int64_t nodes) {
    graph::NodeTypeSchema type;
    type.name = name;
    type.numNodes = nodes;
    schema_.nodeTypes.push_back(type);
    return static_cast<int>(schema_.nodeTypes.size()) - 1;
  }

  /// Edges as (source, destination); any order, repetitions allowed.
  int addRelation(int source, const std::string &name, int destination,
                  std::vector<std::pair<int64_t, int64_t>> edges, bool wide = false) {
    graph::RelationSchema relation;
    relation.source = schema_.nodeTypes[size_t(source)].name;
    relation.name = name;
    relation.destination = schema_.nodeTypes[size_t(destination)].name;
    relation.numEdges = static_cast<int64_t>(edges.size());
    schema_.relations.push_back(relation);
    std::sort(edges.begin(), edges.end(), [](auto &a, auto &b) {
      return std::tie(a.second, a.first) < std::tie(b.second, b.first);
    });
    Arrays &arrays = arrays_.emplace_back();
    int64_t numDst = schema_.nodeTypes[size_t(destination)].numNodes;
    arrays.ptr.assign(size_t(numDst) + 1, 0);
    for (auto &edge : edges) {
      ++arrays.ptr[size_t(edge.second) + 1];
      arrays.narrow.push_back(static_cast<int32_t>(edge.first));
      arrays.wide.push_back(edge.first);
    }
    for (size_t i = 1; i < arrays.ptr.size(); ++i)
      arrays.ptr[i] += arrays.ptr[i - 1];
    graph::RelationView view;
    view.inPtr = arrays.ptr.data();
    view.inSources.size = relation.numEdges;
    if (wide)
      view.inSources.i64 = arrays.wide.data();
    else
      view.inSources.i32 = arrays.narrow.data();
    view.numSources = schema_.nodeTypes[size_t(source)].numNodes;
    view.numDestinations = numDst;
    view.numEdges = relation.numEdges;
    views_.push_back(view);
    return static_cast<int>(views_.size()) - 1;
  }

  void addDense(int type, const std::string &name, int64_t dim, std::vector<float> values) {
    floats_.push_back(std::move(values));
    graph::DenseFeatureView view;
    view.data = floats_.back().data();
    view.dtype = "float32";
    view.rows = schema_.nodeTypes[size_t(type)].numNodes;
    view.dim = dim;
    dense_[{type, name}] = view;
  }
  void addDenseRaw(int type, const std::string &name, const std::string &dtype, int64_t dim,
                   const void *data) {
    dense_[{type, name}] = {data, dtype, schema_.nodeTypes[size_t(type)].numNodes, dim};
  }
  /// The feature is in a file, and nowhere else.
  void moveDense(int type, const std::string &name, const std::string &file, int64_t offset) {
    graph::DenseFeatureView &view = dense_.at({type, name});
    view.data = nullptr;
    view.file = file;
    view.offset = offset;
  }
  /// Rows by in-edge of `relation`; `places` (or none): the view's, see RelationView::inEdgeData.
  void addEdgeFeature(int relation, const std::string &name, const std::string &dtype, int64_t dim,
                      const void *data, std::vector<int32_t> places = {}) {
    const int64_t edges = views_[size_t(relation)].numEdges;
    edge_[{relation, name}] = {data, dtype, edges, dim};
    if (places.empty())
      return;
    ints_.push_back(std::move(places));
    views_[size_t(relation)].inEdgeData.i32 = ints_.back().data();
    views_[size_t(relation)].inEdgeData.size = edges;
  }
  void addSparse(int type, const std::string &name, graph::SparseFeatureView view) {
    sparse_[{type, name}] = view;
  }
  void addLabel(int type, const std::string &name, int64_t classes, std::vector<int32_t> values) {
    ints_.push_back(std::move(values));
    graph::LabelView view;
    view.classes = ints_.back().data();
    view.numClasses = classes;
    labels_[{type, name}] = view;
  }
  void addMultiLabel(int type, const std::string &name, int64_t classes,
                     std::vector<uint8_t> values) {
    bytes_.push_back(std::move(values));
    graph::LabelView view;
    view.multi = bytes_.back().data();
    view.numClasses = classes;
    labels_[{type, name}] = view;
  }
  float *mutableDense(int type, const std::string &name) {
    return static_cast<float *>(const_cast<void *>(dense_.at({type, name}).data));
  }

  const graph::RelationView &relation(int id) const override { return views_[size_t(id)]; }
  absl::StatusOr<graph::DenseFeatureView> denseFeature(int type,
                                                       const std::string &name) const override {
    return find(dense_, type, name);
  }
  absl::StatusOr<graph::SparseFeatureView> sparseFeature(int type,
                                                         const std::string &name) const override {
    return find(sparse_, type, name);
  }
  absl::StatusOr<graph::DenseFeatureView> denseEdgeFeature(int relation,
                                                           const std::string &name) const override {
    return find(edge_, relation, name);
  }
  absl::StatusOr<graph::LabelView> label(int type, const std::string &name) const override {
    return find(labels_, type, name);
  }
  absl::StatusOr<graph::SplitView> split(int, const std::string &,
                                         const std::string &) const override {
    if (train_.empty())
      return notFound("the test graph has no splits");
    graph::SplitView view;
    view.train = train_.data();
    view.numTrain = static_cast<int64_t>(train_.size());
    return view;
  }
  /// The training part of every split.
  void setTrain(std::vector<int64_t> ids) { train_ = std::move(ids); }
  std::string originalId(int, int64_t row) const override { return std::to_string(row); }
  std::string displayName(int, int64_t) const override { return ""; }

private:
  struct Arrays {
    std::vector<int64_t> ptr;
    std::vector<int32_t> narrow;
    std::vector<int64_t> wide;
  };
  template <class View>
  absl::StatusOr<View> find(const std::map<std::pair<int, std::string>, View> &views, int type,
                            const std::string &name) const {
    auto found = views.find({type, name});
    if (found == views.end())
      return notFound("the test graph has no '" + name + "'");
    return found->second;
  }

  std::deque<Arrays> arrays_;
  std::deque<graph::RelationView> views_;
  std::deque<std::vector<float>> floats_;
  std::deque<std::vector<int32_t>> ints_;
  std::deque<std::vector<uint8_t>> bytes_;
  std::map<std::pair<int, std::string>, graph::DenseFeatureView> dense_, edge_;
  std::map<std::pair<int, std::string>, graph::SparseFeatureView> sparse_;
  std::map<std::pair<int, std::string>, graph::LabelView> labels_;
  std::vector<int64_t> train_;
};

inline std::vector<std::pair<int64_t, int64_t>> randomEdges(std::mt19937_64 &random, int64_t sources,
                                                            int64_t destinations, int64_t count) {
  std::vector<std::pair<int64_t, int64_t>> edges;
  if (sources && destinations)
    for (int64_t i = 0; i < count; ++i)
      edges.emplace_back(int64_t(random() % uint64_t(sources)),
                         // a few destinations get many edges
                         int64_t(std::min(random() % uint64_t(destinations),
                                          random() % uint64_t(destinations))));
  return edges;
}

} // namespace heddle::testing

#endif // HEDDLE_TESTS_UNIT_EXEC_TESTGRAPH_H
