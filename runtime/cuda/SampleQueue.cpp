//===- SampleQueue.cpp - work of the sampler, given in one go ---------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/SampleQueue.h"

namespace heddle::cuda {

absl::Status SampleQueue::toDevice(uint64_t to, const void *from, uint64_t bytes) {
  const char *begin = static_cast<const char *>(from);
  if (!copies_.empty() && copies_.back().to + copies_.back().bytes == to &&
      copies_.back().from + copies_.back().bytes == begin)
    copies_.back().bytes += bytes;
  else if (bytes > 0)
    copies_.push_back({to, begin, bytes});
  return absl::OkStatus();
}

absl::Status SampleQueue::toHost(void *to, uint64_t from, uint64_t bytes) {
  HEDDLE_RETURN_IF_ERROR(give());
  return machine_.toHost(to, from, bytes);
}

absl::Status SampleQueue::fill(uint64_t to, uint8_t value, uint64_t bytes) {
  if (bytes == 0)
    return absl::OkStatus();
  Work work;
  work.to = to, work.bytes = bytes, work.value = value;
  work_.push_back(work);
  return absl::OkStatus();
}

absl::Status SampleQueue::launch(SampleKernel kernel, uint32_t blocks,
                                 const kernels::Launch &launch) {
  Work work;
  work.blocks = blocks, work.kernel = kernel, work.launch = launch;
  work_.push_back(work);
  return absl::OkStatus();
}

absl::Status SampleQueue::synchronize() {
  HEDDLE_RETURN_IF_ERROR(give());
  return machine_.synchronize();
}

void SampleQueue::drop() {
  copies_.clear();
  work_.clear();
}

absl::Status SampleQueue::give() {
  for (const Copy &copy : copies_)
    HEDDLE_RETURN_IF_ERROR(machine_.toDevice(copy.to, copy.from, copy.bytes));
  copies_.clear();
  for (const Work &work : work_)
    HEDDLE_RETURN_IF_ERROR(work.blocks ? machine_.launch(work.kernel, work.blocks, work.launch)
                                       : machine_.fill(work.to, work.value, work.bytes));
  work_.clear();
  return absl::OkStatus();
}

} // namespace heddle::cuda
