//===- Labels.h - labels and splits out of table columns ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_LABELS_H
#define HEDDLE_RUNTIME_IMPORT_LABELS_H

#include "runtime/graph/GraphBuilder.h"
#include "runtime/import/Descriptor.h"
#include "runtime/import/HashSplit.h"
#include "runtime/import/IdMap.h"
#include "runtime/import/TableScan.h"
#include "runtime/import/Values.h"

#include <memory>
#include <unordered_map>

namespace heddle::importing {

/// Sorts class or category names: by value where all are canonical integers, else by bytes, so that
/// class i of "0".."11" has index i.
void sortNames(std::vector<std::string> &names);

/// The label of one node type: collected while the table is read, written when all rows are known.
class LabelCollector {
public:
  /// Asks `scan` for the columns of the label and of its splits.
  LabelCollector(const LabelSpec &spec, TableScan &scan);

  /// The next row, in order.
  absl::Status addRow(const TableScan &scan);

  /// Writes label and splits of a type of `numNodes` >= added rows; later rows have no label.
  /// `split0` gets the parts of the first split, if there is one.
  absl::Status write(graph::GraphBuilder &builder, int typeHandle, const std::string &typeName,
                     int64_t numNodes, const IdMap &ids, const TableFormat &format,
                     SplitParts &split0);

private:
  struct SplitColumn {
    int wanted = -1;
    std::vector<int8_t> part; ///< 0..2, or -1; of Column and Time
    TimeValue bounds[2];      ///< Time: valid_from, test_from
    int64_t without = 0;      ///< rows without part name or time
  };
  int32_t provisionalClass(std::string_view name);
  absl::Status addSplitCell(const TableScan &scan, const SplitSpec &spec, SplitColumn &column);
  absl::StatusOr<SplitParts> partsOf(size_t split, const std::vector<bool> &labelled,
                                     const IdMap &ids, const TableFormat &format) const;
  absl::Status readIdList(const SplitSpec &spec, int part, const std::vector<bool> &labelled,
                          const IdMap &ids, const TableFormat &format,
                          std::vector<int64_t> &rows) const;

  const LabelSpec &spec_;
  int wanted_;
  std::vector<SplitColumn> splits_;
  std::unordered_map<std::string, int32_t> classes_; ///< name -> order of appearance
  std::vector<int32_t> single_;                      ///< by row, provisional class or -1
  std::vector<int32_t> multi_;                       ///< classes of all rows, joined
  std::vector<int64_t> multiEnd_;                    ///< by row
  std::vector<bool> multiLabelled_;                  ///< by row
};

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_LABELS_H
