//===- GraphSpecs.cpp - shapes of the large public sets ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Counts, widths, classes and parts are the published ones where a comment does not say otherwise.
// Exponents, shares and caps are chosen after relations of the same kind whose degrees were measured:
// gene-article for writes, gene-process for topics, package dependencies for citations, maintainers
// for affiliations. Agreements and signals are ours.
//
//===----------------------------------------------------------------------===//
#include "runtime/synthetic/GraphSpec.h"

#include "runtime/base/Suggest.h"

#include <map>
#include <set>

namespace heddle::synthetic {

namespace {

/// One edge per node, or none.
constexpr DegreeShape one{1, 8, 1};

GraphSpec ogbnMag() {
  GraphSpec spec;
  spec.name = "ogbn-mag";
  spec.types = {{"author", 1'134'649},
                {"field_of_study", 59'965},
                {"institution", 8'740},
                {"paper", 736'389, 128}};
  spec.relations = {
      {"author",
       "affiliated_with",
       "institution",
       1'043'998,
       {0.6, 4, 40},
       {0.9, 1.8, 30'000},
       0.2},
      {"author", "writes", "paper", 7'145'660, {1, 2.3, 1'000}, {1, 3, 6'000}, 0.7},
      {"paper", "cites", "paper", 5'416'271, {0.7, 3, 800}, {0.5, 2.1, 10'000}, 0.6},
      {"paper", "has_topic", "field_of_study", 7'505'078, {1, 4, 100}, {0.8, 1.7, 80'000}, 0.5}};
  spec.target = "paper";
  spec.labels = {{"venue", 349}};
  spec.train = 629'571;
  spec.valid = 64'879;
  spec.test = 41'939;
  spec.communities = 349;
  spec.head = 10;
  spec.labelNoise = 0.25;
  spec.signal = 3;
  return spec;
}

GraphSpec mag240m() {
  GraphSpec spec;
  spec.name = "mag240m";
  spec.types = {
      {"author", 122'383'112}, {"institution", 25'721}, {"paper", 121'751'666, 768, "float16"}};
  spec.relations = {
      {"author",
       "affiliated_with",
       "institution",
       44'592'586,
       {0.3, 4, 40},
       {0.9, 1.8, 900'000},
       0.2},
      {"author", "writes", "paper", 386'022'720, {1, 2.3, 4'000}, {1, 3, 8'000}, 0.7},
      {"paper", "cites", "paper", 1'297'748'926, {0.7, 3, 3'000}, {0.5, 2.1, 200'000}, 0.6}};
  spec.target = "paper";
  spec.labels = {{"subject", 153}};
  spec.train = 1'112'392;
  spec.valid = 138'949;
  spec.test = 146'818;
  spec.communities = 153;
  spec.head = 5;
  spec.labelNoise = 0.2;
  spec.signal = 3;
  return spec;
}

GraphSpec igbHet() {
  GraphSpec spec;
  spec.name = "igb-het";
  spec.types = {{"author", 277'220'883, 1024},
                {"fos", 712'960, 1024},
                {"institute", 26'918, 1024},
                {"paper", 269'346'174, 1024}};
  spec.relations = {
      {"author", "affiliated_to", "institute", 48'521'486, {0.15, 4, 40}, {0.9, 1.8, 900'000}, 0.2},
      {"paper", "cites", "paper", 3'996'442'004, {0.7, 3, 3'000}, {0.5, 2.1, 300'000}, 0.6},
      {"paper", "topic", "fos", 1'050'280'600, {1, 4, 100}, {0.8, 1.7, 4'000'000}, 0.5},
      {"paper", "written_by", "author", 716'761'549, {1, 3, 8'000}, {1, 2.3, 4'000}, 0.7}};
  spec.target = "paper";
  // The set's two tasks. 60, 20 and 20 percent, at random.
  spec.labels = {{"label_19", 19}, {"label_2983", 2983}};
  spec.train = 161'607'704;
  spec.valid = 53'869'235;
  spec.test = 53'869'235;
  spec.communities = 2983;
  spec.head = 100;
  spec.labelNoise = 0.2;
  spec.signal = 3;
  return spec;
}

/// ohgbn-Freebase: published are the sums (12,164,758 nodes, 62,982,566 edges), the 36 relations of
/// the schema, and train + valid 35,866 and test 8,967 (a fifth of the former is valid here). The
/// nodes of a type go with those of HGB's part of the set; the edges of a relation, with the square
/// root of the product of its types' nodes, which is a guess.
GraphSpec freebase() {
  GraphSpec spec;
  spec.name = "freebase";
  spec.types = {{"BOOK", 2'728'962},       {"FILM", 1'312'201},   {"MUSIC", 5'562'415},
                {"SPORTS", 69'234},        {"PEOPLE", 1'191'565}, {"LOCATION", 632'764},
                {"ORGANIZATION", 184'466}, {"BUSINESS", 483'151}};
  struct Row {
    const char *source, *name, *destination;
    int64_t edges;
  };
  constexpr Row rows[] = {
      {"BOOK", "BOOK-and-BOOK", "BOOK", 4130000},
      {"BOOK", "BOOK-to-FILM", "FILM", 2864000},
      {"BOOK", "BOOK-on-SPORTS", "SPORTS", 658000},
      {"BOOK", "BOOK-on-LOCATION", "LOCATION", 1989000},
      {"BOOK", "BOOK-about-ORGANIZATION", "ORGANIZATION", 1074000},
      {"FILM", "FILM-and-FILM", "FILM", 1986000},
      {"MUSIC", "MUSIC-in-BOOK", "BOOK", 5896000},
      {"MUSIC", "MUSIC-in-FILM", "FILM", 4088000},
      {"MUSIC", "MUSIC-and-MUSIC", "MUSIC", 8412566},
      {"MUSIC", "MUSIC-for-SPORTS", "SPORTS", 939000},
      {"MUSIC", "MUSIC-on-LOCATION", "LOCATION", 2839000},
      {"SPORTS", "SPORTS-in-FILM", "FILM", 456000},
      {"SPORTS", "SPORTS-and-SPORTS", "SPORTS", 105000},
      {"SPORTS", "SPORTS-on-LOCATION", "LOCATION", 317000},
      {"PEOPLE", "PEOPLE-to-BOOK", "BOOK", 2729000},
      {"PEOPLE", "PEOPLE-to-FILM", "FILM", 1892000},
      {"PEOPLE", "PEOPLE-to-MUSIC", "MUSIC", 3896000},
      {"PEOPLE", "PEOPLE-to-SPORTS", "SPORTS", 435000},
      {"PEOPLE", "PEOPLE-and-PEOPLE", "PEOPLE", 1803000},
      {"PEOPLE", "PEOPLE-on-LOCATION", "LOCATION", 1314000},
      {"PEOPLE", "PEOPLE-in-ORGANIZATION", "ORGANIZATION", 709000},
      {"PEOPLE", "PEOPLE-in-BUSINESS", "BUSINESS", 1148000},
      {"LOCATION", "LOCATION-in-FILM", "FILM", 1379000},
      {"LOCATION", "LOCATION-and-LOCATION", "LOCATION", 958000},
      {"ORGANIZATION", "ORGANIZATION-in-FILM", "FILM", 745000},
      {"ORGANIZATION", "ORGANIZATION-to-MUSIC", "MUSIC", 1533000},
      {"ORGANIZATION", "ORGANIZATION-to-SPORTS", "SPORTS", 171000},
      {"ORGANIZATION", "ORGANIZATION-on-LOCATION", "LOCATION", 517000},
      {"ORGANIZATION", "ORGANIZATION-and-ORGANIZATION", "ORGANIZATION", 279000},
      {"ORGANIZATION", "ORGANIZATION-for-BUSINESS", "BUSINESS", 452000},
      {"BUSINESS", "BUSINESS-about-BOOK", "BOOK", 1738000},
      {"BUSINESS", "BUSINESS-about-FILM", "FILM", 1205000},
      {"BUSINESS", "BUSINESS-about-MUSIC", "MUSIC", 2481000},
      {"BUSINESS", "BUSINESS-about-SPORTS", "SPORTS", 277000},
      {"BUSINESS", "BUSINESS-on-LOCATION", "LOCATION", 837000},
      {"BUSINESS", "BUSINESS-and-BUSINESS", "BUSINESS", 731000},
  };
  // Agreements are as different as those of WordNet's relations, which are from .002 to 1.
  constexpr double agreements[] = {0.7, 0.3, 0.05, 0.5, 0.9, 0.1, 0};
  size_t number = 0;
  for (const Row &row : rows)
    spec.relations.push_back({row.source,
                              row.name,
                              row.destination,
                              row.edges,
                              {0.5, 2.4, 20'000},
                              {0.5, 2, 100'000},
                              agreements[number++ % std::size(agreements)]});
  spec.target = "BOOK";
  spec.labels = {{"label", 8}};
  spec.train = 28'693;
  spec.valid = 7'173;
  spec.test = 8'967;
  spec.communities = 8;
  spec.head = 3;
  spec.labelNoise = 0.1;
  return spec;
}

/// DonorsChoose: a star of tables around the project, one edge a row. Projects, donations,
/// resources and essays are counts of the tables of 2014, as are the test part (44,772) and the
/// rest with an outcome (619,326, a tenth of it valid here); donors, schools, teachers, widths and
/// who works where are estimates.
GraphSpec donor() {
  GraphSpec spec;
  spec.name = "donor";
  spec.types = {{"donation", 3'097'989, 16}, {"donor", 1'240'000, 8},     {"essay", 664'098, 384},
                {"project", 664'098, 64},    {"resource", 3'667'217, 32}, {"school", 57'000, 32},
                {"teacher", 240'000, 16}};
  spec.relations = {{"donation", "given_to", "project", 3'097'989, one, {0.9, 2.6, 3'000}, 0.5},
                    {"donor", "makes", "donation", 3'097'989, {1, 2.2, 20'000}, one, 0.3},
                    {"essay", "describes", "project", 664'098, one, one, 0.8},
                    {"resource", "needed_for", "project", 3'667'217, one, {1, 2.8, 500}, 0.4},
                    {"school", "hosts", "project", 664'098, {1, 2.4, 1'500}, one, 0.3},
                    {"teacher", "posts", "project", 664'098, {1, 2.5, 1'000}, one, 0.4},
                    {"teacher", "works_at", "school", 240'000, one, {0.95, 2.8, 300}, 0.5}};
  spec.target = "project";
  spec.labels = {{"is_exciting", 2}};
  spec.train = 557'394;
  spec.valid = 61'932;
  spec.test = 44'772;
  spec.communities = 2;
  spec.head = 0.0678; // 5.95 percent of the projects are exciting
  spec.labelNoise = 0.02;
  spec.signal = 1.5;
  return spec;
}

absl::Status wrong(const GraphSpec &spec, const std::string &what) {
  return invalidArgument("generator '" + spec.name + "': " + what);
}

} // namespace

const NodeTypeSpec *GraphSpec::findType(const std::string &type) const {
  for (const NodeTypeSpec &known : types)
    if (known.name == type)
      return &known;
  return nullptr;
}

const std::vector<GraphSpec> &graphSpecs() {
  static const std::vector<GraphSpec> specs = {donor(), freebase(), igbHet(), mag240m(), ogbnMag()};
  return specs;
}

absl::StatusOr<const GraphSpec *> findGraphSpec(const std::string &name) {
  static const std::map<std::string, std::string> aliases = {
      {"mag", "ogbn-mag"},
      {"ogb-mag", "ogbn-mag"},
      {"mag240m-lsc", "mag240m"},
      {"ogb-lsc", "mag240m"},
      {"igb", "igb-het"},
      {"igbh", "igb-het"},
      {"igb-hetero", "igb-het"},
      {"igb-heterogeneous", "igb-het"},
      {"ohgbn-freebase", "freebase"},
      {"donorschoose", "donor"},
      {"donors-choose", "donor"},
  };
  std::vector<std::string> names;
  for (const GraphSpec &spec : graphSpecs()) {
    if (spec.name == name)
      return &spec;
    names.push_back(spec.name);
  }
  return invalidArgument("--generate: unknown set '" + name + "'" +
                         suggestion(name, names, aliases));
}

absl::Status checkGraphSpec(const GraphSpec &spec) {
  std::set<std::string> names;
  for (const NodeTypeSpec &type : spec.types) {
    std::string place = "node type '" + type.name + "': ";
    if (!names.insert(type.name).second)
      return wrong(spec, place + "is there twice");
    if (type.nodes < 1 || type.nodes >= int64_t(1) << 47)
      return wrong(spec, place + "expected 1 to 2^47 - 1 nodes");
    if (type.width < 0 || type.width > 1 << 20)
      return wrong(spec, place + "expected a width of 0 to 2^20");
    if (type.dtype != "float32" && type.dtype != "float16")
      return wrong(spec, place + "expected dtype float32 or float16");
  }
  for (const RelationSpec &relation : spec.relations) {
    std::string place =
        "relation '" + relation.source + ":" + relation.name + ":" + relation.destination + "': ";
    for (const std::string &end : {relation.source, relation.destination})
      if (!spec.findType(end))
        return wrong(spec, place + "there is no node type '" + end + "'");
    if (relation.edges < 0 || relation.edges >= int64_t(1) << 47)
      return wrong(spec, place + "expected 0 to 2^47 - 1 edges");
    if (!(relation.agreement >= 0 && relation.agreement <= 1))
      return wrong(spec, place + "expected an agreement of 0 to 1");
    for (const DegreeShape &shape : {relation.out, relation.in})
      if (!(shape.share > 0 && shape.share <= 1) || !(shape.exponent > 1 && shape.exponent <= 8) ||
          shape.cap < 1 || shape.cap > 1 << 24)
        return wrong(spec, place + "expected a share in (0, 1], an exponent in (1, 8] and a cap "
                                   "of 1 to 2^24");
  }
  const NodeTypeSpec *target = spec.findType(spec.target);
  if (!target)
    return wrong(spec, "there is no node type '" + spec.target + "' to label");
  if (spec.train < 0 || spec.valid < 0 || spec.test < 0 ||
      spec.train + spec.valid + spec.test > target->nodes)
    return wrong(spec, "the parts have more nodes than '" + spec.target + "'");
  if (spec.communities < 1 || spec.communities > 1 << 20 || !(spec.head > 0) ||
      !(spec.labelNoise >= 0 && spec.labelNoise <= 1) || !(spec.signal >= 0))
    return wrong(spec, "expected 1 to 2^20 communities, a head above 0, noise of 0 to 1 and a "
                       "signal of at least 0");
  for (const LabelSpec &label : spec.labels)
    if (label.classes < 1 || label.classes > spec.communities)
      return wrong(spec,
                   "label '" + label.name + "': expected 1 to as many classes as communities");
  return absl::OkStatus();
}

} // namespace heddle::synthetic
