#pragma once
// People and items that a run does not know, added to it for one command.

#include <span>
#include <string>
#include <vector>

#include "run/run_folder.h"

namespace kindred::run {

/// An item that came after a run was trained.
struct NewItem {
  std::string token, title;
};

/// Items of a tab-separated file with a header: `item:token` (or `item_id:token`) and, where there
/// is one, `title:token_seq`; other columns are not read. Throws `missing`, or `bad_data` naming
/// the line: no item column, an item twice, an empty token, another number of fields.
std::vector<NewItem> read_new_items(const fs::path& path);

/// What came to a run; those it knows already are not counted.
struct Arrivals {
  data::Index users = 0, items = 0;
};

/// Gives people and items that the run does not know the numbers after those it knows, and extends
/// its recommender (model::Extended): people are served by their history, items are cold.
Arrivals extend(OpenedRun& run, std::span<const std::string> users, std::span<const NewItem> items);

}  // namespace kindred::run
