#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace kindred::train {

double learning_rate(const model::TrainOptions& options, int64_t step, int64_t total) {
  const double base = options.learning_rate, last = options.final_learning_rate;
  const int64_t warmup = options.warmup_steps;
  if (step < warmup) return base * static_cast<double>(step) / static_cast<double>(warmup);
  if (options.schedule == "constant" || total <= warmup) return base;
  const double share =
      std::min(1.0, static_cast<double>(step - warmup) / static_cast<double>(total - warmup));
  const double left =
      options.schedule == "linear" ? 1.0 - share : 0.5 * (1.0 + std::cos(std::numbers::pi * share));
  return last + (base - last) * left;
}

}  // namespace kindred::train
