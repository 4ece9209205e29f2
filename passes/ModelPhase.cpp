//===- ModelPhase.cpp - what a module of the model phase says -------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "passes/ModelPhase.h"

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::passes;

template <typename Op> static FailureOr<Op> theOnly(ModuleOp module, StringRef what) {
  Op found;
  for (Op op : module.getOps<Op>()) {
    if (found)
      return op.emitError("a module has one ") << what;
    found = op;
  }
  if (!found)
    return module.emitError("the model phase needs a ") << what;
  return found;
}

FailureOr<Model> heddle::passes::readModel(ModuleOp module) {
  Model model;
  auto task = theOnly<TaskOp>(module, "hgnn.task");
  auto sampling = theOnly<SamplingOp>(module, "hgnn.sampling");
  if (failed(task) || failed(sampling))
    return failure();
  model.task = *task;
  model.sampling = *sampling;
  for (auto type : module.getOps<NodeTypeOp>()) {
    model.types.push_back(type);
    model.typeOf[type.getSymNameAttr()] = type;
  }
  for (auto op : module.getOps<RelationOp>()) {
    if (op.getExcluded())
      continue;
    for (FlatSymbolRefAttr end : {op.getSourceAttr(), op.getDestinationAttr()})
      if (!model.typeOf.count(end.getAttr()))
        return op.emitError("is between ") << end << ", which is not a node type of the module";
    model.relations.push_back({op, FlatSymbolRefAttr::get(op.getSymNameAttr()), op.getSourceAttr(),
                               op.getDestinationAttr()});
  }
  for (auto layer : module.getOps<LayerOp>())
    model.layers.push_back(layer);
  for (auto input : module.getOps<InputOp>())
    if (!model.inputs.try_emplace(input.getTypeAttr().getAttr(), input).second)
      return input.emitError("is a second input program of ") << input.getTypeAttr();
  llvm::sort(model.types, [](NodeTypeOp a, NodeTypeOp b) { return a.getId() < b.getId(); });
  llvm::sort(model.relations, [](const Relation &a, const Relation &b) {
    return RelationOp(a.op).getId() < RelationOp(b.op).getId();
  });
  llvm::sort(model.layers, [](LayerOp a, LayerOp b) { return a.getIndex() < b.getIndex(); });
  if (model.layers.empty())
    return module.emitError("the model phase needs at least one hgnn.layer");
  for (auto [index, layer] : llvm::enumerate(model.layers)) {
    if (layer.getIndex() != index)
      return layer.emitError("has index ") << layer.getIndex() << ", expected " << index
                                           << ": layers are numbered from 0 without gaps";
    if (layer.getInSize() == 0 || layer.getOutSize() == 0)
      return layer.emitError("has no sizes yet; the front end sets in_size and out_size");
    if (index && layer.getInSize() != model.layers[index - 1].getOutSize())
      return layer.emitError("takes rows of width ")
             << layer.getInSize() << ", the layer before gives "
             << model.layers[index - 1].getOutSize();
  }
  if (!model.typeOf.count(model.task.getTargetAttr().getAttr()))
    return model.task.emitError("targets ")
           << model.task.getTargetAttr() << ", which is not a node type of the module";
  if (int64_t(model.layers.back().getOutSize()) != model.task.getNumClasses())
    return model.layers.back().emitError("gives rows of width ")
           << model.layers.back().getOutSize() << "; the last layer gives the "
           << model.task.getNumClasses() << " class scores";
  return model;
}
