//===- Npy.h - NumPy's array files -------------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// .npy versions 1 to 3: little-endian, C order, numbers and booleans. Object arrays (pickles) are
// refused, always. Every number of a header is checked against the file's size before it is used.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_NPY_H
#define HEDDLE_RUNTIME_BASE_NPY_H

#include "runtime/base/Checksum.h"
#include "runtime/base/MappedFile.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heddle {

/// Bytes of one element of "float16/32/64", "bfloat16" (in a file: V2, bytes that NumPy does not
/// interpret), "int8..64", "uint8..64", "bool"; 0 for another name.
int64_t dtypeBytes(std::string_view dtype);
/// Whether it is one of "float16/32/64" and "bfloat16".
bool isFloatingDtype(std::string_view dtype);
/// The names dtypeBytes knows.
const std::vector<std::string> &dtypeNames();

struct NpyHeader {
  std::string dtype;
  std::vector<int64_t> shape;
  int64_t count = 0;      ///< elements: the product of the shape
  int64_t dataOffset = 0; ///< bytes before the first element
  int64_t dataBytes() const { return count * dtypeBytes(dtype); }
};

/// Parses the header of a file of `fileBytes` bytes, of which `head` holds the beginning (10 bytes
/// plus the header's length, or the whole file). `file` is what errors call it.
absl::StatusOr<NpyHeader> parseNpyHeader(std::string_view head, int64_t fileBytes,
                                         const std::string &file);

/// A mapped array. Bytes after the data are an error, so a truncated or joined file is noticed.
class NpyArray {
public:
  NpyArray() = default;
  static absl::StatusOr<NpyArray> open(const std::string &path);

  const NpyHeader &header() const { return header_; }
  const std::string &dtype() const { return header_.dtype; }
  const std::vector<int64_t> &shape() const { return header_.shape; }
  int64_t count() const { return header_.count; }
  const std::string &path() const { return path_; }
  const MappedFile &file() const { return file_; }
  /// The first element; nullptr for an empty array. Elements may be unaligned if the writer was not
  /// NumPy; isAligned() says.
  const void *data() const {
    return header_.count == 0 ? nullptr : file_.data() + header_.dataOffset;
  }
  /// Caller checked dtype() and isAligned().
  template <typename T> const T *as() const { return static_cast<const T *>(data()); }
  bool isAligned() const { return header_.dataOffset % 8 == 0; }

  /// An error naming the file unless dtype and shape agree (-1 in `shape`: any length).
  absl::Status expect(const std::string &dtype, const std::vector<int64_t> &shape) const;

private:
  std::string path_;
  MappedFile file_;
  NpyHeader header_;
};

/// "int64 [3, 4]"
std::string npyTypeName(const std::string &dtype, const std::vector<int64_t> &shape);

/// Writes an array row by row. The first dimension may be unknown until close(), which writes it
/// into the header. A writer destroyed before close() leaves an unusable file to its directory's owner.
class NpyWriter {
public:
  NpyWriter() = default;
  NpyWriter(NpyWriter &&other) noexcept;
  NpyWriter &operator=(NpyWriter &&other) noexcept;
  ~NpyWriter();

  /// `rowShape`: the dimensions after the first ({} for a vector). `expectedRows`: -1 if unknown;
  /// a right guess saves close() from reading the file again for its checksum.
  static absl::StatusOr<NpyWriter> create(const std::string &path, const std::string &dtype,
                                          const std::vector<int64_t> &rowShape,
                                          int64_t expectedRows = -1);
  /// Appends `rows` rows, C order.
  absl::Status append(const void *data, int64_t rows);
  int64_t rows() const { return rows_; }
  /// Writes what is buffered and the header. Errors on a full disk.
  absl::Status close();
  /// After close().
  int64_t fileBytes() const { return fileBytes_; }
  const std::string &checksum() const { return checksum_; }

private:
  absl::Status flush();
  std::string headerText(int64_t rows) const;

  std::string path_, dtype_;
  std::vector<int64_t> rowShape_;
  int fd_ = -1;
  int64_t rowBytes_ = 0, rows_ = 0, expectedRows_ = -1, fileBytes_ = 0;
  std::vector<char> buffer_;
  Checksum running_;
  std::string checksum_;
};

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_NPY_H
