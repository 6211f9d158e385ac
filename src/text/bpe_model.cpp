#include "text/bpe_model.h"

#include <algorithm>

#include "text/byte_level.h"
#include "text/unicode.h"

namespace kindred::text {

BpeModel::BpeModel(const Vocabulary& vocabulary, std::span<const Merge> merges,
                   BpeModelOptions options)
    : vocabulary_(vocabulary), merges_(merges), options_(options) {
  for (int byte = 0; byte < 256; ++byte) {
    std::string token;
    append_utf8(token, byte_characters()[byte]);
    byte_ids_[byte] = vocabulary.find(token).value_or(kNoToken);
  }
}

int BpeModel::known_bytes() const {
  return static_cast<int>(
      std::count_if(byte_ids_.begin(), byte_ids_.end(), [](int32_t id) { return id != kNoToken; }));
}

void BpeModel::encode_word(std::string_view word, std::vector<int32_t>& symbols) const {
  symbols.clear();
  if (options_.ignore_merges) {
    if (const auto id = vocabulary_.find(to_byte_level(word))) return symbols.push_back(*id);
  }
  bool after_unknown = false;
  for (const char byte : word) {
    const int32_t id = byte_ids_[static_cast<uint8_t>(byte)];
    const bool unknown = id == kNoToken;
    if (!unknown) {
      symbols.push_back(id);
    } else if (options_.unk && !(after_unknown && options_.fuse_unk)) {
      symbols.push_back(*options_.unk);
    }
    after_unknown = unknown;
  }
  merge_symbols(symbols, merges_);
}

void BpeModel::encode(std::span<const std::string_view> words, std::vector<int32_t>& ids) const {
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
