//===- CacheArguments.h - the options --cache... of heddle-run -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TOOLS_SUPPORT_CACHEARGUMENTS_H
#define HEDDLE_TOOLS_SUPPORT_CACHEARGUMENTS_H

#include "runtime/exec/Executor.h"
#include "runtime/plan/PlanFile.h"

#include "CLI/CLI.hpp"

#include <string>

namespace heddle {

/// As they were written.
struct CacheArguments {
  std::string policy = "off", memory, hotness = "analytic", folder;
};

/// What of the other options they must agree with.
struct CacheSurroundings {
  bool infers = false, onGpu = false;
  std::string output; ///< of the run
};

void addCacheOptions(CLI::App &app, CacheArguments &arguments, exec::CacheOptions &cache,
                     const std::string &group);
/// Sets `cache`. Errors name the option and the remedy.
absl::Status readCache(const CacheArguments &arguments, const CacheSurroundings &around,
                       exec::CacheOptions &cache);
/// Whether a plan has what they ask for. `name`: the plan's, for the error.
absl::Status checkCache(const exec::CacheOptions &cache, const plan::PlanT &plan,
                        const std::string &name);

} // namespace heddle

#endif // HEDDLE_TOOLS_SUPPORT_CACHEARGUMENTS_H
