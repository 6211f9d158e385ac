#pragma once
// Prompts as the reference code numbers them: one vocabulary of words, users and items.

#include <cstdint>
#include <vector>

#include "prompt/packed_prompts.h"

namespace kindred::prompt {

/// The vocabulary extended by users and items (section 3.2.1 of CLLM4Rec): `<user_i>` is token V +
/// i, `<item_j>` is V + I + j. Kinds are 0 for users, 1 for items.
struct ExtendedVocabulary {
  int64_t words = 0;  ///< V
  int64_t users = 0;  ///< I
  int64_t items = 0;  ///< J

  int64_t size() const { return words + users + items; }
  int64_t user(int64_t i) const { return words + i; }
  int64_t item(int64_t j) const { return words + users + j; }

  /// Ids [T] of packed prompts in the extended vocabulary.
  std::vector<int64_t> ids(const PackedPrompts& prompts) const {
    std::vector<int64_t> result(prompts.ids().size());
    for (size_t t = 0; t < result.size(); ++t) {
      const int64_t id = prompts.ids()[t];
      const int kind = prompts.kinds()[t];
      result[t] = kind == PackedPrompts::word ? id : kind == 0 ? user(id) : item(id);
    }
    return result;
  }
};

}  // namespace kindred::prompt
