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
  Tile tile{base, offset, width, low, high, {}};
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
                         return body(makeTile(base, 0, tileColumns, low, middle), inner);
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
  for (Value value : values)
    collectCuts(value, 0, 0, width, cuts);
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
  auto seams = [&](hgnn::Merge merge, int64_t width) {
    for (int64_t seam : seamsOf(merge, width))
      cut(seam);
  };
  if (auto term = dyn_cast<hgnn::TermOp>(op)) {
    seams(term.getMerge(), widthOf(value));
    part(term.getInput(), 0);
  } else if (auto expand = dyn_cast<hgnn::ExpandOp>(op)) {
    seams(expand.getMerge(), widthOf(value));
    collectCuts(expand.getInput(), shift, low, high, cuts);
  } else if (auto zeros = dyn_cast<hgnn::ZerosOp>(op)) {
    seams(zeros.getMerge(), widthOf(value));
  } else if (auto combine = dyn_cast<hgnn::CombineOp>(op)) {
    int64_t n = hgnn::valueWidth(combine.getMerge(), widthOf(value));
    seams(combine.getMerge(), widthOf(value));
    for (Value term : combine.getInputs()) {
      collectCuts(term, shift, low, high, cuts);
      if (combine.getMerge() == hgnn::Merge::Argmax) // where relations are, numbers are read too
        collectCuts(term, shift + n, std::max<int64_t>(low - n, 0), std::min(high - n, n), cuts);
    }
  } else if (auto combined = dyn_cast<hgnn::CombinedOp>(op)) {
    collectCuts(combined.getInput(), shift, low, high, cuts);
  } else if (auto grad = dyn_cast<hgnn::CombinedGradOp>(op)) {
    seams(grad.getMerge(), widthOf(value));
    part(grad.getGrad(), 0);
    collectCuts(grad.getMerged(), shift, low, high, cuts);
  } else if (auto grad = dyn_cast<hgnn::TermGradOp>(op)) {
    Value terms = grad.getInputs().front();
    int64_t n = widthOf(value);
    if (grad.getInputs().size() == 3) // a number, of whole rows
      return;
    collectCuts(terms, shift, low, high, cuts);
    if (grad.getMerge() == hgnn::Merge::Argmax)
      collectCuts(terms, shift - n, low + n, high + n, cuts);
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
  } else if (isa<hgnn::ScaleRowsOp, hgnn::ScaleByOp, hgnn::SoftmaxXentGradOp,
                 hgnn::SigmoidXentGradOp>(op)) {
    collectCuts(op->getOperand(0), shift, low, high, cuts);
  } else if (!isa<hgnn::RowDotOp, hgnn::SoftmaxXentOp, hgnn::SigmoidXentOp, hgnn::SparseLinearOp,
                  hgnn::ClipFactorOp>(op)) {
    for (Value operand : op->getOperands())
      if (isa<FeatType>(operand.getType()))
        collectCuts(operand, shift, low, high, cuts);
  }
}
