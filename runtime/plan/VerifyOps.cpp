//===- VerifyOps.cpp - semantic verification: each op by itself --*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What the executor writes through without a further check (everything but generated kernels) must
// have exactly the shape that its comment in plan.fbs gives.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/Collective.h"
#include "runtime/plan/VerifyOp.h"

namespace heddle::plan::verify {

namespace {

class OpChecker : OpShape {
public:
  using OpShape::OpShape;

  bool run() {
    if (op_.queue > Queue::MAX)
      return fail("the queue is unknown");
    if (op_.inputs.size() + op_.outputs.size() > 8192)
      return fail("it has more than 8192 inputs and outputs");
    for (size_t i = 0; i < op_.inputs.size(); ++i)
      if (!checkIndex(op_.inputs[i], inputPlace(i)))
        return false;
    for (size_t i = 0; i < op_.outputs.size(); ++i) {
      if (!checkIndex(op_.outputs[i], outputPlace(i)))
        return false;
      for (size_t j = 0; j < i; ++j)
        if (op_.outputs[i] >= 0 && op_.outputs[i] == op_.outputs[j])
          return c_.fail(outputPlace(i), "the buffer is written twice");
    }
    for (const auto *list : {&op_.waits, &op_.signals})
      for (uint32_t s : *list)
        if (s >= e_.semaphores.size())
          return fail("semaphore " + outOf(s, e_.semaphores.size()));
    for (const auto *list : {&op_.bytes, &op_.flops, &op_.wire})
      for (const Extent &extent : *list)
        if (!checkExtent(c_, e_, &extent, place_ + " estimate"))
          return false;
    if (!op_.attrs.value)
      return fail("the attributes are missing or of an unknown kind");
    if (!op_.wire.empty() && !collectiveOf(op_))
      return fail("it sends nothing, so it has no bytes on the wire");
    switch (op_.attrs.type) {
    case OpAttrs::SeedsAttrs:
      return checkSeeds(*op_.attrs.AsSeedsAttrs());
    case OpAttrs::SampleAttrs:
      return checkSample(*op_.attrs.AsSampleAttrs());
    case OpAttrs::FrontierAttrs:
      return checkFrontier(*op_.attrs.AsFrontierAttrs());
    case OpAttrs::FetchDenseAttrs:
      return checkFetchDense(*op_.attrs.AsFetchDenseAttrs());
    case OpAttrs::FetchEdgeAttrs:
      return checkFetchEdge(*op_.attrs.AsFetchEdgeAttrs());
    case OpAttrs::FetchSparseAttrs:
      return checkFetchSparse(*op_.attrs.AsFetchSparseAttrs());
    case OpAttrs::FetchLabelsAttrs:
      return checkFetchLabels(*op_.attrs.AsFetchLabelsAttrs());
    case OpAttrs::FetchRowsAttrs:
      return checkFetchRows();
    case OpAttrs::ScalarsAttrs:
      return checkScalars(*op_.attrs.AsScalarsAttrs());
    case OpAttrs::KernelAttrs:
      return checkKernel(*op_.attrs.AsKernelAttrs());
    case OpAttrs::GemmAttrs:
      return queueIs(Queue::Compute) && counts(2, 1) &&
             checkProduct(*op_.attrs.AsGemmAttrs(), 0, 1, 0);
    case OpAttrs::GemmGroupAttrs:
      return checkGemmGroup(*op_.attrs.AsGemmGroupAttrs());
    case OpAttrs::MergeAttrs:
      return checkMerge(*op_.attrs.AsMergeAttrs());
    case OpAttrs::MergeAllAttrs:
    case OpAttrs::MergeToAttrs:
    case OpAttrs::BroadcastAttrs:
    case OpAttrs::UnionRowsAttrs:
    case OpAttrs::ExchangeRowsAttrs:
    case OpAttrs::RequestRowsAttrs:
    case OpAttrs::FetchRemoteAttrs:
    case OpAttrs::FetchRemoteRowsAttrs:
    case OpAttrs::PushRowsAttrs:
    case OpAttrs::GatherBlocksAttrs:
      return checkCollective(c_, e_, index_, place_);
    case OpAttrs::NONE:
      break;
    }
    return fail("the attributes are missing or of an unknown kind");
  }

private:
  bool checkSeeds(const SeedsAttrsT &a) {
    const bool begins = a.blocks > 1 && op_.outputs.size() == 3;
    if (!nodeType(a.node_type) || !queueIs(Queue::Sample) ||
        !counts(0, begins         ? 3
                   : a.blocks > 1 ? 2
                                  : 1))
      return false;
    if (a.block >= a.blocks)
      return fail("block " + outOf(a.block, a.blocks));
    if (a.blocks > 1 && (a.blocks != c_.plan.partitions || a.block != e_.partition))
      return fail("its block of the seeds is not that of its partition");
    for (const CutLink &link : a.cut)
      if (link.relation() >= c_.plan.relations.size() ||
          c_.plan.relations[link.relation()]->destination != a.node_type)
        return fail("relation " + std::to_string(link.relation()) +
                    " of its cut does not lead to the seeds");
      else if (link.fanout() < -1)
        return fail("a fanout of its cut is below -1");
    if (!a.cut.empty() && !begins)
      return fail("blocks are cut by work, and nothing says where they begin");
    for (size_t i : {0, 2})
      if (i < op_.outputs.size() && op_.outputs[i] < 0)
        return c_.fail(outputPlace(i), "it is absent");
    if (begins && (!typed(op_.outputs[2], outputPlace(2), DType::I64, 0) ||
                   !inSlot(op_.outputs[2], outputPlace(2)) ||
                   !constantElements(op_.outputs[2], outputPlace(2), uint64_t(a.blocks) + 1)))
      return false;
    return slotOutput(0, DType::I64, 1, SymbolKind::Rows, 0, a.node_type) &&
           (a.blocks == 1 || slotOutput(1, DType::I64, 1, SymbolKind::Gathered, 0, a.node_type));
  }

  bool checkSample(const SampleAttrsT &a) {
    if (a.relation >= c_.plan.relations.size())
      return fail("relation " + outOf(a.relation, c_.plan.relations.size()));
    if (a.hop >= maxHop)
      return fail("hop " + std::to_string(a.hop) + " is over 14");
    if (a.mode > SampleMode::MAX)
      return fail("the sample mode is unknown");
    if (a.fanout < -1)
      return fail("the fanout is below -1");
    // A destination's draws are numbered by 24 bits of blocks of two.
    if (a.fanout > (1 << 24))
      return fail("the fanout is over 2^24");
    if (a.block >= a.blocks)
      return fail("block " + outOf(a.block, a.blocks));
    if (a.blocks > 1 && a.hop > 0)
      return fail("only destinations of hop 0 come in blocks");
    if (a.blocks > c_.plan.partitions)
      return fail(std::to_string(a.blocks) + " blocks are more than the plan has partitions");
    if (op_.in_loop_static && a.mode == SampleMode::Keyed && a.fanout > 0)
      return fail("a keyed sample differs between steps and cannot be kept");
    const RelationT &r = *c_.plan.relations[a.relation];
    if (!queueIs(Queue::Sample) || !counts(1, a.unique ? 10 : 8) ||
        !idsInput(0, a.hop, r.destination))
      return false;
    using enum SymbolKind;
    if (a.unique && (!slotOutput(4, DType::I32, 1, Unique, a.hop, a.relation, 1) ||
                     !slotOutput(8, DType::I32, 1, Unique, a.hop, a.relation) ||
                     !slotOutput(9, DType::I32, 1, Rows, a.hop + 1, r.source)))
      return false;
    return slotOutput(0, DType::I32, 1, Active, a.hop, a.relation) &&
           slotOutput(1, DType::I32, 1, Active, a.hop, a.relation, 1) &&
           slotOutput(2, DType::I32, 1, Edges, a.hop, a.relation) &&
           slotOutput(3, DType::I32, 1, Rows, a.hop, r.destination) &&
           (a.unique || slotOutput(4, DType::I32, 1, Rows, a.hop + 1, r.source, 1)) &&
           slotOutput(5, DType::I32, 1, Edges, a.hop, a.relation) &&
           slotOutput(6, DType::I32, 1, Edges, a.hop, a.relation) &&
           slotOutput(7, DType::I64, 1, Edges, a.hop, a.relation);
  }

  bool checkFrontier(const FrontierAttrsT &a) {
    if (!nodeType(a.node_type) || !queueIs(Queue::Sample) || !counts(1, 3))
      return false;
    if (a.hop < 1 || a.hop > maxHop)
      return fail("hop " + std::to_string(a.hop) + " is not in 1..15");
    if (op_.inputs[0] >= 0 && !idsInput(0, a.hop - 1, a.node_type))
      return false;
    if (op_.inputs[0] < 0 && (a.self_link || op_.outputs[1] >= 0 || op_.outputs[2] >= 0))
      return c_.fail(inputPlace(0),
                     "the self link reads the ids of the hop before, which are absent");
    if (op_.outputs[0] < 0)
      return c_.fail(outputPlace(0), "it is absent");
    return slotOutput(0, DType::I64, 1, SymbolKind::Rows, a.hop, a.node_type) &&
           slotOutput(1, DType::I32, 1, SymbolKind::Rows, a.hop - 1, a.node_type) &&
           slotOutput(2, DType::I32, 1, SymbolKind::Rows, a.hop, a.node_type);
  }

  bool checkFetchDense(const FetchDenseAttrsT &a) {
    if (!nodeType(a.node_type) || !queueIs(Queue::Fetch) || !counts(1, 1))
      return false;
    int64_t hop = idsHop(0, a.node_type);
    if (hop < 0)
      return false;
    if (op_.outputs[0] < 0)
      return c_.fail(outputPlace(0), "it is absent");
    if (a.dim == 0)
      return fail("the feature has no columns");
    return slotOutput(0, DType::F32, a.dim, SymbolKind::Rows, uint32_t(hop), a.node_type);
  }

  bool checkFetchEdge(const FetchEdgeAttrsT &a) {
    if (a.relation >= c_.plan.relations.size())
      return fail("relation " + outOf(a.relation, c_.plan.relations.size()));
    if (a.hop >= maxHop)
      return fail("hop " + std::to_string(a.hop) + " is over 14");
    if (!queueIs(Queue::Fetch) || !counts(1, 1))
      return false;
    if (a.dim == 0)
      return fail("the feature has no columns");
    if (!typed(op_.inputs[0], inputPlace(0), DType::I64, 1) ||
        !inSlot(op_.inputs[0], inputPlace(0)) ||
        !rowsAre(op_.inputs[0], inputPlace(0), SymbolKind::Edges, a.hop, a.relation))
      return false;
    // Rows of the graph's array are read by these ids: they are a sample's, and of this relation.
    if (!idsOfSample(a))
      return c_.fail(inputPlace(0), "it does not hold the ids of the edges that are sampled there");
    if (op_.outputs[0] < 0)
      return c_.fail(outputPlace(0), "it is absent");
    return slotOutput(0, DType::F32, a.dim, SymbolKind::Edges, a.hop, a.relation);
  }
  bool idsOfSample(const FetchEdgeAttrsT &a) const {
    for (const auto &op : e_.ops)
      if (const SampleAttrsT *sample = op->attrs.AsSampleAttrs();
          sample && sample->relation == a.relation && sample->hop == a.hop)
        return op->outputs.size() >= 8 && op->outputs[7] == op_.inputs[0];
    return false;
  }

  bool checkFetchSparse(const FetchSparseAttrsT &a) {
    if (!nodeType(a.node_type) || !queueIs(Queue::Fetch) || !counts(1, 6))
      return false;
    int64_t hop = idsHop(0, a.node_type);
    if (hop < 0)
      return false;
    return sparseOutputs(uint32_t(hop), a.node_type, a.dim);
  }

  bool checkFetchLabels(const FetchLabelsAttrsT &a) {
    if (!nodeType(a.node_type) || !queueIs(Queue::Fetch) || !counts(1, a.multilabel ? 2 : 1))
      return false;
    if (a.num_classes == 0)
      return fail("the label has no classes");
    int64_t hop = idsHop(0, a.node_type);
    if (hop < 0)
      return false;
    using enum SymbolKind;
    uint32_t h = uint32_t(hop);
    if (!a.multilabel)
      return slotOutput(0, DType::I32, 1, Rows, h, a.node_type);
    return slotOutput(0, DType::F32, a.num_classes, Rows, h, a.node_type) &&
           slotOutput(1, DType::F32, 1, Rows, h, a.node_type);
  }

  bool checkFetchRows() {
    // The table changes within a step: its rows are read where it is written, in the compute queue.
    if (!queueIs(Queue::Compute) || !counts(2, 1))
      return false;
    if (op_.inputs[1] < 0 || buffer(op_.inputs[1]).space != Space::State)
      return c_.fail(inputPlace(1), "it is not a state");
    const BufferT &table = buffer(op_.inputs[1]);
    const StateT &state = *c_.plan.states[static_cast<size_t>(table.state)];
    if (state.rows_type < 0)
      return c_.fail(inputPlace(1), "the state has no row per node");
    if (!typed(op_.inputs[1], inputPlace(1), DType::F32, 0))
      return false;
    uint32_t type = static_cast<uint32_t>(state.rows_type);
    int64_t hop = idsHop(0, type);
    if (hop < 0)
      return false;
    int32_t out = op_.outputs[0];
    if (!typed(out, outputPlace(0), DType::F32, table.width) ||
        !rowsAre(out, outputPlace(0), SymbolKind::Rows, uint32_t(hop), type))
      return false;
    return buffer(out).space == Space::Arena || c_.fail(outputPlace(0), "it is not in the arena");
  }

  bool checkScalars(const ScalarsAttrsT &a) {
    if ((op_.queue != Queue::Fetch && !queueIs(Queue::Sample)) || !counts(0, 2))
      return false;
    if (op_.in_loop_static)
      return fail("scalars differ between steps and cannot be kept");
    for (size_t i = 0; i < a.scalars.size(); ++i) {
      if (!a.scalars[i] || a.scalars[i]->kind > ScalarKind::MAX)
        return fail("scalar " + std::to_string(i) + " is of an unknown kind");
      if (a.scalars[i]->kind != ScalarKind::InvLabelCount &&
          a.scalars[i]->group >= c_.plan.optimizer_groups.size())
        return fail("scalar " + std::to_string(i) + " group " +
                    outOf(a.scalars[i]->group, c_.plan.optimizer_groups.size()));
    }
    if (op_.outputs[0] >= 0 &&
        (!typed(op_.outputs[0], outputPlace(0), DType::F32, 0) ||
         !inSlot(op_.outputs[0], outputPlace(0)) ||
         !constantElements(op_.outputs[0], outputPlace(0), a.scalars.size())))
      return false;
    return op_.outputs[1] < 0 || (typed(op_.outputs[1], outputPlace(1), DType::U32, 0) &&
                                  inSlot(op_.outputs[1], outputPlace(1)) &&
                                  constantElements(op_.outputs[1], outputPlace(1), 4));
  }

  bool checkKernel(const KernelAttrsT &a) {
    if (!queueIs(Queue::Compute))
      return false;
    if (a.kernel >= c_.plan.kernels.size())
      return fail("kernel " + outOf(a.kernel, c_.plan.kernels.size()));
    size_t given = op_.inputs.size() + op_.outputs.size();
    if (c_.plan.kernels[a.kernel]->num_args != given)
      return fail("the kernel takes " + std::to_string(c_.plan.kernels[a.kernel]->num_args) +
                  " arguments, it is given " + std::to_string(given));
    if (a.mode > KernelMode::MAX)
      return fail("the kernel mode is unknown");
    if (!checkExtent(c_, e_, a.domain.get(), place_ + " domain"))
      return false;
    if (a.mode == KernelMode::Chunks && a.chunk_rows == 0)
      return fail("chunk_rows is zero");
    if (a.row_ids != -1 && !checkRowIds(a))
      return false;
    if (a.balance == -1)
      return true;
    if (a.mode != KernelMode::Rows || a.balance < 0 ||
        static_cast<size_t>(a.balance) >= op_.inputs.size())
      return fail("balance " + outOf(a.balance, op_.inputs.size()));
    size_t i = static_cast<size_t>(a.balance);
    if (!typed(op_.inputs[i], inputPlace(i), DType::I32, 1) ||
        !inSlot(op_.inputs[i], inputPlace(i)))
      return false;
    const Extent &rows = *buffer(op_.inputs[i]).rows;
    Extent wanted(a.domain->symbol(), a.domain->divisor(), a.domain->scale(),
                  a.domain->constant() + 1);
    return sameExtent(rows, wanted) ||
           c_.fail(inputPlace(i), "it has not one row more than the kernel's domain");
  }

  /// Whoever gives a kernel other numbers of rows believes that it does nothing else with them.
  bool checkRowIds(const KernelAttrsT &a) {
    if (a.row_ids < 0 || static_cast<size_t>(a.row_ids) >= op_.inputs.size())
      return fail("row_ids " + outOf(a.row_ids, op_.inputs.size()));
    const size_t i = static_cast<size_t>(a.row_ids);
    if (!typed(op_.inputs[i], inputPlace(i), DType::I64, 1))
      return false;
    if (!sameExtent(*buffer(op_.inputs[i]).rows, *a.domain))
      return c_.fail(inputPlace(i), "it has not a row for each of the kernel's domain");
    for (int32_t b : op_.outputs)
      if (b >= 0 && buffer(b).space == Space::State &&
          c_.plan.states[static_cast<size_t>(buffer(b).state)]->rows_type < 0)
        return fail("its row_ids are of tables, but it writes a state without rows of nodes");
    return true;
  }

  bool f32Rows(int32_t index, const std::string &place, const Extent &rows, uint64_t width) {
    // Numbers of a parameter may be read in another shape than they were written in.
    if (rows.symbol() < 0) {
      uint64_t elements;
      if (__builtin_mul_overflow(rows.constant(), width, &elements))
        return c_.fail(place, "the product is too large");
      return typed(index, place, DType::F32, 0) && constantElements(index, place, elements);
    }
    return typed(index, place, DType::F32, width) &&
           (sameExtent(*buffer(index).rows, rows) ||
            c_.fail(place, "the rows are not those of the product"));
  }

  /// `index` holds scale * ceil(rows / divisor) elements of f32 (rows a plain symbol or constant).
  bool scaledElements(int32_t index, const std::string &place, const Extent &rows, uint64_t divisor,
                      uint64_t scale) {
    if (!typed(index, place, DType::F32, 0))
      return false;
    if (rows.symbol() < 0) {
      uint64_t chunks = rows.constant() / divisor + (rows.constant() % divisor != 0), elements;
      if (__builtin_mul_overflow(chunks, scale, &elements))
        return c_.fail(place, "the product is too large");
      return constantElements(index, place, elements);
    }
    const BufferT &b = buffer(index);
    const Extent &held = *b.rows;
    if (rows.divisor() != 1 || rows.scale() != 1 || rows.constant() != 0)
      return c_.fail(place, "chunks are cut from a plain symbol only");
    if (held.symbol() != rows.symbol() || held.divisor() != divisor || held.constant() != 0 ||
        held.scale() * b.width != scale)
      return c_.fail(place, "it does not hold one partial for each chunk");
    return true;
  }

  /// A product of the op's inputs `left` and `right` into its output `out`.
  bool checkProduct(const GemmAttrsT &a, uint32_t left, uint32_t right, uint32_t out) {
    if (!checkExtent(c_, e_, a.rows.get(), place_ + " rows"))
      return false;
    if (a.gemm > GemmKind::MAX)
      return fail("the kind of product is unknown");
    if (a.k == 0 || a.n == 0 || a.heads == 0 || uint64_t(a.k) * a.heads > (1u << 24) ||
        uint64_t(a.n) * a.heads > (1u << 24))
      return fail("k and n, times heads, are not in 1..2^24");
    const uint64_t matrix = uint64_t(a.k) * a.n * a.heads;
    int32_t A = op_.inputs[left], B = op_.inputs[right], C = op_.outputs[out];
    for (int32_t input : op_.inputs)
      if (input >= 0 && input == C)
        return c_.fail(outputPlace(out), "the product would overwrite its own input");
    if (!f32Rows(A, inputPlace(left), *a.rows, a.k * a.heads))
      return false;
    if (a.gemm == GemmKind::RowsParam)
      return typed(B, inputPlace(right), DType::F32, 0) &&
             constantElements(B, inputPlace(right), matrix) &&
             f32Rows(C, outputPlace(out), *a.rows, a.n * a.heads);
    if (a.accumulate || a.transpose_b)
      return fail("a parameter gradient neither accumulates nor transposes");
    if (a.chunk_rows == 0)
      return fail("chunk_rows is zero");
    return f32Rows(B, inputPlace(right), *a.rows, a.n * a.heads) &&
           scaledElements(C, outputPlace(out), *a.rows, a.chunk_rows, matrix);
  }

  bool checkGemmGroup(const GemmGroupAttrsT &a) {
    if (!queueIs(Queue::Compute))
      return false;
    if (a.products.empty())
      return fail("a group has no products");
    std::vector<bool> written(op_.outputs.size());
    const GemmAttrsT *first = nullptr;
    for (size_t p = 0; p < a.products.size(); ++p) {
      const GemmPartT *part = a.products[p].get();
      const std::string which = "product " + std::to_string(p);
      if (!part || !part->attrs)
        return fail(which + " is missing");
      const GemmAttrsT &own = *part->attrs;
      if (part->a >= op_.inputs.size() || part->b >= op_.inputs.size() ||
          part->c >= op_.outputs.size())
        return fail(which + " names arrays that the op does not have");
      if (!checkProduct(own, part->a, part->b, part->c))
        return false;
      if (!first)
        first = &own;
      if (own.gemm != first->gemm || own.chunk_rows != first->chunk_rows ||
          !sameExtent(*own.rows, *first->rows))
        return fail(which + " is of another kind, or of other rows, than the first");
      if (own.accumulate != written[part->c])
        return fail(which + (own.accumulate ? " adds to what no product has written"
                                            : " overwrites what a product has written"));
      written[part->c] = true;
    }
    for (size_t o = 0; o < written.size(); ++o)
      if (!written[o])
        return c_.fail(outputPlace(o), "no product writes it");
    return true;
  }

  bool checkMerge(const MergeAttrsT &a) {
    if (!queueIs(Queue::Compute) || !counts(1, 1) ||
        !checkExtent(c_, e_, a.chunks.get(), place_ + " chunks"))
      return false;
    if (a.width == 0 || a.width > maxScale)
      return fail("the width is not in 1..2^40");
    if (op_.inputs[0] == op_.outputs[0])
      return c_.fail(outputPlace(0), "the sum would overwrite its own input");
    if (!typed(op_.inputs[0], inputPlace(0), DType::F32, 0) ||
        !typed(op_.outputs[0], outputPlace(0), DType::F32, 0) ||
        !constantElements(op_.outputs[0], outputPlace(0), a.width))
      return false;
    const BufferT &in = buffer(op_.inputs[0]);
    if (a.chunks->symbol() < 0) {
      uint64_t elements;
      if (__builtin_mul_overflow(a.chunks->constant(), a.width, &elements))
        return fail("there are too many chunks");
      return constantElements(op_.inputs[0], inputPlace(0), elements);
    }
    uint64_t scale, constant, heldScale, heldConstant;
    bool fits = !__builtin_mul_overflow(a.chunks->scale(), a.width, &scale) &&
                !__builtin_mul_overflow(a.chunks->constant(), a.width, &constant) &&
                !__builtin_mul_overflow(in.rows->scale(), uint64_t(in.width), &heldScale) &&
                !__builtin_mul_overflow(in.rows->constant(), uint64_t(in.width), &heldConstant);
    return (fits && in.rows->symbol() == a.chunks->symbol() &&
            in.rows->divisor() == a.chunks->divisor() && heldScale == scale &&
            heldConstant == constant) ||
           c_.fail(inputPlace(0), "it does not hold one row for each chunk");
  }
};

} // namespace

bool checkOp(Context &context, const EntryT &entry, size_t index, const std::string &place) {
  return OpChecker(context, entry, index, place).run();
}

} // namespace heddle::plan::verify
