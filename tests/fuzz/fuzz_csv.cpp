//===- fuzz_csv.cpp - any bytes are a table or one error -------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/Table.h"
#include "runtime/import/Values.h"

#include <cstdlib>

using namespace heddle;
using namespace heddle::importing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1)
    return 0;
  TableFormat format;
  format.separator = ",\t;|"[data[0] & 3];
  format.quoting = !(data[0] & 4);
  if (data[0] & 8)
    format.nullValues = {"NA", "NULL"};
  std::string text(reinterpret_cast<const char *>(data) + 1, size - 1);
  auto reader = TableReader::read(bytesOf(text), "fuzz.csv", format);
  absl::Status status = reader.status();
  while (status.ok()) {
    auto any = (*reader)->next();
    status = any.status();
    if (!status.ok() || !*any)
      break;
    for (size_t i = 0; i < (*reader)->header().size(); ++i) {
      std::string_view field = (*reader)->field(int(i));
      if (findInvalidText(field) != std::string_view::npos)
        std::abort();
      (void)(*reader)->isNull(int(i));
      (void)(*reader)->place(int(i));
      (void)parseNumber(field);
      (void)parseTime(field);
    }
  }
  if (!status.ok() && (exitCodeOf(status) != 2 || messageOf(status).find("; ") == std::string::npos))
    std::abort();
  return 0;
}
