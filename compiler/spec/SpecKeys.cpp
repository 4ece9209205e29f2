//===- SpecKeys.cpp - where each key of a model spec lives ---------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/spec/SpecKeys.h"

namespace heddle::spec {
namespace {

struct Home {
  const char *word;
  const char *place;
};

// Names that PyG, DGL, GraphStorm and PyTorch Lightning use, and our own keys with their homes.
constexpr Home homes[] = {
    // sampling
    {"num_neighbors", "/sampling/fanout"},
    {"fanouts", "/sampling/fanout"},
    {"fan_out", "/sampling/fanout"},
    {"neighbors", "/sampling/fanout"},
    {"num_samples", "/sampling/fanout"},
    {"neighbor_sizes", "/sampling/fanout"},
    {"fanout", "/sampling/fanout"},
    {"eval_fanout", "/eval/fanout"},
    {"overrides", "/sampling/overrides"},
    // model
    {"hidden_channels", "/model/hidden_size"},
    {"hidden_dim", "/model/hidden_size"},
    {"hidden_dims", "/model/hidden_size"},
    {"hidden_feats", "/model/hidden_size"},
    {"num_hidden", "/model/hidden_size"},
    {"n_hidden", "/model/hidden_size"},
    {"hidden", "/model/hidden_size"},
    {"embedding_dim", "/model/hidden_size"},
    {"hidden_size", "/model/hidden_size"},
    {"n_layers", "/model/num_layers"},
    {"layers", "/model/num_layers"},
    {"depth", "/model/num_layers"},
    {"num_hops", "/model/num_layers"},
    {"num_layers", "/model/num_layers"},
    {"n_bases", "/model/num_bases"},
    {"bases", "/model/num_bases"},
    {"num_bases", "/model/num_bases"},
    {"heads", "/model/num_heads"},
    {"n_heads", "/model/num_heads"},
    {"nhead", "/model/num_heads"},
    {"attention_heads", "/model/num_heads"},
    {"num_heads", "/model/num_heads"},
    {"attn_drop", "/model/attention_dropout"},
    {"attn_dropout", "/model/attention_dropout"},
    {"attention_dropout", "/model/attention_dropout"},
    {"slope", "/model/negative_slope"},
    {"negative_slope", "/model/negative_slope"},
    {"edge_feats", "/model/edge_dim"},
    {"edge_dim", "/model/edge_dim"},
    {"hgt_softmax", "/model/hgt_softmax"},
    {"edge_feature", "/model/edge_features"},
    {"edge_feat_name", "/model/edge_features"},
    {"efeat", "/model/edge_features"},
    {"edge_features", "/model/edge_features"},
    {"edge_weights", "/model/edge_features/edge_weight"},
    {"weight", "/model/edge_features/edge_weight"},
    {"edge_weight", "/model/edge_features/edge_weight"},
    {"edge_dim", "/model/edge_features/edge_attr"},
    {"edge_attrs", "/model/edge_features/edge_attr"},
    {"edge_attr", "/model/edge_features/edge_attr"},
    {"self_loop", "/model/use_self_loop"},
    {"root_weight", "/model/use_self_loop"},
    {"add_self_loops", "/model/use_self_loop"},
    {"use_self_loop", "/model/use_self_loop"},
    {"one_hot", "/model/featureless"},
    {"featureless", "/model/featureless"},
    {"etypes", "/model/relations"},
    {"edge_types", "/model/relations"},
    {"target_etype", "/model/relations"},
    {"relations", "/model/relations"},
    {"act", "/model/activation"},
    {"nonlinearity", "/model/activation"},
    {"activation", "/model/activation"},
    {"gnn_norm", "/model/norm"},
    {"normalization", "/model/norm"},
    {"norm", "/model/norm"},
    {"dropout_rate", "/model/dropout"},
    {"drop", "/model/dropout"},
    {"p_dropout", "/model/dropout"},
    {"dropout", "/model/dropout"},
    {"model_encoder_type", "/model/encoder"},
    {"gnn", "/model/encoder"},
    {"conv", "/model/encoder"},
    {"encoder", "/model/encoder"},
    {"args", "/model/args"},
    // task
    {"target_type", "/task/target_ntype"},
    {"target_node_type", "/task/target_ntype"},
    {"target", "/task/target_ntype"},
    {"ntype", "/task/target_ntype"},
    {"target_ntype", "/task/target_ntype"},
    {"label_field", "/task/label"},
    {"label_col", "/task/label"},
    {"label_name", "/task/label"},
    {"labels", "/task/label"},
    {"label", "/task/label"},
    {"splits", "/task/split"},
    {"split_name", "/task/split"},
    {"split", "/task/split"},
    {"task_type", "/task/type"},
    {"eval_metric", "/task/metrics"},
    {"metric", "/task/metrics"},
    {"metrics", "/task/metrics"},
    {"loss", "/task/loss"},
    {"loss_func", "/task/loss"},
    {"criterion", "/task/loss"},
    {"imbalance_class_weights", "/task/loss/class_weights"},
    {"pos_weight", "/task/loss/class_weights"},
    {"class_weight", "/task/loss/class_weights"},
    {"class_weights", "/task/loss/class_weights"},
    {"pos_label", "/task/positive_class"},
    {"positive_class", "/task/positive_class"},
    // train
    {"epochs", "/train/num_epochs"},
    {"max_epochs", "/train/num_epochs"},
    {"n_epochs", "/train/num_epochs"},
    {"num_epochs", "/train/num_epochs"},
    {"batchsize", "/train/batch_size"},
    {"bs", "/train/batch_size"},
    {"batch_size", "/train/batch_size"},
    {"eval_batch_size", "/eval/batch_size"},
    {"random_seed", "/train/seed"},
    {"seed", "/train/seed"},
    {"clip_grad_norm", "/train/max_grad_norm"},
    {"grad_clip", "/train/max_grad_norm"},
    {"gradient_clip_val", "/train/max_grad_norm"},
    {"grad_norm", "/train/max_grad_norm"},
    {"max_grad_norm", "/train/max_grad_norm"},
    {"optim", "/train/optimizer"},
    {"optimizer", "/train/optimizer"},
    {"sparse_optimizer", "/train/sparse_optimizer"},
    {"sparse_optimizer_lr", "/train/sparse_optimizer/lr"},
    {"sparse_lr", "/train/sparse_optimizer/lr"},
    {"learning_rate", "/train/optimizer/lr"},
    {"lr", "/train/optimizer/lr"},
    {"wd", "/train/optimizer/weight_decay"},
    {"l2", "/train/optimizer/weight_decay"},
    {"wd_l2norm", "/train/optimizer/weight_decay"},
    {"weight_decay", "/train/optimizer/weight_decay"},
    {"betas", "/train/optimizer/betas"},
    {"epsilon", "/train/optimizer/eps"},
    {"eps", "/train/optimizer/eps"},
    {"momentum", "/train/optimizer/momentum"},
    {"scheduler", "/train/lr_schedule"},
    {"lr_scheduler", "/train/lr_schedule"},
    {"lr_schedule", "/train/lr_schedule"},
    {"warmup", "/train/lr_schedule/warmup_steps"},
    {"num_warmup_steps", "/train/lr_schedule/warmup_steps"},
    {"warmup_steps", "/train/lr_schedule/warmup_steps"},
    {"step_size", "/train/lr_schedule/step_size"},
    {"lr_decay", "/train/lr_schedule/gamma"},
    {"gamma", "/train/lr_schedule/gamma"},
    {"eta_min", "/train/lr_schedule/min_lr"},
    {"min_lr", "/train/lr_schedule/min_lr"},
    // eval
    {"eval_frequency", "/eval/frequency"},
    {"eval_every", "/eval/frequency"},
    {"frequency", "/eval/frequency"},
    {"use_early_stop", "/eval/early_stopping"},
    {"early_stop", "/eval/early_stopping"},
    {"early_stopping", "/eval/early_stopping"},
    {"early_stop_rounds", "/eval/early_stopping/patience"},
    {"patience", "/eval/early_stopping/patience"},
    {"monitor", "/eval/early_stopping/monitor"},
    {"mode", "/eval/early_stopping/mode"},
    // root
    {"training", "/train"},
    {"trainer", "/train"},
    {"evaluation", "/eval"},
    {"gnn_model", "/model"},
    {"input", "/inputs"},
    {"node_types", "/inputs"},
    {"sampler", "/sampling"},
};

} // namespace

std::map<std::string, std::string> keyAliases(const std::string &pointer) {
  std::map<std::string, std::string> aliases;
  auto add = [&](const std::string &word, const std::string &place) {
    size_t cut = place.rfind('/');
    aliases[word] = place.substr(0, cut) == pointer ? place.substr(cut + 1) : place;
  };
  for (const Home &home : homes)
    add(home.word, home.place);
  if (pointer == "/eval") { // the same words, here for evaluation
    for (const char *word : {"num_neighbors", "fanouts", "neighbors"})
      add(word, "/eval/fanout");
  } else if (pointer == "/train/sparse_optimizer") {
    for (const char *word : {"learning_rate", "sparse_lr"})
      add(word, "/train/sparse_optimizer/lr");
    add("epsilon", "/train/sparse_optimizer/eps");
  } else if (pointer.rfind("/sampling/overrides/", 0) == 0) {
    for (const char *word : {"num_neighbors", "fanouts", "neighbors"})
      add(word, pointer + "/fanout");
    for (const char *word : {"etype", "edge_type", "relations"})
      add(word, pointer + "/relation");
  } else if (pointer.rfind("/inputs/", 0) == 0) {
    for (const char *word :
         {"embedding", "learnable_embedding", "trainable", "use_node_embeddings"})
      add(word, pointer + "/learnable");
    for (const char *word : {"feature", "node_feat_name", "feat", "feats", "x"})
      add(word, pointer + "/features");
  }
  return aliases;
}

} // namespace heddle::spec
