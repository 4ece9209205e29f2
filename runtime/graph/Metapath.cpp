//===- Metapath.cpp - relations derived along a chain of relations ---------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/Metapath.h"

#include "runtime/base/Keys.h"
#include "runtime/base/Suggest.h"
#include "runtime/base/ThreadPool.h"

#include <algorithm>
#include <optional>
#include <set>

namespace heddle::graph {

namespace {

/// The triples of the schema that `text` is made of, separated by commas. A name may hold a comma,
/// so a shorter match is tried where a longer one leads nowhere.
std::optional<std::vector<int>> splitChain(std::string_view text, const GraphSchema &schema) {
  std::vector<int> matches;
  for (int id = 0; id < static_cast<int>(schema.relations.size()); ++id) {
    const std::string triple = schema.relations[static_cast<size_t>(id)].triple();
    if (text.substr(0, triple.size()) == triple &&
        (text.size() == triple.size() || text[triple.size()] == ','))
      matches.push_back(id);
  }
  auto length = [&](int id) { return schema.relations[static_cast<size_t>(id)].triple().size(); };
  std::sort(matches.begin(), matches.end(),
            [&](int a, int b) { return length(a) != length(b) ? length(a) > length(b) : a < b; });
  for (int id : matches) {
    if (length(id) == text.size())
      return std::vector<int>{id};
    if (auto rest = splitChain(text.substr(length(id) + 1), schema)) {
      rest->insert(rest->begin(), id);
      return rest;
    }
  }
  return std::nullopt;
}

/// The first piece of `text` that is no triple, for the message.
std::string unknownPiece(std::string_view text, const GraphSchema &schema) {
  std::set<std::string> known;
  for (const RelationSchema &relation : schema.relations)
    known.insert(relation.triple());
  while (true) {
    size_t comma = text.find(',');
    std::string piece(text.substr(0, comma));
    if (!known.count(piece) || comma == std::string_view::npos)
      return piece;
    text.remove_prefix(comma + 1);
  }
}

std::vector<std::string> triplesFrom(const GraphSchema &schema, const std::string *source) {
  std::vector<std::string> triples;
  for (const RelationSchema &relation : schema.relations)
    if (!source || relation.source == *source)
      triples.push_back(relation.triple());
  return triples;
}

/// Whether b has the edges of a, turned around: a view of it, or a relation stored beside it.
bool areReverse(const GraphStore &store, int a, int b) {
  const auto &relations = store.schema().relations;
  const RelationSchema &one = relations[static_cast<size_t>(a)];
  const RelationSchema &other = relations[static_cast<size_t>(b)];
  if (one.source != other.destination || one.destination != other.source ||
      one.numEdges != other.numEdges)
    return false;
  if (one.reverseOf == b || other.reverseOf == a)
    return true;
  const RelationView &in = store.relation(a), &out = store.relation(b);
  if (!std::equal(in.inPtr, in.inPtr + in.numDestinations + 1, out.outPtr))
    return false;
  for (int64_t p = 0; p < in.numEdges; ++p)
    if (in.inSources[p] != out.outDestinations[p])
      return false;
  return true;
}

/// Whether the pairs are the same both ways: the path read backwards is itself.
bool isSymmetric(const GraphStore &store, const Metapath &path) {
  const size_t n = path.relations.size();
  for (size_t i = 0; i < (n + 1) / 2; ++i)
    if (!areReverse(store, path.relations[i], path.relations[n - 1 - i]))
      return false;
  return true;
}

/// What one thread needs to walk back from a destination.
struct Walk {
  explicit Walk(int64_t nodes) : seen(static_cast<size_t>((nodes + 63) / 64)) {}
  std::vector<uint64_t>
      seen; ///< a bit for each node of the type that is reached; empty between steps
  std::vector<int64_t> here, next;
};

/// The distinct nodes one relation back from those of `walk.here`, into walk.next.
void stepBack(const RelationView &view, Walk &walk) {
  walk.next.clear();
  for (int64_t node : walk.here) {
    for (int64_t p = view.inPtr[node]; p < view.inPtr[node + 1]; ++p) {
      const int64_t source = view.inSources[p];
      uint64_t &word = walk.seen[static_cast<size_t>(source >> 6)];
      const uint64_t bit = uint64_t(1) << (source & 63);
      if (word & bit)
        continue;
      word |= bit;
      walk.next.push_back(source);
    }
    if (static_cast<int64_t>(walk.next.size()) == view.numSources)
      break; // all are reached
  }
  for (int64_t source : walk.next)
    walk.seen[static_cast<size_t>(source >> 6)] = 0;
}

/// Of ascending `nodes` a sample of `count`, by Floyd's method; they stay ascending.
void keepSample(std::vector<int64_t> &nodes, int64_t count, uint64_t stream, int64_t destination) {
  const auto degree = static_cast<int64_t>(nodes.size());
  if (degree <= count)
    return;
  std::set<int64_t> taken;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t last = degree - count + i;
    auto words =
        keys::generatorDraw(stream, static_cast<uint64_t>(destination), static_cast<uint32_t>(i));
    auto at =
        static_cast<int64_t>(keys::bounded(words[0], words[1], static_cast<uint64_t>(last) + 1));
    if (!taken.insert(at).second)
      taken.insert(last);
  }
  size_t kept = 0;
  for (int64_t at : taken)
    nodes[kept++] = nodes[static_cast<size_t>(at)];
  nodes.resize(kept);
}

} // namespace

std::string chainOf(const Metapath &path, const GraphSchema &schema) {
  std::string text;
  for (int id : path.relations)
    text += (text.empty() ? "" : ",") + schema.relations[static_cast<size_t>(id)].triple();
  return text;
}

absl::StatusOr<Metapath> parseMetapath(const std::string &text, const GraphSchema &schema) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
    return invalidArgument("--derive '" + text +
                           "': expected NAME=source:relation:destination,source:relation:"
                           "destination,...");
  Metapath path;
  path.name = text.substr(0, equals);
  const std::string place = "--derive " + path.name + ": ";
  const std::string chain = text.substr(equals + 1);
  auto relations = splitChain(chain, schema);
  if (!relations) {
    const std::string piece = unknownPiece(chain, schema);
    return invalidArgument(place + "the graph has no relation '" + piece + "'" +
                           suggestion(piece, triplesFrom(schema, nullptr)));
  }
  path.relations = *relations;
  for (size_t i = 1; i < path.relations.size(); ++i) {
    const RelationSchema &before = schema.relations[static_cast<size_t>(path.relations[i - 1])];
    const RelationSchema &after = schema.relations[static_cast<size_t>(path.relations[i])];
    if (before.destination != after.source)
      return invalidArgument(place + "the chain does not join: '" + before.triple() +
                             "' ends at '" + before.destination + "', and '" + after.triple() +
                             "' begins at '" + after.source + "'" +
                             suggestion(after.triple(), triplesFrom(schema, &before.destination)));
  }
  const std::string &source = schema.relations[static_cast<size_t>(path.relations.front())].source;
  const std::string &destination =
      schema.relations[static_cast<size_t>(path.relations.back())].destination;
  if (schema.relationId(source, path.name, destination) >= 0)
    return invalidArgument(place + "the graph has a relation '" + source + ":" + path.name + ":" +
                           destination + "' already; choose another name");
  return path;
}

absl::StatusOr<std::vector<Metapath>> parseMetapaths(const std::vector<std::string> &texts,
                                                     const GraphSchema &schema) {
  std::vector<Metapath> paths;
  std::set<std::string> triples;
  for (const std::string &text : texts) {
    HEDDLE_ASSIGN_OR_RETURN(Metapath path, parseMetapath(text, schema));
    const auto front = static_cast<size_t>(path.relations.front());
    const auto back = static_cast<size_t>(path.relations.back());
    const std::string triple =
        schema.relations[front].source + ":" + path.name + ":" + schema.relations[back].destination;
    if (!triples.insert(triple).second)
      return invalidArgument("--derive " + path.name + ": two paths give the relation '" + triple +
                             "'; choose another name for one");
    paths.push_back(std::move(path));
  }
  return paths;
}

absl::Status addMetapath(const GraphStore &store, const Metapath &path,
                         const MetapathOptions &options, GraphBuilder &builder) {
  // A task is some destinations, so that the rows that wait for the builder stay few.
  constexpr int64_t taskRows = 8, tasksPerThread = 8;
  const GraphSchema &schema = store.schema();
  std::vector<const RelationView *> views;
  int64_t largest = 0;
  for (int id : path.relations) {
    views.push_back(&store.relation(id));
    largest = std::max(largest, views.back()->numSources);
  }
  const std::string &source = schema.relations[static_cast<size_t>(path.relations.front())].source;
  const std::string &destination =
      schema.relations[static_cast<size_t>(path.relations.back())].destination;
  const std::string triple = source + ":" + path.name + ":" + destination;
  HEDDLE_ASSIGN_OR_RETURN(int handle, builder.addRelation(source, path.name, destination));
  // A sample of pairs is not the same both ways.
  const bool symmetric = options.maxPerDestination == 0 && isSymmetric(store, path);
  if (options.reverse && !symmetric)
    HEDDLE_RETURN_IF_ERROR(builder.addReverse(handle, "rev_" + path.name));

  const uint64_t stream = keys::generatorStream(options.seed, "metapath " + triple);
  ThreadPool pool(options.threads, "derive");
  std::vector<Walk> walks(static_cast<size_t>(pool.threads()), Walk(largest));
  const int64_t block = taskRows * tasksPerThread * pool.threads();
  std::vector<std::vector<int64_t>> from(static_cast<size_t>(block / taskRows)), to = from;
  std::vector<int64_t> leftOut(from.size());
  const int64_t rows = views.back()->numDestinations;
  int64_t edges = 0, dropped = 0;
  for (int64_t begin = 0; begin < rows; begin += block) {
    const int64_t end = std::min(rows, begin + block);
    const int64_t tasks = (end - begin + taskRows - 1) / taskRows;
    pool.parallelFor(tasks, [&](int64_t task, int thread) {
      Walk &walk = walks[static_cast<size_t>(thread)];
      auto t = static_cast<size_t>(task);
      from[t].clear();
      to[t].clear();
      leftOut[t] = 0;
      const int64_t first = begin + task * taskRows;
      for (int64_t row = first; row < std::min(end, first + taskRows); ++row) {
        walk.here.assign(1, row);
        for (size_t k = views.size(); k-- > 0 && !walk.here.empty();) {
          stepBack(*views[k], walk);
          walk.here.swap(walk.next);
        }
        const auto reached = static_cast<int64_t>(walk.here.size());
        if (options.maxPerDestination > 0 && reached > options.maxPerDestination) {
          std::sort(walk.here.begin(), walk.here.end());
          keepSample(walk.here, options.maxPerDestination, stream, row);
          leftOut[t] += reached - options.maxPerDestination;
        }
        from[t].insert(from[t].end(), walk.here.begin(), walk.here.end());
        to[t].resize(from[t].size(), row);
      }
    });
    for (size_t t = 0; t < static_cast<size_t>(tasks); ++t) {
      edges += static_cast<int64_t>(from[t].size());
      dropped += leftOut[t];
      if (edges > options.maxEdges)
        return invalidArgument(
            "--derive " + path.name + ": more than " + std::to_string(options.maxEdges) +
            " edges, at node " + std::to_string(begin) + " of " + std::to_string(rows) + " of '" +
            destination +
            "'; bound each destination with --max-per-destination, or raise --max-edges");
      HEDDLE_RETURN_IF_ERROR(builder.addEdges(handle, from[t].data(), to[t].data(),
                                              static_cast<int64_t>(from[t].size())));
    }
    if (options.progress)
      options.progress("deriving " + triple, end, rows);
  }
  builder.count(triple + ": edges derived along " + chainOf(path, schema), edges);
  if (options.maxPerDestination > 0)
    builder.count(triple + ": pairs left out, above " + std::to_string(options.maxPerDestination) +
                      " a destination",
                  dropped);
  return absl::OkStatus();
}

} // namespace heddle::graph
