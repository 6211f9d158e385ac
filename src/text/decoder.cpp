#include "text/decoder.h"

#include <array>
#include <charconv>
#include <utility>

#include "core/strings.h"
#include "core/utf8.h"
#include "text/byte_level.h"
#include "text/splitter.h"

namespace kindred::text {
namespace {

constexpr int kDeepest = 16;

void replace_each(std::string& text, std::string_view from, std::string_view to) {
  if (text.find(from) != std::string::npos) text = replaced(text, from, to);
}

std::string joined(const std::vector<std::string>& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

/// The byte that "<0x41>" names, or -1.
int byte_of(std::string_view token) {
  unsigned byte = 0;
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  const auto [end, error] = std::from_chars(&token[3], &token[5], byte, 16);
  return error == std::errc() && end == &token[5] ? static_cast<int>(byte) : -1;
}

/// Runs of tokens that name bytes become one text, or where it is no UTF-8 a U+FFFD for each.
void join_bytes(std::vector<std::string>& tokens) {
  std::vector<std::string> result;
  std::string bytes;
  const auto end_run = [&] {
    if (is_utf8(bytes)) {
      if (!bytes.empty()) result.push_back(bytes);
    } else {
      result.insert(result.end(), bytes.size(), "\xEF\xBF\xBD");
    }
    bytes.clear();
  };
  for (std::string& token : tokens) {
    if (const int byte = byte_of(token); byte >= 0) {
      bytes += static_cast<char>(byte);
    } else {
      end_run();
      result.push_back(std::move(token));
    }
  }
  end_run();
  tokens = std::move(result);
}

/// Takes at most `first` and `last` characters off the ends.
void strip(std::string& token, std::string_view character, int64_t first, int64_t last) {
  std::string_view rest = token;
  for (; first > 0 && rest.starts_with(character); --first) rest.remove_prefix(character.size());
  for (; last > 0 && rest.ends_with(character); --last) rest.remove_suffix(character.size());
  token = std::string(rest);
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

Decoder& Decoder::metaspace(std::string mark, bool drop_first) {
  steps_.emplace_back([mark = std::move(mark), drop_first](std::vector<std::string>& tokens) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      replace_each(tokens[i], mark, i == 0 && drop_first ? "" : " ");
    }
  });
  return *this;
}

Decoder& Decoder::sentence_piece() {
  steps_.emplace_back([](std::vector<std::string>& tokens) {
    for (std::string& token : tokens) replace_each(token, kSpaceMark, " ");
    join_bytes(tokens);
    tokens.assign(1, joined(tokens));
    strip(tokens[0], " ", 1, 0);
  });
  return *this;
}

Decoder Decoder::of_json(const JsonNode& node) {
  Decoder decoder;
  decoder.read(node, 0);
  return decoder;
}

Decoder& Decoder::byte_level() {
  steps_.emplace_back([](std::vector<std::string>& tokens) {
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
  steps_.emplace_back(
      [continuing = std::move(continuing), clean](std::vector<std::string>& tokens) {
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

/// A plain step; nothing where the kind is not known.
Decoder::Step Decoder::step_of(const JsonNode& node, std::string_view name) {
  using Tokens = std::vector<std::string>;
  if (name == "ByteFallback") return join_bytes;
  if (name == "Fuse") return [](Tokens& tokens) { tokens.assign(1, joined(tokens)); };
  if (name == "Replace") {
    const JsonNode pattern = node.at("pattern").at("String");
    if (pattern.text().empty()) pattern.fail("the pattern is empty");
    return [from = std::string(pattern.text()),
            to = std::string(node.at("content").text())](Tokens& tokens) {
      for (std::string& token : tokens) replace_each(token, from, to);
    };
  }
  if (name == "Strip") {
    const JsonNode content = node.at("content");
    if (content.text().empty()) content.fail("expected a character");
    const int64_t first = node.at("start").integer(), last = node.at("stop").integer();
    return [character = std::string(content.text()), first, last](Tokens& tokens) {
      for (std::string& token : tokens) strip(token, character, first, last);
    };
  }
  return nullptr;
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
  } else if (name == "Metaspace") {
    const auto scheme =
        node.text_or("prepend_scheme", node.flag("add_prefix_space", true) ? "always" : "never");
    metaspace(std::string(node.text_or("replacement", kSpaceMark)), scheme != "never");
  } else if (Step step = step_of(node, name)) {
    steps_.push_back(std::move(step));
  } else {
    type.fail(cat("got ", shown(name),
                  ", expected ByteLevel, WordPiece, Metaspace, Replace, ByteFallback, Fuse, Strip "
                  "or Sequence"));
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
