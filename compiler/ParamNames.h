//===- ParamNames.h - names and initial values of parameters ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A hgnn.param says a short name and who shares it; the states that come of it have full names, which
// key initial values, checkpoints and exported tensors. Unrolling and the reference interpreter of
// the model phase must agree on them, so they are made here only.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_PARAMNAMES_H
#define HEDDLE_COMPILER_PARAMNAMES_H

#include "dialects/hgnn/Hgnn.h"

#include <optional>
#include <string>

namespace heddle::compiler {

/// For whom a layer's region runs: a relation (message) or, with `destination` alone, a node type
/// (update). Names as the user wrote them, without "@" or quotes.
struct ParamOwner {
  llvm::StringRef source, relation, destination;
};

/// `name` as a key of torch's ModuleDict, as PyG writes it: "." becomes "#". Different names have
/// different keys, and so have triples joined by "___": a "#" or "%" of the name is written "%23",
/// "%25", and an underscore that ends it or is the third or later of a row "%5F".
std::string moduleKey(llvm::StringRef name);

/// The full name of parameter `name` of layer `layer` (0-based), PyG's spelling:
///   scope layer             convs.<layer>.<name>
///   scope relation          convs.<layer>.convs.<src___rel___dst>.<name>, "<" and ">" literal in
///   the
///                           second, each of the three as its moduleKey
///   scope source_type       convs.<layer>.<name>_dict.<type>, the type as its moduleKey
///   scope destination_type  the same
/// A dot in `name` splits it: "lin.weight" of a type is convs.0.lin_dict.<type>.weight, as PyG's
/// dictionaries of modules have it.
std::string paramName(int64_t layer, llvm::StringRef name, hgnn::Scope scope,
                      const ParamOwner &owner);

/// How a state starts; the numbers of plan::Initializer. Uniform: [a, b). Normal: mean a, standard
/// deviation b. Constant: a.
struct Initializer {
  enum class Kind { Zeros, Constant, Uniform, Normal };
  Kind kind = Kind::Zeros;
  double a = 0, b = 0;
};

/// "zeros", "constant", "uniform" or "normal": the spelling in hgnn.state.
llvm::StringRef stringifyInitializer(Initializer::Kind kind);
std::optional<Initializer::Kind> symbolizeInitializer(llvm::StringRef text);

/// The initialiser that `init` of hgnn.param or hgnn.learnable means for `shape` (of a learnable
/// table: the shape of one row, [d] or [1, d]). With rank >= 2 fan_in and fan_out are the last two
/// dimensions (a stack of matrices is initialised matrix by matrix); with rank 1, and for a row, both
/// are the length. Texts: zeros, ones, xavier_uniform (bound sqrt(6 / (fan_in + fan_out))),
/// xavier_normal (sqrt(2 / (fan_in + fan_out))), kaiming_uniform (bound sqrt(6 / fan_in)),
/// uniform(a) = [-a, a), normal(s). Nothing for any other text, or for a negative or non-finite number.
std::optional<Initializer> parseInitializer(llvm::StringRef init, llvm::ArrayRef<int64_t> shape);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_PARAMNAMES_H
