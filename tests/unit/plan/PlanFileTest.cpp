//===- PlanFileTest.cpp - plans on disk, whole and damaged --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/PlanFile.h"

#include "runtime/base/Checksum.h"
#include "tests/unit/exec/TestPartitions.h"
#include "tests/unit/support/TestSupport.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

namespace heddle::plan {
namespace {

using testing::TestModel;

std::string parseError(const std::vector<uint8_t> &bytes) {
  auto plan = parsePlan(bytes.data(), bytes.size(), "x.plan");
  return plan.ok() ? "" : messageOf(plan.status());
}

/// Writes the checksum of the changed payload, so that damage gets past it.
void reseal(std::vector<uint8_t> &bytes) {
  uint64_t size, checksum;
  std::memcpy(&size, bytes.data() + bytes.size() - 32, 8);
  checksum = checksumOf(bytes.data(), size);
  std::memcpy(bytes.data() + bytes.size() - 24, &checksum, 8);
}

/// A model whose feature "x" goes through a cache.
TestModel cachedModel() {
  TestModel model({});
  auto cache = std::make_unique<CacheT>();
  cache->node_type = 1;
  cache->feature = "x";
  cache->dim = 8;
  cache->requested = 3.5;
  cache->points = {CachePoint(0.1, 0.25), CachePoint(0.5, 0.75)};
  model.plan->caches.push_back(std::move(cache));
  return model;
}

TEST(PlanFile, RoundTrips) {
  TestModel model = cachedModel();
  model.plan->remarks = {"fused a, b", "Größe ≥ 3"};
  model.plan->spec = "{\"version\": \"1.0\"}";
  auto bytes = serializePlan(*model.plan);
  EXPECT_EQ(bytes, serializePlan(*model.plan));
  auto plan = parsePlan(bytes.data(), bytes.size(), "x.plan");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(serializePlan(**plan), bytes);
  EXPECT_EQ((*plan)->remarks, model.plan->remarks);
  EXPECT_EQ((*plan)->entries[0]->ops.size(), model.plan->entries[0]->ops.size());
  EXPECT_EQ((*plan)->states[1]->init->kind, InitKind::Normal);
  ASSERT_EQ((*plan)->caches.size(), 1u);
  EXPECT_EQ((*plan)->caches[0]->points[1].hits(), 0.75);
  // Also from an odd address.
  std::vector<uint8_t> shifted(bytes.size() + 1);
  std::memcpy(shifted.data() + 1, bytes.data(), bytes.size());
  EXPECT_TRUE(parsePlan(shifted.data() + 1, bytes.size(), "x.plan").ok());
}

TEST(PlanFile, SavesAndLoads) {
  TestModel model({});
  test::TemporaryDirectory folder;
  std::string path = folder / "test.plan";
  ASSERT_TRUE(savePlan(*model.plan, path, false).ok());
  auto plan = loadPlan(path);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(savePlan(*model.plan, path, false).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(savePlan(*model.plan, path, true).ok());
  model.plan->entries[0]->ops[0]->outputs[0] = 9999;
  EXPECT_FALSE(savePlan(*model.plan, path, true).ok());
  EXPECT_TRUE(loadPlan(path).ok()) << "a plan that does not verify must not replace a good one";
  std::filesystem::remove(path);
  auto missing = loadPlan(path);
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(messageOf(missing.status()).find(path + ": cannot open: "), std::string::npos);
}

TEST(PlanFile, TruncatedFilesSaySo) {
  TestModel model({});
  auto bytes = serializePlan(*model.plan);
  for (size_t size = 0; size < bytes.size(); size += size < 100 ? 1 : 131) {
    std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + long(size));
    std::string error = parseError(cut);
    EXPECT_NE(error.find(size < 8 ? "not a plan file" : "truncated"), std::string::npos)
        << size << error;
  }
}

TEST(PlanFile, EveryFlippedBitIsFound) {
  TestModel model({});
  auto bytes = serializePlan(*model.plan);
  std::mt19937 random(4);
  for (int round = 0; round < 3000; ++round) {
    // The four bytes before the magic are reserved, and so is the padding.
    size_t at = random() % (bytes.size() - 48);
    auto bad = bytes;
    bad[at] ^= uint8_t(1u << (random() % 8));
    EXPECT_NE(parseError(bad), "") << at;
  }
}

void damageBehindTheChecksum(const PlanT &plan) {
  auto bytes = serializePlan(plan);
  ASSERT_EQ(parseError(bytes), "");
  std::mt19937 random(5);
  int accepted = 0;
  for (int round = 0; round < 6000; ++round) {
    auto bad = bytes;
    for (int flips = 0; flips < 1 + round % 4; ++flips) {
      size_t at = random() % (bytes.size() - 40);
      if (random() % 2)
        bad[at] ^= uint8_t(1u << (random() % 8));
      else
        bad[at] = uint8_t(random() % 3 ? 0xff : 0);
    }
    reseal(bad);
    accepted += parseError(bad).empty(); // text and numbers that carry no meaning for safety
  }
  EXPECT_LT(accepted, 6000);
}

TEST(PlanFile, DamageBehindTheChecksumNeverCrashes) {
  damageBehindTheChecksum(*cachedModel().plan);
}

TEST(PlanFile, DamageToPartitionsNeverCrashes) {
  damageBehindTheChecksum(*testing::TestPartitions({.partitions = 3}).plan);
  damageBehindTheChecksum(*testing::TestPartitions({.partitions = 3, .leader = true}).plan);
}

TEST(PlanFile, OtherFilesAndVersions) {
  EXPECT_NE(parseError({'{', '}', ' ', ' ', ' ', ' ', ' ', ' ', ' '}).find("not a plan file"),
            std::string::npos);
  TestModel model({});
  model.plan->major = 2;
  EXPECT_NE(parseError(serializePlan(*model.plan)).find("written by a newer heddle (plan version 2."),
            std::string::npos);
  model.plan->major = 1;
  model.plan->minor = planMinor + 1;
  EXPECT_NE(parseError(serializePlan(*model.plan))
                .find("written by a newer heddle (plan version 1." + std::to_string(planMinor + 1)),
            std::string::npos);
  model.plan->minor = 0; // an older minor is read
  EXPECT_EQ(parseError(serializePlan(*model.plan)), "");
  model.plan->major = 0;
  EXPECT_NE(parseError(serializePlan(*model.plan)).find("written by an older heddle"),
            std::string::npos);
  model.plan->major = 1;
  model.plan->features = 4;
  EXPECT_NE(parseError(serializePlan(*model.plan)).find("features that this heddle does not know"),
            std::string::npos);
  model.plan->features = 0;
  model.plan->libraries[0]->object[0] ^= 1;
  EXPECT_NE(parseError(serializePlan(*model.plan)).find("library 0: the object does not match"),
            std::string::npos);
}

// Offsets that share one subtree unpack into copies: a kilobyte could ask for gigabytes.
TEST(PlanFile, SharedTablesDoNotExplode) {
  flatbuffers::FlatBufferBuilder builder;
  auto text = builder.CreateString(std::string(100000, 'x'));
  auto type = CreateNodeType(builder, text, 1);
  std::vector<flatbuffers::Offset<NodeType>> types(100000, type);
  auto vector = builder.CreateVector(types);
  PlanBuilder plan(builder);
  plan.add_major(planMajor);
  plan.add_node_types(vector);
  builder.Finish(plan.Finish(), PlanIdentifier());
  TestModel model({});
  auto sealed = serializePlan(*model.plan);
  std::vector<uint8_t> bytes(builder.GetBufferPointer(),
                             builder.GetBufferPointer() + builder.GetSize());
  uint64_t size = bytes.size();
  bytes.resize((bytes.size() + 7) / 8 * 8);
  bytes.insert(bytes.end(), sealed.end() - 32, sealed.end());
  std::memcpy(bytes.data() + bytes.size() - 32, &size, 8);
  reseal(bytes);
  EXPECT_NE(parseError(bytes).find("repeat the same bytes too often"), std::string::npos)
      << parseError(bytes);
}

TEST(PlanFile, SizesFollowSymbols) {
  std::vector<uint64_t> values{10, 0, UINT64_MAX};
  EXPECT_EQ(evaluate(Extent(-1, 1, 5, 7), values), 7u);
  EXPECT_EQ(evaluate(Extent(0, 1, 1, 0), values), 10u);
  EXPECT_EQ(evaluate(Extent(0, 4, 3, 1), values), 10u);
  EXPECT_EQ(evaluate(Extent(1, 4, 3, 1), values), 1u);
  EXPECT_EQ(evaluate(Extent(2, 1, 3, 1), values), UINT64_MAX);
  EXPECT_EQ(evaluate(Extent(2, 1, 1, 1), values), UINT64_MAX);
  EXPECT_EQ(evaluate(Extent(2, 0, 1, 0), values), UINT64_MAX);

  plan::PlanT plan;
  testing::PlanBuilder b(plan);
  b.entry(EntryKind::TrainStep, "t");
  Extent n(0, 1, 1, 0);
  b.arena("a", DType::F32, n, 3);               // 120 bytes -> 128
  int32_t second = b.arena("b", DType::I64, n); // 80 bytes
  b.arena("c", DType::F32, b.constant(40), 1, plan.entries[0]->buffers[size_t(second)]->region);
  b.arena("d", DType::U8, Extent(1, 1, 1, 0)); // empty
  b.arena("e", DType::U8, b.constant(1));
  std::vector<uint64_t> offsets;
  EXPECT_EQ(layoutArena(*plan.entries[0], values, offsets), 128u + 192u + 0u + 64u);
  EXPECT_EQ(offsets, (std::vector<uint64_t>{0, 128, 320, 320}));
  values[0] = UINT64_MAX / 2;
  EXPECT_EQ(layoutArena(*plan.entries[0], values, offsets), UINT64_MAX);
}

TEST(PlanFile, PhaseTextIsCompressed) {
  std::string text;
  for (int i = 0; i < 5000; ++i)
    text += "hgnn.op " + std::to_string(i % 17) + "\n";
  auto bytes = compressText(text);
  EXPECT_LT(bytes.size(), text.size() / 10);
  EXPECT_EQ(*decompressText(bytes, text.size()), text);
  EXPECT_EQ(*decompressText(compressText(""), 0), "");
  EXPECT_FALSE(decompressText(bytes, text.size() + 1).ok());
  EXPECT_FALSE(decompressText(bytes, text.size() - 1).ok());
  EXPECT_FALSE(decompressText(bytes, uint64_t(1) << 40).ok());
  bytes.resize(bytes.size() / 2);
  EXPECT_FALSE(decompressText(bytes, text.size()).ok());
  EXPECT_FALSE(decompressText({1, 2, 3}, 3).ok());
  EXPECT_FALSE(decompressText({}, 0).ok());
}

} // namespace
} // namespace heddle::plan
