//===- SamplerTest.cpp - sampling against a brute force -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/Sampler.h"

#include "runtime/cuda/CudaSampler.h"

#include "BruteForce.h"
#include "HostMachine.h"
#include "TestGraph.h"
#include "TestPlan.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace heddle::exec {
namespace {

using plan::SymbolKind;
using testing::floyd;
using testing::PlanBuilder;
using testing::TestGraph;

struct Setup {
  TestGraph graph;
  plan::PlanT plan;
  PlanBuilder builder{plan};
  PlanBuilder::Sampled sampled;
  MemoryBudget budget{0};

  StepSlot makeSlot(std::vector<int64_t> seeds, uint64_t step) {
    const plan::EntryT &entry = *plan.entries[0];
    StepSlot slot;
    slot.step = step;
    slot.seeds = std::move(seeds);
    slot.symbols.assign(entry.symbols.size(), 12345);
    slot.memory.resize(entry.buffers.size());
    for (auto &memory : slot.memory)
      EXPECT_TRUE(memory.reserve(64));
    return slot;
  }
};

/// Types a, b, c (c without nodes); self, parallel, empty and wide relations.
std::unique_ptr<Setup> makeSetup(int32_t fanout, uint32_t hops, uint64_t graphSeed, bool wide) {
  auto s = std::make_unique<Setup>();
  std::mt19937_64 random(graphSeed);
  int64_t nodes[3] = {300, 5000, 0};
  const char *names[3] = {"a", "b", "c"};
  for (int t = 0; t < 3; ++t) {
    s->graph.addType(names[t], nodes[t]);
    s->builder.type(names[t], uint64_t(nodes[t]));
  }
  struct R {
    int source;
    const char *name;
    int destination;
    int64_t edges;
  } relations[] = {{0, "likes", 0, 900}, {0, "made", 1, 4000}, {0, "rare", 0, 140},
                   {0, "rare", 1, 400},  {1, "none", 0, 0},    {1, "p1", 0, 2000},
                   {1, "p2", 0, 9000},   {1, "rare", 0, 60},   {1, "self", 1, 20000},
                   {2, "x", 0, 0},       {2, "x", 1, 0}};
  for (const R &r : relations) {
    auto edges = testing::randomEdges(random, nodes[r.source], nodes[r.destination], r.edges);
    if (!edges.empty())
      edges.insert(edges.end(), edges.begin(), edges.begin() + 50); // parallel edges
    if (std::string_view(r.name) == "rare")                         // few destinations have edges
      for (auto &edge : edges)
        edge.second = edge.second % 31 * 9;
    if (r.edges > 5000) // hubs
      for (int64_t i = 0; i < 700; ++i)
        edges.emplace_back(i * 7 % nodes[r.source], i % 5 ? 3 : 100);
    s->graph.addRelation(r.source, r.name, r.destination, edges, wide);
    s->builder.relation(uint32_t(r.source), r.name, uint32_t(r.destination));
  }
  s->builder.entry(plan::EntryKind::TrainStep, "train");
  s->sampled = s->builder.sampleAll(0, hops, fanout, true);
  // Every second relation: parallel, empty and self relations of both kinds.
  for (auto &link : s->sampled.links)
    if ((link.relation + link.hop) % 2)
      s->builder.numberUnique(link);
  return s;
}

/// Who samples: so many threads, the kernels for a GPU on this CPU, or on a GPU if there is one.
constexpr int onDevice = 0, onGpu = -1;

/// The edges, where the machine's kernels read them.
cuda::DeviceSampler::Relations placeGraph(cuda::SampleMachine &machine, const Setup &s,
                                          std::vector<cuda::MachineMemory> &memory) {
  auto place = [&](const void *data, int64_t bytes) {
    memory.emplace_back(machine);
    EXPECT_TRUE(memory.back().reserve(uint64_t(bytes) + 8, "graph").ok());
    EXPECT_TRUE(machine.toDevice(memory.back().address(), data, uint64_t(bytes)).ok());
    return memory.back().address();
  };
  cuda::DeviceSampler::Relations relations(s.plan.relations.size());
  for (size_t r = 0; r < relations.size(); ++r) {
    const graph::RelationView &view = s.graph.relation(int(r));
    relations[r].ptr =
        reinterpret_cast<const int64_t *>(place(view.inPtr, (view.numDestinations + 1) * 8));
    if (view.inSources.i32)
      relations[r].sources32 =
          reinterpret_cast<const int32_t *>(place(view.inSources.i32, view.numEdges * 4));
    else
      relations[r].sources64 =
          reinterpret_cast<const int64_t *>(place(view.inSources.i64, view.numEdges * 8));
  }
  EXPECT_TRUE(machine.synchronize().ok());
  return relations;
}

absl::Status sampleOn(cuda::SampleMachine &machine, Setup &s, StepSlot &slot, uint64_t seed) {
  const plan::EntryT &entry = *s.plan.entries[0];
  HEDDLE_RETURN_IF_ERROR(machine.enter());
  std::vector<cuda::MachineMemory> memory;
  const cuda::DeviceSampler::Relations relations = placeGraph(machine, s, memory);
  cuda::DeviceSampler sampler(s.plan, entry, s.graph, relations, machine);
  EXPECT_TRUE(cuda::DeviceSampler::supports(entry));
  for (size_t b = 0; b < entry.buffers.size(); ++b)
    if (sampler.writes(int32_t(b)))
      sampler.alsoOnHost(int32_t(b), s.budget);
  StepSlot other = s.makeSlot({}, slot.step + 1); // of another batch before, of other sizes
  ThreadPool pool(1);
  Sampler host(s.plan, entry, s.graph, pool, s.budget);
  for (StepSlot *of : {&other, &slot, &slot})
    for (size_t i = 0; i < entry.ops.size(); ++i)
      if (entry.ops[i]->attrs.AsSeedsAttrs()) {
        HEDDLE_RETURN_IF_ERROR(host.run(i, *of, seed));
        HEDDLE_RETURN_IF_ERROR(sampler.sample(*of, seed));
      }
  return absl::OkStatus();
}

/// Null: there is no GPU.
const cuda::Session *gpu() {
  static const auto session = cuda::Session::open(0);
  return session.ok() ? session->get() : nullptr;
}

absl::Status sampleOnGpu(Setup &s, StepSlot &slot, uint64_t seed) {
  static cuda::SamplingModule module(*gpu());
  static const absl::Status loaded = module.load();
  HEDDLE_RETURN_IF_ERROR(loaded);
  cuda::CudaMachine machine(*gpu(), module);
  HEDDLE_RETURN_IF_ERROR(machine.initialize());
  return sampleOn(machine, s, slot, seed);
}

/// Runs all ops and compares every output with the brute force.
void check(Setup &s, std::vector<int64_t> seeds, uint64_t step, uint64_t seed, int threads,
           int32_t fanout) {
  const plan::EntryT &entry = *s.plan.entries[0];
  ASSERT_TRUE(plan::verifyPlan(s.plan).ok()) << plan::verifyPlan(s.plan);
  StepSlot slot = s.makeSlot(seeds, step);
  if (threads == onGpu) {
    if (!gpu())
      return;
    const absl::Status status = sampleOnGpu(s, slot, seed);
    ASSERT_TRUE(status.ok()) << status;
  } else if (threads == onDevice) {
    testing::HostMachine machine;
    ASSERT_TRUE(sampleOn(machine, s, slot, seed).ok());
  } else {
    ThreadPool pool(threads);
    Sampler sampler(s.plan, entry, s.graph, pool, s.budget);
    for (int repeat = 0; repeat < 2; ++repeat) // the second time over used buffers
      for (size_t i = 0; i < entry.ops.size(); ++i)
        ASSERT_TRUE(sampler.run(i, slot, seed).ok());
  }

  auto symbol = [&](SymbolKind kind, uint32_t hop, uint32_t index) {
    return int64_t(slot.symbols[size_t(s.builder.symbol(kind, hop, index))]);
  };
  size_t hops = s.sampled.ids.size() - 1, types = s.plan.node_types.size();
  // ids[hop][type]
  std::vector<std::vector<std::vector<int64_t>>> ids(hops + 1,
                                                     std::vector<std::vector<int64_t>>(types));
  ids[0][0] = seeds;
  struct Edges {
    std::vector<int64_t> edge, source, destinationRow;
  };
  std::map<std::pair<uint32_t, uint32_t>, Edges> expected;
  for (uint32_t hop = 0; hop < hops; ++hop) {
    std::vector<std::set<int64_t>> next(types);
    for (size_t t = 0; t < types; ++t)
      next[t].insert(ids[hop][t].begin(), ids[hop][t].end());
    for (auto &link : s.sampled.links) {
      if (link.hop != hop)
        continue;
      const auto &view = s.graph.relation(int(link.relation));
      Edges &e = expected[{hop, link.relation}];
      const auto &rows = ids[hop][s.plan.relations[link.relation]->destination];
      for (size_t row = 0; row < rows.size(); ++row) {
        int64_t first = view.inPtr[rows[row]], degree = view.inPtr[rows[row] + 1] - first;
        for (int64_t offset :
             floyd(seed, uint32_t(step), hop, link.relation, rows[row], degree, fanout)) {
          e.edge.push_back(first + offset);
          e.source.push_back(view.inSources[first + offset]);
          e.destinationRow.push_back(int64_t(row));
          next[s.plan.relations[link.relation]->source].insert(e.source.back());
        }
      }
    }
    for (size_t t = 0; t < types; ++t)
      ids[hop + 1][t].assign(next[t].begin(), next[t].end());
  }

  for (uint32_t hop = 0; hop <= hops; ++hop)
    for (uint32_t t = 0; t < types; ++t) {
      if (s.sampled.ids[hop][t] < 0)
        continue;
      const auto &want = ids[hop][t];
      ASSERT_EQ(symbol(SymbolKind::Rows, hop, t), int64_t(want.size()));
      const int64_t *got = slot.get<int64_t>(s.sampled.ids[hop][t]);
      EXPECT_EQ(std::vector<int64_t>(got, got + want.size()), want);
      if (s.sampled.selfPos[hop][t] < 0)
        continue;
      const int32_t *pos = slot.get<int32_t>(s.sampled.selfPos[hop][t]);
      const int32_t *inv = slot.get<int32_t>(s.sampled.selfInv[hop][t]);
      std::vector<int32_t> wantInv(want.size(), -1);
      for (size_t i = 0; i < ids[hop - 1][t].size(); ++i) {
        auto at = std::lower_bound(want.begin(), want.end(), ids[hop - 1][t][i]);
        EXPECT_EQ(pos[i], at - want.begin());
        wantInv[size_t(at - want.begin())] = int32_t(i);
      }
      EXPECT_EQ(std::vector<int32_t>(inv, inv + want.size()), wantInv);
    }

  for (auto &link : s.sampled.links) {
    const Edges &e = expected[{link.hop, link.relation}];
    uint32_t src = s.plan.relations[link.relation]->source;
    uint32_t dst = s.plan.relations[link.relation]->destination;
    const auto &sources = ids[link.hop + 1][src];
    size_t count = e.edge.size();
    ASSERT_EQ(symbol(SymbolKind::Edges, link.hop, link.relation), int64_t(count));
    std::vector<int32_t> dstPos, inPtr{0}, rowPos(ids[link.hop][dst].size(), -1), inSrc;
    for (size_t i = 0; i < count; ++i) {
      if (dstPos.empty() || dstPos.back() != e.destinationRow[i]) {
        rowPos[size_t(e.destinationRow[i])] = int32_t(dstPos.size());
        dstPos.push_back(int32_t(e.destinationRow[i]));
        inPtr.push_back(inPtr.back());
      }
      ++inPtr.back();
      inSrc.push_back(
          int32_t(std::lower_bound(sources.begin(), sources.end(), e.source[i]) - sources.begin()));
    }
    ASSERT_EQ(symbol(SymbolKind::Active, link.hop, link.relation), int64_t(dstPos.size()));
    const bool unique = link.op->attrs.AsSampleAttrs()->unique;
    std::vector<int32_t> srcPos, srcInv(sources.size(), -1);
    if (unique) {
      const std::set<int32_t> distinct(inSrc.begin(), inSrc.end());
      for (int32_t row : distinct) {
        srcInv[size_t(row)] = int32_t(srcPos.size());
        srcPos.push_back(row);
      }
      for (int32_t &source : inSrc)
        source = srcInv[size_t(source)];
      ASSERT_EQ(symbol(SymbolKind::Unique, link.hop, link.relation), int64_t(srcPos.size()));
    }
    std::vector<int32_t> outPtr{0}, outDst, outEdge;
    std::vector<std::vector<int32_t>> bySource(unique ? srcPos.size() : sources.size());
    for (size_t i = 0; i < count; ++i)
      bySource[size_t(inSrc[i])].push_back(int32_t(i));
    for (auto &edges : bySource) {
      for (int32_t i : edges) {
        outEdge.push_back(i);
        outDst.push_back(rowPos[size_t(e.destinationRow[size_t(i)])]);
      }
      outPtr.push_back(int32_t(outEdge.size()));
    }
    auto same = [&](size_t output, const auto &want) {
      using T = typename std::decay_t<decltype(want)>::value_type;
      if (link.op->outputs[output] < 0)
        return true;
      const T *got = slot.get<T>(link.op->outputs[output]);
      return std::equal(want.begin(), want.end(), got);
    };
    std::string name = link.op->name;
    EXPECT_TRUE(same(0, dstPos)) << name;
    EXPECT_TRUE(same(1, inPtr)) << name;
    EXPECT_TRUE(same(2, inSrc)) << name;
    EXPECT_TRUE(same(3, rowPos)) << name;
    EXPECT_TRUE(same(4, outPtr)) << name;
    EXPECT_TRUE(same(5, outDst)) << name;
    EXPECT_TRUE(same(6, outEdge)) << name;
    EXPECT_TRUE(same(7, e.edge)) << name;
    if (unique) {
      EXPECT_TRUE(same(8, srcPos)) << name;
      EXPECT_TRUE(same(9, srcInv)) << name;
    }
  }
}

std::vector<int64_t> someSeeds(int64_t count, int64_t nodes) {
  std::vector<int64_t> seeds;
  for (int64_t i = 0; i < count; ++i)
    seeds.push_back(i * nodes / count);
  return seeds;
}

struct Case {
  int32_t fanout;
  uint32_t hops;
  int64_t seeds;
};
class SamplerCases : public ::testing::TestWithParam<Case> {};

TEST_P(SamplerCases, EqualsBruteForce) {
  Case c = GetParam();
  for (bool wide : {false, true})
    for (int threads : {onGpu, onDevice, 1, 3}) {
      auto s = makeSetup(c.fanout, c.hops, 7, wide);
      check(*s, someSeeds(c.seeds, 300), 1 + uint64_t(c.seeds), 0xABCDEF0123456789ull, threads,
            c.fanout);
    }
}

INSTANTIATE_TEST_SUITE_P(Sampler, SamplerCases,
                         ::testing::Values(Case{-1, 1, 300}, Case{-1, 2, 40}, Case{0, 1, 20},
                                           Case{1, 3, 20}, Case{3, 2, 100}, Case{15, 2, 300},
                                           Case{70, 2, 300}, Case{130, 2, 300}, Case{400, 2, 300},
                                           Case{100000, 2, 10}, Case{5, 2, 0}, Case{-1, 2, 0}));

// Whatever subset of the outputs a plan asks for, what it gets is the same.
TEST(Sampler, AbsentOutputsDoNotMatter) {
  std::mt19937 random(5);
  for (int round = 0; round < 40; ++round) {
    auto s = makeSetup(4, 2, 11, false);
    for (auto &link : s->sampled.links)
      for (int32_t &output : link.op->outputs)
        if (random() % 2)
          output = -1;
    check(*s, someSeeds(50, 300), 3, 17, round % 4 - 1, 4);
  }
}

// So many that sums go over blocks, and blocks over sums.
TEST(Sampler, LargeBatch) {
  struct Setup s;
  std::mt19937_64 random(23);
  const int64_t nodes[2] = {20000, 70000};
  for (int t = 0; t < 2; ++t) {
    s.graph.addType(t ? "b" : "a", nodes[t]);
    s.builder.type(t ? "b" : "a", uint64_t(nodes[t]));
  }
  s.graph.addRelation(1, "made", 0, testing::randomEdges(random, nodes[1], nodes[0], 400000));
  s.builder.relation(1, "made", 0);
  s.builder.entry(plan::EntryKind::TrainStep, "train");
  s.sampled = s.builder.sampleAll(0, 1, -1, true);
  for (int on : {onGpu, onDevice})
    check(s, someSeeds(nodes[0], nodes[0]), 3, 5, on, -1);
}

// The end of a step is not waited for: what is sampled into its slot comes behind it. On the double
// of the driver a stream does nothing before somebody waits for it, so it would come first.
TEST(Sampler, ComesAfterTheStepThatHadTheSlot) {
  if (!gpu())
    GTEST_SKIP() << "no GPU, and no double of its driver";
  const cuda::Session &session = *gpu();
  auto s = makeSetup(4, 2, 3, false);
  const plan::EntryT &entry = *s->plan.entries[0];
  cuda::SamplingModule module(session);
  ASSERT_TRUE(session.enter().ok());
  ASSERT_TRUE(module.load().ok());
  cuda::CudaMachine machine(session, module);
  ASSERT_TRUE(machine.initialize().ok());
  std::vector<cuda::MachineMemory> memory;
  const cuda::DeviceSampler::Relations relations = placeGraph(machine, *s, memory);
  cuda::CudaSampler sampler(session, module, s->plan, entry, s->graph, relations);
  ASSERT_TRUE(sampler.initialize().ok());
  ThreadPool pool(1);
  Sampler host(s->plan, entry, s->graph, pool, s->budget);
  auto sample = [&](StepSlot &slot) {
    for (size_t i = 0; i < entry.ops.size(); ++i)
      if (entry.ops[i]->attrs.AsSeedsAttrs()) {
        ASSERT_TRUE(host.run(i, slot, 5).ok());
        ASSERT_TRUE(sampler.sample(slot, 5).ok());
      }
  };
  StepSlot slot = s->makeSlot(someSeeds(60, 300), 1);
  sample(slot);
  struct Read { // of a step
    std::vector<char> wanted;
    cuda::DeviceMemory copy;
  };
  std::vector<Read> reads;
  for (size_t b = 0; b < entry.buffers.size(); ++b) {
    const uint64_t bytes = plan::bufferBytes(*entry.buffers[b], slot.symbols);
    if (!sampler.device().writes(int32_t(b)) || bytes == 0)
      continue;
    const cuda::DevicePointer at = sampler.device().address(slot, int32_t(b));
    Read &read = reads.emplace_back(Read{std::vector<char>(bytes), cuda::DeviceMemory(session)});
    ASSERT_TRUE(session.toHost(read.wanted.data(), at, bytes).ok());
    ASSERT_TRUE(read.copy.reserve(bytes, "copy").ok());
    ASSERT_TRUE(session.synchronize("copy").ok());
  }
  ASSERT_GT(reads.size(), 10u);
  size_t next = 0;
  for (size_t b = 0; b < entry.buffers.size(); ++b)
    if (sampler.device().writes(int32_t(b)) &&
        plan::bufferBytes(*entry.buffers[b], slot.symbols) > 0) {
      Read &read = reads[next++];
      ASSERT_EQ(session.driver().cuMemcpyDtoDAsync_v2(read.copy.data(),
                                                      sampler.device().address(slot, int32_t(b)),
                                                      read.wanted.size(), session.stream()),
                0);
    }
  cuda::Event ended = nullptr;
  ASSERT_EQ(session.driver().cuEventCreate(&ended, cuda::eventDisableTiming), 0);
  ASSERT_EQ(session.driver().cuEventRecord(ended, session.stream()), 0);
  sampler.follow(ended);
  slot.seeds = someSeeds(55, 290);
  slot.step = 2;
  sample(slot);
  for (Read &read : reads) {
    std::vector<char> got(read.wanted.size());
    ASSERT_TRUE(session.toHost(got.data(), read.copy.data(), got.size()).ok());
    ASSERT_TRUE(session.synchronize("copy").ok());
    EXPECT_TRUE(got == read.wanted);
  }
  session.driver().cuEventDestroy_v2(ended);
}

TEST(Sampler, ChoosesEveryEdgeEqually) {
  // Chi-square over the offsets of many destinations.
  constexpr int64_t degree = 20, k = 6, destinations = 20000;
  std::vector<int64_t> counts(degree), chosen(k);
  std::vector<uint64_t> bits;
  for (int64_t d = 0; d < destinations; ++d) {
    sampleOffsets(5, 0, 0, 0, d, degree, k, chosen.data(), bits);
    for (int64_t i = 0; i < k; ++i) {
      ++counts[size_t(chosen[size_t(i)])];
      if (i) {
        ASSERT_LT(chosen[size_t(i - 1)], chosen[size_t(i)]);
      }
    }
  }
  double expected = double(destinations) * k / degree, chi = 0;
  for (int64_t count : counts)
    chi += (double(count) - expected) * (double(count) - expected) / expected;
  EXPECT_LT(chi, 43.8); // 19 degrees of freedom, 0.1 %
}

TEST(Sampler, LargeFanoutsUseTheSameDraws) {
  std::vector<uint64_t> bits;
  for (int64_t degree : {65, 66, 100, 1000, 5000})
    for (int64_t k : {1, 2, 63, 64, 65, 200}) {
      if (k >= degree)
        continue;
      std::vector<int64_t> chosen(static_cast<size_t>(k));
      sampleOffsets(9, 4, 1, 2, 77, degree, k, chosen.data(), bits);
      std::set<int64_t> want = floyd(9, 4, 1, 2, 77, degree, k);
      EXPECT_EQ(chosen, std::vector<int64_t>(want.begin(), want.end())) << degree << " " << k;
    }
}

TEST(Sampler, RefusesBadSeeds) {
  auto s = makeSetup(2, 1, 1, false);
  ThreadPool pool(1);
  Sampler sampler(s->plan, *s->plan.entries[0], s->graph, pool, s->budget);
  EXPECT_TRUE(sampler.checkSeeds({0, 5, 299}, "seeds").ok());
  EXPECT_TRUE(sampler.checkSeeds({}, "seeds").ok());
  EXPECT_NE(messageOf(sampler.checkSeeds({0, 300}, "seeds")).find("seed 300 is not a node of 'a'"),
            std::string::npos);
  EXPECT_NE(messageOf(sampler.checkSeeds({-1, 3}, "seeds")).find("seed -1"), std::string::npos);
  EXPECT_NE(messageOf(sampler.checkSeeds({3, 3}, "seeds")).find("twice"), std::string::npos);
}

TEST(RankBitmap, SetsOfAnyShape) {
  std::mt19937_64 random(3);
  for (int64_t nodes : {1, 63, 64, 65, 4096, 300000, 5000000}) {
    RankBitmap bitmap(nodes);
    for (int64_t count : {int64_t(0), int64_t(1), int64_t(50), nodes}) {
      std::set<int64_t> want;
      for (int64_t i = 0; i < count && i < 20000; ++i)
        want.insert(count == nodes && nodes <= 20000 ? i : int64_t(random() % uint64_t(nodes)));
      want.insert(nodes - 1);
      for (int64_t id : want) {
        if (id % 2)
          bitmap.insert(id);
        else
          bitmap.insertShared(id);
      }
      ASSERT_EQ(bitmap.number(), int64_t(want.size()));
      std::vector<int64_t> got(want.size());
      bitmap.list(got.data());
      EXPECT_TRUE(std::equal(want.begin(), want.end(), got.begin()));
      for (size_t i = 0; i < got.size(); ++i)
        ASSERT_EQ(bitmap.rank(got[i]), int32_t(i));
      bitmap.clear();
      EXPECT_EQ(bitmap.number(), 0);
    }
  }
}

} // namespace
} // namespace heddle::exec
