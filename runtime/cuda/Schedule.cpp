//===- Schedule.cpp - ops of a step on several streams ----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Schedule.h"

#include <algorithm>
#include <map>
#include <tuple>

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

Schedule makeSchedule(const std::vector<Accesses> &ops, uint32_t streams) {
  const auto before = dependencies(ops);
  Schedule schedule;
  schedule.ops.resize(ops.size());
  // Of each op: how far each stream had come for certain when it began, as 1 + an op's index.
  std::vector<std::vector<size_t>> known(ops.size(), std::vector<size_t>(streams));
  std::vector<size_t> last(streams), load(streams); // 1 + the last op of a stream; how many it has
  // What whoever is behind `op` knows.
  auto learn = [&](std::vector<size_t> &own, size_t op) {
    for (uint32_t s = 0; s < streams; ++s)
      own[s] = std::max(own[s], known[op][s]);
    own[schedule.ops[op].stream] = std::max(own[schedule.ops[op].stream], op + 1);
  };
  for (size_t i = 0; i < ops.size(); ++i) {
    // What it waits for on a stream, and what it knows then.
    auto waitsOn = [&](uint32_t stream, std::vector<size_t> &own) {
      std::vector<size_t> waits;
      if (last[stream])
        learn(own, last[stream] - 1);
      for (size_t p = before[i].size(); p-- > 0;)
        if (const size_t other = before[i][p]; own[schedule.ops[other].stream] <= other) {
          waits.push_back(other);
          learn(own, other);
        }
      return waits;
    };
    // Where it is behind nothing that it does not depend on, rather on a stream that is in use, with
    // the fewest waits; if there is no such stream, where least is.
    std::vector<size_t> behind(streams);
    for (size_t other : before[i])
      learn(behind, other);
    auto rank = [&](uint32_t s) {
      const int strangers = last[s] == 0 ? 1 : behind[s] >= last[s] ? 0 : 2;
      std::vector<size_t> own(streams);
      return std::tuple(strangers, strangers == 2 ? 0 : waitsOn(s, own).size(), load[s]);
    };
    uint32_t stream = 0;
    for (uint32_t s = 1; s < streams; ++s)
      if (rank(s) < rank(stream))
        stream = s;
    Schedule::Op &op = schedule.ops[i];
    op.stream = stream;
    op.waits = waitsOn(stream, known[i]);
    for (size_t other : op.waits)
      schedule.ops[other].awaited = true;
    last[stream] = i + 1;
    ++load[stream];
  }
  // Later ops know more: they come first.
  std::vector<size_t> end(streams), lasts;
  for (uint32_t s = 0; s < streams; ++s)
    if (last[s])
      lasts.push_back(last[s] - 1);
  if (streams > 0 && last[0])
    learn(end, last[0] - 1);
  std::sort(lasts.rbegin(), lasts.rend());
  for (size_t op : lasts)
    if (end[schedule.ops[op].stream] <= op) {
      schedule.ends.push_back(op);
      schedule.ops[op].awaited = true;
      learn(end, op);
    }
  return schedule;
}

} // namespace heddle::cuda
