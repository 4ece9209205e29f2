//===- Descriptor.cpp - the JSON import descriptor -------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/Descriptor.h"

#include "runtime/base/Json.h"
#include "runtime/base/MappedFile.h"
#include "runtime/base/Npy.h"
#include "runtime/base/Suggest.h"
#include "runtime/import/Values.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>

#include <glob.h>

namespace heddle::importing {

namespace {

using Names = std::vector<std::string>;
using Aliases = std::map<std::string, std::string>;

/// Other tools' spellings, for suggestions.
const Aliases &keyAliases() {
  static const Aliases aliases = {
      {"id_col", "node_id_col"},
      {"ntype", "node_type"},
      {"etype", "relation"},
      {"src_id_col", "source_id_col"},
      {"src_col", "source_id_col"},
      {"source_col", "source_id_col"},
      {"target_id_col", "dest_id_col"},
      {"dst_id_col", "dest_id_col"},
      {"dst_col", "dest_id_col"},
      {"destination_id_col", "dest_id_col"},
      {"file", "files"},
      {"paths", "files"},
      {"feature", "features"},
      {"label", "labels"},
      {"delimiter", "separator"},
      {"sep", "separator"},
      {"split", "splits"},
      {"train_val_test", "split_pct"},
      {"dtype", "out_dtype"},
      {"val_from", "valid_from"},
  };
  return aliases;
}

class Parser {
public:
  Parser(const JsonDocument &document, std::string directory)
      : document_(document), directory_(std::move(directory)) {}

  absl::StatusOr<Descriptor> run() {
    ObjectReader root(document_);
    knows(root, {"format", "version", "on_null_id", "on_dangling_id", "on_duplicate_id",
                 "on_duplicate_edge", "add_reverse_edges", "nodes", "edges"});
    out_.file = document_.file;
    root.oneOfOr("format", "heddle-import", {"heddle-import"});
    std::string version = root.string("version");
    if (root.ok() && version != "1.0")
      root.fail("version", "'" + version + "' is not known; write \"1.0\"");
    defaults_ = policies(root, {Policy::Error, Policy::Error, Policy::Error, Policy::Keep});
    addReverse_ = root.booleanOr("add_reverse_edges", true);
    for (ObjectReader &node : root.objectsOr("nodes"))
      if (root.ok())
        readNode(node);
    for (ObjectReader &edge : root.objectsOr("edges"))
      if (root.ok())
        readEdge(edge);
    if (root.ok() && out_.nodes.empty())
      root.fail("nodes", "no node type; add an object with node_type");
    HEDDLE_RETURN_IF_ERROR(root.finish(keyAliases()));
    HEDDLE_RETURN_IF_ERROR(checkReferences());
    return std::move(out_);
  }

private:
  struct Policies {
    Policy onNullId, onDanglingId, onDuplicateId, onDuplicateEdge;
  };

  static Policy policy(ObjectReader &in, const char *key, Policy fallback, const Names &choices) {
    if (!in.has(key))
      return fallback;
    std::string word =
        in.oneOf(key, choices, {{"ignore", "skip"}, {"drop", "skip"}, {"remove", "skip"}});
    return word == "skip"   ? Policy::Skip
           : word == "keep" ? Policy::Keep
           : word == "add"  ? Policy::Add
                            : Policy::Error;
  }
  static Policies policies(ObjectReader &in, const Policies &fallback) {
    return {policy(in, "on_null_id", fallback.onNullId, {"error", "skip"}),
            policy(in, "on_dangling_id", fallback.onDanglingId, {"error", "skip", "add"}),
            policy(in, "on_duplicate_id", fallback.onDuplicateId, {"error", "skip"}),
            policy(in, "on_duplicate_edge", fallback.onDuplicateEdge, {"error", "skip", "keep"})};
  }

  /// Reports unknown keys before anything else: a misspelt key is better news than the missing one.
  /// A copy is asked, so that a key without a use in this object is still refused at the end.
  static void knows(const ObjectReader &in, const Names &keys) {
    ObjectReader copy = in;
    copy.allow(keys);
    (void)copy.finish(keyAliases());
  }

  std::string placeOf(const ObjectReader &in) const { return in.file() + ": " + in.pointer(); }

  std::string nonEmpty(ObjectReader &in, const std::string &key) {
    std::string text = in.string(key);
    if (in.ok() && text.empty())
      in.fail(key, "is empty; name something");
    return text;
  }

  /// A string or an array of strings, as GraphStorm takes them.
  Names stringOrStrings(ObjectReader &in, const std::string &key) {
    const nlohmann::json *value = in.raw(key);
    if (value && value->is_string())
      return {in.string(key)};
    return in.strings(key);
  }

  std::string absolute(const std::string &path) const {
    return path.empty() || path[0] == '/' || directory_.empty() ? path : directory_ + "/" + path;
  }

  Names expand(ObjectReader &in, const std::string &key) {
    Names patterns = stringOrStrings(in, key), files;
    if (in.ok() && patterns.empty())
      in.fail(key, "no file; name at least one file or pattern");
    for (const std::string &pattern : patterns) {
      if (!in.ok())
        break;
      // The folder of the descriptor is a name, not a pattern.
      std::string escaped;
      if (pattern.empty() || pattern[0] != '/')
        for (char c : directory_.empty() ? std::string() : directory_ + "/") {
          if (c == '*' || c == '?' || c == '[' || c == '\\')
            escaped += '\\';
          escaped += c;
        }
      glob_t found{};
      int code = glob((escaped + pattern).c_str(), 0, nullptr, &found);
      if (code == 0)
        for (size_t i = 0; i < found.gl_pathc; ++i)
          files.emplace_back(found.gl_pathv[i]);
      globfree(&found);
      if (code != 0)
        in.fail(key, "no file matches '" + pattern + "' in " +
                         (directory_.empty() ? "the current directory" : directory_) +
                         "; check the name");
    }
    return files;
  }

  std::string existingFile(ObjectReader &in, const std::string &key) {
    std::string name = in.string(key);
    if (!in.ok())
      return name;
    if (auto file = MappedFile::open(absolute(name)); !file.ok())
      in.fail(key, messageOf(file.status()));
    return absolute(name);
  }

  TableFormat readFormat(ObjectReader &in) {
    TableFormat format;
    if (!in.has("format"))
      return format;
    ObjectReader reader = in.object("format");
    knows(reader, {"name", "separator", "quoting", "null_values"});
    std::string name = reader.oneOf("name", {"csv", "tsv"});
    std::string separator = reader.stringOr("separator", name == "tsv" ? "\t" : ",");
    if (reader.ok() &&
        (separator.size() != 1 || separator == "\n" || separator == "\r" || separator == "\"" ||
         static_cast<unsigned char>(separator[0]) >= 0x80 || separator[0] == 0))
      reader.fail("separator", "must be one ASCII character that is no quote and no line break; "
                               "write for example \";\"");
    else if (!separator.empty())
      format.separator = separator[0];
    format.quoting = reader.booleanOr("quoting", true);
    format.nullValues = reader.stringsOr("null_values");
    (void)reader.finish(keyAliases());
    return format;
  }

  TransformSpec readTransform(ObjectReader &in) {
    using Kind = TransformSpec::Kind;
    TransformSpec spec;
    static const Aliases aliases = {{"standard", "zscore"},
                                    {"standardize", "zscore"},
                                    {"standardise", "zscore"},
                                    {"max_min_norm", "min_max"},
                                    {"minmax", "min_max"},
                                    {"min-max", "min_max"},
                                    {"to_categorical", "categorical"},
                                    {"one_hot", "categorical"}};
    std::string name = in.oneOf("name", {"none", "zscore", "min_max", "categorical"}, aliases);
    spec.kind = name == "zscore"        ? Kind::ZScore
                : name == "min_max"     ? Kind::MinMax
                : name == "categorical" ? Kind::Categorical
                                        : Kind::None;
    bool fits = spec.kind != Kind::None;
    if (spec.kind == Kind::Categorical) {
      spec.minCount = in.integerOr("min_count", 1, 1);
      std::string unknown = in.oneOfOr("unknown", "bucket", {"bucket", "zero", "error"});
      spec.unknown = unknown == "zero"    ? TransformSpec::Unknown::Zero
                     : unknown == "error" ? TransformSpec::Unknown::Error
                                          : TransformSpec::Unknown::Bucket;
      spec.separator = in.stringOr("separator", "");
      // A missing category is a row of zeros unless it must not be.
      std::string missing = in.oneOfOr("missing", "zero", {"zero", "error"});
      spec.missing =
          missing == "zero" ? TransformSpec::Missing::Zero : TransformSpec::Missing::Error;
    } else {
      spec.log1p = in.booleanOr("log1p", false);
      std::string missing =
          in.oneOfOr("missing", "error", {"error", "zero", "mean", "zero+flag", "mean+flag"});
      spec.missing = missing == "zero"        ? TransformSpec::Missing::Zero
                     : missing == "mean"      ? TransformSpec::Missing::Mean
                     : missing == "zero+flag" ? TransformSpec::Missing::ZeroFlag
                     : missing == "mean+flag" ? TransformSpec::Missing::MeanFlag
                                              : TransformSpec::Missing::Error;
      fits |= missing == "mean" || missing == "mean+flag";
    }
    if (fits)
      spec.fitOnTrain = in.oneOfOr("fit_on", "all", {"all", "train"}) == "train";
    (void)in.finish(keyAliases());
    return spec;
  }

  FeatureSpec readFeature(ObjectReader &in, const NodeSpec &node) {
    FeatureSpec spec;
    spec.place = placeOf(in);
    knows(in, {"feature_col", "feature_name", "transform", "out_dtype", "files", "row_order_of",
               "indptr", "indices", "values", "dim"});
    bool columns = in.has("feature_col"), files = in.has("files"), sparse = in.has("indptr");
    if (columns + files + sparse != 1) {
      in.fail("", "a feature comes from one of feature_col (columns of the table), files (dense "
                  ".npy) and indptr with indices (sparse .npy); give one");
      return spec;
    }
    if (columns) {
      spec.columns = stringOrStrings(in, "feature_col");
      if (in.ok() && spec.columns.empty())
        in.fail("feature_col", "no column; name at least one");
      spec.name = in.has("feature_name") || spec.columns.size() != 1 ? nonEmpty(in, "feature_name")
                                                                     : spec.columns[0];
      if (in.has("transform")) {
        ObjectReader transform = in.object("transform");
        spec.transform = readTransform(transform);
      }
      bool categorical = spec.transform.kind == TransformSpec::Kind::Categorical;
      if (categorical) {
        if (in.ok() && spec.columns.size() != 1)
          in.fail("feature_col", "categorical takes one column; write a feature for each");
      } else {
        spec.outDtype = in.oneOfOr("out_dtype", "float32", dtypeNames());
        bool real = spec.outDtype.rfind("float", 0) == 0;
        bool fractions = spec.transform.kind != TransformSpec::Kind::None || spec.transform.log1p ||
                         spec.transform.missing == TransformSpec::Missing::Mean ||
                         spec.transform.missing == TransformSpec::Missing::MeanFlag;
        if (in.ok() && !real && fractions)
          in.fail("out_dtype", "the transform gives fractions, which " + spec.outDtype +
                                   " does not hold; use float32");
      }
      if (in.ok() && (node.fromEdges || node.numNodes >= 0))
        in.fail("feature_col", "this node type has no table; give files and node_id_col, or a .npy "
                               "feature");
      return finished(in, spec);
    }
    spec.name = nonEmpty(in, "feature_name");
    if (in.ok() && node.fromEdges)
      in.fail("", "rows of a type known from edges have no order that an array could follow; give "
                  "the type a table or num_nodes");
    if (files) {
      spec.source = FeatureSpec::Source::Dense;
      spec.files = expand(in, "files");
      spec.outDtype = in.oneOfOr("out_dtype", "", dtypeNames());
    } else {
      spec.source = FeatureSpec::Source::Sparse;
      spec.indptr = existingFile(in, "indptr");
      spec.indices = existingFile(in, "indices");
      if (in.has("values"))
        spec.values = existingFile(in, "values");
      spec.dim = in.integer("dim", 0);
    }
    // Said aloud in the descriptor, because shuffled rows would go unnoticed.
    in.oneOf("row_order_of", {"files"});
    return finished(in, spec);
  }

  static FeatureSpec finished(ObjectReader &in, FeatureSpec &spec) {
    (void)in.finish(keyAliases());
    return std::move(spec);
  }

  /// split_pct and custom_split_filenames stand in a split or, as in GraphStorm, in the label.
  void readHash(ObjectReader &in, SplitSpec &split) {
    split.kind = SplitSpec::Kind::Hash;
    const nlohmann::json *value = in.raw("split_pct");
    std::vector<double> ratio = value ? in.numbers("split_pct") : std::vector<double>();
    split.seed = uint64_t(in.integerOr("seed", 0, 0));
    if (!in.ok())
      return;
    double sum = 0;
    bool negative = false;
    for (double r : ratio) {
      sum += r;
      negative |= !(r >= 0);
    }
    if (ratio.size() != 3 || negative || !(sum <= 1 + 1e-9) || sum <= 0)
      return in.fail("split_pct", "must be three shares (train, valid, test) of at most 1 in all; "
                                  "write for example [0.8, 0.1, 0.1]");
    std::copy(ratio.begin(), ratio.end(), split.ratio);
  }

  void readFiles(ObjectReader &in, SplitSpec &split) {
    split.kind = SplitSpec::Kind::Files;
    ObjectReader files = in.object("custom_split_filenames");
    knows(files, {"train", "valid", "test", "column"});
    const char *parts[] = {"train", "valid", "test"};
    for (int i = 0; i < 3; ++i)
      if (files.has(parts[i]))
        split.files[i] = expand(files, parts[i]);
    if (files.has("column")) {
      Names column = stringOrStrings(files, "column");
      if (files.ok() && column.size() != 1)
        files.fail("column", "must name one column; the ids of a node are in one");
      else if (files.ok())
        split.idColumn = column[0];
    }
    if (files.ok() && split.files[0].empty() && split.files[1].empty() && split.files[2].empty())
      files.fail("", "no part; give train, valid or test");
    (void)files.finish({{"val", "valid"}, {"validation", "valid"}});
  }

  SplitSpec readSplit(ObjectReader &in, const std::string &name) {
    SplitSpec split;
    split.name = name;
    split.place = placeOf(in);
    knows(in, {"split_pct", "seed", "custom_split_filenames", "split_col", "by", "valid_from",
               "test_from"});
    bool hash = in.has("split_pct"), files = in.has("custom_split_filenames"),
         column = in.has("split_col"), time = in.has("by");
    if (hash + files + column + time != 1) {
      in.fail("", "a split is given by one of split_pct, split_col, by and custom_split_filenames; "
                  "give one");
      return split;
    }
    if (hash)
      readHash(in, split);
    else if (files)
      readFiles(in, split);
    else if (column) {
      split.kind = SplitSpec::Kind::Column;
      split.column = nonEmpty(in, "split_col");
    } else {
      split.kind = SplitSpec::Kind::Time;
      split.column = nonEmpty(in, "by");
      split.validFrom = timeText(in, "valid_from");
      split.testFrom = timeText(in, "test_from");
      if (in.ok()) {
        TimeValue valid = *parseTime(split.validFrom), test = *parseTime(split.testFrom);
        if (valid.isDate != test.isDate)
          in.fail("test_from", "one bound is a date and the other a number; write both alike");
        else if (test.value < valid.value)
          in.fail("test_from", "is before valid_from; training comes first, then validation, then "
                               "test");
      }
    }
    (void)in.finish(keyAliases());
    return split;
  }

  std::string timeText(ObjectReader &in, const std::string &key) {
    const nlohmann::json *value = in.raw(key);
    std::string text = value && value->is_number() ? value->dump() : in.string(key);
    if (in.ok() && !parseTime(text))
      in.fail(key, "'" + text +
                       "' is no time; write a number or a date such as \"2026-06-01\" or "
                       "\"2026-06-01T12:00:00Z\"");
    return text;
  }

  LabelSpec readLabel(ObjectReader &in, const NodeSpec &node) {
    LabelSpec label;
    label.place = placeOf(in);
    knows(in, {"label_col", "label_name", "task_type", "separator", "splits", "split_pct", "seed",
               "custom_split_filenames"});
    label.column = nonEmpty(in, "label_col");
    label.name = in.stringOr("label_name", label.column);
    in.oneOfOr("task_type", "classification", {"classification"});
    label.separator = in.stringOr("separator", "");
    if (in.ok() && in.has("separator") && label.separator.empty())
      in.fail("separator", "is empty; write the character between the classes of a cell");
    // GraphStorm's two short forms are one split named "default".
    if (in.has("split_pct") || in.has("custom_split_filenames")) {
      SplitSpec split;
      split.name = "default";
      split.place = label.place;
      if (in.has("split_pct") && in.has("custom_split_filenames"))
        in.fail("", "split_pct and custom_split_filenames are both given; give one, or name both "
                    "under splits");
      else if (in.has("split_pct"))
        readHash(in, split);
      else
        readFiles(in, split);
      label.splits.push_back(std::move(split));
    }
    if (in.has("splits")) {
      ObjectReader splits = in.object("splits");
      for (const std::string &name : splits.keys()) {
        if (!in.ok())
          break;
        ObjectReader one = splits.object(name);
        label.splits.push_back(readSplit(one, name));
        if (in.ok() && name == "default" && label.splits.size() > 1 &&
            label.splits[0].name == "default" && label.splits.front().place == label.place)
          splits.fail(name, "split_pct beside splits has this name already; choose another");
      }
      (void)splits.finish();
    }
    if (in.ok() && (node.fromEdges || node.numNodes >= 0))
      in.fail("label_col", "this node type has no table; give files and node_id_col");
    (void)in.finish(keyAliases());
    return label;
  }

  void readNode(ObjectReader &in) {
    NodeSpec node;
    node.place = placeOf(in);
    knows(in, {"node_type", "on_null_id", "on_duplicate_id", "from_edges", "num_nodes", "files",
               "node_id_col", "display_col", "format", "time_col", "features", "labels"});
    node.type = nonEmpty(in, "node_type");
    Policies all = defaults_;
    all.onNullId = policy(in, "on_null_id", all.onNullId, {"error", "skip"});
    all.onDuplicateId = policy(in, "on_duplicate_id", all.onDuplicateId, {"error", "skip"});
    node.onNullId = all.onNullId;
    node.onDuplicateId = all.onDuplicateId;
    node.fromEdges = in.booleanOr("from_edges", false);
    if (in.has("num_nodes"))
      node.numNodes = in.integer("num_nodes", 0);
    bool table = in.has("files") || in.has("node_id_col");
    if (in.ok() && int(node.fromEdges) + int(node.numNodes >= 0) + int(table) != 1)
      in.fail("", "the nodes of a type come from one of files with node_id_col, from_edges and "
                  "num_nodes; give one");
    if (in.ok() && table) {
      node.idColumn = nonEmpty(in, "node_id_col");
      node.displayColumn = in.stringOr("display_col", "");
      node.format = readFormat(in);
      node.files = expand(in, "files");
    }
    std::string timeColumn = table ? in.stringOr("time_col", "") : "";
    for (ObjectReader &feature : in.objectsOr("features"))
      if (in.ok())
        node.features.push_back(readFeature(feature, node));
    for (ObjectReader &label : in.objectsOr("labels"))
      if (in.ok())
        node.labels.push_back(readLabel(label, node));
    bool timeUsed = false;
    for (LabelSpec &label : node.labels)
      for (SplitSpec &split : label.splits)
        if (split.kind == SplitSpec::Kind::Time && split.column == "time" && !timeColumn.empty()) {
          split.column = timeColumn;
          timeUsed = true;
        } else if (split.kind == SplitSpec::Kind::Time && split.column == timeColumn) {
          timeUsed = true;
        }
    if (in.ok() && !timeColumn.empty() && !timeUsed)
      in.fail("time_col", "no split is by time, and a graph keeps no times of nodes; remove it, or "
                          "add a split {\"by\": \"time\", ...}");
    checkNames(in, node);
    (void)in.finish(keyAliases());
    out_.nodes.push_back(std::move(node));
  }

  void checkNames(ObjectReader &in, const NodeSpec &node) {
    if (!in.ok())
      return;
    if (out_.nodeIndex(node.type) >= 0)
      return in.fail("node_type", "'" + node.type +
                                      "' is there already; list all its files in one "
                                      "entry");
    std::set<std::string> features, labels;
    for (const FeatureSpec &feature : node.features)
      if (!features.insert(feature.name).second)
        return in.fail("features",
                       "two features are named '" + feature.name + "'; set feature_name of one");
    for (const LabelSpec &label : node.labels)
      if (!labels.insert(label.name).second)
        return in.fail("labels",
                       "two labels are named '" + label.name + "'; set label_name of one");
    for (const FeatureSpec &feature : node.features)
      if (feature.transform.fitOnTrain && (node.labels.empty() || node.labels[0].splits.empty()))
        return in.fail("features", "'" + feature.name +
                                       "' fits on train, but this node type has no "
                                       "label with a split; use fit_on all");
  }

  void readEdge(ObjectReader &in) {
    EdgeSpec edge;
    edge.place = placeOf(in);
    knows(in, {"relation", "source_id_col", "dest_id_col", "files", "format", "on_null_id",
               "on_dangling_id", "on_duplicate_edge", "add_reverse_edges", "time_col", "features",
               "labels"});
    Names relation = in.strings("relation");
    if (in.ok() && relation.size() != 3)
      return in.fail("relation", "must be [source type, name, destination type]; write for example "
                                 "[\"user\", \"buys\", \"item\"]");
    if (!in.ok())
      return;
    edge.source = relation[0];
    edge.name = relation[1];
    edge.destination = relation[2];
    if (edge.name.empty())
      in.fail("relation", "the relation's name is empty; name it");
    if (in.has("time_col"))
      in.fail("time_col", "a graph keeps no times of edges; remove it");
    if (in.has("features"))
      in.fail("features", "features of edges are not imported; remove them");
    if (in.has("labels"))
      in.fail("labels", "labels of edges are not imported; remove them");
    edge.sourceColumn = nonEmpty(in, "source_id_col");
    edge.destinationColumn = nonEmpty(in, "dest_id_col");
    edge.addReverse = in.booleanOr("add_reverse_edges", addReverse_);
    Policies all = defaults_;
    edge.onNullId = policy(in, "on_null_id", all.onNullId, {"error", "skip"});
    edge.onDanglingId = policy(in, "on_dangling_id", all.onDanglingId, {"error", "skip", "add"});
    edge.onDuplicateEdge =
        policy(in, "on_duplicate_edge", all.onDuplicateEdge, {"error", "skip", "keep"});
    if (in.ok()) {
      edge.format = readFormat(in);
      edge.files = expand(in, "files");
    }
    (void)in.finish(keyAliases());
    out_.edges.push_back(std::move(edge));
  }

  absl::Status checkReferences() const {
    Names types;
    for (const NodeSpec &node : out_.nodes)
      types.push_back(node.type);
    using Triple = std::array<std::string, 3>;
    std::map<Triple, const EdgeSpec *> stored;
    for (const EdgeSpec &edge : out_.edges) {
      for (const std::string *type : {&edge.source, &edge.destination})
        if (out_.nodeIndex(*type) < 0)
          return invalidArgument(edge.place + "/relation: node type '" + *type +
                                 "' is not among nodes; add it (with \"from_edges\": true if only "
                                 "edges name its nodes)" +
                                 suggestion(*type, types));
      auto [it, isNew] = stored.insert({{edge.source, edge.name, edge.destination}, &edge});
      if (!isNew && (it->second->onDuplicateEdge != edge.onDuplicateEdge ||
                     it->second->addReverse != edge.addReverse))
        return invalidArgument(edge.place + ": the relation's other entry has another "
                                            "on_duplicate_edge or add_reverse_edges; make them "
                                            "alike");
    }
    for (const EdgeSpec &edge : out_.edges)
      if (edge.addReverse && stored.count({edge.destination, "rev_" + edge.name, edge.source}))
        return invalidArgument(edge.place + "/relation: its reverse view 'rev_" + edge.name +
                               "' is an entry of its own; set add_reverse_edges to false here");
    return absl::OkStatus();
  }

  const JsonDocument &document_;
  std::string directory_;
  Policies defaults_{};
  bool addReverse_ = true;
  Descriptor out_;
};

} // namespace

int Descriptor::nodeIndex(const std::string &type) const {
  for (size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i].type == type)
      return int(i);
  return -1;
}

absl::StatusOr<Descriptor> parseDescriptor(std::string_view text, const std::string &file,
                                           const std::string &directory) {
  HEDDLE_ASSIGN_OR_RETURN(JsonDocument document, parseJson(text, file));
  return Parser(document, directory).run();
}

absl::StatusOr<Descriptor> readDescriptor(const std::string &path) {
  HEDDLE_ASSIGN_OR_RETURN(JsonDocument document, readJsonFile(path));
  size_t slash = path.rfind('/');
  std::string directory = slash == std::string::npos ? "" : path.substr(0, slash);
  if (slash == 0)
    directory = "/";
  return Parser(document, directory).run();
}

} // namespace heddle::importing
