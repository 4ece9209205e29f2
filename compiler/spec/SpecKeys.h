//===- SpecKeys.h - where each key of a model spec lives ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_SPEC_SPECKEYS_H
#define HEDDLE_COMPILER_SPEC_SPECKEYS_H

#include <map>
#include <string>

namespace heddle::spec {

/// What a key that the object at `pointer` does not have leads to: other tools' names and keys that
/// belong elsewhere -> a key of this object ("fanout") or a place in the file ("/sampling/fanout").
/// For "did you mean" (runtime/base/Suggest.h). `pointer` is the object's place, "" for the root.
std::map<std::string, std::string> keyAliases(const std::string &pointer);

} // namespace heddle::spec

#endif // HEDDLE_COMPILER_SPEC_SPECKEYS_H
