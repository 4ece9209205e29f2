//===- Launch.cpp - runs a kernel on an emulated device --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/emulator/Launch.h"

#include "tests/emulator/Lanes.h"
#include "tests/emulator/Memory.h"
#include "tests/emulator/Races.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace heddle::emulator {
namespace {

struct Fault {
  int line = 0;
  int thread = 0; ///< of the block
  std::string what;
};

constexpr uint32_t allLanes = UINT32_MAX;

/// Threads of a warp that are at one instruction.
struct Group {
  int at = 0;
  uint32_t lanes = 0;
  bool waits = false; ///< at a shuffle, a barrier
};

class Block;

/// Those are issued when all that they wait for are there.
bool waits(Kind kind) {
  return kind == Kind::Shuffle || kind == Kind::Ballot || kind == Kind::WarpBarrier ||
         kind == Kind::BlockBarrier;
}

class Warp {
public:
  Warp(Block &block, int number) : block_(block), number_(number) {}
  void start(const Kernel &kernel, uint32_t lanes);
  /// Until all threads have ended or wait for a barrier of the block.
  void run();
  bool ended() const { return groups_.empty(); }
  /// Threads that wait for a barrier of the block.
  uint32_t waiting() const;
  void passBarrier();

private:
  void step(Group &group);
  void branch(const Instruction &i, uint32_t lanes, uint32_t taken);
  bool meets(const Instruction &i, const Group &group) const;
  void shuffle(const Instruction &i, uint32_t lanes);
  void load(const Instruction &i, uint32_t lanes);
  void store(const Instruction &i, uint32_t lanes);
  void update(const Instruction &i, uint32_t lanes);
  char *memory(const Instruction &i, int lane, uint64_t bytes, bool writes);
  void look(const Instruction &i, int lane, Word *words, uint64_t bytes, bool writes) const;
  uint64_t special(SpecialRegister which, int lane) const;
  void add(int at, uint32_t lanes);
  [[noreturn]] void fault(const Instruction &i, int lane, const std::string &what) const;

  Block &block_;
  const int number_;
  const Kernel *kernel_ = nullptr;
  Lanes lanes_;
  std::vector<Group> groups_; ///< by instruction, ascending
  std::vector<char> local_;   ///< of each thread in turn
  uint32_t meetings_[warpLanes] = {}, lastMeeting_ = 0;
};

class Block {
public:
  explicit Block(const Launch &launch)
      : launch(launch), shared(launch.kernel->sharedBytes),
        words(launch.kernel->sharedBytes / 4 + 1) {
    static uint32_t launches = 0;
    user.launch = ++launches;
    if (launch.counts) {
      counter.emplace(*launch.counts, user.launch);
      ++launch.counts->launches;
      launch.counts->blocks += uint64_t(launch.blocks) * launch.rows;
      launch.counts->threads += uint64_t(launch.blocks) * launch.rows * launch.threads;
    }
    for (unsigned first = 0; first < launch.threads; first += warpLanes)
      warps_.emplace_back(*this, int(first / warpLanes));
  }

  void run(unsigned number) {
    user.block = number;
    user.epoch = 0;
    std::fill(shared.begin(), shared.end(), char(0xff));
    words.assign(words.size(), {});
    for (size_t w = 0; w < warps_.size(); ++w) {
      const unsigned rest = launch.threads - unsigned(w) * warpLanes;
      warps_[w].start(*launch.kernel, rest >= warpLanes ? allLanes : (1u << rest) - 1);
    }
    for (bool going = true; going;) {
      going = false;
      for (size_t w = warps_.size(); w-- > 0;)
        warps_[w].run();
      // All that have not ended stand at the barrier now: run() gives up where they do not.
      for (Warp &warp : warps_)
        if (!warp.ended()) {
          warp.passBarrier();
          going = true;
        }
      ++user.epoch;
    }
  }

  const Launch &launch;
  User user; ///< but for the thread
  std::vector<char> shared;
  std::vector<Word> words; ///< of `shared`
  std::optional<AccessCounter> counter;

private:
  std::vector<Warp> warps_;
};

void Warp::start(const Kernel &kernel, uint32_t lanes) {
  if (kernel_ != &kernel) {
    kernel_ = &kernel;
    lanes_.bank32.assign(size_t(kernel.registers32) * warpLanes, 0xcdcdcdcd);
    lanes_.bank64.assign(size_t(kernel.registers64) * warpLanes, 0xcdcdcdcdcdcdcdcd);
    lanes_.predicates.assign(size_t(kernel.predicates), 0);
    auto fill = [](auto *lane, auto value) { std::fill(lane, lane + warpLanes, value); };
    for (auto [number, value] : kernel.constants32)
      fill(lanes_.of<uint32_t>(number), value);
    for (auto [number, value] : kernel.constants64)
      fill(lanes_.of<uint64_t>(number), value);
    for (auto [number, value] : kernel.dataAddresses)
      fill(lanes_.of<uint64_t>(number), value + block_.launch.data);
    for (auto [number, value] : kernel.constantPredicates)
      lanes_.predicates[size_t(number)] = value ? allLanes : 0;
    local_.assign(kernel.localBytes * warpLanes, char(0xff));
  }
  groups_ = {{0, lanes, false}};
}

void Warp::add(int at, uint32_t lanes) {
  if (!lanes)
    return;
  auto place = std::lower_bound(groups_.begin(), groups_.end(), at,
                                [](const Group &g, int n) { return g.at < n; });
  if (place != groups_.end() && place->at == at) {
    place->lanes |= lanes;
    place->waits = false; // whoever waits there looks again
  } else {
    groups_.insert(place, {at, lanes, false});
  }
}

uint32_t Warp::waiting() const {
  uint32_t lanes = 0;
  for (const Group &group : groups_)
    if (kernel_->code[size_t(group.at)].kind == Kind::BlockBarrier)
      lanes |= group.lanes;
  return lanes;
}

void Warp::passBarrier() {
  const Group group = groups_.front();
  if (block_.counter)
    block_.counter->issue(group.lanes);
  groups_.clear();
  add(group.at + 1, group.lanes);
}

void Warp::run() {
  for (;;) {
    auto next =
        std::find_if(groups_.begin(), groups_.end(), [](const Group &g) { return !g.waits; });
    if (next == groups_.end())
      break;
    Group group = *next;
    groups_.erase(next);
    step(group);
  }
  for (const Group &group : groups_) {
    const Instruction &i = kernel_->code[size_t(group.at)];
    if (i.kind != Kind::BlockBarrier)
      fault(i, std::countr_zero(group.lanes), "waits for threads of its mask that do not come");
  }
  if (groups_.size() > 1)
    fault(kernel_->code[size_t(groups_[0].at)], std::countr_zero(groups_[0].lanes),
          "waits at a barrier while others of its warp wait at another");
}

/// Runs a group until it ends, waits, parts or meets others.
void Warp::step(Group &group) {
  const int meeting = [&] {
    for (const Group &other : groups_)
      if (other.at > group.at)
        return other.at;
    return INT32_MAX;
  }();
  const Instruction *code = kernel_->code.data();
  AccessCounter *const counter = block_.counter ? &*block_.counter : nullptr;
  int at = group.at;
  uint32_t lanes = group.lanes;
  // The first instruction may be one that others wait at; they are one group since add().
  for (;;) {
    const Instruction &i = code[at];
    uint32_t own = lanes;
    if (i.guard >= 0) {
      const uint32_t holds = lanes_.predicates[size_t(i.guard)];
      own &= i.guardNot ? ~holds : holds;
    }
    if (counter && !waits(i.kind))
      counter->issue(i.kind == Kind::Branch ? lanes : own);
    switch (i.kind) {
    case Kind::Operation:
      if (own)
        i.operation(lanes_, i, own);
      break;
    case Kind::Special:
      forLanes(own, [&](int l) { lanes_.of<uint32_t>(i.to)[l] = uint32_t(special(i.special, l)); });
      break;
    case Kind::Load:
      load(i, own);
      if (counter)
        counter->finish(uint64_t(i.bytes) * i.count, true, false);
      break;
    case Kind::Store:
      store(i, own);
      if (counter)
        counter->finish(uint64_t(i.bytes) * i.count, false, true);
      break;
    case Kind::Atomic:
      update(i, own);
      if (counter)
        counter->finish(i.bytes, true, true);
      break;
    case Kind::Branch:
      if (own == 0)
        break;
      if (own == lanes && groups_.empty()) {
        at = i.target;
        continue;
      }
      add(i.target, own);
      add(at + 1, lanes & ~own);
      return;
    case Kind::Return:
      add(at + 1, lanes & ~own);
      // Threads that have ended are waited for by nobody.
      for (Group &other : groups_)
        other.waits = code[other.at].kind == Kind::BlockBarrier;
      return;
    case Kind::Shuffle:
    case Kind::Ballot:
    case Kind::WarpBarrier: {
      Group here{at, lanes, false};
      if (!meets(i, here)) {
        add(at, lanes);
        std::find_if(groups_.begin(), groups_.end(), [&](const Group &g) {
          return g.at == at;
        })->waits = true;
        return;
      }
      if (counter)
        counter->issue(own);
      if (i.kind == Kind::Shuffle) {
        shuffle(i, own);
      } else if (i.kind == Kind::Ballot) {
        const uint32_t votes = lanes_.predicates[size_t(i.a)] & own;
        forLanes(own, [&](int l) {
          lanes_.of<uint32_t>(i.to)[l] = votes & lanes_.of<uint32_t>(i.values[0])[l];
        });
      } else {
        ++lastMeeting_;
        forLanes(own, [&](int l) { meetings_[l] = lastMeeting_; });
      }
      break;
    }
    case Kind::BlockBarrier:
      add(at, lanes);
      std::find_if(groups_.begin(), groups_.end(), [&](const Group &g) {
        return g.at == at;
      })->waits = true;
      return;
    }
    if (++at == meeting) {
      add(at, lanes);
      return;
    }
  }
}

/// Whether all threads of all masks are here.
bool Warp::meets(const Instruction &i, const Group &group) const {
  uint32_t alive = group.lanes;
  for (const Group &other : groups_)
    alive |= other.lanes;
  bool all = true;
  const uint32_t *masks = const_cast<Lanes &>(lanes_).of<uint32_t>(i.values[0]);
  forLanes(group.lanes, [&](int l) {
    if (!(masks[l] >> l & 1))
      fault(i, l, "is not in the mask that it gives");
    all &= (masks[l] & alive & ~group.lanes) == 0;
  });
  return all;
}

void Warp::shuffle(const Instruction &i, uint32_t lanes) {
  uint32_t values[warpLanes];
  std::memcpy(values, lanes_.of<uint32_t>(i.a), sizeof values);
  const uint32_t *masks = lanes_.of<uint32_t>(i.values[0]);
  forLanes(lanes, [&](int l) {
    const int other = l ^ int(lanes_.of<uint32_t>(i.b)[l] & 31);
    if (!(masks[l] >> other & 1) || !(lanes >> other & 1))
      fault(i, l,
            "reads a register of thread " + std::to_string(other) + ", which is not in its mask");
    if (masks[other] != masks[l])
      fault(i, l,
            "has another mask than thread " + std::to_string(other) + ", which it reads from");
    lanes_.of<uint32_t>(i.to)[l] = values[other];
  });
}

uint64_t Warp::special(SpecialRegister which, int lane) const {
  switch (which) {
  case SpecialRegister::Tid:
    return uint64_t(number_ * warpLanes + lane);
  case SpecialRegister::Ntid:
    return block_.launch.threads;
  case SpecialRegister::Ctaid:
    return block_.user.block % block_.launch.blocks;
  case SpecialRegister::CtaidY:
    return block_.user.block / block_.launch.blocks;
  case SpecialRegister::NctaidY:
    return block_.launch.rows;
  case SpecialRegister::Nctaid:
    return block_.launch.blocks;
  case SpecialRegister::LaneId:
    return uint64_t(lane);
  }
  return 0;
}

char *Warp::memory(const Instruction &i, int lane, uint64_t bytes, bool writes) {
  uint64_t address = uint64_t(i.offset) + (i.a >= 0 ? lanes_.of<uint64_t>(i.a)[lane] : 0);
  if (address % bytes)
    fault(i, lane,
          "reads or writes " + std::to_string(bytes) +
              " bytes at an address that is no multiple of it");
  Space space = i.space;
  if (space == Space::Generic) {
    if (address - localWindow < windowBytes)
      space = Space::Local, address -= localWindow;
    else if (address - sharedWindow < windowBytes)
      space = Space::Shared, address -= sharedWindow;
    else
      space = Space::Global;
  }
  if (space == Space::Global) {
    if (!i.last || !i.last->has(address, bytes)) {
      i.last = Memory::get().find(address, bytes);
      if (!i.last)
        fault(i, lane,
              std::string(writes ? "writes " : "reads ") + std::to_string(bytes) +
                  " bytes: " + Memory::get().describe(address));
    }
    if (block_.counter)
      block_.counter->touch(*i.last, address, bytes, i.kind != Kind::Store, writes);
    if (Word *words = i.last->words.get())
      look(i, lane, words + (address - i.last->begin) / 4, bytes, writes);
    return i.last->at(address);
  }
  char *begin = nullptr;
  uint64_t size = 0;
  if (space == Space::Shared) {
    begin = block_.shared.data(), size = block_.shared.size();
  } else if (space == Space::Local) {
    begin = local_.data() + kernel_->localBytes * uint64_t(lane), size = kernel_->localBytes;
  } else {
    begin = const_cast<char *>(block_.launch.parameters.data()),
    size = block_.launch.parameters.size();
  }
  if (address > size || bytes > size - address)
    fault(i, lane, "is outside of its block's, its own or the parameters' memory");
  if (space == Space::Shared && block_.counter)
    block_.counter->touchShared(address, lane);
  if (space == Space::Shared)
    look(i, lane, block_.words.data() + address / 4, bytes, writes);
  return begin + address;
}

/// Uses words of memory that threads share.
void Warp::look(const Instruction &i, int lane, Word *words, uint64_t bytes, bool writes) const {
  if (i.kind == Kind::Atomic || i.relaxed || bytes < 4)
    return;
  User user = block_.user;
  user.thread = user.block * block_.launch.threads + unsigned(number_ * warpLanes + lane);
  user.warp = uint32_t(number_);
  user.meeting = meetings_[lane];
  for (uint64_t w = 0; w < bytes / 4; ++w)
    if (const char *what = writes ? words[w].write(user) : words[w].read(user))
      fault(i, lane, what);
}

void Warp::load(const Instruction &i, uint32_t mask) {
  forLanes(mask, [&](int l) {
    const char *from = memory(i, l, uint64_t(i.bytes) * i.count, false);
    for (int e = 0; e < i.count; ++e, from += i.bytes) {
      uint64_t value = 0;
      std::memcpy(&value, from, i.bytes);
      if (i.sign && i.bytes < 8) {
        const int unused = 64 - 8 * i.bytes;
        value = uint64_t(int64_t(value << unused) >> unused);
      }
      if (i.wide)
        lanes_.of<uint64_t>(i.values[e])[l] = value;
      else
        lanes_.of<uint32_t>(i.values[e])[l] = uint32_t(value);
    }
  });
}

void Warp::store(const Instruction &i, uint32_t mask) {
  forLanes(mask, [&](int l) {
    char *to = memory(i, l, uint64_t(i.bytes) * i.count, true);
    for (int e = 0; e < i.count; ++e, to += i.bytes) {
      const uint64_t value =
          i.wide ? lanes_.of<uint64_t>(i.values[e])[l] : lanes_.of<uint32_t>(i.values[e])[l];
      std::memcpy(to, &value, i.bytes);
    }
  });
}

void Warp::update(const Instruction &i, uint32_t mask) {
  auto run = [&](auto type) {
    using T = decltype(type);
    forLanes(mask, [&](int l) {
      char *at = memory(i, l, sizeof(T), true);
      T old, operand = lanes_.of<T>(i.b)[l], next = operand;
      std::memcpy(&old, at, sizeof old);
      switch (i.update) {
      case Instruction::Update::Add:
        next = old + operand;
        break;
      case Instruction::Update::Or:
        next = old | operand;
        break;
      case Instruction::Update::And:
        next = old & operand;
        break;
      case Instruction::Update::Max:
        next = std::max(old, operand);
        break;
      case Instruction::Update::Min:
        next = std::min(old, operand);
        break;
      case Instruction::Update::Exchange:
        break;
      }
      std::memcpy(at, &next, sizeof next);
      if (i.values[0] >= 0)
        lanes_.of<T>(i.values[0])[l] = old;
    });
  };
  i.bytes == 8 ? run(uint64_t()) : run(uint32_t());
}

void Warp::fault(const Instruction &i, int lane, const std::string &what) const {
  throw Fault{i.line, number_ * warpLanes + lane, what};
}

} // namespace

std::string run(const Launch &launch) {
  for (const Instruction &i : launch.kernel->code)
    i.last = nullptr; // blocks may have been freed since
  Block block(launch);
  try {
    for (unsigned b = launch.blocks * launch.rows; b-- > 0;)
      block.run(b);
  } catch (const Fault &fault) {
    const auto &lines = launch.module->lines;
    std::string text =
        fault.line > 0 && size_t(fault.line) <= lines.size() ? lines[size_t(fault.line) - 1] : "";
    text.erase(0, text.find_first_not_of(" \t"));
    return launch.kernel->name + ", line " + std::to_string(fault.line) + " '" + text +
           "': thread " + std::to_string(fault.thread) + " of block " +
           std::to_string(block.user.block) + " " + fault.what;
  }
  return "";
}

} // namespace heddle::emulator
