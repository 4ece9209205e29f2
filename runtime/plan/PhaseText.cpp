//===- PhaseText.cpp - compressed text in a plan -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/PlanFile.h"

#include <algorithm>
#include <zlib.h>

namespace heddle::plan {

std::vector<uint8_t> compressText(std::string_view text) {
  text = text.substr(0, maximumText);
  uLongf size = compressBound(text.size());
  std::vector<uint8_t> bytes(size);
  compress2(bytes.data(), &size, reinterpret_cast<const Bytef *>(text.data()), text.size(), 6);
  bytes.resize(size);
  return bytes;
}

absl::StatusOr<std::string> decompressText(const std::vector<uint8_t> &bytes, uint64_t size) {
  if (size > maximumText)
    return invalidArgument("compressed text: claims " + std::to_string(size) +
                           " bytes, at most 268435456 are read; recompile with heddle-compile");
  // Grown as the data turns up: a wrong size must not allocate what never comes.
  std::string text;
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK)
    return internalError("compressed text: zlib cannot start");
  stream.next_in = const_cast<Bytef *>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  int rc = Z_OK;
  while (rc == Z_OK && text.size() <= size) {
    size_t at = text.size();
    text.resize(at + std::min<uint64_t>(size - at + 1, uint64_t(1) << 20));
    stream.next_out = reinterpret_cast<Bytef *>(text.data() + at);
    stream.avail_out = static_cast<uInt>(text.size() - at);
    uInt before = stream.avail_out;
    rc = inflate(&stream, Z_NO_FLUSH);
    text.resize(text.size() - stream.avail_out);
    if (rc == Z_OK && before == stream.avail_out)
      break;
  }
  inflateEnd(&stream);
  if (rc != Z_STREAM_END || text.size() != size)
    return invalidArgument("compressed text: it is damaged; recompile with heddle-compile");
  return text;
}

} // namespace heddle::plan
