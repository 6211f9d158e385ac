#include "data/split_fingerprint.h"

#include <bit>
#include <cstring>

#include "core/hash.h"

namespace kindred::data {
namespace {

std::vector<uint64_t> token_hashes(std::span<const std::string> tokens) {
  std::vector<uint64_t> hashes;
  hashes.reserve(tokens.size());
  for (const std::string& token : tokens) {
    const Digest digest = sha256(token);
    uint64_t value = 0;
    std::memcpy(&value, digest.data(), sizeof value);
    hashes.push_back(value);
  }
  return hashes;
}

uint64_t mix(uint64_t x) {
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ULL;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ULL;
  return x ^ (x >> 32);
}

}  // namespace

SplitFingerprint::SplitFingerprint(std::span<const std::string> users,
                                   std::span<const std::string> items)
    : users_(token_hashes(users)), items_(token_hashes(items)) {}

void SplitFingerprint::add(Part part, Index user, Index item, float label) {
  const uint64_t label_bits = label == 0 ? 0 : std::bit_cast<uint32_t>(label);
  const uint64_t u = users_[static_cast<size_t>(user)], i = items_[static_cast<size_t>(item)];
  auto& [count, first, second] = sums_[static_cast<size_t>(part)];
  ++count;
  first += mix(mix(u + 0x9e3779b97f4a7c15ULL) ^ (i + label_bits));
  second += mix(mix(i + 0xc2b2ae3d27d4eb4fULL) ^ (u + (label_bits << 32)));
}

std::string SplitFingerprint::finish() const {
  std::string text = "kindred split 1";
  for (const auto& part : sums_)
    for (const uint64_t value : part) text += "\n" + std::to_string(value);
  return fingerprint(text);
}

}  // namespace kindred::data
