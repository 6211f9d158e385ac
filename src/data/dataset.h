#pragma once
// The dataset every recommender sees: contiguous ids with their tokens, interactions of three
// parts, texts read by offset from the prepared folder.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/json.h"

namespace kindred::data {

/// A contiguous user or item number.
using Index = int32_t;

/// Tokens of users or items by number, and back.
class IdMap {
 public:
  /// The token's number, given now if it is new. Throws `bad_data` above 2^31 - 1 tokens.
  Index add(std::string_view token);
  /// The same for several tokens in their order; quicker in a large map, since they wait for memory
  /// together. `indices` has as many places.
  void add(std::span<const std::string_view> tokens, std::span<Index> indices);
  /// The token's number, or nothing.
  std::optional<Index> find(std::string_view token) const;
  const std::string& token(Index index) const { return tokens_[static_cast<size_t>(index)]; }
  std::span<const std::string> tokens() const { return tokens_; }
  Index size() const { return static_cast<Index>(tokens_.size()); }

 private:
  size_t slot(std::string_view token, size_t hash) const;
  Index add_hashed(std::string_view token, size_t hash);
  void grow();

  std::vector<std::string> tokens_;
  std::vector<Index> table_;  // open addressing; -1 is free
};

/// Rows of column numbers (compressed sparse rows).
struct Csr {
  std::vector<int64_t> offsets{0};  ///< [rows + 1]
  std::vector<Index> columns;       ///< [nnz]

  int64_t rows() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t nnz() const { return static_cast<int64_t>(columns.size()); }
  std::span<const Index> row(int64_t r) const {
    return {columns.data() + offsets[r], static_cast<size_t>(offsets[r + 1] - offsets[r])};
  }
};

enum class Part { train = 0, valid = 1, test = 2 };
inline constexpr std::array<Part, 3> all_parts{Part::train, Part::valid, Part::test};
const char* part_name(Part part);  ///< "train", "valid", "test"
/// Throws `usage` on another name.
Part parse_part(std::string_view name);

/// Interactions of one part in the order of its file. Columns have equal length; a column the
/// source lacks is empty.
struct InteractionTable {
  std::vector<Index> user;
  std::vector<Index> item;
  std::vector<float> rating;  ///< as in the source; empty when it has none
  std::vector<float> label;   ///< 0/1 labels of pointwise data; empty when the source has none
  std::vector<int64_t>
      time;  ///< seconds, or positions where the source has only order; empty when none

  int64_t size() const { return static_cast<int64_t>(user.size()); }
};

/// Texts by row, read by offset from files that stay on disk: memory is 12 bytes a row.
class TextColumn {
 public:
  virtual ~TextColumn() = default;
  /// The text of a row (valid UTF-8), or empty when there is none.
  virtual std::string get(int64_t row) const = 0;
  virtual bool has(int64_t row) const = 0;
  virtual int64_t rows() const = 0;
};

/// A prepared dataset.
class Dataset {
 public:
  std::string name;
  IdMap users, items;
  std::array<InteractionTable, 3> parts;  ///< by Part
  Json info;                              ///< dataset.json
  /// Of the (user, item[, label]) rows of each part, whatever their order, numbering or the
  /// folder's name: equal fingerprints, equal splits.
  std::string fingerprint;
  /// Of all files it was read from, texts included: what results computed from it depend on.
  std::string content_fingerprint;

  const InteractionTable& part(Part p) const { return parts[static_cast<size_t>(p)]; }
  Index user_count() const { return users.size(); }
  Index item_count() const { return items.size(); }

  /// Items of each user in a part, in the file's order (for `train` also the order of texts).
  Csr by_user(Part p) const;
  /// Items of each user over several parts, each user's items once, ascending.
  Csr distinct_by_user(std::span<const Part> which) const;
  /// Number of training interactions of each item.
  std::vector<int64_t> item_popularity() const;

  /// Item text columns by name ("title", "description", "categories", "brand"), rows = items.
  const TextColumn* item_text(std::string_view column) const;
  /// User text columns by name ("text"), rows = users.
  const TextColumn* user_text(std::string_view column) const;
  /// Reviews of *training* interactions, rows as part(train). There is no way to ask for those of
  /// validation or test: no method may read them.
  const TextColumn* train_reviews() const;
  std::vector<std::string> item_text_columns() const;
  std::vector<std::string> user_text_columns() const;

  /// A title for people: the title column, else the item's token.
  std::string title(Index item) const;

  std::unordered_map<std::string, std::shared_ptr<TextColumn>> item_texts, user_texts;
  std::shared_ptr<TextColumn> reviews;
};

/// Reads a prepared folder, or bare RecBole atomic files with given splits. Streams; texts stay on
/// disk. Throws `missing` or `bad_data` with file and line.
std::shared_ptr<const Dataset> load_dataset(const std::filesystem::path& folder);

}  // namespace kindred::data
