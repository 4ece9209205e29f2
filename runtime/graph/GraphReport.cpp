//===- GraphReport.cpp - what an import found --------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/GraphReport.h"

#include "runtime/base/Json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace heddle::graph {

using OrderedJson = nlohmann::ordered_json;

namespace {

constexpr const char *partNames[3] = {"train", "valid", "test"};

std::array<int64_t, 3> sizesOf(const LabelSchema::Split &split) {
  return {split.numTrain, split.numValid, split.numTest};
}

OrderedJson degreeJson(const DegreeStats &stats) {
  return {{"p50", stats.p50}, {"p99", stats.p99}, {"max", stats.max}};
}

OrderedJson labelJson(const LabelSchema &label, const GraphFindings::Label &found) {
  OrderedJson json;
  json["name"] = label.name;
  json["classes"] = label.classes.size();
  json["missing"] = found.missing;
  OrderedJson &splits = json["splits"] = OrderedJson::object();
  for (size_t s = 0; s < label.splits.size(); ++s) {
    auto sizes = sizesOf(label.splits[s]);
    for (size_t part = 0; part < 3; ++part) {
      OrderedJson shares = OrderedJson::array();
      for (int64_t count : found.classCounts[s][part])
        shares.push_back(sizes[part] ? static_cast<double>(count) / static_cast<double>(sizes[part])
                                     : 0.0);
      splits[label.splits[s].name][partNames[part]] = {{"size", sizes[part]},
                                                       {"class_counts", found.classCounts[s][part]},
                                                       {"class_shares", shares}};
    }
  }
  return json;
}

/// 1234567 -> "1,234,567"
std::string grouped(int64_t value) {
  std::string text = std::to_string(value);
  for (auto at = static_cast<int64_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<size_t>(at), ",");
  return text;
}

/// Width on a terminal, near enough: code points.
size_t widthOf(const std::string &text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// Columns aligned: the first to the left, the others to the right.
std::string table(const std::vector<std::vector<std::string>> &rows) {
  std::vector<size_t> widths;
  for (const auto &row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      widths.resize(std::max(widths.size(), i + 1));
      widths[i] = std::max(widths[i], widthOf(row[i]));
    }
  std::string out;
  for (const auto &row : rows) {
    out += "  ";
    for (size_t i = 0; i < row.size(); ++i) {
      std::string pad(widths[i] - widthOf(row[i]), ' ');
      out += i == 0 ? row[i] + pad : "  " + pad + row[i];
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += "\n";
  }
  return out;
}

std::string degreeText(const DegreeStats &stats) {
  return grouped(stats.p50) + "/" + grouped(stats.p99) + "/" + grouped(stats.max);
}

std::string percent(int64_t part, int64_t whole) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f%%",
                whole ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0.0);
  return text;
}

/// The most frequent classes with their shares: "noun.person 14.1%, noun.act 9.0%, 24 more".
std::string shareText(const std::vector<std::string> &classes, const std::vector<int64_t> &counts,
                      int64_t size) {
  std::vector<size_t> order(counts.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return counts[a] != counts[b] ? counts[a] > counts[b] : a < b;
  });
  std::string out;
  size_t shown = std::min<size_t>(order.size(), 4);
  for (size_t i = 0; i < shown; ++i)
    out += (i ? ", " : "") + classes[order[i]] + " " + percent(counts[order[i]], size);
  if (order.size() > shown)
    out += ", " + std::to_string(order.size() - shown) + " more";
  return out;
}

std::string featureText(const FeatureSchema &feature) {
  std::string out = feature.name + " (" + (feature.kind == FeatureKind::Sparse ? "sparse " : "") +
                    feature.dtype + " x " + std::to_string(feature.dim) + ")";
  return out;
}

std::string featuresText(const std::vector<FeatureSchema> &features) {
  std::string out;
  for (const FeatureSchema &feature : features)
    out += (out.empty() ? "" : ", ") + featureText(feature);
  return out.empty() ? "-" : out;
}

OrderedJson featuresJson(const std::vector<FeatureSchema> &features,
                         const std::vector<int64_t> &nonFinite) {
  OrderedJson out = OrderedJson::array();
  for (size_t f = 0; f < features.size(); ++f) {
    OrderedJson feature = {{"name", features[f].name},
                           {"dtype", features[f].dtype},
                           {"dim", features[f].dim},
                           {"non_finite", nonFinite[f]}};
    if (features[f].kind == FeatureKind::Sparse)
      feature["nnz"] = features[f].nnz;
    out.push_back(std::move(feature));
  }
  return out;
}

std::string warningsText(const std::string &owner, const std::vector<FeatureSchema> &features,
                         const std::vector<int64_t> &nonFinite) {
  std::string out;
  for (size_t f = 0; f < features.size(); ++f)
    if (nonFinite[f] > 0)
      out += "Warning: feature '" + features[f].name + "' of '" + owner + "' has " +
             grouped(nonFinite[f]) + " NaN or infinite values\n";
  return out;
}

} // namespace

std::string printReportJson(const GraphSchema &schema, const GraphFindings &findings) {
  OrderedJson root;
  root["format"] = "heddle-graph-report";
  root["version"] = "1.0";
  OrderedJson &types = root["node_types"] = OrderedJson::array();
  for (size_t t = 0; t < schema.nodeTypes.size(); ++t) {
    const NodeTypeSchema &type = schema.nodeTypes[t];
    const GraphFindings::NodeType &found = findings.nodeTypes[t];
    OrderedJson json;
    json["node_type"] = type.name;
    json["num_nodes"] = type.numNodes;
    json["isolated"] = found.isolated;
    json["features"] = featuresJson(type.features, found.nonFinite);
    OrderedJson &labels = json["labels"] = OrderedJson::array();
    for (size_t l = 0; l < type.labels.size(); ++l)
      labels.push_back(labelJson(type.labels[l], found.labels[l]));
    types.push_back(std::move(json));
  }
  OrderedJson &relations = root["relations"] = OrderedJson::array();
  for (size_t r = 0; r < schema.relations.size(); ++r) {
    const RelationSchema &relation = schema.relations[r];
    OrderedJson json;
    json["relation"] = {relation.source, relation.name, relation.destination};
    if (relation.reverseOf >= 0) {
      json["reverse_of"] = relation.reverseOf;
    } else {
      json["num_edges"] = relation.numEdges;
      json["duplicates"] = findings.relations[r].duplicates;
      json["duplicates_dropped"] = findings.relations[r].dropped;
      if (!relation.features.empty())
        json["features"] = featuresJson(relation.features, findings.relations[r].nonFinite);
    }
    json["degree"] = {{"in", degreeJson(relation.in)}, {"out", degreeJson(relation.out)}};
    relations.push_back(std::move(json));
  }
  OrderedJson &counts = root["counts"] = OrderedJson::object();
  for (const auto &[what, count] : findings.counts)
    counts[what] = count;
  return printJson(root);
}

std::string printReportText(const GraphSchema &schema, const GraphFindings &findings) {
  std::string out = "Node types: " + std::to_string(schema.nodeTypes.size()) + "\n";
  std::vector<std::vector<std::string>> rows{{"type", "nodes", "isolated", "features"}};
  for (size_t t = 0; t < schema.nodeTypes.size(); ++t) {
    const NodeTypeSchema &type = schema.nodeTypes[t];
    rows.push_back({type.name, grouped(type.numNodes), grouped(findings.nodeTypes[t].isolated),
                    featuresText(type.features)});
  }
  out += table(rows);

  int64_t edges = 0, stored = 0;
  rows = {{"relation", "edges", "duplicates", "in p50/p99/max", "out p50/p99/max"}};
  const bool data = std::any_of(schema.relations.begin(), schema.relations.end(),
                                [](const auto &r) { return !r.features.empty(); });
  if (data)
    rows.front().push_back("features");
  for (size_t r = 0; r < schema.relations.size(); ++r) {
    const RelationSchema &relation = schema.relations[r];
    const GraphFindings::Relation &found = findings.relations[r];
    std::string duplicates = grouped(found.duplicates);
    if (found.duplicates > 0)
      duplicates += found.dropped ? " dropped" : " kept";
    if (relation.reverseOf >= 0)
      duplicates = "view of " + schema.relations[static_cast<size_t>(relation.reverseOf)].name;
    else {
      edges += relation.numEdges;
      ++stored;
    }
    rows.push_back({relation.triple(), grouped(relation.numEdges), duplicates,
                    degreeText(relation.in), degreeText(relation.out)});
    if (data)
      rows.back().push_back(featuresText(schema.edgeFeatures(static_cast<int>(r))));
  }
  out += "Relations: " + std::to_string(schema.relations.size()) + " (" + std::to_string(stored) +
         " stored, " + grouped(edges) + " edges)\n";
  if (!schema.relations.empty())
    out += table(rows);

  for (size_t r = 0; r < schema.relations.size(); ++r)
    out += warningsText(schema.relations[r].triple(), schema.relations[r].features,
                        findings.relations[r].nonFinite);
  for (size_t t = 0; t < schema.nodeTypes.size(); ++t) {
    const NodeTypeSchema &type = schema.nodeTypes[t];
    const GraphFindings::NodeType &found = findings.nodeTypes[t];
    out += warningsText(type.name, type.features, found.nonFinite);
    for (size_t l = 0; l < type.labels.size(); ++l) {
      const LabelSchema &label = type.labels[l];
      out += "Label '" + label.name + "' of '" + type.name + "': " +
             std::to_string(label.classes.size()) + " classes" +
             (label.multilabel ? " (multi-label)" : "") + ", missing on " +
             grouped(found.labels[l].missing) + " of " + grouped(type.numNodes) + " nodes\n";
      for (size_t s = 0; s < label.splits.size(); ++s) {
        auto sizes = sizesOf(label.splits[s]);
        rows.clear();
        out += "  split '" + label.splits[s].name + "'\n";
        for (size_t part = 0; part < 3; ++part) {
          std::string shares = shareText(label.classes, found.labels[l].classCounts[s][part],
                                         sizes[part]);
          out += std::string("    ") + partNames[part] +
                 std::string(7 - std::string(partNames[part]).size(), ' ') + grouped(sizes[part]) +
                 (shares.empty() || sizes[part] == 0 ? "" : "  (" + shares + ")") + "\n";
        }
      }
    }
  }
  for (const auto &[what, count] : findings.counts)
    out += what + ": " + grouped(count) + "\n";
  return out;
}

} // namespace heddle::graph
