//===- NTriples.h - one line of N-Triples ------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The grammar is serd's; this class gives it one line at a time, so that an error has a place and
// costs one line, and refuses what serd takes beyond N-Triples (but for the predicate `a`).
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_NTRIPLES_H
#define HEDDLE_RUNTIME_IMPORT_NTRIPLES_H

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace heddle::importing {

/// A term as the text of a node's id, unescaped: an IRI as it is, "_:b0", and literals in quotes
/// with what follows them ("text", "text"@en with the tag in lower case, "5"^^<IRI>; xsd:string is
/// no datatype but the same as none). Two terms are the same term exactly where their texts are.
struct Triple {
  std::string subject, predicate, object;
};

inline bool isLiteral(std::string_view term) { return !term.empty() && term.front() == '"'; }
inline bool isBlank(std::string_view term) { return term.substr(0, 2) == "_:"; }

class TripleParser {
public:
  TripleParser();
  ~TripleParser();
  TripleParser(const TripleParser &) = delete;
  TripleParser &operator=(const TripleParser &) = delete;

  enum class Line { Triple, Nothing, Malformed };
  /// Parses a line (without its end). Nothing: blank, or a comment. Malformed: problem() and, if
  /// known, column() say what and where.
  Line parse(std::string_view line, Triple &out);
  const std::string &problem() const;
  int64_t column() const; ///< about where, in bytes from 1; 0 if unknown

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_NTRIPLES_H
