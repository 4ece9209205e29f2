//===- FileError.h - why a file cannot be opened, and what to do -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_FILEERROR_H
#define HEDDLE_RUNTIME_BASE_FILEERROR_H

#include "runtime/base/Status.h"

#include <string>

namespace heddle {

/// What to do about `path` that could not be opened for reading with the errno `error`: a name
/// beside it that is nearly the same, the first folder of it that is missing, permissions, limits;
/// `otherwise` if nothing better is known. The file system is looked at again.
std::string openRemedy(const std::string &path, int error,
                       const std::string &otherwise = "check the name");

/// "PATH: cannot open: WHY; REMEDY". kNotFound where there is no such file, kInvalidArgument
/// otherwise.
absl::Status cannotOpen(const std::string &path, int error,
                        const std::string &otherwise = "check the name");

/// "PATH: not a regular file; REMEDY": for what is there and is no file, a folder most of the time.
absl::Status notAFile(const std::string &path);

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_FILEERROR_H
