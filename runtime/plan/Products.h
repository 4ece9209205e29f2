//===- Products.h - the dense products of an op ------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_PRODUCTS_H
#define HEDDLE_RUNTIME_PLAN_PRODUCTS_H

#include "runtime/plan/PlanFile.h"

#include <vector>

namespace heddle::plan {

/// One dense product of an op, and its arrays as numbers into the op's inputs (a, b) and outputs
/// (c).
struct Product {
  const GemmAttrsT *attrs;
  uint32_t a = 0, b = 1, c = 0;
};

/// The products of a Gemm or GemmGroup op in the order in which they run; none of other ops. Valid
/// while the op lives; parts of a group that is not verified yet may be missing and are left out.
inline std::vector<Product> productsOf(const OpT &op) {
  std::vector<Product> products;
  if (const GemmAttrsT *gemm = op.attrs.AsGemmAttrs()) {
    products.push_back({gemm});
  } else if (const GemmGroupAttrsT *group = op.attrs.AsGemmGroupAttrs()) {
    for (const auto &part : group->products)
      if (part && part->attrs)
        products.push_back({part->attrs.get(), part->a, part->b, part->c});
  }
  return products;
}

} // namespace heddle::plan

#endif // HEDDLE_RUNTIME_PLAN_PRODUCTS_H
