//===- MutationTest.cpp - known errors, and what catches them --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Each test puts an error into the IR between two passes (the ones of the released code that
// reference/heta.md lists, and those that vanilla order could have), and shows that the step is
// then not the whole one: the comparisons in this folder and in tests/e2e/partitions would fail.
// Where types or hgnn-verify-phase refuse the error before it runs, that is shown too.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/partition/Cut.h"

#include "mlir/Parser/Parser.h"

#include <functional>
#include <regex>
#include <set>

using namespace heddle::hgnn;

namespace heddle::test {
namespace {

constexpr double noticed = 1e-4; ///< far above the 1e-12 that the tests allow

class Mutation : public Cut {
protected:
  /// The module after `edit` has seen each line of its text.
  Module edited(mlir::ModuleOp module, const std::function<std::string(std::string)> &edit) {
    std::string text, changed, line;
    llvm::raw_string_ostream(text) << module;
    std::istringstream lines(text);
    while (std::getline(lines, line))
      changed += edit(line) + "\n";
    Module parsed = mlir::parseSourceString<mlir::ModuleOp>(changed, &context);
    EXPECT_TRUE(parsed) << messages;
    EXPECT_NE(changed, text + "\n") << "nothing was edited";
    return parsed;
  }
  /// What a merge of dense gradients sums is first multiplied by `factor`.
  Module scaledMerges(mlir::ModuleOp module, double factor) {
    const std::regex merge(
        R"((\s*)(%\S+ = hgnn.merge_all +dense_gradients) (%\S+) (\{.*\} : <(.*)> -> .*))");
    int64_t count = 0;
    return edited(module, [&](std::string line) {
      std::smatch m;
      if (!std::regex_match(line, m, merge))
        return line;
      std::string scaled = "%scaled" + std::to_string(count++);
      return m[1].str() + scaled + " = hgnn.scale " + m[3].str() +
             " {factor = " + std::to_string(factor) + " : f64} : !hgnn.tensor<" + m[5].str() +
             ">\n" + m[1].str() + m[2].str() + " " + scaled + " " + m[4].str();
    });
  }
  static constexpr const char *verifyTraining = "hgnn-verify-phase{phase=training}";
};

//===----------------------------------------------------------------------===//
// Relation-aggregation-first
//===----------------------------------------------------------------------===//

// A partition that needs a relation below the root aggregates it at the root as well.
TEST_F(Mutation, Invariant5_ARootLinkOfTwoPartitions) {
  Module module = metatree({});
  run(*module, assign(2));
  const std::regex partial(
      R"((\s*)(%\S+) = hgnn.partial (%\S+) \{link = "author:writes:paper", partition = ([01]) : i64\} : (.*))");
  const std::regex merge(R"((\s*%\S+ = hgnn.merge )(%.*) : (!hgnn.tensor<[^>]*>)(.*))");
  Module twice = edited(*module, [&](std::string line) {
    std::smatch m;
    if (std::regex_match(line, m, partial))
      return line + "\n" + m[1].str() + "%twice = hgnn.partial " + m[3].str() +
             " {link = \"author:writes:paper\", partition = " + (m[4].str() == "0" ? "1" : "0") +
             " : i64} : " + m[5].str();
    if (std::regex_match(line, m, merge))
      return m[1].str() + m[2].str() + ", %twice : " + m[3].str() + m[4].str() + ", " + m[3].str();
    return line;
  });
  run(*twice, "hgnn-insert-communication");
  EXPECT_TRUE(refused(*twice, "hgnn-verify-phase{phase=partitioned}"));
  EXPECT_NE(messages.find("which another partition owns: it would count twice"), std::string::npos);
  run(*twice, "hgnn-differentiate");
  InterpreterResult wanted = interpret(*whole({}), input());
  EXPECT_GT(difference(interpret(*twice, input()).outputs, wanted.outputs, "logits"), noticed);
}

// Two owners of a link take the same block of the seeds.
TEST_F(Mutation, Invariant18_ABlockTwiceAndAnotherNever) {
  Module module = metatree({});
  run(*module, assign(9) + ",hgnn-insert-communication");
  module->walk([&](SampleOp op) {
    if (op.getBlocks() > 1 && op.getBlock() == 1)
      op.setBlock(0);
  });
  EXPECT_TRUE(refused(*module, "hgnn-verify-phase{phase=partitioned}"));
  EXPECT_NE(messages.find("it would count twice"), std::string::npos);
  run(*module, "hgnn-differentiate");
  InterpreterResult wanted = interpret(*whole({}), input());
  EXPECT_GT(difference(interpret(*module, input()).outputs, wanted.outputs, "logits"), noticed);
}

// Own rows have no edges to leave out, so there is no block of them.
TEST_F(Mutation, TheIdentityLinkAloneIsNotCut) {
  Module module = metatree({});
  run(*module, "hgnn-relation-aggregation-first");
  module->walk([](MergeOp merge) {
    mlir::SmallVector<mlir::Value> self;
    for (mlir::Value input : merge.getInputs())
      if (*input.getDefiningOp<PartialOp>().getLink() == "self")
        self.push_back(input);
    merge.getInputsMutable().assign(self);
  });
  module->walk([](PartialOp partial) {
    if (*partial.getLink() != "self")
      partial.erase();
  });
  EXPECT_TRUE(refused(*module, "hgnn-assign-partitions{partitions=2}"));
  EXPECT_NE(messages.find("has no root link but the identity link of the seeds, which is not cut into "
                          "2; use partitions=1, or order=vanilla"),
            std::string::npos)
      << messages;
}

TEST_F(Mutation, Invariant2_MeanForSum) {
  InterpreterResult wanted = interpret(*whole({}), input());
  Module mean = scaledMerges(*cut({}, 2), 0.5);
  InterpreterResult got = interpret(*mean, input());
  EXPECT_LE(difference(got.outputs, wanted.outputs, "loss"), 1e-12);
  EXPECT_GT(difference(got.outputs, wanted.outputs, "grad:"), noticed);
  EXPECT_GT(difference(got.states, wanted.states, "convs."), noticed);
}

// Each keeper of a table steps by what it has itself.
TEST_F(Mutation, Invariant20_OwnerOnlyUpdate) {
  Module module = cut({}, 2);
  module->walk([&](RowOptimizerStepOp op) {
    if (auto exchange = op.getGrad().getDefiningOp<ExchangeRowsOp>()) {
      op.getGradMutable().assign(exchange.getRows());
      op.getIdsMutable().assign(exchange.getIds());
    }
  });
  EXPECT_TRUE(refused(*module, verifyTraining));
  EXPECT_NE(messages.find("several partitions keep it: sum the terms first"), std::string::npos);
  messages.clear();
  EXPECT_TRUE(llvm::failed(compiler::interpret(*module, "train_step", input())));
  EXPECT_NE(messages.find("has copies that differ after the step"), std::string::npos);
}

// The mean over relations as a mean over partitions of means over their relations.
TEST_F(Mutation, Invariant7_MeanOfMeans) {
  ModelText model;
  model.combine = Combine::Mean;
  model.selfLoop = false;
  InterpreterResult wanted = interpret(*whole(model), input());
  Module module = metatree(model);
  run(*module, assign(2) + "," + communicate("replicated"));
  mlir::OpBuilder builder(&context);
  module->walk([&](MergeAllOp merge) {
    int64_t links = 0;
    merge->getParentOfType<EntryOp>().walk([&](PartialOp op) { links += bool(op.getLink()); });
    builder.setInsertionPoint(merge);
    merge.getInputMutable().assign(ScaleOp::create(builder, merge.getLoc(), merge.getInput(),
                                                   llvm::APFloat(1.0 / double(links))));
    for (mlir::Operation *user : merge.getResult().getUsers())
      if (auto scale = mlir::dyn_cast<ScaleOp>(user))
        scale.setFactor(llvm::APFloat(0.5));
  });
  // Every type is right; only the numbers tell.
  run(*module, std::string("hgnn-verify-phase{phase=partitioned},") + train);
  EXPECT_LE(difference(interpret(*cut(model, 2), input()).outputs, wanted.outputs, ""), 1e-12);
  EXPECT_GT(difference(interpret(*module, input()).outputs, wanted.outputs, "logits"), noticed);
}

/// The links of a root link's sub-DAG that a depth-first tree has. Parallel relations share the
/// tree's edge.
class DepthFirst {
public:
  explicit DepthFirst(EntryOp entry) {
    entry.walk([&](SampleOp op) { samples.push_back(op); });
  }
  void visit(SampleOp link) {
    kept.insert(link);
    auto adj = mlir::cast<AdjType>(link.getAdj().getType());
    Vertex source{adj.getHop() + 1, adj.getSource().getValue().str()};
    parents.try_emplace(source, adj.getDestination().getValue().str());
    if (!seen.insert(source).second)
      return;
    for (SampleOp next : samples) {
      auto into = mlir::cast<AdjType>(next.getAdj().getType());
      Vertex from{into.getHop() + 1, into.getSource().getValue().str()};
      if (into.getHop() == source.first && into.getDestination().getValue() == source.second &&
          (!seen.count(from) || parents[from] == source.second))
        visit(next);
    }
  }
  using Vertex = std::pair<int64_t, std::string>;
  std::vector<SampleOp> samples;
  std::set<mlir::Operation *> kept;
  // Of one root link's tree.
  std::set<Vertex> seen;
  std::map<Vertex, std::string> parents;
};

// Closures along the edges of a depth-first tree: right for two layers, wrong from three on.
TEST_F(Mutation, Invariants12And13_DepthFirstClosures) {
  for (int64_t layers : {2, 3}) {
    ModelText model;
    model.layers = layers;
    model.selfLoop = false;
    InterpreterResult wanted = interpret(*whole(model), input());
    Module module = cut(model, 2);
    int64_t lost = 0;
    for (auto entry : module->getOps<EntryOp>()) {
      if (entry.getKind() != EntryKind::Train)
        continue;
      DepthFirst tree(entry);
      for (SampleOp link : tree.samples)
        if (mlir::cast<AdjType>(link.getAdj().getType()).getHop() == 0) {
          tree.seen.clear();
          tree.parents.clear();
          tree.visit(link);
        }
      for (SampleOp link : tree.samples)
        if (!tree.kept.count(link)) {
          link.setFanout(0);
          ++lost;
        }
    }
    double error = difference(interpret(*module, input()).outputs, wanted.outputs, "");
    if (layers == 2) {
      EXPECT_EQ(lost, 0);
      EXPECT_LE(error, 1e-12);
    } else {
      EXPECT_GT(lost, 0);
      EXPECT_GT(error, noticed);
    }
  }
}

// A degree that counts the edges once for each partition that has the relation.
TEST_F(Mutation, Invariant1_WrongDegree) {
  InterpreterResult wanted = interpret(*whole({}), input());
  Module module = cut({}, 2);
  std::map<std::string, int64_t> copies;
  module->walk([&](SampleOp op) {
    if (op->getParentOfType<EntryOp>().getKind() == EntryKind::Train)
      ++copies[mlir::cast<AdjType>(op.getAdj().getType()).getRelation().getValue().str()];
  });
  mlir::OpBuilder builder(&context);
  int64_t changed = 0;
  std::vector<DegreeOp> degrees;
  module->walk([&](DegreeOp op) { degrees.push_back(op); });
  for (DegreeOp op : degrees) {
    int64_t n = copies[mlir::cast<AdjType>(op.getAdj().getType()).getRelation().getValue().str()];
    if (n < 2)
      continue;
    builder.setInsertionPointAfter(op);
    auto scaled = ScaleOp::create(builder, op.getLoc(), op.getResult(), llvm::APFloat(double(n)));
    op.getResult().replaceAllUsesExcept(scaled.getResult(), scaled);
    ++changed;
  }
  EXPECT_GT(changed, 0);
  EXPECT_GT(difference(interpret(*module, input()).outputs, wanted.outputs, "logits"), noticed);
}

//===----------------------------------------------------------------------===//
// Vanilla order
//===----------------------------------------------------------------------===//

TEST_F(Mutation, Vanilla_Invariant2_MeanForSum) {
  InterpreterResult wanted = interpret(*whole({}), input());
  Module mean = scaledMerges(*vanilla({}, 2), 0.5);
  InterpreterResult got = interpret(*mean, input());
  EXPECT_LE(difference(got.outputs, wanted.outputs, "loss"), 1e-12);
  EXPECT_GT(difference(got.outputs, wanted.outputs, "grad:convs"), noticed);
}

// Each partition steps the rows that it touched by what it has: of a row, its keeper's part is
// left.
TEST_F(Mutation, Vanilla_Invariant20_OnlyOwnRowsAreStepped) {
  InterpreterResult wanted = interpret(*whole({}), input());
  Module module = vanilla({}, 2);
  EXPECT_LE(difference(interpret(*module, input()).states, wanted.states, "embeddings."), 1e-11);
  module->walk([&](RowOptimizerStepOp op) {
    auto push = op.getGrad().getDefiningOp<PushRowsOp>();
    op.getGradMutable().assign(push.getRows());
    op.getIdsMutable().assign(push.getIds());
  });
  EXPECT_TRUE(refused(*module, verifyTraining));
  EXPECT_NE(messages.find("each partition steps the rows that it keeps"), std::string::npos);
  EXPECT_GT(difference(interpret(*module, input()).states, wanted.states, "embeddings."), noticed);
}

// A row that a second partition touches too is stepped for that one once more.
TEST_F(Mutation, Vanilla_Invariant19_ASharedRowIsSteppedTwice) {
  InterpreterResult wanted = interpret(*whole({}), input());
  mlir::OpBuilder builder(&context);
  auto secondStep = [&](mlir::ModuleOp module, bool byOwnRows) {
    std::vector<RowOptimizerStepOp> steps; // of the first keeper: the last nodes are isolated
    module.walk([&](RowOptimizerStepOp op) {
      if (op->getParentOfType<EntryOp>().getPartition() == 0)
        steps.push_back(op);
    });
    EXPECT_FALSE(steps.empty());
    for (RowOptimizerStepOp op : steps) {
      auto push = op.getGrad().getDefiningOp<PushRowsOp>();
      builder.setInsertionPointAfter(op);
      auto again = mlir::cast<RowOptimizerStepOp>(builder.clone(*op));
      if (!byOwnRows)
        continue;
      again.getGradMutable().assign(push.getRows());
      again.getIdsMutable().assign(push.getIds());
    }
  };
  for (bool byOwnRows : {true, false}) {
    Module module = vanilla({}, 3);
    secondStep(*module, byOwnRows);
    EXPECT_TRUE(refused(*module, verifyTraining));
    EXPECT_NE(messages.find("a second time in one step"), std::string::npos) << messages;
    EXPECT_GT(difference(interpret(*module, input()).states, wanted.states, "embeddings."),
              noticed);
  }
}

// The loss of a block over the block's own count: a mean of means.
TEST_F(Mutation, Vanilla_Invariant7_EachBlockDividesByItsOwnCount) {
  InterpreterResult wanted = interpret(*whole({}), input());
  Module module = vanilla({}, 2);
  // Blocks of 4 and 5 seeds: sum_k (9 / n_k / 2) of each block's terms.
  mlir::OpBuilder builder(&context);
  module->walk([&](SoftmaxXentOp op) {
    auto entry = op->getParentOfType<EntryOp>();
    double share = 9.0 / (entry.getPartition() == 0 ? 4 : 5) / 2;
    builder.setInsertionPointAfter(op);
    auto scaled = ScaleOp::create(builder, op.getLoc(), op.getResult(), llvm::APFloat(share));
    op.getResult().replaceAllUsesExcept(scaled.getResult(), scaled);
  });
  EXPECT_GT(difference(interpret(*module, input()).outputs, wanted.outputs, "loss"), noticed);
}

// A table read from one's own copy: what others keep is not a number there.
TEST_F(Mutation, Vanilla_Invariant20_ATableReadLocally) {
  Module module = vanilla({}, 2);
  mlir::OpBuilder builder(&context);
  std::vector<FetchRemoteRowsOp> fetches;
  module->walk([&](FetchRemoteRowsOp op) { fetches.push_back(op); });
  for (FetchRemoteRowsOp op : fetches) {
    builder.setInsertionPoint(op);
    auto local = FetchRowsOp::create(builder, op.getLoc(), op.getResult().getType(), op.getIds(),
                                     op.getState());
    op.getResult().replaceAllUsesWith(local.getResult());
    op.erase();
  }
  EXPECT_TRUE(refused(*module, verifyTraining));
  EXPECT_NE(messages.find("that other partitions keep; use hgnn.fetch_remote_rows"),
            std::string::npos);
  InterpreterResult wanted = interpret(*whole({}), input());
  EXPECT_FALSE(
      std::isfinite(difference(interpret(*module, input()).outputs, wanted.outputs, "loss")));
}

} // namespace
} // namespace heddle::test
