//===- HgbInfo.cpp - the names in an HGB data set's info.dat ---------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/HgbInfo.h"

#include "runtime/base/Json.h"
#include "runtime/import/Lines.h"
#include "runtime/import/Values.h"

#include <nlohmann/json.hpp>

namespace heddle::importing {

namespace {

using Json = nlohmann::json;

/// The object under a chain of keys, or nullptr.
const Json *objectAt(const Json *json, std::initializer_list<const char *> keys) {
  for (const char *key : keys) {
    if (!json->is_object() || !json->contains(key))
      return nullptr;
    json = &(*json)[key];
  }
  return json->is_object() ? json : nullptr;
}

/// A number written as one or as a string.
std::optional<int64_t> numberOf(const Json &value) {
  if (value.is_number_integer()) {
    auto number = value.get<int64_t>();
    return number >= 0 && number <= maxHgbNumber ? std::optional<int64_t>(number) : std::nullopt;
  }
  return value.is_string()
             ? wholeNumber(trimmed(value.get_ref<const std::string &>()), maxHgbNumber)
             : std::nullopt;
}

class JsonInfo {
public:
  JsonInfo(const std::string &file, HgbInfo &info) : file_(file), info_(info) {}

  absl::Status read(const Json &root) {
    if (const Json *types = objectAt(&root, {"node.dat", "node type"}))
      for (const auto &[key, value] : types->items()) {
        HEDDLE_ASSIGN_OR_RETURN(int64_t type, number(key, "node.dat/node type"));
        HEDDLE_ASSIGN_OR_RETURN(info_.nodeTypes[type], name(value, "node.dat/node type/" + key));
      }
    if (const Json *links = objectAt(&root, {"link.dat", "link type"}))
      for (const auto &[key, value] : links->items())
        HEDDLE_RETURN_IF_ERROR(link(key, value));
    if (const Json *labels = objectAt(&root, {"label.dat", "node type"}))
      for (const auto &[key, value] : labels->items()) {
        if (!value.is_object())
          continue;
        HEDDLE_ASSIGN_OR_RETURN(int64_t type, number(key, "label.dat/node type"));
        for (const auto &[classKey, className] : value.items()) {
          std::string place = "label.dat/node type/" + key;
          HEDDLE_ASSIGN_OR_RETURN(int64_t index, number(classKey, place));
          HEDDLE_ASSIGN_OR_RETURN(std::string text, name(className, place + "/" + classKey));
          info_.classes[{type, index}] = text;
        }
      }
    return absl::OkStatus();
  }

private:
  absl::Status error(const std::string &place, const std::string &what) const {
    return invalidArgument(file_ + ": /" + place + ": " + what);
  }
  absl::StatusOr<int64_t> number(const std::string &key, const std::string &place) const {
    auto value = wholeNumber(key, maxHgbNumber);
    if (!value)
      return error(place, "'" + key + "' is no number of 0 to " + std::to_string(maxHgbNumber) +
                              "; keys here are the numbers in the other files");
    return *value;
  }
  absl::StatusOr<std::string> name(const Json &value, const std::string &place) const {
    if (!value.is_string())
      return error(place, "expected a name in quotes");
    return value.get<std::string>();
  }
  absl::Status link(const std::string &key, const Json &value) {
    std::string place = "link.dat/link type/" + key;
    HEDDLE_ASSIGN_OR_RETURN(int64_t relation, number(key, "link.dat/link type"));
    HgbInfo::Link link;
    if (!value.is_object())
      return error(place, "expected an object with start, end and meaning");
    for (auto [end, to] : {std::pair("start", &link.source), std::pair("end", &link.destination)})
      if (value.contains(end)) {
        auto type = numberOf(value[end]);
        if (!type)
          return error(place + "/" + end, "expected the number of a node type");
        *to = *type;
      }
    if (value.contains("meaning")) {
      HEDDLE_ASSIGN_OR_RETURN(link.name, name(value["meaning"], place + "/meaning"));
    }
    info_.links[relation] = link;
    return absl::OkStatus();
  }

  const std::string &file_;
  HgbInfo &info_;
};

/// Fields between runs of tabs; a name may hold blanks.
std::vector<std::string_view> fieldsOf(std::string_view line) {
  std::vector<std::string_view> fields;
  FieldSplitter splitter(line, '\t');
  std::string_view field;
  while (splitter.next(field))
    if (field = trimmed(field); !field.empty())
      fields.push_back(field);
  return fields;
}

void readTables(std::string_view text, HgbInfo &info) {
  std::string section;
  FieldSplitter lines(text, '\n');
  std::string_view line;
  while (lines.next(line)) {
    if (!line.empty() && line.back() == '\r')
      line.remove_suffix(1);
    std::string_view content = trimmed(line);
    if (content == "node.dat" || content == "link.dat" || content == "label.dat") {
      section = content;
      continue;
    }
    auto fields = fieldsOf(line);
    auto number = [&](size_t i) { return wholeNumber(fields[i], maxHgbNumber); };
    // Lines that are no row of numbers and a name are headings and remarks.
    if (section == "node.dat" && fields.size() == 2 && number(0))
      info.nodeTypes[*number(0)] = fields[1];
    else if (section == "link.dat" && fields.size() == 4 && number(0) && number(1) && number(2))
      info.links[*number(0)] = {*number(1), *number(2), std::string(fields[3])};
    else if (section == "label.dat" && fields.size() == 3 && number(0) && number(1))
      info.classes[{*number(0), *number(1)}] = fields[2];
  }
}

/// Python writes NaN and Infinity where JSON has neither; here nobody looks at them.
std::string withoutPythonNumbers(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\' && i + 1 < text.size()) {
      out += text[i++];
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text.substr(i, 3) == "NaN") {
      out += "null";
      i += 2;
      continue;
    } else if (!quoted && text.substr(i, 8) == "Infinity") {
      out += "0"; // also after a minus sign
      i += 7;
      continue;
    }
    out += text[i];
  }
  return out;
}

} // namespace

absl::StatusOr<HgbInfo> parseHgbInfo(std::string_view text, const std::string &file) {
  HgbInfo info;
  if (trimmed(text).substr(0, 1) == "{") {
    HEDDLE_ASSIGN_OR_RETURN(JsonDocument document, parseJson(withoutPythonNumbers(text), file));
    HEDDLE_RETURN_IF_ERROR(JsonInfo(file, info).read(*document.root));
    return info;
  }
  if (findInvalidText(text) != std::string_view::npos)
    return invalidArgument(file + ": is not UTF-8; convert it, for example with iconv");
  readTables(text, info);
  return info;
}

} // namespace heddle::importing
