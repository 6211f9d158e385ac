#pragma once
// `kindred export`: vectors by token, the backbone as a Hugging Face folder.

#include <filesystem>
#include <string>

#include "core/json.h"
#include "run/run_folder.h"

namespace kindred::run {

/// Writes into a new folder and says what was written. `what`: "embeddings" (every ID table, or
/// user and item vectors, as safetensors with the tokens of their rows beside), "hf" (the
/// backbone), "adapter". Throws `config` when the run has nothing of the kind.
Json export_run(const fs::path& run, const std::string& what, const fs::path& output);

}  // namespace kindred::run
