// `tokenizer.json`, followed literally.

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "text/tokenizer_parts.h"

namespace kindred::text {
namespace {

void read_added_tokens(const JsonNode& node, TokenizerParts& parts) {
  node.each([&](const JsonNode& entry) {
    AddedToken token = added_token(entry, false);
    const int64_t id = entry.at("id").integer();
    parts.vocabulary.add(token.content, id, entry.where());
    token.id = static_cast<int32_t>(id);
    parts.added.push_back(std::move(token));
  });
}

}  // namespace

AddedToken added_token(const JsonNode& node, bool special) {
  AddedToken token;
  token.content = node.at("content").text();
  if (token.content.empty()) node.fail("the token's content is empty");
  token.special = node.flag("special", special);
  token.lstrip = node.flag("lstrip", false);
  token.rstrip = node.flag("rstrip", false);
  token.single_word = node.flag("single_word", false);
  token.normalized = node.flag("normalized", !token.special);
  return token;
}

void MergeReader::fail(std::string_view left, std::string_view right, std::string_view unknown,
                       const std::string& where) {
  throw Error(Exit::bad_data, where,
              cat("merge of ", shown(left), " and ", shown(right), ": ", shown(unknown),
                  " is not in the vocabulary"));
}

void MergeReader::fail_form(std::string_view line, const std::string& where) {
  throw Error(Exit::bad_data, where,
              cat("got ", shown(line), ", expected two tokens with one space between them"));
}

void read_vocabulary(const JsonNode& node, Vocabulary& vocabulary) {
  for (const auto member : node.object()) {
    const auto value = member.value.get_int64();
    if (value.error() || !is_utf8(member.key)) {
      JsonNode(member.value, cat(node.where(), "[", shown(member.key), "]"))
          .expected("a token of well-formed Unicode with an integer as its id");
    }
    if (vocabulary.find(member.key)) {
      node.fail(cat("token ", shown(member.key), ": it is there twice"));
    }
    vocabulary.add(member.key, value.value_unsafe(), node.where());
  }
}

TokenizerParts parts_of_json(const JsonNode& root) {
  TokenizerParts parts;
  parts.where = root.where();
  if (const auto node = root.find("pre_tokenizer")) {
    parts.pre_tokenizer = PreTokenizer::of_json(*node);
  }
  const auto added = root.find("added_tokens");
  ModelContext context{.byte_level = parts.pre_tokenizer.byte_level()};
  if (added) {
    added->each([&](const JsonNode& entry) {
      const AddedToken token = added_token(entry, false);
      if (token.special) context.specials.insert(token.content);
    });
  }
  parts.bpe = root.at("model").text_or("type", "BPE") == "BPE";
  parts.make_model = read_model(root.at("model"), context, parts.vocabulary);
  if (added) read_added_tokens(*added, parts);
  if (const auto node = root.find("normalizer")) parts.normalizer = Normalizer::of_json(*node);
  if (const auto node = root.find("post_processor")) {
    parts.post_processor = PostProcessor::of_json(*node, parts.vocabulary.size());
  }
  if (const auto node = root.find("decoder")) parts.decoder = Decoder::of_json(*node);
  return parts;
}

}  // namespace kindred::text
