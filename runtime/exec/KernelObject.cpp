//===- KernelObject.cpp - checks an ELF object before loading ----*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// A plan is a program and is trusted like one; this check finds what was built wrongly (a library
// that the user's machine may lack, code at load) and says so, where the loader would crash or
// print something about the machine that made it.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/KernelLibrary.h"

#include <cstring>
#include <elf.h>
#include <string_view>

namespace heddle::exec {

namespace {

constexpr std::string_view allowedSymbols[] = {
    "memcpy", "memset", "memmove", "expf", "exp",  "logf", "log",    "log1pf", "log1p",
    "expm1f", "expm1",  "tanhf",   "tanh", "sqrtf", "sqrt", "powf",  "pow",    "erff",
    "erf",    "fmaf",   "fma",     "sinf", "cosf", "fabsf", "floorf"};

#if defined(__x86_64__)
constexpr uint16_t machine = EM_X86_64;
constexpr uint32_t resolverRelocation = R_X86_64_IRELATIVE;
#else
constexpr uint16_t machine = EM_AARCH64;
constexpr uint32_t resolverRelocation = 1032; // R_AARCH64_IRELATIVE
#endif

class Object {
public:
  Object(const std::vector<uint8_t> &bytes, const std::string &name) : bytes_(bytes), name_(name) {}

  absl::Status check() {
    Elf64_Ehdr header;
    if (!read(0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
      return bad("it is not a 64-bit ELF object");
    if (header.e_type != ET_DYN || header.e_machine != machine)
      return bad("it is not a shared object for this machine");
    if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > 64)
      return bad("its program headers are damaged");
    for (size_t i = 0; i < header.e_phnum; ++i) {
      Elf64_Phdr segment;
      if (!read(header.e_phoff + i * sizeof segment, segment))
        return bad("its program headers are damaged");
      if (segment.p_type == PT_INTERP || segment.p_type == PT_TLS)
        return bad("it has an interpreter or thread-local data");
      if (segment.p_type == PT_GNU_STACK && (segment.p_flags & PF_X))
        return bad("it wants an executable stack");
      if (segment.p_type == PT_LOAD) {
        if (segment.p_filesz > bytes_.size() || segment.p_offset > bytes_.size() - segment.p_filesz)
          return bad("a segment lies outside of it");
        if ((segment.p_flags & PF_W) && (segment.p_flags & PF_X))
          return bad("a segment is both writable and executable");
        segments_.push_back(segment);
      }
      if (segment.p_type == PT_DYNAMIC)
        dynamic_ = segment;
    }
    if (dynamic_.p_type != PT_DYNAMIC)
      return bad("it has no dynamic section");
    HEDDLE_RETURN_IF_ERROR(readDynamic());
    HEDDLE_RETURN_IF_ERROR(checkRelocations(rela_, relaSize_));
    return checkRelocations(jumpRela_, jumpRelaSize_);
  }

private:
  absl::Status bad(const std::string &what) const {
    return invalidArgument(name_ + ": " + what + "; recompile with heddle-compile");
  }
  template <class T> bool read(uint64_t offset, T &value) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof value)
      return false;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return true;
  }
  template <class T> bool readAt(uint64_t address, T &value) const {
    for (const Elf64_Phdr &s : segments_)
      if (address >= s.p_vaddr && address - s.p_vaddr < s.p_filesz)
        return read(s.p_offset + (address - s.p_vaddr), value);
    return false;
  }

  absl::Status readDynamic() {
    for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= dynamic_.p_filesz; at += sizeof(Elf64_Dyn)) {
      Elf64_Dyn entry;
      if (!read(dynamic_.p_offset + at, entry))
        return bad("its dynamic section is damaged");
      switch (entry.d_tag) {
      case DT_NULL:
        return absl::OkStatus();
      case DT_NEEDED:
        return bad("it needs another library");
      case DT_INIT:
      case DT_FINI:
      case DT_INIT_ARRAY:
      case DT_FINI_ARRAY:
      case DT_PREINIT_ARRAY:
        return bad("it runs code when it is loaded");
      case DT_TEXTREL:
        return bad("its code is not position independent");
      case DT_REL:
        return bad("it has relocations of an unknown kind");
      case DT_SYMTAB:
        symbols_ = entry.d_un.d_ptr;
        break;
      case DT_STRTAB:
        strings_ = entry.d_un.d_ptr;
        break;
      case DT_RELA:
        rela_ = entry.d_un.d_ptr;
        break;
      case DT_RELASZ:
        relaSize_ = entry.d_un.d_val;
        break;
      case DT_JMPREL:
        jumpRela_ = entry.d_un.d_ptr;
        break;
      case DT_PLTRELSZ:
        jumpRelaSize_ = entry.d_un.d_val;
        break;
      default:
        break;
      }
    }
    return absl::OkStatus();
  }

  absl::Status checkRelocations(uint64_t address, uint64_t size) const {
    if (size > bytes_.size())
      return bad("its relocations are damaged");
    for (uint64_t at = 0; at + sizeof(Elf64_Rela) <= size; at += sizeof(Elf64_Rela)) {
      Elf64_Rela relocation;
      if (!readAt(address + at, relocation))
        return bad("its relocations are damaged");
      if (ELF64_R_TYPE(relocation.r_info) == resolverRelocation)
        return bad("it runs code when it is loaded");
      uint64_t index = ELF64_R_SYM(relocation.r_info);
      Elf64_Sym symbol;
      if (index == 0)
        continue;
      if (!readAt(symbols_ + index * sizeof symbol, symbol))
        return bad("its symbols are damaged");
      if (ELF64_ST_TYPE(symbol.st_info) == STT_GNU_IFUNC)
        return bad("it runs code when it is loaded");
      if (symbol.st_shndx != SHN_UNDEF)
        continue;
      std::string symbolName = text(strings_ + symbol.st_name);
      bool allowed = false;
      for (std::string_view name : allowedSymbols)
        allowed |= symbolName == name;
      if (!allowed)
        return bad("it uses '" + symbolName + "', which kernels may not");
    }
    return absl::OkStatus();
  }

  std::string text(uint64_t address) const {
    std::string out;
    char c;
    while (out.size() < 256 && readAt(address++, c) && c)
      out += c;
    return out;
  }

  const std::vector<uint8_t> &bytes_;
  const std::string &name_;
  std::vector<Elf64_Phdr> segments_;
  Elf64_Phdr dynamic_{};
  uint64_t symbols_ = 0, strings_ = 0, rela_ = 0, relaSize_ = 0, jumpRela_ = 0, jumpRelaSize_ = 0;
};

} // namespace

absl::Status checkKernelObject(const std::vector<uint8_t> &object, const std::string &name) {
  return Object(object, name).check();
}

} // namespace heddle::exec
