//===- Json.cpp - strict JSON with places in its errors ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Json.h"

#include "runtime/base/MappedFile.h"
#include "runtime/base/Suggest.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace heddle {

using Json = nlohmann::json;

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

namespace {

/// Reads characters for nlohmann's lexer and remembers how many it took: the only way to learn where
/// a key stands from within its SAX interface.
struct CountingIterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char *;
  using reference = const char &;
  const char *at = nullptr;
  const char **furthest = nullptr;
  reference operator*() const { return *at; }
  CountingIterator &operator++() {
    ++at;
    *furthest = std::max(*furthest, at);
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const CountingIterator &other) const { return at == other.at; }
  bool operator!=(const CountingIterator &other) const { return at != other.at; }
};

/// Builds the document; unlike nlohmann's own builder it refuses repeated keys and deep nesting.
class DocumentBuilder {
public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  bool null() { return put(nullptr); }
  bool boolean(bool v) { return put(v); }
  bool number_integer(number_integer_t v) { return put(v); }
  bool number_unsigned(number_unsigned_t v) { return put(v); }
  bool number_float(number_float_t v, const string_t &) { return put(v); }
  bool string(string_t &v) { return put(std::move(v)); }
  bool binary(binary_t &) { return false; }
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(string_t &v) {
    Json &object = *stack_.back();
    if (object.contains(v)) {
      message = "key '" + v + "' appears twice in one object; remove one";
      return false;
    }
    key_ = std::move(v);
    return true;
  }
  bool parse_error(std::size_t at, const std::string &, const nlohmann::detail::exception &error) {
    position = at;
    message = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ...": the
    // place is ours to print, from the byte position.
    size_t colon = message.find(": ");
    if (colon != std::string::npos)
      message = message.substr(colon + 2);
    else if (size_t bracket = message.find("] "); bracket != std::string::npos)
      message = message.substr(bracket + 2);
    return false;
  }

  Json root;
  std::string message;
  size_t position = 0; ///< of a syntax error: bytes up to the end of the unexpected token

private:
  Json *attach(Json &&value) {
    if (stack_.empty()) {
      root = std::move(value);
      return &root;
    }
    Json &parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    Json &slot = parent[key_];
    slot = std::move(value);
    return &slot;
  }
  template <typename T> bool put(T &&value) {
    attach(Json(std::forward<T>(value)));
    return true;
  }
  bool open(Json &&value) {
    if (stack_.size() >= static_cast<size_t>(maxJsonDepth)) {
      message = "nested deeper than " + std::to_string(maxJsonDepth) + " levels";
      return false;
    }
    stack_.push_back(attach(std::move(value)));
    return true;
  }
  bool close() {
    stack_.pop_back();
    return true;
  }

  // Pointers into containers that grow only at the innermost level, so the outer ones stay valid.
  std::vector<Json *> stack_;
  std::string key_;
};

/// "line:column" of the last byte before `end`, columns counted in code points.
std::string placeOf(std::string_view text, const char *end) {
  int64_t line = 1, column = 1;
  for (const char *p = text.data(); p + 1 < end; ++p) {
    if (*p == '\n') {
      ++line;
      column = 1;
    } else if ((static_cast<unsigned char>(p[1]) & 0xC0) != 0x80) {
      ++column;
    }
  }
  return std::to_string(line) + ":" + std::to_string(column);
}

} // namespace

absl::StatusOr<JsonDocument> parseJson(std::string_view text, const std::string &file) {
  const char *furthest = text.data();
  CountingIterator begin{text.data(), &furthest};
  CountingIterator end{text.data() + text.size(), &furthest};
  DocumentBuilder builder;
  bool good = false;
  try {
    good = Json::sax_parse(begin, end, &builder, nlohmann::detail::input_format_t::json,
                           /*strict=*/true, /*ignore_comments=*/true);
  } catch (const std::exception &error) {
    builder.message = error.what();
  }
  if (!good) {
    // The library quotes the last read characters, which may include line breaks.
    for (char &c : builder.message)
      if (static_cast<unsigned char>(c) < 0x20)
        c = ' ';
    if (builder.position > 0)
      furthest = text.data() + std::min(builder.position, text.size());
    return invalidArgument(file + ":" + placeOf(text, furthest) + ": " + builder.message);
  }
  return JsonDocument{file, std::make_shared<const Json>(std::move(builder.root))};
}

absl::StatusOr<JsonDocument> readJsonFile(const std::string &path) {
  HEDDLE_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  if (file.size() > (int64_t(1) << 30))
    return invalidArgument(path + ": larger than 1 GiB; not a JSON file of heddle");
  if (file.size() == 0)
    return invalidArgument(path + ":1:1: the file is empty; expected a JSON object");
  return parseJson(file.text(), path);
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

namespace {

std::string scalarText(const nlohmann::ordered_json &value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string quoted(const std::string &text) { return scalarText(nlohmann::ordered_json(text)); }

void print(const nlohmann::ordered_json &value, int depth, std::string &out) {
  auto newLine = [&](int d) { out += "\n" + std::string(static_cast<size_t>(d) * 2, ' '); };
  if (value.is_object() && !value.empty()) {
    out += "{";
    bool first = true;
    for (const auto &[key, member] : value.items()) {
      out += first ? "" : ",";
      first = false;
      newLine(depth + 1);
      out += quoted(key) + ": ";
      print(member, depth + 1, out);
    }
    newLine(depth);
    out += "}";
  } else if (value.is_array() && std::any_of(value.begin(), value.end(), [](const auto &element) {
               return element.is_structured();
             })) {
    out += "[";
    bool first = true;
    for (const auto &element : value) {
      out += first ? "" : ",";
      first = false;
      newLine(depth + 1);
      print(element, depth + 1, out);
    }
    newLine(depth);
    out += "]";
  } else if (value.is_array()) {
    out += "[";
    for (size_t i = 0; i < value.size(); ++i)
      out += (i ? ", " : "") + scalarText(value[i]);
    out += "]";
  } else {
    out += scalarText(value);
  }
}

} // namespace

std::string printJson(const nlohmann::ordered_json &value) {
  std::string out;
  print(value, 0, out);
  out += "\n";
  return out;
}

std::string jsonPointerAppend(const std::string &pointer, std::string_view key) {
  std::string out = pointer + "/";
  for (char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

bool isValidUtf8(std::string_view text) {
  size_t i = 0, n = text.size();
  auto byte = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
  while (i < n) {
    unsigned char lead = byte(i);
    int extra = lead < 0x80 ? 0 : lead >> 5 == 6 ? 1 : lead >> 4 == 14 ? 2 : lead >> 3 == 30 ? 3 : -1;
    if (extra < 0 || i + static_cast<size_t>(extra) >= n)
      return false;
    uint32_t code = extra == 0 ? lead : lead & (0x3Fu >> extra);
    for (int k = 1; k <= extra; ++k) {
      unsigned char next = byte(i + static_cast<size_t>(k));
      if ((next & 0xC0) != 0x80)
        return false;
      code = code << 6 | (next & 0x3Fu);
    }
    constexpr uint32_t smallest[4] = {0, 0x80, 0x800, 0x10000};
    if (code < smallest[extra] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
      return false;
    i += static_cast<size_t>(extra) + 1;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// ObjectReader
//===----------------------------------------------------------------------===//

struct ObjectReader::Shared {
  std::string file;
  std::shared_ptr<const Json> root;
  absl::Status first;
};

namespace {

const char *kindOf(const Json &value) {
  switch (value.type()) {
  case Json::value_t::null:
    return "null";
  case Json::value_t::object:
    return "an object";
  case Json::value_t::array:
    return "an array";
  case Json::value_t::string:
    return "a string";
  case Json::value_t::boolean:
    return "a boolean";
  case Json::value_t::number_integer:
  case Json::value_t::number_unsigned:
    return "an integer";
  case Json::value_t::number_float:
    return "a number";
  default:
    return "an unknown value";
  }
}

std::string numberText(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  // The shortest spelling that reads back the same.
  for (int digits = 1; digits < 17; ++digits) {
    char shorter[40];
    std::snprintf(shorter, sizeof shorter, "%.*g", digits, value);
    if (std::strtod(shorter, nullptr) == value)
      return shorter;
  }
  return text;
}

template <typename T> std::string rangeText(T min, T max, std::string (*print)(T)) {
  bool low = min != std::numeric_limits<T>::lowest(), high = max != std::numeric_limits<T>::max();
  if (low && high)
    return "from " + print(min) + " to " + print(max);
  return low ? "at least " + print(min) : "at most " + print(max);
}

std::string integerText(int64_t value) { return std::to_string(value); }

} // namespace

ObjectReader::ObjectReader(const JsonDocument &document)
    : shared_(std::make_shared<Shared>()), value_(document.root.get()) {
  shared_->file = document.file;
  shared_->root = document.root;
  if (!value_ || !value_->is_object()) {
    fail("", std::string("expected an object, found ") + (value_ ? kindOf(*value_) : "nothing"));
    value_ = nullptr;
  }
}

ObjectReader::ObjectReader(std::shared_ptr<Shared> shared, const Json *value, std::string pointer)
    : shared_(std::move(shared)), value_(value), pointer_(std::move(pointer)) {
  if (value_ && !value_->is_object()) {
    fail("", std::string("expected an object, found ") + kindOf(*value_));
    value_ = nullptr;
  }
}

const std::string &ObjectReader::file() const { return shared_->file; }
const absl::Status &ObjectReader::status() const { return shared_->first; }

void ObjectReader::failAt(const std::string &relative, const std::string &message) {
  if (shared_->first.ok())
    shared_->first =
        invalidArgument(shared_->file + ": " + pointer_ + "/" + relative + ": " + message);
}

void ObjectReader::fail(const std::string &key, const std::string &message) {
  if (!shared_->first.ok())
    return;
  std::string place = key.empty() ? pointer_ : jsonPointerAppend(pointer_, key);
  shared_->first =
      invalidArgument(shared_->file + ": " + (place.empty() ? "/" : place) + ": " + message);
}

const Json *ObjectReader::find(const std::string &key) {
  known_.insert(key);
  if (!value_)
    return nullptr;
  auto at = value_->find(key);
  return at == value_->end() ? nullptr : &*at;
}

const Json *ObjectReader::require(const std::string &key) {
  const Json *value = find(key);
  if (value && !value->is_null())
    return value;
  if (value_) {
    // A misspelt key is the likeliest reason: say so instead of only "missing".
    std::string hint;
    for (const auto &[present, ignored] : value_->items())
      if (!known_.count(present) && nearestName(present, {key}) == key)
        hint = " (found '" + present + "')";
    fail("", "missing key '" + key + "'" + hint);
  }
  return nullptr;
}

bool ObjectReader::has(const std::string &key) {
  const Json *value = find(key);
  return value && !value->is_null();
}

std::vector<std::string> ObjectReader::keys() {
  std::vector<std::string> names;
  if (value_)
    for (const auto &[key, ignored] : value_->items())
      names.push_back(key);
  allow(names);
  return names;
}

void ObjectReader::allow(const std::vector<std::string> &keys) {
  known_.insert(keys.begin(), keys.end());
}

const Json *ObjectReader::raw(const std::string &key) { return find(key); }

//===----------------------------------------------------------------------===//
// Typed values
//===----------------------------------------------------------------------===//

std::string ObjectReader::stringOf(const std::string &key, const Json *value) {
  if (value->is_string())
    return value->get_ref<const std::string &>();
  fail(key, std::string("expected a string, found ") + kindOf(*value));
  return {};
}

int64_t ObjectReader::integerOf(const std::string &key, const Json *value, int64_t min,
                                int64_t max) {
  // What a getter returns after an error lies within the range, so that the caller may go on.
  int64_t safe = std::clamp<int64_t>(0, min, max);
  int64_t result = 0;
  if (value->is_number_unsigned()) {
    uint64_t v = value->get<uint64_t>();
    if (v > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      fail(key, "the number " + std::to_string(v) + " is too large");
      return safe;
    }
    result = static_cast<int64_t>(v);
  } else if (value->is_number_integer()) {
    result = value->get<int64_t>();
  } else if (value->is_number_float() && std::floor(value->get<double>()) == value->get<double>() &&
             std::fabs(value->get<double>()) < 9e15) {
    result = static_cast<int64_t>(value->get<double>()); // 1e6, 20.0
  } else {
    fail(key, std::string("expected an integer, found ") +
                  (value->is_number() ? numberText(value->get<double>()) : kindOf(*value)));
    return safe;
  }
  if (result >= min && result <= max)
    return result;
  fail(key, "expected an integer " + rangeText<int64_t>(min, max, integerText) + ", found " +
                std::to_string(result));
  return safe;
}

double ObjectReader::numberOf(const std::string &key, const Json *value, double min, double max) {
  double safe = std::clamp(0.0, min, max);
  if (!value->is_number()) {
    fail(key, std::string("expected a number, found ") + kindOf(*value));
    return safe;
  }
  double result = value->get<double>();
  if (result >= min && result <= max)
    return result;
  fail(key, "expected a number " + rangeText<double>(min, max, numberText) + ", found " +
                numberText(result));
  return safe;
}

bool ObjectReader::booleanOf(const std::string &key, const Json *value) {
  if (value->is_boolean())
    return value->get<bool>();
  fail(key, std::string("expected true or false, found ") + kindOf(*value));
  return false;
}

const Json *ObjectReader::arrayOf(const std::string &key, const Json *value) {
  if (value->is_array())
    return value;
  fail(key, std::string("expected an array, found ") + kindOf(*value));
  return nullptr;
}

std::vector<ObjectReader> ObjectReader::objectsOf(const std::string &key, const Json *value) {
  std::vector<ObjectReader> readers;
  if (const Json *array = arrayOf(key, value)) {
    std::string base = jsonPointerAppend(pointer_, key);
    readers.reserve(array->size());
    for (size_t i = 0; i < array->size(); ++i)
      readers.push_back(ObjectReader(shared_, &(*array)[i], base + "/" + std::to_string(i)));
  }
  return readers;
}

std::vector<std::string> ObjectReader::stringsOf(const std::string &key, const Json *value) {
  std::vector<std::string> out;
  const Json *array = arrayOf(key, value);
  for (size_t i = 0; array && i < array->size(); ++i) {
    ObjectReader element(shared_, nullptr, jsonPointerAppend(pointer_, key));
    out.push_back(element.stringOf(std::to_string(i), &(*array)[i]));
  }
  return out;
}

std::vector<int64_t> ObjectReader::integersOf(const std::string &key, const Json *value,
                                              int64_t min, int64_t max) {
  std::vector<int64_t> out;
  const Json *array = arrayOf(key, value);
  for (size_t i = 0; array && i < array->size(); ++i) {
    ObjectReader element(shared_, nullptr, jsonPointerAppend(pointer_, key));
    out.push_back(element.integerOf(std::to_string(i), &(*array)[i], min, max));
  }
  return out;
}

std::string ObjectReader::string(const std::string &key) {
  const Json *value = require(key);
  return value ? stringOf(key, value) : std::string();
}

int64_t ObjectReader::integer(const std::string &key, int64_t min, int64_t max) {
  const Json *value = require(key);
  return value ? integerOf(key, value, min, max) : std::clamp<int64_t>(0, min, max);
}

double ObjectReader::number(const std::string &key, double min, double max) {
  const Json *value = require(key);
  return value ? numberOf(key, value, min, max) : std::clamp(0.0, min, max);
}

bool ObjectReader::boolean(const std::string &key) {
  const Json *value = require(key);
  return value && booleanOf(key, value);
}

std::string ObjectReader::oneOf(const std::string &key, const std::vector<std::string> &choices,
                                const std::map<std::string, std::string> &aliases) {
  std::string fallback = choices.empty() ? std::string() : choices.front();
  return require(key) ? oneOfOr(key, fallback, choices, aliases) : fallback;
}

ObjectReader ObjectReader::object(const std::string &key) {
  return ObjectReader(shared_, require(key), jsonPointerAppend(pointer_, key));
}

std::vector<ObjectReader> ObjectReader::objects(const std::string &key) {
  const Json *value = require(key);
  return value ? objectsOf(key, value) : std::vector<ObjectReader>();
}

std::vector<std::string> ObjectReader::strings(const std::string &key) {
  const Json *value = require(key);
  return value ? stringsOf(key, value) : std::vector<std::string>();
}

std::vector<int64_t> ObjectReader::integers(const std::string &key, int64_t min, int64_t max) {
  const Json *value = require(key);
  return value ? integersOf(key, value, min, max) : std::vector<int64_t>();
}

std::vector<double> ObjectReader::numbers(const std::string &key) {
  std::vector<double> out;
  const Json *value = require(key);
  const Json *array = value ? arrayOf(key, value) : nullptr;
  for (size_t i = 0; array && i < array->size(); ++i) {
    ObjectReader element(shared_, nullptr, jsonPointerAppend(pointer_, key));
    out.push_back(element.numberOf(std::to_string(i), &(*array)[i],
                                   std::numeric_limits<double>::lowest(),
                                   std::numeric_limits<double>::max()));
  }
  return out;
}

std::string ObjectReader::stringOr(const std::string &key, const std::string &fallback) {
  return has(key) ? stringOf(key, find(key)) : fallback;
}

int64_t ObjectReader::integerOr(const std::string &key, int64_t fallback, int64_t min,
                                int64_t max) {
  return has(key) ? integerOf(key, find(key), min, max) : fallback;
}

double ObjectReader::numberOr(const std::string &key, double fallback, double min, double max) {
  return has(key) ? numberOf(key, find(key), min, max) : fallback;
}

bool ObjectReader::booleanOr(const std::string &key, bool fallback) {
  return has(key) ? booleanOf(key, find(key)) : fallback;
}

std::string ObjectReader::oneOfOr(const std::string &key, const std::string &fallback,
                                  const std::vector<std::string> &choices,
                                  const std::map<std::string, std::string> &aliases) {
  if (!has(key))
    return fallback;
  const Json *value = find(key);
  if (!value->is_string()) {
    stringOf(key, value);
    return fallback;
  }
  const std::string &text = value->get_ref<const std::string &>();
  if (std::find(choices.begin(), choices.end(), text) != choices.end())
    return text;
  fail(key, "unknown value '" + text + "'" + suggestion(text, choices, aliases));
  return fallback;
}

std::vector<ObjectReader> ObjectReader::objectsOr(const std::string &key) {
  return has(key) ? objectsOf(key, find(key)) : std::vector<ObjectReader>();
}

std::vector<std::string> ObjectReader::stringsOr(const std::string &key) {
  return has(key) ? stringsOf(key, find(key)) : std::vector<std::string>();
}

std::vector<int64_t> ObjectReader::integersOr(const std::string &key, int64_t min, int64_t max) {
  return has(key) ? integersOf(key, find(key), min, max) : std::vector<int64_t>();
}

void ObjectReader::done(const std::map<std::string, std::string> &aliases) {
  if (value_)
    for (const auto &[key, ignored] : value_->items())
      if (!known_.count(key))
        fail("", "unknown key '" + key + "'" +
                     suggestion(key, {known_.begin(), known_.end()}, aliases));
}

absl::Status ObjectReader::finish(const std::map<std::string, std::string> &aliases) {
  done(aliases);
  return shared_->first;
}

} // namespace heddle
