#include "run/span_corruption.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace kindred::lm {
namespace {

// `total` as a sum of `parts` positive numbers, every such sum equally likely.
std::vector<int64_t> random_parts(int64_t total, int64_t parts, Random& random) {
  std::vector<uint64_t> cuts =
      random.sample(static_cast<uint64_t>(total - 1), static_cast<uint64_t>(parts - 1));
  std::ranges::sort(cuts);
  std::vector<int64_t> lengths;
  int64_t before = 0;
  for (const uint64_t cut : cuts) {
    lengths.push_back(static_cast<int64_t>(cut) + 1 - before);
    before = static_cast<int64_t>(cut) + 1;
  }
  lengths.push_back(total - before);
  return lengths;
}

}  // namespace

int64_t SpanCorruption::cut_tokens(int64_t length) const {
  const auto wanted = static_cast<int64_t>(std::lround(share * static_cast<double>(length)));
  return std::clamp<int64_t>(wanted, 1, length - 1);
}

int64_t SpanCorruption::cut_spans(int64_t length) const {
  const int64_t cut = cut_tokens(length);
  const auto wanted = static_cast<int64_t>(std::lround(static_cast<double>(cut) / mean_span));
  return std::clamp<int64_t>(wanted, 1, std::min(cut, length - cut));
}

SpanCorruption::Example SpanCorruption::apply(std::span<const int64_t> tokens,
                                              Random& random) const {
  const auto length = static_cast<int64_t>(tokens.size());
  check(length >= 2, "a text of at least two tokens");
  const int64_t cut = cut_tokens(length), spans = cut_spans(length);
  check(spans <= static_cast<int64_t>(sentinels.size()), "a sentinel for every span");
  const auto kept = random_parts(length - cut, spans, random);
  const auto taken = random_parts(cut, spans, random);
  Example example;
  auto at = tokens.begin();
  for (size_t s = 0; s < kept.size(); ++s) {
    example.prompt.insert(example.prompt.end(), at, at + kept[s]);
    at += kept[s];
    example.prompt.push_back(sentinels[s]);
    example.target.push_back(sentinels[s]);
    example.target.insert(example.target.end(), at, at + taken[s]);
    at += taken[s];
  }
  example.prompt.push_back(end_token);
  example.target.push_back(end_token);
  return example;
}

}  // namespace kindred::lm
