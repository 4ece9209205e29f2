//===- VerifyOp.cpp - shapes of one op's buffers -----------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/VerifyOp.h"

#include <algorithm>

namespace heddle::plan::verify {

bool OpShape::checkIndex(int32_t buffer, const std::string &place) {
  if (buffer < -1 || buffer >= static_cast<int64_t>(e_.buffers.size()))
    return c_.fail(place, "buffer " + outOf(buffer, e_.buffers.size()));
  return true;
}

bool OpShape::counts(size_t inputs, size_t outputs) {
  if (op_.inputs.size() != inputs)
    return fail("it has " + std::to_string(op_.inputs.size()) + " inputs, not " +
                std::to_string(inputs));
  if (op_.outputs.size() != outputs)
    return fail("it has " + std::to_string(op_.outputs.size()) + " outputs, not " +
                std::to_string(outputs));
  return true;
}

bool OpShape::terms(size_t inputs, size_t outputs) {
  const size_t n = std::max<size_t>(1, (op_.inputs.size() + inputs - 1) / inputs);
  return counts(n * inputs, n * outputs);
}

bool OpShape::queueIs(Queue queue) {
  return op_.queue == queue ||
         fail(std::string("it is not in the ") + EnumNameQueue(queue) + " queue");
}

bool OpShape::nodeType(uint32_t type) {
  return type < c_.plan.node_types.size() ||
         fail("node type " + outOf(type, c_.plan.node_types.size()));
}

bool OpShape::typed(int32_t index, const std::string &place, DType dtype, uint64_t width) {
  if (index < 0)
    return c_.fail(place, "it is absent");
  const BufferT &b = buffer(index);
  if (b.dtype != dtype)
    return c_.fail(place, std::string("the dtype is ") + EnumNameDType(b.dtype) + ", not " +
                              EnumNameDType(dtype));
  if (width && b.width != width)
    return c_.fail(place,
                   "the width is " + std::to_string(b.width) + ", not " + std::to_string(width));
  return true;
}

bool OpShape::rowsAre(int32_t index, const std::string &place, SymbolKind kind, uint32_t hop,
                      uint32_t id, uint64_t constant) {
  const Extent &rows = *buffer(index).rows;
  bool plain =
      rows.symbol() >= 0 && rows.divisor() == 1 && rows.scale() == 1 && rows.constant() == constant;
  if (plain) {
    const SymbolT &s = *e_.symbols[static_cast<size_t>(rows.symbol())];
    plain = s.kind == kind && s.index == id && (kind == SymbolKind::Nodes || s.hop == hop);
  }
  return plain ||
         c_.fail(place, std::string("the rows are not ") + EnumNameSymbolKind(kind) + " of hop " +
                            std::to_string(hop) + ", id " + std::to_string(id) +
                            (constant ? " plus " + std::to_string(constant) : ""));
}

bool OpShape::inSlot(int32_t index, const std::string &place) {
  return buffer(index).space == Space::Slot || c_.fail(place, "the buffer is not in the step slot");
}

bool OpShape::inArena(int32_t index, const std::string &place) {
  return buffer(index).space == Space::Arena || c_.fail(place, "it is not in the arena");
}

bool OpShape::constantElements(int32_t index, const std::string &place, uint64_t elements) {
  const BufferT &b = buffer(index);
  uint64_t held;
  if (b.rows->symbol() >= 0 ||
      __builtin_mul_overflow(b.rows->constant(), uint64_t(b.width), &held) || held != elements)
    return c_.fail(place, "it does not hold " + std::to_string(elements) + " elements");
  return true;
}

bool OpShape::slotOutput(size_t i, DType dtype, uint64_t width, SymbolKind kind, uint32_t hop,
                         uint32_t id, uint64_t constant) {
  int32_t index = op_.outputs[i];
  return index < 0 ||
         (typed(index, outputPlace(i), dtype, width) && inSlot(index, outputPlace(i)) &&
          rowsAre(index, outputPlace(i), kind, hop, id, constant));
}

bool OpShape::idsInput(size_t i, uint32_t hop, uint32_t type) {
  return typed(op_.inputs[i], inputPlace(i), DType::I64, 1) &&
         inSlot(op_.inputs[i], inputPlace(i)) &&
         rowsAre(op_.inputs[i], inputPlace(i), SymbolKind::Rows, hop, type);
}

int64_t OpShape::idsHop(size_t i, uint32_t type) {
  if (!typed(op_.inputs[i], inputPlace(i), DType::I64, 1) || !inSlot(op_.inputs[i], inputPlace(i)))
    return -1;
  int32_t symbol = buffer(op_.inputs[i]).rows->symbol();
  uint32_t hop = symbol < 0 ? 0 : e_.symbols[static_cast<size_t>(symbol)]->hop;
  return rowsAre(op_.inputs[i], inputPlace(i), SymbolKind::Rows, hop, type) ? int64_t(hop) : -1;
}

bool OpShape::sparseOutputs(uint32_t hop, uint32_t type, uint64_t dim, size_t first) {
  using enum SymbolKind;
  if (!slotOutput(first, DType::I32, 1, Rows, hop, type, 1) ||
      !slotOutput(first + 1, DType::I32, 1, Nnz, hop, type) ||
      !slotOutput(first + 2, DType::F32, 1, Nnz, hop, type) ||
      !slotOutput(first + 4, DType::I32, 1, Nnz, hop, type) ||
      !slotOutput(first + 5, DType::F32, 1, Nnz, hop, type))
    return false;
  int32_t symbol = -1;
  for (size_t i : {first + 1, first + 2, first + 4, first + 5}) {
    if (op_.outputs[i] < 0)
      continue;
    int32_t s = buffer(op_.outputs[i]).rows->symbol();
    if (symbol >= 0 && s != symbol)
      return c_.fail(outputPlace(i), "the entries are counted by two symbols");
    symbol = s;
  }
  const size_t columns = first + 3;
  if (op_.outputs[columns] >= 0) {
    const Extent &rows = *buffer(op_.outputs[columns]).rows;
    if (!typed(op_.outputs[columns], outputPlace(columns), DType::I32, 1) ||
        !inSlot(op_.outputs[columns], outputPlace(columns)))
      return false;
    if (rows.symbol() >= 0 || rows.constant() != dim + 1)
      return c_.fail(outputPlace(columns), "the rows are not the columns of the feature plus 1");
  }
  return true;
}

} // namespace heddle::plan::verify
