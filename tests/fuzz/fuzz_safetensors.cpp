//===- fuzz_safetensors.cpp - any bytes as a safetensors header ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The first byte is the size of the data behind the header. What is accepted lies within the file.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Safetensors.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  std::string_view text(reinterpret_cast<const char *>(data) + 1, size - 1);
  const int64_t fileSize = 8 + int64_t(text.size()) + data[0];
  auto header = heddle::train::parseSafetensorsHeader(text, fileSize, "fuzz");
  if (!header.ok())
    return 0;
  int64_t end = 8 + int64_t(text.size());
  for (const auto &tensor : header->tensors) {
    if (tensor.offset != end || tensor.bytes < 0)
      std::abort();
    end += tensor.bytes;
  }
  if (end != fileSize)
    std::abort();
  return 0;
}
