#include "text/normalizer.h"

#include <array>

#include "core/strings.h"

namespace kindred::text {
namespace {

constexpr int kDeepest = 16;

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  while (true) {
    const size_t at = text.find(from);
    result.append(text.substr(0, at));
    if (at == std::string_view::npos) return result;
    result.append(to);
    text.remove_prefix(at + from.size());
  }
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

std::function<std::string(std::string)> replacement(const JsonNode& node) {
  const JsonNode from = node.at("pattern").at("String");
  if (from.text().empty()) from.fail("the pattern is empty");
  return [from = std::string(from.text()), to = std::string(node.at("content").text())](
             std::string text) { return replaced(text, from, to); };
}

/// `normalizer` of one kind; nothing where the kind is not known.
std::function<std::string(std::string)> step_of(const JsonNode& node, std::string_view name) {
  constexpr std::array<std::pair<std::string_view, NormalForm>, 4> kForms{
      {{"NFC", NormalForm::nfc},
       {"NFD", NormalForm::nfd},
       {"NFKC", NormalForm::nfkc},
       {"NFKD", NormalForm::nfkd}}};
  for (const auto& [form_name, form] : kForms) {
    if (name == form_name) return [form](std::string text) { return normalize(text, form); };
  }
  if (name == "Replace") return replacement(node);
  if (name == "Prepend") {
    return [front = std::string(node.at("prepend").text())](std::string text) {
      return text.empty() ? text : front + text;
    };
  }
  if (name == "Strip") {
    const bool left = node.flag("strip_left", true), right = node.flag("strip_right", true);
    return [=](std::string text) { return std::string(stripped(text, left, right)); };
  }
  if (name == "Lowercase") return [](std::string text) { return lower_case(text); };
  if (name == "StripAccents") return [](std::string text) { return without_marks(text); };
  if (name == "BertNormalizer") {
    BertCleanUp options;
    options.clean = node.flag("clean_text", true);
    options.space_chinese = node.flag("handle_chinese_chars", true);
    options.lower = node.flag("lowercase", true);
    options.strip_accents = node.flag("strip_accents", options.lower);
    return [options](std::string text) { return clean_up(text, options); };
  }
  return nullptr;
}

}  // namespace

Normalizer Normalizer::of_json(const JsonNode& node) {
  Normalizer normalizer;
  read(node, 0, normalizer.steps_);
  return normalizer;
}

Normalizer Normalizer::of_form(NormalForm form) {
  Normalizer normalizer;
  normalizer.steps_.push_back([form](std::string text) { return normalize(text, form); });
  return normalizer;
}

Normalizer Normalizer::of_bert(const BertCleanUp& options) {
  Normalizer normalizer;
  normalizer.steps_.push_back([options](std::string text) { return clean_up(text, options); });
  return normalizer;
}

Normalizer Normalizer::of_function(std::function<std::string(std::string)> function) {
  Normalizer normalizer;
  normalizer.steps_.push_back(std::move(function));
  return normalizer;
}

void Normalizer::read(const JsonNode& node, int depth, std::vector<Step>& steps) {
  if (depth > kDeepest) node.fail(cat("sequences nest deeper than ", kDeepest));
  const JsonNode type = node.at("type");
  if (type.text() == "Sequence") {
    return node.at("normalizers").each([&](const JsonNode& part) { read(part, depth + 1, steps); });
  }
  Step step = step_of(node, type.text());
  if (!step) {
    type.fail(cat("got ", shown(type.text()),
                  ", expected NFC, NFD, NFKC, NFKD, Replace, Prepend, Strip, Lowercase, "
                  "StripAccents, BertNormalizer or Sequence"));
  }
  steps.push_back(std::move(step));
}

std::string Normalizer::apply(std::string_view text) const {
  std::string result(text);
  for (const Step& step : steps_) result = step(std::move(result));
  return result;
}

}  // namespace kindred::text
