//===- SourceFormat.h - which importer a source is for -----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_SOURCEFORMAT_H
#define HEDDLE_RUNTIME_IMPORT_SOURCEFORMAT_H

#include "runtime/base/Status.h"

namespace heddle::importing {

/// "wordnet", "hgb", "ntriples" or "table" for a file or folder, by what a folder holds, by a
/// file's suffix, and by its first bytes where the suffix says nothing. A file that nothing is
/// recognised in is a table's descriptor; a folder that nothing is recognised in is an error that
/// lists what is looked for.
absl::StatusOr<std::string> sourceFormat(const std::string &path);

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_SOURCEFORMAT_H
