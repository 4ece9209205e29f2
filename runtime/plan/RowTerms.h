//===- RowTerms.h - the terms of a collective of rows ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_ROWTERMS_H
#define HEDDLE_RUNTIME_PLAN_ROWTERMS_H

#include "runtime/plan/plan_generated.h"

#include <cstddef>
#include <vector>

namespace heddle::plan {

/// How many inputs each term of a collective of rows has; 0 for other ops.
inline size_t inputsOfRowTerm(OpAttrs kind) {
  switch (kind) {
  case OpAttrs::UnionRowsAttrs:
  case OpAttrs::RequestRowsAttrs:
    return 1;
  case OpAttrs::ExchangeRowsAttrs:
    return 3;
  case OpAttrs::FetchRemoteAttrs:
  case OpAttrs::PushRowsAttrs:
    return 4;
  case OpAttrs::FetchRemoteRowsAttrs:
    return 5;
  default:
    return 0;
  }
}

/// How many terms a collective of rows has; 0 for other ops.
inline size_t rowTermsOf(const OpT &op) {
  const size_t inputs = inputsOfRowTerm(op.attrs.type);
  return inputs ? op.inputs.size() / inputs : 0;
}

/// Node type and hop of each term, of UnionRowsAttrsT and RequestRowsAttrsT.
template <class Attrs> std::vector<RowsAt> rowsOf(const Attrs &attrs) {
  std::vector<RowsAt> rows = {RowsAt(attrs.node_type, attrs.hop)};
  rows.insert(rows.end(), attrs.more.begin(), attrs.more.end());
  return rows;
}

/// The feature of each term.
inline std::vector<RemoteFeatureT> featuresOf(const FetchRemoteAttrsT &attrs) {
  std::vector<RemoteFeatureT> features(1);
  features[0].node_type = attrs.node_type;
  features[0].hop = attrs.hop;
  features[0].feature = attrs.feature;
  features[0].dim = attrs.dim;
  features[0].sparse = attrs.sparse;
  features[0].feature_index = attrs.feature_index;
  for (const auto &more : attrs.more)
    features.push_back(*more);
  return features;
}

/// How many outputs the term of a feature has.
inline size_t outputsOf(const RemoteFeatureT &feature) { return feature.sparse ? 6 : 1; }

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_ROWTERMS_H
