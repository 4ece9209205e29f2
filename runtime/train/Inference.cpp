//===- Inference.cpp - layer by layer over all nodes --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Inference.h"

#include "runtime/base/AtomicOutput.h"
#include "runtime/base/Format.h"
#include "runtime/base/Json.h"
#include "runtime/base/Npy.h"
#include "runtime/base/Suggest.h"
#include "runtime/train/HiddenRows.h"
#include "runtime/train/Predictions.h"
#include "runtime/train/Restore.h"
#include "runtime/train/RunFolder.h"

#include "nlohmann/json.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <numeric>
#include <optional>
#include <unistd.h>

namespace heddle::train {
namespace {

using Json = nlohmann::ordered_json;

const std::vector<std::string> partNames = {"all", "train", "valid", "test", "none"};

/// An entry that makes rows of a layer.
struct LayerEntry {
  int entry = -1, layer = 0, type = 0;
};

/// By layer, the inputs (-1) first.
std::vector<LayerEntry> layerEntriesOf(const plan::PlanT &plan) {
  std::vector<LayerEntry> out;
  for (size_t i = 0; i < plan.entries.size(); ++i) {
    const plan::EntryT &entry = *plan.entries[i];
    if (entry.kind != plan::EntryKind::InferLayer)
      continue;
    for (const auto &op : entry.ops)
      if (const auto *seeds = op->attrs.AsSeedsAttrs())
        out.push_back({int(i), entry.layer, int(seeds->node_type)});
  }
  std::sort(out.begin(), out.end(), [](const LayerEntry &a, const LayerEntry &b) {
    return std::pair(a.layer, a.entry) < std::pair(b.layer, b.entry);
  });
  return out;
}

int typeOf(const plan::PlanT &plan, const std::string &name) {
  for (size_t i = 0; i < plan.node_types.size(); ++i)
    if (plan.node_types[i]->name == name)
      return int(i);
  return -1;
}

/// Rows of a node type, and whose they are, as a .npy file and a table beside it.
class RowsFile {
public:
  static absl::StatusOr<RowsFile> create(const std::string &path, const graph::GraphStore &graph,
                                         int type, int64_t width, int64_t expectedRows) {
    RowsFile out;
    out.graph_ = &graph;
    out.type_ = type;
    out.idsPath_ = path + ".ids.csv";
    HEDDLE_ASSIGN_OR_RETURN(out.rows_,
                            NpyWriter::create(path + ".npy", "float32", {width}, expectedRows));
    out.ids_.open(out.idsPath_, std::ios::binary);
    out.ids_ << "row,id,name\n";
    return out;
  }
  absl::Status append(std::span<const int64_t> ids, const float *rows) {
    for (size_t i = 0; i < ids.size(); ++i)
      ids_ << at_++ << ',' << csvField(graph_->originalId(type_, ids[i])) << ','
           << csvField(graph_->displayName(type_, ids[i])) << '\n';
    return rows_.append(rows, int64_t(ids.size()));
  }
  absl::Status finish() {
    HEDDLE_RETURN_IF_ERROR(rows_.close());
    ids_.close();
    return ids_ ? absl::OkStatus() : internalError(idsPath_ + ": cannot write; is the disk full?");
  }

private:
  const graph::GraphStore *graph_ = nullptr;
  int type_ = 0;
  std::string idsPath_;
  NpyWriter rows_;
  std::ofstream ids_;
  int64_t at_ = 0;
};

/// Letters, digits and a few signs of a node type's name; what else it has becomes '_'.
std::string fileNameOf(const std::string &type) {
  std::string out;
  for (unsigned char c : type)
    out += std::isalnum(c) || c == '.' || c == '-' || c == '_' ? char(c) : '_';
  return out;
}

class Inference {
public:
  Inference(const plan::PlanT &plan, const graph::GraphStore &graph, exec::Executor &executor,
            const TrainSettings &settings, const RunOptions &run, const InferenceOptions &options,
            const std::function<bool()> &stop)
      : plan_(plan), graph_(graph), executor_(executor), settings_(settings), run_(run),
        options_(options), stop_(stop), entries_(layerEntriesOf(plan)), hidden_(plan, executor),
        target_(int(plan.task->node_type)) {
    last_ = entries_.empty() ? 0 : entries_.back().layer;
  }
  absl::StatusOr<RunOutcome> infer();

private:
  int64_t nodesOf(int type) const { return graph_.schema().nodeTypes[size_t(type)].numNodes; }
  absl::Status readTarget();
  absl::Status chooseNodes();
  absl::Status readIds(const std::string &file);
  absl::Status makeRoom(const std::string &folder);
  absl::Status fillLayer(const LayerEntry &entry);
  absl::Status predict(const std::string &folder);
  absl::Status writeEmbeddings(const std::string &folder);
  absl::Status runOver(int entry, std::span<const int64_t> ids,
                       const std::function<absl::Status(const exec::StepResult &)> &done);
  absl::Status writeState(const std::string &folder, const std::string &status);
  std::string summary() const;

  const plan::PlanT &plan_;
  const graph::GraphStore &graph_;
  exec::Executor &executor_;
  const TrainSettings &settings_;
  const RunOptions &run_;
  const InferenceOptions &options_;
  const std::function<bool()> &stop_;
  std::vector<LayerEntry> entries_;
  HiddenRows hidden_;
  int target_ = 0, last_ = 0;

  graph::LabelView labels_;
  std::optional<Evaluator> evaluator_;
  std::vector<uint8_t> partOf_; ///< by node of the target type: 0 none, 1 train, 2 valid, 3 test
  std::vector<int64_t> nodes_;  ///< to predict, ascending
  Restored restored_;
  bool spilled_ = false, stopped_ = false;
  std::optional<Scores> test_;
  std::unique_ptr<Progress> progress_;
};

absl::Status Inference::readTarget() {
  const plan::TaskT &task = *plan_.task;
  HEDDLE_ASSIGN_OR_RETURN(labels_, graph_.label(target_, task.label));
  HEDDLE_ASSIGN_OR_RETURN(auto evaluator,
                          Evaluator::create(plan_, executor_, labels_, settings_));
  evaluator_.emplace(std::move(evaluator));
  partOf_.assign(size_t(nodesOf(target_)), 0);
  auto split = graph_.split(target_, task.label, task.split);
  if (!split.ok()) // a graph to predict may have none
    return absl::OkStatus();
  auto mark = [&](const int64_t *ids, int64_t count, uint8_t part) {
    for (int64_t i = 0; i < count; ++i)
      partOf_[size_t(ids[i])] = part;
  };
  mark(split->train, split->numTrain, 1);
  mark(split->valid, split->numValid, 2);
  mark(split->test, split->numTest, 3);
  return absl::OkStatus();
}

/// Ids of a file, one a line.
absl::Status Inference::readIds(const std::string &file) {
  std::ifstream in(file, std::ios::binary);
  if (!in)
    return invalidArgument("--predict: '" + file + "' is no part" + suggestion(file, partNames) +
                           " and no file with an id a line");
  const auto rowOf = rowsById(graph_, target_);
  std::string line;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    if (!line.empty() && line.back() == '\r')
      line.pop_back();
    if (line.empty())
      continue;
    auto found = rowOf.find(line);
    if (found == rowOf.end())
      return invalidArgument(file + ":" + std::to_string(number) + ": '" + line +
                             "' is no node of type '" + plan_.node_types[size_t(target_)]->name +
                             "' in " + graph_.schema().directory);
    nodes_.push_back(found->second);
  }
  std::sort(nodes_.begin(), nodes_.end());
  nodes_.erase(std::unique(nodes_.begin(), nodes_.end()), nodes_.end());
  return absl::OkStatus();
}

absl::Status Inference::chooseNodes() {
  auto part = std::find(partNames.begin(), partNames.end(), options_.predict);
  if (part == partNames.end())
    return readIds(options_.predict);
  const size_t wanted = size_t(part - partNames.begin());
  if (options_.predict == "none")
    return absl::OkStatus();
  for (int64_t row = 0; row < nodesOf(target_); ++row)
    if (wanted == 0 || partOf_[size_t(row)] == wanted)
      nodes_.push_back(row);
  return absl::OkStatus();
}

absl::Status Inference::makeRoom(const std::string &folder) {
  uint64_t limit = options_.memoryLimit;
  if (limit == 0)
    limit = uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE)) / 2;
  if (hidden_.mostBytes() <= limit)
    return absl::OkStatus();
  spilled_ = true;
  return hidden_.spill(folder);
}

/// Steps of an entry over `ids`, a bounded number of batches at a time.
absl::Status Inference::runOver(int entry, std::span<const int64_t> ids,
                                const std::function<absl::Status(const exec::StepResult &)> &done) {
  const uint64_t planned = plan_.entries[size_t(entry)]->batch_size;
  const size_t size = options_.batchSize ? size_t(options_.batchSize) : size_t(planned);
  constexpr size_t together = 32;
  absl::Status failure;
  for (size_t at = 0; at < ids.size() && !stopped_; at += size * together) {
    std::vector<std::vector<int64_t>> batches;
    for (size_t b = at; b < std::min(ids.size(), at + size * together); b += size)
      batches.emplace_back(ids.begin() + ptrdiff_t(b),
                           ids.begin() + ptrdiff_t(std::min(ids.size(), b + size)));
    absl::Status status = executor_.run(entry, batches, 0, {}, [&](const exec::StepResult &step) {
      failure = step.logits ? done(step)
                            : internalError("an entry of inference hands back no rows; recompile "
                                            "with heddle-compile");
      progress_->advance(int64_t(step.seeds.size()));
      stopped_ = failure.ok() && stop_();
      return failure.ok() && !stopped_;
    });
    HEDDLE_RETURN_IF_ERROR(failure);
    HEDDLE_RETURN_IF_ERROR(status);
  }
  return absl::OkStatus();
}

absl::Status Inference::fillLayer(const LayerEntry &entry) {
  const exec::StateView *into = hidden_.of(entry.layer + 1, entry.type);
  if (!into) // no relation of the next layer starts there
    return absl::OkStatus();
  std::vector<int64_t> all(size_t(nodesOf(entry.type)));
  std::iota(all.begin(), all.end(), int64_t(0));
  const int64_t rowBytes = into->rows ? into->bytes / into->rows : 0;
  return runOver(entry.entry, all, [&](const exec::StepResult &step) -> absl::Status {
    if (step.classes * int64_t(sizeof(float)) != rowBytes)
      return internalError("rows between layers differ in width; recompile with heddle-compile");
    if (!step.seeds.empty())
      std::memcpy(static_cast<char *>(into->data) + step.seeds.front() * rowBytes, step.logits,
                  step.seeds.size() * size_t(rowBytes)); // batches are ranges
    return absl::OkStatus();
  });
}

absl::Status Inference::predict(const std::string &folder) {
  const int64_t classes = evaluator_->classes();
  HEDDLE_ASSIGN_OR_RETURN(auto csv, PredictionWriter::create(folder + "/predictions.csv", plan_,
                                                             graph_, *evaluator_));
  HEDDLE_ASSIGN_OR_RETURN(auto rows, RowsFile::create(folder + "/logits", graph_, target_, classes,
                                                      int64_t(nodes_.size())));
  std::vector<int64_t> testIds;
  std::vector<float> testLogits;
  const LayerEntry &entry = entries_.back();
  HEDDLE_RETURN_IF_ERROR(
      runOver(entry.entry, nodes_, [&](const exec::StepResult &step) -> absl::Status {
        if (step.classes != classes)
          return internalError("the last layer's rows are not one number a class; recompile with "
                               "heddle-compile");
        Evaluation part;
        part.classes = classes;
        part.ids.assign(step.seeds.begin(), step.seeds.end());
        part.logits.assign(step.logits, step.logits + step.seeds.size() * size_t(classes));
        for (size_t i = 0; i < part.ids.size(); ++i)
          if (partOf_[size_t(part.ids[i])] == 3) {
            testIds.push_back(part.ids[i]);
            testLogits.insert(testLogits.end(), part.logits.begin() + ptrdiff_t(i) * classes,
                              part.logits.begin() + ptrdiff_t(i + 1) * classes);
          }
        HEDDLE_RETURN_IF_ERROR(rows.append(part.ids, part.logits.data()));
        static const char *names[] = {"", "train", "valid", "test"};
        return csv.append(part, [&](int64_t row) {
          return std::string_view(names[partOf_[size_t(part.ids[size_t(row)])]]);
        });
      }));
  if (stopped_)
    return absl::OkStatus();
  if (!testIds.empty()) {
    HEDDLE_ASSIGN_OR_RETURN(test_, evaluator_->score(testIds, testLogits));
  }
  HEDDLE_RETURN_IF_ERROR(rows.finish());
  return csv.finish();
}

absl::Status Inference::writeEmbeddings(const std::string &folder) {
  for (const std::string &name : options_.embed) {
    const int type = typeOf(plan_, name);
    const exec::StateView *table = hidden_.of(last_, type);
    const int64_t width = table->rows ? table->elements / table->rows : 0;
    HEDDLE_ASSIGN_OR_RETURN(auto file,
                            RowsFile::create(folder + "/embeddings." + fileNameOf(name), graph_,
                                             type, width, table->rows));
    constexpr int64_t together = 1 << 16;
    std::vector<int64_t> ids;
    for (int64_t at = 0; at < table->rows; at += together) {
      ids.resize(size_t(std::min(together, table->rows - at)));
      std::iota(ids.begin(), ids.end(), at);
      HEDDLE_RETURN_IF_ERROR(
          file.append(ids, static_cast<const float *>(table->data) + at * width));
    }
    HEDDLE_RETURN_IF_ERROR(file.finish());
  }
  return absl::OkStatus();
}

absl::Status Inference::writeState(const std::string &folder, const std::string &status) {
  Json result = {{"restored", restored_.file},
                 {"restored_rows", restored_.rows},
                 {"new_rows", restored_.newRows},
                 {"predicted", nodes_.size()},
                 {"embedded", options_.embed},
                 {"sampled_edges", executor_.stats().sampledEdges},
                 {"rows_on_disk", spilled_}};
  if (test_) {
    Json scores = {{"loss", test_->loss}, {"rows", test_->rows}};
    for (size_t i = 0; i < test_->metrics.size(); ++i)
      scores[nameOf(settings_.metrics[i])] = test_->metrics[i].value;
    result["test"] = std::move(scores);
  }
  Json out = {{"format", "heddle-run"},
              {"version", "1.0"},
              {"mode", "infer"},
              {"status", status},
              {"plan", run_.planFile},
              {"plan_checksum", run_.planChecksum},
              {"graph", run_.graphDirectory},
              {"graph_data", graph_.schema().dataFingerprint},
              {"result", std::move(result)}};
  return writeFileAtomically(folder + "/" + RunFolder::marker, printJson(out));
}

std::string Inference::summary() const {
  std::string out = "Weights of " + restored_.file + "\n";
  if (restored_.newRows)
    out += formatInteger(uint64_t(restored_.newRows)) +
           " nodes are not in the graph that was trained on: their learnable rows have initial "
           "values\n";
  out += "Inferred " + formatInteger(nodes_.size()) + " nodes of '" +
         plan_.node_types[size_t(target_)]->name + "', layer by layer with all neighbours, " +
         formatInteger(executor_.stats().sampledEdges) + " edges\n";
  if (spilled_)
    out += "Rows between layers were kept on disk\n";
  if (test_) {
    out += "Test nodes:";
    for (size_t i = 0; i < test_->metrics.size(); ++i) {
      char text[64];
      std::snprintf(text, sizeof text, " %.4f", test_->metrics[i].value);
      out += " " + nameOf(settings_.metrics[i]) + text;
    }
    out += "\n";
  }
  return out;
}

absl::StatusOr<RunOutcome> Inference::infer() {
  HEDDLE_RETURN_IF_ERROR(RunFolder::check(run_.output, run_.force));
  HEDDLE_RETURN_IF_ERROR(readTarget());
  HEDDLE_RETURN_IF_ERROR(chooseNodes());
  HEDDLE_ASSIGN_OR_RETURN(restored_, restoreWeights(options_.restore, graph_,
                                                    options_.restoreGraph, executor_));
  HEDDLE_ASSIGN_OR_RETURN(auto folder, RunFolder::create(run_.output, run_.force));
  HEDDLE_RETURN_IF_ERROR(writeState(folder->path(), "running"));
  HEDDLE_RETURN_IF_ERROR(makeRoom(folder->path()));
  int64_t rows = int64_t(nodes_.size());
  for (const LayerEntry &entry : entries_)
    if (entry.layer < last_ && hidden_.of(entry.layer + 1, entry.type))
      rows += nodesOf(entry.type);
  progress_ = std::make_unique<Progress>("infer", rows, run_.progress);
  for (size_t i = 0; i < entries_.size() && entries_[i].layer < last_ && !stopped_; ++i) {
    progress_->setPostfix(entries_[i].layer < 0
                              ? "inputs"
                              : "layer " + std::to_string(entries_[i].layer));
    HEDDLE_RETURN_IF_ERROR(fillLayer(entries_[i]));
    if (entries_[i + 1].layer != entries_[i].layer)
      hidden_.drop(entries_[i].layer);
  }
  if (!stopped_)
    HEDDLE_RETURN_IF_ERROR(writeEmbeddings(folder->path()));
  if (!stopped_ && options_.predict != "none")
    HEDDLE_RETURN_IF_ERROR(predict(folder->path()));
  progress_->close();
  RunOutcome outcome;
  outcome.interrupted = stopped_;
  if (stopped_) {
    HEDDLE_RETURN_IF_ERROR(writeState(folder->path(), "interrupted"));
    outcome.summary = "Interrupted; what was written is in " + folder->path() + "\n";
    return outcome;
  }
  HEDDLE_RETURN_IF_ERROR(writeState(folder->path(), "finished"));
  HEDDLE_RETURN_IF_ERROR(folder->finish());
  outcome.summary = summary() + "Results are in " + folder->path() + "\n";
  return outcome;
}

} // namespace

absl::Status checkInference(const plan::PlanT &plan, const InferenceOptions &options) {
  if (plan.partitions > 1)
    return invalidArgument("--mode infer: the plan is for " + std::to_string(plan.partitions) +
                           " partitions, and inference goes over the graph on one worker; compile "
                           "the same spec without --partitions (weights fit any number of them)");
  const std::vector<LayerEntry> entries = layerEntriesOf(plan);
  if (entries.empty())
    return failedPrecondition(
        "--mode infer: the plan has no entries of inference. A model that reduces over the batch "
        "(hgnn.batch_reduce) has none, since its rows depend on what else is in the batch: train "
        "or "
        "resume with eval.batch_size \"all\" for predictions. Of other models, recompile the spec "
        "with heddle-compile");
  if (options.restore.empty())
    return invalidArgument("--mode infer: --restore is required; name a run folder of heddle-run, or "
                           "its best/ or last/");
  HEDDLE_RETURN_IF_ERROR(weightsFileOf(options.restore).status());
  const int last = entries.back().layer;
  for (const std::string &name : options.embed) {
    std::vector<std::string> names;
    for (const auto &entry : plan.entries)
      if (entry->kind == plan::EntryKind::InferLayer && entry->layer == last)
        for (const auto &buffer : entry->buffers)
          if (buffer->space == plan::Space::State) {
            const plan::StateT &state = *plan.states[size_t(buffer->state)];
            if (state.role == plan::StateRole::Hidden)
              names.push_back(plan.node_types[size_t(state.rows_type)]->name);
          }
    if (std::find(names.begin(), names.end(), name) == names.end())
      return invalidArgument("--embed: the last layer takes no rows of node type '" + name + "'" +
                             suggestion(name, names));
  }
  return absl::OkStatus();
}

absl::StatusOr<RunOutcome> runInference(const plan::PlanT &plan, const graph::GraphStore &graph,
                                        exec::Executor &executor, const TrainSettings &settings,
                                        const RunOptions &run, const InferenceOptions &options,
                                        const std::function<bool()> &stop) {
  HEDDLE_RETURN_IF_ERROR(checkInference(plan, options));
  return Inference(plan, graph, executor, settings, run, options, stop).infer();
}

} // namespace heddle::train
