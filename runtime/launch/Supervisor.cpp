//===- Supervisor.cpp - starts workers, ends them together -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/launch/Supervisor.h"

#include "runtime/launch/ChildProcess.h"
#include "runtime/launch/LaunchEnvironment.h"
#include "runtime/launch/WorkerLink.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <poll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace heddle::launch {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

std::string WorkerEnd::describe() const {
  std::string text = name;
  if (hung)
    text += std::string(" ") + (stopped ? "was stopped by a signal" : "stopped answering") +
            " and was killed";
  else if (exitCode < 0)
    text += " was ended by signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
  else
    text += " ended with exit code " + std::to_string(exitCode);
  return activity.empty() ? text : text + ", last in '" + activity + "'";
}

namespace {

struct Worker {
  WorkerEnd end;
  ChildProcess process;
  bool running = true;
  bool stopped = false; ///< by a signal, and not continued
  int order = 0;        ///< which one of the workers it was to end
  uint64_t beats = 0;
  Clock::time_point heard;
  std::string line; ///< output without its newline so far
};

class Supervisor {
public:
  explicit Supervisor(const LaunchOptions &options)
      : options_(options),
        interval_(std::clamp(options.timeout / 20, Milliseconds(10), Milliseconds(1000))) {}
  ~Supervisor();

  absl::Status start();
  LaunchResult run();

private:
  absl::Status shareMemory();
  std::vector<std::string> environmentOf(int rank) const;
  bool anyRunning() const {
    return std::any_of(workers_.begin(), workers_.end(), [](const Worker &w) { return w.running; });
  }
  void sendAll(int signal) {
    for (Worker &worker : workers_)
      if (worker.running)
        kill(worker.process.pid, signal);
  }
  void takeSignals();
  void reap(Clock::time_point now);
  void listen(Clock::time_point now);
  void hang(Worker &worker, Clock::time_point now);
  void escalate(Clock::time_point now);
  void copyOutput(Worker &worker);
  void printLines(Worker &worker, bool all);
  const Worker *firstFailure() const;
  std::string sayFailure(const Worker &first) const;

  const LaunchOptions &options_;
  const Milliseconds interval_;
  std::vector<Worker> workers_;
  FileDescriptor signals_, memory_;
  LinkSlot *slots_ = nullptr;
  size_t sharedBytes_ = 0;
  sigset_t oldMask_{};
  struct sigaction oldChild_ {};
  bool masked_ = false;
  std::string address_;

  // The end comes in stages: the others' own end, SIGTERM, SIGKILL.
  enum class Stage { Running, Settling, Terminated, Killed } stage_ = Stage::Running;
  Clock::time_point stageEnds_;
  int ended_ = 0;
  int passedOn_ = 0; ///< the first signal that was passed on
};

Supervisor::~Supervisor() {
  for (Worker &worker : workers_)
    if (worker.running && worker.process.pid > 0) {
      kill(worker.process.pid, SIGKILL);
      while (waitpid(worker.process.pid, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
  if (slots_)
    munmap(slots_, sharedBytes_);
  if (masked_) {
    sigaction(SIGCHLD, &oldChild_, nullptr);
    pthread_sigmask(SIG_SETMASK, &oldMask_, nullptr);
  }
}

absl::Status Supervisor::shareMemory() {
  sharedBytes_ = sizeof(LinkSlot) * static_cast<size_t>(options_.workers);
  memory_ = FileDescriptor(memfd_create("heddle-link", MFD_CLOEXEC));
  if (!memory_.valid() || ftruncate(memory_.get(), static_cast<off_t>(sharedBytes_)) != 0)
    return unavailable(std::string("cannot share memory with workers: ") + std::strerror(errno));
  void *at = mmap(nullptr, sharedBytes_, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
  if (at == MAP_FAILED)
    return unavailable(std::string("cannot share memory with workers: ") + std::strerror(errno));
  slots_ = static_cast<LinkSlot *>(at);
  for (int rank = 0; rank < options_.workers; ++rank)
    new (slots_ + rank) LinkSlot();
  return absl::OkStatus();
}

std::vector<std::string> Supervisor::environmentOf(int rank) const {
  std::vector<std::pair<std::string, std::string>> added = options_.environment;
  added.emplace_back(rankVariable, std::to_string(rank));
  added.emplace_back(workersVariable, std::to_string(options_.workers));
  added.emplace_back(addressVariable, address_);
  added.emplace_back(linkVariable, std::to_string(memory_.get()) + ":" +
                                       std::to_string(sharedBytes_) + ":" +
                                       std::to_string(interval_.count()));
  return environmentWith(added);
}

absl::Status Supervisor::start() {
  if (options_.workers < 1 || options_.arguments.empty())
    return invalidArgument("a launch needs at least one worker and a program name");
  HEDDLE_RETURN_IF_ERROR(shareMemory());
  uint64_t random[2] = {};
  if (getrandom(random, sizeof(random), 0) != sizeof(random))
    return unavailable(std::string("no random name for the job: ") + std::strerror(errno));
  char name[64];
  std::snprintf(name, sizeof(name), "unix:@heddle-%016llx%016llx",
                static_cast<unsigned long long>(random[0]),
                static_cast<unsigned long long>(random[1]));
  address_ = name;

  sigset_t taken;
  sigemptyset(&taken);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD})
    sigaddset(&taken, signal);
  pthread_sigmask(SIG_BLOCK, &taken, &oldMask_);
  // An inherited SIG_IGN would reap the workers before they can be asked how they ended.
  struct sigaction reap {};
  reap.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &reap, &oldChild_);
  masked_ = true;
  signals_ = FileDescriptor(signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid())
    return unavailable(std::string("cannot wait for signals: ") + std::strerror(errno));

  workers_.reserve(static_cast<size_t>(options_.workers));
  for (int rank = 0; rank < options_.workers; ++rank) {
    ChildOptions child;
    child.program = options_.program;
    child.arguments = options_.arguments;
    child.environment = environmentOf(rank);
    child.keep = memory_.get();
    child.captureOutput = rank > 0;
    child.mask = oldMask_;
    auto process = startChild(child);
    if (!process.ok())
      return withPrefix(process.status(), "rank " + std::to_string(rank) + ": ");
    Worker worker;
    worker.end.rank = rank;
    worker.end.name = static_cast<size_t>(rank) < options_.names.size()
                          ? options_.names[static_cast<size_t>(rank)]
                          : "rank " + std::to_string(rank);
    worker.process = std::move(process).value();
    worker.heard = Clock::now();
    workers_.push_back(std::move(worker));
  }
  return absl::OkStatus();
}

void Supervisor::takeSignals() {
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    int signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGCHLD)
      continue;
    if (passedOn_) { // the user insists
      sendAll(SIGKILL);
      stage_ = Stage::Killed;
      continue;
    }
    passedOn_ = signal;
    // A terminal sends its signals to the workers itself.
    if (info.ssi_code != SI_KERNEL)
      sendAll(signal);
    if (stage_ == Stage::Running) {
      stage_ = Stage::Settling;
      stageEnds_ = Clock::now() +
                   (options_.signalGrace.count() > 0 ? options_.signalGrace : options_.timeout);
    }
  }
}

void Supervisor::reap(Clock::time_point now) {
  for (Worker &worker : workers_) {
    int status = 0;
    while (worker.running &&
           waitpid(worker.process.pid, &status, WNOHANG | WUNTRACED | WCONTINUED) > 0) {
      if (WIFSTOPPED(status) || WIFCONTINUED(status)) {
        worker.stopped = WIFSTOPPED(status);
        continue;
      }
      worker.running = false;
      worker.order = ended_++;
      const LinkSlot &slot = slots_[worker.end.rank];
      worker.end.activity = slot.activity.read();
      worker.end.severity = static_cast<int>(slot.severity.load(std::memory_order_acquire));
      if (worker.end.severity > 0)
        worker.end.message = slot.failure.read();
      if (WIFEXITED(status))
        worker.end.exitCode = WEXITSTATUS(status);
      else
        worker.end.signal = WTERMSIG(status);
      // A worker that tells why it fails was not ended by us, even if it happens at the end.
      bool ours = stage_ >= Stage::Terminated || passedOn_;
      worker.end.killed = ours && !worker.end.hung && worker.end.severity == 0;
      bool failed = worker.end.exitCode != 0;
      if (failed && stage_ == Stage::Running) {
        stage_ = Stage::Settling;
        stageEnds_ = now + options_.grace;
        // The others may have given up because of one that hangs.
        for (Worker &other : workers_)
          if (other.running && (other.stopped || now - other.heard > options_.timeout / 2))
            hang(other, now);
      } else if (failed && stage_ == Stage::Settling) {
        // The first to end after a signal has done what there was to do, or broke.
        stageEnds_ = std::min(stageEnds_, now + options_.grace);
      }
    }
  }
}

void Supervisor::listen(Clock::time_point now) {
  for (Worker &worker : workers_) {
    uint64_t beats = slots_[worker.end.rank].beats.load(std::memory_order_relaxed);
    if (beats != worker.beats)
      worker.heard = now;
    worker.beats = beats;
    // After a passed-on signal too, where the end may take its time.
    bool watched = stage_ == Stage::Running || (stage_ == Stage::Settling && passedOn_);
    if (worker.running && watched && now - worker.heard >= options_.timeout)
      hang(worker, now);
  }
}

void Supervisor::hang(Worker &worker, Clock::time_point now) {
  worker.end.hung = true;
  worker.end.stopped = worker.stopped;
  kill(worker.process.pid, SIGKILL); // a stopped process answers to nothing else
  if (stage_ == Stage::Running || passedOn_) {
    stage_ = Stage::Settling;
    stageEnds_ = now + options_.grace;
  }
}

void Supervisor::escalate(Clock::time_point now) {
  if (stage_ == Stage::Running || stage_ == Stage::Killed || now < stageEnds_)
    return;
  bool terminate = stage_ == Stage::Settling && !passedOn_;
  sendAll(terminate ? SIGTERM : SIGKILL);
  stage_ = terminate ? Stage::Terminated : Stage::Killed;
  stageEnds_ = now + options_.grace;
}

void Supervisor::copyOutput(Worker &worker) {
  char bytes[4096];
  // Not without end: one worker's flood must not keep the others from being watched.
  for (int reads = 0; reads < 256 && worker.process.output.valid(); ++reads) {
    ssize_t n = read(worker.process.output.get(), bytes, sizeof(bytes));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && errno == EAGAIN)
      return;
    if (n <= 0) {
      worker.process.output = FileDescriptor();
      printLines(worker, true);
      return;
    }
    worker.line.append(bytes, static_cast<size_t>(n));
    printLines(worker, worker.line.size() > 65536);
  }
}

void Supervisor::printLines(Worker &worker, bool all) {
  size_t begin = 0;
  while (begin < worker.line.size()) {
    size_t end = worker.line.find('\n', begin);
    if (end == std::string::npos) {
      if (!all)
        break;
      end = worker.line.size();
    }
    std::string line = "[" + worker.end.name + "] " + worker.line.substr(begin, end - begin) + "\n";
    (void)!write(STDERR_FILENO, line.data(), line.size()); // one write: lines stay whole
    begin = std::min(end + 1, worker.line.size());
  }
  worker.line.erase(0, begin);
}

const Worker *Supervisor::firstFailure() const {
  // A hang or a foreign signal is a cause; the other workers' exit codes are mostly consequences,
  // and among those they say themselves which is the cause.
  const Worker *first = nullptr;
  auto weight = [](const Worker &worker) {
    if (worker.end.killed || worker.end.exitCode == 0)
      return 0;
    constexpr int ended = 1 << 20;
    return worker.end.hung     ? 3 * ended
           : worker.end.signal ? 2 * ended
                               : std::min(worker.end.severity + 1, ended);
  };
  for (const Worker &worker : workers_) {
    int mine = weight(worker), best = first ? weight(*first) : 0;
    if (mine > best || (first && mine == best && worker.order < first->order))
      first = &worker;
  }
  return first;
}

std::string Supervisor::sayFailure(const Worker &first) const {
  auto said = [](const Worker &worker) {
    // "rank 1: ..." or "step 6: rank 1: ..."
    bool named = worker.end.message.substr(0, 32).find("rank ") != std::string::npos;
    return named ? worker.end.message : worker.end.name + ": " + worker.end.message;
  };
  if (!first.end.message.empty() && !first.end.signal)
    return said(first);
  const Worker *witness = nullptr;
  for (const Worker &worker : workers_)
    if (!worker.end.message.empty() &&
        (!witness || worker.end.severity > witness->end.severity ||
         (worker.end.severity == witness->end.severity && worker.order < witness->order)))
      witness = &worker;
  return first.end.describe() + (witness ? "; " + said(*witness) : "");
}

LaunchResult Supervisor::run() {
  std::vector<pollfd> polls;
  Clock::time_point before = Clock::now();
  while (anyRunning()) {
    polls.assign(1, {signals_.get(), POLLIN, 0});
    for (const Worker &worker : workers_)
      if (worker.process.output.valid())
        polls.push_back({worker.process.output.get(), POLLIN, 0});
    poll(polls.data(), polls.size(), static_cast<int>(interval_.count()));
    Clock::time_point now = Clock::now();
    if (now - before > interval_ * 4 + Milliseconds(500)) // it was stopped itself: no blame
      for (Worker &worker : workers_)
        worker.heard = now;
    before = now;
    takeSignals();
    for (Worker &worker : workers_)
      copyOutput(worker);
    listen(now);
    reap(now);
    escalate(now);
  }
  LaunchResult result;
  for (Worker &worker : workers_) {
    copyOutput(worker);
    printLines(worker, true);
    result.ends.push_back(worker.end);
  }
  if (const Worker *first = firstFailure()) {
    result.failedRank = first->end.rank;
    result.failure = sayFailure(*first);
    result.exitCode = std::max(first->end.exitCode, 1);
  }
  if (passedOn_)
    result.exitCode = 128 + passedOn_;
  return result;
}

} // namespace

absl::StatusOr<LaunchResult> superviseWorkers(const LaunchOptions &options) {
  Supervisor supervisor(options);
  HEDDLE_RETURN_IF_ERROR(supervisor.start());
  return supervisor.run();
}

} // namespace heddle::launch
