#include "core/random.h"

#include <cmath>
#include <numbers>
#include <unordered_map>

#include "core/error.h"

namespace kindred {
namespace {

uint64_t mix(uint64_t x) {  // the finaliser of splitmix64
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

uint64_t rotate(uint64_t x, int k) {
  return (x << k) | (x >> (64 - k));
}

}  // namespace

Random::Random(uint64_t seed, std::string_view name, std::initializer_list<uint64_t> counters) {
  uint64_t hash = mix(seed);
  for (const unsigned char c : name) hash = mix(hash ^ c);
  // Without a name a seed and a counter would be mixed alike, and could change places.
  if (name.empty()) hash = mix(~hash);
  for (const uint64_t counter : counters) hash = mix(hash ^ mix(counter));
  for (uint64_t& word : state_) word = hash = mix(hash);
}

uint64_t Random::operator()() {
  const uint64_t result = rotate(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = rotate(state_[3], 45);
  return result;
}

double Random::uniform() {
  return static_cast<double>((*this)() >> 11) * 0x1.0p-53;
}

uint64_t Random::below(uint64_t bound) {
  check(bound > 0, "Random::below needs a positive bound");
  const uint64_t limit = max() - max() % bound;  // draws at or above it would favour small values
  uint64_t draw = (*this)();
  while (draw >= limit) draw = (*this)();
  return draw % bound;
}

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

std::vector<uint64_t> Random::sample(uint64_t n, uint64_t k) {
  check(k <= n, "Random::sample needs k <= n");
  // A Fisher-Yates shuffle of [0, n) that stores only the places it has touched.
  std::unordered_map<uint64_t, uint64_t> moved;
  std::vector<uint64_t> chosen;
  chosen.reserve(k);
  for (uint64_t i = 0; i < k; ++i) {
    const uint64_t j = i + below(n - i);
    const auto at = [&](uint64_t place) {
      const auto found = moved.find(place);
      return found == moved.end() ? place : found->second;
    };
    chosen.push_back(at(j));
    moved[j] = at(i);
  }
  return chosen;
}

}  // namespace kindred
