#pragma once
// A folder of any kind of language model, by its `model_type`.

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lm/backbone.h"

namespace kindred::lm {

/// Every kind that can be loaded, with a line about it.
std::vector<std::pair<std::string, std::string>> backbone_kinds();

/// Loads a Hugging Face folder of any of these kinds. Throws `missing`, `bad_data`, or `config` for
/// another kind and for fields that are not understood.
std::shared_ptr<Backbone> load_any_backbone(const std::filesystem::path& folder,
                                            const LoadOptions& options);

}  // namespace kindred::lm
