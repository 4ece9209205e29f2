//===- GraphSchema.h - what graph.json says ---------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The schema, statistics and file table of a graph directory, read from graph.json alone: no array
// is opened. The compiler needs only this. Node types and relations are held in canonical order
// (by UTF-8 bytes of the name, or of (source, relation, destination)): the index in `nodeTypes` or
// `relations` IS the canonical id that keys and plans use. Names, not declaration order, define ids.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_GRAPH_GRAPHSCHEMA_H
#define HEDDLE_RUNTIME_GRAPH_GRAPHSCHEMA_H

#include "runtime/base/Status.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heddle::graph {

enum class FeatureKind { Dense, Sparse };

/// A feature of a node type (rows = num_nodes) or of a relation (rows = num_edges, CSC order).
struct FeatureSchema {
  std::string name;
  FeatureKind kind = FeatureKind::Dense;
  std::string dtype = "float32"; ///< dense, and sparse values: see dtypeBytes
  int64_t dim = 0;               ///< columns
  int64_t nnz = 0;               ///< sparse: stored entries over all rows
  int64_t maxRowNnz = 0;         ///< sparse: most entries in one row
  std::string file;              ///< dense: a .npy of shape [rows, dim]
  std::string indptrFile, indicesFile, valuesFile; ///< sparse CSR; valuesFile empty = all ones
};

/// One label of a node type. Single-label: int32 .npy [num_nodes], class index or -1 (missing).
/// Multi-label: uint8 .npy [num_nodes, num_classes] of 0/1, a row of 255 is missing.
struct LabelSchema {
  std::string name;
  bool multilabel = false;
  std::vector<std::string> classes; ///< class names, in index order
  std::string file;
  struct Split {
    std::string name;
    std::string trainFile, validFile, testFile; ///< int64 .npy of sorted node ids
    int64_t numTrain = 0, numValid = 0, numTest = 0;
    std::vector<int64_t> trainClassCounts; ///< per class (multi-label: positives)
  };
  std::vector<Split> splits; ///< by name
  std::vector<int64_t> trainClassCounts; ///< those of splits[0]; empty without splits
};

struct NodeTypeSchema {
  std::string name;
  int64_t numNodes = 0;
  std::string idsKind = "none";           ///< "none" (ids are 0..n-1), "int64", "string"
  std::string idsFile, idsOffsetsFile;    ///< int64: .npy; string: bytes + int64 .npy offsets [n+1]
  std::string displayFile, displayOffsetsFile; ///< optional human-readable name per row, as strings
  std::vector<FeatureSchema> features;         ///< by name
  std::vector<LabelSchema> labels;             ///< by name
};

/// Degree statistics of one side of a relation. log2Hist[0] counts degree 0; log2Hist[b] counts
/// degrees in [2^(b-1), 2^b).
struct DegreeStats {
  int64_t max = 0;
  int64_t p50 = 0, p99 = 0; ///< over all nodes of that side
  int64_t nonZero = 0;      ///< nodes with degree >= 1
  std::vector<int64_t> log2Hist;
};

/// A relation, or a reverse view of one. For edges sorted by (dst, src, input order) the CSC
/// position IS the edge id. indptr arrays are int64 [n+1]; indices are int32 where the numbers fit,
/// else int64. CSR: by (src, dst, edge id), `csrPerm` maps a CSR position to the edge id.
/// A reverse relation (reverseOf >= 0) shares the arrays: its CSC is the base's CSR and its CSR the
/// base's CSC; its edge ids are the positions in ITS csc order; csrPerm of a reverse view is the
/// inverse permutation, not stored: csc position p of the base <-> csr position, see GraphStore.
struct RelationSchema {
  std::string source, name, destination;
  int64_t numEdges = 0;
  int reverseOf = -1; ///< canonical id of the base relation, -1 for a stored one
  std::string cscIndptr, cscIndices, csrIndptr, csrIndices, csrPerm; ///< empty for a reverse view
  DegreeStats in, out; ///< in: per destination, out: per source
  std::vector<FeatureSchema> features; ///< of a stored one; see GraphSchema::edgeFeatures
  /// "source:name:destination", the spelling of command lines and messages.
  std::string triple() const { return source + ":" + name + ":" + destination; }
};

struct FileEntry {
  int64_t bytes = 0;
  std::string checksum; ///< 16 hex digits, runtime/base/Checksum.h
};

struct GraphSchema {
  std::string directory; ///< where graph.json was read
  std::string schemaFingerprint; ///< 16 hex digits over types, triples, widths, dtypes, kinds, classes
  std::string dataFingerprint;   ///< 16 hex digits over the checksums of all arrays
  std::vector<NodeTypeSchema> nodeTypes; ///< canonical order
  std::vector<RelationSchema> relations; ///< canonical order
  std::map<std::string, FileEntry> files; ///< relative path -> size and checksum

  int nodeTypeId(const std::string &name) const;                       ///< -1 if absent
  int relationId(const std::string &source, const std::string &name,
                 const std::string &destination) const;                ///< -1 if absent
  /// The features of a relation's edges; of a reverse view those of its base.
  const std::vector<FeatureSchema> &edgeFeatures(int relationId) const;
};

/// Reads DIR/graph.json (or a graph.json given directly). Opens no array. Errors name the file and
/// the JSON pointer; unknown keys are errors with a suggestion.
absl::StatusOr<GraphSchema> readGraphSchema(const std::string &path);

/// The same from the text of a graph.json; `file` is what errors call it. Optional keys, so that a
/// schema for the compiler can be written by hand: "ids", "csc", "csr", "degree", "files", "report" and
/// the fingerprints (recomputed where absent, compared where present).
absl::StatusOr<GraphSchema> parseGraphSchema(std::string_view text, const std::string &file);

/// The text of graph.json for `schema` (fingerprints are recomputed by the writer, not here).
std::string printGraphSchema(const GraphSchema &schema);

/// 16 hex digits: what must agree between a plan and a graph. Independent of counts and statistics.
std::string computeSchemaFingerprint(const GraphSchema &schema);

/// 16 hex digits over what every array is for and its checksum in schema.files. Independent of folder
/// numbers, so of declaration order.
std::string computeDataFingerprint(const GraphSchema &schema);

/// Every array the schema names, in canonical order: (what it is for, relative path). Empty paths are
/// left out.
std::vector<std::pair<std::string, std::string>> listArrays(const GraphSchema &schema);

/// graph.json names arrays of ids, display names and edges by a prefix: "nodes/0/ids" stands for
/// ids.npy (int64), or ids_bytes.bin and ids_offsets.npy (string); "edges/0/csc" for csc_indptr.npy and
/// csc_indices.npy; "edges/0/csr" for csr_indptr.npy, csr_indices.npy and csr_perm.npy.
void setIdFiles(NodeTypeSchema &type, const std::string &prefix);
void setDisplayFiles(NodeTypeSchema &type, const std::string &prefix);
void setCscFiles(RelationSchema &relation, const std::string &prefix);
void setCsrFiles(RelationSchema &relation, const std::string &prefix);

/// Statistics of a side with `nodes` nodes from (degree -> number of nodes with it). Absent nodes
/// must be in the map under 0.
DegreeStats degreeStatsOf(const std::map<int64_t, int64_t> &nodesOfDegree);

} // namespace heddle::graph

#endif // HEDDLE_RUNTIME_GRAPH_GRAPHSCHEMA_H
