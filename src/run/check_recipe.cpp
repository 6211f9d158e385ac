#include "run/check_recipe.h"

#include "core/error.h"
#include "core/strings.h"
#include "eval/evaluate.h"
#include "eval/metrics/expression.h"
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

/// Expressions that select epochs and cannot be read: otherwise found at the first validation.
std::vector<std::string> selection_problems(const model::Method& method) {
  std::vector<std::string> problems;
  const Json stages = method.resolved_stages();
  for (const auto& [stage, options] : stages.items()) {
    const std::string select = options.value("select", "");
    if (select.empty() || select == "loss") continue;
    try {
      eval::MetricExpression::parse(select);
    } catch (const Error& error) {
      for (const std::string& line : error.lines())
        problems.push_back(cat("stages.", stage, ".select: ", line));
    }
  }
  return problems;
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
    for (std::string& problem : selection_problems(*entry->create(context)))
      problems.push_back(std::move(problem));
  } catch (const Error&) {
    // It asks for data that this dataset lacks, such as texts: the real one will tell.
  }
  return problems;
}

}  // namespace kindred::run
