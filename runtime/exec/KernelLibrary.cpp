//===- KernelLibrary.cpp - generated kernels, loaded -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/KernelLibrary.h"

#include "runtime/base/CpuLevel.h"
#include "runtime/base/Suggest.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

namespace heddle::exec {

KernelLibrary::~KernelLibrary() {
  if (handle_)
    dlclose(handle_);
  if (file_ >= 0)
    close(file_);
}

absl::StatusOr<std::unique_ptr<KernelLibrary>> KernelLibrary::load(const plan::PlanT &plan,
                                                                   const std::string &level) {
  std::unique_ptr<KernelLibrary> self(new KernelLibrary);
  std::vector<std::string> runs = cpuLevels(), has;
  for (const auto &library : plan.libraries)
    has.push_back(library->target);
  auto listed = [](const std::vector<std::string> &names) {
    std::string text;
    for (const std::string &name : names)
      text += (text.empty() ? "" : ", ") + name;
    return text.empty() ? std::string("none") : text;
  };
  if (!level.empty()) {
    if (std::find(has.begin(), has.end(), level) == has.end())
      return invalidArgument("kernels: the plan has no library for '" + level + "'" +
                             suggestion(level, has));
    if (!cpuRuns(level))
      return failedPrecondition("kernels: this CPU does not run '" + level + "' (it runs " +
                                listed(runs) + "); choose one of these");
    runs = {level};
  }
  if (plan.kernels.empty())
    return self;
  const plan::KernelLibraryT *best = nullptr;
  for (const std::string &name : runs)
    for (const auto &library : plan.libraries)
      if (!best && library->target == name)
        best = library.get();
  if (!best)
    return failedPrecondition("kernels: the plan has libraries for " + listed(has) +
                              ", this CPU runs " + listed(runs) +
                              "; recompile with --cpu-levels for this machine");
  std::string place = "kernels: library '" + best->target + "'";
  HEDDLE_RETURN_IF_ERROR(checkKernelObject(best->object, place));

  // Kept open as long as the library: the loader knows libraries by their path, and a number that
  // was given out again would name the wrong one.
  self->file_ = memfd_create("heddle-kernels", MFD_CLOEXEC);
  if (self->file_ < 0)
    return internalError(place + ": no memory file for it: " + std::strerror(errno));
  for (size_t at = 0; at < best->object.size();) {
    ssize_t wrote = write(self->file_, best->object.data() + at, best->object.size() - at);
    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote <= 0)
      return internalError(place + ": it cannot be written to memory: " + std::strerror(errno));
    at += static_cast<size_t>(wrote);
  }
  std::string path = "/proc/self/fd/" + std::to_string(self->file_);
  self->handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!self->handle_) {
    const char *why = dlerror();
    return internalError(place + ": it cannot be loaded: " + (why ? why : "unknown") +
                         "; recompile with heddle-compile");
  }
  self->target_ = best->target;
  for (const auto &kernel : plan.kernels) {
    void *symbol = dlsym(self->handle_, kernel->symbol.c_str());
    if (!symbol)
      return invalidArgument(place + ": the kernel '" + kernel->symbol +
                             "' is missing; recompile with heddle-compile");
    self->kernels_.push_back(reinterpret_cast<KernelFunction>(symbol));
  }
  return self;
}

} // namespace heddle::exec
