#pragma once
// The page of a sweep: its table and, for one swept key with numbers, its curve.

#include "run/sweep.h"

namespace kindred::run {

/// Writes sweep.html into the sweep's folder.
void write_sweep_report(const SweepOutcome& outcome);

}  // namespace kindred::run
