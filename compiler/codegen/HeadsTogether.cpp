//===- HeadsTogether.cpp - what heads have once, by a team of threads ------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Behind the numbers of a softmax's row stand a few for each head: largest scores, sums, gradients of
// sums. Taken as columns of their own they would be one thread's, who would do for all heads again what
// the others have done. Here the threads at a head's columns make them on their way.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/KernelEmitter.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;
using hgnn::FeatType;

static int64_t widthOf(Value value) { return cast<FeatType>(value.getType()).getWidth(); }

/// The widest stretch of columns that a team goes through at once.
int64_t KernelEmitter::widestStretch() {
  int64_t widest = 1;
  for (const Root &root : roots) {
    SmallVector<Value> values; // results of one width share their cuts
    for (const Root &other : roots)
      if (other.width == root.width)
        values.push_back(other.value);
    Cuts cuts = cutsOf(values, root.width);
    for (size_t i = 0; i + 1 < cuts.size(); ++i)
      widest = std::max(widest, cuts[i + 1] - cuts[i]);
  }
  return widest;
}

bool KernelEmitter::storeSoftmaxTogether(const Root &root, const Place &place, Value storeRow) {
  auto op = root.value.getDefiningOp<hgnn::ReduceDstOp>();
  if (!gpu || !shareTiles || !together || !op || root.sink != Sink::Store ||
      op.getMerge() != hgnn::Merge::Softmax || isStitched(root.value, place))
    return false;
  const int64_t heads = op.getMerge().heads, n = hgnn::valueWidth(op.getMerge(), root.width);
  const int64_t size = n / heads;
  if (size % tileColumns != 0) // a tile is of one head
    return false;
  Cuts cuts;
  for (int64_t cut : cutsOf({root.value}, root.width))
    if (cut <= n)
      cuts.push_back(cut);
  Value output = arg(ArgPart::Output, root.result);
  forSharedTiles(n, cuts, {}, false, [&](const Tile &tile, ArrayRef<Value>) {
    const WeightedSum at{false, headsOf(tile, size, root.value)};
    const Tile head = at.heads.tile;
    Values largest = largestOfEdges(op, place, head);
    Values sums = zeros(tile);
    sums.push_back(f.f32(0)); // of the weights
    sums = overEdges(op, place, tile, sums, RowReduction::Sum,
                     [&](const Place &edge, ArrayRef<Value> sum) {
                       Values weights =
                           weightsOf(evalHeads(op.getInput(), edge, head.shifted(n)), largest);
                       Values next = addWeighted(at, sum.drop_back(), eval(op.getInput(), edge, tile),
                                                 weights, tile);
                       next.push_back(f.add(sum.back(), weights.front()));
                       return next;
                     });
    storeForTeam(output, storeRow, root.width, tile, ArrayRef<Value>(sums).drop_back());
    auto storeOfHead = [&] {
      storeForTeam(output, storeRow, root.width, head.shifted(n), largest);
      storeForTeam(output, storeRow, root.width, head.shifted(n + heads), sums.back());
    };
    // By whoever has the head's first column.
    if (!tile.base) {
      if (tile.offset % size == 0)
        storeOfHead();
      return Values();
    }
    Value column = f.addi(tile.base, tile.offset);
    Value inHead = arith::RemUIOp::create(f.b, f.loc, column, f.integer(size));
    f.when(f.cmp(IPred::eq, inHead, f.integer(0)), storeOfHead);
    return Values();
  });
  return true;
}

std::optional<Values> KernelEmitter::dotOfHeadsTogether(Value x, Value y, int64_t size,
                                                        const Place &place, const Tile &heads) {
  const int64_t lanesOfHead = size / tileColumns;
  if (!gpu || !together || columnLanes == 1 || heads.base || size % tileColumns != 0 ||
      !llvm::isPowerOf2_64(uint64_t(lanesOfHead)) || lanesOfHead > columnLanes)
    return {};
  const int64_t first = heads.offset * size, end = first + heads.width * size;
  for (int64_t cut : cutsOf({x, y}, widthOf(y)))
    if (cut > first && cut < end)
      return {};
  auto at = [&](Value value) {
    return cast<FeatType>(value.getType()).getDomain().isParam() && !domain.isParam()
               ? Place::flat()
               : place;
  };
  Values scalars;
  const int64_t atOnce = columnLanes / lanesOfHead; // heads
  for (int64_t head = 0; head < heads.width; head += atOnce) {
    const int64_t count = std::min(atOnce, heads.width - head), low = first + head * size;
    // As tiles are shared, so that what is evaluated here is there for the row's columns, too.
    Value base = tileOfLane(low);
    if (count * lanesOfHead < columnLanes) // the others do as the last one
      base = arith::MinUIOp::create(f.b, f.loc, base, f.integer(low + count * size - tileColumns));
    Tile tile = makeTile(base, 0, tileColumns, low, low + count * size);
    tile.start = low, tile.stride = tileColumns;
    tile.align = low % tileColumns == 0 ? tileColumns : 1;
    together = false;
    Values products = map(eval(x, at(x), tile), eval(y, at(y), tile),
                          [&](Value a, Value b) { return f.mul(a, b); });
    together = true;
    Value dot = foldLanes(RowReduction::Sum, products);
    for (int64_t distance = lanesOfHead / 2; distance > 0; distance /= 2)
      dot = f.add(dot, fromLane(dot, f.integer(distance)));
    for (int64_t j = 0; j < count; ++j) {
      Value other = arith::XOrIOp::create(f.b, f.loc, lane, f.integer(j * lanesOfHead));
      scalars.push_back(fromLane(dot, other));
    }
  }
  return assemble(scalars, heads);
}

void KernelEmitter::prepareHeadsTogether(Operation *op, const Place &place) {
  auto grad = dyn_cast<hgnn::CombinedGradOp>(op);
  if (!grad || grad.getMerge() != hgnn::Merge::Softmax)
    return;
  const int64_t heads = grad.getMerge().heads, size = widthOf(grad.getGrad()) / heads;
  if (heads > mostFixedHeads || size <= tileColumns)
    return;
  fixedHeads = true;
  for (int64_t head = 0; head < heads; head += tileColumns) {
    const int64_t end = std::min(heads, head + tileColumns);
    gradientOfSums(grad, place, makeTile({}, head, end - head, head, end));
  }
}
