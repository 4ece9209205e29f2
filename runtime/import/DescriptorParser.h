//===- DescriptorParser.h - the import descriptor, part by part --*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Inside of parseDescriptor: one class. Descriptor.cpp reads tables (node types, relations,
// formats, policies), DescriptorColumns.cpp what a node's columns and arrays become (features,
// labels, splits).
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_DESCRIPTORPARSER_H
#define HEDDLE_RUNTIME_IMPORT_DESCRIPTORPARSER_H

#include "runtime/base/Json.h"
#include "runtime/import/Descriptor.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace heddle::importing {

class DescriptorParser {
public:
  DescriptorParser(const JsonDocument &document, std::string directory)
      : document_(document), directory_(std::move(directory)) {}
  absl::StatusOr<Descriptor> run();

private:
  using Names = std::vector<std::string>;
  using Aliases = std::map<std::string, std::string>;

  struct Policies {
    Policy onNullId, onDanglingId, onDuplicateId, onDuplicateEdge;
  };

  /// Other tools' spellings, for suggestions.
  static const Aliases &keyAliases();
  static Policy policy(ObjectReader &in, const char *key, Policy fallback, const Names &choices);
  static Policies policies(ObjectReader &in, const Policies &fallback);
  /// Reports unknown keys before anything else: a misspelt key is better news than the missing one.
  /// A copy is asked, so that a key without a use in this object is still refused at the end.
  static void knows(const ObjectReader &in, const Names &keys);
  std::string placeOf(const ObjectReader &in) const { return in.file() + ": " + in.pointer(); }
  std::string nonEmpty(ObjectReader &in, const std::string &key);
  /// A string or an array of strings, as GraphStorm takes them.
  Names stringOrStrings(ObjectReader &in, const std::string &key);
  std::string absolute(const std::string &path) const;
  Names expand(ObjectReader &in, const std::string &key);
  std::string existingFile(ObjectReader &in, const std::string &key);
  TableFormat readFormat(ObjectReader &in);
  void readNode(ObjectReader &in);
  void checkNames(ObjectReader &in, const NodeSpec &node);
  void readEdge(ObjectReader &in);
  absl::Status checkReferences() const;

  // DescriptorColumns.cpp
  TransformSpec readTransform(ObjectReader &in);
  FeatureSpec readFeature(ObjectReader &in, const NodeSpec &node);
  /// A feature of a relation's edges: numeric columns, or dense arrays.
  FeatureSpec readEdgeFeature(ObjectReader &in);
  static FeatureSpec finished(ObjectReader &in, FeatureSpec &spec) {
    (void)in.finish(keyAliases());
    return std::move(spec);
  }
  /// split_pct and custom_split_filenames stand in a split or, as in GraphStorm, in the label.
  void readHash(ObjectReader &in, SplitSpec &split);
  void readFiles(ObjectReader &in, SplitSpec &split);
  SplitSpec readSplit(ObjectReader &in, const std::string &name);
  std::string timeText(ObjectReader &in, const std::string &key);
  LabelSpec readLabel(ObjectReader &in, const NodeSpec &node);

  const JsonDocument &document_;
  std::string directory_;
  Policies defaults_{};
  bool addReverse_ = true;
  Descriptor out_;
};

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_DESCRIPTORPARSER_H
