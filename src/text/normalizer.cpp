#include "text/normalizer.h"

#include <algorithm>
#include <array>

#include "core/strings.h"
#include "core/utf8.h"
#include "text/character_map.h"
#include "text/splitter.h"

namespace kindred::text {
namespace {

constexpr int kDeepest = 16;

/// Bytes that a string holds in base 64.
std::string base64(const JsonNode& node) {
  std::string_view text = node.text();
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char digit : text) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t value = kDigits.find(digit);
    if (value == std::string_view::npos) node.fail("not base 64");
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xFF);
  }
  return bytes;
}

std::string_view stripped(std::string_view text, bool left, bool right) {
  const auto is_space = [](const CodePoint& point) {
    return char_class(point.value) == CharClass::space;
  };
  while (left && !text.empty()) {
    const CodePoint first = code_point_at(text, 0);
    if (!is_space(first)) break;
    text.remove_prefix(first.length);
  }
  while (right && !text.empty()) {
    const CodePoint last = code_point_before(text, text.size());
    if (!is_space(last)) break;
    text.remove_suffix(last.length);
  }
  return text;
}

/// Runs of two spaces or more become `to`.
std::string collapsed(std::string_view text, std::string_view to) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_not_of(' ', at), text.size());
    if (end > at + 1) {
      result += to;
    } else {
      result.append(text, at, std::max(end, at + 1) - at);
    }
    at = std::max(end, at + 1);
  }
  return result;
}

std::function<std::string(std::string)> replacement(const JsonNode& node) {
  const JsonNode pattern = node.at("pattern");
  if (const auto regex = pattern.find("Regex")) {
    if (regex->text() != " {2,}") {
      regex->fail(cat("got ", shown(regex->text()), ", expected \" {2,}\", the only one known"));
    }
    return [to = std::string(node.at("content").text())](const std::string& text) {
      return collapsed(text, to);
    };
  }
  const JsonNode from = pattern.at("String");
  if (from.text().empty()) from.fail("the pattern is empty");
  return [from = std::string(from.text()), to = std::string(node.at("content").text())](
             const std::string& text) { return replaced(text, from, to); };
}

/// `normalizer` of one kind; nothing where the kind is not known.
std::function<std::string(std::string)> step_of(const JsonNode& node, std::string_view name) {
  constexpr std::array<std::pair<std::string_view, NormalForm>, 4> kForms{
      {{"NFC", NormalForm::nfc},
       {"NFD", NormalForm::nfd},
       {"NFKC", NormalForm::nfkc},
       {"NFKD", NormalForm::nfkd}}};
  for (const auto& [form_name, form] : kForms) {
    if (name == form_name) return [form](const std::string& text) { return normalize(text, form); };
  }
  if (name == "Replace") return replacement(node);
  if (name == "Prepend") {
    return [front = std::string(node.at("prepend").text())](const std::string& text) {
      return text.empty() ? text : front + text;
    };
  }
  if (name == "Strip") {
    const bool left = node.flag("strip_left", true), right = node.flag("strip_right", true);
    return [=](const std::string& text) { return std::string(stripped(text, left, right)); };
  }
  if (name == "Precompiled") {
    const JsonNode table = node.at("precompiled_charsmap");
    const auto map = std::make_shared<CharacterMap>(base64(table), table.where());
    return [map](const std::string& text) { return mapped(text, *map); };
  }
  if (name == "Lowercase") return [](const std::string& text) { return lower_case(text); };
  if (name == "StripAccents") return [](const std::string& text) { return without_marks(text); };
  if (name == "BertNormalizer") {
    BertCleanUp options;
    options.clean = node.flag("clean_text", true);
    options.space_chinese = node.flag("handle_chinese_chars", true);
    options.lower = node.flag("lowercase", true);
    options.strip_accents = node.flag("strip_accents", options.lower);
    return [options](const std::string& text) { return clean_up(text, options); };
  }
  return nullptr;
}

}  // namespace

Normalizer Normalizer::of_json(const JsonNode& node) {
  Normalizer normalizer;
  read(node, 0, normalizer);
  return normalizer;
}

Normalizer Normalizer::of_form(NormalForm form) {
  Normalizer normalizer;
  normalizer.steps_.emplace_back([form](const std::string& text) { return normalize(text, form); });
  return normalizer;
}

Normalizer Normalizer::of_bert(const BertCleanUp& options) {
  Normalizer normalizer;
  normalizer.steps_.emplace_back(
      [options](const std::string& text) { return clean_up(text, options); });
  normalizer.kind_ = Kind::other;
  return normalizer;
}

Normalizer Normalizer::of_function(std::function<std::string(std::string)> function) {
  Normalizer normalizer;
  normalizer.steps_.push_back(std::move(function));
  normalizer.kind_ = Kind::other;
  return normalizer;
}

Normalizer::Kind Normalizer::kind_with(const JsonNode& step) const {
  const std::string_view name = step.at("type").text();
  if (name.starts_with("NF")) return kind_ == Kind::forms ? Kind::forms : Kind::other;
  if (name == "Prepend" && steps_.empty() && step.at("prepend").text() == kSpaceMark) {
    return Kind::space_in_front;
  }
  if (name == "Replace" && kind_ == Kind::space_in_front) {
    const auto from = step.at("pattern").find("String");
    const bool spaces = from && from->text() == " " && step.at("content").text() == kSpaceMark;
    if (spaces) return Kind::space_marks;
  }
  return Kind::other;
}

void Normalizer::read(const JsonNode& node, int depth, Normalizer& result) {
  if (depth > kDeepest) node.fail(cat("sequences nest deeper than ", kDeepest));
  const JsonNode type = node.at("type");
  if (type.text() == "Sequence") {
    return node.at("normalizers").each([&](const JsonNode& part) {
      read(part, depth + 1, result);
    });
  }
  Step step = step_of(node, type.text());
  if (!step) {
    type.fail(cat("got ", shown(type.text()),
                  ", expected NFC, NFD, NFKC, NFKD, Replace, Prepend, Strip, Lowercase, "
                  "StripAccents, BertNormalizer, Precompiled or Sequence"));
  }
  result.kind_ = result.kind_with(node);
  result.steps_.push_back(std::move(step));
}

std::string Normalizer::apply(std::string_view text) const {
  std::string result(text);
  for (const Step& step : steps_) result = step(std::move(result));
  return result;
}

}  // namespace kindred::text
