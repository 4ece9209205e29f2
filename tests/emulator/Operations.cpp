//===- Operations.cpp - arithmetic of an emulated device -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/emulator/Lanes.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace heddle::emulator {
namespace {

using U32 = uint32_t;
using U64 = uint64_t;
using S32 = int32_t;
using S64 = int64_t;

/// Type aliasing through the banks' integers is what a register is; floats are read by bits.
template <class T> T get(Lanes &lanes, int number, int lane) {
  if constexpr (sizeof(T) == 2)
    return T(lanes.of<U32>(number)[lane]);
  else if constexpr (sizeof(T) == 4)
    return std::bit_cast<T>(lanes.of<U32>(number)[lane]);
  else
    return std::bit_cast<T>(lanes.of<U64>(number)[lane]);
}
template <class T> void put(Lanes &lanes, int number, int lane, T value) {
  if constexpr (sizeof(T) == 2)
    lanes.of<U32>(number)[lane] = uint16_t(value);
  else if constexpr (sizeof(T) == 4)
    lanes.of<U32>(number)[lane] = std::bit_cast<U32>(value);
  else
    lanes.of<U64>(number)[lane] = std::bit_cast<U64>(value);
}

template <class D, class A, auto f> void unary(Lanes &r, const Instruction &i, U32 mask) {
  forLanes(mask, [&](int l) { put<D>(r, i.to, l, D(f(get<A>(r, i.a, l)))); });
}
template <class D, class A, class B, auto f> void binary(Lanes &r, const Instruction &i, U32 mask) {
  forLanes(mask, [&](int l) { put<D>(r, i.to, l, D(f(get<A>(r, i.a, l), get<B>(r, i.b, l)))); });
}
template <class D, class A, class C, auto f>
void ternary(Lanes &r, const Instruction &i, U32 mask) {
  forLanes(mask, [&](int l) {
    put<D>(r, i.to, l, D(f(get<A>(r, i.a, l), get<A>(r, i.b, l), get<C>(r, i.c, l))));
  });
}
template <class A, auto f> void compare(Lanes &r, const Instruction &i, U32 mask) {
  U32 holds = 0;
  forLanes(mask, [&](int l) { holds |= U32(f(get<A>(r, i.a, l), get<A>(r, i.b, l))) << l; });
  r.predicates[size_t(i.to)] = (r.predicates[size_t(i.to)] & ~mask) | holds;
}
template <class T> void choose(Lanes &r, const Instruction &i, U32 mask) {
  const U32 holds = r.predicates[size_t(i.c)];
  forLanes(mask, [&](int l) {
    put<T>(r, i.to, l, (holds >> l) & 1 ? get<T>(r, i.a, l) : get<T>(r, i.b, l));
  });
}
template <auto f> void predicate(Lanes &r, const Instruction &i, U32 mask) {
  const U32 a = r.predicates[size_t(i.a)], b = i.b < 0 ? 0 : r.predicates[size_t(i.b)];
  r.predicates[size_t(i.to)] = (r.predicates[size_t(i.to)] & ~mask) | (U32(f(a, b)) & mask);
}
void pack(Lanes &r, const Instruction &i, U32 mask) {
  forLanes(mask, [&](int l) {
    put<U64>(r, i.to, l, get<U32>(r, i.a, l) | U64(get<U32>(r, i.b, l)) << 32);
  });
}
void unpack(Lanes &r, const Instruction &i, U32 mask) {
  forLanes(mask, [&](int l) {
    const U64 whole = get<U64>(r, i.b, l);
    put<U32>(r, i.to, l, U32(whole));
    put<U32>(r, i.a, l, U32(whole >> 32));
  });
}

void pack16(Lanes &r, const Instruction &i, U32 mask) {
  forLanes(mask, [&](int l) {
    put<U32>(r, i.to, l, get<uint16_t>(r, i.a, l) | U32(get<uint16_t>(r, i.b, l)) << 16);
  });
}
void unpack16(Lanes &r, const Instruction &i, U32 mask) {
  forLanes(mask, [&](int l) {
    const U32 whole = get<U32>(r, i.b, l);
    put<uint16_t>(r, i.to, l, uint16_t(whole));
    put<uint16_t>(r, i.a, l, uint16_t(whole >> 16));
  });
}

constexpr auto same = [](auto x) { return x; };
constexpr auto add = [](auto x, auto y) { return x + y; };
constexpr auto sub = [](auto x, auto y) { return x - y; };
constexpr auto mul = [](auto x, auto y) {
  if constexpr (sizeof(x) < 4)
    return U32(x) * U32(y);
  else
    return x * y;
};
constexpr auto quotient = [](auto x, auto y) {
  return y == 0 ? decltype(x)(-1) : decltype(x)(x / y);
};
constexpr auto remainder = [](auto x, auto y) { return y == 0 ? x : decltype(x)(x % y); };
constexpr auto over = [](auto x, auto y) { return x / y; };
constexpr auto mad = [](auto x, auto y, auto z) { return mul(x, y) + z; };
constexpr auto fused = [](auto x, auto y, auto z) { return std::fma(x, y, z); };
// A number beats what is not one.
constexpr auto least = [](auto x, auto y) {
  if constexpr (std::is_floating_point_v<decltype(x)>)
    return std::fmin(x, y);
  else
    return std::min(x, y);
};
constexpr auto most = [](auto x, auto y) {
  if constexpr (std::is_floating_point_v<decltype(x)>)
    return std::fmax(x, y);
  else
    return std::max(x, y);
};
constexpr auto both = [](auto x, auto y) { return x & y; };
constexpr auto either = [](auto x, auto y) { return x | y; };
constexpr auto differs = [](auto x, auto y) { return x ^ y; };
constexpr auto invert = [](auto x, auto...) { return ~x; };
constexpr auto first = [](auto x, auto) { return x; };
constexpr auto negate = [](auto x) { return -x; };
constexpr auto opposite = [](auto x) { return decltype(x)(0 - x); };
constexpr auto magnitude = [](auto x) { return std::abs(x); };
constexpr auto root = [](auto x) { return std::sqrt(x); };
constexpr auto reciprocal = [](auto x) { return 1 / x; };
/// copysign.f32 d, a, b: the sign of a, the magnitude of b.
constexpr auto copySign = [](auto sign, auto magnitude) { return std::copysign(magnitude, sign); };
constexpr auto left = [](auto x, U32 by) {
  return by >= 8 * sizeof(x) ? decltype(x)(0) : decltype(x)(x << by);
};
constexpr auto right = [](auto x, U32 by) {
  if (by >= 8 * sizeof(x))
    return decltype(x)(x < 0 ? -1 : 0);
  return decltype(x)(x >> by);
};
constexpr auto field = [](auto x, U32 from, U32 count) {
  from &= 255, count &= 255;
  if (count == 0 || from >= 8 * sizeof(x))
    return decltype(x)(0);
  x = decltype(x)(x >> from);
  return count >= 8 * sizeof(x) ? x : decltype(x)(x & ((decltype(x)(1) << count) - 1));
};
constexpr auto bits = [](auto x) { return std::popcount(x); };
constexpr auto leadingZeros = [](auto x) { return std::countl_zero(x); };
constexpr auto wideSigned = [](S32 x, S32 y) { return S64(x) * y; };
constexpr auto wideUnsigned = [](U32 x, U32 y) { return U64(x) * y; };
constexpr auto highUnsigned = [](U64 x, U64 y) { return U64((unsigned __int128)(x)*y >> 64); };
constexpr auto highUnsigned32 = [](U32 x, U32 y) { return U32(U64(x) * y >> 32); };
constexpr auto madWideSigned = [](S32 x, S32 y, S64 z) { return S64(U64(S64(x) * y) + U64(z)); };
constexpr auto madWideUnsigned = [](U32 x, U32 y, U64 z) { return U64(x) * y + z; };
constexpr auto isEqual = [](auto x, auto y) { return x == y; };
constexpr auto isNotEqual = [](auto x, auto y) { return x != y && !(x != x) && !(y != y); };
constexpr auto isUnequal = [](auto x, auto y) { return x != y; };
constexpr auto isLess = [](auto x, auto y) { return x < y; };
constexpr auto isAtMost = [](auto x, auto y) { return x <= y; };
constexpr auto isGreater = [](auto x, auto y) { return x > y; };
constexpr auto isAtLeast = [](auto x, auto y) { return x >= y; };
constexpr auto isNotLess = [](auto x, auto y) { return !(x < y); };
constexpr auto isMoreThan = [](auto x, auto y) { return !(x <= y); };
constexpr auto isNotGreater = [](auto x, auto y) { return !(x > y); };
constexpr auto isBelow = [](auto x, auto y) { return !(x >= y); };
constexpr auto isUnordered = [](auto x, auto y) { return x != x || y != y; };
constexpr auto isOrdered = [](auto x, auto y) { return x == x && y == y; };

using Table = std::unordered_map<std::string, KnownOperation>;

template <class T> void addCompares(Table &t, const char *type, const char *operands) {
  const std::string end = std::string(".") + type;
  auto is = [&](const char *name, Operation run) { t["setp." + (name + end)] = {run, operands}; };
  is("eq", compare<T, isEqual>), is("ne", compare<T, isNotEqual>), is("lt", compare<T, isLess>);
  is("le", compare<T, isAtMost>), is("gt", compare<T, isGreater>), is("ge", compare<T, isAtLeast>);
  if constexpr (std::is_floating_point_v<T>) {
    is("equ", compare<T, [](T x, T y) { return x == y || x != x || y != y; }>);
    is("neu", compare<T, isUnequal>), is("num", compare<T, isOrdered>);
    is("nan", compare<T, isUnordered>), is("geu", compare<T, isNotLess>);
    is("gtu", compare<T, isMoreThan>), is("leu", compare<T, isNotGreater>);
    is("ltu", compare<T, isBelow>);
  }
}

template <class F> void addFloats(Table &t, const std::string &type, char bank) {
  static const std::string banks[] = {"rr", "rrr", "rrrr", "dd", "ddd", "dddd"};
  const std::string *own = banks + (bank == 'd' ? 3 : 0);
  for (const char *mode : {".rn", ""}) {
    t["add" + (mode + type)] = {binary<F, F, F, add>, own[1].c_str()};
    t["sub" + (mode + type)] = {binary<F, F, F, sub>, own[1].c_str()};
    t["mul" + (mode + type)] = {binary<F, F, F, mul>, own[1].c_str()};
  }
  t["div.rn" + type] = {binary<F, F, F, over>, own[1].c_str()};
  t["fma.rn" + type] = {ternary<F, F, F, fused>, own[2].c_str()};
  t["min" + type] = {binary<F, F, F, least>, own[1].c_str()};
  t["max" + type] = {binary<F, F, F, most>, own[1].c_str()};
  t["copysign" + type] = {binary<F, F, F, copySign>, own[1].c_str()};
  t["neg" + type] = {unary<F, F, negate>, own[0].c_str()};
  t["abs" + type] = {unary<F, F, magnitude>, own[0].c_str()};
  t["sqrt.rn" + type] = {unary<F, F, root>, own[0].c_str()};
  t["rcp.rn" + type] = {unary<F, F, reciprocal>, own[0].c_str()};
}

/// Operations on integers of one width whose result does not depend on their sign.
template <class U, class S> void addIntegers(Table &t, const std::string &width, char bank) {
  static const std::string banks[] = {"rr", "rrr", "rrrr", "prr", "rrrp",
                                      "dd", "ddd", "dddd", "pdd", "dddp"};
  const std::string *own = banks + (bank == 'd' ? 5 : 0);
  const char *two = own[0].c_str(), *three = own[1].c_str(), *four = own[2].c_str();
  for (const char *sign : {".s", ".u"}) {
    t["add" + (sign + width)] = {binary<U, U, U, add>, three};
    t["sub" + (sign + width)] = {binary<U, U, U, sub>, three};
    t["mul.lo" + (sign + width)] = {binary<U, U, U, mul>, three};
    t["mad.lo" + (sign + width)] = {ternary<U, U, U, mad>, four};
  }
  t["neg.s" + width] = {unary<U, U, opposite>, two};
  t["abs.s" + width] = {unary<U, U, [](U x) { return S(x) < 0 ? opposite(x) : x; }>, two};
  t["div.u" + width] = {binary<U, U, U, quotient>, three};
  t["rem.u" + width] = {binary<U, U, U, remainder>, three};
  t["div.s" + width] = {binary<S, S, S, quotient>, three};
  t["rem.s" + width] = {binary<S, S, S, remainder>, three};
  t["min.s" + width] = {binary<S, S, S, least>, three};
  t["max.s" + width] = {binary<S, S, S, most>, three};
  t["min.u" + width] = {binary<U, U, U, least>, three};
  t["max.u" + width] = {binary<U, U, U, most>, three};
  t["and.b" + width] = {binary<U, U, U, both>, three};
  t["or.b" + width] = {binary<U, U, U, either>, three};
  t["xor.b" + width] = {binary<U, U, U, differs>, three};
  t["not.b" + width] = {unary<U, U, invert>, two};
  const char *shift = bank == 'd' ? "ddr" : "rrr";
  t["shl.b" + width] = {binary<U, U, U32, left>, shift};
  t["shr.u" + width] = {binary<U, U, U32, right>, shift};
  t["shr.b" + width] = {binary<U, U, U32, right>, shift};
  t["shr.s" + width] = {binary<S, S, U32, right>, shift};
  for (const char *type : {".b", ".u", ".s", ".f"}) {
    t["mov" + (type + width)] = {unary<U, U, same>, two};
    t["selp" + (type + width)] = {choose<U>, own[4].c_str()};
  }
  const char *test = own[3].c_str();
  addCompares<U>(t, ("u" + width).c_str(), test);
  addCompares<U>(t, ("b" + width).c_str(), test);
  addCompares<S>(t, ("s" + width).c_str(), test);
}

template <class D, class A> void addConversion(Table &t, const char *to, const char *from) {
  const char *operands =
      sizeof(D) == 8 ? (sizeof(A) == 8 ? "dd" : "dr") : (sizeof(A) == 8 ? "rd" : "rr");
  const std::string name = std::string(to) + "." + from;
  // Whole numbers to floating point, and f64 to f32, round to nearest; between integers and to f64
  // nothing is lost.
  if constexpr (std::is_floating_point_v<D>)
    t["cvt.rn." + name] = {unary<D, A, same>, operands};
  t["cvt." + name] = {unary<D, A, same>, operands};
}

Table makeTable() {
  Table t;
  addFloats<float>(t, ".f32", 'r');
  addFloats<double>(t, ".f64", 'd');
  addIntegers<uint16_t, int16_t>(t, "16", 'r');
  addIntegers<U32, S32>(t, "32", 'r');
  addIntegers<U64, S64>(t, "64", 'd');
  addCompares<float>(t, "f32", "prr");
  addCompares<double>(t, "f64", "pdd");
  t["mul.wide.s32"] = {binary<S64, S32, S32, wideSigned>, "drr"};
  t["mul.wide.u32"] = {binary<U64, U32, U32, wideUnsigned>, "drr"};
  t["mad.wide.s32"] = {ternary<S64, S32, S64, madWideSigned>, "drrd"};
  t["mad.wide.u32"] = {ternary<U64, U32, U64, madWideUnsigned>, "drrd"};
  t["mul.hi.u64"] = {binary<U64, U64, U64, highUnsigned>, "ddd"};
  t["mul.hi.u32"] = {binary<U32, U32, U32, highUnsigned32>, "rrr"};
  // The last two operands of bfe are 32-bit registers: field() takes them as they are.
  t["bfe.u32"] = {[](Lanes &r, const Instruction &i, U32 mask) {
                    forLanes(mask, [&](int l) {
                      put<U32>(
                          r, i.to, l,
                          field(get<U32>(r, i.a, l), get<U32>(r, i.b, l), get<U32>(r, i.c, l)));
                    });
                  },
                  "rrrr"};
  // The sign is the field's highest bit; the number's, where the field ends beyond it.
  t["bfe.s32"] = {[](Lanes &r, const Instruction &i, U32 mask) {
                    forLanes(mask, [&](int l) {
                      const S64 number = S32(get<U32>(r, i.a, l));
                      const U32 first = get<U32>(r, i.b, l) & 255, bits = get<U32>(r, i.c, l) & 255;
                      const S64 rest = number >> (first < 32 ? first : 32);
                      put<S32>(r, i.to, l, bits == 0 ? 0 : bits >= 32 ? S32(rest) : S32(U32(rest) << (32 - bits)) >> (32 - bits));
                    });
                  },
                  "rrrr"};
  t["bfe.u64"] = {[](Lanes &r, const Instruction &i, U32 mask) {
                    forLanes(mask, [&](int l) {
                      put<U64>(
                          r, i.to, l,
                          field(get<U64>(r, i.a, l), get<U32>(r, i.b, l), get<U32>(r, i.c, l)));
                    });
                  },
                  "ddrr"};
  t["popc.b32"] = {unary<U32, U32, bits>, "rr"};
  t["popc.b64"] = {unary<U32, U64, bits>, "rd"};
  t["clz.b32"] = {unary<U32, U32, leadingZeros>, "rr"};
  t["clz.b64"] = {unary<U32, U64, leadingZeros>, "rd"};
  t["brev.b32"] = {unary<U32, U32,
                         [](U32 x) {
                           U32 reversed = 0;
                           for (int bit = 0; bit < 32; ++bit, x >>= 1)
                             reversed = reversed << 1 | (x & 1);
                           return reversed;
                         }>,
                   "rr"};
  t["and.pred"] = {predicate<both>, "ppp"};
  t["or.pred"] = {predicate<either>, "ppp"};
  t["xor.pred"] = {predicate<differs>, "ppp"};
  t["not.pred"] = {predicate<invert>, "pp"};
  t["mov.pred"] = {predicate<first>, "pp"};
  t["mov.pack"] = {pack, "drr"};
  t["mov.unpack"] = {unpack, "rrd"};
  t["mov.pack16"] = {pack16, "rrr"};
  t["mov.unpack16"] = {unpack16, "rrr"};
  for (const char *space : {"", ".to"})
    for (const char *of : {".global", ".param"})
      t["cvta" + (std::string(space) + of) + ".u64"] = {unary<U64, U64, same>, "dd"};
  t["cvta.local.u64"] = {unary<U64, U64, [](U64 x) { return x + localWindow; }>, "dd"};
  t["cvta.shared.u64"] = {unary<U64, U64, [](U64 x) { return x + sharedWindow; }>, "dd"};
  t["cvta.to.local.u64"] = {unary<U64, U64, [](U64 x) { return x - localWindow; }>, "dd"};
  t["cvta.to.shared.u64"] = {unary<U64, U64, [](U64 x) { return x - sharedWindow; }>, "dd"};
  addConversion<U64, U32>(t, "u64", "u32"), addConversion<U64, uint16_t>(t, "u64", "u16");
  addConversion<S64, S32>(t, "s64", "s32"), addConversion<U32, U64>(t, "u32", "u64");
  addConversion<S64, int16_t>(t, "s64", "s16"), addConversion<S32, int16_t>(t, "s32", "s16");
  addConversion<U32, uint16_t>(t, "u32", "u16"), addConversion<uint16_t, U32>(t, "u16", "u32");
  addConversion<uint16_t, U64>(t, "u16", "u64"), addConversion<U32, U32>(t, "u32", "s32");
  addConversion<float, S32>(t, "f32", "s32"), addConversion<float, U32>(t, "f32", "u32");
  addConversion<float, S64>(t, "f32", "s64"), addConversion<float, U64>(t, "f32", "u64");
  addConversion<double, S32>(t, "f64", "s32"), addConversion<double, U32>(t, "f64", "u32");
  addConversion<double, S64>(t, "f64", "s64"), addConversion<double, U64>(t, "f64", "u64");
  addConversion<float, double>(t, "f32", "f64"), addConversion<double, float>(t, "f64", "f32");
  addConversion<float, uint16_t>(t, "f32", "u16"), addConversion<float, int16_t>(t, "f32", "s16");
  auto byte = [&](const char *name, bool sign) {
    // cvt.s32.s8 and the like: the low byte of a register.
    t[name] = {
        sign ? Operation([](Lanes &r, const Instruction &i, U32 mask) {
          forLanes(mask, [&](int l) { put<S32>(r, i.to, l, S32(int8_t(get<U32>(r, i.a, l)))); });
        })
             : Operation([](Lanes &r, const Instruction &i, U32 mask) {
                 forLanes(mask, [&](int l) { put<U32>(r, i.to, l, get<U32>(r, i.a, l) & 255); });
               }),
        "rr"};
  };
  byte("cvt.s32.s8", true), byte("cvt.u32.u8", false);
  t["cvt.s16.s8"] = {[](Lanes &r, const Instruction &i, U32 mask) {
                       forLanes(mask, [&](int l) {
                         put<int16_t>(r, i.to, l, int16_t(int8_t(get<U32>(r, i.a, l))));
                       });
                     },
                     "rr"};
  t["cvt.s8.s32"] = t["cvt.s16.s8"]; // a byte in a register of 16 bits, extended
  t["cvt.u16.u8"] = t["cvt.u32.u8"];
  t["cvt.f32.f16"] = {[](Lanes &r, const Instruction &i, U32 mask) {
                        forLanes(mask, [&](int l) {
                          put<float>(r, i.to, l,
                                     float(std::bit_cast<_Float16>(get<uint16_t>(r, i.a, l))));
                        });
                      },
                      "rr"};
  return t;
}

} // namespace

const KnownOperation *findOperation(const std::string &name) {
  static const Table table = makeTable();
  auto found = table.find(name);
  return found == table.end() ? nullptr : &found->second;
}

} // namespace heddle::emulator
