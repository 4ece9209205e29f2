//===- CpuLevel.cpp - which kernels this CPU can run -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/CpuLevel.h"

#include <algorithm>

namespace heddle {

std::vector<std::string> cpuLevels() {
  std::vector<std::string> levels;
#if defined(__x86_64__)
  // Asked feature by feature, as the levels of the psABI are spelt out: gcc before 14 and clang do
  // not agree on which level names the builtin takes. The builtin also asks the operating system
  // whether it saves the wide registers.
  __builtin_cpu_init();
  bool v2 = __builtin_cpu_supports("sse3") && __builtin_cpu_supports("ssse3") &&
            __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("sse4.2") &&
            __builtin_cpu_supports("popcnt");
  bool v3 = v2 && __builtin_cpu_supports("avx") && __builtin_cpu_supports("avx2") &&
            __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
            __builtin_cpu_supports("fma");
  bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vl");
  if (v4)
    levels.push_back("x86-64-v4");
  if (v3)
    levels.push_back("x86-64-v3");
  if (v2)
    levels.push_back("x86-64-v2");
#elif defined(__aarch64__)
  levels.push_back("aarch64");
#endif
  return levels;
}

bool cpuRuns(std::string_view level) {
  std::vector<std::string> levels = cpuLevels();
  return std::find(levels.begin(), levels.end(), level) != levels.end();
}

} // namespace heddle
