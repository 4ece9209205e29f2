//===- Descriptor.cpp - the JSON import descriptor -------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/DescriptorParser.h"

#include "runtime/base/MappedFile.h"
#include "runtime/base/Suggest.h"

#include <nlohmann/json.hpp>

#include <array>
#include <map>
#include <set>

#include <glob.h>

namespace heddle::importing {

const DescriptorParser::Aliases &DescriptorParser::keyAliases() {
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

absl::StatusOr<Descriptor> DescriptorParser::run() {
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

Policy DescriptorParser::policy(ObjectReader &in, const char *key, Policy fallback,
                                const Names &choices) {
  if (!in.has(key))
    return fallback;
  std::string word =
      in.oneOf(key, choices, {{"ignore", "skip"}, {"drop", "skip"}, {"remove", "skip"}});
  return word == "skip"   ? Policy::Skip
         : word == "keep" ? Policy::Keep
         : word == "add"  ? Policy::Add
                          : Policy::Error;
}

DescriptorParser::Policies DescriptorParser::policies(ObjectReader &in, const Policies &fallback) {
  return {policy(in, "on_null_id", fallback.onNullId, {"error", "skip"}),
          policy(in, "on_dangling_id", fallback.onDanglingId, {"error", "skip", "add"}),
          policy(in, "on_duplicate_id", fallback.onDuplicateId, {"error", "skip"}),
          policy(in, "on_duplicate_edge", fallback.onDuplicateEdge, {"error", "skip", "keep"})};
}

void DescriptorParser::knows(const ObjectReader &in, const Names &keys) {
  ObjectReader copy = in;
  copy.allow(keys);
  (void)copy.finish(keyAliases());
}

std::string DescriptorParser::nonEmpty(ObjectReader &in, const std::string &key) {
  std::string text = in.string(key);
  if (in.ok() && text.empty())
    in.fail(key, "is empty; name something");
  return text;
}

DescriptorParser::Names DescriptorParser::stringOrStrings(ObjectReader &in,
                                                          const std::string &key) {
  const nlohmann::json *value = in.raw(key);
  if (value && value->is_string())
    return {in.string(key)};
  return in.strings(key);
}

std::string DescriptorParser::absolute(const std::string &path) const {
  return path.empty() || path[0] == '/' || directory_.empty() ? path : directory_ + "/" + path;
}

DescriptorParser::Names DescriptorParser::expand(ObjectReader &in, const std::string &key) {
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

std::string DescriptorParser::existingFile(ObjectReader &in, const std::string &key) {
  std::string name = in.string(key);
  if (!in.ok())
    return name;
  if (auto file = MappedFile::open(absolute(name)); !file.ok())
    in.fail(key, messageOf(file.status()));
  return absolute(name);
}

TableFormat DescriptorParser::readFormat(ObjectReader &in) {
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

void DescriptorParser::readNode(ObjectReader &in) {
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

void DescriptorParser::checkNames(ObjectReader &in, const NodeSpec &node) {
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
      return in.fail("labels", "two labels are named '" + label.name + "'; set label_name of one");
  for (const FeatureSpec &feature : node.features)
    if (feature.transform.fitOnTrain && (node.labels.empty() || node.labels[0].splits.empty()))
      return in.fail("features", "'" + feature.name +
                                     "' fits on train, but this node type has no "
                                     "label with a split; use fit_on all");
}

void DescriptorParser::readEdge(ObjectReader &in) {
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
  std::set<std::string> names;
  for (ObjectReader &feature : in.objectsOr("features")) {
    if (!in.ok())
      break;
    edge.features.push_back(readEdgeFeature(feature));
    if (in.ok() && !names.insert(edge.features.back().name).second)
      in.fail("features", "two features are named '" + edge.features.back().name +
                              "'; set feature_name of one");
  }
  (void)in.finish(keyAliases());
  out_.edges.push_back(std::move(edge));
}

absl::Status DescriptorParser::checkReferences() const {
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
    if (!isNew && !(it->second->features.empty() && edge.features.empty()))
      return invalidArgument(edge.place +
                             ": the relation has another entry, and features are of all "
                             "its edges; list all files in one entry");
  }
  for (const EdgeSpec &edge : out_.edges)
    if (edge.addReverse && stored.count({edge.destination, "rev_" + edge.name, edge.source}))
      return invalidArgument(edge.place + "/relation: its reverse view 'rev_" + edge.name +
                             "' is an entry of its own; set add_reverse_edges to false here");
  return absl::OkStatus();
}

int Descriptor::nodeIndex(const std::string &type) const {
  for (size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i].type == type)
      return int(i);
  return -1;
}

void storeFloatsAs(const std::string &dtype, Descriptor &descriptor) {
  auto store = [&](std::vector<FeatureSpec> &features) {
    for (FeatureSpec &feature : features)
      if (feature.source == FeatureSpec::Source::Columns && !feature.outDtype.empty() &&
          !feature.ownDtype)
        feature.outDtype = dtype;
      else if (feature.source == FeatureSpec::Source::Dense && feature.outDtype.empty())
        feature.floats = dtype;
  };
  for (NodeSpec &node : descriptor.nodes)
    store(node.features);
  for (EdgeSpec &edge : descriptor.edges)
    store(edge.features);
}

absl::StatusOr<Descriptor> parseDescriptor(std::string_view text, const std::string &file,
                                           const std::string &directory) {
  HEDDLE_ASSIGN_OR_RETURN(JsonDocument document, parseJson(text, file));
  return DescriptorParser(document, directory).run();
}

absl::StatusOr<Descriptor> readDescriptor(const std::string &path) {
  HEDDLE_ASSIGN_OR_RETURN(JsonDocument document, readJsonFile(path));
  size_t slash = path.rfind('/');
  std::string directory = slash == std::string::npos ? "" : path.substr(0, slash);
  if (slash == 0)
    directory = "/";
  return DescriptorParser(document, directory).run();
}

} // namespace heddle::importing
