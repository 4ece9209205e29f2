//===- Doubles.h - an executor and a graph for tests -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// FakeExecutor "learns" by adding one to its parameter in every training step; how many nodes an
// evaluation gets right is a function of that parameter, which the test gives.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_TRAIN_DOUBLES_H
#define HEDDLE_TESTS_UNIT_TRAIN_DOUBLES_H

#include "runtime/exec/Executor.h"
#include "runtime/transport/Transport.h"
#include "tests/unit/support/TestSupport.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

namespace heddle::train {

using test::readAll;
using test::TemporaryDirectory;

/// One type "paper" of `n` nodes with the label "topic" (id % classes, or for multi-label the classes
/// c with (id >> c) & 1) and the split "s".
class FakeGraph : public graph::GraphStore {
public:
  explicit FakeGraph(int64_t n, int64_t numClasses = 3, bool multilabel = false) {
    graph::NodeTypeSchema type;
    type.name = "paper";
    type.numNodes = n;
    schema_.directory = "fake";
    schema_.schemaFingerprint = "1111111111111111";
    schema_.dataFingerprint = "2222222222222222";
    schema_.nodeTypes.push_back(type);
    for (int64_t i = 0; i < n; ++i)
      classes.push_back(int32_t(i % numClasses));
    for (int64_t i = 0; multilabel && i < n; ++i)
      for (int64_t c = 0; c < numClasses; ++c)
        multi.push_back(uint8_t((i >> c) & 1));
    view.numClasses = numClasses;
    view.multi = multilabel ? multi.data() : nullptr;
    view.classes = multilabel ? nullptr : classes.data();
  }
  /// Ids [0, a) train, [a, b) valid, [b, c) test.
  void setSplit(int64_t a, int64_t b, int64_t c) {
    ids.resize(size_t(c));
    std::iota(ids.begin(), ids.end(), 0);
    parts = {ids.data(), ids.data() + a, ids.data() + b, a, b - a, c - b};
  }
  void changeFingerprint(const std::string &data) { schema_.dataFingerprint = data; }
  const graph::RelationView &relation(int) const override { return none; }
  absl::StatusOr<graph::DenseFeatureView> denseFeature(int, const std::string &) const override {
    return notFound("none");
  }
  absl::StatusOr<graph::SparseFeatureView> sparseFeature(int, const std::string &) const override {
    return notFound("none");
  }
  absl::StatusOr<graph::DenseFeatureView> denseEdgeFeature(int,
                                                           const std::string &) const override {
    return notFound("none");
  }
  absl::StatusOr<graph::LabelView> label(int, const std::string &name) const override {
    if (name != "topic")
      return notFound("fake: no label '" + name + "'");
    return view;
  }
  absl::StatusOr<graph::SplitView> split(int, const std::string &,
                                         const std::string &name) const override {
    if (name != "s")
      return notFound("fake: no split '" + name + "'");
    return parts;
  }
  std::string originalId(int, int64_t row) const override {
    return row < int64_t(originalIds.size()) ? originalIds[size_t(row)] : std::to_string(row);
  }
  std::string displayName(int, int64_t row) const override {
    return row < int64_t(names.size()) ? names[size_t(row)] : "";
  }

  std::vector<int32_t> classes;
  std::vector<uint8_t> multi;
  std::vector<int64_t> ids;
  graph::LabelView view;
  graph::SplitView parts;
  graph::RelationView none;
  std::vector<std::string> originalIds, names;
};

/// A plan with a dense and a row-sparse group, train_step and eval_step.
inline std::unique_ptr<plan::PlanT> fakePlan(uint64_t batchSize, const std::string &settings,
                                             int64_t numClasses = 3, bool multilabel = false) {
  auto out = std::make_unique<plan::PlanT>();
  out->major = plan::planMajor;
  out->producer = "test";
  out->schema_fingerprint = "1111111111111111";
  out->spec = R"({"version": "1.0", "task": {"label": "topic"}, "train": {"num_epochs": 1}})";
  out->node_types.push_back(std::make_unique<plan::NodeTypeT>());
  out->node_types[0]->name = "paper";
  out->task = std::make_unique<plan::TaskT>();
  out->task->label = "topic";
  out->task->split = "s";
  out->task->multilabel = multilabel;
  for (int64_t c = 0; c < numClasses; ++c)
    out->task->classes.push_back("class" + std::to_string(c));
  out->task->metrics = {"accuracy"};
  out->task->train_settings = settings;
  for (int g = 0; g < 2; ++g) {
    out->optimizer_groups.push_back(std::make_unique<plan::OptimizerGroupT>());
    out->optimizer_groups[size_t(g)]->name = g ? "sparse" : "dense";
    out->optimizer_groups[size_t(g)]->lr = g ? 0.5 : 0.1;
    out->optimizer_groups[size_t(g)]->row_sparse = g == 1;
  }
  auto state = [&](const std::string &name, plan::StateRole role, int rows,
                   std::vector<uint64_t> shape, const std::string &key) {
    out->states.push_back(std::make_unique<plan::StateT>());
    plan::StateT &s = *out->states.back();
    s.name = name;
    s.role = role;
    s.rows_type = rows;
    s.shape = std::move(shape);
    s.export_key = key;
  };
  state("w", plan::StateRole::Parameter, -1, {1, 2}, "layer.0.weight");
  state("w.m", plan::StateRole::Moment1, -1, {1, 2}, "");
  state("rows", plan::StateRole::EmbeddingRows, 0, {2}, "");
  for (auto kind : {plan::EntryKind::TrainStep, plan::EntryKind::EvalStep}) {
    out->entries.push_back(std::make_unique<plan::EntryT>());
    out->entries.back()->kind = kind;
    out->entries.back()->name = kind == plan::EntryKind::TrainStep ? "train_step" : "eval_step";
    out->entries.back()->batch_size = batchSize;
  }
  return out;
}

/// The same for several partitions, each with its two entries.
inline std::unique_ptr<plan::PlanT> fakePlan(uint32_t partitions, uint64_t batchSize,
                                             const std::string &settings) {
  auto out = fakePlan(batchSize, settings);
  out->partitions = partitions;
  for (uint32_t k = 1; k < partitions; ++k)
    for (size_t e = 0; e < 2; ++e) {
      out->entries.push_back(std::make_unique<plan::EntryT>(*out->entries[e]));
      out->entries.back()->partition = k;
    }
  return out;
}

class FakeExecutor : public exec::Executor {
public:
  struct Call {
    int entry;
    std::vector<std::vector<int64_t>> batches;
    uint64_t firstStep;
    float parameter; ///< at the start
  };

  FakeExecutor(const plan::PlanT &plan, const FakeGraph &graph) : plan_(plan), graph_(graph) {
    rows.assign(graph.classes.size() * 2, 0.0f);
  }

  absl::Status run(int entry, const std::vector<std::vector<int64_t>> &batches, uint64_t firstStep,
                   const std::function<double(uint64_t, int)> &rates,
                   const std::function<bool(const exec::StepResult &)> &done) override {
    calls.push_back({entry, batches, firstStep, weight[0]});
    bool training = plan_.entries[size_t(entry)]->kind == plan::EntryKind::TrainStep;
    for (size_t i = 0; i < batches.size(); ++i) {
      std::vector<int64_t> seeds = batches[i];
      std::sort(seeds.begin(), seeds.end());
      exec::StepResult result;
      result.step = firstStep + i;
      result.seeds = seeds;
      result.labelled = seeds.size();
      result.classes = graph_.view.numClasses;
      std::vector<float> logits;
      if (training) {
        if (int64_t(result.step) == failAt)
          return absl::InternalError("step 4: loss is nan; first bad tensor 'w'");
        weight[0] += 1;
        moment[0] += 2;
        for (int64_t id : seeds)
          rows[size_t(id) * 2] += 1;
        for (int g = 0; g < 2; ++g)
          usedRates.push_back(rates(result.step, g));
        result.hasLoss = true;
        result.loss = float(seeds.size()); // a loss that tells the batches apart
        stats_.sampledEdges += 10 * seeds.size();
      } else {
        for (int64_t id : seeds)
          for (int64_t c = 0; c < result.classes; ++c)
            logits.push_back(logit(id, c));
        result.logits = logits.data();
      }
      if (!done(result))
        break;
    }
    return absl::OkStatus();
  }

  /// Right for the first quality(parameter) tenths of every ten nodes, else the next class.
  float logit(int64_t id, int64_t c) const {
    bool right = id % 10 < std::lround(10 * quality(weight[0]));
    if (graph_.view.multi)
      return (graph_.view.multi[id * graph_.view.numClasses + c] == 1) == right ? 2.0f : -2.0f;
    int64_t predicted = (graph_.classes[size_t(id)] + (right ? 0 : 1)) % graph_.view.numClasses;
    return c == predicted ? 2.0f : 0.0f;
  }

  std::vector<exec::StateView> states() override {
    return {{plan_.states[0].get(), weight, 1, 2, 8},
            {plan_.states[1].get(), moment, 1, 2, 8},
            {plan_.states[2].get(), rows.data(), int64_t(rows.size() / 2), int64_t(rows.size()),
             int64_t(rows.size() * 4)}};
  }
  void resetStates(uint64_t) override {}
  bool keeps(size_t) const override { return true; }
  absl::Status gatherStates(uint32_t) override { return absl::OkStatus(); }
  const exec::ExecutorStats &stats() const override { return stats_; }
  int threads() const override { return 2; }
  std::string kernelTarget() const override { return "x86-64-v3"; }

  float weight[2] = {0, 7};
  float moment[2] = {0, 0};
  std::vector<float> rows;
  std::function<double(float)> quality = [](float) { return 1.0; };
  int64_t failAt = -1;
  std::vector<Call> calls;
  std::vector<double> usedRates;

protected:
  const plan::PlanT &plan_;
  const FakeGraph &graph_;
  exec::ExecutorStats stats_;
};

/// One of several partitions: carries partition 0's verdict and loss to all in every step, as the
/// executor does. Only the last partition keeps the rows, and only partition 0 has logits.
class FakePartition : public FakeExecutor {
public:
  FakePartition(const plan::PlanT &plan, const FakeGraph &graph,
                const exec::ExecutorOptions &options)
      : FakeExecutor(plan, graph), partition_(int(options.partition)),
        connections_(options.connections) {}

  absl::Status run(int entry, const std::vector<std::vector<int64_t>> &batches, uint64_t firstStep,
                   const std::function<double(uint64_t, int)> &rates,
                   const std::function<bool(const exec::StepResult &)> &done) override {
    EXPECT_EQ(plan_.entries[size_t(entry)]->partition, uint32_t(partition_));
    absl::Status carried;
    auto carry = [&](const exec::StepResult &own) {
      struct {
        float loss;
        uint32_t goOn;
      } word = {own.loss, 0};
      exec::StepResult step = own;
      transport::Transport &t = *connections_.compute;
      const transport::Tag tag = t.tag(int64_t(own.step), 5);
      if (partition_ == 0) {
        word.goOn = done(step);
        for (int peer = 1; peer < t.size() && carried.ok(); ++peer)
          carried = t.send(tag, transport::Traffic::Control, peer, &word, sizeof word);
        return word.goOn && carried.ok();
      }
      carried = t.receive(tag, transport::Traffic::Control, 0, &word, sizeof word);
      if (!carried.ok())
        return false;
      step.loss = word.loss;
      step.logits = nullptr;
      done(step);
      return word.goOn != 0;
    };
    absl::Status status = FakeExecutor::run(entry, batches, firstStep, rates, carry);
    if (!keeps(2))
      std::fill(rows.begin(), rows.end(), 0.0f);
    return carried.ok() ? status : carried;
  }

  bool keeps(size_t state) const override {
    return state != 2 || partition_ + 1 == int(plan_.partitions);
  }
  absl::Status gatherStates(uint32_t root) override {
    ++gathers;
    transport::Transport &t = *connections_.compute;
    const int keeper = t.size() - 1;
    const int64_t bytes = int64_t(rows.size() * sizeof(float));
    const transport::Tag tag = t.tag(gathers, 6);
    if (partition_ == keeper && keeper != int(root))
      return t.send(tag, transport::Traffic::EmbeddingRows, int(root), rows.data(), bytes);
    if (partition_ == int(root) && keeper != int(root))
      return t.receive(tag, transport::Traffic::EmbeddingRows, keeper, rows.data(), bytes);
    return absl::OkStatus();
  }

  int64_t gathers = 0;

private:
  int partition_;
  exec::Connections connections_;
};

} // namespace heddle::train

#endif // HEDDLE_TESTS_UNIT_TRAIN_DOUBLES_H
