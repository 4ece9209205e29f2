//===- LocationText.cpp - source locations as text ------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "compiler/plan/EntryWriter.h"

#include "mlir/IR/Location.h"

using namespace mlir;

namespace heddle::compiler {

/// The parts of a location that mean something to a reader, outermost first, each once.
static void collect(Location location, SmallVectorImpl<std::string> &parts) {
  auto add = [&](std::string part) {
    if (!part.empty() && !llvm::is_contained(parts, part))
      parts.push_back(std::move(part));
  };
  if (auto name = dyn_cast<NameLoc>(location)) {
    add(name.getName().str());
    collect(name.getChildLoc(), parts);
  } else if (auto file = dyn_cast<FileLineColLoc>(location)) {
    add(file.getFilename().str() + ":" + std::to_string(file.getLine()) + ":" +
        std::to_string(file.getColumn()));
  } else if (auto fused = dyn_cast<FusedLoc>(location)) {
    for (Location part : fused.getLocations())
      collect(part, parts);
  } else if (auto call = dyn_cast<CallSiteLoc>(location)) {
    collect(call.getCallee(), parts);
  }
}

std::string locationText(Location location) {
  SmallVector<std::string> parts;
  collect(location, parts);
  constexpr size_t most = 6;
  std::string text;
  for (auto [i, part] : llvm::enumerate(parts)) {
    if (i == most) {
      text += " and " + std::to_string(parts.size() - most) + " more";
      break;
    }
    text += (i ? ", " : "") + part;
  }
  for (char &c : text)
    if ((unsigned char)c < 0x20 || c == 0x7f)
      c = ' ';
  return text;
}

} // namespace heddle::compiler
