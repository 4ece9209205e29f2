//===- GatherTest.cpp - rows of features that a GPU picks -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The kernel on this CPU, and on a GPU if there is one, against what the CPU's fetches make of the
// rows.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/CudaMachine.h"

#include "HostMachine.h"
#include "runtime/base/Npy.h"
#include "runtime/exec/ConvertRows.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <functional>

namespace heddle::exec {
namespace {

using cuda::kernels::Element;
using cuda::kernels::Gather;

/// Rows of a feature, some of them kept, and ids to pick.
struct Scene {
  std::string dtype;
  Element element;
  int64_t nodes, dim, rows;
  std::string all, kept;
  std::vector<int32_t> places;
  std::vector<int64_t> ids;
  std::vector<float> wanted;
  uint64_t hits = 0;

  Scene(const std::string &dtype, Element element, const std::array<int64_t, 3> &sizes,
        std::mt19937 &random)
      : dtype(dtype), element(element), nodes(sizes[0]), dim(sizes[1]), rows(sizes[2]),
        places(size_t(nodes), -1), ids(size_t(rows)), wanted(size_t(rows * dim)) {
    const int64_t rowBytes = dim * cuda::kernels::bytesOf(element);
    EXPECT_EQ(rowBytes, dim * dtypeBytes(dtype));
    // Any bytes: NaN, infinities and subnormals are among them.
    all.resize(size_t(nodes * rowBytes));
    for (char &c : all)
      c = char(random());
    for (int64_t id = 0; id < nodes; ++id)
      if (random() % 3 == 0) {
        places[size_t(id)] = int32_t(int64_t(kept.size()) / rowBytes);
        kept.append(all, size_t(id * rowBytes), size_t(rowBytes));
      }
    for (int64_t &id : ids) {
      id = int64_t(random() % uint64_t(nodes));
      hits += places[size_t(id)] >= 0;
    }
    EXPECT_TRUE(convertRows(all.data(), dtype, dim, ids.data(), rows, wanted.data()));
  }
  void expect(const std::vector<float> &out, uint64_t found, bool some) const {
    ASSERT_EQ(std::memcmp(out.data(), wanted.data(), out.size() * sizeof(float)), 0)
        << dtype << " x " << dim << ", " << nodes << " nodes, some " << some;
    EXPECT_EQ(found, 5 + (some ? hits : 0));
  }
};

void forEachScene(const std::function<void(const Scene &)> &check) {
  std::mt19937 random(2);
  for (auto [dtype, element] : {std::pair{"float32", Element::F32},
                                {"float16", Element::F16},
                                {"bfloat16", Element::BF16},
                                {"int8", Element::I8},
                                {"uint8", Element::U8},
                                {"bool", Element::U8},
                                {"int16", Element::I16},
                                {"uint16", Element::U16}})
    for (const std::array<int64_t, 3> sizes : {std::array<int64_t, 3>{1, 1, 1},
                                               {7, 3, 130},
                                               {7, 4, 1},
                                               {1000, 6, 500},
                                               {300, 8, 129},
                                               {1000, 100, 300},
                                               {50, 128, 130},
                                               {20, 515, 64},
                                               {20, 4096, 33}})
      check(Scene(dtype, element, sizes, random));
}

TEST(DeviceGather, OnThisCpu) {
  std::mt19937 random(3);
  forEachScene([&](const Scene &s) {
    for (bool some : {false, true}) {
      std::vector<float> out(s.wanted.size(), -1);
      uint64_t found = 5;
      const Gather gather{s.ids.data(),
                          s.rows,
                          s.dim,
                          some ? s.places.data() : nullptr,
                          some ? s.kept.data() : s.all.data(),
                          s.all.data(),
                          out.data(),
                          &found,
                          s.element};
      auto shared = std::make_unique<cuda::kernels::Shared>();
      for (uint32_t b = 0; b * cuda::kernels::gatherRowsPerBlock(s.dim) < s.rows; ++b) {
        testing::HostBlock block{b, &random};
        cuda::kernels::gatherRows(block, *shared, gather);
      }
      s.expect(out, found, some);
    }
  });
}

absl::Status gatherOnGpu(const cuda::Session &session, const cuda::SamplingModule &module,
                         const Scene &s, bool some, std::vector<float> &out, uint64_t &found) {
  std::vector<cuda::DeviceMemory> memory;
  auto place = [&](const void *data, uint64_t bytes) -> absl::StatusOr<cuda::DevicePointer> {
    memory.emplace_back(session);
    HEDDLE_RETURN_IF_ERROR(memory.back().reserve(std::max<uint64_t>(bytes, 1), "test"));
    HEDDLE_RETURN_IF_ERROR(session.toDevice(memory.back().data(), data, bytes));
    return memory.back().data();
  };
  memory.reserve(8);
  cuda::PinnedMemory all(session);
  HEDDLE_RETURN_IF_ERROR(all.reserve(s.all.size(), "test"));
  std::memcpy(all.data(), s.all.data(), s.all.size());
  const std::string &kept = some ? s.kept : s.all;
  HEDDLE_ASSIGN_OR_RETURN(auto ids, place(s.ids.data(), s.ids.size() * sizeof(int64_t)));
  HEDDLE_ASSIGN_OR_RETURN(auto rows, place(kept.data(), kept.size()));
  HEDDLE_ASSIGN_OR_RETURN(auto places, place(s.places.data(), s.places.size() * sizeof(int32_t)));
  HEDDLE_ASSIGN_OR_RETURN(auto result, place(out.data(), out.size() * sizeof(float)));
  HEDDLE_ASSIGN_OR_RETURN(auto hits, place(&found, sizeof found));
  HEDDLE_RETURN_IF_ERROR(session.synchronize("test"));
  HEDDLE_RETURN_IF_ERROR(module.gather({reinterpret_cast<const int64_t *>(ids), s.rows, s.dim,
                                        reinterpret_cast<const int32_t *>(some ? places : 0),
                                        reinterpret_cast<const void *>(rows), all.data(),
                                        reinterpret_cast<float *>(result),
                                        reinterpret_cast<uint64_t *>(hits), s.element}));
  HEDDLE_RETURN_IF_ERROR(session.toHost(out.data(), result, out.size() * sizeof(float)));
  HEDDLE_RETURN_IF_ERROR(session.toHost(&found, hits, sizeof found));
  return session.synchronize("test");
}

TEST(DeviceGather, OnAGpu) {
  auto session = cuda::Session::open(0);
  if (!session.ok())
    GTEST_SKIP() << session.status();
  cuda::SamplingModule module(**session);
  absl::Status status = module.load();
  ASSERT_TRUE(status.ok()) << status;
  forEachScene([&](const Scene &s) {
    for (bool some : {false, true}) {
      std::vector<float> out(s.wanted.size(), -1);
      uint64_t found = 5;
      status = gatherOnGpu(**session, module, s, some, out, found);
      ASSERT_TRUE(status.ok()) << status;
      s.expect(out, found, some);
    }
  });
}

} // namespace
} // namespace heddle::exec
