//===- ControlPlane.cpp - who is there, who has ended it ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/transport/ControlPlane.h"

#include "runtime/transport/ControlServer.h"

#include <algorithm>
#include <pthread.h>
#include <sys/socket.h>

namespace heddle::transport {

using namespace control;

namespace {

// The server answers by the deadline that it was given; later, it does not answer at all.
constexpr std::chrono::milliseconds answerMargin{500};

absl::Status makeStatus(int32_t code, std::string_view text) {
  return absl::Status(static_cast<absl::StatusCode>(code),
                      absl::string_view(text.data(), text.size()));
}

int64_t millisecondsUntil(Deadline deadline) {
  auto left = deadline - std::chrono::steady_clock::now();
  return std::max<int64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(left).count(), 0);
}

} // namespace

SignalsBlocked::SignalsBlocked() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old_);
}

SignalsBlocked::~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &old_, nullptr); }

absl::StatusOr<std::unique_ptr<ControlClient>> ControlClient::join(const Address &address, int rank,
                                                                   int size, Deadline deadline,
                                                                   std::function<void()> onEnd) {
  std::unique_ptr<ControlClient> client(new ControlClient());
  client->onEnd_ = std::move(onEnd);
  if (rank == 0) {
    HEDDLE_ASSIGN_OR_RETURN(client->server_, ControlServer::start(address, size));
  }
  auto fd = connectTo(address, deadline);
  if (!fd.ok())
    return withPrefix(fd.status(), "rank 0 is not there: ");
  client->fd_ = std::move(fd).value();
  if (!peerIsSameUser(client->fd_.get()))
    return unavailable(address.text() + ": a process of another user listens there");
  client->host_ = localHost(client->fd_.get());
  {
    SignalsBlocked blocked;
    client->reader_ = std::thread([raw = client.get()] { raw->readFrames(); });
  }
  auto welcome = client->request(Hello, Welcome, pack("", magic, int32_t(rank), int32_t(size)),
                                 deadline, false);
  if (!welcome.ok())
    return welcome.status();
  return client;
}

ControlClient::~ControlClient() {
  if (fd_.valid())
    shutdown(fd_.get(), SHUT_RDWR);
  if (reader_.joinable())
    reader_.join();
}

void ControlClient::readFrames() {
  FrameReader reader;
  Frame frame;
  while (reader.read(fd_.get(), frame) == FrameReader::Result::Frame) {
    bool ended = false;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      std::string_view payload = frame.payload;
      uint32_t incarnation = 0;
      int32_t code = 0;
      if (frame.kind == Ended && take(payload, incarnation) && take(payload, code)) {
        if (incarnation == incarnation_ && status_.ok()) {
          status_ = makeStatus(code, payload);
          ended = true;
        }
      } else {
        if ((frame.kind == Welcome || frame.kind == Remade) && take(payload, incarnation)) {
          incarnation_ = incarnation;
          status_ = absl::OkStatus();
        }
        leaving_ |= frame.kind == Left;
        answer_ = std::move(frame);
      }
      changed_.notify_all();
    }
    if (ended)
      onEnd_();
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    lost_ = true;
    if (leaving_)
      return;
    if (status_.ok())
      status_ = unavailable("rank 0 is gone: its worker has ended, or destroyed its transport "
                            "without closing");
    changed_.notify_all();
  }
  onEnd_();
}

uint32_t ControlClient::incarnation() {
  std::lock_guard<std::mutex> lock(mutex_);
  return incarnation_;
}

absl::Status ControlClient::status() {
  std::lock_guard<std::mutex> lock(mutex_);
  return status_;
}

absl::Status ControlClient::awaitEnd(std::chrono::milliseconds time) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, time, [&] { return !status_.ok(); });
  return status_;
}

absl::StatusOr<Frame> ControlClient::request(uint32_t kind, uint32_t answer,
                                             const std::string &payload, Deadline deadline,
                                             bool endsWithIncarnation) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    answer_.reset();
    if (lost_)
      return unavailable("rank 0 is gone");
  }
  {
    std::lock_guard<std::mutex> lock(sendMutex_);
    sendFrame(fd_.get(), kind, payload, false); // a failure shows as the end of the stream
  }
  std::unique_lock<std::mutex> lock(mutex_);
  auto ready = [&] { return answer_ || lost_ || (endsWithIncarnation && !status_.ok()); };
  if (!changed_.wait_until(lock, deadline + answerMargin, ready))
    return absl::DeadlineExceededError("rank 0, which does not answer");
  if (answer_) {
    std::string_view text = answer_->payload;
    int32_t code = 0;
    if (answer_->kind == answer)
      return *std::move(answer_);
    if (answer_->kind == Refused)
      return failedPrecondition("rank 0 refuses this worker: " + answer_->payload);
    if (answer_->kind == Failed && take(text, code)) {
      // The reason of the end says more than its consequence.
      if (static_cast<absl::StatusCode>(code) == absl::StatusCode::kAborted && !status_.ok())
        return status_;
      return makeStatus(code, text);
    }
    return internalError("rank 0 gave an answer of kind " + std::to_string(answer_->kind));
  }
  if (!status_.ok())
    return status_;
  return unavailable("rank 0 is gone");
}

absl::StatusOr<std::vector<std::string>> ControlClient::allGather(const std::string &text,
                                                                  Deadline deadline) {
  HEDDLE_ASSIGN_OR_RETURN(
      Frame frame, request(Gather, Gathered, pack(text, incarnation(), millisecondsUntil(deadline)),
                           deadline, true));
  std::vector<std::string> texts;
  std::string_view rest = frame.payload;
  uint32_t length = 0;
  while (take(rest, length) && length <= rest.size()) {
    texts.emplace_back(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  return texts;
}

absl::StatusOr<uint32_t> ControlClient::remake(Deadline deadline) {
  HEDDLE_ASSIGN_OR_RETURN(Frame frame, request(Remake, Remade,
                                               pack("", incarnation(), millisecondsUntil(deadline)),
                                               deadline, false));
  return incarnation();
}

absl::Status ControlClient::leave(Deadline deadline) {
  return request(Leave, Left, pack("", incarnation(), millisecondsUntil(deadline)), deadline, true)
      .status();
}

void ControlClient::end(const absl::Status &reason) {
  uint32_t incarnation;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!status_.ok() || leaving_)
      return;
    status_ = reason;
    incarnation = incarnation_;
    changed_.notify_all();
  }
  {
    std::lock_guard<std::mutex> lock(sendMutex_);
    sendFrame(fd_.get(), Abort,
              pack(messageOf(reason), incarnation, static_cast<int32_t>(reason.code())), false);
  }
  onEnd_();
}

} // namespace heddle::transport
