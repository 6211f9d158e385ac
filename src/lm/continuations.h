#pragma once
// Given continuations scored behind their prompts: each prompt is read once, however many
// continuations it has.

#include <cstdint>
#include <vector>

#include "lm/causal_lm.h"
#include "lm/generate.h"

namespace kindred::lm {

/// Token sequences that may come after one prompt.
using Continuations = std::vector<std::vector<int64_t>>;

/// The natural log-probability of every token given the prompt and the tokens before it:
/// result[p][c][i] of token i of continuation c of prompt p. Throws `bad_data` for an empty prompt,
/// for a token outside the vocabulary, or where prompt and continuation are longer than the
/// context.
std::vector<std::vector<std::vector<float>>> score_continuations(
    CausalLM& model, const std::vector<Prompt>& prompts,
    const std::vector<Continuations>& continuations);

}  // namespace kindred::lm
