#include "text/pre_tokenizer.h"

#include <algorithm>
#include <string>

#include "core/strings.h"

namespace kindred::text {
namespace {

constexpr int kDeepest = 16;
constexpr size_t kWordsAtOnce = 1024;

bool starts_with_space(std::string_view word) {
  return char_class(code_point_at(word, 0).value) == CharClass::space;
}

}  // namespace

/// Words on their way to the sink.
class PreTokenizer::Buffer {
 public:
  explicit Buffer(const WordSink& sink) : sink_(sink) { words_.reserve(kWordsAtOnce); }

  void add(std::string_view word) {
    words_.push_back(word);
    if (words_.size() == kWordsAtOnce) flush();
  }
  void flush() {
    if (!words_.empty()) sink_(words_);
    words_.clear();
  }

 private:
  const WordSink& sink_;
  std::vector<std::string_view> words_;
};

PreTokenizer PreTokenizer::of_rule(SplitRule rule, bool add_prefix_space) {
  PreTokenizer result;
  result.steps_.push_back({rule, add_prefix_space});
  result.byte_level_ = true;
  return result;
}

PreTokenizer PreTokenizer::of_bert() {
  PreTokenizer result;
  result.steps_.push_back({.rule = {SplitRule::Kind::bert}, .drop_spaces = true});
  return result;
}

PreTokenizer PreTokenizer::of_json(const JsonNode& node) {
  PreTokenizer result;
  read(node, 0, result);
  return result;
}

void PreTokenizer::read_split(const JsonNode& node, PreTokenizer& result) {
  const JsonNode pattern = node.at("pattern").at("Regex");
  const auto rule = SplitRule::of_regex(pattern.text());
  if (!rule) {
    pattern.fail(cat("got ", shown(pattern.text()),
                     ", expected the expression of GPT-2, of Qwen 2 or of Llama 3"));
  }
  // Every character matches these expressions: with `Isolated` the matches are the words.
  if (node.at("behavior").text() != "Isolated" || node.flag("invert", false)) {
    node.fail("expected the behavior Isolated, not inverted");
  }
  result.steps_.push_back({*rule});
}

void PreTokenizer::read(const JsonNode& node, int depth, PreTokenizer& result) {
  if (depth > kDeepest) node.fail(cat("sequences nest deeper than ", kDeepest));
  const JsonNode type = node.at("type");
  const std::string_view name = type.text();
  if (result.byte_level_)
    node.fail("got a step after ByteLevel, expected ByteLevel to be the last");
  using Kind = SplitRule::Kind;
  if (name == "Sequence") {
    node.at("pretokenizers").each([&](const JsonNode& part) { read(part, depth + 1, result); });
  } else if (name == "ByteLevel") {
    const bool cut = node.flag("use_regex", true);
    const bool space = node.flag("add_prefix_space", true);
    if (cut || space) result.steps_.push_back({{cut ? Kind::gpt2 : Kind::whole}, space});
    result.byte_level_ = true;
  } else if (name == "Digits") {
    const bool alone = node.flag("individual_digits", false);
    result.steps_.push_back({{alone ? Kind::digit : Kind::digits}, false});
  } else if (name == "Split") {
    read_split(node, result);
  } else if (name == "BertPreTokenizer") {
    result.steps_.push_back({.rule = {Kind::bert}, .drop_spaces = true});
  } else if (name == "WhitespaceSplit") {
    result.steps_.push_back({.rule = {Kind::spaces}, .drop_spaces = true});
  } else if (name == "Punctuation") {
    if (const auto behavior = node.find("behavior"); behavior && behavior->text() != "Isolated") {
      behavior->fail(cat("got ", shown(behavior->text()), ", expected Isolated"));
    }
    result.steps_.push_back({{Kind::punctuation}});
  } else {
    type.fail(cat("got ", shown(name),
                  ", expected ByteLevel, Split, Digits, Punctuation, WhitespaceSplit, "
                  "BertPreTokenizer or Sequence"));
  }
}

void PreTokenizer::apply(size_t step, std::string_view piece, Buffer& buffer) const {
  if (step == steps_.size()) return buffer.add(piece);
  const auto cut = [&](std::string_view text) {
    split_words(text, steps_[step].rule, [&](std::string_view word) {
      if (!steps_[step].drop_spaces || !starts_with_space(word)) apply(step + 1, word, buffer);
    });
  };
  if (steps_[step].add_prefix_space && piece[0] != ' ') {
    const std::string spaced = " " + std::string(piece);
    cut(spaced);
    buffer.flush();  // its words point into `spaced`
  } else {
    cut(piece);
  }
}

void PreTokenizer::split(std::string_view text, const WordSink& sink) const {
  if (text.empty()) return;
  Buffer buffer(sink);
  apply(0, text, buffer);
  buffer.flush();
}

}  // namespace kindred::text
