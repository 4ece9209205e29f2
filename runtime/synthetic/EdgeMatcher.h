//===- EdgeMatcher.h - joins the two sides of a relation ---------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Both sides have the same number of half-edges (see DegreeSequence.h); every destination half-edge
// is joined with one source half-edge. Per group of communities, a share of the half-edges (the
// agreement) is joined with half-edges of the group; all others go into one pool, which is matched
// across the groups. Three keyed permutations decide it, so half-edge i's partner is computed from
// i alone: in any order, on any thread, with nothing kept per edge.
//
// Where that joins a pair of nodes twice, or a node with itself, the source half-edge is drawn
// again at random: in-degrees stay what they are, a few out-degrees move by one.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_SYNTHETIC_EDGEMATCHER_H
#define HEDDLE_RUNTIME_SYNTHETIC_EDGEMATCHER_H

#include "runtime/synthetic/Communities.h"
#include "runtime/synthetic/DegreeSequence.h"

namespace heddle::synthetic {

class EdgeMatcher {
public:
  /// `edges` of `relation` between the nodes of two lines, which outlive this; the caps of the
  /// relation's shapes are those of full scale, `scale` brings them down. `stream` keys all draws.
  /// edges <= pairs of nodes (a node and itself is none if `sameType`).
  EdgeMatcher(const RelationSpec &relation, const CommunityLine &sources,
              const CommunityLine &destinations, bool sameType, int64_t edges, double scale,
              uint64_t stream);

  /// Some destination nodes of equal degree: the unit of work.
  struct Piece {
    int64_t group, firstNode, nodes, degree, firstHalfEdge;
    int64_t edges() const { return nodes * degree; }
  };
  struct Cursor {
    int64_t group = 0, run = 0, nodesDone = 0;
  };
  /// The next pieces, in the order of destination half-edges: at least one, and then as many as
  /// have `edges` edges together. Empty at the end.
  void nextPieces(Cursor &cursor, int64_t edges, std::vector<Piece> &pieces) const;

  /// What fill() needs beside its arguments, one per thread.
  struct Scratch {
    std::vector<int64_t> table;
  };
  /// Writes the rows of both ends of piece.edges() edges. Returns how many were drawn again.
  int64_t fill(const Piece &piece, Scratch &scratch, int64_t *sources, int64_t *destinations) const;

  int64_t groups() const { return static_cast<int64_t>(groups_.size()); }

private:
  struct Group {
    int64_t sourcePlace, destinationPlace; ///< first of the group on each line
    int64_t agreeing = 0;                  ///< half-edges that are joined within the group
    KeyedPermutation sourceNodes, destinationNodes, sourceHalfEdges, destinationHalfEdges;
  };
  void makeGroups(int64_t edges);
  int64_t sourceOf(int64_t halfEdge, int64_t group) const;
  int64_t matchedSource(int64_t halfEdge, int64_t group, bool &agrees) const;
  int64_t drawnSource(int64_t halfEdge, uint32_t attempt, int64_t group) const;

  const CommunityLine &sources_, &destinations_;
  bool sameType_;
  std::vector<Group> groups_;
  std::vector<DegreeSequence> sides_;                 ///< source, destination
  std::vector<int64_t> sourceRest_, destinationRest_; ///< half-edges in the pool before each group
  KeyedPermutation pool_;
  uint64_t redraws_;
};

} // namespace heddle::synthetic

#endif // HEDDLE_RUNTIME_SYNTHETIC_EDGEMATCHER_H
