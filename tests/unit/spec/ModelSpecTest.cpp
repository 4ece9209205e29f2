//===- ModelSpecTest.cpp - reading model specs ----------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/spec/ModelSpec.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <functional>

using namespace heddle;
using namespace heddle::spec;

namespace {

ModelSpec parsed(const std::string &text) {
  auto spec = parseModelSpec(text, "dir/m.json");
  EXPECT_TRUE(spec.ok()) << spec.status();
  return spec.ok() ? *spec : ModelSpec();
}

/// `body` inside {"version": "1.0", ...}.
std::string with(const std::string &body) { return "{\"version\": \"1.0\", " + body + "}"; }

std::string errorOf(const std::string &text) {
  auto spec = parseModelSpec(text, "m.json");
  EXPECT_FALSE(spec.ok()) << text;
  if (spec.ok())
    return "";
  EXPECT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument);
  std::string message = messageOf(spec.status());
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

} // namespace

TEST(ModelSpec, EveryKey) {
  ModelSpec spec = parsed(R"({
    // comments are allowed
    "version": "1.0",
    "task": {"type": "node_classification", "target_ntype": "txn", "label": "is_fraud", "split": "time",
             "positive_class": "1", "loss": {"name": "cross_entropy", "class_weights": [1, 2.5]},
             "metrics": ["average_precision", "roc_auc", "f1_macro"]},
    "inputs": {"txn": {"features": {"text": "linear", "amount": "linear"}, "learnable": true},
               "größe/名前~": {"constant": true}, "*": {"features": "all"}},
    "model": {"encoder": "rgcn", "num_layers": 3, "hidden_size": 64, "num_bases": 4,
              "use_self_loop": false, "relations": [["b", "r", "txn"], ["a", "r", "txn"]],
              "activation": "elu", "norm": "layer", "dropout": 0.2},
    "sampling": {"fanout": [15, 10, -1], "overrides": [{"relation": ["b", "r", "txn"], "fanout": 5}]},
    "train": {"batch_size": 2048, "num_epochs": 7, "seed": 9223372036854775807, "max_grad_norm": 1.5,
              "optimizer": {"name": "sgd", "lr": 0.5, "weight_decay": 0.25, "momentum": 0.75},
              "sparse_optimizer": {"name": "adam", "lr": 0.02, "betas": [0.8, 0.9], "eps": 1e-6},
              "lr_schedule": {"name": "step", "warmup_steps": 3, "step_size": 10, "gamma": 0.5,
                              "min_lr": 0.001}},
    "eval": {"frequency": 2, "fanout": -1, "batch_size": "all",
             "early_stopping": {"monitor": "valid/roc_auc", "mode": "max", "patience": 4}}})");
  EXPECT_EQ(spec.task.targetNtype, "txn");
  EXPECT_EQ(spec.task.label, "is_fraud");
  EXPECT_EQ(spec.task.split, "time");
  EXPECT_EQ(spec.task.positiveClass, "1");
  EXPECT_EQ(spec.task.loss.weights, (std::vector<double>{1, 2.5}));
  EXPECT_EQ(spec.task.metrics.size(), 3u);
  EXPECT_EQ(spec.inputs.at("txn").features, (std::vector<std::string>{"amount", "text"}));
  EXPECT_TRUE(spec.inputs.at("txn").learnable);
  EXPECT_TRUE(spec.inputs.at("größe/名前~").constant);
  EXPECT_TRUE(spec.inputs.at("*").allFeatures);
  EXPECT_EQ(spec.encoderPath(), "");
  EXPECT_EQ(spec.model.numLayers, 3);
  EXPECT_EQ(spec.model.hiddenSize, 64);
  EXPECT_EQ(spec.model.numBases, 4);
  EXPECT_FALSE(spec.model.useSelfLoop);
  EXPECT_FALSE(spec.model.allRelations);
  EXPECT_EQ(toString(spec.model.relations.at(1)), "a:r:txn");
  EXPECT_EQ(spec.model.activation, "elu");
  EXPECT_EQ(spec.model.norm, "layer");
  EXPECT_EQ(spec.model.dropout, 0.2);
  EXPECT_EQ(spec.sampling.fanout, (std::vector<int64_t>{15, 10, all}));
  EXPECT_EQ(spec.sampling.overrides.at(0).fanout, (std::vector<int64_t>{5, 5, 5}));
  EXPECT_EQ(spec.train.batchSize, 2048);
  EXPECT_EQ(spec.train.numEpochs, 7);
  EXPECT_EQ(spec.train.seed, INT64_MAX);
  EXPECT_EQ(spec.train.maxGradNorm, 1.5);
  EXPECT_EQ(spec.train.optimizer.name, "sgd");
  EXPECT_EQ(spec.train.optimizer.lr, 0.5);
  EXPECT_EQ(spec.train.optimizer.weightDecay, 0.25);
  EXPECT_EQ(spec.train.optimizer.momentum, 0.75);
  EXPECT_EQ(spec.train.sparseOptimizer.betas[0], 0.8);
  EXPECT_EQ(spec.train.sparseOptimizer.eps, 1e-6);
  train::LrSchedule schedule = spec.train.lrSchedule();
  EXPECT_EQ(schedule.kind, train::ScheduleKind::Step);
  EXPECT_EQ(schedule.warmupSteps, 3);
  EXPECT_EQ(schedule.stepSize, 10);
  EXPECT_EQ(schedule.gamma, 0.5);
  EXPECT_EQ(schedule.minLr, 0.001);
  EXPECT_EQ(spec.eval.frequency, 2);
  EXPECT_EQ(spec.eval.fanout, (std::vector<int64_t>{all, all, all}));
  EXPECT_EQ(spec.eval.batchSize, all);
  EXPECT_EQ(spec.eval.earlyStopping->monitor, "valid/roc_auc");
  EXPECT_EQ(spec.eval.earlyStopping->patience, 4);
}

TEST(ModelSpec, AProgramHasArguments) {
  ModelSpec spec = parsed(R"({"version": "1.0", "model": {"encoder": "sage.mlir",
      "args": {"heads": 4, "slope": 0.5, "bias": true, "kind": "mean"}}})");
  EXPECT_EQ(spec.encoderPath(), "dir/sage.mlir");
  EXPECT_EQ(std::get<int64_t>(spec.model.args.at("heads")), 4);
  EXPECT_EQ(std::get<double>(spec.model.args.at("slope")), 0.5);
  EXPECT_EQ(std::get<bool>(spec.model.args.at("bias")), true);
  EXPECT_EQ(std::get<std::string>(spec.model.args.at("kind")), "mean");
}

TEST(ModelSpec, DefaultsAndNullsMeanTheSame) {
  ModelSpec expected = defaultModelSpec();
  expected.file = "dir/m.json";
  EXPECT_EQ(parsed(R"({"version": "1.0"})"), expected);
  EXPECT_EQ(parsed(printModelSpec(expected)), expected);
  // All values null, at every depth.
  nlohmann::json printed = nlohmann::json::parse(printModelSpec(expected));
  std::function<void(nlohmann::json &)> wipe = [&](nlohmann::json &object) {
    for (auto &[key, value] : object.items())
      if (value.is_object())
        wipe(value);
      else
        value = nullptr;
  };
  wipe(printed);
  printed["version"] = "1.0";
  EXPECT_EQ(parsed(printed.dump()), expected);
  EXPECT_EQ(parsed(R"({"version": "1.0", "train": null, "model": null, "inputs": null,
                       "sampling": null, "eval": null, "task": null})"),
            expected);
}

TEST(ModelSpec, DefaultsThatFollowOthers) {
  ModelSpec full = parsed(with(R"("train": {"batch_size": "all"}, "model": {"num_layers": 3})"));
  EXPECT_EQ(full.sampling.fanout, (std::vector<int64_t>{all, all, all}));
  EXPECT_EQ(full.eval.batchSize, all);
  ModelSpec three = parsed(with(R"("model": {"num_layers": 3})"));
  EXPECT_EQ(three.sampling.fanout, (std::vector<int64_t>{15, 10, 10}));
  EXPECT_EQ(three.eval.fanout, (std::vector<int64_t>{}));
  EXPECT_EQ(parsed(with(R"("sampling": {"fanout": 7})")).sampling.fanout,
            (std::vector<int64_t>{7, 7}));
  EXPECT_EQ(
      parsed(with(R"("train": {"optimizer": {"name": "adamw"}})")).train.optimizer.weightDecay,
      0.01);
  EXPECT_EQ(parsed(with(R"("eval": {"frequency": "epoch", "early_stopping":
                                    {"monitor": "valid/loss"}})"))
                .eval.earlyStopping->mode,
            "min");
}

TEST(ModelSpec, PrintsWhatParsesToTheSame) {
  for (const char *body :
       {R"("model": {"encoder": "/abs/x.mlir", "args": {"a\"b": 1.0, "c": -3, "d": 1e300}})",
        R"("inputs": {"*": {"features": "all", "learnable": true}, "": {"constant": true}})",
        R"("task": {"loss": {"class_weights": "balanced"}, "metrics": ["f1_micro"]})",
        R"("task": {"loss": {"name": "binary_cross_entropy", "class_weights": [0.1, 1]}})",
        R"("train": {"optimizer": {"name": "sgd"}, "sparse_optimizer": {"name": "sgd", "lr": 1}})",
        R"("train": {"optimizer": {"name": "adamw", "lr": 0.1}, "max_grad_norm": 0.3})",
        R"("train": {"lr_schedule": {"name": "cosine", "warmup_steps": 5, "min_lr": 1e-5}})",
        R"("train": {"lr_schedule": {"name": "step", "step_size": 5}, "batch_size": "all"})",
        R"("sampling": {"overrides": [{"relation": ["ä", "r\n", "b"], "fanout": [1, -1]}]})",
        R"("eval": {"fanout": 3, "early_stopping": {}})",
        R"("model": {"edge_features": {"edge_weight": "w/\"1"}})",
        R"("model": {"encoder": "rgat", "edge_features": {"edge_attr": "\u00e9"}})",
        R"("model": {"relations": [["a", "r", "a"]], "num_bases": 2})"}) {
    ModelSpec spec = parsed(with(body));
    std::string text = printModelSpec(spec);
    EXPECT_EQ(parsed(text), spec) << text;
    EXPECT_EQ(printModelSpec(parsed(text)), text);
  }
}

TEST(ModelSpec, MalformedSpecsSayWhereAndWhatToDo) {
  struct Row {
    std::string text, message;
  };
  const std::vector<Row> rows = {
      {"", "m.json:1:1: syntax error while parsing value - unexpected end of input; expected '[', "
           "'{', or a literal"},
      {"{\"version\": \"1.0\",\n  \"task\": }", "m.json:2:11: syntax error while parsing value - "
                                                "unexpected '}'; expected '[', '{', or a literal"},
      {"{\"version\": \"1.0\", \"task\": {}, \"task\": {}}",
       "m.json:1:37: key 'task' appears twice in one object; remove one"},
      {"[]", "m.json: /: expected an object, found an array"},
      {"{}", "m.json: /: missing key 'version'; add \"version\": \"1.0\""},
      {R"({"version": "2.0"})",
       "m.json: /version: version \"2.0\" is not known; this heddle reads \"1.0\""},
      {R"({"version": 1.0})", "m.json: /version: expected a string, found a number"},
      {with(R"("trian": {})"), "m.json: /: unknown key 'trian'; did you mean 'train'?"},
      {with(R"("num_neighbors": [5, 5])"),
       "m.json: /: unknown key 'num_neighbors'; did you mean '/sampling/fanout'?"},
      {with(R"("task": {"type": "link_prediction"})"),
       "m.json: /task/type: unknown value 'link_prediction'; known: node_classification"},
      {with(R"("task": {"label": 3})"), "m.json: /task/label: expected a string, found an integer"},
      {with(R"("task": {"loss": {"name": "mse"}})"),
       "m.json: /task/loss/name: unknown value 'mse'; known: cross_entropy, binary_cross_entropy"},
      {with(R"("task": {"loss": {"class_weights": "auto"}})"),
       "m.json: /task/loss/class_weights: expected \"none\", \"balanced\" or one number per class"},
      {with(R"("task": {"loss": {"class_weights": [1, -2]}})"),
       "m.json: /task/loss/class_weights/1: a weight is a number from 0 to 1e9"},
      {with(R"("task": {"loss": {"class_weights": []}})"),
       "m.json: /task/loss/class_weights: expected \"none\", \"balanced\" or one number per class"},
      {with(R"("task": {"metrics": ["acuracy"]})"),
       "m.json: /task/metrics/0: unknown metric 'acuracy'; did you mean 'accuracy'?"},
      {with(R"("task": {"metrics": ["roc_auc", "roc_auc"]})"),
       "m.json: /task/metrics/1: metric 'roc_auc' is named twice; remove one"},
      {with(R"("inputs": [])"), "m.json: /inputs: expected an object, found an array"},
      {with(R"("inputs": {"a/b": {}})"),
       "m.json: /inputs/a~1b: the type would have no input; set features, learnable or constant, "
       "or remove the entry for the default"},
      {with(R"("inputs": {"a": {"features": ["x"]}})"),
       "m.json: /inputs/a/features: expected \"all\" or an object such as {\"title\": \"linear\"}"},
      {with(R"("inputs": {"a": {"features": {"x/y": {"embedding": 3}}}})"),
       "m.json: /inputs/a/features/x~1y: expected \"linear\", the projection to hidden_size, found "
       "an object"},
      {with(R"("inputs": {"a": {"features": {"x": "conv"}}})"),
       "m.json: /inputs/a/features/x: expected \"linear\", the projection to hidden_size, found "
       "\"conv\""},
      {with(R"("inputs": {"a": {"embedding": true}})"),
       "m.json: /inputs/a: unknown key 'embedding'; did you mean 'learnable'?"},
      {with(R"("model": {"encoder": "rgcm"})"),
       "m.json: /model/encoder: unknown encoder 'rgcm'; did you mean 'rgcn'? (or the path of a "
       "program such as \"sage.mlir\")"},
      {with(R"("model": {"encoder": "gat"})"),
       "m.json: /model/encoder: unknown encoder 'gat'; did you mean 'rgat'? (or the path of a "
       "program such as \"sage.mlir\")"},
      {with(R"("model": {"encoder": ".mlir"})"),
       "m.json: /model/encoder: unknown encoder '.mlir'; known: rgcn, rsage, rgat, hgt, simplehgn, han "
       "(or the path of a program such as \"sage.mlir\")"},
      {with(R"("model": {"encoder": "sage"})"),
       "m.json: /model/encoder: unknown encoder 'sage'; did you mean 'rsage'? (or the path of a "
       "program such as \"sage.mlir\")"},
      {with(R"("model": {"num_heads": 2})"),
       "m.json: /model/num_heads: is for rgat, hgt, simplehgn and han; remove it"},
      {with(R"("model": {"encoder": "x.mlir", "num_heads": 2})"),
       "m.json: /model/num_heads: is for rgat, hgt, simplehgn and han; a program gets its heads by "
       "/model/args"},
      {with(R"("model": {"encoder": "x.mlir", "dropout": 0.5})"),
       "m.json: /model/dropout: a program says that itself; remove it, or make it an argument of "
       "the program (/model/args)"},
      {with(R"("model": {"encoder": "hgt", "negative_slope": 0.1})"),
       "m.json: /model/negative_slope: is for rgat and simplehgn; remove it"},
      {with(R"("model": {"encoder": "simplehgn", "slope": 0.1})"),
       "m.json: /model: unknown key 'slope'; did you mean 'negative_slope'?"},
      {with(R"("model": {"encoder": "rgat", "edge_dim": 8})"),
       "m.json: /model/edge_dim: is for simplehgn; rgat takes features of edges by "
       "edge_features.edge_attr"},
      {with(R"("model": {"encoder": "simplehgn", "edge_features": {"edge_weight": "w"}})"),
       "m.json: /model/edge_features/edge_weight: is for rgcn and rsage; simplehgn as published has "
       "no place for features of edges; or remove it"},
      {with(R"("model": {"encoder": "rsage", "num_bases": 8})"),
       "m.json: /model/num_bases: is for rgcn; remove it"},
      {with(R"("model": {"encoder": "rgat", "num_heads": 65})"),
       "m.json: /model/num_heads: expected an integer from 1 to 64, found 65"},
      {with(R"("model": {"encoder": "hgt", "num_heads": 5})"),
       "m.json: /model/num_heads: 5 does not divide hidden_size 128, of which each head has a "
       "part; "
       "change one of them"},
      {with(R"("model": {"attention_dropout": 0.5})"),
       "m.json: /model/attention_dropout: is for rgat, simplehgn and han; remove it"},
      {with(R"("model": {"encoder": "han"})"),
       "m.json: /model/relations: han attends to metapaths; list their relations, which "
       "heddle-import --derive makes"},
      {with(
           R"("model": {"encoder": "han", "relations": [["a", "aa", "a"]], "use_self_loop": false})"),
       "m.json: /model/use_self_loop: han has no self-loop: a metapath joins a node with itself; "
       "remove it"},
      {with(R"("model": {"encoder": "hanconv"})"),
       "m.json: /model/encoder: unknown encoder 'hanconv'; did you mean 'han'? (or the path of a "
       "program such as \"sage.mlir\")"},
      {with(R"("model": {"encoder": "rgat", "hgt_softmax": "relation"})"),
       "m.json: /model/hgt_softmax: is for hgt; remove it"},
      {with(R"("model": {"encoder": "hgt", "edge_features": {"edge_attr": "w"}})"),
       "m.json: /model/edge_features/edge_attr: is for rgat; hgt as published has no place for "
       "features of edges; or remove it"},
      {with(R"("model": {"encoder": "rgat", "edge_features": {"edge_weight": "w"}})"),
       "m.json: /model/edge_features/edge_weight: is for rgcn and rsage; rgat has them in its scores, so name "
       "the "
       "feature as edge_attr; or remove it"},
      {with(R"("model": {"edge_features": {"edge_attr": "w"}})"),
       "m.json: /model/edge_features/edge_attr: is for rgat; rgcn has weights of edges, so "
       "name the feature as edge_weight; or remove it"},
      {with(R"("model": {"encoder": "x.mlir", "edge_features": {"edge_weight": "w"}})"),
       "m.json: /model/edge_features/edge_weight: is for built-in encoders; in an .mlir program "
       "write "
       "hgnn.edge_feature in `message`, and remove it here"},
      {with(R"("model": {"edge_weight": "w"})"), "m.json: /model: unknown key 'edge_weight'; did "
                                                 "you mean '/model/edge_features/edge_weight'?"},
      {with(R"("model": {"edge_dim": 3})"), "m.json: /model/edge_dim: is for simplehgn; remove it"},
      {with(R"("model": {"edge_features": {"edge_dim": 3}})"),
       "m.json: /model/edge_features: unknown key 'edge_dim'; did you mean 'edge_attr'?"},
      {with(R"("model": {"num_layers": 0})"),
       "m.json: /model/num_layers: expected an integer from 1 to 15, found 0"},
      {with(R"("model": {"num_layers": 2.5})"),
       "m.json: /model/num_layers: expected an integer, found 2.5"},
      {with(R"("model": {"hidden_channels": 64})"),
       "m.json: /model: unknown key 'hidden_channels'; did you mean 'hidden_size'?"},
      {with(R"("model": {"lr": 0.1})"),
       "m.json: /model: unknown key 'lr'; did you mean '/train/optimizer/lr'?"},
      {with(R"("model": {"relations": []})"),
       "m.json: /model/relations: the list is empty; name at least one relation, or \"all\""},
      {with(R"("model": {"relations": "some"})"),
       "m.json: /model/relations: expected \"all\" or a list of [\"source\", \"relation\", "
       "\"destination\"]"},
      {with(R"("model": {"relations": [["a", "b"]]})"),
       "m.json: /model/relations/0: expected a relation [\"source\", \"relation\", "
       "\"destination\"]"},
      {with(R"("model": {"relations": [["a", "b", "c"], ["a", "b", "c"]]})"),
       "m.json: /model/relations/1: relation a:b:c is named twice; remove one"},
      {with(R"("model": {"activation": "ReLU"})"),
       "m.json: /model/activation: unknown value 'ReLU'; did you mean 'relu'?"},
      {with(R"("model": {"dropout": 1})"),
       "m.json: /model/dropout: expected a number of at least 0 and below 1, found 1"},
      {with(R"("model": {"dropout": -0.1})"),
       "m.json: /model/dropout: expected a number of at least 0 and below 1, found -0.1"},
      {with(R"("model": {"featureless": true, "num_bases": 4})"),
       "m.json: /model/num_bases: a featureless model has a table for each relation, without "
       "bases; remove num_bases or featureless"},
      {with(R"("model": {"featureless": true, "encoder": "x.mlir"})"),
       "m.json: /model/featureless: is for the built-in encoder; in an .mlir program write "
       "hgnn.learnable with a scope in the first layer"},
      {with(R"("inputs": {"*": {"learnable": true}}, "model": {"featureless": true})"),
       "m.json: /inputs: a featureless model has none; remove inputs or /model/featureless"},
      {with(R"("model": {"one_hot": true})"),
       "m.json: /model: unknown key 'one_hot'; did you mean 'featureless'?"},
      {with(R"("model": {"args": {"a": 1}})"),
       "m.json: /model/args: arguments are for an .mlir encoder; remove them or name one in "
       "/model/encoder"},
      {with(R"("model": {"encoder": "x.mlir", "args": {"a": [1]}})"),
       "m.json: /model/args/a: an argument is a number, a string, true or false"},
      {with(R"("sampling": {"fanout": [5]})"),
       "m.json: /sampling/fanout: 1 numbers for /model/num_layers 2; give one per layer, or one "
       "for all"},
      {with(R"("sampling": {"fanout": 0})"), "m.json: /sampling/fanout: a fan-out is a number from "
                                             "1 to 1048576, or -1 for all neighbours; found 0"},
      {with(R"("sampling": {"fanout": [5, -2]})"),
       "m.json: /sampling/fanout/1: a fan-out is a number from 1 to 1048576, or -1 for all "
       "neighbours; found -2"},
      {with(R"("sampling": {"fanout": "all"})"),
       "m.json: /sampling/fanout: expected a number or one number per layer, the hop nearest to "
       "the seeds first; -1 is all neighbours"},
      {with(R"("sampling": {"overrides": [{"fanout": 3}]})"),
       "m.json: /sampling/overrides/0: missing key 'relation'; add [\"source\", \"relation\", "
       "\"destination\"]"},
      {with(R"("sampling": {"overrides": [{"relation": ["a", "b", "c"]}]})"),
       "m.json: /sampling/overrides/0: missing key 'fanout'; add one number per layer, or one for "
       "all"},
      {with(R"("sampling": {"overrides": [{"relation": "a:b:c", "fanout": 3}]})"),
       "m.json: /sampling/overrides/0/relation: expected a relation [\"source\", \"relation\", "
       "\"destination\"]"},
      {with(R"("train": {"batch_size": 0})"),
       "m.json: /train/batch_size: expected a number from 1 to 2147483647 (over all workers "
       "together) or \"all\", found 0"},
      {with(R"("train": {"batch_size": "full"})"),
       "m.json: /train/batch_size: expected a number from 1 to 2147483647 (over all workers "
       "together) or \"all\", found \"full\""},
      {with(R"("train": {"epochs": 3})"),
       "m.json: /train: unknown key 'epochs'; did you mean 'num_epochs'?"},
      {with(R"("train": {"lr": 3})"),
       "m.json: /train: unknown key 'lr'; did you mean '/train/optimizer/lr'?"},
      {with(R"("train": {"seed": -1})"),
       "m.json: /train/seed: expected an integer at least 0, found -1"},
      {with(R"("train": {"seed": 18446744073709551615})"),
       "m.json: /train/seed: the number 18446744073709551615 is too large"},
      {with(R"("train": {"max_grad_norm": 0})"),
       "m.json: /train/max_grad_norm: expected a number above 0 and below 1e+30, found 0"},
      {with(R"("train": {"optimizer": {"name": "adagrad"}})"),
       "m.json: /train/optimizer/name: unknown value 'adagrad'; known: adam, adamw, sgd"},
      {with(R"("train": {"optimizer": {"learning_rate": 3}})"),
       "m.json: /train/optimizer: unknown key 'learning_rate'; did you mean 'lr'?"},
      {with(R"("train": {"optimizer": {"lr": -1}})"),
       "m.json: /train/optimizer/lr: expected a number from 0 to 1e+06, found -1"},
      {with(R"("train": {"optimizer": {"lr": 1e999}})"),
       "m.json:1:54: number overflow parsing '1e999'"},
      {with(R"("train": {"optimizer": {"betas": [0.9]}})"),
       "m.json: /train/optimizer/betas: expected two numbers of at least 0 and below 1, such as "
       "[0.9, 0.999]"},
      {with(R"("train": {"optimizer": {"betas": [0.9, 1.0]}})"),
       "m.json: /train/optimizer/betas: expected two numbers of at least 0 and below 1, such as "
       "[0.9, 0.999]"},
      {with(R"("train": {"optimizer": {"eps": 0}})"),
       "m.json: /train/optimizer/eps: expected a number above 0 and below 1, found 0"},
      {with(R"("train": {"optimizer": {"momentum": 0.9}})"),
       "m.json: /train/optimizer/momentum: is for sgd; remove it (adam's is the first of betas)"},
      {with(R"("train": {"optimizer": {"name": "sgd", "betas": [0.9, 0.99]}})"),
       "m.json: /train/optimizer/betas: is for adam and adamw; remove it"},
      {with(R"("train": {"sparse_optimizer": {"name": "adamw"}})"),
       "m.json: /train/sparse_optimizer/name: unknown value 'adamw'; did you mean 'adam'?"},
      {with(R"("train": {"sparse_optimizer": {"weight_decay": 0.1}})"),
       "m.json: /train/sparse_optimizer: unknown key 'weight_decay'; did you mean "
       "'/train/optimizer/weight_decay'?"},
      {with(R"("train": {"lr_schedule": {"name": "step"}})"),
       "m.json: /train/lr_schedule: the schedule \"step\" needs 'step_size', the optimizer steps "
       "between two drops"},
      {with(R"("train": {"lr_schedule": {"name": "cosine", "gamma": 0.5}})"),
       "m.json: /train/lr_schedule/gamma: is for the schedule \"step\"; remove it or set name to "
       "\"step\""},
      {with(R"("train": {"lr_schedule": {"min_lr": 0.5}})"),
       "m.json: /train/lr_schedule/min_lr: is for the schedules \"step\" and \"cosine\"; remove "
       "it"},
      {with(R"("eval": {"frequency": 0})"),
       "m.json: /eval/frequency: expected an integer from 1 to 1000000, found 0"},
      {with(R"("eval": {"frequency": "step"})"),
       "m.json: /eval/frequency: expected a number of epochs, or \"epoch\" for every one, found "
       "\"step\""},
      {with(R"("eval": {"early_stopping": true})"),
       "m.json: /eval/early_stopping: expected an object, found a boolean"},
      {with(R"("eval": {"early_stopping": {"monitor": "valid/acuracy"}})"),
       "m.json: /eval/early_stopping/monitor: nothing is called 'valid/acuracy'; did you mean "
       "'valid/accuracy'?"},
      {with(
           R"("task": {"metrics": ["accuracy"]}, "eval": {"early_stopping": {"monitor": "valid/roc_auc"}})"),
       "m.json: /eval/early_stopping/monitor: nothing is called 'valid/roc_auc'; known: "
       "valid/loss, valid/accuracy (metrics are those of /task/metrics)"},
      {with(R"("eval": {"early_stopping": {"patience": 0}})"),
       "m.json: /eval/early_stopping/patience: expected an integer from 1 to 1000000, found 0"},
  };
  for (const Row &row : rows)
    EXPECT_EQ(errorOf(row.text), row.message) << row.text;
}

TEST(ModelSpec, OtherToolsNamesLeadToOurs) {
  const std::vector<std::array<std::string, 3>> rows = {
      {"sampling", "num_neighbors", "fanout"},
      {"sampling", "fanouts", "fanout"},
      {"eval", "num_neighbors", "fanout"},
      {"model", "hidden_channels", "hidden_size"},
      {"model", "hidden_dim", "hidden_size"},
      {"model", "n_layers", "num_layers"},
      {"model", "root_weight", "use_self_loop"},
      {"train", "epochs", "num_epochs"},
      {"train", "max_epochs", "num_epochs"},
      {"train", "learning_rate", "/train/optimizer/lr"},
      {"train", "weight_decay", "/train/optimizer/weight_decay"},
      {"train", "patience", "/eval/early_stopping/patience"},
      {"train", "fanout", "/sampling/fanout"},
      {"train", "scheduler", "lr_schedule"},
      {"task", "eval_metric", "metrics"},
      {"task", "target_node_type", "target_ntype"},
      {"task", "class_weights", "/task/loss/class_weights"},
  };
  for (const auto &[object, word, ours] : rows)
    EXPECT_NE(errorOf(with("\"" + object + "\": {\"" + word + "\": 1}"))
                  .find("did you mean '" + ours + "'"),
              std::string::npos)
        << errorOf(with("\"" + object + "\": {\"" + word + "\": 1}"));
  EXPECT_NE(errorOf(with(R"("hidden_channels": 1)")).find("'/model/hidden_size'"),
            std::string::npos);
}

TEST(ModelSpec, BalancedClassWeights) {
  LossSpec loss;
  loss.name = "cross_entropy";
  EXPECT_TRUE(classWeights(loss, {1, 3}, 4).empty());
  loss.classWeights = ClassWeights::Balanced;
  EXPECT_EQ(classWeights(loss, {2, 6, 0}, 8),
            (std::vector<double>{8.0 / 6, 8.0 / 18, 0})); // numTrain / (classes * count)
  loss.name = "binary_cross_entropy";
  EXPECT_EQ(classWeights(loss, {2, 8, 0}, 8), (std::vector<double>{3, 0, 1}));
  loss.classWeights = ClassWeights::Given;
  loss.weights = {5, 7};
  EXPECT_EQ(classWeights(loss, {1, 1}, 2), loss.weights);
}

TEST(ModelSpec, AnAbsentFileIsNotFound) {
  auto spec = readModelSpec("/nonexistent/m.json");
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(exitCodeOf(spec.status()), 2);
  EXPECT_NE(messageOf(spec.status()).find("/nonexistent/m.json"), std::string::npos);
}
