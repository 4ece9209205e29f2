//===- heddle-import.cpp - any source format to a graph directory ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/FileError.h"
#include "runtime/base/Format.h"
#include "runtime/base/Npy.h"
#include "runtime/base/Progress.h"
#include "runtime/base/ThreadPool.h"
#include "runtime/graph/ConvertFloats.h"
#include "runtime/graph/GraphBuilder.h"
#include "runtime/graph/GraphCopy.h"
#include "runtime/graph/GraphStore.h"
#include "runtime/graph/Metapath.h"
#include "runtime/import/Descriptor.h"
#include "runtime/import/Hgb.h"
#include "runtime/import/NTriplesImport.h"
#include "runtime/import/SourceFormat.h"
#include "runtime/import/TableImport.h"
#include "runtime/import/WordNet.h"
#include "runtime/synthetic/Generator.h"
#include "tools/support/Cli.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace heddle;

namespace {

struct Options {
  std::string source, output, check, format = "auto", progress = "auto", generate;
  bool force = false, noWords = false, noFrames = false, noReverse = false;
  int64_t glossWords = 2000;
  uint64_t seed = 0, memoryBytes = uint64_t(1) << 30;
  double validRatio = 0.2, scale = 0;
  std::string features = "given", featureDtype = "as-stored";
  int threads = 0;
  std::string onError = "stop", literals = "nodes", types = "one";
  importing::NTriplesOptions nTriples;
  std::vector<std::string> derive;
  int64_t maxPerDestination = 0, maxEdges = int64_t(1) << 30;
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

/// What checkOptions calls the sources of --generate and --derive.
constexpr const char *kGenerator = "a generator", *kGraph = "a graph directory";

/// Options of one format with a source of another: said, not passed over.
absl::Status checkOptions(const CLI::App &app, const std::string &format) {
  static const std::map<std::string, std::vector<std::string>> formatsOf = {
      {"--no-words", {"wordnet"}},
      {"--no-frames", {"wordnet"}},
      {"--gloss-words", {"wordnet"}},
      {"--seed", {"wordnet", "ntriples", "hgb", kGenerator, kGraph}},
      {"--max-per-destination", {kGraph}},
      {"--max-edges", {kGraph}},
      {"--scale", {kGenerator}},
      {"--features", {kGenerator}},
      {"--threads", {kGenerator, kGraph}},
      {"--valid-ratio", {"ntriples", "hgb"}},
      {"--on-error", {"ntriples", "hgb"}},
      {"--literals", {"ntriples"}},
      {"--types", {"ntriples"}},
      {"--label-type", {"ntriples"}},
      {"--drop-relation", {"ntriples"}},
      {"--labels", {"ntriples"}},
      {"--train-set", {"ntriples"}},
      {"--test-set", {"ntriples"}},
      {"--entity-column", {"ntriples"}},
      {"--label-column", {"ntriples"}},
  };
  for (const auto &[name, formats] : formatsOf)
    if (app.count(name) > 0 && !std::count(formats.begin(), formats.end(), format)) {
      std::vector<std::string> names;
      for (const std::string &one : formats)
        names.push_back(one == kGenerator ? "--generate"
                        : one == kGraph   ? "--derive"
                        : names.empty()   ? "--format=" + one
                                          : one);
      std::string list = names.front();
      for (size_t i = 1; i < names.size(); ++i) // formats follow each other, options end the list
        list += (i + 1 == names.size() && names[i][0] == '-' ? " and " : ", ") + names[i];
      return invalidArgument(name + " is for " + list + ", and the source is " + format +
                             "; remove it");
    }
  return absl::OkStatus();
}

/// The spec of --generate, once all that can be said without drawing anything is right.
absl::StatusOr<const synthetic::GraphSpec *> generatorOf(const CLI::App &app,
                                                         const Options &options) {
  HEDDLE_ASSIGN_OR_RETURN(const synthetic::GraphSpec *spec,
                          synthetic::findGraphSpec(options.generate));
  if (!options.source.empty() || app.count("--format") > 0)
    return invalidArgument("--generate draws a graph and reads no source; remove " +
                           std::string(options.source.empty() ? "--format" : "SOURCE"));
  if (app.count("--scale") == 0) {
    double nodes = 0, edges = 0, bytes = 0;
    for (const synthetic::NodeTypeSpec &type : spec->types) {
      nodes += double(type.nodes);
      const std::string &dtype =
          options.featureDtype == "as-stored" ? type.dtype : options.featureDtype;
      bytes += double(type.nodes) * double(type.width) * double(dtypeBytes(dtype));
    }
    for (const synthetic::RelationSpec &relation : spec->relations)
      edges += double(relation.edges);
    return invalidArgument("--generate needs --scale, for example --scale 0.01; 1 is full size (" +
                           spec->name + ": " + formatCount(nodes) + " nodes, " +
                           formatCount(edges) + " edges, " + formatBytes(bytes) + " of features)");
  }
  if (!(options.scale > 0 && options.scale <= 1))
    return invalidArgument("--scale: expected a number above 0 and up to 1, which is full size");
  HEDDLE_RETURN_IF_ERROR(synthetic::FeatureChoice::parse(options.features).status());
  return spec;
}

absl::Status generate(const synthetic::GraphSpec &spec, const Options &options,
                      const graph::GraphBuilderOptions &building, graph::GraphBuilder &builder) {
  synthetic::GeneratorOptions generating;
  generating.scale = options.scale;
  generating.seed = options.seed;
  HEDDLE_ASSIGN_OR_RETURN(generating.features, synthetic::FeatureChoice::parse(options.features));
  generating.reverse = !options.noReverse;
  generating.threads = options.threads;
  generating.blockEdges =
      std::clamp<int64_t>(building.memoryBytes / 64, 1 << 12, generating.blockEdges);
  generating.progress = building.progress;
  return synthetic::generateGraph(spec, generating, builder);
}

graph::GraphBuilderOptions buildingOptions(const Options &options, Bars &bars) {
  graph::GraphBuilderOptions building;
  building.output = options.output;
  building.force = options.force;
  building.memoryBytes = int64_t(options.memoryBytes);
  if (options.featureDtype != "as-stored")
    building.floats = options.featureDtype;
  building.progress = [&](std::string_view what, int64_t done, int64_t total) {
    bars(what, done, total);
  };
  return building;
}

ProgressMode progressOf(const Options &options) {
  return options.progress == "never"    ? ProgressMode::Never
         : options.progress == "always" ? ProgressMode::Always
                                        : ProgressMode::Auto;
}

/// Whether SOURCE is what --check takes: then it is copied, with what --derive adds.
bool copies(const CLI::App &app, const Options &options) {
  std::error_code error;
  return !options.derive.empty() ||
         (options.generate.empty() && app.count("--format") == 0 &&
          std::filesystem::exists(options.source + "/graph.json", error));
}

/// A graph directory with the relations of --derive beside its own, or its features as other
/// dtypes.
absl::Status copy(const CLI::App &app, const Options &options) {
  if (options.derive.empty() && options.featureDtype == "as-stored")
    return invalidArgument(options.source + ": is a graph directory already; to copy it give "
                                            "--derive or --feature-dtype");
  if (!options.generate.empty() || app.count("--format") > 0)
    return invalidArgument("--derive adds relations to a graph directory, its SOURCE; remove " +
                           std::string(options.generate.empty() ? "--format" : "--generate"));
  HEDDLE_RETURN_IF_ERROR(checkOptions(app, kGraph));
  HEDDLE_ASSIGN_OR_RETURN(graph::GraphSchema schema, graph::readGraphSchema(options.source));
  HEDDLE_ASSIGN_OR_RETURN(auto paths, graph::parseMetapaths(options.derive, schema));
  HEDDLE_ASSIGN_OR_RETURN(auto store, graph::GraphStore::open(options.source));
  Bars bars(progressOf(options));
  graph::GraphBuilderOptions building = buildingOptions(options, bars);
  HEDDLE_ASSIGN_OR_RETURN(auto builder, graph::GraphBuilder::create(building));
  HEDDLE_RETURN_IF_ERROR(graph::copyGraph(*store, *builder, building.progress));
  graph::MetapathOptions deriving;
  deriving.maxPerDestination = options.maxPerDestination;
  deriving.maxEdges = options.maxEdges;
  deriving.seed = options.seed;
  deriving.threads = options.threads > 0 ? options.threads : availableCores();
  deriving.reverse = !options.noReverse;
  deriving.progress = building.progress;
  for (const graph::Metapath &path : paths)
    HEDDLE_RETURN_IF_ERROR(graph::addMetapath(*store, path, deriving, *builder));
  HEDDLE_ASSIGN_OR_RETURN(std::string report, builder->finish());
  bars.close();
  cli::print(report);
  return absl::OkStatus();
}

absl::Status importSource(const CLI::App &app, const Options &options) {
  std::string format = options.format;
  const synthetic::GraphSpec *spec = nullptr;
  if (!options.generate.empty()) {
    format = kGenerator;
    HEDDLE_ASSIGN_OR_RETURN(spec, generatorOf(app, options));
  } else if (format == "auto") {
    HEDDLE_ASSIGN_OR_RETURN(format, importing::sourceFormat(options.source));
  }
  HEDDLE_RETURN_IF_ERROR(checkOptions(app, format));
  importing::CarveOptions carve{options.validRatio, options.seed};
  std::optional<importing::Descriptor> descriptor;
  if (format == "table") {
    HEDDLE_ASSIGN_OR_RETURN(descriptor, importing::readDescriptor(options.source));
    if (options.noReverse)
      for (importing::EdgeSpec &edge : descriptor->edges)
        edge.addReverse = false;
  }
  importing::NTriplesOptions nTriples = options.nTriples;
  if (format == "ntriples") {
    nTriples.literals = options.literals == "nodes";
    nTriples.typesByRdf = options.types == "rdf";
    nTriples.reverse = !options.noReverse;
    nTriples.skipErrors = options.onError == "skip";
    nTriples.carve = carve;
    HEDDLE_RETURN_IF_ERROR(importing::findNTriples(options.source, nTriples));
    if (!nTriples.labelType.empty() && !nTriples.labels.any())
      return invalidArgument(
          "--label-type: no label file is there; give --train-set and --test-set, "
          "or --labels");
  }
  std::unique_ptr<importing::FileSet> hgbFiles;
  if (format == "hgb") {
    HEDDLE_ASSIGN_OR_RETURN(hgbFiles, importing::openFileSet(options.source));
  }
  Bars bars(progressOf(options));
  graph::GraphBuilderOptions building = buildingOptions(options, bars);
  if (descriptor) { // what it says of a feature goes before the option, which only it can tell
    if (!building.floats.empty())
      importing::storeFloatsAs(std::exchange(building.floats, ""), *descriptor);
  }
  HEDDLE_ASSIGN_OR_RETURN(auto builder, graph::GraphBuilder::create(building));
  if (spec) {
    HEDDLE_RETURN_IF_ERROR(generate(*spec, options, building, *builder));
  } else if (descriptor) {
    HEDDLE_RETURN_IF_ERROR(importing::importTables(*descriptor, *builder, building.progress));
  } else if (format == "ntriples") {
    HEDDLE_RETURN_IF_ERROR(importing::importNTriples(nTriples, *builder, building.progress));
  } else if (format == "hgb") {
    importing::HgbOptions hgb;
    hgb.reverse = !options.noReverse;
    hgb.skipErrors = options.onError == "skip";
    hgb.carve = carve;
    HEDDLE_RETURN_IF_ERROR(importing::importHgb(*hgbFiles, hgb, *builder, building.progress));
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

void addGeneratorOptions(CLI::App &app, Options &options) {
  std::string names;
  for (const synthetic::GraphSpec &spec : synthetic::graphSpecs())
    names += (names.empty() ? "" : ", ") + spec.name;
  app.add_option("--generate", options.generate,
                 "Draw a synthetic graph with the types, counts, degrees and splits of a public "
                 "set, and labels that neighbours and features tell: " +
                     names)
      ->type_name("NAME");
  app.add_option("--scale", options.scale,
                 "--generate: nodes and edges as a share of the set's, above 0 and up to 1")
      ->type_name("SHARE");
  app.add_option("--features", options.features,
                 "--generate: given: dense features as wide as the set's; none; or one width for "
                 "all types that have some in the set (for all, where none has)")
      ->type_name("given|none|WIDTH")
      ->capture_default_str();
  app.add_option("--threads", options.threads,
                 "--generate, --derive: threads; the graph is the same for any number [all cores]")
      ->check(CLI::Range(1, 1024));
}

void addDeriveOptions(CLI::App &app, Options &options) {
  app.add_option("--derive", options.derive,
                 "Copy the graph directory SOURCE and add the relation NAME from the source of the "
                 "first triple to the destination of the last: an edge for each pair that a path "
                 "along the relations joins (a metapath; a node may join itself); repeatable")
      ->allow_extra_args(false)
      ->type_name("NAME=SRC:REL:DST,...");
  app.add_option("--max-per-destination", options.maxPerDestination,
                 "--derive: of more sources than this a destination gets a sample, keyed by --seed "
                 "[all]")
      ->check(CLI::Range(int64_t(1), (int64_t(1) << 24) - 1))
      ->type_name("N");
  app.add_option("--max-edges", options.maxEdges,
                 "--derive: stop where a derived relation has more edges")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 47))
      ->capture_default_str();
}

void addRdfOptions(CLI::App &app, Options &options) {
  importing::NTriplesOptions &rdf = options.nTriples;
  app.add_option("--valid-ratio", options.validRatio,
                 "N-Triples, HGB: share of the official training part that becomes the validation "
                 "part, by hash of the id and --seed; 0 = none")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  app.add_option("--on-error", options.onError,
                 "N-Triples: malformed lines and labels of no node; HGB: links and labels of no "
                 "node: stop at the first, or skip and count them")
      ->check(CLI::IsMember({"stop", "skip"}))
      ->capture_default_str();
  app.add_option(
         "--literals", options.literals,
         "N-Triples: literals become nodes (equal ones are one node), or their triples give "
         "no edge")
      ->check(CLI::IsMember({"nodes", "drop"}))
      ->capture_default_str();
  app.add_option("--types", options.types,
                 "N-Triples: one: all nodes are of type 'node'. rdf: by rdf:type; a node with "
                 "several gets the one that the fewest nodes have, a node without one 'untyped', a "
                 "literal 'literal' (the report counts them). rdf:type is a relation in both; "
                 "--drop-relation leaves it out")
      ->check(CLI::IsMember({"one", "rdf"}))
      ->capture_default_str();
  app.add_option(
         "--label-type", rdf.labelType,
         "N-Triples: labelled nodes form this node type. Without it each type that has some "
         "gets the label")
      ->type_name("NAME");
  app.add_option("--drop-relation", rdf.dropRelations,
                 "N-Triples: triples with this predicate give no edge, for example those that tell "
                 "the label; repeatable")
      ->allow_extra_args(false)
      ->type_name("IRI");
  app.add_option("--train-set", rdf.labels.train,
                 "N-Triples: table of the official training part; a folder's trainingSet.tsv, "
                 "testSet.tsv and completeDataset.tsv are taken where no such option is given")
      ->type_name("TSV");
  app.add_option("--test-set", rdf.labels.test, "N-Triples: table of the official test part")
      ->type_name("TSV");
  app.add_option("--labels", rdf.labels.all,
                 "N-Triples: table of labels in no part; without the other two a fifth of it "
                 "becomes the test part, by hash")
      ->type_name("TSV");
  app.add_option("--entity-column", rdf.labels.entityColumn,
                 "N-Triples: column of node ids [the only one that is neither 'id' nor the label]")
      ->type_name("NAME");
  app.add_option("--label-column", rdf.labels.labelColumn,
                 "N-Triples: column of classes [the only one that starts with 'label']")
      ->type_name("NAME");
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app;
  cli::setUp(
      app, "heddle-import",
      "Makes a graph directory out of tables, RDF (N-Triples), an HGB data set or a WordNet "
      "folder, or draws a synthetic one; or derives relations along metapaths.",
      "  heddle-import --format=wordnet /usr/share/wordnet -o wn/\n"
      "  heddle-import --format=wordnet --no-words --gloss-words=0 /usr/share/wordnet -o wn/\n"
      "  heddle-import --format=table graph.json -o shop/ --memory=4GiB\n"
      "  heddle-import --format=ntriples aifb/ -o aifb-graph/\n"
      "  heddle-import dump.nt.gz --types=rdf --literals=drop "
      "--drop-relation=http://ex.org/employs "
      "--train-set=train.tsv --test-set=test.tsv --label-type=person -o dump/\n"
      "  heddle-import --format=hgb DBLP.zip -o dblp/\n"
      "  heddle-import --generate=ogbn-mag --scale=0.01 -o mag/\n"
      "  heddle-import --generate=igb-het --scale=0.001 --features=64 --seed=7 -o igb/\n"
      "  heddle-import --derive APA=author:writes:paper,paper:rev_writes:author dblp/ -o "
      "dblp-han/\n"
      "  heddle-import --feature-dtype=bfloat16 mag/ -o mag16/\n"
      "  heddle-import --check wn/\n"
      "Keys of a table descriptor: examples/tables/ and examples/schemas/import.schema.json.");
  Options options;
  app.add_option(
      "SOURCE", options.source,
      "Descriptor of tables (JSON); .nt, .nt.gz or a folder of them; .zip or folder of an HGB "
      "data set; WordNet folder; of --derive, or to change --feature-dtype, a graph directory");
  app.add_option("-o,--output", options.output, "Graph directory to write");
  app.add_option("--format", options.format,
                 "Source format; auto: by suffix, first bytes, and what a folder holds")
      ->check(CLI::IsMember({"auto", "table", "ntriples", "hgb", "wordnet"}))
      ->capture_default_str();
  std::vector<std::string> dtypes = graph::storageDtypes();
  dtypes.insert(dtypes.begin(), "as-stored");
  app.add_option(
         "--feature-dtype", options.featureDtype,
         "Dense features of floating numbers, of nodes and edges, are stored so, rounded to "
         "nearest even; integers and sparse ones stay. out_dtype of a descriptor goes before "
         "it. A number beyond float16 is an error; bfloat16 has the range of float32")
      ->check(CLI::IsMember(dtypes))
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
  app.add_option("--seed", options.seed,
                 "Seed of the split, of the validation part (tables: key seed), of all that "
                 "--generate draws, or of the sample of --max-per-destination")
      ->capture_default_str();
  addRdfOptions(app, options);
  addGeneratorOptions(app, options);
  addDeriveOptions(app, options);
  return cli::run(app, argc, argv,
                  {{"--out", "--output"},
                   {"--overwrite", "--force"},
                   {"--add-reverse-edges", "--no-reverse"},
                   {"--conf-file", "SOURCE"},
                   {"--output-dir", "--output"},
                   {"--verify", "--check"},
                   {"--mem", "--memory"},
                   {"--synthetic", "--generate"},
                   {"--generator", "--generate"},
                   {"--num-threads", "--threads"},
                   {"--feature-dim", "--features"},
                   {"--dtype", "--feature-dtype"},
                   {"--out-dtype", "--feature-dtype"},
                   {"--metapath", "--derive"},
                   {"--metapaths", "--derive"},
                   {"--max-sample", "--max-per-destination"}},
                  [&]() -> absl::Status {
                    if (!options.check.empty()) {
                      if (!options.source.empty() || !options.output.empty() ||
                          !options.generate.empty() || !options.derive.empty())
                        return invalidArgument("--check takes a graph directory alone; remove "
                                               "SOURCE, --generate, --derive and -o");
                      return check(options.check);
                    }
                    if (options.source.empty() && options.generate.empty())
                      return invalidArgument("no SOURCE; see --help");
                    if (options.output.empty())
                      return invalidArgument("no output; name a directory with -o");
                    return copies(app, options) ? copy(app, options) : importSource(app, options);
                  });
}
