#pragma once
// Samplers: they yield row numbers only, each batch a pure function of (seed, stream, epoch, step),
// so that training goes on anywhere without replaying what came before. All are safe to share
// between threads.

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/random.h"
#include "data/dataset.h"

namespace kindred::data {

/// Row numbers [rows].
using RowNumbers = std::vector<int64_t>;

/// Batches of one epoch: `offsets[s] .. offsets[s + 1]` of `rows` are step s.
struct EpochOrder {
  RowNumbers rows;
  std::vector<int64_t> offsets{0};

  int64_t steps() const { return static_cast<int64_t>(offsets.size()) - 1; }
};

/// Batches by (epoch, step). The order of the epoch asked for last is kept.
class BatchSampler {
 public:
  virtual ~BatchSampler() = default;

  /// Number of batches of an epoch.
  int64_t steps(int64_t epoch) const { return order(epoch)->steps(); }
  /// The rows of a batch. Throws `internal` where step is not in [0, steps(epoch)).
  RowNumbers batch(int64_t epoch, int64_t step) const;
  /// The whole epoch.
  std::shared_ptr<const EpochOrder> order(int64_t epoch) const;

 protected:
  virtual EpochOrder make(int64_t epoch) const = 0;

 private:
  mutable std::mutex mutex_;
  mutable int64_t epoch_ = -1;
  mutable std::shared_ptr<const EpochOrder> order_;
};

/// All rows once an epoch, shuffled, in batches of equal size (the last may be smaller).
class ShuffledBatches : public BatchSampler {
 public:
  /// `stream` names the use of chance; two samplers of one name and seed agree.
  ShuffledBatches(int64_t rows, int64_t batch_size, uint64_t seed, std::string stream);

 protected:
  EpochOrder make(int64_t epoch) const override;

 private:
  int64_t rows_, batch_size_;
  uint64_t seed_;
  std::string stream_;
};

/// How large a batch of rows of different lengths may be; 0 is no limit, one limit must be set.
struct BucketLimits {
  int64_t rows = 0;           ///< rows
  int64_t padded_tokens = 0;  ///< rows times the longest of them
  int64_t packed_tokens = 0;  ///< sum of lengths
};

/// All rows once an epoch in batches of similar length: rows are shuffled, sorted by length inside
/// windows of `window` rows (0: the whole epoch), cut into batches within the limits, and the
/// batches shuffled. A row above the limit is a batch of its own.
class BucketedBatches : public BatchSampler {
 public:
  BucketedBatches(std::vector<int32_t> lengths, BucketLimits limits, uint64_t seed,
                  std::string stream, int64_t window = 0);

 protected:
  EpochOrder make(int64_t epoch) const override;

 private:
  std::vector<int32_t> lengths_;
  BucketLimits limits_;
  int64_t window_;
  uint64_t seed_;
  std::string stream_;
};

/// The part of a global batch that belongs to `rank` of `world` processes: every world-th row. Over
/// all ranks each row once; the global batch does not depend on `world`.
RowNumbers stripe(std::span<const int64_t> batch, int64_t rank, int64_t world);

/// Uniform negatives: items that a user has not, each with the same chance, without rejection.
class NegativeSampler {
 public:
  /// `known` [users]: each user's items, ascending and distinct (Dataset::distinct_by_user).
  NegativeSampler(Csr known, Index items);

  /// Number of items a user has not.
  Index available(Index user) const;
  /// One item drawn from `random`. Throws `bad_data` where the user has every item.
  Index draw(Index user, Random& random) const;
  /// `count` distinct items in random order; fewer where fewer are available.
  std::vector<Index> draw_distinct(Index user, Index count, Random& random) const;

 private:
  Index nth(Index user, uint64_t n) const;

  Csr known_;
  Index items_;
};

}  // namespace kindred::data
