// `tokenizer.model` (LLaMA) and `spiece.model` (T5): SentencePiece's file alone. What it leaves
// unsaid comes from the tokenizer's class, as its slow version in `transformers` 4 has it.

#include <algorithm>
#include <array>
#include <limits>

#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"
#include "text/sentence_piece_model.h"
#include "text/sentence_piece_text.h"
#include "text/splitter.h"
#include "text/tokenizer_parts.h"
#include "text/unigram_model.h"

namespace kindred::text {
namespace {

enum class Family { llama, t5 };

Family family_of(const fs::path& folder, const FolderSpecials& specials, bool spiece) {
  constexpr std::array<std::pair<std::string_view, Family>, 7> kNames{
      {{"LlamaTokenizer", Family::llama},
       {"T5Tokenizer", Family::t5},
       {"llama", Family::llama},
       {"mistral", Family::llama},
       {"mixtral", Family::llama},
       {"t5", Family::t5},
       {"mt5", Family::t5}}};
  const auto find = [&](std::string_view name) {
    return std::find_if(kNames.begin(), kNames.end(),
                        [&](const auto& entry) { return entry.first == name; });
  };
  if (const std::string& name = specials.tokenizer_class; !name.empty()) {
    if (const auto found = find(name); found != kNames.end()) return found->second;
    throw Error(Exit::bad_data, specials.where,
                cat("got a SentencePiece model and the tokenizer_class ", shown(name),
                    ", expected LlamaTokenizer or T5Tokenizer; a tokenizer.json would be followed "
                    "as it stands"));
  }
  if (const auto config = open_json(folder, "config.json")) {
    const auto found = find(config->root().text_or("model_type", ""));
    if (found != kNames.end()) return found->second;
  }
  return spiece ? Family::t5 : Family::llama;
}

void add_default_roles(Family family, FolderSpecials& specials) {
  const auto add = [&](const char* role, const char* content) {
    specials.roles.try_emplace(role, AddedToken{.content = content, .special = true});
  };
  add("unk_token", "<unk>");
  add("eos_token", "</s>");
  add(family == Family::llama ? "bos_token" : "pad_token",
      family == Family::llama ? "<s>" : "<pad>");
}

/// T5's sentinels follow the file's pieces, the last first.
void add_sentinels(const fs::path& folder, TokenizerParts& parts) {
  constexpr int64_t kMost = 10000;
  int64_t count = 100;
  if (const auto config = open_json(folder, "tokenizer_config.json")) {
    if (const auto node = config->root().find("extra_ids")) {
      count = node->integer();
      if (count < 0 || count > kMost) node->expected(cat("a count from 0 to ", kMost));
    }
  }
  while (count-- > 0) {
    AddedToken token{.content = cat("<extra_id_", count, ">"), .special = true};
    token.lstrip = token.rstrip = true;
    if (parts.vocabulary.find(token.content)) continue;
    token.id = parts.vocabulary.size();
    parts.vocabulary.add(token.content, token.id, parts.where);
    parts.added.push_back(std::move(token));
  }
}

std::vector<int32_t> ids_if(bool wanted, const TokenizerParts& parts, const char* role) {
  if (!wanted) return {};
  return {required_role(parts, role)};
}

/// The unigram model, by hand: the library's releases round sums of scores differently, which
/// decides between equally good cuts; this is how 0.2.3 and `tokenizers` decide.
std::unique_ptr<WordModel> unigram_of(const SentencePieceFile& file, const TokenizerParts& parts) {
  using Type = SentencePieceFile::PieceType;
  UnigramModel::Pieces pieces;
  std::vector<double> scores(file.pieces.size());
  UnigramOptions options;
  options.byte_fallback = file.byte_fallback;
  options.like_sentence_piece = true;
  float lowest = std::numeric_limits<float>::max();
  for (size_t i = 0; i < file.pieces.size(); ++i) {
    const auto& [text, score, type] = file.pieces[i];
    const auto id = static_cast<int32_t>(i);
    if (type == Type::unknown) options.unk = id;
    if (type == Type::normal) lowest = std::min(lowest, score);
    if (type == Type::normal || type == Type::user) pieces.emplace_back(text, id);
    // A symbol of the user's own is always taken, the longer the rather.
    scores[i] = type == Type::user ? 0.1 * static_cast<double>(text.size() - 1) : score;
  }
  if (!options.unk) {
    throw Error(Exit::bad_data, parts.where, "the model has no unknown piece, expected one");
  }
  options.unk_score = unknown_score(lowest);
  return std::make_unique<UnigramModel>(pieces, std::move(scores),
                                        numbered_byte_ids(parts.vocabulary), options);
}

/// Whether each stretch of text gets the space in front, as SentencePiece has it; with
/// `legacy: false` only the whole text does.
bool is_legacy(const fs::path& folder) {
  const auto config = open_json(folder, "tokenizer_config.json");
  return !config || config->root().flag("legacy", true);
}

void set_model(const SentencePieceFile& file, bool legacy, TokenizerParts& parts) {
  parts.bpe = file.model == SentencePieceFile::Model::bpe;
  const bool once = !legacy && file.dummy_prefix && parts.bpe && !file.collapse_spaces;
  if (!legacy && file.dummy_prefix && !once) {
    log::warning(cat(parts.where,
                     ": legacy false is read as true: text after a special token gets "
                     "a space in front"));
  }
  if (once) parts.pre_tokenizer = PreTokenizer::of_space_in_front();
  if (parts.bpe && !file.collapse_spaces && file.characters.empty()) {
    parts.space_cut = file.dummy_prefix ? SpaceCut::drop : SpaceCut::keep;
  }
  if (parts.bpe) {
    parts.make_model = given_model(std::make_unique<SentencePieceModel>(
        once ? file.without_dummy_prefix() : file, parts.where));
  } else {
    parts.make_model = given_model(unigram_of(file, parts));
    parts.normalizer =
        Normalizer::of_function([text = SentencePieceText(file)](const std::string& given) {
          return text.normalized(given);
        });
  }
}

}  // namespace

TokenizerParts parts_of_sentence_piece(const fs::path& path, const FolderSpecials& given) {
  const fs::path folder = path.parent_path();
  const Family family = family_of(folder, given, path.filename() == "spiece.model");
  TokenizerParts parts;
  parts.where = path.string();
  const SentencePieceFile file = SentencePieceFile::read(path);
  for (size_t id = 0; id < file.pieces.size(); ++id) {
    parts.vocabulary.add(file.pieces[id].text, static_cast<int64_t>(id), parts.where);
  }
  set_model(file, is_legacy(folder), parts);

  FolderSpecials specials = given;
  add_default_roles(family, specials);
  add_listed(specials, parts);
  if (family == Family::t5) add_sentinels(folder, parts);
  add_missing(specials, parts);
  apply_specials(specials, parts);
  const bool llama = family == Family::llama;
  parts.post_processor =
      PostProcessor(ids_if(llama && specials.add_bos.value_or(true), parts, "bos_token"),
                    ids_if(specials.add_eos.value_or(!llama), parts, "eos_token"));
  if (llama) {
    parts.decoder.sentence_piece();
  } else {
    parts.decoder.metaspace(std::string(kSpaceMark), true);
  }
  return parts;
}

}  // namespace kindred::text
