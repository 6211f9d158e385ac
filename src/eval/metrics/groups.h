#pragma once
// Groups of users and items in which metrics are given apart: by training activity or popularity,
// and cold (no training interaction) against warm.

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
  enum class By { user_activity, item_popularity, cold_users, cold_items } by;
  int quantiles = 4;                     ///< used when no interval is given
  std::vector<CountInterval> intervals;  ///< by number of training interactions
};

/// "user-activity", "item-popularity" (4 quantile groups), "user-activity:5" (5 of them),
/// "item-popularity:[0,5),[5,10),[10,inf)", "cold-users", "cold-items". Throws `config` with the
/// nearest name, on intervals that are malformed, empty or overlapping, and on fewer than 2 or more
/// than 100 quantiles.
GroupSpec parse_group(std::string_view text);

/// One group: a metric of a group of users is taken over its users; a metric of a group of items
/// has only the group's items as relevant items, over the users who have any.
struct Group {
  std::string name;             ///< "user-activity [5,10)", "cold-items", "warm-items"
  bool of_items = false;        ///< whether `member` speaks of items or of users
  std::vector<uint8_t> member;  ///< one flag an item or user, by number
};

/// The groups of several specifications from the numbers of training interactions of each user and
/// item. Quantile groups hold about equally many users (items) each; equal counts are never parted,
/// so there may be fewer groups than asked for. Groups without members are left out.
std::vector<Group> make_groups(std::span<const GroupSpec> specs,
                               std::span<const int64_t> user_counts,
                               std::span<const int64_t> item_counts);

/// Intervals that part the counts into about equal groups; the last one is open.
std::vector<CountInterval> quantile_intervals(std::span<const int64_t> counts, int quantiles);

}  // namespace kindred::eval
