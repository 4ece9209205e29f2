//===- FakeDriver.h - as much of a driver as a transport needs ---*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_TRANSPORT_FAKEDRIVER_H
#define HEDDLE_TESTS_UNIT_TRANSPORT_FAKEDRIVER_H

#include "runtime/cuda/Nccl.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

namespace heddle::test {

/// The double of NCCL (tests/emulator/nccl).
inline const cuda::Nccl &doubleOfNccl() {
  static const absl::StatusOr<cuda::Nccl> nccl = cuda::Nccl::load(NCCL_DOUBLE);
  if (!nccl.ok())
    std::abort();
  return *nccl;
}

/// A driver whose devices' memory is the host's. Streams do everything at once, but for what the
/// double of NCCL has in them.
inline const cuda::Driver &fakeDriver() {
  using namespace cuda;
  struct FakeEvent {
    Stream stream;
    uint64_t after;
  };
  using Count = uint64_t (*)(Stream);
  static const auto count = [](const char *name, Stream stream) {
    static void *library = dlopen(NCCL_DOUBLE, RTLD_NOW);
    return reinterpret_cast<Count>(dlsym(library, name))(stream);
  };
  static const Driver driver = [] {
    Driver d;
    d.cuGetErrorName = [](Result, const char **text) { return *text = "FAKE", 0; };
    d.cuGetErrorString = [](Result, const char **text) { return *text = "a fake error", 0; };
    d.cuDeviceGet = [](DeviceNumber *device, int ordinal) { return *device = ordinal, 0; };
    d.cuDevicePrimaryCtxRetain = [](Context *context, DeviceNumber device) {
      *context = reinterpret_cast<Context>(uintptr_t(device) + 1);
      return 0;
    };
    d.cuDevicePrimaryCtxRelease_v2 = [](DeviceNumber) { return 0; };
    d.cuCtxSetCurrent = [](Context) { return 0; };
    d.cuMemAlloc_v2 = [](DevicePointer *memory, size_t bytes) {
      *memory = reinterpret_cast<DevicePointer>(std::malloc(bytes ? bytes : 1));
      return 0;
    };
    d.cuMemFree_v2 = [](DevicePointer memory) {
      std::free(reinterpret_cast<void *>(memory));
      return 0;
    };
    d.cuMemcpyHtoDAsync_v2 = [](DevicePointer to, const void *from, size_t bytes, Stream) {
      std::memcpy(reinterpret_cast<void *>(to), from, bytes);
      return 0;
    };
    d.cuMemcpyDtoHAsync_v2 = [](void *to, DevicePointer from, size_t bytes, Stream) {
      std::memcpy(to, reinterpret_cast<void *>(from), bytes);
      return 0;
    };
    d.cuMemcpyDtoDAsync_v2 = [](DevicePointer to, DevicePointer from, size_t bytes, Stream) {
      std::memcpy(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), bytes);
      return 0;
    };
    d.cuStreamCreate = [](Stream *stream, unsigned) {
      *stream = static_cast<Stream>(std::malloc(1));
      return 0;
    };
    d.cuStreamDestroy_v2 = [](Stream stream) { return std::free(stream), 0; };
    d.cuStreamSynchronize = [](Stream) { return 0; };
    d.cuEventCreate = [](Event *event, unsigned) {
      *event = reinterpret_cast<Event>(new FakeEvent());
      return 0;
    };
    d.cuEventDestroy_v2 = [](Event event) {
      delete reinterpret_cast<FakeEvent *>(event);
      return 0;
    };
    d.cuEventRecord = [](Event event, Stream stream) {
      *reinterpret_cast<FakeEvent *>(event) = {stream, count("heddleNcclIssued", stream)};
      return 0;
    };
    d.cuEventQuery = [](Event event) {
      const auto &fake = *reinterpret_cast<FakeEvent *>(event);
      return count("heddleNcclDone", fake.stream) >= fake.after ? 0 : notReady;
    };
    return d;
  }();
  return driver;
}

} // namespace heddle::test

#endif // HEDDLE_TESTS_UNIT_TRANSPORT_FAKEDRIVER_H
