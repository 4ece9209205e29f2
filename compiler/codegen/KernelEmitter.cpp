//===- KernelEmitter.cpp - the loops of a kernel ---------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/KernelEmitter.h"
#include "compiler/codegen/KernelCost.h"
#include "runtime/plan/GpuCode.h"

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;
using hgnn::DomainAttr;
using hgnn::FeatType;

/// The address space of a GPU's own memory.
static constexpr unsigned globalMemory = 1;

static int64_t widthOf(Value value) { return cast<FeatType>(value.getType()).getWidth(); }

KernelEmitter::KernelEmitter(hgnn::KernelOp kernel, const TargetSpec &target, ModuleOp into)
    : gpu(target.isGpu()), kernel(kernel), body(kernel.getBody().front()),
      f(into, gpu ? plan::gpuSymbol(kernel.getSymName().str()) : kernel.getSymName().str(),
        target.lanes, kernel.getLoc(), gpu ? globalMemory : 0) {
  if (gpu)
    f.chooseLaunch();
  signature.symbol = kernel.getSymName().str();
  int number = 0;
  for (Operation &op : body)
    opNumbers[&op] = number++;
}

//===----------------------------------------------------------------------===//
// What the kernel yields, and what it loops over
//===----------------------------------------------------------------------===//

LogicalResult KernelEmitter::classify() {
  auto yield = body.empty() ? hgnn::YieldOp() : dyn_cast<hgnn::YieldOp>(body.back());
  if (!yield || yield.getValues().empty())
    return kernel.emitError("a kernel must yield at least one value");
  for (auto [number, value] : llvm::enumerate(yield.getValues())) {
    if (!isa<FeatType>(value.getType()))
      return yield.emitError("a kernel yields tensors, got ") << value.getType();
    Root root{int(number), Sink::Store, value, widthOf(value)};
    if (auto sum = value.getDefiningOp<hgnn::ColSumOp>()) {
      root.sink = Sink::ColumnSum;
      root.value = sum.getInput();
    } else if (auto squares = value.getDefiningOp<hgnn::SumSquaresOp>()) {
      root.sink = Sink::SumOfSquares;
      root.value = squares.getInput();
      root.width = widthOf(root.value);
    }
    if (root.sink != Sink::Store)
      signature.mode = KernelMode::Chunks;
    signature.outputs.push_back({root.sink != Sink::Store, widthOf(value)});
    roots.push_back(root);
  }
  return success();
}

/// Ops that may be evaluated over the numbers of an array with no regard to rows.
bool KernelEmitter::usesOnlyFlatOps() {
  for (const Root &root : roots)
    if (root.sink == Sink::ColumnSum || root.width != roots.front().width)
      return false;
  bool param = domain.isParam();
  for (Operation &op : body) {
    if (isa<hgnn::YieldOp, hgnn::SumSquaresOp, hgnn::ClipFactorOp>(op))
      continue;
    if (auto rows = dyn_cast<hgnn::ZerosOp>(op); rows && rows.getMerge() != hgnn::Merge::Sum)
      return false; // an empty term has parts
    bool elementwise = isa<hgnn::AddOp, hgnn::MulOp, hgnn::ScaleOp, hgnn::ScaleByOp, hgnn::UnaryOp,
                           hgnn::UnaryGradOp, hgnn::ZerosOp>(op);
    auto result = cast<FeatType>(op.getResult(0).getType());
    bool layout =
        param &&
        isa<hgnn::ReshapeOp, hgnn::SliceOp, hgnn::PadOp, hgnn::ConcatOp, hgnn::ScaleRowsOp>(op) &&
        !(isa<hgnn::ScaleRowsOp>(op) && widthOf(op.getOperand(1)) > 1);
    // Of another width or domain than the loop are only run-time scalars.
    if (!param && result.getDomain() != domain && widthOf(op.getResult(0)) != 1)
      return false;
    if (!elementwise && !layout)
      return false;
  }
  return true;
}

LogicalResult KernelEmitter::findDomain() {
  for (const Root &root : roots) {
    DomainAttr own = cast<FeatType>(root.value.getType()).getDomain();
    if (!domain)
      domain = own;
    else if (domain != own)
      return kernel.emitError("yields values of two loop domains, ") << domain << " and " << own;
  }
  // Where the plan finds the number of rows.
  if (!domain.isParam()) {
    KernelCount &count = signature.domain;
    for (const Root &root : roots)
      if (root.sink == Sink::Store && count.index < 0)
        count = {CountKind::ResultRows, root.result};
    for (BlockArgument argument : body.getArguments()) {
      if (count.index >= 0)
        break;
      Type type = argument.getType();
      DomainAttr own;
      if (auto feat = dyn_cast<FeatType>(type))
        own = feat.getDomain();
      else if (auto ids = dyn_cast<hgnn::IdsType>(type))
        own = ids.getDomain();
      else if (auto labels = dyn_cast<hgnn::LabelsType>(type))
        own = labels.getDomain();
      else if (auto sparse = dyn_cast<hgnn::SparseType>(type))
        own = sparse.getDomain();
      if (own == domain)
        count = {CountKind::OperandRows, int(argument.getArgNumber())};
      int number = int(argument.getArgNumber());
      if (auto adj = dyn_cast<hgnn::AdjType>(type)) {
        int64_t hop = adj.getHop();
        if (domain == DomainAttr::active(hop, adj.getRelation()))
          count = {CountKind::AdjActive, number};
        else if (domain == DomainAttr::edges(hop, adj.getRelation()))
          count = {CountKind::AdjEdges, number};
        else if (domain == DomainAttr::rows(hop, adj.getDestination()))
          count = {CountKind::AdjDestinations, number};
        else if (domain == adj.sourceDomain())
          count = {CountKind::AdjSources, number};
      } else if (auto link = dyn_cast<hgnn::LinkType>(type)) {
        if (domain == link.nearDomain())
          count = {CountKind::LinkNear, number};
        else if (domain == link.farDomain())
          count = {CountKind::LinkFar, number};
      }
    }
    if (count.index < 0)
      return kernel.emitError("nothing says how many rows ") << domain << " has";
  }
  flat = usesOnlyFlatOps();
  if (domain.isParam()) {
    // A param is one row; ops that need no whole row run over its numbers.
    for (const Root &root : roots)
      if (root.sink == Sink::ColumnSum)
        return kernel.emitError("a column sum needs rows, got ") << root.value.getType();
    signature.domain = {CountKind::Constant, -1, flat ? roots.front().width : 1};
  } else if (flat) {
    flatWidth = roots.front().width;
  }
  if (signature.mode == KernelMode::Chunks)
    signature.chunkRows = flat && flatWidth == 1 ? numbersPerChunk : rowsPerChunk;

  if (domain.isEdges())
    for (Operation &op : body)
      if (isa<hgnn::GatherDstOp, hgnn::EdgePositionOp>(op))
        if (cast<FeatType>(op.getResult(0).getType()).getDomain() == domain)
          byActive = op.getOperands().back();
  if (byActive) {
    if (signature.mode == KernelMode::Chunks)
      return kernel.emitError("sums over edges that read their destinations are not supported in "
                              "one kernel; reduce to the destinations first");
    signature.domain = {CountKind::AdjActive, int(cast<BlockArgument>(byActive).getArgNumber())};
  }
  return success();
}

//===----------------------------------------------------------------------===//
// The whole kernel
//===----------------------------------------------------------------------===//

FailureOr<KernelSignature> KernelEmitter::emit() {
  bool reduces = false, heavy = false;
  for (Operation &op : body) {
    // A branch or loop per term: the fewer tiles, the fewer of them.
    reduces |= isa<hgnn::ReduceDstOp, hgnn::ReduceSrcOp, hgnn::SparseLinearOp,
                   hgnn::SparseLinearGradWeightOp, hgnn::ExpandOp, hgnn::SelfScatterOp>(op);
    heavy |= isa<hgnn::DropoutOp, hgnn::SoftmaxXentOp, hgnn::SoftmaxXentGradOp, hgnn::SigmoidXentOp,
                 hgnn::SigmoidXentGradOp>(op);
    if (auto unary = dyn_cast<hgnn::UnaryOp>(op))
      heavy |= unary.getFn() != hgnn::UnaryFn::Relu && unary.getFn() != hgnn::UnaryFn::LeakyRelu;
    if (auto unary = dyn_cast<hgnn::UnaryGradOp>(op))
      heavy |= unary.getFn() != hgnn::UnaryFn::Relu && unary.getFn() != hgnn::UnaryFn::LeakyRelu;
  }
  // Accumulators of a reduction stay in registers; long element-wise code must not spill.
  tileColumns = std::max<int64_t>(16, f.lanes * (reduces ? 8 : heavy ? 2 : 4));
  for (Operation &op : body)
    if (isa<hgnn::SumSquaresOp>(op))
      tileColumns = 64; // decides the order of the sum: the same for all CPU levels
  if (gpu)
    tileColumns = f.lanes;

  Operation *first = &body.front();
  if (auto step = dyn_cast<hgnn::OptimizerStepOp>(first)) {
    if (mlir::failed(emitOptimizer(step)))
      return failure();
  } else if (auto step = dyn_cast<hgnn::RowOptimizerStepOp>(first)) {
    if (mlir::failed(emitRowOptimizer(step)))
      return failure();
  } else if (mlir::failed(classify())) {
    return failure();
  } else if (auto product = roots.front().value.getDefiningOp<hgnn::SparseLinearGradWeightOp>()) {
    if (roots.size() > 1)
      return kernel.emitError("sparse_linear_grad_weight has a loop of its own over the feature's "
                              "columns; yield it alone");
    emitSparseGradWeight(product);
  } else {
    if (mlir::failed(findDomain()))
      return failure();
    if (gpu)
      formTeams();
    evaluateScalarsOnce();
    if (flat)
      emitFlat();
    else if (byActive)
      emitEdgesByActive();
    else if (gpu && signature.mode == KernelMode::Chunks && shareTiles)
      emitChunks();
    else
      emitRows();
  }
  f.finish();
  if (failed)
    return failure();
  finishSignature();
  signature.costs = estimateCosts(kernel, signature);
  return signature;
}

void KernelEmitter::evaluateScalarsOnce() {
  for (Operation &op : body) {
    bool groupsOperands =
        op.getNumOperands() >= 4 && isa<hgnn::AddOp, hgnn::CombineOp>(op) && !runsOf(&op).empty();
    if (groupsOperands)
      return; // terms of a group are evaluated in its loop only
  }
  for (Operation &op : body)
    if (auto scale = dyn_cast<hgnn::ScaleByOp>(op))
      evalScalar(scale.getFactor(), Place::flat());
}

void KernelEmitter::emitRows() {
  // All targets have the same arguments.
  const SmallVector<RowEdges> edges = edgesOfRows();
  for (const RowEdges &some : edges) {
    arg(some.pointers, some.operand);
    if (some.byPosition)
      arg(ArgPart::RowPos, some.operand);
  }
  if (findStitchedSums()) {
    emitStitchedRows();
    return;
  }
  if (gpu && signature.mode == KernelMode::Rows) {
    forRowsAndHubs(edges, [&](Value row) {
      together = true;
      rootRow = row;
      Place place = Place::at(row);
      if (domain.isEdges())
        place.kind = Place::Edge;
      emitRow(place, row, {});
    });
    return;
  }
  forChunks([&] {
    Values sums = initialSums();
    sums = forRows(sums, [&](Value row, ArrayRef<Value> carried) {
      together = gpu;
      rootRow = row;
      Place place = Place::at(row);
      if (domain.isEdges())
        place.kind = Place::Edge;
      return emitRow(place, row, carried);
    });
    storeSums(sums);
  });
}

void KernelEmitter::emitEdgesByActive() {
  Value pointers = arg(ArgPart::InPtr, byActive);
  balance = Slot{int(cast<BlockArgument>(byActive).getArgNumber()), ArgPart::InPtr};
  // Threads of a block are apart where they take edges in turn: then none may wait for all.
  const bool sums = llvm::any_of(body, [](Operation &op) {
    return isa<hgnn::ReduceDstOp, hgnn::ReduceSrcOp, hgnn::SparseLinearOp>(op);
  });
  RowEdges edges{ArgPart::InPtr, cast<BlockArgument>(byActive), false};
  forRowsAndHubs(sums ? ArrayRef<RowEdges>() : edges, [&](Value active) {
    rootRow = active;
    Value low = f.loadIndex(pointers, active), high = f.loadIndex(pointers, f.addi(active, 1));
    for (const Root &root : roots) // what is the same for all edges of a destination
      if (Cuts cuts = cutsOf({root.value}, root.width);
          cuts.size() == 2 && root.width <= tileColumns)
        hoistInvariant(root.value, /*bySource=*/false, Place::at(active),
                       makeTile({}, 0, root.width, 0, root.width));
    // Threads of a team that do not share the columns share the edges, as the parts of a block do.
    int64_t step = 1;
    if (gpu && !shareTiles && !edgesTogether) {
      low = f.addi(low, lane);
      step = columnLanes;
    }
    if (wholeBlock()) {
      low = f.addi(low, f.muli(part, step));
      step *= teamParts;
    }
    f.loop(low, high, step, {}, [&](Value edge, ArrayRef<Value>) {
      together = edgesTogether;
      emitRow({Place::Edge, edge, {}, active, {}}, edge, {});
      together = false;
      return Values();
    });
  });
}

void KernelEmitter::emitFlat() {
  forChunks([&] { emitNumbers(); });
}

void KernelEmitter::emitNumbers() {
  Values sums = initialSums();
  Value low = f.muli(f.begin, flatWidth), high = f.muli(f.end, flatWidth);
  SmallVector<const Root *> all;
  SmallVector<Value> values;
  for (const Root &root : roots) {
    all.push_back(&root);
    values.push_back(root.value);
  }
  int64_t total = domain.isParam() ? signature.domain.constant : 0;
  // No seams in rows: there only element-wise ops are flat.
  Cuts cuts = domain.isParam() ? cutsOf(values, total) : Cuts{0, INT64_MAX};
  Type i64 = f.b.getI64Type();
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    int64_t from = cuts[i], to = cuts[i + 1];
    Value start = low, stop = high;
    if (cuts.size() > 2) {
      start = arith::MaxSIOp::create(f.b, f.loc, low, f.integer(from));
      stop = arith::MinSIOp::create(f.b, f.loc, high, f.integer(to));
      stop = arith::MaxSIOp::create(f.b, f.loc, start, stop);
    }
    Value length = f.subi(stop, start);
    Value whole = arith::DivUIOp::create(f.b, f.loc, i64, length, f.integer(tileColumns));
    Value middle = f.addi(start, f.muli(whole, tileColumns));
    sums = forNumbers(start, middle, tileColumns, sums, [&](Value base, ArrayRef<Value> carried) {
      Tile tile = makeTile(base, 0, tileColumns, from, to);
      tile.align = cuts.size() == 2 ? tileColumns : 1;
      return emitTile(all, Place::flat(), {}, tile, Values(carried));
    });
    sums = forNumbers(middle, stop, 1, sums, [&](Value base, ArrayRef<Value> carried) {
      Tile tile = makeTile(base, 0, 1, from, to);
      return emitTile(all, Place::flat(), {}, tile, Values(carried));
    });
  }
  storeSums(sums);
}

void KernelEmitter::emitSparseGradWeight(hgnn::SparseLinearGradWeightOp op) {
  Value sparse = op.getInput(), grad = op.getGrad();
  if (!isa<BlockArgument>(sparse)) {
    fail(op.getResult(), "needs sparse rows that are an operand of the kernel", scalarTile());
    return;
  }
  int64_t columns = cast<hgnn::SparseType>(sparse.getType()).getDim(), width = widthOf(grad);
  domain = cast<FeatType>(grad.getType()).getDomain();
  signature.domain = {CountKind::Constant, -1, columns};
  Value pointers = arg(ArgPart::SparseTPtr, sparse), rows = arg(ArgPart::SparseTRow, sparse);
  Value numbers = arg(ArgPart::SparseTVal, sparse), output = arg(ArgPart::Output, 0);
  balance = Slot{int(cast<BlockArgument>(sparse).getArgNumber()), ArgPart::SparseTPtr};
  if (gpu)
    setTeam(width, /*parts=*/32);
  Cuts cuts = cutsOf({grad}, width);
  RowEdges entries{ArgPart::SparseTPtr, cast<BlockArgument>(sparse), false};
  forRowsAndHubs(entries, [&](Value column) {
    Value low = f.loadIndex(pointers, column), high = f.loadIndex(pointers, f.addi(column, 1));
    forSharedTiles(width, cuts, {}, false, [&](const Tile &tile, ArrayRef<Value>) {
      Values sum = forParts(
          RowReduction::Sum, low, high, zeros(tile), [&](Value entry, ArrayRef<Value> acc) {
            Value number = f.load(f.gep(numbers, entry, f.f32Type()), 1);
            Values row = eval(grad, Place::at(f.loadIndex(rows, entry)), tile);
            row = map(row, [&](Value x) {
              return f.mul(x, f.splat(number, FunctionBuilder::laneCount(x.getType())));
            });
            return map(acc, row, [&](Value x, Value y) { return f.add(x, y); });
          });
      storeForTeam(output, column, width, tile, sum);
      return Values();
    });
  });
}

//===----------------------------------------------------------------------===//
// One row
//===----------------------------------------------------------------------===//

Values KernelEmitter::emitRow(const Place &place, Value storeRow, ArrayRef<Value> carried) {
  // Results of one width share the loop over tiles and what they have in common.
  llvm::MapVector<int64_t, SmallVector<const Root *>> byWidth;
  for (const Root &root : roots)
    byWidth[root.width].push_back(&root);
  Values sums(carried);
  for (auto &[width, some] : byWidth) {
    llvm::erase_if(some, [&](const Root *root) { return storeSoftmaxTogether(*root, place, storeRow); });
    if (some.empty())
      continue;
    SmallVector<Value> values;
    bool unroll = false;
    for (const Root *root : some) {
      values.push_back(root->value);
      unroll |= root->inRegisters;
    }
    Cuts cuts = cutsOf(values, width);
    if (width > tileColumns || cuts.size() > 2 || columnLanes > 1)
      for (Value value : values)
        prepareRow(value, place);
    sums = forSharedTiles(width, cuts, sums, unroll, [&](const Tile &tile, ArrayRef<Value> inner) {
      return emitTile(some, place, storeRow, tile, Values(inner));
    });
  }
  return sums;
}

Values KernelEmitter::emitTile(ArrayRef<const Root *> some, const Place &place, Value storeRow,
                               const Tile &tile, Values sums) {
  for (const Root *root : some) {
    Values values = eval(root->value, place, tile);
    Value output = arg(ArgPart::Output, root->result);
    if (root->sink == Sink::Store) {
      storeForTeam(output, storeRow, root->width, tile, values);
    } else if (root->sink == Sink::SumOfSquares) {
      Values lanes(ArrayRef<Value>(sums).slice(root->carry, root->carried));
      Values squares = map(values, [&](Value x) { return f.mul(x, x); });
      lanes = addToLanes(RowReduction::Sum, lanes, tile, squares);
      std::copy(lanes.begin(), lanes.end(), sums.begin() + root->carry);
    } else if (root->inRegisters) {
      int at = root->carry + root->pieceAt.lookup(tile.offset);
      for (Value value : values) {
        sums[at] = f.add(sums[at], value);
        ++at;
      }
    } else {
      Values old = loadTile(output, f.chunk, root->width, tile);
      storeTile(output, f.chunk, root->width, tile,
                map(old, values, [&](Value x, Value y) { return f.add(x, y); }));
    }
  }
  return sums;
}

Values KernelEmitter::initialSums() {
  Values sums;
  int64_t budget = int64_t(f.lanes) * 8;
  for (Root &root : roots) {
    root.carry = int(sums.size());
    if (root.sink == Sink::SumOfSquares) {
      sums.append(emptyLanes(RowReduction::Sum));
    } else if (root.sink == Sink::ColumnSum) {
      root.inRegisters = root.width <= budget;
      if (root.inRegisters) {
        budget -= root.width;
        // All results of one width share their cuts, as in emitRow.
        SmallVector<Value> values;
        for (const Root &other : roots)
          if (other.width == root.width)
            values.push_back(other.value);
        forTiles(root.width, cutsOf(values, root.width), {}, true,
                 [&](const Tile &tile, ArrayRef<Value>) {
                   root.pieceAt[tile.offset] = int(sums.size()) - root.carry;
                   sums.append(zeros(tile));
                   for (const Piece &piece : tile.pieces)
                     root.pieceColumns.push_back(tile.offset + piece.offset);
                   return Values();
                 });
      } else {
        Value output = arg(ArgPart::Output, root.result);
        forTiles(root.width, {0, root.width}, {}, false, [&](const Tile &tile, ArrayRef<Value>) {
          storeTile(output, f.chunk, root.width, tile, zeros(tile));
          return Values();
        });
      }
    }
    root.carried = int(sums.size()) - root.carry;
  }
  return sums;
}

void KernelEmitter::storeSums(ArrayRef<Value> sums) {
  for (const Root &root : roots) {
    if (root.carried == 0)
      continue;
    Value output = arg(ArgPart::Output, root.result);
    ArrayRef<Value> own = sums.slice(root.carry, root.carried);
    if (root.sink == Sink::SumOfSquares) {
      Value sum = foldLanes(RowReduction::Sum, Values(own));
      onceForTeam([&] { f.store(sum, f.gep(output, f.chunk, f.f32Type())); });
      continue;
    }
    onceForTeam([&] {
      Value row = f.gep(output, f.muli(f.chunk, root.width), f.f32Type());
      for (auto [column, value] : llvm::zip(root.pieceColumns, own))
        f.store(value, f.gep(row, column, f.f32Type()));
    });
  }
}
