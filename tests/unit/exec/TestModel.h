//===- TestModel.h - a small training step built by hand ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// logits(v) = emb(v) + (sum over sampled in-edges of x) W for nodes v of type a; squared error
// against one-hot labels; plain gradient steps of W and of the rows of emb. It has every kind of op,
// a parallel and an empty relation and a self relation, and a double-precision twin.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_EXEC_TESTMODEL_H
#define HEDDLE_TESTS_UNIT_EXEC_TESTMODEL_H

#include "BruteForce.h"
#include "TestGraph.h"
#include "TestPlan.h"
#include "runtime/base/Checksum.h"
#include "runtime/exec/Executor.h"

#include <fstream>
#include <iterator>
#include <memory>

namespace heddle::testing {

struct TestModel {
  static constexpr uint32_t dim = 8, classes = 4, chunkRows = 16;
  std::shared_ptr<plan::PlanT> plan = std::make_shared<plan::PlanT>();
  std::shared_ptr<TestGraph> graph = std::make_shared<TestGraph>();
  std::vector<int32_t> labels;
  std::vector<float> features;
  int32_t fanout = 5;
  uint32_t made = 1; ///< relation b:made:a
  int64_t numA = 0, numB = 0;
  double lr = 0.1;

  struct Options {
    int64_t numA = 400, numB = 900, edges = 6000;
    int32_t fanout = 5;
    uint32_t slots = 3;
    bool stay = false; ///< in_loop_static
    bool unlabelled = false;
  };

  explicit TestModel(const Options &o) : fanout(o.fanout), numA(o.numA), numB(o.numB) {
    std::mt19937_64 random(99);
    graph->addType("a", numA);
    graph->addType("b", numB);
    graph->addRelation(0, "likes", 0, randomEdges(random, numA, numA, o.edges / 4));
    graph->addRelation(1, "made", 0, randomEdges(random, numB, numA, o.edges));
    graph->addRelation(1, "made too", 0, randomEdges(random, numB, numA, o.edges / 10));
    graph->addRelation(1, "none", 0, {});
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < numB * dim; ++i)
      features.push_back(normal(random) * 0.3f);
    for (int64_t i = 0; i < numA; ++i)
      labels.push_back(o.unlabelled || i % 7 == 0 ? -1 : int32_t(random() % classes));
    graph->addDense(1, "x", dim, features);
    graph->addLabel(0, "topic", classes, labels);

    PlanBuilder b(*plan);
    b.type("a", uint64_t(numA));
    b.type("b", uint64_t(numB));
    b.relation(0, "likes", 0);
    b.relation(1, "made", 0);
    b.relation(1, "made too", 0);
    b.relation(1, "none", 0);
    plan->task->node_type = 0;
    plan->task->label = "topic";
    b.group(lr);
    b.state("weight", {dim, classes}, -1, plan::InitKind::Uniform, -0.5, 0.5);
    b.state("emb", {classes}, 0, plan::InitKind::Normal, 0, 0.1);
    b.kernel("k_aggregate", 4);
    b.kernel("k_logits", 5);
    b.kernel("k_loss", 5);
    b.kernel("k_gather", 3);
    b.kernel("k_sgd", 4);
    b.kernel("k_sgd_rows", 6);
    addLibrary("kernels", "x86-64-v2");
    addEntry(b, plan::EntryKind::TrainStep, "train", o);
    addEntry(b, plan::EntryKind::EvalStep, "eval", o);
  }

  void addLibrary(const std::string &object, const std::string &target) {
    auto library = std::make_unique<plan::KernelLibraryT>();
    library->target = target;
#ifdef HEDDLE_OBJECT_DIR
    std::ifstream file(std::string(HEDDLE_OBJECT_DIR) + "/" + object + ".so", std::ios::binary);
    library->object.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
#else // tests that execute nothing
    library->object.assign(object.begin(), object.end());
#endif
    library->checksum = checksumOf(library->object.data(), library->object.size());
    plan->libraries.push_back(std::move(library));
  }

  void addEntry(PlanBuilder &b, plan::EntryKind kind, const std::string &name, const Options &o) {
    b.entry(kind, name, o.slots);
    bool train = kind == plan::EntryKind::TrainStep;
    PlanBuilder::Sampled s = b.sampleAll(0, 1, o.fanout, true, o.stay);
    const auto &link = s.links[made];
    Extent rows0 = b.extent(SymbolKind::Rows, 0, 0), rows1 = b.extent(SymbolKind::Rows, 1, 0);
    Extent rowsB = b.extent(SymbolKind::Rows, 1, 1);
    Extent active = b.extent(SymbolKind::Active, 0, made);
    Extent chunks(rows0.symbol(), chunkRows, 1, 0);
    Extent chunksM(active.symbol(), chunkRows, 1, 0);
    int32_t ids0 = s.ids[0][0], ids1 = s.ids[1][0];

    int32_t x = b.slot("x", DType::F32, rowsB, dim);
    plan::FetchDenseAttrsT fetchX;
    fetchX.node_type = 1;
    fetchX.feature = "x";
    fetchX.dim = dim;
    plan::OpT &opX = b.op("fetch x", Queue::Fetch, 0, fetchX, {s.ids[1][1]}, {x});
    opX.in_loop_static = o.stay;
    b.semaphore(*s.last, opX);
    int32_t y = b.slot("labels", DType::I32, rows0);
    plan::FetchLabelsAttrsT fetchY;
    fetchY.node_type = 0;
    fetchY.label = "topic";
    fetchY.num_classes = classes;
    plan::OpT &opY = b.op("fetch labels", Queue::Fetch, 0, fetchY, {ids0}, {y});
    opY.in_loop_static = o.stay;
    int32_t scalars = b.slot("scalars", DType::F32, b.constant(2));
    plan::ScalarsAttrsT scalarsAttrs;
    for (auto k : {plan::ScalarKind::InvLabelCount, plan::ScalarKind::LearningRate}) {
      scalarsAttrs.scalars.push_back(std::make_unique<plan::ScalarSpecT>());
      scalarsAttrs.scalars.back()->kind = k;
    }
    plan::OpT &opScalars = b.op("scalars", Queue::Fetch, 1, scalarsAttrs, {}, {scalars, -1});

    Extent nodes = b.extent(SymbolKind::Nodes, 0, 0);
    int32_t weight = b.stateBuffer(0, b.constant(dim), classes);
    int32_t table = b.stateBuffer(1, nodes, classes);
    int32_t emb = b.arena("emb rows", DType::F32, rows1, classes);
    plan::OpT &first =
        b.op("fetch emb", Queue::Compute, 0, plan::FetchRowsAttrsT(), {ids1, table}, {emb});
    b.semaphore(opScalars, first);
    auto kernel = [&](const char *opName, uint32_t index, uint32_t wave, Extent domain,
                      std::vector<int32_t> inputs, std::vector<int32_t> outputs,
                      int32_t balance = -1) -> plan::OpT & {
      plan::KernelAttrsT a;
      a.kernel = index;
      a.domain = std::make_unique<Extent>(domain);
      a.balance = balance;
      return b.op(opName, Queue::Compute, wave, std::move(a), inputs, outputs);
    };
    int32_t h = b.arena("h", DType::F32, active, dim);
    kernel("aggregate", 0, 0, active, {link.out[1], link.out[2], x}, {h}, 0);
    int32_t m = b.arena("m", DType::F32, active, classes);
    plan::GemmAttrsT product;
    product.rows = std::make_unique<Extent>(active);
    product.k = dim;
    product.n = classes;
    b.op("h W", Queue::Compute, 1, std::move(product), {h, weight}, {m});
    int32_t logits = b.arena("logits", DType::F32, rows0, classes);
    kernel("logits", 1, 2, rows0, {link.out[3], m, emb, s.selfPos[1][0]}, {logits});
    int32_t partial = b.arena("loss partials", DType::F32, chunks);
    int32_t grad = b.arena("dlogits", DType::F32, rows0, classes);
    plan::OpT &loss = kernel("loss", 2, 3, rows0, {logits, y, scalars}, {partial, grad});
    loss.attrs.AsKernelAttrs()->mode = plan::KernelMode::Chunks;
    loss.attrs.AsKernelAttrs()->chunk_rows = chunkRows;
    loss.location = "model.json:/loss";
    int32_t total = b.arena("loss", DType::F32, b.constant(1));
    plan::MergeAttrsT merge;
    merge.chunks = std::make_unique<Extent>(chunks);
    merge.width = 1;
    b.op("loss sum", Queue::Compute, 4, std::move(merge), {partial}, {total});
    b.output("loss", total);
    b.output("logits", logits);
    if (!train)
      return;
    // The messages are dead once the logits stand: their gradient takes their place.
    int32_t region = b_region(*plan, m);
    int32_t dm = b.arena("dm", DType::F32, active, classes, region);
    kernel("gather", 3, 4, active, {link.out[0], grad}, {dm});
    int32_t partialW = b.arena("dW partials", DType::F32, chunksM, dim * classes);
    plan::GemmAttrsT gradient;
    gradient.gemm = plan::GemmKind::ParamGrad;
    gradient.rows = std::make_unique<Extent>(active);
    gradient.k = dim;
    gradient.n = classes;
    gradient.chunk_rows = chunkRows;
    b.op("dW", Queue::Compute, 5, std::move(gradient), {h, dm}, {partialW});
    int32_t dW = b.arena("dW", DType::F32, b.constant(dim), classes);
    plan::MergeAttrsT mergeW;
    mergeW.chunks = std::make_unique<Extent>(chunksM);
    mergeW.width = dim * classes;
    b.op("dW sum", Queue::Compute, 6, std::move(mergeW), {partialW}, {dW});
    kernel("step W", 4, 7, b.constant(dim * classes), {dW, scalars, weight}, {weight});
    kernel("step emb", 5, 7, rows1, {ids1, s.selfInv[1][0], grad, scalars, table}, {table})
        .attrs.AsKernelAttrs()
        ->row_ids = 0;
  }

  static int32_t b_region(const plan::PlanT &plan, int32_t buffer) {
    return plan.entries.back()->buffers[size_t(buffer)]->region;
  }

  /// The same training in double precision; states are read from and written to `weight`, `emb`.
  double referenceStep(const std::vector<int64_t> &seeds, uint64_t step, uint64_t seed,
                       std::vector<double> &weight, std::vector<double> &emb,
                       bool train = true) const {
    double labelled = 0;
    for (int64_t v : seeds)
      labelled += labels[size_t(v)] >= 0;
    double inv = labelled > 0 ? 1 / labelled : 0, loss = 0;
    std::vector<double> dW(weight.size()), embAfter = emb;
    const auto &view = graph->relation(int(made));
    for (int64_t v : seeds) {
      double h[dim] = {};
      int64_t first = view.inPtr[v], degree = view.inPtr[v + 1] - first;
      for (int64_t o : floyd(seed, uint32_t(step), 0, made, v, degree, fanout))
        for (uint32_t c = 0; c < dim; ++c)
          h[c] += double(features[size_t(view.inSources[first + o]) * dim + c]);
      for (uint32_t c = 0; c < classes; ++c) {
        double logit = emb[size_t(v) * classes + c];
        for (uint32_t k = 0; k < dim; ++k)
          logit += h[k] * weight[k * classes + c];
        if (labels[size_t(v)] < 0)
          continue;
        double d = logit - (labels[size_t(v)] == int32_t(c));
        loss += 0.5 * d * d * inv;
        for (uint32_t k = 0; k < dim; ++k)
          dW[k * classes + c] += h[k] * d * inv;
        embAfter[size_t(v) * classes + c] -= lr * d * inv;
      }
    }
    if (train) {
      emb = embAfter;
      for (size_t i = 0; i < weight.size(); ++i)
        weight[i] -= lr * dW[i];
    }
    return loss;
  }

  std::vector<std::vector<int64_t>> batches(int count, int64_t size, uint64_t seed = 1) const {
    std::mt19937_64 random(seed);
    std::vector<std::vector<int64_t>> result;
    for (int i = 0; i < count; ++i) {
      std::set<int64_t> chosen;
      while (int64_t(chosen.size()) < std::min(size, numA))
        chosen.insert(int64_t(random() % uint64_t(numA)));
      result.emplace_back(chosen.begin(), chosen.end());
      std::shuffle(result.back().begin(), result.back().end(), random);
    }
    return result;
  }
};

} // namespace heddle::testing

#endif // HEDDLE_TESTS_UNIT_EXEC_TESTMODEL_H
