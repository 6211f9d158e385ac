#pragma once
// Groups of users and items in which metrics are given apart: by training activity or popularity,
// cold (no training interaction) against warm, and by a rule over user and item of a row together.

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kindred::eval {

/// A half-open interval of counts, written "[5,10)" or "[10,inf)".
struct CountInterval {
  int64_t low = 0;
  int64_t high =
      std::numeric_limits<int64_t>::max();  ///< exclusive; the largest value stands for inf

  bool contains(int64_t count) const { return count >= low && count < high; }
  std::string text() const;
  bool operator==(const CountInterval&) const = default;
};

/// What to group by.
struct GroupSpec {
  enum class By {
    user_activity,
    item_popularity,
    cold_users,
    cold_items,
    pairs,       ///< warm: user and item have at least `least` training rows; cold: the rest
    pairs_code,  ///< CoLLM's code: warm: both have more than 3; cold: one of them has none
    items_top,   ///< the most popular share of the items
    items_bottom,
  } by;
  int quantiles = 4;                     ///< used when no interval is given
  std::vector<CountInterval> intervals;  ///< by number of training interactions
  int64_t least = 0;                     ///< of `pairs`
  double share = 0;                      ///< of items_top and items_bottom, in (0, 1)
};

/// "user-activity", "item-popularity" (4 quantile groups), "user-activity:5" (5 of them),
/// "item-popularity:[0,5),[5,10),[10,inf)", "cold-users", "cold-items", "pairs:3", "pairs-code",
/// "items-top:35%", "items-bottom:35%". Throws `config` with the nearest name, on intervals that
/// are malformed, empty or overlapping, on fewer than 2 or more than 100 quantiles, and on a count
/// or a share that is none.
GroupSpec parse_group(std::string_view text);

/// One group: a metric of a group of users is taken over its users; a metric of a group of items
/// has only the group's items as relevant items, over the users who have any; of a group of pairs
/// only those items that make a pair of the group with their user. Of labelled rows each takes
/// those that lie in it.
struct Group {
  std::string name;                 ///< "user-activity [5,10)", "cold-items", "warm-pairs:3"
  bool of_items = false;            ///< whether `member` speaks of items or of users
  std::vector<uint8_t> member;      ///< one flag an item or user, by number
  std::vector<uint8_t> items = {};  ///< of pairs: one flag an item, beside `member`'s one a user
  bool either = false;              ///< of pairs: one flag of the two is enough

  bool of_pairs() const { return !items.empty(); }
  /// Whether the row of this user and item lies in the group.
  bool holds(int64_t user, int64_t item) const {
    if (!of_pairs()) return member[static_cast<size_t>(of_items ? item : user)] != 0;
    const bool first = member[static_cast<size_t>(user)] != 0;
    const bool second = items[static_cast<size_t>(item)] != 0;
    return either ? first || second : first && second;
  }
};

/// What groups are made by: numbers of training interactions, by number of user or item.
struct GroupCounts {
  std::span<const int64_t> users, items;
  /// Training rows of any label, which pairs go by; empty: `users` and `items`.
  std::span<const int64_t> user_rows = {}, item_rows = {};
  /// Places of equally popular items (tie_ranks), so that shares of items do not depend on
  /// numbering; empty: by number.
  std::span<const uint32_t> item_ties = {};
};

/// The groups of several specifications. Quantile groups hold about equally many users (items)
/// each; equal counts are never parted, so there may be fewer groups than asked for. A share of the
/// items is rounded to whole items, at least one. Groups without members are left out.
std::vector<Group> make_groups(std::span<const GroupSpec> specs, const GroupCounts& counts);

/// Whether one of the groups needs GroupCounts::item_ties.
bool need_item_ties(std::span<const GroupSpec> specs);

/// Intervals that part the counts into about equal groups; the last one is open.
std::vector<CountInterval> quantile_intervals(std::span<const int64_t> counts, int quantiles);

}  // namespace kindred::eval
