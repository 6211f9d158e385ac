#pragma once
// A prepared folder as training data alone, for use instead of judging.

#include <filesystem>
#include <memory>

#include "data/dataset.h"

namespace kindred::data {

/// load_dataset with every part's rows and reviews as training ones (validation and test are empty)
/// and with fingerprints of its own. A column that a part with rows lacks is dropped; where some
/// part has labels, rows without one are liked.
std::shared_ptr<const Dataset> load_all_train(const std::filesystem::path& folder);

}  // namespace kindred::data
