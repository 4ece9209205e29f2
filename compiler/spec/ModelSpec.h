//===- ModelSpec.h - what to train, as the user wrote it ----------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A model spec is a JSON file (comments allowed; schema: examples/schemas/model.schema.json). It
// goes through two stages: parseModelSpec checks all that needs no graph and fills in every default
// that depends on none; resolve() checks it against a graph's schema and fills in the rest. A value
// that only the graph can decide is empty before resolve() and is printed as null.
//
// heddle-run may override without recompiling: train.optimizer.lr, train.sparse_optimizer.lr,
// train.lr_schedule, train.num_epochs and train.seed. All else is compiled into the plan.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_SPEC_MODELSPEC_H
#define HEDDLE_COMPILER_SPEC_MODELSPEC_H

#include "runtime/base/Status.h"
#include "runtime/train/Schedule.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace heddle::graph {
struct GraphSchema;
}

namespace heddle::spec {

/// As a fan-out: the whole neighbourhood. As a batch size ("all" in JSON): every training seed.
inline constexpr int64_t all = -1;

/// (source type, relation, destination type).
using Triple = std::array<std::string, 3>;
std::string toString(const Triple &triple); ///< "source:relation:destination"

enum class ClassWeights {
  None,
  Balanced, ///< computed from the training split, see classWeights()
  Given
};

struct LossSpec {
  std::string name; ///< cross_entropy, binary_cross_entropy; empty: by the kind of the label
  ClassWeights classWeights = ClassWeights::None;
  std::vector<double> weights; ///< Given: one per class, in the graph's class order
  bool operator==(const LossSpec &) const = default;
};

struct TaskSpec {
  std::string type = "node_classification";
  std::string targetNtype;   ///< empty: the only type that has labels
  std::string label;         ///< empty: the type's only label
  std::string split;         ///< empty: the label's first
  std::string positiveClass; ///< two single-label classes: the one that ranks; empty: the second
  LossSpec loss;
  std::vector<std::string> metrics; ///< names of runtime/train/Metrics.h; empty: by the label
  bool operator==(const TaskSpec &) const = default;
};

/// What the rows of a node type are before the first layer: the sum of the parts chosen here.
struct InputSpec {
  bool allFeatures = false;          ///< "features": "all"; resolve() lists them and clears this
  std::vector<std::string> features; ///< each through a linear layer to hidden_size
  bool learnable = false;            ///< one trained row per node
  bool constant = false;             ///< one trained row for the whole type
  bool operator==(const InputSpec &) const = default;
};

using ArgValue = std::variant<int64_t, double, bool, std::string>;

/// Which features of edges the built-in encoders use; empty: none. Relations without that feature
/// do without: their edges weigh 1, their scores have no such term.
struct EdgeFeaturesSpec {
  std::string weight; ///< rgcn, rsage: one column w; the mean is sum w x / sum w
  std::string attr;   ///< rgat: rows e; scores have the term att_edge . (lin_edge e)
  bool operator==(const EdgeFeaturesSpec &) const = default;
};

struct EncoderSpec {
  std::string encoder = "rgcn"; ///< rgcn, rsage, rgat, hgt, simplehgn, han, or a path "x.mlir", relative
                                ///< to the spec's folder
  int64_t numLayers = 2;        ///< 1..15 (the keys count hops below 16)
  int64_t hiddenSize = 128;
  std::optional<int64_t> numBases; ///< none: one weight matrix per relation
  std::optional<int64_t> numHeads; ///< rgat, hgt, simplehgn, han: of attention; divides hidden_size
  double attentionDropout = 0;     ///< rgat, simplehgn, han: of the weights of edges
  /// rgat, simplehgn: of the leaky relu of scores, in [0, 1); as published 0.2 and 0.05.
  std::optional<double> negativeSlope;
  int64_t edgeDim = 64;           ///< simplehgn: numbers of a relation's embedding
  std::string hgtSoftmax = "all"; ///< hgt: over the edges of "all" relations, or of each "relation"
  EdgeFeaturesSpec edgeFeatures;
  bool useSelfLoop = true;
  /// No inputs: the first layer takes one-hot rows, so its weights are a row for each relation and
  /// source (Schlichtkrull et al., Modeling Relational Data with GCNs, section 5.1).
  bool featureless = false;
  bool allRelations = true;      ///< "relations": "all"; resolve() lists them and clears this
  std::vector<Triple> relations; ///< as written; after resolve() in canonical order
  std::string activation = "relu";
  std::string norm = "none";
  double dropout = 0;
  std::map<std::string, ArgValue> args; ///< of an .mlir encoder
  bool operator==(const EncoderSpec &) const = default;
};

struct FanoutOverride {
  Triple relation;
  std::vector<int64_t> fanout; ///< as SamplingSpec::fanout
  bool operator==(const FanoutOverride &) const = default;
};

/// Neighbours per hop. The FIRST entry is the hop nearest to the seeds, as PyG's NeighborLoader has
/// it; DGL's NeighborSampler lists layers, so its order is the reverse. Each relation draws this
/// many in-edges per destination, without replacement. num_layers entries, each >= 1 or `all`.
struct SamplingSpec {
  std::vector<int64_t> fanout;
  std::vector<FanoutOverride> overrides;
  bool operator==(const SamplingSpec &) const = default;
};

struct OptimizerSpec {
  std::string name = "adam"; ///< adam, adamw (dense only), sgd
  double lr = 0.001;
  double weightDecay = 0; ///< dense only; adam: added to the gradient, adamw: decoupled
  std::array<double, 2> betas = {0.9, 0.999}; ///< adam, adamw
  double eps = 1e-8;                          ///< adam, adamw
  double momentum = 0;                        ///< dense sgd
  bool operator==(const OptimizerSpec &) const = default;
};

struct TrainSpec {
  int64_t batchSize = 1024; ///< seeds per optimizer step over all workers together, or `all`
  int64_t numEpochs = 20;
  int64_t seed = 0;                  ///< >= 0
  std::optional<double> maxGradNorm; ///< over all dense gradients; none: not clipped
  OptimizerSpec optimizer;
  /// Of learnable input rows; lazy: untouched rows keep every bit.
  OptimizerSpec sparseOptimizer = {.lr = 0.01};
  std::string schedule = "constant";     ///< constant, step, cosine; of both optimizers
  int64_t warmupSteps = 0, stepSize = 0; ///< in optimizer steps
  double gamma = 0.1, minLr = 0;
  train::LrSchedule lrSchedule() const;
  bool operator==(const TrainSpec &) const = default;
};

struct EarlyStoppingSpec {
  std::string monitor;   ///< "valid/loss" or "valid/METRIC"; empty: the first metric
  std::string mode;      ///< min, max; empty: min for a loss, max for a metric
  int64_t patience = 10; ///< evaluations without improvement
  bool operator==(const EarlyStoppingSpec &) const = default;
};

struct EvalSpec {
  int64_t frequency = 1; ///< epochs between evaluations; the last epoch is always evaluated
  /// Empty: as in training, overrides included. Otherwise for every relation, without overrides.
  std::vector<int64_t> fanout;
  int64_t batchSize = 1024; ///< as in training unless given
  std::optional<EarlyStoppingSpec> earlyStopping;
  bool operator==(const EvalSpec &) const = default;
};

struct ModelSpec {
  std::string file; ///< what errors call it; encoder paths are relative to its folder
  std::string version = "1.0";
  TaskSpec task;
  /// By node type; "*" is for the types that have no entry. After resolve(): one entry for each
  /// type within num_layers hops of the target, and no "*".
  std::map<std::string, InputSpec> inputs;
  EncoderSpec model;
  SamplingSpec sampling;
  TrainSpec train;
  EvalSpec eval;

  /// The .mlir file of the encoder, or "" for a built-in one.
  std::string encoderPath() const;
  bool operator==(const ModelSpec &) const = default;
};

/// Checks everything that needs no graph. Errors (InvalidArgument): one line
/// "file: /json/pointer: what is wrong; remedy", or "file:line:column: ..." for syntax.
absl::StatusOr<ModelSpec> parseModelSpec(std::string_view text, const std::string &file);
/// parseModelSpec of a file.
absl::StatusOr<ModelSpec> readModelSpec(const std::string &path);

/// The spec of an empty file: every default that depends on no graph.
ModelSpec defaultModelSpec();

struct ResolvedSpec {
  ModelSpec spec;
  /// What was chosen without being asked for, and what is odd; one line each.
  std::vector<std::string> remarks;
};

/// Checks `spec` against `schema` and fills in what only the graph decides. Idempotent.
/// Errors: InvalidArgument, "file: /json/pointer: what is wrong; remedy".
absl::StatusOr<ResolvedSpec> resolve(const ModelSpec &spec, const graph::GraphSchema &schema);

/// JSON with every key and default; stable, and parses to an equal spec. Null: the graph decides.
std::string printModelSpec(const ModelSpec &spec);

/// What the runtime's training loop reads (Task.train_settings of a plan), as JSON.
std::string printTrainSettings(const ModelSpec &spec);

/// The weights of the loss, empty for None. `classCounts`: training rows per class (multi-label:
/// positives), `numTrain`: training rows. Balanced is scikit-learn's numTrain / (classes * count)
/// for cross_entropy, and negatives / positives for binary_cross_entropy, where a weight multiplies
/// the positive term; a class without rows gets 0 resp. 1.
std::vector<double> classWeights(const LossSpec &loss, const std::vector<int64_t> &classCounts,
                                 int64_t numTrain);

} // namespace heddle::spec

#endif // HEDDLE_COMPILER_SPEC_MODELSPEC_H
