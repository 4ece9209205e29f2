//===- Nccl.cpp - NVIDIA's library of collectives, found at run time -------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Nccl.h"

#include <cstdlib>
#include <dlfcn.h>

namespace heddle::cuda {
namespace {

constexpr const char *remedy =
    "; install NCCL 2.14 or later and name its folder in LD_LIBRARY_PATH, or run with "
    "--transport host";

absl::StatusOr<Nccl> functionsOf(void *library, const std::string &name) {
  Nccl nccl;
  std::string missing;
#define HEDDLE_LOAD(NAME, ARGUMENTS)                                                               \
  nccl.NAME = reinterpret_cast<decltype(nccl.NAME)>(dlsym(library, #NAME));                        \
  if (!nccl.NAME && missing.empty())                                                               \
    missing = #NAME;
  HEDDLE_NCCL(HEDDLE_LOAD)
  HEDDLE_NCCL_WORDS(HEDDLE_LOAD)
#undef HEDDLE_LOAD
  if (nccl.ncclGetVersion && nccl.ncclGetVersion(&nccl.version) != ncclOk)
    nccl.version = 0;
  if (!missing.empty() || nccl.version < ncclOldest)
    return failedPrecondition(
        "NCCL: " + name + " is " +
        (nccl.version ? "of version " + ncclVersionText(nccl.version) : "of an unknown version") +
        (missing.empty() ? "" : " and has no " + missing) + remedy);
  return nccl;
}

absl::StatusOr<Nccl> find() {
  std::vector<std::string> folders = {""};
  for (const char *variable : {"NCCL_HOME", "CUDA_HOME"})
    if (const char *home = std::getenv(variable))
      for (const char *sub : {"/lib/", "/lib64/"})
        folders.push_back(std::string(home) + sub);
  for (const char *folder : {"/usr/local/cuda/lib64/", "/usr/local/cuda/lib/", "/usr/local/lib/"})
    folders.push_back(folder);
  std::string tried;
  for (const std::string &folder : folders) {
    const std::string name = folder + "libnccl.so.2";
    if (void *library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL))
      return functionsOf(library, name);
    tried += (tried.empty() ? "" : ", ") + name;
  }
  return failedPrecondition("NCCL: not here (" + tried + " cannot be loaded)" + remedy);
}

} // namespace

absl::StatusOr<Nccl> Nccl::load(const std::string &file) {
  if (void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL))
    return functionsOf(library, file);
  const char *why = dlerror();
  return failedPrecondition("NCCL: " + file + " cannot be loaded (" +
                            (why ? why : "unknown error") + ")" + remedy);
}

absl::StatusOr<const Nccl *> Nccl::get() {
  static const absl::StatusOr<Nccl> loaded = find();
  if (!loaded.ok())
    return loaded.status();
  return &*loaded;
}

std::string Nccl::words(NcclResult result, NcclComm comm) const {
  const char *what = ncclGetErrorString(result), *last = comm ? ncclGetLastError(comm) : nullptr;
  std::string text =
      std::string(what ? what : "unknown error") + " (" + std::to_string(result) + ")";
  if (last && *last)
    text += ": " + std::string(last);
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  for (char &c : text)
    c = c == '\n' ? ' ' : c;
  return text;
}

std::string ncclVersionText(int version) {
  const int major = version >= 10000 ? version / 10000 : version / 1000,
            minor = version >= 10000 ? version / 100 % 100 : version / 100 % 10;
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(version % 100);
}

} // namespace heddle::cuda
