#pragma once
// What the readers of tokenizer files gather, and the tokenizer is made of.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/files.h"
#include "text/added_tokens.h"
#include "text/bpe_model.h"
#include "text/decoder.h"
#include "text/json_node.h"
#include "text/merge_table.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"
#include "text/word_model.h"

namespace kindred::text {

/// Makes the word model once the vocabulary, which outlives it, is complete.
using ModelMaker = std::function<std::unique_ptr<WordModel>(const Vocabulary& vocabulary)>;

struct TokenizerParts {
  std::string where;  ///< the file, for messages
  Vocabulary vocabulary;
  std::vector<AddedToken> added;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  ModelMaker make_model;
  PostProcessor post_processor;
  Decoder decoder;
  bool bpe = false;                      ///< of byte pairs: `clean_up_spaces` is not for these
  bool clean_up_spaces = false;          ///< decoded text loses spaces before signs
  std::map<std::string, int32_t> roles;  ///< "bos_token" and the like
  /// Set by SentencePiece's files: how a text may be cut as far as the model's rules alone say.
  SpaceCut space_cut = SpaceCut::never;
};

/// Special tokens and flags of a folder's `tokenizer_config.json`, `special_tokens_map.json` and
/// `added_tokens.json`. Absent files are fine.
struct FolderSpecials {
  std::string where;
  std::string tokenizer_class;              ///< without "Fast"; empty: not said
  std::map<std::string, AddedToken> roles;  ///< by role; ids unset
  std::vector<AddedToken> added;            ///< with ids
  std::vector<AddedToken> additional;       ///< without role; ids unset
  bool add_prefix_space = false;
  std::optional<bool> add_bos, add_eos;
  bool clean_up_spaces = false;
};

/// The parts named "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token" and
/// "mask_token", in the reference's order.
std::span<const std::string_view> special_roles();

/// A JSON file of the folder, or nothing where it is absent.
std::unique_ptr<JsonDocument> open_json(const fs::path& folder, const char* name);

FolderSpecials read_folder_specials(const fs::path& folder);

/// An added token as JSON holds it; `special` where the file does not say.
AddedToken added_token(const JsonNode& node, bool special);

/// The merge of two stored tokens; throws `bad_data` at `where()` where one or their join is
/// unknown.
class MergeReader {
 public:
  explicit MergeReader(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}
  template <class Where>
  Merge read(std::string_view left, std::string_view right, Where&& where) {
    const auto id = [&](std::string_view token) {
      const auto found = vocabulary_.find(token);
      if (!found) fail(left, right, token, where());
      return *found;
    };
    joined_.assign(left).append(right);
    return {id(left), id(right), id(joined_)};
  }
  /// "Ġ the" as `merges.txt` and older `tokenizer.json` write a merge.
  template <class Where>
  Merge read(std::string_view line, Where&& where) {
    const size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
      fail_form(line, where());
    }
    return read(line.substr(0, space), line.substr(space + 1), where);
  }

 private:
  [[noreturn]] static void fail(std::string_view left, std::string_view right,
                                std::string_view unknown, const std::string& where);
  [[noreturn]] static void fail_form(std::string_view line, const std::string& where);

  const Vocabulary& vocabulary_;
  std::string joined_;
};

/// `vocab.json` and the `vocab` of `tokenizer.json`: token -> id.
void read_vocabulary(const JsonNode& node, Vocabulary& vocabulary);

/// A model that needs no complete vocabulary, made already. It is given out once.
ModelMaker given_model(std::unique_ptr<WordModel> model);

/// Makes a byte-pair model; warns where bytes have no token in a byte-level one.
ModelMaker bpe_maker(std::vector<Merge> merges, BpeModelOptions options, const std::string& where);

/// What a `model` is read beside.
struct ModelContext {
  bool byte_level = false;                        ///< its words are bytes, not characters
  std::set<std::string, std::less<>> specials{};  ///< tokens that no text between them may yield
};

/// Reads the `model` of a `tokenizer.json`; its tokens go into the vocabulary.
ModelMaker read_model(const JsonNode& model, const ModelContext& context, Vocabulary& vocabulary);

/// Reads a `tokenizer.json`.
TokenizerParts parts_of_json(const JsonNode& root);

/// Adds the tokens to which the folder gives ids.
void add_listed(const FolderSpecials& specials, TokenizerParts& parts);

/// Special tokens of the folder that the vocabulary lacks follow it, in the reference's order.
void add_missing(const FolderSpecials& specials, TokenizerParts& parts);

/// Adds what the folder names beside its `tokenizer.json`: parts played, and special tokens that
/// the vocabulary has.
void apply_specials(const FolderSpecials& specials, TokenizerParts& parts);

/// Reads `vocab.json` and `merges.txt`, with the rules of the folder's tokenizer class.
TokenizerParts parts_of_vocab_and_merges(const fs::path& folder, const FolderSpecials& specials);

/// Reads `vocab.txt`, BERT's vocabulary, with the flags of `tokenizer_config.json`.
TokenizerParts parts_of_vocab_txt(const fs::path& folder, const FolderSpecials& specials);

/// Reads a SentencePiece model beside whatever else its folder holds.
TokenizerParts parts_of_sentence_piece(const fs::path& path, const FolderSpecials& specials);

/// A role's id among the parts' roles; throws `bad_data` where the vocabulary lacks the token.
int32_t required_role(const TokenizerParts& parts, const std::string& role);

/// How texts may be cut, all parts considered.
SpaceCut space_cut_of(const TokenizerParts& parts);

std::shared_ptr<Tokenizer> make_tokenizer(TokenizerParts parts);

}  // namespace kindred::text
