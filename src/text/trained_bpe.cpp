// A trained tokenizer as the files that `transformers` reads.

#include "core/json.h"
#include "core/strings.h"
#include "text/bpe_trainer.h"
#include "text/tokenizer_parts.h"

namespace kindred::text {
namespace {

/// Large objects are written by hand: keys of an ordered JSON object are found one by one.
std::string vocabulary_json(const std::vector<std::string>& pieces) {
  std::string text = "{";
  for (size_t id = 0; id < pieces.size(); ++id) {
    text += cat(id > 0 ? "," : "", Json(pieces[id]).dump(), ":", id);
  }
  return text + "}";
}

Json byte_level(bool add_prefix_space) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", true},
          {"use_regex", true}};
}

Json added_tokens(const std::vector<std::string>& specials) {
  Json tokens = Json::array();
  for (size_t id = 0; id < specials.size(); ++id) {
    tokens.push_back({{"id", id},
                      {"content", specials[id]},
                      {"single_word", false},
                      {"lstrip", false},
                      {"rstrip", false},
                      {"normalized", false},
                      {"special", true}});
  }
  return tokens;
}

Json roles_of(const BpeTrainerOptions& options) {
  Json roles = Json::object();
  if (!options.bos_token.empty()) roles["bos_token"] = options.bos_token;
  if (!options.eos_token.empty()) roles["eos_token"] = options.eos_token;
  if (!options.pad_token.empty()) roles["pad_token"] = options.pad_token;
  return roles;
}

}  // namespace

std::string TrainedBpe::tokenizer_json() const {
  const Json head = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added_tokens(options.special_tokens)},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", byte_level(options.add_prefix_space)},
                     {"post_processor", byte_level(options.add_prefix_space)},
                     {"decoder", byte_level(options.add_prefix_space)}};
  const Json model = {{"type", "BPE"},
                      {"dropout", nullptr},
                      {"unk_token", nullptr},
                      {"continuing_subword_prefix", nullptr},
                      {"end_of_word_suffix", nullptr},
                      {"fuse_unk", false},
                      {"byte_fallback", false},
                      {"ignore_merges", false}};
  std::string text = head.dump();
  text.back() = ',';
  text += "\"model\":" + model.dump();
  text.back() = ',';
  text += "\"vocab\":" + vocabulary_json(pieces) + ",\"merges\":[";
  for (size_t i = 0; i < merges.size(); ++i) {
    const Json pair = Json::array({pieces[merges[i].first], pieces[merges[i].second]});
    text += (i > 0 ? "," : "") + pair.dump();
  }
  return text + "]}}";
}

std::shared_ptr<Tokenizer> TrainedBpe::tokenizer() const {
  TokenizerParts parts = parts_of_json(JsonDocument(tokenizer_json(), "trained tokenizer").root());
  FolderSpecials specials;
  const Json roles = roles_of(options);  // outlives the loop over its items
  for (const auto& [role, content] : roles.items()) {
    specials.roles[role] = {.content = content.get<std::string>(), .special = true};
  }
  apply_specials(specials, parts);
  return make_tokenizer(std::move(parts));
}

void TrainedBpe::save(const fs::path& folder) const {
  write_file(folder / "tokenizer.json", tokenizer_json());
  write_file(folder / "vocab.json", vocabulary_json(pieces));
  std::string lines = "#version: 0.2\n";
  for (const auto& [left, right] : merges) lines += pieces[left] + " " + pieces[right] + "\n";
  write_file(folder / "merges.txt", lines);
  const Json roles = roles_of(options);
  // The class that follows tokenizer.json literally, whatever the model's own.
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"add_prefix_space", options.add_prefix_space},
                 {"clean_up_tokenization_spaces", false}};
  config.update(roles);
  write_file(folder / "tokenizer_config.json", config.dump(2) + "\n");
  write_file(folder / "special_tokens_map.json", roles.dump(2) + "\n");
}

}  // namespace kindred::text
