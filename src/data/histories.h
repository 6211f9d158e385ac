#pragma once
// What a person did, by one rule for training, histories, popularity and held-out items: a row
// whose label is 0 is no interaction, for it says what somebody did not like (such a row is still
// known of the person: Dataset::distinct_by_user, which masks are made of, has it).

#include <cstdint>
#include <span>
#include <vector>

#include "data/dataset.h"

namespace kindred::data {

/// Whether a row says that its person took its item; every row does where there are no labels.
inline bool is_positive(const InteractionTable& table, int64_t row) {
  return table.label.empty() || table.label[static_cast<size_t>(row)] > 0.0f;
}

/// Positive items of each user in a part, in the file's order, repeats too.
Csr positives(const Dataset& data, Part part);

/// Positive items of each user over several parts, each item once, ascending.
Csr distinct_positives(const Dataset& data, std::span<const Part> parts);

/// Of each user over several parts: positive items, oldest first (by time where every part has
/// times, rows of one time and rows without times in the order of parts and files), each item once,
/// at its last meeting.
struct Histories {
  Csr items;                   ///< rows = users
  std::vector<int64_t> times;  ///< of `items.columns`; empty where there are none
};
Histories histories(const Dataset& data, std::span<const Part> parts);

/// What a row's person had done before it (CoLLM's rule): the person's positive rows of the row's
/// part and the parts before it, cut before the row, in the order and with the items of
/// `histories`. A row of the same time counts as earlier where it stands earlier in the files.
class RowHistories {
 public:
  /// Of the rows of `part`. Reads the dataset only here; memory is a few numbers a row.
  RowHistories(const Dataset& data, Part part);

  struct History {
    std::vector<Index> items;
    std::vector<int64_t> times;  ///< of `items`; empty where there are none
  };
  History before(int64_t row) const;

 private:
  std::vector<Index> items_;            // every positive row, by user, oldest first
  std::vector<int64_t> times_;          // of items_, or empty
  std::vector<int64_t> begins_, ends_;  // of each row's history in items_
};

}  // namespace kindred::data
