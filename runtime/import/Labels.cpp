//===- Labels.cpp - labels and splits out of table columns -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/Labels.h"

#include "runtime/base/Suggest.h"

#include <algorithm>

namespace heddle::importing {

namespace {

constexpr const char *kPartNames[] = {"train", "valid", "test"};

int partOfName(std::string_view name) {
  for (int i = 0; i < 3; ++i)
    if (name == kPartNames[i])
      return i;
  return name == "val" || name == "validation" ? 1 : -1;
}

} // namespace

void sortNames(std::vector<std::string> &names) {
  bool integers = std::all_of(names.begin(), names.end(), [](const std::string &name) {
    return canonicalInteger(name).has_value();
  });
  if (integers)
    std::sort(names.begin(), names.end(), [](const std::string &a, const std::string &b) {
      return *canonicalInteger(a) < *canonicalInteger(b);
    });
  else
    std::sort(names.begin(), names.end());
}

LabelCollector::LabelCollector(const LabelSpec &spec, TableScan &scan)
    : spec_(spec), wanted_(scan.want(spec.column)), splits_(spec.splits.size()) {
  for (size_t i = 0; i < spec.splits.size(); ++i) {
    const SplitSpec &split = spec.splits[i];
    if (split.kind == SplitSpec::Kind::Column || split.kind == SplitSpec::Kind::Time)
      splits_[i].wanted = scan.want(split.column);
    if (split.kind == SplitSpec::Kind::Time) {
      splits_[i].bounds[0] = parseTime(split.validFrom).value_or(TimeValue{});
      splits_[i].bounds[1] = parseTime(split.testFrom).value_or(TimeValue{});
    }
  }
}

int32_t LabelCollector::provisionalClass(std::string_view name) {
  return classes_.try_emplace(std::string(name), int32_t(classes_.size())).first->second;
}

absl::Status LabelCollector::addRow(const TableScan &scan) {
  bool null = scan.isNull(wanted_);
  std::string_view cell = scan.cell(wanted_);
  if (spec_.separator.empty()) {
    single_.push_back(null ? -1 : provisionalClass(cell));
  } else {
    // A cell of separators alone is a label with no class.
    while (!null && !cell.empty()) {
      size_t end = cell.find(spec_.separator);
      if (std::string_view name = cell.substr(0, end); !name.empty())
        multi_.push_back(provisionalClass(name));
      cell.remove_prefix(end == std::string_view::npos ? cell.size()
                                                       : end + spec_.separator.size());
    }
    multiEnd_.push_back(int64_t(multi_.size()));
    multiLabelled_.push_back(!null);
  }
  if (classes_.size() > 1000000)
    return scan.error(wanted_, "more than a million classes; check label_col, a label is a class "
                               "and not a number to predict");
  for (size_t i = 0; i < splits_.size(); ++i)
    if (splits_[i].wanted >= 0)
      HEDDLE_RETURN_IF_ERROR(addSplitCell(scan, spec_.splits[i], splits_[i]));
  return absl::OkStatus();
}

absl::Status LabelCollector::addSplitCell(const TableScan &scan, const SplitSpec &spec,
                                          SplitColumn &column) {
  if (scan.isNull(column.wanted)) {
    column.part.push_back(-1);
    ++column.without;
    return absl::OkStatus();
  }
  std::string_view cell = scan.cell(column.wanted);
  int part;
  if (spec.kind == SplitSpec::Kind::Column) {
    part = partOfName(cell);
    if (part < 0)
      return scan.error(column.wanted, "'" + std::string(cell) + "' is no part of a split" +
                                           suggestion(cell, {"train", "valid", "test"}));
  } else {
    auto time = parseTime(cell);
    if (!time)
      return scan.error(column.wanted, "'" + std::string(cell) +
                                           "' is no time; write a number or a date such as "
                                           "2026-06-01T12:00:00Z");
    // A plain number against a date is seconds since 1970, a date against a number is a mistake.
    if (time->isDate && !column.bounds[0].isDate)
      return scan.error(column.wanted, "a date, but valid_from is a number; write both alike");
    part = time->value < column.bounds[0].value ? 0 : time->value < column.bounds[1].value ? 1 : 2;
  }
  column.part.push_back(int8_t(part));
  return absl::OkStatus();
}

absl::Status LabelCollector::readIdList(const SplitSpec &spec, int part,
                                        const std::vector<bool> &labelled, const IdMap &ids,
                                        const TableFormat &format,
                                        std::vector<int64_t> &rows) const {
  auto addId = [&](std::string_view id, const std::string &place) {
    int64_t row = ids.find(id);
    if (row < 0)
      return invalidArgument(place + ": no node has the id '" + std::string(id) +
                             "'; remove it from the split");
    if (!labelled[size_t(row)])
      return invalidArgument(place + ": node '" + std::string(id) + "' has no label '" +
                             spec_.name + "'; remove it from the split");
    rows.push_back(row);
    return absl::OkStatus();
  };
  if (!spec.idColumn.empty()) {
    TableScan scan(spec.files[part], format, "read split", nullptr);
    int wanted = scan.want(spec.idColumn);
    for (;;) {
      HEDDLE_ASSIGN_OR_RETURN(bool any, scan.next());
      if (!any)
        return absl::OkStatus();
      HEDDLE_RETURN_IF_ERROR(addId(scan.cell(wanted), scan.place(wanted)));
    }
  }
  for (const std::string &file : spec.files[part]) {
    HEDDLE_ASSIGN_OR_RETURN(auto source, openBytes(file));
    std::string line;
    int64_t lineNumber = 0;
    std::vector<char> buffer(1 << 16);
    auto endLine = [&]() -> absl::Status {
      ++lineNumber;
      if (!line.empty() && line.back() == '\r')
        line.pop_back();
      absl::Status status =
          line.empty() ? absl::OkStatus() : addId(line, file + ":" + std::to_string(lineNumber));
      line.clear();
      return status;
    };
    for (;;) {
      HEDDLE_ASSIGN_OR_RETURN(int64_t n, source->read(buffer.data(), int64_t(buffer.size())));
      for (int64_t i = 0; i < n; ++i)
        if (buffer[size_t(i)] == '\n')
          HEDDLE_RETURN_IF_ERROR(endLine());
        else
          line += buffer[size_t(i)];
      if (int64_t(line.size()) > TableReader::maxRecordBytes)
        return invalidArgument(file + ":" + std::to_string(lineNumber + 1) +
                               ": no line ends here; write one id a line");
      if (n == 0)
        break;
    }
    if (!line.empty())
      HEDDLE_RETURN_IF_ERROR(endLine());
  }
  return absl::OkStatus();
}

absl::StatusOr<SplitParts> LabelCollector::partsOf(size_t split, const std::vector<bool> &labelled,
                                                   const IdMap &ids,
                                                   const TableFormat &format) const {
  const SplitSpec &spec = spec_.splits[split];
  SplitParts parts;
  if (spec.kind == SplitSpec::Kind::Files) {
    for (int part = 0; part < 3; ++part)
      HEDDLE_RETURN_IF_ERROR(readIdList(spec, part, labelled, ids, format, parts.part[part]));
    return parts;
  }
  for (size_t row = 0; row < labelled.size(); ++row) {
    if (!labelled[row])
      continue;
    int part = spec.kind == SplitSpec::Kind::Hash
                   ? hashPart(ids.idOf(int64_t(row)), spec.seed, spec.ratio)
                   : splits_[split].part[row];
    if (part >= 0)
      parts.part[part].push_back(int64_t(row));
  }
  return parts;
}

absl::Status LabelCollector::write(graph::GraphBuilder &builder, int typeHandle,
                                   const std::string &typeName, int64_t numNodes, const IdMap &ids,
                                   const TableFormat &format, SplitParts &split0) {
  std::vector<std::string> names;
  for (const auto &entry : classes_)
    names.push_back(entry.first);
  if (names.empty())
    return invalidArgument(spec_.place + "/label_col: column '" + spec_.column +
                           "' holds no label at all; check the column");
  sortNames(names);
  std::vector<int32_t> classOf(names.size());
  for (size_t i = 0; i < names.size(); ++i)
    classOf[size_t(classes_.at(names[i]))] = int32_t(i);

  std::vector<bool> labelled(static_cast<size_t>(numNodes), false);
  int label = 0;
  if (spec_.separator.empty()) {
    for (size_t row = 0; row < single_.size(); ++row)
      if (single_[row] >= 0) {
        single_[row] = classOf[size_t(single_[row])];
        labelled[row] = true;
      }
    single_.resize(size_t(numNodes), -1);
    HEDDLE_ASSIGN_OR_RETURN(label, builder.addLabel(typeHandle, spec_.name, names, single_));
  } else {
    size_t width = names.size();
    std::vector<uint8_t> rows(size_t(numNodes) * width, 255);
    int64_t begin = 0;
    for (size_t row = 0; row < multiEnd_.size(); ++row) {
      int64_t end = multiEnd_[row];
      if (multiLabelled_[row]) {
        labelled[row] = true;
        std::fill_n(rows.begin() + int64_t(row * width), width, uint8_t(0));
        for (int64_t i = begin; i < end; ++i)
          rows[row * width + size_t(classOf[size_t(multi_[size_t(i)])])] = 1;
      }
      begin = end;
    }
    HEDDLE_ASSIGN_OR_RETURN(label, builder.addMultiLabel(typeHandle, spec_.name, names, rows));
  }
  for (size_t i = 0; i < splits_.size(); ++i) {
    HEDDLE_ASSIGN_OR_RETURN(SplitParts parts, partsOf(i, labelled, ids, format));
    const SplitSpec &spec = spec_.splits[i];
    if (splits_[i].without > 0)
      builder.count(typeName + ": rows outside split '" + spec.name + "', no " +
                        (spec.kind == SplitSpec::Kind::Time ? "time" : "part") + " in '" +
                        spec.column + "'",
                    splits_[i].without);
    if (i == 0)
      split0 = parts;
    HEDDLE_RETURN_IF_ERROR(
        withPrefix(builder.addSplit(label, spec.name, std::move(parts.part[0]),
                                    std::move(parts.part[1]), std::move(parts.part[2])),
                   spec.place + ": "));
  }
  return absl::OkStatus();
}

} // namespace heddle::importing
