#pragma once
// Metric values of every evaluated user: what means, standard errors, groups and paired tests are
// made of.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "eval/metrics/metric.h"
#include "eval/metrics/values.h"

namespace kindred::eval {

/// A matrix [users, metrics]; NaN where a metric is not defined for a user.
class UserMetrics {
 public:
  UserMetrics() = default;
  /// All values start as NaN.
  UserMetrics(std::vector<std::string> users, std::vector<Metric> metrics);

  int64_t user_count() const { return static_cast<int64_t>(users_.size()); }
  int64_t metric_count() const { return static_cast<int64_t>(metrics_.size()); }
  const std::vector<std::string>& users() const { return users_; }  ///< tokens
  const std::vector<Metric>& metrics() const { return metrics_; }

  /// The values of one user, in the order of metrics().
  std::span<double> row(int64_t user);
  std::span<const double> row(int64_t user) const;
  double at(int64_t user, int64_t metric) const { return row(user)[metric]; }
  /// The column of a metric, or -1.
  int64_t find(const Metric& metric) const;

  /// Users for whom the metric is defined.
  int64_t count(int64_t metric) const;
  /// Mean over those users; NaN when there is none.
  double mean(int64_t metric) const;
  /// Sample standard deviation over the root of their number; NaN for fewer than two.
  double standard_error(int64_t metric) const;
  /// Means of all metrics by name.
  NamedValues means() const;

  /// The users with a non-zero flag.
  UserMetrics select(std::span<const uint8_t> users) const;

 private:
  std::vector<std::string> users_;
  std::vector<Metric> metrics_;
  std::vector<double> values_;
};

/// Writes `user:token recall@20:float ...`, tab-separated, 17 significant digits, atomically; NaN
/// is an empty field.
void write_user_metrics(const std::filesystem::path& path, const UserMetrics& metrics);
/// Reads it back. Throws `missing`, or `bad_data` with the line.
UserMetrics read_user_metrics(const std::filesystem::path& path);

}  // namespace kindred::eval
