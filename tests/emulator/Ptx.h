//===- Ptx.h - PTX text, decoded for an emulated device ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What LLVM writes for an NVIDIA GPU, as far as kernels of plans and of the sampler use it:
// integers, f32 and f64 arithmetic, branches, loads and stores of all state spaces, shuffles,
// barriers, atomics. Text with anything else is refused with the line, as a driver's assembler does
// it.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_EMULATOR_PTX_H
#define HEDDLE_TESTS_EMULATOR_PTX_H

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace heddle::emulator {

struct Range;
struct Lanes;
struct Instruction;
/// An operation without control or memory on the lanes of `mask`.
using Operation = void (*)(Lanes &, const Instruction &, uint32_t mask);

/// Where a thread's own memory and its block's are among generic addresses.
inline constexpr uint64_t localWindow = uint64_t(0x7d) << 40, sharedWindow = uint64_t(0x7e) << 40;
inline constexpr uint64_t windowBytes = uint64_t(1) << 40;
/// Threads of a warp.
inline constexpr int warpLanes = 32;

enum class Kind : uint8_t {
  Operation,
  Branch,
  Return,
  Load,
  Store,
  Atomic,
  Shuffle,
  Ballot,
  WarpBarrier,
  BlockBarrier,
  Special
};
enum class Space : uint8_t { Generic, Global, Shared, Local, Param };
enum class SpecialRegister : uint8_t { Tid, Ntid, Ctaid, Nctaid, CtaidY, NctaidY, LaneId };

struct Instruction {
  Kind kind = Kind::Operation;
  Operation operation = nullptr;
  int guard = -1; ///< predicate register, or none
  bool guardNot = false;
  /// Registers: of the 32-bit, the 64-bit or the predicate bank, as the operation has it.
  /// Immediates are registers that hold a constant.
  int to = -1, a = -1, b = -1, c = -1;
  int values[4] = {-1, -1, -1, -1}; ///< of a load or store
  int target = -1;                  ///< Branch: number of the instruction
  // Memory.
  Space space = Space::Generic;
  uint8_t count = 1, bytes = 4; ///< of a vector; of an element
  bool wide = false;            ///< elements stand in 64-bit registers
  bool sign = false;            ///< narrower ones are extended with their sign
  bool relaxed = false;         ///< a load that other threads' atomics may race with
  int64_t offset = 0;           ///< the address is register `a`, if any, and this
  enum class Update : uint8_t { Add, Or, And, Max, Min, Exchange } update = Update::Add;
  SpecialRegister special = SpecialRegister::Tid;
  int line = 0;
  mutable const Range *last = nullptr; ///< where the last access fell
};

struct Kernel {
  std::string name;
  std::vector<Instruction> code;
  struct Parameter {
    uint64_t offset, bytes;
  };
  std::vector<Parameter> parameters;
  uint64_t parameterBytes = 0, sharedBytes = 0, localBytes = 0;
  int registers32 = 0, registers64 = 0, predicates = 0;
  std::vector<std::pair<int, uint32_t>> constants32;
  std::vector<std::pair<int, uint64_t>> constants64;
  std::vector<std::pair<int, uint64_t>> dataAddresses; ///< offsets into the module's data
  std::vector<std::pair<int, bool>> constantPredicates;
};

/// A module: its kernels by name, and the text by lines for messages.
struct Ptx {
  std::map<std::string, std::unique_ptr<Kernel>> kernels;
  /// Arrays of the module, one behind the other.
  std::vector<char> data;
  std::vector<std::string> lines;
  int target = 0; ///< 75 of sm_75
};

/// Null with `error` set (line and what is wrong with it).
std::unique_ptr<Ptx> parsePtx(const std::string &text, std::string &error);

/// How an operation is done, by its name in PTX; `operands` says the bank of each operand in order
/// ('p' predicate, 'r' 32 bits, 'd' 64 bits). Null if unknown.
struct KnownOperation {
  Operation run;
  const char *operands;
};
const KnownOperation *findOperation(const std::string &name);

} // namespace heddle::emulator

#endif // HEDDLE_TESTS_EMULATOR_PTX_H
