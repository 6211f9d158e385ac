#include "run/run_report.h"

#include <algorithm>
#include <array>
#include <map>

#include "core/random.h"
#include "core/strings.h"
#include "core/yaml.h"
#include "data/histories.h"
#include "eval/metrics/report.h"

namespace kindred::run {
namespace {

using data::Index;

/// Numbers of log records by (stage, name), in order of writing.
struct Curves {
  std::map<std::string, std::map<std::string, eval::Series>> by_stage;

  void add(const std::string& stage, const std::string& name, double x, double y) {
    eval::Series& series = by_stage[stage][name];
    series.name = name;
    series.x.push_back(x);
    series.y.push_back(y);
  }
};

void add_losses(const Json& record, Curves& losses) {
  const std::string stage = record.value("stage", "");
  const double step = record.value("step", 0.0);
  const std::string objective = record.value("objective", "loss");
  if (record.contains("loss") && record["loss"].is_number())
    losses.add(stage, objective, step, record["loss"].get<double>());
}

void add_validation(const Json& record, Curves& metrics) {
  if (!record.contains("valid") || !record["valid"].is_object()) return;
  const std::string stage = record.value("stage", "");
  for (const auto& [name, value] : record["valid"].items())
    if (value.is_number())
      metrics.add(stage, name, record.value("epoch", 0.0), value.get<double>());
}

std::vector<eval::ReportSection> curve_sections(const RunFolder& folder) {
  Curves losses, metrics;
  for (const Json& record : read_log(folder.log())) {
    add_losses(record, losses);
    add_validation(record, metrics);
  }
  std::vector<eval::ReportSection> sections;
  for (const auto& [stage, series] : losses.by_stage) {
    eval::ReportSection section{"Stage " + stage, "", {}, {}};
    eval::Chart chart;
    chart.title = "Loss";
    chart.x_label = "optimiser step";
    chart.y_label = "loss";
    for (const auto& [name, one] : series) chart.series.push_back(one);
    section.charts.push_back(std::move(chart));
    if (metrics.by_stage.contains(stage)) {
      eval::Chart validation;
      validation.title = "Validation";
      validation.x_label = "epoch";
      validation.best = 1;
      for (const auto& [name, one] : metrics.by_stage[stage]) validation.series.push_back(one);
      section.charts.push_back(std::move(validation));
    }
    sections.push_back(std::move(section));
  }
  return sections;
}

eval::ReportItem item_of(const data::Dataset& data, Index item) {
  return {data.items.token(item), data.title(item)};
}

eval::ReportUser user_of(const data::Dataset& data, const data::Csr& train,
                         const eval::RankedList& list) {
  eval::ReportUser user;
  user.token = data.users.token(list.user);
  if (const data::TextColumn* about = data.user_text("text")) user.about = about->get(list.user);
  const auto history = train.row(list.user);
  for (size_t i = history.size() > 10 ? history.size() - 10 : 0; i < history.size(); ++i)
    user.history.push_back(item_of(data, history[i]));
  for (size_t r = 0; r < list.items.size() && r < 10; ++r) {
    eval::ReportItem item = item_of(data, list.items[r]);
    item.score = list.scores[r];
    item.hit =
        std::find(list.relevant.begin(), list.relevant.end(), list.items[r]) != list.relevant.end();
    user.recommended.push_back(std::move(item));
  }
  for (const Index item : list.relevant) {
    user.held_out.push_back(item_of(data, item));
    const auto end = list.items.begin() + std::min<size_t>(10, list.items.size());
    user.held_out.back().hit = std::find(list.items.begin(), end, item) != end;
  }
  return user;
}

/// Ten users by a fixed draw: not the best, not the worst.
std::vector<eval::ReportUser> example_users(const data::Dataset& data,
                                            const std::optional<Judged>& test) {
  std::vector<eval::ReportUser> users;
  if (!test || test->lists.empty()) return users;
  const data::Csr train = data::histories(data, std::array{data::Part::train}).items;
  Random random(1, "report.users");
  for (const uint64_t place :
       random.sample(test->lists.size(), std::min<size_t>(10, test->lists.size())))
    users.push_back(user_of(data, train, test->lists[place]));
  return users;
}

/// What the report's numbers are, or why there are none.
std::string measured_on(const eval::MetricsFile& metrics) {
  if (metrics.final_run)
    return "trained on everything, for use: nothing is held out, nothing was judged";
  if (metrics.valid.empty() && metrics.test.empty()) return "no part holds anything to judge";
  return cat(metrics.test.empty() ? "validation, " : "test, ", eval::describe(metrics.protocol));
}

}  // namespace

void write_run_report(const RunFolder& folder, const Json& config, const data::Dataset& data,
                      const std::optional<Judged>& test, const eval::MetricsFile& metrics) {
  eval::ReportData report;
  report.title = config.value("method", "") + " on " + data.name;
  report.subtitle = "recipe " + config.value("recipe", "") + ", " + folder.root.filename().string();
  report.tiles = eval::metric_tiles(metrics);
  report.tiles_caption = measured_on(metrics);
  report.facts = {{"users", with_commas(data.user_count())},
                  {"items", with_commas(data.item_count())}};
  for (const data::Part part : data::all_parts)
    report.facts.push_back({std::string(data::part_name(part)) + " interactions",
                            with_commas(data.part(part).size())});
  eval::ReportSection measured{"Metrics", measured_on(metrics), {}, {}};
  if (!report.tiles.empty()) measured = {"Metrics", "", {}, {eval::metrics_table(metrics)}};
  const eval::Table groups = eval::groups_table(metrics);
  if (!groups.rows.empty()) measured.tables.push_back(groups);
  report.sections.push_back(std::move(measured));
  for (eval::ReportSection& section : curve_sections(folder))
    report.sections.push_back(std::move(section));
  report.users = example_users(data, test);
  report.users_caption = "Ten users drawn at random; the last ten training items of each.";
  report.config = to_yaml(config);
  eval::write_report(folder.report(), report);
}

}  // namespace kindred::run
