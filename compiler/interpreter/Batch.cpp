//===- Batch.cpp - sampling and fetching, the obvious way -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/interpreter/Batch.h"

#include "compiler/Symbols.h"
#include "runtime/base/Keys.h"
#include "runtime/graph/GraphStore.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <set>

using namespace mlir;
using namespace heddle::hgnn;
using llvm::FailureOr;

namespace heddle::compiler {

static InFlightDiagnostic error(Operation *op, const absl::Status &status) {
  return op->emitError(std::string(status.message()));
}

LogicalResult Batch::needGraph(Operation *op) const {
  if (!input.graph)
    return op->emitError("needs a graph to be interpreted");
  return success();
}

FailureOr<int> Batch::nodeTypeId(Operation *op, StringRef symbol) const {
  if (failed(needGraph(op)))
    return failure();
  int id = input.graph->schema().nodeTypeId(unescapeName(symbol));
  if (id < 0)
    return op->emitError("node type @") << symbol << " is not in the graph";
  return id;
}

FailureOr<int> Batch::relationId(Operation *op, StringRef symbol) const {
  auto relation = SymbolTable::lookupNearestSymbolFrom<hgnn::RelationOp>(
      op, StringAttr::get(op->getContext(), symbol));
  if (!relation)
    return op->emitError("there is no hgnn.relation @") << symbol;
  if (failed(needGraph(op)))
    return failure();
  int id = input.graph->schema().relationId(unescapeName(relation.getSource()),
                                            relation.getName().str(),
                                            unescapeName(relation.getDestination()));
  if (id < 0)
    return op->emitError("relation @") << symbol << " is not in the graph";
  // The id keys the draws: another one would sample other neighbours without a word.
  if (id != int64_t(relation.getId()))
    return relation.emitError("has id ") << relation.getId() << ", in the graph it is " << id;
  return id;
}

FailureOr<int64_t> Batch::numNodes(Operation *op, StringRef symbol) const {
  FailureOr<int> type = nodeTypeId(op, symbol);
  if (failed(type))
    return failure();
  return input.graph->schema().nodeTypes[*type].numNodes;
}

FailureOr<std::shared_ptr<const Ids>> Batch::seeds(Operation *op, StringRef type) const {
  FailureOr<int> id = nodeTypeId(op, type);
  if (failed(id))
    return failure();
  int64_t numNodes = input.graph->schema().nodeTypes[*id].numNodes;
  for (size_t i = 0; i < input.seeds.size(); ++i) {
    if (input.seeds[i] < 0 || input.seeds[i] >= numNodes)
      return op->emitError("seed ") << input.seeds[i] << " is outside [0, " << numNodes << ")";
    if (i && input.seeds[i] <= input.seeds[i - 1])
      return op->emitError("seeds must be ascending and unique, got ")
             << input.seeds[i - 1] << " before " << input.seeds[i];
  }
  auto ids = std::make_shared<Ids>();
  ids->nodeType = *id;
  ids->ids = input.seeds;
  return std::shared_ptr<const Ids>(ids);
}

/// Offsets into the in-edges of one destination, as runtime/base/Keys.h specifies them.
static std::set<int64_t> chooseOffsets(const InterpreterInput &input, int64_t hop, int relation,
                                       int64_t destination, int64_t degree, int64_t fanout) {
  std::set<int64_t> chosen;
  if (fanout < 0 || degree <= fanout) {
    for (int64_t i = 0; i < degree; ++i)
      chosen.insert(i);
    return chosen;
  }
  for (int64_t i = 0; i < fanout; ++i) {
    int64_t j = degree - fanout + i;
    int64_t t = int64_t(keys::sampleDraw(input.seed, input.step, uint32_t(hop), uint32_t(relation),
                                         uint64_t(destination), uint32_t(i), uint64_t(j + 1)));
    chosen.insert(chosen.count(t) ? j : t);
  }
  return chosen;
}

/// Counts the edges of each row.
static void addEdges(std::vector<int64_t> &work, const Adjacency &adjacency) {
  for (int64_t active : adjacency.activeOfEdge)
    ++work[size_t(adjacency.activeRow[size_t(active)])];
}

/// Where each of the blocks begins that follow each other and have about equal work.
static std::vector<int64_t> cutByWork(const std::vector<int64_t> &work, int64_t blocks) {
  int64_t all = 0;
  for (int64_t w : work)
    all += w;
  std::vector<int64_t> begins;
  for (int64_t block = 0; block <= blocks; ++block) {
    int64_t before = 0, row = 0;
    while (row < int64_t(work.size()) && before * blocks < block * all)
      before += work[size_t(row++)];
    begins.push_back(row);
  }
  return begins;
}

FailureOr<std::shared_ptr<Adjacency>> Batch::sample(Operation *op, const Ids &ids, StringRef relation,
                                                    int64_t fanout, int64_t block,
                                                    int64_t blocks) const {
  FailureOr<int> id = relationId(op, relation);
  if (failed(id))
    return failure();
  const graph::RelationView &view = input.graph->relation(*id);
  auto adjacency = std::make_shared<Adjacency>();
  adjacency->hop = ids.hop;
  adjacency->numRows = ids.size();
  std::vector<int64_t> begins = {0, ids.size()};
  if (blocks > 1) {
    auto whole = sample(op, ids, relation, fanout);
    if (failed(whole))
      return failure();
    std::vector<int64_t> work(size_t(ids.size()), 1);
    addEdges(work, **whole);
    begins = cutByWork(work, blocks);
  }
  for (int64_t row = begins[size_t(block)]; row < begins[size_t(block) + 1]; ++row) {
    int64_t destination = ids.ids[row];
    int64_t first = view.inPtr[destination], degree = view.inPtr[destination + 1] - first;
    std::set<int64_t> offsets = chooseOffsets(input, ids.hop, *id, destination, degree, fanout);
    if (offsets.empty())
      continue;
    adjacency->activeRow.push_back(row);
    for (int64_t offset : offsets) {
      adjacency->activeOfEdge.push_back(adjacency->numActive() - 1);
      adjacency->sourceId.push_back(view.inSources[first + offset]);
      adjacency->edgeId.push_back(first + offset);
    }
  }
  return adjacency;
}

FailureOr<std::vector<int64_t>> Batch::cutSeeds(SeedBlockOp op, const Ids &seeds) const {
  std::vector<int64_t> work(size_t(seeds.size()), 1);
  for (SampleOp sample : op->getBlock()->getOps<SampleOp>()) {
    auto type = cast<AdjType>(sample.getAdj().getType());
    if (type.getHop() != 0)
      continue;
    auto adjacency =
        this->sample(sample, seeds, type.getRelation().getValue(), int64_t(sample.getFanout()));
    if (failed(adjacency))
      return failure();
    addEdges(work, **adjacency);
  }
  return cutByWork(work, int64_t(op.getOf()));
}

/// The row of an id of an ascending list that has it.
static int64_t rowOf(const Ids &ids, int64_t id) {
  auto found = std::lower_bound(ids.ids.begin(), ids.ids.end(), id);
  assert(found != ids.ids.end() && *found == id);
  return found - ids.ids.begin();
}

/// Sources by their number among the distinct ones, in place of their row.
static void numberUnique(Adjacency &sample) {
  std::set<int64_t> rows(sample.sourceRow.begin(), sample.sourceRow.end());
  sample.uniqueRow.assign(rows.begin(), rows.end());
  sample.numSources = int64_t(rows.size());
  for (int64_t &source : sample.sourceRow)
    source = std::distance(rows.begin(), rows.find(source));
}

FailureOr<std::shared_ptr<const Ids>>
Batch::frontier(Operation *op, int64_t hop, StringRef type, const Ids *previous,
                ArrayRef<std::shared_ptr<Adjacency>> samples) const {
  FailureOr<int> id = nodeTypeId(op, type);
  if (failed(id))
    return failure();
  std::set<int64_t> rows;
  if (previous)
    rows.insert(previous->ids.begin(), previous->ids.end());
  for (const auto &sample : samples)
    rows.insert(sample->sourceId.begin(), sample->sourceId.end());
  auto ids = std::make_shared<Ids>();
  ids->hop = hop;
  ids->nodeType = *id;
  ids->ids.assign(rows.begin(), rows.end());
  for (const auto &sample : samples) {
    sample->numSources = ids->size();
    sample->sourceRow.clear();
    for (int64_t source : sample->sourceId)
      sample->sourceRow.push_back(rowOf(*ids, source));
    if (sample->unique)
      numberUnique(*sample);
  }
  return std::shared_ptr<const Ids>(ids);
}

std::shared_ptr<const Link> Batch::link(const Ids &previous, const Ids &next) {
  auto link = std::make_shared<Link>();
  link->numNext = next.size();
  for (int64_t id : previous.ids)
    link->position.push_back(rowOf(next, id));
  return link;
}

/// A number of 16 bits, as many of them as said for the fraction.
static double smallToDouble(uint16_t bits, int fractionBits) {
  const int one = 1 << fractionBits, last = (1 << (15 - fractionBits)) - 1, bias = last / 2;
  const int exponent = (bits & 0x7FFF) >> fractionBits, fraction = bits & (one - 1);
  const double magnitude = exponent == 0 ? std::ldexp(double(fraction), 1 - bias - fractionBits)
                           : exponent == last
                               ? (fraction ? NAN : INFINITY)
                               : std::ldexp(double(fraction + one), exponent - bias - fractionBits);
  return bits & 0x8000 ? -magnitude : magnitude;
}

template <class Element> static double load(const void *data, int64_t index) {
  Element element;
  std::memcpy(&element, static_cast<const char *>(data) + index * int64_t(sizeof(Element)),
              sizeof(Element));
  return double(element);
}

/// Element `index` of an array of `dtype`, in double; NaN for an unknown dtype.
static double loadElement(StringRef dtype, const void *data, int64_t index) {
  if (dtype == "float16" || dtype == "bfloat16") {
    uint16_t bits;
    std::memcpy(&bits, static_cast<const char *>(data) + index * 2, 2);
    return smallToDouble(bits, dtype == "float16" ? 10 : 7);
  }
  return llvm::StringSwitch<double (*)(const void *, int64_t)>(dtype)
      .Case("float32", load<float>)
      .Case("float64", load<double>)
      .Case("int8", load<int8_t>)
      .Case("int16", load<int16_t>)
      .Case("int32", load<int32_t>)
      .Case("int64", load<int64_t>)
      .Cases({"uint8", "bool"}, load<uint8_t>)
      .Case("uint16", load<uint16_t>)
      .Case("uint32", load<uint32_t>)
      .Case("uint64", load<uint64_t>)
      .Default([](const void *, int64_t) -> double { return NAN; })(data, index);
}

/// Rows `at` of a feature, as float.
static Tensor<double> loadRows(const graph::DenseFeatureView &view, ArrayRef<int64_t> at) {
  auto result = Tensor<double>::make(int64_t(at.size()), {view.dim});
  for (auto [row, from] : llvm::enumerate(at))
    for (int64_t column = 0; column < view.dim; ++column)
      result.at(int64_t(row), column) =
          float(loadElement(view.dtype, view.data, from * view.dim + column));
  return result;
}

FailureOr<Tensor<double>> Batch::denseRows(Operation *op, const Ids &ids, StringRef feature) const {
  if (failed(needGraph(op)))
    return failure();
  auto view = input.graph->denseFeature(ids.nodeType, feature.str());
  if (!view.ok())
    return error(op, view.status());
  return loadRows(*view, ids.ids);
}

FailureOr<Tensor<double>> Batch::edgeRows(Operation *op, StringRef relation,
                                          ArrayRef<int64_t> edges, StringRef feature) const {
  FailureOr<int> id = relationId(op, relation);
  if (failed(id))
    return failure();
  auto view = input.graph->denseEdgeFeature(*id, feature.str());
  if (!view.ok())
    return error(op, view.status());
  // Data are in the order of the stored relation.
  const graph::IndexArray &stored = input.graph->relation(*id).inEdgeData;
  SmallVector<int64_t> at;
  for (int64_t edge : edges)
    at.push_back(stored.size ? stored[edge] : edge);
  return loadRows(*view, at);
}

FailureOr<std::shared_ptr<const SparseRows>> Batch::sparseRows(Operation *op, const Ids &ids,
                                                               StringRef feature) const {
  if (failed(needGraph(op)))
    return failure();
  auto view = input.graph->sparseFeature(ids.nodeType, feature.str());
  if (!view.ok())
    return error(op, view.status());
  auto result = std::make_shared<SparseRows>();
  result->dim = view->dim;
  for (int64_t id : ids.ids) {
    auto &row = result->rows.emplace_back();
    for (int64_t p = view->indptr[id]; p < view->indptr[id + 1]; ++p)
      row.emplace_back(view->indices[p], view->values ? view->values[p] : 1);
  }
  return std::shared_ptr<const SparseRows>(result);
}

FailureOr<std::shared_ptr<const Labels>> Batch::labels(Operation *op, const Ids &ids,
                                                       StringRef label) const {
  if (failed(needGraph(op)))
    return failure();
  auto view = input.graph->label(ids.nodeType, label.str());
  if (!view.ok())
    return error(op, view.status());
  auto result = std::make_shared<Labels>();
  result->numClasses = view->numClasses;
  for (int64_t id : ids.ids) {
    if (view->classes) {
      result->classes.push_back(view->classes[id]);
      continue;
    }
    const uint8_t *row = view->multi + id * view->numClasses;
    auto &values = result->multi.emplace_back();
    if (std::count(row, row + view->numClasses, 255) == 0)
      values.assign(row, row + view->numClasses);
  }
  return std::shared_ptr<const Labels>(result);
}

FailureOr<double> Batch::invLabelCount(Operation *op) const {
  auto tasks = ModuleOp(module).getOps<hgnn::TaskOp>();
  if (tasks.empty())
    return op->emitError("needs the module's hgnn.task");
  hgnn::TaskOp task = *tasks.begin();
  auto ids = seeds(op, task.getTarget());
  if (failed(ids))
    return failure();
  auto rows = labels(op, **ids, task.getLabel());
  if (failed(rows))
    return failure();
  int64_t count = llvm::count_if((*rows)->classes, [](int64_t c) { return c >= 0; }) +
                  llvm::count_if((*rows)->multi, [](const auto &row) { return !row.empty(); });
  return count ? 1.0 / double(count) : 0.0;
}

} // namespace heddle::compiler
