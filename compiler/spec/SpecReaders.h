//===- SpecReaders.h - what several parts of a spec are read with -*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_SPEC_SPECREADERS_H
#define HEDDLE_COMPILER_SPEC_SPECREADERS_H

#include "compiler/spec/ModelSpec.h"
#include "runtime/base/Json.h"

#include <nlohmann/json_fwd.hpp>

namespace heddle::spec {

/// Reports keys that nothing read, with where they belong.
void finish(ObjectReader &reader);

bool isInteger(const nlohmann::json &value, int64_t min, int64_t max);

/// `value` for a message: whole numbers without a fraction, long ones cut.
std::string shortText(const nlohmann::json &value);

/// A number in [low, high), or (low, high) if `open`.
double numberBelow(ObjectReader &reader, const std::string &key, double fallback, double low,
                   double high, bool open = false);

/// `place` is relative to the reader's object.
Triple readTriple(ObjectReader &reader, const std::string &place, const nlohmann::json &value);

/// Whether an encoder is the path of an .mlir program.
bool isProgram(const std::string &encoder);

/// The object /model.
EncoderSpec readEncoder(ObjectReader reader);

} // namespace heddle::spec

#endif // HEDDLE_COMPILER_SPEC_SPECREADERS_H
