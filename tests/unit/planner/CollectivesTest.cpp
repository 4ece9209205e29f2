//===- CollectivesTest.cpp - in what order partitions meet -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/Collectives.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

using namespace heddle;
using namespace heddle::compiler;

namespace {

/// A merge of a new term that waits for `after` (a merge's result, or empty).
std::string merge(int partition, int id, const std::string &traffic, const std::string &partitions,
                  const std::string &after = "") {
  const std::string n = std::to_string(id), p = std::to_string(partition);
  const std::string whole = "!hgnn.tensor<param : 4xf32>";
  const std::string owned = "!hgnn.tensor<param : 4xf32, owned(" + p + ")>";
  std::string source = after.empty() ? "%whole" : "%m" + after;
  size_t others = size_t(std::count(partitions.begin(), partitions.end(), ','));
  return "  %o" + n + " = hgnn.own " + source + " {partition = " + p + " : i64} : " + whole + "\n" +
         "  %p" + n + " = hgnn.partial %o" + n + " {partition = " + p + " : i64} : " + owned + "\n" +
         "  %m" + n + " = hgnn.merge_all " + traffic + " %p" + n +
         " {bytes = " + std::to_string(2 * others * 16) + " : i64, id = " + n +
         " : i64, partitions = array<i64: " + partitions +
         ">} : <param : 4xf32, partial_sum> -> <param : 4xf32>\n";
}

std::string entry(int partition, const std::string &body) {
  const std::string p = std::to_string(partition);
  return "hgnn.entry train_step @\"train_step:" + p + "\" attributes {partition = " + p +
         " : i64} {\n  %whole = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32>\n" + body + "}\n";
}

struct Parsed {
  explicit Parsed(const std::string &text) {
    context.loadDialect<hgnn::HgnnDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (module)
      for (auto entry : module->getOps<hgnn::EntryOp>())
        entries.push_back(entry);
  }
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  llvm::SmallVector<hgnn::EntryOp> entries;
};

TEST(Collectives, MergesThatDoNotWaitForEachOtherTravelTogether) {
  // 0 and 2 are free; 1 waits for 0; 3 is of another class, 4 of other partitions.
  std::string text;
  for (int p : {0, 1, 2}) {
    std::string body = merge(p, 0, "dense_gradients", "0, 1, 2") +
                       merge(p, 1, "dense_gradients", "0, 1, 2", "0") +
                       merge(p, 2, "dense_gradients", "0, 1, 2") +
                       merge(p, 3, "activations", "0, 1, 2");
    if (p > 0)
      body += merge(p, 4, "dense_gradients", "1, 2");
    text += entry(p, body);
  }
  Parsed parsed(text);
  ASSERT_EQ(parsed.entries.size(), 3u);
  auto collectives = Collectives::of(parsed.entries);
  ASSERT_TRUE(llvm::succeeded(collectives));
  EXPECT_EQ(collectives->size(), 4u);
  EXPECT_EQ(collectives->group(0).members, (std::vector<int64_t>{0, 2}));
  EXPECT_EQ(collectives->group(2).number, collectives->group(0).number);
  EXPECT_EQ(collectives->group(1).members, (std::vector<int64_t>{1}));
  // By level, then by the first member: all that is free goes first.
  EXPECT_EQ(collectives->group(0).number, 0u);
  EXPECT_EQ(collectives->group(3).number, 1u);
  EXPECT_EQ(collectives->group(4).number, 2u);
  EXPECT_EQ(collectives->group(1).number, 3u);
}

TEST(Collectives, WhatWaitsAnywhereWaitsEverywhere) {
  // In partition 1 alone 1 waits for 0, and 2 for 1: they cannot travel together in partition 0.
  Parsed parsed(entry(0, merge(0, 0, "dense_gradients", "0, 1") +
                             merge(0, 1, "dense_gradients", "0, 1") +
                             merge(0, 2, "dense_gradients", "0, 1")) +
                entry(1, merge(1, 0, "dense_gradients", "0, 1") +
                             merge(1, 1, "dense_gradients", "0, 1", "0") +
                             merge(1, 2, "dense_gradients", "0, 1", "1")));
  ASSERT_EQ(parsed.entries.size(), 2u);
  auto collectives = Collectives::of(parsed.entries);
  ASSERT_TRUE(llvm::succeeded(collectives));
  EXPECT_EQ(collectives->size(), 3u);
  for (int64_t id : {0, 1, 2})
    EXPECT_EQ(collectives->group(id).number, uint32_t(id));
}

TEST(Collectives, NoneWithoutPartitions) {
  Parsed parsed("hgnn.entry train_step @train_step {\n"
                "  %whole = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32>\n}\n");
  auto collectives = Collectives::of(parsed.entries);
  ASSERT_TRUE(llvm::succeeded(collectives));
  EXPECT_EQ(collectives->size(), 0u);
}

} // namespace
