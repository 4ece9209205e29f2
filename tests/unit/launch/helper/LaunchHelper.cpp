//===- LaunchHelper.cpp - a launcher and its workers -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// launch_helper supervise WORKERS TIMEOUT_MS SCENARIO [ARG]   starts itself as workers
// launch_helper worker TIMEOUT_MS SCENARIO [ARG]              one worker, told by the environment
//
//===----------------------------------------------------------------------===//
#include "runtime/launch/LaunchEnvironment.h"
#include "runtime/launch/Supervisor.h"
#include "runtime/launch/WorkerLink.h"
#include "runtime/transport/GlooTransport.h"
#include "runtime/transport/Join.h"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <unistd.h>

using namespace heddle;
using namespace heddle::launch;
using namespace heddle::transport;

namespace {

int complain(const absl::Status &status) {
  std::fprintf(stderr, "%s\n", messageOf(status).c_str());
  return exitCodeOf(status);
}

absl::Status exchangeRows(Transport &t, int64_t step) {
  std::vector<int64_t> bytes(static_cast<size_t>(t.size()), 4096);
  std::vector<int64_t> out(static_cast<size_t>(t.size()) * 512), in(out.size());
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = step * 1000000 + t.rank() * 10000 + static_cast<int64_t>(i / 512);
  HEDDLE_RETURN_IF_ERROR(
      t.allToAll(t.tag(step, 5), Traffic::Activations, out.data(), bytes, in.data(), bytes));
  for (size_t i = 0; i < in.size(); ++i)
    if (in[i] != step * 1000000 + static_cast<int64_t>(i / 512) * 10000 + t.rank())
      return internalError("wrong bytes");
  return absl::OkStatus();
}

int work(std::chrono::milliseconds timeout, const std::string &scenario, int argument) {
  auto environment = readLaunchEnvironment(processEnvironment());
  if (!environment.ok())
    return complain(environment.status());
  int rank = environment->rank;
  auto link = WorkerLink::fromEnvironment();
  if (!link.ok())
    return complain(link.status());
  auto activity = [&](const std::string &text) {
    if (*link)
      (*link)->setActivity(text);
  };
  if (scenario == "talk") {
    std::printf("out of %d\nunended", rank);
    std::fflush(stdout);
    std::fprintf(stderr, "\nerr of %d\n", rank);
    return 0;
  }
  if (scenario == "exit" && rank == argument) {
    activity("reading the plan");
    return 3;
  }
  if (scenario == "tell") { // of the last rank's failure the others only saw the end
    bool cause = rank + 1 == environment->workers;
    if (cause) // the consequence is told first
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (*link)
      (*link)->setFailure(cause ? 3 : 1, cause ? "x.npy: is cut off" : "rank 0: ended by rank 2");
    return cause ? 2 : 1;
  }
  if (scenario == "saving") { // takes longer to end than the timeout
    static std::atomic<bool> asked{false};
    std::signal(SIGINT, [](int) { asked = true; });
    std::printf("ready %d\n", rank);
    std::fflush(stdout);
    while (!asked)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::this_thread::sleep_for(timeout * 3);
    return rank == 0 ? 130 : 0;
  }
  if (scenario == "stubborn" || scenario == "exit") {
    if (scenario == "stubborn")
      for (int signal : {SIGINT, SIGTERM})
        std::signal(signal, SIG_IGN);
    if (rank == 0) {
      std::puts("ready");
      std::fflush(stdout);
    }
    while (true)
      pause();
  }
  auto made = makeGlooTransport(environment->address, rank, environment->workers);
  if (!made.ok())
    return complain(made.status());
  Transport &t = **made;
  t.setTimeout(timeout);
  JoinInfo info;
  info.planHash = scenario == "mismatch" && rank == argument ? "0bad" : "900d";
  info.graphFingerprint = "f00d";
  info.partitions = environment->workers;
  info.cpuLevels = {"x86-64-v3", "x86-64-v2"};
  if (rank == argument)
    info.cpuLevels = {"x86-64-v2"};
  auto agreed = joinWorkers(t, info);
  if (!agreed.ok()) {
    (void)t.close();
    return complain(agreed.status());
  }
  for (int64_t step = 0; scenario == "loop" || step < 20; ++step) {
    activity("op 5, step " + std::to_string(step));
    if (absl::Status status = exchangeRows(t, step); !status.ok()) {
      if (*link)
        (*link)->setFailure(1, messageOf(status));
      return complain(status);
    }
    if (rank == 0 && step == 3) {
      std::puts("ready");
      std::fflush(stdout);
    }
    if (scenario == "loop")
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (t.counters().of(Traffic::Activations).bytes != 20 * 4096 * (t.size() - 1))
    return complain(internalError("wrong byte count"));
  if (absl::Status status = t.close(); !status.ok())
    return complain(status);
  std::printf("rank %d done, %s, %s\n", rank, agreed->cpuLevel.c_str(),
              environment->description.c_str());
  return 0;
}

int supervise(int workers, const char *timeout, std::vector<std::string> scenario) {
  LaunchOptions options;
  options.workers = workers;
  options.timeout = std::chrono::milliseconds(std::atoi(timeout));
  options.grace = std::chrono::milliseconds(250);
  if (scenario[0] == "saving")
    options.signalGrace = std::chrono::minutes(1);
  options.arguments = {"launch_helper", "worker", timeout};
  options.arguments.insert(options.arguments.end(), scenario.begin(), scenario.end());
  auto result = superviseWorkers(options);
  if (!result.ok())
    return complain(result.status());
  std::printf("supervisor: exit %d, failed rank %d: %s\n", result->exitCode, result->failedRank,
              result->failure.c_str());
  return result->exitCode;
}

} // namespace

int main(int argc, char **argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() >= 4 && arguments[0] == "supervise")
    return supervise(std::atoi(argv[2]), argv[3], {arguments.begin() + 3, arguments.end()});
  if (arguments.size() >= 3 && arguments[0] == "worker")
    return work(std::chrono::milliseconds(std::atoi(argv[2])), arguments[2],
                arguments.size() > 3 ? std::atoi(argv[4]) : -1);
  return 2;
}
