#pragma once
// What is trained and how: batches, objectives, stages. A method is a recommender plus its stages.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/options.h"
#include "model/table.h"
#include "model/tensors.h"

namespace kindred::model {

class Recommender;

/// One step's input. The loop uses only these three.
class Batch {
 public:
  virtual ~Batch() = default;
  virtual int64_t rows() const = 0;
  /// What the loss is a mean over; known before the loss is computed, so that accumulated
  /// micro-batches give the mean of the whole.
  virtual double label_count() const = 0;
  virtual void to(torch::Device device) = 0;
  /// What it holds, written to a file when the loss is not a number (indices, not texts).
  virtual Json describe() const { return nullptr; }
};

/// The loss of a batch as a sum and what to divide it by (the batch's label_count()). `shown` are
/// already-divided parts for the
/// log.
struct LossParts {
  torch::Tensor sum;  ///< scalar
  double count = 0;
  std::vector<std::pair<std::string, double>> shown;
};

/// A named loss with its own batches.
class Objective {
 public:
  virtual ~Objective() = default;
  virtual std::string name() const = 0;
  /// Batches in an epoch, which is a pass over its data.
  virtual int64_t steps(int64_t epoch) const = 0;
  /// The batch of (epoch, step): a pure function of them and the seed, so a run resumes anywhere.
  /// Called from a prefetching thread: must not touch the model.
  virtual std::unique_ptr<Batch> batch(int64_t epoch, int64_t step) const = 0;
  virtual LossParts loss(const Batch& batch) = 0;
};

/// How several objectives take turns.
enum class Alternation {
  step,   ///< one step of each in turn (the paper of CLLM4Rec); a pass is as long as the longest,
          ///< the shorter ones start over: their r-th pass in pass e reads the batches of epoch e +
          ///< r times the number of passes (`train.epochs`), which no other pass reads
  epoch,  ///< a whole epoch of each in turn (its released code)
};

/// Ordinary parameters that share a learning-rate scale and weight decay: fp32, contiguous, by
/// names that no other parameter or table of the stage has.
struct ParameterGroup {
  std::vector<std::pair<std::string, torch::Tensor>> parameters;
  double learning_rate_scale = 1.0;
  std::optional<double> weight_decay;  ///< empty: the stage's `weight_decay`
};

/// The `stages.<name>` section of a recipe: the common training options of one stage.
struct TrainOptions {
  int64_t epochs = 1;
  int64_t steps_per_epoch = 0;
  int64_t max_steps = 0;
  int64_t batch_size = 20;
  int64_t accumulate = 1;
  std::string optimizer = "adam";
  std::string adam = "lazy";
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0.0;
  std::string schedule = "constant";
  int64_t warmup_steps = 0;
  std::optional<double> warmup_from;
  std::string warmup = "once";
  double final_learning_rate = 0.0;
  double clip_norm = 0.0;
  int64_t evaluate_every = 1;
  int64_t patience = 0;
  std::string select;
  int64_t checkpoint_every = 1;

  template <class V>
  void visit(V& v) {
    v("epochs", epochs,
      "passes over the training data (where several objectives take turns, over the longest's); "
      "with steps_per_epoch, stretches of that many steps",
      Bounds{0, 1e9});
    v("steps_per_epoch", steps_per_epoch,
      "optimiser steps after which an epoch ends; the next one goes on in the data where it "
      "stood. 0: an epoch is a pass",
      Bounds{0, 1e9});
    v("max_steps", max_steps, "optimiser steps after which the stage ends, 0: no limit", Bounds{0});
    v("batch_size", batch_size, "rows of a batch", Bounds{1, 1e9});
    v("accumulate", accumulate, "batches accumulated into one optimiser step", Bounds{1, 1e6});
    v("optimizer", optimizer, "optimiser", Choices{{"adam", "adamw", "sgd", "adagrad"}});
    v("adam", adam, "moments of ID tables: lazy (touched rows only) or dense",
      Choices{{"lazy", "dense"}});
    v("learning_rate", learning_rate, "step size after warm-up", Bounds{0, 1e3});
    v("beta1", beta1, "decay of the first moment", Bounds{0, 1});
    v("beta2", beta2, "decay of the second moment", Bounds{0, 1});
    v("epsilon", epsilon, "added to the root of the second moment", Bounds{0, 1});
    v("weight_decay", weight_decay, "decay of weights (decoupled with adamw, else L2)", Bounds{0});
    v("schedule", schedule, "learning rate after warm-up",
      Choices{{"constant", "cosine", "linear"}});
    v("warmup_steps", warmup_steps, "steps of linear warm-up", Bounds{0});
    v("warmup_from", warmup_from,
      "step size of the warm-up's first step; null: its share of learning_rate, from 0",
      Bounds{0, 1e3});
    v("warmup", warmup,
      "once, or as CoLLM's released code: the ramp begins again in every epoch until warmup_steps "
      "are over, and the schedule counts from the first step",
      Choices{{"once", "per-epoch"}});
    v("final_learning_rate", final_learning_rate, "where cosine and linear end", Bounds{0});
    v("clip_norm", clip_norm, "largest norm of the gradient, 0: no clipping", Bounds{0});
    v("evaluate_every", evaluate_every, "epochs between validations, 0: never", Bounds{0});
    v("patience", patience, "validations without a better result before stopping, 0: never",
      Bounds{0});
    v("select", select,
      "what keeps the best epoch: a metric expression such as ndcg@10, `loss`, or empty for the "
      "last");
    v("checkpoint_every", checkpoint_every, "epochs between checkpoints, 0: only at the end",
      Bounds{0});
  }
};

/// A closed form: what is found at once instead of by steps.
struct ClosedForm {
  std::function<void()> solve;          ///< may poll the stop token through its own capture
  std::function<NamedTensors()> state;  ///< what was found
  /// Puts a state back. Throws `bad_data` naming `where` when it does not fit.
  std::function<void(const NamedTensors& state, const std::string& where)> put;
};

/// One stage of training: iterative (objectives) or a closed form.
struct Stage {
  std::string name;
  /// The options of the method that this stage reads (finished stages are reused where these, the
  /// stages before and the data are the same); null: all of them.
  Json options;
  /// The method's parts that this stage reads, by name; empty: all of them.
  std::optional<std::vector<std::string>> parts;
  std::vector<std::shared_ptr<Objective>> objectives;
  Alternation alternation = Alternation::step;
  std::vector<ParameterGroup> parameters;    ///< dense parameters it trains
  std::vector<Table*> tables;                ///< ID tables it trains
  std::vector<const Table*> dense_tables;    ///< those with dense moments whatever `adam` says
  std::vector<torch::nn::Module*> training;  ///< modules whose dropout stays active while it trains
  /// All others its objectives run: put in eval mode. What `parameters` does not name of either
  /// takes no gradient while it trains.
  std::vector<torch::nn::Module*> modules;
  TrainOptions train;
  std::optional<ClosedForm> closed_form;  ///< instead of steps
  /// What is judged while the stage trains; null: the method's recommender.
  std::shared_ptr<Recommender> judged;
  /// How it is judged where that differs from the recipe's `evaluation` section (the same keys).
  Json evaluation;
  /// Called before validation and at the end, after the best state was put back (caches to
  /// rebuild).
  std::function<void()> refresh;
};

}  // namespace kindred::model
