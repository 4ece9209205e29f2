//===- Trace.cpp - writes Chrome JSON ----------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/Trace.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace heddle::exec {

Trace::Track *Trace::addTrack(const std::string &name) {
  auto track = std::make_unique<Track>();
  track->name_ = name;
  track->events_.resize(std::max<size_t>(capacity_, 1));
  std::lock_guard<std::mutex> lock(mutex_);
  tracks_.push_back(std::move(track));
  return tracks_.back().get();
}

uint64_t Trace::nowNs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return uint64_t(t.tv_sec) * 1000000000u + uint64_t(t.tv_nsec);
}

namespace {
std::string escaped(const char *text) {
  std::string out;
  for (const char *c = text; *c; ++c) {
    unsigned char u = static_cast<unsigned char>(*c);
    if (*c == '"' || *c == '\\') {
      out += '\\';
      out += *c;
    } else if (u < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", u);
      out += code;
    } else {
      out += *c;
    }
  }
  return out;
}
} // namespace

absl::Status Trace::write(const std::string &path) const {
  FILE *file = std::fopen(path.c_str(), "w");
  if (!file)
    return notFound(path + ": file: the trace cannot be written: " + std::strerror(errno) +
                    "; name a file in a folder that exists");
  // Times count from the first event, so that viewers open at the work and not at the boot.
  uint64_t origin = UINT64_MAX;
  for (const auto &track : tracks_)
    for (size_t i = 0; i < std::min<uint64_t>(track->next_, track->events_.size()); ++i)
      origin = std::min(origin, track->events_[i].startNs);
  std::fprintf(file, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
                     "{\"ph\":\"M\",\"pid\":1,\"tid\":0,\"name\":\"process_name\","
                     "\"args\":{\"name\":\"heddle\"}}");
  for (size_t t = 0; t < tracks_.size(); ++t) {
    const Track &track = *tracks_[t];
    uint64_t size = track.events_.size();
    uint64_t kept = std::min<uint64_t>(track.next_, size);
    std::fprintf(file,
                 ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":%zu,\"name\":\"thread_name\","
                 "\"args\":{\"name\":\"%s\",\"lost_events\":%llu}}",
                 t + 1, escaped(track.name_.c_str()).c_str(),
                 static_cast<unsigned long long>(track.next_ - kept));
    std::fprintf(file,
                 ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":%zu,\"name\":\"thread_sort_index\","
                 "\"args\":{\"sort_index\":%zu}}",
                 t + 1, t);
    for (uint64_t i = track.next_ - kept; i < track.next_; ++i) {
      const Event &e = track.events_[i % size];
      std::fprintf(file,
                   ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":%zu,\"name\":\"%s\",\"ts\":%.3f,"
                   "\"dur\":%.3f,\"args\":{\"op\":%u,\"step\":%llu,\"rows\":%llu,\"bytes\":%llu}}",
                   t + 1, escaped(e.name ? e.name : "").c_str(), double(e.startNs - origin) * 1e-3,
                   double(e.endNs - e.startNs) * 1e-3, e.op,
                   static_cast<unsigned long long>(e.step), static_cast<unsigned long long>(e.rows),
                   static_cast<unsigned long long>(e.bytes));
    }
  }
  std::fprintf(file, "\n]}\n");
  bool failed = std::ferror(file) != 0;
  if (std::fclose(file) != 0 || failed)
    return unavailable(path + ": file: the trace could not be written completely: " +
                       std::strerror(errno) + "; is the disk full?");
  return absl::OkStatus();
}

} // namespace heddle::exec
