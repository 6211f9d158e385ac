// `vocab.txt`: one token a line, the older file of BERT's tokenizers. What it leaves unsaid comes
// from `tokenizer_config.json`.

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "text/tokenizer_parts.h"
#include "text/word_piece_model.h"

namespace kindred::text {
namespace {

/// Classes that read the file as BERT does.
void expect_bert(const FolderSpecials& specials) {
  constexpr std::array<std::string_view, 5> kClasses{"", "BertTokenizer", "DistilBertTokenizer",
                                                     "ElectraTokenizer", "PreTrainedTokenizer"};
  if (std::find(kClasses.begin(), kClasses.end(), specials.tokenizer_class) != kClasses.end()) {
    return;
  }
  throw Error(Exit::bad_data, specials.where,
              cat("got vocab.txt and the tokenizer_class ", shown(specials.tokenizer_class),
                  ", expected BertTokenizer; a tokenizer.json would be followed as it stands"));
}

void read_tokens(const fs::path& path, Vocabulary& vocabulary) {
  const std::string text = read_file(path, uint64_t{1} << 30);
  int64_t id = 0;
  for (size_t at = 0; at < text.size(); ++id) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view token(text.data() + at, end - at);
    at = end + 1;
    if (token.ends_with('\r')) token.remove_suffix(1);
    const std::string where = cat(path.string(), ":", id + 1);
    if (!is_utf8(token)) {
      throw Error(Exit::bad_data, where, cat("the token ", shown(token), " is not UTF-8"));
    }
    vocabulary.add(token, id, where);
  }
}

/// The flags of BertTokenizer.
BertCleanUp clean_up_of(const fs::path& folder) {
  BertCleanUp options;
  const auto config = open_json(folder, "tokenizer_config.json");
  if (!config) return options;
  const JsonNode root = config->root();
  options.lower = root.flag("do_lower_case", true);
  options.space_chinese = root.flag("tokenize_chinese_chars", true);
  options.strip_accents = root.flag("strip_accents", options.lower);
  if (!root.flag("do_basic_tokenize", true)) {
    root.at("do_basic_tokenize").fail("got false, expected true: text is cut as BERT does");
  }
  if (const auto never = root.find("never_split"); never && never->array().size() > 0) {
    never->fail("got words that are never split, expected none: words are cut alike");
  }
  return options;
}

}  // namespace

TokenizerParts parts_of_vocab_txt(const fs::path& folder, const FolderSpecials& given) {
  expect_bert(given);
  TokenizerParts parts;
  const fs::path path = folder / "vocab.txt";
  parts.where = path.string();
  read_tokens(path, parts.vocabulary);

  FolderSpecials specials = given;
  constexpr std::array<std::pair<const char*, const char*>, 5> kDefaults{
      {{"unk_token", "[UNK]"},
       {"sep_token", "[SEP]"},
       {"pad_token", "[PAD]"},
       {"cls_token", "[CLS]"},
       {"mask_token", "[MASK]"}}};
  for (const auto& [role, content] : kDefaults) {
    specials.roles.try_emplace(role, AddedToken{.content = content, .special = true});
  }
  WordPieceOptions options;
  const std::string& unk = specials.roles.at("unk_token").content;
  const auto unk_id = parts.vocabulary.find(unk);
  if (!unk_id) {
    throw Error(Exit::bad_data, parts.where, cat("the unknown token ", shown(unk), " is missing"));
  }
  options.unk = *unk_id;
  parts.make_model = given_model(std::make_unique<WordPieceModel>(parts.vocabulary, options));
  add_listed(specials, parts);
  add_missing(specials, parts);
  apply_specials(specials, parts);
  parts.normalizer = Normalizer::of_bert(clean_up_of(folder));
  parts.pre_tokenizer = PreTokenizer::of_bert();
  parts.post_processor =
      PostProcessor::of_bert(required_role(parts, "cls_token"), required_role(parts, "sep_token"));
  parts.decoder.word_piece("##", true);
  return parts;
}

}  // namespace kindred::text
