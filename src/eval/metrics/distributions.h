#pragma once
// The few distribution functions that paired tests need, by Boost.Math.

#include <cstdint>

namespace kindred::eval {

/// z with P(Z <= z) = p for a standard normal Z; NaN where p is not between 0 and 1.
double normal_quantile(double p);

/// P(|T| >= |t|) for Student's t with `df` > 0 degrees of freedom; NaN where `t` or `df` is none.
double t_two_sided(double t, double df);

/// Two-sided exact sign test: P(a split at least as uneven as positives : negatives | each sign
/// equally likely); 1 when both are 0.
double sign_test(int64_t positives, int64_t negatives);

}  // namespace kindred::eval
