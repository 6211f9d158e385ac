#pragma once
// How the next token is chosen from a model's scores. The order of what changes them is that of
// `transformers`: repetition penalty, tokens ruled out, temperature, top-k, top-p. Legend: V
// vocabulary.

#include <cstdint>
#include <span>
#include <vector>

#include "core/random.h"

namespace kindred::lm {

/// By what rule a token is chosen.
struct TokenChoice {
  double temperature = 0;         ///< scores are divided by it; 0: always the likeliest token
  int64_t top_k = 0;              ///< only the k likeliest; 0: all
  double top_p = 1;               ///< only the likeliest that together have this probability
  double repetition_penalty = 1;  ///< above 1: tokens that came before lose (Keskar et al. 2019)

  bool samples() const { return temperature > 0; }
};

/// Scores [V] of tokens that came before, in the prompt or after, through the repetition penalty.
void penalise(double penalty, std::span<const int64_t> before, std::span<float> scores);
/// Rules tokens out by a score of minus infinity.
void forbid(std::span<const int64_t> tokens, std::span<float> scores);
/// Rules out all others.
void allow_only(std::span<const int64_t> tokens, std::span<float> scores);
/// Temperature, top-k and top-p: what is ruled out gets minus infinity.
void narrow(const TokenChoice& choice, std::span<float> scores);
/// The likeliest token; of equals the smaller id. -1 where all are ruled out.
int64_t likeliest(std::span<const float> scores);
/// A token drawn from softmax(scores); -1 where all are ruled out.
int64_t draw(std::span<const float> scores, Random& random);

}  // namespace kindred::lm
