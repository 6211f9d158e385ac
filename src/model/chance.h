#pragma once
// What dropout is drawn by while a training step computes.

#include <cstdint>

namespace kindred::model {

/// The chance of one batch, on this thread while it lives. All batches of an optimiser step have
/// its seed, and each knows where its rows stand in the step's global batch: a row is dropped from
/// in the same way whether it is computed in the whole, in an accumulated part of it, or in one
/// process's stripe.
class BatchChance {
 public:
  /// Row r of the batch is row `first` + r `stride` of the global one.
  explicit BatchChance(uint64_t seed, int64_t first = 0, int64_t stride = 1);
  ~BatchChance();
  BatchChance(const BatchChance&) = delete;
  BatchChance& operator=(const BatchChance&) = delete;

  /// The innermost on this thread; null outside of training steps.
  static BatchChance* current();

  /// A seed for the next pass over the batch's rows: the n-th of every batch of a step is the same.
  uint64_t next_pass();
  int64_t place(int64_t row) const { return first_ + row * stride_; }

 private:
  uint64_t seed_, passes_ = 0;
  int64_t first_, stride_;
  BatchChance* outer_;
};

}  // namespace kindred::model
