#pragma once
// Where a stage stands: what a checkpoint holds beside tensors.

#include <cstdint>

#include "core/json.h"

namespace kindred::train {

/// All counts are of what is done, so zeros are the beginning.
struct FitState {
  int64_t epoch = 0;          ///< epochs finished
  int64_t step_in_epoch = 0;  ///< optimiser steps done in the next one
  int64_t steps = 0;          ///< optimiser steps done in all
  int64_t records = 0;        ///< log records written
  double epoch_loss = 0;      ///< sum of the losses of this epoch's steps
  int64_t best_epoch = -1;    ///< from 1; -1: none yet
  double best = 0;            ///< its selection value
  int64_t worse = 0;          ///< validations since then
  double seconds = 0;         ///< of training
  double final_loss = 0;      ///< of the last step
  bool finished = false;

  template <class V>
  void visit(V& v) {
    v("epoch", epoch, "epochs finished");
    v("step_in_epoch", step_in_epoch, "steps done in the next one");
    v("steps", steps, "steps done");
    v("records", records, "log records written");
    v("epoch_loss", epoch_loss, "sum of this epoch's losses");
    v("best_epoch", best_epoch, "from 1; -1: none");
    v("best", best, "its selection value");
    v("worse", worse, "validations since then");
    v("seconds", seconds, "of training");
    v("final_loss", final_loss, "of the last step");
    v("finished", finished, "whether the stage is over");
  }
};

}  // namespace kindred::train
