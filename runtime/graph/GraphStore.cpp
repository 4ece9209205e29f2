//===- GraphStore.cpp - the arrays of a graph directory, mapped --*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/graph/GraphStore.h"

#include "runtime/base/Checksum.h"
#include "runtime/base/Npy.h"
#include "runtime/base/Suggest.h"

#include <algorithm>
#include <deque>

namespace heddle::graph {

namespace {

/// Text per row: offsets into bytes.
struct StringColumn {
  std::string_view bytes;
  const int64_t *offsets = nullptr;
  int64_t rows = 0;

  std::string at(int64_t row) const {
    if (!offsets || row < 0 || row >= rows)
      return {};
    int64_t begin = offsets[row], end = offsets[row + 1];
    if (begin < 0 || begin > end || end > static_cast<int64_t>(bytes.size()))
      return {};
    return std::string(bytes.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
  }
};

struct Feature {
  DenseFeatureView dense;
  SparseFeatureView sparse;
};

struct NodeType {
  const int64_t *int64Ids = nullptr;
  StringColumn ids, display;
  std::vector<Feature> features;
  std::vector<LabelView> labels;
  std::vector<std::vector<SplitView>> splits; ///< [label][split]
};

class MappedGraphStore final : public GraphStore {
public:
  absl::Status load(const std::string &directory, bool verify);

  const RelationView &relation(int relationId) const override {
    return relations_[static_cast<size_t>(relationId)];
  }
  absl::StatusOr<DenseFeatureView> denseFeature(int nodeType,
                                                const std::string &name) const override;
  absl::StatusOr<SparseFeatureView> sparseFeature(int nodeType,
                                                  const std::string &name) const override;
  absl::StatusOr<DenseFeatureView> denseEdgeFeature(int relationId,
                                                    const std::string &name) const override;
  absl::StatusOr<LabelView> label(int nodeType, const std::string &name) const override;
  absl::StatusOr<SplitView> split(int nodeType, const std::string &label,
                                  const std::string &split) const override;
  std::string originalId(int nodeType, int64_t row) const override;
  std::string displayName(int nodeType, int64_t row) const override;

private:
  std::string place(const std::string &file) const { return schema_.directory + "/" + file; }
  absl::Status checkEntry(const std::string &file, const MappedFile &mapped);
  absl::StatusOr<const NpyArray *> openArray(const std::string &what, const std::string &file);
  absl::StatusOr<const int64_t *> openIndptr(const std::string &what, const std::string &file,
                                             int64_t rows, int64_t total);
  absl::StatusOr<IndexArray> openIndices(const std::string &what, const std::string &file,
                                         int64_t count, int64_t bound);
  template <typename T>
  absl::StatusOr<const T *> openPlain(const std::string &what, const std::string &file,
                                      const std::string &dtype, const std::vector<int64_t> &shape);
  absl::StatusOr<StringColumn> openStrings(const std::string &what, const std::string &bytes,
                                           const std::string &offsets, int64_t rows);
  absl::StatusOr<const int64_t *> openPart(const std::string &what, const std::string &file,
                                           int64_t count, int64_t bound);
  absl::Status loadNodeType(const NodeTypeSchema &type);
  absl::Status loadRelation(const RelationSchema &schema, RelationView &view);
  absl::Status loadEdgeFeatures(const RelationSchema &schema, std::vector<DenseFeatureView> &views);

  absl::StatusOr<const NodeTypeSchema *> typeOf(int nodeType) const;
  absl::StatusOr<size_t> featureIndex(int nodeType, const std::string &name,
                                      FeatureKind kind) const;
  absl::StatusOr<size_t> labelIndex(int nodeType, const std::string &name) const;

  bool verify_ = false;
  std::deque<NpyArray> arrays_;   // views point into these
  std::deque<MappedFile> blobs_;
  std::vector<NodeType> types_;
  std::vector<RelationView> relations_;
  std::vector<std::vector<DenseFeatureView>> edgeFeatures_; ///< [stored relation][feature]
};

//===----------------------------------------------------------------------===//
// Opening arrays
//===----------------------------------------------------------------------===//

absl::Status MappedGraphStore::checkEntry(const std::string &file, const MappedFile &mapped) {
  auto entry = schema_.files.find(file);
  if (entry == schema_.files.end())
    return invalidArgument(schema_.directory + "/graph.json: /files: '" + file +
                           "' is used but not listed; import again");
  if (entry->second.bytes != mapped.size())
    return invalidArgument(place(file) + ": has " + std::to_string(mapped.size()) +
                           " bytes, graph.json says " + std::to_string(entry->second.bytes) +
                           "; the copy is incomplete, or import again");
  if (!verify_)
    return absl::OkStatus();
  mapped.advise(MappedFile::Advice::Sequential);
  uint64_t sum = checksumOf(mapped.data(), static_cast<size_t>(mapped.size()));
  mapped.advise(MappedFile::Advice::Normal);
  if (checksumHex(sum) != entry->second.checksum)
    return invalidArgument(place(file) + ": checksum " + checksumHex(sum) + ", graph.json says " +
                           entry->second.checksum + "; the file is damaged, import again");
  return absl::OkStatus();
}

absl::StatusOr<const NpyArray *> MappedGraphStore::openArray(const std::string &what,
                                                             const std::string &file) {
  if (file.empty())
    return invalidArgument(schema_.directory + "/graph.json: " + what +
                           ": no array is named; this schema was not written by heddle-import");
  HEDDLE_ASSIGN_OR_RETURN(NpyArray array, NpyArray::open(place(file)));
  if (!array.isAligned())
    return invalidArgument(place(file) + ": the data begins at byte " +
                           std::to_string(array.header().dataOffset) +
                           ", which is no multiple of 8; import again");
  HEDDLE_RETURN_IF_ERROR(checkEntry(file, array.file()));
  arrays_.push_back(std::move(array));
  return &arrays_.back();
}

template <typename T>
absl::StatusOr<const T *> MappedGraphStore::openPlain(const std::string &what,
                                                      const std::string &file,
                                                      const std::string &dtype,
                                                      const std::vector<int64_t> &shape) {
  HEDDLE_ASSIGN_OR_RETURN(const NpyArray *array, openArray(what, file));
  HEDDLE_RETURN_IF_ERROR(array->expect(dtype, shape));
  return array->as<T>();
}

absl::StatusOr<const int64_t *> MappedGraphStore::openIndptr(const std::string &what,
                                                             const std::string &file, int64_t rows,
                                                             int64_t total) {
  HEDDLE_ASSIGN_OR_RETURN(const int64_t *ptr,
                          openPlain<int64_t>(what, file, "int64", {rows + 1}));
  if (ptr[0] != 0 || ptr[rows] != total)
    return invalidArgument(place(file) + ": runs from " + std::to_string(ptr[0]) + " to " +
                           std::to_string(ptr[rows]) + ", expected 0 to " + std::to_string(total) +
                           "; import again");
  for (int64_t i = 0; verify_ && i < rows; ++i)
    if (ptr[i] > ptr[i + 1])
      return invalidArgument(place(file) + ": element " + std::to_string(i + 1) +
                             " is smaller than the one before; import again");
  return ptr;
}

absl::StatusOr<IndexArray> MappedGraphStore::openIndices(const std::string &what,
                                                         const std::string &file, int64_t count,
                                                         int64_t bound) {
  HEDDLE_ASSIGN_OR_RETURN(const NpyArray *array, openArray(what, file));
  bool narrow = array->dtype() == "int32";
  HEDDLE_RETURN_IF_ERROR(array->expect(narrow ? "int32" : "int64", {count}));
  IndexArray indices;
  indices.i32 = narrow ? array->as<int32_t>() : nullptr;
  indices.i64 = narrow ? nullptr : array->as<int64_t>();
  indices.size = count;
  for (int64_t i = 0; verify_ && i < count; ++i)
    if (indices[i] < 0 || indices[i] >= bound)
      return invalidArgument(place(file) + ": element " + std::to_string(i) + " is " +
                             std::to_string(indices[i]) + ", expected 0 to " +
                             std::to_string(bound - 1) + "; import again");
  return indices;
}

absl::StatusOr<StringColumn> MappedGraphStore::openStrings(const std::string &what,
                                                           const std::string &bytes,
                                                           const std::string &offsets,
                                                           int64_t rows) {
  if (bytes.empty())
    return invalidArgument(schema_.directory + "/graph.json: " + what +
                           ": no array is named; this schema was not written by heddle-import");
  HEDDLE_ASSIGN_OR_RETURN(MappedFile blob, MappedFile::open(place(bytes)));
  HEDDLE_RETURN_IF_ERROR(checkEntry(bytes, blob));
  StringColumn column;
  HEDDLE_ASSIGN_OR_RETURN(column.offsets, openIndptr(what + " offsets", offsets, rows, blob.size()));
  column.bytes = blob.text();
  column.rows = rows;
  blobs_.push_back(std::move(blob));
  return column;
}

absl::StatusOr<const int64_t *> MappedGraphStore::openPart(const std::string &what,
                                                           const std::string &file, int64_t count,
                                                           int64_t bound) {
  HEDDLE_ASSIGN_OR_RETURN(const int64_t *ids, openPlain<int64_t>(what, file, "int64", {count}));
  for (int64_t i = 0; verify_ && i < count; ++i)
    if (ids[i] < 0 || ids[i] >= bound || (i > 0 && ids[i] <= ids[i - 1]))
      return invalidArgument(place(file) + ": element " + std::to_string(i) + " is " +
                             std::to_string(ids[i]) + "; expected ascending ids below " +
                             std::to_string(bound) + "; import again");
  return ids;
}

absl::Status MappedGraphStore::loadNodeType(const NodeTypeSchema &type) {
  NodeType out;
  int64_t n = type.numNodes;
  std::string what = "node type '" + type.name + "'";
  if (type.idsKind == "int64") {
    HEDDLE_ASSIGN_OR_RETURN(out.int64Ids,
                            openPlain<int64_t>(what + " ids", type.idsFile, "int64", {n}));
  } else if (type.idsKind == "string") {
    HEDDLE_ASSIGN_OR_RETURN(out.ids,
                            openStrings(what + " ids", type.idsFile, type.idsOffsetsFile, n));
  }
  if (!type.displayFile.empty()) {
    HEDDLE_ASSIGN_OR_RETURN(out.display, openStrings(what + " display names", type.displayFile,
                                                     type.displayOffsetsFile, n));
  }
  for (const FeatureSchema &schema : type.features) {
    Feature feature;
    std::string name = what + " feature '" + schema.name + "'";
    if (schema.kind == FeatureKind::Dense) {
      HEDDLE_ASSIGN_OR_RETURN(const NpyArray *array, openArray(name, schema.file));
      HEDDLE_RETURN_IF_ERROR(array->expect(schema.dtype, {n, schema.dim}));
      feature.dense = {array->data(), schema.dtype, n, schema.dim, place(schema.file),
                       array->header().dataOffset};
    } else {
      SparseFeatureView &sparse = feature.sparse;
      HEDDLE_ASSIGN_OR_RETURN(sparse.indptr,
                              openIndptr(name + " indptr", schema.indptrFile, n, schema.nnz));
      HEDDLE_ASSIGN_OR_RETURN(sparse.indices, openIndices(name + " indices", schema.indicesFile,
                                                          schema.nnz, schema.dim));
      if (!schema.valuesFile.empty()) {
        HEDDLE_ASSIGN_OR_RETURN(sparse.values, openPlain<float>(name + " values", schema.valuesFile,
                                                                "float32", {schema.nnz}));
      }
      sparse.rows = n;
      sparse.dim = schema.dim;
      sparse.nnz = schema.nnz;
    }
    out.features.push_back(std::move(feature));
  }
  for (const LabelSchema &schema : type.labels) {
    LabelView label;
    std::string name = what + " label '" + schema.name + "'";
    label.numClasses = static_cast<int64_t>(schema.classes.size());
    if (schema.multilabel) {
      HEDDLE_ASSIGN_OR_RETURN(label.multi, openPlain<uint8_t>(name, schema.file, "uint8",
                                                              {n, label.numClasses}));
    } else {
      HEDDLE_ASSIGN_OR_RETURN(label.classes, openPlain<int32_t>(name, schema.file, "int32", {n}));
    }
    out.labels.push_back(label);
    std::vector<SplitView> splits;
    for (const LabelSchema::Split &part : schema.splits) {
      SplitView split;
      std::string partName = name + " split '" + part.name + "' ";
      HEDDLE_ASSIGN_OR_RETURN(split.train,
                              openPart(partName + "train", part.trainFile, part.numTrain, n));
      HEDDLE_ASSIGN_OR_RETURN(split.valid,
                              openPart(partName + "valid", part.validFile, part.numValid, n));
      HEDDLE_ASSIGN_OR_RETURN(split.test,
                              openPart(partName + "test", part.testFile, part.numTest, n));
      split.numTrain = part.numTrain;
      split.numValid = part.numValid;
      split.numTest = part.numTest;
      splits.push_back(split);
    }
    out.splits.push_back(std::move(splits));
  }
  types_.push_back(std::move(out));
  return absl::OkStatus();
}

absl::Status MappedGraphStore::loadRelation(const RelationSchema &schema, RelationView &view) {
  std::string what = "relation '" + schema.triple() + "' ";
  int64_t edges = schema.numEdges;
  view.numSources = schema_.nodeTypes[schema_.nodeTypeId(schema.source)].numNodes;
  view.numDestinations = schema_.nodeTypes[schema_.nodeTypeId(schema.destination)].numNodes;
  view.numEdges = edges;
  HEDDLE_ASSIGN_OR_RETURN(
      view.inPtr, openIndptr(what + "csc indptr", schema.cscIndptr, view.numDestinations, edges));
  HEDDLE_ASSIGN_OR_RETURN(view.inSources, openIndices(what + "csc indices", schema.cscIndices,
                                                      edges, view.numSources));
  HEDDLE_ASSIGN_OR_RETURN(
      view.outPtr, openIndptr(what + "csr indptr", schema.csrIndptr, view.numSources, edges));
  HEDDLE_ASSIGN_OR_RETURN(view.outDestinations, openIndices(what + "csr indices", schema.csrIndices,
                                                            edges, view.numDestinations));
  return absl::OkStatus();
}

absl::Status MappedGraphStore::loadEdgeFeatures(const RelationSchema &schema,
                                                std::vector<DenseFeatureView> &views) {
  for (const FeatureSchema &feature : schema.features) {
    std::string name = "relation '" + schema.triple() + "' feature '" + feature.name + "'";
    if (feature.kind != FeatureKind::Dense)
      return invalidArgument(schema_.directory + "/graph.json: " + name +
                             ": edges have dense features only; import it as columns of numbers");
    HEDDLE_ASSIGN_OR_RETURN(const NpyArray *array, openArray(name, feature.file));
    HEDDLE_RETURN_IF_ERROR(array->expect(feature.dtype, {schema.numEdges, feature.dim}));
    views.push_back({array->data(), feature.dtype, schema.numEdges, feature.dim, place(feature.file),
                     array->header().dataOffset});
  }
  return absl::OkStatus();
}

absl::Status MappedGraphStore::load(const std::string &directory, bool verify) {
  verify_ = verify;
  HEDDLE_ASSIGN_OR_RETURN(schema_, readGraphSchema(directory));
  for (const NodeTypeSchema &type : schema_.nodeTypes)
    HEDDLE_RETURN_IF_ERROR(loadNodeType(type));
  relations_.resize(schema_.relations.size());
  edgeFeatures_.resize(schema_.relations.size());
  std::vector<IndexArray> permutations(relations_.size());
  for (size_t i = 0; i < relations_.size(); ++i) {
    const RelationSchema &schema = schema_.relations[i];
    if (schema.reverseOf >= 0)
      continue;
    HEDDLE_RETURN_IF_ERROR(loadRelation(schema, relations_[i]));
    HEDDLE_RETURN_IF_ERROR(loadEdgeFeatures(schema, edgeFeatures_[i]));
    HEDDLE_ASSIGN_OR_RETURN(permutations[i],
                            openIndices("relation '" + schema.triple() + "' csr permutation",
                                        schema.csrPerm, schema.numEdges, schema.numEdges));
  }
  for (size_t i = 0; i < relations_.size(); ++i) {
    int baseId = schema_.relations[i].reverseOf;
    if (baseId < 0)
      continue;
    const RelationView &base = relations_[static_cast<size_t>(baseId)];
    RelationView &view = relations_[i];
    view.inPtr = base.outPtr;
    view.inSources = base.outDestinations;
    view.outPtr = base.inPtr;
    view.outDestinations = base.inSources;
    view.inEdgeData = permutations[static_cast<size_t>(baseId)];
    view.numSources = base.numDestinations;
    view.numDestinations = base.numSources;
    view.numEdges = base.numEdges;
  }
  return absl::OkStatus();
}

//===----------------------------------------------------------------------===//
// Look-ups
//===----------------------------------------------------------------------===//

absl::StatusOr<const NodeTypeSchema *> MappedGraphStore::typeOf(int nodeType) const {
  if (nodeType < 0 || static_cast<size_t>(nodeType) >= schema_.nodeTypes.size())
    return invalidArgument(schema_.directory + ": node type id " + std::to_string(nodeType) +
                           " is out of range; the graph has " +
                           std::to_string(schema_.nodeTypes.size()) + " node types");
  return &schema_.nodeTypes[static_cast<size_t>(nodeType)];
}

template <typename T>
absl::StatusOr<size_t> findByName(const std::vector<T> &items, const std::string &name,
                                  const std::string &owner, const std::string &kind) {
  std::vector<std::string> names;
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].name == name)
      return i;
    names.push_back(items[i].name);
  }
  return notFound(owner + " has no " + kind + " '" + name + "'" +
                  (names.empty() ? "; it has none at all" : suggestion(name, names)));
}

absl::StatusOr<size_t> MappedGraphStore::featureIndex(int nodeType, const std::string &name,
                                                      FeatureKind kind) const {
  HEDDLE_ASSIGN_OR_RETURN(const NodeTypeSchema *type, typeOf(nodeType));
  std::string owner = schema_.directory + ": node type '" + type->name + "'";
  HEDDLE_ASSIGN_OR_RETURN(size_t index, findByName(type->features, name, owner, "feature"));
  if (type->features[index].kind != kind)
    return invalidArgument(owner + ": feature '" + name + "' is " +
                           (kind == FeatureKind::Dense ? "sparse, not dense" : "dense, not sparse"));
  return index;
}

absl::StatusOr<DenseFeatureView> MappedGraphStore::denseFeature(int nodeType,
                                                                const std::string &name) const {
  HEDDLE_ASSIGN_OR_RETURN(size_t index, featureIndex(nodeType, name, FeatureKind::Dense));
  return types_[static_cast<size_t>(nodeType)].features[index].dense;
}

absl::StatusOr<SparseFeatureView> MappedGraphStore::sparseFeature(int nodeType,
                                                                  const std::string &name) const {
  HEDDLE_ASSIGN_OR_RETURN(size_t index, featureIndex(nodeType, name, FeatureKind::Sparse));
  return types_[static_cast<size_t>(nodeType)].features[index].sparse;
}

absl::StatusOr<DenseFeatureView> MappedGraphStore::denseEdgeFeature(int relationId,
                                                                    const std::string &name) const {
  if (relationId < 0 || static_cast<size_t>(relationId) >= schema_.relations.size())
    return invalidArgument(schema_.directory + ": relation id " + std::to_string(relationId) +
                           " is out of range; the graph has " +
                           std::to_string(schema_.relations.size()) + " relations");
  const RelationSchema &relation = schema_.relations[static_cast<size_t>(relationId)];
  HEDDLE_ASSIGN_OR_RETURN(size_t index,
                          findByName(schema_.edgeFeatures(relationId), name,
                                     schema_.directory + ": relation '" + relation.triple() + "'",
                                     "edge feature"));
  return edgeFeatures_[static_cast<size_t>(relation.reverseOf < 0 ? relationId
                                                                  : relation.reverseOf)][index];
}

absl::StatusOr<size_t> MappedGraphStore::labelIndex(int nodeType, const std::string &name) const {
  HEDDLE_ASSIGN_OR_RETURN(const NodeTypeSchema *type, typeOf(nodeType));
  return findByName(type->labels, name, schema_.directory + ": node type '" + type->name + "'",
                    "label");
}

absl::StatusOr<LabelView> MappedGraphStore::label(int nodeType, const std::string &name) const {
  HEDDLE_ASSIGN_OR_RETURN(size_t index, labelIndex(nodeType, name));
  return types_[static_cast<size_t>(nodeType)].labels[index];
}

absl::StatusOr<SplitView> MappedGraphStore::split(int nodeType, const std::string &label,
                                                  const std::string &split) const {
  HEDDLE_ASSIGN_OR_RETURN(size_t index, labelIndex(nodeType, label));
  const NodeTypeSchema &type = schema_.nodeTypes[static_cast<size_t>(nodeType)];
  HEDDLE_ASSIGN_OR_RETURN(
      size_t at, findByName(type.labels[index].splits, split,
                            schema_.directory + ": label '" + label + "' of '" + type.name + "'",
                            "split"));
  return types_[static_cast<size_t>(nodeType)].splits[index][at];
}

std::string MappedGraphStore::originalId(int nodeType, int64_t row) const {
  auto type = typeOf(nodeType);
  if (!type.ok() || row < 0 || row >= (*type)->numNodes)
    return {};
  const NodeType &data = types_[static_cast<size_t>(nodeType)];
  if (data.ids.offsets)
    return data.ids.at(row);
  return std::to_string(data.int64Ids ? data.int64Ids[row] : row);
}

std::string MappedGraphStore::displayName(int nodeType, int64_t row) const {
  if (!typeOf(nodeType).ok())
    return {};
  return types_[static_cast<size_t>(nodeType)].display.at(row);
}

} // namespace

absl::StatusOr<std::unique_ptr<GraphStore>> GraphStore::open(const std::string &directory,
                                                             bool verifyChecksums) {
  auto store = std::make_unique<MappedGraphStore>();
  HEDDLE_RETURN_IF_ERROR(store->load(directory, verifyChecksums));
  return absl::StatusOr<std::unique_ptr<GraphStore>>(std::move(store));
}

} // namespace heddle::graph
