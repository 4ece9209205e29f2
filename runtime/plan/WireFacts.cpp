//===- WireFacts.cpp - bytes between partitions, as formulas ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Format.h"
#include "runtime/plan/PartitionFacts.h"

#include <limits>
#include <tuple>

namespace heddle::plan {
namespace {

constexpr uint64_t saturated = std::numeric_limits<uint64_t>::max();
constexpr uint64_t idBytes = 8, numberBytes = 4;

uint64_t plus(uint64_t a, uint64_t b) { return a > saturated - b ? saturated : a + b; }

/// Terms of equal key are added.
auto keyOf(const WireTerm &t) {
  return std::tuple(t.traffic, t.once, t.hasSymbol, t.kind, t.hop, t.index, t.aux, t.divisor,
                    t.passes, t.others);
}

/// `scale` bytes a unit of an op, taken apart by what the op sends to whom.
void explain(WireTerm &term, const OpT &op, size_t participants, uint64_t scale) {
  term.scale = scale;
  uint64_t passes = op.attrs.type == OpAttrs::MergeAllAttrs ? 2 : 1;
  // A row that another partition keeps travels to or from that one alone.
  bool once = term.kind == SymbolKind::Remote || term.kind == SymbolKind::RemoteNnz;
  uint64_t others = once ? 0 : participants - 1, unit = passes * (once ? 1 : others);
  bool ids = op.attrs.type == OpAttrs::UnionRowsAttrs || op.attrs.type == OpAttrs::RequestRowsAttrs;
  uint64_t size = ids ? idBytes : numberBytes;
  if (participants < 2 || scale % unit != 0 || scale / unit % size != 0) {
    term.plain = scale;
    return;
  }
  term.passes = passes;
  term.others = others;
  if (ids)
    term.idBytes = scale / unit;
  else
    term.numbers = scale / unit / numberBytes;
}

std::string symbolText(const PlanT &plan, const WireTerm &term) {
  std::string of = std::to_string(term.index);
  if (isOfRelation(term.kind))
    of = printable(relationTriple(plan, term.index));
  else if (term.index < plan.node_types.size())
    of = printable(plan.node_types[term.index]->name);
  std::string text = spelled(term.kind) + "(";
  if (term.kind != SymbolKind::Nodes)
    text += std::to_string(term.hop) + ", ";
  text += of + ")";
  return term.divisor > 1 ? "ceil(" + text + " / " + std::to_string(term.divisor) + ")" : text;
}

} // namespace

std::vector<WireTerm> wireOf(const PlanT &plan, const StepFacts &step) {
  using Key = decltype(keyOf(WireTerm()));
  std::map<Key, WireTerm> terms;
  std::set<std::pair<Queue, uint32_t>> seen;
  for (uint32_t index : step.entries) {
    const EntryT &entry = *plan.entries[index];
    for (const auto &op : entry.ops) {
      Collective collective = collectiveOf(*op);
      if (!collective || collective.traffic == Traffic::Control ||
          !seen.insert({op->queue, collective.id}).second)
        continue;
      auto add = [&](WireTerm term, uint64_t scale, double units) {
        if (scale == 0)
          return;
        term.traffic = collective.traffic;
        term.once = op->in_loop_static;
        explain(term, *op, collective.participants->size(), scale);
        term.expected = double(scale) * units;
        auto [found, isNew] = terms.try_emplace(keyOf(term), term);
        if (isNew)
          return;
        WireTerm &sum = found->second;
        sum.expected += term.expected;
        sum.scale = plus(sum.scale, term.scale);
        sum.idBytes = plus(sum.idBytes, term.idBytes);
        sum.numbers = plus(sum.numbers, term.numbers);
        sum.plain = plus(sum.plain, term.plain);
      };
      for (const Extent &extent : op->wire) {
        add({}, extent.constant(), 1);
        if (extent.symbol() < 0 || size_t(extent.symbol()) >= entry.symbols.size())
          continue;
        const SymbolT &symbol = *entry.symbols[size_t(extent.symbol())];
        WireTerm term;
        term.hasSymbol = true;
        term.kind = symbol.kind;
        term.hop = symbol.hop;
        term.index = symbol.index;
        term.aux = symbol.aux;
        term.divisor = std::max(1u, extent.divisor());
        add(term, extent.scale(),
            expectedValue(Extent(extent.symbol(), extent.divisor(), 1, 0), entry));
      }
    }
  }
  std::vector<WireTerm> out;
  for (const auto &[key, term] : terms)
    out.push_back(term);
  return out;
}

double wireBytes(const std::vector<WireTerm> &terms, bool once) {
  double sum = 0;
  for (const WireTerm &term : terms)
    sum += term.once == once ? term.expected : 0;
  return sum;
}

std::string amountOf(const PlanT &plan, const WireTerm &term) {
  return formatInteger(term.scale) + (term.hasSymbol ? " * " + symbolText(plan, term) : "");
}

std::string factorsOf(const WireTerm &term) {
  if (term.passes == 0)
    return "";
  std::string product = term.passes > 1 ? std::to_string(term.passes) + " * " : "";
  if (term.others > 0)
    product += "(" + std::to_string(term.others + 1) + " - 1) * ";
  std::string sum = term.idBytes > 0 ? std::to_string(term.idBytes) : "";
  if (term.numbers > 0)
    sum += (sum.empty() ? "" : " + ") + formatInteger(term.numbers) + " * 4";
  bool several = term.idBytes > 0 && term.numbers > 0 && !product.empty();
  return product + (several ? "(" + sum + ")" : sum);
}

std::string formulaOf(const PlanT &plan, const WireTerm &term) {
  std::string amount = amountOf(plan, term), factors = factorsOf(term);
  if (factors.empty())
    return amount;
  bool sum = term.others == 0 && term.idBytes > 0 && term.numbers > 0;
  return (sum ? "(" + factors + ")" : factors) +
         (term.hasSymbol ? " * " + symbolText(plan, term) : "") + " = " + amount;
}

} // namespace heddle::plan
