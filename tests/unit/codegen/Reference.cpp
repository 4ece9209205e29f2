//===- Reference.cpp - every op as the loop one would write by hand --------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Each op makes a whole array in double; nothing is shared with the code generator.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include "runtime/base/Keys.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/DenseMap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace heddle;
using namespace heddle::test;
using namespace mlir;
using hgnn::FeatType;
using Array = std::vector<double>;

static double unary(hgnn::UnaryFn fn, double x, double alpha) {
  switch (fn) {
  case hgnn::UnaryFn::Relu:
    return x > 0 ? x : 0;
  case hgnn::UnaryFn::Elu:
    return x > 0 ? x : alpha * (std::exp(x) - 1);
  case hgnn::UnaryFn::Tanh:
    return std::tanh(x);
  case hgnn::UnaryFn::Sigmoid:
    return 1 / (1 + std::exp(-x));
  case hgnn::UnaryFn::Gelu:
    return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
  case hgnn::UnaryFn::LeakyRelu:
    return x > 0 ? x : alpha * x;
  case hgnn::UnaryFn::Reciprocal:
    return x == 0 ? 0 : 1 / x;
  case hgnn::UnaryFn::Exp:
    return std::exp(x);
  case hgnn::UnaryFn::Log:
    return std::log(x);
  case hgnn::UnaryFn::Softplus:
    return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
  case hgnn::UnaryFn::Rsqrt:
    return x == 0 ? 0 : 1 / std::sqrt(x);
  }
  return 0;
}
static double unaryGrad(hgnn::UnaryFn fn, double x, double alpha) {
  double t = std::tanh(x), s = 1 / (1 + std::exp(-x));
  switch (fn) {
  case hgnn::UnaryFn::Relu:
    return x > 0;
  case hgnn::UnaryFn::Elu:
    return x > 0 ? 1 : alpha * std::exp(x);
  case hgnn::UnaryFn::Tanh:
    return 1 - t * t;
  case hgnn::UnaryFn::Sigmoid:
    return s * (1 - s);
  case hgnn::UnaryFn::Gelu:
    return 0.5 * (1 + std::erf(x / std::sqrt(2.0))) +
           x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
  case hgnn::UnaryFn::LeakyRelu:
    return x > 0 ? 1 : alpha;
  case hgnn::UnaryFn::Reciprocal:
    return x == 0 ? 0 : -1 / (x * x);
  case hgnn::UnaryFn::Exp:
    return std::exp(x);
  case hgnn::UnaryFn::Log:
    return 1 / x;
  case hgnn::UnaryFn::Softplus:
    return s;
  case hgnn::UnaryFn::Rsqrt:
    return x == 0 ? 0 : -0.5 / (x * std::sqrt(x));
  }
  return 0;
}

static constexpr double infinity = std::numeric_limits<double>::infinity();

/// A row of an empty term: `w` numbers.
static double emptyTerm(hgnn::MergeRule merge, int64_t w, int64_t column) {
  switch (merge) {
  case hgnn::Merge::Max:
    return -infinity;
  case hgnn::Merge::Argmax:
    return column < w / 2 ? -infinity : infinity;
  case hgnn::Merge::Softmax:
    return column >= w - 2 * merge.heads && column < w - merge.heads ? -infinity : 0;
  case hgnn::Merge::Sum:
    break;
  }
  return 0;
}

/// A row of terms merged: `in` are their rows of `w` numbers.
static void mergeTerms(hgnn::MergeRule merge, const std::vector<const double *> &in, double *out,
                       int64_t w) {
  bool argmax = merge == hgnn::Merge::Argmax;
  int64_t n = hgnn::valueWidth(merge, w);
  if (merge == hgnn::Merge::Softmax) {
    for (int64_t head = 0; head < merge.heads; ++head) {
      int64_t m = n + head, s = m + merge.heads;
      double largest = -infinity;
      for (const double *term : in)
        largest = std::max(largest, term[m]);
      auto sum = [&](int64_t j) {
        double total = 0;
        for (const double *term : in)
          total += term[m] == -infinity ? 0 : std::exp(term[m] - largest) * term[j];
        return total;
      };
      for (int64_t j = head * (n / merge.heads); j < (head + 1) * (n / merge.heads); ++j)
        out[j] = sum(j);
      out[m] = largest;
      out[s] = sum(s);
    }
    return;
  }
  for (int64_t j = 0; j < n; ++j) {
    double best = -infinity, from = infinity;
    for (const double *term : in)
      if (term[j] > best || (argmax && term[j] == best && term[n + j] < from)) {
        best = term[j];
        from = argmax ? term[n + j] : 0;
      }
    out[j] = best;
    if (argmax)
      out[n + j] = from;
  }
}

/// One row of an op on terms; `in` are the operands' rows, `widths` how long they are.
static void rowOfTerms(Operation *op, const std::vector<const double *> &in,
                       const std::vector<int64_t> &widths, double *out, int64_t w) {
  hgnn::MergeRule merge = cast<hgnn::MergeAttr>(op->getAttr("merge")).getValue();
  bool softmax = merge == hgnn::Merge::Softmax, argmax = merge == hgnn::Merge::Argmax;
  auto link = op->getAttrOfType<IntegerAttr>("link");
  int64_t heads = merge.heads;
  if (isa<hgnn::TermOp>(op)) {
    int64_t n = widths[0];
    for (int64_t j = 0; j < n; ++j) {
      out[j] = in[0][j];
      if (argmax)
        out[n + j] = in.size() > 1 ? in[1][0] : double(link.getInt());
    }
    for (int64_t head = 0; softmax && head < heads; ++head) {
      out[n + head] = in[1][head];
      out[n + heads + head] = 1;
    }
  } else if (isa<hgnn::CombineOp>(op)) {
    mergeTerms(merge, in, out, w);
  } else if (isa<hgnn::CombinedOp>(op)) {
    for (int64_t j = 0; j < w; ++j) {
      double s = softmax ? in[0][w + heads + j / (w / heads)] : 1;
      out[j] = softmax ? (s == 0 ? 0 : in[0][j] / s) : (in[0][j] == -infinity ? 0 : in[0][j]);
    }
  } else if (isa<hgnn::CombinedGradOp>(op)) {
    int64_t n = widths[0], size = n / heads;
    for (int64_t j = 0; argmax && j < n; ++j) {
      out[j] = in[1][j] == -infinity ? 0 : in[0][j];
      out[n + j] = in[1][n + j];
    }
    for (int64_t head = 0; softmax && head < heads; ++head) {
      double dot = 0, s = in[1][n + heads + head];
      for (int64_t j = head * size; j < (head + 1) * size; ++j) {
        out[j] = s == 0 ? 0 : in[0][j] / s;
        dot += in[0][j] * in[1][j];
      }
      out[n + head] = in[1][n + head];
      out[n + heads + head] = s == 0 ? 0 : -dot / (s * s);
    }
  } else if (argmax) { // term_grad
    double own = in.size() > 1 ? in[1][0] : double(link.getInt());
    for (int64_t j = 0; j < w; ++j)
      out[j] = in[0][w + j] == own ? in[0][j] : 0;
  } else {
    int64_t n = widths[0] - 2 * heads, size = n / heads;
    for (int64_t head = 0; head < heads; ++head) {
      double m = in[0][n + head], score = in[1][head];
      double weight = score != -infinity ? std::exp(score - m) : 0, dot = 0;
      for (int64_t j = head * size; j < (head + 1) * size; ++j)
        if (in.size() == 3)
          dot += in[0][j] * in[2][j];
        else
          out[j] = weight * in[0][j];
      if (in.size() == 3)
        out[head] = weight * (dot + in[0][n + heads + head]);
    }
  }
}

Arrays test::reference(hgnn::KernelOp kernel, const Inputs &in, const Counts &counts) {
  Block &body = kernel.getBody().front();
  llvm::DenseMap<Value, Array> values;
  for (BlockArgument argument : body.getArguments())
    if (isa<FeatType>(argument.getType())) {
      const auto &data = in.data.at(int(argument.getArgNumber()));
      values[argument] = Array(data.begin(), data.end());
    }
  auto number = [](Value value) { return int(cast<BlockArgument>(value).getArgNumber()); };
  auto widthOf = [](Value value) { return cast<FeatType>(value.getType()).getWidth(); };
  for (Operation &operation : body) {
    Operation *op = &operation;
    if (isa<hgnn::YieldOp>(op))
      break;
    Value result = op->getResult(0);
    auto type = cast<FeatType>(result.getType());
    int64_t w = widthOf(result);
    int64_t rows = type.getDomain().isParam() ? type.getWidth() / w
                                              : countOf(type.getDomain(), counts, in, kernel);
    Array out(size_t(rows * w), 0.0);
    auto input = [&](unsigned i) -> const Array & { return values[op->getOperand(i)]; };
    auto attr = [&](const char *name) {
      return cast<FloatAttr>(op->getAttr(name)).getValueAsDouble();
    };
    auto adj = [&](unsigned i) -> const Adjacency & {
      return in.adjacencies.at(number(op->getOperand(i)));
    };
    auto copyRow = [&](const Array &from, int64_t fromRow, int64_t toRow, bool add) {
      for (int64_t j = 0; j < w; ++j) {
        double &to = out[size_t(toRow * w + j)];
        to = (add ? to : 0) + from[size_t(fromRow * w + j)];
      }
    };
    auto each = [&](auto fn) {
      for (size_t i = 0; i < out.size(); ++i)
        out[i] = fn(i);
    };

    if (isa<hgnn::GatherSrcOp>(op)) {
      for (int64_t e = 0; e < adj(1).edges(); ++e)
        copyRow(input(0), adj(1).inSrc[size_t(e)], e, false);
    } else if (auto reduce = dyn_cast<hgnn::ReduceDstOp>(op);
               reduce && !(reduce.getMerge() == hgnn::Merge::Sum)) {
      for (int64_t d = 0; d < adj(1).active(); ++d) {
        std::vector<const double *> terms;
        for (int64_t e = adj(1).inPtr[size_t(d)]; e < adj(1).inPtr[size_t(d) + 1]; ++e)
          terms.push_back(input(0).data() + e * w);
        mergeTerms(reduce.getMerge(), terms, out.data() + d * w, w);
      }
    } else if (isa<hgnn::EdgePositionOp>(op)) {
      for (int64_t d = 0; d < adj(0).active(); ++d)
        for (int64_t e = adj(0).inPtr[size_t(d)]; e < adj(0).inPtr[size_t(d) + 1]; ++e)
          out[size_t(e)] = double(e - adj(0).inPtr[size_t(d)]);
    } else if (isa<hgnn::GatherDstOp, hgnn::ReduceDstOp>(op)) {
      bool gather = isa<hgnn::GatherDstOp>(op);
      for (int64_t d = 0; d < adj(1).active(); ++d)
        for (int64_t e = adj(1).inPtr[size_t(d)]; e < adj(1).inPtr[size_t(d) + 1]; ++e)
          gather ? copyRow(input(0), d, e, false) : copyRow(input(0), e, d, true);
    } else if (isa<hgnn::ReduceSrcOp>(op)) {
      for (int64_t e = 0; e < adj(1).edges(); ++e)
        copyRow(input(0), e, adj(1).inSrc[size_t(e)], true);
    } else if (auto expand = dyn_cast<hgnn::ExpandOp>(op)) {
      each([&](size_t i) { return emptyTerm(expand.getMerge(), w, int64_t(i) % w); });
      for (int64_t d = 0; d < adj(1).active(); ++d)
        copyRow(input(0), d, adj(1).dstPos[size_t(d)], false);
    } else if (isa<hgnn::RestrictOp>(op)) {
      for (int64_t d = 0; d < adj(1).active(); ++d)
        copyRow(input(0), adj(1).dstPos[size_t(d)], d, false);
    } else if (isa<hgnn::SelfGatherOp>(op)) {
      const auto &pos = in.selfPos.at(number(op->getOperand(1)));
      for (size_t i = 0; i < pos.size(); ++i)
        copyRow(input(0), pos[i], int64_t(i), false);
    } else if (isa<hgnn::SelfScatterOp>(op)) {
      const auto &pos = in.selfPos.at(number(op->getOperand(1)));
      for (size_t i = 0; i < pos.size(); ++i)
        copyRow(input(0), int64_t(i), pos[i], false);
    } else if (isa<hgnn::DegreeOp>(op)) {
      each([&](size_t d) { return double(adj(0).inPtr[d + 1] - adj(0).inPtr[d]); });
    } else if (isa<hgnn::BroadcastRowsOp>(op)) {
      each([&](size_t i) { return input(0)[i % size_t(w)]; });
    } else if (isa<hgnn::OnesOp>(op)) {
      each([&](size_t) { return 1.0; });
    } else if (isa<hgnn::ColSumOp>(op)) {
      for (size_t i = 0; i < input(0).size(); ++i)
        out[i % size_t(w)] += input(0)[i];
    } else if (isa<hgnn::SumSquaresOp>(op)) {
      for (double x : input(0))
        out[0] += x * x;
    } else if (auto clip = dyn_cast<hgnn::ClipFactorOp>(op)) {
      double sum = 0;
      for (unsigned i = 0; i < op->getNumOperands(); ++i)
        sum += input(i)[0];
      out[0] = std::min(1.0, attr("max_norm") / (std::sqrt(sum) + 1e-6));
    } else if (isa<hgnn::SparseLinearOp>(op)) {
      const SparseRows &s = in.sparse.at(number(op->getOperand(0)));
      for (int64_t i = 0; i < s.rows; ++i)
        for (int64_t p = s.ptr[size_t(i)]; p < s.ptr[size_t(i) + 1]; ++p)
          for (int64_t j = 0; j < w; ++j)
            out[size_t(i * w + j)] +=
                double(s.val[size_t(p)]) * input(1)[size_t(s.idx[size_t(p)] * w + j)];
    } else if (isa<hgnn::SparseLinearGradWeightOp>(op)) {
      const SparseRows &s = in.sparse.at(number(op->getOperand(0)));
      int64_t n = widthOf(op->getOperand(1));
      for (int64_t i = 0; i < s.rows; ++i)
        for (int64_t p = s.ptr[size_t(i)]; p < s.ptr[size_t(i) + 1]; ++p)
          for (int64_t j = 0; j < n; ++j)
            out[size_t(s.idx[size_t(p)] * n + j)] +=
                double(s.val[size_t(p)]) * input(1)[size_t(i * n + j)];
    } else if (isa<hgnn::ScaleRowsOp>(op)) {
      auto number = [&](unsigned i, int64_t row, int64_t column) { // a param is the same for all rows
        int64_t width = widthOf(op->getOperand(i));
        return input(i)[size_t(int64_t(input(i).size()) == width ? column : row * width + column)];
      };
      int64_t heads = widthOf(op->getOperand(1));
      each([&](size_t i) {
        int64_t row = int64_t(i) / w, column = int64_t(i) % w;
        return number(0, row, column) * number(1, row, column / (w / heads));
      });
    } else if (auto dot = dyn_cast<hgnn::RowDotOp>(op)) {
      int64_t width = widthOf(op->getOperand(0)), size = width / int64_t(dot.getHeads());
      for (size_t i = 0; i < input(0).size(); ++i)
        out[i / size_t(size)] += input(0)[i] * input(1)[i % input(1).size()];
    } else if (isa<hgnn::AddOp>(op)) {
      for (unsigned k = 0; k < op->getNumOperands(); ++k)
        for (size_t i = 0; i < out.size(); ++i)
          out[i] += input(k)[i];
    } else if (isa<hgnn::MulOp>(op)) {
      each([&](size_t i) { return input(0)[i] * input(1)[i]; });
    } else if (isa<hgnn::ScaleOp>(op)) {
      each([&](size_t i) { return input(0)[i] * attr("factor"); });
    } else if (isa<hgnn::ScaleByOp>(op)) {
      each([&](size_t i) { return input(0)[i] * input(1)[0]; });
    } else if (isa<hgnn::AddBiasOp>(op)) {
      each([&](size_t i) { return input(0)[i] + input(1)[i % size_t(w)]; });
    } else if (auto u = dyn_cast<hgnn::UnaryOp>(op)) {
      each([&](size_t i) { return unary(u.getFn(), input(0)[i], u.getAlpha().convertToDouble()); });
    } else if (auto u = dyn_cast<hgnn::UnaryGradOp>(op)) {
      each([&](size_t i) {
        return unaryGrad(u.getFn(), input(0)[i], u.getAlpha().convertToDouble()) * input(1)[i];
      });
    } else if (auto dropout = dyn_cast<hgnn::DropoutOp>(op)) {
      auto ids = cast<hgnn::IdsType>(op->getOperand(1).getType());
      uint64_t seed = uint64_t(in.keys[1]) << 32 | in.keys[0];
      int64_t heads = int64_t(dropout.getHeads()), together = heads ? w / heads : 1;
      each([&](size_t i) {
        bool kept =
            keys::dropoutKeeps(seed, in.keys[2], uint32_t(ids.getDomain().getHop()),
                               uint32_t(int64_t(dropout.getSite())),
                               uint64_t(in.ids.at(number(op->getOperand(1)))[i / size_t(w)]),
                               uint32_t(int64_t(i % size_t(w)) / together), keys::dropoutThreshold(attr("p")));
        return kept ? input(0)[i] / (1 - attr("p")) : 0.0;
      });
    } else if (isa<hgnn::LayerNormOp, hgnn::LayerNormXhatOp, hgnn::LayerNormGradOp>(op)) {
      for (int64_t i = 0; i < rows; ++i) {
        const double *x = input(0).data() + i * w;
        double mean = 0, var = 0, meanD = 0, meanDh = 0;
        for (int64_t j = 0; j < w; ++j)
          mean += x[j] / double(w);
        for (int64_t j = 0; j < w; ++j)
          var += (x[j] - mean) * (x[j] - mean) / double(w);
        double rstd = 1 / std::sqrt(var + attr("eps"));
        auto h = [&](int64_t j) { return (x[j] - mean) * rstd; };
        bool grad = isa<hgnn::LayerNormGradOp>(op);
        auto d = [&](int64_t j) { return input(1)[size_t(j)] * input(2)[size_t(i * w + j)]; };
        for (int64_t j = 0; grad && j < w; ++j) {
          meanD += d(j) / double(w);
          meanDh += d(j) * h(j) / double(w);
        }
        for (int64_t j = 0; j < w; ++j)
          out[size_t(i * w + j)] = grad ? rstd * (d(j) - meanD - h(j) * meanDh)
                                   : isa<hgnn::LayerNormOp>(op)
                                       ? h(j) * input(1)[size_t(j)] + input(2)[size_t(j)]
                                       : h(j);
      }
    } else if (isa<hgnn::ConcatOp>(op)) {
      int64_t offset = 0;
      for (unsigned k = 0; k < op->getNumOperands(); ++k) {
        int64_t own = widthOf(op->getOperand(k));
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < own; ++j)
            out[size_t(i * w + offset + j)] = input(k)[size_t(i * own + j)];
        offset += own;
      }
    } else if (auto slice = dyn_cast<hgnn::SliceOp>(op)) {
      int64_t width = widthOf(op->getOperand(0));
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < w; ++j)
          out[size_t(i * w + j)] = input(0)[size_t(i * width + int64_t(slice.getOffset()) + j)];
    } else if (auto pad = dyn_cast<hgnn::PadOp>(op)) {
      int64_t width = widthOf(op->getOperand(0));
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < width; ++j)
          out[size_t(i * w + int64_t(pad.getOffset()) + j)] = input(0)[size_t(i * width + j)];
    } else if (isa<hgnn::ReshapeOp>(op)) {
      out = input(0);
    } else if (isa<hgnn::SoftmaxXentOp, hgnn::SoftmaxXentGradOp, hgnn::SigmoidXentOp,
                   hgnn::SigmoidXentGradOp>(op)) {
      int64_t c = widthOf(op->getOperand(0));
      auto weights = op->getAttrOfType<DenseF64ArrayAttr>("class_weights");
      auto weight = [&](int64_t j) { return weights ? weights[unsigned(j)] : 1.0; };
      int labels = number(op->getOperand(1));
      bool softmax = isa<hgnn::SoftmaxXentOp, hgnn::SoftmaxXentGradOp>(op);
      bool grad = isa<hgnn::SoftmaxXentGradOp, hgnn::SigmoidXentGradOp>(op);
      int64_t n = int64_t(input(0).size()) / c;
      for (int64_t i = 0; i < n; ++i) {
        const double *z = input(0).data() + i * c;
        int64_t label = in.classes.at(labels)[size_t(i)];
        if (softmax ? label < 0 : in.labelMask.at(labels)[size_t(i)] == 0)
          continue;
        double sum = 0, loss = 0;
        for (int64_t j = 0; j < c; ++j)
          sum += std::exp(z[j]);
        for (int64_t j = 0; j < c; ++j) {
          double y = softmax ? double(j == label) : in.multiLabels.at(labels)[size_t(i * c + j)];
          double p = softmax ? std::exp(z[j]) / sum : 1 / (1 + std::exp(-z[j]));
          if (softmax && grad)
            out[size_t(i * c + j)] = weight(label) * (p - y) * input(2)[size_t(i)];
          else if (softmax)
            loss -= y * weight(label) * std::log(p);
          else if (grad)
            out[size_t(i * c + j)] =
                (weight(j) * y * (p - 1) + (1 - y) * p) / double(c) * input(2)[size_t(i)];
          else
            loss += (weight(j) * y * std::log1p(std::exp(-z[j])) +
                     (1 - y) * std::log1p(std::exp(z[j]))) /
                    double(c);
        }
        if (!grad)
          out[size_t(i)] = loss;
      }
    } else if (auto zeros = dyn_cast<hgnn::ZerosOp>(op)) {
      each([&](size_t i) { return emptyTerm(zeros.getMerge(), w, int64_t(i) % w); });
    } else if (isa<hgnn::TermOp, hgnn::CombineOp, hgnn::CombinedOp, hgnn::CombinedGradOp,
                   hgnn::TermGradOp>(op)) {
      for (int64_t i = 0; i < rows; ++i) {
        std::vector<const double *> in;
        std::vector<int64_t> widths;
        for (unsigned k = 0; k < op->getNumOperands(); ++k) {
          widths.push_back(widthOf(op->getOperand(k)));
          in.push_back(input(k).data() + i * widths.back());
        }
        rowOfTerms(op, in, widths, out.data() + i * w, w);
      }
    } else {
      ADD_FAILURE() << "no reference for " << op->getName().getStringRef().str();
    }
    values[result] = out;
  }
  Arrays results;
  for (Value value : cast<hgnn::YieldOp>(body.back()).getValues())
    results.push_back(values[value]);
  return results;
}
