//===- WordNet.h - a WordNet folder as a graph -------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Reads the data files of WordNet 3.x (data.noun, data.verb, data.adj, data.adv; format wndb(5WN)).
// Node types noun, verb, adj and adv hold the synsets in file order (ids such as "n02084071": part
// of speech and file offset); word the lower-case lemmas in byte order; frame the 35 verb frames.
//
// One direction of each inverse pair of pointers is kept (hypernym and not hyponym, ...), pointers
// between two words count for their synsets, and a symmetric pointer within one type is one edge:
// reverse views restore the other direction without storing it.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_WORDNET_H
#define HEDDLE_RUNTIME_IMPORT_WORDNET_H

#include "runtime/graph/GraphBuilder.h"

#include <string>
#include <vector>

namespace heddle::importing {

struct WordNetOptions {
  std::string directory;     ///< the folder that holds data.noun
  bool words = true;         ///< node type word and has_word
  bool frames = true;        ///< node type frame and in_frame
  bool reverse = true;       ///< a view rev_NAME of every relation
  int64_t glossWords = 2000; ///< width of the sparse feature "gloss" of synsets; 0 = none
  uint64_t splitSeed = 0;
  double splitRatio[3] = {0.6, 0.2, 0.2}; ///< train, valid, test
};

/// Feeds the whole graph to `builder` (not finish()). Noun and verb get the label "domain" (their
/// lexicographer file) with the split "random", which is by hash of the id: the same for any order
/// of the rows. Errors name the file and the line.
absl::Status importWordNet(const WordNetOptions &options, graph::GraphBuilder &builder);

/// One synset line of a data file.
struct WordNetPointer {
  std::string symbol;
  int64_t offset = 0;
  int type = 0; ///< 0 noun, 1 verb, 2 adj, 3 adv
};
struct WordNetSynset {
  int64_t offset = 0;
  int lexFile = 0;
  std::vector<std::string> words; ///< as spelt, syntactic markers such as "(p)" removed
  std::vector<WordNetPointer> pointers;
  std::vector<int> frames;
  std::string gloss;
};

/// Parses one line of the data file of `type`; false with `problem` set if it is malformed.
bool parseWordNetLine(std::string_view line, int type, WordNetSynset &out, std::string &problem);

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_WORDNET_H
