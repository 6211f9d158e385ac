#include "text/decoder.h"

#include <array>
#include <utility>

#include "core/strings.h"
#include "text/byte_level.h"
#include "text/unicode.h"

namespace kindred::text {
namespace {

constexpr int kDeepest = 16;

void replace_each(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string joined(const std::vector<std::string>& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

}  // namespace

std::string without_spaces_before_signs(std::string text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kChanges{
      {{" .", "."},
       {" ?", "?"},
       {" !", "!"},
       {" ,", ","},
       {" ' ", "'"},
       {" n't", "n't"},
       {" 'm", "'m"},
       {" 's", "'s"},
       {" 've", "'ve"},
       {" 're", "'re"}}};
  for (const auto& [from, to] : kChanges) replace_each(text, from, to);
  return text;
}

Decoder Decoder::of_json(const JsonNode& node) {
  Decoder decoder;
  decoder.read(node, 0);
  return decoder;
}

Decoder& Decoder::byte_level() {
  steps_.push_back([](std::vector<std::string>& tokens) {
    std::string bytes;
    for (const std::string& token : tokens) {
      const auto known = from_byte_level(token);
      bytes += known ? *known : token;
    }
    tokens.assign(1, sanitize_utf8(bytes));
  });
  return *this;
}

Decoder& Decoder::word_piece(std::string continuing, bool clean) {
  steps_.push_back([continuing = std::move(continuing), clean](std::vector<std::string>& tokens) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0 && token.starts_with(continuing)) {
        token.erase(0, continuing.size());
      } else if (i > 0) {
        token.insert(0, " ");
      }
      if (!clean) continue;
      token = without_spaces_before_signs(std::move(token));
      replace_each(token, " do not", " don't");
    }
  });
  return *this;
}

void Decoder::read(const JsonNode& node, int depth) {
  if (depth > kDeepest) node.fail(cat("sequences nest deeper than ", kDeepest));
  const JsonNode type = node.at("type");
  const std::string_view name = type.text();
  if (name == "Sequence") {
    node.at("decoders").each([&](const JsonNode& part) { read(part, depth + 1); });
  } else if (name == "ByteLevel") {
    byte_level();
  } else if (name == "WordPiece") {
    word_piece(std::string(node.text_or("prefix", "##")), node.flag("cleanup", true));
  } else {
    type.fail(cat("got ", shown(name), ", expected ByteLevel, WordPiece or Sequence"));
  }
}

std::string Decoder::text(std::vector<std::string> tokens) const {
  if (steps_.empty()) {
    for (size_t i = 1; i < tokens.size(); ++i) tokens[i].insert(0, " ");
  }
  for (const Step& step : steps_) step(tokens);
  return joined(tokens);
}

}  // namespace kindred::text
