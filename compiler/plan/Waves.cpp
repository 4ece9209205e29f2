//===- Waves.cpp - when each op of the compute queue runs -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/Waves.h"

#include <algorithm>
#include <queue>
#include <set>
#include <tuple>

namespace heddle::compiler {

namespace {

using Waves = std::vector<uint32_t>;

/// When a buffer is read last by others than one op, while ops move. Of buffers that many ops read
/// the waves of all are kept in order: a scan for each of its readers would be quadratic.
class ReaderWaves {
public:
  ReaderWaves(const std::vector<std::vector<uint32_t>> &readers, const Waves &waves)
      : readers_(readers), inOrder_(readers.size()) {
    for (size_t b = 0; b < readers.size(); ++b)
      if (readers[b].size() > fewReaders)
        for (uint32_t reader : readers[b])
          inOrder_[b].insert(waves[reader]);
  }
  /// 0 if nothing else reads it.
  uint32_t lastBeside(uint32_t b, uint32_t op, const Waves &waves) const {
    if (readers_[b].size() > fewReaders) {
      auto last = std::prev(inOrder_[b].end());
      return *last == waves[op] ? *std::prev(last) : *last;
    }
    uint32_t other = 0;
    for (uint32_t reader : readers_[b])
      if (reader != op)
        other = std::max(other, waves[reader]);
    return other;
  }
  void move(const WaveOp &op, uint32_t from, uint32_t to) {
    std::vector<uint32_t> seen;
    for (uint32_t b : op.reads)
      if (readers_[b].size() > fewReaders && std::find(seen.begin(), seen.end(), b) == seen.end()) {
        seen.push_back(b);
        inOrder_[b].erase(inOrder_[b].find(from));
        inOrder_[b].insert(to);
      }
  }

private:
  static constexpr size_t fewReaders = 16;
  const std::vector<std::vector<uint32_t>> &readers_;
  std::vector<std::multiset<uint32_t>> inOrder_;
};

class Scheduler {
public:
  Scheduler(const std::vector<WaveOp> &ops, const std::vector<WaveBuffer> &buffers,
            const MachineRates &rates)
      : ops_(ops), buffers_(buffers), rates_(rates), before_(ops.size()), readers_(buffers.size()) {
    for (uint32_t i = 0; i < ops_.size(); ++i) {
      for (uint32_t p : ops_[i].after)
        before_[p].push_back(i);
      for (uint32_t b : ops_[i].reads)
        readers_[b].push_back(i);
    }
    for (auto &list : readers_)
      list.erase(std::unique(list.begin(), list.end()), list.end());
  }

  /// Topological, smallest index first. False: a cycle.
  bool sort() {
    std::vector<size_t> missing(ops_.size());
    std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> ready;
    for (uint32_t i = 0; i < ops_.size(); ++i)
      if ((missing[i] = ops_[i].after.size()) == 0)
        ready.push(i);
    while (!ready.empty()) {
      uint32_t i = ready.top();
      ready.pop();
      order_.push_back(i);
      for (uint32_t next : before_[i])
        if (--missing[next] == 0)
          ready.push(next);
    }
    if (order_.size() != ops_.size())
      return false;
    height_.assign(ops_.size(), 0);
    for (size_t k = order_.size(); k-- > 0;) {
      uint32_t i = order_[k];
      for (uint32_t next : before_[i])
        height_[i] = std::max(height_[i], height_[next]);
      height_[i] += ops_[i].seconds + rates_.waveSeconds;
    }
    return true;
  }

  /// Each op as early as its inputs allow: the fewest waves.
  Waves asEarlyAsPossible() const {
    Waves waves(ops_.size(), 0);
    for (uint32_t i : order_)
      for (uint32_t p : ops_[i].after)
        waves[i] = std::max(waves[i], waves[p] + 1);
    return waves;
  }

  /// Fills each wave up to `limit` seconds of work, first with what frees the most memory.
  Waves byMemory(double limit) const {
    Waves waves(ops_.size(), 0);
    std::vector<size_t> missing(ops_.size());
    std::vector<size_t> readersLeft(buffers_.size());
    for (size_t b = 0; b < buffers_.size(); ++b)
      readersLeft[b] = readers_[b].size();
    std::vector<bool> done(ops_.size());
    std::vector<double> pressure(ops_.size()); // of those that are ready
    using Entry = std::tuple<double, double, uint32_t>;
    std::set<Entry> ready;
    auto rank = [&](uint32_t i) { return Entry(pressure[i], -height_[i], i); };
    auto addReady = [&](uint32_t i) {
      pressure[i] = pressureOf(i, readersLeft);
      ready.insert(rank(i));
    };
    for (uint32_t i = 0; i < ops_.size(); ++i)
      if ((missing[i] = ops_[i].after.size()) == 0)
        addReady(i);
    std::vector<uint32_t> taken;
    for (uint32_t wave = 0; !ready.empty(); ++wave) {
      taken.clear();
      double work = 0;
      while (!ready.empty() && (taken.empty() || work < limit)) {
        uint32_t i = std::get<2>(*ready.begin());
        ready.erase(ready.begin());
        taken.push_back(i);
        waves[i] = wave;
        done[i] = true;
        work += ops_[i].seconds;
      }
      for (uint32_t i : taken) {
        std::vector<uint32_t> reads = ops_[i].reads;
        std::sort(reads.begin(), reads.end());
        reads.erase(std::unique(reads.begin(), reads.end()), reads.end());
        for (uint32_t b : reads) {
          if (--readersLeft[b] != 1)
            continue;
          // The reader that is left would free it now.
          for (uint32_t reader : readers_[b])
            if (!done[reader] && ready.erase(rank(reader)))
              addReady(reader);
        }
        for (uint32_t next : before_[i])
          if (--missing[next] == 0)
            addReady(next);
      }
    }
    return waves;
  }

  /// Moves each op within its slack to where the lifetimes (bytes times waves) are shortest: rows
  /// are fetched late, gradients are used up as soon as they are there.
  void shorten(Waves &waves) const {
    uint32_t last = waves.empty() ? 0 : *std::max_element(waves.begin(), waves.end());
    ReaderWaves readerWaves(readers_, waves);
    for (int pass = 0; pass < 8; ++pass) {
      bool changed = false;
      for (size_t k = 0; k < order_.size(); ++k) {
        uint32_t i = order_[pass % 2 ? k : order_.size() - 1 - k];
        uint32_t best = bestWave(i, waves, last, readerWaves);
        if (best == waves[i])
          continue;
        changed = true;
        readerWaves.move(ops_[i], waves[i], best);
        waves[i] = best;
      }
      if (!changed)
        break;
    }
  }

  WaveSchedule finish(std::string name, Waves waves) const {
    // Moving ops may have emptied a wave.
    std::vector<uint32_t> used(waves);
    std::sort(used.begin(), used.end());
    used.erase(std::unique(used.begin(), used.end()), used.end());
    for (uint32_t &wave : waves)
      wave = uint32_t(std::lower_bound(used.begin(), used.end(), wave) - used.begin());
    WaveSchedule schedule{std::move(name), std::move(waves), uint32_t(used.size()), 0, 0};
    std::vector<double> step(used.size() + 1, 0);
    std::vector<Lifetime> lives = lifetimesOf(ops_, buffers_, schedule.waves, schedule.numWaves);
    for (size_t b = 0; b < buffers_.size(); ++b)
      if (lives[b].first <= lives[b].last) {
        step[lives[b].first] += buffers_[b].bytes;
        step[lives[b].last + 1] -= buffers_[b].bytes;
      }
    double alive = 0;
    for (double bytes : step) {
      alive += bytes;
      schedule.peakBytes = std::max(schedule.peakBytes, alive);
    }
    schedule.seconds = schedule.numWaves * rates_.waveSeconds;
    for (const WaveOp &op : ops_)
      schedule.seconds += op.seconds;
    return schedule;
  }

private:
  /// Bytes that an op that is ready would add to those alive.
  double pressureOf(uint32_t i, const std::vector<size_t> &readersLeft) const {
    double bytes = 0;
    for (uint32_t b : ops_[i].writes)
      bytes += buffers_[b].bytes;
    for (size_t r = 0; r < ops_[i].reads.size(); ++r) {
      uint32_t b = ops_[i].reads[r];
      bool again = std::find(ops_[i].reads.begin(), ops_[i].reads.begin() + long(r), b) !=
                   ops_[i].reads.begin() + long(r);
      if (!again && readersLeft[b] == 1 && !buffers_[b].kept)
        bytes -= buffers_[b].bytes;
    }
    return bytes;
  }

  uint32_t bestWave(uint32_t i, const Waves &waves, uint32_t last,
                    const ReaderWaves &readerWaves) const {
    uint32_t early = 0, late = last;
    for (uint32_t p : ops_[i].after)
      early = std::max(early, waves[p] + 1);
    for (uint32_t next : before_[i])
      late = std::min(late, waves[next] - 1);
    if (early >= late)
      return early;
    double perWave = 0; // of outputs: each wave later saves this
    for (uint32_t b : ops_[i].writes)
      if (!readers_[b].empty() || buffers_[b].kept)
        perWave += buffers_[b].bytes;
    std::vector<std::pair<uint32_t, double>> inputs; // last other use, bytes
    std::vector<uint32_t> candidates = {waves[i], early, late};
    for (size_t r = 0; r < ops_[i].reads.size(); ++r) {
      uint32_t b = ops_[i].reads[r];
      if (buffers_[b].kept)
        continue;
      uint32_t other = readerWaves.lastBeside(b, i, waves);
      inputs.emplace_back(other, buffers_[b].bytes);
      if (other > early && other < late)
        candidates.push_back(other);
    }
    uint32_t best = waves[i];
    double bestCost = 0;
    bool first = true;
    for (uint32_t w : candidates) {
      double cost = -perWave * w;
      for (auto [other, bytes] : inputs)
        cost += bytes * std::max(w, other);
      if (first || cost < bestCost) {
        best = w;
        bestCost = cost;
        first = false;
      }
    }
    return best;
  }

  const std::vector<WaveOp> &ops_;
  const std::vector<WaveBuffer> &buffers_;
  const MachineRates &rates_;
  std::vector<std::vector<uint32_t>> before_;  ///< ops after each op
  std::vector<std::vector<uint32_t>> readers_; ///< of each buffer
  std::vector<uint32_t> order_;
  std::vector<double> height_; ///< seconds to the end of the step on the longest path
};

} // namespace

std::vector<Lifetime> lifetimesOf(const std::vector<WaveOp> &ops,
                                  const std::vector<WaveBuffer> &buffers,
                                  const std::vector<uint32_t> &waves, uint32_t numWaves) {
  std::vector<Lifetime> lives(buffers.size());
  auto touch = [&](uint32_t b, uint32_t wave) {
    Lifetime &life = lives[b];
    if (life.first > life.last) {
      life = {wave, wave};
    } else {
      life.first = std::min(life.first, wave);
      life.last = std::max(life.last, wave);
    }
  };
  for (size_t i = 0; i < ops.size(); ++i) {
    for (uint32_t b : ops[i].reads)
      touch(b, waves[i]);
    for (uint32_t b : ops[i].writes)
      touch(b, waves[i]);
  }
  for (size_t b = 0; b < buffers.size(); ++b)
    if (buffers[b].kept && lives[b].first <= lives[b].last)
      lives[b].last = numWaves - 1;
  return lives;
}

std::vector<WaveSchedule> scheduleWaves(const std::vector<WaveOp> &ops,
                                        const std::vector<WaveBuffer> &buffers,
                                        const MachineRates &rates) {
  Scheduler scheduler(ops, buffers, rates);
  if (!scheduler.sort())
    return {};
  std::vector<WaveSchedule> schedules;
  Waves early = scheduler.asEarlyAsPossible();
  // First of those with equal peaks: short lifetimes leave the most room to colour regions.
  Waves brief = early;
  scheduler.shorten(brief);
  schedules.push_back(scheduler.finish("fewest waves, short lifetimes", std::move(brief)));
  schedules.push_back(scheduler.finish("as early as possible", std::move(early)));
  for (double waveLengths : {0.0, 5.0, 20.0, 80.0}) {
    Waves waves = scheduler.byMemory(waveLengths * rates.waveSeconds);
    scheduler.shorten(waves);
    std::string name = waveLengths == 0 ? std::string("one op a wave, least memory first")
                                        : "waves of " +
                                              std::to_string(int(waveLengths * rates.waveSeconds *
                                                                 1e6)) +
                                              " us, least memory first";
    schedules.push_back(scheduler.finish(std::move(name), std::move(waves)));
  }
  // The least memory among those within 5% of the fastest.
  double fastest = schedules.front().seconds;
  for (const WaveSchedule &schedule : schedules)
    fastest = std::min(fastest, schedule.seconds);
  size_t best = 0;
  bool found = false;
  for (size_t s = 0; s < schedules.size(); ++s) {
    const WaveSchedule &schedule = schedules[s];
    if (schedule.seconds > fastest * 1.05)
      continue;
    if (!found || std::tuple(schedule.peakBytes, schedule.seconds) <
                      std::tuple(schedules[best].peakBytes, schedules[best].seconds))
      best = s;
    found = true;
  }
  std::rotate(schedules.begin(), schedules.begin() + long(best),
              schedules.begin() + long(best) + 1);
  return schedules;
}

} // namespace heddle::compiler
