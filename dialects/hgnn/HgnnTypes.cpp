//===- HgnnTypes.cpp - domains, placements and types -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "dialects/hgnn/Hgnn.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace heddle::hgnn;

#define GET_ATTRDEF_CLASSES
#include "dialects/hgnn/HgnnAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/hgnn/HgnnTypes.cpp.inc"

void HgnnDialect::registerTypesAndAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/hgnn/HgnnAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/hgnn/HgnnTypes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Domain: rows(0, @t), edges(0, @r), active(0, @r), unique(0, @r), param, src, dst, edge
//===----------------------------------------------------------------------===//

DomainAttr DomainAttr::param(MLIRContext *context) {
  return get(context, DomainKind::Param, 0, FlatSymbolRefAttr());
}
DomainAttr DomainAttr::generic(MLIRContext *context, DomainKind kind) {
  return get(context, kind, 0, FlatSymbolRefAttr());
}
DomainAttr DomainAttr::rows(int64_t hop, FlatSymbolRefAttr type) {
  return get(type.getContext(), DomainKind::Rows, hop, type);
}
DomainAttr DomainAttr::edges(int64_t hop, FlatSymbolRefAttr relation) {
  return get(relation.getContext(), DomainKind::Edges, hop, relation);
}
DomainAttr DomainAttr::active(int64_t hop, FlatSymbolRefAttr relation) {
  return get(relation.getContext(), DomainKind::Active, hop, relation);
}
DomainAttr DomainAttr::unique(int64_t hop, FlatSymbolRefAttr relation) {
  return get(relation.getContext(), DomainKind::Unique, hop, relation);
}

static FailureOr<DomainAttr> parseDomain(AsmParser &parser) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<DomainKind> kind = symbolizeDomainKind(keyword);
  if (!kind)
    return parser.emitError(loc, "unknown domain '")
           << keyword << "'; expected rows, edges, active, unique, param, src, dst or edge";
  if (*kind != DomainKind::Rows && *kind != DomainKind::Edges && *kind != DomainKind::Active &&
      *kind != DomainKind::Unique)
    return DomainAttr::generic(parser.getContext(), *kind);
  int64_t hop = 0;
  StringAttr symbol;
  if (parser.parseLParen() || parser.parseInteger(hop) || parser.parseComma() ||
      parser.parseSymbolName(symbol) || parser.parseRParen())
    return failure();
  if (hop < 0 || hop > 14)
    return parser.emitError(loc, "hop must be in [0, 14], got ") << hop;
  return DomainAttr::get(parser.getContext(), *kind, hop, FlatSymbolRefAttr::get(symbol));
}
static void printDomain(AsmPrinter &printer, DomainAttr domain) {
  printer << stringifyDomainKind(domain.getKind());
  if (domain.getSymbol())
    printer << "(" << domain.getHop() << ", " << domain.getSymbol() << ")";
}

Attribute DomainAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<DomainAttr> domain = parseDomain(parser);
  if (failed(domain) || parser.parseGreater())
    return {};
  return *domain;
}
void DomainAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printDomain(printer, *this);
  printer << ">";
}

//===----------------------------------------------------------------------===//
// Placement: replicated, owned(2), partial_sum, ...; `split` for a split batch axis
//===----------------------------------------------------------------------===//

PlacementAttr PlacementAttr::replicated(MLIRContext *context) {
  return get(context, PlacementKind::Replicated, -1, false);
}
PlacementAttr PlacementAttr::owned(MLIRContext *context, int64_t partition) {
  return get(context, PlacementKind::Owned, partition, false);
}
PlacementAttr PlacementAttr::block(MLIRContext *context, int64_t partition) {
  return get(context, PlacementKind::Owned, partition, true);
}
PlacementAttr PlacementAttr::kept(MLIRContext *context, int64_t partition) {
  return get(context, PlacementKind::Kept, partition, false);
}
PlacementAttr PlacementAttr::partialSum(MLIRContext *context) {
  return get(context, PlacementKind::PartialSum, -1, false);
}
PlacementAttr PlacementAttr::partial(MLIRContext *context, Merge merge) {
  PlacementKind kind = merge == Merge::Sum       ? PlacementKind::PartialSum
                       : merge == Merge::Softmax ? PlacementKind::PartialSoftmax
                                                 : PlacementKind::PartialMax;
  return get(context, kind, -1, false);
}
bool PlacementAttr::isPartial(Merge merge) const {
  return getKind() == partial(getContext(), merge).getKind();
}

int64_t heddle::hgnn::termWidth(MergeRule merge, int64_t width) {
  if (ShapedType::isDynamic(width) || ShapedType::isDynamic(merge.heads))
    return ShapedType::kDynamic;
  return merge == Merge::Argmax    ? 2 * width
         : merge == Merge::Softmax ? width + 2 * merge.heads
                                   : width;
}
int64_t heddle::hgnn::valueWidth(MergeRule merge, int64_t width) {
  if (ShapedType::isDynamic(width) || ShapedType::isDynamic(merge.heads))
    return ShapedType::kDynamic;
  if (merge == Merge::Argmax)
    return width % 2 == 0 ? width / 2 : -1;
  if (merge != Merge::Softmax)
    return width;
  int64_t value = width - 2 * merge.heads;
  return value > 0 && value % merge.heads == 0 ? value : -1;
}
std::string heddle::hgnn::spelled(MergeRule merge) {
  std::string text = stringifyMerge(merge).str();
  if (ShapedType::isDynamic(merge.heads))
    return text + "<?>";
  return merge.heads == 1 ? text : text + "<" + std::to_string(merge.heads) + ">";
}

Attribute MergeAttr::parse(AsmParser &parser, Type) {
  StringRef keyword;
  llvm::SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return {};
  std::optional<Merge> kind = symbolizeMerge(keyword);
  int64_t heads = 1;
  if (!kind)
    return parser.emitError(loc, "expected sum, max, argmax or softmax, got '") << keyword << "'",
           Attribute();
  StringAttr expression;
  if (succeeded(parser.parseOptionalLess())) {
    std::string text;
    if (succeeded(parser.parseOptionalString(&text))) {
      expression = StringAttr::get(parser.getContext(), text);
      heads = ShapedType::kDynamic;
    } else if (parser.parseInteger(heads)) {
      return {};
    }
    if (parser.parseGreater())
      return {};
  }
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(), *kind, heads,
                    expression);
}
void MergeAttr::print(AsmPrinter &printer) const {
  if (getExpression())
    printer << " " << stringifyMerge(getKind()) << "<" << getExpression() << ">";
  else
    printer << " " << spelled(getValue());
}
LogicalResult MergeAttr::verify(function_ref<InFlightDiagnostic()> emitError, Merge kind,
                                int64_t heads, StringAttr expression) {
  bool counted =
      expression ? kind == Merge::Softmax : heads == 1 || (heads > 1 && kind == Merge::Softmax);
  if (!counted)
    return emitError() << "only softmax has heads, at least one; got " << stringifyMerge(kind)
                       << " of " << heads;
  return success();
}

static FailureOr<PlacementAttr> parsePlacement(AsmParser &parser) {
  PlacementKind kind = PlacementKind::Replicated;
  int64_t owner = -1;
  bool split = false;
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  if (keyword == "split") {
    split = true;
  } else {
    std::optional<PlacementKind> parsed = symbolizePlacementKind(keyword);
    if (!parsed)
      return parser.emitError(loc, "unknown placement '")
             << keyword << "'; expected replicated, owned, kept, partial_sum, partial_max, "
             << "partial_softmax or split";
    kind = *parsed;
    if (kind == PlacementKind::Owned || kind == PlacementKind::Kept) {
      if (parser.parseLParen() || parser.parseInteger(owner) || parser.parseRParen())
        return failure();
      if (owner < 0)
        return parser.emitError(loc, "a partition must be at least 0, got ") << owner;
    }
    if (succeeded(parser.parseOptionalKeyword("split")))
      split = true;
  }
  return PlacementAttr::get(parser.getContext(), kind, owner, split);
}
static void printPlacement(AsmPrinter &printer, PlacementAttr placement) {
  bool bare = placement.getKind() == PlacementKind::Replicated && placement.getSplit();
  if (!bare) {
    printer << stringifyPlacementKind(placement.getKind());
    if (placement.isOwned() || placement.isKept())
      printer << "(" << placement.getOwner() << ")";
  }
  if (placement.getSplit())
    printer << (bare ? "split" : " split");
}
Attribute PlacementAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<PlacementAttr> placement = parsePlacement(parser);
  if (failed(placement) || parser.parseGreater())
    return {};
  return *placement;
}
void PlacementAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printPlacement(printer, *this);
  printer << ">";
}

/// After what else a type says: a comma and a placement, or nothing.
static FailureOr<PlacementAttr> parseOptionalPlacement(AsmParser &parser) {
  if (failed(parser.parseOptionalComma()))
    return PlacementAttr::replicated(parser.getContext());
  return parsePlacement(parser);
}
static void printOptionalPlacement(AsmPrinter &printer, PlacementAttr placement) {
  if (placement.isReplicatedWhole())
    return;
  printer << ", ";
  printPlacement(printer, placement);
}

PlacementAttr heddle::hgnn::placementOf(Type type) {
  return llvm::TypeSwitch<Type, PlacementAttr>(type)
      .Case<FeatType, IdsType, AdjType, LinkType, SparseType, LabelsType>(
          [](auto t) { return t.getPlacement(); })
      .Default([](Type) { return PlacementAttr(); });
}
Type heddle::hgnn::withPlacement(Type type, PlacementAttr placement) {
  MLIRContext *context = type.getContext();
  return llvm::TypeSwitch<Type, Type>(type)
      .Case([&](FeatType t) { return t.withPlacement(placement); })
      .Case([&](IdsType t) { return IdsType::get(context, t.getDomain(), placement); })
      .Case([&](AdjType t) { return t.withPlacement(placement); })
      .Case([&](LinkType t) {
        return LinkType::get(context, t.getHop(), t.getNodeType(), t.getRelation(), placement);
      })
      .Case([&](SparseType t) {
        return SparseType::get(context, t.getDomain(), t.getDim(), placement);
      })
      .Case([&](LabelsType t) {
        return LabelsType::get(context, t.getDomain(), t.getNumClasses(), t.getMultilabel(),
                               placement);
      })
      .Default([](Type t) { return t; });
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

IdsType IdsType::get(MLIRContext *context, DomainAttr domain) {
  return get(context, domain, PlacementAttr::replicated(context));
}
AdjType AdjType::get(MLIRContext *context, int64_t hop, FlatSymbolRefAttr relation,
                     FlatSymbolRefAttr source, FlatSymbolRefAttr destination) {
  return get(context, hop, relation, source, destination, PlacementAttr::replicated(context),
             /*unique=*/false);
}
AdjType AdjType::withPlacement(PlacementAttr placement) const {
  return get(getContext(), getHop(), getRelation(), getSource(), getDestination(), placement,
             getUnique());
}
AdjType AdjType::withUniqueSources() const {
  return get(getContext(), getHop(), getRelation(), getSource(), getDestination(), getPlacement(),
             /*unique=*/true);
}
DomainAttr AdjType::sourceDomain() const {
  return getUnique() ? DomainAttr::unique(getHop(), getRelation())
                     : DomainAttr::rows(getHop() + 1, getSource());
}
LinkType LinkType::get(MLIRContext *context, int64_t hop, FlatSymbolRefAttr nodeType) {
  return get(context, hop, nodeType, FlatSymbolRefAttr(), PlacementAttr::replicated(context));
}
LinkType LinkType::ofSources(AdjType adj) {
  return get(adj.getContext(), adj.getHop(), adj.getSource(), adj.getRelation(),
             adj.getPlacement());
}
DomainAttr LinkType::nearDomain() const {
  return isIdentity() ? DomainAttr::rows(getHop(), getNodeType())
                      : DomainAttr::unique(getHop(), getRelation());
}
DomainAttr LinkType::farDomain() const { return DomainAttr::rows(getHop() + 1, getNodeType()); }
SparseType SparseType::get(MLIRContext *context, DomainAttr domain, int64_t dim) {
  return get(context, domain, dim, PlacementAttr::replicated(context));
}
LabelsType LabelsType::get(MLIRContext *context, DomainAttr domain, int64_t numClasses,
                           bool multilabel) {
  return get(context, domain, numClasses, multilabel, PlacementAttr::replicated(context));
}

FeatType FeatType::get(DomainAttr domain, ArrayRef<int64_t> shape) {
  MLIRContext *context = domain.getContext();
  return get(context, domain, shape, Float32Type::get(context), PlacementAttr::replicated(context));
}
FeatType FeatType::withShape(ArrayRef<int64_t> shape) const {
  return get(getContext(), getDomain(), shape, getElementType(), getPlacement());
}
FeatType FeatType::withDomain(DomainAttr domain) const {
  return get(getContext(), domain, getShape(), getElementType(), getPlacement());
}
FeatType FeatType::withPlacement(PlacementAttr placement) const {
  return get(getContext(), getDomain(), getShape(), getElementType(), placement);
}
bool FeatType::isGeneric() const {
  return getDomain().isGeneric() || llvm::any_of(getShape(), ShapedType::isDynamic);
}
int64_t FeatType::getWidth() const {
  int64_t width = 1;
  for (int64_t size : getShape())
    width *= size;
  return width;
}

Type FeatType::parse(AsmParser &parser) {
  if (parser.parseLess())
    return {};
  FailureOr<DomainAttr> domain = parseDomain(parser);
  SmallVector<int64_t> shape;
  Type element;
  if (failed(domain) || parser.parseColon() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/true, /*withTrailingX=*/true))
    return {};
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseType(element))
    return {};
  if (!element.isF32()) {
    parser.emitError(loc, "element type must be f32");
    return {};
  }
  for (int64_t size : shape)
    if (size == 0) {
      parser.emitError(loc, "a width must be at least 1");
      return {};
    }
  FailureOr<PlacementAttr> placement = parseOptionalPlacement(parser);
  if (failed(placement) || parser.parseGreater())
    return {};
  return get(parser.getContext(), *domain, shape, element, *placement);
}
void FeatType::print(AsmPrinter &printer) const {
  printer << "<";
  printDomain(printer, getDomain());
  printer << " : ";
  for (int64_t size : getShape()) {
    if (ShapedType::isDynamic(size))
      printer << "?";
    else
      printer << size;
    printer << "x";
  }
  printer << getElementType();
  printOptionalPlacement(printer, getPlacement());
  printer << ">";
}

Type IdsType::parse(AsmParser &parser) {
  if (parser.parseLess())
    return {};
  FailureOr<DomainAttr> domain = parseDomain(parser);
  if (failed(domain))
    return {};
  FailureOr<PlacementAttr> placement = parseOptionalPlacement(parser);
  if (failed(placement) || parser.parseGreater())
    return {};
  return get(parser.getContext(), *domain, *placement);
}
void IdsType::print(AsmPrinter &printer) const {
  printer << "<";
  printDomain(printer, getDomain());
  printOptionalPlacement(printer, getPlacement());
  printer << ">";
}

Type LinkType::parse(AsmParser &parser) {
  int64_t hop = 0;
  StringAttr type;
  FlatSymbolRefAttr relation;
  if (parser.parseLess() || parser.parseInteger(hop) || parser.parseComma() ||
      parser.parseSymbolName(type))
    return {};
  if (succeeded(parser.parseOptionalKeyword("from"))) {
    relation = FlatSymbolRefAttr::get(type);
    if (parser.parseSymbolName(type))
      return {};
  }
  FailureOr<PlacementAttr> placement = parseOptionalPlacement(parser);
  if (failed(placement) || parser.parseGreater())
    return {};
  return get(parser.getContext(), hop, FlatSymbolRefAttr::get(type), relation, *placement);
}
void LinkType::print(AsmPrinter &printer) const {
  printer << "<" << getHop() << ", ";
  if (!isIdentity())
    printer << getRelation() << " from ";
  printer << getNodeType();
  printOptionalPlacement(printer, getPlacement());
  printer << ">";
}

AdjType AdjType::generic(MLIRContext *context) {
  return get(context, 0, FlatSymbolRefAttr(), FlatSymbolRefAttr(), FlatSymbolRefAttr());
}
Type AdjType::parse(AsmParser &parser) {
  if (parser.parseLess())
    return {};
  if (succeeded(parser.parseOptionalKeyword("any"))) {
    if (parser.parseGreater())
      return {};
    return generic(parser.getContext());
  }
  int64_t hop = 0;
  StringAttr relation, source, destination;
  if (parser.parseInteger(hop) || parser.parseComma() || parser.parseSymbolName(relation) ||
      parser.parseKeyword("from") || parser.parseSymbolName(source) || parser.parseKeyword("to") ||
      parser.parseSymbolName(destination))
    return {};
  FailureOr<PlacementAttr> placement = PlacementAttr::replicated(parser.getContext());
  bool unique = false;
  if (succeeded(parser.parseOptionalComma())) {
    unique = succeeded(parser.parseOptionalKeyword("unique"));
    placement = unique ? parseOptionalPlacement(parser) : parsePlacement(parser);
  }
  if (failed(placement) || parser.parseGreater())
    return {};
  return get(parser.getContext(), hop, FlatSymbolRefAttr::get(relation),
             FlatSymbolRefAttr::get(source), FlatSymbolRefAttr::get(destination), *placement, unique);
}
void AdjType::print(AsmPrinter &printer) const {
  if (isGeneric()) {
    printer << "<any>";
    return;
  }
  printer << "<" << getHop() << ", " << getRelation() << " from " << getSource() << " to "
          << getDestination();
  if (getUnique())
    printer << ", unique";
  printOptionalPlacement(printer, getPlacement());
  printer << ">";
}

Type SparseType::parse(AsmParser &parser) {
  int64_t dim = 0;
  if (parser.parseLess())
    return {};
  FailureOr<DomainAttr> domain = parseDomain(parser);
  if (failed(domain) || parser.parseComma() || parser.parseInteger(dim))
    return {};
  FailureOr<PlacementAttr> placement = parseOptionalPlacement(parser);
  if (failed(placement) || parser.parseGreater())
    return {};
  return get(parser.getContext(), *domain, dim, *placement);
}
void SparseType::print(AsmPrinter &printer) const {
  printer << "<";
  printDomain(printer, getDomain());
  printer << ", " << getDim();
  printOptionalPlacement(printer, getPlacement());
  printer << ">";
}

Type LabelsType::parse(AsmParser &parser) {
  int64_t classes = 0;
  bool multilabel = false;
  if (parser.parseLess())
    return {};
  FailureOr<DomainAttr> domain = parseDomain(parser);
  if (failed(domain) || parser.parseComma() || parser.parseInteger(classes))
    return {};
  PlacementAttr placement = PlacementAttr::replicated(parser.getContext());
  if (succeeded(parser.parseOptionalComma())) {
    multilabel = succeeded(parser.parseOptionalKeyword("multi"));
    if (!multilabel || succeeded(parser.parseOptionalComma())) {
      FailureOr<PlacementAttr> parsed = parsePlacement(parser);
      if (failed(parsed))
        return {};
      placement = *parsed;
    }
  }
  if (parser.parseGreater())
    return {};
  return get(parser.getContext(), *domain, classes, multilabel, placement);
}
void LabelsType::print(AsmPrinter &printer) const {
  printer << "<";
  printDomain(printer, getDomain());
  printer << ", " << getNumClasses() << (getMultilabel() ? ", multi" : "");
  printOptionalPlacement(printer, getPlacement());
  printer << ">";
}
