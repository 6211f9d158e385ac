#include "text/word_model.h"

#include <algorithm>

namespace kindred::text {

void WordModel::encode(std::span<const std::string_view> words, std::vector<int32_t>& ids) const {
  const WordCaches::Lease cache(caches_);
  std::vector<int32_t> symbols;
  for (const std::string_view word : words) {
    if (word.size() > WordCache::kLongestWord) {
      encode_word(word, symbols);
      ids.insert(ids.end(), symbols.begin(), symbols.end());
      continue;
    }
    const WordCache::Key key(word);
    WordCache::Entry& entry = cache->place(key);
    if (entry.key != key) {
      encode_word(word, symbols);
      if (symbols.size() > WordCache::kMostIds) {
        ids.insert(ids.end(), symbols.begin(), symbols.end());
        continue;
      }
      entry.key = key;
      std::fill(std::copy(symbols.begin(), symbols.end(), entry.ids.begin()), entry.ids.end(), -1);
    }
    for (size_t i = 0; i < entry.ids.size() && entry.ids[i] >= 0; ++i) ids.push_back(entry.ids[i]);
  }
}

}  // namespace kindred::text
