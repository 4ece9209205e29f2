//===- Hubs.cpp - rows with very many edges on a GPU ----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A team of threads takes a row's edges one after another, and a launch lasts as long as its
// longest row: in a batch the sum into a popular source, in a whole graph any hub. Such rows are
// left out by the teams and taken afterwards by whole blocks: a block looks at as many rows as it
// has threads, one each, and sums the hubs among them one by one with all its threads. Which rows
// are hubs, and in what order their edges are added, follows from the row alone, so the bits are
// the same for any number of blocks.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/KernelEmitter.h"
#include "runtime/plan/GpuCode.h"

#include "llvm/Support/MathExtras.h"

#include <utility>

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;
using hgnn::FeatType;

/// Rows with more edges than this are hubs.
static constexpr int64_t hubEdges = 128;
/// Where a row's edges are of more relations than this, asking each costs more than hubs do.
static constexpr size_t mostAdjacencies = 4;
static constexpr int64_t warpLanes = 32, warps = plan::gpuBlockThreads / warpLanes;
static constexpr const char *sumsName = "heddle_hub_sums", *marksName = "heddle_hubs";

SmallVector<KernelEmitter::RowEdges> KernelEmitter::edgesOfRows() {
  SmallVector<RowEdges> found;
  if (signature.mode != KernelMode::Rows)
    return found;
  auto add = [&](ArgPart pointers, Value operand, bool byPosition) {
    auto argument = dyn_cast<BlockArgument>(operand);
    RowEdges edges{pointers, argument, byPosition};
    if (argument && !llvm::is_contained(found, edges))
      found.push_back(edges);
  };
  for (Operation &op : body) {
    auto isOfLoop = [&](Value value) {
      return cast<FeatType>(value.getType()).getDomain() == domain;
    };
    if (isa<hgnn::ReduceSrcOp>(op) && isOfLoop(op.getResult(0)))
      add(ArgPart::OutPtr, op.getOperand(1), false);
    else if (isa<hgnn::ReduceDstOp>(op) && isOfLoop(op.getResult(0)))
      add(ArgPart::InPtr, op.getOperand(1), false);
    else if (isa<hgnn::ExpandOp>(op) && isOfLoop(op.getResult(0)) &&
             llvm::any_of(body, [&](Operation &other) {
               return isa<hgnn::ReduceDstOp>(other) && other.getOperand(1) == op.getOperand(1);
             }))
      add(ArgPart::InPtr, op.getOperand(1), true);
    else if (isa<hgnn::SparseLinearOp>(op) && isOfLoop(op.getResult(0)))
      add(ArgPart::SparsePtr, op.getOperand(0), false);
  }
  return found.size() <= mostAdjacencies ? found : SmallVector<RowEdges>();
}

/// How many edges a row has, of all of them.
Value KernelEmitter::countEdges(ArrayRef<RowEdges> all, Value row) {
  Value sum;
  for (const RowEdges &edges : all) {
    Value pointers = arg(edges.pointers, edges.operand), count;
    auto between = [&](Value at) {
      return f.subi(f.loadIndex(pointers, f.addi(at, 1)), f.loadIndex(pointers, at));
    };
    if (edges.byPosition) {
      Value at = f.loadIndex(arg(ArgPart::RowPos, edges.operand), row);
      count = f.branch(
                   f.cmp(IPred::sge, at, f.integer(0)), {at.getType()},
                   [&]() -> Values { return {between(at)}; },
                   [&]() -> Values { return {f.integer(0)}; })
                  .front();
    } else {
      count = between(row);
    }
    sum = sum ? f.addi(sum, count) : count;
  }
  return sum;
}

void KernelEmitter::forRowsAndHubs(ArrayRef<RowEdges> edges, function_ref<void(Value)> body) {
  auto once = [&](Value row) {
    body(row);
    return Values();
  };
  if (!gpu || signature.mode != KernelMode::Rows || edges.empty()) {
    forRows({}, [&](Value row, ArrayRef<Value>) { return once(row); });
    return;
  }
  auto isHub = [&](Value row) {
    return f.cmp(IPred::sgt, countEdges(edges, row), f.integer(hubEdges));
  };
  forRows({}, [&](Value row, ArrayRef<Value>) {
    Value light = f.cmp(IPred::sle, countEdges(edges, row), f.integer(hubEdges));
    f.when(light, [&] { body(row); });
    return Values();
  });

  auto special = [&](StringRef name) {
    return f.intrinsic(("llvm.nvvm.read.ptx.sreg." + name).str(), f.intType(32), {});
  };
  constexpr int64_t threads = plan::gpuBlockThreads;
  Value thread = f.zext(special("tid.x"), 64), block = f.zext(special("ctaid.x"), 64);
  Value blocks = f.zext(special("nctaid.x"), 64);
  Value marks = f.sharedArray(marksName, f.intType(32), warps);
  Type i32 = f.intType(32);
  auto mark = [&](Value warp) {
    return Value(LLVM::GEPOp::create(f.b, f.loc, marks.getType(), i32, marks, ValueRange(warp),
                                     LLVM::GEPNoWrapFlags::inbounds));
  };
  const int64_t partsBefore = teamParts;
  Value partBefore = part;
  f.loop(f.addi(f.begin, f.muli(block, threads)), f.end, f.muli(blocks, threads), {},
         [&](Value first, ArrayRef<Value>) {
           Value own = f.addi(first, thread);
           Value hub = f.branch(
                            f.cmp(IPred::slt, own, f.end), {f.b.getI1Type()},
                            [&]() -> Values { return {isHub(own)}; },
                            [&]() -> Values { return {f.cmp(IPred::ne, thread, thread)}; })
                           .front();
           Value votes = f.intrinsic("llvm.nvvm.vote.ballot.sync", i32, {f.integer(-1, 32), hub});
           f.when(f.cmp(IPred::eq, f.andi(thread, warpLanes - 1), f.integer(0)),
                  [&] { LLVM::StoreOp::create(f.b, f.loc, votes, mark(f.shr(thread, 5)), 4); });
           meetBlock();
           f.loop(f.integer(0), f.integer(warps), 1, {}, [&](Value warp, ArrayRef<Value>) {
             Value votes = LLVM::LoadOp::create(f.b, f.loc, i32, mark(warp), 4);
             Value count = f.zext(LLVM::CtPopOp::create(f.b, f.loc, i32, votes), 64);
             // Bit by bit: the lowest that is left.
             f.loop(f.integer(0), count, 1, {votes}, [&](Value, ArrayRef<Value> left) -> Values {
               Value bit =
                   f.zext(LLVM::CountTrailingZerosOp::create(f.b, f.loc, i32, left[0], true), 64);
               Value row = f.addi(f.addi(first, f.muli(warp, warpLanes)), bit);
               teamParts = threads / columnLanes;
               part = f.shr(thread, int64_t(llvm::Log2_64(uint64_t(columnLanes))));
               body(row);
               teamParts = partsBefore;
               part = partBefore;
               Value less = f.addi(left[0], -1);
               return {arith::AndIOp::create(f.b, f.loc, left[0], less)};
             });
             return Values();
           });
           meetBlock(); // before the marks are written again
           return Values();
         });
}

void KernelEmitter::meetBlock() {
  f.intrinsic("llvm.nvvm.barrier.cta.sync.aligned.all", {}, {f.integer(0, 32)});
}

/// What the warps of a block have of a value, in the order of the warps; all threads get it.
Value KernelEmitter::joinWarps(Value value, function_ref<Value(Value, Value)> join) {
  const int lanes = FunctionBuilder::laneCount(value.getType());
  Value sums = f.sharedArray(sumsName, f.f32Type(), plan::gpuBlockThreads * f.lanes);
  Value thread = f.zext(f.intrinsic("llvm.nvvm.read.ptx.sreg.tid.x", f.intType(32), {}), 64);
  auto slot = [&](Value index) {
    return Value(LLVM::GEPOp::create(f.b, f.loc, sums.getType(), f.f32Type(), sums,
                                     ValueRange(f.muli(index, f.lanes)),
                                     LLVM::GEPNoWrapFlags::inbounds));
  };
  f.store(value, slot(thread), unsigned(lanes) * 4);
  meetBlock();
  Value inWarp = f.andi(thread, warpLanes - 1), all;
  for (int64_t warp = 0; warp < warps; ++warp) {
    Value own = f.load(slot(f.addi(inWarp, warp * warpLanes)), lanes, unsigned(lanes) * 4);
    all = all ? join(all, own) : own;
  }
  meetBlock(); // before the sums are written again
  return all;
}
