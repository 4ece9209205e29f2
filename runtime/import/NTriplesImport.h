//===- NTriplesImport.h - RDF in N-Triples as a graph ------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Files are streamed twice: once for the nodes and their types, once for the edges. What stays in
// memory: the ids of all nodes (see IdMap.h), with types by rdf:type 16 bytes for each of its
// triples, the labels, and the builder's share.
//
// A triple is an edge of the relation that its predicate names; RDF is a set, so a triple that
// stands twice is one edge. rdf:type is a relation like any other. Subjects are always nodes;
// objects are where an edge to them is kept. Ids are the IRIs, "_:name" (with several files
// "_:FILE/name": a blank node belongs to its file) and literals as NTriples.h spells them; equal
// literals are one node. Rows are in the order of first appearance.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_NTRIPLESIMPORT_H
#define HEDDLE_RUNTIME_IMPORT_NTRIPLESIMPORT_H

#include "runtime/graph/GraphBuilder.h"
#include "runtime/import/EntityLabels.h"

namespace heddle::importing {

struct NTriplesOptions {
  std::vector<std::string> files; ///< .nt, plain or gzip
  bool literals = true;           ///< literals are nodes; false: their triples are left out
  /// false: every node is of type "node". true: of the type that rdf:type names, shortened (see
  /// ShortNames.h); of several the one that the fewest nodes have (then the first by IRI); without
  /// one "untyped". Literals are of type "literal".
  bool typesByRdf = false;
  std::string labelType; ///< not empty: labelled nodes are of this type, whatever else holds
  std::vector<std::string> dropRelations; ///< IRIs of relations without edges
  bool reverse = true;                    ///< a view rev_NAME of every relation
  bool skipErrors = false; ///< malformed lines and labels of no node are counted, not errors
  LabelFiles labels;
  CarveOptions carve;
};

/// Fills in `files` and `labels` (where they are empty) from SOURCE: a file, or a folder whose *.nt
/// and
/// *.nt.gz are read in the order of their names, with its trainingSet.tsv, testSet.tsv and
/// completeDataset.tsv if they are there.
absl::Status findNTriples(const std::string &source, NTriplesOptions &options);

/// Feeds the whole graph to `builder` (not finish()). Errors name file and line.
absl::Status importNTriples(const NTriplesOptions &options, graph::GraphBuilder &builder,
                            const ProgressFunction &progress = nullptr);

/// The same from open sources: (name, text), for tests.
absl::Status importNTriplesText(const NTriplesOptions &options,
                                const std::vector<std::pair<std::string, std::string>> &texts,
                                graph::GraphBuilder &builder);

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_NTRIPLESIMPORT_H
