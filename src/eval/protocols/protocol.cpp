#include "eval/protocols/protocol.h"

#include "core/error.h"
#include "core/strings.h"
#include "eval/metrics/ties.h"

namespace kindred::eval {

using data::Part;

std::vector<Metric> Setting::metrics() const {
  return request.metrics.empty() ? parse_metrics(options.metrics) : request.metrics;
}

std::vector<Group> Setting::groups(const std::vector<Index>& users) const {
  std::vector<GroupSpec> specs;
  for (const std::string& text : options.groups) specs.push_back(parse_group(text));
  if (specs.empty()) return {};
  const data::Csr train = data.by_user(Part::train);
  const data::InteractionTable& table = data.part(Part::train);
  std::vector<int64_t> user_counts, user_rows(static_cast<size_t>(data.user_count())),
      item_rows(static_cast<size_t>(data.item_count())), judged_rows;
  for (int64_t r = 0; r < table.size(); ++r) {
    ++user_rows[static_cast<size_t>(table.user[r])];
    ++item_rows[static_cast<size_t>(table.item[r])];
  }
  for (const Index user : users) {
    user_counts.push_back(static_cast<int64_t>(train.row(user).size()));
    judged_rows.push_back(user_rows[static_cast<size_t>(user)]);
  }
  const std::vector<int64_t> item_counts = data.item_popularity();
  std::vector<uint32_t> ties;
  if (need_item_ties(specs)) ties = tie_ranks(data.items.tokens());
  return make_groups(specs, {.users = user_counts,
                             .items = item_counts,
                             .user_rows = judged_rows,
                             .item_rows = item_rows,
                             .item_ties = ties});
}

People Setting::people() const {
  People people(data, options, request.part);
  people.sample(request.sample_users, options.seed);
  if (people.users().empty())
    throw Error(Exit::bad_data, data.name,
                cat("the ", data::part_name(request.part), " part holds no item to find"));
  return people;
}

void Setting::check_stop() const {
  if (request.stop.stop_requested()) throw Error(Exit::interrupted, "evaluation", "stopped");
}

}  // namespace kindred::eval
