#pragma once
// The next steps' batches, built by a background thread while the current step computes.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "train/plan.h"

namespace kindred::train {

/// One optimiser step with its batches.
struct PreparedStep {
  int64_t epoch = 0, step = 0, steps_in_epoch = 0;  ///< step: within the epoch, from 0
  StepPlan plan;
  std::vector<std::unique_ptr<model::Batch>> batches;  ///< as plan.batches
};

/// Yields a stage's steps in order from a position. All calls of Objective::steps and
/// Objective::batch come from its one thread.
class Prefetcher {
 public:
  Prefetcher(const model::Stage& stage, int64_t epoch, int64_t step);
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  /// The next step, or nothing after the last epoch. Rethrows what building a batch threw.
  std::optional<PreparedStep> next();

 private:
  void work(int64_t epoch, int64_t step);
  bool put(PreparedStep prepared);

  const model::Stage& stage_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<PreparedStep> ready_;
  std::exception_ptr failure_;
  bool stopping_ = false, ended_ = false;
  std::thread thread_;
};

}  // namespace kindred::train
