//===- ReadEncoder.cpp - the encoder of a model spec ------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/spec/SpecReaders.h"

#include "runtime/base/Suggest.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <set>

namespace heddle::spec {
namespace {

using nlohmann::json;

constexpr int64_t maxLayers = 15;
constexpr int64_t maxWidth = 65536;

std::map<std::string, ArgValue> readArgs(ObjectReader reader) {
  std::map<std::string, ArgValue> args;
  for (const std::string &name : reader.keys()) {
    const json &value = *reader.raw(name);
    if (value.is_boolean())
      args[name] = value.get<bool>();
    else if (value.is_string())
      args[name] = value.get<std::string>();
    else if (isInteger(value, std::numeric_limits<int64_t>::min(),
                       std::numeric_limits<int64_t>::max()))
      args[name] = value.get<int64_t>();
    else if (value.is_number_float())
      args[name] = value.get<double>();
    else
      reader.fail(name, "an argument is a number, a string, true or false");
  }
  finish(reader);
  return args;
}

EdgeFeaturesSpec readEdgeFeatures(ObjectReader reader, const std::string &encoder, bool program) {
  EdgeFeaturesSpec features;
  features.weight = reader.stringOr("edge_weight", "");
  features.attr = reader.stringOr("edge_attr", "");
  finish(reader);
  auto check = [&](const char *key, const std::string &name, bool isHome, const char *homes) {
    if (name.empty() || isHome)
      return;
    if (program)
      reader.fail(key, "is for built-in encoders; in an .mlir program write hgnn.edge_feature in "
                       "`message`, and remove it here");
    else
      reader.fail(key, std::string("is for ") + homes + "; " + encoder +
                           (encoder == "rgat"
                                ? " has them in its scores, so name the feature as edge_attr"
                            : encoder == "rgcn" || encoder == "rsage"
                                ? " has weights of edges, so name the feature as edge_weight"
                                : " as published has no place for features of edges") +
                           "; or remove it");
  };
  check("edge_weight", features.weight, encoder == "rgcn" || encoder == "rsage", "rgcn and rsage");
  check("edge_attr", features.attr, encoder == "rgat", "rgat");
  return features;
}

} // namespace

bool isProgram(const std::string &encoder) {
  return encoder.size() > 5 && encoder.compare(encoder.size() - 5, 5, ".mlir") == 0;
}

EncoderSpec readEncoder(ObjectReader reader) {
  EncoderSpec model;
  model.encoder = reader.stringOr("encoder", model.encoder);
  const bool rgcn = model.encoder == "rgcn", rgat = model.encoder == "rgat";
  const bool hgt = model.encoder == "hgt", simpleHgn = model.encoder == "simplehgn";
  const bool han = model.encoder == "han";
  const std::vector<std::string> builtIn = {"rgcn", "rsage", "rgat", "hgt", "simplehgn", "han"};
  if (!isProgram(model.encoder) &&
      std::find(builtIn.begin(), builtIn.end(), model.encoder) == builtIn.end()) {
    reader.fail("encoder", "unknown encoder '" + model.encoder + "'" +
                               suggestion(model.encoder, builtIn,
                                          {{"gat", "rgat"},
                                           {"rgatconv", "rgat"},
                                           {"gcn", "rgcn"},
                                           {"hgtconv", "hgt"},
                                           {"sage", "rsage"},
                                           {"graphsage", "rsage"},
                                           {"sageconv", "rsage"},
                                           {"hgn", "simplehgn"},
                                           {"simple_hgn", "simplehgn"},
                                           {"simplehgnconv", "simplehgn"},
                                           {"hanconv", "han"}}) +
                               " (or the path of a program such as \"sage.mlir\")");
  }
  model.numLayers = reader.integerOr("num_layers", model.numLayers, 1, maxLayers);
  model.hiddenSize = reader.integerOr("hidden_size", model.hiddenSize, 1, maxWidth);
  if (reader.has("num_bases"))
    model.numBases = reader.integer("num_bases", 1, maxWidth);
  if (model.numBases && !rgcn)
    reader.fail("num_bases", "is for rgcn; remove it");
  const bool attends = rgat || hgt || simpleHgn || han;
  if (attends)
    model.numHeads = han ? 8 : 4;
  if (reader.has("num_heads"))
    model.numHeads = reader.integer("num_heads", 1, 64);
  if (model.numHeads && !attends)
    reader.fail("num_heads",
                isProgram(model.encoder)
                    ? "is for rgat, hgt, simplehgn and han; a program gets its heads by /model/args"
                    : "is for rgat, hgt, simplehgn and han; remove it");
  else if (model.numHeads && *model.numHeads > 0 && model.hiddenSize % *model.numHeads != 0)
    reader.fail("num_heads", std::to_string(*model.numHeads) + " does not divide hidden_size " +
                                 std::to_string(model.hiddenSize) +
                                 ", of which each head has a part; change one of them");
  model.attentionDropout = numberBelow(reader, "attention_dropout", model.attentionDropout, 0, 1);
  if (model.attentionDropout > 0 && !rgat && !simpleHgn && !han)
    reader.fail("attention_dropout", "is for rgat, simplehgn and han; remove it");
  if (rgat || simpleHgn)
    model.negativeSlope = numberBelow(reader, "negative_slope", rgat ? 0.2 : 0.05, 0, 1);
  else if (reader.has("negative_slope"))
    reader.fail("negative_slope", "is for rgat and simplehgn; remove it");
  const int64_t edgeDim = model.edgeDim;
  model.edgeDim = reader.integerOr("edge_dim", model.edgeDim, 1, maxWidth);
  if (model.edgeDim != edgeDim && !simpleHgn)
    reader.fail("edge_dim", rgat ? "is for simplehgn; rgat takes features of edges by "
                                   "edge_features.edge_attr"
                                 : "is for simplehgn; remove it");
  model.hgtSoftmax = reader.oneOfOr("hgt_softmax", model.hgtSoftmax, {"all", "relation"}, {});
  if (model.hgtSoftmax != "all" && !hgt)
    reader.fail("hgt_softmax", "is for hgt; remove it");
  if (reader.has("edge_features"))
    model.edgeFeatures =
        readEdgeFeatures(reader.object("edge_features"), model.encoder, isProgram(model.encoder));
  model.useSelfLoop = reader.booleanOr("use_self_loop", model.useSelfLoop);
  model.featureless = reader.booleanOr("featureless", model.featureless);
  if (model.featureless && model.numBases)
    reader.fail("num_bases", "a featureless model has a table for each relation, without bases; "
                             "remove num_bases or featureless");
  if (hgt && !model.useSelfLoop)
    reader.fail("use_self_loop", "hgt keeps own rows by its gated skip connection; remove it");
  if (han && !model.useSelfLoop)
    reader.fail("use_self_loop",
                "han has no self-loop: a metapath joins a node with itself; remove it");
  if (model.featureless && !rgcn && !isProgram(model.encoder))
    reader.fail("featureless", "is for rgcn; give the types learnable rows in /inputs instead");
  if (model.featureless && isProgram(model.encoder))
    reader.fail("featureless", "is for the built-in encoder; in an .mlir program write "
                               "hgnn.learnable with a scope in the first layer");
  const json *relations = reader.raw("relations");
  if (relations && relations->is_array()) {
    model.allRelations = false;
    std::set<Triple> seen;
    for (size_t i = 0; i < relations->size(); ++i) {
      const std::string place = "relations/" + std::to_string(i);
      model.relations.push_back(readTriple(reader, place, (*relations)[i]));
      if (!seen.insert(model.relations.back()).second)
        reader.failAt(place, "relation " + toString(model.relations.back()) +
                                 " is named twice; remove one");
    }
    if (relations->empty())
      reader.fail("relations", "the list is empty; name at least one relation, or \"all\"");
  } else if (relations && !relations->is_null() && *relations != "all") {
    reader.fail("relations", "expected \"all\" or a list of [\"source\", \"relation\", "
                             "\"destination\"]");
  }
  if (han && model.allRelations)
    reader.fail("relations", "han attends to metapaths; list their relations, which heddle-import "
                             "--derive makes");
  model.activation =
      reader.oneOfOr("activation",
                     hgt                ? std::string("gelu")
                     : simpleHgn || han ? std::string("elu")
                                        : model.activation,
                     {"relu", "elu", "tanh", "sigmoid", "gelu", "leaky_relu", "none"},
                     {{"identity", "none"}, {"lrelu", "leaky_relu"}});
  if (hgt && model.activation != "gelu")
    reader.fail("activation", "hgt has gelu before its products; remove it");
  model.norm = reader.oneOfOr("norm", model.norm, {"none", "layer"},
                              {{"layer_norm", "layer"}, {"layernorm", "layer"}});
  model.dropout = numberBelow(reader, "dropout", model.dropout, 0, 1);
  if (isProgram(model.encoder)) {
    const EncoderSpec defaults;
    const std::string own = "a program says that itself; remove it, or make it an argument of the "
                            "program (/model/args)";
    if (model.dropout != defaults.dropout)
      reader.fail("dropout", own);
    if (model.norm != defaults.norm)
      reader.fail("norm", own);
    if (model.activation != defaults.activation)
      reader.fail("activation", own);
    if (model.useSelfLoop != defaults.useSelfLoop)
      reader.fail("use_self_loop", own);
  }
  if (reader.has("args")) {
    model.args = readArgs(reader.object("args"));
    if (!model.args.empty() && !isProgram(model.encoder))
      reader.fail("args", "arguments are for an .mlir encoder; remove them or name one in "
                          "/model/encoder");
  }
  finish(reader);
  return model;
}

} // namespace heddle::spec
