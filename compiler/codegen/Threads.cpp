//===- Threads.cpp - how threads of a GPU share a kernel ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The code is that of a CPU: a thread of a GPU evaluates values as a call for some rows does. Only
// which rows, chunks and columns are its own is decided here. Neighbouring threads are at
// neighbouring columns, 16 bytes each, so a warp reads whole lines. Sums that cross threads do so
// in an order that does not depend on how many there are.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/KernelEmitter.h"

#include "llvm/Support/MathExtras.h"

#include <numeric>
#include <utility>

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;

/// Threads of a warp; no team is larger.
static constexpr int64_t warpLanes = 32;
/// Edges with at most so many numbers are shared by threads as a whole.
static constexpr int64_t narrowEdge = 16, edgeLanes = 8;
/// Parts of a team that share the edges of a row: more would often find none.
static constexpr int64_t mostParts = 4;

/// Inner products of so many numbers for an edge are made by a team together.
static constexpr int64_t wideDot = 128;

/// How many numbers an op multiplies for each of its results.
static int64_t dotWidth(Operation &op) {
  auto widthOf = [](Value value) { return cast<hgnn::FeatType>(value.getType()).getWidth(); };
  if (auto dot = dyn_cast<hgnn::RowDotOp>(op))
    return widthOf(dot.getLhs()) / int64_t(dot.getHeads());
  auto grad = dyn_cast<hgnn::TermGradOp>(op);
  return grad && grad.getInputs().size() == 3
             ? widthOf(grad.getInputs()[2]) / grad.getMerge().heads
             : 1;
}

/// The widest rows that the body reduces to numbers.
static int64_t reducedWidth(Block &body) {
  int64_t width = 1;
  for (Operation &op : body)
    if (isa<hgnn::SoftmaxXentOp, hgnn::SoftmaxXentGradOp, hgnn::SigmoidXentOp,
            hgnn::SigmoidXentGradOp, hgnn::LayerNormOp, hgnn::LayerNormXhatOp,
            hgnn::LayerNormGradOp>(op))
      width = std::max(width, cast<hgnn::FeatType>(op.getOperand(0).getType()).getWidth());
  return width;
}

void KernelEmitter::formTeams() {
  int64_t width = 1, dots = 1;
  for (Operation &op : body) {
    wholeTiles |= isa<hgnn::DropoutOp>(op); // which draws for four columns at once
    dots = std::max(dots, dotWidth(op));
  }
  bool squares = false;
  for (const Root &root : roots) {
    width = std::max(width, root.width);
    squares |= root.sink == Sink::SumOfSquares;
  }
  if (flat) {
    setTeam(1);
    // Rows of numbers: so many threads as make a row's, or rows of which a thread takes several.
    signature.threads = {uint32_t(std::max<int64_t>(1, llvm::divideCeil(flatWidth, f.lanes))),
                         uint32_t(std::max<int64_t>(1, f.lanes / flatWidth))};
  } else if (squares) {
    setTeam(1); // the squares of a row are added by one thread
  } else if (int64_t reduced = reducedWidth(body); width <= f.lanes && reduced > narrowEdge) {
    // One number or few of a long row, which all threads of the team find together.
    setTeam(reduced);
    shareTiles = false;
  } else if (byActive && width <= narrowEdge && dots >= wideDot) {
    // Threads at one edge each would read as many rows side by side.
    setTeam(dots);
    shareTiles = false;
    edgesTogether = true;
  } else if (byActive && width <= narrowEdge) {
    setTeam(edgeLanes * f.lanes);
    shareTiles = false;
  } else {
    bool sums = llvm::any_of(body, [](Operation &op) {
      return isa<hgnn::ReduceDstOp, hgnn::ReduceSrcOp, hgnn::SparseLinearOp>(op);
    });
    setTeam(widestStretch(), sums && !byActive && signature.mode == KernelMode::Rows ? mostParts : 1);
  }
}

void KernelEmitter::setTeam(int64_t width, int64_t parts) {
  columnLanes = std::min<int64_t>(
      warpLanes, int64_t(llvm::PowerOf2Ceil(uint64_t(llvm::divideCeil(width, f.lanes)))));
  teamParts = std::min(parts, warpLanes / columnLanes);
  shareTiles = columnLanes > 1;
  const int64_t teamLanes = columnLanes * teamParts;
  signature.threads = {uint32_t(teamLanes), 1};
  auto special = [&](StringRef name) {
    return f.zext(f.intrinsic(("llvm.nvvm.read.ptx.sreg." + name).str(), f.intType(32), {}), 64);
  };
  Value block = special("ntid.x");
  Value thread = f.addi(f.muli(special("ctaid.x"), block), special("tid.x"));
  Value threads = f.muli(special("nctaid.x"), block);
  int64_t bits = int64_t(llvm::Log2_64(uint64_t(teamLanes)));
  lane = f.andi(thread, columnLanes - 1);
  if (teamParts > 1)
    part = f.andi(f.shr(thread, int64_t(llvm::Log2_64(uint64_t(columnLanes)))), teamParts - 1);
  team = f.shr(thread, bits);
  teams = f.shr(threads, bits);
}

/// This thread's number in its warp, with the bits of `bits` alone.
static Value numberInWarp(FunctionBuilder &f, int64_t bits) {
  return f.andi(f.intrinsic("llvm.nvvm.read.ptx.sreg.laneid", f.intType(32), {}), bits);
}
/// A mask of threads of the warp: of the aligned group of `lanes` that this one is in, those of `pattern`,
/// moved on by `shift`.
static Value neighbours(FunctionBuilder &f, int64_t lanes, int64_t pattern, Value shift = {}) {
  Value first = numberInWarp(f, ~(lanes - 1) & (warpLanes - 1));
  if (shift)
    first = f.ori(first, shift);
  return arith::ShLIOp::create(f.b, f.loc, f.integer(pattern, 32), first);
}
static int64_t allOf(int64_t lanes) { return int64_t((uint64_t(1) << lanes) - 1); }

void KernelEmitter::meetTeam() {
  const int64_t teamLanes = columnLanes * teamParts;
  if (teamLanes > 1)
    f.intrinsic("llvm.nvvm.bar.warp.sync", {}, {neighbours(f, teamLanes, allOf(teamLanes))});
}

Values KernelEmitter::forParts(RowReduction kind, Value low, Value high, ArrayRef<Value> init,
                               function_ref<Values(Value, ArrayRef<Value>)> body) {
  if (teamParts == 1)
    return f.loop(low, high, 1, init, body);
  Values start(init);
  if (kind == RowReduction::Sum) { // what the sum begins with counts once
    Value first = f.cmp(IPred::eq, part, f.integer(0));
    for (Value &value : start)
      value = f.select(first, value, f.f32Like(0, value));
  }
  Values own = f.loop(f.addi(low, part), high, teamParts, start, body);
  const int64_t inWarpParts = std::min(teamParts, warpLanes / columnLanes);
  // The threads of one column are together here, whatever those of others do; of a block all are.
  Value mask = wholeBlock() ? f.integer(-1, 32) : inWarp();
  auto other = [&](Value value, int64_t distance) {
    return f.intrinsic("llvm.nvvm.shfl.sync.bfly.f32", f.f32Type(),
                       {mask, value, f.integer(distance, 32), f.integer(warpLanes - 1, 32)});
  };
  auto join = [&](Value x, Value y) {
    return kind == RowReduction::Sum ? f.add(x, y) : f.max(x, y);
  };
  for (Value &value : own) {
    for (int64_t distance = columnLanes; distance < columnLanes * inWarpParts; distance *= 2) {
      const int lanes = FunctionBuilder::laneCount(value.getType());
      if (lanes == 1) {
        value = join(value, other(value, distance));
        continue;
      }
      Value theirs = f.f32Like(0, value);
      for (int i = 0; i < lanes; ++i)
        theirs = LLVM::InsertElementOp::create(
            f.b, f.loc, theirs, other(f.extract(value, i, 1), distance), f.integer(i, 32));
      value = join(value, theirs);
    }
    if (wholeBlock())
      value = joinWarps(value, join);
  }
  return own;
}

void KernelEmitter::storeForTeam(Value pointer, Value row, int64_t width, const Tile &tile,
                                 ArrayRef<Value> values) {
  onceForTeam([&] { storeTile(pointer, row, width, tile, values); });
}

void KernelEmitter::onceForTeam(function_ref<void()> body) {
  Value first;
  if (gpu && teamParts > 1 && !byActive) // parts of edges are not alike
    first = f.cmp(IPred::eq, part, f.integer(0));
  // Threads that share neither columns nor edges all have the same.
  auto also = [&](Value condition) {
    first = first ? Value(arith::AndIOp::create(f.b, f.loc, first, condition)) : condition;
  };
  if (gpu && columnLanes > 1 && !shareTiles && (!byActive || edgesTogether))
    also(f.cmp(IPred::eq, lane, f.integer(0)));
  if (ownColumns)
    also(ownColumns);
  if (first)
    f.when(first, body);
  else
    body();
}

Values
KernelEmitter::forTilesTogether(const Cuts &cuts, ArrayRef<Value> init,
                                function_ref<Values(const Tile &, Value, ArrayRef<Value>)> body) {
  Values carried(init);
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    const int64_t low = cuts[i], high = cuts[i + 1], whole = (high - low) / tileColumns;
    const int64_t middle = low + whole * tileColumns;
    const bool fixed = whole == 1 || (fixedHeads && whole <= mostFixedHeads / tileColumns);
    for (int64_t number = 0; fixed && number < whole; ++number) {
      const int64_t first = low + number * tileColumns;
      carried = body(makeTile({}, first, tileColumns, first, first + tileColumns),
                     f.cmp(IPred::eq, lane, f.integer(number % columnLanes)), carried);
    }
    auto from = [&](Value number, ArrayRef<Value> inner) {
      Value own = f.cmp(IPred::ult, number, f.integer(whole));
      if (whole % columnLanes != 0)
        number = arith::MinUIOp::create(f.b, f.loc, number, f.integer(whole - 1));
      Tile tile = makeTile(f.addi(f.muli(number, tileColumns), low), 0, tileColumns, low, middle);
      tile.start = low, tile.stride = tileColumns;
      tile.align = low % tileColumns == 0 ? tileColumns : 1;
      return body(tile, own, inner);
    };
    if (!fixed && whole > columnLanes) // as often for all threads
      carried = f.loop(
          f.integer(0), f.integer(whole), columnLanes, carried,
          [&](Value first, ArrayRef<Value> inner) { return from(f.addi(lane, first), inner); });
    else if (!fixed && whole > 0)
      carried = from(lane, carried);
    if (middle < high)
      carried = body(makeTile({}, middle, high - middle, middle, high),
                     f.cmp(IPred::eq, lane, f.integer(whole % columnLanes)), carried);
  }
  return carried;
}

Value KernelEmitter::reduceRowTogether(RowReduction kind, const Cuts &cuts,
                                       function_ref<Values(const Tile &)> term) {
  Values lanes = emptyLanes(kind);
  together = false;
  if (wholeBlock())
    lanes = forTilesTogether(cuts, lanes, [&](const Tile &tile, Value own, ArrayRef<Value> inner) {
      Values more = addToLanes(kind, Values(inner), tile, term(tile));
      for (auto [value, before] : llvm::zip_equal(more, inner))
        value = f.select(own, value, before);
      return more;
    });
  for (size_t i = 0; i + 1 < cuts.size() && !wholeBlock(); ++i) {
    int64_t low = cuts[i], high = cuts[i + 1], whole = (high - low) / tileColumns;
    int64_t middle = low + whole * tileColumns;
    if (areApart(low, high)) {
      lanes = forTilesApart(low, high, lanes, [&](const Tile &tile, ArrayRef<Value> inner) {
        return addToLanes(kind, Values(inner), tile, term(tile));
      });
      continue;
    }
    if (whole > 0)
      lanes = f.loop(f.addi(f.muli(lane, tileColumns), low), f.integer(middle),
                     columnLanes * tileColumns, lanes, [&](Value base, ArrayRef<Value> inner) {
                       Tile tile = makeTile(base, 0, tileColumns, low, middle);
                       tile.start = low, tile.stride = tileColumns;
                       tile.align = low % tileColumns == 0 ? tileColumns : 1;
                       return addToLanes(kind, Values(inner), tile, term(tile));
                     });
    if (middle < high) {
      SmallVector<Type> types;
      for (Value value : lanes)
        types.push_back(value.getType());
      lanes = f.branch(
          f.cmp(IPred::eq, lane, f.integer(whole % columnLanes)), types,
          [&] {
            Tile tile = makeTile({}, middle, high - middle, middle, high);
            return addToLanes(kind, lanes, tile, term(tile));
          },
          [&] { return lanes; });
    }
  }
  together = true;
  Value all = foldLanes(kind, lanes);
  Value mask = neighbours(f, columnLanes, allOf(columnLanes));
  for (int64_t distance = columnLanes / 2; distance > 0; distance /= 2) {
    Value other = f.intrinsic("llvm.nvvm.shfl.sync.bfly.f32", f.f32Type(),
                              {mask, all, f.integer(distance, 32), f.integer(warpLanes - 1, 32)});
    all = kind == RowReduction::Sum ? f.add(all, other) : f.max(all, other);
  }
  return all;
}

bool KernelEmitter::areApart(int64_t low, int64_t high) const {
  constexpr int64_t fewest = 32; // columns: parts of heads' numbers are narrower
  return (low % tileColumns != 0 || high % tileColumns != 0) && high - low >= fewest && !wholeTiles;
}

Values KernelEmitter::forTilesApart(int64_t low, int64_t high, ArrayRef<Value> init,
                                    function_ref<Values(const Tile &, ArrayRef<Value>)> body) {
  // `count` columns, as many apart as there are threads.
  auto tileAt = [&](Value base, int64_t count) {
    Tile tile;
    tile.base = base, tile.start = low, tile.low = low, tile.high = high;
    tile.width = (count - 1) * columnLanes + 1, tile.stride = tileColumns * columnLanes;
    for (int64_t piece = 0; piece < count; ++piece)
      tile.pieces.push_back({piece * columnLanes, 1});
    return tile;
  };
  Values carried(init);
  SmallVector<Type> types;
  for (Value value : carried)
    types.push_back(value.getType());
  const int64_t step = tileColumns * columnLanes, middle = low + (high - low) / step * step;
  auto first = [&](int64_t from) { return f.addi(lane, from); };
  if (middle > low)
    carried = f.loop(first(low), f.integer(middle), step, carried,
                     [&](Value base, ArrayRef<Value> inner) { return body(tileAt(base, tileColumns), inner); });
  const int64_t rest = (high - middle) / columnLanes, last = middle + rest * columnLanes;
  if (rest > 0)
    carried = body(tileAt(first(middle), rest), carried);
  if (last == high)
    return carried;
  Value mine = f.cmp(IPred::ult, lane, f.integer(high - last));
  if (types.empty()) {
    f.when(mine, [&] { body(tileAt(first(last), 1), {}); });
    return {};
  }
  return f.branch(
      mine, types, [&] { return body(tileAt(first(last), 1), carried); }, [&] { return carried; });
}

Value KernelEmitter::tileOfLane(int64_t low) {
  FunctionBuilder::Key key{{lane.getAsOpaquePointer()}, {-70, low}};
  return f.once(key, [&] { return f.addi(f.muli(lane, tileColumns), low); });
}

Value KernelEmitter::fromLane(Value number, Value other) {
  return f.intrinsic("llvm.nvvm.shfl.sync.bfly.f32", f.f32Type(),
                     {neighbours(f, columnLanes, allOf(columnLanes)), number, f.trunc(other, 32),
                      f.integer(warpLanes - 1, 32)});
}

/// The threads of this one's warp that are at the same columns of the same row.
Value KernelEmitter::inWarp() {
  int64_t pattern = 0;
  for (int64_t p = 0; p < teamParts; ++p)
    pattern |= int64_t(1) << (p * columnLanes);
  FunctionBuilder::Key key{{lane.getAsOpaquePointer()}, {-71}};
  return f.once(key, [&] {
    return neighbours(f, columnLanes * teamParts, pattern, numberInWarp(f, columnLanes - 1));
  });
}

void KernelEmitter::forChunks(function_ref<void()> body) {
  if (!gpu || signature.mode == KernelMode::Rows) {
    body();
    return;
  }
  // A GPU's call is for all chunks, whose number it is given. A chunk's rows are not neighbours but
  // as far apart as there are chunks: threads side by side then read side by side.
  Value chunks = f.chunk;
  f.loop(team, chunks, teams, {}, [&](Value chunk, ArrayRef<Value>) {
    Value team = this->team, teams = this->teams;
    f.chunk = this->team = chunk;
    this->teams = chunks;
    body();
    f.chunk = chunks;
    this->team = team;
    this->teams = teams;
    return Values();
  });
}

Values KernelEmitter::forRows(ArrayRef<Value> init,
                              function_ref<Values(Value, ArrayRef<Value>)> body) {
  if (!gpu)
    return f.loop(f.begin, f.end, 1, init, body);
  return f.loop(f.addi(f.begin, team), f.end, teams, init, body);
}

Values KernelEmitter::forNumbers(Value low, Value high, int64_t step, ArrayRef<Value> init,
                                 function_ref<Values(Value, ArrayRef<Value>)> body) {
  if (!gpu)
    return f.loop(low, high, step, init, body);
  return f.loop(f.addi(low, f.muli(team, step)), high, f.muli(teams, step), init, body);
}

Values KernelEmitter::forSharedTiles(int64_t width, const Cuts &cuts, ArrayRef<Value> init,
                                     bool unroll,
                                     function_ref<Values(const Tile &, ArrayRef<Value>)> body) {
  if (!shareTiles)
    return forTiles(width, cuts, init, unroll, body);
  assert(init.empty() && "what threads carry over tiles is not shared");
  const bool before = std::exchange(together, false);
  if (wholeBlock())
    forTilesTogether(cuts, {}, [&](const Tile &tile, Value own, ArrayRef<Value>) {
      Value outer = std::exchange(ownColumns, own);
      body(tile, {});
      ownColumns = outer;
      return Values();
    });
  for (size_t i = 0; i + 1 < cuts.size() && !wholeBlock(); ++i) {
    int64_t low = cuts[i], high = cuts[i + 1], whole = (high - low) / tileColumns;
    int64_t middle = low + whole * tileColumns;
    if (areApart(low, high)) {
      forTilesApart(low, high, {}, [&](const Tile &tile, ArrayRef<Value>) {
        body(tile, {});
        return Values();
      });
      continue;
    }
    auto at = [&](Value base) {
      Tile tile = makeTile(base, 0, tileColumns, low, middle);
      tile.start = low, tile.stride = tileColumns;
      tile.align = low % tileColumns == 0 ? tileColumns : 1;
      body(tile, {});
    };
    if (whole == 1 || (fixedHeads && whole <= std::min(columnLanes, mostFixedHeads / tileColumns)))
      for (int64_t number = 0; number < whole; ++number)
        f.when(f.cmp(IPred::eq, lane, f.integer(number)), [&] {
          const int64_t first = low + number * tileColumns;
          body(makeTile({}, first, tileColumns, first, first + tileColumns), {});
        });
    else if (whole > columnLanes)
      f.loop(tileOfLane(low), f.integer(middle), columnLanes * tileColumns, {},
             [&](Value base, ArrayRef<Value>) {
               at(base);
               return Values();
             });
    else if (whole == columnLanes)
      at(tileOfLane(low));
    else if (whole > 0)
      f.when(f.cmp(IPred::ult, lane, f.integer(whole)), [&] { at(tileOfLane(low)); });
    if (middle < high) // the thread whose turn it is
      f.when(f.cmp(IPred::eq, lane, f.integer(whole % columnLanes)),
             [&] { body(makeTile({}, middle, high - middle, middle, high), {}); });
  }
  together = before;
  return {};
}

/// Sums of columns where threads share them: each thread adds its own columns up over the chunk's
/// rows.
void KernelEmitter::emitChunks() {
  llvm::MapVector<int64_t, SmallVector<const Root *>> byWidth;
  for (const Root &root : roots)
    byWidth[root.width].push_back(&root);
  forChunks([&] {
    for (auto &entry : byWidth) {
      int64_t width = entry.first;
      ArrayRef<const Root *> some = entry.second;
      SmallVector<Value> values;
      for (const Root *root : some)
        values.push_back(root->value);
      Cuts cuts = cutsOf(values, width);
      if (cuts.size() == 2 && width == columnLanes * tileColumns) {
        emitOwnColumns(some, width);
        continue;
      }
      forSharedTiles(width, cuts, {}, false, [&](const Tile &tile, ArrayRef<Value>) {
        sumColumns(some, width, tile, [](const Place &) {});
        return Values();
      });
    }
  });
}

/// The same where every thread has four columns: then rows come one after another, and what is the
/// same for all columns of one the threads find together.
void KernelEmitter::emitOwnColumns(ArrayRef<const Root *> some, int64_t width) {
  Tile tile = makeTile(f.muli(lane, tileColumns), 0, tileColumns, 0, width);
  tile.stride = tile.align = tileColumns;
  sumColumns(some, width, tile, [&](const Place &place) {
    together = true;
    for (const Root *root : some)
      prepareRow(root->value, place);
    together = false;
  });
}

/// The sums, over the chunk's rows, of the columns of a tile; `prepare` is emitted first for each row.
void KernelEmitter::sumColumns(ArrayRef<const Root *> some, int64_t width, const Tile &tile,
                               function_ref<void(const Place &)> prepare) {
  Values sums;
  for (const Root *root : some)
    if (root->sink == Sink::ColumnSum)
      sums.append(zeros(tile));
  sums = forRows(sums, [&](Value row, ArrayRef<Value> carried) {
    rootRow = row;
    Place place = Place::at(row);
    if (domain.isEdges())
      place.kind = Place::Edge;
    prepare(place);
    Values next;
    for (const Root *root : some) {
      Values numbers = eval(root->value, place, tile);
      if (root->sink == Sink::Store)
        storeTile(arg(ArgPart::Output, root->result), row, width, tile, numbers);
      else
        for (Value number : numbers)
          next.push_back(f.add(carried[next.size()], number));
    }
    return next;
  });
  ArrayRef<Value> rest = sums;
  for (const Root *root : some)
    if (root->sink == Sink::ColumnSum) {
      storeTile(arg(ArgPart::Output, root->result), f.chunk, width, tile,
                rest.take_front(tile.pieces.size()));
      rest = rest.drop_front(tile.pieces.size());
    }
}

/// Bytes that divide the address of a piece. Arrays begin at multiples of 64; rows follow each
/// other.
unsigned KernelEmitter::alignmentOf(const Tile &tile, const Piece &piece, int64_t width,
                                    bool row) const {
  if (!gpu)
    return 4;
  int64_t columns = std::gcd(int64_t(piece.lanes), std::gcd(tile.offset, piece.offset));
  if (row)
    columns = std::gcd(columns, width);
  if (tile.base)
    columns = std::gcd(columns, tile.align);
  return unsigned(columns) * 4;
}
