//===- VerifyTest.cpp - each wrong field has its error ------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Checksum.h"
#include "runtime/plan/GpuText.h"
#include "runtime/plan/PlanFile.h"

#include "tests/unit/exec/TestModel.h"

#include <gtest/gtest.h>

#include <functional>

namespace heddle::plan {
namespace {

using testing::TestModel;

struct Case {
  const char *error; ///< part of the message
  std::function<void(PlanT &)> break_;
};

OpT &find(PlanT &p, const std::string &name) {
  for (auto &op : p.entries[0]->ops)
    if (op->name == name)
      return *op;
  ADD_FAILURE() << name;
  return *p.entries[0]->ops[0];
}
BufferT &buffer(PlanT &p, const std::string &name) {
  for (auto &b : p.entries[0]->buffers)
    if (b->name == name)
      return *b;
  ADD_FAILURE() << name;
  return *p.entries[0]->buffers[0];
}
int32_t indexOf(PlanT &p, const std::string &name) {
  for (size_t i = 0; i < p.entries[0]->buffers.size(); ++i)
    if (p.entries[0]->buffers[i]->name == name)
      return int32_t(i);
  return -1;
}

const std::string gpuBody = ".address_size 64\n.visible .entry k() { ret; }\n";

/// Adds libraries 1 and 2 for GPUs, of which the last has the text of both.
void addGpus(PlanT &p) {
  for (const char *target : {"sm_90", "sm_75"}) {
    auto library = std::make_unique<KernelLibraryT>();
    library->target = target;
    library->preamble = std::string(".target ") + target + "\n";
    library->threads.assign(p.kernels.size(), KernelThreads(1, 1));
    for (size_t k = 0; k < p.kernels.size(); ++k)
      library->functions.push_back(uint32_t(k));
    if (target == std::string("sm_90")) {
      library->text_of = "sm_75";
    } else {
      library->object = compressText(gpuBody);
      library->text_size = gpuBody.size();
    }
    library->checksum = checksumOf(library->object.data(), library->object.size());
    p.libraries.push_back(std::move(library));
  }
}

/// Numbers the sources of the sample of hop 0 over `made` among the distinct ones, as it should be done.
OpT &numberUnique(PlanT &p) {
  EntryT &entry = *p.entries[0];
  OpT &op = find(p, "sample made@0");
  auto symbol = std::make_unique<SymbolT>();
  symbol->kind = SymbolKind::Unique;
  symbol->index = op.attrs.AsSampleAttrs()->relation;
  symbol->bound = 10;
  entry.symbols.push_back(std::move(symbol));
  const int32_t unique = int32_t(entry.symbols.size()) - 1;
  *buffer(p, "made@0.out_ptr").rows = Extent(unique, 1, 1, 1);
  for (auto [name, rows] : {std::pair("src_pos", Extent(unique, 1, 1, 0)),
                            std::pair("src_inv", *buffer(p, "b@1.ids").rows)}) {
    auto made = std::make_unique<BufferT>();
    made->name = name;
    made->dtype = DType::I32;
    made->space = Space::Slot;
    made->rows = std::make_unique<Extent>(rows);
    entry.buffers.push_back(std::move(made));
    op.outputs.push_back(int32_t(entry.buffers.size()) - 1);
  }
  op.attrs.AsSampleAttrs()->unique = true;
  return op;
}

/// Makes "h W" a group of two products that add up, as it should be done.
GemmGroupAttrsT &groupProducts(PlanT &p) {
  OpT &op = find(p, "h W");
  GemmGroupAttrsT group;
  for (int i = 0; i < 2; ++i) {
    auto part = std::make_unique<GemmPartT>();
    part->attrs = std::make_unique<GemmAttrsT>(*op.attrs.AsGemmAttrs());
    part->attrs->accumulate = i > 0;
    part->b = 1;
    group.products.push_back(std::move(part));
  }
  op.attrs.Set(std::move(group));
  return *op.attrs.AsGemmGroupAttrs();
}

/// Adds a good cache of what "fetch x" fetches.
CacheT &cacheX(PlanT &p) {
  const FetchDenseAttrsT &fetch = *find(p, "fetch x").attrs.AsFetchDenseAttrs();
  auto cache = std::make_unique<CacheT>();
  cache->node_type = fetch.node_type;
  cache->feature = fetch.feature;
  cache->dim = fetch.dim;
  cache->requested = 12.5;
  cache->points = {CachePoint(0.1, 0.4), CachePoint(0.5, 0.4), CachePoint(1, 1)};
  p.caches.push_back(std::move(cache));
  return *p.caches.back();
}

/// Adds a good fetch of a feature of the edges of `made`, which the sample of hop 0 gives ids of.
OpT &fetchEdges(PlanT &p) {
  EntryT &entry = *p.entries[0];
  auto rows = std::make_unique<BufferT>();
  rows->name = "edge rows";
  rows->dtype = DType::F32;
  rows->rows = std::make_unique<Extent>(*buffer(p, "made@0.edge_id").rows);
  rows->width = 3;
  rows->space = Space::Slot;
  entry.buffers.push_back(std::move(rows));
  auto op = std::make_unique<OpT>();
  op->id = 1000;
  op->name = "fetch edges";
  op->queue = Queue::Fetch;
  FetchEdgeAttrsT attrs;
  attrs.relation = 1;
  attrs.feature = "w";
  attrs.dim = 3;
  op->attrs.Set(attrs);
  op->inputs = {indexOf(p, "made@0.edge_id")};
  op->outputs = {indexOf(p, "edge rows")};
  for (size_t i = 0; i < entry.ops.size(); ++i)
    if (entry.ops[i]->name == "fetch x")
      return **entry.ops.insert(entry.ops.begin() + std::ptrdiff_t(i) + 1, std::move(op));
  ADD_FAILURE();
  return *entry.ops[0];
}
FetchEdgeAttrsT &edgeAttrs(PlanT &p) { return *fetchEdges(p).attrs.AsFetchEdgeAttrs(); }

const std::vector<Case> &cases() {
  static const std::vector<Case> all = {
      // tables and names
      {"version: plan version 9.", [](PlanT &p) { p.major = 9; }},
      {"features", [](PlanT &p) { p.features = 1; }},
      {"partitions", [](PlanT &p) { p.partitions = 0; }},
      {"node types: there are 0", [](PlanT &p) { p.node_types.clear(); }},
      {"schema: a table is missing", [](PlanT &p) { p.node_types[0].reset(); }},
      {"node type 1: the name is empty", [](PlanT &p) { p.node_types[1]->name = ""; }},
      {"node type 1: the name is empty or has control", [](PlanT &p) { p.node_types[1]->name = "a\n"; }},
      {"node type 1: names are not sorted", [](PlanT &p) { p.node_types[1]->name = "a"; }},
      {"node type 0: num_nodes", [](PlanT &p) { p.node_types[0]->num_nodes = 1ull << 60; }},
      {"relation 0: source 7 is out of range (there are 2)", [](PlanT &p) { p.relations[0]->source = 7; }},
      {"relation 0: destination", [](PlanT &p) { p.relations[0]->destination = 7; }},
      {"relation 2: triples are not sorted", [](PlanT &p) { p.relations[2]->name = "made"; }},
      {"relation 1: reverse_of 4", [](PlanT &p) { p.relations[1]->reverse_of = 4; }},
      {"relation 1: reverse_of names", [](PlanT &p) { p.relations[1]->reverse_of = 3; }},
      {"task: it is missing", [](PlanT &p) { p.task.reset(); }},
      {"task node_type", [](PlanT &p) { p.task->node_type = 2; }},
      {"optimizer group 0: a setting", [](PlanT &p) { p.optimizer_groups[0]->lr = -1; }},
      {"optimizer group 0: a setting", [](PlanT &p) { p.optimizer_groups[0]->eps = NAN; }},
      {"optimizer group 0: beta1", [](PlanT &p) { p.optimizer_groups[0]->beta1 = 1; }},
      {"optimizer group 0: the kind", [](PlanT &p) { p.optimizer_groups[0]->kind = OptimizerKind(9); }},
      {"max_grad_norm", [](PlanT &p) { p.max_grad_norm = NAN; }},
      {"state 0: the name is empty", [](PlanT &p) { p.states[0]->name = ""; }},
      {"state 1 'weight': the name is used twice", [](PlanT &p) { p.states[1]->name = "weight"; }},
      {"the export key is used twice", [](PlanT &p) { p.states[1]->export_key = "weight"; }},
      {"state 0 'weight': the role", [](PlanT &p) { p.states[0]->role = StateRole(99); }},
      {"state 0 'weight': the dtype", [](PlanT &p) { p.states[0]->dtype = DType(99); }},
      {"state 0 'weight': rows_type", [](PlanT &p) { p.states[0]->rows_type = 2; }},
      {"the shape is too large", [](PlanT &p) { p.states[0]->shape = {1ull << 40, 1ull << 40}; }},
      {"more than 8 dimensions", [](PlanT &p) { p.states[0]->shape.assign(9, 1); }},
      {"the initializer is missing", [](PlanT &p) { p.states[0]->init.reset(); }},
      {"the initializer is unknown", [](PlanT &p) { p.states[0]->init->kind = InitKind(9); }},
      {"numbers are not finite", [](PlanT &p) { p.states[0]->init->a = INFINITY; }},
      {"only f32 and f64", [](PlanT &p) { p.states[0]->dtype = DType::I32; }},
      {"state 0 'weight': parameter 2", [](PlanT &p) { p.states[0]->parameter = 2; }},
      {"state 0 'weight': group 1", [](PlanT &p) { p.states[0]->group = 1; }},
      {"state 0 'weight': owner 1", [](PlanT &p) { p.states[0]->owner = 1; }},
      {"kernel 1: the symbol 'k_aggregate' is used twice",
       [](PlanT &p) { p.kernels[1]->symbol = "k_aggregate"; }},
      {"kernel 0: the symbol is empty", [](PlanT &p) { p.kernels[0]->symbol = ""; }},
      {"kernel 0: it has more than 4096", [](PlanT &p) { p.kernels[0]->num_args = 5000; }},
      {"library 0: the object does not match", [](PlanT &p) { p.libraries[0]->object.push_back(1); }},
      {"library 0: the object is empty", [](PlanT &p) { p.libraries[0]->object.clear(); }},
      {"library 0: the target", [](PlanT &p) { p.libraries[0]->target = ""; }},
      // entries
      {"entry 0: a table is missing", [](PlanT &p) { p.entries[0].reset(); }},
      {"entry 0: a table is missing", [](PlanT &p) { p.entries[0]->ops[3].reset(); }},
      {"entry 0: the kind", [](PlanT &p) { p.entries[0]->kind = EntryKind(77); }},
      {"entry 0: partition 1", [](PlanT &p) { p.entries[0]->partition = 1; }},
      {"entry 0: slots", [](PlanT &p) { p.entries[0]->slots = 0; }},
      {"entry 0 symbol 0: the kind", [](PlanT &p) { p.entries[0]->symbols[0]->kind = SymbolKind(99); }},
      {"entry 0 symbol 0: node type 9", [](PlanT &p) { p.entries[0]->symbols[0]->index = 9; }},
      {"entry 0 symbol 0: hop", [](PlanT &p) { p.entries[0]->symbols[0]->hop = 16; }},
      {"another symbol means the same",
       [](PlanT &p) {
         p.entries[0]->symbols.push_back(std::make_unique<SymbolT>(*p.entries[0]->symbols[0]));
       }},
      {"no op gives it a value",
       [](PlanT &p) {
         p.entries[0]->symbols.push_back(std::make_unique<SymbolT>(*p.entries[0]->symbols[0]));
         p.entries[0]->symbols.back()->hop = 9;
       }},
      // buffers
      {"buffer 0: the dtype", [](PlanT &p) { p.entries[0]->buffers[0]->dtype = DType(12); }},
      {"buffer 0: the space", [](PlanT &p) { p.entries[0]->buffers[0]->space = Space(3); }},
      {"buffer 0: the placement", [](PlanT &p) { p.entries[0]->buffers[0]->placement = Placement(5); }},
      {"buffer 0: the width", [](PlanT &p) { p.entries[0]->buffers[0]->width = 0; }},
      {"buffer 0: owner", [](PlanT &p) { p.entries[0]->buffers[0]->owner = -2; }},
      {"rows: the extent is missing", [](PlanT &p) { buffer(p, "h").rows.reset(); }},
      {"rows: symbol 99 is out of range", [](PlanT &p) { *buffer(p, "h").rows = Extent(99, 1, 1, 0); }},
      {"rows: symbol -2", [](PlanT &p) { *buffer(p, "h").rows = Extent(-2, 1, 1, 0); }},
      {"rows: the divisor is zero", [](PlanT &p) { *buffer(p, "h").rows = Extent(0, 0, 1, 0); }},
      {"rows: the extent is too large",
       [](PlanT &p) { *buffer(p, "h").rows = Extent(0, 1, 1ull << 50, 0); }},
      {"are in exactly the region they name", [](PlanT &p) { buffer(p, "h").region = 0; }},
      {"are in exactly the region they name", [](PlanT &p) { buffer(p, "h").region = -1; }},
      {"are in exactly the region they name", [](PlanT &p) { buffer(p, "x").region = 1; }},
      {"is in two regions",
       [](PlanT &p) { p.entries[0]->regions[0]->buffers.push_back(uint32_t(indexOf(p, "h"))); }},
      {"region 0: buffer 9999", [](PlanT &p) { p.entries[0]->regions[0]->buffers.push_back(9999); }},
      {"state 5 is out of range", [](PlanT &p) { buffer(p, "weight").state = 5; }},
      {"state 0 is out of range", [](PlanT &p) { buffer(p, "h").state = 0; }},
      {"the dtype is not that of state", [](PlanT &p) { buffer(p, "weight").dtype = DType::I32; }},
      {"the shape is not that of state 'weight'", [](PlanT &p) { buffer(p, "weight").width = 5; }},
      {"the shape is not that of state 'emb'", [](PlanT &p) { buffer(p, "emb").width = 5; }},
      {"the shape is not that of state 'emb'",
       [](PlanT &p) { *buffer(p, "emb").rows = *buffer(p, "seeds").rows; }},
      // semaphores
      {"semaphore 0: it does not lead", [](PlanT &p) { p.entries[0]->semaphores[0]->to = Queue(9); }},
      {"semaphore 0: it does not lead", [](PlanT &p) { p.entries[0]->semaphores[0]->to = Queue::Sample; }},
      {"semaphore 99 is out of range", [](PlanT &p) { find(p, "fetch x").waits = {99}; }},
      {"is signalled twice",
       [](PlanT &p) { find(p, "seeds").signals = find(p, "frontier b@1").signals; }},
      {"semaphore 0 is of another queue",
       [](PlanT &p) { std::swap(find(p, "frontier b@1").signals, find(p, "aggregate").signals); }},
      {"semaphore 0 is for another queue", [](PlanT &p) { find(p, "aggregate").waits = {0}; }},
      {"it is never signalled", [](PlanT &p) { find(p, "frontier b@1").signals.clear(); }},
      {"leads back",
       [](PlanT &p) {
         p.entries[0]->semaphores.push_back(std::make_unique<SemaphoreT>());
         p.entries[0]->semaphores.back()->from = Queue::Compute;
         p.entries[0]->semaphores.back()->to = Queue::Sample;
         find(p, "aggregate").signals = {2};
         find(p, "seeds").waits = {2};
       }},
      // ops in general
      {"the id 1 is used twice", [](PlanT &p) { p.entries[0]->ops[1]->id = 1; }},
      {"the queue is unknown", [](PlanT &p) { find(p, "h W").queue = Queue(5); }},
      {"op 12 'h W' input 0: buffer 9999", [](PlanT &p) { find(p, "h W").inputs[0] = 9999; }},
      {"op 12 'h W' output 0: buffer -2", [](PlanT &p) { find(p, "h W").outputs[0] = -2; }},
      {"the buffer is written twice", [](PlanT &p) { find(p, "loss").outputs[1] = find(p, "loss").outputs[0]; }},
      {"the attributes are missing", [](PlanT &p) { find(p, "h W").attrs.Reset(); }},
      {"waves of a queue are not ascending", [](PlanT &p) { find(p, "h W").wave = 100; }},
      {"estimate: the divisor is zero", [](PlanT &p) { find(p, "h W").bytes = {Extent(0, 0, 1, 1)}; }},
      // each kind of op
      {"'seeds': node type 2", [](PlanT &p) { find(p, "seeds").attrs.AsSeedsAttrs()->node_type = 2; }},
      {"'seeds' output 0: it is absent", [](PlanT &p) { find(p, "seeds").outputs[0] = -1; }},
      {"'seeds': it is not in the Sample queue", [](PlanT &p) { find(p, "seeds").queue = Queue::Fetch; }},
      {"'sample made@0': relation 4", [](PlanT &p) { find(p, "sample made@0").attrs.AsSampleAttrs()->relation = 4; }},
      {"'sample made@0': hop 15", [](PlanT &p) { find(p, "sample made@0").attrs.AsSampleAttrs()->hop = 15; }},
      {"'sample made@0': the fanout is below", [](PlanT &p) { find(p, "sample made@0").attrs.AsSampleAttrs()->fanout = -2; }},
      {"'sample made@0': the fanout is over", [](PlanT &p) { find(p, "sample made@0").attrs.AsSampleAttrs()->fanout = 1 << 25; }},
      {"'sample made@0': block 1 is out of range", [](PlanT &p) { find(p, "sample made@0").attrs.AsSampleAttrs()->block = 1; }},
      {"'sample made@0': 2 blocks are more than", [](PlanT &p) { find(p, "sample made@0").attrs.AsSampleAttrs()->blocks = 2; }},
      {"'sample made@0': the sample mode", [](PlanT &p) { find(p, "sample made@0").attrs.AsSampleAttrs()->mode = SampleMode(2); }},
      {"'sample made@0': a keyed sample", [](PlanT &p) { find(p, "sample made@0").in_loop_static = true; }},
      {"'sample made@0' output 0: the rows are not", [](PlanT &p) { find(p, "sample made@0").attrs.AsSampleAttrs()->relation = 2; }},
      {"'sample made@0': it has 7 outputs, not 8", [](PlanT &p) { find(p, "sample made@0").outputs.pop_back(); }},
      {"'sample made@0': it has 8 outputs, not 10", [](PlanT &p) { find(p, "sample made@0").attrs.AsSampleAttrs()->unique = true; }},
      {"'sample made@0': it has 10 outputs, not 8", [](PlanT &p) { numberUnique(p).attrs.AsSampleAttrs()->unique = false; }},
      {"'sample made@0' output 4: the rows are not Unique of hop 0, id 1 plus 1",
       [](PlanT &p) { numberUnique(p); *buffer(p, "made@0.out_ptr").rows = *buffer(p, "made@0.in_ptr").rows; }},
      {"'sample made@0' output 8: the rows are not Unique of hop 0, id 1",
       [](PlanT &p) { numberUnique(p); *buffer(p, "src_pos").rows = *buffer(p, "made@0.in_src").rows; }},
      {"'sample made@0' output 9: the rows are not Rows of hop 1",
       [](PlanT &p) { numberUnique(p); *buffer(p, "src_inv").rows = *buffer(p, "made@0.in_src").rows; }},
      {"'sample made@0' output 8: the dtype is I64, not I32", [](PlanT &p) { numberUnique(p); buffer(p, "src_pos").dtype = DType::I64; }},
      {"no op gives it a value", [](PlanT &p) { numberUnique(p); p.entries[0]->symbols.back()->hop = 1; for (const char *b : {"made@0.out_ptr", "src_pos"}) *buffer(p, b).rows = *buffer(p, "made@0.in_ptr").rows; auto &o = find(p, "sample made@0"); o.attrs.AsSampleAttrs()->unique = false; o.outputs.resize(8); o.outputs[4] = -1; }},
      {"'sample made@0' output 7: the dtype is I32, not I64",
       [](PlanT &p) { buffer(p, "made@0.edge_id").dtype = DType::I32; }},
      {"'sample made@0' output 1: the rows are not Active of hop 0, id 1 plus 1",
       [](PlanT &p) { *buffer(p, "made@0.in_ptr").rows = *buffer(p, "made@0.dst_pos").rows; }},
      {"'frontier a@1': hop 0", [](PlanT &p) { find(p, "frontier a@1").attrs.AsFrontierAttrs()->hop = 0; }},
      {"'frontier a@1' input 0: the self link", [](PlanT &p) { find(p, "frontier a@1").inputs[0] = -1; }},
      {"'frontier a@1' output 0: it is absent", [](PlanT &p) { find(p, "frontier a@1").outputs[0] = -1; }},
      {"op id 99 is not a sample", [](PlanT &p) { find(p, "frontier a@1").attrs.AsFrontierAttrs()->samples = {99}; }},
      {"has other sources", [](PlanT &p) { std::swap(find(p, "frontier a@1").attrs.AsFrontierAttrs()->samples, find(p, "frontier b@1").attrs.AsFrontierAttrs()->samples); }},
      {"is listed twice", [](PlanT &p) { auto &s = find(p, "frontier a@1").attrs.AsFrontierAttrs()->samples; s.push_back(s[0]); }},
      {"no frontier numbers", [](PlanT &p) { find(p, "frontier b@1").attrs.AsFrontierAttrs()->samples.clear(); }},
      {"does not run before it", [](PlanT &p) { find(p, "frontier a@1").wave = find(p, "frontier b@1").wave = 1; }},
      {"'fetch x': the feature has no columns", [](PlanT &p) { find(p, "fetch x").attrs.AsFetchDenseAttrs()->dim = 0; }},
      {"'fetch x' output 0: the width is 8, not 9", [](PlanT &p) { find(p, "fetch x").attrs.AsFetchDenseAttrs()->dim = 9; }},
      {"'fetch x' input 0", [](PlanT &p) { find(p, "fetch x").attrs.AsFetchDenseAttrs()->node_type = 0; }},
      {"'fetch x': it is not in the Fetch queue", [](PlanT &p) { find(p, "fetch x").queue = Queue::Compute; }},
      {"'fetch edges': relation 9 is out of range", [](PlanT &p) { edgeAttrs(p).relation = 9; }},
      {"'fetch edges': hop 15 is over 14", [](PlanT &p) { edgeAttrs(p).hop = 15; }},
      {"'fetch edges': the feature has no columns", [](PlanT &p) { edgeAttrs(p).dim = 0; }},
      {"'fetch edges' output 0: the width is 3, not 4", [](PlanT &p) { edgeAttrs(p).dim = 4; }},
      {"'fetch edges' input 0: the rows are not Edges of hop 0, id 2", [](PlanT &p) { edgeAttrs(p).relation = 2; }},
      {"'fetch edges' input 0: the rows are not Edges of hop 0, id 1", [](PlanT &p) { fetchEdges(p).inputs[0] = find(p, "fetch x").inputs[0]; }},
      {"'fetch edges' input 0: it does not hold the ids", [](PlanT &p) { OpT &op = fetchEdges(p); find(p, "sample made@0").outputs[7] = -1; op.inputs[0] = indexOf(p, "made@0.edge_id"); }},
      {"'fetch edges' output 0: it is absent", [](PlanT &p) { fetchEdges(p).outputs[0] = -1; }},
      {"'fetch edges' output 0: the rows are not Edges", [](PlanT &p) { OpT &op = fetchEdges(p); *buffer(p, "edge rows").rows = *buffer(p, "x").rows; op.wave = 0; }},
      {"'fetch edges': it is not in the Fetch queue", [](PlanT &p) { fetchEdges(p).queue = Queue::Compute; }},
      {"cache 0 'x': node type 9 is out of range", [](PlanT &p) { cacheX(p).node_type = 9; }},
      {"cache 0 'x': no op fetches that feature with 8 columns", [](PlanT &p) { cacheX(p).node_type = 0; }},
      {"cache 0 'x': no op fetches that feature with 7 columns", [](PlanT &p) { cacheX(p).dim = 7; }},
      {"cache 0 '': no op fetches", [](PlanT &p) { cacheX(p).feature.clear(); }},
      {"cache 1 'x': the feature has another one", [](PlanT &p) { cacheX(p); cacheX(p); }},
      {"cache 1: a table is missing", [](PlanT &p) { cacheX(p); p.caches.emplace_back(); }},
      {"cache 0 'x': a number of 0 bytes", [](PlanT &p) { cacheX(p).number_bytes = 0; }},
      {"cache 0 'x': a number of 9 bytes", [](PlanT &p) { cacheX(p).number_bytes = 9; }},
      {"cache 0 'x': the requested rows are no number", [](PlanT &p) { cacheX(p).requested = -1; }},
      {"cache 0 'x': the requested rows are no number", [](PlanT &p) { cacheX(p).requested = 0.0 / 0.0; }},
      {"cache 0 'x': the requested rows are no number", [](PlanT &p) { cacheX(p).requested = 1e300; }},
      {"cache 0 'x': kept rows and hits are not ascending", [](PlanT &p) { cacheX(p).points[1] = CachePoint(0.05, 0.4); }},
      {"cache 0 'x': kept rows and hits are not ascending", [](PlanT &p) { cacheX(p).points[1] = CachePoint(0.5, 0.3); }},
      {"cache 0 'x': kept rows and hits are not ascending", [](PlanT &p) { cacheX(p).points[2] = CachePoint(1.5, 1); }},
      {"cache 0 'x': kept rows and hits are not ascending", [](PlanT &p) { cacheX(p).points[0] = CachePoint(0.0 / 0.0, 0.4); }},
      {"'fetch labels': the label has no classes", [](PlanT &p) { find(p, "fetch labels").attrs.AsFetchLabelsAttrs()->num_classes = 0; }},
      {"'fetch labels': it has 1 outputs, not 2", [](PlanT &p) { find(p, "fetch labels").attrs.AsFetchLabelsAttrs()->multilabel = true; }},
      {"'scalars': scalar 1 group 3", [](PlanT &p) { find(p, "scalars").attrs.AsScalarsAttrs()->scalars[1]->group = 3; }},
      {"'scalars': scalar 0 is of an unknown", [](PlanT &p) { find(p, "scalars").attrs.AsScalarsAttrs()->scalars[0]->kind = ScalarKind(4); }},
      {"'scalars' output 0: it does not hold 1", [](PlanT &p) { find(p, "scalars").attrs.AsScalarsAttrs()->scalars.pop_back(); }},
      {"'scalars': scalars differ", [](PlanT &p) { find(p, "scalars").in_loop_static = true; }},
      {"'fetch emb' input 1: it is not a state", [](PlanT &p) { find(p, "fetch emb").inputs[1] = indexOf(p, "h"); }},
      {"'fetch emb' input 1: the state has no row per node", [](PlanT &p) { find(p, "fetch emb").inputs[1] = indexOf(p, "weight"); }},
      {"'fetch emb' output 0: the width", [](PlanT &p) { buffer(p, "emb rows").width = 5; }},
      {"'aggregate': kernel 6", [](PlanT &p) { find(p, "aggregate").attrs.AsKernelAttrs()->kernel = 6; }},
      {"'aggregate': the kernel takes 5 arguments, it is given 4", [](PlanT &p) { find(p, "aggregate").attrs.AsKernelAttrs()->kernel = 1; }},
      {"'aggregate': the kernel mode", [](PlanT &p) { find(p, "aggregate").attrs.AsKernelAttrs()->mode = KernelMode(2); }},
      {"'aggregate' domain: the extent is missing", [](PlanT &p) { find(p, "aggregate").attrs.AsKernelAttrs()->domain.reset(); }},
      {"'aggregate': balance 3", [](PlanT &p) { find(p, "aggregate").attrs.AsKernelAttrs()->balance = 3; }},
      {"'aggregate' input 1: it has not one row more", [](PlanT &p) { find(p, "aggregate").attrs.AsKernelAttrs()->balance = 1; }},
      {"'step emb': row_ids 5", [](PlanT &p) { find(p, "step emb").attrs.AsKernelAttrs()->row_ids = 5; }},
      {"'step emb' input 1", [](PlanT &p) { find(p, "step emb").attrs.AsKernelAttrs()->row_ids = 1; }},
      {"'step emb' input 0: it has not a row for each", [](PlanT &p) { find(p, "step emb").inputs[0] = find(p, "seeds").outputs[0]; }},
      {"'step emb': its row_ids are of tables", [](PlanT &p) { find(p, "step emb").outputs[0] = find(p, "step W").outputs[0]; }},
      {"'loss': chunk_rows is zero", [](PlanT &p) { find(p, "loss").attrs.AsKernelAttrs()->chunk_rows = 0; }},
      {"library 0: it says the threads of 1 kernels, not of 0", [](PlanT &p) { p.libraries[0]->threads.emplace_back(1, 1); }},
      {"library 0: it says the threads of 0 kernels, not of", [](PlanT &p) { p.libraries[0]->target = "sm_80"; }},
      {"library 0: a kernel has no thread or more than 2^20", [](PlanT &p) {
         p.libraries[0]->target = "sm_80";
         for (size_t i = 0; i < p.kernels.size(); ++i)
           p.libraries[0]->threads.emplace_back(16, i);
       }},
      {"library 0: the object is empty", [](PlanT &p) { p.libraries[0]->object.clear(); }},
      {"library 0: it is for a CPU and has text", [](PlanT &p) { p.libraries[0]->text_size = 1; }},
      {"library 0: it is for a CPU and has text", [](PlanT &p) { p.libraries[0]->functions.resize(p.kernels.size()); }},
      {"library 1: it has an object and says that it is another's", [](PlanT &p) { addGpus(p); p.libraries[1]->object = {1}; }},
      {"library 1: its text is another library's, which is missing", [](PlanT &p) { addGpus(p); p.libraries[1]->text_of = "sm_99"; }},
      {"library 1: its text is another library's, which is missing, not for a GPU", [](PlanT &p) { addGpus(p); p.libraries[1]->text_of = p.libraries[0]->target; }},
      {"library 1: its text is another library's, which is missing, not for a GPU or without text of its own", [](PlanT &p) { addGpus(p); p.libraries[1]->text_of = "sm_80"; }},
      {"library 1: it says a size of text that is another's", [](PlanT &p) { addGpus(p); p.libraries[1]->text_size = 5; }},
      {"library 2: the text has more than 256 MiB", [](PlanT &p) { addGpus(p); p.libraries[2]->text_size = maximumText + 1; }},
      {"library 1: its kernels run other functions than its text's", [](PlanT &p) { addGpus(p); p.libraries[1]->functions.clear(); }},
      {"library 1: it says the functions of 1 kernels, not of", [](PlanT &p) {
         addGpus(p);
         for (int i : {1, 2})
           p.libraries[i]->functions.resize(1);
       }},
      {"library 1: kernel 0 runs the function of kernel 1, which has none", [](PlanT &p) {
         addGpus(p);
         for (int i : {1, 2})
           p.libraries[i]->functions[0] = 1;
       }},
      {"runs the function of kernel 0, which has other arguments", [](PlanT &p) {
         addGpus(p);
         for (int i : {1, 2})
           p.libraries[i]->functions.assign(p.kernels.size(), 0);
       }},
      {"'h W': k and n", [](PlanT &p) { find(p, "h W").attrs.AsGemmAttrs()->k = 0; }},
      {"'h W': k and n, times heads", [](PlanT &p) { find(p, "h W").attrs.AsGemmAttrs()->heads = 0; }},
      {"'h W': k and n, times heads", [](PlanT &p) { find(p, "h W").attrs.AsGemmAttrs()->heads = 1u << 30; }},
      {"'h W' input 0: the width is 8, not 16", [](PlanT &p) { find(p, "h W").attrs.AsGemmAttrs()->heads = 2; }},
      {"'h W': the kind of product", [](PlanT &p) { find(p, "h W").attrs.AsGemmAttrs()->gemm = GemmKind(2); }},
      {"'h W' input 0: the width is 8, not 7", [](PlanT &p) { find(p, "h W").attrs.AsGemmAttrs()->k = 7; }},
      {"'h W' input 1: it does not hold 40", [](PlanT &p) { find(p, "h W").attrs.AsGemmAttrs()->n = 5; }},
      {"'h W' input 0: the rows are not those", [](PlanT &p) { *find(p, "h W").attrs.AsGemmAttrs()->rows = *buffer(p, "logits").rows; }},
      {"'h W' rows: the extent is missing", [](PlanT &p) { find(p, "h W").attrs.AsGemmAttrs()->rows.reset(); }},
      {"overwrite its own input", [](PlanT &p) { find(p, "h W").outputs[0] = find(p, "h W").inputs[0]; }},
      {"'h W': a group has no products", [](PlanT &p) { groupProducts(p).products.clear(); }},
      {"'h W': product 1 is missing", [](PlanT &p) { groupProducts(p).products[1].reset(); }},
      {"'h W': product 1 is missing", [](PlanT &p) { groupProducts(p).products[1]->attrs.reset(); }},
      {"'h W': product 0 names arrays", [](PlanT &p) { groupProducts(p).products[0]->a = 2; }},
      {"'h W': product 0 names arrays", [](PlanT &p) { groupProducts(p).products[0]->b = UINT32_MAX; }},
      {"'h W': product 1 names arrays", [](PlanT &p) { groupProducts(p).products[1]->c = 1; }},
      {"'h W': product 1 overwrites", [](PlanT &p) { groupProducts(p).products[1]->attrs->accumulate = false; }},
      {"'h W': product 0 adds to what", [](PlanT &p) { groupProducts(p).products[0]->attrs->accumulate = true; }},
      {"'h W' rows: the extent is missing", [](PlanT &p) { groupProducts(p).products[1]->attrs->rows.reset(); }},
      {"'h W': product 1 is of another kind", [](PlanT &p) { groupProducts(p).products[1]->attrs->chunk_rows = 3; }},
      {"'h W' input 0: the rows are not those", [](PlanT &p) { *groupProducts(p).products[1]->attrs->rows = *buffer(p, "logits").rows; }},
      {"'h W' output 1: no product writes it", [](PlanT &p) { groupProducts(p); find(p, "h W").outputs.push_back(indexOf(p, "dm")); }},
      {"'h W' output 0: the product would overwrite", [](PlanT &p) { groupProducts(p); find(p, "h W").inputs.push_back(find(p, "h W").outputs[0]); }},
      {"'dW': chunk_rows is zero", [](PlanT &p) { find(p, "dW").attrs.AsGemmAttrs()->chunk_rows = 0; }},
      {"'dW' output 0: it does not hold one partial", [](PlanT &p) { find(p, "dW").attrs.AsGemmAttrs()->chunk_rows = 8; }},
      {"'dW': a parameter gradient neither", [](PlanT &p) { find(p, "dW").attrs.AsGemmAttrs()->accumulate = true; }},
      {"'dW sum': the width", [](PlanT &p) { find(p, "dW sum").attrs.AsMergeAttrs()->width = 0; }},
      {"'dW sum' output 0: it does not hold 8", [](PlanT &p) { find(p, "dW sum").attrs.AsMergeAttrs()->width = 8; }},
      {"'dW sum' input 0: it does not hold one row", [](PlanT &p) { *find(p, "dW sum").attrs.AsMergeAttrs()->chunks = *buffer(p, "loss partials").rows; }},
      // order and lifetimes
      {"it reads buffer", [](PlanT &p) { find(p, "fetch x").waits.clear(); find(p, "frontier b@1").signals.clear(); p.entries[0]->semaphores.erase(p.entries[0]->semaphores.begin()); for (auto &op : p.entries[0]->ops) { for (auto &s : op->waits) s = 0; for (auto &s : op->signals) s = 0; } }},
      {"it reads buffer", [](PlanT &p) { find(p, "h W").wave = 0; }},
      {"while", [](PlanT &p) { find(p, "step emb").inputs[2] = find(p, "step W").outputs[0]; }},
      {"is also written by", [](PlanT &p) {
         find(p, "step emb").outputs[0] = find(p, "step W").outputs[0];
         find(p, "step emb").attrs.AsKernelAttrs()->row_ids = -1;
       }},
      {"step slots are written by", [](PlanT &p) { find(p, "logits").outputs[0] = indexOf(p, "labels"); }},
      {"are alive together",
       [](PlanT &p) {
         BufferT &h = buffer(p, "h"), &m = buffer(p, "m");
         auto &from = p.entries[0]->regions[size_t(h.region)]->buffers;
         from.clear();
         h.region = m.region;
         p.entries[0]->regions[size_t(m.region)]->buffers.push_back(uint32_t(indexOf(p, "h")));
       }},
      {"it changes a state before the loss is known",
       [](PlanT &p) { find(p, "logits").inputs[3] = -1; find(p, "logits").outputs.push_back(indexOf(p, "emb")); p.kernels[1]->num_args = 6; p.entries.pop_back(); }},
      {"the table is the result", [](PlanT &p) { find(p, "step emb").outputs.push_back(indexOf(p, "emb rows")); p.kernels[5]->num_args = 7; }},
      {"it reads fetched rows after", [](PlanT &p) { find(p, "step W").wave = 8; std::swap(p.entries[0]->ops[19], p.entries[0]->ops[20]); find(p, "step W").inputs.push_back(indexOf(p, "emb rows")); p.kernels[4]->num_args = 5; }},
      // outputs
      {"output 0: buffer 9999", [](PlanT &p) { p.entries[0]->outputs[0]->buffer = 9999; }},
      {"output 0: the loss is one f32", [](PlanT &p) { p.entries[0]->outputs[0]->buffer = uint32_t(indexOf(p, "h")); }},
      {"output 1: the logits are", [](PlanT &p) { p.entries[0]->outputs[1]->buffer = uint32_t(indexOf(p, "h")); }},
      {"the name 'loss' is used twice", [](PlanT &p) { p.entries[0]->outputs[1]->name = "loss"; }},
  };
  return all;
}

TEST(Verify, AcceptsTheModel) {
  for (bool stay : {false, true}) {
    TestModel model({.fanout = stay ? -1 : 5, .stay = stay});
    EXPECT_TRUE(verifyPlan(*model.plan).ok()) << verifyPlan(*model.plan);
  }
}

TEST(Verify, AFetchOfEdgeDataIsGood) {
  TestModel model({.numA = 20, .numB = 20, .edges = 40});
  fetchEdges(*model.plan);
  EXPECT_TRUE(verifyPlan(*model.plan).ok()) << verifyPlan(*model.plan);
}

TEST(Verify, DistinctSourcesAreGood) {
  TestModel model({.numA = 20, .numB = 20, .edges = 40});
  numberUnique(*model.plan);
  fetchEdges(*model.plan);
  EXPECT_TRUE(verifyPlan(*model.plan).ok()) << verifyPlan(*model.plan);
}

TEST(Verify, GroupsOfProductsAreGood) {
  TestModel model({.numA = 20, .numB = 20, .edges = 40});
  groupProducts(*model.plan);
  EXPECT_TRUE(verifyPlan(*model.plan).ok()) << verifyPlan(*model.plan);
}

TEST(Verify, EveryWrongFieldHasItsError) {
  for (const Case &c : cases()) {
    TestModel model({.numA = 20, .numB = 20, .edges = 40});
    c.break_(*model.plan);
    absl::Status status = verifyPlan(*model.plan);
    EXPECT_FALSE(status.ok()) << c.error;
    EXPECT_NE(messageOf(status).find(c.error), std::string::npos)
        << "wanted: " << c.error << "\ngot: " << status;
    // What verification refuses, loading refuses too; a plan with holes cannot be written at all.
    if (messageOf(status).find("is missing") == std::string::npos &&
        messageOf(status).find("are missing") == std::string::npos) {
      auto bytes = serializePlan(*model.plan);
      EXPECT_FALSE(parsePlan(bytes.data(), bytes.size(), "x").ok()) << c.error;
    }
  }
}

TEST(Verify, StrangeNamesStayOnOneLine) {
  TestModel model({});
  find(*model.plan, "h W").name = "a\nb\x1b[2J" + std::string(100000, 'x');
  std::string message = messageOf(verifyPlan(*model.plan));
  EXPECT_NE(message.find("'a?b?[2Jxxx"), std::string::npos);
  EXPECT_LT(message.size(), 300u);
}

TEST(Verify, StaticOpsDependOnStaticOpsOnly) {
  TestModel model({.fanout = -1, .stay = true});
  model.plan->entries[0]->ops[0]->in_loop_static = false;
  EXPECT_NE(messageOf(verifyPlan(*model.plan)).find("it is kept over steps but reads"),
            std::string::npos);
  TestModel other({.fanout = -1, .stay = true});
  find(*other.plan, "sample made@0").in_loop_static = false;
  EXPECT_NE(messageOf(verifyPlan(*other.plan)).find("but its sample"), std::string::npos)
      << verifyPlan(*other.plan);
}

TEST(Verify, TextOfAGpuMayBeAnothers) {
  TestModel model({.numA = 20, .numB = 20, .edges = 40});
  addGpus(*model.plan);
  ASSERT_TRUE(verifyPlan(*model.plan).ok()) << messageOf(verifyPlan(*model.plan));
  auto bytes = serializePlan(*model.plan);
  auto plan = parsePlan(bytes.data(), bytes.size(), "p");
  ASSERT_TRUE(plan.ok()) << messageOf(plan.status());
  const auto &libraries = (*plan)->libraries;
  EXPECT_EQ(*gpuText(**plan, *libraries[1]), ".target sm_90\n" + gpuBody);
  EXPECT_EQ(*gpuText(**plan, *libraries[2]), ".target sm_75\n" + gpuBody);
  EXPECT_EQ(functionOf(*libraries[1], 1), 1u);
  libraries[2]->functions.clear(); // as in a plan of an older heddle, whose text is not compressed
  libraries[2]->text_size = 0;
  libraries[2]->object.assign(gpuBody.begin(), gpuBody.end());
  EXPECT_EQ(*gpuText(**plan, *libraries[2]), ".target sm_75\n" + gpuBody);
  EXPECT_EQ(functionOf(*libraries[2], 1), 1u);
  libraries[2]->text_size = 7;
  EXPECT_NE(messageOf(gpuText(**plan, *libraries[1]).status()).find("code for sm_90: compressed text: it is damaged"), std::string::npos);
}

} // namespace
} // namespace heddle::plan
