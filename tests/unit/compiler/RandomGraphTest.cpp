//===- RandomGraphTest.cpp - random cases are valid, varied, stable -------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/compiler/RandomGraph.h"

#include "compiler/spec/ModelSpec.h"
#include "runtime/graph/GraphStore.h"
#include "tests/unit/support/TestSupport.h"

#include <map>
#include <set>

namespace heddle::test {
namespace {

TEST(RandomGraph, CasesAreValidAndCoverWhatTheyShould) {
  int emptyTypes = 0, emptyRelations = 0, selfRelations = 0, parallel = 0, reverse = 0, sparse = 0,
      noValid = 0, multilabel = 0, unicode = 0, sampled = 0, fullBatch = 0, bases = 0;
  std::set<int64_t> depths;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    TemporaryDirectory directory;
    RandomCase random = valueOf(makeRandomCase(seed, directory.path()));
    auto store = valueOf(graph::GraphStore::open(random.graphDirectory, true));
    const graph::GraphSchema &schema = store->schema();
    auto spec = valueOf(spec::parseModelSpec(random.spec, "random.json"));
    auto resolved = valueOf(spec::resolve(spec, schema));
    EXPECT_EQ(spec::printModelSpec(resolved.spec), random.spec) << "it is resolved already";
    std::map<std::pair<std::string, std::string>, int> pairs;
    for (const auto &type : schema.nodeTypes) {
      emptyTypes += type.numNodes == 0;
      for (char c : type.name)
        if (static_cast<unsigned char>(c) > 127) {
          ++unicode;
          break;
        }
      for (const auto &feature : type.features)
        sparse += feature.kind == graph::FeatureKind::Sparse;
      for (const auto &label : type.labels) {
        multilabel += label.multilabel;
        noValid += label.splits[0].numValid == 0;
      }
    }
    for (const auto &relation : schema.relations) {
      emptyRelations += relation.numEdges == 0;
      selfRelations += relation.source == relation.destination;
      parallel += pairs[{relation.source, relation.destination}]++ > 0;
      reverse += relation.reverseOf >= 0;
    }
    EXPECT_LE(schema.relations.size(), 8u);
    depths.insert(spec.model.numLayers);
    bases += spec.model.numBases.has_value();
    fullBatch += spec.train.batchSize == spec::all;
    for (int64_t fanout : spec.sampling.fanout)
      sampled += fanout != spec::all;
  }
  EXPECT_EQ(depths, (std::set<int64_t>{1, 2, 3, 4}));
  for (int count : {emptyTypes, emptyRelations, selfRelations, parallel, reverse, sparse, noValid,
                    multilabel, unicode, sampled, fullBatch, bases})
    EXPECT_GE(count, 5);
}

TEST(RandomGraph, TheSeedDecidesAlone) {
  TemporaryDirectory a, b;
  RandomCase first = valueOf(makeRandomCase(7, a.path())), second = valueOf(makeRandomCase(7, b.path()));
  EXPECT_EQ(first.spec, second.spec);
  EXPECT_EQ(valueOf(graph::readGraphSchema(first.graphDirectory)).dataFingerprint,
            valueOf(graph::readGraphSchema(second.graphDirectory)).dataFingerprint);
}

} // namespace
} // namespace heddle::test
