//===- NcclTransportTest.cpp - what only a transport of NCCL's has ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/transport/Ranks.h"

#include <chrono>
#include <numeric>

using namespace heddle;
using namespace heddle::test;
using namespace heddle::transport;
using namespace std::chrono_literals;

namespace {

/// Sets a variable while it lives.
class Setting {
public:
  Setting(const char *name, const char *value) : name_(name) { setenv(name, value, 1); }
  ~Setting() { unsetenv(name_); }

private:
  const char *name_;
};

/// Bytes in a device's memory, as the driver at hand has it.
class DeviceBytes {
public:
  explicit DeviceBytes(const std::vector<uint8_t> &content) : bytes_(content.size()) {
    fakeDriver().cuMemAlloc_v2(&data_, bytes_);
    fakeDriver().cuMemcpyHtoDAsync_v2(data_, content.data(), bytes_, nullptr);
  }
  ~DeviceBytes() { fakeDriver().cuMemFree_v2(data_); }
  void *data() const { return reinterpret_cast<void *>(data_); }
  std::vector<uint8_t> content() const {
    std::vector<uint8_t> all(bytes_);
    fakeDriver().cuMemcpyDtoHAsync_v2(all.data(), data_, bytes_, nullptr);
    return all;
  }

private:
  size_t bytes_;
  cuda::DevicePointer data_ = 0;
};

std::vector<uint8_t> content(int from, int to, int64_t bytes) {
  std::vector<uint8_t> data(static_cast<size_t>(bytes));
  std::iota(data.begin(), data.end(), static_cast<uint8_t>(from * 31 + to * 7 + bytes));
  return data;
}

/// Everyone's blocks to everyone, also to oneself.
absl::Status tellAll(Transport &t, int64_t step, int64_t bytes) {
  std::vector<int64_t> sizes(size_t(t.size()), bytes);
  std::vector<uint8_t> out(size_t(bytes) * sizes.size(), uint8_t(t.rank())), in(out.size());
  return t.allToAll(t.tag(step, 5), Traffic::Activations, out.data(), sizes, in.data(), sizes);
}

} // namespace

// Blocks of host and device memory in one exchange, of any size, also between a rank of the one and
// a rank of the other, and to oneself.
TEST(NcclTransport, BlocksLieInEitherMemory) {
  for (const char *kind : {"threads_nccl", "gloo_nccl", "threads_nccl_stream"}) {
    Ranks ranks(kind, 3);
    ranks.each([&](Transport &t) {
      ASSERT_TRUE(t.takesDeviceMemory());
      for (int64_t round = 0; round < 4; ++round) {
        std::vector<std::unique_ptr<DeviceBytes>> onDevice;
        std::vector<std::vector<uint8_t>> onHost, wanted;
        onHost.reserve(100);
        std::vector<SendBlock> sends;
        std::vector<ReceiveBlock> receives;
        std::vector<int64_t> received(100, -1);
        std::vector<std::pair<bool, size_t>> places;
        auto device = [&](int rank, int64_t i) { return (rank + i + round) % 2 == 0; };
        int64_t i = 0;
        for (int64_t bytes : {0, 5, 2040, 2041, 70000})
          for (int peer = 0; peer < 3; ++peer, ++i) {
            const bool there = device(t.rank(), i);
            const auto mine = content(t.rank(), peer, bytes);
            auto place = [&](const std::vector<uint8_t> &data) -> void * {
              if (!there)
                return onHost.emplace_back(data).data();
              return onDevice.emplace_back(std::make_unique<DeviceBytes>(data))->data();
            };
            sends.push_back({peer, place(mine), bytes, there});
            const bool known = i % 2;
            const int64_t room = known ? bytes : bytes + 10;
            void *to = place(std::vector<uint8_t>(size_t(room), 0xEE));
            places.push_back({there, there ? onDevice.size() - 1 : onHost.size() - 1});
            receives.push_back({peer, to, room, known ? nullptr : &received[size_t(i)], there});
            wanted.push_back(content(peer, t.rank(), bytes));
          }
        ASSERT_OK(t.exchange(t.tag(round, 1), Traffic::Activations, sends, receives));
        for (size_t k = 0; k < wanted.size(); ++k) {
          auto got =
              places[k].first ? onDevice[places[k].second]->content() : onHost[places[k].second];
          if (k % 2 == 0)
            EXPECT_EQ(received[k], int64_t(wanted[k].size()));
          got.resize(wanted[k].size());
          EXPECT_EQ(got, wanted[k]) << kind << ", block " << k;
        }
      }
      EXPECT_EQ(t.counters().of(Traffic::Activations).bytes, 4 * 2 * (0 + 5 + 2040 + 2041 + 70000));
      ASSERT_OK(t.close());
    });
  }
}

TEST(NcclTransport, OthersRefuseDeviceMemory) {
  Ranks ranks("threads", 1);
  uint8_t byte = 0;
  SendBlock send{0, &byte, 1, true};
  EXPECT_FAILS(ranks[0].exchange(ranks[0].tag(1, 1), Traffic::Control, {&send, 1}, {}),
               "in device memory, which this transport does not take");
}

// An error that NCCL reports later is one of all ranks, names who saw it, and a re-make heals it.
TEST(NcclTransport, AsynchronousErrorsEndTheIncarnation) {
  for (const char *kind : {"gloo_nccl", "threads_nccl_stream"}) {
    std::unique_ptr<Ranks> ranks;
    {
      Setting setting("HEDDLE_NCCL_FAIL", "1:2");
      ranks = std::make_unique<Ranks>(kind, 3);
    }
    auto statuses = ranks->statuses([](Transport &t) {
      t.setOpNames([](uint32_t) { return "merge_paper"; });
      HEDDLE_RETURN_IF_ERROR(tellAll(t, 1, 5000));
      return tellAll(t, 2, 5000);
    });
    EXPECT_EQ(statuses[1].code(), absl::StatusCode::kUnavailable);
    EXPECT_FAILS(statuses[1], "rank 1: allToAll of op 5 (merge_paper), step 2",
                 "NCCL with ranks 0, 2: unhandled system error (2): told to fail");
    for (int rank : {0, 2})
      EXPECT_FAILS(statuses[size_t(rank)], "ended by rank 1: allToAll of op 5", "told to fail");
    for (const auto &status : ranks->statuses([](Transport &t) { return t.remake(); }))
      EXPECT_TRUE(status.ok()) << messageOf(status);
    for (const auto &status : ranks->statuses([](Transport &t) { return tellAll(t, 3, 5000); }))
      EXPECT_TRUE(status.ok()) << messageOf(status);
  }
}

// A device that never ends is given up, and the others need not wait for it.
TEST(NcclTransport, ADeviceThatHangsIsAbortedInTime) {
  for (const char *kind : {"gloo_nccl", "gloo_nccl_stream"}) {
    Setting setting("HEDDLE_NCCL_HANG", "2:1");
    Ranks ranks(kind, 3);
    for (int rank = 0; rank < 3; ++rank)
      ranks[rank].setTimeout(rank == 2 ? 300ms : 20s);
    auto begin = std::chrono::steady_clock::now();
    auto statuses = ranks.statuses([](Transport &t) { return tellAll(t, 4, 9000); });
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
    EXPECT_EQ(statuses[2].code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_FAILS(statuses[2],
                 "rank 2: allToAll of op 5, step 4: waited 0.3 s for ranks 0, 1 (NCCL)");
    for (int rank : {0, 1})
      EXPECT_FAILS(statuses[size_t(rank)], "ended by rank 2: allToAll of op 5, step 4");
  }
}

// What is small and in the host's memory needs no device.
TEST(NcclTransport, SmallBlocksOfTheHostGoWithTheirHeaders) {
  Setting setting("HEDDLE_NCCL_HANG", "0:1");
  Ranks ranks("gloo_nccl", 2, 5s);
  for (const auto &status : ranks.statuses([](Transport &t) { return tellAll(t, 1, 2040); }))
    EXPECT_TRUE(status.ok()) << messageOf(status);
}

TEST(NcclTransport, ACommunicatorThatCannotBeMadeIsSaid) {
  for (auto [name, text] : {std::pair("HEDDLE_NCCL_FAIL", "told to fail"),
                            std::pair("HEDDLE_NCCL_HANG", "waited 0.4 s for ranks 0, 2 (NCCL)")}) {
    Setting setting(name, "1:0");
    auto inner = makeThreadTransports(3);
    std::vector<absl::Status> statuses(3);
    inThreads(3, [&](int rank) {
      auto &transport = inner[size_t(rank)];
      transport->setTimeout(rank == 1 ? 400ms : 20s);
      statuses[size_t(rank)] =
          cuda::makeNcclTransport(std::move(transport), fakeDriver(), doubleOfNccl(), rank)
              .status();
    });
    EXPECT_FAILS(statuses[1], "rank 1: join: ", text);
    for (int rank : {0, 2})
      EXPECT_FAILS(statuses[size_t(rank)], "ended by rank 1: join: ", text);
  }
}

// The one that fails in a re-make may try again, with all others.
TEST(NcclTransport, ARemakeThatFailsMayBeRepeated) {
  Ranks ranks("gloo_nccl", 2);
  {
    Setting setting("HEDDLE_NCCL_FAIL", "0:0");
    for (const auto &status : ranks.statuses([](Transport &t) { return t.remake(); }))
      EXPECT_FAILS(status, "remake", "told to fail");
  }
  for (const auto &status : ranks.statuses([](Transport &t) { return t.remake(); }))
    EXPECT_TRUE(status.ok()) << messageOf(status);
  EXPECT_EQ(ranks[0].incarnation(), 3u);
  EXPECT_EQ(ranks[1].incarnation(), 3u);
  for (const auto &status : ranks.statuses([](Transport &t) { return tellAll(t, 1, 5000); }))
    EXPECT_TRUE(status.ok()) << messageOf(status);
}
