#include "eval/metrics/report.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"
#include "eval/metrics/html.h"

namespace kindred::eval {

namespace {

constexpr size_t longest_list = 25;

std::string heading(const std::string& title) {
  return "<h2>" + html_escape(title) + "</h2>\n";
}

std::string tiles_html(const ReportData& data) {
  if (data.tiles.empty()) return "";
  std::string html = "<div class=\"tiles\">\n";
  for (const auto& [name, value] : data.tiles) {
    html += "<div class=\"tile\"><b>" + html_escape(value) + "</b><span>" + html_escape(name) +
            "</span></div>\n";
  }
  html += "</div>\n";
  if (data.tiles_caption.empty()) return html;
  return html + "<p class=\"note\" style=\"margin-top:8px\">" + html_escape(data.tiles_caption) +
         "</p>\n";
}

std::string facts_html(const ReportData& data) {
  if (data.facts.empty()) return "";
  std::string html = "<dl class=\"facts\">\n";
  for (const auto& [name, value] : data.facts) {
    html += "<dt>" + html_escape(name) + "</dt><dd>" + html_escape(value) + "</dd>\n";
  }
  return html + "</dl>\n";
}

std::string section_html(const ReportSection& section) {
  std::string html = heading(section.title);
  if (!section.text.empty()) html += "<p>" + html_escape(section.text) + "</p>\n";
  if (!section.charts.empty()) {
    html += "<div class=\"charts\">\n";
    for (const Chart& chart : section.charts) html += to_html(chart);
    html += "</div>\n";
  }
  for (const Table& table : section.tables) {
    if (!table.rows.empty()) html += to_html(table);
  }
  return html;
}

std::string item_html(const ReportItem& item) {
  std::string html = item.hit ? "<li class=\"hit\">" : "<li>";
  html += html_escape(item.title.empty() ? item.token : item.title);
  std::string small;
  if (!item.title.empty() && item.title != item.token) small += item.token;
  if (std::isfinite(item.score)) small += (small.empty() ? "" : ", ") + number(item.score, 4);
  if (!small.empty()) html += " <small>" + html_escape(small) + "</small>";
  return html + "</li>\n";
}

std::string list_html(const std::string& title, const std::vector<ReportItem>& items,
                      bool ordered) {
  std::string html = "<div><h4>" + html_escape(title) + "</h4>\n";
  if (items.empty()) return html + "<p class=\"empty\">none</p></div>\n";
  const size_t hidden = items.size() > longest_list ? items.size() - longest_list : 0;
  // A ranking keeps its head, a history its most recent items.
  const size_t begin = ordered ? 0 : hidden;
  html += ordered ? "<ol>\n" : "<ul>\n";
  for (size_t i = begin; i < begin + items.size() - hidden; ++i) html += item_html(items[i]);
  if (hidden > 0) {
    html += cat("<li class=\"empty\">", hidden, ordered ? " more" : " earlier", "</li>\n");
  }
  return html + (ordered ? "</ol></div>\n" : "</ul></div>\n");
}

std::string user_html(const ReportUser& user) {
  std::string html = "<div class=\"card person\">\n<h3>User " + html_escape(user.token) + "</h3>\n";
  if (!user.about.empty()) html += "<p class=\"about\">" + html_escape(user.about) + "</p>\n";
  html += "<div class=\"lists\">\n" + list_html("History", user.history, false) +
          list_html("Recommended", user.recommended, true) +
          list_html("Held out", user.held_out, false);
  return html + "</div>\n</div>\n";
}

std::string users_html(const ReportData& data) {
  if (data.users.empty()) return "";
  std::string html = heading("Example users");
  if (!data.users_caption.empty())
    html += "<p class=\"note\">" + html_escape(data.users_caption) + "</p>\n";
  for (const ReportUser& user : data.users) html += user_html(user);
  return html;
}

// The definition line of a metric, or nothing for a name we do not know (a file of another
// version).
std::string definition(const std::string& name) {
  try {
    return metric_info(parse_metric(name).kind).definition;
  } catch (const Error&) {
    return "";
  }
}

}  // namespace

std::string report_html(const ReportData& data) {
  std::string body = "<h1>" + html_escape(data.title) + "</h1>\n";
  body += "<p class=\"subtitle\">" + html_escape(data.subtitle) + "</p>\n";
  body += tiles_html(data) + facts_html(data);
  for (const ReportSection& section : data.sections) body += section_html(section);
  body += users_html(data);
  if (!data.config.empty()) {
    body += heading("Recipe") +
            "<details class=\"card\"><summary>Resolved configuration</summary>\n<pre>" +
            html_escape(data.config) + "</pre></details>\n";
  }
  return html_page(data.title, body);
}

void write_report(const std::filesystem::path& path, const ReportData& data) {
  write_file(path, report_html(data));
}

Table metrics_table(const MetricsFile& metrics) {
  Table table;
  table.title = "Metrics";
  table.columns = {{"metric", false}, {"validation", true}, {"test", true}, {"definition", false}};
  const auto shown = [](const NamedValues& values, const std::string& name) {
    for (const NamedValue& value : values) {
      if (value.name == name) return display_value(value.value);
    }
    return std::string("\xE2\x80\x93");  // a dash: this part was not evaluated
  };
  const NamedValues& first = metrics.test.empty() ? metrics.valid : metrics.test;
  std::vector<std::string> names;
  for (const NamedValue& value : first) names.push_back(value.name);
  for (const NamedValue& value : metrics.valid) {
    if (std::ranges::find(names, value.name) == names.end()) names.push_back(value.name);
  }
  for (const std::string& name : names) {
    table.rows.push_back(
        {name, shown(metrics.valid, name), shown(metrics.test, name), definition(name)});
  }
  table.caption = "Protocol: " + describe(metrics.protocol) + ".";
  return table;
}

Table groups_table(const MetricsFile& metrics) {
  Table table;
  if (metrics.groups.empty()) return table;
  table.title = "By group";
  table.columns = {{"group", false}, {"users", true}};
  for (const NamedValue& value : metrics.groups.front().values)
    table.columns.emplace_back(value.name, true);
  for (const GroupValues& group : metrics.groups) {
    std::vector<Cell> row{group.name, with_commas(group.users)};
    for (const NamedValue& value : metrics.groups.front().values) {
      row.emplace_back(display_value(value_of(group.values, value.name)));
    }
    table.rows.push_back(std::move(row));
  }
  table.caption =
      "Test part; " + describe(metrics.protocol) +
      ". In a group of items only its items count as relevant, over the users who have any.";
  return table;
}

std::vector<std::pair<std::string, std::string>> metric_tiles(const MetricsFile& metrics,
                                                              size_t most) {
  std::vector<std::pair<std::string, std::string>> tiles;
  const bool tested = !metrics.test.empty();
  for (const NamedValue& value : tested ? metrics.test : metrics.valid) {
    if (tiles.size() == most) break;
    tiles.emplace_back(value.name + (tested ? "" : " (validation)"), display_value(value.value));
  }
  return tiles;
}

}  // namespace kindred::eval
