#include "eval/metrics/evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/strings.h"
#include "eval/metrics/text_metrics.h"

namespace kindred::eval {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::vector<Metric> per_user_metrics(std::span<const Metric> metrics, MetricFamily family) {
  std::vector<Metric> chosen;
  for (const Metric& metric : metrics) {
    const MetricInfo& info = metric_info(metric.kind);
    const bool wanted = info.family == family && info.per_user;
    if (wanted && std::ranges::find(chosen, metric) == chosen.end()) chosen.push_back(metric);
  }
  return chosen;
}

std::vector<int> coverage_cutoffs(std::span<const Metric> metrics) {
  std::vector<int> cutoffs;
  for (const Metric& metric : metrics) {
    if (metric.kind == MetricKind::coverage) cutoffs.push_back(metric.k);
  }
  return cutoffs;
}

void check_flags(const Group& group, int64_t users, int64_t items) {
  const int64_t expected = group.of_items ? items : users;
  const bool paired = !group.of_pairs() || static_cast<int64_t>(group.items.size()) == items;
  if (static_cast<int64_t>(group.member.size()) == expected && paired) return;
  throw Error(Exit::internal, "groups",
              cat("'", group.name, "' has ", group.member.size(), " flags, expected ", expected));
}

}  // namespace

RankingCollector::RankingCollector(RankingSetup setup)
    : setup_(std::move(setup)),
      depth_(largest_cutoff(setup_.metrics)),
      per_user_(per_user_metrics(setup_.metrics, MetricFamily::ranking)),
      values_(setup_.users, per_user_),
      finder_(setup_.n_items),
      coverage_(coverage_cutoffs(setup_.metrics), setup_.n_items) {
  for (const Group& group : setup_.groups) {
    check_flags(group, values_.user_count(), setup_.n_items);
    // An item group's coverage is read off the coverage of all lists; pairs have none.
    const std::vector<int> cutoffs =
        group.of_items || group.of_pairs() ? std::vector<int>() : coverage_cutoffs(setup_.metrics);
    parts_.push_back({Coverage(cutoffs, setup_.n_items), std::vector<double>(per_user_.size(), 0.0),
                      std::vector<int64_t>(per_user_.size(), 0), 0});
  }
}

void RankingCollector::add(int64_t user, std::span<const Index> ranked,
                           std::span<const Index> relevant) {
  check(user >= 0 && user < values_.user_count(), "evaluation rows are numbered by users");
  const auto list = ranked.first(std::min<size_t>(ranked.size(), static_cast<size_t>(depth_)));
  const Hits hits = finder_.find(list, relevant);
  const std::span<double> row = values_.row(user);
  for (size_t m = 0; m < per_user_.size(); ++m) row[m] = ranking_metric(per_user_[m], hits);
  coverage_.add(list);
  for (size_t g = 0; g < parts_.size(); ++g) {
    const Group& group = setup_.groups[g];
    if (group.of_pairs()) {
      add_to_pairs(parts_[g], group, user, list, relevant);
    } else if (group.of_items) {
      add_to_items(parts_[g], group.member, list, relevant);
    } else if (group.member[static_cast<size_t>(user)] != 0) {
      parts_[g].coverage.add(list);
    }
  }
}

void RankingCollector::add_to_pairs(GroupPart& part, const Group& group, int64_t user,
                                    std::span<const Index> ranked,
                                    std::span<const Index> relevant) {
  const bool member = group.member[static_cast<size_t>(user)] != 0;
  if (!member && !group.either) return;
  const std::span<const uint8_t> everything;
  add_to_items(part, member && group.either ? everything : std::span<const uint8_t>(group.items),
               ranked, relevant);
}

void RankingCollector::add_to_items(GroupPart& part, std::span<const uint8_t> items,
                                    std::span<const Index> ranked,
                                    std::span<const Index> relevant) {
  const Hits hits = finder_.find(ranked, relevant, items);
  if (hits.relevant == 0) return;
  ++part.users;
  for (size_t m = 0; m < per_user_.size(); ++m) {
    const double value = ranking_metric(per_user_[m], hits);
    if (std::isnan(value)) continue;
    part.sums[m] += value;
    ++part.counts[m];
  }
}

double RankingCollector::value(const Metric& metric, const UserMetrics& users,
                               const Coverage& coverage) const {
  if (metric.kind == MetricKind::coverage) return coverage.at(metric.k);
  const int64_t column = users.find(metric);
  return column < 0 ? nan : users.mean(column);
}

GroupValues RankingCollector::group_values(const Group& group, const GroupPart& part) const {
  GroupValues result{group.name, part.users, {}};
  if (!group.of_items && !group.of_pairs()) {
    const UserMetrics users = values_.select(group.member);
    result.users = users.user_count();
    for (const Metric& metric : setup_.metrics) {
      result.values.push_back({metric_name(metric), value(metric, users, part.coverage)});
    }
    return result;
  }
  for (const Metric& metric : setup_.metrics) {
    double mean = nan;
    const auto column = std::ranges::find(per_user_, metric) - per_user_.begin();
    if (metric.kind == MetricKind::coverage) {
      if (group.of_items) mean = coverage_.at(metric.k, group.member);
    } else if (column < static_cast<ptrdiff_t>(per_user_.size()) && part.counts[column] > 0) {
      mean = part.sums[column] / static_cast<double>(part.counts[column]);
    }
    result.values.push_back({metric_name(metric), mean});
  }
  return result;
}

Evaluation RankingCollector::finish() {
  Evaluation evaluation;
  for (const Metric& metric : setup_.metrics) {
    evaluation.values.push_back({metric_name(metric), value(metric, values_, coverage_)});
  }
  for (size_t g = 0; g < parts_.size(); ++g) {
    evaluation.groups.push_back(group_values(setup_.groups[g], parts_[g]));
  }
  evaluation.users = std::move(values_);
  return evaluation;
}

Evaluation evaluate_pointwise(const PointwiseRows& rows, std::vector<std::string> users,
                              std::span<const Metric> metrics, std::span<const Group> groups) {
  const auto n_users = static_cast<int64_t>(users.size());
  Evaluation evaluation;
  evaluation.values = pointwise_metrics(rows, n_users, metrics);
  for (const Group& group : groups) {
    if (!group.of_items && !group.of_pairs()) check_flags(group, n_users, 0);
    const PointwiseRows part = select_rows(rows, group);
    std::vector<uint8_t> present(users.size(), 0);
    for (const data::Index user : part.user) present[static_cast<size_t>(user)] = 1;
    evaluation.groups.push_back({group.name, std::ranges::count(present, 1),
                                 pointwise_metrics(part, n_users, metrics), part.size()});
  }
  const std::vector<PointwiseUser> parts = pointwise_users(rows, n_users);
  evaluation.users =
      UserMetrics(std::move(users), per_user_metrics(metrics, MetricFamily::pointwise));
  for (int64_t u = 0; u < n_users; ++u) {
    const std::span<double> row = evaluation.users.row(u);
    for (size_t m = 0; m < row.size(); ++m) {
      const bool ndcg = evaluation.users.metrics()[m].kind == MetricKind::pointwise_ndcg;
      row[m] = ndcg ? parts[static_cast<size_t>(u)].ndcg : parts[static_cast<size_t>(u)].auc;
    }
  }
  return evaluation;
}

namespace {

double text_metric(MetricKind kind, const GeneratedAnswer& answer) {
  if (kind == MetricKind::exact) return exact_at_1(answer.answer, answer.titles);
  if (kind == MetricKind::valid) return exact_at_1(answer.answer, answer.candidates);
  return title_contains_at_1(answer.answer, answer.titles);
}

}  // namespace

Evaluation evaluate_generated(std::span<const GeneratedAnswer> answers,
                              std::span<const Metric> metrics) {
  std::vector<std::string> users;
  for (const GeneratedAnswer& answer : answers) users.push_back(answer.user);
  Evaluation evaluation;
  evaluation.users = UserMetrics(std::move(users), per_user_metrics(metrics, MetricFamily::text));
  for (size_t u = 0; u < answers.size(); ++u) {
    const std::span<double> row = evaluation.users.row(static_cast<int64_t>(u));
    for (size_t m = 0; m < row.size(); ++m) {
      row[m] = text_metric(evaluation.users.metrics()[m].kind, answers[u]);
    }
  }
  for (const Metric& metric : metrics) {
    const int64_t column = evaluation.users.find(metric);
    evaluation.values.push_back(
        {metric_name(metric), column < 0 ? nan : evaluation.users.mean(column)});
  }
  return evaluation;
}

}  // namespace kindred::eval
