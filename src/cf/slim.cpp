#include "cf/slim.h"

#include <atomic>
#include <cmath>

#include "cf/closed_form.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/strings.h"

namespace kindred::cf {
namespace {

/// X'X in compressed rows; a count of people is exact in float.
struct Gram {
  ItemWeights rows;
  std::vector<double> diagonal;
};

/// Bytes of the sparse Gram matrix at most, while it is built.
uint64_t gram_bytes(const data::Csr& users, const data::Csr& items) {
  uint64_t entries = 0;
  for (int64_t i = 0; i < items.rows(); ++i) {
    uint64_t met = 0;
    for (const Index user : items.row(i)) met += users.row(user).size();
    entries += std::min<uint64_t>(met, static_cast<uint64_t>(items.rows()));
  }
  return entries * 2 * (sizeof(Index) + sizeof(float));
}

Gram gram_matrix(const data::Csr& users, const std::stop_token& stop, Index count) {
  const data::Csr items = transposed(users, count);
  require_memory(gram_bytes(users, items), "slim",
                 cat("the counts of ", count, " items meeting each other"),
                 "filter rare items (data.k_core, data.min_item_events) or use item-knn");
  std::vector<WeightedItems> rows(static_cast<size_t>(count));
  Gram gram{{}, std::vector<double>(static_cast<size_t>(count))};
  for_item_blocks(count, "slim: gram", stop, [&](Index begin, Index end) {
    CooccurrenceRow row(users, items, {});
    for (Index i = begin; i < end; ++i) {
      for (const Index j : row.compute(i)) rows[i].emplace_back(j, static_cast<float>(row[j]));
      gram.diagonal[i] = static_cast<double>(items.row(i).size());
    }
  });
  gram.rows = weights_from_rows(std::move(rows));
  return gram;
}

/// Coordinate descent for one column at a time; its scratch is reused. One a thread.
class ColumnSolver {
 public:
  ColumnSolver(const Gram& gram, const SlimOptions& options)
      : gram_(gram),
        options_(options),
        residual_(gram.diagonal.size()),
        weight_(gram.diagonal.size()) {}

  /// The non-zero weights of column `target`; `solved` is whether the tolerance was reached.
  WeightedItems solve(Index target, bool& solved) {
    gather(target);
    solved = false;
    // Sweeps over the weights that are not 0 are cheap; a sweep over all of them must agree.
    for (int64_t sweep = 0; sweep < options_.max_iterations && !solved; ++sweep) {
      solved = sweep_over(candidates_);
      while (!solved && ++sweep < options_.max_iterations && !sweep_over(nonzero())) continue;
    }
    WeightedItems column;
    for (const Index item : candidates_) {
      if (weight_[item] != 0) column.emplace_back(item, static_cast<float>(weight_[item]));
      weight_[item] = 0;
    }
    return column;
  }

 private:
  /// residual = X'x_target, and the items whose weight may leave 0: with non-negative weights (and
  /// counts) every gradient only falls, so only those that meet the target more than l1 times.
  void gather(Index target) {
    std::fill(residual_.begin(), residual_.end(), 0.0);
    candidates_.clear();
    const auto& [targets, values] = gram_.rows;
    for (int64_t k = targets.offsets[target]; k < targets.offsets[target + 1]; ++k) {
      const Index item = targets.columns[k];
      residual_[item] = values[k];
      if (options_.non_negative && item != target && residual_[item] > options_.l1)
        candidates_.push_back(item);
    }
    if (options_.non_negative) return;
    for (size_t item = 0; item < residual_.size(); ++item)
      if (static_cast<Index>(item) != target && gram_.diagonal[item] > 0)
        candidates_.push_back(static_cast<Index>(item));
  }

  const std::vector<Index>& nonzero() {
    active_.clear();
    for (const Index item : candidates_)
      if (weight_[item] != 0) active_.push_back(item);
    return active_;
  }

  /// One coordinate step on each item; whether nothing moved by more than the tolerance.
  bool sweep_over(const std::vector<Index>& items) {
    double moved = 0, largest = 0;
    for (const Index item : items) {
      const double before = weight_[item];
      const double pull = residual_[item] + before * gram_.diagonal[item];
      double after = std::max(std::abs(pull) - options_.l1, 0.0);
      if (pull < 0) after = options_.non_negative ? 0.0 : -after;
      after /= gram_.diagonal[item] + options_.l2;
      if (after != before) move(item, after - before);
      weight_[item] = after;
      moved = std::max(moved, std::abs(after - before));
      largest = std::max(largest, std::abs(after));
    }
    return moved <= options_.tolerance * largest;
  }

  void move(Index item, double change) {
    const auto& [targets, values] = gram_.rows;
    for (int64_t k = targets.offsets[item]; k < targets.offsets[item + 1]; ++k)
      residual_[targets.columns[k]] -= change * values[k];
  }

  const Gram& gram_;
  const SlimOptions& options_;
  std::vector<double> residual_;  ///< X'(x_target - X w)
  std::vector<double> weight_;
  std::vector<Index> candidates_, active_;
};

}  // namespace

Slim::Slim(const SlimOptions& options, const data::Dataset& dataset)
    : ItemItemRecommender(dataset), options_(options) {}

void Slim::solve(const data::Dataset&, const std::stop_token& stop) {
  const auto count = static_cast<Index>(item_count());
  const Gram gram = gram_matrix(interactions(), stop, count);
  std::vector<WeightedItems> columns(static_cast<size_t>(count));
  std::atomic<int64_t> unsolved{0};
  for_item_blocks(count, "slim", stop, [&](Index begin, Index end) {
    ColumnSolver solver(gram, options_);
    for (Index j = begin; j < end; ++j) {
      bool solved = true;
      columns[j] = solver.solve(j, solved);
      if (!solved) ++unsolved;
    }
  });
  if (unsolved > 0)
    log::warning(cat("slim: ", unsolved.load(), " of ", count, " items did not reach tolerance ",
                     options_.tolerance, " in ", options_.max_iterations,
                     " sweeps; raise slim.max_iterations"));
  weights_ = weights_from_columns(columns);
}

namespace {

std::unique_ptr<model::Method> create(const model::MethodContext& context) {
  return closed_form<Slim, SlimOptions>(context, "slim");
}

std::shared_ptr<model::Recommender> load(const model::SavedModel& saved) {
  return std::make_shared<Slim>(saved);
}

}  // namespace

model::CatalogEntry slim_entry() {
  return {"slim",
          "sparse linear method, elastic net a column (Ning and Karypis 2011)",
          [](const model::MethodContext& context) {
            return closed_form_settings<SlimOptions>(context, "slim");
          },
          create,
          load,
          [] { return describe_options<SlimOptions>(); }};
}

}  // namespace kindred::cf
