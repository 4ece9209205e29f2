//===- Socket.cpp - addresses, descriptors, frames ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/transport/Socket.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace heddle::transport {

std::string Address::text() const {
  if (isUnix)
    return "unix:@" + name;
  bool v6 = host.find(':') != std::string::npos;
  return "tcp:" + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

absl::StatusOr<Address> parseAddress(std::string_view text) {
  Address address;
  auto bad = [&](const char *what) {
    return invalidArgument("address '" + std::string(text) + "': " + what +
                           "; write tcp:HOST:PORT or unix:@NAME");
  };
  if (text.substr(0, 6) == "unix:@") {
    address.isUnix = true;
    address.name = std::string(text.substr(6));
    if (address.name.empty() || address.name.size() > sizeof(sockaddr_un::sun_path) - 2)
      return bad("a name has 1 to 106 bytes");
    return address;
  }
  if (text.substr(0, 4) != "tcp:")
    return bad("unknown kind");
  std::string_view rest = text.substr(4);
  size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    return bad("no port");
  std::string_view host = rest.substr(0, colon), port = rest.substr(colon + 1);
  if (host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  auto end = port.data() + port.size();
  auto [at, error] = std::from_chars(port.data(), end, address.port);
  if (error != std::errc() || at != end || address.port < 1 || address.port > 65535)
    return bad("a port is a number from 1 to 65535");
  address.host = std::string(host);
  return address;
}

namespace {

std::string errnoText() { return std::strerror(errno); }

struct Resolved {
  sockaddr_storage storage{};
  socklen_t length = 0;
  int family = AF_UNSPEC;
};

absl::StatusOr<Resolved> resolve(const Address &address) {
  Resolved resolved;
  if (address.isUnix) {
    auto *at = reinterpret_cast<sockaddr_un *>(&resolved.storage);
    at->sun_family = AF_UNIX; // a leading zero byte is the abstract namespace
    std::memcpy(at->sun_path + 1, address.name.data(), address.name.size());
    resolved.length =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + address.name.size());
    resolved.family = AF_UNIX;
    return resolved;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo *found = nullptr;
  int error =
      getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (error != 0 || !found)
    return unavailable(address.text() + ": " + gai_strerror(error) +
                       "; give the host by a name or number that all workers can resolve");
  std::memcpy(&resolved.storage, found->ai_addr, found->ai_addrlen);
  resolved.length = found->ai_addrlen;
  resolved.family = found->ai_family;
  freeaddrinfo(found);
  return resolved;
}

void withoutDelay(int fd, int family) {
  int on = 1;
  if (family != AF_UNIX)
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

} // namespace

absl::StatusOr<FileDescriptor> listenAt(const Address &address) {
  HEDDLE_ASSIGN_OR_RETURN(Resolved at, resolve(address));
  FileDescriptor fd(socket(at.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid())
    return unavailable(address.text() + ": " + errnoText());
  int on = 1;
  if (!address.isUnix)
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(fd.get(), reinterpret_cast<sockaddr *>(&at.storage), at.length) != 0 ||
      listen(fd.get(), 128) != 0) {
    std::string remedy;
    if (errno == EADDRINUSE)
      remedy = "; another job listens there: choose another port (MASTER_PORT)";
    else if (errno == EADDRNOTAVAIL)
      remedy = "; rank 0 must run on the host that MASTER_ADDR names";
    return unavailable(address.text() + ": " + errnoText() + remedy);
  }
  return fd;
}

absl::StatusOr<FileDescriptor> connectTo(const Address &address, Deadline deadline) {
  HEDDLE_ASSIGN_OR_RETURN(Resolved to, resolve(address));
  auto pause = std::chrono::milliseconds(2);
  while (true) {
    FileDescriptor fd(socket(to.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.valid())
      return unavailable(address.text() + ": " + errnoText());
    int error = 0;
    if (connect(fd.get(), reinterpret_cast<sockaddr *>(&to.storage), to.length) != 0)
      error = errno;
    if (error == EINPROGRESS) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      pollfd poll{fd.get(), POLLOUT, 0};
      error = ETIMEDOUT;
      if (left.count() > 0 && ::poll(&poll, 1, static_cast<int>(left.count())) > 0) {
        socklen_t length = sizeof(error);
        getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
      }
    }
    if (error == 0) {
      int flags = fcntl(fd.get(), F_GETFL);
      fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK);
      withoutDelay(fd.get(), to.family);
      return fd;
    }
    if (std::chrono::steady_clock::now() + pause >= deadline)
      return absl::DeadlineExceededError(absl::string_view("nobody listens at " + address.text() +
                                                           " (" + std::strerror(error) + ")"));
    std::this_thread::sleep_for(pause); // rank 0 may not have started yet
    pause = std::min(pause * 2, std::chrono::milliseconds(100));
  }
}

bool peerIsSameUser(int fd) {
  sockaddr_storage self{};
  socklen_t length = sizeof(self);
  if (getsockname(fd, reinterpret_cast<sockaddr *>(&self), &length) != 0)
    return false;
  if (self.ss_family != AF_UNIX)
    return true;
  ucred peer{};
  length = sizeof(peer);
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == geteuid();
}

std::string localHost(int fd) {
  sockaddr_storage self{};
  socklen_t length = sizeof(self);
  char host[NI_MAXHOST];
  if (getsockname(fd, reinterpret_cast<sockaddr *>(&self), &length) != 0 ||
      self.ss_family == AF_UNIX ||
      getnameinfo(reinterpret_cast<sockaddr *>(&self), length, host, sizeof(host), nullptr, 0,
                  NI_NUMERICHOST) != 0)
    return "127.0.0.1";
  return host;
}

bool sendFrame(int fd, uint32_t kind, std::string_view payload, bool wait) {
  if (payload.size() > maxFrameBytes)
    return false;
  uint32_t head[2] = {kind, static_cast<uint32_t>(payload.size())};
  std::string bytes(reinterpret_cast<const char *>(head), sizeof(head));
  bytes.append(payload);
  size_t sent = 0;
  while (sent < bytes.size()) {
    ssize_t n = ::send(fd, bytes.data() + sent, bytes.size() - sent,
                       MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    sent += static_cast<size_t>(n);
  }
  return true;
}

FrameReader::Result FrameReader::read(int fd, Frame &frame) {
  while (true) {
    uint32_t head[2];
    if (buffer_.size() >= sizeof(head)) {
      std::memcpy(head, buffer_.data(), sizeof(head));
      if (head[1] > maxFrameBytes)
        return Result::Closed;
      if (buffer_.size() >= sizeof(head) + head[1]) {
        frame.kind = head[0];
        frame.payload = buffer_.substr(sizeof(head), head[1]);
        buffer_.erase(0, sizeof(head) + head[1]);
        return Result::Frame;
      }
    }
    char bytes[16384];
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return Result::More;
    if (n <= 0)
      return Result::Closed;
    buffer_.append(bytes, static_cast<size_t>(n));
  }
}

} // namespace heddle::transport
