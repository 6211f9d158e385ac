#include "train/snapshot.h"

namespace kindred::train {

model::NamedTensors stage_tensors(const model::Stage& stage) {
  if (stage.closed_form) return stage.closed_form->state();
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
  if (stage.closed_form) {
    stage.closed_form->put(saved, where);
    return;
  }
  // Everything is looked up before anything is changed: a damaged file must not leave half a state.
  const model::NamedTensors live = stage_tensors(stage);  // shares memory with the stage
  std::vector<torch::Tensor> found;
  for (const auto& [name, tensor] : live)
    found.push_back(model::find_tensor(saved, name, tensor.sizes(), where));
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < live.size(); ++i) torch::Tensor(live[i].second).copy_(found[i]);
}

}  // namespace kindred::train
