#include "run/align.h"

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"

namespace kindred::run {
namespace {

using data::Index;

bool same_tokens(const data::IdMap& a, const data::IdMap& b) {
  return std::equal(a.tokens().begin(), a.tokens().end(), b.tokens().begin(), b.tokens().end());
}

/// New number of each old one, -1 where the run does not know the token.
std::vector<Index> renumbering(const data::IdMap& from, const data::IdMap& to) {
  std::vector<Index> numbers;
  for (const std::string& token : from.tokens()) numbers.push_back(to.find(token).value_or(-1));
  return numbers;
}

template <class T>
void push_if_present(const std::vector<T>& from, int64_t row, std::vector<T>& to) {
  if (!from.empty()) to.push_back(from[static_cast<size_t>(row)]);
}

}  // namespace

std::shared_ptr<const data::Dataset> aligned(std::shared_ptr<const data::Dataset> data,
                                             const OpenedRun& run) {
  if (same_tokens(data->users, *run.users) && same_tokens(data->items, *run.items)) return data;
  auto copy = std::make_shared<data::Dataset>();
  copy->name = data->name;
  copy->fingerprint = data->fingerprint;
  copy->content_fingerprint = data->content_fingerprint;
  copy->users = *run.users;
  copy->items = *run.items;
  const std::vector<Index> users = renumbering(data->users, *run.users);
  const std::vector<Index> items = renumbering(data->items, *run.items);
  int64_t kept = 0, left_out = 0;
  for (const data::Part part : data::all_parts) {
    const data::InteractionTable& from = data->part(part);
    data::InteractionTable& to = copy->parts[static_cast<size_t>(part)];
    for (int64_t r = 0; r < from.size(); ++r) {
      const Index user = users[static_cast<size_t>(from.user[r])];
      const Index item = items[static_cast<size_t>(from.item[r])];
      if (user < 0 || item < 0) {
        ++left_out;
        continue;
      }
      ++kept;
      to.user.push_back(user);
      to.item.push_back(item);
      push_if_present(from.rating, r, to.rating);
      push_if_present(from.label, r, to.label);
      push_if_present(from.time, r, to.time);
    }
  }
  if (kept == 0)
    throw Error(Exit::bad_data, data->name,
                "shares no user and item with the run; is it another dataset?");
  if (left_out > 0)
    log::warning(cat(with_commas(left_out), " interactions of ", data->name,
                     " have a person or an item that the run does not know; they are left out"));
  return copy;
}

}  // namespace kindred::run
