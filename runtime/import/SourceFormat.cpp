//===- SourceFormat.cpp - which importer a source is for -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/SourceFormat.h"

#include "runtime/base/FileError.h"
#include "runtime/import/Table.h"

#include <cerrno>
#include <filesystem>

#include <sys/stat.h>

namespace heddle::importing {

namespace {

bool endsWith(const std::string &text, std::string_view end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool isNTriples(const std::string &name) {
  return endsWith(name, ".nt") || endsWith(name, ".nt.gz");
}

} // namespace

absl::StatusOr<std::string> sourceFormat(const std::string &path) {
  namespace fs = std::filesystem;
  struct stat info {};
  if (stat(path.c_str(), &info) != 0)
    return cannotOpen(path, errno);
  if (S_ISDIR(info.st_mode)) {
    std::error_code error;
    if (fs::exists(path + "/data.noun", error))
      return std::string("wordnet");
    if (fs::exists(path + "/node.dat", error))
      return std::string("hgb");
    for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
      if (isNTriples(it->path().filename().string()))
        return std::string("ntriples");
    return invalidArgument(path +
                           ": the folder holds no data.noun (WordNet), no node.dat (HGB) and "
                           "no *.nt or *.nt.gz (N-Triples); name another folder or a file");
  }
  if (isNTriples(path))
    return std::string("ntriples");
  if (endsWith(path, ".zip"))
    return std::string("hgb");
  if (endsWith(path, ".json"))
    return std::string("table");
  HEDDLE_ASSIGN_OR_RETURN(auto source, openBytes(path));
  char start[4096];
  HEDDLE_ASSIGN_OR_RETURN(int64_t n, source->read(start, sizeof start));
  std::string_view text(start, size_t(n));
  if (text.substr(0, 4) == "PK\x03\x04")
    return std::string("hgb");
  // Behind comments and empty lines, a triple starts with its subject.
  while (!text.empty() && (text[0] == '#' || std::strchr(" \t\r\n", text[0]))) {
    size_t end = text[0] == '#' ? text.find('\n') : 0;
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  bool triple = text.substr(0, 1) == "<" || text.substr(0, 2) == "_:";
  return std::string(triple ? "ntriples" : "table");
}

} // namespace heddle::importing
