#include "eval/metrics/distributions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace kindred::eval {

namespace {

// The continued fraction of I_x(a, b) by Lentz's method; converges fast for x < (a+1)/(a+b+2).
double beta_fraction(double a, double b, double x) {
  constexpr double tiny = 1e-300, precision = 1e-15;
  const auto away_from_zero = [](double v) { return std::abs(v) < tiny ? tiny : v; };
  double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), result = d;
  const auto step = [&](double numerator) {
    d = 1 / away_from_zero(1 + numerator * d);
    c = away_from_zero(1 + numerator / c);
    result *= c * d;
    return c * d;
  };
  for (int m = 1; m < 100'000; ++m) {
    step(m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)));
    const double change = step(-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)));
    if (std::abs(change - 1) < precision) break;
  }
  return result;
}

}  // namespace

double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(b, a, 1 - x);
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  return front * beta_fraction(a, b, x) / a;
}

double normal_quantile(double p) {
  // Newton's method on the logarithm of the tail, which is nearly a parabola: few steps far out as
  // well.
  if (!(p > 0 && p < 1)) return std::numeric_limits<double>::quiet_NaN();
  if (p > 0.5) return -normal_quantile(1 - p);
  const auto tail = [](double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); };
  double z = -std::sqrt(std::max(0.0, -2 * std::log(2 * p)));
  for (int i = 0; i < 50; ++i) {
    const double density = std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi);
    const double below = tail(z);
    const double step = (std::log(below) - std::log(p)) * below / density;
    z -= step;
    if (std::abs(step) < 1e-14 * (1 + std::abs(z))) break;
  }
  return z;
}

double t_two_sided(double t, double df) {
  if (std::isnan(t) || !(df > 0)) return std::numeric_limits<double>::quiet_NaN();
  if (std::isinf(t)) return 0;
  return incomplete_beta(df / 2, 0.5, df / (df + t * t));
}

double sign_test(int64_t positives, int64_t negatives) {
  const int64_t n = positives + negatives, fewer = std::min(positives, negatives);
  if (2 * fewer == n) return 1;
  // P(X <= fewer) for X ~ Binomial(n, 1/2) is I_{1/2}(n - fewer, fewer + 1).
  const auto a = static_cast<double>(n - fewer), b = static_cast<double>(fewer + 1);
  return std::min(1.0, 2 * incomplete_beta(a, b, 0.5));
}

}  // namespace kindred::eval
