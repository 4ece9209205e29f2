//===- KernelEmitter.h - one hgnn.kernel to one function ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The body is evaluated backwards from what it yields: eval(value, place, tile) emits code for a
// few columns of one row of a value and calls itself for the operands at the places they are
// needed.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_CODEGEN_KERNELEMITTER_H
#define HEDDLE_COMPILER_CODEGEN_KERNELEMITTER_H

#include "compiler/codegen/FunctionBuilder.h"
#include "compiler/codegen/KernelSignature.h"
#include "compiler/codegen/Target.h"
#include "dialects/hgnn/Hgnn.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"

#include <map>
#include <optional>

namespace heddle::compiler {

/// Consecutive columns held in one register.
struct Piece {
  int64_t offset; ///< from the tile's first column
  int lanes;      ///< a power of two
};

/// Consecutive columns of a row: they start at base + offset (base null: at offset).
struct Tile {
  Value base;
  int64_t offset = 0;
  int64_t width = 1;
  /// base is start + k * stride, k the round of the loop.
  int64_t start = 0, stride = 1;
  int64_t align = 1; ///< divides base, a power of two
  /// All columns the enclosing loop over tiles may reach are in [low, high). Its structure is the
  /// same everywhere in there (no seam of a concat or pad inside).
  int64_t low = 0, high = 1;
  llvm::SmallVector<Piece, 8> pieces;

  /// The same columns, counted from a place `delta` columns before.
  Tile shifted(int64_t delta) const {
    Tile tile = *this;
    tile.offset += delta, tile.low += delta, tile.high += delta;
    return tile;
  }
};

/// A row of a domain.
struct Place {
  enum Kind { Flat, Row, Edge } kind = Flat;
  Value row;      ///< Row: its index. Edge: canonical edge number, if known
  Value position; ///< Edge: position in the order by source, if known
  Value active;   ///< Edge: index of its active destination, if known
  Value source;   ///< Edge: row of its source, if known
  /// Flat: no rows; the tile's columns are numbers of the whole array.
  static Place flat() { return {}; }
  static Place at(Value row) { return {Row, row, {}, {}, {}}; }
  const void *identity() const {
    return position ? position.getAsOpaquePointer() : row ? row.getAsOpaquePointer() : nullptr;
  }
};

using Cuts = llvm::SmallVector<int64_t>;

class KernelEmitter {
public:
  KernelEmitter(hgnn::KernelOp kernel, const TargetSpec &target, mlir::ModuleOp into);
  /// Emits the function; errors are reported on the op concerned.
  mlir::FailureOr<KernelSignature> emit();

private:
  //===--- Arguments (KernelArgs.cpp) -------------------------------------===//
  struct Slot {
    int operand;
    ArgPart part;
    auto operator<=>(const Slot &) const = default;
  };
  struct PendingArg {
    Value pointer;
    mlir::arith::ConstantOp position;
  };
  /// A run of operands of one form, evaluated by a loop over equal stretches of `args`.
  struct Group {
    int first = 0, count = 0; ///< operands of the op
    /// Per member, what stands for each block argument of the first member.
    std::vector<llvm::DenseMap<int, int>> leaves;
    mlir::arith::ConstantOp base, stride;
    std::map<Slot, mlir::arith::ConstantOp> slots;
  };
  std::map<Slot, PendingArg> uniform;
  std::map<std::pair<int, int>, Group> groups; ///< by (number of the op, first operand)
  Group *frame = nullptr;                      ///< the group whose loop is being emitted
  Value framePointer;
  hgnn::TermOp frameTerm; ///< of a group of terms, the op that makes that of the member
  Value frameLink;        ///< and which relation it is of

  /// The pointer to an array of a block argument. Data of a state or output: see slotOf.
  Value arg(ArgPart part, Value blockArgument);
  Value arg(ArgPart part, int index);
  KernelSignature finishSignature();
  std::vector<std::pair<int, int>> runsOf(mlir::Operation *op);
  Group &groupOf(mlir::Operation *op, int first, int count);
  bool sameForm(Value a, Value b, llvm::DenseMap<int, int> &leaves, bool anyLink);
  /// `body` (number, operand, carried) of all operands of a sum or merge from the first to the
  /// last, carrying values: a loop where they are of one form, with the first one's number. There
  /// has to be something to carry before a run unless nothing ever is.
  Values overTerms(mlir::Operation *op, Values carried,
                   llvm::function_ref<Values(int, Value, llvm::ArrayRef<Value>)> body);

  //===--- Loops (KernelEmitter.cpp) ---------------------------------------===//
  enum class Sink { Store, ColumnSum, SumOfSquares };
  struct Root {
    int result;
    Sink sink;
    Value value; ///< what is stored or summed
    int64_t width;
    bool inRegisters = false;               ///< a column sum that the loop carries
    int carry = 0, carried = 0;             ///< its values among those that the loop carries
    llvm::DenseMap<int64_t, int> pieceAt{}; ///< by first column of a tile, counted from `carry`
    llvm::SmallVector<int64_t> pieceColumns{};
  };
  std::vector<Root> roots;
  mlir::LogicalResult classify();
  mlir::LogicalResult findDomain();
  bool usesOnlyFlatOps();
  void emitRows();
  void emitChunks();
  void emitOwnColumns(llvm::ArrayRef<const Root *> roots, int64_t width);
  void sumColumns(llvm::ArrayRef<const Root *> roots, int64_t width, const Tile &tile,
                  llvm::function_ref<void(const Place &)> prepare);
  void emitFlat();
  void emitNumbers();
  void emitEdgesByActive();
  void emitSparseGradWeight(hgnn::SparseLinearGradWeightOp op);
  Values emitRow(const Place &place, Value storeRow, llvm::ArrayRef<Value> carried);
  Values emitTile(llvm::ArrayRef<const Root *> roots, const Place &place, Value storeRow,
                  const Tile &tile, Values carried);
  Values initialSums();
  void storeSums(llvm::ArrayRef<Value> sums);
  void evaluateScalarsOnce();

  enum class RowReduction { Sum, Max };

  //===--- Threads of a GPU (Threads.cpp) -----------------------------------===//
  // Teams of threads take rows, or chunks, in turn: team t of n those that are t modulo n, so any
  // number of threads does all the work. The threads of a team share the columns of a row: one
  // loads four. Where a row is a sum over edges a team has several parts, each for some of them.
  /// Decides how many threads make a team, from what the kernel yields.
  void formTeams();
  void setTeam(int64_t width, int64_t parts = 1);
  /// Runs `body` for each chunk that is this thread's; where there are none, once.
  void forChunks(llvm::function_ref<void()> body);
  /// The loop over the rows of this call; of a GPU, of this team or chunk.
  Values forRows(llvm::ArrayRef<Value> init,
                 llvm::function_ref<Values(Value, llvm::ArrayRef<Value>)> body);
  /// forTiles with the tiles shared by the threads of a team, where it is made of several.
  Values forSharedTiles(int64_t width, const Cuts &cuts, llvm::ArrayRef<Value> init, bool unroll,
                        llvm::function_ref<Values(const Tile &, llvm::ArrayRef<Value>)> body);
  /// A loop over numbers [low, high), `step` at once, shared by all threads.
  Values forNumbers(Value low, Value high, int64_t step, llvm::ArrayRef<Value> init,
                    llvm::function_ref<Values(Value, llvm::ArrayRef<Value>)> body);
  /// A loop over the edges (or entries) of a row, shared by the parts of a team. `init` is what the
  /// sum begins with; of the largest, what has no effect.
  Values forParts(RowReduction kind, Value low, Value high, llvm::ArrayRef<Value> init,
                  llvm::function_ref<Values(Value, llvm::ArrayRef<Value>)> body);
  Value inWarp();
  /// Whether a thread's columns of [low, high) are apart from each other, next to those of other threads:
  /// where rows begin anywhere no four can be loaded at once.
  bool areApart(int64_t low, int64_t high) const;
  /// All of [low, high) in tiles that are apart.
  Values forTilesApart(int64_t low, int64_t high, llvm::ArrayRef<Value> init,
                       llvm::function_ref<Values(const Tile &, llvm::ArrayRef<Value>)> body);
  bool wholeTiles = false; ///< something in the kernel needs tiles of columns that follow each other
  bool edgesTogether = false; ///< threads of a team share the columns that each edge in turn is reduced over
  /// The first column of this thread's first tile from `low` on.
  Value tileOfLane(int64_t low);
  /// The number of the thread of the team whose lane differs from this one's by the bits of `other`.
  Value fromLane(Value number, Value other);
  /// reduceRow with the columns shared by the threads of a team; all of them are here and get the
  /// result.
  Value reduceRowTogether(RowReduction kind, const Cuts &cuts,
                          llvm::function_ref<Values(const Tile &)> term);
  //===--- Rows with very many edges (Hubs.cpp) ----------------------------===//
  /// An array of a block argument whose differences are numbers of edges, of a row of the loop or of the
  /// row's position among the active ones.
  struct RowEdges {
    ArgPart pointers;
    mlir::BlockArgument operand;
    bool byPosition;
    bool operator==(const RowEdges &) const = default;
  };
  /// Those that the kernel goes through for a row of its loop; none where asking each costs too much.
  llvm::SmallVector<RowEdges> edgesOfRows();
  Value countEdges(llvm::ArrayRef<RowEdges> all, Value row);
  /// forRows, where a GPU takes rows with many edges by whole blocks.
  void forRowsAndHubs(llvm::ArrayRef<RowEdges> edges, llvm::function_ref<void(Value)> body);
  /// Whether a block works on one row: then its threads are never apart.
  bool wholeBlock() const { return columnLanes * teamParts > 32; }
  /// All tiles of a row, as many at a time as there are threads for, and whether a tile is a
  /// thread's own: where tiles do not suffice threads take one that is another's. Carries values.
  Values
  forTilesTogether(const Cuts &cuts, llvm::ArrayRef<Value> init,
                   llvm::function_ref<Values(const Tile &, Value, llvm::ArrayRef<Value>)> body);
  /// Until all threads of the block are here no one goes on.
  void meetBlock();
  Value joinWarps(Value value, llvm::function_ref<Value(Value, Value)> join);

  /// Until all threads of the team are here no one goes on.
  void meetTeam();
  /// What several threads of the team do alike, done by the first of them.
  void onceForTeam(llvm::function_ref<void()> body);
  void storeForTeam(Value pointer, Value row, int64_t width, const Tile &tile,
                    llvm::ArrayRef<Value> values);
  unsigned alignmentOf(const Tile &tile, const Piece &piece, int64_t width, bool row) const;
  const bool gpu;
  int64_t columnLanes = 1, teamParts = 1; ///< powers of two; their product: a warp at most, or a block
  bool shareTiles = false;                ///< threads of a team are at different columns
  bool together = false;                  ///< all threads of a team do what is emitted now
  Value lane, part, team, teams;          ///< of a GPU only
  Value ownColumns; ///< of a whole block: whether the columns at hand are this thread's

  //===--- Tiles (Tiles.cpp) -----------------------------------------------===//
  Tile scalarTile() const;
  Tile makeTile(Value base, int64_t offset, int64_t width, int64_t low, int64_t high) const;
  /// Runs `body` for tiles that cover [0, width); loops unless `unroll`. Carries values.
  Values forTiles(int64_t width, const Cuts &cuts, llvm::ArrayRef<Value> init, bool unroll,
                  llvm::function_ref<Values(const Tile &, llvm::ArrayRef<Value>)> body);
  void collectCuts(Value value, int64_t shift, int64_t low, int64_t high, Cuts &cuts);
  Cuts cutsOf(llvm::ArrayRef<Value> values, int64_t width);

  //===--- Heads (Heads.cpp) ----------------------------------------------===//
  /// The heads, of `size` columns each, that the columns of a tile are in.
  struct Heads {
    Tile tile; ///< a column for each head
    int64_t size;
    bool single; ///< all columns are of one; else column j is of head j / size, from the first on
  };
  /// Heads that loops over tiles may run over while no seam is in their way.
  struct HeadRange {
    int64_t first, size, heads;
  };
  llvm::SmallVector<HeadRange> headRanges; ///< seen while cuts are collected
  /// Cuts columns [0, size * heads) of a value so that headsOf can tell the heads of every tile;
  /// the other numbers as in collectCuts.
  void cutHeads(int64_t size, int64_t heads, int64_t shift, int64_t low, int64_t high, Cuts &cuts);
  /// The same for the `heads` numbers from column `first` on that are dots of heads.
  void cutDots(int64_t first, int64_t heads, int64_t shift, int64_t low, int64_t high, Cuts &cuts);
  /// Where a seam is in the way of a range, tiles end where its heads do.
  void alignHeads(Cuts &cuts, int64_t width);
  /// `at`: what to report an error of.
  Heads headsOf(const Tile &tile, int64_t size, Value at);
  /// Numbers of the heads, over the columns of the tile.
  Values spread(const Heads &heads, llvm::ArrayRef<Value> numbers, const Tile &tile);
  /// One number for each column.
  Values assemble(llvm::ArrayRef<Value> scalars, const Tile &tile);
  /// A value at a tile of heads, which its own seams may cut.
  Values evalHeads(Value value, const Place &place, const Tile &tile);
  /// The inner products of the rows of x and y (either may be a param) in each of the heads of
  /// `heads`.
  Values dotOfHeads(Value x, Value y, int64_t size, const Place &place, const Tile &heads);

  //===--- Heads of a row that a team shares (HeadsTogether.cpp) ------------===//
  int64_t widestStretch();
  /// Stores a row of a softmax over edges, all its parts in one pass over them; false where that is not
  /// what the root is, or threads do not share its columns.
  bool storeSoftmaxTogether(const Root &root, const Place &place, Value storeRow);
  /// dotOfHeads where all threads of a team are here and a head's columns are some threads' each.
  std::optional<Values> dotOfHeadsTogether(Value x, Value y, int64_t size, const Place &place,
                                           const Tile &heads);
  /// What all threads of a team find for a row's heads before they part.
  void prepareHeadsTogether(mlir::Operation *op, const Place &place);
  static constexpr int64_t mostFixedHeads = 16;
  bool fixedHeads = false; ///< columns of heads are there for tiles that are known by number

  //===--- Evaluation (Evaluate*.cpp) --------------------------------------===//
  Values eval(Value value, const Place &place, const Tile &tile);
  Value evalScalar(Value value, const Place &place) {
    return eval(value, place, scalarTile()).front();
  }
  Values emitValue(Value value, const Place &place, const Tile &tile);
  Values evalBlockArgument(mlir::BlockArgument value, const Place &place, const Tile &tile);
  /// acc + value, without accumulators of the value's own where it is a sum.
  Values accumulate(Value value, const Place &place, const Tile &tile, Values acc);
  Values accumulateSum(mlir::Operation *add, const Place &place, const Tile &tile, Values acc);
  Values reduceEdges(Value edges, Value adj, bool bySource, const Place &place, const Tile &tile,
                     Values acc);
  void hoistInvariant(Value edges, bool bySource, const Place &place, const Tile &tile);
  void prefetchEdges(Value edges, Value adj, bool bySource, const Place &place, Value edge,
                     Value high, const Tile &tile);
  Value activeOf(const Place &place, Value adj);
  Value sourceOf(const Place &place, Value adj);
  Value edgeOf(const Place &place, Value adj);
  /// Computes once per row what loops over tiles would repeat.
  void prepareRow(Value value, const Place &place);
  void prepareOperands(mlir::Operation *op, const Place &place);

  Values evalElements(mlir::Operation *op, const Place &place, const Tile &tile);
  Values evalRowWise(mlir::Operation *op, const Place &place, const Tile &tile);
  Values evalMove(mlir::Operation *op, const Place &place, const Tile &tile);
  Values evalSparseLinear(hgnn::SparseLinearOp op, const Place &place, const Tile &tile);
  Value clipFactor(hgnn::ClipFactorOp op);
  Values evalUnary(hgnn::UnaryOp op, const Place &place, const Tile &tile);
  Values evalUnaryGrad(hgnn::UnaryGradOp op, const Place &place, const Tile &tile);
  Values evalDropout(hgnn::DropoutOp op, const Place &place, const Tile &tile);
  Values evalLayerNorm(mlir::Operation *op, const Place &place, const Tile &tile);
  Values evalLoss(mlir::Operation *op, const Place &place, const Tile &tile);

  //===--- Sums of the terms of many relations (StitchedSums.cpp) ----------===//
  struct StitchedSum {
    Value rows; ///< [stitchedRows, width], of the block of rows at hand
    int64_t width;
  };
  llvm::MapVector<mlir::Operation *, StitchedSum> stitched; ///< in the order of the body
  int64_t stitchedRows = 0;
  Value blockFirst, blockRow; ///< of the block; null outside of its loops over rows
  mlir::Operation *beingSummed = nullptr;
  bool findStitchedSums();
  void emitStitchedRows();
  void storeStitched(Value first, Value last, const StitchedSum &sum, const Cuts &cuts,
                     llvm::function_ref<Values(Value, const Tile &)> values);
  void addTerms(mlir::Operation *add, Value first, Value last, const StitchedSum &sum);
  void addTerm(Value term, Value first, Value last, const StitchedSum &sum);
  void combineTerms(hgnn::CombineOp op, Value first, Value last, const StitchedSum &sum);
  void forPresentRows(Value term, Value first, Value last,
                      llvm::function_ref<void(Value, Value, const Place &)> body);
  bool isStitched(Value value, const Place &place) const;
  Values stitchedSum(Value value, const Place &place, const Tile &tile);
  Value presenceMask(ArgPart part, Value array, Value row);
  Value isPresent(ArgPart part, Value array, Value row);

  //===--- Terms of merges that are no sum (EvaluateMerges.cpp) ------------===//
  /// The columns where the parts of a term's row begin, but for the first.
  static Cuts seamsOf(hgnn::MergeRule merge, int64_t width);
  Values emptyTerm(hgnn::MergeRule merge, int64_t width, const Tile &tile);
  Value evalColumn(Value value, const Place &place, int64_t column);
  Value weightOf(Value score, Value largest);
  Values weightsOf(llvm::ArrayRef<Value> scores, llvm::ArrayRef<Value> largest);
  /// What `make` gives for a row and a tile of heads, once.
  Values onceForHeads(const void *what, int64_t kind, const Place &place, const Tile &heads,
                      llvm::function_ref<Values()> make);
  /// A softmax term's sums over what is merged, at a tile that is not of its largest scores: of the
  /// weighted values, or of the weights.
  struct WeightedSum {
    bool weights; ///< what is summed are the weights themselves
    Heads heads;  ///< of the tile's columns
  };
  WeightedSum weightedSumAt(hgnn::MergeRule merge, const Tile &tile, Value term);
  /// sum + w x.
  Values addWeighted(const WeightedSum &at, llvm::ArrayRef<Value> sum, llvm::ArrayRef<Value> x,
                     llvm::ArrayRef<Value> weights, const Tile &tile);
  Values largestScores(hgnn::CombineOp op, const Place &place, const Tile &heads);
  Values termWeights(hgnn::CombineOp op, Value term, llvm::ArrayRef<Value> largest,
                     const Place &place, const Tile &heads);
  Values inverseSums(hgnn::MergeRule merge, Value merged, const Place &place, const Tile &heads);
  Values gradientOfSums(hgnn::CombinedGradOp op, const Place &place, const Tile &heads);
  Values messageWeights(hgnn::TermGradOp op, const Place &place, const Tile &heads);
  /// The better of two terms, number by number, with what they come from where that is known.
  Values betterOf(llvm::ArrayRef<Value> numbers, llvm::ArrayRef<Value> from,
                  llvm::ArrayRef<Value> best);
  Values evalTerm(hgnn::TermOp op, const Place &place, const Tile &tile);
  Values evalCombine(hgnn::CombineOp op, const Place &place, const Tile &tile);
  Values evalCombined(hgnn::CombinedOp op, const Place &place, const Tile &tile);
  Values evalCombinedGrad(hgnn::CombinedGradOp op, const Place &place, const Tile &tile);
  Values evalTermGrad(hgnn::TermGradOp op, const Place &place, const Tile &tile);
  Values evalMerge(mlir::Operation *op, const Place &place, const Tile &tile);
  void prepareMerge(mlir::Operation *op, const Place &place);

  //===--- Terms of a destination's edges (EvaluateEdges.cpp) --------------===//
  Values overEdges(hgnn::ReduceDstOp op, const Place &place, const Tile &tile, Values init,
                   std::optional<RowReduction> kind,
                   llvm::function_ref<Values(const Place &, llvm::ArrayRef<Value>)> body);
  Values largestOfEdges(hgnn::ReduceDstOp op, const Place &place, const Tile &heads);
  Values evalReduceTerms(hgnn::ReduceDstOp op, const Place &place, const Tile &tile);
  Values evalEdgePosition(hgnn::EdgePositionOp op, const Place &place);
  /// The canonical number of an edge; null where no operand of the kernel says it.
  Value edgeRowOf(const Place &place, hgnn::DomainAttr edges);

  /// Reduces the terms of all columns: lane j of 16 takes columns j, j + 16, ... of each stretch
  /// between cuts in order, then the lanes are added as a tree. The same for every target.
  Value reduceRow(RowReduction kind, int64_t width, const Cuts &cuts,
                  llvm::function_ref<Values(const Tile &)> term);
  Values addToLanes(RowReduction kind, Values lanes, const Tile &tile, llvm::ArrayRef<Value> terms);
  Value foldLanes(RowReduction kind, Values lanes);
  Values emptyLanes(RowReduction kind);

  struct RowStats {
    Value first, second;
  };
  RowStats meanAndRstd(Value input, double eps, const Place &place);
  RowStats normGradStats(hgnn::LayerNormGradOp op, const Place &place);
  RowStats softmaxStats(Value logits, const Place &place);

  /// One result per piece.
  Values map(llvm::ArrayRef<Value> x, llvm::function_ref<Value(Value)> fn);
  Values map(llvm::ArrayRef<Value> x, llvm::ArrayRef<Value> y,
             llvm::function_ref<Value(Value, Value)> fn);
  Values zeros(const Tile &tile);
  Values loadTile(Value pointer, Value row, int64_t width, const Tile &tile);
  void storeTile(Value pointer, Value row, int64_t width, const Tile &tile,
                 llvm::ArrayRef<Value> values);
  Value tilePointer(Value pointer, Value row, int64_t width, const Tile &tile);
  Value columns(const Tile &tile, const Piece &piece, unsigned bits);
  Value pieceOf(Value scalar, const Piece &piece) { return f.splat(scalar, piece.lanes); }

  //===--- Optimizer steps (EmitOptimizer.cpp) -----------------------------===//
  mlir::LogicalResult emitOptimizer(hgnn::OptimizerStepOp op);
  mlir::LogicalResult emitRowOptimizer(hgnn::RowOptimizerStepOp op);
  hgnn::OptimizerOp optimizerOf(mlir::Operation *op, int64_t group);

  /// Reports on the op that makes `value`; evaluation goes on with zeros.
  Values fail(Value value, const llvm::Twine &message, const Tile &tile);

  hgnn::KernelOp kernel;
  mlir::Block &body;
  FunctionBuilder f;
  KernelSignature signature;
  llvm::DenseMap<mlir::Operation *, int> opNumbers;
  hgnn::DomainAttr domain; ///< of the loop; param where it runs over numbers
  bool flat = false;       ///< the loop runs over numbers, not rows
  int64_t flatWidth = 1;   ///< numbers per row where flat
  Value byActive;          ///< loop over active destinations and their edges, of this adjacency
  Value rootRow;           ///< loop variable over rows
  int64_t tileColumns = 16;
  bool failed = false;
  std::optional<Slot> balance;
  llvm::DenseSet<std::pair<Value, std::pair<int64_t, std::pair<int64_t, int64_t>>>> seenForCuts;
};

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_CODEGEN_KERNELEMITTER_H
