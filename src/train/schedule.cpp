#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace kindred::train {

namespace {

double share_of(int64_t part, int64_t whole) {
  return std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

double learning_rate(const model::TrainOptions& options, const StepPlace& place) {
  const double base = options.learning_rate, last = options.final_learning_rate;
  const int64_t warmup = options.warmup_steps;
  const bool restarts = options.warmup == "per-epoch";
  const auto ramp = static_cast<double>(restarts ? place.step_in_epoch : place.step);
  if (!options.warmup_from && place.step < warmup) return base * ramp / static_cast<double>(warmup);
  if (options.warmup_from && place.step <= warmup)
    return *options.warmup_from +
           (base - *options.warmup_from) * (ramp - 1) / static_cast<double>(warmup);
  if (options.schedule == "constant" || place.total <= warmup) return base;
  const double share = restarts ? share_of(place.step - 1, place.total)
                                : share_of(place.step - warmup, place.total - warmup);
  const double left =
      options.schedule == "linear" ? 1.0 - share : 0.5 * (1.0 + std::cos(std::numbers::pi * share));
  return last + (base - last) * left;
}

}  // namespace kindred::train
