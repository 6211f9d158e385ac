#pragma once
// The printed forms of a comparison.

#include "eval/metrics/comparison.h"

namespace kindred::eval {

/// Rows x metrics: mean +- standard error, the best of a column bold, marks against the reference.
Table summary_table(const ComparisonReport& report, const CompareSettings& settings);

/// One line a test; empty without tests.
Table differences_table(const ComparisonReport& report, const CompareSettings& settings);

}  // namespace kindred::eval
