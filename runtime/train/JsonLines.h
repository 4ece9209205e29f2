//===- JsonLines.h - one JSON object per line ---------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_TRAIN_JSONLINES_H
#define HEDDLE_RUNTIME_TRAIN_JSONLINES_H

#include "runtime/base/Status.h"

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <string>

namespace heddle::train {

/// Appends lines to a file such as metrics.jsonl. Each line is written at once, so that a reader
/// that follows the file sees whole lines and a killed run loses none; its first key is "schema".
class JsonLinesWriter {
public:
  /// `schema` names the kind and version of the lines, for example "heddle-metrics/1". `append`:
  /// goes on after what is there (a line that a crash cut short is dropped); otherwise the file is
  /// emptied.
  static absl::StatusOr<std::unique_ptr<JsonLinesWriter>>
  open(const std::string &path, const std::string &schema, bool append);
  ~JsonLinesWriter();
  JsonLinesWriter(const JsonLinesWriter &) = delete;
  JsonLinesWriter &operator=(const JsonLinesWriter &) = delete;

  /// `object`: a JSON object; its keys follow "schema" in their order. Numbers that are not finite
  /// become null, as JSON has none.
  absl::Status write(const nlohmann::ordered_json &object);

private:
  JsonLinesWriter() = default;
  int fd = -1;
  std::string path, schema;
};

} // namespace heddle::train

#endif // HEDDLE_RUNTIME_TRAIN_JSONLINES_H
