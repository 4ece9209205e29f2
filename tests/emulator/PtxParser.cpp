//===- PtxParser.cpp - PTX text, decoded for an emulated device ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/emulator/Ptx.h"

#include <cctype>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace heddle::emulator {
namespace {

struct Refused {
  std::string why;
};

/// A word, a number, or one character of punctuation.
struct Token {
  std::string text;
  int line = 0;
};

std::vector<Token> tokensOf(const std::string &text) {
  std::vector<Token> out;
  int line = 1;
  auto isWord = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%' ||
           c == '.';
  };
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '\n') {
      ++line, ++i;
    } else if (std::isspace(static_cast<unsigned char>(c))) {
      ++i;
    } else if (text.compare(i, 2, "//") == 0) {
      while (i < text.size() && text[i] != '\n')
        ++i;
    } else if (c == '"') {
      const size_t end = text.find('"', i + 1);
      out.push_back({text.substr(i, end - i + 1), line});
      i = end == std::string::npos ? text.size() : end + 1;
    } else if (isWord(c)) {
      size_t end = i;
      while (end < text.size() && isWord(text[end]))
        ++end;
      out.push_back({text.substr(i, end - i), line});
      i = end;
    } else {
      out.push_back({std::string(1, c), line});
      ++i;
    }
  }
  return out;
}

std::vector<std::string> split(const std::string &text, char at) {
  std::vector<std::string> parts(1);
  for (char c : text)
    if (c == at)
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

/// "f32", "b64", "u8", ...: its size; 0 if it is no type.
int bytesOf(std::string_view type) {
  if (type == "pred")
    return 1;
  if (type.size() < 2 || std::string_view("busf").find(type[0]) == std::string_view::npos)
    return 0;
  const int bits = std::atoi(std::string(type.substr(1)).c_str());
  return bits == 8 || bits == 16 || bits == 32 || bits == 64 ? bits / 8 : 0;
}

class Parser {
public:
  explicit Parser(const std::string &text) : tokens_(tokensOf(text)) {}

  void run(Ptx &ptx) {
    ptx_ = &ptx;
    while (!atEnd()) {
      const std::string word = next();
      if (word == ".version" || word == ".address_size")
        next();
      else if (word == ".target")
        ptx.target = std::atoi(next().substr(3).c_str());
      else if (word == ".visible" || word == ".weak" || word == ".extern")
        continue;
      else if (word == ".entry")
        parseKernel();
      else if (word == ".shared" || word == ".global" || word == ".const")
        parseArray(word, moduleShared_, moduleSymbols_);
      else
        refuse("'" + word + "' is not known here");
    }
    for (auto &[name, kernel] : ptx.kernels)
      kernel->sharedBytes = std::max(kernel->sharedBytes, moduleShared_);
  }
  int line() const { return tokens_.empty() ? 0 : tokens_[std::min(at_, tokens_.size() - 1)].line; }

private:
  struct Symbol {
    Space space;
    uint64_t offset;
  };
  struct Register {
    char bank;
    int number;
  };

  [[noreturn]] void refuse(const std::string &why) { throw Refused{why}; }
  bool atEnd() const { return at_ == tokens_.size(); }
  const std::string &peek() {
    if (atEnd())
      refuse("the text ends too early");
    return tokens_[at_].text;
  }
  std::string next() {
    std::string word = peek();
    ++at_;
    return word;
  }
  bool accept(const std::string &word) {
    if (atEnd() || peek() != word)
      return false;
    ++at_;
    return true;
  }
  void expect(const std::string &word) {
    if (!accept(word))
      refuse("'" + word + "' is expected, not '" + (atEnd() ? "the end" : peek()) + "'");
  }

  static std::optional<uint64_t> numberOf(const std::string &word) {
    if (word.size() == 10 && word.rfind("0f", 0) == 0)
      return std::strtoull(word.c_str() + 2, nullptr, 16);
    if (word.size() == 18 && word.rfind("0d", 0) == 0)
      return std::strtoull(word.c_str() + 2, nullptr, 16);
    if (word.empty() || !std::isdigit(static_cast<unsigned char>(word[0])))
      return {};
    return std::strtoull(word.c_str(), nullptr, 0);
  }
  uint64_t number() {
    const bool negative = accept("-");
    const std::string word = next();
    auto value = numberOf(word);
    if (!value)
      refuse("a number is expected, not '" + word + "'");
    return negative ? 0 - *value : *value;
  }

  /// .shared .align 8 .b8 name[14504];   .global .align 4 .b8 name[8] = {1, 2, ...};
  void parseArray(const std::string &space, uint64_t &shared,
                  std::map<std::string, Symbol> &symbols) {
    uint64_t alignment = 1;
    while (peek()[0] == '.' && !bytesOf(peek().substr(1)))
      if (next() == ".align")
        alignment = number();
    const uint64_t bytes = uint64_t(bytesOf(next().substr(1)));
    const std::string name = next();
    uint64_t count = 1;
    if (accept("[")) {
      count = number();
      expect("]");
    }
    auto aligned = [&](uint64_t at) { return (at + alignment - 1) / alignment * alignment; };
    if (space == ".shared" || space == ".local") {
      const uint64_t first = aligned(shared);
      shared = first + count * bytes;
      symbols[name] = {space == ".shared" ? Space::Shared : Space::Local, first};
    } else {
      ptx_->data.resize(aligned(ptx_->data.size()));
      symbols[name] = {Space::Global, ptx_->data.size()};
      std::vector<uint64_t> values;
      if (accept("=")) {
        const bool list = accept("{");
        do
          values.push_back(number());
        while (accept(","));
        if (list)
          expect("}");
      }
      values.resize(count);
      for (uint64_t value : values)
        ptx_->data.insert(ptx_->data.end(), reinterpret_cast<const char *>(&value),
                          reinterpret_cast<const char *>(&value) + bytes);
    }
    expect(";");
  }

  void parseKernel() {
    const std::string name = next();
    kernel_ = std::make_unique<Kernel>();
    kernel_->name = name;
    symbols_ = moduleSymbols_;
    registers_.clear(), families_.clear(), labels_.clear(), jumps_.clear(), constants_.clear();
    expect("(");
    while (!accept(")")) {
      accept(",");
      expect(".param");
      parseParameter();
    }
    while (peek() != "{")
      next(); // .maxntid and the like
    expect("{");
    int depth = 1;
    while (depth > 0) {
      if (accept("{"))
        ++depth;
      else if (accept("}"))
        --depth;
      else
        parseStatement();
    }
    for (const auto &[instruction, label, line] : jumps_) {
      auto found = labels_.find(label);
      if (found == labels_.end())
        refuse("no label '" + label + "', named in line " + std::to_string(line));
      kernel_->code[instruction].target = found->second;
    }
    kernel_->code.push_back({});
    kernel_->code.back().kind = Kind::Return;
    ptx_->kernels[name] = std::move(kernel_);
  }

  /// .align 8 .b8 name[64]   or   .u64 .ptr .global .align 1 name
  void parseParameter() {
    uint64_t bytes = 0, alignment = 0;
    while (peek()[0] == '.') {
      const std::string word = next();
      const uint64_t own = uint64_t(bytesOf(word.substr(1)));
      if (own && !bytes)
        bytes = own;
      if (word == ".align") {
        const uint64_t given = number();
        if (!bytes) // else it is the pointer's
          alignment = given;
      }
    }
    const std::string name = next();
    if (!alignment)
      alignment = bytes;
    if (accept("[")) {
      bytes *= number();
      expect("]");
    }
    if (!bytes)
      refuse("parameter '" + name + "' has no type");
    uint64_t &end = kernel_->parameterBytes;
    const uint64_t first = (end + alignment - 1) / alignment * alignment;
    kernel_->parameters.push_back({first, bytes});
    symbols_[name] = {Space::Param, first};
    end = first + bytes;
  }

  Register newRegister(char bank, int count = 1) {
    int &size = bank == 'p'   ? kernel_->predicates
                : bank == 'd' ? kernel_->registers64
                              : kernel_->registers32;
    size += count;
    return {bank, size - count};
  }

  void parseStatement() {
    if (accept(".reg")) {
      const std::string type = next().substr(1);
      const int bytes = bytesOf(type);
      const char bank = type == "pred" ? 'p' : bytes == 8 ? 'd' : 'r';
      do {
        const std::string name = next();
        if (accept("<")) {
          const int count = int(number());
          expect(">");
          families_[name] = newRegister(bank, count);
        } else {
          registers_[name] = newRegister(bank);
        }
      } while (accept(","));
      expect(";");
      return;
    }
    if (accept(".pragma") || accept(".loc")) {
      while (next() != ";") {
      }
      return;
    }
    for (const char *space : {".shared", ".local"})
      if (accept(space)) {
        parseArray(space,
                   std::string(space) == ".shared" ? kernel_->sharedBytes : kernel_->localBytes,
                   symbols_);
        return;
      }
    if (at_ + 1 < tokens_.size() && tokens_[at_ + 1].text == ":") {
      labels_[next()] = int(kernel_->code.size());
      expect(":");
      return;
    }
    parseInstruction();
  }

  void parseInstruction() {
    Instruction i;
    i.line = line();
    if (accept("@")) {
      i.guardNot = accept("!");
      i.guard = registerOf(next(), 'p');
    }
    const std::string name = next();
    const std::vector<std::string> parts = split(name, '.');
    const std::string &base = parts[0];
    if (base == "bra") {
      i.kind = Kind::Branch;
      jumps_.push_back({kernel_->code.size(), next(), i.line});
    } else if (base == "ret" || base == "exit") {
      i.kind = Kind::Return;
    } else if (base == "ld" || base == "st" || base == "atom" || base == "red") {
      parseMemory(i, parts);
    } else if (name == "shfl.sync.bfly.b32") {
      i.kind = Kind::Shuffle;
      i.to = registerOf(next(), 'r');
      for (int *operand : {&i.a, &i.b, &i.c, &i.values[0]}) {
        expect(",");
        *operand = operandOf('r');
      }
    } else if (name == "vote.sync.ballot.b32") {
      i.kind = Kind::Ballot;
      i.to = registerOf(next(), 'r');
      expect(",");
      i.a = operandOf('p');
      expect(",");
      i.values[0] = operandOf('r');
    } else if (name == "bar.warp.sync") {
      i.kind = Kind::WarpBarrier;
      i.values[0] = operandOf('r');
    } else if (name == "bar.sync") {
      i.kind = Kind::BlockBarrier;
      if (number() != 0)
        refuse("barriers but the first are not known here");
    } else if (base == "mov" && peekAt(2)[0] == '%' && specials().count(peekAt(2))) {
      i.kind = Kind::Special;
      i.to = registerOf(next(), 'r');
      expect(",");
      i.special = specials().at(next());
    } else {
      parseOperation(i, name);
    }
    expect(";");
    kernel_->code.push_back(i);
  }

  const std::string &peekAt(size_t ahead) {
    if (at_ + ahead >= tokens_.size())
      refuse("the text ends too early");
    return tokens_[at_ + ahead].text;
  }
  static const std::map<std::string, SpecialRegister> &specials() {
    static const std::map<std::string, SpecialRegister> all = {
        {"%tid.x", SpecialRegister::Tid},        {"%ntid.x", SpecialRegister::Ntid},
        {"%ctaid.x", SpecialRegister::Ctaid},    {"%ctaid.y", SpecialRegister::CtaidY},
        {"%nctaid.y", SpecialRegister::NctaidY}, {"%nctaid.x", SpecialRegister::Nctaid},
        {"%laneid", SpecialRegister::LaneId}};
    return all;
  }

  void parseOperation(Instruction &i, std::string name) {
    int *slots[] = {&i.to, &i.a, &i.b, &i.c};
    size_t used = 0;
    // mov.b64 d, {a, b};   mov.b64 {a, b}, d;   and mov.b32 of halves
    const bool halves = name == "mov.b32", moves = halves || name == "mov.b64";
    const bool unpack = moves && peek() == "{", pack = moves && peekAt(2) == "{";
    if (unpack || pack)
      name = (unpack ? "mov.unpack" : "mov.pack") + std::string(halves ? "16" : "");
    const KnownOperation *known = findOperation(name);
    if (!known)
      refuse("instruction '" + name + "' is not known here");
    i.operation = known->run;
    for (const char *bank = known->operands; *bank; ++bank) {
      if (used > 0)
        expect(",");
      if (used == size_t(unpack ? 0 : 1) && (unpack || pack))
        expect("{");
      *slots[used] =
          used == 0 || (unpack && used == 1) ? registerOf(next(), *bank) : operandOf(*bank);
      ++used;
      if ((unpack && used == 2) || (pack && used == 3))
        expect("}");
    }
  }

  void parseMemory(Instruction &i, const std::vector<std::string> &parts) {
    const bool store = parts[0] == "st", update = parts[0] == "atom" || parts[0] == "red";
    i.kind = store ? Kind::Store : update ? Kind::Atomic : Kind::Load;
    static const std::map<std::string, Instruction::Update> updates = {
        {"add", Instruction::Update::Add}, {"or", Instruction::Update::Or},
        {"and", Instruction::Update::And}, {"max", Instruction::Update::Max},
        {"min", Instruction::Update::Min}, {"exch", Instruction::Update::Exchange}};
    bool typed = false, operation = false;
    for (size_t p = 1; p < parts.size(); ++p) {
      const std::string &part = parts[p];
      if (part == "global")
        i.space = Space::Global;
      else if (part == "shared")
        i.space = Space::Shared;
      else if (part == "local")
        i.space = Space::Local;
      else if (part == "param")
        i.space = Space::Param;
      else if (part == "v2" || part == "v4")
        i.count = uint8_t(part[1] - '0');
      else if (part == "nc" || part == "sys" || part == "gpu" || part == "cta" ||
               part == "volatile" || part == "acquire" || part == "release" || part == "acq_rel")
        continue;
      else if (part == "relaxed")
        i.relaxed = true;
      else if (update && updates.count(part)) {
        i.update = updates.at(part);
        operation = true;
      } else if (int bytes = bytesOf(part)) {
        i.bytes = uint8_t(bytes);
        i.sign = part[0] == 's';
        typed = part[0] != 'f' || !update;
      } else {
        refuse("'." + part + "' is not known here");
      }
    }
    if (!typed || (update && (!operation || i.bytes < 4)))
      refuse("such a " + parts[0] + " is not known here");
    auto elements = [&] {
      const bool list = accept("{");
      for (int e = 0; e < i.count; ++e) {
        if (e > 0)
          expect(",");
        if (store) {
          const bool wide = i.bytes == 8;
          Register own = anyOperand(wide ? 'd' : 'r');
          i.wide = own.bank == 'd';
          i.values[e] = own.number;
        } else if (update && peek() == "_") {
          next();
        } else {
          Register own = anyRegister(next());
          i.wide = own.bank == 'd';
          i.values[e] = own.number;
        }
      }
      if (list)
        expect("}");
    };
    if (!store && parts[0] != "red") {
      elements();
      expect(",");
    }
    expect("[");
    const std::string base = next();
    if (base[0] == '%') {
      i.a = registerOf(base, 'd');
    } else {
      auto symbol = symbols_.find(base);
      if (symbol == symbols_.end())
        refuse("no symbol '" + base + "'");
      if (symbol->second.space == Space::Global)
        i.a = constant('g', symbol->second.offset);
      else
        i.offset = int64_t(symbol->second.offset);
    }
    if (accept("+"))
      i.offset += int64_t(number());
    expect("]");
    if (store) {
      expect(",");
      elements();
    } else if (update) {
      expect(",");
      i.wide = i.bytes == 8;
      i.b = operandOf(i.wide ? 'd' : 'r');
    }
  }

  std::optional<Register> findRegister(const std::string &name) {
    if (auto found = registers_.find(name); found != registers_.end())
      return found->second;
    size_t digits = name.size();
    while (digits > 0 && std::isdigit(static_cast<unsigned char>(name[digits - 1])))
      --digits;
    auto family = families_.find(name.substr(0, digits));
    if (family == families_.end() || digits == name.size())
      return {};
    return Register{family->second.bank, family->second.number + std::atoi(name.c_str() + digits)};
  }
  Register anyRegister(const std::string &name) {
    auto found = findRegister(name);
    if (!found)
      refuse("no register '" + name + "'");
    return *found;
  }
  int registerOf(const std::string &name, char bank) {
    Register found = anyRegister(name);
    if (found.bank != bank)
      refuse("'" + name + "' is no register of that width");
    return found.number;
  }
  /// A register that holds a constant. Bank 'g': the address of the module's data and `value`.
  int constant(char bank, uint64_t value) {
    auto [place, isNew] = constants_.try_emplace({bank, value});
    if (isNew) {
      place->second = newRegister(bank == 'g' ? 'd' : bank).number;
      if (bank == 'p')
        kernel_->constantPredicates.push_back({place->second, value != 0});
      else if (bank == 'r')
        kernel_->constants32.push_back({place->second, uint32_t(value)});
      else
        (bank == 'g' ? kernel_->dataAddresses : kernel_->constants64)
            .push_back({place->second, value});
    }
    return place->second;
  }
  Register anyOperand(char bank) {
    if (peek()[0] == '%')
      return anyRegister(next());
    if (auto symbol = symbols_.find(peek()); symbol != symbols_.end()) {
      next();
      return {'d',
              constant(symbol->second.space == Space::Global ? 'g' : 'd', symbol->second.offset)};
    }
    if (auto found = findRegister(peek())) { // declared in a scope of its own
      next();
      return *found;
    }
    return {bank, constant(bank, bank == 'r' ? uint32_t(number()) : number())};
  }
  int operandOf(char bank) {
    const std::string name = peek();
    Register found = anyOperand(bank);
    if (found.bank != bank)
      refuse("'" + name + "' is no operand of that width");
    return found.number;
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  Ptx *ptx_ = nullptr;
  std::unique_ptr<Kernel> kernel_;
  uint64_t moduleShared_ = 0;
  std::map<std::string, Symbol> moduleSymbols_, symbols_;
  std::map<std::string, Register> registers_, families_;
  std::map<std::string, int> labels_;
  struct Jump {
    size_t instruction;
    std::string label;
    int line;
  };
  std::vector<Jump> jumps_;
  std::map<std::pair<char, uint64_t>, int> constants_;
};

} // namespace

std::unique_ptr<Ptx> parsePtx(const std::string &text, std::string &error) {
  auto ptx = std::make_unique<Ptx>();
  ptx->lines = split(text, '\n');
  Parser parser(text);
  try {
    parser.run(*ptx);
  } catch (const Refused &refused) {
    error = "line " + std::to_string(parser.line()) + ": " + refused.why;
    return nullptr;
  }
  return ptx;
}

} // namespace heddle::emulator
