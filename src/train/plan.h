#pragma once
// Which batches each optimiser step reads: the turns of a stage's objectives.

#include <cstdint>
#include <map>
#include <string>
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

  /// Optimiser steps in an epoch: `steps_per_epoch`, else those of a pass. Throws `bad_data` when
  /// no objective has a batch in it.
  int64_t steps(int64_t epoch);
  /// The step-th of them, from 0.
  StepPlan at(int64_t epoch, int64_t step);
  /// Steps of all epochs, at most `max_steps` where that is set.
  int64_t total();
  /// How epochs and passes over the data go together where they are not simply the same, in
  /// sentences.
  std::vector<std::string> in_words();

 private:
  /// A step of a pass, both from 0. Objectives count passes as their epochs.
  struct Place {
    int64_t pass = 0, step = 0;
  };
  int64_t batches(size_t objective, int64_t pass);
  /// Optimiser steps of one pass over an objective's data: its last step may have fewer batches.
  int64_t objective_steps(size_t objective, int64_t pass);
  /// Optimiser steps of one pass of all objectives in their turns.
  int64_t pass_steps(int64_t pass);
  /// The step that is the `number`-th of all, from 0.
  Place place(int64_t number);
  /// Passes that all epochs begin.
  int64_t passes();

  const model::Stage& stage_;
  std::map<std::pair<size_t, int64_t>, int64_t> known_;
  std::vector<int64_t> ends_;  // steps up to the end of each pass, as far as was asked
};

}  // namespace kindred::train
