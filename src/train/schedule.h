#pragma once
// Learning rates over a stage.

#include "model/objective.h"

namespace kindred::train {

/// The learning rate of the `step`-th optimiser step (from 1) of `total` (0: unknown, as `constant`
/// needs none). Warm-up rises linearly and reaches `learning_rate` at step `warmup_steps`; cosine
/// and linear then fall to `final_learning_rate` at the last step.
double learning_rate(const model::TrainOptions& options, int64_t step, int64_t total);

}  // namespace kindred::train
