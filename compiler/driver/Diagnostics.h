//===- Diagnostics.h - diagnostics as lines of text --------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_COMPILER_DRIVER_DIAGNOSTICS_H
#define HEDDLE_COMPILER_DRIVER_DIAGNOSTICS_H

#include "runtime/base/Status.h"

#include "mlir/IR/Diagnostics.h"

#include <string>
#include <vector>

namespace heddle::compiler {

/// Collects diagnostics as lines "file:line:column: message; remedy" instead of printing them;
/// remarks apart. MLIR's own messages about a layer's file get the remedy that they lack.
class DiagnosticCollector {
public:
  /// Whose diagnostics: where several threads work in a context each has a collector.
  enum class From { AnyThread, ThisThread };
  explicit DiagnosticCollector(mlir::MLIRContext &context,
                               std::vector<std::string> *remarks = nullptr,
                               From from = From::AnyThread);
  /// The errors so far, or `otherwise` where there are none.
  absl::Status status(const std::string &otherwise) const {
    return invalidArgument(text.empty() ? otherwise : text);
  }

private:
  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace heddle::compiler

#endif // HEDDLE_COMPILER_DRIVER_DIAGNOSTICS_H
