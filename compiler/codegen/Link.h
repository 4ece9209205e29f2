//===- Link.h - an object file to a shared object ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_CODEGEN_LINK_H
#define HEDDLE_COMPILER_CODEGEN_LINK_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <string>
#include <vector>

namespace heddle::compiler {

/// Links `object` with ld.lld: $HEDDLE_LLD if set, else ld.lld-22 or ld.lld from PATH, else from
/// LLVM's folder of tools. Empty with `error` set (one line with the remedy) on failure.
std::vector<uint8_t> linkSharedObject(llvm::ArrayRef<char> object, std::string &error);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_CODEGEN_LINK_H
