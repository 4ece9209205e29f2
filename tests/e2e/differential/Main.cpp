//===- Main.cpp - heddle_differential -------------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/differential/Differential.h"
#include "tests/e2e/differential/RandomCases.h"

#include <cstdio>
#include <string>

using namespace heddle::test;

static int runGiven(const std::string &graph, const std::string &model, bool verbose) {
  Findings findings;
  runGivenCase(graph, model, findings, verbose);
  for (const std::string &line : findings.lines)
    std::printf("  %s\n", line.c_str());
  std::printf("%s: %s; closest to its limit (%.2g of it): %s\n", model.c_str(),
              findings.empty() ? "agrees" : "DIFFERS", findings.closest,
              findings.closestWhat.c_str());
  return findings.empty() ? 0 : 1;
}

int main(int argc, char **argv) {
  RandomCasesOptions options;
  std::string graph, model;
  for (int i = 1; i < argc; ++i) {
    std::string arg = argv[i];
    if (arg == "--graph" && i + 1 < argc) {
      graph = argv[++i];
    } else if (arg == "--model" && i + 1 < argc) {
      model = argv[++i];
    } else if (arg == "--keep" && i + 1 < argc) {
      keepCasesIn(argv[++i]);
    } else if (!options.take(argc, argv, i)) {
      std::fprintf(stderr, "usage: heddle_differential [--count N] [--first-seed S] [--verbose] [--keep DIR]\n"
                           "       heddle_differential --graph DIR --model SPEC [--verbose]\n");
      return 2;
    }
  }
  if (graph.empty() != model.empty()) {
    std::fprintf(stderr, "heddle_differential: --graph and --model go together\n");
    return 2;
  }
  return graph.empty() ? runRandomCases(options, runCase) : runGiven(graph, model, options.verbose);
}
