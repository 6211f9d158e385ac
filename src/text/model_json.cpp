// The `model` of a `tokenizer.json`: what turns words into ids.

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"
#include "text/tokenizer_parts.h"
#include "text/unigram_model.h"
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

ModelMaker read_unigram(const JsonNode& model, const ModelContext& context,
                        Vocabulary& vocabulary) {
  UnigramModel::Pieces pieces;
  std::vector<double> scores;
  const JsonNode list = model.at("vocab");
  list.each([&](const JsonNode& entry) {
    std::optional<JsonNode> parts[2];
    size_t count = 0;
    entry.each([&](const JsonNode& part) {
      if (count < 2) parts[count] = part;
      ++count;
    });
    if (count != 2) entry.expected("a token and its score");
    const auto id = static_cast<int32_t>(scores.size());
    const std::string_view token = parts[0]->text();
    if (vocabulary.find(token)) entry.fail(cat("token ", shown(token), ": it is there twice"));
    vocabulary.add(token, id, entry.where());
    if (!context.specials.contains(token)) pieces.emplace_back(token, id);
    scores.push_back(parts[1]->number());
  });
  if (scores.empty()) list.fail("the vocabulary is empty");
  UnigramOptions options;
  options.unk_score = unknown_score(*std::min_element(scores.begin(), scores.end()));
  options.byte_fallback = model.flag("byte_fallback", false);
  if (const auto unk = model.find("unk_id")) {
    if (unk->integer() < 0 || unk->integer() >= vocabulary.size()) {
      unk->expected(cat("one of the vocabulary's ", vocabulary.size()));
    }
    options.unk = static_cast<int32_t>(unk->integer());
  }
  return given_model(std::make_unique<UnigramModel>(pieces, std::move(scores),
                                                    numbered_byte_ids(vocabulary), options));
}

}  // namespace

ModelMaker given_model(std::unique_ptr<WordModel> model) {
  const auto shared = std::make_shared<std::unique_ptr<WordModel>>(std::move(model));
  return [shared](const Vocabulary&) { return std::move(*shared); };
}

ModelMaker bpe_maker(std::vector<Merge> merges, BpeModelOptions options, const std::string& where) {
  return [=, merges = std::move(merges)](const Vocabulary& vocabulary) {
    auto model = std::make_unique<BpeModel>(vocabulary, merges, options);
    if (const int known = model->known_bytes(); options.byte_level && known < 256) {
      log::warning(cat(where, ": ", 256 - known, " of 256 bytes have no token; they are ",
                       options.unk ? "read as the unknown token" : "left out"));
    }
    return model;
  };
}

ModelMaker read_model(const JsonNode& model, const ModelContext& context, Vocabulary& vocabulary) {
  const std::string_view type = model.text_or("type", "BPE");
  if (type == "BPE") return read_bpe(model, context.byte_level, vocabulary);
  if (type != "WordPiece" && type != "Unigram") {
    model.at("type").fail(cat("got ", shown(type), ", expected BPE, WordPiece or Unigram"));
  }
  if (context.byte_level) {
    model.at("type").fail(cat("got ", type, ", expected BPE with byte-level words"));
  }
  return type == "WordPiece" ? read_word_piece(model, vocabulary)
                             : read_unigram(model, context, vocabulary);
}

}  // namespace kindred::text
