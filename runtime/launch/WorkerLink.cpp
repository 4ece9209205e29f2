//===- WorkerLink.cpp - a worker's line to its supervisor --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/launch/WorkerLink.h"

#include "runtime/launch/LaunchEnvironment.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

namespace heddle::launch {

template <size_t bytes> void LinkText<bytes>::write(std::string_view text) {
  size_t size = std::min(text.size(), bytes);
  // A character of several bytes is not cut.
  while (size < text.size() && size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80)
    --size;
  for (size_t i = 0; i * 8 < size; ++i) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + i * 8, std::min<size_t>(8, size - i * 8));
    words[i].store(word, std::memory_order_relaxed);
  }
  length.store(size, std::memory_order_release);
}

template <size_t bytes> std::string LinkText<bytes>::read() const {
  std::string text(bytes, '\0');
  size_t size = std::min<size_t>(length.load(std::memory_order_acquire), bytes);
  for (size_t i = 0; i < words.size(); ++i) {
    uint64_t word = words[i].load(std::memory_order_relaxed);
    std::memcpy(text.data() + i * 8, &word, 8);
  }
  text.resize(size);
  for (char &c : text)
    if (static_cast<unsigned char>(c) < 0x20)
      c = ' ';
  return text;
}

template struct LinkText<192>;
template struct LinkText<2048>;

void WorkerLink::setFailure(int severity, std::string_view message) {
  slot_->failure.write(message);
  slot_->severity.store(static_cast<uint64_t>(std::max(severity, 1)), std::memory_order_release);
}

absl::StatusOr<std::unique_ptr<WorkerLink>> WorkerLink::fromEnvironment() {
  const char *value = std::getenv(linkVariable), *rankText = std::getenv(rankVariable);
  if (!value || !rankText)
    return std::unique_ptr<WorkerLink>();
  int fd = -1;
  unsigned long bytes = 0, rank = std::strtoul(rankText, nullptr, 10);
  long interval = 0;
  if (std::sscanf(value, "%d:%lu:%ld", &fd, &bytes, &interval) != 3 || interval < 1 ||
      (rank + 1) * sizeof(LinkSlot) > bytes)
    return invalidArgument(std::string("environment: ") + linkVariable + "='" + value +
                           "' is not what a supervisor sets; unset it");
  std::unique_ptr<WorkerLink> link(new WorkerLink());
  void *at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED)
    return invalidArgument(std::string("environment: ") + linkVariable +
                           ": the supervisor's memory is not there (" + std::strerror(errno) +
                           "); unset it");
  ::close(fd);
  unsetenv(linkVariable); // the descriptor is not for this process's children
  link->mapping_ = at;
  link->mappedBytes_ = bytes;
  link->slot_ = static_cast<LinkSlot *>(at) + rank;
  link->slot_->beats.fetch_add(1);
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old); // signals are for the threads that expect them
  link->thread_ = std::thread([raw = link.get(), interval] {
    std::unique_lock<std::mutex> lock(raw->mutex_);
    while (!raw->stop_.wait_for(lock, std::chrono::milliseconds(interval),
                                [&] { return raw->stopping_; }))
      raw->slot_->beats.fetch_add(1, std::memory_order_relaxed);
  });
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  return link;
}

WorkerLink::~WorkerLink() {
  if (thread_.joinable()) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    stop_.notify_all();
    thread_.join();
  }
  if (mapping_)
    munmap(mapping_, mappedBytes_);
}

} // namespace heddle::launch
