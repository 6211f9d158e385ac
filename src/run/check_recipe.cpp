#include "run/check_recipe.h"

#include "core/error.h"
#include "core/strings.h"
#include "eval/evaluate.h"
#include "eval/metrics/expression.h"
#include "methods/catalog.h"
#include "run/run_folder.h"

namespace kindred::run {
namespace {

/// The section of a part: a small recipe of its own, or where the part is taken from.
struct PartSection {
  Recipe recipe;  // begins as what the whole recipe says
  std::string from, users, items;

  template <class V>
  void visit(V& v) {
    v("from", from, "run folder or recipe that the part is taken from");
    v("users", users, "file of user vectors, by token");
    v("items", items, "file of item vectors, by token");
    v("method", recipe.method, "recommender, one of `kindred list recommenders`");
    if (!recipe.method.empty())
      v(recipe.method.c_str(), recipe.method_options, "the recommender's own options");
    recipe.visit_parts(v);
    v("backbone", recipe.backbone, "the part's language model, where it is not the whole's");
    v("stages", recipe.stages, "training options by stage of the part");
    v("train", recipe.train, "training options of every stage of the part");
    v("evaluation", recipe.evaluation, "how the part is judged while it trains");
  }
};

void append(std::vector<std::string>& problems, const std::string& at, const Error& error) {
  for (const std::string& line : error.lines())
    problems.push_back(at.empty() ? line : cat(at, ": ", line));
}

/// Expressions that select epochs and cannot be read: otherwise found at the first validation.
void check_selections(const MethodPlan& plan, std::vector<std::string>& problems) {
  for (const auto& [stage, options] : plan.settings.stages.items()) {
    const std::string select = options.value("select", "");
    if (select.empty() || select == "loss") continue;
    try {
      eval::MetricExpression::parse(select);
    } catch (const Error& error) {
      append(problems, cat(plan.path, plan.path.empty() ? "" : ".", "stages.", stage, ".select"),
             error);
    }
  }
}

MethodPlan plan_part(const MethodPlan& whole, const std::string& path, const Json& section,
                     std::vector<std::string>& problems);

void plan_parts(MethodPlan& plan, std::vector<std::string>& problems) {
  for (const model::PartSlot& slot : plan.entry->parts) {
    const std::string at = plan.label(slot.name);
    const Json& given = plan.recipe.parts[slot.name];
    const auto least = static_cast<size_t>(slot.least);
    if (slot.many ? !given.is_array() || given.size() < least : given.is_null() && least > 0) {
      problems.push_back(cat(at, ": got ", given.is_null() ? "nothing" : given.dump(),
                             ", expected ",
                             slot.many ? cat("a list of at least ", least, " of ") : "", slot.help,
                             ", such as {method: ease} or {from: RUN}"));
      continue;
    }
    if (!slot.many && !given.is_null())
      plan.parts.emplace_back(slot.name, plan_part(plan, at, given, problems));
    for (size_t k = 0; slot.many && k < given.size(); ++k)
      plan.parts.emplace_back(slot.name, plan_part(plan, cat(at, ".", k), given[k], problems));
  }
}

/// Reads what a recommender that is made here needs; problems begin with the plan's path.
void plan_own(MethodPlan& plan, std::vector<std::string>& problems) {
  std::vector<std::string> own;
  try {
    plan.entry = &methods::find(plan.recipe.method);
    plan.stage_sources = take_sources(plan.recipe.stages, own);
    model::MethodContext context;
    context.options = plan.recipe.method_options;
    context.stages = plan.recipe.stages;
    context.train = plan.recipe.train;
    context.problems = &own;
    plan.settings = plan.entry->settings(context);
    eval::check_options(plan.recipe.evaluation);
  } catch (const Error& error) {
    append(own, "", error);
  }
  for (const std::string& line : own)
    problems.push_back(plan.path.empty() ? line : cat(plan.path, ": ", line));
  if (!plan.entry) return;
  check_selections(plan, problems);
  plan_parts(plan, problems);
}

/// A part taken from a finished run, or made by another recipe on the data of this one, with what
/// else its section says on top of that recipe.
void plan_taken(MethodPlan& plan, const MethodPlan& whole, Json section,
                std::vector<std::string>& problems) {
  const std::string from = section["from"];
  const fs::path source = find_source(from, whole.recipe.folder, plan.path + ".from");
  section.erase("from");
  if (RunFolder{source}.exists()) {
    plan.from = source.string();
    if (!section.empty())
      problems.push_back(cat(plan.path, ": got '", section.begin().key(),
                             "' beside `from`, and a finished run stays as it is; expected nothing "
                             "else"));
    return;
  }
  plan.recipe = load_recipe(source, {}, problems, section);
  plan.recipe.data = whole.recipe.data;
  plan.recipe.seed = whole.recipe.seed;
  plan.recipe.device = whole.recipe.device;
  plan.recipe.threads = whole.recipe.threads;
  if (!plan.recipe.method.empty()) plan_own(plan, problems);
}

/// One of the ways a part can be given: by name, from a run or recipe, from files of vectors.
bool one_source(const PartSection& part, const std::string& path,
                std::vector<std::string>& problems) {
  const bool vectors = !part.users.empty() || !part.items.empty();
  const int ways = !part.recipe.method.empty() + !part.from.empty() + vectors;
  if (ways == 1 && (!vectors || (!part.users.empty() && !part.items.empty()))) return true;
  const char* const got = ways == 0  ? "no source"
                          : ways > 1 ? "several sources"
                                     : "vectors of one side alone";
  problems.push_back(
      cat(path, ": got ", got,
          ", expected one of `method: NAME`, `from: RUN or RECIPE`, or `users: FILE` "
          "with `items: FILE`"));
  return false;
}

MethodPlan plan_part(const MethodPlan& whole, const std::string& path, const Json& section,
                     std::vector<std::string>& problems) {
  MethodPlan plan;
  plan.path = path;
  if (section.is_object() && section.contains("from") && section["from"].is_string() &&
      !section.contains("method") && !section.contains("users")) {
    plan_taken(plan, whole, section, problems);
    return plan;
  }
  PartSection part;
  part.recipe = whole.recipe;
  part.recipe.method.clear();
  part.recipe.method_options = part.recipe.stages = part.recipe.train = Json::object();
  part.recipe.parts.clear();
  part.recipe.part_methods.clear();
  if (section.is_object()) name_sections(section, part.recipe);
  // The options of a part's method may stand beside the part: `cf: {method: sasrec}`, `sasrec:
  // {…}`.
  if (const auto beside = whole.recipe.part_methods.find(part.recipe.method);
      beside != whole.recipe.part_methods.end())
    part.recipe.method_options = beside->second;
  OptionReader reader(section, path, problems);
  part.visit(reader);
  reader.finish();
  const bool one = section.is_object() && one_source(part, path, problems);
  plan.recipe = std::move(part.recipe);
  if (!one) return plan;
  plan.users = part.users;
  plan.items = part.items;
  if (!plan.recipe.method.empty()) plan_own(plan, problems);
  return plan;
}

/// The section of a part in config.yaml.
Json resolved_section(const MethodPlan& part) {
  if (!part.from.empty()) return {{"from", part.from}};
  if (!part.entry) return {{"users", part.users}, {"items", part.items}};
  PartSection section;
  section.recipe = part.resolved();
  Json json = write_options(section);
  for (const char* key : {"from", "users", "items"}) json.erase(key);
  return json;
}

}  // namespace

Recipe MethodPlan::resolved() const {
  Recipe all = recipe;
  all.method_options = settings.options;
  all.stages = settings.stages;
  for (const auto& [stage, source] : stage_sources) all.stages[stage]["from"] = source;
  all.train = Json::object();  // its values are in every stage now
  all.part_methods.clear();    // and these in the parts
  for (auto& [slot, section] : all.parts)
    if (section.is_array()) section = Json::array();
  for (const auto& [slot, part] : parts) {
    Json& section = all.parts[slot];
    if (section.is_array())
      section.push_back(resolved_section(part));
    else
      section = resolved_section(part);
  }
  return all;
}

MethodPlan plan_methods(const Recipe& recipe, std::vector<std::string>& problems) {
  MethodPlan plan;
  plan.recipe = recipe;
  if (!recipe.method.empty()) plan_own(plan, problems);
  return plan;
}

std::vector<OptionRow> describe_part() {
  return describe_options<PartSection>();
}

fs::path find_source(const std::string& from, const fs::path& beside, const std::string& where) {
  for (const fs::path& path : {fs::path(from), beside / from})
    if (fs::exists(path)) return path;
  throw Error(Exit::missing, where,
              cat("'", from, "' is neither a run folder nor a recipe, here or in ",
                  beside.empty() ? "." : beside.string()));
}

}  // namespace kindred::run
