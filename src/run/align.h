#pragma once
// A dataset in the numbering of a saved run.

#include <memory>

#include "data/dataset.h"
#include "run/run_folder.h"

namespace kindred::run {

/// The dataset with users and items numbered as in the run: the same object when they are already,
/// else a copy without texts. Interactions with people or items that the run does not know are left
/// out, their number is logged. Throws `bad_data` when none is left.
std::shared_ptr<const data::Dataset> aligned(std::shared_ptr<const data::Dataset> data,
                                             const OpenedRun& run);

}  // namespace kindred::run
