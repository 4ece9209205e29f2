//===- EdgeSorter.cpp - sorts edges in bounded memory ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/EdgeSorter.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace heddle::graph {

namespace {

int bitsFor(int64_t count) {
  return count <= 1 ? 0 : static_cast<int>(std::bit_width(static_cast<uint64_t>(count - 1)));
}

/// Both ids fit one word together: the usual case, two thirds of the bytes.
struct PackedRecord {
  uint64_t key, payload;
};
struct WideRecord {
  uint64_t major, minor, payload;
};

struct PackedCodec {
  using Record = PackedRecord;
  int minorBits, keyBits;
  PackedCodec(int64_t majorCount, int64_t minorCount)
      : minorBits(bitsFor(minorCount)), keyBits(minorBits + bitsFor(majorCount)) {}
  static bool fits(int64_t majorCount, int64_t minorCount) {
    return bitsFor(majorCount) + bitsFor(minorCount) <= 62;
  }
  Record encode(int64_t major, int64_t minor, int64_t payload) const {
    return {static_cast<uint64_t>(major) << minorBits | static_cast<uint64_t>(minor),
            static_cast<uint64_t>(payload)};
  }
  int64_t major(const Record &r) const { return static_cast<int64_t>(r.key >> minorBits); }
  int64_t minor(const Record &r) const {
    return static_cast<int64_t>(r.key & ((uint64_t(1) << minorBits) - 1));
  }
  static bool less(const Record &a, const Record &b) { return a.key < b.key; }
  int digits() const { return (keyBits + 7) / 8; }
  static unsigned digit(const Record &r, int d) { return r.key >> (8 * d) & 255; }
};

struct WideCodec {
  using Record = WideRecord;
  int minorDigits, majorDigits;
  WideCodec(int64_t majorCount, int64_t minorCount)
      : minorDigits((bitsFor(minorCount) + 7) / 8), majorDigits((bitsFor(majorCount) + 7) / 8) {}
  Record encode(int64_t major, int64_t minor, int64_t payload) const {
    return {static_cast<uint64_t>(major), static_cast<uint64_t>(minor),
            static_cast<uint64_t>(payload)};
  }
  int64_t major(const Record &r) const { return static_cast<int64_t>(r.major); }
  int64_t minor(const Record &r) const { return static_cast<int64_t>(r.minor); }
  static bool less(const Record &a, const Record &b) {
    return a.major != b.major ? a.major < b.major : a.minor < b.minor;
  }
  int digits() const { return minorDigits + majorDigits; }
  unsigned digit(const Record &r, int d) const {
    return d < minorDigits ? r.minor >> (8 * d) & 255 : r.major >> (8 * (d - minorDigits)) & 255;
  }
};

/// Stable least-significant-digit radix sort; digits that are the same everywhere are skipped.
template <typename Codec>
void radixSort(const Codec &codec, std::vector<typename Codec::Record> &records) {
  using Record = typename Codec::Record;
  if (records.size() <= 32) { // most relations of a knowledge graph are short
    for (size_t i = 1; i < records.size(); ++i)
      for (size_t j = i; j > 0 && Codec::less(records[j], records[j - 1]); --j)
        std::swap(records[j], records[j - 1]);
    return;
  }
  auto digits = static_cast<size_t>(codec.digits());
  std::vector<std::array<size_t, 256>> counts(digits);
  for (const Record &r : records)
    for (size_t d = 0; d < digits; ++d)
      ++counts[d][codec.digit(r, static_cast<int>(d))];
  std::vector<Record> scratch(records.size());
  for (size_t d = 0; d < digits; ++d) {
    auto &count = counts[d];
    if (std::find(count.begin(), count.end(), records.size()) != count.end())
      continue;
    size_t start = 0;
    for (size_t &c : count)
      start += std::exchange(c, start);
    for (const Record &r : records)
      scratch[count[codec.digit(r, static_cast<int>(d))]++] = r;
    records.swap(scratch);
  }
}

/// A scratch file of records, written once from its start and read back by position.
class RunFile {
public:
  RunFile() = default;
  explicit RunFile(std::string path) : path_(std::move(path)) {}
  RunFile(RunFile &&other) noexcept { *this = std::move(other); }
  RunFile &operator=(RunFile &&other) noexcept {
    path_.swap(other.path_);
    std::swap(fd_, other.fd_);
    std::swap(bytes_, other.bytes_);
    std::swap(made_, other.made_);
    return *this;
  }
  ~RunFile() {
    closeHandle();
    if (made_)
      ::unlink(path_.c_str());
  }

  int64_t bytes() const { return bytes_; }

  absl::Status append(const void *data, size_t size) {
    HEDDLE_RETURN_IF_ERROR(openHandle());
    auto *p = static_cast<const char *>(data);
    while (size > 0) {
      ssize_t n = ::pwrite(fd_, p, size, bytes_);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return internalError(path_ + ": cannot write: " + std::strerror(errno));
      p += n;
      bytes_ += n;
      size -= static_cast<size_t>(n);
    }
    return absl::OkStatus();
  }

  absl::Status read(void *data, size_t size, int64_t offset) {
    HEDDLE_RETURN_IF_ERROR(openHandle());
    auto *p = static_cast<char *>(data);
    while (size > 0) {
      ssize_t n = ::pread(fd_, p, size, offset);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return internalError(path_ + ": cannot read back: " +
                             (n < 0 ? std::strerror(errno) : "the file shrank"));
      p += n;
      offset += n;
      size -= static_cast<size_t>(n);
    }
    return absl::OkStatus();
  }

  /// Handles are few, sorters may be thousands: keep none open while waiting.
  void closeHandle() {
    if (fd_ >= 0)
      ::close(std::exchange(fd_, -1));
  }

private:
  absl::Status openHandle() {
    if (fd_ >= 0)
      return absl::OkStatus();
    fd_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_CREAT | (made_ ? 0 : O_TRUNC), 0600);
    if (fd_ < 0)
      return internalError(path_ + ": cannot open: " + std::strerror(errno));
    made_ = true;
    return absl::OkStatus();
  }

  std::string path_;
  int fd_ = -1;
  int64_t bytes_ = 0;
  bool made_ = false;
};

template <typename Codec> class Sorter final : public EdgeSorter {
  using Record = typename Codec::Record;
  static constexpr auto recordBytes = static_cast<int64_t>(sizeof(Record));

public:
  Sorter(Codec codec, const std::string &scratchFile)
      : codec_(codec), scratchFile_(scratchFile), file_(scratchFile + ".0") {}

  void add(int64_t major, int64_t minor, int64_t payload) override {
    ++size_;
    records_.push_back(codec_.encode(major, minor, payload));
  }
  int64_t heldBytes() const override {
    return static_cast<int64_t>(records_.capacity()) * recordBytes;
  }
  int64_t growthBytes(int64_t count) const override {
    if (records_.size() + static_cast<size_t>(count) <= records_.capacity())
      return 0;
    return 2 * std::max(heldBytes(), count * recordBytes);
  }
  int64_t size() const override { return size_; }

  absl::Status spill() override {
    if (records_.empty())
      return absl::OkStatus();
    radixSort(codec_, records_);
    int64_t begin = file_.bytes();
    absl::Status status = file_.append(records_.data(), records_.size() * sizeof(Record));
    file_.closeHandle();
    runs_.push_back({begin, file_.bytes()});
    std::vector<Record>().swap(records_); // gives the memory back, which "= {}" does not
    return status;
  }

  absl::Status finish(int64_t memoryBytes, const Emit &emit) override {
    size_ = 0;
    if (runs_.empty()) {
      radixSort(codec_, records_);
      std::vector<Record> records = std::exchange(records_, {});
      for (const Record &r : records)
        HEDDLE_RETURN_IF_ERROR(emit(codec_.major(r), codec_.minor(r), static_cast<int64_t>(r.payload)));
      return absl::OkStatus();
    }
    HEDDLE_RETURN_IF_ERROR(spill());
    // Wide merges need a buffer per run; where memory has no room for all, neighbouring runs are
    // merged first (neighbours only, so that order of arrival decides between equals throughout).
    size_t fanIn = static_cast<size_t>(std::clamp<int64_t>(memoryBytes / smallestBuffer, 2, 4096));
    for (int pass = 1; runs_.size() > fanIn; ++pass) {
      RunFile merged(scratchFile_ + "." + std::to_string(pass));
      std::vector<Run> mergedRuns;
      std::vector<Record> out;
      for (size_t first = 0; first < runs_.size(); first += fanIn) {
        size_t last = std::min(first + fanIn, runs_.size());
        int64_t begin = merged.bytes();
        auto flush = [&] {
          absl::Status status = merged.append(out.data(), out.size() * sizeof(Record));
          out.clear();
          return status;
        };
        HEDDLE_RETURN_IF_ERROR(merge(first, last, memoryBytes, [&](const Record &r) {
          out.push_back(r);
          return out.size() * sizeof(Record) < static_cast<size_t>(smallestBuffer)
                     ? absl::OkStatus()
                     : flush();
        }));
        HEDDLE_RETURN_IF_ERROR(flush());
        mergedRuns.push_back({begin, merged.bytes()});
      }
      file_ = std::move(merged);
      runs_ = std::move(mergedRuns);
    }
    HEDDLE_RETURN_IF_ERROR(merge(0, runs_.size(), memoryBytes, [&](const Record &r) {
      return emit(codec_.major(r), codec_.minor(r), static_cast<int64_t>(r.payload));
    }));
    runs_.clear();
    file_ = RunFile(scratchFile_ + ".0");
    return absl::OkStatus();
  }

private:
  static constexpr int64_t smallestBuffer = int64_t(16) << 10;

  struct Run {
    int64_t begin, end; ///< bytes in the file
  };
  struct Cursor {
    std::vector<Record> buffer;
    size_t at = 0;
    Run left;
    size_t run;
  };

  absl::Status refill(Cursor &cursor, int64_t bufferRecords) {
    int64_t count = std::min(bufferRecords, (cursor.left.end - cursor.left.begin) / recordBytes);
    cursor.buffer.resize(static_cast<size_t>(count));
    cursor.at = 0;
    HEDDLE_RETURN_IF_ERROR(file_.read(cursor.buffer.data(), cursor.buffer.size() * sizeof(Record),
                                      cursor.left.begin));
    cursor.left.begin += count * recordBytes;
    return absl::OkStatus();
  }

  template <typename Sink>
  absl::Status merge(size_t first, size_t last, int64_t memoryBytes, const Sink &sink) {
    int64_t bufferRecords =
        std::clamp<int64_t>(memoryBytes / static_cast<int64_t>(last - first), smallestBuffer,
                            int64_t(4) << 20) /
        recordBytes;
    std::vector<Cursor> cursors(last - first);
    std::vector<Cursor *> heap;
    for (size_t i = first; i < last; ++i) {
      Cursor &cursor = cursors[i - first];
      cursor.left = runs_[i];
      cursor.run = i;
      HEDDLE_RETURN_IF_ERROR(refill(cursor, bufferRecords));
      heap.push_back(&cursor);
    }
    auto after = [](const Cursor *a, const Cursor *b) {
      const Record &x = a->buffer[a->at], &y = b->buffer[b->at];
      return Codec::less(y, x) || (!Codec::less(x, y) && b->run < a->run);
    };
    std::make_heap(heap.begin(), heap.end(), after);
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end(), after);
      Cursor &cursor = *heap.back();
      HEDDLE_RETURN_IF_ERROR(sink(cursor.buffer[cursor.at]));
      if (++cursor.at == cursor.buffer.size()) {
        if (cursor.left.begin == cursor.left.end) {
          heap.pop_back();
          continue;
        }
        HEDDLE_RETURN_IF_ERROR(refill(cursor, bufferRecords));
      }
      std::push_heap(heap.begin(), heap.end(), after);
    }
    return absl::OkStatus();
  }

  Codec codec_;
  std::string scratchFile_;
  RunFile file_;
  std::vector<Record> records_;
  std::vector<Run> runs_;
  int64_t size_ = 0;
};

} // namespace

std::unique_ptr<EdgeSorter> EdgeSorter::create(int64_t majorCount, int64_t minorCount,
                                               const std::string &scratchFile) {
  if (PackedCodec::fits(majorCount, minorCount))
    return std::make_unique<Sorter<PackedCodec>>(PackedCodec(majorCount, minorCount), scratchFile);
  return std::make_unique<Sorter<WideCodec>>(WideCodec(majorCount, minorCount), scratchFile);
}

} // namespace heddle::graph
