//===- Descriptor.h - the JSON import descriptor -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// What the tables hold, with the key names of GraphStorm's gconstruct. Everything that can be
// checked without reading data is checked here: keys, types, names, references between entries, and
// that every file pattern matches something. examples/schemas/import.schema.json says the same for
// editors.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_DESCRIPTOR_H
#define HEDDLE_RUNTIME_IMPORT_DESCRIPTOR_H

#include "runtime/import/Table.h"

#include <cstdint>
#include <string>
#include <vector>

namespace heddle::importing {

enum class Policy { Error, Skip, Keep, Add };

struct TransformSpec {
  enum class Kind { None, ZScore, MinMax, Categorical };
  enum class Missing { Error, Zero, Mean, ZeroFlag, MeanFlag };
  enum class Unknown { Bucket, Zero, Error };
  Kind kind = Kind::None;
  bool log1p = false;      ///< numeric: log(1 + x) first
  bool fitOnTrain = false; ///< statistics of the rows in train of the first label's first split
  Missing missing = Missing::Error;
  int64_t minCount = 1;              ///< categorical: rarer values are unknown
  Unknown unknown = Unknown::Bucket; ///< categorical: values not seen in fitting
  std::string separator;             ///< categorical: several values in a cell; empty = one
  bool hasFlag() const { return missing == Missing::ZeroFlag || missing == Missing::MeanFlag; }
};

struct FeatureSpec {
  enum class Source { Columns, Dense, Sparse };
  std::string name;
  std::string place; ///< "file: /nodes/0/features/1" for errors that data brings up
  Source source = Source::Columns;
  std::vector<std::string> columns;
  std::vector<std::string> files;      ///< dense: .npy files, rows joined in this order
  std::string indptr, indices, values; ///< sparse: .npy files; values may be empty
  int64_t dim = 0;                     ///< sparse: columns
  std::string outDtype;                ///< empty for dense: as stored
  bool ownDtype = false;               ///< the descriptor says outDtype
  std::string floats;                  ///< dense without outDtype: what a floating dtype becomes
  TransformSpec transform;
  bool ofEdges = false; ///< of a relation: dense, a row for each edge
};

struct SplitSpec {
  enum class Kind { Hash, Column, Time, Files };
  std::string name, place;
  Kind kind = Kind::Hash;
  double ratio[3] = {0, 0, 0};
  uint64_t seed = 0;
  std::string column;                ///< Column: part names; Time: times
  std::string validFrom, testFrom;   ///< Time: bounds as text
  std::vector<std::string> files[3]; ///< Files: lists of ids
  std::string idColumn;              ///< Files: the column of ids; empty = one id a line
};

struct LabelSpec {
  std::string name, place, column;
  std::string separator; ///< not empty: multi-label
  std::vector<SplitSpec> splits;
};

struct NodeSpec {
  std::string type, place;
  bool fromEdges = false;
  int64_t numNodes = -1; ///< >= 0: ids are 0..numNodes-1 and there is no table
  std::string idColumn, displayColumn;
  TableFormat format;
  std::vector<std::string> files;
  std::vector<FeatureSpec> features;
  std::vector<LabelSpec> labels;
  Policy onNullId = Policy::Error, onDuplicateId = Policy::Error;
};

struct EdgeSpec {
  std::string source, name, destination, place;
  std::string sourceColumn, destinationColumn;
  TableFormat format;
  std::vector<std::string> files;
  std::vector<FeatureSpec> features; ///< of the edges
  Policy onNullId = Policy::Error, onDanglingId = Policy::Error, onDuplicateEdge = Policy::Keep;
  bool addReverse = true;
};

struct Descriptor {
  std::string file;
  std::vector<NodeSpec> nodes;
  std::vector<EdgeSpec> edges;
  int nodeIndex(const std::string &type) const; ///< -1 if absent
};

/// Floating numbers of features for which the descriptor says no out_dtype are stored in this one.
void storeFloatsAs(const std::string &dtype, Descriptor &descriptor);

/// Reads and checks a descriptor. File patterns (glob) are relative to its folder; matches are in
/// byte order, patterns in their own order. Errors: "file: /json/pointer: what is wrong; remedy".
absl::StatusOr<Descriptor> readDescriptor(const std::string &path);

/// The same of a text; patterns are relative to `directory`.
absl::StatusOr<Descriptor> parseDescriptor(std::string_view text, const std::string &file,
                                           const std::string &directory);

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_DESCRIPTOR_H
