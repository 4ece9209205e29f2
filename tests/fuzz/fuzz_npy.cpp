//===- fuzz_npy.cpp - any bytes are an array or one error ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Npy.h"

#include <cstdlib>

using namespace heddle;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  auto header = parseNpyHeader(text, int64_t(size), "fuzz.npy");
  if (!header.ok()) {
    if (exitCodeOf(header.status()) != 2)
      std::abort();
    return 0;
  }
  // What a header promises is in the file: a reader may go through all of it.
  int64_t product = 1;
  for (int64_t n : header->shape)
    product *= n;
  if (product != header->count || header->dataOffset < 0 ||
      header->dataOffset + header->dataBytes() > int64_t(size))
    std::abort();
  volatile uint8_t sum = 0;
  for (int64_t i = 0; i < header->dataBytes(); ++i)
    sum = sum + data[header->dataOffset + i];
  return 0;
}
