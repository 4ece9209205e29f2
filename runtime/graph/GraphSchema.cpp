//===- GraphSchema.cpp - what a graph directory holds -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/GraphSchema.h"

#include "runtime/base/Checksum.h"

#include <algorithm>
#include <bit>
#include <tuple>

namespace heddle::graph {

//===----------------------------------------------------------------------===//
// Names of files and look-ups
//===----------------------------------------------------------------------===//

void setIdFiles(NodeTypeSchema &type, const std::string &prefix) {
  type.idsFile = type.idsOffsetsFile = "";
  if (prefix.empty() || type.idsKind == "none")
    return;
  bool strings = type.idsKind == "string";
  type.idsFile = prefix + (strings ? "_bytes.bin" : ".npy");
  type.idsOffsetsFile = strings ? prefix + "_offsets.npy" : "";
}

void setDisplayFiles(NodeTypeSchema &type, const std::string &prefix) {
  type.displayFile = prefix.empty() ? "" : prefix + "_bytes.bin";
  type.displayOffsetsFile = prefix.empty() ? "" : prefix + "_offsets.npy";
}

void setCscFiles(RelationSchema &relation, const std::string &prefix) {
  relation.cscIndptr = prefix.empty() ? "" : prefix + "_indptr.npy";
  relation.cscIndices = prefix.empty() ? "" : prefix + "_indices.npy";
}

void setCsrFiles(RelationSchema &relation, const std::string &prefix) {
  relation.csrIndptr = prefix.empty() ? "" : prefix + "_indptr.npy";
  relation.csrIndices = prefix.empty() ? "" : prefix + "_indices.npy";
  relation.csrPerm = prefix.empty() ? "" : prefix + "_perm.npy";
}

int GraphSchema::nodeTypeId(const std::string &name) const {
  auto at = std::lower_bound(
      nodeTypes.begin(), nodeTypes.end(), name,
      [](const NodeTypeSchema &type, const std::string &wanted) { return type.name < wanted; });
  return at != nodeTypes.end() && at->name == name ? static_cast<int>(at - nodeTypes.begin()) : -1;
}

int GraphSchema::relationId(const std::string &source, const std::string &name,
                            const std::string &destination) const {
  auto key = [](const RelationSchema &r) { return std::tie(r.source, r.name, r.destination); };
  auto wanted = std::tie(source, name, destination);
  auto at = std::lower_bound(relations.begin(), relations.end(), wanted,
                             [&](const RelationSchema &r, const auto &w) { return key(r) < w; });
  return at != relations.end() && key(*at) == wanted ? static_cast<int>(at - relations.begin())
                                                     : -1;
}

const std::vector<FeatureSchema> &GraphSchema::edgeFeatures(int relationId) const {
  const RelationSchema &relation = relations[static_cast<size_t>(relationId)];
  return relation.reverseOf < 0 ? relation.features
                                : relations[static_cast<size_t>(relation.reverseOf)].features;
}

std::vector<std::pair<std::string, std::string>> listArrays(const GraphSchema &schema) {
  std::vector<std::pair<std::string, std::string>> out;
  auto add = [&](const std::string &what, const std::string &path) {
    if (!path.empty())
      out.emplace_back(what, path);
  };
  auto addFeatures = [&](const std::string &owner, const std::vector<FeatureSchema> &features) {
    for (const FeatureSchema &f : features) {
      std::string what = owner + " feature '" + f.name + "' ";
      add(what + "rows", f.file);
      add(what + "indptr", f.indptrFile);
      add(what + "indices", f.indicesFile);
      add(what + "values", f.valuesFile);
    }
  };
  for (const NodeTypeSchema &type : schema.nodeTypes) {
    std::string what = "node type '" + type.name + "'";
    add(what + " ids", type.idsFile);
    add(what + " id offsets", type.idsOffsetsFile);
    add(what + " display names", type.displayFile);
    add(what + " display name offsets", type.displayOffsetsFile);
    addFeatures(what, type.features);
    for (const LabelSchema &label : type.labels) {
      add(what + " label '" + label.name + "'", label.file);
      for (const LabelSchema::Split &split : label.splits) {
        std::string part = what + " label '" + label.name + "' split '" + split.name + "' ";
        add(part + "train", split.trainFile);
        add(part + "valid", split.validFile);
        add(part + "test", split.testFile);
      }
    }
  }
  for (const RelationSchema &relation : schema.relations) {
    std::string what = "relation '" + relation.triple() + "'";
    add(what + " csc indptr", relation.cscIndptr);
    add(what + " csc indices", relation.cscIndices);
    add(what + " csr indptr", relation.csrIndptr);
    add(what + " csr indices", relation.csrIndices);
    add(what + " csr permutation", relation.csrPerm);
    addFeatures(what, relation.features);
  }
  return out;
}

DegreeStats degreeStatsOf(const std::map<int64_t, int64_t> &nodesOfDegree) {
  DegreeStats stats;
  int64_t nodes = 0;
  for (auto [degree, count] : nodesOfDegree) {
    if (count == 0)
      continue;
    nodes += count;
    stats.max = std::max(stats.max, degree);
    stats.nonZero += degree > 0 ? count : 0;
    auto bin = static_cast<size_t>(std::bit_width(static_cast<uint64_t>(degree)));
    if (stats.log2Hist.size() <= bin)
      stats.log2Hist.resize(bin + 1);
    stats.log2Hist[bin] += count;
  }
  // The smallest degree that at least `percent` of the nodes do not exceed.
  auto percentile = [&](int64_t percent) {
    int64_t wanted = nodes - nodes / 100 * (100 - percent) - nodes % 100 * (100 - percent) / 100;
    int64_t seen = 0;
    for (auto [degree, count] : nodesOfDegree)
      if ((seen += count) >= wanted && seen > 0)
        return degree;
    return int64_t(0);
  };
  stats.p50 = percentile(50);
  stats.p99 = percentile(99);
  return stats;
}

//===----------------------------------------------------------------------===//
// Fingerprints
//===----------------------------------------------------------------------===//

namespace {

/// Length-prefixed, so that no two lists of texts give the same bytes.
class Fingerprint {
public:
  Fingerprint &add(const std::string &text) {
    add(static_cast<int64_t>(text.size()));
    sum_.update(text);
    return *this;
  }
  Fingerprint &add(int64_t value) {
    sum_.update(&value, sizeof value);
    return *this;
  }
  std::string hex() const { return sum_.hex(); }

private:
  Checksum sum_;
};

void addFeatures(Fingerprint &print, const std::vector<FeatureSchema> &features) {
  print.add(static_cast<int64_t>(features.size()));
  for (const FeatureSchema &f : features)
    print.add(f.name).add(f.kind == FeatureKind::Dense ? 0 : 1).add(f.dtype).add(f.dim);
}

} // namespace

std::string computeSchemaFingerprint(const GraphSchema &schema) {
  Fingerprint print;
  print.add("heddle schema 1");
  print.add(static_cast<int64_t>(schema.nodeTypes.size()));
  for (const NodeTypeSchema &type : schema.nodeTypes) {
    print.add(type.name);
    addFeatures(print, type.features);
    print.add(static_cast<int64_t>(type.labels.size()));
    for (const LabelSchema &label : type.labels) {
      print.add(label.name).add(label.multilabel ? 1 : 0);
      print.add(static_cast<int64_t>(label.classes.size()));
      for (const std::string &name : label.classes)
        print.add(name);
    }
  }
  print.add(static_cast<int64_t>(schema.relations.size()));
  for (const RelationSchema &relation : schema.relations) {
    print.add(relation.source).add(relation.name).add(relation.destination);
    addFeatures(print, relation.features);
  }
  return print.hex();
}

std::string computeDataFingerprint(const GraphSchema &schema) {
  Fingerprint print;
  print.add("heddle data 1");
  for (const NodeTypeSchema &type : schema.nodeTypes)
    print.add(type.name).add(type.numNodes).add(type.idsKind);
  for (const RelationSchema &relation : schema.relations)
    print.add(relation.triple()).add(relation.numEdges).add(relation.reverseOf);
  for (const auto &[what, path] : listArrays(schema)) {
    auto entry = schema.files.find(path);
    print.add(what).add(entry == schema.files.end() ? std::string() : entry->second.checksum);
  }
  return print.hex();
}

} // namespace heddle::graph
