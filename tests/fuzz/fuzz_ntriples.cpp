//===- fuzz_ntriples.cpp - any bytes are a graph or one error --------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The first byte chooses options; lines of N-Triples are parsed one by one as well, with one
// parser, which a broken line must not harm.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/NTriples.h"
#include "runtime/import/NTriplesImport.h"
#include "tests/fuzz/Require.h"
#include "tests/unit/import/RecordingBuilder.h"

using namespace heddle;
using namespace heddle::importing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1)
    return 0;
  std::string text(reinterpret_cast<const char *>(data) + 1, size - 1);
  NTriplesOptions options;
  options.literals = data[0] & 1;
  options.typesByRdf = data[0] & 2;
  options.skipErrors = data[0] & 4;
  options.reverse = data[0] & 8;
  testing_import::RecordingBuilder builder;
  std::vector<std::pair<std::string, std::string>> texts = {{"fuzz", text}};
  if (data[0] & 16)
    texts.push_back({"again", text});
  absl::Status status = importNTriplesText(options, texts, builder);
  std::string message = messageOf(status);
  require(status.ok() || exitCodeOf(status) == 2, message);
  require(status.ok() || message.find("; ") != std::string::npos, "no remedy: " + message);
  require(message.find('\n') == std::string::npos, "two lines: " + message);
  std::set<std::string> triples;
  for (const auto &relation : builder.relations) {
    require(triples.insert(relation.triple).second, "a relation twice: " + relation.triple);
    size_t colons = std::count(relation.triple.begin(), relation.triple.end(), ':');
    require(colons == 2, "a colon in a name: " + relation.triple);
  }
  for (const auto &relation : builder.relations)
    if (!relation.reverse.empty()) {
      size_t first = relation.triple.find(':'), last = relation.triple.rfind(':');
      require(triples
                  .insert(relation.triple.substr(last + 1) + ":" + relation.reverse + ":" +
                          relation.triple.substr(0, first))
                  .second,
              "a reverse view that is there: " + relation.reverse);
    }
  for (const auto &type : builder.types)
    for (const std::string &id : type.strings)
      require(findInvalidText(id) == std::string::npos, "an id that is not UTF-8");
  TripleParser parser;
  Triple triple;
  (void)parser.parse(text, triple);
  require(parser.parse("<http://a> <http://b> <http://c> .", triple) ==
                  TripleParser::Line::Triple &&
              triple.object == "http://c",
          "a good line after this one is refused");
  return 0;
}
