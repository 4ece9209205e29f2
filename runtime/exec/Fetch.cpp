//===- Fetch.cpp - features, labels and scalars of a batch -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/Fetch.h"

#include "runtime/exec/FeatureTiers.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

namespace heddle::exec {

namespace {

constexpr int64_t maxLocal = std::numeric_limits<int32_t>::max();

} // namespace

struct Fetcher::FetchOp {
  const plan::OpT *op = nullptr;
  int32_t rowsSymbol = -1, nnzSymbol = -1;
  int64_t dim = 0;
  graph::DenseFeatureView dense;
  graph::IndexArray edgeData; ///< of a reverse view: where the data of an edge stand
  RowConverter convert = nullptr;
  int tier = -1; ///< table of the tiers, or -1: mapped
  graph::SparseFeatureView sparse;
  graph::LabelView label;
  std::vector<plan::ScalarSpecT> scalars;
  HugeMemory ptr, idx, val, transposedPtr; ///< in place of absent outputs
  std::string name;
};

Fetcher::Fetcher(const plan::PlanT &plan, const plan::EntryT &entry, ThreadPool &pool,
                 MemoryBudget &budget)
    : plan_(plan), entry_(entry), pool_(&pool), budget_(budget), ops_(entry.ops.size()) {}
Fetcher::~Fetcher() = default;

absl::StatusOr<std::unique_ptr<Fetcher>> Fetcher::create(const plan::PlanT &plan,
                                                         const plan::EntryT &entry,
                                                         const graph::GraphStore &graph,
                                                         ThreadPool &pool, MemoryBudget &budget,
                                                         FeatureTiers *tiers) {
  std::unique_ptr<Fetcher> self(new Fetcher(plan, entry, pool, budget));
  self->tiers_ = tiers;
  for (size_t i = 0; i < entry.ops.size(); ++i) {
    const plan::OpT &op = *entry.ops[i];
    if (op.queue != plan::Queue::Fetch && !op.attrs.AsScalarsAttrs())
      continue;
    auto fetch = std::make_unique<FetchOp>();
    fetch->op = &op;
    if (!op.inputs.empty() && op.inputs[0] >= 0)
      fetch->rowsSymbol = entry.buffers[size_t(op.inputs[0])]->rows->symbol();
    auto mismatch = [&](uint32_t type, const std::string &what) {
      return failedPrecondition("op '" + op.name + "': node type '" + plan.node_types[type]->name +
                                "': " + what + "; recompile for this graph");
    };
    if (const auto *a = op.attrs.AsFetchDenseAttrs()) {
      HEDDLE_ASSIGN_OR_RETURN(fetch->dense,
                              graph.denseFeature(static_cast<int>(a->node_type), a->feature));
      fetch->dim = a->dim;
      if (fetch->dense.dim != fetch->dim)
        return mismatch(a->node_type, "feature '" + a->feature + "' has " +
                                          std::to_string(fetch->dense.dim) + " columns, the plan " +
                                          std::to_string(fetch->dim));
      fetch->convert = rowConverterOf(fetch->dense.dtype);
      fetch->tier = tiers ? tiers->find(a->node_type, a->feature) : -1;
      if (!fetch->convert)
        return mismatch(a->node_type,
                        "feature '" + a->feature + "' has the dtype " + fetch->dense.dtype);
    } else if (const auto *a = op.attrs.AsFetchEdgeAttrs()) {
      const int relation = static_cast<int>(a->relation);
      HEDDLE_ASSIGN_OR_RETURN(fetch->dense, graph.denseEdgeFeature(relation, a->feature));
      fetch->edgeData = graph.relation(relation).inEdgeData;
      fetch->dim = a->dim;
      fetch->convert = rowConverterOf(fetch->dense.dtype);
      std::string what = "relation '" + graph.schema().relations[a->relation].triple() +
                         "': feature '" + a->feature + "' has ";
      if (fetch->dense.dim != fetch->dim)
        return failedPrecondition("op '" + op.name + "': " + what +
                                  std::to_string(fetch->dense.dim) + " columns, the plan " +
                                  std::to_string(fetch->dim) + "; recompile for this graph");
      if (!fetch->convert)
        return failedPrecondition("op '" + op.name + "': " + what + "the dtype " +
                                  fetch->dense.dtype + "; recompile for this graph");
    } else if (const auto *a = op.attrs.AsFetchSparseAttrs()) {
      HEDDLE_ASSIGN_OR_RETURN(fetch->sparse,
                              graph.sparseFeature(static_cast<int>(a->node_type), a->feature));
      fetch->dim = a->dim;
      if (fetch->sparse.dim != fetch->dim)
        return mismatch(a->node_type, "feature '" + a->feature + "' has " +
                                          std::to_string(fetch->sparse.dim) +
                                          " columns, the plan " + std::to_string(fetch->dim));
      for (size_t output : {1, 2, 4, 5})
        if (op.outputs[output] >= 0)
          fetch->nnzSymbol = entry.buffers[size_t(op.outputs[output])]->rows->symbol();
      fetch->name = "feature " + plan.node_types[a->node_type]->name + "." + a->feature;
    } else if (const auto *a = op.attrs.AsFetchLabelsAttrs()) {
      HEDDLE_ASSIGN_OR_RETURN(fetch->label,
                              graph.label(static_cast<int>(a->node_type), a->label));
      bool fits = a->multilabel ? fetch->label.multi != nullptr : fetch->label.classes != nullptr;
      if (graph.schema().nodeTypes[a->node_type].numNodes > 0 && !fits)
        return mismatch(a->node_type, "label '" + a->label + "' is " +
                                          (a->multilabel ? "single-label" : "multi-label"));
      if (fetch->label.numClasses != static_cast<int64_t>(a->num_classes))
        return mismatch(a->node_type, "label '" + a->label + "' has " +
                                          std::to_string(fetch->label.numClasses) +
                                          " classes, the plan " + std::to_string(a->num_classes));
      fetch->dim = a->num_classes;
    } else if (const auto *a = op.attrs.AsScalarsAttrs()) {
      for (const auto &scalar : a->scalars)
        fetch->scalars.push_back(*scalar);
    }
    self->ops_[i] = std::move(fetch);
  }
  bool seedsOfTask = false;
  for (const auto &op : entry.ops)
    if (const auto *seeds = op->attrs.AsSeedsAttrs())
      seedsOfTask = seeds->node_type == plan.task->node_type;
  if (seedsOfTask && !plan.task->label.empty()) {
    HEDDLE_ASSIGN_OR_RETURN(
        self->label_, graph.label(static_cast<int>(plan.task->node_type), plan.task->label));
    self->taskLabel_ = true;
  }
  return self;
}

uint64_t Fetcher::countLabelled(const std::vector<int64_t> &seeds) const {
  if (!taskLabel_)
    return seeds.size();
  uint64_t count = 0;
  if (label_.classes) {
    for (int64_t seed : seeds)
      count += label_.classes[seed] >= 0;
  } else if (label_.multi && label_.numClasses > 0) {
    for (int64_t seed : seeds)
      count += label_.multi[seed * label_.numClasses] != 255;
  }
  return count;
}

absl::Status Fetcher::run(size_t index, StepSlot &slot, uint64_t seed, const double *rates) {
  FetchOp &op = *ops_[index];
  if (op.op->in_loop_static && slot.sameSeeds)
    return absl::OkStatus();
  switch (op.op->attrs.type) {
  case plan::OpAttrs::FetchDenseAttrs:
    return dense(op, slot);
  case plan::OpAttrs::FetchEdgeAttrs:
    return dense(op, slot);
  case plan::OpAttrs::FetchSparseAttrs:
    return sparse(op, slot);
  case plan::OpAttrs::FetchLabelsAttrs:
    return labels(op, slot);
  case plan::OpAttrs::ScalarsAttrs:
    return scalars(op, slot, seed, rates);
  default:
    return internalError("op '" + op.op->name + "': it is not for the fetch queue");
  }
}

absl::Status Fetcher::dense(FetchOp &op, StepSlot &slot) {
  const int64_t rows = static_cast<int64_t>(slot.symbols[size_t(op.rowsSymbol)]);
  int32_t out = op.op->outputs[0];
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out, uint64_t(rows) * uint64_t(op.dim)));
  const int64_t *ids = slot.get<int64_t>(op.op->inputs[0]);
  float *to = slot.get<float>(out);
  if (op.tier >= 0)
    return withPrefix(tiers_->fetch(op.tier, ids, rows, to), "op '" + op.op->name + "': ");
  const int64_t block = std::max<int64_t>(1, 65536 / op.dim);
  pool_->parallelFor((rows + block - 1) / block, [&](int64_t b, int) {
    int64_t begin = b * block, count = std::min(rows - begin, block);
    if (op.edgeData.size == 0)
      return op.convert(op.dense.data, op.dim, ids + begin, count, to + begin * op.dim);
    // Data of a reverse view stand where the relation that it views has them.
    int64_t places[256];
    for (const int64_t end = begin + count; begin < end; begin += count) {
      count = std::min<int64_t>(end - begin, std::size(places));
      for (int64_t i = 0; i < count; ++i)
        places[i] = op.edgeData[ids[begin + i]];
      op.convert(op.dense.data, op.dim, places, count, to + begin * op.dim);
    }
  });
  return absl::OkStatus();
}

absl::Status Fetcher::sparse(FetchOp &op, StepSlot &slot) {
  const auto &out = op.op->outputs;
  const int64_t rows = static_cast<int64_t>(slot.symbols[size_t(op.rowsSymbol)]);
  const int64_t *ids = slot.get<int64_t>(op.op->inputs[0]), *indptr = op.sparse.indptr;
  uint64_t nnz = 0;
  for (int64_t i = 0; i < rows; ++i)
    nnz += static_cast<uint64_t>(indptr[ids[i] + 1] - indptr[ids[i]]);
  if (nnz > static_cast<uint64_t>(maxLocal))
    return absl::ResourceExhaustedError(absl::string_view(
        op.name + " has " + std::to_string(nnz) +
        " entries in one batch, more than 2^31 - 1; use a smaller batch_size or fanout"));
  if (op.nnzSymbol >= 0)
    slot.symbols[size_t(op.nnzSymbol)] = nnz;
  const bool transposed = out[3] >= 0 || out[4] >= 0 || out[5] >= 0;
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[0], uint64_t(rows) + 1));
  for (size_t output : {1, 2, 4, 5})
    HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[output], nnz));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[3], uint64_t(op.dim) + 1));
  if (transposed && out[3] < 0)
    HEDDLE_RETURN_IF_ERROR(budget_.grow(op.transposedPtr, (uint64_t(op.dim) + 1) * 4, UINT64_MAX,
                                        "sparse columns"));
  int32_t *ptr = slot.get<int32_t>(out[0]), *idx = slot.get<int32_t>(out[1]);
  float *val = slot.get<float>(out[2]);
  if (ptr)
    ptr[0] = 0;
  int64_t at = 0;
  for (int64_t i = 0; i < rows; ++i) {
    int64_t first = indptr[ids[i]], count = indptr[ids[i] + 1] - first;
    if (idx)
      for (int64_t e = 0; e < count; ++e)
        idx[at + e] = static_cast<int32_t>(op.sparse.indices[first + e]);
    if (val)
      for (int64_t e = 0; e < count; ++e)
        val[at + e] = op.sparse.values ? op.sparse.values[first + e] : 1.0f;
    at += count;
    if (ptr)
      ptr[i + 1] = static_cast<int32_t>(at);
  }
  if (!transposed)
    return absl::OkStatus();
  int32_t *tPtr = out[3] >= 0 ? slot.get<int32_t>(out[3])
                              : static_cast<int32_t *>(op.transposedPtr.data());
  int32_t *tRow = slot.get<int32_t>(out[4]);
  float *tVal = slot.get<float>(out[5]);
  std::memset(tPtr, 0, (size_t(op.dim) + 1) * sizeof(int32_t));
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t e = indptr[ids[i]]; e < indptr[ids[i] + 1]; ++e)
      ++tPtr[op.sparse.indices[e]];
  int32_t sum = 0;
  for (int64_t c = 0; c <= op.dim; ++c) {
    sum += tPtr[c];
    tPtr[c] = sum;
  }
  // From the last entry to the first, each column's end moves down to its start.
  for (int64_t i = rows - 1; i >= 0; --i)
    for (int64_t e = indptr[ids[i] + 1] - 1; e >= indptr[ids[i]]; --e) {
      int32_t to = --tPtr[op.sparse.indices[e]];
      if (tRow)
        tRow[to] = static_cast<int32_t>(i);
      if (tVal)
        tVal[to] = op.sparse.values ? op.sparse.values[e] : 1.0f;
    }
  return absl::OkStatus();
}

absl::Status Fetcher::labels(FetchOp &op, StepSlot &slot) {
  const auto &out = op.op->outputs;
  const int64_t rows = static_cast<int64_t>(slot.symbols[size_t(op.rowsSymbol)]);
  const int64_t *ids = slot.get<int64_t>(op.op->inputs[0]);
  if (!op.op->attrs.AsFetchLabelsAttrs()->multilabel) {
    HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[0], uint64_t(rows)));
    if (int32_t *to = slot.get<int32_t>(out[0]))
      for (int64_t i = 0; i < rows; ++i)
        to[i] = op.label.classes[ids[i]];
    return absl::OkStatus();
  }
  HEDDLE_RETURN_IF_ERROR(
      growSlot(budget_, entry_, slot, out[0], uint64_t(rows) * uint64_t(op.dim)));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[1], uint64_t(rows)));
  float *to = slot.get<float>(out[0]), *mask = slot.get<float>(out[1]);
  for (int64_t i = 0; i < rows; ++i) {
    const uint8_t *row = op.label.multi + ids[i] * op.dim;
    bool labelled = row[0] != 255;
    if (mask)
      mask[i] = labelled ? 1.0f : 0.0f;
    if (to)
      for (int64_t c = 0; c < op.dim; ++c)
        to[i * op.dim + c] = labelled && row[c] ? 1.0f : 0.0f;
  }
  return absl::OkStatus();
}

absl::Status Fetcher::scalars(FetchOp &op, StepSlot &slot, uint64_t seed, const double *rates) {
  const auto &out = op.op->outputs;
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[0], op.scalars.size()));
  HEDDLE_RETURN_IF_ERROR(growSlot(budget_, entry_, slot, out[1], 4));
  if (float *to = slot.get<float>(out[0]))
    for (size_t i = 0; i < op.scalars.size(); ++i) {
      const plan::ScalarSpecT &scalar = op.scalars[i];
      double value = 0;
      switch (scalar.kind) {
      case plan::ScalarKind::InvLabelCount:
        value = slot.labelled ? 1.0 / static_cast<double>(slot.labelled) : 0.0;
        break;
      case plan::ScalarKind::LearningRate:
        value = rates[scalar.group];
        break;
      case plan::ScalarKind::BiasCorrection1:
      case plan::ScalarKind::BiasCorrection2: {
        const plan::OptimizerGroupT &group = *plan_.optimizer_groups[scalar.group];
        double beta =
            scalar.kind == plan::ScalarKind::BiasCorrection1 ? group.beta1 : group.beta2;
        value = 1.0 - std::pow(beta, static_cast<double>(slot.step) + 1.0);
        break;
      }
      }
      to[i] = static_cast<float>(value);
    }
  if (uint32_t *words = slot.get<uint32_t>(out[1])) {
    words[0] = static_cast<uint32_t>(seed);
    words[1] = static_cast<uint32_t>(seed >> 32);
    words[2] = static_cast<uint32_t>(slot.step);
    words[3] = 0;
  }
  return absl::OkStatus();
}

} // namespace heddle::exec
