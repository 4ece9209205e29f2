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
    link one sample, and the layer programs are instantiated on concrete domains. `combine max` and
    `softmax` over two relations or more become terms, which hgnn.combine merges (of one, its message is
    the result; of a message that yields terms of its edges, their value). What messages make of source
    rows and of params that no relation has to itself is made once for all relations; products of own
    rows with such params are made of all rows and then restricted.

    Invariants established: no hgnn.input, hgnn.layer or generic type is left; each parameter is one
    hgnn.state, read once per entry; two entries, train_step (with the loss) and eval_step (without
    dropout, with the evaluation's fan-outs); a (hop, relation) is sampled at most once per entry. With
    `infer` also an entry infer_layer for each layer and node type that a step needs its rows of, and for
    each input program that is read: any rows of the type, of the rows that the layer before left in
    states of role `hidden`. Layer by layer over all nodes they give what a step with all neighbours gives.
    A model with a hgnn.batch_reduce has none: its rows depend on what else is in the batch.

    Restrictions: all input programs yield one width (fundamental: a relation-generic program has one
    "in"); in `message`, dropout is of edge values only, which the ids of edges key (incidental: rows would
    need those of the sources); hgnn.edge_position is refused where a destination may have more than
    2^24 edges (fundamental: it is an f32).

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
  let options = [Option<"infer", "infer", "bool", "false", "also entries of layer-wise inference">];
  let statistics = [
    Statistic<"numVertices", "vertices", "(hop, node type) vertices of the training step">,
    Statistic<"numLinks", "links", "(hop, relation) links of the training step">,
    Statistic<"numPruned", "pruned-relations", "relations that reach no vertex">];
}

def OrderAggregationPass : Pass<"hgnn-order-aggregation", "::mlir::ModuleOp"> {
  let summary = "products before or after sums over edges, by relation (metatree phase)";
  let description = [{
    Goal: put a product with a parameter after the weighted sum over a destination's edges (aggregate first)
    or before it, on the sources' rows (transform first), whichever is less work for that relation: products
    of active destinations or of distinct sources, edges that read rows of the width before or after.

    Rewrites: a sum over edges of gathered rows, scaled by a number for each edge or destination, and then a
    product; the same with the product in front; and a softmax's weighted sum whose values are a product
    with as many heads (one, or hgnn.head_linear), which then stands behind hgnn.combined. Scores may read the
    product besides: hgnn-reorder-products, which follows, makes them of the rows.

    Decision: by the cost model for each link; `decide=on` puts all products after, `off` all before.
    `compact`: whether hgnn-compact-sources may make products of distinct sources; `reorder`: whether
    hgnn-reorder-products may make scores without the product.

    Invariants established: none; the values are the same but for the order of additions.

    Restrictions: what stands between has one reader (fundamental: else it is made twice); a matrix of
    several heads that has one block for all of them (R-GAT) stays in front of a softmax (incidental: its
    columns would have to be sorted by heads); what is merged over relations as terms too (fundamental: the
    product is a relation's own).

    Example: 7 venues, 100 papers, one edge each
    ```mlir
    %e = hgnn.gather_src %x, %adj           %y = hgnn.linear %x, %w         // of 7 rows, not of 100
    %s = hgnn.reduce_dst %e, %adj      =>   %e = hgnn.gather_src %y, %adj
    %y = hgnn.linear %s, %w                 %s = hgnn.reduce_dst %e, %adj
    ```
  }];
  let options = [
    Option<"decide", "decide", "std::string", "\"auto\"", "auto, on (aggregate first) or off">,
    Option<"compact", "compact", "bool", "true", "products may be of distinct sources alone">,
    Option<"reorder", "reorder", "bool", "true", "scores may be made without the product">];
  let statistics = [
    Statistic<"numAggregateFirst", "aggregate-first", "links of the training step in that order">,
    Statistic<"numTransformFirst", "transform-first", "links of the training step in that order">,
    Statistic<"numTurned", "turned", "links that the program had in the other order">];
}

def ReorderProductsPass : Pass<"hgnn-reorder-products", "::mlir::ModuleOp"> {
  let summary = "(x W) a becomes x (W a) (metatree phase)";
  let description = [{
    Goal: multiply parameters first. An inner product with a param (of each head, where there are several)
    of what rows times a matrix give is rows times the product of matrix and param, which has a column for
    each head and is made once a step. A bias between them becomes its own inner product. Where only inner
    products read the rows times the matrix, those are not made: graph attention's destinations.

    Decision: by the cost model for each product, with both gradients in a training step; `decide=on`
    takes all of them, `off` none. `compact`: whether hgnn-compact-sources may make products of distinct sources.

    Invariants established: none; the values are the same but for the order of additions.

    Restrictions: the matrix is not transposed, and stands in front of the inner product (and its bias)
    alone (incidental: moves and slices between them could be exchanged with it). Before
    hgnn-differentiate (fundamental: gradients follow the order).

    Example: of 4 heads
    ```mlir
    %p = hgnn.linear %x, %w       //  [64, 64]        %c = hgnn.reshape %a {shape = array<i64: 4, 16, 1>}
    %s = hgnn.row_dot %p, %a      //  [4, 16]    =>   %v = hgnn.head_linear %w, %c   // [64, 4]
                                                      %s = hgnn.linear %x, %v
    ```
  }];
  let options = [
    Option<"decide", "decide", "std::string", "\"auto\"", "auto, on or off">,
    Option<"compact", "compact", "bool", "true", "products may be of distinct sources alone">];
  let statistics = [
    Statistic<"numReordered", "reordered", "inner products of the training step that were reordered">,
    Statistic<"numProductsLess", "products-less", "products that nothing reads any more">];
}

def CompactSourcesPass : Pass<"hgnn-compact-sources", "::mlir::ModuleOp"> {
  let summary = "what one relation reads of its sources, made for those alone (before hgnn-differentiate)";
  let description = [{
    Goal: compact materialization. What is made, row by row, of rows of a frontier and read by the edges of
    one relation alone (its projections of sources, and scores of them) is made over unique(hop, relation),
    the distinct sources of the sampled edges, instead of over all rows of the type at that hop. The sample's
    sources are numbered among themselves, hgnn.sources links them to their rows, hgnn.self_gather brings in
    the rows that are read; what edges read of all rows goes through the same link.

    Decision: by the cost model for each link, from the expected distinct sources and rows: products,
    copies, gradients and numbering; `decide=on` takes every link with a product, `off` none.

    Invariants established: an adjacency with `unique` sources has its hgnn.sources after its frontier, and
    all readers of its sources read rows of that domain.

    Restrictions: before hgnn-differentiate (fundamental: gradients follow the domains). What several
    relations read (a projection of a node type) stays over all rows (fundamental); sparse features, dropout
    and batch_reduce are not moved (incidental).

    Example: a:w:p, of which not every row of a at hop 1 has an edge
    ```mlir
    %l = hgnn.sources %adj of %ids : (...) -> !hgnn.link<0, @"a:w:p" from @a>
    %u = hgnn.self_gather %x, %l                // unique(0, @"a:w:p")
    %p = hgnn.linear %u, %w
    %e = hgnn.gather_src %p, %adj               // !hgnn.adj<0, @"a:w:p" from @a to @p, unique>
    ```
  }];
  let options = [Option<"decide", "decide", "std::string", "\"auto\"", "auto, on or off">];
  let statistics = [
    Statistic<"numCompacted", "compacted", "links of the training step whose sources are compacted">];
}

def RelationAggregationFirstPass : Pass<"hgnn-relation-aggregation-first", "::mlir::ModuleOp"> {
  let summary = "from the metatree phase to the raf phase";
  let description = [{
    Goal: end the sub-DAG of every root link (each relation into the seeds, and the identity link where
    the last layer reads own rows) in one partial, and make the cross-relation combine at the root a
    merge of partials. A combine that is a sum merges all partials at once; where own rows and messages
    meet in another op (a concatenation, or beside the combined rows of a maximum or softmax), each side
    has its own merge. The terms of hgnn.combine are the partials of a merge of that kind. Own rows that messages read
    (attention) are part of the relations' sub-DAGs.

    Invariants established: a relation's partial is 0, or an empty term, where it has no edge; each root link
    ends in at most one hgnn.partial, and in exactly one unless only
    messages read it; what is above the merges reads nothing from below but merges; constant divisors
    of sums within sums stand on the partials, a divisor of the whole sum above the merge.

    A link whose rows are used in several ways (own rows in a product and in a residual) has those rows, as
    they are, for its partial; what is made of them is made above the merge.

    Restrictions: rows of the seeds that are combined before a message reads them are refused
    (fundamental: the message would need all partitions' partials); a root link that gives nothing is
    refused (its frontier would touch learnable rows for nothing).

    Example: for relations a:w:p and p:c:p and a self-loop
    ```mlir
    %s = hgnn.add %w, %c           // messages             %pw = hgnn.partial %w {link = "a:w:p"}
    %o = hgnn.linear %own, %root   // own rows       =>     %pc = hgnn.partial %c {link = "p:c:p"}
    %r = hgnn.add %s, %o                                   %po = hgnn.partial %o {link = "self"}
    %b = hgnn.add_bias %r, %bias                           %m = hgnn.merge %pw, %pc, %po
                                                           %b = hgnn.add_bias %m, %bias
    ```
  }];
  let statistics = [Statistic<"numPartials", "partials", "partials of the training step">];
}

def AssignPartitionsPass : Pass<"hgnn-assign-partitions", "::mlir::ModuleOp"> {
  let summary = "who owns which root link (raf phase, first half of partitioned)";
  let description = [{
    Goal: give each root link of the raf phase to exactly one partition, largest sub-DAG first to the
    least loaded partition. The sub-DAG is the closure by reachability on the layered DAG; links below
    the root go to no one: each partition has those that its sub-DAGs need, once.

    Weights: `sampled` is the expected work of a step by the cost model; `heta` is Algorithm 2 of Heta
    (nodes of leaf vertices and edges of links), `heta-code` what its released code computes (edges of
    distinct relations, nodes of distinct types with the target).

    Invariants established: every hgnn.partial has a partition or owners, the same in all entries; no partition
    is empty; hgnn.partitioning records links and loads. Ties are broken by canonical order. Only the
    schema and the statistics in graph.json are read.

    More partitions than root links: the link with the heaviest pieces is cut once more until there are
    as many pieces as partitions (`split=needed`), and with `split=balance` also while that evens out
    the loads. Its owners aggregate one block of the seeds each; every destination's message is made
    by one of them, of all its edges, so whatever the message program, sums and other merges are those
    of the whole link. What a piece needs below the root is replicated as ever.

    Restrictions: the identity link is not cut (inherent: it has no edges to leave out), so a program
    without any other root link has one partition. Nor is a link whose message has a hgnn.batch_reduce
    (incidental: sums and counts of blocks could be merged). A batch_reduce further than the seeds is
    refused with several partitions (incidental, likewise): each has the rows that its own links need.

    Example: `hgnn-assign-partitions{partitions=2}` on the module above
    ```mlir
    hgnn.partitioning [["p:c:p", "self"], ["a:w:p"]] {loads = array<i64: 7, 5>, weights = "sampled"}
    ```
  }];
  let options = [
    Option<"partitions", "partitions", "int64_t", "1", "how many">,
    Option<"weights", "weights", "std::string", "\"sampled\"", "sampled, heta or heta-code">,
    Option<"split", "split", "std::string", "\"needed\"",
           "which root links are cut by blocks of the seeds: needed or balance">];
  let statistics = [Statistic<"numLinks", "root-links", "root links that were assigned">];
}

def InsertCommunicationPass : Pass<"hgnn-insert-communication", "::mlir::ModuleOp"> {
  let summary = "one entry per partition (partitioned phase)";
  let description = [{
    Goal: turn each entry into one per partition (`partition = k`, named ENTRY:k): its sub-DAGs, the sum
    of its partials (of another merge, their hgnn.combine), a collective for each merge, and the part above. `replicated`: the part above
    (head and loss) is in every partition, merges are hgnn.merge_all, and the backward pass sends no
    activations. `leader`: it is in partition 0 only, merges are hgnn.merge_to, and gradients come back
    by hgnn.broadcast.

    Invariants established: values below the merges are owned by their partition, frontiers have the
    samples of that partition only, and all links of its closure; a destination's edges of a root link are
    aggregated in one partition; states that one partition uses are its own (`partitions`), others have copies; every
    collective stands in all its partitions with one id.

    Restrictions: before hgnn-differentiate only (the order of the two is fixed: what is whole and what
    is a term of a gradient follows from the placements).

    Example: partition 1 of 2, which owns a:w:p
    ```mlir
    hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
      %adj = hgnn.sample %seeds fanout 10 : <rows(0, @p)> -> <0, @"a:w:p" from @a to @p, owned(1)>
      ...
      %p = hgnn.partial %w {link = "a:w:p", partition = 1 : i64} : !hgnn.tensor<rows(0, @p) : 3xf32, owned(1)>
      %m = hgnn.merge_all activations %p {bytes = 24 : i64, id = 0 : i64, partitions = array<i64: 0, 1>} : ...
    ```
  }];
  let options = [Option<"mode", "mode", "std::string", "\"replicated\"", "replicated or leader">];
  let statistics = [Statistic<"numCollectives", "collectives", "merges of the training step">];
}

def DataParallelPass : Pass<"hgnn-data-parallel", "::mlir::ModuleOp"> {
  let summary = "from the metatree phase to partitions in vanilla order";
  let description = [{
    Goal: the usual order, as the baseline of relation-aggregation-first. Each entry becomes one per
    partition (`partition = k`, named ENTRY:k): all of it, for the partition's block of the seeds. Rows of
    features and of learnable tables are spread: of N rows of a type, partition k of q keeps
    [N k / q, N (k + 1) / q). The rows of a frontier are asked for once (hgnn.request_rows) and come from
    their keepers (hgnn.fetch_remote_features, hgnn.fetch_remote_rows). The loss is the merged sum over
    the blocks times the global 1 / count; logits of evaluation are gathered, those of training are not
    shown. hgnn-differentiate then merges the terms of dense gradients and pushes row gradients to the
    keepers, each of which steps its touched rows once.

    Invariants established: values below the seeds are `owned(k) split`; each seed is in one block; tables
    are `spread`; dense parameters have a copy in every partition; ids are sent once a frontier; labels are
    everywhere; every collective stands in all partitions with one id.

    Restrictions: a forward sum over rows further than the seeds is refused (fundamental: frontiers of
    several partitions have rows in common); so is one that rows of the batch depend on again
    (incidental: its gradient would be one more merge), hgnn.batch_reduce among them.

    Example: partition 1 of 2
    ```mlir
    hgnn.entry train_step @"train_step:1" attributes {partition = 1 : i64} {
      %all = hgnn.seeds : <rows(0, @p)>
      %seeds = hgnn.seed_block %all {of = 2 : i64, partition = 1 : i64} : <rows(0, @p)> -> <rows(0, @p), owned(1) split>
      ...
      %kept = hgnn.request_rows embedding_rows %f {bytes = 8 : i64, id = 0 : i64, partitions = array<i64: 0, 1>} : ...
      %x = hgnn.fetch_remote_rows @embeddings.a.weight of %f kept %kept {bytes = 32 : i64, id = 1 : i64, ...} : ...
    ```
  }];
  let options = [Option<"partitions", "partitions", "int64_t", "1", "how many">];
  let statistics = [Statistic<"numCollectives", "collectives", "forward, in the training step">];
}

def DifferentiatePass : Pass<"hgnn-differentiate", "::mlir::ModuleOp"> {
  let summary = "from the metatree phase to the training phase";
  let description = [{
    Goal: append to train_step the gradient of its output "loss" to every state it reads, and one
    optimizer step per state.

    Invariants established: every state that the loss depends on has exactly one output "grad:STATE" and
    one optimizer step; gradients are only ever summed; moments and row counters are states of their own.

    With partitions, the entries of all are differentiated together. The gradient of a merge is that of
    its result, whole and the same everywhere: it is not reduced. Terms of the gradient of a state that
    several partitions keep are summed by hgnn.merge_all; row gradients by hgnn.exchange_rows over the
    union of the partitions' rows, before one lazy step of each row. All copies make the same step.
    A bound of the norm is that of all parameters, each counted once. Row gradients of a spread table go to
    the keepers by hgnn.push_rows, over the rows that anyone asked for.

    Restrictions: every op between a state and the loss implements DifferentiableOp (fundamental). A
    table is read once per partition, below the merges (incidental).
  }];
  let statistics = [Statistic<"numGradients", "gradients", "states with a gradient">];
}

def InsertCachePass : Pass<"hgnn-insert-cache", "::mlir::ModuleOp"> {
  let summary = "from the training phase to the cached phase";
  let description = [{
    Goal: let the fetches of dense features of nodes go through a cache (hgnn.cache), and say what it is
    worth: rows that a training step asks for, and the share of them that finds its row where 1, 5, 10, 25 or
    50 percent of the rows are kept.

    Rows are asked for as the size model has it: a source of out-degree d is among k of E drawn edges with
    probability 1 - (1 - k / E)^d, by the buckets of the degree histograms, relations independent of each
    other. Those asked for most at one hop are taken to be those at every other.

    Invariants established: all fetches of a feature are `cached`, or none; of each feature that has such
    fetches there is one hgnn.cache. No value changes.

    Restrictions: how many rows are kept is not decided here: which rows are hot is known when the graph is
    at hand, and what a miss costs when its medium is (fundamental). Data of edges, sparse features and
    learnable rows have no cache (incidental).
  }];
  let statistics = [Statistic<"numCaches", "caches", "features that go through a cache">,
                    Statistic<"numFetches", "fetches", "fetches of all entries that do">];
}

def GroupProductsPass : Pass<"hgnn-group-products", "::mlir::ModuleOp"> {
  let summary = "dense products of the same rows, run together (before hgnn-stitch-relations)";
  let description = [{
    Goal: grouped dense products, in two forms. A hgnn.add of products that nothing else reads becomes a
    hgnn.linear_sum (forward the relations' terms of one type, backward the gradients of rows that several
    products read): no term is stored and read again. Products that share their rows, and weight gradients
    that share either operand, get one number `hgnn.group` and stand behind one another: they are one op of the plan,
    whose products run on a tile of rows one after the other while the tile is in the cache.

    Decision: by the cost model for each, from the rows' expected number: a group moves what is shared
    once, a sum moves no terms; `decide=on` takes all, `off` none.

    Invariants established: members of a group stand behind one another, after all their operands. A group is
    at most four times as wide as the rows that it shares, so that not too much is alive at once.

    Restrictions: products of other rows are not grouped (incidental): those that need nothing of one another
    share the threads as they are. On a GPU a group is a call for each product.

    Example:
    ```mlir
    %p = hgnn.linear %q, %a {transpose}          %y = hgnn.linear_sum %q, %k, %a, %b {transpose}
    %s = hgnn.linear %k, %b {transpose}     =>
    %y = hgnn.add %p, %s
    ```
  }];
  let options = [Option<"decide", "decide", "std::string", "\"auto\"", "auto, on or off">];
  let statistics = [
    Statistic<"numSummed", "summed", "products of the training step that are terms of one op">,
    Statistic<"numShared", "shared", "products of the training step that share the reading of rows">];
}

def StitchRelationsPass : Pass<"hgnn-stitch-relations", "::mlir::ModuleOp"> {
  let summary = "sums over many relations, gone through relation by relation (before hgnn-fuse)";
  let description = [{
    Goal: stitching of many small relations. A sum, or a softmax over relations (hgnn.combine), whose terms are mostly absent (hgnn.expand of active
    destinations, hgnn.reduce_src of a relation's edges, hgnn.self_scatter of distinct sources) is marked
    `stitched`: a CPU's kernel then goes through its terms one after the other for a block of rows, each
    for the rows that it has something for, instead of asking every term for every row.

    Decision: by the cost model for each sum of at least 4 such terms, from the expected rows that each has
    something for; `decide=on` takes all of them, `off` none.

    Invariants established: none beyond the mark; values are the same, to the bit.

    Restrictions: terms of a largest value (hgnn.combine of max, argmax) are asked row by row (incidental); on a GPU the mark
    has no effect: there other rows are computed while one waits.

    Example:
    ```mlir
    %s = hgnn.add %e0, %e1, ... %e236   =>   %s = hgnn.add %e0, %e1, ... %e236 {stitched}
    ```
  }];
  let options = [Option<"decide", "decide", "std::string", "\"auto\"", "auto, on or off">];
  let statistics = [Statistic<"numStitched", "stitched", "sums of the training step that are stitched">];
}

def FusePass : Pass<"hgnn-fuse", "::mlir::ModuleOp"> {
  let summary = "from the cached phase to the kernels phase";
  let description = [{
    Goal: group compute ops into kernels, one loop over one domain each, and outline them. A value that
    several kernels would have to compute again, or one once per edge, is materialized unless it is only moved
    data; the scores of a softmax over edges are, their values are not. What a library computes (dense products of rows)
    stays at the top level. Kernels of equal structure are
    one function.

    Invariants established: at the top level of an entry only seeds, sample, frontier, fetches, read,
    scalar, edge_ids, reshape, linear, linear_sum, linear_grad_weight, those of heads, launch and output remain, and with partitions
    collectives and the partials and own uses of stored values. Kernels end where a collective is. "grad:"
    outputs are gone unless `keep-gradients` asks for them.

    A hgnn.batch_reduce becomes a sum over rows, of the rows and of ones, and what brings it back to them.

    Decision, recompute or store: arithmetic on numbers of one row (a bias, an activation, a mask, a sum) of at
    most three stored values may be evaluated in each kernel that reads it. `recompute=auto` lets the cost model
    weigh, with expected rows and edges, evaluations and their reading against one write and the reading of what
    was written; `on` evaluates wherever that can be, `off` stores.

    Restrictions: entries without merges of the raf phase (fundamental: hgnn-insert-communication says
    where their terms come from).
  }];
  let options = [
    Option<"keepGradients", "keep-gradients", "bool", "false",
           "keep the outputs grad:STATE (for comparing phases in the interpreter)">,
    Option<"recompute", "recompute", "std::string", "\"auto\"",
           "whether several kernels evaluate a value again instead of reading it: auto, on or off">,
    Option<"maxFused", "max-fused", "int64_t", "0",
           "most ops in one kernel; 1 makes a kernel of every op; 0 = no limit">];
  let statistics = [Statistic<"numLaunches", "launches", "launches in all entries">,
                    Statistic<"numKernels", "kernels", "different kernels">,
                    Statistic<"numRecomputed", "recomputed",
                              "values of the training step that kernels evaluate where they read them">];
}

def VerifyPhasePass : Pass<"hgnn-verify-phase", "::mlir::ModuleOp"> {
  let summary = "checks the normal form of a phase";
  let description = [{
    Goal: say what may not occur any more. model: no entry, state or kernel. metatree: no input, layer,
    param or generic type; no optimizer step or gradient op; no partial, merge, collective or sources. raf: as
    metatree, with one merge for each partial, and no partition. partitioned: entries of one partition
    each; terms are made of owned values only; a root link has one owner; collectives meet, in one
    order, with one type. training: as metatree (partitioned where there are partitions), with
    optimizer steps, of replicated gradients where several partitions keep the state. In vanilla order:
    the blocks of the seeds are those of all partitions; a spread table is read from its keepers, and each
    keeper steps the rows that it keeps. Before cached: no cache; from there on: all
    fetches of a feature go through its cache, or none. kernels: at the
    top level of entries only what hgnn-fuse leaves.
  }];
  let options = [Option<"phase", "phase", "std::string", "",
                        "model, metatree, raf, partitioned, training, cached or kernels">];
}

#endif // HEDDLE_PASSES_TD
