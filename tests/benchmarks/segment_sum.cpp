//===- segment_sum.cpp - gather and sum against memory bandwidth -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// segment_sum [width] [sources] [degree]: one core adds, for each destination, the rows of `degree`
// random sources. Compared: sequential reading of the same array, a plain C++ loop (this compiler,
// -O2), and the generated kernel, on small and on huge pages.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/CodeGen.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <random>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

using namespace heddle;

static double seconds(llvm::function_ref<void()> body) {
  double best = 1e30;
  for (int i = 0; i < 7; ++i) {
    auto start = std::chrono::steady_clock::now();
    body();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

static float *allocate(size_t numbers, bool huge) {
  size_t bytes = (numbers * 4 + (1 << 21) - 1) & ~size_t((1 << 21) - 1);
  auto *pointer = static_cast<float *>(aligned_alloc(1 << 21, bytes));
  madvise(pointer, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  for (size_t i = 0; i < numbers; ++i)
    pointer[i] = float(i % 101);
  return pointer;
}

__attribute__((noinline)) static void plainLoop(const float *x, const int32_t *ptr,
                                                const int32_t *src, float *out, int64_t rows,
                                                int64_t width) {
  for (int64_t d = 0; d < rows; ++d) {
    for (int64_t j = 0; j < width; ++j)
      out[d * width + j] = 0;
    for (int32_t e = ptr[d]; e < ptr[d + 1]; ++e)
      for (int64_t j = 0; j < width; ++j)
        out[d * width + j] += x[src[e] * width + j];
  }
}

int main(int argc, char **argv) {
  int64_t width = argc > 1 ? std::atoll(argv[1]) : 64,
          sources = argc > 2 ? std::atoll(argv[2]) : 1000000;
  int64_t degree = argc > 3 ? std::atoll(argv[3]) : 20, rows = 2000000 / degree;
  std::string w = std::to_string(width), adj = "!hgnn.adj<0, @r from @s to @t>";
  std::string text =
      "hgnn.kernel @sum { ^bb0(%x: !hgnn.tensor<rows(1, @s) : " + w + "xf32>, %a: " + adj +
      "):\n%e = hgnn.gather_src %x, %a : !hgnn.tensor<rows(1, @s) : " + w + "xf32>, " + adj +
      "\n%y = hgnn.reduce_dst %e, %a : !hgnn.tensor<edges(0, @r) : " + w + "xf32>, " + adj +
      "\nhgnn.yield %y : !hgnn.tensor<active(0, @r) : " + w + "xf32>\n}\n";
  mlir::MLIRContext context;
  context.loadDialect<hgnn::HgnnDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  auto signature = compiler::analyzeKernel(*module->getOps<hgnn::KernelOp>().begin());
  std::string level = argc > 4 ? argv[4] : compiler::hostKernelTarget();
  auto libraries = compiler::compileKernels(*module, {*signature}, {level});
  if (mlir::failed(libraries))
    return 1;
  std::string path =
      (std::filesystem::temp_directory_path() / "heddle-segment-sum-XXXXXX").string();
  int descriptor = mkstemp(path.data());
  const auto &object = libraries->front().object;
  bool written = write(descriptor, object.data(), object.size()) == ssize_t(object.size());
  close(descriptor);
  void *handle = dlopen(path.c_str(), RTLD_NOW);
  unlink(path.c_str());
  if (!written || !handle)
    return 1;
  auto kernel =
      reinterpret_cast<void (*)(void *const *, int64_t, int64_t, int64_t)>(dlsym(handle, "sum"));

  std::mt19937 rng(1);
  std::vector<int32_t> ptr{0}, src;
  for (int64_t d = 0; d < rows; ++d) {
    for (int64_t e = 0; e < degree; ++e)
      src.push_back(int32_t(rng() % uint64_t(sources)));
    ptr.push_back(int32_t(src.size()));
  }
  std::printf("width %lld, %lld sources, %lld destinations of degree %lld, %s\n", (long long)width,
              (long long)sources, (long long)rows, (long long)degree, level.c_str());
  double gathered = double(src.size()) * double(width) * 4e-9;
  for (bool huge : {false, true}) {
    float *x = allocate(size_t(sources * width), huge), *out = allocate(size_t(rows * width), huge);
    volatile float sink = 0;
    double read = seconds([&] {
      float sums[64] = {};
      for (size_t i = 0, n = size_t(sources * width) / 64 * 64; i < n; i += 64)
        for (size_t j = 0; j < 64; ++j)
          sums[j] += x[i + j];
      sink = sink + sums[0] + sums[63];
    });
    double bandwidth = double(sources * width) * 4e-9 / read;
    double plain = seconds([&] { plainLoop(x, ptr.data(), src.data(), out, rows, width); });
    void *args[] = {x, ptr.data(), src.data(), out};
    double ours = seconds([&] { kernel(args, 0, rows, 0); });
    std::printf(
        "%s pages: sequential %.2f GB/s; plain loop %.2f (%.2f of it); kernel %.2f (%.2f of it)\n",
        huge ? "huge" : "small", bandwidth, gathered / plain, gathered / plain / bandwidth,
        gathered / ours, gathered / ours / bandwidth);
    std::free(x);
    std::free(out);
  }
  return 0;
}
