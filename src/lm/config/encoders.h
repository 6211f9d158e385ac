#pragma once
// The one list of encoder kinds by `model_type`.

#include <string>
#include <vector>

#include "core/json.h"
#include "lm/config/encoder_layout.h"

namespace kindred::lm {

/// An encoder ready to be built: what it computes, and its config.json as it would be written back.
struct EncoderPlan {
  EncoderLayout layout;
  Json config;
};

/// `bert`, `roberta`, `xlm-roberta`, `distilbert`, `longformer`, `mpnet`.
std::vector<std::string> encoder_kinds();

/// Whether a config.json names one of these kinds.
bool is_encoder(const Json& json);

/// Reads the configuration of any encoder; throws `config` with one line a problem. `where` names
/// the file.
EncoderPlan plan_encoder(const Json& json, const std::string& where);

}  // namespace kindred::lm
