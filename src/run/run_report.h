#pragma once
// report.html of a run, from what the run wrote.

#include "run/judge.h"
#include "run/run_folder.h"

namespace kindred::run {

/// Curves of losses and validation metrics, metrics and groups, ten example users with titles, the
/// resolved recipe.
void write_run_report(const RunFolder& folder, const Json& config, const data::Dataset& data,
                      const std::optional<Judged>& test, const eval::MetricsFile& metrics);

}  // namespace kindred::run
