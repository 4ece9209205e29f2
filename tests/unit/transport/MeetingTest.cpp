//===- MeetingTest.cpp - workers find each other, or are refused -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/transport/Join.h"
#include "runtime/transport/Socket.h"
#include "tests/unit/transport/Ranks.h"

#include <arpa/inet.h>
#include <chrono>
#include <sys/socket.h>

using namespace heddle;
using namespace heddle::test;
using namespace heddle::transport;
using namespace std::chrono_literals;

namespace {

JoinInfo infoOf(std::vector<std::string> levels = {"x86-64-v4", "x86-64-v3", "x86-64-v2"}) {
  JoinInfo info;
  info.planHash = "aaaa";
  info.graphFingerprint = "bbbb";
  info.partitions = 4;
  info.cpuLevels = std::move(levels);
  return info;
}

class Meeting : public testing::TestWithParam<std::string> {};

} // namespace

TEST_P(Meeting, AgreesOnTheLowestCommonLevel) {
  Ranks ranks(GetParam(), 3);
  ranks.each([&](Transport &t) {
    auto levels = infoOf().cpuLevels;
    levels.erase(levels.begin(), levels.begin() + (t.rank() == 1 ? 1 : 0));
    auto agreed = joinWorkers(t, infoOf(levels));
    ASSERT_TRUE(agreed.ok()) << messageOf(agreed.status());
    EXPECT_EQ(agreed->cpuLevel, "x86-64-v3");
    ASSERT_OK(t.barrier(t.tag(0, 0)));
    EXPECT_EQ(t.counters().of(Traffic::Activations).bytes, 0);
  });
}

TEST_P(Meeting, RefusesWithFieldAndValues) {
  struct Case {
    const char *text;
    void (*spoil)(JoinInfo &);
  };
  for (const Case &c : {
           Case{"plan hash: rank 0 has aaaa, rank 2 has cccc; give all workers the same plan",
                [](JoinInfo &info) { info.planHash = "cccc"; }},
           Case{"graph fingerprint: rank 0 has bbbb, rank 2 has dddd; give all workers the same "
                "graph",
                [](JoinInfo &info) { info.graphFingerprint = "dddd"; }},
           Case{"number of partitions: rank 0 has 4, rank 2 has 2",
                [](JoinInfo &info) { info.partitions = 2; }},
           Case{"protocol version: rank 0 has 1, rank 2 has 9",
                [](JoinInfo &info) { info.protocol = 9; }},
           Case{
               "no CPU level is common to all: rank 0 runs x86-64-v4, x86-64-v3, x86-64-v2; rank 1 "
               "runs x86-64-v4, x86-64-v3, x86-64-v2; rank 2 runs aarch64; recompile",
               [](JoinInfo &info) { info.cpuLevels = {"aarch64"}; }},
       }) {
    Ranks ranks(GetParam(), 3);
    ranks.each([&](Transport &t) {
      JoinInfo info = infoOf();
      if (t.rank() == 2)
        c.spoil(info);
      auto agreed = joinWorkers(t, info);
      EXPECT_FAILS(agreed, "the workers do not fit together", c.text);
      EXPECT_EQ(agreed.status().code(), absl::StatusCode::kFailedPrecondition);
      ASSERT_OK(t.close()); // the transport itself is fine
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Transports, Meeting, testing::Values("threads", "gloo"),
                         [](const auto &info) { return info.param; });

TEST(Address, Parse) {
  for (const char *good : {"unix:@job-1", "tcp:127.0.0.1:29500", "tcp:[::1]:1", "tcp:node:65535"})
    EXPECT_EQ(valueOf(parseAddress(good)).text(), good);
  for (const char *bad : {"", "unix:", "unix:@", "tcp:", "tcp:host", "tcp:host:", "tcp:host:0",
                          "tcp:host:65536", "tcp::5", "udp:host:5", "tcp:host:5x"})
    EXPECT_FAILS(parseAddress(bad), "address '", "write tcp:HOST:PORT or unix:@NAME");
  EXPECT_FAILS(parseAddress("unix:@" + std::string(200, 'x')), "106 bytes");
}

TEST(Gloo, MeetsOverTcp) {
  int port = 0;
  {
    FileDescriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(at);
    ASSERT_EQ(bind(fd.get(), reinterpret_cast<sockaddr *>(&at), length), 0);
    ASSERT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr *>(&at), &length), 0);
    port = ntohs(at.sin_port);
  }
  std::string address = "tcp:127.0.0.1:" + std::to_string(port);
  for (int again = 0; again < 2; ++again) // the port is free at once after the first job
    inThreads(2, [&](int rank) {
      auto made = makeGlooTransport(address, rank, 2, 20s);
      ASSERT_TRUE(made.ok()) << messageOf(made.status());
      Transport &t = **made;
      ASSERT_OK(t.barrier(t.tag(0, 0)));
      if (rank == 0)
        EXPECT_FAILS(makeGlooTransport(address, 0, 2, 1s), address.c_str(), "in use",
                     "another port");
      ASSERT_OK(t.barrier(t.tag(1, 0)));
      ASSERT_OK(t.close());
    });
}

TEST(Gloo, NamesWhoDoesNotCome) {
  std::string address = freshAddress();
  inThreads(4, [&](int rank) {
    if (rank == 1 || rank == 3)
      return;
    auto made = makeGlooTransport(address, rank, 4, rank == 0 ? 500ms : 20000ms);
    if (rank == 0)
      EXPECT_FAILS(made, "rank 0: join: waited 0.5 s for ranks ", "1, ", "3");
    else // rank 0 has given up, and says so
      EXPECT_FAILS(made, "rank 2: join: ", "rank 0");
  });
  auto begin = std::chrono::steady_clock::now();
  EXPECT_FAILS(makeGlooTransport(address, 1, 2, 300ms),
               "rank 1: join: rank 0 is not there: nobody listens at unix:@heddle-test");
  EXPECT_LE(std::chrono::steady_clock::now() - begin, 2s);
  EXPECT_FAILS(makeGlooTransport("tcp:no.such.host.invalid:1", 1, 2, 300ms),
               "no.such.host.invalid");
}

TEST(Gloo, RefusesStrangers) {
  std::string address = freshAddress();
  std::atomic<int> done{0};
  inThreads(4, [&](int thread) {
    if (thread < 2) {
      auto made = makeGlooTransport(address, thread, 2, 20s);
      ASSERT_TRUE(made.ok()) << messageOf(made.status());
      while (done < 2)
        std::this_thread::sleep_for(1ms);
      ASSERT_OK((*made)->close());
      return;
    }
    std::this_thread::sleep_for(50ms);
    if (thread == 2) {
      EXPECT_FAILS(makeGlooTransport(address, 1, 3, 5s), "rank 0 refuses this worker",
                   "as one of 3 workers, rank 0 as one of 2");
      EXPECT_FAILS(makeGlooTransport(address, 1, 2, 5s), "rank 1 has joined already");
    } else {
      // Noise, and frames that promise more than they hold.
      for (std::string noise :
           {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(64, '\xff'), std::string(9, '\0'),
            std::string("\x02\0\0\0\x04\0\0\0abcd", 12)}) {
        auto fd = connectTo(valueOf(parseAddress(address)), std::chrono::steady_clock::now() + 5s);
        ASSERT_TRUE(fd.ok());
        EXPECT_EQ(::send(fd->get(), noise.data(), noise.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(noise.size()));
      }
    }
    ++done;
  });
}
