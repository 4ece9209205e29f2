//===- MathFunctions.h - elementary functions in f32 -------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Polynomials in plain multiplications and additions, so that every target gives the same bits and
// kernels need no library. Largest errors in units in the last place, measured by
// tests/unit/codegen/MathTest.cpp: exp and expm1 1, log1p 2, sigmoid 2, tanh 3, gelu of positive
// numbers (erf) 2. Not-a-number goes through; results below the smallest normal number are rounded
// twice.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_CODEGEN_MATHFUNCTIONS_H
#define HEDDLE_COMPILER_CODEGEN_MATHFUNCTIONS_H

#include "compiler/codegen/FunctionBuilder.h"

namespace heddle::compiler {

Value emitExp(FunctionBuilder &f, Value x);
Value emitExpm1(FunctionBuilder &f, Value x);
Value emitLog(FunctionBuilder &f, Value x);   ///< x positive and normal
Value emitLogOfAny(FunctionBuilder &f, Value x); ///< of 0: -inf; below 0: not a number
Value emitLog1p(FunctionBuilder &f, Value x); ///< x >= 0
Value emitSoftplus(FunctionBuilder &f, Value x);
Value emitTanh(FunctionBuilder &f, Value x);
Value emitSigmoid(FunctionBuilder &f, Value x);
Value emitErf(FunctionBuilder &f, Value x);

/// The four words of Philox4x32-10 as runtime/base/Keys.h defines it. Counters are 64-bit
/// integers (scalars or vectors of one length) with 32 bits used, and so are the results; keys are
/// scalars.
std::array<Value, 4> emitPhilox(FunctionBuilder &f, std::array<Value, 4> counter, Value key0,
                                Value key1);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_CODEGEN_MATHFUNCTIONS_H
