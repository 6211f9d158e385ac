#include "eval/metrics/significance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/strings.h"
#include "eval/metrics/distributions.h"
#include "eval/metrics/resample.h"

namespace kindred::eval {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t fewest_users = 10;
constexpr int beyond_each_end = 25;
constexpr int most_resamples = 200'000;
constexpr double power_quantile = 0.8416212335729143;  // P(Z <= this) = 0.8

// Ends of the central `confidence` share of sorted values, interpolated.
Interval percentile_interval(std::span<const double> sorted, double confidence) {
  if (sorted.empty()) return {nan, nan};
  const auto at = [&](double p) {
    const double place = p * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<size_t>(place);
    const size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
  };
  const double tail = (1 - confidence) / 2;
  return {at(tail), at(1 - tail)};
}

// Twice the smaller share of resamples on one side of zero, the observed sample counted among them.
double bootstrap_p(std::span<const double> values) {
  const auto below = std::ranges::count_if(values, [](double v) { return v <= 0; });
  const auto above = std::ranges::count_if(values, [](double v) { return v >= 0; });
  const auto fewer = static_cast<double>(std::min(below, above) + 1);
  return std::min(1.0, 2 * fewer / static_cast<double>(values.size() + 1));
}

double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return nan;
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / (n - 1));
}

int64_t counted_users(const PairedRuns& pair, size_t metric) {
  int64_t users = 0;
  for (const Stratum& stratum : pair.strata) {
    users += stratum.pooled[metric].empty()
                 ? std::ranges::count_if(stratum.weights[metric], [](double w) { return w > 0; })
                 : stratum.users;
  }
  return users;
}

// Whether the metric is a plain mean over users: what the t test and the sign test speak of.
bool plain_mean(const PairedRuns& pair, size_t metric) {
  return std::ranges::all_of(pair.strata, [&](const Stratum& stratum) {
    return stratum.pooled[metric].empty() &&
           std::ranges::all_of(stratum.weights[metric], [](double w) { return w == 0 || w == 1; });
  });
}

struct MeanTest {
  double standard_error = nan;
  double degrees = 0;  // Welch-Satterthwaite over strata
  int64_t positives = 0, negatives = 0;
};

MeanTest mean_test(const PairedRuns& pair, size_t metric) {
  MeanTest test;
  double variance = 0, spread = 0;
  for (const Stratum& stratum : pair.strata) {
    std::vector<double> values;
    for (int64_t u = 0; u < stratum.users; ++u) {
      if (stratum.weights[metric][u] == 0) continue;
      values.push_back(stratum.differences[metric][u]);
      test.positives += values.back() > 0 ? 1 : 0;
      test.negatives += values.back() < 0 ? 1 : 0;
    }
    const double deviation = standard_deviation(values);
    const auto n = static_cast<double>(values.size());
    variance += deviation * deviation / n;
    spread += std::pow(deviation * deviation / n, 2) / (n - 1);
  }
  const auto strata = static_cast<double>(pair.strata.size());
  test.standard_error = std::sqrt(variance) / strata;
  test.degrees = spread > 0 ? variance * variance / spread : 0;
  return test;
}

Comparison undefined_comparison(const Metric& metric) {
  Comparison result{};
  result.metric = metric;
  result.difference = result.standard_error = result.p = result.p_holm = nan;
  result.p_t = result.p_sign = result.detectable = nan;
  result.interval = result.corrected = {nan, nan};
  result.verdict = Verdict::undefined;
  return result;
}

Verdict verdict_of(const Comparison& comparison) {
  if (comparison.users < fewest_users) return Verdict::not_shown;
  const bool above = comparison.corrected.low > 0, below = comparison.corrected.high < 0;
  if (!above && !below) return Verdict::not_shown;
  return above == metric_info(comparison.metric.kind).higher_is_better ? Verdict::better
                                                                       : Verdict::worse;
}

struct Level {
  double corrected_alpha;
  int resamples;
};

Level level_for(int64_t comparisons, const BootstrapOptions& options) {
  const double alpha =
      (1 - options.confidence) / static_cast<double>(std::max<int64_t>(comparisons, 1));
  const double needed = std::ceil(2 * beyond_each_end / alpha);
  const double resamples =
      std::max<double>(options.resamples, std::min<double>(needed, most_resamples));
  return {alpha, static_cast<int>(resamples)};
}

// What is tested: a metric of a pair and its observed difference.
struct Subject {
  const PairedRuns& pair;
  size_t metric;
  double difference;
};

Comparison compare_one(const Subject& subject, std::vector<double> values, const Level& level,
                       const BootstrapOptions& options) {
  const auto& [pair, metric, observed_difference] = subject;
  Comparison result = undefined_comparison(pair.metrics[metric]);
  std::erase_if(values, [](double v) { return std::isnan(v); });
  if (std::isnan(observed_difference) || values.empty()) return result;
  std::ranges::sort(values);
  result.users = counted_users(pair, metric);
  result.difference = observed_difference;
  result.standard_error = standard_deviation(values);
  result.interval = percentile_interval(values, options.confidence);
  result.corrected = percentile_interval(values, 1 - level.corrected_alpha);
  result.p = result.p_holm = bootstrap_p(values);
  double error = result.standard_error;
  if (plain_mean(pair, metric)) {
    const MeanTest test = mean_test(pair, metric);
    if (test.degrees > 0) {
      error = test.standard_error;
      result.p_t = t_two_sided(result.difference / error, test.degrees);
    }
    result.p_sign = sign_test(test.positives, test.negatives);
  }
  result.detectable = (normal_quantile(1 - level.corrected_alpha / 2) + power_quantile) * error;
  result.verdict = verdict_of(result);
  result.equal = result.users >= fewest_users && result.corrected.low >= -options.equality_margin &&
                 result.corrected.high <= options.equality_margin;
  return result;
}

// Holm: the i-th smallest of m p-values is multiplied by m - i + 1, and none is below one before
// it.
void correct_holm(std::vector<std::vector<Comparison>>& family) {
  std::vector<Comparison*> defined;
  for (auto& row : family) {
    for (Comparison& comparison : row) {
      if (!std::isnan(comparison.p)) defined.push_back(&comparison);
    }
  }
  std::ranges::stable_sort(defined, {}, [](const Comparison* c) { return c->p; });
  double floor = 0;
  for (size_t i = 0; i < defined.size(); ++i) {
    floor = std::max(floor, defined[i]->p * static_cast<double>(defined.size() - i));
    defined[i]->p_holm = std::min(1.0, floor);
  }
}

void check_options(const BootstrapOptions& options) {
  const auto refuse = [](const std::string& message) {
    throw Error(Exit::config, "bootstrap", message);
  };
  if (options.resamples < 100 || options.resamples > most_resamples) {
    refuse(cat("got ", options.resamples, " resamples, expected 100 to ", most_resamples));
  }
  if (!(options.confidence > 0.5 && options.confidence < 1)) {
    refuse(cat("got confidence ", options.confidence, ", expected above 0.5 and below 1"));
  }
}

}  // namespace

std::vector<std::vector<Comparison>> compare_family(std::span<const PairedRuns> pairs,
                                                    const BootstrapOptions& options) {
  check_options(options);
  std::vector<std::vector<double>> differences;
  int64_t defined = 0;
  for (const PairedRuns& pair : pairs) {
    differences.push_back(observed(pair));
    defined += std::ranges::count_if(differences.back(), [](double d) { return !std::isnan(d); });
  }
  const Level level = level_for(defined, options);
  auto values = resampled(pairs, level.resamples, options.seed, options.threads);
  std::vector<std::vector<Comparison>> family;
  for (size_t p = 0; p < pairs.size(); ++p) {
    std::vector<Comparison>& row = family.emplace_back();
    for (size_t m = 0; m < values[p].size(); ++m) {
      row.push_back(
          compare_one({pairs[p], m, differences[p][m]}, std::move(values[p][m]), level, options));
    }
  }
  correct_holm(family);
  return family;
}

std::vector<std::vector<Interval>> bootstrap_intervals(std::span<const PairedRuns> runs,
                                                       const BootstrapOptions& options) {
  check_options(options);
  auto resamples = resampled(runs, options.resamples, options.seed, options.threads);
  std::vector<std::vector<Interval>> intervals;
  for (auto& run : resamples) {
    auto& row = intervals.emplace_back();
    for (auto& column : run) {
      std::erase_if(column, [](double v) { return std::isnan(v); });
      std::ranges::sort(column);
      row.push_back(percentile_interval(column, options.confidence));
    }
  }
  return intervals;
}

std::string describe_correction(int64_t comparisons, const BootstrapOptions& options) {
  const Level level = level_for(comparisons, options);
  return cat("Paired differences per user, bootstrap over users within splits (",
             with_commas(level.resamples), " resamples, seed ", options.seed, "); ",
             number(100 * options.confidence, 4),
             "% percentile intervals, Bonferroni-corrected over ", comparisons,
             comparisons == 1 ? " comparison" : " comparisons",
             "; p-values of the bootstrap after Holm");
}

}  // namespace kindred::eval
