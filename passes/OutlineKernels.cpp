//===- OutlineKernels.cpp - one function for kernels of one structure -----===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "passes/OutlineKernels.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SmallString.h"

#include <limits>

using namespace mlir;
using namespace heddle::hgnn;
using namespace heddle::passes;

namespace {

using Key = SmallString<512>;

void append(Key &key, uint64_t number) {
  key.append(StringRef(reinterpret_cast<const char *>(&number), sizeof(number)));
}
void append(Key &key, const void *pointer) { append(key, uint64_t(uintptr_t(pointer))); }

/// Renames symbols by first appearance and shifts hops, so that kernels of equal structure have
/// equal text. Types: @t0, @t1, ...; relations: @r0, ... A type at another hop, a relation at
/// another hop are others: nothing in a kernel depends on whether the two ends of a relation are of
/// one type. Only an identity link needs to know its type at both its hops.
class Abstraction {
public:
  explicit Abstraction(MLIRContext *context) : context(context) {}

  void seeHop(int64_t hop) { base = std::min(base, hop); }
  void see(Type type) {
    if (DomainAttr domain = domainOf(type)) {
      if (domain.getSymbol())
        seeHop(domain.getHop());
    } else if (auto t = dyn_cast<AdjType>(type)) {
      seeHop(t.getHop());
    } else if (auto t = dyn_cast<LinkType>(type)) {
      seeHop(t.getHop());
      if (t.isIdentity() && !llvm::is_contained(linked, t.getNodeType()))
        linked.push_back(t.getNodeType());
    }
  }

  Type rename(Type type) {
    if (auto t = dyn_cast<FeatType>(type))
      // Where a value lives is the launch's matter.
      return t.withDomain(rename(t.getDomain())).withPlacement(PlacementAttr::replicated(context));
    if (auto t = dyn_cast<IdsType>(type))
      return IdsType::get(context, rename(t.getDomain()));
    if (auto t = dyn_cast<SparseType>(type))
      return SparseType::get(context, rename(t.getDomain()), t.getDim());
    if (auto t = dyn_cast<LabelsType>(type))
      return LabelsType::get(context, rename(t.getDomain()), t.getNumClasses(), t.getMultilabel());
    if (auto t = dyn_cast<AdjType>(type))
      return rename(t);
    if (auto t = dyn_cast<LinkType>(type)) {
      auto [node, relation] = numbersOf(t);
      return LinkType::get(context, t.getHop() - base, symbol("t", node),
                           t.isIdentity() ? FlatSymbolRefAttr() : symbol("r", relation),
                           PlacementAttr::replicated(context));
    }
    return type;
  }

  /// Two types get the same if and only if they are renamed to the same.
  void append(Key &key, Type type) {
    ::append(key, type.getTypeID().getAsOpaquePointer());
    if (DomainAttr domain = domainOf(type)) {
      ::append(key, uint64_t(domain.getKind()));
      if (domain.getSymbol()) {
        ::append(key, uint64_t(domain.getHop() - base));
        ::append(key, uint64_t(numberOf(domain)));
      }
    }
    if (auto t = dyn_cast<FeatType>(type)) {
      ::append(key, t.getElementType().getAsOpaquePointer());
      ::append(key, uint64_t(t.getShape().size()));
      for (int64_t size : t.getShape())
        ::append(key, uint64_t(size));
    } else if (auto t = dyn_cast<SparseType>(type)) {
      ::append(key, uint64_t(t.getDim()));
    } else if (auto t = dyn_cast<LabelsType>(type)) {
      ::append(key, uint64_t(t.getNumClasses()));
      ::append(key, uint64_t(t.getMultilabel()));
    } else if (auto t = dyn_cast<AdjType>(type)) {
      auto [relation, source, destination] = numbersOf(t);
      for (uint64_t number : {uint64_t(t.getHop() - base), uint64_t(relation), uint64_t(source),
                              uint64_t(destination), uint64_t(t.getUnique())})
        ::append(key, number);
    } else if (auto t = dyn_cast<LinkType>(type)) {
      auto [node, relation] = numbersOf(t);
      for (uint64_t number :
           {uint64_t(t.getHop() - base), uint64_t(node), uint64_t(relation)})
        ::append(key, number);
    } else if (!domainOf(type)) {
      ::append(key, type.getAsOpaquePointer());
    }
  }

private:
  using Numbers = DenseMap<std::pair<int64_t, Attribute>, int>;

  static DomainAttr domainOf(Type type) {
    if (auto t = dyn_cast<FeatType>(type))
      return t.getDomain();
    if (auto t = dyn_cast<IdsType>(type))
      return t.getDomain();
    if (auto t = dyn_cast<SparseType>(type))
      return t.getDomain();
    if (auto t = dyn_cast<LabelsType>(type))
      return t.getDomain();
    return {};
  }

  int nodeType(int64_t hop, FlatSymbolRefAttr symbol) {
    bool both = llvm::is_contained(linked, symbol);
    return types.try_emplace({both ? -1 : hop, symbol}, int(types.size())).first->second;
  }
  int relation(int64_t hop, FlatSymbolRefAttr symbol) {
    return relations.try_emplace({hop, symbol}, int(relations.size())).first->second;
  }
  int numberOf(DomainAttr domain) {
    return domain.isRows() ? nodeType(domain.getHop(), domain.getSymbol())
                           : relation(domain.getHop(), domain.getSymbol());
  }
  std::tuple<int, int, int> numbersOf(AdjType type) {
    int name = relation(type.getHop(), type.getRelation());
    int source = nodeType(type.getHop() + 1, type.getSource());
    return {name, source, nodeType(type.getHop(), type.getDestination())};
  }
  std::pair<int, int> numbersOf(LinkType type) {
    int node = nodeType(type.getHop() + 1, type.getNodeType());
    return {node, type.isIdentity() ? -1 : relation(type.getHop(), type.getRelation())};
  }

  FlatSymbolRefAttr symbol(StringRef prefix, int number) {
    return FlatSymbolRefAttr::get(context, (prefix + Twine(number)).str());
  }
  AdjType rename(AdjType type) {
    auto [relation, source, destination] = numbersOf(type);
    auto renamed = AdjType::get(context, type.getHop() - base, symbol("r", relation),
                                symbol("t", source), symbol("t", destination));
    return type.getUnique() ? renamed.withUniqueSources() : renamed;
  }
  DomainAttr rename(DomainAttr domain) {
    if (!domain.getSymbol())
      return domain;
    return DomainAttr::get(context, domain.getKind(), domain.getHop() - base,
                           symbol(domain.isRows() ? "t" : "r", numberOf(domain)));
  }

  MLIRContext *context;
  int64_t base = std::numeric_limits<int64_t>::max();
  SmallVector<FlatSymbolRefAttr, 2> linked; ///< types of identity links
  Numbers types, relations;
};

Abstraction abstractionOf(ArrayRef<Operation *> body, ArrayRef<Value> inputs,
                          MLIRContext *context) {
  Abstraction abstraction(context);
  // A dropout mask is keyed by the hop of its rows: kernels with one keep their hops apart.
  if (llvm::any_of(body, [](Operation *op) { return isa<DropoutOp>(op); }))
    abstraction.seeHop(0);
  for (Value input : inputs)
    abstraction.see(input.getType());
  for (Operation *op : body)
    for (Value result : op->getResults())
      abstraction.see(result.getType());
  return abstraction;
}

/// What `body` does with `inputs`, but for properties, of which there is a hash only.
void appendStructure(Key &key, ArrayRef<Operation *> body, ArrayRef<Value> inputs) {
  Abstraction abstraction = abstractionOf(body, inputs, body.front()->getContext());
  DenseMap<Value, int> numbers;
  int next = 0;
  append(key, uint64_t(inputs.size()));
  for (Value input : inputs) {
    numbers[input] = next++;
    abstraction.append(key, input.getType());
  }
  for (Operation *op : body) {
    if (isView(op)) {
      int viewed = numbers.lookup(op->getOperand(0));
      numbers[op->getResult(0)] = viewed;
      continue;
    }
    append(key, op->getName().getAsOpaquePointer());
    append(key, uint64_t(op->getNumOperands()));
    for (Value operand : op->getOperands())
      append(key, uint64_t(numbers.lookup(operand)));
    if (isStep(op)) { // all but which states
      for (NamedAttribute attribute : op->getAttrDictionary()) {
        if (attribute.getName() == "state")
          continue;
        append(key, attribute.getName().getAsOpaquePointer());
        if (attribute.getName() == "moments")
          append(key, uint64_t(cast<ArrayAttr>(attribute.getValue()).size()));
        else
          append(key, attribute.getValue().getAsOpaquePointer());
      }
    } else {
      append(key, op->getDiscardableAttrDictionary().getAsOpaquePointer());
      append(key, uint64_t(size_t(op->hashProperties())));
    }
    for (Value result : op->getResults()) {
      numbers[result] = next++;
      abstraction.append(key, result.getType());
    }
  }
}

/// Whether the ops of a kernel of the same structure have the same properties.
bool sameProperties(ArrayRef<Operation *> body, KernelOp kernel) {
  auto theirs = kernel.getBody().front().begin();
  for (Operation *op : body) {
    if (isView(op))
      continue;
    Operation *other = &*theirs++;
    if (!isStep(op) && !op->getName().compareOpProperties(op->getPropertiesStorage(),
                                                          other->getPropertiesStorage()))
      return false;
  }
  return true;
}

KernelOp makeKernel(ArrayRef<Operation *> body, ArrayRef<Value> inputs, EntryOp before) {
  MLIRContext *context = before.getContext();
  Abstraction abstraction = abstractionOf(body, inputs, context);
  OpBuilder builder(before);
  Location loc = body.back()->getLoc();
  auto kernel = KernelOp::create(builder, loc, "kernel");
  Block &block = kernel.getBody().emplaceBlock();
  IRMapping mapping;
  for (Value input : inputs)
    mapping.map(input, block.addArgument(abstraction.rename(input.getType()), loc));
  builder.setInsertionPointToStart(&block);
  for (Operation *op : body) {
    if (isView(op)) { // where a value lives is the launch's matter
      mapping.map(op->getResult(0), mapping.lookup(op->getOperand(0)));
      continue;
    }
    Operation *clone = builder.clone(*op, mapping);
    for (Value result : clone->getResults())
      result.setType(abstraction.rename(result.getType()));
    if (isStep(clone)) { // the launch says which states
      clone->setAttr("state", FlatSymbolRefAttr::get(context, "state"));
      SmallVector<Attribute> moments;
      auto names = clone->getAttrOfType<ArrayAttr>("moments");
      for (size_t i = 0; i < names.size(); ++i)
        moments.push_back(FlatSymbolRefAttr::get(context, ("moment" + Twine(i)).str()));
      clone->setAttr("moments", builder.getArrayAttr(moments));
    }
  }
  SmallVector<Value> results;
  for (Value result : body.back()->getResults())
    results.push_back(mapping.lookup(result));
  YieldOp::create(builder, loc, results);
  return kernel;
}

} // namespace

KernelOp KernelTable::outline(ArrayRef<Operation *> body, ArrayRef<Value> inputs, EntryOp entry) {
  Key key;
  appendStructure(key, body, inputs);
  KernelOp &made = byKey[key];
  if (made && sameProperties(body, made))
    return made;
  KernelOp kernel = makeKernel(body, inputs, entry);
  std::string text;
  llvm::raw_string_ostream os(text);
  OpPrintingFlags flags;
  kernel->print(os, flags.useLocalScope());
  auto [known, inserted] = byText.try_emplace(text, kernel);
  if (!inserted) {
    kernel.erase();
    return made = known->second;
  }
  std::string what;
  for (Operation *op : body)
    if (!isMinor(op) || op == body.back())
      what = op->getName().stripDialect().str();
  kernel.setSymName(("kernel" + Twine(byText.size() - 1) + "." + what).str());
  return made = kernel;
}
