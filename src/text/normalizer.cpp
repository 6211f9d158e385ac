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

}  // namespace

Normalizer Normalizer::of_json(const JsonNode& node) {
  Normalizer normalizer;
  read(node, 0, normalizer.steps_);
  return normalizer;
}

Normalizer Normalizer::of_form(NormalForm form) {
  Normalizer normalizer;
  normalizer.steps_.push_back({.kind = Step::Kind::form, .form = form});
  return normalizer;
}

void Normalizer::read(const JsonNode& node, int depth, std::vector<Step>& steps) {
  constexpr std::array<std::pair<std::string_view, NormalForm>, 4> kForms{
      {{"NFC", NormalForm::nfc},
       {"NFD", NormalForm::nfd},
       {"NFKC", NormalForm::nfkc},
       {"NFKD", NormalForm::nfkd}}};
  if (depth > kDeepest) node.fail(cat("sequences nest deeper than ", kDeepest));
  const JsonNode type = node.at("type");
  const std::string_view name = type.text();
  for (const auto& [form_name, form] : kForms) {
    if (name == form_name) return steps.push_back({.kind = Step::Kind::form, .form = form});
  }
  if (name == "Sequence") {
    node.at("normalizers").each([&](const JsonNode& part) { read(part, depth + 1, steps); });
  } else if (name == "Replace") {
    const JsonNode from = node.at("pattern").at("String");
    if (from.text().empty()) from.fail("the pattern is empty");
    steps.push_back({.kind = Step::Kind::replace,
                     .from = std::string(from.text()),
                     .to = std::string(node.at("content").text())});
  } else if (name == "Prepend") {
    steps.push_back({.kind = Step::Kind::prepend, .to = std::string(node.at("prepend").text())});
  } else if (name == "Strip") {
    steps.push_back({.kind = Step::Kind::strip,
                     .left = node.flag("strip_left", true),
                     .right = node.flag("strip_right", true)});
  } else {
    type.fail(cat("got ", shown(name),
                  ", expected NFC, NFD, NFKC, NFKD, Replace, Prepend, Strip or Sequence"));
  }
}

std::string Normalizer::apply(const Step& step, std::string text) {
  switch (step.kind) {
    case Step::Kind::form:
      return normalize(text, step.form);
    case Step::Kind::replace:
      return replaced(text, step.from, step.to);
    case Step::Kind::prepend:
      return text.empty() ? text : step.to + text;
    case Step::Kind::strip:
      return std::string(stripped(text, step.left, step.right));
  }
  return text;
}

std::string Normalizer::apply(std::string_view text) const {
  std::string result(text);
  for (const Step& step : steps_) result = apply(step, std::move(result));
  return result;
}

}  // namespace kindred::text
