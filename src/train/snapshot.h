#pragma once
// A stage's trained tensors by name: its parameters and tables, or what its closed form found.

#include "model/objective.h"
#include "model/recommender.h"

namespace kindred::train {

/// Sharing memory with the stage.
model::NamedTensors stage_tensors(const model::Stage& stage);
/// Copies on the CPU.
model::NamedTensors copies(const model::NamedTensors& tensors);
/// Copies saved tensors into the stage's. Throws `bad_data` naming `where` when one is missing or
/// mis-shaped.
void put_back(model::Stage& stage, const model::NamedTensors& saved, const std::string& where);

}  // namespace kindred::train
