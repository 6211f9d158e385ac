#include "text/splitter.h"

#include <algorithm>
#include <array>

#include "core/utf8.h"
#include "text/clean_up.h"
#include "text/unicode.h"

namespace kindred::text {
namespace {

constexpr std::array<CharClass, 128> make_ascii_classes() {
  std::array<CharClass, 128> classes{};
  for (int c = 0; c < 128; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool number = c >= '0' && c <= '9';
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    classes[c] = letter   ? CharClass::letter
                 : number ? CharClass::number
                 : space  ? CharClass::space
                          : CharClass::other;
  }
  return classes;
}
constexpr auto kAsciiClasses = make_ascii_classes();

struct Character {
  CharClass kind;
  uint32_t length;
};

Character character_at(std::string_view text, size_t at) {
  const auto lead = static_cast<uint8_t>(text[at]);
  if (lead < 0x80) return {kAsciiClasses[lead], 1};
  const CodePoint point = code_point_at(text, at);
  return {char_class(point.value), point.length};
}

/// End of the run of one class that starts at `at`.
size_t run_end(std::string_view text, size_t at, CharClass kind) {
  while (at < text.size()) {
    const Character next = character_at(text, at);
    if (next.kind != kind) break;
    at += next.length;
  }
  return at;
}

/// Length of the contraction at the start (an apostrophe is there), or 0. Without regard to case
/// the long s (U+017F) counts as s.
size_t contraction(std::string_view text, bool any_case) {
  const auto letter = [&](size_t i) {
    const char c = i < text.size() ? text[i] : '\0';
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  const char first = letter(1), second = letter(2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if ((first == 'r' || first == 'v') && second == 'e') return 3;
  if (first == 'l' && second == 'l') return 3;
  return any_case && text.substr(1, 2) == "\xC5\xBF" ? 3 : 0;
}

/// `\s+(?!\S)|\s+` on a text that starts with white space: before a visible character the last
/// space is left to it, unless it is the only one.
size_t spaces(std::string_view text) {
  size_t at = 0, last = 0;
  while (at < text.size()) {
    const Character next = character_at(text, at);
    if (next.kind != CharClass::space) return last > 0 ? last : at;
    last = at;
    at += next.length;
  }
  return at;
}

size_t gpt2_word(std::string_view text) {
  if (text[0] == '\'') {
    if (const size_t length = contraction(text, false)) return length;
  }
  const Character first = character_at(text, 0);
  if (first.kind != CharClass::space) return run_end(text, first.length, first.kind);
  if (text[0] == ' ' && text.size() > 1) {
    const Character second = character_at(text, 1);
    if (second.kind != CharClass::space) return run_end(text, 1 + second.length, second.kind);
  }
  return spaces(text);
}

bool is_line_end(char c) {
  return c == '\r' || c == '\n';
}

/// `\s*[\r\n]+`: up to the last line end of the white space at the start, or 0 without one.
size_t through_line_end(std::string_view text) {
  size_t end = 0;
  for (size_t at = 0; at < text.size();) {
    const Character next = character_at(text, at);
    if (next.kind != CharClass::space) break;
    at += next.length;
    if (is_line_end(text[at - 1])) end = at;
  }
  return end;
}

size_t at_most(std::string_view text, CharClass kind, size_t count) {
  size_t at = 0;
  for (; count > 0 && at < text.size(); --count) {
    const Character next = character_at(text, at);
    if (next.kind != kind) break;
    at += next.length;
  }
  return at;
}

size_t cl100k_word(std::string_view text, size_t digits) {
  if (text[0] == '\'') {
    if (const size_t length = contraction(text, true)) return length;
  }
  const Character first = character_at(text, 0);
  if (first.kind == CharClass::letter) return run_end(text, first.length, CharClass::letter);
  if (first.kind == CharClass::number) return at_most(text, CharClass::number, digits);
  const bool more = first.length < text.size();
  const CharClass second = more ? character_at(text, first.length).kind : CharClass::space;
  if (more && second == CharClass::letter && !is_line_end(text[0])) {
    return run_end(text, first.length, CharClass::letter);
  }
  if (first.kind == CharClass::other || (text[0] == ' ' && more && second == CharClass::other)) {
    size_t end = run_end(text, first.length, CharClass::other);
    while (end < text.size() && is_line_end(text[end])) ++end;
    return end;
  }
  if (const size_t end = through_line_end(text)) return end;
  return spaces(text);
}

/// A run without numbers, or numbers: all of a run, or one.
size_t digits_word(std::string_view text, bool alone) {
  const Character first = character_at(text, 0);
  if (first.kind == CharClass::number) {
    return alone ? first.length : run_end(text, first.length, CharClass::number);
  }
  size_t at = first.length;
  while (at < text.size()) {
    const Character next = character_at(text, at);
    if (next.kind == CharClass::number) break;
    at += next.length;
  }
  return at;
}

/// Characters up to the next that `stops`, at least one.
template <class Stops>
size_t until(std::string_view text, Stops&& stops) {
  size_t at = 0;
  while (at < text.size()) {
    const CodePoint next = code_point_at(text, at);
    if (at > 0 && stops(next.value)) break;
    at += next.length;
  }
  return at;
}

bool is_space(char32_t code_point) {
  return char_class(code_point) == CharClass::space;
}

size_t bert_word(std::string_view text, bool cut_spaces) {
  const CodePoint first = code_point_at(text, 0);
  if (is_punctuation(first.value)) return first.length;
  if (cut_spaces && is_space(first.value)) {
    return until(text, [](char32_t next) { return !is_space(next); });
  }
  return until(
      text, [&](char32_t next) { return is_punctuation(next) || (cut_spaces && is_space(next)); });
}

size_t spaces_or_rest(std::string_view text) {
  const bool spaces = is_space(code_point_at(text, 0).value);
  return until(text, [&](char32_t next) { return is_space(next) != spaces; });
}

constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

}  // namespace

std::optional<SplitRule> SplitRule::of_regex(std::string_view pattern) {
  if (pattern == kGpt2) return SplitRule{Kind::gpt2};
  if (pattern == kQwen) return SplitRule{Kind::cl100k, 1};
  if (pattern == kLlama3) return SplitRule{Kind::cl100k, 3};
  return std::nullopt;
}

size_t first_word(std::string_view text, SplitRule rule) {
  switch (rule.kind) {
    case SplitRule::Kind::gpt2:
      return gpt2_word(text);
    case SplitRule::Kind::cl100k:
      return cl100k_word(text, rule.digits);
    case SplitRule::Kind::digit:
    case SplitRule::Kind::digits:
      return digits_word(text, rule.kind == SplitRule::Kind::digit);
    case SplitRule::Kind::spaces:
      return spaces_or_rest(text);
    case SplitRule::Kind::bert:
    case SplitRule::Kind::punctuation:
      return bert_word(text, rule.kind == SplitRule::Kind::bert);
    case SplitRule::Kind::marked:
      return std::min(text.find(kSpaceMark, 1), text.size());
    case SplitRule::Kind::whole:
      break;
  }
  return text.size();
}

}  // namespace kindred::text
