//===- StitchedSums.cpp - sums and softmaxes over many relations -----------===//
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
/// Wider rows cost more than asking for them, and their sums stand on the stack.
static constexpr int64_t widestStitched = 4096;

static int64_t widthOf(Value value) { return cast<FeatType>(value.getType()).getWidth(); }

/// The array that says which rows a term has something for, if there is one.
static std::optional<std::pair<ArgPart, Value>> presenceOf(Value term) {
  Operation *op = term.getDefiningOp();
  if (!op || op->getNumOperands() < 2 || !isa<BlockArgument>(op->getOperand(1)))
    return std::nullopt;
  if (isa<hgnn::ExpandOp>(op))
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
    auto combine = dyn_cast<hgnn::CombineOp>(op);
    if (!(add && add.getStitched()) &&
        !(combine && combine.getStitched() && combine.getMerge() == hgnn::Merge::Softmax))
      continue;
    auto runs = runsOf(&op);
    if (runs.empty() || cast<FeatType>(op.getResult(0).getType()).getDomain() != domain ||
        !llvm::all_of(runs, [&](auto &run) {
          return presenceOf(op.getOperand(unsigned(run.first))).has_value();
        }))
      continue;
    StitchedSum sum;
    sum.width = widthOf(op.getResult(0));
    stitched.insert({&op, sum});
  }
  int64_t width = 0;
  for (auto &[op, sum] : stitched)
    width += sum.width;
  if (stitched.empty())
    return false;
  if (width > widestStitched) {
    stitched.clear();
    return false;
  }
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
    for (auto &[op, sum] : stitched) {
      beingSummed = op;
      if (auto combine = dyn_cast<hgnn::CombineOp>(op))
        combineTerms(combine, first, last, sum);
      else
        addTerms(op, first, last, sum);
      beingSummed = nullptr;
    }
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

/// Stores at each row of the block what `values` gives for it.
void KernelEmitter::storeStitched(Value first, Value last, const StitchedSum &sum, const Cuts &cuts,
                                  function_ref<Values(Value, const Tile &)> values) {
  f.loop(first, last, [&](Value row) {
    blockRow = row;
    forTiles(sum.width, cuts, {}, false, [&](const Tile &tile, ArrayRef<Value>) {
      storeTile(sum.rows, f.subi(row, first), sum.width, tile, values(row, tile));
      return Values();
    });
    blockRow = {};
  });
}

void KernelEmitter::addTerms(Operation *add, Value first, Value last, const StitchedSum &sum) {
  auto runs = runsOf(add);
  const bool startsWithRun = runs.front().first == 0;
  if (startsWithRun)
    storeStitched(first, last, sum, cutsOf({add->getOperand(0)}, sum.width),
                  [&](Value, const Tile &tile) { return zeros(tile); });
  overTerms(add, {}, [&](int number, Value term, ArrayRef<Value>) {
    if (number == 0 && !startsWithRun)
      storeStitched(first, last, sum, cutsOf({term}, sum.width),
                    [&](Value row, const Tile &tile) { return eval(term, Place::at(row), tile); });
    else
      addTerm(term, first, last, sum);
    return Values();
  });
}

/// Adds a term to the sums of the rows that it has something for.
void KernelEmitter::addTerm(Value term, Value first, Value last, const StitchedSum &sum) {
  forPresentRows(term, first, last, [&](Value row, Value at, const Place &place) {
    Value local = f.subi(row, first);
    const Cuts cuts = cutsOf({at}, sum.width);
    if (sum.width > tileColumns || cuts.size() > 2)
      prepareRow(at, place);
    forTiles(sum.width, cuts, {}, false, [&](const Tile &tile, ArrayRef<Value>) {
      Values before = loadTile(sum.rows, local, sum.width, tile);
      // Where somebody else wants the term itself, it is a number of its own.
      Values after = term.hasOneUse() ? accumulate(at, place, tile, before)
                                      : map(before, eval(at, place, tile),
                                            [&](Value x, Value y) { return f.add(x, y); });
      storeTile(sum.rows, local, sum.width, tile, after);
      return Values();
    });
  });
}

/// A softmax over relations, as evalCombine makes it of one row: the largest scores first, then the
/// weighted sums and the sums of weights.
void KernelEmitter::combineTerms(hgnn::CombineOp op, Value first, Value last,
                                 const StitchedSum &sum) {
  const hgnn::MergeRule merge = op.getMerge();
  const int64_t n = hgnn::valueWidth(merge, sum.width);
  const Cuts cuts = cutsOf({op.getResult()}, sum.width);
  auto isLargest = [&](const Tile &tile) { return tile.low >= n && tile.low < n + merge.heads; };
  storeStitched(first, last, sum, cuts,
                [&](Value, const Tile &tile) { return emptyTerm(merge, sum.width, tile); });
  for (bool largest : {true, false})
    overTerms(op, {}, [&](int, Value term, ArrayRef<Value>) {
      forPresentRows(term, first, last, [&](Value row, Value at, const Place &place) {
        Value local = f.subi(row, first);
        forTiles(sum.width, cuts, {}, false, [&](const Tile &tile, ArrayRef<Value>) {
          if (isLargest(tile) != largest)
            return Values();
          Values before = loadTile(sum.rows, local, sum.width, tile), after;
          if (largest) {
            after = map(evalHeads(at, place, tile), before,
                        [&](Value score, Value m) { return f.max(score, m); });
          } else {
            WeightedSum columns = weightedSumAt(merge, tile, op.getResult());
            const Tile &heads = columns.heads.tile;
            Values scores = loadTile(sum.rows, local, sum.width, heads.shifted(n));
            Values weights = termWeights(op, at, scores, place, heads);
            after = addWeighted(columns, before, eval(at, place, tile), weights, tile);
          }
          storeTile(sum.rows, local, sum.width, tile, after);
          return Values();
        });
      });
      return Values();
    });
}

/// Calls `body` (row, value, place of the value) for the rows of the block that the term has
/// something for; the value is what an expansion is of, where it is there.
void KernelEmitter::forPresentRows(Value term, Value first, Value last,
                                   function_ref<void(Value, Value, const Place &)> body) {
  auto presence = presenceOf(term);
  auto visit = [&](Value row) {
    blockRow = frame ? Value() : row;
    Operation *op = term.getDefiningOp();
    if (presence && presence->first != ArgPart::OutPtr)
      body(row, op->getOperand(0),
           Place::at(f.loadIndex(arg(presence->first, presence->second), row)));
    else
      body(row, term, Place::at(row));
    blockRow = {};
  };
  if (!presence) {
    f.loop(first, last, visit);
    return;
  }
  auto [part, link] = *presence;
  Value array = arg(part, link);
  f.loop(first, last, rowsPerMask, {}, [&, part = part](Value low, ArrayRef<Value>) {
    Value rows = f.subi(last, low);
    auto scalarMask = [&] {
      return f.loop(f.integer(0), rows, 1, {f.integer(0)}, [&](Value i, ArrayRef<Value> mask) {
        Value bit = arith::ShLIOp::create(f.b, f.loc, isPresent(part, array, f.addi(low, i)), i);
        return Values{Value(arith::OrIOp::create(f.b, f.loc, mask.front(), bit))};
      });
    };
    Value mask = f.branch(
                      f.cmp(IPred::sge, rows, f.integer(rowsPerMask)), {f.intType(64)},
                      [&] { return Values{presenceMask(part, array, low)}; }, scalarMask)
                     .front();
    Value present = LLVM::CtPopOp::create(f.b, f.loc, f.intType(64), mask);
    f.loop(f.integer(0), present, 1, {mask}, [&](Value, ArrayRef<Value> left) {
      Value at = LLVM::CountTrailingZerosOp::create(f.b, f.loc, f.intType(64), left.front(), false);
      visit(f.addi(low, at));
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
