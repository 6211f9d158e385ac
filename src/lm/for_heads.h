#pragma once
// Attention's work by sequence and head, for threads to share.

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

namespace kindred::lm {

/// Runs task(sequence, head) for every sequence that is not empty (`offsets` [S + 1]) and each of
/// `heads` heads. Lengths differ, so threads draw tasks one by one; each writes its own part of the
/// output, hence the result does not depend on who ran it.
template <class Task>
void for_heads(const std::vector<int64_t>& offsets, int64_t heads, const Task& task) {
  const int64_t sequences = static_cast<int64_t>(offsets.size()) - 1;
  const int64_t tasks = sequences * heads;
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min<int64_t>(tasks, at::get_num_threads()), 1, [&](int64_t, int64_t) {
    for (int64_t i = next.fetch_add(1); i < tasks; i = next.fetch_add(1)) {
      const auto s = static_cast<size_t>(i / heads);
      if (offsets[s + 1] > offsets[s]) task(s, i % heads);
    }
  });
}

}  // namespace kindred::lm
