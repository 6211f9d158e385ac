#include "model/selection.h"

#include <immintrin.h>

#include <algorithm>
#include <functional>

namespace kindred::model {

constexpr float lowest = -std::numeric_limits<float>::infinity();

BestItems::BestItems(int64_t k, std::span<const data::Index> masked)
    : k_(static_cast<size_t>(std::max<int64_t>(k, 0))), masked_(masked), threshold_(lowest) {}

void BestItems::offer(const Block& block, size_t i, size_t limit) {
  const float score = block.scores[i];
  if (score == lowest) return;
  const data::Index item =
      block.items.empty() ? block.first + static_cast<data::Index>(i) : block.items[i];
  const uint64_t candidate =
      key(score, block.ties.empty() ? static_cast<uint32_t>(item) : block.ties[item]);
  if (candidate <= worst_) return;
  while (cursor_ < masked_.size() && masked_[cursor_] < item) ++cursor_;
  if (cursor_ < masked_.size() && masked_[cursor_] == item) return;
  keys_.push_back(candidate);
  if (keys_.size() >= limit) shrink();
}

void BestItems::shrink() {
  std::nth_element(keys_.begin(), keys_.begin() + static_cast<ptrdiff_t>(k_ - 1), keys_.end(),
                   std::greater<>());
  keys_.resize(k_);
  worst_ = keys_.back();
  // While the last place holds NaN, anything may still enter.
  threshold_ = std::isnan(score_of(worst_)) ? lowest : score_of(worst_);
}

void BestItems::add_plain(const Block& block) {
  if (k_ == 0) return;
  for (size_t i = 0; i < block.scores.size(); ++i)
    if (!(block.scores[i] < threshold_)) offer(block, i, 2 * k_);
}

size_t BestItems::add_first(const Block& block) {
  const size_t count = std::min(block.scores.size(), std::max<size_t>(1024, 4 * k_));
  if (!keys_.empty() || worst_ != 0 || count <= 2 * k_) return 0;
  // Many queries wait with their best at a time: the room for a whole block is lent to one of them.
  static thread_local std::vector<uint64_t> room;
  room.clear();
  room.swap(keys_);
  for (size_t i = 0; i < count; ++i) offer(block, i, count + 1);
  if (keys_.size() >= k_) shrink();
  room.swap(keys_);
  keys_.reserve(2 * k_);
  keys_.assign(room.begin(), room.end());
  return count;
}

void BestItems::add(const Block& block) {
#ifdef __AVX2__
  if (k_ == 0) return;
  const float* scores = block.scores.data();
  const size_t n = block.scores.size();
  size_t i = add_first(block);
  for (; i + 32 <= n; i += 32) {
    const __m256 bound = _mm256_set1_ps(threshold_);
    uint32_t above = 0;
    for (int part = 0; part < 4; ++part) {
      const __m256 values = _mm256_loadu_ps(scores + i + 8 * part);
      const __m256 enters = _mm256_cmp_ps(values, bound, _CMP_NLT_UQ);
      above |= static_cast<uint32_t>(_mm256_movemask_ps(enters)) << (8 * part);
    }
    for (; above != 0; above &= above - 1)
      offer(block, i + static_cast<size_t>(std::countr_zero(above)), 2 * k_);
  }
  for (; i < n; ++i)
    if (!(scores[i] < threshold_)) offer(block, i, 2 * k_);
#else
  add_plain(block);
#endif
}

std::span<const uint64_t> BestItems::finish() {
  std::sort(keys_.begin(), keys_.end(), std::greater<>());
  if (keys_.size() > k_) keys_.resize(k_);
  return keys_;
}

}  // namespace kindred::model
