//===- Interrupt.h - Ctrl-C that keeps what was done -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TOOLS_SUPPORT_INTERRUPT_H
#define HEDDLE_TOOLS_SUPPORT_INTERRUPT_H

namespace heddle::cli {

/// From now on the first SIGINT or SIGTERM prints `message` on stderr and only makes
/// interrupted() true; the next one ends the process as it would have without us.
void catchInterrupts(const char *message);
bool interrupted();

/// The exit code of a tool that was interrupted and has saved its work.
inline constexpr int interruptedExitCode = 130;

} // namespace heddle::cli

#endif // HEDDLE_TOOLS_SUPPORT_INTERRUPT_H
