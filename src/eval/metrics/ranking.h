#pragma once
// Metrics of one user's ranked list. Everything is a function of where the relevant items stand in
// it.
//
// Below, a list is ranked best first, position p starts at 0, R is the set of relevant items, and
// hit(p) is 1 when the item at position p is in R. A list may be shorter than K (fewer than K items
// were left to rank): the missing places count as misses and every metric stays defined. With R
// empty every metric is NaN.

#include <cstdint>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "eval/metrics/metric.h"

namespace kindred::eval {

using data::Index;

/// Positions of the hits in rising order, and the size of R.
struct Hits {
  std::span<const int32_t> positions;
  int64_t relevant = 0;
};

/// hits@K / |R|
double recall_at(const Hits& hits, int k);
/// hits@K / min(K, |R|)
double truncated_recall_at(const Hits& hits, int k);
/// 1 if hits@K > 0, else 0
double hit_at(const Hits& hits, int k);
/// sum_{p<K} hit(p) / log2(p+2)  /  sum_{p<min(K,|R|)} 1 / log2(p+2)
double ndcg_at(const Hits& hits, int k);
/// 1 / (1 + position of the first hit within K), 0 without one
double mrr_at(const Hits& hits, int k);
/// sum_{p<K} hit(p) * hits@(p+1) / (p+1)  /  min(K, |R|)
double map_at(const Hits& hits, int k);
/// hits@K / K
double precision_at(const Hits& hits, int k);

/// Any of the metrics above; NaN for the others.
double ranking_metric(const Metric& metric, const Hits& hits);

/// Finds hits; holds scratch memory of 4 bytes an item, so one object a thread.
class HitFinder {
 public:
  explicit HitFinder(int64_t n_items);

  /// Repeated relevant items count once. With `group` (one flag an item, non-zero for members) only
  /// relevant items of the group count, in hits and in |R| alike. The result lives until the next
  /// call. Throws `internal` on an item outside the catalogue.
  Hits find(std::span<const Index> ranked, std::span<const Index> relevant,
            std::span<const uint8_t> group = {});

 private:
  uint32_t next_stamp();

  std::vector<uint32_t> stamps_;
  uint32_t stamp_ = 0;
  std::vector<int32_t> positions_;
};

/// coverage@K: the share of the catalogue that stands in at least one user's top K.
class Coverage {
 public:
  Coverage(std::vector<int> cutoffs, int64_t n_items);

  void add(std::span<const Index> ranked);
  /// Adds what another object of the same cut-offs and catalogue has seen (evaluation in shards).
  void merge(const Coverage& other);
  /// The share at one of the cut-offs; NaN before the first list, for an empty catalogue and for a
  /// cut-off that is not counted. With `group` (one flag an item) the share of the group's items.
  double at(int k, std::span<const uint8_t> group = {}) const;

 private:
  std::vector<int> cutoffs_;
  std::vector<std::vector<uint8_t>> seen_;  ///< [cut-offs][items]
  int64_t n_items_;
  bool any_ = false;
};

}  // namespace kindred::eval
