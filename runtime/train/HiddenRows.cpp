//===- HiddenRows.cpp - the rows between layers -------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/HiddenRows.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace heddle::train {
namespace {

/// Tables from this size on have pages of their own.
constexpr int64_t ownPages = 1 << 20;

uint64_t pageSize() { return uint64_t(sysconf(_SC_PAGESIZE)); }
uint64_t wholePages(int64_t bytes) {
  const uint64_t page = pageSize();
  return (uint64_t(bytes) + page - 1) / page * page;
}
bool hasOwnPages(const exec::StateView &view) {
  return view.bytes >= ownPages && reinterpret_cast<uintptr_t>(view.data) % pageSize() == 0;
}

} // namespace

HiddenRows::HiddenRows(const plan::PlanT &plan, exec::Executor &executor) {
  std::vector<exec::StateView> states = executor.states();
  for (const auto &entry : plan.entries) {
    if (entry->kind != plan::EntryKind::InferLayer)
      continue;
    for (const auto &buffer : entry->buffers)
      if (buffer->space == plan::Space::State) {
        const exec::StateView &view = states[size_t(buffer->state)];
        if (view.description->role == plan::StateRole::Hidden)
          tables_[{entry->layer, view.description->rows_type}] = view;
      }
  }
}

HiddenRows::~HiddenRows() {
  // The states go on as memory of their own, of zeros.
  if (file_ < 0)
    return;
  for (auto &[key, view] : tables_)
    if (hasOwnPages(view))
      (void)::mmap(view.data, wholePages(view.bytes), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  ::close(file_);
}

const exec::StateView *HiddenRows::of(int layer, int type) const {
  auto found = tables_.find({layer, type});
  return found == tables_.end() ? nullptr : &found->second;
}

uint64_t HiddenRows::mostBytes() const {
  std::map<int, uint64_t> ofLayer;
  for (const auto &[key, view] : tables_)
    ofLayer[key.first] += uint64_t(view.bytes);
  uint64_t most = 0;
  for (const auto &[layer, bytes] : ofLayer) {
    auto next = ofLayer.find(layer + 1);
    most = std::max(most, bytes + (next == ofLayer.end() ? 0 : next->second));
  }
  return most;
}

absl::Status HiddenRows::spill(const std::string &folder) {
  std::string name = folder + "/hidden.XXXXXX";
  file_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (file_ < 0)
    return internalError(folder + ": cannot make a file for the rows between layers: " +
                         std::strerror(errno));
  ::unlink(name.c_str());
  uint64_t size = 0;
  for (const auto &[key, view] : tables_)
    if (hasOwnPages(view))
      size += wholePages(view.bytes);
  // Room is taken now: a full disk later would be a signal in the middle of a step.
  if (int error = size ? ::posix_fallocate(file_, 0, off_t(size)) : 0; error != 0)
    return absl::ResourceExhaustedError(absl::string_view(
        folder + ": no room for " + std::to_string(size >> 20) +
        " MiB of rows between layers: " + std::strerror(error) + "; choose another disk for -o"));
  uint64_t offset = 0;
  for (const auto &[key, view] : tables_) {
    if (!hasOwnPages(view))
      continue;
    if (::mmap(view.data, wholePages(view.bytes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
               file_, off_t(offset)) == MAP_FAILED)
      return internalError(folder + ": cannot map the rows between layers: " +
                           std::strerror(errno));
    offset += wholePages(view.bytes);
  }
  return absl::OkStatus();
}

void HiddenRows::drop(int layer) {
  uint64_t offset = 0;
  for (const auto &[key, view] : tables_) {
    if (!hasOwnPages(view))
      continue;
    if (key.first == layer) {
      (void)::madvise(view.data, wholePages(view.bytes), MADV_DONTNEED);
      if (file_ >= 0)
        (void)::fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off_t(offset),
                          off_t(wholePages(view.bytes)));
    }
    offset += wholePages(view.bytes);
  }
}

} // namespace heddle::train
