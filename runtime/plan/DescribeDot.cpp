//===- DescribeDot.cpp - an entry's op DAG for Graphviz -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/Describe.h"

#include "runtime/base/Format.h"
#include "runtime/plan/DescribeText.h"

#include <map>
#include <set>
#include <utility>

namespace heddle::plan {
namespace {

const char *colourOf(Queue queue) {
  switch (queue) {
  case Queue::Sample:
    return "#cfe2f3";
  case Queue::Fetch:
    return "#d9ead3";
  case Queue::Compute:
    return "#fff2cc";
  case Queue::Comm:
    return "#f4cccc";
  case Queue::Io:
    return "#d9d2e9";
  }
  return "#ffffff";
}

struct Edge {
  size_t from, to;
  bool operator<(const Edge &other) const {
    return std::pair(from, to) < std::pair(other.from, other.to);
  }
};

/// Who produced what each op reads. An arena buffer may be written several times; a reader means
/// the last write before it in its own queue's order, or else the one of another queue.
std::map<Edge, std::string> dataEdges(const EntryT &entry) {
  std::map<int32_t, std::vector<size_t>> writers;
  for (size_t i = 0; i < entry.ops.size(); ++i)
    for (int32_t buffer : entry.ops[i]->outputs)
      if (buffer >= 0)
        writers[buffer].push_back(i);
  std::map<Edge, std::string> edges;
  for (size_t i = 0; i < entry.ops.size(); ++i) {
    const OpT &op = *entry.ops[i];
    auto link = [&](int32_t buffer) {
      auto found = writers.find(buffer);
      if (found == writers.end())
        return;
      bool state = size_t(buffer) < entry.buffers.size() &&
                   entry.buffers[buffer]->space == Space::State;
      size_t best = SIZE_MAX;
      for (size_t w : found->second) {
        bool own = entry.ops[w]->queue == op.queue;
        // What another queue writes into a state is next step's value.
        if (w != i && (own ? w < i : !state))
          best = w;
      }
      if (best == SIZE_MAX)
        return;
      std::string &label = edges[{best, i}];
      if (size_t(buffer) < entry.buffers.size())
        label += (label.empty() ? "" : ", ") + entry.buffers[buffer]->name;
    };
    std::set<int32_t> seen;
    for (int32_t buffer : op.inputs)
      if (buffer >= 0 && seen.insert(buffer).second)
        link(buffer);
    const GemmAttrsT *gemm = op.attrs.AsGemmAttrs();
    if (gemm && gemm->accumulate)
      for (int32_t buffer : op.outputs)
        if (buffer >= 0 && seen.insert(buffer).second)
          link(buffer);
    if (const FrontierAttrsT *frontier = op.attrs.AsFrontierAttrs())
      for (uint32_t id : frontier->samples)
        for (size_t s = 0; s < entry.ops.size(); ++s)
          if (entry.ops[s]->id == id && s != i)
            edges.try_emplace({s, i}, "sources");
  }
  return edges;
}

} // namespace

std::string describeDot(const PlanT &plan, int entryIndex) {
  const EntryT &entry = *plan.entries[entryIndex];
  std::string out = "digraph " + quoted(entry.name) + " {\n";
  out += "  rankdir=TB;\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n"
         "  edge [fontname=\"sans-serif\", fontsize=9];\n";
  std::map<std::pair<int, uint32_t>, std::vector<size_t>> waves;
  for (size_t i = 0; i < entry.ops.size(); ++i) {
    const OpT &op = *entry.ops[i];
    out += "  op" + std::to_string(op.id) + " [label=" +
           quotedLines({std::to_string(op.id) + ": " + op.name,
                        spelled(op.attrs.type) + ", " + spelled(op.queue) + " wave " +
                            std::to_string(op.wave)}) +
           ", fillcolor=\"" + colourOf(op.queue) + "\"];\n";
    waves[{int(op.queue), op.wave}].push_back(i);
  }
  auto node = [&](size_t i) { return "op" + std::to_string(entry.ops[i]->id); };
  for (const auto &[key, ops] : waves) {
    out += "  { rank=same;";
    for (size_t i : ops)
      out += " " + node(i) + ";";
    out += " }\n";
  }
  for (const auto &[edge, label] : dataEdges(entry))
    out += "  " + node(edge.from) + " -> " + node(edge.to) + " [label=" +
           quoted(ellipsize(label, 40)) + "];\n";
  for (size_t i = 0; i < entry.ops.size(); ++i)
    for (uint32_t semaphore : entry.ops[i]->waits)
      for (size_t s = 0; s < entry.ops.size(); ++s)
        for (uint32_t signalled : entry.ops[s]->signals)
          if (signalled == semaphore)
            out += "  " + node(s) + " -> " + node(i) + " [style=dashed, color=gray50, label=" +
                   quoted(semaphore < entry.semaphores.size() ? entry.semaphores[semaphore]->name
                                                              : "") +
                   "];\n";
  return out + "}\n";
}

} // namespace heddle::plan
