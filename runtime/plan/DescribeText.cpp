//===- DescribeText.cpp - pieces that descriptions share ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/DescribeText.h"

#include "runtime/base/Format.h"

#include <cstdio>

namespace heddle::plan {

std::string heading(const std::string &text) { return "\n" + text + "\n"; }

std::string more(size_t total, size_t shown, const std::string &what) {
  if (total <= shown)
    return "";
  return "  ... and " + formatInteger(total - shown) + " more " + what + " (--json has all)\n";
}

std::string percent(double part, double whole) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.0f %%", whole > 0 ? 100 * part / whole : 0.0);
  return buffer;
}

std::string fanoutText(int32_t fanout) { return fanout < 0 ? "all" : std::to_string(fanout); }

std::string typeName(const PlanT &plan, uint32_t type) {
  return type < plan.node_types.size() ? plan.node_types[type]->name : std::to_string(type);
}

std::string number(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%g", value);
  return buffer;
}

std::string count(size_t n, const char *what) {
  return formatInteger(n) + " " + what + (n == 1 ? "" : "s");
}

std::string wrapped(const std::string &text, size_t columns, const std::string &first,
                    const std::string &next) {
  std::string out, line = first;
  bool empty = true;
  size_t at = 0;
  while (at < text.size()) {
    size_t end = text.find(' ', at);
    std::string word = text.substr(at, end == std::string::npos ? end : end - at);
    at = end == std::string::npos ? text.size() : end + 1;
    if (!empty && displayWidth(line) + 1 + displayWidth(word) > columns) {
      out += line + "\n";
      line = next;
      empty = true;
    }
    line += (empty ? "" : " ") + word;
    empty = false;
  }
  return out + line + "\n";
}

std::string quoted(const std::string &text) {
  std::string out = "\"";
  for (char c : printable(text)) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string quotedLines(const std::vector<std::string> &lines) {
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string text = quoted(lines[i]);
    out += (i == 0 ? "" : "\\n") + text.substr(1, text.size() - 2);
  }
  return "\"" + out + "\"";
}

} // namespace heddle::plan
