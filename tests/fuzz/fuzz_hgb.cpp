//===- fuzz_hgb.cpp - any bytes are a data set or one error ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The first byte chooses options; the rest is node.dat, link.dat, label.dat, label.dat.test and
// info.dat, separated by bytes of 1.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/Hgb.h"
#include "tests/fuzz/Require.h"
#include "tests/unit/import/RecordingBuilder.h"

using namespace heddle;
using namespace heddle::importing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1)
    return 0;
  const char *names[] = {"node.dat", "link.dat", "label.dat", "label.dat.test", "info.dat"};
  std::map<std::string, std::string> files;
  size_t file = 0;
  for (size_t i = 1; i <= size && file < 5; ++i)
    if (i == size || data[i] == 1)
      ++file;
    else
      files[names[file]] += char(data[i]);
  HgbOptions options;
  options.reverse = data[0] & 1;
  options.skipErrors = data[0] & 2;
  options.carve.seed = data[0] >> 2;
  auto set = fileSetOf(files);
  testing_import::RecordingBuilder builder;
  absl::Status status = importHgb(*set, options, builder);
  std::string message = messageOf(status);
  require(status.ok() || exitCodeOf(status) == 2, message);
  require(message.find('\n') == std::string::npos, "two lines: " + message);
  for (const auto &relation : builder.relations)
    if (status.ok())
      for (auto [source, destination] : relation.edges)
        require(source >= 0 && destination >= 0, "an edge of no node");
  for (const auto &feature : builder.features) {
    int64_t nodes = builder.types[size_t(feature.type)].numNodes;
    int64_t rows = int64_t(feature.sparse ? feature.sparseRows.size() : feature.rows.size());
    require(!status.ok() || rows == nodes, "a feature of other rows than nodes");
  }
  return 0;
}
