#include "train/plan.h"

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::train {

using model::Alternation;

int64_t Plan::batches(size_t objective, int64_t pass) {
  const auto key = std::make_pair(objective, pass);
  const auto found = known_.find(key);
  if (found != known_.end()) return found->second;
  if (known_.size() > 4096) known_.clear();
  return known_[key] = stage_.objectives[objective]->steps(pass);
}

int64_t Plan::objective_steps(size_t objective, int64_t pass) {
  const int64_t together = stage_.train.accumulate;
  return (batches(objective, pass) + together - 1) / together;
}

int64_t Plan::pass_steps(int64_t pass) {
  int64_t longest = 0, sum = 0, turns = 0;
  for (size_t o = 0; o < stage_.objectives.size(); ++o) {
    const int64_t own = objective_steps(o, pass);
    longest = std::max(longest, own);
    sum += own;
    turns += own > 0;
  }
  if (sum == 0)
    throw Error(Exit::bad_data, cat("stage ", stage_.name),
                cat("epoch ", pass + 1, " has no training batch; is the training part empty?"));
  return stage_.alternation == Alternation::epoch ? sum : longest * turns;
}

int64_t Plan::steps(int64_t epoch) {
  const int64_t own = stage_.train.steps_per_epoch;
  return own > 0 ? own : pass_steps(epoch);
}

Plan::Place Plan::place(int64_t number) {
  while (ends_.empty() || ends_.back() <= number) {
    const auto pass = static_cast<int64_t>(ends_.size());
    ends_.push_back((ends_.empty() ? 0 : ends_.back()) + pass_steps(pass));
  }
  const auto end = std::upper_bound(ends_.begin(), ends_.end(), number);
  return {end - ends_.begin(), end == ends_.begin() ? number : number - end[-1]};
}

int64_t Plan::passes() {
  if (stage_.train.steps_per_epoch == 0) return std::max<int64_t>(1, stage_.train.epochs);
  return place(std::max<int64_t>(0, total() - 1)).pass + 1;
}

StepPlan Plan::at(int64_t epoch, int64_t step) {
  const int64_t own = stage_.train.steps_per_epoch;
  const Place here = own > 0 ? place(epoch * own + step) : Place{epoch, step};
  StepPlan plan;
  int64_t pass = here.pass, within = here.step;
  if (stage_.alternation == Alternation::epoch) {
    while (within >= objective_steps(plan.objective, pass))
      within -= objective_steps(plan.objective++, pass);
  } else {
    std::vector<size_t> turns;  // objectives that have batches in this pass
    for (size_t o = 0; o < stage_.objectives.size(); ++o)
      if (objective_steps(o, pass) > 0) turns.push_back(o);
    const auto count = static_cast<int64_t>(turns.size());
    plan.objective = turns[static_cast<size_t>(here.step % count)];
    within = here.step / count;
    while (within >= objective_steps(plan.objective, pass)) {
      within -= objective_steps(plan.objective, pass);
      const int64_t next = pass + passes();
      // Another number may hold no batch at all: then this pass's are read again.
      pass = objective_steps(plan.objective, next) > 0 ? next : here.pass;
    }
  }
  const int64_t first = within * stage_.train.accumulate;
  const int64_t end = std::min(first + stage_.train.accumulate, batches(plan.objective, pass));
  for (int64_t b = first; b < end; ++b) plan.batches.emplace_back(pass, b);
  return plan;
}

std::vector<std::string> Plan::in_words() {
  std::vector<std::string> sentences;
  const int64_t own = stage_.train.steps_per_epoch, whole = pass_steps(0);
  const auto times = [](int64_t part, int64_t of) {
    return number(static_cast<double>(part) / static_cast<double>(of), 3);
  };
  if (own > 0 && own != whole)
    sentences.push_back(cat("an epoch is ", own, " steps, a pass over the data ", whole, ": ",
                            total(), " steps are ", times(total(), whole), " passes"));
  if (stage_.alternation == Alternation::epoch) return sentences;
  size_t longest = 0;
  for (size_t o = 1; o < stage_.objectives.size(); ++o)
    if (objective_steps(o, 0) > objective_steps(longest, 0)) longest = o;
  const int64_t most = objective_steps(longest, 0);
  for (size_t o = 0; o < stage_.objectives.size(); ++o) {
    const int64_t steps = objective_steps(o, 0);
    if (steps > 0 && steps < most)
      sentences.push_back(cat(own > 0 ? "a pass" : "an epoch", " is one over the data of ",
                              stage_.objectives[longest]->name(), " (", most, " steps); that of ",
                              stage_.objectives[o]->name(), " (", steps, ") is passed over ",
                              times(most, steps), " times in it"));
  }
  return sentences;
}

int64_t Plan::total() {
  const int64_t limit = stage_.train.max_steps, own = stage_.train.steps_per_epoch;
  if (own > 0) {
    pass_steps(0);  // that there is data is said before training
    const int64_t all = stage_.train.epochs * own;
    return limit > 0 ? std::min(limit, all) : all;
  }
  int64_t sum = 0;
  for (int64_t epoch = 0; epoch < stage_.train.epochs; ++epoch) {
    sum += steps(epoch);
    if (limit > 0 && sum >= limit) return limit;
  }
  return sum;
}

}  // namespace kindred::train
