//===- fuzz_plan.cpp - any bytes as a plan ---------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// In a fuzzing build plans have no checksum and no trailer. What the verifier accepts must lay out
// its arena, survive writing and verify again.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/GpuText.h"
#include "runtime/plan/PlanFile.h"

#include <cstdio>
#include <cstdlib>

using namespace heddle;

namespace {
void require(bool ok, const char *what) {
  if (!ok) {
    std::fprintf(stderr, "fuzz_plan: %s\n", what);
    std::abort();
  }
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto plan = plan::parsePlan(data, size, "fuzz");
  if (!plan.ok()) {
    require(messageOf(plan.status()).rfind("fuzz: ", 0) == 0, "an error names no file");
    require(messageOf(plan.status()).find('\n') == std::string::npos, "an error has two lines");
    return 0;
  }
  for (const auto &entry : (*plan)->entries) {
    std::vector<uint64_t> offsets;
    for (uint64_t value : {uint64_t(0), uint64_t(1), uint64_t(1000), UINT64_MAX}) {
      std::vector<uint64_t> symbols(entry->symbols.size(), value);
      plan::layoutArena(*entry, symbols, offsets);
    }
  }
  for (const auto &phase : (*plan)->phases)
    (void)plan::decompressText(phase->text, phase->size);
  for (const auto &library : (*plan)->libraries)
    (void)plan::gpuText(**plan, *library);
  auto bytes = plan::serializePlan(**plan);
  require(plan::parsePlan(bytes.data(), bytes.size(), "fuzz").ok(), "a plan did not survive writing");
  return 0;
}
