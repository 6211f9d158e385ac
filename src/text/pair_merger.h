#pragma once
// The heart of BPE training: the most frequent pair of neighbouring symbols, joined everywhere,
// again and again. Counts and places of pairs are kept up to date, so a join costs what it changes.

#include <cstdint>
#include <limits>
#include <optional>
#include <queue>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace kindred::text {

/// Words as symbols, and the pairs in them.
class PairMerger {
 public:
  using Pair = std::pair<int32_t, int32_t>;

  /// Adds a word that was seen `count` times. All words come before `start`.
  void add_word(std::span<const int32_t> symbols, int64_t count);
  /// Counts the pairs.
  void start();

  /// The most frequent pair (of equals that of the smaller ids) if it was seen `least` times or
  /// more. It is not offered again.
  std::optional<Pair> next(int64_t least);
  /// Joins the pair that `next` gave, everywhere, from left to right.
  void join(Pair pair, int32_t joined);

 private:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

  struct Symbol {
    int32_t id;  // negative: joined into the one before it
    uint32_t previous, next, word;
  };
  struct Places {
    int64_t count = 0;
    std::vector<uint32_t> at;  // where the pair begins; some may have changed since
  };
  struct Candidate {
    int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };
  struct PairHash {
    size_t operator()(const Pair& pair) const {
      const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(pair.first)) << 32 |
                           static_cast<uint32_t>(pair.second);
      const uint64_t mixed = key * 0x9E3779B97F4A7C15u;
      return mixed ^ mixed >> 32;
    }
  };

  void gain(Pair pair, uint32_t at, std::vector<Pair>& gained);
  void lose(Pair pair, uint32_t at);
  void join_at(uint32_t at, int32_t joined, std::vector<Pair>& gained);

  std::vector<Symbol> symbols_;
  std::vector<int64_t> counts_;  // by word
  std::unordered_map<Pair, Places, PairHash> places_;
  std::priority_queue<Candidate> queue_;
};

}  // namespace kindred::text
