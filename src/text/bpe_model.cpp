#include "text/bpe_model.h"

#include <algorithm>

#include "core/utf8.h"
#include "text/byte_level.h"

namespace kindred::text {

/// A word's symbols before any merge, and the unknown token that waits to be joined by more.
class BpeModel::Symbols {
 public:
  Symbols(std::vector<int32_t>& ids, const BpeModelOptions& options)
      : ids_(ids), options_(options) {}

  void add(int32_t id) {
    end_unknown();
    ids_.push_back(id);
  }
  void add_unknown() {
    if (!options_.unk) return;
    if (!options_.fuse_unk) end_unknown();
    unknown_ = true;
  }
  void end_unknown() {
    if (unknown_ && options_.unk) ids_.push_back(*options_.unk);
    unknown_ = false;
  }
  /// The reference puts bytes in front of an unknown token that waits.
  std::vector<int32_t>& bytes() { return ids_; }

 private:
  std::vector<int32_t>& ids_;
  const BpeModelOptions& options_;
  bool unknown_ = false;
};

BpeModel::BpeModel(const Vocabulary& vocabulary, std::span<const Merge> merges,
                   BpeModelOptions options)
    : vocabulary_(vocabulary),
      merges_(merges),
      options_(options),
      byte_ids_(options.byte_level ? visible_byte_ids(vocabulary) : numbered_byte_ids(vocabulary)) {
}

int BpeModel::known_bytes() const {
  return static_cast<int>(
      std::count_if(byte_ids_.begin(), byte_ids_.end(), [](int32_t id) { return id >= 0; }));
}

void BpeModel::add_bytes(std::string_view word, Symbols& symbols) const {
  for (const char byte : word) {
    const int32_t id = byte_ids_[static_cast<uint8_t>(byte)];
    if (id >= 0) {
      symbols.add(id);
    } else {
      symbols.add_unknown();
    }
  }
}

void BpeModel::add_characters(std::string_view word, Symbols& symbols) const {
  for (size_t at = 0; at < word.size();) {
    const std::string_view character = word.substr(at, code_point_at(word, at).length);
    at += character.size();
    if (const auto id = vocabulary_.find(character)) {
      symbols.add(*id);
    } else if (!options_.byte_fallback || !append_byte_ids(byte_ids_, character, symbols.bytes())) {
      symbols.add_unknown();
    }
  }
}

void BpeModel::encode_word(std::string_view word, std::vector<int32_t>& symbols) const {
  symbols.clear();
  if (options_.ignore_merges) {
    const auto id =
        options_.byte_level ? vocabulary_.find(to_byte_level(word)) : vocabulary_.find(word);
    if (id) return symbols.push_back(*id);
  }
  Symbols first(symbols, options_);
  if (options_.byte_level) {
    add_bytes(word, first);
  } else {
    add_characters(word, first);
  }
  first.end_unknown();
  merge_symbols(symbols, merges_);
}

}  // namespace kindred::text
