#pragma once
// The merges of a byte-pair encoding: which pairs of tokens join, in which order, into what.

#include <cstdint>
#include <span>
#include <vector>

namespace kindred::text {

/// Two tokens that join into one.
struct Merge {
  int32_t left, right, result;
};

/// Merges by pair, in a flat hash table.
class MergeTable {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Found {
    uint32_t rank = kNone;
    int32_t result = -1;
  };

  MergeTable() : MergeTable(std::span<const Merge>()) {}
  /// The rank is the place in the list; of equal pairs the last one counts.
  explicit MergeTable(std::span<const Merge> merges);

  Found find(int32_t left, int32_t right) const {
    const uint64_t key = key_of(left, right);
    for (size_t at = slot_of(key);; at = (at + 1) & mask_) {
      if (slots_[at].key == key) return slots_[at].found;
      if (slots_[at].key == kEmpty) return {};
    }
  }

 private:
  static constexpr uint64_t kEmpty = UINT64_MAX;  // ids are not negative
  struct Slot {
    uint64_t key = kEmpty;
    Found found;
  };

  static uint64_t key_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t slot_of(uint64_t key) const { return key * 0x9E3779B97F4A7C15u >> shift_; }

  std::vector<Slot> slots_;
  size_t mask_ = 0;
  int shift_ = 0;
};

/// Joins pairs until none is left to join: always the pair of the lowest rank, of equal ones the
/// leftmost. O(n log n) in the number of symbols, which are replaced by what remains.
void merge_symbols(std::vector<int32_t>& symbols, const MergeTable& merges);

}  // namespace kindred::text
