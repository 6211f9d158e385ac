#pragma once
// Given continuations behind their prompts: each prompt is read once, however many continuations it
// has. Legend: D hidden size.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "lm/generate.h"
#include "lm/generative_lm.h"

namespace kindred::lm {

/// Token sequences that may come after one prompt.
using Continuations = std::vector<std::vector<int64_t>>;

/// The natural log-probability of every token given the prompt and the tokens before it:
/// result[p][c][i] of token i of continuation c of prompt p. An encoder-decoder reads the prompt in
/// its encoder and the continuation in its decoder. Throws `bad_data` for an empty prompt, for a
/// token outside the vocabulary, or where prompt and continuation are longer than the model reads.
std::vector<std::vector<std::vector<float>>> score_continuations(
    GenerativeLM& model, const std::vector<Prompt>& prompts,
    const std::vector<Continuations>& continuations);

/// The states after continuations of ids or, where they have slots, vectors: result[p] [C, D] has
/// that of continuation c of prompt p in row c, which logits() multiplies; after an empty one the
/// prompt's. No gradients. Throws as score_continuations.
std::vector<torch::Tensor> continuation_states(
    GenerativeLM& model, const std::vector<Prompt>& prompts,
    const std::vector<std::vector<Prompt>>& continuations);

}  // namespace kindred::lm
