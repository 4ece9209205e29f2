//===- BoundaryTest.cpp - what may cross between partitions ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/partition/Cut.h"

#include <set>

using namespace heddle;
using namespace heddle::test;

namespace {

/// Activations cross at the rows of the seeds alone: all other vertices are inside of a partition,
/// whatever depth and fan-out. Features never cross.
TEST_F(Cut, Invariant16_TheBoundaryIsWithinTheTargetType) {
  for (const char *mode : {"replicated", "leader"})
    for (int64_t layers : {1, 2, 3})
      for (int64_t partitions : {2, 4}) {
        ModelText model;
        model.layers = layers;
        Module module = cut(model, partitions, mode);
        size_t activations = 0;
        module->walk([&](hgnn::Collective collective) {
          if (collective.getTrafficClass() != hgnn::Traffic::Activations)
            return;
          mlir::Operation *op = collective;
          mlir::Value value = op->getNumOperands() ? op->getOperand(0) : op->getResult(0);
          hgnn::DomainAttr domain = mlir::cast<hgnn::FeatType>(value.getType()).getDomain();
          EXPECT_TRUE(domain.isRows() && domain.getHop() == 0);
          EXPECT_EQ(domain.getSymbol().getValue(), "paper");
          ++activations;
        });
        EXPECT_GT(activations, 0u) << mode << ", " << layers << " layers";
      }
}

/// Boundary nodes of an assignment of nodes are at most its cross edges (Proposition 3): a boundary
/// node has an edge to another partition, and each such edge has its own source.
TEST(Boundary, Invariant16_BoundaryNodesAreAtMostCrossEdges) {
  std::mt19937_64 random(3);
  for (int graph = 0; graph < 200; ++graph) {
    const int nodes = 1 + int(random() % 40), edges = int(random() % 120), parts = 1 + graph % 4;
    std::vector<int> part(static_cast<size_t>(nodes));
    for (int &p : part)
      p = int(random() % uint64_t(parts));
    std::set<int> boundary;
    int cross = 0;
    for (int e = 0; e < edges; ++e) {
      size_t from = random() % uint64_t(nodes), to = random() % uint64_t(nodes);
      if (part[from] == part[to])
        continue;
      ++cross;
      boundary.insert(int(from)); // whose row another partition needs
    }
    EXPECT_LE(int(boundary.size()), cross);
  }
}

/// All partitions of a step have the same seeds in the same order: there is one list, which no
/// partition owns or cuts.
TEST_F(Cut, Invariant10_AllPartitionsHaveTheSameSeeds) {
  Module module = cut({}, 3);
  size_t entries = 0;
  module->walk([&](hgnn::EntryOp entry) {
    size_t seeds = 0;
    for (auto op : entry.getOps<hgnn::SeedsOp>()) {
      EXPECT_TRUE(hgnn::placementOf(op.getIds().getType()).isReplicated());
      ++seeds;
    }
    EXPECT_EQ(seeds, 1u);
    ++entries;
  });
  EXPECT_EQ(entries, 6u);
}

} // namespace
