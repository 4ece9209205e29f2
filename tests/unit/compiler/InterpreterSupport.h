//===- InterpreterSupport.h - a small graph and programs on it --*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_COMPILER_INTERPRETERSUPPORT_H
#define HEDDLE_TESTS_UNIT_COMPILER_INTERPRETERSUPPORT_H

#include "compiler/interpreter/Interpreter.h"
#include "dialects/hgnn/Hgnn.h"
#include "runtime/graph/GraphBuilder.h"
#include "runtime/graph/GraphStore.h"
#include "tests/unit/support/TestSupport.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

namespace heddle::test {

using compiler::InterpreterInput;
using compiler::InterpreterResult;
using compiler::NumericArray;
using compiler::NumericArrays;

/// A context that keeps what diagnostics say.
class MlirTest : public ::testing::Test {
protected:
  MlirTest() : handler(&context, [this](mlir::Diagnostic &diagnostic) {
    messages += diagnostic.str() + "\n";
  }) {
    context.disableMultithreading();
    context.loadDialect<hgnn::HgnnDialect>();
  }
  mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string &text) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << messages << text;
    if (!module)
      std::abort();
    return module;
  }
  InterpreterResult interpretOrDie(mlir::ModuleOp module, const std::string &entry,
                                   const InterpreterInput &input) {
    auto result = compiler::interpret(module, entry, input);
    EXPECT_TRUE(llvm::succeeded(result)) << messages;
    return llvm::succeeded(result) ? *result : InterpreterResult();
  }

  mlir::MLIRContext context;
  std::string messages;
  mlir::ScopedDiagnosticHandler handler;
};

/// Five nodes each of types a and p; relation a:w:p (with a repeated pair; node 2 of p has no edge) and
/// the self relation p:c:p; a sparse feature, labels of both kinds. Batch: rows 1, 2, 3 of p.
class SmallGraph {
public:
  SmallGraph() {
    auto builder = valueOf(graph::GraphBuilder::create({directory / "g", false, 1 << 20, {}}));
    int a = valueOf(builder->addNodeType("a", 5));
    int p = valueOf(builder->addNodeType("p", 5));
    int dense = valueOf(builder->addDenseFeature(a, "d", "float16", 1));
    uint16_t halves[5] = {0x3C00, 0xC000, 0x3800, 0x0001, 0x7BFF}; // 1, -2, 0.5, 2^-24, 65504
    check(builder->appendDenseRows(dense, halves, 5));
    int sparse = valueOf(builder->addSparseFeature(p, "s", 3));
    check(builder->appendSparseRow(sparse, {}, {}));
    check(builder->appendSparseRow(sparse, {2, 0}, {1.0f, 2.0f}));
    check(builder->appendSparseRow(sparse, {}, {}));
    check(builder->appendSparseRow(sparse, {1}, {-1.0f}));
    check(builder->appendSparseRow(sparse, {}, {}));
    int label = valueOf(builder->addLabel(p, "y", {"u", "v", "w"}, {1, 2, -1, 0, 1}));
    check(builder->addSplit(label, "main", {1, 3}, {}, {}));
    check(builder
              ->addMultiLabel(p, "m", {"u", "v", "w"},
                              {0, 0, 1, 1, 0, 1, 255, 255, 255, 0, 0, 0, 1, 1, 1})
              .status());
    int w = valueOf(builder->addRelation("a", "w", "p"));
    int64_t from[5] = {4, 2, 0, 2, 3}, to[5] = {3, 1, 1, 1, 3};
    check(builder->addEdges(w, from, to, 5));
    int data = valueOf(builder->addEdgeFeature(w, "g", "int16", 2));
    int16_t rows[10] = {1, -2, 3, 4, -5, 6, 7, 8, 9, -3}; // of the second 2 -> 1: 7, 8
    check(builder->appendDenseRows(data, rows, 5));
    check(builder->addReverse(w, "v"));
    int c = valueOf(builder->addRelation("p", "c", "p"));
    int64_t from2[3] = {4, 0, 1}, to2[3] = {1, 1, 3};
    check(builder->addEdges(c, from2, to2, 3));
    check(builder->finish().status());
    store = valueOf(graph::GraphStore::open(directory / "g"));
  }
  InterpreterInput input() const {
    InterpreterInput input;
    input.graph = store.get();
    input.seeds = {1, 2, 3};
    input.seed = 11;
    input.step = 4;
    return input;
  }

  /// Schema, states with two learnable tables, and an entry with everything sampled and fetched:
  ///   %s ids of p (1, 2, 3), %adj of a:w:p, %f ids of a (0, 2, 3, 4), %q ids of p at hop 1, %link,
  ///   %adjc of p:c:p, %xp, %xz, %xa, %xq rows of the tables, %y, %m labels, %sp sparse rows, and the
  ///   params %W 2x3, %W3 3x2, %M 2x2, %b, %b2 2, %c 1.
  static std::string program(const std::string &body, const std::string &more = "") {
    return R"(
!s = !hgnn.ids<rows(0, @p)>
!f = !hgnn.ids<rows(1, @a)>
!q = !hgnn.ids<rows(1, @p)>
!adj = !hgnn.adj<0, @"a:w:p" from @a to @p>
!adjc = !hgnn.adj<0, @"p:c:p" from @p to @p>
!link = !hgnn.link<0, @p>
!rp = !hgnn.tensor<rows(0, @p) : 2xf32>
!r1 = !hgnn.tensor<rows(0, @p) : 1xf32>
!r3 = !hgnn.tensor<rows(0, @p) : 3xf32>
!r4 = !hgnn.tensor<rows(0, @p) : 4xf32>
!ra = !hgnn.tensor<rows(1, @a) : 2xf32>
!rq = !hgnn.tensor<rows(1, @p) : 2xf32>
!e = !hgnn.tensor<edges(0, @"a:w:p") : 2xf32>
!act = !hgnn.tensor<active(0, @"a:w:p") : 2xf32>
!act1 = !hgnn.tensor<active(0, @"a:w:p") : 1xf32>
!p1 = !hgnn.tensor<param : 1xf32>
!p2 = !hgnn.tensor<param : 2xf32>
!p22 = !hgnn.tensor<param : 2x2xf32>
!p23 = !hgnn.tensor<param : 2x3xf32>
!p32 = !hgnn.tensor<param : 3x2xf32>
!ly = !hgnn.labels<rows(0, @p), 3>
!lm = !hgnn.labels<rows(0, @p), 3, multi>
!sp = !hgnn.sparse<rows(0, @p), 3>
module {
hgnn.node_type @a {id = 0 : i64, num_nodes = 5 : i64, features = {}}
hgnn.node_type @p {id = 1 : i64, num_nodes = 5 : i64, features = {}}
hgnn.relation @"a:w:p" from @a to @p {id = 0 : i64, name = "w", num_edges = 5 : i64}
hgnn.relation @"p:c:p" from @p to @p {id = 1 : i64, name = "c", num_edges = 3 : i64}
hgnn.relation @"p:v:a" from @p to @a {id = 2 : i64, name = "v", num_edges = 5 : i64, reverse_of = 0 : i64}
hgnn.task @p {label = "y", split = "main", multilabel = false, class_names = ["u", "v", "w"],
  loss = "cross_entropy", metrics = [], num_train = 2 : i64, num_valid = 0 : i64, num_test = 0 : i64}
hgnn.optimizer adam {group = 0 : i64, lr = 0.5 : f64, beta1 = 0.9 : f64, beta2 = 0.99 : f64,
  eps = 0.001 : f64, weight_decay = 0.1 : f64, momentum = 0.0 : f64}
hgnn.state embedding_rows @ta {shape = array<i64: 2>, rows_type = @a, init = {kind = "uniform", a = -1.0 : f64, b = 1.0 : f64}}
hgnn.state embedding_rows @tp {shape = array<i64: 2>, rows_type = @p, init = {kind = "normal", a = 0.0 : f64, b = 1.0 : f64}}
hgnn.state embedding_rows @tz {shape = array<i64: 2>, rows_type = @p, init = {kind = "uniform", a = -2.0 : f64, b = 2.0 : f64}}
hgnn.state parameter @W {shape = array<i64: 2, 3>, init = {kind = "uniform", a = -1.0 : f64, b = 1.0 : f64}}
hgnn.state parameter @W3 {shape = array<i64: 3, 2>, init = {kind = "uniform", a = -1.0 : f64, b = 1.0 : f64}}
hgnn.state parameter @M {shape = array<i64: 2, 2>, init = {kind = "normal", a = 0.0 : f64, b = 1.0 : f64}}
hgnn.state parameter @b {shape = array<i64: 2>, init = {kind = "constant", a = 1.5 : f64, b = 0.0 : f64}}
hgnn.state parameter @b2 {shape = array<i64: 2>, init = {kind = "uniform", a = 0.0 : f64, b = 1.0 : f64}}
hgnn.state parameter @c {shape = array<i64: 1>, init = {kind = "uniform", a = 0.0 : f64, b = 1.0 : f64}}
)" + more + R"(
hgnn.entry train_step @train_step {
  %s = hgnn.seeds : !s
  %adj = hgnn.sample %s fanout -1 : !s -> !adj
  %adjc = hgnn.sample %s fanout -1 : !s -> !adjc
  %f = hgnn.frontier samples(%adj) : (!adj) -> !f
  %q, %link = hgnn.frontier self %s samples(%adjc) : (!s, !adjc) -> (!q, !link)
  %xp = hgnn.fetch_rows @tp of %s : (!s) -> !rp
  %xz = hgnn.fetch_rows @tz of %s : (!s) -> !rp
  %xa = hgnn.fetch_rows @ta of %f : (!f) -> !ra
  %xq = hgnn.fetch_rows @tp of %q : (!q) -> !rq
  %y = hgnn.fetch_labels "y" of %s : (!s) -> !ly
  %m = hgnn.fetch_labels "m" of %s : (!s) -> !lm
  %sp = hgnn.fetch_sparse "s" of %s : (!s) -> !sp
  %W = hgnn.read @W : !p23
  %W3 = hgnn.read @W3 : !p32
  %M = hgnn.read @M : !p22
  %b = hgnn.read @b : !p2
  %b2 = hgnn.read @b2 : !p2
  %c = hgnn.read @c : !p1
)" + body + "\n}\n}\n";
  }

  static void check(const absl::Status &status) { ASSERT_TRUE(status.ok()) << messageOf(status); }

  TemporaryDirectory directory;
  std::unique_ptr<graph::GraphStore> store;
};

/// One op on the values of SmallGraph::program. `text` computes %r; `type` is the type of %r.
struct OpCase {
  std::string name, text, type;
};
/// Every compute op at least once.
std::vector<OpCase> opCases();

} // namespace heddle::test

#endif // HEDDLE_TESTS_UNIT_COMPILER_INTERPRETERSUPPORT_H
