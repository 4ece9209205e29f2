//===- FileSet.cpp - the files of a folder or of a .zip --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/FileSet.h"

#include "runtime/base/FileError.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/stat.h>
#include <zip.h>

namespace heddle::importing {

namespace {

class Folder : public FileSet {
public:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  bool has(const std::string &name) const override {
    struct stat info {};
    return stat(place(name).c_str(), &info) == 0 && !S_ISDIR(info.st_mode);
  }
  int64_t bytes(const std::string &name) const override {
    struct stat info {};
    return stat(place(name).c_str(), &info) == 0 ? int64_t(info.st_size) : 0;
  }
  std::string place(const std::string &name) const override { return path_ + "/" + name; }
  absl::StatusOr<std::unique_ptr<ByteSource>> open(const std::string &name) override {
    return openBytes(place(name));
  }

private:
  std::string path_;
};

class Memory : public FileSet {
public:
  explicit Memory(std::map<std::string, std::string> files) : files_(std::move(files)) {}
  bool has(const std::string &name) const override { return files_.count(name) > 0; }
  int64_t bytes(const std::string &name) const override { return int64_t(files_.at(name).size()); }
  std::string place(const std::string &name) const override { return name; }
  absl::StatusOr<std::unique_ptr<ByteSource>> open(const std::string &name) override {
    return bytesOf(files_.at(name));
  }

private:
  std::map<std::string, std::string> files_;
};

using ZipHandle = std::shared_ptr<zip_t>;

class ZipEntry : public ByteSource {
public:
  ZipEntry(ZipHandle archive, zip_file_t *file, std::string place)
      : archive_(std::move(archive)), file_(file), place_(std::move(place)) {}
  ~ZipEntry() override { zip_fclose(file_); }

  absl::StatusOr<int64_t> read(char *buffer, int64_t capacity) override {
    zip_int64_t n = zip_fread(file_, buffer, zip_uint64_t(capacity));
    if (n < 0) // a wrong checksum shows here too, with the last bytes
      return invalidArgument(place_ + ": the archive is damaged (" +
                             zip_error_strerror(zip_file_get_error(file_)) +
                             "); copy or download it again");
    position_ += n;
    return int64_t(n);
  }
  int64_t position() const override { return position_; }

private:
  ZipHandle archive_; ///< outlives its entries
  zip_file_t *file_;
  std::string place_;
  int64_t position_ = 0;
};

class Archive : public FileSet {
public:
  static absl::StatusOr<std::unique_ptr<FileSet>> read(const std::string &path) {
    int code = 0;
    ZipHandle handle(zip_open(path.c_str(), ZIP_RDONLY, &code), [](zip_t *archive) {
      if (archive)
        zip_discard(archive);
    });
    if (!handle) {
      zip_error_t error;
      zip_error_init_with_code(&error, code);
      std::string text = zip_error_strerror(&error);
      zip_error_fini(&error);
      return invalidArgument(path + ": is no readable zip archive (" + text +
                             "); copy or download it again");
    }
    auto archive = std::make_unique<Archive>();
    archive->path_ = path;
    zip_int64_t count = zip_get_num_entries(handle.get(), 0);
    for (zip_int64_t i = 0; i < count; ++i) {
      zip_stat_t info;
      if (zip_stat_index(handle.get(), zip_uint64_t(i), 0, &info) != 0 ||
          !(info.valid & ZIP_STAT_NAME))
        continue;
      std::string_view full = info.name;
      // What macOS adds has the names of the files that it is about.
      if (full.empty() || full.back() == '/' || full.substr(0, 9) == "__MACOSX/")
        continue;
      std::string name(full.substr(full.rfind('/') + 1));
      Entry entry{zip_uint64_t(i), (info.valid & ZIP_STAT_SIZE) ? int64_t(info.size) : 0};
      if (!archive->entries_.emplace(name, entry).second)
        return invalidArgument(path + ": holds two files named '" + name +
                               "'; keep one data set in an archive");
    }
    archive->handle_ = std::move(handle);
    return absl::StatusOr<std::unique_ptr<FileSet>>(std::move(archive));
  }

  bool has(const std::string &name) const override { return entries_.count(name) > 0; }
  int64_t bytes(const std::string &name) const override {
    auto it = entries_.find(name);
    return it == entries_.end() ? 0 : it->second.bytes;
  }
  std::string place(const std::string &name) const override { return path_ + "/" + name; }
  absl::StatusOr<std::unique_ptr<ByteSource>> open(const std::string &name) override {
    auto it = entries_.find(name);
    if (it == entries_.end())
      return notFound(path_ + ": holds no file named '" + name + "'; check the archive");
    zip_file_t *file = zip_fopen_index(handle_.get(), it->second.index, 0);
    if (!file)
      return invalidArgument(place(name) + ": cannot be read from the archive (" +
                             zip_error_strerror(zip_get_error(handle_.get())) +
                             "); write the archive again with a common method (deflate)");
    return std::unique_ptr<ByteSource>(new ZipEntry(handle_, file, place(name)));
  }

private:
  struct Entry {
    zip_uint64_t index;
    int64_t bytes;
  };
  std::string path_;
  ZipHandle handle_;
  std::map<std::string, Entry> entries_;
};

} // namespace

absl::StatusOr<std::unique_ptr<FileSet>> openFileSet(const std::string &path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0)
    return cannotOpen(path, errno);
  if (S_ISDIR(info.st_mode))
    return std::unique_ptr<FileSet>(new Folder(path));
  return Archive::read(path);
}

std::unique_ptr<FileSet> fileSetOf(std::map<std::string, std::string> files) {
  return std::make_unique<Memory>(std::move(files));
}

} // namespace heddle::importing
