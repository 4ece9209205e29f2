//===- Passes.td - the passes over hgnn ------------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_PASSES_TD
#define HEDDLE_PASSES_TD

include "mlir/Pass/PassBase.td"

def UnrollPass : Pass<"hgnn-unroll", "::mlir::ModuleOp"> {
  let summary = "from the model phase to the metatree phase";
  let description = [{
    Goal: make the layered DAG of one step explicit. From the target type at hop 0, each layer adds one
    vertex per (hop, node type) and one link per (hop, relation); every vertex gets one frontier, every
    link one sample, and the layer programs are instantiated on concrete domains.

    Invariants established: no hgnn.input, hgnn.layer or generic type is left; each parameter is one
    hgnn.state, read once per entry; two entries, train_step (with the loss) and eval_step (without
    dropout, with the evaluation's fan-outs); a (hop, relation) is sampled at most once per entry.

    Restrictions: all input programs yield one width (fundamental: a relation-generic program has one
    "in"); dropout on edges or inside `message` is refused (incidental: it needs the keys of edges).

    Example: for target p and one relation a:w:p, one layer
    ```mlir
    hgnn.entry train_step @train_step {
      %seeds = hgnn.seeds : !hgnn.ids<rows(0, @p)>
      %adj = hgnn.sample %seeds fanout 10 : !hgnn.ids<rows(0, @p)> -> !hgnn.adj<0, @"a:w:p" from @a to @p>
      %ids = hgnn.frontier samples(%adj) : (...) -> !hgnn.ids<rows(1, @a)>
      ...
    }
    ```
  }];
  let statistics = [
    Statistic<"numVertices", "vertices", "(hop, node type) vertices of the training step">,
    Statistic<"numLinks", "links", "(hop, relation) links of the training step">,
    Statistic<"numPruned", "pruned-relations", "relations that reach no vertex">];
}

def DifferentiatePass : Pass<"hgnn-differentiate", "::mlir::ModuleOp"> {
  let summary = "from the metatree phase to the training phase";
  let description = [{
    Goal: append to train_step the gradient of its output "loss" to every state it reads, and one
    optimizer step per state.

    Invariants established: every state that the loss depends on has exactly one output "grad:STATE" and
    one optimizer step; gradients are only ever summed; moments and row counters are states of their own.

    Restrictions: every op between a state and the loss implements DifferentiableOp (fundamental).
  }];
  let statistics = [Statistic<"numGradients", "gradients", "states with a gradient">];
}

def FusePass : Pass<"hgnn-fuse", "::mlir::ModuleOp"> {
  let summary = "from the training phase to the kernels phase";
  let description = [{
    Goal: group compute ops into kernels, one loop over one domain each, and outline them. A value that
    several kernels would have to compute again is materialized unless it is only moved data; what a
    library computes (dense products of rows) stays at the top level. Kernels of equal structure are
    one function.

    Invariants established: at the top level of an entry only seeds, sample, frontier, fetches, read,
    scalar, reshape, linear, linear_grad_weight, launch and output remain. "grad:" outputs are gone
    unless `keep-gradients` asks for them.

    Restrictions: none.
  }];
  let options = [
    Option<"keepGradients", "keep-gradients", "bool", "false",
           "keep the outputs grad:STATE (for comparing phases in the interpreter)">,
    Option<"maxFused", "max-fused", "int64_t", "0",
           "most ops in one kernel; 1 makes a kernel of every op; 0 = no limit">];
  let statistics = [Statistic<"numLaunches", "launches", "launches in all entries">,
                    Statistic<"numKernels", "kernels", "different kernels">];
}

def VerifyPhasePass : Pass<"hgnn-verify-phase", "::mlir::ModuleOp"> {
  let summary = "checks the normal form of a phase";
  let description = [{
    Goal: say what may not occur any more. model: no entry, state or kernel. metatree: no input, layer,
    param or generic type; no optimizer step or gradient op. training: as metatree, with optimizer
    steps. kernels: at the top level of entries only what hgnn-fuse leaves.
  }];
  let options = [Option<"phase", "phase", "std::string", "", "model, metatree, training or kernels">];
}

#endif // HEDDLE_PASSES_TD
