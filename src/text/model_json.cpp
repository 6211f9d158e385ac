// The `model` of a `tokenizer.json`: what turns words into ids.

#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"
#include "text/tokenizer_parts.h"
#include "text/word_piece_model.h"

namespace kindred::text {
namespace {

void read_merge_list(const JsonNode& node, const Vocabulary& vocabulary,
                     std::vector<Merge>& merges) {
  MergeReader reader(vocabulary);
  const auto entries = node.array();
  merges.reserve(entries.size());
  for (const simdjson::dom::element entry : entries) {
    const auto where = [&] { return cat(node.where(), "[", merges.size(), "]"); };
    if (entry.is_string()) {
      merges.push_back(reader.read(entry.get_string().value(), where));
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
    merges.push_back(reader.read(pair[0], pair[1], where));
  }
}

void expect_absent(const JsonNode& model, std::string_view key) {
  const auto found = model.find(key);
  if (found && (!found->is_text() || !found->text().empty())) {
    found->fail("expected null or an empty text; byte-pair models with one are not read");
  }
}

int32_t id_of(const JsonNode& token, const Vocabulary& vocabulary) {
  const auto id = vocabulary.find(token.text());
  if (!id) token.fail(cat(shown(token.text()), " is not in the vocabulary"));
  return *id;
}

ModelMaker read_bpe(const JsonNode& model, bool byte_level, Vocabulary& vocabulary) {
  expect_absent(model, "continuing_subword_prefix");
  expect_absent(model, "end_of_word_suffix");
  if (const auto dropout = model.find("dropout")) dropout->expected("null: ids must not vary");
  read_vocabulary(model.at("vocab"), vocabulary);
  std::vector<Merge> merges;
  read_merge_list(model.at("merges"), vocabulary, merges);
  BpeModelOptions options;
  if (const auto unk = model.find("unk_token")) options.unk = id_of(*unk, vocabulary);
  options.fuse_unk = model.flag("fuse_unk", false);
  options.ignore_merges = model.flag("ignore_merges", false);
  options.byte_level = byte_level;
  options.byte_fallback = model.flag("byte_fallback", false);
  if (byte_level && options.byte_fallback) {
    model.fail("got byte_fallback true, expected false with byte-level words");
  }
  return bpe_maker(std::move(merges), options, model.where());
}

ModelMaker read_word_piece(const JsonNode& model, Vocabulary& vocabulary) {
  read_vocabulary(model.at("vocab"), vocabulary);
  WordPieceOptions options;
  options.unk = id_of(model.at("unk_token"), vocabulary);
  options.continuing = model.text_or("continuing_subword_prefix", "##");
  if (const auto longest = model.find("max_input_chars_per_word")) {
    if (longest->integer() < 0) longest->expected("a count of characters");
    options.longest_word = static_cast<size_t>(longest->integer());
  }
  // Made at once: tokens that are added later are no pieces of words.
  return given_model(std::make_unique<WordPieceModel>(vocabulary, options));
}

}  // namespace

ModelMaker given_model(std::unique_ptr<WordModel> model) {
  const auto shared = std::make_shared<std::unique_ptr<WordModel>>(std::move(model));
  return [shared](const Vocabulary&) { return std::move(*shared); };
}

ModelMaker bpe_maker(std::vector<Merge> merges, BpeModelOptions options, std::string where) {
  return [=, merges = std::move(merges)](const Vocabulary& vocabulary) {
    auto model = std::make_unique<BpeModel>(vocabulary, merges, options);
    if (const int known = model->known_bytes(); options.byte_level && known < 256) {
      log::warning(cat(where, ": ", 256 - known, " of 256 bytes have no token; they are ",
                       options.unk ? "read as the unknown token" : "left out"));
    }
    return model;
  };
}

ModelMaker read_model(const JsonNode& model, bool byte_level, Vocabulary& vocabulary) {
  const std::string_view type = model.text_or("type", "BPE");
  if (type == "BPE") return read_bpe(model, byte_level, vocabulary);
  if (type != "WordPiece") {
    model.at("type").fail(cat("got ", shown(type), ", expected BPE or WordPiece"));
  }
  if (byte_level) model.at("type").fail("got WordPiece, expected BPE with byte-level words");
  return read_word_piece(model, vocabulary);
}

}  // namespace kindred::text
