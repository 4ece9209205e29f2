//===- Harness.cpp - compile kernels from text, run them, compare ----------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

#include "tests/unit/support/TestSupport.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>

using namespace heddle;
using namespace heddle::test;
using compiler::ArgPart;
using compiler::CountKind;
using compiler::KernelMode;
using compiler::KernelSignature;
using hgnn::FeatType;

Adjacency test::randomAdjacency(std::mt19937 &rng, int64_t destinations, int64_t sources,
                                double density) {
  Adjacency adj;
  adj.destinations = destinations;
  adj.sources = sources;
  std::bernoulli_distribution has(density);
  std::uniform_int_distribution<int> degree(1, 23);
  for (int64_t row = 0; row < destinations; ++row) {
    adj.rowPos.push_back(-1);
    if (sources == 0 || !has(rng))
      continue;
    adj.rowPos.back() = int32_t(adj.dstPos.size());
    adj.dstPos.push_back(int32_t(row));
    for (int i = degree(rng); i > 0; --i)
      adj.inSrc.push_back(int32_t(rng() % uint64_t(sources)));
    adj.inPtr.push_back(int32_t(adj.inSrc.size()));
  }
  adj.outPtr.push_back(0);
  for (int64_t source = 0; source < sources; ++source) {
    for (int64_t d = 0; d < adj.active(); ++d)
      for (int32_t e = adj.inPtr[size_t(d)]; e < adj.inPtr[size_t(d) + 1]; ++e)
        if (adj.inSrc[size_t(e)] == source) {
          adj.outDst.push_back(int32_t(d));
          adj.outEdge.push_back(e);
        }
    adj.outPtr.push_back(int32_t(adj.outDst.size()));
  }
  return adj;
}

static std::string textOf(hgnn::DomainAttr domain) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << domain; // "#hgnn.domain<rows(0, @t0)>", or without the name
  size_t open = text.find('<');
  return open == std::string::npos ? text : text.substr(open + 1, text.size() - open - 2);
}

int64_t test::countOf(hgnn::DomainAttr domain, const Counts &counts, const Inputs &inputs,
                      hgnn::KernelOp kernel) {
  if (domain.isParam())
    return 1;
  if (domain.isActive() || domain.isEdges())
    for (mlir::BlockArgument argument : kernel.getBody().getArguments()) {
      auto adj = mlir::dyn_cast<hgnn::AdjType>(argument.getType());
      auto it = inputs.adjacencies.find(int(argument.getArgNumber()));
      if (adj && adj.getRelation() == domain.getSymbol() && adj.getHop() == domain.getHop() &&
          it != inputs.adjacencies.end())
        return domain.isActive() ? it->second.active() : it->second.edges();
    }
  auto it = counts.find(textOf(domain));
  EXPECT_TRUE(it != counts.end()) << "no count for " << textOf(domain);
  return it == counts.end() ? 0 : it->second;
}

std::string test::fill(std::string text, const std::map<std::string, std::string> &values) {
  for (auto &[key, value] : values)
    for (size_t at = 0; (at = text.find(key, at)) != std::string::npos; at += value.size())
      text.replace(at, key.size(), value);
  return text;
}

void test::expectClose(const std::vector<float> &a, const std::vector<double> &b, double tolerance,
                       const std::string &what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  double scale = 1e-30;
  for (double x : b)
    scale = std::isinf(x) ? scale : std::max(scale, std::fabs(x));
  for (size_t i = 0; i < a.size(); ++i)
    if (double(a[i]) != b[i]) // infinities are equal, and have no difference
      ASSERT_LE(std::fabs(a[i] - b[i]), tolerance * scale)
        << what << " element " << i << ": " << a[i] << " instead of " << b[i];
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

KernelModule::KernelModule(const std::string &text, const std::string &target) {
  context.loadDialect<hgnn::HgnnDialect>();
  module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(module) << text;
  if (!module)
    return;
  for (auto kernel : module->getOps<hgnn::KernelOp>()) {
    auto signature = compiler::analyzeKernel(kernel);
    EXPECT_TRUE(mlir::succeeded(signature)) << kernel.getSymName().str();
    if (mlir::failed(signature))
      return;
    signatures.push_back(*signature);
  }
  auto libraries = compiler::compileKernels(
      *module, signatures, {target.empty() ? compiler::hostKernelTarget() : target});
  EXPECT_TRUE(mlir::succeeded(libraries));
  if (mlir::failed(libraries))
    return;
  // The library stays mapped when its file is gone.
  test::TemporaryDirectory folder;
  const auto &object = libraries->front().object;
  size = object.size();
  test::writeAll(folder / "kernels.so", std::string(object.begin(), object.end()));
  handle = dlopen((folder / "kernels.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  EXPECT_TRUE(handle) << dlerror();
}
KernelModule::~KernelModule() {
  if (handle)
    dlclose(handle);
}

const KernelSignature &KernelModule::signature(const std::string &name) const {
  for (const KernelSignature &signature : signatures)
    if (signature.symbol == name)
      return signature;
  ADD_FAILURE() << "no kernel " << name;
  std::abort();
}
hgnn::KernelOp KernelModule::kernel(const std::string &name) const {
  return mlir::SymbolTable(*module).lookup<hgnn::KernelOp>(name);
}

Inputs KernelModule::randomInputs(const std::string &name, const Counts &counts,
                                  std::mt19937 &rng) const {
  Inputs inputs;
  hgnn::KernelOp op = kernel(name);
  std::uniform_real_distribution<float> uniform(-2, 2);
  auto fillWith = [&](int64_t n) {
    std::vector<float> values(static_cast<size_t>(n));
    for (float &value : values)
      value = uniform(rng);
    return values;
  };
  auto domainOf = [](mlir::FlatSymbolRefAttr type, int64_t hop) {
    return hgnn::DomainAttr::rows(hop, type);
  };
  for (mlir::BlockArgument argument : op.getBody().getArguments()) {
    int number = int(argument.getArgNumber());
    if (auto adj = mlir::dyn_cast<hgnn::AdjType>(argument.getType()))
      inputs.adjacencies[number] = randomAdjacency(
          rng, countOf(domainOf(adj.getDestination(), adj.getHop()), counts, inputs, op),
          countOf(domainOf(adj.getSource(), adj.getHop() + 1), counts, inputs, op), 0.7);
  }
  for (mlir::BlockArgument argument : op.getBody().getArguments()) {
    int number = int(argument.getArgNumber());
    mlir::Type type = argument.getType();
    if (auto feat = mlir::dyn_cast<FeatType>(type)) {
      inputs.data[number] =
          fillWith(countOf(feat.getDomain(), counts, inputs, op) * feat.getWidth());
    } else if (auto ids = mlir::dyn_cast<hgnn::IdsType>(type)) {
      int64_t id = 0;
      for (int64_t i = countOf(ids.getDomain(), counts, inputs, op); i > 0; --i)
        inputs.ids[number].push_back(id += 1 + int64_t(rng() % 5));
      inputs.ids[number]; // also where there are no rows
    } else if (auto link = mlir::dyn_cast<hgnn::LinkType>(type)) {
      int64_t near = countOf(domainOf(link.getNodeType(), link.getHop()), counts, inputs, op);
      int64_t far = countOf(domainOf(link.getNodeType(), link.getHop() + 1), counts, inputs, op);
      std::vector<int32_t> rows(static_cast<size_t>(far));
      for (size_t i = 0; i < rows.size(); ++i)
        rows[i] = int32_t(i);
      std::shuffle(rows.begin(), rows.end(), rng);
      rows.resize(size_t(near));
      std::sort(rows.begin(), rows.end());
      inputs.selfInv[number].assign(size_t(far), -1);
      for (size_t i = 0; i < rows.size(); ++i)
        inputs.selfInv[number][size_t(rows[i])] = int32_t(i);
      inputs.selfPos[number] = rows;
    } else if (auto labels = mlir::dyn_cast<hgnn::LabelsType>(type)) {
      int64_t n = countOf(labels.getDomain(), counts, inputs, op), c = labels.getNumClasses();
      inputs.classes[number], inputs.multiLabels[number], inputs.labelMask[number];
      for (int64_t i = 0; i < n; ++i) {
        inputs.classes[number].push_back(int32_t(rng() % uint64_t(c + 1)) - 1);
        inputs.labelMask[number].push_back(float(rng() % 4 != 0));
        for (int64_t j = 0; j < c; ++j)
          inputs.multiLabels[number].push_back(float(rng() % 2));
      }
    } else if (auto sparse = mlir::dyn_cast<hgnn::SparseType>(type)) {
      SparseRows &rows = inputs.sparse[number];
      rows.rows = countOf(sparse.getDomain(), counts, inputs, op);
      rows.dim = sparse.getDim();
      std::vector<std::vector<std::pair<int32_t, float>>> byColumn(static_cast<size_t>(rows.dim));
      for (int64_t i = 0; i < rows.rows; ++i) {
        for (int32_t j = 0; j < rows.dim; ++j)
          if (rng() % 5 == 0) {
            float value = uniform(rng);
            rows.idx.push_back(j);
            rows.val.push_back(value);
            byColumn[size_t(j)].push_back({int32_t(i), value});
          }
        rows.ptr.push_back(int32_t(rows.idx.size()));
      }
      rows.tPtr.push_back(0);
      for (auto &column : byColumn) {
        for (auto [row, value] : column) {
          rows.tRow.push_back(row);
          rows.tVal.push_back(value);
        }
        rows.tPtr.push_back(int32_t(rows.tRow.size()));
      }
    }
  }
  return inputs;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

std::vector<std::vector<float>> KernelModule::run(const std::string &name, Inputs &inputs,
                                                  const Counts &counts,
                                                  const std::vector<int64_t> &splits,
                                                  int64_t chunkRows) const {
  const KernelSignature &sig = signature(name);
  hgnn::KernelOp op = kernel(name);
  using Function = void (*)(void *const *, int64_t, int64_t, int64_t);
  auto function = reinterpret_cast<Function>(dlsym(handle, name.c_str()));
  EXPECT_TRUE(function) << name;
  if (!function)
    return {};

  // How many times the loop runs.
  auto rowsOfOperand = [&](int number) {
    mlir::Type type = op.getBody().getArgument(unsigned(number)).getType();
    if (auto t = mlir::dyn_cast<FeatType>(type))
      return countOf(t.getDomain(), counts, inputs, op);
    if (auto t = mlir::dyn_cast<hgnn::IdsType>(type))
      return countOf(t.getDomain(), counts, inputs, op);
    if (auto t = mlir::dyn_cast<hgnn::LabelsType>(type))
      return countOf(t.getDomain(), counts, inputs, op);
    return countOf(mlir::cast<hgnn::SparseType>(type).getDomain(), counts, inputs, op);
  };
  auto yields = mlir::cast<hgnn::YieldOp>(op.getBody().front().back()).getValues();
  int64_t domain = 0;
  switch (sig.domain.kind) {
  case CountKind::Constant:
    domain = sig.domain.constant;
    break;
  case CountKind::OperandRows:
    domain = rowsOfOperand(sig.domain.index);
    break;
  case CountKind::ResultRows:
    domain = countOf(mlir::cast<FeatType>(yields[unsigned(sig.domain.index)].getType()).getDomain(),
                     counts, inputs, op);
    break;
  case CountKind::AdjActive:
    domain = inputs.adjacencies.at(sig.domain.index).active();
    break;
  case CountKind::AdjEdges:
    domain = inputs.adjacencies.at(sig.domain.index).edges();
    break;
  case CountKind::SparseNnz:
    ADD_FAILURE();
    break;
  case CountKind::AdjDestinations:
    domain = inputs.adjacencies.at(sig.domain.index).destinations;
    break;
  case CountKind::AdjSources:
    domain = inputs.adjacencies.at(sig.domain.index).sources;
    break;
  case CountKind::LinkNear:
    domain = int64_t(inputs.selfPos.at(sig.domain.index).size());
    break;
  case CountKind::LinkFar:
    domain = int64_t(inputs.selfInv.at(sig.domain.index).size());
    break;
  }
  if (chunkRows == 0)
    chunkRows = sig.chunkRows;
  int64_t chunks = sig.mode == KernelMode::Chunks ? (domain + chunkRows - 1) / chunkRows : 0;

  // Outputs, with a margin on both sides that must stay untouched.
  constexpr size_t margin = 64;
  constexpr float untouched = -12345.5f;
  std::vector<std::vector<float>> storage;
  std::vector<int64_t> sizes;
  EXPECT_EQ(sig.outputs.size(), yields.size());
  for (size_t i = 0; i < yields.size(); ++i) {
    auto type = mlir::cast<FeatType>(yields[unsigned(i)].getType());
    int64_t n = sig.outputs[i].partial
                    ? chunks * sig.outputs[i].width
                    : countOf(type.getDomain(), counts, inputs, op) * type.getWidth();
    EXPECT_EQ(sig.outputs[i].width, type.getWidth());
    sizes.push_back(n);
    storage.emplace_back(size_t(n) + 2 * margin, untouched);
  }

  std::vector<void *> args;
  for (const compiler::KernelArg &arg : sig.args) {
    auto adj = [&]() -> Adjacency & { return inputs.adjacencies.at(arg.index); };
    auto sparse = [&]() -> SparseRows & { return inputs.sparse.at(arg.index); };
    void *pointer = nullptr;
    switch (arg.part) {
    case ArgPart::Data:
      pointer = inputs.data.at(arg.index).data();
      break;
    case ArgPart::Ids:
    case ArgPart::RowIds:
      pointer = inputs.ids.at(arg.index).data();
      break;
    case ArgPart::DstPos:
      pointer = adj().dstPos.data();
      break;
    case ArgPart::InPtr:
      pointer = adj().inPtr.data();
      break;
    case ArgPart::InSrc:
      pointer = adj().inSrc.data();
      break;
    case ArgPart::RowPos:
      pointer = adj().rowPos.data();
      break;
    case ArgPart::OutPtr:
      pointer = adj().outPtr.data();
      break;
    case ArgPart::OutDst:
      pointer = adj().outDst.data();
      break;
    case ArgPart::OutEdge:
      pointer = adj().outEdge.data();
      break;
    case ArgPart::EdgeId:
      ADD_FAILURE() << "edge ids are not used";
      break;
    case ArgPart::SelfPos:
      pointer = inputs.selfPos.at(arg.index).data();
      break;
    case ArgPart::SelfInv:
      pointer = inputs.selfInv.at(arg.index).data();
      break;
    case ArgPart::Classes:
      pointer = inputs.classes.at(arg.index).data();
      break;
    case ArgPart::MultiLabels:
      pointer = inputs.multiLabels.at(arg.index).data();
      break;
    case ArgPart::LabelMask:
      pointer = inputs.labelMask.at(arg.index).data();
      break;
    case ArgPart::SparsePtr:
      pointer = sparse().ptr.data();
      break;
    case ArgPart::SparseIdx:
      pointer = sparse().idx.data();
      break;
    case ArgPart::SparseVal:
      pointer = sparse().val.data();
      break;
    case ArgPart::SparseTPtr:
      pointer = sparse().tPtr.data();
      break;
    case ArgPart::SparseTRow:
      pointer = sparse().tRow.data();
      break;
    case ArgPart::SparseTVal:
      pointer = sparse().tVal.data();
      break;
    case ArgPart::Keys:
      pointer = inputs.keys;
      break;
    case ArgPart::State:
      pointer = size_t(arg.index) < inputs.states.size()
                    ? static_cast<void *>(inputs.states[size_t(arg.index)].data())
                    : inputs.rowSteps.data();
      break;
    case ArgPart::Output:
      pointer = storage[size_t(arg.index)].data() + margin;
      break;
    }
    args.push_back(pointer);
  }
  if (sig.mode == KernelMode::Chunks) {
    for (int64_t c = 0; c < chunks; ++c)
      function(args.data(), c * chunkRows, std::min(domain, (c + 1) * chunkRows), c);
  } else {
    int64_t from = 0;
    for (int64_t to : splits) {
      to = std::min(to, domain);
      if (to > from)
        function(args.data(), from, to, 0);
      from = std::max(from, to);
    }
    function(args.data(), from, domain, 0);
  }

  std::vector<std::vector<float>> results;
  for (size_t i = 0; i < storage.size(); ++i) {
    const std::vector<float> &all = storage[i];
    for (size_t k = 0; k < margin; ++k) {
      EXPECT_EQ(all[k], untouched) << name << " wrote before result " << i;
      EXPECT_EQ(all[all.size() - 1 - k], untouched) << name << " wrote behind result " << i;
    }
    std::vector<float> values(all.begin() + margin, all.end() - margin);
    if (sig.outputs[i].partial) {
      std::vector<float> merged(size_t(sig.outputs[i].width), 0);
      for (size_t k = 0; k < values.size(); ++k)
        merged[k % merged.size()] += values[k];
      values = merged;
    }
    results.push_back(values);
  }
  return results;
}
