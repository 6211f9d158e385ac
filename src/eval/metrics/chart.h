#pragma once
// Charts as inline SVG: curves of training and sweeps, bars of comparisons.

#include <string>
#include <vector>

namespace kindred::eval {

/// Points of one curve, or the bars of one colour. Points that are not finite are left out (a gap).
struct Series {
  std::string name;
  std::vector<double> x;  ///< a bar chart numbers its bars by position and ignores x
  std::vector<double> y;
  std::vector<double> error;  ///< half length of error bars; empty for none
};

struct Chart {
  enum class Kind { line, bar };
  Kind kind = Kind::line;
  std::string title;
  std::string x_label, y_label;
  std::vector<Series> series;
  std::vector<std::string> categories;  ///< names of bars
  bool log_x = false;                   ///< for sweeps over powers; needs positive x
  bool points = false;                  ///< a dot at every point (sweeps)
  int best = 0;  ///< marks the highest (1) or lowest (-1) point of each curve
  std::string caption;
};

/// A <figure> for html_page. Long curves are thinned to what a screen can show, keeping extremes,
/// and get a moving mean.
std::string to_html(const Chart& chart);

/// Round numbers that cover [low, high] in about `count` steps.
std::vector<double> axis_ticks(double low, double high, int count);

}  // namespace kindred::eval
