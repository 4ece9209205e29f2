//===- Interrupt.cpp - Ctrl-C that keeps what was done ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tools/support/Interrupt.h"

#include <atomic>
#include <csignal>
#include <cstring>
#include <unistd.h>

namespace heddle::cli {
namespace {

std::atomic<bool> raised{false};
static_assert(std::atomic<bool>::is_always_lock_free, "written by a signal handler");
const char *text = "";

extern "C" void onInterrupt(int) {
  raised.store(true, std::memory_order_relaxed);
  // The next signal of either kind ends the process.
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  (void)!::write(STDERR_FILENO, text, std::strlen(text));
}

} // namespace

void catchInterrupts(const char *message) {
  text = message;
  for (int number : {SIGINT, SIGTERM}) {
    struct sigaction action;
    std::memset(&action, 0, sizeof action);
    action.sa_handler = onInterrupt;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    // A signal that was ignored from outside (nohup, a shell's background job) stays ignored.
    struct sigaction current;
    if (::sigaction(number, nullptr, &current) == 0 && current.sa_handler != SIG_IGN)
      ::sigaction(number, &action, nullptr);
  }
}

bool interrupted() { return raised.load(std::memory_order_relaxed); }

} // namespace heddle::cli
