#include "text/pre_tokenizer.h"

#include <string>

#include "core/strings.h"
#include "core/utf8.h"
#include "text/unicode.h"

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
  result.steps_.push_back({rule, add_prefix_space ? Front::always : Front::never});
  result.byte_level_ = true;
  return result;
}

PreTokenizer PreTokenizer::of_bert() {
  PreTokenizer result;
  result.steps_.push_back({.rule = {SplitRule::Kind::bert}, .drop_spaces = true});
  return result;
}

PreTokenizer PreTokenizer::of_space_in_front() {
  PreTokenizer result;
  result.steps_.push_back({.rule = {SplitRule::Kind::whole}, .space = Front::first_doubled});
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

void PreTokenizer::read_metaspace(const JsonNode& node, PreTokenizer& result) {
  if (const auto mark = node.find("replacement"); mark && mark->text() != kSpaceMark) {
    mark->fail(cat("got ", shown(mark->text()), ", expected U+2581"));
  }
  const std::string_view scheme =
      node.text_or("prepend_scheme", node.flag("add_prefix_space", true) ? "always" : "never");
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    node.at("prepend_scheme").fail(cat("got ", shown(scheme), ", expected always, first or never"));
  }
  const bool cut = node.flag("split", true);
  result.steps_.push_back({.rule = {cut ? SplitRule::Kind::marked : SplitRule::Kind::whole},
                           .space = scheme == "always"  ? Front::always
                                    : scheme == "first" ? Front::first
                                                        : Front::never,
                           .mark_spaces = true});
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
    if (cut || space) {
      result.steps_.push_back(
          {{cut ? Kind::gpt2 : Kind::whole}, space ? Front::always : Front::never});
    }
    result.byte_level_ = true;
  } else if (name == "Digits") {
    const bool alone = node.flag("individual_digits", false);
    result.steps_.push_back({{alone ? Kind::digit : Kind::digits}});
  } else if (name == "Split") {
    read_split(node, result);
  } else if (name == "Metaspace") {
    read_metaspace(node, result);
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
                  "BertPreTokenizer, Metaspace or Sequence"));
  }
}

void PreTokenizer::apply(size_t step, std::string_view piece, bool first, Buffer& buffer) const {
  if (step == steps_.size()) return buffer.add(piece);
  const Step& now = steps_[step];
  const bool last = step + 1 == steps_.size();
  const auto cut = [&](std::string_view text) {
    split_words(text, now.rule, [&](std::string_view word) {
      if (now.drop_spaces && starts_with_space(word)) return;
      if (last) return buffer.add(word);
      apply(step + 1, word, first && word.data() == text.data(), buffer);
    });
  };
  const bool spaced = piece[0] == ' ' || (now.mark_spaces && piece.starts_with(kSpaceMark));
  const bool add = (!spaced && now.space == Front::always) ||
                   (first && !spaced && now.space == Front::first) ||
                   (first && now.space == Front::first_doubled);
  if (!add && !(now.mark_spaces && piece.find(' ') != std::string_view::npos)) return cut(piece);
  std::string changed = add ? " " : "";
  changed += piece;
  if (now.mark_spaces) changed = replaced(changed, " ", kSpaceMark);
  cut(changed);
  buffer.flush();  // its words point into `changed`
}

bool PreTokenizer::cuts_before_spaces() const {
  using Kind = SplitRule::Kind;
  bool cuts = false;
  for (const Step& step : steps_) {
    const bool words = step.rule.kind == Kind::gpt2 || step.rule.kind == Kind::cl100k;
    const bool numbers = step.rule.kind == Kind::digit || step.rule.kind == Kind::digits;
    // A space put in front of a text is put in front of none that begins with one.
    const bool plain = step.space == Front::never || step.space == Front::always;
    if (!(words || numbers || step.rule.kind == Kind::whole) || !plain || step.mark_spaces ||
        step.drop_spaces) {
      return false;
    }
    cuts = cuts || words;
  }
  return cuts;
}

void PreTokenizer::split(std::string_view text, bool first, const WordSink& sink) const {
  if (text.empty()) return;
  Buffer buffer(sink);
  apply(0, text, first, buffer);
  buffer.flush();
}

}  // namespace kindred::text
