//===- ParamNames.cpp - names and initial values of parameters ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/ParamNames.h"

#include <cmath>

using llvm::StringRef;

namespace heddle::compiler {

/// PyG's ModuleDict: torch forbids dots in the key of a submodule. What would make two names meet
/// is written "%XX": '#' and '%' themselves, and underscores that could be taken for a part of
/// "___".
std::string moduleKey(StringRef name) {
  std::string key;
  for (size_t i = 0; i < name.size(); ++i) {
    bool separates = name[i] == '_' &&
                     (i + 1 == name.size() || (i >= 2 && name[i - 1] == '_' && name[i - 2] == '_'));
    if (name[i] == '.')
      key += '#';
    else if (name[i] == '#')
      key += "%23";
    else if (name[i] == '%')
      key += "%25";
    else if (separates)
      key += "%5F";
    else
      key += name[i];
  }
  return key;
}

std::string paramName(int64_t layer, StringRef name, hgnn::Scope scope, const ParamOwner &owner) {
  std::string prefix = "convs." + std::to_string(layer) + ".";
  switch (scope) {
  case hgnn::Scope::Layer:
    return prefix + name.str();
  case hgnn::Scope::Relation:
    return prefix + "convs.<" + moduleKey(owner.source) + "___" + moduleKey(owner.relation) + "___" +
           moduleKey(owner.destination) + ">." + name.str();
  case hgnn::Scope::SourceType:
  case hgnn::Scope::DestinationType: {
    StringRef type = scope == hgnn::Scope::SourceType ? owner.source : owner.destination;
    auto [first, rest] = name.split('.');
    std::string full = prefix + first.str() + "_dict." + moduleKey(type);
    return rest.empty() ? full : full + "." + rest.str();
  }
  }
  return {};
}

StringRef stringifyInitializer(Initializer::Kind kind) {
  switch (kind) {
  case Initializer::Kind::Zeros:
    return "zeros";
  case Initializer::Kind::Constant:
    return "constant";
  case Initializer::Kind::Uniform:
    return "uniform";
  case Initializer::Kind::Normal:
    return "normal";
  }
  return {};
}

std::optional<Initializer::Kind> symbolizeInitializer(StringRef text) {
  for (auto kind : {Initializer::Kind::Zeros, Initializer::Kind::Constant, Initializer::Kind::Uniform,
                    Initializer::Kind::Normal})
    if (text == stringifyInitializer(kind))
      return kind;
  return std::nullopt;
}

/// The number in "function(number)".
static std::optional<double> argumentOf(StringRef text, StringRef function) {
  double value = 0;
  if (!text.consume_front(function) || !text.consume_front("(") || !text.consume_back(")") ||
      text.trim().getAsDouble(value) || !std::isfinite(value) || value < 0)
    return std::nullopt;
  return value;
}

std::optional<Initializer> parseInitializer(StringRef init, llvm::ArrayRef<int64_t> shape) {
  using Kind = Initializer::Kind;
  double fanIn = 0, fanOut = 0;
  if (!shape.empty()) {
    fanOut = double(shape.back());
    // [1, d] is one row of a table: alone it has no fan-in of its own.
    bool matrix = shape.size() >= 2 && !(shape.size() == 2 && shape[0] == 1);
    fanIn = matrix ? double(shape[shape.size() - 2]) : fanOut;
  }
  auto uniform = [](double variance) {
    double bound = std::isfinite(variance) ? std::sqrt(variance) : 0;
    return Initializer{Kind::Uniform, -bound, bound};
  };
  if (init == "zeros")
    return Initializer{Kind::Zeros, 0, 0};
  if (init == "ones")
    return Initializer{Kind::Constant, 1, 0};
  if (init == "xavier_uniform")
    return uniform(6 / (fanIn + fanOut));
  if (init == "kaiming_uniform")
    return uniform(6 / fanIn);
  if (init == "xavier_normal") {
    double deviation = std::sqrt(2 / (fanIn + fanOut));
    return Initializer{Kind::Normal, 0, std::isfinite(deviation) ? deviation : 0};
  }
  if (auto a = argumentOf(init, "uniform"))
    return Initializer{Kind::Uniform, -*a, *a};
  if (auto s = argumentOf(init, "normal"))
    return Initializer{Kind::Normal, 0, *s};
  return std::nullopt;
}

} // namespace heddle::compiler
