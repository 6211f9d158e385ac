#include "train/snapshot.h"

namespace kindred::train {

model::NamedTensors stage_tensors(const model::Stage& stage) {
  model::NamedTensors tensors;
  for (const model::ParameterGroup& group : stage.parameters)
    for (const auto& [name, tensor] : group.parameters) tensors.emplace_back(name, tensor.detach());
  for (const model::Table* table : stage.tables)
    tensors.emplace_back(table->name(), table->weight());
  return tensors;
}

model::NamedTensors copies(const model::NamedTensors& tensors) {
  model::NamedTensors result;
  for (const auto& [name, tensor] : tensors)
    result.emplace_back(name,
                        tensor.detach().to(torch::kCPU, /*non_blocking=*/false, /*copy=*/true));
  return result;
}

void put_back(model::Stage& stage, const model::NamedTensors& saved, const std::string& where) {
  torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : stage_tensors(stage)) {
    const torch::Tensor value = model::find_tensor(saved, name, tensor.sizes(), where);
    torch::Tensor target = tensor;  // shares memory with the stage
    target.copy_(value);
  }
}

}  // namespace kindred::train
