#pragma once
// CLLM4Rec: "Collaborative Large Language Model for Recommender Systems" (WWW 2024; code:
// yaochenzhu/LLM4Rec). People and items are new tokens with collaborative and content embeddings
// that a frozen language model reads; where the released code departs from the paper, see
// docs/models/cllm4rec.md.

#include <memory>
#include <vector>

#include "methods/cllm4rec_options.h"
#include "model/method.h"

namespace kindred::methods {

/// Its stages: `warmup` (content LLM alone, eq. 5), `pretrain` (L- and C-steps by turns, eqs. 7,
/// 8), `finetune` (rec-steps, eq. 10).
std::unique_ptr<model::Method> make_cllm4rec(const model::MethodContext& context);

/// Its options and stages with all defaults.
model::Settings cllm4rec_settings(const model::MethodContext& context);

/// A saved CLLM4Rec of any variant.
std::shared_ptr<model::Recommender> load_cllm4rec(const model::SavedModel& saved);

/// Its line of the catalog.
model::CatalogEntry cllm4rec_entry();

}  // namespace kindred::methods
