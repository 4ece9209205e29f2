//===- MachineRates.h - how fast a machine is assumed to be ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_COST_MACHINERATES_H
#define HEDDLE_COMPILER_COST_MACHINERATES_H

#include "runtime/plan/Rates.h"

namespace heddle::compiler {

using plan::MachineRates;

/// What is assumed of a machine that nothing is said about: one ordinary server socket, all cores.
/// For decisions only the ratios matter; the seconds in remarks are those of such a machine.
inline MachineRates assumedRates() {
  MachineRates rates;
  rates.bytesPerSecond = 20e9;
  rates.streamBytesPerSecond = 30e9;
  rates.flopsPerSecond = 200e9;
  rates.elementFlopsPerSecond = 80e9;
  return rates;
}

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_COST_MACHINERATES_H
