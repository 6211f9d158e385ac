#include "eval/queries.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/random.h"

namespace kindred::eval {
namespace {

using data::Part;

/// The parts that count as seen when `part` is evaluated.
std::vector<Part> seen_parts(Part part) {
  if (part == Part::test) return {Part::train, Part::valid};
  if (part == Part::valid) return {Part::train};
  return {};
}

/// Items of each user in a part, without rows labelled 0.
data::Csr positives(const data::Dataset& data, Part part) {
  const data::InteractionTable& table = data.part(part);
  if (table.label.empty()) return data.by_user(part);
  data::Csr rows;
  rows.offsets.assign(static_cast<size_t>(data.user_count()) + 1, 0);
  for (int64_t r = 0; r < table.size(); ++r)
    if (table.label[r] > 0) ++rows.offsets[table.user[r] + 1];
  std::partial_sum(rows.offsets.begin(), rows.offsets.end(), rows.offsets.begin());
  rows.columns.resize(static_cast<size_t>(rows.offsets.back()));
  std::vector<int64_t> next(rows.offsets.begin(), rows.offsets.end() - 1);
  for (int64_t r = 0; r < table.size(); ++r)
    if (table.label[r] > 0) rows.columns[next[table.user[r]]++] = table.item[r];
  return rows;
}

}  // namespace

People::People(const data::Dataset& data, const EvaluationOptions& options, Part part)
    : relevant_(positives(data, part)), unseen_(options.users == "unseen") {
  // Only drawing negatives asks what a person knows.
  if (options.protocol == "candidates") known_ = data.distinct_by_user(data::all_parts);
  const std::vector<Part> seen = seen_parts(part);
  const std::vector<Part> train_only =
      part == Part::train ? std::vector<Part>{} : std::vector<Part>{Part::train};
  const std::vector<Part> none;
  masked_ = data.distinct_by_user(options.mask == "seen"    ? seen
                                  : options.mask == "train" ? train_only
                                                            : none);
  history_.resize(static_cast<size_t>(data.user_count()));
  times_.resize(history_.size());
  // Training items judged on themselves are still what the person is known by.
  std::vector<Part> known_by = options.history == "seen" ? seen : train_only;
  if (part == Part::train) known_by = {Part::train};
  for (const Part p : known_by) {
    const data::InteractionTable& table = data.part(p);
    for (int64_t r = 0; r < table.size(); ++r) {
      if (!table.label.empty() && table.label[r] <= 0) continue;
      history_[table.user[r]].push_back(table.item[r]);
      if (!table.time.empty()) times_[table.user[r]].push_back(table.time[r]);
    }
  }
  for (Index u = 0; u < data.user_count(); ++u)
    if (!relevant_.row(u).empty()) users_.push_back(u);
}

void People::sample(int64_t count, uint64_t seed) {
  if (count <= 0 || count >= static_cast<int64_t>(users_.size())) return;
  Random random(seed, "evaluation.users");
  std::vector<Index> chosen;
  for (const uint64_t place : random.sample(users_.size(), static_cast<uint64_t>(count)))
    chosen.push_back(users_[place]);
  std::sort(chosen.begin(), chosen.end());
  users_ = std::move(chosen);
}

model::Query People::query(Index user) const {
  model::Query query;
  if (!unseen_) query.user = user;
  const auto& items = history_[static_cast<size_t>(user)];
  const auto& times = times_[static_cast<size_t>(user)];
  if (times.size() != items.size()) {
    query.history = items;
    return query;
  }
  std::vector<size_t> order(items.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return times[a] < times[b]; });
  for (const size_t at : order) {
    query.history.push_back(items[at]);
    query.times.push_back(times[at]);
  }
  return query;
}

std::vector<Index> People::masked(Index user) const {
  const auto row = masked_.row(user);
  return {row.begin(), row.end()};
}

std::vector<Index> People::relevant(Index user) const {
  std::vector<Index> items;
  for (const Index item : relevant_.row(user))
    if (std::find(items.begin(), items.end(), item) == items.end()) items.push_back(item);
  return items;
}

std::vector<model::Query> row_queries(const data::Dataset& data, Part part, bool unseen) {
  std::vector<std::vector<Index>> history(static_cast<size_t>(data.user_count()));
  std::vector<model::Query> queries;
  for (const Part p : data::all_parts) {
    const data::InteractionTable& table = data.part(p);
    for (int64_t r = 0; r < table.size(); ++r) {
      auto& earlier = history[static_cast<size_t>(table.user[r])];
      if (p == part) {
        model::Query& query = queries.emplace_back();
        if (!unseen) query.user = table.user[r];
        query.history = earlier;
        query.row = r;
      }
      if (table.label.empty() || table.label[r] > 0) earlier.push_back(table.item[r]);
    }
    if (p == part) break;
  }
  return queries;
}

}  // namespace kindred::eval
