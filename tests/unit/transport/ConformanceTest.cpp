//===- ConformanceTest.cpp - what every transport guarantees -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/transport/Ranks.h"

#include <chrono>
#include <cstring>
#include <numeric>

using namespace heddle;
using namespace heddle::test;
using namespace heddle::transport;
using namespace std::chrono_literals;

namespace {

uint64_t mix(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  uint64_t x = a * 0x9E3779B97F4A7C15u ^ b * 0xC2B2AE3D27D4EB4Fu ^ c * 0x165667B19E3779F9u ^
               d * 0x27D4EB2F165667C5u;
  x ^= x >> 29;
  x *= 0xBF58476D1CE4E5B9u;
  return x ^ x >> 32;
}

/// The bytes of block `index` from one rank to another in a round: known to all.
std::vector<uint8_t> content(int64_t round, int from, int to, int64_t index, int64_t bytes) {
  std::vector<uint8_t> data(static_cast<size_t>(bytes));
  uint64_t key = mix(static_cast<uint64_t>(round), static_cast<uint64_t>(from),
                     static_cast<uint64_t>(to), static_cast<uint64_t>(index));
  for (size_t i = 0; i < data.size(); ++i)
    data[i] = static_cast<uint8_t>((key + i * 2654435761u) >> 13);
  return data;
}

/// Zero, small, around the size that Gloo's headers carry, large.
int64_t randomBytes(int64_t round, int from, int to, int64_t index = 0) {
  uint64_t key = mix(static_cast<uint64_t>(round) + 99, static_cast<uint64_t>(from),
                     static_cast<uint64_t>(to), static_cast<uint64_t>(index));
  uint64_t value = key >> 8;
  switch (key % 5) {
  case 0:
    return 0;
  case 1:
    return static_cast<int64_t>(value % 64);
  case 2:
    return static_cast<int64_t>(2040 + value % 16);
  case 3:
    return static_cast<int64_t>(value % 5000);
  default:
    return static_cast<int64_t>(value % 200000);
  }
}

using Parameter = std::tuple<std::string, int>;

class Conformance : public testing::TestWithParam<Parameter> {
protected:
  std::string kind() const { return std::get<0>(GetParam()); }
  int size() const { return std::get<1>(GetParam()); }
  void SetUp() override {
    if (const std::string why = lacking(kind(), size()); !why.empty())
      GTEST_SKIP() << why;
  }
  Ranks make(Transport::Milliseconds timeout = 30s) { return Ranks(kind(), size(), timeout); }
};

class WithPeers : public Conformance {};
class OfTwo : public Conformance {};

#define EXPECT_OK(expr)                                                                            \
  do {                                                                                             \
    absl::Status expectOk_ = (expr);                                                               \
    EXPECT_TRUE(expectOk_.ok()) << messageOf(expectOk_);                                           \
  } while (false)

bool contains(const absl::Status &status, const std::string &text) {
  return messageOf(status).find(text) != std::string::npos;
}

/// The transports still work: after a re-make, or because nothing was wrong.
void expectWorks(Ranks &ranks) {
  ranks.each([&](Transport &t) {
    std::vector<int64_t> bytes(static_cast<size_t>(t.size()), 8);
    std::vector<int64_t> all(static_cast<size_t>(t.size()), -1);
    int64_t mine = 1000 + t.rank();
    EXPECT_OK(t.allGather(t.tag(77, 7), Traffic::Control, &mine, all.data(), bytes));
    for (int rank = 0; rank < t.size(); ++rank)
      EXPECT_EQ(all[static_cast<size_t>(rank)], 1000 + rank);
  });
}

} // namespace

TEST_P(Conformance, AllToAllAgainstOracle) {
  Ranks ranks = make();
  constexpr int64_t rounds = 25;
  ranks.each([&](Transport &t) {
    int64_t expectedBytes = 0, expectedBlocks = 0;
    for (int64_t round = 0; round < rounds; ++round) {
      std::vector<int64_t> out, in;
      std::vector<uint8_t> sent, expected;
      for (int peer = 0; peer < t.size(); ++peer) {
        out.push_back(randomBytes(round, t.rank(), peer));
        in.push_back(randomBytes(round, peer, t.rank()));
        auto mine = content(round, t.rank(), peer, 0, out.back());
        auto theirs = content(round, peer, t.rank(), 0, in.back());
        sent.insert(sent.end(), mine.begin(), mine.end());
        expected.insert(expected.end(), theirs.begin(), theirs.end());
        if (peer != t.rank()) {
          expectedBytes += out.back();
          expectedBlocks += out.back() > 0;
        }
      }
      std::vector<uint8_t> got(expected.size(), 0xEE);
      ASSERT_OK(
          t.allToAll(t.tag(round, 3), Traffic::Activations, sent.data(), out, got.data(), in));
      ASSERT_EQ(got, expected) << "round " << round;
    }
    TransportCounters counters = t.counters();
    EXPECT_EQ(counters.of(Traffic::Activations).bytes, expectedBytes);
    EXPECT_EQ(counters.of(Traffic::Activations).blocks, expectedBlocks);
    EXPECT_EQ(counters.of(Traffic::Control).bytes, 0);
    ASSERT_OK(t.close());
    EXPECT_FAILS(t.barrier(t.tag(0, 0)), "closed");
  });
}

TEST_P(Conformance, AllGatherAgainstOracle) {
  Ranks ranks = make();
  ranks.each([&](Transport &t) {
    int64_t expectedBytes = 0;
    for (int64_t round = 0; round < 15; ++round) {
      std::vector<int64_t> bytes;
      std::vector<uint8_t> expected;
      size_t place = 0;
      for (int peer = 0; peer < t.size(); ++peer) {
        if (peer == t.rank())
          place = expected.size();
        bytes.push_back(randomBytes(round, peer, 1000));
        auto theirs = content(round, peer, 1000, 0, bytes.back());
        expected.insert(expected.end(), theirs.begin(), theirs.end());
      }
      auto mine = content(round, t.rank(), 1000, 0, bytes[static_cast<size_t>(t.rank())]);
      std::vector<uint8_t> got(expected.size(), 0xEE);
      const uint8_t *from = mine.data();
      if (round % 2) { // in place
        std::copy(mine.begin(), mine.end(), got.begin() + static_cast<long>(place));
        from = got.data() + place;
      }
      ASSERT_OK(t.allGather(t.tag(round, 4), Traffic::DenseGradients, from, got.data(), bytes));
      ASSERT_EQ(got, expected) << "round " << round;
      expectedBytes += bytes[static_cast<size_t>(t.rank())] * (t.size() - 1);
    }
    EXPECT_EQ(t.counters().of(Traffic::DenseGradients).bytes, expectedBytes);
  });
}

// Several blocks for each peer in one exchange, of sizes that the receiver does not know.
TEST_P(Conformance, ExchangeKeepsOrder) {
  Ranks ranks = make();
  ranks.each([&](Transport &t) {
    for (int64_t round = 0; round < 8; ++round) {
      auto blocks = [&](int from, int to) {
        return static_cast<int64_t>(mix(5, static_cast<uint64_t>(round),
                                        static_cast<uint64_t>(from), static_cast<uint64_t>(to)) %
                                    5);
      };
      std::vector<std::vector<uint8_t>> sent, got, expected;
      std::vector<SendBlock> sends;
      std::vector<ReceiveBlock> receives;
      std::vector<int64_t> received;
      sent.reserve(64), got.reserve(64), received.reserve(64);
      for (int64_t index = 0; index < 5; ++index) // interleaves the peers
        for (int peer = t.size() - 1; peer >= 0; --peer) {
          if (index < blocks(t.rank(), peer)) {
            sent.push_back(
                content(round, t.rank(), peer, index, randomBytes(round, t.rank(), peer, index)));
            sends.push_back({peer, sent.back().data(), static_cast<int64_t>(sent.back().size())});
          }
          if (index < blocks(peer, t.rank())) {
            int64_t bytes = randomBytes(round, peer, t.rank(), index);
            expected.push_back(content(round, peer, t.rank(), index, bytes));
            bool known = mix(1, static_cast<uint64_t>(bytes), 2, 3) % 2;
            got.emplace_back(static_cast<size_t>(known ? bytes : bytes + 100), 0xEE);
            received.push_back(known ? bytes : -1);
            receives.push_back({peer, got.back().data(), static_cast<int64_t>(got.back().size()),
                                known ? nullptr : &received.back()});
          }
        }
      ASSERT_OK(t.exchange(t.tag(round, 9), Traffic::RemoteFeatures, sends, receives));
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_EQ(received[i], static_cast<int64_t>(expected[i].size()));
        got[i].resize(expected[i].size());
        ASSERT_EQ(got[i], expected[i]);
      }
    }
  });
}

TEST_P(Conformance, ManySmallMessages) {
  Ranks ranks = make();
  ranks.each([&](Transport &t) {
    int next = (t.rank() + 1) % t.size(), previous = (t.rank() + t.size() - 1) % t.size();
    for (int64_t i = 0; i < 400; ++i) {
      int64_t mine = i * 10 + t.rank(), got = -1;
      SendBlock send{next, &mine, 8};
      ReceiveBlock receive{previous, &got, 8};
      ASSERT_OK(t.exchange(t.tag(i, 1), Traffic::Control, {&send, 1}, {&receive, 1}));
      ASSERT_EQ(got, i * 10 + previous);
    }
  });
}

TEST_P(Conformance, PointToPointFromEveryRankToRankZero) {
  Ranks ranks = make();
  ranks.each([&](Transport &t) {
    for (int64_t bytes : {0, 5, 3000}) {
      if (t.rank() > 0) {
        auto mine = content(bytes, t.rank(), 0, 0, bytes);
        ASSERT_OK(t.send(t.tag(1, 2), Traffic::EmbeddingRows, 0, mine.data(), bytes));
        continue;
      }
      for (int peer = t.size() - 1; peer > 0; --peer) {
        std::vector<uint8_t> got(4000, 0xEE);
        int64_t received = -1;
        ASSERT_OK(
            t.receive(t.tag(1, 2), Traffic::EmbeddingRows, peer, got.data(), 4000, &received));
        got.resize(static_cast<size_t>(received));
        ASSERT_EQ(got, content(bytes, peer, 0, 0, bytes));
      }
    }
    EXPECT_EQ(t.counters().of(Traffic::EmbeddingRows).bytes, t.rank() > 0 ? 3005 : 0);
  });
}

TEST_P(Conformance, BarrierWaitsForAll) {
  Ranks ranks = make();
  std::atomic<int> arrived{0};
  ranks.each([&](Transport &t) {
    for (int round = 1; round <= 20; ++round) {
      ++arrived;
      ASSERT_OK(t.barrier(t.tag(round, 0)));
      EXPECT_GE(arrived.load(), round * t.size());
    }
  });
}

TEST_P(WithPeers, MismatchedTagsNameBothSides) {
  for (int part = 0; part < 3; ++part) {
    Ranks ranks = make(10s);
    auto statuses = ranks.statuses([&](Transport &t) {
      bool odd = t.rank() == t.size() - 1;
      Tag tag = t.tag(part == 0 && odd ? 41 : 40, part == 1 && odd ? 6 : 5);
      std::vector<int64_t> bytes(static_cast<size_t>(t.size()), part == 2 && odd ? 5000 : 4000);
      std::vector<int64_t> in(static_cast<size_t>(t.size()), 4000);
      if (part == 2)
        in[static_cast<size_t>(t.rank())] = bytes[0];
      std::vector<uint8_t> out(20000), got(21000);
      t.setOpNames([](uint32_t op) { return op == 5 ? "merge_paper" : "other"; });
      return t.allToAll(tag, Traffic::Activations, out.data(), bytes, got.data(), in);
    });
    bool named = false;
    for (const absl::Status &status : statuses) {
      EXPECT_FALSE(status.ok());
      if (part == 0)
        named |= contains(status, "step 40, op 5") && contains(status, "step 41, op 5");
      else if (part == 1)
        named |= contains(status, "step 40, op 5") && contains(status, "step 40, op 6");
      else
        named |= contains(status, "bytes, expected 4000");
      EXPECT_TRUE(contains(status, "rank ")) << messageOf(status);
    }
    EXPECT_TRUE(named) << messageOf(statuses[0]);
    // Rank 0 always hears from the odd one, be it by a block or by the reason.
    EXPECT_TRUE(contains(statuses[0], "allToAll of op 5 (merge_paper)")) << messageOf(statuses[0]);
    for (const absl::Status &status : ranks.statuses([](Transport &t) { return t.remake(); }))
      EXPECT_OK(status);
    expectWorks(ranks);
  }
}

TEST_P(Conformance, LocalMistakesEndTheIncarnationToo) {
  Ranks ranks = make(10s);
  auto statuses = ranks.statuses([&](Transport &t) {
    if (t.rank() > 0)
      return t.barrier(t.tag(1, 1));
    return t.send(t.tag(1, 1), Traffic::Control, 9, "x", 1);
  });
  EXPECT_FAILS(statuses[0], "rank 0: send of op 1, step 1: there is no rank 9");
  for (size_t rank = 1; rank < statuses.size(); ++rank)
    EXPECT_FAILS(statuses[rank], "ended by rank 0: send of op 1", "no rank 9");
  for (const absl::Status &status : ranks.statuses([](Transport &t) { return t.remake(); }))
    EXPECT_OK(status);
  Tag old{1, 1, 1};
  EXPECT_FAILS(ranks[0].barrier(old), "the tag's incarnation is 1, the transport's 2");
}

TEST_P(WithPeers, TimeoutNamesWhoIsMissing) {
  Ranks ranks = make(150ms);
  auto begin = std::chrono::steady_clock::now();
  auto statuses = ranks.statuses([&](Transport &t) {
    if (t.rank() == 0)
      return absl::OkStatus();
    std::vector<int64_t> bytes(static_cast<size_t>(t.size()), 4000);
    std::vector<uint8_t> out(20000), got(20000);
    return t.allToAll(t.tag(2, 8), Traffic::Activations, out.data(), bytes, got.data(), bytes);
  });
  auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(took, 140ms);
  EXPECT_LE(took, 3s);
  bool late = false;
  for (size_t rank = 1; rank < statuses.size(); ++rank) {
    EXPECT_FAILS(statuses[rank], "op 8, step 2", "waited 0.15 s for rank 0");
    late |= statuses[rank].code() == absl::StatusCode::kDeadlineExceeded;
  }
  EXPECT_TRUE(late);
  // Rank 0 was busy elsewhere; its next call says what happened.
  EXPECT_FAILS(ranks[0].barrier(ranks[0].tag(3, 9)), "rank 0: barrier of op 9", "ended by rank",
               "waited 0.15 s for rank 0");
  // A re-make needs everybody.
  EXPECT_FAILS(ranks[1].remake(), "rank 1: remake: waited 0.15 s for rank", " 0");
  for (int rank = 0; rank < size(); ++rank)
    ranks[rank].setTimeout(20s);
  for (const absl::Status &status : ranks.statuses([](Transport &t) { return t.remake(); }))
    EXPECT_OK(status);
  expectWorks(ranks);
}

TEST_P(WithPeers, AbortFromAnotherThreadWakesEveryone) {
  Ranks ranks = make();
  std::thread other([&] {
    std::this_thread::sleep_for(100ms);
    ranks[size() - 1].abort(cancelled("the user pressed Ctrl-C"));
  });
  auto begin = std::chrono::steady_clock::now();
  auto statuses = ranks.statuses([&](Transport &t) {
    if (t.rank() == 0)
      return absl::OkStatus();
    std::vector<uint8_t> data(100000);
    return t.rank() == 1 ? t.send(t.tag(1, 1), Traffic::Activations, 0, data.data(), 100000)
                         : t.barrier(t.tag(1, 1));
  });
  other.join();
  EXPECT_LE(std::chrono::steady_clock::now() - begin, 5s);
  std::string by = "ended by rank " + std::to_string(size() - 1) + ": the user pressed Ctrl-C";
  for (size_t rank = 1; rank < statuses.size(); ++rank)
    EXPECT_FAILS(statuses[rank], by.c_str());
  // Rank 0 was not waiting; the news may be on the way.
  ranks[0].setTimeout(5s);
  EXPECT_FAILS(ranks[0].barrier(ranks[0].tag(1, 1)), by.c_str());
}

// What an old incarnation sent and nobody received does not appear in the new one.
TEST_P(Conformance, RemakeBeginsEmpty) {
  Ranks ranks = make();
  if (size() > 1 && kind().rfind("threads", 0) != 0) { // a thread's send waits for its receiver
    int64_t stale = 666;
    ASSERT_OK(ranks[1].send(ranks[1].tag(1, 1), Traffic::Control, 0, &stale, 8));
  }
  for (uint32_t incarnation = 2; incarnation <= 4; ++incarnation) {
    if (incarnation == 3)
      ranks[0].abort(cancelled("a test"));
    for (const absl::Status &status : ranks.statuses([](Transport &t) { return t.remake(); }))
      EXPECT_OK(status);
    for (int rank = 0; rank < size(); ++rank)
      EXPECT_EQ(ranks[rank].incarnation(), incarnation);
    expectWorks(ranks);
  }
}

// Aborts that hit calls in every state; after each, the same transports go on.
TEST_P(WithPeers, AbortAtAnyTime) {
  Ranks ranks = make();
  for (int round = 0; round < 6; ++round) {
    int by = round % size();
    std::thread other([&] {
      std::this_thread::sleep_for(
          std::chrono::microseconds(mix(7, 7, 7, static_cast<uint64_t>(round)) % 12000));
      ranks[by].abort(cancelled("round " + std::to_string(round)));
    });
    ranks.each([&](Transport &t) {
      std::string reason =
          "ended by rank " + std::to_string(by) + ": round " + std::to_string(round);
      absl::Status status;
      for (int64_t step = 0; status.ok(); ++step) {
        std::vector<int64_t> out, in;
        std::vector<uint8_t> sent, expected;
        for (int peer = 0; peer < t.size(); ++peer) {
          out.push_back(randomBytes(step, t.rank(), peer));
          in.push_back(randomBytes(step, peer, t.rank()));
          auto mine = content(step, t.rank(), peer, 0, out.back());
          auto theirs = content(step, peer, t.rank(), 0, in.back());
          sent.insert(sent.end(), mine.begin(), mine.end());
          expected.insert(expected.end(), theirs.begin(), theirs.end());
        }
        std::vector<uint8_t> got(expected.size());
        status = t.allToAll(t.tag(step, 1), Traffic::Activations, sent.data(), out, got.data(), in);
        if (status.ok())
          ASSERT_EQ(got, expected);
      }
      EXPECT_FAILS(status, reason.c_str());
    });
    other.join();
    for (const absl::Status &status : ranks.statuses([](Transport &t) { return t.remake(); }))
      EXPECT_OK(status);
    expectWorks(ranks);
  }
}

TEST_P(WithPeers, LeavingWithoutClosingIsNoticed) {
  for (int leaver : {0, size() - 1}) {
    Ranks ranks = make(10s);
    auto statuses = ranks.statuses([&](Transport &t) {
      if (t.rank() != leaver)
        return t.barrier(t.tag(1, 1));
      std::this_thread::sleep_for(50ms);
      ranks.destroy(leaver);
      return absl::OkStatus();
    });
    std::string who = "rank " + std::to_string(leaver);
    for (int rank = 0; rank < size(); ++rank)
      if (rank != leaver) {
        EXPECT_FAILS(statuses[static_cast<size_t>(rank)], who.c_str(), "without closing");
        EXPECT_FAILS(ranks[rank].remake(), "remake", who.c_str());
      }
  }
}

TEST_P(WithPeers, TwoThreadsAtOnceAreRefused) {
  Ranks ranks = make(10s);
  std::thread waiting([&] { EXPECT_OK(ranks[0].barrier(ranks[0].tag(1, 1))); });
  std::this_thread::sleep_for(100ms);
  EXPECT_FAILS(ranks[0].barrier(ranks[0].tag(1, 1)), "another thread is inside a call");
  inThreads(size(), [&](int rank) {
    if (rank > 0)
      EXPECT_OK(ranks[rank].barrier(ranks[rank].tag(1, 1)));
  });
  waiting.join();
}

TEST_P(Conformance, CloseWaitsForAll) {
  Ranks ranks = make();
  ranks.each([&](Transport &t) {
    std::vector<uint8_t> data(300000, static_cast<uint8_t>(t.rank())), got(300000);
    SendBlock send{(t.rank() + 1) % t.size(), data.data(), 300000};
    int previous = (t.rank() + t.size() - 1) % t.size();
    ReceiveBlock receive{previous, got.data(), 300000};
    std::this_thread::sleep_for(t.rank() * 20ms);
    ASSERT_OK(t.exchange(t.tag(1, 1), Traffic::Activations, {&send, 1}, {&receive, 1}));
    ASSERT_OK(t.close());
    ranks.destroy(t.rank()); // at once, while others may still be in close()
    EXPECT_EQ(got, std::vector<uint8_t>(300000, static_cast<uint8_t>(previous)));
  });
}

TEST_P(OfTwo, SixtyFourMegabytes) {
  Ranks ranks = make();
  constexpr size_t words = size_t(64) << 17;
  ranks.each([&](Transport &t) {
    std::vector<uint64_t> data(words), got(words);
    for (size_t i = 0; i < words; ++i)
      data[i] = i * 3 + static_cast<uint64_t>(t.rank());
    int peer = 1 - t.rank();
    SendBlock send{peer, data.data(), int64_t(words) * 8};
    ReceiveBlock receive{peer, got.data(), int64_t(words) * 8};
    ASSERT_OK(t.exchange(t.tag(1, 1), Traffic::RemoteFeatures, {&send, 1}, {&receive, 1}));
    size_t wrong = 0;
    for (size_t i = 0; i < words; ++i)
      wrong += got[i] != i * 3 + static_cast<uint64_t>(peer);
    EXPECT_EQ(wrong, 0u);
    EXPECT_EQ(t.counters().of(Traffic::RemoteFeatures).bytes, int64_t(64) << 20);
  });
}

// A new transport is one more name here.
const auto kinds = testing::Values("threads", "gloo", "threads_pair", "gloo_pair", "threads_nccl",
                                   "gloo_nccl", "gloo_nccl_stream", "gloo_nccl_gpu");

std::string nameOf(const testing::TestParamInfo<Parameter> &info) {
  return std::get<0>(info.param) + std::to_string(std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Transports, Conformance, testing::Combine(kinds, testing::Range(1, 5)),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Transports, WithPeers, testing::Combine(kinds, testing::Range(2, 5)),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Transports, OfTwo,
                         testing::Combine(testing::Values("threads", "gloo", "gloo_nccl"),
                                          testing::Values(2)),
                         nameOf);
