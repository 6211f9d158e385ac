#include "text/merge_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <queue>

namespace kindred::text {
namespace {

constexpr size_t kShort = 32;

/// Few symbols: look at every pair for each join; nothing is allocated.
void merge_short(std::vector<int32_t>& symbols, const MergeTable& merges) {
  std::array<MergeTable::Found, kShort> pairs;  // pairs[i]: symbols i and i + 1
  size_t count = symbols.size();
  const auto look = [&](size_t i) { pairs[i] = merges.find(symbols[i], symbols[i + 1]); };
  for (size_t i = 0; i + 1 < count; ++i) look(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == MergeTable::kNone) break;
    symbols[best] = pairs[best].result;
    std::copy(symbols.begin() + best + 2, symbols.begin() + count, symbols.begin() + best + 1);
    if (best + 2 < count) {
      std::copy(pairs.begin() + best + 2, pairs.begin() + count - 1, pairs.begin() + best + 1);
    }
    --count;
    if (best > 0) look(best - 1);
    if (best + 1 < count) look(best);
  }
  symbols.resize(count);
}

/// Many symbols: a linked list and a heap of pairs; pairs that changed since are skipped when
/// drawn.
class LongMerge {
 public:
  LongMerge(std::vector<int32_t>& symbols, const MergeTable& merges)
      : symbols_(symbols), merges_(merges), links_(symbols.size()) {
    for (uint32_t i = 0; i < links_.size(); ++i) links_[i] = {i - 1, i + 1, {}};
    for (uint32_t i = 0; i + 1 < links_.size(); ++i) look(i);
  }

  void run() {
    while (!heap_.empty()) {
      const auto rank = static_cast<uint32_t>(heap_.top() >> 32);
      const auto at = static_cast<uint32_t>(heap_.top());
      heap_.pop();
      if (links_[at].pair.rank == rank) join(at);
    }
    size_t count = 0;
    for (size_t i = 0; i < links_.size(); i = links_[i].next) symbols_[count++] = symbols_[i];
    symbols_.resize(count);
  }

 private:
  struct Link {
    uint32_t previous, next;  // UINT32_MAX before the first, the size after the last
    MergeTable::Found pair;   // of this symbol and the next; no rank: none, or this one is gone
  };

  void look(uint32_t at) {
    const uint32_t next = links_[at].next;
    links_[at].pair =
        next < links_.size() ? merges_.find(symbols_[at], symbols_[next]) : MergeTable::Found{};
    const uint32_t rank = links_[at].pair.rank;
    if (rank != MergeTable::kNone) heap_.push(static_cast<uint64_t>(rank) << 32 | at);
  }

  void join(uint32_t at) {
    const uint32_t gone = links_[at].next;
    symbols_[at] = links_[at].pair.result;
    links_[gone].pair = {};
    links_[at].next = links_[gone].next;
    if (links_[at].next < links_.size()) links_[links_[at].next].previous = at;
    look(at);
    if (links_[at].previous != UINT32_MAX) look(links_[at].previous);
  }

  std::vector<int32_t>& symbols_;
  const MergeTable& merges_;
  std::vector<Link> links_;
  std::priority_queue<uint64_t, std::vector<uint64_t>, std::greater<>> heap_;
};

}  // namespace

MergeTable::MergeTable(std::span<const Merge> merges) {
  const size_t size = std::bit_ceil(std::max<size_t>(merges.size() * 2, 4));
  slots_.resize(size);
  mask_ = size - 1;
  shift_ = 64 - std::countr_zero(size);
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const uint64_t key = key_of(merges[rank].left, merges[rank].right);
    size_t at = slot_of(key);
    while (slots_[at].key != key && slots_[at].key != kEmpty) at = (at + 1) & mask_;
    slots_[at] = {key, {static_cast<uint32_t>(rank), merges[rank].result}};
  }
}

void merge_symbols(std::vector<int32_t>& symbols, const MergeTable& merges) {
  if (symbols.size() <= kShort) {
    merge_short(symbols, merges);
  } else {
    LongMerge(symbols, merges).run();
  }
}

}  // namespace kindred::text
