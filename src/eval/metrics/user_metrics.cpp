#include "eval/metrics/user_metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"

namespace kindred::eval {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double parse_value(std::string_view field, const std::string& where) {
  if (field.empty()) return nan;
  double value = 0;
  const auto [end, status] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (status != std::errc() || end != field.data() + field.size()) {
    throw Error(Exit::bad_data, where, cat("got '", field, "', expected a number or nothing"));
  }
  return value;
}

std::vector<Metric> parse_header(const std::string& line, const std::string& where) {
  const std::vector<std::string> fields = split(line, '\t');
  if (fields[0] != "user:token") {
    throw Error(Exit::bad_data, where, cat("got '", fields[0], "', expected 'user:token' first"));
  }
  std::vector<Metric> metrics;
  for (size_t f = 1; f < fields.size(); ++f) {
    const std::string& field = fields[f];
    if (!field.ends_with(":float")) {
      throw Error(Exit::bad_data, where,
                  cat("got '", field, "', expected a metric ending in ':float'"));
    }
    try {
      metrics.push_back(parse_metric(field.substr(0, field.size() - 6)));
    } catch (const Error& error) {
      throw Error(Exit::bad_data, where, error.what());
    }
  }
  return metrics;
}

}  // namespace

UserMetrics::UserMetrics(std::vector<std::string> users, std::vector<Metric> metrics)
    : users_(std::move(users)),
      metrics_(std::move(metrics)),
      values_(users_.size() * metrics_.size(), nan) {}

std::span<double> UserMetrics::row(int64_t user) {
  return {values_.data() + user * metric_count(), metrics_.size()};
}

std::span<const double> UserMetrics::row(int64_t user) const {
  return {values_.data() + user * metric_count(), metrics_.size()};
}

int64_t UserMetrics::find(const Metric& metric) const {
  const auto found = std::ranges::find(metrics_, metric);
  return found == metrics_.end() ? -1 : found - metrics_.begin();
}

int64_t UserMetrics::count(int64_t metric) const {
  int64_t defined = 0;
  for (int64_t u = 0; u < user_count(); ++u) defined += std::isnan(at(u, metric)) ? 0 : 1;
  return defined;
}

double UserMetrics::mean(int64_t metric) const {
  double sum = 0;
  int64_t defined = 0;
  for (int64_t u = 0; u < user_count(); ++u) {
    const double value = at(u, metric);
    if (std::isnan(value)) continue;
    sum += value;
    ++defined;
  }
  return defined == 0 ? nan : sum / static_cast<double>(defined);
}

double UserMetrics::standard_error(int64_t metric) const {
  const double center = mean(metric);
  double squares = 0;
  int64_t defined = 0;
  for (int64_t u = 0; u < user_count(); ++u) {
    const double value = at(u, metric);
    if (std::isnan(value)) continue;
    squares += (value - center) * (value - center);
    ++defined;
  }
  if (defined < 2) return nan;
  const auto n = static_cast<double>(defined);
  return std::sqrt(squares / (n - 1) / n);
}

NamedValues UserMetrics::means() const {
  NamedValues values;
  for (int64_t m = 0; m < metric_count(); ++m)
    values.push_back({metric_name(metrics_[m]), mean(m)});
  return values;
}

UserMetrics UserMetrics::select(std::span<const uint8_t> users) const {
  check(static_cast<int64_t>(users.size()) == user_count(), "one flag a user");
  UserMetrics chosen;
  chosen.metrics_ = metrics_;
  for (int64_t u = 0; u < user_count(); ++u) {
    if (users[u] == 0) continue;
    chosen.users_.push_back(users_[u]);
    const auto values = row(u);
    chosen.values_.insert(chosen.values_.end(), values.begin(), values.end());
  }
  return chosen;
}

void write_user_metrics(const std::filesystem::path& path, const UserMetrics& metrics) {
  write_file(path, [&](std::ostream& out) {
    out << "user:token";
    for (const Metric& metric : metrics.metrics()) out << '\t' << metric_name(metric) << ":float";
    out << '\n';
    for (int64_t u = 0; u < metrics.user_count(); ++u) {
      out << metrics.users()[u];
      for (const double value : metrics.row(u)) {
        out << '\t' << (std::isnan(value) ? std::string() : number(value, 17));
      }
      out << '\n';
    }
  });
}

UserMetrics read_user_metrics(const std::filesystem::path& path) {
  const std::vector<std::string> lines = split(read_file(path), '\n');
  const auto where = [&](size_t line) { return cat(path.string(), ":", line + 1); };
  const std::vector<Metric> metrics = parse_header(lines[0], where(0));
  std::vector<std::string> users;
  std::vector<double> values;
  for (size_t l = 1; l < lines.size(); ++l) {
    if (lines[l].empty() && l + 1 == lines.size()) break;
    const std::vector<std::string> fields = split(lines[l], '\t');
    if (fields.size() != metrics.size() + 1) {
      throw Error(Exit::bad_data, where(l),
                  cat("got ", fields.size(), " columns, expected ", metrics.size() + 1));
    }
    users.push_back(fields[0]);
    for (size_t f = 1; f < fields.size(); ++f) values.push_back(parse_value(fields[f], where(l)));
  }
  UserMetrics result(std::move(users), metrics);
  for (int64_t u = 0; u < result.user_count(); ++u) {
    const auto begin = values.begin() + u * result.metric_count();
    std::copy(begin, begin + result.metric_count(), result.row(u).begin());
  }
  return result;
}

}  // namespace kindred::eval
