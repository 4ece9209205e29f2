//===- Heads.cpp - numbers that the columns of a head share ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A row of h heads stands beside rows of h numbers, one for each. The numbers of the heads that a
// tile lies in are evaluated as a tile of their own, together, and spread over the tile's columns.
// Which lane needs which number must be known when the code is made: cuts see to that (headed),
// either because tiles and heads divide each other or because tiles end where heads do.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/KernelEmitter.h"

#include <numeric>

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;
using hgnn::FeatType;

static int64_t widthOf(Value value) { return cast<FeatType>(value.getType()).getWidth(); }

/// Row dots of more heads are made this many at a time, so that each knows its columns.
static constexpr int64_t headsAtOnce = 16;

/// Whether tiles of one loop over heads of `size` lie in them in one way.
static bool divides(int64_t tileColumns, int64_t size) {
  return tileColumns % size == 0 || size % tileColumns == 0;
}

void KernelEmitter::cutHeads(int64_t size, int64_t heads, int64_t shift, int64_t low, int64_t high,
                             Cuts &cuts) {
  if (heads == 1)
    return;
  auto cut = [&](int64_t column) {
    if (column > low && column < high)
      cuts.push_back(column + shift);
  };
  cut(0);
  cut(size * heads);
  if (!divides(tileColumns, size))
    for (int64_t head = 1; head < heads; ++head)
      cut(head * size);
  else if (low < size * heads && high > 0)
    headRanges.push_back({shift, size, heads}), wholeTiles = true;
}

void KernelEmitter::cutDots(int64_t first, int64_t heads, int64_t shift, int64_t low, int64_t high,
                            Cuts &cuts) {
  for (int64_t head = headsAtOnce; head < heads; head += headsAtOnce)
    if (first + head > low && first + head < high)
      cuts.push_back(first + head + shift);
}

void KernelEmitter::alignHeads(Cuts &cuts, int64_t width) {
  for (bool changed = true; changed;) {
    changed = false;
    for (HeadRange &range : headRanges) {
      if (range.heads == 0)
        continue;
      int64_t end = range.first + range.size * range.heads;
      int64_t step = std::min(range.size, tileColumns);
      bool aligned = llvm::all_of(cuts, [&](int64_t cut) {
        return cut <= range.first || cut >= end || (cut - range.first) % step == 0;
      });
      if (aligned)
        continue;
      for (int64_t at = range.first; at <= end; at += range.size)
        if (at > 0 && at < width)
          cuts.push_back(at);
      range.heads = 0; // done
      changed = true;
    }
  }
}

KernelEmitter::Heads KernelEmitter::headsOf(const Tile &tile, int64_t size, Value at) {
  Heads heads{tile, size, true};
  int64_t first = tile.low / size, last = (tile.high - 1) / size;
  auto fixed = [&](int64_t from, int64_t to) {
    return makeTile({}, from, to - from + 1, from, to + 1);
  };
  if (first == last) {
    heads.tile = fixed(first, first);
    return heads;
  }
  int64_t column = tile.start + tile.offset; // of the first round
  if (!tile.base && (column % size == 0 || column / size == (column + tile.width - 1) / size)) {
    first = tile.offset / size;
    last = (tile.offset + tile.width - 1) / size;
    heads.tile = fixed(first, last);
    heads.single = first == last;
    return heads;
  }
  bool whole = tile.base && tile.stride % size == 0 && column % size == 0;
  bool within =
      tile.base && size % tile.stride == 0 && column % tile.stride + tile.width <= tile.stride;
  if (!whole && !within) {
    fail(at, "has heads across the columns of a loop", tile);
    return heads;
  }
  heads.single = !whole;
  FunctionBuilder::Key key{{tile.base.getAsOpaquePointer()}, {-60, tile.offset, size}};
  Value base = f.once(key, [&] {
    return Value(
        arith::DivUIOp::create(f.b, f.loc, f.addi(tile.base, tile.offset), f.integer(size)));
  });
  int64_t count = whole ? (tile.width - 1) / size + 1 : 1;
  heads.tile = makeTile(base, 0, count, first, last + 1);
  heads.tile.start = column / size;
  heads.tile.stride = whole ? tile.stride / size : 1;
  return heads;
}

Values KernelEmitter::spread(const Heads &heads, ArrayRef<Value> numbers, const Tile &tile) {
  ArrayRef<Piece> from = heads.tile.pieces;
  auto headOf = [&](int64_t column) { return heads.single ? 0 : column / heads.size; };
  auto pieceOfHead = [&](int64_t head) {
    size_t i = 0;
    while (head >= from[i].offset + from[i].lanes)
      ++i;
    return i;
  };
  auto scalar = [&](int64_t head) {
    size_t i = pieceOfHead(head);
    return f.extract(numbers[i], int(head - from[i].offset), 1);
  };
  Values result;
  for (const Piece &piece : tile.pieces) {
    int64_t first = headOf(piece.offset), last = headOf(piece.offset + piece.lanes - 1);
    size_t source = pieceOfHead(first);
    if (first == last) {
      result.push_back(f.splat(scalar(first), piece.lanes));
    } else if (pieceOfHead(last) == source) {
      SmallVector<int32_t> mask;
      for (int lane = 0; lane < piece.lanes; ++lane)
        mask.push_back(int32_t(headOf(piece.offset + lane) - from[source].offset));
      result.push_back(f.shuffle(numbers[source], numbers[source], mask));
    } else {
      Value vector = f.f32(0, piece.lanes);
      for (int lane = 0; lane < piece.lanes; ++lane)
        vector = LLVM::InsertElementOp::create(
            f.b, f.loc, vector, scalar(headOf(piece.offset + lane)), f.integer(lane, 32));
      result.push_back(vector);
    }
  }
  return result;
}

Values KernelEmitter::assemble(ArrayRef<Value> scalars, const Tile &tile) {
  Values result;
  for (const Piece &piece : tile.pieces) {
    if (piece.lanes == 1) {
      result.push_back(scalars[piece.offset]);
      continue;
    }
    Value vector = f.f32(0, piece.lanes);
    for (int lane = 0; lane < piece.lanes; ++lane)
      vector = LLVM::InsertElementOp::create(f.b, f.loc, vector, scalars[piece.offset + lane],
                                             f.integer(lane, 32));
    result.push_back(vector);
  }
  return result;
}

Values KernelEmitter::evalHeads(Value value, const Place &place, const Tile &tile) {
  bool seam = false;
  for (int64_t cut : cutsOf({value}, widthOf(value)))
    seam |= cut > tile.low && cut < tile.high;
  if (!seam)
    return eval(value, place, tile);
  if (tile.base)
    return fail(value, "has seams among heads that a loop runs over", tile);
  Values scalars;
  for (int64_t column = 0; column < tile.width; ++column)
    scalars.push_back(evalColumn(value, place, tile.offset + column));
  return assemble(scalars, tile);
}

Values KernelEmitter::dotOfHeads(Value x, Value y, int64_t size, const Place &place,
                                 const Tile &heads) {
  if (std::optional<Values> all = dotOfHeadsTogether(x, y, size, place, heads))
    return *all;
  auto isParam = [&](Value value) {
    return cast<FeatType>(value.getType()).getDomain().isParam() && !domain.isParam();
  };
  Cuts cuts = cutsOf({x, y}, widthOf(y));
  Values scalars;
  for (int64_t j = 0; j < heads.width; ++j) {
    int64_t first = (heads.offset + j) * size;
    Cuts own{0, size};
    for (int64_t cut : cuts) {
      if (!heads.base && cut > first && cut < first + size)
        own.push_back(cut - first);
      if (heads.base && cut > heads.low * size && cut < heads.high * size && cut % size != 0)
        return fail(y, "has seams within heads that a loop runs over", heads);
    }
    llvm::sort(own);
    scalars.push_back(reduceRow(RowReduction::Sum, size, own, [&](const Tile &t) {
      Tile columns = t.shifted(first);
      if (heads.base) {
        FunctionBuilder::Key key{{heads.base.getAsOpaquePointer(), t.base.getAsOpaquePointer()},
                                 {-61, size}};
        columns.base = f.once(key, [&] {
          Value base = f.muli(heads.base, size);
          return t.base ? f.addi(base, t.base) : base;
        });
        columns.align = size % f.lanes != 0 ? 1 : t.base ? t.align : f.lanes;
        columns.start = heads.start * size + (t.base ? t.start : 0);
        columns.stride = t.base ? std::gcd(heads.stride * size, t.stride) : heads.stride * size;
        columns.low = heads.low * size, columns.high = heads.high * size;
      }
      Values a = eval(x, isParam(x) ? Place::flat() : place, columns);
      return map(a, eval(y, isParam(y) ? Place::flat() : place, columns),
                 [&](Value x, Value y) { return f.mul(x, y); });
    }));
  }
  return assemble(scalars, heads);
}
