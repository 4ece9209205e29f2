//===- Programs.cpp - layers whose root links meet in other ways -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/partitions/Partitions.h"

namespace heddle::test {

#define HEDDLE_MEAN_MESSAGE                                                                        \
  "    %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>\n"          \
  "    %sum = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>\n"         \
  "    %degree = hgnn.degree %adj : !hgnn.adj<any>\n"                                              \
  "    %inverse = hgnn.unary reciprocal %degree : !hgnn.tensor<dst : 1xf32>\n"                     \
  "    %mean = hgnn.scale_rows %sum, %inverse : !hgnn.tensor<dst : ?xf32>, "                       \
  "!hgnn.tensor<dst : 1xf32>\n"
#define HEDDLE_LAYER(combine)                                                                      \
  "hgnn.layer @layer combine " combine                                                             \
  " attributes {index = 0 : i64, in_size = 0 : i64, out_size = 0 : i64} message {\n"               \
  "  ^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):\n"
#define HEDDLE_UPDATE                                                                              \
  "  } update {\n"                                                                                 \
  "  ^bb0(%c: !hgnn.tensor<dst : ?xf32>, %self: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):\n"
#define HEDDLE_PARAM(name, scope, shape)                                                           \
  "    %" name " = hgnn.param \"" name "\" scope " scope " shape [" shape                          \
  "] init \"xavier_uniform\" : <param : ?xf32>\n"
#define HEDDLE_LINEAR(result, rows, weight)                                                        \
  "    %" result " = hgnn.linear %" rows ", %" weight                                              \
  " : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>\n"
#define HEDDLE_YIELD(value) "    hgnn.yield %" value " : !hgnn.tensor<dst : ?xf32>\n"
#define HEDDLE_TANH(rows)                                                                          \
  "    %t = hgnn.unary tanh %" rows " : !hgnn.tensor<dst : ?xf32>\n" HEDDLE_YIELD("t") "}\n"
/// update: tanh(c + self root)
#define HEDDLE_UPDATE_WITH_ROOT                                                                    \
  HEDDLE_UPDATE HEDDLE_PARAM("root", "layer", "\"in\", \"out\"")                                   \
  HEDDLE_LINEAR("o", "self", "root")                                                               \
  "    %s = hgnn.add %c, %o : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>\n"              \
  HEDDLE_TANH("s")
/// In an update: tanh([c, self] project)
#define HEDDLE_CONCATENATED                                                                        \
  "    %both = hgnn.concat %c, %self : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>\n"     \
  HEDDLE_PARAM("project", "layer", "\"2*in\", \"out\"") HEDDLE_LINEAR("r", "both", "project")      \
  HEDDLE_TANH("r")

const std::vector<LayerProgram> &layerPrograms() {
  static const std::vector<LayerProgram> programs = {
      {"mean",
       HEDDLE_LAYER("mean") HEDDLE_MEAN_MESSAGE HEDDLE_PARAM("weight", "relation", "\"in\", \"out\"")
           HEDDLE_LINEAR("m", "mean", "weight") HEDDLE_YIELD("m") HEDDLE_UPDATE_WITH_ROOT},
      {"concat",
       HEDDLE_LAYER("sum") HEDDLE_MEAN_MESSAGE HEDDLE_PARAM("weight", "relation", "\"in\", \"in\"")
           HEDDLE_LINEAR("m", "mean", "weight") HEDDLE_YIELD("m") HEDDLE_UPDATE
       HEDDLE_CONCATENATED},
      {"attention",
       HEDDLE_LAYER("sum") HEDDLE_MEAN_MESSAGE HEDDLE_PARAM("weight", "source_type", "\"in\", \"out\"")
       "    %score = hgnn.row_dot %mean, %own : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>\n"
       "    %gate = hgnn.unary sigmoid %score : !hgnn.tensor<dst : 1xf32>\n"
       "    %scaled = hgnn.scale_rows %mean, %gate : !hgnn.tensor<dst : ?xf32>, "
       "!hgnn.tensor<dst : 1xf32>\n"
           HEDDLE_LINEAR("m", "scaled", "weight") HEDDLE_YIELD("m") HEDDLE_UPDATE
               HEDDLE_PARAM("bias", "destination_type", "\"out\"")
       "    %b = hgnn.add_bias %c, %bias : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>\n"
       HEDDLE_TANH("b")},
      {"edge_max",
       HEDDLE_LAYER("sum")
       "    %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>\n"
       "    %at = hgnn.edge_position %adj : !hgnn.adj<any>\n"
       "    %terms = hgnn.term argmax %edges, %at : !hgnn.tensor<edge : ?xf32>, !hgnn.tensor<edge : 1xf32>\n"
       "    %best = hgnn.reduce_dst %terms, %adj of argmax : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>\n"
       "    %mean = hgnn.combined argmax %best : !hgnn.tensor<dst : ?xf32>\n"
           HEDDLE_PARAM("weight", "relation", "\"in\", \"out\"") HEDDLE_LINEAR("m", "mean", "weight")
               HEDDLE_YIELD("m") HEDDLE_UPDATE_WITH_ROOT},
      {"weighted",
       HEDDLE_LAYER("sum")
       "    %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>\n"
       "    %w = hgnn.edge_feature \"gewicht\" default 0.5 : !hgnn.tensor<edge : 1xf32>\n"
       "    %e = hgnn.edge_feature \"a*b\" default 0.25 : !hgnn.tensor<edge : ?xf32>\n"
       "    %gates = hgnn.param \"gates\" scope relation shape [\"edge.a*b\", \"in\"] "
       "init \"xavier_uniform\" : <param : ?xf32>\n"
       "    %open = hgnn.linear %e, %gates : !hgnn.tensor<edge : ?xf32>, !hgnn.tensor<param : ?xf32>\n"
       "    %gated = hgnn.mul %edges, %open : !hgnn.tensor<edge : ?xf32>, !hgnn.tensor<edge : ?xf32>\n"
       "    %scaled = hgnn.scale_rows %gated, %w : !hgnn.tensor<edge : ?xf32>, !hgnn.tensor<edge : 1xf32>\n"
       "    %sum = hgnn.reduce_dst %scaled, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>\n"
       "    %total = hgnn.reduce_dst %w, %adj : !hgnn.tensor<edge : 1xf32>, !hgnn.adj<any>\n"
       "    %inverse = hgnn.unary reciprocal %total : !hgnn.tensor<dst : 1xf32>\n"
       "    %mean = hgnn.scale_rows %sum, %inverse : !hgnn.tensor<dst : ?xf32>, "
       "!hgnn.tensor<dst : 1xf32>\n"
           HEDDLE_PARAM("weight", "relation", "\"in\", \"out\"") HEDDLE_LINEAR("m", "mean", "weight")
               HEDDLE_YIELD("m") HEDDLE_UPDATE_WITH_ROOT},
      {"bare",
       HEDDLE_LAYER("mean") HEDDLE_MEAN_MESSAGE HEDDLE_PARAM("weight", "relation", "\"in\", \"out\"")
           HEDDLE_LINEAR("m", "mean", "weight") HEDDLE_YIELD("m") HEDDLE_UPDATE
               HEDDLE_PARAM("bias", "layer", "\"out\"")
       "    %rows = hgnn.constant_rows %bias : (!hgnn.tensor<param : ?xf32>) -> !hgnn.tensor<dst : ?xf32>\n"
       "    %s = hgnn.add %c, %rows : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>\n"
       HEDDLE_TANH("s")},
      {"max",
       HEDDLE_LAYER("max") HEDDLE_MEAN_MESSAGE HEDDLE_PARAM("weight", "relation", "\"in\", \"out\"")
           HEDDLE_LINEAR("m", "mean", "weight") HEDDLE_YIELD("m") HEDDLE_UPDATE_WITH_ROOT},
      {"softmax",
       HEDDLE_LAYER("softmax") HEDDLE_MEAN_MESSAGE
           HEDDLE_PARAM("weight", "relation", "\"in\", \"in\"") HEDDLE_LINEAR("m", "mean", "weight")
               HEDDLE_PARAM("attention", "layer", "\"in\", 1") HEDDLE_LINEAR("score", "m", "attention")
       "    hgnn.yield %m, %score : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>\n"
       HEDDLE_UPDATE
       HEDDLE_CONCATENATED}};
  return programs;
}

} // namespace heddle::test
