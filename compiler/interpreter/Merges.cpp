//===- Merges.cpp - terms of merges that are no sum ------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/interpreter/Merges.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace heddle::hgnn;
using llvm::FailureOr;

namespace heddle::compiler {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// e^(score - largest), of a score that takes no part 0: infinities are never subtracted.
template <class T> T weightOf(const T &score, const T &largest) {
  return valueOf(score) == -infinity ? T(0) : exp(score - largest);
}

/// Whether b is the larger number, or as large and of a lower relation. Not a number is larger than
/// all.
bool wins(double b, double relationOfB, double a, double relationOfA) {
  if (std::isnan(a))
    return false;
  return std::isnan(b) || b > a || (b == a && relationOfB < relationOfA);
}

LogicalResult need(Operation *op, bool ok, const Twine &what) {
  return ok ? success() : LogicalResult(op->emitError("interpreting: ") << what);
}

} // namespace

template <class T> Tensor<T> emptyTerms(MergeRule merge, int64_t rows, std::vector<int64_t> shape) {
  auto result = Tensor<T>::make(rows, std::move(shape));
  int64_t width = result.width(), n = valueWidth(merge, width);
  for (int64_t row = 0; row < result.numRows() && merge.kind != Merge::Sum; ++row)
    for (int64_t j = 0; j < width; ++j)
      if (merge.kind != Merge::Softmax)
        result.at(row, j) = T(j < n ? -infinity : infinity);
      else if (j >= n && j < n + merge.heads)
        result.at(row, j) = T(-infinity);
  return result;
}

/// Merges row `from` of `term` into row `row` of `into`.
template <class T>
static void mergeRow(MergeRule merge, Tensor<T> &into, int64_t row, const Tensor<T> &term,
                     int64_t from) {
  int64_t n = valueWidth(merge, into.width());
  for (int64_t h = 0; h < merge.heads && merge.kind == Merge::Softmax; ++h) {
    int64_t m = n + h, s = n + merge.heads + h, size = n / merge.heads;
    T a = into.at(row, m), b = term.at(from, m);
    T largest = valueOf(b) > valueOf(a) ? b : a;
    T wa = weightOf(a, largest), wb = weightOf(b, largest);
    auto add = [&](int64_t j) { into.at(row, j) = wa * into.at(row, j) + wb * term.at(from, j); };
    for (int64_t j = h * size; j < (h + 1) * size; ++j)
      add(j);
    add(s);
    into.at(row, m) = largest;
  }
  for (int64_t j = 0; j < n && merge.kind != Merge::Softmax; ++j) {
    bool indexed = merge.kind == Merge::Argmax;
    if (merge.kind == Merge::Sum) {
      into.at(row, j) += term.at(from, j);
    } else if (wins(valueOf(term.at(from, j)), indexed ? valueOf(term.at(from, n + j)) : 0,
                    valueOf(into.at(row, j)), indexed ? valueOf(into.at(row, n + j)) : 0)) {
      into.at(row, j) = term.at(from, j);
      if (indexed)
        into.at(row, n + j) = term.at(from, n + j);
    }
  }
}

template <class T>
void mergeInto(MergeRule merge, Tensor<T> &into, const Tensor<T> &term, int64_t first,
               int64_t last) {
  for (int64_t row = first; row < last; ++row)
    mergeRow(merge, into, row, term, row);
}

template <class T>
Tensor<T> mergeEdges(MergeRule merge, const Tensor<T> &terms,
                     const std::vector<int64_t> &activeOfEdge, int64_t actives) {
  Tensor<T> result = emptyTerms<T>(merge, actives, terms.shape);
  for (int64_t edge = 0; edge < int64_t(activeOfEdge.size()); ++edge)
    mergeRow(merge, result, activeOfEdge[edge], terms, edge);
  return result;
}

/// `operands` of a term: x, or x and its scores or where it comes from.
template <class T> static Tensor<T> makeTerm(TermOp op, ArrayRef<const Tensor<T> *> operands) {
  const Tensor<T> &x = *operands[0];
  int64_t n = x.width(), heads = op.getMerge().heads;
  auto result = Tensor<T>::make(x.rows, {termWidth(op.getMerge(), n)});
  for (int64_t row = 0; row < x.numRows(); ++row) {
    for (int64_t j = 0; j < n; ++j) {
      result.at(row, j) = x.at(row, j);
      if (op.getMerge() == Merge::Argmax)
        result.at(row, n + j) =
            operands.size() > 1 ? operands[1]->at(row, 0) : T(double(int64_t(op.getLink())));
    }
    for (int64_t h = 0; h < heads && op.getMerge() == Merge::Softmax; ++h) {
      result.at(row, n + h) = operands[1]->at(row, h);
      result.at(row, n + heads + h) = T(1);
    }
  }
  return result;
}

/// The gradient of terms and, of softmax, the score and perhaps the value; of argmax over edges the
/// position.
template <class T>
static Tensor<T> termGradient(TermGradOp op, ArrayRef<const Tensor<T> *> operands) {
  const Tensor<T> &g = *operands[0];
  int64_t n = valueWidth(op.getMerge(), g.width()), heads = op.getMerge().heads, size = n / heads;
  bool ofScore = operands.size() == 3;
  auto result = Tensor<T>::make(g.rows, {ofScore ? heads : n});
  for (int64_t row = 0; row < g.numRows(); ++row) {
    if (op.getMerge() == Merge::Argmax) {
      double own =
          operands.size() > 1 ? valueOf(operands[1]->at(row, 0)) : double(int64_t(op.getLink()));
      for (int64_t j = 0; j < n; ++j)
        if (valueOf(g.at(row, n + j)) == own)
          result.at(row, j) = g.at(row, j);
      continue;
    }
    for (int64_t h = 0; h < heads; ++h) {
      T w = weightOf(operands[1]->at(row, h), g.at(row, n + h));
      // The sum of products first: where one message has all the weight, the two cancel to the bit.
      T dot(0);
      for (int64_t j = h * size; j < (h + 1) * size; ++j)
        if (ofScore)
          dot += g.at(row, j) * operands[2]->at(row, j);
        else
          result.at(row, j) = w * g.at(row, j);
      if (ofScore)
        result.at(row, h) = w * (dot + g.at(row, n + heads + h));
    }
  }
  return result;
}

template <class T> static Tensor<T> valueOfTerms(MergeRule merge, const Tensor<T> &terms) {
  int64_t n = valueWidth(merge, terms.width()), size = n / merge.heads;
  auto result = Tensor<T>::make(terms.rows, {n});
  for (int64_t row = 0; row < terms.numRows(); ++row)
    for (int64_t j = 0; j < n; ++j) {
      T x = terms.at(row, j);
      int64_t s = n + merge.heads + j / size;
      if (merge.kind != Merge::Softmax)
        result.at(row, j) = valueOf(x) == -infinity ? T(0) : x;
      else if (valueOf(terms.at(row, s)) != 0)
        result.at(row, j) = x / terms.at(row, s);
    }
  return result;
}

template <class T>
static Tensor<T> gradientOfTerms(MergeRule merge, const Tensor<T> &grad, const Tensor<T> &merged) {
  Tensor<T> result = merged; // winners, largest scores
  int64_t n = grad.width(), size = n / merge.heads;
  for (int64_t row = 0; row < merged.numRows(); ++row) {
    if (merge.kind == Merge::Argmax) {
      for (int64_t j = 0; j < n; ++j)
        result.at(row, j) = valueOf(merged.at(row, j)) == -infinity ? T(0) : grad.at(row, j);
      continue;
    }
    for (int64_t h = 0; h < merge.heads; ++h) {
      T s = merged.at(row, n + merge.heads + h), dot(0);
      bool empty = valueOf(s) == 0;
      for (int64_t j = h * size; j < (h + 1) * size; ++j) {
        result.at(row, j) = empty ? T(0) : grad.at(row, j) / s;
        dot += result.at(row, j) * merged.at(row, j);
      }
      result.at(row, n + merge.heads + h) = empty ? T(0) : -dot / s;
    }
  }
  return result;
}

template <class T>
FailureOr<Tensor<T>> computeMerge(Operation *op, ArrayRef<const Tensor<T> *> operands) {
  for (const Tensor<T> *operand : operands)
    if (failed(need(op, operand->rows == operands[0]->rows, "operands differ in rows")))
      return failure();
  MergeRule merge = op->getAttrOfType<MergeAttr>("merge").getValue();
  int64_t width = operands[0]->width();
  if (auto term = dyn_cast<TermOp>(op)) {
    if (failed(need(op, operands.size() == 1 || operands[1]->width() == merge.heads,
                    "a score has one number for each head")))
      return failure();
    return makeTerm(term, operands);
  }
  if (auto gradient = dyn_cast<CombinedGradOp>(op)) {
    if (failed(need(op, operands[1]->width() == termWidth(merge, width),
                    "the gradient is not as wide as the value of the terms")))
      return failure();
    return gradientOfTerms(merge, *operands[0], *operands[1]);
  }
  if (failed(need(op, valueWidth(merge, width) > 0, "the rows are too narrow for terms")))
    return failure();
  if (auto gradient = dyn_cast<TermGradOp>(op)) {
    if (failed(need(op, operands.size() < 3 || operands[2]->width() == valueWidth(merge, width),
                    "the value is not as wide as that of the terms")))
      return failure();
    return termGradient(gradient, operands);
  }
  if (isa<CombinedOp>(op))
    return valueOfTerms(merge, *operands[0]);
  Tensor<T> result = *operands[0];
  for (const Tensor<T> *operand : operands.drop_front()) {
    if (failed(need(op, operand->width() == width, "operands differ in width")))
      return failure();
    mergeInto(merge, result, *operand, 0, result.numRows());
  }
  return result;
}

template Tensor<double> emptyTerms(MergeRule, int64_t, std::vector<int64_t>);
template Tensor<Dual> emptyTerms(MergeRule, int64_t, std::vector<int64_t>);
template void mergeInto(MergeRule, Tensor<double> &, const Tensor<double> &, int64_t, int64_t);
template void mergeInto(MergeRule, Tensor<Dual> &, const Tensor<Dual> &, int64_t, int64_t);
template Tensor<double> mergeEdges(MergeRule, const Tensor<double> &, const std::vector<int64_t> &,
                                   int64_t);
template Tensor<Dual> mergeEdges(MergeRule, const Tensor<Dual> &, const std::vector<int64_t> &,
                                 int64_t);
template FailureOr<Tensor<double>> computeMerge(Operation *, ArrayRef<const Tensor<double> *>);
template FailureOr<Tensor<Dual>> computeMerge(Operation *, ArrayRef<const Tensor<Dual> *>);

} // namespace heddle::compiler
