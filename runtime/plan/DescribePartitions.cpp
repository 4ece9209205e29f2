//===- DescribePartitions.cpp - who does what, in tables ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Format.h"
#include "runtime/plan/DescribeText.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace heddle::plan {
namespace {

using Align = TextTable::Align;

/// One relation at one hop over the partitions that sample it.
struct LinkUse {
  int32_t fanout = -1;
  bool hasEdges = false;
  double edges = 0;
  std::vector<uint32_t> partitions; ///< ascending
};
using LinkUses = std::map<std::pair<uint32_t, uint32_t>, LinkUse>; ///< by relation, hop

LinkUses linkUsesOf(const PlanT &plan, const StepFacts &step) {
  LinkUses uses;
  for (uint32_t e : step.entries)
    for (const SampleFacts &facts : samplesOf(*plan.entries[e])) {
      LinkUse &use = uses[{facts.relation, facts.hop}];
      use.fanout = facts.fanout;
      use.hasEdges = use.hasEdges || facts.hasEdges;
      use.edges += facts.edgesExpected;
      use.partitions.push_back(plan.entries[e]->partition);
    }
  return uses;
}

/// Arena, batches in flight and states of `entry`, in bytes; the largest number: unbounded.
double memoryBound(const EntryT &entry, double stateBytes) {
  if (entry.arena_bound == UINT64_MAX || entry.slot_bound == UINT64_MAX)
    return double(UINT64_MAX);
  return stateBytes + double(entry.arena_bound) + double(entry.slot_bound) * entry.slots;
}

/// The entry of `partition` in `step`, or null.
const EntryT *entryIn(const PlanT &plan, const StepFacts &step, uint32_t partition) {
  for (uint32_t e : step.entries)
    if (plan.entries[e]->partition == partition)
      return plan.entries[e].get();
  return nullptr;
}

std::string keptText(StateRole role, const PartitionFacts::Kept &kept) {
  return (role == StateRole::EmbeddingRows ? count(kept.states, "table") + " of learnable rows"
                                           : count(kept.states, "parameter")) +
         " (" + formatBytes(kept.bytes) + ")";
}

/// What one partition does and keeps, in a few lines.
std::string detailsOf(const PlanT &plan, const PartitionFacts &facts, const LinkUses &uses,
                      size_t maxLinks) {
  std::string out = "  partition " + std::to_string(facts.partition) + "\n";
  auto line = [&](const std::string &text) { out += wrapped(text, 100, "    ", "      "); };
  std::string links;
  size_t shown = std::min(facts.links.size(), maxLinks);
  for (size_t i = 0; i < shown; ++i)
    links += (i ? ", " : "") + printable(facts.links[i]);
  if (shown < facts.links.size())
    links += ", ... " + formatInteger(facts.links.size() - shown) + " more";
  line("root links: " + (links.empty() ? "none" : links));
  std::map<uint32_t, std::pair<size_t, size_t>> hops; ///< relations, of them with others
  for (const auto &[key, use] : uses)
    if (std::binary_search(use.partitions.begin(), use.partitions.end(), facts.partition)) {
      ++hops[key.second].first;
      hops[key.second].second += use.partitions.size() > 1;
    }
  std::string samples;
  for (const auto &[hop, relations] : hops) {
    samples += (samples.empty() ? "" : "; ") + std::string("hop ") + std::to_string(hop) + ": " +
               count(relations.first, "relation");
    if (relations.second > 0)
      samples += " (" + formatInteger(relations.second) + " also elsewhere)";
  }
  line("samples: " + (samples.empty() ? "nothing" : samples));
  // By whom a state is shared with; its own first.
  std::map<std::vector<uint32_t>, std::string> learns;
  for (const auto &[key, kept] : facts.learnt) {
    std::string &text = learns[key.second];
    text += (text.empty() ? "" : ", ") + keptText(key.first, kept);
  }
  for (const auto &[others, text] : learns)
    line((others.empty()       ? "learns alone: "
          : others.size() == 1 ? "learns with partition " + partitionList(others, 0) + ": "
                               : "learns with partitions " + partitionList(others, 0) + ": ") +
         text);
  if (facts.spread.states > 0)
    line("learns its part of " + count(facts.spread.states, "table") +
         " of learnable rows spread over all (" + formatBytes(facts.spread.bytes) + ")");
  if (learns.empty() && facts.spread.states == 0)
    line("learns: nothing");
  line("kernels: " + formatInteger(facts.kernels.size()) + " of " +
       formatInteger(plan.kernels.size()));
  return out;
}

} // namespace

uint32_t slowestEntry(const PlanT &plan, const StepFacts &step, const MachineRates &rates) {
  uint32_t slowest = step.entries.front();
  double most = -1;
  for (uint32_t e : step.entries)
    if (double seconds = factsOf(*plan.entries[e], rates).total.seconds; seconds > most) {
      most = seconds;
      slowest = e;
    }
  return slowest;
}

std::string partitionsSection(const PlanT &plan, const DescribeOptions &options) {
  std::vector<PartitionFacts> partitions = partitionsOf(plan);
  StepFacts step = mainStep(plan);
  LinkUses uses = linkUsesOf(plan, step);
  double balance = balanceOf(partitions), loads = 0;
  for (const PartitionFacts &facts : partitions)
    loads += double(facts.load);
  std::string out = heading("Partitions");
  TextTable table({{"partition", Align::Right},
                   {"root links", Align::Right},
                   {"load", Align::Right},
                   {"share", Align::Right},
                   {"relations", Align::Right},
                   {"edges a step", Align::Right},
                   {"states", Align::Right},
                   {"in all at most", Align::Right},
                   {"a step", Align::Right}});
  size_t shown = std::min(partitions.size(), options.maxRows);
  for (size_t p = 0; p < shown; ++p) {
    const PartitionFacts &facts = partitions[p];
    std::set<uint32_t> relations;
    double edges = 0;
    const EntryT *entry = entryIn(plan, step, facts.partition);
    if (entry)
      for (const SampleFacts &sample : samplesOf(*entry)) {
        relations.insert(sample.relation);
        edges += sample.edgesExpected;
      }
    table.addRow({std::to_string(p), formatInteger(facts.links.size()),
                  balance > 0 ? formatCount(double(facts.load)) : "",
                  balance > 0 ? percent(double(facts.load), loads) : "",
                  formatInteger(relations.size()), formatCount(edges),
                  formatBytes(facts.stateBytes),
                  entry ? formatBytes(memoryBound(*entry, facts.stateBytes)) : "-",
                  entry && options.rates.known()
                      ? formatSeconds(factsOf(*entry, options.rates).total.seconds)
                      : ""});
  }
  out += table.str(2) + more(partitions.size(), shown, "partitions");
  if (balance > 0) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", balance);
    out += std::string("  the largest load is ") + text + " times the mean";
    if (!plan.balance_rule.empty())
      out += "; loads by the rule '" + printable(plan.balance_rule) + "'";
    out += "\n";
  }
  for (size_t p = 0; p < shown; ++p)
    out += detailsOf(plan, partitions[p], uses, options.maxRows);
  return out;
}

std::string partitionRelationsSection(const PlanT &plan, const StepFacts &step,
                                      const DescribeOptions &options) {
  LinkUses uses = linkUsesOf(plan, step);
  std::set<uint32_t> hops;
  std::vector<double> weights(plan.relations.size(), -1);
  for (const auto &[key, use] : uses) {
    hops.insert(key.second);
    if (key.first < weights.size())
      weights[key.first] = std::max(weights[key.first], 0.0) + use.edges;
  }
  std::string out =
      heading("Relations and hops (per hop: fan-out: expected edges of a step {partitions})");
  out += "  hop 0 are the seeds; a relation at hop h brings in rows of hop h + 1\n";
  // Used relations first, the busiest on top; the rest keeps the canonical order.
  std::vector<uint32_t> order(plan.relations.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return weights[a] != weights[b] ? weights[a] > weights[b] : a < b;
  });
  std::vector<std::vector<std::string>> rows;
  std::vector<size_t> widths(hops.size() + 2, 6);
  for (uint32_t r : order) {
    if (rows.size() == options.maxRows)
      break;
    std::vector<std::string> cells = {relationTriple(plan, r),
                                      formatInteger(plan.relations[r]->num_edges)};
    for (uint32_t hop : hops) {
      auto use = uses.find({r, hop});
      cells.push_back(
          use == uses.end()
              ? "-"
              : fanoutText(use->second.fanout) +
                    (use->second.hasEdges ? ": " + formatCount(use->second.edges) : "") + " {" +
                    partitionList(use->second.partitions, plan.partitions) + "}");
    }
    for (size_t c = 0; c < cells.size(); ++c)
      widths[c] = std::max(widths[c], displayWidth(cells[c]));
    rows.push_back(std::move(cells));
  }
  if (plan.relations.empty())
    return out + "  none\n";
  // The names take what the figures leave of a line.
  size_t figures = 2 + 2 + 14;
  for (size_t c = 2; c < widths.size(); ++c)
    figures += 2 + widths[c];
  std::vector<TextTable::Column> columns = {
      {"relation", Align::Left, figures < 76 ? 100 - figures : 24},
      {"edges in graph", Align::Right}};
  for (uint32_t hop : hops)
    columns.push_back({"hop " + std::to_string(hop), Align::Right});
  TextTable table(columns);
  for (std::vector<std::string> &cells : rows)
    table.addRow(std::move(cells));
  out += table.str(2) + more(plan.relations.size(), table.rows(), "relations");
  size_t unused = size_t(std::count(weights.begin(), weights.end(), -1.0));
  if (unused > 0)
    out += "  " + count(unused, "relation") + " not used at any hop\n";
  return out;
}

std::string partitionSizesSection(const PlanT &plan, const StepFacts &step,
                                  const DescribeOptions &options) {
  struct Sum {
    double rows = 0, rowsBound = 0, edges = 0, edgesBound = 0;
    std::vector<uint32_t> partitions;
  };
  std::map<std::pair<uint32_t, uint32_t>, Sum> sums;
  double rows = 0, edges = 0;
  for (uint32_t e : step.entries)
    for (const HopFacts &facts : hopsOf(plan, *plan.entries[e])) {
      Sum &sum = sums[{facts.hop, facts.nodeType}];
      sum.partitions.push_back(plan.entries[e]->partition);
      sum.rows += facts.rowsExpected;
      sum.edges += facts.edgesExpected;
      sum.rowsBound += double(facts.rowsBound);
      sum.edgesBound += double(facts.edgesBound);
      rows += facts.rowsExpected;
      edges += facts.edgesExpected;
    }
  if (sums.empty())
    return "";
  std::string out =
      heading("Sizes of a step of '" + printable(step.name) + "', all partitions added");
  TextTable table({{"hop", Align::Right},
                   {"node type", Align::Left, 32},
                   {"partitions", Align::Left, 12},
                   {"rows", Align::Right},
                   {"at most", Align::Right},
                   {"edges in", Align::Right},
                   {"at most", Align::Right}});
  for (const auto &[key, sum] : sums) {
    if (table.rows() == options.maxRows)
      break;
    table.addRow({std::to_string(key.first), typeName(plan, key.second),
                  partitionList(sum.partitions, plan.partitions), formatCount(sum.rows),
                  formatCount(sum.rowsBound), formatCount(sum.edges), formatCount(sum.edgesBound)});
  }
  out += table.str(2) + more(sums.size(), table.rows(), "rows");
  return out + "  in all about " + formatCount(rows) + " rows and " + formatCount(edges) +
         " edges\n";
}

std::string partitionMemorySection(const PlanT &plan, const DescribeOptions &options) {
  std::vector<PartitionFacts> partitions = partitionsOf(plan);
  std::string out = heading("Memory of each partition");
  TextTable table({{"entry", Align::Left, 14},
                   {"partition", Align::Right},
                   {"states", Align::Right},
                   {"arena", Align::Right},
                   {"at most", Align::Right},
                   {"in flight", Align::Right},
                   {"each at most", Align::Right},
                   {"in all at most", Align::Right}});
  size_t rows = 0;
  for (const StepFacts &step : stepsOf(plan)) {
    std::string label = step.name;
    for (uint32_t e : step.entries) {
      if (rows++ >= options.maxRows)
        continue;
      const EntryT &entry = *plan.entries[e];
      double states =
          entry.partition < partitions.size() ? partitions[entry.partition].stateBytes : 0;
      table.addRow({label, std::to_string(entry.partition), formatBytes(states),
                    formatBytes(factsOf(entry, options.rates).arenaExpected),
                    formatBytes(entry.arena_bound), std::to_string(entry.slots),
                    formatBytes(entry.slot_bound), formatBytes(memoryBound(entry, states))});
      label.clear();
    }
  }
  return out + table.str(2) + more(rows, table.rows(), "rows") +
         "  all entries share the states; graph arrays are memory-mapped and not counted\n";
}

std::string partitionCostSection(const PlanT &plan, const StepFacts &main,
                                 const DescribeOptions &options) {
  bool known = options.rates.known();
  std::string out = heading("Estimated work of a step by partition and queue");
  TextTable table({{"entry", Align::Left, 14},
                   {"partition", Align::Right},
                   {"ops", Align::Right},
                   {"bytes", Align::Right},
                   {"flops", Align::Right},
                   {"sample", Align::Right},
                   {"fetch", Align::Right},
                   {"compute", Align::Right},
                   {"comm", Align::Right},
                   {"a step", Align::Right}});
  size_t rows = 0;
  double onceBytes = 0, onceSeconds = 0;
  for (const StepFacts &step : stepsOf(plan)) {
    std::string label = step.name;
    for (uint32_t e : step.entries) {
      EntryFacts facts = factsOf(*plan.entries[e], options.rates);
      double once = 0;
      for (const QueueFacts &queue : facts.queues) {
        onceBytes += step.entries == main.entries ? queue.once.bytes : 0;
        once += queue.once.seconds;
      }
      if (step.entries == main.entries)
        onceSeconds = std::max(onceSeconds, once);
      if (rows++ >= options.maxRows)
        continue;
      auto seconds = [&](Queue queue) {
        const QueueFacts &of = facts.queues[size_t(queue)];
        return !known ? "" : of.ops == 0 ? "-" : formatSeconds(of.cost.seconds);
      };
      table.addRow({label, std::to_string(plan.entries[e]->partition), formatInteger(facts.ops),
                    formatBytes(facts.total.bytes), formatCount(facts.total.flops),
                    seconds(Queue::Sample), seconds(Queue::Fetch), seconds(Queue::Compute),
                    seconds(Queue::Comm), known ? formatSeconds(facts.total.seconds) : ""});
      label.clear();
    }
  }
  out += table.str(2) + more(rows, table.rows(), "rows");
  if (onceBytes > 0)
    out +=
        wrapped("the first step of '" + printable(main.name) + "' moves " + formatBytes(onceBytes) +
                    " more in memory" + (known ? ", about " + formatSeconds(onceSeconds) : "") +
                    ": results that stay the same are kept",
                100, "  ", "  ");
  if (!known)
    return out + "  give --machine-rates=GBps,GFLOPs or --measure for seconds\n";
  uint32_t slowest = slowestEntry(plan, main, options.rates);
  EntryFacts facts = factsOf(*plan.entries[slowest], options.rates);
  std::string text = "a step of '" + printable(main.name) + "'";
  if (uint64_t seeds = plan.entries[slowest]->batch_size; seeds > 0)
    text += " (" + count(seeds, "seed") + ")";
  text += " takes about " + formatSeconds(facts.total.seconds) + " in partition " +
          std::to_string(plan.entries[slowest]->partition) + ", the slowest";
  if (facts.slowestQueue == int(Queue::Compute))
    text += " (the compute queue, with comm beside it in each wave; the others run beside both)";
  else if (facts.slowestQueue >= 0)
    text += " (the " + spelled(Queue(facts.slowestQueue)) + " queue; the others run beside it)";
  text += ", assuming for each partition " + describeRates(options.rates) +
          ", on all threads, and " + describeLinkRates(options.rates) +
          "; an op takes the slower of its memory traffic and its arithmetic, and no array is "
          "found in a cache";
  return out + wrapped(text, 100, "  ", "  ");
}

std::string wireSection(const PlanT &plan, const StepFacts &step) {
  std::vector<WireTerm> terms = wireOf(plan, step);
  std::string out = heading("Bytes between partitions in a step of '" + printable(step.name) + "'");
  TextTable table({{"class", Align::Left, 16},
                   {"expected", Align::Right},
                   {"bytes, exactly", Align::Left, 40},
                   {"made of", Align::Left, 28}});
  for (Traffic traffic : {Traffic::Activations, Traffic::DenseGradients, Traffic::EmbeddingRows,
                          Traffic::RemoteFeatures}) {
    std::string label = spelled(traffic);
    for (const WireTerm &term : terms)
      if (term.traffic == traffic) {
        table.addRow({label, formatBytes(term.expected),
                      amountOf(plan, term) + (term.once ? ", first step only" : ""),
                      factorsOf(term)});
        label.clear();
      }
    if (!label.empty())
      table.addRow({label, "none"});
  }
  out += table.str(2);
  double every = wireBytes(terms, false), once = wireBytes(terms, true);
  out += "  in all about " + formatBytes(every) + " a step";
  if (once > 0)
    out += ", and " + formatBytes(once) + " more in the first";
  out += "\n";
  std::string note = "what all partitions together send, exactly, once the rows of a step are "
                     "counted: rows(h, t) are of type t at hop h";
  bool sums = false, unions = false, remote = false;
  for (const WireTerm &term : terms) {
    sums = sums || (term.hasSymbol && term.kind == SymbolKind::Gathered);
    unions = unions || (term.hasSymbol && term.kind == SymbolKind::Union);
    remote = remote || (term.hasSymbol && term.kind == SymbolKind::Remote);
  }
  if (sums)
    note += ", gathered(h, t) the sum of those of the partitions that share them";
  if (remote)
    note += ", remote(h, t) those that another partition keeps than the one that needs them";
  if (unions)
    note += ", union(h, t) the distinct ones among those of several partitions";
  note += "; control messages are not in it";
  return out + wrapped(note, 100, "  ", "  ");
}

std::string alternativesSection(const PlanT &plan) {
  if (plan.alternatives.empty())
    return "";
  std::string out = heading("Ways to run a step that the compiler weighed");
  TextTable table({{"alternative", Align::Left, 44},
                   {"estimated step", Align::Right},
                   {"bytes between partitions", Align::Right},
                   {"", Align::Left}});
  for (const auto &alternative : plan.alternatives) {
    auto known = [](double value) { return value >= 0 && value < 1e300; };
    table.addRow(
        {alternative->name,
         known(alternative->seconds) && alternative->seconds > 0
             ? formatSeconds(alternative->seconds)
             : "-",
         known(alternative->wire_bytes) && (alternative->wire_bytes > 0 || alternative->seconds > 0)
             ? formatBytes(alternative->wire_bytes)
             : "-",
         !alternative->chosen  ? ""
         : alternative->forced ? "chosen by the user"
                               : "chosen"});
  }
  out += table.str(2);
  for (const auto &alternative : plan.alternatives)
    if (!alternative->note.empty())
      out += wrapped(printable(alternative->name) + ": " + printable(alternative->note), 100, "  ",
                     "    ");
  return out;
}

} // namespace heddle::plan
