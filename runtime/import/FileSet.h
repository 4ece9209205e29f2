//===- FileSet.h - the files of a folder or of a .zip ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Sources that come as several files of fixed names are read alike from a folder and from an
// archive. An archive is decompressed as it is read: nothing is unpacked to disk, and checksums are
// verified at the end of each file.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_FILESET_H
#define HEDDLE_RUNTIME_IMPORT_FILESET_H

#include "runtime/import/Table.h"

#include <map>

namespace heddle::importing {

class FileSet {
public:
  virtual ~FileSet() = default;
  virtual bool has(const std::string &name) const = 0;
  /// Bytes that open(name)'s position() goes up to.
  virtual int64_t bytes(const std::string &name) const = 0;
  /// What errors call the file: "FOLDER/NAME", "ARCHIVE.zip/NAME".
  virtual std::string place(const std::string &name) const = 0;
  virtual absl::StatusOr<std::unique_ptr<ByteSource>> open(const std::string &name) = 0;
};

/// A folder, or a .zip archive. In an archive a name may stand in any one folder.
absl::StatusOr<std::unique_ptr<FileSet>> openFileSet(const std::string &path);

/// Files in memory: (name, text).
std::unique_ptr<FileSet> fileSetOf(std::map<std::string, std::string> files);

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_FILESET_H
