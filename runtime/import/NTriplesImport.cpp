//===- NTriplesImport.cpp - RDF in N-Triples as a graph --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/NTriplesImport.h"

#include "runtime/base/FileError.h"
#include "runtime/base/Suggest.h"
#include "runtime/import/EdgeBuffer.h"
#include "runtime/import/IdMap.h"
#include "runtime/import/Lines.h"
#include "runtime/import/NTriples.h"
#include "runtime/import/ShortNames.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include <sys/stat.h>

namespace heddle::importing {

namespace {

constexpr const char *kRdfType = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
constexpr const char *kOneType = "node", *kLiteralType = "literal", *kUntyped = "untyped";
/// What a graph directory can hold of each: more are an error with a remedy here.
constexpr size_t kMaxNodeTypes = 65535, kMaxRelations = 65535;

/// A file, or a text in its place.
struct Source {
  std::string name;
  std::function<absl::StatusOr<std::unique_ptr<ByteSource>>()> open;
  int64_t bytes = 0; ///< that position() goes up to
};

class Importer {
public:
  Importer(const NTriplesOptions &options, std::vector<Source> sources,
           graph::GraphBuilder &builder, const ProgressFunction &progress)
      : options_(options), sources_(std::move(sources)), builder_(builder), progress_(progress) {}

  absl::Status run() {
    HEDDLE_RETURN_IF_ERROR(forEachTriple("reading nodes", true,
                                         [&](const Triple &triple) { return addNodes(triple); }));
    HEDDLE_RETURN_IF_ERROR(checkFound());
    if (options_.labels.any()) {
      HEDDLE_ASSIGN_OR_RETURN(labels_, EntityLabels::read(
                                           options_.labels, options_.carve,
                                           [&](std::string_view id) { return nodes_.find(id); },
                                           options_.skipErrors));
    }
    HEDDLE_RETURN_IF_ERROR(declareTypes());
    nameRelations();
    HEDDLE_RETURN_IF_ERROR(forEachTriple("reading edges", false,
                                         [&](const Triple &triple) { return addEdge(triple); }));
    for (Relation &relation : relations_)
      HEDDLE_RETURN_IF_ERROR(relation.edges.flush(builder_, relation.handle));
    HEDDLE_RETURN_IF_ERROR(addLabels());
    report();
    return absl::OkStatus();
  }

private:
  struct Relation {
    int handle = -1;
    EdgeBuffer edges;
  };

  template <typename Visit>
  absl::Status forEachTriple(const char *what, bool counts, const Visit &visit) {
    TripleParser parser;
    Triple triple;
    int64_t total = 0, before = 0, lines = 0;
    for (const Source &source : sources_)
      total += source.bytes;
    for (size_t file = 0; file < sources_.size(); ++file) {
      const Source &source = sources_[file];
      HEDDLE_ASSIGN_OR_RETURN(auto bytes, source.open());
      LineReader reader(std::move(bytes), source.name);
      for (;;) {
        HEDDLE_ASSIGN_OR_RETURN(bool any, reader.next());
        if (!any)
          break;
        if ((++lines & 0xFFF) == 0 && progress_)
          progress_(what, std::min(before + reader.position(), total), total);
        TripleParser::Line line = parser.parse(reader.line(), triple);
        if (line == TripleParser::Line::Nothing)
          continue;
        if (line == TripleParser::Line::Malformed) {
          if (!options_.skipErrors) {
            std::string at = parser.column() > 0 ? " near column " + std::to_string(parser.column())
                                                 : std::string();
            return reader.error("no N-Triples" + at + ": " + parser.problem() +
                                "; correct the line, or pass --on-error=skip to leave such lines "
                                "out");
          }
          malformed_ += counts;
          continue;
        }
        if (sources_.size() > 1) {
          qualify(triple.subject, file);
          qualify(triple.object, file);
        }
        HEDDLE_RETURN_IF_ERROR(visit(triple));
      }
      before += source.bytes;
    }
    if (progress_)
      progress_(what, total, total);
    return absl::OkStatus();
  }

  /// Blank nodes of two files are different nodes.
  void qualify(std::string &term, size_t file) const {
    if (isBlank(term))
      term = "_:" + sources_[file].name.substr(sources_[file].name.rfind('/') + 1) + "/" +
             term.substr(2);
  }

  enum class Kept { Yes, Literal, Dropped };
  Kept kept(const Triple &triple) const {
    if (dropped_.count(triple.predicate))
      return Kept::Dropped;
    return !options_.literals && isLiteral(triple.object) ? Kept::Literal : Kept::Yes;
  }

  absl::Status addNodes(const Triple &triple) {
    ++triples_;
    int64_t subject = nodes_.insert(triple.subject).first;
    if (triple.predicate == kRdfType && options_.typesByRdf) {
      // A class without a name of its own cannot name a node type.
      if (isBlank(triple.object) || isLiteral(triple.object))
        ++namelessClasses_;
      else
        typeTriples_.push_back({subject, classes_.insert(triple.object).first});
    }
    Kept keep = kept(triple);
    if (keep == Kept::Dropped) {
      ++droppedEdges_;
      foundDropped_.insert(triple.predicate);
      return absl::OkStatus();
    }
    seenPredicates_.insert(triple.predicate);
    if (keep == Kept::Literal) {
      ++literalEdges_;
      return absl::OkStatus();
    }
    nodes_.insert(triple.object);
    predicates_.insert(triple.predicate);
    return absl::OkStatus();
  }

  absl::Status checkFound() const {
    std::string name = sources_.size() == 1 ? sources_[0].name
                                            : sources_[0].name + " and " +
                                                  std::to_string(sources_.size() - 1) + " more";
    if (triples_ == 0)
      return invalidArgument(name + ": no triple at all; check that the file is N-Triples");
    for (const std::string &iri : options_.dropRelations) {
      if (foundDropped_.count(iri))
        continue;
      std::vector<std::string> known = seenPredicates_.allStrings();
      std::string hint = suggestion(iri, known);
      // The short name is what reports and specs say.
      for (const std::string &predicate : known)
        if (predicate.size() > iri.size() &&
            predicate.compare(predicate.size() - iri.size(), iri.size(), iri) == 0 &&
            std::string_view("#/:").find(predicate[predicate.size() - iri.size() - 1]) !=
                std::string_view::npos)
          hint = "; did you mean '" + predicate + "'?";
      return invalidArgument(name + ": --drop-relation: no triple has the predicate '" + iri + "'" +
                             hint);
    }
    return absl::OkStatus();
  }

  /// Gives every node its type (an index into typeNames_) and its row there.
  absl::Status declareTypes() {
    size_t count = size_t(nodes_.size());
    typeOf_.assign(count, -1);
    std::set<std::string> taken;
    if (!options_.labelType.empty())
      taken.insert(options_.labelType);
    for (const char *name : {kOneType, kLiteralType, kUntyped})
      if (name == options_.labelType)
        return invalidArgument("--label-type: '" + options_.labelType +
                               "' is what other nodes are called; choose another name");
    auto addType = [&](const std::string &name) {
      typeNames_.push_back(name);
      return int32_t(typeNames_.size()) - 1;
    };
    if (!options_.labelType.empty() && options_.labels.any()) {
      int32_t type = addType(options_.labelType);
      for (const EntityLabels::Entry &entry : labels_.entries)
        typeOf_[size_t(entry.node)] = type;
    }
    if (options_.typesByRdf)
      HEDDLE_RETURN_IF_ERROR(typeByRdf(taken, addType));
    int32_t rest = -1, literal = -1;
    for (size_t node = 0; node < count; ++node) {
      if (typeOf_[node] >= 0)
        continue;
      bool isOther = options_.typesByRdf && isLiteral(nodes_.idOf(int64_t(node)));
      int32_t &type = isOther ? literal : rest;
      if (type < 0)
        type = addType(isOther ? kLiteralType : options_.typesByRdf ? kUntyped : kOneType);
      typeOf_[node] = type;
      untyped_ += options_.typesByRdf && !isOther;
    }
    std::vector<std::vector<std::string>> ids(typeNames_.size());
    rowOf_.resize(count);
    for (size_t node = 0; node < count; ++node) {
      auto &list = ids[size_t(typeOf_[node])];
      rowOf_[node] = int64_t(list.size());
      list.push_back(nodes_.idOf(int64_t(node)));
    }
    for (size_t type = 0; type < typeNames_.size(); ++type) {
      HEDDLE_ASSIGN_OR_RETURN(int handle,
                              builder_.addNodeType(typeNames_[type], int64_t(ids[type].size())));
      HEDDLE_RETURN_IF_ERROR(builder_.setStringIds(handle, ids[type]));
      std::vector<std::string>().swap(ids[type]);
      handles_.push_back(handle);
    }
    return absl::OkStatus();
  }

  template <typename AddType>
  absl::Status typeByRdf(std::set<std::string> taken, const AddType &addType) {
    taken.insert({kLiteralType, kUntyped});
    std::sort(typeTriples_.begin(), typeTriples_.end());
    typeTriples_.erase(std::unique(typeTriples_.begin(), typeTriples_.end()), typeTriples_.end());
    std::vector<int64_t> members(size_t(classes_.size()), 0);
    for (const auto &pair : typeTriples_)
      ++members[size_t(pair.second)];
    std::vector<std::string> iris = classes_.allStrings();
    auto rarer = [&](int64_t a, int64_t b) {
      return std::tie(members[size_t(a)], iris[size_t(a)]) <
             std::tie(members[size_t(b)], iris[size_t(b)]);
    };
    std::vector<int64_t> chosen(size_t(nodes_.size()), -1);
    for (size_t i = 0; i < typeTriples_.size(); ++i) {
      auto [node, type] = typeTriples_[i];
      int64_t &best = chosen[size_t(node)];
      // Counted once a node, at its second type.
      severalTypes_ += i > 0 && typeTriples_[i - 1].first == node &&
                       (i == 1 || typeTriples_[i - 2].first != node);
      if (best < 0 || rarer(type, best))
        best = type;
    }
    std::vector<std::pair<int64_t, int64_t>>().swap(typeTriples_);
    std::set<int64_t> used;
    for (size_t node = 0; node < chosen.size(); ++node)
      if (typeOf_[node] < 0 && chosen[node] >= 0)
        used.insert(chosen[node]);
    if (used.size() + 3 > kMaxNodeTypes)
      return invalidArgument(sources_[0].name + ": nodes are of " + std::to_string(used.size()) +
                             " rdf:types, and a graph can have 65535; use --types=one");
    std::vector<std::string> usedIris;
    for (int64_t type : used)
      usedIris.push_back(iris[size_t(type)]);
    std::vector<std::string> names = shortNames(usedIris, taken);
    std::vector<int32_t> typeIndex(size_t(classes_.size()), -1);
    size_t next = 0;
    for (int64_t type : used)
      typeIndex[size_t(type)] = addType(names[next++]);
    for (size_t node = 0; node < chosen.size(); ++node)
      if (typeOf_[node] < 0 && chosen[node] >= 0)
        typeOf_[node] = typeIndex[size_t(chosen[node])];
    return absl::OkStatus();
  }

  void nameRelations() { relationNames_ = shortNames(predicates_.allStrings()); }

  absl::Status addEdge(const Triple &triple) {
    if (kept(triple) != Kept::Yes)
      return absl::OkStatus();
    int64_t subject = nodes_.find(triple.subject), object = nodes_.find(triple.object);
    int64_t predicate = predicates_.find(triple.predicate);
    if (subject < 0 || object < 0 || predicate < 0)
      return failedPrecondition(sources_[0].name +
                                ": the files changed while they were read; import them again");
    int32_t from = typeOf_[size_t(subject)], to = typeOf_[size_t(object)];
    auto [it, isNew] =
        relationOf_.emplace(std::make_tuple(from, int32_t(predicate), to), relations_.size());
    if (isNew) {
      if (relations_.size() * (options_.reverse ? 2 : 1) >= kMaxRelations)
        return invalidArgument(sources_[0].name + ": more relations between the node types than a "
                                                  "graph can have (65535 with reverse views); use "
                                                  "--types=one or --no-reverse");
      const std::string &name = relationNames_[size_t(predicate)];
      Relation relation;
      HEDDLE_ASSIGN_OR_RETURN(relation.handle, builder_.addRelation(typeNames_[size_t(from)], name,
                                                                    typeNames_[size_t(to)]));
      HEDDLE_RETURN_IF_ERROR(builder_.setDropDuplicates(relation.handle, true));
      if (options_.reverse)
        HEDDLE_RETURN_IF_ERROR(builder_.addReverse(relation.handle, "rev_" + name));
      relations_.push_back(std::move(relation));
    }
    Relation &relation = relations_[it->second];
    return relation.edges.add(builder_, relation.handle, rowOf_[size_t(subject)],
                              rowOf_[size_t(object)]);
  }

  absl::Status addLabels() {
    for (size_t type = 0; type < typeNames_.size(); ++type) {
      std::vector<int32_t> classOfNode;
      SplitParts parts;
      for (const EntityLabels::Entry &entry : labels_.entries) {
        if (typeOf_[size_t(entry.node)] != int32_t(type))
          continue;
        if (classOfNode.empty())
          classOfNode.assign(size_t(std::count(typeOf_.begin(), typeOf_.end(), int32_t(type))), -1);
        classOfNode[size_t(rowOf_[size_t(entry.node)])] = entry.label;
        if (entry.part >= 0)
          parts.part[entry.part].push_back(rowOf_[size_t(entry.node)]);
      }
      if (classOfNode.empty())
        continue;
      ++labelledTypes_;
      HEDDLE_ASSIGN_OR_RETURN(
          int label, builder_.addLabel(handles_[type], labels_.name, labels_.classes, classOfNode));
      HEDDLE_RETURN_IF_ERROR(builder_.addSplit(label, labels_.split, std::move(parts.part[0]),
                                               std::move(parts.part[1]), std::move(parts.part[2])));
    }
    return absl::OkStatus();
  }

  void report() {
    auto count = [&](const char *what, int64_t n) {
      if (n > 0)
        builder_.count(what, n);
    };
    count("triples read", triples_);
    count("lines skipped: no N-Triples", malformed_);
    count("triples without an edge: literal object (--literals=drop)", literalEdges_);
    count("triples without an edge: --drop-relation", droppedEdges_);
    count("nodes with several rdf:types, typed by the rarest", severalTypes_);
    count("nodes without rdf:type, of type 'untyped'", untyped_);
    count("rdf:types that are blank nodes or literals, not used as types", namelessClasses_);
    count("label rows skipped: no such node", labels_.skipped);
    if (labelledTypes_ > 1)
      count("node types that share the label (--label-type NAME makes them one type)",
            labelledTypes_);
  }

  const NTriplesOptions &options_;
  std::vector<Source> sources_;
  graph::GraphBuilder &builder_;
  const ProgressFunction &progress_;
  std::set<std::string, std::less<>> dropped_{options_.dropRelations.begin(),
                                              options_.dropRelations.end()};
  std::set<std::string> foundDropped_;

  IdMap nodes_, predicates_, seenPredicates_, classes_;
  std::vector<std::pair<int64_t, int64_t>> typeTriples_; ///< node, class
  EntityLabels labels_;
  std::vector<std::string> typeNames_, relationNames_;
  std::vector<int> handles_;
  std::vector<int32_t> typeOf_; ///< by node
  std::vector<int64_t> rowOf_;  ///< by node, within its type
  std::map<std::tuple<int32_t, int32_t, int32_t>, size_t> relationOf_;
  std::vector<Relation> relations_;
  int64_t triples_ = 0, malformed_ = 0, literalEdges_ = 0, droppedEdges_ = 0, severalTypes_ = 0,
          untyped_ = 0, namelessClasses_ = 0, labelledTypes_ = 0;
};

bool isNTriplesName(const std::string &name) {
  auto ends = [&](std::string_view end) {
    return name.size() > end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
  };
  return ends(".nt") || ends(".nt.gz");
}

} // namespace

absl::Status findNTriples(const std::string &source, NTriplesOptions &options) {
  namespace fs = std::filesystem;
  struct stat info{};
  if (stat(source.c_str(), &info) != 0)
    return cannotOpen(source, errno);
  if (!S_ISDIR(info.st_mode)) {
    options.files = {source};
    return absl::OkStatus();
  }
  std::error_code error;
  fs::directory_iterator entries(source, error);
  if (error)
    return notFound(source + ": " + error.message() + "; check its permissions");
  options.files.clear();
  for (const fs::directory_entry &entry : entries)
    if (isNTriplesName(entry.path().filename().string()))
      options.files.push_back(entry.path().string());
  std::sort(options.files.begin(), options.files.end());
  if (options.files.empty())
    return notFound(source +
                    ": no *.nt and no *.nt.gz in the folder; name a file or another folder");
  if (options.labels.any())
    return absl::OkStatus();
  auto take = [&](const char *name, std::string &to) {
    std::string path = source + "/" + name;
    if (stat(path.c_str(), &info) == 0)
      to = path;
  };
  take("trainingSet.tsv", options.labels.train);
  take("testSet.tsv", options.labels.test);
  take("completeDataset.tsv", options.labels.all);
  return absl::OkStatus();
}

absl::Status importNTriples(const NTriplesOptions &options, graph::GraphBuilder &builder,
                            const ProgressFunction &progress) {
  std::vector<Source> sources;
  for (const std::string &path : options.files) {
    struct stat info{};
    int64_t bytes = stat(path.c_str(), &info) == 0 ? int64_t(info.st_size) : 0;
    sources.push_back({path, [path] { return openBytes(path); }, bytes});
  }
  return Importer(options, std::move(sources), builder, progress).run();
}

absl::Status importNTriplesText(const NTriplesOptions &options,
                                const std::vector<std::pair<std::string, std::string>> &texts,
                                graph::GraphBuilder &builder) {
  std::vector<Source> sources;
  for (const auto &[name, text] : texts)
    sources.push_back(
        {name,
         [&text = text] { return absl::StatusOr<std::unique_ptr<ByteSource>>(bytesOf(text)); },
         int64_t(text.size())});
  ProgressFunction none;
  return Importer(options, std::move(sources), builder, none).run();
}

} // namespace heddle::importing
