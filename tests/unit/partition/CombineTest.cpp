//===- CombineTest.cpp - merges of mean, max and softmax -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Invariant 7 of relation-aggregation-first: partial forms of a cross-relation combine merge to
// what the combine is of all relations at once. The oracle is the model phase, which the
// interpreter runs without terms and merges; of gradients, its derivative by dual numbers.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/partition/Cut.h"

using namespace heddle::hgnn;

namespace heddle::test {
namespace {

constexpr int64_t children = 6; ///< about, cites, mentions, reviews, writes, self
constexpr double noticed = 1e-4;

/// A combine, and how far its scores are apart.
struct CombineCase {
  Combine combine;
  double scale;
};

class CombineCut : public Cut {
protected:
  const std::vector<CombineCase> cases = {{Combine::Mean, 1},
                                          {Combine::Max, 1},
                                          {Combine::Softmax, 1},
                                          {Combine::Softmax, 1e4},
                                          {Combine::Softmax, -1e4}};
  static ModelText modelOf(const CombineCase &one, bool self) {
    ModelText model;
    model.combine = one.combine;
    model.scoreScale = one.scale;
    model.selfLoop = self;
    return model;
  }
  /// Biases that are not 0, so that rows without a relation are not all alike.
  NumericArrays started(mlir::ModuleOp module) {
    NumericArrays states = interpret(module, input()).states;
    double next = 0.25;
    for (auto &[name, array] : states)
      if (name.find(".bias") != std::string::npos)
        for (double &x : array.data)
          x = next += 0.125;
    return states;
  }
  NumericArrays directionLike(const NumericArrays &states) {
    std::mt19937_64 random(3);
    NumericArrays direction;
    for (const auto &[name, array] : states) {
      if (name.find(".moment") != std::string::npos || name.find(".row_steps") != std::string::npos)
        continue;
      direction[name] = array;
      for (double &x : direction[name].data)
        x = 2 * double(random() >> 11) * 0x1p-53 - 1;
    }
    return direction;
  }
  /// <gradients, direction>, of tables too.
  static double along(mlir::ModuleOp module, const InterpreterResult &result,
                      const NumericArrays &direction) {
    double sum = 0;
    for (const auto &[name, array] : direction) {
      auto gradient = result.outputs.find("grad:" + name),
           rows = result.outputs.find("rows:" + name);
      if (gradient == result.outputs.end())
        continue;
      size_t width = size_t(array.shape.back());
      for (size_t i = 0; i < gradient->second.data.size(); ++i) {
        size_t at = rows == result.outputs.end()
                        ? i
                        : size_t(rows->second.data[i / width]) * width + i % width;
        sum += gradient->second.data[i] * array.data[at];
      }
    }
    return sum;
  }
  /// Shows which rows the gradients of tables are of.
  static void showRows(mlir::ModuleOp module) {
    module.walk([](RowOptimizerStepOp op) {
      mlir::OpBuilder builder(op);
      OutputOp::create(builder, op.getLoc(), builder.getStringAttr("rows:" + op.getState().str()),
                       op.getIds());
    });
  }
};

TEST_F(CombineCut, Invariant7_TheWholeStepIsTheCombineOfAllRelations) {
  for (const CombineCase &one : cases)
    for (bool self : {true, false}) {
      SCOPED_TRACE(stringifyCombine(one.combine).str() + " " + std::to_string(one.scale));
      ModelText model = modelOf(one, self);
      Module layers = this->layers(model), module = whole(model);
      showRows(*module);
      InterpreterInput in = input();
      in.states = started(*module);
      InterpreterResult got = interpret(*module, in), wanted = interpret(*layers, in);
      expectNear(got.outputs, wanted.outputs, "lo", 1e-12); // loss, logits
      // The last seed has no edge: own rows and the bias are all it has.
      if (!self)
        for (int j = 0; j < 3; ++j)
          EXPECT_EQ(got.outputs.at("logits").data[8 * 3 + size_t(j)],
                    in.states.at("convs.1.bias").data[size_t(j)]);
      NumericArrays direction = directionLike(in.states);
      auto exact = compiler::directionalDerivative(*layers, "train_step", in, direction);
      ASSERT_TRUE(llvm::succeeded(exact)) << messages;
      EXPECT_NEAR(along(*module, got, direction), *exact, 1e-10 * (1 + std::abs(*exact)));
    }
}

TEST_F(CombineCut, Invariant7_PartialsMergeToTheWhole) {
  for (const CombineCase &one : cases)
    for (bool self : {true, false}) {
      ModelText model = modelOf(one, self);
      Module all = whole(model);
      InterpreterInput in = input();
      in.states = started(*all);
      InterpreterResult wanted = interpret(*all, in), eval = interpret(*all, in, "eval_step");
      for (int64_t p : {int64_t(1), int64_t(2), int64_t(3), self ? children : children - 1, int64_t(9)})
        for (const char *mode : {"replicated", "leader"}) {
          SCOPED_TRACE(stringifyCombine(one.combine).str() + " " + std::to_string(one.scale) + " " +
                       mode + " " + std::to_string(p) + (self ? " self" : ""));
          Module module = cut(model, p, mode);
          expectSameStep(interpret(*module, in), wanted);
          expectSameStep(interpret(*module, in, "eval_step"), eval);
        }
      SCOPED_TRACE(stringifyCombine(one.combine).str());
      expectVanillaIsWhole(model, in, wanted, eval);
    }
}

// A max of equal numbers: all relations into the seeds yield 0. The lowest relation with an edge
// gets the gradient, also where another partition has it.
TEST_F(CombineCut, Invariant7_TiesGoToTheLowestRelation) {
  ModelText model = modelOf({Combine::Max, 1}, /*self=*/false);
  Module all = whole(model), layers = this->layers(model);
  showRows(*all);
  NumericArrays states = started(*all);
  for (auto &[name, array] : states)
    if (name.rfind("convs.1.convs.", 0) == 0)
      std::fill(array.data.begin(), array.data.end(), 0);
  // In the order of canonical ids.
  const std::vector<std::string> relations = {"author___reviews___paper", "author___writes___paper",
                                              "paper___cites___paper", "topic___about___paper"};
  auto gradient = [&](const InterpreterResult &result, const std::string &relation) {
    double largest = 0;
    auto found = result.outputs.find("grad:convs.1.convs.<" + relation + ">.weight");
    if (found != result.outputs.end())
      for (double x : found->second.data)
        largest = std::max(largest, std::abs(x));
    return largest;
  };
  std::set<std::string> winners;
  for (int64_t seed : {0, 2, 4, 6, 8, 12, 18}) {
    InterpreterInput in = input(0, states);
    in.seeds = {seed};
    InterpreterResult wanted = interpret(*all, in);
    std::string lowest;
    for (const std::string &relation : relations) {
      std::string symbol = relation;
      for (size_t at; (at = symbol.find("___")) != std::string::npos;)
        symbol.replace(at, 3, ":");
      size_t first = symbol.find(':'), second = symbol.rfind(':');
      int id = store->schema().relationId(symbol.substr(0, first),
                                          symbol.substr(first + 1, second - first - 1),
                                          symbol.substr(second + 1));
      ASSERT_GE(id, 0) << symbol;
      const auto &view = store->relation(id);
      bool edge = view.inPtr[seed] < view.inPtr[seed + 1];
      if (lowest.empty() && edge)
        lowest = relation;
      EXPECT_EQ(gradient(wanted, relation) > 0, edge && lowest == relation) << seed << relation;
    }
    winners.insert(lowest);
    NumericArrays direction = directionLike(states);
    auto exact = compiler::directionalDerivative(*layers, "train_step", in, direction);
    ASSERT_TRUE(llvm::succeeded(exact)) << messages;
    EXPECT_NEAR(along(*all, wanted, direction), *exact, 1e-10 * (1 + std::abs(*exact)));
    wanted.outputs.erase("logits"); // vanilla order shows none
    for (const auto &name : {"rows:embeddings.author.weight", "rows:embeddings.topic.weight",
                             "rows:embeddings.institution.weight"})
      wanted.outputs.erase(name);
    for (int64_t p : {2, 3, 5})
      for (const char *mode : {"replicated", "leader", "vanilla"}) {
        SCOPED_TRACE(std::string(mode) + " " + std::to_string(p) + " seed " + std::to_string(seed));
        Module module = mode[0] == 'v' ? vanilla(model, p) : cut(model, p, mode);
        expectSameStep(interpret(*module, in), wanted);
      }
  }
  EXPECT_GT(winners.size(), 1u);
}

// Terms are as wide as their merge needs, in both directions; maxima of evaluation need no winners.
TEST_F(CombineCut, Invariant9_BytesOfTermsAreThoseOfTheFormula) {
  const int64_t seeds = int64_t(input().seeds.size()), classes = 3;
  for (auto [combine, training, evaluation] :
       {std::tuple(Combine::Max, 2 * classes, classes),
        std::tuple(Combine::Softmax, classes + 2, classes + 2)})
    for (int64_t p : {2, 3})
      for (const char *mode : {"replicated", "leader"}) {
        SCOPED_TRACE(stringifyCombine(combine).str() + " " + mode);
        Module module = cut(modelOf({combine, 1}, /*self=*/false), p, mode);
        EXPECT_EQ(interpret(*module, input()).bytes["activations"],
                  2 * (p - 1) * seeds * training * 4);
        EXPECT_EQ(interpret(*module, input(), "eval_step").bytes["activations"],
                  (mode[0] == 'l' ? 1 : 2) * (p - 1) * seeds * evaluation * 4);
      }
}

//===----------------------------------------------------------------------===//
// Known errors
//===----------------------------------------------------------------------===//

// Ties that go to the highest relation.
TEST_F(CombineCut, Invariant7_AWrongOwnerOfTiesIsNoticed) {
  ModelText model = modelOf({Combine::Max, 1}, /*self=*/false);
  Module all = whole(model), wrong = cut(model, 2);
  InterpreterInput in = input(0, started(*all));
  for (auto &[name, array] : in.states)
    if (name.rfind("convs.1.convs.", 0) == 0)
      std::fill(array.data.begin(), array.data.end(), 0);
  InterpreterResult wanted = interpret(*all, in);
  EXPECT_LE(difference(interpret(*wrong, in).outputs, wanted.outputs, "grad:convs.1"), 1e-12);
  wrong->walk([](TermOp op) { op.setLink(100 - int64_t(op.getLink())); });
  wrong->walk([](TermGradOp op) { op.setLink(100 - int64_t(op.getLink())); });
  InterpreterResult got = interpret(*wrong, in);
  EXPECT_LE(difference(got.outputs, wanted.outputs, "logits"), 1e-12);
  EXPECT_GT(difference(got.outputs, wanted.outputs, "grad:convs.1"), noticed);
}

// A softmax of each partition by itself, and the mean of those.
TEST_F(CombineCut, Invariant7_AMeanOfSoftmaxesIsNoticed) {
  ModelText model = modelOf({Combine::Softmax, 1}, /*self=*/false);
  InterpreterResult wanted = interpret(*whole(model), input());
  Module module = metatree(model);
  run(*module, assign(2) + "," + communicate("replicated"));
  mlir::OpBuilder builder(&context);
  std::vector<MergeAllOp> merges;
  module->walk([&](MergeAllOp op) {
    if (op.getMerge() == Merge::Softmax)
      merges.push_back(op);
  });
  EXPECT_EQ(merges.size(), 4u); // two entries of two partitions
  for (MergeAllOp merge : merges) {
    mlir::Location loc = merge.getLoc();
    int64_t here = merge->getParentOfType<EntryOp>().getPartition();
    builder.setInsertionPoint(merge);
    // Of this partition's terms as they were before they became partials.
    llvm::SmallVector<mlir::Value> own;
    if (auto combine = merge.getInput().getDefiningOp<CombineOp>())
      for (mlir::Value partial : combine.getInputs())
        own.push_back(partial.getDefiningOp<PartialOp>().getInput());
    else
      own.push_back(merge.getInput().getDefiningOp<PartialOp>().getInput());
    mlir::Value value = CombinedOp::create(builder, loc, Merge::Softmax,
                                           CombineOp::create(builder, loc, Merge::Softmax, own));
    value = ScaleOp::create(builder, loc, value, llvm::APFloat(0.5));
    value = PartialOp::create(builder, loc, value, mlir::StringAttr(), here, Merge::Sum,
                              mlir::DenseI64ArrayAttr());
    auto type =
        mlir::cast<FeatType>(value.getType()).withPlacement(PlacementAttr::replicated(&context));
    auto sum = MergeAllOp::create(builder, loc, type, value, merge.getId(), merge.getPartitions(),
                                  merge.getTraffic(), 0);
    sum.setBytes(sum.getWireBytes());
    auto combined = mlir::cast<CombinedOp>(*merge.getResult().getUsers().begin());
    combined.getResult().replaceAllUsesWith(sum.getResult());
    combined.erase();
    merge.erase();
  }
  run(*module, std::string("hgnn-verify-phase{phase=partitioned},") + train);
  EXPECT_LE(difference(interpret(*cut(model, 2), input()).outputs, wanted.outputs, ""), 1e-12);
  EXPECT_GT(difference(interpret(*module, input()).outputs, wanted.outputs, "logits"), noticed);
}

// The value of a partition's term, taken out before the merge, does not type-check.
TEST_F(CombineCut, Invariant7_AValueOfOneTermIsRefused) {
  Module module = metatree(modelOf({Combine::Softmax, 1}, /*self=*/false));
  run(*module, assign(2) + "," + communicate("replicated"));
  MergeAllOp merge;
  module->walk([&](MergeAllOp op) { merge = merge ? merge : op; });
  llvm::SmallVector<mlir::Type> types;
  messages.clear();
  EXPECT_TRUE(llvm::failed(CombinedOp::inferReturnTypes(
      &context, merge.getLoc(), mlir::ValueRange(merge.getInput()), mlir::DictionaryAttr(),
      mlir::cast<CombinedOp>(*merge.getResult().getUsers().begin())->getPropertiesStorage(), {},
      types)));
  EXPECT_NE(messages.find("'combined' cannot use one partition's term of a maximum or softmax"),
            std::string::npos)
      << messages;
}

// Absent relations that take part with 0. (Of a softmax an empty term of zeros is still empty.)
TEST_F(CombineCut, Invariant7_AbsentRelationsThatTakePartAreNoticed) {
  ModelText model = modelOf({Combine::Max, 1}, /*self=*/false);
  InterpreterResult wanted = interpret(*whole(model), input());
  Module wrong = cut(model, 2);
  wrong->walk([](ExpandOp op) { op.setMerge(Merge::Sum); });
  EXPECT_GT(difference(interpret(*wrong, input()).outputs, wanted.outputs, "logits"), noticed);
}

// Two readers of merged terms: their gradients cannot be added.
TEST_F(CombineCut, TermsThatAreUsedTwiceHaveNoGradient) {
  Module module = metatree(modelOf({Combine::Max, 1}, /*self=*/false));
  mlir::OpBuilder builder(&context);
  CombinedOp last;
  module->walk([&](CombinedOp op) {
    if (op->getParentOfType<EntryOp>().getKind() == EntryKind::Train)
      last = op;
  });
  builder.setInsertionPointAfter(last);
  auto again = mlir::cast<CombinedOp>(builder.clone(*last));
  auto sum =
      AddOp::create(builder, last.getLoc(), mlir::ValueRange{last.getResult(), again.getResult()});
  last.getResult().replaceAllUsesExcept(sum.getResult(), sum);
  EXPECT_TRUE(refused(*module, "hgnn-differentiate"));
  EXPECT_NE(messages.find("gives terms that are used twice"), std::string::npos) << messages;
}

} // namespace
} // namespace heddle::test
