//===- CollectivesTest.cpp - each collective against its definition -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A step that only moves numbers: terms come from states, whose contents differ between the
// partitions, and what the collectives give goes to other states. The sums that must come out, to
// the bit, are added here one after the other in the order of the participants.
//
//===----------------------------------------------------------------------===//
#include "BruteForce.h"
#include "MergeRows.h"
#include "TestExecutors.h"
#include "TestPartitions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

namespace heddle::exec {
namespace {

using plan::EntryKind;
using testing::DType;
using testing::Executors;
using testing::expectRow;
using testing::Extent;
using testing::mergedRow;
using testing::otherKinds;
using testing::PlanBuilder;
using testing::Queue;
using testing::sameBits;
using testing::SymbolKind;
using testing::termRow;
using testing::TestGraph;
using testing::TestPartitions;

constexpr uint64_t seed = 11;
constexpr uint32_t width = 8;
/// Numbers of the dense terms: none for some participants, small ones that travel together, and one
/// that travels by itself.
const std::vector<uint64_t> sizes = {7, 100000, 1, 15, 2, 4000};

struct Movement {
  std::shared_ptr<plan::PlanT> plan = std::make_shared<plan::PlanT>();
  std::shared_ptr<TestGraph> graph = std::make_shared<TestGraph>();
  std::vector<uint32_t> participants;
  uint32_t leader;
  int64_t numA, numB;
  int32_t fanout = 3;
  plan::MergeKind kind; ///< of the rows of a

  Movement(uint32_t partitions, std::vector<uint32_t> who, uint32_t leads, bool beside,
           int64_t nodes = 3000, plan::MergeKind merge = plan::MergeKind::Sum)
      : participants(who), leader(leads), numA(nodes), numB(nodes * 2), kind(merge) {
    std::mt19937_64 random(3);
    graph->addType("a", numA);
    graph->addType("b", numB);
    PlanBuilder b(*plan);
    plan->partitions = partitions;
    b.type("a", uint64_t(numA));
    b.type("b", uint64_t(numB));
    for (uint32_t p = 0; p < partitions; ++p) {
      std::string name = "r" + std::to_string(p);
      graph->addRelation(1, name, 0, testing::randomEdges(random, numB, numA, nodes));
      b.relation(1, name, 0);
    }
    plan->task->node_type = 0;
    b.state("a in", {width}, 0);
    b.state("b in", {width}, 1);
    for (const char *name : {"all", "to", "from"})
      b.state(name, {width}, 0);
    b.state("union", {width}, 1);
    for (const char *name : {"in ", "out "})
      for (size_t i = 0; i < sizes.size(); ++i)
        b.state(name + std::to_string(i), {sizes[i]});
    b.kernel("k_put_rows", 4);
    b.kernel("k_copy", 2);
    TestPartitions::addTestKernels(*plan);
    for (uint32_t p = 0; p < partitions; ++p)
      addEntry(b, p, beside);
  }

  bool takesPart(uint32_t p) const {
    return std::find(participants.begin(), participants.end(), p) != participants.end();
  }

  void addEntry(PlanBuilder &b, uint32_t p, bool beside) {
    const uint64_t q = participants.size();
    b.entry(EntryKind::TrainStep, "move " + std::to_string(p), 2, p);
    PlanBuilder::Sampled s = b.sampleAll(0, 1, fanout, false, false, int32_t(p));
    int32_t seeds = s.ids[0][0], ids = s.ids[1][1];
    Extent rowsA = b.extent(SymbolKind::Rows, 0, 0), rowsB = b.extent(SymbolKind::Rows, 1, 1);
    Extent nodesA = b.extent(SymbolKind::Nodes, 0, 0), nodesB = b.extent(SymbolKind::Nodes, 0, 1);
    auto state = [&](const std::string &name) {
      for (uint32_t i = 0; i < plan->states.size(); ++i)
        if (plan->states[i]->name == name) {
          const plan::StateT &st = *plan->states[i];
          return st.rows_type < 0 ? b.stateBuffer(i, b.constant(st.shape[0]), 1)
                                  : b.stateBuffer(i, st.rows_type ? nodesB : nodesA, width);
        }
      return -1;
    };
    auto kernel = [&](uint32_t wave, uint32_t index, Extent domain, std::vector<int32_t> inputs,
                      int32_t out) -> plan::OpT & {
      plan::KernelAttrsT a;
      a.kernel = index;
      a.domain = std::make_unique<Extent>(domain);
      return b.op("move", Queue::Compute, wave, std::move(a), inputs, {out});
    };
    plan::OpT *last = s.last;
    auto collective = [&](auto attrs, uint32_t id, plan::Traffic traffic) {
      attrs.collective = id;
      attrs.participants = participants;
      attrs.traffic = traffic;
      return attrs;
    };
    Extent unionRows, gathered;
    int32_t unionIds = -1, table = -1, counts = -1;
    if (takesPart(p)) {
      unionRows = b.extent(SymbolKind::Union, 1, 1);
      gathered = b.extent(SymbolKind::Gathered, 1, 1);
      unionIds = b.slot("union ids", DType::I64, unionRows);
      table = b.slot("table", DType::I32, unionRows, uint32_t(q));
      counts = b.slot("counts", DType::I64, b.constant(1), uint32_t(q));
      auto a = collective(plan::UnionRowsAttrsT(), 0, plan::Traffic::RemoteFeatures);
      a.node_type = 1;
      a.hop = 1;
      last = &b.op("union", Queue::Fetch, 0, a, {ids}, {unionIds, table, counts});
      b.semaphore(*s.last, *last);
    }
    int32_t ta = b.arena("ta", DType::F32, rowsA, width),
            tb = b.arena("tb", DType::F32, rowsB, width);
    plan::OpT &first =
        b.op("rows a", Queue::Compute, 0, plan::FetchRowsAttrsT(), {seeds, state("a in")}, {ta});
    b.semaphore(*last, first);
    b.op("rows b", Queue::Compute, 0, plan::FetchRowsAttrsT(), {ids, state("b in")}, {tb});
    if (!takesPart(p)) // nothing to wait for, and it is not waited for
      return;
    if (beside) {
      int32_t copy = b.arena("copy", DType::F32, b.constant(100000));
      kernel(1, 1, b.constant(100000), {state("in 1")}, copy).bytes = {b.constant(1 << 20)};
    }
    int32_t all = b.arena("all", DType::F32, rowsA, width);
    int32_t scratch = b.arena("s", DType::F32, Extent(rowsA.symbol(), uint32_t(q), q, 0), width);
    auto mergeRows = collective(plan::MergeAllAttrsT(), 1, plan::Traffic::Activations);
    if (kind != plan::MergeKind::Sum)
      mergeRows.merges = {kind};
    b.op("merge rows", Queue::Comm, 1, mergeRows, {ta}, {all, scratch});
    std::vector<int32_t> terms, sums;
    for (size_t i = 0; i < sizes.size(); ++i)
      terms.push_back(state("in " + std::to_string(i)));
    for (uint64_t size : sizes)
      sums.push_back(b.arena("sum", DType::F32, b.constant(size)));
    for (uint64_t size : sizes)
      sums.push_back(b.arena("s", DType::F32, b.constant(q), uint32_t((size + q - 1) / q)));
    auto byNumber = collective(plan::MergeAllAttrsT(), 2, plan::Traffic::DenseGradients);
    byNumber.by_number = true;
    b.op("merge numbers", Queue::Comm, 1, byNumber, terms, sums);
    const bool leads = p == leader;
    auto mergeTo = collective(plan::MergeToAttrsT(), 3, plan::Traffic::Activations);
    mergeTo.leader = leader;
    mergeTo.merge = kind;
    int32_t to = leads ? b.arena("to", DType::F32, rowsA, width) : -1;
    std::vector<int32_t> outputs;
    if (leads)
      outputs = {to, b.arena("s", DType::F32, Extent(rowsA.symbol(), 1, q - 1, 0), width)};
    b.op("merge to", Queue::Comm, 1, mergeTo, {ta}, outputs);
    auto broadcast = collective(plan::BroadcastAttrsT(), 4, plan::Traffic::Activations);
    broadcast.leader = leader;
    int32_t from = leads ? ta : b.arena("from", DType::F32, rowsA, width);
    b.op("broadcast", Queue::Comm, 1, broadcast,
         leads ? std::vector<int32_t>{ta} : std::vector<int32_t>{},
         leads ? std::vector<int32_t>{} : std::vector<int32_t>{from});
    int32_t sum = b.arena("union sum", DType::F32, unionRows, width);
    int32_t rows = b.arena("gathered", DType::F32, gathered, width);
    b.op("exchange", Queue::Comm, 1,
         collective(plan::ExchangeRowsAttrsT(), 5, plan::Traffic::EmbeddingRows),
         {tb, table, counts}, {sum, rows});
    auto put = [&](int32_t which, Extent domain, int32_t values, const char *name) {
      int32_t out = state(name);
      kernel(2, 0, domain, {which, values, out}, out);
    };
    put(seeds, rowsA, all, "all");
    if (leads)
      put(seeds, rowsA, to, "to");
    put(seeds, rowsA, from, "from");
    put(unionIds, unionRows, sum, "union");
    for (size_t i = 0; i < sizes.size(); ++i)
      kernel(2, 1, b.constant(sizes[i]), {sums[i]}, state("out " + std::to_string(i)));
    b.linkWaves();
  }

  /// Rows of b that partition p samples for these seeds.
  std::set<int64_t> sources(uint32_t p, const std::vector<int64_t> &seeds, uint64_t step) const {
    std::set<int64_t> result;
    const auto &view = graph->relation(int(p));
    for (int64_t v : seeds)
      for (int64_t e : testing::floyd(exec::seed, uint32_t(step), 0, p, v,
                                      view.inPtr[v + 1] - view.inPtr[v], fanout))
        result.insert(view.inSources[view.inPtr[v] + e]);
    return result;
  }
};

class Collectives : public ::testing::TestWithParam<bool> {
protected:
  static ExecutorOptions options(int threads) {
    ExecutorOptions o;
    o.threads = threads;
    o.seed = seed;
    o.overlap = GetParam();
    return o;
  }
};

TEST_P(Collectives, GiveTheSumsInTheParticipantsOrder) {
  struct Who {
    uint32_t partitions;
    std::vector<uint32_t> participants;
    uint32_t leader;
  };
  for (const Who &who :
       {Who{2, {0, 1}, 0}, Who{3, {0, 1, 2}, 1}, Who{3, {0, 2}, 2}, Who{4, {0, 1, 2, 3}, 3}})
    for (bool beside : {false, true}) {
      Movement m(who.partitions, who.participants, who.leader, beside);
      absl::Status verified = plan::verifyPlan(*m.plan);
      ASSERT_TRUE(verified.ok()) << verified;
      for (int threads : {1, 2, 3}) {
        Executors all(m.plan, m.graph, options(threads), threads == 3);
        // Numbers of very different sizes: the order of a sum shows.
        std::mt19937_64 random(5);
        std::uniform_real_distribution<float> exponent(-20, 20);
        for (uint32_t p = 0; p < all.size(); ++p)
          for (const StateView &view : all[p].states())
            if (view.description->name.find("in") != std::string::npos)
              for (int64_t i = 0; i < view.elements; ++i)
                static_cast<float *>(view.data)[i] =
                    std::exp2(exponent(random)) * (random() % 2 ? 1.0f : -1.0f);
        std::vector<std::vector<std::vector<int64_t>>> runs;
        for (size_t size : {size_t(m.numA), size_t(1), size_t(0), size_t(2), size_t(1001)}) {
          std::vector<int64_t> seeds;
          for (size_t i = 0; i < size; ++i)
            seeds.push_back(int64_t(i * size_t(m.numA) / size));
          runs.push_back({seeds});
        }
        runs.push_back({runs[0][0], runs[4][0], runs[3][0]}); // overlapping steps; the last counts
        uint64_t step = 0;
        for (const auto &batches : runs) {
          for (const absl::Status &status : all.run(EntryKind::TrainStep, batches, step))
            ASSERT_TRUE(status.ok()) << status;
          step += batches.size();
          const std::vector<int64_t> &seeds = batches.back();
          // As arrays, once: state() copies.
          std::vector<std::vector<float>> in;
          auto load = [&](const std::string &name) {
            in.clear();
            for (uint32_t p : who.participants)
              in.push_back(all.state(p, name));
          };
          auto total = [&](size_t at) {
            float sum = in[0][at];
            for (size_t k = 1; k < in.size(); ++k)
              sum += in[k][at];
            return sum;
          };
          load("a in");
          for (uint32_t p : who.participants) {
            std::vector<float> got = all.state(p, "all"), to = all.state(p, "to"),
                               from = all.state(p, "from");
            std::vector<float> leaders = all.state(who.leader, "a in");
            for (int64_t v : seeds)
              for (size_t c = 0; c < width; ++c) {
                const size_t at = size_t(v) * width + c;
                ASSERT_EQ(got[at], total(at)) << p << " row " << v;
                ASSERT_EQ(from[at], leaders[at]);
                if (p == who.leader)
                  ASSERT_EQ(to[at], total(at));
              }
          }
          for (size_t i = 0; i < sizes.size(); ++i) {
            load("in " + std::to_string(i));
            std::vector<float> want(sizes[i]);
            for (size_t at = 0; at < want.size(); ++at)
              want[at] = total(at);
            for (uint32_t p : who.participants)
              ASSERT_TRUE(sameBits(all.state(p, "out " + std::to_string(i)), want))
                  << p << " term " << i;
          }
          load("b in");
          std::map<int64_t, std::vector<size_t>> has;
          for (size_t k = 0; k < who.participants.size(); ++k)
            for (int64_t u : m.sources(who.participants[k], seeds, step - 1))
              has[u].push_back(k);
          for (uint32_t p : who.participants) {
            std::vector<float> got = all.state(p, "union");
            for (const auto &[u, parts] : has)
              for (size_t c = 0; c < width; ++c) {
                const size_t at = size_t(u) * width + c;
                float want = in[parts[0]][at];
                for (size_t k = 1; k < parts.size(); ++k)
                  want += in[parts[k]][at];
                ASSERT_EQ(got[at], want) << p << " row " << u;
              }
          }
        }
      }
    }
}

// The same bits in all participants and for any threads; rows that nobody has a term of, too.
TEST_P(Collectives, MergeTermsOfEveryKind) {
  for (plan::MergeKind kind : otherKinds)
    for (auto [partitions, who, leader] : {std::tuple(2u, std::vector<uint32_t>{0, 1}, 0u),
                                           std::tuple(3u, std::vector<uint32_t>{0, 1, 2}, 1u),
                                           std::tuple(4u, std::vector<uint32_t>{0, 1, 3}, 3u)}) {
      Movement m(partitions, who, leader, false, 3000, kind);
      absl::Status verified = plan::verifyPlan(*m.plan);
      ASSERT_TRUE(verified.ok()) << verified;
      std::map<size_t, std::vector<float>> first; // by seeds
      for (int threads : {1, 2, 3}) {
        Executors all(m.plan, m.graph, options(threads), threads == 3);
        std::mt19937_64 random(5);
        for (uint32_t p = 0; p < all.size(); ++p)
          for (const StateView &view : all[p].states())
            if (view.description->name == "a in")
              for (int64_t row = 0; row < m.numA; ++row) {
                std::vector<float> term = termRow(kind, width, random);
                std::copy(term.begin(), term.end(), static_cast<float *>(view.data) + row * width);
              }
        uint64_t step = 0;
        for (size_t size : {size_t(m.numA), size_t(1), size_t(0), size_t(1001)}) {
          std::vector<int64_t> seeds;
          for (size_t i = 0; i < size; ++i)
            seeds.push_back(int64_t(i * size_t(m.numA) / size));
          for (const absl::Status &status : all.run(EntryKind::TrainStep, {seeds}, step++))
            ASSERT_TRUE(status.ok()) << status;
          std::vector<std::vector<float>> in;
          for (uint32_t p : who)
            in.push_back(all.state(p, "a in"));
          std::vector<float> kept;
          for (uint32_t p : who) {
            std::vector<float> got = all.state(p, "all"), to = all.state(p, "to"), rows;
            for (int64_t v : seeds) {
              std::vector<std::vector<float>> terms;
              for (const auto &array : in)
                terms.emplace_back(array.begin() + v * width, array.begin() + (v + 1) * width);
              std::vector<double> want = mergedRow(kind, terms);
              expectRow(got.data() + v * width, want);
              if (p == leader)
                expectRow(to.data() + v * width, want);
              rows.insert(rows.end(), got.begin() + v * width, got.begin() + (v + 1) * width);
            }
            if (kept.empty())
              kept = rows;
            ASSERT_TRUE(sameBits(rows, kept)) << "participant " << p;
          }
          auto [known, added] = first.try_emplace(size, kept);
          ASSERT_TRUE(sameBits(known->second, kept)) << threads << " threads";
        }
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Overlap, Collectives, ::testing::Bool());

TEST(Blocks, CoverEveryUnitOnce) {
  for (int64_t q = 2; q < 7; ++q)
    for (int64_t units : {0, 1, 2, 5, 6, 7, 1000, 1001}) {
      EXPECT_EQ(plan::blockBegin(units, 0, q), 0);
      EXPECT_EQ(plan::blockBegin(units, q, q), units);
      for (int64_t b = 0; b < q; ++b) {
        EXPECT_EQ(plan::blockBegin(units, b, q), units * b / q);
        EXPECT_LE(plan::blockBegin(units, b + 1, q) - plan::blockBegin(units, b, q),
                  (units + q - 1) / q);
      }
    }
  EXPECT_EQ(plan::blockBegin(int64_t(1) << 60, 65535, 65536), (int64_t(1) << 44) * 65535);
}

} // namespace
} // namespace heddle::exec
