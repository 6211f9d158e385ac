#pragma once
// What training changes in its surroundings, put back when it ends.

#include <torch/torch.h>

#include <span>
#include <vector>

namespace kindred::train {

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

/// Treats denormal numbers as zero in this thread and in the threads of at::parallel_for: moments
/// of rows that stopped moving would otherwise slow every step.
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
