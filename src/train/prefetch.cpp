#include "train/prefetch.h"

#include <omp.h>

namespace kindred::train {

constexpr size_t depth = 2;  // steps kept ready

Prefetcher::Prefetcher(const model::Stage& stage, int64_t epoch, int64_t step)
    : stage_(stage), thread_([this, epoch, step] { work(epoch, step); }) {}

Prefetcher::~Prefetcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool Prefetcher::put(PreparedStep prepared) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || ready_.size() < depth; });
  if (stopping_) return false;
  ready_.push_back(std::move(prepared));
  changed_.notify_all();
  return true;
}

void Prefetcher::work(int64_t epoch, int64_t step) {
  // Of this thread only: the training thread has the cores. LibTorch's own setting comes first, or
  // it would come at the first tensor operation and undo this.
  at::internal::lazy_init_num_threads();
  omp_set_num_threads(1);
  std::exception_ptr failure;
  try {
    Plan plan(stage_);
    for (bool wanted = true; wanted && epoch < stage_.train.epochs; ++epoch, step = 0) {
      const int64_t steps = plan.steps(epoch);
      for (; wanted && step < steps; ++step) {
        PreparedStep prepared{epoch, step, steps, plan.at(epoch, step), {}};
        for (const auto& [batch_epoch, batch_step] : prepared.plan.batches)
          prepared.batches.push_back(
              stage_.objectives[prepared.plan.objective]->batch(batch_epoch, batch_step));
        wanted = put(std::move(prepared));
      }
    }
  } catch (...) {
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  failure_ = failure;
  ended_ = true;
  changed_.notify_all();
}

std::optional<PreparedStep> Prefetcher::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_ || !ready_.empty(); });
  if (!ready_.empty()) {
    PreparedStep prepared = std::move(ready_.front());
    ready_.pop_front();
    changed_.notify_all();
    return prepared;
  }
  if (failure_) std::rethrow_exception(failure_);
  return std::nullopt;
}

}  // namespace kindred::train
