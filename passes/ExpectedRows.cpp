//===- ExpectedRows.cpp - what passes decide by ----------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "passes/ExpectedRows.h"

#include "llvm/ADT/StringSwitch.h"

#include <cstdio>

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::compiler;

namespace heddle::passes {

FailureOr<Decision> readDecision(ModuleOp module, StringRef text) {
  auto decision = llvm::StringSwitch<std::optional<Decision>>(text)
                      .Case("auto", Decision::Auto)
                      .Case("on", Decision::On)
                      .Case("off", Decision::Off)
                      .Default(std::nullopt);
  if (decision)
    return *decision;
  return module.emitError("unknown decision '") << text << "'; known: auto, on, off";
}

LogicalResult forEntries(ModuleOp module,
                         function_ref<LogicalResult(EntryOp, const ExpectedRows &)> body) {
  FailureOr<ModuleTables> tables = ModuleTables::read(module);
  if (failed(tables))
    return failure();
  for (auto entry : module.getOps<EntryOp>()) {
    FailureOr<ExpectedRows> expected = ExpectedRows::of(entry, *tables);
    if (failed(expected) || failed(body(entry, *expected)))
      return failure();
  }
  return success();
}

LogicalResult decideEntries(ModuleOp module, StringRef text,
                            function_ref<void(EntryOp, Decision, const ExpectedRows &)> body) {
  FailureOr<Decision> decision = readDecision(module, text);
  if (failed(decision))
    return failure();
  if (*decision == Decision::Off)
    return success();
  return forEntries(module, [&](EntryOp entry, const ExpectedRows &expected) {
    body(entry, *decision, expected);
    return success();
  });
}

bool Tally::rewrites(Decision decision, double secondsBefore, double secondsAfter, int64_t count) {
  const bool rewrite = decision != Decision::Auto || secondsAfter < secondsBefore;
  (rewrite ? made : stay) += count;
  (rewrite ? before : kept) += secondsBefore;
  (rewrite ? after : other) += secondsAfter;
  return rewrite;
}

FailureOr<ExpectedRows> ExpectedRows::of(EntryOp entry, const ModuleTables &tables) {
  ExpectedRows expected(tables);
  auto estimates = EntrySymbols::estimate(tables, entry);
  if (failed(estimates))
    return failure();
  expected.estimates_ = std::move(*estimates);
  expected.trains_ = entry.getKind() == EntryKind::Train;
  return expected;
}

double ExpectedRows::rows(DomainAttr domain) const {
  using plan::SymbolKind;
  if (!domain.getSymbol())
    return 1;
  const auto &ids = domain.isRows() ? tables_->typeIds : tables_->relationIds;
  auto id = ids.find(domain.getSymbol().getValue().str());
  if (id == ids.end())
    return 0;
  SymbolKind kind = domain.isRows()     ? SymbolKind::Rows
                    : domain.isEdges()  ? SymbolKind::Edges
                    : domain.isActive() ? SymbolKind::Active
                                        : SymbolKind::Unique;
  auto found = estimates_.find({kind, domain.getHop(), id->second, 0});
  return found == estimates_.end() ? 0 : found->second.expected;
}

Value edgesThatRead(Value value, int depth) {
  Value found;
  auto domain = cast<FeatType>(value.getType()).getDomain();
  for (Operation *user : value.getUsers()) {
    Value adj;
    if (auto gather = dyn_cast<GatherSrcOp>(user))
      adj = gather.getAdj();
    else if (auto type = user->getNumResults() == 1
                             ? dyn_cast<FeatType>(user->getResult(0).getType())
                             : FeatType();
             type && type.getDomain() == domain && depth < 8)
      adj = edgesThatRead(user->getResult(0), depth + 1);
    if (!adj || (found && found != adj))
      return {};
    found = adj;
  }
  return found;
}

double ExpectedRows::compactRows(Value value) const {
  DomainAttr domain = cast<FeatType>(value.getType()).getDomain();
  double all = rows(domain);
  Value edges = domain.isRows() ? edgesThatRead(value) : Value();
  if (!edges)
    return all;
  auto adj = cast<AdjType>(edges.getType());
  return std::min(all, rows(DomainAttr::unique(adj.getHop(), adj.getRelation())));
}

double ExpectedRows::product(double rows, double k, double n, double heads, bool gradient) const {
  double one = rates_.seconds(4 * (rows * (k + n) + k * n) * heads, 2 * rows * k * n * heads,
                              /*gathered=*/false, /*product=*/true);
  return one * (trains_ ? gradient ? 3 : 2 : 1);
}

std::string milliseconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g ms", seconds * 1e3);
  return text;
}

} // namespace heddle::passes
