//===- CacheArguments.cpp - the options --cache... of heddle-run -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tools/support/CacheArguments.h"

#include "runtime/base/Format.h"
#include "tools/support/Choose.h"

#include <algorithm>
#include <filesystem>

using namespace heddle;

void heddle::addCacheOptions(CLI::App &app, CacheArguments &arguments, exec::CacheOptions &cache,
                             const std::string &group) {
  app.add_option(
         "--cache", arguments.policy,
         "Read dense features of nodes from disk when a batch asks for them, past the system's "
         "cache, and keep hot rows in memory: none (keeps none), uniform, heta or greedy (see "
         "README); off, the default, maps the features. With --device=cuda: hot rows in the "
         "GPU's memory, all in the host's")
      ->type_name("POLICY")
      ->group(group);
  app.add_option("--cache-memory", arguments.memory,
                 "Memory of each worker for the rows that --cache keeps, beside --memory")
      ->type_name("SIZE")
      ->group(group);
  app.add_option(
         "--cache-hotness", arguments.hotness,
         "How rows are known to be hot: analytic (from degrees and fan-outs; the default) or "
         "presampled (the first batches are counted as well)")
      ->type_name("HOW")
      ->group(group);
  app.add_flag(
         "--cache-learnable", cache.learnable,
         "Learnable rows, with what the optimizer keeps beside them, share the tiers: on disk (a "
         "file without a name), hot ones in --cache-memory. For tables that are larger than "
         "memory. "
         "With --device=cuda: in the host's memory, hot ones in the GPU's")
      ->group(group);
  app.add_option("--cache-folder", arguments.folder,
                 "Where the learnable rows of --cache-learnable are on disk (the folder above -o)")
      ->type_name("FOLDER")
      ->group(group);
}

namespace {

/// Whether learnable rows go through tiers as well, and where those on disk are.
absl::Status readLearnable(const CacheArguments &arguments, const CacheSurroundings &around,
                           exec::CacheOptions &cache) {
  if (cache.learnable && !cache.use)
    return invalidArgument(
        "--cache-learnable: learnable rows are wholly in memory with --cache off; "
        "choose greedy, heta, uniform or none");
  if (cache.learnable && around.infers)
    return invalidArgument("--cache-learnable: is for training; leave it out with --mode infer");
  if (!arguments.folder.empty() && !cache.learnable)
    return invalidArgument(
        "--cache-folder: is for learnable rows; add --cache-learnable, or leave it "
        "out");
  if (!arguments.folder.empty() && around.onGpu)
    return invalidArgument(
        "--cache-folder: with --device=cuda learnable rows are in the host's memory, not on disk; "
        "leave it out");
  if (!cache.learnable || around.onGpu)
    return absl::OkStatus();
  // Beside the results: the folder that they go to, or the first above it that is there.
  namespace fs = std::filesystem;
  fs::path folder = arguments.folder;
  if (arguments.folder.empty()) {
    std::error_code error;
    folder = fs::absolute(around.output, error).parent_path();
    while (folder.has_relative_path() && !fs::is_directory(folder, error))
      folder = folder.parent_path();
  }
  cache.folder = folder.string();
  return absl::OkStatus();
}

} // namespace

absl::Status heddle::readCache(const CacheArguments &arguments, const CacheSurroundings &around,
                               exec::CacheOptions &cache) {
  using heddle::cache::Policy;
  std::vector<std::pair<std::string, int>> policies = {{"off", -1}};
  for (const std::string &name : heddle::cache::policyNames())
    policies.emplace_back(name, int(policies.size()) - 1);
  int policy = -1;
  HEDDLE_RETURN_IF_ERROR(choose<int>("--cache", arguments.policy, policies, policy));
  bool presampled = false;
  HEDDLE_RETURN_IF_ERROR(choose<bool>("--cache-hotness", arguments.hotness,
                                      {{"analytic", false}, {"presampled", true}}, presampled));
  cache.use = policy >= 0;
  if (cache.use)
    cache.policy = Policy(policy);
  const bool keeps = cache.use && cache.policy != Policy::None;
  if (!arguments.memory.empty()) {
    auto bytes = parseBytes(arguments.memory);
    if (!bytes.ok())
      return withPrefix(bytes.status(), "--cache-memory: ");
    cache.bytes = *bytes;
  }
  if (keeps && arguments.memory.empty())
    return invalidArgument("--cache " + arguments.policy +
                           ": needs --cache-memory, the memory for the rows that are kept, for "
                           "example --cache-memory 4GiB");
  if (!keeps && !arguments.memory.empty())
    return invalidArgument("--cache-memory: no row is kept with --cache " + arguments.policy +
                           "; choose greedy, heta or uniform, or leave it out");
  if (!keeps && presampled)
    return invalidArgument("--cache-hotness: no row is kept with --cache " + arguments.policy +
                           "; choose greedy, heta or uniform, or leave it out");
  HEDDLE_RETURN_IF_ERROR(readLearnable(arguments, around, cache));
  if (keeps && around.infers)
    return invalidArgument("--cache " + arguments.policy +
                           ": inference reads each row once, and keeping it saves nothing; use "
                           "--cache none to read features from disk");
  return absl::OkStatus();
}

absl::Status heddle::checkCache(const exec::CacheOptions &cache, const plan::PlanT &plan,
                                const std::string &name) {
  const bool hasTable = std::any_of(plan.states.begin(), plan.states.end(), [](const auto &state) {
    return state->role == plan::StateRole::EmbeddingRows && state->rows_type >= 0;
  });
  if (cache.learnable && !hasTable)
    return invalidArgument("--cache-learnable: " + name + " has no learnable rows; leave it out");
  if (cache.use && plan.caches.empty() && !cache.learnable)
    return invalidArgument("--cache: " + name +
                           " fetches no dense feature of nodes through a cache; leave it out, " +
                           (hasTable ? "add --cache-learnable for its learnable rows, " : "") +
                           "or recompile if an older heddle-compile wrote the plan");
  return absl::OkStatus();
}
