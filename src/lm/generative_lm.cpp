#include "lm/generative_lm.h"

#include "core/error.h"
#include "lm/causal_lm.h"

namespace kindred::lm {

void check_splits(const SplitPacked& input) {
  check(static_cast<int64_t>(input.splits.size()) == input.sequences(), "a split in each sequence");
  for (size_t s = 0; s < input.splits.size(); ++s) {
    check(input.offsets[s] <= input.splits[s] && input.splits[s] <= input.offsets[s + 1],
          "a sequence's split lies inside it");
  }
}

torch::Tensor CausalLM::hidden_first(const SplitPacked& input, std::span<Cache* const> caches) {
  std::vector<int64_t> last(input.offsets.begin() + 1, input.offsets.end());
  for (int64_t& position : last) --position;
  const auto states = hidden_next(input, caches);
  return states.index_select(0, torch::tensor(last, torch::kInt64).to(states.device()));
}

}  // namespace kindred::lm
