#pragma once
// Filters, in their stated order, with counts before and after each.

#include <string>
#include <vector>

#include "data/store.h"

namespace kindred::data {

/// How much there is of something.
struct Counts {
  int64_t interactions = 0, users = 0, items = 0;
};

/// One filter and what it left.
struct FilterStep {
  std::string name;     ///< "rating", "dates", "duplicates", "counts", "k-core"
  std::string setting;  ///< such as ">= 4"
  Counts before, after;
};

/// Rows still in the data, with the order in which a person met them: rows of user u are
/// `order[offsets[u] .. offsets[u+1])`, by (time, order of the file).
struct Selection {
  std::vector<uint8_t> alive;     ///< [rows]
  std::vector<uint32_t> order;    ///< [rows]
  std::vector<uint64_t> offsets;  ///< [users + 1]

  std::span<const uint32_t> rows_of(Index user) const {
    const auto u = static_cast<size_t>(user);
    return {order.data() + offsets[u], offsets[u + 1] - offsets[u]};
  }
};

/// All rows, sorted.
Selection select_all(const RowStore& store);

/// Applies the filters of the options to the selection. The rating filter has been applied by the
/// store already; its counts come first. Throws `bad_data` "empty after filter X" where nothing is
/// left.
std::vector<FilterStep> apply_filters(const RowStore& store, const RawOptions& options,
                                      Selection& selection);

/// Interactions alive, and the users and items that have any.
Counts count_alive(const RowStore& store, const Selection& selection);

/// The rule for repeated pairs: as the options say, else "keep" for a given split and "last"
/// otherwise.
std::string duplicates_rule(const RawOptions& options);

}  // namespace kindred::data
