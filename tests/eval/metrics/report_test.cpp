// Tables, charts and the report page.
#include "eval/metrics/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <regex>
#include <set>

#include "core/strings.h"
#include "eval/metrics/html.h"

namespace kindred::eval {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const double nan = std::numeric_limits<double>::quiet_NaN();

Table small_table() {
  Table table;
  table.title = "Title";
  table.columns = {{"name", false}, {"value", true}};
  table.rows = {{"a|b", Cell("1.5", Mark::better, true)},
                {"\xE6\x98\x9F\xE6\x98\x9F"},
                {"c\nd", Cell("10", Mark::worse, false)}};
  table.caption = "Protocol: full.";
  return table;
}

TEST(Table, TerminalTextIsAlignedByDisplayedWidth) {
  EXPECT_EQ(to_text(small_table()),
            "Title\n"
            "name    value\n"
            "----  -------\n"
            "a|b   1.5 \xE2\x96\xB2 *\n"
            "\xE6\x98\x9F\xE6\x98\x9F\n"
            "c d      10 \xE2\x96\xBC\n"
            "Protocol: full.\n");
}

TEST(Table, ManyColumnsAreSetCloser) {
  Table table = small_table();
  EXPECT_THAT(to_html(table), Not(HasSubstr("wide")));
  for (int c = 0; c < 8; ++c) table.columns.push_back({"truncated-recall@20", true});
  EXPECT_THAT(to_html(table), HasSubstr("<table class=\"wide\">"));
}

TEST(Chart, NoTwoOfNineSeriesLookAlike) {
  Chart chart;
  for (int s = 0; s < 9; ++s)
    chart.series.push_back({cat("series ", s), {1, 2, 3}, {1.0 + s, 2.0 + s, 1.5 + s}, {}});
  const std::string html = to_html(chart);
  std::set<std::string> looks;
  const std::regex path("<path class=\"curve\" (.*?) d=\"");
  for (std::sregex_iterator at(html.begin(), html.end(), path), end; at != end; ++at)
    looks.insert((*at)[1]);
  EXPECT_EQ(looks.size(), 9u) << html;
}

TEST(Table, MarkdownKeepsCellsInTheirPlace) {
  EXPECT_EQ(to_markdown(small_table()),
            "### Title\n\n| name | value |\n|---|---:|\n"
            "| a\\|b | **1.5 \xE2\x96\xB2** |\n| \xE6\x98\x9F\xE6\x98\x9F |  |\n| c d | 10 "
            "\xE2\x96\xBC |\n"
            "\nProtocol: full.\n");
}

TEST(Table, HtmlEscapesEverything) {
  Table table;
  table.title = "<script>alert(1)</script>";
  table.columns = {{"<b>", false}};
  table.rows = {{"a & \"b\" 'c'"}};
  table.caption = "<i>";
  const std::string html = to_html(table);
  EXPECT_THAT(html, Not(HasSubstr("<script>")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(html, HasSubstr("a &amp; &quot;b&quot; &#39;c&#39;"));
  EXPECT_THAT(html, Not(HasSubstr("<i>")));
}

TEST(Html, BrokenTextBecomesReplacementCharacters) {
  EXPECT_EQ(html_escape("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(html_escape(std::string("a\0b\x1b[0m", 7)),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD[0m");
  EXPECT_EQ(html_escape("\xC3\xA9\n\xE6\x98\x9F"), "\xC3\xA9\n\xE6\x98\x9F");
  EXPECT_EQ(html_escape("\xE6\x98"), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Chart, TicksAreRoundAndInside) {
  EXPECT_THAT(axis_ticks(0, 1, 5), ElementsAre(0, testing::DoubleEq(.2), testing::DoubleEq(.4),
                                               testing::DoubleEq(.6), testing::DoubleEq(.8), 1));
  EXPECT_THAT(axis_ticks(-3, 7, 4), ElementsAre(-2.5, 0, 2.5, 5));
  EXPECT_TRUE(axis_ticks(1, 1, 5).empty());
  EXPECT_TRUE(axis_ticks(0, std::numeric_limits<double>::infinity(), 5).empty());
  for (const double size : {1e-9, 0.37, 12.0, 5e11}) {
    const auto ticks = axis_ticks(-size, 2 * size, 6);
    EXPECT_GE(ticks.size(), 3u) << size;
    EXPECT_LE(ticks.size(), 8u) << size;
  }
}

// All coordinates of a drawing are finite numbers inside the picture.
void expect_drawn(const Chart& chart) {
  const std::string html = to_html(chart);
  EXPECT_THAT(html, HasSubstr("<svg"));
  for (const char* bad : {"nan", "inf", "-0.00\""}) EXPECT_THAT(html, Not(HasSubstr(bad)));
  const std::regex number_pattern("[ \"ML](-?[0-9]+\\.[0-9]{2})(?=[ \"LMVh])");
  for (std::sregex_iterator i(html.begin(), html.end(), number_pattern), end; i != end; ++i) {
    const double value = std::stod((*i)[1]);
    EXPECT_GE(value, -0.01) << html;
    EXPECT_LE(value, 560.01) << html;
  }
}

TEST(Chart, CurvesWithGapsSingletonsAndConstants) {
  Chart chart;
  chart.title = "loss";
  chart.best = -1;
  chart.series = {{"a", {1, 2, 3}, {3, nan, 1}, {}}, {"b", {1}, {2}, {0.5}}, {"c", {}, {}, {}}};
  expect_drawn(chart);
  EXPECT_THAT(to_html(chart), HasSubstr("best a: 1 at 3"));
  chart.series = {{"flat", {1, 2}, {0, 0}, {}}};
  expect_drawn(chart);
  chart.series = {{"sweep", {0.01, 0, 100}, {1, 5, 2}, {.1, .1, .1}}};
  chart.log_x = chart.points = true;
  expect_drawn(chart);
  EXPECT_THAT(to_html(chart), Not(HasSubstr("5 at 0"))) << "a logarithmic axis has no 0";
  chart.series = {{"one place", {3, 3}, {1, 5}, {}}};
  expect_drawn(chart);
  chart.series = {{"none", {nan}, {nan}, {}}};
  EXPECT_THAT(to_html(chart), HasSubstr("Nothing to draw"));
}

TEST(Chart, LongCurvesAreThinnedButKeepExtremes) {
  Chart chart;
  chart.series = {{"loss", {}, {}, {}}};
  for (int i = 0; i < 200'000; ++i) {
    chart.series[0].x.push_back(i);
    chart.series[0].y.push_back(i == 77'777 ? 100 : std::sin(i * 0.001));
  }
  const std::string html = to_html(chart);
  EXPECT_LT(html.size(), 40'000u);
  EXPECT_THAT(html, HasSubstr("moving mean"));
  EXPECT_THAT(html, HasSubstr(" 21.1")) << "the peak stands near the top";
}

TEST(Chart, BarsWithNegativesErrorsAndLongNames) {
  Chart chart;
  chart.kind = Chart::Kind::bar;
  chart.title = "sweep";
  chart.categories = {
      "short", "a very long \xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9 name indeed that cannot fit",
      "c",     "d",
      "e",     "f"};
  chart.series = {{"x", {}, {1, -0.5, nan, 0, 2, 3}, {0.1, 0.2}}, {"y", {}, {1, 2}, {}}};
  expect_drawn(chart);
  EXPECT_THAT(to_html(chart), HasSubstr("\xE2\x80\xA6</text>"));
  chart.series.clear();
  EXPECT_THAT(to_html(chart), HasSubstr("Nothing to draw"));
}

MetricsFile sample_metrics() {
  MetricsFile metrics;
  metrics.protocol = {"full", {}, {}, {}, "train+valid"};
  metrics.valid = {{"recall@20", 0.2}, {"ndcg@10", 0.1}};
  metrics.test = {{"recall@20", 0.25}, {"auc", nan}};
  metrics.groups = {{"cold-items", 1200, {{"recall@20", 0.5}, {"auc", nan}}}};
  return metrics;
}

TEST(Report, TablesSayTheProtocol) {
  const Table table = metrics_table(sample_metrics());
  ASSERT_EQ(table.rows.size(), 3u);
  EXPECT_EQ(table.rows[0][1].text, "0.2000");
  EXPECT_EQ(table.rows[1][2].text, "n/a");
  EXPECT_EQ(table.rows[2][0].text, "ndcg@10");
  EXPECT_EQ(table.rows[2][2].text, "\xE2\x80\x93");
  EXPECT_THAT(table.rows[0][3].text, HasSubstr("relevant items"));
  EXPECT_THAT(table.caption, HasSubstr("full ranking, train+valid items masked"));
  const Table groups = groups_table(sample_metrics());
  EXPECT_EQ(groups.rows[0][1].text, "1,200");
  EXPECT_THAT(groups.caption, HasSubstr("full ranking"));
  EXPECT_TRUE(groups_table({}).rows.empty());
  EXPECT_THAT(metric_tiles(sample_metrics(), 1), ElementsAre(testing::Pair("recall@20", "0.2500")));
}

TEST(Report, LongListsAreCut) {
  ReportData data;
  ReportUser user{"u", "", {}, {}, {}};
  for (int i = 0; i < 40; ++i) user.history.push_back({cat("h", i), "", nan, false});
  for (int i = 0; i < 26; ++i) user.recommended.push_back({cat("r", i), "", nan, false});
  data.users = {user};
  const std::string html = report_html(data);
  for (const char* shown : {">h15<", ">h39<", ">15 earlier<", ">r0<", ">r24<", ">1 more<"}) {
    EXPECT_THAT(html, HasSubstr(shown));
  }
  for (const char* hidden : {">h14<", ">r25<"}) EXPECT_THAT(html, Not(HasSubstr(hidden)));
}

TEST(Report, IsOneFileWithoutNetworkOrScript) {
  ReportData data;
  data.title = "A <title>";
  data.subtitle = "runs/\"x\"";
  data.tiles = metric_tiles(sample_metrics());
  data.facts = {{"users", "<1,312>"}};
  data.sections = {
      {"Metrics", "text & more", {}, {metrics_table(sample_metrics()), groups_table({})}}};
  data.users = {{"u<1>",
                 "likes \"quotes\"",
                 {{"i1", "Guitar </li><script>", nan, false}},
                 {{"i2", "", 1.25, true}, {"i3", "Drum", 0.5, false}},
                 {}}};
  data.config = "a: <b>";
  const std::string html = report_html(data);
  for (const char* bad :
       {"<script", "http://", "https://", "src=", "@import", "url(", "u<1>", "<1,312>", "a: <b>"}) {
    EXPECT_THAT(html, Not(HasSubstr(bad)));
  }
  EXPECT_THAT(html, HasSubstr("<li class=\"hit\">i2 <small>1.25</small>"));
  EXPECT_THAT(html, HasSubstr("Drum <small>i3, 0.5</small>"));
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(html, HasSubstr("&lt;/li&gt;&lt;script&gt;"));
  // Every element that opens closes.
  for (const char* name :
       {"div", "table", "ul", "ol", "li", "figure", "main", "dl", "tr", "td", "small"}) {
    const auto count = [&](const std::string& pattern) {
      const std::regex r(pattern);
      return std::distance(std::sregex_iterator(html.begin(), html.end(), r),
                           std::sregex_iterator());
    };
    EXPECT_EQ(count(cat("<", name, "[ >]")), count(cat("</", name, ">"))) << name;
  }
}

}  // namespace
}  // namespace kindred::eval
