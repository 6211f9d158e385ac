#include "train/fit.h"

#include <cmath>

#include "core/clock.h"
#include "core/error.h"
#include "core/random.h"
#include "core/strings.h"
#include "model/chance.h"
#include "train/fitter.h"

namespace kindred::train {

FitResult fit(model::Stage& stage, const FitContext& context) {
  if (stage.closed_form) {
    const double began = seconds_now();
    stage.closed_form->solve();
    if (stage.refresh) stage.refresh();
    FitResult result;
    result.seconds = seconds_now() - began;
    return result;
  }
  return Fitter(stage, context).run();
}

FitResult Fitter::run() {
  const KeepGenerator generator;
  const FlushDenormals denormals;
  const model::TrainedTables tables(stage_.tables);
  const TrainedParameters parameters(stage_);
  begin();
  if (!state_.finished) {
    TrainingModes modes(stage_.training, stage_.modules);
    Prefetcher source(stage_, state_.epoch, state_.step_in_epoch);
    while (auto step = source.next()) {
      stop_if_asked();
      train_step(*step);
      const bool epoch_over = ++state_.step_in_epoch == step->steps_in_epoch;
      if ((epoch_over || limit_reached()) && end_epoch(modes)) break;
    }
    end();
  }
  if (stage_.refresh) stage_.refresh();
  return {state_.epoch, state_.steps,   state_.best_epoch,
          state_.best,  state_.seconds, state_.final_loss};
}

/// One optimiser step: gradients of its batches added up, each weighed by its labels.
void Fitter::train_step(PreparedStep& step) {
  const double began = seconds_now();
  StepOutcome outcome(step);
  for (const auto& batch : step.batches) {
    outcome.rows += batch->rows();
    outcome.labels += batch->label_count();
  }
  optimizer_.clear();
  int64_t first = 0;
  for (size_t b = 0; outcome.labels > 0 && b < step.batches.size(); ++b) {
    add_gradients(b, first, outcome);
    first += step.batches[b]->rows();
  }
  const GradientNorm gradient = optimizer_.collect();
  outcome.gradient_norm = gradient.norm;
  if (!gradient.not_finite.empty()) diverged(outcome, "the gradient of " + gradient.not_finite);
  ++state_.steps;
  outcome.learning_rate =
      learning_rate(stage_.train, {state_.steps, total_steps_, state_.step_in_epoch + 1});
  if (outcome.labels > 0) optimizer_.step(outcome.learning_rate);
  optimizer_.clear();
  state_.epoch_loss += outcome.loss;
  state_.final_loss = outcome.loss;
  outcome.seconds = seconds_now() - began;
  state_.seconds += outcome.seconds;
  record(step_record(stage_, state_, outcome));
  if (!progress_) return;
  progress_->note("loss " + number(outcome.loss, 4));
  progress_->tick();
}

void Fitter::add_gradients(size_t index, int64_t first, StepOutcome& outcome) {
  model::Batch& batch = *outcome.step.batches[index];
  // A resumed run draws the same. Our dropout goes by a row's place in the whole step, so that a
  // step in parts drops what the whole does; what LibTorch drops itself has a stream a batch.
  const auto step = static_cast<uint64_t>(state_.steps);
  const model::BatchChance chance(Random(context_.seed, "dropout:" + stage_.name, {step})(), first);
  torch::manual_seed(Random(context_.seed, "torch:" + stage_.name, {step, index})());
  if (batch.label_count() == 0) return;
  batch.to(context_.device);
  const model::LossParts parts = stage_.objectives[outcome.step.plan.objective]->loss(batch);
  if (std::abs(parts.count - batch.label_count()) > 1e-6 * batch.label_count())
    throw Error(Exit::internal, cat("stage ", stage_.name),
                cat("a loss counted ", parts.count, " labels, its batch ", batch.label_count()));
  const double share = batch.label_count() / outcome.labels;
  outcome.loss += parts.sum.item<double>() / outcome.labels;
  for (const auto& [name, value] : parts.shown) outcome.show(name, value * share);
  if (!std::isfinite(outcome.loss)) diverged(outcome, "the loss");
  (parts.sum / outcome.labels).backward();
}

}  // namespace kindred::train
