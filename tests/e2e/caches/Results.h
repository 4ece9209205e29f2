//===- Results.h - what a run gave ----------------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_E2E_CACHES_RESULTS_H
#define HEDDLE_TESTS_E2E_CACHES_RESULTS_H

#include "tests/unit/support/TestSupport.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>
#include <sstream>
#include <string>

namespace heddle::e2e {

/// Everything of a run folder that is a result: names and bytes.
inline std::map<std::string, std::string> resultsOf(const std::string &folder) {
  std::map<std::string, std::string> results;
  for (const auto &entry : std::filesystem::recursive_directory_iterator(folder)) {
    std::string name = std::filesystem::relative(entry.path(), folder).string();
    if (entry.path().extension() == ".safetensors" || name == "predictions.csv")
      results[name] = test::readAll(entry.path().string());
    if (name == "metrics.jsonl") {
      std::istringstream lines(test::readAll(entry.path().string()));
      for (std::string line; std::getline(lines, line);)
        if (nlohmann::json event = nlohmann::json::parse(line); event.contains("loss"))
          results["losses"] += event["loss"].dump() + "\n";
    }
  }
  return results;
}

} // namespace heddle::e2e

#endif // HEDDLE_TESTS_E2E_CACHES_RESULTS_H
