#include "data/sampler.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::data {

RowNumbers BatchSampler::batch(int64_t epoch, int64_t step) const {
  const auto epoch_order = order(epoch);
  check(step >= 0 && step < epoch_order->steps(), "a batch's step is inside its epoch");
  const auto begin = epoch_order->rows.begin();
  const auto s = static_cast<size_t>(step);
  return {begin + epoch_order->offsets[s], begin + epoch_order->offsets[s + 1]};
}

std::shared_ptr<const EpochOrder> BatchSampler::order(int64_t epoch) const {
  check(epoch >= 0, "an epoch is not negative");
  const std::lock_guard lock(mutex_);
  if (epoch != epoch_) {
    order_ = std::make_shared<const EpochOrder>(make(epoch));
    epoch_ = epoch;
  }
  return order_;
}

ShuffledBatches::ShuffledBatches(int64_t rows, int64_t batch_size, uint64_t seed,
                                 std::string stream)
    : rows_(rows), batch_size_(batch_size), seed_(seed), stream_(std::move(stream)) {
  check(rows >= 0 && batch_size > 0, "batches have a positive size");
}

namespace {

RowNumbers shuffled_rows(int64_t rows, Random& random) {
  RowNumbers order(static_cast<size_t>(rows));
  std::iota(order.begin(), order.end(), int64_t{0});
  random.shuffle(order);
  return order;
}

}  // namespace

EpochOrder ShuffledBatches::make(int64_t epoch) const {
  Random random(seed_, stream_, {static_cast<uint64_t>(epoch)});
  EpochOrder order;
  order.rows = shuffled_rows(rows_, random);
  for (int64_t end = 0; end < rows_;)
    order.offsets.push_back(end = std::min(end + batch_size_, rows_));
  return order;
}

BucketedBatches::BucketedBatches(std::vector<int32_t> lengths, BucketLimits limits, uint64_t seed,
                                 std::string stream, int64_t window)
    : lengths_(std::move(lengths)),
      limits_(limits),
      window_(window),
      seed_(seed),
      stream_(std::move(stream)) {
  check(limits.rows > 0 || limits.padded_tokens > 0 || limits.packed_tokens > 0,
        "bucketed batches have a limit");
}

namespace {

/// Cuts rows in their order into batches within the limits.
std::vector<std::span<const int64_t>> cut(std::span<const int64_t> rows,
                                          const std::vector<int32_t>& lengths,
                                          const BucketLimits& limits) {
  std::vector<std::span<const int64_t>> batches;
  size_t begin = 0;
  int64_t longest = 0, sum = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const int64_t length = lengths[static_cast<size_t>(rows[i])];
    const auto count = static_cast<int64_t>(i - begin) + 1;
    const int64_t padded = count * std::max(longest, length);
    const bool over = (limits.rows > 0 && count > limits.rows) ||
                      (limits.padded_tokens > 0 && padded > limits.padded_tokens) ||
                      (limits.packed_tokens > 0 && sum + length > limits.packed_tokens);
    if (over && count > 1) {
      batches.push_back(rows.subspan(begin, i - begin));
      begin = i;
      longest = sum = 0;
    }
    longest = std::max(longest, length);
    sum += length;
  }
  if (begin < rows.size()) batches.push_back(rows.subspan(begin));
  return batches;
}

}  // namespace

EpochOrder BucketedBatches::make(int64_t epoch) const {
  Random random(seed_, stream_, {static_cast<uint64_t>(epoch)});
  const auto rows = static_cast<int64_t>(lengths_.size());
  RowNumbers sorted = shuffled_rows(rows, random);
  const int64_t window = window_ > 0 ? window_ : std::max<int64_t>(rows, 1);
  for (int64_t begin = 0; begin < rows; begin += window)
    std::stable_sort(sorted.begin() + begin, sorted.begin() + std::min(begin + window, rows),
                     [&](int64_t a, int64_t b) {
                       return lengths_[static_cast<size_t>(a)] < lengths_[static_cast<size_t>(b)];
                     });
  auto batches = cut(sorted, lengths_, limits_);
  random.shuffle(batches);
  EpochOrder order;
  order.rows.reserve(sorted.size());
  for (const auto batch : batches) {
    order.rows.insert(order.rows.end(), batch.begin(), batch.end());
    order.offsets.push_back(static_cast<int64_t>(order.rows.size()));
  }
  return order;
}

RowNumbers stripe(std::span<const int64_t> batch, int64_t rank, int64_t world) {
  check(world > 0 && rank >= 0 && rank < world, "a rank is one of the world's");
  RowNumbers rows;
  for (size_t i = static_cast<size_t>(rank); i < batch.size(); i += static_cast<size_t>(world))
    rows.push_back(batch[i]);
  return rows;
}

NegativeSampler::NegativeSampler(Csr known, Index items)
    : known_(std::move(known)), items_(items) {}

Index NegativeSampler::available(Index user) const {
  return items_ - static_cast<Index>(known_.row(user).size());
}

/// The n-th of the items that the user has not: between the k-th and the next known item lie those
/// whose number is their rank plus k.
Index NegativeSampler::nth(Index user, uint64_t n) const {
  const auto known = known_.row(user);
  size_t low = 0, high = known.size();
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (static_cast<uint64_t>(known[middle]) - middle <= n)
      low = middle + 1;
    else
      high = middle;
  }
  return static_cast<Index>(n + low);
}

Index NegativeSampler::draw(Index user, Random& random) const {
  const Index left = available(user);
  if (left <= 0)
    throw Error(Exit::bad_data, "negatives",
                cat("user ", user, " has all ", items_, " items, none is left to be a negative"));
  return nth(user, random.below(static_cast<uint64_t>(left)));
}

std::vector<Index> NegativeSampler::draw_distinct(Index user, Index count, Random& random) const {
  const auto left = static_cast<uint64_t>(std::max<Index>(available(user), 0));
  std::vector<Index> items;
  for (const uint64_t n :
       random.sample(left, std::min<uint64_t>(left, static_cast<uint64_t>(count))))
    items.push_back(nth(user, n));
  return items;
}

}  // namespace kindred::data
