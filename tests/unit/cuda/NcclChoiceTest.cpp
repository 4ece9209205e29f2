//===- NcclChoiceTest.cpp - which way collectives of GPUs go ---------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/NcclChoice.h"

#include "runtime/cuda/Nccl.h"

#include <cstring>
#include <gtest/gtest.h>
#include <vector>

namespace heddle::cuda {
namespace {

RankFacts rank(TransportChoice choice, uint64_t process, unsigned char device, int nccl = 22809) {
  RankFacts facts;
  facts.choice = choice;
  facts.process = process;
  facts.device[0] = device;
  facts.nccl = nccl;
  std::strcpy(facts.problem, nccl ? "" : "NCCL: not here");
  return facts;
}

std::string errorOf(const std::vector<RankFacts> &ranks) {
  return messageOf(chooseTransport(ranks).status());
}

TEST(NcclChoice, AutoTakesNcclWhereEachHasItsOwn) {
  constexpr auto way = TransportChoice::Auto;
  auto verdict = chooseTransport(std::vector{rank(way, 1, 1), rank(way, 2, 2), rank(way, 3, 3)});
  ASSERT_TRUE(verdict.ok());
  EXPECT_TRUE(verdict->nccl);
  EXPECT_FALSE(verdict->apart);
  EXPECT_EQ(verdict->remark, "");
  struct Case {
    std::vector<RankFacts> ranks;
    const char *why;
  };
  for (const Case &c :
       {Case{{rank(way, 1, 1), rank(way, 2, 2), rank(way, 3, 1)}, "ranks 0 and 2 share a GPU"},
        Case{{rank(way, 1, 1), rank(way, 2, 2), rank(way, 2, 3)}, "ranks 1 and 2 share a process"},
        Case{{rank(way, 1, 1), rank(way, 2, 2, 0)}, "rank 1: NCCL: not here"},
        Case{{rank(way, 1, 1), rank(way, 2, 2, 22005)},
             "rank 0 has NCCL 2.28.9, rank 1 NCCL 2.20.5"}}) {
    verdict = chooseTransport(c.ranks);
    ASSERT_TRUE(verdict.ok());
    EXPECT_FALSE(verdict->nccl);
    EXPECT_NE(verdict->remark.find("through the host's memory, not by NCCL: " + std::string(c.why)),
              std::string::npos)
        << verdict->remark;
  }
  std::vector<RankFacts> many;
  for (int i = 0; i < 300; ++i) {
    many.push_back(rank(way, uint64_t(i), (unsigned char)(i)));
    many.back().device[1] = (unsigned char)(i >> 8);
  }
  verdict = chooseTransport(many);
  ASSERT_TRUE(verdict.ok());
  EXPECT_FALSE(verdict->nccl);
  EXPECT_NE(verdict->remark.find("at most 256 partitions, and there are 300"), std::string::npos);
}

TEST(NcclChoice, WhoInsistsGetsNcclOrAnError) {
  constexpr auto way = TransportChoice::Nccl;
  auto verdict = chooseTransport(std::vector{rank(way, 1, 1), rank(way, 2, 1)});
  ASSERT_TRUE(verdict.ok());
  EXPECT_TRUE(verdict->nccl);
  EXPECT_TRUE(verdict->apart);
  EXPECT_NE(verdict->remark.find("ranks 0 and 1 share a GPU"), std::string::npos);
  // Threads of one process, each with a GPU: NCCL takes that.
  verdict = chooseTransport(std::vector{rank(way, 1, 1), rank(way, 1, 2)});
  ASSERT_TRUE(verdict.ok());
  EXPECT_TRUE(verdict->nccl);
  EXPECT_FALSE(verdict->apart);
  EXPECT_NE(errorOf({rank(way, 1, 1), rank(way, 1, 1)}).find("share a GPU and a process"),
            std::string::npos);
  EXPECT_NE(errorOf({rank(way, 1, 1), rank(way, 2, 2, 0)})
                .find("--transport nccl: rank 1: NCCL: not here"),
            std::string::npos);
  EXPECT_NE(errorOf({rank(way, 1, 1), rank(way, 2, 2, 21700)}).find("NCCL 2.17.0"),
            std::string::npos);
}

TEST(NcclChoice, TheHostsMemoryNeedsNothing) {
  constexpr auto way = TransportChoice::Host;
  auto verdict = chooseTransport(std::vector{rank(way, 1, 1, 0), rank(way, 1, 1, 0)});
  ASSERT_TRUE(verdict.ok());
  EXPECT_FALSE(verdict->nccl);
  EXPECT_EQ(verdict->remark, "");
  EXPECT_NE(errorOf({rank(way, 1, 1), rank(TransportChoice::Auto, 2, 2)})
                .find("another --transport than rank 0"),
            std::string::npos);
}

TEST(Nccl, WhatCannotBeLoadedIsSaid) {
  auto none = Nccl::load("/nowhere/libnccl.so.2");
  ASSERT_FALSE(none.ok());
  for (const char *text :
       {"/nowhere/libnccl.so.2", "NCCL 2.14 or later", "LD_LIBRARY_PATH", "--transport host"})
    EXPECT_NE(messageOf(none.status()).find(text), std::string::npos) << messageOf(none.status());
  auto other = Nccl::load("libm.so.6"); // some library
  ASSERT_FALSE(other.ok());
  EXPECT_NE(messageOf(other.status()).find("of an unknown version and has no ncclGetVersion"),
            std::string::npos)
      << messageOf(other.status());
}

// The library itself, which loads without a device.
TEST(Nccl, IsFoundWhereItIsInstalled) {
  auto found = Nccl::get();
  if (!found.ok())
    GTEST_SKIP() << messageOf(found.status());
  EXPECT_GE((*found)->version, ncclOldest);
  EXPECT_NE((*found)->words(ncclFailedSystem, nullptr).find("(2)"), std::string::npos);
}

} // namespace
} // namespace heddle::cuda
