//===- Npy.cpp - NumPy's array files -----------------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Npy.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <unistd.h>
#include <utility>

namespace heddle {

namespace {

struct Dtype {
  const char *name;
  const char *code; ///< without the byte order
  int64_t bytes;
};

constexpr std::array<Dtype, 13> dtypes{{{"float16", "f2", 2},
                                        {"float32", "f4", 4},
                                        {"float64", "f8", 8},
                                        {"int8", "i1", 1},
                                        {"int16", "i2", 2},
                                        {"int32", "i4", 4},
                                        {"int64", "i8", 8},
                                        {"uint8", "u1", 1},
                                        {"uint16", "u2", 2},
                                        {"uint32", "u4", 4},
                                        {"uint64", "u8", 8},
                                        {"bool", "b1", 1},
                                        // NumPy has none: two bytes without a meaning, as its
                                        // extensions (ml_dtypes) save it and numpy.load reads it.
                                        {"bfloat16", "V2", 2}}};

constexpr std::string_view magic("\x93NUMPY", 6);
constexpr size_t maxHeaderBytes = size_t(1) << 20;
constexpr size_t maxDimensions = 32;

/// The subset of Python literals that NumPy writes into headers: a dict of strings, booleans and
/// tuples of integers.
class HeaderParser {
public:
  HeaderParser(std::string_view text, const std::string &file) : text_(text), file_(file) {}

  absl::Status parse(std::string &descr, bool &fortran, std::vector<int64_t> &shape) {
    bool hasDescr = false, hasFortran = false, hasShape = false;
    if (!take('{'))
      return error("expected '{'");
    while (!take('}')) {
      std::string key;
      if (!readString(key) || !take(':'))
        return error("expected a quoted key and ':'");
      bool *seen = key == "descr"           ? &hasDescr
                   : key == "fortran_order" ? &hasFortran
                   : key == "shape"         ? &hasShape
                                            : nullptr;
      if (!seen)
        return error("unknown key '" + key.substr(0, 40) + "'");
      if (*seen)
        return error("key '" + key + "' appears twice");
      *seen = true;
      if (key == "descr") {
        skipSpace();
        if (at_ < text_.size() && text_[at_] == '[')
          return invalidArgument(
              file_ + ": structured arrays are not supported; save one plain array per field");
        if (!readString(descr))
          return error("'descr' is not a string");
      } else if (key == "fortran_order") {
        if (takeWord("True"))
          fortran = true;
        else if (!takeWord("False"))
          return error("'fortran_order' is neither True nor False");
      } else {
        HEDDLE_RETURN_IF_ERROR(readShape(shape));
      }
      if (!take(',')) {
        if (!take('}'))
          return error("expected ',' or '}'");
        break;
      }
    }
    skipSpace();
    if (at_ != text_.size())
      return error("text after '}'");
    if (!hasDescr || !hasFortran || !hasShape)
      return error("one of 'descr', 'fortran_order', 'shape' is missing");
    return absl::OkStatus();
  }

private:
  absl::Status error(const std::string &what) const {
    return invalidArgument(file_ + ": npy header, byte " + std::to_string(at_) + ": " + what);
  }
  void skipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t'))
      ++at_;
  }
  bool take(char c) {
    skipSpace();
    if (at_ >= text_.size() || text_[at_] != c)
      return false;
    ++at_;
    return true;
  }
  bool takeWord(std::string_view word) {
    skipSpace();
    if (text_.substr(at_, word.size()) != word)
      return false;
    at_ += word.size();
    return true;
  }
  bool readString(std::string &out) {
    skipSpace();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"'))
      return false;
    size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos)
      return false;
    out = std::string(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return true;
  }
  absl::Status readShape(std::vector<int64_t> &shape) {
    if (!take('('))
      return error("'shape' is not a tuple");
    while (!take(')')) {
      skipSpace();
      size_t start = at_;
      int64_t value = 0;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
        if (value > (std::numeric_limits<int64_t>::max() - 9) / 10)
          return error("a dimension is too large");
        value = value * 10 + (text_[at_++] - '0');
      }
      if (at_ == start)
        return error("a dimension is not a number");
      takeWord("L"); // Python 2 wrote 3L
      if (shape.size() == maxDimensions)
        return error("more than " + std::to_string(maxDimensions) + " dimensions");
      shape.push_back(value);
      if (!take(',')) {
        if (!take(')'))
          return error("expected ',' or ')' in 'shape'");
        break;
      }
    }
    return absl::OkStatus();
  }

  std::string_view text_;
  const std::string &file_;
  size_t at_ = 0;
};

absl::Status decodeDescr(const std::string &descr, const std::string &file, std::string &dtype) {
  if (descr.find('O') != std::string::npos)
    return invalidArgument(file + ": an object array (dtype 'O') holds pickled Python, which is "
                                  "never loaded; save it with a numeric dtype: arr.astype('float32')");
  std::string code = descr;
  char order = '=';
  if (!code.empty() && std::strchr("<>=|", code[0])) {
    order = code[0];
    code.erase(0, 1);
  }
  for (const Dtype &known : dtypes) {
    if (code != known.code)
      continue;
    if (order == '>' && known.bytes > 1)
      return invalidArgument(file + ": big-endian numbers ('" + descr +
                             "'); convert with arr.astype('" + known.name + "')");
    dtype = known.name;
    return absl::OkStatus();
  }
  std::string all;
  for (const Dtype &known : dtypes)
    all += std::string(all.empty() ? "" : ", ") + known.name;
  return invalidArgument(file + ": dtype '" + descr.substr(0, 40) +
                         "' is not supported; convert to one of " + all);
}

} // namespace

int64_t dtypeBytes(std::string_view dtype) {
  for (const Dtype &known : dtypes)
    if (dtype == known.name)
      return known.bytes;
  return 0;
}

bool isFloatingDtype(std::string_view dtype) {
  return dtype == "float32" || dtype == "bfloat16" || dtype == "float16" || dtype == "float64";
}

const std::vector<std::string> &dtypeNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Dtype &known : dtypes)
      out.push_back(known.name);
    return out;
  }();
  return names;
}

absl::StatusOr<NpyHeader> parseNpyHeader(std::string_view head, int64_t fileBytes,
                                         const std::string &file) {
  if (head.size() < 10 || head.substr(0, magic.size()) != magic)
    return invalidArgument(file + ": not a .npy file (it does not begin with \\x93NUMPY)");
  auto byte = [&](size_t at) { return static_cast<size_t>(static_cast<unsigned char>(head[at])); };
  size_t major = byte(6);
  if (major < 1 || major > 3)
    return invalidArgument(file + ": npy version " + std::to_string(major) +
                           "; versions 1 to 3 are known");
  size_t lengthBytes = major == 1 ? 2 : 4, start = 8 + lengthBytes;
  if (head.size() < start)
    return invalidArgument(file + ": truncated in the npy header");
  size_t length = 0;
  for (size_t i = 0; i < lengthBytes; ++i)
    length |= byte(8 + i) << (8 * i);
  if (length > maxHeaderBytes)
    return invalidArgument(file + ": npy header of " + std::to_string(length) +
                           " bytes; at most 1 MiB is accepted");
  if (length > head.size() - start)
    return invalidArgument(file + ": truncated in the npy header");

  NpyHeader header;
  std::string descr;
  bool fortran = false;
  HEDDLE_RETURN_IF_ERROR(
      HeaderParser(head.substr(start, length), file).parse(descr, fortran, header.shape));
  HEDDLE_RETURN_IF_ERROR(decodeDescr(descr, file, header.dtype));
  int64_t sized = 0;
  for (int64_t dimension : header.shape)
    sized += dimension > 1;
  if (fortran && sized > 1) // with one long dimension both orders are the same bytes
    return invalidArgument(file + ": the array is in Fortran order; save it with "
                                  "np.save(f, np.ascontiguousarray(arr))");
  header.dataOffset = static_cast<int64_t>(start + length);
  int64_t available = fileBytes - header.dataOffset, size = dtypeBytes(header.dtype);
  bool empty = std::find(header.shape.begin(), header.shape.end(), 0) != header.shape.end();
  header.count = empty ? 0 : 1;
  for (int64_t dimension : header.shape) {
    if (empty)
      break;
    if (available < 0 || dimension > available / size / header.count)
      return invalidArgument(file + ": truncated: the header promises " +
                             npyTypeName(header.dtype, header.shape) + ", the file has " +
                             std::to_string(std::max<int64_t>(available, 0)) + " bytes of data");
    header.count *= dimension;
  }
  if (header.count * size > available) // a scalar in a file without data
    return invalidArgument(file + ": truncated: no data after the header");
  return header;
}

std::string npyTypeName(const std::string &dtype, const std::vector<int64_t> &shape) {
  std::string out = dtype + " [";
  for (size_t i = 0; i < shape.size(); ++i)
    out += (i ? ", " : "") + (shape[i] < 0 ? std::string("?") : std::to_string(shape[i]));
  return out + "]";
}

//===----------------------------------------------------------------------===//
// NpyArray
//===----------------------------------------------------------------------===//

absl::StatusOr<NpyArray> NpyArray::open(const std::string &path) {
  NpyArray array;
  array.path_ = path;
  HEDDLE_ASSIGN_OR_RETURN(array.file_, MappedFile::open(path));
  HEDDLE_ASSIGN_OR_RETURN(array.header_,
                          parseNpyHeader(array.file_.text(), array.file_.size(), path));
  int64_t end = array.header_.dataOffset + array.header_.dataBytes();
  if (end != array.file_.size())
    return invalidArgument(path + ": " + std::to_string(array.file_.size() - end) +
                           " bytes after the end of " +
                           npyTypeName(array.header_.dtype, array.header_.shape) +
                           "; the file holds more than one array or is damaged");
  return array;
}

absl::Status NpyArray::expect(const std::string &dtype, const std::vector<int64_t> &shape) const {
  bool same = dtype == header_.dtype && shape.size() == header_.shape.size();
  for (size_t i = 0; same && i < shape.size(); ++i)
    same = shape[i] < 0 || shape[i] == header_.shape[i];
  if (!same)
    return invalidArgument(path_ + ": expected " + npyTypeName(dtype, shape) + ", found " +
                           npyTypeName(header_.dtype, header_.shape));
  return absl::OkStatus();
}

//===----------------------------------------------------------------------===//
// NpyWriter
//===----------------------------------------------------------------------===//

namespace {

constexpr size_t writerHeaderBytes = 128; ///< version 1, enough for 3 dimensions of 19 digits
constexpr size_t writerBufferBytes = size_t(256) << 10;

absl::Status writeAll(int fd, const char *bytes, size_t size, const std::string &path) {
  while (size > 0) {
    ssize_t n = ::write(fd, bytes, size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return internalError(path + ": cannot write: " + std::strerror(errno));
    bytes += n;
    size -= static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

} // namespace

NpyWriter::NpyWriter(NpyWriter &&other) noexcept { *this = std::move(other); }

NpyWriter &NpyWriter::operator=(NpyWriter &&other) noexcept {
  path_.swap(other.path_);
  dtype_.swap(other.dtype_);
  rowShape_.swap(other.rowShape_);
  std::swap(fd_, other.fd_);
  std::swap(rowBytes_, other.rowBytes_);
  std::swap(rows_, other.rows_);
  std::swap(expectedRows_, other.expectedRows_);
  std::swap(fileBytes_, other.fileBytes_);
  buffer_.swap(other.buffer_);
  std::swap(running_, other.running_);
  checksum_.swap(other.checksum_);
  return *this;
}

NpyWriter::~NpyWriter() {
  if (fd_ >= 0)
    ::close(fd_);
}

std::string NpyWriter::headerText(int64_t rows) const {
  std::string code;
  for (const Dtype &known : dtypes)
    if (dtype_ == known.name)
      code = std::string(known.bytes == 1 ? "|" : "<") + known.code;
  std::string dict = "{'descr': '" + code + "', 'fortran_order': False, 'shape': (" +
                     std::to_string(rows) + ",";
  for (size_t i = 0; i < rowShape_.size(); ++i)
    dict += (i ? ", " : " ") + std::to_string(rowShape_[i]);
  dict += "), }";
  std::string text(magic);
  size_t length = writerHeaderBytes - 10;
  text += {'\1', '\0', static_cast<char>(length & 255), static_cast<char>(length >> 8)};
  text += dict;
  text.resize(writerHeaderBytes - 1, ' ');
  return text + "\n";
}

absl::StatusOr<NpyWriter> NpyWriter::create(const std::string &path, const std::string &dtype,
                                            const std::vector<int64_t> &rowShape,
                                            int64_t expectedRows) {
  NpyWriter writer;
  writer.path_ = path;
  writer.dtype_ = dtype;
  writer.rowShape_ = rowShape;
  writer.rowBytes_ = dtypeBytes(dtype);
  if (writer.rowBytes_ == 0)
    return invalidArgument(path + ": unknown dtype '" + dtype + "'");
  if (rowShape.size() > 2)
    return invalidArgument(path + ": rows of more than 2 dimensions");
  for (int64_t dimension : rowShape) {
    if (dimension < 0 || (dimension > 0 && writer.rowBytes_ > (int64_t(1) << 48) / dimension))
      return invalidArgument(path + ": row dimension " + std::to_string(dimension) +
                             " out of range");
    writer.rowBytes_ *= dimension;
  }
  writer.expectedRows_ = std::max<int64_t>(expectedRows, 0);
  writer.fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (writer.fd_ < 0)
    return internalError(path + ": cannot create: " + std::strerror(errno));
  std::string head = writer.headerText(writer.expectedRows_);
  writer.running_.update(head);
  writer.buffer_.assign(head.begin(), head.end());
  return writer;
}

absl::Status NpyWriter::flush() {
  HEDDLE_RETURN_IF_ERROR(writeAll(fd_, buffer_.data(), buffer_.size(), path_));
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status NpyWriter::append(const void *data, int64_t rows) {
  if (fd_ < 0)
    return internalError(path_ + ": append to a closed array");
  size_t bytes = static_cast<size_t>(rows * rowBytes_);
  rows_ += rows;
  if (bytes == 0)
    return absl::OkStatus();
  auto *begin = static_cast<const char *>(data);
  running_.update(begin, bytes);
  if (buffer_.size() + bytes > writerBufferBytes)
    HEDDLE_RETURN_IF_ERROR(flush());
  if (bytes >= writerBufferBytes)
    return writeAll(fd_, begin, bytes, path_);
  buffer_.insert(buffer_.end(), begin, begin + bytes);
  return absl::OkStatus();
}

absl::Status NpyWriter::close() {
  if (fd_ < 0)
    return internalError(path_ + ": the array is closed already");
  HEDDLE_RETURN_IF_ERROR(flush());
  std::vector<char>().swap(buffer_);
  bool guessed = rows_ == expectedRows_;
  if (!guessed) {
    std::string head = headerText(rows_);
    ssize_t n = ::pwrite(fd_, head.data(), head.size(), 0);
    if (n != static_cast<ssize_t>(head.size()))
      return internalError(path_ + ": cannot write the header: " + std::strerror(errno));
  }
  int result = ::close(fd_);
  fd_ = -1;
  if (result != 0)
    return internalError(path_ + ": cannot close: " + std::strerror(errno));
  fileBytes_ = static_cast<int64_t>(writerHeaderBytes) + rows_ * rowBytes_;
  if (guessed) {
    checksum_ = running_.hex();
    return absl::OkStatus();
  }
  HEDDLE_ASSIGN_OR_RETURN(checksum_, checksumOfFile(path_));
  return absl::OkStatus();
}

} // namespace heddle
