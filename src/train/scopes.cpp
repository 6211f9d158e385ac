#include "train/scopes.h"

#include <ATen/Parallel.h>
#include <immintrin.h>

#include <ranges>

#include "model/holds_tensors.h"

namespace kindred::train {
namespace {

constexpr unsigned flush_bits = 0x8040;  // FTZ and DAZ of MXCSR

// All that a module computes with; integers take no gradient.
std::vector<torch::Tensor> tensors_of(const torch::nn::Module& module) {
  std::vector<torch::Tensor> tensors = module.parameters();
  if (const auto* holder = dynamic_cast<const model::HoldsTensors*>(&module))
    for (torch::Tensor& held : holder->held_tensors()) tensors.push_back(std::move(held));
  std::erase_if(tensors, [](const torch::Tensor& t) { return !t.is_floating_point(); });
  return tensors;
}

}  // namespace

TrainedParameters::TrainedParameters(const model::Stage& stage) {
  const auto set = [this](torch::Tensor tensor, bool takes) {
    before_.emplace_back(tensor, tensor.requires_grad());
    tensor.set_requires_grad(takes);
  };
  for (const auto* modules : {&stage.training, &stage.modules})
    for (const torch::nn::Module* module : *modules)
      for (const torch::Tensor& tensor : tensors_of(*module)) set(tensor, false);
  for (const model::ParameterGroup& group : stage.parameters)
    for (const auto& [name, tensor] : group.parameters) set(tensor, true);
}

TrainedParameters::~TrainedParameters() {
  // Backwards: of a tensor set twice the first knows how it was.
  for (auto& [tensor, takes] : before_ | std::views::reverse) tensor.set_requires_grad(takes);
}

TrainingModes::TrainingModes(std::span<torch::nn::Module* const> training,
                             std::span<torch::nn::Module* const> others)
    : training_(training.begin(), training.end()) {
  for (torch::nn::Module* module : others) module->eval();
  train();
}

void TrainingModes::train() {
  for (torch::nn::Module* module : training_) module->train();
}

void TrainingModes::evaluate() {
  for (torch::nn::Module* module : training_) module->eval();
}

FlushDenormals::FlushDenormals() {
  const int threads = at::get_num_threads();
  saved_.assign(static_cast<size_t>(threads), _mm_getcsr());
  at::parallel_for(0, threads, 1, [this](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) saved_[static_cast<size_t>(t)] = _mm_getcsr();
    _mm_setcsr(_mm_getcsr() | flush_bits);
  });
}

FlushDenormals::~FlushDenormals() {
  at::parallel_for(0, static_cast<int64_t>(saved_.size()), 1, [this](int64_t begin, int64_t) {
    _mm_setcsr(saved_[static_cast<size_t>(begin)]);
  });
}

KeepGenerator::KeepGenerator() : state_(at::detail::getDefaultCPUGenerator().get_state()) {}

KeepGenerator::~KeepGenerator() {
  auto generator = at::detail::getDefaultCPUGenerator();
  generator.set_state(state_);
}

}  // namespace kindred::train
