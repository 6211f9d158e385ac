#pragma once
// Learning rates over a stage.

#include "model/objective.h"

namespace kindred::train {

/// Where an optimiser step stands.
struct StepPlace {
  int64_t step = 1;   ///< from 1
  int64_t total = 0;  ///< steps of the stage; 0: unknown, as `constant` needs none
  int64_t step_in_epoch = 1;
};

/// The learning rate of an optimiser step. Warm-up rises linearly: from one step's share of
/// `learning_rate` to all of it at step `warmup_steps`, or from `warmup_from` to `learning_rate` at
/// the step after; cosine and linear then fall to `final_learning_rate` at the last step. `warmup:
/// per-epoch` is CoLLM's released scheduler (its optims.py): the ramp goes by the step within the
/// epoch, and cosine and linear go by the share of all steps that are done.
double learning_rate(const model::TrainOptions& options, const StepPlace& place);

}  // namespace kindred::train
