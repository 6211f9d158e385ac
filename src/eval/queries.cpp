#include "eval/queries.h"

#include <algorithm>
#include <utility>

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

}  // namespace

People::People(const data::Dataset& data, const EvaluationOptions& options, Part part)
    : relevant_(data::positives(data, part)), unseen_(options.users == "unseen") {
  // Only drawing negatives asks what a person knows.
  if (options.protocol == "candidates") known_ = data.distinct_by_user(data::all_parts);
  const std::vector<Part> seen = seen_parts(part);
  const std::vector<Part> train_only =
      part == Part::train ? std::vector<Part>{} : std::vector<Part>{Part::train};
  const std::vector<Part> none;
  masked_ = data.distinct_by_user(options.mask == "seen"    ? seen
                                  : options.mask == "train" ? train_only
                                                            : none);
  // Training items judged on themselves are still what the person is known by.
  std::vector<Part> known_by = options.history == "seen" ? seen : train_only;
  if (part == Part::train) known_by = {Part::train};
  histories_ = data::histories(data, known_by);
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
  const auto items = histories_.items.row(user);
  query.history.assign(items.begin(), items.end());
  if (!histories_.times.empty()) {
    const auto first = histories_.times.begin() + histories_.items.offsets[user];
    query.times.assign(first, first + static_cast<int64_t>(items.size()));
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
  const data::RowHistories histories(data, part);
  const std::vector<Index>& users = data.part(part).user;
  std::vector<model::Query> queries(users.size());
  for (size_t r = 0; r < users.size(); ++r) {
    data::RowHistories::History before = histories.before(static_cast<int64_t>(r));
    if (!unseen) queries[r].user = users[r];
    queries[r].history = std::move(before.items);
    queries[r].times = std::move(before.times);
    queries[r].row = static_cast<int64_t>(r);
  }
  return queries;
}

}  // namespace kindred::eval
