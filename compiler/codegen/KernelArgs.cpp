//===- KernelArgs.cpp - which pointers a kernel needs, and in what order ---===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Positions in the argument array are known only when the whole body has been emitted; until then
// they are constants that finishSignature() fills in. The order does not depend on the target.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/KernelEmitter.h"

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;

Value KernelEmitter::arg(ArgPart part, int index) {
  PendingArg &pending = uniform[{index, part}];
  if (!pending.pointer) {
    pending.position = f.later();
    pending.pointer = f.inPrelude([&] {
      Value element = f.gep(f.args, pending.position, f.ptrType);
      return Value(LLVM::LoadOp::create(f.b, f.loc, f.ptrType, element, 8, false, false, true));
    });
  }
  return pending.pointer;
}

Value KernelEmitter::arg(ArgPart part, Value blockArgument) {
  int number = int(cast<BlockArgument>(blockArgument).getArgNumber());
  if (!frame)
    return arg(part, number);
  arith::ConstantOp &slot = frame->slots[{number, part}];
  if (!slot)
    slot = f.later();
  FunctionBuilder::Key key{{framePointer.getAsOpaquePointer()}, {-20, number, int64_t(part)}};
  return f.once(key, [&] { return f.loadPointer(framePointer, slot); });
}

//===----------------------------------------------------------------------===//
// Runs of operands of one form
//===----------------------------------------------------------------------===//

/// Types of equal rows in two relations differ in symbols only.
static bool sameFormOfType(Type a, Type b) {
  if (a == b)
    return true;
  if (a.getTypeID() != b.getTypeID())
    return false;
  auto x = dyn_cast<hgnn::FeatType>(a), y = dyn_cast<hgnn::FeatType>(b);
  if (x)
    return x.getShape() == y.getShape() && x.getDomain().getKind() == y.getDomain().getKind() &&
           x.getDomain().getHop() == y.getDomain().getHop();
  auto s = dyn_cast<hgnn::SparseType>(a), t = dyn_cast<hgnn::SparseType>(b);
  if (s)
    return s.getDim() == t.getDim();
  auto i = dyn_cast<hgnn::IdsType>(a), j = dyn_cast<hgnn::IdsType>(b);
  if (i)
    return i.getDomain().getHop() == j.getDomain().getHop();
  return isa<hgnn::AdjType, hgnn::LinkType>(a);
}

/// `anyLink`: terms of two relations have one form.
bool KernelEmitter::sameForm(Value a, Value b, llvm::DenseMap<int, int> &leaves, bool anyLink) {
  if (!sameFormOfType(a.getType(), b.getType()))
    return false;
  auto x = dyn_cast<BlockArgument>(a), y = dyn_cast<BlockArgument>(b);
  if (x || y) {
    if (!x || !y)
      return false;
    auto [it, isNew] = leaves.try_emplace(int(x.getArgNumber()), int(y.getArgNumber()));
    return isNew || it->second == int(y.getArgNumber());
  }
  Operation *p = a.getDefiningOp(), *q = b.getDefiningOp();
  bool links = anyLink && isa<hgnn::TermOp>(p) && p->getAttr("merge") == q->getAttr("merge");
  if (p->getName() != q->getName() || p->getNumOperands() != q->getNumOperands() ||
      (p->getAttrDictionary() != q->getAttrDictionary() && !links))
    return false;
  return llvm::all_of(llvm::zip(p->getOperands(), q->getOperands()), [&](auto pair) {
    // What the term is made of has no term of another relation in it.
    return sameForm(std::get<0>(pair), std::get<1>(pair), leaves,
                    anyLink && isa<hgnn::ExpandOp>(p));
  });
}

/// Whether a term takes a loop or a branch, so that repeating its code costs much.
static bool hasControl(Value term) {
  Operation *op = term.getDefiningOp();
  if (!op)
    return false;
  if (isa<hgnn::ExpandOp, hgnn::ReduceDstOp, hgnn::ReduceSrcOp, hgnn::SelfScatterOp,
          hgnn::SelfGatherOp, hgnn::SparseLinearOp>(op))
    return true;
  return llvm::any_of(op->getOperands(), hasControl);
}

std::vector<std::pair<int, int>> KernelEmitter::runsOf(Operation *op) {
  std::vector<std::pair<int, int>> runs;
  if (frame) // one level is enough to keep code small
    return runs;
  int n = int(op->getNumOperands());
  bool terms = isa<hgnn::CombineOp>(op);
  for (int first = 0; first < n;) {
    int next = first + 1;
    for (llvm::DenseMap<int, int> leaves;
         next < n && sameForm(op->getOperand(first), op->getOperand(next), leaves, terms);
         leaves.clear())
      ++next;
    if (next - first >= (hasControl(op->getOperand(first)) ? 4 : 12))
      runs.push_back({first, next - first});
    first = next;
  }
  return runs;
}

KernelEmitter::Group &KernelEmitter::groupOf(Operation *op, int first, int count) {
  Group &group = groups[{opNumbers.lookup(op), first}];
  if (group.count == 0) {
    group.first = first;
    group.count = count;
    group.base = f.later();
    group.stride = f.later();
    for (int member = first; member < first + count; ++member) {
      group.leaves.emplace_back();
      sameForm(op->getOperand(first), op->getOperand(member), group.leaves.back(),
               isa<hgnn::CombineOp>(op));
    }
  }
  return group;
}

/// The op that makes an operand of a combine a term of one relation, or null.
static hgnn::TermOp termOf(Value operand) {
  if (auto expand = operand.getDefiningOp<hgnn::ExpandOp>())
    operand = expand.getInput();
  return operand.getDefiningOp<hgnn::TermOp>();
}

Values KernelEmitter::overTerms(Operation *op, Values carried,
                                function_ref<Values(int, Value, ArrayRef<Value>)> body) {
  auto runs = runsOf(op);
  auto combine = dyn_cast<hgnn::CombineOp>(op);
  for (int i = 0, n = int(op->getNumOperands()); i < n;) {
    auto run = llvm::find_if(runs, [&](auto &r) { return r.first == i; });
    Value term = op->getOperand(unsigned(i));
    if (run == runs.end()) {
      carried = body(i, term, carried);
      ++i;
      continue;
    }
    Group &group = groupOf(op, run->first, run->second);
    SmallVector<double> links;
    if (combine && combine.getMerge() == hgnn::Merge::Argmax)
      for (int member = i; member < i + run->second; ++member)
        if (hgnn::TermOp made = termOf(op->getOperand(unsigned(member))))
          links.push_back(double(int64_t(made.getLink())));
    Value table = int(links.size()) == run->second ? f.constantArray(links) : Value();
    carried = f.loop(f.integer(0), f.integer(group.count), 1, carried,
                     [&](Value member, ArrayRef<Value> inner) {
                       Value position = f.addi(group.base, f.muli(member, Value(group.stride)));
                       frame = &group;
                       framePointer = f.gep(f.args, position, f.ptrType);
                       frameTerm = combine ? termOf(term) : hgnn::TermOp();
                       if (table)
                         frameLink = f.load(f.gep(table, member, f.f32Type()), 1);
                       Values next = body(i, term, inner);
                       frame = nullptr;
                       frameTerm = {};
                       frameLink = {};
                       return next;
                     });
    i += run->second;
  }
  return carried;
}

//===----------------------------------------------------------------------===//
// The signature
//===----------------------------------------------------------------------===//

KernelSignature KernelEmitter::finishSignature() {
  std::vector<KernelArg> &list = signature.args;
  auto place = [&](const Slot &slot, PendingArg &pending) {
    f.setLater(pending.position, int64_t(list.size()));
    if (balance && slot == *balance)
      signature.balanceArg = int(list.size());
    list.push_back({slot.part, slot.operand});
  };
  for (auto &[slot, pending] : uniform)
    if (slot.part != ArgPart::State && slot.part != ArgPart::Output)
      place(slot, pending);
  for (auto &[number, group] : groups) {
    f.setLater(group.base, int64_t(list.size()));
    f.setLater(group.stride, int64_t(group.slots.size()));
    int64_t position = 0;
    for (auto &[slot, constant] : group.slots)
      f.setLater(constant, position++);
    for (const llvm::DenseMap<int, int> &leaves : group.leaves)
      for (auto &[slot, constant] : group.slots)
        list.push_back({slot.part, leaves.lookup(slot.operand)});
  }
  signature.numInputs = int(list.size());
  for (ArgPart part : {ArgPart::State, ArgPart::Output})
    for (auto &[slot, pending] : uniform)
      if (slot.part == part)
        place(slot, pending);
  return signature;
}
