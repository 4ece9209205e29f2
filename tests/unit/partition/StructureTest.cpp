//===- StructureTest.cpp - what each partition has -------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/partition/Cut.h"

#include <set>

using namespace heddle::hgnn;

namespace heddle::test {
namespace {

using Link = std::pair<int64_t, std::string>; ///< hop and relation

/// The links that an entry samples.
std::set<Link> linksOf(EntryOp entry) {
  std::set<Link> links;
  entry.walk([&](SampleOp op) {
    auto adj = mlir::cast<AdjType>(op.getAdj().getType());
    EXPECT_TRUE(links.emplace(adj.getHop(), adj.getRelation().getValue().str()).second)
        << "a link is sampled twice in one partition";
  });
  return links;
}
std::vector<EntryOp> trainEntries(mlir::ModuleOp module) {
  std::vector<EntryOp> entries;
  for (auto entry : module.getOps<EntryOp>())
    if (entry.getKind() == EntryKind::Train)
      entries.push_back(entry);
  return entries;
}

// A relation that a partition needs below the root only must not be aggregated there once more.
TEST_F(Cut, Invariant5_RootMessagesAreMadeOnce) {
  for (const char *mode : {"replicated", "leader"})
    for (int64_t p : {1, 2, 3, 6, 9}) {
      Module module = cut({}, p, mode);
      // Shares of each link, in parts of 720 (9 partitions make blocks of at most 6).
      std::map<std::string, int> sampled, ended;
      for (EntryOp entry : trainEntries(*module)) {
        std::map<std::string, int> share;
        entry.walk([&](SampleOp op) {
          auto adj = mlir::cast<AdjType>(op.getAdj().getType());
          if (adj.getHop() > 0)
            return;
          std::string link = adj.getRelation().getValue().str();
          share[link] = 720 / int(op.getBlocks());
          sampled[link] += share[link];
        });
        entry.walk([&](PartialOp op) {
          if (op.getLink())
            ended[op.getLink()->str()] += *op.getLink() == "self" ? 720 : share[op.getLink()->str()];
        });
      }
      std::map<std::string, int> once{{"author:reviews:paper", 720},
                                      {"author:writes:paper", 720},
                                      {"paper:cites:paper", 720},
                                      {"topic:about:paper", 720},
                                      {"topic:mentions:paper", 720}};
      EXPECT_EQ(sampled, once);
      once["self"] = 720;
      EXPECT_EQ(ended, once);
    }
}

TEST_F(Cut, Invariant12_NoLinkIsLostAtAnyDepth) {
  for (int64_t layers : {1, 2, 3, 4}) {
    ModelText model;
    model.layers = layers;
    for (bool self : {true, false}) {
      model.selfLoop = self;
      Module one = whole(model);
      std::set<Link> wanted = linksOf(trainEntries(*one).front());
      for (int64_t p : {2, 3, 5}) {
        Module module = cut(model, p);
        std::set<Link> got;
        for (EntryOp entry : trainEntries(*module))
          got.merge(linksOf(entry));
        EXPECT_EQ(got, wanted) << layers << " layers, " << p << " partitions";
      }
    }
  }
}

TEST_F(Cut, Invariant13_InnerVerticesHaveAllTheirRelations) {
  for (int64_t layers : {2, 3, 4}) {
    ModelText model;
    model.layers = layers;
    Module module = cut(model, 3);
    for (EntryOp entry : trainEntries(*module)) {
      std::set<Link> links = linksOf(entry);
      int64_t vertices = 0;
      entry.walk([&](FrontierOp op) {
        DomainAttr domain = mlir::cast<IdsType>(op.getIds().getType()).getDomain();
        if (domain.getHop() >= layers)
          return;
        ++vertices;
        for (auto relation : module->getOps<RelationOp>())
          if (relation.getDestination() == domain.getSymbol().getValue())
            EXPECT_TRUE(links.count({domain.getHop(), relation.getSymName().str()}))
                << relation.getSymName().str() << " at hop " << domain.getHop() << " in partition "
                << entry.getPartition();
      });
      EXPECT_GT(vertices, 0);
    }
  }
}

TEST_F(Cut, PlacementsSayWhereEveryValueIs) {
  Module module = cut({}, 2);
  for (EntryOp entry : trainEntries(*module))
    entry.walk([&](mlir::Operation *op) {
      for (mlir::Value value : op->getResults()) {
        PlacementAttr placement = placementOf(value.getType());
        ASSERT_TRUE(placement);
        auto type = mlir::dyn_cast<FeatType>(value.getType());
        if (!type || type.getDomain().isParam() || mlir::isa<ExchangeRowsOp>(op))
          continue;
        if (type.getDomain().getHop() > 0 || !type.getDomain().isRows())
          EXPECT_TRUE(placement.isOwnedBy(int64_t(entry.getPartition())));
      }
    });
}

TEST_F(Cut, AClipBoundIsOfAllPartitionsTogether) {
  ModelText model;
  Module one = metatree(model), two = metatree(model);
  for (mlir::ModuleOp module : {*one, *two})
    module.walk([&](OptimizerOp op) {
      if (op.getGroup() == 0)
        op.setMaxGradNorm(llvm::APFloat(0.01));
    });
  run(*one, "hgnn-differentiate");
  for (const char *mode : {"replicated", "leader"}) {
    Module cut(two->clone());
    run(*cut, assign(3) + "," + communicate(mode) + "," + train);
    expectSameStep(interpret(*cut, input()), interpret(*one, input()));
  }
}

} // namespace
} // namespace heddle::test
