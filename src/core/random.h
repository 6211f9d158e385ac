#pragma once
// Seeded random streams by name: every use of chance has its own stream, so adding one never shifts
// another, and every sampler restarts from (seed, name, epoch, step) without replaying the past.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

namespace kindred {

/// xoshiro256** seeded from a hash of (seed, name, counters). The same on every machine and
/// compiler.
class Random {
 public:
  using result_type = uint64_t;
  using State = std::array<uint64_t, 4>;

  Random(uint64_t seed, std::string_view name, std::initializer_list<uint64_t> counters = {});

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~uint64_t{0}; }
  uint64_t operator()();

  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform integer in [0, bound) without bias; `bound` must be positive.
  uint64_t below(uint64_t bound);
  /// Standard normal (Box-Muller, one value kept is never cached: two calls are two draws).
  double normal();

  template <class T>
  void shuffle(std::vector<T>& values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

  /// k distinct values of [0, n), in random order; k <= n.
  std::vector<uint64_t> sample(uint64_t n, uint64_t k);

  const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  State state_;
};

}  // namespace kindred
