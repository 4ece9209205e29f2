//===- EdgeFeatures.cpp - what a program reads of a relation's edges -------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/EdgeFeatures.h"

#include "runtime/base/Suggest.h"

using namespace mlir;
using namespace heddle::hgnn;

namespace heddle::compiler {

static DictionaryAttr featureNamed(RelationOp relation, StringRef name) {
  DictionaryAttr features = relation ? relation.getFeaturesAttr() : DictionaryAttr();
  return features ? features.getAs<DictionaryAttr>(name) : DictionaryAttr();
}

FailureOr<DictionaryAttr> edgeFeatureOf(EdgeFeatureOp op, RelationOp relation) {
  DictionaryAttr feature = featureNamed(relation, op.getName());
  StringRef symbol = relation ? relation.getSymName() : StringRef();
  if (!feature) {
    if (op.getDefaultValue())
      return DictionaryAttr();
    std::vector<std::string> known;
    DictionaryAttr all = relation ? relation.getFeaturesAttr() : DictionaryAttr();
    for (NamedAttribute own : all ? all.getValue() : ArrayRef<NamedAttribute>())
      known.push_back(own.getName().str());
    return op.emitError("reads '") << op.getName() << "', which is no feature of the edges of @\""
                                   << symbol << "\"" << suggestion(op.getName().str(), known)
                                   << "; import it, write `default` and a number for relations "
                                      "without it, or leave the "
                                      "relation out (model.relations)",
           failure();
  }
  auto kind = feature.getAs<StringAttr>("kind");
  auto dim = feature.getAs<IntegerAttr>("dim");
  if ((kind && kind.getValue() != "dense") || !dim || dim.getInt() < 1)
    return op.emitError("reads '")
               << op.getName() << "', which is no dense feature of the edges of @\"" << symbol
               << "\"; import it as columns of numbers",
           failure();
  return feature;
}

std::optional<StringRef> edgeFeatureOfSize(Attribute size) {
  auto text = dyn_cast<StringAttr>(size);
  if (!text || !text.getValue().starts_with("edge."))
    return std::nullopt;
  return text.getValue().drop_front(5);
}

int64_t widthOfEdgeFeature(RelationOp relation, StringRef name) {
  DictionaryAttr feature = featureNamed(relation, name);
  auto dim = feature ? feature.getAs<IntegerAttr>("dim") : IntegerAttr();
  return dim ? dim.getInt() : 1;
}

} // namespace heddle::compiler
