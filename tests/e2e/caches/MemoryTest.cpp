//===- MemoryTest.cpp - a graph that is larger than memory -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Features of three times the memory that training may use, on a CPU, from disk. Memory that a process
// asks for is limited by the system (RLIMIT_DATA, which anybody may set: heap, mappings, stacks); that
// no more of the mapped files is in memory either is seen at the largest resident set, which counts
// them; and that the page cache does not hold the features in their place, by mincore.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/caches/ToolRun.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <sys/mman.h>

namespace heddle::e2e {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using test::readAll;
using test::TemporaryDirectory;

/// Gives back what the page cache has of a file.
void forget(const std::string &path) {
  const int fd = ::open(path.c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(::fdatasync(fd), 0);
  EXPECT_EQ(::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
  ::close(fd);
}

/// Bytes of a file that the page cache has.
int64_t bytesInPageCache(const std::string &path) {
  const size_t size = fs::file_size(path), page = size_t(::sysconf(_SC_PAGESIZE));
  const int fd = ::open(path.c_str(), O_RDONLY);
  void *mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  EXPECT_NE(mapped, MAP_FAILED);
  std::vector<unsigned char> pages((size + page - 1) / page);
  EXPECT_EQ(::mincore(mapped, size, pages.data()), 0);
  ::munmap(mapped, size);
  int64_t bytes = 0;
  for (unsigned char there : pages)
    bytes += there & 1 ? int64_t(page) : 0;
  return bytes;
}

#if !__has_feature(address_sanitizer)
TEST(Caches, FeaturesOfThreeTimesTheMemory) {
  constexpr int64_t limit = int64_t(168) << 20;
  TemporaryDirectory folder;
  good(folder, "heddle-import",
       {"--generate=igb-het", "--scale=0.00024", "-o", folder / "graph"});
  test::writeAll(folder / "model.json", R"({"version": "1.0",
      "task": {"target_ntype": "paper", "label": "label_19"},
      "model": {"encoder": "rgcn", "num_layers": 2, "hidden_size": 16},
      "sampling": {"fanout": [2, 2]}, "eval": {"batch_size": 64, "fanout": [2, 2]},
      "train": {"batch_size": 64, "num_epochs": 1}})");
  good(folder, "heddle-compile",
       {"--graph", folder / "graph", "--model", folder / "model.json", "-o", folder / "plan"});
  // The large files of nodes are features.
  std::vector<std::string> features;
  int64_t bytes = 0;
  for (const auto &entry : fs::recursive_directory_iterator(folder / "graph/nodes"))
    if (entry.is_regular_file() && entry.file_size() > 8 << 20) {
      features.push_back(entry.path().string());
      bytes += int64_t(entry.file_size());
    }
  ASSERT_GE(bytes, 3 * limit) << features.size();
  auto remembered = [&] {
    int64_t sum = 0;
    for (const std::string &file : features)
      sum += bytesInPageCache(file);
    return sum;
  };

  auto limited = [] {
    // Stacks count, and are as large as this.
    struct rlimit stack = {1 << 20, 1 << 20}, data = {rlim_t(limit), rlim_t(limit)};
    if (::setrlimit(RLIMIT_STACK, &stack) != 0 || ::setrlimit(RLIMIT_DATA, &data) != 0)
      ::_exit(126);
  };
  auto train = [&](const std::string &name, Arguments more) {
    Arguments arguments = {folder / "plan", "--graph",   folder / "graph", "-o",
                           folder / name,   "--threads", "2",              "--predictions=none"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    for (const std::string &file : features)
      forget(file);
    return run(folder, "heddle-run", arguments, limited);
  };
  // Features that are mapped: the limit does not see them, but they are in memory.
  ToolRun mapped = train("mapped", {});
  ASSERT_EQ(mapped.code, 0) << mapped.err;
  EXPECT_GT(mapped.peakBytes, limit);
  EXPECT_GT(remembered(), limit);

  for (const std::string &file : features)
    forget(file);
  const int64_t kept = remembered(); // what the system does not give back
  ToolRun cached = train("cached", {"--cache=greedy", "--cache-memory=16MiB"});
  ASSERT_EQ(cached.code, 0) << cached.err;
  EXPECT_LE(cached.peakBytes, limit);
  const int64_t inPageCache = remembered() - kept;
  // To look at the head of a mapped file makes the system read ahead, some megabytes where it is set so.
  EXPECT_LT(inPageCache, bytes / 20);
  std::printf("limit %lld MiB, features %lld MiB; peak %lld MiB mapped, %lld MiB cached; page cache took "
              "%lld KiB of them\n",
              static_cast<long long>(limit >> 20), static_cast<long long>(bytes >> 20),
              static_cast<long long>(mapped.peakBytes >> 20),
              static_cast<long long>(cached.peakBytes >> 20),
              static_cast<long long>(inPageCache >> 10));
  Json result = Json::parse(readAll(folder / "cached/run.json"))["result"];
  ASSERT_EQ(result["caches"].size(), 4u);
  double saved = 0;
  for (const Json &feature : result["caches"])
    saved += double(feature["seconds_saved"]);
  EXPECT_GT(saved, 0.0);
  for (const std::string weights : {"best", "last"})
    for (const auto &entry : fs::directory_iterator(folder / ("mapped/" + weights)))
      if (entry.path().extension() == ".safetensors")
        EXPECT_EQ(readAll(entry.path().string()),
                  readAll(folder / ("cached/" + weights + "/" + entry.path().filename().string())));

  // The limit is one: rows that do not fit are an error that names the option.
  ToolRun tooMuch = train("refused", {"--cache=greedy", "--cache-memory=400MiB"});
  EXPECT_EQ(tooMuch.code, 1) << tooMuch.out;
  EXPECT_NE(tooMuch.err.find("--cache-memory"), std::string::npos) << tooMuch.err;
}

// A table with its moments that is three times the memory that training may use. What the system has of it
// in its page cache is its own affair: it gives that back when somebody needs it.
TEST(Caches, LearnableRowsOfThreeTimesTheMemory) {
  constexpr int64_t limit = int64_t(108) << 20;
  TemporaryDirectory folder;
  good(folder, "heddle-import",
       {"--generate=mag240m", "--scale=0.00021", "--features=none", "-o", folder / "graph"});
  test::writeAll(folder / "model.json", R"({"version": "1.0", "task": {"target_ntype": "paper"},
      "model": {"encoder": "rgcn", "num_layers": 2, "hidden_size": 192, "featureless": true},
      "sampling": {"fanout": [2, 2]}, "eval": {"batch_size": 64, "fanout": [2, 2]},
      "train": {"batch_size": 64, "num_epochs": 1}})");
  good(folder, "heddle-compile",
       {"--graph", folder / "graph", "--model", folder / "model.json", "-o", folder / "plan"});
  auto train = [&](const std::string &name, Arguments more, bool isLimited) {
    Arguments arguments = {folder / "plan", "--graph",   folder / "graph", "-o",
                           folder / name,   "--threads", "2",              "--predictions=none"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(folder, "heddle-run", arguments, [isLimited] {
      struct rlimit stack = {256 << 10, 256 << 10}, data = {rlim_t(limit), rlim_t(limit)};
      if (::setrlimit(RLIMIT_STACK, &stack) != 0 || (isLimited && ::setrlimit(RLIMIT_DATA, &data) != 0))
        ::_exit(126);
    });
  };
  ToolRun whole = train("whole", {}, true);
  EXPECT_EQ(whole.code, 1) << whole.out;
  whole = train("whole", {}, false);
  ASSERT_EQ(whole.code, 0) << whole.err;
  ToolRun tiers =
      train("tiers", {"--cache=greedy", "--cache-memory=8MiB", "--cache-learnable"}, true);
  ASSERT_EQ(tiers.code, 0) << tiers.err;
  EXPECT_LE(tiers.peakBytes, limit);
  int64_t bytes = 0;
  const Json caches = Json::parse(readAll(folder / "tiers/run.json"))["result"]["caches"];
  for (const Json &use : caches)
    bytes += int64_t(use["rows"]) * int64_t(use["row_bytes"]);
  EXPECT_GE(bytes, 3 * limit);
  std::printf("limit %lld MiB, learnable rows %lld MiB; peak %lld MiB in memory, %lld MiB in tiers\n",
              static_cast<long long>(limit >> 20), static_cast<long long>(bytes >> 20),
              static_cast<long long>(whole.peakBytes >> 20),
              static_cast<long long>(tiers.peakBytes >> 20));
  for (const std::string weights : {"best", "last"})
    for (const auto &entry : fs::directory_iterator(folder / ("whole/" + weights)))
      if (entry.path().extension() == ".safetensors")
        EXPECT_EQ(readAll(entry.path().string()),
                  readAll(folder / ("tiers/" + weights + "/" + entry.path().filename().string())))
            << entry.path();
}
#endif

} // namespace
} // namespace heddle::e2e
