//===- DescribeOps.cpp - the ops, kernels and phases of a plan ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/Describe.h"

#include "runtime/base/Format.h"
#include "runtime/base/Suggest.h"
#include "runtime/plan/DescribeText.h"
#include "runtime/plan/PartitionFacts.h"
#include "runtime/plan/Products.h"
#include "runtime/plan/RowTerms.h"

namespace heddle::plan {
namespace {

using Align = TextTable::Align;

/// The merges among an op's terms that are no sums: " softmax", " 2 max", or nothing.
std::string mergesText(const OpT &op) {
  std::string out;
  const auto *all = op.attrs.AsMergeAllAttrs();
  for (MergeKind merge : {MergeKind::Max, MergeKind::Argmax, MergeKind::Softmax}) {
    size_t count = 0;
    for (size_t i = 0; i < (all ? all->merges.size() : 1); ++i)
      count += mergeOf(op, i) == merge;
    if (count)
      out += (count > 1 ? " " + std::to_string(count) : std::string()) + " " + spelled(merge);
  }
  return out;
}

static std::string blockText(uint32_t block, uint32_t blocks) {
  return blocks > 1 ? " block " + std::to_string(block) + " of " + std::to_string(blocks) : "";
}

/// What an op works on, in one short cell.
std::string shapeOf(const GemmAttrsT &a) {
  return std::string(a.gemm == GemmKind::ParamGrad ? "A^T B" : "A B") +
         " k=" + std::to_string(a.k) + " n=" + std::to_string(a.n) +
         (a.heads > 1 ? " heads=" + std::to_string(a.heads) : "") +
         (a.transpose_b ? " B transposed" : "") + (a.accumulate ? " adds" : "");
}

std::string detailOf(const PlanT &plan, const EntryT &entry, const OpT &op) {
  const OpAttrsUnion &attrs = op.attrs;
  if (auto *a = attrs.AsSeedsAttrs())
    return typeName(plan, a->node_type) + blockText(a->block, a->blocks);
  if (auto *a = attrs.AsSampleAttrs())
    return "fan-out " + fanoutText(a->mode == SampleMode::All ? -1 : a->fanout) + " hop " +
           std::to_string(a->hop) + " " + relationTriple(plan, a->relation) +
           blockText(a->block, a->blocks) + (a->unique ? ", unique sources" : "");
  if (auto *a = attrs.AsFrontierAttrs())
    return "hop " + std::to_string(a->hop) + " " + typeName(plan, a->node_type);
  if (auto *a = attrs.AsFetchDenseAttrs())
    return typeName(plan, a->node_type) + "." + a->feature + " [" + std::to_string(a->dim) + "]";
  if (auto *a = attrs.AsFetchEdgeAttrs())
    return relationTriple(plan, a->relation) + "." + a->feature + " [" + std::to_string(a->dim) +
           "]";
  if (auto *a = attrs.AsFetchSparseAttrs())
    return typeName(plan, a->node_type) + "." + a->feature + " [" + std::to_string(a->dim) + "]";
  if (auto *a = attrs.AsFetchLabelsAttrs())
    return typeName(plan, a->node_type) + "." + a->label;
  if (auto *a = attrs.AsKernelAttrs())
    return (a->kernel < plan.kernels.size() ? plan.kernels[a->kernel]->name : "?") +
           (a->mode == KernelMode::Chunks ? " by chunks of " + std::to_string(a->chunk_rows) : "");
  if (std::vector<Product> products = productsOf(op); !products.empty()) {
    // Neighbours of one shape together, and what adds to the first of them.
    std::string text;
    for (size_t p = 0, same = 1; p < products.size(); p += same, same = 1) {
      const std::string shape = shapeOf(*products[p].attrs);
      bool sum = false;
      for (; p + same < products.size(); ++same) {
        GemmAttrsT next(*products[p + same].attrs);
        const bool adds = next.accumulate && products[p + same].c == products[p].c;
        next.accumulate &= !adds;
        if (shapeOf(next) != shape || (same > 1 && adds != sum))
          break;
        sum = adds;
      }
      text += (text.empty() ? "" : "; ") + std::string(sum ? "sum of " : "") +
              (same > 1 ? std::to_string(same) + " of " : "") + shape;
    }
    return text;
  }
  if (auto *a = attrs.AsMergeAttrs())
    return "width " + std::to_string(a->width);
  std::string out;
  if (Collective collective = collectiveOf(op)) {
    out = spelled(collective.traffic) + " " + std::to_string(collective.id) + " of {" +
          partitionList(*collective.participants, plan.partitions) + "}";
    if (size_t terms = rowTermsOf(op); terms > 1)
      out += " " + std::to_string(terms) + " terms";
    out += mergesText(op);
    if (collective.leader >= 0)
      out += " leader " + std::to_string(collective.leader);
    if (!op.wire.empty())
      out += " " + formatBytes(expectedValue(op.wire, entry));
  }
  return out;
}

} // namespace

std::string describeOps(const PlanT &plan, int entryIndex, const DescribeOptions &options) {
  const EntryT &entry = *plan.entries[entryIndex];
  bool known = options.rates.known();
  TextTable table({{"op", Align::Right},
                   {"queue", Align::Left},
                   {"wave", Align::Right},
                   {"kind", Align::Left},
                   {"name", Align::Left, 28},
                   {"what", Align::Left, 40},
                   {"bytes", Align::Right},
                   {"flops", Align::Right},
                   {"seconds", Align::Right}});
  for (const auto &op : entry.ops) {
    Cost cost = costOf(*op, entry, options.rates);
    table.addRow({std::to_string(op->id), spelled(op->queue), std::to_string(op->wave),
                  spelled(op->attrs.type), op->name, detailOf(plan, entry, *op),
                  formatBytes(cost.bytes), formatCount(cost.flops),
                  known ? formatSeconds(cost.seconds) : ""});
  }
  std::string where = plan.partitions > 1 ? " of partition " + std::to_string(entry.partition) : "";
  return "Ops of entry '" + printable(entry.name) + "'" + where + " (" +
         formatInteger(entry.ops.size()) + "), estimates of one step\n" + table.str(2);
}

std::string describeKernels(const PlanT &plan) {
  std::string out;
  for (const auto &kernel : plan.kernels) {
    out += "// " + printable(kernel->name) + ": symbol " + printable(kernel->symbol) + ", " +
           count(kernel->num_args, "argument") + ", " + number(kernel->flops_per_row) +
           " flops per row\n";
    std::string body = kernel->ir.empty() ? "// the plan holds no body of it\n" : kernel->ir;
    // Line by line: a body is many lines, but nothing else in it may reach the terminal raw.
    for (size_t at = 0; at < body.size();) {
      size_t end = std::min(body.find('\n', at), body.size());
      out += printable(std::string_view(body).substr(at, end - at)) + "\n";
      at = end + 1;
    }
    out += "\n";
  }
  return out.empty() ? "the plan has no kernels\n" : out;
}

std::string describePhases(const PlanT &plan) {
  TextTable table({{"phase", Align::Left, 48}, {"text", Align::Right}});
  for (const auto &phase : plan.phases)
    table.addRow({phase->name, formatBytes(phase->size)});
  return plan.phases.empty() ? "the plan holds no phase texts\n" : table.str();
}

absl::StatusOr<std::string> phaseText(const PlanT &plan, const std::string &name) {
  std::vector<std::string> names;
  for (const auto &phase : plan.phases) {
    if (phase->name == name) {
      auto text = decompressText(phase->text, phase->size);
      if (!text.ok())
        return withPrefix(text.status(), "phase '" + name + "': ");
      return text;
    }
    names.push_back(phase->name);
  }
  if (names.empty())
    return invalidArgument("--phase: the plan holds no phase texts; recompile with heddle-compile "
                           "to store them");
  return invalidArgument("--phase: the plan holds no phase '" + name + "'" +
                         suggestion(name, names));
}

} // namespace heddle::plan
