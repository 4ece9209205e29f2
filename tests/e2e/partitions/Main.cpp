//===- Main.cpp - heddle_partitions ---------------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/differential/RandomCases.h"
#include "tests/e2e/partitions/Partitions.h"

#include <cstdio>

using namespace heddle::test;

int main(int argc, char **argv) {
  RandomCasesOptions options;
  for (int i = 1; i < argc; ++i)
    if (!options.take(argc, argv, i)) {
      std::fprintf(stderr, "usage: heddle_partitions [--count N] [--first-seed S] [--verbose]\n");
      return 2;
    }
  return runRandomCases(options, runCase);
}
