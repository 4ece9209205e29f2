//===- RelationWriter.cpp - writes one relation's arrays ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/RelationWriter.h"

#include "runtime/base/Npy.h"

#include <bit>

namespace heddle::graph {

int64_t NodeSet::size() const {
  int64_t count = 0;
  for (uint64_t word : words_)
    count += std::popcount(word);
  return count;
}

namespace {

constexpr int64_t blockElements = 8192;

/// A one-dimensional integer array, int32 if all of [0, bound) fits.
class IntegerWriter {
public:
  absl::Status create(const std::string &path, bool narrow, int64_t expected) {
    narrow_ = narrow;
    HEDDLE_ASSIGN_OR_RETURN(
        writer_, NpyWriter::create(path, narrow ? "int32" : "int64", {}, expected));
    return absl::OkStatus();
  }
  static bool fitsInt32(int64_t bound) { return bound <= int64_t(1) << 31; }

  absl::Status push(int64_t value) {
    if (narrow_)
      block32_.push_back(static_cast<int32_t>(value));
    else
      block64_.push_back(value);
    return block32_.size() + block64_.size() == blockElements ? flush() : absl::OkStatus();
  }
  absl::Status close(const std::string &name, std::map<std::string, FileEntry> &files) {
    HEDDLE_RETURN_IF_ERROR(flush());
    HEDDLE_RETURN_IF_ERROR(writer_.close());
    files[name] = {writer_.fileBytes(), writer_.checksum()};
    return absl::OkStatus();
  }

private:
  absl::Status flush() {
    absl::Status status =
        narrow_ ? writer_.append(block32_.data(), static_cast<int64_t>(block32_.size()))
                : writer_.append(block64_.data(), static_cast<int64_t>(block64_.size()));
    block32_.clear();
    block64_.clear();
    return status;
  }

  NpyWriter writer_;
  bool narrow_ = false;
  std::vector<int32_t> block32_;
  std::vector<int64_t> block64_;
};

/// Counts of degrees; nearly all are small.
class DegreeCounter {
public:
  void add(int64_t degree) {
    if (degree < static_cast<int64_t>(small_.size()))
      ++small_[static_cast<size_t>(degree)];
    else
      ++large_[degree];
  }
  DegreeStats stats() {
    for (size_t degree = 0; degree < small_.size(); ++degree)
      if (small_[degree] > 0)
        large_[static_cast<int64_t>(degree)] = small_[degree];
    return degreeStatsOf(large_);
  }

private:
  std::vector<int64_t> small_ = std::vector<int64_t>(1024);
  std::map<int64_t, int64_t> large_;
};

/// indptr and indices of one direction, from a stream of edges in order.
class CompressedWriter {
public:
  absl::Status create(const std::string &directory, const std::string &indptr,
                      const std::string &indices, int64_t numMajor, int64_t numMinor,
                      int64_t expectedEdges, NodeSet &touched) {
    indptrName_ = indptr;
    indicesName_ = indices;
    numMajor_ = numMajor;
    touched_ = &touched;
    HEDDLE_RETURN_IF_ERROR(
        indptr_.create(directory + "/" + indptr, /*narrow=*/false, numMajor + 1));
    HEDDLE_RETURN_IF_ERROR(indices_.create(directory + "/" + indices,
                                           IntegerWriter::fitsInt32(numMinor), expectedEdges));
    return indptr_.push(0);
  }
  absl::Status push(int64_t major, int64_t minor) {
    HEDDLE_RETURN_IF_ERROR(advance(major));
    ++edges_;
    return indices_.push(minor);
  }
  absl::Status close(std::map<std::string, FileEntry> &files) {
    HEDDLE_RETURN_IF_ERROR(advance(numMajor_));
    HEDDLE_RETURN_IF_ERROR(indptr_.close(indptrName_, files));
    return indices_.close(indicesName_, files);
  }
  int64_t edges() const { return edges_; }
  DegreeStats stats() { return degrees_.stats(); }

private:
  /// Ends the rows before `major`.
  absl::Status advance(int64_t major) {
    for (; current_ < major; ++current_) {
      degrees_.add(edges_ - begin_);
      if (edges_ > begin_)
        touched_->insert(current_);
      begin_ = edges_;
      HEDDLE_RETURN_IF_ERROR(indptr_.push(edges_));
    }
    return absl::OkStatus();
  }

  std::string indptrName_, indicesName_;
  int64_t numMajor_ = 0, current_ = 0, begin_ = 0, edges_ = 0;
  IntegerWriter indptr_, indices_;
  DegreeCounter degrees_;
  NodeSet *touched_ = nullptr;
};

/// Rows of one feature of the edges from order of arrival into that of the CSC. The rows that
/// arrived are mapped: of memory it takes what the system lends for files.
class EdgeDataWriter {
public:
  absl::Status create(const std::string &arrived, const std::string &directory,
                      const FeatureSchema &feature, int64_t expectedEdges) {
    HEDDLE_ASSIGN_OR_RETURN(arrived_, NpyArray::open(arrived));
    name_ = feature.file;
    rowBytes_ = feature.dim * dtypeBytes(feature.dtype);
    HEDDLE_ASSIGN_OR_RETURN(writer_, NpyWriter::create(directory + "/" + name_, feature.dtype,
                                                       {feature.dim}, expectedEdges));
    return absl::OkStatus();
  }
  absl::Status push(int64_t arrival) {
    return writer_.append(static_cast<const char *>(arrived_.data()) + arrival * rowBytes_, 1);
  }
  absl::Status close(std::map<std::string, FileEntry> &files) {
    HEDDLE_RETURN_IF_ERROR(writer_.close());
    files[name_] = {writer_.fileBytes(), writer_.checksum()};
    return absl::OkStatus();
  }

private:
  NpyArray arrived_;
  NpyWriter writer_;
  std::string name_;
  int64_t rowBytes_ = 0;
};

} // namespace

absl::StatusOr<int64_t> writeRelation(const std::string &directory, const RelationInput &input,
                                      EdgeSorter &sorter, RelationSchema &relation,
                                      NodeSet &sources, NodeSet &destinations,
                                      std::map<std::string, FileEntry> &files) {
  int64_t total = sorter.size(), done = 0, duplicates = 0;
  auto tick = [&] {
    if (input.progress && (++done & 0xFFFFF) == 0)
      input.progress(done, 2 * total);
  };
  std::unique_ptr<EdgeSorter> bySource =
      EdgeSorter::create(input.numSources, input.numDestinations, input.scratchFile);
  int64_t held = input.memoryBytes / 4;

  CompressedWriter csc;
  HEDDLE_RETURN_IF_ERROR(csc.create(directory, relation.cscIndptr, relation.cscIndices,
                                    input.numDestinations, input.numSources,
                                    input.dropDuplicates ? -1 : total, destinations));
  std::vector<EdgeDataWriter> data(relation.features.size());
  for (size_t i = 0; i < data.size(); ++i)
    HEDDLE_RETURN_IF_ERROR(data[i].create(input.featureFiles[i], directory, relation.features[i],
                                          input.dropDuplicates ? -1 : total));
  int64_t lastSource = -1, lastDestination = -1;
  auto takeByDestination = [&](int64_t destination, int64_t source,
                               int64_t arrival) -> absl::Status {
    tick();
    bool repeats = destination == lastDestination && source == lastSource;
    duplicates += repeats;
    if (repeats && input.dropDuplicates)
      return absl::OkStatus();
    lastDestination = destination;
    lastSource = source;
    if (bySource->size() > 0 && bySource->heldBytes() + bySource->growthBytes(1) > held)
      HEDDLE_RETURN_IF_ERROR(bySource->spill());
    bySource->add(source, destination, csc.edges());
    for (EdgeDataWriter &rows : data)
      HEDDLE_RETURN_IF_ERROR(rows.push(arrival));
    return csc.push(destination, source);
  };
  HEDDLE_RETURN_IF_ERROR(sorter.finish(input.memoryBytes / 2, takeByDestination));
  HEDDLE_RETURN_IF_ERROR(csc.close(files));
  for (EdgeDataWriter &rows : data)
    HEDDLE_RETURN_IF_ERROR(rows.close(files));
  relation.numEdges = csc.edges();
  relation.in = csc.stats();

  CompressedWriter csr;
  IntegerWriter permutation;
  HEDDLE_RETURN_IF_ERROR(csr.create(directory, relation.csrIndptr, relation.csrIndices,
                                    input.numSources, input.numDestinations, relation.numEdges,
                                    sources));
  HEDDLE_RETURN_IF_ERROR(permutation.create(directory + "/" + relation.csrPerm,
                                            IntegerWriter::fitsInt32(relation.numEdges),
                                            relation.numEdges));
  auto takeBySource = [&](int64_t source, int64_t destination, int64_t edge) -> absl::Status {
    tick();
    HEDDLE_RETURN_IF_ERROR(csr.push(source, destination));
    return permutation.push(edge);
  };
  HEDDLE_RETURN_IF_ERROR(bySource->finish(input.memoryBytes / 2, takeBySource));
  HEDDLE_RETURN_IF_ERROR(csr.close(files));
  HEDDLE_RETURN_IF_ERROR(permutation.close(relation.csrPerm, files));
  relation.out = csr.stats();
  return duplicates;
}

} // namespace heddle::graph
