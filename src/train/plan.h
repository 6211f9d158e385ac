#pragma once
// Which batches each optimiser step reads: the turns of a stage's objectives.

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "model/objective.h"

namespace kindred::train {

/// The batches of one optimiser step, all of one objective.
struct StepPlan {
  size_t objective = 0;
  std::vector<std::pair<int64_t, int64_t>>
      batches;  ///< (epoch, step) as Objective::batch takes them
};

/// The order of a stage's optimiser steps, a pure function of the stage. Used by one thread at a
/// time.
class Plan {
 public:
  explicit Plan(const model::Stage& stage) : stage_(stage) {}

  /// Optimiser steps in an epoch. Throws `bad_data` when no objective has a batch in it.
  int64_t steps(int64_t epoch);
  /// The step-th of them, from 0.
  StepPlan at(int64_t epoch, int64_t step);
  /// Steps of all epochs, at most `max_steps` where that is set.
  int64_t total();

 private:
  int64_t batches(size_t objective, int64_t epoch);
  /// Optimiser steps of one pass over an objective's epoch: a pass's last step may have fewer
  /// batches.
  int64_t pass_steps(size_t objective, int64_t epoch);

  const model::Stage& stage_;
  std::map<std::pair<size_t, int64_t>, int64_t> known_;
};

}  // namespace kindred::train
