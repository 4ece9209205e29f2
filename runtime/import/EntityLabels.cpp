//===- EntityLabels.cpp - labels of nodes named in TSV files ---------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/EntityLabels.h"

#include "runtime/base/Suggest.h"
#include "runtime/import/Labels.h"
#include "runtime/import/ShortNames.h"
#include "runtime/import/Values.h"

#include <algorithm>
#include <cmath>

namespace heddle::importing {

namespace {

bool endsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

TableFormat formatOf(const std::string &path) {
  TableFormat format;
  bool commas = endsWith(path, ".csv") || endsWith(path, ".csv.gz");
  format.separator = commas ? ',' : '\t';
  format.quoting = commas;
  return format;
}

/// "1.0" and "1" are one class: spreadsheets write either.
std::string classText(std::string_view cell) {
  cell = trimmed(cell);
  auto number = parseNumber(cell);
  if (number && cell.find_first_not_of("0123456789.+-") == std::string_view::npos &&
      std::abs(*number) < 1e15 && *number == std::floor(*number))
    return std::to_string(int64_t(*number));
  return std::string(cell);
}

absl::StatusOr<int> namedColumn(const TableReader &table, const std::string &name,
                                const std::string &path) {
  int index = table.columnIndex(name);
  if (index < 0)
    return invalidArgument(path + ":1: no column is named '" + name + "'" +
                           suggestion(name, table.header()));
  return index;
}

absl::StatusOr<int> labelColumnOf(const TableReader &table, const std::string &wanted,
                                  const std::string &path) {
  if (!wanted.empty())
    return namedColumn(table, wanted, path);
  const auto &header = table.header();
  int found = -1;
  for (size_t i = 0; i < header.size(); ++i)
    if (header[i].substr(0, 5) == "label") {
      if (found >= 0)
        return invalidArgument(path + ":1: more than one column starts with 'label'; name one with "
                                      "--label-column");
      found = int(i);
    }
  if (found < 0)
    return invalidArgument(path + ":1: no column starts with 'label'; name the column of classes "
                                  "with --label-column");
  return found;
}

absl::StatusOr<int> entityColumnOf(const TableReader &table, const std::string &wanted,
                                   int labelColumn, const std::string &path) {
  if (!wanted.empty())
    return namedColumn(table, wanted, path);
  const auto &header = table.header();
  int found = -1;
  for (size_t i = 0; i < header.size(); ++i) {
    if (int(i) == labelColumn || header[i] == "id" || header[i].empty())
      continue;
    if (found >= 0)
      return invalidArgument(path + ":1: which column holds the nodes is not clear; name it with "
                                    "--entity-column");
    found = int(i);
  }
  if (found < 0)
    return invalidArgument(path + ":1: no column besides 'id' and the label; name the column of "
                                  "nodes with --entity-column");
  return found;
}

} // namespace

int carvedPart(std::string_view id, const CarveOptions &options) {
  double ratio[3] = {1 - options.validRatio, options.validRatio, 0};
  int part = options.validRatio > 0 ? hashPart(id, options.seed, ratio) : 0;
  return part == 1 ? 1 : 0;
}

absl::StatusOr<EntityLabels>
EntityLabels::read(const LabelFiles &files, const CarveOptions &carve,
                   const std::function<int64_t(std::string_view)> &find, bool skipUnknown) {
  EntityLabels labels;
  bool parts = !files.train.empty() || !files.test.empty();
  if (!files.train.empty())
    HEDDLE_RETURN_IF_ERROR(labels.readFile(files.train, 0, files, find, skipUnknown));
  if (!files.test.empty())
    HEDDLE_RETURN_IF_ERROR(labels.readFile(files.test, 2, files, find, skipUnknown));
  if (!files.all.empty())
    HEDDLE_RETURN_IF_ERROR(labels.readFile(files.all, -1, files, find, skipUnknown));
  labels.split = parts ? "official" : "random";
  constexpr double testShare = 0.2;
  double ratio[3] = {(1 - testShare) * (1 - carve.validRatio), (1 - testShare) * carve.validRatio,
                     testShare};
  for (size_t i = 0; i < labels.entries.size(); ++i) {
    Entry &entry = labels.entries[i];
    if (!parts)
      entry.part = hashPart(labels.ids_[i], carve.seed, ratio);
    else if (entry.part == 0)
      entry.part = carvedPart(labels.ids_[i], carve);
  }
  if (labels.entries.empty() && files.any())
    return invalidArgument(
        (files.train.empty() ? files.test.empty() ? files.all : files.test : files.train) +
        ": no row names a node of the graph; check --entity-column");
  labels.nameClasses();
  return labels;
}

absl::Status EntityLabels::readFile(const std::string &path, int part, const LabelFiles &files,
                                    const std::function<int64_t(std::string_view)> &find,
                                    bool skipUnknown) {
  HEDDLE_ASSIGN_OR_RETURN(auto table, TableReader::open(path, formatOf(path)));
  HEDDLE_ASSIGN_OR_RETURN(int labelColumn, labelColumnOf(*table, files.labelColumn, path));
  HEDDLE_ASSIGN_OR_RETURN(int entityColumn,
                          entityColumnOf(*table, files.entityColumn, labelColumn, path));
  if (name.empty()) {
    name = table->header()[size_t(labelColumn)];
    if (name.size() > 6 && name.substr(0, 6) == "label_")
      name = name.substr(6);
  }
  for (;;) {
    HEDDLE_ASSIGN_OR_RETURN(bool any, table->next());
    if (!any)
      return absl::OkStatus();
    auto error = [&](int column, const std::string &what) {
      return invalidArgument(table->place(column) + ": " + what);
    };
    std::string_view id = trimmed(table->field(entityColumn));
    if (id.size() > 2 && id.front() == '<' && id.back() == '>')
      id = id.substr(1, id.size() - 2);
    std::string text = classText(table->field(labelColumn));
    if (text.empty())
      return error(labelColumn, "no class; fill the field in or remove the row");
    int64_t node = find(id);
    if (node < 0) {
      if (!skipUnknown)
        return error(entityColumn, "'" + std::string(id) +
                                       "' is no node of the graph; remove the row, or pass "
                                       "--on-error=skip to leave such rows out");
      ++skipped;
      continue;
    }
    int32_t label = classOf_.emplace(text, int32_t(classOf_.size())).first->second;
    auto [it, isNew] = entryOf_.emplace(node, entries.size());
    if (isNew) {
      entries.push_back({node, label, part});
      places_.push_back(table->place(entityColumn));
      ids_.emplace_back(id);
      continue;
    }
    const Entry &first = entries[it->second];
    if (first.label != label)
      return error(labelColumn, "'" + std::string(id) + "' has another class at " +
                                    places_[it->second] + "; keep one of them");
    // The file of all labels names the nodes of the parts again.
    if (part >= 0 && first.part != part)
      return error(entityColumn, "'" + std::string(id) + "' is in the other part too, at " +
                                     places_[it->second] + "; remove one of them");
  }
}

void EntityLabels::nameClasses() {
  std::vector<std::string> texts(classOf_.size());
  for (const auto &[text, index] : classOf_)
    texts[size_t(index)] = text;
  bool iris = !texts.empty() && std::all_of(texts.begin(), texts.end(), [](const std::string &t) {
    return t.find("://") != std::string::npos;
  });
  std::vector<std::string> names = iris ? shortNames(texts) : texts;
  classes = names;
  sortNames(classes);
  std::unordered_map<std::string, int32_t> index;
  for (size_t i = 0; i < classes.size(); ++i)
    index[classes[i]] = int32_t(i);
  for (Entry &entry : entries)
    entry.label = index[names[size_t(entry.label)]];
}

} // namespace heddle::importing
