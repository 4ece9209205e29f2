//===- Hgb.cpp - a data set in the layout of HGB ---------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/Hgb.h"

#include "runtime/import/EdgeBuffer.h"
#include "runtime/import/HgbLabels.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

namespace heddle::importing {

namespace {

/// Order-free fingerprints of edges tell a relation that is another one's reverse.
uint64_t edgeHash(int64_t from, int64_t to) {
  auto mix = [](uint64_t h) {
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdull;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ull;
    return h ^ (h >> 33);
  };
  return mix(mix(uint64_t(from) + 0x9E3779B97F4A7C15ull) + uint64_t(to));
}

struct NodeLine {
  int64_t id, type;
  std::string_view name, features;
};

struct NodeType {
  std::string name;
  int handle = -1;
  std::vector<int64_t> ids;
  std::vector<std::string> names;
  int64_t width = -1; ///< of the features: -1 not known yet, 0 none
  int64_t nonZero = 0;
  int feature = -1;
  bool sparse() const { return nonZero * 4 <= width * int64_t(ids.size()); }
};

struct Relation {
  std::string name;
  int64_t source, destination;
  int handle = -1;
  int64_t count = 0;
  uint64_t forward = 0, backward = 0; ///< sums of edgeHash
  EdgeBuffer edges;
  int weight = -1;            ///< feature "weight", once one is not 1
  std::vector<float> weights; ///< of the last edges, not yet with the builder
};

class Importer {
public:
  Importer(FileSet &files, const HgbOptions &options, graph::GraphBuilder &builder,
           const ProgressFunction &progress)
      : files_(files), options_(options), builder_(builder), progress_(progress) {}

  absl::Status run() {
    for (const char *name : {"node.dat", "link.dat"})
      if (!files_.has(name))
        return notFound(files_.place(name) + ": is not there; name a folder or .zip that holds "
                                             "node.dat, link.dat, label.dat and label.dat.test");
    HEDDLE_RETURN_IF_ERROR(readInfo());
    HEDDLE_RETURN_IF_ERROR(readNodes());
    HEDDLE_RETURN_IF_ERROR(declareTypes());
    HEDDLE_RETURN_IF_ERROR(readFeatures());
    HEDDLE_RETURN_IF_ERROR(readLinks());
    HEDDLE_RETURN_IF_ERROR(addReverses());
    HEDDLE_RETURN_IF_ERROR(readLabels("label.dat", 0));
    HEDDLE_RETURN_IF_ERROR(readLabels("label.dat.test", 2));
    for (int64_t number : labels_.types()) {
      const NodeType &type = types_[number];
      HEDDLE_RETURN_IF_ERROR(
          labels_.write(builder_, number, type.handle, int64_t(type.ids.size())));
    }
    report();
    return absl::OkStatus();
  }

private:
  template <typename Visit>
  absl::Status forEachLine(const std::string &file, const std::string &what, const Visit &visit) {
    HEDDLE_ASSIGN_OR_RETURN(auto bytes, files_.open(file));
    LineReader reader(std::move(bytes), files_.place(file));
    int64_t total = files_.bytes(file);
    for (;;) {
      HEDDLE_ASSIGN_OR_RETURN(bool any, reader.next());
      if (!any)
        break;
      if ((reader.number() & 0xFF) == 0 && progress_)
        progress_(what, std::min(reader.position(), total), total);
      if (!reader.line().empty())
        HEDDLE_RETURN_IF_ERROR(visit(reader));
    }
    if (progress_)
      progress_(what, total, total);
    return absl::OkStatus();
  }

  absl::Status readInfo() {
    if (!files_.has("info.dat"))
      return absl::OkStatus();
    constexpr int64_t limit = int64_t(256) << 20;
    std::string place = files_.place("info.dat"), text;
    HEDDLE_ASSIGN_OR_RETURN(auto bytes, files_.open("info.dat"));
    std::vector<char> buffer(1 << 16);
    for (;;) {
      HEDDLE_ASSIGN_OR_RETURN(int64_t n, bytes->read(buffer.data(), int64_t(buffer.size())));
      if (n == 0)
        break;
      text.append(buffer.data(), size_t(n));
      if (int64_t(text.size()) > limit)
        return invalidArgument(place + ": is larger than 256 MiB; check that it holds names only");
    }
    HEDDLE_ASSIGN_OR_RETURN(info_, parseHgbInfo(text, place));
    if (info_.nodeTypes.empty() && info_.links.empty())
      builder_.count("info.dat gives no names of types and relations: numbers stand for them", 1);
    for (const auto &[type, name] : info_.nodeTypes)
      types_[type].name = name;
    return absl::OkStatus();
  }

  absl::StatusOr<NodeLine> parseNode(const LineReader &reader) const {
    FieldSplitter fields(reader.line(), '\t');
    std::string_view id, type;
    NodeLine node{};
    if (!fields.next(id) || !fields.next(node.name) || !fields.next(type))
      return reader.error("no node; expected id, name and type between tabs");
    fields.next(node.features);
    if (fields.more())
      return reader.error("more than four fields; a name must hold no tab");
    auto idNumber = wholeNumber(id, HgbNodes::maxId), typeNumber = wholeNumber(type, maxHgbNumber);
    if (!idNumber)
      return reader.error("the id '" + shownField(id) +
                          "' is no number of 0 to 2^48 - 1; correct it");
    if (!typeNumber)
      return reader.error("the type '" + shownField(type) + "' is no number of 0 to " +
                          std::to_string(maxHgbNumber) + "; correct it");
    if (findInvalidText(node.name) != std::string_view::npos)
      return reader.error("the name is not UTF-8; convert the file to UTF-8");
    node.id = *idNumber;
    node.type = *typeNumber;
    return node;
  }

  /// Calls visit(column, value) for every value that is not zero; gives the number of values.
  template <typename Visit>
  absl::StatusOr<int64_t> forEachValue(const LineReader &reader, std::string_view text,
                                       const Visit &visit) const {
    FieldSplitter values(text, ',');
    std::string_view value;
    int64_t column = 0;
    for (; values.next(value); ++column) {
      if (value == "0")
        continue;
      float number = 0;
      auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      // The smallest numbers of double precision are zero here.
      if (error == std::errc::result_out_of_range && value.find("e-") != std::string_view::npos)
        continue;
      if (error != std::errc() || end != value.data() + value.size() || !std::isfinite(number))
        return reader.error("feature " + std::to_string(column) + " is '" + shownField(value) +
                            "', no finite number; correct it");
      if (number != 0)
        visit(column, number);
    }
    return column;
  }

  absl::Status readNodes() {
    HEDDLE_RETURN_IF_ERROR(
        forEachLine("node.dat", "reading nodes", [&](const LineReader &reader) -> absl::Status {
          HEDDLE_ASSIGN_OR_RETURN(NodeLine node, parseNode(reader));
          if (!nodes_.ids.insert(std::to_string(node.id)).second)
            return reader.error("the id " + std::to_string(node.id) +
                                " stands twice; remove one line");
          NodeType &type = types_[node.type];
          int64_t row = int64_t(type.ids.size());
          nodes_.typeOf.push_back(int32_t(node.type));
          nodes_.rowOf.push_back(row);
          type.ids.push_back(node.id);
          type.names.emplace_back(node.name);
          HEDDLE_ASSIGN_OR_RETURN(
              int64_t width,
              forEachValue(reader, node.features, [&](int64_t, float) { ++type.nonZero; }));
          if (type.width >= 0 && width != type.width)
            return reader.error(std::to_string(width) + " features, and " +
                                std::to_string(type.width) + " on the nodes of type " +
                                std::to_string(node.type) + " before; a type has one width");
          type.width = width;
          return absl::OkStatus();
        }));
    if (nodes_.ids.size() == 0)
      return invalidArgument(files_.place("node.dat") + ": no node; check the file");
    return absl::OkStatus();
  }

  absl::Status declareTypes() {
    std::set<std::string> taken;
    for (auto &[number, type] : types_) {
      if (type.name.empty())
        type.name = "type" + std::to_string(number);
      if (!taken.insert(type.name).second)
        return invalidArgument(files_.place("info.dat") + ": two node types are named '" +
                               type.name + "'; rename one");
      HEDDLE_ASSIGN_OR_RETURN(type.handle,
                              builder_.addNodeType(type.name, int64_t(type.ids.size())));
      HEDDLE_RETURN_IF_ERROR(builder_.setInt64Ids(type.handle, type.ids));
      HEDDLE_RETURN_IF_ERROR(builder_.setDisplayNames(type.handle, type.names));
      std::vector<std::string>().swap(type.names);
    }
    return absl::OkStatus();
  }

  absl::Status readFeatures() {
    bool any = false;
    for (auto &[number, type] : types_) {
      if (type.width <= 0)
        continue;
      any = true;
      HEDDLE_ASSIGN_OR_RETURN(
          type.feature,
          type.sparse()
              ? builder_.addSparseFeature(type.handle, "attributes", type.width)
              : builder_.addDenseFeature(type.handle, "attributes", "float32", type.width));
    }
    if (!any)
      return absl::OkStatus();
    std::vector<int64_t> columns;
    std::vector<float> values;
    return forEachLine(
        "node.dat", "reading features", [&](const LineReader &reader) -> absl::Status {
          HEDDLE_ASSIGN_OR_RETURN(NodeLine node, parseNode(reader));
          auto it = types_.find(node.type);
          if (it == types_.end())
            return changed();
          const NodeType &type = it->second;
          if (type.feature < 0)
            return absl::OkStatus();
          bool sparse = type.sparse();
          columns.clear();
          values.assign(sparse ? 0 : size_t(type.width), 0);
          bool outside = false;
          HEDDLE_ASSIGN_OR_RETURN(
              int64_t width, forEachValue(reader, node.features, [&](int64_t column, float value) {
                if (column >= type.width) {
                  outside = true;
                } else if (sparse) {
                  columns.push_back(column);
                  values.push_back(value);
                } else {
                  values[size_t(column)] = value;
                }
              }));
          if (outside || width != type.width)
            return changed();
          return sparse ? builder_.appendSparseRow(type.feature, columns, values)
                        : builder_.appendDenseRows(type.feature, values.data(), 1);
        });
  }

  absl::Status changed() const {
    return failedPrecondition(files_.place("node.dat") +
                              ": changed while it was read; import it again");
  }

  /// The relation `number` between these types.
  absl::StatusOr<Relation *> relationOf(int64_t number, int64_t source, int64_t destination) {
    auto [it, isNew] = relations_.try_emplace({number, source, destination});
    Relation &relation = it->second;
    if (!isNew)
      return &relation;
    auto named = info_.links.find(number);
    relation.name = named != info_.links.end() && !named->second.name.empty()
                        ? named->second.name
                        : "link" + std::to_string(number);
    relation.source = source;
    relation.destination = destination;
    const std::string &from = types_[source].name, &to = types_[destination].name;
    // Two relations may have been given one name.
    if (!triples_.insert({from, relation.name, to}).second) {
      relation.name += "." + std::to_string(number);
      triples_.insert({from, relation.name, to});
    }
    HEDDLE_ASSIGN_OR_RETURN(relation.handle, builder_.addRelation(from, relation.name, to));
    return &relation;
  }

  absl::Status declareLinks() {
    for (const auto &[number, link] : info_.links) {
      if (link.source < 0 || link.destination < 0)
        continue;
      for (int64_t type : {link.source, link.destination})
        if (!types_.count(type))
          return invalidArgument(files_.place("info.dat") + ": link type " +
                                 std::to_string(number) + ": node type " + std::to_string(type) +
                                 " is neither in info.dat nor in node.dat; correct the number");
      // Without a link, too: the schema has the relation.
      HEDDLE_RETURN_IF_ERROR(relationOf(number, link.source, link.destination).status());
    }
    return absl::OkStatus();
  }

  absl::Status readLinks() {
    HEDDLE_RETURN_IF_ERROR(declareLinks());
    HEDDLE_RETURN_IF_ERROR(forEachLine("link.dat", "reading links",
                                       [&](const LineReader &reader) { return addLink(reader); }));
    for (auto &[key, relation] : relations_) {
      HEDDLE_RETURN_IF_ERROR(relation.edges.flush(builder_, relation.handle));
      HEDDLE_RETURN_IF_ERROR(flushWeights(relation));
    }
    return absl::OkStatus();
  }

  absl::Status flushWeights(Relation &relation) {
    if (relation.weights.empty())
      return absl::OkStatus();
    absl::Status status = builder_.appendDenseRows(relation.weight, relation.weights.data(),
                                                   int64_t(relation.weights.size()));
    relation.weights.clear();
    return status;
  }

  /// The weight of the edge that the relation counts next. Those before the first that is not 1 are
  /// all 1.
  absl::Status addWeight(Relation &relation, float weight) {
    constexpr size_t block = 4096;
    if (relation.weight < 0) {
      if (weight == 1)
        return absl::OkStatus();
      HEDDLE_ASSIGN_OR_RETURN(relation.weight,
                              builder_.addEdgeFeature(relation.handle, "weight", "float32", 1));
      ++weightedRelations_;
      for (int64_t left = relation.count; left > 0;) {
        relation.weights.assign(size_t(std::min<int64_t>(left, block)), 1.0f);
        left -= int64_t(relation.weights.size());
        HEDDLE_RETURN_IF_ERROR(flushWeights(relation));
      }
    }
    relation.weights.push_back(weight);
    return relation.weights.size() >= block ? flushWeights(relation) : absl::OkStatus();
  }

  absl::Status addLink(const LineReader &reader) {
    FieldSplitter fields(reader.line(), '\t');
    std::string_view text[3], weight;
    for (std::string_view &field : text)
      if (!fields.next(field))
        return reader.error(
            "no link; expected source, destination, relation and weight between tabs");
    bool hasWeight = fields.next(weight);
    if (fields.more())
      return reader.error("more than four fields; expected source, destination, relation, weight");
    auto number = wholeNumber(text[2], maxHgbNumber);
    if (!number)
      return reader.error("the relation '" + shownField(text[2]) + "' is no number of 0 to " +
                          std::to_string(maxHgbNumber) + "; correct it");
    float value = 1;
    if (hasWeight) {
      auto [end, error] = std::from_chars(weight.data(), weight.data() + weight.size(), value);
      if (error != std::errc() || end != weight.data() + weight.size() || !std::isfinite(value))
        return reader.error("the weight '" + shownField(weight) +
                            "' is no finite number; correct it");
      ++weights_;
    }
    int64_t node[2];
    for (int i = 0; i < 2; ++i)
      if ((node[i] = nodes_.find(text[i])) < 0) {
        if (options_.skipErrors) {
          ++skippedLinks_;
          return absl::OkStatus();
        }
        return reader.error("node '" + shownField(text[i]) +
                            "' is not in node.dat; remove the link, or pass --on-error=skip to "
                            "leave such links out");
      }
    int64_t source = nodes_.typeOf[size_t(node[0])], destination = nodes_.typeOf[size_t(node[1])];
    if (auto it = info_.links.find(*number); it != info_.links.end()) {
      const HgbInfo::Link &link = it->second;
      if ((link.source >= 0 && link.source != source) ||
          (link.destination >= 0 && link.destination != destination))
        return reader.error("a link of relation " + std::to_string(*number) +
                            " from a node of type " + std::to_string(source) + " to one of type " +
                            std::to_string(destination) + ", and info.dat says from " +
                            std::to_string(link.source) + " to " +
                            std::to_string(link.destination) + "; correct one of them");
    }
    HEDDLE_ASSIGN_OR_RETURN(Relation * relation, relationOf(*number, source, destination));
    HEDDLE_RETURN_IF_ERROR(addWeight(*relation, value));
    ++relation->count;
    relation->forward += edgeHash(node[0], node[1]);
    relation->backward += edgeHash(node[1], node[0]);
    return relation->edges.add(builder_, relation->handle, nodes_.rowOf[size_t(node[0])],
                               nodes_.rowOf[size_t(node[1])]);
  }

  absl::Status addReverses() {
    if (!options_.reverse)
      return absl::OkStatus();
    auto reverses = [](const Relation &a, const Relation &b) {
      return a.count > 0 && a.count == b.count && a.source == b.destination &&
             a.destination == b.source && a.forward == b.backward;
    };
    for (auto &[key, relation] : relations_) {
      bool reversed = false;
      for (const auto &[otherKey, other] : relations_)
        reversed = reversed || reverses(relation, other);
      reversed_ += reversed;
      if (reversed)
        continue;
      std::string name = "rev_" + relation.name;
      const std::string &from = types_[relation.destination].name,
                        &to = types_[relation.source].name;
      while (!triples_.insert({from, name, to}).second)
        name += "_";
      HEDDLE_RETURN_IF_ERROR(builder_.addReverse(relation.handle, name));
    }
    return absl::OkStatus();
  }

  absl::Status readLabels(const std::string &file, int part) {
    if (!files_.has(file)) {
      builder_.count(file + " is not there: no labels from it", 1);
      return absl::OkStatus();
    }
    return forEachLine(file, "reading labels",
                       [&](const LineReader &reader) { return labels_.addLine(reader, part); });
  }

  void report() {
    auto count = [&](const char *what, int64_t n) {
      if (n > 0)
        builder_.count(what, n);
    };
    count("link weights left out, all of them 1", weightedRelations_ == 0 ? weights_ : 0);
    count("relations with an edge feature \"weight\": not all of their links have weight 1",
          weightedRelations_);
    count("relations without a reverse view: the file has their reverse", reversed_);
    count("links skipped: no such node", skippedLinks_);
    count("label rows skipped: no such node", labels_.skipped());
  }

  FileSet &files_;
  const HgbOptions &options_;
  graph::GraphBuilder &builder_;
  const ProgressFunction &progress_;
  HgbInfo info_;
  HgbNodes nodes_;
  std::map<int64_t, NodeType> types_;
  std::map<std::tuple<int64_t, int64_t, int64_t>, Relation> relations_;
  std::set<std::tuple<std::string, std::string, std::string>> triples_;
  HgbLabels labels_{nodes_, info_, options_.carve, options_.skipErrors};
  int64_t weights_ = 0, weightedRelations_ = 0, reversed_ = 0, skippedLinks_ = 0;
};

} // namespace

absl::Status importHgb(FileSet &files, const HgbOptions &options, graph::GraphBuilder &builder,
                       const ProgressFunction &progress) {
  return Importer(files, options, builder, progress).run();
}

} // namespace heddle::importing
