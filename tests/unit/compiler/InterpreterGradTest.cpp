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
      {"batch_reduce_sum", "%r = hgnn.batch_reduce sum %xp : !rp", "!rp"},
      {"batch_reduce_mean", "%r = hgnn.batch_reduce mean %xp : !rp", "!rp"},
      {"batch_reduce_active", active + "%r = hgnn.batch_reduce mean %v : !act", "!act"},
      {"broadcast_rows_like", "%r = hgnn.broadcast_rows %b2, %xz : !p2, !rp", "!rp"},
      {"col_sum", "%r = hgnn.col_sum %xp, %s : !rp, !s", "!p2"},
      {"linear", "%r = hgnn.linear %xp, %W : !rp, !p23", "!r3"},
      {"linear_transpose", "%r = hgnn.linear %xp, %W3 {transpose} : !rp, !p32", "!r3"},
      {"linear_param", "%r = hgnn.linear %M, %W : !p22, !p23", "!p23"},
      {"linear_param_transpose", "%r = hgnn.linear %W3, %M {transpose} : !p32, !p22", "!p32"},
      {"linear_grad_weight", "%r = hgnn.linear_grad_weight %xp, %xz : !rp, !rp", "!p22"},
      {"linear_grad_weight_param", "%r = hgnn.linear_grad_weight %M, %W : !p22, !p23", "!p23"},
      {"sparse_linear", "%r = hgnn.sparse_linear %sp, %W3 : !sp, !p32", "!rp"},
      {"sparse_linear_grad_weight", "%r = hgnn.sparse_linear_grad_weight %sp, %xp : !sp, !rp",
       "!p32"},
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
       "%n = hgnn.sum_squares %W : !p23\n%r = hgnn.clip_factor %n {max_norm = 0.5 : f64} : !p1",
       "!p1"},
      {"clip_factor_inactive",
       "%n = hgnn.sum_squares %W : !p23\n%r = hgnn.clip_factor %n {max_norm = 50.0 : f64} : !p1",
       "!p1"},
  };
  // Of data of edges, which carry no gradient.
  std::string data = "%g = hgnn.fetch_edge \"g\" of %adj : (!adj) -> !e\n";
  cases.push_back(
      {"edge_linear",
       data + edges + "%w = hgnn.linear %g, %M : !e, !p22\n%r = hgnn.mul %v, %w : !e, !e", "!e"});
  cases.push_back(
      {"edge_weighted",
       data + edges +
           "%w = hgnn.slice %g {offset = 1 : i64, size = 1 : i64} : !e\n"
           "%k = hgnn.edge_constant %adj {value = 0.5 : f64, width = 1 : i64} : !adj\n"
           "%x = hgnn.scale_rows %v, %w : !e, !hgnn.tensor<edges(0, @\"a:w:p\") : 1xf32>\n"
           "%z1 = hgnn.scale_rows %x, %k : !e, !hgnn.tensor<edges(0, @\"a:w:p\") : 1xf32>\n"
           "%r = hgnn.reduce_dst %z1, %adj : !e, !adj",
       "!act"});
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
  // Of two heads.
  std::string x4 = "%x4 = hgnn.concat %xp, %xz : !rp, !rp\n%y4 = hgnn.concat %xz, %xp : !rp, !rp\n";
  std::string w212 = "%w = hgnn.reshape %M {shape = array<i64: 2, 2, 1>} : !p22\n";
  std::string w221 = "%w = hgnn.reshape %M {shape = array<i64: 2, 1, 2>} : !p22\n";
  for (OpCase op : std::vector<OpCase>{
           {"row_dot_heads", "%r = hgnn.row_dot %x4, %y4 {heads = 2 : i64} : !r4, !r4", "!rp"},
           {"row_dot_param", "%r = hgnn.row_dot %xp, %b2 : !rp, !p2", "!r1"},
           {"row_dot_params",
            "%t = hgnn.unary tanh %M : !p22\n"
            "%r = hgnn.row_dot %M, %t {heads = 2 : i64} : !p22, !p22",
            "!p2"},
           {"row_dot_matrix", "%r = hgnn.row_dot %x4, %M {heads = 2 : i64} : !r4, !p22", "!rp"},
           {"scale_rows_heads", "%r = hgnn.scale_rows %x4, %xp : !r4, !rp", "!r4"},
           {"scale_rows_by_param", "%r = hgnn.scale_rows %x4, %b2 : !r4, !p2", "!r4"},
           {"scale_rows_of_param", "%r = hgnn.scale_rows %M, %xp : !p22, !rp", "!r4"},
           {"head_linear", w212 + "%r = hgnn.head_linear %x4, %w : !r4, !p221", "!rp"},
           {"head_linear_transpose",
            w221 + "%r = hgnn.head_linear %x4, %w {transpose} : !r4, !p212", "!rp"},
           {"head_linear_wide", w221 + "%r = hgnn.head_linear %xp, %w : !rp, !p212", "!r4"},
           {"head_linear_grad_weight",
            "%r = hgnn.head_linear_grad_weight %x4, %xp {heads = 2 : i64} : !r4, !rp", "!p221"},
           {"dropout_heads",
            "%r = hgnn.dropout %x4, %s {p = 0.5 : f64, site = 3 : i64, heads = 2 : i64} : !r4, !s",
            "!r4"},
           {"dropout_edges",
            edges + "%i = hgnn.edge_ids %adj : !adj\n"
                    "%r = hgnn.dropout %v, %i {p = 0.5 : f64, site = 3 : i64} : !e, "
                    "!hgnn.ids<edges(0, @\"a:w:p\")>",
            "!e"}}) {
    op.text = x4 + op.text;
    cases.push_back(op);
  }
  // Merges over edges; the last goes on over relations.
  std::string ends =
      edges + active.substr(0, active.size()) + "%d = hgnn.gather_dst %v0, %adj : !act, !adj\n";
  ends.replace(ends.find("%v = hgnn.restrict"), 2, "%v0");
  std::string attention = ends + "%k = hgnn.mul %v, %d : !e, !e\n"
                                 "%t = hgnn.term softmax<2> %v, %k : !e, !e\n"
                                 "%u = hgnn.reduce_dst %t, %adj of softmax<2> : !e6, !adj\n";
  cases.push_back(
      {"combine_edges_softmax",
       ends + "%k = hgnn.row_dot %v, %d : !e, !e\n%t = hgnn.term softmax %v, %k : !e, !e1\n"
              "%u = hgnn.reduce_dst %t, %adj of softmax : !e4, !adj\n"
              "%r = hgnn.combined softmax %u : !act4",
       "!act"});
  cases.push_back(
      {"combine_edges_heads", attention + "%r = hgnn.combined softmax<2> %u : !act6", "!act"});
  cases.push_back({"combine_edges_argmax",
                   ends + "%k = hgnn.mul %v, %d : !e, !e\n%o = hgnn.edge_position %adj : !adj\n"
                          "%t = hgnn.term argmax %k, %o : !e, !e1\n"
                          "%u = hgnn.reduce_dst %t, %adj of argmax : !e4, !adj\n"
                          "%r = hgnn.combined argmax %u : !act4",
                   "!act"});
  cases.push_back({"combine_edges_and_relations",
                   attention + "%w = hgnn.restrict %xz, %adjc : !rp, !adjc\n"
                               "%x = hgnn.term softmax<2> %w, %w : !actc, !actc\n"
                               "%n = hgnn.expand %u, %adj of softmax<2> : !act6, !adj\n"
                               "%o = hgnn.expand %x, %adjc of softmax<2> : !actc6, !adjc\n"
                               "%all = hgnn.combine softmax<2> %n, %o : !r6, !r6\n"
                               "%r = hgnn.combined softmax<2> %all : !r6",
                   "!rp"});
  // Layer normalisation needs three columns: with two, xhat is nearly constant.
  for (OpCase &op : cases)
    if (op.name == "layer_norm" || op.name == "layer_norm_grad")
      op.text = z +
                "%t = hgnn.linear %xz, %W : !rp, !p23\n"
                "%g = hgnn.linear %b2, %W : !p2, !p23\n%h = hgnn.linear %b, %W : !p2, !p23\n" +
                op.text;
  for (const char *fn :
       {"relu", "elu", "tanh", "sigmoid", "gelu", "leaky_relu", "reciprocal", "exp", "softplus"}) {
    cases.push_back({fn, std::string("%r = hgnn.unary ") + fn + " %xz {alpha = 0.3 : f64} : !rp", "!rp"});
    cases.push_back({std::string(fn) + "_grad",
                     std::string("%r = hgnn.unary_grad ") + fn + " %xz, %xp {alpha = 0.3 : f64} : !rp, !rp",
                     "!rp"});
  }
  std::string positive = "%e = hgnn.unary softplus %xz : !rp\n";
  cases.push_back({"log", positive + "%r = hgnn.unary log %e : !rp", "!rp"});
  cases.push_back({"rsqrt", positive + "%r = hgnn.unary rsqrt %e : !rp", "!rp"});
  cases.push_back(
      {"rsqrt_grad", positive + "%r = hgnn.unary_grad rsqrt %e, %xp : !rp, !rp", "!rp"});
  cases.push_back({"log_grad", positive + "%r = hgnn.unary_grad log %e, %xp : !rp, !rp", "!rp"});
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
                 "!actc4 = !hgnn.tensor<active(0, @\"p:c:p\") : 4xf32>\n"
                 "!actc6 = !hgnn.tensor<active(0, @\"p:c:p\") : 6xf32>\n"
                 "!act6 = !hgnn.tensor<active(0, @\"a:w:p\") : 6xf32>\n"
                 "!e1 = !hgnn.tensor<edges(0, @\"a:w:p\") : 1xf32>\n"
                 "!e4 = !hgnn.tensor<edges(0, @\"a:w:p\") : 4xf32>\n"
                 "!e6 = !hgnn.tensor<edges(0, @\"a:w:p\") : 6xf32>\n"
                 "!r6 = !hgnn.tensor<rows(0, @p) : 6xf32>\n"
                 "!p221 = !hgnn.tensor<param : 2x2x1xf32>\n"
                 "!p212 = !hgnn.tensor<param : 2x1x2xf32>\n" +
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
    EXPECT_EQ(found, op.name == "combine_edges_and_relations" ? 3 : 2); // tables
    for (unsigned number = 0; number < 5; ++number) {
      Trial trial = tryDirection(*module, number);
      EXPECT_NEAR(trial.forward, trial.backward, 1e-12 * (1 + std::abs(trial.forward)));
      EXPECT_NE(trial.forward, 0);
    }
  }
}

} // namespace
} // namespace heddle::test
