//===- Driver.cpp - libcuda.so.1 that runs PTX on the CPU ------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A double of NVIDIA's driver for tests where there is no device: the functions that the runtime
// loads (runtime/cuda/Driver.h). Found by LD_LIBRARY_PATH.
//
//   HEDDLE_EMULATOR_CAPABILITY  90         compute capability
//   HEDDLE_EMULATOR_DEVICES     1          number of devices; they share one memory
//   HEDDLE_EMULATOR_MEMORY      4294967296 bytes of a device
//   HEDDLE_EMULATOR_ORDER       lazy       or eager (Streams.h)
//   HEDDLE_EMULATOR_RACES       1          0: not looked for (Races.h)
//   HEDDLE_EMULATOR_PROCESSORS  2          few, so that threads take rows in turn
//   HEDDLE_EMULATOR_COUNTS      none       file for what was counted, as JSON (Counts.h): of each
//                                          function of the driver and of cuBLAS the calls, of each
//                                          kernel launches, instructions, sectors, bank conflicts.
//                                          One process writes one file
//
//===----------------------------------------------------------------------===//
#include "tests/emulator/Counts.h"
#include "tests/emulator/Launch.h"
#include "tests/emulator/Memory.h"
#include "tests/emulator/Streams.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

using namespace heddle::emulator;

namespace {

// CUresult.
constexpr int ok = 0, invalidValue = 1, noMemory = 2, invalidDevice = 101, invalidPtx = 218,
              notFound = 500, notReady = 600, illegalAddress = 700, launchFailed = 719,
              unsupportedInCapture = 900;

int setting(const char *name, int otherwise) {
  const char *text = std::getenv(name);
  return text ? std::atoi(text) : otherwise;
}

struct Module {
  std::unique_ptr<Ptx> ptx;
  uint64_t data = 0;
};
struct Function {
  Module *module;
  const Kernel *kernel;
};
struct Graph {
  std::vector<Command> commands;
};

/// `function`: that of the driver which is entered.
std::unique_lock<std::recursive_mutex> enter(const char *function = __builtin_FUNCTION()) {
  std::unique_lock lock(Device::get().mutex);
  if (Counts *counts = Counts::get())
    counts->call(function);
  return lock;
}

void countBytes(uint64_t bytes, const char *function = __builtin_FUNCTION()) {
  if (Counts *counts = Counts::get())
    counts->copied(function, bytes);
}

/// What an event's marker is recorded into, if that is still going on.
Recording *recordingOf(const Event *event) {
  const auto &all = Device::get().recordings;
  return std::find(all.begin(), all.end(), event->recording) == all.end() ? nullptr
                                                                          : event->recording;
}

/// Remembers what went wrong, and says it: a program may show no more than a number.
int fail(int error, const std::string &what) {
  Device &device = Device::get();
  if (device.failure.empty()) {
    device.failure = what;
    std::fprintf(stderr, "emulated device: %s\n", what.c_str());
  }
  return error;
}

int copy(uint64_t to, const void *from, size_t bytes) {
  const Range *range = Memory::get().find(to, bytes);
  if (!range)
    return fail(illegalAddress, "a copy of " + std::to_string(bytes) +
                                    " bytes to the device: " + Memory::get().describe(to));
  std::memcpy(range->at(to), from, bytes);
  return ok;
}
int copyBack(void *to, uint64_t from, size_t bytes) {
  const Range *range = Memory::get().find(from, bytes);
  if (!range)
    return fail(illegalAddress, "a copy of " + std::to_string(bytes) +
                                    " bytes from the device: " + Memory::get().describe(from));
  std::memcpy(to, range->at(from), bytes);
  return ok;
}

/// Runs what a graph recorded, markers and all, as one piece of work.
int replay(const std::vector<Command> &commands) {
  for (const Command &command : commands)
    if (command.work)
      if (int error = command.work())
        return error;
  return ok;
}

} // namespace

extern "C" {

int cuInit(unsigned) { return ok; }
int cuGetErrorName(int error, const char **name) {
  switch (error) {
  case noMemory:
    *name = "CUDA_ERROR_OUT_OF_MEMORY";
    break;
  case illegalAddress:
    *name = "CUDA_ERROR_ILLEGAL_ADDRESS";
    break;
  case launchFailed:
    *name = "CUDA_ERROR_LAUNCH_FAILED";
    break;
  case invalidPtx:
    *name = "CUDA_ERROR_INVALID_PTX";
    break;
  case unsupportedInCapture:
    *name = "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED";
    break;
  default:
    *name = error ? "CUDA_ERROR_UNKNOWN" : "CUDA_SUCCESS";
  }
  return ok;
}
int cuGetErrorString(int error, const char **text) {
  static thread_local std::string last;
  auto lock = enter();
  last = error == noMemory               ? "out of memory"
         : error == notFound             ? "named symbol not found"
         : error == unsupportedInCapture ? "operation not permitted when stream is capturing"
         : Device::get().failure.empty() ? "error " + std::to_string(error)
                                         : Device::get().failure;
  *text = last.c_str();
  return ok;
}
int cuDeviceGetCount(int *count) {
  *count = setting("HEDDLE_EMULATOR_DEVICES", 1);
  return ok;
}
int cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return ordinal >= 0 && ordinal < setting("HEDDLE_EMULATOR_DEVICES", 1) ? ok : invalidDevice;
}
int cuDeviceGetName(char *name, int bytes, int) {
  std::snprintf(name, size_t(bytes), "emulated device");
  return ok;
}
int cuDeviceGetAttribute(int *value, int attribute, int) {
  const int capability = setting("HEDDLE_EMULATOR_CAPABILITY", 90);
  switch (attribute) {
  case 75:
    *value = capability / 10;
    return ok;
  case 76:
    *value = capability % 10;
    return ok;
  case 16:
    *value = setting("HEDDLE_EMULATOR_PROCESSORS", 2);
    return ok;
  default:
    return invalidValue;
  }
}
int cuDeviceGetUuid_v2(char *uuid, int device) {
  std::memset(uuid, 0, 16);
  uuid[15] = char(device + 1);
  return ok;
}
int cuDevicePrimaryCtxRetain(void **context, int device) {
  static char contexts[64];
  *context = contexts + device;
  return ok;
}
int cuDevicePrimaryCtxRelease_v2(int) { return ok; }
int cuCtxSetCurrent(void *) {
  auto lock = enter();
  return ok;
}
int cuCtxSynchronize() {
  auto lock = enter();
  return Device::get().finishAll();
}

int cuModuleLoadDataEx(Module **module, const void *text, unsigned count, int *options,
                       void **values) {
  auto lock = enter();
  std::string error;
  auto made = std::make_unique<Module>();
  made->ptx = parsePtx(static_cast<const char *>(text), error);
  if (made->ptx && made->ptx->target > setting("HEDDLE_EMULATOR_CAPABILITY", 90))
    error = "code for sm_" + std::to_string(made->ptx->target);
  if (!error.empty()) {
    char *log = nullptr;
    size_t bytes = 0;
    for (unsigned o = 0; o < count; ++o) {
      if (options[o] == 5)
        log = static_cast<char *>(values[o]);
      else if (options[o] == 6)
        bytes = reinterpret_cast<size_t>(values[o]);
    }
    if (log && bytes)
      std::snprintf(log, bytes, "%s", error.c_str());
    return invalidPtx;
  }
  if (!made->ptx->data.empty()) {
    made->data = Memory::get().allocate(made->ptx->data.size());
    copy(made->data, made->ptx->data.data(), made->ptx->data.size());
  }
  *module = made.release();
  return ok;
}
int cuModuleUnload(Module *module) {
  auto lock = enter();
  const int error = Device::get().finishAll();
  if (module->data)
    Memory::get().release(module->data);
  delete module;
  return error;
}
int cuModuleGetFunction(Function **function, Module *module, const char *name) {
  auto lock = enter();
  auto found = module->ptx->kernels.find(name);
  if (found == module->ptx->kernels.end())
    return notFound;
  // As many as kernels are asked for; they live as long as the process.
  *function = new Function{module, found->second.get()};
  return ok;
}

int cuMemGetInfo_v2(size_t *free, size_t *total) {
  auto lock = enter();
  *total = Memory::capacity();
  *free = *total - Memory::get().used();
  return ok;
}
int cuMemAlloc_v2(unsigned long long *address, size_t bytes) {
  auto lock = enter();
  if (Device::get().recordsHere())
    return unsupportedInCapture;
  *address = Memory::get().allocate(bytes);
  return *address ? ok : bytes ? noMemory : invalidValue;
}
int cuMemFree_v2(unsigned long long address) {
  auto lock = enter();
  Device::get().finishAll(); // as the driver does
  return Memory::get().release(address) ? ok : invalidValue;
}
int cuMemHostAlloc(void **memory, size_t bytes, unsigned) {
  auto lock = enter();
  if (Device::get().recordsHere())
    return unsupportedInCapture;
  *memory = Memory::get().allocateHost(bytes);
  return ok;
}
int cuMemFreeHost(void *memory) {
  auto lock = enter();
  Device::get().finishAll();
  return Memory::get().release(reinterpret_cast<uint64_t>(memory)) ? ok : invalidValue;
}

int cuMemcpyHtoDAsync_v2(unsigned long long to, const void *from, size_t bytes, Stream *stream) {
  auto lock = enter();
  countBytes(bytes);
  // Of ordinary memory the driver takes a copy before it returns.
  if (!stream->recording && !Memory::get().isPinned(from)) {
    const char *begin = static_cast<const char *>(from);
    return Device::get().give(stream, {[to, kept = std::vector<char>(begin, begin + bytes)] {
                                         return copy(to, kept.data(), kept.size());
                                       },
                                       {},
                                       {}});
  }
  return Device::get().give(stream, {[=] { return copy(to, from, bytes); }, {}, {}});
}
int cuMemcpyDtoHAsync_v2(void *to, unsigned long long from, size_t bytes, Stream *stream) {
  auto lock = enter();
  countBytes(bytes);
  const int error = Device::get().give(stream, {[=] { return copyBack(to, from, bytes); }, {}, {}});
  // To ordinary memory it returns when it is there.
  if (error || stream->recording || Memory::get().isPinned(to))
    return error;
  return Device::get().finish(stream);
}
int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from, size_t bytes,
                         Stream *stream) {
  auto lock = enter();
  countBytes(bytes);
  return Device::get().give(stream, {[=] {
                                       std::vector<char> kept(bytes);
                                       const int error = copyBack(kept.data(), from, bytes);
                                       return error ? error : copy(to, kept.data(), bytes);
                                     },
                                     {},
                                     {}});
}
int cuMemsetD8Async(unsigned long long to, unsigned char value, size_t bytes, Stream *stream) {
  auto lock = enter();
  countBytes(bytes);
  return Device::get().give(stream, {[=] {
                                       const std::vector<char> all(bytes, char(value));
                                       return copy(to, all.data(), bytes);
                                     },
                                     {},
                                     {}});
}

int cuStreamCreateWithPriority(Stream **stream, unsigned, int) {
  auto lock = enter();
  *stream = new Stream;
  Device::get().streams.push_back(*stream);
  return ok;
}
int cuStreamCreate(Stream **stream, unsigned flags) {
  return cuStreamCreateWithPriority(stream, flags, 0);
}
int cuStreamDestroy_v2(Stream *stream) {
  auto lock = enter();
  Device &device = Device::get();
  device.finish(stream);
  std::erase(device.streams, stream);
  delete stream;
  return ok;
}
int cuStreamSynchronize(Stream *stream) {
  auto lock = enter();
  if (stream->recording || Device::get().recordsHere())
    return unsupportedInCapture;
  return Device::get().finish(stream);
}
int cuStreamWaitEvent(Stream *stream, Event *event, unsigned) {
  auto lock = enter();
  if (Recording *recording = recordingOf(event)) {
    if (stream->recording && stream->recording != recording)
      return unsupportedInCapture;
    stream->recording = recording; // it takes part from here
  }
  return event->marker ? Device::get().give(stream, {{}, {}, event->marker}) : ok;
}

int cuEventCreate(Event **event, unsigned) {
  auto lock = enter();
  *event = new Event;
  return ok;
}
int cuEventDestroy_v2(Event *event) {
  auto lock = enter();
  delete event;
  return ok;
}
int cuEventRecord(Event *event, Stream *stream) {
  auto lock = enter();
  event->marker = std::make_shared<Marker>();
  event->marker->stream = stream;
  event->recording = stream->recording;
  return Device::get().give(stream, {{}, event->marker, {}});
}
int cuEventSynchronize(Event *event) {
  auto lock = enter();
  if (recordingOf(event))
    return unsupportedInCapture;
  return event->marker ? Device::get().finish(event->marker) : ok;
}
int cuEventQuery(Event *event) {
  auto lock = enter();
  // Who asks again and again waits for it.
  if (event->marker)
    if (int error = Device::get().finish(event->marker))
      return error;
  return !event->marker || event->marker->reached ? ok : notReady;
}
int cuEventElapsedTime(float *milliseconds, Event *from, Event *to) {
  auto lock = enter();
  if (!from->marker || !to->marker || !from->marker->reached || !to->marker->reached)
    return notReady;
  *milliseconds =
      std::chrono::duration<float, std::milli>(to->marker->time - from->marker->time).count();
  return ok;
}

int cuStreamBeginCapture_v2(Stream *stream, int) {
  auto lock = enter();
  if (stream->recording)
    return unsupportedInCapture;
  auto *recording = new Recording;
  recording->origin = stream;
  recording->thread = std::this_thread::get_id();
  stream->recording = recording;
  Device::get().recordings.push_back(recording);
  return ok;
}
int cuStreamEndCapture(Stream *stream, Graph **graph) {
  auto lock = enter();
  Device &device = Device::get();
  Recording *recording = stream->recording;
  if (!recording || recording->origin != stream)
    return invalidValue;
  *graph = new Graph{std::move(recording->commands)};
  for (Stream *other : device.streams)
    if (other->recording == recording)
      other->recording = nullptr;
  std::erase(device.recordings, recording);
  delete recording;
  return ok;
}
int cuGraphInstantiateWithFlags(Graph **made, Graph *graph, unsigned long long) {
  auto lock = enter();
  *made = new Graph(*graph);
  return ok;
}
int cuGraphLaunch(Graph *graph, Stream *stream) {
  auto lock = enter();
  return Device::get().give(stream,
                            {[commands = graph->commands] { return replay(commands); }, {}, {}});
}
int cuGraphExecDestroy(Graph *graph) {
  auto lock = enter();
  delete graph;
  return ok;
}
int cuGraphDestroy(Graph *graph) {
  auto lock = enter();
  delete graph;
  return ok;
}

int cuLaunchKernel(Function *function, unsigned blocks, unsigned y, unsigned z, unsigned threads,
                   unsigned ty, unsigned tz, unsigned dynamic, Stream *stream, void **parameters,
                   void **) {
  auto lock = enter();
  if (blocks == 0 || y == 0 || y > 65535 || threads == 0 || threads > 1024 || z != 1 || ty != 1 ||
      tz != 1 || dynamic != 0)
    return fail(invalidValue, "launch of " + function->kernel->name + " with a wrong grid");
  Launch launch{function->module->ptx.get(),
                function->kernel,
                function->module->data,
                blocks,
                y,
                threads,
                std::vector<char>(function->kernel->parameterBytes),
                Counts::get() ? &Counts::get()->kernel(function->kernel->name) : nullptr};
  for (size_t p = 0; p < function->kernel->parameters.size(); ++p)
    std::memcpy(launch.parameters.data() + function->kernel->parameters[p].offset, parameters[p],
                function->kernel->parameters[p].bytes);
  return Device::get().give(stream, {[launch = std::move(launch)] {
                                       const std::string wrong = run(launch);
                                       return wrong.empty() ? ok : fail(launchFailed, wrong);
                                     },
                                     {},
                                     {}});
}

/// For the doubles of NVIDIA's other libraries: work of one of their functions in a stream's order.
int heddleEmulatorGive(Stream *stream, const char *function, uint64_t flops,
                       const std::function<int()> &work) {
  auto lock = enter(function);
  if (Counts *counts = Counts::get())
    counts->multiplied(function, flops);
  return Device::get().give(stream, {work, {}, {}});
}
/// Where [address, address + bytes) of the device is on the host; null with the device failed if it
/// is not one block's.
void *heddleEmulatorMemory(uint64_t address, uint64_t bytes, const char *what) {
  std::unique_lock lock(Device::get().mutex);
  const Range *range = Memory::get().find(address, bytes);
  if (!range) {
    Device::get().failed =
        fail(illegalAddress, std::string(what) + ": " + Memory::get().describe(address));
    return nullptr;
  }
  return range->at(address);
}

} // extern "C"
