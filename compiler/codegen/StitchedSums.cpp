//===- StitchedSums.cpp - sums of the terms of many relations --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A row of a graph of hundreds of relations has edges of few of them. Asking every relation for
// every row then costs more than the sum itself. Here the relations of a block of rows are gone
// through one after the other, and of each only the rows that it has something for. A row's terms
// are added in the same order as when they are gone through row by row, so the bits are the same.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/KernelEmitter.h"

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;
using hgnn::FeatType;

/// Rows whose presence one test of a vector tells.
static constexpr int64_t rowsPerMask = 16;
/// Numbers of a block's sums: they stay in the first cache.
static constexpr int64_t numbersPerBlock = 4096;

static int64_t widthOf(Value value) { return cast<FeatType>(value.getType()).getWidth(); }

/// The array that says which rows a term has something for, if there is one.
std::optional<std::pair<ArgPart, Value>> KernelEmitter::presenceOf(Value term) {
  Operation *op = term.getDefiningOp();
  if (!op || op->getNumOperands() < 2 || !isa<BlockArgument>(op->getOperand(1)))
    return std::nullopt;
  if (auto expand = dyn_cast<hgnn::ExpandOp>(op); expand && expand.getMerge() == hgnn::Merge::Sum)
    return std::pair{ArgPart::RowPos, op->getOperand(1)};
  if (isa<hgnn::SelfScatterOp>(op))
    return std::pair{ArgPart::SelfInv, op->getOperand(1)};
  if (isa<hgnn::ReduceSrcOp>(op))
    return std::pair{ArgPart::OutPtr, op->getOperand(1)};
  return std::nullopt;
}

/// Finds the sums to stitch and gives each room for the rows of a block.
bool KernelEmitter::findStitchedSums() {
  if (gpu || signature.mode != KernelMode::Rows || domain.isEdges())
    return false;
  for (Operation &op : body) {
    auto add = dyn_cast<hgnn::AddOp>(op);
    if (!add || !add.getStitched() || cast<FeatType>(add.getType()).getDomain() != domain)
      continue;
    auto runs = runsOf(add);
    if (runs.empty() || !llvm::all_of(runs, [&](auto &run) {
          return presenceOf(add->getOperand(unsigned(run.first))).has_value();
        }))
      continue;
    StitchedSum sum;
    sum.width = widthOf(add.getResult());
    stitched.insert({&op, sum});
  }
  int64_t width = 0;
  for (auto &[op, sum] : stitched)
    width += sum.width;
  if (stitched.empty())
    return false;
  stitchedRows = std::clamp<int64_t>(numbersPerBlock / width / rowsPerMask * rowsPerMask,
                                     rowsPerMask, 8 * rowsPerMask);
  for (auto &[op, sum] : stitched)
    sum.rows = f.inPrelude([&] {
      return Value(LLVM::AllocaOp::create(f.b, f.loc, f.ptrType, f.f32Type(),
                                          f.integer(stitchedRows * sum.width), 64));
    });
  return true;
}

void KernelEmitter::emitStitchedRows() {
  f.loop(f.begin, f.end, stitchedRows, {}, [&](Value first, ArrayRef<Value>) {
    Value last = arith::MinSIOp::create(f.b, f.loc, f.addi(first, stitchedRows), f.end);
    blockFirst = first;
    for (auto &[op, sum] : stitched)
      sumTerms(op, first, last, sum);
    f.loop(first, last, [&](Value row) {
      rootRow = blockRow = row;
      emitRow(Place::at(row), row, {});
    });
    blockRow = {};
    return Values();
  });
}

/// Whether the value is a sum that has been made for the row.
bool KernelEmitter::isStitched(Value value, const Place &place) const {
  Operation *op = value.getDefiningOp();
  return blockRow && place.kind == Place::Row && place.row == blockRow && !frame &&
         op != beingSummed && stitched.contains(op);
}

Values KernelEmitter::stitchedSum(Value value, const Place &place, const Tile &tile) {
  const StitchedSum &sum = stitched.find(value.getDefiningOp())->second;
  return loadTile(sum.rows, f.subi(place.row, blockFirst), sum.width, tile);
}

void KernelEmitter::sumTerms(Operation *add, Value first, Value last, const StitchedSum &sum) {
  beingSummed = add;
  auto storeRows = [&](function_ref<Values(Value, const Tile &)> values) {
    f.loop(first, last, [&](Value row) {
      blockRow = row;
      forTiles(sum.width, cutsOf({add->getOperand(0)}, sum.width), {}, false,
               [&](const Tile &tile, ArrayRef<Value>) {
                 storeTile(sum.rows, f.subi(row, first), sum.width, tile, values(row, tile));
                 return Values();
               });
      blockRow = {};
    });
  };
  auto runs = runsOf(add);
  for (int i = 0, n = int(add->getNumOperands()); i < n;) {
    auto run = llvm::find_if(runs, [&](auto &r) { return r.first == i; });
    Value term = add->getOperand(unsigned(i));
    if (run == runs.end()) {
      if (i == 0)
        storeRows([&](Value row, const Tile &tile) { return eval(term, Place::at(row), tile); });
      else
        addTerm(term, first, last, sum);
      ++i;
      continue;
    }
    if (i == 0)
      storeRows([&](Value, const Tile &tile) { return zeros(tile); });
    Group &group = groupOf(add, run->first, run->second);
    f.loop(f.integer(0), f.integer(group.count), [&](Value member) {
      frame = &group;
      framePointer =
          f.gep(f.args, f.addi(group.base, f.muli(member, Value(group.stride))), f.ptrType);
      addTerm(term, first, last, sum);
      frame = nullptr;
    });
    i += run->second;
  }
  beingSummed = nullptr;
}

/// Adds a term to the sums of the rows that it has something for.
void KernelEmitter::addTerm(Value term, Value first, Value last, const StitchedSum &sum) {
  auto addAt = [&](Value row) {
    blockRow = row;
    const Place place = Place::at(row);
    Value local = f.subi(row, first);
    Cuts cuts = cutsOf({term}, sum.width);
    if (sum.width > tileColumns || cuts.size() > 2)
      prepareRow(term, place);
    forTiles(sum.width, cuts, {}, false, [&](const Tile &tile, ArrayRef<Value>) {
      Values before = loadTile(sum.rows, local, sum.width, tile);
      storeTile(sum.rows, local, sum.width, tile, accumulate(term, place, tile, before));
      return Values();
    });
    blockRow = {};
  };
  auto presence = presenceOf(term);
  if (!presence) {
    f.loop(first, last, addAt);
    return;
  }
  auto [part, link] = *presence;
  Value array = arg(part, link);
  f.loop(first, last, rowsPerMask, {}, [&, part = part](Value low, ArrayRef<Value>) {
    Value rows = f.subi(last, low);
    Value mask = f.branch(
                      f.cmp(IPred::sge, rows, f.integer(rowsPerMask)), {f.intType(64)},
                      [&] { return Values{presenceMask(part, array, low)}; },
                      [&] {
                        return f.loop(f.integer(0), rows, 1, {f.integer(0)},
                                      [&](Value i, ArrayRef<Value> mask) {
                                        Value bit = arith::ShLIOp::create(
                                            f.b, f.loc, isPresent(part, array, f.addi(low, i)), i);
                                        Value both =
                                            arith::OrIOp::create(f.b, f.loc, mask.front(), bit);
                                        return Values{both};
                                      });
                      })
                     .front();
    Value present = LLVM::CtPopOp::create(f.b, f.loc, f.intType(64), mask);
    f.loop(f.integer(0), present, 1, {mask}, [&](Value, ArrayRef<Value> left) {
      Value at = LLVM::CountTrailingZerosOp::create(f.b, f.loc, f.intType(64), left.front(), false);
      addAt(f.addi(low, at));
      Value rest = arith::AndIOp::create(f.b, f.loc, left.front(), f.addi(left.front(), -1));
      return Values{rest};
    });
    return Values();
  });
}

/// 1 or 0.
Value KernelEmitter::isPresent(ArgPart part, Value array, Value row) {
  Value number = f.loadIndex(array, row);
  Value is = part == ArgPart::OutPtr ? f.cmp(IPred::ne, number, f.loadIndex(array, f.addi(row, 1)))
                                     : f.cmp(IPred::sge, number, f.integer(0));
  return arith::ExtUIOp::create(f.b, f.loc, f.intType(64), is);
}

/// Bit i: row + i is present.
Value KernelEmitter::presenceMask(ArgPart part, Value array, Value row) {
  Type type = f.intType(32, rowsPerMask);
  auto load = [&](Value at) {
    return Value(
        LLVM::LoadOp::create(f.b, f.loc, type, f.gep(array, at, f.intType(32)), /*alignment=*/4));
  };
  Value numbers = load(row);
  Value are = part == ArgPart::OutPtr ? f.cmp(IPred::ne, numbers, load(f.addi(row, 1)))
                                      : f.cmp(IPred::sge, numbers, f.integer(0, 32, rowsPerMask));
  Value bits = LLVM::BitcastOp::create(f.b, f.loc, f.intType(rowsPerMask), are);
  return arith::ExtUIOp::create(f.b, f.loc, f.intType(64), bits);
}
