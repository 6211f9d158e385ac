#pragma once
// A dataset in the numbering of a saved run.

#include <memory>

#include "data/dataset.h"
#include "run/run_folder.h"

namespace kindred::run {

/// The dataset with users and items numbered as in the run: the same object when they are already,
/// else a copy without texts. People and items that the run does not know come after those it does:
/// the run is extended by them (run/arrivals.h), their number is logged. Throws `bad_data` when the
/// dataset shares no item with the run.
std::shared_ptr<const data::Dataset> aligned(std::shared_ptr<const data::Dataset> data,
                                             OpenedRun& run);

}  // namespace kindred::run
