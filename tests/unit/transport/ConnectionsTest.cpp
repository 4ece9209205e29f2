//===- ConnectionsTest.cpp - two lines that end together ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/transport/Ranks.h"

#include <chrono>

using namespace heddle;
using namespace heddle::test;
using namespace heddle::transport;
using namespace std::chrono_literals;

namespace {

class Pairs : public testing::TestWithParam<std::string> {
protected:
  std::vector<ConnectionPair> make(int size, Transport::Milliseconds timeout = 20s) {
    std::vector<ConnectionPair> pairs = makePairs(GetParam(), size);
    for (ConnectionPair &pair : pairs)
      pair.setTimeout(timeout);
    return pairs;
  }
};

/// Everyone's number to everyone.
absl::Status tell(Transport &t, int64_t step, Traffic traffic = Traffic::Activations) {
  std::vector<int64_t> bytes(static_cast<size_t>(t.size()), 8), all(bytes.size(), -1);
  int64_t mine = step * 100 + t.rank();
  absl::Status status = t.allGather(t.tag(step, 7), traffic, &mine, all.data(), bytes);
  if (status.ok())
    for (size_t rank = 0; rank < all.size(); ++rank)
      EXPECT_EQ(all[rank], step * 100 + int64_t(rank));
  return status;
}

void eachRank(std::vector<ConnectionPair> &pairs, const std::function<void(ConnectionPair &)> &fn) {
  inThreads(static_cast<int>(pairs.size()),
            [&](int rank) { fn(pairs[static_cast<size_t>(rank)]); });
}

TEST_P(Pairs, LinesDoNotWaitForEachOther) {
  auto pairs = make(3);
  eachRank(pairs, [&](ConnectionPair &pair) {
    // Two queues, in no order between them.
    std::thread ahead([&] {
      for (int64_t step = 0; step < 200; ++step)
        ASSERT_TRUE(tell(*pair.ahead, step, Traffic::EmbeddingRows).ok());
    });
    for (int64_t step = 0; step < 100; ++step) {
      if (step % 10 == pair.compute->rank())
        std::this_thread::sleep_for(1ms);
      ASSERT_TRUE(tell(*pair.compute, 1000 + step).ok());
    }
    ahead.join();
    TransportCounters counters = pair.counters();
    EXPECT_EQ(counters.of(Traffic::EmbeddingRows).bytes, 200 * 2 * 8);
    EXPECT_EQ(counters.of(Traffic::Activations).bytes, 100 * 2 * 8);
    EXPECT_EQ(counters.of(Traffic::Activations).blocks, 100 * 2);
    EXPECT_TRUE(pair.close().ok());
  });
}

TEST_P(Pairs, AnEndOfOneIsTheEndOfBoth) {
  for (bool throughAhead : {false, true}) {
    auto pairs = make(3);
    eachRank(pairs, [&](ConnectionPair &pair) {
      absl::Status ahead, compute;
      std::thread waiting(
          [&] { ahead = pair.ahead->rank() == 1 ? absl::OkStatus() : tell(*pair.ahead, 1); });
      if (pair.compute->rank() == 1) {
        std::this_thread::sleep_for(100ms);
        (throughAhead ? pair.ahead : pair.compute)->abort(cancelled("no more fuel"));
        waiting.join();
        ahead = tell(*pair.ahead, 1);
        compute = tell(*pair.compute, 1);
      } else {
        compute = tell(*pair.compute, 1);
        waiting.join();
      }
      for (const absl::Status &status : {ahead, compute}) {
        EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
        EXPECT_NE(messageOf(status).find("ended by rank 1: no more fuel"), std::string::npos)
            << status;
      }
    });
    // Again and again, both lines begin anew.
    for (int64_t round = 2; round < 5; ++round)
      eachRank(pairs, [&](ConnectionPair &pair) {
        absl::Status status = pair.remake();
        ASSERT_TRUE(status.ok()) << status;
        EXPECT_EQ(pair.compute->incarnation(), uint32_t(round));
        EXPECT_EQ(pair.ahead->incarnation(), uint32_t(round));
        EXPECT_TRUE(tell(*pair.ahead, round).ok());
        EXPECT_TRUE(tell(*pair.compute, round).ok());
      });
    eachRank(pairs, [](ConnectionPair &pair) { EXPECT_TRUE(pair.close().ok()); });
  }
}

TEST_P(Pairs, ATimeoutOfOneEndsBoth) {
  auto pairs = make(2);
  pairs[0].ahead->setTimeout(200ms);
  eachRank(pairs, [&](ConnectionPair &pair) {
    auto start = std::chrono::steady_clock::now();
    if (pair.ahead->rank() == 0) {
      absl::Status status = tell(*pair.ahead, 1);
      EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
    } else {
      absl::Status status = tell(*pair.compute, 1); // nobody calls it on rank 0
      EXPECT_NE(messageOf(status).find("ended by rank 0: allGather of op 7"), std::string::npos)
          << status;
      EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
    }
  });
}

TEST_P(Pairs, ALineThatIsLeftBehindSaysSo) {
  auto pairs = make(2);
  eachRank(pairs, [&](ConnectionPair &pair) {
    ASSERT_TRUE(pair.compute->remake().ok());
    absl::Status status = tell(*pair.ahead, 1);
    EXPECT_NE(messageOf(status).find("its pair was re-made and this one was not"),
              std::string::npos)
        << status;
    EXPECT_TRUE(tell(*pair.compute, 1).ok()); // it did no harm
    ASSERT_TRUE(pair.ahead->remake().ok());
    EXPECT_TRUE(tell(*pair.ahead, 2).ok());
    EXPECT_TRUE(tell(*pair.compute, 2).ok());
  });
}

TEST_P(Pairs, WhoLeavesWithoutClosingEndsBoth) {
  auto pairs = make(3);
  eachRank(pairs, [&](ConnectionPair &pair) {
    if (pair.compute->rank() == 2) {
      std::this_thread::sleep_for(50ms);
      pair.compute.reset();
      pair.ahead.reset();
      return;
    }
    absl::Status status = tell(*pair.ahead, 1);
    EXPECT_NE(messageOf(status).find("rank 2"), std::string::npos) << status;
    EXPECT_NE(messageOf(status).find("without closing"), std::string::npos) << status;
    EXPECT_FALSE(tell(*pair.compute, 1).ok());
  });
}

TEST_P(Pairs, OneRankAlone) {
  auto pairs = make(1);
  EXPECT_TRUE(tell(*pairs[0].compute, 1).ok());
  EXPECT_TRUE(tell(*pairs[0].ahead, 1).ok());
  EXPECT_TRUE(pairs[0].remake().ok());
  EXPECT_TRUE(tell(*pairs[0].ahead, 2).ok());
  EXPECT_TRUE(pairs[0].close().ok());
}

INSTANTIATE_TEST_SUITE_P(Transports, Pairs, testing::Values("threads", "gloo", "gloo_nccl"),
                         [](const auto &info) { return info.param; });

} // namespace
