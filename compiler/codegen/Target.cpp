//===- Target.cpp - the processors that kernels are compiled for -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/Target.h"
#include "compiler/codegen/CodeGen.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#include <mutex>

using namespace heddle::compiler;

static constexpr llvm::StringLiteral x86Triple = "x86_64-unknown-linux-gnu";

static constexpr llvm::StringLiteral gpuTriple = "nvptx64-nvidia-cuda";

static constexpr TargetSpec targets[] = {
    {"x86-64-v2", x86Triple, "x86-64-v2", 4, true, ""},
    {"x86-64-v3", x86Triple, "x86-64-v3", 8, true, ""},
    {"x86-64-v4", x86Triple, "x86-64-v4", 16, true, ""},
    {"aarch64", "aarch64-unknown-linux-gnu", "generic", 4, true, ""},
    // What is emitted for 16 lanes, on machines without such registers.
    {"x86-64-v3-wide", x86Triple, "x86-64-v3", 16, false, ""},
    {"sm_75", gpuTriple, "sm_75", 4, true, "+ptx63"},
    {"sm_80", gpuTriple, "sm_80", 4, true, "+ptx70"},
    {"sm_90", gpuTriple, "sm_90", 4, true, "+ptx78"},
};

llvm::ArrayRef<TargetSpec> heddle::compiler::allTargets() { return targets; }

static void initializeBackEnds() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
  });
}

const TargetSpec *heddle::compiler::findTarget(llvm::StringRef name) {
  initializeBackEnds();
  for (const TargetSpec &target : targets) {
    std::string ignored;
    if (target.name == name &&
        llvm::TargetRegistry::lookupTarget(llvm::Triple(target.triple), ignored))
      return &target;
  }
  return nullptr;
}

static std::vector<std::string> shippedTargets(bool gpus) {
  std::vector<std::string> names;
  for (const TargetSpec &target : targets)
    if (target.shipped && target.isGpu() == gpus && findTarget(target.name))
      names.push_back(target.name.str());
  return names;
}
std::vector<std::string> heddle::compiler::kernelTargets() { return shippedTargets(false); }
std::vector<std::string> heddle::compiler::gpuTargets() { return shippedTargets(true); }

std::string heddle::compiler::hostKernelTarget() {
  llvm::Triple host(llvm::sys::getDefaultTargetTriple());
  if (host.isAArch64())
    return "aarch64";
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  auto all = [&](std::initializer_list<llvm::StringRef> names) {
    return llvm::all_of(names, [&](llvm::StringRef name) { return features.lookup(name); });
  };
  if (!all({"avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"}))
    return "x86-64-v2";
  if (!all({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}))
    return "x86-64-v3";
  return "x86-64-v4";
}
