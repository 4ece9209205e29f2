//===- DeviceDataTest.cpp - a GPU's merges against the host's --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The kernels' lines run here with blocks in any order and the threads of each in any order, and
// give the bits of Reduce.cpp: but for the weights of a softmax, which have an exponential of their
// own.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/DeviceData.h"
#include "runtime/exec/Reduce.h"
#include "tests/unit/exec/MergeRows.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace heddle::testing {
namespace {

struct AnyOrderBlock {
  uint32_t index;
  std::mt19937_64 *random;
  template <class F> void each(int64_t n, F f) {
    const int64_t shift = n > 1 ? int64_t((*random)() % uint64_t(n)) : 0;
    for (int64_t i = 0; i < n; ++i)
      f((i + shift) % n);
  }
};

class HostMachine final : public cuda::MergeMachine {
public:
  explicit HostMachine(int *launches) : launches_(launches) {}
  absl::Status launch(cuda::MergeKernel kernel, uint32_t blocks, void *argument) override {
    using namespace cuda::kernels;
    ++*launches_;
    std::vector<uint32_t> order(blocks);
    std::iota(order.begin(), order.end(), 0u);
    std::shuffle(order.begin(), order.end(), random_);
    for (uint32_t b : order) {
      AnyOrderBlock block{b, &random_};
      switch (kernel) {
#define KERNEL(NAME, ARGUMENT)                                                                     \
  case cuda::MergeKernel::NAME:                                                                    \
    NAME(block, *static_cast<ARGUMENT *>(argument));                                               \
    break;
        HEDDLE_MERGE_KERNELS(KERNEL)
#undef KERNEL
      }
    }
    return absl::OkStatus();
  }
  absl::StatusOr<void *> room(size_t which, uint64_t bytes, const char *) override {
    rooms_[which].resize(std::max(rooms_[which].size(), size_t(bytes)));
    return rooms_[which].data();
  }
  absl::Status synchronize() override { return absl::OkStatus(); }

private:
  int *launches_;
  std::vector<char> rooms_[exec::CommData::rooms];
  std::mt19937_64 random_{5};
};

struct OnDevice {
  int launches = 0;
  std::unique_ptr<exec::CommData> data = cuda::deviceData(std::make_unique<HostMachine>(&launches));
};

std::vector<const float *> pointersOf(const std::vector<std::vector<float>> &parts) {
  std::vector<const float *> pointers;
  for (const auto &part : parts)
    pointers.push_back(part.data());
  return pointers;
}

std::vector<float> randomNumbers(size_t count, std::mt19937_64 &random) {
  std::vector<float> numbers(count);
  for (float &x : numbers) {
    x = std::ldexp(float(random() % 2001) - 1000, int(random() % 40) - 30);
    x = random() % 10 ? x : -0.0f;
  }
  return numbers;
}

TEST(DeviceData, SumsAreTheHostsBits) {
  std::mt19937_64 random(1);
  OnDevice device;
  for (size_t parts : {2, 3, 7, 256})
    for (int64_t numbers : {0, 1, 1023, 1024, 5000}) {
      std::vector<std::vector<float>> terms;
      for (size_t k = 0; k < parts; ++k)
        terms.push_back(randomNumbers(size_t(numbers), random));
      const auto pointers = pointersOf(terms);
      std::vector<float> wanted(terms[0].size()), got(wanted.size(), 7);
      exec::sumInOrder(pointers, wanted.data(), 0, numbers);
      device.data->merge(plan::MergeKind::Sum, pointers, numbers, 1, 1, got.data(), nullptr);
      ASSERT_TRUE(device.data->finish().ok());
      EXPECT_TRUE(sameBits(got, wanted)) << parts << " parts, " << numbers;
    }
}

TEST(DeviceData, OtherMergesAreTheHosts) {
  std::mt19937_64 random(2);
  OnDevice device;
  for (plan::MergeKind kind : otherKinds)
    for (size_t parts : {1, 2, 5})
      for (size_t rows : {0, 1, 31, 32, 100}) {
        const size_t w = kind == plan::MergeKind::Softmax ? 7 : 6;
        std::vector<std::vector<float>> terms(parts);
        for (auto &term : terms)
          for (size_t row = 0; row < rows; ++row) {
            auto made = termRow(kind, w, random);
            if (kind == plan::MergeKind::Max && random() % 8 == 0)
              made[random() % w] = std::nanf("");
            term.insert(term.end(), made.begin(), made.end());
          }
        const auto pointers = pointersOf(terms);
        std::vector<float> wanted(rows * w), got(rows * w, 7);
        exec::mergeRows(kind, pointers, int64_t(w), wanted.data(), 0, int64_t(rows));
        device.data->merge(kind, pointers, int64_t(rows), int64_t(w), 1, got.data(), nullptr);
        ASSERT_TRUE(device.data->finish().ok());
        EXPECT_TRUE(sameBits(got, wanted)) << int(kind);
      }
}

TEST(DeviceData, SoftmaxOfSeveralHeads) {
  std::mt19937_64 random(3);
  OnDevice device;
  const int64_t heads = 3, size = 4, w = heads * size + 2 * heads, rows = 40;
  std::vector<std::vector<float>> terms(3, std::vector<float>(size_t(rows * w)));
  for (auto &term : terms)
    for (float &x : term)
      x = float(random() % 1000) / 100 - 5;
  const auto pointers = pointersOf(terms);
  std::vector<float> wanted(size_t(rows * w)), got(wanted.size());
  exec::mergeRows(plan::MergeKind::Softmax, pointers, w, wanted.data(), 0, rows, heads);
  device.data->merge(plan::MergeKind::Softmax, pointers, rows, w, heads, got.data(), nullptr);
  ASSERT_TRUE(device.data->finish().ok());
  EXPECT_TRUE(sameBits(got, wanted));
}

TEST(DeviceData, RowsAreTheHosts) {
  std::mt19937_64 random(4);
  OnDevice device;
  for (int64_t width : {1, 5, 64})
    for (int64_t rows : {0, 1, 33, 500}) {
      const auto table = randomNumbers(size_t(200 * width), random);
      std::vector<int64_t> ids(static_cast<size_t>(rows));
      for (int64_t &id : ids)
        id = int64_t(random() % 200);
      std::vector<float> got(size_t(rows * width)), wanted(got.size());
      for (size_t i = 0; i < ids.size(); ++i)
        std::copy_n(&table[size_t(ids[i] * width)], width, &wanted[i * size_t(width)]);
      device.data->copyRows(table.data(), ids.data(), rows, width, got.data(), nullptr);
      ASSERT_TRUE(device.data->finish().ok());
      EXPECT_TRUE(sameBits(got, wanted));

      std::vector<std::vector<float>> parts;
      for (int k = 0; k < 4; ++k)
        parts.push_back(randomNumbers(size_t(200 * width), random));
      std::vector<int32_t> places(size_t(rows) * 4);
      for (int32_t &place : places)
        place = random() % 3 ? int32_t(random() % 200) : -1;
      const auto pointers = pointersOf(parts);
      exec::sumRows(pointers, places.data(), width, wanted.data(), 0, rows);
      device.data->sumRows(pointers, places.data(), rows, width, got.data(), nullptr);
      ASSERT_TRUE(device.data->finish().ok());
      EXPECT_TRUE(sameBits(got, wanted));
    }
}

// Of any alignment and size, many in one launch, and before whatever is asked for after them.
TEST(DeviceData, CopiesAreGathered) {
  std::mt19937_64 random(5);
  OnDevice device;
  const size_t count = 200, most = 30000;
  std::vector<std::vector<char>> from, to, wanted;
  for (size_t i = 0; i < count; ++i) {
    const size_t bytes = random() % (i % 10 ? 300 : most), shift = random() % 17;
    from.emplace_back(most + 32);
    for (char &c : from.back())
      c = char(random());
    to.emplace_back(most + 32, 'x');
    wanted.push_back(to.back());
    std::copy_n(from.back().begin() + long(shift), bytes, wanted.back().begin() + long(shift));
    device.data->copy(to.back().data() + shift, from.back().data() + shift, int64_t(bytes));
  }
  const std::vector<float> ones = {1, 2};
  std::vector<float> copied(2), sum(2);
  device.data->copy(copied.data(), ones.data(), 8);
  const float *parts[] = {copied.data(), ones.data()};
  device.data->merge(plan::MergeKind::Sum, parts, 2, 1, 1, sum.data(), nullptr);
  EXPECT_EQ(sum, (std::vector<float>{2, 4}));
  ASSERT_TRUE(device.data->submit().ok());
  EXPECT_EQ(device.launches, 4);
  for (size_t i = 0; i < count; ++i)
    ASSERT_EQ(to[i], wanted[i]) << i;
}

TEST(DeviceData, TooManyParticipantsAreAnError) {
  OnDevice device;
  std::vector<const float *> parts(300);
  float out = 0;
  device.data->merge(plan::MergeKind::Sum, parts, 0, 1, 1, &out, nullptr);
  EXPECT_NE(messageOf(device.data->finish()).find("300 partitions"), std::string::npos);
}

} // namespace
} // namespace heddle::testing
