#pragma once
// Interactions in memory, their texts in a file: at most 25 bytes an interaction.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "data/numbers.h"
#include "data/raw.h"
#include "data/sorted_spill.h"

namespace kindred::data {

/// Whether an id holds what a file of tokens cannot: a blank, a line end, a NUL.
bool has_blank(std::string_view id);

/// The id with `replacement` for every blank or NUL; `buffer` holds it where it differs.
std::string_view with_blanks_replaced(std::string_view id, const std::string& replacement,
                                      std::string& buffer);

/// What became of texts, for dataset.json.
struct TextCounts {
  uint64_t present = 0, empty = 0, cut = 0;
};

/// All interactions that passed the rating filter, with the ids of all. Reviews are spilled in the
/// order in which the prepared folder's files need them.
class RowStore : public RowSink {
 public:
  /// What reviews are sorted by: their users, or nothing (they stay in the order of the source).
  enum class ReviewOrder { user, source };

  RowStore(const RawOptions& options, RawColumns columns, const std::filesystem::path& spill,
           ReviewOrder review_order);

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
  SortedSpill reviews;  ///< keys: users or rows, by the review order
  TextCounts review_counts;
  uint64_t rows_read = 0, missing_times = 0;
  Index users_read = 0, items_read = 0;  ///< before the rating filter
  std::string time_unit = "none";

 private:
  /// A row whose ids have no numbers yet, its texts in `waiting_text_`.
  struct Waiting {
    RawRow row;
    size_t begin = 0;
    bool kept = true;  // by the rating filter
  };

  std::string_view checked_id(std::string_view id, const char* what, std::string& buffer) const;
  void store_waiting();
  void warn_of_other_units(TimeUnit unit) const;
  void store_row(const RawRow& row, Index user_number, Index item_number);

  ReviewOrder review_order_;
  double min_rating_;
  int64_t max_text_;
  std::optional<std::string> replacement_;
  std::string user_buffer_, item_buffer_;
  std::vector<Waiting> waiting_;
  std::string waiting_text_;
};

}  // namespace kindred::data
