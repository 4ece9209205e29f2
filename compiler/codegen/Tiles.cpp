//===- Tiles.cpp - how the columns of a row are cut ------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/KernelEmitter.h"

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;
using hgnn::FeatType;

static int64_t widthOf(Value value) { return cast<FeatType>(value.getType()).getWidth(); }

Tile KernelEmitter::scalarTile() const {
  Tile tile;
  tile.pieces.push_back({0, 1});
  return tile;
}

Tile KernelEmitter::makeTile(Value base, int64_t offset, int64_t width, int64_t low,
                             int64_t high) const {
  Tile tile;
  tile.base = base, tile.offset = offset, tile.width = width, tile.low = low, tile.high = high;
  for (int64_t done = 0; done < width;) {
    int lanes = f.lanes;
    while (lanes > width - done)
      lanes /= 2;
    tile.pieces.push_back({done, lanes});
    done += lanes;
  }
  return tile;
}

Values KernelEmitter::forTiles(int64_t width, const Cuts &cuts, ArrayRef<Value> init, bool unroll,
                               function_ref<Values(const Tile &, ArrayRef<Value>)> body) {
  Values carried(init);
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    int64_t low = cuts[i], high = cuts[i + 1], whole = (high - low) / tileColumns;
    int64_t middle = low + whole * tileColumns;
    if (whole > 1 && !unroll)
      carried = f.loop(f.integer(low), f.integer(middle), tileColumns, carried,
                       [&](Value base, ArrayRef<Value> inner) {
                         Tile tile = makeTile(base, 0, tileColumns, low, middle);
                         tile.start = low, tile.stride = tileColumns;
                         tile.align = low % tileColumns == 0 ? tileColumns : 1;
                         return body(tile, inner);
                       });
    else
      for (int64_t at = low; at < middle; at += tileColumns)
        carried = body(makeTile({}, at, tileColumns, at, at + tileColumns), carried);
    if (middle < high)
      carried = body(makeTile({}, middle, high - middle, middle, high), carried);
  }
  return carried;
}

Cuts KernelEmitter::cutsOf(ArrayRef<Value> values, int64_t width) {
  Cuts cuts{0, width};
  headRanges.clear();
  for (Value value : values)
    collectCuts(value, 0, 0, width, cuts);
  alignHeads(cuts, width);
  llvm::sort(cuts);
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  seenForCuts.clear();
  return cuts;
}

void KernelEmitter::collectCuts(Value value, int64_t shift, int64_t low, int64_t high, Cuts &cuts) {
  Operation *op = value.getDefiningOp();
  if (!op || low >= high || !seenForCuts.insert({value, {shift, {low, high}}}).second)
    return;
  auto cut = [&](int64_t column) {
    if (column > low && column < high)
      cuts.push_back(column + shift);
  };
  auto part = [&](Value operand, int64_t at) { // columns [at, at + width) hold the operand
    int64_t width = widthOf(operand);
    cut(at);
    cut(at + width);
    collectCuts(operand, shift + at, std::max<int64_t>(low - at, 0), std::min(high - at, width),
                cuts);
  };
  auto seams = [&](hgnn::MergeRule merge, int64_t width) {
    for (int64_t seam : seamsOf(merge, width))
      cut(seam);
  };
  auto heads = [&](hgnn::MergeRule merge, int64_t n) {
    cutHeads(n / merge.heads, merge.heads, shift, low, high, cuts);
  };
  if (auto term = dyn_cast<hgnn::TermOp>(op)) {
    int64_t n = widthOf(term.getInput());
    seams(term.getMerge(), widthOf(value));
    part(term.getInput(), 0);
    if (term.getMerge() == hgnn::Merge::Softmax)
      part(term.getKey(), n);
  } else if (auto expand = dyn_cast<hgnn::ExpandOp>(op)) {
    seams(expand.getMerge(), widthOf(value));
    collectCuts(expand.getInput(), shift, low, high, cuts);
  } else if (auto zeros = dyn_cast<hgnn::ZerosOp>(op)) {
    seams(zeros.getMerge(), widthOf(value));
  } else if (isa<hgnn::CombineOp, hgnn::ReduceDstOp>(op)) {
    auto reduce = dyn_cast<hgnn::ReduceDstOp>(op);
    hgnn::MergeRule merge = reduce ? reduce.getMerge() : cast<hgnn::CombineOp>(op).getMerge();
    int64_t n = hgnn::valueWidth(merge, widthOf(value));
    seams(merge, widthOf(value));
    heads(merge, n);
    for (Value term : op->getOperands().drop_back(reduce ? 1 : 0)) {
      collectCuts(term, shift, low, high, cuts);
      if (merge == hgnn::Merge::Argmax) // where it says what wins, numbers are read too
        collectCuts(term, shift + n, std::max<int64_t>(low - n, 0), std::min(high - n, n), cuts);
    }
  } else if (auto combined = dyn_cast<hgnn::CombinedOp>(op)) {
    heads(combined.getMerge(), widthOf(value));
    collectCuts(combined.getInput(), shift, low, high, cuts);
  } else if (auto grad = dyn_cast<hgnn::CombinedGradOp>(op)) {
    int64_t n = widthOf(grad.getGrad()), count = grad.getMerge().heads;
    seams(grad.getMerge(), widthOf(value));
    heads(grad.getMerge(), n);
    cutDots(n + count, count, shift, low, high, cuts);
    part(grad.getGrad(), 0);
    collectCuts(grad.getMerged(), shift, low, high, cuts);
  } else if (auto grad = dyn_cast<hgnn::TermGradOp>(op)) {
    Value terms = grad.getInputs().front();
    int64_t n = widthOf(value);
    if (grad.getInputs().size() == 3) { // of whole rows
      cutDots(0, n, shift, low, high, cuts);
      return;
    }
    collectCuts(terms, shift, low, high, cuts);
    if (grad.getMerge() == hgnn::Merge::Argmax)
      collectCuts(terms, shift - n, low + n, high + n, cuts);
    else
      heads(grad.getMerge(), n);
  } else if (auto dot = dyn_cast<hgnn::RowDotOp>(op)) {
    cutDots(0, int64_t(dot.getHeads()), shift, low, high, cuts);
  } else if (auto concat = dyn_cast<hgnn::ConcatOp>(op)) {
    int64_t at = 0;
    for (Value operand : concat.getInputs()) {
      part(operand, at);
      at += widthOf(operand);
    }
  } else if (auto pad = dyn_cast<hgnn::PadOp>(op)) {
    part(pad.getInput(), int64_t(pad.getOffset()));
  } else if (auto slice = dyn_cast<hgnn::SliceOp>(op)) {
    int64_t at = int64_t(slice.getOffset());
    collectCuts(slice.getInput(), shift - at, low + at, high + at, cuts);
  } else if (isa<hgnn::ScaleRowsOp, hgnn::ScaleByOp, hgnn::DropoutOp, hgnn::SoftmaxXentGradOp,
                 hgnn::SigmoidXentGradOp>(op)) {
    int64_t count = 1;
    if (auto scale = dyn_cast<hgnn::ScaleRowsOp>(op))
      count = widthOf(scale.getScale());
    else if (auto dropout = dyn_cast<hgnn::DropoutOp>(op))
      count = std::max<int64_t>(int64_t(dropout.getHeads()), 1);
    cutHeads(widthOf(value) / count, count, shift, low, high, cuts);
    collectCuts(op->getOperand(0), shift, low, high, cuts);
  } else if (auto broadcast = dyn_cast<hgnn::BroadcastRowsOp>(op)) {
    collectCuts(broadcast.getInput(), shift, low, high, cuts);
  } else if (!isa<hgnn::SoftmaxXentOp, hgnn::SigmoidXentOp, hgnn::SparseLinearOp,
                  hgnn::ClipFactorOp, hgnn::OnesOp>(op)) {
    for (Value operand : op->getOperands())
      if (isa<FeatType>(operand.getType()))
        collectCuts(operand, shift, low, high, cuts);
  }
}
