//===- VerifyPartitionsTest.cpp - each wrong field of a collective ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/PlanFile.h"

#include "tests/unit/exec/TestPartitions.h"

#include <gtest/gtest.h>

#include <functional>

namespace heddle::plan {
namespace {

using testing::TestPartitions;

OpT &find(PlanT &p, const std::string &name, size_t entry = 0) {
  for (auto &op : p.entries[entry]->ops)
    if (op->name == name)
      return *op;
  ADD_FAILURE() << name;
  return *p.entries[entry]->ops[0];
}
BufferT &buffer(PlanT &p, const std::string &name, size_t entry = 0) {
  for (auto &b : p.entries[entry]->buffers)
    if (b->name == name)
      return *b;
  ADD_FAILURE() << name;
  return *p.entries[entry]->buffers[0];
}
int32_t indexOf(PlanT &p, const std::string &name, size_t entry = 0) {
  for (size_t i = 0; i < p.entries[entry]->buffers.size(); ++i)
    if (p.entries[entry]->buffers[i]->name == name)
      return int32_t(i);
  return -1;
}
MergeAllAttrsT &mergeAll(PlanT &p, const std::string &name, size_t entry = 0) {
  return *find(p, name, entry).attrs.AsMergeAllAttrs();
}
UnionRowsAttrsT &unionRows(PlanT &p, size_t entry = 0) {
  return *find(p, "union b", entry).attrs.AsUnionRowsAttrs();
}
/// Waits of the op that other queues' ops signal go away.
void unlink(PlanT &p, const std::string &name, size_t entry = 0) {
  EntryT &e = *p.entries[entry];
  for (uint32_t s : find(p, name, entry).waits)
    for (auto &op : e.ops)
      std::erase(op->signals, s);
  // The semaphores stay, signalled and waited for by nothing: drop them from the end only.
  std::vector<uint32_t> gone = find(p, name, entry).waits;
  find(p, name, entry).waits.clear();
  std::sort(gone.rbegin(), gone.rend());
  for (uint32_t s : gone) {
    e.semaphores.erase(e.semaphores.begin() + s);
    for (auto &op : e.ops)
      for (auto *list : {&op->waits, &op->signals})
        for (uint32_t &other : *list)
          other -= other > s;
  }
}

struct Case {
  const char *error; ///< part of the message
  std::function<void(PlanT &)> break_;
};

// Entries 0 and 1 are the training steps of partitions 0 and 1, 2 and 3 their evaluation.
const std::vector<Case> &replicated() {
  static const std::vector<Case> all = {
      // each collective by itself
      {"'merge dV': it has fewer than 2", [](PlanT &p) { mergeAll(p, "merge dV").participants = {0}; }},
      {"'merge dV': participant 2 is out of range", [](PlanT &p) { mergeAll(p, "merge dV").participants = {0, 2}; }},
      {"'merge dV': participants are not ascending", [](PlanT &p) { mergeAll(p, "merge dV").participants = {1, 0}; }},
      {"'merge dV': participants are not ascending", [](PlanT &p) { mergeAll(p, "merge dV").participants = {0, 0, 1}; }},
      {"'merge dV': the traffic class", [](PlanT &p) { mergeAll(p, "merge dV").traffic = Traffic(9); }},
      {"'merge dV': the traffic class", [](PlanT &p) { mergeAll(p, "merge dV").traffic = Traffic::Control; }},
      {"'merge dV': collective 4294967040 is reserved", [](PlanT &p) { mergeAll(p, "merge dV").collective = 0xFFFFFF00u; }},
      {"'merge dV': it is not in the Comm queue", [](PlanT &p) { unlink(p, "merge dV"); find(p, "merge dV").queue = Queue::Compute; }},
      {"'union b': it is not in the Fetch queue", [](PlanT &p) { find(p, "union b").queue = Queue::Sample; }},
      {"'exchange dx': it is not in the Comm queue", [](PlanT &p) { find(p, "exchange dx").queue = Queue::Fetch; }},
      {"'step V': it is not in the Compute queue", [](PlanT &p) { find(p, "step V").queue = Queue::Comm; }},
      {"'merge dV': it has no term", [](PlanT &p) { find(p, "merge dV").inputs.clear(); find(p, "merge dV").outputs.clear(); }},
      {"'merge dV': it has 1 outputs, not 2", [](PlanT &p) { find(p, "merge dV").outputs.pop_back(); }},
      {"'merge dV' input 0: the dtype is I32", [](PlanT &p) { find(p, "merge dV").inputs[0] = indexOf(p, "labels"); }},
      {"'merge dV' output 0: it does not hold 32", [](PlanT &p) { *buffer(p, "sum dV").rows = Extent(-1, 1, 0, 9); }},
      {"'merge dV' output 0: it is not in the arena", [](PlanT &p) { find(p, "merge dV").outputs[0] = indexOf(p, "V"); }},
      {"'merge dV' output 1: it does not hold 32", [](PlanT &p) { *buffer(p, "dV scratch").rows = Extent(-1, 1, 0, 31); }},
      {"'merge dV' output 0: what arrives would", [](PlanT &p) { find(p, "merge dV").outputs[0] = find(p, "merge dV").inputs[0]; }},
      {"'merge logits' input 0: only a constant", [](PlanT &p) { mergeAll(p, "merge logits").by_number = true; }},
      {"'merge logits' output 0: its shape is not", [](PlanT &p) { find(p, "merge logits").outputs[0] = indexOf(p, "m"); }},
      {"'merge logits' output 1: it does not hold the blocks", [](PlanT &p) { *buffer(p, "merge scratch").rows = Extent(buffer(p, "merge scratch").rows->symbol(), 1, 1, 0); }},
      {"'merge logits' output 1: it does not hold the blocks", [](PlanT &p) { buffer(p, "merge scratch").width = 3; }},
      {"'merge logits' input 0: its rows are neither", [](PlanT &p) { *buffer(p, "partial").rows = Extent(buffer(p, "partial").rows->symbol(), 1, 1, 1); }},
      {"'merge dV': it has 2 kinds of merge for 1 terms", [](PlanT &p) { mergeAll(p, "merge dV").merges = {MergeKind::Sum, MergeKind::Sum}; }},
      {"'merge dV' input 0: only sums are cut by numbers", [](PlanT &p) { mergeAll(p, "merge dV").merges = {MergeKind::Max}; }},
      {"'merge logits' input 0: its kind of merge is unknown", [](PlanT &p) { mergeAll(p, "merge logits").merges = {MergeKind(4)}; }},
      {"'merge logits' input 0: a term of argmax has two numbers for each of the value, not 3", [](PlanT &p) { mergeAll(p, "merge logits").merges = {MergeKind::Argmax}; buffer(p, "partial").width = 3; }},
      {"'merge logits' input 0: a term of softmax has two numbers beside the value, not 2", [](PlanT &p) { mergeAll(p, "merge logits").merges = {MergeKind::Softmax}; buffer(p, "partial").width = 2; }},
      {"'merge logits': it has 2 numbers of heads for 1 terms", [](PlanT &p) { mergeAll(p, "merge logits").heads = {1, 1}; }},
      {"'merge logits' input 0: only a softmax has heads, and at least one; it has 2", [](PlanT &p) { mergeAll(p, "merge logits").heads = {2}; }},
      {"'merge logits' input 0: only a softmax has heads, and at least one; it has 0", [](PlanT &p) { mergeAll(p, "merge logits").merges = {MergeKind::Softmax}; mergeAll(p, "merge logits").heads = {0}; }},
      {"'merge logits' input 0: a term of softmax has two numbers for each of its 4294967295 heads beside", [](PlanT &p) { mergeAll(p, "merge logits").merges = {MergeKind::Softmax}; mergeAll(p, "merge logits").heads = {0xFFFFFFFFu}; }},
      {"the kind of merge of term 0 differs", [](PlanT &p) { mergeAll(p, "merge logits", 1).merges = {MergeKind::Max}; }},
      {"the kind of merge of term 0 differs", [](PlanT &p) { mergeAll(p, "merge logits").merges = {MergeKind::Argmax}; mergeAll(p, "merge logits", 1).merges = {MergeKind::Softmax}; }},
      {"'union b': node type 2", [](PlanT &p) { unionRows(p).node_type = 2; }},
      {"'union b' input 0: the rows are not Rows of hop 2", [](PlanT &p) { unionRows(p).hop = 2; }},
      {"'union b': hop 16 is over 15", [](PlanT &p) { unionRows(p).hop = 16; }},
      {"'union b' input 0: the rows are not Rows", [](PlanT &p) { find(p, "union b").inputs[0] = indexOf(p, "seeds"); }},
      {"'union b': it has 2 outputs, not 3", [](PlanT &p) { find(p, "union b").outputs.pop_back(); }},
      {"'union b' output 0: the rows are not Union", [](PlanT &p) { *buffer(p, "union ids").rows = *buffer(p, "seeds").rows; }},
      {"'union b' output 0: the dtype", [](PlanT &p) { buffer(p, "union ids").dtype = DType::I32; }},
      {"'union b' output 1: the width is 3, not 2", [](PlanT &p) { buffer(p, "table").width = 3; }},
      {"'union b' output 2: it does not hold 2", [](PlanT &p) { *buffer(p, "counts").rows = Extent(-1, 1, 0, 3); }},
      {"'exchange dx': no op numbers the rows", [](PlanT &p) { find(p, "union b").outputs[1] = -1; }},
      {"'exchange dx' input 0: the rows are not Rows", [](PlanT &p) { find(p, "exchange dx").inputs[0] = indexOf(p, "dh"); }},
      {"'exchange dx' output 0: the rows are not Union", [](PlanT &p) { std::swap(find(p, "exchange dx").outputs[0], find(p, "exchange dx").outputs[1]); }},
      {"'exchange dx' output 0: the width is 7, not 8", [](PlanT &p) { buffer(p, "sums").width = 7; }},
      {"'exchange dx' output 1: the rows are not Gathered", [](PlanT &p) { *buffer(p, "gathered").rows = *buffer(p, "sums").rows; }},
      {"'exchange dx': it has 1 outputs", [](PlanT &p) { find(p, "exchange dx").outputs.pop_back(); }},
      {"'spread': it sends nothing", [](PlanT &p) { find(p, "spread").wire = {Extent(-1, 1, 0, 4)}; }},
      {"'merge dV' estimate: the divisor is zero", [](PlanT &p) { find(p, "merge dV").wire = {Extent(0, 0, 1, 1)}; }},
      // waves
      {"'merge dV': it may start before entry 0 op", [](PlanT &p) { unlink(p, "merge dV"); }},
      {"'step W': it may start before entry 0 op", [](PlanT &p) { unlink(p, "step W"); }},
      {"which is not of an earlier wave",
       [](PlanT &p) {
         EntryT &e = *p.entries[0];
         e.semaphores.push_back(std::make_unique<SemaphoreT>());
         e.semaphores.back()->from = Queue::Compute;
         e.semaphores.back()->to = Queue::Comm;
         find(p, "scatter").signals.push_back(uint32_t(e.semaphores.size() - 1));
         find(p, "merge dV").waits.push_back(uint32_t(e.semaphores.size() - 1));
       }},
      {"are alive together",
       [](PlanT &p) { // dx is written beside the exchange that fills sum dV
         BufferT &dx = buffer(p, "dx");
         p.entries[0]->regions[size_t(dx.region)]->buffers.clear();
         dx.region = buffer(p, "sum dV").region;
         p.entries[0]->regions[size_t(dx.region)]->buffers.push_back(uint32_t(indexOf(p, "dx")));
       }},
      {"these rows are numbered together twice",
       [](PlanT &p) {
         auto op = std::make_unique<OpT>(find(p, "union b"));
         op->id = 9999;
         op->wave = 1;
         op->waits.clear();
         op->outputs = {-1, -1, -1};
         p.entries[0]->ops.push_back(std::move(op));
       }},
      // all partitions together
      {"entries of kind EvalStep: there are 1 for 2", [](PlanT &p) { p.entries.pop_back(); }},
      {"entry 1: partition 2 is out of range", [](PlanT &p) { p.entries[1]->partition = 2; }},
      {"entry 3: entry 2 is of the same kind", [](PlanT &p) { p.entries[2] = std::make_unique<EntryT>(*p.entries[3]); for (auto &op : p.entries[2]->ops) { op->id += 1000; if (auto *a = op->attrs.AsFrontierAttrs()) a->samples[0] += 1000; } }},
      {"entry 1: slots differ", [](PlanT &p) { p.entries[1]->slots = 2; }},
      {"entry 1: batch_size differs", [](PlanT &p) { p.entries[1]->batch_size = 7; }},
      {"'exchange dx': collectives of a queue are not ascending", [](PlanT &p) { find(p, "exchange dx").attrs.AsExchangeRowsAttrs()->collective = 7; }},
      {"collective 8 is not in entry 1", [](PlanT &p) { mergeAll(p, "merge dV").collective = 8; }},
      {"entry 0: it has no loss and another partition has", [](PlanT &p) { p.entries[0]->outputs.clear(); }},
      {"the kind of op differs",
       [](PlanT &p) {
         OpT &op = find(p, "merge logits", 1);
         BroadcastAttrsT a;
         a.collective = 5;
         a.participants = {0, 1};
         a.traffic = Traffic::Activations;
         a.leader = 0;
         op.attrs.Set(std::move(a));
         op.inputs.clear();
         op.outputs.pop_back();
       }},
      {"the traffic class differs", [](PlanT &p) { mergeAll(p, "merge dV", 1).traffic = Traffic::EmbeddingRows; }},
      {"by_number differs", [](PlanT &p) { mergeAll(p, "merge dV", 1).by_number = false; }},
      {"the number of terms on the wire", [](PlanT &p) { find(p, "merge dV", 1).wire.clear(); }},
      {"the number of terms differs",
       [](PlanT &p) {
         OpT &op = find(p, "merge dV", 1);
         // another term of the same shape: dV twice, into new buffers
         EntryT &e = *p.entries[1];
         for (const char *name : {"sum dV", "dV scratch"}) {
           e.buffers.push_back(std::make_unique<BufferT>(buffer(p, name, 1)));
           e.buffers.back()->region = int32_t(e.regions.size());
           e.regions.push_back(std::make_unique<RegionT>());
           e.regions.back()->buffers = {uint32_t(e.buffers.size() - 1)};
         }
         int32_t last = int32_t(e.buffers.size() - 1);
         op.inputs.push_back(op.inputs[0]);
         op.outputs = {op.outputs[0], last - 1, op.outputs[1], last};
       }},
      {"the shape of term 0 differs", [](PlanT &p) { *buffer(p, "partial", 1).rows = *buffer(p, "dm", 1).rows; *buffer(p, "logits", 1).rows = *buffer(p, "partial", 1).rows; *buffer(p, "merge scratch", 1).rows = Extent(buffer(p, "partial", 1).rows->symbol(), 2, 2, 0); p.entries[1]->outputs.pop_back(); }},
      {"in_loop_static differs", [](PlanT &p) { find(p, "union b", 1).in_loop_static = true; for (auto &op : p.entries[1]->ops) if (op->queue == Queue::Sample) { op->in_loop_static = true; if (auto *a = op->attrs.AsSampleAttrs()) a->mode = SampleMode::All; } }},
      // states
      {"state 0 'V': partition 2 is out of range", [](PlanT &p) { p.states[0]->partitions = {0, 2}; }},
      {"state 0 'V': its partitions are not ascending", [](PlanT &p) { p.states[0]->partitions = {1, 0}; }},
      {"partition 1 keeps no copy of state 'V'", [](PlanT &p) { p.states[0]->partitions = {0}; }},
      {"partition 0 keeps no copy of state 'W0'", [](PlanT &p) { p.states[2]->partitions = {1}; }},
  };
  return all;
}

const std::vector<Case> &led() {
  static const std::vector<Case> all = {
      {"'merge logits': the leader 5 is no participant", [](PlanT &p) { find(p, "merge logits").attrs.AsMergeToAttrs()->leader = 5; }},
      {"'merge logits': it has 2 outputs, not 0", [](PlanT &p) { find(p, "merge logits").attrs.AsMergeToAttrs()->leader = 1; }},
      {"'merge logits': the leader differs from that of",
       [](PlanT &p) { // each thinks that it leads
         find(p, "merge logits", 1).attrs.AsMergeToAttrs()->leader = 1;
         EntryT &e = *p.entries[1];
         BufferT &partial = buffer(p, "partial", 1);
         for (const char *name : {"sum", "scratch"}) {
           e.buffers.push_back(std::make_unique<BufferT>(partial));
           e.buffers.back()->name = name;
           e.buffers.back()->region = int32_t(e.regions.size());
           e.regions.push_back(std::make_unique<RegionT>());
           e.regions.back()->buffers = {uint32_t(e.buffers.size() - 1)};
         }
         int32_t last = int32_t(e.buffers.size() - 1);
         find(p, "merge logits", 1).outputs = {last - 1, last};
       }},
      {"'merge logits' output 1: it does not hold the blocks", [](PlanT &p) { buffer(p, "merge scratch").width = 3; }},
      {"'merge logits' input 0: its kind of merge is unknown", [](PlanT &p) { find(p, "merge logits").attrs.AsMergeToAttrs()->merge = MergeKind(4); }},
      {"the kind of merge of term 0 differs", [](PlanT &p) { find(p, "merge logits", 1).attrs.AsMergeToAttrs()->merge = MergeKind::Max; }},
      {"'broadcast dlogits': it has 1 inputs, not 0", [](PlanT &p) { find(p, "broadcast dlogits").attrs.AsBroadcastAttrs()->leader = 1; }},
      {"'broadcast dlogits' input 0: it is absent", [](PlanT &p) { find(p, "broadcast dlogits").inputs[0] = -1; }},
      {"'broadcast dlogits' output 0: it is not in the arena", [](PlanT &p) { find(p, "broadcast dlogits", 1).outputs[0] = indexOf(p, "scalars", 1); }},
      {"the shape of the array differs", [](PlanT &p) { buffer(p, "dlogits", 1).width = 5; }},
      {"it changes a state before a partition that has the loss",
       [](PlanT &p) { // the broadcast comes beside the loss's sum
         for (size_t e : {0u, 1u}) {
           find(p, "broadcast dlogits", e).wave = 7;
           if (e == 0)
             unlink(p, "broadcast dlogits", e);
         }
         EntryT &e = *p.entries[0];
         e.semaphores.push_back(std::make_unique<SemaphoreT>());
         e.semaphores.back()->from = Queue::Compute;
         e.semaphores.back()->to = Queue::Comm;
         find(p, "loss").signals.push_back(uint32_t(e.semaphores.size() - 1));
         find(p, "broadcast dlogits").waits.push_back(uint32_t(e.semaphores.size() - 1));
         // What tells partition 1 now is the merge of gradients, and W1 does not wait for it.
         find(p, "step W", 1).wave = 12;
         find(p, "step V", 1).waits = find(p, "step W", 1).waits;
         find(p, "step W", 1).waits.clear();
         find(p, "step W", 1).signals = find(p, "scatter", 1).signals;
         find(p, "scatter", 1).signals.clear();
       }},
  };
  return all;
}

void expectRefused(const Case &c, const TestPartitions::Options &options) {
  TestPartitions model(options);
  c.break_(*model.plan);
  absl::Status status = verifyPlan(*model.plan);
  EXPECT_FALSE(status.ok()) << c.error;
  EXPECT_NE(messageOf(status).find(c.error), std::string::npos)
      << "wanted: " << c.error << "\ngot: " << status;
  auto bytes = serializePlan(*model.plan);
  EXPECT_FALSE(parsePlan(bytes.data(), bytes.size(), "x").ok()) << c.error;
}

TEST(VerifyPartitions, AcceptsTheModel) {
  for (uint32_t partitions : {2u, 3u, 5u})
    for (bool leader : {false, true})
      for (bool stay : {false, true}) {
        TestPartitions model({.partitions = partitions, .fanout = stay ? -1 : 5, .leader = leader, .stay = stay});
        EXPECT_TRUE(verifyPlan(*model.plan).ok()) << verifyPlan(*model.plan);
        auto bytes = serializePlan(*model.plan);
        auto parsed = parsePlan(bytes.data(), bytes.size(), "x");
        ASSERT_TRUE(parsed.ok()) << parsed.status();
        EXPECT_EQ(serializePlan(**parsed), bytes);
      }
}

TEST(VerifyPartitions, AcceptsOtherMerges) {
  for (MergeKind kind : {MergeKind::Sum, MergeKind::Max, MergeKind::Argmax, MergeKind::Softmax})
    for (bool leader : {false, true}) {
      TestPartitions model({.numA = 20, .numB = 20, .edges = 40, .leader = leader});
      for (size_t entry : {0u, 1u}) {
        if (leader)
          find(*model.plan, "merge logits", entry).attrs.AsMergeToAttrs()->merge = kind;
        else
          mergeAll(*model.plan, "merge logits", entry).merges = {kind};
      }
      EXPECT_TRUE(verifyPlan(*model.plan).ok()) << verifyPlan(*model.plan);
      auto bytes = serializePlan(*model.plan);
      auto parsed = parsePlan(bytes.data(), bytes.size(), "x");
      ASSERT_TRUE(parsed.ok()) << parsed.status();
      EXPECT_EQ(mergeOf(find(**parsed, "merge logits", 1), 0), kind);
    }
}

// A comm op fills an array and a compute op of a later wave changes it in place; in the list all
// compute ops come before all comm ops.
TEST(VerifyPartitions, TheListNeedNotMixTheQueues) {
  TestPartitions model({});
  PlanT &p = *model.plan;
  p.kernels.push_back(std::make_unique<KernelT>());
  p.kernels.back()->name = p.kernels.back()->symbol = "k_scale";
  p.kernels.back()->num_args = 1;
  auto sort = [&](size_t e) {
    auto &ops = p.entries[e]->ops;
    std::sort(ops.begin(), ops.end(), [](auto &x, auto &y) {
      return std::tuple(x->queue, x->wave, x->id) < std::tuple(y->queue, y->wave, y->id);
    });
  };
  for (size_t e : {0u, 1u}) {
    auto op = std::make_unique<OpT>();
    op->id = uint32_t(5000 + e);
    op->name = "scale";
    op->queue = Queue::Compute;
    op->wave = 13;
    KernelAttrsT a;
    a.kernel = uint32_t(p.kernels.size() - 1);
    a.domain = std::make_unique<Extent>(-1, 1, 0, 32);
    op->attrs.Set(std::move(a));
    op->outputs = {indexOf(p, "sum dV", e)};
    auto &ops = p.entries[e]->ops;
    find(p, "step V", e).wave = 14;
    std::swap(find(p, "step V", e).waits, find(p, "step emb", e).waits);
    ops.insert(std::find_if(ops.begin(), ops.end(), [](auto &o) { return o->name == "step V"; }),
               std::move(op));
    sort(e);
  }
  EXPECT_TRUE(verifyPlan(p).ok()) << verifyPlan(p);
  find(p, "scale", 1).wave = 12; // beside the merge
  sort(1);
  EXPECT_NE(messageOf(verifyPlan(p)).find("a semaphore is missing"), std::string::npos)
      << verifyPlan(p);
}

TEST(VerifyPartitions, EveryWrongFieldHasItsError) {
  for (const Case &c : replicated())
    expectRefused(c, {.numA = 20, .numB = 20, .edges = 40});
  for (const Case &c : led())
    expectRefused(c, {.numA = 20, .numB = 20, .edges = 40, .leader = true});
}

// The lists of participants differ, but each is right by itself.
TEST(VerifyPartitions, ParticipantsAgree) {
  for (size_t entry : {1u, 2u}) {
    TestPartitions model({.partitions = 3, .numA = 20, .numB = 20, .edges = 40});
    mergeAll(*model.plan, "merge dV", entry).participants = {1, 2};
    *buffer(*model.plan, "dV scratch", entry).rows = Extent(-1, 1, 0, 32);
    EXPECT_NE(messageOf(verifyPlan(*model.plan)).find("participants differs"), std::string::npos)
        << verifyPlan(*model.plan);
  }
  TestPartitions model({.partitions = 3, .numA = 20, .numB = 20, .edges = 40});
  auto *a = find(*model.plan, "exchange dx", 1).attrs.AsExchangeRowsAttrs();
  a->participants = {0, 1};
  EXPECT_FALSE(verifyPlan(*model.plan).ok());
}

// A plan for one partition has nobody to talk to.
TEST(VerifyPartitions, OnePartitionHasNoCollectives) {
  TestPartitions model({});
  model.plan->partitions = 1;
  EXPECT_FALSE(verifyPlan(*model.plan).ok());
}

} // namespace
} // namespace heddle::plan
