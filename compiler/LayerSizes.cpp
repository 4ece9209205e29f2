//===- LayerSizes.cpp - what texts of a layer program stand for ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/LayerSizes.h"

#include "runtime/base/Suggest.h"

#include "llvm/ADT/StringExtras.h"

#include <cmath>
#include <cstdio>
#include <functional>
#include <optional>

using namespace mlir;
using namespace heddle::hgnn;
using llvm::FailureOr;

namespace heddle::compiler {
namespace {

/// Recursive descent over one expression; the first error ends it.
class Expression {
public:
  using Lookup = std::function<std::optional<double>(StringRef name, std::string &error)>;
  Expression(StringRef text, Lookup lookup) : rest(text), lookup(std::move(lookup)) {}

  std::optional<double> run() {
    double value = sum();
    if (error.empty() && !rest.trim().empty())
      error = "has '" + rest.trim().str() + "' after its end";
    if (error.empty() && !std::isfinite(value))
      error = "gives no finite number";
    return error.empty() ? std::optional<double>(value) : std::nullopt;
  }
  std::string error;

private:
  bool take(char c) {
    rest = rest.ltrim();
    return rest.consume_front(StringRef(&c, 1));
  }
  double sum() {
    double value = product();
    while (error.empty())
      if (take('+'))
        value += product();
      else if (take('-'))
        value -= product();
      else
        break;
    return value;
  }
  double product() {
    double value = factor();
    while (error.empty())
      if (take('*')) {
        value *= factor();
      } else if (take('/')) {
        double divisor = factor();
        if (error.empty() && divisor == 0)
          error = "divides by zero";
        value /= divisor;
      } else {
        break;
      }
    return value;
  }
  double bracketed() {
    double value = sum();
    if (error.empty() && !take(')'))
      error = "lacks a ')'";
    return value;
  }
  double factor() {
    rest = rest.ltrim();
    if (take('-'))
      return -factor();
    if (take('('))
      return bracketed();
    if (rest.empty()) {
      error = "ends where a number or name should be";
      return 0;
    }
    if (llvm::isDigit(rest.front()) || rest.front() == '.')
      return number();
    StringRef name = rest.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
    if (name.empty()) {
      error = "has '" + rest.take_front(1).str() + "' where a number or name should be";
      return 0;
    }
    rest = rest.drop_front(name.size());
    if (name == "sqrt" && take('(')) {
      double value = bracketed();
      if (error.empty() && value < 0)
        error = "takes the root of a negative number";
      return std::sqrt(value);
    }
    return lookup(name, error).value_or(0);
  }
  double number() {
    size_t length = 0;
    while (length < rest.size() &&
           (llvm::isAlnum(rest[length]) || rest[length] == '.' ||
            ((rest[length] == '-' || rest[length] == '+') && (rest[length - 1] | 32) == 'e')))
      ++length;
    double value = 0;
    if (rest.take_front(length).getAsDouble(value))
      error = "has '" + rest.take_front(length).str() + "', which is no number";
    rest = rest.drop_front(length);
    return value;
  }

  StringRef rest;
  Lookup lookup;
};

/// A name of a layer: one of its sizes, or an argument.
std::optional<double> valueOfName(LayerOp layer, StringRef name, std::string &error) {
  std::vector<std::string> known;
  if (layer) {
    if (name == "in")
      return double(layer.getInSize());
    if (name == "out")
      return double(layer.getOutSize());
    known = {"in", "out"};
    if (auto args = layer->getAttrOfType<DictionaryAttr>("args")) {
      Attribute value = args.get(name);
      if (auto number = dyn_cast_or_null<IntegerAttr>(value))
        return double(number.getType().isInteger(1) ? number.getValue().getZExtValue()
                                                    : number.getInt());
      if (auto number = dyn_cast_or_null<FloatAttr>(value))
        return number.getValueAsDouble();
      if (value) {
        error = "names the argument '" + name.str() + "', which is no number";
        return std::nullopt;
      }
      for (NamedAttribute arg : args)
        known.push_back(arg.getName().str());
    }
  }
  error = "names '" + name.str() + "'" + suggestion(name.str(), known);
  if (layer && nearestName(name.str(), known).empty())
    error += "; a layer declares its arguments, with their defaults, in `args`";
  return std::nullopt;
}

} // namespace

FailureOr<double> evaluateNumber(Operation *op, StringRef text, LayerOp layer) {
  Expression expression(
      text, [&](StringRef name, std::string &error) { return valueOfName(layer, name, error); });
  if (std::optional<double> value = expression.run())
    return *value;
  InFlightDiagnostic error = op->emitError("\"") << text << "\" " << expression.error;
  if (!StringRef(expression.error).contains("; "))
    error
        << "; an expression is of numbers, +, -, *, /, brackets and sqrt over \"in\", \"out\" and "
           "the layer's arguments";
  return error;
}

FailureOr<int64_t> evaluateSize(Operation *op, Attribute size, LayerOp layer) {
  constexpr double largest = double(int64_t(1) << 40);
  double value = 0;
  if (auto number = dyn_cast<IntegerAttr>(size)) {
    value = double(number.getInt());
  } else if (auto text = dyn_cast<StringAttr>(size)) {
    FailureOr<double> number = evaluateNumber(op, text.getValue(), layer);
    if (failed(number))
      return failure();
    value = *number;
  }
  if (value >= 1 && value <= largest && value == std::floor(value))
    return int64_t(value);
  InFlightDiagnostic error = op->emitError("a size is a whole number of at least 1, got ") << size;
  if (isa<StringAttr>(size)) {
    char text[32];
    std::snprintf(text, sizeof(text), "%g", value);
    error << " = " << std::string(text); // a copy: the diagnostic outlives the buffer
  }
  error << "; ";
  if (value != std::floor(value))
    error << "choose arguments and sizes that divide";
  else
    error << "write how many numbers there are";
  if (layer)
    error << " (\"in\" is " << layer.getInSize() << ", \"out\" is " << layer.getOutSize() << ")";
  return error;
}

/// The numbers of one op that are texts.
static LogicalResult evaluateTexts(Operation *op, LayerOp layer) {
  for (StringRef name : {"heads", "factor", "alpha", "p"}) {
    auto text = dyn_cast_or_null<StringAttr>(op->getAttr(name));
    if (!text || isa<ParamOp>(op))
      continue;
    Builder builder(op->getContext());
    Attribute value;
    if (name == "heads") {
      FailureOr<int64_t> count = evaluateSize(op, text, layer);
      if (succeeded(count))
        value = builder.getI64IntegerAttr(*count);
    } else {
      FailureOr<double> number = evaluateNumber(op, text.getValue(), layer);
      if (succeeded(number))
        value = builder.getF64FloatAttr(*number);
    }
    if (!value)
      return failure();
    op->setAttr(name, value);
  }
  auto merge = dyn_cast_or_null<MergeAttr>(op->getAttr("merge"));
  if (!merge || !merge.getExpression())
    return success();
  FailureOr<int64_t> heads = evaluateSize(op, merge.getExpression(), layer);
  if (failed(heads))
    return failure();
  op->setAttr("merge", MergeAttr::get(op->getContext(), MergeRule(merge.getKind(), *heads)));
  return success();
}

LogicalResult evaluateLayer(LayerOp layer) {
  for (Region *region : {&layer.getMessage(), &layer.getSelf(), &layer.getUpdate()})
    for (Operation &op : region->getOps()) {
      if (failed(evaluateTexts(&op, layer)))
        return failure();
      auto inference = dyn_cast<InferTypeOpInterface>(op);
      if (!inference)
        continue;
      SmallVector<Type> types;
      if (failed(inference.inferReturnTypes(op.getContext(), op.getLoc(), op.getOperands(),
                                            op.getDiscardableAttrDictionary(),
                                            op.getPropertiesStorage(), {}, types)))
        return failure();
      for (auto [result, type] : llvm::zip_equal(op.getResults(), types))
        result.setType(type);
    }
  return success();
}

} // namespace heddle::compiler
