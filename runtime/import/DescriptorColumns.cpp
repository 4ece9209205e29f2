//===- DescriptorColumns.cpp - features, labels and splits of a descriptor -===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/DescriptorParser.h"

#include "runtime/base/Npy.h"
#include "runtime/import/Values.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace heddle::importing {

TransformSpec DescriptorParser::readTransform(ObjectReader &in) {
  using Kind = TransformSpec::Kind;
  TransformSpec spec;
  static const Aliases aliases = {{"standard", "zscore"},
                                  {"standardize", "zscore"},
                                  {"standardise", "zscore"},
                                  {"max_min_norm", "min_max"},
                                  {"minmax", "min_max"},
                                  {"min-max", "min_max"},
                                  {"to_categorical", "categorical"},
                                  {"one_hot", "categorical"}};
  std::string name = in.oneOf("name", {"none", "zscore", "min_max", "categorical"}, aliases);
  spec.kind = name == "zscore"        ? Kind::ZScore
              : name == "min_max"     ? Kind::MinMax
              : name == "categorical" ? Kind::Categorical
                                      : Kind::None;
  bool fits = spec.kind != Kind::None;
  if (spec.kind == Kind::Categorical) {
    spec.minCount = in.integerOr("min_count", 1, 1);
    std::string unknown = in.oneOfOr("unknown", "bucket", {"bucket", "zero", "error"});
    spec.unknown = unknown == "zero"    ? TransformSpec::Unknown::Zero
                   : unknown == "error" ? TransformSpec::Unknown::Error
                                        : TransformSpec::Unknown::Bucket;
    spec.separator = in.stringOr("separator", "");
    // A missing category is a row of zeros unless it must not be.
    std::string missing = in.oneOfOr("missing", "zero", {"zero", "error"});
    spec.missing = missing == "zero" ? TransformSpec::Missing::Zero : TransformSpec::Missing::Error;
  } else {
    spec.log1p = in.booleanOr("log1p", false);
    std::string missing =
        in.oneOfOr("missing", "error", {"error", "zero", "mean", "zero+flag", "mean+flag"});
    spec.missing = missing == "zero"        ? TransformSpec::Missing::Zero
                   : missing == "mean"      ? TransformSpec::Missing::Mean
                   : missing == "zero+flag" ? TransformSpec::Missing::ZeroFlag
                   : missing == "mean+flag" ? TransformSpec::Missing::MeanFlag
                                            : TransformSpec::Missing::Error;
    fits |= missing == "mean" || missing == "mean+flag";
  }
  if (fits)
    spec.fitOnTrain = in.oneOfOr("fit_on", "all", {"all", "train"}) == "train";
  (void)in.finish(keyAliases());
  return spec;
}

FeatureSpec DescriptorParser::readFeature(ObjectReader &in, const NodeSpec &node) {
  FeatureSpec spec;
  spec.place = placeOf(in);
  knows(in, {"feature_col", "feature_name", "transform", "out_dtype", "files", "row_order_of",
             "indptr", "indices", "values", "dim"});
  bool columns = in.has("feature_col"), files = in.has("files"), sparse = in.has("indptr");
  if (columns + files + sparse != 1) {
    in.fail("", "a feature comes from one of feature_col (columns of the table), files (dense "
                ".npy) and indptr with indices (sparse .npy); give one");
    return spec;
  }
  if (columns) {
    spec.columns = stringOrStrings(in, "feature_col");
    if (in.ok() && spec.columns.empty())
      in.fail("feature_col", "no column; name at least one");
    spec.name = in.has("feature_name") || spec.columns.size() != 1 ? nonEmpty(in, "feature_name")
                                                                   : spec.columns[0];
    if (in.has("transform")) {
      ObjectReader transform = in.object("transform");
      spec.transform = readTransform(transform);
    }
    bool categorical = spec.transform.kind == TransformSpec::Kind::Categorical;
    if (categorical) {
      if (in.ok() && spec.columns.size() != 1)
        in.fail("feature_col", "categorical takes one column; write a feature for each");
    } else {
      spec.ownDtype = in.has("out_dtype");
      spec.outDtype = in.oneOfOr("out_dtype", "float32", dtypeNames());
      bool real = isFloatingDtype(spec.outDtype);
      bool fractions = spec.transform.kind != TransformSpec::Kind::None || spec.transform.log1p ||
                       spec.transform.missing == TransformSpec::Missing::Mean ||
                       spec.transform.missing == TransformSpec::Missing::MeanFlag;
      if (in.ok() && !real && fractions)
        in.fail("out_dtype", "the transform gives fractions, which " + spec.outDtype +
                                 " does not hold; use float32");
    }
    if (in.ok() && (node.fromEdges || node.numNodes >= 0))
      in.fail("feature_col", "this node type has no table; give files and node_id_col, or a .npy "
                             "feature");
    return finished(in, spec);
  }
  spec.name = nonEmpty(in, "feature_name");
  if (in.ok() && node.fromEdges)
    in.fail("", "rows of a type known from edges have no order that an array could follow; give "
                "the type a table or num_nodes");
  if (files) {
    spec.source = FeatureSpec::Source::Dense;
    spec.files = expand(in, "files");
    spec.outDtype = in.oneOfOr("out_dtype", "", dtypeNames());
  } else {
    spec.source = FeatureSpec::Source::Sparse;
    spec.indptr = existingFile(in, "indptr");
    spec.indices = existingFile(in, "indices");
    if (in.has("values"))
      spec.values = existingFile(in, "values");
    spec.dim = in.integer("dim", 0);
  }
  // Said aloud in the descriptor, because shuffled rows would go unnoticed.
  in.oneOf("row_order_of", {"files"});
  return finished(in, spec);
}

FeatureSpec DescriptorParser::readEdgeFeature(ObjectReader &in) {
  if (in.has("indptr"))
    in.fail("indptr", "edges have dense features only; remove it, and give columns or a dense .npy");
  NodeSpec table; // the edges' files are one
  FeatureSpec spec = readFeature(in, table);
  spec.ofEdges = true;
  if (!in.ok())
    return spec;
  if (spec.transform.kind == TransformSpec::Kind::Categorical)
    in.fail("transform", "categorical features are sparse, and edges have dense ones only; write a "
                         "numeric column for each category, or a relation for each");
  else if (spec.transform.fitOnTrain)
    in.fail("transform", "fits on train, but edges are in no split; use fit_on all");
  return spec;
}

void DescriptorParser::readHash(ObjectReader &in, SplitSpec &split) {
  split.kind = SplitSpec::Kind::Hash;
  const nlohmann::json *value = in.raw("split_pct");
  std::vector<double> ratio = value ? in.numbers("split_pct") : std::vector<double>();
  split.seed = uint64_t(in.integerOr("seed", 0, 0));
  if (!in.ok())
    return;
  double sum = 0;
  bool negative = false;
  for (double r : ratio) {
    sum += r;
    negative |= !(r >= 0);
  }
  if (ratio.size() != 3 || negative || !(sum <= 1 + 1e-9) || sum <= 0)
    return in.fail("split_pct", "must be three shares (train, valid, test) of at most 1 in all; "
                                "write for example [0.8, 0.1, 0.1]");
  std::copy(ratio.begin(), ratio.end(), split.ratio);
}

void DescriptorParser::readFiles(ObjectReader &in, SplitSpec &split) {
  split.kind = SplitSpec::Kind::Files;
  ObjectReader files = in.object("custom_split_filenames");
  knows(files, {"train", "valid", "test", "column"});
  const char *parts[] = {"train", "valid", "test"};
  for (int i = 0; i < 3; ++i)
    if (files.has(parts[i]))
      split.files[i] = expand(files, parts[i]);
  if (files.has("column")) {
    Names column = stringOrStrings(files, "column");
    if (files.ok() && column.size() != 1)
      files.fail("column", "must name one column; the ids of a node are in one");
    else if (files.ok())
      split.idColumn = column[0];
  }
  if (files.ok() && split.files[0].empty() && split.files[1].empty() && split.files[2].empty())
    files.fail("", "no part; give train, valid or test");
  (void)files.finish({{"val", "valid"}, {"validation", "valid"}});
}

SplitSpec DescriptorParser::readSplit(ObjectReader &in, const std::string &name) {
  SplitSpec split;
  split.name = name;
  split.place = placeOf(in);
  knows(in, {"split_pct", "seed", "custom_split_filenames", "split_col", "by", "valid_from",
             "test_from"});
  bool hash = in.has("split_pct"), files = in.has("custom_split_filenames"),
       column = in.has("split_col"), time = in.has("by");
  if (hash + files + column + time != 1) {
    in.fail("", "a split is given by one of split_pct, split_col, by and custom_split_filenames; "
                "give one");
    return split;
  }
  if (hash)
    readHash(in, split);
  else if (files)
    readFiles(in, split);
  else if (column) {
    split.kind = SplitSpec::Kind::Column;
    split.column = nonEmpty(in, "split_col");
  } else {
    split.kind = SplitSpec::Kind::Time;
    split.column = nonEmpty(in, "by");
    split.validFrom = timeText(in, "valid_from");
    split.testFrom = timeText(in, "test_from");
    if (in.ok()) {
      TimeValue valid = *parseTime(split.validFrom), test = *parseTime(split.testFrom);
      if (valid.isDate != test.isDate)
        in.fail("test_from", "one bound is a date and the other a number; write both alike");
      else if (test.value < valid.value)
        in.fail("test_from", "is before valid_from; training comes first, then validation, then "
                             "test");
    }
  }
  (void)in.finish(keyAliases());
  return split;
}

std::string DescriptorParser::timeText(ObjectReader &in, const std::string &key) {
  const nlohmann::json *value = in.raw(key);
  std::string text = value && value->is_number() ? value->dump() : in.string(key);
  if (in.ok() && !parseTime(text))
    in.fail(key, "'" + text +
                     "' is no time; write a number or a date such as \"2026-06-01\" or "
                     "\"2026-06-01T12:00:00Z\"");
  return text;
}

LabelSpec DescriptorParser::readLabel(ObjectReader &in, const NodeSpec &node) {
  LabelSpec label;
  label.place = placeOf(in);
  knows(in, {"label_col", "label_name", "task_type", "separator", "splits", "split_pct", "seed",
             "custom_split_filenames"});
  label.column = nonEmpty(in, "label_col");
  label.name = in.stringOr("label_name", label.column);
  in.oneOfOr("task_type", "classification", {"classification"});
  label.separator = in.stringOr("separator", "");
  if (in.ok() && in.has("separator") && label.separator.empty())
    in.fail("separator", "is empty; write the character between the classes of a cell");
  // GraphStorm's two short forms are one split named "default".
  if (in.has("split_pct") || in.has("custom_split_filenames")) {
    SplitSpec split;
    split.name = "default";
    split.place = label.place;
    if (in.has("split_pct") && in.has("custom_split_filenames"))
      in.fail("", "split_pct and custom_split_filenames are both given; give one, or name both "
                  "under splits");
    else if (in.has("split_pct"))
      readHash(in, split);
    else
      readFiles(in, split);
    label.splits.push_back(std::move(split));
  }
  if (in.has("splits")) {
    ObjectReader splits = in.object("splits");
    for (const std::string &name : splits.keys()) {
      if (!in.ok())
        break;
      ObjectReader one = splits.object(name);
      label.splits.push_back(readSplit(one, name));
      if (in.ok() && name == "default" && label.splits.size() > 1 &&
          label.splits[0].name == "default" && label.splits.front().place == label.place)
        splits.fail(name, "split_pct beside splits has this name already; choose another");
    }
    (void)splits.finish();
  }
  if (in.ok() && (node.fromEdges || node.numNodes >= 0))
    in.fail("label_col", "this node type has no table; give files and node_id_col");
  (void)in.finish(keyAliases());
  return label;
}

} // namespace heddle::importing
