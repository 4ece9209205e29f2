//===- Diagnostics.cpp - diagnostics as lines of text ----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/driver/Diagnostics.h"

#include "runtime/base/Suggest.h"

#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"

#include <thread>

using namespace mlir;

namespace heddle::compiler {
namespace {

std::string placeOf(Location location) {
  auto file = location->findInstanceOf<FileLineColLoc>();
  if (!file)
    return "";
  std::string out = file.getFilename().str();
  if (file.getLine())
    out += ":" + std::to_string(file.getLine()) + ":" + std::to_string(file.getColumn());
  return out + ": ";
}

/// "; did you mean 'linear'?" for a message that ends with an op's name that nobody has.
std::string nearestOp(MLIRContext &context, StringRef message) {
  StringRef name = message.split("'hgnn.").second.split("'").first;
  std::vector<std::string> known;
  for (RegisteredOperationName op : context.getRegisteredOperationsByDialect("hgnn"))
    known.push_back(op.stripDialect().str());
  std::string near = nearestName(name.str(), known);
  return near.empty() ? "; the ops of layers are in HgnnComputeOps.td"
                      : "; did you mean 'hgnn." + near + "'?";
}

/// What to do about what MLIR's parser and verifier say; they know nothing of layers.
std::string remedyOf(MLIRContext &context, StringRef message) {
  if (message.contains("custom op 'hgnn.") && message.contains("is unknown"))
    return nearestOp(context, message);
  static constexpr std::pair<StringRef, StringRef> remedies[] = {
      {"use of undeclared SSA value name",
       "; a region sees its own values and arguments only: make it there"},
      {"expects different type than prior uses",
       "; write after the colon the types that the operands have"},
      {"redefinition of SSA value", "; every value has a name of its own"},
      {"undefined symbol alias id", "; declare it at the top of the file, as "
                                    "!src = !hgnn.tensor<src : ?xf32>"},
      {"for custom op", "; the ops of layers begin with hgnn. and are in HgnnComputeOps.td"},
      {"custom op '", "; the ops of layers begin with hgnn. and are in HgnnComputeOps.td"},
      {"unknown  type `", "; layers have !hgnn.tensor, !hgnn.adj and !hgnn.ids"},
      {"unknown type `", "; layers have !hgnn.tensor, !hgnn.adj and !hgnn.ids"},
      {"redefinition of symbol", "; name the layers @hidden and @last, or each by itself"},
      {"to be one of", ""},
      {"requires attribute", "; HgnnComputeOps.td says what the op takes"},
      {"failed to satisfy constraint", "; HgnnComputeOps.td says what the op takes"},
      {"expected ", "; examples/layers/gatv2.mlir shows how a layer is written"},
  };
  if (!message.contains("; "))
    for (auto [part, remedy] : remedies)
      if (message.contains(part))
        return remedy.str();
  return "";
}

} // namespace

DiagnosticCollector::DiagnosticCollector(MLIRContext &context, std::vector<std::string> *remarks,
                                         From from)
    : handler(&context, [this, remarks, &context, from,
                         own = std::this_thread::get_id()](Diagnostic &diagnostic) {
        if (from == From::ThisThread && std::this_thread::get_id() != own)
          return failure();
        if (remarks && diagnostic.getSeverity() == DiagnosticSeverity::Remark)
          remarks->push_back(diagnostic.str());
        if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
          return success();
        std::string message = diagnostic.str();
        if (!text.empty())
          text += "\n";
        text += placeOf(diagnostic.getLocation()) + message + remedyOf(context, message);
        return success();
      }) {}

} // namespace heddle::compiler
