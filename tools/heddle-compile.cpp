//===- heddle-compile.cpp - a model spec and a graph to a plan -------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/check/CheckLayer.h"
#include "compiler/driver/Compile.h"
#include "runtime/base/Failure.h"
#include "runtime/base/Suggest.h"
#include "tools/support/Cli.h"

#include "llvm/Support/ErrorHandling.h"

#include <iostream>

/// LLVM ends the process by a signal where memory or threads run out.
static void endLlvmWithMessage() {
  llvm::install_bad_alloc_error_handler([](void *, const char *, bool) { heddle::endNow(); });
  llvm::install_fatal_error_handler(
      [](void *, const char *reason, bool) { heddle::endNow(reason); });
}

int main(int argc, char **argv) {
  using namespace heddle;
  endLlvmWithMessage();
  CLI::App app;
  cli::setUp(app, "heddle-compile", "Compiles a model spec for a graph's schema into a plan file.",
             "  heddle-compile --graph wn/ --model rgcn.json -o wn.plan\n"
             "  heddle-compile --graph wn/ --model rgcn.json --partitions 4 -o wn4.plan\n"
             "  heddle-compile --graph wn/ --model rgcn.json --emit=metatree\n"
             "  heddle-compile --graph wn/ --model gatv2-wordnet.json --check-layer\n"
             "  heddle-compile --print-config > defaults.json");
  compiler::CompileOptions options;
  std::string emit;
  bool printConfig = false, quiet = false, checkLayer = false;
  app.add_option("--graph", options.graph, "Graph directory, or its graph.json (no array is read)");
  app.add_option("--model", options.model, "Model spec (JSON, comments allowed)");
  app.add_option("-o,--output", options.output, "Plan file to write");
  app.add_flag("--force", options.force, "Replace an existing plan");
  app.add_option("--emit", emit,
                 "Print the program after a phase instead: model, metatree, raf, partitioned, "
                 "training, cached or kernels; or layer: the layer programs alone, as a file that "
                 "\"encoder\" may name");
  app.add_flag(
      "--check-layer", checkLayer,
      "Print the shapes of all values of the layers and all parameters, and compare every "
      "gradient with finite differences on a few random nodes (exit code 1 if one is wrong)");
  const char *cutting = "Partitions";
  app.add_option("--partitions", options.partitions,
                 "Parts that a step is cut into; a plan runs on 1 to so many workers")
      ->group(cutting);
  app.add_option(
         "--order", options.order,
         "auto (the cost model's choice), raf (relation-aggregation-first) or vanilla (each "
         "partition a block of the seeds, rows of features spread)")
      ->group(cutting);
  app.add_option("--exchange", options.exchange,
                 "Where the part above the merges runs: replicated (in all partitions), leader (in "
                 "the first), auto")
      ->group(cutting);
  app.add_option("--weights", options.weights,
                 "What root links are balanced by: sampled (expected work of a step), heta (nodes "
                 "and edges, Heta's Algorithm 2), heta-code (as its released code counts them)")
      ->group(cutting);
  app.add_option(
         "--split", options.split,
         "Root links that several partitions share, each a block of the seeds: needed (only "
         "where there are more partitions than root links), balance (also to even out the "
         "loads), auto (the cost model's choice)")
      ->group(cutting);
  app.add_option("--cpu", options.targets,
                 "CPU feature levels to generate code for: x86-64-v2, x86-64-v3, x86-64-v4 "
                 "(default: all three)")
      ->delimiter(',');
  app.add_option(
         "--gpu", options.gpus,
         "GPUs to generate code for besides: sm_75, sm_80, sm_90 (each runs on its generation and "
         "later ones; all share one text, so several cost no more than one), or all (default: "
         "none)")
      ->delimiter(',');
  app.add_option("--gpu-products", options.gpuProducts,
                 "Dense products on a GPU: fp32 (the default), or tf32 (inputs rounded to 10 bits "
                 "behind the point; "
                 "faster from sm_80 on, and no longer what a CPU computes)");
  app.add_option(
         "--optimize", options.optimize,
         "NAME=auto|on|off, a rewrite that the cost model decides (auto, the default), that is "
         "made wherever it can be, or never: aggregate-first (products after sums over edges; "
         "off: before them), reorder-products ((x W) a becomes x (W a)), compact-sources (what "
         "one relation reads of its sources is made for those alone), stitch-relations (sums "
         "over many relations go through one relation after the other), group-products (dense "
         "products of the same rows run together, tile by tile), recompute (what several kernels "
         "read is evaluated in each of them, not stored)")
      ->delimiter(',');
  app.add_option("--max-fused", options.maxFused,
                 "Most ops in one kernel; 1 makes a kernel of every op, 0 = no limit")
      ->check(CLI::Range(0, 1 << 30));
  app.add_option(
      "--machine-rates", options.machineRates,
      "GBps,GFLOPs of the machine to plan for: of gathered rows and dense products; two more: of "
      "streamed arrays and generated kernels; two more: GB/s between workers and us a message "
      "(default: an ordinary server socket)");
  app.add_flag("--print-config", printConfig,
               "Print every setting with its value: defaults alone, or --model's, resolved if "
               "--graph is given");
  app.add_flag("--quiet", quiet, "Print no remarks");
  return cli::run(
      app, argc, argv,
      {{"--config", "--model"},
       {"--spec", "--model"},
       {"--dataset", "--graph"},
       {"--data", "--graph"},
       {"--out", "--output"}},
      [&]() -> absl::Status {
        if (printConfig) {
          spec::ModelSpec spec = spec::defaultModelSpec();
          if (!options.model.empty()) {
            HEDDLE_ASSIGN_OR_RETURN(spec, spec::readModelSpec(options.model));
          }
          if (!options.graph.empty()) {
            HEDDLE_ASSIGN_OR_RETURN(graph::GraphSchema schema,
                                    graph::readGraphSchema(options.graph));
            HEDDLE_ASSIGN_OR_RETURN(spec::ResolvedSpec resolved, spec::resolve(spec, schema));
            spec = resolved.spec;
          }
          cli::print(spec::printModelSpec(spec));
          return absl::OkStatus();
        }
        if (options.graph.empty() || options.model.empty())
          return invalidArgument("--graph and --model are needed; see --help");
        if (checkLayer) {
          HEDDLE_ASSIGN_OR_RETURN(compiler::LayerReport report,
                                  compiler::checkLayers(options.graph, options.model));
          cli::print(report.text);
          return report.problem.empty() ? absl::OkStatus()
                                        : internalError(options.model + ": " + report.problem);
        }
        if (!emit.empty()) {
          std::vector<std::string> phases = compiler::phaseNames();
          phases.push_back("layer");
          if (std::find(phases.begin(), phases.end(), emit) == phases.end())
            return invalidArgument("--emit: unknown phase '" + emit + "'" +
                                   suggestion(emit, phases));
          HEDDLE_ASSIGN_OR_RETURN(std::string text, compiler::emitPhase(options, emit));
          cli::print(text);
          return absl::OkStatus();
        }
        if (options.output.empty())
          return invalidArgument(
              "-o PLAN is needed (or --emit=PHASE, or --check-layer); see --help");
        HEDDLE_ASSIGN_OR_RETURN(compiler::CompileReport report, compiler::compileToPlan(options));
        if (!quiet)
          for (const std::string &remark : report.remarks)
            std::cerr << "remark: " << remark << "\n";
        std::cerr << "wrote " << options.output << " (" << report.planBytes / 1024 << " KiB) in "
                  << int64_t(report.seconds * 1000) << " ms\n";
        return absl::OkStatus();
      });
}
