//===- Counts.cpp - what an emulated device has done -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/emulator/Counts.h"

#include "tests/emulator/Memory.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace heddle::emulator {

void AccessCounter::touch(const Range &range, uint64_t address, uint64_t bytes, bool reads,
                          bool writes) {
  const uint64_t first = range.begin / sectorBytes;
  if (!range.seen)
    range.seen =
        std::make_unique<Seen[]>((range.begin + range.bytes) / sectorBytes - first + 1);
  for (uint64_t sector = address / sectorBytes; sector <= (address + bytes - 1) / sectorBytes;
       ++sector) {
    Seen &seen = range.seen[sector - first];
    if (reads && std::exchange(seen.read, launch_) != launch_)
      ++counts_.loads.least;
    if (writes && std::exchange(seen.written, launch_) != launch_)
      ++counts_.stores.least;
    host_[numSectors_] = range.pinned;
    sectors_[numSectors_++] = sector;
  }
  ++numThreads_;
}

void AccessCounter::touchShared(uint64_t address, int lane) {
  shared_[lane] = address;
  sharedLanes_ |= uint32_t(1) << lane;
}

void AccessCounter::finish(uint64_t bytes, bool reads, bool writes) {
  if (numThreads_ > 0) {
    uint64_t different = 0, host = 0;
    // Most are in order: what is not the last one's is looked for among all.
    for (int i = 0; i < numSectors_; ++i)
      if ((i == 0 || sectors_[i] != sectors_[i - 1]) &&
          std::find(sectors_, sectors_ + i, sectors_[i]) == sectors_ + i)
        ++different, host += host_[i];
    auto add = [&](KernelCounts::Global &to) {
      ++to.accesses;
      to.bytes += bytes * uint64_t(numThreads_);
      to.sectors += different;
      to.host += host;
    };
    if (reads)
      add(counts_.loads);
    if (writes)
      add(counts_.stores);
  }
  if (sharedLanes_) {
    ++counts_.shared.accesses;
    // 32 banks of 4 bytes: of wider accesses as many threads go at a time as they serve.
    constexpr uint64_t banks = 32, wordBytes = 4;
    const uint64_t words = std::max<uint64_t>(1, bytes / wordBytes);
    const int atOnce = warpLanes / int(words);
    for (int first = 0; first < warpLanes; first += atOnce) {
      uint64_t used[banks][warpLanes];
      int inBank[banks] = {}, most = 0;
      for (int lane = first; lane < first + atOnce; ++lane)
        for (uint64_t w = 0; w < words && (sharedLanes_ >> lane & 1); ++w) {
          const uint64_t word = shared_[lane] / wordBytes + w, bank = word % banks;
          uint64_t *end = used[bank] + inBank[bank];
          if (std::find(used[bank], end, word) == end) {
            *end = word;
            most = std::max(most, ++inBank[bank]);
          }
        }
      counts_.shared.extra += uint64_t(std::max(0, most - 1));
    }
  }
  numSectors_ = numThreads_ = 0;
  sharedLanes_ = 0;
}

Counts *Counts::get() {
  static Counts *const counts = []() -> Counts * {
    if (!std::getenv("HEDDLE_EMULATOR_COUNTS"))
      return nullptr;
    std::atexit([] {
      const char *name = std::getenv("HEDDLE_EMULATOR_COUNTS");
      std::FILE *file = name ? std::fopen(name, "w") : nullptr;
      const std::string text = get()->json();
      if (!file || std::fwrite(text.data(), 1, text.size(), file) != text.size())
        std::fprintf(stderr, "emulated device: HEDDLE_EMULATOR_COUNTS: cannot write '%s'\n",
                     name ? name : "");
      if (file)
        std::fclose(file);
    });
    return new Counts; // outlives whoever calls at exit
  }();
  return counts;
}

std::string Counts::json() const {
  std::string text = "{\"calls\": {";
  auto number = [&](const char *name, uint64_t value, bool first = false) {
    text += std::string(first ? "" : ", ") + "\"" + name + "\": " + std::to_string(value);
  };
  const char *separator = "\n";
  for (const auto &[name, call] : calls_) {
    text += separator + ("  \"" + name + "\": {");
    number("calls", call.calls, true);
    if (call.bytes)
      number("bytes", call.bytes);
    if (call.flops)
      number("flops", call.flops);
    text += "}";
    separator = ",\n";
  }
  text += "},\n \"kernels\": {";
  separator = "\n";
  for (const auto &[name, kernel] : kernels_) {
    text += separator + ("  \"" + name + "\": {");
    number("launches", kernel.launches, true);
    number("blocks", kernel.blocks);
    number("threads", kernel.threads);
    number("instructions", kernel.instructions);
    number("lanes", kernel.lanes);
    for (const auto &[what, global] :
         {std::pair("loads", &kernel.loads), std::pair("stores", &kernel.stores)}) {
      text += std::string(", \"") + what + "\": {";
      number("accesses", global->accesses, true);
      number("bytes", global->bytes);
      number("sectors", global->sectors);
      number("least", global->least);
      number("host", global->host);
      text += "}";
    }
    text += ", \"shared\": {";
    number("accesses", kernel.shared.accesses, true);
    number("extra", kernel.shared.extra);
    text += "}}";
    separator = ",\n";
  }
  return text + "}}\n";
}

} // namespace heddle::emulator
