#pragma once
// Parts inside a saved model: each in a folder of its own, opened by the catalog.

#include <memory>
#include <string>

#include "model/method.h"
#include "model/recommender.h"

namespace kindred::methods {

/// Saves a part into `folder`/`name` and returns what load_part reads it by.
Json save_part(const model::Recommender& part, const std::filesystem::path& folder,
               const std::string& name);

/// A part of a saved model, from what save_part returned. Throws `missing`, `bad_data`, and
/// `config` for a recommender that this program does not know.
std::shared_ptr<model::Recommender> load_part(const model::SavedModel& whole, const Json& part);

}  // namespace kindred::methods
