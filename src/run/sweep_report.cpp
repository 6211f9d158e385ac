#include "run/sweep_report.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/strings.h"
#include "eval/metrics/report.h"

namespace kindred::run {
namespace {

/// Runs of one combination of values, over its seeds.
struct Point {
  std::vector<std::string> values;
  std::map<std::string, std::vector<double>> metrics;  ///< by name, a value a seed
};

std::vector<Point> points_of(const SweepOutcome& outcome) {
  std::vector<Point> points;
  for (const SweepRun& run : outcome.runs) {
    if (points.empty() || points.back().values != run.values) points.push_back({run.values, {}});
    for (const auto& [name, value] : run.metrics.at("test").items())
      if (value.is_number()) points.back().metrics[name].push_back(value.get<double>());
  }
  return points;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? NAN : sum / static_cast<double>(values.size());
}

double error_of(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const auto n = static_cast<double>(values.size());
  return std::sqrt(squares / (n - 1) / n);
}

std::vector<std::string> metric_names(const SweepOutcome& outcome) {
  std::vector<std::string> names;
  if (!outcome.runs.empty())
    for (const auto& [name, value] : outcome.runs.front().metrics.at("test").items())
      names.push_back(name);
  return names;
}

eval::Table table_of(const SweepOutcome& outcome) {
  eval::Table table;
  const std::vector<std::string> names = metric_names(outcome);
  for (const std::string& key : outcome.keys) table.columns.push_back({key, true});
  if (outcome.keys.empty()) table.columns.push_back({"recipe", false});
  table.columns.push_back({"seeds", true});
  for (const std::string& name : names) table.columns.push_back({name, true});
  for (const Point& point : points_of(outcome)) {
    std::vector<eval::Cell> row(point.values.begin(), point.values.end());
    if (outcome.keys.empty()) row.push_back(outcome.folder.filename().string());
    size_t seeds = 0;
    for (const auto& [name, values] : point.metrics) seeds = std::max(seeds, values.size());
    row.push_back(std::to_string(seeds));
    for (const std::string& name : names) {
      const auto found = point.metrics.find(name);
      if (found == point.metrics.end()) {
        row.push_back("n/a");
        continue;
      }
      std::string text = eval::display_value(mean_of(found->second));
      if (seeds > 1) text += " ± " + eval::display_value(error_of(found->second));
      row.push_back(text);
    }
    table.rows.push_back(std::move(row));
  }
  if (!outcome.runs.empty()) {
    const eval::MetricsFile first = eval::metrics_from_json(outcome.runs.front().metrics, "sweep");
    table.caption =
        "test, " + eval::describe(first.protocol) + "; mean ± standard error over seeds";
  }
  return table;
}

bool is_number(const std::string& text) {
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return !text.empty() && *end == 0;
}

std::vector<eval::Chart> curves_of(const SweepOutcome& outcome) {
  std::vector<eval::Chart> charts;
  const std::vector<Point> points = points_of(outcome);
  if (outcome.keys.size() != 1 || points.size() < 2) return charts;
  for (const Point& point : points)
    if (!is_number(point.values[0])) return charts;
  for (const std::string& name : metric_names(outcome)) {
    eval::Chart chart;
    chart.title = name;
    chart.x_label = outcome.keys[0];
    chart.points = true;
    chart.best = 1;
    eval::Series series{name, {}, {}, {}};
    for (const Point& point : points) {
      const auto found = point.metrics.find(name);
      if (found == point.metrics.end()) continue;
      series.x.push_back(std::stod(point.values[0]));
      series.y.push_back(mean_of(found->second));
      series.error.push_back(error_of(found->second));
    }
    const bool positive =
        !series.x.empty() && *std::min_element(series.x.begin(), series.x.end()) > 0;
    chart.log_x = positive && *std::max_element(series.x.begin(), series.x.end()) >=
                                  10 * *std::min_element(series.x.begin(), series.x.end());
    chart.series.push_back(std::move(series));
    charts.push_back(std::move(chart));
  }
  return charts;
}

}  // namespace

std::string sweep_table(const SweepOutcome& outcome, bool markdown) {
  const eval::Table table = table_of(outcome);
  return markdown ? eval::to_markdown(table) : eval::to_text(table);
}

void write_sweep_report(const SweepOutcome& outcome) {
  eval::ReportData report;
  report.title = "Sweep " + outcome.folder.filename().string();
  report.subtitle = join(outcome.keys, ", ");
  eval::ReportSection section{"Results", "", curves_of(outcome), {table_of(outcome)}};
  report.sections.push_back(std::move(section));
  eval::write_report(outcome.folder / "sweep.html", report);
}

}  // namespace kindred::run
