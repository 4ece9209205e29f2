//===- Features.cpp - features out of columns and arrays -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/Features.h"

#include "runtime/base/Npy.h"
#include "runtime/graph/ConvertFloats.h"
#include "runtime/import/Labels.h"
#include "runtime/import/Values.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

namespace heddle::importing {

namespace {

using Kind = TransformSpec::Kind;
using Missing = TransformSpec::Missing;

/// What to say beside "set out_dtype" where a number does not fit into `dtype`.
std::string hint(const std::string &dtype) {
  return dtype == "float16" ? " (bfloat16 has the range of float32)" : "";
}

/// Rows of a dense feature on their way to the builder, a megabyte at a time.
class RowBuffer {
public:
  void open(int handle, int64_t rowBytes) {
    handle_ = handle;
    rowBytes_ = rowBytes;
  }
  /// Room for one more row.
  char *row() {
    bytes_.resize(bytes_.size() + size_t(rowBytes_));
    ++rows_;
    return bytes_.data() + bytes_.size() - rowBytes_;
  }
  absl::Status flush(graph::GraphBuilder &builder, size_t above) {
    if (rows_ == 0 || bytes_.size() < above)
      return absl::OkStatus();
    absl::Status status = builder.appendDenseRows(handle_, bytes_.data(), rows_);
    bytes_.clear();
    rows_ = 0;
    return status;
  }
  absl::Status flushIfFull(graph::GraphBuilder &builder) { return flush(builder, 1 << 20); }

private:
  int handle_ = -1;
  int64_t rowBytes_ = 0, rows_ = 0;
  std::vector<char> bytes_;
};

//===----------------------------------------------------------------------===//
// Numeric columns
//===----------------------------------------------------------------------===//

class NumericFeature : public FeatureImport {
public:
  explicit NumericFeature(const FeatureSpec &spec)
      : FeatureImport(spec), stats_(spec.columns.size()) {}

  bool needsTable() const override { return true; }
  bool needsFit() const override {
    Missing missing = spec_.transform.missing;
    return spec_.transform.kind != Kind::None || missing == Missing::Mean ||
           missing == Missing::MeanFlag;
  }
  void want(TableScan &scan) override {
    wanted_.clear();
    for (const std::string &column : spec_.columns)
      wanted_.push_back(scan.want(column));
  }

  absl::Status fit(const TableScan &scan) override {
    for (size_t i = 0; i < wanted_.size(); ++i) {
      double x;
      bool missing;
      HEDDLE_RETURN_IF_ERROR(read(scan, i, x, missing));
      if (!missing)
        stats_[i].add(x);
    }
    return absl::OkStatus();
  }

  absl::Status declare(graph::GraphBuilder &builder, int owner) override {
    int64_t dim = int64_t(spec_.columns.size()) * (spec_.transform.hasFlag() ? 2 : 1);
    HEDDLE_ASSIGN_OR_RETURN(int handle, declareDense(builder, owner, spec_.outDtype, dim));
    elementBytes_ = dtypeBytes(spec_.outDtype);
    buffer_.open(handle, dim * elementBytes_);
    return absl::OkStatus();
  }

  absl::Status write(graph::GraphBuilder &builder, int64_t, const TableScan *scan) override {
    char *row = buffer_.row();
    for (size_t i = 0; i < wanted_.size(); ++i) {
      double x = 0;
      bool missing;
      HEDDLE_RETURN_IF_ERROR(read(*scan, i, x, missing));
      if (missing && spec_.transform.missing == Missing::Error)
        return scan->error(wanted_[i], "the value of '" + spec_.columns[i] +
                                           "' is missing; fill it, or set transform.missing of "
                                           "feature '" +
                                           spec_.name + "' (zero, mean, mean+flag)");
      if (!put(row, i, missing, x))
        return scan->error(wanted_[i], "'" + std::string(scan->cell(wanted_[i])) +
                                           "' does not fit into " + spec_.outDtype +
                                           "; set out_dtype of feature '" + spec_.name + "'" +
                                           hint(spec_.outDtype));
    }
    return buffer_.flushIfFull(builder);
  }

  absl::Status writeMissing(graph::GraphBuilder &builder, const std::string &id) override {
    if (spec_.transform.missing == Missing::Error)
      return invalidArgument(spec_.place + ": node '" + id +
                             "', which only edges name, has no value; set transform.missing (zero, "
                             "mean, mean+flag)");
    char *row = buffer_.row();
    for (size_t i = 0; i < stats_.size(); ++i)
      (void)put(row, i, true, 0);
    return buffer_.flushIfFull(builder);
  }

  absl::Status finish(graph::GraphBuilder &builder, const std::string &typeName) override {
    if (missing_ > 0)
      builder.count(typeName + ": missing values filled in feature '" + spec_.name + "'", missing_);
    return buffer_.flush(builder, 0);
  }

private:
  /// Welford's running mean and variance, of log1p of the values where asked.
  struct Stats {
    int64_t count = 0;
    double mean = 0, m2 = 0, min = 0, max = 0;
    void add(double x) {
      min = count == 0 ? x : std::min(min, x);
      max = count == 0 ? x : std::max(max, x);
      double delta = x - mean;
      mean += delta / double(++count);
      m2 += delta * (x - mean);
    }
    double deviation() const { return count > 0 ? std::sqrt(m2 / double(count)) : 0; }
  };

  absl::Status read(const TableScan &scan, size_t i, double &x, bool &missing) const {
    missing = scan.isNull(wanted_[i]);
    if (missing)
      return absl::OkStatus();
    std::string_view cell = scan.cell(wanted_[i]);
    auto value = parseNumber(cell);
    if (!value)
      return scan.error(wanted_[i], "'" + std::string(cell.substr(0, 40)) +
                                        "' is no number; correct it, or list it in "
                                        "format.null_values if it means a missing value");
    x = *value;
    if (std::isnan(x)) {
      missing = true;
      return absl::OkStatus();
    }
    if (std::isinf(x))
      return scan.error(wanted_[i], "the value is not finite; correct it");
    // Larger integers are not exact as a double.
    if (std::fabs(x) >= 0x1p53 && !isFloatingDtype(spec_.outDtype))
      return scan.error(wanted_[i], "integers beyond 2^53 are not exact here; give the feature as "
                                    "a .npy file");
    if (spec_.transform.log1p) {
      if (x <= -1)
        return scan.error(wanted_[i], "log1p of " + std::string(cell) +
                                          " does not exist; set log1p to false for feature '" +
                                          spec_.name + "'");
      x = std::log1p(x);
    }
    return absl::OkStatus();
  }

  /// Writes value (and flag) `i` of a row; false if the type does not hold it.
  bool put(char *row, size_t i, bool missing, double x) {
    const Stats &s = stats_[i];
    missing_ += missing;
    if (missing)
      x = spec_.transform.missing == Missing::Mean || spec_.transform.missing == Missing::MeanFlag
              ? s.mean
              : 0;
    bool zero = missing && (spec_.transform.missing == Missing::Zero ||
                            spec_.transform.missing == Missing::ZeroFlag);
    if (!zero && spec_.transform.kind == Kind::ZScore)
      x = s.deviation() > 0 ? (x - s.mean) / s.deviation() : x - s.mean;
    if (!zero && spec_.transform.kind == Kind::MinMax)
      x = s.max > s.min ? (x - s.min) / (s.max - s.min) : x - s.min;
    if (spec_.transform.hasFlag())
      (void)encodeNumber(missing, spec_.outDtype, row + int64_t(stats_.size() + i) * elementBytes_);
    return encodeNumber(x, spec_.outDtype, row + int64_t(i) * elementBytes_);
  }

  std::vector<int> wanted_;
  std::vector<Stats> stats_;
  RowBuffer buffer_;
  int64_t elementBytes_ = 0, missing_ = 0;
};

//===----------------------------------------------------------------------===//
// Categorical columns
//===----------------------------------------------------------------------===//

/// One-hot (several-hot with a separator), kept sparse: the width costs nothing.
class CategoricalFeature : public FeatureImport {
public:
  explicit CategoricalFeature(const FeatureSpec &spec) : FeatureImport(spec) {}

  bool needsTable() const override { return true; }
  bool needsFit() const override { return true; }
  void want(TableScan &scan) override { wanted_ = scan.want(spec_.columns[0]); }

  absl::Status fit(const TableScan &scan) override {
    forEachValue(scan, [&](std::string_view value) { ++counts_[std::string(value)]; });
    return absl::OkStatus();
  }

  absl::Status declare(graph::GraphBuilder &builder, int owner) override {
    std::vector<std::string> names;
    for (const auto &[name, n] : counts_)
      if (n >= spec_.transform.minCount)
        names.push_back(name);
    sortNames(names);
    for (size_t i = 0; i < names.size(); ++i)
      index_[names[i]] = int64_t(i);
    counts_.clear();
    bool bucket = spec_.transform.unknown == TransformSpec::Unknown::Bucket;
    int64_t dim = int64_t(names.size()) + bucket;
    if (dim == 0)
      return invalidArgument(spec_.place + "/feature_col: column '" + spec_.columns[0] +
                             "' has no category; lower min_count, or remove the feature");
    HEDDLE_ASSIGN_OR_RETURN(handle_, builder.addSparseFeature(owner, spec_.name, dim));
    return absl::OkStatus();
  }

  absl::Status write(graph::GraphBuilder &builder, int64_t, const TableScan *scan) override {
    row_.clear();
    if (scan->isNull(wanted_)) {
      if (spec_.transform.missing == Missing::Error)
        return scan->error(wanted_, "the value of '" + spec_.columns[0] +
                                        "' is missing; fill it, or set transform.missing to zero");
      ++missing_;
    }
    std::string unknown;
    forEachValue(*scan, [&](std::string_view value) {
      if (auto it = index_.find(std::string(value)); it != index_.end()) {
        row_.push_back(it->second);
        return;
      }
      ++unknown_;
      unknown = value;
      if (spec_.transform.unknown == TransformSpec::Unknown::Bucket)
        row_.push_back(int64_t(index_.size()));
    });
    if (!unknown.empty() && spec_.transform.unknown == TransformSpec::Unknown::Error)
      return scan->error(wanted_, "category '" + unknown +
                                      "' is unknown (rare, or not in the rows fitted on); set "
                                      "transform.unknown to bucket or zero");
    std::sort(row_.begin(), row_.end());
    row_.erase(std::unique(row_.begin(), row_.end()), row_.end());
    return builder.appendSparseRow(handle_, row_, {});
  }

  absl::Status writeMissing(graph::GraphBuilder &builder, const std::string &id) override {
    if (spec_.transform.missing == Missing::Error)
      return invalidArgument(spec_.place + ": node '" + id +
                             "', which only edges name, has no value; set transform.missing to "
                             "zero");
    ++missing_;
    return builder.appendSparseRow(handle_, {}, {});
  }

  absl::Status finish(graph::GraphBuilder &builder, const std::string &typeName) override {
    if (missing_ > 0)
      builder.count(typeName + ": missing values in feature '" + spec_.name + "'", missing_);
    if (unknown_ > 0)
      builder.count(typeName + ": unknown categories in feature '" + spec_.name + "'", unknown_);
    return absl::OkStatus();
  }

private:
  template <typename Visit> void forEachValue(const TableScan &scan, const Visit &visit) const {
    if (scan.isNull(wanted_))
      return;
    std::string_view cell = scan.cell(wanted_);
    const std::string &separator = spec_.transform.separator;
    if (separator.empty())
      return visit(cell);
    while (!cell.empty()) {
      size_t end = cell.find(separator);
      if (end != 0)
        visit(cell.substr(0, end));
      cell.remove_prefix(end == std::string_view::npos ? cell.size() : end + separator.size());
    }
  }

  int wanted_ = -1, handle_ = -1;
  std::unordered_map<std::string, int64_t> counts_, index_;
  std::vector<int64_t> row_;
  int64_t missing_ = 0, unknown_ = 0;
};

//===----------------------------------------------------------------------===//
// Arrays
//===----------------------------------------------------------------------===//

absl::StatusOr<NpyArray> openArray(const std::string &file) {
  auto array = NpyArray::open(file);
  if (array.ok() || messageOf(array.status()).find("; ") != std::string::npos)
    return array;
  std::string message = messageOf(array.status()) + "; write it again with numpy.save";
  return absl::Status(array.status().code(), absl::string_view(message.data(), message.size()));
}

std::string countOf(int64_t n, const char *what) { return std::to_string(n) + " " + what; }

class DenseFeature : public FeatureImport {
public:
  explicit DenseFeature(const FeatureSpec &spec) : FeatureImport(spec) {}

  absl::Status prepare(int64_t records) override {
    int64_t rows = 0;
    for (const std::string &file : spec_.files) {
      HEDDLE_ASSIGN_OR_RETURN(NpyArray array, openArray(file));
      const auto &shape = array.shape();
      if (shape.empty() || shape.size() > 2)
        return invalidArgument(file + ": has " + countOf(int64_t(shape.size()), "dimensions") +
                               "; a feature is a vector or a matrix with a row for each " +
                               (spec_.ofEdges ? "edge" : "node"));
      int64_t dim = shape.size() == 2 ? shape[1] : 1;
      if (!arrays_.empty() && (dim != dim_ || array.dtype() != arrays_[0].dtype()))
        return invalidArgument(file + ": is " + npyTypeName(array.dtype(), shape) + ", but " +
                               spec_.files[0] + " is " +
                               npyTypeName(arrays_[0].dtype(), arrays_[0].shape()) +
                               "; files of a feature have one dtype and width");
      if (dim == 0)
        return invalidArgument(file + ": has rows of width 0; remove the feature");
      dim_ = dim;
      rows += shape[0];
      array.file().advise(MappedFile::Advice::Sequential);
      arrays_.push_back(std::move(array));
    }
    if (rows != records)
      return invalidArgument(
          spec_.place + "/files: have " + countOf(rows, "rows") +
          (spec_.ofEdges ? ", but the edges' files have " : ", but the nodes' files have ") +
          countOf(records, "records") + "; give a row for each record, in the order of the files");
    const std::string &stored = arrays_[0].dtype();
    const bool floats = !spec_.floats.empty() && isFloatingDtype(stored);
    dtype_ = !spec_.outDtype.empty() ? spec_.outDtype : floats ? spec_.floats : stored;
    const auto &storage = graph::storageDtypes();
    converts_ = dtype_ != stored && isFloatingDtype(stored) &&
                std::find(storage.begin(), storage.end(), dtype_) != storage.end();
    return absl::OkStatus();
  }

  absl::Status declare(graph::GraphBuilder &builder, int owner) override {
    HEDDLE_ASSIGN_OR_RETURN(int handle, declareDense(builder, owner, dtype_, dim_));
    buffer_.open(handle, dim_ * dtypeBytes(dtype_));
    return absl::OkStatus();
  }

  absl::Status write(graph::GraphBuilder &builder, int64_t record, const TableScan *) override {
    // Records come in order: the array that holds this one is the current or a later one.
    while (record - before_ >= arrays_[current_].shape()[0])
      before_ += arrays_[current_++].shape()[0];
    const NpyArray &array = arrays_[current_];
    int64_t width = dim_ * dtypeBytes(array.dtype());
    const char *from = static_cast<const char *>(array.data()) + (record - before_) * width;
    char *row = buffer_.row();
    if (dtype_ == array.dtype() && allFinite(from)) {
      std::memcpy(row, from, size_t(width));
      return buffer_.flushIfFull(builder);
    }
    if (converts_ && graph::convertFloats(from, array.dtype(), dim_, dtype_, row) < 0 &&
        allFinite(row))
      return buffer_.flushIfFull(builder);
    int64_t out = dtypeBytes(dtype_);
    for (int64_t i = 0; i < dim_; ++i)
      if (!encodeNumber(decodeNumber(from, array.dtype(), i), dtype_, row + i * out))
        return invalidArgument(array.path() + ": element [" + std::to_string(record - before_) +
                               ", " + std::to_string(i) + "] does not fit into " + dtype_ +
                               " (or is not finite); correct it, or set out_dtype" + hint(dtype_));
    return buffer_.flushIfFull(builder);
  }

  absl::Status writeMissing(graph::GraphBuilder &builder, const std::string &) override {
    std::memset(buffer_.row(), 0, size_t(dim_ * dtypeBytes(dtype_)));
    ++missing_;
    return buffer_.flushIfFull(builder);
  }

  absl::Status finish(graph::GraphBuilder &builder, const std::string &typeName) override {
    if (missing_ > 0)
      builder.count(typeName + ": rows of zeros in feature '" + spec_.name + "'", missing_);
    return buffer_.flush(builder, 0);
  }

private:
  /// Whether a row of dtype_ holds only finite numbers. The mapped row may be unaligned.
  bool allFinite(const char *row) const {
    // The exponent bits of the type, all of them set, are infinity or not a number.
    if (dtype_ == "float32")
      return noneHas<uint32_t>(row, 0x7F800000u);
    if (dtype_ == "float64")
      return noneHas<uint64_t>(row, 0x7FF0000000000000u);
    if (dtype_ == "bfloat16")
      return noneHas<uint16_t>(row, 0x7F80u);
    return dtype_ != "float16" || noneHas<uint16_t>(row, 0x7C00u);
  }
  template <typename T> bool noneHas(const char *row, T exponent) const {
    for (int64_t i = 0; i < dim_; ++i) {
      T bits;
      std::memcpy(&bits, row + i * int64_t(sizeof(T)), sizeof bits);
      if ((bits & exponent) == exponent)
        return false;
    }
    return true;
  }

  std::vector<NpyArray> arrays_;
  std::string dtype_;
  RowBuffer buffer_;
  bool converts_ = false; ///< by convertFloats
  size_t current_ = 0;
  int64_t before_ = 0, dim_ = 0, missing_ = 0;
};

class SparseFeature : public FeatureImport {
public:
  explicit SparseFeature(const FeatureSpec &spec) : FeatureImport(spec) {}

  absl::Status prepare(int64_t records) override {
    HEDDLE_RETURN_IF_ERROR(open(spec_.indptr, true, indptr_));
    HEDDLE_RETURN_IF_ERROR(open(spec_.indices, true, indices_));
    if (!spec_.values.empty())
      HEDDLE_RETURN_IF_ERROR(open(spec_.values, false, values_));
    if (indptr_.count() != records + 1)
      return invalidArgument(spec_.indptr + ": has " + countOf(indptr_.count(), "elements") +
                             ", but " + countOf(records, "records") + " need " +
                             std::to_string(records + 1) +
                             "; give a row for each record, in the "
                             "order of the files");
    if (!spec_.values.empty() && values_.count() != indices_.count())
      return invalidArgument(spec_.values + ": has " + countOf(values_.count(), "values") +
                             " for " + countOf(indices_.count(), "indices") +
                             "; give one for each");
    return absl::OkStatus();
  }

  absl::Status declare(graph::GraphBuilder &builder, int owner) override {
    HEDDLE_ASSIGN_OR_RETURN(handle_, builder.addSparseFeature(owner, spec_.name, spec_.dim));
    return absl::OkStatus();
  }

  absl::Status write(graph::GraphBuilder &builder, int64_t record, const TableScan *) override {
    int64_t begin = integer(indptr_, record), end = integer(indptr_, record + 1);
    bool last = record + 2 == indptr_.count();
    if (begin < 0 || begin > end || end > indices_.count() || (record == 0 && begin != 0) ||
        (last && end != indices_.count()))
      return invalidArgument(spec_.indptr + ": elements " + std::to_string(record) + " and " +
                             std::to_string(record + 1) + " are " + std::to_string(begin) +
                             " and " + std::to_string(end) + "; they must rise from 0 to " +
                             std::to_string(indices_.count()) + ", the number of indices");
    row_.clear();
    rowValues_.clear();
    for (int64_t i = begin; i < end; ++i) {
      int64_t index = integer(indices_, i);
      if (index < 0 || index >= spec_.dim)
        return invalidArgument(spec_.indices + ": element " + std::to_string(i) + " is " +
                               std::to_string(index) + ", outside of dim " +
                               std::to_string(spec_.dim) + "; correct dim in the descriptor");
      row_.push_back(index);
      if (spec_.values.empty())
        continue;
      double value = decodeNumber(static_cast<const char *>(values_.data()), values_.dtype(), i);
      float single = static_cast<float>(value);
      if (!std::isfinite(single))
        return invalidArgument(spec_.values + ": element " + std::to_string(i) +
                               " is not finite as float32; correct it");
      rowValues_.push_back(single);
    }
    return withPrefix(builder.appendSparseRow(handle_, row_, rowValues_), spec_.place + ": ");
  }

  absl::Status writeMissing(graph::GraphBuilder &builder, const std::string &) override {
    ++missing_;
    return builder.appendSparseRow(handle_, {}, {});
  }

  absl::Status finish(graph::GraphBuilder &builder, const std::string &typeName) override {
    if (missing_ > 0)
      builder.count(typeName + ": empty rows in feature '" + spec_.name + "'", missing_);
    return absl::OkStatus();
  }

private:
  static absl::Status open(const std::string &file, bool integers, NpyArray &out) {
    HEDDLE_ASSIGN_OR_RETURN(out, openArray(file));
    if (out.shape().size() != 1)
      return invalidArgument(file + ": is " + npyTypeName(out.dtype(), out.shape()) +
                             "; a part of a sparse matrix is a vector");
    bool integral = out.dtype().find("int") != std::string::npos;
    if (integers && (!integral || out.dtype() == "uint64"))
      return invalidArgument(file + ": is " + out.dtype() + "; save it as int64");
    return absl::OkStatus();
  }

  static int64_t integer(const NpyArray &array, int64_t i) {
    if (array.dtype() == "int64") {
      int64_t value;
      std::memcpy(&value, static_cast<const char *>(array.data()) + i * 8, sizeof value);
      return value;
    }
    return static_cast<int64_t>(
        decodeNumber(static_cast<const char *>(array.data()), array.dtype(), i));
  }

  NpyArray indptr_, indices_, values_;
  int handle_ = -1;
  std::vector<int64_t> row_;
  std::vector<float> rowValues_;
  int64_t missing_ = 0;
};

} // namespace

std::unique_ptr<FeatureImport> FeatureImport::create(const FeatureSpec &spec) {
  switch (spec.source) {
  case FeatureSpec::Source::Dense:
    return std::make_unique<DenseFeature>(spec);
  case FeatureSpec::Source::Sparse:
    return std::make_unique<SparseFeature>(spec);
  case FeatureSpec::Source::Columns:
    break;
  }
  if (spec.transform.kind == Kind::Categorical)
    return std::make_unique<CategoricalFeature>(spec);
  return std::make_unique<NumericFeature>(spec);
}

} // namespace heddle::importing
