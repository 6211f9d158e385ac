#include "run/arrivals.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/strings.h"
#include "model/extended.h"

namespace kindred::run {
namespace {

/// The place of a column in a header of name:type fields; -1 where it is not there.
int column_of(const std::vector<std::string>& header, std::span<const char* const> names) {
  for (size_t i = 0; i < header.size(); ++i) {
    const std::string name = header[i].substr(0, header[i].find(':'));
    if (std::ranges::any_of(names, [&](const char* known) { return name == known; }))
      return static_cast<int>(i);
  }
  return -1;
}

std::vector<std::string> fields_of(std::string line) {
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return split(line, '\t');
}

}  // namespace

std::vector<NewItem> read_new_items(const fs::path& path) {
  static constexpr const char* item_names[] = {"item", "item_id"};
  static constexpr const char* title_names[] = {"title"};
  if (!fs::exists(path)) throw Error(Exit::missing, path.string(), "there is no such file");
  const std::vector<std::string> lines = split(read_file(path), '\n');
  const std::vector<std::string> header = fields_of(lines.empty() ? "" : lines[0]);
  const int item = column_of(header, item_names), title = column_of(header, title_names);
  if (item < 0)
    throw Error(
        Exit::bad_data, path.string() + ":1",
        cat("got '", lines.empty() ? "" : lines[0],
            "', expected a header with item:token, such as item:token<tab>title:token_seq"));
  std::vector<NewItem> items;
  std::set<std::string> met;
  for (size_t n = 1; n < lines.size(); ++n) {
    const std::vector<std::string> fields = fields_of(lines[n]);
    if (trim(lines[n]).empty()) continue;
    const std::string where = cat(path.string(), ":", n + 1);
    if (fields.size() != header.size())
      throw Error(Exit::bad_data, where,
                  cat("got ", fields.size(), " fields, expected ", header.size()));
    const std::string& token = fields[static_cast<size_t>(item)];
    if (token.empty()) throw Error(Exit::bad_data, where, "got no item token");
    if (!met.insert(token).second)
      throw Error(Exit::bad_data, where, cat("item '", token, "' stands in the file twice"));
    items.push_back({token, title < 0 ? "" : fields[static_cast<size_t>(title)]});
  }
  return items;
}

Arrivals extend(OpenedRun& run, std::span<const std::string> users,
                std::span<const NewItem> items) {
  const data::Index known_users = run.users->size(), known_items = run.items->size();
  for (const std::string& user : users) run.users->add(user);
  for (const NewItem& item : items) {
    if (run.items->find(item.token)) continue;
    run.items->add(item.token);
    run.titles.push_back(item.title.empty() ? item.token : item.title);
  }
  const auto people = static_cast<size_t>(run.users->size());
  run.train.resize(people);
  run.history.resize(people);
  run.known.resize(people);
  run.training_counts.resize(static_cast<size_t>(run.items->size()), 0);
  const Arrivals arrivals{run.users->size() - known_users, run.items->size() - known_items};
  if (arrivals.users + arrivals.items > 0)
    run.recommender =
        std::make_shared<model::Extended>(run.recommender, known_users, run.items->size());
  return arrivals;
}

}  // namespace kindred::run
