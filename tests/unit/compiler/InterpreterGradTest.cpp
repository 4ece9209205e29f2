//===- InterpreterGradTest.cpp - forward mode, differences, VJPs ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Forward mode is the oracle of every hand-made gradient, so it is checked first against central
// differences; then each op's vector-Jacobian product against forward mode: with g = r, the product of
// what buildVjp gives with the operands' derivatives equals <r, dr>.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/compiler/InterpreterSupport.h"

#include "mlir/IR/Builders.h"

#include <cmath>
#include <random>

namespace heddle::test {

std::vector<OpCase> opCases() {
  std::string z = "%z = hgnn.linear %xp, %W : !rp, !p23\n";
  std::string one = "%one = hgnn.row_dot %xp, %xz : !rp, !rp\n";
  std::string edges = "%v = hgnn.gather_src %xa, %adj : !ra, !adj\n";
  std::string active = "%v = hgnn.restrict %xp, %adj : !rp, !adj\n";
  std::string weights = " {class_weights = array<f64: 3.0, 1.0, 0.5>}";
  std::vector<OpCase> cases = {
      {"gather_src", "%r = hgnn.gather_src %xa, %adj : !ra, !adj", "!e"},
      {"gather_dst", active + "%r = hgnn.gather_dst %v, %adj : !act, !adj", "!e"},
      {"reduce_dst", edges + "%r = hgnn.reduce_dst %v, %adj : !e, !adj", "!act"},
      {"reduce_src", edges + "%r = hgnn.reduce_src %v, %adj : !e, !adj", "!ra"},
      {"expand", active + "%r = hgnn.expand %v, %adj : !act, !adj", "!rp"},
      {"restrict", "%r = hgnn.restrict %xp, %adj : !rp, !adj", "!act"},
      {"self_gather", "%r = hgnn.self_gather %xq, %link : !rq, !link", "!rp"},
      {"self_scatter", "%r = hgnn.self_scatter %xp, %link : !rp, !link", "!rq"},
      {"broadcast_rows", "%r = hgnn.broadcast_rows %b2, %s : !p2, !s", "!rp"},
      {"col_sum", "%r = hgnn.col_sum %xp, %s : !rp, !s", "!p2"},
      {"linear", "%r = hgnn.linear %xp, %W : !rp, !p23", "!r3"},
      {"linear_transpose", "%r = hgnn.linear %xp, %W3 {transpose} : !rp, !p32", "!r3"},
      {"linear_param", "%r = hgnn.linear %M, %W : !p22, !p23", "!p23"},
      {"linear_param_transpose", "%r = hgnn.linear %W3, %M {transpose} : !p32, !p22", "!p32"},
      {"linear_grad_weight", "%r = hgnn.linear_grad_weight %xp, %xz : !rp, !rp", "!p22"},
      {"linear_grad_weight_param", "%r = hgnn.linear_grad_weight %M, %W : !p22, !p23", "!p23"},
      {"sparse_linear", "%r = hgnn.sparse_linear %sp, %W3 : !sp, !p32", "!rp"},
      {"sparse_linear_grad_weight", "%r = hgnn.sparse_linear_grad_weight %sp, %xp : !sp, !rp", "!p32"},
      {"scale_rows", one + "%r = hgnn.scale_rows %xz, %one : !rp, !r1", "!rp"},
      {"scale_rows_degree",
       active + "%d = hgnn.degree %adj : !adj\n%i = hgnn.unary reciprocal %d : !act1\n"
                "%r = hgnn.scale_rows %v, %i : !act, !act1",
       "!act"},
      {"row_dot", one + "%r = hgnn.row_dot %xp, %xz : !rp, !rp", "!r1"},
      {"add", "%r = hgnn.add %xp, %xz, %xp : !rp, !rp, !rp", "!rp"},
      {"mul", "%r = hgnn.mul %xp, %xz : !rp, !rp", "!rp"},
      {"mul_same", "%r = hgnn.mul %xp, %xp : !rp, !rp", "!rp"},
      {"scale", "%r = hgnn.scale %xp {factor = -2.5 : f64} : !rp", "!rp"},
      {"scale_by", "%r = hgnn.scale_by %xp, %c : !rp, !p1", "!rp"},
      {"add_bias", "%r = hgnn.add_bias %xp, %b2 : !rp, !p2", "!rp"},
      {"dropout", "%r = hgnn.dropout %xp, %s {p = 0.5 : f64, site = 3 : i64} : !rp, !s", "!rp"},
      {"layer_norm", "%r = hgnn.layer_norm %z, %g, %h : !r3, !p3, !p3", "!r3"},
      {"layer_norm_xhat", z + "%r = hgnn.layer_norm_xhat %z : !r3", "!r3"},
      {"layer_norm_grad", "%r = hgnn.layer_norm_grad %z, %g, %t : !r3, !p3, !r3", "!r3"},
      {"concat", "%r = hgnn.concat %xz, %xp, %xz : !rp, !rp, !rp",
       "!hgnn.tensor<rows(0, @p) : 6xf32>"},
      {"slice", z + "%r = hgnn.slice %z {offset = 1 : i64, size = 2 : i64} : !r3", "!rp"},
      {"pad", "%r = hgnn.pad %xz {offset = 1 : i64, size = 4 : i64} : !rp", "!r4"},
      {"reshape", "%r = hgnn.reshape %W {shape = array<i64: 3, 2>} : !p23", "!p32"},
      {"softmax_xent", z + "%r = hgnn.softmax_xent %z, %y" + weights + " : !r3, !ly", "!r1"},
      {"softmax_xent_grad",
       z + one + "%r = hgnn.softmax_xent_grad %z, %y, %one" + weights + " : !r3, !ly, !r1", "!r3"},
      {"sigmoid_xent", z + "%r = hgnn.sigmoid_xent %z, %m" + weights + " : !r3, !lm", "!r1"},
      {"sigmoid_xent_plain", z + "%r = hgnn.sigmoid_xent %z, %m : !r3, !lm", "!r1"},
      {"sigmoid_xent_grad",
       z + one + "%r = hgnn.sigmoid_xent_grad %z, %m, %one" + weights + " : !r3, !lm, !r1", "!r3"},
      {"sum_squares", "%r = hgnn.sum_squares %xp : !rp", "!p1"},
      {"clip_factor",
       "%n = hgnn.sum_squares %W : !p23\n%r = hgnn.clip_factor %n {max_norm = 0.5 : f64} : !p1", "!p1"},
      {"clip_factor_inactive",
       "%n = hgnn.sum_squares %W : !p23\n%r = hgnn.clip_factor %n {max_norm = 50.0 : f64} : !p1",
       "!p1"},
  };
  // Of two relations that meet in the active rows of one type, and a third that has none.
  std::string terms = active + "%w = hgnn.restrict %xz, %adjc : !rp, !adjc\n"
                               "%k = hgnn.row_dot %v, %v : !act, !act\n%l = hgnn.row_dot %w, %w : !actc, !actc\n";
  cases.push_back({"combine_argmax",
                   terms + "%t = hgnn.term argmax %v {link = 1 : i64} : !act\n"
                           "%x = hgnn.term argmax %w {link = 0 : i64} : !actc\n"
                           "%u = hgnn.expand %t, %adj of argmax : !act4, !adj\n"
                           "%y0 = hgnn.expand %x, %adjc of argmax : !actc4, !adjc\n"
                           "%n = hgnn.zeros %s of argmax : (!s) -> !r4\n"
                           "%one = hgnn.combine argmax %n, %u : !r4, !r4\n"
                           "%all = hgnn.combine argmax %one, %y0 : !r4, !r4\n"
                           "%r = hgnn.combined argmax %all : !r4",
                   "!rp"});
  cases.push_back({"combine_softmax",
                   terms + "%t = hgnn.term softmax %v, %k : !act, !act1\n"
                           "%x = hgnn.term softmax %w, %l : !actc, !actc1\n"
                           "%u = hgnn.expand %t, %adj of softmax : !act4, !adj\n"
                           "%y0 = hgnn.expand %x, %adjc of softmax : !actc4, !adjc\n"
                           "%n = hgnn.zeros %s of softmax : (!s) -> !r4\n"
                           "%one = hgnn.combine softmax %n, %u : !r4, !r4\n"
                           "%all = hgnn.combine softmax %one, %y0 : !r4, !r4\n"
                           "%r = hgnn.combined softmax %all : !r4",
                   "!rp"});
  // Layer normalisation needs three columns: with two, xhat is nearly constant.
  for (OpCase &op : cases)
    if (op.name == "layer_norm" || op.name == "layer_norm_grad")
      op.text = z +
                "%t = hgnn.linear %xz, %W : !rp, !p23\n"
                "%g = hgnn.linear %b2, %W : !p2, !p23\n%h = hgnn.linear %b, %W : !p2, !p23\n" +
                op.text;
  for (const char *fn : {"relu", "elu", "tanh", "sigmoid", "gelu", "leaky_relu", "reciprocal"}) {
    cases.push_back({fn, std::string("%r = hgnn.unary ") + fn + " %xz {alpha = 0.3 : f64} : !rp", "!rp"});
    cases.push_back({std::string(fn) + "_grad",
                     std::string("%r = hgnn.unary_grad ") + fn + " %xz, %xp {alpha = 0.3 : f64} : !rp, !rp",
                     "!rp"});
  }
  return cases;
}

namespace {

class InterpreterGrad : public MlirTest {
protected:
  struct Trial {
    double forward = 0, backward = 0, magnitude = 0;
  };
  Trial tryDirection(mlir::ModuleOp module, unsigned number);
  mlir::OwningOpRef<mlir::ModuleOp> parseCase(const OpCase &op) {
    std::string program = SmallGraph::program(op.text + "\nhgnn.output \"r\" %r : " + op.type);
    return parse("!p3 = !hgnn.tensor<param : 3xf32>\n"
                 "!act4 = !hgnn.tensor<active(0, @\"a:w:p\") : 4xf32>\n"
                 "!actc = !hgnn.tensor<active(0, @\"p:c:p\") : 2xf32>\n"
                 "!actc1 = !hgnn.tensor<active(0, @\"p:c:p\") : 1xf32>\n"
                 "!actc4 = !hgnn.tensor<active(0, @\"p:c:p\") : 4xf32>\n" +
                 program);
  }
  /// All states with reproducible random numbers, away from kinks by chance.
  NumericArrays randomLike(const NumericArrays &states, unsigned seed) {
    std::mt19937_64 engine(seed);
    NumericArrays result = states;
    for (auto &[name, array] : result)
      for (double &x : array.data)
        x = 2 * double(engine() >> 11) * 0x1p-53 - 1;
    return result;
  }
  SmallGraph small;
};

double dot(const NumericArray &a, const NumericArray &b) {
  EXPECT_EQ(a.shape, b.shape);
  double sum = 0;
  for (size_t i = 0; i < a.data.size(); ++i)
    sum += a.data[i] * b.data[i];
  return sum;
}

TEST_F(InterpreterGrad, ForwardModeAgreesWithCentralDifferences) {
  for (const OpCase &op : opCases()) {
    SCOPED_TRACE(op.name);
    auto module = parseCase(op);
    for (unsigned trial = 0; trial < 3; ++trial) {
      InterpreterInput input = small.input();
      input.states = randomLike(interpretOrDie(*module, "train_step", input).states, trial);
      NumericArrays direction = randomLike(input.states, 100 + trial);
      auto exact = compiler::directionalDerivatives(*module, "train_step", input, direction);
      ASSERT_TRUE(llvm::succeeded(exact)) << messages;
      const double h = 1e-5;
      NumericArray side[2];
      for (int i = 0; i < 2; ++i) {
        InterpreterInput moved = input;
        for (auto &[name, array] : moved.states)
          for (size_t e = 0; e < array.data.size(); ++e)
            array.data[e] += (i ? h : -h) * direction[name].data[e];
        side[i] = interpretOrDie(*module, "train_step", moved).outputs["r"];
      }
      const NumericArray &r = (*exact)["r"];
      ASSERT_EQ(r.data.size(), side[0].data.size());
      for (size_t e = 0; e < r.data.size(); ++e) {
        double difference = (side[1].data[e] - side[0].data[e]) / (2 * h);
        EXPECT_NEAR(r.data[e], difference, 1e-5 * (1e-1 + std::abs(difference))) << "element " << e;
      }
    }
  }
}

/// <r, dr> along a random direction by dual numbers, and by the outputs g* and in* that a test added:
/// the sum of <g, d in>, and the sum of their magnitudes.
InterpreterGrad::Trial InterpreterGrad::tryDirection(mlir::ModuleOp module, unsigned number) {
  InterpreterInput input = small.input();
  input.states = randomLike(interpretOrDie(module, "train_step", input).states, number);
  NumericArrays direction = randomLike(input.states, 100 + number);
  auto values = interpretOrDie(module, "train_step", input).outputs;
  auto moved = compiler::directionalDerivatives(module, "train_step", input, direction);
  if (llvm::failed(moved)) {
    ADD_FAILURE() << messages;
    return {};
  }
  Trial trial;
  trial.forward = dot(values["r"], (*moved)["r"]);
  for (const auto &[name, gradient] : values)
    if (name[0] == 'g') {
      double part = dot(gradient, (*moved)["in" + name.substr(1)]);
      trial.backward += part;
      trial.magnitude += std::abs(part);
    }
  return trial;
}

TEST_F(InterpreterGrad, VectorJacobianProductsAgreeWithForwardMode) {
  int checked = 0;
  for (const OpCase &op : opCases()) {
    SCOPED_TRACE(op.name);
    auto module = parseCase(op);
    hgnn::OutputOp output;
    module->walk([&](hgnn::OutputOp candidate) { output = candidate; });
    mlir::Operation *tested = output.getValue().getDefiningOp();
    auto differentiable = mlir::dyn_cast<hgnn::DifferentiableOp>(tested);
    if (!differentiable)
      continue;
    if (mlir::isa<hgnn::CombinedOp>(tested)) // of terms: their own test
      continue;
    ++checked;
    mlir::OpBuilder builder(output);
    llvm::SmallVector<mlir::Value> gradients(tested->getNumOperands());
    ASSERT_TRUE(llvm::succeeded(differentiable.buildVjp(builder, output.getValue(), gradients)))
        << messages;
    for (auto [i, operand] : llvm::enumerate(tested->getOperands())) {
      if (!mlir::isa<hgnn::FeatType>(operand.getType())) {
        EXPECT_FALSE(gradients[i]) << "operand " << i << " carries no gradient";
        continue;
      }
      if (!gradients[i])
        continue;
      EXPECT_EQ(gradients[i].getType(), operand.getType());
      hgnn::OutputOp::create(builder, tested->getLoc(), "g" + std::to_string(i), gradients[i]);
      hgnn::OutputOp::create(builder, tested->getLoc(), "in" + std::to_string(i), operand);
    }
    for (unsigned number = 0; number < 3; ++number) {
      Trial trial = tryDirection(*module, number);
      EXPECT_NEAR(trial.forward, trial.backward, 1e-12 * (1 + trial.magnitude));
      EXPECT_NE(trial.forward, 0);
    }
  }
  EXPECT_GE(checked, 35);
}

// The gradients of terms have a form of their own, so the chain from the combined rows to the messages
// is one gradient: it is walked here op by op, and compared at the rows that the messages are made of.
TEST_F(InterpreterGrad, GradientsThroughTermsAgreeWithForwardMode) {
  for (const OpCase &op : opCases()) {
    if (op.name.rfind("combine_", 0) != 0)
      continue;
    SCOPED_TRACE(op.name);
    auto module = parseCase(op);
    hgnn::OutputOp output;
    module->walk([&](hgnn::OutputOp candidate) { output = candidate; });
    mlir::OpBuilder builder(output);
    llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> parts;
    parts[output.getValue()].push_back(output.getValue()); // g = r
    llvm::SmallVector<mlir::Operation *> forward;
    for (mlir::Operation &each : output->getParentOfType<hgnn::EntryOp>().getBody().front())
      forward.push_back(&each);
    int found = 0;
    for (mlir::Operation *each : llvm::reverse(forward)) {
      if (each->getNumResults() != 1 || !parts.count(each->getResult(0)))
        continue;
      llvm::SmallVector<mlir::Value> own = parts[each->getResult(0)];
      mlir::Value grad = own.size() == 1
                             ? own.front()
                             : mlir::Value(hgnn::AddOp::create(builder, each->getLoc(), own));
      auto differentiable = mlir::dyn_cast<hgnn::DifferentiableOp>(each);
      if (!differentiable) {
        if (mlir::isa<hgnn::ZerosOp>(each))
          continue;
        std::string n = std::to_string(found++);
        hgnn::OutputOp::create(builder, each->getLoc(), "g" + n, grad);
        hgnn::OutputOp::create(builder, each->getLoc(), "in" + n, each->getResult(0));
        continue;
      }
      llvm::SmallVector<mlir::Value> gradients(each->getNumOperands());
      ASSERT_TRUE(llvm::succeeded(differentiable.buildVjp(builder, grad, gradients))) << messages;
      for (auto [operand, gradient] : llvm::zip(each->getOperands(), gradients))
        if (gradient) {
          EXPECT_EQ(gradient.getType(), operand.getType());
          parts[operand].push_back(gradient);
        }
    }
    EXPECT_EQ(found, 2); // xp and xz
    for (unsigned number = 0; number < 5; ++number) {
      Trial trial = tryDirection(*module, number);
      EXPECT_NEAR(trial.forward, trial.backward, 1e-12 * (1 + std::abs(trial.forward)));
      EXPECT_NE(trial.forward, 0);
    }
  }
}

} // namespace
} // namespace heddle::test
