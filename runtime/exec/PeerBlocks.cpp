//===- PeerBlocks.cpp - blocks of an exchange of many terms ------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/PeerBlocks.h"

#include <cstring>

namespace heddle::exec {

void PeerBlocks::copy(void *to, const void *from, int64_t bytes) {
  if (data_)
    data_->copy(to, from, bytes);
  else if (bytes > 0)
    std::memcpy(to, from, static_cast<size_t>(bytes));
}

void PeerBlocks::reserve(size_t blocks) {
  sends_.reserve(blocks);
  receives_.reserve(blocks);
  copies_.reserve(blocks);
}

void PeerBlocks::start(bool packs, void *outbox, void *inbox) {
  packs_ = packs;
  out_ = static_cast<std::byte *>(outbox);
  in_ = static_cast<std::byte *>(inbox);
  firstSend_ = firstReceive_ = previousSend_ = 0;
  packsOut_ = packsIn_ = false;
  sends_.clear();
  receives_.clear();
  copies_.clear();
}

void PeerBlocks::peer(int rank) {
  rank_ = rank;
  previousSend_ = firstSend_;
  firstSend_ = sends_.size();
  firstReceive_ = receives_.size();
  packsOut_ = packsIn_ = false;
}

std::byte *PeerBlocks::packOut(int64_t bytes) {
  if (!packsOut_)
    sends_.insert(sends_.begin() + static_cast<ptrdiff_t>(firstSend_),
                  transport::SendBlock{rank_, out_, 0, onDevice()});
  packsOut_ = true;
  sends_[firstSend_].bytes += bytes;
  std::byte *at = out_;
  out_ += bytes;
  return at;
}

std::byte *PeerBlocks::packIn(int64_t bytes) {
  if (!packsIn_)
    receives_.insert(receives_.begin() + static_cast<ptrdiff_t>(firstReceive_),
                     transport::ReceiveBlock{rank_, in_, 0, nullptr, onDevice()});
  packsIn_ = true;
  receives_[firstReceive_].bytes += bytes;
  std::byte *at = in_;
  in_ += bytes;
  return at;
}

void *PeerBlocks::write(void *place, int64_t bytes) {
  if (packs(bytes))
    return packOut(bytes);
  sends_.push_back({rank_, place, bytes, onDevice()});
  return place;
}

void PeerBlocks::send(const void *data, int64_t bytes) {
  if (packs(bytes))
    copy(packOut(bytes), data, bytes);
  else
    sends_.push_back({rank_, data, bytes, onDevice()});
}

void PeerBlocks::sendAgain() {
  const size_t end = firstSend_;
  for (size_t i = previousSend_; i < end; ++i) {
    transport::SendBlock block = sends_[i];
    block.peer = rank_;
    sends_.push_back(block);
  }
}

const void *PeerBlocks::receive(void *place, int64_t bytes) {
  if (packs(bytes))
    return packIn(bytes);
  receives_.push_back({rank_, place, bytes, nullptr, onDevice()});
  return place;
}

void PeerBlocks::receiveInto(void *place, int64_t bytes) {
  const void *from = receive(place, bytes);
  if (from != place)
    copies_.push_back({place, from, bytes});
}

void PeerBlocks::unpack() {
  for (const Copy &c : copies_)
    copy(c.to, c.from, c.bytes);
}

uint64_t PeerBlocks::sentBytes() const {
  uint64_t bytes = 0;
  for (const transport::SendBlock &block : sends_)
    bytes += static_cast<uint64_t>(block.bytes);
  return bytes;
}

} // namespace heddle::exec
