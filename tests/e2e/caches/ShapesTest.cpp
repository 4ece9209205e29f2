//===- ShapesTest.cpp - hit rates on graphs like public sets ---------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Rows of features and of learnable tables of five synthetic graphs, kept by each policy and asked for
// by the batches of an epoch that no policy has seen. A learnable row carries its two moments, too. A
// miss costs the same for each byte of a feature, and half as much again where it is written back.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/caches/ToolRun.h"

#include "runtime/base/Npy.h"
#include "runtime/cache/CachePlan.h"
#include "runtime/exec/Executor.h"
#include "runtime/exec/Presample.h"
#include "runtime/train/Batches.h"
#include "runtime/train/CacheReport.h"

#include <cstdio>

namespace heddle::e2e {
namespace {

using cache::Policy;
using test::TemporaryDirectory;
using test::valueOf;

struct Shape {
  const char *name, *scale, *features, *task;
};

/// One graph, its training step and what the epoch asks for.
class Measured {
public:
  Measured(const TemporaryDirectory &folder, const Shape &shape) {
    const std::string base = folder / shape.name;
    good(folder, "heddle-import",
         {std::string("--generate=") + shape.name, std::string("--scale=") + shape.scale,
          std::string("--features=") + shape.features, "-o", base});
    test::writeAll(base + ".json",
                   std::string(R"({"version": "1.0", "task": {)") + shape.task + R"(},
      "model": {"encoder": "rgcn", "num_layers": 2, "hidden_size": 16},
      "sampling": {"fanout": [10, 5]}, "train": {"batch_size": 32, "num_epochs": 1}})");
    good(folder, "heddle-compile",
         {"--graph", base, "--model", base + ".json", "-o", base + ".plan"});
    plan_ = valueOf(plan::loadPlan(base + ".plan"));
    graph_ = valueOf(graph::GraphStore::open(base));
    entry_ = plan_->entries[size_t(exec::findEntry(*plan_, plan::EntryKind::TrainStep))].get();
    rows_ = cache::rowsFetched(*plan_, *entry_);
    graph::SplitView split = valueOf(graph_->split(int(plan_->task->node_type), plan_->task->label,
                                                   plan_->task->split));
    std::span<const int64_t> train(split.train, size_t(split.numTrain));
    analytic_ = valueOf(cache::analyticHotness(*plan_, *entry_, *graph_, train, rows_));
    auto first = valueOf(train::presampleBatches(*plan_, *graph_, 1));
    presampled_ = valueOf(exec::presampledHotness(*plan_, *entry_, *graph_, first, 1, rows_, pool_));
    for (size_t t = 0; t < rows_.size(); ++t)
      cache::smooth(presampled_[t], first.size(), analytic_[t]);
    // Another seed: other batches, other draws.
    auto batches = train::cutBatches(train::epochOrder(train, 2, 0), entry_->batch_size);
    asked_ = valueOf(exec::presampledHotness(*plan_, *entry_, *graph_, batches, 2, rows_, pool_));
  }

  std::vector<cache::Table> tables(const std::vector<cache::Hotness> &hotness) const {
    std::vector<cache::Table> out;
    for (size_t t = 0; t < rows_.size(); ++t) {
      cache::Table table;
      table.hotness = hotness[t];
      table.missSecondsPerByte = 1e-9;
      if (rows_[t].state >= 0) {
        table.rowBytes = 3 * 4 * int64_t(plan_->states[size_t(rows_[t].state)]->shape[0]);
        table.missSecondsPerByte = 1.5e-9;
      } else {
        auto view = valueOf(graph_->denseFeature(int(rows_[t].nodeType), rows_[t].feature));
        table.rowBytes = view.dim * dtypeBytes(view.dtype);
      }
      out.push_back(table);
    }
    return out;
  }
  uint64_t allBytes() const {
    uint64_t bytes = 0;
    for (const cache::Table &table : tables(asked_))
      bytes += table.hotness.size() * uint64_t(table.rowBytes);
    return bytes;
  }
  /// Share of the seconds that misses of all rows would take, and of the rows, that `plan` saves.
  struct Hits {
    double seconds = 0, rows = 0;
  };
  Hits hits(const cache::Plan &plan) const {
    Hits found, all;
    std::vector<cache::Table> asked = tables(asked_);
    for (size_t t = 0; t < asked.size(); ++t) {
      const double cost = double(asked[t].rowBytes) * asked[t].missSecondsPerByte;
      for (float requests : asked[t].hotness) {
        all.rows += double(requests);
        all.seconds += cost * double(requests);
      }
      for (int64_t id : plan.rows[t]) {
        found.rows += double(asked[t].hotness[size_t(id)]);
        found.seconds += cost * double(asked[t].hotness[size_t(id)]);
      }
    }
    return {found.seconds / all.seconds, found.rows / all.rows};
  }
  const std::vector<cache::Hotness> &hotness(bool presampled) const {
    return presampled ? presampled_ : analytic_;
  }
  size_t numTables() const { return rows_.size(); }

private:
  std::unique_ptr<plan::PlanT> plan_;
  std::unique_ptr<graph::GraphStore> graph_;
  const plan::EntryT *entry_ = nullptr;
  std::vector<cache::FetchedRows> rows_;
  std::vector<cache::Hotness> analytic_, presampled_, asked_;
  ThreadPool pool_{2};
};

TEST(CacheShapes, GreedyHetaUniform) {
  TemporaryDirectory folder;
  std::printf("%-9s %-10s %6s | hits by time: uniform   heta  greedy | by row: uniform   heta  greedy\n",
              "graph", "hotness", "memory");
  for (const Shape &shape : {Shape{"ogbn-mag", "0.004", "given", R"("target_ntype": "paper")"},
                             Shape{"igb-het", "0.00001", "64", R"("target_ntype": "paper", "label": "label_19")"},
                             Shape{"mag240m", "0.00004", "given", R"("target_ntype": "paper")"},
                             Shape{"freebase", "0.006", "none", R"("target_ntype": "BOOK")"},
                             Shape{"donor", "0.002", "given", R"("target_ntype": "project")"}}) {
    Measured graph(folder, shape);
    for (bool presampled : {false, true})
      for (double share : {0.05, 0.2, 0.5}) {
        const uint64_t budget = uint64_t(share * double(graph.allBytes()));
        Measured::Hits hits[3];
        auto tables = graph.tables(graph.hotness(presampled));
        for (int p = 0; p < 3; ++p) {
          cache::Plan plan =
              cache::planCache(tables, std::array{Policy::Uniform, Policy::Heta, Policy::Greedy}[size_t(p)],
                               budget);
          EXPECT_LE(plan.bytes, budget);
          hits[p] = graph.hits(plan);
        }
        std::printf("%-9s %-10s %5.0f%% |               %6.1f%% %6.1f%% %6.1f%% |         %6.1f%% %6.1f%% %6.1f%%\n",
                    shape.name, presampled ? "presampled" : "analytic", share * 100,
                    hits[0].seconds * 100, hits[1].seconds * 100, hits[2].seconds * 100,
                    hits[0].rows * 100, hits[1].rows * 100, hits[2].rows * 100);
        EXPECT_GE(hits[2].seconds, hits[1].seconds) << shape.name << " " << share;
        EXPECT_GE(hits[1].seconds, hits[0].seconds) << shape.name << " " << share;
      }
  }
}

} // namespace
} // namespace heddle::e2e
