//===- MappedFile.h - a file read as memory ----------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_MAPPEDFILE_H
#define HEDDLE_RUNTIME_BASE_MAPPEDFILE_H

#include "runtime/base/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace heddle {

/// A regular file, read-only, as one range of memory aligned to 64 bytes. Small files are copied to
/// the heap: a graph of many relations would otherwise meet the kernel's limit of mappings.
class MappedFile {
public:
  enum class Advice { Normal, Sequential, Random, WillNeed, HugePages };

  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  ~MappedFile();

  /// Errors name the path: absent, not a regular file, not readable.
  static absl::StatusOr<MappedFile> open(const std::string &path);

  const std::byte *data() const { return data_; } ///< nullptr for an empty file
  int64_t size() const { return size_; }
  std::string_view text() const {
    return {reinterpret_cast<const char *>(data_), static_cast<size_t>(size_)};
  }
  /// A hint; what the system refuses is ignored.
  void advise(Advice advice) const;

private:
  const std::byte *data_ = nullptr;
  int64_t size_ = 0;
  bool mapped_ = false;
};

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_MAPPEDFILE_H
