#include "train/plan.h"

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::train {

using model::Alternation;

int64_t Plan::batches(size_t objective, int64_t epoch) {
  const auto key = std::make_pair(objective, epoch);
  const auto found = known_.find(key);
  if (found != known_.end()) return found->second;
  if (known_.size() > 4096) known_.clear();
  return known_[key] = stage_.objectives[objective]->steps(epoch);
}

int64_t Plan::pass_steps(size_t objective, int64_t epoch) {
  const int64_t together = stage_.train.accumulate;
  return (batches(objective, epoch) + together - 1) / together;
}

int64_t Plan::steps(int64_t epoch) {
  int64_t longest = 0, sum = 0, turns = 0;
  for (size_t o = 0; o < stage_.objectives.size(); ++o) {
    const int64_t own = pass_steps(o, epoch);
    longest = std::max(longest, own);
    sum += own;
    turns += own > 0;
  }
  if (sum == 0)
    throw Error(Exit::bad_data, cat("stage ", stage_.name),
                cat("epoch ", epoch + 1, " has no training batch; is the training part empty?"));
  return stage_.alternation == Alternation::epoch ? sum : longest * turns;
}

StepPlan Plan::at(int64_t epoch, int64_t step) {
  StepPlan plan;
  int64_t pass_epoch = epoch, within = step;
  if (stage_.alternation == Alternation::epoch) {
    while (within >= pass_steps(plan.objective, epoch))
      within -= pass_steps(plan.objective++, epoch);
  } else {
    std::vector<size_t> turns;  // objectives that have batches in this epoch
    for (size_t o = 0; o < stage_.objectives.size(); ++o)
      if (pass_steps(o, epoch) > 0) turns.push_back(o);
    const auto count = static_cast<int64_t>(turns.size());
    plan.objective = turns[static_cast<size_t>(step % count)];
    within = step / count;
    while (within >= pass_steps(plan.objective, pass_epoch)) {
      within -= pass_steps(plan.objective, pass_epoch);
      const int64_t next = pass_epoch + std::max<int64_t>(1, stage_.train.epochs);
      // Another epoch number may hold no batch at all: then this epoch's are read again.
      pass_epoch = pass_steps(plan.objective, next) > 0 ? next : epoch;
    }
  }
  const int64_t first = within * stage_.train.accumulate;
  const int64_t end =
      std::min(first + stage_.train.accumulate, batches(plan.objective, pass_epoch));
  for (int64_t b = first; b < end; ++b) plan.batches.emplace_back(pass_epoch, b);
  return plan;
}

int64_t Plan::total() {
  const int64_t limit = stage_.train.max_steps;
  int64_t sum = 0;
  for (int64_t epoch = 0; epoch < stage_.train.epochs; ++epoch) {
    sum += steps(epoch);
    if (limit > 0 && sum >= limit) return limit;
  }
  return sum;
}

}  // namespace kindred::train
