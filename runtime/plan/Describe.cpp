//===- Describe.cpp - a plan in words and tables ------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/Describe.h"

#include "runtime/base/Format.h"
#include "runtime/plan/DescribeText.h"
#include "runtime/plan/GpuCode.h"

#include "nlohmann/json.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <numeric>
#include <set>

namespace heddle::plan {
namespace {

using Align = TextTable::Align;

std::string taskSection(const PlanT &plan) {
  if (!plan.task)
    return "";
  const TaskT &task = *plan.task;
  std::string out = heading("Task");
  out += "  predict label '" + printable(task.label) + "' of node type '" +
         printable(typeName(plan, task.node_type)) + "' (" + formatInteger(task.classes.size()) +
         (task.multilabel ? " labels, any number per node" : " classes") + "), split '" +
         printable(task.split) + "'\n";
  std::string classes;
  size_t shown = 0;
  for (; shown < task.classes.size(); ++shown) {
    std::string name = printable(task.classes[shown]);
    if (displayWidth(classes) + displayWidth(name) > 66)
      break;
    classes += (shown ? ", " : "") + name;
  }
  if (shown < task.classes.size())
    classes += (shown ? ", ... " : "... ") + formatInteger(task.classes.size() - shown) + " more";
  if (!classes.empty())
    out += "  classes: " + classes + "\n";
  std::string metrics;
  for (const std::string &metric : task.metrics)
    metrics += (metrics.empty() ? "" : ", ") + printable(metric);
  if (!metrics.empty())
    out += "  metrics: " + metrics + "\n";
  nlohmann::json settings = nlohmann::json::parse(task.train_settings, nullptr, false);
  if (settings.is_object()) {
    std::string text;
    auto add = [&](const char *key, const char *label) {
      auto found = settings.find(key);
      if (found == settings.end() || found->is_null() || found->is_structured())
        return;
      std::string value = found->is_string() ? found->get<std::string>() : found->dump();
      text += (text.empty() ? "" : ", ") + std::string(label) + " " + printable(value);
    };
    add("num_epochs", "epochs");
    add("batch_size", "batch size");
    add("seed", "seed");
    auto schedule = settings.find("lr_schedule");
    if (schedule != settings.end() && schedule->is_object() && schedule->contains("name") &&
        (*schedule)["name"].is_string())
      text += (text.empty() ? "" : ", ") + std::string("lr schedule ") +
              printable((*schedule)["name"].get<std::string>());
    if (!text.empty())
      out += "  training: " + text + "\n";
  }
  for (const auto &group : plan.optimizer_groups) {
    out += "  optimizer '" + printable(group->name) + "': " + spelled(group->kind) +
           (group->row_sparse ? " (row-sparse)" : "") + ", lr " + number(group->lr);
    if (group->weight_decay != 0)
      out += ", weight decay " + number(group->weight_decay);
    out += "\n";
  }
  if (plan.max_grad_norm > 0)
    out += "  gradients clipped to norm " + number(plan.max_grad_norm) + "\n";
  return out;
}

/// One row per relation, one column per hop: "fan-out: expected edges".
std::string relationSection(const PlanT &plan, const EntryT &entry, size_t maxRows) {
  std::vector<SampleFacts> samples = samplesOf(entry);
  std::set<uint32_t> hops;
  std::map<uint32_t, std::map<uint32_t, SampleFacts>> byRelation;
  for (const SampleFacts &facts : samples) {
    hops.insert(facts.hop);
    byRelation[facts.relation][facts.hop] = facts;
  }
  std::string out = heading("Relations and hops (per hop: fan-out: expected edges of a step)");
  out += "  hop 0 are the seeds; a relation at hop h brings in rows of hop h + 1\n";
  std::vector<TextTable::Column> columns = {{"relation", Align::Left, hops.size() > 3 ? 36u : 48u},
                                            {"edges in graph", Align::Right}};
  for (uint32_t hop : hops)
    columns.push_back({"hop " + std::to_string(hop), Align::Right});
  TextTable table(columns);
  std::vector<uint32_t> order(plan.relations.size());
  std::iota(order.begin(), order.end(), 0u);
  // Used relations first, the busiest on top; the rest keeps the canonical order.
  auto weight = [&](uint32_t r) {
    double edges = -1;
    auto found = byRelation.find(r);
    if (found != byRelation.end()) {
      edges = 0;
      for (const auto &[hop, facts] : found->second)
        edges += facts.edgesExpected;
    }
    return edges;
  };
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    double wa = weight(a), wb = weight(b);
    return wa != wb ? wa > wb : a < b;
  });
  for (uint32_t r : order) {
    if (table.rows() == maxRows)
      break;
    std::vector<std::string> cells = {relationTriple(plan, r),
                                      formatInteger(plan.relations[r]->num_edges)};
    auto found = byRelation.find(r);
    for (uint32_t hop : hops) {
      std::string cell = "-";
      if (found != byRelation.end())
        if (auto at = found->second.find(hop); at != found->second.end())
          cell = fanoutText(at->second.fanout) +
                 (at->second.hasEdges ? ": " + formatCount(at->second.edgesExpected) : "");
      cells.push_back(cell);
    }
    table.addRow(std::move(cells));
  }
  if (plan.relations.empty())
    return out + "  none\n";
  out += table.str(2) + more(plan.relations.size(), table.rows(), "relations");
  size_t unused = plan.relations.size() - byRelation.size();
  if (unused > 0)
    out += "  " + count(unused, "relation") + " not used at any hop\n";
  return out;
}

std::string sizeSection(const PlanT &plan, const EntryT &entry, size_t maxRows) {
  std::vector<HopFacts> hops = hopsOf(plan, entry);
  if (hops.empty())
    return "";
  std::string out = heading("Sizes of a step of '" + printable(entry.name) + "'");
  TextTable table({{"hop", Align::Right},
                   {"node type", Align::Left, 32},
                   {"rows", Align::Right},
                   {"at most", Align::Right},
                   {"edges in", Align::Right},
                   {"at most", Align::Right},
                   {"relations", Align::Right}});
  double rows = 0, edges = 0;
  for (const HopFacts &facts : hops) {
    rows += facts.rowsExpected;
    edges += facts.edgesExpected;
    if (table.rows() == maxRows)
      continue;
    bool in = facts.relations > 0;
    table.addRow({std::to_string(facts.hop), typeName(plan, facts.nodeType),
                  facts.hasRows ? formatCount(facts.rowsExpected) : "",
                  facts.hasRows ? formatCount(double(facts.rowsBound)) : "",
                  in ? formatCount(facts.edgesExpected) : "",
                  in ? formatCount(double(facts.edgesBound)) : "",
                  in ? std::to_string(facts.relations) : ""});
  }
  out += table.str(2) + more(hops.size(), table.rows(), "rows");
  out += "  in all about " + formatCount(rows) + " rows and " + formatCount(edges) + " edges\n";
  return out;
}

std::string parameterSection(const PlanT &plan) {
  struct Sum {
    uint64_t tensors = 0;
    double elements = 0, bytes = 0;
  };
  std::map<StateRole, Sum> roles;
  std::map<int, Sum> groups;
  std::vector<const StateT *> learnt;
  for (const auto &state : plan.states) {
    auto add = [&](Sum &sum) {
      ++sum.tensors;
      sum.elements += double(elementsOf(plan, *state));
      sum.bytes += double(bytesOf(plan, *state));
    };
    if (state->role == StateRole::Hidden)
      continue;
    add(roles[state->role]);
    if (state->role == StateRole::Parameter || state->role == StateRole::EmbeddingRows) {
      add(groups[state->group]);
      learnt.push_back(state.get());
    }
  }
  std::string out = heading("Parameters and other states");
  TextTable table({{"states", Align::Left, 40},
                   {"tensors", Align::Right},
                   {"numbers", Align::Right},
                   {"bytes", Align::Right}});
  auto row = [&](const std::string &label, const Sum &sum) {
    table.addRow(
        {label, formatInteger(sum.tensors), formatCount(sum.elements), formatBytes(sum.bytes)});
  };
  for (const auto &[role, sum] : roles)
    row(spelled(role), sum);
  for (const auto &[group, sum] : groups)
    row("learnt in optimizer group '" +
            (group >= 0 && size_t(group) < plan.optimizer_groups.size()
                 ? plan.optimizer_groups[group]->name
                 : "none") +
            "'",
        sum);
  if (plan.states.empty())
    return out + "  none\n";
  out += table.str(2);
  std::sort(learnt.begin(), learnt.end(), [&](const StateT *a, const StateT *b) {
    uint64_t na = elementsOf(plan, *a), nb = elementsOf(plan, *b);
    return na != nb ? na > nb : a->name < b->name;
  });
  constexpr size_t biggest = 6;
  if (learnt.empty())
    return out;
  out += "  biggest:\n";
  TextTable names({{"name", Align::Left, 60}, {"shape", Align::Left}, {"bytes", Align::Right}});
  for (size_t i = 0; i < learnt.size() && i < biggest; ++i)
    names.addRow(
        {learnt[i]->name, shapeText(plan, *learnt[i]), formatBytes(bytesOf(plan, *learnt[i]))});
  return out + names.str(4);
}

std::string memorySection(const PlanT &plan, const DescribeOptions &options) {
  double states = 0, hidden = 0;
  for (const auto &state : plan.states)
    (state->role == StateRole::Hidden ? hidden : states) += double(bytesOf(plan, *state));
  std::string out = heading("Memory");
  out += "  states: " + formatBytes(states) + " (all entries share them)\n";
  TextTable table({{"entry", Align::Left, 32},
                   {"arena expected", Align::Right},
                   {"arena at most", Align::Right},
                   {"batches in flight", Align::Right},
                   {"each at most", Align::Right},
                   {"with states at most", Align::Right}});
  for (const auto &entry : plan.entries) {
    if (entry->kind == EntryKind::InferLayer)
      continue;
    bool unbounded = entry->arena_bound == UINT64_MAX || entry->slot_bound == UINT64_MAX;
    double total = states + double(entry->arena_bound) + double(entry->slot_bound) * entry->slots;
    table.addRow({entry->name, formatBytes(factsOf(*entry, options.rates).arenaExpected),
                  formatBytes(entry->arena_bound), std::to_string(entry->slots),
                  formatBytes(entry->slot_bound), unbounded ? "unbounded" : formatBytes(total)});
  }
  out += table.str(2);
  if (hidden > 0)
    out += "  inference keeps rows between layers, those of two layers at a time: " +
           formatBytes(hidden) + " for all layers\n";
  return out + "  graph arrays are memory-mapped and not counted\n";
}

std::string kernelSection(const PlanT &plan) {
  std::string out = heading("Kernels");
  out += "  " + count(plan.kernels.size(), "generated kernel");
  std::string levels;
  for (const auto &library : plan.libraries)
    levels += (levels.empty() ? "" : ", ") + printable(library->target) + " " +
              (library->text_of.empty() ? formatBytes(uint64_t(library->object.size()))
                                        : "(that of " + printable(library->text_of) + ")");
  out += levels.empty() ? ", no code in this plan\n" : "; code for " + levels + "\n";
  if (std::any_of(plan.libraries.begin(), plan.libraries.end(),
                  [](const auto &library) { return isGpuTarget(library->target); }))
    out += std::string("  dense products on a GPU in ") +
           (plan.gpu_products == GpuProducts::Tf32
                ? "tf32: inputs rounded to 10 bits behind the point\n"
                : "fp32\n");
  return out;
}

std::string costSection(const PlanT &plan, const DescribeOptions &options) {
  std::string out = heading("Ops and estimated work of a step");
  TextTable table({{"entry", Align::Left, 28},
                   {"queue", Align::Left},
                   {"ops", Align::Right},
                   {"waves", Align::Right},
                   {"bytes", Align::Right},
                   {"flops", Align::Right},
                   {"flops/byte", Align::Right},
                   {"seconds", Align::Right}});
  bool known = options.rates.known();
  for (const auto &entry : plan.entries) {
    if (entry->kind == EntryKind::InferLayer)
      continue; // --entry shows one
    EntryFacts facts = factsOf(*entry, options.rates);
    std::string label = entry->name;
    if (entry->batch_size > 0)
      label += " (" + formatCount(double(entry->batch_size)) + " seeds)";
    for (int q = 0; q < numQueues; ++q) {
      const QueueFacts &queue = facts.queues[q];
      if (queue.ops == 0)
        continue;
      char intensity[32] = "";
      if (queue.cost.bytes > 0)
        std::snprintf(intensity, sizeof intensity, "%.1f", queue.cost.flops / queue.cost.bytes);
      table.addRow({label, spelled(Queue(q)), formatInteger(queue.ops), formatInteger(queue.waves),
                    formatBytes(queue.cost.bytes), formatCount(queue.cost.flops), intensity,
                    known ? formatSeconds(queue.cost.seconds) : ""});
      label.clear();
      if (queue.once.bytes > 0)
        table.addRow({"", "  first step", "", "", formatBytes(queue.once.bytes),
                      formatCount(queue.once.flops), "",
                      known ? formatSeconds(queue.once.seconds) : ""});
    }
    if (facts.ops == 0)
      table.addRow({label, "-", "0"});
  }
  if (plan.entries.empty())
    return out + "  the plan has no entries\n";
  out += table.str(2);
  int main = mainEntry(plan);
  if (main < 0)
    return out;
  const EntryT &entry = *plan.entries[main];
  EntryFacts facts = factsOf(entry, options.rates);
  if (!known)
    return out + "  give --machine-rates=GBps,GFLOPs or --measure for seconds\n";
  std::string text =
      "a step of '" + printable(entry.name) + "' takes about " + formatSeconds(facts.total.seconds);
  if (facts.slowestQueue >= 0)
    text += " (the " + spelled(Queue(facts.slowestQueue)) + " queue; the others run beside it)";
  text +=
      ", assuming " + describeRates(options.rates) +
      ", on all threads; an op takes the slower of its memory traffic and its arithmetic, and no "
      "array is found in a cache";
  return out + wrapped(text, 100, "  ", "  ");
}

std::string heaviestSection(const EntryT &entry, const std::string &name,
                            const DescribeOptions &options) {
  std::vector<std::pair<const OpT *, Cost>> ops;
  Cost total;
  double links = 0;
  for (const auto &op : entry.ops) {
    if (op->in_loop_static)
      continue;
    Cost cost = costOf(*op, entry, options.rates);
    total.bytes += cost.bytes;
    total.seconds += cost.seconds;
    links += linkBytesOf(*op, entry);
    ops.emplace_back(op.get(), cost);
  }
  bool known = options.rates.known();
  auto weight = [&](const Cost &cost) { return known ? cost.seconds : cost.bytes; };
  std::sort(ops.begin(), ops.end(), [&](const auto &a, const auto &b) {
    double wa = weight(a.second), wb = weight(b.second);
    return wa != wb ? wa > wb : a.first->id < b.first->id;
  });
  if (ops.empty() || !(weight(ops.front().second) > 0))
    return "";
  std::string out = heading("Heaviest ops of " + name);
  TextTable table({{"op", Align::Right},
                   {"name", Align::Left, links > 0 ? 32u : 44u},
                   {"queue", Align::Left},
                   {"sent", Align::Right},
                   {"bytes", Align::Right},
                   {"flops", Align::Right},
                   {"seconds", Align::Right},
                   {"share", Align::Right}});
  constexpr size_t heaviest = 6;
  for (size_t i = 0; i < ops.size() && i < heaviest; ++i) {
    const auto &[op, cost] = ops[i];
    if (!(weight(cost) > 0))
      break;
    double sent = linkBytesOf(*op, entry);
    table.addRow({std::to_string(op->id), op->name, spelled(op->queue),
                  sent > 0 ? formatBytes(sent) : "", formatBytes(cost.bytes),
                  formatCount(cost.flops), known ? formatSeconds(cost.seconds) : "",
                  percent(weight(cost), weight(total))});
  }
  return out + table.str(2);
}

/// The middle of the summary for a plan of one partition.
std::string wholeSections(const PlanT &plan, const DescribeOptions &options) {
  std::string out;
  int main = mainEntry(plan);
  if (main >= 0) {
    out += relationSection(plan, *plan.entries[main], options.maxRows);
    out += sizeSection(plan, *plan.entries[main], options.maxRows);
  }
  out += parameterSection(plan);
  out += memorySection(plan, options);
  out += kernelSection(plan);
  out += costSection(plan, options);
  out += cachesSection(plan);
  out += alternativesSection(plan);
  if (main >= 0)
    out += heaviestSection(*plan.entries[main], "'" + printable(plan.entries[main]->name) + "'",
                           options);
  return out;
}

/// The same for several partitions.
std::string partitionedSections(const PlanT &plan, const DescribeOptions &options) {
  std::string out = partitionsSection(plan, options);
  StepFacts step = mainStep(plan);
  if (step.entries.empty())
    return out + parameterSection(plan) + kernelSection(plan) + costSection(plan, options);
  out += partitionRelationsSection(plan, step, options);
  out += partitionSizesSection(plan, step, options);
  out += parameterSection(plan);
  out += partitionMemorySection(plan, options);
  out += kernelSection(plan);
  out += partitionCostSection(plan, step, options);
  out += wireSection(plan, step);
  out += cachesSection(plan);
  out += alternativesSection(plan);
  const EntryT &slowest = *plan.entries[slowestEntry(plan, step, options.rates)];
  out += heaviestSection(slowest,
                         "'" + printable(step.name) + "' in partition " +
                             std::to_string(slowest.partition) +
                             (options.rates.known() ? ", the slowest" : ""),
                         options);
  return out;
}

} // namespace

std::string describe(const PlanT &plan, const DescribeOptions &options) {
  std::string out = "Plan";
  if (!options.source.empty())
    out += " " + printable(options.source);
  out += ": format " + std::to_string(plan.major) + "." + std::to_string(plan.minor);
  if (!plan.producer.empty())
    out += ", written by " + printable(plan.producer);
  out += "\n  " + count(plan.partitions, "partition") + ", " +
         count(plan.node_types.size(), "node type") + ", " +
         count(plan.relations.size(), "relation") + ", schema " +
         printable(plan.schema_fingerprint) + "\n";
  out += taskSection(plan);
  TextTable types({{"node type", Align::Left, 48}, {"nodes in graph", Align::Right}});
  for (size_t i = 0; i < plan.node_types.size() && i < options.maxRows; ++i)
    types.addRow({plan.node_types[i]->name, formatInteger(plan.node_types[i]->num_nodes)});
  if (types.rows() > 0)
    out += heading("Node types") + types.str(2) +
           more(plan.node_types.size(), types.rows(), "node types");
  out += plan.partitions > 1 ? partitionedSections(plan, options) : wholeSections(plan, options);
  if (!plan.remarks.empty()) {
    out += heading("Remarks of the compiler");
    size_t shown = std::min(plan.remarks.size(), options.maxRows);
    for (size_t i = 0; i < shown; ++i)
      out += wrapped(printable(plan.remarks[i]), 100, "  - ", "    ");
    out += more(plan.remarks.size(), shown, "remarks");
  }
  return out;
}

} // namespace heddle::plan
