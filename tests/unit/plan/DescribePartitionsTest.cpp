//===- DescribePartitionsTest.cpp - several partitions, shown -----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/Describe.h"

#include "runtime/base/Format.h"
#include "runtime/plan/Metatree.h"
#include "tests/unit/plan/PartitionedPlan.h"

#include "nlohmann/json.hpp"
#include "gtest/gtest.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <sstream>

namespace heddle::plan {
namespace {

using Json = nlohmann::json;
using test::partitionedPlan;

bool has(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

size_t occurrences(const std::string &text, const std::string &part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++n;
  return n;
}

/// "" if `text` is a well-formed XML document of elements, attributes and text; else what is wrong.
/// Counts elements by name.
std::string wrongInXml(const std::string &text, std::map<std::string, int> &elements) {
  std::vector<std::string> open;
  bool root = false;
  auto content = [](const std::string &part) -> std::string {
    static const std::set<std::string> known = {"amp", "lt", "gt", "quot"};
    for (size_t i = 0; i < part.size(); ++i) {
      auto c = static_cast<unsigned char>(part[i]);
      if (c < 0x20 && c != '\n')
        return "a control character";
      if (c == '&') {
        size_t end = part.find(';', i);
        if (end == std::string::npos || !known.count(part.substr(i + 1, end - i - 1)))
          return "an unknown entity in '" + part + "'";
      }
    }
    return "";
  };
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '<') {
      size_t end = std::min(text.find('<', at), text.size());
      std::string part = text.substr(at, end - at);
      if (open.empty() && part.find_first_not_of('\n') != std::string::npos)
        return "text outside: " + part;
      if (std::string wrong = content(part); !wrong.empty())
        return wrong;
      at = end;
      continue;
    }
    size_t end = text.find('>', at);
    if (end == std::string::npos)
      return "a tag does not end";
    std::string tag = text.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.empty())
      return "an empty tag";
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1))
        return "</" + tag.substr(1) + "> closes " + (open.empty() ? "nothing" : open.back());
      open.pop_back();
      continue;
    }
    bool closed = tag.back() == '/';
    if (closed)
      tag.pop_back();
    size_t i = std::min(tag.find(' '), tag.size());
    std::string name = tag.substr(0, i);
    if (open.empty() && root)
      return "a second root " + name;
    root = true;
    ++elements[name];
    std::set<std::string> attributes;
    while (i < tag.size()) {
      ++i; // the space
      size_t equals = tag.find('=', i);
      if (equals == std::string::npos || tag[equals + 1] != '"')
        return "an attribute without a quoted value in <" + tag + ">";
      if (!attributes.insert(tag.substr(i, equals - i)).second)
        return "an attribute twice in <" + tag + ">";
      size_t quote = tag.find('"', equals + 2);
      if (quote == std::string::npos)
        return "a value does not end in <" + tag + ">";
      if (std::string wrong = content(tag.substr(equals + 2, quote - equals - 2)); !wrong.empty())
        return wrong;
      i = quote + 1;
      if (i < tag.size() && tag[i] != ' ')
        return "no space between attributes in <" + tag + ">";
    }
    if (!closed)
      open.push_back(name);
  }
  return !open.empty() ? open.back() + " is not closed" : root ? "" : "no element";
}

/// "" if brackets and quotes of DOT are balanced and no string holds a line break; else what is
/// wrong.
std::string wrongInDot(const std::string &text) {
  std::vector<char> open;
  bool string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        string = false;
      else if (c == '\n')
        return "a line break in a string";
    } else if (c == '"') {
      string = true;
    } else if (c == '{' || c == '[') {
      open.push_back(c);
    } else if (c == '}' || c == ']') {
      if (open.empty() || open.back() != (c == '}' ? '{' : '['))
        return "unbalanced brackets";
      open.pop_back();
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      return "a name outside a string";
    }
  }
  return string || !open.empty() ? "it does not end" : "";
}

TEST(DescribePartitions, SummarySaysWhoDoesWhat) {
  PlanT plan = partitionedPlan(3);
  std::string text = describe(plan, {.source = "p.plan", .rates = {1e9, 1e9}});
  for (const std::string &part :
       {std::string("3 partitions"),
        std::string("\nPartitions\n"),
        std::string("largest load is 1.50 times the mean; loads by the rule 'sampled'"),
        "root links: " + test::person + ":acts:" + test::movie,
        std::string("samples: hop 0: 1 relation; hop 1: 1 relation\n"),
        std::string("samples: nothing"),
        std::string("learns alone: 1 parameter (8.00 KiB)"),
        std::string("learns with partition 1: 1 parameter (688 B), 1 table of learnable rows"),
        std::string("learns with partitions 0, 1: 1 parameter (16 B)"),
        std::string("kernels: 1 of 3"),
        std::string("15: 1,234 {0}"),
        std::string("all: 2,345 {1}"),
        std::string("15: 0 {1}"),
        std::string("1 relation not used at any hop"),
        std::string("all partitions added"),
        std::string("Memory of each partition"),
        std::string("by partition and queue"),
        std::string("the first step of 'train_step' moves 14.3 MiB more in memory"),
        std::string("in partition 2, the slowest"),
        std::string("1 GB/s and 50 us a message"),
        "activations       208 KiB  416 * rows(0, " + test::movie + ")",
        std::string("  2 * (3 - 1) * 26 * 4\n"),
        std::string("dense_gradients  1.34 KiB  1,376"),
        std::string("  2 * (2 - 1) * 172 * 4\n"),
        "412 KiB  264 * gathered(1, " + test::person + ")  (2 - 1) * (8 + 64 * 4)\n",
        std::string("remote_features    1001 B  1,001, first step only\n"),
        std::string("in all about 622 KiB a step, and 1001 B more in the first"),
        std::string("raf, replicated head"),
        std::string("1.75 ms"),
        std::string("vanilla: needs a split batch")})
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
  EXPECT_EQ(occurrences(text, "chosen"), 1u);
  EXPECT_TRUE(has(text, "vanilla                            -                         -\n"))
      << text;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    EXPECT_LE(displayWidth(line), 100u) << line;
}

TEST(DescribePartitions, LinksOfSeveralPartitionsNameThem) {
  PlanT plan = partitionedPlan(3);
  // Partition 2 samples what partition 0 does below the root, and something of its own.
  uint32_t id = 1000;
  test::EntryBuilder build{*plan.entries[2], id};
  build.sample(3, 1, 10, 500);
  build.sample(3, 0, 5, 20);
  std::string text = describe(plan, {});
  EXPECT_TRUE(has(text, "10: 4,500 {0, 2}")) << text;
  EXPECT_TRUE(has(text, "hop 1: 1 relation (1 also elsewhere)")) << text;
  EXPECT_TRUE(has(text, "samples: hop 0: 1 relation; hop 1: 1 relation (1 also")) << text;
}

TEST(DescribePartitions, SecondsNeedRatesAndUsersForce) {
  PlanT plan = partitionedPlan(2);
  plan.alternatives[0]->forced = true;
  std::string text = describe(plan, {});
  EXPECT_TRUE(has(text, "give --machine-rates")) << text;
  EXPECT_TRUE(has(text, "chosen by the user")) << text;
  EXPECT_FALSE(has(text, "the slowest"));
}

TEST(DescribePartitions, EmptyPartsAndPlans) {
  PlanT plan = partitionedPlan(3);
  for (auto &entry : plan.entries) {
    entry->ops.clear();
    entry->symbols.clear();
  }
  plan.partition_info.clear();
  plan.states.clear();
  plan.alternatives.clear();
  std::string text = describe(plan, {.rates = {1e9, 1e9}});
  EXPECT_TRUE(has(text, "root links: none")) << text;
  EXPECT_TRUE(has(text, "learns: nothing")) << text;
  EXPECT_TRUE(has(text, "activations          none\n")) << text;
  EXPECT_FALSE(has(text, "weighed")) << text;
  EXPECT_TRUE(Json::parse(describeJson(plan, {}))["steps"][0]["wire"].empty());
  std::map<std::string, int> elements;
  EXPECT_EQ(wrongInXml(metatreeSvg(plan, mainStep(plan)), elements), "");
  EXPECT_EQ(wrongInDot(metatreeDot(plan, mainStep(plan))), "");
  plan.entries.clear();
  EXPECT_TRUE(has(describe(plan, {}), "the plan has no entries"));
  EXPECT_TRUE(Json::parse(describeJson(plan, {}))["steps"].empty());
}

TEST(DescribePartitions, ManyPartitionsEndWithALine) {
  PlanT plan = partitionedPlan(3);
  std::string text = describe(plan, {.maxRows = 2});
  for (const char *part :
       {"... and 1 more partitions", "... and 4 more rows", "... and 3 more relations"})
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
}

TEST(DescribePartitions, JsonHasTheSameFacts) {
  PlanT plan = partitionedPlan(3);
  Json json = Json::parse(describeJson(plan, {.rates = {1e9, 1e9}}));
  EXPECT_EQ(json["partitions"], 3);
  EXPECT_EQ(json["balance_rule"], "sampled");
  EXPECT_EQ(json["balance"], 1.5);
  EXPECT_EQ(json["partition_info"][1]["root_links"][0],
            test::movie + ":" + test::sequel + ":" + test::movie);
  EXPECT_EQ(json["partition_info"][0]["load"], 300);
  EXPECT_EQ(json["partition_info"][2]["kernels"], Json::array({2}));
  const Json &step = json["steps"][0];
  EXPECT_EQ(step["name"], "train_step");
  EXPECT_EQ(step["entries"], Json::array({0, 1, 2}));
  EXPECT_GT(step["seconds"], 0);
  EXPECT_EQ(step["wire"][0]["scale"], 416);
  EXPECT_EQ(step["wire"][0]["symbol"]["kind"], "rows");
  EXPECT_EQ(step["wire"][1]["symbol"], nullptr);
  EXPECT_EQ(step["wire"][3]["first_step_only"], true);
  EXPECT_EQ(step["wire_bytes"], 416 * 512 + 1376 + 264 * 1600);
  EXPECT_EQ(step["first_step_wire_bytes"], 1001);
  EXPECT_EQ(step["metatree"]["links"].size(), 6u);
  EXPECT_EQ(step["metatree"]["links"][5]["relation"], nullptr);
  EXPECT_EQ(step["metatree"]["merges"][0]["numbers"], 26);
  EXPECT_EQ(json["alternatives"][0]["chosen"], true);
  EXPECT_EQ(json["alternatives"][2]["note"], "needs a split batch");
  EXPECT_EQ(json["states"][3]["partitions"], Json::array({0, 1, 2}));
  EXPECT_EQ(json["machine_rates"]["link_bytes_per_second"], 1e9);
  const Json &merge = json["entries"][0]["ops"][6];
  EXPECT_EQ(merge["attrs"]["participants"], Json::array({0, 1, 2}));
  EXPECT_EQ(merge["attrs"]["traffic"], "activations");
  EXPECT_EQ(merge["wire_formula"][0]["scale"], 416);
  EXPECT_EQ(Json::parse(describeJson(plan, {}))["steps"][0]["seconds"], nullptr);
}

TEST(DescribePartitions, OpsTableSaysWhatCollectivesDo) {
  PlanT plan = partitionedPlan(3);
  std::string text = describeOps(plan, 0, {});
  for (const char *part : {"of partition 0", "activations 0 of {all} 208 KiB",
                           "remote_features 9 of {all} leader 0", "embedding_rows 0 of {0, 1}"})
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
}

TEST(DescribePartitions, MergesThatAreNoSumsAreNamed) {
  PlanT plan = partitionedPlan(3);
  for (auto &op : plan.entries[0]->ops)
    if (op->name == "merge")
      op->attrs.AsMergeAllAttrs()->merges = {MergeKind::Argmax, MergeKind::Sum, MergeKind::Argmax};
  std::string text = describeOps(plan, 0, {});
  EXPECT_TRUE(has(text, "activations 0 of {all} 2 argmax")) << text;
  std::string json = describeJson(plan, {});
  EXPECT_TRUE(has(json, "\"sum\"") && has(json, "\"argmax\"")) << json;
  // A plan of sums alone says nothing of it.
  std::string sums = describeJson(partitionedPlan(3), {});
  EXPECT_FALSE(has(sums, "\"sum\"") || has(sums, "\"argmax\"")) << sums;
}

TEST(MetatreeDot, LinksHaveTheirPartitionsColours) {
  PlanT plan = partitionedPlan(3);
  uint32_t id = 1000;
  test::EntryBuilder build{*plan.entries[2], id};
  build.sample(3, 1, 10, 500); // partition 0 has it too
  std::string dot = metatreeDot(plan, mainStep(plan));
  EXPECT_EQ(wrongInDot(dot), "") << dot;
  EXPECT_TRUE(has(dot, "v2 -> v0 [label=\"0: acts\\n15: 1,234\", color=\"#0072B2\", style=solid]"))
      << dot;
  EXPECT_TRUE(has(dot, "label=\"1: has & <has>\\n15: 0\", color=\"#D55E00\"")) << dot;
  EXPECT_TRUE(has(dot, "label=\"0: by \\\"whom\\\"\\n10: 4,000\", color=\"#0072B2\"")) << dot;
  EXPECT_TRUE(has(dot, "label=\"2: by \\\"whom\\\"\\n10: 500\", color=\"#009E73\"")) << dot;
  EXPECT_TRUE(has(dot, "label=\"2: self\\n512\", color=\"#009E73\"")) << dot;
  EXPECT_TRUE(has(dot, "v2 [label=\"per\\\"son\\\\N\\nhop 1\\nrows 0: 1,000, 2\"")) << dot;
  EXPECT_TRUE(has(dot, "v0 [label=\"" + test::movie + "\\nseeds\\n512 rows in each\", penwidth=2]"))
      << dot;
  EXPECT_TRUE(has(dot, "m0 [shape=hexagon")) << dot;
  EXPECT_EQ(occurrences(dot, "-> m0 "), 3u);
  EXPECT_TRUE(has(dot, "{ rank=same; v1; v2; v3; }")) << dot;
}

TEST(MetatreeSvg, IsWellFormedWithAnyName) {
  for (uint32_t partitions : {2u, 3u}) {
    PlanT plan = partitionedPlan(partitions);
    plan.node_types[0]->name = "a\x01\xFF\xEF\xBF\xBF]]>";
    std::map<std::string, int> elements;
    std::string svg = metatreeSvg(plan, mainStep(plan));
    EXPECT_EQ(wrongInXml(svg, elements), "") << svg;
    EXPECT_EQ(elements["svg"], 1);
    EXPECT_TRUE(has(svg, "a\\x01\\xFF\xEF\xBF\xBD]]&gt;")) << svg;
    EXPECT_TRUE(has(svg, "&lt;tag&gt; &amp; 'co'")) << svg;
    EXPECT_TRUE(
        has(svg, ">by &quot;whom&quot;<tspan dx=\"8\" fill=\"#555555\">10: 4,000</tspan></text>"))
        << svg;
    EXPECT_TRUE(has(svg, "partition 1: 2 root links")) << svg;
    EXPECT_EQ(has(svg, styleOf(2).colour), partitions == 3);
    EXPECT_FALSE(has(svg, "nan"));
    EXPECT_FALSE(has(svg, "inf"));
    // 5 or 6 links and a merge of all; arrows where each partition arrives.
    EXPECT_EQ(occurrences(svg, "fill=\"none\""), partitions == 3 ? 9u : 7u);
    EXPECT_EQ(metatreeSvg(plan, mainStep(plan)), svg);
  }
}

TEST(MetatreeSvg, HundredsOfRelationsAreBundled) {
  PlanT plan = partitionedPlan(2);
  for (uint32_t p : {0u, 1u}) {
    EntryT &entry = *plan.entries[p];
    uint32_t id = 1000 * (p + 1);
    test::EntryBuilder build{entry, id};
    for (uint32_t r = 0; r < 200; ++r) {
      if (p == 0) {
        plan.relations.push_back(std::make_unique<RelationT>());
        plan.relations.back()->name = "r" + std::to_string(r);
        plan.relations.back()->source = 1;
      }
      build.sample(uint32_t(plan.relations.size()) - 200 + (p ? r : 199), 1, 10, 3);
    }
  }
  std::map<std::string, int> elements;
  std::string svg = metatreeSvg(plan, mainStep(plan));
  EXPECT_EQ(wrongInXml(svg, elements), "");
  EXPECT_TRUE(has(svg, ">201 relations<tspan dx=\"8\" fill=\"#555555\">2,945 edges</tspan>"))
      << svg;
  EXPECT_TRUE(has(svg, "... and 151 more")) << "what a pointer shows has an end";
  EXPECT_LT(elements["path"], 40);
  EXPECT_TRUE(has(svg, ">acts<tspan dx=\"8\" fill=\"#555555\">15: 1,234</tspan>"))
      << "a hop with few links shows each";
}

TEST(MetatreeSvg, BoxesDoNotOverlap) {
  PlanT plan = partitionedPlan(2);
  uint32_t id = 1000;
  test::EntryBuilder build{*plan.entries[0], id};
  for (uint32_t t = 3; t < 40; ++t) { // many types at one hop
    plan.node_types.push_back(std::make_unique<NodeTypeT>());
    plan.node_types.back()->name = "type" + std::to_string(t);
    plan.relations.push_back(std::make_unique<RelationT>());
    plan.relations.back()->name = "of";
    plan.relations.back()->source = t;
    build.sample(uint32_t(plan.relations.size() - 1), 0, 5, 100);
  }
  std::istringstream svg(metatreeSvg(plan, mainStep(plan)));
  struct Rectangle {
    double x, y, width, height;
  };
  std::vector<Rectangle> boxes;
  double width = 0, height = 0;
  for (std::string line; std::getline(svg, line);) {
    Rectangle r{};
    if (std::sscanf(line.c_str(),
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%lf\" height=\"%lf\"",
                    &width, &height) == 2)
      continue;
    if (has(line, "fill=\"#f5f5f5\"") &&
        std::sscanf(line.c_str(), "<rect x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\"", &r.x,
                    &r.y, &r.width, &r.height) == 4)
      boxes.push_back(r);
  }
  ASSERT_EQ(boxes.size(), 6u + 37 + 1);
  for (size_t i = 0; i < boxes.size(); ++i) {
    const Rectangle &a = boxes[i];
    EXPECT_GE(a.x, 0);
    EXPECT_GE(a.y, 40);
    EXPECT_LE(a.x + a.width, width);
    EXPECT_LE(a.y + a.height, height);
    for (size_t k = 0; k < i; ++k) {
      const Rectangle &b = boxes[k];
      EXPECT_FALSE(a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height &&
                   b.y < a.y + a.height)
          << i << " and " << k;
    }
  }
}

} // namespace
} // namespace heddle::plan
