//===- Generator.cpp - draws a synthetic graph -----------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/synthetic/Generator.h"

#include "runtime/base/Keys.h"
#include "runtime/synthetic/EdgeMatcher.h"
#include "runtime/synthetic/NodeRows.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace heddle::synthetic {

namespace {

constexpr int64_t maxWidth = 1 << 20;

int64_t scaledCount(int64_t full, double scale) {
  return full == 0 ? 0 : std::max<int64_t>(1, std::llround(static_cast<double>(full) * scale));
}

class Generator {
public:
  Generator(const GraphSpec &spec, const GeneratorOptions &options, graph::GraphBuilder &builder)
      : spec_(spec), options_(options), builder_(builder),
        pool_(options.threads > 0 ? options.threads : availableCores(), "generate") {}

  absl::Status run() {
    HEDDLE_RETURN_IF_ERROR(addTypes());
    HEDDLE_RETURN_IF_ERROR(addFeatures());
    HEDDLE_RETURN_IF_ERROR(addLabels());
    for (const RelationSpec &relation : spec_.relations)
      HEDDLE_RETURN_IF_ERROR(addRelation(relation));
    return absl::OkStatus();
  }

private:
  uint64_t stream(const std::string &name) const {
    return keys::generatorStream(options_.seed, name);
  }
  void progress(const std::string &what, int64_t done, int64_t total) const {
    if (options_.progress)
      options_.progress(what, done, total);
  }
  const CommunityLine &lineOf(const std::string &type) const {
    return lines_[static_cast<size_t>(spec_.findType(type) - spec_.types.data())];
  }

  absl::Status addTypes() {
    std::vector<double> ends = communityEnds(spec_.communities, spec_.head);
    for (const NodeTypeSpec &type : spec_.types) {
      int64_t nodes = scaledCount(type.nodes, options_.scale);
      HEDDLE_ASSIGN_OR_RETURN(int handle, builder_.addNodeType(type.name, nodes));
      handles_.push_back(handle);
      auto key = keys::generatorDraw(stream("rows of " + type.name), 0, 0);
      lines_.emplace_back(nodes, ends, uint64_t(key[1]) << 32 | key[0]);
    }
    return absl::OkStatus();
  }

  int64_t widthOf(const NodeTypeSpec &type) const {
    switch (options_.features.kind) {
    case FeatureChoice::Given:
      return type.width;
    case FeatureChoice::None:
      return 0;
    case FeatureChoice::Width:
      break;
    }
    bool any = std::any_of(spec_.types.begin(), spec_.types.end(),
                           [](const NodeTypeSpec &one) { return one.width > 0; });
    return type.width > 0 || !any ? options_.features.width : 0;
  }

  absl::Status addFeatures() {
    constexpr int64_t blockBytes = 4 << 20, taskRows = 64;
    std::vector<char> block;
    for (size_t t = 0; t < spec_.types.size(); ++t) {
      const NodeTypeSpec &type = spec_.types[t];
      int64_t width = widthOf(type), nodes = lines_[t].nodes();
      if (width == 0)
        continue;
      FeatureRows rows(lines_[t], width, type.dtype, spec_.signal, stream("feat of " + type.name));
      HEDDLE_ASSIGN_OR_RETURN(int feature,
                              builder_.addDenseFeature(handles_[t], "feat", type.dtype, width));
      int64_t rowBytes = rows.rowBytes();
      int64_t blockRows = std::clamp<int64_t>(blockBytes / rowBytes, 1, nodes);
      block.resize(static_cast<size_t>(blockRows * rowBytes));
      for (int64_t begin = 0; begin < nodes; begin += blockRows) {
        int64_t count = std::min(blockRows, nodes - begin);
        pool_.parallelFor((count + taskRows - 1) / taskRows, [&](int64_t task, int) {
          for (int64_t i = task * taskRows; i < std::min(count, (task + 1) * taskRows); ++i)
            rows.fill(begin + i, block.data() + i * rowBytes);
        });
        HEDDLE_RETURN_IF_ERROR(builder_.appendDenseRows(feature, block.data(), count));
        progress("features of " + type.name, begin + count, nodes);
      }
    }
    return absl::OkStatus();
  }

  absl::Status addLabels() {
    if (spec_.labels.empty())
      return absl::OkStatus();
    const NodeTypeSpec &type = *spec_.findType(spec_.target);
    const CommunityLine &line = lineOf(spec_.target);
    auto parts = scaledParts({spec_.train, spec_.valid, spec_.test}, type.nodes, line.nodes());
    progress("labels of " + type.name, 0, 0);
    NodeLabels drawn =
        drawLabels(line, parts, spec_.labelNoise, stream("labels of " + type.name), pool_);
    int handle = handles_[static_cast<size_t>(&type - spec_.types.data())];
    std::vector<int32_t> classOf(drawn.community.size());
    for (const LabelSpec &label : spec_.labels) {
      std::vector<std::string> classes;
      for (int64_t c = 0; c < label.classes; ++c)
        classes.push_back(std::to_string(c));
      for (size_t i = 0; i < classOf.size(); ++i)
        classOf[i] =
            drawn.community[i] < 0
                ? -1
                : static_cast<int32_t>(drawn.community[i] * label.classes / spec_.communities);
      HEDDLE_ASSIGN_OR_RETURN(int added, builder_.addLabel(handle, label.name, classes, classOf));
      // The last one may have the lists themselves: for the largest sets they are gigabytes.
      auto split = &label == &spec_.labels.back() ? std::move(drawn.parts) : drawn.parts;
      HEDDLE_RETURN_IF_ERROR(builder_.addSplit(added, "random", std::move(split[0]),
                                               std::move(split[1]), std::move(split[2])));
    }
    return absl::OkStatus();
  }

  absl::Status addRelation(const RelationSpec &relation) {
    std::string triple = relation.source + ":" + relation.name + ":" + relation.destination;
    HEDDLE_ASSIGN_OR_RETURN(
        int handle, builder_.addRelation(relation.source, relation.name, relation.destination));
    if (options_.reverse)
      HEDDLE_RETURN_IF_ERROR(builder_.addReverse(handle, "rev_" + relation.name));
    const CommunityLine &sources = lineOf(relation.source);
    const CommunityLine &destinations = lineOf(relation.destination);
    bool sameType = relation.source == relation.destination;
    int64_t edges = scaledCount(relation.edges, options_.scale);
    auto pairs = (unsigned __int128)sources.nodes() *
                 static_cast<uint64_t>(destinations.nodes() - (sameType ? 1 : 0));
    if (static_cast<uint64_t>(edges) > pairs) {
      builder_.count(triple + ": edges left out, more than pairs of nodes",
                     edges - static_cast<int64_t>(pairs));
      edges = static_cast<int64_t>(pairs);
    }
    EdgeMatcher matcher(relation, sources, destinations, sameType, edges, options_.scale,
                        stream("edges of " + triple));
    EdgeMatcher::Cursor cursor;
    std::vector<EdgeMatcher::Piece> pieces;
    std::vector<EdgeMatcher::Scratch> scratch(static_cast<size_t>(pool_.threads()));
    std::vector<int64_t> from, to, redrawn(static_cast<size_t>(pool_.threads()));
    for (int64_t done = 0;;) {
      matcher.nextPieces(cursor, options_.blockEdges, pieces);
      if (pieces.empty())
        break;
      int64_t first = pieces.front().firstHalfEdge;
      int64_t count = pieces.back().firstHalfEdge + pieces.back().edges() - first;
      from.resize(static_cast<size_t>(count));
      to.resize(static_cast<size_t>(count));
      pool_.parallelFor(static_cast<int64_t>(pieces.size()), [&](int64_t task, int thread) {
        const EdgeMatcher::Piece &piece = pieces[static_cast<size_t>(task)];
        auto t = static_cast<size_t>(thread);
        redrawn[t] += matcher.fill(piece, scratch[t], from.data() + piece.firstHalfEdge - first,
                                   to.data() + piece.firstHalfEdge - first);
      });
      HEDDLE_RETURN_IF_ERROR(builder_.addEdges(handle, from.data(), to.data(), count));
      progress("edges of " + triple, done += count, edges);
    }
    int64_t again = 0;
    for (int64_t one : redrawn)
      again += one;
    if (again > 0)
      builder_.count(triple + ": repeated pairs and self-loops drawn again", again);
    return absl::OkStatus();
  }

  const GraphSpec &spec_;
  const GeneratorOptions &options_;
  graph::GraphBuilder &builder_;
  ThreadPool pool_;
  std::vector<int> handles_;         ///< of spec_.types
  std::vector<CommunityLine> lines_; ///< of spec_.types
};

} // namespace

absl::StatusOr<FeatureChoice> FeatureChoice::parse(const std::string &text) {
  FeatureChoice choice;
  if (text == "given")
    return choice;
  if (text == "none") {
    choice.kind = None;
    return choice;
  }
  choice.kind = Width;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), choice.width);
  if (error != std::errc() || end != text.data() + text.size() || choice.width < 1 ||
      choice.width > maxWidth)
    return invalidArgument("--features: '" + text +
                           "' is neither given, none nor a width of 1 to 1048576");
  return choice;
}

absl::Status generateGraph(const GraphSpec &spec, const GeneratorOptions &options,
                           graph::GraphBuilder &builder) {
  HEDDLE_RETURN_IF_ERROR(checkGraphSpec(spec));
  if (!(options.scale > 0 && options.scale <= 1))
    return invalidArgument(
        "--scale: expected a number above 0 and up to 1; 1 is the set's own size");
  return Generator(spec, options, builder).run();
}

} // namespace heddle::synthetic
