//===- Main.cpp - heddle_partitions --------------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/partitions/Partitions.h"

#include <cstdio>
#include <cstdlib>
#include <string>

using namespace heddle::test;

int main(int argc, char **argv) {
  uint64_t count = 20, first = 0;
  bool verbose = false;
  for (int i = 1; i < argc; ++i) {
    std::string arg = argv[i];
    if (arg == "--count" && i + 1 < argc) {
      count = std::strtoull(argv[++i], nullptr, 10);
    } else if (arg == "--first-seed" && i + 1 < argc) {
      first = std::strtoull(argv[++i], nullptr, 10);
    } else if (arg == "--verbose") {
      verbose = true;
    } else {
      std::fprintf(stderr, "usage: heddle_partitions [--count N] [--first-seed S] [--verbose]\n");
      return 2;
    }
  }
  uint64_t failed = 0;
  double closest = 0;
  std::string closestWhat;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    Findings findings;
    std::string name = runCase(seed, findings, verbose);
    if (verbose && findings.empty())
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
    for (size_t i = 0; i < findings.lines.size() && (verbose || i < 8); ++i)
      std::printf("  %s\n", findings.lines[i].c_str());
    std::fflush(stdout);
  }
  std::printf("%llu of %llu cases agree; closest to its limit (%.2g of it): %s\n",
              (unsigned long long)(count - failed), (unsigned long long)count, closest,
              closestWhat.c_str());
  return failed ? 1 : 0;
}
