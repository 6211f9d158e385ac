#pragma once
// Greedy continuation of token sequences, many at a time, each with its own cache.

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <vector>

#include "lm/generative_lm.h"

namespace kindred::lm {

/// How far and until what a continuation runs.
struct GenerateOptions {
  int64_t max_new_tokens = 32;
  std::vector<int64_t> end_tokens;  ///< any of them ends a sequence and is its last token
  std::stop_token stop;
};

/// The new tokens of each prompt, the end token included where one was produced. A sequence also
/// ends when it is as long as the model can read. Ties go to the smaller id. Throws `bad_data` for
/// a prompt that is empty or longer than that, `interrupted` when stopped.
std::vector<std::vector<int64_t>> generate(GenerativeLM& model,
                                           const std::vector<std::vector<int64_t>>& prompts,
                                           const GenerateOptions& options);

/// End tokens of a folder: those of generation_config.json where it names any, else of config.json.
/// Throws `config` where they are not token ids.
std::vector<int64_t> read_end_tokens(const std::filesystem::path& folder);

}  // namespace kindred::lm
