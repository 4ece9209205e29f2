//===- Schedule.cpp - ops of a step on several streams ----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Schedule.h"

#include <algorithm>
#include <map>

namespace heddle::cuda {

std::vector<std::vector<size_t>> dependencies(const std::vector<Accesses> &ops) {
  struct Piece {
    std::vector<size_t> readers; ///< since it was written
    size_t writer = SIZE_MAX;
  };
  std::map<size_t, Piece> pieces;
  std::vector<std::vector<size_t>> before(ops.size());
  for (size_t i = 0; i < ops.size(); ++i) {
    auto add = [&](size_t op) {
      if (op != SIZE_MAX && op != i)
        before[i].push_back(op);
    };
    for (size_t piece : ops[i].reads)
      add(pieces[piece].writer);
    for (size_t piece : ops[i].writes) {
      add(pieces[piece].writer);
      for (size_t reader : pieces[piece].readers)
        add(reader);
    }
    for (size_t piece : ops[i].reads)
      pieces[piece].readers.push_back(i);
    for (size_t piece : ops[i].writes)
      pieces[piece] = {{}, i};
    std::sort(before[i].begin(), before[i].end());
    before[i].erase(std::unique(before[i].begin(), before[i].end()), before[i].end());
  }
  return before;
}

Schedule makeSchedule(const std::vector<Accesses> &ops, size_t cut, uint32_t streams) {
  const auto before = dependencies(ops);
  Schedule schedule;
  schedule.ops.resize(ops.size());
  // Of each op: how far each stream had come for certain when it began, as 1 + an op's index.
  std::vector<std::vector<size_t>> known(ops.size(), std::vector<size_t>(streams));
  std::vector<size_t> last(streams), load(streams); // 1 + the last op of a stream; how many it has
  for (size_t i = 0; i < ops.size(); ++i) {
    if (i == cut)
      std::fill(last.begin(), last.end(), 0);
    const size_t joined = i >= cut ? cut : 0;
    // Behind the op that it depends on and that started last, if nobody else is; else where least
    // waits.
    uint32_t stream = streams;
    for (size_t p = before[i].size(); p-- > 0 && stream == streams;)
      if (before[i][p] >= joined && last[schedule.ops[before[i][p]].stream] == before[i][p] + 1)
        stream = schedule.ops[before[i][p]].stream;
    if (stream == streams)
      stream = uint32_t(std::min_element(load.begin(), load.end()) - load.begin());
    Schedule::Op &op = schedule.ops[i];
    op.stream = stream;
    if (last[stream])
      known[i] = known[last[stream] - 1];
    for (size_t p = before[i].size(); p-- > 0;) {
      const size_t other = before[i][p];
      const uint32_t on = schedule.ops[other].stream;
      if (other < joined || on == stream || known[i][on] > other)
        continue;
      op.waits.push_back(other);
      schedule.ops[other].awaited = true;
      for (uint32_t s = 0; s < streams; ++s)
        known[i][s] = std::max(known[i][s], known[other][s]);
      known[i][on] = std::max(known[i][on], other + 1);
    }
    known[i][stream] = i; // those of its own stream before it
    last[stream] = i + 1;
    ++load[stream];
  }
  return schedule;
}

} // namespace heddle::cuda
