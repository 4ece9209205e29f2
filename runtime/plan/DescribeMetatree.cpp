//===- DescribeMetatree.cpp - the metatree for Graphviz -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Format.h"
#include "runtime/plan/DescribeText.h"
#include "runtime/plan/Metatree.h"

namespace heddle::plan {
namespace {

/// "0: 512, 2: 480", or "512 in each" where all have the same.
std::string rowsText(const Metatree::Vertex &vertex, uint32_t partitions) {
  std::string out;
  bool same = vertex.rows.size() == partitions;
  for (const auto &[partition, rows] : vertex.rows) {
    same = same && rows == vertex.rows.begin()->second;
    out += (out.empty() ? "" : ", ") + std::to_string(partition) +
           (rows < 0 ? "" : ": " + formatCount(rows));
  }
  if (!same)
    return "rows " + out;
  double rows = vertex.rows.begin()->second;
  return rows < 0 ? "" : formatCount(rows) + (partitions > 1 ? " rows in each" : " rows");
}

std::string nodeOf(const char *kind, size_t index) { return kind + std::to_string(index); }

std::string lineStyle(uint32_t partition) {
  PartitionStyle style = styleOf(partition);
  return std::string("color=\"") + style.colour + "\", style=" + style.dot;
}

} // namespace

std::string metatreeDot(const PlanT &plan, const StepFacts &step) {
  Metatree tree = metatreeOf(plan, step);
  std::string out = "digraph " + quoted("metatree of " + step.name) + " {\n";
  out += "  rankdir=BT;\n  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f5f5f5\", "
         "fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=9];\n";
  std::map<uint32_t, std::string> hops;
  for (size_t v = 0; v < tree.vertices.size(); ++v) {
    const Metatree::Vertex &vertex = tree.vertices[v];
    std::vector<std::string> lines = {typeName(plan, vertex.nodeType),
                                      vertex.hop == 0 ? "seeds"
                                                      : "hop " + std::to_string(vertex.hop)};
    if (std::string rows = rowsText(vertex, plan.partitions); !rows.empty())
      lines.push_back(rows);
    out += "  " + nodeOf("v", v) + " [label=" + quotedLines(lines) +
           (vertex.hop == 0 ? ", penwidth=2" : "") + "];\n";
    hops[vertex.hop] += " " + nodeOf("v", v) + ";";
  }
  for (const auto &[hop, nodes] : hops)
    out += "  { rank=same;" + nodes + " }\n";
  for (const Metatree::Link &link : tree.links) {
    std::string name = link.relation < 0 ? "self" : plan.relations[size_t(link.relation)]->name;
    if (plan.partitions > 1)
      name = std::to_string(link.partition) + ": " + name;
    std::vector<std::string> lines = {name};
    if (std::string figures = linkFigures(link); !figures.empty())
      lines.push_back(figures);
    out += "  " + nodeOf("v", link.from) + " -> " + nodeOf("v", link.to) +
           " [label=" + quotedLines(lines) + ", " + lineStyle(link.partition) + "];\n";
  }
  for (const Metatree::Merge &merge : tree.merges) {
    std::string node = nodeOf("m", merge.collective);
    std::vector<std::string> lines = {merge.kind + merge.merges + " " +
                                      std::to_string(merge.collective)};
    if (merge.numbers > 0)
      lines.push_back(formatInteger(merge.numbers) + " numbers a row");
    if (merge.leader >= 0)
      lines.push_back("leader: " + std::to_string(merge.leader));
    out += "  " + node + " [shape=hexagon, fillcolor=\"#ffffff\", label=" + quotedLines(lines) +
           "];\n";
    for (uint32_t partition : merge.participants)
      out += "  " + nodeOf("v", merge.vertex) + " -> " + node +
             " [label=" + quoted(std::to_string(partition)) + ", " + lineStyle(partition) + "];\n";
  }
  return out + "}\n";
}

} // namespace heddle::plan
