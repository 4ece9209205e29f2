//===- Verify.cpp - semantic verification: tables and names ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Checksum.h"
#include "runtime/plan/GpuCode.h"
#include "runtime/plan/GpuText.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/VerifyContext.h"

#include <cmath>
#include <set>
#include <tuple>

namespace heddle::plan::verify {

namespace {

template <class T> bool allPresent(const std::vector<std::unique_ptr<T>> &items) {
  for (const auto &item : items)
    if (!item)
      return false;
  return true;
}

/// Names reach messages, JSON and file names: no control characters in them.
bool printable(const std::string &text) {
  for (unsigned char c : text)
    if (c < 0x20 || c == 0x7f)
      return false;
  return true;
}

bool isFloat(DType dtype) { return dtype == DType::F32 || dtype == DType::F64; }

bool checkSchema(Context &c) {
  const PlanT &p = c.plan;
  if (!c.check(allPresent(p.node_types) && allPresent(p.relations), "schema", "a table is missing"))
    return false;
  if (p.node_types.empty() || p.node_types.size() > maxNames)
    return c.fail("node types", "there are " + std::to_string(p.node_types.size()) +
                                    ", the keys allow 1 to 65535");
  if (p.relations.size() > maxNames)
    return c.fail("relations", "there are " + std::to_string(p.relations.size()) +
                                   ", the keys allow at most 65535");
  for (size_t i = 0; i < p.node_types.size(); ++i) {
    const NodeTypeT &type = *p.node_types[i];
    std::string place = "node type " + std::to_string(i);
    if (type.name.empty() || !printable(type.name))
      return c.fail(place, "the name is empty or has control characters");
    if (type.num_nodes > maxRows)
      return c.fail(place, "num_nodes is over 2^48");
    if (i && !(p.node_types[i - 1]->name < type.name))
      return c.fail(place, "names are not sorted and unique");
  }
  auto key = [](const PlanT &plan, const RelationT &r) {
    return std::tie(plan.node_types[r.source]->name, r.name, plan.node_types[r.destination]->name);
  };
  for (size_t i = 0; i < p.relations.size(); ++i) {
    const RelationT &r = *p.relations[i];
    std::string place = "relation " + std::to_string(i);
    if (r.source >= p.node_types.size())
      return c.fail(place, "source " + outOf(r.source, p.node_types.size()));
    if (r.destination >= p.node_types.size())
      return c.fail(place, "destination " + outOf(r.destination, p.node_types.size()));
    if (r.name.empty() || !printable(r.name))
      return c.fail(place, "the name is empty or has control characters");
    if (i && !(key(p, *p.relations[i - 1]) < key(p, r)))
      return c.fail(place, "triples are not sorted and unique");
  }
  for (size_t i = 0; i < p.relations.size(); ++i) {
    const RelationT &r = *p.relations[i];
    std::string place = "relation " + std::to_string(i);
    if (r.reverse_of == -1)
      continue;
    if (r.reverse_of < 0 || static_cast<size_t>(r.reverse_of) >= p.relations.size())
      return c.fail(place, "reverse_of " + outOf(r.reverse_of, p.relations.size()));
    const RelationT &base = *p.relations[static_cast<size_t>(r.reverse_of)];
    if (base.reverse_of != -1 || base.source != r.destination || base.destination != r.source)
      return c.fail(place, "reverse_of names a relation that is not its base");
  }
  return true;
}

bool checkTask(Context &c) {
  const PlanT &p = c.plan;
  if (!p.task)
    return c.fail("task", "it is missing");
  if (p.task->node_type >= p.node_types.size())
    return c.fail("task node_type", outOf(p.task->node_type, p.node_types.size()));
  for (const std::string *text : {&p.task->label, &p.task->split})
    if (!printable(*text))
      return c.fail("task", "a name has control characters");
  return true;
}

bool checkOptimizers(Context &c) {
  const PlanT &p = c.plan;
  if (!c.check(allPresent(p.optimizer_groups), "optimizer groups", "a table is missing"))
    return false;
  if (std::isnan(p.max_grad_norm))
    return c.fail("max_grad_norm", "it is not a number");
  for (size_t i = 0; i < p.optimizer_groups.size(); ++i) {
    const OptimizerGroupT &g = *p.optimizer_groups[i];
    std::string place = "optimizer group " + std::to_string(i);
    if (g.kind < OptimizerKind::MIN || g.kind > OptimizerKind::MAX)
      return c.fail(place, "the kind is unknown");
    for (double value : {g.lr, g.beta1, g.beta2, g.eps, g.weight_decay, g.momentum})
      if (!std::isfinite(value) || value < 0)
        return c.fail(place, "a setting is negative or not finite");
    if (g.beta1 >= 1 || g.beta2 >= 1 || g.momentum >= 1)
      return c.fail(place, "beta1, beta2 and momentum are below 1");
  }
  return true;
}

bool checkStates(Context &c) {
  const PlanT &p = c.plan;
  if (!c.check(allPresent(p.states), "states", "a table is missing"))
    return false;
  std::set<std::string> names, keys;
  for (size_t i = 0; i < p.states.size(); ++i) {
    const StateT &s = *p.states[i];
    std::string place = "state " + std::to_string(i) + (s.name.empty() ? "" : " '" + s.name + "'");
    if (s.name.empty() || !printable(s.name) || !printable(s.export_key))
      return c.fail(place, "the name is empty or has control characters");
    if (!names.insert(s.name).second)
      return c.fail(place, "the name is used twice");
    if (s.checkpointed && !keys.insert(s.export_key.empty() ? s.name : s.export_key).second)
      return c.fail(place, "the export key is used twice");
    if (s.role < StateRole::MIN || s.role > StateRole::MAX)
      return c.fail(place, "the role is unknown");
    if (s.dtype < DType::MIN || s.dtype > DType::MAX)
      return c.fail(place, "the dtype is unknown");
    if (s.role == StateRole::Hidden && (s.checkpointed || s.rows_type < 0))
      return c.fail(place, "rows that inference keeps are of a node type and never saved");
    if (s.rows_type < -1 || s.rows_type >= static_cast<int64_t>(p.node_types.size()))
      return c.fail(place, "rows_type " + outOf(s.rows_type, p.node_types.size()));
    if (s.shape.size() > 8)
      return c.fail(place, "the shape has more than 8 dimensions");
    uint64_t elements = 1;
    for (uint64_t extent : s.shape)
      if (__builtin_mul_overflow(elements, extent, &elements) || elements > maxRows)
        return c.fail(place, "the shape is too large");
    if (s.rows_type >= 0 && elements >= uint64_t(1) << 30)
      return c.fail(place, "a row is too large");
    if (s.rows_type < 0 && !s.shape.empty() && s.shape.back() >= uint64_t(1) << 30)
      return c.fail(place, "the last dimension is too large");
    if (!s.init)
      return c.fail(place, "the initializer is missing");
    if (s.init->kind < InitKind::MIN || s.init->kind > InitKind::MAX)
      return c.fail(place, "the initializer is unknown");
    if (!std::isfinite(s.init->a) || !std::isfinite(s.init->b))
      return c.fail(place, "the initializer's numbers are not finite");
    if (s.init->kind != InitKind::Zeros && !isFloat(s.dtype))
      return c.fail(place, "only f32 and f64 states have an initializer other than zeros");
    if (s.parameter < -1 || s.parameter >= static_cast<int64_t>(p.states.size()))
      return c.fail(place, "parameter " + outOf(s.parameter, p.states.size()));
    if (s.group < -1 || s.group >= static_cast<int64_t>(p.optimizer_groups.size()))
      return c.fail(place, "group " + outOf(s.group, p.optimizer_groups.size()));
    if (s.owner < -1 || s.owner >= static_cast<int64_t>(p.partitions))
      return c.fail(place, "owner " + outOf(s.owner, p.partitions));
    for (size_t k = 0; k < s.partitions.size(); ++k) {
      if (s.partitions[k] >= p.partitions)
        return c.fail(place, "partition " + outOf(s.partitions[k], p.partitions));
      if (k && s.partitions[k - 1] >= s.partitions[k])
        return c.fail(place, "its partitions are not ascending");
    }
  }
  return true;
}

/// What only libraries for GPUs have.
bool checkText(Context &c, const KernelLibraryT &l, const std::string &place) {
  if (!isGpuTarget(l.target) &&
      !(l.preamble.empty() && l.text_size == 0 && l.text_of.empty() && l.functions.empty()))
    return c.fail(place, "it is for a CPU and has text");
  const KernelLibraryT *holder = holderOf(c.plan, l);
  if (!holder)
    return c.fail(place,
                  "its text is another library's, which is missing, not for a GPU or without "
                  "text of its own");
  if (holder != &l && l.text_size > 0)
    return c.fail(place, "it says a size of text that is another's");
  if (l.text_size > maximumText)
    return c.fail(place, "the text has more than 256 MiB");
  if (l.functions != holder->functions)
    return c.fail(place, "its kernels run other functions than its text's");
  if (!l.functions.empty() && l.functions.size() != c.plan.kernels.size())
    return c.fail(place, "it says the functions of " + std::to_string(l.functions.size()) +
                             " kernels, not of " + std::to_string(c.plan.kernels.size()));
  for (size_t k = 0; k < l.functions.size(); ++k)
    // The first of those that share a function has it.
    if (l.functions[k] > k || l.functions[l.functions[k]] != l.functions[k])
      return c.fail(place, "kernel " + std::to_string(k) + " runs the function of kernel " +
                               std::to_string(l.functions[k]) + ", which has none");
    else if (c.plan.kernels[k]->num_args != c.plan.kernels[l.functions[k]]->num_args)
      return c.fail(place, "kernel " + std::to_string(k) + " runs the function of kernel " +
                               std::to_string(l.functions[k]) + ", which has other arguments");
  return true;
}

bool checkKernels(Context &c) {
  const PlanT &p = c.plan;
  if (!c.check(allPresent(p.kernels) && allPresent(p.libraries) && allPresent(p.phases), "kernels",
               "a table is missing"))
    return false;
  std::set<std::string> symbols, targets;
  for (size_t i = 0; i < p.kernels.size(); ++i) {
    const KernelT &k = *p.kernels[i];
    std::string place = "kernel " + std::to_string(i);
    if (k.symbol.empty() || !printable(k.symbol) || !printable(k.name))
      return c.fail(place, "the symbol is empty or has control characters");
    if (!symbols.insert(k.symbol).second)
      return c.fail(place, "the symbol '" + k.symbol + "' is used twice");
    if (k.num_args > 4096)
      return c.fail(place, "it has more than 4096 arguments");
  }
  for (size_t i = 0; i < p.libraries.size(); ++i) {
    const KernelLibraryT &l = *p.libraries[i];
    std::string place = "library " + std::to_string(i);
    if (l.target.empty() || !printable(l.target) || !targets.insert(l.target).second)
      return c.fail(place, "the target is empty or used twice");
    if (l.object.empty() == l.text_of.empty())
      return c.fail(place, l.object.empty() ? "the object is empty"
                                            : "it has an object and says that it is another's");
    if (l.threads.size() != (isGpuTarget(l.target) ? p.kernels.size() : 0))
      return c.fail(place, "it says the threads of " + std::to_string(l.threads.size()) +
                               " kernels, not of " +
                               std::to_string(isGpuTarget(l.target) ? p.kernels.size() : 0));
    for (const KernelThreads &threads : l.threads)
      if (threads.lanes() < 1 || threads.lanes() > 1u << 20 || threads.rows() < 1 ||
          threads.rows() > 1u << 20)
        return c.fail(place, "a kernel has no thread or more than 2^20 for a row");
    if (!checkText(c, l, place))
      return false;
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    if (checksumOf(l.object.data(), l.object.size()) != l.checksum)
      return c.fail(place, "the object does not match its checksum");
#endif
  }
  return true;
}

bool checkSymbols(Context &c, const EntryT &e, const std::string &entry) {
  const PlanT &p = c.plan;
  std::set<std::tuple<SymbolKind, uint32_t, uint32_t, uint32_t>> seen;
  for (size_t i = 0; i < e.symbols.size(); ++i) {
    const SymbolT &s = *e.symbols[i];
    std::string place = entry + " symbol " + std::to_string(i);
    if (s.kind < SymbolKind::MIN || s.kind > SymbolKind::MAX)
      return c.fail(place, "the kind is unknown");
    bool ofRelation = isOfRelation(s.kind);
    size_t count = ofRelation ? p.relations.size() : p.node_types.size();
    if (s.index >= count)
      return c.fail(place, (ofRelation ? "relation " : "node type ") + outOf(s.index, count));
    if (s.hop > maxHop)
      return c.fail(place, "hop " + std::to_string(s.hop) + " is over 15");
    if (std::isnan(s.expected))
      return c.fail(place, "the estimate is not a number");
    // The hop of Nodes and the aux of all but Nnz and RemoteNnz carry nothing.
    if (!seen.insert({s.kind, s.kind == SymbolKind::Nodes ? 0 : s.hop, s.index,
                      s.kind == SymbolKind::Nnz || s.kind == SymbolKind::RemoteNnz ? s.aux : 0})
             .second)
      return c.fail(place, "another symbol means the same");
  }
  return true;
}

bool checkBuffers(Context &c, const EntryT &e, const std::string &entry) {
  const PlanT &p = c.plan;
  std::vector<int> regionOf(e.buffers.size(), -1);
  for (size_t r = 0; r < e.regions.size(); ++r) {
    std::string place = entry + " region " + std::to_string(r);
    for (uint32_t b : e.regions[r]->buffers) {
      if (b >= e.buffers.size())
        return c.fail(place, "buffer " + outOf(b, e.buffers.size()));
      if (regionOf[b] >= 0)
        return c.fail(place, "buffer " + std::to_string(b) + " is in two regions");
      regionOf[b] = static_cast<int>(r);
    }
  }
  for (size_t i = 0; i < e.buffers.size(); ++i) {
    const BufferT &b = *e.buffers[i];
    std::string place = entry + " buffer " + std::to_string(i);
    if (!printable(b.name))
      return c.fail(place, "the name has control characters");
    if (b.dtype < DType::MIN || b.dtype > DType::MAX)
      return c.fail(place, "the dtype is unknown");
    if (b.space < Space::MIN || b.space > Space::MAX)
      return c.fail(place, "the space is unknown");
    if (b.placement < Placement::MIN || b.placement > Placement::MAX ||
        b.batch_axis < BatchAxis::MIN || b.batch_axis > BatchAxis::MAX)
      return c.fail(place, "the placement is unknown");
    if (b.width == 0 || b.width > uint32_t(1) << 30)
      return c.fail(place, "the width is not in 1..2^30");
    if (b.owner < -1 || b.owner >= static_cast<int64_t>(p.partitions))
      return c.fail(place, "owner " + outOf(b.owner, p.partitions));
    if (!checkExtent(c, e, b.rows.get(), place + " rows"))
      return false;
    if (b.region != regionOf[i] || (b.space == Space::Arena) != (b.region >= 0))
      return c.fail(place, "arena buffers, and no others, are in exactly the region they name");
    if ((b.space == Space::State) != (b.state >= 0) ||
        b.state >= static_cast<int64_t>(p.states.size()))
      return c.fail(place, "state " + outOf(b.state, p.states.size()));
    if (b.space != Space::State)
      continue;
    const StateT &s = *p.states[static_cast<size_t>(b.state)];
    if (!keepsState(s, e.partition))
      return c.fail(place, "partition " + std::to_string(e.partition) +
                               " keeps no copy of state '" + s.name + "'");
    if (s.dtype != b.dtype)
      return c.fail(place, "the dtype is not that of state '" + s.name + "'");
    uint64_t elements = 1;
    for (uint64_t extent : s.shape)
      elements *= extent;
    if (s.rows_type >= 0) {
      const Extent &rows = *b.rows;
      bool nodes = rows.symbol() >= 0 && rows.divisor() == 1 && rows.scale() == 1 &&
                   rows.constant() == 0 &&
                   e.symbols[static_cast<size_t>(rows.symbol())]->kind == SymbolKind::Nodes &&
                   e.symbols[static_cast<size_t>(rows.symbol())]->index ==
                       static_cast<uint32_t>(s.rows_type);
      if (!nodes || b.width != elements)
        return c.fail(place, "the shape is not that of state '" + s.name + "'");
    } else {
      uint64_t held;
      if (b.rows->symbol() >= 0 ||
          __builtin_mul_overflow(b.rows->constant(), uint64_t(b.width), &held) || held != elements)
        return c.fail(place, "the shape is not that of state '" + s.name + "'");
    }
  }
  return true;
}

bool checkEntry(Context &c, const EntryT &e, const std::string &entry, std::set<uint32_t> &opIds) {
  if (!c.check(allPresent(e.symbols) && allPresent(e.buffers) && allPresent(e.regions) &&
                   allPresent(e.semaphores) && allPresent(e.ops) && allPresent(e.outputs),
               entry, "a table is missing"))
    return false;
  if (e.kind < EntryKind::MIN || e.kind > EntryKind::MAX)
    return c.fail(entry, "the kind is unknown");
  if (e.partition >= c.plan.partitions)
    return c.fail(entry, "partition " + outOf(e.partition, c.plan.partitions));
  if (e.slots < 1 || e.slots > 64)
    return c.fail(entry, "slots is not in 1..64");
  if (!checkSymbols(c, e, entry) || !checkBuffers(c, e, entry))
    return false;
  for (size_t i = 0; i < e.semaphores.size(); ++i) {
    const SemaphoreT &s = *e.semaphores[i];
    if (s.from > Queue::MAX || s.to > Queue::MAX || s.from == s.to)
      return c.fail(entry + " semaphore " + std::to_string(i),
                    "it does not lead from one queue to another");
  }
  for (size_t i = 0; i < e.ops.size(); ++i) {
    std::string place = opPlace(entry, i, *e.ops[i]);
    if (!printable(e.ops[i]->name) || !printable(e.ops[i]->location))
      return c.fail(place, "the name has control characters");
    if (!opIds.insert(e.ops[i]->id).second)
      return c.fail(place, "the id " + std::to_string(e.ops[i]->id) + " is used twice");
    if (!checkOp(c, e, i, place))
      return false;
  }
  std::set<std::string> names;
  for (size_t i = 0; i < e.outputs.size(); ++i) {
    const OutputT &o = *e.outputs[i];
    std::string place = entry + " output " + std::to_string(i);
    if (o.buffer >= e.buffers.size())
      return c.fail(place, "buffer " + outOf(o.buffer, e.buffers.size()));
    if (!names.insert(o.name).second)
      return c.fail(place, "the name '" + o.name + "' is used twice");
    const BufferT &b = *e.buffers[o.buffer];
    if (o.name == "loss" &&
        (b.dtype != DType::F32 || b.rows->symbol() >= 0 || b.rows->constant() != 1 || b.width != 1))
      return c.fail(place, "the loss is one f32");
    if (o.name == "logits") {
      const Extent &rows = *b.rows;
      bool seeds = rows.symbol() >= 0 && rows.divisor() == 1 && rows.scale() == 1 &&
                   rows.constant() == 0 &&
                   (e.symbols[static_cast<size_t>(rows.symbol())]->kind == SymbolKind::Rows ||
                    e.symbols[static_cast<size_t>(rows.symbol())]->kind == SymbolKind::Gathered) &&
                   e.symbols[static_cast<size_t>(rows.symbol())]->hop == 0;
      if (b.dtype != DType::F32 || !seeds)
        return c.fail(place, "the logits are f32 with a row per seed");
    }
  }
  return checkFlow(c, e, entry);
}

} // namespace

bool checkExtent(Context &c, const EntryT &e, const Extent *extent, const std::string &place) {
  if (!extent)
    return c.fail(place, "the extent is missing");
  if (extent->symbol() < -1 || extent->symbol() >= static_cast<int64_t>(e.symbols.size()))
    return c.fail(place, "symbol " + outOf(extent->symbol(), e.symbols.size()));
  if (extent->divisor() == 0)
    return c.fail(place, "the divisor is zero");
  if (extent->scale() > maxScale || extent->constant() > maxRows)
    return c.fail(place, "the extent is too large");
  return true;
}

} // namespace heddle::plan::verify

namespace heddle::plan {

absl::Status verifyPlan(const PlanT &plan) {
  using namespace verify;
  Context c(plan);
  auto run = [&] {
    if (plan.major != planMajor || plan.minor > planMinor)
      return c.fail("version", "plan version " + std::to_string(plan.major) + "." +
                                   std::to_string(plan.minor) + " is not one this heddle knows");
    if (plan.features & ~knownFeatures)
      return c.fail("features", "needs features that this heddle does not know");
    if (plan.partitions < 1 || plan.partitions > 65536)
      return c.fail("partitions",
                    "there are " + std::to_string(plan.partitions) + ", not 1 to 65536");
    if (!checkSchema(c) || !checkTask(c) || !checkOptimizers(c) || !checkStates(c) ||
        !checkKernels(c))
      return false;
    std::set<uint32_t> opIds;
    for (size_t i = 0; i < plan.entries.size(); ++i) {
      std::string place = "entry " + std::to_string(i);
      if (!plan.entries[i])
        return c.fail(place, "a table is missing");
      if (!checkEntry(c, *plan.entries[i], place, opIds))
        return false;
    }
    return checkPartitions(c) && checkCaches(c);
  };
  return run() ? absl::OkStatus() : invalidArgument(c.error);
}

} // namespace heddle::plan
