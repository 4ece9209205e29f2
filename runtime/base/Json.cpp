//===- Json.cpp - strict JSON with places in its errors ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Json.h"

#include "runtime/base/MappedFile.h"

#include <nlohmann/json.hpp>

#include <algorithm>

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

} // namespace heddle
