#pragma once
// The few distribution functions that paired tests need.

#include <cstdint>

namespace kindred::eval {

/// z with P(Z <= z) = p for a standard normal Z; 0 < p < 1.
double normal_quantile(double p);

/// P(|T| >= |t|) for Student's t with `df` > 0 degrees of freedom.
double t_two_sided(double t, double df);

/// Two-sided exact sign test: P(a split at least as uneven as positives : negatives | each sign
/// equally likely); 1 when both are 0.
double sign_test(int64_t positives, int64_t negatives);

/// Regularised incomplete beta function I_x(a, b); a, b > 0, x in [0, 1].
double incomplete_beta(double a, double b, double x);

}  // namespace kindred::eval
