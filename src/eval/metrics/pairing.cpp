// Strata of paired differences from per-user metrics and from pointwise rows.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/error.h"
#include "core/strings.h"
#include "eval/metrics/resample.h"
#include "eval/metrics/significance.h"

namespace kindred::eval {

namespace {

Stratum empty_stratum(int64_t users, size_t metrics) {
  const auto n = static_cast<size_t>(users);
  return {users, std::vector(metrics, std::vector(n, 0.0)),
          std::vector(metrics, std::vector(n, 0.0)),
          std::vector<std::vector<std::shared_ptr<const PooledPair>>>(metrics)};
}

[[noreturn]] void refuse(const std::string& message) {
  throw Error(Exit::config, "compare", message);
}

// For each user of `first` its row in `other`; both must hold the same users.
std::vector<int64_t> match_users(const UserMetrics& first, const UserMetrics& other) {
  std::unordered_map<std::string_view, int64_t> rows;
  for (int64_t u = 0; u < other.user_count(); ++u) rows.emplace(other.users()[u], u);
  std::vector<int64_t> matched;
  for (const std::string& user : first.users()) {
    const auto found = rows.find(user);
    if (found == rows.end()) {
      refuse(cat("user '", user,
                 "' was evaluated in one run and not in the other; evaluate both on the "
                 "same split under the same protocol"));
    }
    matched.push_back(found->second);
    rows.erase(found);
  }
  if (!rows.empty()) {
    refuse(cat("user '", rows.begin()->first,
               "' was evaluated in one run and not in the other, or is "
               "listed twice; evaluate both on the same split under the same protocol"));
  }
  return matched;
}

// One run's values of a metric, in the order of the anchor's users.
struct Side {
  const UserMetrics& values;
  std::span<const int64_t> rows;
  int64_t column;

  double at(size_t user) const { return values.at(rows[user], column); }
};

// Sums over pairs become means; NaN (not defined in some pair) becomes weight 0.
void settle(std::vector<double>& sums, std::vector<double>& weights, double pairs) {
  for (size_t u = 0; u < sums.size(); ++u) {
    weights[u] = std::isnan(sums[u]) ? 0 : 1;
    sums[u] = weights[u] == 0 ? 0 : sums[u] / pairs;
  }
}

// Users renumbered so that only those with rows remain.
PointwiseRows compacted(const PointwiseRows& rows, std::span<const data::Index> numbers) {
  PointwiseRows result = rows;
  for (data::Index& user : result.user) user = numbers[static_cast<size_t>(user)];
  return result;
}

void check_same_rows(const PointwiseRows& a, const PointwiseRows& b) {
  if (a.user == b.user && a.item == b.item && a.label == b.label) return;
  if (a.size() != b.size()) {
    refuse(cat("one run scored ", a.size(), " rows and the other ", b.size(),
               "; evaluate both on the same split"));
  }
  int64_t row = 0;
  while (a.user[row] == b.user[row] && a.item[row] == b.item[row] && a.label[row] == b.label[row])
    ++row;
  refuse(cat("row ", row + 1,
             " differs between the runs in user, item or label; evaluate both on the "
             "same split"));
}

double numerator(const PointwiseUser& user, MetricKind kind) {
  switch (kind) {
    case MetricKind::uauc:
      return user.auc;
    case MetricKind::gauc:
      return user.auc * static_cast<double>(user.positives);
    case MetricKind::pointwise_ndcg:
      return user.ndcg;
    case MetricKind::logloss:
      return user.loss;
    case MetricKind::brier:
      return user.squares;
    default:
      return std::numeric_limits<double>::quiet_NaN();
  }
}

double denominator(const PointwiseUser& user, MetricKind kind) {
  if (kind == MetricKind::logloss || kind == MetricKind::brier)
    return static_cast<double>(user.rows);
  if (!user.counts()) return 0;
  return kind == MetricKind::gauc ? static_cast<double>(user.positives) : 1;
}

void add_pointwise(const PointwiseRows& run, const PointwiseRows& reference,
                   std::span<const Metric> metrics, double pairs, Stratum& stratum) {
  const auto first = pointwise_users(run, stratum.users);
  const auto second = pointwise_users(reference, stratum.users);
  for (size_t m = 0; m < metrics.size(); ++m) {
    const MetricKind kind = metrics[m].kind;
    if (kind == MetricKind::auc) {
      stratum.pooled[m].push_back(std::make_shared<AucPair>(run, reference));
      continue;
    }
    if (kind == MetricKind::ece) {
      // Of scores that are no probabilities nothing is left: weight 0, n/a.
      if (all_probabilities(run) && all_probabilities(reference))
        stratum.pooled[m].push_back(std::make_shared<EcePair>(run, reference, metrics[m].k));
      continue;
    }
    // A run whose scores are no probabilities has no log loss at all, not one over some users.
    bool defined = metric_info(kind).family == MetricFamily::pointwise;
    for (int64_t u = 0; u < stratum.users && defined; ++u) {
      const double weight = denominator(first[u], kind);
      if (weight > 0) defined = !std::isnan(numerator(first[u], kind) - numerator(second[u], kind));
    }
    for (int64_t u = 0; u < stratum.users; ++u) {
      stratum.weights[m][u] = defined ? denominator(first[u], kind) : 0;
      if (stratum.weights[m][u] == 0) {
        stratum.differences[m][u] = 0;
      } else {
        stratum.differences[m][u] +=
            (numerator(first[u], kind) - numerator(second[u], kind)) / pairs;
      }
    }
  }
}

}  // namespace

Stratum pair_users(std::span<const UserPair> pairs, std::span<const Metric> metrics) {
  check(!pairs.empty(), "a stratum has a pair of runs");
  const UserMetrics& anchor = *pairs.front().first;
  Stratum stratum = empty_stratum(anchor.user_count(), metrics.size());
  if (anchor.user_count() == 0) refuse("a run has no evaluated users");
  std::vector<uint8_t> present(metrics.size(), 1);
  for (const auto& [run, reference] : pairs) {
    const std::vector<int64_t> run_rows = match_users(anchor, *run);
    const std::vector<int64_t> reference_rows = match_users(anchor, *reference);
    for (size_t m = 0; m < metrics.size(); ++m) {
      const Side ours{*run, run_rows, run->find(metrics[m])};
      const Side theirs{*reference, reference_rows, reference->find(metrics[m])};
      if (ours.column < 0 || theirs.column < 0) present[m] = 0;
      if (present[m] == 0) continue;
      std::vector<double>& sums = stratum.differences[m];
      for (size_t u = 0; u < sums.size(); ++u) sums[u] += ours.at(u) - theirs.at(u);
    }
  }
  for (size_t m = 0; m < metrics.size(); ++m) {
    if (present[m] != 0) {
      settle(stratum.differences[m], stratum.weights[m], static_cast<double>(pairs.size()));
    } else {
      std::ranges::fill(stratum.differences[m], 0.0);
    }
  }
  return stratum;
}

Stratum pair_rows(std::span<const RowPair> pairs, int64_t n_users,
                  std::span<const Metric> metrics) {
  check(!pairs.empty(), "a stratum has a pair of runs");
  const PointwiseRows& anchor = *pairs.front().first;
  if (anchor.size() == 0) refuse("a run has no scored rows");
  check_rows(anchor, n_users);
  std::vector<data::Index> numbers(static_cast<size_t>(n_users), -1);
  data::Index present = 0;
  for (const data::Index user : anchor.user) {
    data::Index& number = numbers[static_cast<size_t>(user)];
    if (number < 0) number = present++;
  }
  Stratum stratum = empty_stratum(present, metrics.size());
  for (const auto& [run, reference] : pairs) {
    check_same_rows(anchor, *run);
    check_same_rows(anchor, *reference);
    add_pointwise(compacted(*run, numbers), compacted(*reference, numbers), metrics,
                  static_cast<double>(pairs.size()), stratum);
  }
  return stratum;
}

}  // namespace kindred::eval
