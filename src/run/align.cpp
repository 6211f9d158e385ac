#include "run/align.h"

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"
#include "run/arrivals.h"

namespace kindred::run {
namespace {

using data::Index;

bool same_tokens(const data::IdMap& a, const data::IdMap& b) {
  return std::equal(a.tokens().begin(), a.tokens().end(), b.tokens().begin(), b.tokens().end());
}

/// The new number of each old one; all are known to `to`.
std::vector<Index> renumbering(const data::IdMap& from, const data::IdMap& to) {
  std::vector<Index> numbers;
  for (const std::string& token : from.tokens()) numbers.push_back(to.find(token).value());
  return numbers;
}

/// Extends the run by what it does not know of the dataset, and says so.
void take_arrivals(const data::Dataset& data, OpenedRun& run) {
  const auto known = [&](const std::string& token) { return run.items->find(token).has_value(); };
  if (std::ranges::none_of(data.items.tokens(), known))
    throw Error(Exit::bad_data, data.name, "shares no item with the run; is it another dataset?");
  std::vector<NewItem> items;
  for (Index item = 0; item < data.item_count(); ++item)
    if (!known(data.items.token(item))) items.push_back({data.items.token(item), data.title(item)});
  const Arrivals arrivals = extend(run, data.users.tokens(), items);
  if (arrivals.users > 0)
    log::info(cat(with_commas(arrivals.users), " people of ", data.name,
                  " came after the run was trained; they are served by their history"));
  if (arrivals.items > 0)
    log::info(cat(with_commas(arrivals.items), " items of ", data.name,
                  " came after the run was trained; nothing is known of them, so they rank last"));
}

}  // namespace

std::shared_ptr<const data::Dataset> aligned(std::shared_ptr<const data::Dataset> data,
                                             OpenedRun& run) {
  if (same_tokens(data->users, *run.users) && same_tokens(data->items, *run.items)) return data;
  take_arrivals(*data, run);
  auto copy = std::make_shared<data::Dataset>();
  copy->name = data->name;
  copy->fingerprint = data->fingerprint;
  copy->content_fingerprint = data->content_fingerprint;
  copy->users = *run.users;
  copy->items = *run.items;
  const std::vector<Index> users = renumbering(data->users, *run.users);
  const std::vector<Index> items = renumbering(data->items, *run.items);
  for (const data::Part part : data::all_parts) {
    const data::InteractionTable& from = data->part(part);
    data::InteractionTable& to = copy->parts[static_cast<size_t>(part)];
    to = from;
    for (Index& user : to.user) user = users[static_cast<size_t>(user)];
    for (Index& item : to.item) item = items[static_cast<size_t>(item)];
  }
  return copy;
}

}  // namespace kindred::run
