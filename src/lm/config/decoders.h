#pragma once
// The one list of decoder kinds by `model_type`.

#include <string>
#include <vector>

#include "core/json.h"
#include "lm/config/decoder_layout.h"

namespace kindred::lm {

/// A decoder ready to be built: what it computes, and its config.json as it would be written back.
struct DecoderPlan {
  DecoderLayout layout;
  Json config;
};

/// `gpt2`, `opt`, `llama`, `qwen2`.
std::vector<std::string> decoder_kinds();

/// Reads the configuration of any decoder; throws `config` with one line a problem. `where` names
/// the file.
DecoderPlan plan_decoder(const Json& json, const std::string& where);

}  // namespace kindred::lm
