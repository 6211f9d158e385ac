#include "data/histories.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <unordered_set>
#include <utility>

namespace kindred::data {
namespace {

/// The rows of several parts, numbered through.
class Rows {
 public:
  Rows(const Dataset& data, std::span<const Part> parts) {
    for (const Part part : parts) {
      tables_.push_back(&data.part(part));
      starts_.push_back(starts_.back() + tables_.back()->size());
      timed_ = timed_ && (tables_.back()->size() == 0 || !tables_.back()->time.empty());
    }
  }

  int64_t size() const { return starts_.back(); }
  /// Whether every row has a time.
  bool timed() const { return timed_ && size() > 0; }
  /// The number of a part's first row, the part being the `p`-th.
  int64_t start(size_t p) const { return starts_[p]; }

  Index user(int64_t n) const {
    const auto [table, row] = find(n);
    return table->user[row];
  }
  Index item(int64_t n) const {
    const auto [table, row] = find(n);
    return table->item[row];
  }
  int64_t time(int64_t n) const {
    const auto [table, row] = find(n);
    return table->time[row];
  }
  bool positive(int64_t n) const {
    const auto [table, row] = find(n);
    return is_positive(*table, static_cast<int64_t>(row));
  }

 private:
  std::pair<const InteractionTable*, size_t> find(int64_t n) const {
    size_t p = 0;
    while (n >= starts_[p + 1]) ++p;
    return {tables_[p], static_cast<size_t>(n - starts_[p])};
  }

  std::vector<const InteractionTable*> tables_;
  std::vector<int64_t> starts_{0};
  bool timed_ = true;
};

/// Row numbers by user, oldest first.
struct Timelines {
  std::vector<int64_t> offsets;  // [users + 1]
  std::vector<int64_t> rows;
};

Timelines timelines(const Rows& rows, Index users) {
  Timelines result;
  result.offsets.assign(static_cast<size_t>(users) + 1, 0);
  for (int64_t n = 0; n < rows.size(); ++n) ++result.offsets[static_cast<size_t>(rows.user(n)) + 1];
  std::partial_sum(result.offsets.begin(), result.offsets.end(), result.offsets.begin());
  result.rows.resize(static_cast<size_t>(rows.size()));
  std::vector<int64_t> next(result.offsets.begin(), result.offsets.end() - 1);
  for (int64_t n = 0; n < rows.size(); ++n)
    result.rows[static_cast<size_t>(next[static_cast<size_t>(rows.user(n))]++)] = n;
  if (!rows.timed()) return result;
  for (size_t user = 0; user < static_cast<size_t>(users); ++user)
    std::stable_sort(result.rows.begin() + result.offsets[user],
                     result.rows.begin() + result.offsets[user + 1],
                     [&](int64_t a, int64_t b) { return rows.time(a) < rows.time(b); });
  return result;
}

/// The places of the events in [begin, end) that stand at their item's last meeting, in order.
std::vector<int64_t> last_meetings(std::span<const Index> items, int64_t begin, int64_t end) {
  std::unordered_set<Index> met;
  std::vector<int64_t> places;
  for (int64_t at = end; at > begin; --at)
    if (met.insert(items[static_cast<size_t>(at - 1)]).second) places.push_back(at - 1);
  std::reverse(places.begin(), places.end());
  return places;
}

}  // namespace

Csr positives(const Dataset& data, Part part) {
  const InteractionTable& table = data.part(part);
  Csr result;
  result.offsets.assign(static_cast<size_t>(data.user_count()) + 1, 0);
  for (int64_t r = 0; r < table.size(); ++r)
    if (is_positive(table, r)) ++result.offsets[static_cast<size_t>(table.user[r]) + 1];
  std::partial_sum(result.offsets.begin(), result.offsets.end(), result.offsets.begin());
  result.columns.resize(static_cast<size_t>(result.offsets.back()));
  std::vector<int64_t> next(result.offsets.begin(), result.offsets.end() - 1);
  for (int64_t r = 0; r < table.size(); ++r)
    if (is_positive(table, r)) result.columns[next[table.user[r]]++] = table.item[r];
  return result;
}

Csr distinct_positives(const Dataset& data, std::span<const Part> parts) {
  std::vector<Csr> sources;
  for (const Part part : parts) sources.push_back(positives(data, part));
  Csr result;
  result.offsets.reserve(static_cast<size_t>(data.user_count()) + 1);
  for (Index user = 0; user < data.user_count(); ++user) {
    const auto begin = static_cast<int64_t>(result.columns.size());
    for (const Csr& source : sources) {
      const auto row = source.row(user);
      result.columns.insert(result.columns.end(), row.begin(), row.end());
    }
    std::sort(result.columns.begin() + begin, result.columns.end());
    result.columns.erase(std::unique(result.columns.begin() + begin, result.columns.end()),
                         result.columns.end());
    result.offsets.push_back(result.nnz());
  }
  return result;
}

Histories histories(const Dataset& data, std::span<const Part> parts) {
  const Rows rows(data, parts);
  const Timelines lines = timelines(rows, data.user_count());
  Histories result;
  std::vector<Index> items;
  std::vector<int64_t> numbers;
  for (size_t user = 0; user + 1 < lines.offsets.size(); ++user) {
    items.clear();
    numbers.clear();
    for (int64_t k = lines.offsets[user]; k < lines.offsets[user + 1]; ++k) {
      const int64_t n = lines.rows[static_cast<size_t>(k)];
      if (!rows.positive(n)) continue;
      items.push_back(rows.item(n));
      numbers.push_back(n);
    }
    for (const int64_t place : last_meetings(items, 0, static_cast<int64_t>(items.size()))) {
      result.items.columns.push_back(items[static_cast<size_t>(place)]);
      if (rows.timed()) result.times.push_back(rows.time(numbers[static_cast<size_t>(place)]));
    }
    result.items.offsets.push_back(result.items.nnz());
  }
  return result;
}

RowHistories::RowHistories(const Dataset& data, Part part) {
  const size_t last = static_cast<size_t>(part);
  const Rows rows(data, std::span(all_parts).first(last + 1));
  const Timelines lines = timelines(rows, data.user_count());
  begins_.resize(static_cast<size_t>(data.part(part).size()));
  ends_.resize(begins_.size());
  for (size_t user = 0; user + 1 < lines.offsets.size(); ++user) {
    const auto begin = static_cast<int64_t>(items_.size());
    for (int64_t k = lines.offsets[user]; k < lines.offsets[user + 1]; ++k) {
      const int64_t n = lines.rows[static_cast<size_t>(k)];
      if (n >= rows.start(last)) {
        const auto row = static_cast<size_t>(n - rows.start(last));
        begins_[row] = begin;
        ends_[row] = static_cast<int64_t>(items_.size());
      }
      if (!rows.positive(n)) continue;
      items_.push_back(rows.item(n));
      if (rows.timed()) times_.push_back(rows.time(n));
    }
  }
}

RowHistories::History RowHistories::before(int64_t row) const {
  const auto at = static_cast<size_t>(row);
  History history;
  for (const int64_t place : last_meetings(items_, begins_[at], ends_[at])) {
    history.items.push_back(items_[static_cast<size_t>(place)]);
    if (!times_.empty()) history.times.push_back(times_[static_cast<size_t>(place)]);
  }
  return history;
}

}  // namespace kindred::data
