//===- Driver.cpp - NVIDIA's libraries, found at run time ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Driver.h"

#include <cstdlib>
#include <dlfcn.h>
#include <vector>

namespace heddle::cuda {
namespace {

/// The first of the names that can be loaded, or null; `tried` lists them all.
void *openFirst(const std::vector<std::string> &names, std::string &tried) {
  for (const std::string &name : names) {
    if (void *library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL))
      return library;
    tried += (tried.empty() ? "" : ", ") + name;
  }
  return nullptr;
}

absl::StatusOr<Driver> loadDriver() {
  std::string tried;
  void *library = openFirst({"libcuda.so.1", "libcuda.so"}, tried);
  if (!library)
    return failedPrecondition("--device=cuda: no NVIDIA driver here (" + tried +
                              " cannot be loaded); install it, or run with --device=cpu");
  Driver driver;
  std::string missing;
#define HEDDLE_LOAD(NAME, ARGUMENTS)                                                               \
  driver.NAME = reinterpret_cast<Result(*) ARGUMENTS>(dlsym(library, #NAME));                      \
  if (!driver.NAME && missing.empty())                                                             \
    missing = #NAME;
  HEDDLE_CUDA_DRIVER(HEDDLE_LOAD)
#undef HEDDLE_LOAD
  if (!missing.empty())
    return failedPrecondition("--device=cuda: the NVIDIA driver here has no " + missing +
                              "; a driver of CUDA 11.4 or later is needed");
  if (Result result = driver.cuInit(0)) {
    const char *why = nullptr;
    driver.cuGetErrorString(result, &why);
    return failedPrecondition("--device=cuda: the NVIDIA driver finds no device that works (" +
                              std::string(why ? why : "unknown error") +
                              "); run with --device=cpu");
  }
  return driver;
}

absl::StatusOr<BlasLibrary> loadBlas() {
  std::vector<std::string> names, folders = {""};
  if (const char *home = std::getenv("CUDA_HOME"))
    folders.push_back(std::string(home) + "/lib64/");
  folders.push_back("/usr/local/cuda/lib64/");
  for (const std::string &folder : folders)
    for (const char *version : {"13", "12", "11"})
      names.push_back(folder + "libcublas.so." + version);
  std::string tried;
  void *library = openFirst(names, tried);
  if (!library)
    return failedPrecondition("--device=cuda: no cuBLAS here (" + tried +
                              " cannot be loaded); install it, or name its folder in "
                              "LD_LIBRARY_PATH");
  BlasLibrary blas;
  std::string missing;
#define HEDDLE_LOAD(NAME, ARGUMENTS)                                                               \
  blas.NAME = reinterpret_cast<int(*) ARGUMENTS>(dlsym(library, #NAME));                           \
  if (!blas.NAME && missing.empty())                                                               \
    missing = #NAME;
  HEDDLE_CUBLAS(HEDDLE_LOAD)
#undef HEDDLE_LOAD
  if (!missing.empty())
    return failedPrecondition("--device=cuda: the cuBLAS here has no " + missing +
                              "; one of CUDA 11 or later is needed");
  return blas;
}

} // namespace

absl::StatusOr<const Driver *> Driver::get() {
  static const absl::StatusOr<Driver> loaded = loadDriver();
  if (!loaded.ok())
    return loaded.status();
  return &*loaded;
}

absl::Status Driver::check(Result result, const std::string &what) const {
  if (result == 0)
    return absl::OkStatus();
  const char *name = nullptr, *why = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &why);
  std::string message = what + ": " + (why ? why : "unknown error") + " (" +
                        (name ? std::string(name) : std::to_string(result)) + ")";
  if (result == outOfMemory)
    return absl::ResourceExhaustedError(absl::string_view(
        message + "; use a smaller batch_size or fanout, or run with --device=cpu"));
  return internalError(message);
}

absl::StatusOr<const BlasLibrary *> BlasLibrary::get() {
  static const absl::StatusOr<BlasLibrary> loaded = loadBlas();
  if (!loaded.ok())
    return loaded.status();
  return &*loaded;
}

absl::Status BlasLibrary::check(int status, const std::string &what) const {
  return status == 0 ? absl::OkStatus()
                     : internalError(what + ": cuBLAS status " + std::to_string(status));
}

} // namespace heddle::cuda
