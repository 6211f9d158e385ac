#include "run/check_recipe.h"

#include "core/error.h"
#include "eval/evaluate.h"
#include "methods/catalog.h"

namespace kindred::run {
namespace {

/// Two people and two items: enough for a method to be made from and to read its options.
std::shared_ptr<const data::Dataset> smallest_dataset() {
  auto data = std::make_shared<data::Dataset>();
  data->name = "nothing";
  for (const char* token : {"a", "b"}) {
    data->users.add(token);
    data->items.add(token);
  }
  for (const data::Part part : data::all_parts) {
    data::InteractionTable& table = data->parts[static_cast<size_t>(part)];
    table.user = {0, 1};
    table.item =
        part == data::Part::train ? std::vector<data::Index>{0, 1} : std::vector<data::Index>{1, 0};
    table.rating = {5, 5};
  }
  return data;
}

}  // namespace

std::vector<std::string> method_problems(const Recipe& recipe) {
  std::vector<std::string> problems;
  const auto append = [&](const Error& error) {
    problems.insert(problems.end(), error.lines().begin(), error.lines().end());
  };
  try {
    eval::check_options(recipe.evaluation);
  } catch (const Error& error) {
    append(error);
  }
  if (recipe.method.empty()) return problems;
  const model::CatalogEntry* entry = nullptr;
  try {
    entry = &methods::find(recipe.method);
  } catch (const Error& error) {
    append(error);
    return problems;
  }
  model::MethodContext context;
  context.data = smallest_dataset();
  context.options = recipe.method_options;
  context.stages = recipe.stages;
  context.train = recipe.train;
  context.problems = &problems;
  try {
    entry->create(context);
  } catch (const Error&) {
    // It asks for data that this dataset lacks, such as texts: the real one will tell.
  }
  return problems;
}

}  // namespace kindred::run
