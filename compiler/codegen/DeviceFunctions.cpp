//===- DeviceFunctions.cpp - what every GPU library has -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/DeviceFunctions.h"
#include "compiler/codegen/FunctionBuilder.h"
#include "runtime/plan/GpuCode.h"

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;

/// Address space of a GPU.
static constexpr unsigned globalMemory = 1;

static Value special(FunctionBuilder &f, StringRef name) {
  return f.zext(f.intrinsic(("llvm.nvvm.read.ptx.sreg." + name).str(), f.intType(32), {}), 64);
}
static Value argument(FunctionBuilder &f, int64_t number) {
  return f.loadPointer(f.args, f.integer(number));
}

/// Sums of columns in one order for any number of threads: of a block, thread (y, x) adds the
/// chunks y, y + 8, ... of column x, and then one thread the eight sums. Four sums at a time hide
/// the wait.
static void emitMerge(ModuleOp module, int lanes) {
  constexpr int64_t columns = plan::gpuMergeColumns, parts = plan::gpuBlockThreads / columns;
  constexpr int64_t atOnce = 4;
  FunctionBuilder f(module, plan::gpuMergeFunction, lanes, module.getLoc(), globalMemory);
  f.chooseLaunch();
  Value shared = f.sharedArray("heddle_merge_sums", f.f32Type(), columns * parts);
  Value input = argument(f, 0), output = argument(f, 1), chunks = f.begin, width = f.end;
  Value thread = special(f, "tid.x");
  Value x = f.andi(thread, columns - 1), y = f.shr(thread, llvm::Log2_64(columns));
  Value column = f.addi(f.muli(special(f, "ctaid.x"), columns), x);
  Value inside = f.cmp(IPred::slt, column, width);
  auto at = [&](Value chunk) {
    return f.load(f.gep(input, f.addi(f.muli(chunk, width), column), f.f32Type()), 1);
  };
  Values none(atOnce, f.f32(0));
  SmallVector<Type> types(1, f.f32Type());
  Value sum =
      f.branch(
           inside, types,
           [&]() -> Values {
             Value whole = f.subi(chunks, f.integer((atOnce - 1) * parts));
             Values sums =
                 f.loop(y, whole, atOnce * parts, none, [&](Value c, ArrayRef<Value> old) {
                   Values next;
                   for (int64_t i = 0; i < atOnce; ++i)
                     next.push_back(f.add(old[i], at(f.addi(c, i * parts))));
                   return next;
                 });
             // Where the loop ended: after so many rounds.
             Value span = arith::MaxSIOp::create(f.b, f.loc, f.subi(whole, y), f.integer(0));
             Value rounds = arith::DivUIOp::create(f.b, f.loc, f.addi(span, atOnce * parts - 1),
                                                   f.integer(atOnce * parts));
             Value rest = f.addi(y, f.muli(rounds, atOnce * parts));
             Values last = f.loop(
                 rest, chunks, parts, {f.f32(0)},
                 [&](Value c, ArrayRef<Value> old) -> Values { return {f.add(old[0], at(c))}; });
             Value all = f.add(f.add(sums[0], sums[1]), f.add(sums[2], sums[3]));
             return {f.add(all, last[0])};
           },
           [&]() -> Values { return {f.f32(0)}; })
          .front();
  auto slot = [&](Value index) {
    return Value(LLVM::GEPOp::create(f.b, f.loc, shared.getType(), f.f32Type(), shared,
                                     ValueRange(index), LLVM::GEPNoWrapFlags::inbounds));
  };
  f.store(sum, slot(thread));
  f.intrinsic("llvm.nvvm.barrier.cta.sync.aligned.all", {}, {f.integer(0, 32)});
  Value first = f.cmp(IPred::eq, y, f.integer(0));
  f.when(arith::AndIOp::create(f.b, f.loc, first, inside), [&] {
    Value total = f.load(slot(x), 1);
    for (int64_t part = 1; part < parts; ++part)
      total = f.add(total, f.load(slot(f.addi(x, part * columns)), 1));
    f.store(total, f.gep(output, column, f.f32Type()));
  });
  f.finish();
}

static void emitGatherRows(ModuleOp module, int lanes) {
  FunctionBuilder f(module, plan::gpuGatherFunction, lanes, module.getLoc(), globalMemory);
  f.chooseLaunch();
  Value ids = argument(f, 0), table = argument(f, 1), output = argument(f, 2), width = f.chunk;
  Value block = special(f, "ntid.x");
  Value thread = f.addi(f.muli(special(f, "ctaid.x"), block), special(f, "tid.x"));
  Value threads = f.muli(special(f, "nctaid.x"), block);
  f.loop(thread, f.muli(f.end, width), threads, {}, [&](Value number, ArrayRef<Value>) {
    Value row = arith::DivUIOp::create(f.b, f.loc, number, width);
    Value column = f.subi(number, f.muli(row, width));
    Value from = f.addi(f.muli(f.loadIndex(ids, row, 64), width), column);
    f.store(f.load(f.gep(table, from, f.f32Type()), 1), f.gep(output, number, f.f32Type()));
    return Values();
  });
  f.finish();
}

void heddle::compiler::emitDeviceFunctions(ModuleOp module, int lanes) {
  emitMerge(module, lanes);
  emitGatherRows(module, lanes);
}
