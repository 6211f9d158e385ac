#include "lm/generative_lm.h"

#include "core/error.h"

namespace kindred::lm {

void check_splits(const SplitPacked& input) {
  check(static_cast<int64_t>(input.splits.size()) == input.sequences(), "a split in each sequence");
  for (size_t s = 0; s < input.splits.size(); ++s) {
    check(input.offsets[s] <= input.splits[s] && input.splits[s] <= input.offsets[s + 1],
          "a sequence's split lies inside it");
  }
}

}  // namespace kindred::lm
