//===- AssemblePlan.cpp - the tables of a plan ----------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/Symbols.h"
#include "compiler/plan/EntryLayout.h"
#include "compiler/plan/EntryWriter.h"
#include "compiler/plan/ModuleTables.h"
#include "compiler/plan/PlanWriter.h"
#include "runtime/plan/GpuCode.h"
#include "runtime/plan/RowTerms.h"

#include <set>

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {

namespace {

FailureOr<std::unique_ptr<plan::StateT>> stateOf(StateOp op, const ModuleTables &tables) {
  auto state = std::make_unique<plan::StateT>();
  state->name = op.getSymName().str();
  state->role = plan::StateRole(uint8_t(op.getRole()));
  state->dtype =
      op.getRole() == hgnn::StateRole::RowSteps ? plan::DType::I32 : plan::DType::F32;
  for (int64_t size : op.getShape())
    state->shape.push_back(uint64_t(size));
  if (auto type = op.getRowsType()) {
    auto id = tables.typeIds.find(type->str());
    if (id == tables.typeIds.end())
      return op.emitOpError("has rows of @") << *type << ", which is not a node type", failure();
    state->rows_type = int32_t(id->second);
  }
  auto number = [&](StringRef name) {
    auto value = op.getInit().getAs<FloatAttr>(name);
    return value ? value.getValueAsDouble() : 0.0;
  };
  state->init = std::make_unique<plan::InitializerT>();
  auto kind = op.getInit().getAs<StringAttr>("kind");
  StringRef name = kind ? kind.getValue() : StringRef();
  if (name == "zeros")
    state->init->kind = plan::InitKind::Zeros;
  else if (name == "constant")
    state->init->kind = plan::InitKind::Constant;
  else if (name == "uniform")
    state->init->kind = plan::InitKind::Uniform;
  else if (name == "normal")
    state->init->kind = plan::InitKind::Normal;
  else
    return op.emitOpError("init kind must be zeros, constant, uniform or normal, got '") << name
                                                                                        << "'",
           failure();
  state->init->a = number("a");
  state->init->b = number("b");
  if (auto parameter = op.getParameter()) {
    auto id = tables.stateIds.find(parameter->str());
    if (id == tables.stateIds.end())
      return op.emitOpError("belongs to @") << *parameter << ", which is not a state", failure();
    state->parameter = int32_t(id->second);
  }
  state->group = int32_t(op.getGroup());
  state->spread = op.getSpread();
  if (op.getRole() == hgnn::StateRole::Hidden)
    state->checkpointed = false;
  if (auto keepers = op.getPartitions()) {
    state->partitions.assign(keepers->begin(), keepers->end());
    if (keepers->size() == 1)
      state->owner = int32_t(keepers->front());
  }
  return state;
}

void addSchema(plan::PlanT &plan, const ModuleTables &tables) {
  for (const ModuleTables::Type &type : tables.types) {
    auto added = std::make_unique<plan::NodeTypeT>();
    NodeTypeOp op = type.op;
    added->name = unescapeName(op.getSymName());
    added->num_nodes = type.numNodes;
    plan.node_types.push_back(std::move(added));
  }
  for (const ModuleTables::Relation &relation : tables.relations) {
    auto added = std::make_unique<plan::RelationT>();
    RelationOp op = relation.op;
    added->source = relation.source;
    added->name = op.getName().str();
    added->destination = relation.destination;
    added->num_edges = relation.statistics.numEdges;
    added->reverse_of = int32_t(op.getReverseOf());
    plan.relations.push_back(std::move(added));
  }
}

/// "a:w:p", or "a:w:p, block 0 of 2".
std::string linkText(Attribute link) {
  auto piece = dyn_cast<ArrayAttr>(link);
  if (!piece)
    return unescapeName(cast<StringAttr>(link).getValue());
  auto number = [&](int i) { return std::to_string(cast<IntegerAttr>(piece[i]).getInt()); };
  return unescapeName(cast<StringAttr>(piece[0]).getValue()) + ", block " + number(1) + " of " +
         number(2);
}

/// Who owns what, for inspection.
void addPartitioning(plan::PlanT &plan, ModuleOp module) {
  for (auto partitioning : module.getOps<PartitioningOp>()) {
    plan.balance_rule = partitioning.getWeights().str();
    for (auto [links, load] : llvm::zip(partitioning.getLinks(), partitioning.getLoads())) {
      auto info = std::make_unique<plan::PartitionInfoT>();
      for (Attribute link : cast<ArrayAttr>(links))
        info->links.push_back(linkText(link));
      info->load = uint64_t(std::max<int64_t>(0, load));
      plan.partition_info.push_back(std::move(info));
    }
  }
}

/// Those of features that the entries fetch: what nobody reads is not fetched.
void addCaches(plan::PlanT &plan, ModuleOp module, const ModuleTables &tables) {
  std::map<std::pair<uint32_t, std::string>, uint32_t> columns;
  for (const auto &entry : plan.entries)
    for (const auto &op : entry->ops) {
      if (const auto *a = op->attrs.AsFetchDenseAttrs())
        columns[{a->node_type, a->feature}] = a->dim;
      if (const auto *a = op->attrs.AsFetchRemoteAttrs())
        for (const plan::RemoteFeatureT &f : plan::featuresOf(*a))
          if (!f.sparse)
            columns[{f.node_type, f.feature}] = f.dim;
    }
  for (auto op : module.getOps<CacheOp>()) {
    auto type = tables.typeIds.find(op.getType().str());
    if (type == tables.typeIds.end())
      continue; // hgnn-verify-phase says so
    auto cache = std::make_unique<plan::CacheT>();
    cache->node_type = type->second;
    cache->feature = op.getFeature().str();
    auto found = columns.find({cache->node_type, cache->feature});
    if (found == columns.end())
      continue;
    cache->dim = found->second;
    const auto &features = tables.types[type->second].features;
    if (auto feature = features.find(cache->feature); feature != features.end())
      cache->number_bytes = feature->second.numberBytes;
    cache->requested = op.getRequested().convertToDouble();
    for (auto [kept, hits] : llvm::zip(op.getKept(), op.getHits()))
      cache->points.emplace_back(kept, hits);
    plan.caches.push_back(std::move(cache));
  }
}

void addTask(plan::PlanT &plan, const ModuleTables &tables) {
  TaskOp op = tables.task;
  plan.task = std::make_unique<plan::TaskT>();
  plan.task->node_type = tables.typeIds.at(op.getTarget().str());
  plan.task->label = op.getLabel().str();
  plan.task->split = op.getSplit().str();
  plan.task->multilabel = op.getMultilabel();
  auto strings = [](ArrayAttr array, std::vector<std::string> &into) {
    for (Attribute attribute : array)
      if (auto text = dyn_cast<StringAttr>(attribute))
        into.push_back(text.getValue().str());
  };
  strings(op.getClassNames(), plan.task->classes);
  strings(op.getMetrics(), plan.task->metrics);
  if (TrainSettingsOp settings = tables.settings) {
    plan.task->train_settings = settings.getSettings().str();
    plan.spec = settings.getSpec().str();
  }
  plan.max_grad_norm = -1;
  for (OptimizerOp optimizer : tables.optimizers) {
    auto group = std::make_unique<plan::OptimizerGroupT>();
    group->name = optimizer.getRowSparse() ? "sparse" : "dense";
    group->kind = plan::OptimizerKind(uint8_t(optimizer.getKind()));
    group->lr = optimizer.getLr().convertToDouble();
    group->beta1 = optimizer.getBeta1().convertToDouble();
    group->beta2 = optimizer.getBeta2().convertToDouble();
    group->eps = optimizer.getEps().convertToDouble();
    group->weight_decay = optimizer.getWeightDecay().convertToDouble();
    group->momentum = optimizer.getMomentum().convertToDouble();
    group->row_sparse = optimizer.getRowSparse();
    double norm = optimizer.getMaxGradNorm().convertToDouble();
    if (norm >= 0)
      plan.max_grad_norm = norm;
    plan.optimizer_groups.push_back(std::move(group));
  }
}

/// The body of a kernel as text, the same however the module was made.
std::string kernelText(KernelOp kernel) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  kernel->print(stream, OpPrintingFlags().useLocalScope());
  return text;
}

LogicalResult addKernels(plan::PlanT &plan, ModuleOp module, ArrayRef<KernelSignature> signatures,
                         std::map<std::string, KernelReference> &references, bool draft) {
  std::map<std::string, const KernelSignature *> bySymbol;
  for (const KernelSignature &signature : signatures)
    bySymbol[signature.symbol] = &signature;
  std::set<std::string> launched;
  for (EntryOp entry : module.getOps<EntryOp>())
    for (LaunchOp launch : entry.getBody().getOps<LaunchOp>())
      launched.insert(launch.getKernel().str());
  for (KernelOp op : module.getOps<KernelOp>()) {
    std::string symbol = op.getSymName().str();
    auto found = bySymbol.find(symbol);
    if (found == bySymbol.end()) {
      if (launched.count(symbol))
        return op.emitOpError("is launched but has no signature");
      continue;
    }
    const KernelSignature &signature = *found->second;
    auto kernel = std::make_unique<plan::KernelT>();
    kernel->name = symbol;
    kernel->symbol = symbol;
    kernel->num_args = uint32_t(signature.args.size());
    if (!draft)
      kernel->ir = kernelText(op);
    for (const KernelCost &cost : signature.costs)
      if (cost.count.kind == signature.domain.kind && cost.count.index == signature.domain.index)
        kernel->flops_per_row += cost.flops;
    references[symbol] = {uint32_t(plan.kernels.size()), &signature};
    plan.kernels.push_back(std::move(kernel));
  }
  return success();
}

/// The entries of each kind in module order; of one kind by partition.
SmallVector<SmallVector<EntryOp>> entriesByKind(ModuleOp module) {
  SmallVector<SmallVector<EntryOp>> kinds;
  for (EntryOp entry : module.getOps<EntryOp>()) {
    auto same = llvm::find_if(kinds, [&](const SmallVector<EntryOp> &kind) {
      return EntryOp(kind.front()).getKind() == entry.getKind() && int64_t(entry.getPartition()) >= 0;
    });
    if (same == kinds.end())
      kinds.push_back({entry});
    else
      same->push_back(entry);
  }
  return kinds;
}

} // namespace

LogicalResult verifyWritten(ModuleOp module, const plan::PlanT &plan) {
  if (absl::Status status = plan::verifyPlan(plan); !status.ok())
    return module.emitError("the written plan does not verify: ") << messageOf(status);
  return success();
}

FailureOr<std::unique_ptr<plan::PlanT>> assemblePlan(ModuleOp module,
                                                     ArrayRef<KernelSignature> signatures,
                                                     const PlanWriterOptions &options) {
  FailureOr<ModuleTables> tables = ModuleTables::read(module);
  if (failed(tables))
    return failure();
  tables->gpu = llvm::any_of(options.targets, plan::isGpuTarget);
  auto plan = std::make_unique<plan::PlanT>();
  plan->major = plan::planMajor;
  plan->minor = plan::planMinor;
  plan->producer = options.producer;
  plan->schema_fingerprint = options.schemaFingerprint;
  plan->statistics_fingerprint = options.statisticsFingerprint;
  addSchema(*plan, *tables);
  addTask(*plan, *tables);
  for (StateOp op : tables->states) {
    auto state = stateOf(op, *tables);
    if (failed(state))
      return failure();
    plan->states.push_back(std::move(*state));
  }
  std::map<std::string, KernelReference> kernels;
  if (failed(addKernels(*plan, module, signatures, kernels, options.draft)))
    return failure();

  std::vector<std::string> remarks;
  uint32_t nextOpId = 0;
  for (const SmallVector<EntryOp> &entries : entriesByKind(module)) {
    auto kind = EntryKindTables::of(entries, *tables);
    if (failed(kind))
      return failure();
    for (auto [partition, op] : llvm::enumerate(entries)) {
      auto entry = writeEntry(*kind, partition, *tables, kernels, nextOpId);
      if (failed(entry))
        return failure();
      // Steps of inference are many and alike; what is said of them is said of the whole.
      std::vector<std::string> quiet;
      bool infers = EntryOp(op).getKind() == hgnn::EntryKind::Infer;
      if (!layOutEntry(**entry, options.rates, infers ? quiet : remarks, options.draft))
        return EntryOp(op).emitOpError("has ops that depend on each other in a circle: a state is "
                                       "read by what its own update leads to"),
               failure();
      plan->entries.push_back(std::move(*entry));
    }
    plan->partitions = uint32_t(entries.size());
  }
  if (plan->entries.empty())
    return module.emitError("the module has no hgnn.entry"), failure();
  addPartitioning(*plan, module);
  addCaches(*plan, module, *tables);
  remarks.push_back(
      "estimates of time assume " + plan::describeRates(options.rates) +
      (plan->partitions > 1 ? ", " + plan::describeLinkRates(options.rates) : std::string()) +
      ", on all threads, and no array in a cache; heddle-dump --measure estimates for the "
      "machine it runs on");

  if (options.remarks) {
    options.remarks->insert(options.remarks->end(), remarks.begin(), remarks.end());
    plan->remarks = *options.remarks;
  } else {
    plan->remarks = std::move(remarks);
  }
  if (options.verify && failed(verifyWritten(module, *plan)))
    return failure();
  return plan;
}

} // namespace heddle::compiler
