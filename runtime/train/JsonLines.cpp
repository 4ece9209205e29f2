//===- JsonLines.cpp - one JSON object per line ---------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/JsonLines.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace heddle::train {
namespace {

/// The length of the file up to and including its last line end, or -1 on an error.
off_t endOfLastLine(int fd) {
  off_t end = lseek(fd, 0, SEEK_END);
  char block[4096];
  while (end > 0) {
    off_t begin = end > off_t(sizeof block) ? end - off_t(sizeof block) : 0;
    ssize_t got = pread(fd, block, size_t(end - begin), begin);
    if (got != end - begin)
      return -1;
    for (ssize_t i = got; i > 0; --i)
      if (block[i - 1] == '\n')
        return begin + i;
    end = begin;
  }
  return end;
}

} // namespace

absl::StatusOr<std::unique_ptr<JsonLinesWriter>>
JsonLinesWriter::open(const std::string &path, const std::string &schema, bool append) {
  std::unique_ptr<JsonLinesWriter> writer(new JsonLinesWriter());
  writer->path = path;
  writer->schema = schema;
  writer->fd =
      ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | (append ? 0 : O_TRUNC), 0666);
  if (writer->fd < 0)
    return unavailable(path + ": cannot be written: " + std::strerror(errno));
  if (append) {
    off_t end = endOfLastLine(writer->fd);
    if (end < 0 || ftruncate(writer->fd, end) != 0)
      return unavailable(path + ": cannot be continued: " + std::strerror(errno));
  }
  return writer;
}

JsonLinesWriter::~JsonLinesWriter() {
  if (fd >= 0)
    ::close(fd);
}

absl::Status JsonLinesWriter::write(const nlohmann::ordered_json &object) {
  if (!object.is_object())
    return internalError(path + ": a line must be an object");
  nlohmann::ordered_json line = {{"schema", schema}};
  line.update(object);
  line["schema"] = schema;
  std::string text =
      line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  const char *rest = text.data();
  size_t count = text.size();
  while (count > 0) {
    ssize_t put = ::write(fd, rest, count);
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return unavailable(path + ": writing failed: " + std::strerror(errno));
    rest += put;
    count -= size_t(put);
  }
  return absl::OkStatus();
}

} // namespace heddle::train
