#pragma once
// Interactions in memory, their texts in a file: 32 bytes an interaction.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "data/raw.h"

namespace kindred::data {

/// Texts appended to a file in the order of rows and read back by row.
class TextSpill {
 public:
  explicit TextSpill(std::filesystem::path path);
  ~TextSpill();
  TextSpill(const TextSpill&) = delete;
  TextSpill& operator=(const TextSpill&) = delete;

  /// Appends the next row's text. Throws `io` (a full disk).
  void add(std::string_view text);
  /// Ends writing; the texts can be read from here on.
  void finish();
  /// The text of a row, valid until the next call.
  std::string_view get(uint64_t row);
  uint64_t rows() const { return offsets_.size() - 1; }

 private:
  void flush();
  void release();

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::string buffer_;
  std::vector<uint64_t> offsets_{0};
  const char* map_ = nullptr;
  size_t mapped_ = 0, touched_ = 0;
};

/// The id with `replacement` for every blank or NUL; `buffer` holds it where it differs.
std::string_view with_blanks_replaced(std::string_view id, const std::string& replacement,
                                      std::string& buffer);

/// What became of texts, for dataset.json.
struct TextCounts {
  uint64_t present = 0, empty = 0, cut = 0;
};

/// All interactions that passed the rating filter, with the ids of all.
class RowStore : public RowSink {
 public:
  RowStore(const RawOptions& options, RawColumns columns, const std::filesystem::path& spill);

  void row(const RawRow& row) override;
  /// Ends reading: times become seconds.
  void finish();

  uint32_t size() const { return static_cast<uint32_t>(user.size()); }

  RawColumns columns;
  IdMap users, items;
  std::vector<Index> user, item;
  std::vector<float> rating, label;
  std::vector<int64_t> time;
  std::vector<uint8_t> part;
  TextSpill reviews;
  TextCounts review_counts;
  uint64_t rows_read = 0, missing_times = 0;
  Index users_read = 0, items_read = 0;  ///< before the rating filter
  std::string time_unit = "none";

 private:
  std::string_view checked_id(std::string_view id, const char* what, std::string& buffer) const;

  double min_rating_;
  int64_t max_text_;
  std::optional<std::string> replacement_;
  std::string user_buffer_, item_buffer_;
};

}  // namespace kindred::data
