#include "train/fitter.h"

#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/strings.h"
#include "train/snapshot.h"

namespace kindred::train {

void StepOutcome::show(const std::string& name, double value) {
  for (auto& [known, sum] : shown)
    if (known == name) {
      sum += value;
      return;
    }
  shown.emplace_back(name, value);
}

Json step_record(const model::Stage& stage, const FitState& state, const StepOutcome& outcome) {
  Json record = {{"stage", stage.name},
                 {"objective", stage.objectives[outcome.step.plan.objective]->name()},
                 {"epoch", outcome.step.epoch + 1},
                 {"step", state.steps},
                 {"loss", outcome.loss}};
  for (const auto& [name, value] : outcome.shown) record[name] = value;
  record["gradient_norm"] = outcome.gradient_norm;
  record["learning_rate"] = outcome.learning_rate;
  record["rows"] = outcome.rows;
  record["labels"] = outcome.labels;
  record["seconds"] = outcome.seconds;
  record["labels_per_second"] = outcome.seconds > 0 ? outcome.labels / outcome.seconds : 0.0;
  return record;
}

Fitter::Fitter(model::Stage& stage, const FitContext& context)
    : stage_(stage),
      context_(context),
      checkpoints_(context.folder),
      optimizer_(stage),
      total_steps_(stage.train.epochs > 0 ? Plan(stage).total() : 0) {
  if (!context.quiet) progress_.emplace(stage.name, static_cast<uint64_t>(total_steps_));
  if (stage.train.select.empty() || stage.train.select == "loss") return;
  if (!context.validate || stage.train.evaluate_every == 0)
    throw Error(Exit::config, cat("stages.", stage.name, ".select"),
                cat("got '", stage.train.select,
                    "', but nothing is validated; set evaluate_every, or select: loss"));
}

Json Fitter::identity() const {
  Json objectives = Json::array();
  for (const auto& objective : stage_.objectives) objectives.push_back(objective->name());
  return {{"fingerprint", context_.fingerprint},
          {"description", context_.description},
          {"stage", stage_.name},
          {"seed", context_.seed},
          {"train", write_options(stage_.train)},
          {"objectives", objectives},
          {"alternation", stage_.alternation == model::Alternation::step ? "step" : "epoch"}};
}

void Fitter::begin() {
  std::optional<Checkpoint> checkpoint;
  if (context_.resume)
    checkpoint = checkpoints_.newest(identity(), context_.previous);
  else
    checkpoints_.clear();
  if (checkpoint) {
    const std::string where = cat("the checkpoint of stage ", stage_.name);
    put_back(stage_, checkpoint->tensors, where);
    state_ = checkpoint->state;
    if (!state_.finished) optimizer_.restore(checkpoint->tensors, where);
    log::info(cat("stage ", stage_.name, ": ", state_.finished ? "already finished" : "resumed",
                  " after epoch ", state_.epoch, ", step ", state_.steps));
  }
  if (context_.resume && context_.cut_back) context_.cut_back(state_.records);
  if (progress_) progress_->skip(static_cast<uint64_t>(state_.steps));
  if (state_.finished || total_steps_ == 0) return;
  for (const std::string& sentence : Plan(stage_).in_words())
    log::info(cat("stage ", stage_.name, ": ", sentence));
}

void Fitter::save() {
  model::NamedTensors tensors = stage_tensors(stage_);
  if (!state_.finished)
    for (auto& entry : optimizer_.state()) tensors.push_back(std::move(entry));
  checkpoints_.save({state_, identity(), std::move(tensors)});
}

bool Fitter::limit_reached() const {
  return stage_.train.max_steps > 0 && state_.steps >= stage_.train.max_steps;
}

void Fitter::stop_if_asked() {
  if (!context_.stop.stop_requested()) return;
  progress_.reset();
  save();
  throw Error(Exit::interrupted, cat("stage ", stage_.name),
              cat("stopped on request after step ", state_.steps,
                  checkpoints_.active() ? "; the state was saved in " + context_.folder.string()
                                        : "; nothing was saved"));
}

bool Fitter::end_epoch(TrainingModes& modes) {
  const double train_loss =
      state_.epoch_loss / static_cast<double>(std::max<int64_t>(1, state_.step_in_epoch));
  const bool last = limit_reached() || state_.epoch + 1 == stage_.train.epochs;
  ++state_.epoch;
  state_.step_in_epoch = 0;
  state_.epoch_loss = 0;
  const int64_t every = stage_.train.evaluate_every;
  if (every > 0 && (last || state_.epoch % every == 0)) validate(modes, train_loss);
  const bool patient = stage_.train.patience == 0 || state_.worse < stage_.train.patience;
  if (last || !patient) return true;
  const int64_t often = stage_.train.checkpoint_every;
  if (often > 0 && state_.epoch % often == 0) save();
  return false;
}

double Fitter::selected(const Validation& validation, double train_loss) const {
  if (validation.selected) return *validation.selected;
  if (stage_.train.select != "loss")
    throw Error(Exit::config, cat("stages.", stage_.name, ".select"),
                cat("got '", stage_.train.select,
                    "', but the validation has no value of it; expected `loss` or nothing"));
  for (const auto& [name, value] : validation.numbers)
    if (name == "loss") return -value;
  return -train_loss;
}

void Fitter::validate(TrainingModes& modes, double train_loss) {
  Validation validation;
  if (context_.validate) {
    modes.evaluate();
    if (stage_.refresh) stage_.refresh();
    validation = context_.validate();
    modes.train();
  }
  Json entry = {{"stage", stage_.name},
                {"epoch", state_.epoch},
                {"step", state_.steps},
                {"train_loss", train_loss},
                {"valid", Json::object()}};
  for (const auto& [name, value] : validation.numbers) entry["valid"][name] = value;
  if (!stage_.train.select.empty()) {
    const double value = selected(validation, train_loss);
    const bool better = std::isfinite(value) && (state_.best_epoch < 0 || value > state_.best);
    entry["select"] = value;
    entry["best"] = better;
    if (better) keep_best(value);
    state_.worse = better ? 0 : state_.worse + 1;
  }
  record(std::move(entry));
}

void Fitter::keep_best(double value) {
  state_.best = value;
  state_.best_epoch = state_.epoch;
  if (checkpoints_.active())
    checkpoints_.save_best(stage_tensors(stage_), state_.epoch);
  else
    best_ = copies(stage_tensors(stage_));
}

void Fitter::end() {
  progress_.reset();
  if (state_.best_epoch >= 0)
    put_back(stage_, checkpoints_.active() ? checkpoints_.load_best(state_.best_epoch) : best_,
             "the best epoch's state");
  state_.finished = true;
  save();
}

void Fitter::diverged(const StepOutcome& outcome, const std::string& what) {
  Json batches = Json::array();
  for (size_t b = 0; b < outcome.step.batches.size(); ++b)
    batches.push_back({{"epoch", outcome.step.plan.batches[b].first},
                       {"step", outcome.step.plan.batches[b].second},
                       {"rows", outcome.step.batches[b]->rows()},
                       {"labels", outcome.step.batches[b]->label_count()},
                       {"content", outcome.step.batches[b]->describe()}});
  const std::string& objective = stage_.objectives[outcome.step.plan.objective]->name();
  const Json report = {{"schema", 1},
                       {"stage", stage_.name},
                       {"objective", objective},
                       {"epoch", outcome.step.epoch + 1},
                       {"step", state_.steps + 1},
                       {"not_finite", what},
                       {"batches", std::move(batches)}};
  std::string written;
  if (!context_.folder.empty()) {
    const fs::path path = context_.folder / cat("diverged-", state_.steps + 1, ".json");
    write_file(path, report.dump(1) + "\n");
    written = cat("; its batch is in ", path.string());
  }
  progress_.reset();
  throw Error(Exit::internal, cat("stage ", stage_.name),
              cat(what, " is not a finite number in epoch ", outcome.step.epoch + 1, ", step ",
                  state_.steps + 1, " (objective ", objective, ")", written,
                  "; the last checkpoint was kept. Try a smaller learning_rate or clip_norm"));
}

void Fitter::record(Json record) {
  ++state_.records;
  if (context_.record) context_.record(record);
}

}  // namespace kindred::train
