//===- InterpreterModelTest.cpp - the model phase against dense loops -----===//
//
// Part of Heddle, under the Apache License v2.0.
//
// The oracle is an R-GCN in plain loops over ALL nodes of the graph at every layer, with sampled
// neighbours chosen by its own reading of the key specification. It knows no frontier and no layered
// DAG: if the interpreter loses or repeats a path to a seed, the logits differ.
//
//===----------------------------------------------------------------------===//
#include "tests/unit/compiler/InterpreterSupport.h"
#include "tests/unit/compiler/RandomGraph.h"

#include "compiler/Symbols.h"
#include "runtime/base/Keys.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

namespace heddle::test {
namespace {

using Matrix = std::vector<std::vector<double>>;

/// An element of an array of float32, float16 or bfloat16.
double numberAt(const graph::DenseFeatureView &view, size_t index) {
  if (view.dtype == "float16")
    return double(static_cast<const _Float16 *>(view.data)[index]);
  if (view.dtype == "bfloat16")
    return std::bit_cast<float>(uint32_t(static_cast<const uint16_t *>(view.data)[index]) << 16);
  return static_cast<const float *>(view.data)[index];
}

/// The model of one test.
struct Model {
  int64_t layers = 2, hidden = 4, bases = 0, classes = 0;
  bool self = true, norm = false, multilabel = false;
  bool featureless = false; ///< the first layer reads tables of its own, no inputs
  double dropout = 0;
  std::string activation = "tanh", combine = "sum", target;
  std::vector<int64_t> fanout, evalFanout;
  std::string overridden; ///< symbol of a relation with fan-out 1 everywhere in training
  std::vector<bool> learnable, constant; ///< by node type; neither and no feature: learnable
};

std::string quoted(const std::string &text) {
  static const char *digits = "0123456789ABCDEF";
  std::string out = "\"";
  for (unsigned char c : text)
    if (c < 32 || c > 126 || c == '"' || c == '\\')
      out += std::string("\\") + digits[c >> 4] + digits[c & 15];
    else
      out += char(c);
  return out + "\"";
}
std::string symbol(const std::string &name) { return "@" + quoted(compiler::escapeName(name)); }
std::string list(const std::vector<int64_t> &numbers) {
  std::string out = "array<i64";
  for (size_t i = 0; i < numbers.size(); ++i)
    out += (i ? ", " : ": ") + std::to_string(numbers[i]);
  return out + ">";
}

bool isLearnable(const Model &model, const graph::GraphSchema &schema, size_t type) {
  return model.learnable[type] || (schema.nodeTypes[type].features.empty() && !model.constant[type]);
}

/// The hgnn module of the model phase.
std::string moduleText(const Model &model, const graph::GraphSchema &schema) {
  std::string d = "!hgnn.tensor<dst : ?xf32>", p = "!hgnn.tensor<param : ?xf32>";
  std::string h = std::to_string(model.hidden), out = "module {\n";
  auto param = [&](const std::string &name, const std::string &scope, const std::string &shape,
                   const std::string &init, const std::string &type) {
    return "hgnn.param \"" + name + "\" scope " + scope + " shape [" + shape + "] init \"" + init +
           "\" : " + type + "\n";
  };
  for (size_t t = 0; t < schema.nodeTypes.size(); ++t) {
    const auto &type = schema.nodeTypes[t];
    out += "hgnn.node_type " + symbol(type.name) + " {id = " + std::to_string(t) +
           " : i64, num_nodes = " + std::to_string(type.numNodes) + " : i64, features = {}}\n";
    out += "hgnn.input @" + quoted("input." + type.name) + " of " + symbol(type.name) + " {\n";
    std::vector<std::string> parts;
    for (size_t f = 0; f < type.features.size(); ++f) {
      const auto &feature = type.features[f];
      bool sparse = feature.kind == graph::FeatureKind::Sparse;
      std::string n = std::to_string(f), dim = std::to_string(feature.dim);
      std::string w = "!hgnn.tensor<param : " + dim + "x" + h + "xf32>";
      std::string x = sparse ? "!hgnn.sparse<dst, " + dim + ">" : "!hgnn.tensor<dst : " + dim + "xf32>";
      out += "%w" + n + " = hgnn.param " + quoted("in." + type.name + "." + feature.name) +
             " scope layer shape [" + dim + ", " + h + "] init \"xavier_uniform\" : " + w + "\n";
      out += "%x" + n + " = hgnn.feature " + quoted(feature.name) + " : " + x + "\n";
      out += "%y" + n + " = hgnn." + (sparse ? "sparse_linear" : "linear") + " %x" + n + ", %w" + n +
             " : " + x + ", " + w + "\n";
      parts.push_back("%y" + n);
    }
    std::string rows = "!hgnn.tensor<dst : " + h + "xf32>", vec = "!hgnn.tensor<param : " + h + "xf32>";
    if (isLearnable(model, schema, t)) {
      out += "%l = hgnn.learnable " + quoted("emb." + type.name) + " init \"xavier_uniform\" : " + rows + "\n";
      parts.push_back("%l");
    }
    if (model.constant[t]) {
      out += "%cp = hgnn.param " + quoted("const." + type.name) + " scope layer shape [" + h +
             "] init \"normal(0.5)\" : " + vec + "\n%k = hgnn.constant_rows %cp : (" + vec + ") -> " +
             rows + "\n";
      parts.push_back("%k");
    }
    out += "%sum = hgnn.add ";
    for (size_t i = 0; i < parts.size(); ++i)
      out += (i ? ", " : "") + parts[i];
    out += " : ";
    for (size_t i = 0; i < parts.size(); ++i)
      out += (i ? ", " : "") + rows;
    out += "\n%z = hgnn.dropout %sum {p = " + std::to_string(model.dropout) +
           " : f64, site = 0 : i64} : " + rows + "\nhgnn.yield %z : " + rows + "\n}\n";
  }
  for (size_t r = 0; r < schema.relations.size(); ++r) {
    const auto &relation = schema.relations[r];
    out += "hgnn.relation @" +
           quoted(compiler::relationSymbol(relation.source, relation.name, relation.destination)) +
           " from " + symbol(relation.source) + " to " + symbol(relation.destination) +
           " {id = " + std::to_string(r) + " : i64, name = " + quoted(relation.name) +
           ", num_edges = " + std::to_string(relation.numEdges) + " : i64}\n";
  }
  std::string names;
  for (int64_t c = 0; c < model.classes; ++c)
    names += (c ? ", \"" : "\"") + std::to_string(c) + "\"";
  out += "hgnn.task " + symbol(model.target) + " {label = \"y\", split = \"main\", multilabel = " +
         (model.multilabel ? "true" : "false") + ", class_names = [" + names + "], loss = \"" +
         (model.multilabel ? "binary_cross_entropy" : "cross_entropy") +
         "\", metrics = [], num_train = 1 : i64, num_valid = 0 : i64, num_test = 0 : i64}\n";
  std::string overrides =
      model.overridden.empty()
          ? "{}"
          : "{" + quoted(model.overridden) + " = " +
                list(std::vector<int64_t>(size_t(model.layers), 1)) + "}";
  out += "hgnn.sampling {fanout = " + list(model.fanout) + ", overrides = " + overrides +
         ", eval_fanout = " + list(model.evalFanout) +
         ", eval_overrides = {}, batch_size = 0 : i64, eval_batch_size = 0 : i64}\n";
  std::string s = "!hgnn.tensor<src : ?xf32>", e = "!hgnn.tensor<edge : ?xf32>";
  for (int64_t l = 0; l < model.layers; ++l) {
    int64_t width = l + 1 == model.layers ? model.classes : model.hidden;
    out += "hgnn.layer @\"layer." + std::to_string(l) + "\" combine " + model.combine +
           " attributes {index = " + std::to_string(l) + " : i64, in_size = " + h +
           " : i64, out_size = " + std::to_string(width) + " : i64}\nmessage {\n^bb0(%adj: !hgnn.adj<any>, %src: " +
           s + ", %dst: " + d + "):\n";
    const bool tables = model.featureless && l == 0, bases = model.bases && !tables;
    if (bases) {
      std::string b = std::to_string(model.bases), flat = std::to_string(model.hidden * width);
      std::string tc = "!hgnn.tensor<param : 1x" + b + "xf32>", tb = "!hgnn.tensor<param : " + b + "x" + flat + "xf32>";
      out += "%comp = " + param("comp", "relation", "1, " + b, "uniform(1.0)", tc);
      out += "%bases = " + param("bases", "layer", b + ", \"in*out\"", "xavier_normal", tb);
      out += "%flat = hgnn.linear %comp, %bases : " + tc + ", " + tb + "\n%W = hgnn.reshape %flat {shape = " +
             list({model.hidden, width}) + "} : !hgnn.tensor<param : 1x" + flat + "xf32>\n";
      p = "!hgnn.tensor<param : " + h + "x" + std::to_string(width) + "xf32>";
    } else if (!tables) {
      out += "%W = " + param("weight", "relation", "\"in\", \"out\"", "xavier_uniform", p);
    }
    bool known = bases;
    std::string ms = known ? "!hgnn.tensor<src : " + std::to_string(width) + "xf32>" : s;
    std::string me = known ? "!hgnn.tensor<edge : " + std::to_string(width) + "xf32>" : e;
    std::string md = known ? "!hgnn.tensor<dst : " + std::to_string(width) + "xf32>" : d;
    std::string weight = p;
    p = "!hgnn.tensor<param : ?xf32>";
    out += tables ? "%m = hgnn.learnable \"rows\" scope relation width \"out\" init \"normal(0.5)\" : " + s
                  : "%m = hgnn.linear %src, %W : " + s + ", " + weight;
    out += "\n%g = hgnn.gather_src %m, %adj : " + ms +
           ", !hgnn.adj<any>\n%a = hgnn.reduce_dst %g, %adj : " + me +
           ", !hgnn.adj<any>\n%deg = hgnn.degree %adj : !hgnn.adj<any>\n%inv = hgnn.unary reciprocal "
           "%deg : !hgnn.tensor<dst : 1xf32>\n%r = hgnn.scale_rows %a, %inv : " +
           md + ", !hgnn.tensor<dst : 1xf32>\n";
    if (model.combine == "softmax") {
      out += "%att = " + param("att", "relation", "\"out\", 1", "uniform(2.0)", p);
      out += "%score = hgnn.linear %r, %att : " + md + ", " + p + "\nhgnn.yield %r, %score : " + md + ", " +
             d + "\n";
    } else {
      out += "hgnn.yield %r : " + md + "\n";
    }
    out += "}\nupdate {\n^bb0(%c: " + d + ", %own: " + d + ", %ids: !hgnn.ids<dst>):\n";
    std::string value = "%c";
    if (model.self) {
      if (tables)
        out += "%t = hgnn.learnable \"own\" scope destination_type width \"out\" init \"normal(0.5)\" : " + d;
      else
        out += "%W = " + param("lin.weight", "destination_type", "\"in\", \"out\"", "kaiming_uniform", p) +
               "%t = hgnn.linear %own, %W : " + d + ", " + p;
      out += "\n%u = hgnn.add " + value + ", %t : " + d +
             ", " + d + "\n";
      value = "%u";
    }
    out += "%b = " + param("bias", "destination_type", "\"out\"", "uniform(0.25)", p);
    out += "%v = hgnn.add_bias " + value + ", %b : " + d + ", " + p + "\n";
    value = "%v";
    if (l + 1 < model.layers) {
      if (model.norm) {
        out += "%gamma = " + param("norm.weight", "layer", "\"out\"", "ones", p);
        out += "%beta = " + param("norm.bias", "layer", "\"out\"", "uniform(0.1)", p);
        out += "%n = hgnn.layer_norm " + value + ", %gamma, %beta {eps = 1.0e-2 : f64} : " + d + ", " + p +
               ", " + p + "\n";
        value = "%n";
      }
      out += "%f = hgnn.unary " + model.activation + " " + value + " : " + d +
             "\n%o = hgnn.dropout %f {p = " + std::to_string(model.dropout) + " : f64, site = " +
             std::to_string(l + 1) + " : i64} : " + d + "\n";
      value = "%o";
    }
    out += "hgnn.yield " + value + " : " + d + "\n}\n";
  }
  return out + "}\n";
}

/// The oracle. Parameters by name; missing ones fail the test.
class DenseRgcn {
public:
  DenseRgcn(const Model &model, const graph::GraphStore &store, const InterpreterInput &input,
            bool train, const NumericArrays &states)
      : model(model), store(store), schema(store.schema()), input(input), train(train),
        states(states) {}

  /// Logits of every node of the target type.
  Matrix logits() {
    std::vector<Matrix> rows;
    for (size_t t = 0; t < schema.nodeTypes.size(); ++t)
      rows.push_back(inputRows(t));
    for (int64_t l = 0; l < model.layers; ++l) {
      std::vector<Matrix> next;
      for (size_t t = 0; t < schema.nodeTypes.size(); ++t)
        next.push_back(layer(l, t, rows));
      rows = next;
    }
    return rows[size_t(schema.nodeTypeId(model.target))];
  }

private:
  /// A number of a parameter. NaN where there is none: no seed may depend on it.
  double at(const std::string &name, size_t index) {
    auto found = states.find(name);
    return found == states.end() ? NAN : found->second.data.at(index);
  }
  /// Of the names that the graphs here have.
  static std::string key(const std::string &name) {
    std::string text;
    for (char c : name)
      text += c == '.' ? "#" : c == '%' ? "%25" : std::string(1, c);
    return text;
  }

  Matrix inputRows(size_t t) {
    const auto &type = schema.nodeTypes[t];
    size_t h = size_t(model.hidden);
    Matrix rows(size_t(type.numNodes), std::vector<double>(h, 0.0));
    for (const auto &feature : type.features)
      for (size_t v = 0; v < rows.size(); ++v)
        for (size_t j = 0; j < h; ++j) {
          std::string name = "in." + type.name + "." + feature.name;
          if (feature.kind == graph::FeatureKind::Dense) {
            auto view = valueOf(store.denseFeature(int(t), feature.name));
            for (size_t k = 0; k < size_t(view.dim); ++k)
              rows[v][j] += numberAt(view, v * size_t(view.dim) + k) * at(name, k * h + j);
          } else {
            auto view = valueOf(store.sparseFeature(int(t), feature.name));
            for (int64_t i = view.indptr[v]; i < view.indptr[v + 1]; ++i)
              rows[v][j] += (view.values ? double(view.values[i]) : 1.0) *
                            at(name, size_t(view.indices[i]) * h + j);
          }
        }
    for (size_t v = 0; v < rows.size(); ++v)
      for (size_t j = 0; j < h; ++j) {
        if (isLearnable(model, schema, t))
          rows[v][j] += at("emb." + type.name, v * h + j);
        if (model.constant[t])
          rows[v][j] += at("const." + type.name, j);
      }
    drop(rows, 0, model.layers);
    return rows;
  }

  void drop(Matrix &rows, uint32_t site, int64_t hop) {
    if (!train)
      return;
    for (size_t v = 0; v < rows.size(); ++v)
      for (size_t j = 0; j < rows[v].size(); ++j)
        rows[v][j] = keys::dropoutKeeps(input.seed, input.step, uint32_t(hop), site, v, uint32_t(j),
                                        keys::dropoutThreshold(model.dropout))
                         ? rows[v][j] / (1 - model.dropout)
                         : 0;
  }

  /// Sources of the sampled in-edges.
  std::vector<int64_t> neighbours(int64_t hop, size_t r, int64_t v) {
    const graph::RelationView &view = store.relation(int(r));
    int64_t degree = view.inPtr[v + 1] - view.inPtr[v];
    int64_t fanout = train ? model.fanout[size_t(hop)] : model.evalFanout[size_t(hop)];
    const auto &relation = schema.relations[r];
    if (train && model.overridden ==
                     compiler::relationSymbol(relation.source, relation.name, relation.destination))
      fanout = 1;
    std::vector<bool> taken(size_t(degree), fanout == -1 || degree <= fanout);
    for (int64_t i = 0; i < fanout && degree > fanout; ++i) {
      size_t j = size_t(degree - fanout + i);
      size_t t = size_t(keys::sampleDraw(input.seed, input.step, uint32_t(hop), uint32_t(r),
                                         uint64_t(v), uint32_t(i), j + 1));
      taken[taken[t] ? j : t] = true;
    }
    std::vector<int64_t> sources;
    for (int64_t i = 0; i < degree; ++i)
      if (taken[size_t(i)])
        sources.push_back(view.inSources[view.inPtr[v] + i]);
    return sources;
  }

  double activate(double x) const {
    if (model.activation == "relu")
      return x < 0 ? 0 : x;
    if (model.activation == "elu")
      return x < 0 ? std::expm1(x) : x;
    if (model.activation == "sigmoid")
      return 1 / (1 + std::exp(-x));
    if (model.activation == "gelu")
      return x / 2 * std::erfc(-x / std::sqrt(2.0));
    return std::tanh(x);
  }

  struct Message {
    std::vector<double> value;
    double score;
  };
  double combined(const std::vector<Message> &messages, size_t j, int relations) const {
    if (messages.empty())
      return 0;
    double sum = 0, largest = messages[0].value[j], weights = 0, weighted = 0;
    for (const Message &message : messages) {
      sum += message.value[j];
      largest = std::max(largest, message.value[j]);
      weights += std::exp(message.score);
      weighted += std::exp(message.score) * message.value[j];
    }
    return model.combine == "max"       ? largest
           : model.combine == "softmax" ? weighted / weights
           : model.combine == "mean"    ? sum / relations
                                        : sum;
  }

  Matrix layer(int64_t l, size_t t, const std::vector<Matrix> &rows) {
    const std::string type = schema.nodeTypes[t].name, prefix = "convs." + std::to_string(l) + ".";
    bool last = l + 1 == model.layers, tables = model.featureless && l == 0;
    size_t in = size_t(model.hidden), width = size_t(last ? model.classes : model.hidden);
    Matrix result(rows[t].size(), std::vector<double>(width, 0.0));
    int relations = 0;
    std::vector<std::vector<Message>> messages(result.size()); // of the relations with an edge
    for (size_t r = 0; r < schema.relations.size(); ++r) {
      const auto &relation = schema.relations[r];
      if (relation.destination != type)
        continue;
      ++relations;
      std::string own = prefix + "convs.<" + key(relation.source) + "___" + key(relation.name) + "___" +
                        key(type) + ">.";
      std::vector<double> weight(in * width, 0.0);
      for (size_t i = 0; i < weight.size() && !tables; ++i)
        if (!model.bases)
          weight[i] = at(own + "weight", i);
        else
          for (size_t b = 0; b < size_t(model.bases); ++b)
            weight[i] += at(own + "comp", b) * at(prefix + "bases", b * in * width + i);
      const Matrix &sources = rows[size_t(schema.nodeTypeId(relation.source))];
      for (size_t v = 0; v < result.size(); ++v) {
        std::vector<int64_t> list = neighbours(model.layers - 1 - l, r, int64_t(v));
        Message message{std::vector<double>(width, 0.0), 0};
        for (int64_t u : list)
          for (size_t j = 0; j < width && tables; ++j)
            message.value[j] += at(own + "rows", size_t(u) * width + j) / double(list.size());
        for (int64_t u : list)
          for (size_t k = 0; k < in && !tables; ++k)
            for (size_t j = 0; j < width; ++j)
              message.value[j] += sources[size_t(u)][k] * weight[k * width + j] / double(list.size());
        for (size_t j = 0; model.combine == "softmax" && j < width; ++j)
          message.score += message.value[j] * at(own + "att", j);
        if (!list.empty())
          messages[v].push_back(message);
      }
    }
    for (size_t v = 0; v < result.size(); ++v)
      for (size_t j = 0; j < width; ++j) {
        result[v][j] = combined(messages[v], j, relations);
        if (model.self && tables)
          result[v][j] += at(prefix + "own_dict." + key(type), v * width + j);
        for (size_t k = 0; model.self && !tables && k < in; ++k)
          result[v][j] += rows[t][v][k] * at(prefix + "lin_dict." + key(type) + ".weight", k * width + j);
        result[v][j] += at(prefix + "bias_dict." + key(type), j);
      }
    if (last)
      return result;
    for (auto &row : result) {
      double mean = 0, square = 0;
      for (double x : row) {
        mean += x / double(width);
        square += x * x / double(width);
      }
      for (size_t j = 0; j < width; ++j) {
        if (model.norm)
          row[j] = (row[j] - mean) / std::sqrt(square - mean * mean + 0.01) * at(prefix + "norm.weight", j) +
                   at(prefix + "norm.bias", j);
        row[j] = activate(row[j]);
      }
    }
    drop(result, uint32_t(l + 1), model.layers - 1 - l);
    return result;
  }

  const Model &model;
  const graph::GraphStore &store;
  const graph::GraphSchema &schema;
  const InterpreterInput &input;
  bool train;
  const NumericArrays &states;
};

double denseLoss(const Model &model, const graph::LabelView &labels, const std::vector<int64_t> &seeds,
                 const Matrix &logits) {
  double sum = 0;
  int count = 0;
  for (int64_t seed : seeds) {
    const auto &z = logits[size_t(seed)];
    if (model.multilabel) {
      const uint8_t *y = labels.multi + seed * model.classes;
      if (y[0] == 255)
        continue;
      for (size_t j = 0; j < z.size(); ++j)
        sum -= std::log(y[j] ? 1 / (1 + std::exp(-z[j])) : 1 / (1 + std::exp(z[j]))) / double(z.size());
    } else {
      if (labels.classes[seed] < 0)
        continue;
      double total = 0;
      for (double x : z)
        total += std::exp(x);
      sum -= std::log(std::exp(z[size_t(labels.classes[seed])]) / total);
    }
    ++count;
  }
  return count ? sum / count : 0;
}

class InterpreterModel : public MlirTest {};

TEST_F(InterpreterModel, AgreesWithDenseLoopsOnRandomGraphs) {
  const std::vector<std::string> activations = {"tanh", "relu", "elu", "sigmoid", "gelu"};
  int isolated = 0, sampled = 0, multi = 0;
  std::map<std::string, int> combines;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    TemporaryDirectory directory;
    RandomCase random = valueOf(makeRandomCase(seed, directory.path()));
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + random.name);
    auto store = valueOf(graph::GraphStore::open(random.graphDirectory));
    const graph::GraphSchema &schema = store->schema();
    std::mt19937_64 engine(seed);
    auto coin = [&] { return engine() % 2 == 0; };
    Model model;
    int targetId = -1;
    for (size_t t = 0; t < schema.nodeTypes.size(); ++t) {
      if (!schema.nodeTypes[t].labels.empty())
        targetId = int(t);
      model.learnable.push_back(engine() % 4 == 0);
      model.constant.push_back(engine() % 4 == 0);
    }
    const auto &target = schema.nodeTypes[size_t(targetId)];
    model.target = target.name;
    model.classes = int64_t(target.labels[0].classes.size());
    model.multilabel = target.labels[0].multilabel;
    model.layers = 1 + int64_t(seed % 4);
    model.hidden = 2 + int64_t(engine() % 4);
    model.bases = coin() ? 0 : 2;
    model.self = engine() % 3 != 0;
    model.norm = coin();
    model.combine = std::vector<std::string>{"sum", "mean", "max", "softmax"}[engine() % 4];
    ++combines[model.combine];
    model.dropout = coin() ? 0.25 : 0;
    model.featureless = engine() % 3 == 0;
    model.activation = activations[engine() % activations.size()];
    for (int64_t h = 0; h < model.layers; ++h) {
      model.fanout.push_back(seed % 3 == 0 ? -1 : int64_t(1 + engine() % 3));
      model.evalFanout.push_back(coin() ? -1 : 2);
    }
    if (coin()) {
      const auto &r = schema.relations[engine() % schema.relations.size()];
      model.overridden = compiler::relationSymbol(r.source, r.name, r.destination);
    }
    auto module = parse(moduleText(model, schema));
    InterpreterInput input;
    input.graph = store.get();
    input.seed = 1000 + seed;
    input.step = uint32_t(seed);
    for (int64_t v = 0; v < target.numNodes; ++v)
      if (seed % 2 || engine() % 3 == 0)
        input.seeds.push_back(v);
    sampled += seed % 3 != 0;
    multi += model.multilabel;
    for (int64_t v : input.seeds) {
      int64_t degree = 0;
      for (size_t r = 0; r < schema.relations.size(); ++r)
        if (schema.relations[r].destination == model.target)
          degree += store->relation(int(r)).inPtr[v + 1] - store->relation(int(r)).inPtr[v];
      isolated += degree == 0;
    }

    for (bool train : {true, false}) {
      SCOPED_TRACE(train ? "train" : "eval");
      std::string entry = train ? "train_step" : "eval_step";
      InterpreterResult result = interpretOrDie(*module, entry, input);
      Matrix logits = DenseRgcn(model, *store, input, train, result.states).logits();
      const NumericArray &own = result.outputs["logits"];
      ASSERT_EQ(own.shape, (std::vector<int64_t>{int64_t(input.seeds.size()), model.classes}));
      for (size_t i = 0; i < input.seeds.size(); ++i)
        for (size_t j = 0; j < size_t(model.classes); ++j) {
          double expected = logits[size_t(input.seeds[i])][j];
          ASSERT_NEAR(own.data[i * size_t(model.classes) + j], expected, 1e-11 * (1 + std::abs(expected)))
              << "row " << input.seeds[i];
        }
      double loss = denseLoss(model, valueOf(store->label(targetId, "y")), input.seeds, logits);
      EXPECT_NEAR(result.outputs["loss"].data.at(0), loss, 1e-11 * (1 + loss));
      EXPECT_EQ(result.outputs["ids"].data,
                std::vector<double>(input.seeds.begin(), input.seeds.end()));
    }

    // The exact derivative of the loss along a direction, against a central difference.
    if (model.activation == "relu")
      continue;
    InterpreterResult start = interpretOrDie(*module, "train_step", input);
    NumericArrays direction = start.states;
    for (auto &[name, array] : direction)
      for (double &x : array.data)
        x = double(engine() >> 11) * 0x1p-52 - 1;
    input.states = start.states;
    auto exact = compiler::directionalDerivative(*module, "train_step", input, direction);
    ASSERT_TRUE(llvm::succeeded(exact)) << messages;
    double side[2];
    for (int i = 0; i < 2; ++i) {
      InterpreterInput moved = input;
      for (auto &[name, array] : moved.states)
        for (size_t e = 0; e < array.data.size(); ++e)
          array.data[e] += (i ? 1e-5 : -1e-5) * direction[name].data[e];
      side[i] = interpretOrDie(*module, "train_step", moved).outputs["loss"].data.at(0);
    }
    double difference = (side[1] - side[0]) / 2e-5;
    EXPECT_NEAR(*exact, difference, 1e-5 * (1 + std::abs(difference)));
  }
  // The graphs are what they are made for.
  EXPECT_GT(isolated, 0);
  EXPECT_GT(sampled, 10);
  EXPECT_GT(multi, 4);
  for (const char *combine : {"sum", "mean", "max", "softmax"})
    EXPECT_GT(combines[combine], 4) << combine;
}

TEST_F(InterpreterModel, ParametersStartByNameAlone) {
  TemporaryDirectory directory;
  RandomCase random = valueOf(makeRandomCase(3, directory.path()));
  auto store = valueOf(graph::GraphStore::open(random.graphDirectory));
  const graph::GraphSchema &schema = store->schema();
  Model model;
  for (const auto &type : schema.nodeTypes) {
    if (!type.labels.empty()) {
      model.target = type.name;
      model.classes = int64_t(type.labels[0].classes.size());
      model.multilabel = type.labels[0].multilabel;
    }
    model.learnable.push_back(true);
    model.constant.push_back(false);
  }
  model.fanout = model.evalFanout = {-1, -1};
  auto module = parse(moduleText(model, schema));
  InterpreterInput input;
  input.graph = store.get();
  input.seed = 5;
  input.seeds = {0, 1};
  auto states = interpretOrDie(*module, "train_step", input).states;
  ASSERT_FALSE(states.empty());
  std::string type = model.target;
  std::replace(type.begin(), type.end(), '.', '#');
  const NumericArray &bias = states["convs.1.bias_dict." + type];
  ASSERT_EQ(bias.shape, std::vector<int64_t>{model.classes});
  for (size_t j = 0; j < bias.data.size(); ++j)
    EXPECT_EQ(bias.data[j],
              double(float(-.25 + .5 * keys::initUniform(5, "convs.1.bias_dict." + type, 0, uint32_t(j)))));
  const NumericArray &rows = states["emb." + model.target];
  double bound = std::sqrt(3.0 / 4);
  ASSERT_EQ(rows.shape[1], 4);
  EXPECT_EQ(rows.data[6],
            double(float(-bound + 2 * bound * keys::initUniform(5, "emb." + model.target, 1, 2))));
}

} // namespace
} // namespace heddle::test
