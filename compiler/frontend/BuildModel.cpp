//===- BuildModel.cpp - spec and schema to the model phase -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/BuildModel.h"

#include "compiler/ParamNames.h"
#include "compiler/Symbols.h"
#include "runtime/base/Npy.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Verifier.h"

#include <set>

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {
namespace {

class ModelBuilder {
public:
  ModelBuilder(MLIRContext &context, const spec::ModelSpec &spec, const graph::GraphSchema &schema)
      : spec(spec), schema(schema), builder(&context),
        loc(FileLineColLoc::get(&context, spec.file.empty() ? "spec" : spec.file, 0, 0)) {}

  OwningOpRef<ModuleOp> run() {
    OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
    builder.setInsertionPointToEnd(module->getBody());
    selectRelations();
    addSchema();
    addSettings();
    for (const auto &[type, input] : spec.inputs)
      addInput(type, input);
    int64_t classes = label().classes.size();
    if (std::string path = spec.encoderPath(); !path.empty()) {
      if (failed(buildLayersFromFile(builder, loc, path, spec.model, classes)))
        return nullptr;
    } else if (spec.model.encoder == "rgat") {
      buildRgatLayers(builder, loc, spec.model, classes);
    } else if (spec.model.encoder == "hgt") {
      buildHgtLayers(builder, loc, spec.model, classes);
    } else if (spec.model.encoder == "simplehgn") {
      buildSimpleHgnLayers(builder, loc, spec.model, classes);
    } else if (spec.model.encoder == "rsage") {
      buildRsageLayers(builder, loc, spec.model, classes);
    } else if (spec.model.encoder == "han") {
      buildHanLayers(builder, loc, spec.model, classes);
    } else {
      buildRgcnLayers(builder, loc, spec.model, classes);
    }
    if (failed(verify(*module)))
      return nullptr;
    return module;
  }

private:
  const graph::NodeTypeSchema &target() {
    return schema.nodeTypes[schema.nodeTypeId(spec.task.targetNtype)];
  }
  const graph::LabelSchema &label() {
    for (const graph::LabelSchema &label : target().labels)
      if (label.name == spec.task.label)
        return label;
    return target().labels.front();
  }
  const graph::LabelSchema::Split &split() {
    for (const auto &split : label().splits)
      if (split.name == spec.task.split)
        return split;
    return label().splits.front();
  }
  FlatSymbolRefAttr typeRef(const std::string &name) {
    return FlatSymbolRefAttr::get(builder.getContext(), escapeName(name));
  }
  ArrayAttr strings(const std::vector<std::string> &texts) {
    SmallVector<Attribute> out;
    for (const std::string &text : texts)
      out.push_back(builder.getStringAttr(text));
    return builder.getArrayAttr(out);
  }
  FeatType rows(int64_t width) {
    return FeatType::get(DomainAttr::generic(builder.getContext(), DomainKind::Dst), {width});
  }
  FeatType param(ArrayRef<int64_t> shape) {
    return FeatType::get(DomainAttr::param(builder.getContext()), shape);
  }

  void selectRelations() {
    for (const spec::Triple &t : spec.model.relations)
      if (int id = schema.relationId(t[0], t[1], t[2]); id >= 0)
        relations.insert(id);
    if (spec.model.allRelations)
      for (size_t id = 0; id < schema.relations.size(); ++id)
        relations.insert(int(id));
  }

  DictionaryAttr describe(const std::vector<graph::FeatureSchema> &features) {
    SmallVector<NamedAttribute> out;
    for (const graph::FeatureSchema &feature : features) {
      bool sparse = feature.kind == graph::FeatureKind::Sparse;
      out.push_back(builder.getNamedAttr(
          feature.name,
          builder.getDictionaryAttr(
              {builder.getNamedAttr("kind", builder.getStringAttr(sparse ? "sparse" : "dense")),
               builder.getNamedAttr("dim", builder.getI64IntegerAttr(feature.dim)),
               builder.getNamedAttr("number_bytes",
                                    builder.getI64IntegerAttr(dtypeBytes(feature.dtype))),
               builder.getNamedAttr("nnz", builder.getI64IntegerAttr(feature.nnz)),
               builder.getNamedAttr("max_row_nnz",
                                    builder.getI64IntegerAttr(feature.maxRowNnz))})));
    }
    return builder.getDictionaryAttr(out);
  }

  void addSchema() {
    for (const auto &[id, type] : llvm::enumerate(schema.nodeTypes)) {
      NodeTypeOp::create(builder, loc, escapeName(type.name), id, type.numNodes,
                         describe(type.features));
    }
    for (const auto &[id, r] : llvm::enumerate(schema.relations)) {
      const std::vector<graph::FeatureSchema> &features = schema.edgeFeatures(int(id));
      RelationOp::create(builder, loc, relationSymbol(r.source, r.name, r.destination), id,
                         typeRef(r.source).getAttr(), r.name, typeRef(r.destination).getAttr(),
                         r.numEdges, r.reverseOf, r.in.max, r.in.nonZero, r.out.nonZero,
                         builder.getDenseI64ArrayAttr(r.in.log2Hist),
                         builder.getDenseI64ArrayAttr(r.out.log2Hist),
                         /*excluded=*/!relations.count(int(id)),
                         features.empty() ? DictionaryAttr() : describe(features));
    }
  }

  void addSettings() {
    const graph::LabelSchema::Split &parts = split();
    std::vector<double> weights =
        spec::classWeights(spec.task.loss, label().trainClassCounts, parts.numTrain);
    TaskOp::create(builder, loc, typeRef(spec.task.targetNtype), builder.getStringAttr(label().name),
                   builder.getStringAttr(parts.name), builder.getBoolAttr(label().multilabel),
                   strings(label().classes), builder.getStringAttr(spec.task.loss.name),
                   weights.empty() ? DenseF64ArrayAttr() : builder.getDenseF64ArrayAttr(weights),
                   strings(spec.task.metrics), builder.getI64IntegerAttr(parts.numTrain),
                   builder.getI64IntegerAttr(parts.numValid), builder.getI64IntegerAttr(parts.numTest));

    SmallVector<NamedAttribute> overrides;
    for (const spec::FanoutOverride &own : spec.sampling.overrides)
      overrides.push_back(builder.getNamedAttr(
          relationSymbol(own.relation[0], own.relation[1], own.relation[2]),
          builder.getDenseI64ArrayAttr(own.fanout)));
    DictionaryAttr train = builder.getDictionaryAttr(overrides);
    bool same = spec.eval.fanout.empty();
    auto batch = [](int64_t size) { return size == spec::all ? 0 : size; };
    SamplingOp::create(builder, loc, spec.sampling.fanout, train,
                       same ? spec.sampling.fanout : spec.eval.fanout,
                       same ? train : builder.getDictionaryAttr({}), batch(spec.train.batchSize),
                       batch(spec.eval.batchSize));

    addOptimizer(0, spec.train.optimizer, spec.train.maxGradNorm.value_or(-1));
    addOptimizer(1, spec.train.sparseOptimizer, -1);
    TrainSettingsOp::create(builder, loc, spec::printTrainSettings(spec), spec::printModelSpec(spec));
  }

  void addOptimizer(int64_t group, const spec::OptimizerSpec &own, double maxNorm) {
    OptimizerKind kind = own.name == "sgd"     ? OptimizerKind::Sgd
                         : own.name == "adamw" ? OptimizerKind::AdamW
                                               : OptimizerKind::Adam;
    auto number = [&](double value) { return builder.getF64FloatAttr(value); };
    OptimizerOp::create(builder, loc, OptimizerKindAttr::get(builder.getContext(), kind),
                        builder.getI64IntegerAttr(group),
                        group == 1 ? builder.getUnitAttr() : UnitAttr(), number(own.lr),
                        number(own.betas[0]), number(own.betas[1]), number(own.eps),
                        number(own.weightDecay), number(own.momentum), number(maxNorm));
  }

  /// The sum of a linear map of each feature, a learnable row, and a constant row.
  void addInput(const std::string &typeName, const spec::InputSpec &own) {
    int id = schema.nodeTypeId(typeName);
    if (id < 0)
      return;
    const graph::NodeTypeSchema &type = schema.nodeTypes[id];
    int64_t hidden = spec.model.hiddenSize;
    auto input = InputOp::create(builder, loc, builder.getStringAttr("input." + escapeName(typeName)),
                                 typeRef(typeName));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&input.getBody().emplaceBlock());
    auto newParam = [&](const std::string &name, ArrayRef<int64_t> shape, StringRef init) -> Value {
      SmallVector<Attribute> sizes;
      for (int64_t size : shape)
        sizes.push_back(builder.getI64IntegerAttr(size));
      return ParamOp::create(builder, loc, param(shape), name, Scope::Layer,
                             builder.getArrayAttr(sizes), init);
    };
    // A dot in a type's name would read as a level of the tensor's name.
    const std::string key = moduleKey(typeName);
    SmallVector<Value> parts;
    for (const std::string &name : own.features) {
      for (const graph::FeatureSchema &feature : type.features) {
        if (feature.name != name)
          continue;
        Value weight = newParam("inputs." + key + "." + moduleKey(name) + ".weight",
                                {feature.dim, hidden}, "xavier_uniform");
        if (feature.kind == graph::FeatureKind::Sparse) {
          Type sparse = SparseType::get(builder.getContext(), rows(1).getDomain(), feature.dim);
          Value x = FeatureOp::create(builder, loc, sparse, name);
          parts.push_back(SparseLinearOp::create(builder, loc, x, weight));
        } else {
          Value x = FeatureOp::create(builder, loc, rows(feature.dim), name);
          parts.push_back(LinearOp::create(builder, loc, x, weight, /*transpose=*/false));
        }
      }
    }
    if (own.learnable)
      parts.push_back(LearnableOp::create(
          builder, loc, rows(hidden), builder.getStringAttr("embeddings." + key + ".weight"),
          ScopeAttr(), Attribute(), builder.getStringAttr("xavier_uniform")));
    if (own.constant) {
      Value row = newParam("inputs." + key + ".constant", {hidden}, "xavier_uniform");
      parts.push_back(BroadcastDstOp::create(builder, loc, rows(hidden), row));
    }
    Value sum = parts.size() == 1 ? parts.front() : Value(AddOp::create(builder, loc, parts));
    if (!own.features.empty()) {
      Value bias = newParam("inputs." + key + ".bias", {hidden}, "zeros");
      sum = AddBiasOp::create(builder, loc, sum, bias);
    }
    YieldOp::create(builder, loc, sum);
  }

  const spec::ModelSpec &spec;
  const graph::GraphSchema &schema;
  OpBuilder builder;
  Location loc;
  std::set<int> relations;
};

} // namespace

OwningOpRef<ModuleOp> buildModel(MLIRContext &context, const spec::ModelSpec &spec,
                                 const graph::GraphSchema &schema) {
  return ModelBuilder(context, spec, schema).run();
}

} // namespace heddle::compiler
