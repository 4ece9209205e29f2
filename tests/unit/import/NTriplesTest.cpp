//===- NTriplesTest.cpp - lines of N-Triples, and names for IRIs -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/NTriples.h"
#include "runtime/import/Lines.h"
#include "runtime/import/ShortNames.h"

#include "gtest/gtest.h"

#include <algorithm>

using namespace heddle;
using namespace heddle::importing;

namespace {

using Names = std::vector<std::string>;
using Line = TripleParser::Line;

TEST(NTriples, TermsBecomeIds) {
  struct Case {
    const char *line, *subject, *object;
  } cases[] = {
      {"<http://a/b> <http://p> <http://c> .", "http://a/b", "http://c"},
      {"\t<http://a/b>\t<http://p>\t<http://c>\t.  # remark", "http://a/b", "http://c"},
      {"<http://a><http://p><http://c>.", "http://a", "http://c"},
      {"<http://ä/東京> <http://p> <http://a/\\u00e9\\U0001F600> .", "http://ä/東京",
       "http://a/é😀"},
      {"_:b1 <http://p> _:B1 .", "_:b1", "_:B1"},
      {"_:genid7 <http://p> _:x.y-z .", "_:genid7", "_:x.y-z"},
      {R"(<http://a> <http://p> "" .)", "http://a", R"("")"},
      {R"(<http://a> <http://p> "a\"b\\c\n\té" .)", "http://a", "\"a\"b\\c\n\té\""},
      {R"(<http://a> <http://p> "x"@en-GB .)", "http://a", R"("x"@en-gb)"},
      {R"(<http://a> <http://p> "5"^^<http://t#int> .)", "http://a", R"("5"^^<http://t#int>)"},
      // In RDF 1.1 a literal without a datatype is an xsd:string.
      {R"(<http://a> <http://p> "5"^^<http://www.w3.org/2001/XMLSchema#string> .)", "http://a",
       R"("5")"},
      {R"(<http://a> <http://p> "# . <no>" .)", "http://a", R"("# . <no>")"},
  };
  TripleParser parser;
  for (const Case &c : cases) {
    Triple triple;
    ASSERT_EQ(parser.parse(c.line, triple), Line::Triple) << c.line << ": " << parser.problem();
    EXPECT_EQ(triple.subject, c.subject) << c.line;
    EXPECT_EQ(triple.predicate, "http://p") << c.line;
    EXPECT_EQ(triple.object, c.object) << c.line;
  }
}

TEST(NTriples, MalformedLinesAreRefusedAndHarmNoOther) {
  const char *lines[] = {
      "<http://a> <http://p> <http://c>",
      "<http://a> <http://p> .",
      "<http://a> .",
      "<http://a",
      "<http://a> <http://p> <http://c> garbage",
      "<http://a> <http://p> <http://c> <http://graph> .",
      "<http://a> <http://p> <http://c> . <http://a> <http://p> <http://d> .",
      "<http://a> <http://p> <http://c> ; <http://q> <http://d> .",
      "<http://a> <http://p> <http://c> , <http://d> .",
      "<http://a b> <http://p> <http://c> .",
      "<relative> <http://p> <http://c> .",
      "\"literal\" <http://p> <http://c> .",
      "<http://a> _:b <http://c> .",
      "<http://a> \"p\" <http://c> .",
      "<http://a> ex:p <http://c> .",
      "<http://a> <http://p> ex:c .",
      "<http://a> <http://p> 5 .",
      "<http://a> <http://p> true .",
      "<http://a> <http://p> 'c' .",
      "<http://a> <http://p> \"\"\"c\"\"\" .",
      "<http://a> <http://p> [] .",
      "<http://a> <http://p> ( <http://c> ) .",
      "<http://a> <http://p> \"unclosed .",
      "<http://a> <http://p> \"bad \\q escape\" .",
      "<http://a> <http://p> \"\\uD800\" .",
      "<http://a> <http://p> \"\\u0000\" .",
      "<http://a> <http://p> \"c\"@ .",
      "<http://a> <http://p> \"c\"@en@de .",
      "<http://a> <http://p> \"c\"^^ .",
      "<http://a> <http://p> \"c\"^^xsd:string .",
      "<http://a> <http://p> \"\xff\" .",
      "_: <http://p> <http://c> .",
      "@prefix ex: <http://ex/> .",
      "PREFIX ex: <http://ex/>",
      "a\tb\tc",
  };
  TripleParser parser;
  Triple triple;
  for (const char *line : lines) {
    EXPECT_EQ(parser.parse(line, triple), Line::Malformed) << line;
    EXPECT_FALSE(parser.problem().empty()) << line;
    EXPECT_EQ(parser.problem().find('\n'), std::string::npos) << line;
    ASSERT_EQ(parser.parse("<http://a> <http://p> <http://c> .", triple), Line::Triple) << line;
    EXPECT_EQ(triple.object, "http://c") << line;
  }
  EXPECT_EQ(parser.parse(std::string_view("<http://a> <http://p> \"\0\" .", 26), triple),
            Line::Malformed);
  for (const char *line : {"", "  \t ", "# remark", "   # <http://a> <http://p> <http://c> ."})
    EXPECT_EQ(parser.parse(line, triple), Line::Nothing) << line;
}

TEST(Lines, EndsPlacesAndLongLines) {
  std::string long1(300000, 'x'), long2(200000, 'y');
  LineReader reader(bytesOf("\xEF\xBB\xBF"
                            "one\r\n\n" +
                            long1 + "\r\n" + long2),
                    "f");
  Names lines;
  for (;;) {
    auto any = reader.next();
    ASSERT_TRUE(any.ok());
    if (!*any)
      break;
    lines.emplace_back(reader.line());
    EXPECT_EQ(reader.place(), "f:" + std::to_string(lines.size()));
  }
  EXPECT_EQ(lines, (Names{"one", "", long1, long2}));
  LineReader wide(bytesOf("\xFF\xFEx"), "wide");
  EXPECT_EQ(messageOf(wide.next().status()), "wide:1: the file is UTF-16; convert it to UTF-8");
  FieldSplitter fields("a,,b,", ',');
  std::string_view field;
  Names all;
  while (fields.next(field))
    all.emplace_back(field);
  EXPECT_EQ(all, (Names{"a", "", "b", ""}));
  EXPECT_FALSE(FieldSplitter("", ',').next(field));
}

TEST(ShortNames, LocalNamesWhereTheyAreUnique) {
  EXPECT_EQ(shortNames({"http://ex.org/onto#knows", "http://ex.org/likes", "urn:x:hates",
                        "http://ex.org/東京", "_:b0"}),
            (Names{"knows", "likes", "hates", "東京", "b0"}));
  // As many parts as tell them apart; the namespaces of RDF have short names.
  EXPECT_EQ(shortNames({"http://ex.org/ontology#type", "http://other.org/merge/type",
                        "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"}),
            (Names{"ontology.type", "merge.type", "rdf.type"}));
  EXPECT_EQ(shortNames({"http://a.org/x/type", "http://b.org/x/type"}),
            (Names{"a.org.x.type", "b.org.x.type"}));
  EXPECT_EQ(shortNames({"http://www.w3.org/1999/02/22-rdf-syntax-ns#type"}), (Names{"type"}));
  EXPECT_EQ(shortNames({"http://a.org/node"}, {"node"}), (Names{"a.org.node"}));
}

TEST(ShortNames, AlwaysUniqueAndNeverAReverse) {
  Names odd = {"http://a/p", "http://a#p",     "http://a//p/", "http://a:p", "#",
               "://",        "http://a/rev_p", "urn:rev_p",    "rev_p",      "p"};
  Names names = shortNames(odd);
  std::set<std::string> seen(names.begin(), names.end());
  EXPECT_EQ(seen.size(), odd.size());
  for (const std::string &name : names) {
    EXPECT_FALSE(name.empty());
    EXPECT_EQ(name.find(':'), std::string::npos) << name;
    EXPECT_EQ(seen.count("rev_" + name), 0u) << name;
  }
  // Not their order, but the set of them decides.
  Names reversed(odd.rbegin(), odd.rend()), again = shortNames(reversed);
  std::reverse(again.begin(), again.end());
  EXPECT_EQ(again, names);
}

} // namespace
