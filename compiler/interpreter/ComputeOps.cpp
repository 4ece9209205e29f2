//===- ComputeOps.cpp - the reference semantics of compute ops ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// One loop nest per op, in the words of its description.
//
//===----------------------------------------------------------------------===//
#include "compiler/interpreter/ComputeOps.h"

#include "compiler/interpreter/Losses.h"
#include "compiler/interpreter/Merges.h"
#include "compiler/interpreter/NumberFunctions.h"
#include "compiler/interpreter/Operands.h"
#include "compiler/interpreter/Products.h"
#include "runtime/base/Keys.h"

using namespace mlir;
using namespace heddle::hgnn;
using llvm::FailureOr;

namespace heddle::compiler {

namespace {

/// Evaluates one op; holds its run-time operands.
template <class T> class Evaluator : Operands<T> {
public:
  Evaluator(Operation *op, ArrayRef<RuntimeValue<T>> operands, const ComputeContext &context)
      : Operands<T>(op, operands), context(context) {}

  using Result = FailureOr<Tensor<T>>;
  Result run();

private:
  HEDDLE_USE_OPERANDS(T)

  template <class Function> Tensor<T> map(const Tensor<T> &input, Function function) {
    Tensor<T> result = input;
    for (T &x : result.data)
      x = function(x);
    return result;
  }
  template <class Function> Result zip(const Tensor<T> &a, const Tensor<T> &b, Function function) {
    if (failed(needAlike(a, b)))
      return failure();
    Tensor<T> result = a;
    for (size_t i = 0; i < a.data.size(); ++i)
      result.data[i] = function(a.data[i], b.data[i]);
    return result;
  }
  /// result[to[i]] += input[from[i]] for all i, in order; `rows` rows.
  Tensor<T> move(const Tensor<T> &input, int64_t rows, int64_t count,
                 llvm::function_ref<int64_t(int64_t)> from,
                 llvm::function_ref<int64_t(int64_t)> to) {
    auto result = Tensor<T>::make(rows, input.shape);
    for (int64_t i = 0; i < count; ++i)
      for (int64_t column = 0; column < input.width(); ++column)
        result.at(to(i), column) += input.at(from(i), column);
    return result;
  }

  Result ofTerms() {
    SmallVector<const Tensor<T> *> tensors;
    for (unsigned i = 0; i < operands.size(); ++i)
      tensors.push_back(&tensor(i));
    return computeMerge<T>(op, tensors);
  }
  Result moveAlongAdjacency();
  Result moveAlongLink();
  Result scaleRows();
  Result rowDot(RowDotOp dot);
  Result concat();
  Result dropout(DropoutOp dropout);
  Result layerNorm();

  const ComputeContext &context;
};

//===----------------------------------------------------------------------===//
// Changes of domain
//===----------------------------------------------------------------------===//

template <class T> FailureOr<Tensor<T>> Evaluator<T>::moveAlongAdjacency() {
  const Tensor<T> &input = tensor(0);
  const Adjacency &adj = adjacency(1);
  auto edge = [](int64_t e) { return e; };
  auto source = [&](int64_t e) { return adj.sourceRow[e]; };
  auto active = [&](int64_t e) { return adj.activeOfEdge[e]; };
  auto row = [&](int64_t a) { return adj.activeRow[a]; };
  int64_t edges = adj.numEdges(), actives = adj.numActive();
  if (isa<GatherSrcOp, ReduceSrcOp>(op) &&
      failed(need(adj.numSources >= 0, "the sources of the adjacency have no frontier")))
    return failure();
  int64_t rows = isa<GatherSrcOp>(op)                ? adj.numSources
                 : isa<GatherDstOp, ExpandOp>(op)    ? actives
                 : isa<ReduceDstOp, ReduceSrcOp>(op) ? edges
                                                     : adj.numRows;
  if (failed(needRows(input, rows, "the input")))
    return failure();
  if (isa<GatherSrcOp>(op))
    return move(input, edges, edges, source, edge);
  if (isa<GatherDstOp>(op))
    return move(input, edges, edges, active, edge);
  if (auto reduce = dyn_cast<ReduceDstOp>(op))
    return reduce.getMerge() == Merge::Sum
               ? move(input, actives, edges, edge, active)
               : mergeEdges(reduce.getMerge(), input, adj.activeOfEdge, actives);
  if (isa<ReduceSrcOp>(op))
    return move(input, adj.numSources, edges, edge, source);
  if (auto expand = dyn_cast<ExpandOp>(op)) {
    if (expand.getMerge() == Merge::Sum)
      return move(input, adj.numRows, actives, edge, row);
    // Each row is one active destination or none: what is moved takes the place of an empty term.
    auto result = emptyTerms<T>(expand.getMerge(), adj.numRows, input.shape);
    for (int64_t a = 0; a < actives; ++a)
      for (int64_t column = 0; column < input.width(); ++column)
        result.at(adj.activeRow[a], column) = input.at(a, column);
    return result;
  }
  return move(input, actives, actives, row, edge); // restrict
}

template <class T> FailureOr<Tensor<T>> Evaluator<T>::moveAlongLink() {
  const Tensor<T> &input = tensor(0);
  const Link &link = object<Link>(1);
  int64_t rows = int64_t(link.position.size());
  auto same = [](int64_t i) { return i; };
  auto next = [&](int64_t i) { return link.position[i]; };
  bool gather = isa<SelfGatherOp>(op);
  if (failed(needRows(input, gather ? link.numNext : rows, "the input")))
    return failure();
  return gather ? move(input, rows, rows, next, same) : move(input, link.numNext, rows, same, next);
}

//===----------------------------------------------------------------------===//
// Row-wise
//===----------------------------------------------------------------------===//

/// Row `row`, or the numbers of a param, which are the same for all rows.
template <class T> static const T *rowOf(const Tensor<T> &tensor, int64_t row) {
  return tensor.data.data() + (tensor.isParam() ? 0 : row * tensor.width());
}

template <class T> FailureOr<Tensor<T>> Evaluator<T>::scaleRows() {
  const Tensor<T> &x = tensor(0), &scale = tensor(1);
  int64_t heads = scale.width();
  bool shared = x.isParam() != scale.isParam();
  if (failed(need(heads > 0 && x.width() % heads == 0,
                  "needs a scale of width 1, or one number for each head")) ||
      (!shared && failed(needRows(scale, x.rows, "the scale"))))
    return failure();
  Tensor<T> result = x;
  if (x.isParam() && shared)
    result = Tensor<T>::make(scale.rows, {x.width()});
  for (int64_t row = 0; row < result.numRows(); ++row)
    for (int64_t j = 0; j < result.width(); ++j)
      result.at(row, j) = rowOf(x, row)[j] * rowOf(scale, row)[j / (x.width() / heads)];
  return result;
}

template <class T> FailureOr<Tensor<T>> Evaluator<T>::rowDot(RowDotOp dot) {
  const Tensor<T> &x = tensor(0), &y = tensor(1);
  int64_t heads = dot.getHeads();
  if (y.isParam() ? failed(needVector(y, x.width())) : failed(needAlike(x, y)))
    return failure();
  auto result = Tensor<T>::make(x.rows, {heads});
  for (int64_t row = 0; row < x.numRows(); ++row)
    for (int64_t j = 0; j < x.width(); ++j)
      result.at(row, j / (x.width() / heads)) += rowOf(x, row)[j] * rowOf(y, row)[j];
  return result;
}

template <class T> FailureOr<Tensor<T>> Evaluator<T>::concat() {
  int64_t width = 0;
  for (unsigned i = 0; i < operands.size(); ++i) {
    if (failed(needRows(tensor(i), tensor(0).rows, "an operand")))
      return failure();
    width += tensor(i).width();
  }
  auto result = Tensor<T>::make(tensor(0).rows, {width});
  int64_t offset = 0;
  for (unsigned i = 0; i < operands.size(); ++i) {
    for (int64_t row = 0; row < tensor(i).numRows(); ++row)
      for (int64_t column = 0; column < tensor(i).width(); ++column)
        result.at(row, offset + column) = tensor(i).at(row, column);
    offset += tensor(i).width();
  }
  return result;
}

template <class T> FailureOr<Tensor<T>> Evaluator<T>::dropout(DropoutOp dropout) {
  const Tensor<T> &x = tensor(0);
  double p = dropout.getP().convertToDouble();
  if (!context.dropout)
    return x;
  std::shared_ptr<const Ids> ids;
  if (dropout.getIds()) {
    ids = std::get<std::shared_ptr<const Ids>>(operands[1]);
  } else {
    DomainKind kind = cast<FeatType>(dropout.getInput().getType()).getDomain().getKind();
    ids = kind == DomainKind::Src    ? context.source
          : kind == DomainKind::Dst  ? context.destination
          : kind == DomainKind::Edge ? context.edge
                                     : nullptr;
  }
  if (failed(need(ids != nullptr, "dropout needs the ids of its rows")) ||
      failed(needRows(x, ids->size(), "the input")))
    return failure();
  uint32_t threshold = keys::dropoutThreshold(p);
  Tensor<T> result = x;
  int64_t heads = int64_t(dropout.getHeads()), together = heads ? x.width() / heads : 1;
  for (int64_t row = 0; row < x.rows; ++row)
    for (int64_t column = 0; column < x.width(); ++column) {
      bool keep = keys::dropoutKeeps(context.seed, context.step, uint32_t(ids->hop),
                                     uint32_t(dropout.getSite()), uint64_t(ids->ids[row]),
                                     uint32_t(column / together), threshold);
      result.at(row, column) = keep ? x.at(row, column) / T(1 - p) : T(0);
    }
  return result;
}

/// The three ops of layer normalisation.
template <class T> FailureOr<Tensor<T>> Evaluator<T>::layerNorm() {
  const Tensor<T> &x = tensor(0);
  int64_t n = x.width();
  double eps = op->template getAttrOfType<FloatAttr>("eps").getValueAsDouble();
  bool gradient = isa<LayerNormGradOp>(op), plain = isa<LayerNormXhatOp>(op);
  if (!plain && failed(needVector(tensor(1), n)))
    return failure();
  if (gradient ? failed(needAlike(x, tensor(2))) : !plain && failed(needVector(tensor(2), n)))
    return failure();
  Tensor<T> result = x;
  for (int64_t row = 0; row < x.numRows(); ++row) {
    T mean(0), variance(0);
    for (int64_t j = 0; j < n; ++j)
      mean += x.at(row, j);
    mean = mean / T(double(n));
    for (int64_t j = 0; j < n; ++j)
      variance += (x.at(row, j) - mean) * (x.at(row, j) - mean);
    T rstd = T(1) / sqrt(variance / T(double(n)) + T(eps));
    auto xhat = [&](int64_t j) { return (x.at(row, j) - mean) * rstd; };
    auto d = [&](int64_t j) { return tensor(1).data[j] * tensor(2).at(row, j); };
    T meanD(0), meanDH(0);
    for (int64_t j = 0; gradient && j < n; ++j) {
      meanD += d(j) / T(double(n));
      meanDH += d(j) * xhat(j) / T(double(n));
    }
    for (int64_t j = 0; j < n; ++j)
      result.at(row, j) = plain      ? xhat(j)
                          : gradient ? rstd * (d(j) - meanD - xhat(j) * meanDH)
                                     : tensor(1).data[j] * xhat(j) + tensor(2).data[j];
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Dispatch
//===----------------------------------------------------------------------===//

template <class T> FailureOr<Tensor<T>> Evaluator<T>::run() {
  using Result = FailureOr<Tensor<T>>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .template Case<GatherSrcOp, GatherDstOp, ReduceDstOp, ReduceSrcOp, ExpandOp, RestrictOp>(
          [&](auto) { return moveAlongAdjacency(); })
      .template Case<SelfGatherOp, SelfScatterOp>([&](auto) { return moveAlongLink(); })
      .template Case<DegreeOp>([&](auto) -> Result {
        const Adjacency &adj = adjacency(0);
        auto result = Tensor<T>::make(adj.numActive(), {1});
        for (int64_t active : adj.activeOfEdge)
          result.data[active] += T(1);
        return result;
      })
      .template Case<EdgePositionOp>([&](auto) -> Result {
        const Adjacency &adj = adjacency(0);
        auto result = Tensor<T>::make(adj.numEdges(), {1});
        for (int64_t e = 1; e < adj.numEdges(); ++e)
          if (adj.activeOfEdge[e] == adj.activeOfEdge[e - 1])
            result.data[e] = result.data[e - 1] + T(1);
        return result;
      })
      .template Case<EdgeConstantOp>([&](EdgeConstantOp o) -> Result {
        auto result = Tensor<T>::make(adjacency(0).numEdges(), {int64_t(o.getWidth())});
        for (T &number : result.data)
          number = T(o.getValue().convertToDouble());
        return result;
      })
      .template Case<BroadcastRowsOp>([&](auto) -> Result {
        if (failed(need(tensor(0).isParam(), "needs a parameter")))
          return failure();
        bool like = isa<FeatType>(op->getOperand(1).getType());
        int64_t rows = like ? tensor(1).rows : object<Ids>(1).size();
        auto result = Tensor<T>::make(rows, tensor(0).shape);
        for (int64_t i = 0; i < int64_t(result.data.size()); ++i)
          result.data[i] = tensor(0).data[i % result.width()];
        return result;
      })
      .template Case<OnesOp>([&](auto) -> Result {
        auto result = Tensor<T>::make(tensor(0).rows, {1});
        for (T &number : result.data)
          number = T(1);
        return result;
      })
      .template Case<BatchReduceOp>([&](BatchReduceOp o) -> Result {
        if (failed(need(!tensor(0).isParam(), "needs rows")))
          return failure();
        Tensor<T> result = tensor(0);
        for (int64_t j = 0; j < result.width(); ++j) {
          T sum = T(0);
          for (int64_t row = 0; row < result.rows; ++row)
            sum += tensor(0).at(row, j);
          if (o.getKind() == BatchReduction::Mean && result.rows > 0)
            sum = sum / T(double(result.rows));
          for (int64_t row = 0; row < result.rows; ++row)
            result.data[row * result.width() + j] = sum;
        }
        return result;
      })
      .template Case<ColSumOp>([&](auto) -> Result {
        if (failed(need(!tensor(0).isParam(), "needs rows")))
          return failure();
        auto result = Tensor<T>::param(tensor(0).shape);
        for (int64_t row = 0; row < tensor(0).rows; ++row)
          for (int64_t j = 0; j < result.width(); ++j)
            result.data[j] += tensor(0).at(row, j);
        return result;
      })
      .template Case<LinearOp, LinearGradWeightOp, HeadLinearOp, HeadLinearGradWeightOp, LinearSumOp,
                     SparseLinearOp, SparseLinearGradWeightOp>(
          [&](auto) { return computeProduct<T>(op, operands); })
      .template Case<ScaleRowsOp>([&](auto) { return scaleRows(); })
      .template Case<RowDotOp>([&](RowDotOp o) { return rowDot(o); })
      .template Case<PartialOp, OwnOp>([&](auto) -> Result { return tensor(0); })
      .template Case<TermOp, TermGradOp, CombineOp, CombinedOp, CombinedGradOp>(
          [&](auto) { return ofTerms(); })
      .template Case<AddOp, MergeOp>([&](auto) -> Result {
        if (auto merge = dyn_cast<MergeOp>(op); merge && merge.getMerge() != Merge::Sum)
          return ofTerms();
        Tensor<T> result = tensor(0);
        for (unsigned i = 1; i < operands.size(); ++i) {
          Result sum = zip(result, tensor(i), [](T a, T b) { return a + b; });
          if (failed(sum))
            return failure();
          result = *sum;
        }
        return result;
      })
      .template Case<MulOp>(
          [&](auto) { return zip(tensor(0), tensor(1), [](T a, T b) { return a * b; }); })
      .template Case<ScaleOp>([&](ScaleOp o) -> Result {
        T factor(o.getFactor().convertToDouble());
        return map(tensor(0), [&](T x) { return x * factor; });
      })
      .template Case<ScaleByOp>([&](auto) -> Result {
        if (failed(needVector(tensor(1), 1)))
          return failure();
        return map(tensor(0), [&](T x) { return x * tensor(1).data[0]; });
      })
      .template Case<AddBiasOp>([&](auto) -> Result {
        if (failed(needVector(tensor(1), tensor(0).width())))
          return failure();
        Tensor<T> result = tensor(0);
        for (int64_t row = 0; row < result.numRows(); ++row)
          for (int64_t j = 0; j < result.width(); ++j)
            result.at(row, j) += tensor(1).data[j];
        return result;
      })
      .template Case<UnaryOp>([&](UnaryOp o) -> Result {
        double alpha = o.getAlpha().convertToDouble();
        return map(tensor(0), [&](T x) { return unary(o.getFn(), x, alpha); });
      })
      .template Case<UnaryGradOp>([&](UnaryGradOp o) {
        double alpha = o.getAlpha().convertToDouble();
        return zip(tensor(0), tensor(1),
                   [&](T x, T g) { return unaryGrad(o.getFn(), x, alpha) * g; });
      })
      .template Case<DropoutOp>([&](DropoutOp o) { return dropout(o); })
      .template Case<LayerNormOp, LayerNormXhatOp, LayerNormGradOp>(
          [&](auto) { return layerNorm(); })
      .template Case<ConcatOp>([&](auto) { return concat(); })
      .template Case<SliceOp>([&](SliceOp o) -> Result {
        const Tensor<T> &x = tensor(0);
        int64_t offset = o.getOffset(), size = o.getSize();
        if (failed(need(offset + size <= x.width(), "the slice is outside the rows")))
          return failure();
        auto result = Tensor<T>::make(x.rows, {size});
        for (int64_t row = 0; row < x.numRows(); ++row)
          for (int64_t j = 0; j < size; ++j)
            result.at(row, j) = x.at(row, offset + j);
        return result;
      })
      .template Case<PadOp>([&](PadOp o) -> Result {
        const Tensor<T> &x = tensor(0);
        int64_t offset = o.getOffset(), size = o.getSize();
        if (failed(need(offset + x.width() <= size, "the rows are wider than the result")))
          return failure();
        auto result = Tensor<T>::make(x.rows, {size});
        for (int64_t row = 0; row < x.numRows(); ++row)
          for (int64_t j = 0; j < x.width(); ++j)
            result.at(row, offset + j) = x.at(row, j);
        return result;
      })
      .template Case<ReshapeOp>([&](ReshapeOp o) -> Result {
        Tensor<T> result = tensor(0);
        result.shape.assign(o.getShape().begin(), o.getShape().end());
        if (failed(need(tensor(0).isParam() && result.width() == int64_t(result.data.size()),
                        "reshape changes how many numbers there are")))
          return failure();
        return result;
      })
      .template Case<ZerosOp>([&](ZerosOp o) -> Result {
        ArrayRef<int64_t> shape = cast<FeatType>(o.getType()).getShape();
        return emptyTerms<T>(o.getMerge(), operands.empty() ? -1 : object<Ids>(0).size(),
                             shape.vec());
      })
      .template Case<SoftmaxXentOp, SoftmaxXentGradOp, SigmoidXentOp, SigmoidXentGradOp>(
          [&](auto) { return computeLoss<T>(op, operands); })
      .template Case<SumSquaresOp>([&](auto) -> Result {
        auto result = Tensor<T>::param({1});
        for (const T &x : tensor(0).data)
          result.data[0] += x * x;
        return result;
      })
      .template Case<ClipFactorOp>([&](ClipFactorOp o) -> Result {
        T sum(0);
        for (unsigned i = 0; i < operands.size(); ++i) {
          if (failed(needVector(tensor(i), 1)))
            return failure();
          sum += tensor(i).data[0];
        }
        auto result = Tensor<T>::param({1});
        T factor = T(o.getMaxNorm().convertToDouble()) / (sqrt(sum) + T(1e-6));
        result.data[0] = valueOf(factor) < 1 ? factor : T(1);
        return result;
      })
      .Default([&](Operation *o) -> Result {
        return o->emitError("the interpreter does not know this op");
      });
}

} // namespace

bool isComputeOp(Operation *op) {
  return isa<GatherSrcOp, GatherDstOp, ReduceDstOp, ReduceSrcOp, ExpandOp, RestrictOp, SelfGatherOp,
             SelfScatterOp, DegreeOp, EdgePositionOp, EdgeConstantOp, EdgeIdsOp, BroadcastRowsOp, OnesOp,
             BatchReduceOp, ColSumOp, LinearOp, LinearGradWeightOp, HeadLinearOp, HeadLinearGradWeightOp, LinearSumOp,
             SparseLinearOp, SparseLinearGradWeightOp, ScaleRowsOp, RowDotOp, AddOp, MulOp, ScaleOp,
             ScaleByOp, AddBiasOp, UnaryOp, UnaryGradOp, DropoutOp, LayerNormOp, LayerNormXhatOp,
             LayerNormGradOp, ConcatOp, SliceOp, PadOp, ReshapeOp, ZerosOp, SoftmaxXentOp,
             SoftmaxXentGradOp, SigmoidXentOp, SigmoidXentGradOp, SumSquaresOp, ClipFactorOp,
             PartialOp, MergeOp, OwnOp, TermOp, TermGradOp, CombineOp, CombinedOp, CombinedGradOp>(
      op);
}

template <class T>
FailureOr<RuntimeValue<T>> compute(Operation *op, ArrayRef<RuntimeValue<T>> operands,
                                   const ComputeContext &context) {
  if (isa<EdgeIdsOp>(op)) {
    const auto &adj = std::get<std::shared_ptr<Adjacency>>(operands[0]);
    auto ids = std::make_shared<Ids>();
    ids->hop = adj->hop;
    ids->ids = adj->edgeId;
    return RuntimeValue<T>(std::shared_ptr<const Ids>(ids));
  }
  FailureOr<Tensor<T>> result = Evaluator<T>(op, operands, context).run();
  if (failed(result))
    return failure();
  return RuntimeValue<T>(std::move(*result));
}

template FailureOr<RuntimeValue<double>> compute(Operation *, ArrayRef<RuntimeValue<double>>,
                                                 const ComputeContext &);
template FailureOr<RuntimeValue<Dual>> compute(Operation *, ArrayRef<RuntimeValue<Dual>>,
                                               const ComputeContext &);

} // namespace heddle::compiler
