#include "eval/metrics/distributions.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

namespace kindred::eval {

namespace {

namespace bm = boost::math;

// What is outside a function's domain is not a number, as everywhere among the metrics, and
// nothing is thrown; what is too small for a double is 0.
using Quiet = bm::policies::policy<bm::policies::domain_error<bm::policies::ignore_error>,
                                   bm::policies::pole_error<bm::policies::ignore_error>,
                                   bm::policies::overflow_error<bm::policies::ignore_error>,
                                   bm::policies::evaluation_error<bm::policies::ignore_error>,
                                   bm::policies::rounding_error<bm::policies::ignore_error>>;

}  // namespace

double normal_quantile(double p) {
  if (!(p > 0 && p < 1)) return std::numeric_limits<double>::quiet_NaN();
  return bm::quantile(bm::normal_distribution<double, Quiet>(), p);
}

double t_two_sided(double t, double df) {
  if (std::isnan(t) || !(df > 0)) return std::numeric_limits<double>::quiet_NaN();
  if (std::isinf(t)) return 0;
  const bm::students_t_distribution<double, Quiet> distribution(df);
  return 2 * bm::cdf(bm::complement(distribution, std::abs(t)));
}

double sign_test(int64_t positives, int64_t negatives) {
  const int64_t n = positives + negatives, fewer = std::min(positives, negatives);
  if (2 * fewer == n) return 1;
  const bm::binomial_distribution<double, Quiet> heads(static_cast<double>(n), 0.5);
  return std::min(1.0, 2 * bm::cdf(heads, static_cast<double>(fewer)));
}

}  // namespace kindred::eval
