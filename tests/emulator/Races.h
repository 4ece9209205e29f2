//===- Races.h - words that threads use without meeting ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_EMULATOR_RACES_H
#define HEDDLE_TESTS_EMULATOR_RACES_H

#include <cstdint>

namespace heddle::emulator {

/// Who uses a word: a thread of a launch, between two barriers of its block and of its warp.
struct User {
  uint32_t launch = 0, block = 0, thread = 0, epoch = 0; ///< thread: of all blocks
  uint32_t warp = 0,
           meeting = 0; ///< of the block; the last barrier of the warp that the thread was at
};

/// The last uses of a word of memory. Two threads may not use one that either of them writes,
/// unless a barrier of their block or their warp is between. Atomics and bytes within a word are
/// not looked at.
class Word {
public:
  /// Null, or what is wrong.
  const char *read(const User &user) {
    if (written_.launch == user.launch && meet(written_, user))
      return "reads a word that another thread wrote, with nothing between";
    const bool before = read_.launch == user.launch;
    otherBlocks_ = before && (otherBlocks_ || read_.block != user.block);
    several_ = before && (several_ ? read_.block == user.block && read_.epoch == user.epoch &&
                                         read_.meeting == user.meeting
                                   : meet(read_, user));
    read_ = user;
    return nullptr;
  }
  const char *write(const User &user) {
    if (written_.launch == user.launch && meet(written_, user))
      return "writes a word that another thread wrote, with nothing between";
    if (read_.launch == user.launch &&
        (otherBlocks_ || meet(read_, user) ||
         (several_ && read_.epoch == user.epoch && read_.meeting == user.meeting)))
      return "writes a word that another thread read, with nothing between";
    written_ = user;
    return nullptr;
  }

private:
  static bool meet(const User &a, const User &b) {
    return a.thread != b.thread &&
           (a.block != b.block ||
            (a.epoch == b.epoch && (a.warp != b.warp || a.meeting == b.meeting)));
  }
  User written_, read_;
  bool several_ = false, otherBlocks_ = false; ///< of the readers
};

} // namespace heddle::emulator

#endif // HEDDLE_TESTS_EMULATOR_RACES_H
