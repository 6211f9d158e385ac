#pragma once
// The README.md of a pretrained model.

#include <string>
#include <utility>
#include <vector>

#include "run/pretrain.h"

namespace kindred::lm {

/// A model card in Markdown: what it is, its text, its numbers, samples (beginning, continuation)
/// and the recipe.
std::string model_card(const PretrainOptions& options, const PretrainResult& result,
                       const std::string& recipe,
                       const std::vector<std::pair<std::string, std::string>>& samples);

}  // namespace kindred::lm
