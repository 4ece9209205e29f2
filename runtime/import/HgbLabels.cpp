//===- HgbLabels.cpp - label.dat and label.dat.test of HGB -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/HgbLabels.h"

#include <algorithm>

namespace heddle::importing {

absl::Status HgbLabels::addLine(const LineReader &reader, int part) {
  FieldSplitter fields(reader.line(), '\t');
  std::string_view id, name, type, classes;
  if (!fields.next(id) || !fields.next(name) || !fields.next(type) || !fields.next(classes) ||
      fields.more())
    return reader.error("no label; expected id, name, type and class between tabs");
  int64_t node = nodes_.find(id);
  if (node < 0) {
    if (skipUnknown_) {
      ++skipped_;
      return absl::OkStatus();
    }
    return reader.error("node '" + shownField(id) +
                        "' is not in node.dat; remove the line, or pass --on-error=skip to leave "
                        "such lines out");
  }
  int64_t number = nodes_.typeOf[size_t(node)];
  if (wholeNumber(type, maxHgbNumber) != number)
    return reader.error("the type '" + shownField(type) +
                        "' is not that of the node in node.dat (" + std::to_string(number) +
                        "); correct it");
  if (!labelled_.insert(node).second)
    return reader.error("node " + shownField(id) +
                        " has a label already, in label.dat or label.dat.test; remove one line");
  Row row;
  row.row = nodes_.rowOf[size_t(node)];
  row.part = part == 0 ? carvedPart(nodes_.ids.idOf(node), carve_) : part;
  FieldSplitter list(classes, ',');
  std::string_view text;
  while (list.next(text)) {
    auto index = wholeNumber(text, maxHgbNumber);
    if (!index)
      return reader.error("the class '" + shownField(text) + "' is no number of 0 to " +
                          std::to_string(maxHgbNumber) + "; correct it");
    if (std::count(row.classes.begin(), row.classes.end(), int32_t(*index)))
      return reader.error("class " + shownField(text) + " stands twice; write it once");
    row.classes.push_back(int32_t(*index));
  }
  if (row.classes.empty())
    return reader.error("no class; write one or remove the line");
  rows_[number].push_back(std::move(row));
  return absl::OkStatus();
}

std::vector<int64_t> HgbLabels::types() const {
  std::vector<int64_t> types;
  for (const auto &[type, rows] : rows_)
    types.push_back(type);
  return types;
}

std::vector<std::string> HgbLabels::classNames(int64_t type, const std::vector<Row> &rows) const {
  int64_t count = 0;
  for (const Row &row : rows)
    for (int32_t index : row.classes)
      count = std::max<int64_t>(count, index + 1);
  for (const auto &[key, name] : info_.classes)
    if (key.first == type)
      count = std::max(count, key.second + 1);
  std::vector<std::string> names;
  std::set<std::string> taken;
  for (int64_t index = 0; index < count; ++index) {
    auto it = info_.classes.find({type, index});
    std::string name = it != info_.classes.end() ? it->second : std::to_string(index);
    while (!taken.insert(name).second)
      name += "." + std::to_string(index);
    names.push_back(name);
  }
  return names;
}

absl::Status HgbLabels::write(graph::GraphBuilder &builder, int64_t type, int handle,
                              int64_t numNodes) const {
  const std::vector<Row> &rows = rows_.at(type);
  std::vector<std::string> classes = classNames(type, rows);
  size_t nodes = size_t(numNodes), width = classes.size();
  bool multi =
      std::any_of(rows.begin(), rows.end(), [](const Row &row) { return row.classes.size() > 1; });
  int label = -1;
  if (multi) {
    std::vector<uint8_t> bits(nodes * width, 255);
    for (const Row &row : rows) {
      uint8_t *begin = bits.data() + size_t(row.row) * width;
      std::fill_n(begin, width, uint8_t(0));
      for (int32_t index : row.classes)
        begin[index] = 1;
    }
    HEDDLE_ASSIGN_OR_RETURN(label, builder.addMultiLabel(handle, "label", classes, bits));
  } else {
    std::vector<int32_t> classOfNode(nodes, -1);
    for (const Row &row : rows)
      classOfNode[size_t(row.row)] = row.classes[0];
    HEDDLE_ASSIGN_OR_RETURN(label, builder.addLabel(handle, "label", classes, classOfNode));
  }
  SplitParts parts;
  for (const Row &row : rows)
    parts.part[row.part].push_back(row.row);
  return builder.addSplit(label, "official", std::move(parts.part[0]), std::move(parts.part[1]),
                          std::move(parts.part[2]));
}

} // namespace heddle::importing
