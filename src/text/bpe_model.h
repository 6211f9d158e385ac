#pragma once
// Byte-level byte-pair encoding of words (Sennrich et al. 2016; Radford et al. 2019).

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "text/merge_table.h"
#include "text/vocabulary.h"
#include "text/word_cache.h"

namespace kindred::text {

struct BpeModelOptions {
  std::optional<int32_t> unk;  ///< stands for bytes without a token; absent: they are left out
  bool fuse_unk = false;       ///< a run of unknown bytes is one unknown token
  bool ignore_merges = false;  ///< a word that is a token is taken whole
};

/// Words to ids. May be used from many threads at once.
class BpeModel {
 public:
  /// `vocabulary` must outlive the model.
  BpeModel(const Vocabulary& vocabulary, std::span<const Merge> merges, BpeModelOptions options);

  /// Appends the ids of each word (raw bytes).
  void encode(std::span<const std::string_view> words, std::vector<int32_t>& ids) const;

  /// How many of the 256 bytes have a token of their own.
  int known_bytes() const;

 private:
  static constexpr int32_t kNoToken = -1;

  void encode_word(std::string_view word, std::vector<int32_t>& symbols) const;

  const Vocabulary& vocabulary_;
  MergeTable merges_;
  BpeModelOptions options_;
  std::array<int32_t, 256> byte_ids_{};
  mutable WordCaches caches_;
};

}  // namespace kindred::text
