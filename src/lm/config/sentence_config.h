#pragma once
// The files of a sentence-transformers folder (Reimers & Gurevych 2019) beside the model's own:
// modules.json, the pooling, what comes after it, and how texts are cut.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/json.h"
#include "lm/config/fields.h"

namespace kindred::lm {

/// How the states of a text's n tokens become one vector: the first; the largest of each dimension;
/// their mean; their sum over sqrt(n); their mean weighted 1, 2, … n; the last.
enum class Pooling { cls, max, mean, mean_sqrt_len, weighted_mean, last_token };

/// The name as sentence-transformers writes it (`mean_sqrt_len_tokens`).
const char* pooling_name(Pooling kind);
/// The key of older folders that is true where this pooling is asked for.
const char* pooling_key(Pooling kind);
/// Every kind, in the order in which older folders put their results side by side.
std::vector<Pooling> all_poolings();

/// A linear layer with an activation (none: as it is) after the pooling, and where its weights are.
struct SentenceDense {
  std::string path;
  int64_t in = 0, out = 0;
  bool bias = true;
  std::string activation_name = "torch.nn.modules.activation.Tanh";
  std::optional<Activation> activation = Activation::tanh;
};
/// To length one.
struct SentenceNormalize {};
using SentenceStep = std::variant<SentenceDense, SentenceNormalize>;

/// What a sentence-transformers folder does.
struct SentencePlan {
  std::string model_path;             ///< folder of the language model within the folder
  std::vector<Pooling> poolings;      ///< their results side by side
  std::vector<SentenceStep> steps;    ///< in this order
  std::optional<int64_t> max_tokens;  ///< longer texts are cut, special tokens kept
  bool lower_case = false;            ///< texts are lower-cased first
  std::string prompt;                 ///< put in front of every text

  /// Size of the vectors, given that of the states.
  int64_t dimension(int64_t hidden_size) const;
};

/// Whether a folder is one of sentence-transformers.
bool is_sentence_folder(const std::filesystem::path& folder);

/// Reads the folder's JSON files; throws `missing` for files that are not there, `config` for
/// modules and fields that are not understood (one line a problem), `bad_data` for broken JSON.
SentencePlan read_sentence_plan(const std::filesystem::path& folder);

/// Modules of modules.json in order, as (last part of the type, path). Throws `config`.
std::vector<std::pair<std::string, std::string>> parse_modules(const Json& json,
                                                               const std::string& where);
/// The poolings of a pooling's config.json. Throws `config`.
std::vector<Pooling> parse_pooling(const Json& json, const std::string& where);
/// A dense layer's config.json. Throws `config`.
SentenceDense parse_dense(const Json& json, const std::string& where);
/// Sets max_tokens and lower_case from sentence_bert_config.json. Throws `config`.
void parse_sentence_options(const Json& json, const std::string& where, SentencePlan& plan);

}  // namespace kindred::lm
