//===- Nccl.cpp - a double of libnccl ----------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// NCCL's entry points over sockets, for the emulated device (tests/emulator) and for tests whose
// device's memory is the host's: what NCCL promises, and what it does not. Calls do not block and
// say that they are busy; sends and receives are matched by their order alone, so one that nobody
// answers hangs until it is aborted, from any thread; ranks may be threads or processes.
//
// By environment variable, read when a communicator is made (RANK's group number N, counted from 1;
// 0: the making of the communicator):
//   HEDDLE_NCCL_FAIL=RANK:N    its asynchronous error is a system error
//   HEDDLE_NCCL_HANG=RANK:N    it is never done
//   HEDDLE_NCCL_STREAM=1       groups are in the stream at once, and done later: heddleNcclIssued
//   and
//                              heddleNcclDone count them for whoever plays the stream
//   HEDDLE_NCCL_DEVICE=NAME    two ranks of one NAME and one NCCL_HOSTID are refused, as on one GPU
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Nccl.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <poll.h>
#include <random>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace heddle::cuda;

namespace {

enum : int { Ok = 0, SystemError = 2, InvalidUsage = 5, RemoteError = 6, Busy = 7 };

struct Block {
  bool send;
  char *data;
  size_t bytes;
  int peer;
};

/// What was done of a stream's groups.
struct StreamCount {
  uint64_t issued = 0, done = 0;
};
std::mutex streamMutex;
std::map<Stream, StreamCount> streams;

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

/// The emulated device's functions, if there is one.
struct Emulator {
  int (*synchronize)(Stream) = nullptr;
  void *(*memory)(uint64_t address, uint64_t bytes, const char *what) = nullptr;
};
const Emulator &emulator() {
  static const Emulator found = [] {
    Emulator e;
    if (void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD)) {
      e.memory = reinterpret_cast<decltype(e.memory)>(dlsym(driver, "heddleEmulatorMemory"));
      e.synchronize =
          reinterpret_cast<decltype(e.synchronize)>(dlsym(driver, "cuStreamSynchronize"));
    }
    return e;
  }();
  return found;
}

/// N of "RANK:N", or -1.
int64_t numberFor(const char *name, int rank) {
  int forRank = -1;
  long number = -1;
  if (std::sscanf(environment(name).c_str(), "%d:%ld", &forRank, &number) == 2 && forRank == rank)
    return number;
  return -1;
}

sockaddr_un addressOf(const std::string &name, int rank, socklen_t &length) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = name + "." + std::to_string(rank);
  std::memcpy(address.sun_path + 1, path.data(), path.size()); // of no file
  length = socklen_t(offsetof(sockaddr_un, sun_path) + 1 + path.size());
  return address;
}

} // namespace

/// What ranks tell each other when they meet.
struct Hello {
  int32_t rank = 0;
  char where[120] = {};
};

struct ncclComm {
  int rank = 0, size = 0;
  std::string name;
  bool streamed = false;
  int64_t failAt = -1, hangAt = -1, groups = 0;
  Hello self;

  std::vector<int> sockets;
  int listener = -1, wake = -1;
  std::atomic<bool> aborted{false};
  std::atomic<int> error{Ok};
  std::string lastError;

  std::mutex mutex;
  std::condition_variable changed;
  struct Job {
    std::vector<Block> blocks;
    Stream stream;
    int64_t number;
  };
  std::deque<Job> jobs;
  bool ready = false, working = false, ending = false;
  std::thread thread;

  void fail(int code, const std::string &why) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (error == Ok)
        lastError = why;
    }
    int none = Ok;
    error.compare_exchange_strong(none, code);
  }

  /// Waits for one of the descriptors; false when aborted.
  bool await(std::vector<pollfd> &descriptors, int milliseconds) {
    descriptors.push_back({wake, POLLIN, 0});
    poll(descriptors.data(), descriptors.size(), milliseconds);
    descriptors.pop_back();
    return !aborted;
  }

  void hang() {
    std::vector<pollfd> none;
    while (await(none, -1)) {
    }
  }

  bool whole(int socket, void *data, size_t bytes, bool send) {
    char *at = static_cast<char *>(data);
    while (bytes > 0) {
      const ssize_t moved =
          send ? ::send(socket, at, bytes, MSG_NOSIGNAL) : recv(socket, at, bytes, MSG_DONTWAIT);
      if (moved > 0) {
        at += moved;
        bytes -= size_t(moved);
        continue;
      }
      if (moved == 0 || (errno != EAGAIN && errno != EINTR))
        return false;
      std::vector<pollfd> one = {{socket, short(send ? POLLOUT : POLLIN), 0}};
      if (!await(one, 100))
        return false;
    }
    return true;
  }

  bool greet(int socket) {
    const int little = 16 << 10; // of what is larger a part waits for the receiver
    setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
    Hello theirs;
    if (!whole(socket, &self, sizeof self, true) || !whole(socket, &theirs, sizeof theirs, false))
      return false;
    if (theirs.rank < 0 || theirs.rank >= size)
      return false;
    sockets[size_t(theirs.rank)] = socket;
    if (self.where[0] && std::strncmp(self.where, theirs.where, sizeof self.where) == 0)
      fail(InvalidUsage, "Duplicate GPU detected : rank " + std::to_string(rank) + " and rank " +
                             std::to_string(theirs.rank) + " both on one device");
    return true;
  }

  /// Every pair of ranks; those below are called, those above call.
  void meet() {
    if (failAt == 0)
      return fail(SystemError, "told to fail");
    if (hangAt == 0)
      return hang();
    for (int peer = 0; peer < rank; ++peer)
      while (true) {
        const int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socklen_t length = 0;
        const sockaddr_un to = addressOf(name, peer, length);
        if (connect(made, reinterpret_cast<const sockaddr *>(&to), length) == 0) {
          if (!greet(made))
            return fail(RemoteError, "rank " + std::to_string(peer) + " has gone");
          break;
        }
        close(made);
        std::vector<pollfd> none;
        if (!await(none, 2))
          return;
      }
    for (int missing = size - 1 - rank; missing > 0; --missing) {
      std::vector<pollfd> one = {{listener, POLLIN, 0}};
      int made = -1;
      while (made < 0) {
        if (!await(one, 100))
          return;
        made = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      }
      if (!greet(made))
        return fail(RemoteError, "a rank has gone");
    }
  }

  void run(const Job &job) {
    if (failAt == job.number)
      return fail(SystemError, "told to fail");
    if (hangAt == job.number)
      return hang();
    // What the stream holds before comes first.
    if (emulator().synchronize)
      emulator().synchronize(job.stream);
    std::vector<std::deque<Block>> sends{size_t(size)}, receives{size_t(size)};
    size_t left = 0;
    for (const Block &block : job.blocks) {
      if (block.bytes == 0)
        continue;
      Block found = block;
      if (emulator().memory)
        found.data = static_cast<char *>(
            emulator().memory(uint64_t(block.data), block.bytes, "a block of NCCL's"));
      if (!found.data)
        return fail(SystemError, "a block that is not in device memory");
      (block.send ? sends : receives)[size_t(block.peer)].push_back(found);
      ++left;
    }
    std::vector<pollfd> wanted;
    while (left > 0) {
      wanted.clear();
      bool moved = false;
      for (size_t peer = 0; peer < size_t(size); ++peer) {
        short events = 0;
        for (bool send : {true, false}) {
          auto &queue = (send ? sends : receives)[peer];
          if (queue.empty())
            continue;
          Block &block = queue.front();
          const ssize_t bytes =
              send ? ::send(sockets[peer], block.data, block.bytes, MSG_NOSIGNAL | MSG_DONTWAIT)
                   : recv(sockets[peer], block.data, block.bytes, MSG_DONTWAIT);
          if (bytes > 0) {
            block.data += bytes;
            block.bytes -= size_t(bytes);
            moved = true;
            if (block.bytes == 0) {
              queue.pop_front();
              --left;
            }
          } else if (bytes == 0 || (errno != EAGAIN && errno != EINTR)) {
            return fail(RemoteError, "rank " + std::to_string(peer) + " has gone");
          }
          events = short(events | (send ? POLLOUT : POLLIN));
        }
        if (events)
          wanted.push_back({sockets[peer], events, 0});
      }
      if (aborted || (!moved && left > 0 && !await(wanted, 100)))
        return;
    }
  }

  void work() {
    meet();
    std::unique_lock<std::mutex> lock(mutex);
    ready = true;
    while (true) {
      changed.wait(lock, [&] { return ending || !jobs.empty(); });
      if (jobs.empty() || aborted)
        break;
      const Job job = std::move(jobs.front());
      jobs.pop_front();
      working = true;
      lock.unlock();
      if (error == Ok)
        run(job);
      lock.lock();
      working = false;
      if (streamed && !aborted && error == Ok) {
        std::lock_guard<std::mutex> counts(streamMutex);
        ++streams[job.stream].done;
      }
    }
  }

  /// Ends the thread, after its work or at once, and forgets what it left in streams.
  void end(bool atOnce) {
    if (atOnce) {
      aborted = true;
      const uint64_t one = 1;
      (void)!write(wake, &one, sizeof one);
    }
    {
      std::lock_guard<std::mutex> lock(mutex);
      ending = true;
    }
    changed.notify_all();
    thread.join();
    for (int socket : sockets)
      if (socket >= 0)
        close(socket);
    close(listener);
    close(wake);
    std::lock_guard<std::mutex> counts(streamMutex);
    for (auto &[stream, count] : streams)
      if (mine(stream))
        count.done = count.issued;
  }
  std::vector<Stream> used;
  bool mine(Stream stream) const {
    return std::find(used.begin(), used.end(), stream) != used.end();
  }

  void enqueue(std::vector<Block> blocks, Stream stream) {
    if (streamed) {
      std::lock_guard<std::mutex> counts(streamMutex);
      ++streams[stream].issued;
    }
    if (!mine(stream))
      used.push_back(stream);
    {
      std::lock_guard<std::mutex> lock(mutex);
      jobs.push_back({std::move(blocks), stream, ++groups});
    }
    changed.notify_all();
  }

  int state() {
    if (error != Ok)
      return error;
    std::lock_guard<std::mutex> lock(mutex);
    const bool busy = !ready || (!streamed && (working || !jobs.empty()));
    return busy ? Busy : Ok;
  }
};

namespace {
struct Group {
  int depth = 0;
  ncclComm *comm = nullptr;
  Stream stream = nullptr;
  std::vector<Block> blocks;
};
thread_local Group group;
thread_local std::string lastError;

/// What was added goes to the communicator.
int launch() {
  ncclComm *comm = std::exchange(group.comm, nullptr);
  comm->enqueue(std::exchange(group.blocks, {}), group.stream);
  return comm->streamed ? Ok : Busy;
}

int add(const Block &block, ncclComm *comm, Stream stream) {
  if (block.peer < 0 || block.peer >= comm->size || comm->state() == Busy)
    return InvalidUsage; // as NCCL's, whose communicator is not ready
  group.comm = comm;
  group.stream = stream;
  group.blocks.push_back(block);
  return group.depth == 0 ? launch() : Ok;
}
} // namespace

extern "C" {

int ncclGetVersion(int *version) {
  *version = 22800;
  return Ok;
}

int ncclGetUniqueId(NcclUniqueId *id) {
  static std::atomic<int> next{0};
  std::snprintf(id->internal, sizeof id->internal, "heddle-nccl-%d-%d-%08x", int(getpid()), next++,
                unsigned(std::random_device()()));
  return Ok;
}

int ncclCommInitRankConfig(NcclComm *made, int size, NcclUniqueId id, int rank,
                           NcclConfig *config) {
  if (rank < 0 || rank >= size || config->magic != 0xcafebeef || config->blocking != 0)
    return InvalidUsage;
  auto *comm = new ncclComm;
  comm->rank = comm->self.rank = rank;
  comm->size = size;
  comm->name = id.internal;
  comm->streamed = environment("HEDDLE_NCCL_STREAM") == "1";
  comm->failAt = numberFor("HEDDLE_NCCL_FAIL", rank);
  comm->hangAt = numberFor("HEDDLE_NCCL_HANG", rank);
  if (const std::string device = environment("HEDDLE_NCCL_DEVICE"); !device.empty())
    std::snprintf(comm->self.where, sizeof comm->self.where, "%s/%s",
                  environment("NCCL_HOSTID").c_str(), device.c_str());
  comm->sockets.assign(size_t(size), -1);
  comm->wake = eventfd(0, EFD_CLOEXEC);
  comm->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  socklen_t length = 0;
  const sockaddr_un own = addressOf(comm->name, rank, length);
  if (bind(comm->listener, reinterpret_cast<const sockaddr *>(&own), length) != 0 ||
      listen(comm->listener, size) != 0) {
    close(comm->wake);
    close(comm->listener);
    delete comm;
    return SystemError;
  }
  comm->thread = std::thread([comm] { comm->work(); });
  *made = comm;
  return Busy;
}

int ncclCommFinalize(NcclComm comm) {
  {
    std::lock_guard<std::mutex> lock(comm->mutex);
    comm->ending = true;
  }
  comm->changed.notify_all();
  return Busy;
}

int ncclCommDestroy(NcclComm comm) {
  comm->end(false);
  delete comm;
  return Ok;
}

int ncclCommAbort(NcclComm comm) {
  comm->end(true);
  delete comm;
  return Ok;
}

int ncclCommGetAsyncError(NcclComm comm, NcclResult *state) {
  *state = comm->state();
  return Ok;
}

int ncclGroupStart() {
  ++group.depth;
  return Ok;
}

int ncclGroupEnd() {
  if (group.depth == 0)
    return InvalidUsage;
  if (--group.depth > 0 || !group.comm)
    return Ok;
  return launch();
}

int ncclSend(const void *data, size_t count, int type, int peer, NcclComm comm, Stream stream) {
  return type > 1 ? InvalidUsage
                  : add({true, static_cast<char *>(const_cast<void *>(data)), count, peer}, comm,
                        stream);
}

int ncclRecv(void *data, size_t count, int type, int peer, NcclComm comm, Stream stream) {
  return type > 1 ? InvalidUsage
                  : add({false, static_cast<char *>(data), count, peer}, comm, stream);
}

const char *ncclGetErrorString(NcclResult result) {
  switch (result) {
  case Ok:
    return "no error";
  case SystemError:
    return "unhandled system error";
  case InvalidUsage:
    return "invalid usage";
  case RemoteError:
    return "remote process exited or there was a network error";
  case Busy:
    return "NCCL operation in progress";
  default:
    return "unknown result code";
  }
}

const char *ncclGetLastError(NcclComm comm) {
  std::lock_guard<std::mutex> lock(comm->mutex);
  lastError = comm->lastError;
  return lastError.c_str();
}

uint64_t heddleNcclIssued(Stream stream) {
  std::lock_guard<std::mutex> lock(streamMutex);
  return streams[stream].issued;
}

uint64_t heddleNcclDone(Stream stream) {
  std::lock_guard<std::mutex> lock(streamMutex);
  return streams[stream].done;
}

} // extern "C"
