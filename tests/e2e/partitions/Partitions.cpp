//===- Partitions.cpp - partitioned steps against the whole one ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// heddle_partitions --count N [--first-seed S] [--verbose]
//
// Each seed makes a random schema, graph and spec (tests/unit/compiler/RandomGraph.h), with the
// built-in R-GCN or one of layerPrograms(). The interpreter (fp64) runs the training phase whole,
// and cut into 1, 2, 3, as many partitions as there are root links and two more, with a replicated head,
// with a leader, and in vanilla order:
//  1. Outputs, and gradients of all states: 1e-12 normwise. Gradients are measured against the
//  largest
//     of the tensor's own norm and 1e-2 of that of all gradients: some are rounding only.
//  2. States after a step from the same states, twice: 1e-12. Adam's step is lr * g / (|g| + eps):
//  where
//     |g| is rounding, so is the step. Such numbers are compared by their moments.
//  3. States after two steps by itself: 1e-8 where Adam is, else 1e-11.
//  4. Bytes of activations: exactly (partitions - 1) * seeds * width * 4 each way of each merge,
//     whatever fan-outs and depth (invariant 9 of the method). In vanilla order bytes of every class:
//     those of the formulas in the rows of the frontiers (VanillaBytes.h).
// The interpreter itself refuses copies or outputs that differ in a bit between partitions.
// The full run is `bin/heddle_partitions --count 200`; ctest runs 20 seeds.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/partitions/Partitions.h"

#include "tests/e2e/partitions/VanillaBytes.h"

#include "compiler/frontend/BuildModel.h"
#include "compiler/interpreter/Interpreter.h"
#include "passes/Passes.h"
#include "runtime/graph/GraphStore.h"
#include "tests/unit/compiler/RandomGraph.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <unistd.h>

using namespace heddle;
using namespace heddle::test;
using compiler::InterpreterInput;
using compiler::InterpreterResult;
using compiler::NumericArray;
using compiler::NumericArrays;

namespace {

using Module = mlir::OwningOpRef<mlir::ModuleOp>;

class Case {
public:
  Case(uint64_t seed, Findings &findings, bool verbose)
      : seed(seed), findings(findings), verbose(verbose), random(seed * 104729 + 7),
        handler(&context, [this](mlir::Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
            messages += diagnostic.str() + "; ";
        }) {
    std::string pattern = (std::filesystem::temp_directory_path() / "heddle_part_XXXXXX").string();
    if (mkdtemp(pattern.data()))
      folder = pattern;
  }
  ~Case() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  absl::Status run() {
    HEDDLE_RETURN_IF_ERROR(prepare());
    HEDDLE_RETURN_IF_ERROR(runWhole());
    if (links == 0)
      return invalidArgument("the model has no root link");
    // A mean over the batch is taken of whole links at the seeds.
    const bool couples = spec.model.encoder == "han";
    auto refused = [&](int64_t p) {
      return couples ? p > links || (p > 1 && spec.model.numLayers > 1)
                     : p > links && onlySelf; // that link alone is never cut
    };
    for (const char *mode : {"replicated", "leader"})
      for (int64_t p : std::set<int64_t>{1, 2, 3, links, links + 2})
        if (!refused(p))
          HEDDLE_RETURN_IF_ERROR(compare(p, mode));
    if (couples)
      return absl::OkStatus();
    for (int64_t p : std::set<int64_t>{1, 2, 3, links})
      HEDDLE_RETURN_IF_ERROR(compareVanilla(p));
    return absl::OkStatus();
  }
  std::string name;

private:
  absl::Status failed(const std::string &what) { return invalidArgument(what + ": " + messages); }

  absl::Status runPasses(mlir::ModuleOp module, const std::vector<std::string> &passes) {
    std::string pipeline;
    for (const std::string &pass : passes)
      pipeline += (pipeline.empty() ? "" : ",") + pass;
    mlir::PassManager manager(module.getContext());
    if (llvm::failed(mlir::parsePassPipeline(pipeline, manager, llvm::errs())) ||
        llvm::failed(manager.run(module)))
      return failed(pipeline);
    return absl::OkStatus();
  }

  absl::Status prepare() {
    static const bool registered = (passes::registerHeddlePasses(), true);
    (void)registered;
    HEDDLE_ASSIGN_OR_RETURN(RandomCase made, makeRandomCase(seed, folder));
    name = made.name;
    HEDDLE_ASSIGN_OR_RETURN(store, graph::GraphStore::open(made.graphDirectory));
    HEDDLE_ASSIGN_OR_RETURN(spec::ModelSpec written,
                            spec::parseModelSpec(made.spec, "random.json"));
    const bool program = seed % 3 != 0;
    if (program)
      written.model.featureless = false; // the programs read inputs
    HEDDLE_ASSIGN_OR_RETURN(spec::ResolvedSpec resolved, spec::resolve(written, store->schema()));
    spec = resolved.spec;
    if (program) {
      const LayerProgram &layers =
          layerPrograms()[(seed / 3 * 2 + seed % 3 - 1) % layerPrograms().size()];
      spec.model.encoder = folder + "/layers.mlir";
      std::ofstream(spec.model.encoder) << layers.text;
      name += std::string(", layers ") + layers.name;
    }
    if (verbose)
      std::printf("seed %llu: %s\n", (unsigned long long)seed, name.c_str());

    context.loadDialect<hgnn::HgnnDialect>();
    context.disableMultithreading();
    metatree = compiler::buildModel(context, spec, store->schema());
    if (!metatree)
      return failed("no model could be built");
    HEDDLE_RETURN_IF_ERROR(runPasses(*metatree, {"hgnn-unroll"}));
    whole = Module(metatree->clone());
    HEDDLE_RETURN_IF_ERROR(runPasses(*whole, {"hgnn-differentiate"}));
    Module raf(metatree->clone());
    HEDDLE_RETURN_IF_ERROR(
        runPasses(*raf, {"hgnn-relation-aggregation-first", "hgnn-verify-phase{phase=raf}"}));
    raf->walk([&](hgnn::PartialOp op) {
      if (op->getParentOfType<hgnn::EntryOp>().getKind() != hgnn::EntryKind::Train)
        return;
      ++links;
      onlySelf = links == 1 && *op.getLink() == "self";
    });
    raf->walk([&](hgnn::MergeOp op) {
      if (op->getParentOfType<hgnn::EntryOp>().getKind() == hgnn::EntryKind::Train)
        width += mlir::cast<hgnn::FeatType>(op.getType()).getWidth();
    });

    int target = store->schema().nodeTypeId(spec.task.targetNtype);
    HEDDLE_ASSIGN_OR_RETURN(graph::SplitView split,
                            store->split(target, spec.task.label, spec.task.split));
    train.assign(split.train, split.train + split.numTrain);
    for (int64_t node = 0; node < store->schema().nodeTypes[size_t(target)].numNodes; ++node)
      if (random() % 3)
        evaluated.push_back(node);
    return absl::OkStatus();
  }

  InterpreterInput input(uint32_t step, const NumericArrays &states) {
    InterpreterInput in;
    in.graph = store.get();
    in.seeds = train;
    if (int64_t size = spec.train.batchSize; size > 0 && size < int64_t(train.size()) && step == 1)
      in.seeds.resize(size_t(size));
    in.seed = seed + 1;
    in.step = step;
    in.states = states;
    return in;
  }

  absl::StatusOr<InterpreterResult> interpret(mlir::ModuleOp module, const char *entry,
                                              const InterpreterInput &in) {
    auto result = compiler::interpret(module, entry, in);
    if (llvm::failed(result))
      return failed(std::string("interpreting ") + entry);
    return *result;
  }

  absl::Status runWhole() {
    InterpreterInput eval = input(0, {});
    eval.seeds = evaluated;
    HEDDLE_ASSIGN_OR_RETURN(wantedEval, interpret(*whole, "eval_step", eval));
    NumericArrays states;
    for (uint32_t step = 0; step < 2; ++step) {
      HEDDLE_ASSIGN_OR_RETURN(InterpreterResult result,
                              interpret(*whole, "train_step", input(step, states)));
      states = result.states;
      wanted.push_back(result);
    }
    return absl::OkStatus();
  }

  bool isAdam(const std::string &state) const {
    return spec.train.optimizer.name != "sgd" ||
           (state.rfind("embeddings.", 0) == 0 && spec.train.sparseOptimizer.name != "sgd");
  }

  /// Takes over from `like` what is rounding: steps by gradients far below the largest.
  static NumericArray withoutRounding(NumericArray array, const NumericArray &like,
                                      const NumericArray &moment1) {
    double largest = 0;
    for (double m : moment1.data)
      largest = std::max(largest, std::abs(m));
    for (size_t i = 0; i < array.data.size() && i < moment1.data.size(); ++i)
      if (std::abs(moment1.data[i]) < 1e-4 * std::max(largest, 1e-3))
        array.data[i] = like.data[i];
    return array;
  }

  void compareStates(const std::string &where, const InterpreterResult &got,
                     const InterpreterResult &want, double floor) {
    for (const auto &[state, array] : want.states) {
      auto found = got.states.find(state);
      if (found == got.states.end()) {
        findings.add(where, "state " + state + " is missing");
        continue;
      }
      auto moment = want.states.find(state + ".moment1");
      NumericArray mine = moment == want.states.end()
                              ? found->second
                              : withoutRounding(found->second, array, moment->second);
      bool squares = state.size() > 8 && state.compare(state.size() - 8, 8, ".moment2") == 0;
      findings.within(where, "state " + state,
                      normwise(mine.data, array.data, squares ? floor * floor : floor), 1e-12);
    }
    for (const auto &[state, array] : got.states)
      if (!want.states.count(state))
        findings.add(where, "state " + state + " is there, and should not be");
  }

  /// A pass whose decision the seed and the number of partitions make; the whole step is without it.
  std::string rewriting(const std::string &pass, uint64_t variant) const {
    static const char *const decisions[] = {"on", "auto", "on", "off"};
    return pass + "{decide=" + decisions[(seed + variant) % 4] + "}";
  }

  absl::Status compare(int64_t p, const std::string &mode) {
    std::string where = std::to_string(p) + " of " + std::to_string(links) + " partitions, " + mode;
    static const char *rules[] = {"sampled", "heta", "heta-code"};
    Module cut(metatree->clone());
    HEDDLE_RETURN_IF_ERROR(
        runPasses(*cut, {rewriting("hgnn-order-aggregation", uint64_t(p) / 3 + 1),
                         rewriting("hgnn-reorder-products", uint64_t(p)),
                         "hgnn-relation-aggregation-first",
                         "hgnn-assign-partitions{partitions=" + std::to_string(p) +
                             " weights=" + rules[(seed + uint64_t(p)) % 3] +
                             (seed % 2 ? " split=balance}" : "}"),
                         "hgnn-insert-communication{mode=" + mode + "}",
                         "hgnn-verify-phase{phase=partitioned}",
                         rewriting("hgnn-compact-sources", uint64_t(p) / 2), "hgnn-differentiate",
                         "hgnn-verify-phase{phase=training}"}));

    return compareSteps(
        *cut, where, {"loss", "logits", "ids"},
        [&](const std::string &at, const InterpreterInput &in, const InterpreterResult &got,
            const InterpreterResult &want) {
          if (at.find("eval_step") == std::string::npos)
            checkActivations(at, got.bytes.count("activations") ? got.bytes.at("activations") : 0,
                             2 * (p - 1) * int64_t(in.seeds.size()) * width * 4, mode, want);
          return absl::OkStatus();
        });
  }

  absl::Status compareVanilla(int64_t p) {
    Module cut(metatree->clone());
    HEDDLE_RETURN_IF_ERROR(
        runPasses(*cut, {rewriting("hgnn-order-aggregation", uint64_t(p) / 3 + 1),
                         rewriting("hgnn-reorder-products", uint64_t(p)),
                         "hgnn-data-parallel{partitions=" + std::to_string(p) + "}",
                         "hgnn-verify-phase{phase=partitioned}",
                         rewriting("hgnn-compact-sources", uint64_t(p) / 2), "hgnn-differentiate",
                         "hgnn-verify-phase{phase=training}"}));
    showFrontiers(*cut);
    // Nobody reads logits of training, so they are not gathered.
    return compareSteps(
        *cut, "vanilla, " + std::to_string(p) + " partitions", {"loss", "ids"},
        [&](const std::string &at, const InterpreterInput &in, const InterpreterResult &got,
            const InterpreterResult &want) -> absl::Status {
          bool training = at.find("eval_step") == std::string::npos;
          HEDDLE_ASSIGN_OR_RETURN(auto formula, vanillaBytes(*metatree, *store, training, p,
                                                             int64_t(in.seeds.size()),
                                                             got.outputs, want.outputs));
          for (const char *traffic :
               {"activations", "dense_gradients", "embedding_rows", "remote_features"}) {
            auto sent = got.bytes.find(traffic);
            int64_t count = sent == got.bytes.end() ? 0 : sent->second;
            if (count != formula[traffic])
              findings.add(at, "sends " + std::to_string(count) + " bytes of " + traffic + ", not " +
                                   std::to_string(formula[traffic]));
          }
          return absl::OkStatus();
        });
  }

  using CheckBytes =
      std::function<absl::Status(const std::string &, const InterpreterInput &,
                                 const InterpreterResult &, const InterpreterResult &)>;
  /// Evaluation and two steps of a cut module; `shown`: what the training step has beside gradients.
  absl::Status compareSteps(mlir::ModuleOp cut, const std::string &where,
                            const std::vector<const char *> &shown, const CheckBytes &checkBytes) {
    InterpreterInput eval = input(0, {});
    eval.seeds = evaluated;
    HEDDLE_ASSIGN_OR_RETURN(InterpreterResult result, interpret(cut, "eval_step", eval));
    HEDDLE_RETURN_IF_ERROR(checkBytes(where + ", eval_step", eval, result, wantedEval));
    for (const char *output : {"loss", "logits", "ids"})
      compareArrays(findings, where + ", eval_step", result.outputs, wantedEval.outputs, output,
                    1e-12, 1e-6);

    NumericArrays alone;
    for (uint32_t step = 0; step < 2; ++step) {
      std::string at = where + ", step " + std::to_string(step);
      const InterpreterResult &want = wanted[step];
      InterpreterInput in = input(step, step ? wanted[0].states : NumericArrays());
      HEDDLE_ASSIGN_OR_RETURN(InterpreterResult got, interpret(cut, "train_step", in));
      double norm = 0;
      for (const auto &[output, array] : want.outputs)
        if (output.rfind("grad:", 0) == 0)
          norm = std::hypot(norm, normOf(array.data));
      for (const char *output : shown)
        compareArrays(findings, at, got.outputs, want.outputs, output, 1e-12, 1e-6);
      compareArrays(findings, at, got.outputs, want.outputs, "grad:", 1e-12,
                    std::max(1e-2 * norm, 1e-12));
      compareStates(at, got, want, std::max(1e-2 * norm, 1e-3));
      HEDDLE_RETURN_IF_ERROR(checkBytes(at, in, got, want));

      HEDDLE_ASSIGN_OR_RETURN(InterpreterResult own,
                              interpret(cut, "train_step", input(step, alone)));
      alone = own.states;
    }
    for (const auto &[state, array] : wanted.back().states) {
      bool adam = isAdam(state) || state.find(".moment") != std::string::npos;
      findings.within(where + ", two steps alone", "state " + state,
                      normwise(alone[state].data, array.data, 1e-2), adam ? 1e-8 : 1e-11);
    }
    return absl::OkStatus();
  }

  /// A leader sends nothing back where nothing below the merges learns.
  void checkActivations(const std::string &where, int64_t got, int64_t bytes,
                        const std::string &mode, const InterpreterResult &want) {
    bool learns = false;
    for (const auto &[output, array] : want.outputs)
      learns |= output.rfind("grad:", 0) == 0;
    if (got == bytes || (mode == "leader" && !learns && got * 2 == bytes))
      return;
    findings.add(where, "sends " + std::to_string(got) + " bytes of activations, not " +
                            std::to_string(bytes));
  }

  uint64_t seed;
  Findings &findings;
  bool verbose;
  std::mt19937_64 random;
  std::string folder, messages;
  mlir::MLIRContext context;
  mlir::ScopedDiagnosticHandler handler;
  std::shared_ptr<graph::GraphStore> store;
  spec::ModelSpec spec;
  Module metatree, whole;
  InterpreterResult wantedEval;
  std::vector<InterpreterResult> wanted;
  std::vector<int64_t> train, evaluated;
  int64_t links = 0, width = 0;
  bool onlySelf = false; ///< the one root link is the identity link
};

} // namespace

std::string heddle::test::runCase(uint64_t seed, Findings &findings, bool verbose) {
  Case one(seed, findings, verbose);
  if (absl::Status status = one.run(); !status.ok())
    findings.add("error", messageOf(status));
  return one.name;
}
