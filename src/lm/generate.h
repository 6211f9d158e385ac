#pragma once
// Continuing token sequences, many at a time, each with its own cache: greedy, sampled, by beams,
// held to given answers. Legend: n prompt tokens, E size at the model's border.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "lm/generative_lm.h"
#include "lm/prefix_tree.h"
#include "lm/token_choice.h"

namespace kindred::lm {

/// What is continued: token ids, or vectors where a prompt has slots.
struct Prompt {
  std::vector<int64_t> ids;  ///< with vectors only what the repetition penalty counts
  torch::Tensor embeddings;  ///< [n, E]; undefined: those of the ids
};

/// How far, by what rule, and until what a continuation runs.
struct GenerateOptions {
  int64_t max_new_tokens = 32;
  int64_t min_new_tokens = 0;       ///< no end token before so many
  std::vector<int64_t> end_tokens;  ///< any of them ends a sequence and is its last token
  TokenChoice choice = {};
  uint64_t seed = 1;          ///< of sampling; each prompt has its own stream
  int64_t beams = 1;          ///< more: beam search, without sampling
  double length_penalty = 1;  ///< beams are compared by log-probability / length^penalty
  /// A sequence ends where its text, as `decode` gives it, contains one of these.
  std::vector<std::string> stop_strings = {};
  std::function<std::string(const std::vector<int64_t>&)> decode = {};
  /// Only these answers may be written, each followed by an end token where there is one.
  std::shared_ptr<const PrefixTree> answers = {};
  /// Is told of each token as it is written: prompt, token. Beams have nothing to tell before they
  /// end.
  std::function<void(size_t, int64_t)> on_token = {};
  std::stop_token stop = {};
};

/// The new tokens of each prompt, the end token included where one was produced. A sequence also
/// ends when it is as long as the model can read. Ties go to the smaller id. Throws `bad_data` for
/// a prompt that is empty or longer than that, `interrupted` when stopped.
std::vector<std::vector<int64_t>> generate(GenerativeLM& model, const std::vector<Prompt>& prompts,
                                           const GenerateOptions& options);
std::vector<std::vector<int64_t>> generate(GenerativeLM& model,
                                           const std::vector<std::vector<int64_t>>& prompts,
                                           const GenerateOptions& options);

/// End tokens of a folder: those of generation_config.json where it names any, else of config.json.
/// Throws `config` where they are not token ids.
std::vector<int64_t> read_end_tokens(const std::filesystem::path& folder);

}  // namespace kindred::lm
