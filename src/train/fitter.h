#pragma once
// The parts of the training loop; the loop itself is fit.cpp.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/progress.h"
#include "train/checkpoint.h"
#include "train/fit.h"
#include "train/optimizer.h"
#include "train/prefetch.h"
#include "train/schedule.h"
#include "train/scopes.h"
#include "train/state.h"

namespace kindred::train {

/// What one optimiser step came to.
struct StepOutcome {
  explicit StepOutcome(const PreparedStep& prepared) : step(prepared) {}

  const PreparedStep& step;
  int64_t rows = 0;
  double labels = 0, loss = 0, gradient_norm = 0, learning_rate = 0, seconds = 0;
  std::vector<std::pair<std::string, double>> shown;

  /// Adds to a shown part of that name.
  void show(const std::string& name, double value);
};

/// The log record of a step.
Json step_record(const model::Stage& stage, const FitState& state, const StepOutcome& outcome);

/// One run of a stage.
class Fitter {
 public:
  Fitter(model::Stage& stage, const FitContext& context);
  FitResult run();

 private:
  /// Resumes, or starts in an emptied folder; says how often an epoch passes over the data.
  void begin();
  void save();
  Json identity() const;
  void train_step(PreparedStep& step);
  /// Those of the step's batch `index`, whose first row is row `first` of the step's.
  void add_gradients(size_t index, int64_t first, StepOutcome& outcome);
  bool limit_reached() const;
  /// Saves and throws `interrupted` when the stop token is set.
  void stop_if_asked();
  /// Validates, keeps the best, saves; whether training is over.
  bool end_epoch(TrainingModes& modes);
  void validate(TrainingModes& modes, double train_loss);
  double selected(const Validation& validation, double train_loss) const;
  void keep_best(double value);
  void end();
  [[noreturn]] void diverged(const StepOutcome& outcome, const std::string& what);
  void record(Json record);

  model::Stage& stage_;
  const FitContext& context_;
  CheckpointFolder checkpoints_;
  FitState state_;
  Optimizer optimizer_;
  int64_t total_steps_ = 0;
  model::NamedTensors best_;  // of the best epoch, where there is no folder to keep it in
  std::optional<Progress> progress_;
};

}  // namespace kindred::train
