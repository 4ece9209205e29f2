//===- FeatureStager.cpp - rows of a feature while they arrive --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/graph/FeatureStager.h"

#include "runtime/base/SmallFloats.h"
#include "runtime/graph/ConvertFloats.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace heddle::graph {

namespace {

/// `exponent`: the bits of it, of a type of 16 bits; all of them set are infinity or NaN.
template <typename T>
int64_t countNonFiniteOf(const void *data, int64_t count, uint16_t exponent = 0) {
  auto *values = static_cast<const unsigned char *>(data);
  int64_t bad = 0;
  for (int64_t i = 0; i < count; ++i) {
    T value; // rows of a caller's buffer need no alignment
    std::memcpy(&value, values + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
    if constexpr (std::is_floating_point_v<T>)
      bad += !std::isfinite(value);
    else
      bad += (value & exponent) == exponent;
  }
  return bad;
}

int64_t countNonFinite(const std::string &dtype, const void *data, int64_t count) {
  if (dtype == "float32")
    return countNonFiniteOf<float>(data, count);
  if (dtype == "float64")
    return countNonFiniteOf<double>(data, count);
  if (dtype == "float16")
    return countNonFiniteOf<uint16_t>(data, count, 0x7C00);
  if (dtype == "bfloat16")
    return countNonFiniteOf<uint16_t>(data, count, 0x7F80);
  return 0;
}

/// What is converted at once.
constexpr int64_t blockBytes = int64_t(256) << 10;

/// Element `index` of an array of a floating dtype, for an error.
std::string numberText(const std::string &dtype, const char *data, int64_t index) {
  const char *at = data + index * dtypeBytes(dtype);
  double value = 0;
  if (dtype == "float64") {
    std::memcpy(&value, at, sizeof value);
  } else if (dtype == "float32") {
    float single;
    std::memcpy(&single, at, sizeof single);
    value = single;
  } else {
    uint16_t bits;
    std::memcpy(&bits, at, sizeof bits);
    value = dtype == "float16" ? halfToFloat(bits) : bfloatToFloat(bits);
  }
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

} // namespace

absl::StatusOr<FeatureStager> FeatureStager::create(StagedFeature &staged,
                                                    std::optional<int64_t> numRows,
                                                    const std::string &floats,
                                                    const std::function<std::string()> &newPath) {
  FeatureStager stager;
  FeatureSchema &schema = staged.schema;
  const int64_t rows = numRows.value_or(-1);
  if (schema.kind == FeatureKind::Dense) {
    stager.arrives_ = schema.dtype;
    if (!floats.empty() && isFloatingDtype(schema.dtype))
      schema.dtype = floats;
    staged.rows.path = newPath();
    HEDDLE_ASSIGN_OR_RETURN(
        stager.rows_, NpyWriter::create(staged.rows.path, schema.dtype, {schema.dim}, rows));
    return stager;
  }
  staged.indptr.path = newPath();
  staged.indices.path = newPath();
  staged.values.path = newPath();
  HEDDLE_ASSIGN_OR_RETURN(stager.indptr_,
                          NpyWriter::create(staged.indptr.path, "int64", {}, rows + 1));
  HEDDLE_ASSIGN_OR_RETURN(stager.indices_, NpyWriter::create(staged.indices.path, "int32", {}));
  HEDDLE_ASSIGN_OR_RETURN(stager.values_, NpyWriter::create(staged.values.path, "float32", {}));
  int64_t zero = 0;
  HEDDLE_RETURN_IF_ERROR(stager.indptr_.append(&zero, 1));
  return stager;
}

absl::Status FeatureStager::appendConverted(StagedFeature &staged,
                                            const std::function<std::string()> &place,
                                            const char *rows, int64_t rowCount) {
  const FeatureSchema &schema = staged.schema;
  const int64_t rowBytes = schema.dim * dtypeBytes(schema.dtype);
  const int64_t block = std::min(rowCount, std::max<int64_t>(1, blockBytes / rowBytes));
  converted_.resize(static_cast<size_t>(block * rowBytes));
  for (int64_t first = 0; first < rowCount; first += block) {
    const int64_t count = std::min(block, rowCount - first);
    const char *from = rows + first * schema.dim * dtypeBytes(arrives_);
    if (int64_t bad =
            convertFloats(from, arrives_, count * schema.dim, schema.dtype, converted_.data());
        bad >= 0) {
      const char *remedy = schema.dtype == "float16"    ? "store features as bfloat16 or float32"
                           : schema.dtype == "bfloat16" ? "store features as float32"
                                                        : "store features as they come";
      return invalidArgument(place() + ": row " + std::to_string(written_ + bad / schema.dim) +
                             ", column " + std::to_string(bad % schema.dim) + ": " +
                             numberText(arrives_, from, bad) + " is too large for " + schema.dtype +
                             "; " + remedy);
    }
    staged.nonFinite += countNonFinite(schema.dtype, converted_.data(), count * schema.dim);
    HEDDLE_RETURN_IF_ERROR(rows_.append(converted_.data(), count));
    written_ += count;
  }
  return absl::OkStatus();
}

absl::Status FeatureStager::appendDense(StagedFeature &staged,
                                        const std::function<std::string()> &place, const void *rows,
                                        int64_t rowCount) {
  if (arrives_ != staged.schema.dtype)
    return appendConverted(staged, place, static_cast<const char *>(rows), rowCount);
  staged.nonFinite += countNonFinite(staged.schema.dtype, rows, rowCount * staged.schema.dim);
  HEDDLE_RETURN_IF_ERROR(rows_.append(rows, rowCount));
  written_ += rowCount;
  return absl::OkStatus();
}

absl::Status FeatureStager::appendSparse(StagedFeature &staged,
                                         const std::function<std::string()> &place,
                                         const std::vector<int64_t> &indices,
                                         const std::vector<float> &values) {
  auto row = [&] { return place() + ": row " + std::to_string(written_); };
  if (!values.empty() && values.size() != indices.size())
    return invalidArgument(row() + ": " + std::to_string(indices.size()) + " columns but " +
                           std::to_string(values.size()) + " values");
  row_.clear();
  for (size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || indices[i] >= staged.schema.dim)
      return invalidArgument(row() + ": column " + std::to_string(indices[i]) +
                             " is not below the width " + std::to_string(staged.schema.dim));
    row_.emplace_back(static_cast<int32_t>(indices[i]), values.empty() ? 1.0f : values[i]);
  }
  auto byColumn = [](const auto &a, const auto &b) { return a.first < b.first; };
  std::sort(row_.begin(), row_.end(), byColumn);
  for (size_t i = 0; i < row_.size(); ++i) {
    auto [column, value] = row_[i];
    if (i > 0 && row_[i - 1].first == column)
      return invalidArgument(row() + ": column " + std::to_string(column) +
                             " appears twice; add its values up first");
    allOnes_ = allOnes_ && value == 1.0f;
    staged.nonFinite += !std::isfinite(value);
    HEDDLE_RETURN_IF_ERROR(indices_.append(&column, 1));
    HEDDLE_RETURN_IF_ERROR(values_.append(&value, 1));
  }
  auto count = static_cast<int64_t>(row_.size());
  staged.schema.nnz += count;
  staged.schema.maxRowNnz = std::max(staged.schema.maxRowNnz, count);
  HEDDLE_RETURN_IF_ERROR(indptr_.append(&staged.schema.nnz, 1));
  ++written_;
  return absl::OkStatus();
}

absl::Status FeatureStager::close(StagedFeature &staged) {
  auto closeFile = [](NpyWriter &writer, StagedFile &file) -> absl::Status {
    HEDDLE_RETURN_IF_ERROR(writer.close());
    file.entry = {writer.fileBytes(), writer.checksum()};
    return absl::OkStatus();
  };
  if (staged.schema.kind == FeatureKind::Dense)
    return closeFile(rows_, staged.rows);
  HEDDLE_RETURN_IF_ERROR(closeFile(indptr_, staged.indptr));
  HEDDLE_RETURN_IF_ERROR(closeFile(indices_, staged.indices));
  HEDDLE_RETURN_IF_ERROR(closeFile(values_, staged.values));
  if (allOnes_) { // the format says "no values" for that
    std::error_code ignored;
    std::filesystem::remove(staged.values.path, ignored);
    staged.values = {};
  }
  std::vector<std::pair<int32_t, float>>().swap(row_);
  return absl::OkStatus();
}

} // namespace heddle::graph
