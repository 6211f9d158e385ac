// `tokenizer.json`, followed literally.

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"
#include "text/tokenizer_parts.h"

namespace kindred::text {
namespace {

/// The part of a post-processor that puts tokens around a text.
class PostProcessor {
 public:
  explicit PostProcessor(TokenizerParts& parts) : parts_(parts) {}

  void read(const JsonNode& node, int depth = 0) {
    if (depth > 16) node.fail("sequences nest deeper than 16");
    const JsonNode type = node.at("type");
    const std::string_view name = type.text();
    if (name == "ByteLevel") return;  // trims offsets, changes no id
    if (name == "Sequence") {
      node.at("processors").each([&](const JsonNode& part) { read(part, depth + 1); });
    } else if (name == "TemplateProcessing") {
      read_template(node);
    } else if (name == "RobertaProcessing" || name == "BertProcessing") {
      add({token_and_id(node.at("cls"))}, {token_and_id(node.at("sep"))});
    } else {
      type.fail(
          cat("got ", shown(name),
              ", expected ByteLevel, TemplateProcessing, RobertaProcessing, BertProcessing or "
              "Sequence"));
    }
  }

 private:
  /// A later processor puts its tokens around those of an earlier one.
  void add(std::vector<int32_t> before, const std::vector<int32_t>& after) {
    parts_.prefix.insert(parts_.prefix.begin(), before.begin(), before.end());
    parts_.suffix.insert(parts_.suffix.end(), after.begin(), after.end());
  }

  int32_t known_id(const JsonNode& node) const {
    const int64_t id = node.integer();
    if (id < 0 || id >= parts_.vocabulary.size()) {
      node.fail(
          cat("got id ", id, ", expected one of the vocabulary's ", parts_.vocabulary.size()));
    }
    return static_cast<int32_t>(id);
  }

  /// ["</s>", 2]
  int32_t token_and_id(const JsonNode& node) const {
    std::optional<int32_t> id;
    size_t i = 0;
    node.each([&](const JsonNode& part) {
      if (i++ == 1) id = known_id(part);
    });
    if (i != 2 || !id) node.expected("a token and its id");
    return *id;
  }

  void read_template(const JsonNode& node) {
    std::vector<int32_t> before, after;
    const auto special_tokens = node.find("special_tokens");
    bool seen_text = false;
    node.at("single").each([&](const JsonNode& part) {
      if (const auto sequence = part.find("Sequence")) {
        if (seen_text || sequence->at("id").text() != "A") {
          part.fail("expected the sequence A once in a template for one text");
        }
        seen_text = true;
        return;
      }
      const JsonNode name = part.at("SpecialToken").at("id");
      if (!special_tokens) node.fail("the key \"special_tokens\" is missing");
      special_tokens->at(name.text()).at("ids").each([&](const JsonNode& id) {
        (seen_text ? after : before).push_back(known_id(id));
      });
    });
    if (!seen_text) node.fail("the template for one text has no sequence A");
    add(before, after);
  }

  TokenizerParts& parts_;
};

void read_added_tokens(const JsonNode& node, TokenizerParts& parts) {
  node.each([&](const JsonNode& entry) {
    AddedToken token = added_token(entry, false);
    const int64_t id = entry.at("id").integer();
    parts.vocabulary.add(token.content, id, entry.where());
    token.id = static_cast<int32_t>(id);
    parts.added.push_back(std::move(token));
  });
}

void read_merges(const JsonNode& node, TokenizerParts& parts) {
  MergeReader reader(parts.vocabulary);
  const auto merges = node.array();
  parts.merges.reserve(merges.size());
  for (const simdjson::dom::element entry : merges) {
    const auto where = [&] { return cat(node.where(), "[", parts.merges.size(), "]"); };
    if (entry.is_string()) {
      parts.merges.push_back(reader.read(entry.get_string().value(), where));
      continue;
    }
    std::vector<std::string_view> pair;
    if (entry.is_array()) {
      for (const simdjson::dom::element token : entry.get_array()) {
        if (token.is_string()) pair.push_back(token.get_string().value());
      }
    }
    if (pair.size() != 2 || entry.get_array().size() != 2) {
      JsonNode(entry, where()).expected("two tokens, as \"a b\" or [\"a\", \"b\"]");
    }
    parts.merges.push_back(reader.read(pair[0], pair[1], where));
  }
}

void expect_absent(const JsonNode& model, std::string_view key) {
  const auto found = model.find(key);
  if (found && (!found->is_text() || !found->text().empty())) {
    found->fail("expected null or an empty text; byte-level models have none");
  }
}

void read_model(const JsonNode& model, TokenizerParts& parts) {
  if (const std::string_view type = model.text_or("type", "BPE"); type != "BPE") {
    model.at("type").fail(cat("got ", shown(type), ", expected BPE, the only model read so far"));
  }
  expect_absent(model, "continuing_subword_prefix");
  expect_absent(model, "end_of_word_suffix");
  if (const auto dropout = model.find("dropout")) dropout->expected("null: ids must not vary");
  read_vocabulary(model.at("vocab"), parts.vocabulary);
  read_merges(model.at("merges"), parts);
  if (const auto unk = model.find("unk_token")) {
    parts.model.unk = parts.vocabulary.find(unk->text());
    if (!parts.model.unk) unk->fail(cat(shown(unk->text()), " is not in the vocabulary"));
  }
  parts.model.fuse_unk = model.flag("fuse_unk", false);
  parts.model.ignore_merges = model.flag("ignore_merges", false);
  if (model.flag("byte_fallback", false)) {
    model.fail("got byte_fallback true, expected false with byte-level words");
  }
}

Decoder read_decoder(const JsonNode& node) {
  const JsonNode type = node.at("type");
  if (type.text() == "Sequence") {
    std::optional<Decoder> only;
    node.at("decoders").each([&](const JsonNode& part) {
      if (only) node.fail("got several decoders, expected ByteLevel alone");
      only = read_decoder(part);
    });
    if (only) return *only;
  }
  if (type.text() != "ByteLevel")
    type.fail(cat("got ", shown(type.text()), ", expected ByteLevel"));
  return Decoder::byte_level;
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
    if (value.error() || !is_valid_utf8(member.key)) {
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
  read_model(root.at("model"), parts);
  if (const auto added = root.find("added_tokens")) read_added_tokens(*added, parts);
  if (const auto node = root.find("normalizer")) parts.normalizer = Normalizer::of_json(*node);
  parts.pre_tokenizer = PreTokenizer::of_json(root.at("pre_tokenizer"));
  if (const auto node = root.find("post_processor")) PostProcessor(parts).read(*node);
  const auto decoder = root.find("decoder");
  parts.decoder = decoder ? read_decoder(*decoder) : Decoder::joined_by_spaces;
  return parts;
}

}  // namespace kindred::text
