//===- AtomicOutputTest.cpp - all or nothing ---------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/AtomicOutput.h"
#include "runtime/base/MappedFile.h"
#include "tests/unit/support/TestSupport.h"

#include <sys/stat.h>

namespace heddle {
namespace {

namespace fs = std::filesystem;
using test::readAll;
using test::TemporaryDirectory;
using test::valueOf;
using test::writeAll;
using Kind = AtomicOutput::Kind;

size_t entriesOf(const std::string &path) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(path), fs::directory_iterator()));
}

TEST(AtomicOutput, NothingIsSeenBeforePublish) {
  TemporaryDirectory dir;
  {
    AtomicOutput out = valueOf(AtomicOutput::create(dir / "deep/er/out", Kind::Directory, false));
    ASSERT_OK(writeFile(out.path() + "/a", "1"));
    EXPECT_FALSE(fs::exists(dir / "deep/er/out"));
    ASSERT_OK(out.publish());
    EXPECT_FAILS(out.publish(), "published already");
  }
  EXPECT_EQ(readAll(dir / "deep/er/out/a"), "1");
  EXPECT_EQ(entriesOf(dir / "deep/er"), 1u);
}

TEST(AtomicOutput, AbandonedLeavesNothing) {
  TemporaryDirectory dir;
  {
    AtomicOutput out = valueOf(AtomicOutput::create(dir / "out/", Kind::Directory, false));
    ASSERT_OK(writeFile(out.path() + "/a", "1"));
    AtomicOutput moved = std::move(out);
    EXPECT_TRUE(fs::exists(moved.path()));
  }
  EXPECT_EQ(entriesOf(dir.path()), 0u);
}

TEST(AtomicOutput, ExistingIsRefusedAndKept) {
  TemporaryDirectory dir;
  fs::create_directory(dir / "out");
  writeAll(dir / "out/graph.json", "old");
  EXPECT_FAILS(AtomicOutput::create(dir / "out", Kind::Directory, false, "graph.json"), "out: ",
               "already exists", "--force");
  {
    AtomicOutput out =
        valueOf(AtomicOutput::create(dir / "out", Kind::Directory, true, "graph.json"));
    EXPECT_EQ(readAll(dir / "out/graph.json"), "old");
    ASSERT_OK(writeFile(out.path() + "/graph.json", "half"));
  }
  EXPECT_EQ(readAll(dir / "out/graph.json"), "old");
  AtomicOutput out =
      valueOf(AtomicOutput::create(dir / "out", Kind::Directory, true, "graph.json"));
  ASSERT_OK(writeFile(out.path() + "/graph.json", "new"));
  ASSERT_OK(out.publish());
  EXPECT_EQ(readAll(dir / "out/graph.json"), "new");
  EXPECT_EQ(entriesOf(dir.path()), 1u);
}

TEST(AtomicOutput, ForceDoesNotDeleteStrangers) {
  TemporaryDirectory dir;
  fs::create_directory(dir / "home");
  writeAll(dir / "home/thesis.tex", "years");
  EXPECT_FAILS(AtomicOutput::create(dir / "home", Kind::Directory, true, "graph.json"),
               "without 'graph.json'", "remove it yourself");
  EXPECT_FAILS(AtomicOutput::create(dir / "home", Kind::Directory, true), "not empty");
  EXPECT_FAILS(AtomicOutput::create(dir / "home", Kind::File, true), "is a directory");
  EXPECT_FAILS(AtomicOutput::create(dir / "home/thesis.tex", Kind::Directory, true, "x"),
               "is not a directory");
  EXPECT_FAILS(AtomicOutput::create("/", Kind::Directory, true, "x"), "not a name");
  EXPECT_FAILS(AtomicOutput::create("..", Kind::Directory, true, "x"), "not a name");
  EXPECT_FAILS(AtomicOutput::create("", Kind::Directory, true, "x"), "not a name");
  EXPECT_EQ(readAll(dir / "home/thesis.tex"), "years");
}

TEST(AtomicOutput, TargetThatAppearsMeanwhileStays) {
  TemporaryDirectory dir;
  AtomicOutput out = valueOf(AtomicOutput::create(dir / "f", Kind::File, false));
  ASSERT_OK(writeFile(out.path(), "mine"));
  writeAll(dir / "f", "theirs");
  EXPECT_FAILS(out.publish(), "already exists");
  EXPECT_EQ(readAll(dir / "f"), "theirs");
}

TEST(AtomicOutput, Files) {
  TemporaryDirectory dir;
  ASSERT_OK(writeFileAtomically(dir / "f", "1"));
  ASSERT_OK(writeFileAtomically(dir / "f", "2"));
  EXPECT_EQ(readAll(dir / "f"), "2");
  EXPECT_EQ(entriesOf(dir.path()), 1u);
  writeAll(dir / "plain", "");
  EXPECT_FAILS(writeFileAtomically(dir / "plain/f", "1"), "plain");
}

TEST(MappedFile, SmallLargeAndEmpty) {
  TemporaryDirectory dir;
  for (size_t size : {size_t(0), size_t(1), size_t(65535), size_t(65536), size_t(300000)}) {
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size; ++i)
      bytes[i] = static_cast<char>(i * 31 >> 3);
    writeAll(dir / "f", bytes);
    MappedFile file = valueOf(MappedFile::open(dir / "f"));
    for (auto advice : {MappedFile::Advice::Sequential, MappedFile::Advice::HugePages})
      file.advise(advice);
    EXPECT_EQ(file.text(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(file.data()) % 64, 0u);
    MappedFile other = std::move(file);
    EXPECT_EQ(other.text(), bytes);
  }
}

TEST(MappedFile, OddPathsAreErrors) {
  TemporaryDirectory dir;
  EXPECT_FAILS(MappedFile::open(dir / "absent"), "absent: cannot open");
  EXPECT_FAILS(MappedFile::open(dir.path()), "not a regular file");
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_FAILS(MappedFile::open(dir / "fifo"), "not a regular file");
}

} // namespace
} // namespace heddle
