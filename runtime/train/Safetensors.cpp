//===- Safetensors.cpp - weights in the safetensors format ----------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Safetensors.h"

#include "runtime/base/Json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace heddle::train {
namespace {

using nlohmann::json;

constexpr int64_t lengthBytes = 8;
constexpr size_t maxRank = 32;

/// Walks the header without building a tree of it: what is not a header's shape stops the walk.
class HeaderHandler : public nlohmann::json_sax<json> {
public:
  std::vector<TensorInfo> tensors; ///< offset: relative to the data
  std::vector<int64_t> ends;
  std::map<std::string, std::string> metadata;
  std::string message;

  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("a boolean"); }
  bool number_integer(number_integer_t value) override {
    return refuse("the negative number " + std::to_string(value));
  }
  bool number_float(number_float_t, const string_t &text) override {
    return refuse("the number " + text);
  }
  bool binary(binary_t &) override { return refuse("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (where == Shape || where == Offsets) {
      if (value > uint64_t(INT64_MAX))
        return refuse("the number " + std::to_string(value));
      if (where == Shape) {
        if (tensors.back().shape.size() == maxRank)
          return fail(entry() + "more than " + std::to_string(maxRank) + " dimensions");
        tensors.back().shape.push_back(int64_t(value));
      } else {
        if (offsets.size() == 2)
          return fail(entry() + "data_offsets is [begin, end]");
        offsets.push_back(int64_t(value));
      }
      return true;
    }
    return refuse("the number " + std::to_string(value));
  }
  bool string(string_t &value) override {
    if (where == Metadata)
      metadata[currentKey] = value;
    else if (where == Tensor && currentKey == "dtype")
      tensors.back().dtype = value;
    else
      return refuse("a string");
    return true;
  }
  bool start_object(std::size_t) override {
    if (where == Start) {
      where = Top;
    } else if (where == Top) {
      where = currentKey == "__metadata__" ? Metadata : Tensor;
      keys.clear();
      if (where == Tensor) {
        tensors.emplace_back();
        tensors.back().name = currentKey;
      }
    } else {
      return refuse("an object");
    }
    return true;
  }
  bool key(string_t &value) override {
    std::set<std::string> &seen = where == Top ? names : keys;
    if (!seen.insert(value).second)
      return fail(entry() + "key '" + value + "' appears twice");
    if (where == Tensor && value != "dtype" && value != "shape" && value != "data_offsets")
      return fail(entry() + "unknown key '" + value + "'");
    currentKey = value;
    return true;
  }
  bool end_object() override {
    if (where == Tensor) {
      if (keys.size() != 3)
        return fail(entry() + "dtype, shape and data_offsets are needed");
      if (offsets.size() != 2)
        return fail(entry() + "data_offsets is [begin, end]");
      tensors.back().offset = offsets[0];
      ends.push_back(offsets[1]);
      offsets.clear();
    }
    where = where == Top ? End : Top;
    return true;
  }
  bool start_array(std::size_t) override {
    if (where == Tensor && currentKey == "shape")
      where = Shape;
    else if (where == Tensor && currentKey == "data_offsets")
      where = Offsets;
    else
      return refuse("an array");
    return true;
  }
  bool end_array() override {
    where = Tensor;
    return true;
  }
  bool parse_error(std::size_t position, const std::string &,
                   const nlohmann::detail::exception &) override {
    return fail("not valid JSON at byte " + std::to_string(position) + " of the header");
  }

private:
  enum Where { Start, Top, Metadata, Tensor, Shape, Offsets, End };

  std::string entry() const {
    if (where == Metadata)
      return "__metadata__: ";
    return where == Start || where == Top || where == End
               ? ""
               : "tensor '" + tensors.back().name + "': ";
  }
  bool fail(const std::string &what) {
    if (message.empty())
      message = what;
    return false;
  }
  bool refuse(const std::string &found) {
    return fail(entry() + "unexpected " + found +
                (currentKey.empty() ? "" : " at '" + currentKey + "'"));
  }

  Where where = Start;
  std::string currentKey;
  std::set<std::string> names, keys;
  std::vector<int64_t> offsets;
};

/// Bytes of the shape, or -1 when they do not fit 63 bits.
int64_t bytesOf(const std::vector<int64_t> &shape, int64_t itemSize) {
  int64_t bytes = itemSize;
  bool overflow = false;
  for (int64_t dim : shape) {
    if (dim == 0)
      return 0;
    overflow |= __builtin_mul_overflow(bytes, dim, &bytes);
  }
  return overflow ? -1 : bytes;
}

std::string errnoText() { return std::strerror(errno); }

absl::Status readAt(int fd, const std::string &path, int64_t offset, int64_t count, void *out) {
  auto *bytes = static_cast<char *>(out);
  while (count > 0) {
    ssize_t got = pread(fd, bytes, size_t(std::min<int64_t>(count, 1 << 30)), offset);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return unavailable(path + ": reading failed: " + errnoText());
    if (got == 0)
      return unavailable(path + ": the file became shorter while it was read");
    bytes += got;
    offset += got;
    count -= got;
  }
  return absl::OkStatus();
}

absl::Status writeAt(int fd, const std::string &path, int64_t offset, int64_t count,
                     const void *data) {
  const auto *bytes = static_cast<const char *>(data);
  while (count > 0) {
    ssize_t put = pwrite(fd, bytes, size_t(std::min<int64_t>(count, 1 << 30)), offset);
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return unavailable(path + ": writing failed: " + errnoText());
    bytes += put;
    offset += put;
    count -= put;
  }
  return absl::OkStatus();
}

} // namespace

int64_t safetensorsItemSize(std::string_view dtype) {
  static const std::map<std::string_view, int64_t> sizes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
      {"U16", 2},  {"I16", 2}, {"F16", 2}, {"BF16", 2},    {"U32", 4},
      {"I32", 4},  {"F32", 4}, {"U64", 8}, {"I64", 8},     {"F64", 8}};
  auto found = sizes.find(dtype);
  return found == sizes.end() ? 0 : found->second;
}

absl::StatusOr<SafetensorsHeader> parseSafetensorsHeader(std::string_view text, int64_t fileSize,
                                                         const std::string &file) {
  auto error = [&](const std::string &what) {
    return invalidArgument(file + ": header: " + what + "; the file is damaged or no safetensors");
  };
  if (text.empty() || text[0] != '{')
    return error("does not start with '{'");
  HeaderHandler handler;
  if (!json::sax_parse(text.begin(), text.end(), &handler))
    return error(handler.message);

  SafetensorsHeader header;
  header.metadata = std::move(handler.metadata);
  std::vector<TensorInfo> &tensors = handler.tensors;
  for (size_t i = 0; i < tensors.size(); ++i) {
    TensorInfo &tensor = tensors[i];
    const std::string name = "tensor '" + tensor.name + "': ";
    const int64_t itemSize = safetensorsItemSize(tensor.dtype);
    if (!itemSize)
      return error(name + "unknown dtype '" + tensor.dtype + "'");
    if (handler.ends[i] < tensor.offset)
      return error(name + "data_offsets end before they begin");
    tensor.bytes = handler.ends[i] - tensor.offset;
    const int64_t expected = bytesOf(tensor.shape, itemSize);
    if (expected != tensor.bytes)
      return error(name + "data_offsets hold " + std::to_string(tensor.bytes) +
                   " bytes, the shape " +
                   (expected < 0 ? "more than fit 63 bits" : std::to_string(expected)));
  }
  std::sort(tensors.begin(), tensors.end(), [](const TensorInfo &a, const TensorInfo &b) {
    return std::tie(a.offset, a.bytes) < std::tie(b.offset, b.bytes);
  });
  const int64_t start = lengthBytes + int64_t(text.size());
  int64_t end = 0;
  for (TensorInfo &tensor : tensors) {
    if (tensor.offset != end)
      return error("tensor '" + tensor.name + "': data_offsets " +
                   (tensor.offset < end ? "overlap those of another tensor" : "leave a hole") +
                   " at byte " + std::to_string(std::min(tensor.offset, end)) + " of the data");
    end += tensor.bytes; // at most data_offsets' own end
    tensor.offset += start > INT64_MAX - tensor.offset ? 0 : start;
  }
  if (start > fileSize || end != fileSize - start)
    return error("the tensors take " + std::to_string(end) + " bytes, the file holds " +
                 std::to_string(std::max<int64_t>(fileSize - start, 0)));
  header.tensors = std::move(tensors);
  return header;
}

absl::StatusOr<std::unique_ptr<SafetensorsReader>>
SafetensorsReader::open(const std::string &path) {
  std::unique_ptr<SafetensorsReader> reader(new SafetensorsReader());
  reader->path = path;
  reader->fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (reader->fd < 0)
    return notFound(path + ": cannot be opened: " + errnoText());
  struct stat info;
  if (fstat(reader->fd, &info) != 0 || !S_ISREG(info.st_mode))
    return invalidArgument(path + ": is no regular file");
  const int64_t size = info.st_size;
  auto damaged = [&](const std::string &what) {
    return invalidArgument(path + ": " + what + "; the file is damaged or no safetensors");
  };
  if (size < lengthBytes + 2)
    return damaged("has only " + std::to_string(size) + " bytes");
  unsigned char raw[lengthBytes];
  HEDDLE_RETURN_IF_ERROR(readAt(reader->fd, path, 0, lengthBytes, raw));
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = (length << 8) | raw[i];
  if (length > uint64_t(maxSafetensorsHeader))
    return damaged("the header would have " + std::to_string(length) + " bytes, more than " +
                   std::to_string(maxSafetensorsHeader));
  if (length > uint64_t(size - lengthBytes))
    return damaged("the header would have " + std::to_string(length) + " bytes, the file has " +
                   std::to_string(size));
  std::string text(length, '\0');
  HEDDLE_RETURN_IF_ERROR(readAt(reader->fd, path, lengthBytes, int64_t(length), text.data()));
  HEDDLE_ASSIGN_OR_RETURN(reader->header, parseSafetensorsHeader(text, size, path));
  for (size_t i = 0; i < reader->header.tensors.size(); ++i)
    reader->byName[reader->header.tensors[i].name] = i;
  return reader;
}

SafetensorsReader::~SafetensorsReader() {
  if (fd >= 0)
    ::close(fd);
}

const TensorInfo *SafetensorsReader::find(const std::string &name) const {
  auto found = byName.find(name);
  return found == byName.end() ? nullptr : &header.tensors[found->second];
}

absl::Status SafetensorsReader::read(const TensorInfo &tensor, int64_t begin, int64_t count,
                                     void *out) const {
  if (begin < 0 || count < 0 || begin > tensor.bytes || count > tensor.bytes - begin)
    return internalError(path + ": tensor '" + tensor.name + "': bytes " + std::to_string(begin) +
                         " + " + std::to_string(count) + " are outside its " +
                         std::to_string(tensor.bytes));
  return readAt(fd, path, tensor.offset + begin, count, out);
}

absl::StatusOr<std::unique_ptr<SafetensorsWriter>>
SafetensorsWriter::create(const std::string &path, std::vector<TensorInfo> tensors,
                          const std::map<std::string, std::string> &metadata, bool force) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  for (const auto &[key, value] : metadata) {
    if (!isValidUtf8(key) || !isValidUtf8(value))
      return invalidArgument(path + ": metadata '" + key + "' is not UTF-8");
    header["__metadata__"][key] = value;
  }
  std::vector<size_t> order(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i)
    order[i] = i;
  std::set<std::string> names = {"__metadata__"};
  for (TensorInfo &tensor : tensors) {
    const std::string place = path + ": tensor '" + tensor.name + "': ";
    if (!isValidUtf8(tensor.name))
      return invalidArgument(place + "the name is not UTF-8");
    if (!names.insert(tensor.name).second)
      return invalidArgument(place + "the name is taken");
    const int64_t itemSize = safetensorsItemSize(tensor.dtype);
    if (!itemSize)
      return invalidArgument(place + "unknown dtype '" + tensor.dtype + "'");
    if (tensor.shape.size() > maxRank ||
        std::any_of(tensor.shape.begin(), tensor.shape.end(), [](int64_t d) { return d < 0; }))
      return invalidArgument(place + "a shape has at most 32 dimensions, none negative");
    tensor.bytes = bytesOf(tensor.shape, itemSize);
    if (tensor.bytes < 0)
      return invalidArgument(place + "the shape is too large");
  }
  // Wide elements first keeps every tensor aligned to its element, as the format's own writer does.
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    int64_t sizeA = safetensorsItemSize(tensors[a].dtype);
    int64_t sizeB = safetensorsItemSize(tensors[b].dtype);
    return sizeA != sizeB ? sizeA > sizeB : a < b;
  });
  int64_t end = 0;
  for (size_t i : order) {
    TensorInfo &tensor = tensors[i];
    tensor.offset = end;
    if (__builtin_add_overflow(end, tensor.bytes, &end) ||
        end > INT64_MAX - maxSafetensorsHeader - lengthBytes)
      return invalidArgument(path + ": the tensors are too large for one file");
    header[tensor.name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {tensor.offset, end}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (int64_t(text.size()) > maxSafetensorsHeader)
    return invalidArgument(path + ": the header would have " + std::to_string(text.size()) +
                           " bytes, more than the format's limit");

  std::unique_ptr<SafetensorsWriter> writer(new SafetensorsWriter());
  HEDDLE_ASSIGN_OR_RETURN(writer->output,
                          AtomicOutput::create(path, AtomicOutput::Kind::File, force));
  const std::string &temporary = writer->output.path();
  writer->fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (writer->fd < 0)
    return unavailable(path + ": cannot be written: " + errnoText());
  char length[lengthBytes];
  for (int i = 0; i < lengthBytes; ++i)
    length[i] = char((text.size() >> (8 * i)) & 0xFF);
  HEDDLE_RETURN_IF_ERROR(writeAt(writer->fd, path, 0, lengthBytes, length));
  HEDDLE_RETURN_IF_ERROR(writeAt(writer->fd, path, lengthBytes, int64_t(text.size()), text.data()));
  for (TensorInfo &tensor : tensors)
    tensor.offset += lengthBytes + int64_t(text.size());
  writer->written.resize(tensors.size());
  writer->tensors = std::move(tensors);
  return writer;
}

SafetensorsWriter::~SafetensorsWriter() {
  if (fd >= 0)
    ::close(fd);
}

absl::Status SafetensorsWriter::append(size_t index, const void *data, int64_t bytes) {
  if (index >= tensors.size() || fd < 0)
    return internalError(output.target() + ": no tensor " + std::to_string(index) +
                         " to append to");
  const TensorInfo &tensor = tensors[index];
  if (bytes < 0 || bytes > tensor.bytes - written[index])
    return internalError(output.target() + ": tensor '" + tensor.name + "': " +
                         std::to_string(bytes) + " bytes after " + std::to_string(written[index]) +
                         " are more than its " + std::to_string(tensor.bytes));
  HEDDLE_RETURN_IF_ERROR(writeAt(fd, output.target(), tensor.offset + written[index], bytes, data));
  written[index] += bytes;
  return absl::OkStatus();
}

absl::Status SafetensorsWriter::finish() {
  for (size_t i = 0; i < tensors.size(); ++i)
    if (written[i] != tensors[i].bytes)
      return failedPrecondition(output.target() + ": tensor '" + tensors[i].name +
                                "': " + std::to_string(written[i]) + " of " +
                                std::to_string(tensors[i].bytes) + " bytes were written");
  if (fd < 0)
    return failedPrecondition(output.target() + ": already finished");
  // A full disk may show only here.
  bool closed = ::close(fd) == 0;
  fd = -1;
  if (!closed)
    return unavailable(output.target() + ": writing failed: " + errnoText());
  return output.publish();
}

} // namespace heddle::train
