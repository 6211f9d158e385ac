#include "eval/metrics/chart.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/strings.h"
#include "eval/metrics/html.h"

namespace kindred::eval {

namespace {

constexpr double view_width = 560, view_height = 300;
constexpr double left = 62, right = 16, top = 10, bottom = 44;
constexpr double plot_right = view_width - right, plot_bottom = view_height - bottom;
constexpr size_t colours = 6;
constexpr size_t most_points = 500;  // of one path
constexpr size_t smooth_from = 200;  // longer curves also get a moving mean

// Coordinates need two digits after the point, no more.
std::string coordinate(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, 2).ptr;
  return std::string(text, end);
}

std::string tick_text(double value) {
  if (std::abs(value) >= 1e6 || (value != 0 && std::abs(value) < 1e-4)) return number(value, 3);
  if (std::abs(value) >= 1000 && value == std::floor(value))
    return with_commas(static_cast<long long>(value));
  return number(value, 6);
}

// Ticks of one axis all have as many digits after the point as their step needs.
std::string tick_text(double value, double step) {
  if (std::abs(value) >= 1000 || step >= 1 || step < 1e-4) return tick_text(value);
  const int leading = static_cast<int>(std::ceil(-std::log10(step) - 1e-9));
  const double scaled = step * std::pow(10, leading);
  const int more = std::abs(scaled - std::round(scaled)) > 1e-6 ? 1 : 0;  // a step such as 0.025
  char text[32];
  const auto end =
      std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, leading + more).ptr;
  return std::string(text, end);
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void include(double v) {
    if (!std::isfinite(v)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  bool empty() const { return low > high; }
  void widen() {  // a range of one value gets some room
    if (low == high) {
      const double room = low == 0 ? 1 : std::abs(low) * 0.1;
      low -= room;
      high += room;
    }
  }
};

// Maps values to the picture; x may be logarithmic.
struct Scale {
  Range x, y;
  bool log_x = false;

  double at_x(double v) const {
    const double place =
        log_x ? (std::log(v) - std::log(x.low)) / (std::log(x.high) - std::log(x.low))
              : (v - x.low) / (x.high - x.low);
    return left + place * (plot_right - left);
  }
  double at_y(double v) const {
    return plot_bottom - (v - y.low) / (y.high - y.low) * (plot_bottom - top);
  }
};

struct Point {
  double x, y, error;
};

std::vector<Point> drawable(const Series& series, bool log_x) {
  std::vector<Point> points;
  for (size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
    if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i]) || (log_x && series.x[i] <= 0))
      continue;
    const double error =
        i < series.error.size() && std::isfinite(series.error[i]) ? series.error[i] : 0;
    points.push_back({series.x[i], series.y[i], error});
  }
  return points;
}

// Each stretch of a long curve keeps its lowest and its highest point, in order.
std::vector<Point> thinned(const std::vector<Point>& points) {
  if (points.size() <= most_points) return points;
  std::vector<Point> kept{points.front()};
  const size_t stretches = most_points / 2;
  for (size_t s = 0; s < stretches; ++s) {
    const auto begin = points.begin() + static_cast<ptrdiff_t>(points.size() * s / stretches);
    const auto end = points.begin() + static_cast<ptrdiff_t>(points.size() * (s + 1) / stretches);
    const auto by_y = [](const Point& a, const Point& b) { return a.y < b.y; };
    auto [first, second] = std::minmax_element(begin, end, by_y);
    if (second < first) std::swap(first, second);
    kept.push_back(*first);
    if (second != first) kept.push_back(*second);
  }
  kept.push_back(points.back());
  return kept;
}

std::string colour(size_t index) {
  return cat("var(--s", index % colours, ")");
}

// Series beyond the last colour take the colours again, with dashes.
constexpr auto dashed = [](size_t index) { return index >= colours; };

std::string svg_line(const char* css, double x1, double y1, double x2, double y2) {
  return cat("<line class=\"", css, "\" x1=\"", coordinate(x1), "\" y1=\"", coordinate(y1),
             "\" x2=\"", coordinate(x2), "\" y2=\"", coordinate(y2), "\"/>\n");
}

std::string svg_text(double x, double y, const char* anchor, std::string_view text) {
  return cat("<text x=\"", coordinate(x), "\" y=\"", coordinate(y), "\" text-anchor=\"", anchor,
             "\">", html_escape(text), "</text>\n");
}

std::string y_axis(const Chart& chart, const Scale& scale) {
  std::string svg;
  const std::vector<double> ticks = axis_ticks(scale.y.low, scale.y.high, 5);
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : 1;
  for (const double tick : ticks) {
    svg += svg_line("grid", left, scale.at_y(tick), plot_right, scale.at_y(tick));
    svg += svg_text(left - 8, scale.at_y(tick) + 4, "end", tick_text(tick, step));
  }
  if (!chart.y_label.empty()) {
    svg += cat("<text transform=\"translate(14 ", coordinate((top + plot_bottom) / 2),
               ") rotate(-90)\" text-anchor=\"middle\">", html_escape(chart.y_label), "</text>\n");
  }
  return svg;
}

std::vector<double> x_ticks(const Chart& chart, const Scale& scale) {
  if (!scale.log_x) return axis_ticks(scale.x.low, scale.x.high, 6);
  // A sweep has few places: each is a tick.
  std::vector<double> ticks;
  for (const Series& series : chart.series) {
    for (const Point& point : drawable(series, true)) ticks.push_back(point.x);
  }
  std::ranges::sort(ticks);
  ticks.erase(std::unique(ticks.begin(), ticks.end()), ticks.end());
  if (ticks.size() <= 12) return ticks;
  std::vector<double> powers;
  for (double p = std::ceil(std::log10(scale.x.low)); p <= std::log10(scale.x.high); ++p) {
    powers.push_back(std::pow(10, p));
  }
  return powers;
}

std::string x_label(const Chart& chart) {
  if (chart.x_label.empty()) return "";
  return svg_text((left + plot_right) / 2, view_height - 6, "middle", chart.x_label);
}

std::string x_axis(const Chart& chart, const Scale& scale) {
  std::string svg = svg_line("axis", left, plot_bottom, plot_right, plot_bottom);
  double previous = -1e9;
  for (const double tick : x_ticks(chart, scale)) {
    const double x = scale.at_x(tick);
    if (x - previous < 34) continue;  // labels must not run into each other
    previous = x;
    const bool edge = x > plot_right - right;  // a long label ends with the picture
    svg +=
        svg_text(edge ? view_width : x, plot_bottom + 18, edge ? "end" : "middle", tick_text(tick));
  }
  return svg + x_label(chart);
}

std::string error_bar(double x, double low, double high, const std::string& stroke) {
  return cat("<path class=\"error\" stroke=\"", stroke, "\" fill=\"none\" d=\"M", coordinate(x),
             " ", coordinate(low), "V", coordinate(high), "M", coordinate(x - 3), " ",
             coordinate(low), "h6M", coordinate(x - 3), " ", coordinate(high), "h6\"/>\n");
}

std::string dot(const Scale& scale, const Point& point, size_t series, const std::string& name,
                bool best) {
  return cat("<circle cx=\"", coordinate(scale.at_x(point.x)), "\" cy=\"",
             coordinate(scale.at_y(point.y)), "\" r=\"", best ? 5 : 3, "\"",
             best ? cat(" class=\"best\" stroke=\"", colour(series), "\"")
                  : cat(" fill=\"", colour(series), "\""),
             "><title>",
             html_escape(cat(name, name.empty() ? "" : ": ", number(point.y, 5), " at ",
                             number(point.x, 7))),
             "</title></circle>\n");
}

// The mean over a window of a fiftieth of the curve, so that a noisy loss shows its course.
std::vector<Point> smoothed(const std::vector<Point>& points) {
  const size_t half = points.size() / 100;
  std::vector<double> sums{0};
  for (const Point& point : points) sums.push_back(sums.back() + point.y);
  std::vector<Point> result = points;
  for (size_t i = 0; i < points.size(); ++i) {
    const size_t reach =
        std::min({half, i, points.size() - 1 - i});  // the window stays centred at the ends
    result[i].y = (sums[i + reach + 1] - sums[i - reach]) / static_cast<double>(2 * reach + 1);
  }
  return result;
}

std::string path(const Scale& scale, const std::vector<Point>& points, size_t series,
                 const std::string& name, const char* css) {
  std::string line;
  for (const Point& point : points) {
    line += cat(line.empty() ? "M" : "L", coordinate(scale.at_x(point.x)), " ",
                coordinate(scale.at_y(point.y)));
  }
  return cat("<path class=\"", css, "\" stroke=\"", colour(series),
             dashed(series) ? "\" stroke-dasharray=\"6 4" : "", "\" d=\"", line, "\"><title>",
             html_escape(name), "</title></path>\n");
}

std::string curve(const Chart& chart, const Scale& scale, size_t index) {
  const Series& series = chart.series[index];
  const std::vector<Point> points = drawable(series, scale.log_x);
  if (points.empty()) return "";
  std::string svg;
  const bool noisy = points.size() > smooth_from && !chart.points;
  svg += path(scale, thinned(points), index, series.name, noisy ? "curve raw" : "curve");
  if (noisy)
    svg += path(scale, thinned(smoothed(points)), index, series.name + " (moving mean)", "curve");
  for (const Point& point : points) {
    if (point.error > 0) {
      svg += error_bar(scale.at_x(point.x), scale.at_y(point.y - point.error),
                       scale.at_y(point.y + point.error), colour(index));
    }
    if (chart.points || points.size() == 1) svg += dot(scale, point, index, series.name, false);
  }
  if (chart.best != 0) {
    const Point best =
        *std::ranges::max_element(points, {}, [&](const Point& p) { return p.y * chart.best; });
    svg += dot(scale, best, index, cat("best ", series.name), true);
  }
  return svg;
}

// The ranges of a line chart, with some room above and below; an empty x range when nothing can be
// drawn.
Scale line_scale(const Chart& chart) {
  Scale scale;
  scale.log_x = chart.log_x;
  for (const Series& series : chart.series) {
    for (const Point& point : drawable(series, chart.log_x)) {
      scale.x.include(point.x);
      scale.y.include(point.y - point.error);
      scale.y.include(point.y + point.error);
    }
  }
  if (scale.x.empty()) return scale;
  scale.y.widen();
  const double room = 0.05 * (scale.y.high - scale.y.low);
  scale.y = {scale.y.low - room, scale.y.high + room};
  if (scale.x.low == scale.x.high && scale.log_x) {
    scale.x = {scale.x.low / 2, scale.x.high * 2};
  } else {
    scale.x.widen();
  }
  return scale;
}

std::string line_chart(const Chart& chart) {
  const Scale scale = line_scale(chart);
  if (scale.x.empty()) return "";
  std::string svg = y_axis(chart, scale) + x_axis(chart, scale);
  for (size_t s = 0; s < chart.series.size(); ++s) svg += curve(chart, scale, s);
  return svg;
}

double bar_error(const Series& series, size_t i) {
  return i < series.error.size() && std::isfinite(series.error[i]) ? series.error[i] : 0;
}

// The part of a label that fits a bar's slot; the whole name is in the bar's tooltip.
std::string fitted(const std::string& name, double slot) {
  const auto places = static_cast<size_t>(std::max(3.0, slot / 7));
  if (name.size() <= places) return name;
  size_t end = places - 1;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  return name.substr(0, end) + "\xE2\x80\xA6";
}

std::string bar(const Chart& chart, const Scale& scale, std::pair<size_t, size_t> place, double x,
                double width) {
  const auto [s, i] = place;
  const Series& series = chart.series[s];
  const double value = series.y[i], error = bar_error(series, i);
  const std::string name = i < chart.categories.size() ? chart.categories[i] : "";
  const double high = scale.at_y(std::max(value, 0.0)), low = scale.at_y(std::min(value, 0.0));
  std::string svg =
      cat("<rect x=\"", coordinate(x), "\" y=\"", coordinate(high), "\" width=\"",
          coordinate(width * 0.94), "\" height=\"", coordinate(low - high), "\" rx=\"2\" fill=\"",
          colour(s), "\"><title>", html_escape(cat(name, " ", series.name, ": ", number(value, 5))),
          "</title></rect>\n");
  if (error > 0) {
    svg += error_bar(x + width * 0.47, scale.at_y(value - error), scale.at_y(value + error),
                     "var(--ink)");
  }
  return svg;
}

std::string bar_chart(const Chart& chart) {
  Scale scale;
  scale.y.include(0);
  size_t bars = 0;
  for (const Series& series : chart.series) {
    bars = std::max(bars, series.y.size());
    for (size_t i = 0; i < series.y.size(); ++i) {
      scale.y.include(series.y[i] - (series.y[i] < 0 ? bar_error(series, i) : 0));
      scale.y.include(series.y[i] + bar_error(series, i));
    }
  }
  if (bars == 0) return "";
  scale.y.widen();
  scale.y.high += 0.05 * (scale.y.high - scale.y.low);
  std::string svg = y_axis(chart, scale);
  const double slot = (plot_right - left) / static_cast<double>(bars);
  const double width = 0.7 * slot / static_cast<double>(chart.series.size());
  for (size_t i = 0; i < bars; ++i) {
    const double begin = left + slot * (static_cast<double>(i) + 0.15);
    for (size_t s = 0; s < chart.series.size(); ++s) {
      const std::vector<double>& values = chart.series[s].y;
      if (i >= values.size() || !std::isfinite(values[i])) continue;
      svg += bar(chart, scale, {s, i}, begin + width * static_cast<double>(s), width);
    }
    if (i < chart.categories.size()) {
      svg += svg_text(left + slot * (static_cast<double>(i) + 0.5), plot_bottom + 18, "middle",
                      fitted(chart.categories[i], slot));
    }
  }
  svg += svg_line("axis", left, scale.at_y(0), plot_right, scale.at_y(0));
  return svg + x_label(chart);
}

std::string legend(const Chart& chart) {
  if (chart.series.size() < 2) return "";
  std::string html = "<div class=\"legend\">";
  for (size_t s = 0; s < chart.series.size(); ++s) {
    const std::string line = dashed(s) ? cat("repeating-linear-gradient(90deg,", colour(s),
                                             " 0 4px,transparent 4px 6px)")
                                       : colour(s);
    html += cat("<span><i style=\"background:", line, "\"></i>", html_escape(chart.series[s].name),
                "</span>");
  }
  return html + "</div>\n";
}

}  // namespace

std::vector<double> axis_ticks(double low, double high, int count) {
  std::vector<double> ticks;
  if (!(high > low) || !std::isfinite(high - low) || count < 1) return ticks;
  const double raw = (high - low) / count;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * power >= raw * 0.999) {
      step = factor * power;
      break;
    }
  }
  const double first = std::ceil(low / step - 1e-9);
  for (double i = first; i * step <= high + 1e-9 * step; ++i) {
    ticks.push_back(i == 0 ? 0 : i * step);
    if (ticks.size() > 100) break;
  }
  return ticks;
}

std::string to_html(const Chart& chart) {
  std::string html = "<figure>\n<h3>" + html_escape(chart.title) + "</h3>\n" + legend(chart);
  const std::string drawing =
      chart.kind == Chart::Kind::line ? line_chart(chart) : bar_chart(chart);
  if (drawing.empty()) {
    html += "<p class=\"empty\">Nothing to draw.</p>\n";
  } else {
    html +=
        cat("<svg viewBox=\"0 0 ", view_width, " ", view_height, "\" role=\"img\" aria-label=\"",
            html_escape(chart.title), "\">\n", drawing, "</svg>\n");
  }
  if (!chart.caption.empty())
    html += "<figcaption>" + html_escape(chart.caption) + "</figcaption>\n";
  return html + "</figure>\n";
}

}  // namespace kindred::eval
