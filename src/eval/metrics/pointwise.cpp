#include "eval/metrics/pointwise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/strings.h"
#include "eval/metrics/row_order.h"

namespace kindred::eval {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double smallest_probability = 1e-15;

bool is_probability(float score) {
  return score >= 0.0f && score <= 1.0f;
}

double row_loss(float label, float score) {
  if (!is_probability(score)) return nan;
  const double p = std::clamp<double>(score, smallest_probability, 1 - smallest_probability);
  return label > 0 ? -std::log(p) : -std::log1p(-p);
}

double row_square(float label, float score) {
  if (!is_probability(score)) return nan;
  const double error = double{score} - double{label};
  return error * error;
}

// Row numbers by user, in the rows' order.
data::Csr rows_by_user(const PointwiseRows& rows, int64_t n_users) {
  data::Csr csr;
  csr.offsets.assign(static_cast<size_t>(n_users) + 1, 0);
  for (const data::Index user : rows.user) ++csr.offsets[static_cast<size_t>(user) + 1];
  std::partial_sum(csr.offsets.begin(), csr.offsets.end(), csr.offsets.begin());
  csr.columns.resize(rows.user.size());
  std::vector<int64_t> next(csr.offsets.begin(), csr.offsets.end() - 1);
  for (size_t r = 0; r < rows.user.size(); ++r) {
    csr.columns[static_cast<size_t>(next[static_cast<size_t>(rows.user[r])]++)] =
        static_cast<data::Index>(r);
  }
  return csr;
}

struct Weighted {
  double sum = 0, weight = 0;
  void add(double value, double w) {
    sum += value * w;
    weight += w;
  }
  double mean() const { return weight > 0 ? sum / weight : nan; }
};

double mean_over_users(const std::vector<PointwiseUser>& users, MetricKind kind) {
  Weighted total;
  for (const PointwiseUser& user : users) {
    if (kind == MetricKind::logloss || kind == MetricKind::brier) {
      if (user.rows > 0) {
        total.sum += kind == MetricKind::brier ? user.squares : user.loss;
        total.weight += static_cast<double>(user.rows);
      }
    } else if (user.counts()) {
      const bool weighted = kind == MetricKind::gauc;
      total.add(kind == MetricKind::pointwise_ndcg ? user.ndcg : user.auc,
                weighted ? static_cast<double>(user.positives) : 1.0);
    }
  }
  return total.mean();
}

}  // namespace

void check_rows(const PointwiseRows& rows, int64_t n_users) {
  const size_t n = rows.user.size();
  const auto refuse = [](const std::string& what) {
    throw Error(Exit::bad_data, "pointwise rows", what);
  };
  if (rows.item.size() != n || rows.label.size() != n || rows.score.size() != n) {
    refuse(cat("columns of ", n, ", ", rows.item.size(), ", ", rows.label.size(), " and ",
               rows.score.size(), " rows, expected equal lengths"));
  }
  if (n > static_cast<size_t>(std::numeric_limits<data::Index>::max())) refuse("too many rows");
  for (size_t r = 0; r < n; ++r) {
    if (rows.label[r] != 0.0f && rows.label[r] != 1.0f) {
      refuse(cat("row ", r + 1, ": label ", rows.label[r],
                 ", expected 0 or 1; give a rating threshold to turn ratings into labels"));
    }
    if (rows.user[r] < 0 || rows.user[r] >= n_users) {
      refuse(cat("row ", r + 1, ": user number ", rows.user[r], " of ", n_users));
    }
  }
}

double auc(std::span<const float> labels, std::span<const float> scores) {
  const std::vector<uint32_t> order = order_by_score(scores);
  double positives = 0, negatives = 0, area = 0;
  for_tied_runs(order, scores, [&](size_t begin, size_t end) {
    double p = 0;
    for (size_t i = begin; i < end; ++i) p += labels[order[i]] > 0 ? 1 : 0;
    const double n = static_cast<double>(end - begin) - p;
    // Best first: each negative here is beaten by the positives before it and ties with those
    // beside it.
    area += n * (positives + 0.5 * p);
    positives += p;
    negatives += n;
  });
  return positives > 0 && negatives > 0 ? area / (positives * negatives) : nan;
}

double pointwise_ndcg(std::span<const float> labels, std::span<const float> scores) {
  const std::vector<uint32_t> order = order_by_score(scores);
  const auto discount = [](size_t place) {
    return 1.0 / std::log2(static_cast<double>(place) + 2.0);
  };
  double gain = 0, ideal = 0;
  size_t positives = 0;
  for_tied_runs(order, scores, [&](size_t begin, size_t end) {
    size_t p = 0;
    double discounts = 0;
    for (size_t i = begin; i < end; ++i) {
      p += labels[order[i]] > 0 ? 1 : 0;
      discounts += discount(i);
    }
    gain += static_cast<double>(p) * discounts / static_cast<double>(end - begin);
    positives += p;
  });
  for (size_t i = 0; i < positives; ++i) ideal += discount(i);
  return positives == 0 ? nan : gain / ideal;
}

double logloss(std::span<const float> labels, std::span<const float> scores) {
  double sum = 0;
  for (size_t r = 0; r < labels.size(); ++r) sum += row_loss(labels[r], scores[r]);
  return labels.empty() ? nan : sum / static_cast<double>(labels.size());
}

double brier(std::span<const float> labels, std::span<const float> scores) {
  double sum = 0;
  for (size_t r = 0; r < labels.size(); ++r) sum += row_square(labels[r], scores[r]);
  return labels.empty() ? nan : sum / static_cast<double>(labels.size());
}

int probability_bin(float score, int bins) {
  return std::min(static_cast<int>(double{score} * bins), bins - 1);
}

double ece(std::span<const float> labels, std::span<const float> scores, int bins) {
  if (labels.empty() || !std::ranges::all_of(scores, is_probability)) return nan;
  std::vector<double> gaps(static_cast<size_t>(bins), 0.0);  // labels - scores, summed
  for (size_t r = 0; r < labels.size(); ++r)
    gaps[static_cast<size_t>(probability_bin(scores[r], bins))] +=
        double{labels[r]} - double{scores[r]};
  double sum = 0;
  for (const double gap : gaps) sum += std::abs(gap);
  return sum / static_cast<double>(labels.size());
}

bool all_probabilities(const PointwiseRows& rows) {
  return rows.probabilities && std::ranges::all_of(rows.score, is_probability);
}

std::vector<PointwiseUser> pointwise_users(const PointwiseRows& rows, int64_t n_users) {
  check_rows(rows, n_users);
  const data::Csr by_user = rows_by_user(rows, n_users);
  std::vector<PointwiseUser> users(static_cast<size_t>(n_users));
  std::vector<float> labels, scores;
  for (int64_t u = 0; u < n_users; ++u) {
    PointwiseUser& user = users[static_cast<size_t>(u)];
    labels.clear();
    scores.clear();
    for (const data::Index r : by_user.row(u)) {
      labels.push_back(rows.label[static_cast<size_t>(r)]);
      scores.push_back(rows.score[static_cast<size_t>(r)]);
      user.positives += labels.back() > 0 ? 1 : 0;
      user.loss += row_loss(labels.back(), scores.back());
      user.squares += row_square(labels.back(), scores.back());
    }
    if (!rows.probabilities) user.loss = user.squares = nan;
    user.rows = static_cast<int64_t>(labels.size());
    user.auc = user.counts() ? auc(labels, scores) : nan;
    user.ndcg = user.counts() ? pointwise_ndcg(labels, scores) : nan;
  }
  return users;
}

NamedValues pointwise_metrics(const PointwiseRows& rows, int64_t n_users,
                              std::span<const Metric> metrics) {
  const std::vector<PointwiseUser> users = pointwise_users(rows, n_users);
  NamedValues values;
  for (const Metric& metric : metrics) {
    double value = nan;
    if (metric.kind == MetricKind::auc) {
      value = auc(rows.label, rows.score);
    } else if (metric.kind == MetricKind::ece) {
      if (rows.probabilities) value = ece(rows.label, rows.score, metric.k);
    } else if (metric_info(metric.kind).family == MetricFamily::pointwise) {
      value = mean_over_users(users, metric.kind);
    }
    values.push_back({metric_name(metric), value});
  }
  return values;
}

PointwiseRows select_rows(const PointwiseRows& rows, const Group& group) {
  PointwiseRows chosen;
  chosen.probabilities = rows.probabilities;
  for (size_t r = 0; r < rows.user.size(); ++r) {
    if (!group.holds(rows.user[r], rows.item[r])) continue;
    chosen.user.push_back(rows.user[r]);
    chosen.item.push_back(rows.item[r]);
    chosen.label.push_back(rows.label[r]);
    chosen.score.push_back(rows.score[r]);
  }
  return chosen;
}

}  // namespace kindred::eval
