#pragma once
// What training changes in its surroundings, put back when it ends.

#include <torch/torch.h>

#include <span>
#include <utility>
#include <vector>

#include "model/objective.h"

namespace kindred::train {

/// Lets exactly a stage's parameters take gradients among all tensors that its modules compute
/// with, so that what it does not train stays as it is and costs none. Afterwards each takes them
/// as it did before.
class TrainedParameters {
 public:
  explicit TrainedParameters(const model::Stage& stage);
  ~TrainedParameters();
  TrainedParameters(const TrainedParameters&) = delete;
  TrainedParameters& operator=(const TrainedParameters&) = delete;

 private:
  std::vector<std::pair<torch::Tensor, bool>> before_;
};

/// Puts a stage's training modules in train mode and all others in eval mode, so that dropout which
/// the stage does not name stays off. Inside, `evaluate()` and `train()` switch for a validation;
/// afterwards all are in eval mode.
class TrainingModes {
 public:
  TrainingModes(std::span<torch::nn::Module* const> training,
                std::span<torch::nn::Module* const> others);
  ~TrainingModes() { evaluate(); }
  TrainingModes(const TrainingModes&) = delete;
  TrainingModes& operator=(const TrainingModes&) = delete;

  void train();
  void evaluate();

 private:
  std::vector<torch::nn::Module*> training_;
};

/// Treats denormal numbers as zero in this thread, in the threads of at::parallel_for and in those
/// started while it lives: moments of rows that stopped moving, scores and weights that all but
/// vanish would otherwise slow every computation. The program opens one at its start.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  std::vector<unsigned> saved_;  // control registers by thread
};

/// Puts torch's default CPU generator back as it was.
class KeepGenerator {
 public:
  KeepGenerator();
  ~KeepGenerator();
  KeepGenerator(const KeepGenerator&) = delete;
  KeepGenerator& operator=(const KeepGenerator&) = delete;

 private:
  torch::Tensor state_;
};

}  // namespace kindred::train
