//===- Json.h - strict JSON with places in its errors ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Parsing (comments allowed, repeated keys and deep nesting refused) and a reader that walks objects
// with typed, range-checked getters. The import descriptor, the model spec and graph.json share it,
// so their errors look alike: "file:line:column: ..." for syntax, "file: /json/pointer: ..." for
// content. No exception of nlohmann/json leaves this file.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_JSON_H
#define HEDDLE_RUNTIME_BASE_JSON_H

#include "runtime/base/Status.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace heddle {

/// Deepest nesting that parseJson accepts.
inline constexpr int maxJsonDepth = 64;

/// A parsed document. `file` is only what errors call it.
struct JsonDocument {
  std::string file;
  std::shared_ptr<const nlohmann::json> root;
};

/// Parses `text`. Errors: "file:line:column: what is wrong" for syntax, repeated keys, invalid UTF-8,
/// numbers out of range and nesting deeper than maxJsonDepth.
absl::StatusOr<JsonDocument> parseJson(std::string_view text, const std::string &file);

/// Reads and parses a file (at most 1 GiB).
absl::StatusOr<JsonDocument> readJsonFile(const std::string &path);

/// `value` as indented text with arrays of scalars on one line, ending in a newline. Strings that
/// are not UTF-8 get replacement characters.
std::string printJson(const nlohmann::ordered_json &value);

/// `pointer` extended by a key, escaped as RFC 6901 says ("~" -> "~0", "/" -> "~1").
std::string jsonPointerAppend(const std::string &pointer, std::string_view key);

bool isValidUtf8(std::string_view text);

/// Reads one JSON object. The FIRST error of a reader and of all readers made from it is kept and
/// later ones are dropped, so call sites read straight on and look once, at finish(). After an error
/// getters still return something of their type (the default, or a zero value within the range).
/// Every getter marks its key as known; finish() reports the keys nobody asked for.
/// The document must outlive its readers.
class ObjectReader {
public:
  /// Reads the root of `document`; that it is an object is checked here.
  explicit ObjectReader(const JsonDocument &document);

  const std::string &pointer() const { return pointer_; }
  const std::string &file() const;

  /// Marks `key` as known; true if it is there and not null.
  bool has(const std::string &key);
  /// Keys as they stand (null values included), sorted. For objects whose keys are the user's names;
  /// marks all of them as known.
  std::vector<std::string> keys();
  /// Marks keys as known that this reader does not read (another pass does).
  void allow(const std::vector<std::string> &keys);

  // Required keys. A missing one is an error; null counts as missing.
  std::string string(const std::string &key);
  int64_t integer(const std::string &key, int64_t min = std::numeric_limits<int64_t>::min(),
                  int64_t max = std::numeric_limits<int64_t>::max());
  double number(const std::string &key, double min = std::numeric_limits<double>::lowest(),
                double max = std::numeric_limits<double>::max());
  bool boolean(const std::string &key);
  /// One of `choices`; a wrong one gets a suggestion (with `aliases` as in Suggest.h).
  std::string oneOf(const std::string &key, const std::vector<std::string> &choices,
                    const std::map<std::string, std::string> &aliases = {});
  ObjectReader object(const std::string &key);
  /// An array of objects.
  std::vector<ObjectReader> objects(const std::string &key);
  std::vector<std::string> strings(const std::string &key);
  std::vector<int64_t> integers(const std::string &key,
                                int64_t min = std::numeric_limits<int64_t>::min(),
                                int64_t max = std::numeric_limits<int64_t>::max());
  std::vector<double> numbers(const std::string &key);

  // The same with a default for a missing key or null.
  std::string stringOr(const std::string &key, const std::string &fallback);
  int64_t integerOr(const std::string &key, int64_t fallback,
                    int64_t min = std::numeric_limits<int64_t>::min(),
                    int64_t max = std::numeric_limits<int64_t>::max());
  double numberOr(const std::string &key, double fallback,
                  double min = std::numeric_limits<double>::lowest(),
                  double max = std::numeric_limits<double>::max());
  bool booleanOr(const std::string &key, bool fallback);
  std::string oneOfOr(const std::string &key, const std::string &fallback,
                      const std::vector<std::string> &choices,
                      const std::map<std::string, std::string> &aliases = {});
  /// An empty vector where the key is missing.
  std::vector<ObjectReader> objectsOr(const std::string &key);
  std::vector<std::string> stringsOr(const std::string &key);
  std::vector<int64_t> integersOr(const std::string &key,
                                  int64_t min = std::numeric_limits<int64_t>::min(),
                                  int64_t max = std::numeric_limits<int64_t>::max());

  /// The value of `key`, or nullptr if missing (null included as a value). For values of more than
  /// one type: include <nlohmann/json.hpp> and look at it; report with fail().
  const nlohmann::json *raw(const std::string &key);

  /// Records the error "file: pointer/key: message" (key may be empty: the object itself).
  void fail(const std::string &key, const std::string &message);
  /// The same for a place below this object, given as a relative pointer ("metrics/0").
  void failAt(const std::string &relative, const std::string &message);
  /// The first error so far.
  const absl::Status &status() const;
  bool ok() const { return status().ok(); }

  /// Reports keys that nobody asked for (with a suggestion, see Suggest.h) and returns the first
  /// error of the whole document so far. Call it on every object.
  absl::Status finish(const std::map<std::string, std::string> &aliases = {});
  /// finish() for objects inside others, whose reader's status is looked at later.
  void done(const std::map<std::string, std::string> &aliases = {});

private:
  struct Shared;
  ObjectReader(std::shared_ptr<Shared> shared, const nlohmann::json *value, std::string pointer);
  const nlohmann::json *find(const std::string &key);
  const nlohmann::json *require(const std::string &key);
  std::string stringOf(const std::string &key, const nlohmann::json *value);
  int64_t integerOf(const std::string &key, const nlohmann::json *value, int64_t min, int64_t max);
  double numberOf(const std::string &key, const nlohmann::json *value, double min, double max);
  bool booleanOf(const std::string &key, const nlohmann::json *value);
  const nlohmann::json *arrayOf(const std::string &key, const nlohmann::json *value);
  std::vector<ObjectReader> objectsOf(const std::string &key, const nlohmann::json *value);
  std::vector<std::string> stringsOf(const std::string &key, const nlohmann::json *value);
  std::vector<int64_t> integersOf(const std::string &key, const nlohmann::json *value, int64_t min,
                                  int64_t max);

  std::shared_ptr<Shared> shared_;
  const nlohmann::json *value_; ///< the object, or nullptr after an error
  std::string pointer_;
  std::set<std::string> known_;
};

} // namespace heddle

#endif // HEDDLE_RUNTIME_BASE_JSON_H
