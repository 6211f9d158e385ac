#include "eval/metrics/comparison_tables.h"

#include <cmath>

#include "core/strings.h"

namespace kindred::eval {

namespace {

constexpr const char* plus_minus = " \xC2\xB1 ";

std::string signed_value(double value) {
  const std::string text = display_value(value);
  return value > 0 && text != "n/a" && text.find_first_not_of("0.") != std::string::npos
             ? "+" + text
             : text;
}

std::string interval_text(const Interval& interval) {
  if (std::isnan(interval.low)) return "n/a";
  return "[" + signed_value(interval.low) + ", " + signed_value(interval.high) + "]";
}

std::string p_text(double p) {
  if (std::isnan(p)) return "n/a";
  return p < 0.0001 ? "<0.0001" : display_value(p);
}

Mark mark_of(Verdict verdict) {
  if (verdict == Verdict::better) return Mark::better;
  return verdict == Verdict::worse ? Mark::worse : Mark::none;
}

// The row with the best mean of a column, or -1 when none is defined.
ptrdiff_t best_row(const ComparisonReport& report, size_t metric) {
  const double sign = metric_info(report.metrics[metric].kind).higher_is_better ? 1 : -1;
  ptrdiff_t best = -1;
  for (size_t r = 0; r < report.rows.size(); ++r) {
    const double mean = report.rows[r].cells[metric].mean;
    if (std::isnan(mean)) continue;
    if (best < 0 ||
        mean * sign > report.rows[static_cast<size_t>(best)].cells[metric].mean * sign) {
      best = static_cast<ptrdiff_t>(r);
    }
  }
  return best;
}

Cell summary_cell(const RowSummary& row, size_t metric, bool best) {
  const CellSummary& cell = row.cells[metric];
  std::string text = display_value(cell.mean);
  if (!std::isnan(cell.mean) && !std::isnan(cell.standard_error)) {
    text += plus_minus + display_value(cell.standard_error) + (cell.over_runs ? "" : " u");
  }
  const Mark mark = row.comparisons.empty() ? Mark::none : mark_of(row.comparisons[metric].verdict);
  return {text, mark, best};
}

std::string summary_caption(const ComparisonReport& report, const CompareSettings& settings) {
  std::string text = "Protocol: " + describe(report.protocol) + ". Mean" + plus_minus +
                     "standard error over runs (u: over users, where there is one run).";
  if (report.correction.empty()) return text;
  text += cat(" Arrows: better or worse than ", report.reference,
              ", the corrected interval of the difference excludes 0. ", report.correction,
              ". \"Equal\" means that the corrected interval lies inside ", "\xC2\xB1",
              number(settings.bootstrap.equality_margin), ".");
  return text;
}

Json or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json interval_json(const Interval& interval) {
  return Json::array({or_null(interval.low), or_null(interval.high)});
}

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::better:
      return "better";
    case Verdict::worse:
      return "worse";
    case Verdict::not_shown:
      return "not shown";
    default:
      return "n/a";
  }
}

Json comparison_json(const Comparison& comparison) {
  return {{"users", comparison.users},
          {"difference", or_null(comparison.difference)},
          {"standard_error", or_null(comparison.standard_error)},
          {"interval", interval_json(comparison.interval)},
          {"corrected_interval", interval_json(comparison.corrected)},
          {"p", or_null(comparison.p)},
          {"p_holm", or_null(comparison.p_holm)},
          {"p_t", or_null(comparison.p_t)},
          {"p_sign", or_null(comparison.p_sign)},
          {"detectable_difference", or_null(comparison.detectable)},
          {"verdict", verdict_name(comparison.verdict)},
          {"equal", comparison.equal}};
}

}  // namespace

std::string verdict_text(const Comparison& comparison, const BootstrapOptions& options) {
  std::string text = verdict_name(comparison.verdict);
  if (!comparison.equal) return text;
  const std::string equal = cat("equal within ", number(options.equality_margin));
  return comparison.verdict == Verdict::not_shown ? equal : text + ", " + equal;
}

Table summary_table(const ComparisonReport& report, const CompareSettings& settings) {
  Table table;
  table.title = settings.title;
  table.columns = {{"run", false}, {"runs", true}};
  for (const Metric& metric : report.metrics) table.columns.push_back({metric_name(metric), true});
  for (size_t r = 0; r < report.rows.size(); ++r) {
    const RowSummary& row = report.rows[r];
    std::vector<Cell> cells{row.label, std::to_string(row.runs)};
    if (row.splits > 1) cells[1].text += cat(" (", row.splits, " splits)");
    for (size_t m = 0; m < report.metrics.size(); ++m) {
      const bool best = report.rows.size() > 1 && best_row(report, m) == static_cast<ptrdiff_t>(r);
      cells.push_back(summary_cell(row, m, best));
    }
    table.rows.push_back(std::move(cells));
  }
  table.caption = summary_caption(report, settings);
  return table;
}

Table differences_table(const ComparisonReport& report, const CompareSettings& settings) {
  Table table;
  const double percent = 100 * settings.bootstrap.confidence;
  table.title = "Differences from " + report.reference;
  table.columns = {{"run", false},
                   {"metric", false},
                   {"verdict", false},
                   {"difference", true},
                   {"corrected interval", true},
                   {number(percent, 4) + "% interval", true},
                   {"detectable", true},
                   {"p (Holm)", true},
                   {"p (t)", true},
                   {"p (sign)", true},
                   {"users", true}};
  for (const RowSummary& row : report.rows) {
    for (const Comparison& c : row.comparisons) {
      if (c.metric.kind == MetricKind::coverage) continue;  // has no value a user to pair
      table.rows.push_back({row.label, metric_name(c.metric),
                            Cell(verdict_text(c, settings.bootstrap), mark_of(c.verdict), false),
                            signed_value(c.difference), interval_text(c.corrected),
                            interval_text(c.interval), display_value(c.detectable),
                            p_text(c.p_holm), p_text(c.p_t), p_text(c.p_sign),
                            with_commas(c.users)});
    }
  }
  table.caption =
      cat("Protocol: ", describe(report.protocol), ". ", report.correction,
          report.correction.empty() ? "" : ". ",
          "The corrected interval decides. t and sign tests are uncorrected. Detectable: the "
          "smallest true difference that would be found with 80% power at the corrected level. "
          "Users are counted once a split.");
  return table;
}

Json to_json(const ComparisonReport& report) {
  Json rows = Json::array();
  for (const RowSummary& row : report.rows) {
    Json metrics = Json::object(), comparisons = Json::object();
    for (size_t m = 0; m < report.metrics.size(); ++m) {
      const CellSummary& cell = row.cells[m];
      metrics[metric_name(report.metrics[m])] = {{"mean", or_null(cell.mean)},
                                                 {"standard_error", or_null(cell.standard_error)},
                                                 {"over", cell.over_runs ? "runs" : "users"},
                                                 {"interval", interval_json(cell.interval)}};
      if (!row.comparisons.empty()) {
        comparisons[metric_name(report.metrics[m])] = comparison_json(row.comparisons[m]);
      }
    }
    rows.push_back({{"label", row.label},
                    {"runs", row.runs},
                    {"splits", row.splits},
                    {"metrics", metrics},
                    {"comparisons", comparisons}});
  }
  return {{"schema", 1},
          {"protocol", to_json(report.protocol)},
          {"reference", report.reference.empty() ? Json(nullptr) : Json(report.reference)},
          {"correction", report.correction.empty() ? Json(nullptr) : Json(report.correction)},
          {"rows", rows}};
}

}  // namespace kindred::eval
