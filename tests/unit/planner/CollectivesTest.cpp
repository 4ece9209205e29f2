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

/// Requests 0 and 1 of two classes; fetches 2 and 3; pushes 4, 5 and 7, of which the last has rows that
/// wait for merges 6 and 8.
std::string spreadEntry(int partition) {
  const std::string p = std::to_string(partition);
  const std::string ids = "!hgnn.ids<rows(0, @p), owned(" + p + ") split>",
                    kept = "!hgnn.ids<rows(0, @p), kept(" + p + ")>",
                    rows = "!hgnn.tensor<rows(0, @p) : 4xf32, owned(" + p + ") split>",
                    sums = "!hgnn.tensor<rows(0, @p) : 4xf32, kept(" + p + ")>";
  auto attributes = [&](int id, int bytes) {
    return " {bytes = " + std::to_string(bytes) + " : i64, id = " + std::to_string(id) +
           " : i64, partitions = array<i64: 0, 1>} : ";
  };
  std::string body = "  %s = hgnn.seeds : <rows(0, @p)>\n  %b = hgnn.seed_block %s {of = 2 : i64, partition = " + p +
                     " : i64} : <rows(0, @p)> -> <rows(0, @p), owned(" + p + ") split>\n" +
                     "  %z = hgnn.zeros %b : (" + ids + ") -> " + rows + "\n";
  for (int id : {0, 1})
    body += "  %k" + std::to_string(id) + " = hgnn.request_rows " +
            (id ? "remote_features" : "embedding_rows") + " %b" + attributes(id, 8) +
            ids.substr(9) + " -> " + kept.substr(9) + "\n";
  for (int id : {2, 3})
    body += "  %f" + std::to_string(id) + " = hgnn.fetch_remote_rows @" + (id == 2 ? "t" : "u") +
            " of %b kept %k0" + attributes(id, 16) + "(" + ids + ", " + kept + ") -> " + rows + "\n";
  body += merge(partition, 6, "dense_gradients", "0, 1") +
          merge(partition, 8, "dense_gradients", "0, 1", "6") + "  %w = hgnn.add_bias %z, %m8 : " +
          rows + ", !hgnn.tensor<param : 4xf32>\n";
  for (int id : {4, 5, 7})
    body += "  %g" + std::to_string(id) + " = hgnn.push_rows " + (id == 7 ? "%w" : "%z") +
            " of %b kept %k0" + attributes(id, 16) + "(" + rows + ", " + ids + ", " + kept +
            ") -> " + sums + "\n";
  return entry(partition, body);
}

TEST(Collectives, TablesTravelTogetherUnlessTheyWait) {
  std::string text = "hgnn.node_type @p {id = 0 : i64, num_nodes = 9 : i64, features = {}}\n";
  for (const char *name : {"t", "u"})
    text += std::string("hgnn.state embedding_rows @") + name +
            " {shape = array<i64: 4>, rows_type = @p, init = {kind = \"zeros\", a = 0.0, b = 0.0}, "
            "group = 1 : i64, spread}\n";
  Parsed parsed(text + spreadEntry(0) + spreadEntry(1));
  ASSERT_EQ(parsed.entries.size(), 2u);
  auto collectives = Collectives::of(parsed.entries);
  ASSERT_TRUE(llvm::succeeded(collectives));
  using Ids = std::vector<int64_t>;
  EXPECT_EQ(collectives->group(2).members, (Ids{2, 3}));
  EXPECT_EQ(collectives->group(4).members, (Ids{4, 5}));
  EXPECT_EQ(collectives->group(7).members, (Ids{7})) << "it waits for what others do not wait for";
  EXPECT_EQ(collectives->group(0).members, (Ids{0})) << "bytes of another class";
  EXPECT_EQ(collectives->group(1).members, (Ids{1}));
  // Requests run ahead, on a line of their own.
  EXPECT_EQ(collectives->group(0).number, 0u);
  EXPECT_EQ(collectives->group(1).number, 1u);
  const std::vector<int64_t> order = {6, 2, 4, 8, 7};
  for (size_t i = 0; i < order.size(); ++i)
    EXPECT_EQ(collectives->group(order[i]).number, uint32_t(i)) << order[i];
}

TEST(Collectives, NoneWithoutPartitions) {
  Parsed parsed("hgnn.entry train_step @train_step {\n"
                "  %whole = hgnn.zeros : () -> !hgnn.tensor<param : 4xf32>\n}\n");
  auto collectives = Collectives::of(parsed.entries);
  ASSERT_TRUE(llvm::succeeded(collectives));
  EXPECT_EQ(collectives->size(), 0u);
}

} // namespace
