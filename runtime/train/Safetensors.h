//===- Safetensors.h - weights in the safetensors format ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A file is a little-endian 64-bit header length, a JSON header that names each tensor's dtype,
// shape and byte range, and the bytes. Files come from other people: everything is checked against
// the file's size before anything is allocated from it.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_SAFETENSORS_H
#define HEDDLE_RUNTIME_TRAIN_SAFETENSORS_H

#include "runtime/base/AtomicOutput.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace heddle::train {

/// The format's own limit.
inline constexpr int64_t maxSafetensorsHeader = 100000000;

struct TensorInfo {
  std::string name;
  std::string dtype; ///< BOOL U8 I8 F8_E4M3 F8_E5M2 U16 I16 F16 BF16 U32 I32 F32 U64 I64 F64
  std::vector<int64_t> shape; ///< empty: a scalar
  int64_t offset = 0;         ///< of the first byte, from the start of the file
  int64_t bytes = 0;
};

/// Bytes per element of a safetensors dtype, 0 if there is no such dtype.
int64_t safetensorsItemSize(std::string_view dtype);

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors; ///< by offset
  std::map<std::string, std::string> metadata;
};

/// Parses and checks a header. `text`: the JSON between the length and the data; `fileSize`: of the
/// whole file. Refused: repeated names, unknown dtypes and keys, sizes that do not match the shape,
/// ranges that overlap, leave a hole or end before or after the file.
absl::StatusOr<SafetensorsHeader> parseSafetensorsHeader(std::string_view text, int64_t fileSize,
                                                         const std::string &file);

/// An open file; thread-safe.
class SafetensorsReader {
public:
  static absl::StatusOr<std::unique_ptr<SafetensorsReader>> open(const std::string &path);
  ~SafetensorsReader();
  SafetensorsReader(const SafetensorsReader &) = delete;
  SafetensorsReader &operator=(const SafetensorsReader &) = delete;

  const std::vector<TensorInfo> &tensors() const { return header.tensors; }
  const std::map<std::string, std::string> &metadata() const { return header.metadata; }
  /// nullptr if there is none.
  const TensorInfo *find(const std::string &name) const;
  /// Bytes [begin, begin + count) of `tensor` into `out`. Errors: out of its range, a failed read.
  absl::Status read(const TensorInfo &tensor, int64_t begin, int64_t count, void *out) const;

private:
  SafetensorsReader() = default;
  int fd = -1;
  std::string path;
  SafetensorsHeader header;
  std::map<std::string, size_t> byName;
};

/// Writes a file piece by piece, so that no tensor needs to be in memory at once. The target
/// appears at finish() (temporary name, fsync, rename); a writer destroyed before leaves nothing.
class SafetensorsWriter {
public:
  /// `tensors`: name, dtype and shape of each; offset and bytes are ignored. An existing target is
  /// AlreadyExists without `force`.
  static absl::StatusOr<std::unique_ptr<SafetensorsWriter>>
  create(const std::string &path, std::vector<TensorInfo> tensors,
         const std::map<std::string, std::string> &metadata, bool force);
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter &) = delete;
  SafetensorsWriter &operator=(const SafetensorsWriter &) = delete;

  /// Appends to the tensor of that index in `tensors`. Tensors may be filled in any order.
  absl::Status append(size_t tensor, const void *data, int64_t bytes);
  /// Error (FailedPrecondition): a tensor that is not full.
  absl::Status finish();

private:
  SafetensorsWriter() = default;
  AtomicOutput output;
  int fd = -1;
  std::vector<TensorInfo> tensors;
  std::vector<int64_t> written;
};

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_SAFETENSORS_H
