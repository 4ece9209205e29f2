//===- Status.h - error values of the runtime -------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Every fallible function of runtime/ returns absl::Status or absl::StatusOr. Codes mean:
//   kInvalidArgument     wrong use or a malformed input: the tools exit with 2
//   kFailedPrecondition  inputs that are fine alone but do not fit together (plan and graph): exit 2
//   kNotFound, kAlreadyExists, kPermissionDenied   files named by the user: exit 2
//   everything else      failed while running: exit 1
// A message is one line: "<file>: <place>: <what is wrong>; <remedy>".
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_BASE_STATUS_H
#define HEDDLE_RUNTIME_BASE_STATUS_H

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include <string>
#include <string_view>

namespace heddle {

inline absl::Status invalidArgument(const std::string &message) {
  return absl::InvalidArgumentError(absl::string_view(message.data(), message.size()));
}
inline absl::Status failedPrecondition(const std::string &message) {
  return absl::FailedPreconditionError(absl::string_view(message.data(), message.size()));
}
inline absl::Status notFound(const std::string &message) {
  return absl::NotFoundError(absl::string_view(message.data(), message.size()));
}
inline absl::Status alreadyExists(const std::string &message) {
  return absl::AlreadyExistsError(absl::string_view(message.data(), message.size()));
}
inline absl::Status internalError(const std::string &message) {
  return absl::InternalError(absl::string_view(message.data(), message.size()));
}
inline absl::Status unavailable(const std::string &message) {
  return absl::UnavailableError(absl::string_view(message.data(), message.size()));
}
inline absl::Status cancelled(const std::string &message) {
  return absl::CancelledError(absl::string_view(message.data(), message.size()));
}
/// The message of `status` as a std::string (Debian's absl::string_view is a type of its own).
inline std::string messageOf(const absl::Status &status) {
  return std::string(status.message().data(), status.message().size());
}
/// `status` with `prefix` before its message.
inline absl::Status withPrefix(const absl::Status &status, const std::string &prefix) {
  if (status.ok())
    return status;
  std::string m = prefix + messageOf(status);
  return absl::Status(status.code(), absl::string_view(m.data(), m.size()));
}
/// Exit code of a tool that ends with `status`: 0 done, 1 failed at run time, 2 wrong use or input.
inline int exitCodeOf(const absl::Status &status) {
  switch (status.code()) {
  case absl::StatusCode::kOk:
    return 0;
  case absl::StatusCode::kInvalidArgument:
  case absl::StatusCode::kFailedPrecondition:
  case absl::StatusCode::kNotFound:
  case absl::StatusCode::kAlreadyExists:
  case absl::StatusCode::kPermissionDenied:
    return 2;
  default:
    return 1;
  }
}

} // namespace heddle

#define HEDDLE_CONCAT_IMPL(a, b) a##b
#define HEDDLE_CONCAT(a, b) HEDDLE_CONCAT_IMPL(a, b)

#define HEDDLE_RETURN_IF_ERROR(expr)                                                               \
  do {                                                                                             \
    ::absl::Status heddleStatus_ = (expr);                                                         \
    if (!heddleStatus_.ok())                                                                       \
      return heddleStatus_;                                                                        \
  } while (false)

#define HEDDLE_ASSIGN_OR_RETURN(lhs, expr)                                                         \
  HEDDLE_ASSIGN_OR_RETURN_IMPL(HEDDLE_CONCAT(heddleStatusOr_, __LINE__), lhs, expr)
#define HEDDLE_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr)                                               \
  auto tmp = (expr);                                                                               \
  if (!tmp.ok())                                                                                   \
    return tmp.status();                                                                           \
  lhs = std::move(tmp).value()

#endif // HEDDLE_RUNTIME_BASE_STATUS_H
