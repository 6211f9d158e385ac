#include "text/pair_merger.h"

#include <algorithm>

#include "core/error.h"

namespace kindred::text {

void PairMerger::add_word(std::span<const int32_t> symbols, int64_t count) {
  const auto word = static_cast<uint32_t>(counts_.size());
  if (symbols_.size() + symbols.size() >= kNone) {
    throw Error(Exit::bad_data, "tokenizer training",
                "the different words hold more than 4,294,967,294 bytes; train on less text");
  }
  counts_.push_back(count);
  for (size_t i = 0; i < symbols.size(); ++i) {
    const auto at = static_cast<uint32_t>(symbols_.size());
    const uint32_t previous = i > 0 ? at - 1 : kNone;
    const uint32_t next = i + 1 < symbols.size() ? at + 1 : kNone;
    symbols_.push_back({symbols[i], previous, next, word});
  }
}

void PairMerger::start() {
  for (uint32_t at = 0; at < symbols_.size(); ++at) {
    const Symbol& symbol = symbols_[at];
    if (symbol.next == kNone) continue;
    Places& places = places_[{symbol.id, symbols_[symbol.next].id}];
    places.count += counts_[symbol.word];
    places.at.push_back(at);
  }
  for (const auto& [pair, places] : places_) queue_.push({places.count, pair});
}

std::optional<PairMerger::Pair> PairMerger::next(int64_t least) {
  while (!queue_.empty()) {
    const Candidate best = queue_.top();
    queue_.pop();
    const auto found = places_.find(best.pair);
    const int64_t count = found == places_.end() ? 0 : found->second.count;
    if (count < best.count) {
      // Joins took some of it since it was queued: back to its new place.
      if (count > 0) queue_.push({count, best.pair});
      continue;
    }
    if (count > best.count) continue;  // queued again with more
    if (count < least) return std::nullopt;
    return best.pair;
  }
  return std::nullopt;
}

void PairMerger::gain(Pair pair, uint32_t at, std::vector<Pair>& gained) {
  Places& places = places_[pair];
  places.count += counts_[symbols_[at].word];
  places.at.push_back(at);
  gained.push_back(pair);
}

void PairMerger::lose(Pair pair, uint32_t at) {
  if (const auto found = places_.find(pair); found != places_.end()) {
    found->second.count -= counts_[symbols_[at].word];
  }
}

void PairMerger::join_at(uint32_t at, int32_t joined, std::vector<Pair>& gained) {
  Symbol& left = symbols_[at];
  Symbol& right = symbols_[left.next];
  if (left.previous != kNone) {
    const int32_t before = symbols_[left.previous].id;
    lose({before, left.id}, at);
    gain({before, joined}, left.previous, gained);
  }
  if (right.next != kNone) {
    const int32_t after = symbols_[right.next].id;
    lose({right.id, after}, at);
    gain({joined, after}, at, gained);
    symbols_[right.next].previous = at;
  }
  left.id = joined;
  left.next = right.next;
  right.id = -1;
}

void PairMerger::join(Pair pair, int32_t joined) {
  const auto found = places_.find(pair);
  check(found != places_.end(), "the pair to join has places");
  std::vector<uint32_t> places = std::move(found->second.at);
  places_.erase(found);
  std::sort(places.begin(), places.end());
  std::vector<Pair> gained;
  for (const uint32_t at : places) {
    const Symbol& symbol = symbols_[at];
    if (symbol.id != pair.first || symbol.next == kNone) continue;
    if (symbols_[symbol.next].id != pair.second) continue;
    join_at(at, joined, gained);
  }
  std::sort(gained.begin(), gained.end());
  gained.erase(std::unique(gained.begin(), gained.end()), gained.end());
  for (const Pair& changed : gained) {
    const int64_t count = places_[changed].count;
    if (count > 0) queue_.push({count, changed});
  }
}

}  // namespace kindred::text
