#pragma once
// report.html: one self-contained page about a run, or about several.

#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "eval/metrics/chart.h"
#include "eval/metrics/metrics_file.h"
#include "eval/metrics/table.h"

namespace kindred::eval {

/// An item as people see it.
struct ReportItem {
  std::string token;
  std::string title;  ///< the token again where there is no title
  double score = std::numeric_limits<double>::quiet_NaN();
  bool hit = false;  ///< among the held-out items of this user
};

/// A person to look at: what it had (oldest first), what it was recommended (best first), what was
/// held out. Lists are cut at 25 items, saying how many are not shown.
struct ReportUser {
  std::string token;
  std::string about;  ///< a line about the person, often empty
  std::vector<ReportItem> history;
  std::vector<ReportItem> recommended;
  std::vector<ReportItem> held_out;
};

/// A heading with charts and tables under it; empty parts are left out.
struct ReportSection {
  std::string title;
  std::string text;
  std::vector<Chart> charts;
  std::vector<Table> tables;
};

/// Everything on the page. All strings are plain text.
struct ReportData {
  std::string title;     ///< "CLLM4Rec on Musical Instruments"
  std::string subtitle;  ///< run folder, date, version
  std::vector<std::pair<std::string, std::string>>
      tiles;                  ///< headline figures: ("recall@20", "0.172")
  std::string tiles_caption;  ///< the protocol of the tiles
  std::vector<std::pair<std::string, std::string>> facts;  ///< ("users", "1,312")
  std::vector<ReportSection> sections;
  std::vector<ReportUser> users;
  std::string users_caption;
  std::string config;  ///< the resolved recipe, shown folded
};

/// The page as one string.
std::string report_html(const ReportData& data);
/// Writes the page atomically. Throws `io`.
void write_report(const std::filesystem::path& path, const ReportData& data);

/// The metrics of a run: one row a metric, validation and test side by side, each metric's
/// definition, the protocol as caption.
Table metrics_table(const MetricsFile& metrics);
/// Metrics by group: one row a group; an empty table where there is none.
Table groups_table(const MetricsFile& metrics);
/// The headline figures for ReportData::tiles: the test metrics (validation where there is no
/// test), first `most` of them.
std::vector<std::pair<std::string, std::string>> metric_tiles(const MetricsFile& metrics,
                                                              size_t most = 6);

}  // namespace kindred::eval
