#pragma once
// Steps of continuing sequences that generate() and beam search share. Legend: R sequences, V
// vocabulary.

#include <torch/torch.h>

#include <memory>
#include <span>
#include <vector>

#include "lm/generate.h"

namespace kindred::lm {

/// One sequence being continued.
struct Running {
  size_t prompt = 0;  ///< its number
  std::unique_ptr<Cache> cache;
  torch::Tensor next;            ///< [tokens not read yet, E]
  std::vector<int64_t> written;  ///< new tokens
};

/// A sequence before its first token. Throws `bad_data` for an empty prompt.
Running start_running(GenerativeLM& model, std::span<const Prompt> prompts, size_t prompt);

/// Reads every sequence's next tokens; the hidden state of each one's last, [R, D].
torch::Tensor next_states(GenerativeLM& model, std::span<Running* const> running);
/// Reads every sequence's next tokens; the scores of what may follow, [R, V] float on the
/// processor.
torch::Tensor read_next(GenerativeLM& model, std::span<Running* const> running);

/// Scores [V] after the penalty and what the options rule out for a sequence.
void apply_rules(const GenerateOptions& options, const Prompt& prompt,
                 const std::vector<int64_t>& written, std::span<float> scores);

bool is_end(const GenerateOptions& options, int64_t token);
/// Whether a sequence is over after its last token, apart from the context's length.
bool is_over(const GenerateOptions& options, const std::vector<int64_t>& written);

/// The best continuation of one prompt by beam search, as `transformers` searches.
std::vector<int64_t> search_beams(GenerativeLM& model, std::span<const Prompt> prompts,
                                  size_t prompt, const GenerateOptions& options);

}  // namespace kindred::lm
