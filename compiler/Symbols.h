//===- Symbols.h - user's names as symbols -----------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Node types, relations, states and entries share one symbol table per module, and a user's name may
// be any text. Escaping ':' '.' '%' in names keeps the four kinds apart: a relation has exactly two
// bare colons, a state at least one bare dot, an entry one of two reserved words, with a partition after
// one bare colon (train_step:0) where there are several.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_SYMBOLS_H
#define HEDDLE_COMPILER_SYMBOLS_H

#include "llvm/ADT/StringRef.h"

#include <string>

namespace heddle::compiler {

inline std::string escapeName(llvm::StringRef name) {
  if (name == "train_step")
    return "train%5Fstep";
  if (name == "eval_step")
    return "eval%5Fstep";
  std::string out;
  for (char c : name)
    if (c == ':')
      out += "%3A";
    else if (c == '.')
      out += "%2E";
    else if (c == '%')
      out += "%25";
    else
      out += c;
  return out;
}

inline std::string unescapeName(llvm::StringRef symbol) {
  std::string out;
  for (size_t i = 0; i < symbol.size(); ++i) {
    unsigned code = 0;
    if (symbol[i] == '%' && i + 2 < symbol.size() &&
        !symbol.substr(i + 1, 2).getAsInteger(16, code)) {
      out += static_cast<char>(code);
      i += 2;
    } else {
      out += symbol[i];
    }
  }
  return out;
}

inline std::string relationSymbol(llvm::StringRef source, llvm::StringRef name,
                                  llvm::StringRef destination) {
  return escapeName(source) + ":" + escapeName(name) + ":" + escapeName(destination);
}

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_SYMBOLS_H
