#pragma once
// The one training loop. It knows no recommender and no metric.

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "model/objective.h"

namespace kindred::train {

using NamedNumbers = std::vector<std::pair<std::string, double>>;

/// What a validation of the current model says.
struct Validation {
  NamedNumbers numbers;            ///< for the log, such as "ndcg@10"
  std::optional<double> selected;  ///< what the stage selects by: larger is better
};

/// What the loop is run in.
struct FitContext {
  std::filesystem::path
      folder;  ///< checkpoints of this stage (made if absent); empty: none are kept
  uint64_t seed = 1;
  torch::Device device = torch::kCPU;
  bool resume = false;
  bool previous = false;  ///< on resume: a damaged checkpoint is passed over for the one before
  /// Fingerprint of data and options; a checkpoint of another one is refused.
  std::string fingerprint;
  /// What the fingerprint was made from, in words: a refusal prints what differs.
  Json description;
  /// Asked every `evaluate_every` epochs. Who supplies it knows what the stage's `select` means;
  /// the loop itself knows only `loss`, the number of that name, else the training loss.
  std::function<Validation()> validate;
  /// Called with every log record: {"stage", "epoch", "step", "loss", ...}.
  std::function<void(const Json&)> record;
  /// Called with the number of records written so far on resume, so that logs are cut back.
  std::function<void(int64_t records)> cut_back;
  std::stop_token stop;
  bool quiet = false;
};

/// How a stage ended.
struct FitResult {
  int64_t epochs = 0, steps = 0;
  int64_t best_epoch = -1;  ///< from 1; -1: nothing was selected
  double best = 0;
  double seconds = 0;  ///< of training, validation excluded
  double final_loss = 0;
};

/// Trains a stage and leaves the selected state in its parameters. Throws `internal` when the loss
/// diverges (the batch is written out, the last good state kept), `interrupted` after saving when
/// the stop token is set, `bad_data` for a checkpoint of other data or options or a damaged one,
/// `io` when a checkpoint cannot be written (the one before it stays). A finished stage that is
/// resumed is put back as it ended.
FitResult fit(model::Stage& stage, const FitContext& context);

}  // namespace kindred::train
