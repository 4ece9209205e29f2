//===- EntityLabels.h - labels of nodes named in TSV files -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The label files that come with RDF data sets: a table with a column of node ids and a column of
// classes, and a file each for the official training and test part. Fields are separated by tabs
// (a .csv: by commas, with quotes).
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_ENTITYLABELS_H
#define HEDDLE_RUNTIME_IMPORT_ENTITYLABELS_H

#include "runtime/import/HashSplit.h"
#include "runtime/import/TableScan.h"

#include <functional>
#include <unordered_map>

namespace heddle::importing {

struct LabelFiles {
  std::string train, test; ///< the official parts; empty = none
  std::string all;         ///< labels of any nodes; those in no part stay out of the split
  /// Empty: the only column whose name starts with "label"; the only other one but "id".
  std::string entityColumn, labelColumn;
  bool any() const { return !train.empty() || !test.empty() || !all.empty(); }
};

/// How the validation part is taken out of the training part, by hash of the node's id and the seed
/// (see HashSplit.h).
struct CarveOptions {
  double validRatio = 0.2;
  uint64_t seed = 0;
};

/// Part of a node of the official training part: 0 train, 1 valid.
int carvedPart(std::string_view id, const CarveOptions &options);

class EntityLabels {
public:
  struct Entry {
    int64_t node;
    int32_t label; ///< index into classes
    int part;      ///< 0 train, 1 valid, 2 test, -1 none
  };
  std::string name;                 ///< of the label: its column without "label_"
  std::string split;                ///< "official", or "random" where there are no parts
  std::vector<std::string> classes; ///< sorted; IRIs are shortened, 1.0 is written 1
  std::vector<Entry> entries;       ///< of distinct nodes
  int64_t skipped = 0;              ///< rows that name no node

  /// Reads the files. `find` gives a node for an id, or -1. Errors name file, line and column: ids
  /// that are no node (with skipUnknown: counted), two classes of one node, a node in both parts.
  /// Without parts, a fifth of the nodes becomes the test part, by hash.
  static absl::StatusOr<EntityLabels> read(const LabelFiles &files, const CarveOptions &carve,
                                           const std::function<int64_t(std::string_view)> &find,
                                           bool skipUnknown);

private:
  absl::Status readFile(const std::string &path, int part, const LabelFiles &files,
                        const std::function<int64_t(std::string_view)> &find, bool skipUnknown);
  void nameClasses();
  std::unordered_map<int64_t, size_t> entryOf_;
  std::unordered_map<std::string, int32_t> classOf_; ///< in order of appearance
  std::vector<std::string> places_;                  ///< of each entry, for errors
  std::vector<std::string> ids_;                     ///< of each entry
};

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_ENTITYLABELS_H
