#include "model/method.h"

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::model {
namespace {

void report(const MethodContext& context, std::vector<std::string> problems) {
  if (problems.empty()) return;
  if (!context.problems) throw_option_problems(std::move(problems));
  context.problems->insert(context.problems->end(), problems.begin(), problems.end());
}

}  // namespace

TrainOptions stage_options(const MethodContext& context, const std::string& stage,
                           TrainOptions defaults) {
  std::vector<std::string> problems;
  const auto apply = [&](const Json& section, const std::string& where) {
    OptionReader reader(section, where, problems);
    defaults.visit(reader);
    reader.finish();
  };
  if (context.train.is_object() && !context.train.empty()) apply(context.train, "train");
  if (context.stages.is_object() && context.stages.contains(stage))
    apply(context.stages[stage], "stages." + stage);
  if (defaults.warmup_from && defaults.warmup_steps == 0)
    problems.push_back(cat("stages.", stage, ".warmup_from: got ", *defaults.warmup_from,
                           ", but there is no warm-up; set warmup_steps"));
  // `train` is read once a stage: its mistakes are said once.
  std::sort(problems.begin(), problems.end());
  if (context.problems)
    std::erase_if(problems, [&](const std::string& line) {
      return std::find(context.problems->begin(), context.problems->end(), line) !=
             context.problems->end();
    });
  report(context, std::move(problems));
  return defaults;
}

Json without(Json object, std::span<const char* const> keys) {
  for (const char* key : keys) object.erase(key);
  return object;
}

void check_stage_names(const MethodContext& context, const std::vector<std::string>& known) {
  if (context.stages.is_null()) return;
  if (!context.stages.is_object()) {
    report(context, {cat("stages: got ", context.stages.type_name(), ", expected a mapping")});
    return;
  }
  std::vector<std::string> problems;
  for (const auto& [name, value] : context.stages.items()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    problems.push_back(cat("stages: got unknown stage '", name, "'", suggestion(name, known),
                           ", expected ",
                           known.empty() ? "none (this method is solved in closed form)"
                                         : "one of: " + join(known, ", ")));
  }
  report(context, std::move(problems));
}

}  // namespace kindred::model
