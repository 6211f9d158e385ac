#pragma once
// T5's objective (Raffel et al. 2020, section 3.1.4): spans of a text are cut out, each leaves a
// sentinel behind, and what was cut out is predicted, each span after its sentinel.

#include <cstdint>
#include <span>
#include <vector>

#include "core/random.h"

namespace kindred::lm {

/// What is cut out, and the tokens that stand for it.
struct SpanCorruption {
  double share = 0.15;             ///< of the tokens
  double mean_span = 3;            ///< tokens
  std::vector<int64_t> sentinels;  ///< by span
  int64_t end_token = 0;           ///< ends both sides

  /// Tokens and spans cut out of `length` tokens (at least 2): always as many, so that blocks of
  /// one length give batches of one size.
  int64_t cut_tokens(int64_t length) const;
  int64_t cut_spans(int64_t length) const;

  /// Both sides of a text.
  struct Example {
    std::vector<int64_t> prompt, target;
  };
  /// Cuts spans of random lengths at random places, the first after at least one token.
  Example apply(std::span<const int64_t> tokens, Random& random) const;
};

}  // namespace kindred::lm
