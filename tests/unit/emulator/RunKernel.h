//===- RunKernel.h - a small kernel on the emulated device -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_EMULATOR_RUNKERNEL_H
#define HEDDLE_TESTS_UNIT_EMULATOR_RUNKERNEL_H

#include "tests/emulator/Launch.h"
#include "tests/emulator/Memory.h"

#include <cstring>
#include <string>
#include <vector>

namespace heddle::emulator {

/// One kernel k(u64 in, u64 out) of the given body and registers; out[thread] is where its result
/// goes.
inline std::string kernelOf(const std::string &body, const std::string &more = "") {
  return ".version 6.3\n.target sm_75\n.address_size 64\n" + more +
         ".visible .entry k(.param .u64 k_param_0, .param .u64 k_param_1)\n{\n"
         ".reg .pred %p<9>; .reg .b16 %rs<9>; .reg .b32 %r<30>; .reg .b64 %rd<30>;\n"
         "ld.param.b64 %rd1, [k_param_0]; ld.param.b64 %rd2, [k_param_1];\n"
         "mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x;\n"
         "mul.wide.u32 %rd3, %r1, 4; add.s64 %rd4, %rd1, %rd3; add.s64 %rd5, %rd2, %rd3;\n" +
         body + "\nret;\n}\n";
}

struct Outcome {
  std::string wrong;
  std::vector<uint32_t> out;
};

/// Runs it on `blocks` of `threads`; in and out are arrays of as many numbers as `in` has;
/// their first ones are at multiples of 256.
inline Outcome runKernel(const std::string &text, std::vector<uint32_t> in, unsigned threads,
                  unsigned blocks = 1, KernelCounts *counts = nullptr) {
  Outcome result;
  auto module = parsePtx(text, result.wrong);
  if (!module)
    return result;
  Memory &memory = Memory::get();
  const uint64_t a = memory.allocate(in.size() * 4), b = memory.allocate(in.size() * 4);
  std::memcpy(memory.find(a, 1)->at(a), in.data(), in.size() * 4);
  Launch launch{module.get(), module->kernels.at("k").get(), 0, blocks, 1, threads, std::vector<char>(16), counts};
  if (!module->data.empty()) {
    launch.data = memory.allocate(module->data.size());
    std::memcpy(memory.find(launch.data, 1)->at(launch.data), module->data.data(),
                module->data.size());
  }
  std::memcpy(launch.parameters.data(), &a, 8);
  std::memcpy(launch.parameters.data() + 8, &b, 8);
  result.wrong = run(launch);
  result.out.resize(in.size());
  std::memcpy(result.out.data(), memory.find(b, 1)->at(b), in.size() * 4);
  memory.release(a), memory.release(b);
  if (launch.data)
    memory.release(launch.data);
  return result;
}

} // namespace heddle::emulator

#endif // HEDDLE_TESTS_UNIT_EMULATOR_RUNKERNEL_H
