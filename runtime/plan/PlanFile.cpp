//===- PlanFile.cpp - reads and writes plan files ----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A plan file is the FlatBuffer, padded to 8 bytes, and a trailer of 32 bytes: size of the buffer,
// its checksum, version, magic. The trailer says "truncated", "damaged" and "newer" before a single
// offset of the buffer is followed.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/PlanFile.h"

#include "runtime/base/AtomicOutput.h"
#include "runtime/base/Checksum.h"
#include "runtime/base/FileError.h"
#include "runtime/plan/PlanSize.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace heddle::plan {

namespace {

constexpr char trailerMagic[8] = {'H', 'D', 'L', 'P', 'E', 'N', 'D', '1'};

struct Trailer {
  uint64_t size;
  uint64_t checksum;
  uint16_t major, minor;
  uint32_t reserved;
  char magic[8];
};
static_assert(sizeof(Trailer) == 32);

constexpr const char *recompile = "; recompile with heddle-compile";

absl::Status checkVersion(const std::string &name, unsigned major, unsigned minor) {
  std::string version = std::to_string(major) + "." + std::to_string(minor);
  std::string ours = std::to_string(planMajor) + "." + std::to_string(planMinor);
  if (major > planMajor || (major == planMajor && minor > planMinor))
    return invalidArgument(name + ": version: written by a newer heddle (plan version " + version +
                           ", this one reads up to " + ours +
                           "); update heddle or recompile with heddle-compile");
  if (major < planMajor)
    return invalidArgument(name + ": version: written by an older heddle (plan version " + version +
                           ", this one reads " + std::to_string(planMajor) + ".x)" + recompile);
  return absl::OkStatus();
}

absl::StatusOr<size_t> checkTrailer(const uint8_t *bytes, size_t size, const std::string &name) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  // A fuzzer cannot guess checksums: it feeds the bare buffer.
  return size;
#else
  Trailer trailer;
  if (size >= sizeof trailer)
    std::memcpy(&trailer, bytes + size - sizeof trailer, sizeof trailer);
  if (size < sizeof trailer || std::memcmp(trailer.magic, trailerMagic, sizeof trailerMagic) != 0)
    return invalidArgument(name + ": end of file: the file is truncated (" + std::to_string(size) +
                           " bytes, no trailer); copy it again or recompile with heddle-compile");
  size_t payload = size - sizeof trailer;
  if (trailer.size > payload || payload - trailer.size >= 8)
    return invalidArgument(name + ": trailer: the file is truncated (" + std::to_string(payload) +
                           " bytes of " + std::to_string(trailer.size) +
                           "); copy it again or recompile with heddle-compile");
  HEDDLE_RETURN_IF_ERROR(checkVersion(name, trailer.major, trailer.minor));
  uint64_t actual = checksumOf(bytes, trailer.size);
  if (actual != trailer.checksum)
    return invalidArgument(name + ": checksum: the file is damaged (" + checksumHex(actual) +
                           ", written as " + checksumHex(trailer.checksum) +
                           "); copy it again or recompile with heddle-compile");
  return static_cast<size_t>(trailer.size);
#endif
}

} // namespace

absl::StatusOr<std::unique_ptr<PlanT>> parsePlan(const uint8_t *bytes, size_t size,
                                                 const std::string &name) {
  if (size < 8 || std::memcmp(bytes + 4, PlanIdentifier(), 4) != 0)
    return invalidArgument(name + ": start of file: this is not a plan file" +
                           (size < 8 ? " (" + std::to_string(size) + " bytes)" : "") +
                           "; make one with heddle-compile -o FILE.plan");
  HEDDLE_ASSIGN_OR_RETURN(size_t payload, checkTrailer(bytes, size, name));
  if (payload >= FLATBUFFERS_MAX_BUFFER_SIZE)
    return invalidArgument(name + ": size: a plan holds less than 2 GiB" + recompile);
  // The verifier and the accessors want the root at an aligned address.
  std::vector<uint64_t> aligned;
  if (reinterpret_cast<uintptr_t>(bytes) % 8 != 0) {
    aligned.resize(payload / 8 + 1);
    std::memcpy(aligned.data(), bytes, payload);
    bytes = reinterpret_cast<const uint8_t *>(aligned.data());
  }
  flatbuffers::Verifier::Options options;
  options.max_depth = 16;
  options.max_tables = 4000000;
  flatbuffers::Verifier verifier(bytes, payload, options);
  if (!VerifyPlanBuffer(verifier))
    return invalidArgument(name + ": structure: an offset or size points outside of the file" +
                           recompile);
  const Plan *root = GetPlan(bytes);
  HEDDLE_RETURN_IF_ERROR(checkVersion(name, root->major(), root->minor()));
  if (root->features() & ~knownFeatures)
    return invalidArgument(name +
                           ": features: needs features that this heddle does not know (bits " +
                           checksumHex(root->features() & ~knownFeatures) +
                           "); update heddle or recompile with heddle-compile");
  // Tables may share what they point to; a small file must not unpack into a large plan.
  if (const char *why = whyNotUnpacked(*root, 16 * uint64_t(payload) + (uint64_t(1) << 20)))
    return invalidArgument(name + ": structure: " + why + recompile);
  std::unique_ptr<PlanT> plan(root->UnPack());
  absl::Status status = verifyPlan(*plan);
  if (!status.ok())
    return absl::Status(status.code(), name + ": " + messageOf(status) + recompile);
  return plan;
}

absl::StatusOr<std::unique_ptr<PlanT>> loadPlan(const std::string &path) {
  std::unique_ptr<FILE, int (*)(FILE *)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file)
    return cannotOpen(path, errno, "name a plan that heddle-compile wrote");
  std::vector<uint8_t> bytes;
  uint8_t block[1 << 16];
  size_t got;
  while ((got = std::fread(block, 1, sizeof block, file.get())) > 0) {
    bytes.insert(bytes.end(), block, block + got);
    if (bytes.size() > FLATBUFFERS_MAX_BUFFER_SIZE + size_t(64))
      return invalidArgument(path + ": size: a plan holds less than 2 GiB" + recompile);
  }
  if (std::ferror(file.get()))
    return cannotOpen(path, errno, "name a plan that heddle-compile wrote");
  return parsePlan(bytes.data(), bytes.size(), path);
}

std::vector<uint8_t> serializePlan(const PlanT &plan) {
  flatbuffers::FlatBufferBuilder builder(1 << 16);
  builder.Finish(Plan::Pack(builder, &plan), PlanIdentifier());
  std::vector<uint8_t> bytes(builder.GetBufferPointer(),
                             builder.GetBufferPointer() + builder.GetSize());
  Trailer trailer{};
  trailer.size = bytes.size();
  trailer.checksum = checksumOf(bytes.data(), bytes.size());
  trailer.major = plan.major;
  trailer.minor = plan.minor;
  std::memcpy(trailer.magic, trailerMagic, sizeof trailerMagic);
  bytes.resize((bytes.size() + 7) / 8 * 8);
  size_t at = bytes.size();
  bytes.resize(at + sizeof trailer);
  std::memcpy(bytes.data() + at, &trailer, sizeof trailer);
  return bytes;
}

absl::Status savePlan(const PlanT &plan, const std::string &path, bool force) {
  HEDDLE_RETURN_IF_ERROR(withPrefix(verifyPlan(plan), path + ": "));
  HEDDLE_ASSIGN_OR_RETURN(auto output, AtomicOutput::create(path, AtomicOutput::Kind::File, force));
  std::vector<uint8_t> bytes = serializePlan(plan);
  HEDDLE_RETURN_IF_ERROR(writeFile(
      output.path(), std::string_view(reinterpret_cast<const char *>(bytes.data()), bytes.size())));
  return output.publish();
}

} // namespace heddle::plan
