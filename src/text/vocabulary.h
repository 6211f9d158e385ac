#pragma once
// Tokens and their ids, both ways.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace kindred::text {

/// The tokens of a tokenizer by id. Ids are 0, 1, ..., size - 1.
class Vocabulary {
 public:
  /// Adds a token before `finish`. Throws `bad_data`, naming `where`, where the id is negative or
  /// above 2^24, or belongs to another token, or the token has another id. The same pair twice is
  /// one.
  void add(std::string_view token, int64_t id, const std::string& where);

  /// Checks that no id is left out; throws `bad_data` naming the first that is.
  void finish(const std::string& where) const;

  int32_t size() const { return static_cast<int32_t>(pieces_.size()); }
  std::string_view piece(int32_t id) const { return *pieces_[static_cast<size_t>(id)]; }
  bool has(int32_t id) const { return id >= 0 && id < size(); }
  std::optional<int32_t> find(std::string_view token) const;

  /// Every token and its id; the texts live as long as the vocabulary.
  std::vector<std::pair<std::string_view, int32_t>> entries() const {
    return {ids_.begin(), ids_.end()};
  }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> ids_;
  std::vector<const std::string*> pieces_;  // the map's keys, which never move; null: not given yet
};

}  // namespace kindred::text
