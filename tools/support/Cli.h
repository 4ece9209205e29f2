//===- Cli.h - what every heddle tool shares ---------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Exit codes 0/1/2, --help with examples, --version, "did you mean" for a wrong option, refusal of
// an existing output without --force, progress on stderr (a tqdm-like bar on a terminal, plain
// lines otherwise).
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TOOLS_SUPPORT_CLI_H
#define HEDDLE_TOOLS_SUPPORT_CLI_H

#include "runtime/base/Status.h"

#include "CLI/CLI.hpp"

#include <functional>
#include <map>
#include <string>

namespace heddle::cli {

/// Prepares `app`: name, description, --version, footer with `examples`.
void setUp(CLI::App &app, const std::string &tool, const std::string &description,
           const std::string &examples);

/// "0.1.0".
std::string version();

/// Writes `text` to stdout, with a line break after the last line. A reader that closes the pipe
/// early (head, a pager) is no failure of ours.
void print(const std::string &text);

/// Parses and, on success, calls `body`. Prints errors as "TOOL: error: MESSAGE" on stderr.
/// `aliases` maps other tools' option names to ours ("--num-neighbors" -> "--fanout") for the
/// suggestion after an unknown option; edit distance finds the rest. Returns the exit code.
int run(CLI::App &app, int argc, char **argv, const std::map<std::string, std::string> &aliases,
        const std::function<absl::Status()> &body);

} // namespace heddle::cli

#endif // HEDDLE_TOOLS_SUPPORT_CLI_H
