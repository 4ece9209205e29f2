//===- FunctionBuilder.cpp - builds one kernel function --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/FunctionBuilder.h"

#include "runtime/plan/GpuCode.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace heddle::compiler;

FunctionBuilder::FunctionBuilder(ModuleOp module, StringRef symbol, int lanes, Location loc,
                                 unsigned memory)
    : lanes(lanes), b(module.getContext()), loc(loc), module(module), memory(memory) {
  MLIRContext *context = module.getContext();
  ptrType = LLVM::LLVMPointerType::get(context, memory);
  Type i64 = b.getI64Type();
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), {ptrType, i64, i64, i64});
  b.setInsertionPointToEnd(module.getBody());
  auto function = LLVM::LLVMFuncOp::create(b, loc, symbol, type);
  Block *entry = function.addEntryBlock(b);
  args = entry->getArgument(0);
  begin = entry->getArgument(1);
  end = entry->getArgument(2);
  chunk = entry->getArgument(3);
  scopes.emplace_back();
  b.setInsertionPointToEnd(entry);
  preludeEnd = arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(0));
}

void FunctionBuilder::chooseLaunch() {
  Type i64 = b.getI64Type();
  auto special = [&](StringRef name) {
    return zext(intrinsic(("llvm.nvvm.read.ptx.sreg." + name).str(), intType(32), {}), 64);
  };
  Value several = cmp(IPred::ugt, special("nctaid.y"), integer(1));
  Values chosen = branch(
      several, {ptrType, i64, i64, i64},
      [&]() -> Values {
        constexpr int64_t words = sizeof(plan::GpuLaunch) / sizeof(uint64_t);
        Value own = gep(args, muli(special("ctaid.y"), words), i64);
        return {loadPointer(own, integer(0)), loadIndex(own, integer(1), 64),
                loadIndex(own, integer(2), 64), loadIndex(own, integer(3), 64)};
      },
      [&]() -> Values { return {args, begin, end, chunk}; });
  args = chosen[0], begin = chosen[1], end = chosen[2], chunk = chosen[3];
  preludeEnd = args.getDefiningOp(); // what reads them comes after
}

//===----------------------------------------------------------------------===//
// Types and constants
//===----------------------------------------------------------------------===//

Type FunctionBuilder::f32Type(int n) {
  Type element = b.getF32Type();
  return n == 1 ? element : VectorType::get({n}, element);
}
Type FunctionBuilder::intType(unsigned bits, int n) {
  Type element = b.getIntegerType(bits);
  return n == 1 ? element : VectorType::get({n}, element);
}
int FunctionBuilder::laneCount(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? int(vector.getNumElements()) : 1;
}

Value FunctionBuilder::inPrelude(function_ref<Value()> body) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfter(preludeEnd);
  Value value = body();
  Operation *op = value.getDefiningOp();
  if (preludeEnd->isBeforeInBlock(op)) // not so for a value that was there already
    preludeEnd = op;
  return value;
}
Value FunctionBuilder::constant(TypedAttr attribute) {
  Value &value = constants[attribute];
  if (!value)
    value = inPrelude([&] { return Value(arith::ConstantOp::create(b, loc, attribute)); });
  return value;
}
Value FunctionBuilder::f32(double value, int n) {
  FloatAttr scalar = b.getF32FloatAttr(float(value));
  if (n == 1)
    return constant(scalar);
  return constant(DenseElementsAttr::get(cast<ShapedType>(f32Type(n)), scalar.getValue()));
}
Value FunctionBuilder::integer(int64_t value, unsigned bits, int n) {
  APInt number(bits, uint64_t(value), /*isSigned=*/false, /*implicitTrunc=*/true);
  if (n == 1)
    return constant(b.getIntegerAttr(b.getIntegerType(bits), number));
  return constant(DenseElementsAttr::get(cast<ShapedType>(intType(bits, n)), number));
}
Value FunctionBuilder::intLike(int64_t value, Value like) {
  return integer(value, getElementTypeOrSelf(like.getType()).getIntOrFloatBitWidth(),
                 laneCount(like.getType()));
}
Value FunctionBuilder::iota(unsigned bits, int n, int64_t start) {
  if (n == 1)
    return integer(start, bits);
  SmallVector<APInt> numbers;
  for (int i = 0; i < n; ++i)
    numbers.emplace_back(bits, uint64_t(start + i), false, true);
  return constant(DenseElementsAttr::get(cast<ShapedType>(intType(bits, n)), numbers));
}
arith::ConstantOp FunctionBuilder::later() {
  Value value =
      inPrelude([&] { return Value(arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(-1))); });
  return value.getDefiningOp<arith::ConstantOp>();
}
void FunctionBuilder::setLater(arith::ConstantOp op, int64_t value) {
  op.setValueAttr(b.getI64IntegerAttr(value));
}

//===----------------------------------------------------------------------===//
// Arithmetic and vectors
//===----------------------------------------------------------------------===//

Value FunctionBuilder::select(Value condition, Value x, Value y) {
  return arith::SelectOp::create(b, loc, condition, x, y);
}
Value FunctionBuilder::trunc(Value x, unsigned bits) {
  return arith::TruncIOp::create(b, loc, intType(bits, laneCount(x.getType())), x);
}
Value FunctionBuilder::zext(Value x, unsigned bits) {
  return arith::ExtUIOp::create(b, loc, intType(bits, laneCount(x.getType())), x);
}
Value FunctionBuilder::sext(Value x, unsigned bits) {
  return arith::ExtSIOp::create(b, loc, intType(bits, laneCount(x.getType())), x);
}

Value FunctionBuilder::splat(Value scalar, int n) {
  if (n == 1)
    return scalar;
  Key key{{scalar.getAsOpaquePointer()}, {-10, n}};
  return once(key, [&] {
    Type type = VectorType::get({n}, scalar.getType());
    Value none = LLVM::PoisonOp::create(b, loc, type);
    Value zero = integer(0, 32);
    Value first = LLVM::InsertElementOp::create(b, loc, none, scalar, zero);
    return shuffle(first, none, SmallVector<int32_t>(n, 0));
  });
}
Value FunctionBuilder::shuffle(Value x, Value y, ArrayRef<int32_t> mask) {
  return LLVM::ShuffleVectorOp::create(b, loc, x, y, mask);
}
Value FunctionBuilder::extract(Value x, int first, int n) {
  if (laneCount(x.getType()) == n)
    return x;
  if (n == 1) {
    Value position = integer(first, 32);
    return LLVM::ExtractElementOp::create(b, loc, x, position);
  }
  SmallVector<int32_t> mask;
  for (int i = 0; i < n; ++i)
    mask.push_back(first + i);
  return shuffle(x, x, mask);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value FunctionBuilder::gep(Value pointer, Value index, Type element) {
  return LLVM::GEPOp::create(b, loc, ptrType, element, pointer, ValueRange(index),
                             LLVM::GEPNoWrapFlags::inbounds);
}
Value FunctionBuilder::gep(Value pointer, int64_t index, Type element) {
  if (index == 0)
    return pointer;
  if (index != int32_t(index))
    return gep(pointer, integer(index), element);
  return LLVM::GEPOp::create(b, loc, ptrType, element, pointer,
                             ArrayRef<LLVM::GEPArg>(int32_t(index)),
                             LLVM::GEPNoWrapFlags::inbounds);
}
Value FunctionBuilder::loadIndex(Value array, Value index, unsigned bits) {
  Key key{{array.getAsOpaquePointer(), index.getAsOpaquePointer()}, {-11, bits}};
  return once(key, [&] {
    Type type = b.getIntegerType(bits);
    Value value = LLVM::LoadOp::create(b, loc, type, gep(array, index, type), bits / 8,
                                       /*isVolatile=*/false, /*isNonTemporal=*/false,
                                       /*isInvariant=*/true);
    return bits == 64 ? value : sext(value, 64);
  });
}
Value FunctionBuilder::loadPointer(Value array, Value index) {
  return LLVM::LoadOp::create(b, loc, ptrType, gep(array, index, ptrType), 8, /*isVolatile=*/false,
                              /*isNonTemporal=*/false, /*isInvariant=*/true);
}
Value FunctionBuilder::sharedArray(StringRef name, Type element, int64_t numbers) {
  constexpr unsigned sharedMemory = 3;
  auto global = module.lookupSymbol<LLVM::GlobalOp>(name);
  if (!global) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    global = LLVM::GlobalOp::create(b, module.getLoc(), LLVM::LLVMArrayType::get(element, numbers),
                                    /*isConstant=*/false, LLVM::Linkage::Internal, name,
                                    Attribute(), /*alignment=*/16, sharedMemory);
  }
  Key key{{global.getOperation()}, {-13}};
  return once(key, [&] { return Value(LLVM::AddressOfOp::create(b, loc, global)); });
}

Value FunctionBuilder::constantArray(ArrayRef<double> values) {
  SmallVector<float> numbers;
  for (double value : values)
    numbers.push_back(float(value));
  auto attribute = DenseElementsAttr::get(
      RankedTensorType::get({int64_t(numbers.size())}, b.getF32Type()), ArrayRef<float>(numbers));
  LLVM::GlobalOp global;
  for (auto existing : module.getOps<LLVM::GlobalOp>())
    if (existing.getValueOrNull() == attribute)
      global = existing;
  if (!global) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    auto type = LLVM::LLVMArrayType::get(b.getF32Type(), numbers.size());
    unsigned number = std::distance(module.getOps<LLVM::GlobalOp>().begin(),
                                    module.getOps<LLVM::GlobalOp>().end());
    global = LLVM::GlobalOp::create(
        b, module.getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Private,
        "heddle_const_" + std::to_string(number), attribute, /*alignment=*/64, memory);
  }
  Key key{{global.getOperation()}, {-12}};
  return once(key, [&] { return Value(LLVM::AddressOfOp::create(b, loc, global)); });
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

Values FunctionBuilder::loop(Value low, Value high, int64_t step, ArrayRef<Value> init,
                             function_ref<Values(Value, ArrayRef<Value>)> body) {
  return loop(low, high, integer(step), init, body);
}
Values FunctionBuilder::loop(Value low, Value high, Value step, ArrayRef<Value> init,
                             function_ref<Values(Value, ArrayRef<Value>)> body) {
  auto op = scf::ForOp::create(b, loc, low, high, step, ValueRange(init));
  OpBuilder::InsertionGuard guard(b);
  Block *block = op.getBody();
  if (init.empty()) // made with its terminator
    block->getTerminator()->erase();
  b.setInsertionPointToEnd(block);
  Scope scope(*this);
  SmallVector<Value> carried(op.getRegionIterArgs().begin(), op.getRegionIterArgs().end());
  Values next = body(op.getInductionVar(), carried);
  scf::YieldOp::create(b, loc, ValueRange(next));
  return Values(op.getResults().begin(), op.getResults().end());
}
void FunctionBuilder::loop(Value low, Value high, function_ref<void(Value)> body) {
  loop(low, high, 1, {}, [&](Value index, ArrayRef<Value>) {
    body(index);
    return Values();
  });
}
Values FunctionBuilder::branch(Value condition, ArrayRef<Type> types, function_ref<Values()> yes,
                               function_ref<Values()> no) {
  auto op = scf::IfOp::create(b, loc, TypeRange(types), condition, /*addThenBlock=*/true,
                              /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  auto fill = [&](Block *block, function_ref<Values()> body) {
    if (block->mightHaveTerminator())
      block->getTerminator()->erase();
    b.setInsertionPointToEnd(block);
    Scope scope(*this);
    Values values = body();
    scf::YieldOp::create(b, loc, ValueRange(values));
  };
  fill(op.thenBlock(), yes);
  fill(op.elseBlock(), no);
  return Values(op.getResults().begin(), op.getResults().end());
}
void FunctionBuilder::when(Value condition, function_ref<void()> body) {
  auto op = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(op.thenBlock()->getTerminator());
  Scope scope(*this);
  body();
}
Value FunctionBuilder::intrinsic(StringRef name, Type result, ArrayRef<Value> operands) {
  StringAttr symbol = b.getStringAttr(name);
  auto call = result ? LLVM::CallIntrinsicOp::create(b, loc, result, symbol, ValueRange(operands))
                     : LLVM::CallIntrinsicOp::create(b, loc, symbol, ValueRange(operands));
  return result ? call.getResult(0) : Value();
}

//===----------------------------------------------------------------------===//
// Values already computed
//===----------------------------------------------------------------------===//

unsigned FunctionBuilder::KeyInfo::getHashValue(const Key &key) {
  return unsigned(
      llvm::hash_combine(llvm::hash_combine_range(key.pointers.begin(), key.pointers.end()),
                         llvm::hash_combine_range(key.numbers.begin(), key.numbers.end())));
}
const Values *FunctionBuilder::find(const Key &key) const {
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope)
    if (auto it = scope->find(key); it != scope->end())
      return &it->second;
  return nullptr;
}
void FunctionBuilder::remember(const Key &key, Values values) {
  scopes.back()[key] = std::move(values);
}
Value FunctionBuilder::once(const Key &key, function_ref<Value()> make) {
  if (const Values *known = find(key))
    return known->front();
  Value value = make();
  remember(key, {value});
  return value;
}
