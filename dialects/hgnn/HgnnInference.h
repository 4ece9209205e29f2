//===- HgnnInference.h - what inference functions share  ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_DIALECTS_HGNN_HGNNINFERENCE_H
#define HEDDLE_DIALECTS_HGNN_HGNNINFERENCE_H

#include "dialects/hgnn/Hgnn.h"

namespace heddle::hgnn {

using Loc = std::optional<mlir::Location>;
using Types = llvm::SmallVectorImpl<mlir::Type>;

/// Whether two widths may be one.
inline bool agree(int64_t a, int64_t b) {
  return a == b || mlir::ShapedType::isDynamic(a) || mlir::ShapedType::isDynamic(b);
}

/// Width of rows; unknown for a generic param of unknown rank.
inline int64_t widthOf(FeatType type) {
  if (type.getShape().empty())
    return 1;
  int64_t width = 1;
  for (int64_t size : type.getShape()) {
    if (mlir::ShapedType::isDynamic(size))
      return mlir::ShapedType::kDynamic;
    width *= size;
  }
  return width;
}

/// Width of one of `heads` heads of rows of `width`; unknown stays unknown, -1 if it does not
/// divide.
inline int64_t headWidth(int64_t width, int64_t heads) {
  if (mlir::ShapedType::isDynamic(width) || mlir::ShapedType::isDynamic(heads))
    return mlir::ShapedType::kDynamic;
  return heads > 0 && width % heads == 0 ? width / heads : -1;
}

inline FeatType tensor(mlir::Value value) { return llvm::cast<FeatType>(value.getType()); }

inline FeatType param(mlir::MLIRContext *context, llvm::ArrayRef<int64_t> shape) {
  return FeatType::get(DomainAttr::param(context), shape);
}

/// Errors where the two are over different domains, or `type` is no parameter of that rank (-1: any).
mlir::LogicalResult sameRows(Loc loc, llvm::StringRef op, FeatType a, FeatType b);
mlir::LogicalResult isParam(Loc loc, llvm::StringRef op, llvm::StringRef name, FeatType type,
                            int64_t rank);

/// The parser infers types before the verifier looks at the operands. `kinds` has a letter for each
/// (tensor, adjacency, link, ids, sparse, laBels); after the last one, `?`: it may be missing, `*`:
/// any number of it.
mlir::LogicalResult checkOperands(Loc loc, llvm::StringRef op, llvm::StringRef kinds,
                                  mlir::ValueRange operands);

/// Puts the results where the operands are. Only communication ops change a placement, but for
/// this: what is made of an owned value is owned, and a sum over the rows of a split batch is one
/// term.
mlir::LogicalResult place(Loc loc, llvm::StringRef op, mlir::ValueRange operands, Types &results);

/// The parser infers types before it moves what it read in the attribute dictionary into
/// properties; this adaptor sees both.
template <typename Op> typename Op::Adaptor withParsedAttributes(typename Op::Adaptor adaptor) {
  if constexpr (!std::is_same_v<typename Op::Properties, mlir::EmptyProperties>) {
    auto properties = adaptor.getProperties();
    mlir::DictionaryAttr attributes = adaptor.getAttributes();
    // A wrong kind of attribute is reported when the op is made.
    if (attributes && mlir::succeeded(Op::setPropertiesFromAttr(
                          properties, attributes, [] { return mlir::InFlightDiagnostic(); })))
      return typename Op::Adaptor(adaptor.getOperands(), attributes, properties);
  }
  return adaptor;
}

/// How terms are merged; a sum where nothing says so. Defaults are not there yet when the parser
/// infers.
template <typename Adaptor> MergeRule mergeOf(Adaptor &adaptor) {
  MergeAttr merge = adaptor.getMergeAttr();
  return merge ? merge.getValue() : MergeRule();
}

} // namespace heddle::hgnn

/// `kinds`: what the op's operands are, see checkOperands.
#define HGNN_INFER(OpName, kinds)                                                                  \
  static LogicalResult infer(MLIRContext *context, Loc loc, OpName::Adaptor adaptor,               \
                             Types &results);                                                      \
  LogicalResult OpName::inferReturnTypes(MLIRContext *context, Loc loc, OpName::Adaptor adaptor,   \
                                         Types &results) {                                         \
    if (failed(checkOperands(loc, OpName::getOperationName(), kinds, adaptor.getOperands())))      \
      return failure();                                                                            \
    if (failed(infer(context, loc, withParsedAttributes<OpName>(adaptor), results)))               \
      return failure();                                                                            \
    return place(loc, OpName::getOperationName(), adaptor.getOperands(), results);                 \
  }                                                                                                \
  static LogicalResult infer(MLIRContext *context, Loc loc, OpName::Adaptor adaptor, Types &results)

#endif // HEDDLE_DIALECTS_HGNN_HGNNINFERENCE_H
