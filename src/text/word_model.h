#pragma once
// What turns a word into ids: the part of a tokenizer that knows pieces of words.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/word_cache.h"

namespace kindred::text {

/// Words to ids. May be used from many threads at once.
class WordModel {
 public:
  virtual ~WordModel() = default;

  /// Appends the ids of each word (well-formed UTF-8). Short words met before are not split again.
  void encode(std::span<const std::string_view> words, std::vector<int32_t>& ids) const;

 protected:
  /// Replaces `ids` by those of one word.
  virtual void encode_word(std::string_view word, std::vector<int32_t>& ids) const = 0;

 private:
  mutable WordCaches caches_;
};

}  // namespace kindred::text
