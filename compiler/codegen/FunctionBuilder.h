//===- FunctionBuilder.h - builds one kernel function ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Arithmetic on f32 scalars and vectors, memory through bare pointers, loops and branches with
// results, and a table of values already computed whose entries end with the region that holds
// them.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_CODEGEN_FUNCTIONBUILDER_H
#define HEDDLE_COMPILER_CODEGEN_FUNCTIONBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"

#include <array>

namespace heddle::compiler {

using mlir::Type;
using mlir::Value;
using Values = llvm::SmallVector<Value, 8>;
using FPred = mlir::arith::CmpFPredicate;
using IPred = mlir::arith::CmpIPredicate;

class FunctionBuilder {
public:
  /// Creates `void symbol(ptr, i64, i64, i64)` in `module`; pointers are to `memory`.
  FunctionBuilder(mlir::ModuleOp module, llvm::StringRef symbol, int lanes, mlir::Location loc,
                  unsigned memory = 0);

  const int lanes; ///< of the target's vector registers

  Value args, begin, end, chunk;
  /// Of a GPU: reads them from a list where the launch is one of several (plan::GpuLaunch).
  void chooseLaunch();
  void finish() { mlir::LLVM::ReturnOp::create(b, loc, mlir::ValueRange()); }

  // Types. A value of one lane is a scalar.
  Type f32Type(int n = 1);
  Type intType(unsigned bits, int n = 1);
  static int laneCount(Type type);
  Type ptrType;

  // Constants live in the prelude, one each.
  Value f32(double value, int n = 1);
  Value f32Like(double value, Value like) { return f32(value, laneCount(like.getType())); }
  Value integer(int64_t value, unsigned bits = 64, int n = 1);
  Value intLike(int64_t value, Value like);
  Value iota(unsigned bits, int n, int64_t start = 0);
  /// A 64-bit constant whose number is set later with setLater().
  mlir::arith::ConstantOp later();
  void setLater(mlir::arith::ConstantOp op, int64_t value);

  // Arithmetic (operands of one type).
  Value add(Value x, Value y) { return mlir::arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return mlir::arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return mlir::arith::MulFOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return mlir::arith::DivFOp::create(b, loc, x, y); }
  Value mul(Value x, double y) { return mul(x, f32Like(y, x)); }
  Value add(Value x, double y) { return add(x, f32Like(y, x)); }
  Value neg(Value x) { return mlir::arith::NegFOp::create(b, loc, x); }
  Value abs(Value x) { return mlir::LLVM::FAbsOp::create(b, loc, x); }
  Value sqrt(Value x) { return mlir::LLVM::SqrtOp::create(b, loc, x); }
  Value copySign(Value magnitude, Value sign) {
    return mlir::LLVM::CopySignOp::create(b, loc, magnitude, sign);
  }
  Value cmp(FPred predicate, Value x, Value y) {
    return mlir::arith::CmpFOp::create(b, loc, predicate, x, y);
  }
  Value cmp(IPred predicate, Value x, Value y) {
    return mlir::arith::CmpIOp::create(b, loc, predicate, x, y);
  }
  Value select(Value condition, Value x, Value y); ///< a scalar condition may choose vectors
  /// The larger; the second operand where they are unordered.
  Value max(Value x, Value y) { return select(cmp(FPred::OGT, x, y), x, y); }
  Value min(Value x, Value y) { return select(cmp(FPred::OLT, x, y), x, y); }
  Value addi(Value x, Value y) { return mlir::arith::AddIOp::create(b, loc, x, y); }
  Value addi(Value x, int64_t y) { return y == 0 ? x : addi(x, intLike(y, x)); }
  Value subi(Value x, Value y) { return mlir::arith::SubIOp::create(b, loc, x, y); }
  Value muli(Value x, Value y) { return mlir::arith::MulIOp::create(b, loc, x, y); }
  Value muli(Value x, int64_t y) { return y == 1 ? x : muli(x, intLike(y, x)); }
  Value andi(Value x, int64_t y) { return mlir::arith::AndIOp::create(b, loc, x, intLike(y, x)); }
  Value ori(Value x, Value y) { return mlir::arith::OrIOp::create(b, loc, x, y); }
  Value xori(Value x, Value y) { return mlir::arith::XOrIOp::create(b, loc, x, y); }
  Value shl(Value x, int64_t y) { return mlir::arith::ShLIOp::create(b, loc, x, intLike(y, x)); }
  Value shr(Value x, int64_t y) { return mlir::arith::ShRUIOp::create(b, loc, x, intLike(y, x)); }
  Value sar(Value x, int64_t y) { return mlir::arith::ShRSIOp::create(b, loc, x, intLike(y, x)); }
  Value bitcast(Value x, Type type) { return mlir::arith::BitcastOp::create(b, loc, type, x); }
  Value trunc(Value x, unsigned bits);
  Value zext(Value x, unsigned bits);
  Value sext(Value x, unsigned bits);

  // Vectors.
  Value splat(Value scalar, int n);
  Value shuffle(Value x, Value y, llvm::ArrayRef<int32_t> mask);
  /// `n` lanes of x from `first`.
  Value extract(Value x, int first, int n);

  // Memory. Alignment is that of the element where nothing else is said: rows of any width follow
  // each other.
  Value gep(Value pointer, Value index, Type element);
  Value gep(Value pointer, int64_t index, Type element);
  Value load(Value pointer, int n, unsigned alignment = 4) {
    return mlir::LLVM::LoadOp::create(b, loc, f32Type(n), pointer, alignment);
  }
  void store(Value value, Value pointer, unsigned alignment = 4) {
    mlir::LLVM::StoreOp::create(b, loc, value, pointer, alignment);
  }
  /// An element of a read-only integer array, widened to 64 bits with its sign.
  Value loadIndex(Value array, Value index, unsigned bits = 32);
  Value loadPointer(Value array, Value index);
  void prefetch(Value pointer) { mlir::LLVM::Prefetch::create(b, loc, pointer, 0, 3, 1); }
  /// A constant array of f32 in the module.
  Value constantArray(llvm::ArrayRef<double> values);
  /// An array in the memory that a GPU's block shares, 16-byte aligned; one for all who name it.
  Value sharedArray(llvm::StringRef name, Type element, int64_t numbers);

  // Control. Bodies give the values of the next iteration, or of the branch.
  Values loop(Value low, Value high, int64_t step, llvm::ArrayRef<Value> init,
              llvm::function_ref<Values(Value, llvm::ArrayRef<Value>)> body);
  Values loop(Value low, Value high, Value step, llvm::ArrayRef<Value> init,
              llvm::function_ref<Values(Value, llvm::ArrayRef<Value>)> body);
  void loop(Value low, Value high, llvm::function_ref<void(Value)> body);
  Values branch(Value condition, llvm::ArrayRef<Type> types, llvm::function_ref<Values()> yes,
                llvm::function_ref<Values()> no);
  /// Runs `body` where `condition` holds.
  void when(Value condition, llvm::function_ref<void()> body);
  /// An intrinsic of the target by its name.
  Value intrinsic(llvm::StringRef name, Type result, llvm::ArrayRef<Value> operands);
  /// Runs `body` with the builder in the prelude, before any loop.
  Value inPrelude(llvm::function_ref<Value()> body);

  // Values already computed, visible in the region that made them and those inside it.
  struct Key {
    std::array<const void *, 4> pointers{};
    std::array<int64_t, 3> numbers{};
    bool operator==(const Key &) const = default;
  };
  const Values *find(const Key &key) const;
  void remember(const Key &key, Values values);
  Value once(const Key &key, llvm::function_ref<Value()> make);

  mlir::OpBuilder b;
  mlir::Location loc;

private:
  struct Scope {
    FunctionBuilder &f;
    explicit Scope(FunctionBuilder &builder) : f(builder) { f.scopes.emplace_back(); }
    ~Scope() { f.scopes.pop_back(); }
  };
  struct KeyInfo {
    static Key getEmptyKey() { return {{}, {-1, -1, -1}}; }
    static Key getTombstoneKey() { return {{}, {-2, -2, -2}}; }
    static unsigned getHashValue(const Key &key);
    static bool isEqual(const Key &a, const Key &b) { return a == b; }
  };

  mlir::ModuleOp module;
  const unsigned memory;
  mlir::Operation *preludeEnd = nullptr;
  llvm::DenseMap<mlir::Attribute, Value> constants;
  std::vector<llvm::DenseMap<Key, Values, KeyInfo>> scopes;

  Value constant(mlir::TypedAttr attribute);
};

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_CODEGEN_FUNCTIONBUILDER_H
