//===- DescribeJson.cpp - a plan as JSON --------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Scripts read this: keys are only ever added.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/Describe.h"

#include "runtime/base/Json.h"
#include "runtime/plan/Metatree.h"
#include "runtime/plan/RowTerms.h"

#include "nlohmann/json.hpp"

#include <cmath>

namespace heddle::plan {
namespace {

using Json = nlohmann::ordered_json;

Json numberOrNull(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
/// The largest 64-bit value means "no bound".
Json boundOrNull(uint64_t value) { return value == UINT64_MAX ? Json(nullptr) : Json(value); }

Json toJson(const Extent &extent) {
  return {{"symbol", extent.symbol()},
          {"divisor", extent.divisor()},
          {"scale", extent.scale()},
          {"constant", extent.constant()}};
}
Json toJson(const std::unique_ptr<Extent> &extent) {
  return extent ? toJson(*extent) : Json(nullptr);
}
Json toJson(const std::vector<Extent> &extents) {
  Json out = Json::array();
  for (const Extent &extent : extents)
    out.push_back(toJson(extent));
  return out;
}

Json toJson(const Cost &cost, bool known) {
  return {{"bytes", numberOrNull(cost.bytes)},
          {"flops", numberOrNull(cost.flops)},
          {"seconds", known ? numberOrNull(cost.seconds) : Json(nullptr)}};
}

Json productJson(const GemmAttrsT &a) {
  Json out = {{"gemm", a.gemm == GemmKind::ParamGrad ? "param_grad" : "rows_param"},
              {"rows", toJson(a.rows)},
              {"k", a.k},
              {"n", a.n},
              {"transpose_b", a.transpose_b},
              {"accumulate", a.accumulate},
              {"chunk_rows", a.chunk_rows}};
  if (a.heads > 1)
    out["heads"] = a.heads;
  return out;
}

Json toJson(const OpAttrsUnion &attrs) {
  if (auto *a = attrs.AsSeedsAttrs())
    return {{"node_type", a->node_type},
            {"blocks", a->blocks},
            {"block", a->block},
            {"cut_relations", a->cut.size()}};
  if (auto *a = attrs.AsSampleAttrs())
    return {{"relation", a->relation},
            {"hop", a->hop},
            {"mode", a->mode == SampleMode::All ? "all" : "keyed"},
            {"fanout", a->fanout},
            {"blocks", a->blocks},
            {"block", a->block},
            {"unique", a->unique}};
  if (auto *a = attrs.AsFrontierAttrs())
    return {{"node_type", a->node_type},
            {"hop", a->hop},
            {"samples", a->samples},
            {"self_link", a->self_link}};
  if (auto *a = attrs.AsFetchDenseAttrs())
    return {{"node_type", a->node_type}, {"feature", a->feature}, {"dim", a->dim}};
  if (auto *a = attrs.AsFetchEdgeAttrs())
    return {{"relation", a->relation}, {"hop", a->hop}, {"feature", a->feature}, {"dim", a->dim}};
  if (auto *a = attrs.AsFetchSparseAttrs())
    return {{"node_type", a->node_type}, {"feature", a->feature}, {"dim", a->dim}};
  if (auto *a = attrs.AsFetchLabelsAttrs())
    return {{"node_type", a->node_type},
            {"label", a->label},
            {"multilabel", a->multilabel},
            {"num_classes", a->num_classes}};
  if (auto *a = attrs.AsScalarsAttrs()) {
    Json scalars = Json::array();
    for (const auto &spec : a->scalars)
      scalars.push_back({{"kind", EnumNameScalarKind(spec->kind)}, {"group", spec->group}});
    return {{"scalars", scalars}};
  }
  if (auto *a = attrs.AsKernelAttrs())
    return {{"kernel", a->kernel},
            {"mode", a->mode == KernelMode::Chunks ? "chunks" : "rows"},
            {"domain", toJson(a->domain)},
            {"chunk_rows", a->chunk_rows},
            {"balance", a->balance}};
  if (auto *a = attrs.AsGemmAttrs())
    return productJson(*a);
  if (auto *a = attrs.AsGemmGroupAttrs()) {
    Json products = Json::array();
    for (const auto &part : a->products) {
      products.push_back(productJson(*part->attrs));
      products.back().update({{"a", part->a}, {"b", part->b}, {"c", part->c}});
    }
    return {{"products", products}};
  }
  if (auto *a = attrs.AsMergeAttrs())
    return {{"chunks", toJson(a->chunks)}, {"width", a->width}};
  return Json::object();
}

/// The attributes of a collective.
Json collectiveJson(const OpT &op, const Collective &collective) {
  Json out = {{"collective", collective.id},
              {"participants", *collective.participants},
              {"traffic", spelled(collective.traffic)}};
  if (collective.leader >= 0)
    out["leader"] = collective.leader;
  if (auto *a = op.attrs.AsMergeAllAttrs()) {
    out["by_number"] = a->by_number;
    if (!a->merges.empty())
      for (MergeKind merge : a->merges)
        out["merges"].push_back(spelled(merge));
    if (!a->heads.empty())
      out["heads"] = a->heads;
  }
  if (auto *a = op.attrs.AsMergeToAttrs(); a && a->merge != MergeKind::Sum)
    out["merge"] = spelled(a->merge);
  if (auto *a = op.attrs.AsMergeToAttrs(); a && a->heads > 1)
    out["heads"] = a->heads;
  auto rows = [&](const auto &attrs) {
    for (const RowsAt &at : rowsOf(attrs))
      out["terms"].push_back({{"node_type", at.node_type()}, {"hop", at.hop()}});
  };
  if (auto *a = op.attrs.AsUnionRowsAttrs())
    rows(*a);
  if (auto *a = op.attrs.AsRequestRowsAttrs())
    rows(*a);
  if (auto *a = op.attrs.AsFetchRemoteAttrs())
    for (const RemoteFeatureT &feature : featuresOf(*a))
      out["terms"].push_back({{"node_type", feature.node_type},
                              {"hop", feature.hop},
                              {"feature", feature.feature},
                              {"dim", feature.dim},
                              {"sparse", feature.sparse}});
  return out;
}

Json toJson(const OpT &op, const EntryT &entry, const MachineRates &rates) {
  Collective collective = collectiveOf(op);
  return {{"id", op.id},
          {"name", op.name},
          {"location", op.location},
          {"queue", spelled(op.queue)},
          {"wave", op.wave},
          {"kind", spelled(op.attrs.type)},
          {"attrs", collective ? collectiveJson(op, collective) : toJson(op.attrs)},
          {"inputs", op.inputs},
          {"outputs", op.outputs},
          {"waits", op.waits},
          {"signals", op.signals},
          {"static", op.in_loop_static},
          {"bytes_formula", toJson(op.bytes)},
          {"flops_formula", toJson(op.flops)},
          {"wire_formula", toJson(op.wire)},
          {"estimate", toJson(costOf(op, entry, rates), rates.known())}};
}

Json toJson(const PlanT &plan, const EntryT &entry, const MachineRates &rates) {
  Json symbols = Json::array(), buffers = Json::array(), regions = Json::array(),
       semaphores = Json::array(), ops = Json::array(), outputs = Json::array(),
       hops = Json::array(), samples = Json::array(), queues = Json::object();
  for (const auto &symbol : entry.symbols)
    symbols.push_back({{"kind", spelled(symbol->kind)},
                       {"hop", symbol->hop},
                       {"index", symbol->index},
                       {"aux", symbol->aux},
                       {"bound", boundOrNull(symbol->bound)},
                       {"expected", numberOrNull(symbol->expected)}});
  for (const auto &buffer : entry.buffers)
    buffers.push_back({{"name", buffer->name},
                       {"dtype", spelled(buffer->dtype)},
                       {"rows", toJson(buffer->rows)},
                       {"width", buffer->width},
                       {"space", spelled(buffer->space)},
                       {"region", buffer->region},
                       {"state", buffer->state},
                       {"placement", spelled(buffer->placement)},
                       {"owner", buffer->owner},
                       {"batch_axis", buffer->batch_axis == BatchAxis::Split ? "split" : "whole"}});
  for (const auto &region : entry.regions)
    regions.push_back({{"buffers", region->buffers}});
  for (const auto &semaphore : entry.semaphores)
    semaphores.push_back({{"name", semaphore->name},
                          {"from", spelled(semaphore->from)},
                          {"to", spelled(semaphore->to)}});
  for (const auto &op : entry.ops)
    ops.push_back(toJson(*op, entry, rates));
  for (const auto &output : entry.outputs)
    outputs.push_back({{"name", output->name}, {"buffer", output->buffer}});
  for (const HopFacts &facts : hopsOf(plan, entry))
    hops.push_back({{"hop", facts.hop},
                    {"node_type", plan.node_types[facts.nodeType]->name},
                    {"rows_expected", facts.hasRows ? numberOrNull(facts.rowsExpected) : nullptr},
                    {"rows_bound", facts.hasRows ? boundOrNull(facts.rowsBound) : nullptr},
                    {"edges_expected", numberOrNull(facts.edgesExpected)},
                    {"edges_bound", boundOrNull(facts.edgesBound)},
                    {"relations", facts.relations}});
  for (const SampleFacts &facts : samplesOf(entry))
    samples.push_back(
        {{"relation", relationTriple(plan, facts.relation)},
         {"hop", facts.hop},
         {"fanout", facts.fanout},
         {"edges_expected", facts.hasEdges ? numberOrNull(facts.edgesExpected) : nullptr},
         {"edges_bound", facts.hasEdges ? boundOrNull(facts.edgesBound) : nullptr}});
  EntryFacts facts = factsOf(entry, rates);
  for (int q = 0; q < numQueues; ++q)
    if (facts.queues[q].ops > 0)
      queues[spelled(Queue(q))] = {{"ops", facts.queues[q].ops},
                                   {"waves", facts.queues[q].waves},
                                   {"estimate", toJson(facts.queues[q].cost, rates.known())},
                                   {"first_step", toJson(facts.queues[q].once, rates.known())}};
  return {{"name", entry.name},
          {"kind", spelled(entry.kind)},
          {"layer", entry.layer},
          {"partition", entry.partition},
          {"batch_size", entry.batch_size},
          {"slots", entry.slots},
          {"arena_bound", boundOrNull(entry.arena_bound)},
          {"arena_expected", boundOrNull(facts.arenaExpected)},
          {"slot_bound", boundOrNull(entry.slot_bound)},
          {"estimate", toJson(facts.total, rates.known())},
          {"queues", queues},
          {"hops", hops},
          {"samples", samples},
          {"symbols", symbols},
          {"buffers", buffers},
          {"regions", regions},
          {"semaphores", semaphores},
          {"ops", ops},
          {"outputs", outputs}};
}

Json toJson(const PlanT &plan, const WireTerm &term) {
  Json symbol = nullptr;
  if (term.hasSymbol)
    symbol = {{"kind", spelled(term.kind)},
              {"hop", term.hop},
              {"index", term.index},
              {"aux", term.aux},
              {"divisor", term.divisor}};
  return {{"traffic", spelled(term.traffic)},
          {"first_step_only", term.once},
          {"symbol", symbol},
          {"scale", term.scale},
          {"passes", term.passes},
          {"others", term.others},
          {"id_bytes", term.idBytes},
          {"numbers", term.numbers},
          {"plain_bytes", term.plain},
          {"formula", formulaOf(plan, term)},
          {"expected_bytes", numberOrNull(term.expected)}};
}

Json toJson(const PlanT &plan, const Metatree &tree) {
  Json vertices = Json::array(), links = Json::array(), merges = Json::array();
  for (const Metatree::Vertex &vertex : tree.vertices) {
    Json rows = Json::array();
    for (const auto &[partition, expected] : vertex.rows)
      rows.push_back({{"partition", partition},
                      {"expected", expected < 0 ? Json(nullptr) : numberOrNull(expected)}});
    vertices.push_back({{"hop", vertex.hop},
                        {"node_type", plan.node_types[vertex.nodeType]->name},
                        {"rows", rows}});
  }
  for (const Metatree::Link &link : tree.links)
    links.push_back(
        {{"partition", link.partition},
         {"relation",
          link.relation < 0 ? Json(nullptr) : Json(relationTriple(plan, uint32_t(link.relation)))},
         {"from", link.from},
         {"to", link.to},
         {"fanout", link.relation < 0 ? Json(nullptr) : Json(link.fanout)},
         {"edges", link.edges < 0 ? Json(nullptr) : numberOrNull(link.edges)}});
  for (const Metatree::Merge &merge : tree.merges)
    merges.push_back({{"collective", merge.collective},
                      {"kind", merge.kind},
                      {"participants", merge.participants},
                      {"leader", merge.leader < 0 ? Json(nullptr) : Json(merge.leader)},
                      {"vertex", merge.vertex},
                      {"numbers", merge.numbers}});
  return {{"vertices", vertices}, {"links", links}, {"merges", merges}};
}

/// What each partition does, what a step of all of them is, what the compiler weighed.
void addPartitions(Json &out, const PlanT &plan, const MachineRates &rates) {
  std::vector<PartitionFacts> partitions = partitionsOf(plan);
  double balance = balanceOf(partitions);
  out["balance_rule"] = plan.balance_rule;
  out["balance"] = balance > 0 ? Json(balance) : Json(nullptr);
  out["partition_info"] = Json::array();
  for (const PartitionFacts &facts : partitions) {
    Json learnt = Json::array();
    for (const auto &[key, kept] : facts.learnt)
      learnt.push_back({{"role", spelled(key.first)},
                        {"shared_with", key.second},
                        {"states", kept.states},
                        {"bytes", numberOrNull(kept.bytes)}});
    out["partition_info"].push_back(
        {{"partition", facts.partition},
         {"root_links", facts.links},
         {"load", facts.load},
         {"state_bytes", numberOrNull(facts.stateBytes)},
         {"learnt", learnt},
         {"spread", {{"states", facts.spread.states}, {"bytes", numberOrNull(facts.spread.bytes)}}},
         {"kernels", facts.kernels}});
  }
  out["steps"] = Json::array();
  for (const StepFacts &step : stepsOf(plan)) {
    double slowest = 0;
    for (uint32_t e : step.entries)
      slowest = std::max(slowest, factsOf(*plan.entries[e], rates).total.seconds);
    Json wire = Json::array();
    std::vector<WireTerm> terms = wireOf(plan, step);
    for (const WireTerm &term : terms)
      wire.push_back(toJson(plan, term));
    out["steps"].push_back({{"name", step.name},
                            {"kind", spelled(step.kind)},
                            {"layer", step.layer},
                            {"entries", step.entries},
                            {"seconds", rates.known() ? numberOrNull(slowest) : Json(nullptr)},
                            {"wire", wire},
                            {"wire_bytes", numberOrNull(wireBytes(terms, false))},
                            {"first_step_wire_bytes", numberOrNull(wireBytes(terms, true))},
                            {"metatree", toJson(plan, metatreeOf(plan, step))}});
  }
  out["alternatives"] = Json::array();
  for (const auto &alternative : plan.alternatives)
    out["alternatives"].push_back({{"name", alternative->name},
                                   {"chosen", alternative->chosen},
                                   {"forced", alternative->forced},
                                   {"seconds", numberOrNull(alternative->seconds)},
                                   {"wire_bytes", numberOrNull(alternative->wire_bytes)},
                                   {"note", alternative->note}});
  out["caches"] = Json::array();
  for (const auto &cache : plan.caches) {
    Json points = Json::array();
    for (const CachePoint &point : cache->points)
      points.push_back({{"kept", point.kept()}, {"hits", point.hits()}});
    out["caches"].push_back({{"node_type", plan.node_types[cache->node_type]->name},
                             {"feature", cache->feature},
                             {"dim", cache->dim},
                             {"number_bytes", cache->number_bytes},
                             {"requested", numberOrNull(cache->requested)},
                             {"points", points}});
  }
}

/// Text that holds JSON as JSON, anything else as a string.
Json parsedOrText(const std::string &text) {
  Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return parsed.is_discarded() ? Json(text) : parsed;
}

} // namespace

std::string describeJson(const PlanT &plan, const DescribeOptions &options) {
  Json out = {{"description_version", 1},
              {"source", options.source},
              {"major", plan.major},
              {"minor", plan.minor},
              {"features", plan.features},
              {"producer", plan.producer},
              {"schema_fingerprint", plan.schema_fingerprint},
              {"statistics_fingerprint", plan.statistics_fingerprint},
              {"partitions", plan.partitions},
              {"max_grad_norm", numberOrNull(plan.max_grad_norm)}};
  if (options.rates.known())
    out["machine_rates"] = {{"bytes_per_second", options.rates.bytesPerSecond},
                            {"flops_per_second", options.rates.flopsPerSecond},
                            {"stream_bytes_per_second", options.rates.streamRate()},
                            {"element_flops_per_second", options.rates.elementRate()},
                            {"wave_seconds", options.rates.waveSeconds},
                            {"link_bytes_per_second", options.rates.linkBytesPerSecond},
                            {"message_seconds", options.rates.messageSeconds}};
  else
    out["machine_rates"] = nullptr;
  out["task"] = nullptr;
  if (plan.task)
    out["task"] = {{"node_type", plan.task->node_type},
                   {"label", plan.task->label},
                   {"split", plan.task->split},
                   {"multilabel", plan.task->multilabel},
                   {"classes", plan.task->classes},
                   {"metrics", plan.task->metrics},
                   {"train_settings", parsedOrText(plan.task->train_settings)}};
  out["node_types"] = Json::array();
  for (const auto &type : plan.node_types)
    out["node_types"].push_back({{"name", type->name}, {"num_nodes", type->num_nodes}});
  out["relations"] = Json::array();
  for (size_t i = 0; i < plan.relations.size(); ++i) {
    const RelationT &relation = *plan.relations[i];
    out["relations"].push_back({{"triple", relationTriple(plan, uint32_t(i))},
                                {"source", relation.source},
                                {"name", relation.name},
                                {"destination", relation.destination},
                                {"num_edges", relation.num_edges},
                                {"reverse_of", relation.reverse_of}});
  }
  out["optimizer_groups"] = Json::array();
  for (const auto &group : plan.optimizer_groups)
    out["optimizer_groups"].push_back({{"name", group->name},
                                       {"kind", spelled(group->kind)},
                                       {"lr", numberOrNull(group->lr)},
                                       {"beta1", numberOrNull(group->beta1)},
                                       {"beta2", numberOrNull(group->beta2)},
                                       {"eps", numberOrNull(group->eps)},
                                       {"weight_decay", numberOrNull(group->weight_decay)},
                                       {"momentum", numberOrNull(group->momentum)},
                                       {"row_sparse", group->row_sparse}});
  out["states"] = Json::array();
  for (const auto &state : plan.states) {
    Json init = nullptr;
    if (state->init)
      init = {{"kind", spelled(state->init->kind)},
              {"a", numberOrNull(state->init->a)},
              {"b", numberOrNull(state->init->b)}};
    out["states"].push_back({{"name", state->name},
                             {"role", spelled(state->role)},
                             {"dtype", spelled(state->dtype)},
                             {"rows_type", state->rows_type},
                             {"shape", state->shape},
                             {"elements", elementsOf(plan, *state)},
                             {"bytes", bytesOf(plan, *state)},
                             {"init", init},
                             {"parameter", state->parameter},
                             {"group", state->group},
                             {"checkpointed", state->checkpointed},
                             {"undoable", state->undoable},
                             {"owner", state->owner},
                             {"partitions", keepersOf(plan, *state)},
                             {"export_key", state->export_key}});
  }
  out["kernels"] = Json::array();
  for (const auto &kernel : plan.kernels)
    out["kernels"].push_back({{"name", kernel->name},
                              {"symbol", kernel->symbol},
                              {"num_args", kernel->num_args},
                              {"flops_per_row", numberOrNull(kernel->flops_per_row)},
                              {"ir", kernel->ir}});
  out["libraries"] = Json::array();
  for (const auto &library : plan.libraries) {
    out["libraries"].push_back({{"target", library->target},
                                {"bytes", library->object.size()},
                                {"checksum", library->checksum}});
    if (!library->text_of.empty())
      out["libraries"].back()["text_of"] = library->text_of;
    else if (library->text_size > 0)
      out["libraries"].back()["text_bytes"] = library->text_size;
  }
  out["gpu_products"] = plan.gpu_products == GpuProducts::Tf32 ? "tf32" : "fp32";
  out["entries"] = Json::array();
  for (const auto &entry : plan.entries)
    out["entries"].push_back(toJson(plan, *entry, options.rates));
  addPartitions(out, plan, options.rates);
  out["phases"] = Json::array();
  for (const auto &phase : plan.phases)
    out["phases"].push_back({{"name", phase->name}, {"bytes", phase->size}});
  out["spec"] = parsedOrText(plan.spec);
  out["remarks"] = plan.remarks;
  return printJson(out);
}

} // namespace heddle::plan
