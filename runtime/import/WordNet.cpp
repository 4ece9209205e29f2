//===- WordNet.cpp - a WordNet folder as a graph ---------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/import/WordNet.h"

#include "runtime/import/HashSplit.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace heddle::importing {

namespace {

constexpr int kNoun = 0, kVerb = 1, kAdj = 2, kAdv = 3, kNumTypes = 4;
constexpr const char *kTypeNames[kNumTypes] = {"noun", "verb", "adj", "adv"};
constexpr char kIdLetters[kNumTypes] = {'n', 'v', 'a', 'r'};

/// lexnames(5WN).
constexpr const char *kLexNames[] = {"adj.all",          "adj.pert",           "adv.all",
                                     "noun.Tops",        "noun.act",           "noun.animal",
                                     "noun.artifact",    "noun.attribute",     "noun.body",
                                     "noun.cognition",   "noun.communication", "noun.event",
                                     "noun.feeling",     "noun.food",          "noun.group",
                                     "noun.location",    "noun.motive",        "noun.object",
                                     "noun.person",      "noun.phenomenon",    "noun.plant",
                                     "noun.possession",  "noun.process",       "noun.quantity",
                                     "noun.relation",    "noun.shape",         "noun.state",
                                     "noun.substance",   "noun.time",          "verb.body",
                                     "verb.change",      "verb.cognition",     "verb.communication",
                                     "verb.competition", "verb.consumption",   "verb.contact",
                                     "verb.creation",    "verb.emotion",       "verb.motion",
                                     "verb.perception",  "verb.possession",    "verb.social",
                                     "verb.stative",     "verb.weather",       "adj.ppl"};
constexpr int kNumLexNames = sizeof kLexNames / sizeof kLexNames[0];

/// wninput(5WN).
constexpr const char *kFrames[] = {"Something ----s",
                                   "Somebody ----s",
                                   "It is ----ing",
                                   "Something is ----ing PP",
                                   "Something ----s something Adjective/Noun",
                                   "Something ----s Adjective/Noun",
                                   "Somebody ----s Adjective",
                                   "Somebody ----s something",
                                   "Somebody ----s somebody",
                                   "Something ----s somebody",
                                   "Something ----s something",
                                   "Something ----s to somebody",
                                   "Somebody ----s on something",
                                   "Somebody ----s somebody something",
                                   "Somebody ----s something to somebody",
                                   "Somebody ----s something from somebody",
                                   "Somebody ----s somebody with something",
                                   "Somebody ----s somebody of something",
                                   "Somebody ----s something on somebody",
                                   "Somebody ----s somebody PP",
                                   "Somebody ----s something PP",
                                   "Somebody ----s PP",
                                   "Somebody's (body part) ----s",
                                   "Somebody ----s somebody to INFINITIVE",
                                   "Somebody ----s somebody INFINITIVE",
                                   "Somebody ----s that CLAUSE",
                                   "Somebody ----s to somebody",
                                   "Somebody ----s to INFINITIVE",
                                   "Somebody ----s whether INFINITIVE",
                                   "Somebody ----s somebody into V-ing something",
                                   "Somebody ----s something with something",
                                   "Somebody ----s INFINITIVE",
                                   "Somebody ----s VERB-ing",
                                   "It ----s that CLAUSE",
                                   "Something ----s INFINITIVE"};
constexpr int kNumFrames = sizeof kFrames / sizeof kFrames[0];

/// What becomes of a pointer symbol.
struct PointerRule {
  const char *symbol;
  const char *name; ///< nullptr: the inverse of a kept pointer, dropped
  bool symmetric;   ///< within one type a pair is one edge, whichever side names it
};
constexpr PointerRule kPointerRules[] = {
    {"!", "antonym", true},
    {"@", "hypernym", false},
    {"@i", "instance_of", false},
    {"~", nullptr, false},
    {"~i", nullptr, false},
    {"#m", "member_holonym", false},
    {"#s", "substance_holonym", false},
    {"#p", "part_holonym", false},
    {"%m", nullptr, false},
    {"%s", nullptr, false},
    {"%p", nullptr, false},
    {"=", "attribute", false},
    {"+", "derivation", true},
    {";c", "topic", false},
    {"-c", nullptr, false},
    {";r", "region", false},
    {"-r", nullptr, false},
    {";u", "usage", false},
    {"-u", nullptr, false},
    {"*", "entailment", false},
    {">", "cause", false},
    {"^", "also_see", true},
    {"$", "verb_group", true},
    {"&", "similar_to", true},
    {"<", "participle", false},
    {"\\", "pertainym", false},
};

const PointerRule *pointerRule(std::string_view symbol) {
  for (const PointerRule &rule : kPointerRules)
    if (symbol == rule.symbol)
      return &rule;
  return nullptr;
}

/// The relation's name of a pointer from `source` to `target`, or nullptr if this direction of the
/// pair is the dropped one. Attribute and derivation are stored on both sides under one symbol.
const char *relationName(const PointerRule &rule, int source, int target) {
  if (!rule.name)
    return nullptr;
  std::string_view symbol = rule.symbol;
  if (symbol == "=" && source != kAdj)
    return nullptr;
  if (symbol == "+" && source != target) {
    bool kept = source == kAdj || (source == kNoun && target == kVerb);
    return kept ? rule.name : nullptr;
  }
  if (symbol == "\\" && source == kAdv)
    return "from_adj";
  return rule.name;
}

/// Takes fields separated by single spaces from the front of a line.
class Fields {
public:
  explicit Fields(std::string_view text) : rest_(text) {}
  bool next(std::string_view &field) {
    while (!rest_.empty() && rest_.front() == ' ')
      rest_.remove_prefix(1);
    if (rest_.empty())
      return false;
    size_t end = rest_.find(' ');
    field = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end);
    return true;
  }
  bool number(int64_t &out, int base = 10) {
    std::string_view field;
    if (!next(field))
      return false;
    auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), out, base);
    return error == std::errc() && end == field.data() + field.size() && out >= 0;
  }

private:
  std::string_view rest_;
};

int typeOfLetter(std::string_view letter) {
  if (letter == "n")
    return kNoun;
  if (letter == "v")
    return kVerb;
  if (letter == "a" || letter == "s")
    return kAdj;
  return letter == "r" ? kAdv : -1;
}

std::string lowerCase(std::string_view text) {
  std::string out(text);
  for (char &c : out)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return out;
}

/// "dog, domestic dog: a member of the genus Canis ..." within about 100 bytes.
std::string displayName(const WordNetSynset &synset) {
  constexpr size_t kLimit = 100;
  std::string text;
  for (const std::string &word : synset.words) {
    if (!text.empty() && text.size() + word.size() > 60)
      break;
    text += (text.empty() ? "" : ", ") + word;
  }
  std::replace(text.begin(), text.end(), '_', ' ');
  std::string gloss = synset.gloss.substr(0, synset.gloss.find("; \""));
  if (!gloss.empty())
    text += ": " + gloss;
  if (text.size() <= kLimit)
    return text;
  size_t cut = kLimit - 3;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80)
    --cut;
  return text.substr(0, cut) + "...";
}

std::string idText(int type, int64_t offset) {
  char text[32];
  std::snprintf(text, sizeof text, "%c%08lld", kIdLetters[type], static_cast<long long>(offset));
  return text;
}

/// Runs of ASCII letters of two or more, lower case.
template <typename Visit> void forEachGlossWord(std::string_view gloss, const Visit &visit) {
  std::string word;
  for (size_t i = 0; i <= gloss.size(); ++i) {
    char c = i < gloss.size() ? gloss[i] : ' ';
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
    if (c >= 'a' && c <= 'z') {
      word += c;
      continue;
    }
    if (word.size() >= 2)
      visit(word);
    word.clear();
  }
}

class Importer {
public:
  Importer(const WordNetOptions &options, graph::GraphBuilder &builder)
      : options_(options), builder_(builder) {}

  absl::Status run() {
    for (int type = 0; type < kNumTypes; ++type)
      HEDDLE_RETURN_IF_ERROR(readDataFile(type));
    HEDDLE_RETURN_IF_ERROR(declareTypes());
    HEDDLE_RETURN_IF_ERROR(addPointers());
    if (options_.words)
      HEDDLE_RETURN_IF_ERROR(addWords());
    if (options_.frames)
      HEDDLE_RETURN_IF_ERROR(addFrames());
    HEDDLE_RETURN_IF_ERROR(addDomains(kNoun));
    HEDDLE_RETURN_IF_ERROR(addDomains(kVerb));
    if (options_.glossWords > 0)
      HEDDLE_RETURN_IF_ERROR(addGloss());
    return absl::OkStatus();
  }

private:
  using Edges = std::vector<std::pair<int64_t, int64_t>>;

  std::string fileName(int type) const { return options_.directory + "/data." + kTypeNames[type]; }

  absl::Status readDataFile(int type) {
    std::string name = fileName(type);
    std::ifstream in(name, std::ios::binary);
    if (!in)
      return notFound(name + ": cannot be read; name the folder that holds data.noun, data.verb, "
                             "data.adj and data.adv (Debian: package wordnet-base, "
                             "/usr/share/wordnet)");
    std::string line, problem;
    int64_t lineNumber = 0;
    auto &synsets = synsets_[type];
    while (std::getline(in, line)) {
      ++lineNumber;
      if (line.rfind("  ", 0) == 0) // the licence
        continue;
      if (!line.empty() && line.back() == '\r')
        line.pop_back();
      WordNetSynset synset;
      if (!parseWordNetLine(line, type, synset, problem))
        return malformed(type, lineNumber, problem);
      if (!synsets.empty() && synset.offset <= synsets.back().offset)
        return malformed(type, lineNumber, "synset offsets do not ascend");
      lines_[type].push_back(lineNumber);
      synsets.push_back(std::move(synset));
    }
    if (in.bad())
      return unavailable(name + ": reading failed after line " + std::to_string(lineNumber) +
                         "; check the disk");
    if (synsets.empty())
      return malformed(type, lineNumber, "no synset in the file");
    return absl::OkStatus();
  }

  absl::Status malformed(int type, int64_t line, const std::string &problem) const {
    return invalidArgument(fileName(type) + ":" + std::to_string(line) + ": " + problem +
                           "; the file is damaged or not of WordNet 3.x, install it again");
  }

  /// Row of the synset at `offset`, -1 if there is none. Offsets ascend with the rows.
  int64_t rowOf(int type, int64_t offset) const {
    const auto &synsets = synsets_[type];
    auto it = std::lower_bound(synsets.begin(), synsets.end(), offset,
                               [](const WordNetSynset &s, int64_t o) { return s.offset < o; });
    return it != synsets.end() && it->offset == offset ? it - synsets.begin() : -1;
  }

  absl::Status declareTypes() {
    for (int type = 0; type < kNumTypes; ++type) {
      std::vector<std::string> ids, names;
      for (const WordNetSynset &synset : synsets_[type]) {
        ids.push_back(idText(type, synset.offset));
        names.push_back(displayName(synset));
      }
      HEDDLE_ASSIGN_OR_RETURN(handles_[type],
                              builder_.addNodeType(kTypeNames[type], int64_t(ids.size())));
      HEDDLE_RETURN_IF_ERROR(builder_.setStringIds(handles_[type], ids));
      HEDDLE_RETURN_IF_ERROR(builder_.setDisplayNames(handles_[type], names));
    }
    return absl::OkStatus();
  }

  absl::Status addRelation(const std::string &source, const std::string &name,
                           const std::string &destination, const Edges &edges) {
    HEDDLE_ASSIGN_OR_RETURN(int relation, builder_.addRelation(source, name, destination));
    std::vector<int64_t> from, to;
    from.reserve(edges.size());
    to.reserve(edges.size());
    for (auto [s, d] : edges) {
      from.push_back(s);
      to.push_back(d);
    }
    HEDDLE_RETURN_IF_ERROR(
        builder_.addEdges(relation, from.data(), to.data(), int64_t(edges.size())));
    if (options_.reverse)
      HEDDLE_RETURN_IF_ERROR(builder_.addReverse(relation, "rev_" + name));
    return absl::OkStatus();
  }

  absl::Status addPointers() {
    int64_t repeated = 0, inverse = 0;
    for (int source = 0; source < kNumTypes; ++source) {
      struct Collected {
        Edges edges;
        std::unordered_set<uint64_t> seen;
      };
      std::map<std::pair<std::string, int>, Collected> relations;
      for (size_t row = 0; row < synsets_[source].size(); ++row) {
        for (const WordNetPointer &pointer : synsets_[source][row].pointers) {
          const PointerRule *rule = pointerRule(pointer.symbol);
          if (!rule)
            return malformed(source, lines_[source][row],
                             "unknown pointer symbol '" + pointer.symbol + "'");
          const char *name = relationName(*rule, source, pointer.type);
          if (!name) {
            ++inverse;
            continue;
          }
          int64_t target = rowOf(pointer.type, pointer.offset);
          if (target < 0)
            return malformed(source, lines_[source][row],
                             "pointer '" + pointer.symbol + "' to offset " +
                                 std::to_string(pointer.offset) + ", where data." +
                                 kTypeNames[pointer.type] + " has no synset");
          Collected &c = relations[{name, pointer.type}];
          uint64_t low = row, high = uint64_t(target);
          if (rule->symmetric && source == pointer.type && low > high)
            std::swap(low, high);
          if (!c.seen.insert(low << 32 | high).second) {
            ++repeated;
            continue;
          }
          c.edges.push_back({int64_t(row), target});
        }
      }
      for (const auto &[key, c] : relations)
        HEDDLE_RETURN_IF_ERROR(
            addRelation(kTypeNames[source], key.first, kTypeNames[key.second], c.edges));
    }
    builder_.count("pointers folded: the inverse of a kept relation", inverse);
    builder_.count("pointers folded: the same pair of synsets again", repeated);
    return absl::OkStatus();
  }

  absl::Status addWords() {
    std::vector<std::string> words;
    for (const auto &synsets : synsets_)
      for (const WordNetSynset &synset : synsets)
        for (const std::string &word : synset.words)
          words.push_back(lowerCase(word));
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    std::vector<std::string> names = words;
    for (std::string &name : names)
      std::replace(name.begin(), name.end(), '_', ' ');
    HEDDLE_ASSIGN_OR_RETURN(int handle, builder_.addNodeType("word", int64_t(words.size())));
    HEDDLE_RETURN_IF_ERROR(builder_.setStringIds(handle, words));
    HEDDLE_RETURN_IF_ERROR(builder_.setDisplayNames(handle, names));
    for (int type = 0; type < kNumTypes; ++type) {
      Edges edges;
      for (size_t row = 0; row < synsets_[type].size(); ++row) {
        // Two spellings of one lower-case word may share a synset.
        std::set<int64_t> distinct;
        for (const std::string &word : synsets_[type][row].words)
          distinct.insert(std::lower_bound(words.begin(), words.end(), lowerCase(word)) -
                          words.begin());
        for (int64_t word : distinct)
          edges.push_back({int64_t(row), word});
      }
      HEDDLE_RETURN_IF_ERROR(addRelation(kTypeNames[type], "has_word", "word", edges));
    }
    return absl::OkStatus();
  }

  absl::Status addFrames() {
    std::vector<int64_t> ids;
    for (int i = 1; i <= kNumFrames; ++i)
      ids.push_back(i);
    HEDDLE_ASSIGN_OR_RETURN(int handle, builder_.addNodeType("frame", kNumFrames));
    HEDDLE_RETURN_IF_ERROR(builder_.setInt64Ids(handle, ids));
    HEDDLE_RETURN_IF_ERROR(
        builder_.setDisplayNames(handle, std::vector<std::string>(kFrames, kFrames + kNumFrames)));
    Edges edges;
    for (size_t row = 0; row < synsets_[kVerb].size(); ++row) {
      std::set<int> distinct;
      for (int frame : synsets_[kVerb][row].frames) {
        if (frame < 1 || frame > kNumFrames)
          return malformed(kVerb, lines_[kVerb][row],
                           "verb frame " + std::to_string(frame) + " is not in 1.." +
                               std::to_string(kNumFrames));
        distinct.insert(frame);
      }
      for (int frame : distinct)
        edges.push_back({int64_t(row), frame - 1});
    }
    return addRelation(kTypeNames[kVerb], "in_frame", "frame", edges);
  }

  absl::Status addDomains(int type) {
    const auto &synsets = synsets_[type];
    std::set<std::string> names;
    for (const WordNetSynset &synset : synsets)
      names.insert(kLexNames[synset.lexFile]);
    std::vector<std::string> classes(names.begin(), names.end());
    std::vector<int32_t> classOfNode;
    SplitParts parts;
    for (size_t row = 0; row < synsets.size(); ++row) {
      const char *name = kLexNames[synsets[row].lexFile];
      classOfNode.push_back(static_cast<int32_t>(
          std::lower_bound(classes.begin(), classes.end(), name) - classes.begin()));
      int part =
          hashPart(idText(type, synsets[row].offset), options_.splitSeed, options_.splitRatio);
      if (part >= 0)
        parts.part[part].push_back(int64_t(row));
    }
    HEDDLE_ASSIGN_OR_RETURN(int label,
                            builder_.addLabel(handles_[type], "domain", classes, classOfNode));
    return builder_.addSplit(label, "random", std::move(parts.part[0]), std::move(parts.part[1]),
                             std::move(parts.part[2]));
  }

  /// The words that the most glosses hold; ties go to the first in byte order.
  std::vector<std::string> glossVocabulary() const {
    std::unordered_map<std::string, int64_t> glosses;
    for (const auto &synsets : synsets_)
      for (const WordNetSynset &synset : synsets) {
        std::set<std::string> distinct;
        forEachGlossWord(synset.gloss, [&](const std::string &word) { distinct.insert(word); });
        for (const std::string &word : distinct)
          ++glosses[word];
      }
    std::vector<std::pair<int64_t, std::string>> order;
    for (const auto &[word, n] : glosses)
      order.push_back({-n, word});
    std::sort(order.begin(), order.end());
    order.resize(std::min<size_t>(order.size(), size_t(options_.glossWords)));
    std::vector<std::string> vocabulary;
    for (auto &entry : order)
      vocabulary.push_back(std::move(entry.second));
    std::sort(vocabulary.begin(), vocabulary.end());
    return vocabulary;
  }

  absl::Status addGloss() {
    std::vector<std::string> vocabulary = glossVocabulary();
    std::unordered_map<std::string, int64_t> column;
    for (size_t i = 0; i < vocabulary.size(); ++i)
      column[vocabulary[i]] = int64_t(i);
    for (int type = 0; type < kNumTypes; ++type) {
      HEDDLE_ASSIGN_OR_RETURN(int feature, builder_.addSparseFeature(handles_[type], "gloss",
                                                                     int64_t(vocabulary.size())));
      std::vector<int64_t> indices;
      for (const WordNetSynset &synset : synsets_[type]) {
        indices.clear();
        forEachGlossWord(synset.gloss, [&](const std::string &word) {
          if (auto it = column.find(word); it != column.end())
            indices.push_back(it->second);
        });
        std::sort(indices.begin(), indices.end());
        indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
        HEDDLE_RETURN_IF_ERROR(builder_.appendSparseRow(feature, indices, {}));
      }
    }
    return absl::OkStatus();
  }

  const WordNetOptions &options_;
  graph::GraphBuilder &builder_;
  std::array<std::vector<WordNetSynset>, kNumTypes> synsets_;
  std::array<std::vector<int64_t>, kNumTypes> lines_; ///< line of each synset, for errors
  std::array<int, kNumTypes> handles_{};
};

} // namespace

bool parseWordNetLine(std::string_view line, int type, WordNetSynset &out, std::string &problem) {
  auto fail = [&](const char *what) {
    problem = std::string("expected ") + what;
    return false;
  };
  std::string_view head = line, gloss;
  if (size_t bar = line.find(" | "); bar != std::string_view::npos) {
    head = line.substr(0, bar);
    gloss = line.substr(bar + 3);
  } else {
    return fail("' | ' before the gloss");
  }
  while (!gloss.empty() && gloss.back() == ' ')
    gloss.remove_suffix(1);
  out.gloss = gloss;

  Fields fields(head);
  std::string_view field;
  int64_t number, words, pointers, frames;
  if (!fields.number(out.offset))
    return fail("a synset offset (8 digits)");
  if (!fields.number(number) || number >= kNumLexNames)
    return fail("a lexicographer file number (00..44)");
  out.lexFile = int(number);
  if (!fields.next(field) || typeOfLetter(field) != type)
    return fail("the part of speech of this file (n, v, a, s or r)");
  if (!fields.number(words, 16) || words < 1 || words > 0xFF)
    return fail("a word count (two hexadecimal digits)");
  for (int64_t i = 0; i < words; ++i) {
    std::string_view word, sense;
    if (!fields.next(word) || !fields.next(sense))
      return fail("a word and its lex_id");
    if (type == kAdj) // "(p)", "(a)", "(ip)": where the adjective may stand
      if (size_t open = word.rfind('(');
          open != std::string_view::npos && open > 0 && word.back() == ')')
        word = word.substr(0, open);
    out.words.emplace_back(word);
  }
  if (!fields.number(pointers) || pointers > 999)
    return fail("a pointer count (three digits)");
  for (int64_t i = 0; i < pointers; ++i) {
    WordNetPointer pointer;
    std::string_view symbol, letter;
    if (!fields.next(symbol) || !fields.number(pointer.offset) || !fields.next(letter) ||
        (pointer.type = typeOfLetter(letter)) < 0 || !fields.next(field))
      return fail("a pointer: symbol, offset, part of speech, source/target");
    pointer.symbol = symbol;
    out.pointers.push_back(std::move(pointer));
  }
  if (type == kVerb) {
    if (!fields.number(frames) || frames > 99)
      return fail("a frame count (two digits)");
    for (int64_t i = 0; i < frames; ++i) {
      std::string_view plus, word;
      if (!fields.next(plus) || plus != "+" || !fields.number(number) || number > 99 ||
          !fields.next(word))
        return fail("a verb frame: +, number, word");
      out.frames.push_back(int(number));
    }
  }
  if (fields.next(field))
    return fail("' | ' after the last field");
  return true;
}

absl::Status importWordNet(const WordNetOptions &options, graph::GraphBuilder &builder) {
  return Importer(options, builder).run();
}

} // namespace heddle::importing
