//===- PeerBlocksTest.cpp - blocks of an exchange of many terms -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/PeerBlocks.h"
#include "runtime/transport/ThreadTransport.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>

using namespace heddle;
using namespace heddle::exec;

namespace {

const int64_t most = PeerBlocks::packedBytes;

/// How the terms of an exchange are handed over.
enum class How { Send, Write, Same };

/// bytes[from][to][term], and what each byte is.
using Sizes = std::vector<std::vector<std::vector<int64_t>>>;
char byteOf(size_t from, size_t to, size_t term, size_t i) {
  return static_cast<char>(from * 31 + to * 7 + term * 3 + i);
}

void exchange(transport::Transport &transport, const Sizes &sizes, How how, bool packs,
              int64_t step, size_t &blocks) {
  const size_t me = static_cast<size_t>(transport.rank()), q = sizes.size(),
               terms = sizes[0][0].size();
  auto sourceOf = [&](size_t from, size_t to) { return how == How::Same ? from : to; };
  std::vector<std::vector<std::vector<char>>> out(q), in(q);
  int64_t outPacked = 0, inPacked = 0;
  for (size_t b = 0; b < q; ++b)
    for (size_t t = 0; t < terms; ++t) {
      out[b].emplace_back(static_cast<size_t>(sizes[me][b][t]));
      in[b].emplace_back(static_cast<size_t>(sizes[b][me][t]), char(0x55));
      outPacked += b == me ? 0 : PeerBlocks::packed(sizes[me][b][t]);
      inPacked += b == me ? 0 : PeerBlocks::packed(sizes[b][me][t]);
    }
  std::vector<char> outbox(static_cast<size_t>(packs ? outPacked : 0)),
      inbox(static_cast<size_t>(packs ? inPacked : 0));
  PeerBlocks peers;
  peers.reserve(q * (terms + 1));
  peers.start(packs, outbox.data(), inbox.data());
  std::vector<std::vector<const char *>> parts(q, std::vector<const char *>(terms));
  bool sent = false;
  for (size_t b = 0; b < q; ++b) {
    if (b == me)
      continue;
    peers.peer(static_cast<int>(b));
    if (how == How::Same && sent)
      peers.sendAgain();
    for (size_t t = 0; t < terms; ++t) {
      std::vector<char> &block = out[b][t];
      auto fill = [&](char *to) {
        for (size_t i = 0; i < block.size(); ++i)
          to[i] = byteOf(me, sourceOf(me, b), t, i);
      };
      const int64_t bytes = static_cast<int64_t>(block.size());
      if (how == How::Write)
        fill(static_cast<char *>(peers.write(block.data(), bytes)));
      else if (how == How::Send || !sent) {
        fill(block.data());
        peers.send(block.data(), bytes);
      }
      if (t % 2)
        peers.receiveInto(in[b][t].data(), sizes[b][me][t]);
      else
        parts[b][t] =
            static_cast<const char *>(peers.receive(in[b][t].data(), sizes[b][me][t]));
    }
    sent = true;
  }
  blocks = peers.sends().size();
  const absl::Status status =
      transport.exchange(transport.tag(step, 1), transport::Traffic::EmbeddingRows, peers.sends(),
                         peers.receives());
  ASSERT_TRUE(status.ok()) << status;
  peers.unpack();
  uint64_t bytes = 0;
  for (size_t b = 0; b < q; ++b)
    for (size_t t = 0; b != me && t < terms; ++t) {
      bytes += static_cast<uint64_t>(sizes[me][b][t]);
      const char *got = t % 2 ? in[b][t].data() : parts[b][t];
      for (size_t i = 0; i < in[b][t].size(); ++i)
        ASSERT_EQ(got[i], byteOf(b, sourceOf(b, me), t, i)) << b << " " << t << " " << i;
    }
  EXPECT_EQ(peers.sentBytes(), bytes);
}

void run(const Sizes &sizes, How how, bool packs, int64_t step, std::vector<size_t> &blocks) {
  auto lines = transport::makeThreadLines(static_cast<int>(sizes.size()), 1);
  std::vector<std::thread> threads;
  blocks.assign(sizes.size(), 0);
  for (size_t r = 0; r < sizes.size(); ++r)
    threads.emplace_back(
        [&, r] { exchange(*lines[r][0], sizes, how, packs, step, blocks[r]); });
  for (std::thread &thread : threads)
    thread.join();
}

TEST(PeerBlocks, WhatIsSmallTravelsInOneBlock) {
  std::vector<size_t> blocks;
  Sizes small(3, std::vector<std::vector<int64_t>>(3, {8, 0, most, 40}));
  run(small, How::Send, true, 1, blocks);
  EXPECT_EQ(blocks, (std::vector<size_t>{2, 2, 2}));
  run(small, How::Send, false, 2, blocks);
  EXPECT_EQ(blocks, (std::vector<size_t>{8, 8, 8}));
  Sizes mixed(3, std::vector<std::vector<int64_t>>(3, {most + 1, 16, most + 4, 0}));
  run(mixed, How::Write, true, 3, blocks);
  EXPECT_EQ(blocks, (std::vector<size_t>{6, 6, 6}));
  Sizes large(2, std::vector<std::vector<int64_t>>(2, {most + 1, most + 1}));
  run(large, How::Same, true, 4, blocks);
  EXPECT_EQ(blocks, (std::vector<size_t>{2, 2})) << "and no packed block that is empty";
}

TEST(PeerBlocks, BytesArriveWhateverTheirSizes) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 60; ++round) {
    const size_t q = 2 + random() % 3, terms = 1 + random() % 6;
    const How how = How(random() % 3);
    Sizes sizes(q, std::vector<std::vector<int64_t>>(q, std::vector<int64_t>(terms)));
    for (size_t from = 0; from < q; ++from)
      for (size_t t = 0; t < terms; ++t)
        for (size_t to = 0; to < q; ++to) {
          const int64_t size = random() % 4 == 0   ? 0
                               : random() % 3 == 0 ? most - 4 + int64_t(random() % 9)
                                                   : int64_t(random() % 3000);
          sizes[from][to][t] = how == How::Same && to > 0 ? sizes[from][0][t] : size;
        }
    std::vector<size_t> blocks;
    run(sizes, how, terms > 1, round, blocks);
  }
}

} // namespace
