//===- MathFunctions.cpp - elementary functions in f32 ---------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// exp, log and tanh follow Moshier's Cephes single-precision library, erf follows Juffa's
// two-interval approximation.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/MathFunctions.h"

using namespace mlir;
using namespace heddle::compiler;

/// Horner's rule, highest coefficient first.
static Value polynomial(FunctionBuilder &f, Value x, std::initializer_list<double> coefficients) {
  Value sum;
  for (double c : coefficients)
    sum = sum ? f.add(f.mul(sum, x), c) : f.f32Like(c, x);
  return sum;
}
static Type intTypeOf(FunctionBuilder &f, Value x) {
  return f.intType(32, FunctionBuilder::laneCount(x.getType()));
}

namespace {
/// e^x = (1 + fraction) * scale1 * scale2, both scales powers of two: one alone may not be a
/// number.
struct ExpParts {
  Value fraction, scale1, scale2;
};
} // namespace

static ExpParts expParts(FunctionBuilder &f, Value x) {
  Type floats = x.getType(), ints = intTypeOf(f, x);
  // The comparisons let not-a-number through to the fraction.
  x = f.select(f.cmp(FPred::OGT, x, f.f32Like(89.0, x)), f.f32Like(89.0, x), x);
  x = f.select(f.cmp(FPred::OLT, x, f.f32Like(-104.0, x)), f.f32Like(-104.0, x), x);
  // Adding 1.5 * 2^23 rounds to an integer and leaves that integer in the low bits.
  constexpr double magic = 12582912.0;
  Value shifted = f.add(f.mul(x, 1.44269504088896341), magic);
  Value rounded = f.sub(shifted, f.f32Like(magic, x));
  Value n = f.subi(f.bitcast(shifted, ints), f.intLike(0x4B400000, f.bitcast(shifted, ints)));
  Value r = f.sub(f.sub(x, f.mul(rounded, 0.693359375)), f.mul(rounded, -2.12194440e-4));
  Value p = polynomial(f, r,
                       {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2,
                        1.6666665459e-1, 5.0000001201e-1});
  Value fraction = f.add(f.mul(p, f.mul(r, r)), r);
  Value half = f.sar(n, 1), rest = f.subi(n, half);
  auto power = [&](Value exponent) { return f.bitcast(f.shl(f.addi(exponent, 127), 23), floats); };
  return {fraction, power(half), power(rest)};
}

Value heddle::compiler::emitExp(FunctionBuilder &f, Value x) {
  ExpParts parts = expParts(f, x);
  return f.mul(f.mul(f.add(parts.fraction, 1.0), parts.scale1), parts.scale2);
}

Value heddle::compiler::emitExpm1(FunctionBuilder &f, Value x) {
  ExpParts parts = expParts(f, x);
  Value scale = f.mul(parts.scale1, parts.scale2);
  Value large = f.mul(f.mul(f.add(parts.fraction, 1.0), parts.scale1), parts.scale2);
  Value small = f.add(f.mul(parts.fraction, scale), f.add(scale, -1.0));
  // From 30 on the scale may overflow and the 1 is lost anyway.
  return f.select(f.cmp(FPred::OGT, x, f.f32Like(30.0, x)), large, small);
}

Value heddle::compiler::emitLog(FunctionBuilder &f, Value x) {
  Type floats = x.getType(), ints = intTypeOf(f, x);
  // x = m * 2^e with m in [sqrt(1/2), sqrt(2)).
  Value bits = f.subi(f.bitcast(x, ints), f.intLike(0x3F3504F3, f.bitcast(x, ints)));
  Value exponent = f.sar(bits, 23);
  Value mantissa = f.bitcast(f.addi(f.andi(bits, 0x007FFFFF), 0x3F3504F3), floats);
  Value e = arith::SIToFPOp::create(f.b, f.loc, floats, exponent);
  Value m = f.add(mantissa, -1.0);
  Value z = f.mul(m, m);
  Value p = polynomial(f, m,
                       {7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1,
                        1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1,
                        3.3333331174e-1});
  Value y = f.mul(f.mul(p, m), z);
  y = f.add(y, f.mul(e, -2.12194440e-4));
  y = f.sub(y, f.mul(z, 0.5));
  Value result = f.add(f.add(m, y), f.mul(e, 0.693359375));
  // Bit tricks lose infinity and not-a-number.
  Value finite = f.cmp(FPred::OLT, x, f.f32Like(std::numeric_limits<float>::infinity(), x));
  return f.select(finite, result, x);
}

Value heddle::compiler::emitLogOfAny(FunctionBuilder &f, Value x) {
  // Numbers without an exponent of their own get one.
  Value tiny = f.cmp(FPred::OLT, x, f.f32Like(std::numeric_limits<float>::min(), x));
  Value scaled = f.select(tiny, f.mul(x, 8388608.0), x);
  Value result = emitLog(f, scaled);
  // ln 2^23 in two parts, so that what is subtracted first is exact.
  Value lower = f.add(f.add(result, -15.9423828125), -2.3403787423603717e-06);
  result = f.select(tiny, lower, result);
  Value zero = f.f32Like(0, x);
  double infinity = std::numeric_limits<double>::infinity();
  result = f.select(f.cmp(FPred::OEQ, x, zero), f.f32Like(-infinity, x), result);
  Value nan = f.f32Like(std::numeric_limits<double>::quiet_NaN(), x);
  return f.select(f.cmp(FPred::OLT, x, zero), nan, result);
}

Value heddle::compiler::emitSoftplus(FunctionBuilder &f, Value x) {
  Value rest = emitLog1p(f, emitExp(f, f.neg(f.abs(x))));
  Value sum = f.add(f.max(x, f.f32Like(0, x)), rest);
  // A comparison loses not-a-number.
  return f.select(f.cmp(FPred::UNO, x, x), x, sum);
}

Value heddle::compiler::emitLog1p(FunctionBuilder &f, Value x) {
  Value sum = f.add(x, 1.0);
  Value lost = f.sub(x, f.add(sum, -1.0));
  return f.add(emitLog(f, sum), f.div(lost, sum));
}

Value heddle::compiler::emitTanh(FunctionBuilder &f, Value x) {
  // A polynomial near 0, where 1 - 2 / (e^2x + 1) cancels.
  Value t = f.abs(x), z = f.mul(x, x);
  Value p = polynomial(f, z,
                       {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1,
                        -3.33332819422e-1});
  Value small = f.add(f.mul(f.mul(p, z), x), x);
  Value half = f.div(f.f32Like(2, x), f.add(emitExp(f, f.add(t, t)), 1.0));
  Value large = f.copySign(f.sub(f.f32Like(1, x), half), x);
  return f.select(f.cmp(FPred::OGT, t, f.f32Like(0.625, x)), large, small);
}

Value heddle::compiler::emitSigmoid(FunctionBuilder &f, Value x) {
  Value e = emitExp(f, f.neg(f.abs(x)));
  Value positive = f.cmp(FPred::OGE, x, f.f32Like(0, x));
  return f.div(f.select(positive, f.f32Like(1, x), e), f.add(e, 1.0));
}

Value heddle::compiler::emitErf(FunctionBuilder &f, Value x) {
  Value t = f.abs(x), s = f.mul(x, x);
  Value u = f.add(f.mul(t, -3.88396438e-3), 2.42546219e-2);
  Value r = f.add(f.mul(t, -1.72853470e-5), 3.83197126e-4);
  r = f.add(f.mul(r, s), u);
  r = f.add(f.mul(r, t), -1.06777877e-1);
  r = f.add(f.mul(r, t), -6.34846687e-1);
  r = f.add(f.mul(r, t), -1.28717512e-1);
  r = f.sub(f.mul(r, t), t);
  Value tail = f.copySign(f.sub(f.f32Like(1, x), emitExp(f, r)), x);
  Value p = polynomial(f, s,
                       {-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1,
                        -3.76125336e-1, 1.28379166e-1});
  Value core = f.add(f.mul(p, x), x);
  return f.select(f.cmp(FPred::OGT, t, f.f32Like(0.927734375, x)), tail, core);
}

std::array<Value, 4> heddle::compiler::emitPhilox(FunctionBuilder &f, std::array<Value, 4> c,
                                                  Value key0, Value key1) {
  constexpr int64_t low = 0xFFFFFFFF;
  int n = FunctionBuilder::laneCount(c[0].getType());
  for (int round = 0; round < 10; ++round) {
    if (round > 0) {
      key0 = f.andi(f.addi(key0, 0x9E3779B9), low);
      key1 = f.andi(f.addi(key1, 0xBB67AE85), low);
    }
    Value p0 = f.muli(c[0], 0xD2511F53), p1 = f.muli(c[2], 0xCD9E8D57);
    Value n0 = f.xori(f.xori(f.shr(p1, 32), c[1]), f.splat(key0, n));
    Value n2 = f.xori(f.xori(f.shr(p0, 32), c[3]), f.splat(key1, n));
    c = {n0, f.andi(p1, low), n2, f.andi(p0, low)};
  }
  return c;
}
