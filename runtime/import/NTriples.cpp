//===- NTriples.cpp - one line of N-Triples --------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/NTriples.h"

#include "runtime/import/Table.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include <serd/serd.h>

namespace heddle::importing {

namespace {

constexpr std::string_view kXsdString = "http://www.w3.org/2001/XMLSchema#string";

std::string_view textOf(const SerdNode *node) {
  return node && node->buf
             ? std::string_view(reinterpret_cast<const char *>(node->buf), node->n_bytes)
             : std::string_view();
}

} // namespace

struct TripleParser::State {
  SerdReader *reader = nullptr;
  std::string_view rest; ///< of the line, what serd has not asked for yet
  bool ended = false;    ///< the line's end has been given to serd
  Triple *out = nullptr;
  int statements = 0;
  std::string problem;
  int64_t column = 0;

  void fail(const std::string &what, int64_t at = 0) {
    if (!problem.empty())
      return;
    problem = what;
    column = at;
  }

  bool setResource(const SerdNode *node, const char *what, bool blankToo, std::string &text) {
    if (node->type == SERD_BLANK && blankToo)
      text = "_:";
    else if (node->type == SERD_URI)
      text.clear();
    else
      return fail(std::string("the ") + what + " is no " +
                  (blankToo ? "IRI and no blank node" : "IRI")),
             false;
    text += textOf(node);
    return true;
  }

  bool setLiteral(const SerdNode *node, const SerdNode *datatype, const SerdNode *tag) {
    std::string &text = out->object;
    text = "\"";
    text += textOf(node);
    text += '"';
    if (tag && tag->buf) {
      text += '@';
      for (char c : textOf(tag))
        text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (datatype && datatype->buf) {
      if (datatype->type != SERD_URI)
        return fail("the datatype is no IRI in angle brackets"), false;
      if (textOf(datatype) != kXsdString)
        text.append("^^<").append(textOf(datatype)).append(">");
    }
    return true;
  }

  void statement(const SerdNode *subject, const SerdNode *predicate, const SerdNode *object,
                 const SerdNode *datatype, const SerdNode *tag) {
    if (++statements > 1)
      return fail("a second triple on the line");
    if (!setResource(subject, "subject", true, out->subject) ||
        !setResource(predicate, "predicate", false, out->predicate))
      return;
    bool right = object->type == SERD_LITERAL ? setLiteral(object, datatype, tag)
                                              : setResource(object, "object", true, out->object);
    if (!right)
      return;
    // Escapes can spell what UTF-8 cannot: lone surrogates; and NUL is in no id.
    for (const std::string *text : {&out->subject, &out->predicate, &out->object})
      if (findInvalidText(*text) != std::string_view::npos)
        return fail("an escape that is no character (a surrogate or NUL)");
  }

  static SerdStatus onStatement(void *handle, SerdStatementFlags, const SerdNode *,
                                const SerdNode *subject, const SerdNode *predicate,
                                const SerdNode *object, const SerdNode *datatype,
                                const SerdNode *tag) {
    static_cast<State *>(handle)->statement(subject, predicate, object, datatype, tag);
    return SERD_SUCCESS;
  }

  static SerdStatus onError(void *handle, const SerdError *error) {
    char text[256];
    va_list arguments;
    va_copy(arguments, *error->args);
    std::vsnprintf(text, sizeof text, error->fmt, arguments);
    va_end(arguments);
    std::string what;
    for (const char *c = text; *c; ++c)
      if (*c != '\n')
        what += *c == '`' ? '\'' : *c;
    // serd counts what it has read, one byte ahead.
    static_cast<State *>(handle)->fail(what, int64_t(error->col) - 1);
    return SERD_SUCCESS;
  }

  static size_t onRead(void *buffer, size_t, size_t count, void *handle) {
    State &state = *static_cast<State *>(handle);
    size_t n = std::min(count, state.rest.size());
    std::memcpy(buffer, state.rest.data(), n);
    state.rest.remove_prefix(n);
    if (n < count && !state.ended) {
      static_cast<char *>(buffer)[n++] = '\n';
      state.ended = true;
    }
    return n;
  }
  static int onReadError(void *) { return 0; }
};

TripleParser::TripleParser() : state_(std::make_unique<State>()) {
  state_->reader = serd_reader_new(SERD_NTRIPLES, state_.get(), nullptr, nullptr, nullptr,
                                   State::onStatement, nullptr);
  serd_reader_set_strict(state_->reader, true);
  serd_reader_set_error_sink(state_->reader, State::onError, state_.get());
}

TripleParser::~TripleParser() { serd_reader_free(state_->reader); }

const std::string &TripleParser::problem() const { return state_->problem; }
int64_t TripleParser::column() const { return state_->column; }

TripleParser::Line TripleParser::parse(std::string_view line, Triple &out) {
  State &state = *state_;
  state.problem.clear();
  state.column = 0;
  size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos || line[first] == '#')
    return Line::Nothing;
  auto refuse = [&](const std::string &what, size_t at) {
    state.fail(what, int64_t(at) + 1);
    return Line::Malformed;
  };
  // What a line of Turtle starts with, and prefixed or abbreviated names after the subject.
  if (line[first] != '<' && line[first] != '_')
    return refuse("the line starts with neither '<' nor '_:' (is the file Turtle? convert it: "
                  "serdi -o ntriples FILE)",
                  first);
  if (size_t nul = line.find('\0'); nul != std::string_view::npos)
    return refuse("a NUL byte", nul);
  if (size_t feed = line.find('\r'); feed != std::string_view::npos)
    return refuse("a carriage return inside the line", feed);
  state.rest = line;
  state.ended = false;
  state.out = &out;
  state.statements = 0;
  SerdStatus status =
      serd_reader_read_source(state.reader, State::onRead, State::onReadError, &state, nullptr, 1);
  if (state.problem.empty() && status != SERD_SUCCESS)
    state.fail(reinterpret_cast<const char *>(serd_strerror(status)));
  if (state.problem.empty() && state.statements != 1)
    state.fail("no triple on the line");
  return state.problem.empty() ? Line::Triple : Line::Malformed;
}

} // namespace heddle::importing
