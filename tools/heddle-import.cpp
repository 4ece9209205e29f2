//===- heddle-import.cpp - any source format to a graph directory ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/FileError.h"
#include "runtime/base/Progress.h"
#include "runtime/graph/GraphBuilder.h"
#include "runtime/graph/GraphStore.h"
#include "runtime/import/Descriptor.h"
#include "runtime/import/TableImport.h"
#include "runtime/import/WordNet.h"
#include "tools/support/Cli.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include <sys/stat.h>

using namespace heddle;

namespace {

struct Options {
  std::string source, output, check, format = "auto", progress = "auto";
  bool force = false, noWords = false, noFrames = false, noReverse = false;
  int64_t glossWords = 2000;
  uint64_t seed = 0, memoryBytes = uint64_t(1) << 30;
};

/// One bar for each piece of work that the importer and the builder name. Work of less than half a
/// second gets none: tables of a few kilobytes would otherwise print a screen of them.
class Bars {
public:
  explicit Bars(ProgressMode mode) : mode_(mode) {}
  void operator()(std::string_view what, int64_t done, int64_t total) {
    if (what != what_) {
      bar_.reset();
      what_ = what;
      start_ = Clock::now();
    }
    if (!bar_ && Clock::now() - start_ > std::chrono::milliseconds(500))
      bar_ = std::make_unique<Progress>(what_, total, mode_);
    if (!bar_)
      return;
    bar_->setTotal(total);
    bar_->set(done);
  }
  void close() { bar_.reset(); }

private:
  using Clock = std::chrono::steady_clock;
  ProgressMode mode_;
  std::string what_;
  Clock::time_point start_;
  std::unique_ptr<Progress> bar_;
};

absl::Status check(const std::string &directory) {
  HEDDLE_ASSIGN_OR_RETURN(auto store, graph::GraphStore::open(directory, /*verifyChecksums=*/true));
  const graph::GraphSchema &schema = store->schema();
  int64_t nodes = 0, edges = 0, bytes = 0;
  for (const auto &type : schema.nodeTypes)
    nodes += type.numNodes;
  size_t stored = 0;
  for (const auto &relation : schema.relations)
    if (relation.reverseOf < 0) {
      edges += relation.numEdges;
      ++stored;
    }
  for (const auto &file : schema.files)
    bytes += file.second.bytes;
  std::printf(
      "%s: ok: %zu node types, %lld nodes, %zu relations, %lld edges; %zu files, %lld bytes, "
      "all checksums agree\nschema %s\ndata   %s\n",
      directory.c_str(), schema.nodeTypes.size(), static_cast<long long>(nodes), stored,
      static_cast<long long>(edges), schema.files.size(), static_cast<long long>(bytes),
      schema.schemaFingerprint.c_str(), schema.dataFingerprint.c_str());
  return absl::OkStatus();
}

/// A folder is a WordNet, a file a descriptor: nothing else is to be told apart yet.
absl::StatusOr<std::string> formatOf(const Options &options) {
  if (options.format != "auto")
    return options.format;
  struct stat info{};
  if (stat(options.source.c_str(), &info) != 0)
    return cannotOpen(options.source, errno);
  return std::string(S_ISDIR(info.st_mode) ? "wordnet" : "table");
}

absl::Status importSource(const Options &options) {
  HEDDLE_ASSIGN_OR_RETURN(std::string format, formatOf(options));
  std::optional<importing::Descriptor> descriptor;
  if (format == "table") {
    HEDDLE_ASSIGN_OR_RETURN(descriptor, importing::readDescriptor(options.source));
    if (options.noReverse)
      for (importing::EdgeSpec &edge : descriptor->edges)
        edge.addReverse = false;
  }
  Bars bars(options.progress == "never"    ? ProgressMode::Never
            : options.progress == "always" ? ProgressMode::Always
                                           : ProgressMode::Auto);
  graph::GraphBuilderOptions building;
  building.output = options.output;
  building.force = options.force;
  building.memoryBytes = int64_t(options.memoryBytes);
  building.progress = [&](std::string_view what, int64_t done, int64_t total) {
    bars(what, done, total);
  };
  HEDDLE_ASSIGN_OR_RETURN(auto builder, graph::GraphBuilder::create(building));
  if (descriptor) {
    HEDDLE_RETURN_IF_ERROR(importing::importTables(*descriptor, *builder, building.progress));
  } else {
    importing::WordNetOptions wordNet;
    wordNet.directory = options.source;
    wordNet.words = !options.noWords;
    wordNet.frames = !options.noFrames;
    wordNet.reverse = !options.noReverse;
    wordNet.glossWords = options.glossWords;
    wordNet.splitSeed = options.seed;
    HEDDLE_RETURN_IF_ERROR(importing::importWordNet(wordNet, *builder));
  }
  HEDDLE_ASSIGN_OR_RETURN(std::string report, builder->finish());
  bars.close();
  cli::print(report);
  return absl::OkStatus();
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app;
  cli::setUp(
      app, "heddle-import", "Makes a graph directory out of a WordNet folder or of tables.",
      "  heddle-import --format=wordnet /usr/share/wordnet -o wn/\n"
      "  heddle-import --format=wordnet --no-words --gloss-words=0 /usr/share/wordnet -o wn/\n"
      "  heddle-import --format=table graph.json -o shop/ --memory=4GiB\n"
      "  heddle-import --check wn/\n"
      "Keys of a table descriptor: examples/tables/ and examples/schemas/import.schema.json.");
  Options options;
  app.add_option("SOURCE", options.source, "WordNet folder, or descriptor of tables (JSON)");
  app.add_option("-o,--output", options.output, "Graph directory to write");
  app.add_option("--format", options.format,
                 "Source format; auto: a folder is wordnet, a file is table")
      ->check(CLI::IsMember({"auto", "wordnet", "table"}))
      ->capture_default_str();
  app.add_option("--check", options.check, "Verify a graph directory, every byte of it, and exit")
      ->type_name("DIR");
  app.add_flag("--force", options.force, "Replace an existing graph directory");
  app.add_option("--memory", options.memoryBytes,
                 "Bound for sorting edges (ids and labels come on top)")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("BYTES")
      ->default_str("1GiB");
  app.add_option("--progress", options.progress, "Progress bars on stderr")
      ->check(CLI::IsMember({"auto", "never", "always"}))
      ->capture_default_str();
  app.add_flag("--no-reverse", options.noReverse, "Add no reverse views of relations");
  app.add_flag("--no-words", options.noWords, "WordNet: leave out node type word");
  app.add_flag("--no-frames", options.noFrames, "WordNet: leave out node type frame");
  app.add_option("--gloss-words", options.glossWords,
                 "WordNet: width of the feature gloss; 0 leaves it out")
      ->check(CLI::Range(int64_t(0), int64_t(1) << 20))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "WordNet: seed of the split (tables: key seed)")
      ->capture_default_str();
  return cli::run(app, argc, argv,
                  {{"--out", "--output"},
                   {"--overwrite", "--force"},
                   {"--add-reverse-edges", "--no-reverse"},
                   {"--conf-file", "SOURCE"},
                   {"--output-dir", "--output"},
                   {"--verify", "--check"},
                   {"--mem", "--memory"}},
                  [&]() -> absl::Status {
                    if (!options.check.empty()) {
                      if (!options.source.empty() || !options.output.empty())
                        return invalidArgument("--check takes a graph directory alone; remove "
                                               "SOURCE and -o");
                      return check(options.check);
                    }
                    if (options.source.empty())
                      return invalidArgument("no SOURCE; see --help");
                    if (options.output.empty())
                      return invalidArgument("no output; name a directory with -o");
                    return importSource(options);
                  });
}
