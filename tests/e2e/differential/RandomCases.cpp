//===- RandomCases.cpp - a run over random cases --------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/differential/RandomCases.h"

#include <cstdio>
#include <cstdlib>

namespace heddle::test {

bool RandomCasesOptions::take(int argc, char **argv, int &i) {
  std::string arg = argv[i];
  if (arg == "--verbose")
    return verbose = true;
  if ((arg != "--count" && arg != "--first-seed") || i + 1 == argc)
    return false;
  (arg == "--count" ? count : first) = std::strtoull(argv[++i], nullptr, 10);
  return true;
}

int runRandomCases(const RandomCasesOptions &options,
                   const std::function<std::string(uint64_t, Findings &, bool)> &one) {
  uint64_t failed = 0;
  double closest = 0;
  std::string closestWhat;
  for (uint64_t seed = options.first; seed < options.first + options.count; ++seed) {
    Findings findings;
    std::string name = one(seed, findings, options.verbose);
    if (options.verbose && findings.empty())
      std::printf("seed %llu: ok; closest to its limit (%.2g): %s\n", (unsigned long long)seed,
                  findings.closest, findings.closestWhat.c_str());
    if (findings.closest > closest) {
      closest = findings.closest;
      closestWhat = "seed " + std::to_string(seed) + ": " + findings.closestWhat;
    }
    if (findings.empty())
      continue;
    ++failed;
    std::printf("seed %llu (%s):\n", (unsigned long long)seed, name.c_str());
    for (size_t i = 0; i < findings.lines.size() && (options.verbose || i < 8); ++i)
      std::printf("  %s\n", findings.lines[i].c_str());
    std::fflush(stdout);
  }
  std::printf("%llu of %llu cases agree; closest to its limit (%.2g of it): %s\n",
              (unsigned long long)(options.count - failed), (unsigned long long)options.count,
              closest, closestWhat.c_str());
  return failed ? 1 : 0;
}

} // namespace heddle::test
