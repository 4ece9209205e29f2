//===- RunReport.cpp - how a run ended, for people and programs ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/RunReport.h"

#include "runtime/base/Format.h"
#include "runtime/base/Json.h"

#include "nlohmann/json.hpp"

#include <cmath>
#include <cstdio>
#include <limits>

namespace heddle::train {
namespace {

using Align = TextTable::Align;
using Json = nlohmann::ordered_json;

std::string score(double value) {
  if (!std::isfinite(value))
    return "undefined";
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4f", value);
  return buffer;
}

std::string plusMinus(const MeanStd &value) {
  return score(value.mean) + " \xC2\xB1 " + score(value.std);
}

std::string endOf(const RunReport &report, const TrainSettings &settings) {
  const TrainResult &result = report.result;
  if (result.bestEpoch >= 0)
    return "best epoch " + std::to_string(result.bestEpoch) + " of " +
           std::to_string(result.epochs) + ", " + settings.monitorName() + " " +
           score(result.bestValue);
  return "the last state counts (epoch " + std::to_string(result.epochs) + ")";
}

Json numberOrNull(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json scoresJson(const std::optional<Scores> &scores, const TrainSettings &settings) {
  if (!scores)
    return nullptr;
  Json metrics = Json::object();
  for (size_t i = 0; i < settings.metrics.size(); ++i)
    metrics[nameOf(settings.metrics[i])] = numberOrNull(scores->metrics[i].value);
  return {{"rows", scores->rows}, {"loss", numberOrNull(scores->loss)}, {"metrics", metrics}};
}

} // namespace

MeanStd meanStd(const std::vector<double> &values) {
  MeanStd out;
  double count = 0, squares = 0;
  for (double value : values)
    if (std::isfinite(value)) {
      ++count;
      double delta = value - out.mean;
      out.mean += delta / count;
      squares += delta * (value - out.mean);
    }
  if (count == 0)
    return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
  out.std = count > 1 ? std::sqrt(squares / (count - 1)) : 0;
  return out;
}

std::string describeRun(const RunReport &report, const TrainSettings &settings) {
  const TrainResult &result = report.result;
  std::string out = "Trained ";
  out += formatInteger(uint64_t(result.epochs)) + (result.epochs == 1 ? " epoch (" : " epochs (") +
         formatInteger(result.steps) + (result.steps == 1 ? " step)" : " steps)") + " in " +
         formatSeconds(result.trainSeconds);
  if (result.epochs > 0 && !result.interrupted)
    out += ", " + formatSeconds(result.trainSeconds / double(result.epochs)) + " per epoch";
  out += "; ";
  if (report.partitions > 1)
    out += std::to_string(report.partitions) + " partitions on " + std::to_string(report.workers) +
           (report.workers == 1 ? " worker, each of " : " workers, each of ");
  out += std::to_string(report.threads) + (report.threads == 1 ? " thread" : " threads");
  if (!report.kernelTarget.empty())
    out += ", " + printable(report.kernelTarget);
  out += ", seed " + std::to_string(report.seed) + "\n";
  if (result.stoppedEarly)
    out += "Stopped early: " + settings.monitorName() + " did not improve in " +
           std::to_string(settings.patience) +
           (settings.patience == 1 ? " evaluation\n" : " evaluations\n");
  std::string end = endOf(report, settings);
  end[0] = end[0] >= 'a' && end[0] <= 'z' ? char(end[0] - 'a' + 'A') : end[0];
  out += end + "\n";
  for (const std::string &remark : result.remarks)
    out += "Note: " + printable(remark) + "\n";
  std::vector<std::string> notes;
  if (report.test) {
    TextTable table({{"test (" + formatInteger(uint64_t(report.test->rows)) + " nodes)", Align::Left},
                     {"trained", Align::Right},
                     {report.baselineName.empty() ? "baseline"
                                                   : ellipsize(printable(report.baselineName), 40),
                      Align::Right}});
    auto row = [&](const std::string &name, double value, double baseline) {
      table.addRow({name, score(value), report.baseline ? score(baseline) : ""});
    };
    for (size_t i = 0; i < settings.metrics.size(); ++i) {
      row(nameOf(settings.metrics[i]), report.test->metrics[i].value,
          report.baseline ? report.baseline->metrics[i].value : 0);
      if (!report.test->metrics[i].remark.empty())
        notes.push_back(nameOf(settings.metrics[i]) + ": " + report.test->metrics[i].remark);
    }
    row("loss", report.test->loss, report.baseline ? report.baseline->loss : 0);
    out += "\n" + table.str(2);
  } else if (!result.interrupted) {
    out += "The split has no test nodes: nothing to test on\n";
  }
  for (const std::string &note : notes)
    out += "  note: " + printable(note) + "\n";
  out += describeCaches(report.caches);
  if (!report.examples.empty()) {
    out += "\nExamples from the test nodes\n";
    for (const std::string &example : report.examples)
      out += "  " + example + "\n";
  }
  return out;
}

std::string describeRuns(const std::vector<RunReport> &reports, const TrainSettings &settings) {
  std::vector<TextTable::Column> columns = {{"seed", Align::Left}, {"best epoch", Align::Right}};
  columns.push_back({settings.monitorName(), Align::Right});
  for (Metric metric : settings.metrics)
    columns.push_back({"test " + nameOf(metric), Align::Right});
  columns.push_back({"seconds", Align::Right});
  TextTable table(columns);
  std::vector<std::vector<double>> values(settings.metrics.size() + 2);
  for (const RunReport &report : reports) {
    const TrainResult &result = report.result;
    std::vector<double> row = {result.bestEpoch >= 0 ? result.bestValue
                                                     : std::numeric_limits<double>::quiet_NaN()};
    for (size_t i = 0; i < settings.metrics.size(); ++i)
      row.push_back(report.test ? report.test->metrics[i].value
                                : std::numeric_limits<double>::quiet_NaN());
    row.push_back(result.trainSeconds);
    std::vector<std::string> cells = {std::to_string(report.seed),
                                      result.bestEpoch >= 0 ? std::to_string(result.bestEpoch)
                                                            : "-"};
    for (size_t i = 0; i < row.size(); ++i) {
      values[i].push_back(row[i]);
      cells.push_back(i + 1 < row.size() ? score(row[i]) : formatSeconds(row[i]));
    }
    table.addRow(cells);
  }
  std::vector<std::string> cells = {"mean \xC2\xB1 std", ""};
  for (size_t i = 0; i + 1 < values.size(); ++i)
    cells.push_back(plusMinus(meanStd(values[i])));
  cells.push_back(formatSeconds(meanStd(values.back()).mean));
  table.addRow(cells);
  std::string out = std::to_string(reports.size()) + " runs\n" + table.str(2);
  if (!reports.empty() && reports.front().baseline && !settings.metrics.empty())
    out += "  " + printable(reports.front().baselineName) + ": test " +
           nameOf(settings.metrics[0]) + " " + score(reports.front().baseline->metrics[0].value) +
           "\n";
  return out;
}

std::string runJson(const RunReport &report, const TrainSettings &settings) {
  const TrainResult &result = report.result;
  Json out = {{"seed", report.seed},
              {"epochs", result.epochs},
              {"steps", result.steps},
              {"interrupted", result.interrupted},
              {"stopped_early", result.stoppedEarly},
              {"monitor", settings.monitorName()},
              {"best_epoch", result.bestEpoch >= 0 ? Json(result.bestEpoch) : Json(nullptr)},
              {"best_value",
               result.bestEpoch >= 0 ? numberOrNull(result.bestValue) : Json(nullptr)},
              {"train_seconds", result.trainSeconds},
              {"threads", report.threads},
              {"partitions", report.partitions},
              {"workers", report.workers},
              {"kernel_target", report.kernelTarget},
              {"valid", scoresJson(report.valid, settings)},
              {"test", scoresJson(report.test, settings)},
              {"baseline", scoresJson(report.baseline, settings)},
              {"baseline_name", report.baselineName},
              {"examples", report.examples},
              {"caches", Json::parse(cachesJson(report.caches))},
              {"remarks", result.remarks}};
  return printJson(out);
}

} // namespace heddle::train
