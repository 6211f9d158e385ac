#pragma once
// dataset.json of a prepared folder.

#include <filesystem>

#include "core/json.h"

namespace kindred::data {

/// The schema this program writes; it also reads the one before.
inline constexpr int prepared_schema = 1;

/// Reads dataset.json. Throws `bad_data` where it is damaged or of a newer schema.
Json read_prepared_info(const std::filesystem::path& folder);

}  // namespace kindred::data
