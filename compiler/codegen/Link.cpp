//===- Link.cpp - an object file to a shared object ------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/Link.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

using namespace llvm;

static std::string findLinker(std::string &error) {
  if (const char *named = std::getenv("HEDDLE_LLD"); named && *named) {
    if (sys::fs::can_execute(named))
      return named;
    error = std::string("HEDDLE_LLD names ") + named + ", which is not a program";
    return {};
  }
  for (const char *name : {"ld.lld-22", "ld.lld"}) {
    if (auto path = sys::findProgramByName(name))
      return *path;
    if (auto path = sys::findProgramByName(name, {HEDDLE_LLVM_TOOLS_DIR}))
      return *path;
  }
  error =
      "no ld.lld-22 or ld.lld in PATH; install the package lld-22 or set HEDDLE_LLD to the linker";
  return {};
}

std::vector<uint8_t> heddle::compiler::linkSharedObject(ArrayRef<char> object, std::string &error) {
  std::string linker = findLinker(error);
  if (linker.empty())
    return {};
  SmallString<128> input, output, messages;
  int descriptor = -1;
  if (auto code = sys::fs::createTemporaryFile("heddle-kernels", "o", descriptor, input)) {
    error = "cannot create a temporary file: " + code.message();
    return {};
  }
  FileRemover removeInput(input);
  {
    raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
    stream.write(object.data(), object.size());
    stream.close();
    if (stream.has_error()) {
      error = "cannot write " + input.str().str() + ": " + stream.error().message();
      stream.clear_error();
      return {};
    }
  }
  if (auto code = sys::fs::createTemporaryFile("heddle-kernels", "so", output)) {
    error = "cannot create a temporary file: " + code.message();
    return {};
  }
  FileRemover removeOutput(output);
  if (auto code = sys::fs::createTemporaryFile("heddle-kernels", "txt", messages)) {
    error = "cannot create a temporary file: " + code.message();
    return {};
  }
  FileRemover removeMessages(messages);
  // The loader checks for itself that only memcpy, memset and memmove are left undefined.
  SmallVector<StringRef> arguments{
      linker, "-shared", "-o",         output, input, "--build-id=none", "--hash-style=gnu",
      "-s",   "-z",      "noexecstack"};
  std::optional<StringRef> redirects[] = {StringRef(), messages.str(), messages.str()};
  std::string failure;
  int result =
      sys::ExecuteAndWait(linker, arguments, std::nullopt, redirects, /*SecondsToWait=*/120,
                          /*MemoryLimit=*/0, &failure);
  if (result != 0) {
    auto text = MemoryBuffer::getFile(messages);
    StringRef first = text ? (*text)->getBuffer().split('\n').first : StringRef(failure);
    error = linker + " failed: " + (first.empty() ? failure : first.str());
    return {};
  }
  auto buffer = MemoryBuffer::getFile(output);
  if (!buffer) {
    error = "cannot read " + output.str().str() + ": " + buffer.getError().message();
    return {};
  }
  StringRef bytes = (*buffer)->getBuffer();
  return std::vector<uint8_t>(bytes.bytes_begin(), bytes.bytes_end());
}
