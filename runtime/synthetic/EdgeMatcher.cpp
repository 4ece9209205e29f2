//===- EdgeMatcher.cpp - joins the two sides of a relation -----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/synthetic/EdgeMatcher.h"

#include "runtime/base/Keys.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace heddle::synthetic {

namespace {

/// Purposes within a relation, as names of streams.
uint64_t streamOf(uint64_t relation, const char *name) {
  return keys::generatorStream(relation, name);
}

uint64_t keyOf(uint64_t stream, int64_t item) {
  auto w = keys::generatorDraw(stream, static_cast<uint64_t>(item), 0);
  return uint64_t(w[1]) << 32 | w[0];
}

/// The largest of n draws from d^-exponent goes with n^(1 / (exponent - 1)); so does the cap. It
/// leaves room above the mean, without which a law would be flat at small scales.
DegreeShape scaled(DegreeShape shape, double scale, int64_t edges, int64_t nodes) {
  double cap = static_cast<double>(shape.cap) * portablePower(scale, 1 / (shape.exponent - 1));
  double mean = static_cast<double>(edges) / (static_cast<double>(nodes) * shape.share);
  double least = std::min(static_cast<double>(shape.cap), std::ceil(8 * mean));
  shape.cap = std::max<int64_t>(1, static_cast<int64_t>(std::max(cap, least)));
  return shape;
}

/// Rows that are taken already: a list while they are few, else an open hash table.
class TakenRows {
public:
  TakenRows(std::vector<int64_t> &table, const int64_t *rows, int64_t expected)
      : rows_(rows), table_(table) {
    if (expected > fewRows) {
      bits_ = std::bit_width(static_cast<uint64_t>(2 * expected - 1));
      table_.assign(size_t(1) << bits_, -1);
    }
  }
  /// `count` rows were accepted so far.
  bool has(int64_t row, int64_t count) const {
    if (bits_ == 0)
      return std::find(rows_, rows_ + count, row) != rows_ + count;
    size_t at = slot(row);
    while (table_[at] >= 0 && table_[at] != row)
      at = (at + 1) & (table_.size() - 1);
    return table_[at] == row;
  }
  void insert(int64_t row) {
    if (bits_ == 0)
      return;
    size_t at = slot(row);
    while (table_[at] >= 0)
      at = (at + 1) & (table_.size() - 1);
    table_[at] = row;
  }

private:
  static constexpr int64_t fewRows = 24;
  size_t slot(int64_t row) const {
    return static_cast<size_t>(static_cast<uint64_t>(row) * 0x9E3779B97F4A7C15ull >> (64 - bits_));
  }
  const int64_t *rows_;
  std::vector<int64_t> &table_;
  int bits_ = 0;
};

} // namespace

EdgeMatcher::EdgeMatcher(const RelationSpec &relation, const CommunityLine &sources,
                         const CommunityLine &destinations, bool sameType, int64_t edges,
                         double scale, uint64_t stream)
    : sources_(sources), destinations_(destinations), sameType_(sameType),
      redraws_(streamOf(stream, "redraws")) {
  makeGroups(edges);
  const CommunityLine *lines[2] = {&sources, &destinations};
  const DegreeShape *shapes[2] = {&relation.out, &relation.in};
  const char *names[2] = {"out", "in"};
  for (int side = 0; side < 2; ++side) {
    std::vector<int64_t> nodes;
    for (size_t g = 0; g < groups_.size(); ++g) {
      auto place = [&](const Group &group) {
        return side == 0 ? group.sourcePlace : group.destinationPlace;
      };
      int64_t end = g + 1 < groups_.size() ? place(groups_[g + 1]) : lines[side]->nodes();
      nodes.push_back(end - place(groups_[g]));
    }
    int64_t limit = lines[1 - side]->nodes() - (sameType ? 1 : 0);
    uint64_t sideStream = streamOf(stream, names[side]);
    sides_.emplace_back(nodes, edges, scaled(*shapes[side], scale, edges, lines[side]->nodes()),
                        limit, sideStream);
    // These words are part of the keys: another word draws another graph.
    uint64_t nodeKeys = streamOf(sideStream, "nodes");
    uint64_t halfEdgeKeys = streamOf(sideStream, "stubs");
    for (size_t g = 0; g < groups_.size(); ++g) {
      auto group = static_cast<int64_t>(g);
      (side == 0 ? groups_[g].sourceNodes : groups_[g].destinationNodes) =
          KeyedPermutation(nodes[g], keyOf(nodeKeys, group));
      (side == 0 ? groups_[g].sourceHalfEdges : groups_[g].destinationHalfEdges) =
          KeyedPermutation(sides_.back().halfEdges(group), keyOf(halfEdgeKeys, group));
    }
  }
  sourceRest_ = destinationRest_ = {0};
  for (size_t g = 0; g < groups_.size(); ++g) {
    int64_t from = sides_[0].halfEdges(static_cast<int64_t>(g));
    int64_t to = sides_[1].halfEdges(static_cast<int64_t>(g));
    groups_[g].agreeing =
        std::min({from, to, static_cast<int64_t>(relation.agreement * static_cast<double>(to))});
    sourceRest_.push_back(sourceRest_.back() + from - groups_[g].agreeing);
    destinationRest_.push_back(destinationRest_.back() + to - groups_[g].agreeing);
  }
  pool_ = KeyedPermutation(sourceRest_.back(), keyOf(streamOf(stream, "pool"), 0));
}

/// A group is a community, or neighbouring ones that are too small alone: with fewer nodes than
/// twice the other side's mean degree, agreeing edges would be the same pairs over and over.
void EdgeMatcher::makeGroups(int64_t edges) {
  auto least = [&](int64_t otherSide) {
    return otherSide == 0 ? 1 : std::max<int64_t>(1, 2 * edges / otherSide);
  };
  int64_t leastSources = least(destinations_.nodes()), leastDestinations = least(sources_.nodes());
  groups_.push_back({0, 0, 0, {}, {}, {}, {}});
  for (int64_t c = 1; c < sources_.communities(); ++c) {
    int64_t from = sources_.begin(c), to = destinations_.begin(c);
    auto wide = [&](int64_t sources, int64_t destinations) {
      return sources >= leastSources && destinations >= leastDestinations;
    };
    // Both this group and what is left must be wide enough.
    if (wide(from - groups_.back().sourcePlace, to - groups_.back().destinationPlace) &&
        wide(sources_.nodes() - from, destinations_.nodes() - to))
      groups_.push_back({from, to, 0, {}, {}, {}, {}});
  }
}

void EdgeMatcher::nextPieces(Cursor &cursor, int64_t edges, std::vector<Piece> &pieces) const {
  // Pieces are short enough for threads to share them evenly.
  constexpr int64_t pieceEdges = 4096;
  const DegreeSequence &side = sides_[1];
  pieces.clear();
  for (int64_t have = 0; cursor.group < groups();) {
    if (cursor.run == side.firstRun(cursor.group + 1)) {
      ++cursor.group;
      continue;
    }
    const DegreeSequence::Run &run = side.runs()[static_cast<size_t>(cursor.run)];
    int64_t left = side.nodesOf(cursor.run, cursor.group) - cursor.nodesDone;
    if (left == 0) {
      ++cursor.run;
      cursor.nodesDone = 0;
      continue;
    }
    int64_t nodes = std::min(left, std::max<int64_t>(1, pieceEdges / run.degree));
    if (!pieces.empty() && have + nodes * run.degree > edges)
      return;
    pieces.push_back({cursor.group, run.firstNode + cursor.nodesDone, nodes, run.degree,
                      run.firstHalfEdge + cursor.nodesDone * run.degree});
    have += nodes * run.degree;
    cursor.nodesDone += nodes;
  }
}

/// The row of the source node that `halfEdge` of `group` belongs to.
int64_t EdgeMatcher::sourceOf(int64_t halfEdge, int64_t group) const {
  const Group &of = groups_[static_cast<size_t>(group)];
  return sources_.rowAt(of.sourcePlace + of.sourceNodes(sides_[0].nodeOf(halfEdge, group)));
}

int64_t EdgeMatcher::matchedSource(int64_t halfEdge, int64_t group, bool &agrees) const {
  const Group &of = groups_[static_cast<size_t>(group)];
  int64_t order = of.destinationHalfEdges(halfEdge - sides_[1].firstHalfEdge(group));
  agrees = order < of.agreeing;
  if (agrees)
    return sourceOf(sides_[0].firstHalfEdge(group) + of.sourceHalfEdges(order), group);
  int64_t place = pool_(destinationRest_[static_cast<size_t>(group)] + order - of.agreeing);
  auto after = std::upper_bound(sourceRest_.begin(), sourceRest_.end(), place);
  int64_t other = after - sourceRest_.begin() - 1;
  const Group &from = groups_[static_cast<size_t>(other)];
  order = from.agreeing + place - *(after - 1);
  return sourceOf(sides_[0].firstHalfEdge(other) + from.sourceHalfEdges(order), other);
}

/// A source by degree: of `group`, or of any with group -1.
int64_t EdgeMatcher::drawnSource(int64_t halfEdge, uint32_t attempt, int64_t group) const {
  auto w = keys::generatorDraw(redraws_, static_cast<uint64_t>(halfEdge), attempt);
  const DegreeSequence &side = sides_[0];
  if (group >= 0)
    return sourceOf(side.firstHalfEdge(group) +
                        static_cast<int64_t>(keys::bounded(
                            w[0], w[1], static_cast<uint64_t>(side.halfEdges(group)))),
                    group);
  auto drawn = static_cast<int64_t>(keys::bounded(w[0], w[1], static_cast<uint64_t>(side.edges())));
  int64_t low = 0, high = groups();
  while (high - low > 1)
    (side.firstHalfEdge((low + high) / 2) <= drawn ? low : high) = (low + high) / 2;
  return sourceOf(drawn, low);
}

int64_t EdgeMatcher::fill(const Piece &piece, Scratch &scratch, int64_t *sources,
                          int64_t *destinations) const {
  // Within the group first, so that agreement lasts; then anywhere; then, where nearly every
  // source is taken, the next free row.
  constexpr uint32_t drawsInGroup = 8, draws = 40;
  const Group &group = groups_[static_cast<size_t>(piece.group)];
  int64_t redrawn = 0;
  for (int64_t n = 0; n < piece.nodes; ++n) {
    int64_t row =
        destinations_.rowAt(group.destinationPlace + group.destinationNodes(piece.firstNode + n));
    int64_t firstHalfEdge = piece.firstHalfEdge + n * piece.degree;
    int64_t *rows = sources + n * piece.degree;
    std::fill_n(destinations + n * piece.degree, piece.degree, row);
    TakenRows taken(scratch.table, rows, piece.degree);
    for (int64_t j = 0; j < piece.degree; ++j) {
      bool agrees = false;
      int64_t source = matchedSource(firstHalfEdge + j, piece.group, agrees);
      auto refused = [&] { return (sameType_ && source == row) || taken.has(source, j); };
      if (refused()) {
        ++redrawn;
        for (uint32_t attempt = 0; attempt < draws && refused(); ++attempt)
          source = drawnSource(firstHalfEdge + j, attempt,
                               agrees && attempt < drawsInGroup ? piece.group : -1);
        while (refused())
          source = source + 1 == sources_.nodes() ? 0 : source + 1;
      }
      rows[j] = source;
      taken.insert(source);
    }
  }
  return redrawn;
}

} // namespace heddle::synthetic
