//===- PeerBlocks.h - blocks of an exchange of many terms --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A step has a table for each node type, and most are small: what is small travels to a peer in one
// block, what is large from and to its own place. Both sides know the bytes of every term, and so
// agree on which are packed. The packed block of a peer stands before its others.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_EXEC_PEERBLOCKS_H
#define HEDDLE_RUNTIME_EXEC_PEERBLOCKS_H

#include "runtime/exec/CommData.h"
#include "runtime/transport/Transport.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace heddle::exec {

class PeerBlocks {
public:
  /// A block below this size is copied into one with its neighbours: a block of its own costs a
  /// handshake of two threads or a message of two processes, about as much as copying so many
  /// bytes.
  /// The same on all ranks; only tests change it, between runs.
  static inline int64_t packedBytes = 64 << 10;

  /// The packed part of the bytes of a block, of an exchange that packs.
  static int64_t packed(int64_t bytes) { return bytes <= packedBytes ? bytes : 0; }

  /// Room for the most blocks, of one way, that an exchange has: nothing allocates afterwards.
  void reserve(size_t blocks);

  /// Where the blocks are, and what copies them; the host's memory if it is not called.
  void use(CommData &data) { data_ = &data; }

  /// Begins an exchange. The boxes hold what is packed for all peers, and what comes packed from
  /// all; unless it `packs` they are not used.
  void start(bool packs, void *outbox, void *inbox);

  /// What follows, up to the next call, goes to and comes from this rank: on both sides the same
  /// terms in the same order.
  void peer(int rank);

  /// Where the block of the next term is to be written before the exchange: in the outbox, or at
  /// `place`, from where it is sent.
  void *write(void *place, int64_t bytes);
  /// Sends the block of the next term, which stands at `data`.
  void send(const void *data, int64_t bytes);
  /// Sends all that was sent to the peer before.
  void sendAgain();

  /// Where the block of the next term will be after the exchange: in the inbox, or at `place`.
  const void *receive(void *place, int64_t bytes);
  /// The block of the next term will be at `place` after unpack().
  void receiveInto(void *place, int64_t bytes);
  void unpack();

  std::span<const transport::SendBlock> sends() const { return sends_; }
  std::span<const transport::ReceiveBlock> receives() const { return receives_; }
  /// Bytes of all sends.
  uint64_t sentBytes() const;

private:
  bool packs(int64_t bytes) const { return packs_ && bytes <= packedBytes; }
  /// Makes the peer's packed block if it has none, before those that it has.
  std::byte *packOut(int64_t bytes);
  std::byte *packIn(int64_t bytes);
  void copy(void *to, const void *from, int64_t bytes);
  bool onDevice() const { return data_ && data_->onDevice(); }

  struct Copy {
    void *to;
    const void *from;
    int64_t bytes;
  };
  CommData *data_ = nullptr;
  bool packs_ = false;
  int rank_ = 0;
  std::byte *out_ = nullptr, *in_ = nullptr; ///< behind what is packed so far
  // Of the peer: where its blocks begin, and whether the first of them is packed.
  size_t firstSend_ = 0, firstReceive_ = 0;
  size_t previousSend_ = 0; ///< of the peer before
  bool packsOut_ = false, packsIn_ = false;
  // Grown once, then reused.
  std::vector<transport::SendBlock> sends_;
  std::vector<transport::ReceiveBlock> receives_;
  std::vector<Copy> copies_;
};

} // namespace heddle::exec

#endif // HEDDLE_RUNTIME_EXEC_PEERBLOCKS_H
