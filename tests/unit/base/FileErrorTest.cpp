//===- FileErrorTest.cpp - what to do about a file that is not there -------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/FileError.h"

#include "runtime/base/MappedFile.h"
#include "tests/unit/support/TestSupport.h"

#include <cerrno>
#include <filesystem>
#include <unistd.h>

namespace heddle {
namespace {

using test::TemporaryDirectory;
using test::writeAll;

TEST(FileError, NamesWhatIsNearOrMissing) {
  TemporaryDirectory dir;
  std::filesystem::create_directories(dir / "models");
  writeAll(dir / "models/rgcn.json", "{}");
  writeAll(dir / "models/graph.json", "{}");
  EXPECT_FAILS(MappedFile::open(dir / "models/rgnc.json"), "rgnc.json: cannot open: ",
               ("; did you mean '" + dir / "models/rgcn.json" + "'?").c_str());
  EXPECT_FAILS(
      MappedFile::open(dir / "modles/deep/rgcn.json"),
      ("; there is no folder '" + dir / "modles" + "'; did you mean '" + dir / "models" + "'?")
          .c_str());
  EXPECT_FAILS(MappedFile::open(dir / "zzzzzz"), "zzzzzz: cannot open: ", "; check the name");
  EXPECT_FAILS(MappedFile::open(dir / "models/rgcn.json/x"), "a part of the path is a file");
  EXPECT_FAILS(MappedFile::open(dir / "models"), "not a regular file; it is a graph directory",
               "models/graph.json'");
  EXPECT_FAILS(MappedFile::open(dir.path()),
               "not a regular file; it is a folder; name a file in it");
  std::filesystem::create_symlink("gone", dir / "link");
  EXPECT_FAILS(MappedFile::open(dir / "link"), "it is a link to 'gone', which is not there");
  EXPECT_FAILS(MappedFile::open(""), "the name is empty");
}

TEST(FileError, ANameInTheCurrentFolderHasNoFolderBefore) {
  TemporaryDirectory dir;
  writeAll(dir / "wordnet.plan", "x");
  std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  EXPECT_EQ(openRemedy("wordnte.plan", ENOENT), "did you mean 'wordnet.plan'?");
  EXPECT_EQ(openRemedy("q", ENOENT, "make one"), "make one");
  std::filesystem::current_path(before);
}

TEST(FileError, Permissions) {
  EXPECT_FAILS(cannotOpen("secret.json", EACCES), "secret.json: cannot open: ", "permissions");
  EXPECT_EQ(exitCodeOf(cannotOpen("a", EACCES)), 2);
  EXPECT_EQ(cannotOpen("a", ENOENT).code(), absl::StatusCode::kNotFound);
  if (::geteuid() == 0)
    return; // root reads everything
  TemporaryDirectory dir;
  writeAll(dir / "f", "x");
  std::filesystem::permissions(dir / "f", std::filesystem::perms::none);
  EXPECT_FAILS(MappedFile::open(dir / "f"), "permissions");
}

} // namespace
} // namespace heddle
