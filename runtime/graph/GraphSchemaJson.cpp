//===- GraphSchemaJson.cpp - graph.json, read and printed -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/GraphSchema.h"

#include "runtime/base/Json.h"
#include "runtime/base/Npy.h"
#include "runtime/base/Suggest.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <set>
#include <tuple>

namespace heddle::graph {

using OrderedJson = nlohmann::ordered_json;

namespace {

constexpr int64_t maxCount = (int64_t(1) << 48) - 1;
constexpr int64_t maxDim = (int64_t(1) << 31) - 1;
constexpr size_t maxRelations = 65535, maxNodeTypes = 65535;
constexpr const char *formatName = "heddle-graph";
constexpr const char *formatVersion = "1.0";

bool endsWith(const std::string &text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// The prefix that set*Files was given.
std::string prefixOf(const std::string &file, std::string_view end) {
  return endsWith(file, end) ? file.substr(0, file.size() - end.size()) : std::string();
}

bool isSafeRelativePath(const std::string &path) {
  if (path.empty() || path[0] == '/' || path.find('\0') != std::string::npos)
    return false;
  for (size_t start = 0; start <= path.size();) {
    size_t end = std::min(path.find('/', start), path.size());
    std::string part = path.substr(start, end - start);
    if (part.empty() || part == "." || part == "..")
      return false;
    start = end + 1;
  }
  return true;
}

bool isHex16(const std::string &text) {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

} // namespace

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {

class SchemaReader {
public:
  explicit SchemaReader(const JsonDocument &document) : root_(document) {}

  absl::StatusOr<GraphSchema> read() {
    root_.oneOf("format", {formatName});
    checkVersion();
    std::string schemaPrint = root_.stringOr("schema_fingerprint", "");
    std::string dataPrint = root_.stringOr("data_fingerprint", "");
    root_.stringOr("report", "");
    readNodeTypes();
    readRelations();
    readFiles();
    HEDDLE_RETURN_IF_ERROR(root_.finish());
    schema_.schemaFingerprint = computeSchemaFingerprint(schema_);
    schema_.dataFingerprint = computeDataFingerprint(schema_);
    const char *edited = "; graph.json was changed after the import: import again, or remove this "
                         "key if you mean it";
    if (!schemaPrint.empty() && schemaPrint != schema_.schemaFingerprint)
      root_.fail("schema_fingerprint", "does not match the schema below" + std::string(edited));
    if (!dataPrint.empty() && dataPrint != schema_.dataFingerprint)
      root_.fail("data_fingerprint", "does not match the files below" + std::string(edited));
    HEDDLE_RETURN_IF_ERROR(root_.status());
    return std::move(schema_);
  }

private:
  void checkVersion() {
    std::string version = root_.string("version");
    if (!root_.ok() || version == formatVersion)
      return;
    root_.fail("version", "version '" + version.substr(0, 40) + "'; this heddle reads " +
                              formatVersion + ", import again with it");
  }

  std::string path(ObjectReader &reader, const std::string &key, bool required) {
    std::string text = required ? reader.string(key) : reader.stringOr(key, "");
    if (text.empty() ? required : !isSafeRelativePath(text))
      reader.fail(key, "'" + text + "' is not a path inside the graph directory");
    return text;
  }

  std::string name(ObjectReader &reader, const std::string &key) {
    std::string text = reader.string(key);
    if (text.empty())
      reader.fail(key, "the name is empty");
    return text;
  }

  template <typename T>
  void sortByName(ObjectReader &reader, std::vector<T> &items, const std::string &key) {
    std::sort(items.begin(), items.end(), [](const T &a, const T &b) { return a.name < b.name; });
    for (size_t i = 1; i < items.size(); ++i)
      if (items[i].name == items[i - 1].name)
        reader.fail(key, "the name '" + items[i].name + "' appears twice");
  }

  std::vector<FeatureSchema> readFeatures(ObjectReader &owner) {
    std::vector<FeatureSchema> features;
    for (ObjectReader &reader : owner.objectsOr("features")) {
      FeatureSchema f;
      f.name = name(reader, "name");
      f.kind = reader.oneOf("kind", {"numeric", "sparse"}, {{"dense", "numeric"}}) == "sparse"
                   ? FeatureKind::Sparse
                   : FeatureKind::Dense;
      f.dtype = reader.oneOfOr("dtype", "float32", dtypeNames());
      f.dim = reader.integer("dim", 1, maxDim);
      if (f.kind == FeatureKind::Sparse) {
        if (f.dtype != "float32")
          reader.fail("dtype", "sparse values are float32");
        f.nnz = reader.integer("nnz", 0, maxCount);
        f.maxRowNnz = reader.integer("max_row_nnz", 0, f.dim);
        f.indptrFile = path(reader, "indptr", false);
        f.indicesFile = path(reader, "indices", false);
        f.valuesFile = path(reader, "values", false);
      } else {
        f.file = path(reader, "file", false);
      }
      reader.done();
      features.push_back(std::move(f));
    }
    sortByName(owner, features, "features");
    return features;
  }

  LabelSchema readLabel(ObjectReader &reader, int64_t numNodes) {
    LabelSchema label;
    label.name = name(reader, "name");
    reader.oneOf("task_type", {"classification"});
    label.multilabel = reader.booleanOr("multilabel", false);
    label.classes = reader.strings("classes");
    std::set<std::string> seen;
    for (const std::string &text : label.classes)
      if (!seen.insert(text).second)
        reader.fail("classes", "the class '" + text + "' appears twice");
    label.file = path(reader, "file", false);
    int64_t missing = label.multilabel ? 255 : -1;
    if (reader.integerOr("missing", missing, -1, 255) != missing)
      reader.fail("missing", "must be " + std::to_string(missing));
    if (reader.has("splits")) {
      ObjectReader splits = reader.object("splits");
      for (const std::string &splitName : splits.keys()) { // sorted
        ObjectReader part = splits.object(splitName);
        LabelSchema::Split split;
        split.name = splitName;
        split.trainFile = path(part, "train", false);
        split.validFile = path(part, "valid", false);
        split.testFile = path(part, "test", false);
        split.numTrain = part.integer("num_train", 0, numNodes);
        split.numValid = part.integer("num_valid", 0, numNodes);
        split.numTest = part.integer("num_test", 0, numNodes);
        if (split.numTrain + split.numValid + split.numTest > numNodes)
          part.fail("", "the parts have more nodes than the type");
        split.trainClassCounts = part.integersOr("train_class_counts", 0, numNodes);
        if (!split.trainClassCounts.empty() &&
            split.trainClassCounts.size() != label.classes.size())
          part.fail("train_class_counts", "must have one number per class");
        part.done();
        label.splits.push_back(std::move(split));
      }
    }
    if (!label.splits.empty())
      label.trainClassCounts = label.splits.front().trainClassCounts;
    reader.done();
    return label;
  }

  void readNodeTypes() {
    std::vector<ObjectReader> readers = root_.objects("node_types");
    if (readers.size() > maxNodeTypes)
      return root_.fail("node_types", "more than " + std::to_string(maxNodeTypes) + " node types");
    for (ObjectReader &reader : readers) {
      NodeTypeSchema type;
      type.name = name(reader, "node_type");
      type.numNodes = reader.integer("num_nodes", 0, maxCount);
      type.idsKind = reader.oneOfOr("ids_kind", "none", {"none", "int64", "string"});
      setIdFiles(type, path(reader, "ids", false));
      if (type.idsKind == "none" && reader.has("ids"))
        reader.fail("ids", "given without \"ids_kind\": \"int64\" or \"string\"");
      setDisplayFiles(type, path(reader, "display", false));
      type.features = readFeatures(reader);
      for (ObjectReader &label : reader.objectsOr("labels"))
        type.labels.push_back(readLabel(label, type.numNodes));
      sortByName(reader, type.labels, "labels");
      reader.done();
      if (!root_.ok())
        return;
      schema_.nodeTypes.push_back(std::move(type));
    }
    sortByName(root_, schema_.nodeTypes, "node_types");
  }

  DegreeStats readDegree(ObjectReader &degree, const std::string &side, int64_t nodes) {
    DegreeStats stats;
    ObjectReader reader = degree.object(side);
    stats.max = reader.integer("max", 0, maxCount);
    stats.p50 = reader.integerOr("p50", 0, 0, stats.max);
    stats.p99 = reader.integerOr("p99", 0, 0, stats.max);
    stats.nonZero = reader.integerOr("nonzero", 0, 0, nodes);
    stats.log2Hist = reader.integersOr("log2_hist", 0, maxCount);
    if (stats.log2Hist.size() > 49) {
      reader.fail("log2_hist", "more than 49 bins");
      stats.log2Hist.clear();
    }
    if (!stats.log2Hist.empty() &&
        std::accumulate(stats.log2Hist.begin(), stats.log2Hist.end(), int64_t(0)) != nodes)
      reader.fail("log2_hist",
                  "the counts do not add up to the number of nodes, " + std::to_string(nodes));
    reader.done();
    return stats;
  }

  /// A relation as it stands in the file; `reverseOf` still counts in the file's order.
  RelationSchema readRelation(ObjectReader &reader, size_t count) {
    RelationSchema relation;
    std::vector<std::string> triple = reader.strings("relation");
    if (triple.size() != 3) {
      reader.fail("relation", "expected [\"source\", \"relation\", \"destination\"]");
      return relation;
    }
    relation.source = triple[0];
    relation.name = triple[1];
    relation.destination = triple[2];
    if (relation.name.empty())
      reader.fail("relation", "the name is empty");
    for (const std::string &end : {relation.source, relation.destination}) {
      if (schema_.nodeTypeId(end) >= 0)
        continue;
      std::vector<std::string> types;
      for (const NodeTypeSchema &type : schema_.nodeTypes)
        types.push_back(type.name);
      reader.fail("relation", "unknown node type '" + end + "'" + suggestion(end, types));
    }
    if (!reader.ok())
      return relation;
    if (reader.has("reverse_of")) {
      relation.reverseOf =
          static_cast<int>(reader.integer("reverse_of", 0, static_cast<int64_t>(count) - 1));
    } else {
      relation.numEdges = reader.integer("num_edges", 0, maxCount);
      int64_t sources = schema_.nodeTypes[schema_.nodeTypeId(relation.source)].numNodes;
      int64_t destinations = schema_.nodeTypes[schema_.nodeTypeId(relation.destination)].numNodes;
      if (relation.numEdges > 0 && (sources == 0 || destinations == 0))
        reader.fail("num_edges", "edges of a node type without nodes");
      setCscFiles(relation, path(reader, "csc", false));
      setCsrFiles(relation, path(reader, "csr", false));
      relation.features = readFeatures(reader);
      if (reader.has("degree")) {
        ObjectReader degree = reader.object("degree");
        relation.in = readDegree(degree, "in", destinations);
        relation.out = readDegree(degree, "out", sources);
        degree.done();
      }
    }
    reader.done();
    return relation;
  }

  void readRelations() {
    std::vector<ObjectReader> readers = root_.objects("relations");
    if (readers.size() > maxRelations)
      return root_.fail("relations", "more than " + std::to_string(maxRelations) + " relations");
    if (!root_.ok())
      return;
    std::vector<RelationSchema> inFile;
    for (ObjectReader &reader : readers) {
      inFile.push_back(readRelation(reader, readers.size()));
      if (!root_.ok())
        return;
    }
    for (size_t i = 0; i < inFile.size(); ++i) {
      RelationSchema &view = inFile[i];
      if (view.reverseOf < 0)
        continue;
      const RelationSchema &base = inFile[static_cast<size_t>(view.reverseOf)];
      if (base.reverseOf >= 0)
        readers[i].fail("reverse_of", "relation " + std::to_string(view.reverseOf) +
                                          " is itself a reverse view (or this one)");
      else if (base.source != view.destination || base.destination != view.source)
        readers[i].fail("reverse_of",
                        "'" + view.triple() + "' does not run against '" + base.triple() + "'");
      view.numEdges = base.numEdges;
      view.in = base.out;
      view.out = base.in;
    }
    std::vector<size_t> order(inFile.size());
    std::iota(order.begin(), order.end(), size_t(0));
    auto key = [&](size_t i) {
      return std::tie(inFile[i].source, inFile[i].name, inFile[i].destination);
    };
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key(a) < key(b); });
    std::vector<int> newId(inFile.size());
    for (size_t i = 0; i < order.size(); ++i) {
      newId[order[i]] = static_cast<int>(i);
      if (i > 0 && key(order[i]) == key(order[i - 1]))
        readers[order[i]].fail("relation", "'" + inFile[order[i]].triple() + "' appears twice");
    }
    for (size_t i : order) {
      schema_.relations.push_back(std::move(inFile[i]));
      int &base = schema_.relations.back().reverseOf;
      if (base >= 0)
        base = newId[static_cast<size_t>(base)];
    }
  }

  void readFiles() {
    if (!root_.has("files"))
      return;
    ObjectReader files = root_.object("files");
    for (const std::string &file : files.keys()) {
      ObjectReader reader = files.object(file);
      FileEntry entry;
      entry.bytes = reader.integer("bytes", 0);
      entry.checksum = reader.string("checksum");
      if (!isHex16(entry.checksum))
        reader.fail("checksum", "expected 16 lower-case hex digits");
      if (!isSafeRelativePath(file))
        reader.fail("", "not a path inside the graph directory");
      if (!reader.finish().ok())
        return;
      schema_.files[file] = std::move(entry);
    }
  }

  ObjectReader root_;
  GraphSchema schema_;
};

} // namespace

absl::StatusOr<GraphSchema> parseGraphSchema(std::string_view text, const std::string &file) {
  HEDDLE_ASSIGN_OR_RETURN(JsonDocument document, parseJson(text, file));
  return SchemaReader(document).read();
}

absl::StatusOr<GraphSchema> readGraphSchema(const std::string &path) {
  std::error_code error;
  std::filesystem::path file(path);
  if (std::filesystem::is_directory(file, error)) {
    file /= "graph.json";
    if (!std::filesystem::exists(file, error))
      return notFound(path +
                      ": not a graph directory (no graph.json); make one with heddle-import");
  } else if (!std::filesystem::exists(file, error)) {
    return notFound(path + ": no such graph directory; make one with heddle-import");
  }
  HEDDLE_ASSIGN_OR_RETURN(JsonDocument document, readJsonFile(file.string()));
  HEDDLE_ASSIGN_OR_RETURN(GraphSchema schema, SchemaReader(document).read());
  schema.directory = file.parent_path().empty() ? "." : file.parent_path().string();
  return schema;
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

namespace {

void putPath(OrderedJson &json, const char *key, const std::string &path) {
  if (!path.empty())
    json[key] = path;
}

OrderedJson printFeatures(const std::vector<FeatureSchema> &features) {
  OrderedJson out = OrderedJson::array();
  for (const FeatureSchema &f : features) {
    OrderedJson json;
    json["name"] = f.name;
    json["kind"] = f.kind == FeatureKind::Dense ? "numeric" : "sparse";
    json["dtype"] = f.dtype;
    json["dim"] = f.dim;
    if (f.kind == FeatureKind::Sparse) {
      json["nnz"] = f.nnz;
      json["max_row_nnz"] = f.maxRowNnz;
      putPath(json, "indptr", f.indptrFile);
      putPath(json, "indices", f.indicesFile);
      putPath(json, "values", f.valuesFile);
    } else {
      putPath(json, "file", f.file);
    }
    out.push_back(std::move(json));
  }
  return out;
}

OrderedJson printLabel(const LabelSchema &label) {
  OrderedJson json;
  json["name"] = label.name;
  json["task_type"] = "classification";
  if (label.multilabel)
    json["multilabel"] = true;
  json["classes"] = label.classes;
  putPath(json, "file", label.file);
  json["missing"] = label.multilabel ? 255 : -1;
  if (!label.splits.empty()) {
    OrderedJson &splits = json["splits"] = OrderedJson::object();
    for (const LabelSchema::Split &split : label.splits) {
      OrderedJson &part = splits[split.name];
      putPath(part, "train", split.trainFile);
      putPath(part, "valid", split.validFile);
      putPath(part, "test", split.testFile);
      part["num_train"] = split.numTrain;
      part["num_valid"] = split.numValid;
      part["num_test"] = split.numTest;
      if (!split.trainClassCounts.empty())
        part["train_class_counts"] = split.trainClassCounts;
    }
  }
  return json;
}

OrderedJson printDegree(const DegreeStats &stats) {
  OrderedJson json;
  json["max"] = stats.max;
  json["p50"] = stats.p50;
  json["p99"] = stats.p99;
  json["nonzero"] = stats.nonZero;
  json["log2_hist"] = stats.log2Hist;
  return json;
}

} // namespace

std::string printGraphSchema(const GraphSchema &schema) {
  OrderedJson root;
  root["format"] = formatName;
  root["version"] = formatVersion;
  root["schema_fingerprint"] = schema.schemaFingerprint;
  root["data_fingerprint"] = schema.dataFingerprint;
  root["report"] = "report.json";
  OrderedJson &types = root["node_types"] = OrderedJson::array();
  for (const NodeTypeSchema &type : schema.nodeTypes) {
    OrderedJson json;
    json["node_type"] = type.name;
    json["num_nodes"] = type.numNodes;
    if (type.idsKind != "none") {
      json["ids_kind"] = type.idsKind;
      putPath(json, "ids",
              prefixOf(type.idsFile, type.idsKind == "string" ? "_bytes.bin" : ".npy"));
    }
    putPath(json, "display", prefixOf(type.displayFile, "_bytes.bin"));
    json["features"] = printFeatures(type.features);
    OrderedJson &labels = json["labels"] = OrderedJson::array();
    for (const LabelSchema &label : type.labels)
      labels.push_back(printLabel(label));
    types.push_back(std::move(json));
  }
  OrderedJson &relations = root["relations"] = OrderedJson::array();
  for (const RelationSchema &relation : schema.relations) {
    OrderedJson json;
    json["relation"] = {relation.source, relation.name, relation.destination};
    if (relation.reverseOf >= 0) {
      json["reverse_of"] = relation.reverseOf;
    } else {
      json["num_edges"] = relation.numEdges;
      putPath(json, "csc", prefixOf(relation.cscIndptr, "_indptr.npy"));
      putPath(json, "csr", prefixOf(relation.csrIndptr, "_indptr.npy"));
      json["features"] = printFeatures(relation.features);
      json["degree"] = {{"in", printDegree(relation.in)}, {"out", printDegree(relation.out)}};
    }
    relations.push_back(std::move(json));
  }
  OrderedJson &files = root["files"] = OrderedJson::object();
  for (const auto &[path, entry] : schema.files)
    files[path] = {{"bytes", entry.bytes}, {"checksum", entry.checksum}};
  return printJson(root);
}

} // namespace heddle::graph
