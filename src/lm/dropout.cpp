#include "lm/dropout.h"

#include <torch/torch.h>

#include <limits>

#include "core/error.h"
#include "model/chance.h"

namespace kindred::lm {

uint64_t draw_dropout_seed() {
  if (model::BatchChance* chance = model::BatchChance::current()) return chance->next_pass();
  return static_cast<uint64_t>(
      torch::randint(std::numeric_limits<int64_t>::max(), {1}, torch::kInt64).item<int64_t>());
}

std::shared_ptr<const MaskRows> mask_rows(const std::vector<int64_t>& offsets,
                                          const std::vector<int64_t>& places) {
  constexpr int64_t kLongest = int64_t{1} << 24;
  check(places.empty() || places.size() + 1 == offsets.size(), "a place for each sequence");
  const model::BatchChance* chance = model::BatchChance::current();
  auto rows = std::make_shared<MaskRows>();
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    const int64_t row = places.empty() ? static_cast<int64_t>(s) : places[s];
    rows->firsts.push_back((chance != nullptr ? chance->place(row) : row) * kLongest);
    for (int64_t t = 0; t < offsets[s + 1] - offsets[s]; ++t) {
      rows->tokens.push_back(rows->firsts.back() + t);
    }
  }
  return rows;
}

PassDropout PassDropout::at(std::span<const int64_t> tokens) const {
  PassDropout some = *this;
  if (rows == nullptr) return some;
  auto chosen = std::make_shared<MaskRows>();
  for (const int64_t token : tokens) {
    chosen->tokens.push_back(rows->tokens[static_cast<size_t>(token)]);
  }
  some.rows = std::move(chosen);
  return some;
}

}  // namespace kindred::lm
