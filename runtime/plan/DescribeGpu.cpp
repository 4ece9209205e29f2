//===- DescribeGpu.cpp - a plan's code for GPUs, shown ---------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/DescribeGpu.h"

#include "runtime/base/Format.h"
#include "runtime/base/Suggest.h"
#include "runtime/plan/GpuCode.h"
#include "runtime/plan/GpuText.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sstream>
#include <sys/mman.h>
#include <sys/wait.h>
#include <tuple>
#include <unistd.h>
#include <vector>

extern char **environ;

namespace heddle::plan {
namespace {

absl::StatusOr<std::string> findAssembler() {
  std::vector<std::string> folders;
  if (const char *path = std::getenv("PATH")) {
    std::stringstream all(path);
    for (std::string folder; std::getline(all, folder, ':');)
      folders.push_back(folder);
  }
  if (const char *home = std::getenv("CUDA_HOME"))
    folders.push_back(std::string(home) + "/bin");
  folders.push_back("/usr/local/cuda/bin");
  for (const std::string &folder : folders)
    if (std::string program = folder + "/ptxas"; access(program.c_str(), X_OK) == 0)
      return program;
  return failedPrecondition(
      "no ptxas in PATH, $CUDA_HOME/bin or /usr/local/cuda/bin; install NVIDIA's "
      "CUDA toolkit, or look at the code itself with --ptx");
}

/// A file in memory that other programs open by its path.
class MemoryFile {
public:
  explicit MemoryFile(const char *name) : file_(memfd_create(name, 0)) {}
  ~MemoryFile() {
    if (file_ >= 0)
      close(file_);
  }
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;
  int file() const { return file_; }
  std::string path() const {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(file_);
  }
  bool write(const std::string &text) {
    for (size_t at = 0; at < text.size();) {
      ssize_t wrote = ::write(file_, text.data() + at, text.size() - at);
      if (wrote <= 0 && errno != EINTR)
        return false;
      at += wrote > 0 ? size_t(wrote) : 0;
    }
    return file_ >= 0;
  }
  std::string read() const {
    std::string text;
    char block[4096];
    lseek(file_, 0, SEEK_SET);
    for (ssize_t got; (got = ::read(file_, block, sizeof block)) > 0;)
      text.append(block, size_t(got));
    return text;
  }

private:
  int file_;
};

/// What ptxas says of all kernels of a library.
absl::StatusOr<std::string> assemble(const std::string &program, const PlanT &plan,
                                     const KernelLibraryT &library) {
  HEDDLE_ASSIGN_OR_RETURN(std::string code, gpuText(plan, library));
  MemoryFile source("heddle-ptx"), output("heddle-cubin"), messages("heddle-ptxas");
  if (!source.write(code) || output.file() < 0 || messages.file() < 0)
    return internalError("no memory file for the code of " + library.target + ": " +
                         std::strerror(errno));
  const std::string architecture = "-arch=" + library.target, from = source.path(),
                    to = output.path();
  std::vector<const char *> arguments = {
      program.c_str(), "-v", architecture.c_str(), "-o", to.c_str(), from.c_str(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, messages.file(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, messages.file(), STDERR_FILENO);
  pid_t child = -1;
  int error = posix_spawn(&child, program.c_str(), &actions, nullptr,
                          const_cast<char *const *>(arguments.data()), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error)
    return failedPrecondition(program + " cannot be started: " + std::strerror(error));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  std::string text = messages.read();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return failedPrecondition(program + " refuses the code for " + library.target + ":\n" + text);
  return text;
}

struct Resources {
  std::string kernel;
  long registers = 0, shared = 0, stack = 0, spills = 0;
};

/// The number before `what` in a line, or 0.
long numberBefore(const std::string &line, const std::string &what) {
  size_t at = line.find(what), begin = at;
  if (at == std::string::npos)
    return 0;
  while (begin > 0 && (std::isdigit(static_cast<unsigned char>(line[begin - 1])) != 0))
    --begin;
  return std::strtol(line.c_str() + begin, nullptr, 10);
}

std::vector<Resources> resourcesOf(const std::string &messages) {
  std::vector<Resources> all;
  std::istringstream lines(messages);
  for (std::string line; std::getline(lines, line);) {
    const std::string mark = "Compiling entry function '";
    if (size_t at = line.find(mark); at != std::string::npos) {
      size_t begin = at + mark.size();
      all.push_back({line.substr(begin, line.find('\'', begin) - begin)});
    } else if (!all.empty()) {
      Resources &last = all.back();
      last.registers += numberBefore(line, " registers");
      last.shared += numberBefore(line, " bytes smem");
      last.stack += numberBefore(line, " bytes stack frame");
      last.spills +=
          numberBefore(line, " bytes spill stores") + numberBefore(line, " bytes spill loads");
    }
  }
  return all;
}

} // namespace

absl::StatusOr<std::string> gpuText(const PlanT &plan, const std::string &target) {
  std::vector<std::string> has;
  for (const auto &library : plan.libraries) {
    if (!isGpuTarget(library->target))
      continue;
    if (library->target == target)
      return gpuText(plan, *library);
    has.push_back(library->target);
  }
  if (has.empty())
    return failedPrecondition("the plan has no code for a GPU; recompile with --gpu");
  std::string names;
  for (const std::string &name : has)
    names += (names.empty() ? "" : ", ") + name;
  return invalidArgument("--ptx: the plan has no code for '" + target + "', but for " + names +
                         suggestion(target, has));
}

absl::StatusOr<std::string> gpuResources(const PlanT &plan) {
  std::string out;
  for (const auto &library : plan.libraries) {
    if (!isGpuTarget(library->target))
      continue;
    HEDDLE_ASSIGN_OR_RETURN(std::string program, findAssembler());
    HEDDLE_ASSIGN_OR_RETURN(std::string messages, assemble(program, plan, *library));
    TextTable table({{"kernel", TextTable::Align::Left, 60},
                     {"registers", TextTable::Align::Right},
                     {"shared", TextTable::Align::Right},
                     {"stack", TextTable::Align::Right},
                     {"spilled", TextTable::Align::Right}});
    std::vector<Resources> all = resourcesOf(messages);
    // In the plan's order and by the plan's names; what every library has comes last.
    auto numberOf = [&](Resources &found) {
      for (size_t k = 0; k < plan.kernels.size(); ++k)
        if (gpuSymbol(plan.kernels[k]->symbol) == found.kernel) {
          found.kernel = plan.kernels[k]->symbol;
          return k;
        }
      return plan.kernels.size();
    };
    std::vector<std::pair<size_t, Resources>> ordered;
    for (Resources &kernel : all) {
      const size_t number = numberOf(kernel);
      ordered.emplace_back(number, kernel);
    }
    std::sort(ordered.begin(), ordered.end(), [](const auto &a, const auto &b) {
      return std::tie(a.first, a.second.kernel) < std::tie(b.first, b.second.kernel);
    });
    long registers = 0, spills = 0;
    for (const auto &[number, kernel] : ordered) {
      table.addRow({kernel.kernel, std::to_string(kernel.registers), std::to_string(kernel.shared),
                    std::to_string(kernel.stack), std::to_string(kernel.spills)});
      registers = std::max(registers, kernel.registers);
      spills += kernel.spills;
    }
    out += (out.empty() ? "" : "\n") + library->target + ": " + std::to_string(all.size()) +
           " kernels, at most " + std::to_string(registers) + " registers, " +
           (spills ? std::to_string(spills) + " bytes spilled" : "none spilled") + "\n" +
           table.str(2);
  }
  if (out.empty())
    return failedPrecondition("the plan has no code for a GPU; recompile with --gpu");
  return out;
}

} // namespace heddle::plan
