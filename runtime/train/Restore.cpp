//===- Restore.cpp - weights of an earlier run --------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Restore.h"

#include "runtime/base/Suggest.h"
#include "runtime/exec/StateRows.h"
#include "runtime/train/RunFolder.h"
#include "runtime/train/Safetensors.h"
#include "runtime/train/StateFiles.h"

#include "nlohmann/json.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace heddle::train {
namespace {

namespace fs = std::filesystem;

constexpr const char *weightsName = "weights.safetensors";

std::string keyOf(const plan::StateT &state) {
  return state.export_key.empty() ? state.name : state.export_key;
}

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string out;
  for (int64_t extent : shape)
    out += (out.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + out + "]";
}

/// The graph directory that the run of a weights file names, "" if it names none.
std::string graphOfRun(const std::string &file) {
  fs::path folder = fs::path(file).parent_path();
  // best/ in the run folder, or in the folder of one of its seeds.
  for (int up = 0; up < 3; ++up, folder = folder.parent_path()) {
    std::ifstream in(folder / RunFolder::marker);
    if (!in)
      continue;
    auto run = nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
    if (run.is_object() && run.contains("graph") && run["graph"].is_string())
      return run["graph"].get<std::string>();
    return "";
  }
  return "";
}

class Restorer {
public:
  Restorer(const SafetensorsReader &reader, const std::string &file, const graph::GraphStore &graph,
           const std::string &trainedOn)
      : reader_(reader), file_(file), graph_(graph), trainedOn_(trainedOn) {
    auto data = reader.metadata().find("graph_data");
    sameGraph_ = data != reader.metadata().end() &&
                 data->second == graph.schema().dataFingerprint;
  }

  absl::Status fill(const exec::StateView &view, Restored &report);

private:
  absl::Status read(const TensorInfo &tensor, const exec::StateView &view) {
    if (!view.tier)
      return reader_.read(tensor, 0, tensor.bytes, view.data);
    constexpr int64_t blockBytes = 1 << 20;
    const int64_t rowBytes = view.rows ? view.bytes / view.rows : 0;
    const int64_t together = std::max<int64_t>(1, blockBytes / std::max<int64_t>(1, rowBytes));
    std::vector<char> rows(size_t(std::min(view.rows, together) * rowBytes));
    for (int64_t first = 0; first < view.rows; first += together) {
      const int64_t count = std::min(together, view.rows - first);
      HEDDLE_RETURN_IF_ERROR(reader_.read(tensor, first * rowBytes, count * rowBytes, rows.data()));
      HEDDLE_RETURN_IF_ERROR(view.tier->write(first, count, rows.data()));
    }
    return absl::OkStatus();
  }
  absl::Status openOther();
  absl::Status fillRows(const TensorInfo &tensor, const exec::StateView &view, Restored &report);

  const SafetensorsReader &reader_;
  const std::string &file_;
  const graph::GraphStore &graph_;
  std::string trainedOn_;
  bool sameGraph_ = false;
  std::unique_ptr<graph::GraphStore> other_; ///< the graph of the weights, if it is another one
};

absl::Status Restorer::openOther() {
  if (other_)
    return absl::OkStatus();
  std::string directory = trainedOn_.empty() ? graphOfRun(file_) : trainedOn_;
  const char *remedy = "; name the graph directory that it was trained on with --restore-graph";
  if (directory.empty())
    return failedPrecondition(file_ + ": its learnable rows are of another graph than " +
                              graph_.schema().directory + remedy);
  auto opened = graph::GraphStore::open(directory);
  if (!opened.ok())
    return withPrefix(opened.status(), file_ + ": its learnable rows are of another graph" +
                                           remedy + ": ");
  auto wanted = reader_.metadata().find("graph_data");
  if (wanted == reader_.metadata().end() ||
      wanted->second != (*opened)->schema().dataFingerprint)
    return failedPrecondition(directory + ": is not the graph that " + file_ + " was trained on" +
                              remedy);
  other_ = std::move(*opened);
  return absl::OkStatus();
}

/// Rows of the nodes that both graphs have, by their ids.
absl::Status Restorer::fillRows(const TensorInfo &tensor, const exec::StateView &view,
                                Restored &report) {
  HEDDLE_RETURN_IF_ERROR(openOther());
  const int type = view.description->rows_type;
  const std::string &name = graph_.schema().nodeTypes[size_t(type)].name;
  const int there = other_->schema().nodeTypeId(name);
  const int64_t rows = tensor.shape.front();
  if (there < 0 || other_->schema().nodeTypes[size_t(there)].numNodes != rows)
    return failedPrecondition(file_ + ": '" + tensor.name + "' has " + std::to_string(rows) +
                              " rows, which are not those of node type '" + name + "' in " +
                              other_->schema().directory);
  const auto rowOf = rowsById(*other_, there);
  const int64_t bytes = view.rows ? view.bytes / view.rows : 0;
  std::vector<char> one(view.tier ? size_t(bytes) : 0);
  for (int64_t row = 0; row < view.rows; ++row) {
    auto found = rowOf.find(graph_.originalId(type, row));
    if (found == rowOf.end()) {
      ++report.newRows;
      continue;
    }
    char *to = view.tier ? one.data() : static_cast<char *>(view.data) + row * bytes;
    HEDDLE_RETURN_IF_ERROR(reader_.read(tensor, found->second * bytes, bytes, to));
    if (view.tier)
      HEDDLE_RETURN_IF_ERROR(view.tier->write(row, 1, to));
    ++report.rows;
  }
  return absl::OkStatus();
}

absl::Status Restorer::fill(const exec::StateView &view, Restored &report) {
  const plan::StateT &state = *view.description;
  const std::string key = keyOf(state);
  const TensorInfo *tensor = reader_.find(key);
  if (!tensor) {
    std::vector<std::string> names;
    for (const TensorInfo &other : reader_.tensors())
      names.push_back(other.name);
    return invalidArgument(file_ + ": has no '" + key + "', which the plan has" +
                           suggestion(key, names) +
                           "; compile the spec that these weights were trained with");
  }
  std::vector<int64_t> shape(state.shape.begin(), state.shape.end());
  const bool table = state.rows_type >= 0;
  const bool rowsDiffer = table && !sameGraph_;
  std::vector<int64_t> whole = shape;
  if (table)
    whole.insert(whole.begin(), view.rows);
  bool fits = tensor->dtype == plan::EnumNameDType(state.dtype) &&
              (rowsDiffer ? tensor->shape.size() == whole.size() &&
                                std::equal(shape.begin(), shape.end(), tensor->shape.begin() + 1)
                          : tensor->shape == whole);
  if (!fits)
    return invalidArgument(file_ + ": '" + key + "' is " + tensor->dtype + " " +
                           shapeText(tensor->shape) + ", in the plan it is " +
                           plan::EnumNameDType(state.dtype) + " " + shapeText(whole) +
                           "; compile the spec that these weights were trained with");
  ++report.tensors;
  if (rowsDiffer)
    return fillRows(*tensor, view, report);
  if (table)
    report.rows += view.rows;
  return read(*tensor, view);
}

} // namespace

std::unordered_map<std::string, int64_t> rowsById(const graph::GraphStore &graph, int nodeType) {
  const int64_t rows = graph.schema().nodeTypes[size_t(nodeType)].numNodes;
  std::unordered_map<std::string, int64_t> out;
  out.reserve(size_t(rows));
  for (int64_t row = 0; row < rows; ++row)
    out.emplace(graph.originalId(nodeType, row), row);
  return out;
}

absl::StatusOr<std::string> weightsFileOf(const std::string &path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    if (fs::exists(path, error))
      return path;
    return invalidArgument("--restore: " + path + ": no such file or folder");
  }
  for (const char *inside : {"", "best"}) {
    fs::path file = fs::path(path) / inside / weightsName;
    if (fs::exists(file, error))
      return file.string();
  }
  return invalidArgument("--restore: " + path + ": has no " + weightsName + ", nor has its best/; " +
                         "name a run folder of heddle-run, its best/ or last/, or the file");
}

absl::StatusOr<Restored> restoreWeights(const std::string &path, const graph::GraphStore &graph,
                                        const std::string &trainedOn, exec::Executor &executor) {
  Restored report;
  HEDDLE_ASSIGN_OR_RETURN(report.file, weightsFileOf(path));
  HEDDLE_ASSIGN_OR_RETURN(auto reader, SafetensorsReader::open(report.file));
  Restorer restorer(*reader, report.file, graph, trainedOn);
  std::vector<std::string> known;
  for (const exec::StateView &view : executor.states()) {
    if (!view.description->checkpointed || partOf(*view.description) != StatePart::Weights)
      continue;
    known.push_back(keyOf(*view.description));
    HEDDLE_RETURN_IF_ERROR(restorer.fill(view, report));
  }
  for (const TensorInfo &tensor : reader->tensors())
    if (std::find(known.begin(), known.end(), tensor.name) == known.end())
      return invalidArgument(report.file + ": has '" + tensor.name +
                             "', which the plan has not" + suggestion(tensor.name, known) +
                             "; compile the spec that these weights were trained with");
  return report;
}

} // namespace heddle::train
