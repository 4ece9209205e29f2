//===- LabelStager.cpp - checks and writes labels and splits -----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/LabelStager.h"

#include "runtime/base/Json.h"
#include "runtime/base/Npy.h"

#include <algorithm>
#include <limits>
#include <set>

namespace heddle::graph {

absl::StatusOr<StagedFile> stageArray(const std::string &path, const std::string &dtype,
                                      const std::vector<int64_t> &rowShape, const void *data,
                                      size_t rows) {
  auto count = static_cast<int64_t>(rows);
  HEDDLE_ASSIGN_OR_RETURN(NpyWriter writer, NpyWriter::create(path, dtype, rowShape, count));
  HEDDLE_RETURN_IF_ERROR(writer.append(data, count));
  HEDDLE_RETURN_IF_ERROR(writer.close());
  return StagedFile{path, {writer.fileBytes(), writer.checksum()}};
}

namespace {

constexpr uint8_t missingMulti = 255;
constexpr const char *partNames[3] = {"train", "valid", "test"};

std::string placeOf(const StagedNodeType &type, const std::string &label) {
  return "node type '" + type.name + "': label '" + label + "'";
}

/// "node 17 (id 'dog.n.01')", as far as ids are known already.
std::string nodeText(const StagedNodeType &type, int64_t row) {
  std::string text = "node " + std::to_string(row);
  if (row < 0 || row >= type.numNodes || type.idsKind == "none")
    return text;
  if (type.idsKind == "int64") {
    auto ids = NpyArray::open(type.ids.path);
    return ids.ok() ? text + " (id " + std::to_string(ids->as<int64_t>()[row]) + ")" : text;
  }
  auto bytes = MappedFile::open(type.ids.path);
  auto offsets = NpyArray::open(type.idsOffsets.path);
  if (!bytes.ok() || !offsets.ok())
    return text;
  auto begin = static_cast<size_t>(offsets->as<int64_t>()[row]);
  auto end = static_cast<size_t>(offsets->as<int64_t>()[row + 1]);
  return text + " (id '" + std::string(bytes->text().substr(begin, end - begin)) + "')";
}

absl::Status checkLabel(const StagedNodeType &type, const std::string &name,
                        const std::vector<std::string> &classes) {
  std::string place = placeOf(type, name);
  for (const StagedLabel &label : type.labels)
    if (label.name == name)
      return invalidArgument(place + " is declared twice");
  if (classes.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()))
    return invalidArgument(place + ": more than 2^31 - 1 classes");
  std::set<std::string> seen;
  for (const std::string &text : classes) {
    if (!isValidUtf8(text))
      return invalidArgument(place + ": a class name is not UTF-8; convert the input, for example "
                                     "with iconv");
    if (!seen.insert(text).second)
      return invalidArgument(place + ": the class '" + text + "' appears twice");
  }
  return absl::OkStatus();
}

} // namespace

absl::Status stageLabel(StagedNodeType &type, const std::string &name,
                        const std::vector<std::string> &classes,
                        const std::vector<int32_t> &classOfNode, const std::string &path) {
  HEDDLE_RETURN_IF_ERROR(checkLabel(type, name, classes));
  if (static_cast<int64_t>(classOfNode.size()) != type.numNodes)
    return invalidArgument(placeOf(type, name) + ": " + std::to_string(classOfNode.size()) +
                           " values for " + std::to_string(type.numNodes) + " nodes");
  StagedLabel label;
  label.name = name;
  label.classes = classes;
  for (size_t i = 0; i < classOfNode.size(); ++i) {
    if (classOfNode[i] < -1 || classOfNode[i] >= static_cast<int64_t>(classes.size()))
      return invalidArgument(placeOf(type, name) + ": " + nodeText(type, static_cast<int64_t>(i)) +
                             " has class " + std::to_string(classOfNode[i]) + "; expected -1 to " +
                             std::to_string(static_cast<int64_t>(classes.size()) - 1));
    label.missing += classOfNode[i] < 0;
  }
  HEDDLE_ASSIGN_OR_RETURN(
      label.file, stageArray(path, "int32", {}, classOfNode.data(), classOfNode.size()));
  type.labels.push_back(std::move(label));
  return absl::OkStatus();
}

absl::Status stageMultiLabel(StagedNodeType &type, const std::string &name,
                             const std::vector<std::string> &classes,
                             const std::vector<uint8_t> &rows, const std::string &path) {
  HEDDLE_RETURN_IF_ERROR(checkLabel(type, name, classes));
  size_t width = classes.size();
  auto nodes = static_cast<size_t>(type.numNodes);
  if (width == 0)
    return invalidArgument(placeOf(type, name) + ": a multi-label needs at least one class");
  if (rows.size() / width != nodes || rows.size() % width != 0)
    return invalidArgument(placeOf(type, name) + ": " + std::to_string(rows.size()) +
                           " values for " + std::to_string(nodes) + " nodes and " +
                           std::to_string(width) + " classes");
  StagedLabel label;
  label.name = name;
  label.multilabel = true;
  label.classes = classes;
  for (size_t i = 0; i < nodes; ++i) {
    const uint8_t *row = rows.data() + i * width;
    bool missing = row[0] == missingMulti;
    label.missing += missing;
    if (std::any_of(row, row + width,
                    [&](uint8_t v) { return missing ? v != missingMulti : v > 1; }))
      return invalidArgument(placeOf(type, name) + ": " + nodeText(type, static_cast<int64_t>(i)) +
                             ": expected 0 or 1 for every class, or 255 for all");
  }
  HEDDLE_ASSIGN_OR_RETURN(
      label.file, stageArray(path, "uint8", {static_cast<int64_t>(width)}, rows.data(), nodes));
  type.labels.push_back(std::move(label));
  return absl::OkStatus();
}

absl::Status stageSplit(StagedNodeType &type, size_t labelIndex, const std::string &name,
                        std::array<std::vector<int64_t>, 3> parts,
                        const std::array<std::string, 3> &paths) {
  StagedLabel &label = type.labels[labelIndex];
  std::string place = placeOf(type, label.name) + ": split '" + name + "'";
  for (const StagedSplit &split : label.splits)
    if (split.name == name)
      return invalidArgument(place + " is declared twice");
  HEDDLE_ASSIGN_OR_RETURN(NpyArray labels, NpyArray::open(label.file.path));
  auto width = label.multilabel ? label.classes.size() : 1;
  StagedSplit split;
  split.name = name;
  for (size_t part = 0; part < 3; ++part) {
    std::vector<int64_t> &ids = parts[part];
    std::string inPart = place + ", " + partNames[part] + ": ";
    std::sort(ids.begin(), ids.end());
    split.classCounts[part].assign(label.classes.size(), 0);
    for (size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < 0 || ids[i] >= type.numNodes)
        return invalidArgument(inPart + "node " + std::to_string(ids[i]) +
                               " is out of range; the type has " + std::to_string(type.numNodes) +
                               " nodes");
      if (i > 0 && ids[i] == ids[i - 1])
        return invalidArgument(inPart + nodeText(type, ids[i]) + " appears twice");
      auto row = static_cast<size_t>(ids[i]) * width;
      bool missing = label.multilabel ? labels.as<uint8_t>()[row] == missingMulti
                                      : labels.as<int32_t>()[row] < 0;
      if (missing)
        return invalidArgument(inPart + nodeText(type, ids[i]) +
                               " has no label; leave it out of the split");
      if (label.multilabel) {
        for (size_t c = 0; c < width; ++c)
          split.classCounts[part][c] += labels.as<uint8_t>()[row + c];
      } else {
        ++split.classCounts[part][static_cast<size_t>(labels.as<int32_t>()[row])];
      }
    }
    for (size_t other = 0; other < part; ++other) {
      std::vector<int64_t> both;
      std::set_intersection(ids.begin(), ids.end(), parts[other].begin(), parts[other].end(),
                            std::back_inserter(both));
      if (!both.empty())
        return invalidArgument(place + ": " + nodeText(type, both.front()) + " is in " +
                               partNames[other] + " and in " + partNames[part]);
    }
    split.sizes[part] = static_cast<int64_t>(ids.size());
    HEDDLE_ASSIGN_OR_RETURN(split.parts[part],
                            stageArray(paths[part], "int64", {}, ids.data(), ids.size()));
  }
  label.splits.push_back(std::move(split));
  return absl::OkStatus();
}

} // namespace heddle::graph
