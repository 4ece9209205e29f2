//===- ModuleTables.h - schema and states of a module ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_PLAN_MODULETABLES_H
#define HEDDLE_COMPILER_PLAN_MODULETABLES_H

#include "compiler/cost/SizeModel.h"
#include "dialects/hgnn/Hgnn.h"

#include <map>
#include <string>
#include <vector>

namespace heddle::compiler {

/// What the ops at the top of a module say, by canonical id.
struct ModuleTables {
  struct Feature {
    uint64_t dim = 0, nnz = 0;
    uint32_t index = 0; ///< among the type's features, by name
    uint32_t numberBytes = 4; ///< as the graph stores it
  };
  struct Type {
    hgnn::NodeTypeOp op;
    uint64_t numNodes = 0;
    std::map<std::string, Feature> features;
  };
  struct Relation {
    hgnn::RelationOp op;
    uint32_t source = 0, destination = 0;
    RelationStatistics statistics;
  };
  std::vector<Type> types;
  std::vector<Relation> relations;
  std::vector<hgnn::StateOp> states; ///< in module order
  bool gpu = false; ///< the plan is for GPUs too: sums over rows are cut for their many threads
  std::vector<hgnn::OptimizerOp> optimizers; ///< by group
  hgnn::TaskOp task;
  hgnn::SamplingOp sampling;
  hgnn::TrainSettingsOp settings; ///< may be null
  std::map<std::string, uint32_t> typeIds, relationIds, stateIds; ///< by symbol

  /// Errors are emitted on the op that is wrong.
  static mlir::FailureOr<ModuleTables> read(mlir::ModuleOp module);
};

/// Of a feature's description in the schema, which may be null: bytes of a number as the graph
/// stores it.
uint32_t numberBytesOf(mlir::DictionaryAttr feature);

/// How many seeds a step of an entry has: `size` (0 = all) of at most `available` nodes.
struct BatchOf {
  uint64_t size = 0, available = 0;
};
/// Inference goes over any nodes, in batches that the plan says nothing of but this: what is estimated
/// and bounded is a step of 8192 rows.
BatchOf batchOf(hgnn::EntryOp entry, const ModuleTables &tables);

/// The sample of the hop before whose edges are all among those of `sample`, a source of `frontier`, and
/// whose sources are rows of the frontier by its identity link; null where there is none. All edges of
/// a node are the same at every hop, drawn ones are not.
hgnn::SampleOp sampledBefore(hgnn::FrontierOp frontier, hgnn::SampleOp sample);

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_PLAN_MODULETABLES_H
