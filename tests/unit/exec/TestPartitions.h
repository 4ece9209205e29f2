//===- TestPartitions.h - a training step of several partitions --*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Partition p owns relation "rP" from b to a and a weight W_p of its own:
//   logits(v) = sum over p, over sampled in-edges of rP, of emb(u) (V + W_p)
// with squared error against one-hot labels and plain gradient steps of V (in all partitions), W_p
// (in p alone) and the rows of emb (in all). Every kind of collective is in it: the head is
// replicated, or leader's. A double-precision twin says what must come out.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_EXEC_TESTPARTITIONS_H
#define HEDDLE_TESTS_UNIT_EXEC_TESTPARTITIONS_H

#include "TestModel.h"
#include "runtime/plan/Collective.h"
#include "runtime/transport/Transport.h"

#include <array>

namespace heddle::testing {

struct TestPartitions {
  static constexpr uint32_t dim = 8, classes = 4, chunkRows = 16;
  struct Options {
    uint32_t partitions = 2;
    int64_t numA = 300, numB = 500, edges = 2500;
    int32_t fanout = 4;
    uint32_t slots = 3;
    bool leader = false;
    bool stay = false; ///< in_loop_static
    int32_t emptyRelation = -1;
    bool stayInOne = false; ///< partition 1's batch is kept where the seeds are, the others' not
  };
  Options o;
  std::shared_ptr<plan::PlanT> plan = std::make_shared<plan::PlanT>();
  std::shared_ptr<TestGraph> graph = std::make_shared<TestGraph>();
  std::vector<int32_t> labels;
  double lr = 0.1;

  explicit TestPartitions(const Options &options) : o(options) {
    std::mt19937_64 random(7);
    graph->addType("a", o.numA);
    graph->addType("b", o.numB);
    PlanBuilder b(*plan);
    plan->partitions = o.partitions;
    b.type("a", uint64_t(o.numA));
    b.type("b", uint64_t(o.numB));
    for (uint32_t p = 0; p < o.partitions; ++p) {
      std::string name = "r" + std::to_string(p);
      graph->addRelation(
          1, name, 0,
          randomEdges(random, o.numB, o.numA, int32_t(p) == o.emptyRelation ? 0 : o.edges));
      b.relation(1, name, 0);
    }
    for (int64_t i = 0; i < o.numA; ++i)
      labels.push_back(i % 5 == 0 ? -1 : int32_t(random() % classes));
    graph->addLabel(0, "topic", classes, labels);
    plan->task->node_type = 0;
    plan->task->label = "topic";
    b.group(lr);
    b.state("V", {dim, classes}, -1, plan::InitKind::Uniform, -0.5, 0.5);
    b.state("emb", {dim}, 1, plan::InitKind::Normal, 0, 0.3);
    for (uint32_t p = 0; p < o.partitions; ++p) {
      b.state("W" + std::to_string(p), {dim, classes}, -1, plan::InitKind::Uniform, -0.5, 0.5);
      plan->states.back()->partitions = {p};
    }
    for (auto [symbol, args] : {std::pair{"k_aggregate", 4u},
                                {"k_spread", 3u},
                                {"k_loss", 5u},
                                {"k_gather", 3u},
                                {"k_scatter", 4u},
                                {"k_sgd", 4u},
                                {"k_sgd_union", 5u}})
      b.kernel(symbol, args);
    addTestKernels(*plan);
    for (auto kind : {plan::EntryKind::TrainStep, plan::EntryKind::EvalStep})
      for (uint32_t p = 0; p < o.partitions; ++p)
        addEntry(b, kind, p);
  }

  static void addTestKernels(plan::PlanT &plan) {
    auto library = std::make_unique<plan::KernelLibraryT>();
    library->target = "x86-64-v2";
#ifdef HEDDLE_OBJECT_DIR
    std::ifstream file(std::string(HEDDLE_OBJECT_DIR) + "/kernels.so", std::ios::binary);
    library->object.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
#else // tests that execute nothing
    library->object.assign(4, 1);
#endif
    library->checksum = checksumOf(library->object.data(), library->object.size());
    plan.libraries.push_back(std::move(library));
  }

  std::vector<uint32_t> everybody() const {
    std::vector<uint32_t> all;
    for (uint32_t p = 0; p < o.partitions; ++p)
      all.push_back(p);
    return all;
  }

  void addEntry(PlanBuilder &b, plan::EntryKind kind, uint32_t p) {
    const bool train = kind == plan::EntryKind::TrainStep, stay = o.stay || (o.stayInOne && p == 1);
    const uint64_t q = o.partitions;
    b.entry(kind, (train ? "train " : "eval ") + std::to_string(p), o.slots, p);
    PlanBuilder::Sampled s = b.sampleAll(0, 1, o.fanout, false, stay, int32_t(p));
    const auto &link = s.links[0];
    Extent rows0 = b.extent(SymbolKind::Rows, 0, 0), rowsB = b.extent(SymbolKind::Rows, 1, 1);
    Extent active = b.extent(SymbolKind::Active, 0, p);
    Extent chunks(rows0.symbol(), chunkRows, 1, 0), chunksM(active.symbol(), chunkRows, 1, 0);
    int32_t ids0 = s.ids[0][0], idsB = s.ids[1][1];
    const bool head = !o.leader || p == 0;

    int32_t unionIds = -1, table = -1, counts = -1;
    Extent unionRows, gathered;
    if (train) {
      unionRows = b.extent(SymbolKind::Union, 1, 1);
      gathered = b.extent(SymbolKind::Gathered, 1, 1);
      unionIds = b.slot("union ids", DType::I64, unionRows);
      table = b.slot("table", DType::I32, unionRows, uint32_t(q));
      counts = b.slot("counts", DType::I64, b.constant(q));
      plan::UnionRowsAttrsT a;
      a.collective = 3;
      a.participants = everybody();
      a.traffic = plan::Traffic::EmbeddingRows;
      a.node_type = 1;
      a.hop = 1;
      plan::OpT &op = b.op("union b", Queue::Fetch, 0, a, {idsB}, {unionIds, table, counts});
      op.wire = {Extent(gathered.symbol(), 1, (q - 1) * 8, 0)};
      op.in_loop_static = o.stay;
      b.semaphore(*s.last, op);
    }
    int32_t y = -1;
    if (head) {
      y = b.slot("labels", DType::I32, rows0);
      plan::FetchLabelsAttrsT fetchY;
      fetchY.node_type = 0;
      fetchY.label = "topic";
      fetchY.num_classes = classes;
      plan::OpT &op = b.op("fetch labels", Queue::Fetch, 0, fetchY, {ids0}, {y});
      op.in_loop_static = stay;
      b.semaphore(*s.last, op);
    }
    int32_t scalars = b.slot("scalars", DType::F32, b.constant(2));
    plan::ScalarsAttrsT scalarsAttrs;
    for (auto k : {plan::ScalarKind::InvLabelCount, plan::ScalarKind::LearningRate}) {
      scalarsAttrs.scalars.push_back(std::make_unique<plan::ScalarSpecT>());
      scalarsAttrs.scalars.back()->kind = k;
    }
    plan::OpT &last = b.op("scalars", Queue::Fetch, 1, scalarsAttrs, {}, {scalars, -1});
    if (!train && !head)
      b.semaphore(*s.last, last);

    Extent nodes = b.extent(SymbolKind::Nodes, 0, 1);
    int32_t V = b.stateBuffer(0, b.constant(dim), classes);
    int32_t emb = b.stateBuffer(1, nodes, dim);
    int32_t W = b.stateBuffer(2 + p, b.constant(dim), classes);
    int32_t x = b.arena("x", DType::F32, rowsB, dim);
    plan::OpT &first =
        b.op("fetch emb", Queue::Compute, 0, plan::FetchRowsAttrsT(), {idsB, emb}, {x});
    b.semaphore(last, first);
    auto kernel = [&](const char *opName, uint32_t index, uint32_t wave, Extent domain,
                      std::vector<int32_t> inputs, std::vector<int32_t> outputs,
                      int32_t balance = -1) -> plan::OpT & {
      plan::KernelAttrsT a;
      a.kernel = index;
      a.domain = std::make_unique<Extent>(domain);
      a.balance = balance;
      return b.op(opName, Queue::Compute, wave, std::move(a), inputs, outputs);
    };
    auto gemm = [&](const char *opName, uint32_t wave, Extent rows, uint32_t k, uint32_t n,
                    std::vector<int32_t> inputs, int32_t out, bool transpose, bool accumulate) {
      plan::GemmAttrsT a;
      a.rows = std::make_unique<Extent>(rows);
      a.k = k;
      a.n = n;
      a.transpose_b = transpose;
      a.accumulate = accumulate;
      b.op(opName, Queue::Compute, wave, std::move(a), inputs, {out});
    };
    int32_t h = b.arena("h", DType::F32, active, dim);
    kernel("aggregate", 0, 1, active, {link.out[1], link.out[2], x}, {h}, 0);
    int32_t m = b.arena("m", DType::F32, active, classes);
    gemm("h V", 2, active, dim, classes, {h, V}, m, false, false);
    gemm("h W", 3, active, dim, classes, {h, W}, m, false, true);
    int32_t partial = b.arena("partial", DType::F32, rows0, classes);
    kernel("spread", 1, 4, rows0, {link.out[3], m}, {partial});
    int32_t logits = head ? b.arena("logits", DType::F32, rows0, classes) : -1;
    if (o.leader) {
      plan::MergeToAttrsT a;
      a.collective = 5;
      a.participants = everybody();
      a.traffic = plan::Traffic::Activations;
      a.leader = 0;
      std::vector<int32_t> outputs;
      if (head)
        outputs = {logits, b.arena("merge scratch", DType::F32, Extent(rows0.symbol(), 1, q - 1, 0),
                                   classes)};
      plan::OpT &op = b.op("merge logits", Queue::Comm, 5, a, {partial}, outputs);
      op.wire = {Extent(rows0.symbol(), 1, (q - 1) * classes * 4, 0)};
    } else {
      plan::MergeAllAttrsT a;
      a.collective = 5;
      a.participants = everybody();
      a.traffic = plan::Traffic::Activations;
      int32_t scratch =
          b.arena("merge scratch", DType::F32, Extent(rows0.symbol(), uint32_t(q), q, 0), classes);
      plan::OpT &op = b.op("merge logits", Queue::Comm, 5, a, {partial}, {logits, scratch});
      op.wire = {Extent(rows0.symbol(), 1, 2 * (q - 1) * classes * 4, 0)};
    }
    int32_t grad = b.arena("dlogits", DType::F32, rows0, classes);
    if (head) {
      int32_t lossPartial = b.arena("loss partials", DType::F32, chunks);
      plan::OpT &loss = kernel("loss", 2, 6, rows0, {logits, y, scalars}, {lossPartial, grad});
      loss.attrs.AsKernelAttrs()->mode = plan::KernelMode::Chunks;
      loss.attrs.AsKernelAttrs()->chunk_rows = chunkRows;
      int32_t total = b.arena("loss", DType::F32, b.constant(1));
      plan::MergeAttrsT merge;
      merge.chunks = std::make_unique<Extent>(chunks);
      merge.width = 1;
      b.op("loss sum", Queue::Compute, 7, std::move(merge), {lossPartial}, {total});
      b.output("loss", total);
      b.output("logits", logits);
    }
    if (!train) {
      b.linkWaves();
      return;
    }
    if (o.leader) {
      plan::BroadcastAttrsT a;
      a.collective = 6;
      a.participants = everybody();
      a.traffic = plan::Traffic::Activations;
      a.leader = 0;
      plan::OpT &op = b.op("broadcast dlogits", Queue::Comm, 8, a,
                           head ? std::vector<int32_t>{grad} : std::vector<int32_t>{},
                           head ? std::vector<int32_t>{} : std::vector<int32_t>{grad});
      op.wire = {Extent(rows0.symbol(), 1, (q - 1) * classes * 4, 0)};
    }
    // The messages are dead once the logits stand: their gradient takes their place.
    int32_t region = plan->entries.back()->buffers[size_t(m)]->region;
    int32_t dm = b.arena("dm", DType::F32, active, classes, region);
    kernel("gather", 3, 9, active, {link.out[0], grad}, {dm});
    int32_t dh = b.arena("dh", DType::F32, active, dim);
    gemm("dm V'", 10, active, classes, dim, {dm, V}, dh, true, false);
    // V and W_p multiply the same h: their gradients are the same before they are merged.
    int32_t partialV = b.arena("dV partials", DType::F32, chunksM, dim * classes);
    plan::GemmAttrsT gradient;
    gradient.gemm = plan::GemmKind::ParamGrad;
    gradient.rows = std::make_unique<Extent>(active);
    gradient.k = dim;
    gradient.n = classes;
    gradient.chunk_rows = chunkRows;
    b.op("dV", Queue::Compute, 10, std::move(gradient), {h, dm}, {partialV});
    gemm("dm W'", 11, active, classes, dim, {dm, W}, dh, true, true);
    int32_t dV = b.arena("dV", DType::F32, b.constant(dim), classes);
    plan::MergeAttrsT mergeV;
    mergeV.chunks = std::make_unique<Extent>(chunksM);
    mergeV.width = dim * classes;
    b.op("dV sum", Queue::Compute, 11, std::move(mergeV), {partialV}, {dV});
    int32_t sumV = b.arena("sum dV", DType::F32, b.constant(dim), classes);
    const uint64_t numbers = dim * classes;
    int32_t scratchV =
        b.arena("dV scratch", DType::F32, b.constant(q * ((numbers + q - 1) / q)), 1);
    plan::MergeAllAttrsT mergeAll;
    mergeAll.collective = 7;
    mergeAll.participants = everybody();
    mergeAll.traffic = plan::Traffic::DenseGradients;
    mergeAll.by_number = true;
    plan::OpT &opV = b.op("merge dV", Queue::Comm, 12, mergeAll, {dV}, {sumV, scratchV});
    opV.wire = {Extent(-1, 1, 0, 2 * (q - 1) * numbers * 4)};
    int32_t dx = b.arena("dx", DType::F32, rowsB, dim);
    plan::OpT &scatter = kernel("scatter", 4, 12, rowsB, {link.out[4], link.out[5], dh}, {dx});
    scatter.bytes = {b.constant(1 << 20)}; // large enough to stand beside the collective
    int32_t sums = b.arena("sums", DType::F32, unionRows, dim);
    int32_t gatheredRows = b.arena("gathered", DType::F32, gathered, dim);
    plan::ExchangeRowsAttrsT exchange;
    exchange.collective = 9;
    exchange.participants = everybody();
    exchange.traffic = plan::Traffic::EmbeddingRows;
    plan::OpT &opX =
        b.op("exchange dx", Queue::Comm, 13, exchange, {dx, table, counts}, {sums, gatheredRows});
    opX.wire = {Extent(gathered.symbol(), 1, (q - 1) * dim * 4, 0)};
    kernel("step W", 5, 13, b.constant(numbers), {dV, scalars, W}, {W});
    kernel("step V", 5, 13, b.constant(numbers), {sumV, scalars, V}, {V});
    kernel("step emb", 6, 14, unionRows, {unionIds, sums, scalars, emb}, {emb});
    b.linkWaves();
  }

  /// What a step sends in all, by traffic class, from the plan's formulas. `rows`: of b at hop 1 in
  /// each partition.
  std::array<int64_t, transport::trafficClasses> wire(plan::EntryKind kind, uint64_t seeds,
                                                      const std::vector<uint64_t> &rows) const {
    const plan::EntryT &entry =
        *plan->entries[kind == plan::EntryKind::TrainStep ? 0 : o.partitions];
    std::vector<uint64_t> symbols;
    for (const auto &s : entry.symbols) {
      uint64_t value = 0;
      if (s->kind == SymbolKind::Rows && s->hop == 0)
        value = seeds;
      if (s->kind == SymbolKind::Gathered)
        for (uint64_t r : rows)
          value += r;
      symbols.push_back(value);
    }
    std::array<int64_t, transport::trafficClasses> bytes{};
    for (const auto &op : entry.ops)
      if (const plan::Collective c = plan::collectiveOf(*op))
        for (const Extent &extent : op->wire)
          bytes[size_t(c.traffic)] += int64_t(plan::evaluate(extent, symbols));
    return bytes;
  }

  struct Reference {
    std::vector<double> V, emb;
    std::vector<std::vector<double>> W;
    std::vector<uint64_t> rows; ///< of b at hop 1 in the last step, by partition
  };

  /// The same training in double precision.
  double referenceStep(const std::vector<int64_t> &seeds, uint64_t step, uint64_t seed,
                       Reference &r) const {
    double labelled = 0;
    for (int64_t v : seeds)
      labelled += labels[size_t(v)] >= 0;
    const double inv = labelled > 0 ? 1 / labelled : 0;
    std::vector<double> dV(r.V.size()), dEmb(r.emb.size());
    std::vector<std::vector<double>> dW(o.partitions, dV);
    std::vector<std::set<int64_t>> sources(o.partitions);
    double loss = 0;
    for (int64_t v : seeds) {
      std::vector<std::set<int64_t>> edges;
      std::vector<std::array<double, dim>> h(o.partitions);
      double logit[classes] = {};
      for (uint32_t p = 0; p < o.partitions; ++p) {
        const auto &view = graph->relation(int(p));
        int64_t first = view.inPtr[v], degree = view.inPtr[v + 1] - first;
        h[p].fill(0);
        edges.emplace_back();
        for (int64_t e : floyd(seed, uint32_t(step), 0, p, v, degree, o.fanout)) {
          int64_t u = view.inSources[first + e];
          edges.back().insert(first + e);
          sources[p].insert(u);
          for (uint32_t k = 0; k < dim; ++k)
            h[p][k] += r.emb[size_t(u) * dim + k];
        }
        for (uint32_t c = 0; c < classes; ++c)
          for (uint32_t k = 0; k < dim; ++k)
            logit[c] += h[p][k] * (r.V[k * classes + c] + r.W[p][k * classes + c]);
      }
      for (uint32_t c = 0; c < classes; ++c) {
        if (labels[size_t(v)] < 0)
          continue;
        double d = (logit[c] - (labels[size_t(v)] == int32_t(c)));
        loss += 0.5 * d * d * inv;
        d *= inv;
        for (uint32_t p = 0; p < o.partitions; ++p)
          for (uint32_t k = 0; k < dim; ++k) {
            dV[k * classes + c] += h[p][k] * d;
            dW[p][k * classes + c] += h[p][k] * d;
            for (int64_t e : edges[p])
              dEmb[size_t(graph->relation(int(p)).inSources[e]) * dim + k] +=
                  d * (r.V[k * classes + c] + r.W[p][k * classes + c]);
          }
      }
    }
    for (size_t i = 0; i < dV.size(); ++i) {
      r.V[i] -= lr * dV[i];
      for (uint32_t p = 0; p < o.partitions; ++p)
        r.W[p][i] -= lr * dW[p][i];
    }
    for (size_t i = 0; i < dEmb.size(); ++i)
      r.emb[i] -= lr * dEmb[i];
    r.rows.clear();
    for (const auto &s : sources)
      r.rows.push_back(s.size());
    return loss;
  }

  std::vector<std::vector<int64_t>> batches(int count, int64_t size, uint64_t key = 1) const {
    std::mt19937_64 random(key);
    std::vector<std::vector<int64_t>> result;
    for (int i = 0; i < count; ++i) {
      std::set<int64_t> chosen;
      while (int64_t(chosen.size()) < std::min(size, o.numA))
        chosen.insert(int64_t(random() % uint64_t(o.numA)));
      result.emplace_back(chosen.begin(), chosen.end());
    }
    return result;
  }
};

} // namespace heddle::testing

#endif // HEDDLE_TESTS_UNIT_EXEC_TESTPARTITIONS_H
