#pragma once
// From all users' outcomes to an evaluation: values, per-user matrix, groups. The evaluation core
// feeds outcomes; nothing here knows where scores come from.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "eval/metrics/groups.h"
#include "eval/metrics/metric.h"
#include "eval/metrics/pointwise.h"
#include "eval/metrics/ranking.h"
#include "eval/metrics/user_metrics.h"
#include "eval/metrics/values.h"

namespace kindred::eval {

/// Metrics of one group.
struct GroupValues {
  std::string name;
  int64_t users = 0;  ///< users that count in it
  NamedValues values;
  int64_t rows = 0;  ///< of labelled rows: how many lie in it
};

/// Everything known after one protocol ran over one part of the data.
struct Evaluation {
  NamedValues values;  ///< in the order the metrics were asked for
  std::vector<GroupValues> groups;
  UserMetrics users;  ///< per-user metrics only (not coverage, auc, logloss, brier or ece)
};

/// What to collect from ranked lists. Users are rows 0..U-1 of the evaluation (not of the dataset).
struct RankingSetup {
  std::vector<std::string> users;  ///< tokens of the evaluated users
  std::vector<Metric> metrics;
  int64_t n_items = 0;
  std::vector<Group> groups;  ///< flags of users are by evaluation row, of items by item
};

/// Collects ranked lists user by user. One thread adds.
class RankingCollector {
 public:
  explicit RankingCollector(RankingSetup setup);

  /// The depth lists should have (the largest cut-off).
  int depth() const { return depth_; }
  /// `ranked` best first, at most as long as needed (more is allowed and ignored); `relevant` in
  /// any order.
  void add(int64_t user, std::span<const Index> ranked, std::span<const Index> relevant);
  /// The result; the collector is spent.
  Evaluation finish();

 private:
  struct GroupPart {              // what is gathered for one group while users are added
    Coverage coverage;            ///< lists of the group's users
    std::vector<double> sums;     ///< groups of items and pairs: by per-user metric
    std::vector<int64_t> counts;  ///< groups of items and pairs: users for whom it is defined
    int64_t users = 0;  ///< groups of items and pairs: users with a relevant item in the group
  };
  void add_to_items(GroupPart& part, std::span<const uint8_t> items, std::span<const Index> ranked,
                    std::span<const Index> relevant);
  void add_to_pairs(GroupPart& part, const Group& group, int64_t user,
                    std::span<const Index> ranked, std::span<const Index> relevant);
  double value(const Metric& metric, const UserMetrics& users, const Coverage& coverage) const;
  GroupValues group_values(const Group& group, const GroupPart& part) const;

  RankingSetup setup_;
  int depth_;
  std::vector<Metric> per_user_;
  UserMetrics values_;
  HitFinder finder_;
  Coverage coverage_;
  std::vector<GroupPart> parts_;  ///< one a group
};

/// Evaluates labelled rows. Flags of groups are by the numbers used in the rows.
Evaluation evaluate_pointwise(const PointwiseRows& rows, std::vector<std::string> users,
                              std::span<const Metric> metrics, std::span<const Group> groups = {});

/// One user's generated answer, the titles of its relevant items and of the candidates it was
/// given.
struct GeneratedAnswer {
  std::string user;
  std::string answer;
  std::vector<std::string> titles;
  std::vector<std::string> candidates = {};
};

/// Evaluates generated answers (exact@1, title-contains@1, valid@1); metrics of other families are
/// n/a.
Evaluation evaluate_generated(std::span<const GeneratedAnswer> answers,
                              std::span<const Metric> metrics);

}  // namespace kindred::eval
